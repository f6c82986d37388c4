//! Commands: one piece of work for one outside system. The id is the idempotency key.

use std::fmt;
use std::str::FromStr;

use kontor_domain::OrderKey;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Action;

/// A text that is no name, key or id of a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no {what}")]
pub struct InvalidName {
    what: &'static str,
    text: String,
}

fn name(what: &'static str, raw: &str) -> Result<String, InvalidName> {
    let ok = !raw.is_empty()
        && raw.len() <= 48
        && raw.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-');
    if ok {
        return Ok(raw.to_owned());
    }
    Err(InvalidName { what, text: raw.chars().take(60).collect() })
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Reads a name: 1 to 48 small letters, digits, `_` and `-`.
            ///
            /// # Errors
            /// [`InvalidName`] for anything else.
            pub fn parse(raw: &str) -> Result<Self, InvalidName> {
                name($what, raw).map(Self)
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;
            fn try_from(raw: String) -> Result<Self, InvalidName> {
                Self::parse(&raw)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}

name_type!(
    /// The name of a step in its flow.
    StepName, "name of a step"
);
name_type!(
    /// The name of a flow.
    FlowName, "name of a flow"
);

/// A flow in the version an order started with. The version is the start of the hash of the flow's text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FlowRef {
    /// The flow.
    pub name: FlowName,
    /// Twelve hex digits.
    pub version: String,
}

impl fmt::Display for FlowRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

/// Names a flow's text: the version is the start of its hash.
#[must_use]
pub fn flow_ref(name: FlowName, yaml: &str) -> FlowRef {
    let version = hex::encode(Sha256::digest(yaml)).chars().take(12).collect();
    FlowRef { name, version }
}

/// A step of an order, or a step for one of its items (`for_each`). Written `<step>` or `<step>/<item>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StepKey {
    /// The step.
    pub step: StepName,
    /// The id of the item.
    pub item: Option<String>,
}

impl StepKey {
    /// The step itself.
    #[must_use]
    pub fn whole(step: StepName) -> Self {
        Self { step, item: None }
    }

    /// The step for `item`.
    #[must_use]
    pub fn item(step: StepName, item: &str) -> Self {
        Self { step, item: Some(item.to_owned()) }
    }
}

impl fmt::Display for StepKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.item {
            Some(item) => write!(f, "{}/{item}", self.step),
            None => write!(f, "{}", self.step),
        }
    }
}

impl FromStr for StepKey {
    type Err = InvalidName;
    fn from_str(raw: &str) -> Result<Self, InvalidName> {
        match raw.split_once('/') {
            Some((step, item)) if !item.is_empty() => Ok(Self::item(StepName::parse(step)?, item)),
            Some(_) => Err(InvalidName { what: "key of a step", text: raw.chars().take(60).collect() }),
            None => Ok(Self::whole(StepName::parse(raw)?)),
        }
    }
}

impl TryFrom<String> for StepKey {
    type Error = InvalidName;
    fn try_from(raw: String) -> Result<Self, InvalidName> {
        raw.parse()
    }
}

impl From<StepKey> for String {
    fn from(key: StepKey) -> Self {
        key.to_string()
    }
}

/// The idempotency key of one piece of work: `<shop>/<order id>/<step>[/<item>]`. It outlives every message that
/// carries it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CommandId(String);

impl CommandId {
    /// The id of the work that `step` of `order` asks for.
    #[must_use]
    pub fn new(order: &OrderKey, step: &StepKey) -> Self {
        Self(format!("{order}/{step}"))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One piece of work for one outside system. What it works on is read from the order when it is carried out, so that
/// the message holds no personal data and is never stale.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Command {
    /// The order it is for.
    pub order: OrderKey,
    /// The step that asks for it.
    pub step: StepKey,
    /// What to do.
    pub action: Action,
    /// The mail template, for [`Action::MailSend`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// Whether it undoes what a cancelled order left behind; everything else is withdrawn once an order is cancelled.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub undo: bool,
}

impl Command {
    /// The idempotency key.
    #[must_use]
    pub fn id(&self) -> CommandId {
        CommandId::new(&self.order, &self.step)
    }
}
