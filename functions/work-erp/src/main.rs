//! `work-erp`: carries out commands in the ERP, and looks up what it hints at.

use kontor_connectors::config::Scope;
use kontor_flow::Queue;
use kontor_runtime::lambda::{self, CommandShop, Deployed};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let house = Deployed::open("work-erp")?;
    let library = house.library(Scope::Work(Queue::Erp), house.vault()?).await;
    let shop = CommandShop::new(&house, library, Queue::Erp);
    lambda::batch(house, shop).await
}
