//! weclapp.

use async_trait::async_trait;
use jiff::Timestamp;
use kontor_flow::ports::{Connector, Job};
use kontor_flow::{CallError, Finish, Happened, Hint, System};

use crate::config::ErpConfig;
use crate::secrets::{MissingSecret, SecretBook};

/// The connector.
pub struct Weclapp {}
impl Weclapp {
    /// Makes it.
    pub fn new(shop: &ErpConfig, secrets: &SecretBook, client: reqwest::Client) -> Result<Self, MissingSecret> { todo!() }
}
#[async_trait]
impl Connector for Weclapp {
    async fn perform(&self, job: Job<'_>) -> Result<Finish, CallError> { todo!() }
    async fn look_up(&self, hint: &Hint, now: Timestamp) -> Result<Vec<Happened>, CallError> { todo!() }
}
