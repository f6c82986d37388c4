//! What a Smartstore shop has in its books, and what its actions make of it. As in the shop, an action that does not apply
//! answers with the record as it is.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::odata::Record;
use crate::clock::{iso_seconds, now_ms};

/// Why a call came to nothing.
pub(crate) enum Trouble {
    /// No record of that id.
    Missing(&'static str, u64),
    /// A parameter the model does not declare.
    Undeclared(String, &'static str),
    /// A body that is none.
    Unreadable,
    /// A rule of the shop.
    Rule(&'static str),
}

#[derive(Default)]
pub(crate) struct Books {
    pub(crate) orders: BTreeMap<u64, Record>,
    next: u64,
    pub(crate) paid: usize,
    pub(crate) cancelled: usize,
    pub(crate) mails: usize,
    pub(crate) calls: BTreeMap<String, u64>,
}

/// Now, as the database writes it.
fn now() -> String {
    let ms = now_ms();
    format!("{}.{:03}Z", iso_seconds(ms), ms % 1_000)
}

pub(crate) fn number(record: &Record, name: &str) -> u64 {
    record.get(name).and_then(Value::as_u64).unwrap_or_default()
}

/// Members of a collection.
pub(crate) fn list<'r>(record: &'r Record, name: &str) -> impl Iterator<Item = &'r Record> {
    record.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object)
}

fn list_mut<'r>(record: &'r mut Record, name: &str) -> Option<&'r mut Vec<Value>> {
    let slot = record.entry(name.to_owned()).or_insert_with(|| json!([]));
    if slot.is_null() {
        *slot = json!([]);
    }
    slot.as_array_mut()
}

fn set(record: &mut Record, name: &str, value: Value) {
    record.insert(name.to_owned(), value);
}

/// What is left of a record that was changed: its time moves.
fn moved(order: &mut Record) {
    set(order, "UpdatedOnUtc", json!(now()));
}

/// The only members a body may have.
fn only(body: &Record, declared: &[&str], operation: &'static str) -> Result<(), Trouble> {
    match body.keys().find(|name| !declared.contains(&name.as_str())) {
        Some(name) => Err(Trouble::Undeclared(name.clone(), operation)),
        None => Ok(()),
    }
}

impl Books {
    /// Takes an order in.
    pub(crate) fn seed(&mut self, order: &Value) -> bool {
        let (Some(record), Some(id)) = (order.as_object(), order.get("Id").and_then(Value::as_u64)) else {
            return false;
        };
        let mut record = record.clone();
        for (name, default) in [
            ("OrderStatusId", json!(10)),
            ("PaymentStatusId", json!(10)),
            ("ShippingStatusId", json!(20)),
            ("Deleted", json!(false)),
            ("Shipments", json!([])),
            ("OrderItems", json!([])),
        ] {
            record.entry(name.to_owned()).or_insert(default);
        }
        for time in ["CreatedOnUtc", "UpdatedOnUtc"] {
            record.entry(time.to_owned()).or_insert_with(|| json!(now()));
        }
        self.orders.insert(id, record);
        true
    }

    pub(crate) fn place(&mut self, order: &Value) -> bool {
        let mut order = order.clone();
        if let Some(record) = order.as_object_mut() {
            set(record, "CreatedOnUtc", json!(now()));
            moved(record);
        }
        self.seed(&order)
    }

    pub(crate) fn edit(&mut self, id: u64, members: &Value, moves: bool) -> bool {
        let (Some(order), Some(members)) = (self.orders.get_mut(&id), members.as_object()) else {
            return false;
        };
        order.extend(members.clone());
        if moves {
            moved(order);
        }
        true
    }

    pub(crate) fn count(&mut self, call: &str) {
        *self.calls.entry(call.to_owned()).or_default() += 1;
    }

    fn order(&mut self, id: u64) -> Result<&mut Record, Trouble> {
        self.orders.get_mut(&id).ok_or(Trouble::Missing("Order", id))
    }

    /// Ids are counted on from the largest of any parcel, whoever made it.
    fn next(&mut self) -> u64 {
        let parcels = self.orders.values().flat_map(|order| list(order, "Shipments"));
        let ids =
            parcels.flat_map(|one| list(one, "ShipmentItems").chain([one])).map(|one| number(one, "Id"));
        self.next = ids.max().unwrap_or_default().max(self.next) + 1;
        self.next
    }

    /// `POST Orders({id})/PaymentPaid`. It turns partly refunded and voided payments into paid ones too.
    pub(crate) fn paid(&mut self, id: u64, body: &Record) -> Result<Value, Trouble> {
        only(body, &["paymentMethodName"], "PaymentPaid")?;
        let order = self.order(id)?;
        let is_due = matches!(number(order, "PaymentStatusId"), 10 | 20 | 35 | 50);
        if is_due && number(order, "OrderStatusId") != 40 {
            set(order, "PaymentStatusId", json!(30));
            set(order, "PaidDateUtc", json!(now()));
            if let Some(method) = body.get("paymentMethodName").filter(|method| method.is_string()) {
                set(order, "PaymentMethodSystemName", method.clone());
            }
            checked(order);
            moved(order);
            self.paid += 1;
        }
        self.shown(id)
    }

    /// `POST Orders({id})/Cancel`.
    pub(crate) fn cancel(&mut self, id: u64, body: &Record) -> Result<Value, Trouble> {
        only(body, &["notifyCustomer"], "Cancel")?;
        let order = self.order(id)?;
        if number(order, "OrderStatusId") != 40 {
            set(order, "OrderStatusId", json!(40));
            moved(order);
            self.cancelled += 1;
            self.mail(body);
        }
        self.shown(id)
    }

    /// `POST Orders({id})/AddShipment`: all that is left; nothing is answered if nothing is left.
    pub(crate) fn add_shipment(&mut self, id: u64, body: &Record) -> Result<Option<Value>, Trouble> {
        only(body, &["trackingNumber", "trackingUrl", "isShipped", "notifyCustomer"], "AddShipment")?;
        let shipment = self.next();
        let order = self.order(id)?;
        let left: Vec<(u64, u64)> = left(order).into_iter().filter(|(_, pieces)| *pieces > 0).collect();
        if left.is_empty() {
            return Ok(None);
        }
        let items: Vec<Value> = left
            .iter()
            .enumerate()
            .map(|(at, (item, pieces))| {
                packed(shipment + 1 + u64::try_from(at).unwrap_or_default(), shipment, *item, *pieces)
            })
            .collect();
        let text = |name: &str| body.get(name).cloned().unwrap_or(Value::Null);
        let parcel = json!({
            "OrderId": id, "TrackingNumber": text("trackingNumber"), "TrackingUrl": text("trackingUrl"), "TotalWeight": null,
            "ShippedDateUtc": null, "DeliveryDateUtc": null, "CreatedOnUtc": now(), "Id": shipment, "ShipmentItems": items,
        });
        list_mut(order, "Shipments").into_iter().for_each(|list| list.push(parcel.clone()));
        if body.get("isShipped").and_then(Value::as_bool).unwrap_or(false) {
            return self.ship(shipment, body).map(Some);
        }
        self.parcel_shown(shipment).map(Some)
    }

    /// `POST Shipments`. The order's time stays.
    pub(crate) fn new_parcel(&mut self, body: &Record) -> Result<Value, Trouble> {
        only(
            body,
            &[
                "OrderId",
                "TrackingNumber",
                "TrackingUrl",
                "TotalWeight",
                "ShippedDateUtc",
                "DeliveryDateUtc",
                "CreatedOnUtc",
            ],
            "Shipment",
        )?;
        let shipment = self.next();
        let rule = Trouble::Rule("Die angegebene Bestellung existiert nicht.");
        let Ok(order) = self.order(number(body, "OrderId")) else { return Err(rule) };
        let mut parcel = body.clone();
        for name in ["TrackingNumber", "TrackingUrl", "TotalWeight", "ShippedDateUtc", "DeliveryDateUtc"] {
            parcel.entry(name.to_owned()).or_insert(Value::Null);
        }
        parcel.entry("CreatedOnUtc".to_owned()).or_insert_with(|| json!(now()));
        set(&mut parcel, "Id", json!(shipment));
        set(&mut parcel, "ShipmentItems", json!([]));
        list_mut(order, "Shipments").into_iter().for_each(|list| list.push(Value::Object(parcel.clone())));
        self.parcel_shown(shipment)
    }

    /// `POST ShipmentItems`. Nobody checks how much is left.
    pub(crate) fn pack(&mut self, body: &Record) -> Result<Value, Trouble> {
        only(body, &["ShipmentId", "OrderItemId", "Quantity"], "ShipmentItem")?;
        let id = self.next();
        let (shipment, item, pieces) =
            (number(body, "ShipmentId"), number(body, "OrderItemId"), number(body, "Quantity"));
        let packed = packed(id, shipment, item, pieces);
        let rule = Trouble::Rule("Die angegebene Lieferung existiert nicht.");
        let Ok((_, parcel)) = self.parcel(shipment) else { return Err(rule) };
        list_mut(parcel, "ShipmentItems").into_iter().for_each(|list| list.push(packed.clone()));
        Ok(packed)
    }

    /// `POST Shipments({id})/Ship`.
    pub(crate) fn ship(&mut self, id: u64, body: &Record) -> Result<Value, Trouble> {
        if !body.contains_key("isShipped") {
            only(body, &["notifyCustomer"], "Ship")?;
        }
        let (order, parcel) = self.parcel(id)?;
        if parcel.get("ShippedDateUtc").is_some_and(Value::is_string) {
            return self.parcel_shown(id);
        }
        set(parcel, "ShippedDateUtc", json!(now()));
        let order = self.order(order)?;
        let packed = left(order).iter().all(|(_, pieces)| *pieces == 0);
        let gone =
            list(order, "Shipments").all(|one| one.get("ShippedDateUtc").is_some_and(Value::is_string));
        set(order, "ShippingStatusId", json!(if packed && gone { 30 } else { 25 }));
        checked(order);
        moved(order);
        self.mail(body);
        self.parcel_shown(id)
    }

    /// `POST Shipments({id})/Deliver`.
    pub(crate) fn deliver(&mut self, id: u64, body: &Record) -> Result<Value, Trouble> {
        only(body, &["notifyCustomer"], "Deliver")?;
        let (order, parcel) = self.parcel(id)?;
        set(parcel, "DeliveryDateUtc", json!(now()));
        let order = self.order(order)?;
        let all =
            list(order, "Shipments").all(|one| one.get("DeliveryDateUtc").is_some_and(Value::is_string));
        if all && number(order, "ShippingStatusId") == 30 {
            set(order, "ShippingStatusId", json!(40));
            checked(order);
        }
        moved(order);
        self.parcel_shown(id)
    }

    /// `PATCH Shipments({id})`: raw data.
    pub(crate) fn change_parcel(&mut self, id: u64, body: &Record) -> Result<(), Trouble> {
        only(
            body,
            &["TrackingNumber", "TrackingUrl", "TotalWeight", "ShippedDateUtc", "DeliveryDateUtc"],
            "Shipment",
        )?;
        let (_, parcel) = self.parcel(id)?;
        parcel.extend(body.clone());
        Ok(())
    }

    /// Every parcel, with its order's id.
    pub(crate) fn parcels(&self) -> Vec<Record> {
        self.orders.values().flat_map(|order| list(order, "Shipments")).cloned().collect()
    }

    fn parcel(&mut self, id: u64) -> Result<(u64, &mut Record), Trouble> {
        for (order, record) in &mut self.orders {
            let parcels = record.get_mut("Shipments").and_then(Value::as_array_mut).into_iter().flatten();
            let mut parcels = parcels.filter_map(Value::as_object_mut);
            if let Some(parcel) = parcels.find(|one| number(one, "Id") == id) {
                return Ok((*order, parcel));
            }
        }
        Err(Trouble::Missing("Shipment", id))
    }

    fn mail(&mut self, body: &Record) {
        let wanted = body.get("notifyCustomer").and_then(Value::as_bool).unwrap_or(true);
        self.mails += usize::from(wanted);
    }

    /// An order as actions answer it: without anything beside it.
    fn shown(&mut self, id: u64) -> Result<Value, Trouble> {
        let order = self.order(id)?;
        let navigation = super::odata::navigation("Order");
        let own = order.iter().filter(|(name, _)| navigation.iter().all(|(known, _, _)| known != name));
        Ok(Value::Object(own.map(|(name, value)| (name.clone(), value.clone())).collect()))
    }

    fn parcel_shown(&mut self, id: u64) -> Result<Value, Trouble> {
        let (_, parcel) = self.parcel(id)?;
        let mut shown = parcel.clone();
        shown.remove("ShipmentItems");
        Ok(Value::Object(shown))
    }
}

fn packed(id: u64, shipment: u64, item: u64, pieces: u64) -> Value {
    json!({ "ShipmentId": shipment, "OrderItemId": item, "Quantity": pieces, "Id": id })
}

/// What is in no parcel yet, by the line's id. What is not shipped at all is left out.
fn left(order: &Record) -> BTreeMap<u64, u64> {
    let is_shipped = |item: &&Record| {
        let product = item.get("Product").and_then(Value::as_object);
        product.and_then(|product| product.get("IsShippingEnabled")) != Some(&json!(false))
    };
    let mut left: BTreeMap<u64, u64> = list(order, "OrderItems")
        .filter(is_shipped)
        .map(|item| (number(item, "Id"), number(item, "Quantity")))
        .collect();
    for one in list(order, "Shipments").flat_map(|parcel| list(parcel, "ShipmentItems")) {
        if let Some(pieces) = left.get_mut(&number(one, "OrderItemId")) {
            *pieces = pieces.saturating_sub(number(one, "Quantity"));
        }
    }
    left
}

/// Where the order stands, by payment and shipping (`CheckOrderStatusAsync`).
fn checked(order: &mut Record) {
    let (payment, shipping) = (number(order, "PaymentStatusId"), number(order, "ShippingStatusId"));
    let begun = matches!(payment, 20 | 30) || matches!(shipping, 25 | 30 | 40);
    if number(order, "OrderStatusId") == 10 && begun {
        set(order, "OrderStatusId", json!(20));
    }
    if number(order, "OrderStatusId") == 20 && payment == 30 && matches!(shipping, 10 | 40) {
        set(order, "OrderStatusId", json!(30));
    }
}
