//! Waiting: gates and their conditions, reminders, and giving up.

use super::{Planner, later};
use crate::order::{Course, StepState};
use crate::{Command, Decision, Step, StepKey};

/// What a step waits for while the shop holds the order back.
const HELD_BY_SHOP: &str = "the shop, which holds the order back";

/// Whether a gate waits for what it is there for, or for the shop to let the order go on.
fn awaited(step: &Step, on: &str) -> bool {
    on == HELD_BY_SHOP || step.wait_for.as_ref().is_some_and(|condition| on == condition.text())
}

impl Planner<'_> {
    /// The state of a step that waits for its condition; `None` once that holds.
    pub(super) fn gate(&mut self, step: &Step, key: &StepKey) -> Option<StepState> {
        let condition = step.wait_for.as_ref()?;
        let decision = self.order.facts.decided.get(&step.name).and_then(|told| told.current());
        if let Some(Decision { approved: false, by, .. }) = decision {
            self.course =
                Course::Cancelling { because: format!("{} was refused by {by}", step.name), since: self.now };
            return Some(StepState::Skipped { because: "refused".to_owned() });
        }
        match self.condition(Some(condition), step, false) {
            Some(true) => None,
            Some(false) => {
                let mut state = self.waiting(key, condition.text().to_owned());
                if let (StepState::Waiting { since, .. }, Some(StepState::Waiting { on, since: before, .. })) =
                    (&mut state, self.order.steps.get(key))
                    && on == HELD_BY_SHOP
                {
                    // The shop lets it go on; the time it held it back counts.
                    *since = *before;
                }
                Some(self.remind(step, key, state))
            }
            // Nobody is reminded or given up on because of a condition that can't be reckoned.
            None => Some(self.waiting(key, "a condition that can't be reckoned".to_owned())),
        }
    }

    /// The shop holds the order back (a failed payment, a review): the wait goes on, and so does the patience with it.
    pub(super) fn held_by_shop(&mut self, step: &Step, key: &StepKey) -> StepState {
        let since = match self.order.steps.get(key) {
            Some(StepState::Waiting { on, since, .. }) if awaited(step, on) => *since,
            Some(
                StepState::Waiting { .. }
                | StepState::Requested { .. }
                | StepState::Done { .. }
                | StepState::Skipped { .. }
                | StepState::Failed { .. },
            )
            | None => self.now,
        };
        if let Some(patience) = step.give_up_after {
            self.due.push(later(since, patience));
        }
        StepState::Waiting { on: HELD_BY_SHOP.to_owned(), since, reminded: None }
    }

    pub(super) fn condition(
        &mut self,
        condition: Option<&crate::language::Condition>,
        step: &Step,
        default: bool,
    ) -> Option<bool> {
        let Some(condition) = condition else { return Some(default) };
        match condition.holds(&self.vars, &step.name) {
            Ok(holds) => Some(holds),
            Err(error) => {
                self.held = Some(error.to_string());
                None
            }
        }
    }

    pub(super) fn waiting(&self, key: &StepKey, on: String) -> StepState {
        match self.order.steps.get(key) {
            Some(StepState::Waiting { on: before, since, reminded }) if *before == on => {
                StepState::Waiting { on, since: *since, reminded: *reminded }
            }
            _ => StepState::Waiting { on, since: self.now, reminded: None },
        }
    }

    /// Reminds the customer once a step has waited for long.
    pub(super) fn remind(&mut self, step: &Step, key: &StepKey, state: StepState) -> StepState {
        let StepState::Waiting { on, since, reminded } = state else { return state };
        if let Some(patience) = step.give_up_after {
            self.due.push(later(since, patience));
        }
        let Some(patience) = step.remind_after else { return StepState::Waiting { on, since, reminded } };
        let remind_at = later(since, patience);
        let Ok(name) = crate::StepName::parse(&format!("{}-reminder", key.step)) else {
            return StepState::Waiting { on, since, reminded };
        };
        let reminder = StepKey::whole(name);
        if reminded.is_none() && remind_at > self.now {
            self.due.push(remind_at);
            return StepState::Waiting { on, since, reminded };
        }
        let state = self.known_state(&reminder).unwrap_or_else(|| {
            self.request(
                Command {
                    order: self.order.key.clone(),
                    step: reminder.clone(),
                    action: crate::Action::MailSend,
                    template: Some("reminder".to_owned()),
                    undo: false,
                },
                1,
            )
        });
        self.settle(reminder, state);
        StepState::Waiting { on, since, reminded: Some(reminded.unwrap_or(self.now)) }
    }

    /// Cancels the order once a step has waited for too long.
    pub(super) fn give_up(&mut self) {
        if self.course != Course::Forward {
            return;
        }
        let too_long = self.flow.steps.iter().find(|step| {
            let key = StepKey::whole(step.name.clone());
            match (self.steps.get(&key), step.give_up_after, &step.wait_for) {
                (Some(StepState::Waiting { on, since, .. }), Some(patience), Some(_)) => {
                    awaited(step, on) && later(*since, patience) <= self.now
                }
                _ => false,
            }
        });
        if let Some(step) = too_long {
            self.course =
                Course::Cancelling { because: format!("{} waited for too long", step.name), since: self.now };
        }
    }
}
