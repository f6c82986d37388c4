//! What can go wrong on the way, switched on and off while the stand-in runs. Drawn from a seed and a counter: the same
//! run has the same faults.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::now_ms;

/// The switches. What is not given in JSON is off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// How long every answer takes.
    pub latency_ms: u64,
    /// Of a thousand requests, so many are answered with 503 and not carried out.
    pub error_per_mille: u32,
    /// Of a thousand requests, so many are answered with 429.
    pub rate_limit_per_mille: u32,
    /// Of a thousand creating calls, so many are carried out, but never answered.
    pub work_but_never_answer_per_mille: u32,
    /// How long the caller waits for the answer that never comes, until the connection breaks.
    pub never_answer_after_ms: u64,
    /// Of those, only weclapp: so long after the connection broke they are carried out. Zero: before it breaks.
    pub commit_late_ms: u64,
    /// Only weclapp: filters are ignored, every query is answered with the whole table.
    pub ignore_filters: bool,
    /// Everything is answered with 503.
    pub outage: bool,
    /// An outage that ends by itself after so many seconds.
    pub outage_seconds: u64,
}

/// What is to become of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is answered.
    Answered,
    /// 503, nothing done.
    Down,
    /// 429, nothing done.
    Limited,
}

/// The switches and the dice.
pub(crate) struct Faults {
    switches: RwLock<(Switches, u64)>,
    seed: u64,
    drawn: AtomicU64,
}

impl Faults {
    /// All off.
    pub(crate) fn new(seed: u64) -> Self {
        Self { switches: RwLock::new((Switches::default(), 0)), seed, drawn: AtomicU64::new(0) }
    }

    /// Sets the switches; an outage with an end begins now.
    pub(crate) fn set(&self, switches: Switches) {
        let until = now_ms().saturating_add(switches.outage_seconds.saturating_mul(1_000));
        let ends = if switches.outage_seconds == 0 { 0 } else { until };
        *self.switches.write().unwrap_or_else(PoisonError::into_inner) = (switches, ends);
    }

    /// The switches as set.
    pub(crate) fn get(&self) -> Switches {
        self.switches.read().unwrap_or_else(PoisonError::into_inner).0
    }

    /// What is to become of the next request, and how long it takes.
    pub(crate) fn draw(&self) -> (Fate, Option<Duration>) {
        let (switches, outage_ends) = *self.switches.read().unwrap_or_else(PoisonError::into_inner);
        let latency = (switches.latency_ms > 0).then(|| Duration::from_millis(switches.latency_ms));
        let outage = switches.outage || (outage_ends > 0 && now_ms() < outage_ends);
        let fate = if outage || self.hits(switches.error_per_mille) {
            Fate::Down
        } else if self.hits(switches.rate_limit_per_mille) {
            Fate::Limited
        } else {
            Fate::Answered
        };
        (fate, latency)
    }

    /// Whether the work of a creating call was done in vain: how long to wait before the connection breaks.
    pub(crate) fn never_answers(&self) -> Option<Duration> {
        let switches = self.get();
        let wait = Duration::from_millis(switches.never_answer_after_ms);
        self.hits(switches.work_but_never_answer_per_mille).then_some(wait)
    }

    fn hits(&self, per_mille: u32) -> bool {
        if per_mille == 0 {
            return false;
        }
        let drawn = self.drawn.fetch_add(1, Ordering::Relaxed);
        scrambled(self.seed ^ drawn) % 1_000 < u64::from(per_mille)
    }
}

/// SplitMix64: one number out of another, evenly spread.
fn scrambled(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_faults_in_about_the_share_asked_for() {
        let draw = |seed| {
            let faults = Faults::new(seed);
            faults.set(Switches { error_per_mille: 100, ..Switches::default() });
            (0..10_000).map(|_| faults.draw().0 == Fate::Down).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        let down = draw(7).into_iter().filter(|down| *down).count();
        assert!((800..1_200).contains(&down), "{down} of 10,000 were down");
    }

    #[test]
    fn an_outage_ends_when_it_is_switched_off() {
        let faults = Faults::new(1);
        faults.set(Switches { outage: true, ..Switches::default() });
        assert_eq!(faults.draw().0, Fate::Down);
        faults.set(Switches { outage_seconds: 3_600, ..Switches::default() });
        assert_eq!(faults.draw().0, Fate::Down);
        faults.set(Switches::default());
        assert_eq!(faults.draw().0, Fate::Answered);
    }
}
