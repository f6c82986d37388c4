//! `webhook-shopware`: takes deliveries of Shopware shops, and their registrations of the app.

use kontor_runtime::lambda::{self, Deployed};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::apps(Deployed::open("webhook-shopware")?).await
}
