//! Shopify on the wire, at the Admin GraphQL API: an order as we fetched it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::wire::FinancialStatus;
use crate::reading::{Perhaps, Token};

/// The body of what we fetched: the order, and what there was more of than one answer holds.
#[derive(Deserialize)]
pub(super) struct Fetched {
    pub(super) order: Node,
    /// Lines after those of the order.
    pub(super) lines: Vec<LineNode>,
    /// Lines of refunds after those of the refund, by its id.
    pub(super) refund_lines: BTreeMap<String, Vec<RefundLineNode>>,
}

/// What is read of it even where the rest can't be.
#[derive(Deserialize)]
pub(super) struct FetchedOutline {
    pub(super) order: NodeOutline,
}

/// Whether the order is to be carried out at all.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NodeOutline {
    pub(super) legacy_resource_id: Token,
    pub(super) updated_at: String,
    pub(super) cancelled_at: Option<IgnoredAny>,
    pub(super) closed_at: Option<IgnoredAny>,
    #[serde(default)]
    pub(super) currency_code: Perhaps<String>,
    #[serde(default)]
    pub(super) taxes_included: Perhaps<bool>,
    #[serde(default)]
    pub(super) display_financial_status: Perhaps<FinancialStatus>,
    #[serde(default)]
    pub(super) display_fulfillment_status: Perhaps<String>,
    #[serde(default)]
    pub(super) fulfillments: Perhaps<Vec<Perhaps<FulfillmentNode>>>,
    #[serde(default)]
    pub(super) line_items: Perhaps<PieceNodes>,
    #[serde(default)]
    pub(super) refunds: Perhaps<Vec<Perhaps<RefundNode>>>,
}

/// A parcel.
#[derive(Clone, Deserialize)]
pub(super) struct FulfillmentNode {
    pub(super) status: Option<String>,
}

/// What is left of the lines.
#[derive(Clone, Deserialize)]
pub(super) struct PieceNodes {
    pub(super) nodes: Vec<Perhaps<PieceNode>>,
}

/// What is left of a line.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PieceNode {
    pub(super) current_quantity: Option<Token>,
    pub(super) requires_shipping: Option<bool>,
}

/// Whether a list goes on.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PageInfo {
    pub(super) has_next_page: bool,
    pub(super) end_cursor: Option<String>,
}

/// A list, or the beginning of one.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page<T> {
    pub(super) page_info: PageInfo,
    pub(super) nodes: Vec<T>,
}

/// An order.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) created_at: String,
    pub(super) processed_at: String,
    pub(super) cancelled_at: Option<IgnoredAny>,
    pub(super) test: bool,
    pub(super) currency_code: String,
    pub(super) taxes_included: bool,
    pub(super) tax_exempt: bool,
    pub(super) duties_included: bool,
    pub(super) display_financial_status: Option<FinancialStatus>,
    pub(super) email: Option<String>,
    pub(super) note: Option<String>,
    pub(super) customer_locale: Option<String>,
    pub(super) payment_gateway_names: Vec<String>,
    pub(super) custom_attributes: Vec<AttributeNode>,
    pub(super) purchasing_entity: Option<EntityNode>,
    pub(super) total_price_set: Bag,
    pub(super) current_total_price_set: Bag,
    pub(super) total_tax_set: Option<Bag>,
    pub(super) total_outstanding_set: Bag,
    pub(super) total_tip_received_set: Bag,
    pub(super) original_total_duties_set: Option<Bag>,
    pub(super) current_total_duties_set: Option<Bag>,
    pub(super) original_total_additional_fees_set: Option<Bag>,
    pub(super) current_total_additional_fees_set: Option<Bag>,
    pub(super) customer: Option<CustomerNode>,
    pub(super) billing_address: Option<AddressNode>,
    pub(super) shipping_address: Option<AddressNode>,
    pub(super) shipping_lines: Page<ShippingLineNode>,
    pub(super) line_items: Page<LineNode>,
    pub(super) refunds: Vec<RefundNode>,
}

/// An amount in the shop's currency.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Bag {
    pub(super) shop_money: ShopMoney,
}

/// An amount with its currency.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShopMoney {
    pub(super) amount: Token,
    pub(super) currency_code: String,
}

/// What a form of the shop's theme asked.
#[derive(Deserialize)]
pub(super) struct AttributeNode {
    pub(super) key: String,
    pub(super) value: Option<Token>,
}

/// Who buys: a person, or a company.
#[derive(Deserialize)]
pub(super) struct EntityNode {
    #[serde(rename = "__typename")]
    pub(super) kind: String,
}

/// Who ordered.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CustomerNode {
    pub(super) legacy_resource_id: Token,
    pub(super) tags: Vec<String>,
    pub(super) default_email_address: Option<EmailNode>,
}

/// Their address.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EmailNode {
    pub(super) email_address: String,
}

/// An address.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AddressNode {
    pub(super) first_name: Option<String>,
    pub(super) last_name: Option<String>,
    pub(super) company: Option<String>,
    pub(super) address1: Option<String>,
    pub(super) address2: Option<String>,
    pub(super) city: Option<String>,
    pub(super) zip: Option<String>,
    pub(super) province: Option<String>,
    pub(super) province_code: Option<String>,
    #[serde(rename = "countryCodeV2")]
    pub(super) country_code: Option<String>,
    pub(super) phone: Option<String>,
}

/// An article.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LineNode {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) title: String,
    pub(super) sku: Option<String>,
    pub(super) quantity: Token,
    pub(super) current_quantity: Token,
    pub(super) requires_shipping: bool,
    pub(super) is_gift_card: bool,
    pub(super) original_unit_price_set: Bag,
    pub(super) discount_allocations: Vec<AllocationNode>,
    pub(super) tax_lines: Vec<TaxNode>,
}

/// A part of a discount.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AllocationNode {
    pub(super) allocated_amount_set: Bag,
}

/// The tax of one rate.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TaxNode {
    /// A share of one.
    pub(super) rate: Option<Token>,
    pub(super) price_set: Bag,
}

/// Carriage.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShippingLineNode {
    pub(super) title: String,
    pub(super) code: Option<String>,
    pub(super) is_removed: bool,
    pub(super) original_price_set: Bag,
    pub(super) current_discounted_price_set: Bag,
    pub(super) discount_allocations: Vec<AllocationNode>,
    pub(super) tax_lines: Vec<TaxNode>,
}

/// Money that went back.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RefundNode {
    pub(super) id: String,
    pub(super) legacy_resource_id: Token,
    pub(super) created_at: Option<String>,
    pub(super) processed_at: String,
    pub(super) refund_line_items: Page<RefundLineNode>,
    pub(super) refund_shipping_lines: Page<RefundShippingNode>,
    pub(super) transactions: Page<TransactionNode>,
}

/// A line for which money went back.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RefundLineNode {
    pub(super) quantity: Token,
    pub(super) restock_type: String,
    pub(super) line_item: ById,
    pub(super) subtotal_set: Bag,
    pub(super) total_tax_set: Bag,
}

/// `{ id }`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ById {
    pub(super) id: String,
}

/// Carriage that went back.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RefundShippingNode {
    pub(super) subtotal_amount_set: Bag,
    pub(super) tax_amount_set: Bag,
}

/// A movement of money.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TransactionNode {
    pub(super) kind: String,
    pub(super) status: String,
    pub(super) amount_set: Bag,
}
