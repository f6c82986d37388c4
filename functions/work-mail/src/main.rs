//! `work-mail`: sends mails to customers.

use std::sync::Arc;

use kontor_connectors::config::Scope;
use kontor_flow::Queue;
use kontor_runtime::lambda::{self, CommandShop, Deployed, NoSecrets};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let house = Deployed::open("work-mail")?;
    let library = house.library(Scope::Work(Queue::Mail), Arc::new(NoSecrets)).await;
    let shop = CommandShop::new(&house, library, Queue::Mail).with_mailer(house.mailer());
    lambda::batch(house, shop).await
}
