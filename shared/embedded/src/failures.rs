//! Failure records.

use async_trait::async_trait;
use kontor_flow::ports::{FailureFilter, Failures, StoreError};
use kontor_flow::{Failure, FailureId};
use rusqlite::{Connection, OptionalExtension, params};

use crate::errors::{corrupt, place, refused, sqlite};
use crate::{Engine, micros};

#[async_trait]
impl Failures for Engine {
    async fn load(&self, id: &FailureId) -> Result<Option<Failure>, StoreError> {
        let id = id.to_string();
        self.inner.readers.read("load failure", move |db| load(db, &id)).await
    }

    async fn store(&self, failure: &Failure) -> Result<(), StoreError> {
        let what = format!("failure {}", failure.id);
        let body = serde_json::to_vec(failure).map_err(|e| refused(what.clone(), place(&e)))?;
        let revision = i64::try_from(failure.revision).map_err(|e| refused(what.clone(), e))?;
        if revision == 0 {
            return Err(refused(what, "revisions count from 1"));
        }
        let (id, last_at) = (failure.id.to_string(), micros(failure.last_at));
        let (state, class) = (failure.state.as_str(), failure.class.as_str());
        let work = move |db: &Connection| {
            let sql = if revision == 1 { INSERT } else { UPDATE };
            let row = params![id, revision, state, class, last_at, body];
            let rows = db.prepare_cached(sql).and_then(|mut write| write.execute(row));
            match rows.map_err(sqlite("store failure"))? {
                0 => Err(StoreError::Conflict { what }),
                _ => Ok(()),
            }
        };
        self.inner.writer.write("store failure", work, |done| done).await
    }

    async fn list(&self, filter: &FailureFilter) -> Result<Vec<Failure>, StoreError> {
        let filter = filter.clone();
        self.inner.readers.read("list failures", move |db| list(db, &filter)).await
    }
}

const INSERT: &str = "INSERT INTO failures (id, revision, state, class, last_at, body)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (id) DO NOTHING";
const UPDATE: &str = "UPDATE failures SET revision = ?2, state = ?3, class = ?4, last_at = ?5, body = ?6
    WHERE id = ?1 AND revision = ?2 - 1";

fn load(db: &Connection, id: &str) -> Result<Option<Failure>, StoreError> {
    let body: Option<Vec<u8>> = db
        .prepare_cached("SELECT body FROM failures WHERE id = ?1")
        .and_then(|mut find| find.query_row([id], |row| row.get(0)).optional())
        .map_err(sqlite("load failure"))?;
    body.map(|body| serde_json::from_slice(&body).map_err(|e| corrupt("a failure", &e))).transpose()
}

fn list(db: &Connection, filter: &FailureFilter) -> Result<Vec<Failure>, StoreError> {
    let broken = sqlite("list failures");
    let limit = i64::try_from(filter.limit).unwrap_or(i64::MAX);
    // Two texts, so that SQLite takes the index that fits.
    let by_state = "SELECT body FROM failures WHERE state = ?1 AND (?2 IS NULL OR class = ?2)
        ORDER BY last_at DESC LIMIT ?3";
    let all = "SELECT body FROM failures WHERE (?1 IS NULL) AND (?2 IS NULL OR class = ?2)
        ORDER BY last_at DESC LIMIT ?3";
    let sql = if filter.state.is_some() { by_state } else { all };
    let mut find = db.prepare_cached(sql).map_err(broken)?;
    let wanted = params![filter.state.map(|s| s.as_str()), filter.class.map(|c| c.as_str()), limit];
    let rows = find.query_map(wanted, |row| row.get::<_, Vec<u8>>(0)).map_err(broken)?;
    let read = |row: rusqlite::Result<Vec<u8>>| {
        let body = row.map_err(broken)?;
        serde_json::from_slice(&body).map_err(|e| corrupt("a failure", &e))
    };
    rows.map(read).collect()
}
