//! What an order tells that was fetched from Smartstore: everything it says of itself, and where it stands.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use kontor_domain::{
    Money, OrderKey, OrderLife, Payment, PaymentId, PaymentSource, PaymentTerms, Refund, RefundId,
    ShopOrderId,
};
use kontor_flow::payments::OF_TOTAL;
use kontor_flow::ports::ReadError;
use kontor_flow::remedy::BoxError;
use kontor_flow::storefront::FETCHED;
use kontor_flow::{Envelope, Event, Happened};
use serde::Deserialize;

use super::order::{currency, placed};
use super::wire::{List, Order, OrderStatus, Outline, ParcelTimes, PaymentStatus, ShippingStatus};
use crate::config::ShopConfig;
use crate::reading::{Perhaps, Unreadable, at, body, filled, money, payment, seen, snapshot};

/// A bank transfer takes longer than this. A prepayment that is paid sooner was only declared to be by the shop's settings
/// (`TransactMode`), within the checkout.
const NO_TRANSFER: SignedDuration = SignedDuration::from_secs(10);

/// Reads an order that was fetched. What a thin notice says is never read: it may name an order, no more.
///
/// # Errors
/// [`ReadError`] with the place in the body.
pub fn read(shop: &ShopConfig, envelope: &Envelope) -> Result<Vec<Happened>, ReadError> {
    if envelope.topic != FETCHED {
        return Ok(Vec::new());
    }
    let bytes = envelope.body.bytes().map_err(|error| failed(shop, envelope, &[], error.into()))?;
    let happened = entity(&bytes).and_then(|one| told(shop, one.as_bytes()));
    let happened = happened.map_err(|error| failed(shop, envelope, &bytes, error.into()))?;
    Ok(vec![seen(happened, envelope)])
}

/// The order: as it is, or alone in the answer to a query.
fn entity(bytes: &[u8]) -> Result<String, Unreadable> {
    let text = |bytes: &[u8]| at(format_args!("."), std::str::from_utf8(bytes).map(str::to_owned));
    let Ok(list) = body::<List>(bytes) else { return text(bytes) };
    match list.value.as_slice() {
        [one] => Ok(one.get().to_owned()),
        several => at(format_args!("value"), Err(format!("one order is expected, not {}", several.len()))),
    }
}

/// Where the order's id stands.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    #[serde(default)]
    id: Perhaps<u64>,
}

fn failed(shop: &ShopConfig, envelope: &Envelope, bytes: &[u8], source: BoxError) -> ReadError {
    let named = entity(bytes).ok().and_then(|one| body::<Named>(one.as_bytes()).ok());
    let id = named.and_then(|named| ShopOrderId::parse(&named.id.0?.to_string()).ok());
    let order = id.map(|id| OrderKey::new(shop.id.clone(), id));
    ReadError { shop: shop.id.clone(), topic: envelope.topic.clone(), order, source }
}

/// The events an order tells. Its end is heard whatever else of it can't be read or does not add up.
fn told(shop: &ShopConfig, bytes: &[u8]) -> Result<Happened, Unreadable> {
    let outline: Outline = body(bytes)?;
    let id = at(format_args!("Id"), ShopOrderId::parse(&outline.id.to_string()))?;
    let as_of = as_of(&outline)?;
    let events = match (whole(shop, bytes, &outline, as_of), ended(&outline)) {
        (Err(error), Some(end)) => {
            tracing::warn!(shop = %shop.id, order = %id, %error, "an order that ended cannot be read as a whole; only its end is taken");
            vec![Event::Life(end)]
        }
        (events, _) => events?,
    };
    Ok(snapshot(shop, id, as_of, events))
}

/// As of when an order is what it is: its own time, or a later one of what belongs to it. A parcel does not move the order's.
pub(super) fn as_of(outline: &Outline) -> Result<Timestamp, Unreadable> {
    let own = instant("UpdatedOnUtc", &outline.updated_on_utc)?;
    let parts = [&outline.shipments, &outline.gift_card_usage_history];
    let parts = parts.into_iter().filter_map(|list| list.0.as_ref()).flatten();
    let times = parts.filter_map(|part| part.0.as_ref()).flat_map(|part| {
        let ParcelTimes { created_on_utc, shipped_date_utc, delivery_date_utc } = part;
        [created_on_utc, shipped_date_utc, delivery_date_utc]
    });
    let times = times.filter_map(|time| instant("Shipments", time.0.as_deref()?).ok());
    Ok(times.max().map_or(own, |latest| latest.max(own)))
}

/// Everything an order tells. One that came without its lines (the answer to a command) says where it stands, not what was
/// ordered.
fn whole(
    shop: &ShopConfig,
    bytes: &[u8],
    outline: &Outline,
    as_of: Timestamp,
) -> Result<Vec<Event>, Unreadable> {
    let order: Order = body(bytes)?;
    let mut events = Vec::new();
    if order.more_items.is_some() {
        return at(
            format_args!("OrderItems@odata.nextLink"),
            Err("the order was fetched without all its lines"),
        );
    }
    if let Some(items) = &order.order_items {
        events.push(Event::Placed(Box::new(placed(shop, &order, items)?)));
    }
    events.push(Event::Life(life(outline)));
    events.extend(paid(shop, &order)?.map(Event::Paid));
    events.extend(refunded(shop, &order, as_of)?.map(Event::Refunded));
    Ok(events)
}

/// Whether the order is not to be carried out any more. What was paid back in full before anything left was cancelled in all
/// but name, afterwards it is a return.
fn ended(outline: &Outline) -> Option<OrderLife> {
    if outline.deleted.0 == Some(true) {
        return Some(OrderLife::Deleted);
    }
    match outline.order_status_id {
        OrderStatus::Cancelled => Some(OrderLife::Cancelled),
        OrderStatus::Pending | OrderStatus::Processing | OrderStatus::Other(_) => (is_refunded(outline)
            && outline.shipping_status_id.0 == Some(ShippingStatus::NotYetShipped))
        .then_some(OrderLife::Cancelled),
        OrderStatus::Complete => None,
    }
}

/// A part that was paid back outside the shop stays a part, even if it is everything.
fn is_refunded(outline: &Outline) -> bool {
    match outline.payment_status_id.0 {
        Some(PaymentStatus::Refunded) => true,
        Some(PaymentStatus::PartiallyRefunded) => {
            let number = |token: &Perhaps<crate::reading::Token>| {
                let token = token.0.as_ref()?;
                crate::reading::number(format_args!("OrderTotal"), token).ok()
            };
            let both = number(&outline.order_total).zip(number(&outline.refunded_amount));
            both.is_some_and(|(total, refunded)| refunded >= total && !refunded.is_zero())
        }
        Some(
            PaymentStatus::Pending
            | PaymentStatus::Authorized
            | PaymentStatus::Paid
            | PaymentStatus::Voided
            | PaymentStatus::Other(_),
        )
        | None => false,
    }
}

/// Where the order stands. It is complete once it is paid and delivered, or paid and had nothing to ship; what was delivered is
/// done too, whoever still waits for money.
fn life(outline: &Outline) -> OrderLife {
    if let Some(end) = ended(outline) {
        return end;
    }
    let delivered = outline.shipping_status_id.0 == Some(ShippingStatus::Delivered);
    match outline.order_status_id {
        OrderStatus::Complete => OrderLife::Completed,
        OrderStatus::Cancelled => OrderLife::Cancelled,
        OrderStatus::Pending | OrderStatus::Processing | OrderStatus::Other(_) if delivered => {
            OrderLife::Completed
        }
        OrderStatus::Pending | OrderStatus::Processing | OrderStatus::Other(_) => OrderLife::Open,
    }
}

/// What came in. Authorised money is a promise (prepayments are authorised too, where the shop is set so), and refunded money
/// was paid before. How much that was Smartstore does not say: it is the order's total when it was told first.
fn paid(shop: &ShopConfig, order: &Order) -> Result<Option<Payment>, Unreadable> {
    match order.payment_status_id {
        PaymentStatus::Paid | PaymentStatus::PartiallyRefunded | PaymentStatus::Refunded => {}
        PaymentStatus::Pending
        | PaymentStatus::Authorized
        | PaymentStatus::Voided
        | PaymentStatus::Other(_) => return Ok(None),
    }
    let amount = money(format_args!("OrderTotal"), &order.order_total, currency(shop)?)?;
    if amount.is_zero() {
        return Ok(None);
    }
    let paid_at = order.paid_date_utc.as_deref().map(|date| instant("PaidDateUtc", date)).transpose()?;
    let method = order.payment_method_system_name.as_deref().unwrap_or_default();
    let placed_at = instant("CreatedOnUtc", &order.created_on_utc)?;
    let in_checkout = paid_at.is_some_and(|paid_at| paid_at.duration_since(placed_at) < NO_TRANSFER);
    let terms = payment(shop, method, "", amount)?.terms;
    if terms == PaymentTerms::Prepayment && in_checkout {
        return Ok(None);
    }
    let id = at(format_args!("Id"), PaymentId::parse(OF_TOTAL))?;
    let transactions = [&order.capture_transaction_id, &order.authorization_transaction_id];
    let reference = transactions.into_iter().find_map(|id| id.as_deref().and_then(filled));
    // Without a date, one that does not move: an edit is no second payment.
    let received_at = paid_at.unwrap_or(placed_at);
    Ok(Some(Payment { id, source: PaymentSource::Shop, amount, received_at, reference }))
}

/// What went back: the shop tells one sum of it, and no time. Every sum has an id of its own, and a larger one contains it.
fn refunded(shop: &ShopConfig, order: &Order, as_of: Timestamp) -> Result<Option<Refund>, Unreadable> {
    let currency = currency(shop)?;
    let told = order.refunded_amount.as_ref();
    let told = told.map(|told| money(format_args!("RefundedAmount"), told, currency)).transpose()?;
    let told = told.unwrap_or(Money::zero(currency));
    let amount = if told.is_zero() && order.payment_status_id == PaymentStatus::Refunded {
        money(format_args!("OrderTotal"), &order.order_total, currency)?
    } else {
        told
    };
    if amount.is_zero() || amount.is_negative() {
        return Ok(None);
    }
    let id = format!("refunded-{}", amount.amount().normalize());
    let id = at(format_args!("RefundedAmount"), RefundId::parse(&id))?;
    Ok(Some(Refund { cumulative: true, ..Refund::of(id, amount, as_of) }))
}

/// A time of Smartstore: UTC, with up to seven digits behind the second.
pub(super) fn instant(place: &str, text: &str) -> Result<Timestamp, Unreadable> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    let civil: Result<DateTime, jiff::Error> = text.parse();
    let zoned = at(format_args!("{place}"), civil.and_then(|time| time.to_zoned(TimeZone::UTC)))?;
    Ok(zoned.timestamp())
}
