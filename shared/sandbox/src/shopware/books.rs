//! The shop's orders with everything that belongs to them, and what changes of state and writes make of them.

use std::collections::{BTreeMap, HashMap};

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Refusal;
use super::criteria::Criteria;
use super::states::{self, Turn};
use crate::clock::{iso_seconds, now_ms};

/// What is null in an answer unless it was asked for, at any depth.
const ASSOCIATIONS: [&str; 20] = [
    "stateMachineState",
    "currency",
    "language",
    "locale",
    "tags",
    "orderCustomer",
    "customer",
    "group",
    "billingAddress",
    "addresses",
    "country",
    "countryState",
    "lineItems",
    "children",
    "deliveries",
    "shippingMethod",
    "shippingOrderAddress",
    "transactions",
    "paymentMethod",
    "salutation",
];

/// What came of the calls.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// Orders.
    pub orders: usize,
    /// Orders of which a payment is paid.
    pub paid: usize,
    /// Orders of which a delivery is shipped, in whole or in part.
    pub shipped: usize,
    /// Orders that are cancelled.
    pub cancelled: usize,
    /// Orders with the same tracking number twice.
    pub doubled_tracking: Vec<String>,
    /// Tracking numbers by order, where there are any.
    pub told: BTreeMap<String, Vec<String>>,
    /// Changes of state that were carried out, by order: `order_delivery/ship`.
    pub turned: BTreeMap<String, Vec<String>>,
    /// Calls by what was called, as in `search/order` or `order_transaction/paid`.
    pub calls: BTreeMap<String, u64>,
}

/// All orders of the shop.
#[derive(Default)]
pub(crate) struct Books {
    orders: BTreeMap<String, Value>,
    turned: BTreeMap<String, Vec<String>>,
    calls: BTreeMap<String, u64>,
    /// Good access tokens, and until when.
    pub(crate) tokens: HashMap<String, u64>,
    /// Privileges the integration does not have.
    pub(crate) lacking: Vec<String>,
    pub(crate) webhooks: Vec<Value>,
    given: u64,
}

/// Whether it is an id of Shopware's.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// A time as Shopware writes it.
fn stamp() -> Value {
    let now = now_ms();
    json!(format!("{}.{:03}+00:00", iso_seconds(now), now % 1_000))
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn list<'v>(order: &'v Value, name: &str) -> &'v [Value] {
    order.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn put(record: &mut Value, name: &str, value: Value) {
    if let Some(fields) = record.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
}

/// Where records of that kind are in an order; none for the order itself.
fn children(entity: &str) -> Option<&'static str> {
    match entity {
        "order_delivery" | "order-delivery" => Some("deliveries"),
        "order_transaction" | "order-transaction" => Some("transactions"),
        _ => None,
    }
}

fn state_of(record: &Value) -> &str {
    text(record, "/stateMachineState/technicalName")
}

fn set_state(record: &mut Value, to: &str) {
    put(record, "stateMachineState", json!({ "technicalName": to, "name": to }));
    put(record, "updatedAt", stamp());
}

impl Books {
    pub(crate) fn count(&mut self, call: &str) {
        *self.calls.entry(call.to_owned()).or_default() += 1;
    }

    /// A token nobody can guess is not needed here; one that is never given twice is.
    pub(crate) fn new_token(&mut self, until: u64) -> String {
        self.given += 1;
        let token = format!("token-{}", self.given);
        self.tokens.insert(token.clone(), until);
        token
    }

    /// Puts an order in.
    pub(crate) fn seed(&mut self, order: &Value) -> bool {
        let id = text(order, "/id").to_owned();
        if !is_id(&id) || !order.is_object() {
            return false;
        }
        let mut order = order.clone();
        for name in ["deliveries", "transactions"] {
            let below = order.get_mut(name).and_then(Value::as_array_mut).into_iter().flatten();
            below.for_each(|record| put(record, "orderId", json!(id)));
        }
        self.orders.insert(id, order);
        true
    }

    pub(crate) fn order(&self, id: &str) -> Option<&Value> {
        self.orders.get(id)
    }

    pub(crate) fn delete(&mut self, id: &str) -> bool {
        self.orders.remove(id).is_some()
    }

    pub(crate) fn edit(&mut self, id: &str, fields: &Map<String, Value>) -> bool {
        let Some(order) = self.orders.get_mut(id) else { return false };
        for (name, value) in fields {
            put(order, name, value.clone());
        }
        put(order, "updatedAt", stamp());
        true
    }

    /// The last record of that kind, or the order, changes its state.
    pub(crate) fn turn_last(&mut self, order: &str, entity: &str, action: &str) -> bool {
        let Some(known) = self.orders.get(order) else { return false };
        let id = match children(entity) {
            Some(name) => list(known, name).last().map(|record| text(record, "/id").to_owned()),
            None => Some(order.to_owned()),
        };
        id.is_some_and(|id| self.turn(entity, &id, action).is_ok())
    }

    fn allowed(&self, privilege: &str) -> Result<(), Refusal> {
        if !self.lacking.iter().any(|lacking| lacking == privilege) {
            return Ok(());
        }
        let detail = json!({ "message": "Missing privilege", "missingPrivileges": [privilege] }).to_string();
        let code = "FRAMEWORK__MISSING_PRIVILEGE_ERROR";
        Err(Refusal::new(StatusCode::FORBIDDEN, code, "Forbidden", &detail))
    }

    /// The answer to a search.
    pub(crate) fn search(&self, entity: &str, criteria: &Criteria) -> Result<Value, Refusal> {
        self.allowed(&format!("{}:read", entity.replace('-', "_")))?;
        let all: Vec<Value> = match (entity, children(entity)) {
            ("order", _) => self.orders.values().cloned().collect(),
            ("webhook", _) => self.webhooks.clone(),
            (_, Some(name)) => self.orders.values().flat_map(|order| list(order, name)).cloned().collect(),
            _ => return Err(Refusal::not_found(entity)),
        };
        let found: Vec<Value> =
            criteria.page_of(all).iter().map(|record| loaded(record, &criteria.associations)).collect();
        Ok(json!({ "total": found.len(), "data": found, "aggregations": [] }))
    }

    fn record(&mut self, entity: &str, id: &str) -> Option<(String, &mut Value)> {
        let Some(name) = children(entity) else {
            return self.orders.get_mut(id).map(|order| (id.to_owned(), order));
        };
        self.orders.iter_mut().find_map(|(order, value)| {
            let below = value.get_mut(name)?.as_array_mut()?;
            let record = below.iter_mut().find(|record| text(record, "/id") == id)?;
            Some((order.clone(), record))
        })
    }

    /// Writes tracking numbers: the list replaces the one that was there.
    pub(crate) fn patch_delivery(&mut self, id: &str, sent: &Map<String, Value>) -> Result<(), Refusal> {
        self.allowed("order_delivery:update")?;
        let (_, delivery) =
            self.record("order_delivery", id).ok_or_else(|| Refusal::not_found("order_delivery"))?;
        for (name, value) in sent {
            let is_list = value.as_array().is_some_and(|codes| codes.iter().all(Value::is_string));
            if name != "trackingCodes" || !is_list {
                let detail = "This value should be of type array.";
                let mut refusal = Refusal::bad("VIOLATION::INVALID_TYPE", detail);
                put(&mut refusal.error, "source", json!({ "pointer": format!("/0/{name}") }));
                return Err(refusal);
            }
            put(delivery, name, value.clone());
        }
        put(delivery, "updatedAt", stamp());
        Ok(())
    }

    /// Changes a state. Only the record itself is touched, not its order.
    pub(crate) fn turn(&mut self, entity: &str, id: &str, action: &str) -> Result<Value, Refusal> {
        self.allowed(&format!("{entity}:update"))?;
        let (order, record) = self.record(entity, id).ok_or_else(|| Refusal::not_found(entity))?;
        match states::turn(entity, state_of(record), action) {
            Turn::Already => {}
            Turn::To(to) => {
                set_state(record, to);
                self.turned.entry(order).or_default().push(format!("{entity}/{action}"));
            }
            Turn::Illegal(possible) => {
                let detail = format!(
                    "Illegal transition \"{action}\" from state \"{}\". Possible transitions are: {}",
                    state_of(record),
                    possible.join(", ")
                );
                let mut refusal = Refusal::bad("SYSTEM__ILLEGAL_STATE_TRANSITION", &detail);
                let parameters = json!({ "transition": action, "possibleTransitions": possible.join(", ") });
                put(&mut refusal.error, "meta", json!({ "parameters": parameters }));
                return Err(refusal);
            }
        }
        let (_, record) = self.record(entity, id).ok_or_else(|| Refusal::not_found(entity))?;
        Ok(record.get("stateMachineState").cloned().unwrap_or_default())
    }

    /// What came of the calls.
    pub(crate) fn report(&self) -> Report {
        let has = |name: &'static str, states: &'static [&'static str]| {
            let any = move |order: &&Value| {
                list(order, name).iter().any(|record| states.contains(&state_of(record)))
            };
            self.orders.values().filter(any).count()
        };
        let mut told = BTreeMap::new();
        for (id, order) in &self.orders {
            let codes = list(order, "deliveries").iter().flat_map(|delivery| list(delivery, "trackingCodes"));
            let codes: Vec<String> = codes.filter_map(Value::as_str).map(str::to_owned).collect();
            if !codes.is_empty() {
                told.insert(id.clone(), codes);
            }
        }
        let doubled = |codes: &&Vec<String>| {
            let mut codes: Vec<&String> = codes.iter().collect();
            codes.sort();
            codes.array_windows().any(|[one, next]| one == next)
        };
        Report {
            orders: self.orders.len(),
            paid: has("transactions", &["paid"]),
            shipped: has("deliveries", &["shipped", "shipped_partially"]),
            cancelled: self.orders.values().filter(|order| state_of(order) == "cancelled").count(),
            doubled_tracking: told
                .iter()
                .filter(|(_, codes)| doubled(codes))
                .map(|(id, _)| id.clone())
                .collect(),
            told,
            turned: self.turned.clone(),
            calls: self.calls.clone(),
        }
    }
}

/// A record with the associations that were asked for, all others null.
fn loaded(record: &Value, wanted: &Map<String, Value>) -> Value {
    let Some(fields) = record.as_object() else { return record.clone() };
    let cut = |(name, value): (&String, &Value)| {
        if !ASSOCIATIONS.contains(&name.as_str()) {
            return (name.clone(), value.clone());
        }
        let Some(asked) = wanted.get(name) else { return (name.clone(), Value::Null) };
        let none = Map::new();
        let below = asked.get("associations").and_then(Value::as_object).unwrap_or(&none);
        let value = match value {
            Value::Array(all) => Value::Array(all.iter().map(|one| loaded(one, below)).collect()),
            Value::Object(_) => loaded(value, below),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
        };
        (name.clone(), value)
    };
    Value::Object(fields.iter().map(cut).collect())
}
