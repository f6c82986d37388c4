//! Shopify on the wire, in webhooks: the REST form of orders and refunds.

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use crate::reading::{Perhaps, Token};

/// A list; nothing is an empty one.
fn listed<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// The body of `orders/delete`: the id and nothing else.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Gone {
    pub(super) id: u64,
}

/// What tells the bodies of order topics apart: the topic itself is not signed.
#[derive(Deserialize)]
pub(super) struct Shape {
    /// `orders/edited` tells of the edit, not of the order.
    pub(super) order_edit: Option<IgnoredAny>,
    /// Refunds name their order; orders don't.
    pub(super) order_id: Option<u64>,
    pub(super) refund_line_items: Option<IgnoredAny>,
}

/// How far an order is paid.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub(super) enum FinancialStatus {
    /// `pending`.
    Pending,
    /// `authorized`: the money is promised, not there.
    Authorized,
    /// `partially_paid`.
    PartiallyPaid,
    /// `paid`.
    Paid,
    /// `partially_refunded`.
    PartiallyRefunded,
    /// `refunded`.
    Refunded,
    /// `voided`: the promise was given back.
    Voided,
    /// `expired`: the promise ran out.
    Expired,
    /// A status of a later version. Nothing is paid by it.
    Other(String),
}

impl From<String> for FinancialStatus {
    fn from(word: String) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "pending" => Self::Pending,
            "authorized" => Self::Authorized,
            "partially_paid" => Self::PartiallyPaid,
            "paid" => Self::Paid,
            "partially_refunded" => Self::PartiallyRefunded,
            "refunded" => Self::Refunded,
            "voided" => Self::Voided,
            "expired" => Self::Expired,
            _ => Self::Other(word),
        }
    }
}

/// What is read of an order even where the rest of it can't be: whether it is to be carried out at all.
#[derive(Deserialize)]
pub(super) struct Outline {
    pub(super) id: u64,
    pub(super) updated_at: String,
    pub(super) cancelled_at: Option<IgnoredAny>,
    pub(super) closed_at: Option<IgnoredAny>,
    #[serde(default)]
    pub(super) currency: Perhaps<String>,
    #[serde(default)]
    pub(super) taxes_included: Perhaps<bool>,
    #[serde(default)]
    pub(super) financial_status: Perhaps<FinancialStatus>,
    #[serde(default)]
    pub(super) fulfillment_status: Perhaps<String>,
    #[serde(default)]
    pub(super) fulfillments: Perhaps<Vec<Perhaps<Fulfillment>>>,
    #[serde(default)]
    pub(super) line_items: Perhaps<Vec<Perhaps<Piece>>>,
    #[serde(default)]
    pub(super) refunds: Perhaps<Vec<Perhaps<Refund>>>,
}

/// A parcel, as far as it matters whether there is one.
#[derive(Deserialize)]
pub(super) struct Fulfillment {
    pub(super) status: Option<String>,
}

/// What is left of a line.
#[derive(Deserialize)]
pub(super) struct Piece {
    pub(super) current_quantity: Option<Token>,
    pub(super) requires_shipping: Option<bool>,
}

/// An order. Plain amounts are in the shop's currency.
#[derive(Deserialize)]
pub(super) struct Order {
    /// The number people see, `#1010`.
    pub(super) name: String,
    pub(super) created_at: String,
    pub(super) processed_at: Option<String>,
    pub(super) cancelled_at: Option<IgnoredAny>,
    pub(super) currency: String,
    pub(super) total_price: Token,
    pub(super) total_tax: Option<Token>,
    pub(super) current_total_price: Option<Token>,
    pub(super) total_outstanding: Option<Token>,
    pub(super) total_tip_received: Option<Token>,
    pub(super) original_total_duties_set: Option<MoneySet>,
    pub(super) current_total_duties_set: Option<MoneySet>,
    pub(super) original_total_additional_fees_set: Option<MoneySet>,
    pub(super) current_total_additional_fees_set: Option<MoneySet>,
    #[serde(default)]
    pub(super) duties_included: Option<bool>,
    pub(super) financial_status: Option<FinancialStatus>,
    pub(super) taxes_included: bool,
    pub(super) tax_exempt: Option<bool>,
    pub(super) test: Option<bool>,
    pub(super) email: Option<String>,
    pub(super) contact_email: Option<String>,
    pub(super) customer_locale: Option<String>,
    pub(super) note: Option<String>,
    pub(super) note_attributes: Option<Vec<Attribute>>,
    pub(super) payment_gateway_names: Option<Vec<String>>,
    /// The company of a B2B order.
    pub(super) company: Option<IgnoredAny>,
    pub(super) customer: Option<Customer>,
    pub(super) billing_address: Option<Address>,
    pub(super) shipping_address: Option<Address>,
    pub(super) line_items: Vec<LineItem>,
    #[serde(default, deserialize_with = "listed")]
    pub(super) shipping_lines: Vec<ShippingLine>,
    #[serde(default, deserialize_with = "listed")]
    pub(super) refunds: Vec<Refund>,
}

/// An amount in the shop's currency and in the customer's.
#[derive(Deserialize)]
pub(super) struct MoneySet {
    pub(super) shop_money: MoneyV2,
}

/// An amount with its currency.
#[derive(Deserialize)]
pub(super) struct MoneyV2 {
    pub(super) amount: Token,
    pub(super) currency_code: String,
}

/// What a form of the shop's theme asked.
#[derive(Deserialize)]
pub(super) struct Attribute {
    pub(super) name: Option<String>,
    pub(super) value: Option<Token>,
}

/// Who ordered.
#[derive(Deserialize)]
pub(super) struct Customer {
    pub(super) id: u64,
    pub(super) email: Option<String>,
    /// Separated by commas.
    pub(super) tags: Option<String>,
}

/// An address.
#[derive(Deserialize)]
pub(super) struct Address {
    pub(super) first_name: Option<String>,
    pub(super) last_name: Option<String>,
    pub(super) company: Option<String>,
    pub(super) address1: Option<String>,
    pub(super) address2: Option<String>,
    pub(super) city: Option<String>,
    pub(super) zip: Option<String>,
    pub(super) province: Option<String>,
    pub(super) province_code: Option<String>,
    pub(super) country_code: Option<String>,
    pub(super) phone: Option<String>,
}

/// An article. `total_discount` is `0.00` even where allocations exist, so it is not read.
#[derive(Deserialize)]
pub(super) struct LineItem {
    pub(super) id: u64,
    pub(super) name: Option<String>,
    pub(super) title: Option<String>,
    pub(super) sku: Option<String>,
    /// As ordered.
    pub(super) quantity: Token,
    /// What is left of it after edits and refunds; absent in old versions.
    pub(super) current_quantity: Option<Token>,
    pub(super) price: Token,
    #[serde(default, deserialize_with = "listed")]
    pub(super) discount_allocations: Vec<Allocation>,
    #[serde(default, deserialize_with = "listed")]
    pub(super) tax_lines: Vec<TaxLine>,
    #[serde(default)]
    pub(super) gift_card: bool,
    #[serde(default)]
    pub(super) requires_shipping: Option<bool>,
    /// There if the line is a tip.
    pub(super) tip: Option<IgnoredAny>,
}

/// A part of a discount.
#[derive(Deserialize)]
pub(super) struct Allocation {
    pub(super) amount: Token,
}

/// The tax of one rate.
#[derive(Deserialize)]
pub(super) struct TaxLine {
    pub(super) price: Token,
    /// A share of one, `0.19`.
    pub(super) rate: Option<Token>,
}

/// Carriage.
#[derive(Deserialize)]
pub(super) struct ShippingLine {
    pub(super) title: Option<String>,
    pub(super) code: Option<String>,
    pub(super) price: Token,
    /// After edits and refunds; absent in old versions.
    pub(super) current_discounted_price_set: Option<MoneySet>,
    pub(super) is_removed: Option<bool>,
    #[serde(default, deserialize_with = "listed")]
    pub(super) discount_allocations: Vec<Allocation>,
    #[serde(default, deserialize_with = "listed")]
    pub(super) tax_lines: Vec<TaxLine>,
}

/// Money that went back, also the body of `refunds/create`.
#[derive(Deserialize)]
pub(super) struct Refund {
    pub(super) id: u64,
    pub(super) created_at: Option<String>,
    pub(super) processed_at: Option<String>,
    #[serde(default, deserialize_with = "listed")]
    pub(super) transactions: Vec<Transaction>,
    #[serde(default, deserialize_with = "listed")]
    pub(super) refund_line_items: Vec<RefundedLine>,
    /// Absent in old versions, which tell the same as adjustments.
    #[serde(default, deserialize_with = "listed")]
    pub(super) refund_shipping_lines: Vec<RefundedShipping>,
    #[serde(default, deserialize_with = "listed")]
    pub(super) order_adjustments: Vec<Adjustment>,
    pub(super) total_duties_set: Option<MoneySet>,
    pub(super) total_additional_fees_set: Option<MoneySet>,
}

/// A line for which money went back. `subtotal` is a number where other amounts are texts.
#[derive(Deserialize)]
pub(super) struct RefundedLine {
    pub(super) line_item_id: u64,
    pub(super) quantity: Token,
    pub(super) restock_type: Option<RestockType>,
    pub(super) subtotal: Token,
    pub(super) subtotal_set: Option<MoneySet>,
    pub(super) total_tax: Option<Token>,
    pub(super) total_tax_set: Option<MoneySet>,
}

/// Whether goods come back into the stock.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub(super) enum RestockType {
    /// `return`, `cancel`, `legacy_restock`: they do.
    Restocked,
    /// `no_restock`, and what a later version may add.
    Other(String),
}

impl From<String> for RestockType {
    fn from(word: String) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "return" | "cancel" | "legacy_restock" => Self::Restocked,
            _ => Self::Other(word),
        }
    }
}

/// Carriage that went back.
#[derive(Deserialize)]
pub(super) struct RefundedShipping {
    pub(super) subtotal_amount_set: MoneySet,
    pub(super) tax_amount_set: Option<MoneySet>,
}

/// Carriage that went back, in old versions; and by how much less went back than the parts come to. Negative where more did.
#[derive(Deserialize)]
pub(super) struct Adjustment {
    pub(super) kind: Option<String>,
    pub(super) amount: Token,
    pub(super) amount_set: Option<MoneySet>,
    pub(super) tax_amount: Option<Token>,
    pub(super) tax_amount_set: Option<MoneySet>,
}

/// A movement of money.
#[derive(Deserialize)]
pub(super) struct Transaction {
    pub(super) kind: String,
    pub(super) status: String,
    /// In `currency`, which need not be the shop's.
    pub(super) amount: Token,
    pub(super) currency: Option<String>,
}
