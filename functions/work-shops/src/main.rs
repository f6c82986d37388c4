//! `work-shops`: carries out commands in the shops.

use kontor_connectors::config::Scope;
use kontor_flow::Queue;
use kontor_runtime::lambda::{self, CommandShop, Deployed};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let house = Deployed::open("work-shops")?;
    let library = house.library(Scope::Work(Queue::Shops), house.vault()?).await;
    let shop = CommandShop::new(&house, library, Queue::Shops);
    lambda::batch(house, shop).await
}
