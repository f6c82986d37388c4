//! `sync-overdue`: does what has become due.

use kontor_runtime::lambda::{self, Deployed, EventShop, OverdueShop};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let house = Deployed::open("sync-overdue")?;
    let shop = OverdueShop::new(&house, EventShop::open(&house).await);
    lambda::schedule(house, shop).await
}
