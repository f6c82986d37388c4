//! What is wrong with a flow file, where, and what was probably meant.

use std::fmt;

/// Something in a flow file that keeps it from being used.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FlowProblem {
    /// The file, as it was named by the caller.
    pub file: String,
    /// The line, from 1.
    pub line: u64,
    /// The column, from 1.
    pub column: u64,
    /// What is wrong.
    pub message: String,
    /// What was probably meant, or what to do about it.
    pub help: Option<String>,
}

impl fmt::Display for FlowProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)?;
        match &self.help {
            Some(help) => write!(f, ": {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for FlowProblem {}

/// A place in a flow file: line and column, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) line: u64,
    pub(super) column: u64,
}

impl Place {
    /// Where a file begins.
    pub(super) const START: Self = Self { line: 1, column: 1 };
}

impl From<serde_saphyr::Location> for Place {
    fn from(at: serde_saphyr::Location) -> Self {
        Self { line: at.line().max(1), column: at.column().max(1) }
    }
}

/// Collects what is wrong with one file.
#[derive(Debug)]
pub(super) struct Problems {
    file: String,
    found: Vec<FlowProblem>,
}

impl Problems {
    pub(super) fn of(file: &str) -> Self {
        Self { file: file.to_owned(), found: Vec::new() }
    }

    pub(super) fn add(&mut self, at: Place, message: impl Into<String>, help: Option<String>) {
        let (line, column) = (at.line, at.column);
        self.found.push(FlowProblem { file: self.file.clone(), line, column, message: message.into(), help });
    }

    /// `what` is none of `known`; names the nearest one.
    pub(super) fn unknown<'k>(
        &mut self,
        at: Place,
        what: &str,
        word: &str,
        known: impl IntoIterator<Item = &'k str>,
    ) {
        let known: Vec<&str> = known.into_iter().collect();
        self.add(at, format!("unknown {what} {word:?}"), Some(suggestion(word, &known)));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// All of them, in the file's order, none twice.
    pub(super) fn into_sorted(mut self) -> Vec<FlowProblem> {
        self.found.sort_by(|a, b| (a.line, a.column, &a.message).cmp(&(b.line, b.column, &b.message)));
        self.found.dedup();
        self.found
    }
}

/// The nearest of `known`, as a question; all of them where none is near.
pub(super) fn suggestion(word: &str, known: &[&str]) -> String {
    let near = known
        .iter()
        .map(|candidate| (strsim::osa_distance(&word.to_lowercase(), candidate), *candidate))
        .min_by_key(|(distance, _)| *distance);
    match near {
        Some((distance, candidate)) if distance <= 1 + word.chars().count() / 4 => {
            format!("did you mean {candidate:?}?")
        }
        Some(_) => format!("there are {}", known.join(", ")),
        None => "there are none".to_owned(),
    }
}
