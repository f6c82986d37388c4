//! Everything that is kept, page by page: scans of the table, for requests that are rare.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use kontor_flow::ports::{Archive, Page, PrivacyAct, StoreError};
use kontor_flow::{Address, Failure, Order, OrderStatus};
use serde::de::DeserializeOwned;

use crate::Store;
use crate::body::{BODY, pack, unpack};
use crate::errors::failed;
use crate::item::{STORE, item, micros, text};
use crate::table::{BY_STATUS, PK, SK};

const PRIVACY: &str = "PRIVACY";

/// Acts noted in the same microsecond that find a place.
const TRIES: i64 = 16;

#[async_trait]
impl Archive for Store {
    async fn orders(
        &self,
        after: Option<&str>,
        over_before: Option<Timestamp>,
    ) -> Result<Page<Order>, StoreError> {
        let page: Page<Order> = self.scan("an order", "ORDER#", "STATE", after, over_before).await?;
        let over = |order: &Order| matches!(order.status, OrderStatus::Completed | OrderStatus::Cancelled);
        let wanted = |order: &Order| over_before.is_none() || over(order);
        Ok(Page { found: page.found.into_iter().filter(wanted).collect(), next: page.next })
    }

    async fn failures(&self, after: Option<&str>) -> Result<Page<Failure>, StoreError> {
        self.scan("a failure", "FAILURE#", "RECORD", after, None).await
    }

    /// SQS shows its messages to none but those who take them.
    async fn messages(&self, _after: Option<&str>) -> Result<Option<Page<(Address, String)>>, StoreError> {
        Ok(None)
    }

    async fn note(&self, act: &PrivacyAct) -> Result<(), StoreError> {
        let body = pack("what was done", act)?;
        for nth in 0..TRIES {
            let at = act.at + SignedDuration::from_micros(nth);
            let act = item(PRIVACY, &format!("ACT#{:020}", at.as_microsecond()), [(BODY, body.clone())]);
            let put = self.client.put_item().table_name(&self.table).set_item(Some(act));
            let put =
                put.condition_expression("attribute_not_exists(#k)").expression_attribute_names("#k", PK);
            match put.send().await {
                Ok(_) => return Ok(()),
                Err(error)
                    if error
                        .as_service_error()
                        .is_some_and(|e| e.is_conditional_check_failed_exception()) => {}
                Err(error) => return Err(failed(STORE, "PutItem", "what was done", &error)),
            }
        }
        Err(StoreError::Conflict { what: "what was done".to_owned() })
    }

    async fn acts(&self) -> Result<Vec<PrivacyAct>, StoreError> {
        let pages = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("#p = :p")
            .expression_attribute_names("#p", PK)
            .expression_attribute_values(":p", text(PRIVACY));
        let items = pages.into_paginator().items().send().try_collect().await;
        let items = items.map_err(|e| failed(STORE, "Query", "what was done", &e))?;
        items.iter().map(|item| unpack("what was done", item.get(BODY))).collect()
    }
}

impl Store {
    /// One page of the table, of which the items with these keys are taken.
    async fn scan<T: DeserializeOwned>(
        &self,
        what: &str,
        prefix: &str,
        sk: &str,
        after: Option<&str>,
        before: Option<Timestamp>,
    ) -> Result<Page<T>, StoreError> {
        let mut scan = self
            .client
            .scan()
            .table_name(&self.table)
            .consistent_read(true)
            .expression_attribute_names("#p", PK)
            .expression_attribute_names("#s", SK)
            .expression_attribute_values(":p", text(prefix))
            .expression_attribute_values(":s", text(sk))
            .set_exclusive_start_key(after.map(start));
        scan = match before {
            Some(before) => scan
                .filter_expression("begins_with(#p, :p) AND #s = :s AND #u < :u")
                .expression_attribute_names("#u", BY_STATUS.sort)
                .expression_attribute_values(":u", micros(before)),
            None => scan.filter_expression("begins_with(#p, :p) AND #s = :s"),
        };
        let page = scan.send().await.map_err(|e| failed(STORE, "Scan", what, &e))?;
        let items = page.items.unwrap_or_default();
        let found = items.iter().map(|item| unpack(what, item.get(BODY))).collect::<Result<_, _>>()?;
        Ok(Page { found, next: page.last_evaluated_key.as_ref().and_then(end) })
    }
}

/// Where the next page begins. No key has a line break in it.
fn start(after: &str) -> HashMap<String, AttributeValue> {
    let (pk, sk) = after.split_once('\n').unwrap_or((after, ""));
    HashMap::from([(PK.to_owned(), text(pk)), (SK.to_owned(), text(sk))])
}

fn end(key: &HashMap<String, AttributeValue>) -> Option<String> {
    let part = |name| key.get(name).and_then(|value: &AttributeValue| value.as_s().ok());
    Some(format!("{}\n{}", part(PK)?, part(SK)?))
}
