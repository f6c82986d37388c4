//! Sales orders that are changed: what can still be changed, rows that stay, and what is kept.

use serde_json::{Value, json};

use super::books::{Books, Invoice, SalesOrder};
use super::parse::{self, Object};
use super::refusal::Refusal;

/// The lists of rows.
const LISTS: [&str; 2] = ["orderItems", "shippingCostItems"];
/// What the server keeps apart from the properties as sent.
const KEPT_APART: &[&str] = &[
    "id",
    "version",
    "status",
    "salesOrderPaymentType",
    "orderNumber",
    "orderNumberAtCustomer",
    "customerId",
];

impl Books {
    /// A status alone. What is with the warehouse or invoiced is not opened again.
    pub(crate) fn check_status(&self, order: &SalesOrder, status: &str) -> Result<(), Refusal> {
        let opens = status == "ORDER_ENTRY_IN_PROGRESS" && order.status != status;
        if opens { self.check_follow_ups(order) } else { Ok(()) }
    }

    /// Anything else: a confirmed order is opened first, by its status alone.
    pub(crate) fn check_changeable(&self, order: &SalesOrder, status: &str) -> Result<(), Refusal> {
        if order.status != "ORDER_ENTRY_IN_PROGRESS" || status != order.status {
            return Err(Refusal::consistency(
                "only an order in entry can be changed, its status alone",
                "status",
            ));
        }
        self.check_follow_ups(order)
    }

    /// A prepayment invoice keeps its amount, whatever becomes of the order.
    fn check_follow_ups(&self, order: &SalesOrder) -> Result<(), Refusal> {
        let shipments = order.shipments.iter().filter_map(|id| self.shipments.get(id));
        let invoices = order.invoices.iter().filter_map(|id| self.invoices.get(id));
        let counts = |invoice: &&Invoice| {
            !matches!(invoice.kind, "PREPAYMENT_INVOICE" | "CREDIT_NOTE") && invoice.status != "CANCELLED"
        };
        let live = shipments.filter(|shipment| shipment.status != "CANCELLED").count();
        if live + invoices.filter(counts).count() > 0 {
            return Err(Refusal::consistency("the order has shipments or invoices", "status"));
        }
        Ok(())
    }
}

impl SalesOrder {
    /// Rows that are named by their id alone stay as they are.
    pub(crate) fn fill_kept_rows(&self, sent: &mut Object) -> Result<(), Refusal> {
        for list in LISTS {
            let Some(rows) = sent.get_mut(list).and_then(Value::as_array_mut) else { continue };
            let there = self.items(list);
            for row in rows.iter_mut().filter_map(Value::as_object_mut) {
                let Some(id) = row.get("id") else { continue };
                let kept = there.iter().find(|kept| kept.get("id") == Some(id));
                let kept = kept.ok_or_else(|| Refusal::reference(&format!("{list}.id")))?;
                for (name, value) in kept {
                    row.entry(name).or_insert_with(|| value.clone());
                }
            }
        }
        Ok(())
    }

    /// Keeps what was sent. Rows get a number where they are new.
    pub(crate) fn keep(&mut self, mut sent: Object, last_row: &mut u64) {
        sent.retain(|name, value| !KEPT_APART.contains(&name.as_str()) && !value.is_null());
        for list in LISTS {
            let rows = sent.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten();
            for row in rows.filter_map(Value::as_object_mut) {
                row.remove("version");
                row.entry("id").or_insert_with(|| {
                    *last_row += 1;
                    json!(last_row.to_string())
                });
            }
        }
        self.given = parse::inner_text(&sent);
    }

    /// Everything that can be sent, as it stands.
    pub(crate) fn whole(&self) -> Object {
        let mut whole = parse::object(format!("{{{}}}", self.given).as_bytes()).unwrap_or_default();
        whole.insert("customerId".to_owned(), Value::String(self.customer.to_string()));
        whole.insert("salesOrderPaymentType".to_owned(), Value::String(self.payment.to_owned()));
        if let Some(key) = &self.key {
            whole.insert("orderNumberAtCustomer".to_owned(), Value::String(key.to_string()));
        }
        whole
    }
}
