//! Shopify.

use async_trait::async_trait;
use jiff::Timestamp;
use kontor_flow::ports::{Connector, Job, ReadError};
use kontor_flow::{CallError, Envelope, Finish, Happened, Hint, System};

use crate::config::ShopConfig;
use crate::proof::Proof;
use crate::secrets::{MissingSecret, SecretBook};

/// How this shop signs.
pub fn proof(shop: &ShopConfig, secrets: &SecretBook) -> Result<Proof, MissingSecret> { todo!() }
/// Reads a delivery.
pub fn read(shop: &ShopConfig, envelope: &Envelope) -> Result<Vec<Happened>, ReadError> { todo!() }
/// The connector.
pub struct Shopify {}
impl Shopify {
    /// Makes it.
    pub fn new(shop: &ShopConfig, secrets: &SecretBook, client: reqwest::Client) -> Result<Self, MissingSecret> { todo!() }
}
#[async_trait]
impl Connector for Shopify {
    async fn perform(&self, job: Job<'_>) -> Result<Finish, CallError> { todo!() }
    async fn look_up(&self, hint: &Hint, now: Timestamp) -> Result<Vec<Happened>, CallError> { todo!() }
}
