//! What follows a sales order: payment, shipment, invoice. None of these records has a field for our key,
//! so a repeat looks for what hangs on the sales order already.

use jiff::Timestamp;
use kontor_domain::{DocumentId, PaymentTerms};
use kontor_flow::ports::Job;
use kontor_flow::{CallError, StepResult};

use super::client::Session;
use super::party::by_age;
use super::wire::{
    InvoiceStatus, InvoiceType, OpenItem, PaymentState, PaymentStatus, SalesInvoice, Shipment,
    ShipmentStatus, StatusChange,
};
use super::{
    Outcome, document_id, document_number, is_withdrawn, must_look, parts, sales_order_id, unmapped,
};

/// What a query for invoices asks for.
pub(super) const HEAD: &str = "id,version,status,salesInvoiceType,invoiceNumber,paymentStatus,salesOrders,\
                               precedingSalesInvoiceId,commission,grossAmount,createdDate";

/// Has the warehouse ship the order. It picks, packs and reports by itself.
pub(super) async fn shipment(session: &Session<'_>, job: Job<'_>) -> Outcome {
    let order = sales_order_id(&job)?;
    let existing = if must_look(&job) { existing_shipment(session, order).await? } else { None };
    let shipment: Shipment = match existing {
        Some(shipment) => shipment,
        None if is_withdrawn(&job) => return Ok(StepResult::Withdrawn),
        None => {
            let call = "POST /salesOrder/id/{id}/createShipment";
            session.act(call, "salesOrder", order.as_str(), "createShipment").await?
        }
    };
    let number = document_number(shipment.shipment_number.as_deref());
    Ok(StepResult::Shipment { id: document_id(&shipment.id)?, number })
}

async fn existing_shipment(session: &Session<'_>, order: &DocumentId) -> Result<Option<Shipment>, CallError> {
    let shipments = shipments_of(session, order.as_str()).await?;
    let fitting = shipments.into_iter().filter(|s| s.status != Some(ShipmentStatus::Cancelled));
    Ok(fitting.min_by(|a, b| by_age(&a.id, &b.id)))
}

/// The shipments made out of a sales order, cancelled ones among them.
pub(super) async fn shipments_of(session: &Session<'_>, order: &str) -> Result<Vec<Shipment>, CallError> {
    let properties = "id,version,shipmentNumber,status,salesOrders,mainSalesOrderId";
    let query = [("mainSalesOrderId-eq", order), ("properties", properties), ("pageSize", "1000")];
    let asked_for = |shipment: &Shipment| shipment.main_sales_order_id.as_deref() == Some(order);
    session.select("GET /shipment", "/shipment", &query, asked_for).await
}

/// Writes the invoice and takes it to its open item. A prepayment order gets the final invoice that settles the
/// prepayment one.
pub(super) async fn invoice(session: &Session<'_>, job: Job<'_>) -> Outcome {
    let order = sales_order_id(&job)?;
    let existing = if must_look(&job) { existing_invoice(session, order, is_final).await? } else { None };
    let invoice: SalesInvoice = match existing {
        Some(invoice) if is_withdrawn(&job) => return invoiced(&invoice),
        Some(invoice) => invoice,
        None if is_withdrawn(&job) => return Ok(StepResult::Withdrawn),
        None => {
            let (call, action) = match parts(&job)?.payment.terms {
                PaymentTerms::Prepayment => {
                    ("POST /salesOrder/id/{id}/createPrepaymentFinalInvoice", "createPrepaymentFinalInvoice")
                }
                PaymentTerms::Prepaid | PaymentTerms::Invoice | PaymentTerms::CashOnDelivery => {
                    ("POST /salesOrder/id/{id}/createSalesInvoice", "createSalesInvoice")
                }
            };
            session.act(call, "salesOrder", order.as_str(), action).await?
        }
    };
    invoiced(&finish(session, invoice).await?)
}

fn invoiced(invoice: &SalesInvoice) -> Outcome {
    let number = document_number(invoice.invoice_number.as_deref());
    Ok(StepResult::Invoice { id: document_id(&invoice.id)?, number })
}

fn is_final(kind: Option<&InvoiceType>) -> bool {
    matches!(kind, Some(InvoiceType::Standard | InvoiceType::Retail | InvoiceType::Final))
}

/// Whether it is a request for a prepayment.
pub(super) fn is_prepayment(kind: Option<&InvoiceType>) -> bool {
    matches!(kind, Some(InvoiceType::Prepayment))
}

async fn existing_invoice(
    session: &Session<'_>,
    order: &DocumentId,
    wanted: fn(Option<&InvoiceType>) -> bool,
) -> Result<Option<SalesInvoice>, CallError> {
    let fits = |invoice: &SalesInvoice| {
        wanted(invoice.sales_invoice_type.as_ref()) && invoice.status != InvoiceStatus::Cancelled
    };
    let invoices = invoices_of(session, order).await?;
    Ok(invoices.into_iter().filter(fits).min_by(|a, b| by_age(&a.id, &b.id)))
}

/// The invoices and credit notes of a sales order, cancelled ones among them.
pub(super) async fn invoices_of(
    session: &Session<'_>,
    order: &DocumentId,
) -> Result<Vec<SalesInvoice>, CallError> {
    // The OpenAPI document says that this can't be filtered by; live tenants do it.
    let named = serde_json::json!([order.as_str()]).to_string();
    let query = [("salesOrders.id-in", named.as_str()), ("properties", HEAD), ("pageSize", "1000")];
    let asked_for = |invoice: &SalesInvoice| invoice.sales_orders.iter().any(|o| o.id == order.as_str());
    session.select("GET /salesInvoice", "/salesInvoice", &query, asked_for).await
}

/// NEW → DOCUMENT_CREATED (final number and PDF) → OPEN_ITEM_CREATED, from wherever it stands.
async fn finish(session: &Session<'_>, mut invoice: SalesInvoice) -> Result<SalesInvoice, CallError> {
    loop {
        let next = match &invoice.status {
            InvoiceStatus::New => InvoiceStatus::DocumentCreated,
            InvoiceStatus::DocumentCreated => InvoiceStatus::OpenItemCreated,
            InvoiceStatus::OpenItemCreated | InvoiceStatus::EntryCompleted => return Ok(invoice),
            InvoiceStatus::Cancelled | InvoiceStatus::Other(_) => {
                let (id, status) = (&invoice.id, invoice.status.as_str());
                return Err(unmapped(format!(
                    "invoice {id} has the status {status}, which leads to no open item"
                )));
            }
        };
        let change = StatusChange { version: &invoice.version, status: next.clone() };
        let changed: SalesInvoice =
            session.change("PUT /salesInvoice/id/{id}", "salesInvoice", &invoice.id, &change).await?;
        if changed.status == invoice.status {
            let (id, status) = (&invoice.id, next.as_str());
            return Err(unmapped(format!("invoice {id} does not take the status {status}")));
        }
        invoice = changed;
    }
}

/// Records the payment on the prepayment invoice, or on the invoice of an order that has no other. Doing it twice
/// changes nothing.
pub(super) async fn payment(session: &Session<'_>, job: Job<'_>) -> Outcome {
    let order = sales_order_id(&job)?;
    let wanted = match parts(&job)?.payment.terms {
        PaymentTerms::Prepayment => is_prepayment,
        PaymentTerms::Prepaid | PaymentTerms::Invoice | PaymentTerms::CashOnDelivery => is_final,
    };
    let Some(invoice) = existing_invoice(session, order, wanted).await? else {
        return Err(unmapped(format!(
            "sales order {order} has no invoice that the payment could be recorded on"
        )));
    };
    let booked = StepResult::PaymentBooked { invoice: Some(document_id(&invoice.id)?) };
    if invoice.payment_status == Some(PaymentStatus::Paid) {
        return Ok(booked);
    }
    let item = match open_item(session, &invoice.id).await? {
        Some(item) => item,
        None => created_open_item(session, invoice).await?,
    };
    if !item.cleared {
        let body = PaymentState { payment_state: "PAID", date_paid: paid_at(&job).into() };
        let call = "POST /salesOpenItem/id/{id}/updatePaymentState";
        let _: OpenItem =
            session.act_with(call, "salesOpenItem", &item.id, "updatePaymentState", &body).await?;
    }
    Ok(booked)
}

/// The open item of an invoice, if it has one.
pub(super) async fn open_item(session: &Session<'_>, invoice: &str) -> Result<Option<OpenItem>, CallError> {
    let query = [("salesInvoiceId-eq", invoice), ("properties", "id,salesInvoiceId,cleared,amountPaid")];
    let asked_for = |item: &OpenItem| item.sales_invoice_id.as_deref() == Some(invoice);
    let items = session.select("GET /salesOpenItem", "/salesOpenItem", &query, asked_for).await?;
    Ok(items.into_iter().next())
}

/// Some tenants do not create open items by themselves: the invoice is taken there.
async fn created_open_item(session: &Session<'_>, invoice: SalesInvoice) -> Result<OpenItem, CallError> {
    let invoice = finish(session, invoice).await?;
    open_item(session, &invoice.id).await?.ok_or_else(|| {
        let id = &invoice.id;
        unmapped(format!(
            "invoice {id} has no open item; let weclapp create open items for prepayment invoices"
        ))
    })
}

/// When the newest payment came in.
fn paid_at(job: &Job<'_>) -> Timestamp {
    let payments = job.order.facts.payments.values().filter_map(|told| told.current());
    payments.map(|payment| payment.received_at).max().unwrap_or(job.now)
}
