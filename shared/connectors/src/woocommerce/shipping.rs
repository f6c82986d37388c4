//! Telling the shop of a parcel, in whatever way the shop has: fulfilments of its own, a tracking plugin, or a note to the
//! customer.

use std::sync::PoisonError;

use jiff::tz::TimeZone;
use kontor_domain::{OrderLife, Shipment, TrackingNumber};
use kontor_flow::ports::{Job, Past};
use kontor_flow::{CallError, StepResult};
use reqwest::Method;
use rust_decimal::Decimal;
use serde_json::value::{RawValue, to_raw_value};

use super::api::{CORE, refused, unmapped};
use super::wire::{
    Fulfillment, Meta, NewFulfillment, NewMeta, NewNote, NewTracking, Note, OrderUpdate, PackedItem, Parcel,
    RawMeta, Standing, Status, Tracked,
};
use super::{GET_ORDER, WooCommerce};
use crate::config::Tracking;
use crate::http::Calls;

const GET_NOTES: &str = "GET /orders/{id}/notes";
const POST_NOTE: &str = "POST /orders/{id}/notes";
const GET_FULFILLMENTS: &str = "GET /orders/{id}/fulfillments";
const POST_FULFILLMENT: &str = "POST /orders/{id}/fulfillments";
const GET_TRACKINGS: &str = "GET /orders/{id}/shipment-trackings";
const POST_TRACKING: &str = "POST /orders/{id}/shipment-trackings";

/// The field of a fulfilment that our shipment's id is kept in: what it is found by.
const OUR_KEY: &str = "_kontor_shipment";

/// The field of a fulfilment that says what is in it.
const ITEMS: &str = "_items";

/// What the shop knows of its parcels already, in the way it is told of them.
enum Known {
    /// Fulfilments of WooCommerce itself (a feature that is off by default).
    Fulfillments(Vec<Fulfillment>),
    /// Trackings of a plugin, below this path.
    Trackings(&'static str, Vec<Tracked>),
    /// Nothing but notes.
    Notes,
}

/// The part of the path that is the plugin's.
fn plugin(tracking: Tracking) -> &'static str {
    match tracking {
        Tracking::Ast => "wc-ast/v3",
        Tracking::ShipmentTracking | Tracking::Fulfillments | Tracking::Note => "wc-shipment-tracking/v3",
    }
}

impl WooCommerce {
    /// Tells of a shipment. Whatever comes first can be found or repeated; the note comes last, because the customer gets it
    /// by mail, and it can't be taken back. The order is looked at before it is written to: the status would bring it back
    /// if it was just cancelled. It is completed with the last parcel, not with the first.
    pub(super) async fn shipment(&self, job: &Job<'_>, calls: &Calls) -> Result<StepResult, CallError> {
        let shipment = shipment(job)?;
        if matches!(job.order.facts.life(), OrderLife::Cancelled | OrderLife::Deleted) {
            return Err(unmapped(
                "a parcel left for an order that is cancelled in the shop: decide there what becomes of it",
            ));
        }
        let id = job.order.key.order.as_str();
        let mark = format!("[{}]", shipment.id);
        if matches!(job.past, Past::Unknown | Past::Withdrawn) && self.has_note(calls, id, &mark).await? {
            return Ok(StepResult::Told);
        }
        let standing: Standing = self.get(calls, GET_ORDER, &format!("{CORE}/orders/{id}")).await?;
        if matches!(standing.status, Status::Cancelled | Status::Refunded | Status::Trash | Status::Draft) {
            let why = "a parcel left for an order that is cancelled, refunded or gone in the shop: decide there what becomes of it";
            return Err(refused(GET_ORDER, 200, "not_shippable", why));
        }
        match self.known(calls, id).await? {
            Known::Fulfillments(known) => {
                let found = known.iter().any(|known| carries(&known.meta_data, shipment));
                match fulfillment(job, shipment)? {
                    _ if found => {}
                    _ if job.past == Past::Withdrawn => return Ok(StepResult::Withdrawn),
                    Some(new) => {
                        let path = format!("{CORE}/orders/{id}/fulfillments");
                        let _: Fulfillment =
                            self.write(calls, (Method::POST, POST_FULFILLMENT), &path, &new).await?;
                    }
                    None => return self.note(job, calls, shipment, &mark).await,
                }
                self.complete(job, calls, &standing).await
            }
            Known::Trackings(plugin, known) => {
                let Some(carrier) = shipment.carrier.as_deref().filter(|_| !shipment.tracking.is_empty())
                else {
                    return self.note(job, calls, shipment, &mark).await;
                };
                let is_known = |number: &TrackingNumber| {
                    known.iter().any(|tracked| tracked.tracking_number.as_str() == number.as_str())
                };
                for number in shipment.tracking.iter().filter(|number| !is_known(number)) {
                    if job.past == Past::Withdrawn {
                        return Ok(StepResult::Withdrawn);
                    }
                    let path = format!("{plugin}/orders/{id}/shipment-trackings");
                    let new = tracking(plugin, shipment, carrier, number);
                    let _: Tracked = self.write(calls, (Method::POST, POST_TRACKING), &path, &new).await?;
                }
                self.complete(job, calls, &standing).await
            }
            Known::Notes => self.note(job, calls, shipment, &mark).await,
        }
    }

    /// What the shop knows of its parcels. Which way it has is found out once; a plugin that is gone since is noticed here.
    async fn known(&self, calls: &Calls, id: &str) -> Result<Known, CallError> {
        let kept = self.tracking.or(*self.found.read().unwrap_or_else(PoisonError::into_inner));
        if let Some(way) = kept
            && let Some(known) = self.known_by(calls, id, way).await?
        {
            return Ok(known);
        }
        for way in [Tracking::Fulfillments, Tracking::ShipmentTracking, Tracking::Ast, Tracking::Note] {
            if let Some(known) = self.known_by(calls, id, way).await? {
                *self.found.write().unwrap_or_else(PoisonError::into_inner) = Some(way);
                return Ok(known);
            }
        }
        Ok(Known::Notes)
    }

    /// What the shop knows of its parcels in one way; none if it does not have that way.
    async fn known_by(&self, calls: &Calls, id: &str, way: Tracking) -> Result<Option<Known>, CallError> {
        Ok(match way {
            Tracking::Fulfillments => {
                let path = format!("{CORE}/orders/{id}/fulfillments");
                self.get_if_there(calls, GET_FULFILLMENTS, &path).await?.map(Known::Fulfillments)
            }
            Tracking::ShipmentTracking | Tracking::Ast => {
                let plugin = plugin(way);
                let path = format!("{plugin}/orders/{id}/shipment-trackings");
                let known = self.get_if_there(calls, GET_TRACKINGS, &path).await?;
                known.map(|known| Known::Trackings(plugin, known))
            }
            Tracking::Note => Some(Known::Notes),
        })
    }

    /// Sets the status, if nothing is left to be sent.
    async fn complete(
        &self,
        job: &Job<'_>,
        calls: &Calls,
        standing: &Standing,
    ) -> Result<StepResult, CallError> {
        if job.order.facts.shipped_in_full() && standing.status != Status::Completed {
            let update = OrderUpdate { status: Some("completed"), ..OrderUpdate::default() };
            self.put(calls, job.order.key.order.as_str(), &update).await?;
        }
        Ok(StepResult::Told)
    }

    async fn has_note(&self, calls: &Calls, id: &str, mark: &str) -> Result<bool, CallError> {
        let known: Vec<Note> = self.get(calls, GET_NOTES, &format!("{CORE}/orders/{id}/notes")).await?;
        Ok(known.iter().any(|note| note.note.contains(mark)))
    }

    /// Status and meta, which can be repeated, then the note.
    async fn note(
        &self,
        job: &Job<'_>,
        calls: &Calls,
        shipment: &Shipment,
        mark: &str,
    ) -> Result<StepResult, CallError> {
        if job.past == Past::Withdrawn {
            return Ok(StepResult::Withdrawn);
        }
        let id = job.order.key.order.as_str();
        let meta = NewMeta { key: format!("_kontor_shipment_{}", shipment.id), value: parcel(shipment) };
        let status = job.order.facts.shipped_in_full().then_some("completed");
        let update = OrderUpdate { status, transaction_id: None, meta_data: vec![meta] };
        self.put(calls, id, &update).await?;
        let note = NewNote { note: text(job, shipment, mark), customer_note: true };
        let path = format!("{CORE}/orders/{id}/notes");
        let _: Note = self.write(calls, (Method::POST, POST_NOTE), &path, &note).await?;
        Ok(StepResult::Told)
    }
}

/// The shipment a command is about.
fn shipment<'a>(job: &Job<'a>) -> Result<&'a Shipment, CallError> {
    let item = job.command.step.item.as_deref();
    let mut known = job.order.facts.shipments.iter();
    let told = known.find(|(id, _)| Some(id.as_str()) == item).and_then(|(_, told)| told.current());
    told.ok_or_else(|| unmapped("the shipment of the command is not known"))
}

/// Whether a fulfilment carries our key.
fn carries(meta: &[Meta], shipment: &Shipment) -> bool {
    let ours = |meta: &&Meta| meta.key.as_deref() == Some(OUR_KEY);
    let value = |meta: &Meta| serde_json::from_str::<String>(meta.value.as_ref()?.get()).ok();
    meta.iter().filter(ours).filter_map(value).any(|id| id == shipment.id.as_str())
}

/// The fulfilment that tells of a shipment; none if nothing of the order is known to be in it, which WooCommerce does not take.
fn fulfillment(job: &Job<'_>, shipment: &Shipment) -> Result<Option<NewFulfillment>, CallError> {
    let contents = job.order.facts.contents(&shipment.id);
    if contents.is_empty() {
        return Ok(None);
    }
    let mut items = Vec::new();
    for (line, pieces) in &contents {
        let number = || unmapped("a line of the order has no number as WooCommerce has them");
        items.push(PackedItem {
            item_id: line.as_str().parse().map_err(|_| number())?,
            qty: RawValue::from_string(plain(*pieces)).map_err(|_| number())?,
        });
    }
    let mut meta_data = vec![field(ITEMS, &items)?, field(OUR_KEY, &shipment.id.as_str())?];
    let numbers: Vec<&str> = shipment.tracking.iter().map(TrackingNumber::as_str).collect();
    if !numbers.is_empty() {
        meta_data.push(field("_tracking_number", &numbers.join(", "))?);
    }
    if let Some(carrier) = &shipment.carrier {
        meta_data.push(field("_shipment_provider", carrier)?);
    }
    if let Some(url) = &shipment.tracking_url {
        meta_data.push(field("_tracking_url", url)?);
    }
    Ok(Some(NewFulfillment { status: "fulfilled", is_fulfilled: true, meta_data }))
}

fn field(key: &'static str, value: &(impl serde::Serialize + ?Sized)) -> Result<RawMeta, CallError> {
    let value = to_raw_value(value).map_err(|_| unmapped("the shipment can't be written as JSON"))?;
    Ok(RawMeta { key, value })
}

/// A number of pieces as JSON has it: `2`, `0.5`.
fn plain(pieces: Decimal) -> String {
    pieces.normalize().to_string()
}

/// A tracking of one parcel. The plugins know carriers by name; one they do not know comes with its own link, where the
/// plugin takes that.
fn tracking(
    plugin: &'static str,
    shipment: &Shipment,
    carrier: &str,
    number: &TrackingNumber,
) -> NewTracking {
    let is_first = shipment.tracking.first() == Some(number);
    let link = shipment.tracking_url.as_ref().filter(|_| is_first && plugin != self::plugin(Tracking::Ast));
    let carrier = carrier.to_owned();
    let (known, custom) = if link.is_some() { (None, Some(carrier)) } else { (Some(carrier), None) };
    NewTracking {
        tracking_number: number.as_str().to_owned(),
        tracking_provider: known,
        custom_tracking_provider: custom,
        custom_tracking_link: link.cloned(),
        date_shipped: shipment.shipped_at.to_zoned(TimeZone::UTC).date().to_string(),
    }
}

fn parcel(shipment: &Shipment) -> Parcel<'_> {
    Parcel {
        carrier: shipment.carrier.as_deref().unwrap_or_default(),
        tracking: shipment.tracking.iter().map(TrackingNumber::as_str).collect(),
        tracking_url: shipment.tracking_url.as_deref().unwrap_or_default(),
        shipped_at: shipment.shipped_at.to_string(),
    }
}

/// What the customer reads. The mark at its end is what the note is found by.
fn text(job: &Job<'_>, shipment: &Shipment, mark: &str) -> String {
    let order = job.order.facts.order();
    let spoken = order.and_then(|order| order.parts().customer.language.as_deref());
    let country = order.and_then(|order| order.delivery_address()).and_then(|to| to.country.as_ref());
    let german = match spoken {
        Some(language) => language == "de",
        None => country.is_some_and(|country| matches!(country.as_str(), "DE" | "AT" | "CH" | "LI" | "LU")),
    };
    let numbers = shipment.tracking.iter().map(|number| number.as_str());
    let parcel: Vec<&str> = shipment.carrier.as_deref().into_iter().chain(numbers).collect();
    let parcel = if parcel.is_empty() { String::new() } else { format!(": {}", parcel.join(" ")) };
    let url = shipment.tracking_url.as_deref().map(|url| format!(" {url}")).unwrap_or_default();
    let (said, word) = if german {
        ("Ihre Bestellung ist unterwegs", "Lieferung")
    } else {
        ("Your order is on its way", "Shipment")
    };
    format!("{said}{parcel}{url} ({word} {mark})")
}
