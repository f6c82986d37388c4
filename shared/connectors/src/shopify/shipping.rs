//! Tells Shopify of a shipment: looks what is left to ship, and ships that. Nothing is ever shipped twice.

use std::collections::BTreeMap;

use kontor_domain::{Shipment, TrackingNumber};
use kontor_flow::ports::Job;
use kontor_flow::remedy::Effect;
use kontor_flow::{CallError, StepResult};

use super::api::{Api, settled};
use super::graphql::{
    ById, Fulfillment, FulfillmentInput, FulfillmentOrder, FulfillmentOrderInput, FulfillmentOrderStatus,
    FulfillmentStatus, ShipData, ShipVariables, ShippingData, ShippingOrder, TrackData, TrackVariables,
    TrackingInput,
};
use super::{gid, nothing, refused, unmapped};
use crate::http::Calls;

const LOOK: &str = "query KontorShipping($id: ID!) { order(id: $id) { id cancelledAt \
    fulfillments(first: 50) { id status trackingInfo(first: 50) { company number url } } \
    fulfillmentOrders(first: 20) { nodes { id status assignedLocation { location { id } } \
    lineItems(first: 100) { nodes { id remainingQuantity } } } } } }";

const SHIP: &str = "mutation KontorShip($fulfillment: FulfillmentInput!) { \
    fulfillmentCreate(fulfillment: $fulfillment) { fulfillment { id status } userErrors { field message } } }";

const TRACK: &str = "mutation KontorTrack($id: ID!, $tracking: FulfillmentTrackingInput!) { \
    fulfillmentTrackingInfoUpdate(fulfillmentId: $id, trackingInfoInput: $tracking, notifyCustomer: false) { \
    fulfillment { id } userErrors { field message } } }";

#[cfg(test)]
pub(super) const OPERATIONS: [&str; 3] = [LOOK, SHIP, TRACK];

/// Tells of the shipment a command is about. One look says what is left; the shipment takes all of it, one call per place
/// that ships, because Shopify takes no more in one. Where everything is shipped already, a further parcel's numbers are
/// added to the last shipment.
pub(super) async fn tell(api: &Api, job: &Job<'_>, calls: &Calls) -> Result<StepResult, CallError> {
    let shipment = shipment(job)?;
    let id = gid(job);
    let data: ShippingData = api.ask(calls, "order", Effect::None, LOOK, ById { id: &id }).await?;
    let order = data.order.ok_or_else(|| refused("order", "not_found", "the shop has no such order"))?;
    if order.cancelled_at.is_some() {
        return Err(unmapped(
            "a parcel left for an order that is cancelled in the shop: decide there what becomes of it",
        ));
    }
    let open = by_place(&order);
    if open.is_empty() {
        return late(api, calls, shipment, &order).await;
    }
    for fulfillment_orders in open.into_values() {
        let fulfillment = FulfillmentInput {
            line_items_by_fulfillment_order: fulfillment_orders,
            notify_customer: false,
            tracking_info: tracking(shipment),
        };
        let call = "fulfillmentCreate";
        let variables = ShipVariables { fulfillment };
        let data: ShipData = api.ask(calls, call, Effect::Possible, SHIP, variables).await?;
        settled(call, &data.fulfillment_create.ok_or_else(|| nothing(call))?.user_errors)?;
    }
    Ok(StepResult::Told)
}

fn shipment<'a>(job: &Job<'a>) -> Result<&'a Shipment, CallError> {
    let item = job.command.step.item.as_deref();
    let mut known = job.order.facts.shipments.iter();
    let told = known.find(|(id, _)| Some(id.as_str()) == item).and_then(|(_, told)| told.current());
    told.ok_or_else(|| unmapped("the shipment of the command is not known"))
}

/// What can be shipped now, by the place that ships it.
fn by_place(order: &ShippingOrder) -> BTreeMap<&str, Vec<FulfillmentOrderInput<'_>>> {
    let mut places: BTreeMap<&str, Vec<FulfillmentOrderInput<'_>>> = BTreeMap::new();
    for open in order.fulfillment_orders.nodes.iter().filter(|open| has_rest(open) && can_ship(open)) {
        let place = open.assigned_location.location.as_ref().map_or("", |location| location.id.as_str());
        places.entry(place).or_default().push(FulfillmentOrderInput { fulfillment_order_id: &open.id });
    }
    places
}

fn has_rest(order: &FulfillmentOrder) -> bool {
    order.line_items.nodes.iter().any(|line| line.remaining_quantity > 0)
}

fn can_ship(order: &FulfillmentOrder) -> bool {
    match &order.status {
        FulfillmentOrderStatus::Open | FulfillmentOrderStatus::InProgress => true,
        FulfillmentOrderStatus::Closed
        | FulfillmentOrderStatus::Cancelled
        | FulfillmentOrderStatus::Other(_) => false,
    }
}

fn is_held(order: &FulfillmentOrder) -> bool {
    matches!(order.status, FulfillmentOrderStatus::Other(_)) && has_rest(order)
}

fn tracking(shipment: &Shipment) -> Option<TrackingInput<'_>> {
    if shipment.tracking.is_empty() {
        return None;
    }
    let numbers = shipment.tracking.iter().map(TrackingNumber::as_str).collect();
    // Shopify matches addresses to numbers by their place; ours belongs to the first.
    let urls = shipment.tracking_url.as_deref().into_iter().collect();
    Some(TrackingInput { company: shipment.carrier.as_deref(), numbers, urls })
}

/// There is nothing left to ship: this shipment was told before, or it is a further parcel.
async fn late(
    api: &Api,
    calls: &Calls,
    shipment: &Shipment,
    order: &ShippingOrder,
) -> Result<StepResult, CallError> {
    let parcels: Vec<&Fulfillment> =
        order.fulfillments.iter().filter(|parcel| parcel.status == FulfillmentStatus::Success).collect();
    let known = |number: &TrackingNumber| {
        let mut all = parcels.iter().flat_map(|parcel| &parcel.tracking_info);
        all.any(|info| info.number.as_deref() == Some(number.as_str()))
    };
    let Some(last) = parcels.last() else {
        let held = order.fulfillment_orders.nodes.iter().any(is_held);
        let title =
            if held { "the shop holds the order's shipping back" } else { "the shop has nothing to ship" };
        return Err(refused("order", "not_shippable", title));
    };
    if shipment.tracking.iter().all(known) {
        return Ok(StepResult::Told);
    }
    let call = "fulfillmentTrackingInfoUpdate";
    let variables = TrackVariables { id: &last.id, tracking: extended(last, shipment) };
    let data: TrackData = api.ask(calls, call, Effect::Possible, TRACK, variables).await?;
    settled(call, &data.fulfillment_tracking_info_update.ok_or_else(|| nothing(call))?.user_errors)?;
    Ok(StepResult::Told)
}

/// The numbers a parcel has, and those of `shipment`: an update replaces all of them.
fn extended<'a>(parcel: &'a Fulfillment, shipment: &'a Shipment) -> TrackingInput<'a> {
    let infos = parcel.tracking_info.iter();
    let mut numbers: Vec<&str> = infos.clone().filter_map(|info| info.number.as_deref()).collect();
    let mut urls: Vec<&str> = infos.clone().map_while(|info| info.url.as_deref()).collect();
    if urls.len() == numbers.len() {
        urls.extend(shipment.tracking_url.as_deref());
    }
    let ours = shipment.tracking.iter().map(TrackingNumber::as_str);
    let new: Vec<&str> = ours.filter(|number| !numbers.contains(number)).collect();
    numbers.extend(new);
    let company = infos.clone().find_map(|info| info.company.as_deref()).or(shipment.carrier.as_deref());
    TrackingInput { company, numbers, urls }
}
