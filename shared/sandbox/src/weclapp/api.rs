//! The HTTP side: token, faults, contract, then the books.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State as Shared;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::Response;
use axum::routing::{get, post};

use super::query::{list, properties_of};
use super::refusal::Refusal;
use super::{Inner, State};
use crate::faults::{Fate, Switches};
use crate::server::broken;

/// Where the API is.
const BASE: &str = "/webapp/api/v2/";

/// The API, and what the sandbox itself is asked and told.
pub(crate) fn router(state: State) -> Router {
    Router::new()
        .route("/_sandbox/report", get(report))
        .route("/_sandbox/switches", get(switches).post(switch))
        .route("/_sandbox/pay", post(pay))
        .route("/_sandbox/webhook", post(webhook))
        .route("/_sandbox/hold", post(hold))
        .route("/_sandbox/ship", post(ship))
        .fallback(api)
        .with_state(state)
}

async fn report(Shared(state): Shared<State>) -> Response {
    answer(StatusCode::OK, serde_json::to_string(&state.report()).unwrap_or_default())
}

async fn switches(Shared(state): Shared<State>) -> Response {
    answer(StatusCode::OK, serde_json::to_string(&state.switches()).unwrap_or_default())
}

async fn switch(Shared(state): Shared<State>, body: Bytes) -> Response {
    match serde_json::from_slice::<Switches>(&body) {
        Ok(switches) => {
            state.switch(switches);
            answer(StatusCode::OK, serde_json::to_string(&switches).unwrap_or_default())
        }
        Err(error) => {
            answer(StatusCode::BAD_REQUEST, serde_json::json!({ "error": error.to_string() }).to_string())
        }
    }
}

/// `POST /_sandbox/pay?order=<our key or the sales order's id>`.
async fn pay(Shared(state): Shared<State>, uri: Uri) -> Response {
    let order = query_of(&uri).into_iter().find(|(name, _)| name == "order").map(|(_, value)| value);
    match order {
        Some(order) if state.pay(&order) => answer(StatusCode::OK, "{}".to_owned()),
        Some(_) | None => {
            answer(StatusCode::NOT_FOUND, r#"{"error":"no prepayment of that order"}"#.to_owned())
        }
    }
}

/// `POST /_sandbox/webhook` with the address as the body, or an empty one for none.
async fn webhook(Shared(state): Shared<State>, body: String) -> Response {
    let url = body.trim();
    state.send_webhooks_to((!url.is_empty()).then(|| url.to_owned()));
    answer(StatusCode::OK, "{}".to_owned())
}

/// `POST /_sandbox/hold` with `true` as the body: the warehouse is held; with anything else it goes on.
async fn hold(Shared(state): Shared<State>, body: String) -> Response {
    state.hold_packing(body.trim() == "true");
    answer(StatusCode::OK, "{}".to_owned())
}

/// `POST /_sandbox/ship?order=<our key or the sales order's id>` with pieces by article number, as in `{"TASSE-01": 1}`.
async fn ship(Shared(state): Shared<State>, uri: Uri, body: Bytes) -> Response {
    let order = query_of(&uri).into_iter().find(|(name, _)| name == "order").map(|(_, value)| value);
    let pieces: Option<BTreeMap<String, u32>> = serde_json::from_slice(&body).ok();
    let shipped = order.zip(pieces).and_then(|(order, pieces)| {
        let pieces: Vec<(&str, u32)> =
            pieces.iter().map(|(number, count)| (number.as_str(), *count)).collect();
        state.ship_part(&order, &pieces)
    });
    match shipped {
        Some(id) => answer(StatusCode::OK, serde_json::json!({ "shipment": id }).to_string()),
        None => answer(StatusCode::NOT_FOUND, r#"{"error":"not that much of that order waits"}"#.to_owned()),
    }
}

/// One request, taken apart: `/<entity>[/id/<id>[/<action>]]`.
struct Request<'r> {
    method: &'r Method,
    entity: &'r str,
    id: Option<&'r str>,
    action: Option<&'r str>,
    query: Vec<(String, String)>,
    body: &'r [u8],
}

impl<'r> Request<'r> {
    fn read(method: &'r Method, uri: &'r Uri, body: &'r [u8]) -> Result<Self, Refusal> {
        let path = uri.path().strip_prefix(BASE).ok_or_else(|| Refusal::not_found("path"))?;
        let mut parts = path.split('/');
        let entity = parts.next().unwrap_or_default();
        let (id, action) = match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (None, None, None, None) => (None, None),
            (Some("id"), Some(id), action, None) => (Some(id), action),
            _ => return Err(Refusal::not_found("path")),
        };
        Ok(Self { method, entity, id, action, query: query_of(uri), body })
    }

    /// As in `POST /salesOrder/id/{id}/createShipment`.
    fn template(&self) -> String {
        let (method, entity) = (self.method.as_str(), self.entity);
        match (self.id, self.action) {
            (None, _) => format!("{method} /{entity}"),
            (Some(_), None) => format!("{method} /{entity}/id/{{id}}"),
            (Some(_), Some(action)) => format!("{method} /{entity}/id/{{id}}/{action}"),
        }
    }

    /// Calls whose effect is there even if their answer gets lost.
    fn creates(&self) -> bool {
        self.method == Method::POST
    }
}

async fn api(
    Shared(state): Shared<State>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let inner = &state.inner;
    let (fate, latency) = inner.faults.draw();
    if let Some(latency) = latency {
        tokio::time::sleep(latency).await;
    }
    let request = match Request::read(&method, &uri, &body) {
        Ok(request) => request,
        Err(refusal) => return refused(inner, &refusal),
    };
    inner.tally().called(&request.template());
    match fate {
        Fate::Answered => {}
        Fate::Down => return faulty(inner, StatusCode::SERVICE_UNAVAILABLE),
        Fate::Limited => return faulty(inner, StatusCode::TOO_MANY_REQUESTS),
    }
    let late = Duration::from_millis(inner.faults.get().commit_late_ms);
    if !late.is_zero()
        && request.creates()
        && let Some(wait) = inner.faults.never_answers()
    {
        carry_out_later(state.clone(), (method, uri, headers, body), wait + late);
        return never_answer(inner, wait).await;
    }
    match carry_out(inner, &request, &headers) {
        Ok((status, text)) => {
            let counted = request.method != Method::GET && inner.loses_this_answer();
            let lost = if request.creates() && late.is_zero() { inner.faults.never_answers() } else { None };
            match lost.or(counted.then_some(Duration::ZERO)) {
                Some(wait) => never_answer(inner, wait).await,
                None => answer(status, text),
            }
        }
        Err(refusal) => refused(inner, &refusal),
    }
}

/// The call waits in a queue; nobody waits for it any more when its turn comes.
fn carry_out_later(state: State, call: (Method, Uri, HeaderMap, Bytes), after: Duration) {
    tokio::spawn(async move {
        tokio::time::sleep(after).await;
        let (method, uri, headers, body) = call;
        let carried_out = Request::read(&method, &uri, &body)
            .and_then(|request| carry_out(&state.inner, &request, &headers));
        if carried_out.is_err() {
            state.inner.tally().refused += 1;
        }
    });
}

fn carry_out(
    inner: &Inner,
    request: &Request<'_>,
    headers: &HeaderMap,
) -> Result<(StatusCode, String), Refusal> {
    let token = headers.get("AuthenticationToken").map(header::HeaderValue::as_bytes);
    if token != Some(inner.token.as_bytes()) {
        return Err(Refusal::unauthorized());
    }
    let writes = request.method == Method::POST || request.method == Method::PUT;
    if writes && !says_json(headers) {
        return Err(Refusal::mime_type());
    }
    if let Some(contract) = &inner.contract {
        let path = request.template();
        let path = path.split_once(' ').map_or("", |(_, path)| path);
        let body = writes.then_some(request.body);
        if let Err(violation) = contract.check(request.method.as_str(), path, &request.query, body) {
            inner.tally().violations.push(violation.clone());
            return Err(Refusal::contract(&violation));
        }
    }
    work(inner, request)
}

fn says_json(headers: &HeaderMap) -> bool {
    let said = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    said.is_some_and(|value| value.starts_with("application/json"))
}

fn work(inner: &Inner, request: &Request<'_>) -> Result<(StatusCode, String), Refusal> {
    let known = |id: &str| id.parse::<u64>().map_err(|_| Refusal::not_found(request.entity));
    let ignore_missing =
        request.query.iter().any(|(name, value)| name == "ignoreMissingProperties" && value == "true");
    let mut books = inner.books();
    match (request.method.as_str(), request.entity, request.id, request.action) {
        ("GET", entity, None, None) => {
            let ignore_filters = inner.faults.get().ignore_filters;
            Ok((StatusCode::OK, list(&books, entity, &request.query, ignore_filters)?))
        }
        ("GET", entity, Some(id), None) if properties_of(entity).is_some() => {
            let text = books.render(entity, known(id)?).ok_or_else(|| Refusal::not_found(entity))?;
            Ok((StatusCode::OK, text))
        }
        ("POST", "party", None, None) => Ok((StatusCode::CREATED, books.create_party(request.body)?)),
        ("POST", "salesOrder", None, None) => Ok((StatusCode::CREATED, books.create_order(request.body)?)),
        ("PUT", "salesOrder", Some(id), None) => {
            Ok((StatusCode::OK, books.change_order(known(id)?, request.body, ignore_missing)?))
        }
        ("PUT", "salesInvoice", Some(id), None) if ignore_missing => {
            Ok((StatusCode::OK, books.change_invoice(known(id)?, request.body)?))
        }
        ("PUT", "shipment", Some(id), None) if ignore_missing => {
            Ok((StatusCode::OK, books.change_shipment(known(id)?, request.body)?))
        }
        ("POST", "salesOrder", Some(id), Some(action)) => {
            let done = books.act_on_order(known(id)?, action, request.body)?;
            if let Some(shipment) = done.shipment {
                inner.warehouse.pack(shipment);
            }
            Ok((StatusCode::OK, format!(r#"{{"result":{}}}"#, done.text)))
        }
        ("POST", "salesInvoice", Some(id), Some(action)) => {
            let done = books.act_on_invoice(known(id)?, action, request.body)?;
            Ok((StatusCode::OK, format!(r#"{{"result":{}}}"#, done.text)))
        }
        ("POST", "salesOpenItem", Some(id), Some("updatePaymentState")) => {
            let text = books.update_payment(known(id)?, request.body)?;
            Ok((StatusCode::OK, format!(r#"{{"result":{text}}}"#)))
        }
        _ => Err(Refusal::not_found("path")),
    }
}

fn query_of(uri: &Uri) -> Vec<(String, String)> {
    let pairs = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        })
        .collect()
}

/// `%41+b` → `A b`.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits: Vec<u8> = rest.by_ref().take(2).collect();
                let code =
                    std::str::from_utf8(&digits).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok());
                bytes.extend(code);
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn refused(inner: &Inner, refusal: &Refusal) -> Response {
    inner.tally().refused += 1;
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
    answer(status, refusal.to_json().to_string())
}

/// Errors of the way there are no JSON: a gateway answers them.
fn faulty(inner: &Inner, status: StatusCode) -> Response {
    inner.tally().faults += 1;
    let mut response = Response::new(Body::from(status.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/plain"));
    if status == StatusCode::TOO_MANY_REQUESTS {
        headers.insert("X-Weclapp-Wait-Ms", header::HeaderValue::from_static("250"));
        headers.insert("X-Weclapp-Wait-Reason", header::HeaderValue::from_static("concurrency"));
    }
    response
}

/// The work is done; the caller waits, then its connection breaks.
async fn never_answer(inner: &Inner, wait: Duration) -> Response {
    inner.tally().faults += 1;
    broken(wait).await
}

fn answer(status: StatusCode, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let json = header::HeaderValue::from_static("application/json;charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
