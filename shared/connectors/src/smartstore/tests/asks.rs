//! The shop is asked for its orders: all of them, whole, and nothing of ours goes anywhere else.

use insta::assert_snapshot;
use jiff::Timestamp;
use kontor_flow::ports::Storefront as _;
use kontor_flow::storefront::{FETCHED, Finding, Notice, OrderPage, Window};
use kontor_flow::{CallError, Event};
use kontor_sandbox::Switches;
use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{fixture, order, ours, running};
use crate::shop_testing::{NOW, client, envelope, secrets, time};
use crate::smartstore::{Smartstore, read};

fn window(from: &str, until: &str) -> Window {
    Window { from: time(from), until: time(until) }
}

const DAY: (&str, &str) = ("2026-11-01T00:00:00Z", "2026-11-01T23:59:59.99999999Z");

/// Every page of a window; the ids on each.
async fn pages(shop: &Smartstore, window: Window) -> Vec<Vec<String>> {
    let (mut pages, mut page) = (Vec::new(), None);
    loop {
        let OrderPage { orders, next, pause } =
            shop.changed(window, page.as_deref(), time(NOW)).await.unwrap();
        pages.push(orders.iter().map(|sighting| sighting.order.to_string()).collect());
        assert!(pause.is_none() || next.is_some());
        let Some(next) = next else { return pages };
        page = Some(next);
        assert!(pages.len() < 100, "the poll comes to no end");
    }
}

#[tokio::test]
async fn every_order_of_the_window_is_found_once_whatever_the_page() {
    let mut orders: Vec<Value> =
        (1..=30).map(|id| order(id, &format!("2026-11-01T10:00:{:02}.5Z", id / 4))).collect();
    orders.push(order(31, "2026-10-31T23:59:59.9999999Z"));
    orders.push(order(32, "2026-11-02T00:00:00Z"));
    let (sandbox, shop) = running(&orders).await;
    let all: Vec<String> = (1..=30).map(|id: u32| id.to_string()).collect();
    assert_eq!(pages(&shop, window(DAY.0, DAY.1)).await.concat(), all);
    sandbox.state().set_max_top(7);
    let by_seven = pages(&shop, window(DAY.0, DAY.1)).await;
    assert_eq!(by_seven.concat(), all);
    assert_eq!(by_seven.iter().map(Vec::len).collect::<Vec<_>>(), [7, 7, 7, 7, 2, 0]);
    // A new process does not know yet how many the shop allows.
    let fresh = Smartstore::new(&ours(&sandbox.url), &secrets(), client()).unwrap();
    assert_eq!(pages(&fresh, window(DAY.0, DAY.1)).await.concat(), all);
}

#[tokio::test]
async fn a_sighting_is_the_whole_order_as_it_was_sent() {
    let whole = fixture("gross");
    let (sandbox, shop) = running(std::slice::from_ref(&whole)).await;
    sandbox.state().set_max_top(1);
    let found = shop.order(&"4711".parse().unwrap(), time(NOW)).await.unwrap().unwrap();
    assert_eq!((found.order.as_str(), found.envelope.topic.as_str()), ("4711", FETCHED));
    let shop_config = ours("https://shop.example.test");
    let told = read(&shop_config, &found.envelope).unwrap();
    let direct = read(&shop_config, &envelope(FETCHED, whole.to_string().as_bytes())).unwrap();
    assert_eq!(told, direct, "cut collections were fetched to their end");
    assert_eq!(told[0].events[0].as_of, found.as_of);
    assert!(matches!(&told[0].events[0].event, Event::Placed(order) if order.parts().lines.len() == 2));
    let calls = sandbox.state().report().calls;
    assert_eq!(calls["GET Orders({id})/OrderItems"], 1);
    assert_eq!(calls["GET Orders({id})/DiscountUsageHistory"], 1);
}

#[tokio::test]
async fn an_order_that_is_not_there_is_none_and_not_an_error() {
    let (sandbox, shop) = running(&[order(1, "2026-11-01T10:00:00Z")]).await;
    for id in ["2", "4294967296", "x", "1-or-1", "-1"] {
        assert_eq!(shop.order(&id.parse().unwrap(), time(NOW)).await.unwrap(), None, "{id}");
    }
    sandbox.state().remove(1);
    assert_eq!(shop.order(&"1".parse().unwrap(), time(NOW)).await.unwrap(), None);
}

#[tokio::test]
async fn a_parcel_that_moves_no_order_is_found_all_the_same() {
    let mut shipped = order(1, "2026-10-01T10:00:00Z");
    shipped["Shipments"] = json!([{ "OrderId": 1, "Id": 5, "CreatedOnUtc": "2026-11-01T12:00:00Z", "ShippedDateUtc": null,
        "DeliveryDateUtc": null, "ShipmentItems": [] }]);
    let mut both = order(2, "2026-11-01T13:00:00Z");
    both["Shipments"] = json!([{ "OrderId": 2, "Id": 6, "CreatedOnUtc": "2026-11-01T12:30:00Z", "ShippedDateUtc": null,
        "DeliveryDateUtc": null, "ShipmentItems": [] }]);
    let mut delivered = order(3, "2026-10-01T10:00:00Z");
    delivered["Shipments"] = json!([{ "OrderId": 3, "Id": 7, "CreatedOnUtc": "2026-10-01T12:00:00Z",
        "ShippedDateUtc": "2026-10-01T12:00:00Z", "DeliveryDateUtc": "2026-11-01T15:00:00Z", "ShipmentItems": [] }]);
    let (sandbox, shop) = running(&[shipped, both, delivered]).await;
    assert_eq!(pages(&shop, window(DAY.0, DAY.1)).await, [vec!["2"], vec!["1", "3"]]);
    sandbox.state().set_max_top(1);
    let found = pages(&shop, window(DAY.0, DAY.1)).await.concat();
    assert_eq!(found, ["2", "1", "3"], "once each, page by page");
}

#[tokio::test]
async fn an_address_stays_short_enough_for_iis() {
    let mut orders = Vec::new();
    for id in 2_000_000_001..=2_000_000_010 {
        let mut one = order(id, "2026-10-01T10:00:00Z");
        one["Shipments"] = json!([{ "OrderId": id, "Id": id, "CreatedOnUtc": "2026-11-01T12:00:00.1234567Z",
            "ShippedDateUtc": null, "DeliveryDateUtc": null, "ShipmentItems": [] }]);
        orders.push(one);
    }
    let server = MockServer::start().await;
    let parcels: Vec<Value> =
        orders.iter().map(|one| json!({ "Id": one["Id"], "OrderId": one["Id"] })).collect();
    let list = |value: Vec<Value>| ResponseTemplate::new(200).set_body_json(json!({ "value": value }));
    Mock::given(path("/odata/v1/Shipments")).respond_with(list(parcels)).mount(&server).await;
    Mock::given(path("/odata/v1/Orders")).respond_with(list(vec![])).mount(&server).await;
    let shop = Smartstore::new(&ours(&server.uri()), &secrets(), client()).unwrap();
    let window = window("2026-11-01T10:00:00.1234567Z", "2026-11-01T23:00:00.1234567Z");
    shop.changed(window, Some("parcels 2000000000"), time(NOW)).await.unwrap();
    shop.changed(window, Some("orders 2026-11-01T12:00:00.1234567Z 2000000000"), time(NOW)).await.unwrap();
    let asked = server.received_requests().await.unwrap();
    assert_eq!(asked.len(), 3);
    for request in asked {
        let query = request.url.query().unwrap();
        assert!(query.len() < 2_000, "{} characters: {query}", query.len());
        assert_eq!(request.headers["accept"], "application/json");
        assert_eq!(request.headers["authorization"], "Basic a2V5OnNlY3JldA==");
    }
}

#[tokio::test]
async fn a_link_that_leads_elsewhere_is_not_followed() {
    let elsewhere = MockServer::start().await;
    Mock::given(method("GET")).respond_with(ResponseTemplate::new(200)).expect(0).mount(&elsewhere).await;
    let foreign = elsewhere.uri().replace("127.0.0.1", "localhost");
    for link in [
        format!("{foreign}/odata/v1/Orders(4711)/OrderItems?$skip=1"),
        "/admin/keys".to_owned(),
        "https://evil.example/odata/v1/Orders".to_owned(),
        "//evil.example/odata/v1/Orders".to_owned(),
        "../../login".to_owned(),
    ] {
        let server = MockServer::start().await;
        let mut cut = fixture("gross");
        cut["OrderItems@odata.nextLink"] = json!(link);
        let list = ResponseTemplate::new(200).set_body_json(json!({ "value": [cut] }));
        Mock::given(path("/odata/v1/Orders")).respond_with(list).expect(1).mount(&server).await;
        let shop = Smartstore::new(&ours(&server.uri()), &secrets(), client()).unwrap();
        let error = shop.order(&"4711".parse().unwrap(), time(NOW)).await.unwrap_err();
        assert!(matches!(error, CallError::Unreadable { .. }), "{link}: {error:?}");
    }
}

#[tokio::test]
async fn links_without_an_end_are_given_up() {
    let server = MockServer::start().await;
    let mut cut = fixture("gross");
    cut["OrderItems@odata.nextLink"] = json!(format!("{}/odata/v1/Orders(4711)/OrderItems", server.uri()));
    let list = ResponseTemplate::new(200).set_body_json(json!({ "value": [cut] }));
    Mock::given(path("/odata/v1/Orders")).respond_with(list).mount(&server).await;
    let again = json!({ "value": [], "@odata.nextLink": format!("{}/odata/v1/Orders(4711)/OrderItems", server.uri()) });
    let again = ResponseTemplate::new(200).set_body_json(again);
    Mock::given(path("/odata/v1/Orders(4711)/OrderItems")).respond_with(again).mount(&server).await;
    let shop = Smartstore::new(&ours(&server.uri()), &secrets(), client()).unwrap();
    let error = shop.order(&"4711".parse().unwrap(), time(NOW)).await.unwrap_err();
    assert!(matches!(error, CallError::Unreadable { .. }), "{error:?}");
}

#[tokio::test]
async fn numbers_are_not_touched_when_a_cut_order_is_put_together() {
    let server = MockServer::start().await;
    let link = format!("{}/odata/v1/Orders(1)/OrderItems?$skip=1", server.uri());
    let entity = format!(
        r#"{{"value":[{{"Id":1,"UpdatedOnUtc":"2026-11-01T10:00:00Z","OrderStatusId":10,"OrderTotal":203.6000,"OrderItems":[{{"Id":1,"P":0.10000000000000000000001}}],"OrderItems@odata.nextLink":"{link}"}}]}}"#
    );
    let json = |body: String| ResponseTemplate::new(200).set_body_raw(body, "application/json");
    Mock::given(path("/odata/v1/Orders")).respond_with(json(entity)).mount(&server).await;
    let rest = r#"{"value":[{"Id":2,"P":1.0000}]}"#.to_owned();
    Mock::given(path("/odata/v1/Orders(1)/OrderItems")).respond_with(json(rest)).mount(&server).await;
    let shop = Smartstore::new(&ours(&server.uri()), &secrets(), client()).unwrap();
    let found = shop.order(&"1".parse().unwrap(), time(NOW)).await.unwrap().unwrap();
    let body = found.envelope.body.bytes().unwrap();
    assert_snapshot!(String::from_utf8_lossy(&body), @r#"{"Id":1,"OrderItems":[{"Id":1,"P":0.10000000000000000000001},{"Id":2,"P":1.0000}],"OrderStatusId":10,"OrderTotal":203.6000,"UpdatedOnUtc":"2026-11-01T10:00:00Z"}"#);
}

#[tokio::test]
async fn outages_limits_and_wrong_keys_are_told_apart() {
    let (sandbox, shop) = running(&[order(1, "2026-11-01T10:00:00Z")]).await;
    let id = "1".parse().unwrap();
    sandbox.state().switch(Switches { outage: true, ..Switches::default() });
    assert!(matches!(shop.order(&id, time(NOW)).await.unwrap_err(), CallError::Unavailable { .. }));
    sandbox.state().switch(Switches { rate_limit_per_mille: 1_000, ..Switches::default() });
    assert!(matches!(shop.order(&id, time(NOW)).await.unwrap_err(), CallError::RateLimited { .. }));
    sandbox.state().switch(Switches::default());
    sandbox.state().forbid("order.read");
    let error = shop.order(&id, time(NOW)).await.unwrap_err();
    assert!(matches!(error, CallError::Denied { .. }), "{error:?}");
    assert!(error.to_string().contains("order.read"), "{error}");
    for (reason, said) in
        [(0, "switched off"), (1, "https"), (3, "the keys are wrong"), (5, "API user is switched off")]
    {
        sandbox.state().lock(Some(reason));
        let error = shop.order(&id, time(NOW)).await.unwrap_err().to_string();
        assert!(error.contains(said), "{reason}: {error}");
    }
}

fn said(findings: &[Finding]) -> String {
    let line = |finding: &Finding| {
        format!("{} {}: {}", if finding.good { "ok " } else { "BAD" }, finding.what, finding.said)
    };
    findings.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the stand-in goes by the clock of this machine")]
async fn a_connection_is_tried_without_changing_anything() {
    let (sandbox, shop) = running(&[order(1, "2026-11-01T10:00:00Z")]).await;
    let address = Some("https://you.example/webhooks/smartstore/kaffee");
    let before = sandbox.state().order(1);
    let now = Timestamp::now();
    assert_snapshot!(said(&shop.examine(address, now).await), @r#"
    ok  credentials: the shop takes our keys
    ok  rights: the API user has order.read
    ok  rights: the API user has order.update
    ok  rights: the API user has order.editshipment
    ok  clock: the shop's clock agrees with ours
    ok  webhooks: Smartstore sends none; the shop is asked for its orders, and a notice to https://you.example/webhooks/smartstore/kaffee makes that faster
    "#);
    sandbox.state().forbid("order.editshipment");
    let late = now.checked_add(jiff::SignedDuration::from_secs(-7_200)).unwrap();
    let findings = shop.examine(None, late).await;
    let bad: Vec<&str> = findings.iter().filter(|one| !one.good).map(|one| one.what.as_str()).collect();
    assert_eq!(bad, ["rights", "clock"], "{}", said(&findings));
    assert_eq!(sandbox.state().order(1), before);
    sandbox.state().lock(Some(3));
    let findings = shop.examine(address, now).await;
    let wrong = "BAD credentials: the keys are wrong: compare public and secret key with those in the shop's Web API users";
    assert_eq!(said(&findings), wrong);
    sandbox.stop().await.unwrap();
    let findings = shop.examine(address, now).await;
    assert_eq!((findings.len(), findings[0].good), (1, false), "{}", said(&findings));
}

#[tokio::test]
async fn there_are_no_webhooks_and_connecting_says_what_to_set_up() {
    let (sandbox, shop) = running(&[]).await;
    let address = "https://you.example/webhooks/smartstore/kaffee";
    assert_eq!(shop.hooks(address).await.unwrap(), vec![]);
    let advice = shop.connect(address).await.unwrap().join("\n");
    for word in [
        "order.read",
        "order.update",
        "order.editshipment",
        "X-Shop-Signature",
        "X-Shop-Timestamp",
        "token=",
        address,
    ] {
        assert!(advice.contains(word), "{word} is not told");
    }
    assert!(sandbox.state().report().calls.is_empty(), "nothing has to be asked for that");
    let poke = envelope("notice", b"");
    assert_eq!(shop.notice(&poke).unwrap(), Notice::Something);
}

#[tokio::test]
async fn an_order_that_cannot_be_read_does_not_hold_up_the_others() {
    let mut broken = order(2, "2026-11-01T11:00:00Z");
    broken["OrderStatusId"] = json!("pending");
    let mut timeless = order(3, "2026-11-01T11:30:00Z");
    timeless["UpdatedOnUtc"] = json!(null);
    let all = [order(1, "2026-11-01T10:00:00Z"), broken, timeless.clone(), order(4, "2026-11-01T12:00:00Z")];
    let server = MockServer::start().await;
    let list = ResponseTemplate::new(200).set_body_json(json!({ "value": all }));
    Mock::given(path("/odata/v1/Orders")).respond_with(list).up_to_n_times(1).mount(&server).await;
    let shop = Smartstore::new(&ours(&server.uri()), &secrets(), client()).unwrap();
    let page = shop.changed(window(DAY.0, DAY.1), None, time(NOW)).await.unwrap();
    let ids: Vec<&str> = page.orders.iter().map(|sighting| sighting.order.as_str()).collect();
    assert_eq!(ids, ["1", "2", "4"]);
    assert_eq!(page.orders[1].as_of, time("2026-11-01T11:00:00Z"));
    let error = read(&ours("https://shop.example.test"), &page.orders[1].envelope).unwrap_err();
    assert_eq!(error.order.unwrap().order.as_str(), "2", "it becomes a failure that names it");
    // Asked for alone, one that can't be told is not one that is gone.
    let alone = ResponseTemplate::new(200).set_body_json(json!({ "value": [timeless] }));
    Mock::given(path("/odata/v1/Orders")).respond_with(alone).mount(&server).await;
    let error = shop.order(&"3".parse().unwrap(), time(NOW)).await.unwrap_err();
    assert!(matches!(error, CallError::Unreadable { .. }), "{error:?}");
}
