//! Writing and sending as one transaction: an order with the commands that follow, a result with its report.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use kontor_flow::ports::{Letter, OrderOutbox, Owner, ResultOutbox, StoreError};
use kontor_flow::{CommandId, Finish, Order, TimelineEntry};
use rusqlite::Connection;

use crate::leases::Completion;
use crate::messages::insert;
use crate::orders::Row;
use crate::recent::Recent;
use crate::trays::{Parcel, Trays};
use crate::{Clock, Engine, micros};

#[async_trait]
impl OrderOutbox for Engine {
    async fn store_and_send(
        &self,
        order: Arc<Order>,
        entry: TimelineEntry,
        letters: Vec<Letter>,
    ) -> Result<(), StoreError> {
        let row = Row::of(&order, &entry)?;
        let parcels = self.parcels(letters)?;
        let (recent, trays, clock) = self.memory();
        let kept = Recent::keeps(&order, row.bytes()).then(|| Arc::clone(&order));
        let work = move |db: &Connection| {
            row.write(db)?;
            insert(db, &parcels)?;
            Ok(parcels)
        };
        let settle = move |stored: Result<Vec<Parcel>, StoreError>| {
            let parcels = stored?;
            recent.wrote(order.key.clone(), kept);
            trays.show(parcels, micros(clock()));
            Ok(())
        };
        self.inner.writer.write("store order", work, settle).await
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
        let completion = Completion::of(id, owner, finish, now)?;
        let parcels = self.parcels(letters)?;
        let (_, trays, clock) = self.memory();
        let work = move |db: &Connection| {
            if !completion.write(db)? {
                return Ok(None);
            }
            insert(db, &parcels)?;
            Ok(Some(parcels))
        };
        let settle = move |stored: Result<Option<Vec<Parcel>>, StoreError>| {
            let Some(parcels) = stored? else { return Ok(false) };
            trays.show(parcels, micros(clock()));
            Ok(true)
        };
        self.inner.writer.write("complete lease", work, settle).await
    }
}

impl Engine {
    /// What the writing thread keeps up to date after a commit. Never the engine itself: whoever drops the last handle on
    /// that waits for the writing thread.
    fn memory(&self) -> (Arc<Recent>, Arc<Trays>, Clock) {
        let inner = &self.inner;
        (Arc::clone(&inner.recent), Arc::clone(&inner.trays), Arc::clone(&inner.clock))
    }
}
