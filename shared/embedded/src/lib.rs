//! The store and queue ports on SQLite with group commit: what one machine needs.
//!
//! One process owns the folder. That is what the design leans on: which messages are in flight, and when the next one
//! becomes visible, lives in memory; on disk is what must outlive the process. A message is on disk before `send`
//! returns, an order before `store` returns, a result before `complete` returns.
//!
//! A first claim needs no disk: which commands this process asked for itself, and who claimed them, lives in memory
//! (`issued.rs`). A command that is neither there nor in the table may have been tried by an earlier process; it is held
//! until that one's last call has settled, and then answered with `Unknown`. Every other claim is on disk before `claim`
//! returns.
//!
//! What does *not* wait for the disk, and why that is harmless:
//! * **Deleting and delaying a message** are written with the next commit. Lost in a crash, the message comes again, at
//!   once: that may happen to any message at any time, and leases make it harmless.
//! * **How often a message was taken** is written late for messages of this process's own life, and before it is
//!   handed out for messages that an earlier process left behind. So a message that kills the process is counted from
//!   its second process on, and ends in the dead-letter queue.

mod archive;
mod configs;
mod cursors;
mod errors;
mod failures;
mod issued;
mod leases;
mod messages;
mod notices;
mod orders;
mod outbox;
mod readers;
mod recent;
mod schema;
mod tokens;
mod trays;
mod writer;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

pub use leases::KEPT_DAYS;
pub use notices::Notice;
pub use trays::{Depth, Depths};

use issued::Issued;
use readers::Readers;
use recent::Recent;
use trays::{Alarm, Parcel, Trays};
use writer::Writer;

/// What tells the time. Only `shared/runtime` may read the real clock, so it is handed in.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What can be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// After so many takings that ended neither in a delete nor in a delay, a message goes to the dead-letter queue.
    pub max_receives: u32,
    /// How long after opening the leases of a dead process are still held: a call it made last may take effect as long
    /// after its death, and looking for it earlier would find nothing.
    pub settling: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { max_receives: 12, settling: Duration::ZERO }
    }
}

/// Why the folder can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("{} is in use by another process", folder.display())]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// A later version of Kontor wrote it.
    #[error("{} was written by a later version (schema {found}, this one knows up to {known})", folder.display())]
    TooNew {
        /// The folder.
        folder: PathBuf,
        /// The schema found.
        found: i64,
        /// The newest schema known here.
        known: i64,
    },
    /// It can't be made, locked or read.
    #[error("{} cannot be used", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The database in it can't be opened.
    #[error("the database in {} cannot be opened", folder.display())]
    Database {
        /// The folder.
        folder: PathBuf,
        /// The cause.
        #[source]
        source: rusqlite::Error,
    },
}

/// Store, queues and notices in one folder. A clone is another handle on the same engine; the last one dropped
/// finishes what was begun and gives the folder free.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("epoch", &self.inner.epoch).finish_non_exhaustive()
    }
}

// Dropped in this order: the writer last, for it holds the lock on the folder.
struct Inner {
    _alarm: Alarm,
    readers: Arc<Readers>,
    trays: Arc<Trays>,
    memory: Arc<Memory>,
    /// Counts the openings of the folder: what an earlier epoch held, nobody holds.
    epoch: i64,
    /// Until then what an earlier epoch held is held.
    settled_at: Timestamp,
    /// How long the last call of whoever is gone may still take effect.
    settling: Duration,
    clock: Clock,
    writer: Writer,
}

/// What is known without the disk. The writing thread keeps it up to date after each commit; it holds this, and never
/// the engine: whoever drops the last handle on that waits for the writing thread.
struct Memory {
    trays: Arc<Trays>,
    recent: Recent,
    issued: Arc<Issued>,
    clock: Clock,
}

impl Memory {
    /// Shows messages that are on the disk now.
    fn show(&self, parcels: Vec<Parcel>) {
        if !parcels.is_empty() {
            self.trays.show(parcels, micros((self.clock)()));
        }
    }
}

impl Engine {
    /// Opens the folder `dir`, made if missing, with the usual [`Options`].
    ///
    /// Since one process owns the folder, what a dead process held is free: its leases count as expired once they have
    /// settled (the next claim answers `Unknown`), its run locks are open, and messages it took but did not delete are
    /// visible.
    ///
    /// # Errors
    /// [`OpenError::InUse`] if another process has it; else what is wrong with folder or database.
    pub fn open(dir: &Path, clock: Clock) -> Result<Self, OpenError> {
        Self::open_with(dir, clock, Options::default())
    }

    /// Opens the folder `dir` with `options`, see [`Engine::open`].
    ///
    /// # Errors
    /// As [`Engine::open`].
    pub fn open_with(dir: &Path, clock: Clock, options: Options) -> Result<Self, OpenError> {
        let lock = lock(dir)?;
        let database = |source| OpenError::Database { folder: dir.to_owned(), source };
        let file = dir.join("kontor.db");
        let db = schema::connect(&file).map_err(database)?;
        schema::migrate(&db, dir)?;
        let epoch = schema::next_epoch(&db).map_err(database)?;
        let trays = Arc::new(Trays::load(&db, options.max_receives, &clock).map_err(database)?);
        let readers = Arc::new(Readers::open(&file).map_err(database)?);
        let folder = |source| OpenError::Folder { folder: dir.to_owned(), source };
        let alarm = Alarm::start(Arc::clone(&trays), Arc::clone(&clock)).map_err(folder)?;
        let issued = Arc::new(Issued::default());
        let (untried, time) = (Arc::clone(&issued), Arc::clone(&clock));
        let farewell = move |db: &rusqlite::Connection| {
            leases::leave_untried(db, &untried.unclaimed(), epoch, micros(time()))
        };
        let writer = Writer::start(db, lock, farewell).map_err(folder)?;
        let settled_at = match options.settling {
            Duration::ZERO => Timestamp::MIN,
            settling => clock().saturating_add(settling).unwrap_or(Timestamp::MAX),
        };
        let settling = options.settling;
        let memory = Arc::new(Memory {
            trays: Arc::clone(&trays),
            recent: Recent::default(),
            issued,
            clock: Arc::clone(&clock),
        });
        let inner =
            Inner { _alarm: alarm, readers, trays, memory, epoch, settled_at, settling, clock, writer };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// How many messages are where.
    #[must_use]
    pub fn stats(&self) -> Depths {
        self.inner.trays.depths(self.now())
    }

    fn now(&self) -> Timestamp {
        (self.inner.clock)()
    }
}

fn lock(dir: &Path) -> Result<File, OpenError> {
    let folder = |source| OpenError::Folder { folder: dir.to_owned(), source };
    std::fs::create_dir_all(dir).map_err(folder)?;
    let file = File::create(dir.join("lock")).map_err(folder)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { folder: dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(folder(source)),
    }
}

fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}
