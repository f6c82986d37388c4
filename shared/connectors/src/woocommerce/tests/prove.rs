//! Which deliveries of WooCommerce are believed.

use bytes::Bytes;
use http::HeaderMap;
use secrecy::SecretString;
use serde_json::Value;

use crate::config::ShopKind;
use crate::proof::{Delivery, Proof, ProofError, Proven};
use crate::shop_testing::{NOW, contracts, fixture, secrets, shop, time};
use crate::woocommerce::proof;

/// HMAC-SHA256 of the fixture `deleted.json`, reckoned with another tool (openssl).
const SIGNED_WITH_NEW: &str = "03UWyw0K43i0Q9Eh5ju4rZ698Mlrn9rr1sxcOvBN4l0=";
const SIGNED_WITH_OLD: &str = "7ya+UQTapklzITlCp1RhSY/zRlrCTr/iT+ykugmiKGg=";

fn ours() -> Proof {
    proof(&shop(ShopKind::Woocommerce, "https://kaffee.example.test"), &secrets()).unwrap()
}

fn delivery(headers: &[(&str, &str)], body: &[u8]) -> Delivery {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
    }
    Delivery::new(map, Bytes::copy_from_slice(body), time(NOW))
}

fn signed(signature: &str, body: &[u8]) -> Result<Proven, ProofError> {
    ours().verify(delivery(
        &[("X-WC-Webhook-Topic", "order.deleted"), ("X-WC-Webhook-Signature", signature)],
        body,
    ))
}

#[test]
fn both_active_secrets_are_good() {
    let body = fixture("woocommerce/deleted.json");
    for signature in [SIGNED_WITH_NEW, SIGNED_WITH_OLD] {
        let Ok(Proven::Event(verified)) = signed(signature, &body) else {
            panic!("a good delivery was refused")
        };
        let envelope = verified.into_envelope();
        assert_eq!(envelope.topic, "order.deleted");
        assert_eq!(envelope.body.bytes().unwrap(), body);
    }
}

#[test]
fn an_altered_byte_is_found() {
    let body = fixture("woocommerce/deleted.json");
    for at in 0..body.len() {
        let mut altered = body.clone();
        altered[at] ^= 1;
        assert_eq!(signed(SIGNED_WITH_NEW, &altered).unwrap_err(), ProofError::Wrong);
    }
}

#[test]
fn the_secret_of_another_shop_is_wrong() {
    let body = fixture("woocommerce/deleted.json");
    let mut other = ours();
    other.secrets = vec![SecretString::from("other".to_owned())];
    let headers = [("X-WC-Webhook-Topic", "order.deleted"), ("X-WC-Webhook-Signature", SIGNED_WITH_NEW)];
    assert_eq!(other.verify(delivery(&headers, &body)).unwrap_err(), ProofError::Wrong);
}

#[test]
fn what_is_not_signed_is_refused() {
    let topic = ("X-WC-Webhook-Topic", "order.deleted");
    assert_eq!(ours().verify(delivery(&[topic], b"{\"id\":18}")).unwrap_err(), ProofError::Missing);
    assert_eq!(ours().verify(delivery(&[topic], b"webhook_id=1")).unwrap_err(), ProofError::Missing);
    assert_eq!(signed("", b"{}").unwrap_err(), ProofError::Wrong);
    assert_eq!(signed("not base64!", b"{}").unwrap_err(), ProofError::Wrong);
    assert_eq!(signed(SIGNED_WITH_NEW, b"").unwrap_err(), ProofError::Wrong);
}

#[test]
fn the_ping_is_known_by_its_form() {
    assert!(matches!(ours().verify(delivery(&[], b"webhook_id=1")), Ok(Proven::Ping)));
    assert_eq!(ours().verify(delivery(&[], b"{\"webhook_id\":1}")).unwrap_err(), ProofError::Missing);
}

#[test]
fn a_signed_delivery_without_a_topic_is_refused() {
    let body = fixture("woocommerce/deleted.json");
    let headers = [("X-WC-Webhook-Signature", SIGNED_WITH_NEW)];
    assert_eq!(ours().verify(delivery(&headers, &body)).unwrap_err(), ProofError::NoTopic);
}

#[test]
fn recorded_signatures_are_good() {
    let Some(folder) = contracts("woocommerce") else { return };
    let vectors: Value =
        serde_json::from_slice(&std::fs::read(folder.join("signatures/vectors.json")).unwrap()).unwrap();
    let vectors = vectors["vectors"].as_array().unwrap();
    assert!(vectors.len() > 10);
    for vector in vectors {
        let mut proof = ours();
        proof.secrets = vec![SecretString::from(vector["secret"].as_str().unwrap().to_owned())];
        let body = std::fs::read(folder.join(vector["body_file"].as_str().unwrap())).unwrap();
        let signature = vector["x_wc_webhook_signature"].as_str().unwrap();
        let headers = [("X-WC-Webhook-Topic", "order.updated"), ("X-WC-Webhook-Signature", signature)];
        assert!(
            matches!(proof.verify(delivery(&headers, &body)), Ok(Proven::Event(_))),
            "{}",
            vector["body_file"]
        );
    }
}
