//! What is in a bundle: an XML document inside a text of the order's line.

use kontor_domain::{Currency, Money, MoneyError};
use kontor_flow::remedy::BoxError;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::Deserialize;

use super::wire::OrderItem;
use crate::reading::{Unreadable, at, filled};

/// `ArrayOfProductBundleItemOrderData` (.NET's `XmlSerializer`).
#[derive(Deserialize)]
struct Document {
    #[serde(rename = "ProductBundleItemOrderData", default)]
    parts: Vec<WrittenPart>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WrittenPart {
    bundle_item_id: u64,
    #[serde(default)]
    sku: Option<String>,
    #[serde(default)]
    product_name: Option<String>,
    quantity: String,
    #[serde(default)]
    price_with_discount: Option<String>,
    #[serde(default)]
    per_item_shopping_cart: Option<String>,
}

/// One part of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// The shop's id of it within its bundle.
    pub(super) id: u64,
    /// The article.
    pub(super) sku: String,
    /// What it is called.
    pub(super) name: String,
    /// How many of it are in one bundle; more than none.
    pub(super) quantity: Decimal,
    /// What it weighs in the bundle's price.
    weight: Decimal,
}

/// The parts of a bundle whose stock is that of its parts, each with an article number. Empty for everything else: such a
/// bundle is packed and booked as the one article it is.
pub(super) fn parts(place: &str, item: &OrderItem) -> Result<Vec<Part>, Unreadable> {
    let Some(text) = item.bundle_data.as_deref().and_then(filled) else { return Ok(Vec::new()) };
    at(format_args!("{place}.BundleData"), read(&text))
}

/// The same from the text alone.
pub(super) fn read(text: &str) -> Result<Vec<Part>, BoxError> {
    let document: Document = quick_xml::de::from_str(undeclared(text)).map_err(|_| "this is no bundle")?;
    let by_part = |part: &WrittenPart| part.per_item_shopping_cart.as_deref().map(str::trim) == Some("true");
    if document.parts.is_empty() || !document.parts.iter().all(by_part) {
        return Ok(Vec::new());
    }
    let mut parts = Vec::new();
    for written in document.parts {
        let quantity: Decimal = written.quantity.trim().parse()?;
        if quantity <= Decimal::ZERO {
            return Err("a part of the bundle has no quantity".into());
        }
        let price = written.price_with_discount.as_deref().map(str::trim).filter(|price| !price.is_empty());
        let price: Decimal = price.map(str::parse).transpose()?.unwrap_or_default();
        let Some(sku) = written.sku.as_deref().and_then(filled) else { return Ok(Vec::new()) };
        let weight = price.max(Decimal::ZERO).checked_mul(quantity).ok_or(MoneyError::Overflow)?;
        let name = written.product_name.as_deref().and_then(filled).unwrap_or_default();
        parts.push(Part { id: written.bundle_item_id, sku, name, quantity, weight });
    }
    Ok(parts)
}

/// The document without its declaration: it says `utf-16`, which was true in the shop's memory and is not here.
fn undeclared(text: &str) -> &str {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if !text.starts_with("<?xml") {
        return text;
    }
    text.split_once("?>").map_or(text, |(_, rest)| rest)
}

/// `amount` divided among the parts of a bundle, by what they cost in it.
pub(super) fn divided(amount: Money, parts: &[Part]) -> Result<Vec<Money>, MoneyError> {
    let priced = parts.iter().any(|part| part.weight > Decimal::ZERO);
    let weight = |part: &Part| if priced { part.weight } else { part.quantity };
    shares(amount, &parts.iter().map(weight).collect::<Vec<_>>())
}

/// `amount` divided by `weights`: rounded down to what can be paid, and what is left over goes to the heaviest. So no share has
/// another sign than the amount, and together they come to it exactly.
pub(super) fn shares(amount: Money, weights: &[Decimal]) -> Result<Vec<Money>, MoneyError> {
    let currency: Currency = amount.currency();
    let mut whole = Decimal::ZERO;
    for weight in weights {
        whole = whole.checked_add(*weight).ok_or(MoneyError::Overflow)?;
    }
    let share = |weight: &Decimal| {
        if whole.is_zero() {
            return Ok(Money::zero(currency));
        }
        let part = weight.checked_div(whole).ok_or(MoneyError::Overflow)?;
        let exact = amount.amount().checked_mul(part).ok_or(MoneyError::Overflow)?;
        Ok(Money::new(exact.round_dp_with_strategy(currency.decimals(), RoundingStrategy::ToZero), currency))
    };
    let mut shares = weights.iter().map(share).collect::<Result<Vec<_>, MoneyError>>()?;
    let left = amount.minus(Money::sum(currency, shares.iter().copied())?)?;
    let heaviest = weights.iter().enumerate().max_by_key(|(_, weight)| **weight).map(|(at, _)| at);
    if let Some(share) = heaviest.and_then(|at| shares.get_mut(at)) {
        *share = share.plus(left)?;
    }
    Ok(shares)
}
