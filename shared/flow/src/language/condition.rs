//! Conditions: CEL over a documented, typed set of variables.

use std::sync::{Arc, LazyLock};

use cel::common::ast::{Expr, LiteralValue, SourceInfo, operators};
use cel::common::types::CelBool;
use cel::parser::Parser;
use cel::{Context, Env, ExecutionError, IdedExpr, Value};
use kontor_domain::OrderDraft;

use super::typecheck::{self, Checked, Clause};
use super::vars::{Pattern, Scope, Vars};
use crate::StepName;

/// The longest condition, in characters. What is longer belongs into two steps.
const LONGEST: usize = 1_000;

/// How often the innermost of several loops may go round: about a tenth of a second.
const MOST_ROUNDS: usize = 100_000;

/// How deep brackets may be nested.
const BRACKETS: usize = 16;

static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

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
    expr: IdedExpr,
    patterns: Vec<Pattern>,
    loops: u32,
}

/// What is wrong with the text of a condition, and at which character of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slip {
    pub(super) at: usize,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

impl Condition {
    /// Reads and checks a condition.
    pub(super) fn parse(text: &str, clause: Clause) -> Result<Self, Vec<Slip>> {
        let text = text.trim();
        within_bounds(text).map_err(|slip| vec![slip])?;
        // A condition over several lines of the file reads as one.
        let flat = text.replace(['\n', '\r', '\t'], " ");
        let parser = Parser::new().max_recursion_depth(64).error_recovery_limit(4);
        let (mut expr, places) =
            parser.parse_with_source_info(&flat).map_err(|errors| vec![syntax(&flat, &errors)])?;
        match typecheck::check(&mut expr, clause) {
            Ok(Checked { patterns, loops }) => Ok(Self { text: flat, expr, patterns, loops }),
            Err(faults) => Err(faults.into_iter().map(|fault| located(&places, fault)).collect()),
        }
    }

    /// The condition as written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it depends on this variable, as in `approved`.
    #[must_use]
    pub fn uses(&self, variable: &str) -> bool {
        self.expr.references().has_variable(variable)
    }

    /// Whether it holds.
    ///
    /// # Errors
    /// [`ConditionError`] if it can't be reckoned (an index past the end, a division by nothing).
    pub fn holds(&self, vars: &Vars<'_>, step: &StepName) -> Result<bool, ConditionError> {
        let fail = |why: &str| ConditionError { condition: self.text.clone(), why: why.to_owned() };
        let Some(placed) = vars.placed() else { return Err(fail("the order is not known yet")) };
        if self.rounds(placed.parts()).is_none_or(|rounds| rounds > MOST_ROUNDS) {
            return Err(fail("the order has too many lines or the customer too many tags for it"));
        }
        let scope = Scope { vars, placed, step, patterns: &self.patterns };
        let mut context = Context::with_env(Arc::clone(&ENV));
        context.set_variable_resolver(&scope);
        match Value::resolve_val(&self.expr, &context) {
            Ok(value) => match value.downcast_ref::<CelBool>() {
                Some(truth) => Ok(*truth.inner()),
                None => Err(fail("it is neither true nor false")),
            },
            Err(error) => Err(fail(reason(&error))),
        }
    }

    /// How often the innermost of its loops may go round for an order of these parts.
    fn rounds(&self, parts: &OrderDraft) -> Option<usize> {
        let most = parts.lines.len().max(parts.customer.tags.len());
        if self.loops < 2 { Some(0) } else { most.checked_pow(self.loops) }
    }

    /// What it says of every order, if it says the same of all.
    pub(super) fn constant(&self) -> Option<bool> {
        constant(&self.expr)
    }
}

/// Bounds what is given to the parser, which recurses.
fn within_bounds(text: &str) -> Result<(), Slip> {
    let slip = |at, message: String| Slip { at, message, help: Some("split it into two steps".to_owned()) };
    if text.chars().count() > LONGEST {
        return Err(slip(0, format!("the condition is longer than {LONGEST} characters")));
    }
    let mut depth = 0_usize;
    let mut run = 0_usize;
    for (at, c) in text.chars().enumerate() {
        match c {
            '(' | '[' | '{' | '?' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        run = match c {
            '!' | '-' => run + 1,
            c if c.is_whitespace() => run,
            _ => 0,
        };
        if depth > BRACKETS || run > BRACKETS {
            return Err(slip(at, format!("the condition is nested more than {BRACKETS} deep")));
        }
    }
    Ok(())
}

/// The first thing the parser stumbled over, in a merchant's words.
fn syntax(text: &str, errors: &cel::ParseErrors) -> Slip {
    let first = errors.errors.first();
    let column = first.map_or(0, |error| usize::try_from(error.pos.1 - 1).unwrap_or(0));
    let column = column.min(text.chars().count());
    let rest: String = text.chars().skip(column).collect();
    let word: String = rest.split_whitespace().next().unwrap_or_default().chars().take(24).collect();
    let message = match word.as_str() {
        "" => "the condition breaks off".to_owned(),
        word => format!("the condition cannot be read at {word:?}"),
    };
    Slip { at: column, message, help: habit(text) }
}

/// What people write who know another language.
fn habit(text: &str) -> Option<String> {
    let padded = format!(" {} ", text.to_lowercase());
    let single = |sign: char| {
        let doubled = format!("{sign}{sign}");
        text.replace(&doubled, "").replace("<=", "").replace(">=", "").replace("!=", "").contains(sign)
    };
    let habits = [
        (padded.contains(" and "), "write && for \"and\""),
        (padded.contains(" or "), "write || for \"or\""),
        (padded.contains(" not "), "write ! for \"not\""),
        (single('='), "write == for \"is\""),
        (single('&'), "write && for \"and\""),
        (single('|'), "write || for \"or\""),
    ];
    habits.iter().find(|(found, _)| *found).map(|(_, help)| (*help).to_owned())
}

fn located(places: &SourceInfo, fault: typecheck::Fault) -> Slip {
    let at = places.offset_for(fault.node).and_then(|(start, _)| usize::try_from(start).ok());
    Slip { at: at.unwrap_or(0), message: fault.message, help: fault.help }
}

/// Why, without any value of the order: those may be personal.
fn reason(error: &ExecutionError) -> &'static str {
    if matches!(error, ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_)) {
        return "it divides by nothing";
    }
    if matches!(error, ExecutionError::IndexOutOfBounds(_)) {
        return "it asks for an element past the end of a list";
    }
    if matches!(error, ExecutionError::Overflow(..)) {
        return "a number gets too large";
    }
    if matches!(error, ExecutionError::FunctionError { .. }) {
        return "a text is no number";
    }
    if matches!(error, ExecutionError::UndeclaredReference(_)) {
        return "order and payments are in different currencies";
    }
    "a value is of another kind than expected"
}

fn constant(expr: &IdedExpr) -> Option<bool> {
    if let Expr::Literal(LiteralValue::Boolean(truth)) = &expr.expr {
        return Some(*truth.inner());
    }
    if let Expr::Call(call) = &expr.expr {
        let sides: Vec<Option<bool>> = call.args.iter().map(constant).collect();
        match (call.func_name.as_str(), sides.as_slice()) {
            (operators::LOGICAL_NOT, [side]) => return side.map(|truth| !truth),
            (operators::LOGICAL_AND, [left, right]) => return both(*left, *right, false),
            (operators::LOGICAL_OR, [left, right]) => return both(*left, *right, true),
            _ => {}
        }
    }
    if !expr.references().variables().is_empty() {
        return None;
    }
    match Value::resolve(expr, &Context::with_env(Arc::clone(&ENV))) {
        Ok(Value::Bool(truth)) => Some(truth),
        _ => None,
    }
}

/// Two sides of which one, being `decisive`, settles the matter alone.
fn both(left: Option<bool>, right: Option<bool>, decisive: bool) -> Option<bool> {
    match (left, right) {
        (Some(side), _) | (_, Some(side)) if side == decisive => Some(decisive),
        (Some(_), Some(_)) => Some(!decisive),
        _ => None,
    }
}
