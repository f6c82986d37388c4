//! Orders and their timelines.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use kontor_domain::OrderKey;
use kontor_flow::order::OrderSummary;
use kontor_flow::ports::{OrderFilter, OrderIndex, OrderOutbox as _, OrderReader, OrderWriter, StoreError};
use kontor_flow::{Order, OrderStatus, TimelineEntry};
use rusqlite::{Connection, OptionalExtension, params};

use crate::errors::{corrupt, place, refused, sqlite};
use crate::leases::is_unheard_of;
use crate::{Engine, micros};

#[async_trait]
impl OrderReader for Engine {
    async fn load(&self, key: &OrderKey) -> Result<Option<Arc<Order>>, StoreError> {
        if let Some(order) = self.inner.memory.recent.get(key) {
            return Ok(Some(order));
        }
        let key = key.clone();
        let read = move |db: &Connection| Ok(load(db, &key)?.map(Arc::new));
        self.inner.readers.read("load order", read).await
    }
}

fn load(db: &Connection, key: &OrderKey) -> Result<Option<Order>, StoreError> {
    let broken = sqlite("load order");
    let mut find = db.prepare_cached("SELECT body FROM orders WHERE key = ?1").map_err(broken)?;
    let mut rows = find.query([key.to_string()]).map_err(broken)?;
    let Some(row) = rows.next().map_err(broken)? else { return Ok(None) };
    let body = row.get_ref(0).and_then(|value| Ok(value.as_blob()?)).map_err(broken)?;
    serde_json::from_slice(body).map(Some).map_err(|e| corrupt(format!("order {key}"), &e))
}

#[async_trait]
impl OrderWriter for Engine {
    async fn store(&self, order: &Order, entry: &TimelineEntry) -> Result<(), StoreError> {
        self.store_and_send(Arc::new(order.clone()), entry.clone(), Vec::new()).await
    }
}

/// An order as it is written, made ready outside the writing thread.
pub(crate) struct Row {
    key: String,
    shop: String,
    version: i64,
    status: &'static str,
    due_at: Option<i64>,
    updated_at: i64,
    body: Vec<u8>,
    entry: Vec<u8>,
    /// The commands this version asks for.
    commands: Vec<String>,
}

impl Row {
    pub(crate) fn of(order: &Order, entry: &TimelineEntry) -> Result<Self, StoreError> {
        let what = || format!("order {}", order.key);
        let json = |e: serde_json::Error| refused(what(), place(&e));
        if order.version == 0 || entry.version != order.version {
            return Err(refused(
                what(),
                "versions count from 1, and the timeline entry has that of the order",
            ));
        }
        // Most orders fit; growing from nothing copies each of them six times.
        let mut body = Vec::with_capacity(8 * 1024);
        serde_json::to_writer(&mut body, order).map_err(json)?;
        Ok(Self {
            key: order.key.to_string(),
            shop: order.key.shop.to_string(),
            version: i64::try_from(order.version).map_err(|e| refused(what(), e))?,
            status: order.status.as_str(),
            due_at: order.due_at.map(micros),
            updated_at: micros(order.updated_at),
            body,
            entry: serde_json::to_vec(entry).map_err(json)?,
            commands: entry.commands.iter().map(ToString::to_string).collect(),
        })
    }

    /// The length of the order as it is written.
    pub(crate) fn bytes(&self) -> usize {
        self.body.len()
    }

    /// Answers which of its commands are asked for, for the first time ever.
    pub(crate) fn write(&self, db: &Connection) -> Result<Vec<String>, StoreError> {
        let broken = sqlite("store order");
        let written = if self.version == 1 { self.insert(db) } else { self.update(db) };
        let Some(id) = written.optional().map_err(broken)? else {
            return Err(StoreError::Conflict { what: format!("order {}", self.key) });
        };
        let asked = self.never_asked_for(db, id).map_err(broken)?;
        db.prepare_cached("INSERT INTO timeline (order_id, version, body) VALUES (?1, ?2, ?3)")
            .and_then(|mut log| log.execute(params![id, self.version, self.entry]))
            .map_err(broken)?;
        Ok(asked)
    }

    /// The commands that no earlier version names, and that have no lease: nobody can have tried them.
    fn never_asked_for(&self, db: &Connection, id: i64) -> rusqlite::Result<Vec<String>> {
        let mut asked = Vec::with_capacity(self.commands.len());
        for command in &self.commands {
            if is_unheard_of(db, command)? && !self.is_named_before(db, id, command)? {
                asked.push(command.clone());
            }
        }
        Ok(asked)
    }

    fn is_named_before(&self, db: &Connection, id: i64, command: &str) -> rusqlite::Result<bool> {
        if self.version == 1 {
            return Ok(false);
        }
        // As it stands in the JSON of an entry.
        let name =
            serde_json::to_vec(command).map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))?;
        db.prepare_cached(
            "SELECT 1 FROM timeline WHERE order_id = ?1 AND version < ?2 AND instr(body, ?3) > 0",
        )?
        .exists(params![id, self.version, name])
    }

    fn insert(&self, db: &Connection) -> rusqlite::Result<i64> {
        db.prepare_cached(
            "INSERT INTO orders (key, shop, version, status, due_at, updated_at, body)
             VALUES (?1, ?2, 1, ?3, ?4, ?5, ?6) ON CONFLICT (key) DO NOTHING RETURNING id",
        )?
        .query_row(
            params![self.key, self.shop, self.status, self.due_at, self.updated_at, self.body],
            |row| row.get(0),
        )
    }

    fn update(&self, db: &Connection) -> rusqlite::Result<i64> {
        db.prepare_cached(
            "UPDATE orders SET version = ?2, status = ?3, due_at = ?4, updated_at = ?5, body = ?6
             WHERE key = ?1 AND version = ?2 - 1 RETURNING id",
        )?
        .query_row(
            params![self.key, self.version, self.status, self.due_at, self.updated_at, self.body],
            |row| row.get(0),
        )
    }
}

impl Engine {
    /// How many orders are in `status`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the database can't be read.
    pub async fn orders_in(&self, status: OrderStatus) -> Result<u64, StoreError> {
        self.inner.readers.read("count orders", move |db| count(db, status)).await
    }
}

#[async_trait]
impl OrderIndex for Engine {
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<OrderKey>, StoreError> {
        self.inner.readers.read("find due orders", move |db| due(db, now, limit)).await
    }

    async fn list(&self, filter: &OrderFilter) -> Result<Vec<OrderSummary>, StoreError> {
        let filter = filter.clone();
        self.inner.readers.read("list orders", move |db| list(db, &filter)).await
    }

    async fn timeline(&self, key: &OrderKey) -> Result<Vec<TimelineEntry>, StoreError> {
        let key = key.clone();
        self.inner.readers.read("read timeline", move |db| timeline(db, &key)).await
    }
}

fn due(db: &Connection, now: Timestamp, limit: usize) -> Result<Vec<OrderKey>, StoreError> {
    let broken = sqlite("find due orders");
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut find = db
        .prepare_cached("SELECT key FROM orders WHERE due_at <= ?1 ORDER BY due_at LIMIT ?2")
        .map_err(broken)?;
    let keys = find.query_map([micros(now), limit], |row| row.get::<_, String>(0)).map_err(broken)?;
    let read = |key: rusqlite::Result<String>| key.map_err(broken).and_then(|key| order_key(&key));
    keys.map(read).collect()
}

fn order_key(text: &str) -> Result<OrderKey, StoreError> {
    text.parse().map_err(|source: kontor_domain::InvalidId| StoreError::Corrupt {
        what: "the key of an order".to_owned(),
        source: source.into(),
    })
}

fn count(db: &Connection, status: OrderStatus) -> Result<u64, StoreError> {
    let broken = sqlite("count orders");
    let sql = "SELECT count(*) FROM orders WHERE shop = ?1 AND status = ?2";
    let mut find = db.prepare_cached(sql).map_err(broken)?;
    let mut total = 0_u64;
    for shop in shops(db).map_err(broken)? {
        let count: i64 = find.query_row(params![shop, status.as_str()], |row| row.get(0)).map_err(broken)?;
        total = total.saturating_add(u64::try_from(count).unwrap_or(0));
    }
    Ok(total)
}

/// One short walk down the index per shop and status, merged: one index serves every filter.
fn list(db: &Connection, filter: &OrderFilter) -> Result<Vec<OrderSummary>, StoreError> {
    let broken = sqlite("list orders");
    let shops = match &filter.shop {
        Some(shop) => vec![shop.to_string()],
        None => shops(db).map_err(broken)?,
    };
    let statuses = filter.status.map_or_else(|| OrderStatus::ALL.to_vec(), |status| vec![status]);
    let limit = i64::try_from(filter.limit).unwrap_or(i64::MAX);
    let mut found: Vec<(i64, i64)> = Vec::new();
    let mut walk = db
        .prepare_cached(
            "SELECT updated_at, id FROM orders WHERE shop = ?1 AND status = ?2 ORDER BY updated_at DESC LIMIT ?3",
        )
        .map_err(broken)?;
    for (shop, status) in shops.iter().flat_map(|shop| statuses.iter().map(move |status| (shop, status))) {
        let rows =
            walk.query_map(params![shop, status.as_str(), limit], |row| Ok((row.get(0)?, row.get(1)?)));
        let rows = rows.and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(broken)?;
        found.extend(rows);
    }
    found.sort_unstable_by(|a, b| b.cmp(a));
    found.truncate(filter.limit);
    found.into_iter().map(|(_, id)| summary(db, id)).collect()
}

fn shops(db: &Connection) -> rusqlite::Result<Vec<String>> {
    let sql = "WITH RECURSIVE s(shop) AS (
                 SELECT min(shop) FROM orders
                 UNION ALL SELECT (SELECT min(shop) FROM orders WHERE shop > s.shop) FROM s WHERE s.shop IS NOT NULL
               ) SELECT shop FROM s WHERE shop IS NOT NULL";
    let mut find = db.prepare_cached(sql)?;
    find.query_map([], |row| row.get(0))?.collect()
}

fn summary(db: &Connection, id: i64) -> Result<OrderSummary, StoreError> {
    let broken = sqlite("list orders");
    let mut find = db.prepare_cached("SELECT body FROM orders WHERE id = ?1").map_err(broken)?;
    let body: Vec<u8> = find.query_row([id], |row| row.get(0)).map_err(broken)?;
    let order: Order = serde_json::from_slice(&body).map_err(|e| corrupt("an order in a list", &e))?;
    Ok(order.summary())
}

fn timeline(db: &Connection, key: &OrderKey) -> Result<Vec<TimelineEntry>, StoreError> {
    let broken = sqlite("read timeline");
    let mut find = db
        .prepare_cached(
            "SELECT body FROM timeline WHERE order_id = (SELECT id FROM orders WHERE key = ?1) ORDER BY version",
        )
        .map_err(broken)?;
    let rows = find.query_map([key.to_string()], |row| row.get::<_, Vec<u8>>(0)).map_err(broken)?;
    let read = |row: rusqlite::Result<Vec<u8>>| {
        let body = row.map_err(broken)?;
        serde_json::from_slice(&body).map_err(|e| corrupt(format!("the timeline of {key}"), &e))
    };
    rows.map(read).collect()
}
