//! What is fetched from the shop: every form of an order tells the same, nothing is dropped, the shop's limits are kept.

use std::time::Duration;

use kontor_domain::ShopOrderId;
use kontor_flow::ports::Storefront as _;
use kontor_flow::storefront::{FETCHED, OrderPage, Sighting, Window};
use kontor_flow::{CallError, Event, Happened, Remedy};
use kontor_sandbox::shopify::{Sandbox, State};
use proptest::prelude::*;
use serde_json::{Value, json};
use wiremock::matchers::{body_string_contains, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::config::ShopKind;
use crate::shop_testing::{NOW, client, contracts, envelope, files, fixture, secrets, shop, time};
use crate::shopify::{Shopify, read};

async fn sandbox() -> Sandbox {
    Sandbox::start("127.0.0.1:0", State::new("key")).await.unwrap()
}

fn front(sandbox: &Sandbox) -> Shopify {
    Shopify::new(&shop(ShopKind::Shopify, &sandbox.url), &secrets(), client()).unwrap()
}

fn id(order: u64) -> ShopOrderId {
    ShopOrderId::parse(&order.to_string()).unwrap()
}

fn told(sighting: &Sighting) -> Vec<Happened> {
    let shop = shop(ShopKind::Shopify, "https://kaffee.example.test");
    read(&shop, &sighting.envelope).unwrap_or_else(|error| panic!("{}", kontor_flow::remedy::chain(&error)))
}

/// The same without when it was seen: what a webhook tells.
fn unseen(mut happened: Vec<Happened>) -> Vec<Happened> {
    for record in happened.iter_mut().flat_map(|happened| &mut happened.events) {
        assert_eq!(record.seen, Some(time(NOW)));
        record.seen = None;
    }
    happened
}

/// The order as a webhook tells it, and as the Admin API tells it.
async fn both(body: &Value) -> (Vec<Happened>, Vec<Happened>) {
    let sandbox = sandbox().await;
    assert!(sandbox.state().seed(body));
    let config = shop(ShopKind::Shopify, "https://kaffee.example.test");
    let webhook = read(&config, &envelope("orders/updated", body.to_string().as_bytes()))
        .unwrap_or_else(|error| panic!("{}", kontor_flow::remedy::chain(&error)));
    let sighting =
        front(&sandbox).order(&id(body["id"].as_u64().unwrap()), time(NOW)).await.unwrap().unwrap();
    assert_eq!(sighting.envelope.topic, FETCHED);
    assert_eq!(Some(sighting.as_of), webhook[0].events.first().map(|record| record.as_of));
    let fetched = unseen(told(&sighting));
    (webhook, fetched)
}

fn fixture_order(name: &str) -> Value {
    serde_json::from_slice(&fixture(&format!("shopify/{name}.json"))).unwrap()
}

#[tokio::test]
async fn webhooks_and_the_admin_api_tell_the_same_order() {
    let names = [
        "paid-discounts",
        "refunded-part",
        "cancelled",
        "bank-pending",
        "bank-paid",
        "digital",
        "gift-card",
        "draft",
        "edited-francs",
    ];
    let mut orders: Vec<(String, Value)> = names.map(|name| (name.to_owned(), fixture_order(name))).to_vec();
    if let Some(folder) = contracts("shopify") {
        let recorded = files(&folder.join("webhooks"), ".json");
        for file in recorded.into_iter().chain([folder.join("rest_samples/order_100500_pln_vat23.json")]) {
            let body: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
            orders.push((file.display().to_string(), body));
        }
    }
    for (name, body) in orders {
        let (webhook, fetched) = both(&body).await;
        assert_eq!(webhook, fetched, "{name}");
    }
}

/// A fixture with other values at some places.
fn with(name: &str, changes: &[(&str, Value)]) -> Value {
    let mut order = fixture_order(name);
    for (place, value) in changes {
        let (parent, key) = place.rsplit_once('/').unwrap();
        order.pointer_mut(parent).unwrap()[key] = value.clone();
    }
    order
}

/// Orders of every kind that are made of the fixtures: who ordered, and how far it is.
fn people_and_states() -> Vec<(&'static str, Value)> {
    let none = || json!(null);
    let parcel =
        json!([{"id": 1, "status": "success", "line_items": [{"id": 90071992547409952_u64, "quantity": 1}]}]);
    let vat = json!([{"name": "VAT ID", "value": "ATU12345678"}]);
    vec![
        ("a company", with("paid-discounts", &[("/company", json!({"id": 1, "location_id": 2}))])),
        (
            "nobody",
            with(
                "paid-discounts",
                &[
                    ("/customer", none()),
                    ("/billing_address", none()),
                    ("/shipping_address", none()),
                    ("/email", none()),
                    ("/contact_email", none()),
                    ("/customer_locale", none()),
                ],
            ),
        ),
        ("a test", with("digital", &[("/test", json!(true))])),
        (
            "paid in part",
            with(
                "bank-pending",
                &[("/financial_status", json!("partially_paid")), ("/total_outstanding", json!("44.78"))],
            ),
        ),
        ("a status of tomorrow", with("bank-pending", &[("/financial_status", json!("invented_later"))])),
        (
            "a parcel under way",
            with("paid-discounts", &[("/fulfillments", parcel), ("/fulfillment_status", json!("partial"))]),
        ),
        (
            "a company abroad",
            with(
                "digital",
                &[
                    ("/tax_exempt", json!(true)),
                    ("/total_tax", json!("0.00")),
                    ("/line_items/0/tax_lines", json!([])),
                    ("/note_attributes", vat),
                ],
            ),
        ),
    ]
}

/// And what it comes to.
fn amounts() -> Vec<(&'static str, Value)> {
    let bag = |amount: &str| json!({"shop_money": {"amount": amount, "currency_code": "EUR"}});
    let mut tip = with(
        "paid-discounts",
        &[
            ("/total_tip_received", json!("5.00")),
            ("/total_price", json!("107.62")),
            ("/current_total_price", json!("107.62")),
        ],
    );
    tip["line_items"].as_array_mut().unwrap().push(json!({
        "id": 7, "name": "Trinkgeld", "title": "Trinkgeld", "sku": null, "quantity": 1, "current_quantity": 1, "price": "5.00",
        "requires_shipping": false, "gift_card": false, "tax_lines": [], "discount_allocations": [],
        "tip": {"payment_method": null},
    }));
    let moved = "/refunds/0/transactions/0";
    vec![
        ("a tip", tip),
        ("money back alone", with("paid-discounts", &[("/current_total_price", json!("92.62"))])),
        (
            "duties and fees",
            with(
                "digital",
                &[
                    ("/current_total_duties_set", bag("3.00")),
                    ("/original_total_duties_set", bag("3.00")),
                    ("/current_total_additional_fees_set", bag("1.50")),
                    ("/original_total_additional_fees_set", bag("1.50")),
                    ("/current_total_price", json!("14.49")),
                    ("/total_price", json!("14.49")),
                ],
            ),
        ),
        (
            "carriage taken off",
            with(
                "paid-discounts",
                &[("/shipping_lines/0/is_removed", json!(true)), ("/current_total_price", json!("97.72"))],
            ),
        ),
        (
            "money back in the customer's currency",
            with(
                "refunded-part",
                &[
                    ("/presentment_currency", json!("CHF")),
                    (&format!("{moved}/currency"), json!("CHF")),
                    (&format!("{moved}/amount"), json!("15.30")),
                ],
            ),
        ),
    ]
}

#[tokio::test]
async fn orders_of_every_kind_are_the_same_in_both_forms() {
    for (name, body) in people_and_states().into_iter().chain(amounts()) {
        let (webhook, fetched) = both(&body).await;
        assert_eq!(webhook, fetched, "{name}");
    }
}

/// An order with so many lines, all of them refunded.
fn long(lines: u64) -> Value {
    let mut order = fixture_order("refunded-part");
    let line = order["line_items"][0].clone();
    let refund = order["refunds"][0]["refund_line_items"][0].clone();
    let (mut items, mut refunded) = (Vec::new(), Vec::new());
    for n in 1..=lines {
        let (mut item, mut back) = (line.clone(), refund.clone());
        (item["id"], item["quantity"], item["current_quantity"], item["price"]) =
            (json!(n), json!(2), json!(1), json!("1.19"));
        item["discount_allocations"] = json!([]);
        item["tax_lines"] = json!([{"rate": 0.19, "price": "0.38"}]);
        (back["line_item_id"], back["subtotal"], back["total_tax"]) = (json!(n), json!(1.19), json!(0.19));
        back["subtotal_set"]["shop_money"]["amount"] = json!("1.19");
        items.push(item);
        refunded.push(back);
    }
    let euro = |cents: u64| format!("{}.{:02}", cents / 100, cents % 100);
    let total = |pieces: u64| euro(490 + 119 * pieces);
    (order["total_price"], order["current_total_price"]) = (json!(total(2 * lines)), json!(total(lines)));
    order["line_items"] = Value::Array(items);
    order["refunds"][0]["refund_line_items"] = Value::Array(refunded);
    order["refunds"][0]["transactions"][0]["amount"] = json!(euro(119 * lines));
    order
}

#[tokio::test]
async fn two_hundred_lines_come_whole() {
    for lines in [50, 51, 100, 101, 200] {
        let (webhook, fetched) = both(&long(lines)).await;
        assert_eq!(webhook, fetched, "{lines}");
    }
    let sandbox = sandbox().await;
    assert!(sandbox.state().seed(&long(200)));
    let page = all_pages(&sandbox, always()).await;
    let events = told(&page[0]).remove(0).events;
    let Event::Placed(order) = &events[0].event else { panic!("{events:?}") };
    assert_eq!(order.parts().lines.len(), 200);
    let Some(Event::Refunded(refund)) = events.last().map(|record| &record.event) else {
        panic!("{events:?}")
    };
    assert_eq!((refund.lines.len(), refund.amount.to_string().as_str()), (200, "238.00 EUR"));
}

fn window(from: &str, until: &str) -> Window {
    Window { from: time(from), until: time(until) }
}

fn always() -> Window {
    window("2020-01-01T00:00:00Z", "2030-01-01T00:00:00Z")
}

async fn all_pages(sandbox: &Sandbox, window: Window) -> Vec<Sighting> {
    let (front, mut next, mut seen) = (front(sandbox), None::<String>, Vec::new());
    loop {
        let page = front.changed(window, next.as_deref(), time(NOW)).await.unwrap();
        seen.extend(page.orders);
        next = page.next;
        if next.is_none() {
            return seen;
        }
    }
}

#[tokio::test]
async fn what_changed_is_told_oldest_first_page_by_page() {
    let sandbox = sandbox().await;
    for n in 0..60_u64 {
        let mut order = fixture_order("digital");
        order["id"] = json!(1_000 + n);
        // Two orders each changed in the same second.
        order["updated_at"] = json!(format!("2026-11-20T10:00:{:02}+01:00", n / 2));
        assert!(sandbox.state().seed(&order));
    }
    let seen = all_pages(&sandbox, window("2026-11-20T09:00:05Z", "2026-11-20T09:00:29Z")).await;
    let ids: Vec<String> = seen.iter().map(|sighting| sighting.order.to_string()).collect();
    let expected: Vec<String> = (1_010..1_060).map(|id: u64| id.to_string()).collect();
    assert_eq!(ids, expected, "both ends are in it");
    assert!(seen.is_sorted_by_key(|sighting| sighting.as_of));
    assert_eq!(all_pages(&sandbox, window("2026-11-20T09:00:30Z", "2026-11-21T00:00:00Z")).await, []);
}

#[tokio::test]
async fn an_order_that_is_gone_is_none() {
    let sandbox = sandbox().await;
    assert_eq!(front(&sandbox).order(&id(5), time(NOW)).await.unwrap(), None);
}

#[tokio::test]
async fn an_order_that_cannot_be_read_stops_no_other_and_names_itself() {
    let sandbox = sandbox().await;
    let mut broken = fixture_order("digital");
    (broken["id"], broken["total_price"], broken["current_total_price"]) =
        (json!(5), json!("1.00"), json!("1.00"));
    assert!(sandbox.state().seed(&broken) && sandbox.state().seed(&fixture_order("bank-pending")));
    let seen = all_pages(&sandbox, always()).await;
    assert_eq!(seen.len(), 2);
    let config = shop(ShopKind::Shopify, "https://kaffee.example.test");
    let failed: Vec<_> = seen.iter().filter_map(|sighting| read(&config, &sighting.envelope).err()).collect();
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].order, Some("kaffee/5".parse().unwrap()));
    assert!(kontor_flow::remedy::chain(&failed[0]).contains("does not add up"), "{}", failed[0]);
}

#[tokio::test]
async fn an_edit_is_found_by_the_next_poll() {
    let sandbox = sandbox().await;
    assert!(
        sandbox.state().seed(&fixture_order("paid-discounts"))
            && sandbox.state().seed(&fixture_order("refunded-part"))
    );
    let seen = all_pages(&sandbox, window("2026-11-19T15:00:00Z", "2026-11-19T16:00:00Z")).await;
    assert_eq!(seen.len(), 1);
    let webhook = fixture("shopify/refunded-part.json");
    let config = shop(ShopKind::Shopify, "https://kaffee.example.test");
    assert_eq!(unseen(told(&seen[0])), read(&config, &envelope("orders/updated", &webhook)).unwrap());
}

#[tokio::test]
async fn the_bucket_is_minded() {
    let sandbox = sandbox().await;
    for n in 0..60_u64 {
        let mut order = fixture_order("digital");
        order["id"] = json!(1_000 + n);
        assert!(sandbox.state().seed(&order));
    }
    let front = front(&sandbox);
    let page: OrderPage = front.changed(always(), None, time(NOW)).await.unwrap();
    assert_eq!(page.pause, None, "there is plenty");
    sandbox.state().limit(800, 100);
    let page = front.changed(always(), None, time(NOW)).await.unwrap();
    let pause = page.pause.unwrap();
    assert!((Duration::from_secs(1)..Duration::from_secs(9)).contains(&pause), "{pause:?}");
    let error = front.changed(always(), page.next.as_deref(), time(NOW)).await.unwrap_err();
    let Remedy::Retry { after: Some(after) } = error.remedy() else { panic!("{error}") };
    assert!(after <= pause, "{after:?} without what is left for others, {pause:?} with it");
    assert!(matches!(error, CallError::RateLimited { .. }));
    assert_eq!(sandbox.state().report().throttled, 1);
}

#[tokio::test]
async fn a_question_that_may_cost_too_much_is_asked_again_for_less() {
    let server = MockServer::start().await;
    let dear = json!({"errors": [{"message": "…", "extensions": {"code": "MAX_COST_EXCEEDED"}}]});
    let dear = ResponseTemplate::new(200).set_body_json(dear);
    let page =
        json!({"data": {"orders": {"pageInfo": {"hasNextPage": false, "endCursor": null}, "nodes": []}}});
    let first =
        |first: u32| Mock::given(method("POST")).and(body_string_contains(format!("\"first\":{first},")));
    first(25).respond_with(dear.clone()).expect(1).mount(&server).await;
    first(5).respond_with(ResponseTemplate::new(200).set_body_json(page)).expect(1).mount(&server).await;
    let shopify = Shopify::new(&shop(ShopKind::Shopify, &server.uri()), &secrets(), client()).unwrap();
    assert_eq!(shopify.changed(always(), None, time(NOW)).await.unwrap(), OrderPage::default());
    let hopeless = MockServer::start().await;
    Mock::given(method("POST")).respond_with(dear).expect(3).mount(&hopeless).await;
    let shopify = Shopify::new(&shop(ShopKind::Shopify, &hopeless.uri()), &secrets(), client()).unwrap();
    assert_eq!(shopify.changed(always(), None, time(NOW)).await.unwrap_err().remedy(), Remedy::Park);
}

#[tokio::test]
async fn an_order_that_cannot_be_read_does_not_hold_up_the_others() {
    let whole: Value = serde_json::from_slice(&fetched_body(&fixture_order("digital")).await).unwrap();
    let whole = whole["order"].clone();
    let with = |id: &str, place: &str, value: Value| {
        let mut node = whole.clone();
        node["legacyResourceId"] = json!(id);
        node[place] = value;
        node
    };
    let nodes = [
        with("7", "lineItems", json!(null)),
        with("8", "updatedAt", json!(null)),
        with("9", "legacyResourceId", json!("9")),
    ];
    let page =
        json!({"data": {"orders": {"pageInfo": {"hasNextPage": false, "endCursor": null}, "nodes": nodes}}});
    let server = MockServer::start().await;
    let page = ResponseTemplate::new(200).set_body_json(page);
    Mock::given(method("POST")).respond_with(page).mount(&server).await;
    let config = shop(ShopKind::Shopify, &server.uri());
    let shopify = Shopify::new(&config, &secrets(), client()).unwrap();
    let found = shopify.changed(always(), None, time(NOW)).await.unwrap().orders;
    assert_eq!(found.iter().map(|sighting| sighting.order.as_str()).collect::<Vec<_>>(), ["7", "9"]);
    assert_eq!(found[0].as_of, found[1].as_of);
    let error = read(&config, &found[0].envelope).unwrap_err();
    assert_eq!(error.order.unwrap().order.as_str(), "7", "it becomes a failure that names it");
    assert!(String::from_utf8_lossy(&found[0].envelope.body.bytes().unwrap()).contains("updatedAt"));
}

/// The fetched form of an order, with other bytes in it.
fn fetched(body: &[u8]) -> Result<Vec<Happened>, String> {
    let config = shop(ShopKind::Shopify, "https://kaffee.example.test");
    let envelope = kontor_flow::Envelope { topic: FETCHED.to_owned(), ..envelope(FETCHED, body) };
    read(&config, &envelope).map_err(|error| kontor_flow::remedy::chain(&error))
}

async fn fetched_body(order: &Value) -> Vec<u8> {
    let sandbox = sandbox().await;
    assert!(sandbox.state().seed(order));
    let id = id(order["id"].as_u64().unwrap());
    let sighting = front(&sandbox).order(&id, time(NOW)).await.unwrap().unwrap();
    sighting.envelope.body.bytes().unwrap().to_vec()
}

/// The fetched form of a fixture with changes made to it.
async fn changed(name: &str, change: impl Fn(&mut Value)) -> Result<Vec<Happened>, String> {
    let mut body: Value = serde_json::from_slice(&fetched_body(&fixture_order(name)).await).unwrap();
    change(&mut body["order"]);
    fetched(body.to_string().as_bytes())
}

#[tokio::test]
async fn what_goes_on_and_was_not_fetched_is_no_order() {
    for list in ["lineItems", "shippingLines"] {
        let error =
            changed("paid-discounts", |order| order[list]["pageInfo"]["hasNextPage"] = json!(true)).await;
        assert!(error.as_ref().is_err_and(|error| error.contains(list)), "{error:?}");
    }
    for list in ["refundLineItems", "refundShippingLines", "transactions"] {
        let cut = |order: &mut Value| order["refunds"][0][list]["pageInfo"]["hasNextPage"] = json!(true);
        let error = changed("refunded-part", cut).await;
        assert!(error.as_ref().is_err_and(|error| error.contains(list)), "{error:?}");
        let cancelled = changed("cancelled", cut).await.unwrap();
        assert!(
            cancelled[0].events.iter().any(|record| record.event.word() == "life"),
            "a cancellation is heard"
        );
    }
}

#[tokio::test]
async fn words_of_tomorrow_are_nothing_final() {
    let read = changed("bank-paid", |order| {
        (order["displayFinancialStatus"], order["displayFulfillmentStatus"]) = (json!("NEW"), json!("NEW"));
    });
    let words: Vec<_> = read.await.unwrap()[0].events.iter().map(|record| record.event.word()).collect();
    assert_eq!(words, ["placed", "life"], "nobody says that it is paid");
    let read = changed("paid-discounts", |order| {
        order["displayFinancialStatus"] = json!("REFUNDED");
        order["displayFulfillmentStatus"] = json!("NEW");
    });
    let read = read.await.unwrap();
    let life = read[0].events.iter().find(|record| record.event.word() == "life").unwrap();
    assert_eq!(life.event, Event::Life(kontor_domain::OrderLife::Open), "it may have been shipped");
}

#[tokio::test]
async fn broken_answers_never_panic() {
    let body = fetched_body(&fixture_order("refunded-part")).await;
    proptest!(|(at in 0_usize..20_000, byte in any::<u8>(), cut in any::<bool>())| {
        let mut body = body.clone();
        let at = at % body.len();
        if cut {
            body.truncate(at);
            prop_assert!(fetched(&body).is_err());
        } else {
            body[at] = byte;
            drop(fetched(&body));
        }
    });
}

/// An edit: pieces left of the first line, of the second, and what is done beside it.
fn edited(first: u64, second: u64, shipped: bool, refund: bool) -> Value {
    let mut order = fixture_order(if refund { "refunded-part" } else { "paid-discounts" });
    let cents = [(0, first, 2, 2159_u64), (1, second, 3, 4896)].map(|(at, left, of, total)| {
        order["line_items"][at]["current_quantity"] = json!(left);
        (total * left * 10 / of + 5) / 10
    });
    let total: u64 = cents.iter().sum::<u64>() + 2717 + 490;
    order["current_total_price"] = json!(format!("{}.{:02}", total / 100, total % 100));
    if shipped {
        order["fulfillments"] = json!([{"id": 1, "status": "success"}]);
        order["fulfillment_status"] = json!("partial");
    }
    order
}

#[tokio::test]
async fn edits_are_the_same_in_both_forms() {
    for first in 0..=2 {
        for second in 0..=3 {
            for (shipped, refund) in [(false, false), (true, false), (false, true)] {
                let (webhook, fetched) = both(&edited(first, second, shipped, refund)).await;
                assert_eq!(webhook, fetched, "{first} {second} {shipped} {refund}");
            }
        }
    }
}
