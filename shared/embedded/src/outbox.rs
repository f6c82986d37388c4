//! Writing and sending as one transaction: an order with the commands that follow, a result with its report.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use kontor_flow::ports::{Closing, Ended, Letter, OrderOutbox, Owner, ResultOutbox, StoreError};
use kontor_flow::{CommandId, Finish, Order, TimelineEntry};
use rusqlite::Connection;

use crate::leases::Ending;
use crate::messages::insert;
use crate::orders::Row;
use crate::trays::Parcel;
use crate::{Engine, Memory};

#[async_trait]
impl OrderOutbox for Engine {
    async fn store_and_send(
        &self,
        order: Arc<Order>,
        entry: TimelineEntry,
        letters: Vec<Letter>,
    ) -> Result<(), StoreError> {
        let writing = self.writing(order, &entry, letters)?;
        let work = move |db: &Connection| writing.write(db);
        self.inner.writer.write("store order", work, |written| written.map(Written::settle)).await
    }
}

#[async_trait]
impl ResultOutbox for Engine {
    async fn complete_and_send(
        &self,
        id: &CommandId,
        owner: &Owner,
        finish: &Finish,
        now: Timestamp,
        letters: Vec<Letter>,
    ) -> Result<bool, StoreError> {
        let ending = self.completion(id, owner, finish, now)?;
        let parcels = self.parcels(letters)?;
        let memory = Arc::clone(&self.inner.memory);
        let work = move |db: &Connection| {
            if !ending.write(db)? {
                return Ok(None);
            }
            insert(db, &parcels)?;
            Ok(Some(parcels))
        };
        let (id, owner, settled) = (id.to_string(), owner.0.clone(), self.settled_after(self.now()));
        let settle = move |done: Result<Option<Vec<Parcel>>, StoreError>| {
            let Some(parcels) = done.inspect_err(|_| memory.issued.let_go(&id, &owner, settled))? else {
                return Ok(false);
            };
            memory.issued.ended(&id);
            memory.show(parcels);
            Ok(true)
        };
        self.inner.writer.write("complete lease", work, settle).await
    }
}

#[async_trait]
impl Closing for Engine {
    async fn complete_and_store(
        &self,
        ended: Ended<'_>,
        order: Arc<Order>,
        entry: TimelineEntry,
        letters: Vec<Letter>,
    ) -> Result<bool, StoreError> {
        let ending = self.completion(ended.id, ended.owner, ended.finish, ended.now)?;
        let writing = self.writing(order, &entry, letters)?;
        let work = move |db: &Connection| {
            if !ending.write(db)? {
                return Ok(None);
            }
            Ok(Some((ending, writing.write(db)?)))
        };
        let settle = |done: Result<Option<(Ending, Written)>, StoreError>| {
            let Some((ending, written)) = done? else { return Ok(false) };
            written.memory.issued.ended(ending.id());
            written.settle();
            Ok(true)
        };
        self.inner.writer.write("close command", work, settle).await
    }
}

/// An order with what follows from it, made ready outside the writing thread.
struct Writing {
    row: Row,
    parcels: Vec<Parcel>,
    order: Arc<Order>,
    memory: Arc<Memory>,
}

/// What was written, to be known in memory once it is on the disk.
struct Written {
    asked: Vec<String>,
    parcels: Vec<Parcel>,
    order: Arc<Order>,
    bytes: usize,
    memory: Arc<Memory>,
}

impl Engine {
    fn writing(
        &self,
        order: Arc<Order>,
        entry: &TimelineEntry,
        letters: Vec<Letter>,
    ) -> Result<Writing, StoreError> {
        let memory = Arc::clone(&self.inner.memory);
        Ok(Writing { row: Row::of(&order, entry)?, parcels: self.parcels(letters)?, order, memory })
    }
}

impl Writing {
    fn write(self, db: &Connection) -> Result<Written, StoreError> {
        let Self { row, parcels, order, memory } = self;
        let asked = row.write(db)?;
        insert(db, &parcels)?;
        Ok(Written { asked, parcels, order, bytes: row.bytes(), memory })
    }
}

impl Written {
    fn settle(self) {
        let Self { asked, parcels, order, bytes, memory } = self;
        memory.recent.wrote(order, bytes);
        memory.issued.asked(asked);
        memory.show(parcels);
    }
}
