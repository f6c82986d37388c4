//! A sales order brought up to what the order in the shop is now, as long as nothing was made out of it but a prepayment invoice
//! ([`super::prepayment`]). After that a person decides: a parcel is under way, or a document says something else.

use std::collections::BTreeSet;

use kontor_domain::Address;
use kontor_flow::ports::Job;
use kontor_flow::{Booked, CallError, StepResult};

use super::amounts::{Position, positions};
use super::chain::{invoices_of, is_prepayment, shipments_of};
use super::client::Session;
use super::order::{Written, check_total, commission, confirm, note};
use super::prepayment::{self, Standing};
use super::wire::{
    InvoiceStatus, InvoiceType, OrderContent, OrderStatus, SalesInvoice, SalesOrder, Shipment,
    ShipmentStatus, StatusChange, WholeAddress,
};
use super::{Outcome, Weclapp, is_withdrawn, placed, refused, sales_order_id, settles, unmapped};

/// The call the state of the order is read by.
const READ_ORDER: &str = "GET /salesOrder/id/{id}";
/// The call that changes it.
const WRITE_ORDER: &str = "PUT /salesOrder/id/{id}";

impl Weclapp {
    /// Opens the order again, writes it anew, holds its total against the shop's, and confirms it; before that goes a
    /// prepayment invoice over another amount, which the confirmation replaces. Every part of that may be done twice: the
    /// same content is written each time, and what is cancelled already does not count.
    pub(super) async fn update(&self, session: &Session<'_>, job: Job<'_>) -> Outcome {
        // Of a cancelled order nothing is to be kept up to date, and an attempt that was lost has left nothing new behind.
        if is_withdrawn(&job) {
            return Ok(StepResult::Withdrawn);
        }
        let order = placed(&job)?.parts();
        let booked = Booked::of(&job.order.facts)
            .ok_or_else(|| unmapped("the shop has not told the order yet".to_owned()))?;
        let (there, invoice) = changeable(session, &job).await?;
        let positions = positions(order, &self.config.articles)?;
        let standing = prepayment::standing(session, &job, &there, invoice.as_ref(), positions.len()).await?;
        let advice = format!("Or correct and confirm the sales order in the ERP by hand, {}", settles(&job));
        let written = Written { how: "brought up to date", advice: &advice };
        let changed = self.write(session, &job, &positions, (there, standing)).await?;
        check_total(order, positions.len(), &changed, &written)?;
        let confirmed = confirm(session, order, positions.len(), changed, &written).await?;
        prepayment::check(session, &job, &confirmed, positions.len()).await?;
        Ok(StepResult::Updated { booked })
    }

    async fn write(
        &self,
        session: &Session<'_>,
        job: &Job<'_>,
        positions: &[Position],
        (there, standing): (SalesOrder, Standing),
    ) -> Result<SalesOrder, CallError> {
        let order = placed(job)?;
        let parts = order.parts();
        let numbers: BTreeSet<String> = positions.iter().map(|position| position.article.clone()).collect();
        let ids = self.article_ids(session, &numbers, job.now).await?;
        let currency = self.currency_id(session, parts.currency.code(), job.now).await?;
        let there = match standing {
            Standing::Holds => there,
            Standing::Outdated { invoice } => {
                prepayment::cancel(session, job, &there, &invoice).await?;
                // Its version may have gone up with that.
                read(session, &there.id).await?
            }
        };
        let there = reopened(session, there).await?;
        let (order_items, carriage) = self.rows(order, positions, &ids);
        let had_carriage = !there.shipping_cost_items.is_empty();
        let content = OrderContent {
            version: &there.version,
            commission: commission(&job.command.order, parts),
            record_currency_id: currency,
            sales_channel: self.sales_channel(parts.tax_mode),
            shipment_method_id: self.shipment_method(&job.command.order, parts),
            note: note(parts),
            record_address: order.invoice_address().map(whole_address),
            invoice_address: order.invoice_address().map(whole_address),
            delivery_address: order.delivery_address().map(whole_address),
            // Lists are replaced. Rows without an id are new ones, and those there go: nothing was made out of them yet.
            order_items,
            shipping_cost_items: (had_carriage || !carriage.is_empty()).then_some(carriage),
        };
        let changed = session.change(WRITE_ORDER, "salesOrder", &there.id, &content).await;
        if matches!(changed, Err(CallError::Refused { .. })) {
            self.forget_articles(numbers.iter());
        }
        changed
    }
}

/// A confirmed order is opened again first, by its status alone in a call of its own (changelog of version 2). Until it is
/// confirmed anew nothing is shipped from it.
async fn reopened(session: &Session<'_>, there: SalesOrder) -> Result<SalesOrder, CallError> {
    if there.status == OrderStatus::Entered {
        return Ok(there);
    }
    let change = StatusChange { version: &there.version, status: OrderStatus::Entered };
    session.change(WRITE_ORDER, "salesOrder", &there.id, &change).await
}

async fn read(session: &Session<'_>, id: &str) -> Result<SalesOrder, CallError> {
    let found = session.find::<SalesOrder>(READ_ORDER, "salesOrder", id).await?;
    found.ok_or_else(|| unmapped(format!("sales order {id} is not there any more")))
}

/// The sales order as it is now, and its prepayment invoice, if nothing else stands against changing it.
async fn changeable(
    session: &Session<'_>,
    job: &Job<'_>,
) -> Result<(SalesOrder, Option<SalesInvoice>), CallError> {
    let id = sales_order_id(job)?;
    let there = read(session, id.as_str()).await?;
    let name = there.order_number.as_deref().unwrap_or(&there.id);
    match &there.status {
        OrderStatus::Entered | OrderStatus::Confirmed => {}
        OrderStatus::Closed
        | OrderStatus::ManuallyClosed
        | OrderStatus::Cancelled
        | OrderStatus::Other(_) => {
            let status = there.status.as_str();
            let title = format!(
                "the order was changed in the shop, but sales order {name} is {status}. Decide what holds: book the \
                 change by hand, or undo it in the shop; {}",
                settles(job)
            );
            return Err(refused(READ_ORDER, "order_closed", title));
        }
    }
    let shipments = shipments_of(session, id.as_str()).await?;
    if let Some(shipment) = shipments.iter().find(|s| s.status != Some(ShipmentStatus::Cancelled)) {
        return Err(under_way(shipment, name, job));
    }
    // Goods that others ship (external fulfilment) have no shipment here, only this mark.
    if there.shipped {
        let title = format!(
            "the order was changed in the shop, but the goods of sales order {name} have left already. {}",
            too_late(job)
        );
        return Err(refused(READ_ORDER, "goods_left", title));
    }
    let invoices = invoices_of(session, id).await?;
    let mut counting = invoices.into_iter().filter(counts);
    match (counting.next(), counting.next()) {
        (None, _) => Ok((there, None)),
        (Some(only), None) if is_prepayment(only.sales_invoice_type.as_ref()) => Ok((there, Some(only))),
        (Some(first), second) => {
            let is_other = |invoice: &SalesInvoice| !is_prepayment(invoice.sales_invoice_type.as_ref());
            let told = second.into_iter().chain(counting).find(is_other).unwrap_or(first);
            Err(invoiced(&told, name, job))
        }
    }
}

/// A credit note is of an invoice that was cancelled, or there is that invoice too.
pub(super) fn counts(invoice: &SalesInvoice) -> bool {
    invoice.status != InvoiceStatus::Cancelled && invoice.sales_invoice_type != Some(InvoiceType::CreditNote)
}

fn under_way(shipment: &Shipment, order: &str, job: &Job<'_>) -> CallError {
    let name = shipment.shipment_number.as_deref().unwrap_or(&shipment.id);
    let state = match &shipment.status {
        Some(ShipmentStatus::Shipped | ShipmentStatus::InRoute | ShipmentStatus::Delivered) => {
            "has left already"
        }
        Some(
            ShipmentStatus::New
            | ShipmentStatus::NotePrinted
            | ShipmentStatus::Cancelled
            | ShipmentStatus::Other(_),
        )
        | None => "is with the warehouse already",
    };
    let title = format!(
        "the order was changed in the shop, but shipment {name} of sales order {order} {state}. {}",
        too_late(job)
    );
    refused("GET /shipment", "shipment", title)
}

fn too_late(job: &Job<'_>) -> String {
    format!(
        "Decide what the customer gets: stop or complete the parcel and correct the sales order in the ERP by hand, or \
         undo the change in the shop; {}",
        settles(job)
    )
}

fn invoiced(invoice: &SalesInvoice, order: &str, job: &Job<'_>) -> CallError {
    let name = invoice.invoice_number.as_deref().unwrap_or(&invoice.id);
    let (what, way) = match &invoice.sales_invoice_type {
        Some(InvoiceType::Prepayment) => (
            "prepayment invoice",
            "It is one of several: decide which one holds, cancel the others in the ERP and replay, or undo the change in \
             the shop",
        ),
        Some(
            InvoiceType::Standard
            | InvoiceType::Retail
            | InvoiceType::Final
            | InvoiceType::CreditNote
            | InvoiceType::Other(_),
        )
        | None => (
            "invoice",
            "Decide what holds: cancel or credit that invoice and correct the sales order in the ERP by hand, or undo \
             the change in the shop",
        ),
    };
    let title = format!(
        "the order was changed in the shop, but {what} {name} of sales order {order} is written already, and its amount \
         would no longer fit. {way}; {}",
        settles(job)
    );
    refused("GET /salesInvoice", "invoice", title)
}

fn whole_address(address: &Address) -> WholeAddress<'_> {
    WholeAddress {
        company: &address.company,
        first_name: &address.first_name,
        last_name: &address.last_name,
        street1: &address.street,
        street2: &address.street2,
        zipcode: &address.zip,
        city: &address.city,
        state: &address.state,
        country_code: address.country.as_ref().map_or("", kontor_domain::CountryCode::as_str),
        phone_number: &address.phone,
    }
}
