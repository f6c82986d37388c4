//! Stories of orders, told through the whole process: what a merchant, a stranger and an operator see.

use std::time::Duration;

use kontor_sandbox::traffic::{
    Parcel, SHOPIFY_BANK, SHOPIFY_BANK_PAID, WOO_B2B, WOO_BACS, WOO_BACS_PAID, WOO_DIGITAL, WOO_PREPAID, sign,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::house::{House, SECRET, Stands};

const MINUTE: Duration = Duration::from_secs(180);

async fn settled(stands: &Stands, house: &House, parcel: &Parcel, status: &str) {
    stands.place(parcel);
    assert_eq!(house.send(parcel).await, Some(200));
    house.wait(status, 1, MINUTE).await;
}

/// Where each step stands, a line each.
fn steps(house: &House, key: &str) -> String {
    let line = |(key, word): (String, String)| format!("{}: {word}", step_name(&key));
    house.steps(key).into_iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Ids of shipments are the ERP's; they differ from run to run.
fn step_name(key: &str) -> String {
    key.split_once('/').map_or_else(|| key.to_owned(), |(step, _)| format!("{step}/…"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prepayment_order_ships_only_once_it_is_paid() {
    let stands = Stands::start().await;
    let house = House::start(&stands);
    settled(&stands, &house, &WOO_BACS.parcel("kaffee", 7, "mika@example.test").unwrap(), "waiting").await;
    insta::assert_snapshot!(steps(&house, "kaffee/7"), @r"
    confirmation: done
    credit: skipped
    customer: done
    invoice: waiting
    payment: waiting
    release: waiting
    sales_order: done
    shipment: waiting
    shipped_mail: waiting
    tell_paid: waiting
    tell_shop: waiting
    update: skipped
    ");
    let report = stands.erp.report();
    assert_eq!((report.sales_orders.len(), report.shipments.len()), (1, 0));

    settled(&stands, &house, &WOO_BACS_PAID.parcel("kaffee", 7, "mika@example.test").unwrap(), "completed")
        .await;
    insta::assert_snapshot!(steps(&house, "kaffee/7"), @r"
    confirmation: done
    credit: skipped
    customer: done
    invoice: done
    payment: done
    release: done
    sales_order: done
    shipment: done
    shipped_mail/…: done
    tell_paid: skipped
    tell_shop/…: done
    update: skipped
    ");
    let report = stands.erp.report();
    assert_eq!((report.shipments.len(), report.unpaid_shipments), (1, 0));
    assert_eq!(report.contract_violations, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn money_that_the_erp_reports_releases_the_order_and_the_shop_is_told() {
    let stands = Stands::start().await;
    let house = House::start(&stands);
    settled(&stands, &house, &WOO_BACS.parcel("kaffee", 8, "mika@example.test").unwrap(), "waiting").await;
    assert!(stands.erp.state().pay("kaffee/8"), "the stand-in knows the order");
    house.wait("completed", 1, MINUTE).await;
    let steps = steps(&house, "kaffee/8");
    assert!(steps.contains("tell_paid: done") && steps.contains("payment: skipped"), "{steps}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shopify_prepayment_goes_the_same_way() {
    let stands = Stands::start().await;
    let house = House::start(&stands);
    settled(&stands, &house, &SHOPIFY_BANK.parcel("schnee", 9, "noor@example.test").unwrap(), "waiting")
        .await;
    assert_eq!(stands.erp.report().shipments.len(), 0);
    settled(
        &stands,
        &house,
        &SHOPIFY_BANK_PAID.parcel("schnee", 9, "noor@example.test").unwrap(),
        "completed",
    )
    .await;
    assert_eq!(stands.erp.report().shipments.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_merchants_own_rules() {
    let stands = Stands::start().await;
    let house = House::start(&stands);
    settled(&stands, &house, &WOO_B2B.parcel("buero", 1, "einkauf@example.test").unwrap(), "completed").await;
    let b2b = steps(&house, "buero/1");
    assert!(b2b.contains("shipment: done") && b2b.contains("invoice: done"), "unpaid, and shipped: {b2b}");
    assert_eq!(stands.erp.report().unpaid_shipments, 0, "an order on invoice is no prepayment");

    let digital = WOO_DIGITAL.parcel("buero", 2, "kim@example.test").unwrap();
    stands.place(&digital);
    assert_eq!(house.send(&digital).await, Some(200));
    house.wait("completed", 2, MINUTE).await;
    let digital = steps(&house, "buero/2");
    assert!(digital.contains("shipment: skipped") && digital.contains("invoice: done"), "{digital}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_order_waits_for_a_person() {
    let stands = Stands::start().await;
    let house = House::start(&stands);
    let large = large(WOO_B2B.parcel("buero", 3, "einkauf@example.test").unwrap());
    settled(&stands, &house, &large, "waiting").await;
    assert!(steps(&house, "buero/3").contains("approval: waiting"));
    assert_eq!(stands.erp.report().shipments.len(), 0);
    house.ask(&["orders", "approve", "buero/3", "approval", "--by", "anna"]);
    house.wait("completed", 1, MINUTE).await;
    assert_eq!(stands.erp.report().shipments.len(), 1);
    let order = house.ask(&["orders", "show", "buero/3"]);
    assert!(order[1].to_string().contains("anna"), "who approved is in the timeline");
}

/// The same order with ten times the money for its first line.
pub(crate) fn large(mut parcel: Parcel) -> Parcel {
    for (before, after) in [
        ("\"240.00\"", "\"2400.00\""),
        ("\"45.60\"", "\"456.00\""),
        ("\"45.6\"", "\"456.0\""),
        ("\"470.37\"", "\"3040.77\""),
    ] {
        assert!(parcel.body.contains(before), "the recording has no {before}");
        parcel.body = parcel.body.replace(before, after);
    }
    parcel
}

/// What is answered to a body of 7.5 MB in pieces, whose length nobody tells beforehand.
async fn unmeasured(house: &House) -> String {
    let mut stream = TcpStream::connect(house.url.trim_start_matches("http://")).await.unwrap();
    let head = "POST /webhooks/woocommerce/kaffee HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..120 {
        stream.write_all(format!("10000\r\n{}\r\n", " ".repeat(0x10000)).as_bytes()).await.unwrap();
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_refused() {
    let stands = Stands::start().await;
    let house = House::start(&stands);
    let parcel = WOO_PREPAID.parcel("kaffee", 1, "erika@example.test").unwrap();
    let post = |shop: &str, signature: Option<String>, body: Vec<u8>| {
        let url = format!("{}/webhooks/woocommerce/{shop}", house.url);
        let mut request = house.client.post(url).header("x-wc-webhook-topic", "order.created").body(body);
        if let Some(signature) = signature {
            request = request.header("x-wc-webhook-signature", signature);
        }
        async move { request.send().await.unwrap().status().as_u16() }
    };
    let body = parcel.body.clone().into_bytes();
    let good = sign(SECRET, &body).unwrap();
    assert_eq!(
        post("kaffee", Some(sign("wrong", &body).unwrap()), body.clone()).await,
        401,
        "wrong signature"
    );
    assert_eq!(post("kaffee", None, body.clone()).await, 401, "missing signature");
    assert_eq!(post("kaffee", Some("no base64!".to_owned()), body.clone()).await, 401, "no signature at all");
    let mut altered = body.clone();
    altered[40] ^= 1;
    assert_eq!(post("kaffee", Some(good.clone()), altered).await, 401, "altered byte");
    assert_eq!(post("nobody", Some(good.clone()), body.clone()).await, 401, "unknown shop");
    assert_eq!(post("kaffee", Some(good.clone()), Vec::new()).await, 401, "empty body");
    let large = vec![b' '; 10 * 1024 * 1024];
    let large_signature = sign(SECRET, &large).unwrap();
    for _ in 0..5 {
        let (signature, large) = (large_signature.clone(), large.clone());
        assert_eq!(post("kaffee", Some(signature), large).await, 413, "10 MB, and its sender hears why");
    }
    let answer = unmeasured(&house).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "7.5 MB that don't say so: {answer}");
    let hook = format!("{}/webhooks/weclapp/wrong", house.url);
    let notice = r#"{"entityId":"1","entityName":"shipment","type":"UPDATE"}"#;
    assert_eq!(
        house.client.post(hook).body(notice).send().await.unwrap().status(),
        401,
        "hint on a wrong path"
    );
    let ping = format!("{}/webhooks/woocommerce/kaffee", house.url);
    assert_eq!(house.client.post(ping).body("webhook_id=1").send().await.unwrap().status(), 200, "ping");
    assert_eq!(house.ask(&["orders", "list"]).as_array().unwrap().len(), 0, "and no order came of it");
    assert_eq!(post("kaffee", Some(good), body).await, 200, "the same with its signature is taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_order_is_kept_and_healed_by_a_replay() {
    let stands = Stands::start().await;
    let house = House::start(&stands);
    let good = WOO_PREPAID.parcel("kaffee", 5, "erika@example.test").unwrap();
    stands.place(&good);
    let mut broken = good.clone();
    broken.body = r#"{"id":5,"status":"processing","line_items":"none"}"#.to_owned();
    assert_eq!(house.send(&broken).await, Some(200), "it is signed, so it is taken");
    let failure = loop {
        let failures = house.ask(&["failures", "list"]);
        if let Some(failure) = failures.as_array().unwrap().first() {
            break failure.clone();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(failure["class"], "unreadable");
    assert!(failure["message"].as_str().unwrap().contains("line_items"), "the whole message is kept");
    let body = house.dir.path().join("order.json");
    std::fs::write(&body, &good.body).unwrap();
    let id = failure["id"].as_str().unwrap();
    house.ask(&["failures", "replay", id, "--body", body.to_str().unwrap(), "--by", "anna"]);
    house.wait("completed", 1, MINUTE).await;
    let failure = house.ask(&["failures", "show", id]);
    assert_eq!(failure["state"], "replayed");
    assert!(failure["history"].to_string().contains("anna"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_article_is_a_failure_and_the_order_says_so() {
    let stands = Stands::start().await;
    let house = House::start(&stands);
    let mut parcel = WOO_PREPAID.parcel("kaffee", 6, "erika@example.test").unwrap();
    parcel.body = parcel.body.replace("TASSE-01", "TASSE-99");
    settled(&stands, &house, &parcel, "failed").await;
    let failure = &house.ask(&["failures", "list"])[0];
    assert_eq!((failure["class"].as_str(), failure["order"].as_str()), (Some("unmapped"), Some("kaffee/6")));
    assert!(failure["cause"].as_str().unwrap().contains("TASSE-99"), "{failure:#}");
    assert!(steps(&house, "kaffee/6").contains("sales_order: failed"));
    assert_eq!(stands.erp.report().sales_orders.len(), 0);
}
