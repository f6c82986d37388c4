//! Batches of an SQS event source: every record gets its own outcome, and only what must come again is named in the answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use futures_util::future::join_all;
use jiff::Timestamp;
use kontor_aws::QueueUrls;
use kontor_flow::Address;
use kontor_flow::ports::Received;
use kontor_flow::remedy::BoxError;

use super::{Deployed, serve, time_left};
use crate::batch::{LIMIT, Outcome, Post, Worker, received};
use crate::clock;
use crate::settings::{Function, Trigger};

/// Why a batch comes again as a whole.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// A record can't be named in the answer, so the answer can't be given.
    #[error("a record has no message id or no receipt handle")]
    Nameless,
    /// It is not known which queue a record is from.
    #[error("a record is from a queue this function does not work off")]
    Stranger,
    /// There is nobody to work it off.
    #[error("the batch cannot be worked off")]
    Workshop(#[source] BoxError),
}

/// Where workers come from: made of the configuration in force.
#[async_trait]
pub trait Workshop: Send + Sync {
    /// Who works off messages of `from`.
    async fn worker(&self, from: Address, now: Timestamp) -> Result<Arc<dyn Worker>, BoxError>;
}

/// The queues a function is fed from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sources {
    /// One queue.
    One(Address),
    /// Several, by name: the last part of their URL and of their ARN.
    Named(BTreeMap<String, Address>),
}

impl Sources {
    /// The sources of a function; none if it is fed by no queue.
    #[must_use]
    pub fn of(function: Function, urls: &QueueUrls) -> Option<Self> {
        match function.trigger {
            Trigger::Queue(queue) => Some(Self::One(Address::Live(queue))),
            Trigger::DeadLetters => {
                let name = |url: &str| url.rsplit('/').next().unwrap_or_default().to_owned();
                Some(Self::Named(urls.0.iter().map(|(address, url)| (name(url), *address)).collect()))
            }
            Trigger::Http(_) | Trigger::Schedule => None,
        }
    }

    fn find(&self, arn: Option<&str>) -> Option<Address> {
        match self {
            Self::One(address) => Some(*address),
            Self::Named(names) => names.get(arn?.rsplit(':').next()?).copied(),
        }
    }
}

/// Works off batches.
pub struct Batch<W> {
    /// Where workers come from.
    pub workshop: W,
    /// Where records come from.
    pub sources: Sources,
    /// Puts settled records where they belong.
    pub post: Post,
}

impl<W: Workshop> Batch<W> {
    /// Works off a batch, all records at the same time, until shortly before `deadline`. Records for which no time is left
    /// come again.
    ///
    /// # Errors
    /// [`BatchError`]; the whole batch comes again.
    pub async fn settle(&self, event: SqsEvent, deadline: Timestamp) -> Result<SqsBatchResponse, BatchError> {
        let mut records = Vec::with_capacity(event.records.len());
        for record in event.records {
            let from = self.sources.find(record.event_source_arn.as_deref()).ok_or(BatchError::Stranger)?;
            records.push((from, received(record).ok_or(BatchError::Nameless)?));
        }
        let mut workers = BTreeMap::new();
        for (from, _) in &records {
            if !workers.contains_key(from) {
                let worker = self.workshop.worker(*from, clock::now()).await;
                workers.insert(*from, worker.map_err(BatchError::Workshop)?);
            }
        }
        let settled =
            records.iter().map(|(from, record)| self.outcome(*from, record, workers.get(from), deadline));
        Ok(response(join_all(settled).await))
    }

    async fn outcome<'a>(
        &self,
        from: Address,
        record: &'a Received,
        worker: Option<&Arc<dyn Worker>>,
        deadline: Timestamp,
    ) -> (&'a str, Outcome) {
        let now = clock::now();
        let outcome = match (worker, limit(deadline, now)) {
            (Some(worker), Some(limit)) => self.post.settle(worker.as_ref(), from, record, now, limit).await,
            (None, _) | (_, None) => Outcome::Keep,
        };
        (&record.id, outcome)
    }
}

/// How long a record may take; nothing if no time is left for it.
pub(super) fn limit(deadline: Timestamp, now: Timestamp) -> Option<Duration> {
    time_left(deadline, now).map(|left| left.min(LIMIT))
}

/// The answer to a batch: exactly the ids of the records that must come again.
#[must_use]
pub fn response<'a>(outcomes: impl IntoIterator<Item = (&'a str, Outcome)>) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    for (id, outcome) in outcomes {
        match outcome {
            Outcome::Delete => {}
            Outcome::Keep => response.add_failure(id),
        }
    }
    response
}

/// The function that works off the queues it is fed from.
///
/// # Errors
/// If it can't start.
pub async fn batch(house: Deployed, workshop: impl Workshop) -> Result<(), lambda_runtime::Error> {
    let sources = Sources::of(house.function, &house.urls).ok_or("this function is fed by no queue")?;
    let batch = &Batch { workshop, sources, post: house.post() };
    serve(house.signals, |event, deadline| async move { Ok(batch.settle(event, deadline).await?) }).await
}
