//! A stateful Shopware 6 shop: the calls of its Admin API that Kontor makes, as strict as Shopware: tokens end, limits are
//! kept, states change by the table alone, associations are null where they are not asked for.

mod books;
mod criteria;
mod states;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State as Shared;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::Response;
use serde_json::{Map, Value, json};

use self::books::Books;
pub use self::books::Report;
use self::criteria::Criteria;
use crate::clock::now_ms;
use crate::faults::{Fate, Faults, Switches};
use crate::server::{Premises, Stand, broken};

/// How long an access token is good, in seconds.
const TOKEN_LIVES: u64 = 600;

/// The shop's state, shared by everything that serves it.
#[derive(Clone)]
pub struct State {
    inner: Arc<Inner>,
}

struct Inner {
    id: String,
    secret: String,
    books: Mutex<Books>,
    faults: Faults,
}

impl State {
    /// A shop without orders, with one integration: its access key id and secret access key.
    #[must_use]
    pub fn new(id: &str, secret: &str) -> Self {
        let (id, secret) = (id.to_owned(), secret.to_owned());
        Self { inner: Arc::new(Inner { id, secret, books: Mutex::default(), faults: Faults::new(1) }) }
    }

    /// Puts an order in, in the form the API tells it, with everything that belongs to it. `false` without an id of 32
    /// hexadecimal digits.
    #[must_use]
    pub fn seed(&self, order: &Value) -> bool {
        self.books().seed(order)
    }

    /// Somebody in the shop, or a payment provider, changes a state: `entity` is `order`, `order_delivery` or
    /// `order_transaction`, of which the order's last is meant. Only that record's time of change moves. `false` if there is
    /// no such order, or its state does not allow it.
    #[must_use]
    pub fn turn(&self, order: &str, entity: &str, action: &str) -> bool {
        self.books().turn_last(order, entity, action)
    }

    /// Somebody in the shop changes fields of the order, and nothing that belongs to it. `false` if there is no such order.
    #[must_use]
    pub fn edit(&self, order: &str, fields: &Map<String, Value>) -> bool {
        self.books().edit(order, fields)
    }

    /// The order with everything that belongs to it.
    #[must_use]
    pub fn order(&self, id: &str) -> Option<Value> {
        self.books().order(id).cloned()
    }

    /// The order is deleted.
    #[must_use]
    pub fn delete(&self, id: &str) -> bool {
        self.books().delete(id)
    }

    /// No access token given so far is good any more.
    pub fn end_tokens(&self) {
        self.books().tokens.clear();
    }

    /// The role of the integration lacks this privilege, as in `order:read`; all are given at first.
    pub fn take_away(&self, privilege: &str) {
        self.books().lacking.push(privilege.to_owned());
    }

    /// The webhooks of the app, as the shop shows them.
    pub fn install(&self, webhooks: Vec<Value>) {
        self.books().webhooks = webhooks;
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
        Router::new().fallback(api).with_state(self.clone())
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.inner.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Premises for State {
    fn router(&self) -> Router {
        Self::router(self)
    }
}

/// A shop that runs.
pub type Sandbox = Stand<State>;

/// A request that was not carried out, in Shopware's form.
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) error: Value,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, code: &str, title: &str, detail: &str) -> Self {
        let number = status.as_u16().to_string();
        let error = json!({ "code": code, "status": number, "title": title, "detail": detail, "meta": { "parameters": [] } });
        Self { status, error }
    }

    pub(crate) fn bad(code: &str, detail: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, "Bad Request", detail)
    }

    pub(crate) fn not_found(what: &str) -> Self {
        let detail = format!("{what} for id could not be found");
        Self::new(StatusCode::NOT_FOUND, "FRAMEWORK__RESOURCE_NOT_FOUND", "Not Found", &detail)
    }

    fn unauthorized() -> Self {
        let title = "The resource owner or authorization server denied the request.";
        Self::new(StatusCode::UNAUTHORIZED, "9", title, "Access token could not be verified")
    }
}

async fn api(
    Shared(state): Shared<State>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (fate, latency) = state.inner.faults.draw();
    if let Some(latency) = latency {
        tokio::time::sleep(latency).await;
    }
    match fate {
        Fate::Answered => {}
        Fate::Down => return answer(StatusCode::SERVICE_UNAVAILABLE, Some(&json!({}))),
        Fate::Limited => return answer(StatusCode::TOO_MANY_REQUESTS, Some(&json!({}))),
    }
    let changes = method == Method::PATCH || uri.path().starts_with("/api/_action/");
    match carry_out(&state, &method, uri.path(), &headers, &body) {
        Ok((status, value)) => match state.inner.faults.never_answers().filter(|_| changes) {
            Some(wait) => broken(wait).await,
            None => answer(status, value.as_ref()),
        },
        Err(refusal) => answer(refusal.status, Some(&json!({ "errors": [refusal.error] }))),
    }
}

type Carried = Result<(StatusCode, Option<Value>), Refusal>;

fn carry_out(state: &State, method: &Method, path: &str, headers: &HeaderMap, body: &[u8]) -> Carried {
    let no_route = || {
        let detail = format!("No route found for \"{method} {path}\"");
        Refusal::new(StatusCode::NOT_FOUND, "0", "Not Found", &detail)
    };
    let rest = path.strip_prefix("/api/").ok_or_else(no_route)?;
    let sent = || match serde_json::from_slice(body) {
        Ok(Value::Object(sent)) => Ok(sent),
        Ok(_) | Err(_) => Err(Refusal::bad("0", "The JSON payload is malformed.")),
    };
    if (method, rest) == (&Method::POST, "oauth/token") {
        return grant(state, &sent()?);
    }
    let bearer =
        headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let mut books = state.books();
    if bearer.is_none_or(|token| books.tokens.get(token).is_none_or(|until| now_ms() >= *until)) {
        books.count("refused");
        return Err(Refusal::unauthorized());
    }
    // Without it Shopware answers in the form of JSON:API, which nobody here reads.
    if headers.get(header::ACCEPT).map(HeaderValue::as_bytes) != Some(b"application/json") {
        let detail = "the stand-in only answers in plain JSON: send Accept: application/json";
        return Err(Refusal::new(StatusCode::NOT_ACCEPTABLE, "0", "Not Acceptable", detail));
    }
    let parts: Vec<&str> = rest.split('/').collect();
    match (method.as_str(), parts.as_slice()) {
        ("GET", ["_info", "version"]) => Ok((StatusCode::OK, Some(json!({ "version": "6.7.10.1" })))),
        ("POST", ["search", entity]) => {
            let criteria = Criteria::parse(&sent()?)?;
            books.count(&format!("search/{entity}"));
            books.search(entity, &criteria).map(|found| (StatusCode::OK, Some(found)))
        }
        ("PATCH", ["order-delivery", id]) => {
            books.count("PATCH order-delivery");
            books.patch_delivery(id, &sent()?)?;
            Ok((StatusCode::NO_CONTENT, None))
        }
        (
            "POST",
            ["_action", entity @ ("order" | "order_delivery" | "order_transaction"), id, "state", action],
        ) => {
            books.count(&format!("{entity}/{action}"));
            books.turn(entity, id, action).map(|state| (StatusCode::OK, Some(state)))
        }
        _ => Err(no_route()),
    }
}

/// An access token for the right keys.
fn grant(state: &State, sent: &Map<String, Value>) -> Carried {
    let text = |name: &str| sent.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut books = state.books();
    books.count("oauth/token");
    if text("grant_type") != "client_credentials" {
        let detail = "The authorization grant type is not supported by the authorization server.";
        return Err(Refusal::bad("2", detail));
    }
    if text("client_id") != state.inner.id || text("client_secret") != state.inner.secret {
        let detail = "Client authentication failed";
        return Err(Refusal::new(StatusCode::UNAUTHORIZED, "4", detail, detail));
    }
    let token = books.new_token(now_ms().saturating_add(TOKEN_LIVES * 1_000));
    let granted = json!({ "token_type": "Bearer", "expires_in": TOKEN_LIVES, "access_token": token });
    Ok((StatusCode::OK, Some(granted)))
}

fn answer(status: StatusCode, value: Option<&Value>) -> Response {
    let mut response = Response::new(value.map_or_else(Body::empty, |value| Body::from(value.to_string())));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
