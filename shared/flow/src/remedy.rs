//! What can go wrong with a call to an outside system, and the one place that decides what to do about it.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Any error, as the cause of one of ours.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// An outside system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum System {
    /// weclapp, the ERP.
    Weclapp,
    /// A WooCommerce shop.
    Woocommerce,
    /// A Shopify shop.
    Shopify,
    /// A Shopware 6 shop.
    Shopware,
    /// A Smartstore shop.
    Smartstore,
    /// The mail service.
    Mail,
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Weclapp => "weclapp",
            Self::Woocommerce => "WooCommerce",
            Self::Shopify => "Shopify",
            Self::Shopware => "Shopware",
            Self::Smartstore => "Smartstore",
            Self::Mail => "the mail service",
        })
    }
}

/// What may have become of a call that did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Surely nothing: it was only a question, it never left, or it was turned away before any work.
    None,
    /// It may have been carried out all the same. Look before doing it again.
    Possible,
}

/// Why a system refused, in its own words. `detail` may hold personal data: it is kept with the failure, never logged, and
/// `Debug` shows only its length.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The system's name for the kind of problem, as in `validation` or `optimistic_lock`.
    pub kind: String,
    /// The system's title of it.
    pub title: String,
    /// Where in the request, as the system writes it.
    pub location: Option<String>,
    /// The system's own explanation.
    pub detail: Option<String>,
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Problem({self}")?;
        match &self.detail {
            Some(detail) => write!(f, ", detail of {} bytes)", detail.len()),
            None => f.write_str(")"),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.title)?;
        match &self.location {
            Some(location) => write!(f, " at {location}"),
            None => Ok(()),
        }
    }
}

/// Why a call to an outside system came to nothing. The variants are decisions, see [`CallError::remedy`].
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No connection, no answer in time, the connection broke, or a 5xx.
    #[error("{system} did not answer {call}")]
    Unavailable {
        /// Which system.
        system: System,
        /// Which call, as in `POST /salesOrder`.
        call: &'static str,
        /// What may have become of it.
        effect: Effect,
        /// When it may be tried again, if the system said so.
        after: Option<Duration>,
        /// The cause.
        #[source]
        source: BoxError,
    },
    /// The system wants us to be slower (429 or its like). Nothing was done.
    #[error("{system} limits our rate at {call}")]
    RateLimited {
        /// Which system.
        system: System,
        /// Which call.
        call: &'static str,
        /// When it may be tried again, if the system said so.
        after: Option<Duration>,
    },
    /// Somebody else changed the same thing at the same moment. Reading again and repeating settles it.
    #[error("{system} saw a concurrent change at {call}")]
    Concurrent {
        /// Which system.
        system: System,
        /// Which call.
        call: &'static str,
        /// What it said.
        problem: Problem,
    },
    /// The system understood and said no. Trying again will not help.
    #[error("{system} refused {call} with status {status}: {problem}")]
    Refused {
        /// Which system.
        system: System,
        /// Which call.
        call: &'static str,
        /// HTTP status.
        status: u16,
        /// What it said.
        problem: Problem,
    },
    /// Our credentials are wrong or have too few rights.
    #[error("{system} does not let us in at {call} (status {status}): {problem}")]
    Denied {
        /// Which system.
        system: System,
        /// Which call.
        call: &'static str,
        /// HTTP status.
        status: u16,
        /// What it said.
        problem: Problem,
    },
    /// An answer that says success but can't be read.
    #[error("the answer of {system} to {call} cannot be read")]
    Unreadable {
        /// Which system.
        system: System,
        /// Which call.
        call: &'static str,
        /// What may have become of it.
        effect: Effect,
        /// The cause.
        #[source]
        source: BoxError,
    },
    /// The order can't be told to the system: an unknown SKU, a missing mapping, a total that differs.
    #[error("{system} cannot be told about the order: {what}")]
    Unmapped {
        /// Which system.
        system: System,
        /// What is missing, and what to do.
        what: String,
    },
    /// The job came to nothing after a part of it was carried out. A search may not find that part at once.
    #[error("{system} carried out a part of it before")]
    Begun {
        /// Which system.
        system: System,
        /// How long nobody may look for that part.
        settle: Duration,
        /// Why the rest came to nothing.
        #[source]
        source: Box<CallError>,
    },
}

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Try the same again, later.
    Retry {
        /// When, if the system said so.
        after: Option<Duration>,
    },
    /// Look whether it was done before trying again.
    Reconcile {
        /// When, if the system said so.
        after: Option<Duration>,
    },
    /// Keep it for a person: trying again can't help.
    Park,
    /// Keep it, and call somebody at once: it will hit every order.
    Alarm,
}

impl CallError {
    /// What to do about it; the only place that decides. A creating call without an answer is unknown, not failed.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Unavailable { effect: Effect::None, after, .. } => Remedy::Retry { after: *after },
            Self::Unavailable { effect: Effect::Possible, after, .. } => Remedy::Reconcile { after: *after },
            Self::RateLimited { after, .. } => Remedy::Retry { after: *after },
            Self::Concurrent { .. } => Remedy::Reconcile { after: None },
            Self::Unreadable { effect: Effect::Possible, .. } => Remedy::Reconcile { after: None },
            Self::Unreadable { effect: Effect::None, .. } | Self::Refused { .. } | Self::Unmapped { .. } => {
                Remedy::Park
            }
            Self::Denied { .. } => Remedy::Alarm,
            Self::Begun { settle, source, .. } => match source.remedy() {
                Remedy::Retry { after } | Remedy::Reconcile { after } => {
                    Remedy::Reconcile { after: Some(after.map_or(*settle, |told| told.max(*settle))) }
                }
                remedy @ (Remedy::Park | Remedy::Alarm) => remedy,
            },
        }
    }

    /// How long after this nobody may look for what was done, not even where the job is not tried again by itself:
    /// whoever looks too early finds nothing, and does it once more.
    #[must_use]
    pub fn rests(&self) -> Option<Duration> {
        match (self.remedy(), self) {
            (Remedy::Reconcile { after }, _) => after,
            (_, Self::Begun { settle, .. }) => Some(*settle),
            (Remedy::Retry { .. } | Remedy::Park | Remedy::Alarm, _) => None,
        }
    }

    /// The same, after `system` carried out a part of the job.
    #[must_use]
    pub fn after_a_part(self, system: System, settle: Duration) -> Self {
        if matches!(self, Self::Begun { .. }) {
            return self;
        }
        Self::Begun { system, settle, source: Box::new(self) }
    }

    /// What went wrong last, without what was done before.
    #[must_use]
    pub fn last(&self) -> &Self {
        if let Self::Begun { source, .. } = self { source.last() } else { self }
    }
}

/// An error with all its causes, outermost first, joined by `: `. Our errors never print their source themselves.
#[must_use]
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing_of_the_detail() {
        let detail = Some("Erika Beispiel is known already".to_owned());
        let problem = Problem {
            kind: "validation".to_owned(),
            title: "Not unique".to_owned(),
            detail,
            ..Problem::default()
        };
        assert_eq!(format!("{problem:?}"), "Problem(validation: Not unique, detail of 31 bytes)");
    }
}
