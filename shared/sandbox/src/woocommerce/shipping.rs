//! What the shop has for parcels: its own fulfilments, one of the two tracking plugins, or nothing.

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::books::Books;
use super::refusal::Refusal;
use super::{Asked, Reply};
use crate::clock::{iso_seconds, now_ms};

/// What a shop has for parcels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tracking {
    /// Nothing: customers are told by notes.
    #[default]
    Nothing,
    /// The fulfilments of WooCommerce, switched on.
    Fulfillments,
    /// The plugin WooCommerce Shipment Tracking.
    ShipmentTracking,
    /// The plugin Advanced Shipment Tracking.
    Ast,
}

impl Tracking {
    /// The plugin's part of the path.
    pub(super) fn plugin(self) -> Option<&'static str> {
        match self {
            Self::Nothing | Self::Fulfillments => None,
            Self::ShipmentTracking => Some("wc-shipment-tracking/v3"),
            Self::Ast => Some("wc-ast/v3"),
        }
    }
}

impl Books {
    /// `/wc/v3/orders/{id}/fulfillments`, which is not there while the feature is off.
    pub(super) fn fulfillments(&mut self, id: u64, asked: &Asked<'_>) -> Result<Reply, Refusal> {
        if self.tracking != Tracking::Fulfillments {
            return Err(Refusal::no_route());
        }
        let missing =
            || Refusal::new(StatusCode::NOT_FOUND, "woocommerce_rest_order_invalid_id", "Invalid order ID.");
        let number = self.next_number();
        match asked.method {
            "GET" => {
                let books = self.count("GET /orders/{id}/fulfillments");
                let order = books.orders.get(&id).ok_or_else(missing)?;
                Ok(Reply::ok(Value::Array(order.parcels.clone())))
            }
            "POST" => {
                let books = self.count("POST /orders/{id}/fulfillments");
                let order = books.orders.get_mut(&id).ok_or_else(missing)?;
                let made = fulfillment(number, id, &asked.sent()?)?;
                order.parcels.push(made.clone());
                Ok(Reply::created(made))
            }
            _ => Err(Refusal::no_route()),
        }
    }

    /// `/orders/{id}/shipment-trackings` of a plugin.
    pub(super) fn trackings(&mut self, asked: &Asked<'_>) -> Result<Reply, Refusal> {
        let rest = asked.rest.strip_prefix('/').ok_or_else(Refusal::no_route)?;
        let Some((id, "shipment-trackings")) = rest.split_once('/') else { return Err(Refusal::no_route()) };
        let id: u64 = id.parse().map_err(|_| Refusal::no_route())?;
        let (ast, number) = (self.tracking == Tracking::Ast, self.next_number());
        match asked.method {
            "GET" => {
                let order = self.count("GET /orders/{id}/shipment-trackings").order(id)?;
                Ok(Reply::ok(Value::Array(order.parcels.clone())))
            }
            "POST" => {
                let order = self.count("POST /orders/{id}/shipment-trackings").order(id)?;
                let made = tracking(number, ast, &asked.sent()?)?;
                order.parcels.push(made.clone());
                Ok(Reply::created(made))
            }
            _ => Err(Refusal::no_route()),
        }
    }
}

/// A fulfilment has to say what is in it: ids and numbers of pieces, both above zero.
fn fulfillment(number: u64, order: u64, sent: &Map<String, Value>) -> Result<Value, Refusal> {
    // The code of these is the number of an exception, which is none.
    let refuse = |why: &str| {
        let body = json!({"code": 0, "message": why, "data": {"status": 400}});
        Refusal(StatusCode::BAD_REQUEST, body)
    };
    let meta =
        sent.get("meta_data").and_then(Value::as_array).ok_or_else(|| Refusal::missing("meta_data"))?;
    let items = meta.iter().find(|field| field.get("key") == Some(&json!("_items")));
    let items = items.and_then(|field| field.get("value")?.as_array()).filter(|items| !items.is_empty());
    let items = items.ok_or_else(|| refuse("The fulfillment should contain at least one item."))?;
    for item in items {
        let is_id = item.get("item_id").and_then(Value::as_u64).is_some_and(|id| id > 0);
        let is_count = item.get("qty").is_some_and(|qty| qty.is_number() && qty.as_i64() != Some(0));
        if !is_id || !is_count {
            return Err(refuse("Invalid item."));
        }
    }
    Ok(json!({
        "id": number,
        "entity_type": "WC_Order",
        "entity_id": order.to_string(),
        "status": sent.get("status").cloned().unwrap_or_else(|| json!("unfulfilled")),
        "is_fulfilled": sent.get("is_fulfilled").cloned().unwrap_or(json!(false)),
        "date_updated": iso_seconds(now_ms()),
        "date_deleted": null,
        "meta_data": meta,
    }))
}

/// Advanced Shipment Tracking knows carriers by name alone; the other plugin takes one with a link of its own.
fn tracking(number: u64, ast: bool, sent: &Map<String, Value>) -> Result<Value, Refusal> {
    let text = |name: &str| sent.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let tracking_number = text("tracking_number").ok_or_else(|| Refusal::missing("tracking_number"))?;
    let custom = text("custom_tracking_provider").filter(|_| !ast);
    let provider =
        text("tracking_provider").or(custom).ok_or_else(|| Refusal::missing("tracking_provider"))?;
    if custom.is_some() && text("custom_tracking_link").is_none() {
        return Err(Refusal::missing("custom_tracking_link"));
    }
    Ok(json!({
        "tracking_id": format!("{number:032x}"),
        "tracking_provider": provider,
        "tracking_link": text("custom_tracking_link").unwrap_or_default(),
        "tracking_number": tracking_number,
        "date_shipped": text("date_shipped").unwrap_or_default(),
    }))
}

/// The tracking number of a fulfilment or a tracking.
pub(super) fn number_of(parcel: &Value) -> Option<&str> {
    if let Some(number) = parcel.get("tracking_number") {
        return number.as_str();
    }
    let meta = parcel.get("meta_data")?.as_array()?;
    let field = meta.iter().find(|field| field.get("key") == Some(&json!("_tracking_number")))?;
    field.get("value")?.as_str()
}
