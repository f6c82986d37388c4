//! The recorded traffic of real shops, through the real handlers: proof, envelope, queue, reading, order.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use kontor_connectors::config::{Config, ShopKind};
use kontor_connectors::registry::Reader;
use kontor_connectors::{Gate, SecretBook, SecretRef};
use kontor_embedded::Engine;
use kontor_flow::engine::{EventDesk, Verdict};
use kontor_flow::ports::{Configs as _, OrderFilter, OrderIndex, Receiver as _, StoredConfig};
use kontor_flow::{Address, Message, Queue};
use kontor_runtime::book::{Library, LocalVault};
use kontor_runtime::clock;
use kontor_runtime::webhook::{Reply, receive};
use kontor_sandbox::traffic::sign;
use secrecy::SecretString;
use serde_json::Value;

use crate::contracts;

const YAML: &str = "\
shops:
  - { id: woo, kind: woocommerce, url: \"https://woo.example\", flow: standard, webhook_secrets: [env:WOO], api: { key: env:K, secret: env:K }, payments: { cod: cash_on_delivery, bacs: prepayment, none: prepaid } }
  - { id: shopify, kind: shopify, url: \"https://shopify.example\", flow: standard, webhook_secrets: [env:SHOPIFY], api: { key: env:K }, payments: { manual: prepaid, none: prepaid, bogus: prepaid, shopify_payments: prepaid, gift_card: prepaid } }
erp: { url: \"https://erp.example\", token: env:K, gross_channel: GROSS1, articles: { shipping: S, fee: F, discount: D, rounding: R } }
mail: { from: \"a@example.test\", signature: A }
";

/// The lab's secret, as the signature vectors name it.
pub(crate) const WOO_SECRET: &str = "lab-webhook-secret";
const SHOPIFY_SECRET: &str = "recorded";

pub(crate) struct Desk {
    pub(crate) engine: Engine,
    pub(crate) config: Arc<Config>,
    secrets: SecretBook,
    pub(crate) desk: EventDesk,
}

pub(crate) async fn desk(dir: &Path) -> Desk {
    let engine = Engine::open(dir, Arc::new(clock::now)).unwrap();
    let flow = include_str!("../../infra/flows/standard.yaml").to_owned();
    let stored = StoredConfig {
        version: 1,
        yaml: YAML.to_owned(),
        flows: BTreeMap::from([("standard".to_owned(), flow)]),
        pushed_at: clock::now(),
        pushed_by: "test".to_owned(),
    };
    engine.push(&stored).await.unwrap();
    let scope = kontor_connectors::config::Scope::Nothing;
    let library = Arc::new(Library::new(Arc::new(engine.clone()), Arc::new(LocalVault), scope));
    let config = Arc::clone(&library.book(clock::now()).await.unwrap().config);
    let mut secrets = SecretBook::default();
    secrets.insert(SecretRef::Env("WOO".to_owned()), SecretString::from(WOO_SECRET));
    secrets.insert(SecretRef::Env("SHOPIFY".to_owned()), SecretString::from(SHOPIFY_SECRET));
    let desk = EventDesk {
        reader: Arc::new(engine.clone()),
        outbox: Arc::new(engine.clone()),
        flows: library,
        intake: Arc::new(Reader(Arc::clone(&config))),
        sender: Arc::new(engine.clone()),
    };
    Desk { engine, config, secrets, desk }
}

impl Desk {
    /// Takes a request as the function does, and works off what it enqueued. Answers the status and the verdicts.
    pub(crate) async fn take(
        &self,
        kind: ShopKind,
        shop: &str,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> (u16, Vec<Verdict>) {
        let gate = Gate::build(&self.config, kind, &self.secrets).unwrap();
        let reply: Reply = receive(&gate, &self.engine, shop, headers, Bytes::from(body), clock::now()).await;
        let from = Address::Live(Queue::Events);
        let second = std::time::Duration::from_secs(60);
        let records = self.engine.receive(from, 10, second, std::time::Duration::ZERO).await.unwrap();
        let mut verdicts = Vec::new();
        for record in records {
            let message = Message::decode(&record.body).unwrap();
            verdicts.push(self.desk.handle(&message, record.receives, clock::now()).await);
            self.engine.delete(from, vec![record.receipt]).await.unwrap();
        }
        (reply.status(), verdicts)
    }

    pub(crate) async fn orders(&self) -> usize {
        OrderIndex::list(&self.engine, &OrderFilter { limit: 1_000, ..OrderFilter::default() })
            .await
            .unwrap()
            .len()
    }
}

fn files(dir: &Path, end: &str) -> Vec<std::path::PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.to_string_lossy().ends_with(end));
    files.sort();
    files
}

pub(crate) fn header(headers: &mut HeaderMap, name: &str, value: &str) {
    headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
}

#[tokio::test]
async fn every_recorded_delivery_of_woocommerce_is_taken_and_read() {
    let Some(contracts) = contracts() else { return };
    let dir = tempfile::tempdir().unwrap();
    let desk = desk(dir.path()).await;
    let (mut signed, mut pings) = (0, 0);
    for file in files(&contracts.join("woocommerce/webhooks"), ".headers.json") {
        let recorded: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let body = std::fs::read(file.to_string_lossy().replace(".headers.json", ".body")).unwrap();
        let mut headers = HeaderMap::new();
        for pair in recorded["headers"].as_array().unwrap() {
            header(&mut headers, pair[0].as_str().unwrap(), pair[1].as_str().unwrap());
        }
        let is_ping = !headers.contains_key("x-wc-webhook-signature");
        let (status, verdicts) = desk.take(ShopKind::Woocommerce, "woo", headers, body).await;
        assert_eq!(status, 200, "{}", file.display());
        assert!(verdicts.iter().all(|v| *v == Verdict::Done), "{}: {verdicts:?}", file.display());
        assert_eq!(verdicts.len(), usize::from(!is_ping), "{}", file.display());
        if is_ping { pings += 1 } else { signed += 1 }
    }
    assert!(signed >= 14 && pings == 4, "{signed} signed deliveries and {pings} pings were recorded");
    assert!(desk.orders().await >= 2);
}

#[tokio::test]
async fn every_recorded_order_of_shopify_is_taken_and_read() {
    let Some(contracts) = contracts() else { return };
    let dir = tempfile::tempdir().unwrap();
    let desk = desk(dir.path()).await;
    let all = files(&contracts.join("shopify/webhooks"), ".json");
    for file in &all {
        let body = std::fs::read(file).unwrap();
        let mut headers = HeaderMap::new();
        header(&mut headers, "x-shopify-topic", "orders/updated");
        header(&mut headers, "x-shopify-hmac-sha256", &sign(SHOPIFY_SECRET, &body).unwrap());
        let (status, verdicts) = desk.take(ShopKind::Shopify, "shopify", headers, body).await;
        assert_eq!((status, verdicts), (200, vec![Verdict::Done]), "{}", file.display());
    }
    assert!(all.len() >= 6);
    assert!(desk.orders().await >= 4);
}

/// Every recorded order of every shop: how it is read, and what it comes to.
const KINDS: &str = "\
shops:
  - { id: woo, kind: woocommerce, url: \"https://woo.example\", flow: standard, webhook_secrets: [env:A], payments: PAYMENTS }
  - { id: shopify, kind: shopify, url: \"https://shopify.example\", flow: standard, webhook_secrets: [env:A], payments: PAYMENTS }
  - { id: shopware, kind: shopware, url: \"https://shopware.example\", flow: standard, webhook_secrets: [env:A], payments: PAYMENTS }
  - { id: smartstore, kind: smartstore, url: \"https://smartstore.example\", currency: EUR, flow: standard, webhook_secrets: [env:A], payments: PAYMENTS }
erp: { url: \"https://erp.example\", token: env:K, gross_channel: GROSS1, articles: { shipping: S, fee: F, discount: D, rounding: R } }
";

/// Whatever the recorded shops call their means of payment.
const PAYMENTS: &str = "{ manual_in_shopify_test: prepaid, cod: cash_on_delivery, bacs: prepayment, none: prepaid, manual: prepaid, bogus: prepaid, \
    shopify_payments: prepaid, gift_card: prepaid, payment_invoicepayment: invoice, payment_cashpayment: cash_on_delivery, \
    payment_prepayment: prepayment, payment_paypal: prepaid, Payments.Prepayment: prepayment, Payments.Invoice: invoice, \
    Payments.PayPalStandard: prepaid, Payments.PayPalPayUponInvoice: invoice }";

/// An order in recorded traffic: its shop, the topic to read it by, and its body.
type Recorded = (&'static str, &'static str, std::path::PathBuf, Vec<u8>);

fn recorded_orders(contracts: &Path) -> Vec<Recorded> {
    let mut all: Vec<Recorded> = Vec::new();
    let mut add = |shop, topic, file: std::path::PathBuf| {
        let body = std::fs::read(&file).unwrap();
        all.push((shop, topic, file, body));
    };
    for file in files(&contracts.join("woocommerce/webhooks"), ".body") {
        let about =
            std::fs::read_to_string(file.to_string_lossy().replace(".body", ".headers.json")).unwrap();
        if about.contains("\"order.") {
            add("woo", "order.updated", file);
        }
    }
    let rest = files(&contracts.join("shopify/rest_samples"), ".json").into_iter();
    let rest = rest.filter(|file| file.file_name().unwrap().to_string_lossy().starts_with("order_"));
    for file in files(&contracts.join("shopify/webhooks"), ".json").into_iter().chain(rest) {
        add("shopify", "orders/updated", file);
    }
    for file in files(&contracts.join("smartstore"), ".json") {
        if file.file_name().unwrap().to_string_lossy().starts_with("order-") {
            add("smartstore", kontor_flow::storefront::FETCHED, file);
        }
    }
    all
}

#[test]
fn every_recorded_order_adds_up() {
    let Some(contracts) = contracts() else { return };
    let config = Config::parse("kontor.yaml", &KINDS.replace("PAYMENTS", PAYMENTS)).unwrap();
    let reader = Reader(Arc::new(config));
    let mut rows = Vec::new();
    for (shop, topic, file, body) in recorded_orders(&contracts) {
        let name = format!("{shop}/{}", file.file_name().unwrap().to_string_lossy());
        let envelope = kontor_flow::Envelope {
            shop: shop.parse().unwrap(),
            topic: topic.to_owned(),
            received_at: clock::now(),
            headers: BTreeMap::new(),
            body: kontor_flow::Payload::pack(&unwrapped(&body)),
        };
        let news = kontor_flow::ports::Intake::read(&reader, &envelope)
            .unwrap_or_else(|error| panic!("{name}: {}", kontor_flow::remedy::chain(&error)));
        for happened in news {
            let placed = happened.events.iter().find_map(|record| match &record.event {
                kontor_flow::Event::Placed(order) => Some(order.parts()),
                _ => None,
            });
            let Some(parts) = placed else { continue };
            // It could not have been built if its parts did not come to the shop's total exactly.
            let sum = parts.total.minus(parts.rounding).unwrap();
            rows.push(format!(
                "{name:<58} {:>12} {:>14} {:>10}",
                parts.number.to_string(),
                sum.to_string(),
                parts.rounding.to_string()
            ));
        }
    }
    println!("{:<58} {:>12} {:>14} {:>10}\n{}", "recorded", "order", "parts", "rounding", rows.join("\n"));
    assert!(rows.len() >= 15, "only {} orders were found", rows.len());
}

/// The order itself: OData answers hold it in a list.
fn unwrapped(body: &[u8]) -> Vec<u8> {
    let whole: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    match whole.get("value").and_then(|list| list.get(0)) {
        Some(order) => order.to_string().into_bytes(),
        None => body.to_vec(),
    }
}
