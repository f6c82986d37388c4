//! Which deliveries of Shopify are believed.

use bytes::Bytes;
use http::HeaderMap;
use secrecy::SecretString;
use serde_json::Value;

use crate::config::ShopKind;
use crate::proof::{Delivery, Proof, ProofError, Proven};
use crate::shop_testing::{NOW, contracts, fixture, secrets, shop, time};
use crate::shopify::proof;

/// HMAC-SHA256 of the fixture `deleted.json`, reckoned with another tool (openssl).
const SIGNED_WITH_NEW: &str = "GRnmCRRchaeEkIhlELfWiE4bgTvtvGx4aekJnMXUqO8=";
const SIGNED_WITH_OLD: &str = "KuldtfiYAhHaGFXRlf2Q1AHbOywLcnw/zM6sc2PJZo8=";

fn ours() -> Proof {
    proof(&shop(ShopKind::Shopify, "https://kaffee.example.test"), &secrets()).unwrap()
}

fn delivery(signature: Option<&str>, body: &[u8]) -> Delivery {
    let mut headers = HeaderMap::new();
    headers.insert("x-shopify-topic", "orders/delete".parse().unwrap());
    headers.insert("x-shopify-shop-domain", "kaffee.example.test".parse().unwrap());
    headers.insert("x-shopify-triggered-at", "2026-11-16T09:00:00Z".parse().unwrap());
    headers.insert("x-shopify-webhook-id", "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043".parse().unwrap());
    if let Some(signature) = signature {
        headers.insert("x-shopify-hmac-sha256", signature.parse().unwrap());
    }
    Delivery::new(headers, Bytes::copy_from_slice(body), time(NOW))
}

#[test]
fn both_active_secrets_are_good_and_useful_headers_are_kept() {
    let body = fixture("shopify/deleted.json");
    for signature in [SIGNED_WITH_NEW, SIGNED_WITH_OLD] {
        let Ok(Proven::Event(verified)) = ours().verify(delivery(Some(signature), &body)) else {
            panic!("a good delivery was refused")
        };
        let kept: Vec<String> = verified.into_envelope().headers.into_keys().collect();
        assert_eq!(kept, ["x-shopify-shop-domain", "x-shopify-triggered-at"]);
    }
}

#[test]
fn forged_deliveries_are_refused() {
    let body = fixture("shopify/deleted.json");
    assert_eq!(ours().verify(delivery(None, &body)).unwrap_err(), ProofError::Missing);
    assert_eq!(ours().verify(delivery(Some("fake"), &body)).unwrap_err(), ProofError::Wrong);
    assert_eq!(ours().verify(delivery(Some(SIGNED_WITH_NEW), b"")).unwrap_err(), ProofError::Wrong);
    for at in 0..body.len() {
        let mut altered = body.clone();
        altered[at] ^= 1;
        assert_eq!(ours().verify(delivery(Some(SIGNED_WITH_NEW), &altered)).unwrap_err(), ProofError::Wrong);
    }
    let mut other = ours();
    other.secrets = vec![SecretString::from("other".to_owned())];
    assert_eq!(other.verify(delivery(Some(SIGNED_WITH_NEW), &body)).unwrap_err(), ProofError::Wrong);
}

#[test]
fn official_vectors_are_judged_as_shopify_does() {
    let Some(file) = contracts("shopify/signatures/webhook_hmac_vectors.json") else { return };
    let vectors: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    for (list, good) in [("valid", true), ("invalid", false)] {
        let vectors = vectors[list].as_array().unwrap();
        assert!(!vectors.is_empty());
        for vector in vectors {
            let mut proof = ours();
            proof.secrets = vec![SecretString::from(vector["secret"].as_str().unwrap().to_owned())];
            let body = vector["raw_body"].as_str().unwrap().as_bytes();
            let signature = vector["x_shopify_hmac_sha256"].as_str().unwrap();
            let verdict = proof.verify(delivery(Some(signature), body));
            assert_eq!(matches!(verdict, Ok(Proven::Event(_))), good, "{vector}");
        }
    }
}
