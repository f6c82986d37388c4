//! `work-events`: keeps what became known of orders, and sends what their flows ask for.

use kontor_runtime::lambda::{self, Deployed, EventShop};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let house = Deployed::open("work-events")?;
    let shop = EventShop::open(&house).await;
    lambda::batch(house, shop).await
}
