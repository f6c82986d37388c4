//! What becomes of a message: done, again later, or parked as a failure.

use std::collections::BTreeMap;
use std::time::Duration;

use kontor_domain::OrderKey;

use crate::message::MessageError;
use crate::ports::{ReadError, StoreError};
use crate::privacy::Named;
use crate::remedy::chain;
use crate::{CallError, FailureClass, FlowRef, Remedy};

/// What becomes of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Its effect is stored: it can be deleted.
    Done,
    /// It is to come again.
    Again {
        /// Attempts made so far; the pause grows with them.
        attempts: u32,
        /// When, if somebody outside said so.
        after: Option<Duration>,
    },
    /// Trying again can't help: it goes to the dead-letter queue at once.
    Park(Parked),
}

/// What a parked message carries as attributes, for whoever looks at the dead-letter queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// What kind of failure.
    pub class: FailureClass,
    /// The cause chain.
    pub cause: String,
    /// Attempts made.
    pub attempts: u32,
    /// The order, if known.
    pub order: Option<OrderKey>,
}

/// The longest cause that is sent as an attribute, in characters.
const LONGEST_CAUSE: usize = 1_000;

impl Parked {
    /// As attributes of a message.
    #[must_use]
    pub fn attributes(&self) -> BTreeMap<String, String> {
        // An attribute must not be empty, and takes no control characters.
        let clean = |text: &str| -> String {
            let text: String = text.chars().filter(|c| !c.is_control()).take(LONGEST_CAUSE).collect();
            if text.is_empty() { "unknown".to_owned() } else { text }
        };
        let mut attributes = BTreeMap::from([
            ("class".to_owned(), self.class.as_str().to_owned()),
            ("cause".to_owned(), clean(&self.cause)),
            ("attempts".to_owned(), self.attempts.to_string()),
        ]);
        if let Some(order) = &self.order {
            attributes.insert("order".to_owned(), order.to_string());
        }
        attributes
    }

    /// Reads them back. A message the queue itself moved has none: its worker crashed on it.
    #[must_use]
    pub fn from_attributes(attributes: &BTreeMap<String, String>) -> Self {
        let word = |name: &str| attributes.get(name).map(String::as_str);
        Self {
            class: word("class").and_then(FailureClass::named).unwrap_or(FailureClass::Crash),
            cause: word("cause")
                .unwrap_or(
                    "the worker did not finish with it, again and again (crash, timeout or out of memory)",
                )
                .to_owned(),
            attempts: word("attempts").and_then(|n| n.parse().ok()).unwrap_or(0),
            order: word("order").and_then(|key| key.parse().ok()),
        }
    }
}

/// Why a message could not be worked off.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// Store or queue.
    #[error("the work could not be stored")]
    Store(#[from] StoreError),
    /// The delivery can't be read.
    #[error("the delivery could not be read")]
    Read(#[from] ReadError),
    /// The message can't be read or written.
    #[error("the message could not be handled")]
    Message(#[from] MessageError),
    /// The outside system.
    #[error("the command could not be carried out")]
    Call(#[from] CallError),
    /// The configuration does not know what the message speaks of.
    #[error("the configuration does not know {what}")]
    Unknown {
        /// What.
        what: String,
    },
    /// The version of the flow an order started with is gone.
    #[error("the flow {flow} that the order started with is not in the store")]
    FlowGone {
        /// The flow.
        flow: FlowRef,
    },
    /// Not a message for this function.
    #[error("this function takes no message of this kind")]
    Misdirected,
    /// Planning panicked: a fault of ours, or of the library that reckons conditions.
    #[error("planning the order {order} panicked; this is a fault in Kontor")]
    Panicked {
        /// The order.
        order: OrderKey,
    },
    /// Too many others changed the order in the same moment.
    #[error("the order {order} is changed by too many at once")]
    Crowded {
        /// The order.
        order: OrderKey,
    },
}

impl DeskError {
    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Store(StoreError::Conflict { .. } | StoreError::Unavailable { .. })
            | Self::Crowded { .. } => Remedy::Retry { after: None },
            Self::Store(StoreError::Corrupt { .. } | StoreError::Refused { .. }) | Self::FlowGone { .. } => {
                Remedy::Alarm
            }
            Self::Read(_)
            | Self::Message(_)
            | Self::Unknown { .. }
            | Self::Misdirected
            | Self::Panicked { .. } => Remedy::Park,
            Self::Call(error) => error.remedy(),
        }
    }

    /// What kind of failure it is when it is parked.
    #[must_use]
    pub fn class(&self) -> FailureClass {
        match self {
            Self::Store(StoreError::Conflict { .. } | StoreError::Unavailable { .. })
            | Self::Crowded { .. } => FailureClass::Outage,
            Self::Store(StoreError::Refused { .. }) => FailureClass::Refused,
            Self::Store(StoreError::Corrupt { .. })
            | Self::Read(_)
            | Self::Message(_)
            | Self::Misdirected => FailureClass::Unreadable,
            Self::FlowGone { .. } | Self::Unknown { .. } => FailureClass::Unmapped,
            Self::Panicked { .. } => FailureClass::Crash,
            Self::Call(error) => match error.last() {
                CallError::Unavailable { .. }
                | CallError::RateLimited { .. }
                | CallError::Concurrent { .. } => FailureClass::Outage,
                CallError::Refused { .. } => FailureClass::Refused,
                CallError::Denied { .. } => FailureClass::Denied,
                // `last` answers none of the latter.
                CallError::Unreadable { .. } | CallError::Begun { .. } => FailureClass::Unreadable,
                CallError::Unmapped { .. } => FailureClass::Unmapped,
            },
        }
    }

    /// The verdict on the message, after `attempts`.
    #[must_use]
    pub fn verdict(&self, attempts: u32, order: Option<&OrderKey>) -> Verdict {
        self.verdict_on(attempts, order, &Named::default())
    }

    /// The same, without the words of the order that name its person: an outside system may have said them.
    #[must_use]
    pub fn verdict_on(&self, attempts: u32, order: Option<&OrderKey>, named: &Named) -> Verdict {
        let cause = named.hide(&chain(self));
        match self.remedy() {
            Remedy::Retry { after } | Remedy::Reconcile { after } => {
                let order = order.map(ToString::to_string).unwrap_or_default();
                tracing::warn!(order, attempts, cause, "work is to be tried again");
                Verdict::Again { attempts, after }
            }
            Remedy::Park | Remedy::Alarm => Verdict::Park(Parked {
                class: self.class(),
                cause,
                attempts,
                order: order.or(self.order()).cloned(),
            }),
        }
    }

    /// The order, where the error itself knows it.
    fn order(&self) -> Option<&OrderKey> {
        if let Self::Read(error) = self { error.order.as_ref() } else { None }
    }
}
