//! A stateful Shopify shop: the operations of its Admin GraphQL API that Kontor uses, with the user errors recorded from
//! real shops.

mod books;
mod graphql;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State as Shared};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::post;
use serde_json::{Value, json};

use self::books::Books;
pub use self::books::Report;
use self::graphql::Operation;
use crate::faults::{Fate, Faults, Switches};
use crate::server::{Running, StartError, broken};

/// The shop's state, shared by everything that serves it.
#[derive(Clone)]
pub struct State {
    inner: Arc<Inner>,
}

struct Inner {
    token: String,
    books: Mutex<Books>,
    faults: Faults,
}

impl State {
    /// A shop without orders, with one access token.
    #[must_use]
    pub fn new(token: &str) -> Self {
        let inner = Inner { token: token.to_owned(), books: Mutex::default(), faults: Faults::new(1) };
        Self { inner: Arc::new(inner) }
    }

    /// Puts an order in, as the webhook tells it: `id`, `financial_status`, `line_items[].{id, quantity,
    /// requires_shipping}`. `false` without an id.
    #[must_use]
    pub fn seed(&self, order: &Value) -> bool {
        self.books().seed(order)
    }

    /// Sets the switches.
    pub fn switch(&self, switches: Switches) {
        self.inner.faults.set(switches);
    }

    /// What came of the calls.
    #[must_use]
    pub fn report(&self) -> Report {
        self.books().report()
    }

    /// The routes, to be served by anyone.
    pub fn router(&self) -> Router {
        Router::new().route("/admin/api/{version}/graphql.json", post(api)).with_state(self.clone())
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.inner.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A shop that runs.
pub struct Sandbox {
    /// Its address: what `url` of the shop is set to.
    pub url: String,
    state: State,
    running: Running,
}

impl Sandbox {
    /// Starts on `address`, `127.0.0.1:0` for any free port.
    ///
    /// # Errors
    /// [`StartError`] if it can't listen there.
    pub async fn start(address: &str, state: State) -> Result<Self, StartError> {
        let running = Running::start(address, state.router()).await?;
        Ok(Self { url: running.url.clone(), state, running })
    }

    /// The state, to put orders in and read what came of them.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Answers what it has taken, then ends.
    ///
    /// # Errors
    /// If the listener failed before.
    pub async fn stop(self) -> std::io::Result<()> {
        self.running.stop().await
    }
}

async fn api(
    Shared(state): Shared<State>,
    Path(version): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (fate, latency) = state.inner.faults.draw();
    if let Some(latency) = latency {
        tokio::time::sleep(latency).await;
    }
    match fate {
        Fate::Answered => {}
        Fate::Down => return answer(StatusCode::SERVICE_UNAVAILABLE, &json!({})),
        Fate::Limited => return answer(StatusCode::OK, &top_error("Throttled", "THROTTLED")),
    }
    if headers.get("x-shopify-access-token").map(HeaderValue::as_bytes) != Some(state.inner.token.as_bytes())
    {
        let why = "[API] Invalid API key or access token (unrecognized login or wrong password)";
        return answer(StatusCode::UNAUTHORIZED, &json!({ "errors": why }));
    }
    if version.len() != 7 {
        return answer(StatusCode::NOT_FOUND, &json!({ "errors": "Not Found" }));
    }
    let Some(operation) = read(&body) else {
        return answer(StatusCode::OK, &top_error("the operation cannot be read", "parseError"));
    };
    let value = carry_out(&state, &operation);
    match state.inner.faults.never_answers().filter(|_| operation.is_mutation) {
        Some(wait) => broken(wait).await,
        None => answer(StatusCode::OK, &value),
    }
}

fn read(body: &[u8]) -> Option<Operation> {
    let request: Value = serde_json::from_slice(body).ok()?;
    let variables = request.get("variables").and_then(Value::as_object).cloned().unwrap_or_default();
    Operation::parse(request.get("query")?.as_str()?, &variables)
}

fn carry_out(state: &State, operation: &Operation) -> Value {
    let root = &operation.root;
    let undefined = |name: &str| top_error(&format!("Field '{name}' doesn't exist"), "undefinedField");
    let Some(whole) = state.books().answer(operation.is_mutation, &root.name, &root.arguments) else {
        return undefined(&root.name);
    };
    match root.project(&whole) {
        Ok(cut) => {
            let mut data = serde_json::Map::new();
            data.insert(root.alias.clone(), cut);
            json!({ "data": data, "extensions": { "cost": cost() } })
        }
        Err(unknown) => undefined(&unknown),
    }
}

fn top_error(message: &str, code: &str) -> Value {
    json!({ "errors": [{ "message": message, "extensions": { "code": code } }], "extensions": { "cost": cost() } })
}

fn cost() -> Value {
    json!({
        "requestedQueryCost": 10,
        "actualQueryCost": 10,
        "throttleStatus": { "maximumAvailable": 2000, "currentlyAvailable": 1990, "restoreRate": 100 },
    })
}

fn answer(status: StatusCode, value: &Value) -> Response {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
