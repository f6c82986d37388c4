//! An order of the shop: as webhooks tell it, and what is to be shipped of it from where.

use serde_json::{Value, json};

use super::goods::FulfillmentOrder;
use super::search::Mark;
use super::told::{self, list, text};
use crate::clock::{iso_seconds, now_ms};

/// An order.
pub(super) struct Order {
    /// As webhooks tell it.
    pub(super) body: Value,
    /// What is to be shipped, by place; none for an order of which nothing ships.
    pub(super) places: Vec<FulfillmentOrder>,
    /// Shipments told of through the API.
    pub(super) told: Vec<u64>,
}

impl Order {
    pub(super) fn is_cancelled(&self) -> bool {
        text(&self.body, "cancelled_at").is_some()
    }

    pub(super) fn has_parcels(&self) -> bool {
        list(&self.body, "fulfillments").iter().any(|parcel| text(parcel, "status") == Some("success"))
    }

    /// Changes the order, and with it its revision.
    pub(super) fn change(&mut self, fields: &[(&str, Value)]) {
        for (name, value) in fields {
            set(&mut self.body, name, value.clone());
        }
        let before = Mark::of(&self.body, 0).map(|mark| mark.at_ms);
        let at = now_ms().max(before.unwrap_or(0) + 1_000);
        set(&mut self.body, "updated_at", json!(format!("{}Z", iso_seconds(at))));
    }

    pub(super) fn shipped(&mut self, id: u64, parcel: Value) {
        let mut parcels = list(&self.body, "fulfillments").to_vec();
        parcels.push(parcel);
        let status =
            if self.places.iter().all(FulfillmentOrder::is_closed) { "fulfilled" } else { "partial" };
        self.change(&[("fulfillments", Value::Array(parcels)), ("fulfillment_status", json!(status))]);
        self.told.push(id);
    }

    /// Brings what is left to ship in line with what is left of the lines, and of the order.
    pub(super) fn count_again(&mut self) {
        let cancelled = self.is_cancelled();
        let shipped = |line: u64| -> u64 {
            let parcels =
                list(&self.body, "fulfillments").iter().filter(|one| text(one, "status") == Some("success"));
            let items = parcels.flat_map(|parcel| list(parcel, "line_items"));
            let items = items.filter(|item| item.get("id").and_then(Value::as_u64) == Some(line));
            items.filter_map(|item| item.get("quantity").and_then(Value::as_u64)).sum()
        };
        let current = |line: u64| {
            let mut items = list(&self.body, "line_items").iter();
            let item = items.find(|item| item.get("id").and_then(Value::as_u64) == Some(line))?;
            item.get("current_quantity").or_else(|| item.get("quantity")).and_then(Value::as_u64)
        };
        for line in self.places.iter_mut().flat_map(|place| &mut place.lines) {
            line.remaining = current(line.line_item)
                .unwrap_or(1)
                .saturating_sub(shipped(line.line_item))
                .min(line.remaining);
        }
        self.places.iter_mut().for_each(|place| place.cancelled |= cancelled);
    }

    pub(super) fn has_doubled_tracking(&self) -> bool {
        let all = list(&self.body, "fulfillments").iter().flat_map(|parcel| list(parcel, "tracking_numbers"));
        let mut numbers: Vec<&str> = all.filter_map(Value::as_str).collect();
        numbers.sort_unstable();
        numbers.array_windows().any(|[one, next]| one == next)
    }

    pub(super) fn to_json(&self) -> Value {
        let mut node = told::order(&self.body);
        let places: Vec<Value> = self.places.iter().map(FulfillmentOrder::to_json).collect();
        set(&mut node, "fulfillmentOrders", json!({ "nodes": places }));
        node
    }
}

/// What was done through the API is kept when the order is told anew, and its revision never goes back.
pub(super) fn kept(before: &Value, body: &mut Value) {
    for name in ["cancelled_at", "closed_at", "fulfillment_status"] {
        if text(body, name).is_none() && text(before, name).is_some() {
            set(body, name, before.get(name).cloned().unwrap_or(Value::Null));
        }
    }
    if list(body, "fulfillments").len() < list(before, "fulfillments").len() {
        set(body, "fulfillments", json!(list(before, "fulfillments")));
    }
    let unpaid = matches!(text(body, "financial_status"), Some("pending" | "authorized") | None);
    if unpaid && text(before, "financial_status") == Some("paid") {
        set(body, "financial_status", json!("paid"));
        set(body, "total_outstanding", json!("0.00"));
    }
    let newer = Mark::of(before, 0).map(|mark| mark.at_ms) > Mark::of(body, 0).map(|mark| mark.at_ms);
    if newer {
        set(body, "updated_at", before.get("updated_at").cloned().unwrap_or(Value::Null));
    }
}

/// Sets a field.
pub(super) fn set(body: &mut Value, name: &str, value: Value) {
    if let Some(fields) = body.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
}

/// The time, as the Admin API writes it.
pub(super) fn now() -> String {
    format!("{}Z", iso_seconds(now_ms()))
}
