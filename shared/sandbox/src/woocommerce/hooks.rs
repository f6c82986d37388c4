//! The shop's webhooks: made, switched and called, and switched off by the shop itself when nobody takes its calls.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::books::Books;
use super::refusal::Refusal;
use super::{Asked, Reply, State};
use crate::clock::{iso_seconds, now_ms};
use crate::traffic::sign;

/// After more failures than these the next one switches a webhook off: recorded, the seventh in a row.
const MOST_FAILURES: u32 = 5;

/// How long is waited for who is called. WooCommerce waits a minute.
const PATIENCE: Duration = Duration::from_secs(5);

/// A webhook.
pub(super) struct Webhook {
    pub(super) topic: String,
    pub(super) status: String,
    name: String,
    delivery_url: String,
    secret: String,
    failures: u32,
}

impl Webhook {
    fn to_json(&self, id: u64) -> Value {
        let (resource, event) = self.topic.split_once('.').unwrap_or((&self.topic, ""));
        json!({
            "id": id,
            "name": self.name,
            "status": self.status,
            "topic": self.topic,
            "resource": resource,
            "event": event,
            "delivery_url": self.delivery_url,
            "date_created_gmt": iso_seconds(now_ms()),
            "date_modified_gmt": iso_seconds(now_ms()),
        })
    }

    /// What became of a call.
    fn heard(&mut self, status: u16) {
        if (200..=302).contains(&status) {
            self.failures = 0;
        } else if self.failures > MOST_FAILURES {
            "disabled".clone_into(&mut self.status);
        } else {
            self.failures += 1;
        }
    }
}

fn is_topic(topic: &str) -> bool {
    topic.split_once('.').is_some_and(|(resource, event)| {
        matches!(resource, "coupon" | "customer" | "order" | "product")
            && matches!(event, "created" | "updated" | "deleted" | "restored")
    })
}

fn wrong(what: &str, why: &str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, &format!("woocommerce_rest_shop_webhook_invalid_{what}"), why)
}

impl Books {
    /// `/webhooks` and what is below it.
    pub(super) fn webhooks(&mut self, asked: &Asked<'_>) -> Result<Reply, Refusal> {
        if asked.rest.is_empty() {
            return match asked.method {
                "GET" => {
                    self.count("GET /webhooks");
                    let all = self.webhooks.iter().map(|(id, hook)| hook.to_json(*id)).collect();
                    let number = |name, unless| {
                        asked.parameter(name).and_then(|text| text.parse().ok()).unwrap_or(unless)
                    };
                    Ok(Reply::page(all, number("per_page", 10), number("page", 1)))
                }
                "POST" => self.count("POST /webhooks").make_webhook(asked),
                _ => Err(Refusal::no_route()),
            };
        }
        let id = asked.rest.strip_prefix('/').and_then(|id| id.parse::<u64>().ok());
        let id = id.ok_or_else(Refusal::no_route)?;
        let missing = || wrong("id", "ID is invalid.");
        match asked.method {
            "GET" => {
                let hook = self.count("GET /webhooks/{id}").webhooks.get(&id);
                Ok(Reply::ok(hook.ok_or_else(missing)?.to_json(id)))
            }
            "PUT" => {
                let hook = self.count("PUT /webhooks/{id}").webhooks.get_mut(&id).ok_or_else(missing)?;
                let sent = asked.sent()?;
                let text = |name: &str| sent.get(name).and_then(Value::as_str);
                if let Some(status) = text("status") {
                    if !matches!(status, "active" | "paused" | "disabled") {
                        return Err(wrong("status", "Webhook status must be valid."));
                    }
                    status.clone_into(&mut hook.status);
                    hook.failures = 0;
                }
                if let Some(secret) = text("secret") {
                    secret.clone_into(&mut hook.secret);
                }
                Ok(Reply::ok(hook.to_json(id)))
            }
            _ => Err(Refusal::no_route()),
        }
    }

    fn make_webhook(&mut self, asked: &Asked<'_>) -> Result<Reply, Refusal> {
        let sent = asked.sent()?;
        let text = |name: &str| sent.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (topic, delivery_url) = (text("topic"), text("delivery_url"));
        if !is_topic(&topic) {
            return Err(wrong("topic", "Webhook topic is required and must be valid."));
        }
        if !delivery_url.starts_with("http://") && !delivery_url.starts_with("https://") {
            let why = "Webhook delivery URL must be a valid URL starting with http:// or https://.";
            return Err(wrong("delivery_url", why));
        }
        let id = self.next_number();
        let status = sent.get("status").and_then(Value::as_str).unwrap_or("active").to_owned();
        let ping = Some((id, delivery_url.clone()));
        let hook =
            Webhook { topic, status, name: text("name"), delivery_url, secret: text("secret"), failures: 0 };
        let value = hook.to_json(id);
        self.webhooks.insert(id, hook);
        Ok(Reply { ping, ..Reply::created(value) })
    }
}

/// The call WooCommerce makes when a webhook is made: a form with its id, unsigned. Only on this machine: a stand-in calls
/// nobody else.
pub(super) async fn ping(id: u64, url: &str) {
    if !url.starts_with("http://127.0.0.1") {
        return;
    }
    let request = reqwest::Client::new()
        .post(url)
        .timeout(PATIENCE)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("webhook_id={id}"));
    // What comes of it does not matter to WooCommerce.
    if request.send().await.is_err() {}
}

/// Calls the webhooks of a topic, as WooCommerce does: signed, with an id that is the same for all of a second, and once.
pub(super) async fn deliver(state: &State, topic: &str, id: u64) -> Vec<u16> {
    let (calls, body) = {
        let books = state.books();
        let body = match books.orders.get(&id) {
            Some(order) if topic != "order.deleted" => order.to_json(),
            Some(_) | None => json!({ "id": id }),
        };
        let wanted = |hook: &&Webhook| hook.topic == topic && hook.status == "active";
        let hooks = books.webhooks.iter().filter(|(_, hook)| wanted(hook));
        let calls: Vec<(u64, String, String)> =
            hooks.map(|(id, hook)| (*id, hook.delivery_url.clone(), hook.secret.clone())).collect();
        (calls, body.to_string())
    };
    let mut statuses = Vec::new();
    for (hook, url, secret) in calls {
        let (resource, event) = topic.split_once('.').unwrap_or((topic, ""));
        let request = reqwest::Client::new()
            .post(url)
            .timeout(PATIENCE)
            .header("user-agent", "WooCommerce/9.2.5 Hookshot (WordPress/7.0)")
            .header("content-type", "application/json")
            .header("x-wc-webhook-topic", topic)
            .header("x-wc-webhook-resource", resource)
            .header("x-wc-webhook-event", event)
            .header("x-wc-webhook-signature", sign(&secret, body.as_bytes()).unwrap_or_default())
            .header("x-wc-webhook-id", hook.to_string())
            .header("x-wc-webhook-delivery-id", format!("{hook:x}-{}", now_ms() / 1_000))
            .body(body.clone());
        let status = request.send().await.map_or(0, |answer| answer.status().as_u16());
        if let Some(hook) = state.books().webhooks.get_mut(&hook) {
            hook.heard(status);
        }
        statuses.push(status);
    }
    statuses
}
