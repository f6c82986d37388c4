//! The shops' connectors against the shops' stand-ins: both were written from the same recordings, and must agree.
#![expect(clippy::unwrap_used, reason = "a test that can't go on is to fail loudly")]

use std::sync::Arc;

use kontor_connectors::config::ShopConfig;
use kontor_connectors::http::{ClientOptions, client};
use kontor_connectors::shopify::Shopify;
use kontor_connectors::woocommerce::WooCommerce;
use kontor_connectors::{SecretBook, SecretRef};
use kontor_flow::apply::apply;
use kontor_flow::ports::{Connector, Job, Past};
use kontor_flow::{Action, Command, Order, StepKey, StepResult};
use kontor_sandbox::{Switches, shopify, woocommerce};
use kontor_testkit::clock::time;
use kontor_testkit::order::{BEGINNING, order, paid_event, shipped_event, step};
use secrecy::SecretString;
use serde_json::json;

fn config(kind: &str, url: &str) -> (ShopConfig, SecretBook) {
    let config = json!({
        "id": "kaffee", "kind": kind, "url": url, "flow": "standard", "webhook_secrets": ["env:HOOK"],
        "api": {"key": "env:KEY", "secret": "env:SECRET"}, "payments": {"bacs": "prepayment"},
    });
    let mut secrets = SecretBook::default();
    for name in ["KEY", "SECRET", "HOOK"] {
        secrets.insert(SecretRef::Env(name.to_owned()), SecretString::from(name.to_lowercase()));
    }
    (serde_json::from_value(config).unwrap(), secrets)
}

/// A paid order with a parcel that left.
fn shipped(id: &str) -> Order {
    let mut order = order(id);
    apply(&mut order.facts, paid_event("bank-1", "34.80", time(BEGINNING)));
    apply(&mut order.facts, shipped_event("900", "JJD1", time(BEGINNING)));
    order
}

async fn told(connector: &Arc<dyn Connector>, order: &Order, action: Action, past: Past) -> StepResult {
    let parcel = StepKey::item(step("tell_shop").step, "900");
    let step = if action == Action::ShopShipment { parcel } else { step("shop") };
    let command = Command { order: order.key.clone(), step, action, template: None, undo: false };
    let job = Job { command: &command, order, past, now: time(BEGINNING) };
    connector.perform(job).await.unwrap().result
}

#[tokio::test]
async fn woocommerce_hears_of_payment_and_shipment_once() {
    let shop =
        woocommerce::Sandbox::start("127.0.0.1:0", woocommerce::State::new("key", "secret")).await.unwrap();
    for id in [17, 18] {
        assert!(shop.state().seed(&json!({"id": id, "status": "on-hold", "date_paid_gmt": null})));
    }
    let (config, secrets) = config("woocommerce", &shop.url);
    let http = client(ClientOptions::default()).unwrap();
    let connector: Arc<dyn Connector> = Arc::new(WooCommerce::new(&config, &secrets, http).unwrap());
    let order = shipped("kaffee/17");
    assert_eq!(told(&connector, &order, Action::ShopPaid, Past::Clean).await, StepResult::Told);
    shop.state().switch(Switches { work_but_never_answer_per_mille: 1_000, ..Switches::default() });
    let item = StepKey::item(step("tell_shop").step, "900");
    let command = Command {
        order: order.key.clone(),
        step: item,
        action: Action::ShopShipment,
        template: None,
        undo: false,
    };
    let job = Job { command: &command, order: &order, past: Past::Clean, now: time(BEGINNING) };
    assert!(connector.perform(job).await.is_err(), "the answer came");
    shop.state().switch(Switches::default());
    assert_eq!(told(&connector, &order, Action::ShopShipment, Past::Unknown).await, StepResult::Told);
    told(&connector, &shipped("kaffee/18"), Action::ShopCancel, Past::Clean).await;
    let report = shop.state().report();
    assert_eq!((report.notes, report.doubled_notes), (1, vec![]));
    assert_eq!(report.orders, [("cancelled".to_owned(), 1), ("completed".to_owned(), 1)].into());
}

#[tokio::test]
async fn shopify_hears_of_payment_and_shipment_once() {
    let shop = shopify::Sandbox::start("127.0.0.1:0", shopify::State::new("key")).await.unwrap();
    for id in [17, 18] {
        let lines = json!([{"id": 1, "quantity": 2, "requires_shipping": true}]);
        assert!(shop.state().seed(&json!({"id": id, "financial_status": "pending", "line_items": lines})));
    }
    let (config, secrets) = config("shopify", &shop.url);
    let http = client(ClientOptions::default()).unwrap();
    let connector: Arc<dyn Connector> = Arc::new(Shopify::new(&config, &secrets, http).unwrap());
    let order = shipped("kaffee/17");
    for past in [Past::Clean, Past::Unknown] {
        assert_eq!(told(&connector, &order, Action::ShopPaid, past).await, StepResult::Told);
        assert_eq!(told(&connector, &order, Action::ShopShipment, past).await, StepResult::Told);
    }
    for past in [Past::Clean, Past::Unknown] {
        told(&connector, &shipped("kaffee/18"), Action::ShopCancel, past).await;
    }
    let report = shop.state().report();
    assert_eq!((report.paid, report.fulfillments, report.cancelled), (1, 1, 1));
    assert_eq!(report.doubled_tracking, Vec::<u64>::new());
}
