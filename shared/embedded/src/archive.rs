//! Everything that is kept, page by page, and what is thrown away after its time.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use kontor_flow::ports::{Archive, Page, PrivacyAct, StoreError};
use kontor_flow::{Address, Failure, FailureState, Order, OrderStatus, Queue};
use rusqlite::types::Value;
use rusqlite::{Connection, params};
use serde::de::DeserializeOwned;

use crate::errors::{corrupt, place, refused, sqlite};
use crate::leases::KEPT_DAYS;
use crate::{Engine, micros};

/// Rows on a page.
const PAGE: usize = 200;

const ORDERS: &str = "SELECT key, body FROM orders WHERE key > ?1 ORDER BY key LIMIT ?2";
const OVER: &str = "SELECT key, body FROM orders WHERE key > ?1 AND updated_at < ?3 AND status IN (?4, ?5)
    ORDER BY key LIMIT ?2";
const FAILURES: &str = "SELECT id, body FROM failures WHERE id > ?1 ORDER BY id LIMIT ?2";
const MESSAGES: &str = "SELECT id, address, body FROM messages WHERE id > ?1 ORDER BY id LIMIT ?2";
const SETTLED: &str = "SELECT id, body FROM failures WHERE id > ?1 AND state <> ?3 AND last_at < ?4
    ORDER BY id LIMIT ?2";

#[async_trait]
impl Archive for Engine {
    async fn orders(
        &self,
        after: Option<&str>,
        over_before: Option<Timestamp>,
    ) -> Result<Page<Order>, StoreError> {
        let mut wanted = from(after);
        let sql = match over_before {
            Some(before) => {
                wanted.push(micros(before).into());
                let over = [OrderStatus::Completed, OrderStatus::Cancelled];
                wanted.extend(over.map(|status| Value::from(status.as_str().to_owned())));
                OVER
            }
            None => ORDERS,
        };
        self.inner.readers.read("read orders", move |db| page(db, "an order", sql, wanted)).await
    }

    async fn failures(&self, after: Option<&str>) -> Result<Page<Failure>, StoreError> {
        let wanted = from(after);
        self.inner.readers.read("read failures", move |db| page(db, "a failure", FAILURES, wanted)).await
    }

    async fn messages(&self, after: Option<&str>) -> Result<Option<Page<(Address, String)>>, StoreError> {
        let after: i64 = after.and_then(|id| id.parse().ok()).unwrap_or(0);
        self.inner.readers.read("read messages", move |db| messages(db, after).map(Some)).await
    }

    async fn note(&self, act: &PrivacyAct) -> Result<(), StoreError> {
        let body = serde_json::to_vec(act).map_err(|e| refused("what was done", place(&e)))?;
        let work = move |db: &Connection| {
            let note = "INSERT INTO privacy_acts (body) VALUES (?1)";
            db.prepare_cached(note).and_then(|mut note| note.execute([body])).map_err(sqlite("note act"))
        };
        self.inner.writer.write("note act", work, |rows| rows.map(|_| ())).await
    }

    async fn acts(&self) -> Result<Vec<PrivacyAct>, StoreError> {
        let read = |db: &Connection| {
            let broken = sqlite("read acts");
            let mut find = db.prepare_cached("SELECT body FROM privacy_acts ORDER BY id").map_err(broken)?;
            let rows = find.query_map([], |row| row.get::<_, Vec<u8>>(0)).map_err(broken)?;
            let act = |body: rusqlite::Result<Vec<u8>>| {
                serde_json::from_slice(&body.map_err(broken)?).map_err(|e| corrupt("what was done", &e))
            };
            rows.map(act).collect()
        };
        self.inner.readers.read("read acts", read).await
    }
}

/// The first two parameters of every page: where it begins, how long it is.
fn from(after: Option<&str>) -> Vec<Value> {
    vec![after.unwrap_or_default().to_owned().into(), i64::try_from(PAGE).unwrap_or(i64::MAX).into()]
}

fn page<T: DeserializeOwned>(
    db: &Connection,
    what: &str,
    sql: &str,
    wanted: Vec<Value>,
) -> Result<Page<T>, StoreError> {
    let broken = sqlite("read a page");
    let mut find = db.prepare_cached(sql).map_err(broken)?;
    let mut rows = find.query(rusqlite::params_from_iter(wanted)).map_err(broken)?;
    let (mut found, mut last) = (Vec::new(), None);
    while let Some(row) = rows.next().map_err(broken)? {
        last = Some(row.get::<_, String>(0).map_err(broken)?);
        let body = row.get_ref(1).and_then(|body| Ok(body.as_blob()?)).map_err(broken)?;
        found.push(serde_json::from_slice(body).map_err(|e| corrupt(what, &e))?);
    }
    let next = last.filter(|_| found.len() >= PAGE);
    Ok(Page { found, next })
}

fn messages(db: &Connection, after: i64) -> Result<Page<(Address, String)>, StoreError> {
    let broken = sqlite("read messages");
    let mut find = db.prepare_cached(MESSAGES).map_err(broken)?;
    let limit = i64::try_from(PAGE).unwrap_or(i64::MAX);
    let mut rows = find.query(params![after, limit]).map_err(broken)?;
    let (mut found, mut last, mut count) = (Vec::new(), None, 0);
    while let Some(row) = rows.next().map_err(broken)? {
        last = Some(row.get::<_, i64>(0).map_err(broken)?.to_string());
        count += 1;
        let written: String = row.get(1).map_err(broken)?;
        let all = Queue::ALL.into_iter().flat_map(|queue| [Address::Live(queue), Address::Dead(queue)]);
        if let Some(address) = all.into_iter().find(|address| address.to_string() == written) {
            found.push((address, row.get(2).map_err(broken)?));
        }
    }
    Ok(Page { found, next: last.filter(|_| count >= PAGE) })
}

impl Engine {
    /// Deletes the failures that were settled more than [`KEPT_DAYS`] before `now`. Answers how many.
    ///
    /// # Errors
    /// [`StoreError`] if store or disk do not play along; what was deleted by then stays deleted.
    pub async fn purge_failures(&self, now: Timestamp) -> Result<usize, StoreError> {
        let before = now - SignedDuration::from_hours(24 * KEPT_DAYS);
        let (mut after, mut purged) = (None::<String>, 0);
        loop {
            let mut wanted = from(after.as_deref());
            wanted.extend([FailureState::Open.as_str().to_owned().into(), micros(before).into()]);
            let read = move |db: &Connection| page::<Failure>(db, "a failure", SETTLED, wanted);
            let old = self.inner.readers.read("find old failures", read).await?;
            let settled = old.found.iter().filter(|failure| failure.touched_at() < before);
            let ids: Vec<(String, u64)> = settled.map(|f| (f.id.to_string(), f.revision)).collect();
            let work = move |db: &Connection| purge(db, &ids).map_err(sqlite("purge failures"));
            purged += self.inner.writer.write("purge failures", work, |rows| rows).await?;
            after = old.next;
            if after.is_none() {
                return Ok(purged);
            }
        }
    }
}

fn purge(db: &Connection, ids: &[(String, u64)]) -> rusqlite::Result<usize> {
    let mut delete = db.prepare_cached("DELETE FROM failures WHERE id = ?1 AND revision = ?2")?;
    let mut purged = 0;
    for (id, revision) in ids {
        purged += delete.execute(params![id, i64::try_from(*revision).unwrap_or(i64::MAX)])?;
    }
    Ok(purged)
}
