//! What a Shopware order tells, and what a webhook is about.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use kontor_domain::{
    Currency, Money, OrderKey, OrderLife, Payment, PaymentId, PaymentSource, PlacedOrder, Refund, RefundId,
    ShopId, ShopOrderId,
};
use kontor_flow::ports::ReadError;
use kontor_flow::remedy::BoxError;
use kontor_flow::storefront::{FETCHED, Notice};
use kontor_flow::{Envelope, Event, Happened};
use serde_json::value::RawValue;

use super::order::{deciding, placed};
use super::wire::{
    BusinessEvent, EventWithOrder, Named, Order, OrderState, Outline, PaymentState, Stamp, Stamps,
    Transaction, Wrapped, Written,
};
use crate::config::ShopConfig;
use crate::reading::{Unreadable, at, body, money, seen, snapshot};

/// The version of every record that counts; others are drafts of the administration.
const LIVE: &str = "0fa91ce3e96a4bc2be4bd9ce752c3425";

/// Reads an order: one that was fetched, or the one in the body of a business event, if all of it is in there. The state
/// events of the webhooks carry less than an order, so those are never read for more than the order's id, see [`notice`].
///
/// # Errors
/// [`ReadError`] with the place in the body.
pub fn read(shop: &ShopConfig, envelope: &Envelope) -> Result<Vec<Happened>, ReadError> {
    let bytes = envelope.body.bytes().map_err(|error| failed(&shop.id, envelope, None, error.into()))?;
    let id = found(&bytes).ok().flatten().and_then(|order| outline_id(order.get().as_bytes()));
    let fail = |error: Unreadable| failed(&shop.id, envelope, id.clone(), error.into());
    if envelope.topic == FETCHED {
        return told(shop, &bytes).map(|happened| vec![seen(happened, envelope)]).map_err(fail);
    }
    let Some(order) = found(&bytes).map_err(fail)? else { return Ok(Vec::new()) };
    let whole: Order = body(order.get().as_bytes()).map_err(fail)?;
    if whole.line_items.is_none() {
        return Ok(Vec::new());
    }
    told(shop, order.get().as_bytes()).map(|happened| vec![happened]).map_err(fail)
}

/// The order in a body, wherever it is.
pub(super) fn found(bytes: &[u8]) -> Result<Option<Box<RawValue>>, Unreadable> {
    let wrapped: Wrapped = body(bytes)?;
    if wrapped.order.is_some() {
        return Ok(wrapped.order);
    }
    let Some(data) = wrapped.data.0 else {
        let whole: Box<RawValue> = body(bytes)?;
        return Ok(Some(whole));
    };
    let payload = data.payload.filter(|payload| payload.get().starts_with('{'));
    let Some(payload) = payload else { return Ok(None) };
    let event: EventWithOrder = body(payload.get().as_bytes())?;
    Ok(event.order)
}

/// The id of an order of which nothing else need be readable.
pub(super) fn outline_id(bytes: &[u8]) -> Option<ShopOrderId> {
    let named: Named = body(bytes).ok()?;
    ShopOrderId::parse(&named.id).ok()
}

fn failed(shop: &ShopId, envelope: &Envelope, order: Option<ShopOrderId>, source: BoxError) -> ReadError {
    let order = order.map(|order| OrderKey::new(shop.clone(), order));
    ReadError { shop: shop.clone(), topic: envelope.topic.clone(), order, source }
}

/// The events an order tells. A cancellation is heard whatever else of the order can't be read or does not add up.
fn told(shop: &ShopConfig, bytes: &[u8]) -> Result<Happened, Unreadable> {
    let outline: Outline = body(bytes)?;
    let id = at(format_args!("id"), ShopOrderId::parse(&outline.id))?;
    let as_of = revision(&body::<Stamps>(bytes)?)?;
    let state = outline.state_machine_state.map(|state| state.technical_name);
    let missing = "not in the body: the association was not loaded, or may not be read";
    let life = life(&at(format_args!("stateMachineState"), state.ok_or(missing))?);
    let events = match whole(shop, &id, bytes, life, as_of) {
        Err(error) if life == OrderLife::Cancelled => {
            tracing::warn!(shop = %shop.id, order = %id, %error, "a cancelled order cannot be read as a whole; only its cancellation is taken");
            vec![Event::Life(life)]
        }
        events => events?,
    };
    Ok(snapshot(shop, id, as_of, events))
}

/// Everything an order tells.
fn whole(
    shop: &ShopConfig,
    id: &ShopOrderId,
    bytes: &[u8],
    life: OrderLife,
    as_of: Timestamp,
) -> Result<Vec<Event>, Unreadable> {
    let order: Order = body(bytes)?;
    let placed = placed(shop, &order)?;
    let transactions = order.transactions.as_ref().map(|list| list.0.as_slice()).unwrap_or_default();
    let last = deciding(transactions, order.primary_order_transaction_id.as_deref());
    let (paid, refunded) = match last {
        Some(transaction) => moved(shop, id, transaction, &placed, as_of)?,
        None => (None, None),
    };
    let life = if life != OrderLife::Cancelled && last.is_some_and(is_charged_back) {
        OrderLife::OnHold
    } else {
        life
    };
    let mut events = vec![Event::Placed(Box::new(placed))];
    events.extend(paid.map(Event::Paid));
    events.push(Event::Life(life));
    events.extend(refunded.map(Event::Refunded));
    Ok(events)
}

/// A state that a plugin added is none that ends an order.
fn life(state: &OrderState) -> OrderLife {
    match state {
        OrderState::Open | OrderState::InProgress | OrderState::Other(_) => OrderLife::Open,
        OrderState::Completed => OrderLife::Completed,
        OrderState::Cancelled => OrderLife::Cancelled,
    }
}

/// Whether the customer's bank took the money back: nothing more is done about the order until a person has looked.
fn is_charged_back(transaction: &Transaction) -> bool {
    transaction
        .state_machine_state
        .as_ref()
        .is_some_and(|state| state.technical_name == PaymentState::Chargeback)
}

/// What the payment that counts says: that money came in, and that it went back. Shopware says of no part how much it is, so
/// a part is neither taken for a payment nor for a refund. Nor is a payment that has no amount: the order's total may have
/// grown since.
fn moved(
    shop: &ShopConfig,
    id: &ShopOrderId,
    transaction: &Transaction,
    placed: &PlacedOrder,
    as_of: Timestamp,
) -> Result<(Option<Payment>, Option<Refund>), Unreadable> {
    let Some(state) = &transaction.state_machine_state else { return Ok((None, None)) };
    let unknown = |what: &str| {
        tracing::warn!(shop = %shop.id, order = %id, "the shop says that {what} of the money, but not how much; look there, and book it by hand");
    };
    let all_of_it = matches!(state.technical_name, PaymentState::Paid | PaymentState::Refunded);
    if all_of_it && transaction.amount.is_none() {
        unknown("it got or gave back all");
    }
    match &state.technical_name {
        PaymentState::Paid => Ok((payment(transaction, placed, as_of)?, None)),
        PaymentState::Refunded => {
            let payment = payment(transaction, placed, as_of)?;
            let id = at(format_args!("transactions.id"), RefundId::parse(&transaction.id))?;
            let refund = payment.as_ref().map(|payment| Refund::of(id, payment.amount, payment.received_at));
            Ok((payment, refund))
        }
        PaymentState::RefundedPartially => {
            unknown("it gave back a part");
            Ok((payment(transaction, placed, as_of)?, None))
        }
        PaymentState::PaidPartially => {
            unknown("it got a part");
            Ok((None, None))
        }
        PaymentState::Chargeback => {
            unknown("the customer's bank took back all or a part");
            Ok((None, None))
        }
        PaymentState::Open
        | PaymentState::InProgress
        | PaymentState::Authorized
        | PaymentState::Unconfirmed
        | PaymentState::Reminded
        | PaymentState::Failed
        | PaymentState::Cancelled
        | PaymentState::Other(_) => Ok((None, None)),
    }
}

/// All of the transaction's amount (the vendor's schema requires it; none is made up where it is missing). When it came in is when the transaction changed last: Shopware keeps no other time of it.
fn payment(
    transaction: &Transaction,
    placed: &PlacedOrder,
    as_of: Timestamp,
) -> Result<Option<Payment>, Unreadable> {
    let currency: Currency = placed.parts().currency;
    let Some(amount) = &transaction.amount else { return Ok(None) };
    let amount =
        money(format_args!("transactions.amount.totalPrice"), &amount.total_price, currency)?.rounded();
    if amount <= Money::zero(currency) {
        return Ok(None);
    }
    let stamp = transaction.updated_at.as_deref().or(transaction.created_at.as_deref());
    let received_at = stamp.map(|at| instant("transactions.updatedAt", at)).transpose()?.unwrap_or(as_of);
    let id = at(format_args!("transactions.id"), PaymentId::parse(&transaction.id))?;
    Ok(Some(Payment { id, source: PaymentSource::Shop, amount, received_at, reference: None }))
}

/// The order's revision: the latest time in it. Changes of payments, deliveries and addresses don't touch the order's own.
pub(super) fn revision(stamps: &Stamps) -> Result<Timestamp, Unreadable> {
    let own = Stamp { created_at: stamps.created_at.clone(), updated_at: stamps.updated_at.clone() };
    let single = [Some(&own), stamps.order_customer.as_ref(), stamps.billing_address.as_ref()];
    let many = [&stamps.addresses, &stamps.deliveries, &stamps.line_items, &stamps.transactions];
    let all = single.into_iter().flatten().chain(many.into_iter().flat_map(|list| &list.0));
    let mut latest = None;
    for stamp in all {
        for text in [&stamp.created_at, &stamp.updated_at].into_iter().flatten() {
            latest = latest.max(Some(instant("createdAt or updatedAt", text)?));
        }
    }
    at(format_args!("createdAt"), latest.ok_or("no time is in the body"))
}

/// A time; those without a zone are UTC, as Shopware keeps them.
pub(super) fn instant(place: &str, text: &str) -> Result<Timestamp, Unreadable> {
    let text = text.trim();
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    let civil: DateTime = at(format_args!("{place}"), text.parse())?;
    at(format_args!("{place}"), TimeZone::UTC.to_timestamp(civil))
}

/// What a proven delivery is about. Of business events it is the order in the payload; `order.written` names the orders that
/// were written; other records of orders are named without their order.
pub(super) fn notice(delivery: &Envelope) -> Result<Notice, ReadError> {
    let fail = |error: Unreadable| failed(&delivery.shop, delivery, None, error.into());
    let bytes =
        delivery.body.bytes().map_err(|error| failed(&delivery.shop, delivery, None, error.into()))?;
    let wrapped: Wrapped = body(&bytes).map_err(fail)?;
    let Some(data) = wrapped.data.0 else { return Ok(Notice::Nothing) };
    let event = data.event.0.unwrap_or_default();
    if !concerns_orders(&event) {
        return Ok(Notice::Nothing);
    }
    let nothing = || failed(&delivery.shop, delivery, None, "data.payload is not in the body".into());
    let payload = data.payload.ok_or_else(nothing)?;
    let payload = payload.get().as_bytes();
    if payload.starts_with(b"[") { written(payload) } else { business(payload) }.map_err(fail)
}

fn concerns_orders(event: &str) -> bool {
    let starts = ["checkout.order.", "state_enter.order", "state_leave.order", "order.", "order_"];
    starts.iter().any(|start| event.starts_with(start))
}

fn is_live(version: Option<&String>) -> bool {
    version.is_none_or(|version| version == LIVE)
}

fn business(payload: &[u8]) -> Result<Notice, Unreadable> {
    let event: BusinessEvent = body(payload)?;
    let order = at(format_args!("data.payload.order"), event.order.ok_or("not in the body"))?;
    if !is_live(order.version_id.0.as_ref()) {
        return Ok(Notice::Nothing);
    }
    Ok(Notice::Orders(vec![at(format_args!("data.payload.order.id"), ShopOrderId::parse(&order.id))?]))
}

fn written(payload: &[u8]) -> Result<Notice, Unreadable> {
    let all: Vec<Written> = body(payload)?;
    let mut named = Vec::new();
    for (n, one) in all.iter().enumerate().filter(|(_, one)| is_live(one.version_id.0.as_ref())) {
        match (one.entity.as_str(), &one.primary_key.0) {
            ("order", Some(id)) => {
                named.push(at(format_args!("data.payload[{n}].primaryKey"), ShopOrderId::parse(id))?);
            }
            (entity, _) if entity == "order" || entity.starts_with("order_") => return Ok(Notice::Something),
            _ => {}
        }
    }
    named.sort();
    named.dedup();
    Ok(if named.is_empty() { Notice::Nothing } else { Notice::Orders(named) })
}
