//! What is done once each: for parcels that left, for edits in the shop, for money that went back.

use std::collections::BTreeSet;

use super::Planner;
use crate::language::Each;
use crate::order::{Course, StepState};
use crate::{Action, Change, Step, StepKey};

impl Planner<'_> {
    /// Looks how the order relates to what is booked, if the flow cares.
    pub(super) fn compared(mut self) -> Self {
        if !self.flow.steps.iter().any(|step| step.for_each == Some(Each::Edits)) {
            return self;
        }
        match self.order.facts.change() {
            Ok(change) => self.change = change,
            Err(error) => {
                self.held = Some(format!("the order cannot be compared with what is booked: {error}"))
            }
        }
        let begun = |state: &StepState| match state {
            StepState::Requested { command, .. } | StepState::Failed { command, .. } => {
                command.action.ships() || command.action == Action::ErpInvoice
            }
            StepState::Done { .. } | StepState::Waiting { .. } | StepState::Skipped { .. } => false,
        };
        let facts = &self.order.facts;
        self.begun = facts.shipment_id().is_some()
            || facts.invoice_id().is_some()
            || !facts.shipments.is_empty()
            || self.order.steps.values().any(begun);
        self
    }

    pub(super) fn each_shipment(&mut self, step: &Step) {
        let order = self.order;
        for id in order.facts.shipments.keys() {
            let key = StepKey::item(step.name.clone(), id.as_str());
            let state = self.state_of(step, &key);
            self.settle(key, state);
        }
        let whole = StepKey::whole(step.name.clone());
        if self.items(&whole).next().is_some() {
            return;
        }
        let state = match self.blocked(step) {
            Some(on) => self.waiting(&whole, on),
            None if self.nothing_ships() => StepState::Skipped { because: "nothing is shipped".to_owned() },
            None => self.waiting(&whole, "shipments".to_owned()),
        };
        self.settle(whole, state);
    }

    /// Edits are numbered. There is a next one when all before it are settled and the order in the shop is not what is booked.
    pub(super) fn each_edit(&mut self, step: &Step) {
        let turns = self.turns(step);
        let mut settled = true;
        for turn in &turns {
            let key = StepKey::item(step.name.clone(), &turn.to_string());
            let state = self.state_of(step, &key);
            settled &= state.is_settled();
            self.settle(key, state);
        }
        let due = match self.change {
            Change::None => false,
            // What was shipped or invoiced stays as it was; credit notes see to the money.
            Change::Refunded => !self.begun,
            Change::Edited => true,
        };
        if due && settled && self.course == Course::Forward && self.blocked(step).is_none() {
            let next = turns.last().map_or(1, |turn| turn.saturating_add(1));
            let key = StepKey::item(step.name.clone(), &next.to_string());
            let state = self.state_of(step, &key);
            self.settle(key, state);
        } else if turns.is_empty() {
            let state = match self.blocked(step) {
                Some(on) if self.course == Course::Forward => {
                    self.waiting(&StepKey::whole(step.name.clone()), on)
                }
                Some(_) | None => StepState::Skipped { because: "nothing was changed since".to_owned() },
            };
            self.settle(StepKey::whole(step.name.clone()), state);
        }
    }

    /// The edits that were begun, by number.
    fn turns(&self, step: &Step) -> BTreeSet<u32> {
        let keys = self.order.steps.keys().chain(self.order.facts.finished.keys());
        let of_step = keys.filter(|key| key.step == step.name);
        of_step.filter_map(|key| key.item.as_deref()?.parse().ok()).collect()
    }

    /// One after the other: how much of a refund is to be credited depends on those before it.
    pub(super) fn each_refund(&mut self, step: &Step) {
        let order = self.order;
        let refunds = order.facts.refunds_in_turn();
        let whole = StepKey::whole(step.name.clone());
        if refunds.is_empty() {
            let state = StepState::Skipped { because: "no money went back".to_owned() };
            self.settle(whole, state);
            return;
        }
        let mut before = self.open_item(step);
        for refund in refunds {
            let key = StepKey::item(step.name.clone(), refund.id.as_str());
            let state = self.refund_state(step, &key, &refund.id, before.as_ref());
            if !state.is_settled() && before.is_none() {
                before = Some(key.clone());
            }
            self.settle(key, state);
        }
    }

    /// The item of a step that is under way or has failed.
    fn open_item(&self, step: &Step) -> Option<StepKey> {
        let items = self.order.steps.iter().filter(|(key, _)| key.step == step.name && key.item.is_some());
        let done = |key: &StepKey| self.order.facts.finished.contains_key(key);
        let mut open = items.filter(|(key, state)| state.command().is_some() && !done(key));
        open.next().map(|(key, _)| key.clone())
    }

    fn refund_state(
        &mut self,
        step: &Step,
        key: &StepKey,
        refund: &kontor_domain::RefundId,
        before: Option<&StepKey>,
    ) -> StepState {
        if let Some(state) = self.known_state(key) {
            return state;
        }
        let credits = step.action == Some(Action::ErpCreditNote);
        if let Some(before) = before.filter(|_| credits) {
            return self.waiting(key, before.to_string());
        }
        match self.order.facts.to_credit(refund) {
            Ok(Some(amount)) if credits && amount.is_zero() => {
                return StepState::Skipped { because: "what is booked lacks it already".to_owned() };
            }
            Ok(_) => {}
            Err(error) => {
                self.held = Some(format!("what is to be credited cannot be reckoned: {error}"));
                return self.waiting(key, "amounts that can be reckoned with".to_owned());
            }
        }
        // An invoice that was written is credited, also if the order is cancelled.
        let Some(action) = step.action.filter(|_| credits && self.course != Course::Forward) else {
            return self.state_of(step, key);
        };
        if self.order.facts.invoice_id().is_none() {
            return StepState::Skipped { because: "the order is cancelled".to_owned() };
        }
        let command = self.command(step, key, action, true);
        self.failure_of(key, &command).unwrap_or_else(|| self.request(command, 1))
    }
}
