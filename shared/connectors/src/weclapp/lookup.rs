//! What a webhook of weclapp hints at. It is unsigned and holds an id only, so the record is fetched; records that are
//! not ours mean nothing.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use kontor_domain::{
    Currency, Money, OrderKey, PackedLine, Payment, PaymentId, PaymentSource, Quantity, Shipment, ShipmentId,
    Sku, TrackingNumber,
};
use kontor_flow::remedy::Effect;
use kontor_flow::{CallError, Event, EventRecord, Happened, Hint, System};
use rust_decimal::Decimal;

use crate::config::ErpArticles;

use super::client::Session;
use super::reference::order_of;
use super::wire::{self, AdvancePayment, InvoiceType, PaymentType, SalesOrder, ShipmentItem, ShipmentStatus};
use super::{Weclapp, document_number};

/// Sales orders of one shipment or invoice that are looked at; collective ones have a few.
const MOST_ORDERS: usize = 50;

impl Weclapp {
    /// Fetches what `hint` names and tells what it means for orders.
    pub(super) async fn look_up_hint(
        &self,
        session: &Session<'_>,
        hint: &Hint,
        now: Timestamp,
    ) -> Result<Vec<Happened>, CallError> {
        if !is_id(&hint.id) {
            return Ok(Vec::new());
        }
        match hint.entity.as_str() {
            "shipment" => self.shipped(session, &hint.id, now).await,
            "salesOrder" => Ok(self.paid_order(session, &hint.id, now).await?.into_iter().collect()),
            "salesInvoice" => self.paid_invoice(session, &hint.id, now).await,
            "salesOpenItem" => self.paid_item(session, &hint.id, now).await,
            _ => Ok(Vec::new()),
        }
    }

    async fn shipped(
        &self,
        session: &Session<'_>,
        id: &str,
        now: Timestamp,
    ) -> Result<Vec<Happened>, CallError> {
        let call = "GET /shipment/id/{id}";
        let Some(shipment) = session.find::<wire::Shipment>(call, "shipment", id).await? else {
            return Ok(Vec::new());
        };
        let left = match &shipment.status {
            Some(ShipmentStatus::Shipped | ShipmentStatus::InRoute | ShipmentStatus::Delivered) => true,
            Some(
                ShipmentStatus::New
                | ShipmentStatus::NotePrinted
                | ShipmentStatus::Cancelled
                | ShipmentStatus::Other(_),
            )
            | None => false,
        };
        if !left {
            return Ok(Vec::new());
        }
        let mut ours = Vec::new();
        let listed = shipment.sales_orders.iter().map(|order| order.id.as_str());
        let main = shipment.main_sales_order_id.as_deref();
        let orders: BTreeSet<&str> = listed.chain(main).take(MOST_ORDERS).collect();
        let alone = orders.len() == 1;
        for id in orders {
            let Some(order) = fetch_order(session, id).await? else { continue };
            let Some(key) = key_of(&order) else { continue };
            ours.push((key, goods(&shipment, &order, alone)));
        }
        // A parcel that holds something, but nothing of the order, is none of the order.
        ours.retain(|(_, goods)| !goods.is_empty() || shipment.shipment_items.is_empty());
        if ours.is_empty() {
            return Ok(Vec::new());
        }
        let carrier = match shipment.parcels.iter().find_map(|parcel| parcel.shipping_carrier_id.as_deref()) {
            Some(id) if is_id(id) => self.carrier_name(session, id, now).await?,
            Some(_) | None => None,
        };
        let (as_of, told) = told_shipment(call, &shipment, carrier)?;
        // The articles of all orders in it are asked for at once.
        let articles = ours.iter().flat_map(|(_, goods)| goods.keys().copied()).collect();
        let numbers = self.numbers_of(session, &articles, now).await?;
        let mut events = Vec::new();
        for (order, goods) in ours {
            let lines = packed(call, &goods, &numbers, &self.config.articles)?;
            // An empty list would say that everything is in it.
            if lines.is_empty() && !goods.is_empty() {
                continue;
            }
            events.push(happened(order, as_of, Event::Shipped(Shipment { lines, ..told.clone() })));
        }
        Ok(events)
    }

    async fn paid_order(
        &self,
        session: &Session<'_>,
        id: &str,
        now: Timestamp,
    ) -> Result<Option<Happened>, CallError> {
        let call = "GET /salesOrder/id/{id}";
        let Some(order) = fetch_order(session, id).await? else { return Ok(None) };
        let (Some(key), true) = (key_of(&order), is_paid(&order)) else { return Ok(None) };
        let (Some(gross), Some(currency_id)) = (order.gross_amount, order.record_currency_id.as_deref())
        else {
            return Err(unreadable(call, "a paid order without amount or currency"));
        };
        let code = self.currency_code(session, currency_id, now).await?;
        let currency = code.as_deref().and_then(|code| Currency::parse(code).ok());
        let currency = currency.ok_or_else(|| unreadable(call, "the order's currency is not known"))?;
        let as_of = moment(call, order.last_modified_date)?;
        let payment = Payment {
            id: PaymentId::parse(&format!("weclapp-{}", order.id))
                .map_err(|_| unreadable(call, "the order's id"))?,
            source: PaymentSource::Erp,
            amount: Money::new(gross.0, currency),
            received_at: as_of,
            reference: order.order_number,
        };
        Ok(Some(happened(key, as_of, Event::Paid(payment))))
    }

    /// Only a prepayment invoice tells something about an order that waits.
    async fn paid_invoice(
        &self,
        session: &Session<'_>,
        id: &str,
        now: Timestamp,
    ) -> Result<Vec<Happened>, CallError> {
        let call = "GET /salesInvoice/id/{id}";
        let Some(invoice) = session.find::<wire::SalesInvoice>(call, "salesInvoice", id).await? else {
            return Ok(Vec::new());
        };
        if invoice.sales_invoice_type != Some(InvoiceType::Prepayment) {
            return Ok(Vec::new());
        }
        let mut told = Vec::new();
        for order in invoice.sales_orders.iter().take(MOST_ORDERS) {
            told.extend(self.paid_order(session, &order.id, now).await?);
        }
        Ok(told)
    }

    async fn paid_item(
        &self,
        session: &Session<'_>,
        id: &str,
        now: Timestamp,
    ) -> Result<Vec<Happened>, CallError> {
        let call = "GET /salesOpenItem/id/{id}";
        let item = session.find::<wire::OpenItem>(call, "salesOpenItem", id).await?;
        match item.filter(|item| item.cleared).and_then(|item| item.sales_invoice_id) {
            Some(invoice) if is_id(&invoice) => self.paid_invoice(session, &invoice, now).await,
            Some(_) | None => Ok(Vec::new()),
        }
    }
}

/// Hints are unsigned: what goes into an address has to look like an id.
fn is_id(id: &str) -> bool {
    (1..=40).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

async fn fetch_order(session: &Session<'_>, id: &str) -> Result<Option<SalesOrder>, CallError> {
    if !is_id(id) {
        return Ok(None);
    }
    session.find("GET /salesOrder/id/{id}", "salesOrder", id).await
}

fn key_of(order: &SalesOrder) -> Option<OrderKey> {
    order_of(order.order_number_at_customer.as_deref()?, order.commission.as_deref())
}

/// Only a prepayment can be paid before anything is invoiced; of other orders `paid` says nothing about release.
fn is_paid(order: &SalesOrder) -> bool {
    order.sales_order_payment_type == Some(PaymentType::Prepayment)
        && (order.paid || order.advance_payment_status == Some(AdvancePayment::Paid))
}

/// What of the order is in the parcel, pieces by article. Of a bundle the bundle counts, and not what it is made of. A
/// collective shipment names with each item the order's item it is for.
fn goods<'s>(shipment: &'s wire::Shipment, order: &SalesOrder, alone: bool) -> BTreeMap<&'s str, Decimal> {
    let items = &shipment.shipment_items;
    let in_bundle = |item: &ShipmentItem| {
        item.parent_item_id.as_deref().is_some_and(|parent| items.iter().any(|one| one.id == parent))
    };
    let of_order = |item: &ShipmentItem| {
        let for_item = |id: &str| order.order_items.iter().any(|ordered| ordered.id == id);
        alone || item.sales_order_item_id.as_deref().is_some_and(for_item)
    };
    let mut goods = BTreeMap::new();
    for item in items.iter().filter(|item| !in_bundle(item) && of_order(item)) {
        let (Some(article), Some(quantity)) = (item.article_id.as_deref(), item.quantity) else { continue };
        if quantity.0 > Decimal::ZERO {
            *goods.entry(article).or_insert(Decimal::ZERO) += quantity.0;
        }
    }
    goods
}

/// The articles in a parcel, by number: that is the SKU.
fn packed(
    call: &'static str,
    goods: &BTreeMap<&str, Decimal>,
    numbers: &BTreeMap<String, String>,
    ours: &ErpArticles,
) -> Result<Vec<PackedLine>, CallError> {
    let mut lines = Vec::new();
    for (article, pieces) in goods {
        let number = numbers.get(*article);
        let number = number.ok_or_else(|| unreadable(call, "an article in it is not there any more"))?;
        // What stands for a fee or a discount is an article in the ERP alone.
        if [&ours.shipping, &ours.fee, &ours.discount, &ours.rounding].contains(&number) {
            continue;
        }
        let sku =
            Sku::parse(number).map_err(|_| unreadable(call, "an article in it has no usable number"))?;
        let quantity = Quantity::new(*pieces).map_err(|_| unreadable(call, "a number of pieces in it"))?;
        lines.push(PackedLine { line: None, sku: Some(sku), quantity });
    }
    Ok(lines)
}

fn told_shipment(
    call: &'static str,
    shipment: &wire::Shipment,
    carrier: Option<String>,
) -> Result<(Timestamp, Shipment), CallError> {
    let as_of = moment(call, shipment.last_modified_date)?;
    let left = shipment.status_history.iter().find(|entry| entry.status == Some(ShipmentStatus::Shipped));
    let shipped_at = left.and_then(|entry| entry.status_date).and_then(wire::Millis::timestamp);
    let numbers = shipment.parcels.iter().filter_map(|parcel| parcel.tracking_id.as_deref());
    let told = Shipment {
        id: ShipmentId::parse(&shipment.id).map_err(|_| unreadable(call, "the shipment's id"))?,
        number: document_number(shipment.shipment_number.as_deref()),
        carrier,
        tracking: numbers.filter_map(|number| TrackingNumber::parse(number).ok()).collect(),
        tracking_url: shipment.parcels.iter().find_map(|parcel| parcel.tracking_url.clone()),
        shipped_at: shipped_at.unwrap_or(as_of),
        lines: Vec::new(),
    };
    Ok((as_of, told))
}

fn happened(order: OrderKey, as_of: Timestamp, event: Event) -> Happened {
    Happened { order, events: vec![EventRecord::told(as_of, event)] }
}

fn moment(call: &'static str, millis: Option<wire::Millis>) -> Result<Timestamp, CallError> {
    millis.and_then(wire::Millis::timestamp).ok_or_else(|| unreadable(call, "no time of the last change"))
}

fn unreadable(call: &'static str, what: &'static str) -> CallError {
    CallError::Unreadable { system: System::Weclapp, call, effect: Effect::None, source: what.into() }
}
