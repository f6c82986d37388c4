//! The stand-in of Smartstore over HTTP: as strict as the shop's source says.
#![expect(clippy::unwrap_used, reason = "a test that can't go on is to fail loudly")]

use kontor_sandbox::Switches;
use kontor_sandbox::smartstore::{Sandbox, State, sign_notice};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

fn order(id: u64) -> Value {
    json!({
        "Id": id, "OrderStatusId": 10, "PaymentStatusId": 10, "ShippingStatusId": 20, "PaidDateUtc": null,
        "UpdatedOnUtc": "2026-11-01T10:00:00.1234567Z", "CreatedOnUtc": "2026-11-01T10:00:00Z",
        "OrderItems": [
            { "Id": 11, "Quantity": 2, "Sku": "TASSE-01", "Product": { "Id": 1, "IsShippingEnabled": true } },
            { "Id": 12, "Quantity": 1, "Sku": "EBOOK-01", "Product": { "Id": 2, "IsShippingEnabled": false } },
        ],
        "Customer": { "Id": 5, "Email": "erika@example.test", "CustomerRoleMappings": [] },
    })
}

async fn shop() -> Sandbox {
    let shop = Sandbox::start("127.0.0.1:0", State::new("pub", "sec")).await.unwrap();
    assert!(shop.state().seed(&order(7)));
    assert!(!shop.state().seed(&json!({ "Name": "no id" })));
    shop
}

fn call(shop: &Sandbox, method: Method, path: &str) -> RequestBuilder {
    let url = format!("{}/odata/v1/{path}", shop.url);
    let request = reqwest::Client::new().request(method, url).basic_auth("pub", Some("sec"));
    request.header("accept", "application/json")
}

async fn get(shop: &Sandbox, path: &str) -> (u16, Value) {
    let answer = call(shop, Method::GET, path).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

async fn post(shop: &Sandbox, path: &str, body: Value) -> (u16, Value) {
    let answer = call(shop, Method::POST, path).json(&body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

#[tokio::test]
async fn who_has_no_keys_or_asks_for_no_json_hears_it() {
    let shop = shop().await;
    let url = format!("{}/odata/v1/Orders", shop.url);
    for (request, reason) in [
        (reqwest::Client::new().get(&url), "2"),
        (reqwest::Client::new().get(&url).basic_auth("pub", Some("wrong")), "3"),
    ] {
        let answer = request.header("accept", "application/json").send().await.unwrap();
        assert_eq!(answer.status(), 401);
        assert_eq!(answer.headers()["smartstore-api-authresultid"], reason);
        assert!(answer.headers().contains_key("www-authenticate"));
        assert_eq!(answer.json::<Value>().await.unwrap()["error"]["code"], "401");
    }
    let page = reqwest::Client::new().get(&url).send().await.unwrap().text().await.unwrap();
    assert!(page.starts_with("<!DOCTYPE html>"), "{page}");
    shop.state().lock(Some(0));
    let answer = call(&shop, Method::GET, "Orders").send().await.unwrap();
    assert_eq!(answer.headers()["smartstore-api-authresultid"], "0");
}

#[tokio::test]
async fn lists_are_filtered_cut_and_expanded_only_where_asked() {
    let shop = shop().await;
    assert!(shop.state().seed(&order(8)));
    let (_, bare) = get(&shop, "Orders?$filter=Id%20eq%207").await;
    assert_eq!(bare["value"].as_array().unwrap().len(), 1);
    assert!(bare["value"][0].get("OrderItems").is_none() && bare["value"][0].get("Customer").is_none());
    let (status, error) = get(&shop, "Orders?$top=121").await;
    assert_eq!(status, 400);
    assert!(error["error"]["message"].as_str().unwrap().contains("The limit of '120' for Top query"));
    for wrong in
        ["Orders?$filter=Number%20eq%201", "Orders?$expand=Lines", "Orders?$skip=1", "Orders?$filter=Id"]
    {
        assert_eq!(get(&shop, wrong).await.0, 400, "{wrong}");
    }
    shop.state().set_max_top(1);
    let (_, first) = get(&shop, "Orders?$expand=OrderItems($expand=Product($select=Id);$orderby=Id)").await;
    let cut = &first["value"][0];
    assert_eq!(cut["OrderItems"].as_array().unwrap().len(), 1);
    assert_eq!(cut["OrderItems"][0]["Product"], json!({ "Id": 1 }));
    let follow = |link: &Value| link.as_str().unwrap().split_once("/odata/v1/").unwrap().1.to_owned();
    let (_, rest) = get(&shop, &follow(&cut["OrderItems@odata.nextLink"])).await;
    assert_eq!((&rest["value"][0]["Id"], &rest["value"][0]["Product"]), (&json!(12), &json!({ "Id": 2 })));
    assert!(rest.get("@odata.nextLink").is_none());
    let (_, second) = get(&shop, &follow(&first["@odata.nextLink"])).await;
    assert_eq!((&second["value"][0]["Id"], second.get("@odata.nextLink")), (&json!(8), None));
    let answer = call(&shop, Method::GET, "Orders(9)").send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap()), (404, String::new()));
    shop.state().edit_silently(7, &json!({ "Deleted": true }));
    assert_eq!(
        get(&shop, "Orders?$filter=Id%20eq%207").await.1["value"],
        json!([]),
        "it is never told that one is gone"
    );
}

#[tokio::test]
async fn what_does_not_apply_is_answered_with_the_record_as_it_is() {
    let shop = shop().await;
    let before = shop.state().order(7).unwrap()["UpdatedOnUtc"].clone();
    let (status, paid) = post(&shop, "Orders(7)/PaymentPaid", json!({})).await;
    assert_eq!((status, &paid["PaymentStatusId"], &paid["OrderStatusId"]), (200, &json!(30), &json!(20)));
    assert!(
        paid["PaidDateUtc"].is_string() && paid["UpdatedOnUtc"] != before && paid.get("OrderItems").is_none()
    );
    assert_eq!(post(&shop, "Orders(7)/PaymentPaid", json!({})).await, (200, paid));
    // What was paid back becomes paid again: nobody may call this without a look.
    shop.state().edit(7, &json!({ "PaymentStatusId": 35 }));
    assert_eq!(post(&shop, "Orders(7)/PaymentPaid", json!({})).await.1["PaymentStatusId"], 30);
    let (_, gone) = post(&shop, "Orders(7)/Cancel", json!({ "notifyCustomer": true })).await;
    assert_eq!(gone["OrderStatusId"], 40);
    assert_eq!(post(&shop, "Orders(7)/Cancel", json!({ "notifyCustomer": true })).await, (200, gone));
    let report = shop.state().report();
    assert_eq!((report.paid, report.cancelled, report.mails), (2, 1, 1));
    assert_eq!(post(&shop, "Orders(9)/PaymentPaid", json!({})).await.0, 404);
}

#[tokio::test]
async fn parcels_are_all_that_is_left_or_made_by_hand() {
    let shop = shop().await;
    let (status, error) =
        post(&shop, "Orders(7)/AddShipment", json!({ "trackingNumber": "J", "carrier": "DHL" })).await;
    assert_eq!((status, &error["error"]["code"]), (500, &json!("500")), "the model does not declare it");
    let before = shop.state().order(7).unwrap()["UpdatedOnUtc"].clone();
    let (status, parcel) = post(&shop, "Shipments", json!({ "OrderId": 7, "TrackingNumber": "J1" })).await;
    assert_eq!((status, &parcel["ShippedDateUtc"]), (201, &Value::Null));
    let packed = json!({ "ShipmentId": parcel["Id"], "OrderItemId": 11, "Quantity": 1 });
    assert_eq!(post(&shop, "ShipmentItems", packed).await.0, 201);
    assert_eq!(
        shop.state().order(7).unwrap()["UpdatedOnUtc"],
        before,
        "a parcel does not move the order's time"
    );
    let (_, shipped) =
        post(&shop, &format!("Shipments({})/Ship", parcel["Id"]), json!({ "notifyCustomer": false })).await;
    assert!(shipped["ShippedDateUtc"].is_string());
    assert_eq!(shop.state().order(7).unwrap()["ShippingStatusId"], 25);
    let (_, rest) =
        post(&shop, "Orders(7)/AddShipment", json!({ "trackingNumber": "J2", "isShipped": true })).await;
    let (_, items) = get(&shop, &format!("Shipments({})/ShipmentItems", rest["Id"])).await;
    assert_eq!(items["value"].as_array().unwrap().len(), 1, "what is not shipped at all is in no parcel");
    assert_eq!((&items["value"][0]["OrderItemId"], &items["value"][0]["Quantity"]), (&json!(11), &json!(1)));
    assert_eq!(shop.state().order(7).unwrap()["ShippingStatusId"], 30);
    assert_eq!(post(&shop, "Orders(7)/AddShipment", json!({})).await, (204, Value::Null), "nothing is left");
    assert_eq!(shop.state().report().doubled_shipments, Vec::<u64>::new());
    let change = call(&shop, Method::PATCH, &format!("Shipments({})", rest["Id"]))
        .json(&json!({ "TrackingNumber": "J1" }));
    assert_eq!(change.send().await.unwrap().status(), 204);
    assert_eq!(shop.state().report().doubled_shipments, [7], "the same number twice");
}

#[tokio::test]
async fn permissions_outages_and_lost_answers() {
    let shop = shop().await;
    shop.state().forbid("order.update");
    assert_eq!(post(&shop, "Orders(7)/PaymentPaid", json!({})).await.0, 500);
    let by_script =
        call(&shop, Method::POST, "Orders(0)/PaymentPaid").header("x-requested-with", "XMLHttpRequest");
    let answer = by_script.json(&json!({})).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers().get("smartstore-api-authresultid")), (401, None));
    assert_eq!(get(&shop, "Orders").await.0, 200);
    shop.state().switch(Switches { outage: true, ..Switches::default() });
    assert_eq!(get(&shop, "Orders").await.0, 503);
    shop.state().switch(Switches { work_but_never_answer_per_mille: 1_000, ..Switches::default() });
    let lost =
        call(&shop, Method::POST, "Orders(7)/AddShipment").json(&json!({ "isShipped": true })).send().await;
    let answered = match lost {
        Ok(begun) => begun.bytes().await.is_ok(),
        Err(_) => false,
    };
    assert!(!answered, "the answer came");
    assert_eq!(shop.state().report().shipments, 1);
}

#[test]
fn a_notice_is_signed_over_its_time_and_its_body() {
    let [_, time, signature] = sign_notice("secret", br#"{"orderId":7}"#, 1_772_442_848);
    assert_eq!(time, ("x-shop-timestamp", "1772442848".to_owned()));
    assert_eq!((signature.0, signature.1.len()), ("x-shop-signature", "sha256=".len() + 64));
    assert_ne!(signature, sign_notice("secret", br#"{"orderId":8}"#, 1_772_442_848)[2]);
    assert_ne!(signature, sign_notice("secret", br#"{"orderId":7}"#, 1_772_442_849)[2]);
}
