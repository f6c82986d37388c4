//! The stand-in over HTTP: it refuses what weclapp refuses, and shows what a careless client would do.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State as Shared;
use axum::http::HeaderMap;
use axum::routing::post;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Options, Sandbox, Switches};

mod after;

struct Client {
    erp: Sandbox,
    http: reqwest::Client,
}

impl Client {
    async fn new(options: &Options) -> Self {
        Self { erp: Sandbox::start("127.0.0.1:0", options).await.unwrap(), http: reqwest::Client::new() }
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let url = format!("{}/webapp/api/v2{path}", self.erp.url);
        let mut request = self.http.request(method, url).header("AuthenticationToken", "sandbox-token");
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        (answer.status(), answer.json().await.unwrap_or_default())
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.call(Method::GET, path, None).await
    }

    async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.call(Method::POST, path, Some(body)).await
    }

    async fn put(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.call(Method::PUT, &format!("{path}?ignoreMissingProperties=true"), Some(body)).await
    }

    /// A confirmed order of a new customer.
    async fn order(&self, key: &str, payment: &str) -> String {
        let person = json!({"partyType": "PERSON", "lastName": "M", "customer": true, "email": format!("{}@example.org", key.replace('/', "."))});
        let (_, party) = self.post("/party", person).await;
        let (_, cup) = self.get("/article?articleNumber-eq=TASSE-01").await;
        let item = json!({"articleId": cup["result"][0]["id"], "quantity": "3", "unitPrice": "9.96667", "manualUnitPrice": true});
        let body = json!({
            "customerId": party["id"], "orderNumberAtCustomer": key, "salesOrderPaymentType": payment,
            "salesChannel": "GROSS1", "orderItems": [item],
        });
        let (status, order) = self.post("/salesOrder", body).await;
        assert_eq!(
            (status, &order["grossAmount"], &order["netAmount"]),
            (StatusCode::CREATED, &json!("29.90"), &json!("25.13"))
        );
        let id = order["id"].as_str().unwrap().to_owned();
        let change = json!({"version": "0", "status": "ORDER_CONFIRMATION_PRINTED"});
        let (status, order) = self.put(&format!("/salesOrder/id/{id}"), change).await;
        assert_eq!((status, &order["version"]), (StatusCode::OK, &json!("1")));
        id
    }
}

fn kind(answer: &Value) -> &str {
    answer["type"].as_str().unwrap_or("none").rsplit('/').next().unwrap()
}

#[tokio::test]
async fn it_refuses_what_weclapp_refuses() {
    let erp = Client::new(&Options::default()).await;
    let id = erp.order("kaffee/1", "STANDARD").await;
    let order = format!("/salesOrder/id/{id}");
    let cases = [
        (erp.get("/salesOrder?salesOrderId-eq=1").await, 400, "validation"),
        (erp.get("/salesOrder?note-like=x&sort=nothing").await, 400, "validation"),
        (erp.get("/article?properties=id,nothing").await, 400, "validation"),
        (erp.get("/salesOrder/id/999999").await, 404, "not_found"),
        (erp.get("/nothing").await, 404, "not_found"),
        (erp.post("/salesOrder", json!({"orderItems": []})).await, 400, "validation"),
        (erp.post("/salesOrder", json!({"customerId": "1"})).await, 400, "validation"),
        (erp.post("/salesOrder", json!([])).await, 400, "invalid_json"),
        (erp.post("/party", json!({"partyType": "PERSON"})).await, 400, "validation"),
        (erp.post("/party", json!({"externalId": "x", "lastName": "M"})).await, 400, "validation"),
        (erp.put(&order, json!({"version": "0", "status": "CLOSED"})).await, 409, "optimistic_lock"),
        (erp.put(&order, json!({"status": "SHIPPED"})).await, 400, "validation"),
        (erp.put(&order, json!({"shipped": true})).await, 400, "validation"),
        (
            erp.call(Method::POST, &format!("{order}/createShipment"), None).await,
            415,
            "unsupported_mime_type",
        ),
        (erp.post(&format!("{order}/createPrepaymentFinalInvoice"), json!({})).await, 400, "validation"),
        (erp.post(&format!("{order}/createShipment"), json!({"now": true})).await, 400, "validation"),
    ];
    for (at, ((status, answer), wanted_status, wanted)) in cases.iter().enumerate() {
        assert_eq!((status.as_u16(), kind(answer)), (*wanted_status, *wanted), "case {at}: {answer}");
        assert_eq!(answer["status"], json!(wanted_status));
    }
    let (_, unknown) = erp.post("/party", json!({"externalId": "x"})).await;
    assert_eq!(unknown["validationErrors"][0]["errorCode"], "platform.unknown_property");
    let (_, long) =
        erp.post("/salesOrder", json!({"customerId": "1012", "orderNumberAtCustomer": "x".repeat(65)})).await;
    assert_eq!(kind(&long), "validation");
    let url = format!("{}/webapp/api/v2/article", erp.erp.url);
    let wrong = erp.http.get(url).header("AuthenticationToken", "other").send().await.unwrap();
    assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
    let bare = erp.http.post(format!("{}/webapp/api/v2{order}/createShipment", erp.erp.url));
    let bare = bare.header("AuthenticationToken", "sandbox-token").header("content-type", "application/json");
    assert_eq!(kind(&bare.send().await.unwrap().json().await.unwrap()), "invalid_json");
    assert_eq!(erp.erp.report().refused, 20);
}

#[tokio::test]
async fn doubling_is_seen() {
    let erp = Client::new(&Options::default()).await;
    let id = erp.order("kaffee/1", "PREPAYMENT").await;
    for _ in 0..2 {
        erp.post(&format!("/salesOrder/id/{id}/createShipment"), json!({})).await;
        erp.post(&format!("/salesOrder/id/{id}/createPrepaymentFinalInvoice"), json!({})).await;
    }
    erp.order("kaffee/1", "STANDARD").await;
    let report = erp.erp.report();
    let doubled: Vec<_> = report.doubled.iter().map(|d| (d.kind.as_str(), d.count)).collect();
    assert_eq!(doubled, [("customer", 2), ("invoice", 2), ("sales_order", 2), ("shipment", 2)]);
    assert_eq!(report.unpaid_shipments, 2);
    let over_http = erp.http.get(format!("{}/_sandbox/report", erp.erp.url)).send().await.unwrap();
    assert_eq!(over_http.json::<super::Report>().await.unwrap().doubled, report.doubled);
}

#[tokio::test]
async fn records_are_found_by_what_connectors_look_for() {
    let erp = Client::new(&Options::default()).await;
    let id = erp.order("kaffee/1", "PREPAYMENT").await;
    erp.order("kaffee/2", "STANDARD").await;
    let (_, shipment) = erp.post(&format!("/salesOrder/id/{id}/createShipment"), json!({})).await;
    let shipment = shipment["result"]["id"].as_str().unwrap().to_owned();
    for (path, found) in [
        ("/salesOrder?orderNumberAtCustomer-eq=kaffee%2F1".to_owned(), vec![id.clone()]),
        (format!("/shipment?salesOrders.id-in=[\"{id}\"]"), vec![shipment.clone()]),
        (format!("/shipment?mainSalesOrderId-eq={id}&status-eq=SHIPPED"), vec![]),
        (format!("/shipment?lastModifiedDate-gt=0&id-ne={shipment}"), vec![]),
        (
            "/salesOrder?orderNumberAtCustomer-like=kaffee/%25&sort=-id&pageSize=1&page=2".to_owned(),
            vec![id.clone()],
        ),
        (
            "/party?email-eq=KAFFEE.1@example.org&customer-eq=true&properties=id".to_owned(),
            vec!["1012".to_owned()],
        ),
        ("/party?email-eq=kaffee.1@example.org&customer-eq=false".to_owned(), vec![]),
    ] {
        let (_, answer) = erp.get(&path).await;
        let ids: Vec<_> = answer["result"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["id"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(ids, found, "{path}");
    }
    let (_, rows) =
        erp.get("/article?articleNumber-in=[\"TASSE-01\",\"NOPE\"]&properties=id,articleNumber").await;
    assert_eq!(rows["result"].as_array().unwrap().len(), 1);
    assert_eq!(rows["result"][0].as_object().unwrap().len(), 2);
}

type Heard = Arc<Mutex<Vec<(String, Value)>>>;

async fn hear(Shared(heard): Shared<Heard>, headers: HeaderMap, body: String) -> &'static str {
    let sender = headers["user-agent"].to_str().unwrap().to_owned();
    heard.lock().unwrap().push((sender, serde_json::from_str(&body).unwrap()));
    ""
}

#[tokio::test]
async fn the_warehouse_packs_and_the_bookkeeper_finds_money_and_both_are_told() {
    let heard = Heard::default();
    let router = Router::new().route("/hook", post(hear)).with_state(Arc::clone(&heard));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let options =
        Options { warehouse_delay: Duration::from_millis(30), webhook_url: Some(url), ..Options::default() };
    let erp = Client::new(&options).await;
    let id = erp.order("kaffee/1", "PREPAYMENT").await;
    let paid = erp.http.post(format!("{}/_sandbox/pay?order=kaffee/1", erp.erp.url)).send().await.unwrap();
    assert_eq!(paid.status(), StatusCode::OK);
    let (_, order) = erp.get(&format!("/salesOrder/id/{id}")).await;
    assert_eq!(order["advancePaymentStatus"], "PAID");
    let (_, shipment) = erp.post(&format!("/salesOrder/id/{id}/createShipment"), json!({})).await;
    let shipment = shipment["result"]["id"].as_str().unwrap().to_owned();
    for _ in 0..200 {
        if heard.lock().unwrap().len() == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let heard = heard.lock().unwrap().clone();
    assert_eq!(heard[0].1, json!({"entityId": id, "entityName": "salesOrder", "type": "UPDATE"}));
    assert_eq!(heard[1].1, json!({"entityId": shipment, "entityName": "shipment", "type": "UPDATE"}));
    assert!(heard[1].0.starts_with("weclapp/22"));
    let (_, told) = erp.get(&format!("/shipment/id/{shipment}")).await;
    assert_eq!(told["status"], "SHIPPED");
    assert_eq!(told["statusHistory"].as_array().unwrap().len(), 2);
    assert!(
        told["parcels"][0]["trackingUrl"]
            .as_str()
            .unwrap()
            .contains(told["parcels"][0]["trackingId"].as_str().unwrap())
    );
    assert_eq!(erp.erp.report().unpaid_shipments, 0);
    erp.erp.stop().await.unwrap();
}

#[tokio::test]
async fn shipments_are_stopped_before_they_leave_and_not_after() {
    let options = Options { warehouse_delay: Duration::from_millis(300), ..Options::default() };
    let erp = Client::new(&options).await;
    let mut shipments = Vec::new();
    for key in ["kaffee/1", "kaffee/2"] {
        let id = erp.order(key, "STANDARD").await;
        let (_, made) = erp.post(&format!("/salesOrder/id/{id}/createShipment"), json!({})).await;
        shipments.push(format!("/shipment/id/{}", made["result"]["id"].as_str().unwrap()));
    }
    let cancel = json!({"version": "0", "status": "CANCELLED"});
    let (status, stopped) = erp.put(&shipments[0], cancel.clone()).await;
    assert_eq!((status, &stopped["status"]), (StatusCode::OK, &json!("CANCELLED")));
    assert_eq!(kind(&erp.put(&shipments[0], cancel).await.1), "optimistic_lock");
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(erp.get(&shipments[0]).await.1["status"], "CANCELLED");
    let (_, left) = erp.get(&shipments[1]).await;
    assert_eq!(left["status"], "SHIPPED");
    let late = json!({"version": left["version"], "status": "CANCELLED"});
    assert_eq!(erp.put(&shipments[1], late).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(erp.erp.report().shipped_after_cancel, 0);
}

#[tokio::test]
async fn a_call_in_the_queue_is_carried_out_after_its_connection_broke() {
    let erp = Client::new(&Options::default()).await;
    let late = Switches {
        work_but_never_answer_per_mille: 1_000,
        commit_late_ms: 300,
        ignore_filters: true,
        ..Switches::default()
    };
    erp.erp.state().switch(late);
    let url = format!("{}/webapp/api/v2/party", erp.erp.url);
    let lost = erp.http.post(url).header("AuthenticationToken", "sandbox-token");
    let lost = lost.json(&json!({"partyType": "PERSON", "lastName": "M"})).send().await;
    let unread = match lost {
        Ok(answer) => answer.bytes().await.is_err(),
        Err(_) => true,
    };
    assert!(unread, "the answer came");
    assert_eq!(erp.erp.report().customers, 0);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(erp.erp.report().customers, 1);
    let (_, all) = erp.get("/party?email-eq=nobody@example.org&no-such=filter").await;
    assert_eq!(all["result"].as_array().unwrap().len(), 1, "the filter was not ignored");
}

#[tokio::test]
async fn faults_are_switched_on_and_off_over_http() {
    let erp = Client::new(&Options::default()).await;
    let switch = |body: Value| erp.http.post(format!("{}/_sandbox/switches", erp.erp.url)).json(&body).send();
    assert_eq!(switch(json!({"outage": true})).await.unwrap().status(), StatusCode::OK);
    assert_eq!(erp.get("/article").await.0, StatusCode::SERVICE_UNAVAILABLE);
    switch(json!({"rate_limit_per_mille": 1000})).await.unwrap();
    assert_eq!(erp.get("/article").await.0, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(switch(json!({"no_such_switch": 1})).await.unwrap().status(), StatusCode::BAD_REQUEST);
    erp.erp.state().switch(Switches { work_but_never_answer_per_mille: 1_000, ..Switches::default() });
    let url = format!("{}/webapp/api/v2/party", erp.erp.url);
    let lost = erp.http.post(url).header("AuthenticationToken", "sandbox-token");
    let lost = lost.json(&json!({"partyType": "PERSON", "lastName": "M"})).send().await;
    let unread = match lost {
        Ok(answer) => answer.bytes().await.is_err(),
        Err(_) => true,
    };
    assert!(unread, "the answer came");
    switch(json!({})).await.unwrap();
    assert_eq!(erp.get("/article").await.0, StatusCode::OK);
    let report = erp.erp.report();
    assert_eq!((report.customers, report.faults), (1, 3));
}
