//! Items: building, getting, asking for ranges of them.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use kontor_flow::ports::StoreError;

use crate::Store;
use crate::errors::{corrupt, failed};
use crate::table::{Index, PK, SK};

/// The store's name in errors.
pub(crate) const STORE: &str = "table";

/// An item.
pub(crate) type Item = HashMap<String, AttributeValue>;

pub(crate) fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(crate) fn number(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

pub(crate) fn micros(at: Timestamp) -> AttributeValue {
    number(at.as_microsecond())
}

/// An item with its keys.
pub(crate) fn item<const N: usize>(pk: &str, sk: &str, rest: [(&str, AttributeValue); N]) -> Item {
    let keys = [(PK, text(pk)), (SK, text(sk))];
    keys.into_iter().chain(rest).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The number in an attribute.
pub(crate) fn read_number<T: std::str::FromStr>(
    what: &str,
    item: &Item,
    name: &str,
) -> Result<T, StoreError> {
    let value = item.get(name).and_then(|value| value.as_n().ok()).and_then(|n| n.parse().ok());
    value.ok_or_else(|| corrupt(what, format!("the item has no number {name}")))
}

/// The text in an attribute.
pub(crate) fn read_text<'a>(what: &str, item: &'a Item, name: &str) -> Result<&'a str, StoreError> {
    let value = item.get(name).and_then(|value| value.as_s().ok());
    value.map(String::as_str).ok_or_else(|| corrupt(what, format!("the item has no text {name}")))
}

/// What to look for in an index: a partition, the sort key up to a bound, and what else the items must have.
pub(crate) struct Range<'a> {
    pub(crate) index: Index,
    pub(crate) partition: String,
    pub(crate) up_to: Option<Timestamp>,
    pub(crate) having: Option<(&'a str, String)>,
    pub(crate) ascending: bool,
    pub(crate) limit: usize,
}

impl Store {
    /// The item, as written last.
    pub(crate) async fn get(
        &self,
        call: &'static str,
        pk: &str,
        sk: &str,
    ) -> Result<Option<Item>, StoreError> {
        let get = self.client.get_item().table_name(&self.table).consistent_read(true);
        let answer = get.key(PK, text(pk)).key(SK, text(sk)).send().await;
        Ok(answer.map_err(|e| failed(STORE, call, pk, &e))?.item)
    }

    /// The items of a range of an index.
    pub(crate) async fn range(&self, call: &'static str, range: Range<'_>) -> Result<Vec<Item>, StoreError> {
        let condition = if range.up_to.is_some() { "#p = :p AND #s <= :s" } else { "#p = :p" };
        let mut query = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(range.index.name)
            .key_condition_expression(condition)
            .expression_attribute_names("#p", range.index.partition)
            .expression_attribute_values(":p", text(&range.partition))
            .scan_index_forward(range.ascending)
            // A page is 1 MB at most anyway.
            .limit(i32::try_from(range.limit.clamp(1, 1000)).unwrap_or(1000));
        if let Some(at) = range.up_to {
            query = query
                .expression_attribute_names("#s", range.index.sort)
                .expression_attribute_values(":s", micros(at));
        }
        if let Some((name, value)) = &range.having {
            query = query
                .filter_expression("#f = :f")
                .expression_attribute_names("#f", *name)
                .expression_attribute_values(":f", text(value));
        }
        let (mut found, mut from) = (Vec::new(), None);
        while found.len() < range.limit {
            let page = query.clone().set_exclusive_start_key(from).send().await;
            let page = page.map_err(|e| failed(STORE, call, range.index.name, &e))?;
            found.extend(page.items.unwrap_or_default());
            from = page.last_evaluated_key;
            if from.is_none() {
                break;
            }
        }
        found.truncate(range.limit);
        Ok(found)
    }
}
