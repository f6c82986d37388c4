//! What is known of Smartstore, tried.

mod reads;

use kontor_domain::{Currency, PaymentTerms};

use crate::config::{ShopConfig, ShopKind};
use crate::shop_testing::shop;

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
