//! The way back: a cancelled order begins nothing new, and what it left behind is undone.

use kontor_domain::OrderLife;

use super::Planner;
use crate::order::StepState;
use crate::{Step, StepKey};

impl Planner<'_> {
    /// The course turned on the way (a refusal, a wait that was too long): what was planned by the old course is planned
    /// anew, so that nothing is begun that is undone at once, and planning again finds the same.
    pub(super) fn turn(&mut self) {
        self.steps.clear();
        self.commands.clear();
        self.due.clear();
        self.held = None;
        self.forward();
    }

    /// The way back: nothing new is begun, what is under way comes to its end, then the flow's `on_cancel` runs.
    pub(super) fn back(&mut self) {
        for state in self.steps.values_mut() {
            if matches!(state, StepState::Waiting { .. }) {
                *state = StepState::Skipped { because: "the order is cancelled".to_owned() };
            }
        }
        let busy = self.steps.values().any(|state| matches!(state, StepState::Requested { .. }));
        for step in &self.flow.on_cancel {
            let key = StepKey::whole(step.name.clone());
            let state = match self.known_state(&key) {
                Some(state) => state,
                None if busy => self.waiting(&key, "commands under way".to_owned()),
                None => self.undo(step, &key),
            };
            self.settle(key, state);
        }
    }

    pub(super) fn undo(&mut self, step: &Step, key: &StepKey) -> StepState {
        let facts = &self.order.facts;
        let pointless = match step.action {
            Some(crate::Action::ErpCancel) => facts.sales_order_id().is_none(),
            Some(crate::Action::ShopCancel) => {
                matches!(facts.life(), OrderLife::Cancelled | OrderLife::Deleted)
            }
            Some(_) | None => false,
        };
        match step.action {
            Some(action) if !pointless => {
                let command = self.command(step, key, action, true);
                self.request(command, 1)
            }
            Some(_) | None => StepState::Skipped { because: "nothing to undo".to_owned() },
        }
    }
}
