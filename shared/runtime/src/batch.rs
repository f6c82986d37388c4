//! A batch of messages: an outcome per record, a panic isolated per record, nothing acknowledged before it is settled.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use jiff::Timestamp;
use kontor_flow::engine::{AlertDesk, CommandDesk, EventDesk, Parked, Slip, Verdict};
use kontor_flow::ports::{Delayer, Outgoing, Received, Sender};
use kontor_flow::remedy::chain;
use kontor_flow::{Address, FailureClass, Message, Queue};

use crate::{backoff, clock};

/// How often a record may panic before it is parked. A panic is a fault of ours and seldom passes by itself.
const PANICS: u32 = 3;

/// What becomes of a record in its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It can be deleted: its effect is stored, or it is kept elsewhere.
    Delete,
    /// It stays, and comes again.
    Keep,
}

/// Works off the messages of one queue.
#[async_trait]
pub trait Worker: Send + Sync {
    /// Works off one message.
    async fn work(&self, record: &Received, now: Timestamp) -> Verdict;
}

/// Works off the events queue.
pub struct EventWorker(pub EventDesk);

#[async_trait]
impl Worker for EventWorker {
    async fn work(&self, record: &Received, now: Timestamp) -> Verdict {
        match Message::decode(&record.body) {
            Ok(message) => self.0.handle(&message, record.receives, now).await,
            Err(error) => unreadable(&error, record),
        }
    }
}

/// Works off a queue of commands.
pub struct CommandWorker {
    /// The desk.
    pub desk: CommandDesk,
    /// The queue.
    pub queue: Queue,
}

#[async_trait]
impl Worker for CommandWorker {
    async fn work(&self, record: &Received, now: Timestamp) -> Verdict {
        let message = match Message::decode(&record.body) {
            Ok(message) => message,
            Err(error) => return unreadable(&error, record),
        };
        let slip =
            Slip { message: &message, raw: &record.body, queue: self.queue, receives: record.receives };
        self.desk.handle(slip, &clock::new_owner(), now).await
    }
}

/// Works off the dead-letter queue behind a queue.
pub struct AlertWorker {
    /// The desk.
    pub desk: Arc<AlertDesk>,
    /// The queue the messages died in.
    pub queue: Queue,
}

#[async_trait]
impl Worker for AlertWorker {
    async fn work(&self, record: &Received, now: Timestamp) -> Verdict {
        let parked = Parked::from_attributes(&record.attributes);
        match self.desk.handle(self.queue, &record.id, &record.body, &parked, now).await {
            Ok(()) => Verdict::Done,
            // A dead letter is never parked: there is no place behind the dead-letter queue.
            Err(error) => {
                tracing::error!(queue = %self.queue, cause = %chain(&error), "failure could not be kept");
                Verdict::Again { attempts: record.receives, after: None }
            }
        }
    }
}

fn unreadable(error: &kontor_flow::message::MessageError, record: &Received) -> Verdict {
    Verdict::Park(Parked {
        class: FailureClass::Unreadable,
        cause: chain(error),
        attempts: record.receives,
        order: None,
    })
}

/// How long a worker may take for one record. A lease lasts longer (see [`LEASE`]), so that nobody else begins before.
pub const LIMIT: Duration = Duration::from_secs(110);

/// How long a shop is asked in one go: the last call of it may take its time, and others wait for their turn.
pub const POLLING: Duration = Duration::from_secs(40);

/// How long such a run holds its lock: longer than any worker may take, so that no other begins before.
pub const HOLD: Duration = LIMIT.saturating_add(Duration::from_secs(20));

/// How far apart the clocks of two functions may be: each of them five minutes off, one ahead and one behind.
pub const SKEW: Duration = Duration::from_secs(600);

/// How long the lease of a command lasts: as long as any worker may take, and what it called last may still be done by
/// itself. Until when it lasts says the holder's clock, whether that is over says the claimant's.
pub const LEASE: Duration = LIMIT.saturating_add(SKEW).saturating_add(Duration::from_secs(60));

/// How long a message is invisible while it is worked on.
pub const VISIBILITY: Duration = Duration::from_secs(150);

/// Puts settled records where they belong.
#[derive(Clone)]
pub struct Post {
    /// Sends to dead-letter queues.
    pub sender: Arc<dyn Sender>,
    /// Postpones.
    pub delayer: Arc<dyn Delayer>,
}

impl Post {
    /// Works off one record within `limit`, whatever happens in it. A record cut off by the limit comes again; if it was
    /// a command, its lease says that its outcome is unknown.
    pub async fn settle(
        &self,
        worker: &dyn Worker,
        from: Address,
        record: &Received,
        now: Timestamp,
        limit: Duration,
    ) -> Outcome {
        let work = tokio::time::timeout(limit, AssertUnwindSafe(worker.work(record, now)).catch_unwind());
        let verdict = match work.await {
            Ok(Ok(verdict)) => verdict,
            Ok(Err(_)) => panicked(record),
            Err(_) => {
                // Not postponed: a message that always takes too long must count as a crash in the end.
                tracing::error!(queue = %from, receives = record.receives, "message took too long and comes again");
                return Outcome::Keep;
            }
        };
        metrics::counter!("records", "queue" => from.to_string(), "verdict" => word(&verdict)).increment(1);
        match verdict {
            Verdict::Done => Outcome::Delete,
            Verdict::Again { attempts, after } => {
                self.postpone(from, record, attempts, after).await;
                Outcome::Keep
            }
            Verdict::Park(parked) => self.park(from, record, &parked).await,
        }
    }

    async fn postpone(&self, from: Address, record: &Received, attempts: u32, after: Option<Duration>) {
        let pause = backoff::pause(attempts, after);
        if let Err(error) = self.delayer.delay(from, &record.receipt, pause).await {
            // It comes again all the same, when the visibility timeout of its queue is over.
            tracing::warn!(queue = %from, cause = %chain(&error), "message could not be postponed");
        }
    }

    async fn park(&self, from: Address, record: &Received, parked: &Parked) -> Outcome {
        let (Address::Live(queue) | Address::Dead(queue)) = from;
        let order = parked.order.as_ref().map(ToString::to_string).unwrap_or_default();
        tracing::error!(
            queue = %queue, order, class = parked.class.as_str(), attempts = parked.attempts, cause = %parked.cause,
            "message is parked as a failure"
        );
        let dead =
            Outgoing { body: record.body.clone(), attributes: parked.attributes(), ..Outgoing::default() };
        match self.sender.send(Address::Dead(queue), vec![dead]).await {
            Ok(()) => Outcome::Delete,
            Err(error) => {
                tracing::error!(queue = %queue, cause = %chain(&error), "message could not be parked and stays");
                self.postpone(from, record, parked.attempts, None).await;
                Outcome::Keep
            }
        }
    }
}

fn panicked(record: &Received) -> Verdict {
    if record.receives < PANICS {
        return Verdict::Again { attempts: record.receives, after: None };
    }
    Verdict::Park(Parked {
        class: FailureClass::Crash,
        cause: "the worker panicked on it; this is a fault in Kontor".to_owned(),
        attempts: record.receives,
        order: None,
    })
}

fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Done => "done",
        Verdict::Again { .. } => "again",
        Verdict::Park(_) => "park",
    }
}

/// The attributes of a record that the engine reads, out of an SQS record.
pub(crate) fn received(record: aws_lambda_events::sqs::SqsMessage) -> Option<Received> {
    let receives = record.attributes.get("ApproximateReceiveCount").and_then(|n| n.parse().ok()).unwrap_or(1);
    let word = |value: aws_lambda_events::sqs::SqsMessageAttribute| value.string_value;
    let attributes: BTreeMap<String, String> = record
        .message_attributes
        .into_iter()
        .filter_map(|(name, value)| Some((name, word(value)?)))
        .collect();
    Some(Received {
        id: record.message_id?,
        receipt: record.receipt_handle?,
        body: record.body.unwrap_or_default(),
        attributes,
        receives,
    })
}
