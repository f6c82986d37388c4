//! The store, queue, notice and mail ports on DynamoDB, SQS, SNS and SES.
//!
//! One table holds everything (see [`table`] for its names, which `infra/` declares the same). Orders are written with
//! their timeline entry in one transaction on the version; every other write is conditional on a revision or an owner.
//! All reads by key are strongly consistent; lists come from indexes and may lag a moment behind.

mod archive;
mod body;
mod configs;
mod cursors;
mod errors;
mod failures;
mod item;
mod leases;
pub mod mail;
mod notices;
mod orders;
mod queues;
pub mod table;
mod tokens;

use aws_sdk_dynamodb::Client;

pub use notices::Topic;
pub use queues::{QueueUrls, Queues};

/// The name of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableName(pub String);

/// Orders, leases, failures, cursors and configurations in one DynamoDB table.
#[derive(Debug, Clone)]
pub struct Store {
    client: Client,
    table: String,
}

impl Store {
    /// The store in `table`.
    #[must_use]
    pub fn new(client: Client, table: TableName) -> Self {
        Self { client, table: table.0 }
    }
}
