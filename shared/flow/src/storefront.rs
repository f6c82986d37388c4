//! What a shop can be asked beyond carrying out commands: its orders, and how it is connected to us.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use kontor_domain::ShopOrderId;
use serde::{Deserialize, Serialize};

use crate::ports::{Connector, ReadError};
use crate::{CallError, Envelope};

/// The topic of an envelope whose body we fetched ourselves: one order, as the shop's API tells it. `received_at` is when we
/// asked, so nothing in it is older than that.
pub const FETCHED: &str = "order.fetched";

/// Orders whose revision lies in here, both ends included, by the shop's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// From then.
    pub from: Timestamp,
    /// Until then.
    pub until: Timestamp,
}

/// An order as the shop has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// The order.
    pub order: ShopOrderId,
    /// Its revision by the shop's clock: the `as_of` that reading `envelope` gives.
    pub as_of: Timestamp,
    /// The whole order, to be read like a delivery; its topic is [`FETCHED`].
    pub envelope: Envelope,
}

/// A part of the answer to a poll.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrderPage {
    /// The orders on it.
    pub orders: Vec<Sighting>,
    /// What the next page is asked for with; none if this is the last one. Good for later runs too.
    pub next: Option<String>,
    /// How long to wait before the next page, so as to stay within the shop's limits.
    pub pause: Option<Duration>,
}

/// What a proven delivery is about that does not carry the order itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// These orders changed; they are fetched.
    Orders(Vec<ShopOrderId>),
    /// Something changed; the shop is asked what.
    Something,
    /// Nothing that concerns orders.
    Nothing,
}

/// One of our webhooks, as the shop has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// The shop's word for what it tells of, as in `order.updated`.
    pub topic: String,
    /// Whether the shop calls it.
    pub active: bool,
    /// The shop's id of it; none if it is not there at all.
    pub id: Option<String>,
}

/// One thing that was looked at when a connection was tried, in words for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Whether it is as it should be.
    pub good: bool,
    /// What was looked at: `credentials`, `rights`, `clock`, `webhooks`.
    pub what: String,
    /// What was found, and what to do about it if it is not as it should be. No personal data, no secrets.
    pub said: String,
}

/// A shop, as far as Kontor speaks to it.
#[async_trait]
pub trait Storefront: Connector {
    /// Orders that changed within `window`, oldest first, one page of them. `page` is [`OrderPage::next`] of the page before.
    ///
    /// # Errors
    /// [`CallError`]; nothing was changed in the shop.
    async fn changed(
        &self,
        window: Window,
        page: Option<&str>,
        now: Timestamp,
    ) -> Result<OrderPage, CallError>;

    /// One order; none if the shop has none of that id (any more).
    ///
    /// # Errors
    /// [`CallError`]; nothing was changed in the shop.
    async fn order(&self, id: &ShopOrderId, now: Timestamp) -> Result<Option<Sighting>, CallError>;

    /// What a thin delivery is about.
    ///
    /// # Errors
    /// [`ReadError`] if it can't be read.
    fn notice(&self, delivery: &Envelope) -> Result<Notice, ReadError>;

    /// Our webhooks in the shop, those that should be there and are not included. `address` is where they lead to, as in
    /// `https://you.example/webhooks/shopify/schnee`. Empty for shops that have none or show none.
    ///
    /// # Errors
    /// [`CallError`]; nothing was changed in the shop.
    async fn hooks(&self, address: &str) -> Result<Vec<Hook>, CallError>;

    /// Makes the webhooks that are missing, and switches on those that are switched off. Answers what was done, or what a
    /// person has to do in the shop, a sentence each. Twice does no more than once.
    ///
    /// # Errors
    /// [`CallError`]; some may have been made.
    async fn connect(&self, address: &str) -> Result<Vec<String>, CallError>;

    /// Tries the connection: credentials, rights, clock, webhooks. What can't be tried because of what was found before is
    /// left out.
    async fn examine(&self, address: Option<&str>, now: Timestamp) -> Vec<Finding>;
}
