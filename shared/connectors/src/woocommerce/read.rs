//! What a WooCommerce delivery tells: by its signed body alone, the topic only says whether it is about orders.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use kontor_domain::{
    Money, OrderLife, Payment, PaymentId, PaymentSource, PaymentTerms, PlacedOrder, Refund, RefundId,
    ShopOrderId,
};
use kontor_flow::ports::ReadError;
use kontor_flow::remedy::BoxError;
use kontor_flow::{Envelope, Event, Happened};

use super::order::placed;
use super::wire::{Gone, Order, Status};
use crate::config::ShopConfig;
use crate::reading::{Unreadable, at, body, filled, money, snapshot};

/// The id of the one payment an order of WooCommerce knows. The provider's transaction may be told later than the
/// payment, so it is no key: the same money would be counted twice.
const THE_PAYMENT: &str = "shop";

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
    let failed =
        |source: BoxError| ReadError { shop: shop.id.clone(), topic: envelope.topic.clone(), source };
    let bytes = envelope.body.bytes().map_err(|error| failed(error.into()))?;
    if let Ok(gone) = body::<Gone>(&bytes) {
        let order = ShopOrderId::parse(&gone.id.to_string()).map_err(|error| failed(error.into()))?;
        let events = vec![Event::Life(OrderLife::Deleted)];
        return Ok(vec![snapshot(shop, order, envelope.received_at, events)]);
    }
    let happened = body(&bytes).and_then(|order| told(shop, &order)).map_err(|error| failed(error.into()))?;
    Ok(happened.into_iter().collect())
}

/// The events an order tells; none for a draft.
fn told(shop: &ShopConfig, order: &Order) -> Result<Option<Happened>, Unreadable> {
    if order.status == Status::Draft {
        return Ok(None);
    }
    let id = at(format_args!("id"), ShopOrderId::parse(&order.id.to_string()))?;
    let as_of = instant("date_modified_gmt", &order.date_modified_gmt)?;
    let placed = placed(shop, order)?;
    let mut events = vec![Event::Life(life(order, &placed))];
    events.extend(paid(order, placed.parts().total)?.map(Event::Paid));
    events.extend(refunds(order, as_of, &placed)?.into_iter().map(Event::Refunded));
    events.insert(0, Event::Placed(Box::new(placed)));
    Ok(Some(snapshot(shop, id, as_of, events)))
}

/// Where the order stands. `on-hold` is where bank transfers and cheques wait for their money, which is no reason to hold
/// anything back. A full refund before completion is a cancellation, after it a return.
fn life(order: &Order, placed: &PlacedOrder) -> OrderLife {
    match &order.status {
        Status::Pending | Status::Processing | Status::Draft | Status::Other(_) => OrderLife::Open,
        Status::OnHold => {
            let payment = &placed.parts().payment;
            let by_transfer = payment.terms == PaymentTerms::Prepayment
                || matches!(payment.code.as_str(), "bacs" | "cheque");
            let unpaid = order.date_paid_gmt.is_none();
            if by_transfer && unpaid { OrderLife::Open } else { OrderLife::OnHold }
        }
        Status::Failed => OrderLife::OnHold,
        Status::Completed => OrderLife::Completed,
        Status::Refunded if order.date_completed_gmt.is_some() => OrderLife::Completed,
        Status::Cancelled | Status::Refunded => OrderLife::Cancelled,
        Status::Trash => OrderLife::Deleted,
    }
}

fn paid(order: &Order, total: Money) -> Result<Option<Payment>, Unreadable> {
    let Some(date) = &order.date_paid_gmt else { return Ok(None) };
    let received_at = instant("date_paid_gmt", date)?;
    let id = at(format_args!("id"), PaymentId::parse(THE_PAYMENT))?;
    let reference = filled(&order.transaction_id);
    Ok(Some(Payment { id, source: PaymentSource::Shop, amount: total, received_at, reference }))
}

/// The refunds. WooCommerce tells no time for them in an order, so it is the order's.
fn refunds(order: &Order, as_of: Timestamp, placed: &PlacedOrder) -> Result<Vec<Refund>, Unreadable> {
    let read = |(n, refund): (usize, &super::wire::RefundLine)| {
        let amount = money(format_args!("refunds[{n}].total"), &refund.total, placed.parts().currency)?.abs();
        let id = at(format_args!("refunds[{n}].id"), RefundId::parse(&refund.id.to_string()))?;
        Ok(Refund { id, amount, refunded_at: as_of })
    };
    order.refunds.iter().enumerate().map(read).collect()
}

/// A time of WooCommerce: UTC, written without saying so.
pub(super) fn instant(place: &str, text: &str) -> Result<Timestamp, Unreadable> {
    let civil: Result<DateTime, jiff::Error> = text.trim_end_matches('Z').parse();
    let zoned = at(format_args!("{place}"), civil.and_then(|time| time.to_zoned(TimeZone::UTC)))?;
    Ok(zoned.timestamp())
}
