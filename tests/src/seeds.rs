//! The seeds of the targets: our fixtures, flows and configuration, and what else a target starts well from.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// The seeds of the target `name`.
#[must_use]
pub fn of(name: &str) -> Vec<Vec<u8>> {
    match name {
        "woocommerce" => fixtures("woocommerce"),
        "shopify" => fixtures("shopify"),
        "replay" => vec![fixtures("woocommerce").swap_remove(0)],
        "hint" => vec![br#"{"entityId":"975300","entityName":"shipment","type":"UPDATE"}"#.to_vec()],
        "request" => requests(),
        "message" => messages(),
        "batch" => batches(),
        "stored" => stored(),
        "flow" => files("infra/flows"),
        "condition" => conditions(),
        "config" => vec![read(&root().join("infra/kontor.example.yaml"))],
        "words" => WORDS.iter().map(|word| word.as_bytes().to_vec()).collect(),
        "erp" => erp(),
        "shop_api" => shop_api(),
        other => panic!("the target {other} has no seeds"),
    }
}

const WORDS: [&str; 12] = [
    "woo/17",
    "#1010",
    "12.34 EUR",
    "1.5e-7",
    "-0",
    "0.19",
    "erika@example.org",
    "DE",
    "step/9001",
    "env:NAME",
    "00340434161094000001",
    "79228162514264337593543950335",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn files(folder: &str) -> Vec<Vec<u8>> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

/// Smaller is better for a fuzzer: the fixtures without their blanks.
fn fixtures(shop: &str) -> Vec<Vec<u8>> {
    let compact = |file: Vec<u8>| serde_json::from_slice::<Value>(&file).unwrap().to_string().into_bytes();
    files(&format!("tests/fixtures/{shop}")).into_iter().map(compact).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn requests() -> Vec<Vec<u8>> {
    let body = &fixtures("woocommerce")[0];
    let signed = json!({
        "headers": { "x-wc-webhook-signature": crate::targets::sign(body), "x-wc-webhook-topic": "order.updated" },
        "pathParameters": { "shop": "woo" }, "body": text(body), "isBase64Encoded": false,
    });
    let body = &fixtures("shopify")[0];
    let shopify = json!({
        "headers": { "x-shopify-hmac-sha256": crate::targets::sign(body), "x-shopify-topic": "orders/paid" },
        "pathParameters": { "shop": "shopify" }, "body": text(body), "isBase64Encoded": false,
    });
    let ping =
        json!({ "pathParameters": { "shop": "woo" }, "body": "d2ViaG9va19pZD0x", "isBase64Encoded": true });
    let hint = json!({
        "pathParameters": { "secret": "lab" },
        "body": r#"{"entityId":"975300","entityName":"shipment","type":"UPDATE"}"#,
    });
    [signed, shopify, ping, hint].iter().map(|event| event.to_string().into_bytes()).collect()
}

fn messages() -> Vec<Vec<u8>> {
    let delivery = |body: Value| {
        json!({ "v": 1, "message": { "delivery": {
            "shop": "woo", "topic": "order.updated", "received_at": "2026-11-21T12:00:00Z", "body": body
        } } })
    };
    let order = text(&fixtures("woocommerce")[0]);
    let happened = json!({ "v": 1, "message": { "happened": { "order": "woo/17", "events": [
        { "as_of": "2026-11-21T12:00:00Z", "event": { "life": "open" } },
        { "as_of": "2026-11-21T12:00:00Z", "event": { "paid": { "id": "shop", "source": "shop", "amount": "1.00 EUR", "received_at": "2026-11-21T12:00:00Z" } } },
    ] } } });
    let command = json!({ "v": 1, "message": { "command": { "order": "woo/17", "step": "customer", "action": "erp.customer" } } });
    let hint =
        json!({ "v": 1, "message": { "hint": { "system": "weclapp", "entity": "shipment", "id": "9001" } } });
    // Zstd of "{}".
    let packed = "KLUv/SACEQAAe30=";
    let all = [
        delivery(json!({ "text": order })),
        delivery(json!({ "base64": "eyJpZCI6MTd9" })),
        delivery(json!({ "zstd": packed })),
        happened,
        command,
        hint,
    ];
    all.iter().map(|message| message.to_string().into_bytes()).collect()
}

fn batches() -> Vec<Vec<u8>> {
    let record = |id: usize, body: &[u8]| {
        json!({
            "messageId": format!("m{id}"), "receiptHandle": "r", "body": text(body), "attributes": { "ApproximateReceiveCount": "1" },
            "messageAttributes": {}, "md5OfBody": "", "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:eu-central-1:1:events", "awsRegion": "eu-central-1",
        })
    };
    let records: Vec<Value> = messages().iter().enumerate().map(|(n, body)| record(n, body)).collect();
    vec![
        json!({ "Records": [records[0]] }).to_string().into_bytes(),
        json!({ "Records": records[3..] }).to_string().into_bytes(),
    ]
}

fn stored() -> Vec<Vec<u8>> {
    use kontor_testkit::order;
    let order = order::order("woo/17");
    vec![
        serde_json::to_vec(&order).unwrap(),
        serde_json::to_vec(&order::entry(&order)).unwrap(),
        serde_json::to_vec(&order::placed("#17")).unwrap(),
        br#"{"version":1,"yaml":"shops: []","flows":{},"pushed_at":"2026-11-21T12:00:00Z","pushed_by":"a"}"#
            .to_vec(),
    ]
}

fn conditions() -> Vec<Vec<u8>> {
    let all = [
        "order.paid || payment.terms == \"invoice\" && customer.group == \"B2B\"",
        "lines.exists(line, line.sku.startsWith('A') && line.quantity > 2.0)",
        "customer.email_matches",
        "customer.language.matches('^d[aeiou]+$')",
        "lines.filter(l, l.kind == 'digital').map(l, l.total).exists(t, t > 1.5)",
        "approved && !(order.total * 2 - 1 < double(order.lines)) ? order.test : 'vip' in customer.tags",
        "size(lines) % 2 == 0 && [1, 2, 3][1] == 2",
    ];
    all.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// What is asked, and answers to it.
fn asked(asked: u8, answers: &[Value]) -> Vec<u8> {
    let mut seed = vec![asked];
    let texts: Vec<String> = answers.iter().map(Value::to_string).collect();
    seed.extend(texts.join("\0").into_bytes());
    seed
}

fn erp() -> Vec<Vec<u8>> {
    let sales_order = json!({
        "id": "8001", "version": "1", "status": "ORDER_ENTRY_IN_PROGRESS", "orderNumber": "A-1", "orderNumberAtCustomer": "woo/17",
        "salesOrderPaymentType": "PREPAYMENT", "advancePaymentStatus": "PAID", "paid": true, "shipped": false, "grossAmount": "34.80",
        "netAmount": "29.25", "recordCurrencyId": "256", "lastModifiedDate": 1_790_000_000_000_i64, "salesOrders": [{ "id": "8001" }],
    });
    let confirmed = json!({ "id": "8001", "version": "2", "status": "ORDER_CONFIRMATION_PRINTED", "grossAmount": "34.80", "netAmount": "29.25" });
    let list = |items: Value| json!({ "result": items });
    let party =
        json!({ "id": "7001", "customerNumber": "C1", "email": "erika@example.org", "customer": true });
    let articles: Vec<Value> = ["ESP-1000", "FIL-0250", "S"]
        .iter()
        .map(|number| json!({ "id": format!("6{}", number.len()), "articleNumber": number }))
        .collect();
    let currency = json!({ "id": "256", "name": "EUR" });
    let shipment = json!({
        "id": "9001", "version": "1", "status": "SHIPPED", "shipmentNumber": "L1", "mainSalesOrderId": "8001",
        "parcels": [{ "trackingId": "0034", "trackingUrl": "https://track.example/0034", "shippingCarrierId": "5" }],
        "statusHistory": [{ "status": "SHIPPED", "statusDate": 1_790_000_000_000_i64 }], "lastModifiedDate": 1_790_000_000_000_i64,
    });
    let invoice = json!({
        "id": "9101", "version": "1", "status": "NEW", "salesInvoiceType": "PREPAYMENT_INVOICE", "invoiceNumber": "R1",
        "paymentStatus": "OPEN", "salesOrders": [{ "id": "8001" }],
    });
    let item = json!({ "id": "9001", "salesInvoiceId": "9101", "cleared": true });
    let carrier = json!({ "name": "DHL" });
    vec![
        asked(0, &[list(json!([party]))]),
        asked(0, &[list(json!([])), party]),
        asked(1, &[list(json!(articles)), list(json!([currency])), sales_order.clone(), confirmed]),
        asked(11, &[list(json!([sales_order])), sales_order.clone()]),
        asked(
            2,
            &[
                sales_order.clone(),
                list(json!([invoice])),
                invoice.clone(),
                list(json!([item])),
                json!({ "result": item }),
            ],
        ),
        asked(3, &[sales_order.clone(), list(json!([])), json!({ "result": [shipment] })]),
        asked(4, &[sales_order.clone(), list(json!([])), json!({ "result": invoice }), invoice.clone()]),
        asked(5, &[sales_order.clone(), list(json!([shipment])), json!({ "result": {} })]),
        asked(6, &[shipment.clone(), sales_order.clone(), carrier]),
        asked(7, &[sales_order.clone(), currency.clone()]),
        asked(8, &[invoice.clone(), sales_order.clone(), currency.clone()]),
        asked(9, &[item, invoice, sales_order, currency]),
    ]
}

fn shop_api() -> Vec<Vec<u8>> {
    let standing = json!({ "status": "on-hold", "date_paid_gmt": null });
    let notes = json!([{ "note": "hello" }]);
    let reply = |data: Value| json!({ "data": data, "extensions": { "cost": { "requestedQueryCost": 10, "throttleStatus": { "currentlyAvailable": 1990, "restoreRate": 100.0 } } } });
    let paid = reply(
        json!({ "orderMarkAsPaid": { "order": { "displayFinancialStatus": "PAID" }, "userErrors": [] } }),
    );
    let shipping = reply(json!({ "order": {
        "cancelledAt": null,
        "fulfillments": [{ "id": "gid://shopify/Fulfillment/1", "status": "CANCELLED", "trackingInfo": [{ "number": "1", "company": "DHL", "url": null }] }],
        "fulfillmentOrders": { "nodes": [{ "id": "gid://shopify/FulfillmentOrder/1", "status": "OPEN",
            "assignedLocation": { "location": { "id": "gid://shopify/Location/1" } }, "lineItems": { "nodes": [{ "remainingQuantity": 2 }] } }] },
    } }));
    let shipped = reply(json!({ "fulfillmentCreate": { "userErrors": [] } }));
    let cancelled = reply(
        json!({ "orderCancel": { "orderCancelUserErrors": [{ "field": ["orderId"], "message": "cannot" }] } }),
    );
    let throttled = json!({ "errors": [{ "message": "Throttled", "extensions": { "code": "THROTTLED" } }] });
    vec![
        asked(0, &[standing.clone(), standing.clone()]),
        asked(1, &[standing.clone(), notes.clone(), standing.clone(), notes]),
        asked(2, &[standing.clone(), standing]),
        asked(3, &[paid]),
        asked(4, &[shipping, shipped]),
        asked(5, &[cancelled, throttled]),
    ]
}
