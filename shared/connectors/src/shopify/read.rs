//! What a Shopify delivery tells: by its signed body alone, the topic only says whether it is about orders.

use jiff::Timestamp;
use kontor_domain::{
    Currency, Money, OrderLife, Payment, PaymentId, PaymentSource, PaymentTerms, PlacedOrder, Refund,
    RefundId, ShopOrderId,
};
use kontor_flow::ports::ReadError;
use kontor_flow::remedy::BoxError;
use kontor_flow::{Envelope, Event, Happened};

use super::order::placed;
use super::wire::{self, FinancialStatus, Gone, Order, Outline, Piece, Shape};
use crate::config::ShopConfig;
use crate::reading::{Perhaps, Unreadable, at, body, deleted, failed, money, number, snapshot};

/// The id of what an order says was paid in all. Single transactions are told nowhere in it.
const THE_PAYMENT: &str = "shop";

/// What a topic is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    Order,
    Privacy,
    Other,
}

fn subject(topic: &str) -> Subject {
    match topic {
        "orders/create"
        | "orders/updated"
        | "orders/paid"
        | "orders/cancelled"
        | "orders/edited"
        | "orders/fulfilled"
        | "orders/partially_fulfilled"
        | "orders/delete"
        | "refunds/create" => Subject::Order,
        "customers/data_request" | "customers/redact" | "shop/redact" => Subject::Privacy,
        _ => Subject::Other,
    }
}

/// Reads a delivery. The topics on orders and refunds tell of orders; all others (`app/uninstalled`, `products/…`) of
/// nothing. Requests about personal data (`customers/data_request`, `customers/redact`, `shop/redact`) are accepted and
/// logged without anything of what they say; carrying them out is a person's work with the tools for it.
///
/// # Errors
/// [`ReadError`] with the place in the body.
pub fn read(shop: &ShopConfig, envelope: &Envelope) -> Result<Vec<Happened>, ReadError> {
    match subject(&envelope.topic) {
        Subject::Order => {}
        Subject::Privacy => {
            tracing::warn!(shop = %shop.id, topic = envelope.topic, "the shop forwards a request about personal data; a person has to answer it");
            return Ok(Vec::new());
        }
        Subject::Other => return Ok(Vec::new()),
    }
    let failed = |source: BoxError| failed(shop, envelope, source);
    let bytes = envelope.body.bytes().map_err(|error| failed(error.into()))?;
    let happened = by_content(shop, &bytes, envelope.received_at).map_err(|error| failed(error.into()))?;
    Ok(happened.into_iter().collect())
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
        (Some(_) | None, _) => told(shop, bytes).map(Some),
    }
}

fn order_id(id: u64) -> Result<ShopOrderId, Unreadable> {
    at(format_args!("id"), ShopOrderId::parse(&id.to_string()))
}

/// The events an order tells. A cancellation is heard whatever else of the order can't be read or does not add up.
fn told(shop: &ShopConfig, bytes: &[u8]) -> Result<Happened, Unreadable> {
    let outline: Outline = body(bytes)?;
    let id = order_id(outline.id)?;
    let as_of = instant("updated_at", &outline.updated_at)?;
    let life = life(&outline);
    let events = match whole(shop, bytes, life, as_of) {
        Err(error) if life == OrderLife::Cancelled => {
            tracing::warn!(shop = %shop.id, order = %id, %error, "a cancelled order cannot be read as a whole; only its cancellation is taken");
            cancelled(&outline)
        }
        events => events?,
    };
    Ok(snapshot(shop, id, as_of, events))
}

/// Everything an order tells.
fn whole(
    shop: &ShopConfig,
    bytes: &[u8],
    life: OrderLife,
    as_of: Timestamp,
) -> Result<Vec<Event>, Unreadable> {
    let order: Order = body(bytes)?;
    let placed = placed(shop, &order)?;
    let currency = placed.parts().currency;
    let paid = paid(&order, &placed, as_of)?;
    let mut events = vec![Event::Placed(Box::new(placed))];
    events.extend(paid.map(Event::Paid));
    events.push(Event::Life(life));
    for (n, refund) in order.refunds.iter().enumerate() {
        events.extend(refund_of(&format!("refunds[{n}]."), refund, Some(currency))?.map(Event::Refunded));
    }
    Ok(events)
}

/// The cancellation, and those refunds that can be read.
fn cancelled(outline: &Outline) -> Vec<Event> {
    let currency = outline.currency.0.as_deref().and_then(|code| Currency::parse(code).ok());
    let refunds = outline.refunds.0.iter().flatten().filter_map(|refund| refund.0.as_ref());
    let refunds = refunds.filter_map(|refund| refund_of("", refund, currency).ok().flatten());
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

/// The body of `refunds/create`.
fn refunded(shop: &ShopConfig, order: u64, refund: &wire::Refund) -> Result<Option<Happened>, Unreadable> {
    let id = order_id(order)?;
    let refund = refund_of("", refund, None)?;
    Ok(refund.map(|refund| snapshot(shop, id, refund.refunded_at, vec![Event::Refunded(refund)])))
}

/// A refund, if money went back: taking lines off an unpaid order is one, too. `currency` is the order's, if known; money
/// that went back in another is left out, for it can't be reckoned with.
fn refund_of(
    place: &str,
    refund: &wire::Refund,
    currency: Option<Currency>,
) -> Result<Option<Refund>, Unreadable> {
    let mut sum: Option<Money> = currency.map(Money::zero);
    for (n, transaction) in refund.transactions.iter().enumerate() {
        if transaction.kind != "refund" || transaction.status != "success" {
            continue;
        }
        let place = format!("{place}transactions[{n}]");
        let own = transaction.currency.as_deref().map(Currency::parse).transpose();
        let own = at(format_args!("{place}.currency"), own)?.or(currency);
        let own = at(format_args!("{place}.currency"), own.ok_or("missing"))?;
        if currency.is_some_and(|currency| currency != own) {
            tracing::warn!(refund = refund.id, "a refund in another currency than its order's is left out");
            return Ok(None);
        }
        let amount = money(format_args!("{place}.amount"), &transaction.amount, own)?;
        sum = Some(at(format_args!("{place}.amount"), sum.unwrap_or(Money::zero(own)).plus(amount))?);
    }
    let Some(amount) = sum.filter(|sum| !sum.is_zero()) else { return Ok(None) };
    let refunded_at = refund.processed_at.as_deref().unwrap_or(&refund.created_at);
    let id = at(format_args!("{place}id"), RefundId::parse(&refund.id.to_string()))?;
    Ok(Some(Refund::of(id, amount, instant(&format!("{place}processed_at"), refunded_at)?)))
}

/// A time with its offset, `2026-03-24T12:37:26-04:00`.
pub(super) fn instant(place: &str, text: &str) -> Result<Timestamp, Unreadable> {
    at(format_args!("{place}"), text.parse::<Timestamp>())
}
