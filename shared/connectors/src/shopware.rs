//! Shopware: not connected yet.

use async_trait::async_trait;
use jiff::Timestamp;
use kontor_domain::{ShopId, ShopOrderId};
use kontor_flow::ports::{Connector, Job, ReadError, Storefront};
use kontor_flow::storefront::{Finding, Hook, Notice, OrderPage, Sighting, Window};
use kontor_flow::{CallError, Envelope, Finish, Happened, Hint, System};
use secrecy::SecretString;

use crate::config::ShopConfig;
use crate::proof::{Encoding, Proof, Topic};
use crate::secrets::{MissingSecret, SecretBook};

/// How this shop signs.
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
        signature_header: "shopware-shop-signature",
        encoding: Encoding::Hex,
        topic: Topic::Body("notice"),
        kept_headers: &[],
        ping_prefix: None,
        secrets,
    }
}

/// Reads an order that was fetched.
///
/// # Errors
/// [`ReadError`] with the place in the body.
pub fn read(shop: &ShopConfig, envelope: &Envelope) -> Result<Vec<Happened>, ReadError> {
    Err(crate::reading::failed(shop, envelope, "Shopware is not connected yet".into()))
}

/// Speaks to the API of one Shopware shop.
pub struct Shopware {}

impl Shopware {
    /// Makes the connector.
    ///
    /// # Errors
    /// [`MissingSecret`] if the keys were not resolved.
    pub fn new(
        _shop: &ShopConfig,
        _secrets: &SecretBook,
        _client: reqwest::Client,
    ) -> Result<Self, MissingSecret> {
        Ok(Self {})
    }
}

#[async_trait]
impl Connector for Shopware {
    async fn perform(&self, _job: Job<'_>) -> Result<Finish, CallError> {
        Err(unconnected())
    }

    async fn look_up(&self, _hint: &Hint, _now: Timestamp) -> Result<Vec<Happened>, CallError> {
        Err(unconnected())
    }
}

#[async_trait]
impl Storefront for Shopware {
    async fn changed(
        &self,
        _window: Window,
        _page: Option<&str>,
        _now: Timestamp,
    ) -> Result<OrderPage, CallError> {
        Err(unconnected())
    }

    async fn order(&self, _id: &ShopOrderId, _now: Timestamp) -> Result<Option<Sighting>, CallError> {
        Err(unconnected())
    }

    fn notice(&self, _delivery: &Envelope) -> Result<Notice, ReadError> {
        Ok(Notice::Nothing)
    }

    async fn hooks(&self, _address: &str) -> Result<Vec<Hook>, CallError> {
        Err(unconnected())
    }

    async fn connect(&self, _address: &str) -> Result<Vec<String>, CallError> {
        Err(unconnected())
    }

    async fn examine(&self, _address: Option<&str>, _now: Timestamp) -> Vec<Finding> {
        Vec::new()
    }
}

fn unconnected() -> CallError {
    CallError::Unmapped { system: System::Shopware, what: "this is not connected yet".to_owned() }
}
