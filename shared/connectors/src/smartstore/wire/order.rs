//! An order of Smartstore on the wire, with everything that belongs to it.

use serde::Deserialize;

use super::{DiscountType, PaymentStatus, ShippingStatus, TaxDisplay};
use crate::reading::Token;

/// An order. Amounts are in the shop's primary currency, not in the customer's, and have four digits behind the point.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::smartstore) struct Order {
    pub(in crate::smartstore) id: u64,
    /// Null in the community edition.
    #[serde(default)]
    pub(in crate::smartstore) order_number: Option<String>,
    #[serde(default)]
    pub(in crate::smartstore) customer_id: Option<u64>,
    /// Empty where nothing was to be paid.
    #[serde(default)]
    pub(in crate::smartstore) payment_method_system_name: Option<String>,
    /// Only filled once it was found valid.
    #[serde(default)]
    pub(in crate::smartstore) vat_number: Option<String>,
    pub(in crate::smartstore) order_subtotal_incl_tax: Token,
    pub(in crate::smartstore) order_subtotal_excl_tax: Token,
    pub(in crate::smartstore) order_sub_total_discount_incl_tax: Token,
    pub(in crate::smartstore) order_sub_total_discount_excl_tax: Token,
    pub(in crate::smartstore) order_shipping_incl_tax: Token,
    pub(in crate::smartstore) order_shipping_excl_tax: Token,
    pub(in crate::smartstore) order_shipping_tax_rate: Token,
    pub(in crate::smartstore) payment_method_additional_fee_incl_tax: Token,
    pub(in crate::smartstore) payment_method_additional_fee_excl_tax: Token,
    pub(in crate::smartstore) payment_method_additional_fee_tax_rate: Token,
    /// `7.0000:1.95;   19.0000:27.73;`, also empty.
    #[serde(default)]
    pub(in crate::smartstore) tax_rates: Option<String>,
    pub(in crate::smartstore) order_tax: Token,
    pub(in crate::smartstore) order_discount: Token,
    #[serde(default)]
    pub(in crate::smartstore) credit_balance: Option<Token>,
    #[serde(default)]
    pub(in crate::smartstore) order_total_rounding: Option<Token>,
    pub(in crate::smartstore) order_total: Token,
    #[serde(default)]
    pub(in crate::smartstore) refunded_amount: Option<Token>,
    /// HTML.
    #[serde(default)]
    pub(in crate::smartstore) checkout_attribute_description: Option<String>,
    #[serde(default)]
    pub(in crate::smartstore) customer_order_comment: Option<String>,
    #[serde(default)]
    pub(in crate::smartstore) authorization_transaction_id: Option<String>,
    #[serde(default)]
    pub(in crate::smartstore) capture_transaction_id: Option<String>,
    #[serde(default)]
    pub(in crate::smartstore) paid_date_utc: Option<String>,
    #[serde(default)]
    pub(in crate::smartstore) shipping_method: Option<String>,
    #[serde(default)]
    pub(in crate::smartstore) shipping_rate_computation_method_system_name: Option<String>,
    pub(in crate::smartstore) created_on_utc: String,
    pub(in crate::smartstore) payment_status_id: PaymentStatus,
    pub(in crate::smartstore) shipping_status_id: ShippingStatus,
    pub(in crate::smartstore) customer_tax_display_type_id: TaxDisplay,
    /// Absent where it was not expanded (answers to commands).
    #[serde(default)]
    pub(in crate::smartstore) order_items: Option<Vec<OrderItem>>,
    /// Lines are missing.
    #[serde(rename = "OrderItems@odata.nextLink", default)]
    pub(in crate::smartstore) more_items: Option<String>,
    #[serde(default)]
    pub(in crate::smartstore) billing_address: Option<Address>,
    #[serde(default)]
    pub(in crate::smartstore) shipping_address: Option<Address>,
    #[serde(default)]
    pub(in crate::smartstore) customer: Option<Customer>,
    #[serde(default)]
    pub(in crate::smartstore) discount_usage_history: Option<Vec<DiscountUsage>>,
    #[serde(default)]
    pub(in crate::smartstore) gift_card_usage_history: Option<Vec<GiftCardUsage>>,
    #[serde(default)]
    pub(in crate::smartstore) redeemed_reward_points_entry: Option<RewardPoints>,
}

/// A line. Its prices are after all discounts.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::smartstore) struct OrderItem {
    pub(in crate::smartstore) id: u64,
    #[serde(default)]
    pub(in crate::smartstore) product_id: Option<u64>,
    /// That of the variant; from 5.0.5.
    #[serde(default)]
    pub(in crate::smartstore) sku: Option<String>,
    pub(in crate::smartstore) quantity: Token,
    pub(in crate::smartstore) price_incl_tax: Token,
    pub(in crate::smartstore) price_excl_tax: Token,
    pub(in crate::smartstore) tax_rate: Token,
    #[serde(default)]
    pub(in crate::smartstore) discount_amount_incl_tax: Option<Token>,
    #[serde(default)]
    pub(in crate::smartstore) discount_amount_excl_tax: Option<Token>,
    /// HTML.
    #[serde(default)]
    pub(in crate::smartstore) attribute_description: Option<String>,
    /// XML.
    #[serde(default)]
    pub(in crate::smartstore) bundle_data: Option<String>,
    /// Null once the article is gone.
    #[serde(default)]
    pub(in crate::smartstore) product: Option<Product>,
}

/// An article, as far as it is asked for.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::smartstore) struct Product {
    #[serde(default)]
    pub(in crate::smartstore) name: Option<String>,
    #[serde(default)]
    pub(in crate::smartstore) sku: Option<String>,
    #[serde(default)]
    pub(in crate::smartstore) is_shipping_enabled: Option<bool>,
    #[serde(default)]
    pub(in crate::smartstore) is_gift_card: Option<bool>,
}

/// An address.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::smartstore) struct Address {
    #[serde(default)]
    pub(in crate::smartstore) first_name: Option<String>,
    #[serde(default)]
    pub(in crate::smartstore) last_name: Option<String>,
    #[serde(default)]
    pub(in crate::smartstore) email: Option<String>,
    #[serde(default)]
    pub(in crate::smartstore) company: Option<String>,
    #[serde(default)]
    pub(in crate::smartstore) city: Option<String>,
    /// Street and number are one field.
    #[serde(default)]
    pub(in crate::smartstore) address1: Option<String>,
    #[serde(default)]
    pub(in crate::smartstore) address2: Option<String>,
    #[serde(default)]
    pub(in crate::smartstore) zip_postal_code: Option<String>,
    #[serde(default)]
    pub(in crate::smartstore) phone_number: Option<String>,
    #[serde(default)]
    pub(in crate::smartstore) country: Option<Country>,
    #[serde(default)]
    pub(in crate::smartstore) state_province: Option<StateProvince>,
}

/// A country.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::smartstore) struct Country {
    #[serde(default)]
    pub(in crate::smartstore) two_letter_iso_code: Option<String>,
}

/// A state or province.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::smartstore) struct StateProvince {
    #[serde(default)]
    pub(in crate::smartstore) name: Option<String>,
}

/// Who ordered. Guests have neither name nor e-mail address.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::smartstore) struct Customer {
    #[serde(default)]
    pub(in crate::smartstore) email: Option<String>,
    #[serde(default)]
    pub(in crate::smartstore) customer_role_mappings: Option<Vec<RoleMapping>>,
}

/// A customer's role.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::smartstore) struct RoleMapping {
    #[serde(default)]
    pub(in crate::smartstore) customer_role: Option<Role>,
}

/// A role: what Smartstore has for customer groups.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::smartstore) struct Role {
    #[serde(default)]
    pub(in crate::smartstore) name: Option<String>,
    /// Null for roles of the merchant's own.
    #[serde(default)]
    pub(in crate::smartstore) system_name: Option<String>,
}

/// A discount that was used.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::smartstore) struct DiscountUsage {
    #[serde(default)]
    pub(in crate::smartstore) discount: Option<DiscountRule>,
}

/// The rule behind it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::smartstore) struct DiscountRule {
    #[serde(default)]
    pub(in crate::smartstore) name: Option<String>,
    pub(in crate::smartstore) discount_type_id: DiscountType,
    #[serde(default)]
    pub(in crate::smartstore) coupon_code: Option<String>,
}

/// A gift card that was used for paying.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::smartstore) struct GiftCardUsage {
    pub(in crate::smartstore) used_value: Token,
    #[serde(default)]
    pub(in crate::smartstore) gift_card: Option<GiftCard>,
}

/// The card.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::smartstore) struct GiftCard {
    #[serde(default)]
    pub(in crate::smartstore) gift_card_coupon_code: Option<String>,
}

/// Points that were used for paying.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::smartstore) struct RewardPoints {
    pub(in crate::smartstore) used_amount: Token,
}
