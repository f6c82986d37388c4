//! Credit notes: made out of an invoice, changed while they are drafts, never over more than the invoice.

use rust_decimal::Decimal;
use serde_json::Value;

use super::actions::{Done, only};
use super::books::{Books, Invoice};
use super::parse::{self, Object};
use super::properties::{SALES_INVOICE_ITEM, SALES_INVOICE_SHIPPING_COST_ITEM};
use super::refusal::Refusal;

/// What a credit note has beyond what every invoice has.
#[derive(Debug)]
pub(crate) struct Credit {
    /// The invoice it is of.
    pub(crate) invoice: u64,
    pub(crate) commission: Option<Box<str>>,
    /// Whether the order has to be invoiced again once it is booked.
    pub(crate) resets_order: bool,
    pub(crate) rows: Vec<Row>,
}

/// A row of an invoice.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) id: u64,
    /// The row of the invoice that it credits.
    pub(crate) credits: Option<u64>,
    pub(crate) carriage: bool,
    pub(crate) net: Decimal,
    pub(crate) gross: Decimal,
    /// The properties as sent or taken over.
    pub(crate) given: Object,
}

impl Row {
    /// Whether it is the one of that id.
    fn is(&self, id: &Value) -> bool {
        id.as_str().and_then(|id| id.parse().ok()) == Some(self.id)
    }
}

/// Statuses of an invoice that is written.
const WRITTEN: &[&str] = &["DOCUMENT_CREATED", "OPEN_ITEM_CREATED", "ENTRY_COMPLETED"];

impl Books {
    /// `POST /salesInvoice/id/{id}/<action>`.
    pub(crate) fn act_on_invoice(&mut self, id: u64, action: &str, body: &[u8]) -> Result<Done, Refusal> {
        let sent = parse::object(body)?;
        if !self.invoices.contains_key(&id) {
            return Err(Refusal::not_found("salesInvoice"));
        }
        let made = match action {
            "createCreditNote" => self.create_credit_note(id, &sent)?,
            "createCreditNoteOpenItem" => self.book_credit_note(id, &sent)?,
            "cancel" => self.cancel_invoice(id, &sent)?,
            _ => return Err(Refusal::not_found(action)),
        };
        let text = self.render("salesInvoice", made).ok_or_else(|| Refusal::not_found("salesInvoice"))?;
        Ok(Done { text, shipment: None })
    }

    fn create_credit_note(&mut self, id: u64, sent: &Object) -> Result<u64, Refusal> {
        only(sent, &["customAttributes", "itemIds"])?;
        let invoice = self.invoices.get(&id).ok_or_else(|| Refusal::not_found("salesInvoice"))?;
        if invoice.credit.is_some() || !WRITTEN.contains(&invoice.status) {
            return Err(Refusal::consistency("only an invoice with a document can be credited", "status"));
        }
        let named = match sent.get("itemIds") {
            None | Some(Value::Null) => None,
            Some(Value::Array(ids)) => Some(ids),
            Some(_) => return Err(Refusal::value_type("itemIds")),
        };
        let all = self.rows_of(invoice);
        let known = |id: &Value| all.iter().any(|row| !row.carriage && row.is(id));
        if named.is_some_and(|ids| ids.is_empty() || !ids.iter().all(known)) {
            return Err(Refusal::reference("itemIds"));
        }
        let order = invoice.order;
        // Carriage comes along only where everything does.
        let chosen = |row: &Row| named.is_none_or(|ids| ids.iter().any(|id| row.is(id)));
        let mut rows: Vec<Row> = all.into_iter().filter(chosen).collect();
        for row in &mut rows {
            self.rows += 1;
            (row.credits, row.id) = (Some(row.id).filter(|_| !row.carriage), self.rows);
        }
        let commission = self.orders.get(&order).and_then(|order| {
            let given = parse::object(format!("{{{}}}", order.given).as_bytes()).ok()?;
            given.get("commission").and_then(Value::as_str).map(Box::from)
        });
        let made = self.new_invoice(order, "CREDIT_NOTE", "NEW");
        if let Some(note) = self.invoices.get_mut(&made) {
            note.credit = Some(Box::new(Credit { invoice: id, commission, resets_order: true, rows }));
            note.add_up();
        }
        self.credit_notes.push(made);
        Ok(made)
    }

    fn book_credit_note(&mut self, id: u64, sent: &Object) -> Result<u64, Refusal> {
        only(sent, &["clearCreditNote"])?;
        let clear = sent.get("clearCreditNote").ok_or_else(|| Refusal::missing("clearCreditNote"))?;
        let clear = clear.as_bool().ok_or_else(|| Refusal::value_type("clearCreditNote"))?;
        let note = self.invoices.get(&id).ok_or_else(|| Refusal::not_found("salesInvoice"))?;
        let Some(credit) = &note.credit else {
            return Err(Refusal::consistency("this is no credit note", "salesInvoiceType"));
        };
        if note.status != "DOCUMENT_CREATED" {
            return Err(Refusal::consistency(
                "the credit note has no document, or is booked already",
                "status",
            ));
        }
        let (order, resets) = (note.order, credit.resets_order);
        if clear && self.invoices.get(&credit.invoice).is_some_and(|invoice| invoice.paid) {
            return Err(Refusal::consistency("the invoice is paid already", "clearCreditNote"));
        }
        self.open_item_for(id);
        let now = self.tick();
        if let Some(note) = self.invoices.get_mut(&id) {
            (note.status, note.paid) = ("OPEN_ITEM_CREATED", clear);
            note.version += 1;
            note.modified = now;
        }
        if let Some(order) = self.orders.get_mut(&order).filter(|_| resets) {
            order.invoiced = false;
        }
        Ok(id)
    }

    fn cancel_invoice(&mut self, id: u64, sent: &Object) -> Result<u64, Refusal> {
        only(sent, &["cancellationDate"])?;
        let now = self.tick();
        let invoice = self.invoices.get_mut(&id).ok_or_else(|| Refusal::not_found("salesInvoice"))?;
        if invoice.paid || invoice.status == "CANCELLED" {
            return Err(Refusal::consistency("what is paid or cancelled can't be cancelled", "status"));
        }
        invoice.status = "CANCELLED";
        invoice.version += 1;
        invoice.modified = now;
        let order = invoice.order;
        if let Some(order) = self.orders.get_mut(&order) {
            order.version += 1;
            order.modified = now;
        }
        Ok(id)
    }

    /// What a change of an invoice says beyond its status: drafts of credit notes take it, everything else is written.
    pub(crate) fn change_draft(&mut self, id: u64, sent: &Object) -> Result<(), Refusal> {
        if sent.keys().all(|name| matches!(name.as_str(), "id" | "version" | "status")) {
            return Ok(());
        }
        let invoice = self.invoices.get(&id).ok_or_else(|| Refusal::not_found("salesInvoice"))?;
        let Some(credit) = invoice.credit.as_ref().filter(|_| invoice.status == "NEW") else {
            return Err(Refusal::consistency("the document is written already", "status"));
        };
        let with_tax = self.orders.get(&invoice.order).is_some_and(super::books::SalesOrder::with_tax);
        let mut rows = Vec::new();
        let mut last = self.rows;
        for (list, carriage) in [("salesInvoiceItems", false), ("shippingCostItems", true)] {
            let kept = || credit.rows.iter().filter(move |row| row.carriage == carriage);
            if !sent.contains_key(list) {
                rows.extend(kept().cloned());
            }
            for item in parse::objects(sent, list)? {
                let before = match item.get("id") {
                    None => None,
                    Some(id) => Some(
                        kept()
                            .find(|row| row.is(id))
                            .ok_or_else(|| Refusal::reference(&format!("{list}.id")))?,
                    ),
                };
                rows.push(self.changed_row(before, item, (list, carriage, with_tax), &mut last)?);
            }
        }
        let commission = match sent.get("commission") {
            None => credit.commission.clone(),
            Some(_) => parse::text(sent, "commission", 255)?.map(Box::from),
        };
        let resets = sent.get("creditResetsOrderState").and_then(Value::as_bool);
        self.rows = last;
        let Some(note) = self.invoices.get_mut(&id) else { return Ok(()) };
        if let Some(credit) = &mut note.credit {
            (credit.rows, credit.commission) = (rows, commission);
            credit.resets_order = resets.unwrap_or(credit.resets_order);
        }
        note.add_up();
        Ok(())
    }

    fn changed_row(
        &self,
        before: Option<&Row>,
        item: &Object,
        (list, carriage, with_tax): (&str, bool, bool),
        last: &mut u64,
    ) -> Result<Row, Refusal> {
        let properties = if carriage { &SALES_INVOICE_SHIPPING_COST_ITEM } else { &SALES_INVOICE_ITEM };
        let mut given = before.map(|row| row.given.clone()).unwrap_or_default();
        given.extend(item.iter().map(|(name, value)| (name.clone(), value.clone())));
        given.retain(|name, value| !matches!(name.as_str(), "id" | "version") && !value.is_null());
        let (net, gross) = self.reckon(&given, with_tax, carriage, list, properties)?;
        let id = before.map_or_else(
            || {
                *last += 1;
                *last
            },
            |row| row.id,
        );
        Ok(Row { id, credits: before.and_then(|row| row.credits), carriage, net, gross, given })
    }

    /// Whether a draft of a credit note can be written.
    pub(crate) fn check_credit(&self, note: &Invoice) -> Result<(), Refusal> {
        let Some(credit) = &note.credit else { return Ok(()) };
        if credit.rows.iter().all(|row| row.carriage) {
            return Err(Refusal::missing("salesInvoiceItems"));
        }
        let of_invoice = |other: &&Invoice| {
            other.id != note.id
                && WRITTEN.contains(&other.status)
                && other.credit.as_ref().is_some_and(|other| other.invoice == credit.invoice)
        };
        let others = self.credit_notes.iter().filter_map(|id| self.invoices.get(id)).filter(of_invoice);
        let credited: Decimal = others.map(|other| other.gross).sum::<Decimal>() + note.gross;
        let most = self.invoices.get(&credit.invoice).map_or(Decimal::ZERO, |invoice| invoice.gross);
        if credited > most || note.gross <= Decimal::ZERO {
            return Err(Refusal::consistency(
                "this is not what the invoice can be credited with",
                "grossAmount",
            ));
        }
        Ok(())
    }
}

impl Invoice {
    /// A credit note comes to what its rows come to.
    fn add_up(&mut self) {
        let Some(credit) = &self.credit else { return };
        self.net = credit.rows.iter().map(|row| row.net).sum();
        self.gross = credit.rows.iter().map(|row| row.gross).sum();
    }
}
