//! The app: signatures as the vendor has them, registering, registering again, and the manifest.

use std::io::Write as _;
use std::process::{Command, Stdio};

use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use crate::config::Config;
use crate::secrets::{SecretBook, SecretRef};
use crate::shop_testing::{NOW, contracts, time};
use crate::shopware::app::{APP, AppError, AppGate, Installation, is_removal, proof, sanitised, signature};
use crate::shopware::manifest;

const QUERY: &str = "shop-id=123&shop-url=https://my-shop.com&timestamp=1234567890";

fn config(public_url: &str) -> Config {
    let yaml = format!(
        "{public_url}shops:\n- {{ id: sw, kind: shopware, url: 'https://my-shop.com/', flow: standard, app_secret: 'env:APP', \
         payments: {{ payment_paypal: prepaid }} }}\n\
         - {{ id: plain, kind: shopware, url: 'https://other.example', flow: standard, webhook_secrets: ['env:APP'], \
         payments: {{ payment_paypal: prepaid }} }}\n\
         erp: {{ url: 'https://t.weclapp.com', token: 'env:D', gross_channel: GROSS1, \
         articles: {{ shipping: S, fee: F, discount: D, rounding: R }} }}\n"
    );
    Config::parse("kontor.yaml", &yaml).unwrap()
}

fn gate_with(secret: &str, public_url: &str) -> AppGate {
    let mut secrets = SecretBook::default();
    secrets.insert(SecretRef::Env("APP".to_owned()), SecretString::from(secret.to_owned()));
    AppGate::build(&config(public_url), &secrets).unwrap()
}

fn gate() -> AppGate {
    gate_with("my-secret", "public_url: 'https://you.example/'\n")
}

fn secret(text: &str) -> SecretString {
    SecretString::from(text.to_owned())
}

fn headers(signed: &[(&'static str, &str, &str)]) -> HeaderMap {
    let header = |(name, key, message): &(&'static str, &str, &str)| {
        let value = HeaderValue::from_str(&signature(&secret(key), message.as_bytes())).unwrap();
        (HeaderName::from_static(name), value)
    };
    signed.iter().map(header).collect()
}

fn fresh(n: u8) -> SecretString {
    SecretString::from(format!("{n:02}").repeat(32))
}

fn app_signed(query: &str) -> HeaderMap {
    headers(&[("shopware-app-signature", "my-secret", query)])
}

fn now() -> Timestamp {
    time(NOW)
}

/// When the registration of the vendor's vectors was signed.
fn asked() -> Timestamp {
    Timestamp::from_second(1_234_567_890).unwrap()
}

fn later(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

fn confirmation(key: &str) -> String {
    json!({ "apiKey": key, "secretKey": "sk", "timestamp": "1234567891", "shopUrl": "https://my-shop.com", "shopId": "123" })
        .to_string()
}

/// Registers for the first time and confirms.
fn installed() -> Installation {
    let (kept, _) = gate()
        .register("sw", &app_signed(QUERY), QUERY, &Installation::default(), &fresh(1), asked())
        .unwrap();
    let body = confirmation("SWIA1");
    let signed = headers(&[("shopware-shop-signature", fresh(1).expose_secret(), &body)]);
    gate().confirm("sw", &signed, body.as_bytes(), &kept, now()).unwrap()
}

fn known(kept: &Installation, now: Timestamp) -> Vec<String> {
    kept.secrets(now).iter().map(|secret| secret.expose_secret().to_owned()).collect()
}

#[test]
fn every_vector_of_the_vendor_is_reckoned_alike() {
    let Some(file) = contracts("shopware/signatures/vectors.json") else { return };
    let all: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let vectors = all["vectors"].as_array().unwrap();
    assert!(vectors.len() >= 7);
    for vector in vectors {
        let (key, expected) = (secret(&text(&vector["secret"])), text(&vector["signature"]));
        assert_eq!(signature(&key, text(&vector["message"]).as_bytes()), expected, "{vector}");
        match vector["kind"].as_str().unwrap() {
            "registration_proof" => {
                let part = |name: &str| text(&vector["parts"][name]);
                assert_eq!(proof(&key, &part("shopId"), &part("shopUrl"), &part("appName")), expected);
            }
            "registration_request" => {
                let (query, mut told) = (text(&vector["message"]), HeaderMap::new());
                told.insert("shopware-app-signature", expected.parse().unwrap());
                let gate = gate_with(key.expose_secret(), "public_url: 'https://you.example'\n");
                assert!(
                    gate.register("sw", &told, &query, &Installation::default(), &fresh(1), asked()).is_ok()
                );
            }
            _ => {}
        }
    }
    let urls = all["shop_url_sanitising_js_sdk"].as_array().unwrap();
    assert!(urls.len() >= 12);
    for url in urls {
        assert_eq!(sanitised(&text(&url["input"])), text(&url["expected"]));
    }
}

#[test]
fn a_shop_registers_and_confirms() {
    let (kept, told) = gate()
        .register("sw", &app_signed(QUERY), QUERY, &Installation::default(), &fresh(1), asked())
        .unwrap();
    let told = serde_json::to_value(&told).unwrap();
    let expected = proof(&secret("my-secret"), "123", "https://my-shop.com", APP);
    assert_eq!(told["proof"], json!(expected));
    assert_eq!(told["confirmation_url"], json!("https://you.example/apps/shopware/sw/confirm"));
    assert_eq!(told["secret"], json!(fresh(1).expose_secret()));
    assert_eq!(known(&kept, now()), [""; 0], "not before it is confirmed");
    assert!(kept.keys().is_none());
    let kept = Installation::parse(&kept.text());
    let body = confirmation("SWIA1");
    let wrong = headers(&[("shopware-shop-signature", "another", &body)]);
    assert_eq!(gate().confirm("sw", &wrong, body.as_bytes(), &kept, now()).err(), Some(AppError::Wrong));
    let signed = headers(&[("shopware-shop-signature", fresh(1).expose_secret(), &body)]);
    let done = gate().confirm("sw", &signed, body.as_bytes(), &kept, now()).unwrap();
    assert_eq!(known(&done, now()), [fresh(1).expose_secret().to_owned()]);
    let (id, key) = done.keys().unwrap();
    assert_eq!((id.expose_secret(), key.expose_secret()), ("SWIA1", "sk"));
    let again = gate().confirm("sw", &signed, body.as_bytes(), &done, now()).unwrap();
    assert_eq!(again.text(), done.text(), "confirmed twice is once");
}

#[test]
fn the_proof_is_over_the_address_as_it_was_written_and_a_clean_one_is_kept() {
    let query = "shop-id=123&shop-url=https%3A%2F%2FMY-shop.com%2F%2F&timestamp=1234567890&sw-extra=ä";
    let (kept, told) = gate()
        .register("sw", &app_signed(query), query, &Installation::default(), &fresh(1), asked())
        .unwrap();
    let expected = proof(&secret("my-secret"), "123", "https://MY-shop.com//", APP);
    assert_eq!(serde_json::to_value(&told).unwrap()["proof"], json!(expected));
    assert!(kept.text().contains(r#""url":"https://MY-shop.com""#));
}

#[test]
fn who_does_not_sign_does_not_register() {
    let none = Installation::default();
    let try_to = |shop: &str, headers: &HeaderMap, query: &str| {
        gate().register(shop, headers, query, &none, &fresh(1), asked()).err()
    };
    assert_eq!(try_to("sw", &HeaderMap::new(), QUERY), Some(AppError::Wrong));
    assert_eq!(
        try_to("sw", &headers(&[("shopware-app-signature", "another", QUERY)]), QUERY),
        Some(AppError::Wrong)
    );
    assert_eq!(
        try_to("sw", &app_signed(QUERY), &format!("{QUERY}&x=1")),
        Some(AppError::Wrong),
        "every byte counts"
    );
    assert_eq!(try_to("sw", &app_signed(""), ""), Some(AppError::Wrong), "nothing proves nothing");
    for nobody in ["plain", "nobody", "../sw"] {
        assert_eq!(try_to(nobody, &app_signed(QUERY), QUERY), Some(AppError::Unknown), "{nobody}");
    }
    let elsewhere = "shop-id=123&shop-url=https://copy.my-shop.com&timestamp=1234567890";
    assert_eq!(try_to("sw", &app_signed(elsewhere), elsewhere), Some(AppError::Elsewhere));
    for broken in [
        "shop-id=1&shop-id=2&shop-url=https://my-shop.com",
        "shop-url=https://my-shop.com",
        "shop-id=&shop-url=x",
    ] {
        let error = try_to("sw", &app_signed(broken), broken);
        assert!(matches!(error, Some(AppError::Unreadable | AppError::Elsewhere)), "{broken}: {error:?}");
    }
    let unknown =
        gate_with("my-secret", "").register("sw", &app_signed(QUERY), QUERY, &none, &fresh(1), asked()).err();
    assert_eq!(unknown, Some(AppError::NoAddress));
    let short = gate().register("sw", &app_signed(QUERY), QUERY, &none, &secret("short"), asked()).err();
    assert_eq!(short, Some(AppError::Unreadable), "Shopware takes 64 to 255 characters");
}

#[test]
fn a_shop_that_registers_again_signs_twice_and_both_secrets_count_for_a_minute() {
    let kept = installed();
    let (old, new) = (fresh(1), fresh(2));
    let once = gate().register("sw", &app_signed(QUERY), QUERY, &kept, &new, asked()).err();
    assert_eq!(once, Some(AppError::NotProven));
    let wrong = headers(&[
        ("shopware-app-signature", "my-secret", QUERY),
        ("shopware-shop-signature", "another", QUERY),
    ]);
    assert_eq!(gate().register("sw", &wrong, QUERY, &kept, &new, asked()).err(), Some(AppError::NotProven));
    let both = headers(&[
        ("shopware-app-signature", "my-secret", QUERY),
        ("shopware-shop-signature", old.expose_secret(), QUERY),
    ]);
    let (asked, told) = gate().register("sw", &both, QUERY, &kept, &new, asked()).unwrap();
    assert_eq!(
        serde_json::to_value(&told).unwrap()["secret"],
        json!(new.expose_secret()),
        "a new one, always"
    );
    assert_eq!(known(&asked, now()), [old.expose_secret().to_owned()], "the old one until it is confirmed");

    let body = confirmation("SWIA2");
    let one = headers(&[("shopware-shop-signature", new.expose_secret(), &body)]);
    assert_eq!(gate().confirm("sw", &one, body.as_bytes(), &asked, now()).err(), Some(AppError::NotProven));
    let both = headers(&[
        ("shopware-shop-signature", new.expose_secret(), &body),
        ("shopware-shop-signature-previous", old.expose_secret(), &body),
    ]);
    let done = gate().confirm("sw", &both, body.as_bytes(), &asked, now()).unwrap();
    let event = b"{}";
    let of = |key: &SecretString| headers(&[("shopware-shop-signature", key.expose_secret(), "{}")]);
    assert!(!done.is_shown_by(&of(&old), event) && done.is_shown_by(&of(&new), event));
    let shown = done.clone().shown();
    assert!(!shown.is_shown_by(&of(&new), event), "shown once, it need not be kept again");
    let after = |seconds: i64| known(&shown, later(seconds)).len();
    assert_eq!((after(0), after(59), after(60)), (2, 2, 1));
    assert_eq!(done.keys().unwrap().0.expose_secret(), "SWIA2");
}

/// A shop that has `old` registers for `new`.
fn asks(kept: &Installation, old: &SecretString, new: &SecretString) -> Result<Installation, AppError> {
    let both = headers(&[
        ("shopware-app-signature", "my-secret", QUERY),
        ("shopware-shop-signature", old.expose_secret(), QUERY),
    ]);
    gate().register("sw", &both, QUERY, kept, new, asked()).map(|(kept, _)| kept)
}

/// The same shop confirms.
fn confirms(
    kept: &Installation,
    old: &SecretString,
    new: &SecretString,
    at: Timestamp,
) -> Result<Installation, AppError> {
    let body = confirmation("SWIA2");
    let both = headers(&[
        ("shopware-shop-signature", new.expose_secret(), &body),
        ("shopware-shop-signature-previous", old.expose_secret(), &body),
    ]);
    gate().confirm("sw", &both, body.as_bytes(), kept, at)
}

#[test]
fn a_shop_that_never_heard_that_it_confirmed_goes_on_with_the_secret_it_has() {
    let (old, lost, new) = (fresh(1), fresh(2), fresh(3));
    let text = |secrets: &[&SecretString]| -> Vec<String> {
        secrets.iter().map(|secret| secret.expose_secret().to_owned()).collect()
    };
    let asked_for = asks(&installed(), &old, &lost).unwrap();
    let confirmed = confirms(&asked_for, &old, &lost, now()).unwrap();
    let confirmed = Installation::parse(&confirmed.text());
    // Our answer is lost. An hour later the shop signs as ever, and registers again.
    assert_eq!(known(&confirmed, later(3_600)), text(&[&lost, &old]));
    let again = asks(&confirmed, &old, &new).unwrap();
    assert_eq!(confirms(&again, &fresh(9), &new, later(3_600)).err(), Some(AppError::NotProven));
    let done = confirms(&again, &old, &new, later(3_600)).unwrap();
    assert_eq!(known(&done, later(7_200)), text(&[&new, &old]), "what nobody ever had is forgotten");
    // The answer came through: the shop signs with the new one, and the old one is good for nothing.
    let shown = done.shown();
    assert_eq!(known(&shown, later(7_200)), text(&[&new]));
    assert_eq!(asks(&shown, &old, &fresh(4)).err(), Some(AppError::NotProven));
    assert!(asks(&shown, &new, &fresh(4)).is_ok());
    // Who registers with the new one has shown it, too.
    let by_registering = asks(&confirmed, &lost, &new).unwrap();
    assert_eq!(known(&by_registering, later(3_600)), text(&[&lost]));
}

#[test]
fn a_registration_that_was_caught_is_worth_nothing_later() {
    let none = Installation::default();
    let at = |seconds: i64| {
        let now = asked() + SignedDuration::from_secs(seconds);
        gate().register("sw", &app_signed(QUERY), QUERY, &none, &fresh(1), now).err()
    };
    assert_eq!((at(300), at(-300)), (None, None));
    assert_eq!(at(301), Some(AppError::Stale { apart: -301 }));
    assert_eq!(at(-301), Some(AppError::Stale { apart: 301 }));
    insta::assert_snapshot!(at(86_400).unwrap(), @"the request was signed -86400 seconds from now by our clock, and at most 300 are taken: it was sent before, or the clocks of the shop and of Kontor differ; set them, and install or update the app again");
    for broken in ["", "&timestamp=", "&timestamp=soon", "&timestamp=1234567890&timestamp=1234567890"] {
        let query = format!("shop-id=123&shop-url=https://my-shop.com{broken}");
        let told = gate().register("sw", &app_signed(&query), &query, &none, &fresh(1), asked());
        assert_eq!(told.err(), Some(AppError::Unreadable), "{broken}");
    }
    // Whoever does not sign learns nothing of clocks.
    let unsigned = gate().register("sw", &HeaderMap::new(), QUERY, &none, &fresh(1), now()).err();
    assert_eq!(unsigned, Some(AppError::Wrong));
}

#[test]
fn a_removed_app_or_a_new_app_secret_begins_anew() {
    let kept = installed();
    assert!(
        gate().register("sw", &app_signed(QUERY), QUERY, &kept.clone().removed(), &fresh(2), asked()).is_ok()
    );
    assert_eq!(known(&kept.clone().removed(), now()), [""; 0]);
    let other = gate_with("other", "public_url: 'https://you.example'\n");
    let signed = headers(&[("shopware-app-signature", "other", QUERY)]);
    assert!(other.register("sw", &signed, QUERY, &kept, &fresh(2), asked()).is_ok());
    assert!(is_removal(br#"{"data":{"event":"app.deleted","payload":[]},"source":{}}"#));
    assert!(!is_removal(br#"{"data":{"event":"app.updated","payload":[]}}"#) && !is_removal(b"x"));
}

#[test]
fn nothing_is_confirmed_that_was_not_asked_for() {
    let body = confirmation("SWIA1");
    let signed = headers(&[("shopware-shop-signature", fresh(1).expose_secret(), &body)]);
    let none = gate().confirm("sw", &signed, body.as_bytes(), &Installation::default(), now()).err();
    assert_eq!(none, Some(AppError::NothingAsked));
    let (kept, _) = gate()
        .register("sw", &app_signed(QUERY), QUERY, &Installation::default(), &fresh(1), asked())
        .unwrap();
    for (body, expected) in [
        (confirmation("SWIA1").replace("\"123\"", "\"124\""), AppError::Elsewhere),
        (confirmation("SWIA1").replace("my-shop", "your-shop"), AppError::Elsewhere),
        (confirmation(""), AppError::Unreadable),
        ("{}".to_owned(), AppError::Unreadable),
    ] {
        let signed = headers(&[("shopware-shop-signature", fresh(1).expose_secret(), &body)]);
        assert_eq!(
            gate().confirm("sw", &signed, body.as_bytes(), &kept, now()).err(),
            Some(expected),
            "{body}"
        );
    }
}

fn written() -> String {
    let config = config("public_url: 'https://you.example/a/b/'\n");
    manifest(&config, &config.shops[0], "ge<h>\"eim&").unwrap()
}

#[test]
fn the_manifest_names_rights_and_events() {
    let xml = written();
    for part in [
        "<name>Kontor</name>",
        "<registrationUrl>https://you.example/a/b/apps/shopware/sw/register</registrationUrl>",
        "<secret>ge&lt;h&gt;&quot;eim&amp;</secret>",
        "<read>order</read>",
        "<update>order_delivery</update>",
        "event=\"checkout.order.placed\"",
        "url=\"https://you.example/a/b/webhooks/shopware/sw\" event=\"order.written\" onlyLiveVersion=\"true\"",
        "event=\"app.deleted\"",
    ] {
        assert!(xml.contains(part), "{part} is not in\n{xml}");
    }
    let nowhere = config("");
    assert!(manifest(&nowhere, &nowhere.shops[0], "x").is_err());
}

/// Held against the vendor's schema where a validator is on this machine; else its elements are looked up in there.
#[test]
fn the_manifest_is_one_of_the_vendors_schema() {
    let Some(schema) = contracts("shopware/manifest/manifest-2.0.xsd") else { return };
    let xml = written();
    let mut validator = Command::new("xmllint");
    let validator = validator.arg("--noout").arg("--schema").arg(&schema).arg("-").stdin(Stdio::piped());
    if let Ok(mut running) = validator.spawn() {
        running.stdin.take().unwrap().write_all(xml.as_bytes()).unwrap();
        assert!(running.wait().unwrap().success(), "the vendor's schema does not take it");
    }
    let known = std::fs::read_to_string(schema).unwrap();
    let mut open = Vec::new();
    for tag in xml.split('<').skip(2) {
        let tag = tag.split('>').next().unwrap();
        if let Some(closed) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(closed.to_owned()), "closed where it was not open");
            continue;
        }
        let name = tag.trim_end_matches('/').split(' ').next().unwrap();
        assert!(known.contains(&format!("name=\"{name}\"")), "{name} is none of the schema's");
        for attribute in
            tag.split(' ').skip(1).filter(|part| part.contains("=\"") && !part.starts_with("xmlns"))
        {
            let attribute = attribute.split('=').next().unwrap();
            assert!(known.contains(&format!("name=\"{attribute}\"")), "{attribute} is none of the schema's");
        }
        if !tag.ends_with('/') {
            open.push(name.to_owned());
        }
    }
    assert_eq!(open, [""; 0]);
}
