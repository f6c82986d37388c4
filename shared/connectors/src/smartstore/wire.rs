//! Smartstore on the wire: OData v4 entities of version 6.4, with navigation only where it was asked for.
//!
//! Names and types as in the shop's own model (`contracts/smartstore/entities.derived.json`). Missing and unknown members are
//! taken: 5.x has fewer, plugins have more. Statuses are numbers; their names are not on the wire.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

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

/// An order. Amounts are in the shop's primary currency, not in the customer's, and have four digits behind the point.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Order {
    pub(super) id: u64,
    /// Null in the community edition.
    #[serde(default)]
    pub(super) order_number: Option<String>,
    #[serde(default)]
    pub(super) customer_id: Option<u64>,
    /// Empty where nothing was to be paid.
    #[serde(default)]
    pub(super) payment_method_system_name: Option<String>,
    /// Only filled once it was found valid.
    #[serde(default)]
    pub(super) vat_number: Option<String>,
    pub(super) order_subtotal_incl_tax: Token,
    pub(super) order_subtotal_excl_tax: Token,
    pub(super) order_sub_total_discount_incl_tax: Token,
    pub(super) order_sub_total_discount_excl_tax: Token,
    pub(super) order_shipping_incl_tax: Token,
    pub(super) order_shipping_excl_tax: Token,
    pub(super) order_shipping_tax_rate: Token,
    pub(super) payment_method_additional_fee_incl_tax: Token,
    pub(super) payment_method_additional_fee_excl_tax: Token,
    pub(super) payment_method_additional_fee_tax_rate: Token,
    /// `7.0000:1.95;   19.0000:27.73;`, also empty.
    #[serde(default)]
    pub(super) tax_rates: Option<String>,
    pub(super) order_tax: Token,
    pub(super) order_discount: Token,
    #[serde(default)]
    pub(super) credit_balance: Option<Token>,
    #[serde(default)]
    pub(super) order_total_rounding: Option<Token>,
    pub(super) order_total: Token,
    #[serde(default)]
    pub(super) refunded_amount: Option<Token>,
    /// HTML.
    #[serde(default)]
    pub(super) checkout_attribute_description: Option<String>,
    #[serde(default)]
    pub(super) customer_order_comment: Option<String>,
    #[serde(default)]
    pub(super) authorization_transaction_id: Option<String>,
    #[serde(default)]
    pub(super) capture_transaction_id: Option<String>,
    #[serde(default)]
    pub(super) paid_date_utc: Option<String>,
    #[serde(default)]
    pub(super) shipping_method: Option<String>,
    #[serde(default)]
    pub(super) shipping_rate_computation_method_system_name: Option<String>,
    pub(super) created_on_utc: String,
    pub(super) payment_status_id: PaymentStatus,
    pub(super) shipping_status_id: ShippingStatus,
    pub(super) customer_tax_display_type_id: TaxDisplay,
    /// Absent where it was not expanded (answers to commands).
    #[serde(default)]
    pub(super) order_items: Option<Vec<OrderItem>>,
    /// Lines are missing.
    #[serde(rename = "OrderItems@odata.nextLink", default)]
    pub(super) more_items: Option<String>,
    #[serde(default)]
    pub(super) billing_address: Option<Address>,
    #[serde(default)]
    pub(super) shipping_address: Option<Address>,
    #[serde(default)]
    pub(super) customer: Option<Customer>,
    #[serde(default)]
    pub(super) discount_usage_history: Option<Vec<DiscountUsage>>,
    #[serde(default)]
    pub(super) gift_card_usage_history: Option<Vec<GiftCardUsage>>,
    #[serde(default)]
    pub(super) redeemed_reward_points_entry: Option<RewardPoints>,
}

/// A line. Its prices are after all discounts.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OrderItem {
    pub(super) id: u64,
    #[serde(default)]
    pub(super) product_id: Option<u64>,
    /// That of the variant; from 5.0.5.
    #[serde(default)]
    pub(super) sku: Option<String>,
    pub(super) quantity: Token,
    pub(super) price_incl_tax: Token,
    pub(super) price_excl_tax: Token,
    pub(super) tax_rate: Token,
    #[serde(default)]
    pub(super) discount_amount_incl_tax: Option<Token>,
    #[serde(default)]
    pub(super) discount_amount_excl_tax: Option<Token>,
    /// HTML.
    #[serde(default)]
    pub(super) attribute_description: Option<String>,
    /// XML.
    #[serde(default)]
    pub(super) bundle_data: Option<String>,
    /// Null once the article is gone.
    #[serde(default)]
    pub(super) product: Option<Product>,
}

/// An article, as far as it is asked for.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Product {
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) sku: Option<String>,
    #[serde(default)]
    pub(super) is_shipping_enabled: Option<bool>,
    #[serde(default)]
    pub(super) is_gift_card: Option<bool>,
}

/// An address.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Address {
    #[serde(default)]
    pub(super) first_name: Option<String>,
    #[serde(default)]
    pub(super) last_name: Option<String>,
    #[serde(default)]
    pub(super) email: Option<String>,
    #[serde(default)]
    pub(super) company: Option<String>,
    #[serde(default)]
    pub(super) city: Option<String>,
    /// Street and number are one field.
    #[serde(default)]
    pub(super) address1: Option<String>,
    #[serde(default)]
    pub(super) address2: Option<String>,
    #[serde(default)]
    pub(super) zip_postal_code: Option<String>,
    #[serde(default)]
    pub(super) phone_number: Option<String>,
    #[serde(default)]
    pub(super) country: Option<Country>,
    #[serde(default)]
    pub(super) state_province: Option<StateProvince>,
}

/// A country.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Country {
    #[serde(default)]
    pub(super) two_letter_iso_code: Option<String>,
}

/// A state or province.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct StateProvince {
    #[serde(default)]
    pub(super) name: Option<String>,
}

/// Who ordered. Guests have neither name nor e-mail address.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Customer {
    #[serde(default)]
    pub(super) email: Option<String>,
    #[serde(default)]
    pub(super) customer_role_mappings: Option<Vec<RoleMapping>>,
}

/// A customer's role.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RoleMapping {
    #[serde(default)]
    pub(super) customer_role: Option<Role>,
}

/// A role: what Smartstore has for customer groups.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Role {
    #[serde(default)]
    pub(super) name: Option<String>,
    /// Null for roles of the merchant's own.
    #[serde(default)]
    pub(super) system_name: Option<String>,
}

/// A discount that was used.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DiscountUsage {
    #[serde(default)]
    pub(super) discount: Option<DiscountRule>,
}

/// The rule behind it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DiscountRule {
    #[serde(default)]
    pub(super) name: Option<String>,
    pub(super) discount_type_id: DiscountType,
    #[serde(default)]
    pub(super) coupon_code: Option<String>,
}

/// A gift card that was used for paying.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GiftCardUsage {
    pub(super) used_value: Token,
    #[serde(default)]
    pub(super) gift_card: Option<GiftCard>,
}

/// The card.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GiftCard {
    #[serde(default)]
    pub(super) gift_card_coupon_code: Option<String>,
}

/// Points that were used for paying.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RewardPoints {
    pub(super) used_amount: Token,
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
