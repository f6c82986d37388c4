//! Failures: messages that could not be processed, kept whole until a person or the automatic replay settles them.

use std::fmt;

use jiff::Timestamp;
use kontor_domain::OrderKey;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Queue;

/// The id of a failure: 16 hex digits, reckoned from queue and message, so that the same message failing again is the
/// same failure.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FailureId(String);

impl FailureId {
    /// The id of the failure of `body` on `queue`.
    #[must_use]
    pub fn of(queue: Queue, body: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(queue.as_str());
        hash.update([0]);
        hash.update(body);
        Self(hex::encode(hash.finalize()).chars().take(16).collect())
    }

    /// The id as a person typed it; whether there is such a failure, the store says.
    #[must_use]
    pub fn typed(raw: &str) -> Self {
        Self(raw.trim().to_ascii_lowercase())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FailureId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What kind of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// The message or the delivery in it can't be read.
    Unreadable,
    /// The order can't be told to an outside system: unknown SKU, missing mapping.
    Unmapped,
    /// An outside system refused.
    Refused,
    /// Our credentials don't work.
    Denied,
    /// An outside system was away for too long.
    Outage,
    /// The worker crashed on it, again and again.
    Crash,
    /// An order can't go on until somebody looks at it: what is known of it contradicts itself.
    Held,
    /// A shop does not call us any more.
    Disconnected,
}

impl FailureClass {
    /// Every class.
    pub const ALL: [Self; 8] = [
        Self::Unreadable,
        Self::Unmapped,
        Self::Refused,
        Self::Denied,
        Self::Outage,
        Self::Crash,
        Self::Held,
        Self::Disconnected,
    ];

    /// The word used in attributes, lists and the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Unmapped => "unmapped",
            Self::Refused => "refused",
            Self::Denied => "denied",
            Self::Outage => "outage",
            Self::Crash => "crash",
            Self::Held => "held",
            Self::Disconnected => "disconnected",
        }
    }

    /// The class of that word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == word)
    }
}

/// Where a failure stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureState {
    /// Somebody has to look at it.
    Open,
    /// Put back into its queue; open again if it fails again.
    Replayed,
    /// Given up, with a reason.
    Discarded,
}

impl FailureState {
    /// The word used in indexes, lists and the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Replayed => "replayed",
            Self::Discarded => "discarded",
        }
    }

    /// The state of that word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        [Self::Open, Self::Replayed, Self::Discarded].into_iter().find(|state| state.as_str() == word)
    }
}

/// What was done about a failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureAct {
    /// When.
    pub at: Timestamp,
    /// Who: a person's name, or `kontor`.
    pub by: String,
    /// What, a sentence.
    pub what: String,
}

/// A message that could not be processed, with everything needed to understand and repeat it. `Debug` shows nothing of the
/// message.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Its id.
    pub id: FailureId,
    /// Counts the writes; every write is conditional on the one before. 0 is never stored.
    pub revision: u64,
    /// The queue it was on.
    pub queue: Queue,
    /// The whole message.
    pub message: String,
    /// What kind of failure.
    pub class: FailureClass,
    /// The cause chain. May hold an outside system's words.
    pub cause: String,
    /// Attempts made before it was parked.
    pub attempts: u32,
    /// The order, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderKey>,
    /// Where it stands.
    pub state: FailureState,
    /// When it failed first.
    pub first_at: Timestamp,
    /// When it failed last.
    pub last_at: Timestamp,
    /// How often it failed.
    pub times: u32,
    /// The queue's id of the dead letter that opened it: the same letter twice is one failure.
    #[serde(default)]
    pub letter: String,
    /// What was done about it, oldest first.
    #[serde(default)]
    pub history: Vec<FailureAct>,
}

impl Failure {
    /// When it failed last or something was done about it.
    #[must_use]
    pub fn touched_at(&self) -> Timestamp {
        self.history.iter().map(|act| act.at).fold(self.last_at, Timestamp::max)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, revision, queue, class, state, times, message, .. } = self;
        let (class, state) = (class.as_str(), state.as_str());
        write!(f, "Failure({id}.{revision} {queue} {class} {state} times {times}, {} bytes)", message.len())
    }
}
