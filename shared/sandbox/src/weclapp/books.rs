//! The records of the stand-in, with an index for everything a connector looks for. Kept small: what was sent is kept as
//! the JSON text it will be answered with.

use std::collections::HashMap;
use std::fmt::Write as _;

use rust_decimal::Decimal;
use serde_json::Value;

use super::credits::Credit;
use super::{Options, SeedArticle};

/// Statuses of a sales order (`orderStatusType`).
pub(crate) const ORDER_STATUS: &[&str] =
    &["ORDER_ENTRY_IN_PROGRESS", "ORDER_CONFIRMATION_PRINTED", "CLOSED", "MANUALLY_CLOSED", "CANCELLED"];
/// Kinds of payment (`salesOrderPaymentType`).
pub(crate) const PAYMENT_TYPE: &[&str] =
    &["STANDARD", "PREPAYMENT", "ADVANCE_PAYMENT", "PART_PAYMENT", "COUNTER_SALES"];
/// Statuses of an invoice (`salesInvoiceStatusType`).
pub(crate) const INVOICE_STATUS: &[&str] =
    &["NEW", "DOCUMENT_CREATED", "OPEN_ITEM_CREATED", "ENTRY_COMPLETED", "CANCELLED"];
/// Statuses of a shipment (`shipmentStatusType`) that go out.
pub(crate) const SHIPMENT_STATUS: &[&str] =
    &["NEW", "DELIVERY_NOTE_PRINTED", "SHIPPED", "IN_ROUTE", "DELIVERED", "CANCELLED"];

/// The id of the carrier that takes the parcels.
pub(crate) const CARRIER: u64 = 50;
/// Currencies by id; the first is the company's.
pub(crate) const CURRENCIES: &[(u64, &str)] =
    &[(30, "EUR"), (31, "CHF"), (32, "USD"), (33, "GBP"), (34, "PLN"), (35, "DKK"), (36, "SEK"), (37, "CZK")];

/// A customer.
pub(crate) struct Party {
    pub(crate) id: u64,
    pub(crate) number: Box<str>,
    pub(crate) created: u64,
    /// The properties as sent, `"lastName":"…",…`, without number.
    pub(crate) given: Box<str>,
}

/// An article.
pub(crate) struct Article {
    pub(crate) id: u64,
    pub(crate) number: Box<str>,
    pub(crate) name: Box<str>,
    pub(crate) kind: &'static str,
    pub(crate) price: Decimal,
    pub(crate) tax: Decimal,
}

/// A sales order.
pub(crate) struct SalesOrder {
    pub(crate) id: u64,
    pub(crate) version: u32,
    pub(crate) number: Box<str>,
    pub(crate) status: &'static str,
    pub(crate) payment: &'static str,
    pub(crate) advance_paid: bool,
    pub(crate) key: Option<Box<str>>,
    pub(crate) customer: u64,
    pub(crate) net: Decimal,
    pub(crate) gross: Decimal,
    pub(crate) created: u64,
    pub(crate) modified: u64,
    pub(crate) invoiced: bool,
    pub(crate) shipped: bool,
    pub(crate) shipments: Vec<u64>,
    pub(crate) invoices: Vec<u64>,
    /// The properties as sent, without those above.
    pub(crate) given: Box<str>,
}

/// A shipment of a sales order.
pub(crate) struct Shipment {
    pub(crate) id: u64,
    pub(crate) version: u32,
    pub(crate) order: u64,
    pub(crate) status: &'static str,
    pub(crate) created: u64,
    pub(crate) modified: u64,
    /// What is in it; everything where the warehouse has not split it.
    pub(crate) packed: Option<Vec<Packed>>,
    /// Whether the warehouse made it out of another.
    pub(crate) part: bool,
}

/// An article in a shipment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Packed {
    /// The item of the sales order.
    pub(crate) item: Box<str>,
    pub(crate) article: u64,
    pub(crate) quantity: Decimal,
}

/// An invoice of a sales order, or a credit note of one.
pub(crate) struct Invoice {
    pub(crate) id: u64,
    pub(crate) version: u32,
    pub(crate) order: u64,
    pub(crate) kind: &'static str,
    pub(crate) status: &'static str,
    pub(crate) open_item: Option<u64>,
    pub(crate) paid: bool,
    pub(crate) created: u64,
    pub(crate) modified: u64,
    pub(crate) net: Decimal,
    pub(crate) gross: Decimal,
    /// What a credit note has beyond that.
    pub(crate) credit: Option<Box<Credit>>,
}

/// What is to be paid on an invoice.
pub(crate) struct OpenItem {
    pub(crate) id: u64,
    pub(crate) version: u32,
    pub(crate) invoice: u64,
    pub(crate) paid_at: Option<u64>,
    pub(crate) created: u64,
    pub(crate) modified: u64,
}

/// All records.
pub(crate) struct Books {
    next: u64,
    clock: u64,
    pub(crate) open_items_for_prepayments: bool,
    pub(crate) taxes: HashMap<Box<str>, Decimal>,
    pub(crate) parties: HashMap<u64, Party>,
    pub(crate) party_by_email: HashMap<Box<str>, Vec<u64>>,
    pub(crate) party_by_number: HashMap<Box<str>, Vec<u64>>,
    pub(crate) articles: HashMap<u64, Article>,
    pub(crate) article_by_number: HashMap<Box<str>, u64>,
    pub(crate) orders: HashMap<u64, SalesOrder>,
    pub(crate) order_by_key: HashMap<Box<str>, Vec<u64>>,
    pub(crate) shipments: HashMap<u64, Shipment>,
    pub(crate) invoices: HashMap<u64, Invoice>,
    pub(crate) credit_notes: Vec<u64>,
    /// The last number of a row.
    pub(crate) rows: u64,
    pub(crate) open_items: HashMap<u64, OpenItem>,
    pub(crate) unpaid_shipments: u64,
    pub(crate) shipped_after_cancel: u64,
}

impl Books {
    /// The books of a new tenant.
    pub(crate) fn new(options: &Options) -> Self {
        let mut books = Self {
            next: 1_000,
            clock: 0,
            open_items_for_prepayments: options.open_items_for_prepayments,
            taxes: options.taxes.iter().map(|(id, rate)| (id.as_str().into(), *rate)).collect(),
            parties: HashMap::new(),
            party_by_email: HashMap::new(),
            party_by_number: HashMap::new(),
            articles: HashMap::new(),
            article_by_number: HashMap::new(),
            orders: HashMap::new(),
            order_by_key: HashMap::new(),
            shipments: HashMap::new(),
            invoices: HashMap::new(),
            credit_notes: Vec::new(),
            rows: 0,
            open_items: HashMap::new(),
            unpaid_shipments: 0,
            shipped_after_cancel: 0,
        };
        for article in SeedArticle::usual().iter().chain(&options.articles) {
            books.add_article(article);
        }
        books
    }

    /// A number no record has.
    pub(crate) fn next_id(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Now; never the same twice, so that "changed since" is a strict order.
    pub(crate) fn tick(&mut self) -> u64 {
        self.clock = crate::clock::now_ms().max(self.clock + 1);
        self.clock
    }

    fn add_article(&mut self, seed: &SeedArticle) {
        let id = self.next_id();
        let kind = if seed.shipping_cost { "SHIPPING_COST" } else { "STORABLE" };
        let (number, name): (Box<str>, Box<str>) = (seed.number.as_str().into(), seed.name.as_str().into());
        self.article_by_number.insert(number.clone(), id);
        self.articles.insert(id, Article { id, number, name, kind, price: seed.price, tax: seed.tax });
    }
}

/// Text as JSON, with quotes.
pub(crate) fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}

/// An amount with at least two digits behind the point.
pub(crate) fn amount(mut number: Decimal) -> Decimal {
    if number.scale() < 2 {
        number.rescale(2);
    }
    number
}

/// Adds to a text.
pub(crate) fn write(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    if out.write_fmt(text).is_err() {}
}

fn close(out: &mut String, given: &str) {
    if !given.is_empty() {
        out.push(',');
        out.push_str(given);
    }
    out.push('}');
}

impl Party {
    /// As answered.
    pub(crate) fn render(&self) -> String {
        let mut out = String::with_capacity(self.given.len() + 200);
        let (id, created, number) = (self.id, self.created, quoted(&self.number));
        write(
            &mut out,
            format_args!(
                r#"{{"id":"{id}","version":"0","createdDate":{created},"lastModifiedDate":{created},"customerNumber":{number}"#
            ),
        );
        close(&mut out, &self.given);
        out
    }
}

impl Article {
    /// As answered.
    pub(crate) fn render(&self) -> String {
        let (id, number, name, kind) = (self.id, quoted(&self.number), quoted(&self.name), self.kind);
        format!(
            r#"{{"id":"{id}","version":"0","articleNumber":{number},"name":{name},"articleType":"{kind}","active":true}}"#
        )
    }
}

impl SalesOrder {
    /// As answered.
    pub(crate) fn render(&self) -> String {
        let Self { id, version, status, payment, customer, created, modified, invoiced, shipped, .. } = self;
        let mut out = String::with_capacity(self.given.len() + 500);
        let (number, net, gross) = (quoted(&self.number), amount(self.net), amount(self.gross));
        write(
            &mut out,
            format_args!(
                r#"{{"id":"{id}","version":"{version}","orderNumber":{number},"status":"{status}","salesOrderPaymentType":"{payment}","customerId":"{customer}","netAmount":"{net}","grossAmount":"{gross}","createdDate":{created},"lastModifiedDate":{modified},"invoiced":{invoiced},"shipped":{shipped},"paid":false"#
            ),
        );
        if *payment == "PREPAYMENT" {
            let advance = if self.advance_paid { "PAID" } else { "OPEN" };
            write(&mut out, format_args!(r#","advancePaymentStatus":"{advance}""#));
        }
        if let Some(key) = &self.key {
            write(&mut out, format_args!(r#","orderNumberAtCustomer":{}"#, quoted(key)));
        }
        close(&mut out, &self.given);
        out
    }
}

impl Invoice {
    /// Whether it is a prepayment invoice that was not cancelled.
    pub(crate) fn asks_for_prepayment(&self) -> bool {
        self.kind == "PREPAYMENT_INVOICE" && self.status != "CANCELLED"
    }
}

impl OpenItem {
    /// As answered.
    pub(crate) fn render(&self, gross: Decimal) -> String {
        let Self { id, version, invoice, created, modified, .. } = self;
        let (all, none) = (amount(gross), amount(Decimal::ZERO));
        let (open, paid) = if self.paid_at.is_some() { (none, all) } else { (all, none) };
        let cleared = self.paid_at.is_some();
        let date = self.paid_at.map(|at| format!(r#","clearanceDate":{at}"#)).unwrap_or_default();
        format!(
            r#"{{"id":"{id}","version":"{version}","openItemNumber":"OP-{id}","openItemType":"DEBTOR","salesInvoiceId":"{invoice}","amount":"{all}","amountDiscount":"{none}","amountOpen":"{open}","amountPaid":"{paid}","cleared":{cleared}{date},"createdDate":{created},"lastModifiedDate":{modified}}}"#
        )
    }
}
