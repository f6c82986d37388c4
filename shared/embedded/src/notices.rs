//! Calls to the admin: on one machine they are logged, and kept for the console and the command line.

use async_trait::async_trait;
use jiff::Timestamp;
use kontor_flow::ports::{Notifier, StoreError};
use rusqlite::{Connection, params};

use crate::errors::sqlite;
use crate::{Engine, micros};

/// Notices kept.
const KEPT: i64 = 1000;

/// A call to the admin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// When.
    pub at: Timestamp,
    /// What about, in at most 100 characters.
    pub subject: String,
    /// What exactly.
    pub text: String,
}

#[async_trait]
impl Notifier for Engine {
    async fn notify(&self, subject: &str, text: &str) -> Result<(), StoreError> {
        tracing::warn!(subject, "an admin is called");
        let at = micros(self.now());
        let (subject, text) = (subject.chars().take(100).collect::<String>(), text.to_owned());
        let work = move |db: &Connection| {
            let keep = "INSERT INTO notices (at, subject, text) VALUES (?1, ?2, ?3)";
            let broken = sqlite("keep notice");
            db.prepare_cached(keep)
                .and_then(|mut s| s.execute(params![at, subject, text]))
                .map_err(broken)?;
            let prune = "DELETE FROM notices WHERE id <= (SELECT max(id) FROM notices) - ?1";
            db.prepare_cached(prune).and_then(|mut s| s.execute([KEPT])).map_err(broken)?;
            Ok(())
        };
        self.inner.writer.write("keep notice", work, |done| done).await
    }
}

impl Engine {
    /// The last calls to the admin, the newest first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`] if they can't be read.
    pub async fn notices(&self, limit: usize) -> Result<Vec<Notice>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let read = move |db: &Connection| {
            let sql = "SELECT at, subject, text FROM notices ORDER BY id DESC LIMIT ?1";
            let mut find = db.prepare_cached(sql)?;
            find.query_map([limit], notice)?.collect::<rusqlite::Result<Vec<_>>>()
        };
        self.inner.readers.read("list notices", move |db| read(db).map_err(sqlite("list notices"))).await
    }
}

fn notice(row: &rusqlite::Row<'_>) -> rusqlite::Result<Notice> {
    let at = Timestamp::from_microsecond(row.get(0)?).unwrap_or(Timestamp::UNIX_EPOCH);
    Ok(Notice { at, subject: row.get(1)?, text: row.get(2)? })
}
