//! `webhook-shopify`: takes deliveries of Shopify shops.

use kontor_connectors::config::ShopKind;
use kontor_runtime::lambda::{self, Deployed};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::webhook(Deployed::open("webhook-shopify")?, ShopKind::Shopify).await
}
