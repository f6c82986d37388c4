//! The sales order: booked once under our key, checked against the shop's total, confirmed.

use std::collections::{BTreeMap, BTreeSet};

use kontor_domain::{
    Address, ChargeKind, DocumentId, Money, OrderDraft, OrderKey, PaymentTerms, PlacedOrder, TaxMode,
    TaxPart, TaxRate,
};
use kontor_flow::ports::Job;
use kontor_flow::{Booked, CallError, StepResult};
use rust_decimal::Decimal;

use super::amounts::{Position, positions};
use super::client::Session;
use super::party::by_age;
use super::reference::{is_shortened, reference};
use super::wire::{
    NewSalesOrder, Number, OrderItem, OrderStatus, PaymentType, RecordAddress, SalesOrder, ShippingCostItem,
    StatusChange,
};
use super::{
    Outcome, Weclapp, document_id, document_number, is_withdrawn, must_look, parts, placed, unmapped,
};

/// The longest title of a position (OpenAPI: `maxLength` 1000).
const LONGEST_TITLE: usize = 1_000;
/// The longest note of an order (OpenAPI: `maxLength` 512).
const LONGEST_NOTE: usize = 512;
/// What the confirmation of a new order is about.
const CREATED: Written =
    Written { how: "created", advice: "Correct the order in the ERP (or cancel it there), then replay" };
/// What a query for sales orders asks for.
const READ: &str = "id,version,status,orderNumber,orderNumberAtCustomer,grossAmount,netAmount,paid,\
                    advancePaymentStatus,shipped";

/// What was done to a sales order that is to be confirmed.
pub(super) struct Written<'a> {
    /// In a word.
    pub(super) how: &'a str,
    /// What a person can do if it does not come to the shop's total.
    pub(super) advice: &'a str,
}

impl Weclapp {
    /// Books and confirms the sales order. A repeat finds it by our key, and confirms it if that is still to be done.
    pub(super) async fn sales_order(&self, session: &Session<'_>, job: Job<'_>) -> Outcome {
        let order = parts(&job)?;
        let found = if must_look(&job) { by_key(session, &job.command.order).await? } else { None };
        if is_withdrawn(&job) {
            return found.map_or(Ok(StepResult::Withdrawn), |found| result(order, &found, None));
        }
        let positions = positions(order, &self.config.articles)?;
        // What an earlier attempt booked may be an older revision of the order.
        let facts = &job.order.facts;
        let (order_there, booked) = match found {
            Some(found) => (found, Booked::unknown(facts)),
            None => (self.book(session, &job, &positions).await?, Booked::of(facts)),
        };
        result(order, &confirm(session, order, positions.len(), order_there, &CREATED).await?, booked)
    }

    async fn book(
        &self,
        session: &Session<'_>,
        job: &Job<'_>,
        positions: &[Position],
    ) -> Result<SalesOrder, CallError> {
        let order = placed(job)?;
        let customer =
            job.order.facts.customer_id().ok_or_else(|| unmapped("it has no customer yet".to_owned()))?;
        let numbers: BTreeSet<String> = positions.iter().map(|position| position.article.clone()).collect();
        let ids = self.article_ids(session, &numbers, job.now).await?;
        let currency = self.currency_id(session, order.parts().currency.code(), job.now).await?;
        let body = self.new_order(order, &job.command.order, customer, currency, positions, &ids);
        let created = session.create("POST /salesOrder", "salesOrder", &body).await;
        if matches!(created, Err(CallError::Refused { .. })) {
            self.forget_articles(numbers.iter());
            self.forget_customer(order, &job.command.order);
        }
        created
    }

    fn new_order<'a>(
        &'a self,
        order: &'a PlacedOrder,
        key: &OrderKey,
        customer: &'a DocumentId,
        currency: String,
        positions: &[Position],
        ids: &BTreeMap<String, DocumentId>,
    ) -> NewSalesOrder<'a> {
        let parts = order.parts();
        let (order_items, shipping_cost_items) = self.rows(order, positions, ids);
        let invoice_address = order.invoice_address().map(record_address);
        NewSalesOrder {
            customer_id: customer.as_str(),
            order_number_at_customer: reference(key),
            commission: commission(key, parts),
            order_date: parts.placed_at.into(),
            sales_order_payment_type: payment_type(parts.payment.terms),
            record_currency_id: currency,
            sales_channel: self.sales_channel(parts.tax_mode),
            payment_method_id: mapped(&self.config.payment_methods, key, Some(&parts.payment.code)),
            shipment_method_id: self.shipment_method(key, parts),
            warehouse_id: self.config.warehouse_id.as_deref(),
            note: note(parts),
            record_address: invoice_address.clone(),
            invoice_address,
            delivery_address: order.delivery_address().map(record_address),
            order_items,
            shipping_cost_items,
        }
    }

    /// The positions as rows of a sales order: what is sold, and carriage.
    pub(super) fn rows(
        &self,
        order: &PlacedOrder,
        positions: &[Position],
        ids: &BTreeMap<String, DocumentId>,
    ) -> (Vec<OrderItem>, Vec<ShippingCostItem>) {
        let country =
            order.delivery_address().and_then(|address| address.country.as_ref()).map(ToString::to_string);
        let mode = order.parts().tax_mode;
        let tax = |rate: Option<TaxRate>| self.tax_id(country.as_deref(), rate, mode);
        let id = |number: &str| ids.get(number).map(ToString::to_string).unwrap_or_default();
        let (carriage, items): (Vec<&Position>, Vec<&Position>) =
            positions.iter().partition(|p| p.is_carriage);
        let items = items.iter().zip(1_u32..).map(|(position, number)| OrderItem {
            article_id: id(&position.article),
            position_number: number,
            title: shortened(&position.title, LONGEST_TITLE),
            quantity: Number(position.quantity),
            manual_quantity: true,
            unit_price: Number(position.unit_price),
            manual_unit_price: true,
            tax_id: tax(position.rate),
        });
        let carriage = carriage.iter().map(|position| ShippingCostItem {
            article_id: id(&position.article),
            unit_price: Number(position.unit_price),
            manual_unit_price: true,
            tax_id: tax(position.rate),
        });
        (items.collect(), carriage.collect())
    }

    /// The ERP's shipping method for the shop's.
    pub(super) fn shipment_method(&self, key: &OrderKey, parts: &OrderDraft) -> Option<&str> {
        let shipping = parts.charges.iter().find(|charge| charge.kind == ChargeKind::Shipping);
        mapped(&self.config.shipping_methods, key, shipping.map(|charge| &charge.code))
    }

    /// GROSS channels read prices with tax, NET channels without. Where no tax is owed, both would do: NET says so.
    pub(super) fn sales_channel(&self, mode: TaxMode) -> Option<&str> {
        match mode {
            TaxMode::Gross => self.config.gross_channel.as_deref(),
            TaxMode::Net | TaxMode::TaxFree => self.config.net_channel.as_deref(),
        }
    }

    /// The ERP's tax by `<country>/<percent>`, then by `<percent>`; the ERP decides where neither is mapped.
    fn tax_id(&self, country: Option<&str>, rate: Option<TaxRate>, mode: TaxMode) -> Option<String> {
        let rate = match mode {
            TaxMode::TaxFree => TaxRate::ZERO,
            TaxMode::Gross | TaxMode::Net => rate?,
        };
        let percent = rate.as_percent().to_string();
        let by_country = country.and_then(|country| self.config.taxes.get(&format!("{country}/{percent}")));
        by_country.or_else(|| self.config.taxes.get(&percent)).cloned()
    }
}

fn result(order: &OrderDraft, there: &SalesOrder, booked: Option<Booked>) -> Outcome {
    Ok(StepResult::SalesOrder {
        id: document_id(&there.id)?,
        number: document_number(there.order_number.as_deref()),
        total: there.gross_amount.map(|gross| Money::new(gross.0, order.currency)),
        booked,
    })
}

/// The sales order that carries our key. One that was cancelled in the ERP does not count: that is how people make room
/// for a new one.
pub(super) async fn by_key(session: &Session<'_>, key: &OrderKey) -> Result<Option<SalesOrder>, CallError> {
    let ours = reference(key);
    let query = [("orderNumberAtCustomer-eq", ours.as_str()), ("properties", READ)];
    // Letters may be compared without their case there; keys differ by it.
    let asked_for = |order: &SalesOrder| {
        order.order_number_at_customer.as_deref().is_some_and(|named| named.eq_ignore_ascii_case(&ours))
    };
    let orders = session.select("GET /salesOrder", "/salesOrder", &query, asked_for).await?;
    let fits = |order: &SalesOrder| {
        order.order_number_at_customer.as_deref() == Some(ours.as_str())
            && order.status != OrderStatus::Cancelled
    };
    let mut fitting: Vec<SalesOrder> = orders.into_iter().filter(fits).collect();
    fitting.sort_by(|a, b| by_age(&a.id, &b.id));
    if fitting.len() > 1 {
        tracing::error!(order = %key, sales_orders = fitting.len(), "the ERP has several sales orders of one order");
    }
    Ok(fitting.into_iter().next())
}

/// Confirms the order, if that is still to be done and its total is the shop's.
pub(super) async fn confirm(
    session: &Session<'_>,
    order: &OrderDraft,
    positions: usize,
    booked: SalesOrder,
    written: &Written<'_>,
) -> Result<SalesOrder, CallError> {
    match &booked.status {
        OrderStatus::Entered => {}
        OrderStatus::Confirmed | OrderStatus::Closed | OrderStatus::ManuallyClosed => return Ok(booked),
        OrderStatus::Cancelled | OrderStatus::Other(_) => {
            let (id, status) = (&booked.id, booked.status.as_str());
            return Err(unmapped(format!(
                "sales order {id} has the status {status}, which can't be confirmed"
            )));
        }
    }
    check_total(order, positions, &booked, written)?;
    let change = StatusChange { version: &booked.version, status: OrderStatus::Confirmed };
    let confirmed: SalesOrder =
        session.change("PUT /salesOrder/id/{id}", "salesOrder", &booked.id, &change).await?;
    if confirmed.status == OrderStatus::Entered {
        let id = &confirmed.id;
        let how = written.how;
        return Err(unmapped(format!("sales order {id} was {how}, but does not take its confirmation")));
    }
    Ok(confirmed)
}

/// The ERP reckons taxes itself, so it may differ by a cent per position, and by no more. Where prices include tax its
/// total is the sum of the prices whatever the taxes are: a wrong tax shows in what is left without it.
pub(super) fn check_total(
    order: &OrderDraft,
    positions: usize,
    booked: &SalesOrder,
    written: &Written<'_>,
) -> Result<(), CallError> {
    let bound = roundings(order, positions);
    let (id, Written { how, advice }) = (&booked.id, written);
    let (Some(gross), Some(net)) = (booked.gross_amount, booked.net_amount) else {
        return Err(unmapped(format!(
            "sales order {id} was {how}, but not confirmed: it has no totals to check"
        )));
    };
    let net_in_shop = order.total.amount() - tax_in_shop(order);
    for (kind, erp, shop) in [("", gross.0, order.total.amount()), (" without tax", net.0, net_in_shop)] {
        // A sum that no decimal holds differs, too.
        if erp.checked_sub(shop).is_none_or(|difference| difference.abs() > bound) {
            let (erp, shop) = (Money::new(erp, order.currency), Money::new(shop, order.currency));
            return Err(unmapped(format!(
                "sales order {id} was {how}, but not confirmed: it comes to {erp}{kind} there and to {shop}{kind} in the \
                 shop. Mostly a tax is not mapped: name it in erp.taxes. {advice}"
            )));
        }
    }
    Ok(())
}

/// What the ERP's total may differ from the shop's: a cent per position.
pub(super) fn roundings(order: &OrderDraft, positions: usize) -> Decimal {
    order.currency.smallest().amount() * Decimal::from(positions)
}

/// All the tax the shop reckoned.
fn tax_in_shop(order: &OrderDraft) -> Decimal {
    let of = |taxes: &[TaxPart]| taxes.iter().map(|part| part.amount.amount()).sum::<Decimal>();
    let lines: Decimal = order.lines.iter().map(|line| of(&line.taxes)).sum();
    let charges: Decimal = order.charges.iter().map(|charge| of(&charge.taxes)).sum();
    let discounts: Decimal = order.discounts.iter().map(|discount| of(&discount.taxes)).sum();
    lines + charges - discounts
}

fn payment_type(terms: PaymentTerms) -> PaymentType {
    match terms {
        PaymentTerms::Prepayment => PaymentType::Prepayment,
        PaymentTerms::Prepaid | PaymentTerms::Invoice | PaymentTerms::CashOnDelivery => PaymentType::Standard,
    }
}

/// What the configuration maps a shop's code to: `<shop>/<code>` before `<code>`.
fn mapped<'a>(map: &'a BTreeMap<String, String>, key: &OrderKey, code: Option<&String>) -> Option<&'a str> {
    let code = code?;
    map.get(&format!("{}/{code}", key.shop)).or_else(|| map.get(code)).map(String::as_str)
}

/// What the customer knows the order by; the whole key where the reference does not hold it.
pub(super) fn commission(key: &OrderKey, parts: &OrderDraft) -> String {
    if is_shortened(key) { key.to_string() } else { parts.number.to_string() }
}

/// What the customer wrote.
pub(super) fn note(parts: &OrderDraft) -> Option<String> {
    parts.note.as_deref().map(|note| shortened(note, LONGEST_NOTE))
}

fn record_address(address: &Address) -> RecordAddress<'_> {
    RecordAddress {
        company: &address.company,
        first_name: &address.first_name,
        last_name: &address.last_name,
        street1: &address.street,
        street2: &address.street2,
        zipcode: &address.zip,
        city: &address.city,
        state: &address.state,
        country_code: address.country.as_ref().map(kontor_domain::CountryCode::as_str),
        phone_number: &address.phone,
    }
}

/// The beginning of a text. The ERP may count as Java does: what lies outside of Unicode's first plane (emoji) counts twice.
fn shortened(text: &str, longest: usize) -> String {
    let mut length = 0_usize;
    let fits = |c: &char| {
        length += c.len_utf16();
        length <= longest
    };
    text.chars().take_while(fits).collect()
}
