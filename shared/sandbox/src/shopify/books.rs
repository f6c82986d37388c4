//! The shop's orders, and what payments, shipments and cancellations make of them.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::clock::{iso_seconds, now_ms};

/// The longest note for the staff, in characters (recorded 2026-06-29).
const LONGEST_NOTE: usize = 255;

/// What came of the calls.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Orders.
    pub orders: usize,
    /// Orders that are paid.
    pub paid: usize,
    /// Orders that are cancelled.
    pub cancelled: usize,
    /// Shipments told of.
    pub fulfillments: usize,
    /// Orders with the same tracking number twice.
    pub doubled_tracking: Vec<u64>,
    /// Shipments told of by order, where there are any.
    #[serde(default)]
    pub told: BTreeMap<u64, usize>,
    /// Calls by the field at the root, as in `fulfillmentCreate`.
    pub calls: BTreeMap<String, u64>,
}

struct Order {
    id: u64,
    financial: String,
    cancelled_at: Option<String>,
    /// One place ships everything; none for an order of which nothing ships.
    fulfillment_order: Option<FulfillmentOrder>,
    fulfillments: Vec<Fulfillment>,
}

struct FulfillmentOrder {
    id: u64,
    cancelled: bool,
    lines: Vec<Line>,
}

struct Line {
    id: u64,
    total: u64,
    remaining: u64,
}

struct Fulfillment {
    id: u64,
    tracking: Value,
}

/// All orders of the shop.
#[derive(Default)]
pub(crate) struct Books {
    orders: HashMap<u64, Order>,
    by_fulfillment_order: HashMap<u64, u64>,
    by_fulfillment: HashMap<u64, u64>,
    next: u64,
    calls: BTreeMap<String, u64>,
}

impl Books {
    fn next_id(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Puts an order in.
    pub(crate) fn seed(&mut self, order: &Value) -> bool {
        let Some(id) = order.get("id").and_then(Value::as_u64) else { return false };
        let mut lines = Vec::new();
        for line in order.get("line_items").and_then(Value::as_array).into_iter().flatten() {
            let count = line.get("current_quantity").or_else(|| line.get("quantity")).and_then(Value::as_u64);
            let total = count.unwrap_or(1);
            if line.get("requires_shipping") != Some(&json!(false)) && total > 0 {
                lines.push(Line { id: self.next_id(), total, remaining: total });
            }
        }
        let ships = (!lines.is_empty()).then(|| self.next_id());
        if let Some(fulfillment_order) = ships {
            self.by_fulfillment_order.insert(fulfillment_order, id);
        }
        let financial =
            order.get("financial_status").and_then(Value::as_str).unwrap_or("pending").to_uppercase();
        let fulfillment_order = ships.map(|id| FulfillmentOrder { id, cancelled: false, lines });
        self.orders.insert(
            id,
            Order { id, financial, cancelled_at: None, fulfillment_order, fulfillments: Vec::new() },
        );
        true
    }

    /// What came of the calls.
    pub(crate) fn report(&self) -> Report {
        let count = |test: fn(&Order) -> bool| self.orders.values().filter(|order| test(order)).count();
        let mut doubled_tracking: Vec<u64> =
            self.orders.values().filter(|order| order.has_doubled_tracking()).map(|order| order.id).collect();
        doubled_tracking.sort_unstable();
        Report {
            orders: self.orders.len(),
            paid: count(|order| order.financial == "PAID"),
            cancelled: count(|order| order.cancelled_at.is_some()),
            fulfillments: self.by_fulfillment.len(),
            doubled_tracking,
            told: self
                .orders
                .values()
                .filter(|order| !order.fulfillments.is_empty())
                .map(|order| (order.id, order.fulfillments.len()))
                .collect(),
            calls: self.calls.clone(),
        }
    }

    /// The answer to a field at the root, with everything that could be selected; `None` if there is no such field.
    pub(crate) fn answer(
        &mut self,
        is_mutation: bool,
        field: &str,
        arguments: &Map<String, Value>,
    ) -> Option<Value> {
        *self.calls.entry(field.to_owned()).or_default() += 1;
        let argument = |name: &str| arguments.get(name).unwrap_or(&Value::Null);
        Some(match (is_mutation, field) {
            (false, "order") => self.order(argument("id")).map_or(Value::Null, |order| order.to_json()),
            (true, "orderMarkAsPaid") => self.mark_as_paid(argument("input")),
            (true, "orderCancel") => self.cancel(arguments),
            (true, "fulfillmentCreate") => self.fulfill(argument("fulfillment")),
            (true, "fulfillmentTrackingInfoUpdate") => {
                self.track(argument("fulfillmentId"), argument("trackingInfoInput"))
            }
            _ => return None,
        })
    }

    fn order(&mut self, gid: &Value) -> Option<&mut Order> {
        self.orders.get_mut(&number(gid, "Order")?)
    }

    fn mark_as_paid(&mut self, input: &Value) -> Value {
        let Some(order) = self.order(input.get("id").unwrap_or(&Value::Null)) else {
            return json!({ "order": null, "userErrors": user_error(&["id"], "Order does not exist") });
        };
        let refused = order.cancelled_at.is_some() || order.financial == "PAID";
        if refused {
            let errors = user_error(&["id"], "Order cannot be marked as paid.");
            return json!({ "order": order.to_json(), "userErrors": errors });
        }
        order.financial = "PAID".to_owned();
        json!({ "order": order.to_json(), "userErrors": [] })
    }

    fn cancel(&mut self, arguments: &Map<String, Value>) -> Value {
        let refused = |field: &str, message: &str| {
            let coded = json!([{ "field": [field], "message": message, "code": "INVALID" }]);
            json!({ "job": null, "orderCancelUserErrors": coded, "userErrors": user_error(&[field], message) })
        };
        let note = arguments.get("staffNote").and_then(Value::as_str).unwrap_or_default();
        if note.chars().count() > LONGEST_NOTE {
            return refused("staffNote", "Staff note is too long. Maximum length is 255 characters.");
        }
        if arguments.contains_key("refund") && arguments.contains_key("refundMethod") {
            return refused("refund", "Only one of the arguments `refund` or `refund_method` is allowed.");
        }
        let job = self.next_id();
        let Some(order) = self.order(arguments.get("orderId").unwrap_or(&Value::Null)) else {
            return refused("orderId", "Order does not exist");
        };
        if order.cancelled_at.is_some() {
            return refused("orderId", "Cannot cancel an order that has already been canceled");
        }
        if !order.fulfillments.is_empty() {
            return refused("orderId", "Cannot cancel an order that has outstanding fulfillments");
        }
        order.cancelled_at = Some(format!("{}Z", iso_seconds(now_ms())));
        if let Some(open) = &mut order.fulfillment_order {
            open.cancelled = true;
        }
        let job = json!({ "id": format!("gid://shopify/Job/{job}"), "done": false });
        json!({ "job": job, "orderCancelUserErrors": [], "userErrors": [] })
    }

    fn fulfill(&mut self, input: &Value) -> Value {
        match self.try_to_fulfill(input) {
            Ok(fulfillment) => json!({ "fulfillment": fulfillment, "userErrors": [] }),
            Err(message) => {
                json!({ "fulfillment": null, "userErrors": user_error(&["fulfillment"], &message) })
            }
        }
    }

    fn try_to_fulfill(&mut self, input: &Value) -> Result<Value, String> {
        let id = self.next_id();
        let parts = input.get("lineItemsByFulfillmentOrder").and_then(Value::as_array);
        let [part] = parts.map_or(&[][..], Vec::as_slice) else {
            return Err("All fulfillment orders must be assigned to a single location.".to_owned());
        };
        let missing = || "Fulfillment order does not exist.".to_owned();
        let wanted = part
            .get("fulfillmentOrderId")
            .and_then(|gid| number(gid, "FulfillmentOrder"))
            .ok_or_else(missing)?;
        let order = self.by_fulfillment_order.get(&wanted).and_then(|order| self.orders.get_mut(order));
        let order = order.ok_or_else(missing)?;
        let open = order.fulfillment_order.as_mut().ok_or_else(missing)?;
        if open.cancelled || open.lines.iter().all(|line| line.remaining == 0) {
            return Err(format!("Fulfillment order {wanted} has an unfulfillable status= closed."));
        }
        let lines = part.get("fulfillmentOrderLineItems").and_then(Value::as_array);
        open.take(lines.filter(|lines| !lines.is_empty()))?;
        let fulfillment =
            Fulfillment { id, tracking: tracking(input.get("trackingInfo").unwrap_or(&Value::Null)) };
        let told = fulfillment.to_json();
        order.fulfillments.push(fulfillment);
        let order = order.id;
        self.by_fulfillment.insert(id, order);
        Ok(told)
    }

    fn track(&mut self, gid: &Value, input: &Value) -> Value {
        let id = number(gid, "Fulfillment");
        let order =
            id.and_then(|id| self.by_fulfillment.get(&id)).and_then(|order| self.orders.get_mut(order));
        let known = order.into_iter().flat_map(|order| &mut order.fulfillments).find(|f| Some(f.id) == id);
        match known {
            Some(fulfillment) => {
                fulfillment.tracking = tracking(input);
                json!({ "fulfillment": fulfillment.to_json(), "userErrors": [] })
            }
            None => {
                let errors = user_error(&["fulfillmentId"], "Fulfillment does not exist.");
                json!({ "fulfillment": null, "userErrors": errors })
            }
        }
    }
}

impl FulfillmentOrder {
    /// Takes the lines asked for out of what is left; all of it if none are.
    fn take(&mut self, lines: Option<&Vec<Value>>) -> Result<(), String> {
        let Some(lines) = lines else {
            self.lines.iter_mut().for_each(|line| line.remaining = 0);
            return Ok(());
        };
        let invalid = || "Invalid fulfillment order line item quantity requested.".to_owned();
        for wanted in lines {
            let id = wanted.get("id").and_then(|gid| number(gid, "FulfillmentOrderLineItem"));
            let quantity = wanted.get("quantity").and_then(Value::as_u64).ok_or_else(invalid)?;
            if quantity == 0 {
                return Err("Quantity must be greater than 0".to_owned());
            }
            let line = self.lines.iter_mut().find(|line| Some(line.id) == id).ok_or_else(invalid)?;
            line.remaining = line.remaining.checked_sub(quantity).ok_or_else(invalid)?;
        }
        Ok(())
    }

    fn to_json(&self) -> Value {
        let left: u64 = self.lines.iter().map(|line| line.remaining).sum();
        let total: u64 = self.lines.iter().map(|line| line.total).sum();
        let status = match (self.cancelled, left) {
            (true, _) | (false, 0) => "CLOSED",
            (false, left) if left < total => "IN_PROGRESS",
            (false, _) => "OPEN",
        };
        let lines: Vec<Value> = self.lines.iter().map(Line::to_json).collect();
        json!({
            "id": format!("gid://shopify/FulfillmentOrder/{}", self.id),
            "status": status,
            "requestStatus": "UNSUBMITTED",
            "assignedLocation": { "location": { "id": "gid://shopify/Location/1" } },
            "lineItems": { "nodes": lines },
        })
    }
}

impl Line {
    fn to_json(&self) -> Value {
        json!({
            "id": format!("gid://shopify/FulfillmentOrderLineItem/{}", self.id),
            "totalQuantity": self.total,
            "remainingQuantity": self.remaining,
        })
    }
}

impl Fulfillment {
    fn to_json(&self) -> Value {
        let id = format!("gid://shopify/Fulfillment/{}", self.id);
        json!({ "id": id, "status": "SUCCESS", "trackingInfo": self.tracking })
    }
}

impl Order {
    fn has_doubled_tracking(&self) -> bool {
        let infos =
            self.fulfillments.iter().filter_map(|fulfillment| fulfillment.tracking.as_array()).flatten();
        let mut numbers: Vec<&str> = infos.filter_map(|info| info.get("number")?.as_str()).collect();
        numbers.sort_unstable();
        numbers.array_windows().any(|[one, next]| one == next)
    }

    fn to_json(&self) -> Value {
        let fulfillments: Vec<Value> = self.fulfillments.iter().map(Fulfillment::to_json).collect();
        let open: Vec<Value> = self.fulfillment_order.iter().map(FulfillmentOrder::to_json).collect();
        json!({
            "id": format!("gid://shopify/Order/{}", self.id),
            "legacyResourceId": self.id.to_string(),
            "cancelledAt": self.cancelled_at,
            "displayFinancialStatus": self.financial,
            "displayFulfillmentStatus": if fulfillments.is_empty() { "UNFULFILLED" } else { "FULFILLED" },
            "fulfillments": fulfillments,
            "fulfillmentOrders": { "nodes": open },
        })
    }
}

/// `number` and `url`, or `numbers` and `urls`, as a list of parcels.
fn tracking(input: &Value) -> Value {
    let list = |many: &str, one: &str| -> Vec<Value> {
        let many = input.get(many).and_then(Value::as_array).cloned().unwrap_or_default();
        if many.is_empty() { input.get(one).into_iter().cloned().collect() } else { many }
    };
    let (numbers, urls) = (list("numbers", "number"), list("urls", "url"));
    let company = input.get("company").cloned().unwrap_or(Value::Null);
    let parcel =
        |(at, number): (usize, &Value)| json!({ "company": company, "number": number, "url": urls.get(at) });
    Value::Array(numbers.iter().enumerate().map(parcel).collect())
}

/// The number at the end of `gid://shopify/<kind>/<number>`.
fn number(gid: &Value, kind: &str) -> Option<u64> {
    gid.as_str()?.strip_prefix("gid://shopify/")?.strip_prefix(kind)?.strip_prefix('/')?.parse().ok()
}

fn user_error(field: &[&str], message: &str) -> Value {
    json!([{ "field": field, "message": message }])
}
