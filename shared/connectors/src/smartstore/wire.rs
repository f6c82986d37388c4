//! Smartstore on the wire: OData v4 entities of version 6.4, with navigation only where it was asked for.
//!
//! Names and types as in the shop's own model (`contracts/smartstore/entities.derived.json`). Missing and unknown members are
//! taken: 5.x has fewer, plugins have more. Statuses are numbers; their names are not on the wire.

mod order;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub(super) use self::order::{Address, DiscountRule, Order, OrderItem, Product};
use crate::reading::{Perhaps, Token};

/// The answer to a query.
#[derive(Deserialize)]
pub(super) struct List {
    pub(super) value: Vec<Box<RawValue>>,
    /// There is more. Also behind collections that were expanded.
    #[serde(rename = "@odata.nextLink", default)]
    pub(super) next_link: Option<String>,
}

macro_rules! number_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$said:meta])* $variant:ident = $number:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
        #[serde(from = "i64")]
        pub(super) enum $name {
            $($(#[$said])* $variant,)+
            /// One that is not known. Never final.
            Other(i64),
        }

        impl From<i64> for $name {
            fn from(number: i64) -> Self {
                match number {
                    $($number => Self::$variant,)+
                    other => Self::Other(other),
                }
            }
        }
    };
}

number_enum!(
    /// `OrderStatusId` (`OrderEnums.cs`).
    OrderStatus {
        Pending = 10,
        Processing = 20,
        Complete = 30,
        Cancelled = 40,
    }
);

number_enum!(
    /// `PaymentStatusId` (`PaymentEnums.cs`).
    PaymentStatus {
        Pending = 10,
        /// Promised, not there. Prepayments have it too, where the shop is set so.
        Authorized = 20,
        Paid = 30,
        /// Also where a part paid back outside the shop comes to everything.
        PartiallyRefunded = 35,
        Refunded = 40,
        Voided = 50,
    }
);

number_enum!(
    /// `ShippingStatusId` (`ShippingStatus.cs`).
    ShippingStatus {
        NotRequired = 10,
        NotYetShipped = 20,
        PartiallyShipped = 25,
        Shipped = 30,
        Delivered = 40,
    }
);

number_enum!(
    /// `CustomerTaxDisplayTypeId` (`TaxEnums.cs`): which side of the amounts the total is made of.
    TaxDisplay {
        Including = 0,
        Excluding = 10,
    }
);

number_enum!(
    /// `DiscountTypeId`, as far as a discount is not in lines or carriage already.
    DiscountType {
        OrderTotal = 1,
        OrderSubTotal = 20,
    }
);

/// What is read of an order even where the rest of it can't be: whether it is to be carried out at all, and as of when.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Outline {
    pub(super) id: u64,
    pub(super) updated_on_utc: String,
    pub(super) order_status_id: OrderStatus,
    #[serde(default)]
    pub(super) payment_status_id: Perhaps<PaymentStatus>,
    #[serde(default)]
    pub(super) shipping_status_id: Perhaps<ShippingStatus>,
    #[serde(default)]
    pub(super) deleted: Perhaps<bool>,
    #[serde(default)]
    pub(super) order_total: Perhaps<Token>,
    #[serde(default)]
    pub(super) refunded_amount: Perhaps<Token>,
    #[serde(default)]
    pub(super) shipments: Perhaps<Vec<Perhaps<ParcelTimes>>>,
    #[serde(default)]
    pub(super) gift_card_usage_history: Perhaps<Vec<Perhaps<ParcelTimes>>>,
}

/// When something that belongs to an order came about; none of it moves the order's own time.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ParcelTimes {
    #[serde(default)]
    pub(super) created_on_utc: Perhaps<String>,
    #[serde(default)]
    pub(super) shipped_date_utc: Perhaps<String>,
    #[serde(default)]
    pub(super) delivery_date_utc: Perhaps<String>,
}

/// What is looked at before an order is written to, and in the answer to see whether it was.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Standing {
    pub(super) order_status_id: OrderStatus,
    pub(super) payment_status_id: PaymentStatus,
    pub(super) shipping_status_id: ShippingStatus,
    #[serde(default)]
    pub(super) deleted: bool,
}

/// What is looked at before a shipment is told.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ToShip {
    pub(super) order_status_id: OrderStatus,
    #[serde(default)]
    pub(super) deleted: bool,
    pub(super) order_items: Vec<ItemToShip>,
    pub(super) shipments: Vec<Shipment>,
}

/// A line, as far as shipping goes.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ItemToShip {
    pub(super) id: u64,
    pub(super) quantity: u64,
    #[serde(default)]
    pub(super) sku: Option<String>,
    #[serde(default)]
    pub(super) bundle_data: Option<String>,
    #[serde(default)]
    pub(super) product: Option<Product>,
}

/// A parcel.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Shipment {
    pub(super) id: u64,
    #[serde(default)]
    pub(super) tracking_number: Option<String>,
    /// Null until it was shipped.
    #[serde(default)]
    pub(super) shipped_date_utc: Option<String>,
    #[serde(default)]
    pub(super) shipment_items: Vec<PackedItem>,
}

/// What is in it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PackedItem {
    pub(super) order_item_id: u64,
    pub(super) quantity: u64,
}

/// A parcel, as a poll for parcels finds it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ParcelOf {
    pub(super) id: u64,
    pub(super) order_id: u64,
}

/// An error of the Web API. Its texts are in the shop's language.
#[derive(Deserialize)]
pub(super) struct ErrorBody {
    pub(super) error: ErrorText,
}

/// What it says. The stack trace beside it is not read.
#[derive(Deserialize)]
pub(super) struct ErrorText {
    #[serde(default)]
    pub(super) code: String,
    #[serde(default)]
    pub(super) message: String,
}

/// The body of a thin notice: the id as a number or a text, under one of three names.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct NoticeBody {
    #[serde(rename = "orderId")]
    pub(super) order_id: Option<Token>,
    #[serde(rename = "OrderId")]
    pub(super) order_id_of_model: Option<Token>,
    pub(super) id: Option<Token>,
}

/// The body of an action without parameters.
#[derive(Serialize)]
pub(super) struct NoParameters {}

/// `POST Orders({id})/Cancel`, `POST Shipments({id})/Ship`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Notify {
    pub(super) notify_customer: bool,
}

/// `POST Orders({id})/AddShipment`: everything that is left. There is no `carrier` in it: the shop's model does not declare
/// it, and a call with it fails with 500.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AddShipment<'a> {
    pub(super) tracking_number: Option<&'a str>,
    pub(super) tracking_url: Option<&'a str>,
    pub(super) is_shipped: bool,
    pub(super) notify_customer: bool,
}

/// `POST Shipments`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct NewShipment<'a> {
    pub(super) order_id: u64,
    pub(super) tracking_number: Option<&'a str>,
    pub(super) tracking_url: Option<&'a str>,
    pub(super) created_on_utc: String,
}

/// `POST ShipmentItems`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct NewShipmentItem {
    pub(super) shipment_id: u64,
    pub(super) order_item_id: u64,
    pub(super) quantity: u64,
}

/// `PATCH Shipments({id})`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TrackingUpdate<'a> {
    pub(super) tracking_number: &'a str,
}
