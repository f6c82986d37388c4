//! The order: all facts known about one shop order, and the state of each step of its flow.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kontor_domain::{Money, OrderKey, OrderNumber};
use serde::{Deserialize, Serialize};

use crate::{Command, CommandId, Facts, FailureId, FlowRef, StepKey, StepResult};

/// Where a step stands. The plan alone changes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Not yet: something must happen first.
    Waiting {
        /// What must happen, in words.
        on: String,
        /// Since when.
        since: Timestamp,
        /// When the reminder was sent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reminded: Option<Timestamp>,
    },
    /// The command is to be sent, or sent already: this state *is* the outbox.
    Requested {
        /// The command.
        command: Command,
        /// How often it was sent: from 1.
        attempt: u32,
        /// When it was sent last.
        since: Timestamp,
    },
    /// Done.
    Done {
        /// What came of it.
        result: StepResult,
    },
    /// Not needed for this order.
    Skipped {
        /// Why.
        because: String,
    },
    /// Parked as a failure; a replay can still bring it to an end.
    Failed {
        /// The command, to be carried out once the failure is settled.
        command: Command,
        /// Where it is kept.
        failure: FailureId,
        /// Why, in words.
        cause: String,
    },
}

impl StepState {
    /// Whether nothing more is to come of it.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        matches!(self, Self::Done { .. } | Self::Skipped { .. })
    }

    /// The state in words, to follow the step's name: `is requested`, `waits on order.paid`.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::Waiting { on, reminded: None, .. } => format!("waits on {on}"),
            Self::Waiting { on, reminded: Some(_), .. } => format!("waits on {on}, reminded"),
            Self::Requested { attempt: 1, .. } => "is requested".to_owned(),
            Self::Requested { attempt, .. } => format!("is requested for the {attempt}. time"),
            Self::Done { result } => format!("is done: {}", result.sentence()),
            Self::Skipped { because } => format!("is skipped: {because}"),
            Self::Failed { failure, cause, .. } => format!("failed ({failure}): {cause}"),
        }
    }

    /// The command it asked for, if it may still be carried out.
    #[must_use]
    pub fn command(&self) -> Option<&Command> {
        match self {
            Self::Requested { command, .. } | Self::Failed { command, .. } => Some(command),
            Self::Waiting { .. } | Self::Done { .. } | Self::Skipped { .. } => None,
        }
    }
}

/// Which way the order goes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Course {
    /// Through its flow.
    #[default]
    Forward,
    /// Back: everything begun is undone by the flow's `on_cancel`.
    Cancelling {
        /// Why, in words.
        because: String,
        /// Since when.
        since: Timestamp,
    },
}

/// Where the order stands as a whole; what lists and indexes go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    /// Something is known of it, but not yet the order itself.
    Incomplete,
    /// Commands are under way.
    InWork,
    /// It waits for something outside: a payment, an approval, the warehouse.
    Waiting,
    /// It can't go on: facts contradict each other, or a condition can't be reckoned.
    Held,
    /// A step is parked as a failure.
    Failed,
    /// Everything is done.
    Completed,
    /// It is cancelled, here and outside.
    Cancelled,
}

impl OrderStatus {
    /// Every status.
    pub const ALL: [Self; 7] = [
        Self::Incomplete,
        Self::InWork,
        Self::Waiting,
        Self::Held,
        Self::Failed,
        Self::Completed,
        Self::Cancelled,
    ];

    /// Whether nothing more is to be done about it.
    #[must_use]
    pub fn is_over(self) -> bool {
        match self {
            Self::Completed | Self::Cancelled => true,
            Self::Incomplete | Self::InWork | Self::Waiting | Self::Held | Self::Failed => false,
        }
    }

    /// The word used in indexes, lists and the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Incomplete => "incomplete",
            Self::InWork => "in_work",
            Self::Waiting => "waiting",
            Self::Held => "held",
            Self::Failed => "failed",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The status of that word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

/// One order with everything that is kept of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// What it is filed under.
    pub key: OrderKey,
    /// The flow it started with.
    pub flow: FlowRef,
    /// Counts the writes: the first is 1. Every write is conditional on the one before.
    pub version: u64,
    /// When the first word of it came.
    pub first_seen: Timestamp,
    /// When it was written last.
    pub updated_at: Timestamp,
    /// What is known.
    pub facts: Facts,
    /// Where each step stands.
    pub steps: BTreeMap<StepKey, StepState>,
    /// Which way it goes.
    #[serde(default)]
    pub course: Course,
    /// Where it stands as a whole.
    pub status: OrderStatus,
    /// Why it is held, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
    /// When it is to be looked at again even if nothing happens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
}

impl Order {
    /// An order of which nothing is known yet; version 0 is never stored.
    #[must_use]
    pub fn unheard_of(key: OrderKey, flow: FlowRef, now: Timestamp) -> Self {
        Self {
            key,
            flow,
            version: 0,
            first_seen: now,
            updated_at: now,
            facts: Facts::default(),
            steps: BTreeMap::new(),
            course: Course::Forward,
            status: OrderStatus::Incomplete,
            held: None,
            due_at: None,
        }
    }

    /// The line of this order in a list.
    #[must_use]
    pub fn summary(&self) -> OrderSummary {
        let placed = self.facts.order().map(kontor_domain::PlacedOrder::parts);
        OrderSummary {
            key: self.key.clone(),
            number: placed.map(|p| p.number.clone()),
            total: placed.map(|p| p.total),
            status: self.status,
            first_seen: self.first_seen,
            updated_at: self.updated_at,
        }
    }
}

/// An order in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderSummary {
    /// What it is filed under.
    pub key: OrderKey,
    /// The number the customer sees, once known.
    pub number: Option<OrderNumber>,
    /// What it is worth, once known.
    pub total: Option<Money>,
    /// Where it stands.
    pub status: OrderStatus,
    /// When the first word of it came.
    pub first_seen: Timestamp,
    /// When it was written last.
    pub updated_at: Timestamp,
}

/// What made an order change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A delivery of the shop, by the hash of its content.
    Delivery {
        /// Start of the SHA-256 of topic and body.
        digest: String,
        /// The shop's topic.
        topic: String,
    },
    /// A worker reported.
    Report,
    /// The order was due.
    Due,
    /// A person.
    Operator {
        /// Who.
        by: String,
    },
}

/// One entry of an order's timeline, written with the state in one transaction. Holds no personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// The version of the order this led to.
    pub version: u64,
    /// When, by our clock.
    pub at: Timestamp,
    /// What made it change.
    pub cause: Cause,
    /// The events, by their words, as of when.
    pub events: Vec<(String, Timestamp)>,
    /// What changed, a sentence each.
    pub changes: Vec<String>,
    /// Commands issued.
    pub commands: Vec<CommandId>,
    /// Where the order stood afterwards.
    pub status: OrderStatus,
}
