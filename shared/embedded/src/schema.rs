//! The tables, their version, and how a connection is set up.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};

use crate::OpenError;

/// Each step leads from its index to the next version. Never changed once released; new ones are added at the end.
const STEPS: [&str; 3] = [V1, V2, V3];

// What outside systems hand to us.
const V3: &str = "CREATE TABLE tokens (name TEXT PRIMARY KEY, revision INTEGER NOT NULL, text TEXT NOT NULL) WITHOUT ROWID;";

const V2: &str = "CREATE TABLE privacy_acts (id INTEGER PRIMARY KEY, body BLOB NOT NULL);";

const V1: &str = "
CREATE TABLE engine (one INTEGER PRIMARY KEY CHECK (one = 1), epoch INTEGER NOT NULL);
INSERT INTO engine VALUES (1, 0);

CREATE TABLE orders (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    shop TEXT NOT NULL,
    version INTEGER NOT NULL,
    status TEXT NOT NULL,
    due_at INTEGER,
    updated_at INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX orders_list ON orders (shop, status, updated_at);
CREATE INDEX orders_due ON orders (due_at) WHERE due_at IS NOT NULL;
CREATE TABLE timeline (
    order_id INTEGER NOT NULL,
    version INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (order_id, version)
) WITHOUT ROWID;

-- state: 0 free, 1 held, 2 done. doubt: an attempt may have had its effect; never taken back.
CREATE TABLE leases (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    state INTEGER NOT NULL,
    held_until INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    doubt INTEGER NOT NULL,
    touched_at INTEGER NOT NULL,
    finish BLOB
) WITHOUT ROWID;

CREATE TABLE failures (
    id TEXT PRIMARY KEY,
    revision INTEGER NOT NULL,
    state TEXT NOT NULL,
    class TEXT NOT NULL,
    last_at INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX failures_last ON failures (last_at);
CREATE INDEX failures_state ON failures (state, last_at);

CREATE TABLE cursors (
    name TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    held_until INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    cursor TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE configs (version INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE flows (
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    yaml TEXT NOT NULL,
    PRIMARY KEY (name, version)
) WITHOUT ROWID;

-- Ids are given out by the process, ascending; no index but the id: which one is next lives in memory.
CREATE TABLE messages (
    id INTEGER PRIMARY KEY,
    address TEXT NOT NULL,
    visible_at INTEGER NOT NULL,
    receives INTEGER NOT NULL,
    strikes INTEGER NOT NULL,
    attributes TEXT,
    body TEXT NOT NULL
);

CREATE TABLE notices (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, subject TEXT NOT NULL, text TEXT NOT NULL);
";

/// A connection that may write.
pub(crate) fn connect(file: &Path) -> rusqlite::Result<Connection> {
    let db = Connection::open(file)?;
    db.busy_timeout(Duration::from_secs(10))?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    // Pages; a checkpoint stops the writer, so fewer and larger ones.
    db.pragma_update(None, "wal_autocheckpoint", 4000)?;
    db.pragma_update(None, "temp_store", "MEMORY")?;
    // KiB.
    db.pragma_update(None, "cache_size", -64_000)?;
    db.set_prepared_statement_cache_capacity(64);
    Ok(db)
}

/// Brings the tables to the newest version, each step in a transaction.
pub(crate) fn migrate(db: &Connection, dir: &Path) -> Result<(), OpenError> {
    let database = |source| OpenError::Database { folder: dir.to_owned(), source };
    let found: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(database)?;
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(OpenError::TooNew { folder: dir.to_owned(), found, known });
    }
    for (step, version) in STEPS.iter().zip(1_i64..).filter(|(_, version)| *version > found) {
        let sql = format!("BEGIN IMMEDIATE; {step} PRAGMA user_version = {version}; COMMIT;");
        db.execute_batch(&sql).map_err(database)?;
    }
    Ok(())
}

/// Counts this opening of the folder.
pub(crate) fn next_epoch(db: &Connection) -> rusqlite::Result<i64> {
    let sql = "UPDATE engine SET epoch = epoch + 1 RETURNING epoch";
    let epoch = db.query_row(sql, [], |row| row.get(0)).optional()?;
    epoch.ok_or(rusqlite::Error::QueryReturnedNoRows)
}
