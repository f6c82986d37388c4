//! Tells Shopify of a shipment: looks what is left to ship and what was told already, and ships the rest. Nothing is ever
//! shipped twice.

use kontor_domain::{Shipment, TrackingNumber};
use kontor_flow::ports::{Job, Past};
use kontor_flow::remedy::Effect;
use kontor_flow::{CallError, StepKey, StepResult};

use super::api::{Api, settled};
use super::carrier;
use super::documents::{OPEN_LINES, PACKED_LINES, SHIP, SHIPPING, TRACK};
use super::graphql::{ById, ShipData, TrackData};
use super::packing::{self, Misfit, Packing, Place};
use super::parcels::{
    Fulfillment, FulfillmentInput, FulfillmentOrder, FulfillmentOrderStatus, FulfillmentStatus,
    OpenLinesData, PackedLine, PackedLinesData, ShipVariables, ShippingData, ShippingOrder, TrackVariables,
    TrackingInput,
};
use super::polls::{MoreVariables, cursor, moved_on};
use super::{gid, nothing, refused, unmapped};
use crate::http::Calls;

/// Tells of the shipment a command is about, one call per place that ships, because Shopify takes no more in one. A shipment
/// that says what is in it takes that, and one that does not takes all that is left. Where everything is shipped already, a
/// further parcel's numbers are added to the last shipment.
pub(super) async fn tell(api: &Api, job: &Job<'_>, calls: &Calls) -> Result<StepResult, CallError> {
    let shipment = shipment(job)?;
    let id = gid(job);
    let data: ShippingData = api.ask(calls, "order", Effect::None, SHIPPING, ById { id: &id }).await?;
    let order = data.order.ok_or_else(|| refused("order", "not_found", "the shop has no such order"))?;
    if order.cancelled_at.is_some() {
        return Err(unmapped(
            "a parcel left for an order that is cancelled in the shop: decide there what becomes of it",
        ));
    }
    let ShippingOrder { cancelled_at: _, mut fulfillments, fulfillment_orders } = order;
    if fulfillment_orders.page_info.has_next_page {
        return Err(unmapped(
            "the order ships from more than 20 places: tell the shop of this parcel by hand",
        ));
    }
    fulfillments.retain(|parcel| parcel.status == FulfillmentStatus::Success);
    let packing;
    let places;
    if shipment.lines.is_empty() {
        // What is left is shipped without naming it: its lines need not be known.
        places = fulfillment_orders.nodes.into_iter().map(Place::from).collect::<Vec<_>>();
        packing = packing::all(&places);
    } else {
        places = all_lines(api, calls, fulfillment_orders.nodes).await?;
        let told = told(api, calls, job, shipment, &fulfillments).await?;
        packing = packing::pack(&shipment.lines, &told, &places).map_err(misfit)?;
        if packing.is_empty() && !told.is_empty() {
            return Ok(StepResult::Told);
        }
    }
    match (packing.is_empty(), job.past) {
        (true, _) => late(api, calls, shipment, &fulfillments, &places).await,
        (false, Past::Withdrawn) => Ok(StepResult::Withdrawn),
        (false, Past::Clean | Past::Unknown) => ship(api, calls, shipment, packing).await,
    }
}

async fn ship(
    api: &Api,
    calls: &Calls,
    shipment: &Shipment,
    packing: Packing<'_>,
) -> Result<StepResult, CallError> {
    let call = "fulfillmentCreate";
    for parts in packing.into_values() {
        let fulfillment = FulfillmentInput {
            line_items_by_fulfillment_order: parts,
            notify_customer: false,
            tracking_info: tracking(shipment),
        };
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

fn misfit(misfit: Misfit) -> CallError {
    match misfit {
        Misfit::Unknown(article) => unmapped(&format!(
            "the parcel has an article in it ({article}) that the order in the shop does not have: give both the same SKU and \
             replay, or tell the shop of this parcel by hand and discard"
        )),
        Misfit::Fraction => {
            unmapped("the parcel has a part of a piece in it; Shopify knows whole pieces alone")
        }
        Misfit::Held => refused("order", "not_shippable", HELD),
    }
}

const HELD: &str = "the shop holds the order's shipping back";

impl From<FulfillmentOrder> for Place {
    fn from(order: FulfillmentOrder) -> Self {
        let (is_open, is_held) = match order.status {
            FulfillmentOrderStatus::Open | FulfillmentOrderStatus::InProgress => (true, false),
            FulfillmentOrderStatus::Closed | FulfillmentOrderStatus::Cancelled => (false, false),
            FulfillmentOrderStatus::Other(_) => (false, true),
        };
        let location = order.assigned_location.location.map_or_else(String::new, |location| location.id);
        Self { id: order.id, location, is_open, is_held, lines: order.line_items.nodes }
    }
}

async fn all_lines(api: &Api, calls: &Calls, orders: Vec<FulfillmentOrder>) -> Result<Vec<Place>, CallError> {
    let call = "fulfillmentOrder";
    let mut places = Vec::new();
    for order in orders {
        let mut info = order.line_items.page_info.clone();
        let mut place = Place::from(order);
        while info.has_next_page {
            let variables = MoreVariables { id: &place.id, after: Some(cursor(call, &info)?) };
            let data: OpenLinesData = api.ask(calls, call, Effect::None, OPEN_LINES, variables).await?;
            let Some(more) = data.fulfillment_order else { break };
            place.lines.extend(more.line_items.nodes);
            info = moved_on(call, &info, more.line_items.page_info)?;
        }
        places.push(place);
    }
    Ok(places)
}

/// What the shop knows of this shipment: the parcels that bear its numbers. One without numbers is looked for only where an
/// attempt may have had its effect: among the parcels without numbers, but for those of other shipments.
async fn told(
    api: &Api,
    calls: &Calls,
    job: &Job<'_>,
    shipment: &Shipment,
    parcels: &[Fulfillment],
) -> Result<Vec<PackedLine>, CallError> {
    let numbers = |parcel: &Fulfillment| -> Vec<String> {
        parcel.tracking_info.iter().filter_map(|info| info.number.clone()).collect()
    };
    let is_ours = |parcel: &&Fulfillment| {
        let numbers = numbers(parcel);
        if shipment.tracking.is_empty() {
            return job.past != Past::Clean && numbers.is_empty();
        }
        shipment.tracking.iter().all(|ours| numbers.iter().any(|number| number == ours.as_str()))
    };
    let mut lines = Vec::new();
    for parcel in parcels.iter().filter(is_ours) {
        lines.extend(lines_in(api, calls, parcel).await?);
    }
    if shipment.tracking.is_empty() {
        for other in others(job, shipment) {
            packing::without(&mut lines, &other.lines);
        }
    }
    Ok(lines)
}

async fn lines_in(api: &Api, calls: &Calls, parcel: &Fulfillment) -> Result<Vec<PackedLine>, CallError> {
    let call = "fulfillment";
    let mut lines = parcel.fulfillment_line_items.nodes.clone();
    let mut info = parcel.fulfillment_line_items.page_info.clone();
    while info.has_next_page {
        let variables = MoreVariables { id: &parcel.id, after: Some(cursor(call, &info)?) };
        let data: PackedLinesData = api.ask(calls, call, Effect::None, PACKED_LINES, variables).await?;
        let Some(more) = data.fulfillment else { break };
        lines.extend(more.fulfillment_line_items.nodes);
        info = moved_on(call, &info, more.fulfillment_line_items.page_info)?;
    }
    Ok(lines)
}

/// The other shipments without numbers that the shop was told of.
fn others<'a>(job: &Job<'a>, shipment: &'a Shipment) -> impl Iterator<Item = &'a Shipment> {
    let (facts, step) = (&job.order.facts, &job.command.step.step);
    let is_told = move |other: &Shipment| {
        facts
            .result(&StepKey::item(step.clone(), other.id.as_str()))
            .is_some_and(|result| *result == StepResult::Told)
    };
    let all = facts.shipments.values().filter_map(|told| told.current());
    all.filter(move |other| other.id != shipment.id && other.tracking.is_empty() && is_told(other))
}

fn tracking(shipment: &Shipment) -> Option<TrackingInput<'_>> {
    if shipment.tracking.is_empty() {
        return None;
    }
    let numbers = shipment.tracking.iter().map(TrackingNumber::as_str).collect();
    // Shopify matches addresses to numbers by their place; ours belongs to the first.
    let urls = shipment.tracking_url.as_deref().into_iter().collect();
    Some(TrackingInput { company: shipment.carrier.as_deref().map(carrier::known), numbers, urls })
}

/// There is nothing left to ship: this shipment was told before, or it is a further parcel.
async fn late(
    api: &Api,
    calls: &Calls,
    shipment: &Shipment,
    parcels: &[Fulfillment],
    places: &[Place],
) -> Result<StepResult, CallError> {
    let known = |number: &TrackingNumber| {
        let mut all = parcels.iter().flat_map(|parcel| &parcel.tracking_info);
        all.any(|info| info.number.as_deref() == Some(number.as_str()))
    };
    let Some(last) = parcels.last() else {
        let held = places.iter().any(|place| place.is_held && place.has_rest());
        let title = if held { HELD } else { "the shop has nothing to ship" };
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
    let company = infos.clone().find_map(|info| info.company.as_deref());
    TrackingInput { company: company.or(shipment.carrier.as_deref().map(carrier::known)), numbers, urls }
}
