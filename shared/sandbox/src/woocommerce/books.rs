//! What the shop keeps.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::hooks::Webhook;
use super::order::Order;
use super::refusal::Refusal;
use super::shipping::Tracking;

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
    /// Fulfilments and trackings by order, where there are any.
    #[serde(default)]
    pub parcels: BTreeMap<u64, usize>,
    /// Orders that have the same tracking number twice.
    #[serde(default)]
    pub doubled_tracking: Vec<u64>,
    /// Webhooks: topic, and whether it is `active`, `paused` or `disabled`.
    #[serde(default)]
    pub webhooks: Vec<(String, String)>,
    /// Calls by method and path, as in `PUT /orders/{id}`.
    pub calls: BTreeMap<String, u64>,
}

#[derive(Default)]
pub(super) struct Books {
    pub(super) orders: HashMap<u64, Order>,
    pub(super) webhooks: BTreeMap<u64, Webhook>,
    pub(super) read_only: Option<String>,
    pub(super) tracking: Tracking,
    number: u64,
    calls: BTreeMap<&'static str, u64>,
}

impl Books {
    pub(super) fn count(&mut self, call: &'static str) -> &mut Self {
        *self.calls.entry(call).or_default() += 1;
        self
    }

    pub(super) fn order(&mut self, id: u64) -> Result<&mut Order, Refusal> {
        self.orders.get_mut(&id).ok_or_else(Refusal::no_order)
    }

    /// A number for a new note, refund, fulfilment or webhook.
    pub(super) fn next_number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    pub(super) fn seed(&mut self, order: &Value) -> bool {
        let (Some(fields), Some(id)) = (order.as_object(), order.get("id").and_then(Value::as_u64)) else {
            return false;
        };
        self.orders.entry(id).or_default().fields = fields.clone();
        true
    }

    pub(super) fn report(&self) -> Report {
        let mut report = Report::default();
        for (id, order) in &self.orders {
            *report.orders.entry(order.text("status").to_owned()).or_default() += 1;
            report.notes += order.notes.len();
            if !order.notes.is_empty() {
                report.told.insert(*id, order.notes.len());
            }
            if !order.parcels.is_empty() {
                report.parcels.insert(*id, order.parcels.len());
            }
            if is_doubled(order.notes.iter().filter_map(|note| note.get("note")?.as_str()).collect()) {
                report.doubled_notes.push(*id);
            }
            if is_doubled(order.tracking_numbers()) {
                report.doubled_tracking.push(*id);
            }
        }
        report.doubled_notes.sort_unstable();
        report.doubled_tracking.sort_unstable();
        let hooks = self.webhooks.values();
        report.webhooks = hooks.map(|hook| (hook.topic.clone(), hook.status.clone())).collect();
        report.calls = self.calls.iter().map(|(call, count)| ((*call).to_owned(), *count)).collect();
        report
    }
}

fn is_doubled(mut said: Vec<&str>) -> bool {
    said.sort_unstable();
    said.array_windows().any(|[one, next]| one == next)
}
