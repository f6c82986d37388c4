//! How orders, payments and deliveries stand: the technical names of Shopware's state machines.

use serde::Deserialize;

/// How an order stands.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub(crate) enum OrderState {
    /// `open`.
    Open,
    /// `in_progress`.
    InProgress,
    /// `completed`.
    Completed,
    /// `cancelled`.
    Cancelled,
    /// A state a plugin added.
    Other(String),
}

impl From<String> for OrderState {
    fn from(word: String) -> Self {
        match word.as_str() {
            "open" => Self::Open,
            "in_progress" => Self::InProgress,
            "completed" => Self::Completed,
            "cancelled" => Self::Cancelled,
            _ => Self::Other(word),
        }
    }
}

/// How a payment stands.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub(crate) enum PaymentState {
    /// `open`.
    Open,
    /// `in_progress`.
    InProgress,
    /// `authorized`: the money is promised, not there.
    Authorized,
    /// `unconfirmed`.
    Unconfirmed,
    /// `reminded`.
    Reminded,
    /// `paid_partially`: how much, is not told.
    PaidPartially,
    /// `paid`.
    Paid,
    /// `refunded_partially`: how much, is not told.
    RefundedPartially,
    /// `refunded`.
    Refunded,
    /// `chargeback`: the customer's bank took it back.
    Chargeback,
    /// `failed`.
    Failed,
    /// `cancelled`.
    Cancelled,
    /// A state a plugin added. Nothing is paid by it.
    Other(String),
}

impl From<String> for PaymentState {
    fn from(word: String) -> Self {
        match word.as_str() {
            "open" => Self::Open,
            "in_progress" => Self::InProgress,
            "authorized" => Self::Authorized,
            "unconfirmed" => Self::Unconfirmed,
            "reminded" => Self::Reminded,
            "paid_partially" => Self::PaidPartially,
            "paid" => Self::Paid,
            "refunded_partially" => Self::RefundedPartially,
            "refunded" => Self::Refunded,
            "chargeback" => Self::Chargeback,
            "failed" => Self::Failed,
            "cancelled" => Self::Cancelled,
            _ => Self::Other(word),
        }
    }
}

/// How a delivery stands.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub(crate) enum DeliveryState {
    /// `open`.
    Open,
    /// `shipped_partially`.
    ShippedPartially,
    /// `shipped`.
    Shipped,
    /// `returned_partially`.
    ReturnedPartially,
    /// `returned`.
    Returned,
    /// `cancelled`.
    Cancelled,
    /// A state a plugin added.
    Other(String),
}

impl From<String> for DeliveryState {
    fn from(word: String) -> Self {
        match word.as_str() {
            "open" => Self::Open,
            "shipped_partially" => Self::ShippedPartially,
            "shipped" => Self::Shipped,
            "returned_partially" => Self::ReturnedPartially,
            "returned" => Self::Returned,
            "cancelled" => Self::Cancelled,
            _ => Self::Other(word),
        }
    }
}
