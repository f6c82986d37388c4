//! How long to wait before the next attempt: exponential with jitter, the outside system's own hint first.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};

/// The shortest pause.
const SHORTEST: Duration = Duration::from_secs(1);

/// The longest pause.
const LONGEST: Duration = Duration::from_secs(600);

/// The pause after `attempts` attempts (from 1). A hint of the outside system is kept to, with jitter on top so that
/// not everyone comes back in the same instant.
#[must_use]
pub fn pause(attempts: u32, hint: Option<Duration>) -> Duration {
    let base = hint.map_or(SHORTEST, |hint| hint.clamp(Duration::from_millis(50), LONGEST));
    let nth =
        if hint.is_some() { 0 } else { usize::try_from(attempts.saturating_sub(1).min(20)).unwrap_or(20) };
    let mut pauses = ExponentialBuilder::default()
        .with_min_delay(base)
        .with_max_delay(LONGEST)
        .with_factor(2.0)
        .with_max_times(nth.saturating_add(1))
        .with_jitter()
        .build();
    pauses.nth(nth).unwrap_or(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit() {
        assert!((1..=2).contains(&pause(1, None).as_secs()));
        assert!((8..=16).contains(&pause(4, None).as_secs()));
        for attempts in [12, 40, u32::MAX] {
            assert!(pause(attempts, None) >= LONGEST && pause(attempts, None) <= LONGEST * 2, "{attempts}");
        }
    }

    #[test]
    fn the_hint_goes_first() {
        let hinted = pause(9, Some(Duration::from_secs(30)));
        assert!(hinted >= Duration::from_secs(30) && hinted <= Duration::from_secs(60));
    }
}
