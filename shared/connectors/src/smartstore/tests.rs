//! What is known of Smartstore, tried.

mod asks;
mod prove;
mod reads;
mod tells;

use kontor_domain::{Currency, PaymentTerms};
use kontor_sandbox::smartstore::{Sandbox, State};
use serde_json::Value;

use super::Smartstore;
use crate::config::{ShopConfig, ShopKind};
use crate::shop_testing::{client, secrets, shop};

/// A shop that reckons in euro and knows three means of payment.
fn ours(url: &str) -> ShopConfig {
    let mut shop = shop(ShopKind::Smartstore, url);
    shop.currency = Some(Currency::EUR);
    for (method, terms) in [
        ("Payments.Prepayment", PaymentTerms::Prepayment),
        ("Payments.Invoice", PaymentTerms::Invoice),
        ("Payments.PayPalStandard", PaymentTerms::Prepaid),
    ] {
        shop.payments.insert(method.to_owned(), terms);
    }
    shop
}

/// A shop that runs, with these orders in it, and our connector to it.
async fn running(orders: &[Value]) -> (Sandbox, Smartstore) {
    let sandbox = Sandbox::start("127.0.0.1:0", State::new("key", "secret")).await.unwrap();
    for order in orders {
        assert!(sandbox.state().seed(order));
    }
    let connector = Smartstore::new(&ours(&sandbox.url), &secrets(), client()).unwrap();
    (sandbox, connector)
}

fn fixture(name: &str) -> Value {
    serde_json::from_slice(&crate::shop_testing::fixture(&format!("smartstore/{name}.json"))).unwrap()
}

/// The same order under another id, as of another time.
fn order(id: u64, updated: &str) -> Value {
    let mut order = fixture("prepayment");
    order["Id"] = id.into();
    order["UpdatedOnUtc"] = updated.into();
    order
}
