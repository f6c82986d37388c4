//! Configurations and flows, all versions.

use async_trait::async_trait;
use kontor_flow::ports::{Configs, StoreError, StoredConfig, flow_ref};
use kontor_flow::{FlowName, FlowRef};
use rusqlite::{Connection, OptionalExtension, params};

use crate::Engine;
use crate::errors::{corrupt, place, refused, sqlite};

#[async_trait]
impl Configs for Engine {
    async fn current(&self) -> Result<Option<StoredConfig>, StoreError> {
        let read = |db: &Connection| {
            let body: Option<Vec<u8>> = db
                .prepare_cached("SELECT body FROM configs ORDER BY version DESC LIMIT 1")
                .and_then(|mut find| find.query_row([], |row| row.get(0)).optional())
                .map_err(sqlite("load configuration"))?;
            body.map(|body| serde_json::from_slice(&body).map_err(|e| corrupt("the configuration", &e)))
                .transpose()
        };
        self.inner.readers.read("load configuration", read).await
    }

    async fn push(&self, config: &StoredConfig) -> Result<(), StoreError> {
        let what = format!("configuration {}", config.version);
        let body = serde_json::to_vec(config).map_err(|e| refused(what.clone(), place(&e)))?;
        let version = i64::try_from(config.version).map_err(|e| refused(what.clone(), e))?;
        let named = |(name, yaml): (&String, &String)| {
            let name = FlowName::parse(name).map_err(|e| refused(what.clone(), e))?;
            Ok((flow_ref(name, yaml), yaml.clone()))
        };
        let flows = config.flows.iter().map(named).collect::<Result<Vec<_>, StoreError>>()?;
        let work = move |db: &Connection| {
            if !insert(db, version, &body, &flows).map_err(sqlite("push configuration"))? {
                return Err(StoreError::Conflict { what });
            }
            Ok(())
        };
        self.inner.writer.write("push configuration", work, |done| done).await
    }

    async fn flow(&self, flow: &FlowRef) -> Result<Option<String>, StoreError> {
        let flow = flow.clone();
        let read = move |db: &Connection| {
            db.prepare_cached("SELECT yaml FROM flows WHERE name = ?1 AND version = ?2")
                .and_then(|mut find| {
                    find.query_row([flow.name.as_str(), &flow.version], |row| row.get(0)).optional()
                })
                .map_err(sqlite("load flow"))
        };
        self.inner.readers.read("load flow", read).await
    }
}

/// `false` if `version` does not follow the one in force.
fn insert(db: &Connection, version: i64, body: &[u8], flows: &[(FlowRef, String)]) -> rusqlite::Result<bool> {
    let rows = db
        .prepare_cached(
            "INSERT INTO configs (version, body)
             SELECT ?1, ?2 WHERE ?1 = (SELECT coalesce(max(version), 0) + 1 FROM configs)",
        )?
        .execute(params![version, body])?;
    if rows == 0 {
        return Ok(false);
    }
    let mut keep =
        db.prepare_cached("INSERT OR REPLACE INTO flows (name, version, yaml) VALUES (?1, ?2, ?3)")?;
    for (flow, yaml) in flows {
        keep.execute(params![flow.name.as_str(), flow.version, yaml])?;
    }
    Ok(true)
}
