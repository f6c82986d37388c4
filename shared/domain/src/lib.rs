//! The nouns of the trade: ids, money, addresses, orders and what becomes known about them.
//!
//! Every value here was checked when it was made; there is no way to hold a wrong one.

pub mod address;
pub mod id;
pub mod limits;
pub mod money;
pub mod order;
pub mod parts;
pub mod payment;
pub mod shipment;
pub mod tax;

pub use address::{Address, CountryCode, Email};
pub use id::{
    DocumentId, DocumentNumber, InvalidId, LineId, OrderKey, OrderNumber, PaymentId, RefundId, ShipmentId,
    ShopId, ShopOrderId, Sku, TrackingNumber,
};
pub use money::{Currency, Money, MoneyError};
pub use order::{
    Customer, OrderDraft, OrderError, OrderLife, PaymentChoice, PaymentTerms, PlacedOrder, TaxMode,
};
pub use parts::{Charge, ChargeKind, Discount, GiftCard, Line, LineKind, Quantity};
pub use payment::{Payment, PaymentSource, Refund, RefundLine};
pub use shipment::{PackedLine, Shipment};
pub use tax::{TaxPart, TaxRate};
