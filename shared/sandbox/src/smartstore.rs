//! A stateful Smartstore shop: the part of its Web API (OData v4) that Kontor uses, as strict as the shop's source says.
//!
//! It answers 200 with the unchanged record where an action does not apply, 500 to a parameter its model does not declare, pages
//! for people to who does not ask for JSON, and texts in German.

mod answers;
mod books;
mod filter;
mod odata;
mod report;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Map, Value, json};
use sha2::Sha256;

use self::answers::{Refusal, answer, refused};
use self::books::{Books, Trouble};
use self::odata::{Query, Record};
pub use self::report::Report;
use crate::faults::{Fate, Faults, Switches};
use crate::server::{Premises, Stand, broken};

/// Records a page at most, as a fresh shop is set (`WebApiSettings.MaxTop`).
const MAX_TOP: usize = 120;

/// The shop's state, shared by everything that serves it.
#[derive(Clone)]
pub struct State {
    inner: Arc<Inner>,
}

struct Inner {
    authorization: String,
    books: Mutex<Books>,
    settings: Mutex<Settings>,
    faults: Faults,
}

struct Settings {
    max_top: usize,
    forbidden: BTreeSet<String>,
    locked: Option<u8>,
}

impl State {
    /// A shop without orders, with one API user.
    #[must_use]
    pub fn new(public_key: &str, secret_key: &str) -> Self {
        let authorization = format!("Basic {}", STANDARD.encode(format!("{public_key}:{secret_key}")));
        let settings = Settings { max_top: MAX_TOP, forbidden: BTreeSet::new(), locked: None };
        let (books, settings) = (Mutex::default(), Mutex::new(settings));
        Self { inner: Arc::new(Inner { authorization, books, settings, faults: Faults::new(1) }) }
    }

    /// Puts an order in as the API tells it, everything expanded; `Id` is enough. `false` without one. Its times stay as they
    /// are.
    #[must_use]
    pub fn seed(&self, order: &Value) -> bool {
        self.books().seed(order)
    }

    /// The same, placed now. Nobody is told.
    #[must_use]
    pub fn place(&self, order: &Value) -> bool {
        self.books().place(order)
    }

    /// Somebody saves the order: its time moves. `false` if there is no such order.
    pub fn touch(&self, id: u64) -> bool {
        self.books().edit(id, &json!({}), true)
    }

    /// Somebody changes members of the order, and its time moves. `false` if there is no such order.
    pub fn edit(&self, id: u64, members: &Value) -> bool {
        self.books().edit(id, members, true)
    }

    /// The same, but the time stays: so it is with addresses, notes, and what an export profile does.
    pub fn edit_silently(&self, id: u64, members: &Value) -> bool {
        self.books().edit(id, members, false)
    }

    /// The order is gone.
    pub fn remove(&self, id: u64) -> bool {
        self.books().orders.remove(&id).is_some()
    }

    /// The order, everything in it.
    #[must_use]
    pub fn order(&self, id: u64) -> Option<Value> {
        self.books().orders.get(&id).cloned().map(Value::Object)
    }

    /// How many records a page may have, also of expanded collections.
    pub fn set_max_top(&self, max_top: usize) {
        self.settings().max_top = max_top;
    }

    /// Takes a permission from the API user, as in `order.update`.
    pub fn forbid(&self, permission: &str) {
        self.settings().forbidden.insert(permission.to_owned());
    }

    /// Lets nobody in, for the reason of this number (`AccessDeniedReason.cs`: 0 the API is off, 5 the user is).
    pub fn lock(&self, reason: Option<u8>) {
        self.settings().locked = reason;
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

    fn settings(&self) -> MutexGuard<'_, Settings> {
        self.inner.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Premises for State {
    fn router(&self) -> Router {
        Self::router(self)
    }
}

/// A shop that runs.
pub type Sandbox = Stand<State>;

/// The headers of a signed notice of an order, as a module in the shop would send it. `at` is in seconds since 1970.
#[must_use]
pub fn sign_notice(secret: &str, body: &[u8], at: i64) -> [(&'static str, String); 3] {
    let mut hex = String::from("sha256=");
    if let Ok(mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) {
        let mac = mac.chain_update(format!("{at}.")).chain_update(body).finalize().into_bytes();
        hex.extend(mac.iter().map(|byte| format!("{byte:02x}")));
    }
    [
        ("x-shop-event", "order.updated".to_owned()),
        ("x-shop-timestamp", at.to_string()),
        ("x-shop-signature", hex),
    ]
}

/// What is asked, in parts.
struct Asked<'a> {
    method: &'a str,
    set: &'a str,
    id: Option<u64>,
    below: Option<&'a str>,
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
        Fate::Down => return answer(&state, StatusCode::SERVICE_UNAVAILABLE, Some(&json!("Wartung"))),
        Fate::Limited => return answer(&state, StatusCode::TOO_MANY_REQUESTS, Some(&json!({}))),
    }
    let text = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let wants_json = text.is_some_and(|accept| accept.contains("application/json"));
    let by_script = headers.contains_key("x-requested-with");
    match carry_out(&state, &method, &uri, &headers, &body) {
        Ok((status, value)) => match state.inner.faults.never_answers().filter(|_| method != Method::GET) {
            Some(wait) => broken(wait).await,
            None => answer(&state, status, value.as_ref()),
        },
        Err(refusal) => refused(&state, refusal, wants_json, by_script),
    }
}

fn carry_out(
    state: &State,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(StatusCode, Option<Value>), Refusal> {
    if let Some(reason) = state.settings().locked {
        return Err(Refusal::Denied(reason));
    }
    let told = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    if told != Some(state.inner.authorization.as_bytes()) {
        return Err(Refusal::Denied(if told.is_some_and(|told| told.starts_with(b"Basic ")) {
            3
        } else {
            2
        }));
    }
    let rest = uri.path().strip_prefix("/odata/v1/").ok_or(Refusal::Empty)?;
    let asked = parts(method.as_str(), rest).ok_or(Refusal::Empty)?;
    let id = if asked.id.is_some() { "({id})" } else { "" };
    let below = asked.below.map(|below| format!("/{below}")).unwrap_or_default();
    state.books().count(&format!("{} {}{id}{below}", asked.method, asked.set));
    let permission = match (asked.method, asked.set) {
        ("GET", _) => "order.read",
        (_, "Orders") if asked.below != Some("AddShipment") => "order.update",
        _ => "order.editshipment",
    };
    if state.settings().forbidden.contains(permission) {
        return Err(Refusal::Forbidden);
    }
    if asked.method == "GET" {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
        let base = format!("http://{host}/odata/v1/");
        return read(state, &asked, uri.query().unwrap_or_default(), &base);
    }
    let sent = if body.is_empty() { Ok(Value::Object(Map::new())) } else { serde_json::from_slice(body) };
    let Ok(Value::Object(sent)) = sent else { return Err(Trouble::Unreadable.into()) };
    write(&mut state.books(), &asked, &sent)
}

/// `Orders(145)/PaymentPaid` in parts. Keys stand in brackets and nowhere else.
fn parts<'a>(method: &'a str, path: &'a str) -> Option<Asked<'a>> {
    let (head, below) = path.split_once('/').map_or((path, None), |(head, below)| (head, Some(below)));
    let (set, id) = match head.split_once('(') {
        Some((set, id)) => (set, Some(id.strip_suffix(')')?.parse().ok()?)),
        None => (head, None),
    };
    Some(Asked { method, set, id, below })
}

fn read(
    state: &State,
    asked: &Asked<'_>,
    query: &str,
    base: &str,
) -> Result<(StatusCode, Option<Value>), Refusal> {
    let parameters: Vec<(String, String)> = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (unescaped(name), unescaped(value)))
        .collect();
    let query = Query::parse(parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let query = query.map_err(Refusal::Query)?;
    let most = state.settings().max_top;
    if let Some(top) = query.top.filter(|top| *top > most) {
        let why = format!(
            "The limit of '{most}' for Top query has been exceeded. The value from the incoming request is '{top}'."
        );
        return Err(Refusal::Query(why));
    }
    let books = state.books();
    let orders = || books.orders.values().filter(|order| order.get("Deleted") != Some(&json!(true)));
    let (entity, records): (&str, Vec<Record>) = match (asked.set, asked.id, asked.below) {
        ("Orders", None, None) => ("Order", orders().cloned().collect()),
        ("Shipments", None, None) => ("Shipment", books.parcels()),
        ("Orders", Some(id), None) => {
            let order = orders().find(|order| books::number(order, "Id") == id).ok_or(Refusal::Empty)?;
            let shown = query.shown("Order", order, most, base).map_err(Refusal::Query)?;
            return Ok((StatusCode::OK, Some(shown)));
        }
        (set @ ("Orders" | "Shipments"), Some(id), Some(below)) => {
            let (entity, all) = if set == "Orders" {
                ("Order", orders().cloned().collect())
            } else {
                ("Shipment", books.parcels())
            };
            let one =
                all.into_iter().find(|one: &Record| books::number(one, "Id") == id).ok_or(Refusal::Empty)?;
            let (_, to, _) = odata::navigation(entity)
                .iter()
                .find(|(name, _, many)| *name == below && *many)
                .ok_or(Refusal::Empty)?;
            let list = one.get(below).and_then(Value::as_array).cloned().unwrap_or_default();
            (to, list.into_iter().filter_map(|one| one.as_object().cloned()).collect())
        }
        _ => return Err(Refusal::Empty),
    };
    let known = |name: &&str| records.iter().any(|record| record.contains_key(*name));
    let unknown =
        query.filter.as_ref().and_then(|filter| filter.properties().into_iter().find(|name| !known(name)));
    if let Some(name) = unknown.filter(|_| !records.is_empty()) {
        return Err(Refusal::Query(format!(
            "Could not find a property named '{name}' on type 'Smartstore.Core.{entity}'."
        )));
    }
    let (list, more) = query.page(entity, records, most, base).map_err(Refusal::Query)?;
    let mut answer = json!({ "@odata.context": format!("{base}$metadata#{}", asked.set), "value": list });
    if let (Some(end), Some(object)) = (more, answer.as_object_mut()) {
        let id = asked.id.map(|id| format!("({id})")).unwrap_or_default();
        let below = asked.below.map(|below| format!("/{below}")).unwrap_or_default();
        let link = format!("{base}{}{id}{below}?{}", asked.set, query.next(end));
        object.insert("@odata.nextLink".to_owned(), json!(link));
    }
    Ok((StatusCode::OK, Some(answer)))
}

fn write(
    books: &mut Books,
    asked: &Asked<'_>,
    sent: &Record,
) -> Result<(StatusCode, Option<Value>), Refusal> {
    let done = |value: Value| Ok((StatusCode::OK, Some(value)));
    match (asked.method, asked.set, asked.id, asked.below) {
        ("POST", "Orders", Some(id), Some("PaymentPaid")) => done(books.paid(id, sent)?),
        ("POST", "Orders", Some(id), Some("Cancel")) => done(books.cancel(id, sent)?),
        ("POST", "Orders", Some(id), Some("AddShipment")) => match books.add_shipment(id, sent)? {
            Some(parcel) => done(parcel),
            None => Ok((StatusCode::NO_CONTENT, None)),
        },
        ("POST", "Shipments", Some(id), Some("Ship")) => done(books.ship(id, sent)?),
        ("POST", "Shipments", Some(id), Some("Deliver")) => done(books.deliver(id, sent)?),
        ("POST", "Shipments", None, None) => Ok((StatusCode::CREATED, Some(books.new_parcel(sent)?))),
        ("POST", "ShipmentItems", None, None) => Ok((StatusCode::CREATED, Some(books.pack(sent)?))),
        ("PATCH", "Shipments", Some(id), None) => {
            books.change_parcel(id, sent)?;
            Ok((StatusCode::NO_CONTENT, None))
        }
        _ => Err(Refusal::Empty),
    }
}

/// `%20` and `+` as what they stand for.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let code = (byte == b'%').then(|| {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
            let (high, low) = (digit(rest.next())?, digit(rest.next())?);
            u8::try_from(high * 16 + low).ok()
        });
        bytes.push(match code {
            Some(code) => code.unwrap_or(b'?'),
            None if byte == b'+' => b' ',
            None => byte,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
