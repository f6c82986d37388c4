//! The clock and fresh tokens. Everything else takes them as arguments.

use jiff::Timestamp;
use kontor_flow::ports::Owner;
use secrecy::SecretString;
use uuid::Uuid;

/// Now, to the microsecond: finer than any outside system tells, and the same after storing.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
pub fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
}

/// A new owner token for a lease or a lock.
#[must_use]
pub fn new_owner() -> Owner {
    Owner(Uuid::new_v4().to_string())
}

/// A new secret: 128 hexadecimal digits, 488 bits of chance.
#[must_use]
pub fn new_secret() -> SecretString {
    let parts = [Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4()];
    SecretString::from(parts.map(|part| part.simple().to_string()).concat())
}

/// Measures how long something takes, for metrics and benches.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(std::time::Instant);

impl Stopwatch {
    /// Starts.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    pub fn start() -> Self {
        Self(std::time::Instant::now())
    }

    /// What has passed since.
    #[must_use]
    pub fn elapsed(self) -> std::time::Duration {
        self.0.elapsed()
    }
}
