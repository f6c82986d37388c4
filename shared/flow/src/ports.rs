//! What the engine needs from the world, one permission a port. Adapters: `shared/aws`, `shared/embedded`, the connectors.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use kontor_domain::{OrderKey, ShopId};
use serde::{Deserialize, Serialize};

pub use crate::archive::{Archive, Deed, Page, PrivacyAct};
pub use crate::command::flow_ref;
pub use crate::mail::{Mail, Mailer};
use crate::order::OrderSummary;
pub use crate::outbox::{Closing, Ended, Letter, OrderOutbox, ResultOutbox, ThenSend};
use crate::remedy::BoxError;
pub use crate::storefront::Storefront;
pub use crate::tokens::{Token, Tokens};
use crate::{
    Address, CallError, Command, CommandId, Envelope, Failure, FailureClass, FailureId, FailureState, Finish,
    Flow, FlowRef, Happened, Hint, Order, OrderStatus, TimelineEntry,
};

/// Why the store or a queue did not do as told.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else wrote in between: load again.
    #[error("{what} was changed by another in between")]
    Conflict {
        /// What was to be written.
        what: String,
    },
    /// It can't be reached, or is too busy. Whether a write was done is unknown.
    #[error("the {store} did not answer {call}")]
    Unavailable {
        /// Which store.
        store: &'static str,
        /// Which call.
        call: &'static str,
        /// The cause.
        #[source]
        source: BoxError,
    },
    /// What is in the store can't be read.
    #[error("{what} in the store cannot be read")]
    Corrupt {
        /// What was to be read.
        what: String,
        /// The cause.
        #[source]
        source: BoxError,
    },
    /// It can never be stored like this (too large, refused).
    #[error("{what} cannot be stored")]
    Refused {
        /// What was to be written.
        what: String,
        /// The cause.
        #[source]
        source: BoxError,
    },
}

/// Reads orders.
#[async_trait]
pub trait OrderReader: Send + Sync {
    /// The order, as written last; shared, because a store may have it at hand.
    async fn load(&self, key: &OrderKey) -> Result<Option<Arc<Order>>, StoreError>;
}

/// Writes orders; the engine does so through [`OrderOutbox`], which sends what follows from it as well.
#[async_trait]
pub trait OrderWriter: Send + Sync {
    /// Writes order and timeline entry in one transaction, if the stored version is `order.version - 1`
    /// (version 1: if there is none).
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if another was faster.
    async fn store(&self, order: &Order, entry: &TimelineEntry) -> Result<(), StoreError>;
}

/// Which orders a list is to show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrderFilter {
    /// Only those in this status; all if none.
    pub status: Option<OrderStatus>,
    /// Only those of this shop.
    pub shop: Option<ShopId>,
    /// At most so many.
    pub limit: usize,
}

/// Finds orders.
#[async_trait]
pub trait OrderIndex: Send + Sync {
    /// Orders that were due at `now` or before, the most overdue first, at most `limit`.
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<OrderKey>, StoreError>;
    /// Orders in a list, the last changed first.
    async fn list(&self, filter: &OrderFilter) -> Result<Vec<OrderSummary>, StoreError>;
    /// The timeline of an order, oldest first.
    async fn timeline(&self, key: &OrderKey) -> Result<Vec<TimelineEntry>, StoreError>;
}

/// The token that proves who holds a lease or a lock. A new one for every claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner(pub String);

/// The answer to a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// It is ours, and nobody has tried it before.
    First,
    /// It is ours; earlier attempts surely had no effect.
    Again {
        /// Attempts before this one.
        attempts: u32,
    },
    /// It is ours; an earlier attempt may have had its effect. Look before doing it again.
    Unknown {
        /// Attempts before this one.
        attempts: u32,
    },
    /// Another holds it, or it rests.
    Held {
        /// Until then, unless renewed.
        until: Timestamp,
    },
    /// It is done already.
    Done {
        /// With this.
        finish: Finish,
    },
}

/// Leases on commands: who works on one, until when, and what came of it. Every change but the claim is conditional on
/// the owner. Kept for 90 days.
#[async_trait]
pub trait Leases: Send + Sync {
    /// Claims the command for `owner` until `until`. Counts an attempt.
    async fn claim(
        &self,
        id: &CommandId,
        owner: &Owner,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Claim, StoreError>;
    /// Keeps the result and ends the lease; the engine does so through [`ResultOutbox`], which reports it as well. `false` if `owner` does not hold it any more: then nothing is kept.
    async fn complete(
        &self,
        id: &CommandId,
        owner: &Owner,
        finish: &Finish,
        now: Timestamp,
    ) -> Result<bool, StoreError>;
    /// Gives the lease back undone; `unknown` if the attempt may have had its effect. With `rests_until`, nobody gets it
    /// before then: what was begun may still be done by itself until then, and who looks sooner may not find it. `false`
    /// if `owner` does not hold it any more.
    async fn release(
        &self,
        id: &CommandId,
        owner: &Owner,
        unknown: bool,
        rests_until: Option<Timestamp>,
    ) -> Result<bool, StoreError>;
}

/// Which failures a list is to show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FailureFilter {
    /// Only those in this state; all if none.
    pub state: Option<FailureState>,
    /// Only those of this class.
    pub class: Option<FailureClass>,
    /// At most so many.
    pub limit: usize,
}

/// Keeps failures.
#[async_trait]
pub trait Failures: Send + Sync {
    /// The failure, as written last.
    async fn load(&self, id: &FailureId) -> Result<Option<Failure>, StoreError>;
    /// Writes it, if the stored revision is `failure.revision - 1` (revision 1: if there is none).
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if another was faster.
    async fn store(&self, failure: &Failure) -> Result<(), StoreError>;
    /// Failures in a list, the last failed first.
    async fn list(&self, filter: &FailureFilter) -> Result<Vec<Failure>, StoreError>;
}

/// How far a sync has come, held by one run at a time.
#[async_trait]
pub trait Cursors: Send + Sync {
    /// Takes the run lock of `name` until `until`. `None` if another run holds it; else the cursor saved last, empty at
    /// first.
    async fn lock(
        &self,
        name: &str,
        owner: &Owner,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<String>, StoreError>;
    /// The cursor saved last, whoever holds it; empty if there is none.
    async fn peek(&self, name: &str) -> Result<String, StoreError>;
    /// Saves the cursor and gives the lock back. `false` if `owner` does not hold it any more: then nothing is saved.
    async fn save(&self, name: &str, owner: &Owner, cursor: &str) -> Result<bool, StoreError>;
}

/// A version of the configuration, as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredConfig {
    /// Counts the versions, from 1.
    pub version: u64,
    /// `kontor.yaml`, as it was pushed.
    pub yaml: String,
    /// The flows it uses, name to YAML.
    pub flows: BTreeMap<String, String>,
    /// When it was pushed.
    pub pushed_at: Timestamp,
    /// Who pushed it.
    pub pushed_by: String,
}

/// Keeps configurations and flows, all versions.
#[async_trait]
pub trait Configs: Send + Sync {
    /// The configuration in force.
    async fn current(&self) -> Result<Option<StoredConfig>, StoreError>;
    /// Puts a version into force, if `config.version` follows the one in force, and keeps its flows under their versions.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if another was faster.
    async fn push(&self, config: &StoredConfig) -> Result<(), StoreError>;
    /// The text of a flow in a version that was in force once.
    async fn flow(&self, flow: &FlowRef) -> Result<Option<String>, StoreError>;
}

/// A message to send. `Debug` shows how long it is, no more.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Outgoing {
    /// The encoded message.
    pub body: String,
    /// Not before so long.
    pub delay: Duration,
    /// Words beside the message: class, cause, attempts, order. At most ten.
    pub attributes: BTreeMap<String, String>,
}

impl Outgoing {
    /// A message to send at once.
    #[must_use]
    pub fn now(body: String) -> Self {
        Self { body, ..Self::default() }
    }
}

/// Puts messages into queues.
#[async_trait]
pub trait Sender: Send + Sync {
    /// Sends all of them, stored durably when this returns. On an error any part of them may have been sent.
    async fn send(&self, to: Address, messages: Vec<Outgoing>) -> Result<(), StoreError>;
}

/// A message taken out of a queue, invisible to others for a while. `Debug` shows how long it is, no more.
#[derive(Clone, PartialEq, Eq)]
pub struct Received {
    /// The queue's id of the message. Never an idempotency key: a redriven message gets a new one.
    pub id: String,
    /// What deleting and delaying go by.
    pub receipt: String,
    /// The encoded message.
    pub body: String,
    /// Words beside the message.
    pub attributes: BTreeMap<String, String>,
    /// How often it was taken out, this time included.
    pub receives: u32,
}

/// Takes messages out of queues.
#[async_trait]
pub trait Receiver: Send + Sync {
    /// At most `max` messages, invisible for `visibility`; waits up to `wait` for the first one.
    async fn receive(
        &self,
        from: Address,
        max: usize,
        visibility: Duration,
        wait: Duration,
    ) -> Result<Vec<Received>, StoreError>;
    /// Deletes them. A receipt that is no longer good is not an error.
    async fn delete(&self, from: Address, receipts: Vec<String>) -> Result<(), StoreError>;
}

/// Makes a message that is being worked on visible again later.
#[async_trait]
pub trait Delayer: Send + Sync {
    /// The message of `receipt` comes again after `after`. A receipt that is no longer good is not an error.
    async fn delay(&self, from: Address, receipt: &str, after: Duration) -> Result<(), StoreError>;
}

/// Calls an admin.
#[async_trait]
pub trait Notifier: Send + Sync {
    /// Publishes a subject of at most 100 characters and a text. No personal data.
    async fn notify(&self, subject: &str, text: &str) -> Result<(), StoreError>;
}

/// Knows the flows.
#[async_trait]
pub trait FlowBook: Send + Sync {
    /// The flow new orders of `shop` start with; `None` if the configuration does not know the shop.
    async fn current(&self, shop: &ShopId) -> Result<Option<Arc<Flow>>, StoreError>;
    /// A flow in the version an order started with.
    async fn find(&self, flow: &FlowRef) -> Result<Option<Arc<Flow>>, StoreError>;
}

/// Why a delivery could not be turned into events. Kept as a failure with its body: a fixed mapping and a replay heal it.
#[derive(Debug, thiserror::Error)]
#[error("the delivery of {shop} ({topic}) cannot be read as an order")]
pub struct ReadError {
    /// The shop.
    pub shop: ShopId,
    /// The topic.
    pub topic: String,
    /// The order, if the body says that much.
    pub order: Option<OrderKey>,
    /// The cause, with the place in the body.
    #[source]
    pub source: BoxError,
}

/// Reads deliveries: one per kind of shop, found through the registry.
pub trait Intake: Send + Sync {
    /// The events a delivery tells of; none for topics that concern no order.
    ///
    /// # Errors
    /// [`ReadError`] with the place in the body that can't be read.
    fn read(&self, envelope: &Envelope) -> Result<Vec<Happened>, ReadError>;
}

/// What is known of earlier attempts at a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Past {
    /// There were none, or they surely had no effect. Create without looking.
    Clean,
    /// One may have had its effect: look for our key before creating anything.
    Unknown,
    /// One may have had its effect, and the order was cancelled since: look for our key, and create nothing. What is not
    /// found is [`crate::StepResult::Withdrawn`].
    Withdrawn,
}

/// A command with what it works on.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// The command.
    pub command: &'a Command,
    /// The order, as stored.
    pub order: &'a Order,
    /// What is known of earlier attempts.
    pub past: Past,
    /// Now.
    pub now: Timestamp,
}

/// Carries out commands in an outside system, and looks up what it hints at.
#[async_trait]
pub trait Connector: Send + Sync {
    /// Carries out `job`, once however often it is called with [`Past::Unknown`].
    async fn perform(&self, job: Job<'_>) -> Result<Finish, CallError>;
    /// Fetches the record a hint names and tells what it means for orders; nothing if it concerns none of ours.
    async fn look_up(&self, hint: &Hint, now: Timestamp) -> Result<Vec<Happened>, CallError>;
}

/// Finds the connector for a command or a hint.
pub trait Connectors: Send + Sync {
    /// The connector that carries out `command`; `None` if the configuration has none (no such shop).
    fn for_command(&self, command: &Command) -> Option<Arc<dyn Connector>>;
    /// The connector that looks up `hint`.
    fn for_hint(&self, hint: &Hint) -> Option<Arc<dyn Connector>>;
    /// The shop of that id; `None` if the configuration has none, or no access to its API.
    fn for_shop(&self, shop: &ShopId) -> Option<Arc<dyn Storefront>>;
}
