//! What a source told us and as of when: a value that can be merged in any order, any number of times.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The newest word on something. Merging keeps the newer one; two different words of the same instant are both kept,
/// so that neither is swallowed: that is a contradiction until a newer word settles it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told<T: Ord> {
    as_of: Timestamp,
    /// When we saw it ourselves; none if it was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seen: Option<Timestamp>,
    values: BTreeSet<T>,
}

impl<T: Ord> Told<T> {
    /// `value` was true at `as_of`.
    pub fn new(as_of: Timestamp, value: T) -> Self {
        Self::seen_at(as_of, None, value)
    }

    /// `value` was true at `as_of`, as we saw ourselves at `seen`, if so.
    pub fn seen_at(as_of: Timestamp, seen: Option<Timestamp>, value: T) -> Self {
        Self { as_of, seen, values: BTreeSet::from([value]) }
    }

    /// As of when, by the source's clock.
    pub fn as_of(&self) -> Timestamp {
        self.as_of
    }

    /// When we saw it ourselves; none if it was told.
    pub fn seen(&self) -> Option<Timestamp> {
        self.seen
    }

    /// The value; of contradicting ones the greatest, so that every reader sees the same.
    pub fn current(&self) -> Option<&T> {
        self.values.last()
    }

    /// Everything told for that instant.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.values.iter()
    }

    /// The same instant, with other values in the place of these.
    #[must_use]
    pub fn map(self, with: impl FnMut(T) -> T) -> Self {
        Self { as_of: self.as_of, seen: self.seen, values: self.values.into_iter().map(with).collect() }
    }

    /// The same instant, with other values in the place of these; none if none is left.
    #[must_use]
    pub fn filter_map(self, with: impl FnMut(T) -> Option<T>) -> Option<Self> {
        let values: BTreeSet<T> = self.values.into_iter().filter_map(with).collect();
        (!values.is_empty()).then_some(Self { as_of: self.as_of, seen: self.seen, values })
    }

    /// Whether two different values are told for the same instant.
    pub fn is_contradictory(&self) -> bool {
        self.values.len() > 1
    }

    /// Takes in `value` as of `as_of`. Of two words on the same instant, what we saw ourselves goes before what was told,
    /// and what was seen later before what was seen earlier. Answers whether that changed anything.
    pub fn hear(&mut self, as_of: Timestamp, seen: Option<Timestamp>, value: T) -> bool {
        match (as_of, seen).cmp(&(self.as_of, self.seen)) {
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Equal => self.values.insert(value),
            std::cmp::Ordering::Greater => {
                // Also with the same value: a word from between the two instants must not win later.
                *self = Self::seen_at(as_of, seen, value);
                true
            }
        }
    }
}
