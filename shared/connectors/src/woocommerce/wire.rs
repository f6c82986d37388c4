//! WooCommerce on the wire: REST v3, the same form in webhooks and answers. Recorded from WooCommerce 9.2.5.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::reading::{Perhaps, Token};

/// A text; nothing where plugins write `null`.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.unwrap_or_default())
}

/// The body of `order.deleted`: the id and nothing else.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Gone {
    pub(super) id: u64,
}

/// Where an order stands.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub(super) enum Status {
    /// `pending`: waits for the payment provider.
    Pending,
    /// `on-hold`: waits for the money (bank transfer, cheque), or for a person.
    OnHold,
    /// `processing`: paid, or cash on delivery.
    Processing,
    /// `completed`.
    Completed,
    /// `cancelled`.
    Cancelled,
    /// `refunded`: everything was paid back.
    Refunded,
    /// `failed`: the payment failed; the customer may try again.
    Failed,
    /// `trash`.
    Trash,
    /// `auto-draft`, `draft` and `checkout-draft`: nobody has ordered anything yet.
    Draft,
    /// A status of a plugin. Not final.
    Other(String),
}

impl From<String> for Status {
    fn from(word: String) -> Self {
        match word.strip_prefix("wc-").unwrap_or(&word) {
            "pending" => Self::Pending,
            "on-hold" => Self::OnHold,
            "processing" => Self::Processing,
            "completed" => Self::Completed,
            "cancelled" => Self::Cancelled,
            "refunded" => Self::Refunded,
            "failed" => Self::Failed,
            "trash" => Self::Trash,
            "auto-draft" | "draft" | "checkout-draft" => Self::Draft,
            _ => Self::Other(word),
        }
    }
}

/// What is read of an order even where the rest of it can't be: whether it is to be carried out at all.
#[derive(Deserialize)]
pub(super) struct Outline {
    pub(super) id: u64,
    pub(super) status: Status,
    pub(super) date_modified_gmt: String,
    #[serde(default)]
    pub(super) date_completed_gmt: Perhaps<String>,
    #[serde(default)]
    pub(super) currency: Perhaps<String>,
    #[serde(default)]
    pub(super) refunds: Perhaps<Vec<Perhaps<RefundLine>>>,
}

/// What is looked at before a listed order is read: which one it is, and of when.
#[derive(Deserialize)]
pub(super) struct Glimpse {
    pub(super) id: u64,
    pub(super) status: Status,
    pub(super) date_modified_gmt: String,
    #[serde(default)]
    refunds: Perhaps<Vec<Box<RawValue>>>,
}

impl Glimpse {
    pub(super) fn has_refunds(&self) -> bool {
        self.refunds.0.as_ref().is_some_and(|refunds| !refunds.is_empty())
    }
}

/// An order. `price` of the lines is a float and is not read.
#[derive(Deserialize)]
pub(super) struct Order {
    /// A text, or what a plugin for order numbers makes of it.
    pub(super) number: Token,
    pub(super) currency: String,
    pub(super) prices_include_tax: bool,
    /// Without `Z`, but in UTC; so are all `_gmt`.
    pub(super) date_created_gmt: String,
    pub(super) date_paid_gmt: Option<String>,
    pub(super) total: Token,
    pub(super) total_tax: Token,
    /// 0 for guests.
    pub(super) customer_id: u64,
    pub(super) billing: Address,
    #[serde(default)]
    pub(super) shipping: Address,
    #[serde(default, deserialize_with = "text")]
    pub(super) payment_method: String,
    #[serde(default, deserialize_with = "text")]
    pub(super) payment_method_title: String,
    #[serde(default, deserialize_with = "text")]
    pub(super) transaction_id: String,
    #[serde(default, deserialize_with = "text")]
    pub(super) created_via: String,
    #[serde(default, deserialize_with = "text")]
    pub(super) customer_note: String,
    #[serde(default)]
    pub(super) meta_data: Vec<Meta>,
    pub(super) line_items: Vec<LineItem>,
    #[serde(default)]
    pub(super) tax_lines: Vec<TaxLine>,
    #[serde(default)]
    pub(super) shipping_lines: Vec<ShippingLine>,
    #[serde(default)]
    pub(super) fee_lines: Vec<FeeLine>,
    #[serde(default)]
    pub(super) refunds: Vec<RefundLine>,
    /// Not WooCommerce's: the refunds themselves, put in when we fetched the order.
    #[serde(default)]
    pub(super) kontor_refunds: Vec<RefundRecord>,
}

/// An address. Only the billing address has an e-mail address.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Address {
    #[serde(deserialize_with = "text")]
    pub(super) first_name: String,
    #[serde(deserialize_with = "text")]
    pub(super) last_name: String,
    #[serde(deserialize_with = "text")]
    pub(super) company: String,
    #[serde(deserialize_with = "text")]
    pub(super) address_1: String,
    #[serde(deserialize_with = "text")]
    pub(super) address_2: String,
    #[serde(deserialize_with = "text")]
    pub(super) city: String,
    #[serde(deserialize_with = "text")]
    pub(super) state: String,
    #[serde(deserialize_with = "text")]
    pub(super) postcode: String,
    #[serde(deserialize_with = "text")]
    pub(super) country: String,
    #[serde(deserialize_with = "text")]
    pub(super) phone: String,
    pub(super) email: Option<String>,
}

/// What plugins attach. The value may be anything.
#[derive(Deserialize)]
pub(super) struct Meta {
    pub(super) key: Option<String>,
    pub(super) value: Option<Box<RawValue>>,
}

/// An article, always without tax.
#[derive(Deserialize)]
pub(super) struct LineItem {
    pub(super) id: u64,
    #[serde(default, deserialize_with = "text")]
    pub(super) name: String,
    pub(super) quantity: Token,
    pub(super) subtotal: Token,
    pub(super) subtotal_tax: Token,
    pub(super) total: Token,
    pub(super) total_tax: Token,
    #[serde(default)]
    pub(super) taxes: Vec<Tax>,
    /// Absent once the article is deleted.
    #[serde(default)]
    pub(super) sku: Option<String>,
    #[serde(default)]
    pub(super) meta_data: Vec<Meta>,
}

/// The tax of one rate, with six digits; nothing written where the rate does not apply.
#[derive(Deserialize)]
pub(super) struct Tax {
    /// The `rate_id` of a tax line.
    pub(super) id: u64,
    pub(super) total: Token,
}

/// A rate of tax used in the order.
#[derive(Deserialize)]
pub(super) struct TaxLine {
    pub(super) rate_id: u64,
    /// Not told before WooCommerce 3.7.
    pub(super) rate_percent: Option<Token>,
}

/// Carriage.
#[derive(Deserialize)]
pub(super) struct ShippingLine {
    #[serde(default, deserialize_with = "text")]
    pub(super) method_title: String,
    #[serde(default, deserialize_with = "text")]
    pub(super) method_id: String,
    pub(super) total: Token,
    pub(super) total_tax: Token,
    #[serde(default)]
    pub(super) taxes: Vec<Tax>,
}

/// A fee, or a discount if it is negative.
#[derive(Deserialize)]
pub(super) struct FeeLine {
    pub(super) id: u64,
    #[serde(default)]
    pub(super) name: Option<String>,
    pub(super) total: Token,
    pub(super) total_tax: Token,
    #[serde(default)]
    pub(super) taxes: Vec<Tax>,
}

/// A refund, as an order shows it: a negative total, no time.
#[derive(Deserialize)]
pub(super) struct RefundLine {
    pub(super) id: u64,
    pub(super) total: Token,
}

/// A refund, as `GET /orders/{id}/refunds` tells it: a positive amount, and negative ones for what it is for.
#[derive(Deserialize)]
pub(super) struct RefundRecord {
    pub(super) id: u64,
    pub(super) date_created_gmt: String,
    pub(super) amount: Token,
    #[serde(default)]
    pub(super) line_items: Vec<RefundItem>,
    #[serde(default)]
    pub(super) shipping_lines: Vec<RefundPart>,
    #[serde(default)]
    pub(super) fee_lines: Vec<RefundPart>,
}

/// A line that was refunded; which one of the order stands in its meta.
#[derive(Deserialize)]
pub(super) struct RefundItem {
    pub(super) quantity: Token,
    pub(super) total: Token,
    pub(super) total_tax: Token,
    #[serde(default)]
    pub(super) meta_data: Vec<Meta>,
}

/// Carriage or a fee that was refunded.
#[derive(Deserialize)]
pub(super) struct RefundPart {
    pub(super) total: Token,
    pub(super) total_tax: Token,
}

/// What is looked at before an order is written to.
#[derive(Deserialize)]
pub(super) struct Standing {
    pub(super) status: Status,
    pub(super) date_paid_gmt: Option<String>,
}

/// A note on an order.
#[derive(Deserialize)]
pub(super) struct Note {
    pub(super) note: String,
}

/// An error of the REST API.
#[derive(Deserialize)]
pub(super) struct ErrorBody {
    /// A word; a number where it is that of an exception.
    pub(super) code: Token,
    #[serde(default)]
    pub(super) message: String,
}

/// `PUT /orders/{id}`.
#[derive(Default, Serialize)]
pub(super) struct OrderUpdate<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) transaction_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) meta_data: Vec<NewMeta<'a>>,
}

/// Meta to be written: a key that is there already is overwritten, not doubled.
#[derive(Serialize)]
pub(super) struct NewMeta<'a> {
    pub(super) key: String,
    pub(super) value: Parcel<'a>,
}

/// What the shop is told of a shipment.
#[derive(Serialize)]
pub(super) struct Parcel<'a> {
    pub(super) carrier: &'a str,
    pub(super) tracking: Vec<&'a str>,
    pub(super) tracking_url: &'a str,
    pub(super) shipped_at: String,
}

/// `POST /orders/{id}/notes`.
#[derive(Serialize)]
pub(super) struct NewNote {
    pub(super) note: String,
    pub(super) customer_note: bool,
}

/// A fulfilment of WooCommerce's own (from 10.1 on, off by default; the routes are not there while it is off).
#[derive(Deserialize)]
pub(super) struct Fulfillment {
    #[serde(default)]
    pub(super) meta_data: Vec<Meta>,
}

/// `POST /orders/{id}/fulfillments`.
#[derive(Serialize)]
pub(super) struct NewFulfillment {
    pub(super) status: &'static str,
    pub(super) is_fulfilled: bool,
    pub(super) meta_data: Vec<RawMeta>,
}

/// A field of a fulfilment.
#[derive(Serialize)]
pub(super) struct RawMeta {
    pub(super) key: &'static str,
    pub(super) value: Box<RawValue>,
}

/// What is in a fulfilment: a line of the order, and how many pieces of it.
#[derive(Serialize)]
pub(super) struct PackedItem {
    pub(super) item_id: u64,
    pub(super) qty: Box<RawValue>,
}

/// A parcel, as the tracking plugins tell it.
#[derive(Deserialize)]
pub(super) struct Tracked {
    pub(super) tracking_number: Token,
}

/// `POST /orders/{id}/shipment-trackings` of the tracking plugins.
#[derive(Serialize)]
pub(super) struct NewTracking {
    pub(super) tracking_number: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tracking_provider: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) custom_tracking_provider: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) custom_tracking_link: Option<String>,
    pub(super) date_shipped: String,
}

/// A webhook.
#[derive(Deserialize)]
pub(super) struct HookRecord {
    pub(super) id: u64,
    pub(super) status: String,
    pub(super) topic: String,
    pub(super) delivery_url: String,
}

/// `POST /webhooks`.
#[derive(Serialize)]
pub(super) struct NewHook<'a> {
    pub(super) name: &'a str,
    pub(super) topic: &'a str,
    pub(super) delivery_url: &'a str,
    pub(super) secret: &'a str,
}

/// `PUT /webhooks/{id}`.
#[derive(Serialize)]
pub(super) struct HookUpdate<'a> {
    pub(super) status: &'static str,
    pub(super) secret: &'a str,
}
