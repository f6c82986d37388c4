//! An order that waits for its money and is edited meanwhile, told through the whole process.

use std::time::Duration;

use kontor_sandbox::traffic::{Parcel, WOO_BACS};
use serde_json::{Value, json};

use crate::house::{House, Stands};

const PATIENCE: Duration = Duration::from_secs(180);

/// One pack of filters instead of two: 4.99 less.
fn cheaper(parcel: &Parcel) -> Parcel {
    let mut order: Value = serde_json::from_str(&parcel.body).unwrap();
    assert_eq!(order["total"], "64.78", "the recording is another");
    let line = &mut order["line_items"][1];
    line["quantity"] = json!(1);
    for (total, tax) in [("total", "total_tax"), ("subtotal", "subtotal_tax")] {
        (line[total], line[tax]) = (json!("4.19"), json!("0.80"));
    }
    line["taxes"] = json!([{ "id": 1, "total": "0.796723", "subtotal": "0.796723" }]);
    order["tax_lines"][0]["tax_total"] = json!("8.77");
    (order["cart_tax"], order["total_tax"], order["total"]) = (json!("8.77"), json!("9.55"), json!("59.79"));
    order["date_modified_gmt"] = json!("2026-11-16T12:00:00");
    Parcel { body: order.to_string(), ..parcel.clone() }.told_as("order.updated")
}

/// Kind, amount and status of each invoice in the ERP.
fn invoices(stands: &Stands) -> Vec<(String, String, String)> {
    let all = stands.erp.report().invoices.into_iter();
    all.map(|invoice| (invoice.kind, invoice.gross, invoice.status)).collect()
}

fn wanted(all: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
    let owned = |(kind, gross, status): &(&str, &str, &str)| {
        ((*kind).to_owned(), (*gross).to_owned(), (*status).to_owned())
    };
    all.iter().map(owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn edited_before_it_is_paid_then_paid_and_shipped() {
    let stands = Stands::start().await;
    let house = House::start(&stands);
    let parcel = WOO_BACS.parcel("kaffee", 31, "mika@example.test").unwrap();
    stands.place(&parcel);
    assert_eq!(house.send(&parcel).await, Some(200));
    house.wait("waiting", 1, PATIENCE).await;
    let first = ("PREPAYMENT_INVOICE", "64.78", "OPEN_ITEM_CREATED");
    assert_eq!(invoices(&stands), wanted(&[first]));

    let edited = cheaper(&parcel);
    stands.place(&edited);
    for _ in 0..2 {
        assert_eq!(house.send(&edited).await, Some(200));
    }
    let booked = async {
        let is_update = |(step, word): &(String, String)| step.starts_with("update/") && word == "done";
        while !house.steps("kaffee/31").iter().any(is_update) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, booked).await.is_ok(), "{:#?}", house.steps("kaffee/31"));
    let replaced = ("PREPAYMENT_INVOICE", "64.78", "CANCELLED");
    let asked_for = ("PREPAYMENT_INVOICE", "59.79", "OPEN_ITEM_CREATED");
    assert_eq!(invoices(&stands), wanted(&[replaced, asked_for]));
    assert_eq!(stands.erp.report().shipments.len(), 0, "nobody has paid");

    assert!(stands.erp.state().pay("kaffee/31"), "the stand-in knows the order");
    house.wait("completed", 1, PATIENCE).await;
    let last = ("FINAL_INVOICE", "59.79", "OPEN_ITEM_CREATED");
    assert_eq!(invoices(&stands), wanted(&[replaced, asked_for, last]));
    let report = stands.erp.report();
    let orders: Vec<_> = report.sales_orders.iter().map(|order| order.gross.as_str()).collect();
    assert_eq!((orders, report.shipments.len(), report.unpaid_shipments), (vec!["59.79"], 1, 0));
    assert_eq!((report.misfit_invoices, report.doubled), (vec![], vec![]));
    assert_eq!(report.contract_violations, Vec::<String>::new());
    let failures = house.ask(&["failures", "list", "--state", "all"]);
    assert_eq!(failures.as_array().unwrap().len(), 0, "no person was needed: {failures:#}");
    let shop = stands.woocommerce.state().report();
    assert_eq!(shop.told.len() + shop.parcels.len(), 1, "the shop knows of the parcel");
}
