//! A Shopware shop's three routes, as an HTTP API hands them over: registration, confirmation, webhooks. What is our fault is
//! answered with 503.

use std::time::Duration;

use async_trait::async_trait;
use kontor_connectors::SecretRef;
use kontor_connectors::config::{Scope, ShopKind};
use kontor_connectors::shopware::app::signature;
use kontor_embedded::Engine;
use kontor_flow::ports::{Configs as _, Receiver as _, StoredConfig};
use kontor_flow::remedy::BoxError;
use kontor_flow::{Address, Queue};
use serde_json::{Value, json};

use super::*;
use crate::book::{Library, Vault};
use crate::clock;
use crate::lambda::AppDoor;

const CONFIG: &str = "public_url: https://you.example\n\
    shops: [{ id: garten, kind: shopware, url: 'https://shop.example', flow: standard, app_secret: 'secret:app', \
    payments: { payment_paypal: prepaid } }]\n\
    erp: { url: 'https://t.weclapp.com', token: 'secret:erp', gross_channel: GROSS1, \
    articles: { shipping: S, fee: F, discount: D, rounding: R } }\n";

/// A registration that is signed now.
fn query() -> String {
    format!("shop-id=abc&shop-url=https%3A%2F%2Fshop.example&timestamp={}", clock::now().as_second())
}

const REGISTER: &str = "GET /apps/shopware/{shop}/register";
const CONFIRM: &str = "POST /apps/shopware/{shop}/confirm";
const WEBHOOK: &str = "POST /webhooks/shopware/{shop}";

struct Drawer;

#[async_trait]
impl Vault for Drawer {
    async fn open(&self, reference: &SecretRef) -> Result<SecretString, BoxError> {
        Ok(SecretString::from(reference.to_string()))
    }
}

/// A table that does not answer.
struct Away;

#[async_trait]
impl Tokens for Away {
    async fn load(&self, _name: &str) -> Result<Option<Token>, StoreError> {
        Err(StoreError::Unavailable { store: "table", call: "GetItem", source: "it is away".into() })
    }

    async fn store(&self, _name: &str, _token: &Token) -> Result<(), StoreError> {
        Err(StoreError::Unavailable { store: "table", call: "PutItem", source: "it is away".into() })
    }
}

/// A table that can be read, and not written.
struct Full(Engine);

#[async_trait]
impl Tokens for Full {
    async fn load(&self, name: &str) -> Result<Option<Token>, StoreError> {
        self.0.load(name).await
    }

    async fn store(&self, _name: &str, _token: &Token) -> Result<(), StoreError> {
        Err(StoreError::Unavailable { store: "table", call: "PutItem", source: "it is full".into() })
    }
}

fn sign(secret: &str, message: &str) -> String {
    signature(&SecretString::from(secret.to_owned()), message.as_bytes())
}

/// What comes of a request: status, content type, body.
async fn answered(
    door: &AppDoor,
    route: &str,
    query: &str,
    headers: Value,
    body: &str,
) -> (u64, String, String) {
    let request = json!({
        "version": "2.0", "routeKey": route, "rawQueryString": query, "headers": headers,
        "pathParameters": { "shop": "garten" }, "body": body, "isBase64Encoded": false,
    });
    answer(door, request, clock::now()).await
}

async fn answer(door: &AppDoor, request: Value, now: Timestamp) -> (u64, String, String) {
    let answer = door.answer(serde_json::from_value(request).unwrap(), now).await;
    let answer = serde_json::to_value(&answer).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (answer["statusCode"].as_u64().unwrap(), text(&answer["headers"]["content-type"]), text(&answer["body"]))
}

async fn house() -> (tempfile::TempDir, Engine, Arc<Library>) {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::open(dir.path(), kontor_testkit::wall_clock()).unwrap();
    let (pushed_at, pushed_by) = (clock::now(), "test".to_owned());
    let flows = std::collections::BTreeMap::new();
    let config = StoredConfig { version: 1, yaml: CONFIG.to_owned(), flows, pushed_at, pushed_by };
    engine.push(&config).await.unwrap();
    let configs = Arc::new(engine.clone());
    let library = Library::without_flows(configs, Arc::new(Drawer), Scope::Webhooks(ShopKind::Shopware));
    (dir, engine, Arc::new(library))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_registers_confirms_and_tells() {
    let (_dir, engine, library) = house().await;
    let door = AppDoor::new(library, Arc::new(engine.clone()), Arc::new(engine.clone()));
    let query = query();
    let signed = json!({ "shopware-app-signature": sign("secret:app", &query) });
    let (status, kind, body) = answered(&door, REGISTER, &query, signed, "").await;
    assert_eq!((status, kind.as_str()), (200, "application/json"));
    let told: Value = serde_json::from_str(&body).unwrap();
    let secret = told["secret"].as_str().unwrap();
    assert_eq!(secret.len(), 128);
    assert_eq!(told["confirmation_url"], json!("https://you.example/apps/shopware/garten/confirm"));

    let event = r#"{"data":{"event":"order.written","payload":[]},"source":{}}"#;
    let of = |body: &str| json!({ "shopware-shop-signature": sign(secret, body) });
    assert_eq!(answered(&door, WEBHOOK, "", of(event), event).await.0, 401, "not before it is confirmed");
    let confirmation =
        r#"{"apiKey":"K","secretKey":"S","timestamp":"1","shopUrl":"https://shop.example","shopId":"abc"}"#;
    assert_eq!(answered(&door, CONFIRM, "", of(confirmation), confirmation).await.0, 200);
    assert_eq!(answered(&door, WEBHOOK, "", of(event), event).await.0, 200);
    assert_eq!(answered(&door, WEBHOOK, "", of("another"), event).await.0, 401);
    let stored =
        engine.receive(Address::Live(Queue::Shops), 10, Duration::from_secs(30), Duration::ZERO).await;
    assert_eq!(stored.unwrap().len(), 1);
    let (status, _, said) = answered(&door, REGISTER, &query, json!({}), "").await;
    assert!(status == 401 && !said.contains("secret:app"), "{status} {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_our_fault_suspends_nobody() {
    let (_dir, engine, library) = house().await;
    let door = AppDoor::new(library, Arc::new(engine), Arc::new(Away));
    let query = query();
    let signed = json!({ "shopware-app-signature": sign("secret:app", &query) });
    assert_eq!(answered(&door, REGISTER, &query, signed, "").await.0, 503);
    assert_eq!(answered(&door, CONFIRM, "", json!({}), "{}").await.0, 503);
    let forged = json!({ "shopware-shop-signature": "00" });
    assert_eq!(
        answered(&door, WEBHOOK, "", forged, "{}").await.0,
        503,
        "who can't be looked up is not refused"
    );
}

const EVENT: &str = r#"{"data":{"event":"order.written","payload":[]},"source":{}}"#;

const REMOVED: &str = r#"{"data":{"event":"app.deleted","payload":[]},"source":{}}"#;

/// Registers and confirms, signed with `old`, too. Answers the new secret.
async fn registered(door: &AppDoor, old: Option<&str>) -> String {
    let query = query();
    let mut signed = json!({ "shopware-app-signature": sign("secret:app", &query) });
    if let Some(old) = old {
        signed["shopware-shop-signature"] = json!(sign(old, &query));
    }
    let (status, _, body) = answered(door, REGISTER, &query, signed, "").await;
    assert_eq!(status, 200);
    let told: Value = serde_json::from_str(&body).unwrap();
    let new = told["secret"].as_str().unwrap().to_owned();
    let confirmation =
        r#"{"apiKey":"K","secretKey":"S","timestamp":"1","shopUrl":"https://shop.example","shopId":"abc"}"#;
    let mut signed = json!({ "shopware-shop-signature": sign(&new, confirmation) });
    if let Some(old) = old {
        signed["shopware-shop-signature-previous"] = json!(sign(old, confirmation));
    }
    assert_eq!(answered(door, CONFIRM, "", signed, confirmation).await.0, 200);
    new
}

/// A webhook signed with `secret`, an hour from now.
async fn an_hour_later(door: &AppDoor, secret: &str) -> u64 {
    let request = json!({
        "version": "2.0", "routeKey": WEBHOOK, "rawQueryString": "", "headers": { "shopware-shop-signature": sign(secret, EVENT) },
        "pathParameters": { "shop": "garten" }, "body": EVENT, "isBase64Encoded": false,
    });
    let now = clock::now() + jiff::SignedDuration::from_hours(1);
    answer(door, request, now).await.0
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_secret_counts_until_the_new_one_was_seen() {
    let (_dir, engine, library) = house().await;
    let door = AppDoor::new(library, Arc::new(engine.clone()), Arc::new(engine.clone()));
    let old = registered(&door, None).await;
    // The shop never hears that it confirmed, and keeps what it has.
    let lost = registered(&door, Some(&old)).await;
    assert_eq!(an_hour_later(&door, &old).await, 200);
    let new = registered(&door, Some(&old)).await;
    assert_eq!(an_hour_later(&door, &lost).await, 401, "nobody has that one");
    assert_eq!(an_hour_later(&door, &old).await, 200);
    assert_eq!(an_hour_later(&door, &new).await, 200);
    assert_eq!(an_hour_later(&door, &old).await, 401, "the shop has the new one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_that_cannot_be_kept_is_to_be_sent_again() {
    let (_dir, engine, library) = house().await;
    let queue = Arc::new(engine.clone());
    let door = AppDoor::new(Arc::clone(&library), queue.clone(), Arc::new(engine.clone()));
    let full = AppDoor::new(library, queue, Arc::new(Full(engine.clone())));
    let secret = registered(&door, None).await;
    let of = |body: &str| json!({ "shopware-shop-signature": sign(&secret, body) });
    assert_eq!(answered(&full, WEBHOOK, "", of(REMOVED), REMOVED).await.0, 503);
    let stored =
        engine.receive(Address::Live(Queue::Shops), 10, Duration::from_secs(30), Duration::ZERO).await;
    assert_eq!(stored.unwrap().len(), 1, "the webhook itself is stored");
    assert_eq!(answered(&door, WEBHOOK, "", of(EVENT), EVENT).await.0, 200, "it is still known");
    assert_eq!(answered(&door, WEBHOOK, "", of(REMOVED), REMOVED).await.0, 200);
    assert_eq!(answered(&door, WEBHOOK, "", of(EVENT), EVENT).await.0, 401);
    registered(&door, None).await;
}
