//! What the shop is asked: its orders, and how it is connected to us.

use async_trait::async_trait;
use jiff::Timestamp;
use kontor_domain::ShopOrderId;
use kontor_flow::ports::{ReadError, Storefront};
use kontor_flow::storefront::{Finding, Hook, Notice, OrderPage, Sighting, Window};
use kontor_flow::{CallError, Envelope};

use super::polls::Asker;
use super::{Shopify, examine, hooks};
use crate::http::Calls;

impl Shopify {
    fn asker(&self, now: Timestamp) -> Asker<'_> {
        Asker { api: &self.api, shop: &self.shop, now, calls: Calls::default() }
    }
}

#[async_trait]
impl Storefront for Shopify {
    async fn changed(
        &self,
        window: Window,
        page: Option<&str>,
        now: Timestamp,
    ) -> Result<OrderPage, CallError> {
        self.asker(now).changed(window, page).await
    }

    async fn order(&self, id: &ShopOrderId, now: Timestamp) -> Result<Option<Sighting>, CallError> {
        self.asker(now).order(id).await
    }

    /// Its webhooks carry the order.
    fn notice(&self, _delivery: &Envelope) -> Result<Notice, ReadError> {
        Ok(Notice::Nothing)
    }

    async fn hooks(&self, address: &str) -> Result<Vec<Hook>, CallError> {
        hooks::hooks(&self.api, &Calls::default(), address).await
    }

    async fn connect(&self, address: &str) -> Result<Vec<String>, CallError> {
        hooks::connect(&self.api, &Calls::default(), address).await
    }

    async fn examine(&self, address: Option<&str>, now: Timestamp) -> Vec<Finding> {
        examine::examine(&self.api, address, now).await
    }
}
