//! A call to an outside system: the request travels by itself, so what it does may be done after its caller has gone.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kontor_flow::remedy::Effect;
use kontor_flow::{CallError, Problem, System};

use super::faults::Fault;
use super::world::{MILLI, SECOND, State, World};

/// How long a caller waits for an answer (the connectors' client: 60 s).
const PATIENCE: i64 = 60 * SECOND;

/// How long a queued write may still be done after its caller has gone (`erp.settle_seconds`).
pub(super) const SETTLE: Duration = Duration::from_secs(40);

/// A call to an outside system, with the name of its await.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request {
    pub(super) system: System,
    pub(super) name: &'static str,
    pub(super) await_name: &'static str,
    pub(super) writes: bool,
}

macro_rules! request {
    ($name:ident, $system:ident, $word:literal, writes: $writes:literal) => {
        const $name: $crate::simulator::outside::Request = $crate::simulator::outside::Request {
            system: kontor_flow::System::$system,
            name: $word,
            await_name: concat!("waiting for the answer to ", $word),
            writes: $writes,
        };
    };
}
pub(super) use request;

/// What becomes of a request.
enum Fate {
    /// Done after so long, answered after so much more.
    Answered(i64, i64),
    /// Done at the first time if there is one; the caller learns of nothing at the second.
    Lost(Option<i64>, i64),
    /// Turned away after so long.
    Turned(CallError, i64),
}

impl Request {
    fn effect(self) -> Effect {
        if self.writes { Effect::Possible } else { Effect::None }
    }

    fn unavailable(self, effect: Effect) -> CallError {
        let (system, call) = (self.system, self.name);
        CallError::Unavailable { system, call, effect, after: None, source: "a fault".into() }
    }

    /// It refuses for good.
    pub(super) fn refused(self, kind: &str) -> CallError {
        let problem = Problem { kind: kind.to_owned(), title: kind.to_owned(), ..Problem::default() };
        CallError::Refused { system: self.system, call: self.name, status: 409, problem }
    }

    fn fate(self, s: &mut State) -> Fate {
        let (system, call) = (self.system, self.name);
        let there = s.dice.between(5 * MILLI, 150 * MILLI);
        let back = s.dice.between(5 * MILLI, 150 * MILLI);
        if s.strikes(Fault::Down) {
            return Fate::Turned(self.unavailable(Effect::None), s.dice.pick([there, 5 * SECOND]));
        }
        if s.strikes(Fault::Limited) {
            let after = s.dice.pick([None, Some(Duration::from_secs(5)), Some(Duration::from_secs(60))]);
            return Fate::Turned(CallError::RateLimited { system, call, after }, there);
        }
        if s.strikes(Fault::Refused) {
            return Fate::Turned(self.refused("for_now"), there);
        }
        if s.strikes(Fault::Denied) {
            let problem = Problem { kind: "forbidden".to_owned(), ..Problem::default() };
            return Fate::Turned(CallError::Denied { system, call, status: 403, problem }, there);
        }
        if self.writes && s.strikes(Fault::Concurrent) {
            return Fate::Turned(CallError::Concurrent { system, call, problem: Problem::default() }, there);
        }
        let cut_off = s.dice.pick([there + back, there + back, there + 10 * SECOND, PATIENCE]);
        if s.strikes(Fault::DoneUnanswered) {
            return Fate::Lost(Some(there), cut_off.max(there));
        }
        // Only the ERP queues writes; a shop and a mail service do them at once or not at all.
        if system == System::Weclapp && self.writes && s.strikes(Fault::DoneLate) {
            let settle = i64::try_from(SETTLE.as_micros()).unwrap();
            // What is done in the last moment must still be found by a search that lags.
            return Fate::Lost(Some(cut_off + s.dice.between(0, settle - 6 * SECOND)), cut_off);
        }
        if s.strikes(Fault::NeverDone) {
            return Fate::Lost(None, cut_off);
        }
        if s.strikes(Fault::Slow) {
            let from = s.dice.pick([SECOND, PATIENCE - 10 * SECOND]);
            return Fate::Answered(s.dice.between(from, PATIENCE - 2 * SECOND), back);
        }
        Fate::Answered(there, back)
    }
}

impl World {
    /// Makes a call to an outside system, whose effect there is `effect`.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        request: Request,
        effect: impl FnOnce(&mut State) -> Result<T, CallError> + Send + 'static,
    ) -> Result<T, CallError> {
        self.with(|s| s.count(request.name));
        let answer = Arc::new(Mutex::new(None));
        let slot = Arc::clone(&answer);
        let fate = self.with(|s| request.fate(s));
        let wait = self.with(|s| {
            let now = s.now;
            let done_at = |at: i64| {
                s.act(now + at, move |world| {
                    let done = world.with(|s| {
                        s.tell(|| format!("{} does {}", request.system, request.name));
                        effect(s)
                    });
                    *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(done);
                });
            };
            match &fate {
                Fate::Answered(there, back) => {
                    done_at(*there);
                    there + back
                }
                Fate::Lost(done, cut_off) => {
                    if let Some(done) = done {
                        done_at(*done);
                    }
                    *cut_off
                }
                Fate::Turned(_, after) => *after,
            }
        });
        self.pause(request.await_name, wait.max(1)).await;
        match fate {
            Fate::Answered(..) => {
                let done = answer.lock().unwrap_or_else(PoisonError::into_inner).take();
                done.unwrap_or_else(|| Err(request.unavailable(request.effect())))
            }
            Fate::Lost(..) => Err(request.unavailable(request.effect())),
            Fate::Turned(error, _) => Err(error),
        }
    }
}

/// What may still be done late is not looked for at once.
pub(super) fn settled(mut error: CallError) -> CallError {
    if let CallError::Unavailable { effect: Effect::Possible, after, .. } = &mut error {
        *after = Some(after.map_or(SETTLE, |told| told.max(SETTLE)));
    }
    error
}
