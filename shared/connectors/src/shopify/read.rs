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
use super::wire::{self, FinancialStatus, Gone, Order, Shape};
use crate::config::ShopConfig;
use crate::reading::{Unreadable, at, body, money, snapshot};

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
    let failed =
        |source: BoxError| ReadError { shop: shop.id.clone(), topic: envelope.topic.clone(), source };
    match subject(&envelope.topic) {
        Subject::Order => {}
        Subject::Privacy => {
            tracing::warn!(shop = %shop.id, topic = envelope.topic, "the shop forwards a request about personal data; a person has to answer it");
            return Ok(Vec::new());
        }
        Subject::Other => return Ok(Vec::new()),
    }
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
        let events = vec![Event::Life(OrderLife::Deleted)];
        return Ok(Some(snapshot(shop, order_id(gone.id)?, received_at, events)));
    }
    let shape: Shape = body(bytes)?;
    match (shape.order_id, shape.refund_line_items) {
        // The order with the edit in it comes as orders/updated.
        _ if shape.order_edit.is_some() => Ok(None),
        (Some(order), Some(_)) => refunded(shop, order, &body(bytes)?),
        (Some(_) | None, _) => told(shop, &body(bytes)?).map(Some),
    }
}

fn order_id(id: u64) -> Result<ShopOrderId, Unreadable> {
    at(format_args!("id"), ShopOrderId::parse(&id.to_string()))
}

/// The events an order tells.
fn told(shop: &ShopConfig, order: &Order) -> Result<Happened, Unreadable> {
    let id = order_id(order.id)?;
    let as_of = instant("updated_at", &order.updated_at)?;
    let currency = at(format_args!("currency"), Currency::parse(&order.currency))?;
    let life = life(order);
    let mut events = Vec::new();
    match placed(shop, order) {
        Ok(placed) => {
            events.extend(paid(order, &placed, as_of)?.map(Event::Paid));
            events.insert(0, Event::Placed(Box::new(placed)));
        }
        // What is left of a cancelled order need not add up. The cancellation must be heard all the same.
        Err(Unreadable::Order(error)) if life == OrderLife::Cancelled => {
            tracing::warn!(shop = %shop.id, order = %id, %error, "a cancelled order does not add up; only its cancellation is taken");
        }
        Err(error) => return Err(error),
    }
    events.push(Event::Life(life));
    for (n, refund) in order.refunds.iter().enumerate() {
        events.extend(refund_of(&format!("refunds[{n}]."), refund, Some(currency))?.map(Event::Refunded));
    }
    Ok(snapshot(shop, id, as_of, events))
}

/// Shopify closes an order once it is paid and shipped, and also when it is cancelled.
fn life(order: &Order) -> OrderLife {
    match (&order.cancelled_at, &order.closed_at) {
        (Some(_), _) => OrderLife::Cancelled,
        (None, Some(_)) => OrderLife::Completed,
        (None, None) => OrderLife::Open,
    }
}

/// What was paid in all. Authorised money is a promise; refunded money was paid before.
fn paid(order: &Order, placed: &PlacedOrder, as_of: Timestamp) -> Result<Option<Payment>, Unreadable> {
    let currency = placed.parts().currency;
    let total = money(format_args!("total_price"), &order.total_price, currency)?;
    let amount = match (&order.financial_status, &order.total_outstanding) {
        (
            Some(
                FinancialStatus::Paid
                | FinancialStatus::PartiallyPaid
                | FinancialStatus::Refunded
                | FinancialStatus::PartiallyRefunded,
            ),
            Some(outstanding),
        ) => {
            let outstanding = money(format_args!("total_outstanding"), outstanding, currency)?;
            at(format_args!("total_outstanding"), total.minus(outstanding))?
        }
        (
            Some(FinancialStatus::Paid | FinancialStatus::Refunded | FinancialStatus::PartiallyRefunded),
            None,
        ) => total,
        (Some(FinancialStatus::PartiallyPaid), None) => {
            return at(
                format_args!("total_outstanding"),
                Err("missing, so that it is not known how much was paid"),
            );
        }
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
        ) => return Ok(None),
    };
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

/// The body of `refunds/create`.
fn refunded(shop: &ShopConfig, order: u64, refund: &wire::Refund) -> Result<Option<Happened>, Unreadable> {
    let id = order_id(order)?;
    let refund = refund_of("", refund, None)?;
    Ok(refund.map(|refund| snapshot(shop, id, refund.refunded_at, vec![Event::Refunded(refund)])))
}

/// A refund, if money went back: taking lines off an unpaid order is one, too. `currency` is the order's, if known.
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
        let amount = money(format_args!("{place}.amount"), &transaction.amount, own)?;
        sum = Some(at(format_args!("{place}.amount"), sum.unwrap_or(Money::zero(own)).plus(amount))?);
    }
    let Some(amount) = sum.filter(|sum| !sum.is_zero()) else { return Ok(None) };
    let refunded_at = refund.processed_at.as_deref().unwrap_or(&refund.created_at);
    Ok(Some(Refund {
        id: at(format_args!("{place}id"), RefundId::parse(&refund.id.to_string()))?,
        amount,
        refunded_at: instant(&format!("{place}processed_at"), refunded_at)?,
    }))
}

/// A time with its offset, `2026-03-24T12:37:26-04:00`.
pub(super) fn instant(place: &str, text: &str) -> Result<Timestamp, Unreadable> {
    at(format_args!("{place}"), text.parse::<Timestamp>())
}
