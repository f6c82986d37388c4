//! What an operator asks of the store: by a socket in the data folder if a process works there, else directly.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use jiff::Timestamp;
use kontor_domain::{OrderKey, ShopId};
use kontor_embedded::Engine;
use kontor_flow::engine::{Dossier, Erasure, Progress, ReplayDesk};
use kontor_flow::order::OrderSummary;
use kontor_flow::ports::{
    Archive as _, Configs, FailureFilter, OrderFilter, OrderIndex, Outgoing, PrivacyAct, Sender as _,
};
use kontor_flow::privacy::Person;
use kontor_flow::remedy::{BoxError, chain};
use kontor_flow::revision::revision;
use kontor_flow::{
    Action, Address, Booked, Course, Decision, Event, EventRecord, Failure, FailureClass, FailureId,
    FailureState, Finish, Flow, Happened, Message, Order, OrderStatus, Queue, Step, StepKey, StepName,
    StepResult, StepState, TimelineEntry,
};
use kontor_runtime::clock;
use serde::{Deserialize, Serialize};
use tokio::net::UnixListener;
use tokio::sync::watch;

use crate::fault::Wrong;
use crate::house::open_engine;
use crate::privacy::answer::{Met, answer as meet};
use crate::privacy::{privacy_desk, refused};
use crate::shops;
use crate::up::stopped;

/// The socket in the data folder. Who may write to the folder may use it.
const SOCKET: &str = "control.sock";

/// What can be asked.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Question {
    /// Orders in a list.
    Orders { status: Option<OrderStatus>, shop: Option<ShopId>, limit: usize },
    /// One order with its timeline.
    Order { key: OrderKey },
    /// A person's decision on a step that waits for approval.
    Decide { key: OrderKey, step: StepName, approved: bool, by: String },
    /// A person did by hand what a failed step could not.
    Settle { key: OrderKey, step: StepKey, by: String },
    /// How far shops were asked for their orders.
    Progress { shops: Vec<ShopId> },
    /// Ask a shop for its orders, from then on if given.
    Sync { shop: ShopId, since: Option<Timestamp> },
    /// Failures in a list.
    Failures { state: Option<FailureState>, class: Option<FailureClass>, limit: usize },
    /// One failure.
    Failure { id: FailureId },
    /// Put a failure's message back into its queue.
    Replay { id: FailureId, body: Option<String>, by: String },
    /// Everything that is held of a person.
    Export { person: Person, by: String },
    /// Erase what is held of a person.
    Erase { person: Person, by: String },
    /// Erase what was over before then.
    Expire { before: Timestamp, by: String },
    /// Meet a shop's request about personal data.
    Meet { id: FailureId, by: String },
    /// What was done about personal data.
    Acts,
    /// Give a failure up.
    Discard { id: FailureId, because: String, by: String },
}

/// What is answered.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// Orders in a list.
    Orders(Vec<OrderSummary>),
    /// One order with its timeline; none if there is none.
    Order(Option<Box<(Order, Vec<TimelineEntry>)>>),
    /// How far each was asked, as its cursor has it; nothing if never.
    Progress(Vec<Option<Progress>>),
    /// It is being asked.
    Asked,
    /// The decision is under way.
    Decided,
    /// Failures in a list.
    Failures(Vec<Failure>),
    /// One failure, as it is now; none if there is none.
    Failure(Option<Box<Failure>>),
    /// Everything that is held of a person.
    Dossier(Box<Dossier>),
    /// What was erased.
    Erased(Erasure),
    /// A shop's request is met.
    Met(Met),
    /// From so many orders something was erased.
    Expired(usize),
    /// What was done about personal data.
    Acts(Vec<PrivacyAct>),
    /// What is wrong with the question.
    Wrong(String),
    /// Why there is no answer.
    Error(String),
}

/// Asks the process that works on `data`, or the store itself if there is none.
pub(crate) async fn ask(data: &Path, question: Question) -> Result<Answer, BoxError> {
    let socket = data.join(SOCKET);
    let answer = if tokio::net::UnixStream::connect(&socket).await.is_ok() {
        let client = reqwest::Client::builder().unix_socket(socket).build()?;
        client.post("http://kontor/").json(&question).send().await?.error_for_status()?.json().await?
    } else if data.join("kontor.db").exists() {
        reply(&open_engine(data)?, question).await
    } else {
        return Err(
            format!("there is no Kontor in {}; `kontor up --data DIR` makes one", data.display()).into()
        );
    };
    match answer {
        Answer::Wrong(why) => Err(Wrong(why).into()),
        Answer::Error(why) => Err(why.into()),
        answer @ (Answer::Orders(_)
        | Answer::Order(_)
        | Answer::Progress(_)
        | Answer::Asked
        | Answer::Decided
        | Answer::Failures(_)
        | Answer::Failure(_)
        | Answer::Dossier(_)
        | Answer::Erased(_)
        | Answer::Met(_)
        | Answer::Expired(_)
        | Answer::Acts(_)) => Ok(answer),
    }
}

/// Opens the socket. A socket that a dead process left behind is replaced.
pub(crate) fn listen(data: &Path) -> Result<(UnixListener, PathBuf), BoxError> {
    let path = data.join(SOCKET);
    if path.exists() {
        std::fs::remove_file(&path)?;
    }
    Ok((UnixListener::bind(&path)?, path))
}

/// Answers until `stop` turns true.
pub(crate) async fn serve(
    (listener, path): (UnixListener, PathBuf),
    engine: Engine,
    stop: watch::Receiver<bool>,
) {
    let routes = Router::new().route("/", post(answer)).with_state(Arc::new(engine));
    if let Err(error) = axum::serve(listener, routes).with_graceful_shutdown(stopped(stop)).await {
        tracing::error!(cause = %error, "operators cannot be answered");
    }
    if let Err(error) = std::fs::remove_file(&path) {
        tracing::warn!(cause = %error, "the control socket could not be removed");
    }
}

async fn answer(State(engine): State<Arc<Engine>>, Json(question): Json<Question>) -> Json<Answer> {
    Json(reply(&engine, question).await)
}

async fn reply(engine: &Engine, question: Question) -> Answer {
    work(engine, question).await.unwrap_or_else(|error| match error.downcast_ref::<Wrong>() {
        Some(Wrong(why)) => Answer::Wrong(why.clone()),
        None => Answer::Error(chain(error.as_ref())),
    })
}

async fn work(engine: &Engine, question: Question) -> Result<Answer, BoxError> {
    let desk = || ReplayDesk { failures: Arc::new(engine.clone()), sender: Arc::new(engine.clone()) };
    Ok(match question {
        Question::Orders { status, shop, limit } => {
            Answer::Orders(OrderIndex::list(engine, &OrderFilter { status, shop, limit }).await?)
        }
        Question::Order { key } => {
            let order = kontor_flow::ports::OrderReader::load(engine, &key).await?;
            match order {
                Some(order) => {
                    let timeline = engine.timeline(&key).await?;
                    Answer::Order(Some(Box::new((Arc::unwrap_or_clone(order), timeline))))
                }
                None => Answer::Order(None),
            }
        }
        Question::Decide { key, step, approved, by } => {
            decide(engine, key, step, Decision { approved, by, revision: None }).await?;
            Answer::Decided
        }
        Question::Settle { key, step, by } => {
            settle(engine, key, step, by).await?;
            Answer::Decided
        }
        Question::Progress { shops } => Answer::Progress(shops::progress(engine, &shops).await?),
        Question::Sync { shop, since } => {
            shops::sync(engine, engine, &shop, since).await?;
            Answer::Asked
        }
        Question::Failures { state, class, limit } => Answer::Failures(
            kontor_flow::ports::Failures::list(engine, &FailureFilter { state, class, limit }).await?,
        ),
        Question::Failure { id } => {
            Answer::Failure(kontor_flow::ports::Failures::load(engine, &id).await?.map(Box::new))
        }
        Question::Replay { id, body, by } => {
            let replayed = desk().replay(&id, body.as_deref().map(str::as_bytes), &by, clock::now()).await?;
            Answer::Failure(Some(Box::new(replayed)))
        }
        Question::Export { person, by } => {
            Answer::Dossier(Box::new(privacy_desk(engine).export(&person, &by, clock::now()).await?))
        }
        Question::Erase { person, by } => {
            let erased = privacy_desk(engine).erase(&person, &by, clock::now()).await;
            Answer::Erased(erased.map_err(refused)?)
        }
        Question::Expire { before, by } => {
            Answer::Expired(privacy_desk(engine).expire(before, &by, clock::now(), &|| false).await?)
        }
        Question::Meet { id, by } => Answer::Met(meet(engine, &id, &by).await?),
        Question::Acts => Answer::Acts(engine.acts().await?),
        Question::Discard { id, because, by } => {
            Answer::Failure(Some(Box::new(desk().discard(&id, &because, &by, clock::now()).await?)))
        }
    })
}

/// Sends the decision as an event; the order takes it in like any other.
async fn decide(engine: &Engine, key: OrderKey, step: StepName, decision: Decision) -> Result<(), BoxError> {
    let order = kontor_flow::ports::OrderReader::load(engine, &key).await?;
    let order = order.ok_or_else(|| format!("there is no order {key}"))?;
    let name = order.flow.to_string();
    let text = Configs::flow(engine, &order.flow).await?;
    let text = text.ok_or_else(|| format!("the flow {name} of order {key} is not in the store"))?;
    let flow = Flow::parse(&name, &text)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
    if let Some(why) = idle(&order, &flow, &step) {
        return Err(Wrong(why).into());
    }
    let decision = Decision { revision: order.facts.order().map(revision), ..decision };
    let event = EventRecord::told(clock::now(), Event::Decided { step, decision });
    let body = Message::Happened(Happened { order: key, events: vec![event] }).encode()?;
    Ok(engine.send(Address::Live(Queue::Events), vec![Outgoing::now(body)]).await?)
}

/// Tells that a person did what a failed step was to do. The order goes on from there; its failure is settled with the next
/// replay, which finds nothing left to do.
async fn settle(engine: &Engine, key: OrderKey, step: StepKey, by: String) -> Result<(), BoxError> {
    let order = kontor_flow::ports::OrderReader::load(engine, &key).await?;
    let order = order.ok_or_else(|| format!("there is no order {key}"))?;
    let Some(StepState::Failed { command, failure, .. }) = order.steps.get(&step) else {
        let failed = order.steps.iter().filter(|(_, state)| matches!(state, StepState::Failed { .. }));
        let failed: Vec<String> = failed.map(|(step, _)| step.to_string()).collect();
        let which = if failed.is_empty() {
            "none has".to_owned()
        } else {
            format!("these have: {}", failed.join(", "))
        };
        return Err(Wrong(format!("step {step} of order {key} has not failed; {which}")).into());
    };
    if command.action == Action::ErpUpdate && edited_since(&step, &engine.timeline(&key).await?) {
        return Err(Wrong(format!(
            "order {key} was changed again after step {step} failed; see what is there now, \
             `kontor failures replay {failure}` first, and settle it if that fails, too"
        ))
        .into());
    }
    let booked = (command.action == Action::ErpUpdate).then(|| Booked::of(&order.facts)).flatten();
    let finish = Finish { result: StepResult::Settled { by, booked }, calls: 0 };
    let event = EventRecord::told(clock::now(), Event::Finished { step, finish });
    let body = Message::Happened(Happened { order: key, events: vec![event] }).encode()?;
    Ok(engine.send(Address::Live(Queue::Events), vec![Outgoing::now(body)]).await?)
}

/// Whether the shop changed the order after `step` failed: what a person did then was done for what stood there before.
fn edited_since(step: &StepKey, timeline: &[TimelineEntry]) -> bool {
    let failed = format!("{step} failed ");
    let fails = |entry: &TimelineEntry| entry.changes.iter().any(|change| change.starts_with(&failed));
    let last = timeline.iter().filter(|entry| fails(entry)).map(|entry| entry.version).max();
    let edited = |entry: &TimelineEntry| entry.events.iter().any(|(word, _)| word == "placed");
    last.is_some_and(|last| timeline.iter().any(|entry| entry.version > last && edited(entry)))
}

/// Why a decision on `step` would change nothing, if so.
fn idle(order: &Order, flow: &Flow, step: &StepName) -> Option<String> {
    let decidable = |step: &&Step| step.wait_for.as_ref().is_some_and(|condition| condition.uses("approved"));
    let names: Vec<&str> = flow.steps.iter().filter(decidable).map(|step| step.name.as_str()).collect();
    if !names.contains(&step.as_str()) {
        let which = match names.as_slice() {
            [] => "no step of it does".to_owned(),
            names => format!("of its steps, these do: {}", names.join(", ")),
        };
        let what = match flow.steps.iter().any(|known| known.name == *step) {
            true => "does not wait for approval",
            false => "is not there",
        };
        return Some(format!("step {step} of the flow {} {what}; {which}", flow.id.name));
    }
    if let Course::Cancelling { because, .. } = &order.course {
        return Some(format!("order {} is cancelled already: {because}", order.key));
    }
    let mut states = order.steps.iter().filter(|(key, _)| key.step == *step).map(|(_, state)| state);
    let settled = states.find(|state| state.is_settled())?;
    Some(format!(
        "there is nothing left to decide: step {step} of order {} {}",
        order.key,
        settled.sentence()
    ))
}

#[cfg(test)]
mod tests {
    use kontor_flow::order::Cause;

    use super::*;

    #[test]
    fn what_was_done_by_hand_was_done_for_what_stood_there_before() {
        let entry = |version, word: &str, change: &str| TimelineEntry {
            version,
            at: Timestamp::UNIX_EPOCH,
            cause: Cause::Report,
            events: vec![(word.to_owned(), Timestamp::UNIX_EPOCH)],
            changes: vec![change.to_owned()],
            commands: Vec::new(),
            status: OrderStatus::Failed,
        };
        let mut timeline = vec![
            entry(1, "placed", "update/1 is asked for"),
            entry(2, "failed", "update/1 failed (9a): goods have left"),
            entry(3, "failed", "update/10 failed (9b): goods have left"),
        ];
        let step = "update/1".parse().unwrap();
        assert!(!edited_since(&step, &timeline));
        timeline.push(entry(4, "placed", ""));
        assert!(edited_since(&step, &timeline));
        timeline.push(entry(5, "failed", "update/1 failed (9a): goods have left"));
        assert!(!edited_since(&step, &timeline), "the ERP was asked again, with what is there now");
    }
}
