//! The table: names of keys, attributes and indexes. `infra/` declares the same; a test compares the two.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{BuildError, SdkError};
use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::operation::update_time_to_live::UpdateTimeToLiveError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, TimeToLiveSpecification,
};

use crate::TableName;

/// Partition key of the table, text.
pub const PK: &str = "pk";
/// Sort key of the table, text.
pub const SK: &str = "sk";
/// When DynamoDB may delete the item, seconds since 1970; leases have it, and failures that are settled.
pub const TTL: &str = "expires_at";

/// Shards of the two indexes over orders: one status would else be one hot partition.
pub const SHARDS: u32 = 8;

/// An index, sparse: only items with both keys are in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Index {
    /// Its name.
    pub name: &'static str,
    /// Its partition key, text.
    pub partition: &'static str,
    /// Its sort key, a number.
    pub sort: &'static str,
    /// The attributes it holds beside all keys; none: keys only.
    pub holds: &'static [&'static str],
}

/// Orders by status, the last changed last: `<status>#<shard>` and microseconds since 1970.
pub const BY_STATUS: Index = Index {
    name: "orders-by-status",
    partition: "status_shard",
    sort: "updated_at",
    holds: &["summary", "shop"],
};
/// Orders that are due: `due#<shard>` and microseconds since 1970.
pub const BY_DUE: Index = Index { name: "orders-by-due", partition: "due_shard", sort: "due_at", holds: &[] };
/// Failures by state, the last failed last: the state and microseconds since 1970.
pub const BY_STATE: Index =
    Index { name: "failures-by-state", partition: "failure_state", sort: "failed_at", holds: &["class"] };

/// Every index.
pub const INDEXES: [Index; 3] = [BY_STATUS, BY_DUE, BY_STATE];

/// Why the table could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The definition is not whole.
    #[error("the definition of the table is not whole")]
    Definition(#[from] BuildError),
    /// It was not made.
    #[error("the table was not made")]
    Create(#[source] Box<SdkError<CreateTableError>>),
    /// It has no time to live.
    #[error("the table was given no time to live")]
    TimeToLive(#[source] Box<SdkError<UpdateTimeToLiveError>>),
}

/// Makes the table as `infra/` declares it, for tests and local runs.
///
/// # Errors
/// [`TableError`] if there is one of that name, or DynamoDB does not play along.
pub async fn create_table(client: &Client, name: &TableName) -> Result<(), TableError> {
    let mut table = client
        .create_table()
        .table_name(&name.0)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(attribute(PK, ScalarAttributeType::S)?)
        .attribute_definitions(attribute(SK, ScalarAttributeType::S)?)
        .key_schema(key(PK, KeyType::Hash)?)
        .key_schema(key(SK, KeyType::Range)?);
    for index in INDEXES {
        table = table
            .attribute_definitions(attribute(index.partition, ScalarAttributeType::S)?)
            .attribute_definitions(attribute(index.sort, ScalarAttributeType::N)?)
            .global_secondary_indexes(definition(&index)?);
    }
    table.send().await.map_err(|e| TableError::Create(Box::new(e)))?;
    let ttl = TimeToLiveSpecification::builder().attribute_name(TTL).enabled(true).build()?;
    let set = client.update_time_to_live().table_name(&name.0).time_to_live_specification(ttl);
    set.send().await.map_err(|e| TableError::TimeToLive(Box::new(e)))?;
    Ok(())
}

fn definition(index: &Index) -> Result<GlobalSecondaryIndex, BuildError> {
    let projection = if index.holds.is_empty() {
        Projection::builder().projection_type(ProjectionType::KeysOnly)
    } else {
        let held = index.holds.iter().map(|&name| name.to_owned()).collect();
        Projection::builder().projection_type(ProjectionType::Include).set_non_key_attributes(Some(held))
    };
    GlobalSecondaryIndex::builder()
        .index_name(index.name)
        .key_schema(key(index.partition, KeyType::Hash)?)
        .key_schema(key(index.sort, KeyType::Range)?)
        .projection(projection.build())
        .build()
}

fn attribute(name: &str, kind: ScalarAttributeType) -> Result<AttributeDefinition, BuildError> {
    AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build()
}

fn key(name: &str, kind: KeyType) -> Result<KeySchemaElement, BuildError> {
    KeySchemaElement::builder().attribute_name(name).key_type(kind).build()
}
