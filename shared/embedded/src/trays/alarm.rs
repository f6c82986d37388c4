//! Wakes the receivers when a delayed message, or one whose taker is silent, becomes visible.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;

use super::Trays;
use crate::errors::locked;
use crate::{Clock, micros};

/// The longest sleep: so much later at most is a jump of the machine's clock noticed.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

#[derive(Default)]
struct State {
    /// When to ring next, in microseconds.
    at: Option<i64>,
    ended: bool,
}

/// When to ring; set by whoever puts a message aside.
#[derive(Default)]
pub(crate) struct Bell {
    state: Mutex<State>,
    changed: Condvar,
}

impl Bell {
    /// Rings at `at` at the latest.
    pub(crate) fn set(&self, at: i64) {
        let mut state = locked(&self.state);
        if state.at.is_none_or(|set| at < set) {
            state.at = Some(at);
            self.changed.notify_one();
        }
    }
}

/// The thread that rings. Dropping it ends it.
pub(crate) struct Alarm {
    trays: Arc<Trays>,
    thread: Option<JoinHandle<()>>,
}

impl Alarm {
    pub(crate) fn start(trays: Arc<Trays>, clock: Clock) -> std::io::Result<Self> {
        let theirs = Arc::clone(&trays);
        let thread = std::thread::Builder::new().name("kontor-alarm".to_owned());
        let thread = thread.spawn(move || watch(&theirs, &|| micros(clock())))?;
        Ok(Self { trays, thread: Some(thread) })
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        let bell = self.trays.bell();
        locked(&bell.state).ended = true;
        bell.changed.notify_all();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the alarm thread had panicked");
        }
    }
}

fn watch(trays: &Trays, now: &dyn Fn() -> i64) {
    let bell = trays.bell();
    let mut state = locked(&bell.state);
    while !state.ended {
        let sleep = match state.at {
            None => LONGEST_SLEEP,
            Some(at) => Duration::from_micros(u64::try_from(at.saturating_sub(now())).unwrap_or(0)),
        };
        if sleep.is_zero() {
            state.at = None;
            drop(state);
            let next = trays.ring(now());
            state = locked(&bell.state);
            state.at = [state.at, next].into_iter().flatten().min();
        } else {
            let slept = bell.changed.wait_timeout(state, sleep.min(LONGEST_SLEEP));
            state = slept.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// A time in microseconds as a timestamp; for messages that count.
pub(crate) fn until(at: Timestamp, after: Duration) -> i64 {
    micros(at).saturating_add(i64::try_from(after.as_micros()).unwrap_or(i64::MAX))
}
