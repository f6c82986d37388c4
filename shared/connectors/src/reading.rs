//! What the readers of all shops share: bodies, amounts and times with their place in the body, terms of payment, taxes.
//!
//! No error here repeats what stands in the body: that may be somebody's name.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr as _;

use jiff::{SignedDuration, Timestamp};
use kontor_domain::{
    Currency, Money, MoneyError, OrderError, OrderKey, OrderLife, PaymentChoice, PaymentTerms, ShopId,
    ShopOrderId, TaxPart, TaxRate,
};
use kontor_flow::ports::ReadError;
use kontor_flow::remedy::BoxError;
use kontor_flow::storefront::{FETCHED, Sighting};
use kontor_flow::{Envelope, Event, EventRecord, Happened, Payload};
use rust_decimal::{Decimal, RoundingStrategy};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::config::ShopConfig;

/// By how much a shop's clock may run ahead of ours. A body that is an id alone has no time of its own and gets ours; a
/// revision of the order by a faster clock would look newer than its deletion, and the deleted order would live on.
const CLOCKS_APART: SignedDuration = SignedDuration::from_mins(10);

/// The code of an order that names no means of payment.
pub(crate) const NO_METHOD: &str = "none";

/// Why a body can't be read as an order.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    /// Not the JSON it should be.
    #[error("the body is not as expected at {place}: {what}")]
    Form { place: String, what: String },
    /// A value that is none of its kind.
    #[error("{place} cannot be read")]
    Field {
        place: String,
        #[source]
        source: BoxError,
    },
    /// A means of payment of which the configuration says nothing.
    #[error(
        "the payment method {code:?} is not mapped: add it to `payments` of the shop {shop} in kontor.yaml \
         as prepaid, prepayment, invoice or cash_on_delivery"
    )]
    Payment { shop: String, code: String },
    /// The parts don't make an order.
    #[error("the order does not add up")]
    Order(#[from] OrderError),
}

/// Says where in the body a value stands that can't be read.
pub(crate) fn at<T, E: Into<BoxError>>(
    place: fmt::Arguments<'_>,
    value: Result<T, E>,
) -> Result<T, Unreadable> {
    value.map_err(|error| Unreadable::Field { place: place.to_string(), source: error.into() })
}

/// Reads a body.
pub(crate) fn body<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Unreadable> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| Unreadable::Form {
        place: error.path().to_string(),
        what: harmless(error.inner()),
    })?;
    json.end().map_err(|error| Unreadable::Form { place: ".".to_owned(), what: harmless(&error) })?;
    Ok(value)
}

/// What an error of serde says, without the value it speaks of.
fn harmless(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind("expected ") {
        Some(from) if error.is_data() => text.get(from..).unwrap_or_default().to_owned(),
        Some(_) | None => text,
    }
}

/// A number or a text, exactly as it was written: amounts never pass through a float.
#[derive(Clone)]
pub(crate) struct Token(String);

impl Token {
    pub(crate) fn as_str(&self) -> &str {
        self.0.trim()
    }
}

impl<'de> Deserialize<'de> for Token {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let text = raw.get();
        if text.starts_with('"') {
            return serde_json::from_str(text).map(Self).map_err(serde::de::Error::custom);
        }
        if text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
            return Ok(Self(text.to_owned()));
        }
        Err(serde::de::Error::custom("expected a number or a text"))
    }
}

/// A part that may be lost without losing the rest: nothing where it is absent, null, or not as expected.
#[derive(Clone)]
pub(crate) struct Perhaps<T>(pub(crate) Option<T>);

impl<T> Default for Perhaps<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Perhaps<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Ok(Self(serde_json::from_str::<Option<T>>(raw.get()).ok().flatten()))
    }
}

/// Where the order's id stands in the bodies of both shops; a refund of Shopify's names its order beside its own id.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Ids {
    id: Perhaps<u64>,
    order_id: Perhaps<u64>,
}

/// Why a delivery can't be read, with the order it is about if the body says that much.
pub(crate) fn failed(shop: &ShopConfig, envelope: &Envelope, source: BoxError) -> ReadError {
    let ids: Option<Ids> = envelope.body.bytes().ok().and_then(|bytes| body(&bytes).ok());
    let id = ids.and_then(|ids| ids.order_id.0.or(ids.id.0));
    let order = id.and_then(|id| ShopOrderId::parse(&id.to_string()).ok());
    let order = order.map(|order| OrderKey::new(shop.id.clone(), order));
    ReadError { shop: shop.id.clone(), topic: envelope.topic.clone(), order, source }
}

/// An amount; nothing written is zero, as PHP has it.
pub(crate) fn money(
    place: fmt::Arguments<'_>,
    token: &Token,
    currency: Currency,
) -> Result<Money, Unreadable> {
    if token.as_str().is_empty() {
        return Ok(Money::zero(currency));
    }
    at(place, Money::parse(token.as_str(), currency))
}

/// A number that is no money: a quantity, a rate.
pub(crate) fn number(place: fmt::Arguments<'_>, token: &Token) -> Result<Decimal, Unreadable> {
    let text = token.as_str();
    let read =
        if text.contains(['e', 'E']) { Decimal::from_scientific(text) } else { Decimal::from_str(text) };
    at(place, read)
}

/// `amount` times `count`.
pub(crate) fn times(amount: Money, count: Decimal) -> Result<Money, MoneyError> {
    let product = amount.amount().checked_mul(count).ok_or(MoneyError::Overflow)?;
    Ok(Money::new(product, amount.currency()))
}

/// The `part` of `whole` of an amount, rounded to what can be paid.
pub(crate) fn share(amount: Money, part: Decimal, whole: Decimal) -> Result<Money, MoneyError> {
    if part == whole {
        return Ok(amount);
    }
    let product = amount.amount().checked_mul(part).ok_or(MoneyError::Overflow)?;
    let shared = product.checked_div(whole).ok_or(MoneyError::Overflow)?;
    Ok(Money::new(shared, amount.currency()).rounded())
}

/// Why the taxes of a part of the order are not believed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TaxTrouble {
    #[error("the tax of {total} has no rate")]
    NoRate { total: Money },
    #[error("the taxes by rate come to {parts}, not to {total}")]
    Differ { parts: Money, total: Money },
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// Taxes by rate, rounded so that they come to `total` exactly; what rounding leaves over goes to the largest.
pub(crate) fn spread(total: Money, exact: Vec<(TaxRate, Money)>) -> Result<Vec<TaxPart>, TaxTrouble> {
    let currency = total.currency();
    let mut by_rate: BTreeMap<TaxRate, Money> = BTreeMap::new();
    for (rate, amount) in exact {
        let sum = by_rate.get(&rate).copied().unwrap_or(Money::zero(currency)).plus(amount)?;
        by_rate.insert(rate, sum);
    }
    let mut parts: Vec<TaxPart> =
        by_rate.into_iter().map(|(rate, amount)| TaxPart { rate, amount: amount.rounded() }).collect();
    let sum = Money::sum(currency, parts.iter().map(|part| part.amount))?;
    let left = total.minus(sum)?;
    if left.is_zero() {
        return Ok(parts);
    }
    let bound =
        currency.smallest().amount().checked_mul(Decimal::from(parts.len())).ok_or(MoneyError::Overflow)?;
    match parts.iter_mut().max_by_key(|part| part.amount.abs()) {
        None => Err(TaxTrouble::NoRate { total }),
        Some(_) if left.abs().amount() > bound => Err(TaxTrouble::Differ { parts: sum, total }),
        Some(largest) => {
            largest.amount = largest.amount.plus(left)?;
            Ok(parts)
        }
    }
}

/// A rate written as a share of one, `0.19`.
pub(crate) fn rate_of_one(place: fmt::Arguments<'_>, token: &Token) -> Result<TaxRate, Unreadable> {
    let share = number(place, token)?;
    let percent = share.checked_mul(Decimal::ONE_HUNDRED).ok_or(MoneyError::Overflow);
    // Shops keep shares as floats: 0.07 may be told as 0.07000000000000001.
    let percent = at(place, percent)?.round_dp_with_strategy(4, RoundingStrategy::MidpointAwayFromZero);
    at(place, TaxRate::percent(percent))
}

/// How the customer pays, and what that means for the merchant by the configuration. `code` is matched without regard
/// to capitals. An order that costs nothing and names no method needs no entry there.
pub(crate) fn payment(
    shop: &ShopConfig,
    method: &str,
    title: &str,
    total: Money,
) -> Result<PaymentChoice, Unreadable> {
    let method = method.trim();
    let code = if method.is_empty() { NO_METHOD.to_owned() } else { method.to_lowercase() };
    let title = if title.trim().is_empty() { method } else { title.trim() }.to_owned();
    let listed = shop.payments.iter().find(|(listed, _)| listed.trim().to_lowercase() == code);
    let terms = match listed {
        Some((_, terms)) => *terms,
        None if code == NO_METHOD && total.is_zero() => PaymentTerms::Prepaid,
        None => {
            let code = code.chars().take(80).collect();
            return Err(Unreadable::Payment { shop: shop.id.to_string(), code });
        }
    };
    Ok(PaymentChoice { code, title, terms })
}

/// The language out of a locale: `de` of `de-DE` and `de_AT`.
pub(crate) fn language(locale: &str) -> Option<String> {
    let word = locale.trim().split(['-', '_']).next()?.to_ascii_lowercase();
    (word.len() == 2 && word.chars().all(|c| c.is_ascii_lowercase())).then_some(word)
}

/// The text, if there is any.
pub(crate) fn filled(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// An order that is gone from the shop.
pub(crate) fn deleted(shop: &ShopConfig, order: ShopOrderId, received_at: Timestamp) -> Happened {
    let as_of = received_at.checked_add(CLOCKS_APART).unwrap_or(Timestamp::MAX);
    snapshot(shop, order, as_of, vec![Event::Life(OrderLife::Deleted)])
}

/// Events of one order, all true as of the same instant.
pub(crate) fn snapshot(
    shop: &ShopConfig,
    order: ShopOrderId,
    as_of: Timestamp,
    events: Vec<Event>,
) -> Happened {
    let events = events.into_iter().map(|event| EventRecord::told(as_of, event)).collect();
    Happened { order: OrderKey::new(shop.id.clone(), order), events }
}

/// The same, from a body that came in `envelope`: what we fetched ourselves says when.
pub(crate) fn seen(mut happened: Happened, envelope: &Envelope) -> Happened {
    if envelope.topic == FETCHED {
        happened.events.iter_mut().for_each(|record| record.seen = Some(envelope.received_at));
    }
    happened
}

/// An order we fetched at `asked_at`, wrapped up to be read like a delivery.
pub(crate) fn sighting(
    shop: &ShopId,
    order: ShopOrderId,
    as_of: Timestamp,
    body: &[u8],
    asked_at: Timestamp,
) -> Sighting {
    let envelope = Envelope {
        shop: shop.clone(),
        topic: FETCHED.to_owned(),
        received_at: asked_at,
        headers: BTreeMap::new(),
        body: Payload::pack(body),
    };
    Sighting { order, as_of, envelope }
}
