//! What an order of Shopware's comes to: floats made decimals, roundings kept apart, sets counted once.

use std::collections::{BTreeMap, BTreeSet};

use kontor_domain::{
    Charge, ChargeKind, Currency, Discount, Line, LineId, LineKind, Money, Quantity, Sku, TaxPart, TaxRate,
};
use rust_decimal::{Decimal, RoundingStrategy};

use super::wire::{Delivery, LineItem, Method, Order, Price, Rounding};
use crate::reading::{Token, Unreadable, at, filled, money, number, spread};

/// How deep sets of sets are taken apart.
const DEEPEST: usize = 8;

/// How many digits behind the point are kept where the shop does not say how it rounds.
const DIGITS: u32 = 4;

/// The article number plugins write on lines that are no article.
const NO_NUMBER: &str = "*";

/// Articles, charges and discounts of an order.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) lines: Vec<Line>,
    pub(super) charges: Vec<Charge>,
    pub(super) discounts: Vec<Discount>,
}

/// Reckons with the amounts of one order.
pub(super) struct Reckoner {
    currency: Currency,
    /// Digits behind the point of a line's amounts.
    item: u32,
    /// Digits behind the point of the order's total.
    total: u32,
    /// The smallest amount the total is rounded to.
    interval: Decimal,
}

impl Reckoner {
    /// By the order's own roundings.
    pub(super) fn of(order: &Order, currency: Currency) -> Result<Self, Unreadable> {
        let decimals = |rounding: Option<&Rounding>| rounding.map_or(DIGITS, |r| r.decimals.min(DIGITS));
        let interval = order.total_rounding.as_ref().and_then(|rounding| rounding.interval.as_ref());
        let interval = interval.map(|interval| number(format_args!("totalRounding.interval"), interval));
        Ok(Self {
            currency,
            item: decimals(order.item_rounding.as_ref()).max(currency.decimals().min(DIGITS)),
            total: decimals(order.total_rounding.as_ref()),
            interval: interval.transpose()?.unwrap_or(Decimal::ZERO),
        })
    }

    /// What the order comes to.
    pub(super) fn total(&self, order: &Order) -> Result<Money, Unreadable> {
        self.amount("price.totalPrice", &order.price.total_price, self.total)
    }

    /// What rounding to what can be paid in cash adds to an order whose parts miss `difference`: so much as the shop says,
    /// or all of it where it does not say, and always less than the smallest amount it rounds to.
    pub(super) fn cash_rounding(
        &self,
        order: &Order,
        difference: Money,
    ) -> Result<Option<Money>, Unreadable> {
        let rounding = match &order.price.raw_total {
            Some(raw) => {
                let raw = self.amount("price.rawTotal", raw, self.item)?;
                at(format_args!("price.rawTotal"), self.total(order)?.minus(raw))?
            }
            None => difference,
        };
        Ok((rounding.abs().amount() < self.interval && !rounding.is_zero()).then_some(rounding))
    }

    /// Everything that is to be paid.
    pub(super) fn parts(&self, order: &Order) -> Result<Parts, Unreadable> {
        let mut parts = Parts::default();
        let items = order.line_items.as_ref().map(|list| list.0.as_slice()).unwrap_or_default();
        for item in &Sets::new(items).unpacked(self)? {
            self.sort(item, &mut parts)?;
        }
        self.carriage(order, &mut parts)?;
        Ok(parts)
    }

    /// A float made a decimal with so many digits: `8.330000000000002` is 8.33.
    fn amount(&self, place: &str, token: &Token, digits: u32) -> Result<Money, Unreadable> {
        let exact = money(format_args!("{place}"), token, self.currency)?;
        let amount = exact.amount().round_dp_with_strategy(digits, RoundingStrategy::MidpointAwayFromZero);
        Ok(Money::new(amount, self.currency))
    }

    fn of_price(&self, place: &str, price: &Price) -> Result<Money, Unreadable> {
        self.amount(&format!("{place}.totalPrice"), &price.total_price, self.item)
    }

    /// The taxes of an amount by rate; `sign` is -1 for discounts, whose taxes are negative on the wire.
    fn taxes(&self, place: &str, price: Option<&Price>, sign: Decimal) -> Result<Vec<TaxPart>, Unreadable> {
        let mut exact = Vec::new();
        for (n, tax) in price.iter().flat_map(|price| &price.calculated_taxes.0).enumerate() {
            let place = format!("{place}.calculatedTaxes[{n}]");
            let percent = number(format_args!("{place}.taxRate"), &tax.tax_rate)?;
            let percent = percent.round_dp_with_strategy(4, RoundingStrategy::MidpointAwayFromZero);
            let rate = at(format_args!("{place}.taxRate"), TaxRate::percent(percent))?;
            let amount = money(format_args!("{place}.tax"), &tax.tax, self.currency)?;
            exact.push((rate, Money::new(amount.amount() * sign, self.currency)));
        }
        let sum = Money::sum(self.currency, exact.iter().map(|(_, tax)| *tax));
        let sum = at(format_args!("{place}.calculatedTaxes"), sum)?.rounded();
        at(format_args!("{place}.calculatedTaxes"), spread(sum, exact))
    }

    /// An item of the order is an article, a charge or a discount.
    fn sort(&self, item: &Item<'_>, parts: &mut Parts) -> Result<(), Unreadable> {
        let (place, on_wire) = (item.place(), item.line);
        let title = on_wire.label.as_deref().and_then(filled).unwrap_or_default();
        let code = on_wire.payload.0.as_ref().and_then(|payload| filled(payload.code.0.as_ref()?.as_str()));
        let is_discount = matches!(on_wire.kind.as_deref(), Some("promotion" | "discount" | "credit"));
        let total = item.total;
        if total.is_negative() {
            let taxes = self.taxes(&place, item.price(), -Decimal::ONE)?;
            let code = code.unwrap_or(title);
            parts.discounts.push(Discount { code, amount: total.negated(), taxes });
        } else if is_discount || item.is_difference {
            // A promotion that only takes the carriage off is a line without an amount.
            if !total.is_zero() {
                let taxes = self.taxes(&place, item.price(), Decimal::ONE)?;
                let code = code.unwrap_or_else(|| on_wire.kind.clone().unwrap_or_default());
                parts.charges.push(Charge { kind: ChargeKind::Other, code, title, total, taxes });
            }
        } else {
            parts.lines.push(self.line(&place, on_wire, title, total)?);
        }
        Ok(())
    }

    fn line(&self, place: &str, item: &LineItem, title: String, total: Money) -> Result<Line, Unreadable> {
        let pieces = number(format_args!("{place}.quantity"), &item.quantity)?;
        let sku = article(item).map(|number| Sku::parse(&number));
        Ok(Line {
            id: at(format_args!("{place}.id"), LineId::parse(&item.id))?,
            sku: at(format_args!("{place}.payload.productNumber"), sku.transpose())?,
            title,
            quantity: at(format_args!("{place}.quantity"), Quantity::new(pieces))?,
            total,
            discount: Money::zero(self.currency),
            taxes: self.taxes(place, item.price.as_ref(), Decimal::ONE)?,
            kind: line_kind(item),
        })
    }

    /// Carriage by delivery, where the deliveries come to what the order says; else in one sum.
    fn carriage(&self, order: &Order, parts: &mut Parts) -> Result<(), Unreadable> {
        let deliveries = order.deliveries.as_ref().map(|list| list.0.as_slice()).unwrap_or_default();
        let whole = order.shipping_costs.as_ref();
        let said = whole.map(|price| self.of_price("shippingCosts", price)).transpose()?;
        let mut sum = Money::zero(self.currency);
        for (n, delivery) in deliveries.iter().enumerate() {
            if let Some(price) = &delivery.shipping_costs {
                let place = format!("deliveries[{n}].shippingCosts");
                sum = at(format_args!("{place}"), sum.plus(self.of_price(&place, price)?))?;
            }
        }
        match (whole, said) {
            (Some(price), Some(said)) if deliveries.is_empty() || said != sum => {
                self.carry("shippingCosts", price, deliveries.first(), parts)
            }
            (Some(_) | None, _) => {
                for (n, delivery) in deliveries.iter().enumerate() {
                    if let Some(price) = &delivery.shipping_costs {
                        let place = format!("deliveries[{n}].shippingCosts");
                        self.carry(&place, price, Some(delivery), parts)?;
                    }
                }
                Ok(())
            }
        }
    }

    /// One sum of carriage. A negative one is a promotion's discount on it.
    fn carry(
        &self,
        place: &str,
        price: &Price,
        delivery: Option<&Delivery>,
        parts: &mut Parts,
    ) -> Result<(), Unreadable> {
        let total = self.of_price(place, price)?;
        let method = delivery.and_then(|delivery| delivery.shipping_method.0.as_ref());
        let title = method.and_then(method_title).unwrap_or_default();
        let code = method.and_then(method_code).unwrap_or_else(|| title.clone());
        if total.is_negative() {
            let taxes = self.taxes(place, Some(price), -Decimal::ONE)?;
            parts.discounts.push(Discount { code: "shipping".to_owned(), amount: total.negated(), taxes });
            return Ok(());
        }
        if total.is_zero() && code.is_empty() {
            return Ok(());
        }
        let taxes = self.taxes(place, Some(price), Decimal::ONE)?;
        parts.charges.push(Charge { kind: ChargeKind::Shipping, code, title, total, taxes });
        Ok(())
    }
}

/// The code of a way to pay or to ship: its technical name, in versions that have none the name of its handler.
pub(super) fn method_code(method: &Method) -> Option<String> {
    let names = [&method.technical_name, &method.formatted_handler_identifier];
    names.into_iter().flatten().find_map(|name| filled(name)).or_else(|| method_title(method))
}

/// What people read of it.
pub(super) fn method_title(method: &Method) -> Option<String> {
    let translated = method.translated.0.as_ref().and_then(|translated| translated.name.as_deref());
    filled(method.name.as_deref().or(translated)?)
}

/// The article number, if the line is an article.
fn article(item: &LineItem) -> Option<String> {
    let number = filled(item.payload.0.as_ref()?.product_number.0.as_ref()?.as_str())?;
    (number != NO_NUMBER).then_some(number)
}

/// `states` are gone in later versions; what is no `good` (an engraving, a service) is never packed.
fn line_kind(item: &LineItem) -> LineKind {
    let is_download = item.states.0.iter().flatten().any(|state| state == "is-download");
    if is_download || item.good == Some(false) { LineKind::Digital } else { LineKind::Physical }
}

/// A line that counts, with what it counts for.
struct Item<'o> {
    line: &'o LineItem,
    /// Where it stands in the body.
    nth: usize,
    total: Money,
    /// What a set costs beyond its pieces, or less than they do.
    is_difference: bool,
}

impl<'o> Item<'o> {
    fn place(&self) -> String {
        format!("lineItems[{}]", self.nth)
    }

    /// The price with its taxes; of a difference nobody says which.
    fn price(&self) -> Option<&'o Price> {
        self.line.price.as_ref().filter(|_| !self.is_difference)
    }
}

/// The lines of an order, parents with their children: in the order's list they stand side by side, and a parent's price
/// has its children's in it. Only lines without a parent are in the order's total.
struct Sets<'o> {
    /// Lines without a parent, with their place.
    roots: Vec<(usize, &'o LineItem)>,
    children: BTreeMap<&'o str, Vec<(usize, &'o LineItem)>>,
}

impl<'o> Sets<'o> {
    fn new(items: &'o [LineItem]) -> Self {
        let mut all: Vec<Told<'o>> = Vec::new();
        for (nth, line) in items.iter().enumerate() {
            all.push(Told { nth, parent: line.parent_id.as_deref(), line });
        }
        let mut ids: BTreeSet<&str> = items.iter().map(|item| item.id.as_str()).collect();
        for (nth, line) in items.iter().enumerate() {
            gather(nth, line, DEEPEST, &mut ids, &mut all);
        }
        let mut sets = Self { roots: Vec::new(), children: BTreeMap::new() };
        for Told { nth, parent, line } in all {
            match parent.filter(|parent| ids.contains(parent) && *parent != line.id) {
                Some(parent) => sets.children.entry(parent).or_default().push((nth, line)),
                None => sets.roots.push((nth, line)),
            }
        }
        sets
    }

    /// The lines that count, sets taken apart.
    fn unpacked(&self, reckoner: &Reckoner) -> Result<Vec<Item<'o>>, Unreadable> {
        let mut items = Vec::new();
        for (nth, root) in &self.roots {
            self.unpack(*nth, root, reckoner, DEEPEST, &mut items)?;
        }
        Ok(items)
    }

    /// A set whose pieces come to its price is its pieces: they name the articles. A set with an article number of its own is
    /// that article. Of any other set the pieces count, and what it costs beyond them, or less.
    fn unpack(
        &self,
        nth: usize,
        line: &'o LineItem,
        reckoner: &Reckoner,
        depth: usize,
        items: &mut Vec<Item<'o>>,
    ) -> Result<(), Unreadable> {
        let total = total_of(nth, line, reckoner)?;
        let pieces = self.children.get(line.id.as_str()).map(Vec::as_slice).unwrap_or_default();
        let mut sum = Money::zero(reckoner.currency);
        for (nth, piece) in pieces {
            let place = format!("lineItems[{nth}]");
            sum = at(format_args!("{place}"), sum.plus(total_of(*nth, piece, reckoner)?))?;
        }
        if pieces.is_empty() || depth == 0 || sum != total && article(line).is_some() {
            items.push(Item { line, nth, total, is_difference: false });
            return Ok(());
        }
        for (nth, piece) in pieces {
            self.unpack(*nth, piece, reckoner, depth.saturating_sub(1), items)?;
        }
        let rest = at(format_args!("lineItems[{nth}]"), total.minus(sum))?;
        if !rest.is_zero() {
            items.push(Item { line, nth, total: rest, is_difference: true });
        }
        Ok(())
    }
}

/// A line as it was told.
struct Told<'o> {
    nth: usize,
    parent: Option<&'o str>,
    line: &'o LineItem,
}

/// The lines below a line, but those that stand in the list beside it, too.
fn gather<'o>(
    nth: usize,
    parent: &'o LineItem,
    depth: usize,
    ids: &mut BTreeSet<&'o str>,
    all: &mut Vec<Told<'o>>,
) {
    for line in parent.children.0.iter().filter(|_| depth > 0) {
        if ids.insert(&line.id) {
            all.push(Told { nth, parent: Some(&parent.id), line });
        }
        gather(nth, line, depth.saturating_sub(1), ids, all);
    }
}

/// What a line comes to.
fn total_of(nth: usize, line: &LineItem, reckoner: &Reckoner) -> Result<Money, Unreadable> {
    let place = format!("lineItems[{nth}]");
    match (&line.price, &line.total_price) {
        (Some(price), _) => reckoner.of_price(&format!("{place}.price"), price),
        (None, Some(total)) => reckoner.amount(&format!("{place}.totalPrice"), total, reckoner.item),
        (None, None) => {
            at(format_args!("{place}.price"), Err("missing, so that it is not known what it costs"))
        }
    }
}
