//! What Shopify is told, that nothing is told twice, and that every operation is one of its schema.

use std::time::Duration;

use apollo_compiler::{ExecutableDocument, Schema};
use kontor_domain::OrderLife;
use kontor_flow::ports::{Connector, Past};
use kontor_flow::{Action, CallError, Event, Finish, Happened, Hint, Remedy, StepResult, System};
use serde_json::{Value, json};
use wiremock::matchers::{body_string_contains, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::config::ShopKind;
use crate::shop_testing::{NOW, Work, client, contracts, envelope, fixture, secrets, shipment, shop, time};
use crate::shopify::documents::{self, CANCEL, MARK_PAID};
use crate::shopify::{Shopify, read};

const GID: &str = "gid://shopify/Order/6200000000102";

fn facts() -> Vec<Happened> {
    let shop = shop(ShopKind::Shopify, "https://kaffee.example.test");
    read(&shop, &envelope("orders/create", &fixture("shopify/bank-pending.json"))).unwrap()
}

fn work(action: Action) -> Work {
    Work::new(action, Some("S-1"), &facts()).knowing(shipment("S-1", &["00340434"]))
}

async fn perform(server: &MockServer, work: &Work, past: Past) -> Result<Finish, CallError> {
    let shop = shop(ShopKind::Shopify, &server.uri());
    Shopify::new(&shop, &secrets(), client()).unwrap().perform(work.job(past)).await
}

/// Answers the operation with that name.
async fn answers(server: &MockServer, operation: &str, answer: ResponseTemplate) {
    Mock::given(method("POST"))
        .and(path("/admin/api/2026-10/graphql.json"))
        .and(header("x-shopify-access-token", "key"))
        .and(body_string_contains(format!(" {operation}(")))
        .respond_with(answer)
        .mount(server)
        .await;
}

fn ok(body: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

/// The variables of the operations the shop got.
async fn heard(server: &MockServer) -> Vec<Value> {
    let requests = server.received_requests().await.unwrap();
    let body = |body: &[u8]| serde_json::from_slice::<Value>(body).unwrap()["variables"].take();
    requests.iter().map(|request| body(&request.body)).collect()
}

fn marked(status: &str, errors: Value) -> ResponseTemplate {
    let order = json!({"id": GID, "displayFinancialStatus": status});
    ok(json!({"data": {"orderMarkAsPaid": {"order": order, "userErrors": errors}}}))
}

fn cancelled(errors: Value) -> ResponseTemplate {
    let job = json!({"id": "gid://shopify/Job/1", "done": false});
    ok(json!({"data": {"orderCancel": {"job": job, "orderCancelUserErrors": errors}}}))
}

/// Two fulfilment orders at different places, of which `open` are still to be shipped, and numbers known already.
fn to_ship(states: &[(&str, i64)], known: &[&str]) -> Value {
    let order = |(n, (status, remaining)): (usize, &(&str, i64))| {
        json!({
            "id": format!("gid://shopify/FulfillmentOrder/{n}"),
            "status": status,
            "assignedLocation": {"location": {"id": format!("gid://shopify/Location/{n}")}},
            "lineItems": {"pageInfo": {"hasNextPage": false, "endCursor": null}, "nodes": [{
                "id": "gid://shopify/FulfillmentOrderLineItem/1", "remainingQuantity": remaining, "sku": "KANNE-02",
                "lineItem": {"id": "gid://shopify/LineItem/1"},
            }]},
        })
    };
    let orders: Vec<Value> = states.iter().enumerate().map(order).collect();
    let info = |number: &&str| json!({"company": "DHL", "number": number, "url": format!("https://track.example/{number}")});
    let infos: Vec<Value> = known.iter().map(info).collect();
    let nothing = json!({"pageInfo": {"hasNextPage": false, "endCursor": null}, "nodes": []});
    let parcels = json!([{
        "id": "gid://shopify/Fulfillment/7", "status": "SUCCESS", "trackingInfo": infos, "fulfillmentLineItems": nothing,
    }]);
    let parcels = if known.is_empty() { json!([]) } else { parcels };
    json!({"data": {"order": {
        "id": GID, "cancelledAt": null, "fulfillments": parcels,
        "fulfillmentOrders": {"pageInfo": {"hasNextPage": false, "endCursor": null}, "nodes": orders},
    }}})
}

fn created(errors: Value) -> ResponseTemplate {
    ok(json!({"data": {"fulfillmentCreate": {"fulfillment": null, "userErrors": errors}}}))
}

#[test]
fn every_operation_is_one_of_the_schema() {
    let Some(file) = contracts("shopify/schema/admin_2026-10.graphql") else { return };
    // Shopify's document uses this directive of the specification without defining it.
    let text = format!("{}\ndirective @oneOf on INPUT_OBJECT\n", std::fs::read_to_string(&file).unwrap());
    let schema = Schema::parse_and_validate(text, &file).unwrap();
    for operation in documents::ALL {
        if let Err(error) = ExecutableDocument::parse_and_validate(&schema, operation, "operation.graphql") {
            panic!("{operation}\n{error}");
        }
    }
    let wrong = MARK_PAID.replace("field message", "field message code");
    let refused = ExecutableDocument::parse_and_validate(&schema, wrong, "operation.graphql");
    assert!(refused.is_err(), "plain user errors have no code");
}

#[tokio::test]
async fn a_payment_is_one_call() {
    let server = MockServer::start().await;
    answers(&server, "KontorPaid", marked("PAID", json!([]))).await;
    let finish = perform(&server, &work(Action::ShopPaid), Past::Clean).await.unwrap();
    assert_eq!((finish.result, finish.calls), (StepResult::Told, 1));
    assert_eq!(heard(&server).await, [json!({"input": {"id": GID}})]);
}

#[tokio::test]
async fn a_payment_the_shop_knows_is_done() {
    let errors = json!([{"field": ["id"], "message": "Order cannot be marked as paid."}]);
    for status in ["PAID", "PARTIALLY_REFUNDED", "REFUNDED"] {
        let server = MockServer::start().await;
        answers(&server, "KontorPaid", marked(status, errors.clone())).await;
        let finish = perform(&server, &work(Action::ShopPaid), Past::Unknown).await.unwrap();
        assert_eq!(finish.result, StepResult::Told, "{status}");
    }
    for status in ["PENDING", "VOIDED", "NEW_WORD"] {
        let server = MockServer::start().await;
        answers(&server, "KontorPaid", marked(status, errors.clone())).await;
        let error = perform(&server, &work(Action::ShopPaid), Past::Clean).await.unwrap_err();
        assert_eq!(error.remedy(), Remedy::Park);
        insta::allow_duplicates! {
            insta::assert_snapshot!(error, @"Shopify refused orderMarkAsPaid with status 200: user_error: Order cannot be marked as paid. at id");
        }
    }
}

#[tokio::test]
async fn recorded_answers_to_payments_are_understood() {
    let Some(file) =
        contracts("shopify/graphql_captures/2026-04.orders.orderMarkAsPaid-state-and-money.json")
    else {
        return;
    };
    let recorded: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    for case in ["unpaidSuccess", "alreadyPaid", "multiCurrency"] {
        let server = MockServer::start().await;
        answers(&server, "KontorPaid", ok(recorded["cases"][case]["response"]["payload"].clone())).await;
        let finish = perform(&server, &work(Action::ShopPaid), Past::Clean).await.unwrap();
        assert_eq!(finish.result, StepResult::Told, "{case}");
    }
}

#[tokio::test]
async fn a_shipment_takes_what_is_left_one_call_per_place() {
    let server = MockServer::start().await;
    answers(&server, "KontorShipping", ok(to_ship(&[("OPEN", 1), ("IN_PROGRESS", 2), ("CLOSED", 0)], &[])))
        .await;
    answers(&server, "KontorShip", created(json!([]))).await;
    let finish = perform(&server, &work(Action::ShopShipment), Past::Clean).await.unwrap();
    assert_eq!((finish.result, finish.calls), (StepResult::Told, 3));
    let heard = heard(&server).await;
    assert_eq!(heard[0], json!({"id": GID}));
    let tracking =
        json!({"company": "DHL", "numbers": ["00340434"], "urls": ["https://track.example/00340434"]});
    for n in [0, 1] {
        let place = json!([{"fulfillmentOrderId": format!("gid://shopify/FulfillmentOrder/{n}")}]);
        let expected =
            json!({"lineItemsByFulfillmentOrder": place, "notifyCustomer": false, "trackingInfo": tracking});
        assert_eq!(heard[n + 1], json!({"fulfillment": expected}));
    }
}

#[tokio::test]
async fn a_shipment_that_is_known_is_not_told_again() {
    for past in [Past::Clean, Past::Unknown] {
        let server = MockServer::start().await;
        answers(&server, "KontorShipping", ok(to_ship(&[("CLOSED", 0)], &["00340434"]))).await;
        let finish = perform(&server, &work(Action::ShopShipment), past).await.unwrap();
        assert_eq!((finish.result, finish.calls), (StepResult::Told, 1));
    }
}

#[tokio::test]
async fn a_shipment_whose_answer_was_lost_is_found() {
    let server = MockServer::start().await;
    let first = ok(to_ship(&[("OPEN", 1)], &[]));
    let look = |answer| {
        Mock::given(method("POST")).and(body_string_contains(" KontorShipping(")).respond_with(answer)
    };
    look(first).up_to_n_times(1).mount(&server).await;
    look(ok(to_ship(&[("CLOSED", 0)], &["00340434"]))).mount(&server).await;
    answers(&server, "KontorShip", created(json!([])).set_delay(Duration::from_secs(5))).await;
    let work = work(Action::ShopShipment);
    let error = perform(&server, &work, Past::Clean).await.unwrap_err();
    assert!(matches!(error.remedy(), Remedy::Reconcile { .. }), "{error}");
    let finish = perform(&server, &work, Past::Unknown).await.unwrap();
    assert_eq!(finish.result, StepResult::Told);
    let creations =
        heard(&server).await.iter().filter(|variables| variables.get("fulfillment").is_some()).count();
    assert_eq!(creations, 1);
}

#[tokio::test]
async fn a_further_parcel_adds_its_number() {
    let server = MockServer::start().await;
    answers(&server, "KontorShipping", ok(to_ship(&[("CLOSED", 0)], &["111"]))).await;
    let updated = json!({"data": {"fulfillmentTrackingInfoUpdate": {"fulfillment": null, "userErrors": []}}});
    answers(&server, "KontorTrack", ok(updated)).await;
    let finish = perform(&server, &work(Action::ShopShipment), Past::Clean).await.unwrap();
    assert_eq!((finish.result, finish.calls), (StepResult::Told, 2));
    let urls = ["https://track.example/111", "https://track.example/00340434"];
    let tracking = json!({"company": "DHL", "numbers": ["111", "00340434"], "urls": urls});
    assert_eq!(heard(&server).await[1], json!({"id": "gid://shopify/Fulfillment/7", "tracking": tracking}));
}

#[tokio::test]
async fn what_the_shop_holds_back_is_not_shipped() {
    let server = MockServer::start().await;
    answers(&server, "KontorShipping", ok(to_ship(&[("ON_HOLD", 1)], &[]))).await;
    let error = perform(&server, &work(Action::ShopShipment), Past::Clean).await.unwrap_err();
    insta::assert_snapshot!(error, @"Shopify refused order with status 200: not_shippable: the shop holds the order's shipping back");
    let mut order = to_ship(&[("CLOSED", 0)], &[]);
    order["data"]["order"]["cancelledAt"] = json!("2026-11-20T00:00:00Z");
    let server = MockServer::start().await;
    answers(&server, "KontorShipping", ok(order)).await;
    let error = perform(&server, &work(Action::ShopShipment), Past::Clean).await.unwrap_err();
    assert!(matches!(error, CallError::Unmapped { .. }));
    let server = MockServer::start().await;
    answers(&server, "KontorShipping", ok(json!({"data": {"order": null}}))).await;
    assert_eq!(
        perform(&server, &work(Action::ShopShipment), Past::Clean).await.unwrap_err().remedy(),
        Remedy::Park
    );
}

#[tokio::test]
async fn user_errors_at_shipping_park_unless_somebody_was_faster() {
    for (message, remedy) in [
        (
            "Fulfillment order 9825095713074 has an unfulfillable status= closed.",
            Remedy::Reconcile { after: None },
        ),
        ("Invalid fulfillment order line item quantity requested.", Remedy::Park),
    ] {
        let server = MockServer::start().await;
        answers(&server, "KontorShipping", ok(to_ship(&[("OPEN", 1)], &[]))).await;
        answers(&server, "KontorShip", created(json!([{"field": ["fulfillment"], "message": message}])))
            .await;
        let error = perform(&server, &work(Action::ShopShipment), Past::Clean).await.unwrap_err();
        assert_eq!(error.remedy(), remedy, "{error}");
    }
}

#[tokio::test]
async fn a_cancellation_moves_no_money_and_bears_our_key() {
    let server = MockServer::start().await;
    answers(&server, "KontorCancel", cancelled(json!([]))).await;
    let finish = perform(&server, &work(Action::ShopCancel), Past::Clean).await.unwrap();
    let outcome = "cancellation accepted".to_owned();
    assert_eq!((finish.result, finish.calls), (StepResult::Cancelled { outcome }, 1));
    let note = "Kontor kaffee/6200000000102/tell-shop/S-1";
    assert_eq!(heard(&server).await, [json!({"id": GID, "note": note})]);
    assert!(!CANCEL.contains("refund"));
}

#[tokio::test]
async fn what_is_cancelled_already_is_done() {
    let server = MockServer::start().await;
    answers(&server, "KontorState", ok(json!({"data": {"order": {"id": GID, "cancelledAt": null}}}))).await;
    let message = "Cannot cancel an order that has already been canceled";
    answers(
        &server,
        "KontorCancel",
        cancelled(json!([{"field": ["orderId"], "message": message, "code": "INVALID"}])),
    )
    .await;
    let finish = perform(&server, &work(Action::ShopCancel), Past::Unknown).await.unwrap();
    assert_eq!(finish.result, StepResult::Cancelled { outcome: "cancelled already".to_owned() });
    let work = work(Action::ShopCancel).knowing(Event::Life(OrderLife::Cancelled));
    assert_eq!(perform(&server, &work, Past::Clean).await.unwrap().calls, 0);
    let server = MockServer::start().await;
    let message = "Cannot cancel an order that has outstanding fulfillments";
    answers(&server, "KontorCancel", cancelled(json!([{"field": null, "message": message}]))).await;
    let error = perform(&server, &self::work(Action::ShopCancel), Past::Clean).await.unwrap_err();
    assert_eq!(error.remedy(), Remedy::Park);
}

#[tokio::test]
async fn errors_in_answers_of_status_200_are_told_apart() {
    let error =
        |code: &str| json!({"errors": [{"message": "…", "extensions": {"code": code}}], "data": null});
    let mut throttled = error("THROTTLED");
    throttled["extensions"]["cost"] = json!({
        "requestedQueryCost": 500, "actualQueryCost": null,
        "throttleStatus": {"maximumAvailable": 2000.0, "currentlyAvailable": 230, "restoreRate": 100.0}
    });
    for (body, remedy) in [
        (throttled, Remedy::Retry { after: Some(Duration::from_secs(3)) }),
        (error("THROTTLED"), Remedy::Retry { after: None }),
        (error("ACCESS_DENIED"), Remedy::Alarm),
        (error("INTERNAL_SERVER_ERROR"), Remedy::Reconcile { after: None }),
        (error("undefinedField"), Remedy::Park),
        (json!({"errors": "Not Found"}), Remedy::Park),
        (json!({"data": null}), Remedy::Reconcile { after: None }),
        (json!({"data": {"orderMarkAsPaid": null}}), Remedy::Park),
        (json!([]), Remedy::Reconcile { after: None }),
    ] {
        let server = MockServer::start().await;
        answers(&server, "KontorPaid", ok(body.clone())).await;
        let error = perform(&server, &work(Action::ShopPaid), Past::Clean).await.unwrap_err();
        assert_eq!(error.remedy(), remedy, "{body} {error}");
    }
}

#[tokio::test]
async fn http_errors_are_told_apart() {
    let limited = ResponseTemplate::new(429).insert_header("retry-after", "2");
    for (answer, remedy) in [
        (limited, Remedy::Retry { after: Some(Duration::from_secs(2)) }),
        (ResponseTemplate::new(401), Remedy::Alarm),
        (ResponseTemplate::new(403), Remedy::Alarm),
        (ResponseTemplate::new(404), Remedy::Park),
        (ResponseTemplate::new(301), Remedy::Park),
        (ResponseTemplate::new(502), Remedy::Reconcile { after: None }),
        (ResponseTemplate::new(200).set_delay(Duration::from_secs(5)), Remedy::Reconcile { after: None }),
    ] {
        let server = MockServer::start().await;
        answers(&server, "KontorCancel", answer).await;
        let error = perform(&server, &work(Action::ShopCancel), Past::Clean).await.unwrap_err();
        assert_eq!(error.remedy(), remedy, "{error}");
    }
    let server = MockServer::start().await;
    answers(&server, "KontorShipping", ResponseTemplate::new(502)).await;
    let error = perform(&server, &work(Action::ShopShipment), Past::Clean).await.unwrap_err();
    assert_eq!(error.remedy(), Remedy::Retry { after: None }, "a question has no effect");
}

#[tokio::test]
async fn a_shop_without_api_and_work_for_others_are_refused() {
    let mut config = shop(ShopKind::Shopify, "http://127.0.0.1:9");
    config.api = None;
    let silent = Shopify::new(&config, &secrets(), client()).unwrap();
    for action in [Action::ShopPaid, Action::ShopShipment, Action::MailSend] {
        assert!(matches!(
            silent.perform(work(action).job(Past::Clean)).await,
            Err(CallError::Unmapped { .. })
        ));
    }
    let hint = Hint { system: System::Shopify, entity: "order".to_owned(), id: "1".to_owned() };
    assert_eq!(silent.look_up(&hint, time(NOW)).await.unwrap_err().remedy(), Remedy::Park);
}
