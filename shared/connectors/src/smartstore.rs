//! Smartstore (5 and later): asks it for orders, and tells it of payments, shipments and cancellations (Web API, OData v4).
//!
//! Facts: `contracts/smartstore`, read from the shop's source. It sends no webhooks; a thin notice, made by the merchant, says
//! at most which order to fetch. It answers 200 with the unchanged record where it did nothing, so every answer is compared
//! with what was wanted.

mod api;
mod bundle;
mod front;
mod html;
mod links;
mod notice;
mod order;
mod read;
mod reckoner;
mod shipping;
#[cfg(test)]
mod tests;
mod wire;

use async_trait::async_trait;
use jiff::Timestamp;
use kontor_domain::{OrderLife, ShopId};
use kontor_flow::ports::{Connector, Job, Past};
use kontor_flow::remedy::Effect;
use kontor_flow::{Action, CallError, Finish, Happened, Hint, Problem, StepResult, System};
use reqwest::Method;
use secrecy::SecretString;

use self::api::{Api, query, understood};
pub use self::read::read;
use self::wire::{List, NoParameters, Notify, OrderStatus, PaymentStatus, ShippingStatus, Standing};
use crate::config::ShopConfig;
use crate::http::Calls;
use crate::proof::{Encoding, Proof, Topic};
use crate::reading;
use crate::secrets::{MissingSecret, SecretBook};

const LOOK: &str = "GET /odata/v1/Orders";
const POST_PAID: &str = "POST /odata/v1/Orders({id})/PaymentPaid";
const POST_CANCEL: &str = "POST /odata/v1/Orders({id})/Cancel";

/// How notices are proven (`contracts/smartstore/webhook-proposal.json`, ours, not Smartstore's): `X-Shop-Signature` over the time
/// in `X-Shop-Timestamp` and the body, a bearer, or a token in the address.
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
        signature_header: "x-shop-signature",
        encoding: Encoding::Stamped("x-shop-timestamp"),
        topic: Topic::Body("notice"),
        kept_headers: &[],
        ping_prefix: None,
        secrets,
    }
}

/// Speaks to the Web API of one Smartstore shop.
pub struct Smartstore {
    shop: ShopId,
    api: Api,
}

impl Smartstore {
    /// Makes the connector.
    ///
    /// # Errors
    /// [`MissingSecret`] if the keys were not resolved.
    pub fn new(
        shop: &ShopConfig,
        secrets: &SecretBook,
        client: reqwest::Client,
    ) -> Result<Self, MissingSecret> {
        Ok(Self { shop: shop.id.clone(), api: Api::new(shop, secrets, client)? })
    }

    /// Where an order stands; none if the shop has none of that id.
    async fn standing(&self, calls: &Calls, id: u64) -> Result<Option<Standing>, CallError> {
        let filter = format!("Id eq {id}");
        let select = "Id,OrderStatusId,PaymentStatusId,ShippingStatusId,Deleted";
        let path = query(&[("$filter", filter.as_str()), ("$select", select)]);
        let list: List = self.api.get(calls, LOOK, &format!("Orders{path}")).await?;
        let Some(one) = list.value.first() else { return Ok(None) };
        let standing = reading::body(one.get().as_bytes()).map_err(|error| CallError::Unreadable {
            system: System::Smartstore,
            call: LOOK,
            effect: Effect::None,
            source: error.into(),
        });
        standing.map(Some)
    }

    /// Marks the order as paid. The shop would do so also with what was paid back or voided, so it is looked at first, always.
    async fn paid(&self, job: &Job<'_>, calls: &Calls) -> Result<StepResult, CallError> {
        let id = order_id(job)?;
        let gone = || refused(LOOK, 200, "not_payable", "the shop has no such order any more");
        let standing = self.standing(calls, id).await?.ok_or_else(gone)?;
        match standing.payment_status_id {
            // What was paid back was paid.
            PaymentStatus::Paid | PaymentStatus::PartiallyRefunded | PaymentStatus::Refunded => {
                return Ok(StepResult::Told);
            }
            PaymentStatus::Voided => {
                let why = "the payment is voided in the shop: decide there whether the order is paid";
                return Err(refused(LOOK, 200, "not_payable", why));
            }
            PaymentStatus::Other(_) => {
                let why =
                    "the shop has the payment in a status that Kontor does not know: mark it as paid by hand";
                return Err(refused(LOOK, 200, "not_payable", why));
            }
            PaymentStatus::Pending | PaymentStatus::Authorized => {}
        }
        if standing.deleted || standing.order_status_id == OrderStatus::Cancelled {
            return Err(refused(LOOK, 200, "not_payable", "the order is cancelled or gone in the shop"));
        }
        if job.past == Past::Withdrawn {
            return Ok(StepResult::Withdrawn);
        }
        let path = format!("Orders({id})/PaymentPaid");
        let answer = self.api.write(calls, POST_PAID, Method::POST, &path, &NoParameters {}).await?;
        let now: Standing = understood(POST_PAID, Effect::Possible, &answer)?;
        match now.payment_status_id {
            PaymentStatus::Paid | PaymentStatus::PartiallyRefunded | PaymentStatus::Refunded => {
                Ok(StepResult::Told)
            }
            PaymentStatus::Pending
            | PaymentStatus::Authorized
            | PaymentStatus::Voided
            | PaymentStatus::Other(_) => {
                let why =
                    "the shop said yes, but the order is not marked as paid: mark it by hand in the shop";
                Err(refused(POST_PAID, 200, "not_paid", why))
            }
        }
    }

    /// Cancels the order, if nothing happened to it meanwhile that a person should know of first. The shop gives the goods back
    /// to its stock and writes to the customer.
    async fn cancel(&self, job: &Job<'_>, calls: &Calls) -> Result<StepResult, CallError> {
        let outcome = |word: &str| Ok(StepResult::Cancelled { outcome: word.to_owned() });
        match job.order.facts.life() {
            OrderLife::Cancelled => return outcome("cancelled by the shop"),
            OrderLife::Deleted => return outcome("deleted by the shop"),
            OrderLife::Open | OrderLife::OnHold | OrderLife::Completed => {}
        }
        let id = order_id(job)?;
        let Some(standing) = self.standing(calls, id).await? else { return outcome("not there") };
        if standing.deleted {
            return outcome("deleted by the shop");
        }
        match standing.order_status_id {
            OrderStatus::Cancelled => return outcome("cancelled already"),
            OrderStatus::Complete => return Err(meanwhile()),
            OrderStatus::Pending | OrderStatus::Processing | OrderStatus::Other(_) => {}
        }
        match standing.payment_status_id {
            PaymentStatus::Paid | PaymentStatus::PartiallyRefunded => return Err(meanwhile()),
            // Nothing of what was paid back in full is left; the goods still have to go back to the stock.
            PaymentStatus::Refunded
            | PaymentStatus::Pending
            | PaymentStatus::Authorized
            | PaymentStatus::Voided
            | PaymentStatus::Other(_) => {}
        }
        match standing.shipping_status_id {
            ShippingStatus::PartiallyShipped | ShippingStatus::Shipped | ShippingStatus::Delivered => {
                return Err(meanwhile());
            }
            ShippingStatus::NotRequired | ShippingStatus::NotYetShipped | ShippingStatus::Other(_) => {}
        }
        let body = Notify { notify_customer: true };
        let answer =
            self.api.write(calls, POST_CANCEL, Method::POST, &format!("Orders({id})/Cancel"), &body).await?;
        let now: Standing = understood(POST_CANCEL, Effect::Possible, &answer)?;
        if now.order_status_id == OrderStatus::Cancelled {
            return outcome("cancelled");
        }
        let why = "the shop said yes, but the order is not cancelled: cancel it by hand in the shop";
        Err(refused(POST_CANCEL, 200, "not_cancelled", why))
    }
}

/// The order's number in the API.
fn order_id(job: &Job<'_>) -> Result<u64, CallError> {
    let id = job.order.key.order.as_str();
    id.parse::<u32>()
        .map(u64::from)
        .map_err(|_| unmapped("ids of Smartstore are numbers, and this order's is none"))
}

/// Cancelling does not give money back, and does not call a parcel back: a person decides.
fn meanwhile() -> CallError {
    let why =
        "the order was paid, shipped or completed in the shop meanwhile: decide there what becomes of it";
    refused(LOOK, 200, "not_cancellable", why)
}

fn refused(call: &'static str, status: u16, kind: &str, title: &str) -> CallError {
    let problem = Problem { kind: kind.to_owned(), title: title.to_owned(), ..Problem::default() };
    CallError::Refused { system: System::Smartstore, call, status, problem }
}

fn unmapped(what: &str) -> CallError {
    CallError::Unmapped { system: System::Smartstore, what: what.to_owned() }
}

#[async_trait]
impl Connector for Smartstore {
    async fn perform(&self, job: Job<'_>) -> Result<Finish, CallError> {
        let calls = Calls::default();
        let result = match job.command.action {
            Action::ShopPaid => self.paid(&job, &calls).await?,
            Action::ShopShipment => shipping::tell(&self.api, &job, &calls).await?,
            Action::ShopCancel => self.cancel(&job, &calls).await?,
            Action::ErpCustomer
            | Action::ErpSalesOrder
            | Action::ErpPayment
            | Action::ErpShipment
            | Action::ErpInvoice
            | Action::ErpCancel
            | Action::ErpUpdate
            | Action::ErpCreditNote
            | Action::MailSend => return Err(unmapped("this is no work for a shop")),
        };
        Ok(Finish { result, calls: calls.made() })
    }

    /// Its notices name an order, which is fetched as such; nothing else is ever looked up.
    async fn look_up(&self, hint: &Hint, _now: Timestamp) -> Result<Vec<Happened>, CallError> {
        let why = format!("Smartstore sends no hints, but one names a {}", hint.entity);
        Err(refused("look up", 0, "no_hints", &why))
    }
}
