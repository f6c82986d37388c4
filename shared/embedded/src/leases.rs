//! Leases on commands.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use kontor_flow::ports::{Claim, Leases, Owner, ResultOutbox as _, StoreError};
use kontor_flow::{CommandId, Finish};
use rusqlite::{Connection, OptionalExtension, params};

use crate::errors::{corrupt, place, refused, sqlite};
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
        let ask = Ask {
            id: id.to_string(),
            owner: owner.0.clone(),
            epoch: self.inner.epoch,
            settled_at: micros(self.inner.settled_at),
            now: micros(now),
            until: micros(until),
        };
        self.inner.writer.write("claim lease", move |db| ask.claim(db), |claim| claim).await
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
        let (id, owner) = (id.to_string(), owner.0.clone());
        let rests_until = rests_until.map_or(0, micros);
        let work = move |db: &Connection| {
            db.prepare_cached(
                "UPDATE leases SET state = ?4, held_until = ?6, doubt = doubt OR ?3
                 WHERE id = ?1 AND owner = ?2 AND state IN (?4, ?5)",
            )
            .and_then(|mut update| update.execute(params![id, owner, unknown, FREE, HELD, rests_until]))
            .map_err(sqlite("release lease"))
        };
        self.inner.writer.write("release lease", work, |rows| rows.map(|rows| rows > 0)).await
    }
}

/// The end of a lease, made ready outside the writing thread.
pub(crate) struct Completion {
    id: String,
    owner: String,
    finish: Vec<u8>,
    now: i64,
}

impl Completion {
    pub(crate) fn of(
        id: &CommandId,
        owner: &Owner,
        finish: &Finish,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let finish =
            serde_json::to_vec(finish).map_err(|e| refused(format!("the result of {id}"), place(&e)))?;
        Ok(Self { id: id.to_string(), owner: owner.0.clone(), finish, now: micros(now) })
    }

    /// `false` if the owner does not hold the lease any more.
    pub(crate) fn write(&self, db: &Connection) -> Result<bool, StoreError> {
        // Done by the same owner already: its first answer was lost.
        let rows = db
            .prepare_cached(
                "UPDATE leases SET state = ?5, finish = ?3, touched_at = ?4
                 WHERE id = ?1 AND owner = ?2 AND state IN (?5, ?6)",
            )
            .and_then(|mut update| {
                update.execute(params![self.id, self.owner, self.finish, self.now, DONE, HELD])
            })
            .map_err(sqlite("complete lease"))?;
        Ok(rows > 0)
    }
}

struct Ask {
    id: String,
    owner: String,
    epoch: i64,
    settled_at: i64,
    now: i64,
    until: i64,
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

impl Lease {
    /// What the attempt before this many others is told.
    fn answer(attempts: u32, doubt: bool) -> Claim {
        match (attempts, doubt) {
            (0, _) => Claim::First,
            (attempts, false) => Claim::Again { attempts },
            (attempts, true) => Claim::Unknown { attempts },
        }
    }
}

impl Ask {
    fn claim(&self, db: &Connection) -> Result<Claim, StoreError> {
        let Some(lease) = self.find(db).map_err(sqlite("claim lease"))? else {
            self.take(db, 0, false)?;
            return Ok(Claim::First);
        };
        if lease.state == DONE {
            let finish = serde_json::from_slice(&lease.finish.unwrap_or_default())
                .map_err(|e| corrupt(format!("the result of {}", self.id), &e))?;
            return Ok(Claim::Done { finish });
        }
        let mut doubt = lease.doubt;
        if lease.state == FREE && lease.until > self.now {
            return self.held(lease.until);
        }
        if lease.state == HELD {
            if lease.owner == self.owner {
                // The same claim once more: its first answer was lost.
                return Ok(Lease::answer(lease.attempts.saturating_sub(1), doubt));
            }
            let held_until =
                if lease.epoch == self.epoch { lease.until } else { lease.until.min(self.settled_at) };
            if held_until > self.now {
                return self.held(held_until);
            }
            // Lost by its owner: nobody knows how far it came. Once in doubt, always in doubt: a later attempt that
            // surely had no effect says nothing about this one.
            doubt = true;
        }
        self.take(db, lease.attempts, doubt)?;
        Ok(Lease::answer(lease.attempts, doubt))
    }

    fn held(&self, until: i64) -> Result<Claim, StoreError> {
        let until = Timestamp::from_microsecond(until).map_err(|e| StoreError::Corrupt {
            what: format!("the lease of {}", self.id),
            source: e.into(),
        })?;
        Ok(Claim::Held { until })
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
        db.prepare_cached(
            "INSERT OR REPLACE INTO leases (id, owner, state, held_until, epoch, attempts, doubt, touched_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )
        .and_then(|mut insert| {
            let attempts = attempts.saturating_add(1);
            insert.execute(params![
                self.id, self.owner, HELD, self.until, self.epoch, attempts, doubt, self.now
            ])
        })
        .map_err(sqlite("claim lease"))?;
        Ok(())
    }
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
