//! The shop's webhooks.

use serde_json::{Value, json};

use super::told::{gid, text};

/// A webhook.
struct Hook {
    id: u64,
    topic: String,
    uri: String,
    filter: Value,
}

/// All of them.
#[derive(Default)]
pub(super) struct Hooks(Vec<Hook>);

impl Hooks {
    pub(super) fn to_json(&self) -> Value {
        let node = |hook: &Hook| {
            json!({
                "id": gid("WebhookSubscription", hook.id),
                "topic": hook.topic,
                "uri": hook.uri,
                "format": "JSON",
                "filter": hook.filter,
            })
        };
        json!({ "nodes": self.0.iter().map(node).collect::<Vec<_>>() })
    }

    /// Makes one; refuses what Shopify refuses (recorded 2026-05-07).
    pub(super) fn make(&mut self, id: u64, topic: &Value, input: &Value) -> Value {
        let refused = |message: &str| {
            let errors = json!([{ "field": ["webhookSubscription", "callbackUrl"], "message": message }]);
            json!({ "webhookSubscription": null, "userErrors": errors })
        };
        let uri = text(input, "uri").unwrap_or_default();
        if uri.is_empty() {
            return refused("Address can't be blank");
        }
        if uri.starts_with("http://") {
            return refused("Address protocol http:// is not supported");
        }
        let topic = topic.as_str().unwrap_or_default().to_owned();
        let filter = input.get("filter").cloned().unwrap_or(Value::Null);
        self.0.push(Hook { id, topic, uri: uri.to_owned(), filter });
        json!({ "webhookSubscription": { "id": gid("WebhookSubscription", id) }, "userErrors": [] })
    }

    /// What Shopify does after eight failures in a row. Answers how many it deleted.
    pub(super) fn delete(&mut self, topic: &str) -> usize {
        let before = self.0.len();
        self.0.retain(|hook| hook.topic != topic);
        before - self.0.len()
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }
}
