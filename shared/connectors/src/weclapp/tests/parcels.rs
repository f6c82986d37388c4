//! Parcels: what is in them, and several of one order.

use super::*;

/// What a parcel holds, as `sku×pieces`.
fn contents(event: &Event) -> Vec<String> {
    let Event::Shipped(shipment) = event else { panic!("{event:?}") };
    let tell = |line: &kontor_domain::PackedLine| {
        assert_eq!(line.line, None);
        format!("{}×{}", line.sku.as_ref().unwrap().as_str(), line.quantity.count())
    };
    let mut lines: Vec<String> = shipment.lines.iter().map(tell).collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn an_order_that_leaves_in_parts_is_told_parcel_by_parcel() {
    let bench = Bench::with(|options| options.warehouse_delay = Duration::from_secs(60), |_| {}).await;
    let mut order = prepaid("kaffee/1");
    for action in [Action::ErpCustomer, Action::ErpSalesOrder] {
        bench.done(&mut order, action).await;
    }
    let whole = bench.done(&mut order, Action::ErpShipment).await;
    let state = bench.erp.state();
    assert_eq!(state.ship_part("kaffee/1", &[("ESP-1000", 3)]), None, "there are only two");
    let first = state.ship_part("kaffee/1", &[("ESP-1000", 1)]).unwrap();
    let told = look_up(&bench, "shipment", &first).await;
    assert_eq!(told.len(), 1);
    assert_eq!(contents(&told[0].1), ["ESP-1000×1"]);
    know(&mut order, told[0].1.clone());
    assert!(!order.facts.shipped_in_full());
    // The step finds the shipment it made, and none of the parts.
    let again = bench.perform(&order, Action::ErpShipment, Past::Unknown).await.unwrap();
    assert_eq!(again.result, whole.result);
    let second = state.ship_part("kaffee/1", &[("FIL-0250", 1)]).unwrap();
    let last = state.ship_part("kaffee/1", &[("ESP-1000", 1)]).unwrap();
    assert_eq!(last, order.facts.shipment_id().unwrap().as_str(), "the rest leaves with the shipment itself");
    let mut parcels = Vec::new();
    for id in [&second, &last] {
        let told = look_up(&bench, "shipment", id).await;
        parcels.push(contents(&told[0].1));
        know(&mut order, told[0].1.clone());
    }
    assert_eq!(parcels, [["FIL-0250×1"], ["ESP-1000×1"]]);
    assert!(order.facts.shipped_in_full());
    let numbers: std::collections::BTreeSet<_> =
        order.facts.shipments.values().flat_map(|told| told.current().unwrap().tracking.clone()).collect();
    assert_eq!(numbers.len(), 3, "each has its own number");
    let report = bench.sound_report();
    assert_eq!(report.shipments.len(), 3);
    assert!(report.shipments.iter().all(|shipment| shipment.status == "SHIPPED"));
}

#[tokio::test]
async fn an_order_is_cancelled_while_the_warehouse_packs() {
    let bench = Bench::new().await;
    bench.erp.state().hold_packing(true);
    let mut orders = Vec::new();
    for key in ["kaffee/1", "kaffee/2"] {
        let mut order = prepaid(key);
        for action in [Action::ErpCustomer, Action::ErpSalesOrder, Action::ErpShipment] {
            bench.done(&mut order, action).await;
        }
        orders.push(order);
    }
    let statuses = || -> Vec<String> {
        bench.erp.report().shipments.into_iter().map(|shipment| shipment.status).collect()
    };
    while statuses() != ["DELIVERY_NOTE_PRINTED"; 2] {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    cancelled_in_shop(&mut orders[0]);
    bench.done(&mut orders[0], Action::ErpCancel).await;
    bench.erp.state().hold_packing(false);
    while statuses()[1] != "SHIPPED" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(statuses(), ["CANCELLED", "SHIPPED"]);
    assert_eq!(bench.sound_report().shipped_after_cancel, 0);
}

fn shipment(items: serde_json::Value, orders: &[&str]) -> serde_json::Value {
    let orders: Vec<_> = orders.iter().map(|id| serde_json::json!({ "id": id })).collect();
    serde_json::json!({
        "id": "70", "version": "1", "status": "SHIPPED", "salesOrders": orders, "lastModifiedDate": 1_767_600_000_000_i64,
        "shipmentItems": items,
    })
}

const BOTH: [(&str, &str); 2] = [("501", "ESP-1000"), ("502", "FIL-0250")];

fn found(body: serde_json::Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

/// Looks up a shipment of the orders 1 and 2, with the items 11 and 21; the ERP has these of the articles asked for.
async fn looked_up(
    shipment: serde_json::Value,
    articles: &[(&str, &str)],
) -> Result<Vec<(String, Vec<String>)>, CallError> {
    let order = |id: &str, item: &str| {
        serde_json::json!({
            "id": id, "version": "1", "status": "CLOSED", "orderNumberAtCustomer": format!("kaffee/{id}"),
            "orderItems": [{"id": item}],
        })
    };
    let articles: Vec<_> =
        articles.iter().map(|(id, number)| serde_json::json!({"id": id, "articleNumber": number})).collect();
    let articles = serde_json::json!({ "result": articles });
    let (_server, weclapp) = server(vec![
        ("GET", "/shipment/id/70$", found(shipment)),
        ("GET", "/salesOrder/id/1$", found(order("1", "11"))),
        ("GET", "/salesOrder/id/2$", found(order("2", "21"))),
        ("GET", "/article$", found(articles)),
    ])
    .await;
    let told = weclapp.look_up(&hint("shipment", "70"), time(order::BEGINNING)).await?;
    Ok(told.iter().map(|told| (told.order.to_string(), contents(&told.events[0].event))).collect())
}

#[tokio::test]
async fn a_parcel_for_two_orders_is_told_to_each_with_its_own() {
    let items = serde_json::json!([
        {"id": "1", "articleId": "501", "quantity": "2", "salesOrderItemId": "11"},
        {"id": "2", "articleId": "502", "quantity": "1", "salesOrderItemId": "21"},
        {"id": "3", "articleId": "501", "quantity": "0", "salesOrderItemId": "21"},
    ]);
    let told = looked_up(shipment(items.clone(), &["1", "2"]), &BOTH).await.unwrap();
    assert_eq!(
        told,
        [
            ("kaffee/1".to_owned(), vec!["ESP-1000×2".to_owned()]),
            ("kaffee/2".to_owned(), vec!["FIL-0250×1".to_owned()]),
        ]
    );
    let mut of_one = items;
    of_one[1]["salesOrderItemId"] = "11".into();
    let told = looked_up(shipment(of_one, &["1", "2"]), &BOTH).await.unwrap();
    assert_eq!(told.len(), 1, "nothing in it is of the other");
}

#[tokio::test]
async fn of_a_bundle_the_bundle_is_told_and_of_one_article_the_sum() {
    let items = serde_json::json!([
        {"id": "1", "articleId": "501", "quantity": "1"},
        {"id": "2", "articleId": "502", "quantity": "4", "parentItemId": "1"},
        {"id": "3", "articleId": "501", "quantity": "2.00"},
    ]);
    let told = looked_up(shipment(items, &["1"]), &BOTH[..1]).await.unwrap();
    assert_eq!(told, [("kaffee/1".to_owned(), vec!["ESP-1000×3".to_owned()])]);
    let told = looked_up(shipment(serde_json::json!([]), &["1"]), &[]).await.unwrap();
    assert_eq!(told, [("kaffee/1".to_owned(), vec![])], "what is not listed is everything");
    let unknown = serde_json::json!([{"id": "1", "articleId": "999", "quantity": "1"}]);
    let error = looked_up(shipment(unknown, &["1"]), &[]).await.unwrap_err();
    assert!(matches!(error, CallError::Unreadable { .. }), "{error:?}");
}
