//! What the shop is asked: its orders, and how it is connected to us.

use async_trait::async_trait;
use jiff::Timestamp;
use kontor_domain::ShopOrderId;
use kontor_flow::ports::{ReadError, Storefront};
use kontor_flow::storefront::{Finding, Hook, Notice, OrderPage, Sighting, Window};
use kontor_flow::{CallError, Envelope, System};

use super::Shopify;

#[async_trait]
impl Storefront for Shopify {
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
    CallError::Unmapped { system: System::Shopify, what: "this is not connected yet".to_owned() }
}
