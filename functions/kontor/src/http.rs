//! What one machine listens on: webhooks and a health check.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use http_body_util::{BodyExt as _, Limited};
use kontor_connectors::Delivery;
use kontor_connectors::config::ShopKind;
use kontor_flow::message::LONGEST_BODY;
use kontor_flow::remedy::BoxError;
use kontor_runtime::apps::{AppReply, LONGEST_CONFIRMATION};
use kontor_runtime::clock;
use kontor_runtime::settings::SMARTSTORE_NOTICES;
use kontor_runtime::webhook::{LONGEST_HINT, Reply, receive, receive_delivery, receive_hint};
use tokio::net::TcpListener;
use tokio::sync::{SemaphorePermit, watch};

use crate::house::Doors;
use crate::listen::{self, LIMITS};

/// Serves until `stop` turns true and every request begun is answered.
pub(crate) async fn serve(
    listener: TcpListener,
    doors: Arc<Doors>,
    stop: watch::Receiver<bool>,
) -> Result<(), BoxError> {
    let routes = Router::new()
        .route("/webhooks/woocommerce/{shop}", post(woocommerce))
        .route("/webhooks/shopify/{shop}", post(shopify))
        .route("/webhooks/shopware/{shop}", post(shopware))
        .route(SMARTSTORE_NOTICES, post(smartstore).get(smartstore))
        .route("/apps/shopware/{shop}/register", get(register))
        .route("/apps/shopware/{shop}/confirm", post(confirm))
        .route("/webhooks/weclapp/{secret}", post(weclapp))
        .route("/health", get(health))
        .with_state(doors);
    listen::serve(listener, routes, LIMITS, stop).await
}

type Shown = (StatusCode, &'static str);

fn show(reply: Reply) -> Shown {
    (StatusCode::from_u16(reply.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), reply.text())
}

/// Bodies up to this long, in bytes, are read at any time: as many as there are connections fit into memory.
const SMALL: usize = 64 * 1024;

/// Room for longer bodies, in KiB, of all requests together.
pub(crate) const ROOM: usize = 64 * 1024;

/// For a body, and for the room it takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// A body, and the room it takes as long as it is there.
type Whole<'a> = (Bytes, Option<SemaphorePermit<'a>>);

/// Of a body that is too long, in bytes: so much is let by, so that who sends it first and listens then hears why it is not
/// taken, instead of a connection that breaks.
const SWALLOWED: usize = 16 * 1024 * 1024;

/// The whole body, if it is no longer than `longest`. What says that it is longer, or turns out to be, is not kept.
async fn whole<'a>(
    doors: &'a Doors,
    headers: &HeaderMap,
    mut body: Body,
    longest: usize,
) -> Result<Whole<'a>, Shown> {
    let told = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let size = told.unwrap_or(longest);
    let kib = u32::try_from(size.div_ceil(1024)).unwrap_or(u32::MAX);
    let read = async {
        if size > longest {
            // Who asks before sending hears it without.
            if size <= SWALLOWED && !headers.contains_key(EXPECT) {
                swallow(&mut body).await;
            }
            return Err(show(Reply::TooLarge));
        }
        let room = if size > SMALL { doors.room.acquire_many(kib).await.ok() } else { None };
        match Limited::new(&mut body, longest).collect().await {
            Ok(whole) => Ok((whole.to_bytes(), room)),
            Err(_) => {
                drop(room);
                swallow(&mut body).await;
                Err(show(Reply::TooLarge))
            }
        }
    };
    let late = (StatusCode::REQUEST_TIMEOUT, "this delivery did not arrive in time; please send it again");
    tokio::time::timeout(PATIENCE, read).await.unwrap_or(Err(late))
}

/// Lets the rest of a body by, up to [`SWALLOWED`].
async fn swallow(body: &mut Body) {
    let mut rest = Limited::new(body, SWALLOWED);
    while let Some(Ok(_)) = rest.frame().await {}
}

/// What stands in the path, if it can be read; else nothing, which is no shop and no secret.
type Word = Result<Path<String>, PathRejection>;

fn word(word: Word) -> String {
    word.map(|Path(word)| word).unwrap_or_default()
}

async fn deliver(doors: &Doors, kind: ShopKind, shop: Word, headers: HeaderMap, body: Body) -> Shown {
    let shop = &word(shop);
    let (body, _room) = match whole(doors, &headers, body, LONGEST_BODY).await {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    let Some(gate) = doors.gates.get(&kind) else { return show(Reply::Unauthorized) };
    show(receive(gate, &doors.engine, shop, headers, body, clock::now()).await)
}

async fn woocommerce(State(doors): State<Arc<Doors>>, shop: Word, headers: HeaderMap, body: Body) -> Shown {
    deliver(&doors, ShopKind::Woocommerce, shop, headers, body).await
}

async fn shopify(State(doors): State<Arc<Doors>>, shop: Word, headers: HeaderMap, body: Body) -> Shown {
    deliver(&doors, ShopKind::Shopify, shop, headers, body).await
}

async fn shopware(State(doors): State<Arc<Doors>>, shop: Word, headers: HeaderMap, body: Body) -> Shown {
    let (body, _room) = match whole(&doors, &headers, body, LONGEST_BODY).await {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    let Some(gate) = doors.gates.get(&ShopKind::Shopware) else { return show(Reply::Unauthorized) };
    let (gates, now) = ((gate, &doors.app_gate), clock::now());
    show(doors.apps.receive(gates, &doors.engine, &word(shop), headers, body, now).await)
}

/// A Shopware shop asks for a secret. What it signed is the query exactly as it came.
async fn register(
    State(doors): State<Arc<Doors>>,
    shop: Word,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let (query, fresh) = (query.unwrap_or_default(), clock::new_secret());
    let (gate, shop, now) = (&doors.app_gate, word(shop), clock::now());
    show_app(doors.apps.register(gate, &shop, &headers, &query, &fresh, now).await)
}

async fn confirm(State(doors): State<Arc<Doors>>, shop: Word, headers: HeaderMap, body: Body) -> Response {
    match whole(&doors, &headers, body, LONGEST_CONFIRMATION).await {
        Ok((body, _room)) => {
            let (gate, shop) = (&doors.app_gate, word(shop));
            show_app(doors.apps.confirm(gate, &shop, &headers, &body, clock::now()).await)
        }
        Err(answer) => answer.into_response(),
    }
}

fn show_app(reply: AppReply) -> Response {
    let status = StatusCode::from_u16(reply.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = if reply.is_json() { "application/json" } else { "text/plain; charset=utf-8" };
    (status, [(CONTENT_TYPE, kind)], reply.into_text()).into_response()
}

/// What stands behind the `?` may be the proof.
async fn smartstore(
    State(doors): State<Arc<Doors>>,
    shop: Word,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Shown {
    let (body, _room) = match whole(&doors, &headers, body, LONGEST_BODY).await {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    let Some(gate) = doors.gates.get(&ShopKind::Smartstore) else { return show(Reply::Unauthorized) };
    let delivery = Delivery::new(headers, body, clock::now()).with_query(query);
    show(receive_delivery(gate, &doors.engine, &word(shop), delivery).await)
}

async fn weclapp(State(doors): State<Arc<Doors>>, secret: Word, headers: HeaderMap, body: Body) -> Shown {
    match whole(&doors, &headers, body, LONGEST_HINT).await {
        Ok((body, _room)) => show(receive_hint(&doors.hints, &doors.engine, &word(secret), &body).await),
        Err(answer) => answer,
    }
}

async fn health(State(doors): State<Arc<Doors>>) -> Json<serde_json::Value> {
    let depths = doors.engine.stats();
    let queues: serde_json::Map<String, serde_json::Value> = depths
        .iter()
        .map(|(address, depth)| {
            let depth = serde_json::json!({
                "visible": depth.visible, "in_flight": depth.in_flight, "delayed": depth.delayed
            });
            (address.to_string(), depth)
        })
        .collect();
    Json(serde_json::json!({ "status": "ok", "queues": queues }))
}
