//! `work-events`: keeps what became known of orders, and sends what their flows ask for.

use std::sync::Arc;

use kontor_connectors::config::Scope;
use kontor_runtime::lambda::{self, Deployed, EventShop, NoSecrets};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let house = Deployed::open("work-events")?;
    let library = house.library(Scope::Nothing, Arc::new(NoSecrets)).await;
    let shop = EventShop::new(&house, library);
    lambda::batch(house, shop).await
}
