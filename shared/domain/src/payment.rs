//! Money that came in or went back.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{LineId, Money, PaymentId, Quantity, RefundId};

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
    /// What it is for, where the shop says so; a part of the amount may be for nothing in particular.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<RefundLine>,
    /// How much of the amount is carriage, tax included, where the shop says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipping: Option<Money>,
    /// The shop tells one sum of everything that was given back so far: `amount` is that sum, and other refunds of the
    /// order with a smaller sum are contained in it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cumulative: bool,
}

impl Refund {
    /// An amount that went back, of which nothing else is known.
    #[must_use]
    pub fn of(id: RefundId, amount: Money, refunded_at: Timestamp) -> Self {
        Self { id, amount, refunded_at, lines: Vec::new(), shipping: None, cumulative: false }
    }

    /// Whether it is known what the refund is for, and not its amount alone. A refund of no line and no carriage says so with
    /// a `shipping` of zero.
    #[must_use]
    pub fn is_detailed(&self) -> bool {
        !self.lines.is_empty() || self.shipping.is_some()
    }
}

/// A line of the order for which money went back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RefundLine {
    /// The line of the order.
    pub line: LineId,
    /// How many pieces of it; none if only its price was lowered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<Quantity>,
    /// How much of the refund is for it, tax included, as a positive amount.
    pub amount: Money,
    /// Whether the goods come back into the stock.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restock: bool,
}
