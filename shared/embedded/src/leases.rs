//! Leases on commands.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use kontor_flow::ports::{Claim, Leases, Owner, ResultOutbox as _, StoreError};
use kontor_flow::{CommandId, Finish};
use rusqlite::{Connection, OptionalExtension, params};

use crate::errors::{corrupt, place, refused, sqlite};
use crate::issued::{First, Held, Issued};
use crate::{Engine, micros};

/// Leases are kept for so many days after they were touched last.
pub const KEPT_DAYS: i64 = 90;

/// Leases deleted in one transaction.
const PURGED_TOGETHER: i64 = 500;

const FREE: i64 = 0;
const HELD: i64 = 1;
const DONE: i64 = 2;

#[async_trait]
impl Leases for Engine {
    async fn claim(
        &self,
        id: &CommandId,
        owner: &Owner,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Claim, StoreError> {
        let claimant = Held { owner: owner.0.clone(), since: micros(now), until: micros(until) };
        match self.inner.memory.issued.claim(id.as_str(), claimant.clone()) {
            First::Ours => return Ok(Claim::First),
            First::Others { until } => return held(id.as_str(), until),
            First::Elsewhere => {}
        }
        let issued = Arc::clone(&self.inner.memory.issued);
        let ask = Ask {
            id: id.to_string(),
            claimant,
            epoch: self.inner.epoch,
            settled_at: micros(self.inner.settled_at),
            issued: Arc::clone(&issued),
        };
        let id = id.to_string();
        let settle = move |claim: Result<Claim, StoreError>| {
            claim.inspect(|claim| match claim {
                // As like as not by whom it is in there for.
                Claim::Held { .. } => {}
                Claim::First | Claim::Again { .. } | Claim::Unknown { .. } | Claim::Done { .. } => {
                    issued.ended(&id);
                }
            })
        };
        self.inner.writer.write("claim lease", move |db| ask.claim(db), settle).await
    }

    async fn complete(
        &self,
        id: &CommandId,
        owner: &Owner,
        finish: &Finish,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.complete_and_send(id, owner, finish, now, Vec::new()).await
    }

    async fn release(
        &self,
        id: &CommandId,
        owner: &Owner,
        unknown: bool,
        rests_until: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        let rests_until = rests_until.map_or(0, micros);
        let end = self.end_of(id, owner, End::Undone { unknown, rests_until });
        let issued = Arc::clone(&self.inner.memory.issued);
        let (id, owner, settled) = (id.to_string(), owner.0.clone(), self.settled_after(self.now()));
        let settle = move |ended: Result<bool, StoreError>| match ended {
            Ok(true) => {
                issued.ended(&id);
                Ok(true)
            }
            Ok(false) => Ok(false),
            Err(error) => {
                issued.let_go(&id, &owner, settled);
                Err(error)
            }
        };
        self.inner.writer.write("release lease", move |db| end.write(db), settle).await
    }
}

/// How an attempt ended.
enum End {
    /// With a result, as it is written.
    Done { finish: Vec<u8>, now: i64 },
    /// Without, and nobody gets the lease before then.
    Undone { unknown: bool, rests_until: i64 },
}

/// The end of a lease, made ready outside the writing thread.
pub(crate) struct Ending {
    id: String,
    owner: String,
    epoch: i64,
    end: End,
    issued: Arc<Issued>,
}

impl Engine {
    /// When what was called last at `now` has settled.
    pub(crate) fn settled_after(&self, now: Timestamp) -> i64 {
        micros(now.saturating_add(self.inner.settling).unwrap_or(Timestamp::MAX))
    }

    fn end_of(&self, id: &CommandId, owner: &Owner, end: End) -> Ending {
        let (id, owner, issued) = (id.to_string(), owner.0.clone(), Arc::clone(&self.inner.memory.issued));
        Ending { id, owner, epoch: self.inner.epoch, end, issued }
    }

    /// The end of an attempt that has a result.
    pub(crate) fn completion(
        &self,
        id: &CommandId,
        owner: &Owner,
        finish: &Finish,
        now: Timestamp,
    ) -> Result<Ending, StoreError> {
        let finish =
            serde_json::to_vec(finish).map_err(|e| refused(format!("the result of {id}"), place(&e)))?;
        Ok(self.end_of(id, owner, End::Done { finish, now: micros(now) }))
    }
}

impl Ending {
    /// The command.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// `false` if the owner does not hold the lease any more.
    pub(crate) fn write(&self, db: &Connection) -> Result<bool, StoreError> {
        let rows = match self.issued.holder(&self.id).filter(|held| held.owner == self.owner) {
            Some(held) => self.insert(db, &held),
            None => self.update(db),
        };
        Ok(rows.map_err(sqlite("end lease"))? > 0)
    }

    /// The command's row as of its first claim, unless it has one by now: then another has taken the command over.
    fn insert(&self, db: &Connection, held: &Held) -> rusqlite::Result<usize> {
        let (state, until, doubt, touched_at, finish) = match &self.end {
            End::Done { finish, now } => (DONE, held.until, false, *now, Some(finish)),
            End::Undone { unknown, rests_until } => (FREE, *rests_until, *unknown, held.since, None),
        };
        db.prepare_cached(
            "INSERT INTO leases (id, owner, state, held_until, epoch, attempts, doubt, touched_at, finish)
             VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?7, ?8) ON CONFLICT (id) DO NOTHING",
        )?
        .execute(params![self.id, self.owner, state, until, self.epoch, doubt, touched_at, finish])
    }

    /// Ended like this by the same owner already: its first answer was lost.
    fn update(&self, db: &Connection) -> rusqlite::Result<usize> {
        match &self.end {
            End::Done { finish, now } => db
                .prepare_cached(
                    "UPDATE leases SET state = ?5, finish = ?3, touched_at = ?4
                     WHERE id = ?1 AND owner = ?2 AND state IN (?5, ?6)",
                )?
                .execute(params![self.id, self.owner, finish, now, DONE, HELD]),
            End::Undone { unknown, rests_until } => db
                .prepare_cached(
                    "UPDATE leases SET state = ?4, held_until = ?6, doubt = doubt OR ?3
                     WHERE id = ?1 AND owner = ?2 AND state IN (?4, ?5)",
                )?
                .execute(params![self.id, self.owner, unknown, FREE, HELD, rests_until]),
        }
    }
}

/// A claim that the table answers.
struct Ask {
    id: String,
    claimant: Held,
    epoch: i64,
    settled_at: i64,
    issued: Arc<Issued>,
}

struct Lease {
    owner: String,
    state: i64,
    until: i64,
    epoch: i64,
    attempts: u32,
    doubt: bool,
    finish: Option<Vec<u8>>,
}

/// What the attempt after so many others is told.
fn answer(attempts: u32, doubt: bool) -> Claim {
    match (attempts, doubt) {
        (attempts, true) => Claim::Unknown { attempts },
        (0, false) => Claim::First,
        (attempts, false) => Claim::Again { attempts },
    }
}

fn held(id: &str, until: i64) -> Result<Claim, StoreError> {
    let until = Timestamp::from_microsecond(until)
        .map_err(|e| StoreError::Corrupt { what: format!("the lease of {id}"), source: e.into() })?;
    Ok(Claim::Held { until })
}

impl Ask {
    fn claim(&self, db: &Connection) -> Result<Claim, StoreError> {
        let Some(lease) = self.find(db).map_err(sqlite("claim lease"))? else { return self.untold(db) };
        if lease.state == DONE {
            let finish = serde_json::from_slice(&lease.finish.unwrap_or_default())
                .map_err(|e| corrupt(format!("the result of {}", self.id), &e))?;
            return Ok(Claim::Done { finish });
        }
        let mut doubt = lease.doubt;
        if lease.state == FREE && lease.until > self.claimant.since {
            return held(&self.id, lease.until);
        }
        if lease.state == HELD {
            if lease.owner == self.claimant.owner {
                // The same claim once more: its first answer was lost.
                return Ok(answer(lease.attempts.saturating_sub(1), doubt));
            }
            let held_until = if lease.epoch == self.epoch {
                self.issued.held_until(&self.id, &lease.owner, lease.until)
            } else {
                lease.until.min(self.settled_at)
            };
            if held_until > self.claimant.since {
                return held(&self.id, held_until);
            }
            // Lost by its owner: nobody knows how far it came. Once in doubt, always in doubt: a later attempt that
            // surely had no effect says nothing about this one.
            doubt = true;
        }
        self.take(db, lease.attempts, doubt)?;
        Ok(answer(lease.attempts, doubt))
    }

    /// The claim of a command that has no row. Its first claim of this process's life was lost, or an earlier process may
    /// have tried it, and what that called last may still take effect.
    fn untold(&self, db: &Connection) -> Result<Claim, StoreError> {
        let attempts = match self.issued.holder(&self.id) {
            Some(first) if first.until > self.claimant.since => return held(&self.id, first.until),
            Some(_) => 1,
            None if self.settled_at > self.claimant.since => return held(&self.id, self.settled_at),
            None => 0,
        };
        self.take(db, attempts, true)?;
        Ok(answer(attempts, true))
    }

    fn find(&self, db: &Connection) -> rusqlite::Result<Option<Lease>> {
        db.prepare_cached(
            "SELECT owner, state, held_until, epoch, attempts, doubt, finish FROM leases WHERE id = ?1",
        )?
        .query_row([&self.id], |row| {
            Ok(Lease {
                owner: row.get(0)?,
                state: row.get(1)?,
                until: row.get(2)?,
                epoch: row.get(3)?,
                attempts: row.get(4)?,
                doubt: row.get(5)?,
                finish: row.get(6)?,
            })
        })
        .optional()
    }

    fn take(&self, db: &Connection, attempts: u32, doubt: bool) -> Result<(), StoreError> {
        let Held { owner, since, until } = &self.claimant;
        db.prepare_cached(
            "INSERT OR REPLACE INTO leases (id, owner, state, held_until, epoch, attempts, doubt, touched_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )
        .and_then(|mut insert| {
            let attempts = attempts.saturating_add(1);
            insert.execute(params![self.id, owner, HELD, until, self.epoch, attempts, doubt, since])
        })
        .map_err(sqlite("claim lease"))?;
        Ok(())
    }
}

/// Whether `id` has no row: nobody has ended an attempt at it yet.
pub(crate) fn is_unheard_of(db: &Connection, id: &str) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM leases WHERE id = ?1")?.exists([id]).map(|found| !found)
}

/// Writes down that these were asked for and never tried, for the next process. Each of its claims is written before it
/// is answered, so that nobody takes one for the first again.
pub(crate) fn leave_untried(db: &Connection, ids: &[String], epoch: i64, now: i64) -> rusqlite::Result<()> {
    let mut leave = db.prepare_cached(
        "INSERT INTO leases (id, owner, state, held_until, epoch, attempts, doubt, touched_at)
         VALUES (?1, '', ?2, 0, ?3, 0, 0, ?4) ON CONFLICT (id) DO NOTHING",
    )?;
    for id in ids {
        leave.execute(params![id, FREE, epoch, now])?;
    }
    Ok(())
}

impl Engine {
    /// Deletes the leases that were touched more than [`KEPT_DAYS`] before `now`, a few at a time so that nobody has
    /// to wait for it. Answers how many.
    ///
    /// # Errors
    /// [`StoreError`] if store or disk do not play along; what was deleted by then stays deleted.
    pub async fn purge(&self, now: Timestamp) -> Result<usize, StoreError> {
        let before = now - SignedDuration::from_hours(24 * KEPT_DAYS);
        let before = micros(before);
        let (mut after, mut purged) = (String::new(), 0);
        loop {
            let from = after.clone();
            let old = self.inner.readers.read("find old leases", move |db| old(db, &from, before)).await?;
            let Some(last) = old.last().cloned() else { return Ok(purged) };
            after = last;
            let work = move |db: &Connection| purge(db, &old, before).map_err(sqlite("purge leases"));
            purged += self.inner.writer.write("purge leases", work, |rows| rows).await?;
        }
    }
}

fn old(db: &Connection, after: &str, before: i64) -> Result<Vec<String>, StoreError> {
    let broken = sqlite("find old leases");
    let mut find = db
        .prepare_cached("SELECT id FROM leases WHERE id > ?1 AND touched_at < ?2 ORDER BY id LIMIT ?3")
        .map_err(broken)?;
    let rows = find.query_map(params![after, before, PURGED_TOGETHER], |row| row.get(0)).map_err(broken)?;
    rows.collect::<Result<_, _>>().map_err(broken)
}

fn purge(db: &Connection, ids: &[String], before: i64) -> rusqlite::Result<usize> {
    let mut delete = db.prepare_cached("DELETE FROM leases WHERE id = ?1 AND touched_at < ?2")?;
    let mut purged = 0;
    for id in ids {
        purged += delete.execute(params![id, before])?;
    }
    Ok(purged)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use kontor_flow::StepResult;
    use kontor_testkit::TestClock;
    use kontor_testkit::order::{BEGINNING, entry, key, order, step};

    use super::*;
    use crate::Options;

    const SETTLING: Duration = Duration::from_secs(40);
    const LEASE: Duration = Duration::from_secs(420);

    async fn claim(engine: &Engine, id: &CommandId, owner: &str, now: Timestamp) -> Claim {
        engine.claim(id, &Owner(owner.to_owned()), now, now + LEASE).await.unwrap()
    }

    /// Whether the command's first attempt has ended before.
    async fn who_cannot_say_how_it_ended_holds_nothing_for_long(again: bool) {
        let dir = tempfile::tempdir().unwrap();
        let clock = TestClock::at(BEGINNING);
        let options = Options { settling: SETTLING, ..Options::default() };
        let engine = Engine::open_with(dir.path(), clock.reader(), options).unwrap();
        clock.advance(2 * SETTLING);
        let order = order("laden/1");
        kontor_flow::ports::OrderWriter::store(&engine, &order, &entry(&order)).await.unwrap();
        let id = CommandId::new(&key("laden/1"), &step("invoice"));
        engine.inner.memory.issued.asked(vec![id.to_string()]);
        let (owner, now) = (Owner("b".to_owned()), clock.now());
        if again {
            assert_eq!(claim(&engine, &id, "a", now).await, Claim::First);
            assert!(engine.release(&id, &Owner("a".to_owned()), true, None).await.unwrap());
            assert_eq!(claim(&engine, &id, "b", now).await, Claim::Unknown { attempts: 1 });
        } else {
            assert_eq!(claim(&engine, &id, "b", now).await, Claim::First);
        }
        let full = |db: &Connection| {
            let pages: i64 = db.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
            db.pragma_update(None, "max_page_count", pages).map_err(sqlite("fill"))
        };
        engine.inner.writer.write("fill", full, |done| done).await.unwrap();
        let finish = Finish { result: StepResult::Mailed { message_id: "x".repeat(1_000_000) }, calls: 1 };
        assert!(engine.complete(&id, &owner, &finish, now).await.is_err(), "there is no room for it");
        let settled = now + SETTLING;
        assert_eq!(claim(&engine, &id, "c", now).await, Claim::Held { until: settled });
        let attempts = if again { 2 } else { 1 };
        assert_eq!(claim(&engine, &id, "c", settled).await, Claim::Unknown { attempts });
    }

    #[tokio::test]
    async fn a_first_attempt_whose_end_cannot_be_written_is_looked_for_once_it_has_settled() {
        who_cannot_say_how_it_ended_holds_nothing_for_long(false).await;
    }

    #[tokio::test]
    async fn a_later_attempt_whose_end_cannot_be_written_is_looked_for_once_it_has_settled() {
        who_cannot_say_how_it_ended_holds_nothing_for_long(true).await;
    }
}
