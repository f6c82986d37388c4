//! Money that went back: how much, for which lines, how much of it for carriage. In the shop's currency, like the order.

use kontor_domain::{Currency, LineId, Money, Quantity, Refund, RefundId, RefundLine};
use rust_decimal::Decimal;

use super::read::instant;
use super::wire::{self, Adjustment, MoneySet, RestockType};
use crate::reading::{Token, Unreadable, at, money, number, share};

/// What an adjustment is called that tells of carriage.
const CARRIAGE: &str = "shipping_refund";

/// What the order says that a refund does not say itself.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct OfOrder {
    /// The shop's currency.
    pub(super) currency: Option<Currency>,
    /// Whether prices, and so what is told of a refund's lines, include tax.
    pub(super) taxes_included: Option<bool>,
}

/// A refund, and whether it is told as fully as its order tells it.
pub(super) struct ReadRefund {
    pub(super) refund: Refund,
    pub(super) whole: bool,
}

/// Reads a refund, if money went back: taking lines off an unpaid order is one, too.
///
/// How much is what the payment providers gave back. Where they did so in the customer's currency, it is what the parts of
/// the refund come to in the shop's.
pub(super) fn refund_of(
    place: &str,
    refund: &wire::Refund,
    order: OfOrder,
) -> Result<Option<ReadRefund>, Unreadable> {
    let currency = order.currency.map_or_else(|| own_currency(place, refund), |own| Ok(Some(own)))?;
    let Some(currency) = currency else { return Ok(None) };
    let returned = returned(place, refund, currency)?;
    let Some(parts) = parts(place, refund, currency, order.taxes_included, returned)? else {
        let Some(amount) = returned.filter(|amount| !amount.is_zero()) else { return Ok(None) };
        return whole(place, refund, amount, Vec::new(), None)
            .map(|refund| Some(ReadRefund { refund, whole: false }));
    };
    let amount = match returned {
        Some(amount) => amount,
        None => at(format_args!("{place}refund_line_items"), parts.sum(currency))?,
    };
    if amount.is_zero() || amount.is_negative() {
        return Ok(None);
    }
    let (lines, shipping) = at(format_args!("{place}refund_line_items"), parts.within(amount))?;
    let refund = whole(place, refund, amount, lines, shipping)?;
    Ok(Some(ReadRefund { refund, whole: true }))
}

fn whole(
    place: &str,
    refund: &wire::Refund,
    amount: Money,
    lines: Vec<RefundLine>,
    shipping: Option<Money>,
) -> Result<Refund, Unreadable> {
    let id = at(format_args!("{place}id"), RefundId::parse(&refund.id.to_string()))?;
    let times = [refund.processed_at.as_deref(), refund.created_at.as_deref()];
    let time = times.into_iter().flatten().next().ok_or("missing");
    let refunded_at =
        instant(&format!("{place}processed_at"), at(format_args!("{place}processed_at"), time)?)?;
    Ok(Refund { lines, shipping, ..Refund::of(id, amount, refunded_at) })
}

/// The shop's currency by what the refund says itself: its sets; else that of the money that moved.
fn own_currency(place: &str, refund: &wire::Refund) -> Result<Option<Currency>, Unreadable> {
    let sets = [&refund.total_duties_set, &refund.total_additional_fees_set].into_iter().flatten();
    let sets = sets.chain(refund.refund_line_items.iter().filter_map(|line| line.subtotal_set.as_ref()));
    let sets = sets.chain(refund.refund_shipping_lines.iter().map(|line| &line.subtotal_amount_set));
    let codes = sets.map(|set| set.shop_money.currency_code.as_str());
    let moved = refund.transactions.iter().filter_map(|moved| moved.currency.as_deref());
    let code = codes.chain(moved).next();
    at(format_args!("{place}currency"), code.map(Currency::parse).transpose())
}

/// What went back by the transactions, in the shop's currency; none where some of it went in another.
fn returned(place: &str, refund: &wire::Refund, currency: Currency) -> Result<Option<Money>, Unreadable> {
    let mut sum = Money::zero(currency);
    for (n, moved) in refund.transactions.iter().enumerate() {
        let is = |word: &str, what: &str| word.eq_ignore_ascii_case(what);
        if !is(&moved.kind, "refund") || !is(&moved.status, "success") {
            continue;
        }
        let place = format!("{place}transactions[{n}]");
        let own = moved.currency.as_deref().map(Currency::parse).transpose();
        if at(format_args!("{place}.currency"), own)?.is_some_and(|own| own != currency) {
            return Ok(None);
        }
        let amount = money(format_args!("{place}.amount"), &moved.amount, currency)?;
        sum = at(format_args!("{place}.amount"), sum.plus(amount))?;
    }
    Ok(Some(sum))
}

/// What a refund is for.
struct Parts {
    lines: Vec<RefundLine>,
    shipping: Money,
    /// Customs and fees, and by how much more or less went back than all of it comes to.
    others: Money,
}

/// The parts, tax included. Where nobody says whether amounts include tax, the sum that went back shows it; none if it does not.
fn parts(
    place: &str,
    refund: &wire::Refund,
    currency: Currency,
    taxes_included: Option<bool>,
    returned: Option<Money>,
) -> Result<Option<Parts>, Unreadable> {
    let read = |taxes_included| Reader { place, currency, taxes_included }.parts(refund);
    if let Some(taxes_included) = taxes_included {
        return read(taxes_included).map(Some);
    }
    let sum = |parts: &Parts| at(format_args!("{place}refund_line_items"), parts.sum(currency));
    let (gross, net) = (read(true)?, read(false)?);
    let (of_gross, of_net) = (sum(&gross)?, sum(&net)?);
    Ok(match returned {
        _ if of_gross == of_net => Some(gross),
        Some(returned) if returned == of_gross => Some(gross),
        Some(returned) if returned == of_net => Some(net),
        Some(_) | None => None,
    })
}

impl Parts {
    fn sum(&self, currency: Currency) -> Result<Money, kontor_domain::MoneyError> {
        let lines = self.lines.iter().map(|line| line.amount);
        Money::sum(currency, lines.chain([self.shipping, self.others]))
    }

    /// Lines and carriage, with no more in them than went back: of a refund that was lowered, each has its share.
    fn within(self, amount: Money) -> Result<(Vec<RefundLine>, Option<Money>), kontor_domain::MoneyError> {
        let Self { mut lines, mut shipping, others: _ } = self;
        let currency = amount.currency();
        let all = |lines: &[RefundLine], shipping: Money| {
            Money::sum(currency, lines.iter().map(|line| line.amount).chain([shipping]))
        };
        let told = all(&lines, shipping)?;
        if told > amount {
            for line in &mut lines {
                line.amount = share(line.amount, amount.amount(), told.amount())?;
            }
            shipping = share(shipping, amount.amount(), told.amount())?;
            let left = amount.minus(all(&lines, shipping)?)?;
            match lines.iter_mut().max_by_key(|line| line.amount) {
                Some(largest) => largest.amount = largest.amount.plus(left)?,
                None => shipping = shipping.plus(left)?,
            }
        }
        Ok((lines, Some(shipping).filter(|shipping| !shipping.is_zero())))
    }
}

/// Reads amounts of a refund.
struct Reader<'a> {
    place: &'a str,
    currency: Currency,
    taxes_included: bool,
}

impl Reader<'_> {
    fn parts(&self, refund: &wire::Refund) -> Result<Parts, Unreadable> {
        let mut lines = Vec::new();
        for (n, line) in refund.refund_line_items.iter().enumerate() {
            lines.push(self.line(&format!("{}refund_line_items[{n}]", self.place), line)?);
        }
        let mut shipping = Money::zero(self.currency);
        for (n, line) in refund.refund_shipping_lines.iter().enumerate() {
            let place = format!("{}refund_shipping_lines[{n}]", self.place);
            let subtotal = self.of_set(&place, &line.subtotal_amount_set)?;
            let tax = line.tax_amount_set.as_ref().map(|tax| self.of_set(&place, tax)).transpose()?;
            shipping = self.plus(&place, shipping, self.with_tax(&place, subtotal, tax)?)?;
        }
        let mut others = Money::zero(self.currency);
        for set in [&refund.total_duties_set, &refund.total_additional_fees_set].into_iter().flatten() {
            let place = format!("{}total_duties_set", self.place);
            others = self.plus(&place, others, self.of_set(&place, set)?)?;
        }
        for (n, adjustment) in refund.order_adjustments.iter().enumerate() {
            let place = format!("{}order_adjustments[{n}]", self.place);
            let less = self.adjusted(&place, adjustment)?;
            if adjustment.kind.as_deref() != Some(CARRIAGE) {
                others = at(format_args!("{place}.amount"), others.minus(less))?;
            } else if refund.refund_shipping_lines.is_empty() {
                shipping = at(format_args!("{place}.amount"), shipping.minus(less))?;
            }
        }
        Ok(Parts { lines, shipping, others })
    }

    fn line(&self, place: &str, line: &wire::RefundedLine) -> Result<RefundLine, Unreadable> {
        let subtotal = self.amount(place, line.subtotal_set.as_ref(), &line.subtotal)?;
        let tax = match (&line.total_tax_set, &line.total_tax) {
            (Some(set), _) => Some(self.of_set(place, set)?),
            (None, Some(tax)) => Some(money(format_args!("{place}.total_tax"), tax, self.currency)?),
            (None, None) => None,
        };
        let pieces = number(format_args!("{place}.quantity"), &line.quantity)?;
        let quantity = (pieces > Decimal::ZERO).then(|| Quantity::new(pieces)).transpose();
        Ok(RefundLine {
            line: at(format_args!("{place}.line_item_id"), LineId::parse(&line.line_item_id.to_string()))?,
            quantity: at(format_args!("{place}.quantity"), quantity)?,
            amount: self.with_tax(place, subtotal, tax)?,
            restock: line.restock_type == Some(RestockType::Restocked),
        })
    }

    /// By how much an adjustment makes the refund less.
    fn adjusted(&self, place: &str, adjustment: &Adjustment) -> Result<Money, Unreadable> {
        let amount = self.amount(place, adjustment.amount_set.as_ref(), &adjustment.amount)?;
        let tax = match (&adjustment.tax_amount_set, &adjustment.tax_amount) {
            (Some(set), _) => Some(self.of_set(place, set)?),
            (None, Some(tax)) => Some(money(format_args!("{place}.tax_amount"), tax, self.currency)?),
            (None, None) => None,
        };
        self.with_tax(place, amount, tax)
    }

    fn amount(&self, place: &str, set: Option<&MoneySet>, plain: &Token) -> Result<Money, Unreadable> {
        match set {
            Some(set) => self.of_set(place, set),
            None => money(format_args!("{place}.subtotal"), plain, self.currency),
        }
    }

    fn of_set(&self, place: &str, set: &MoneySet) -> Result<Money, Unreadable> {
        let code = at(format_args!("{place}.shop_money"), Currency::parse(&set.shop_money.currency_code))?;
        let amount = money(format_args!("{place}.shop_money"), &set.shop_money.amount, code)?;
        self.plus(place, amount, Money::zero(self.currency))
    }

    fn with_tax(&self, place: &str, amount: Money, tax: Option<Money>) -> Result<Money, Unreadable> {
        match tax.filter(|_| !self.taxes_included) {
            Some(tax) => self.plus(place, amount, tax),
            None => Ok(amount),
        }
    }

    fn plus(&self, place: &str, one: Money, other: Money) -> Result<Money, Unreadable> {
        at(format_args!("{place}.amount"), one.plus(other))
    }
}
