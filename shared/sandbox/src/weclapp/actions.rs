//! The actions on sales orders, invoices and open items, and what the warehouse does.

use super::books::{Books, INVOICE_STATUS, SHIPMENT_STATUS, Shipment};
use super::parse::{self, Object};
use super::properties::{SALES_INVOICE, SHIPMENT};
use super::refusal::Refusal;

/// What an action answers, and the record it made, if it made one.
pub(crate) struct Done {
    /// The record.
    pub(crate) text: String,
    /// A new shipment, for the warehouse.
    pub(crate) shipment: Option<u64>,
}

impl Books {
    /// `POST /salesOrder/id/{id}/<action>`.
    pub(crate) fn act_on_order(&mut self, id: u64, action: &str, body: &[u8]) -> Result<Done, Refusal> {
        let sent = parse::object(body)?;
        let order = self.orders.get(&id).ok_or_else(|| Refusal::not_found("salesOrder"))?;
        let (payment, cancelled) = (order.payment, order.status == "CANCELLED");
        let allowed: &[&str] = match action {
            "createShipment" | "createSalesInvoice" => &["additionalSalesOrderIds", "customAttributes"],
            "createPrepaymentFinalInvoice" => &["customAttributes"],
            _ => &[],
        };
        only(&sent, allowed)?;
        if cancelled {
            return Err(Refusal::consistency("the order is cancelled", "status"));
        }
        let mut shipment = None;
        let text = match (action, payment) {
            ("createShipment", _) => {
                let made = self.new_shipment(id);
                shipment = Some(made);
                self.render_head("shipment", made)
            }
            ("createSalesInvoice", "PREPAYMENT") => {
                return Err(Refusal::consistency(
                    "a prepayment order needs a final invoice",
                    "salesOrderPaymentType",
                ));
            }
            ("createSalesInvoice", _) => {
                let made = self.new_invoice(id, "STANDARD_INVOICE", "NEW");
                self.render_head("salesInvoice", made)
            }
            ("createPrepaymentFinalInvoice", "PREPAYMENT") => {
                let made = self.new_invoice(id, "FINAL_INVOICE", "NEW");
                self.render_head("salesInvoice", made)
            }
            ("createPrepaymentFinalInvoice", _) => {
                return Err(Refusal::consistency("this is no prepayment order", "salesOrderPaymentType"));
            }
            ("cancelOrManuallyClose" | "manuallyClose", _) => self.close_order(id, action == "manuallyClose"),
            _ => return Err(Refusal::not_found(action)),
        };
        let text = text.ok_or_else(|| Refusal::not_found("salesOrder"))?;
        Ok(Done { text, shipment })
    }

    /// Cancelled where nothing hangs on it, closed where something does.
    fn close_order(&mut self, id: u64, manually: bool) -> Option<String> {
        let now = self.tick();
        let order = self.orders.get_mut(&id)?;
        let has_documents = !order.shipments.is_empty() || !order.invoices.is_empty();
        order.status = if has_documents || manually { "MANUALLY_CLOSED" } else { "CANCELLED" };
        order.version += 1;
        order.modified = now;
        self.render("salesOrder", id)
    }

    fn new_shipment(&mut self, order: u64) -> u64 {
        let (id, created) = (self.next_id(), self.tick());
        let status = "NEW";
        let (version, packed, part) = (0, None, false);
        let made = Shipment { id, version, order, status, created, modified: created, packed, part };
        self.shipments.insert(id, made);
        if let Some(order) = self.orders.get_mut(&order) {
            order.shipments.push(id);
            if order.payment == "PREPAYMENT" && !order.advance_paid {
                self.unpaid_shipments += 1;
            }
        }
        id
    }

    /// `PUT /shipment/id/{id}`: a shipment that has not left is printed or cancelled.
    pub(crate) fn change_shipment(&mut self, id: u64, body: &[u8]) -> Result<String, Refusal> {
        let sent = parse::object(body)?;
        let shipment = self.shipments.get(&id).ok_or_else(|| Refusal::not_found("shipment"))?;
        parse::only_known(&sent, &SHIPMENT, "")?;
        parse::check_version(&sent, shipment.version)?;
        let status = parse::word(&sent, "status", SHIPMENT_STATUS)?.unwrap_or(shipment.status);
        let possible = match (shipment.status, status) {
            (before, after) if before == after => true,
            ("NEW" | "DELIVERY_NOTE_PRINTED", "CANCELLED") | ("NEW", "DELIVERY_NOTE_PRINTED") => true,
            _ => false,
        };
        if !possible {
            return Err(Refusal::consistency("this status does not follow the one before", "status"));
        }
        let now = self.tick();
        if let Some(shipment) = self.shipments.get_mut(&id) {
            shipment.status = status;
            shipment.version += 1;
            shipment.modified = now;
        }
        self.render_head("shipment", id).ok_or_else(|| Refusal::not_found("shipment"))
    }

    /// The warehouse has packed it and the carrier has it. `false` if it was gone already, or cancelled. That its order was
    /// cancelled, the warehouse does not see.
    pub(crate) fn ship(&mut self, shipment: u64) -> bool {
        let now = self.tick();
        let waits = |shipment: &&mut Shipment| matches!(shipment.status, "NEW" | "DELIVERY_NOTE_PRINTED");
        let Some(shipment) = self.shipments.get_mut(&shipment).filter(waits) else {
            return false;
        };
        shipment.status = "SHIPPED";
        shipment.version += 1;
        shipment.modified = now;
        let order = shipment.order;
        let all_left = self.waiting(order).is_none();
        if let Some(order) = self.orders.get_mut(&order) {
            order.shipped = all_left;
            order.modified = now;
            if matches!(order.status, "CANCELLED" | "MANUALLY_CLOSED") {
                self.shipped_after_cancel += 1;
            }
        }
        true
    }

    /// `PUT /salesInvoice/id/{id}`: the way of its status, NEW → DOCUMENT_CREATED → OPEN_ITEM_CREATED.
    pub(crate) fn change_invoice(&mut self, id: u64, body: &[u8]) -> Result<String, Refusal> {
        let sent = parse::object(body)?;
        let invoice = self.invoices.get(&id).ok_or_else(|| Refusal::not_found("salesInvoice"))?;
        parse::only_known(&sent, &SALES_INVOICE, "")?;
        parse::check_version(&sent, invoice.version)?;
        let status = parse::word(&sent, "status", INVOICE_STATUS)?.unwrap_or(invoice.status);
        let is_credit = invoice.credit.is_some();
        let possible = match (invoice.status, status) {
            (before, after) if before == after => true,
            ("NEW", "DOCUMENT_CREATED") => true,
            // Of a credit note, `createCreditNoteOpenItem` does that.
            ("DOCUMENT_CREATED", "OPEN_ITEM_CREATED") => !is_credit,
            ("OPEN_ITEM_CREATED", "ENTRY_COMPLETED") => true,
            _ => false,
        };
        if !possible {
            return Err(Refusal::consistency("this status does not follow the one before", "status"));
        }
        self.change_draft(id, &sent)?;
        let invoice = self.invoices.get(&id).ok_or_else(|| Refusal::not_found("salesInvoice"))?;
        if status == "DOCUMENT_CREATED" {
            self.check_credit(invoice)?;
        }
        let needs_open_item = status == "OPEN_ITEM_CREATED" && invoice.open_item.is_none();
        let (order, is_prepayment, now) = (invoice.order, invoice.kind == "PREPAYMENT_INVOICE", self.tick());
        if needs_open_item {
            self.open_item_for(id);
        }
        if let Some(invoice) = self.invoices.get_mut(&id) {
            invoice.status = status;
            invoice.version += 1;
            invoice.modified = now;
        }
        if let Some(order) =
            self.orders.get_mut(&order).filter(|_| status == "OPEN_ITEM_CREATED" && !is_prepayment)
        {
            order.invoiced = true;
        }
        let text =
            if is_credit { self.render("salesInvoice", id) } else { self.render_head("salesInvoice", id) };
        text.ok_or_else(|| Refusal::not_found("salesInvoice"))
    }

    /// `POST /salesOpenItem/id/{id}/updatePaymentState`.
    pub(crate) fn update_payment(&mut self, id: u64, body: &[u8]) -> Result<String, Refusal> {
        let sent = parse::object(body)?;
        only(&sent, &["paymentState", "datePaid"])?;
        let item = self.open_items.get(&id).ok_or_else(|| Refusal::not_found("salesOpenItem"))?;
        if self.invoices.get(&item.invoice).is_some_and(|invoice| invoice.status == "CANCELLED") {
            return Err(Refusal::consistency("the invoice is cancelled", "paymentState"));
        }
        let state = parse::word(&sent, "paymentState", &["PAID", "UNPAID"])?;
        let state = state.ok_or_else(|| Refusal::missing("paymentState"))?;
        let date =
            sent.get("datePaid").map(|date| date.as_u64().ok_or_else(|| Refusal::value_type("datePaid")));
        self.set_paid(id, state == "PAID", date.transpose()?);
        self.render("salesOpenItem", id).ok_or_else(|| Refusal::not_found("salesOpenItem"))
    }

    fn set_paid(&mut self, item: u64, paid: bool, date: Option<u64>) {
        let now = self.tick();
        let Some(item) = self.open_items.get_mut(&item) else { return };
        item.paid_at = paid.then(|| date.unwrap_or(now));
        item.version += 1;
        item.modified = now;
        let Some(invoice) = self.invoices.get_mut(&item.invoice) else { return };
        invoice.paid = paid;
        invoice.version += 1;
        invoice.modified = now;
        if invoice.kind != "PREPAYMENT_INVOICE" {
            return;
        }
        if let Some(order) = self.orders.get_mut(&invoice.order) {
            order.advance_paid = paid;
            order.version += 1;
            order.modified = now;
        }
    }

    /// The bookkeeper finds the money on the bank's statement. The order, by our key or by its id; `None` if there is
    /// none with a prepayment to pay.
    pub(crate) fn pay(&mut self, order: &str) -> Option<u64> {
        let by_key = self.order_by_key.get(order).and_then(|ids| ids.first()).copied();
        let id = by_key.or_else(|| order.parse().ok())?;
        let item = self.live_prepayment(id)?.open_item?;
        self.set_paid(item, true, None);
        Some(id)
    }
}

/// Refuses particulars an action does not have.
pub(crate) fn only(sent: &Object, allowed: &[&str]) -> Result<(), Refusal> {
    match sent.keys().find(|name| !allowed.contains(&name.as_str())) {
        Some(unknown) => Err(Refusal::unknown_property(unknown)),
        None => Ok(()),
    }
}
