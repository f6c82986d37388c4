//! `webhook-weclapp`: takes hints of the ERP.

use kontor_runtime::lambda::{self, Deployed};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::hints(Deployed::open("webhook-weclapp")?).await
}
