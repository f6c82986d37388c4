//! What the shop is asked for, and what is made of its answers.

use jiff::Timestamp;
use kontor_domain::ShopOrderId;
use kontor_flow::ports::Storefront;
use kontor_flow::storefront::{FETCHED, Notice, Window};
use kontor_flow::{CallError, Event, Happened, Remedy};
use serde_json::{Value, json};
use wiremock::matchers::{any, basic_auth, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::config::ShopKind;
use crate::shop_testing::{NOW, client, contracts, envelope, fixture, secrets, shop, text, time};
use crate::woocommerce::{WooCommerce, read};

const ORDERS: &str = "/wp-json/wc/v3/orders";

fn connector(server: &MockServer) -> WooCommerce {
    WooCommerce::new(&shop(ShopKind::Woocommerce, &server.uri()), &secrets(), client()).unwrap()
}

fn window() -> Window {
    Window { from: time("2026-11-16T09:00:00.7Z"), until: time("2026-11-30T00:00:00Z") }
}

fn order(name: &str) -> Value {
    serde_json::from_slice(&fixture(&format!("woocommerce/{name}.json"))).unwrap()
}

fn listed(orders: &[Value], pages: u32) -> ResponseTemplate {
    ResponseTemplate::new(200).insert_header("x-wp-totalpages", pages.to_string()).set_body_json(orders)
}

async fn answers(server: &MockServer, at: &str, answer: ResponseTemplate) {
    Mock::given(method("GET")).and(path(at)).respond_with(answer).mount(server).await;
}

#[tokio::test]
async fn the_list_is_asked_for_as_recorded() {
    let server = MockServer::start().await;
    let asked = Mock::given(method("GET"))
        .and(path(ORDERS))
        .and(basic_auth("key", "secret"))
        // Later than that, to the second: so the whole second of the window's beginning is in it.
        .and(query_param("modified_after", "2026-11-16T08:59:59"))
        .and(query_param("dates_are_gmt", "true"))
        .and(query_param("orderby", "modified"))
        .and(query_param("order", "asc"))
        .and(query_param("status", "any"))
        .and(query_param("page", "1"));
    asked.respond_with(listed(&[order("cod")], 1)).expect(1).mount(&server).await;
    let page = connector(&server).changed(window(), None, time(NOW)).await.unwrap();
    let sighting = &page.orders[0];
    assert_eq!(sighting.order.as_str(), "4713");
    assert_eq!(sighting.as_of, time("2026-11-16T11:45:11Z"));
    assert_eq!((sighting.envelope.topic.as_str(), sighting.envelope.received_at), (FETCHED, time(NOW)));
}

#[tokio::test]
async fn an_order_without_id_or_time_does_not_hold_up_the_others() {
    let server = MockServer::start().await;
    let mut draft = order("bacs-on-hold");
    draft["status"] = json!("checkout-draft");
    let mut unmapped = order("cod");
    unmapped["payment_method"] = json!("bitcoin");
    let list = [
        json!({"id": "x"}),
        json!({"id": 1, "status": "pending", "date_modified_gmt": null}),
        draft,
        unmapped,
    ];
    answers(&server, ORDERS, listed(&list, 1)).await;
    let page = connector(&server).changed(window(), None, time(NOW)).await.unwrap();
    // One that can't be mapped goes its way and becomes a failure there, whole.
    assert_eq!(page.orders.len(), 1);
    let shop = shop(ShopKind::Woocommerce, &server.uri());
    let error = read(&shop, &page.orders[0].envelope).unwrap_err();
    assert_eq!(error.order.unwrap().to_string(), "kaffee/4713");
}

#[tokio::test]
async fn an_order_that_is_gone_is_told_from_a_wrong_address() {
    let id = ShopOrderId::parse("4711").unwrap();
    let at = format!("{ORDERS}/4711");
    let server = MockServer::start().await;
    let gone = json!({"code": "woocommerce_rest_shop_order_invalid_id", "message": "Invalid ID.", "data": {"status": 404}});
    answers(&server, &at, ResponseTemplate::new(404).set_body_json(gone)).await;
    assert_eq!(connector(&server).order(&id, time(NOW)).await.unwrap(), None);
    for (status, body, remedy) in [
        (404, json!({"code": "rest_no_route", "message": "No route"}), Remedy::Park),
        (401, json!({"code": "woocommerce_rest_cannot_view", "message": "Sorry"}), Remedy::Alarm),
        (403, json!({"blocked": "by a firewall"}), Remedy::Alarm),
        (500, json!({"code": "internal_server_error", "message": "critical"}), Remedy::Retry { after: None }),
        (200, json!({"id": 4711}), Remedy::Park),
    ] {
        let server = MockServer::start().await;
        answers(&server, &at, ResponseTemplate::new(status).set_body_json(body)).await;
        let error = connector(&server).order(&id, time(NOW)).await.unwrap_err();
        assert_eq!(error.remedy(), remedy, "{status}: {error}");
    }
}

#[tokio::test]
async fn refunds_that_cannot_be_fetched_are_not_left_out() {
    let server = MockServer::start().await;
    let id = ShopOrderId::parse("4711").unwrap();
    answers(
        &server,
        &format!("{ORDERS}/4711"),
        ResponseTemplate::new(200).set_body_json(order("refunded-part")),
    )
    .await;
    answers(&server, &format!("{ORDERS}/4711/refunds"), ResponseTemplate::new(503)).await;
    let error = connector(&server).order(&id, time(NOW)).await.unwrap_err();
    assert!(matches!(error, CallError::Unavailable { .. }), "{error}");
}

/// The order with its refunds, as it is wrapped up when it is fetched.
fn fetched(order: &Value, refunds: Value) -> Result<Vec<Happened>, String> {
    let mut order = order.clone();
    order["kontor_refunds"] = refunds;
    let shop = shop(ShopKind::Woocommerce, "https://kaffee.example.test");
    read(&shop, &envelope(FETCHED, order.to_string().as_bytes()))
        .map_err(|error| kontor_flow::remedy::chain(&error))
}

fn refunds(happened: &[Happened]) -> Vec<String> {
    let told = happened[0]
        .events
        .iter()
        .filter_map(|record| if let Event::Refunded(refund) = &record.event { Some(refund) } else { None });
    told.map(|refund| {
        let lines: Vec<String> = refund
            .lines
            .iter()
            .map(|line| {
                let pieces = line.quantity.map_or("price".to_owned(), |quantity| quantity.to_string());
                let stock = if line.restock { " back" } else { "" };
                format!("{}×{pieces} {}{stock}", line.line, line.amount)
            })
            .collect();
        let shipping = refund.shipping.map_or("?".to_owned(), |amount| amount.to_string());
        format!(
            "{} {} [{}] shipping {shipping} at {}",
            refund.id,
            refund.amount,
            lines.join(", "),
            refund.refunded_at
        )
    })
    .collect()
}

fn item(line: u64, quantity: i64, total: &str, tax: &str) -> Value {
    json!({
        "id": 1, "quantity": quantity, "total": total, "total_tax": tax,
        "meta_data": [{"id": 1, "key": "_refunded_item_id", "value": line.to_string()}],
    })
}

fn record(id: u64, amount: &str, items: &[Value], shipping: &[(&str, &str)], fees: usize) -> Value {
    let shipping: Vec<Value> =
        shipping.iter().map(|(total, tax)| json!({"id": 2, "total": total, "total_tax": tax})).collect();
    json!({
        "id": id, "date_created_gmt": "2026-11-20T15:04:59", "amount": amount, "line_items": items,
        "shipping_lines": shipping, "fee_lines": vec![json!({"id": 3, "total": "-1.00", "total_tax": "-0.19"}); fees],
    })
}

#[test]
fn a_refund_is_for_lines_carriage_fees_or_nothing_in_particular() {
    let mut order = order("refunded-part");
    order["refunds"] = json!([]);
    let line = order["line_items"][0]["id"].as_u64().unwrap();
    let other = order["line_items"][1]["id"].as_u64().unwrap();
    for (refund, expected) in [
        (
            record(1, "10.71", &[item(line, -1, "-9.00", "-1.71")], &[], 0),
            "[L×1 10.71 EUR] shipping 0.00 EUR",
        ),
        (record(1, "4.90", &[], &[("-4.12", "-0.78")], 0), "[] shipping 4.90 EUR"),
        (record(1, "2.00", &[], &[], 1), "[] shipping 0.00 EUR"),
        // An amount alone: what it is for nobody knows.
        (record(1, "5.00", &[], &[], 0), "[] shipping ?"),
        // The price was lowered, no piece came back.
        (
            record(1, "2.38", &[item(line, 0, "-2.00", "-0.38")], &[], 0),
            "[L×price 2.38 EUR] shipping 0.00 EUR",
        ),
        // A part of it is for nothing in particular.
        (
            record(1, "20.00", &[item(line, -1, "-9.00", "-1.71")], &[], 0),
            "[L×1 10.71 EUR] shipping 0.00 EUR",
        ),
        // Lines that nothing of is refunded, and lines that say nothing of the order's.
        (
            record(
                1,
                "5.00",
                &[
                    item(line, 0, "0.00", "0.00"),
                    json!({"quantity": -1, "total": "-4.20", "total_tax": "-0.80"}),
                ],
                &[],
                0,
            ),
            "[] shipping ?",
        ),
        // Less was given back than the lines say.
        (record(1, "5.00", &[item(line, -1, "-9.00", "-1.71")], &[], 0), "[] shipping ?"),
        (
            record(
                1,
                "31.80",
                &[item(line, -1, "-9.00", "-1.71"), item(other, -1, "-15.13", "-1.06")],
                &[("-4.12", "-0.78")],
                0,
            ),
            "[L×1 10.71 EUR, M×1 16.19 EUR] shipping 4.90 EUR",
        ),
    ] {
        let told = refunds(&fetched(&order, json!([refund])).unwrap()).remove(0);
        let told = told.replace(&line.to_string(), "L").replace(&other.to_string(), "M");
        assert!(told.contains(expected), "{told}");
        assert!(told.ends_with("at 2026-11-20T15:04:59Z"), "{told}");
    }
}

#[test]
fn what_came_back_into_the_stock_stands_on_the_orders_line() {
    let mut order = order("refunded-part");
    order["refunds"] = json!([]);
    let line = order["line_items"][0]["id"].as_u64().unwrap();
    let two = json!([
        record(8, "10.71", &[item(line, -1, "-9.00", "-1.71")], &[], 0),
        record(7, "10.71", &[item(line, -1, "-9.00", "-1.71")], &[], 0)
    ]);
    for (restocked, back) in
        [(Value::Null, [false, false]), (json!("1"), [true, false]), (json!(2), [true, true])]
    {
        if !restocked.is_null() {
            order["line_items"][0]["meta_data"] =
                json!([{"id": 1, "key": "_restock_refunded_items", "value": restocked}]);
        }
        let told = refunds(&fetched(&order, two.clone()).unwrap());
        let found: Vec<bool> = told.iter().map(|refund| refund.contains("back")).collect();
        assert_eq!(found, back, "{told:?}");
        assert!(told[0].starts_with("7 "), "the one made first comes first");
    }
}

#[test]
fn a_refund_that_cannot_be_read_is_named() {
    let order = order("refunded-part");
    for (refund, place) in [
        (json!([record(1, "much", &[], &[], 0)]), "kontor_refunds[0].amount cannot be read"),
        (
            json!([record(1, "9.00", &[item(1, -1, "x", "0")], &[], 0)]),
            "kontor_refunds[0].line_items[0].total cannot be read",
        ),
        (
            json!([record(1, "9.00", &[], &[("x", "0")], 0)]),
            "kontor_refunds[0].shipping_lines[0].total cannot be read",
        ),
        (json!([{"id": 1}]), "kontor_refunds[0]"),
    ] {
        let error = fetched(&order, refund).unwrap_err();
        assert!(error.contains(place), "{error}");
    }
}

#[test]
fn an_order_and_its_refunds_as_recorded() {
    let Some(folder) = contracts("woocommerce/rest/by_label") else { return };
    let body = |name: &str| -> Value {
        let exchange: Value = serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap();
        exchange["response"]["body"].clone()
    };
    let told = fetched(&body("order_get_after_refund.json"), body("refunds_list.json")).unwrap();
    let shown = text(&told);
    assert!(shown.contains("96.85 EUR Gross"), "{shown}");
    insta::assert_snapshot!(refunds(&told).join("\n"), @"19 9.87 EUR [3×1 9.87 EUR back] shipping 0.00 EUR at 2026-11-21T17:29:49Z");
    let listed = body("orders_modified_after.json");
    let shop = shop(ShopKind::Woocommerce, "https://kaffee.example.test");
    for order in listed.as_array().unwrap() {
        let happened = read(&shop, &envelope(FETCHED, order.to_string().as_bytes())).unwrap();
        let as_of: Timestamp = format!("{}Z", order["date_modified_gmt"].as_str().unwrap()).parse().unwrap();
        assert!(
            happened[0].events.iter().all(|record| record.as_of == as_of && record.seen == Some(time(NOW)))
        );
    }
}

async fn findings(server: &MockServer) -> String {
    let found = connector(server).examine(None, time(NOW)).await;
    let lines: Vec<String> = found
        .into_iter()
        .map(|finding| format!("{} {}: {}", if finding.good { "+" } else { "-" }, finding.what, finding.said))
        .collect();
    lines.join("\n")
}

#[tokio::test]
async fn a_shop_that_cannot_be_asked_says_why() {
    let no_route = json!({"code": "rest_no_route", "message": "No route was found matching the URL and request method."});
    let firewall = ResponseTemplate::new(403).set_body_string("<html>blocked</html>");
    let mut told = Vec::new();
    for answer in [
        ResponseTemplate::new(404).set_body_json(no_route),
        ResponseTemplate::new(404).set_body_string("<html>not found</html>"),
        firewall,
        ResponseTemplate::new(200).set_body_string("<html>Wartung</html>"),
        ResponseTemplate::new(503),
    ] {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(answer).mount(&server).await;
        told.push(findings(&server).await);
    }
    insta::assert_snapshot!(told.join("\n"), @r#"
    - credentials: WordPress answers, but without the REST API of WooCommerce: is the plugin switched on? (WooCommerce refused GET /orders with status 404: rest_no_route: No route was found matching the URL and request method.)
    - credentials: the REST API does not answer at this address: look at `url`, and set permalinks in WordPress to anything but "plain" (WooCommerce refused GET /orders with status 404: http: no answer of WooCommerce's)
    - credentials: something in front of the shop turns us away: let the REST API through in its firewall or security plugin (WooCommerce does not let us in at GET /orders (status 403): http: no answer of WooCommerce's)
    - credentials: the shop can't be asked (WooCommerce did not answer GET /orders: what answered with status 200 does not speak JSON)
    - credentials: the shop can't be asked (WooCommerce did not answer GET /orders: status 503)
    "#);
}

#[tokio::test]
async fn clocks_that_differ_are_told() {
    let invalid = json!({"code": "woocommerce_rest_shop_order_invalid_id", "message": "Invalid ID."});
    for (date, expected) in [
        ("Sat, 21 Nov 2026 12:04:59 GMT", "+ clock: the clocks agree"),
        ("Sat, 21 Nov 2026 12:20:00 GMT", "- clock: the shop's clock is 20 minutes ahead of ours"),
        ("Sat, 21 Nov 2026 10:59:00 GMT", "- clock: the shop's clock is 61 minutes behind ours"),
        ("today", "+ clock: the shop does not say what time it is"),
    ] {
        let server = MockServer::start().await;
        answers(&server, ORDERS, listed(&[], 1).insert_header("date", date)).await;
        let refusal = ResponseTemplate::new(400).set_body_json(&invalid);
        Mock::given(method("PUT"))
            .and(path(format!("{ORDERS}/0")))
            .respond_with(refusal)
            .mount(&server)
            .await;
        let found = findings(&server).await;
        assert!(found.contains(expected), "{found}");
        assert!(found.contains("+ rights"), "{found}");
    }
}

#[test]
fn its_webhooks_carry_the_order_and_are_no_notices() {
    let shop = shop(ShopKind::Woocommerce, "http://127.0.0.1:9");
    let connector = WooCommerce::new(&shop, &secrets(), client()).unwrap();
    let delivery = envelope("order.updated", &fixture("woocommerce/cod.json"));
    assert_eq!(connector.notice(&delivery).unwrap(), Notice::Nothing);
}
