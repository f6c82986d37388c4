//! Shopware on the wire: an order as the Admin API and the webhooks tell it. Associations that were not asked for are null;
//! PHP writes empty objects as lists. The vendor's OpenAPI document is too strict for real answers, so nothing of it is relied on.

mod order;
mod states;

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub(super) use self::order::{Address, Delivery, LineItem, Method, Order, Price, Rounding, Transaction};
pub(super) use self::states::{DeliveryState, OrderState, PaymentState};
use crate::reading::{Perhaps, Token};

/// A list, however PHP wrote it: as a list, as an object with numbers for names, or not at all.
#[derive(Clone)]
pub(super) struct Listed<T>(pub(super) Vec<T>);

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_unit<E>(self) -> Result<Vec<T>, E> {
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
        let mut all = Vec::new();
        while let Some(one) = seq.next_element()? {
            all.push(one);
        }
        Ok(all)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<T>, A::Error> {
        let mut all = Vec::new();
        while let Some((_, one)) = map.next_entry::<IgnoredAny, T>()? {
            all.push(one);
        }
        Ok(all)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Listed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListVisitor(PhantomData)).map(Self)
    }
}

/// Where a body has its order: at the top (what was fetched), as `order` beside a payment or refund, or in the payload of a
/// business event.
#[derive(Deserialize)]
pub(super) struct Wrapped {
    #[serde(default)]
    pub(super) order: Option<Box<RawValue>>,
    #[serde(default)]
    pub(super) data: Perhaps<EventData>,
}

/// What a webhook tells.
#[derive(Deserialize)]
pub(super) struct EventData {
    /// The event's name, as in `checkout.order.placed`.
    #[serde(default)]
    pub(super) event: Perhaps<String>,
    /// An object for business events, a list for `*.written`.
    #[serde(default)]
    pub(super) payload: Option<Box<RawValue>>,
}

/// The payload of a business event, as far as it is read before the order is fetched.
#[derive(Deserialize)]
pub(super) struct BusinessEvent {
    pub(super) order: Option<OrderRef>,
}

/// An order by its id.
#[derive(Deserialize)]
pub(super) struct OrderRef {
    pub(super) id: String,
    #[serde(rename = "versionId")]
    #[serde(default)]
    pub(super) version_id: Perhaps<String>,
}

/// The order in the payload of a business event, whole.
#[derive(Deserialize)]
pub(super) struct EventWithOrder {
    pub(super) order: Option<Box<RawValue>>,
}

/// One line of the payload of `*.written`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Written {
    pub(super) entity: String,
    /// Several keys of one record are an object; then it is no order.
    #[serde(default)]
    pub(super) primary_key: Perhaps<String>,
    #[serde(default)]
    pub(super) version_id: Perhaps<String>,
}

/// A state of one of Shopware's state machines.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct State<T> {
    pub(super) technical_name: T,
}

/// When a record was made and changed; `updatedAt` is null until the first change.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Stamp {
    #[serde(default)]
    pub(super) created_at: Option<String>,
    #[serde(default)]
    pub(super) updated_at: Option<String>,
}

/// When an order and the records below it were made and changed. Changes below it need not touch the order's own time.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Stamps {
    #[serde(default)]
    pub(super) created_at: Option<String>,
    #[serde(default)]
    pub(super) updated_at: Option<String>,
    #[serde(default)]
    pub(super) order_customer: Option<Stamp>,
    #[serde(default)]
    pub(super) billing_address: Option<Stamp>,
    #[serde(default)]
    pub(super) addresses: Listed<Stamp>,
    #[serde(default)]
    pub(super) deliveries: Listed<Stamp>,
    #[serde(default)]
    pub(super) line_items: Listed<Stamp>,
    #[serde(default)]
    pub(super) transactions: Listed<Stamp>,
}

/// What is read of an order even where the rest of it can't be: whether it is to be carried out at all.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Outline {
    pub(super) id: String,
    #[serde(default)]
    pub(super) state_machine_state: Option<State<OrderState>>,
}

/// What is read of a record where nothing else of it can be.
#[derive(Deserialize)]
pub(super) struct Named {
    pub(super) id: String,
}

/// The answer to a search, records untouched.
#[derive(Deserialize)]
pub(super) struct Page {
    pub(super) data: Vec<Box<RawValue>>,
}

/// A record that belongs to an order.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Child {
    pub(super) order_id: String,
}

/// What an access token is asked for with.
#[derive(Serialize)]
pub(super) struct Grant<'a> {
    pub(super) grant_type: &'static str,
    pub(super) client_id: &'a str,
    pub(super) client_secret: &'a str,
}

/// An access token.
#[derive(Deserialize)]
pub(super) struct Granted {
    /// In seconds.
    pub(super) expires_in: u32,
    pub(super) access_token: String,
}

/// Shopware's errors.
#[derive(Deserialize)]
pub(super) struct Errors {
    pub(super) errors: Vec<ErrorItem>,
}

/// One of them.
#[derive(Deserialize)]
pub(super) struct ErrorItem {
    #[serde(default)]
    pub(super) code: Perhaps<Token>,
    #[serde(default)]
    pub(super) title: Option<String>,
    #[serde(default)]
    pub(super) detail: Option<String>,
    #[serde(default)]
    pub(super) source: Perhaps<ErrorSource>,
}

/// Where in the request.
#[derive(Clone, Deserialize)]
pub(super) struct ErrorSource {
    #[serde(default)]
    pub(super) pointer: Option<String>,
}

/// The version of Shopware.
#[derive(Deserialize)]
pub(super) struct Version {
    pub(super) version: String,
}

/// A webhook as the shop has it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Webhook {
    pub(super) id: String,
    pub(super) event_name: String,
    pub(super) url: String,
    #[serde(default)]
    pub(super) active: Option<bool>,
}

/// How an order stands, as far as commands must know.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Standing {
    pub(super) state_machine_state: Option<State<OrderState>>,
    #[serde(default)]
    pub(super) primary_order_delivery_id: Option<String>,
    #[serde(default)]
    pub(super) primary_order_transaction_id: Option<String>,
    #[serde(default)]
    pub(super) deliveries: Listed<Delivery>,
    #[serde(default)]
    pub(super) transactions: Listed<Transaction>,
}

/// Numbers of parcels; the list replaces the one that is there.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TrackingCodes<'a> {
    pub(super) tracking_codes: Vec<&'a str>,
}

/// What goes with a change of state.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Transition {
    pub(super) internal_comment: String,
}
