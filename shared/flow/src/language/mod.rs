//! The flow language: the merchant's business logic as a small graph of steps with conditions, written in YAML.

mod condition;

use std::time::Duration;

pub use condition::{Condition, ConditionError, Vars};

use crate::{Action, FlowRef, StepName};

/// What a step is done for, once each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Each {
    /// Every parcel that left.
    Shipments,
}

/// A flow, read and checked.
#[derive(Debug)]
pub struct Flow {
    /// Name and version.
    pub id: FlowRef,
    /// The steps, every step after those it needs.
    pub steps: Vec<Step>,
    /// What is done when the order is cancelled, in this order.
    pub on_cancel: Vec<Step>,
    /// The text it was read from.
    pub source: String,
}

/// A step of a flow.
#[derive(Debug)]
pub struct Step {
    /// Its name, unique in the flow.
    pub name: StepName,
    /// What it does; a step without an action is a gate.
    pub action: Option<Action>,
    /// The steps that must be settled before it.
    pub needs: Vec<StepName>,
    /// Whether it is needed for this order at all.
    pub when: Option<Condition>,
    /// What it waits for once everything it needs is settled.
    pub wait_for: Option<Condition>,
    /// Send a reminder when it has waited so long.
    pub remind_after: Option<Duration>,
    /// Cancel the order when it has waited so long.
    pub give_up_after: Option<Duration>,
    /// Once for each of these.
    pub for_each: Option<Each>,
    /// The mail template, for `mail.send`.
    pub template: Option<String>,
}
