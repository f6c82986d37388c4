//! The messages of one address, in memory: which is visible, which is not, and since when.

use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What a message says; not in memory for messages taken before, too many, or left behind by an earlier process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) body: String,
    pub(crate) attributes: BTreeMap<String, String>,
}

/// A message as the shelf knows it.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Not to be seen before, in microseconds.
    pub(crate) visible_at: i64,
    /// How often it was taken.
    pub(crate) receives: u32,
    /// How often of these ended neither in a delete nor in a delay.
    pub(crate) strikes: u32,
    /// The taking that holds it, or held it last: receipts of earlier ones are void.
    pub(crate) taking: u64,
    /// Whether it is in flight.
    pub(crate) taken: bool,
    /// Whether an earlier process left it behind.
    pub(crate) left_behind: bool,
    pub(crate) content: Option<Content>,
}

/// A message that was taken.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) id: i64,
    pub(crate) taking: u64,
    pub(crate) receives: u32,
    pub(crate) strikes: u32,
    pub(crate) left_behind: bool,
    pub(crate) content: Option<Content>,
}

/// What one taking brought.
#[derive(Debug, Default)]
pub(crate) struct Haul {
    /// To be handed out.
    pub(crate) good: Vec<Taken>,
    /// Taken too often: to be put into the dead-letter queue.
    pub(crate) spent: Vec<Taken>,
}

/// The messages of one address.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    entries: HashMap<i64, Entry>,
    /// Visible ones by the time they became so.
    ready: BTreeSet<(i64, i64)>,
    /// Delayed ones and those in flight by the time they become visible.
    waiting: BTreeSet<(i64, i64)>,
    in_flight: usize,
}

impl Shelf {
    /// Puts a message on the shelf.
    pub(crate) fn put(&mut self, id: i64, entry: Entry, now: i64) {
        self.forget(id);
        self.line_up(entry.visible_at, id, now);
        self.in_flight += usize::from(entry.taken);
        self.entries.insert(id, entry);
    }

    /// Moves what has become visible by `now` to the visible ones.
    pub(crate) fn promote(&mut self, now: i64) {
        while let Some(&(at, id)) = self.waiting.first()
            && at <= now
        {
            self.waiting.pop_first();
            self.ready.insert((at, id));
            if let Some(entry) = self.entries.get_mut(&id) {
                self.in_flight -= usize::from(std::mem::take(&mut entry.taken));
            }
        }
    }

    /// Takes at most `max` visible messages, those that have been visible for longest; they are not to be seen before
    /// `visible_at`. Those with `max_strikes` are put aside. `number` numbers the takings.
    pub(crate) fn take(
        &mut self,
        max: usize,
        visible_at: i64,
        max_strikes: u32,
        number: impl Fn() -> u64,
    ) -> Haul {
        let mut haul = Haul::default();
        while haul.good.len() < max
            && let Some((_, id)) = self.ready.pop_first()
        {
            let Some(entry) = self.entries.get_mut(&id) else { continue };
            let spent = entry.strikes >= max_strikes;
            entry.visible_at = visible_at;
            entry.taking = number();
            entry.taken = true;
            entry.receives = entry.receives.saturating_add(1);
            entry.strikes = entry.strikes.saturating_add(1);
            let taken = Taken {
                id,
                taking: entry.taking,
                receives: entry.receives,
                strikes: entry.strikes,
                left_behind: entry.left_behind,
                content: entry.content.take(),
            };
            self.in_flight += 1;
            self.waiting.insert((visible_at, id));
            if spent { haul.spent.push(taken) } else { haul.good.push(taken) }
        }
        haul
    }

    /// The message, if `taking` was the last to take it.
    pub(crate) fn held(&mut self, id: i64, taking: u64) -> Option<&Entry> {
        self.entries.get(&id).filter(|entry| entry.taking == taking)
    }

    /// Has a message that was taken become visible at `visible_at`, the taking not counted as a strike. Answers
    /// receives and strikes.
    pub(crate) fn delay(&mut self, id: i64, taking: u64, visible_at: i64, now: i64) -> Option<(u32, u32)> {
        let entry = self.entries.get_mut(&id).filter(|entry| entry.taking == taking)?;
        let before = std::mem::replace(&mut entry.visible_at, visible_at);
        if std::mem::take(&mut entry.taken) {
            self.in_flight -= 1;
            entry.strikes = entry.strikes.saturating_sub(1);
        }
        let counts = (entry.receives, entry.strikes);
        self.waiting.remove(&(before, id));
        self.ready.remove(&(before, id));
        self.line_up(visible_at, id, now);
        Some(counts)
    }

    /// Takes a message off the shelf.
    pub(crate) fn forget(&mut self, id: i64) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        self.waiting.remove(&(entry.visible_at, id));
        self.ready.remove(&(entry.visible_at, id));
        self.in_flight -= usize::from(entry.taken);
        Some(entry)
    }

    /// Whether there is something to take.
    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// When the next message becomes visible.
    pub(crate) fn next(&self) -> Option<i64> {
        self.waiting.first().map(|&(at, _)| at)
    }

    /// Visible, in flight, delayed.
    pub(crate) fn depth(&self) -> (usize, usize, usize) {
        (self.ready.len(), self.in_flight, self.waiting.len().saturating_sub(self.in_flight))
    }

    fn line_up(&mut self, visible_at: i64, id: i64, now: i64) {
        if visible_at <= now {
            self.ready.insert((visible_at, id));
        } else {
            self.waiting.insert((visible_at, id));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Act {
        Put { delay: i64 },
        Take { max: usize, visibility: i64 },
        Delay { which: usize, after: i64 },
        Finish { which: usize },
        Wait { time: i64 },
    }

    fn acts() -> impl Strategy<Value = Vec<Act>> {
        let act = prop_oneof![
            (0..20_i64).prop_map(|delay| Act::Put { delay }),
            (1..4_usize, 0..30_i64).prop_map(|(max, visibility)| Act::Take { max, visibility }),
            (any::<usize>(), 0..30_i64).prop_map(|(which, after)| Act::Delay { which, after }),
            any::<usize>().prop_map(|which| Act::Finish { which }),
            (1..15_i64).prop_map(|time| Act::Wait { time }),
        ];
        prop::collection::vec(act, 0..120)
    }

    fn entry(visible_at: i64) -> Entry {
        let (receives, strikes, taking) = (0, 0, 0);
        Entry { visible_at, receives, strikes, taking, taken: false, left_behind: false, content: None }
    }

    proptest! {
        /// Whatever is done in whatever order: no message is lost, none is had by two at a time, the longest visible
        /// comes first, old receipts are void, and the counts are those of a plain list.
        #[test]
        fn a_shelf_is_what_a_plain_list_is(acts in acts()) {
            let (mut shelf, numbers) = (Shelf::default(), Cell::new(0));
            let number = || { numbers.set(numbers.get() + 1); numbers.get() };
            // id -> (visible at, taking, in flight)
            let mut list: BTreeMap<i64, (i64, u64, bool)> = BTreeMap::new();
            let (mut now, mut receipts) = (0, Vec::<(i64, u64)>::new());
            for (id, act) in (1..).zip(acts) {
                match act {
                    Act::Put { delay } => {
                        shelf.put(id, entry(now + delay), now);
                        list.insert(id, (now + delay, 0, false));
                    }
                    Act::Take { max, visibility } => {
                        shelf.promote(now);
                        list.values_mut().filter(|m| m.0 <= now).for_each(|m| m.2 = false);
                        let mut visible: Vec<_> = list.iter().filter(|(_, m)| m.0 <= now).map(|(id, m)| (m.0, *id)).collect();
                        visible.sort_unstable();
                        let haul = shelf.take(max, now + visibility, u32::MAX, number);
                        let expected: Vec<_> = visible.into_iter().take(max).map(|(_, id)| id).collect();
                        prop_assert_eq!(haul.good.iter().map(|t| t.id).collect::<Vec<_>>(), expected);
                        for taken in haul.good {
                            list.insert(taken.id, (now + visibility, taken.taking, true));
                            receipts.push((taken.id, taken.taking));
                        }
                    }
                    Act::Delay { which, after } if !receipts.is_empty() => {
                        let (id, taking) = receipts[which % receipts.len()];
                        let good = list.get(&id).is_some_and(|m| m.1 == taking);
                        prop_assert_eq!(shelf.delay(id, taking, now + after, now).is_some(), good);
                        if good {
                            list.insert(id, (now + after, taking, false));
                        }
                    }
                    Act::Finish { which } if !receipts.is_empty() => {
                        let (id, taking) = receipts[which % receipts.len()];
                        let good = list.get(&id).is_some_and(|m| m.1 == taking);
                        prop_assert_eq!(shelf.held(id, taking).is_some(), good);
                        if good {
                            shelf.forget(id);
                            list.remove(&id);
                        }
                    }
                    Act::Wait { time } => now += time,
                    Act::Delay { .. } | Act::Finish { .. } => {}
                }
                shelf.promote(now);
                list.values_mut().filter(|m| m.0 <= now).for_each(|m| m.2 = false);
                let visible = list.values().filter(|m| m.0 <= now).count();
                let in_flight = list.values().filter(|m| m.2).count();
                prop_assert_eq!(shelf.depth(), (visible, in_flight, list.len() - visible - in_flight));
                prop_assert_eq!(shelf.next(), list.values().map(|m| m.0).filter(|at| *at > now).min());
            }
        }
    }
}
