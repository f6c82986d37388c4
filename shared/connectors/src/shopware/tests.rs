//! Tests of the Shopware connector: what it `reads`, how it `asks` the stand-in, what it `tells` the shop.

mod apps;
mod asks;
mod reads;
mod tells;

use kontor_domain::PaymentTerms;
use kontor_sandbox::shopware::{Sandbox, State};
use serde_json::Value;

use super::Shopware;
use crate::config::{ShopConfig, ShopKind};
use crate::shop_testing::{client, fixture, secrets};

/// The order of `prepaid-promotion.json`.
const PREPAID: &str = "042956244eb59a985402bb765a9c569d";

fn shop(url: &str) -> ShopConfig {
    let mut shop = crate::shop_testing::shop(ShopKind::Shopware, url);
    let more = [
        ("payment_paypal", PaymentTerms::Prepaid),
        ("payment_debit", PaymentTerms::Prepaid),
        ("payment_prepayment", PaymentTerms::Prepayment),
        ("payment_invoice", PaymentTerms::Invoice),
        ("payment_cash", PaymentTerms::CashOnDelivery),
        ("handler_app_foo_sync", PaymentTerms::Prepaid),
    ];
    shop.payments.extend(more.map(|(code, terms)| (code.to_owned(), terms)));
    shop
}

fn order(name: &str) -> Value {
    serde_json::from_slice(&fixture(&format!("shopware/{name}.json"))).unwrap()
}

/// A shop with these orders, and its connector.
async fn standing(orders: &[&str]) -> (Sandbox, Shopware) {
    let sandbox = Sandbox::start("127.0.0.1:0", State::new("key", "secret")).await.unwrap();
    for name in orders {
        assert!(sandbox.state().seed(&order(name)), "{name} is no order");
    }
    let connector = Shopware::new(&shop(&sandbox.url), &secrets(), client(), None).unwrap();
    (sandbox, connector)
}
