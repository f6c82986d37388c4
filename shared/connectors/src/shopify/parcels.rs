//! Shopify on the wire, at the Admin GraphQL API: what is left to ship, what was shipped, and what we ship.

use serde::{Deserialize, Serialize};

use super::node::{ById, Page};

/// An answer to `KontorShipping`.
#[derive(Deserialize)]
pub(super) struct ShippingData {
    pub(super) order: Option<ShippingOrder>,
}

/// The order in it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShippingOrder {
    pub(super) cancelled_at: Option<String>,
    pub(super) fulfillments: Vec<Fulfillment>,
    pub(super) fulfillment_orders: Page<FulfillmentOrder>,
}

/// A parcel Shopify knows.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Fulfillment {
    pub(super) id: String,
    pub(super) status: FulfillmentStatus,
    pub(super) tracking_info: Vec<TrackingInfo>,
    pub(super) fulfillment_line_items: Page<PackedLine>,
}

/// What became of a parcel.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub(super) enum FulfillmentStatus {
    /// `SUCCESS`.
    Success,
    /// Anything else: cancelled, failed, or under way at a fulfilment service.
    Other(String),
}

impl From<String> for FulfillmentStatus {
    fn from(word: String) -> Self {
        if word == "SUCCESS" { Self::Success } else { Self::Other(word) }
    }
}

/// A tracking number.
#[derive(Deserialize)]
pub(super) struct TrackingInfo {
    pub(super) number: Option<String>,
    pub(super) company: Option<String>,
    pub(super) url: Option<String>,
}

/// A line in a parcel.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PackedLine {
    pub(super) quantity: Option<u64>,
    pub(super) line_item: Article,
}

/// Which article it is.
#[derive(Clone, Deserialize)]
pub(super) struct Article {
    pub(super) id: String,
    pub(super) sku: Option<String>,
}

/// What one place is to ship.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FulfillmentOrder {
    pub(super) id: String,
    pub(super) status: FulfillmentOrderStatus,
    pub(super) assigned_location: AssignedLocation,
    pub(super) line_items: Page<OpenLine>,
}

/// Where a fulfilment order stands.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub(super) enum FulfillmentOrderStatus {
    /// `OPEN`.
    Open,
    /// `IN_PROGRESS`.
    InProgress,
    /// `CLOSED`.
    Closed,
    /// `CANCELLED`.
    Cancelled,
    /// `ON_HOLD`, `SCHEDULED`, `INCOMPLETE` and what a later version may add. Can't be shipped now.
    Other(String),
}

impl From<String> for FulfillmentOrderStatus {
    fn from(word: String) -> Self {
        match word.as_str() {
            "OPEN" => Self::Open,
            "IN_PROGRESS" => Self::InProgress,
            "CLOSED" => Self::Closed,
            "CANCELLED" => Self::Cancelled,
            _ => Self::Other(word),
        }
    }
}

/// The place that ships.
#[derive(Deserialize)]
pub(super) struct AssignedLocation {
    pub(super) location: Option<ById>,
}

/// A line that one place is to ship.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OpenLine {
    pub(super) id: String,
    pub(super) remaining_quantity: u64,
    pub(super) sku: Option<String>,
    pub(super) line_item: ById,
}

/// An answer to `KontorOpenLines`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OpenLinesData {
    pub(super) fulfillment_order: Option<OpenLines>,
}

/// Further lines one place is to ship.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OpenLines {
    pub(super) line_items: Page<OpenLine>,
}

/// An answer to `KontorPackedLines`.
#[derive(Deserialize)]
pub(super) struct PackedLinesData {
    pub(super) fulfillment: Option<PackedLines>,
}

/// Further lines in a parcel.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PackedLines {
    pub(super) fulfillment_line_items: Page<PackedLine>,
}

/// Variables of `fulfillmentCreate`.
#[derive(Serialize)]
pub(super) struct ShipVariables<'a> {
    pub(super) fulfillment: FulfillmentInput<'a>,
}

/// What is shipped from one place.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FulfillmentInput<'a> {
    pub(super) line_items_by_fulfillment_order: Vec<FulfillmentOrderInput<'a>>,
    /// False: mails to customers are a step of their own.
    pub(super) notify_customer: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tracking_info: Option<TrackingInput<'a>>,
}

/// A fulfilment order, and what is shipped of it.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FulfillmentOrderInput<'a> {
    pub(super) fulfillment_order_id: &'a str,
    /// Without any, all that is left.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) fulfillment_order_line_items: Vec<LineInput<'a>>,
}

/// So many pieces of a line.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct LineInput<'a> {
    pub(super) id: &'a str,
    pub(super) quantity: u64,
}

/// Carrier and numbers.
#[derive(Serialize)]
pub(super) struct TrackingInput<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) company: Option<&'a str>,
    pub(super) numbers: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) urls: Vec<&'a str>,
}

/// Variables of `fulfillmentTrackingInfoUpdate`.
#[derive(Serialize)]
pub(super) struct TrackVariables<'a> {
    pub(super) id: &'a str,
    pub(super) tracking: TrackingInput<'a>,
}
