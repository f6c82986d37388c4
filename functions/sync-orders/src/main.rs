//! `sync-orders`: has every shop asked for its orders.

use kontor_runtime::lambda::{self, Deployed};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::polls(Deployed::open("sync-orders")?).await
}
