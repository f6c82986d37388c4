//! What a Shopify delivery tells: by its signed body alone, the topic only says whether it is about orders.

use jiff::{SignedDuration, Timestamp};
use kontor_domain::{
    Currency, Money, OrderLife, Payment, PaymentId, PaymentSource, PaymentTerms, PlacedOrder, ShopOrderId,
};
use kontor_flow::ports::ReadError;
use kontor_flow::remedy::BoxError;
use kontor_flow::storefront::FETCHED;
use kontor_flow::{Envelope, Event, Happened};

use super::node::{Fetched, FetchedOutline};
use super::order::placed;
use super::privacy::{Waiting, privacy_request};
use super::refund::{OfOrder, ReadRefund, refund_of};
use super::wire::{self, FinancialStatus, Gone, Order, Outline, Piece, Shape};
use crate::config::ShopConfig;
use crate::reading::{Perhaps, Unreadable, at, body, deleted, failed, money, number, seen, snapshot};

/// The id of what an order says was paid in all. Single transactions are told nowhere in it.
const THE_PAYMENT: &str = "shop";

/// Shopify tells times in whole seconds.
const A_MOMENT: SignedDuration = SignedDuration::from_secs(1);

/// Whether a topic is about orders.
fn is_of_orders(topic: &str) -> bool {
    matches!(
        topic,
        "orders/create"
            | "orders/updated"
            | "orders/paid"
            | "orders/cancelled"
            | "orders/edited"
            | "orders/fulfilled"
            | "orders/partially_fulfilled"
            | "orders/delete"
            | "refunds/create"
    )
}

/// Reads a delivery, or what we fetched. The topics on orders and refunds tell of orders; all others (`app/uninstalled`,
/// `products/…`) of nothing.
///
/// # Errors
/// [`ReadError`] with the place in the body. Also for requests about personal data (`customers/data_request`,
/// `customers/redact`, `shop/redact`): they are kept until a person has answered them; the error says how.
pub fn read(shop: &ShopConfig, envelope: &Envelope) -> Result<Vec<Happened>, ReadError> {
    let failed = |source: BoxError| failed(shop, envelope, source);
    let bytes = || envelope.body.bytes().map_err(|error| failed(error.into()));
    if let Some(request) = privacy_request(shop, envelope)? {
        return Err(failed(Waiting::Request(request).into()));
    }
    let happened = if envelope.topic == FETCHED {
        fetched(shop, &bytes()?).map(|happened| Some(seen(happened, envelope)))
    } else if is_of_orders(&envelope.topic) {
        by_content(shop, &bytes()?, envelope.received_at)
    } else {
        return Ok(Vec::new());
    };
    Ok(happened.map_err(|error| failed(error.into()))?.into_iter().collect())
}

fn by_content(
    shop: &ShopConfig,
    bytes: &[u8],
    received_at: Timestamp,
) -> Result<Option<Happened>, Unreadable> {
    if let Ok(gone) = body::<Gone>(bytes) {
        return Ok(Some(deleted(shop, order_id(gone.id)?, received_at)));
    }
    let shape: Shape = body(bytes)?;
    match (shape.order_id, shape.refund_line_items) {
        // The order with the edit in it comes as orders/updated.
        _ if shape.order_edit.is_some() => Ok(None),
        (Some(order), Some(_)) => refunded(shop, order, &body(bytes)?),
        (Some(_) | None, _) => told(shop, &body(bytes)?, || body(bytes)).map(Some),
    }
}

/// What we fetched ourselves: the order in the form of the Admin API.
fn fetched(shop: &ShopConfig, bytes: &[u8]) -> Result<Happened, Unreadable> {
    let outline = Outline::try_from(body::<FetchedOutline>(bytes)?.order)?;
    told(shop, &outline, || Order::try_from(body::<Fetched>(bytes)?))
}

fn order_id(id: u64) -> Result<ShopOrderId, Unreadable> {
    at(format_args!("id"), ShopOrderId::parse(&id.to_string()))
}

/// The events an order tells. A cancellation is heard whatever else of the order can't be read or does not add up.
fn told(
    shop: &ShopConfig,
    outline: &Outline,
    order: impl FnOnce() -> Result<Order, Unreadable>,
) -> Result<Happened, Unreadable> {
    let id = order_id(outline.id)?;
    let as_of = instant("updated_at", &outline.updated_at)?;
    let life = life(outline);
    let events = match order().and_then(|order| whole(shop, &order, life, as_of)) {
        Err(error) if life == OrderLife::Cancelled => {
            tracing::warn!(shop = %shop.id, order = %id, %error, "a cancelled order cannot be read as a whole; only its cancellation is taken");
            cancelled(outline)
        }
        events => events?,
    };
    Ok(snapshot(shop, id, as_of, events))
}

/// Everything an order tells.
fn whole(
    shop: &ShopConfig,
    order: &Order,
    life: OrderLife,
    as_of: Timestamp,
) -> Result<Vec<Event>, Unreadable> {
    let placed = placed(shop, order)?;
    let of = OfOrder { currency: Some(placed.parts().currency), taxes_included: Some(order.taxes_included) };
    let paid = paid(order, &placed, as_of)?;
    let mut events = vec![Event::Placed(Box::new(placed))];
    events.extend(paid.map(Event::Paid));
    events.push(Event::Life(life));
    for (n, refund) in order.refunds.iter().enumerate() {
        let read = refund_of(&format!("refunds[{n}]."), refund, of)?;
        events.extend(read.map(|read| Event::Refunded(read.refund)));
    }
    Ok(events)
}

/// The cancellation, and those refunds that can be read.
fn cancelled(outline: &Outline) -> Vec<Event> {
    let currency = outline.currency.0.as_deref().and_then(|code| Currency::parse(code).ok());
    let of = OfOrder { currency, taxes_included: outline.taxes_included.0 };
    let refunds = outline.refunds.0.iter().flatten().filter_map(|refund| refund.0.as_ref());
    let refunds = refunds.filter_map(|refund| Some(refund_of("", refund, of).ok()??.refund));
    std::iter::once(Event::Life(OrderLife::Cancelled)).chain(refunds.map(Event::Refunded)).collect()
}

/// Shopify closes an order once it is paid and shipped, and also when it is cancelled. An order that was refunded in full,
/// or of which nothing is left, is cancelled in all but name, as long as nothing of it was shipped.
fn life(order: &Outline) -> OrderLife {
    let refunded = order.financial_status.0 == Some(FinancialStatus::Refunded);
    let over = (refunded || is_nothing_left(order)) && !is_shipped(order);
    match (&order.cancelled_at, &order.closed_at) {
        (Some(_), _) => OrderLife::Cancelled,
        // Of a closed order without parcels nothing was shipped to begin with: its refund is a return.
        (None, Some(_)) if over && has_parcels(order) => OrderLife::Cancelled,
        (None, Some(_)) => OrderLife::Completed,
        (None, None) if over => OrderLife::Cancelled,
        (None, None) => OrderLife::Open,
    }
}

/// Whether edits and refunds took every piece off.
fn is_nothing_left(order: &Outline) -> bool {
    let pieces = order.line_items.0.as_deref().unwrap_or_default();
    let is_gone = |piece: &Perhaps<Piece>| {
        let left = piece.0.as_ref().and_then(|piece| piece.current_quantity.as_ref());
        left.is_some_and(|left| number(format_args!("current_quantity"), left).is_ok_and(|n| n.is_zero()))
    };
    !pieces.is_empty() && pieces.iter().all(is_gone)
}

/// Whether anything was shipped already, all of it or a part. `restocked` is Shopify's old word for unfulfilled.
fn is_shipped(order: &Outline) -> bool {
    let parcels = order.fulfillments.0.iter().flatten().filter_map(|parcel| parcel.0.as_ref());
    let left = |status: &str| !matches!(status, "cancelled" | "error" | "failure");
    parcels.into_iter().any(|parcel| parcel.status.as_deref().is_none_or(left))
        || order
            .fulfillment_status
            .0
            .as_deref()
            .is_some_and(|status| !matches!(status, "unfulfilled" | "restocked"))
}

fn has_parcels(order: &Outline) -> bool {
    let pieces = order.line_items.0.iter().flatten().filter_map(|piece| piece.0.as_ref());
    pieces.into_iter().any(|piece| piece.requires_shipping != Some(false))
}

/// What was paid in all. Authorised money is a promise; refunded money was paid before.
fn paid(order: &Order, placed: &PlacedOrder, as_of: Timestamp) -> Result<Option<Payment>, Unreadable> {
    let Some(amount) = received(order, placed.parts().total)? else { return Ok(None) };
    if amount.is_zero() || amount.is_negative() {
        return Ok(None);
    }
    // With a payment provider the money comes with the order; otherwise all that is known is that it is there by now.
    let received_at = match (&order.processed_at, placed.parts().payment.terms) {
        (Some(processed), PaymentTerms::Prepaid) => instant("processed_at", processed)?,
        (Some(_) | None, _) => as_of,
    };
    let id = at(format_args!("id"), PaymentId::parse(THE_PAYMENT))?;
    Ok(Some(Payment { id, source: PaymentSource::Shop, amount, received_at, reference: None }))
}

/// How much came in for an order that is worth `worth` now. What is outstanding is told of that worth, not of
/// `total_price`, which stays at what was ordered; what was paid and refunded since is in `total_price` alone.
fn received(order: &Order, worth: Money) -> Result<Option<Money>, Unreadable> {
    let currency = worth.currency();
    let ordered = money(format_args!("total_price"), &order.total_price, currency)?;
    let outstanding = order.total_outstanding.as_ref();
    let outstanding =
        outstanding.map(|amount| money(format_args!("total_outstanding"), amount, currency)).transpose()?;
    let less = |outstanding: Money| at(format_args!("total_outstanding"), worth.minus(outstanding)).map(Some);
    match (&order.financial_status, outstanding) {
        (Some(FinancialStatus::PartiallyPaid), Some(outstanding)) => less(outstanding),
        (Some(FinancialStatus::PartiallyPaid), None) => {
            at(format_args!("total_outstanding"), Err("missing, so that it is not known how much was paid"))
        }
        (
            Some(FinancialStatus::Paid | FinancialStatus::Refunded | FinancialStatus::PartiallyRefunded),
            Some(outstanding),
        ) if outstanding > Money::zero(currency) => less(outstanding),
        (
            Some(FinancialStatus::Paid | FinancialStatus::Refunded | FinancialStatus::PartiallyRefunded),
            Some(_) | None,
        ) => Ok(Some(ordered.max(worth))),
        (
            None
            | Some(
                FinancialStatus::Pending
                | FinancialStatus::Authorized
                | FinancialStatus::Voided
                | FinancialStatus::Expired
                | FinancialStatus::Other(_),
            ),
            _,
        ) => Ok(None),
    }
}

/// The body of `refunds/create`. Where it can't be read as fully as in its order, it is told as of a moment before: the order
/// that carries it comes as of the refund at the earliest, and what that tells counts.
fn refunded(shop: &ShopConfig, order: u64, refund: &wire::Refund) -> Result<Option<Happened>, Unreadable> {
    let id = order_id(order)?;
    let Some(ReadRefund { refund, whole }) = refund_of("", refund, OfOrder::default())? else {
        return Ok(None);
    };
    let before = refund.refunded_at.checked_sub(A_MOMENT).unwrap_or(refund.refunded_at);
    let as_of = if whole { refund.refunded_at } else { before };
    Ok(Some(snapshot(shop, id, as_of, vec![Event::Refunded(refund)])))
}

/// A time with its offset, `2026-03-24T12:37:26-04:00`.
pub(super) fn instant(place: &str, text: &str) -> Result<Timestamp, Unreadable> {
    at(format_args!("{place}"), text.parse::<Timestamp>())
}
