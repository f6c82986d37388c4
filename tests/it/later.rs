//! What happens to an order after it was placed, told through the whole process: edits, cancellations, parcels in parts, refunds,
//! and requests about personal data.

use std::time::Duration;

use kontor_sandbox::traffic::{
    Parcel, SHOPIFY_PAID, SHOPWARE_PAID, SMARTSTORE_OPEN, WOO_B2B, WOO_PREPAID, shopware_id,
};
use kontor_sandbox::woocommerce::RefundedLine;
use serde_json::{Value, json};

use crate::house::{House, Stands};
use crate::stories::large;

const PATIENCE: Duration = Duration::from_secs(180);

/// Where each step stands, a line each; ids that differ from run to run are left out.
fn steps(house: &House, key: &str) -> String {
    let line = |(key, word): (String, String)| {
        let of = key.split_once('/').map_or_else(|| key.clone(), |(step, _)| format!("{step}/…"));
        format!("{of}: {word}")
    };
    house.steps(key).into_iter().map(line).collect::<Vec<_>>().join("\n")
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waited = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, waited).await.is_ok(), "{what} did not come to pass");
}

fn stands_at(house: &House, key: &str, step: &str, word: &str) -> bool {
    house.steps(key).iter().any(|(name, state)| name == step && state == word)
}

/// The shop edits its order, and tells of it as it is then.
async fn edit(stands: &Stands, house: &House, parcel: &Parcel, change: impl FnOnce(&mut Value)) {
    let mut order: Value = serde_json::from_str(&parcel.body).unwrap();
    change(&mut order);
    let edited = Parcel { body: order.to_string(), ..parcel.clone() }.told_as("order.updated");
    stands.place(&edited);
    assert_eq!(house.send(&edited).await, Some(200));
}

#[tokio::test(flavor = "multi_thread")]
async fn edited_in_the_shop_then_let_through_and_shipped() {
    let stands = Stands::start().await;
    let house = House::start(&stands);
    let wanted = WOO_B2B.parcel("buero", 21, "einkauf@example.test").unwrap();
    let much = large(wanted.clone());
    stands.place(&much);
    assert_eq!(house.send(&much).await, Some(200));
    house.wait("waiting", 1, PATIENCE).await;
    assert!(stands_at(&house, "buero/21", "approval", "waiting"), "it is over 1000");
    assert_eq!(stands.erp.report().shipments.len(), 0);
    edit(&stands, &house, &wanted, |order| order["date_modified_gmt"] = json!("2026-11-28T09:00:00")).await;
    house.wait("completed", 1, PATIENCE).await;
    insta::assert_snapshot!(steps(&house, "buero/21"), @r"
    approval: done
    confirmation: done
    credit: skipped
    customer: done
    invoice: done
    payment: skipped
    refunded_mail: skipped
    release: done
    sales_order: done
    shipment: done
    shipped_mail/…: skipped
    tell_paid: skipped
    tell_shop/…: done
    update/…: done
    ");
    let report = stands.erp.report();
    let booked: Vec<_> = report.sales_orders.iter().map(|order| order.gross.clone()).collect();
    assert_eq!(
        (booked, report.misfit_invoices.len()),
        (vec!["470.37".to_owned()], 0),
        "one order, as it is now"
    );
    assert_eq!(report.contract_violations, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_while_the_warehouse_is_packing() {
    let stands = Stands::start().await;
    let house = House::start(&stands);
    stands.erp.state().hold_packing(true);
    let parcel = WOO_PREPAID.parcel("kaffee", 22, "erika@example.test").unwrap();
    stands.place(&parcel);
    assert_eq!(house.send(&parcel).await, Some(200));
    until("the shipment", || stands_at(&house, "kaffee/22", "shipment", "done")).await;
    until("the invoice", || stands_at(&house, "kaffee/22", "invoice", "done")).await;
    edit(&stands, &house, &parcel, |order| {
        order["status"] = json!("cancelled");
        order["date_modified_gmt"] = json!("2026-11-28T09:00:00");
    })
    .await;
    house.wait("cancelled", 1, PATIENCE).await;
    insta::assert_snapshot!(steps(&house, "kaffee/22"), @r"
    cancel-erp: done
    cancel-shop: skipped
    confirmation: done
    credit: skipped
    customer: done
    invoice: done
    payment: skipped
    release: done
    sales_order: done
    send-mail: done
    shipment: done
    shipped_mail: skipped
    tell_paid: skipped
    tell_shop: skipped
    update: skipped
    ");
    stands.erp.state().hold_packing(false);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let report = stands.erp.report();
    assert_eq!((report.shipped_after_cancel, report.cancelled.len()), (0, 1), "nothing leaves any more");
    let mails = std::fs::read_dir(house.data().join("outbox")).unwrap();
    let told = mails.filter(|mail| {
        let text = std::fs::read_to_string(mail.as_ref().unwrap().path()).unwrap();
        text.contains("storniert") || text.contains("cancelled")
    });
    assert_eq!(told.count(), 1, "the customer is told");
}

#[tokio::test(flavor = "multi_thread")]
async fn three_parcels_from_two_places() {
    let stands = Stands::start().await;
    let house = House::start(&stands);
    stands.erp.state().hold_packing(true);
    let parcel = SHOPIFY_PAID.parcel("schnee", 23, "lena@example.test").unwrap();
    stands.place(&parcel);
    let order: Value = serde_json::from_str(&parcel.body).unwrap();
    let lines: Vec<(u64, String, u32)> = order["line_items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| {
            let pieces = u32::try_from(line["quantity"].as_u64().unwrap()).unwrap();
            (line["id"].as_u64().unwrap(), line["sku"].as_str().unwrap().to_owned(), pieces)
        })
        .collect();
    // The last line lies in another place.
    assert!(stands.shopify.state().split(23, &[lines.last().unwrap().0]));
    assert_eq!(house.send(&parcel).await, Some(200));
    until("the shipment", || stands_at(&house, "schnee/23", "shipment", "done")).await;
    for (_, sku, pieces) in &lines {
        assert!(stands.erp.state().ship_part("schnee/23", &[(sku.as_str(), *pieces)]).is_some(), "{sku}");
    }
    until("three parcels", || {
        let told = house
            .steps("schnee/23")
            .into_iter()
            .filter(|(name, state)| name.starts_with("tell_shop/") && state == "done");
        told.count() == lines.len()
    })
    .await;
    let report = stands.shopify.state().report();
    assert_eq!((report.told.get(&23).copied(), report.doubled_tracking.len()), (Some(3), 0));
    insta::assert_snapshot!(steps(&house, "schnee/23"), @r"
    confirmation: done
    credit: skipped
    customer: done
    invoice: done
    payment: skipped
    release: done
    sales_order: done
    shipment: done
    shipped_mail/…: done
    shipped_mail/…: done
    shipped_mail/…: done
    tell_paid: skipped
    tell_shop/…: done
    tell_shop/…: done
    tell_shop/…: done
    update: skipped
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_the_lines_goes_back() {
    let stands = Stands::start().await;
    let house = House::start(&stands);
    let parcel = WOO_PREPAID.parcel("kaffee", 24, "erika@example.test").unwrap();
    stands.place(&parcel);
    assert_eq!(house.send(&parcel).await, Some(200));
    house.wait("completed", 1, PATIENCE).await;
    // One of two cups: 9.00 and 19 % of it.
    let cup = RefundedLine { line: 47_111, pieces: 1, total: "9.00", tax: "1.71" };
    stands.woocommerce.state().refund(24, "10.71", &[cup], true).unwrap();
    // No webhook tells of it: asking does.
    house.ask(&["shops", "sync", "kaffee"]);
    until("the credit note", || {
        house.steps("kaffee/24").iter().any(|(name, state)| name.starts_with("credit/") && state == "done")
    })
    .await;
    house.ask(&["shops", "sync", "kaffee"]);
    let report = stands.erp.report();
    let notes: Vec<_> =
        report.credit_notes.iter().map(|note| (note.order_key.clone(), note.gross.clone())).collect();
    assert_eq!(notes, [(Some("kaffee/24".to_owned()), "10.71".to_owned())], "credited once, to the cent");
    assert_eq!(report.doubled.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_no_webhook_told_of_is_found_by_asking() {
    let stands = Stands::start().await;
    let house = House::start(&stands);
    let parcel = SMARTSTORE_OPEN.parcel("tinte", 25, "pia@example.test").unwrap();
    // It was changed last three weeks ago: asking for what is new does not find it.
    let order: Value = serde_json::from_str(&parcel.body).unwrap();
    assert!(stands.smartstore.state().seed(&order));
    assert_eq!(house.ask(&["shops", "sync", "tinte"])["found"], 0);
    let found = house.ask(&["shops", "sync", "tinte", "--since", "2026-01-01"]);
    assert_eq!(found["found"], 1, "{found}");
    house.wait("waiting", 1, PATIENCE).await;
    let again = house.ask(&["shops", "sync", "tinte", "--since", "2026-01-01"]);
    assert_eq!(again["found"], 0, "what is known is not found twice: {again}");
    assert!(stands.erp.state().pay("tinte/25"));
    house.wait("completed", 1, PATIENCE).await;
    let report = stands.smartstore.state().report();
    assert_eq!((report.paid, report.shipments, report.doubled_shipments.len()), (1, 1, 0), "the shop knows");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_of_shopware_brings_the_whole_order() {
    let stands = Stands::start().await;
    let house = House::start(&stands);
    let parcel = SHOPWARE_PAID.parcel("garten", 26, "ida@example.test").unwrap();
    stands.place(&parcel);
    for _ in 0..3 {
        assert_eq!(house.send(&parcel).await, Some(200));
    }
    house.wait("completed", 1, PATIENCE).await;
    let report = stands.shopware.state().report();
    assert_eq!((report.shipped, report.doubled_tracking.len()), (1, 0));
    assert_eq!(stands.erp.report().sales_orders.len(), 1);
    let shown = house.ask(&["orders", "show", &format!("garten/{}", shopware_id(26))]);
    assert_eq!(shown[0]["status"], "completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_asks_what_is_held_of_a_customer_and_then_to_erase_it() {
    const MAILBOX: &str = "zacharias@quendelbrot.example";
    let stands = Stands::start().await;
    let house = House::start(&stands);
    let parcel = SHOPIFY_PAID.parcel("schnee", 27, MAILBOX).unwrap();
    stands.place(&parcel);
    assert_eq!(house.send(&parcel).await, Some(200));
    house.wait("completed", 1, PATIENCE).await;
    for (topic, orders, sentence) in [
        ("customers/data_request", "orders_requested", "asks what is held"),
        ("customers/redact", "orders_to_redact", "asks to erase"),
    ] {
        let body = json!({
            "shop_id": 954_889, "shop_domain": "schnee.myshopify.com",
            "customer": { "id": 6_670_100_000_001_u64, "email": MAILBOX, "phone": null }, orders: [27],
            "data_request": { "id": 9999 },
        });
        let request = Parcel { body: body.to_string(), ..parcel.clone() }.told_as(topic);
        assert_eq!(house.send(&request).await, Some(200));
        let mut failure = Value::Null;
        until("the request", || {
            failure = house.ask(&["failures", "list", "--state", "open"])[0].clone();
            failure["cause"].as_str().is_some_and(|cause| cause.contains(sentence))
        })
        .await;
        assert!(!failure["cause"].to_string().contains("quendel"), "{failure:#}");
        let met = house.ask(&["privacy", "answer", failure["id"].as_str().unwrap(), "--by", "anna"]);
        if topic == "customers/redact" {
            assert!(met["Erased"].to_string().contains("schnee/27"), "{met:#}");
        } else {
            assert!(met["Told"].to_string().contains(MAILBOX), "{met:#}");
        }
        assert_eq!(house.ask(&["failures", "list", "--state", "open"]).as_array().unwrap().len(), 0);
    }
    let shown = house.ask(&["orders", "show", "schnee/27"]).to_string();
    assert!(!shown.contains("quendelbrot") && shown.contains("completed"), "{shown}");
}
