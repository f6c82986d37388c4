//! The shop's orders, and what payments, shipments and cancellations make of them.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::goods::{FulfillmentOrder, Line, Refusal, number, parcel, track};
use super::hooks::Hooks;
use super::order::{Order, kept, now, set};
use super::search::{self, Mark};
use super::told::{self, gid, list, text};

/// The longest note for the staff, in characters (recorded 2026-06-29).
const LONGEST_NOTE: usize = 255;

/// The version whose documents are understood.
const VERSION: &str = "2026-10";

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
    /// Webhooks.
    #[serde(default)]
    pub hooks: usize,
    /// Calls that were turned away because the bucket was empty.
    #[serde(default)]
    pub throttled: u64,
}

/// All orders of the shop.
#[derive(Default)]
pub(crate) struct Books {
    orders: HashMap<u64, Order>,
    by_fulfillment_order: HashMap<u64, u64>,
    by_fulfillment: HashMap<u64, u64>,
    pub(super) hooks: Hooks,
    pub(super) scopes: Vec<String>,
    next: u64,
    calls: BTreeMap<String, u64>,
    pub(super) throttled: u64,
}

impl Books {
    fn next_id(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Puts an order in, or in the place of what it was: what was shipped or cancelled through the API stays so.
    pub(crate) fn seed(&mut self, order: &Value) -> bool {
        let Some(id) = order.get("id").and_then(Value::as_u64) else { return false };
        let mut body = order.clone();
        let mut places = Vec::new();
        let mut told = Vec::new();
        if let Some(before) = self.orders.remove(&id) {
            kept(&before.body, &mut body);
            (places, told) = (before.places, before.told);
        } else if text(&body, "updated_at").is_none() {
            set(&mut body, "updated_at", json!(now()));
        }
        if places.is_empty() {
            let location = 1;
            let items = list(&body, "line_items");
            let lines: Vec<Line> = items.iter().filter_map(|item| Line::of(item, self.next_id())).collect();
            if !lines.is_empty() {
                let place = self.next_id();
                self.by_fulfillment_order.insert(place, id);
                places.push(FulfillmentOrder { id: place, location, cancelled: false, lines });
            }
        }
        let mut order = Order { body, places, told };
        order.count_again();
        self.orders.insert(id, order);
        true
    }

    /// Has another place ship those lines of an order. `false` if there is no such order.
    pub(crate) fn split(&mut self, order: u64, lines: &[u64]) -> bool {
        let id = self.next_id();
        let Some(found) = self.orders.get_mut(&order) else { return false };
        let mut moved = Vec::new();
        for place in &mut found.places {
            let (out, stay) = std::mem::take(&mut place.lines)
                .into_iter()
                .partition(|line| lines.contains(&line.line_item));
            place.lines = stay;
            moved.extend::<Vec<Line>>(out);
        }
        found.places.retain(|place| !place.lines.is_empty());
        let location = found.places.iter().map(|place| place.location).max().unwrap_or(0) + 1;
        found.places.push(FulfillmentOrder { id, location, cancelled: false, lines: moved });
        self.by_fulfillment_order.insert(id, order);
        true
    }

    /// Takes an order out, as its merchant does. `false` if there is none.
    pub(crate) fn delete(&mut self, order: u64) -> bool {
        self.orders.remove(&order).is_some()
    }

    /// An order as webhooks tell it.
    pub(crate) fn body(&self, order: u64) -> Option<Value> {
        self.orders.get(&order).map(|order| order.body.clone())
    }

    /// What came of the calls.
    pub(crate) fn report(&self) -> Report {
        let count = |test: fn(&Order) -> bool| self.orders.values().filter(|order| test(order)).count();
        let doubled = self.orders.iter().filter(|(_, order)| order.has_doubled_tracking());
        let mut doubled_tracking: Vec<u64> = doubled.map(|(id, _)| *id).collect();
        doubled_tracking.sort_unstable();
        let told = self.orders.iter().filter(|(_, order)| !order.told.is_empty());
        Report {
            orders: self.orders.len(),
            paid: count(|order| text(&order.body, "financial_status") == Some("paid")),
            cancelled: count(Order::is_cancelled),
            fulfillments: self.by_fulfillment.len(),
            doubled_tracking,
            told: told.map(|(id, order)| (*id, order.told.len())).collect(),
            calls: self.calls.clone(),
            hooks: self.hooks.count(),
            throttled: self.throttled,
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
            (false, "orders") => self.search(arguments)?,
            (false, "refund") => self.refund(argument("id")),
            (false, "fulfillment") => self.fulfillment(argument("id")),
            (false, "fulfillmentOrder") => self.fulfillment_order(argument("id")),
            (false, "webhookSubscriptions") => self.hooks.to_json(),
            (false, "currentAppInstallation") => {
                let scopes: Vec<Value> = self.scopes.iter().map(|scope| json!({ "handle": scope })).collect();
                json!({ "accessScopes": scopes })
            }
            (false, "publicApiVersions") => json!([{ "handle": VERSION, "supported": true }]),
            (true, "orderMarkAsPaid") => self.mark_as_paid(argument("input")),
            (true, "orderCancel") => self.cancel(arguments),
            (true, "fulfillmentCreate") => self.fulfill(argument("fulfillment")),
            (true, "fulfillmentTrackingInfoUpdate") => {
                self.track(argument("fulfillmentId"), argument("trackingInfoInput"))
            }
            (true, "webhookSubscriptionCreate") => {
                let id = self.next_id();
                self.hooks.make(id, argument("topic"), argument("webhookSubscription"))
            }
            _ => return None,
        })
    }

    fn order(&mut self, gid: &Value) -> Option<&mut Order> {
        self.orders.get_mut(&number(gid, "Order")?)
    }

    fn search(&self, arguments: &Map<String, Value>) -> Option<Value> {
        let marks =
            self.orders.iter().filter_map(|(id, order)| Some((Mark::of(&order.body, *id)?, *id))).collect();
        let (page, info) = search::page(marks, arguments)?;
        let nodes: Vec<Value> = page.iter().filter_map(|id| Some(self.orders.get(id)?.to_json())).collect();
        Some(json!({ "nodes": nodes, "pageInfo": info }))
    }

    fn refund(&self, gid: &Value) -> Value {
        let told = self.orders.values().map(|order| told::order(&order.body));
        let mut refunds = told.flat_map(|order| list(&order, "refunds").to_vec());
        refunds.find(|refund| refund.get("id") == Some(gid)).unwrap_or(Value::Null)
    }

    fn fulfillment(&self, gid: &Value) -> Value {
        let id = number(gid, "Fulfillment");
        let order = id.and_then(|id| self.orders.get(self.by_fulfillment.get(&id)?));
        let parcel = order.and_then(|order| {
            let mut parcels = list(&order.body, "fulfillments").iter();
            let parcel = parcels.find(|parcel| parcel.get("id").and_then(Value::as_u64) == id)?;
            Some(told::fulfillment(&order.body, parcel))
        });
        parcel.unwrap_or(Value::Null)
    }

    fn fulfillment_order(&self, gid: &Value) -> Value {
        let id = number(gid, "FulfillmentOrder");
        let order = id.and_then(|id| self.orders.get(self.by_fulfillment_order.get(&id)?));
        let place = order.into_iter().flat_map(|order| &order.places).find(|place| Some(place.id) == id);
        place.map_or(Value::Null, FulfillmentOrder::to_json)
    }

    fn mark_as_paid(&mut self, input: &Value) -> Value {
        let Some(order) = self.order(input.get("id").unwrap_or(&Value::Null)) else {
            return json!({ "order": null, "userErrors": user_error(&["id"], "Order does not exist") });
        };
        let is_over =
            matches!(text(&order.body, "financial_status"), Some("paid" | "partially_refunded" | "refunded"));
        if order.is_cancelled() || is_over {
            let errors = user_error(&["id"], "Order cannot be marked as paid.");
            return json!({ "order": order.to_json(), "userErrors": errors });
        }
        order.change(&[("financial_status", json!("paid")), ("total_outstanding", json!("0.00"))]);
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
        if order.is_cancelled() {
            return refused("orderId", "Cannot cancel an order that has already been canceled");
        }
        if order.has_parcels() {
            return refused("orderId", "Cannot cancel an order that has outstanding fulfillments");
        }
        let at = json!(now());
        order.change(&[("cancelled_at", at.clone()), ("closed_at", at), ("cancel_reason", json!("other"))]);
        order.count_again();
        let job = json!({ "id": format!("gid://shopify/Job/{job}"), "done": false });
        json!({ "job": job, "orderCancelUserErrors": [], "userErrors": [] })
    }

    fn fulfill(&mut self, input: &Value) -> Value {
        match self.try_to_fulfill(input) {
            Ok(fulfillment) => json!({ "fulfillment": fulfillment, "userErrors": [] }),
            Err(refusal) => json!({ "fulfillment": null, "userErrors": refusal.to_json() }),
        }
    }

    fn try_to_fulfill(&mut self, input: &Value) -> Result<Value, Refusal> {
        let id = self.next_id();
        let missing = || Refusal::of("Fulfillment order does not exist.");
        let parts = list(input, "lineItemsByFulfillmentOrder");
        let wanted =
            |part: &Value| part.get("fulfillmentOrderId").and_then(|gid| number(gid, "FulfillmentOrder"));
        let first = parts.first().and_then(wanted).ok_or_else(missing)?;
        let order = self.by_fulfillment_order.get(&first).copied().ok_or_else(missing)?;
        let found = self.orders.get_mut(&order).ok_or_else(missing)?;
        let mut taken = Vec::new();
        let mut location = None;
        // Nothing is taken if a part of it can't be.
        let mut places = found.places.clone();
        for part in parts {
            let wanted = wanted(part).ok_or_else(missing)?;
            let place = places.iter_mut().find(|place| place.id == wanted).ok_or_else(missing)?;
            if *location.get_or_insert(place.location) != place.location {
                return Err(Refusal::of("All fulfillment orders must be assigned to a single location."));
            }
            if place.is_closed() {
                return Err(Refusal::of(&format!(
                    "Fulfillment order {wanted} has an unfulfillable status= closed."
                )));
            }
            taken.extend(place.take(list(part, "fulfillmentOrderLineItems"))?);
        }
        found.places = places;
        let parcel = parcel(id, &now(), input.get("trackingInfo").unwrap_or(&Value::Null), &taken);
        found.shipped(id, parcel);
        self.by_fulfillment.insert(id, order);
        Ok(json!({ "id": gid("Fulfillment", id), "status": "SUCCESS" }))
    }

    fn track(&mut self, fulfillment: &Value, input: &Value) -> Value {
        let id = number(fulfillment, "Fulfillment");
        let order = id.and_then(|id| self.orders.get_mut(self.by_fulfillment.get(&id)?));
        let known = order.is_some_and(|order| {
            let parcels =
                order.body.get_mut("fulfillments").and_then(Value::as_array_mut).into_iter().flatten();
            let parcel = parcels
                .filter_map(Value::as_object_mut)
                .find(|one| one.get("id").and_then(Value::as_u64) == id);
            let Some(parcel) = parcel else { return false };
            track(parcel, input);
            order.change(&[]);
            true
        });
        if known {
            return json!({ "fulfillment": { "id": fulfillment }, "userErrors": [] });
        }
        let errors = user_error(&["fulfillmentId"], "Fulfillment does not exist.");
        json!({ "fulfillment": null, "userErrors": errors })
    }
}

fn user_error(field: &[&str], message: &str) -> Value {
    json!([{ "field": field, "message": message }])
}
