//! Dice that fall the same way for the same seed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Dice (SplitMix64).
#[derive(Clone)]
pub(super) struct Dice(u64);

impl Dice {
    /// Dice of the seed in the environment, else of this moment. The seed is printed, so that a run can be repeated.
    pub(super) fn thrown_for(story: &str) -> Self {
        #[expect(clippy::disallowed_methods, reason = "every run has another seed unless one is given")]
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos().into();
        let seed = super::variable("KONTOR_CHAOS_SEED").unwrap_or_else(now);
        eprintln!("chaos, {story}: KONTOR_CHAOS_SEED={seed}");
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// So many milliseconds, or some more, but fewer than `end`.
    pub(super) fn millis(&mut self, from: u64, end: u64) -> Duration {
        Duration::from_millis(from + self.below(end - from))
    }

    /// True in so many of a hundred throws.
    pub(super) fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    /// Dice of their own for somebody else.
    pub(super) fn split(&mut self) -> Self {
        Self(self.next())
    }
}
