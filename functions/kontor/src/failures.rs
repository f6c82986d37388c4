//! `kontor failures`: look at what could not be processed, and settle it.

use std::path::Path;
use std::process::ExitCode;

use kontor_flow::remedy::BoxError;
use kontor_flow::{Failure, FailureId, Message};

use crate::args::Failures;
use crate::fault::Wrong;
use crate::office::{Answer, Question, ask};
use crate::orders::unexpected;
use crate::out::{Out, table};

pub(crate) async fn run(data: &Path, what: Failures, out: Out) -> Result<ExitCode, BoxError> {
    match what {
        Failures::List { state, class, limit } => {
            let question = Question::Failures { state: state.0, class, limit };
            let Answer::Failures(failures) = ask(data, question).await? else { return Err(unexpected()) };
            out.show(&failures, |failures| list(failures))?;
        }
        Failures::Show { id, body } => {
            let failure = one(data, Question::Failure { id: FailureId::typed(&id) }, &id).await?;
            if body { out.line(&raw_body(&failure)?)? } else { out.show(&failure, show)? }
        }
        Failures::Replay { id, body, by } => {
            let body = body.map(|path| read(&path)).transpose()?;
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

/// The longest cause in a list, in characters.
const CORE: usize = 120;

/// The end of a cause chain, where the most specific cause stands: as many whole links as a list has room for.
fn core(cause: &str) -> String {
    let links: Vec<&str> = cause.split(": ").collect();
    let tails = (0..links.len()).map(|from| links.iter().skip(from).copied().collect::<Vec<_>>().join(": "));
    let shortest = links.last().copied().unwrap_or_default();
    let tail = tails.into_iter().find(|tail| tail.chars().count() <= CORE);
    match tail {
        Some(tail) if tail == cause => tail,
        Some(tail) => format!("… {tail}"),
        None => format!("… {}…", shortest.chars().take(CORE).collect::<String>()),
    }
}

fn read(path: &Path) -> Result<String, BoxError> {
    let named = |error| {
        format!(
            "{} cannot be read ({error}); `kontor failures show ID --body` writes a body to start from",
            path.display()
        )
    };
    Ok(std::fs::read_to_string(path).map_err(|error| Wrong(named(error)))?)
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
            core(&failure.cause),
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
        Message::Happened(_) | Message::Command(_) | Message::Hint(_) | Message::Poll(_) => {
            Err(format!("failure {} is no delivery of a shop, so it has no body", failure.id).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_shows_the_end_of_a_cause() {
        assert_eq!(
            core("weclapp refused POST /salesOrder: no such article"),
            "weclapp refused POST /salesOrder: no such article"
        );
        let long = format!(
            "{}: articleId: the article SHIPPING is not known",
            "the command could not be carried out".repeat(5)
        );
        assert_eq!(core(&long), "… articleId: the article SHIPPING is not known");
        let endless = format!("short: {}", "ä".repeat(500));
        assert_eq!(core(&endless), format!("… {}…", "ä".repeat(CORE)));
        assert_eq!(core(""), "");
    }
}
