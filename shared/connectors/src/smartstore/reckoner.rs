//! Amounts of Smartstore: with and without tax, of which the customer's display decides which side counts.

use std::collections::BTreeMap;
use std::fmt;

use kontor_domain::{Currency, Discount, Money, MoneyError, TaxMode, TaxPart, TaxRate};
use rust_decimal::Decimal;

use super::bundle::shares;
use super::order::weight;
use super::wire::{Order, OrderItem, TaxDisplay};
use crate::reading::{Token, Unreadable, at, money, number};

/// An amount with and without its tax, and the one rate of it.
#[derive(Debug, Clone)]
pub(super) struct Stated {
    pub(super) incl: Money,
    pub(super) excl: Money,
    pub(super) rate: TaxRate,
}

/// Reads amounts, and takes the side of them that the order's total is made of.
pub(super) struct Reckoner {
    pub(super) currency: Currency,
    pub(super) mode: TaxMode,
    excluding: bool,
}

impl Reckoner {
    pub(super) fn of(order: &Order, items: &[OrderItem], currency: Currency) -> Result<Self, Unreadable> {
        let excluding = match order.customer_tax_display_type_id {
            TaxDisplay::Including => Ok(false),
            TaxDisplay::Excluding => Ok(true),
            TaxDisplay::Other(_) => Err("it is neither 0 (with tax) nor 10 (without)"),
        };
        let excluding = at(format_args!("CustomerTaxDisplayTypeId"), excluding)?;
        let stated = if excluding { TaxMode::Net } else { TaxMode::Gross };
        let untaxed = untaxed(order, items, currency)?;
        let mode = if untaxed { TaxMode::TaxFree } else { stated };
        Ok(Self { currency, mode, excluding })
    }

    pub(super) fn money(&self, place: fmt::Arguments<'_>, token: &Token) -> Result<Money, Unreadable> {
        money(place, token, self.currency)
    }

    pub(super) fn or_zero(
        &self,
        place: fmt::Arguments<'_>,
        token: Option<&Token>,
    ) -> Result<Money, Unreadable> {
        token.map_or(Ok(Money::zero(self.currency)), |token| self.money(place, token))
    }

    /// The one of two that the total is made of.
    pub(super) fn side<T>(&self, incl: T, excl: T) -> T {
        if self.excluding { excl } else { incl }
    }

    pub(super) fn amount(&self, stated: &Stated) -> Money {
        self.side(stated.incl, stated.excl)
    }

    /// `place` as far as `InclTax` and `ExclTax` have it in common.
    pub(super) fn stated(
        &self,
        place: &str,
        (incl, excl): (&Token, &Token),
        rate: &Token,
    ) -> Result<Stated, Unreadable> {
        let percent = number(format_args!("{place} (tax rate)"), rate)?;
        Ok(Stated {
            incl: self.money(format_args!("{place}InclTax"), incl)?,
            excl: self.money(format_args!("{place}ExclTax"), excl)?,
            rate: at(format_args!("{place} (tax rate)"), TaxRate::percent(percent))?,
        })
    }

    /// The tax in (or on top of) an amount: the difference of its two sides.
    pub(super) fn taxes(&self, stated: &Stated) -> Result<Vec<TaxPart>, MoneyError> {
        let amount = stated.incl.minus(stated.excl)?;
        let nothing = stated.rate == TaxRate::ZERO && amount.is_zero();
        match self.mode {
            TaxMode::TaxFree => Ok(Vec::new()),
            TaxMode::Gross | TaxMode::Net if nothing => Ok(Vec::new()),
            TaxMode::Gross | TaxMode::Net => Ok(vec![TaxPart { rate: stated.rate, amount }]),
        }
    }

    /// The discount on the sub-total. The shop takes it off every rate in proportion to what is taxed with it, so it is told
    /// once per rate: an ERP reckons its tax by that.
    pub(super) fn on_subtotal(
        &self,
        order: &Order,
        base: &[Stated],
        code: &str,
    ) -> Result<Vec<Discount>, Unreadable> {
        let place = "OrderSubTotalDiscount";
        let incl = self.money(format_args!("{place}InclTax"), &order.order_sub_total_discount_incl_tax)?;
        let excl = self.money(format_args!("{place}ExclTax"), &order.order_sub_total_discount_excl_tax)?;
        if self.side(incl, excl).is_zero() {
            return Ok(Vec::new());
        }
        at(format_args!("{place}"), self.by_rate(incl, excl, base, code))
    }

    fn by_rate(
        &self,
        incl: Money,
        excl: Money,
        base: &[Stated],
        code: &str,
    ) -> Result<Vec<Discount>, MoneyError> {
        let mut weights: BTreeMap<TaxRate, (Decimal, Decimal)> = BTreeMap::new();
        for part in base {
            let of_rate = weights.entry(part.rate).or_default();
            of_rate.0 = of_rate.0.checked_add(weight(part.incl)).ok_or(MoneyError::Overflow)?;
            of_rate.1 = of_rate.1.checked_add(weight(part.excl)).ok_or(MoneyError::Overflow)?;
        }
        weights.retain(|_, (incl, _)| !incl.is_zero());
        if weights.is_empty() || self.mode == TaxMode::TaxFree {
            weights = BTreeMap::from([(TaxRate::ZERO, (Decimal::ONE, Decimal::ONE))]);
        }
        let of = |side: fn(&(Decimal, Decimal)) -> Decimal| weights.values().map(side).collect::<Vec<_>>();
        let parts = shares(incl, &of(|both| both.0))?.into_iter().zip(shares(excl, &of(|both| both.1))?);
        let mut discounts = Vec::new();
        for (rate, (incl, excl)) in weights.keys().zip(parts) {
            let stated = Stated { incl, excl, rate: *rate };
            let (amount, taxes) = (self.amount(&stated), self.taxes(&stated)?);
            if !amount.is_zero() {
                discounts.push(Discount { code: code.to_owned(), amount, taxes });
            }
        }
        Ok(discounts)
    }

    /// The rate among those of the order that explains the tax of an amount best.
    pub(super) fn nearest_rate(
        &self,
        order: &Order,
        lines: &[Stated],
        stated: &Stated,
    ) -> Result<TaxRate, MoneyError> {
        let tax = stated.incl.minus(stated.excl)?.amount();
        let told = order.tax_rates.as_deref().unwrap_or_default();
        let mut nearest = (tax.abs(), TaxRate::ZERO);
        for rate in rates(told).into_iter().chain(lines.iter().map(|line| line.rate)) {
            let exact = stated.excl.amount().checked_mul(rate.as_percent()).ok_or(MoneyError::Overflow)?;
            let exact = exact.checked_div(Decimal::ONE_HUNDRED).ok_or(MoneyError::Overflow)?;
            let off = exact.checked_sub(tax).ok_or(MoneyError::Overflow)?.abs();
            if off < nearest.0 {
                nearest = (off, rate);
            }
        }
        Ok(nearest.1)
    }
}

/// Whether no tax is owed: abroad, or the customer is exempt. An article given away for nothing is different: it has a rate.
fn untaxed(order: &Order, items: &[OrderItem], currency: Currency) -> Result<bool, Unreadable> {
    let is_zero =
        |place: &str, token: &Token| number(format_args!("{place}"), token).map(|number| number.is_zero());
    let beside = [
        ("OrderShipping", &order.order_shipping_incl_tax, &order.order_shipping_tax_rate),
        (
            "PaymentMethodAdditionalFee",
            &order.payment_method_additional_fee_incl_tax,
            &order.payment_method_additional_fee_tax_rate,
        ),
    ];
    for (place, amount, rate) in beside {
        let nothing = money(format_args!("{place}InclTax"), amount, currency)?.is_zero();
        if !nothing && !is_zero(&format!("{place}TaxRate"), rate)? {
            return Ok(false);
        }
    }
    for (n, item) in items.iter().enumerate() {
        if !is_zero(&format!("OrderItems[{n}].TaxRate"), &item.tax_rate)? {
            return Ok(false);
        }
    }
    let incl = money(format_args!("OrderSubtotalInclTax"), &order.order_subtotal_incl_tax, currency)?;
    let excl = money(format_args!("OrderSubtotalExclTax"), &order.order_subtotal_excl_tax, currency)?;
    Ok(is_zero("OrderTax", &order.order_tax)? && incl == excl)
}

/// The rates of `7.0000:1.95;   19.0000:27.73;`. What can't be read of it is left out: the amounts stand elsewhere.
pub(super) fn rates(told: &str) -> Vec<TaxRate> {
    let percent = |entry: &str| entry.split(':').next()?.trim().parse::<Decimal>().ok();
    told.split(';').filter_map(percent).filter_map(|percent| TaxRate::percent(percent).ok()).collect()
}
