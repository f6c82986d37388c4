//! What WooCommerce is told, and that nothing is told twice.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use kontor_domain::OrderLife;
use kontor_flow::ports::{Connector, Past};
use kontor_flow::{Action, CallError, Event, Finish, Happened, Hint, Remedy, StepResult, System};
use serde_json::{Value, json};
use wiremock::matchers::{basic_auth, body_json, method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::config::{ShopKind, Tracking};
use crate::shop_testing::{NOW, Work, client, envelope, erp_payment, fixture, secrets, shipment, shop, time};
use crate::woocommerce::{WooCommerce, read};

const ORDER: &str = "/wp-json/wc/v3/orders/4712";
const NOTES: &str = "/wp-json/wc/v3/orders/4712/notes";

fn facts() -> Vec<Happened> {
    let shop = shop(ShopKind::Woocommerce, "https://kaffee.example.test");
    read(&shop, &envelope("order.created", &fixture("woocommerce/bacs-on-hold.json"))).unwrap()
}

fn work(action: Action) -> Work {
    Work::new(action, Some("S-1"), &facts()).knowing(shipment("S-1", &["00340434"]))
}

/// The shop tells its customers of parcels by notes; what else it may have is told of in the tests with the stand-in.
async fn perform(server: &MockServer, work: &Work, past: Past) -> Result<Finish, CallError> {
    let mut shop = shop(ShopKind::Woocommerce, &server.uri());
    shop.api.as_mut().unwrap().tracking = Some(Tracking::Note);
    WooCommerce::new(&shop, &secrets(), client()).unwrap().perform(work.job(past)).await
}

/// An order as the shop has it, of which only what is looked at matters here.
fn order(status: &str, paid: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({"id": 4712, "status": status, "date_paid_gmt": paid}))
}

async fn answers(server: &MockServer, verb: &str, at: &str, answer: ResponseTemplate) {
    Mock::given(method(verb))
        .and(path(at))
        .and(basic_auth("key", "secret"))
        .respond_with(answer)
        .mount(server)
        .await;
}

/// The calls the shop got: method, path and body.
async fn heard(server: &MockServer) -> Vec<(String, Value)> {
    let requests = server.received_requests().await.unwrap();
    let body = |request: &Request| serde_json::from_slice(&request.body).unwrap_or(Value::Null);
    let line = |request: &Request| {
        format!("{} {}", request.method, request.url.path().replace("/wp-json/wc/v3", ""))
    };
    requests.iter().map(|request| (line(request), body(request))).collect()
}

fn lines(heard: &[(String, Value)]) -> Vec<&str> {
    heard.iter().map(|(line, _)| line.as_str()).collect()
}

fn note(text: &str) -> Value {
    json!({"id": 10, "author": "WooCommerce", "note": text, "customer_note": true})
}

#[tokio::test]
async fn a_payment_sets_the_status_after_a_look() {
    let server = MockServer::start().await;
    answers(&server, "GET", ORDER, order("on-hold", Value::Null)).await;
    answers(&server, "PUT", ORDER, order("processing", json!("2026-11-21T12:00:00"))).await;
    let work = work(Action::ShopPaid).knowing(erp_payment("64.78 EUR"));
    let finish = perform(&server, &work, Past::Clean).await.unwrap();
    assert_eq!((finish.result, finish.calls), (StepResult::Told, 2));
    let heard = heard(&server).await;
    assert_eq!(lines(&heard), ["GET /orders/4712", "PUT /orders/4712"]);
    assert_eq!(heard[1].1, json!({"status": "processing", "transaction_id": "bank-123"}));
}

#[tokio::test]
async fn a_payment_the_shop_knows_is_not_told_again() {
    for (status, paid) in
        [("processing", Value::Null), ("completed", Value::Null), ("on-hold", json!("2026-11-20T08:00:00"))]
    {
        let server = MockServer::start().await;
        answers(&server, "GET", ORDER, order(status, paid)).await;
        let finish = perform(&server, &work(Action::ShopPaid), Past::Unknown).await.unwrap();
        assert_eq!((finish.result, finish.calls), (StepResult::Told, 1), "{status}");
    }
}

#[tokio::test]
async fn a_cancelled_order_is_not_brought_back_by_a_payment() {
    for status in ["cancelled", "refunded", "trash"] {
        let server = MockServer::start().await;
        answers(&server, "GET", ORDER, order(status, Value::Null)).await;
        let error = perform(&server, &work(Action::ShopPaid), Past::Clean).await.unwrap_err();
        assert!(matches!(error, CallError::Refused { .. }), "{status}: {error}");
        assert_eq!(error.remedy(), Remedy::Park);
        assert_eq!(lines(&heard(&server).await), ["GET /orders/4712"]);
    }
}

#[tokio::test]
async fn a_shipment_is_a_look_and_two_writes_the_note_last() {
    let server = MockServer::start().await;
    answers(&server, "GET", ORDER, order("processing", Value::Null)).await;
    answers(&server, "PUT", ORDER, order("completed", Value::Null)).await;
    answers(&server, "POST", NOTES, ResponseTemplate::new(201).set_body_json(note("…"))).await;
    let finish = perform(&server, &work(Action::ShopShipment), Past::Clean).await.unwrap();
    assert_eq!((finish.result, finish.calls), (StepResult::Told, 3));
    let heard = heard(&server).await;
    assert_eq!(lines(&heard), ["GET /orders/4712", "PUT /orders/4712", "POST /orders/4712/notes"]);
    let parcel = json!({
        "carrier": "DHL", "tracking": ["00340434"], "tracking_url": "https://track.example/00340434", "shipped_at": NOW
    });
    let meta = json!([{"key": "_kontor_shipment_S-1", "value": parcel}]);
    assert_eq!(heard[1].1, json!({"status": "completed", "meta_data": meta}));
    let text = "Ihre Bestellung ist unterwegs: DHL 00340434 https://track.example/00340434 (Lieferung [S-1])";
    assert_eq!(heard[2].1, json!({"note": text, "customer_note": true}));
}

#[tokio::test]
async fn the_note_speaks_english_to_those_who_do() {
    let server = MockServer::start().await;
    let english = Mock::given(method("POST")).and(path(NOTES)).and(body_json(json!({
        "note": "Your order is on its way: DHL (Shipment [S-1])", "customer_note": true
    })));
    english.respond_with(ResponseTemplate::new(201).set_body_json(note("…"))).expect(1).mount(&server).await;
    answers(&server, "GET", ORDER, order("processing", Value::Null)).await;
    answers(&server, "PUT", ORDER, order("completed", Value::Null)).await;
    let body = String::from_utf8(fixture("woocommerce/bacs-on-hold.json")).unwrap();
    let body = body.replace(r#""value": "de""#, r#""value": "en_GB""#);
    let shop = shop(ShopKind::Woocommerce, &server.uri());
    let facts = read(&shop, &envelope("order.created", body.as_bytes())).unwrap();
    let work = Work::new(Action::ShopShipment, Some("S-1"), &facts).knowing(shipment("S-1", &[]));
    perform(&server, &work, Past::Clean).await.unwrap();
}

#[tokio::test]
async fn a_note_whose_answer_was_lost_is_found_and_not_written_again() {
    let server = MockServer::start().await;
    let notes: Arc<Mutex<Vec<Value>>> = Arc::default();
    let (written, listed) = (Arc::clone(&notes), Arc::clone(&notes));
    let write = move |request: &Request| {
        let asked: Value = serde_json::from_slice(&request.body).unwrap();
        written.lock().unwrap().push(note(asked["note"].as_str().unwrap()));
        ResponseTemplate::new(201).set_body_json(note("…")).set_delay(Duration::from_secs(5))
    };
    Mock::given(method("POST")).and(path(NOTES)).respond_with(write).mount(&server).await;
    let list = move |_: &Request| ResponseTemplate::new(200).set_body_json(listed.lock().unwrap().clone());
    Mock::given(method("GET")).and(path(NOTES)).respond_with(list).mount(&server).await;
    answers(&server, "GET", ORDER, order("processing", Value::Null)).await;
    answers(&server, "PUT", ORDER, order("completed", Value::Null)).await;
    let work = work(Action::ShopShipment);
    let error = perform(&server, &work, Past::Clean).await.unwrap_err();
    assert!(matches!(error.remedy(), Remedy::Reconcile { .. }), "{error}");
    let finish = perform(&server, &work, Past::Unknown).await.unwrap();
    assert_eq!((finish.result, finish.calls), (StepResult::Told, 1));
    assert_eq!(notes.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_shipment_of_unknown_outcome_without_our_note_is_told() {
    let server = MockServer::start().await;
    let others = json!([note("Lieferung [S-10]"), note("Zahlung eingegangen")]);
    answers(&server, "GET", NOTES, ResponseTemplate::new(200).set_body_json(others)).await;
    answers(&server, "GET", ORDER, order("processing", Value::Null)).await;
    answers(&server, "PUT", ORDER, order("completed", Value::Null)).await;
    answers(&server, "POST", NOTES, ResponseTemplate::new(201).set_body_json(note("…"))).await;
    let finish = perform(&server, &work(Action::ShopShipment), Past::Unknown).await.unwrap();
    assert_eq!(finish.calls, 4);
}

#[tokio::test]
async fn nothing_is_noted_before_the_status_is_written() {
    let limited = ResponseTemplate::new(429).insert_header("retry-after", "7");
    for (answer, remedy) in [
        (limited, Remedy::Retry { after: Some(Duration::from_secs(7)) }),
        (ResponseTemplate::new(503), Remedy::Reconcile { after: None }),
        (ResponseTemplate::new(200).set_body_string("<html>"), Remedy::Reconcile { after: None }),
        (ResponseTemplate::new(302), Remedy::Park),
    ] {
        let server = MockServer::start().await;
        answers(&server, "GET", ORDER, order("processing", Value::Null)).await;
        answers(&server, "PUT", ORDER, answer).await;
        let error = perform(&server, &work(Action::ShopShipment), Past::Clean).await.unwrap_err();
        assert_eq!(error.remedy(), remedy, "{error}");
        assert_eq!(lines(&heard(&server).await), ["GET /orders/4712", "PUT /orders/4712"]);
    }
}

#[tokio::test]
async fn a_cancelled_order_is_not_brought_back_by_a_shipment() {
    for status in ["cancelled", "refunded", "trash"] {
        let server = MockServer::start().await;
        answers(&server, "GET", ORDER, order(status, Value::Null)).await;
        answers(&server, "PUT", ORDER, order("completed", Value::Null)).await;
        answers(&server, "POST", NOTES, ResponseTemplate::new(201).set_body_json(note("…"))).await;
        let error = perform(&server, &work(Action::ShopShipment), Past::Clean).await.unwrap_err();
        assert!(matches!(error, CallError::Refused { .. }), "{status}: {error}");
        assert_eq!(error.remedy(), Remedy::Park);
        assert_eq!(lines(&heard(&server).await), ["GET /orders/4712"]);
    }
}

#[tokio::test]
async fn a_parcel_for_a_cancelled_order_is_for_a_person() {
    let server = MockServer::start().await;
    let work = work(Action::ShopShipment).knowing(Event::Life(OrderLife::Cancelled));
    let error = perform(&server, &work, Past::Clean).await.unwrap_err();
    assert_eq!(error.remedy(), Remedy::Park);
    assert_eq!(heard(&server).await, []);
}

#[tokio::test]
async fn a_shipment_nobody_told_of_cannot_be_told_on() {
    let server = MockServer::start().await;
    let work = Work::new(Action::ShopShipment, Some("S-2"), &facts()).knowing(shipment("S-1", &[]));
    assert!(matches!(perform(&server, &work, Past::Clean).await, Err(CallError::Unmapped { .. })));
}

#[tokio::test]
async fn a_cancellation_is_a_look_and_a_write() {
    let server = MockServer::start().await;
    answers(&server, "GET", ORDER, order("on-hold", Value::Null)).await;
    answers(&server, "PUT", ORDER, order("cancelled", Value::Null)).await;
    let finish = perform(&server, &work(Action::ShopCancel), Past::Unknown).await.unwrap();
    assert_eq!((finish.result, finish.calls), (StepResult::Cancelled { outcome: "cancelled".to_owned() }, 2));
    let heard = heard(&server).await;
    assert_eq!(lines(&heard), ["GET /orders/4712", "PUT /orders/4712"]);
    assert_eq!(heard[1].1, json!({"status": "cancelled"}));
}

#[tokio::test]
async fn what_is_over_in_the_shop_is_not_cancelled_again() {
    for (status, paid) in
        [("cancelled", Value::Null), ("trash", Value::Null), ("refunded", json!("2026-11-20T08:00:00"))]
    {
        let server = MockServer::start().await;
        answers(&server, "GET", ORDER, order(status, paid)).await;
        let finish = perform(&server, &work(Action::ShopCancel), Past::Clean).await.unwrap();
        assert!(matches!(finish, Finish { result: StepResult::Cancelled { .. }, calls: 1 }), "{status}");
    }
}

#[tokio::test]
async fn what_was_paid_or_completed_meanwhile_is_not_cancelled() {
    for (status, paid) in [("completed", Value::Null), ("processing", json!("2026-11-20T08:00:00"))] {
        let server = MockServer::start().await;
        answers(&server, "GET", ORDER, order(status, paid)).await;
        answers(&server, "PUT", ORDER, order("cancelled", Value::Null)).await;
        let error = perform(&server, &work(Action::ShopCancel), Past::Clean).await.unwrap_err();
        assert_eq!(error.remedy(), Remedy::Park);
        insta::allow_duplicates! {
            insta::assert_snapshot!(error, @"WooCommerce refused GET /orders/{id} with status 200: not_cancellable: the order was paid or completed in the shop meanwhile");
        }
        assert_eq!(lines(&heard(&server).await), ["GET /orders/4712"]);
    }
}

#[tokio::test]
async fn what_the_shop_cancelled_itself_is_not_cancelled_again() {
    for life in [OrderLife::Cancelled, OrderLife::Deleted] {
        let server = MockServer::start().await;
        let work = work(Action::ShopCancel).knowing(Event::Life(life));
        let finish = perform(&server, &work, Past::Clean).await.unwrap();
        assert!(matches!(finish, Finish { result: StepResult::Cancelled { .. }, calls: 0 }));
    }
}

#[tokio::test]
async fn an_order_that_is_gone_needs_no_cancellation_but_a_wrong_address_does_not_count() {
    let gone = json!({"code": "woocommerce_rest_shop_order_invalid_id", "message": "Invalid ID.", "data": {"status": 404}});
    let server = MockServer::start().await;
    answers(&server, "GET", ORDER, ResponseTemplate::new(404).set_body_json(gone)).await;
    let finish = perform(&server, &work(Action::ShopCancel), Past::Clean).await.unwrap();
    assert_eq!(finish.result, StepResult::Cancelled { outcome: "not there".to_owned() });
    let no_route = json!({"code": "rest_no_route", "message": "No route was found matching the URL and request method."});
    let server = MockServer::start().await;
    answers(&server, "GET", ORDER, ResponseTemplate::new(404).set_body_json(no_route)).await;
    let error = perform(&server, &work(Action::ShopCancel), Past::Clean).await.unwrap_err();
    assert_eq!(error.remedy(), Remedy::Park);
}

#[tokio::test]
async fn keys_that_do_not_fit_call_somebody() {
    let refusal =
        json!({"code": "woocommerce_rest_cannot_view", "message": "Sorry, you cannot list resources."});
    for status in [401, 403] {
        let server = MockServer::start().await;
        answers(&server, "GET", ORDER, order("on-hold", Value::Null)).await;
        answers(&server, "PUT", ORDER, ResponseTemplate::new(status).set_body_json(&refusal)).await;
        let error = perform(&server, &work(Action::ShopCancel), Past::Clean).await.unwrap_err();
        assert_eq!(error.remedy(), Remedy::Alarm);
        insta::allow_duplicates! {
            insta::assert_snapshot!(error.to_string().replace(&status.to_string(), "…"), @"WooCommerce does not let us in at PUT /orders/{id} (status …): woocommerce_rest_cannot_view: Sorry, you cannot list resources.");
        }
    }
}

#[tokio::test]
async fn a_shop_that_is_down_is_tried_again_later() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let shop = shop(ShopKind::Woocommerce, &format!("http://{unused}"));
    let connector = WooCommerce::new(&shop, &secrets(), client()).unwrap();
    let error = connector.perform(work(Action::ShopCancel).job(Past::Clean)).await.unwrap_err();
    assert_eq!(error.remedy(), Remedy::Retry { after: None });
    assert!(!kontor_flow::remedy::chain(&error).contains("4712"), "the address is not told");
}

#[tokio::test]
async fn a_shop_without_api_and_work_for_others_are_refused() {
    let mut config = shop(ShopKind::Woocommerce, "http://127.0.0.1:9");
    config.api = None;
    let silent = WooCommerce::new(&config, &secrets(), client()).unwrap();
    for action in [Action::ShopPaid, Action::ShopCancel, Action::ErpInvoice] {
        assert!(matches!(
            silent.perform(work(action).job(Past::Clean)).await,
            Err(CallError::Unmapped { .. })
        ));
    }
    let hint = Hint { system: System::Woocommerce, entity: "order".to_owned(), id: "1".to_owned() };
    assert_eq!(silent.look_up(&hint, time(NOW)).await.unwrap_err().remedy(), Remedy::Park);
}
