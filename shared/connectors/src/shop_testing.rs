//! What the tests of both shops share: fixtures, recorded traffic, a job to carry out, and events as a short text.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use kontor_domain::{
    Money, Payment, PaymentId, PaymentSource, Shipment, ShipmentId, TaxPart, TrackingNumber,
};
use kontor_flow::apply::apply;
use kontor_flow::ports::{Job, Past};
use kontor_flow::{
    Action, Command, Envelope, Event, EventRecord, FlowName, FlowRef, Happened, Order, Payload, StepKey,
    StepName,
};
use secrecy::SecretString;

use crate::config::{ShopConfig, ShopKind};
use crate::http::ClientOptions;
use crate::secrets::{SecretBook, SecretRef};

pub(crate) const NOW: &str = "2026-11-21T12:00:00Z";

pub(crate) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The shop of the tests, at `url`.
pub(crate) fn shop(kind: ShopKind, url: &str) -> ShopConfig {
    let yaml = format!(
        "id: kaffee\nkind: {}\nurl: '{url}'\nflow: standard\nwebhook_secrets: ['env:NEW', 'env:OLD']\n\
         api: {{ key: 'env:KEY', secret: 'env:SECRET' }}\n\
         payments: {{ ppcp-gateway: prepaid, bacs: prepayment, cod: cash_on_delivery, invoice: invoice,\n\
         shopify_payments: prepaid, paypal: prepaid, Bank Deposit: prepayment, manual: prepayment,\n\
         manual_in_shopify_test: prepaid }}\n",
        kind.as_str()
    );
    serde_saphyr::from_str(&yaml).unwrap()
}

/// Webhook secrets `new` and `old`, API key `key` with secret `secret`.
pub(crate) fn secrets() -> SecretBook {
    let mut book = SecretBook::default();
    for (name, value) in [("NEW", "new"), ("OLD", "old"), ("KEY", "key"), ("SECRET", "secret")] {
        book.insert(SecretRef::Env(name.to_owned()), SecretString::from(value.to_owned()));
    }
    book
}

pub(crate) fn client() -> reqwest::Client {
    let timeout = Duration::from_millis(300);
    crate::http::client(ClientOptions { timeout, ..ClientOptions::default() }).unwrap()
}

pub(crate) fn fixture(path: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
    std::fs::read(folder.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The recorded traffic, if it is on this machine.
#[expect(clippy::disallowed_methods, reason = "tests find the recordings by the environment")]
pub(crate) fn contracts(path: &str) -> Option<PathBuf> {
    let folder = std::env::var("KONTOR_CONTRACTS").map(PathBuf::from).ok();
    let folder =
        folder.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/contracts"));
    let found = folder.join(path);
    if !found.exists() {
        println!(
            "the recorded traffic is not on this machine ({path}); this test has nothing to compare with"
        );
        return None;
    }
    Some(found)
}

/// Files of a folder whose names end with `end`, by name.
pub(crate) fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.to_string_lossy().ends_with(end));
    files.sort();
    assert!(!files.is_empty(), "{} has no {end}", folder.display());
    files
}

pub(crate) fn envelope(topic: &str, body: &[u8]) -> Envelope {
    Envelope {
        shop: "kaffee".parse().unwrap(),
        topic: topic.to_owned(),
        received_at: time(NOW),
        headers: std::collections::BTreeMap::new(),
        body: Payload::pack(body),
    }
}

/// What happened, in a few lines that show every amount.
pub(crate) fn text(happened: &[Happened]) -> String {
    let mut out = String::new();
    for Happened { order, events } in happened {
        let as_of = events.first().map(|record| record.as_of).unwrap();
        assert!(events.iter().all(|record| record.as_of == as_of), "a snapshot has one time");
        writeln!(out, "{order} as of {as_of}").unwrap();
        for record in events {
            event(&mut out, &record.event);
        }
    }
    out.trim_end().to_owned()
}

fn event(out: &mut String, event: &Event) {
    match event {
        Event::Placed(order) => placed(out, order.parts()),
        Event::Life(life) => writeln!(out, "life: {life:?}").unwrap(),
        Event::Paid(paid) => {
            let reference = paid.reference.as_deref().unwrap_or("-");
            writeln!(out, "paid: {} {} at {}, reference {reference}", paid.id, paid.amount, paid.received_at)
                .unwrap();
        }
        Event::Refunded(refund) => {
            writeln!(out, "refunded: {} {} at {}", refund.id, refund.amount, refund.refunded_at).unwrap();
        }
        Event::Shipped(_) | Event::Finished { .. } | Event::Failed { .. } | Event::Decided { .. } => {
            panic!("a shop tells no {}", event.word())
        }
    }
}

fn placed(out: &mut String, order: &kontor_domain::OrderDraft) {
    let (payment, customer) = (&order.payment, &order.customer);
    writeln!(
        out,
        "placed: {} at {}, {} {:?}, {} ({:?}), {} id={:?} vat={:?} lang={:?} tags={:?}{}",
        order.number,
        order.placed_at,
        order.total,
        order.tax_mode,
        payment.code,
        payment.terms,
        customer.group,
        customer.id,
        customer.vat_id,
        customer.language,
        customer.tags,
        if order.test { " TEST" } else { "" },
    )
    .unwrap();
    let zip =
        |address: &Option<kontor_domain::Address>| address.as_ref().map_or("-".to_owned(), |a| a.zip.clone());
    writeln!(out, "  to {}, invoice to {}", zip(&order.shipping), zip(&order.billing)).unwrap();
    for line in &order.lines {
        let sku = line.sku.as_ref().map_or("-", |sku| sku.as_str());
        let off =
            if line.discount.is_zero() { String::new() } else { format!(" after {} off", line.discount) };
        writeln!(
            out,
            "  {} x {sku} {}{off}{} {:?}",
            line.quantity,
            line.total,
            taxes(&line.taxes),
            line.kind
        )
        .unwrap();
    }
    for charge in &order.charges {
        writeln!(out, "  + {:?} {} {}{}", charge.kind, charge.code, charge.total, taxes(&charge.taxes))
            .unwrap();
    }
    for discount in &order.discounts {
        writeln!(out, "  - {} {}{}", discount.code, discount.amount, taxes(&discount.taxes)).unwrap();
    }
    if !order.rounding.is_zero() {
        writeln!(out, "  rounding {}", order.rounding).unwrap();
    }
}

fn taxes(parts: &[TaxPart]) -> String {
    parts.iter().map(|part| format!(", {} {}", part.rate, part.amount)).collect()
}

/// An order of which `facts` are known, and a command of it.
pub(crate) struct Work {
    order: Order,
    command: Command,
}

impl Work {
    pub(crate) fn new(action: Action, item: Option<&str>, facts: &[Happened]) -> Self {
        let key = facts.first().map_or_else(|| "kaffee/17".parse().unwrap(), |known| known.order.clone());
        let flow = FlowRef { name: FlowName::parse("standard").unwrap(), version: "0123456789ab".to_owned() };
        let mut order = Order::unheard_of(key.clone(), flow, time(NOW));
        for record in facts.iter().flat_map(|known| known.events.clone()) {
            apply(&mut order.facts, record);
        }
        let step = StepName::parse("tell-shop").unwrap();
        let step =
            item.map_or_else(|| StepKey::whole(step.clone()), |item| StepKey::item(step.clone(), item));
        Self { order, command: Command { order: key, step, action, template: None, undo: false } }
    }

    pub(crate) fn knowing(mut self, event: Event) -> Self {
        apply(&mut self.order.facts, EventRecord::told(time(NOW), event));
        self
    }

    pub(crate) fn job(&self, past: Past) -> Job<'_> {
        Job { command: &self.command, order: &self.order, past, now: time(NOW) }
    }
}

pub(crate) fn shipment(id: &str, tracking: &[&str]) -> Event {
    Event::Shipped(Shipment {
        id: ShipmentId::parse(id).unwrap(),
        number: None,
        carrier: Some("DHL".to_owned()),
        tracking: tracking.iter().map(|number| TrackingNumber::parse(number).unwrap()).collect(),
        tracking_url: tracking.first().map(|number| format!("https://track.example/{number}")),
        lines: Vec::new(),
        shipped_at: time(NOW),
    })
}

pub(crate) fn erp_payment(amount: &str) -> Event {
    Event::Paid(Payment {
        id: PaymentId::parse("erp-1").unwrap(),
        source: PaymentSource::Erp,
        amount: Money::try_from(amount.to_owned()).unwrap(),
        received_at: time(NOW),
        reference: Some("bank-123".to_owned()),
    })
}
