//! Cancelling a sales order: what the warehouse has not sent yet is stopped first. What has left the house, and money that
//! came in for an order we gave up ourselves, is for a person to decide.

use kontor_domain::OrderLife;
use kontor_flow::ports::Job;
use kontor_flow::{CallError, StepResult};

use super::chain::shipments_of;
use super::client::Session;
use super::order::by_key;
use super::wire::{OrderStatus, SalesOrder, Shipment, ShipmentStatus, StatusChange};
use super::{Outcome, refused, unmapped};

/// Cancels the sales order, or closes it where documents hang on it: weclapp decides which.
pub(super) async fn cancel(session: &Session<'_>, job: Job<'_>) -> Outcome {
    let Some(order) = to_cancel(session, &job).await? else {
        return Ok(StepResult::Cancelled { outcome: "NEVER_THERE".to_owned() });
    };
    if matches!(order.status, OrderStatus::Cancelled | OrderStatus::ManuallyClosed) {
        return Ok(over(&order.status));
    }
    if is_paid(&order) && !is_over_in_shop(&job) {
        let title =
            format!("sales order {} is paid; refund it and cancel it there, or let it go on", order.id);
        return Err(refused("GET /salesOrder", "paid", title));
    }
    stop_shipments(session, &order).await?;
    if is_over(&order.status) {
        return Ok(over(&order.status));
    }
    cancelled(session, &order.id).await
}

/// The sales order as it is now. Where its step did not tell its id, it may be there all the same.
async fn to_cancel(session: &Session<'_>, job: &Job<'_>) -> Result<Option<SalesOrder>, CallError> {
    match job.order.facts.sales_order_id() {
        Some(id) => session.find("GET /salesOrder/id/{id}", "salesOrder", id.as_str()).await,
        None => by_key(session, &job.command.order).await,
    }
}

fn is_paid(order: &SalesOrder) -> bool {
    order.paid || order.advance_payment_status == Some(super::wire::AdvancePayment::Paid)
}

/// Cancelled there, the shop sees to the money; given up by us, nobody does.
fn is_over_in_shop(job: &Job<'_>) -> bool {
    match job.order.facts.life() {
        OrderLife::Cancelled | OrderLife::Deleted => true,
        OrderLife::Open | OrderLife::OnHold | OrderLife::Completed => false,
    }
}

/// Cancels the shipments that have not left. All of them are looked at before the first is changed.
async fn stop_shipments(session: &Session<'_>, order: &SalesOrder) -> Result<(), CallError> {
    let listed = shipments_of(session, &order.id).await?;
    let mut waiting = Vec::new();
    for shipment in &listed {
        if is_waiting(shipment, order)? {
            waiting.push(shipment.id.as_str());
        }
    }
    // Goods that others ship (external fulfilment) have no shipment here, only this mark.
    if listed.is_empty() && order.shipped {
        return Err(left(format!("the goods of sales order {} have left already", order.id)));
    }
    for id in waiting {
        // A list may answer an old version.
        let call = "GET /shipment/id/{id}";
        let Some(shipment) = session.find::<Shipment>(call, "shipment", id).await? else { continue };
        if is_waiting(&shipment, order)? {
            stop(session, &shipment).await?;
        }
    }
    Ok(())
}

async fn stop(session: &Session<'_>, shipment: &Shipment) -> Result<(), CallError> {
    let change = StatusChange { version: &shipment.version, status: ShipmentStatus::Cancelled };
    let changed: Shipment =
        session.change("PUT /shipment/id/{id}", "shipment", &shipment.id, &change).await?;
    if changed.status == Some(ShipmentStatus::Cancelled) {
        return Ok(());
    }
    Err(unmapped(format!("shipment {} does not take its cancellation", shipment.id)))
}

/// Whether the shipment is still to be sent, and can be stopped.
fn is_waiting(shipment: &Shipment, order: &SalesOrder) -> Result<bool, CallError> {
    let id = &shipment.id;
    match &shipment.status {
        Some(ShipmentStatus::Cancelled) => Ok(false),
        Some(ShipmentStatus::New | ShipmentStatus::NotePrinted) => {
            if shipment.sales_orders.iter().all(|named| named.id == order.id) {
                return Ok(true);
            }
            let title = format!("shipment {id} holds goods of other orders too; take this one's out of it");
            Err(refused("GET /shipment", "collective_shipment", title))
        }
        Some(ShipmentStatus::Shipped | ShipmentStatus::InRoute | ShipmentStatus::Delivered) => {
            Err(left(format!("the goods have left already with shipment {id}")))
        }
        Some(ShipmentStatus::Other(status)) => Err(unmapped(format!(
            "shipment {id} has the status {status}, which does not say whether the goods have left"
        ))),
        None => Err(unmapped(format!("shipment {id} has no status, so nobody knows whether it has left"))),
    }
}

fn left(title: String) -> CallError {
    refused("GET /shipment", "goods_left", title)
}

async fn cancelled(session: &Session<'_>, id: &str) -> Outcome {
    let call = "POST /salesOrder/id/{id}/cancelOrManuallyClose";
    let order: SalesOrder = session.act(call, "salesOrder", id, "cancelOrManuallyClose").await?;
    if is_over(&order.status) {
        return Ok(over(&order.status));
    }
    // What the action answers may be older than what it did.
    let order = session.find::<SalesOrder>("GET /salesOrder/id/{id}", "salesOrder", id).await?;
    match order {
        Some(order) if is_over(&order.status) => Ok(over(&order.status)),
        Some(order) => Err(unmapped(format!(
            "sales order {id} is still {} after its cancellation",
            order.status.as_str()
        ))),
        None => Ok(StepResult::Cancelled { outcome: "DELETED".to_owned() }),
    }
}

fn is_over(status: &OrderStatus) -> bool {
    match status {
        OrderStatus::Cancelled | OrderStatus::ManuallyClosed | OrderStatus::Closed => true,
        OrderStatus::Entered | OrderStatus::Confirmed | OrderStatus::Other(_) => false,
    }
}

fn over(status: &OrderStatus) -> StepResult {
    StepResult::Cancelled { outcome: status.as_str().to_owned() }
}
