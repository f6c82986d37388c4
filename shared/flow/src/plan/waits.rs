//! Waiting: gates and their conditions, reminders, and giving up.

use super::{Planner, later};
use crate::order::{Course, StepState};
use crate::{Command, Decision, Step, StepKey};

impl Planner<'_> {
    /// The state of a step that waits for its condition; `None` once that holds.
    pub(super) fn gate(&mut self, step: &Step, key: &StepKey) -> Option<StepState> {
        let condition = step.wait_for.as_ref()?;
        let decision = self.order.facts.decided.get(&step.name).and_then(|told| told.current());
        if let Some(Decision { approved: false, by }) = decision {
            self.course =
                Course::Cancelling { because: format!("{} was refused by {by}", step.name), since: self.now };
            return Some(StepState::Skipped { because: "refused".to_owned() });
        }
        match self.condition(Some(condition), step, false) {
            Some(true) => None,
            Some(false) | None => {
                let state = self.waiting(key, condition.text().to_owned());
                Some(self.remind(step, key, state))
            }
        }
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
                (Some(StepState::Waiting { on, since, .. }), Some(patience), Some(condition)) => {
                    on == condition.text() && later(*since, patience) <= self.now
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
