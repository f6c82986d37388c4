//! A stateful WooCommerce shop: the parts of its REST API v3 that Kontor uses, as recorded from WooCommerce 9.2.5, its
//! fulfilments (from 10.1 on), and the two tracking plugins.

mod books;
mod hooks;
mod order;
mod orders;
mod refusal;
mod shipping;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Query, State as Shared};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use self::books::Books;
pub use self::books::Report;
pub use self::order::RefundedLine;
use self::refusal::Refusal;
pub use self::shipping::Tracking;
use crate::faults::{Fate, Faults, Switches};
use crate::server::{Premises, Stand, broken};

/// The shop's state, shared by everything that serves it.
#[derive(Clone)]
pub struct State {
    inner: Arc<Inner>,
}

struct Inner {
    authorization: String,
    books: Mutex<Books>,
    faults: Faults,
}

fn basic(key: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{key}:{secret}")))
}

impl State {
    /// A shop without orders, with one consumer key and its secret, that tells its customers of parcels by notes.
    #[must_use]
    pub fn new(key: &str, secret: &str) -> Self {
        let inner =
            Inner { authorization: basic(key, secret), books: Mutex::default(), faults: Faults::new(1) };
        Self { inner: Arc::new(inner) }
    }

    /// A second consumer key, that may only read.
    pub fn read_only_key(&self, key: &str, secret: &str) {
        self.books().read_only = Some(basic(key, secret));
    }

    /// What the shop has for parcels from now on.
    pub fn ships_by(&self, tracking: Tracking) {
        self.books().tracking = tracking;
    }

    /// Puts an order in, as the webhook tells it; `id` is enough. Notes and refunds of one that is there stay. `false` without
    /// an id.
    #[must_use]
    pub fn seed(&self, order: &Value) -> bool {
        self.books().seed(order)
    }

    /// A customer orders now: the same, with the times of now. `false` without an id.
    #[must_use]
    pub fn place(&self, order: &Value) -> bool {
        let mut books = self.books();
        let Some(id) = order.get("id").and_then(Value::as_u64) else { return false };
        let seeded = books.seed(order);
        if let Some(order) = books.orders.get_mut(&id) {
            order.stamp("date_created");
            order.stamp("date_modified");
        }
        seeded
    }

    /// Somebody edits the order in the shop: `fields` replace what is there, and the time of its last change moves. `false` if
    /// it is not there.
    #[must_use]
    pub fn edit(&self, id: u64, fields: &Value) -> bool {
        let mut books = self.books();
        let (Some(order), Some(fields)) = (books.orders.get_mut(&id), fields.as_object()) else {
            return false;
        };
        order.fields.extend(fields.clone());
        order.stamp("date_modified");
        true
    }

    /// Puts the order into the bin; `false` if it is not there.
    #[must_use]
    pub fn trash(&self, id: u64) -> bool {
        self.books().orders.get_mut(&id).is_some_and(order::Order::trash)
    }

    /// Takes the order out of the bin; `false` if it is not in it.
    #[must_use]
    pub fn restore(&self, id: u64) -> bool {
        self.books().orders.get_mut(&id).is_some_and(order::Order::restore)
    }

    /// Deletes the order for good; `false` if it is not there.
    #[must_use]
    pub fn delete(&self, id: u64) -> bool {
        self.books().orders.remove(&id).is_some()
    }

    /// Gives `amount` back, for these lines. Answers the id of the refund; none if the order is not there.
    #[must_use]
    pub fn refund(&self, id: u64, amount: &str, lines: &[RefundedLine<'_>], restock: bool) -> Option<u64> {
        let mut books = self.books();
        let number = books.next_number();
        books.orders.get_mut(&id)?.refund(number, amount, lines, restock);
        Some(number)
    }

    /// Calls every webhook of `topic` that is switched on, and waits for the answers. Who does not answer with success seven
    /// times in a row is switched off. Answers the statuses, 0 where none came.
    pub async fn deliver(&self, topic: &str, id: u64) -> Vec<u16> {
        hooks::deliver(self, topic, id).await
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

    /// Whether the key is good, and for `method`. WooCommerce looks at that before anything else.
    fn admit(&self, method: &Method, headers: &HeaderMap) -> Result<(), Refusal> {
        let given = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
        if given == Some(self.inner.authorization.as_bytes()) {
            return Ok(());
        }
        let read_only = self.books().read_only.clone();
        match (read_only.is_some_and(|key| given == Some(key.as_bytes())), method) {
            (true, &Method::GET) => Ok(()),
            (true, _) => Err(Refusal::read_only()),
            (false, _) => Err(Refusal::unknown_key()),
        }
    }
}

impl Premises for State {
    fn router(&self) -> Router {
        Self::router(self)
    }
}

/// A shop that runs.
pub type Sandbox = Stand<State>;

/// What was asked for.
struct Asked<'a> {
    method: &'a str,
    /// Without what comes before the id.
    rest: &'a str,
    query: Vec<(String, String)>,
    body: &'a [u8],
}

impl Asked<'_> {
    fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn sent(&self) -> Result<Map<String, Value>, Refusal> {
        match serde_json::from_slice(self.body) {
            Ok(Value::Object(sent)) => Ok(sent),
            Ok(_) | Err(_) => {
                Err(Refusal::new(StatusCode::BAD_REQUEST, "rest_invalid_json", "Invalid JSON body passed."))
            }
        }
    }
}

/// What is answered.
struct Reply {
    status: StatusCode,
    value: Value,
    /// How many records there are, and on how many pages.
    pages: Option<(usize, usize)>,
    /// A webhook that was made and is called to see whether somebody is there: its id, and where it leads to.
    ping: Option<(u64, String)>,
}

impl Reply {
    fn ok(value: Value) -> Self {
        Self { status: StatusCode::OK, value, pages: None, ping: None }
    }

    fn created(value: Value) -> Self {
        Self { status: StatusCode::CREATED, ..Self::ok(value) }
    }

    /// A page of a list.
    fn page(records: Vec<Value>, per_page: usize, page: usize) -> Self {
        let total = records.len();
        let shown: Vec<Value> = records
            .into_iter()
            .skip(per_page.saturating_mul(page.saturating_sub(1)))
            .take(per_page)
            .collect();
        Self { pages: Some((total, total.div_ceil(per_page))), ..Self::ok(Value::Array(shown)) }
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
        Fate::Down => return answer(StatusCode::SERVICE_UNAVAILABLE, &json!("maintenance"), None),
        Fate::Limited => return answer(StatusCode::TOO_MANY_REQUESTS, &json!("slow down"), None),
    }
    match carry_out(&state, &method, &uri, &headers, &body) {
        Ok(reply) => {
            if let Some((id, url)) = &reply.ping {
                hooks::ping(*id, url).await;
            }
            match state.inner.faults.never_answers().filter(|_| method == Method::POST) {
                Some(wait) => broken(wait).await,
                None => answer(reply.status, &reply.value, reply.pages),
            }
        }
        Err(Refusal(status, value)) => answer(status, &value, None),
    }
}

fn carry_out(
    state: &State,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Reply, Refusal> {
    let path = uri.path().strip_prefix("/wp-json/").ok_or_else(Refusal::no_route)?;
    state.admit(method, headers)?;
    let query = Query::<Vec<(String, String)>>::try_from_uri(uri).map_err(|_| Refusal::no_route())?.0;
    let asked = |rest| Asked { method: method.as_str(), rest, query, body };
    let mut books = state.books();
    if let Some(rest) = path.strip_prefix("wc/v3/orders") {
        return books.orders(&asked(rest));
    }
    if let Some(rest) = path.strip_prefix("wc/v3/webhooks") {
        return books.webhooks(&asked(rest));
    }
    let tracking = books.tracking;
    match tracking.plugin().and_then(|plugin| path.strip_prefix(plugin)?.strip_prefix("/orders")) {
        Some(rest) => books.trackings(&asked(rest)),
        None => Err(Refusal::no_route()),
    }
}

fn answer(status: StatusCode, value: &Value, pages: Option<(usize, usize)>) -> Response {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=UTF-8"));
    if let Some((total, pages)) = pages {
        headers.insert(HeaderName::from_static("x-wp-total"), HeaderValue::from(total));
        headers.insert(HeaderName::from_static("x-wp-totalpages"), HeaderValue::from(pages));
    }
    response
}
