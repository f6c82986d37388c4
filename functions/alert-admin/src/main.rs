//! `alert-admin`: keeps messages that died in a queue, and calls the admin.

use kontor_runtime::lambda::{self, AlertShop, Deployed};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let house = Deployed::open("alert-admin")?;
    let shop = AlertShop::new(&house, house.topic()?);
    lambda::batch(house, shop).await
}
