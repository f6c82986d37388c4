//! A parcel on its way.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{DocumentNumber, LineId, Quantity, ShipmentId, Sku, TrackingNumber};

/// A shipment that has left the warehouse.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Shipment {
    /// Its id in the system that ships.
    pub id: ShipmentId,
    /// The number on the delivery note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<DocumentNumber>,
    /// The carrier's name as the shop shall show it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier: Option<String>,
    /// One number per parcel.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tracking: Vec<TrackingNumber>,
    /// Where the customer can follow the first parcel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking_url: Option<String>,
    /// When it left, by the shipping system's clock.
    pub shipped_at: Timestamp,
    /// What is in it; everything that was ordered and not shipped before, where nothing is listed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<PackedLine>,
}

/// An article in a shipment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PackedLine {
    /// The line of the order, where the shipping system keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<LineId>,
    /// The article.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku: Option<Sku>,
    /// How many of it.
    pub quantity: Quantity,
}
