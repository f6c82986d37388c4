//! What an operator asks of the store: by a socket in the data folder if a process works there, else directly.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use kontor_domain::OrderKey;
use kontor_embedded::Engine;
use kontor_flow::engine::ReplayDesk;
use kontor_flow::order::OrderSummary;
use kontor_flow::ports::{FailureFilter, OrderFilter, OrderIndex, Outgoing, Sender as _};
use kontor_flow::remedy::{BoxError, chain};
use kontor_flow::{
    Address, Decision, Event, EventRecord, Failure, FailureClass, FailureId, FailureState, Happened, Message,
    Order, OrderStatus, Queue, StepName, TimelineEntry,
};
use kontor_runtime::clock;
use serde::{Deserialize, Serialize};
use tokio::net::UnixListener;
use tokio::sync::watch;

use crate::house::open_engine;
use crate::up::stopped;

/// The socket in the data folder. Who may write to the folder may use it.
const SOCKET: &str = "control.sock";

/// What can be asked.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Question {
    /// Orders in a list.
    Orders { status: Option<OrderStatus>, shop: Option<kontor_domain::ShopId>, limit: usize },
    /// One order with its timeline.
    Order { key: OrderKey },
    /// A person's decision on a step that waits for approval.
    Decide { key: OrderKey, step: StepName, approved: bool, by: String },
    /// Failures in a list.
    Failures { state: Option<FailureState>, class: Option<FailureClass>, limit: usize },
    /// One failure.
    Failure { id: FailureId },
    /// Put a failure's message back into its queue.
    Replay { id: FailureId, body: Option<String>, by: String },
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
    /// The decision is under way.
    Decided,
    /// Failures in a list.
    Failures(Vec<Failure>),
    /// One failure, as it is now; none if there is none.
    Failure(Option<Box<Failure>>),
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
    if let Answer::Error(why) = answer { Err(why.into()) } else { Ok(answer) }
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
    work(engine, question).await.unwrap_or_else(|error| Answer::Error(chain(error.as_ref())))
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
                Some(order) => Answer::Order(Some(Box::new((order, engine.timeline(&key).await?)))),
                None => Answer::Order(None),
            }
        }
        Question::Decide { key, step, approved, by } => {
            decide(engine, key, step, Decision { approved, by }).await?;
            Answer::Decided
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
        Question::Discard { id, because, by } => {
            Answer::Failure(Some(Box::new(desk().discard(&id, &because, &by, clock::now()).await?)))
        }
    })
}

/// Sends the decision as an event; the order takes it in like any other.
async fn decide(engine: &Engine, key: OrderKey, step: StepName, decision: Decision) -> Result<(), BoxError> {
    let order = kontor_flow::ports::OrderReader::load(engine, &key).await?;
    let order = order.ok_or_else(|| format!("there is no order {key}"))?;
    if !order.steps.keys().any(|known| known.step == step) {
        return Err(format!("the flow {} of order {key} has no step {step}", order.flow).into());
    }
    let event = EventRecord { as_of: clock::now(), event: Event::Decided { step, decision } };
    let body = Message::Happened(Happened { order: key, events: vec![event] }).encode()?;
    Ok(engine.send(Address::Live(Queue::Events), vec![Outgoing::now(body)]).await?)
}
