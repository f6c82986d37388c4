//! A stand-in of the services functions call: it counts what AWS would bill, and answers after a wait of its own.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::world::{Latency, SECRET};

/// SQS bills a request once for every 64 KiB begun.
const BILLED_BYTES: usize = 64 * 1024;

/// The answer of SNS.
const PUBLISHED: &str = "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult>\
    <MessageId>bench</MessageId></PublishResult></PublishResponse>";

/// What AWS bills of one operation.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Count {
    pub(crate) requests: u64,
    pub(crate) read_units: f64,
    pub(crate) write_units: f64,
}

/// A message on its way.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) queue: String,
    pub(crate) body: String,
}

/// The services.
pub(crate) struct Aws {
    table: String,
    latency: Latency,
    client: reqwest::Client,
    mail: UnboundedSender<Sent>,
    under_way: AtomicI64,
    counts: Mutex<BTreeMap<(String, String), Count>>,
}

impl Aws {
    /// Over the table at `table`; what is sent to queues comes out of the other end.
    pub(crate) fn new(table: String, latency: Latency) -> (Arc<Self>, UnboundedReceiver<Sent>) {
        let (mail, sent) = unbounded_channel();
        let (client, under_way, counts) = (reqwest::Client::new(), AtomicI64::new(0), Mutex::default());
        (Arc::new(Self { table, latency, client, mail, under_way, counts }), sent)
    }

    /// What was counted, by caller and operation, since the last time.
    pub(crate) fn take_counts(&self) -> BTreeMap<(String, String), Count> {
        std::mem::take(&mut self.counts.lock().unwrap())
    }

    /// Counts `requests` requests.
    pub(crate) fn count(&self, caller: &str, operation: &str, requests: u64) {
        self.add(caller, operation, Count { requests, ..Count::default() });
    }

    fn add(&self, caller: &str, operation: &str, more: Count) {
        let mut counts = self.counts.lock().unwrap();
        let count = counts.entry((caller.to_owned(), operation.to_owned())).or_default();
        count.requests += more.requests;
        count.read_units += more.read_units;
        count.write_units += more.write_units;
    }

    /// Something began, or was settled.
    pub(crate) fn under_way(&self, more: i64) {
        self.under_way.fetch_add(more, Ordering::SeqCst);
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.under_way.load(Ordering::SeqCst) == 0
    }

    /// Answers a call of `caller`.
    pub(crate) async fn answer(&self, caller: &str, headers: HeaderMap, body: Bytes) -> Response {
        if body.starts_with(b"Action=Publish") {
            self.count(caller, "Publish", 1);
            return ([("content-type", "text/xml")], PUBLISHED).into_response();
        }
        let target =
            headers.get("x-amz-target").and_then(|t| t.to_str().ok()).unwrap_or("SES.SendEmail").to_owned();
        let (service, operation) = target.split_once('.').unwrap();
        match service {
            "DynamoDB_20120810" => self.table(caller, operation, &target, body).await,
            "AmazonSQS" => self.queue(caller, operation, &body).await,
            "secretsmanager" => {
                self.count(caller, "GetSecretValue", 1);
                json_answer(&json!({ "SecretString": SECRET }))
            }
            _ => {
                tokio::time::sleep(self.latency.mail).await;
                self.count(caller, "SendEmail", 1);
                json_answer(&json!({ "MessageId": "bench" }))
            }
        }
    }

    async fn table(&self, caller: &str, operation: &str, target: &str, body: Bytes) -> Response {
        tokio::time::sleep(self.latency.table).await;
        let mut request: Value = serde_json::from_slice(&body).unwrap();
        request["ReturnConsumedCapacity"] = json!("TOTAL");
        let forwarded = self
            .client
            .post(&self.table)
            .header("x-amz-target", target)
            .header("content-type", "application/x-amz-json-1.0")
            .header("authorization", "AWS4-HMAC-SHA256 Credential=bench/20260101/eu-central-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0")
            .header("x-amz-date", "20260101T000000Z")
            .body(request.to_string());
        let answer = forwarded.send().await.unwrap();
        let status = StatusCode::from_u16(answer.status().as_u16()).unwrap();
        let text = answer.text().await.unwrap();
        let units = units(&serde_json::from_str(&text).unwrap_or_default());
        let read = matches!(operation, "GetItem" | "Query");
        let (read_units, write_units) = if read { (units, 0.0) } else { (0.0, units) };
        self.add(caller, operation, Count { requests: 1, read_units, write_units });
        (status, [("content-type", "application/x-amz-json-1.0")], text).into_response()
    }

    async fn queue(&self, caller: &str, operation: &str, body: &[u8]) -> Response {
        tokio::time::sleep(self.latency.queue).await;
        let billed = body.len().div_ceil(BILLED_BYTES).max(1);
        self.count(caller, operation, u64::try_from(billed).unwrap());
        let request: Value = serde_json::from_slice(body).unwrap();
        if operation != "SendMessageBatch" {
            return json_answer(&json!({}));
        }
        let queue = request["QueueUrl"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        let mut done = Vec::new();
        for entry in request["Entries"].as_array().unwrap() {
            self.under_way(1);
            let body = entry["MessageBody"].as_str().unwrap().to_owned();
            self.mail.send(Sent { queue: queue.clone(), body }).unwrap();
            done.push(json!({ "Id": entry["Id"], "MessageId": "bench", "MD5OfMessageBody": "" }));
        }
        json_answer(&json!({ "Successful": done, "Failed": [] }))
    }
}

/// The units DynamoDB would bill.
fn units(answer: &Value) -> f64 {
    let of = |one: &Value| one["CapacityUnits"].as_f64().unwrap_or(0.0);
    let consumed = &answer["ConsumedCapacity"];
    consumed.as_array().map_or_else(|| of(consumed), |all| all.iter().map(of).sum())
}

fn json_answer(body: &Value) -> Response {
    ([("content-type", "application/x-amz-json-1.0")], body.to_string()).into_response()
}
