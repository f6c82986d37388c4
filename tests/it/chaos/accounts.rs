//! The comparison: what the shops were told was taken, against what the ERP, the shops and the mailboxes hold.

use std::collections::{BTreeMap, BTreeSet};

use kontor_sandbox::weclapp::Document;

use super::desk::Desk;
use super::ledger::Ledger;
use crate::house::Stands;

/// How often something is there, by the order's key.
type Counts = BTreeMap<String, usize>;

/// Every order that was taken is there exactly once in every respect, and nothing else is.
pub(super) fn compare(story: &str, ledger: &Ledger, stands: &Stands, desk: &Desk) {
    let pages = ledger.read();
    let taken: BTreeSet<String> = pages.taken.keys().cloned().collect();
    assert_eq!(pages.sent, taken, "in the end every order is taken");
    let report = stands.erp.report();
    let mut wrong = Vec::new();
    let accounts = [
        ("sales order", count(&report.sales_orders)),
        ("shipment", count(&report.shipments)),
        ("invoice", count(&report.invoices)),
        ("word to the shop", told(stands)),
        ("confirmation", mails(desk, ".confirmation@")),
        ("mail of the parcel", mails(desk, ".shipped.mail.")),
    ];
    for (what, found) in &accounts {
        let lost = taken.iter().filter(|key| !found.contains_key(*key)).count();
        let doubled = found.values().filter(|count| **count > 1).count();
        let unasked = found.keys().filter(|key| !taken.contains(*key)).count();
        if lost + doubled + unasked > 0 {
            wrong.push(format!("{what}: {lost} lost, {doubled} doubled, {unasked} that nobody sent"));
        }
    }
    eprintln!(
        "chaos, {story}: {} orders taken (answers by status: {:?}), {} ERP calls; wrong: {wrong:?}",
        taken.len(),
        pages.answers,
        report.calls_made(),
    );
    drop(pages);
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(report.doubled, [], "documents in the ERP");
    assert_eq!((report.unpaid_shipments, report.shipped_after_cancel), (0, 0));
    assert_eq!(report.contract_violations, Vec::<String>::new());
    assert_eq!(report.cancelled, []);
    assert_eq!(stands.woocommerce.state().report().doubled_notes, Vec::<u64>::new());
    assert_eq!(stands.shopify.state().report().doubled_tracking, Vec::<u64>::new());
    let failures = desk.ask(&["failures", "list", "--state", "open", "--limit", "3"]);
    assert_eq!(failures, serde_json::json!([]), "nothing is left to a person");
    assert!(!desk.log().contains("panicked"), "no panic: {}", desk.log());
}

fn count(documents: &[Document]) -> Counts {
    let mut counts = Counts::new();
    for document in documents {
        *counts.entry(document.order_key.clone().unwrap_or_default()).or_default() += 1;
    }
    counts
}

fn told(stands: &Stands) -> Counts {
    let woocommerce = stands.woocommerce.state().report().told;
    let shopify = stands.shopify.state().report().told;
    let kaffee = woocommerce.into_iter().map(|(order, times)| (format!("kaffee/{order}"), times));
    kaffee.chain(shopify.into_iter().map(|(order, times)| (format!("schnee/{order}"), times))).collect()
}

/// Whole mails in the outbox whose id has `step` in it, by order.
fn mails(desk: &Desk, step: &str) -> Counts {
    let mut counts = Counts::new();
    for file in std::fs::read_dir(desk.data.join("outbox")).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let id = text.lines().find_map(|line| line.strip_prefix("Message-ID: <"));
        let id = id.unwrap_or_else(|| panic!("a mail without an id, of {} bytes", text.len()));
        if id.contains(step) {
            let mut words = id.split('.');
            let key = format!("{}/{}", words.next().unwrap(), words.next().unwrap());
            *counts.entry(key).or_default() += 1;
        }
    }
    counts
}
