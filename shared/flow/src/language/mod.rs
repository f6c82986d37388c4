//! The flow language: the merchant's business logic as a small graph of steps with conditions, written in YAML.
//!
//! `docs/flows.md` is the guide to it. [`Flow::parse`] reads and checks a file; what is in a [`Flow`] can be carried out.

mod check;
mod condition;
mod draw;
mod fit;
mod functions;
mod problem;
mod read;
mod typecheck;
mod types;
mod vars;
mod yaml;

#[cfg(test)]
mod tests;

use std::time::Duration;

pub use condition::{Condition, ConditionError};
pub use problem::FlowProblem;
pub use vars::Vars;

use crate::ports::flow_ref;
use crate::{Action, FlowRef, Order, StepName};
use problem::{Place, Problems};

/// The largest flow file, in bytes.
const LARGEST: usize = 256 * 1024;

/// What a step is done for, once each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Each {
    /// Every parcel that left.
    Shipments,
    /// Every time the order was changed in the shop after it was booked.
    Edits,
    /// Every time money went back.
    Refunds,
}

impl Each {
    /// Every set.
    pub const ALL: [Self; 3] = [Self::Shipments, Self::Edits, Self::Refunds];

    /// The word in a flow file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Shipments => "shipments",
            Self::Edits => "edits",
            Self::Refunds => "refunds",
        }
    }

    /// One of them, in a sentence.
    #[must_use]
    pub fn one(self) -> &'static str {
        match self {
            Self::Shipments => "one shipment",
            Self::Edits => "one edit",
            Self::Refunds => "one refund",
        }
    }
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

impl Flow {
    /// Reads and checks a flow. `file` is what problems are told by; nothing is opened.
    ///
    /// # Errors
    /// Every [`FlowProblem`] found, in the file's order.
    pub fn parse(file: &str, source: &str) -> Result<Self, Vec<FlowProblem>> {
        let mut problems = Problems::of(file);
        if source.len() > LARGEST {
            problems.add(Place::START, format!("the file is larger than {} KB", LARGEST / 1024), None);
            return Err(problems.into_sorted());
        }
        let Some(root) = yaml::read(source, &mut problems) else { return Err(problems.into_sorted()) };
        let sheet = read::sheet(root, source, &mut problems);
        check::check(&sheet, &mut problems);
        let Some(name) = sheet.name.filter(|_| problems.is_empty()) else {
            return Err(problems.into_sorted());
        };
        Ok(Self {
            id: flow_ref(name, source),
            steps: check::sorted(sheet.steps).into_iter().map(read::Draft::into_step).collect(),
            on_cancel: sheet.on_cancel.into_iter().map(read::Draft::into_step).collect(),
            source: source.to_owned(),
        })
    }

    /// The flow as a Mermaid diagram; with an order, where that stands in it.
    #[must_use]
    pub fn mermaid(&self, position: Option<&Order>) -> String {
        draw::mermaid(self, position)
    }

    /// The flow as a self-contained SVG; with an order, where that stands in it.
    #[must_use]
    pub fn svg(&self, position: Option<&Order>) -> String {
        draw::svg(self, position)
    }
}
