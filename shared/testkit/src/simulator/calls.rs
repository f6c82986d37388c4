//! A call to the store or to a queue: the way there, the effect, the way back; each may fail, and a crash may strike on both.

use kontor_flow::ports::StoreError;

use super::faults::Fault;
use super::world::{MILLI, SECOND, State, World};

/// A port's call, with the names of its two awaits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    pub(super) name: &'static str,
    pub(super) there: &'static str,
    pub(super) back: &'static str,
    pub(super) writes: bool,
}

macro_rules! call {
    ($name:ident, $word:literal, writes: $writes:literal) => {
        pub(super) const $name: $crate::simulator::calls::Call = $crate::simulator::calls::Call {
            name: $word,
            there: concat!($word, ", before its effect"),
            back: concat!($word, ", after its effect"),
            writes: $writes,
        };
    };
}
pub(super) use call;

/// The call came to nothing, or its answer is lost.
pub(super) fn unavailable(call: Call) -> StoreError {
    StoreError::Unavailable { store: "simulated store", call: call.name, source: "a fault".into() }
}

impl State {
    /// How long one way of a call takes: mostly milliseconds.
    pub(super) fn way(&mut self) -> i64 {
        if self.stormy && self.dice.chance(40) {
            return self.dice.between(SECOND, 20 * SECOND);
        }
        self.dice.between(MILLI / 2, 12 * MILLI)
    }
}

impl World {
    /// Makes a call to the store, whose effect is `effect`.
    pub(super) async fn ask<T: Send>(
        &self,
        call: Call,
        effect: impl FnOnce(&mut State) -> Result<T, StoreError> + Send,
    ) -> Result<T, StoreError> {
        let (there, back) = self.with(|s| (s.way(), s.way()));
        self.pause(call.there, there).await;
        if self.with(|s| s.strikes(Fault::Throttled)) {
            return Err(unavailable(call));
        }
        let answer = self.with(effect);
        if matches!(answer, Err(StoreError::Conflict { .. })) {
            self.with(|s| s.hit(Fault::Conflict));
        }
        self.pause(call.back, back).await;
        if call.writes && answer.is_ok() && self.with(|s| s.strikes(Fault::Unanswered)) {
            return Err(unavailable(call));
        }
        answer
    }
}
