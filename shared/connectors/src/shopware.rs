//! Shopware 6: proves and reads its webhooks, asks for its orders, and tells it of payments, shipments and cancellations
//! (Admin API).

mod amounts;
mod api;
pub mod app;
mod deeds;
mod examine;
mod front;
mod manifest;
mod order;
mod pages;
mod read;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use kontor_domain::ShopId;
use kontor_flow::ports::{Connector, Job, Tokens};
use kontor_flow::{Action, CallError, Finish, Happened, Hint, Problem, StepResult, System};
use secrecy::SecretString;

use self::api::Api;
pub use self::manifest::{NoAddress, manifest};
pub use self::read::read;
use crate::config::ShopConfig;
use crate::http::Calls;
use crate::proof::{Encoding, Proof, Topic};
use crate::secrets::{MissingSecret, SecretBook};

/// What the shop tells us of. Changes of other records of an order don't always write the order itself, so states are told
/// one by one; what nothing tells of is found by asking.
pub const EVENTS: [&str; 13] = [
    "checkout.order.placed",
    "order.written",
    "state_enter.order.state.cancelled",
    "state_enter.order.state.completed",
    "state_enter.order_transaction.state.paid",
    "state_enter.order_transaction.state.paid_partially",
    "state_enter.order_transaction.state.refunded",
    "state_enter.order_transaction.state.refunded_partially",
    "state_enter.order_transaction.state.cancelled",
    "state_enter.order_transaction.state.failed",
    "state_enter.order_transaction.state.chargeback",
    "state_enter.order_delivery.state.returned",
    "state_enter.order_delivery.state.returned_partially",
];

/// How this shop signs: hex of HMAC-SHA256 in `shopware-shop-signature`, with the secret the app was registered with.
///
/// # Errors
/// [`MissingSecret`] if a webhook secret was not resolved.
pub fn proof(shop: &ShopConfig, secrets: &SecretBook) -> Result<Proof, MissingSecret> {
    let secrets = shop.webhook_secrets.iter().map(|secret| secrets.get(secret));
    Ok(signed(shop.id.clone(), secrets.collect::<Result<_, _>>()?))
}

/// How every shop of this kind signs. What a webhook is about stands in its signed body.
pub(crate) fn signed(shop: ShopId, secrets: Vec<SecretString>) -> Proof {
    Proof {
        shop,
        signature_header: "shopware-shop-signature",
        encoding: Encoding::Hex,
        topic: Topic::Body("notice"),
        kept_headers: &["sw-version"],
        ping_prefix: None,
        secrets,
    }
}

/// Speaks to the Admin API of one Shopware shop.
pub struct Shopware {
    shop: ShopId,
    api: Api,
}

impl Shopware {
    /// Makes the connector. `tokens` keeps what the shop hands to us where Kontor is an app there.
    ///
    /// # Errors
    /// [`MissingSecret`] if the keys were not resolved.
    pub fn new(
        shop: &ShopConfig,
        secrets: &SecretBook,
        client: reqwest::Client,
        tokens: Option<Arc<dyn Tokens>>,
    ) -> Result<Self, MissingSecret> {
        Ok(Self { shop: shop.id.clone(), api: Api::new(shop, secrets, client, tokens)? })
    }
}

/// Whether a text is an id of Shopware's: 32 hexadecimal digits in small letters. Anything else is refused by its API, and
/// has no place in a path.
fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

fn refused(call: &'static str, kind: &str, title: &str) -> CallError {
    let problem = Problem { kind: kind.to_owned(), title: title.to_owned(), ..Problem::default() };
    CallError::Refused { system: System::Shopware, call, status: 200, problem }
}

fn unmapped(what: &str) -> CallError {
    CallError::Unmapped { system: System::Shopware, what: what.to_owned() }
}

#[async_trait]
impl Connector for Shopware {
    async fn perform(&self, job: Job<'_>) -> Result<Finish, CallError> {
        let calls = Calls::default();
        let result: StepResult = match job.command.action {
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

    /// Its webhooks are signed, so nothing is ever looked up by a hint; what they name is fetched.
    async fn look_up(&self, hint: &Hint, _now: Timestamp) -> Result<Vec<Happened>, CallError> {
        Err(refused(
            "look up",
            "no_hints",
            &format!("Shopware sends no hints, but one names a {}", hint.entity),
        ))
    }
}
