//! The way back: a cancelled order begins nothing new, and what it left behind is undone.

use kontor_domain::OrderLife;

use super::Planner;
use crate::language::Each;
use crate::order::StepState;
use crate::{Course, Queue, Step, StepKey};

/// Why an order is cancelled, if the shop cancelled it.
pub(super) const CANCELLED: &str = "cancelled in the shop";

/// Why an order is cancelled, if the shop deleted it.
pub(super) const DELETED: &str = "deleted in the shop";

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
        // Mails under way change nothing about what is to be undone.
        let mut busy = self.steps.values().any(|state| match state {
            StepState::Requested { command, .. } => command.action.queue() != Queue::Mail,
            StepState::Waiting { .. }
            | StepState::Done { .. }
            | StepState::Skipped { .. }
            | StepState::Failed { .. } => false,
        });
        for step in &self.flow.on_cancel {
            let key = StepKey::whole(step.name.clone());
            let state = match self.known_state(&key) {
                Some(state) => state,
                None if busy => self.waiting(&key, "what must be settled before".to_owned()),
                None => self.undo(step, &key),
            };
            // One after the other: if the ERP refuses, the shop is not told that the order is cancelled.
            busy |= !state.is_settled();
            self.settle(key, state);
        }
        if self.held.is_none() {
            self.held = self.second_thoughts();
        }
    }

    /// What became known after the order was cancelled, and a person has to look at.
    fn second_thoughts(&self) -> Option<String> {
        let facts = &self.order.facts;
        let Course::Cancelling { because, .. } = &self.course else { return None };
        let goes_on = matches!(facts.life(), OrderLife::Open | OrderLife::OnHold | OrderLife::Completed);
        let by_shop = because == CANCELLED || because == DELETED;
        if by_shop && goes_on {
            return Some(
                "the shop took its cancellation back; place the order anew or settle it by hand".to_owned(),
            );
        }
        let received = facts.payments.values().filter_map(|told| told.current()).any(|p| !p.amount.is_zero());
        if !by_shop && received && facts.refunds.is_empty() {
            return Some("the order is given up, but money came in for it: it has to go back".to_owned());
        }
        let shipped = facts.shipments.values().filter_map(|told| told.current()).any(|s| !self.told(s));
        shipped.then(|| "a parcel left although the order is cancelled".to_owned())
    }

    /// Whether the parcel was dealt with before the order was cancelled.
    fn told(&self, shipment: &kontor_domain::Shipment) -> bool {
        let steps = self.flow.steps.iter().filter(|step| step.for_each == Some(Each::Shipments));
        let mut keys = steps.map(|step| StepKey::item(step.name.clone(), shipment.id.as_str()));
        keys.any(|key| self.steps.get(&key).is_some_and(|state| !matches!(state, StepState::Skipped { .. })))
    }

    fn undo(&mut self, step: &Step, key: &StepKey) -> StepState {
        let facts = &self.order.facts;
        if facts.order().is_some_and(|order| order.parts().test) {
            return StepState::Skipped { because: "a test order".to_owned() };
        }
        let pointless = match step.action {
            Some(crate::Action::ErpCancel) => facts.sales_order_id().is_none() && !self.may_be_booked(),
            Some(crate::Action::ShopCancel) => {
                matches!(facts.life(), OrderLife::Cancelled | OrderLife::Deleted)
            }
            // Nobody was told of an order of which nothing was begun.
            Some(crate::Action::MailSend) => facts.sales_order_id().is_none() && !self.may_be_booked(),
            Some(_) | None => false,
        };
        match step.action {
            Some(action) if !pointless => {
                let command = self.command(step, key, action, true);
                match self.failure_of(key, &command) {
                    Some(failed) => failed,
                    None => self.request(command, 1),
                }
            }
            Some(_) | None => StepState::Skipped { because: "nothing to undo".to_owned() },
        }
    }

    /// Whether booking the sales order failed half-way: it may be there without our knowing its id.
    fn may_be_booked(&self) -> bool {
        self.steps.values().any(|state| match state {
            StepState::Failed { command, .. } => command.action == crate::Action::ErpSalesOrder,
            StepState::Requested { .. }
            | StepState::Waiting { .. }
            | StepState::Done { .. }
            | StepState::Skipped { .. } => false,
        })
    }
}
