//! What one machine listens on: webhooks and a health check.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use bytes::Bytes;
use http::HeaderMap;
use kontor_connectors::config::ShopKind;
use kontor_flow::message::LONGEST_BODY;
use kontor_flow::remedy::BoxError;
use kontor_runtime::clock;
use kontor_runtime::webhook::{Reply, receive, receive_hint};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::house::Doors;
use crate::up::stopped;

/// Serves until `stop` turns true and every request begun is answered.
pub(crate) async fn serve(
    listener: TcpListener,
    doors: Arc<Doors>,
    stop: watch::Receiver<bool>,
) -> Result<(), BoxError> {
    let routes = Router::new()
        .route("/webhooks/woocommerce/{shop}", post(woocommerce))
        .route("/webhooks/shopify/{shop}", post(shopify))
        .route("/webhooks/weclapp/{secret}", post(weclapp))
        .route("/health", get(health))
        .with_state(doors);
    Ok(axum::serve(listener, routes).with_graceful_shutdown(stopped(stop)).await?)
}

type Shown = (StatusCode, &'static str);

fn show(reply: Reply) -> Shown {
    (StatusCode::from_u16(reply.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), reply.text())
}

/// The whole body, if it is no longer than any delivery may be. What is longer is not kept in memory.
async fn whole(body: Body) -> Result<Bytes, Shown> {
    to_bytes(body, LONGEST_BODY).await.map_err(|_| show(Reply::TooLarge))
}

async fn deliver(doors: &Doors, kind: ShopKind, shop: &str, headers: HeaderMap, body: Body) -> Shown {
    let body = match whole(body).await {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    let Some(gate) = doors.gates.get(&kind) else { return show(Reply::Unauthorized) };
    show(receive(gate, &doors.engine, shop, headers, body, clock::now()).await)
}

async fn woocommerce(
    State(doors): State<Arc<Doors>>,
    Path(shop): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Shown {
    deliver(&doors, ShopKind::Woocommerce, &shop, headers, body).await
}

async fn shopify(
    State(doors): State<Arc<Doors>>,
    Path(shop): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Shown {
    deliver(&doors, ShopKind::Shopify, &shop, headers, body).await
}

async fn weclapp(State(doors): State<Arc<Doors>>, Path(secret): Path<String>, body: Body) -> Shown {
    match whole(body).await {
        Ok(body) => show(receive_hint(&doors.hints, &doors.engine, &secret, &body).await),
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
