//! WooCommerce: proves and reads its webhooks, and tells it of payments, shipments and cancellations (REST v3).

mod front;
mod order;
mod read;
#[cfg(test)]
mod tests;
mod wire;

use async_trait::async_trait;
use jiff::Timestamp;
use kontor_domain::{OrderLife, Shipment, ShopId};
use kontor_flow::ports::{Connector, Job, Past};
use kontor_flow::remedy::Effect;
use kontor_flow::{Action, CallError, Finish, Happened, Hint, Problem, StepResult, System};
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;

pub use self::read::read;
use self::wire::{ErrorBody, NewMeta, NewNote, Note, OrderUpdate, Parcel, Standing, Status};
use crate::config::ShopConfig;
use crate::http::{Answer, Calls};
use crate::proof::{Encoding, Proof, Topic};
use crate::reading;
use crate::secrets::{MissingSecret, SecretBook};

const GET_ORDER: &str = "GET /orders/{id}";
const PUT_ORDER: &str = "PUT /orders/{id}";
const GET_NOTES: &str = "GET /orders/{id}/notes";
const POST_NOTE: &str = "POST /orders/{id}/notes";

/// The code of a 404 for an order; a 404 without it is a wrong address.
const NO_SUCH_ORDER: &str = "woocommerce_rest_shop_order_invalid_id";

/// How this shop signs: base64 of HMAC-SHA256 in `X-WC-Webhook-Signature`. The call WooCommerce makes when a webhook is
/// saved has no signature and wants exactly a 200. WooCommerce decodes HTML entities in its secret before it signs: make
/// secrets of letters and digits.
///
/// # Errors
/// [`MissingSecret`] if a webhook secret was not resolved.
pub fn proof(shop: &ShopConfig, secrets: &SecretBook) -> Result<Proof, MissingSecret> {
    let secrets = shop.webhook_secrets.iter().map(|secret| secrets.get(secret));
    Ok(signed(shop.id.clone(), secrets.collect::<Result<_, _>>()?))
}

/// How every shop of this kind signs.
pub(crate) fn signed(shop: ShopId, secrets: Vec<SecretString>) -> Proof {
    Proof {
        shop,
        signature_header: "x-wc-webhook-signature",
        encoding: Encoding::Base64,
        topic: Topic::Header("x-wc-webhook-topic"),
        kept_headers: &[],
        ping_prefix: Some(b"webhook_id="),
        secrets,
    }
}

/// Speaks to the API of one WooCommerce shop.
pub struct WooCommerce {
    orders: String,
    keys: Option<(SecretString, SecretString)>,
    client: reqwest::Client,
}

impl WooCommerce {
    /// Makes the connector.
    ///
    /// # Errors
    /// [`MissingSecret`] if the consumer key or secret was not resolved.
    pub fn new(
        shop: &ShopConfig,
        secrets: &SecretBook,
        client: reqwest::Client,
    ) -> Result<Self, MissingSecret> {
        let keys = match &shop.api {
            Some(api) => {
                let secret = api.secret.as_ref().map(|secret| secrets.get(secret)).transpose()?;
                Some((secrets.get(&api.key)?, secret.unwrap_or_default()))
            }
            None => None,
        };
        let orders = format!("{}/wp-json/wc/v3/orders", shop.url.trim_end_matches('/'));
        Ok(Self { orders, keys, client })
    }

    fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, CallError> {
        let (key, secret) =
            self.keys.as_ref().ok_or_else(|| unmapped("the shop has no `api` in kontor.yaml"))?;
        let request = self.client.request(method, format!("{}/{path}", self.orders));
        Ok(request.basic_auth(key.expose_secret(), Some(secret.expose_secret())))
    }

    async fn get<T: DeserializeOwned>(
        &self,
        calls: &Calls,
        call: &'static str,
        path: &str,
    ) -> Result<T, CallError> {
        let request = self.request(Method::GET, path)?;
        let answer = calls.send(System::Woocommerce, call, Effect::None, request).await?;
        understood(call, Effect::None, &answer)
    }

    /// Writes to the order. The same words twice have one effect.
    async fn put(&self, calls: &Calls, id: &str, update: &OrderUpdate<'_>) -> Result<Standing, CallError> {
        let request = self.request(Method::PUT, id)?.json(update);
        let answer = calls.send(System::Woocommerce, PUT_ORDER, Effect::Possible, request).await?;
        understood(PUT_ORDER, Effect::Possible, &answer)
    }

    /// Marks the order as paid. `set_paid` does nothing for orders that are on hold, so the status is set. It is looked at
    /// first, always: a webhook may be minutes late, and the write would bring an order back that was just cancelled.
    async fn paid(&self, job: &Job<'_>, calls: &Calls) -> Result<StepResult, CallError> {
        let id = job.order.key.order.as_str();
        let standing: Standing = self.get(calls, GET_ORDER, id).await?;
        match standing.status {
            Status::Processing | Status::Completed => return Ok(StepResult::Told),
            Status::Cancelled | Status::Refunded | Status::Trash | Status::Draft => {
                return Err(refused(
                    GET_ORDER,
                    200,
                    "not_payable",
                    "the order is cancelled, refunded or gone in the shop",
                ));
            }
            Status::Pending | Status::OnHold | Status::Failed | Status::Other(_) => {}
        }
        if standing.date_paid_gmt.is_some() {
            return Ok(StepResult::Told);
        }
        let payments = job.order.facts.payments.values().filter_map(kontor_flow::told::Told::current);
        let newest = payments.max_by_key(|payment| payment.received_at);
        let transaction_id =
            newest.map(|payment| payment.reference.as_deref().unwrap_or(payment.id.as_str()));
        let update = OrderUpdate { status: "processing", transaction_id, meta_data: Vec::new() };
        self.put(calls, id, &update).await?;
        Ok(StepResult::Told)
    }

    /// Tells of a shipment: first status and meta, which can be repeated, and last the note, which can't, because the
    /// customer gets it by mail. So whatever happens before the note may simply be done again. The order is looked at
    /// before it is written to: the status would bring it back if it was just cancelled.
    async fn shipment(&self, job: &Job<'_>, calls: &Calls) -> Result<StepResult, CallError> {
        let shipment = shipment(job)?;
        if matches!(job.order.facts.life(), OrderLife::Cancelled | OrderLife::Deleted) {
            return Err(unmapped(
                "a parcel left for an order that is cancelled in the shop: decide there what becomes of it",
            ));
        }
        let id = job.order.key.order.as_str();
        let notes = format!("{id}/notes");
        let mark = format!("[{}]", shipment.id);
        if matches!(job.past, Past::Unknown | Past::Withdrawn) {
            let known: Vec<Note> = self.get(calls, GET_NOTES, &notes).await?;
            if known.iter().any(|note| note.note.contains(&mark)) {
                return Ok(StepResult::Told);
            }
        }
        let standing: Standing = self.get(calls, GET_ORDER, id).await?;
        if matches!(standing.status, Status::Cancelled | Status::Refunded | Status::Trash | Status::Draft) {
            let why = "a parcel left for an order that is cancelled, refunded or gone in the shop: decide there what becomes of it";
            return Err(refused(GET_ORDER, 200, "not_shippable", why));
        }
        let meta = NewMeta { key: format!("_kontor_shipment_{}", shipment.id), value: parcel(shipment) };
        let update = OrderUpdate { status: "completed", transaction_id: None, meta_data: vec![meta] };
        self.put(calls, id, &update).await?;
        let note = NewNote { note: note(job, shipment, &mark), customer_note: true };
        let request = self.request(Method::POST, &notes)?.json(&note);
        let answer = calls.send(System::Woocommerce, POST_NOTE, Effect::Possible, request).await?;
        let _: Note = understood(POST_NOTE, Effect::Possible, &answer)?;
        Ok(StepResult::Told)
    }

    /// Cancels the order, if nothing happened to it meanwhile that a person should know of first.
    async fn cancel(&self, job: &Job<'_>, calls: &Calls) -> Result<StepResult, CallError> {
        let outcome = |word: &str| Ok(StepResult::Cancelled { outcome: word.to_owned() });
        match job.order.facts.life() {
            OrderLife::Cancelled => return outcome("cancelled by the shop"),
            OrderLife::Deleted => return outcome("deleted by the shop"),
            OrderLife::Open | OrderLife::OnHold | OrderLife::Completed => {}
        }
        let id = job.order.key.order.as_str();
        let standing: Standing = match self.get(calls, GET_ORDER, id).await {
            Err(CallError::Refused { problem, .. }) if problem.kind == NO_SUCH_ORDER => {
                return outcome("not there");
            }
            standing => standing?,
        };
        match standing.status {
            Status::Cancelled => return outcome("cancelled already"),
            Status::Trash => return outcome("deleted by the shop"),
            Status::Completed => return Err(paid_meanwhile()),
            // What was refunded was paid; nothing of it is left to cancel.
            Status::Refunded => return outcome("refunded by the shop"),
            Status::Pending
            | Status::OnHold
            | Status::Processing
            | Status::Failed
            | Status::Draft
            | Status::Other(_) => {}
        }
        if standing.date_paid_gmt.is_some() {
            return Err(paid_meanwhile());
        }
        let update = OrderUpdate { status: "cancelled", transaction_id: None, meta_data: Vec::new() };
        match self.put(calls, id, &update).await {
            Ok(_) => outcome("cancelled"),
            Err(CallError::Refused { problem, .. }) if problem.kind == NO_SUCH_ORDER => outcome("not there"),
            Err(error) => Err(error),
        }
    }
}

/// The shipment a command is about.
fn shipment<'a>(job: &Job<'a>) -> Result<&'a Shipment, CallError> {
    let item = job.command.step.item.as_deref();
    let mut known = job.order.facts.shipments.iter();
    let told = known.find(|(id, _)| Some(id.as_str()) == item).and_then(|(_, told)| told.current());
    told.ok_or_else(|| unmapped("the shipment of the command is not known"))
}

fn parcel(shipment: &Shipment) -> Parcel<'_> {
    Parcel {
        carrier: shipment.carrier.as_deref().unwrap_or_default(),
        tracking: shipment.tracking.iter().map(kontor_domain::TrackingNumber::as_str).collect(),
        tracking_url: shipment.tracking_url.as_deref().unwrap_or_default(),
        shipped_at: shipment.shipped_at.to_string(),
    }
}

/// What the customer reads. The mark at its end is what the note is found by.
fn note(job: &Job<'_>, shipment: &Shipment, mark: &str) -> String {
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

/// The answer, if it says yes and can be read.
fn understood<T: DeserializeOwned>(
    call: &'static str,
    effect: Effect,
    answer: &Answer,
) -> Result<T, CallError> {
    let system = System::Woocommerce;
    let status = answer.status.as_u16();
    if answer.status.is_success() {
        return reading::body(&answer.body).map_err(|error| CallError::Unreadable {
            system,
            call,
            effect,
            source: error.into(),
        });
    }
    let problem = match reading::body::<ErrorBody>(&answer.body) {
        Ok(error) => Problem { kind: error.code, title: error.message, ..Problem::default() },
        Err(_) => Problem {
            kind: "http".to_owned(),
            title: "no answer of WooCommerce's".to_owned(),
            ..Problem::default()
        },
    };
    Err(match status {
        401 | 403 => CallError::Denied { system, call, status, problem },
        _ => CallError::Refused { system, call, status, problem },
    })
}

fn refused(call: &'static str, status: u16, kind: &str, title: &str) -> CallError {
    let problem = Problem { kind: kind.to_owned(), title: title.to_owned(), ..Problem::default() };
    CallError::Refused { system: System::Woocommerce, call, status, problem }
}

/// Cancelling does not give money back, and does not call a parcel back: a person decides.
fn paid_meanwhile() -> CallError {
    let why = "the order was paid or completed in the shop meanwhile";
    refused(GET_ORDER, 200, "not_cancellable", why)
}

fn unmapped(what: &str) -> CallError {
    CallError::Unmapped { system: System::Woocommerce, what: what.to_owned() }
}

#[async_trait]
impl Connector for WooCommerce {
    async fn perform(&self, job: Job<'_>) -> Result<Finish, CallError> {
        let calls = Calls::default();
        let result = match job.command.action {
            Action::ShopPaid => self.paid(&job, &calls).await?,
            Action::ShopShipment => self.shipment(&job, &calls).await?,
            Action::ShopCancel => self.cancel(&job, &calls).await?,
            Action::ErpCustomer
            | Action::ErpSalesOrder
            | Action::ErpPayment
            | Action::ErpShipment
            | Action::ErpInvoice
            | Action::ErpCancel
            | Action::MailSend => return Err(unmapped("this is no work for a shop")),
        };
        Ok(Finish { result, calls: calls.made() })
    }

    /// Its webhooks are signed and carry the order, so nothing is ever looked up.
    async fn look_up(&self, hint: &Hint, _now: Timestamp) -> Result<Vec<Happened>, CallError> {
        Err(refused(
            "look up",
            0,
            "no_hints",
            &format!("WooCommerce sends no hints, but one names a {}", hint.entity),
        ))
    }
}
