//! Clocks for tests: one that is set by hand, and the machine's.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;

/// A clock that moves only when told to. A clone is the same clock.
#[derive(Debug, Clone)]
pub struct TestClock {
    micros: Arc<AtomicI64>,
}

impl TestClock {
    /// A clock that stands at `at`, as in `2026-01-05T08:00:00Z`.
    #[must_use]
    pub fn at(at: &str) -> Self {
        Self { micros: Arc::new(AtomicI64::new(time(at).as_microsecond())) }
    }

    /// What it shows.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.micros.load(Ordering::SeqCst)).unwrap()
    }

    /// Puts it forward.
    pub fn advance(&self, by: Duration) {
        self.micros.fetch_add(i64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
    }

    /// Sets it.
    pub fn set(&self, to: Timestamp) {
        self.micros.store(to.as_microsecond(), Ordering::SeqCst);
    }

    /// It as the function that engines take.
    #[must_use]
    pub fn reader(&self) -> Arc<dyn Fn() -> Timestamp + Send + Sync> {
        let clock = self.clone();
        Arc::new(move || clock.now())
    }
}

/// The machine's clock, for tests that really wait.
#[must_use]
pub fn wall_clock() -> Arc<dyn Fn() -> Timestamp + Send + Sync> {
    #[expect(clippy::disallowed_methods, reason = "a test of real waiting needs the real time")]
    Arc::new(Timestamp::now)
}

/// The instant written as `text`, as in `2026-01-05T08:00:00Z`.
#[must_use]
pub fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}
