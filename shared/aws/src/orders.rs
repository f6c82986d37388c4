//! Orders and their timelines.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use futures_util::future::try_join_all;
use jiff::Timestamp;
use kontor_domain::{InvalidId, OrderKey};
use kontor_flow::order::OrderSummary;
use kontor_flow::ports::{OrderFilter, OrderIndex, OrderReader, OrderWriter, StoreError};
use kontor_flow::{Order, OrderStatus, TimelineEntry};

use crate::Store;
use crate::body::{BODY, pack, unpack};
use crate::errors::{corrupt, failed, refused};
use crate::item::{Item, Range, STORE, item, micros, number, read_number, read_text, text};
use crate::table::{BY_DUE, BY_STATUS, PK, SHARDS, SK};

const STATE: &str = "STATE";
const PREFIX: &str = "ORDER#";

/// Attempts at a transaction that another one is in the way of.
const TRIES: u32 = 4;

fn pk(key: &OrderKey) -> String {
    format!("{PREFIX}{}#{}", key.shop, key.order)
}

/// The shard of a key: FNV-1a, the same for all time.
fn shard(pk: &str) -> u32 {
    let mix = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    pk.bytes().fold(0x811c_9dc5, mix) % SHARDS
}

#[async_trait]
impl OrderReader for Store {
    async fn load(&self, key: &OrderKey) -> Result<Option<Arc<Order>>, StoreError> {
        let item = self.get("GetItem", &pk(key), STATE).await?;
        item.map(|item| unpack(&format!("order {key}"), item.get(BODY)).map(Arc::new)).transpose()
    }
}

#[async_trait]
impl OrderWriter for Store {
    async fn store(&self, order: &Order, entry: &TimelineEntry) -> Result<(), StoreError> {
        let what = format!("order {}", order.key);
        if order.version == 0 || entry.version != order.version {
            return Err(refused(what, "versions count from 1, and the timeline entry has that of the order"));
        }
        let pk = pk(&order.key);
        let log = item(&pk, &format!("LOG#{:020}", entry.version), [(BODY, pack(&what, entry)?)]);
        let state = Put::builder().table_name(&self.table).set_item(Some(state(&pk, &what, order)?));
        let state = if order.version == 1 {
            state.condition_expression("attribute_not_exists(#k)").expression_attribute_names("#k", PK)
        } else {
            state
                .condition_expression("#v = :before")
                .expression_attribute_names("#v", "version")
                .expression_attribute_values(":before", number(order.version - 1))
        };
        let log = Put::builder().table_name(&self.table).set_item(Some(log));
        self.transact(&what, vec![state, log]).await
    }
}

fn state(pk: &str, what: &str, order: &Order) -> Result<Item, StoreError> {
    let shard = shard(pk);
    let summary = pack(what, &order.summary())?;
    let mut state = item(
        pk,
        STATE,
        [
            (BODY, pack(what, order)?),
            ("version", number(order.version)),
            ("shop", text(order.key.shop.as_str())),
            ("summary", summary),
            (BY_STATUS.partition, text(format!("{}#{shard}", order.status.as_str()))),
            (BY_STATUS.sort, micros(order.updated_at)),
        ],
    );
    if let Some(due_at) = order.due_at {
        state.insert(BY_DUE.partition.to_owned(), text(format!("due#{shard}")));
        state.insert(BY_DUE.sort.to_owned(), micros(due_at));
    }
    Ok(state)
}

/// What a transaction that was not done means.
enum Undone {
    /// A condition was not met.
    Conflict,
    /// Another transaction was in the way, or the table was too busy: once more.
    Busy(StoreError),
    /// Anything else.
    Other(StoreError),
}

impl Store {
    /// Writes all of `puts` or nothing. An answer that is lost on the way is safe: the SDK repeats the request with the
    /// same token, and DynamoDB does it once.
    pub(crate) async fn transact(
        &self,
        what: &str,
        puts: Vec<aws_sdk_dynamodb::types::builders::PutBuilder>,
    ) -> Result<(), StoreError> {
        let built: Result<Vec<_>, _> = puts.into_iter().map(|put| put.build()).collect();
        let items = built.map_err(|e| refused(what, e))?.into_iter();
        let write = items
            .map(|put| TransactWriteItem::builder().put(put).build())
            .fold(self.client.transact_write_items(), |write, item| write.transact_items(item));
        let mut tries = 1;
        loop {
            let Err(error) = write.clone().send().await else { return Ok(()) };
            match undone(what, &error) {
                Undone::Conflict => return Err(StoreError::Conflict { what: what.to_owned() }),
                Undone::Other(error) => return Err(error),
                Undone::Busy(error) if tries == TRIES => return Err(error),
                Undone::Busy(_) => tokio::time::sleep(Duration::from_millis(10 << tries)).await,
            }
            tries += 1;
        }
    }
}

fn undone(what: &str, error: &SdkError<TransactWriteItemsError>) -> Undone {
    let call = "TransactWriteItems";
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error()
    else {
        return Undone::Other(failed(STORE, call, what, error));
    };
    let codes: Vec<_> = cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code()).collect();
    if codes.contains(&"ConditionalCheckFailed") {
        return Undone::Conflict;
    }
    if codes.iter().any(|code| ["ValidationError", "ItemCollectionSizeLimitExceeded"].contains(code)) {
        return Undone::Other(refused(what, codes.join(", ")));
    }
    Undone::Busy(StoreError::Unavailable { store: STORE, call, source: codes.join(", ").into() })
}

#[async_trait]
impl OrderIndex for Store {
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<OrderKey>, StoreError> {
        let range = |shard| Range {
            index: BY_DUE,
            partition: format!("due#{shard}"),
            up_to: Some(now),
            having: None,
            ascending: true,
            limit,
        };
        let found = try_join_all((0..SHARDS).map(|shard| self.range("Query", range(shard)))).await?;
        let mut due = Vec::new();
        for item in found.iter().flatten() {
            due.push((read_number::<i64>(BY_DUE.name, item, BY_DUE.sort)?, order_key(item)?));
        }
        due.sort_unstable();
        Ok(due.into_iter().map(|(_, key)| key).take(limit).collect())
    }

    async fn list(&self, filter: &OrderFilter) -> Result<Vec<OrderSummary>, StoreError> {
        let statuses = filter.status.map_or_else(|| OrderStatus::ALL.to_vec(), |status| vec![status]);
        let partitions =
            statuses.iter().flat_map(|s| (0..SHARDS).map(move |shard| format!("{}#{shard}", s.as_str())));
        let range = |partition| Range {
            index: BY_STATUS,
            partition,
            up_to: None,
            having: filter.shop.as_ref().map(|shop| ("shop", shop.to_string())),
            ascending: false,
            limit: filter.limit,
        };
        let found = try_join_all(partitions.map(|partition| self.range("Query", range(partition)))).await?;
        let mut lines = Vec::new();
        for item in found.iter().flatten() {
            lines.push(unpack::<OrderSummary>(BY_STATUS.name, item.get("summary"))?);
        }
        lines.sort_unstable_by(|a, b| (b.updated_at, &b.key).cmp(&(a.updated_at, &a.key)));
        // The index lags: an order between two statuses may be in it twice.
        let mut seen = std::collections::BTreeSet::new();
        lines.retain(|line| seen.insert(line.key.clone()));
        lines.truncate(filter.limit);
        Ok(lines)
    }

    async fn timeline(&self, key: &OrderKey) -> Result<Vec<TimelineEntry>, StoreError> {
        let what = format!("the timeline of {key}");
        let pages = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("#p = :p AND begins_with(#s, :s)")
            .expression_attribute_names("#p", PK)
            .expression_attribute_names("#s", SK)
            .expression_attribute_values(":p", text(pk(key)))
            .expression_attribute_values(":s", text("LOG#"));
        let items = pages.into_paginator().items().send().try_collect().await;
        let items = items.map_err(|e| failed(STORE, "Query", &what, &e))?;
        items.iter().map(|item| unpack(&what, item.get(BODY))).collect()
    }
}

fn order_key(item: &Item) -> Result<OrderKey, StoreError> {
    let pk = read_text(BY_DUE.name, item, PK)?;
    let written = pk.strip_prefix(PREFIX).unwrap_or(pk).replacen('#', "/", 1);
    written.parse().map_err(|e: InvalidId| corrupt(BY_DUE.name, e))
}
