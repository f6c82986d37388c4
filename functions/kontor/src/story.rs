//! What came of a demo's orders: a row each, and the ERP's books beside them.

use std::collections::BTreeMap;

use kontor_domain::PlacedOrder;
use kontor_flow::{Order, StepResult, TimelineEntry};
use kontor_sandbox::weclapp::{Document, Report};
use serde::Serialize;

use crate::demo::Check;

/// The head of the table.
pub(crate) const HEAD: [&str; 10] =
    ["order", "shop", "total", "payment", "ERP order", "shipment", "invoice", "calls", "time", "status"];

/// What the ERP holds for an order.
#[derive(Debug, Default, Clone)]
pub(crate) struct Documents {
    orders: Vec<String>,
    shipments: Vec<String>,
    invoices: Vec<String>,
}

/// An order of the demo, by what Kontor and the ERP know.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    order: String,
    shop: String,
    total: String,
    payment: String,
    erp_order: String,
    shipment: String,
    invoice: String,
    calls: u32,
    seconds: String,
    status: &'static str,
}

/// The ERP's documents by order key. Prepayment invoices are left out: they are requests for money.
pub(crate) fn documents(report: &Report) -> BTreeMap<String, Documents> {
    let mut all: BTreeMap<String, Documents> = BTreeMap::new();
    let key = |document: &Document| document.order_key.clone().unwrap_or_default();
    for document in &report.sales_orders {
        all.entry(key(document)).or_default().orders.push(document.number.clone());
    }
    for document in &report.shipments {
        all.entry(key(document)).or_default().shipments.push(document.number.clone());
    }
    for document in report.invoices.iter().filter(|d| d.kind != "PREPAYMENT_INVOICE") {
        all.entry(key(document)).or_default().invoices.push(document.number.clone());
    }
    all
}

impl Row {
    /// The row of an order.
    pub(crate) fn of(order: &Order, documents: &BTreeMap<String, Documents>) -> Self {
        let parts = order.facts.order().map(PlacedOrder::parts);
        let of_erp = documents.get(&order.key.to_string()).cloned().unwrap_or_default();
        let took = order.updated_at.duration_since(order.first_seen);
        Self {
            order: parts.map_or_else(|| order.key.order.to_string(), |parts| parts.number.to_string()),
            shop: order.key.shop.to_string(),
            total: parts.map(|p| p.total.to_string()).unwrap_or_default(),
            payment: parts.map(|p| p.payment.terms.as_str().to_owned()).unwrap_or_default(),
            erp_order: of_erp.orders.join(" "),
            shipment: of_erp.shipments.join(" "),
            invoice: of_erp.invoices.join(" "),
            calls: order.facts.calls(),
            seconds: format!("{}.{:02} s", took.as_secs(), took.subsec_millis() / 10),
            status: order.status.as_str(),
        }
    }

    /// As cells of the table.
    pub(crate) fn cells(&self) -> Vec<String> {
        vec![
            self.order.clone(),
            self.shop.clone(),
            self.total.clone(),
            self.payment.clone(),
            self.erp_order.clone(),
            self.shipment.clone(),
            self.invoice.clone(),
            self.calls.to_string(),
            self.seconds.clone(),
            self.status.to_owned(),
        ]
    }
}

/// Compares Kontor's word with the ERP's own count: one document of each kind per order, shipped if there is anything to
/// ship, and worth what the shop said.
pub(crate) fn check_books(checks: &mut Vec<Check>, told: &[(Order, Vec<TimelineEntry>)], report: &Report) {
    let mut check = |sentence: &str, holds| checks.push(Check { sentence: sentence.to_owned(), holds });
    let of_erp = documents(report);
    let none = Documents::default();
    let documents = |order: &Order| of_erp.get(&order.key.to_string()).unwrap_or(&none);
    check("the ERP has one sales order per order", told.iter().all(|(o, _)| documents(o).orders.len() == 1));
    check("the ERP has one invoice per order", told.iter().all(|(o, _)| documents(o).invoices.len() == 1));
    let as_ordered = told.iter().all(|(order, _)| {
        let physical = order.facts.order().is_some_and(PlacedOrder::is_physical);
        documents(order).shipments.len() == usize::from(physical)
    });
    check("the ERP has one shipment per order with anything to ship, and none else", as_ordered);
    check("the ERP has no document twice", report.doubled.is_empty());
    check("the ERP has no sales order that no shop placed", report.sales_orders.len() == told.len());
    check("nothing unpaid was shipped on prepayment", report.unpaid_shipments == 0);
    let adds_up = told.iter().all(|(order, _)| {
        let total = order.facts.order().map(|o| o.parts().total);
        order.facts.finished.values().flatten().all(|finish| match &finish.result {
            StepResult::SalesOrder { total: Some(in_erp), .. } => total == Some(*in_erp),
            StepResult::SalesOrder { total: None, .. }
            | StepResult::Customer { .. }
            | StepResult::PaymentBooked { .. }
            | StepResult::Shipment { .. }
            | StepResult::Invoice { .. }
            | StepResult::Updated { .. }
            | StepResult::Credited { .. }
            | StepResult::Settled { .. }
            | StepResult::Told
            | StepResult::Mailed { .. }
            | StepResult::Cancelled { .. }
            | StepResult::Passed
            | StepResult::Withdrawn => true,
        })
    });
    check("the ERP reckons every order to the shop's total", adds_up);
}
