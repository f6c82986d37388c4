//! Credit notes: money that went back in the shop, credited on the order's invoice to the cent. Refunds of an order are
//! credited one after the other, so a draft without a key of ours may be what a lost attempt left behind.

mod lost;

use std::collections::{BTreeMap, BTreeSet};

use kontor_domain::{DocumentId, Money, OrderDraft, OrderKey, Refund, RefundId};
use kontor_flow::ports::Job;
use kontor_flow::told::Told;
use kontor_flow::{CallError, StepResult};
use rust_decimal::Decimal;

use super::chain::{HEAD, invoices_of};
use super::client::Session;
use super::content::{self, Part, Row};
use super::party::by_age;
use super::wire::{
    CarriageRow, ClearCredit, CreditContent, CreditRow, CreditedItems, InvoiceRow, InvoiceStatus,
    InvoiceType, Number, SalesInvoice, StatusChange,
};
use super::{
    Outcome, Weclapp, document_id, document_number, is_withdrawn, must_look, parts, refused, settles,
    unmapped,
};

/// The call an invoice or a credit note is read by.
const READ: &str = "GET /salesInvoice/id/{id}";
/// The call one is changed by.
const WRITE: &str = "PUT /salesInvoice/id/{id}";

/// What is to be credited.
struct Owed<'a> {
    refund: &'a Refund,
    /// Of the refund, what is not credited otherwise.
    amount: Money,
    order: &'a OrderDraft,
    /// The invoice of the order.
    invoice: &'a DocumentId,
    /// What the credit note carries in `commission` (OpenAPI: `maxLength` 255, filterable).
    key: String,
}

impl<'a> Owed<'a> {
    fn of(job: &Job<'a>) -> Result<Self, CallError> {
        let facts = &job.order.facts;
        let step = &job.command.step;
        let id = step.item.as_deref().and_then(|item| RefundId::parse(item).ok());
        let refund = id.as_ref().and_then(|id| facts.refunds.get(id)).and_then(Told::current);
        let refund = refund.ok_or_else(|| unmapped(format!("the shop has not told the refund of {step}")))?;
        let amount = facts.to_credit(&refund.id).map_err(|error| {
            unmapped(format!("what is to be credited for refund {} cannot be reckoned: {error}", refund.id))
        })?;
        let amount = amount.filter(|amount| amount.amount() > Decimal::ZERO).ok_or_else(|| {
            let way = settles(job);
            unmapped(format!(
                "of refund {} nothing is left to be credited. If that is right, {way}",
                refund.id
            ))
        })?;
        let invoice = facts.invoice_id().ok_or_else(|| unmapped("it has no invoice yet".to_owned()))?;
        Ok(Self { refund, amount, order: parts(job)?, invoice, key: key_of(&job.command.order, &refund.id) })
    }
}

/// At most 97 + 8 + 64 characters.
fn key_of(order: &OrderKey, refund: &RefundId) -> String {
    format!("{order} refund {refund}")
}

impl Weclapp {
    /// Writes the credit note and takes it to its open item. A repeat finds it by our key, or the draft that was lost before
    /// it got the key, and goes on from where it stands. That is so for an order that was cancelled meanwhile as well: the
    /// money went back all the same.
    pub(super) async fn credit_note(&self, session: &Session<'_>, job: Job<'_>) -> Outcome {
        let owed = Owed::of(&job)?;
        let found = if must_look(&job) { look(session, &job, &owed).await? } else { None };
        if found.is_none() && is_withdrawn(&job) {
            return Ok(StepResult::Withdrawn);
        }
        let note = match found {
            Some(note) if note.status != InvoiceStatus::New => note,
            draft => self.filled(session, &job, &owed, draft).await?,
        };
        let note = finished(session, &job, note).await?;
        let number = document_number(note.invoice_number.as_deref());
        Ok(StepResult::Credited { id: document_id(&note.id)?, number, amount: owed.amount })
    }

    /// The draft, or a new one, with our key and the amount.
    async fn filled(
        &self,
        session: &Session<'_>,
        job: &Job<'_>,
        owed: &Owed<'_>,
        draft: Option<SalesInvoice>,
    ) -> Result<SalesInvoice, CallError> {
        if let Some(draft) = draft.as_ref().filter(|draft| is_done(draft, owed)) {
            return check(read(session, &draft.id).await?, owed, job);
        }
        let invoice = creditable(session, owed, job).await?;
        let articles = &self.config.articles;
        let parts = content::parts(owed.refund, owed.amount.amount(), owed.order, articles)?;
        let mut numbers: BTreeSet<String> = parts.iter().flat_map(Part::numbers).cloned().collect();
        let mut ids = self.article_ids(session, &numbers, job.now).await?;
        let mut rows = rows_of(&parts, &invoice, owed, &ids);
        let mut missing = content::missing(&rows, owed.amount.amount(), owed.order);
        if !missing.is_zero() {
            numbers.insert(articles.rounding.clone());
            ids = self.article_ids(session, &numbers, job.now).await?;
            rows.push(content::rounding(missing, articles));
        }
        let note = match draft {
            Some(draft) => read(session, &draft.id).await?,
            None => create(session, &invoice, &rows).await?,
        };
        let mut note = write(session, owed, &rows, &ids, note).await?;
        // Where the ERP puts tax on top, only it knows what that comes to: a second look settles the cents.
        let bound = owed.order.currency.smallest().amount() * Decimal::from(rows.len());
        missing = owed.amount.amount() - comes_to(&note).unwrap_or_default();
        if !missing.is_zero() && missing.abs() <= bound {
            ids.extend(self.article_ids(session, &[articles.rounding.clone()].into(), job.now).await?);
            rows.push(content::rounding(missing, articles));
            note = write(session, owed, &rows, &ids, note).await?;
        }
        check(note, owed, job)
    }
}

fn rows_of(
    parts: &[Part],
    invoice: &SalesInvoice,
    owed: &Owed<'_>,
    ids: &BTreeMap<String, DocumentId>,
) -> Vec<Row> {
    content::rows(parts, invoice, owed.order, |number| ids.get(number).map(ToString::to_string))
}

/// A credit note of this refund that is there already, or the draft of an attempt that was lost before it got our key.
/// Whether weclapp names the invoice or the sales order in a credit note is not documented, so both are asked for.
async fn look(
    session: &Session<'_>,
    job: &Job<'_>,
    owed: &Owed<'_>,
) -> Result<Option<SalesInvoice>, CallError> {
    let query = [("commission-eq", owed.key.as_str()), ("properties", HEAD), ("pageSize", "1000")];
    let asked_for = |note: &SalesInvoice| {
        note.commission.as_deref().is_some_and(|named| named.eq_ignore_ascii_case(&owed.key))
    };
    let keyed = session.select("GET /salesInvoice", "/salesInvoice", &query, asked_for).await?;
    let keyed = keyed.into_iter().filter(|note| note.commission.as_deref() == Some(owed.key.as_str()));
    if let Some(ours) = oldest(keyed) {
        return Ok(Some(ours));
    }
    let invoice = owed.invoice.as_str();
    let query = [("precedingSalesInvoiceId-eq", invoice), ("properties", HEAD), ("pageSize", "1000")];
    let asked_for = |note: &SalesInvoice| note.preceding_sales_invoice_id.as_deref() == Some(invoice);
    let mut notes = session.select("GET /salesInvoice", "/salesInvoice", &query, asked_for).await?;
    if let (true, Some(order)) = (notes.is_empty(), job.order.facts.sales_order_id()) {
        notes = invoices_of(session, order).await?;
    }
    lost::draft(job, &owed.key, notes)
}

/// The oldest credit note that is not cancelled.
fn oldest(notes: impl Iterator<Item = SalesInvoice>) -> Option<SalesInvoice> {
    let counts = |note: &SalesInvoice| {
        note.sales_invoice_type == Some(InvoiceType::CreditNote) && note.status != InvoiceStatus::Cancelled
    };
    notes.filter(counts).min_by(|a, b| by_age(&a.id, &b.id))
}

/// The record as it is: a list may answer an old version, and leaves out the rows.
async fn read(session: &Session<'_>, id: &str) -> Result<SalesInvoice, CallError> {
    let found = session.find(READ, "salesInvoice", id).await?;
    found.ok_or_else(|| unmapped(format!("invoice or credit note {id} is not there any more")))
}

/// The invoice, if a credit note can be written on it.
async fn creditable(
    session: &Session<'_>,
    owed: &Owed<'_>,
    job: &Job<'_>,
) -> Result<SalesInvoice, CallError> {
    let invoice = read(session, owed.invoice.as_str()).await?;
    let name = invoice.invoice_number.as_deref().unwrap_or(&invoice.id);
    let (amount, way) = (owed.amount, settles(job));
    let title = match &invoice.status {
        InvoiceStatus::DocumentCreated | InvoiceStatus::OpenItemCreated | InvoiceStatus::EntryCompleted => {
            if comes_to(&invoice).is_none_or(|gross| amount.amount() <= gross) {
                return Ok(invoice);
            }
            format!(
                "{amount} went back, which is more than invoice {name} comes to. Credit it by hand, {way}"
            )
        }
        InvoiceStatus::Cancelled => format!(
            "{amount} went back, but invoice {name} is cancelled. Decide whether anything is left to be credited; {way}"
        ),
        InvoiceStatus::New | InvoiceStatus::Other(_) => format!(
            "{amount} went back, but invoice {name} has the status {}, and so cannot be credited. Take it to its open \
             item and replay, or credit it by hand; {way}",
            invoice.status.as_str()
        ),
    };
    Err(refused(READ, "invoice", title))
}

/// A new draft over the rows of the invoice that are credited; over all of it where none is.
async fn create(
    session: &Session<'_>,
    invoice: &SalesInvoice,
    rows: &[Row],
) -> Result<SalesInvoice, CallError> {
    let body = CreditedItems { item_ids: rows.iter().filter_map(|row| row.credits.as_deref()).collect() };
    let call = "POST /salesInvoice/id/{id}/createCreditNote";
    session.act_with(call, "salesInvoice", &invoice.id, "createCreditNote", &body).await
}

/// Writes key and rows, in one call: from then on the credit note is found by its key.
async fn write(
    session: &Session<'_>,
    owed: &Owed<'_>,
    rows: &[Row],
    ids: &BTreeMap<String, DocumentId>,
    note: SalesInvoice,
) -> Result<SalesInvoice, CallError> {
    // Amounts of credit notes are positive. Should a tenant's be negative, prices take after them.
    let sign = if note.gross_amount.is_some_and(|gross| gross.0 < Decimal::ZERO) {
        -Decimal::ONE
    } else {
        Decimal::ONE
    };
    let id = |number: &str| ids.get(number).map(ToString::to_string).unwrap_or_default();
    let (carriage, items): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.is_carriage);
    let mut kept = Kept::default();
    let items = items.iter().zip(1_u32..).map(|(row, position)| CreditRow {
        id: kept.item(&note.sales_invoice_items, row, &id(&row.article)),
        article_id: id(&row.article),
        title: row.title.clone(),
        position_number: position,
        quantity: Number(row.quantity),
        manual_quantity: true,
        unit_price: Number(row.unit_price * sign),
        manual_unit_price: true,
        tax_id: row.tax.clone(),
    });
    let sales_invoice_items = items.collect();
    let carriage = carriage.iter().map(|row| CarriageRow {
        id: kept.carriage(&note.shipping_cost_items, &id(&row.article)),
        article_id: id(&row.article),
        unit_price: Number(row.unit_price * sign),
        manual_unit_price: true,
        tax_id: row.tax.clone(),
    });
    let carriage: Vec<CarriageRow> = carriage.collect();
    let content = CreditContent {
        version: &note.version,
        commission: &owed.key,
        // Else the sales order would be taken for one that is still to be invoiced.
        credit_resets_order_state: false,
        sales_invoice_items,
        shipping_cost_items: (!note.shipping_cost_items.is_empty() || !carriage.is_empty())
            .then_some(carriage),
    };
    session.change(WRITE, "salesInvoice", &note.id, &content).await
}

/// Rows of the draft that stay; all others go, because lists are replaced.
#[derive(Default)]
struct Kept(BTreeSet<String>);

impl Kept {
    /// The draft's row that credits the same row of the invoice, or the same article where it does not say which.
    fn item(&mut self, there: &[InvoiceRow], row: &Row, article: &str) -> Option<String> {
        let credits = row.credits.as_deref()?;
        let free = || there.iter().filter(|item| !self.0.contains(&item.id));
        let named = free().find(|item| item.credited_invoice_item_id.as_deref() == Some(credits));
        let alike = || {
            free().find(|item| {
                item.credited_invoice_item_id.is_none() && item.article_id.as_deref() == Some(article)
            })
        };
        let id = named.or_else(alike)?.id.clone();
        self.0.insert(id.clone());
        Some(id)
    }

    fn carriage(&mut self, there: &[InvoiceRow], article: &str) -> Option<String> {
        let fits =
            |row: &&InvoiceRow| row.article_id.as_deref() == Some(article) && !self.0.contains(&row.id);
        let id = there.iter().find(fits)?.id.clone();
        self.0.insert(id.clone());
        Some(id)
    }
}

/// What it comes to with tax, whatever sign the tenant gives it.
fn comes_to(note: &SalesInvoice) -> Option<Decimal> {
    note.gross_amount.map(|gross| gross.0.abs())
}

/// Whether a draft has key and amount: then it was checked, or a person has put it right.
fn is_done(draft: &SalesInvoice, owed: &Owed<'_>) -> bool {
    draft.commission.as_deref() == Some(owed.key.as_str()) && comes_to(draft) == Some(owed.amount.amount())
}

fn check(note: SalesInvoice, owed: &Owed<'_>, job: &Job<'_>) -> Result<SalesInvoice, CallError> {
    match comes_to(&note) {
        Some(there) if there == owed.amount.amount() => Ok(note),
        there => {
            let there =
                there.map_or("no amount".to_owned(), |n| Money::new(n, owed.order.currency).to_string());
            let (id, amount, way) = (&note.id, owed.amount, settles(job));
            Err(unmapped(format!(
                "credit note {id} is a draft over {there}, but {amount} went back in the shop. Correct it in the ERP to \
                 that amount and replay, or finish it there by hand; {way}"
            )))
        }
    }
}

/// NEW → DOCUMENT_CREATED (final number and PDF) → OPEN_ITEM_CREATED, from wherever it stands. For credit notes the last step
/// is an action.
async fn finished(
    session: &Session<'_>,
    job: &Job<'_>,
    mut note: SalesInvoice,
) -> Result<SalesInvoice, CallError> {
    if note.status == InvoiceStatus::New {
        let change = StatusChange { version: &note.version, status: InvoiceStatus::DocumentCreated };
        note = session.change(WRITE, "salesInvoice", &note.id, &change).await?;
    }
    if note.status == InvoiceStatus::DocumentCreated {
        let body = ClearCredit { clear_credit_note: clears(job) };
        let call = "POST /salesInvoice/id/{id}/createCreditNoteOpenItem";
        note = session.act_with(call, "salesInvoice", &note.id, "createCreditNoteOpenItem", &body).await?;
    }
    if note.status == InvoiceStatus::DocumentCreated {
        // What the action answers may be older than what it did.
        note = read(session, &note.id).await?;
    }
    match &note.status {
        InvoiceStatus::OpenItemCreated | InvoiceStatus::EntryCompleted => Ok(note),
        InvoiceStatus::New
        | InvoiceStatus::DocumentCreated
        | InvoiceStatus::Cancelled
        | InvoiceStatus::Other(_) => {
            let (id, status) = (&note.id, note.status.as_str());
            Err(unmapped(format!("credit note {id} stays {status} and gets no open item")))
        }
    }
}

/// Money that came in has gone back as money: the bookkeeper finds it on the bank's statement and puts it to the open credit
/// note. Where none came in, less is owed: the credit note is cleared against the invoice.
fn clears(job: &Job<'_>) -> bool {
    !job.order
        .facts
        .payments
        .values()
        .filter_map(Told::current)
        .any(|payment| payment.amount.amount() > Decimal::ZERO)
}
