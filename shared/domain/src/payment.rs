//! Money that came in or went back.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Money, PaymentId, RefundId};

/// Who told us that the money is there. The same money is told by several; they are never added across sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentSource {
    /// The shop (its payment provider).
    Shop,
    /// The ERP's open items.
    Erp,
    /// A person with the right to say so.
    Operator,
}

/// One payment for an order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Payment {
    /// Its id in the source.
    pub id: PaymentId,
    /// Who told us.
    pub source: PaymentSource,
    /// How much.
    pub amount: Money,
    /// When it came in, by the source's clock.
    pub received_at: Timestamp,
    /// The provider's transaction, for people who look for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// Money given back for an order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Refund {
    /// Its id in the shop.
    pub id: RefundId,
    /// How much, as a positive amount.
    pub amount: Money,
    /// When, by the shop's clock.
    pub refunded_at: Timestamp,
}
