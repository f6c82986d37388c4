//! Conditions: CEL over a documented, typed set of variables.

use jiff::Timestamp;

use crate::{Order, StepName};

/// A condition that can't be reckoned for an order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the condition `{condition}` cannot be reckoned: {why}")]
pub struct ConditionError {
    /// The condition, as written.
    pub condition: String,
    /// Why.
    pub why: String,
}

/// A condition of a flow, read and type-checked.
#[derive(Debug)]
pub struct Condition {
    text: String,
}

impl Condition {
    /// The condition as written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it holds.
    ///
    /// # Errors
    /// [`ConditionError`] if it can't be reckoned (an index past the end, a division by nothing).
    pub fn holds(&self, vars: &Vars<'_>, step: &StepName) -> Result<bool, ConditionError> {
        let _ = (vars, step);
        Ok(false)
    }
}

/// The variables of one order, made when first asked for.
pub struct Vars<'a> {
    order: &'a Order,
    now: Timestamp,
}

impl<'a> Vars<'a> {
    /// The variables of `order`.
    #[must_use]
    pub fn of(order: &'a Order, now: Timestamp) -> Self {
        Self { order, now }
    }
}
