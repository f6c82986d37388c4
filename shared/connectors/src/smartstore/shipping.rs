//! Tells Smartstore of a shipment: looks what is there already, and adds what is missing. Nothing is ever shipped twice.

use std::collections::BTreeMap;

use kontor_domain::{PackedLine, Shipment, TrackingNumber};
use kontor_flow::ports::{Job, Past};
use kontor_flow::remedy::Effect;
use kontor_flow::{CallError, Problem, StepResult, System};
use reqwest::Method;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

use super::api::{Api, query, understood};
use super::wire::{
    AddShipment, ItemToShip, List, NewShipment, NewShipmentItem, Notify, OrderStatus, Shipment as Parcel,
    ToShip, TrackingUpdate,
};
use super::{bundle, links, order_id, refused, unmapped};
use crate::http::Calls;
use crate::reading::{self, filled};

const LOOK: &str = "GET /odata/v1/Orders";
const ADD: &str = "POST /odata/v1/Orders({id})/AddShipment";
const CREATE: &str = "POST /odata/v1/Shipments";
const PACK: &str = "POST /odata/v1/ShipmentItems";
const SHIP: &str = "POST /odata/v1/Shipments({id})/Ship";
const TRACK: &str = "PATCH /odata/v1/Shipments({id})";

const EXPAND: &str = "OrderItems($select=Id,Quantity,Sku,BundleData;$expand=Product($select=Id,Sku,IsShippingEnabled);\
    $orderby=Id),Shipments($expand=ShipmentItems;$orderby=Id)";

/// Kontor's own mail tells the customer, if the flow has one: two would be one too many.
const NOTIFY: bool = false;

/// Pieces by the id of their order line.
type Pieces = BTreeMap<u64, u64>;

/// Tells of the shipment a command is about.
pub(super) async fn tell(api: &Api, job: &Job<'_>, calls: &Calls) -> Result<StepResult, CallError> {
    let shipment = shipment(job)?;
    let id = order_id(job)?;
    let order = look(api, calls, id).await?;
    let told = Told::new(job, shipment, id);
    match told.found(&order)? {
        Some(parcel) if parcel.shipped_date_utc.is_some() => return Ok(StepResult::Told),
        Some(_) | None if job.past == Past::Withdrawn => return Ok(StepResult::Withdrawn),
        Some(parcel) => return told.finish(api, calls, &order, parcel).await,
        None => {}
    }
    if order.order_status_id == OrderStatus::Cancelled || order.deleted {
        let why = "a parcel left for an order that is cancelled in the shop: decide there what becomes of it";
        return Err(refused(LOOK, 200, "not_shippable", why));
    }
    let left = left(&order, None);
    let wanted = told.wanted(&order, &left)?;
    if wanted.is_empty() {
        return told.late(api, calls, &order).await;
    }
    let physical = |(item, _): &(&u64, &u64)| is_physical(&order, **item);
    let all = left.iter().filter(physical).all(|(item, pieces)| wanted.get(item) == Some(pieces));
    if all { told.ship_rest(api, calls).await } else { told.ship_part(api, calls, &wanted).await }
}

fn shipment<'a>(job: &Job<'a>) -> Result<&'a Shipment, CallError> {
    let item = job.command.step.item.as_deref();
    let mut known = job.order.facts.shipments.iter();
    let told = known.find(|(id, _)| Some(id.as_str()) == item).and_then(|(_, told)| told.current());
    told.ok_or_else(|| unmapped("the shipment of the command is not known"))
}

async fn look(api: &Api, calls: &Calls, id: u64) -> Result<ToShip, CallError> {
    let filter = format!("Id eq {id}");
    let select = "Id,OrderStatusId,Deleted";
    let path = query(&[("$filter", filter.as_str()), ("$select", select), ("$expand", EXPAND)]);
    let list: List = api.get(calls, LOOK, &format!("Orders{path}")).await?;
    let gone = || refused(LOOK, 200, "not_found", "the shop has no such order any more");
    let order = links::whole(api, calls, LOOK, list.value.first().ok_or_else(gone)?.get()).await?;
    reading::body(order.as_bytes()).map_err(|error| CallError::Unreadable {
        system: System::Smartstore,
        call: LOOK,
        effect: Effect::None,
        source: error.into(),
    })
}

/// What of each line is in no parcel yet, `but` for one.
fn left(order: &ToShip, but: Option<u64>) -> Pieces {
    let mut left: Pieces = order.order_items.iter().map(|item| (item.id, item.quantity)).collect();
    let parcels = order.shipments.iter().filter(|parcel| Some(parcel.id) != but);
    for packed in parcels.flat_map(|parcel| &parcel.shipment_items) {
        if let Some(pieces) = left.get_mut(&packed.order_item_id) {
            *pieces = pieces.saturating_sub(packed.quantity);
        }
    }
    left.retain(|_, pieces| *pieces > 0);
    left
}

/// An article that is gone may have been a parcel.
fn is_physical(order: &ToShip, item: u64) -> bool {
    let item = order.order_items.iter().find(|known| known.id == item);
    let product = item.and_then(|item| item.product.as_ref());
    product.and_then(|product| product.is_shipping_enabled) != Some(false)
}

/// The shipment, as the shop is to be told of it.
struct Told<'a> {
    shipment: &'a Shipment,
    order: u64,
    past: Past,
    /// All numbers in one field, as the shop has it.
    tracking: Option<String>,
}

impl<'a> Told<'a> {
    fn new(job: &Job<'a>, shipment: &'a Shipment, order: u64) -> Self {
        let numbers: Vec<&str> = shipment.tracking.iter().map(TrackingNumber::as_str).collect();
        let tracking = (!numbers.is_empty()).then(|| numbers.join(", "));
        Self { shipment, order, past: job.past, tracking }
    }

    /// The parcel in the shop that is this shipment: by its number, which is the only field of a parcel that says whose it is.
    /// Without a number, after an attempt that may have had its effect, by what is in it.
    fn found<'o>(&self, order: &'o ToShip) -> Result<Option<&'o Parcel>, CallError> {
        if !self.shipment.tracking.is_empty() {
            let ours = |parcel: &&Parcel| self.shipment.tracking.iter().any(|number| has(parcel, number));
            return Ok(order.shipments.iter().find(ours));
        }
        if self.past == Past::Clean {
            return Ok(None);
        }
        let unnumbered = order
            .shipments
            .iter()
            .filter(|parcel| parcel.tracking_number.as_deref().and_then(filled).is_none());
        for parcel in unnumbered {
            let wanted = self.wanted(order, &left(order, Some(parcel.id)))?;
            let within = |packed: &super::wire::PackedItem| {
                wanted.get(&packed.order_item_id).is_some_and(|pieces| packed.quantity == *pieces)
            };
            let whole = parcel.shipment_items.len() == wanted.len();
            if parcel.shipment_items.iter().all(within) && (whole || parcel.shipped_date_utc.is_none()) {
                return Ok(Some(parcel));
            }
        }
        Ok(None)
    }

    /// What of `left` is in the shipment: everything to be packed, where nothing is listed.
    fn wanted(&self, order: &ToShip, left: &Pieces) -> Result<Pieces, CallError> {
        if self.shipment.lines.is_empty() {
            let physical = |(item, _): &(&u64, &u64)| is_physical(order, **item);
            return Ok(left.iter().filter(physical).map(|(item, pieces)| (*item, *pieces)).collect());
        }
        let mut wanted = Pieces::new();
        for line in &self.shipment.lines {
            match by_line(order, line)? {
                Some((item, pieces, part)) => add(&mut wanted, item, pieces, part),
                None => by_number(order, line, left, &mut wanted)?,
            }
        }
        for (item, pieces) in &mut wanted {
            *pieces = (*pieces).min(left.get(item).copied().unwrap_or_default());
        }
        wanted.retain(|_, pieces| *pieces > 0);
        Ok(wanted)
    }

    /// The parcel is there, but not shipped: it was left half made. What is missing of it is added.
    async fn finish(
        &self,
        api: &Api,
        calls: &Calls,
        order: &ToShip,
        parcel: &Parcel,
    ) -> Result<StepResult, CallError> {
        let mut missing = self.wanted(order, &left(order, Some(parcel.id)))?;
        for packed in &parcel.shipment_items {
            missing.remove(&packed.order_item_id);
        }
        self.pack(api, calls, parcel.id, &missing).await
    }

    /// Everything that is left, in one call.
    async fn ship_rest(&self, api: &Api, calls: &Calls) -> Result<StepResult, CallError> {
        let body = AddShipment {
            tracking_number: self.tracking.as_deref(),
            tracking_url: self.shipment.tracking_url.as_deref(),
            is_shipped: true,
            notify_customer: NOTIFY,
        };
        let path = format!("Orders({})/AddShipment", self.order);
        let answer = api.write(calls, ADD, Method::POST, &path, &body).await?;
        // Somebody shipped the rest between our look and our call: then the answer is empty.
        if answer.body.trim_ascii().is_empty() {
            let title = "everything was shipped in between".to_owned();
            let problem = Problem { kind: "nothing_left".to_owned(), title, ..Problem::default() };
            return Err(CallError::Concurrent { system: System::Smartstore, call: ADD, problem });
        }
        shipped(ADD, &understood(ADD, Effect::Possible, &answer)?)
    }

    /// A part of it: the parcel, what is in it, and last that it left.
    async fn ship_part(&self, api: &Api, calls: &Calls, wanted: &Pieces) -> Result<StepResult, CallError> {
        let body = NewShipment {
            order_id: self.order,
            tracking_number: self.tracking.as_deref(),
            tracking_url: self.shipment.tracking_url.as_deref(),
            created_on_utc: self.shipment.shipped_at.to_string(),
        };
        let answer = api.write(calls, CREATE, Method::POST, "Shipments", &body).await?;
        let parcel: Parcel = understood(CREATE, Effect::Possible, &answer)?;
        self.pack(api, calls, parcel.id, wanted).await
    }

    async fn pack(
        &self,
        api: &Api,
        calls: &Calls,
        shipment_id: u64,
        pieces: &Pieces,
    ) -> Result<StepResult, CallError> {
        for (order_item_id, quantity) in pieces {
            let body = NewShipmentItem { shipment_id, order_item_id: *order_item_id, quantity: *quantity };
            api.write(calls, PACK, Method::POST, "ShipmentItems", &body).await?;
        }
        let body = Notify { notify_customer: NOTIFY };
        let answer =
            api.write(calls, SHIP, Method::POST, &format!("Shipments({shipment_id})/Ship"), &body).await?;
        shipped(SHIP, &understood(SHIP, Effect::Possible, &answer)?)
    }

    /// Nothing is left to ship: this is a further parcel of what was told before. Its numbers are added to the last one.
    async fn late(&self, api: &Api, calls: &Calls, order: &ToShip) -> Result<StepResult, CallError> {
        let Some(last) = order.shipments.last() else {
            return Err(refused(LOOK, 200, "not_shippable", "the shop has nothing to ship in this order"));
        };
        let Some(ours) = self.tracking.as_deref() else { return Ok(StepResult::Told) };
        let known = last.tracking_number.as_deref().and_then(filled);
        let numbers = known.map_or_else(|| ours.to_owned(), |known| format!("{known}, {ours}"));
        let body = TrackingUpdate { tracking_number: &numbers };
        api.write(calls, TRACK, Method::PATCH, &format!("Shipments({})", last.id), &body).await?;
        Ok(StepResult::Told)
    }
}

/// Whether a parcel has this number, alone or among others.
fn has(parcel: &Parcel, number: &TrackingNumber) -> bool {
    let known = parcel.tracking_number.as_deref().unwrap_or_default();
    known.trim() == number.as_str() || known.split([',', ';']).any(|known| known.trim() == number.as_str())
}

/// The shop says yes also where it did nothing.
fn shipped(call: &'static str, parcel: &Parcel) -> Result<StepResult, CallError> {
    if parcel.shipped_date_utc.is_some() {
        return Ok(StepResult::Told);
    }
    let title =
        "the shop said yes, but the parcel is not marked as shipped: look at the order's notes in the shop";
    Err(refused(call, 200, "not_shipped", title))
}

/// Every part of a bundle stands for the same bundles; everything else is counted together.
fn add(wanted: &mut Pieces, item: u64, pieces: u64, part: bool) {
    let known = wanted.entry(item).or_default();
    *known = if part { pieces.max(*known) } else { pieces.saturating_add(*known) };
}

/// The shop's line of a packed one, if that says which it is; how many pieces of it, and whether it is a part of a bundle.
fn by_line(order: &ToShip, packed: &PackedLine) -> Result<Option<(u64, u64, bool)>, CallError> {
    let Some(line) = packed.line.as_ref().map(kontor_domain::LineId::as_str) else { return Ok(None) };
    let (item, part) = line.split_once('-').map_or((line, None), |(item, part)| (item, Some(part)));
    let named = |known: &&ItemToShip| Ok(known.id) == item.parse();
    let Some(item) = order.order_items.iter().find(named) else { return Ok(None) };
    let of_bundle = part.and_then(|part| part.parse().ok());
    let inside = parts(item)?.into_iter().find(|inside| Some(inside.id) == of_bundle);
    let pieces = bundles(packed.quantity.count(), inside.as_ref());
    Ok(Some((item.id, pieces, inside.is_some())))
}

/// The shop's lines of a packed article by its number: those that have pieces left, one after the other, and then the bundle
/// it is in.
fn by_number(
    order: &ToShip,
    packed: &PackedLine,
    left: &Pieces,
    wanted: &mut Pieces,
) -> Result<(), CallError> {
    let unknown = || unmapped("a parcel holds an article that the shop's order does not have");
    let sku = packed.sku.as_ref().map(kontor_domain::Sku::as_str).ok_or_else(unknown)?;
    let mut rest = bundles(packed.quantity.count(), None);
    let mut known = false;
    for item in &order.order_items {
        let product = item.product.as_ref().and_then(|product| product.sku.as_deref());
        let own = item.sku.as_deref().and_then(filled).or_else(|| product.and_then(filled));
        if own.as_deref() == Some(sku) {
            known = true;
            let begun = wanted.get(&item.id).copied().unwrap_or_default();
            let pieces = left.get(&item.id).copied().unwrap_or_default().saturating_sub(begun).min(rest);
            add(wanted, item.id, pieces, false);
            rest = rest.saturating_sub(pieces);
        }
    }
    for item in order.order_items.iter().filter(|_| rest > 0) {
        if let Some(inside) = parts(item)?.into_iter().find(|inside| inside.sku == sku) {
            add(wanted, item.id, bundles(Decimal::from(rest), Some(&inside)), true);
            return Ok(());
        }
    }
    if known { Ok(()) } else { Err(unknown()) }
}

fn parts(item: &ItemToShip) -> Result<Vec<bundle::Part>, CallError> {
    let Some(text) = item.bundle_data.as_deref().and_then(filled) else { return Ok(Vec::new()) };
    bundle::read(&text).map_err(|_| unmapped("what is in a bundle of the shop's order cannot be read"))
}

/// How many whole lines that many pieces are; a begun one counts.
fn bundles(count: Decimal, part: Option<&bundle::Part>) -> u64 {
    let each = part.map_or(Decimal::ONE, |part| part.quantity);
    count.checked_div(each).and_then(|bundles| bundles.ceil().to_u64()).unwrap_or(u64::MAX)
}
