//! What outside systems hand to us.

use async_trait::async_trait;
use kontor_flow::ports::{StoreError, Token, Tokens};
use rusqlite::{Connection, OptionalExtension, params};

use crate::Engine;
use crate::errors::{refused, sqlite};

const INSERT: &str =
    "INSERT INTO tokens (name, revision, text) VALUES (?1, ?2, ?3) ON CONFLICT (name) DO NOTHING";
const UPDATE: &str = "UPDATE tokens SET revision = ?2, text = ?3 WHERE name = ?1 AND revision = ?2 - 1";

#[async_trait]
impl Tokens for Engine {
    async fn load(&self, name: &str) -> Result<Option<Token>, StoreError> {
        let name = name.to_owned();
        let read = move |db: &Connection| {
            let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?));
            let found = db
                .prepare_cached("SELECT revision, text FROM tokens WHERE name = ?1")
                .and_then(|mut find| find.query_row([name], row).optional())
                .map_err(sqlite("load token"))?;
            Ok(found.map(|(revision, text)| Token { revision: u64::try_from(revision).unwrap_or(0), text }))
        };
        self.inner.readers.read("load token", read).await
    }

    async fn store(&self, name: &str, token: &Token) -> Result<(), StoreError> {
        let what = format!("token {name}");
        let revision = i64::try_from(token.revision).map_err(|e| refused(what.clone(), e))?;
        if revision == 0 {
            return Err(refused(what, "revisions count from 1"));
        }
        let (name, text) = (name.to_owned(), token.text.clone());
        let work = move |db: &Connection| {
            let sql = if revision == 1 { INSERT } else { UPDATE };
            let rows =
                db.prepare_cached(sql).and_then(|mut write| write.execute(params![name, revision, text]));
            match rows.map_err(sqlite("store token"))? {
                0 => Err(StoreError::Conflict { what }),
                _ => Ok(()),
            }
        };
        self.inner.writer.write("store token", work, |done| done).await
    }
}
