//! The stand-in of Shopify over HTTP: it refuses what Shopify was seen to refuse.
#![expect(clippy::unwrap_used, reason = "a test that can't go on is to fail loudly")]

use kontor_sandbox::shopify::{Sandbox, State};
use serde_json::{Value, json};

async fn ask(shop: &Sandbox, query: &str, variables: Value) -> Value {
    let url = format!("{}/admin/api/2026-10/graphql.json", shop.url);
    let request = reqwest::Client::new().post(url).header("x-shopify-access-token", "token");
    request.json(&json!({"query": query, "variables": variables})).send().await.unwrap().json().await.unwrap()
}

async fn shop() -> Sandbox {
    let shop = Sandbox::start("127.0.0.1:0", State::new("token")).await.unwrap();
    let lines = json!([{"id": 1, "sku": "A", "quantity": 2}, {"id": 2, "sku": "B", "quantity": 1}]);
    let order = json!({"id": 5, "financial_status": "paid", "updated_at": "2026-11-20T10:00:00Z", "line_items": lines});
    assert!(shop.state().seed(&order));
    shop
}

const SHIP: &str = "mutation S($f: FulfillmentInput!) { fulfillmentCreate(fulfillment: $f) \
    { fulfillment { id } userErrors { field message } } }";
const OPEN: &str = "query O($id: ID!) { order(id: $id) { updatedAt fulfillmentOrders(first: 9) { nodes { id status \
    assignedLocation { location { id } } lineItems(first: 9) { nodes { id remainingQuantity } } } } } }";

fn id() -> Value {
    json!({"id": "gid://shopify/Order/5"})
}

fn refusal(answer: &Value) -> &Value {
    answer.pointer("/data/fulfillmentCreate/userErrors/0/message").unwrap()
}

#[tokio::test]
async fn several_places_ship_in_several_calls() {
    let shop = shop().await;
    assert!(shop.state().split(5, &[2]));
    let open = ask(&shop, OPEN, id()).await;
    let places = open["data"]["order"]["fulfillmentOrders"]["nodes"].as_array().unwrap().clone();
    assert_eq!(places.len(), 2);
    assert_ne!(places[0]["assignedLocation"], places[1]["assignedLocation"]);
    let part = |place: &Value| json!({"fulfillmentOrderId": place["id"]});
    let both = json!({"f": {"lineItemsByFulfillmentOrder": [part(&places[0]), part(&places[1])]}});
    let answer = ask(&shop, SHIP, both).await;
    assert_eq!(*refusal(&answer), "All fulfillment orders must be assigned to a single location.");
    let line = &places[0]["lineItems"]["nodes"][0];
    let pieces = |quantity: i64| {
        let lines = json!([{"id": line["id"], "quantity": quantity}]);
        json!({"f": {"lineItemsByFulfillmentOrder": [{"fulfillmentOrderId": places[0]["id"], "fulfillmentOrderLineItems": lines}]}})
    };
    assert_eq!(
        *refusal(&ask(&shop, SHIP, pieces(3)).await),
        "Invalid fulfillment order line item quantity requested."
    );
    assert_eq!(*refusal(&ask(&shop, SHIP, pieces(0)).await), "Quantity must be greater than 0");
    assert!(ask(&shop, SHIP, pieces(1)).await["data"]["fulfillmentCreate"]["fulfillment"]["id"].is_string());
    let after = ask(&shop, OPEN, id()).await;
    let first = &after["data"]["order"]["fulfillmentOrders"]["nodes"][0];
    assert_eq!(
        (&first["status"], &first["lineItems"]["nodes"][0]["remainingQuantity"]),
        (&json!("IN_PROGRESS"), &json!(1))
    );
    assert!(after["data"]["order"]["updatedAt"].as_str() > open["data"]["order"]["updatedAt"].as_str());
    let order = shop.state().order(5).unwrap();
    assert_eq!(
        (&order["fulfillment_status"], order["fulfillments"].as_array().unwrap().len()),
        (&json!("partial"), 1)
    );
}

#[tokio::test]
async fn an_order_told_anew_keeps_what_was_done_through_the_api() {
    let shop = shop().await;
    let open = ask(&shop, OPEN, id()).await;
    let place = &open["data"]["order"]["fulfillmentOrders"]["nodes"][0];
    let part = json!({"fulfillmentOrderId": place["id"], "fulfillmentOrderLineItems": [{"id": place["lineItems"]["nodes"][0]["id"], "quantity": 1}]});
    ask(&shop, SHIP, json!({"f": {"lineItemsByFulfillmentOrder": [part]}})).await;
    let lines = json!([{"id": 1, "sku": "A", "quantity": 2}, {"id": 2, "sku": "B", "quantity": 1, "current_quantity": 0}]);
    let edited = json!({"id": 5, "financial_status": "paid", "updated_at": "2026-11-20T11:00:00Z", "line_items": lines});
    assert!(shop.state().seed(&edited));
    let left =
        ask(&shop, OPEN, id()).await["data"]["order"]["fulfillmentOrders"]["nodes"][0]["lineItems"]["nodes"]
            .clone();
    assert_eq!((&left[0]["remainingQuantity"], &left[1]["remainingQuantity"]), (&json!(1), &json!(0)));
    let report = shop.state().report();
    assert_eq!((report.fulfillments, report.told), (1, [(5, 1)].into()));
}

#[tokio::test]
async fn mutations_that_need_a_key_are_refused_without_one() {
    let shop = shop().await;
    let refund =
        "mutation R { refundCreate(input: {orderId: \"gid://shopify/Order/5\"}) { userErrors { message } } }";
    let answer = ask(&shop, refund, json!({})).await;
    let error = &answer["errors"][0];
    assert_eq!(
        error["message"],
        "The @idempotent directive is required for this mutation but was not provided."
    );
    assert_eq!(
        (&error["extensions"]["code"], &answer["data"]),
        (&json!("BAD_REQUEST"), &json!({"refundCreate": null}))
    );
}

#[tokio::test]
async fn an_empty_bucket_turns_away_and_fills_again() {
    let shop = shop().await;
    shop.state().limit(25, 50);
    let mut throttled = None;
    for _ in 0..20 {
        let answer = ask(&shop, OPEN, id()).await;
        if answer["errors"][0]["extensions"]["code"] == "THROTTLED" {
            throttled = Some(answer);
            break;
        }
    }
    let status = throttled.unwrap()["extensions"]["cost"]["throttleStatus"].clone();
    assert_eq!((&status["maximumAvailable"], &status["restoreRate"]), (&json!(25), &json!(50)));
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    assert!(ask(&shop, OPEN, id()).await["data"]["order"].is_object());
    assert_eq!(shop.state().report().throttled, 1);
    let dear = "{ orders(first: 250, sortKey: UPDATED_AT) { nodes { lineItems(first: 250) { nodes { taxLines { rate } } } \
        refunds(first: 250) { refundLineItems(first: 250) { nodes { quantity } } } } } }";
    let answer = ask(&shop, dear, json!({})).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "MAX_COST_EXCEEDED");
}

#[tokio::test]
async fn orders_are_found_by_when_they_changed() {
    let shop = shop().await;
    for (id, at) in
        [(6, "2026-11-20T12:00:00+01:00"), (7, "2026-11-20T09:00:00Z"), (8, "2026-11-21T00:00:00Z")]
    {
        assert!(shop.state().seed(&json!({"id": id, "updated_at": at})));
    }
    let query = "query Q($after: String) { orders(first: 2, after: $after, query: \"updated_at:>='2026-11-20T09:00:00Z' AND \
        updated_at:<='2026-11-20T23:59:59Z'\", sortKey: UPDATED_AT) { pageInfo { hasNextPage endCursor } nodes { legacyResourceId } } }";
    let first = ask(&shop, query, json!({"after": null})).await["data"]["orders"].clone();
    assert_eq!(first["nodes"], json!([{"legacyResourceId": "7"}, {"legacyResourceId": "5"}]));
    assert_eq!(first["pageInfo"]["hasNextPage"], true);
    let second =
        ask(&shop, query, json!({"after": first["pageInfo"]["endCursor"]})).await["data"]["orders"].clone();
    assert_eq!(second["nodes"], json!([{"legacyResourceId": "6"}]));
    assert_eq!(second["pageInfo"]["hasNextPage"], false);
    assert!(shop.state().delete(6) && !shop.state().delete(6));
}

#[tokio::test]
async fn a_cancellation_closes_everything_and_is_not_done_twice() {
    let shop = shop().await;
    let cancel = "mutation C($id: ID!) { orderCancel(orderId: $id, reason: OTHER, restock: true) \
        { job { id } orderCancelUserErrors { message } } }";
    assert!(ask(&shop, cancel, id()).await["data"]["orderCancel"]["job"]["id"].is_string());
    let again = ask(&shop, cancel, id()).await;
    let said = &again["data"]["orderCancel"]["orderCancelUserErrors"][0]["message"];
    assert_eq!(*said, "Cannot cancel an order that has already been canceled");
    let open = ask(&shop, OPEN, id()).await;
    let place = &open["data"]["order"]["fulfillmentOrders"]["nodes"][0];
    assert_eq!(place["status"], "CLOSED");
    let ship = json!({"f": {"lineItemsByFulfillmentOrder": [{"fulfillmentOrderId": place["id"]}]}});
    assert!(
        refusal(&ask(&shop, SHIP, ship).await)
            .as_str()
            .unwrap()
            .contains("has an unfulfillable status= closed.")
    );
    assert!(shop.state().order(5).unwrap()["cancelled_at"].is_string());
}
