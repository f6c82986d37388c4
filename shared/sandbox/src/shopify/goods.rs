//! What is to be shipped from where, and what was shipped.

use serde_json::{Map, Value, json};

use super::told::{gid, list, text};

/// What one place is to ship.
#[derive(Clone)]
pub(super) struct FulfillmentOrder {
    pub(super) id: u64,
    pub(super) location: u64,
    pub(super) cancelled: bool,
    pub(super) lines: Vec<Line>,
}

/// A line of it.
#[derive(Clone)]
pub(super) struct Line {
    pub(super) id: u64,
    pub(super) line_item: u64,
    sku: Value,
    total: u64,
    pub(super) remaining: u64,
}

impl Line {
    /// What is to be shipped of a line of an order; none for what is not shipped.
    pub(super) fn of(item: &Value, id: u64) -> Option<Self> {
        let count = item.get("current_quantity").or_else(|| item.get("quantity")).and_then(Value::as_u64);
        let total = count.unwrap_or(1);
        (item.get("requires_shipping") != Some(&json!(false)) && total > 0).then(|| Self {
            id,
            line_item: item.get("id").and_then(Value::as_u64).unwrap_or_default(),
            sku: item.get("sku").cloned().unwrap_or(Value::Null),
            total,
            remaining: total,
        })
    }

    fn to_json(&self) -> Value {
        json!({
            "id": gid("FulfillmentOrderLineItem", self.id),
            "totalQuantity": self.total,
            "remainingQuantity": self.remaining,
            "sku": self.sku,
            "lineItem": { "id": gid("LineItem", self.line_item) },
        })
    }
}

impl FulfillmentOrder {
    /// Whether nothing of it can be shipped.
    pub(super) fn is_closed(&self) -> bool {
        self.cancelled || self.lines.iter().all(|line| line.remaining == 0)
    }

    /// Takes the lines asked for out of what is left; all of it if none are. Answers what was taken, by line of the order.
    pub(super) fn take(&mut self, lines: &[Value]) -> Result<Vec<(u64, u64)>, Refusal> {
        let invalid = || Refusal::of("Invalid fulfillment order line item quantity requested.");
        let mut wanted: Vec<(usize, u64)> = Vec::new();
        if lines.is_empty() {
            let all = self.lines.iter().enumerate().filter(|(_, line)| line.remaining > 0);
            wanted = all.map(|(at, line)| (at, line.remaining)).collect();
        }
        for (n, line) in lines.iter().enumerate() {
            let id = line.get("id").and_then(|gid| number(gid, "FulfillmentOrderLineItem"));
            let quantity = line.get("quantity").and_then(Value::as_i64).ok_or_else(invalid)?;
            let quantity =
                u64::try_from(quantity).ok().filter(|quantity| *quantity > 0).ok_or_else(|| Refusal {
                    field: json!([
                        "fulfillment",
                        "lineItemsByFulfillmentOrder",
                        "0",
                        "fulfillmentOrderLineItems",
                        n.to_string(),
                        "quantity"
                    ]),
                    message: "Quantity must be greater than 0".to_owned(),
                })?;
            let at = self.lines.iter().position(|line| Some(line.id) == id).ok_or_else(invalid)?;
            wanted.push((at, quantity));
        }
        let left = |at: usize| self.lines.get(at).map_or(0, |line| line.remaining);
        if wanted.iter().any(|(at, quantity)| *quantity > left(*at)) {
            return Err(invalid());
        }
        let mut taken = Vec::new();
        for (at, quantity) in wanted {
            if let Some(line) = self.lines.get_mut(at) {
                line.remaining -= quantity;
                taken.push((line.line_item, quantity));
            }
        }
        Ok(taken)
    }

    pub(super) fn to_json(&self) -> Value {
        let left: u64 = self.lines.iter().map(|line| line.remaining).sum();
        let total: u64 = self.lines.iter().map(|line| line.total).sum();
        let status = match (self.cancelled, left) {
            (true, _) | (false, 0) => "CLOSED",
            (false, left) if left < total => "IN_PROGRESS",
            (false, _) => "OPEN",
        };
        let lines: Vec<Value> = self.lines.iter().map(Line::to_json).collect();
        json!({
            "id": gid("FulfillmentOrder", self.id),
            "status": status,
            "requestStatus": "UNSUBMITTED",
            "assignedLocation": { "location": { "id": gid("Location", self.location) } },
            "lineItems": { "nodes": lines },
        })
    }
}

/// A user error.
pub(super) struct Refusal {
    pub(super) field: Value,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn of(message: &str) -> Self {
        Self { field: json!(["fulfillment"]), message: message.to_owned() }
    }

    pub(super) fn to_json(&self) -> Value {
        json!([{ "field": self.field, "message": self.message }])
    }
}

/// A parcel in the form of webhooks.
pub(super) fn parcel(id: u64, at: &str, tracking: &Value, taken: &[(u64, u64)]) -> Value {
    let mut parcel = json!({
        "id": id,
        "status": "success",
        "created_at": at,
        "line_items": taken.iter().map(|(line, quantity)| json!({ "id": line, "quantity": quantity })).collect::<Vec<_>>(),
    });
    if let Some(fields) = parcel.as_object_mut() {
        track(fields, tracking);
    }
    parcel
}

/// `number` and `url`, or `numbers` and `urls`.
pub(super) fn track(parcel: &mut Map<String, Value>, input: &Value) {
    let all = |many: &str, one: &str| -> Vec<Value> {
        let many = list(input, many).to_vec();
        if many.is_empty() { input.get(one).into_iter().cloned().collect() } else { many }
    };
    parcel.insert("tracking_company".to_owned(), json!(text(input, "company")));
    parcel.insert("tracking_numbers".to_owned(), Value::Array(all("numbers", "number")));
    parcel.insert("tracking_urls".to_owned(), Value::Array(all("urls", "url")));
}

/// The number at the end of `gid://shopify/<kind>/<number>`.
pub(super) fn number(gid: &Value, kind: &str) -> Option<u64> {
    gid.as_str()?.strip_prefix("gid://shopify/")?.strip_prefix(kind)?.strip_prefix('/')?.parse().ok()
}
