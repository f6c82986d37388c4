//! Shopify on the wire, at the Admin GraphQL API: variables and answers of our operations.

use serde::{Deserialize, Serialize};

use super::wire::FinancialStatus;
use crate::reading::Token;

/// A request to the Admin GraphQL API.
#[derive(Serialize)]
pub(super) struct Request<'a, V> {
    pub(super) query: &'a str,
    pub(super) variables: V,
}

/// An answer of it.
#[derive(Deserialize)]
pub(super) struct Reply<T> {
    pub(super) data: Option<T>,
    /// A list for operations; a text where the request never came that far.
    pub(super) errors: Option<serde_json::Value>,
    pub(super) extensions: Option<Extensions>,
}

/// A top-level error.
#[derive(Deserialize)]
pub(super) struct TopError {
    #[serde(default)]
    pub(super) message: String,
    pub(super) extensions: Option<ErrorExtensions>,
}

/// What kind of error.
#[derive(Deserialize)]
pub(super) struct ErrorExtensions {
    pub(super) code: Option<String>,
}

/// What an answer says beside its data.
#[derive(Deserialize)]
pub(super) struct Extensions {
    pub(super) cost: Option<Cost>,
}

/// What an operation costs.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Cost {
    pub(super) requested_query_cost: Option<Token>,
    pub(super) throttle_status: Option<ThrottleStatus>,
}

/// What is left to spend.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ThrottleStatus {
    pub(super) currently_available: Token,
    pub(super) restore_rate: Token,
}

/// Why a mutation was not done.
#[derive(Deserialize)]
pub(super) struct UserError {
    pub(super) field: Option<Vec<String>>,
    pub(super) message: String,
}

/// `orderMarkAsPaid`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PaidData {
    pub(super) order_mark_as_paid: Option<PaidPayload>,
}

/// Its payload; the order is there also when it was refused.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PaidPayload {
    pub(super) order: Option<PaidOrder>,
    pub(super) user_errors: Vec<UserError>,
}

/// How far the order is paid.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PaidOrder {
    pub(super) display_financial_status: Option<FinancialStatus>,
}

/// What there is left to ship, and what was shipped.
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
    pub(super) fulfillment_orders: Nodes<FulfillmentOrder>,
}

/// A list.
#[derive(Deserialize)]
pub(super) struct Nodes<T> {
    pub(super) nodes: Vec<T>,
}

/// A parcel Shopify knows.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Fulfillment {
    pub(super) id: String,
    pub(super) status: FulfillmentStatus,
    pub(super) tracking_info: Vec<TrackingInfo>,
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

/// What one place is to ship.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FulfillmentOrder {
    pub(super) id: String,
    pub(super) status: FulfillmentOrderStatus,
    pub(super) assigned_location: AssignedLocation,
    pub(super) line_items: Nodes<FulfillmentOrderLine>,
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
    pub(super) location: Option<Location>,
}

/// Its id.
#[derive(Deserialize)]
pub(super) struct Location {
    pub(super) id: String,
}

/// A line of a fulfilment order.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FulfillmentOrderLine {
    pub(super) remaining_quantity: i64,
}

/// `fulfillmentCreate`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShipData {
    pub(super) fulfillment_create: Option<Outcome>,
}

/// `fulfillmentTrackingInfoUpdate`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TrackData {
    pub(super) fulfillment_tracking_info_update: Option<Outcome>,
}

/// A payload of which only the errors matter.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Outcome {
    pub(super) user_errors: Vec<UserError>,
}

/// `orderCancel`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CancelData {
    pub(super) order_cancel: Option<CancelPayload>,
}

/// Its payload. The errors are told twice; `orderCancelUserErrors` is the newer list.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CancelPayload {
    pub(super) order_cancel_user_errors: Vec<UserError>,
}

/// `{ id }`.
#[derive(Serialize)]
pub(super) struct ById<'a> {
    pub(super) id: &'a str,
}

/// `{ input: { id } }`.
#[derive(Serialize)]
pub(super) struct ByInput<'a> {
    pub(super) input: ById<'a>,
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

/// A fulfilment order; without lines all of it that remains is shipped.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FulfillmentOrderInput<'a> {
    pub(super) fulfillment_order_id: &'a str,
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

/// Variables of `orderCancel`.
#[derive(Serialize)]
pub(super) struct CancelVariables<'a> {
    pub(super) id: &'a str,
    pub(super) note: String,
}
