//! weclapp's own types (REST API v2): ids and decimals are strings, times are milliseconds since 1970. They never leave
//! this module.

mod sent;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

pub(super) use self::sent::{
    CarriageRow, ClearCredit, CreditContent, CreditRow, CreditedItems, NewParty, NewSalesOrder, OrderContent,
    OrderItem, PartyAddress, PaymentState, RecordAddress, ShippingCostItem, StatusChange, WholeAddress,
};

/// A word of an enumeration; one that is not known here is kept, and is never taken for a final state.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
        #[serde(from = "String")]
        pub(super) enum $name {
            $(#[doc = $word] $variant,)+
            /// A word that is not known here.
            Other(String),
        }

        impl From<String> for $name {
            fn from(word: String) -> Self {
                match word.as_str() {
                    $($word => Self::$variant,)+
                    _ => Self::Other(word),
                }
            }
        }

        impl $name {
            /// The word as weclapp writes it.
            pub(super) fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)+
                    Self::Other(word) => word,
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

words!(
    /// `orderStatusType`.
    OrderStatus {
        Entered = "ORDER_ENTRY_IN_PROGRESS",
        Confirmed = "ORDER_CONFIRMATION_PRINTED",
        Closed = "CLOSED",
        ManuallyClosed = "MANUALLY_CLOSED",
        Cancelled = "CANCELLED",
    }
);
words!(
    /// `salesOrderPaymentType`.
    PaymentType { Standard = "STANDARD", Prepayment = "PREPAYMENT" }
);
words!(
    /// `advancePaymentStatus`.
    AdvancePayment { Open = "OPEN", Paid = "PAID" }
);
words!(
    /// `shipmentStatusType`.
    ShipmentStatus {
        New = "NEW",
        NotePrinted = "DELIVERY_NOTE_PRINTED",
        Shipped = "SHIPPED",
        InRoute = "IN_ROUTE",
        Delivered = "DELIVERED",
        Cancelled = "CANCELLED",
    }
);
words!(
    /// `salesInvoiceStatusType`.
    InvoiceStatus {
        New = "NEW",
        DocumentCreated = "DOCUMENT_CREATED",
        OpenItemCreated = "OPEN_ITEM_CREATED",
        EntryCompleted = "ENTRY_COMPLETED",
        Cancelled = "CANCELLED",
    }
);
words!(
    /// `salesInvoiceType`.
    InvoiceType {
        Standard = "STANDARD_INVOICE",
        Retail = "RETAIL_INVOICE",
        Final = "FINAL_INVOICE",
        Prepayment = "PREPAYMENT_INVOICE",
        CreditNote = "CREDIT_NOTE",
    }
);
words!(
    /// `paymentStatus` of an invoice.
    PaymentStatus { Paid = "PAID", Open = "OPEN", NoOpenItem = "NO_OPEN_ITEM" }
);
words!(
    /// `partyType`.
    PartyType { Person = "PERSON", Organization = "ORGANIZATION" }
);
words!(
    /// `customerBusinessType`.
    BusinessType { Business = "B2B", Consumer = "B2C", Government = "B2G" }
);

/// A decimal number: a string with a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Number(#[serde(with = "rust_decimal::serde::str")] pub(super) Decimal);

/// A time in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Millis(i64);

impl Millis {
    /// The time, if a calendar has it.
    pub(super) fn timestamp(self) -> Option<Timestamp> {
        Timestamp::from_millisecond(self.0).ok()
    }
}

impl From<Timestamp> for Millis {
    fn from(time: Timestamp) -> Self {
        Self(time.as_millisecond())
    }
}

/// `{}`.
#[derive(Debug, Serialize)]
pub(super) struct Empty {}

/// The answer to a query.
#[derive(Debug, Deserialize)]
pub(super) struct Listed<T> {
    pub(super) result: Vec<T>,
}

/// The answer to an action.
#[derive(Debug, Deserialize)]
pub(super) struct Acted<T> {
    pub(super) result: T,
}

/// A reference to another record.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct OnlyId {
    pub(super) id: String,
}

/// `apiProblem`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ApiProblem {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) title: String,
    #[serde(default)]
    pub(super) detail: Option<String>,
    #[serde(default)]
    pub(super) validation_errors: Vec<ValidationError>,
}

/// `validationError`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ValidationError {
    #[serde(default)]
    pub(super) title: String,
    #[serde(default)]
    pub(super) detail: Option<String>,
    #[serde(default)]
    pub(super) error_code: Option<String>,
    #[serde(default)]
    pub(super) location: Option<String>,
}

/// `party`, as far as it is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Party {
    pub(super) id: String,
    #[serde(default)]
    pub(super) customer_number: Option<String>,
    #[serde(default)]
    pub(super) email: Option<String>,
    #[serde(default)]
    pub(super) customer: Option<bool>,
}

/// `article`, as far as it is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Article {
    pub(super) id: String,
    pub(super) article_number: String,
}

/// `currency`.
#[derive(Deserialize)]
pub(super) struct Currency {
    pub(super) id: String,
    pub(super) name: String,
}

/// `shippingCarrier`.
#[derive(Deserialize)]
pub(super) struct ShippingCarrier {
    pub(super) name: String,
}

/// `salesOrder`, as far as it is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SalesOrder {
    pub(super) id: String,
    pub(super) version: String,
    pub(super) status: OrderStatus,
    #[serde(default)]
    pub(super) order_number: Option<String>,
    #[serde(default)]
    pub(super) order_number_at_customer: Option<String>,
    #[serde(default)]
    pub(super) commission: Option<String>,
    #[serde(default)]
    pub(super) sales_order_payment_type: Option<PaymentType>,
    #[serde(default)]
    pub(super) advance_payment_status: Option<AdvancePayment>,
    #[serde(default)]
    pub(super) paid: bool,
    #[serde(default)]
    pub(super) shipped: bool,
    #[serde(default)]
    pub(super) gross_amount: Option<Number>,
    #[serde(default)]
    pub(super) net_amount: Option<Number>,
    #[serde(default)]
    pub(super) record_currency_id: Option<String>,
    #[serde(default)]
    pub(super) last_modified_date: Option<Millis>,
    #[serde(default)]
    pub(super) order_items: Vec<OnlyId>,
    #[serde(default)]
    pub(super) shipping_cost_items: Vec<OnlyId>,
}

/// `shipment`, as far as it is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shipment {
    pub(super) id: String,
    pub(super) version: String,
    #[serde(default)]
    pub(super) status: Option<ShipmentStatus>,
    #[serde(default)]
    pub(super) shipment_number: Option<String>,
    #[serde(default)]
    pub(super) sales_orders: Vec<OnlyId>,
    #[serde(default)]
    pub(super) main_sales_order_id: Option<String>,
    #[serde(default)]
    pub(super) parcels: Vec<Parcel>,
    #[serde(default)]
    pub(super) shipment_items: Vec<ShipmentItem>,
    #[serde(default)]
    pub(super) status_history: Vec<ShipmentStatusEntry>,
    #[serde(default)]
    pub(super) last_modified_date: Option<Millis>,
}

/// `shipmentStatus`: an entry of a shipment's history.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShipmentStatusEntry {
    #[serde(default)]
    pub(super) status: Option<ShipmentStatus>,
    #[serde(default)]
    pub(super) status_date: Option<Millis>,
}

/// `shipmentItem`, as far as it is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShipmentItem {
    pub(super) id: String,
    #[serde(default)]
    pub(super) article_id: Option<String>,
    #[serde(default)]
    pub(super) quantity: Option<Number>,
    #[serde(default)]
    pub(super) parent_item_id: Option<String>,
    #[serde(default)]
    pub(super) sales_order_item_id: Option<String>,
}

/// `parcel`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Parcel {
    #[serde(default)]
    pub(super) tracking_id: Option<String>,
    #[serde(default)]
    pub(super) tracking_url: Option<String>,
    #[serde(default)]
    pub(super) shipping_carrier_id: Option<String>,
}

/// `salesInvoice`, as far as it is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SalesInvoice {
    pub(super) id: String,
    pub(super) version: String,
    pub(super) status: InvoiceStatus,
    #[serde(default)]
    pub(super) sales_invoice_type: Option<InvoiceType>,
    #[serde(default)]
    pub(super) invoice_number: Option<String>,
    #[serde(default)]
    pub(super) payment_status: Option<PaymentStatus>,
    #[serde(default)]
    pub(super) sales_orders: Vec<OnlyId>,
    #[serde(default)]
    pub(super) preceding_sales_invoice_id: Option<String>,
    #[serde(default)]
    pub(super) commission: Option<String>,
    #[serde(default)]
    pub(super) gross_amount: Option<Number>,
    #[serde(default)]
    pub(super) created_date: Option<Millis>,
    #[serde(default)]
    pub(super) sales_invoice_items: Vec<InvoiceRow>,
    #[serde(default)]
    pub(super) shipping_cost_items: Vec<InvoiceRow>,
}

/// `salesInvoiceItem` and `salesInvoiceShippingCostItem`, as far as they are read.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InvoiceRow {
    pub(super) id: String,
    #[serde(default)]
    pub(super) article_id: Option<String>,
    #[serde(default)]
    pub(super) title: Option<String>,
    #[serde(default)]
    pub(super) quantity: Option<Number>,
    #[serde(default)]
    pub(super) tax_id: Option<String>,
    #[serde(default)]
    pub(super) net_amount: Option<Number>,
    #[serde(default)]
    pub(super) gross_amount: Option<Number>,
    #[serde(default)]
    pub(super) credited_invoice_item_id: Option<String>,
}

/// `salesOpenItem`, as far as it is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OpenItem {
    pub(super) id: String,
    #[serde(default)]
    pub(super) sales_invoice_id: Option<String>,
    #[serde(default)]
    pub(super) cleared: bool,
    #[serde(default)]
    pub(super) amount_paid: Option<Number>,
}
