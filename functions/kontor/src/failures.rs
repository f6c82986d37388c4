//! `kontor failures`: look at what could not be processed, and settle it.

use std::path::Path;
use std::process::ExitCode;

use kontor_flow::remedy::BoxError;
use kontor_flow::{Failure, FailureClass, FailureId, FailureState, Message};

use crate::args::Failures;
use crate::office::{Answer, Question, ask};
use crate::orders::unexpected;
use crate::out::{Out, table};

pub(crate) async fn run(data: &Path, what: Failures, out: Out) -> Result<ExitCode, BoxError> {
    match what {
        Failures::List { state, class, limit } => {
            let state = match state.as_str() {
                "all" => None,
                word => Some(
                    FailureState::named(word).ok_or_else(|| format!("{word:?} is no state of a failure"))?,
                ),
            };
            let class = class
                .map(|word| {
                    FailureClass::named(&word).ok_or_else(|| format!("{word:?} is no class of failures"))
                })
                .transpose()?;
            let question = Question::Failures { state, class, limit };
            let Answer::Failures(failures) = ask(data, question).await? else { return Err(unexpected()) };
            out.show(&failures, |failures| list(failures))?;
        }
        Failures::Show { id, body } => {
            let failure = one(data, Question::Failure { id: FailureId::typed(&id) }, &id).await?;
            if body { out.line(&raw_body(&failure)?)? } else { out.show(&failure, show)? }
        }
        Failures::Replay { id, body, by } => {
            let body = body.map(std::fs::read_to_string).transpose()?;
            let failure = one(data, Question::Replay { id: FailureId::typed(&id), body, by }, &id).await?;
            out.show(&failure, |failure| format!("{}: {}", failure.id, failure.state.as_str()))?;
        }
        Failures::Discard { id, because, by } => {
            let failure =
                one(data, Question::Discard { id: FailureId::typed(&id), because, by }, &id).await?;
            out.show(&failure, |failure| format!("{}: {}", failure.id, failure.state.as_str()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn one(data: &Path, question: Question, id: &str) -> Result<Failure, BoxError> {
    let Answer::Failure(failure) = ask(data, question).await? else { return Err(unexpected()) };
    Ok(*failure.ok_or_else(|| format!("there is no failure {id}"))?)
}

fn list(failures: &[Failure]) -> String {
    if failures.is_empty() {
        return "no failures".to_owned();
    }
    let rows = failures.iter().map(|failure| {
        vec![
            failure.id.to_string(),
            failure.class.as_str().to_owned(),
            failure.queue.to_string(),
            failure.order.as_ref().map(ToString::to_string).unwrap_or_default(),
            failure.times.to_string(),
            format!("{:.0}", failure.last_at),
            failure.state.as_str().to_owned(),
            failure.cause.chars().take(120).collect(),
        ]
    });
    table(&["failure", "class", "queue", "order", "times", "last", "state", "cause"], rows).to_string()
}

fn show(failure: &Failure) -> String {
    let mut lines = vec![
        format!("failure  {} ({}, {})", failure.id, failure.class.as_str(), failure.state.as_str()),
        format!("queue    {}", failure.queue),
        format!(
            "order    {}",
            failure.order.as_ref().map_or_else(|| "unknown".to_owned(), ToString::to_string)
        ),
        format!("cause    {}", failure.cause),
        format!(
            "attempts {}, failed {} times, {:.0} to {:.0}",
            failure.attempts, failure.times, failure.first_at, failure.last_at
        ),
    ];
    lines.extend(failure.history.iter().map(|act| format!("{:.0} {}: {}", act.at, act.by, act.what)));
    lines.push(format!("\n{}", failure.message));
    lines.join("\n")
}

fn raw_body(failure: &Failure) -> Result<String, BoxError> {
    match Message::decode(&failure.message)? {
        Message::Delivery(envelope) => Ok(String::from_utf8(envelope.body.bytes()?)?),
        Message::Happened(_) | Message::Command(_) | Message::Hint(_) => {
            Err(format!("failure {} is no delivery of a shop, so it has no body", failure.id).into())
        }
    }
}
