//! What feeds functions: the HTTP API in front, and event source mappings between queues and functions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use kontor_runtime::settings::Trigger;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::aws::{Aws, Sent};
use crate::host::Host;
use crate::world::queue_name;

/// Whether batches are waited for as the template says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Each message is an invocation of its own.
    Single,
    /// Batches fill up as far as the template lets them.
    Batches,
}

/// A number in the template, in the section of a function.
pub(crate) fn template(function: &str, word: &str) -> Option<u64> {
    let text = include_str!("../../../template.yaml");
    let section =
        text.split("\n  # ----").find(|s| s.contains(&format!("${{AWS::StackName}}-{function}\"")))?;
    let line = section.lines().find_map(|line| line.trim().strip_prefix(word)?.strip_prefix(": "))?;
    line.parse().ok()
}

type Hosts = BTreeMap<&'static str, Arc<Host>>;

/// Carries messages from queues to functions.
pub(crate) fn deliver(mut mail: UnboundedReceiver<Sent>, hosts: &Hosts, pace: Pace) {
    let mut queues = BTreeMap::new();
    for host in hosts.values() {
        if let Trigger::Queue(queue) = host.function.trigger {
            let (sender, messages) = unbounded_channel();
            queues.insert(queue_name(queue, false), sender);
            tokio::spawn(mapping(Arc::clone(host), messages, pace));
        }
    }
    tokio::spawn(async move {
        while let Some(sent) = mail.recv().await {
            let queue = queues.get(&sent.queue).unwrap_or_else(|| panic!("a message died: {}", sent.body));
            queue.send(sent.body).unwrap();
        }
    });
}

async fn mapping(host: Arc<Host>, mut messages: UnboundedReceiver<String>, pace: Pace) {
    let name = host.function.name;
    let (most, window) = match pace {
        Pace::Single => (1, Duration::ZERO),
        Pace::Batches => (
            usize::try_from(template(name, "BatchSize").unwrap()).unwrap(),
            Duration::from_secs(template(name, "MaximumBatchingWindowInSeconds").unwrap_or(0)),
        ),
    };
    while let Some(first) = messages.recv().await {
        let mut batch = vec![first];
        let more = async {
            while batch.len() < most {
                let Some(message) = messages.recv().await else { return };
                batch.push(message);
            }
        };
        // The time a poller takes to look, where no window is set.
        let window = if pace == Pace::Batches { window.max(Duration::from_millis(5)) } else { window };
        // The window is over, or the batch is full.
        tokio::time::timeout(window, more).await.unwrap_or_default();
        settle(&host, batch).await;
    }
}

async fn settle(host: &Host, batch: Vec<String>) {
    let aws: &Aws = host.aws();
    let packets = u64::try_from(batch.len().div_ceil(10)).unwrap();
    aws.count("event sources", "ReceiveMessage", packets);
    let records: Vec<Value> = batch.iter().enumerate().map(|(n, body)| record(n, body)).collect();
    let (answer, _) = host.invoke(&json!({ "Records": records })).await;
    let failures = answer["batchItemFailures"].as_array().map_or(0, Vec::len);
    assert_eq!(failures, 0, "{} gave back {failures} messages", host.function.name);
    aws.count("event sources", "DeleteMessageBatch", packets);
    aws.under_way(-i64::try_from(batch.len()).unwrap());
}

fn record(n: usize, body: &str) -> Value {
    json!({
        "messageId": format!("message-{n}"), "receiptHandle": format!("receipt-{n}"), "body": body,
        "attributes": { "ApproximateReceiveCount": "1", "SentTimestamp": "1767225600000" },
        "messageAttributes": {}, "md5OfBody": "", "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-central-1:100000000001:bench", "awsRegion": "eu-central-1",
    })
}

/// The HTTP API. Answers its address.
pub(crate) async fn front(hosts: &Hosts) -> String {
    let app =
        Router::new().route("/webhooks/{kind}/{id}", post(deliver_http)).with_state(Arc::new(hosts.clone()));
    serve(app).await
}

async fn deliver_http(
    State(hosts): State<Arc<Hosts>>,
    Path((kind, id)): Path<(String, String)>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let host = hosts.get(format!("webhook-{kind}").as_str()).unwrap();
    host.aws().under_way(1);
    host.aws().count("HTTP API", "request", 1);
    let headers: BTreeMap<&str, &str> =
        headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect();
    let parameter = if kind == "weclapp" { "secret" } else { "shop" };
    let event = json!({
        "version": "2.0", "routeKey": format!("POST /webhooks/{kind}/{{{parameter}}}"), "rawQueryString": "",
        "rawPath": format!("/webhooks/{kind}/{id}"), "headers": headers, "pathParameters": { parameter: id },
        "body": body, "isBase64Encoded": false,
        "requestContext": { "http": { "method": "POST", "path": format!("/webhooks/{kind}/{id}") } },
    });
    let (answer, _) = host.invoke(&event).await;
    host.aws().under_way(-1);
    let status = answer["statusCode"].as_u64().and_then(|code| u16::try_from(code).ok());
    let status = StatusCode::from_u16(status.unwrap_or(502)).unwrap();
    (status, answer["body"].as_str().unwrap_or_default().to_owned()).into_response()
}

async fn serve(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

/// The system at `url`, answering `latency` later. Answers its new address.
pub(crate) async fn slowed(url: &str, latency: Duration) -> String {
    let forward = Forward { url: url.to_owned(), latency, client: reqwest::Client::new() };
    serve(Router::new().fallback(forwarded).with_state(forward)).await
}

#[derive(Clone)]
struct Forward {
    url: String,
    latency: Duration,
    client: reqwest::Client,
}

async fn forwarded(State(to): State<Forward>, request: Request) -> Response {
    tokio::time::sleep(to.latency).await;
    let (parts, body) = request.into_parts();
    let body: Bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut headers = parts.headers;
    headers.remove("host");
    let sent =
        to.client.request(parts.method, format!("{}{path}", to.url)).headers(headers).body(body).send();
    let answer = sent.await.unwrap();
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    headers.remove("transfer-encoding");
    (status, headers, answer.bytes().await.unwrap()).into_response()
}
