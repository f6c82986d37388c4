//! An order of Shopify as an order of ours: as it stands after edits and refunds, in the shop's own currency.
//!
//! Shopify tells every amount in the shop's currency and in the customer's. The shop's is taken: it is what the merchant's
//! reports and taxes are reckoned in, it is the one that plain amounts of webhooks are in, and it does not change with the rate
//! between order and refund.

use kontor_domain::{
    Address, Charge, ChargeKind, CountryCode, Currency, Customer, Email, Line, LineId, LineKind, Money,
    OrderDraft, OrderError, OrderNumber, PaymentChoice, PlacedOrder, Quantity, Sku, TaxMode, TaxPart,
    TaxRate,
};
use rust_decimal::Decimal;

use super::read::instant;
use super::wire::{self, Allocation, LineItem, MoneySet, Order, ShippingLine, TaxLine};
use crate::config::ShopConfig;
use crate::reading::{
    Token, Unreadable, at, filled, language, money, number, payment, rate_of_one, share, spread, times,
};

/// What shops call the field for the VAT identification number, in small letters.
const VAT_KEYS: [&str; 4] = ["vat_number", "vat_id", "vat number", "vat id"];

/// The gateway of orders that nobody has paid yet: a person will mark them as paid, which Shopify calls `manual`, too.
const UNPAID_GATEWAY: &str = "manual";

/// What is read of an order that was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum View {
    /// What is left of it: `current_quantity`, `current_total_price`.
    Current,
    /// What was ordered: `quantity`, `total_price`.
    Ordered,
}

/// The order, without anything that only says where it stands.
///
/// What counts is what is left of it, for removed pieces must not be shipped. Where nothing is left (cancelled, refunded
/// in full) it is what was ordered. Money given back without taking off any piece leaves the order as it was.
pub(super) fn placed(shop: &ShopConfig, order: &Order) -> Result<PlacedOrder, Unreadable> {
    let Some(current) = order.current_total_price.as_ref().filter(|_| order.cancelled_at.is_none()) else {
        return viewed(shop, order, View::Ordered, &order.total_price);
    };
    let changes = Changes::of(order)?;
    if changes.nothing_left {
        return viewed(shop, order, View::Ordered, &order.total_price);
    }
    let placed = viewed(shop, order, View::Current, current);
    match placed {
        Err(Unreadable::Order(OrderError::Unbalanced { .. })) if !changes.any => {
            // If that does not add up either, the first answer says more.
            viewed(shop, order, View::Ordered, &order.total_price).or(placed)
        }
        placed => placed,
    }
}

/// What edits and refunds did to the lines.
struct Changes {
    any: bool,
    nothing_left: bool,
}

impl Changes {
    fn of(order: &Order) -> Result<Self, Unreadable> {
        let mut any = order.shipping_lines.iter().any(|line| line.is_removed == Some(true));
        let mut nothing_left = true;
        for (n, item) in order.line_items.iter().enumerate() {
            let (ordered, current) = (count(n, item, View::Ordered)?, count(n, item, View::Current)?);
            any |= ordered != current;
            nothing_left &= current.is_zero();
        }
        Ok(Self { any, nothing_left })
    }
}

fn count(n: usize, item: &LineItem, view: View) -> Result<Decimal, Unreadable> {
    match (view, &item.current_quantity) {
        (View::Current, Some(left)) => number(format_args!("line_items[{n}].current_quantity"), left),
        (View::Current, None) | (View::Ordered, _) => {
            number(format_args!("line_items[{n}].quantity"), &item.quantity)
        }
    }
}

fn viewed(shop: &ShopConfig, order: &Order, view: View, total: &Token) -> Result<PlacedOrder, Unreadable> {
    let currency = at(format_args!("currency"), Currency::parse(&order.currency))?;
    let total = money(format_args!("total_price"), total, currency)?;
    let reckoner = Reckoner { currency, view };
    let (lines, tips) = reckoner.lines(order)?;
    let mut charges = reckoner.shipping(order)?;
    charges.extend(reckoner.others(order, tips)?);
    let draft = OrderDraft {
        number: at(format_args!("name"), OrderNumber::parse(&order.name))?,
        placed_at: instant("created_at", &order.created_at)?,
        currency,
        tax_mode: tax_mode(order, currency)?,
        customer: customer(order)?,
        billing: address("billing_address", order.billing_address.as_ref())?,
        shipping: address("shipping_address", order.shipping_address.as_ref())?,
        lines,
        charges,
        discounts: Vec::new(),
        gift_cards: Vec::new(),
        rounding: Money::zero(currency),
        total,
        payment: choice(shop, order, total)?,
        note: order.note.as_deref().and_then(filled),
        test: order.test.unwrap_or(false),
    };
    Ok(draft.balanced()?.build()?)
}

fn tax_mode(order: &Order, currency: Currency) -> Result<TaxMode, Unreadable> {
    let tax =
        order.total_tax.as_ref().map(|tax| money(format_args!("total_tax"), tax, currency)).transpose()?;
    let exempt = order.tax_exempt == Some(true) || is_untaxed(order)?;
    Ok(match (exempt && tax.is_none_or(Money::is_zero), order.taxes_included) {
        (true, _) => TaxMode::TaxFree,
        (false, true) => TaxMode::Gross,
        (false, false) => TaxMode::Net,
    })
}

/// Whether no rate of tax but 0 % is used anywhere: abroad, Shopify leaves tax out even where prices include it.
fn is_untaxed(order: &Order) -> Result<bool, Unreadable> {
    let lines = order.line_items.iter().flat_map(|item| &item.tax_lines);
    let carriage = order.shipping_lines.iter().flat_map(|line| &line.tax_lines);
    for line in lines.chain(carriage) {
        if rate("tax_lines", line)? != TaxRate::ZERO {
            return Ok(false);
        }
    }
    Ok(true)
}

fn rate(place: &str, line: &TaxLine) -> Result<TaxRate, Unreadable> {
    let rate = at(format_args!("{place}.rate"), line.rate.as_ref().ok_or("missing"))?;
    rate_of_one(format_args!("{place}.rate"), rate)
}

/// The gateway that takes the money: the last one that is no gift card.
fn choice(shop: &ShopConfig, order: &Order, total: Money) -> Result<PaymentChoice, Unreadable> {
    let names = order.payment_gateway_names.as_deref().unwrap_or_default();
    let is_card = |name: &str| name.eq_ignore_ascii_case("gift_card");
    let gateway = names.iter().rfind(|name| !is_card(name)).or(names.last()).map(|name| name.trim());
    match gateway.filter(|name| !name.is_empty()) {
        Some(gateway) => payment(shop, gateway, gateway, total),
        None if total.is_zero() => payment(shop, "", "", total),
        None => payment(shop, UNPAID_GATEWAY, UNPAID_GATEWAY, total),
    }
}

fn customer(order: &Order) -> Result<Customer, Unreadable> {
    let known = order.customer.as_ref();
    let emails =
        [&order.email, &order.contact_email].into_iter().chain(known.map(|customer| &customer.email));
    let email = emails.flatten().find_map(|email| filled(email));
    let vat_id = vat_id(order);
    let company = order.billing_address.as_ref().and_then(|to| filled(to.company.as_deref()?));
    let business = order.company.is_some() || vat_id.is_some() || company.is_some();
    let tags = known.and_then(|customer| customer.tags.as_deref()).unwrap_or_default();
    let mut tags: Vec<String> = tags.split(',').filter_map(filled).collect();
    tags.sort();
    Ok(Customer {
        id: known.map(|customer| customer.id.to_string()),
        email: at(format_args!("email"), email.as_deref().map(Email::parse).transpose())?,
        language: order.customer_locale.as_deref().and_then(language),
        vat_id,
        group: if business { "B2B" } else { "B2C" }.to_owned(),
        tags,
    })
}

fn vat_id(order: &Order) -> Option<String> {
    let attributes = order.note_attributes.as_deref().unwrap_or_default();
    let named = |name: &str| VAT_KEYS.contains(&name.trim().to_lowercase().as_str());
    let mut found = attributes.iter().filter(|attribute| attribute.name.as_deref().is_some_and(named));
    found.find_map(|attribute| filled(attribute.value.as_ref()?.as_str()))
}

fn address(place: &str, from: Option<&wire::Address>) -> Result<Option<Address>, Unreadable> {
    let Some(from) = from else { return Ok(None) };
    let trimmed = |text: &Option<String>| text.as_deref().map(str::trim).unwrap_or_default().to_owned();
    let country = from.country_code.as_deref().and_then(filled);
    let address = Address {
        company: trimmed(&from.company),
        first_name: trimmed(&from.first_name),
        last_name: trimmed(&from.last_name),
        street: trimmed(&from.address1),
        street2: trimmed(&from.address2),
        zip: trimmed(&from.zip),
        city: trimmed(&from.city),
        state: trimmed(if from.province_code.is_some() { &from.province_code } else { &from.province }),
        country: at(
            format_args!("{place}.country_code"),
            country.as_deref().map(CountryCode::parse).transpose(),
        )?,
        phone: trimmed(&from.phone),
    };
    Ok((address != Address::default()).then_some(address))
}

/// Amounts of one view of an order.
struct Reckoner {
    currency: Currency,
    view: View,
}

impl Reckoner {
    /// The articles, and the lines that are tips.
    fn lines(&self, order: &Order) -> Result<(Vec<Line>, Vec<Charge>), Unreadable> {
        let (mut lines, mut tips) = (Vec::new(), Vec::new());
        for (n, item) in order.line_items.iter().enumerate() {
            let pieces = count(n, item, self.view)?;
            if pieces.is_zero() {
                continue;
            }
            let line = self.line(n, item, pieces)?;
            if item.tip.is_some() {
                let Line { title, total, taxes, .. } = line;
                tips.push(Charge { kind: ChargeKind::Other, code: "tip".to_owned(), title, total, taxes });
            } else {
                lines.push(line);
            }
        }
        Ok((lines, tips))
    }

    /// A line with `pieces` of what was ordered; amounts are told for all of it, so a part has its share of them.
    fn line(&self, n: usize, item: &LineItem, pieces: Decimal) -> Result<Line, Unreadable> {
        let place = format!("line_items[{n}]");
        let ordered = count(n, item, View::Ordered)?;
        let price = money(format_args!("{place}.price"), &item.price, self.currency)?;
        let full = at(format_args!("{place}.price"), times(price, ordered))?;
        let off = self.allocated(&place, &item.discount_allocations)?;
        let after = at(format_args!("{place}.discount_allocations"), full.minus(off))?;
        let total = at(format_args!("{place}.price"), share(after, pieces, ordered))?;
        let before = at(format_args!("{place}.price"), times(price, pieces))?;
        let discount = at(format_args!("{place}.price"), before.minus(total))?;
        let sku = item.sku.as_deref().and_then(filled);
        let title = item.name.as_deref().and_then(filled).or_else(|| filled(item.title.as_deref()?));
        Ok(Line {
            id: at(format_args!("{place}.id"), LineId::parse(&item.id.to_string()))?,
            sku: at(format_args!("{place}.sku"), sku.as_deref().map(Sku::parse).transpose())?,
            title: title.unwrap_or_default(),
            quantity: at(format_args!("{place}.quantity"), Quantity::new(pieces))?,
            total,
            discount: discount.max(Money::zero(self.currency)),
            taxes: self.taxes(&place, &item.tax_lines, pieces, ordered)?,
            kind: match (item.gift_card, item.requires_shipping) {
                (true, _) => LineKind::GiftCard,
                (false, Some(false)) => LineKind::Digital,
                (false, Some(true) | None) => LineKind::Physical,
            },
        })
    }

    /// What discounts take off. Shopify's allocations come to the discount exactly: they are taken, never reckoned again.
    fn allocated(&self, place: &str, allocations: &[Allocation]) -> Result<Money, Unreadable> {
        let mut sum = Money::zero(self.currency);
        for (n, allocation) in allocations.iter().enumerate() {
            let place = format_args!("{place}.discount_allocations[{n}].amount");
            sum = at(place, sum.plus(money(place, &allocation.amount, self.currency)?))?;
        }
        Ok(sum)
    }

    /// The taxes of `part` of `whole`.
    fn taxes(
        &self,
        place: &str,
        lines: &[TaxLine],
        part: Decimal,
        whole: Decimal,
    ) -> Result<Vec<TaxPart>, Unreadable> {
        let mut exact = Vec::new();
        for (n, line) in lines.iter().enumerate() {
            let place = format!("{place}.tax_lines[{n}]");
            let tax = money(format_args!("{place}.price"), &line.price, self.currency)?;
            let tax = at(format_args!("{place}.price"), share(tax, part, whole))?;
            exact.push((rate(&place, line)?, tax));
        }
        let total = at(
            format_args!("{place}.tax_lines"),
            Money::sum(self.currency, exact.iter().map(|(_, tax)| *tax)),
        )?;
        at(format_args!("{place}.tax_lines"), spread(total, exact))
    }

    fn shipping(&self, order: &Order) -> Result<Vec<Charge>, Unreadable> {
        let lines = order.shipping_lines.iter().enumerate();
        let kept = lines.filter(|(_, line)| line.is_removed != Some(true));
        kept.map(|(n, line)| self.carriage(&format!("shipping_lines[{n}]"), line)).collect()
    }

    fn carriage(&self, place: &str, line: &ShippingLine) -> Result<Charge, Unreadable> {
        let price = money(format_args!("{place}.price"), &line.price, self.currency)?;
        let off = self.allocated(place, &line.discount_allocations)?;
        let ordered = at(format_args!("{place}.discount_allocations"), price.minus(off))?;
        let total = match (self.view, &line.current_discounted_price_set) {
            (View::Current, Some(set)) => {
                self.of_set(&format!("{place}.current_discounted_price_set"), set)?
            }
            (View::Current, None) | (View::Ordered, _) => ordered,
        };
        let whole =
            if ordered.is_zero() { (Decimal::ONE, Decimal::ONE) } else { (total.amount(), ordered.amount()) };
        let title = line.title.as_deref().and_then(filled).unwrap_or_default();
        let code = line.code.as_deref().and_then(filled).unwrap_or_else(|| title.clone());
        let taxes = self.taxes(place, &line.tax_lines, whole.0, whole.1)?;
        Ok(Charge { kind: ChargeKind::Shipping, code, title, total, taxes })
    }

    fn of_set(&self, place: &str, set: &MoneySet) -> Result<Money, Unreadable> {
        let currency =
            at(format_args!("{place}.shop_money"), Currency::parse(&set.shop_money.currency_code))?;
        let amount = money(format_args!("{place}.shop_money"), &set.shop_money.amount, currency)?;
        at(format_args!("{place}.shop_money"), amount.plus(Money::zero(self.currency)))
    }

    /// Tips, duties and fees. A tip is a line in new versions, in old ones only a sum.
    fn others(&self, order: &Order, tips: Vec<Charge>) -> Result<Vec<Charge>, Unreadable> {
        let (duties, fees) = match self.view {
            View::Current => (&order.current_total_duties_set, &order.current_total_additional_fees_set),
            View::Ordered => (&order.original_total_duties_set, &order.original_total_additional_fees_set),
        };
        let duties = duties.as_ref().filter(|_| order.duties_included != Some(true));
        let mut charges = tips;
        let tip = order.total_tip_received.as_ref().filter(|_| charges.is_empty());
        let tip = tip.map(|tip| money(format_args!("total_tip_received"), tip, self.currency)).transpose()?;
        let duties = duties.map(|set| self.of_set("current_total_duties_set", set)).transpose()?;
        let fees =
            fees.as_ref().map(|set| self.of_set("current_total_additional_fees_set", set)).transpose()?;
        for (code, title, amount) in
            [("tip", "Tip", tip), ("duties", "Duties", duties), ("additional_fees", "Additional fees", fees)]
        {
            if let Some(total) = amount.filter(|amount| !amount.is_zero()) {
                let (code, title) = (code.to_owned(), title.to_owned());
                charges.push(Charge { kind: ChargeKind::Other, code, title, total, taxes: Vec::new() });
            }
        }
        Ok(charges)
    }
}
