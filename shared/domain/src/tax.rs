//! Taxes as the shop reckoned them: a rate in percent and the amount at that rate.

use std::fmt;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::Money;

/// A rate of value added tax in percent, 0 to 100: `19` is 19 %.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Decimal", into = "Decimal")]
pub struct TaxRate(Decimal);

/// A number that is no tax rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{percent} % is no tax rate: 0 to 100 is")]
pub struct InvalidTaxRate {
    percent: Decimal,
}

impl TaxRate {
    /// No tax.
    pub const ZERO: Self = Self(Decimal::ZERO);

    /// A rate given in percent.
    ///
    /// # Errors
    /// [`InvalidTaxRate`] below 0 or above 100.
    pub fn percent(percent: Decimal) -> Result<Self, InvalidTaxRate> {
        if percent < Decimal::ZERO || percent > Decimal::ONE_HUNDRED {
            return Err(InvalidTaxRate { percent });
        }
        Ok(Self(percent.normalize()))
    }

    /// The rate in percent.
    #[must_use]
    pub fn as_percent(self) -> Decimal {
        self.0
    }
}

impl TryFrom<Decimal> for TaxRate {
    type Error = InvalidTaxRate;
    fn try_from(percent: Decimal) -> Result<Self, InvalidTaxRate> {
        Self::percent(percent)
    }
}

impl From<TaxRate> for Decimal {
    fn from(rate: TaxRate) -> Self {
        rate.0
    }
}

impl fmt::Display for TaxRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.0)
    }
}

impl fmt::Debug for TaxRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The tax of one rate in a line or a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TaxPart {
    /// The rate the shop used.
    pub rate: TaxRate,
    /// The tax itself, as the shop reckoned it.
    pub amount: Money,
}
