//! What must hold once a world has come to rest, a sentence each.

use std::collections::BTreeMap;

use kontor_domain::{Money, OrderKey, OrderLife};
use kontor_flow::apply::apply;
use kontor_flow::failure::{FailureClass, FailureState};
use kontor_flow::{Course, Order, OrderStatus, StepState};

use super::erp::{Parcel, Standing};
use super::tales::Legible;
use super::world::State;

/// Refusals that are right: the facts of the order stand against the work, and a person has to decide.
const RIGHTLY_REFUSED: [&str; 7] =
    ["paid", "goods_left", "not_payable", "not_shippable", "not_cancellable", "not_confirmed", HANDED_OVER];

/// An order that was changed after goods or an invoice were made of it.
const HANDED_OVER: &str = "handed_over";

impl State {
    /// Checks everything; what is broken is added to [`State::broken`].
    pub(super) fn check(&mut self) {
        let mut broken = Vec::new();
        self.check_telling(&mut broken);
        self.check_rest(&mut broken);
        for order in self.shelf.orders.values() {
            self.check_order(order, &mut broken);
        }
        self.check_books(&mut broken);
        self.check_failures(&mut broken);
        for sentence in broken {
            self.breaks(sentence);
        }
    }

    /// Every accepted event is applied.
    fn check_telling(&self, broken: &mut Vec<String>) {
        for (number, telling) in self.tales.tellings.iter().enumerate() {
            if !telling.accepted || telling.legible == Legible::Never {
                continue;
            }
            for happened in &telling.says {
                let Some(order) = self.shelf.orders.get(&happened.order) else {
                    broken.push(format!(
                        "every accepted event is applied: t{number} of {} is lost",
                        happened.order
                    ));
                    continue;
                };
                let mut facts = order.facts.clone();
                let lost = happened.events.iter().filter(|e| apply(&mut facts, (*e).clone())).count();
                if lost > 0 {
                    broken.push(format!(
                        "every accepted event is applied: {lost} events of t{number} are not in {}",
                        order.key
                    ));
                }
            }
        }
        for shipment in self.erp.shipments.iter().filter(|s| s.parcel == Parcel::Shipped) {
            let order = self.erp.order(shipment.order).and_then(|o| self.shelf.orders.get(&o.key));
            let known = order.is_some_and(|order| {
                order.facts.shipments.keys().any(|id| id.as_str() == shipment.id.to_string())
            });
            if !known {
                broken.push(format!("every parcel is known: nobody learned of {}", shipment.id));
            }
        }
    }

    /// Nothing is left over.
    fn check_rest(&self, broken: &mut Vec<String>) {
        if !self.trays.are_empty() {
            broken.push("no message is left in a queue".to_owned());
        }
        for telling in self.tales.tellings.iter().filter(|telling| !telling.accepted) {
            let of = telling.says.first().map(|says| says.order.to_string()).unwrap_or_default();
            broken.push(format!("whoever tells until it is heard is heard: {of}"));
        }
    }

    fn check_order(&self, order: &Order, broken: &mut Vec<String>) {
        let key = &order.key;
        let timeline = self.shelf.timelines.get(key).map_or(&[] as &[_], Vec::as_slice);
        let versions: Vec<u64> = timeline.iter().map(|entry| entry.version).collect();
        if versions != (1..=order.version).collect::<Vec<_>>() {
            broken.push(format!("every change of an order is in its timeline once: {key} has {versions:?}"));
        }
        if let Some((step, _)) = order.facts.finished.iter().find(|(_, results)| {
            results.iter().map(|finish| &finish.result).collect::<std::collections::BTreeSet<_>>().len() > 1
        }) {
            broken.push(format!("a step has one result: {step} of {key} has several"));
        }
        self.check_end(order, broken);
    }

    /// No step is stuck: an order has come to its end, or a person knows that it has not.
    fn check_end(&self, order: &Order, broken: &mut Vec<String>) {
        let key = &order.key;
        match order.status {
            OrderStatus::Completed => self.check_completed(order, broken),
            OrderStatus::Cancelled => self.check_cancelled(order, broken),
            OrderStatus::Held => {
                let known = self.shelf.failures.values().any(|failure| {
                    failure.class == FailureClass::Held
                        && failure.state == FailureState::Open
                        && failure.order.as_ref() == Some(key)
                });
                if !known {
                    broken.push(format!(
                        "whatever stands still is known to a person: {key} is held, and nobody knows"
                    ));
                }
                if order.course == Course::Forward {
                    let why = order.held.as_deref().unwrap_or_default();
                    broken.push(format!("an order without contradictions goes on: {key} is held: {why}"));
                }
            }
            OrderStatus::Failed => self.check_failed(order, broken),
            OrderStatus::InWork | OrderStatus::Waiting | OrderStatus::Incomplete => {
                let open = order.steps.iter().filter(|(_, state)| !state.is_settled());
                let open: Vec<String> =
                    open.map(|(step, state)| format!("{step} {}", state.sentence())).collect();
                broken.push(format!(
                    "no step is stuck without a due_at: {key} is {:?}, due {:?}: {}",
                    order.status,
                    order.due_at,
                    open.join("; ")
                ));
            }
        }
    }

    fn check_failed(&self, order: &Order, broken: &mut Vec<String>) {
        let key = &order.key;
        let back = order.course != Course::Forward;
        for (step, state) in &order.steps {
            let StepState::Failed { failure, cause, .. } = state else { continue };
            let record = self.shelf.failures.get(failure);
            // The order keeps the cause it failed for first; a replay may have failed for another, which its failure names.
            let cause = record.map_or(cause, |record| &record.cause);
            let rightly = RIGHTLY_REFUSED.iter().any(|word| cause.contains(&format!("{word}: {word}")));
            let edited = cause.contains(&format!("{HANDED_OVER}: {HANDED_OVER}"));
            if !rightly || !(back || edited || order.facts.life() != OrderLife::Open) {
                broken.push(format!("a replay heals what has passed: {step} of {key} failed: {cause}"));
            } else if record.is_none_or(|record| record.state != FailureState::Open) {
                broken.push(format!(
                    "whatever failed is known to a person: {step} of {key} has no open failure"
                ));
            }
        }
    }

    fn check_completed(&self, order: &Order, broken: &mut Vec<String>) {
        let key = &order.key;
        let Some(placed) = order.facts.order().map(|placed| placed.parts()) else { return };
        if placed.test {
            return;
        }
        let booked: Vec<_> = self.erp.orders.iter().filter(|booked| booked.key == *key).collect();
        let [booked] = booked.as_slice() else {
            broken
                .push(format!("exactly one document of each kind: {key} has {} sales orders", booked.len()));
            return;
        };
        let mut expect = |what: &str, holds: bool| {
            if !holds {
                broken.push(format!("a completed order is complete: {key}: {what}"));
            }
        };
        expect("its sales order is confirmed", booked.standing == Standing::Confirmed);
        expect("its sales order is worth what the shop says", booked.total == placed.total);
        let invoices: Vec<_> =
            self.erp.invoices.iter().filter(|i| i.order == booked.id && !i.prepayment).collect();
        expect("it has one invoice", invoices.len() == 1);
        expect("its invoice has an open item", invoices.iter().all(|invoice| invoice.open_item));
        expect("its invoice adds up", invoices.iter().all(|invoice| invoice.total == placed.total));
        let prepaid = self.erp.invoices.iter().filter(|i| i.order == booked.id && i.prepayment);
        expect("its prepayment is booked", prepaid.into_iter().all(|invoice| invoice.paid));
        self.check_credits(order, booked.id, broken);
        let mut expect = |what: &str, holds: bool| {
            if !holds {
                broken.push(format!("a completed order is complete: {key}: {what}"));
            }
        };
        let physical = order.facts.order().is_some_and(kontor_domain::PlacedOrder::is_physical);
        let parcels: Vec<_> = self.erp.shipments.iter().filter(|s| s.order == booked.id).collect();
        expect("it has one parcel if there is anything to send", parcels.len() == usize::from(physical));
        expect("its parcel has left", parcels.iter().all(|parcel| parcel.parcel == Parcel::Shipped));
        let notes = self.shops.orders.get(key).map_or(0, |order| order.notes.len());
        expect("its shop was told of the parcel", notes == usize::from(physical));
    }

    /// What went back is credited.
    fn check_credits(&self, order: &Order, booked: u64, broken: &mut Vec<String>) {
        let Some(placed) = order.facts.order() else { return };
        let credits = self.erp.credits.iter().filter(|credit| credit.order == booked);
        let credited = Money::sum(placed.parts().currency, credits.map(|credit| credit.amount));
        if credited != order.facts.refunded(placed) {
            broken.push(format!("what went back is credited: {} has {credited:?}", order.key));
        }
    }

    fn check_cancelled(&self, order: &Order, broken: &mut Vec<String>) {
        let key = &order.key;
        for booked in self.erp.orders.iter().filter(|booked| booked.key == *key) {
            if booked.standing != Standing::Cancelled {
                broken.push(format!(
                    "a cancelled order is cancelled: {key} is still {:?} in the ERP",
                    booked.standing
                ));
            }
            let left = |s: &&super::erp::Shipment| s.order == booked.id && s.parcel == Parcel::New;
            if self.erp.shipments.iter().any(|shipment| left(&shipment)) {
                broken.push(format!("a cancelled order is cancelled: the warehouse would still send {key}"));
            }
        }
        let life = self.shops.orders.get(key).map(|order| order.life);
        if !matches!(life, Some(OrderLife::Cancelled | OrderLife::Deleted)) {
            broken.push(format!("a cancelled order is cancelled: {key} is {life:?} in its shop"));
        }
    }

    /// Exactly one document of each kind, and the books add up.
    fn check_books(&self, broken: &mut Vec<String>) {
        let mut once = |what: &str, named: Vec<String>| {
            let mut counts: BTreeMap<String, usize> = BTreeMap::new();
            for name in named {
                *counts.entry(name).or_default() += 1;
            }
            for (name, count) in counts.into_iter().filter(|(_, count)| *count > 1) {
                broken.push(format!("exactly one document of each kind: {count} {what} of {name}"));
            }
        };
        let name = |id: u64| self.erp.order(id).map(|o| o.key.to_string()).unwrap_or_default();
        once("customers", self.erp.parties.iter().map(|party| party.email.clone()).collect());
        once("sales orders", self.erp.orders.iter().map(|order| order.key.to_string()).collect());
        once("shipments", self.erp.shipments.iter().map(|s| name(s.order)).collect());
        let invoices = |prepayment: bool| {
            let of_kind = self.erp.invoices.iter().filter(move |i| i.prepayment == prepayment);
            of_kind.map(|i| name(i.order)).collect::<Vec<_>>()
        };
        once("invoices", invoices(false));
        once("prepayment invoices", invoices(true));
        let credits = self.erp.credits.iter().map(|c| format!("{} {}", name(c.order), c.refund));
        once("credit notes", credits.collect());
        let notes = self
            .shops
            .orders
            .iter()
            .flat_map(|(key, order)| order.notes.iter().map(move |note| format!("{key} {note}")));
        once("messages to customers about a parcel", notes.collect());
        for booked in &self.erp.orders {
            self.check_cause(&booked.key, booked, broken);
        }
    }

    /// No document without cause.
    fn check_cause(&self, key: &OrderKey, booked: &super::erp::SalesOrder, broken: &mut Vec<String>) {
        let customer = self.erp.parties.iter().any(|party| party.id.to_string() == booked.customer);
        let known = self.shelf.orders.get(key).and_then(|order| order.facts.sales_order_id());
        if !customer || !self.shelf.orders.contains_key(key) {
            broken.push(format!("no document without cause: sales order {} of {key}", booked.id));
        }
        if booked.standing != Standing::Cancelled
            && known.is_none_or(|known| known.as_str() != booked.id.to_string())
        {
            broken.push(format!("every document is known: sales order {} of {key} is not", booked.id));
        }
    }

    /// Whatever died is kept, told, and settled.
    fn check_failures(&self, broken: &mut Vec<String>) {
        for id in &self.trays.died {
            let Some(failure) = self.shelf.failures.get(id) else {
                broken.push(format!("whatever died is kept: the dead letter {id} is no failure"));
                continue;
            };
            let told = self.shelf.told.iter().any(|text| text.contains(id.as_str()))
                || failure.history.iter().any(|act| act.by != "kontor");
            if !told {
                broken.push(format!("whatever died is told: nobody was told of {id}: {}", failure.cause));
            }
        }
    }
}
