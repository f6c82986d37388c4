//! What came of the calls to a Smartstore shop.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::books::{Books, list, number};
use super::odata::Record;

/// What came of the calls.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Orders by status, as in `Processing`.
    pub orders: BTreeMap<String, usize>,
    /// Orders that were marked as paid through the API.
    pub paid: usize,
    /// Orders that were cancelled through the API.
    pub cancelled: usize,
    /// Parcels of all orders that have left.
    pub shipments: usize,
    /// Parcels by order, where there are any.
    pub told: BTreeMap<u64, usize>,
    /// Orders with the same tracking number twice, or with more pieces packed than ordered.
    pub doubled_shipments: Vec<u64>,
    /// Mails to customers.
    pub mails: usize,
    /// Calls by method and path, as in `POST Orders({id})/PaymentPaid`.
    pub calls: BTreeMap<String, u64>,
}

impl Books {
    /// What came of the calls.
    pub(crate) fn report(&self) -> Report {
        let mut report = Report {
            paid: self.paid,
            cancelled: self.cancelled,
            mails: self.mails,
            calls: self.calls.clone(),
            ..Report::default()
        };
        for (id, order) in &self.orders {
            let status = match number(order, "OrderStatusId") {
                10 => "Pending",
                20 => "Processing",
                30 => "Complete",
                40 => "Cancelled",
                _ => "Other",
            };
            *report.orders.entry(status.to_owned()).or_default() += 1;
            let left = list(order, "Shipments")
                .filter(|one| one.get("ShippedDateUtc").is_some_and(Value::is_string))
                .count();
            report.shipments += left;
            if left > 0 {
                report.told.insert(*id, left);
            }
            if is_doubled(order) {
                report.doubled_shipments.push(*id);
            }
        }
        report
    }
}

fn is_doubled(order: &Record) -> bool {
    let numbers = list(order, "Shipments").filter_map(|one| one.get("TrackingNumber")?.as_str());
    let numbers: Vec<&str> = numbers.flat_map(|numbers| numbers.split(',')).map(str::trim).collect();
    let different: BTreeSet<&str> = numbers.iter().copied().collect();
    let mut pieces: BTreeMap<u64, u64> = BTreeMap::new();
    for one in list(order, "Shipments").flat_map(|parcel| list(parcel, "ShipmentItems")) {
        *pieces.entry(number(one, "OrderItemId")).or_default() += number(one, "Quantity");
    }
    let ordered: BTreeMap<u64, u64> =
        list(order, "OrderItems").map(|item| (number(item, "Id"), number(item, "Quantity"))).collect();
    different.len() < numbers.len()
        || pieces.iter().any(|(item, pieces)| ordered.get(item).is_none_or(|all| pieces > all))
}
