//! Writing and sending as one act: what stores first and then sends, and what does both in one transaction, look alike here.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::ports::{Leases, OrderWriter, Outgoing, Owner, Received, Sender, StoreError};
use crate::{Address, CommandId, Finish, Order, TimelineEntry};

/// A message with the queue it goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// The queue.
    pub to: Address,
    /// The message.
    pub message: Outgoing,
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outgoing({} bytes, {:?} later)", self.body.len(), self.delay)
    }
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Received({}, {} bytes, taken {} times)", self.id, self.body.len(), self.receives)
    }
}

/// Writes an order and sends what follows from it. Nothing is ever sent that was not stored.
#[async_trait]
pub trait OrderOutbox: Send + Sync {
    /// Writes order and timeline entry as [`OrderWriter::store`] does, and then sends `letters`, those of one queue in
    /// their order. When this returns, all of it is stored durably.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if another was faster: then nothing was written, and nothing is sent.
    /// On any other error it may have been written, and any part of the letters sent (a store that has its queues in
    /// itself does all or nothing). Who tries again finds the order as it is, and sends what is under way once more.
    async fn store_and_send(
        &self,
        order: Arc<Order>,
        entry: TimelineEntry,
        letters: Vec<Letter>,
    ) -> Result<(), StoreError>;
}

/// Keeps the result of a command and reports it. Nothing is ever reported that was not kept.
#[async_trait]
pub trait ResultOutbox: Send + Sync {
    /// Ends the lease as [`Leases::complete`] does, and then sends `letters`. When this returns `true`, all of it is
    /// stored durably. `false` if `owner` does not hold the lease any more: then nothing is kept, and nothing is sent.
    ///
    /// # Errors
    /// On an error the result may have been kept, and any part of the letters sent. Whoever claims the command next is
    /// told the result that was kept, and reports it.
    async fn complete_and_send(
        &self,
        id: &CommandId,
        owner: &Owner,
        finish: &Finish,
        now: Timestamp,
        letters: Vec<Letter>,
    ) -> Result<bool, StoreError>;
}

/// The end of an attempt at a command: who held its lease, and what came of it.
#[derive(Debug, Clone, Copy)]
pub struct Ended<'a> {
    /// The command.
    pub id: &'a CommandId,
    /// Who held its lease.
    pub owner: &'a Owner,
    /// What came of it.
    pub finish: &'a Finish,
    /// Now.
    pub now: Timestamp,
}

/// Keeps the result of a command and writes the order that knows of it, as one act. Only a store that has leases, orders
/// and queues in one can do that.
#[async_trait]
pub trait Closing: Send + Sync {
    /// Ends the lease as [`Leases::complete`] does and does what [`OrderOutbox::store_and_send`] does, all of it or nothing.
    /// `false` if the owner does not hold the lease any more: then nothing is written, and nothing is sent.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if another wrote the order meanwhile: then nothing was written, the lease is still held, and
    /// nothing is sent.
    async fn complete_and_store(
        &self,
        ended: Ended<'_>,
        order: Arc<Order>,
        entry: TimelineEntry,
        letters: Vec<Letter>,
    ) -> Result<bool, StoreError>;
}

/// Both outboxes over a store and queues that know nothing of each other: writes first, sends then. A crash in between
/// leaves a message that was not acknowledged, or an order that becomes due: either sends what was not sent.
#[derive(Clone)]
pub struct ThenSend<S: ?Sized> {
    /// Where orders and leases are written.
    pub store: Arc<S>,
    /// Where messages go.
    pub sender: Arc<dyn Sender>,
}

#[async_trait]
impl<S: OrderWriter + ?Sized> OrderOutbox for ThenSend<S> {
    async fn store_and_send(
        &self,
        order: Arc<Order>,
        entry: TimelineEntry,
        letters: Vec<Letter>,
    ) -> Result<(), StoreError> {
        self.store.store(&order, &entry).await?;
        send_all(self.sender.as_ref(), letters).await
    }
}

#[async_trait]
impl<S: Leases + ?Sized> ResultOutbox for ThenSend<S> {
    async fn complete_and_send(
        &self,
        id: &CommandId,
        owner: &Owner,
        finish: &Finish,
        now: Timestamp,
        letters: Vec<Letter>,
    ) -> Result<bool, StoreError> {
        let kept = self.store.complete(id, owner, finish, now).await?;
        if kept {
            send_all(self.sender.as_ref(), letters).await?;
        }
        Ok(kept)
    }
}

/// Sends letters, as many as follow each other to one queue in one go.
///
/// # Errors
/// As [`Sender::send`]: any part of them may have been sent.
pub async fn send_all(sender: &dyn Sender, letters: Vec<Letter>) -> Result<(), StoreError> {
    let mut letters = letters.into_iter().peekable();
    while let Some(Letter { to, message }) = letters.next() {
        let mut together = vec![message];
        while let Some(next) = letters.next_if(|next| next.to == to) {
            together.push(next.message);
        }
        sender.send(to, together).await?;
    }
    Ok(())
}
