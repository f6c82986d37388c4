//! A stateful Shopify shop: the operations of its Admin GraphQL API that Kontor uses, with the user errors recorded from
//! real shops.

mod books;
mod bucket;
mod goods;
mod graphql;
mod hooks;
mod order;
mod search;
mod told;

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
use self::bucket::{Bucket, Price};
use self::graphql::{Field, Operation};
use crate::faults::{Fate, Faults, Switches};
use crate::server::{Premises, Stand, broken};

/// The shop's state, shared by everything that serves it.
#[derive(Clone)]
pub struct State {
    inner: Arc<Inner>,
}

struct Inner {
    token: String,
    books: Mutex<Books>,
    bucket: Mutex<Bucket>,
    faults: Faults,
}

/// What an app is allowed to that Kontor asks for.
const SCOPES: [&str; 6] = [
    "read_orders",
    "write_orders",
    "read_all_orders",
    "read_customers",
    "read_merchant_managed_fulfillment_orders",
    "write_merchant_managed_fulfillment_orders",
];

/// What is refused without `@idempotent` from 2026-04 on (recorded for stock, told in the changelog for the others).
const IDEMPOTENT: [&str; 5] = [
    "inventorySetQuantities",
    "inventoryAdjustQuantities",
    "inventorySetOnHandQuantities",
    "inventoryShipmentReceive",
    "refundCreate",
];

impl State {
    /// A shop without orders, with one access token.
    #[must_use]
    pub fn new(token: &str) -> Self {
        let mut books = Books::default();
        books.scopes = SCOPES.map(str::to_owned).to_vec();
        let inner = Inner {
            token: token.to_owned(),
            books: Mutex::new(books),
            bucket: Mutex::default(),
            faults: Faults::new(1),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Puts an order in, as the webhook tells it; the Admin API tells the same order in its own form. An order that is
    /// there already is told anew: what was shipped, paid or cancelled through the API stays so, and its revision never
    /// goes back. Without `updated_at` it changed now. `false` without an id.
    #[must_use]
    pub fn seed(&self, order: &Value) -> bool {
        self.books().seed(order)
    }

    /// Has another place ship those lines of an order. `false` if there is no such order.
    #[must_use]
    pub fn split(&self, order: u64, lines: &[u64]) -> bool {
        self.books().split(order, lines)
    }

    /// Takes an order out, as its merchant does. `false` if there is none.
    #[must_use]
    pub fn delete(&self, order: u64) -> bool {
        self.books().delete(order)
    }

    /// An order as a webhook would tell it now.
    #[must_use]
    pub fn order(&self, order: u64) -> Option<Value> {
        self.books().body(order)
    }

    /// Sets a bucket that holds `maximum` points, of which `restore` come back in a second. Without one it is always full.
    pub fn limit(&self, maximum: u64, restore: u64) {
        self.bucket().bind(maximum, restore);
    }

    /// What the app is allowed to: everything Kontor asks for at first.
    pub fn allow(&self, scopes: &[&str]) {
        self.books().scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    }

    /// Deletes the webhooks of a topic (`ORDERS_CREATE`), as Shopify does after eight failures. Answers how many there were.
    #[must_use]
    pub fn delete_hooks(&self, topic: &str) -> usize {
        self.books().hooks.delete(topic)
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

    fn bucket(&self) -> MutexGuard<'_, Bucket> {
        self.inner.bucket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Premises for State {
    fn router(&self) -> Router {
        Self::router(self)
    }
}

/// A shop that runs.
pub type Sandbox = Stand<State>;

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
        Fate::Limited => return answer(StatusCode::OK, &top_error("Throttled", "THROTTLED", &json!(null))),
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
        return answer(
            StatusCode::OK,
            &top_error("the operation cannot be read", "parseError", &json!(null)),
        );
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
    let cost = match state.bucket().pay(operation) {
        Price::Paid(cost) => cost,
        Price::Throttled(cost) => {
            state.books().throttled += 1;
            return top_error("Throttled", "THROTTLED", &cost);
        }
        Price::TooMuch(cost) => {
            let why = "Query cost is more than the single query max cost limit (1000).";
            return top_error(why, "MAX_COST_EXCEEDED", &cost);
        }
    };
    let mut data = serde_json::Map::new();
    for field in operation.fields() {
        if IDEMPOTENT.contains(&field.name.as_str())
            && !field.directives.iter().any(|one| one == "idempotent")
        {
            let why = "The @idempotent directive is required for this mutation but was not provided.";
            let error = json!({ "message": why, "extensions": { "code": "BAD_REQUEST" } });
            let nothing = json!({ field.name.as_str(): null });
            return json!({ "data": nothing, "errors": [error], "extensions": { "cost": cost } });
        }
        match field_of(state, operation, field) {
            Ok(value) => data.insert(field.alias.clone(), value),
            Err(name) => {
                return top_error(&format!("Field '{name}' doesn't exist"), "undefinedField", &cost);
            }
        };
    }
    json!({ "data": data, "extensions": { "cost": cost } })
}

/// What a field at the root is answered with; the name of the field that is not there, if one is not.
fn field_of(state: &State, operation: &Operation, field: &Field) -> Result<Value, String> {
    let whole = state.books().answer(operation.is_mutation, &field.name, &field.arguments);
    field.project(&whole.ok_or_else(|| field.name.clone())?)
}

fn top_error(message: &str, code: &str, cost: &Value) -> Value {
    json!({ "errors": [{ "message": message, "extensions": { "code": code } }], "extensions": { "cost": cost } })
}

fn answer(status: StatusCode, value: &Value) -> Response {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
