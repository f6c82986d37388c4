//! Requests about a person's data: export everything that is held, or erase it where the order is over.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use kontor_domain::OrderKey;
use serde::{Deserialize, Serialize};

use crate::failure::FailureAct;
use crate::order::Cause;
use crate::ports::{Archive, Deed, Failures, OrderIndex, OrderReader, OrderWriter, PrivacyAct, StoreError};
use crate::privacy::{Account, Person, accounts};
use crate::{Failure, FailureId, FailureState, Message, Order, OrderStatus, TimelineEntry};

/// How often a write is tried again at once when another was faster.
const CONFLICTS: usize = 5;

/// What stands in for what a failure said.
const ERASED: &str = "erased with the personal data of its order";

/// Why a request could not be met.
#[derive(Debug, thiserror::Error)]
pub enum PrivacyError {
    /// The data is still needed.
    #[error(
        "nothing was erased, for work is still under way: {}. Let orders come to their end or cancel them in the shop, replay \
         or discard failures, then erase again", .0.join("; ")
    )]
    UnderWay(Vec<String>),
    /// Store or queue.
    #[error("the request could not be met")]
    Store(#[from] StoreError),
}

/// Everything that is held of a person.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Dossier {
    /// Their orders, each with its timeline.
    pub orders: Vec<(Order, Vec<TimelineEntry>)>,
    /// Messages of theirs that failed.
    pub failures: Vec<Failure>,
    /// Messages of theirs on their way; `null` where queues can't be looked into: none stays longer than 14 days.
    pub messages: Option<Vec<Waiting>>,
}

/// A message on its way.
#[derive(Serialize, Deserialize)]
pub struct Waiting {
    /// The queue.
    pub queue: String,
    /// The message.
    pub message: String,
}

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Waiting({}, {} bytes)", self.queue, self.message.len())
    }
}

/// What was erased.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// These orders.
    pub orders: Vec<OrderKey>,
    /// These failures.
    pub failures: Vec<FailureId>,
    /// So many messages are still on their way: erase once more when they are through. `null` where queues can't be looked
    /// into.
    pub messages: Option<usize>,
}

/// Meets requests about personal data.
pub struct PrivacyDesk {
    /// Goes through everything.
    pub archive: Arc<dyn Archive>,
    /// Reads orders.
    pub reader: Arc<dyn OrderReader>,
    /// Writes orders.
    pub writer: Arc<dyn OrderWriter>,
    /// Reads timelines.
    pub index: Arc<dyn OrderIndex>,
    /// Keeps failures.
    pub failures: Arc<dyn Failures>,
}

impl PrivacyDesk {
    /// Everything that is held of `person`.
    ///
    /// # Errors
    /// [`PrivacyError::Store`].
    pub async fn export(&self, person: &Person, by: &str, now: Timestamp) -> Result<Dossier, PrivacyError> {
        let mut dossier = Dossier::default();
        for order in self.orders_of(person).await? {
            let timeline = self.index.timeline(&order.key).await?;
            dossier.orders.push((order, timeline));
        }
        let keys = dossier.orders.iter().map(|(order, _)| order.key.clone()).collect();
        dossier.failures = self.failures_of(person, &keys).await?;
        dossier.messages = self.messages_of(person, &keys).await?;
        let (orders, failures) = (dossier.orders.len(), dossier.failures.len());
        self.note(Deed::Exported, orders, failures, by, now).await?;
        Ok(dossier)
    }

    /// Erases what is held of `person`: all of it, or nothing if an order is still under way. Amounts, articles and ids
    /// remain.
    ///
    /// # Errors
    /// [`PrivacyError::UnderWay`] with what is in the way; [`PrivacyError::Store`], then part of it may be erased: repeat.
    pub async fn erase(&self, person: &Person, by: &str, now: Timestamp) -> Result<Erasure, PrivacyError> {
        let orders = self.orders_of(person).await?;
        let keys: BTreeSet<OrderKey> = orders.iter().map(|order| order.key.clone()).collect();
        let failures = self.failures_of(person, &keys).await?;
        let in_the_way = in_the_way(&orders, &failures);
        if !in_the_way.is_empty() {
            return Err(PrivacyError::UnderWay(in_the_way));
        }
        let mut erasure = Erasure::default();
        for order in orders {
            if self.erase_order(&order.key, by, now).await? {
                erasure.orders.push(order.key);
            }
        }
        for failure in failures {
            self.erase_failure(&failure.id, by, now).await?;
            erasure.failures.push(failure.id);
        }
        erasure.messages = self.messages_of(person, &keys).await?.map(|messages| messages.len());
        self.note(Deed::Erased, erasure.orders.len(), erasure.failures.len(), by, now).await?;
        Ok(erasure)
    }

    /// Erases the personal data of orders that were over before `before`, until `time_is_up` says so. Answers how many.
    ///
    /// # Errors
    /// [`PrivacyError::Store`]; what was erased by then stays erased.
    pub async fn expire(
        &self,
        before: Timestamp,
        by: &str,
        now: Timestamp,
        time_is_up: &(dyn Fn() -> bool + Send + Sync),
    ) -> Result<usize, PrivacyError> {
        let (mut after, mut erased) = (None, 0);
        loop {
            let page = self.archive.orders(after.as_deref(), Some(before)).await?;
            for order in page.found.iter().filter(|order| order.facts.erased.is_none()) {
                erased += usize::from(self.erase_order(&order.key, by, now).await?);
            }
            after = page.next;
            if after.is_none() || time_is_up() {
                break;
            }
        }
        if erased > 0 {
            self.note(Deed::Expired, erased, 0, by, now).await?;
        }
        Ok(erased)
    }

    /// Whether there was something to erase, and nobody took the order up again in between.
    async fn erase_order(&self, key: &OrderKey, by: &str, now: Timestamp) -> Result<bool, StoreError> {
        for _ in 0..CONFLICTS {
            let Some(before) = self.reader.load(key).await? else { return Ok(false) };
            let mut order = Arc::unwrap_or_clone(before);
            if order.facts.erased.is_some() || !is_over(&order) {
                return Ok(false);
            }
            order.facts.erase(now);
            order.version = order.version.saturating_add(1);
            order.updated_at = now;
            let entry = TimelineEntry {
                version: order.version,
                at: now,
                cause: Cause::Operator { by: by.to_owned() },
                events: Vec::new(),
                changes: vec!["the personal data was erased".to_owned()],
                commands: Vec::new(),
                status: order.status,
            };
            match self.writer.store(&order, &entry).await {
                Ok(()) => return Ok(true),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Conflict { what: format!("order {key}") })
    }

    async fn erase_failure(&self, id: &FailureId, by: &str, now: Timestamp) -> Result<(), StoreError> {
        for _ in 0..CONFLICTS {
            let Some(mut failure) = self.failures.load(id).await? else { return Ok(()) };
            failure.message = String::new();
            failure.cause = ERASED.to_owned();
            failure.state = FailureState::Discarded;
            // What Kontor noted itself quotes causes.
            failure
                .history
                .iter_mut()
                .filter(|act| act.by == "kontor")
                .for_each(|act| act.what = ERASED.to_owned());
            let what = "discarded: the personal data was erased".to_owned();
            failure.history.push(FailureAct { at: now, by: by.to_owned(), what });
            failure.revision = failure.revision.saturating_add(1);
            match self.failures.store(&failure).await {
                Ok(()) => return Ok(()),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Conflict { what: format!("failure {id}") })
    }

    async fn orders_of(&self, person: &Person) -> Result<Vec<Order>, StoreError> {
        if let Person::Order(key) = person {
            return Ok(self.reader.load(key).await?.into_iter().map(Arc::unwrap_or_clone).collect());
        }
        let mut known: BTreeSet<Account> = BTreeSet::new();
        let mut found = self.orders_with(|order| person.placed(order)).await?;
        known.extend(found.iter().flat_map(accounts));
        if !known.is_empty() {
            let by_account = |order: &Order| accounts(order).any(|account| known.contains(&account));
            let more = self.orders_with(|order| !person.placed(order) && by_account(order)).await?;
            found.extend(more);
        }
        Ok(found)
    }

    async fn orders_with(&self, test: impl Fn(&Order) -> bool + Send) -> Result<Vec<Order>, StoreError> {
        let (mut after, mut found) = (None, Vec::new());
        loop {
            let page = self.archive.orders(after.as_deref(), None).await?;
            found.extend(page.found.into_iter().filter(&test));
            after = page.next;
            if after.is_none() {
                return Ok(found);
            }
        }
    }

    async fn failures_of(
        &self,
        person: &Person,
        keys: &BTreeSet<OrderKey>,
    ) -> Result<Vec<Failure>, StoreError> {
        let (mut after, mut found) = (None, Vec::new());
        loop {
            let page = self.archive.failures(after.as_deref()).await?;
            let theirs = |failure: &Failure| {
                failure.order.as_ref().is_some_and(|key| keys.contains(key))
                    || concerns(&failure.message, person, keys)
            };
            // What is erased already has no message any more.
            found.extend(page.found.into_iter().filter(|f| !f.message.is_empty()).filter(theirs));
            after = page.next;
            if after.is_none() {
                return Ok(found);
            }
        }
    }

    async fn messages_of(
        &self,
        person: &Person,
        keys: &BTreeSet<OrderKey>,
    ) -> Result<Option<Vec<Waiting>>, StoreError> {
        let (mut after, mut found) = (None, Vec::new());
        loop {
            let Some(page) = self.archive.messages(after.as_deref()).await? else { return Ok(None) };
            for (address, message) in page.found {
                if concerns(&message, person, keys) {
                    found.push(Waiting { queue: address.to_string(), message });
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(Some(found));
            }
        }
    }

    async fn note(
        &self,
        deed: Deed,
        orders: usize,
        failures: usize,
        by: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        tracing::info!(?deed, orders, failures, by, "a request about personal data was met");
        self.archive.note(&PrivacyAct { at: now, by: by.to_owned(), deed, orders, failures }).await
    }
}

/// Whether a message is about the person.
fn concerns(message: &str, person: &Person, keys: &BTreeSet<OrderKey>) -> bool {
    match Message::decode(message) {
        Ok(Message::Delivery(envelope)) => {
            envelope.body.bytes().is_ok_and(|body| person.is_in(&String::from_utf8_lossy(&body)))
        }
        Ok(Message::Happened(happened)) => keys.contains(&happened.order),
        Ok(Message::Command(command)) => keys.contains(&command.order),
        Ok(Message::Hint(_) | Message::Poll(_)) => false,
        Err(_) => person.is_in(message),
    }
}

fn is_over(order: &Order) -> bool {
    matches!(order.status, OrderStatus::Completed | OrderStatus::Cancelled)
}

fn in_the_way(orders: &[Order], failures: &[Failure]) -> Vec<String> {
    let orders = orders.iter().filter(|order| !is_over(order));
    let orders = orders.map(|order| format!("order {} is {}", order.key, order.status.as_str()));
    let failures = failures.iter().filter(|failure| failure.state == FailureState::Open);
    orders.chain(failures.map(|failure| format!("failure {} is open", failure.id))).collect()
}
