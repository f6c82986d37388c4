//! Shopify: proves and reads its webhooks, and tells it of payments, shipments and cancellations (Admin GraphQL).

mod api;
mod carrier;
mod documents;
mod examine;
mod front;
mod graphql;
mod hooks;
mod node;
mod order;
mod packing;
mod parcels;
mod polls;
mod privacy;
mod read;
mod refund;
mod shipping;
#[cfg(test)]
mod tests;
mod translate;
mod wire;

use async_trait::async_trait;
use jiff::Timestamp;
use kontor_domain::{OrderLife, ShopId};
use kontor_flow::ports::{Connector, Job, Past};
use kontor_flow::remedy::Effect;
use kontor_flow::{Action, CallError, Finish, Happened, Hint, Problem, StepResult, System};

use secrecy::SecretString;

use self::api::Api;
use self::documents::{CANCEL, MARK_PAID, STATE};
use self::graphql::{ById, ByInput, CancelData, CancelVariables, PaidData, StateData};
pub use self::privacy::{PrivacyRequest, Wish, privacy_request};
pub use self::read::read;
use self::wire::FinancialStatus;
use crate::config::ShopConfig;
use crate::http::Calls;
use crate::proof::{Encoding, Proof, Topic};
use crate::secrets::{MissingSecret, SecretBook};

/// What Shopify says of an order that is cancelled already (recorded 2026-06-29).
const CANCELLED_ALREADY: &str = "already been canceled";

/// The longest note for the staff, in characters.
const LONGEST_NOTE: usize = 255;

/// How this shop signs: base64 of HMAC-SHA256 with the app's client secret in `X-Shopify-Hmac-Sha256`. Webhooks that were
/// made by hand in the shop's settings have a secret of their own, shown there.
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
        signature_header: "x-shopify-hmac-sha256",
        encoding: Encoding::Base64,
        topic: Topic::Header("x-shopify-topic"),
        kept_headers: &["x-shopify-triggered-at", "x-shopify-shop-domain"],
        ping_prefix: None,
        secrets,
    }
}

/// Speaks to the Admin API of one Shopify shop.
pub struct Shopify {
    api: Api,
    shop: ShopId,
}

impl Shopify {
    /// Makes the connector.
    ///
    /// # Errors
    /// [`MissingSecret`] if the access token was not resolved.
    pub fn new(
        shop: &ShopConfig,
        secrets: &SecretBook,
        client: reqwest::Client,
    ) -> Result<Self, MissingSecret> {
        Ok(Self { api: Api::new(shop, secrets, client)?, shop: shop.id.clone() })
    }

    /// Marks the order as paid. A second time Shopify refuses, and says in the same breath that it is paid.
    async fn paid(&self, job: &Job<'_>, calls: &Calls) -> Result<StepResult, CallError> {
        let call = "orderMarkAsPaid";
        let id = gid(job);
        let variables = ByInput { input: ById { id: &id } };
        let data: PaidData = self.api.ask(calls, call, Effect::Possible, MARK_PAID, variables).await?;
        let payload = data.order_mark_as_paid.ok_or_else(|| nothing(call))?;
        let status = payload.order.and_then(|order| order.display_financial_status);
        let refund =
            |status| matches!(status, FinancialStatus::PartiallyRefunded | FinancialStatus::Refunded);
        if status.is_some_and(|status| status == FinancialStatus::Paid || refund(status)) {
            return Ok(StepResult::Told);
        }
        api::settled(call, &payload.user_errors)?;
        Ok(StepResult::Told)
    }

    /// Cancels the order and gives its goods back to the stock. Shopify does it in a job of its own.
    async fn cancel(&self, job: &Job<'_>, calls: &Calls) -> Result<StepResult, CallError> {
        let call = "orderCancel";
        let outcome = |word: &str| Ok(StepResult::Cancelled { outcome: word.to_owned() });
        match job.order.facts.life() {
            OrderLife::Cancelled => return outcome("cancelled by the shop"),
            OrderLife::Deleted => return outcome("deleted by the shop"),
            OrderLife::Open | OrderLife::OnHold | OrderLife::Completed => {}
        }
        let id = gid(job);
        if job.past != Past::Clean && self.is_cancelled(&id, calls).await? {
            return outcome("cancelled already");
        }
        let note = format!("Kontor {}", job.command.id()).chars().take(LONGEST_NOTE).collect();
        let variables = CancelVariables { id: &id, note };
        let data: CancelData = self.api.ask(calls, call, Effect::Possible, CANCEL, variables).await?;
        let errors = data.order_cancel.ok_or_else(|| nothing(call))?.order_cancel_user_errors;
        if errors.iter().any(|error| error.message.contains(CANCELLED_ALREADY)) {
            return outcome("cancelled already");
        }
        api::settled(call, &errors)?;
        outcome("cancellation accepted")
    }
}

impl Shopify {
    /// Whether an earlier attempt cancelled it: Shopify answers before it has done so.
    async fn is_cancelled(&self, id: &str, calls: &Calls) -> Result<bool, CallError> {
        let data: StateData = self.api.ask(calls, "order", Effect::None, STATE, ById { id }).await?;
        let order = data.order.ok_or_else(|| refused("order", "not_found", "the shop has no such order"))?;
        Ok(order.cancelled_at.is_some())
    }
}

/// The order's id in the Admin API.
fn gid(job: &Job<'_>) -> String {
    format!("gid://shopify/Order/{}", job.order.key.order)
}

/// An answer without errors and without the payload that was asked for.
fn nothing(call: &'static str) -> CallError {
    refused(call, "no_data", "the answer has no data")
}

fn refused(call: &'static str, kind: &str, title: &str) -> CallError {
    let problem = Problem { kind: kind.to_owned(), title: title.to_owned(), ..Problem::default() };
    CallError::Refused { system: System::Shopify, call, status: 200, problem }
}

fn unmapped(what: &str) -> CallError {
    CallError::Unmapped { system: System::Shopify, what: what.to_owned() }
}

#[async_trait]
impl Connector for Shopify {
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
            "no_hints",
            &format!("Shopify sends no hints, but one names a {}", hint.entity),
        ))
    }
}
