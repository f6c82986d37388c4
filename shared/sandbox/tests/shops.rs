//! The shops' stand-ins over HTTP.
#![expect(clippy::unwrap_used, reason = "a test that can't go on is to fail loudly")]

use kontor_sandbox::{Switches, shopify, woocommerce};
use serde_json::{Value, json};

async fn woo(shop: &woocommerce::Sandbox, method: &str, path: &str, body: Value) -> (u16, Value) {
    // A query belongs to the list itself.
    let slash = if path.starts_with('?') { "" } else { "/" };
    let url = format!("{}/wp-json/wc/v3/orders{slash}{path}", shop.url);
    let request = reqwest::Client::new().request(method.parse().unwrap(), url).basic_auth("ck", Some("cs"));
    let answer = request.json(&body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

#[tokio::test]
async fn a_woocommerce_order_is_paid_told_about_and_completed() {
    let shop = woocommerce::Sandbox::start("127.0.0.1:0", woocommerce::State::new("ck", "cs")).await.unwrap();
    assert!(
        shop.state().seed(&json!({"id": 17, "status": "on-hold", "number": "17", "date_paid_gmt": null}))
    );
    let (_, order) = woo(&shop, "PUT", "17", json!({"set_paid": true})).await;
    assert_eq!(
        (&order["status"], &order["date_paid_gmt"]),
        (&json!("on-hold"), &Value::Null),
        "recorded: ignored"
    );
    let meta = json!([{"key": "_kontor_shipment_1", "value": {"carrier": "DHL"}}]);
    let (_, order) = woo(&shop, "PUT", "17", json!({"status": "processing", "meta_data": meta})).await;
    assert_eq!(order["date_paid_gmt"].as_str().unwrap().len(), 19);
    let (_, order) = woo(&shop, "PUT", "17", json!({"status": "completed", "meta_data": meta})).await;
    assert_eq!(order["meta_data"].as_array().unwrap().len(), 1);
    assert!(order["date_completed_gmt"].is_string());
    for _ in 0..2 {
        let (status, note) =
            woo(&shop, "POST", "17/notes", json!({"note": "[1]", "customer_note": true})).await;
        assert_eq!((status, &note["note"]), (201, &json!("[1]")));
    }
    assert_eq!(woo(&shop, "GET", "17/notes", json!({})).await.1.as_array().unwrap().len(), 2);
    let report = shop.state().report();
    assert_eq!((report.notes, report.doubled_notes), (2, vec![17]));
    assert_eq!(report.orders, [("completed".to_owned(), 1)].into());
}

#[tokio::test]
async fn woocommerce_refuses_as_recorded() {
    let shop = woocommerce::Sandbox::start("127.0.0.1:0", woocommerce::State::new("ck", "cs")).await.unwrap();
    assert!(shop.state().seed(&json!({"id": 17, "status": "processing"})));
    let (status, gone) = woo(&shop, "GET", "999999", json!({})).await;
    assert_eq!((status, &gone["code"]), (404, &json!("woocommerce_rest_shop_order_invalid_id")));
    let (status, wrong) = woo(&shop, "PUT", "17", json!({"status": "shipped"})).await;
    assert_eq!((status, &wrong["code"]), (400, &json!("rest_invalid_param")));
    let (status, route) = woo(&shop, "GET", "17/nothing", json!({})).await;
    assert_eq!((status, &route["code"]), (404, &json!("rest_no_route")));
    let url = format!("{}/wp-json/wc/v3/orders/17", shop.url);
    let stranger = reqwest::get(url).await.unwrap();
    assert_eq!(stranger.status(), 401);
    assert_eq!(stranger.json::<Value>().await.unwrap()["code"], "woocommerce_rest_cannot_view");
    shop.state().switch(Switches { outage: true, ..Switches::default() });
    assert_eq!(woo(&shop, "GET", "17", json!({})).await.0, 503);
    shop.stop().await.unwrap();
}

#[tokio::test]
async fn woocommerce_lists_refunds_and_looks_at_keys_as_recorded() {
    let shop = woocommerce::Sandbox::start("127.0.0.1:0", woocommerce::State::new("ck", "cs")).await.unwrap();
    assert!(shop.state().place(&json!({"id": 17, "status": "processing"})));
    let code = |(status, body): (u16, Value)| (status, body["code"].as_str().unwrap_or_default().to_owned());
    for wrong in ["?per_page=500", "?page=0", "?orderby=total", "?order=up", "?modified_after=yesterday"] {
        assert_eq!(
            code(woo(&shop, "GET", wrong, json!({})).await),
            (400, "rest_invalid_param".to_owned()),
            "{wrong}"
        );
    }
    // Times are those of the shop, an hour ahead, unless they are said to be UTC.
    let (_, all) = woo(&shop, "GET", "?modified_after=2020-01-01T00:00:00", json!({})).await;
    let (here, utc) =
        (all[0]["date_modified"].as_str().unwrap(), all[0]["date_modified_gmt"].as_str().unwrap());
    assert!(here > utc);
    for (query, found) in [
        (format!("?modified_after={utc}"), 1),
        (format!("?modified_after={here}"), 0),
        (format!("?modified_after={utc}&dates_are_gmt=true"), 0),
    ] {
        assert_eq!(woo(&shop, "GET", &query, json!({})).await.1.as_array().unwrap().len(), found, "{query}");
    }
    let items = json!([{"id": 3, "quantity": 1, "refund_total": 8.3, "refund_tax": [{"id": 1, "refund_total": 1.57}]}]);
    let without = woo(&shop, "POST", "17/refunds", json!({"line_items": items})).await;
    assert_eq!(code(without), (500, "woocommerce_rest_invalid_order_refund".to_owned()));
    let (status, made) =
        woo(&shop, "POST", "17/refunds", json!({"amount": "9.87", "line_items": items})).await;
    let line = &made["line_items"][0];
    assert_eq!((status, &line["total"], &line["quantity"]), (201, &json!("-8.3"), &json!(-1)));
    let (_, order) = woo(&shop, "GET", "17", json!({})).await;
    assert_eq!(order["refunds"], json!([{"id": made["id"], "reason": "", "total": "-9.87"}]));
    assert_eq!(
        code(woo(&shop, "PUT", "99", json!({})).await),
        (400, "woocommerce_rest_shop_order_invalid_id".to_owned())
    );
    shop.state().read_only_key("ck", "cs");
    assert_eq!(woo(&shop, "PUT", "17", json!({})).await.0, 200, "the first key may still write");
    shop.state().read_only_key("reader", "cs");
    let url = format!("{}/wp-json/wc/v3/orders/17", shop.url);
    let refused =
        reqwest::Client::new().put(url).basic_auth("reader", Some("cs")).body("{}").send().await.unwrap();
    assert_eq!(refused.status(), 401);
    assert_eq!(refused.json::<Value>().await.unwrap()["code"], "woocommerce_rest_authentication_error");
}

async fn ask(shop: &shopify::Sandbox, query: &str, variables: Value) -> Value {
    let url = format!("{}/admin/api/2026-10/graphql.json", shop.url);
    let request = reqwest::Client::new().post(url).header("x-shopify-access-token", "token");
    request.json(&json!({"query": query, "variables": variables})).send().await.unwrap().json().await.unwrap()
}

async fn shop() -> shopify::Sandbox {
    let shop = shopify::Sandbox::start("127.0.0.1:0", shopify::State::new("token")).await.unwrap();
    let lines = json!([{"id": 1, "quantity": 2, "requires_shipping": true}, {"id": 2, "quantity": 1, "requires_shipping": false}]);
    assert!(shop.state().seed(&json!({"id": 5, "financial_status": "pending", "line_items": lines})));
    shop
}

#[tokio::test]
async fn a_shopify_order_is_paid_once() {
    let shop = shop().await;
    let paid = "mutation P($input: OrderMarkAsPaidInput!) { orderMarkAsPaid(input: $input) \
        { order { id displayFinancialStatus } userErrors { field message } } }";
    let variables = json!({"input": {"id": "gid://shopify/Order/5"}});
    let first = ask(&shop, paid, variables.clone()).await;
    assert_eq!(
        first["data"]["orderMarkAsPaid"],
        json!({
            "order": {"id": "gid://shopify/Order/5", "displayFinancialStatus": "PAID"}, "userErrors": [],
        })
    );
    let again = ask(&shop, paid, variables).await;
    let errors = &again["data"]["orderMarkAsPaid"]["userErrors"];
    assert_eq!(*errors, json!([{"field": ["id"], "message": "Order cannot be marked as paid."}]));
    let coded = ask(
        &shop,
        &paid.replace("field message", "field message code"),
        json!({"input": {"id": "gid://shopify/Order/5"}}),
    )
    .await;
    assert_eq!(coded["errors"][0]["extensions"]["code"], "undefinedField");
    assert_eq!(shop.state().report().paid, 1);
}

#[tokio::test]
async fn a_shopify_order_ships_once_and_then_cannot_be_cancelled() {
    let shop = shop().await;
    let look = "query L($id: ID!) { order(id: $id) { fulfillmentOrders(first: 5) { nodes { id status lineItems(first: 9) \
        { nodes { id remainingQuantity } } } } fulfillments(first: 5) { id trackingInfo(first: 5) { number url company } } } }";
    let id = json!({"id": "gid://shopify/Order/5"});
    let before = ask(&shop, look, id.clone()).await;
    let open = &before["data"]["order"]["fulfillmentOrders"]["nodes"][0];
    assert_eq!(
        (&open["status"], &open["lineItems"]["nodes"][0]["remainingQuantity"]),
        (&json!("OPEN"), &json!(2))
    );
    let ship = "mutation S($f: FulfillmentInput!) { fulfillmentCreate(fulfillment: $f) \
        { fulfillment { id status } userErrors { field message } } }";
    let wanted = json!({"f": {
        "lineItemsByFulfillmentOrder": [{"fulfillmentOrderId": open["id"]}],
        "trackingInfo": {"company": "DHL", "numbers": ["JJD1"], "urls": ["https://t.example/JJD1"]},
    }});
    let shipped = ask(&shop, ship, wanted.clone()).await;
    assert_eq!(shipped["data"]["fulfillmentCreate"]["fulfillment"]["status"], "SUCCESS");
    let again = ask(&shop, ship, wanted).await;
    let message = again["data"]["fulfillmentCreate"]["userErrors"][0]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("has an unfulfillable status= closed."), "{message}");
    let after = ask(&shop, look, id).await;
    let parcel = &after["data"]["order"]["fulfillments"][0]["trackingInfo"][0];
    assert_eq!(*parcel, json!({"number": "JJD1", "url": "https://t.example/JJD1", "company": "DHL"}));
    let cancel = "mutation C($id: ID!) { orderCancel(orderId: $id, reason: OTHER, restock: true) \
        { job { id } orderCancelUserErrors { code message } } }";
    let refused = ask(&shop, cancel, json!({"id": "gid://shopify/Order/5"})).await;
    assert_eq!(
        refused["data"]["orderCancel"]["orderCancelUserErrors"][0]["message"],
        "Cannot cancel an order that has outstanding fulfillments"
    );
    let report = shop.state().report();
    assert_eq!((report.fulfillments, report.cancelled, report.doubled_tracking), (1, 0, vec![]));
}
