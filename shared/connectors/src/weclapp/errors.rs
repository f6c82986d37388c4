//! What weclapp's error answers mean: an RFC 7807-like body whose `type` is read from its last `/` on, or plain text.

use std::time::Duration;

use http::StatusCode;
use kontor_flow::remedy::Effect;
use kontor_flow::{CallError, Problem, System};

use super::wire::{ApiProblem, ValidationError};
use crate::http::Answer;

/// The longest text of an error that is kept, in characters.
const LONGEST_DETAIL: usize = 2_000;

/// The answer if it says success, else what its error means for us.
///
/// # Errors
/// The [`CallError`] whose remedy fits: concurrent changes are read again, refusals are parked, and so on.
pub(super) fn judge(call: &'static str, effect: Effect, answer: Answer) -> Result<Answer, CallError> {
    if answer.status.is_success() {
        return Ok(answer);
    }
    let system = System::Weclapp;
    let status = answer.status.as_u16();
    let problem = problem(&answer);
    Err(match (answer.status, problem.kind.as_str()) {
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) | (_, "unauthorized" | "forbidden") => {
            CallError::Denied { system, call, status, problem }
        }
        (_, "optimistic_lock" | "persistence") => CallError::Concurrent { system, call, problem },
        (StatusCode::CONFLICT, "text") => CallError::Concurrent { system, call, problem },
        (StatusCode::REQUEST_TIMEOUT, _) | (_, "request_timeout") => {
            let source = format!("status {status}: {problem}").into();
            CallError::Unavailable { system, call, effect, after: None, source }
        }
        _ => CallError::Refused { system, call, status, problem },
    })
}

/// A creating call without an answer may still wait in weclapp's queue and be carried out later: nobody looks before that
/// is over.
pub(super) fn settled(mut error: CallError, settle: Duration) -> CallError {
    if let CallError::Unavailable { effect: Effect::Possible, after, .. } = &mut error {
        *after = Some(after.map_or(settle, |told| told.max(settle)));
    }
    error
}

/// Whether weclapp says that the record is not there.
pub(super) fn is_not_found(error: &CallError) -> bool {
    matches!(error, CallError::Refused { status, problem, .. }
        if *status == 404 || problem.kind == "not_found" || problem.kind == "entity_not_found")
}

fn problem(answer: &Answer) -> Problem {
    match serde_json::from_slice::<ApiProblem>(&answer.body) {
        Ok(told) => told_problem(told),
        Err(_) => Problem {
            kind: "text".to_owned(),
            title: format!("status {} without a structured error", answer.status.as_u16()),
            location: None,
            detail: Some(shortened(&String::from_utf8_lossy(&answer.body))),
        },
    }
}

fn told_problem(told: ApiProblem) -> Problem {
    let kind = last_segment(&told.kind).to_owned();
    let first = told.validation_errors.first();
    let title = first.map_or_else(|| told.title.clone(), ValidationError::headline);
    let details = told.validation_errors.iter().filter_map(|error| error.detail.clone());
    let detail: Vec<String> = told.detail.into_iter().chain(details).collect();
    Problem {
        kind,
        title,
        location: first.and_then(|error| error.location.clone()),
        detail: (!detail.is_empty()).then(|| shortened(&detail.join("; "))),
    }
}

impl ValidationError {
    /// Its title, with the code that names the business rule.
    fn headline(&self) -> String {
        match &self.error_code {
            Some(code) => format!("{} ({code})", self.title),
            None => self.title.clone(),
        }
    }
}

fn last_segment(kind: &str) -> &str {
    kind.rsplit('/').next().unwrap_or(kind)
}

fn shortened(text: &str) -> String {
    text.chars().take(LONGEST_DETAIL).collect()
}
