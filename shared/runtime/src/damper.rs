//! Keeps a flood out of the log: of lines that say the same again and again, so many in a while are enough.
//!
//! A full disk fails every delivery, an ERP that is away every command. The first lines say what is the matter; the next
//! ten thousand would only fill the disk.

use std::collections::HashMap;
use std::io::{self, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tracing::callsite::Identifier;
use tracing::subscriber::Interest;
use tracing::{Event, Metadata};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::{Context, Filter};

use crate::clock::Stopwatch;

/// Lines of one place in the code that are written in a while.
const ENOUGH: u32 = 20;

/// The while.
const WHILE: Duration = Duration::from_secs(10);

/// Lets the first lines of every place in the code through, in every while.
#[derive(Default)]
pub(crate) struct Damper {
    places: Mutex<HashMap<Identifier, Burst>>,
}

#[derive(Clone, Copy)]
struct Burst {
    since: Stopwatch,
    lines: u32,
}

/// What becomes of a line.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Written,
    /// Written, and it is said that no more of them will be for a while; so many were left out in the last.
    Last,
    LeftOut,
    /// The first after some that were left out.
    After(u32),
}

impl Burst {
    /// The next line, where the while of the last is `over` or not.
    fn line(&mut self, over: bool) -> Fate {
        if over {
            let left_out = self.lines.saturating_sub(ENOUGH);
            *self = Self { since: Stopwatch::start(), lines: 1 };
            return if left_out == 0 { Fate::Written } else { Fate::After(left_out) };
        }
        self.lines = self.lines.saturating_add(1);
        match self.lines {
            ..ENOUGH => Fate::Written,
            ENOUGH => Fate::Last,
            _ => Fate::LeftOut,
        }
    }
}

impl Damper {
    fn fate(&self, place: Identifier) -> Fate {
        // Whoever held it before left it whole.
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let burst = places.entry(place).or_insert_with(|| Burst { since: Stopwatch::start(), lines: 0 });
        let over = burst.since.elapsed() >= WHILE;
        burst.line(over)
    }
}

impl Filter<Registry> for Damper {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, Registry>) -> bool {
        true
    }

    fn callsite_enabled(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, Registry>) -> bool {
        let told = match self.fate(event.metadata().callsite()) {
            Fate::Written => return true,
            Fate::LeftOut => return false,
            Fate::Last => "  (more lines like the next are left out for some seconds)".to_owned(),
            Fate::After(count) => format!("  ({count} lines like the next were left out)"),
        };
        // Who can't write this line can't write the next one either.
        writeln!(io::stderr().lock(), "{told}").unwrap_or_default();
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use tracing_subscriber::layer::{Layer, SubscriberExt as _};

    use super::*;

    struct Counter(Arc<AtomicU32>);

    impl Layer<Registry> for Counter {
        fn on_event(&self, _: &Event<'_>, _: Context<'_, Registry>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_flood_is_damped_and_other_lines_are_not() {
        let count = Arc::new(AtomicU32::new(0));
        let layer = Counter(Arc::clone(&count)).with_filter(Damper::default());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            for order in 0..1_000 {
                tracing::error!(order, "cannot be stored");
            }
            assert_eq!(count.load(Ordering::Relaxed), ENOUGH);
            tracing::error!("another matter");
            assert_eq!(count.load(Ordering::Relaxed), ENOUGH + 1);
        });
    }

    #[test]
    fn after_a_while_the_lines_left_out_are_counted() {
        let mut burst = Burst { since: Stopwatch::start(), lines: 0 };
        let first: Vec<Fate> = (0..ENOUGH + 5).map(|_| burst.line(false)).collect();
        assert_eq!(first.iter().filter(|fate| **fate == Fate::LeftOut).count(), 5);
        assert_eq!(first.get(usize::try_from(ENOUGH).unwrap() - 1), Some(&Fate::Last));
        assert_eq!(burst.line(true), Fate::After(5));
        assert_eq!(burst.line(false), Fate::Written);
        assert_eq!(burst.line(true), Fate::Written);
    }
}
