//! What functions of earlier and later versions write into the queues. Texts that were once written stay here as they are.

use kontor_flow::Message;
use kontor_flow::message::MessageError;
use serde_json::{Value, json};

/// One message of each kind, as the first version of their format wrote it.
const FIRST: [&str; 6] = [
    r#"{"v":1,"message":{"delivery":{"shop":"kaffee","topic":"order.created","received_at":"2026-01-05T08:00:00Z","body":{"text":"{\"id\":1}"}}}}"#,
    r#"{"v":1,"message":{"delivery":{"shop":"schnee","topic":"orders/paid","received_at":"2026-01-05T08:00:00.123456Z","headers":{"x-shopify-api-version":"2026-01"},"body":{"base64":"/w=="}}}}"#,
    r#"{"v":1,"message":{"command":{"order":"kaffee/1","step":"sales_order","action":"erp.sales_order"}}}"#,
    r#"{"v":1,"message":{"command":{"order":"kaffee/1","step":"shipped_mail/1015","action":"mail.send","template":"shipped"}}}"#,
    r#"{"v":1,"message":{"happened":{"order":"kaffee/1","events":[{"as_of":"2026-01-05T08:00:00Z","event":{"decided":{"step":"approval","decision":{"approved":true,"by":"anna"}}}}]}}}"#,
    r#"{"v":1,"message":{"hint":{"system":"weclapp","entity":"shipment","id":"1015"}}}"#,
];

#[test]
fn the_first_version_is_read_and_written_as_it_was() {
    for text in FIRST {
        let message = Message::decode(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        assert_eq!(
            message.encode().unwrap(),
            text,
            "functions of the version before read what this one writes"
        );
    }
}

#[test]
fn what_a_later_version_adds_is_passed_over() {
    for text in FIRST {
        let mut later: Value = serde_json::from_str(text).unwrap();
        later["written_by"] = json!("0.2.0");
        for kind in later["message"].as_object_mut().unwrap().values_mut() {
            kind["traced_by"] = json!({ "id": "1-5759e988" });
        }
        assert_eq!(Message::decode(&later.to_string()).unwrap(), Message::decode(text).unwrap());
    }
}

#[test]
fn a_later_version_of_the_format_is_known_as_such() {
    let later = json!({ "v": 2, "message": { "parcel": { "order": "kaffee/1" } } }).to_string();
    assert!(matches!(Message::decode(&later), Err(MessageError::TooNew(2))));
}
