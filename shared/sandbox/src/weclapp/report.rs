//! What came out: the documents with our keys, doubled ones, and every call that was made.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::Inner;
use super::books::{Books, Invoice, SalesOrder, amount};

/// One document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// Its id.
    pub id: String,
    /// Its number.
    pub number: String,
    /// The key of the order it belongs to: `orderNumberAtCustomer`.
    pub order_key: Option<String>,
    /// Its status.
    pub status: String,
    /// What it is worth, with tax.
    pub gross: String,
    /// What kind it is, for invoices.
    pub kind: String,
}

/// A credit note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditNote {
    /// Its id.
    pub id: String,
    /// Its number.
    pub number: String,
    /// The key of the order it belongs to.
    pub order_key: Option<String>,
    /// The id of the invoice it is of.
    pub invoice: String,
    /// Its status.
    pub status: String,
    /// What it comes to, with tax.
    pub gross: String,
    /// What it carries in `commission`.
    pub commission: Option<String>,
}

/// Documents that are there more than once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Doubled {
    /// What kind: `customer`, `sales_order`, `shipment`, `invoice`, `prepayment_invoice` (that were not
    /// cancelled), `credit_note`.
    pub kind: String,
    /// The order's key, or the id of the first customer.
    pub key: String,
    /// How many.
    pub count: usize,
}

/// What is in the books, and how it came there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Customers.
    pub customers: usize,
    /// Sales orders that are not cancelled, by the order's key.
    pub sales_orders: Vec<Document>,
    /// Shipments.
    pub shipments: Vec<Document>,
    /// Invoices, prepayment invoices among them.
    pub invoices: Vec<Document>,
    /// Credit notes that are not cancelled.
    pub credit_notes: Vec<CreditNote>,
    /// Invoices that are not cancelled and come to another amount than their sales order.
    pub misfit_invoices: Vec<Document>,
    /// Sales orders that were cancelled or closed by hand.
    pub cancelled: Vec<Document>,
    /// Orders of which there is more than one document of a kind.
    pub doubled: Vec<Doubled>,
    /// Shipments of prepayment orders that were not paid.
    pub unpaid_shipments: u64,
    /// Shipments that left although their sales order was cancelled or closed by hand before.
    pub shipped_after_cancel: u64,
    /// Calls by method and path, as in `POST /salesOrder/id/{id}/createShipment`.
    pub calls: BTreeMap<String, u64>,
    /// Calls that were refused with a 4xx of the stand-in's own.
    pub refused: u64,
    /// Calls that were not answered properly because a switch said so.
    pub faults: u64,
    /// Webhooks that were taken.
    pub webhooks_sent: u64,
    /// Webhooks that nobody took.
    pub webhooks_failed: u64,
    /// Requests that are against the contract.
    pub contract_violations: Vec<String>,
}

impl Report {
    /// All calls together.
    #[must_use]
    pub fn calls_made(&self) -> u64 {
        self.calls.values().sum()
    }
}

/// What is counted while serving.
#[derive(Default)]
pub(crate) struct Tally {
    calls: HashMap<Box<str>, u64>,
    pub(crate) refused: u64,
    pub(crate) faults: u64,
    pub(crate) webhooks_sent: u64,
    pub(crate) webhooks_failed: u64,
    pub(crate) violations: Vec<String>,
}

impl Tally {
    /// Counts a call.
    pub(crate) fn called(&mut self, call: &str) {
        match self.calls.get_mut(call) {
            Some(count) => *count += 1,
            None => drop(self.calls.insert(call.into(), 1)),
        }
    }
}

impl Inner {
    /// What is in the books, and how it came there.
    pub(crate) fn report(&self) -> Report {
        let mut report = self.books().documents();
        let tally = self.tally();
        report.calls = tally.calls.iter().map(|(call, count)| (call.to_string(), *count)).collect();
        (report.refused, report.faults) = (tally.refused, tally.faults);
        (report.webhooks_sent, report.webhooks_failed) = (tally.webhooks_sent, tally.webhooks_failed);
        report.contract_violations.clone_from(&tally.violations);
        report
    }
}

impl Books {
    fn documents(&self) -> Report {
        let mut report = Report {
            customers: self.parties.len(),
            unpaid_shipments: self.unpaid_shipments,
            shipped_after_cancel: self.shipped_after_cancel,
            doubled: self.doubled(),
            ..Report::default()
        };
        let mut orders: Vec<&SalesOrder> = self.orders.values().collect();
        orders.sort_unstable_by_key(|order| order.id);
        for order in orders {
            let over = matches!(order.status, "CANCELLED" | "MANUALLY_CLOSED");
            let list = if over { &mut report.cancelled } else { &mut report.sales_orders };
            list.push(document(order, order.id, order.number.to_string(), order.status, ""));
            for shipment in order.shipments.iter().filter_map(|id| self.shipments.get(id)) {
                let number = format!("LS-{}", shipment.id);
                report.shipments.push(document(order, shipment.id, number, shipment.status, ""));
            }
            for invoice in order.invoices.iter().filter_map(|id| self.invoices.get(id)) {
                report.add_invoice(order, invoice);
            }
        }
        report
    }

    fn doubled(&self) -> Vec<Doubled> {
        let several = |kind: &str, key: &str, count: usize| {
            (count > 1).then(|| Doubled { kind: kind.to_owned(), key: key.to_owned(), count })
        };
        let customers = self.party_by_email.values().filter_map(|ids| {
            several("customer", &ids.first().map(ToString::to_string).unwrap_or_default(), ids.len())
        });
        let orders = self.order_by_key.iter().flat_map(|(key, ids)| {
            let live: Vec<&SalesOrder> = ids
                .iter()
                .filter_map(|id| self.orders.get(id))
                .filter(|order| order.status != "CANCELLED")
                .collect();
            let shipments = live.iter().flat_map(|order| &order.shipments);
            let shipments = shipments.filter_map(|id| self.shipments.get(id));
            let shipments = shipments.filter(|one| one.status != "CANCELLED" && !one.part).count();
            let invoices =
                live.iter().flat_map(|order| &order.invoices).filter_map(|id| self.invoices.get(id));
            let counts = |invoice: &&Invoice| !matches!(invoice.kind, "PREPAYMENT_INVOICE" | "CREDIT_NOTE");
            let (invoices, prepayments) = (
                invoices.clone().filter(counts).count(),
                invoices.filter(|invoice| invoice.asks_for_prepayment()).count(),
            );
            [
                ("sales_order", live.len()),
                ("shipment", shipments),
                ("invoice", invoices),
                ("prepayment_invoice", prepayments),
            ]
            .into_iter()
            .filter_map(move |(kind, count)| several(kind, key, count))
        });
        let mut credits: BTreeMap<(u64, &str), usize> = BTreeMap::new();
        for note in self.credit_notes.iter().filter_map(|id| self.invoices.get(id)) {
            let key = note.credit.as_ref().and_then(|credit| credit.commission.as_deref());
            if let Some(key) = key.filter(|_| note.status != "CANCELLED") {
                *credits.entry((note.order, key)).or_default() += 1;
            }
        }
        let credits = credits.into_iter().filter_map(|((_, key), count)| several("credit_note", key, count));
        let mut doubled: Vec<Doubled> = customers.chain(orders).chain(credits).collect();
        doubled.sort_unstable();
        doubled
    }
}

impl Report {
    fn add_invoice(&mut self, order: &SalesOrder, invoice: &Invoice) {
        let gross = amount(invoice.gross).to_string();
        let told = document(order, invoice.id, invoice.number(), invoice.status, invoice.kind);
        let told = Document { gross, ..told };
        let Some(credit) = &invoice.credit else {
            if invoice.gross != order.gross && invoice.status != "CANCELLED" {
                self.misfit_invoices.push(told.clone());
            }
            self.invoices.push(told);
            return;
        };
        if invoice.status != "CANCELLED" {
            self.credit_notes.push(CreditNote {
                id: told.id,
                number: told.number,
                order_key: told.order_key,
                invoice: credit.invoice.to_string(),
                status: told.status,
                gross: told.gross,
                commission: credit.commission.as_deref().map(str::to_owned),
            });
        }
    }
}

fn document(order: &SalesOrder, id: u64, number: String, status: &str, kind: &str) -> Document {
    Document {
        id: id.to_string(),
        number,
        order_key: order.key.as_deref().map(str::to_owned),
        status: status.to_owned(),
        gross: amount(order.gross).to_string(),
        kind: kind.to_owned(),
    }
}
