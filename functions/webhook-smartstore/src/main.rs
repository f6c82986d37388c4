//! `webhook-smartstore`: takes notices about orders of Smartstore shops.

use kontor_connectors::config::ShopKind;
use kontor_runtime::lambda::{self, Deployed};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::webhook(Deployed::open("webhook-smartstore")?, ShopKind::Smartstore).await
}
