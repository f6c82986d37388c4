//! `sync-overdue`: does what has become due.

use std::sync::Arc;

use kontor_connectors::config::Scope;
use kontor_runtime::lambda::{self, Deployed, EventShop, NoSecrets, OverdueShop};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let house = Deployed::open("sync-overdue")?;
    let library = house.library(Scope::Nothing, Arc::new(NoSecrets)).await;
    let shop = OverdueShop::new(&house, EventShop::new(&house, library));
    lambda::schedule(house, shop).await
}
