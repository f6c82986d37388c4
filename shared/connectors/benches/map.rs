//! What reading a delivery costs: a shop's body into events, beside `serde_json` reading the same bytes into a `Value`.
#![expect(clippy::unwrap_used, reason = "a bench")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use jiff::Timestamp;
use kontor_connectors::Config;
use kontor_connectors::registry::Reader;
use kontor_domain::ShopId;
use kontor_flow::ports::Intake as _;
use kontor_flow::{Envelope, Payload};

const YAML: &str = "shops:
  - { id: woo, kind: woocommerce, url: \"https://shop.example\", flow: standard, webhook_secrets: [env:S], api: { key: env:S, secret: env:S }, payments: { ppcp-gateway: prepaid } }
  - { id: shopify, kind: shopify, url: \"https://shop.example\", flow: standard, webhook_secrets: [env:S], api: { key: env:S }, payments: { shopify_payments: prepaid, paypal: prepaid } }
erp: { url: \"https://tenant.weclapp.com\", token: env:T, gross_channel: GROSS1, articles: { shipping: S, fee: F, discount: D, rounding: R } }
";

const BODIES: [(&str, &str, &str); 2] = [
    (
        "woo",
        "order.created",
        include_str!("../../../tests/fixtures/woocommerce/prepaid-two-rates-coupon.json"),
    ),
    ("shopify", "orders/paid", include_str!("../../../tests/fixtures/shopify/paid-discounts.json")),
];

fn map(c: &mut Criterion) {
    let reader = Reader(Arc::new(Config::parse("kontor.yaml", YAML).unwrap()));
    for (shop, topic, body) in BODIES {
        let envelope = Envelope {
            shop: ShopId::parse(shop).unwrap(),
            topic: topic.to_owned(),
            received_at: Timestamp::UNIX_EPOCH,
            headers: BTreeMap::new(),
            body: Payload::pack(body.as_bytes()),
        };
        assert!(!reader.read(&envelope).unwrap().is_empty());
        let mut group = c.benchmark_group(shop);
        group.throughput(Throughput::Bytes(u64::try_from(body.len()).unwrap()));
        group.bench_function("body to events", |b| {
            b.iter(|| black_box(reader.read(black_box(&envelope)).unwrap()))
        });
        group.bench_function("serde_json to Value", |b| {
            b.iter(|| black_box(serde_json::from_str::<serde_json::Value>(black_box(body)).unwrap()));
        });
        group.finish();
    }
}

criterion_group!(benches, map);
criterion_main!(benches);
