//! Money: a decimal amount with its currency, never a float.

use std::fmt;
use std::str::FromStr;

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};

/// An ISO 4217 currency.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency(iso_currency::Currency);

impl Currency {
    /// The euro.
    pub const EUR: Self = Self(iso_currency::Currency::EUR);

    /// Reads the three letters of a currency, `EUR`.
    ///
    /// # Errors
    /// [`MoneyError::Currency`] if ISO 4217 does not know them.
    pub fn parse(code: &str) -> Result<Self, MoneyError> {
        iso_currency::Currency::from_code(&code.to_ascii_uppercase())
            .map(Self)
            .ok_or_else(|| MoneyError::Currency { code: code.chars().take(12).collect() })
    }

    /// The three letters.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// Digits after the point that people pay with: 2 for EUR, 0 for JPY.
    #[must_use]
    pub fn decimals(self) -> u32 {
        u32::from(self.0.exponent().unwrap_or(2))
    }

    /// The smallest amount that can be paid: 0.01 for EUR.
    #[must_use]
    pub fn smallest(self) -> Money {
        Money::new(Decimal::new(1, self.decimals()), self)
    }

    /// The smallest coin, where shops round what is to be paid to it: 0.05 for CHF, else the smallest amount.
    #[must_use]
    pub fn smallest_coin(self) -> Money {
        match self.code() {
            "CHF" => Money::new(Decimal::new(5, 2), self),
            _ => self.smallest(),
        }
    }
}

impl Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = String::deserialize(deserializer)?;
        Self::parse(&code).map_err(serde::de::Error::custom)
    }
}

impl PartialOrd for Currency {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Currency {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.code().cmp(other.code())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Why an amount could not be read or reckoned with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not a currency of ISO 4217.
    #[error("{} is no ISO 4217 currency", shown(code))]
    Currency {
        /// What was given.
        code: String,
    },
    /// Not a decimal number, or one with more digits than money has.
    #[error("{} is no amount of money", shown(text))]
    Amount {
        /// What was given.
        text: String,
    },
    /// Two currencies in one sum.
    #[error("{left} and {right} cannot be added")]
    Mixed {
        /// Currency of the first amount.
        left: Currency,
        /// Currency of the second amount.
        right: Currency,
    },
    /// The sum is larger than 28 digits.
    #[error("the sum of money is too large")]
    Overflow,
}

/// What stood where money was expected, as far as it could be some: anything else may be somebody's name.
fn shown(text: &str) -> String {
    let of_money = |c: char| c.is_ascii_digit() || "+-.,' eE".contains(c);
    let code = text.len() <= 3 && text.chars().all(|c| c.is_ascii_alphabetic());
    if code || text.len() <= 40 && text.chars().all(of_money) {
        format!("{text:?}")
    } else {
        format!("a text of {} characters", text.chars().count())
    }
}

/// An amount of money. Equal amounts are equal however many zeros they were written with.
/// As text: `12.34 EUR`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Money {
    currency: Currency,
    amount: Decimal,
}

impl Money {
    /// `amount` in `currency`.
    #[must_use]
    pub fn new(amount: Decimal, currency: Currency) -> Self {
        Self { currency, amount: amount.normalize() }
    }

    /// Nothing, in `currency`.
    #[must_use]
    pub fn zero(currency: Currency) -> Self {
        Self::new(Decimal::ZERO, currency)
    }

    /// Reads a decimal number with a point, as every connected API writes it (`"12.340000"`, `"1.5e-7"`).
    ///
    /// # Errors
    /// [`MoneyError::Amount`] if `text` is no decimal number or has more than 28 digits.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let text = text.trim();
        let unreadable = || MoneyError::Amount { text: text.chars().take(40).collect() };
        let amount = if text.contains(['e', 'E']) {
            Decimal::from_scientific(text).map_err(|_| unreadable())?
        } else {
            Decimal::from_str(text).map_err(|_| unreadable())?
        };
        Ok(Self::new(amount, currency))
    }

    /// The number without its currency.
    #[must_use]
    pub fn amount(self) -> Decimal {
        self.amount
    }

    /// The currency.
    #[must_use]
    pub fn currency(self) -> Currency {
        self.currency
    }

    /// Whether it is exactly nothing.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.amount.is_zero()
    }

    /// Whether it is less than nothing.
    #[must_use]
    pub fn is_negative(self) -> bool {
        self.amount < Decimal::ZERO
    }

    /// The sum of two amounts.
    ///
    /// # Errors
    /// [`MoneyError::Mixed`] for two currencies, [`MoneyError::Overflow`] past 28 digits.
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        let sum = self.amount.checked_add(other.amount).ok_or(MoneyError::Overflow)?;
        Ok(Self::new(sum, self.currency))
    }

    /// What is left of this amount after `other`.
    ///
    /// # Errors
    /// As [`Money::plus`].
    pub fn minus(self, other: Self) -> Result<Self, MoneyError> {
        self.plus(other.negated())
    }

    /// The same amount, owed the other way round.
    #[must_use]
    pub fn negated(self) -> Self {
        Self::new(-self.amount, self.currency)
    }

    /// The amount without its sign.
    #[must_use]
    pub fn abs(self) -> Self {
        Self::new(self.amount.abs(), self.currency)
    }

    /// Commercially rounded to what can be paid in the currency.
    #[must_use]
    pub fn rounded(self) -> Self {
        let amount = self
            .amount
            .round_dp_with_strategy(self.currency.decimals(), RoundingStrategy::MidpointAwayFromZero);
        Self::new(amount, self.currency)
    }

    /// The sum of `parts`, zero `currency` if there are none.
    ///
    /// # Errors
    /// As [`Money::plus`].
    pub fn sum(currency: Currency, parts: impl IntoIterator<Item = Self>) -> Result<Self, MoneyError> {
        parts.into_iter().try_fold(Self::zero(currency), Self::plus)
    }

    fn same_currency(self, other: Self) -> Result<(), MoneyError> {
        if self.currency == other.currency {
            return Ok(());
        }
        Err(MoneyError::Mixed { left: self.currency, right: other.currency })
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut amount = self.amount;
        if amount.scale() < self.currency.decimals() {
            amount.rescale(self.currency.decimals());
        }
        write!(f, "{amount} {}", self.currency)
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl TryFrom<String> for Money {
    type Error = MoneyError;
    fn try_from(text: String) -> Result<Self, MoneyError> {
        let (amount, code) = text
            .split_once(' ')
            .ok_or_else(|| MoneyError::Amount { text: text.chars().take(40).collect() })?;
        Self::parse(amount, Currency::parse(code)?)
    }
}

impl From<Money> for String {
    fn from(money: Money) -> Self {
        money.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn eur(text: &str) -> Money {
        Money::parse(text, Currency::EUR).unwrap()
    }

    #[test]
    fn what_is_no_money_is_not_told() {
        let said = |text| Money::parse(text, Currency::EUR).unwrap_err().to_string();
        assert_eq!(said("1.2.3"), "\"1.2.3\" is no amount of money");
        assert_eq!(said("Erika Beispiel"), "a text of 14 characters is no amount of money");
        let code = |text| Currency::parse(text).unwrap_err().to_string();
        assert_eq!(code("XYZ"), "\"XYZ\" is no ISO 4217 currency");
        assert_eq!(code("Erika"), "a text of 5 characters is no ISO 4217 currency");
    }

    #[test]
    fn zeros_behind_the_point_mean_nothing() {
        assert_eq!(eur("12.3400"), eur("12.34"));
        assert_eq!(eur("12").to_string(), "12.00 EUR");
        assert_eq!(Money::parse("12", Currency::parse("JPY").unwrap()).unwrap().to_string(), "12 JPY");
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in ["", "1,5", "NaN", "1e999", "0x10", "--1", "99999999999999999999999999999999"] {
            assert!(Money::parse(text, Currency::EUR).is_err(), "{text:?} was taken");
        }
        assert!(Currency::parse("XXQ").is_err());
    }

    #[test]
    fn two_currencies_are_never_added() {
        let yen = Money::parse("1", Currency::parse("JPY").unwrap()).unwrap();
        assert!(matches!(eur("1").plus(yen), Err(MoneyError::Mixed { .. })));
    }

    proptest! {
        #[test]
        fn money_reads_what_it_writes(mantissa in -10_000_000_000_i64..10_000_000_000, scale in 0_u32..7) {
            let money = Money::new(Decimal::new(mantissa, scale), Currency::EUR);
            let json = serde_json::to_string(&money).unwrap();
            prop_assert_eq!(serde_json::from_str::<Money>(&json).unwrap(), money);
        }

        #[test]
        fn taking_away_what_was_added_leaves_the_same(a in any::<i32>(), b in any::<i32>()) {
            let (a, b) = (eur(&a.to_string()), eur(&b.to_string()));
            prop_assert_eq!(a.plus(b).unwrap().minus(b).unwrap(), a);
        }
    }
}
