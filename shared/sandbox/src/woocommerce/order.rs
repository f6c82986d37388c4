//! One order of the shop.

use serde_json::{Map, Value, json};

use super::refusal::Refusal;
use crate::clock::{iso_seconds, now_ms};

/// Statuses an order can be given.
pub(super) const STATUS: &[&str] = &[
    "auto-draft",
    "pending",
    "processing",
    "on-hold",
    "completed",
    "cancelled",
    "refunded",
    "failed",
    "checkout-draft",
];

/// By how much the shop's own time is ahead of UTC.
const ZONE_MS: u64 = 3_600_000;

/// A line of the order for which money goes back: as the shop's own people fill it in.
#[derive(Debug, Clone, Copy)]
pub struct RefundedLine<'a> {
    /// The line of the order.
    pub line: u64,
    /// How many pieces of it.
    pub pieces: u64,
    /// How much, without tax, as a positive amount.
    pub total: &'a str,
    /// The tax on top.
    pub tax: &'a str,
}

/// An order, and what hangs on it.
#[derive(Default)]
pub(super) struct Order {
    pub(super) fields: Map<String, Value>,
    pub(super) notes: Vec<Value>,
    pub(super) refunds: Vec<Value>,
    /// Fulfilments, or trackings of a plugin.
    pub(super) parcels: Vec<Value>,
    /// The status it had before it was put into the bin.
    binned: Option<String>,
}

impl Order {
    /// With the refunds that were made here.
    pub(super) fn to_json(&self) -> Value {
        let mut fields = self.fields.clone();
        if !self.refunds.is_empty() {
            let told = fields.entry("refunds").or_insert_with(|| json!([]));
            if let Some(told) = told.as_array_mut() {
                for refund in &self.refunds {
                    let amount = refund.get("amount").and_then(Value::as_str).unwrap_or_default();
                    let id = refund.get("id");
                    if told.iter().all(|known| known.get("id") != id) {
                        told.push(json!({"id": id, "reason": "", "total": format!("-{amount}")}));
                    }
                }
            }
        }
        Value::Object(fields)
    }

    pub(super) fn text(&self, name: &str) -> &str {
        self.fields.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// Statuses, transaction, note and meta; the dates of payment and completion follow the status.
    pub(super) fn change(&mut self, sent: &Map<String, Value>) -> Result<(), Refusal> {
        if let Some(status) = sent.get("status") {
            let status = status.as_str().filter(|status| STATUS.contains(status)).ok_or_else(wrong_status)?;
            self.set_status(status);
        }
        // Ignored for orders that need no payment any more: recorded with a bacs order on hold.
        let needs_payment = matches!(self.text("status"), "pending" | "failed");
        if sent.get("set_paid") == Some(&json!(true)) && needs_payment {
            self.set_status("processing");
        }
        for name in ["transaction_id", "customer_note"] {
            if let Some(value) = sent.get(name) {
                self.fields.insert(name.to_owned(), value.clone());
            }
        }
        for meta in sent.get("meta_data").and_then(Value::as_array).into_iter().flatten() {
            self.set_meta(meta);
        }
        self.stamp("date_modified");
        Ok(())
    }

    fn set_status(&mut self, status: &str) {
        let before = self.text("status").to_owned();
        self.fields.insert("status".to_owned(), json!(status));
        let pays = matches!(status, "processing" | "completed")
            && matches!(before.as_str(), "pending" | "on-hold" | "failed" | "");
        if pays && self.fields.get("date_paid_gmt").is_none_or(Value::is_null) {
            self.stamp("date_paid");
        }
        if status == "completed" && before != "completed" {
            self.stamp("date_completed");
        }
    }

    fn set_meta(&mut self, meta: &Value) {
        let all = self.fields.entry("meta_data").or_insert_with(|| json!([]));
        let Some(all) = all.as_array_mut() else { return };
        match all.iter_mut().find(|known| known.get("key") == meta.get("key")) {
            Some(known) => *known = meta.clone(),
            None => all.push(meta.clone()),
        }
    }

    /// Sets a time to now: the field itself in the shop's own time, the one with `_gmt` in UTC; neither says its zone.
    pub(super) fn stamp(&mut self, field: &str) {
        let now = now_ms();
        self.fields.insert(format!("{field}_gmt"), json!(iso_seconds(now)));
        self.fields.insert(field.to_owned(), json!(iso_seconds(now + ZONE_MS)));
    }

    pub(super) fn trash(&mut self) -> bool {
        self.binned = Some(self.text("status").to_owned());
        self.fields.insert("status".to_owned(), json!("trash"));
        self.stamp("date_modified");
        true
    }

    pub(super) fn restore(&mut self) -> bool {
        let Some(status) = self.binned.take() else { return false };
        self.fields.insert("status".to_owned(), json!(status));
        self.stamp("date_modified");
        true
    }

    pub(super) fn add_note(&mut self, id: u64, sent: &Map<String, Value>) -> Result<Value, Refusal> {
        let note = sent.get("note").and_then(Value::as_str).filter(|note| !note.is_empty());
        let note = json!({
            "id": id,
            "author": "WooCommerce",
            "date_created_gmt": iso_seconds(now_ms()),
            "note": note.ok_or_else(|| Refusal::missing("note"))?,
            "customer_note": sent.get("customer_note").and_then(Value::as_bool).unwrap_or(false),
        });
        self.notes.insert(0, note.clone());
        Ok(note)
    }

    /// Refunds, as the shop's own people do: the newest first in the list, the order's totals as they were.
    pub(super) fn refund(&mut self, id: u64, amount: &str, lines: &[RefundedLine<'_>], restock: bool) {
        let items: Vec<Value> = lines
            .iter()
            .zip(1_u64..)
            .map(|(line, n)| {
                json!({
                    "id": id * 100 + n,
                    "quantity": -i64::try_from(line.pieces).unwrap_or(i64::MAX),
                    "total": format!("-{}", line.total),
                    "total_tax": format!("-{}", line.tax),
                    "meta_data": [{"id": n, "key": "_refunded_item_id", "value": line.line.to_string()}],
                })
            })
            .collect();
        let refund = json!({
            "id": id,
            "date_created": iso_seconds(now_ms() + ZONE_MS),
            "date_created_gmt": iso_seconds(now_ms()),
            "amount": amount,
            "reason": "",
            "refunded_payment": false,
            "meta_data": [],
            "line_items": items,
            "shipping_lines": [],
            "tax_lines": [],
            "fee_lines": [],
        });
        self.refunds.insert(0, refund);
        if restock {
            lines.iter().for_each(|line| self.restock(line));
        }
        self.stamp("date_modified");
    }

    /// The order's line says how many of its pieces came back into the stock, in all.
    fn restock(&mut self, back: &RefundedLine<'_>) {
        let items = self.fields.get_mut("line_items").and_then(Value::as_array_mut);
        let line = items.into_iter().flatten().find(|item| item.get("id") == Some(&json!(back.line)));
        let Some(Value::Object(line)) = line else { return };
        let Some(meta) = line.entry("meta_data").or_insert_with(|| json!([])).as_array_mut() else { return };
        let key = json!("_restock_refunded_items");
        let known = meta.iter().find(|field| field.get("key") == Some(&key));
        let before = known.and_then(|field| field.get("value")?.as_str()?.parse::<u64>().ok()).unwrap_or(0);
        meta.retain(|field| field.get("key") != Some(&key));
        meta.push(json!({"key": key, "value": (before + back.pieces).to_string()}));
    }

    /// The tracking numbers of its fulfilments or trackings.
    pub(super) fn tracking_numbers(&self) -> Vec<&str> {
        self.parcels.iter().filter_map(super::shipping::number_of).collect()
    }
}

fn wrong_status() -> Refusal {
    Refusal::invalid("status", &format!("status is not one of {}.", STATUS.join(", ")))
}
