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

const QUERY: &str = "shop-id=abc&shop-url=https%3A%2F%2Fshop.example&timestamp=1795282183";

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
    let answer = door.answer(serde_json::from_value(request).unwrap(), clock::now()).await;
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
    let signed = json!({ "shopware-app-signature": sign("secret:app", QUERY) });
    let (status, kind, body) = answered(&door, REGISTER, QUERY, signed, "").await;
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
    let (status, _, said) = answered(&door, REGISTER, QUERY, json!({}), "").await;
    assert!(status == 401 && !said.contains("secret:app"), "{status} {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_our_fault_suspends_nobody() {
    let (_dir, engine, library) = house().await;
    let door = AppDoor::new(library, Arc::new(engine), Arc::new(Away));
    let signed = json!({ "shopware-app-signature": sign("secret:app", QUERY) });
    assert_eq!(answered(&door, REGISTER, QUERY, signed, "").await.0, 503);
    assert_eq!(answered(&door, CONFIRM, "", json!({}), "{}").await.0, 503);
    let forged = json!({ "shopware-shop-signature": "00" });
    assert_eq!(
        answered(&door, WEBHOOK, "", forged, "{}").await.0,
        503,
        "who can't be looked up is not refused"
    );
}
