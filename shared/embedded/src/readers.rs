//! A small pool of connections that read. Each read sees everything that was acknowledged before it began.

use std::path::Path;
use std::sync::{Arc, Mutex};

use kontor_flow::ports::StoreError;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::Semaphore;

use crate::errors::{locked, unavailable};

/// Reads that run at the same time.
const READERS: usize = 4;

/// The pool.
pub(crate) struct Readers {
    free: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    pub(crate) fn open(file: &Path) -> rusqlite::Result<Self> {
        let free = (0..READERS).map(|_| connect(file)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { permits: Arc::new(Semaphore::new(free.len())), free: Mutex::new(free) })
    }

    /// Reads on a thread that may block.
    pub(crate) async fn read<T, R>(self: &Arc<Self>, call: &'static str, read: R) -> Result<T, StoreError>
    where
        T: Send + 'static,
        R: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|e| unavailable(call, e))?;
        let pool = Arc::clone(self);
        let task = move || {
            let taken = locked(&pool.free).pop();
            let lent = Lent { pool: &pool, connection: taken };
            let outcome = match &lent.connection {
                Some(connection) => read(connection),
                None => Err(unavailable(call, "no reading connection is left")),
            };
            drop(lent);
            drop(permit);
            outcome
        };
        tokio::task::spawn_blocking(task).await.map_err(|e| unavailable(call, e))?
    }
}

/// Gives the connection back, also when the read panicked.
struct Lent<'a> {
    pool: &'a Readers,
    connection: Option<Connection>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            locked(&self.pool.free).push(connection);
        }
    }
}

fn connect(file: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(file, flags)?;
    db.busy_timeout(std::time::Duration::from_secs(10))?;
    db.set_prepared_statement_cache_capacity(32);
    Ok(db)
}
