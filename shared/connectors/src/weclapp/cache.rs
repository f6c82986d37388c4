//! A bounded memory with a time limit, so that a repeat customer or article costs no call.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// Remembers at most `size` values, each for a while. Old ones are dropped in two generations: cheap, and never more
/// than twice the work of a plain map.
pub(super) struct Cache<V> {
    generations: Mutex<Generations<V>>,
    half: usize,
    keep: SignedDuration,
}

struct Generations<V> {
    young: HashMap<String, (Timestamp, V)>,
    old: HashMap<String, (Timestamp, V)>,
}

impl<V: Clone> Cache<V> {
    /// Remembers at most `size` values for `keep`.
    pub(super) fn new(size: usize, keep: SignedDuration) -> Self {
        let generations = Generations { young: HashMap::new(), old: HashMap::new() };
        Self { generations: Mutex::new(generations), half: (size / 2).max(1), keep }
    }

    /// The value, unless it was put too long ago.
    pub(super) fn get(&self, key: &str, now: Timestamp) -> Option<V> {
        let generations = self.lock();
        let (put_at, value) = generations.young.get(key).or_else(|| generations.old.get(key))?;
        (now.duration_since(*put_at) < self.keep).then(|| value.clone())
    }

    /// Remembers a value.
    pub(super) fn put(&self, key: String, value: V, now: Timestamp) {
        let mut generations = self.lock();
        if generations.young.len() >= self.half {
            generations.old = std::mem::take(&mut generations.young);
        }
        generations.young.insert(key, (now, value));
    }

    /// Forgets a value that turned out to be wrong.
    pub(super) fn forget(&self, key: &str) {
        let mut generations = self.lock();
        generations.young.remove(key);
        generations.old.remove(key);
    }

    /// A panic of another holder leaves no half-written value behind: a map's insert is done or not done.
    fn lock(&self) -> MutexGuard<'_, Generations<V>> {
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn values_are_forgotten_after_their_time_and_never_outgrow_the_bound() {
        let cache = Cache::new(10, SignedDuration::from_secs(60));
        cache.put("a".to_owned(), 1, at(0));
        assert_eq!(cache.get("a", at(59)), Some(1));
        assert_eq!(cache.get("a", at(60)), None);
        for n in 0..100 {
            cache.put(format!("k{n}"), n, at(1));
        }
        let kept = (0..100).filter(|n| cache.get(&format!("k{n}"), at(2)).is_some()).count();
        assert!((5..=10).contains(&kept), "{kept} values kept");
        assert_eq!(cache.get("k99", at(2)), Some(99));
        cache.forget("k99");
        assert_eq!(cache.get("k99", at(2)), None);
    }
}
