//! WooCommerce: proves and reads its webhooks, and tells it of payments, shipments and cancellations (REST v3).

mod api;
mod front;
mod hooks;
mod order;
mod paging;
mod read;
mod refunds;
mod shipping;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::RwLock;

use async_trait::async_trait;
use jiff::Timestamp;
use kontor_domain::{OrderLife, ShopId};
use kontor_flow::ports::{Connector, Job, Past};
use kontor_flow::{Action, CallError, Finish, Happened, Hint, StepResult};
use reqwest::Method;
use secrecy::SecretString;

use self::api::{CORE, NO_SUCH_ORDER, refused, unmapped};
pub use self::read::read;
use self::wire::{OrderUpdate, Standing, Status};
use crate::config::{ShopConfig, Tracking};
use crate::http::Calls;
use crate::proof::{Encoding, Proof, Topic};
use crate::secrets::{MissingSecret, SecretBook};

const GET_ORDER: &str = "GET /orders/{id}";
const PUT_ORDER: &str = "PUT /orders/{id}";

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
    shop: ShopId,
    /// Up to `/wp-json`.
    base: String,
    keys: Option<(SecretString, SecretString)>,
    /// What webhooks are signed with, where that is at hand.
    signing: Option<SecretString>,
    /// How it is told of parcels, if the configuration says so, and as was found out.
    tracking: Option<Tracking>,
    found: RwLock<Option<Tracking>>,
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
        // Who only carries out commands has no webhook secrets.
        let signing = shop.webhook_secrets.first().and_then(|secret| secrets.get(secret).ok());
        Ok(Self {
            shop: shop.id.clone(),
            base: format!("{}/wp-json", shop.url.trim_end_matches('/')),
            keys,
            signing,
            tracking: shop.api.as_ref().and_then(|api| api.tracking),
            found: RwLock::new(None),
            client,
        })
    }

    /// Writes to the order. The same words twice have one effect.
    async fn put(&self, calls: &Calls, id: &str, update: &OrderUpdate<'_>) -> Result<Standing, CallError> {
        self.write(calls, (Method::PUT, PUT_ORDER), &format!("{CORE}/orders/{id}"), update).await
    }

    /// Marks the order as paid. `set_paid` does nothing for orders that are on hold, so the status is set. It is looked at
    /// first, always: a webhook may be minutes late, and the write would bring an order back that was just cancelled.
    async fn paid(&self, job: &Job<'_>, calls: &Calls) -> Result<StepResult, CallError> {
        let id = job.order.key.order.as_str();
        let standing: Standing = self.get(calls, GET_ORDER, &format!("{CORE}/orders/{id}")).await?;
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
        if job.past == Past::Withdrawn {
            return Ok(StepResult::Withdrawn);
        }
        let payments = job.order.facts.payments.values().filter_map(kontor_flow::told::Told::current);
        let newest = payments.max_by_key(|payment| payment.received_at);
        let transaction_id =
            newest.map(|payment| payment.reference.as_deref().unwrap_or(payment.id.as_str()));
        let update = OrderUpdate { status: Some("processing"), transaction_id, meta_data: Vec::new() };
        self.put(calls, id, &update).await?;
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
        let standing: Standing = match self.get(calls, GET_ORDER, &format!("{CORE}/orders/{id}")).await {
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
        let update = OrderUpdate { status: Some("cancelled"), ..OrderUpdate::default() };
        match self.put(calls, id, &update).await {
            Ok(_) => outcome("cancelled"),
            Err(CallError::Refused { problem, .. }) if problem.kind == NO_SUCH_ORDER => outcome("not there"),
            Err(error) => Err(error),
        }
    }
}

/// Cancelling does not give money back, and does not call a parcel back: a person decides.
fn paid_meanwhile() -> CallError {
    let why = "the order was paid or completed in the shop meanwhile";
    refused(GET_ORDER, 200, "not_cancellable", why)
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
            | Action::ErpUpdate
            | Action::ErpCreditNote
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
