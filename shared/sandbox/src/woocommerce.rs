//! A stateful WooCommerce shop: the orders of its REST API v3 that Kontor writes to, as recorded from WooCommerce 9.2.5.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State as Shared;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::clock::now_ms;
use crate::faults::{Fate, Faults, Switches};
use crate::server::{Running, StartError, broken};

/// Statuses an order can be given.
const STATUS: &[&str] = &[
    "auto-draft",
    "pending",
    "processing",
    "on-hold",
    "completed",
    "cancelled",
    "refunded",
    "failed",
    "checkout-draft",
];

/// What came of the calls.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Orders by status.
    pub orders: BTreeMap<String, usize>,
    /// Notes to customers.
    pub notes: usize,
    /// Orders whose customer got the same note twice.
    pub doubled_notes: Vec<u64>,
    /// Notes to the customer by order, where there are any.
    #[serde(default)]
    pub told: BTreeMap<u64, usize>,
    /// Calls by method and path, as in `PUT /orders/{id}`.
    pub calls: BTreeMap<String, u64>,
}

struct Order {
    fields: Map<String, Value>,
    notes: Vec<Value>,
}

#[derive(Default)]
struct Books {
    orders: HashMap<u64, Order>,
    next_note: u64,
    calls: BTreeMap<&'static str, u64>,
}

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

impl State {
    /// A shop without orders, with one consumer key and its secret.
    #[must_use]
    pub fn new(key: &str, secret: &str) -> Self {
        let authorization = format!("Basic {}", STANDARD.encode(format!("{key}:{secret}")));
        Self { inner: Arc::new(Inner { authorization, books: Mutex::default(), faults: Faults::new(1) }) }
    }

    /// Puts an order in, as the webhook tells it; `id` is enough. `false` without one.
    #[must_use]
    pub fn seed(&self, order: &Value) -> bool {
        let (Some(fields), Some(id)) = (order.as_object(), order.get("id").and_then(Value::as_u64)) else {
            return false;
        };
        self.books().orders.insert(id, Order { fields: fields.clone(), notes: Vec::new() });
        true
    }

    /// Sets the switches.
    pub fn switch(&self, switches: Switches) {
        self.inner.faults.set(switches);
    }

    /// What came of the calls.
    #[must_use]
    pub fn report(&self) -> Report {
        let books = self.books();
        let mut report = Report::default();
        for (id, order) in &books.orders {
            *report.orders.entry(text(&order.fields, "status").to_owned()).or_default() += 1;
            report.notes += order.notes.len();
            if !order.notes.is_empty() {
                report.told.insert(*id, order.notes.len());
            }
            let mut said: Vec<&str> =
                order.notes.iter().filter_map(|note| note.get("note")?.as_str()).collect();
            said.sort_unstable();
            if said.array_windows().any(|[one, next]| one == next) {
                report.doubled_notes.push(*id);
            }
        }
        report.doubled_notes.sort_unstable();
        report.calls = books.calls.iter().map(|(call, count)| ((*call).to_owned(), *count)).collect();
        report
    }

    /// The routes, to be served by anyone.
    pub fn router(&self) -> Router {
        Router::new().fallback(api).with_state(self.clone())
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

/// A request that was not carried out, in WordPress's form.
struct Refusal(StatusCode, Value);

impl Refusal {
    fn new(status: StatusCode, code: &str, message: &str) -> Self {
        Self(status, json!({"code": code, "message": message, "data": {"status": status.as_u16()}}))
    }

    fn no_order() -> Self {
        Self::new(StatusCode::NOT_FOUND, "woocommerce_rest_shop_order_invalid_id", "Invalid ID.")
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
        Fate::Down => return answer(StatusCode::SERVICE_UNAVAILABLE, &json!("maintenance")),
        Fate::Limited => return answer(StatusCode::TOO_MANY_REQUESTS, &json!("slow down")),
    }
    match carry_out(&state, &method, &uri, &headers, &body) {
        Ok((status, value)) => match state.inner.faults.never_answers().filter(|_| method == Method::POST) {
            Some(wait) => broken(wait).await,
            None => answer(status, &value),
        },
        Err(Refusal(status, value)) => answer(status, &value),
    }
}

fn carry_out(
    state: &State,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(StatusCode, Value), Refusal> {
    if headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes)
        != Some(state.inner.authorization.as_bytes())
    {
        let why = "Sorry, you cannot list resources.";
        return Err(Refusal::new(StatusCode::UNAUTHORIZED, "woocommerce_rest_cannot_view", why));
    }
    let no_route = || {
        let why = "No route was found matching the URL and request method.";
        Refusal::new(StatusCode::NOT_FOUND, "rest_no_route", why)
    };
    let rest = uri.path().strip_prefix("/wp-json/wc/v3/orders/").ok_or_else(no_route)?;
    let (id, notes) = rest.split_once('/').map_or((rest, None), |(id, what)| (id, Some(what)));
    let id: u64 = id.parse().map_err(|_| no_route())?;
    let sent = || match serde_json::from_slice(body) {
        Ok(Value::Object(sent)) => Ok(sent),
        Ok(_) | Err(_) => {
            Err(Refusal::new(StatusCode::BAD_REQUEST, "rest_invalid_json", "Invalid JSON body passed."))
        }
    };
    let mut books = state.books();
    match (method.as_str(), notes) {
        ("GET", None) => {
            books.count("GET /orders/{id}").order(id).map(|order| (StatusCode::OK, order.to_json()))
        }
        ("PUT", None) => {
            let order = books.count("PUT /orders/{id}").order(id)?;
            order.change(&sent()?)?;
            Ok((StatusCode::OK, order.to_json()))
        }
        ("GET", Some("notes")) => {
            let order = books.count("GET /orders/{id}/notes").order(id)?;
            Ok((StatusCode::OK, Value::Array(order.notes.clone())))
        }
        ("POST", Some("notes")) => {
            let number = books.count("POST /orders/{id}/notes").next_note + 1;
            books.next_note = number;
            Ok((StatusCode::CREATED, books.order(id)?.add_note(number, &sent()?)?))
        }
        _ => Err(no_route()),
    }
}

impl Books {
    fn count(&mut self, call: &'static str) -> &mut Self {
        *self.calls.entry(call).or_default() += 1;
        self
    }

    fn order(&mut self, id: u64) -> Result<&mut Order, Refusal> {
        self.orders.get_mut(&id).ok_or_else(Refusal::no_order)
    }
}

impl Order {
    fn to_json(&self) -> Value {
        Value::Object(self.fields.clone())
    }

    /// Statuses, transaction and meta; the dates of payment and completion follow the status.
    fn change(&mut self, sent: &Map<String, Value>) -> Result<(), Refusal> {
        if let Some(status) = sent.get("status") {
            let status = status.as_str().filter(|status| STATUS.contains(status)).ok_or_else(wrong_status)?;
            self.set_status(status);
        }
        // Ignored for orders that need no payment any more: recorded with a bacs order on hold.
        let needs_payment = matches!(text(&self.fields, "status"), "pending" | "failed");
        if sent.get("set_paid") == Some(&json!(true)) && needs_payment {
            self.set_status("processing");
        }
        if let Some(transaction) = sent.get("transaction_id") {
            self.fields.insert("transaction_id".to_owned(), transaction.clone());
        }
        for meta in sent.get("meta_data").and_then(Value::as_array).into_iter().flatten() {
            self.set_meta(meta);
        }
        self.stamp("date_modified_gmt");
        Ok(())
    }

    fn set_status(&mut self, status: &str) {
        let before = text(&self.fields, "status").to_owned();
        self.fields.insert("status".to_owned(), json!(status));
        let pays = matches!(status, "processing" | "completed")
            && matches!(before.as_str(), "pending" | "on-hold" | "failed" | "");
        if pays && self.fields.get("date_paid_gmt").is_none_or(Value::is_null) {
            self.stamp("date_paid_gmt");
        }
        if status == "completed" && before != "completed" {
            self.stamp("date_completed_gmt");
        }
    }

    fn set_meta(&mut self, meta: &Value) {
        let all = self.fields.entry("meta_data").or_insert_with(|| json!([]));
        let Some(all) = all.as_array_mut() else { return };
        match all.iter_mut().find(|known| known.get("key") == meta.get("key")) {
            Some(known) => *known = meta.clone(),
            None => all.push(meta.clone()),
        }
    }

    /// WordPress writes its times without a zone; these are UTC.
    fn stamp(&mut self, field: &str) {
        self.fields.insert(field.to_owned(), json!(crate::clock::iso_seconds(now_ms())));
    }

    fn add_note(&mut self, id: u64, sent: &Map<String, Value>) -> Result<Value, Refusal> {
        let note = sent.get("note").and_then(Value::as_str).filter(|note| !note.is_empty());
        let missing = || {
            Refusal::new(StatusCode::BAD_REQUEST, "rest_missing_callback_param", "Missing parameter(s): note")
        };
        let note = json!({
            "id": id,
            "author": "WooCommerce",
            "date_created_gmt": crate::clock::iso_seconds(now_ms()),
            "note": note.ok_or_else(missing)?,
            "customer_note": sent.get("customer_note").and_then(Value::as_bool).unwrap_or(false),
        });
        self.notes.insert(0, note.clone());
        Ok(note)
    }
}

fn wrong_status() -> Refusal {
    let why = format!("status is not one of {}.", STATUS.join(", "));
    Refusal(
        StatusCode::BAD_REQUEST,
        json!({
            "code": "rest_invalid_param",
            "message": "Invalid parameter(s): status",
            "data": {"status": 400, "params": {"status": why}},
        }),
    )
}

fn text<'f>(fields: &'f Map<String, Value>, name: &str) -> &'f str {
    fields.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn answer(status: StatusCode, value: &Value) -> Response {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json; charset=UTF-8");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
