//! Cursors of the syncs, each with its run lock.

use async_trait::async_trait;
use jiff::Timestamp;
use kontor_flow::ports::{Cursors, Owner, StoreError};
use rusqlite::{Connection, OptionalExtension, params};

use crate::errors::sqlite;
use crate::{Engine, micros};

#[async_trait]
impl Cursors for Engine {
    async fn lock(
        &self,
        name: &str,
        owner: &Owner,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<String>, StoreError> {
        let (name, owner, epoch) = (name.to_owned(), owner.0.clone(), self.inner.epoch);
        let (now, until) = (micros(now), micros(until));
        let work = move |db: &Connection| {
            db.prepare_cached(
                "INSERT INTO cursors (name, owner, held_until, epoch, cursor) VALUES (?1, ?2, ?3, ?4, '')
                 ON CONFLICT (name) DO UPDATE SET owner = ?2, held_until = ?3, epoch = ?4
                 WHERE cursors.held_until <= ?5 OR cursors.epoch < ?4 OR cursors.owner = ?2
                 RETURNING cursor",
            )
            .and_then(|mut take| {
                take.query_row(params![name, owner, until, epoch, now], |row| row.get(0)).optional()
            })
            .map_err(sqlite("lock cursor"))
        };
        self.inner.writer.write("lock cursor", work, |cursor| cursor).await
    }

    async fn peek(&self, name: &str) -> Result<String, StoreError> {
        let name = name.to_owned();
        let read = move |db: &Connection| {
            let cursor: Option<String> = db
                .prepare_cached("SELECT cursor FROM cursors WHERE name = ?1")
                .and_then(|mut find| find.query_row([name], |row| row.get(0)).optional())
                .map_err(sqlite("peek cursor"))?;
            Ok(cursor.unwrap_or_default())
        };
        self.inner.readers.read("peek cursor", read).await
    }

    async fn save(&self, name: &str, owner: &Owner, cursor: &str) -> Result<bool, StoreError> {
        let (name, owner, cursor) = (name.to_owned(), owner.0.clone(), cursor.to_owned());
        let work = move |db: &Connection| {
            // The owner stays, so that a save whose answer was lost can be made again.
            db.prepare_cached("UPDATE cursors SET cursor = ?3, held_until = 0 WHERE name = ?1 AND owner = ?2")
                .and_then(|mut save| save.execute(params![name, owner, cursor]))
                .map_err(sqlite("save cursor"))
        };
        self.inner.writer.write("save cursor", work, |rows| rows.map(|rows| rows > 0)).await
    }
}
