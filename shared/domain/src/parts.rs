//! What an order is made of: lines, charges, discounts, gift cards.

use std::fmt;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{LineId, Money, OrderError, Sku, TaxPart};

/// How many pieces (or metres, or kilograms) of an article: more than none, at most six digits behind the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Decimal", into = "Decimal")]
pub struct Quantity(Decimal);

impl Quantity {
    /// Reads a number of pieces.
    ///
    /// # Errors
    /// [`OrderError::Quantity`] for nothing, less than nothing, or more than six digits behind the point.
    pub fn new(count: Decimal) -> Result<Self, OrderError> {
        let count = count.normalize();
        if count <= Decimal::ZERO || count.scale() > 6 {
            return Err(OrderError::Quantity { count });
        }
        Ok(Self(count))
    }

    /// The number.
    #[must_use]
    pub fn count(self) -> Decimal {
        self.0
    }
}

impl TryFrom<Decimal> for Quantity {
    type Error = OrderError;
    fn try_from(count: Decimal) -> Result<Self, OrderError> {
        Self::new(count)
    }
}

impl From<Quantity> for Decimal {
    fn from(quantity: Quantity) -> Self {
        quantity.0
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What has to happen with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// It is packed and sent.
    Physical,
    /// Nothing is sent: a download, a service, a voucher by mail.
    Digital,
    /// A gift card was bought (not used for paying).
    GiftCard,
}

/// One article of an order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Line {
    /// The shop's id of the line.
    pub id: LineId,
    /// The article; a shop may have lines without one (deleted or free-text articles).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku: Option<Sku>,
    /// What the customer read.
    pub title: String,
    /// How many.
    pub quantity: Quantity,
    /// What the whole line costs after its discounts, stated in the order's [`crate::TaxMode`].
    pub total: Money,
    /// What was taken off already to get at `total`, never negative; for documents only.
    pub discount: Money,
    /// The tax in (gross) or on top of (net) `total`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taxes: Vec<TaxPart>,
    /// What has to happen with it.
    pub kind: LineKind,
}

/// What a charge is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChargeKind {
    /// Carriage.
    Shipping,
    /// The surcharge of a means of payment.
    Payment,
    /// Anything else: wrapping, small-order fee, tip, duties.
    Other,
}

/// Something to pay that is no article.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Charge {
    /// What it is for.
    pub kind: ChargeKind,
    /// The shop's code of it (shipping method, fee id).
    pub code: String,
    /// What the customer read.
    pub title: String,
    /// How much, stated in the order's [`crate::TaxMode`], after discounts.
    pub total: Money,
    /// The tax in or on top of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taxes: Vec<TaxPart>,
}

/// A discount on the order as a whole that no line and no charge has in it yet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Discount {
    /// The coupon's code or the rule's name.
    pub code: String,
    /// What is taken off, as a positive amount, stated in the order's [`crate::TaxMode`].
    pub amount: Money,
    /// The tax in it, as positive amounts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taxes: Vec<TaxPart>,
}

/// A gift card or credit used for paying: it lowers what is left to pay, not what the order is worth.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GiftCard {
    /// Enough of its code to recognise it; never the whole code.
    pub hint: String,
    /// How much of it was used, as a positive amount.
    pub amount: Money,
}
