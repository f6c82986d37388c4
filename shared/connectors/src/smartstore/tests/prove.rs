//! Notices are proven by a signature that is fresh, a bearer, or a token in the address; and by nothing else.

use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use kontor_flow::Envelope;
use kontor_flow::storefront::Notice;
use kontor_sandbox::smartstore::sign_notice;

use super::ours;
use crate::proof::{Delivery, Proof, ProofError, Proven};
use crate::shop_testing::{NOW, secrets, time};
use crate::smartstore::{notice, proof};

const BODY: &[u8] = br#"{"event":"order.placed","orderId":10145,"orderNumber":null,"storeId":1}"#;

fn gate() -> Proof {
    proof(&ours("https://shop.example.test"), &secrets()).unwrap()
}

fn delivery(headers: &[(&'static str, String)], query: &str, body: &[u8]) -> Delivery {
    let headers: HeaderMap =
        headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect();
    let query = (!query.is_empty()).then(|| query.to_owned());
    Delivery::new(headers, Bytes::copy_from_slice(body), time(NOW)).with_query(query)
}

fn proven(headers: &[(&'static str, String)], query: &str, body: &[u8]) -> Result<Envelope, ProofError> {
    match gate().verify(delivery(headers, query, body))? {
        Proven::Event(verified) => Ok(verified.into_envelope()),
        Proven::Ping => panic!("Smartstore has no unsigned calls"),
    }
}

fn signed_at(offset: i64, secret: &str, body: &[u8]) -> Vec<(&'static str, String)> {
    sign_notice(secret, body, time(NOW).as_second() + offset).to_vec()
}

fn bearer(word: &str) -> Vec<(&'static str, String)> {
    vec![("authorization", word.to_owned())]
}

#[test]
fn a_fresh_signature_of_either_secret_is_good() {
    for secret in ["new", "old"] {
        for offset in [-300, 0, 300] {
            let envelope = proven(&signed_at(offset, secret, BODY), "", BODY).unwrap();
            assert_eq!(envelope.topic, "notice");
            assert!(envelope.headers.is_empty());
        }
    }
    assert!(proven(&signed_at(0, "new", b""), "", b"").is_ok(), "an empty poke is signed by its time");
}

#[test]
fn an_old_signature_or_another_body_is_not() {
    for offset in [-301, 301, -86_400] {
        assert_eq!(proven(&signed_at(offset, "new", BODY), "", BODY).unwrap_err(), ProofError::Stale);
    }
    assert_eq!(proven(&signed_at(0, "other", BODY), "", BODY).unwrap_err(), ProofError::Wrong);
    assert_eq!(proven(&signed_at(0, "new", b"{}"), "", BODY).unwrap_err(), ProofError::Wrong);
    let mut moved = signed_at(-3_600, "new", BODY);
    moved[1].1 = time(NOW).as_second().to_string();
    assert_eq!(proven(&moved, "", BODY).unwrap_err(), ProofError::Wrong, "the time is signed too");
    let mut plain = signed_at(0, "new", BODY);
    plain[2].1 = plain[2].1.trim_start_matches("sha256=").to_owned();
    assert_eq!(proven(&plain, "", BODY).unwrap_err(), ProofError::Wrong);
    for time in ["", "now", "9223372036854775807", "-9223372036854775808"] {
        let mut other = signed_at(0, "new", BODY);
        other[1].1 = time.to_owned();
        assert_eq!(proven(&other, "", BODY).unwrap_err(), ProofError::Wrong, "{time}");
    }
}

#[test]
fn who_cannot_sign_says_the_secret() {
    for word in ["Bearer new", "bearer old", "BEARER  new "] {
        assert!(proven(&bearer(word), "", BODY).is_ok(), "{word}");
    }
    assert!(proven(&[], "token=old", b"").is_ok());
    assert!(proven(&[], "a=b&Token=n%65w&orderId=1", b"").is_ok());
    for word in ["Bearer", "Bearer ", "Bearer neW", "Basic bmV3", "new", "Bearer new new"] {
        assert!(proven(&bearer(word), "", BODY).is_err(), "{word}");
    }
    for query in ["token=", "token=ne", "token", "token=new%00", "secret=new", "token=x&token=new"] {
        assert!(proven(&[], query, BODY).is_err(), "{query}");
    }
    assert_eq!(proven(&[], "", BODY).unwrap_err(), ProofError::Missing);
    assert_eq!(proven(&[], "orderId=1", b"").unwrap_err(), ProofError::Missing);
}

#[test]
fn an_empty_secret_opens_nothing() {
    let mut empty = gate();
    empty.secrets = vec![secrecy::SecretString::from("")];
    assert!(empty.verify(delivery(&[], "token=", BODY)).is_err());
    assert!(empty.verify(delivery(&bearer("Bearer "), "", BODY)).is_err());
}

#[test]
fn a_notice_names_one_order_or_none() {
    let read = |query: &str, body: &[u8]| {
        let envelope = proven(&bearer("Bearer new"), query, body).unwrap();
        notice::read(&"kaffee".parse().unwrap(), &envelope)
    };
    let one = |id: &str| Notice::Orders(vec![id.parse().unwrap()]);
    for body in [
        BODY,
        br#"{"orderId":10145}"#,
        br#"{"OrderId":"10145"}"#,
        br#"{"id":10145}"#,
        br#"{"orderId": " 10145 ", "id": 7}"#,
    ] {
        assert_eq!(read("", body).unwrap(), one("10145"), "{}", String::from_utf8_lossy(body));
    }
    assert_eq!(read("orderId=77&token=x", br#"{"orderId":10145}"#).unwrap(), one("77"));
    for body in [&b""[..], b" \n", b"{}", br#"{"orderId":null,"event":"order.updated"}"#] {
        assert_eq!(read("", body).unwrap(), Notice::Something);
    }
    for body in [
        &b"7"[..],
        b"orderId=1",
        br#"{"orderId":0}"#,
        br#"{"orderId":-1}"#,
        br#"{"orderId":1.5}"#,
        br#"{"orderId":"1 or 1 eq 1"}"#,
    ] {
        assert!(read("", body).is_err(), "{}", String::from_utf8_lossy(body));
    }
    assert!(read("orderId=1%20or%201%20eq%201", b"").is_err());
}
