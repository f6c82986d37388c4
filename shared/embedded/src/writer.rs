//! The one thread that writes: it takes the transactions of all callers that wait and commits them with one fsync.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use kontor_flow::ports::StoreError;
use kontor_flow::remedy::chain;
use rusqlite::Connection;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use crate::errors::{locked, sqlite, unavailable};

/// Transactions that may wait before callers are held back.
const WAITING: usize = 4096;
/// Transactions in one commit.
const TOGETHER: usize = 1024;
/// After a commit that several callers shared, the next waits so long for more of them: on a busy machine each costs an
/// fsync, the same pages once more and a change of threads. Who is alone never waits.
const GATHERED: Duration = Duration::from_millis(1);

/// Something that is written with the next commit, and that nobody waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Late {
    /// The message is done.
    Delete {
        /// Which.
        id: i64,
    },
    /// The message was taken or delayed.
    Count {
        /// Which.
        id: i64,
        /// Not to be seen before, where that is to outlive the process.
        visible_at: Option<i64>,
        /// How often it was taken.
        receives: u32,
        /// How often of these ended neither in a delete nor in a delay.
        strikes: u32,
    },
}

/// The writing thread, as its callers see it. Dropping it finishes what was begun.
pub(crate) struct Writer {
    jobs: Option<mpsc::Sender<Box<dyn Job>>>,
    late: Arc<Mutex<Vec<Late>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread on `db`. It keeps `lock` until it has written everything, at the end `farewell`.
    pub(crate) fn start(
        db: Connection,
        lock: File,
        farewell: impl FnOnce(&Connection) -> rusqlite::Result<()> + Send + 'static,
    ) -> std::io::Result<Self> {
        let (jobs, inbox) = mpsc::channel(WAITING);
        let late = Arc::new(Mutex::new(Vec::new()));
        let lates = Arc::clone(&late);
        let runtime = Handle::try_current().ok();
        let work = move || {
            write_all(&db, inbox, &lates, runtime.as_ref());
            take_leave(&db, farewell);
            drop(db);
            drop(lock);
        };
        let thread = std::thread::Builder::new().name("kontor-writer".to_owned()).spawn(work)?;
        Ok(Self { jobs: Some(jobs), late, thread: Some(thread) })
    }

    /// Does `work` in a transaction and returns once it is on the disk, or was not done at all. `settle` hears the
    /// outcome on the writing thread, in the order of the commits, before anybody else does.
    pub(crate) async fn write<T, U, W, S>(
        &self,
        call: &'static str,
        work: W,
        settle: S,
    ) -> Result<U, StoreError>
    where
        T: Send + 'static,
        U: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
        S: FnOnce(Result<T, StoreError>) -> Result<U, StoreError> + Send + 'static,
    {
        let gone = || unavailable(call, "the writing thread has ended");
        let (reply, answer) = oneshot::channel();
        let (work, settle) = (Some(work), Some(settle));
        let job = Transaction { call, work, done: None, settle, settled: None, reply };
        self.jobs.as_ref().ok_or_else(gone)?.send(Box::new(job)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Writes these with the next commit.
    pub(crate) fn write_late(&self, items: impl IntoIterator<Item = Late>) {
        let first = {
            let mut late = locked(&self.late);
            let first = late.is_empty();
            late.extend(items);
            first && !late.is_empty()
        };
        // A full channel means that a commit is coming anyway; a closed one that the process ends.
        if first && self.jobs.as_ref().is_some_and(|jobs| jobs.try_send(Box::new(Nudge)).is_err()) {
            tracing::debug!("the next commit takes the late writes along");
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the writing thread had panicked");
        }
    }
}

trait Job: Send {
    /// Does the work. `false` if its changes are to be taken back.
    fn run(&mut self, db: &Connection) -> bool;
    /// Draws the consequences, after the commit: `broken` is why nothing of the batch is on the disk.
    fn settle(&mut self, broken: Option<&str>);
    /// Tells the caller.
    fn answer(self: Box<Self>);
}

struct Transaction<T, U, W, S> {
    call: &'static str,
    work: Option<W>,
    done: Option<Result<T, StoreError>>,
    settle: Option<S>,
    settled: Option<Result<U, StoreError>>,
    reply: oneshot::Sender<Result<U, StoreError>>,
}

impl<T, U, W, S> Job for Transaction<T, U, W, S>
where
    T: Send,
    U: Send,
    W: FnOnce(&Connection) -> Result<T, StoreError> + Send,
    S: FnOnce(Result<T, StoreError>) -> Result<U, StoreError> + Send,
{
    fn run(&mut self, db: &Connection) -> bool {
        let Some(work) = self.work.take() else { return false };
        let done = work(db);
        let good = done.is_ok();
        self.done = Some(done);
        good
    }

    fn settle(&mut self, broken: Option<&str>) {
        let call = self.call;
        let outcome = match (self.done.take(), broken) {
            (Some(Ok(_)) | None, Some(why)) => Err(unavailable(call, why.to_owned())),
            (Some(done), _) => done,
            (None, None) => Err(unavailable(call, "the transaction panicked and was taken back")),
        };
        self.settled = self.settle.take().map(|settle| settle(outcome));
    }

    fn answer(self: Box<Self>) {
        let Self { call, settled, reply, .. } = *self;
        // One whose settling panicked has none: its caller is told that nothing answered.
        if settled.is_some_and(|settled| reply.send(settled).is_err()) {
            tracing::debug!(call, "the caller did not wait for its answer");
        }
    }
}

struct Nudge;

impl Job for Nudge {
    fn run(&mut self, _: &Connection) -> bool {
        true
    }
    fn settle(&mut self, _: Option<&str>) {}
    fn answer(self: Box<Self>) {}
}

fn write_all(
    db: &Connection,
    mut inbox: mpsc::Receiver<Box<dyn Job>>,
    late: &Mutex<Vec<Late>>,
    runtime: Option<&Handle>,
) {
    let (mut batch, mut trouble) = (Vec::new(), Trouble::default());
    while inbox.blocking_recv_many(&mut batch, TOGETHER) > 0 {
        let shared = batch.len() > 1;
        commit(db, &mut batch, late, &mut trouble, runtime);
        if shared {
            std::thread::sleep(GATHERED);
        }
    }
    // What was told late after the last job.
    commit(db, &mut batch, late, &mut trouble, runtime);
}

/// Commits that failed since the last good one: told when it begins and when it is over, not each time.
#[derive(Default)]
struct Trouble {
    failed: u64,
}

impl Trouble {
    fn note(&mut self, broken: Option<&str>) {
        match broken {
            Some(error) if self.failed == 0 => tracing::error!(
                error,
                "nothing can be stored: deliveries are refused and work waits until this is over"
            ),
            Some(error) => tracing::debug!(error, "a commit failed, nothing of it is stored"),
            None if self.failed > 0 => {
                tracing::warn!(failed_commits = self.failed, "everything can be stored again");
            }
            None => {}
        }
        self.failed = if broken.is_some() { self.failed.saturating_add(1) } else { 0 };
    }
}

fn take_leave(db: &Connection, farewell: impl FnOnce(&Connection) -> rusqlite::Result<()>) {
    let said = db.unchecked_transaction().and_then(|whole| farewell(&whole).and_then(|()| whole.commit()));
    if let Err(error) = said {
        // The next process takes what it does not find for something that may have been tried.
        tracing::warn!(error = %error, "what was left untried could not be written down");
    }
}

fn commit(
    db: &Connection,
    batch: &mut Vec<Box<dyn Job>>,
    late: &Mutex<Vec<Late>>,
    trouble: &mut Trouble,
    runtime: Option<&Handle>,
) {
    let mut lates = std::mem::take(&mut *locked(late));
    if batch.is_empty() && lates.is_empty() {
        return;
    }
    let outcome = in_one_transaction(db, batch, &lates);
    if !matches!(outcome, Ok(true)) {
        // Not written: once more with the next commit, before what came since.
        let mut late = locked(late);
        lates.append(&mut late);
        *late = lates;
    }
    let broken = outcome.err().map(|error| error.to_string());
    trouble.note(broken.as_deref());
    for job in batch.iter_mut() {
        if catch_unwind(AssertUnwindSafe(|| job.settle(broken.as_deref()))).is_err() {
            tracing::error!("settling a transaction panicked; its caller is told that nothing answered");
        }
    }
    answer(std::mem::take(batch), runtime);
}

/// Tells the callers. Many at once are told by one of the runtime's own threads: each of them told from here would cost a
/// change of threads.
fn answer(batch: Vec<Box<dyn Job>>, runtime: Option<&Handle>) {
    match runtime {
        Some(runtime) if batch.len() > 1 => {
            runtime.spawn(async move { batch.into_iter().for_each(Job::answer) });
        }
        Some(_) | None => batch.into_iter().for_each(Job::answer),
    }
}

/// Whether the late writes are among what is on the disk now.
fn in_one_transaction(db: &Connection, batch: &mut [Box<dyn Job>], late: &[Late]) -> rusqlite::Result<bool> {
    if !db.is_autocommit() {
        // The last one could not even be taken back.
        run(db, "ROLLBACK")?;
    }
    run(db, "BEGIN IMMEDIATE")?;
    let done = work_off(db, batch, late).and_then(|late| run(db, "COMMIT").map(|()| late));
    if done.is_err() && !db.is_autocommit() {
        run(db, "ROLLBACK")?;
    }
    done
}

fn work_off(db: &Connection, batch: &mut [Box<dyn Job>], late: &[Late]) -> rusqlite::Result<bool> {
    let late = late.is_empty() || in_savepoint(db, || written_late(db, late))?;
    for job in batch {
        in_savepoint(db, || job.run(db))?;
    }
    Ok(late)
}

/// Keeps what `work` did if it says so. A panic in it is its own affair.
fn in_savepoint(db: &Connection, work: impl FnOnce() -> bool) -> rusqlite::Result<bool> {
    run(db, "SAVEPOINT job")?;
    let good = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        tracing::error!("a transaction panicked, it is taken back");
        false
    });
    if !good {
        if db.is_autocommit() {
            // SQLite gave the whole transaction up (disk full, I/O error): everybody before this one has lost, too.
            return Err(rusqlite::Error::SqliteFailure(
                rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ABORT),
                Some("SQLite took the whole transaction back".to_owned()),
            ));
        }
        run(db, "ROLLBACK TO job")?;
    }
    run(db, "RELEASE job")?;
    Ok(good)
}

fn written_late(db: &Connection, late: &[Late]) -> bool {
    let failed = |error: &StoreError| {
        tracing::error!(
            error = chain(error),
            "late writes failed, they are tried again with the next commit"
        );
    };
    write_late(db, late).inspect_err(failed).is_ok()
}

fn write_late(db: &Connection, late: &[Late]) -> Result<(), StoreError> {
    let broken = sqlite("write late");
    for item in late {
        match *item {
            Late::Delete { id } => db.prepare_cached("DELETE FROM messages WHERE id = ?1").and_then(|mut s| s.execute([id])),
            Late::Count { id, visible_at, receives, strikes } => db
                .prepare_cached(
                    "UPDATE messages SET visible_at = coalesce(?2, visible_at), receives = ?3, strikes = ?4 WHERE id = ?1",
                )
                .and_then(|mut s| s.execute((id, visible_at, receives, strikes))),
        }
        .map_err(broken)?;
    }
    Ok(())
}

fn run(db: &Connection, sql: &str) -> rusqlite::Result<()> {
    db.prepare_cached(sql)?.execute([]).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer(dir: &tempfile::TempDir) -> Writer {
        let db = crate::schema::connect(&dir.path().join("kontor.db")).unwrap();
        db.execute_batch("CREATE TABLE t (n INTEGER, text TEXT)").unwrap();
        // So many pages are the whole disk.
        db.pragma_update(None, "max_page_count", 40).unwrap();
        Writer::start(db, File::create(dir.path().join("lock")).unwrap(), |_| Ok(())).unwrap()
    }

    async fn insert(writer: &Writer, n: i64, bytes: usize) -> Result<(), StoreError> {
        let work = move |db: &Connection| {
            let text = "x".repeat(bytes);
            db.execute("INSERT INTO t VALUES (?1, ?2)", (n, text)).map(|_| ()).map_err(sqlite("insert"))
        };
        writer.write("insert", work, |done| done).await
    }

    async fn rows(writer: &Writer) -> i64 {
        let count = |db: &Connection| {
            db.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).map_err(sqlite("count"))
        };
        writer.write("count", count, |rows| rows).await.unwrap()
    }

    #[tokio::test]
    async fn a_full_disk_is_told_to_who_waits_and_the_engine_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let writer = writer(&dir);
        let (small, large, other) =
            tokio::join!(insert(&writer, 1, 10), insert(&writer, 2, 1_000_000), insert(&writer, 3, 10));
        assert!(matches!(large, Err(StoreError::Unavailable { .. })), "{large:?}");
        let stored = i64::from(small.is_ok()) + i64::from(other.is_ok());
        assert_eq!(rows(&writer).await, stored, "what was acknowledged is there, and nothing else");
        insert(&writer, 4, 10).await.unwrap();
        assert_eq!(rows(&writer).await, stored + 1);
    }

    #[tokio::test]
    async fn a_transaction_that_was_left_open_stops_nobody() {
        let dir = tempfile::tempdir().unwrap();
        drop(writer(&dir));
        let db = crate::schema::connect(&dir.path().join("kontor.db")).unwrap();
        db.execute_batch("BEGIN; INSERT INTO t VALUES (7, 'taken back')").unwrap();
        let writer = Writer::start(db, File::create(dir.path().join("lock")).unwrap(), |_| Ok(())).unwrap();
        insert(&writer, 1, 10).await.unwrap();
        assert_eq!(rows(&writer).await, 1);
    }

    #[tokio::test]
    async fn a_panic_takes_back_its_own_transaction_only() {
        let dir = tempfile::tempdir().unwrap();
        let writer = writer(&dir);
        let panics = |db: &Connection| -> Result<(), StoreError> {
            db.execute("INSERT INTO t VALUES (7, 'gone')", []).unwrap();
            panic!("a fault of ours");
        };
        let unsettled = |_: Result<(), StoreError>| -> Result<(), StoreError> { panic!("a fault of ours") };
        let (good, bad, worse, other) = tokio::join!(
            insert(&writer, 1, 10),
            writer.write("panic", panics, |done| done),
            writer.write("panic", |_| Ok(()), unsettled),
            insert(&writer, 2, 10),
        );
        assert!(good.is_ok() && other.is_ok());
        assert!(matches!(bad, Err(StoreError::Unavailable { .. })), "{bad:?}");
        assert!(matches!(worse, Err(StoreError::Unavailable { .. })), "{worse:?}");
        assert_eq!(rows(&writer).await, 2);
    }

    #[tokio::test]
    async fn late_writes_that_fail_are_kept_and_hold_nobody_up() {
        let dir = tempfile::tempdir().unwrap();
        let writer = writer(&dir);
        writer.write_late([Late::Delete { id: 1 }]);
        insert(&writer, 1, 10).await.unwrap();
        let work = |db: &Connection| {
            db.execute_batch(
                "CREATE TABLE messages (id INTEGER PRIMARY KEY); INSERT INTO messages VALUES (1), (2)",
            )
            .map_err(sqlite("create"))
        };
        writer.write("create", work, |done| done).await.unwrap();
        let left = |db: &Connection| {
            db.query_row("SELECT count(*) FROM messages", [], |row| row.get::<_, i64>(0))
                .map_err(sqlite("count"))
        };
        assert_eq!(
            writer.write("count", left, |rows| rows).await.unwrap(),
            1,
            "deleted once that was possible"
        );
    }
}
