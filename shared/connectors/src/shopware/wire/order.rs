//! An order with everything that belongs to it.

use serde::Deserialize;

use super::{DeliveryState, Listed, PaymentState, State};
use crate::reading::{Perhaps, Token};

/// An order. All amounts are in its own currency; `currencyFactor` only says what that was worth in the shop's.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Order {
    pub(crate) order_number: Option<String>,
    pub(crate) order_date_time: String,
    pub(crate) price: CartPrice,
    #[serde(default)]
    pub(crate) shipping_costs: Option<Price>,
    #[serde(default)]
    pub(crate) currency: Option<Currency>,
    #[serde(default)]
    pub(crate) item_rounding: Option<Rounding>,
    #[serde(default)]
    pub(crate) total_rounding: Option<Rounding>,
    #[serde(default)]
    pub(crate) language: Perhaps<Language>,
    #[serde(default)]
    pub(crate) customer_comment: Option<String>,
    #[serde(default)]
    pub(crate) order_customer: Option<OrderCustomer>,
    #[serde(default)]
    pub(crate) billing_address_id: Option<String>,
    #[serde(default)]
    pub(crate) billing_address: Option<Address>,
    #[serde(default)]
    pub(crate) addresses: Option<Listed<Address>>,
    #[serde(default)]
    pub(crate) deliveries: Option<Listed<Delivery>>,
    #[serde(default)]
    pub(crate) line_items: Option<Listed<LineItem>>,
    #[serde(default)]
    pub(crate) transactions: Option<Listed<Transaction>>,
    #[serde(default)]
    pub(crate) primary_order_delivery_id: Option<String>,
    #[serde(default)]
    pub(crate) primary_order_transaction_id: Option<String>,
    #[serde(default)]
    pub(crate) tags: Listed<Tag>,
}

/// What the order comes to.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CartPrice {
    pub(crate) total_price: Token,
    /// Before the total was rounded to what can be paid in cash.
    #[serde(default)]
    pub(crate) raw_total: Option<Token>,
    /// `gross`, `net`, `tax-free`.
    pub(crate) tax_status: String,
}

/// An amount with its taxes: in it where the order is `gross`, on top of it where it is `net`.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Price {
    pub(crate) total_price: Token,
    #[serde(default)]
    pub(crate) calculated_taxes: Listed<Tax>,
}

/// The tax of one rate; the numbers are floats, `197.505`.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Tax {
    pub(crate) tax: Token,
    /// In percent.
    pub(crate) tax_rate: Token,
}

/// How the shop rounds.
#[derive(Deserialize)]
pub(crate) struct Rounding {
    pub(crate) decimals: u32,
    /// The smallest amount that can be paid, as in `0.05` for Swiss cash.
    #[serde(default)]
    pub(crate) interval: Option<Token>,
}

/// A currency.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Currency {
    pub(crate) iso_code: String,
}

/// The language the order was placed in.
#[derive(Clone, Deserialize)]
pub(crate) struct Language {
    #[serde(default)]
    pub(crate) locale: Perhaps<Locale>,
}

/// A locale, `de-DE`.
#[derive(Clone, Deserialize)]
pub(crate) struct Locale {
    pub(crate) code: String,
}

/// Who ordered.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OrderCustomer {
    #[serde(default)]
    pub(crate) email: Option<String>,
    #[serde(default)]
    pub(crate) company: Option<String>,
    #[serde(default)]
    pub(crate) vat_ids: Listed<Option<String>>,
    #[serde(default)]
    pub(crate) customer_id: Option<String>,
    #[serde(default)]
    pub(crate) customer: Perhaps<Customer>,
}

/// The customer's account; guests have one, too.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Customer {
    #[serde(default)]
    pub(crate) guest: Option<bool>,
    /// `private` or `business`.
    #[serde(default)]
    pub(crate) account_type: Option<String>,
    #[serde(default)]
    pub(crate) group: Perhaps<Named>,
    #[serde(default)]
    pub(crate) tags: Listed<Tag>,
}

/// Something with a name, and its name in our language.
#[derive(Clone, Deserialize)]
pub(crate) struct Named {
    #[serde(default)]
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) translated: Perhaps<Translated>,
}

impl Named {
    /// The name, in whatever language it has one.
    pub(crate) fn text(&self) -> Option<&str> {
        let translated = self.translated.0.as_ref().and_then(|translated| translated.name.as_deref());
        self.name.as_deref().or(translated)
    }
}

/// A name in the language that was asked for.
#[derive(Clone, Deserialize)]
pub(crate) struct Translated {
    #[serde(default)]
    pub(crate) name: Option<String>,
}

/// A tag.
#[derive(Clone, Deserialize)]
pub(crate) struct Tag {
    #[serde(default)]
    pub(crate) name: Option<String>,
}

/// An address of the order.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Address {
    #[serde(default)]
    pub(crate) id: Option<String>,
    #[serde(default)]
    pub(crate) company: Option<String>,
    #[serde(default)]
    pub(crate) department: Option<String>,
    #[serde(default)]
    pub(crate) first_name: Option<String>,
    #[serde(default)]
    pub(crate) last_name: Option<String>,
    #[serde(default)]
    pub(crate) street: Option<String>,
    #[serde(default)]
    pub(crate) additional_address_line1: Option<String>,
    #[serde(default)]
    pub(crate) additional_address_line2: Option<String>,
    #[serde(default)]
    pub(crate) zipcode: Option<String>,
    #[serde(default)]
    pub(crate) city: Option<String>,
    #[serde(default)]
    pub(crate) phone_number: Option<String>,
    #[serde(default)]
    pub(crate) vat_id: Option<String>,
    #[serde(default)]
    pub(crate) country: Option<Country>,
    #[serde(default)]
    pub(crate) country_state: Perhaps<CountryState>,
}

/// A country.
#[derive(Deserialize)]
pub(crate) struct Country {
    /// Two letters.
    #[serde(default)]
    pub(crate) iso: Option<String>,
}

/// A part of a country.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CountryState {
    #[serde(default)]
    pub(crate) short_code: Option<String>,
    #[serde(default)]
    pub(crate) name: Option<String>,
}

/// What is sent to one place. One with negative costs is a discount on carriage.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Delivery {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) shipping_costs: Option<Price>,
    #[serde(default)]
    pub(crate) shipping_method: Perhaps<Method>,
    #[serde(default)]
    pub(crate) shipping_order_address_id: Option<String>,
    #[serde(default)]
    pub(crate) shipping_order_address: Option<Address>,
    #[serde(default)]
    pub(crate) tracking_codes: Listed<Option<String>>,
    #[serde(default)]
    pub(crate) state_machine_state: Option<State<DeliveryState>>,
}

/// A way to pay or to ship.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Method {
    /// `payment_prepayment`; versions before 6.5.7 have none.
    #[serde(default)]
    pub(crate) technical_name: Option<String>,
    /// `handler_app_foo_sync`, for payments alone.
    #[serde(default)]
    pub(crate) formatted_handler_identifier: Option<String>,
    #[serde(default)]
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) translated: Perhaps<Translated>,
}

/// An article, a discount, a set, or whatever plugins make of it.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LineItem {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) parent_id: Option<String>,
    /// `product`, `custom`, `credit`, `promotion`, `container`, or a plugin's word.
    #[serde(default, rename = "type")]
    pub(crate) kind: Option<String>,
    #[serde(default)]
    pub(crate) label: Option<String>,
    pub(crate) quantity: Token,
    #[serde(default)]
    pub(crate) total_price: Option<Token>,
    #[serde(default)]
    pub(crate) price: Option<Price>,
    #[serde(default)]
    pub(crate) good: Option<bool>,
    #[serde(default)]
    pub(crate) states: Perhaps<Vec<String>>,
    #[serde(default)]
    pub(crate) payload: Perhaps<LinePayload>,
    #[serde(default)]
    pub(crate) children: Listed<LineItem>,
}

/// What the line's maker noted on it; PHP writes it as `[]` where it is empty.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LinePayload {
    #[serde(default)]
    pub(crate) product_number: Perhaps<Token>,
    /// The code of a promotion.
    #[serde(default)]
    pub(crate) code: Perhaps<Token>,
}

/// A payment, or the try of one. The last one counts.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Transaction {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) created_at: Option<String>,
    #[serde(default)]
    pub(crate) updated_at: Option<String>,
    #[serde(default)]
    pub(crate) amount: Option<Price>,
    #[serde(default)]
    pub(crate) payment_method: Perhaps<Method>,
    #[serde(default)]
    pub(crate) state_machine_state: Option<State<PaymentState>>,
}
