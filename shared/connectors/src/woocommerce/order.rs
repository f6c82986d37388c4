//! An order of WooCommerce as an order of ours. WooCommerce keeps all amounts without tax and the tax beside them.

use std::collections::BTreeMap;

use kontor_domain::{
    Address, Charge, ChargeKind, CountryCode, Currency, Customer, Discount, Email, Line, LineId, LineKind,
    Money, MoneyError, OrderDraft, OrderNumber, PlacedOrder, Quantity, Sku, TaxMode, TaxPart, TaxRate,
};
use rust_decimal::Decimal;

use super::read::instant;
use super::wire::{self, Meta, Order, Tax};
use crate::config::ShopConfig;
use crate::reading::{Token, Unreadable, at, filled, language, money, number, payment, spread};

/// Where plugins keep the VAT identification number.
const VAT_KEYS: [&str; 4] = ["_billing_vat_number", "_vat_number", "vat_number", "_billing_eu_vat_number"];

/// Where plugins for several languages keep the customer's.
const LANGUAGE_KEYS: [&str; 2] = ["wpml_language", "_language"];

/// The order, without anything that only says where it stands.
pub(super) fn placed(shop: &ShopConfig, order: &Order) -> Result<PlacedOrder, Unreadable> {
    let reckoner = Reckoner::of(order)?;
    let currency = reckoner.currency;
    let total = money(format_args!("total"), &order.total, currency)?;
    let (charges, discounts) = reckoner.extras(order)?;
    let draft = OrderDraft {
        number: at(format_args!("number"), OrderNumber::parse(order.number.as_str()))?,
        placed_at: instant("date_created_gmt", &order.date_created_gmt)?,
        currency,
        tax_mode: reckoner.mode,
        customer: customer(order)?,
        billing: address("billing", &order.billing)?,
        shipping: address("shipping", &order.shipping)?,
        lines: reckoner.lines(order)?,
        charges,
        discounts,
        gift_cards: Vec::new(),
        rounding: Money::zero(currency),
        total,
        payment: payment(shop, &order.payment_method, &order.payment_method_title, total)?,
        note: filled(&order.customer_note),
        test: false,
    };
    Ok(draft.balanced()?.build()?)
}

/// The value of a meta field, if it is a text.
fn meta(order: &Order, keys: &[&str]) -> Option<String> {
    let text = |meta: &Meta| -> Option<String> {
        let text: String = serde_json::from_str(meta.value.as_ref()?.get()).ok()?;
        filled(&text)
    };
    keys.iter().find_map(|key| {
        order.meta_data.iter().filter(|meta| meta.key.as_deref() == Some(*key)).find_map(text)
    })
}

fn customer(order: &Order) -> Result<Customer, Unreadable> {
    let email = order.billing.email.as_deref().and_then(filled);
    let vat_id = meta(order, &VAT_KEYS);
    let billing = address("billing", &order.billing)?;
    let business = vat_id.is_some() || billing.is_some_and(|billing| billing.company_name().is_some());
    Ok(Customer {
        id: (order.customer_id != 0).then(|| order.customer_id.to_string()),
        email: at(format_args!("billing.email"), email.as_deref().map(Email::parse).transpose())?,
        language: meta(order, &LANGUAGE_KEYS).as_deref().and_then(language),
        vat_id,
        group: if business { "B2B" } else { "B2C" }.to_owned(),
        tags: Vec::new(),
    })
}

fn address(place: &str, from: &wire::Address) -> Result<Option<Address>, Unreadable> {
    let trimmed = |text: &str| text.trim().to_owned();
    let country = filled(&from.country);
    let address = Address {
        company: trimmed(&from.company),
        first_name: trimmed(&from.first_name),
        last_name: trimmed(&from.last_name),
        street: trimmed(&from.address_1),
        street2: trimmed(&from.address_2),
        zip: trimmed(&from.postcode),
        city: trimmed(&from.city),
        state: trimmed(&from.state),
        country: at(format_args!("{place}.country"), country.as_deref().map(CountryCode::parse).transpose())?,
        phone: trimmed(&from.phone),
    };
    Ok((address != Address::default()).then_some(address))
}

/// Whether nothing is sent. WooCommerce tells it of no line; a checkout without carriage and without an address to ship to
/// is one of downloads. Orders made by hand or by an API may lack both and still be parcels.
fn is_digital(order: &Order) -> bool {
    let by_checkout = matches!(order.created_via.as_str(), "checkout" | "store-api");
    let to = &order.shipping;
    let nowhere =
        [&to.address_1, &to.address_2, &to.postcode, &to.city].iter().all(|part| part.trim().is_empty());
    by_checkout && nowhere && order.shipping_lines.is_empty()
}

/// The rate of a tax that does not say it, in percent: what it comes to on all it is on, whose taxes have six digits.
fn reckoned_rate(order: &Order, id: u64) -> Option<Decimal> {
    let items = order.line_items.iter().map(|line| (&line.total, &line.taxes));
    let carriage = order.shipping_lines.iter().map(|line| (&line.total, &line.taxes));
    let fees = order.fee_lines.iter().map(|line| (&line.total, &line.taxes));
    let (mut net, mut tax) = (Decimal::ZERO, Decimal::ZERO);
    for (total, taxes) in items.chain(carriage).chain(fees) {
        for part in taxes.iter().filter(|part| part.id == id && !part.total.as_str().is_empty()) {
            net = net.checked_add(number(format_args!("total"), total).ok()?)?;
            tax = tax.checked_add(number(format_args!("taxes"), &part.total).ok()?)?;
        }
    }
    Some(tax.checked_mul(Decimal::ONE_HUNDRED)?.checked_div(net)?.round_dp(2).normalize())
}

/// Amounts with their tax, in the way the shop states its prices.
struct Reckoner {
    currency: Currency,
    mode: TaxMode,
    rates: BTreeMap<u64, TaxRate>,
}

/// An amount as the order states it, and the tax in it or on top of it.
struct Stated {
    amount: Money,
    taxes: Vec<TaxPart>,
}

impl Reckoner {
    fn of(order: &Order) -> Result<Self, Unreadable> {
        let currency = at(format_args!("currency"), Currency::parse(&order.currency))?;
        let tax = money(format_args!("total_tax"), &order.total_tax, currency)?;
        let exempt = meta(order, &["is_vat_exempt"]).is_some_and(|word| word == "yes");
        let mut rates = BTreeMap::new();
        for (n, line) in order.tax_lines.iter().enumerate() {
            let percent = match &line.rate_percent {
                Some(percent) => number(format_args!("tax_lines[{n}].rate_percent"), percent)?,
                None => match reckoned_rate(order, line.rate_id) {
                    Some(percent) => percent,
                    None => continue,
                },
            };
            let rate = at(format_args!("tax_lines[{n}].rate_percent"), TaxRate::percent(percent))?;
            rates.insert(line.rate_id, rate);
        }
        // Abroad, WooCommerce leaves tax out even where prices include it. An article given away for nothing is different:
        // its rate stands in the order, and only the amount is nothing.
        let known = order.tax_lines.iter().map(|line| rates.get(&line.rate_id));
        let untaxed = known.into_iter().all(|rate| rate.is_some_and(|rate| *rate == TaxRate::ZERO));
        let mode = match (tax.is_zero() && (exempt || untaxed), order.prices_include_tax) {
            (true, _) => TaxMode::TaxFree,
            (false, true) => TaxMode::Gross,
            (false, false) => TaxMode::Net,
        };
        Ok(Self { currency, mode, rates })
    }

    /// What `net` and `tax` are together, in the order's way of stating prices.
    fn in_mode(&self, net: Money, tax: Money) -> Result<Money, MoneyError> {
        match self.mode {
            TaxMode::Gross => net.plus(tax),
            TaxMode::Net | TaxMode::TaxFree => Ok(net),
        }
    }

    fn stated(&self, place: &str, net: &Token, tax: &Token, taxes: &[Tax]) -> Result<Stated, Unreadable> {
        let net = money(format_args!("{place}.total"), net, self.currency)?;
        let tax = money(format_args!("{place}.total_tax"), tax, self.currency)?;
        let mut exact = Vec::new();
        for (n, part) in taxes.iter().enumerate().filter(|(_, part)| !part.total.as_str().is_empty()) {
            let rate = self.rates.get(&part.id).copied().ok_or("no tax line has this rate");
            let rate = at(format_args!("{place}.taxes[{n}].id"), rate)?;
            exact.push((rate, money(format_args!("{place}.taxes[{n}].total"), &part.total, self.currency)?));
        }
        let taxes = at(format_args!("{place}.taxes"), spread(tax, exact))?;
        Ok(Stated { amount: at(format_args!("{place}.total"), self.in_mode(net, tax))?, taxes })
    }

    fn lines(&self, order: &Order) -> Result<Vec<Line>, Unreadable> {
        let kind = if is_digital(order) { LineKind::Digital } else { LineKind::Physical };
        let mut lines = Vec::new();
        for (n, item) in order.line_items.iter().enumerate() {
            let place = format!("line_items[{n}]");
            if !self.is_nothing(&place, item)? {
                lines.push(self.line(&place, item, kind)?);
            }
        }
        Ok(lines)
    }

    /// Whether a line has no pieces and costs nothing: an order edited by hand keeps such lines.
    fn is_nothing(&self, place: &str, item: &wire::LineItem) -> Result<bool, Unreadable> {
        let quantity = number(format_args!("{place}.quantity"), &item.quantity)?;
        let total = money(format_args!("{place}.total"), &item.total, self.currency)?;
        let tax = money(format_args!("{place}.total_tax"), &item.total_tax, self.currency)?;
        Ok(quantity.is_zero() && total.is_zero() && tax.is_zero())
    }

    fn line(&self, place: &str, item: &wire::LineItem, kind: LineKind) -> Result<Line, Unreadable> {
        let stated = self.stated(place, &item.total, &item.total_tax, &item.taxes)?;
        let subtotal = money(format_args!("{place}.subtotal"), &item.subtotal, self.currency)?;
        let subtotal_tax = money(format_args!("{place}.subtotal_tax"), &item.subtotal_tax, self.currency)?;
        let before = at(format_args!("{place}.subtotal"), self.in_mode(subtotal, subtotal_tax))?;
        let discount = at(format_args!("{place}.subtotal"), before.minus(stated.amount))?;
        let quantity = number(format_args!("{place}.quantity"), &item.quantity)?;
        let sku = item.sku.as_deref().and_then(filled);
        Ok(Line {
            id: at(format_args!("{place}.id"), LineId::parse(&item.id.to_string()))?,
            sku: at(format_args!("{place}.sku"), sku.as_deref().map(Sku::parse).transpose())?,
            title: item.name.trim().to_owned(),
            quantity: at(format_args!("{place}.quantity"), Quantity::new(quantity))?,
            total: stated.amount,
            // An order edited by hand may cost more than before.
            discount: discount.max(Money::zero(self.currency)),
            taxes: stated.taxes,
            kind,
        })
    }

    /// Carriage and fees. Coupons are in the lines already; a fee below zero is what plugins make of a discount.
    fn extras(&self, order: &Order) -> Result<(Vec<Charge>, Vec<Discount>), Unreadable> {
        let (mut charges, mut discounts) = (Vec::new(), Vec::new());
        for (n, line) in order.shipping_lines.iter().enumerate() {
            let place = format!("shipping_lines[{n}]");
            let Stated { amount, taxes } = self.stated(&place, &line.total, &line.total_tax, &line.taxes)?;
            let code = filled(&line.method_id).unwrap_or_else(|| "shipping".to_owned());
            let title = line.method_title.trim().to_owned();
            charges.push(Charge { kind: ChargeKind::Shipping, code, title, total: amount, taxes });
        }
        for (n, fee) in order.fee_lines.iter().enumerate() {
            let place = format!("fee_lines[{n}]");
            let Stated { amount, mut taxes } = self.stated(&place, &fee.total, &fee.total_tax, &fee.taxes)?;
            let name = fee.name.as_deref().and_then(filled);
            if amount.is_negative() {
                taxes.iter_mut().for_each(|tax| tax.amount = tax.amount.negated());
                let code = name.unwrap_or_else(|| format!("fee-{}", fee.id));
                discounts.push(Discount { code, amount: amount.negated(), taxes });
            } else {
                let title = name.unwrap_or_default();
                charges.push(Charge {
                    kind: ChargeKind::Other,
                    code: "fee".to_owned(),
                    title,
                    total: amount,
                    taxes,
                });
            }
        }
        Ok((charges, discounts))
    }
}
