//! What a Shopware shop is told: payments, shipments, cancellations. Each looks first, so each may be done twice.

use kontor_domain::{OrderLife, Shipment, TrackingNumber};
use kontor_flow::ports::Job;
use kontor_flow::{CallError, Problem, StepResult};
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::order::{deciding, is_discount, leading};
use super::wire::{
    Delivery, DeliveryState, OrderState, PaymentState, Standing, TrackingCodes, Transaction, Transition,
};
use super::{Shopware, refused, unmapped};
use crate::http::Calls;

const LOOK: &str = "POST /search/order";
const PATCH_DELIVERY: &str = "PATCH /order-delivery/{id}";
const ORDER_STATE: &str = "POST /_action/order/{id}/state/{transition}";
const DELIVERY_STATE: &str = "POST /_action/order_delivery/{id}/state/{transition}";
const PAYMENT_STATE: &str = "POST /_action/order_transaction/{id}/state/paid";

/// What Shopware says of a change of state that its table does not have, and what it names the others after.
const ILLEGAL: &str = "SYSTEM__ILLEGAL_STATE_TRANSITION";
const POSSIBLE: &str = "Possible transitions are: ";

#[derive(Deserialize)]
struct Found {
    data: Vec<Standing>,
}

impl Shopware {
    /// How the order stands; none if the shop has none of that id.
    async fn standing(&self, job: &Job<'_>, calls: &Calls) -> Result<Option<Standing>, CallError> {
        let id = job.order.key.order.as_str();
        if !super::is_id(id) {
            return Ok(None);
        }
        let criteria = json!({
            "ids": [id],
            "limit": 1,
            "associations": {
                "stateMachineState": {},
                "deliveries": { "associations": { "stateMachineState": {} } },
                "transactions": { "associations": { "stateMachineState": {} } },
            },
        });
        let found: Found = self.api.search(calls, LOOK, "order", &criteria, job.now).await?;
        Ok(found.data.into_iter().next())
    }

    async fn there(&self, job: &Job<'_>, calls: &Calls) -> Result<Standing, CallError> {
        let standing = self.standing(job, calls).await?;
        standing.ok_or_else(|| refused(LOOK, "not_found", "the shop has no such order"))
    }

    /// Asks for a change of state. Where the state is that already, Shopware does nothing and says yes.
    async fn turn(
        &self,
        job: &Job<'_>,
        calls: &Calls,
        call: &'static str,
        path: &str,
    ) -> Result<(), CallError> {
        let note = Transition { internal_comment: format!("Kontor {}", job.command.id()) };
        match self.api.change(calls, call, Method::POST, path, &note, job.now).await {
            Ok(_) => Ok(()),
            Err(CallError::Refused { system, call, status, problem }) if problem.kind == ILLEGAL => {
                let possible = problem.detail.as_deref().and_then(|detail| detail.split_once(POSSIBLE));
                let possible = possible.map_or("nothing", |(_, possible)| possible);
                let title = format!(
                    "the state in the shop does not allow it, only {possible}; a person has to look there"
                );
                Err(CallError::Refused { system, call, status, problem: Problem { title, ..problem } })
            }
            Err(error) => Err(error),
        }
    }

    /// Marks the order as paid, and sees that it is.
    pub(super) async fn paid(&self, job: &Job<'_>, calls: &Calls) -> Result<StepResult, CallError> {
        let standing = self.there(job, calls).await?;
        if state(&standing) == Some(&OrderState::Cancelled) {
            return Err(refused(LOOK, "not_payable", "the order is cancelled in the shop"));
        }
        let Some(payment) = payment(&standing) else {
            return Err(refused(LOOK, "not_payable", "the order has no payment in the shop"));
        };
        if is_paid(payment) {
            return Ok(StepResult::Told);
        }
        let path = format!("_action/order_transaction/{}/state/paid", in_path(&payment.id)?);
        self.turn(job, calls, PAYMENT_STATE, &path).await?;
        let standing = self.there(job, calls).await?;
        if self::payment(&standing).is_some_and(is_paid) {
            return Ok(StepResult::Told);
        }
        let why = "the shop took the payment, but does not say that it is paid; look there";
        Err(refused(PAYMENT_STATE, "not_paid", why))
    }

    /// Tells of a shipment: first the numbers of its parcels, for the shop's mail about the change of state has them in it.
    pub(super) async fn shipment(&self, job: &Job<'_>, calls: &Calls) -> Result<StepResult, CallError> {
        let shipment = shipment(job)?;
        let standing = self.there(job, calls).await?;
        let gone = matches!(job.order.facts.life(), OrderLife::Cancelled | OrderLife::Deleted);
        if gone || state(&standing) == Some(&OrderState::Cancelled) {
            return Err(unmapped(
                "a parcel left for an order that is cancelled in the shop: decide there what becomes of it",
            ));
        }
        let leading = leading(&standing.deliveries.0, standing.primary_order_delivery_id.as_deref());
        let Some(delivery) = leading else {
            return Err(refused(LOOK, "not_shippable", "the order has no delivery in the shop"));
        };
        self.track(job, calls, delivery, shipment).await?;
        let all = job.order.facts.shipped_in_full();
        let parts = standing.deliveries.0.iter().filter(|other| all && !is_discount(other));
        let others = parts.filter(|other| other.id != delivery.id);
        for delivery in std::iter::once(delivery).chain(others) {
            self.ship(job, calls, delivery, all).await?;
        }
        if state(&standing) == Some(&OrderState::Open) {
            let path = format!("_action/order/{}/state/process", job.order.key.order);
            self.turn(job, calls, ORDER_STATE, &path).await?;
        }
        Ok(StepResult::Told)
    }

    /// The numbers the delivery has, and those of `shipment`: a write replaces the whole list.
    async fn track(
        &self,
        job: &Job<'_>,
        calls: &Calls,
        delivery: &Delivery,
        shipment: &Shipment,
    ) -> Result<(), CallError> {
        let mut codes: Vec<&str> = delivery.tracking_codes.0.iter().flatten().map(String::as_str).collect();
        let known = codes.len();
        for code in shipment.tracking.iter().map(TrackingNumber::as_str) {
            if !codes.contains(&code) {
                codes.push(code);
            }
        }
        if codes.len() == known {
            return Ok(());
        }
        let path = format!("order-delivery/{}", in_path(&delivery.id)?);
        let body = TrackingCodes { tracking_codes: codes };
        self.api.change(calls, PATCH_DELIVERY, Method::PATCH, &path, &body, job.now).await?;
        Ok(())
    }

    async fn ship(
        &self,
        job: &Job<'_>,
        calls: &Calls,
        delivery: &Delivery,
        all: bool,
    ) -> Result<(), CallError> {
        let state = delivery.state_machine_state.as_ref().map(|state| &state.technical_name);
        let transition = match (state, all) {
            // What came back was shipped before.
            (
                Some(DeliveryState::Shipped | DeliveryState::Returned | DeliveryState::ReturnedPartially),
                _,
            )
            | (Some(DeliveryState::ShippedPartially), false) => return Ok(()),
            (Some(DeliveryState::Cancelled), _) => {
                return Err(unmapped(
                    "a parcel left for a delivery that is cancelled in the shop: decide there what becomes of it",
                ));
            }
            (Some(DeliveryState::Open | DeliveryState::Other(_)) | None, false) => "ship_partially",
            (
                Some(DeliveryState::Open | DeliveryState::ShippedPartially | DeliveryState::Other(_)) | None,
                true,
            ) => "ship",
        };
        let path = format!("_action/order_delivery/{}/state/{transition}", in_path(&delivery.id)?);
        self.turn(job, calls, DELIVERY_STATE, &path).await
    }

    /// Cancels the order, if nothing happened to it meanwhile that a person should know of first.
    pub(super) async fn cancel(&self, job: &Job<'_>, calls: &Calls) -> Result<StepResult, CallError> {
        let outcome = |word: &str| Ok(StepResult::Cancelled { outcome: word.to_owned() });
        match job.order.facts.life() {
            OrderLife::Cancelled => return outcome("cancelled by the shop"),
            OrderLife::Deleted => return outcome("deleted by the shop"),
            OrderLife::Open | OrderLife::OnHold | OrderLife::Completed => {}
        }
        let Some(standing) = self.standing(job, calls).await? else { return outcome("not there") };
        match state(&standing) {
            Some(OrderState::Cancelled) => return outcome("cancelled already"),
            Some(OrderState::Completed) => return Err(too_late()),
            Some(OrderState::Open | OrderState::InProgress | OrderState::Other(_)) | None => {}
        }
        let left = |delivery: &Delivery| {
            let state = delivery.state_machine_state.as_ref().map(|state| &state.technical_name);
            matches!(state, Some(DeliveryState::Shipped | DeliveryState::ShippedPartially))
        };
        if payment(&standing).is_some_and(has_money) || standing.deliveries.0.iter().any(left) {
            return Err(too_late());
        }
        let path = format!("_action/order/{}/state/cancel", job.order.key.order);
        self.turn(job, calls, ORDER_STATE, &path).await?;
        outcome("cancelled")
    }
}

/// An id that the shop told, to go into a path.
fn in_path(id: &str) -> Result<&str, CallError> {
    if super::is_id(id) {
        Ok(id)
    } else {
        Err(refused(LOOK, "no_id", "the shop told an id that is none of Shopware's"))
    }
}

fn state(standing: &Standing) -> Option<&OrderState> {
    standing.state_machine_state.as_ref().map(|state| &state.technical_name)
}

fn payment(standing: &Standing) -> Option<&Transaction> {
    deciding(&standing.transactions.0, standing.primary_order_transaction_id.as_deref())
}

/// Whether all of it was paid; what was given back was paid before.
fn is_paid(payment: &Transaction) -> bool {
    let state = payment.state_machine_state.as_ref().map(|state| &state.technical_name);
    matches!(state, Some(PaymentState::Paid | PaymentState::Refunded | PaymentState::RefundedPartially))
}

/// Whether there is money of the customer's that would have to go back.
fn has_money(payment: &Transaction) -> bool {
    let state = payment.state_machine_state.as_ref().map(|state| &state.technical_name);
    matches!(state, Some(PaymentState::Paid | PaymentState::PaidPartially | PaymentState::RefundedPartially))
}

/// Cancelling does not give money back, and does not call a parcel back: a person decides.
fn too_late() -> CallError {
    refused(LOOK, "not_cancellable", "the order was paid, shipped or completed in the shop meanwhile")
}

/// The shipment a command is about.
fn shipment<'a>(job: &Job<'a>) -> Result<&'a Shipment, CallError> {
    let item = job.command.step.item.as_deref();
    let mut known = job.order.facts.shipments.iter();
    let told = known.find(|(id, _)| Some(id.as_str()) == item).and_then(|(_, told)| told.current());
    told.ok_or_else(|| unmapped("the shipment of the command is not known"))
}
