//! What the shop is told: once each, and never believed to be done only because it said yes.

use kontor_domain::{LineId, OrderLife, PackedLine, Quantity, Sku};
use kontor_flow::ports::{Connector as _, Past};
use kontor_flow::remedy::Remedy;
use kontor_flow::{Action, CallError, Event, StepResult};
use kontor_sandbox::Switches;
use kontor_sandbox::smartstore::Sandbox;
use serde_json::{Value, json};
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{fixture, order, ours, running};
use crate::shop_testing::{Work, client, envelope, secrets, shipment};
use crate::smartstore::{Smartstore, read};

/// Line, article and pieces.
type Packed<'a> = (Option<&'a str>, Option<&'a str>, u32);

/// A command for the order in `order`, with a parcel `900` in which `lines` are.
fn work(action: Action, order: &Value, tracking: &[&str], lines: &[Packed<'_>]) -> Work {
    let body = envelope(kontor_flow::storefront::FETCHED, order.to_string().as_bytes());
    let facts = read(&ours("https://shop.example.test"), &body).unwrap();
    let item = (action == Action::ShopShipment).then_some("900");
    let mut event = shipment("900", tracking);
    if let Event::Shipped(parcel) = &mut event {
        parcel.lines = lines
            .iter()
            .map(|(line, sku, quantity)| PackedLine {
                line: line.map(|line| LineId::parse(line).unwrap()),
                sku: sku.map(|sku| Sku::parse(sku).unwrap()),
                quantity: Quantity::new((*quantity).into()).unwrap(),
            })
            .collect();
    }
    Work::new(action, item, &facts).knowing(event)
}

async fn told(shop: &Smartstore, work: &Work, past: Past) -> Result<StepResult, CallError> {
    shop.perform(work.job(past)).await.map(|finish| finish.result)
}

fn member(sandbox: &Sandbox, id: u64, name: &str) -> Value {
    sandbox.state().order(id).unwrap()[name].clone()
}

/// The title of a refusal.
fn kind(result: Result<StepResult, CallError>) -> String {
    let error = result.unwrap_err();
    if let CallError::Refused { problem, .. } = error { problem.kind } else { panic!("{error:?}") }
}

fn base() -> Value {
    order(1, "2026-11-01T10:00:00Z")
}

fn standing(order: i64, payment: i64, shipping: i64) -> Value {
    let mut base = base();
    base["OrderStatusId"] = json!(order);
    base["PaymentStatusId"] = json!(payment);
    base["ShippingStatusId"] = json!(shipping);
    base
}

#[tokio::test]
async fn money_is_told_once_and_only_where_it_is_due() {
    let (sandbox, shop) = running(&[base()]).await;
    let paid = work(Action::ShopPaid, &base(), &[], &[]);
    for past in [Past::Clean, Past::Unknown] {
        assert_eq!(told(&shop, &paid, past).await.unwrap(), StepResult::Told);
    }
    assert_eq!((sandbox.state().report().paid, member(&sandbox, 1, "OrderStatusId")), (1, json!(20)));
    for (payment, wanted) in [
        (20, Ok(1)),
        (30, Ok(0)),
        (35, Ok(0)),
        (40, Ok(0)),
        (50, Err("not_payable")),
        (77, Err("not_payable")),
    ] {
        let (sandbox, shop) = running(&[standing(20, payment, 20)]).await;
        let result = told(&shop, &paid, Past::Clean).await;
        match wanted {
            Ok(_) => assert_eq!(result.unwrap(), StepResult::Told, "{payment}"),
            Err(wanted) => assert_eq!(kind(result), wanted, "{payment}"),
        }
        assert_eq!(sandbox.state().report().paid, usize::from(wanted == Ok(1)), "{payment}");
    }
    let (sandbox, shop) = running(&[standing(40, 10, 20)]).await;
    assert_eq!(kind(told(&shop, &paid, Past::Clean).await), "not_payable");
    sandbox.state().remove(1);
    assert_eq!(kind(told(&shop, &paid, Past::Clean).await), "not_payable");
}

#[tokio::test]
async fn yes_without_an_effect_is_no() {
    let server = MockServer::start().await;
    let order = standing(10, 10, 20);
    let list = ResponseTemplate::new(200).set_body_json(json!({ "value": [order] }));
    Mock::given(path("/odata/v1/Orders")).respond_with(list).mount(&server).await;
    for action in ["PaymentPaid", "Cancel"] {
        let unchanged = ResponseTemplate::new(200).set_body_json(&order);
        Mock::given(path(format!("/odata/v1/Orders(1)/{action}")))
            .respond_with(unchanged)
            .mount(&server)
            .await;
    }
    let unshipped = json!({ "Id": 5, "OrderId": 1, "TrackingNumber": "JJD1", "ShippedDateUtc": null });
    let unshipped = ResponseTemplate::new(200).set_body_json(unshipped);
    Mock::given(path("/odata/v1/Orders(1)/AddShipment")).respond_with(unshipped).mount(&server).await;
    let shop = Smartstore::new(&ours(&server.uri()), &secrets(), client()).unwrap();
    for (action, wanted) in [
        (Action::ShopPaid, "not_paid"),
        (Action::ShopCancel, "not_cancelled"),
        (Action::ShopShipment, "not_shipped"),
    ] {
        assert_eq!(kind(told(&shop, &work(action, &order, &["JJD1"], &[]), Past::Clean).await), wanted);
    }
}

#[tokio::test]
async fn everything_at_once_is_one_call() {
    let (sandbox, shop) = running(&[base()]).await;
    let parcel = work(Action::ShopShipment, &base(), &["JJD1", "JJD2"], &[]);
    assert_eq!(told(&shop, &parcel, Past::Clean).await.unwrap(), StepResult::Told);
    assert_eq!(told(&shop, &parcel, Past::Unknown).await.unwrap(), StepResult::Told);
    let report = sandbox.state().report();
    assert_eq!((report.shipments, report.mails), (1, 0), "Kontor writes to the customer itself");
    assert_eq!(report.doubled_shipments, Vec::<u64>::new());
    assert_eq!(report.calls["POST Orders({id})/AddShipment"], 1);
    let parcels = member(&sandbox, 1, "Shipments");
    assert_eq!(parcels[0]["TrackingNumber"], "JJD1, JJD2");
    assert_eq!(parcels[0]["TrackingUrl"], "https://track.example/JJD1");
    assert_eq!(member(&sandbox, 1, "ShippingStatusId"), 30);
}

#[tokio::test]
async fn three_parcels_from_two_places() {
    let (sandbox, shop) = running(&[base()]).await;
    let parcels: [(&str, &[Packed<'_>]); 3] = [
        ("JJD1", &[(Some("9010"), None, 1)]),
        ("JJD2", &[(None, Some("BOHNE-1KG"), 1)]),
        ("JJD3", &[(Some("unknown"), Some("TASSE-01"), 1)]),
    ];
    for (number, lines) in parcels {
        let parcel = work(Action::ShopShipment, &base(), &[number], lines);
        for past in [Past::Clean, Past::Unknown] {
            assert_eq!(told(&shop, &parcel, past).await.unwrap(), StepResult::Told);
        }
    }
    let report = sandbox.state().report();
    assert_eq!((report.shipments, report.doubled_shipments), (3, vec![]));
    assert_eq!(report.calls["POST ShipmentItems"], 2);
    assert_eq!(report.calls["POST Orders({id})/AddShipment"], 1, "the last takes the rest");
    assert_eq!(member(&sandbox, 1, "ShippingStatusId"), 30);
}

#[tokio::test]
async fn a_parcel_after_everything_was_shipped_adds_its_number() {
    let (sandbox, shop) = running(&[base()]).await;
    for number in ["JJD1", "JJD2", "JJD2"] {
        let parcel = work(Action::ShopShipment, &base(), &[number], &[]);
        assert_eq!(told(&shop, &parcel, Past::Clean).await.unwrap(), StepResult::Told);
    }
    assert_eq!(member(&sandbox, 1, "Shipments")[0]["TrackingNumber"], "JJD1, JJD2");
    assert_eq!(sandbox.state().report().shipments, 1);
}

#[tokio::test]
async fn parts_of_a_bundle_are_its_bundles() {
    let mut bundle = fixture("bundle");
    bundle["Shipments"] = json!([]);
    let (sandbox, shop) = running(&[bundle.clone()]).await;
    let lines = [(Some("9201-41"), None, 1), (Some("9201-42"), None, 4), (None, Some("FILTER-100"), 1)];
    let first = work(Action::ShopShipment, &bundle, &["JJD1"], &lines);
    assert_eq!(told(&shop, &first, Past::Clean).await.unwrap(), StepResult::Told);
    let parcels = member(&sandbox, 4713, "Shipments");
    assert_eq!(parcels[0]["ShipmentItems"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&parcels[0]["ShipmentItems"][0]["OrderItemId"], &parcels[0]["ShipmentItems"][0]["Quantity"]),
        (&json!(9201), &json!(1))
    );
    let rest = work(Action::ShopShipment, &bundle, &["JJD2"], &[]);
    assert_eq!(told(&shop, &rest, Past::Clean).await.unwrap(), StepResult::Told);
    let report = sandbox.state().report();
    assert_eq!((report.shipments, report.doubled_shipments), (2, vec![]));
}

#[tokio::test]
async fn an_article_on_several_lines_is_taken_from_one_after_the_other() {
    let mut twice = fixture("bundle");
    twice["Shipments"] = json!([]);
    twice["OrderItems"][2]["Sku"] = json!("TASSE-01");
    twice["OrderItems"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "Id": 9204, "Quantity": 2, "Sku": "TASSE-01", "Product": null }));
    let (sandbox, shop) = running(&[twice]).await;
    let facts = fixture("bundle");
    // One on the first line, two on the second, and four of the bundle's eight.
    let parcel = work(Action::ShopShipment, &facts, &["JJD1"], &[(None, Some("TASSE-01"), 7)]);
    assert_eq!(told(&shop, &parcel, Past::Clean).await.unwrap(), StepResult::Told);
    let items = member(&sandbox, 4713, "Shipments")[0]["ShipmentItems"].clone();
    let packed: Vec<(u64, u64)> = items
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["OrderItemId"].as_u64().unwrap(), one["Quantity"].as_u64().unwrap()))
        .collect();
    assert_eq!(packed, [(9201, 1), (9203, 1), (9204, 2)]);
    assert_eq!(sandbox.state().report().doubled_shipments, Vec::<u64>::new());
}

#[tokio::test]
async fn an_answer_that_was_lost_is_looked_for() {
    let lost = Switches { work_but_never_answer_per_mille: 1_000, ..Switches::default() };
    let partial: &[Packed<'_>] = &[(Some("9010"), None, 1), (Some("9011"), None, 1)];
    let cases: [(Action, &[&str], &[Packed<'_>]); 5] = [
        (Action::ShopPaid, &[], &[]),
        (Action::ShopCancel, &[], &[]),
        (Action::ShopShipment, &["JJD1"], &[]),
        (Action::ShopShipment, &["JJD1"], partial),
        (Action::ShopShipment, &[], partial),
    ];
    for (action, tracking, lines) in cases {
        let (sandbox, shop) = running(&[base()]).await;
        let work = work(action, &base(), tracking, lines);
        let mut past = Past::Clean;
        // Every creating call loses its answer once.
        let mut attempts = 0;
        loop {
            sandbox.state().switch(lost);
            let result = told(&shop, &work, past).await;
            sandbox.state().switch(Switches::default());
            attempts += 1;
            let Err(error) = result else { break };
            assert!(matches!(error.remedy(), Remedy::Reconcile { .. }), "{error:?}");
            past = Past::Unknown;
            assert!(attempts < 8, "{action:?} never comes to an end");
        }
        let report = sandbox.state().report();
        assert_eq!(report.doubled_shipments, Vec::<u64>::new(), "{action:?} {lines:?}");
        let done = (report.paid, report.cancelled, report.shipments);
        let is = |wanted: Action| usize::from(action == wanted);
        let wanted = (is(Action::ShopPaid), is(Action::ShopCancel), is(Action::ShopShipment));
        assert_eq!(done, wanted, "{action:?} {tracking:?} {lines:?} after {attempts}");
        if !lines.is_empty() {
            assert_eq!(member(&sandbox, 1, "Shipments").as_array().unwrap().len(), 1);
            assert_eq!(member(&sandbox, 1, "Shipments")[0]["ShipmentItems"].as_array().unwrap().len(), 2);
        }
    }
}

#[tokio::test]
async fn a_cancellation_is_made_where_nothing_happened_meanwhile() {
    let cancel = work(Action::ShopCancel, &base(), &[], &[]);
    let outcome = |word: &str| StepResult::Cancelled { outcome: word.to_owned() };
    let (sandbox, shop) = running(&[base()]).await;
    assert_eq!(told(&shop, &cancel, Past::Clean).await.unwrap(), outcome("cancelled"));
    assert_eq!(told(&shop, &cancel, Past::Unknown).await.unwrap(), outcome("cancelled already"));
    assert_eq!((sandbox.state().report().cancelled, sandbox.state().report().mails), (1, 1));
    sandbox.state().remove(1);
    assert_eq!(told(&shop, &cancel, Past::Clean).await.unwrap(), outcome("not there"));
    for (order, payment, shipping) in [(20, 30, 20), (20, 35, 20), (30, 30, 40), (20, 10, 25), (20, 10, 30)] {
        let (sandbox, shop) = running(&[standing(order, payment, shipping)]).await;
        assert_eq!(kind(told(&shop, &cancel, Past::Clean).await), "not_cancellable");
        assert_eq!(sandbox.state().report().cancelled, 0);
    }
    let (_sandbox, shop) = running(&[standing(20, 40, 20)]).await;
    assert_eq!(told(&shop, &cancel, Past::Clean).await.unwrap(), outcome("cancelled"));
    for (life, word) in
        [(OrderLife::Deleted, "deleted by the shop"), (OrderLife::Cancelled, "cancelled by the shop")]
    {
        let gone = work(Action::ShopCancel, &base(), &[], &[]).knowing(Event::Life(life));
        assert_eq!(told(&shop, &gone, Past::Clean).await.unwrap(), outcome(word));
    }
}

#[tokio::test]
async fn a_parcel_of_an_order_that_ended_is_a_persons_work() {
    let (sandbox, shop) = running(&[standing(40, 10, 20)]).await;
    let parcel = work(Action::ShopShipment, &base(), &["JJD1"], &[]);
    assert_eq!(kind(told(&shop, &parcel, Past::Clean).await), "not_shippable");
    assert_eq!(told(&shop, &parcel, Past::Withdrawn).await.unwrap(), StepResult::Withdrawn);
    let strange = work(Action::ShopShipment, &base(), &["JJD1"], &[(None, Some("OTHER"), 1)]);
    sandbox.state().edit(1, &json!({ "OrderStatusId": 10 }));
    assert!(matches!(told(&shop, &strange, Past::Clean).await.unwrap_err(), CallError::Unmapped { .. }));
    assert_eq!(sandbox.state().report().shipments, 0);
}

#[tokio::test]
async fn a_missing_permission_is_an_alarm_not_an_outage() {
    let (sandbox, shop) = running(&[base()]).await;
    sandbox.state().forbid("order.update");
    sandbox.state().forbid("order.editshipment");
    for action in [Action::ShopPaid, Action::ShopCancel, Action::ShopShipment] {
        let error = told(&shop, &work(action, &base(), &["JJD1"], &[]), Past::Clean).await.unwrap_err();
        assert_eq!(error.remedy(), Remedy::Alarm, "{action:?}: {error:?}");
    }
}
