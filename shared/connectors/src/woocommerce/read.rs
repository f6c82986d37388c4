//! What a WooCommerce delivery tells: by its signed body alone, the topic only says whether it is about orders.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use kontor_domain::{
    Currency, Money, OrderLife, Payment, PaymentId, PaymentSource, PaymentTerms, PlacedOrder, Refund,
    RefundId, ShopOrderId,
};
use kontor_flow::payments::OF_TOTAL;
use kontor_flow::ports::ReadError;
use kontor_flow::remedy::BoxError;
use kontor_flow::{Envelope, Event, Happened};

use super::order::placed;
use super::refunds::detailed;
use super::wire::{Gone, Order, Outline, RefundLine, Status};
use crate::config::ShopConfig;
use crate::reading::{Unreadable, at, body, deleted, failed, filled, money, seen, snapshot};

/// Reads a delivery. Topics that start with `order.` tell of orders, all others (`product.`, `customer.`, `coupon.`,
/// `action.`) of nothing.
///
/// The body of `order.deleted` is an id alone, and so is that of `product.deleted`: subscribe only order topics with the
/// secrets of this shop, the topic itself is not signed.
///
/// # Errors
/// [`ReadError`] with the place in the body.
pub fn read(shop: &ShopConfig, envelope: &Envelope) -> Result<Vec<Happened>, ReadError> {
    if !envelope.topic.starts_with("order.") {
        return Ok(Vec::new());
    }
    let failed = |source: BoxError| failed(shop, envelope, source);
    let bytes = envelope.body.bytes().map_err(|error| failed(error.into()))?;
    if let Ok(gone) = body::<Gone>(&bytes) {
        let order = ShopOrderId::parse(&gone.id.to_string()).map_err(|error| failed(error.into()))?;
        return Ok(vec![deleted(shop, order, envelope.received_at)]);
    }
    let happened = told(shop, &bytes).map_err(|error| failed(error.into()))?;
    Ok(happened.into_iter().map(|happened| seen(happened, envelope)).collect())
}

/// The events an order tells; none for a draft. Its end is heard whatever else of it can't be read or does not add up.
fn told(shop: &ShopConfig, bytes: &[u8]) -> Result<Option<Happened>, Unreadable> {
    let outline: Outline = body(bytes)?;
    if outline.status == Status::Draft {
        return Ok(None);
    }
    let id = at(format_args!("id"), ShopOrderId::parse(&outline.id.to_string()))?;
    let as_of = instant("date_modified_gmt", &outline.date_modified_gmt)?;
    let events = match (whole(shop, bytes, &outline, as_of), ended(&outline)) {
        (Err(error), Some(end)) => {
            tracing::warn!(shop = %shop.id, order = %id, %error, "an order that ended cannot be read as a whole; only its end is taken");
            only_ended(&outline, end, as_of)
        }
        (events, _) => events?,
    };
    Ok(Some(snapshot(shop, id, as_of, events)))
}

/// Everything an order tells.
fn whole(
    shop: &ShopConfig,
    bytes: &[u8],
    outline: &Outline,
    as_of: Timestamp,
) -> Result<Vec<Event>, Unreadable> {
    let order: Order = body(bytes)?;
    let placed = placed(shop, &order)?;
    let mut events = vec![Event::Life(life(outline, &order, &placed))];
    events.extend(paid(&order, placed.parts().total)?.map(Event::Paid));
    events.extend(refunds(&order, placed.parts().currency, as_of)?.into_iter().map(Event::Refunded));
    events.insert(0, Event::Placed(Box::new(placed)));
    Ok(events)
}

/// The end of an order, and those refunds that can be read.
fn only_ended(outline: &Outline, end: OrderLife, as_of: Timestamp) -> Vec<Event> {
    let currency = outline.currency.0.as_deref().and_then(|code| Currency::parse(code).ok());
    let lines = outline.refunds.0.iter().flatten().filter_map(|line| line.0.as_ref());
    let refunds = lines.zip(std::iter::repeat(currency)).filter_map(|(line, currency)| {
        let refund = refund("refunds", line, currency?, as_of);
        refund.ok().map(Event::Refunded)
    });
    std::iter::once(Event::Life(end)).chain(refunds).collect()
}

/// Whether the order is not to be carried out any more. A full refund before completion is a cancellation, after it a
/// return.
fn ended(order: &Outline) -> Option<OrderLife> {
    match &order.status {
        Status::Cancelled => Some(OrderLife::Cancelled),
        Status::Refunded if order.date_completed_gmt.0.is_none() => Some(OrderLife::Cancelled),
        Status::Trash => Some(OrderLife::Deleted),
        Status::Pending
        | Status::OnHold
        | Status::Processing
        | Status::Completed
        | Status::Refunded
        | Status::Failed
        | Status::Draft
        | Status::Other(_) => None,
    }
}

/// Where the order stands. `on-hold` is where bank transfers and cheques wait for their money, which is no reason to hold
/// anything back.
fn life(outline: &Outline, order: &Order, placed: &PlacedOrder) -> OrderLife {
    if let Some(end) = ended(outline) {
        return end;
    }
    match &outline.status {
        Status::Pending | Status::Processing | Status::Draft | Status::Other(_) => OrderLife::Open,
        Status::OnHold => {
            let payment = &placed.parts().payment;
            let by_transfer = payment.terms == PaymentTerms::Prepayment
                || matches!(payment.code.as_str(), "bacs" | "cheque");
            let unpaid = order.date_paid_gmt.is_none();
            if by_transfer && unpaid { OrderLife::Open } else { OrderLife::OnHold }
        }
        Status::Failed => OrderLife::OnHold,
        Status::Completed | Status::Refunded => OrderLife::Completed,
        Status::Cancelled => OrderLife::Cancelled,
        Status::Trash => OrderLife::Deleted,
    }
}

/// That it is paid; of how much came in WooCommerce says nothing, so that is the order's total when it was told first. The
/// provider's transaction may be told later than the payment, so it is no key: the same money would be counted twice.
fn paid(order: &Order, total: Money) -> Result<Option<Payment>, Unreadable> {
    let Some(date) = &order.date_paid_gmt else { return Ok(None) };
    let received_at = instant("date_paid_gmt", date)?;
    let id = at(format_args!("id"), PaymentId::parse(OF_TOTAL))?;
    let reference = filled(&order.transaction_id);
    Ok(Some(Payment { id, source: PaymentSource::Shop, amount: total, received_at, reference }))
}

/// The refunds: with what they are for where we fetched that too, and by their amounts where not.
fn refunds(order: &Order, currency: Currency, as_of: Timestamp) -> Result<Vec<Refund>, Unreadable> {
    let mut refunds = detailed(&order.kontor_refunds, &order.line_items, currency)?;
    for (n, line) in order.refunds.iter().enumerate() {
        let plain = refund(&format!("refunds[{n}]"), line, currency, as_of)?;
        if refunds.iter().all(|known| known.id != plain.id) {
            refunds.push(plain);
        }
    }
    Ok(refunds)
}

/// A refund. WooCommerce tells no time for it in an order, so it is the order's.
fn refund(
    place: &str,
    line: &RefundLine,
    currency: Currency,
    as_of: Timestamp,
) -> Result<Refund, Unreadable> {
    let amount = money(format_args!("{place}.total"), &line.total, currency)?.abs();
    let id = at(format_args!("{place}.id"), RefundId::parse(&line.id.to_string()))?;
    Ok(Refund::of(id, amount, as_of))
}

/// A time of WooCommerce: UTC, written without saying so.
pub(super) fn instant(place: &str, text: &str) -> Result<Timestamp, Unreadable> {
    let civil: Result<DateTime, jiff::Error> = text.trim_end_matches('Z').parse();
    let zoned = at(format_args!("{place}"), civil.and_then(|time| time.to_zoned(TimeZone::UTC)))?;
    Ok(zoned.timestamp())
}
