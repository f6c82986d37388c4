//! What the stand-in refuses once an order is confirmed, shipped or invoiced, and how strict it is with credit notes.

use super::*;

impl Client {
    /// The id of a new invoice of the order, taken to its open item.
    async fn invoice(&self, order: &str) -> String {
        let (_, made) = self.post(&format!("/salesOrder/id/{order}/createSalesInvoice"), json!({})).await;
        let id = made["result"]["id"].as_str().unwrap().to_owned();
        for status in ["DOCUMENT_CREATED", "OPEN_ITEM_CREATED"] {
            let (code, _) = self.put(&format!("/salesInvoice/id/{id}"), json!({ "status": status })).await;
            assert_eq!(code, StatusCode::OK);
        }
        id
    }

    async fn credit(&self, invoice: &str, body: Value) -> (StatusCode, Value) {
        let (status, made) = self.post(&format!("/salesInvoice/id/{invoice}/createCreditNote"), body).await;
        (status, if status == StatusCode::OK { made["result"].clone() } else { made })
    }

    async fn write(&self, note: &str, body: Value) -> (StatusCode, Value) {
        self.put(&format!("/salesInvoice/id/{note}"), body).await
    }
}

#[tokio::test]
async fn an_order_is_changed_only_while_it_is_in_entry() {
    let erp = Client::new(&Options::default()).await;
    let id = erp.order("kaffee/1", "STANDARD").await;
    let path = format!("/salesOrder/id/{id}");
    let (_, before) = erp.get(&path).await;
    let row = before["orderItems"][0].clone();
    let kept = json!({"orderItems": [{"id": row["id"], "quantity": "1"}]});
    assert_eq!(erp.put(&path, kept.clone()).await.0, StatusCode::BAD_REQUEST, "it is confirmed");
    let both = json!({"status": "ORDER_ENTRY_IN_PROGRESS", "note": "x"});
    assert_eq!(erp.put(&path, both).await.0, StatusCode::BAD_REQUEST, "reopening stands alone");
    let opens = json!({"status": "ORDER_ENTRY_IN_PROGRESS"});
    assert_eq!(erp.put(&path, opens.clone()).await.0, StatusCode::OK);
    let (_, changed) = erp.put(&path, kept).await;
    assert_eq!((&changed["grossAmount"], &changed["orderItems"][0]["id"]), (&json!("9.97"), &row["id"]));
    assert_eq!(changed["orderItems"][0]["articleId"], row["articleId"], "what was not sent stays");
    let unknown = json!({"orderItems": [{"id": "999"}]});
    assert_eq!(kind(&erp.put(&path, unknown).await.1), "validation");
    let confirms = json!({"status": "ORDER_CONFIRMATION_PRINTED"});
    erp.put(&path, confirms).await;
    erp.post(&format!("{path}/createShipment"), json!({})).await;
    assert_eq!(erp.put(&path, opens.clone()).await.0, StatusCode::BAD_REQUEST, "it is with the warehouse");

    let prepaid = erp.order("kaffee/2", "PREPAYMENT").await;
    let path = format!("/salesOrder/id/{prepaid}");
    erp.put(&path, opens).await;
    let (_, there) = erp.get(&path).await;
    erp.put(&path, json!({"orderItems": [{"id": there["orderItems"][0]["id"], "quantity": "1"}]})).await;
    let report = erp.erp.report();
    let misfit: Vec<_> = report.misfit_invoices.iter().map(|invoice| invoice.gross.as_str()).collect();
    assert_eq!(misfit, ["29.90"], "the prepayment invoice keeps its amount");
}

#[tokio::test]
async fn credit_notes_are_of_written_invoices_and_never_over_more() {
    let erp = Client::new(&Options::default()).await;
    let order = erp.order("kaffee/1", "STANDARD").await;
    let (_, draft) = erp.post(&format!("/salesOrder/id/{order}/createSalesInvoice"), json!({})).await;
    let draft = draft["result"]["id"].as_str().unwrap().to_owned();
    assert_eq!(erp.credit(&draft, json!({})).await.0, StatusCode::BAD_REQUEST, "it has no document");
    let invoice = erp.invoice(&order).await;
    let (_, there) = erp.get(&format!("/salesInvoice/id/{invoice}")).await;
    let item = there["salesInvoiceItems"][0].clone();
    assert_eq!((&item["grossAmount"], &item["taxId"]), (&json!("29.90"), &json!("19")));
    for wrong in
        [json!({"itemIds": ["1"]}), json!({"itemIds": []}), json!({"items": []}), json!({"itemIds": 1})]
    {
        assert_eq!(kind(&erp.credit(&invoice, wrong.clone()).await.1), "validation", "{wrong}");
    }
    let (_, note) = erp.credit(&invoice, json!({"itemIds": [item["id"]]})).await;
    let id = note["id"].as_str().unwrap().to_owned();
    assert_eq!((&note["salesInvoiceType"], &note["status"]), (&json!("CREDIT_NOTE"), &json!("NEW")));
    assert_eq!(note["precedingSalesInvoiceId"], json!(invoice));
    assert_eq!(note["salesInvoiceItems"][0]["creditedInvoiceItemId"], item["id"]);
    let row = note["salesInvoiceItems"][0]["id"].clone();
    let changed = json!({
        "commission": "k", "salesInvoiceItems": [{"id": row, "quantity": "1", "unitPrice": "9.97", "manualUnitPrice": true}],
    });
    let (_, note) = erp.write(&id, changed.clone()).await;
    assert_eq!((&note["grossAmount"], &note["commission"]), (&json!("9.97"), &json!("k")));
    let unknown = json!({"salesInvoiceItems": [{"id": row, "grossAmount": "1.00"}]});
    assert_eq!(kind(&erp.write(&id, unknown).await.1), "validation");
    let action = format!("/salesInvoice/id/{id}/createCreditNoteOpenItem");
    assert_eq!(erp.post(&action, json!({"clearCreditNote": false})).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(erp.write(&id, json!({"status": "DOCUMENT_CREATED"})).await.0, StatusCode::OK);
    assert_eq!(erp.write(&id, changed).await.0, StatusCode::BAD_REQUEST, "it is written");
    assert_eq!(erp.write(&id, json!({"status": "OPEN_ITEM_CREATED"})).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(kind(&erp.post(&action, json!({})).await.1), "validation");
    let (_, booked) = erp.post(&action, json!({"clearCreditNote": true})).await;
    assert_eq!(booked["result"]["status"], "OPEN_ITEM_CREATED");
    let (_, order) = erp.get(&format!("/salesOrder/id/{order}")).await;
    assert_eq!(order["invoiced"], false, "nobody said that the order is not to be invoiced again");

    let (_, all) = erp.credit(&invoice, json!({})).await;
    let all = all["id"].as_str().unwrap().to_owned();
    assert_eq!(erp.write(&all, json!({"status": "DOCUMENT_CREATED"})).await.0, StatusCode::BAD_REQUEST);
    erp.write(&all, json!({"commission": "k"})).await;
    let report = erp.erp.report();
    let doubled: Vec<_> = report.doubled.iter().map(|d| (d.kind.as_str(), d.key.as_str())).collect();
    assert!(doubled.contains(&("credit_note", "k")), "{doubled:?}");
    for (query, found) in [("precedingSalesInvoiceId-eq", &invoice), ("commission-eq", &"k".to_owned())] {
        let (_, rows) = erp.get(&format!("/salesInvoice?{query}={found}&properties=id")).await;
        assert_eq!(rows["result"], json!([{"id": id}, {"id": all}]), "{query}");
    }
}

#[tokio::test]
async fn the_answer_to_a_certain_change_is_lost_and_the_change_is_there() {
    let erp = Client::new(&Options::default()).await;
    let id = erp.order("kaffee/1", "STANDARD").await;
    erp.erp.state().lose_answer(2);
    let change = |comment: &str| {
        let url = format!("{}/webapp/api/v2/salesOrder/id/{id}?ignoreMissingProperties=true", erp.erp.url);
        let request = erp.http.put(url).header("AuthenticationToken", "sandbox-token");
        request.json(&json!({ "status": comment })).send()
    };
    assert!(change("ORDER_ENTRY_IN_PROGRESS").await.unwrap().bytes().await.is_ok());
    let lost = match change("ORDER_CONFIRMATION_PRINTED").await {
        Ok(answer) => answer.bytes().await.is_err(),
        Err(_) => true,
    };
    assert!(lost, "the answer came");
    assert_eq!(erp.get(&format!("/salesOrder/id/{id}")).await.1["status"], "ORDER_CONFIRMATION_PRINTED");
    assert!(change("ORDER_ENTRY_IN_PROGRESS").await.unwrap().bytes().await.is_ok(), "only that one");
}

#[tokio::test]
async fn the_warehouse_is_held_and_ships_in_parts_over_http() {
    let options = Options { warehouse_delay: Duration::from_millis(20), ..Options::default() };
    let erp = Client::new(&options).await;
    let tell = |path: &str, body: &str| {
        erp.http.post(format!("{}/_sandbox/{path}", erp.erp.url)).body(body.to_owned()).send()
    };
    tell("hold", "true").await.unwrap();
    let id = erp.order("kaffee/1", "STANDARD").await;
    let (_, whole) = erp.post(&format!("/salesOrder/id/{id}/createShipment"), json!({})).await;
    let whole = whole["result"]["id"].as_str().unwrap().to_owned();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let (_, waiting) = erp.get(&format!("/shipment/id/{whole}")).await;
    assert_eq!(waiting["status"], "DELIVERY_NOTE_PRINTED");
    assert_eq!(waiting["shipmentItems"][0]["quantity"], "3");
    let most = tell("ship?order=kaffee/1", r#"{"TASSE-01": 4}"#).await.unwrap();
    assert_eq!(most.status(), StatusCode::NOT_FOUND);
    let part: Value = tell("ship?order=kaffee/1", r#"{"TASSE-01": 2}"#).await.unwrap().json().await.unwrap();
    let (_, left) = erp.get(&format!("/shipment/id/{}", part["shipment"].as_str().unwrap())).await;
    assert_eq!((&left["status"], &left["shipmentItems"][0]["quantity"]), (&json!("SHIPPED"), &json!("2")));
    assert_eq!(erp.get(&format!("/salesOrder/id/{id}")).await.1["shipped"], false);
    tell("hold", "").await.unwrap();
    while erp.get(&format!("/shipment/id/{whole}")).await.1["status"] != "SHIPPED" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(erp.get(&format!("/salesOrder/id/{id}")).await.1["shipped"], true);
    assert_eq!(erp.erp.report().doubled, [], "parts are no doubled shipments");
}

#[tokio::test]
async fn a_prepayment_invoice_is_written_anew_only_where_none_is_left() {
    let erp = Client::new(&Options::default()).await;
    let id = erp.order("kaffee/1", "PREPAYMENT").await;
    let path = format!("/salesOrder/id/{id}");
    let again = async || {
        for status in ["ORDER_ENTRY_IN_PROGRESS", "ORDER_CONFIRMATION_PRINTED"] {
            assert_eq!(erp.put(&path, json!({ "status": status })).await.0, StatusCode::OK);
        }
        let invoices = erp.erp.report().invoices;
        invoices.into_iter().map(|invoice| (invoice.id, invoice.status)).collect::<Vec<_>>()
    };
    let kept = again().await;
    assert_eq!(kept.len(), 1, "it is there already");
    let first = kept[0].0.clone();
    let (_, items) = erp.get(&format!("/salesOpenItem?salesInvoiceId-eq={first}")).await;
    let item = items["result"][0]["id"].as_str().unwrap().to_owned();
    let (_, before) = erp.get(&path).await;
    let cancel = format!("/salesInvoice/id/{first}/cancel");
    assert_eq!(erp.post(&cancel, json!({"reason": "x"})).await.0, StatusCode::BAD_REQUEST);
    let (status, cancelled) = erp.post(&cancel, json!({})).await;
    assert_eq!((status, &cancelled["result"]["status"]), (StatusCode::OK, &json!("CANCELLED")));
    let stale = json!({"version": before["version"], "status": "ORDER_ENTRY_IN_PROGRESS"});
    assert_eq!(kind(&erp.put(&path, stale).await.1), "optimistic_lock", "the order has changed with it");
    let payment = json!({"paymentState": "PAID"});
    let (status, _) = erp.post(&format!("/salesOpenItem/id/{item}/updatePaymentState"), payment).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "nobody pays a cancelled invoice");
    assert!(!erp.erp.state().pay("kaffee/1"), "there is none to pay");
    assert_eq!(again().await.len(), 2);
    assert!(erp.erp.state().pay("kaffee/1"));
    let live = erp.erp.report().invoices.remove(1);
    assert_eq!(live.status, "OPEN_ITEM_CREATED");
    let paid = format!("/salesInvoice/id/{}", live.id);
    assert_eq!(erp.get(&paid).await.1["paymentStatus"], "PAID");
    assert_eq!(erp.post(&format!("{paid}/cancel"), json!({})).await.0, StatusCode::BAD_REQUEST);
}
