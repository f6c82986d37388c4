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

/// None.
#[derive(Serialize)]
pub(super) struct NoVariables {}

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
    pub(super) maximum_available: Option<Token>,
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

/// Whether an order is cancelled.
#[derive(Deserialize)]
pub(super) struct StateData {
    pub(super) order: Option<State>,
}

/// The order in it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct State {
    pub(super) cancelled_at: Option<serde::de::IgnoredAny>,
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

/// Variables of `orderCancel`.
#[derive(Serialize)]
pub(super) struct CancelVariables<'a> {
    pub(super) id: &'a str,
    pub(super) note: String,
}
