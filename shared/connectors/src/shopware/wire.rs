//! Shopware on the wire: an order as the Admin API and the webhooks tell it. Associations that were not asked for are null;
//! PHP writes empty objects as lists. The vendor's OpenAPI document is too strict for real answers, so nothing of it is relied on.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::reading::{Perhaps, Token};

/// A list, however PHP wrote it: as a list, as an object with numbers for names, or not at all.
#[derive(Clone)]
pub(super) struct Listed<T>(pub(super) Vec<T>);

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_unit<E>(self) -> Result<Vec<T>, E> {
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
        let mut all = Vec::new();
        while let Some(one) = seq.next_element()? {
            all.push(one);
        }
        Ok(all)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<T>, A::Error> {
        let mut all = Vec::new();
        while let Some((_, one)) = map.next_entry::<IgnoredAny, T>()? {
            all.push(one);
        }
        Ok(all)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Listed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListVisitor(PhantomData)).map(Self)
    }
}

/// Where a body has its order: at the top (what was fetched), as `order` beside a payment or refund, or in the payload of a
/// business event.
#[derive(Deserialize)]
pub(super) struct Wrapped {
    #[serde(default)]
    pub(super) order: Option<Box<RawValue>>,
    #[serde(default)]
    pub(super) data: Perhaps<EventData>,
}

/// What a webhook tells.
#[derive(Deserialize)]
pub(super) struct EventData {
    /// The event's name, as in `checkout.order.placed`.
    #[serde(default)]
    pub(super) event: Perhaps<String>,
    /// An object for business events, a list for `*.written`.
    #[serde(default)]
    pub(super) payload: Option<Box<RawValue>>,
}

/// The payload of a business event, as far as it is read before the order is fetched.
#[derive(Deserialize)]
pub(super) struct BusinessEvent {
    pub(super) order: Option<OrderRef>,
}

/// An order by its id.
#[derive(Deserialize)]
pub(super) struct OrderRef {
    pub(super) id: String,
    #[serde(rename = "versionId")]
    #[serde(default)]
    pub(super) version_id: Perhaps<String>,
}

/// The order in the payload of a business event, whole.
#[derive(Deserialize)]
pub(super) struct EventWithOrder {
    pub(super) order: Option<Box<RawValue>>,
}

/// One line of the payload of `*.written`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Written {
    pub(super) entity: String,
    /// Several keys of one record are an object; then it is no order.
    #[serde(default)]
    pub(super) primary_key: Perhaps<String>,
    #[serde(default)]
    pub(super) version_id: Perhaps<String>,
}

/// How an order stands.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub(super) enum OrderState {
    /// `open`.
    Open,
    /// `in_progress`.
    InProgress,
    /// `completed`.
    Completed,
    /// `cancelled`.
    Cancelled,
    /// A state a plugin added.
    Other(String),
}

impl From<String> for OrderState {
    fn from(word: String) -> Self {
        match word.as_str() {
            "open" => Self::Open,
            "in_progress" => Self::InProgress,
            "completed" => Self::Completed,
            "cancelled" => Self::Cancelled,
            _ => Self::Other(word),
        }
    }
}

/// How a payment stands.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub(super) enum PaymentState {
    /// `open`.
    Open,
    /// `in_progress`.
    InProgress,
    /// `authorized`: the money is promised, not there.
    Authorized,
    /// `unconfirmed`.
    Unconfirmed,
    /// `reminded`.
    Reminded,
    /// `paid_partially`: how much, is not told.
    PaidPartially,
    /// `paid`.
    Paid,
    /// `refunded_partially`: how much, is not told.
    RefundedPartially,
    /// `refunded`.
    Refunded,
    /// `chargeback`: the customer's bank took it back.
    Chargeback,
    /// `failed`.
    Failed,
    /// `cancelled`.
    Cancelled,
    /// A state a plugin added. Nothing is paid by it.
    Other(String),
}

impl From<String> for PaymentState {
    fn from(word: String) -> Self {
        match word.as_str() {
            "open" => Self::Open,
            "in_progress" => Self::InProgress,
            "authorized" => Self::Authorized,
            "unconfirmed" => Self::Unconfirmed,
            "reminded" => Self::Reminded,
            "paid_partially" => Self::PaidPartially,
            "paid" => Self::Paid,
            "refunded_partially" => Self::RefundedPartially,
            "refunded" => Self::Refunded,
            "chargeback" => Self::Chargeback,
            "failed" => Self::Failed,
            "cancelled" => Self::Cancelled,
            _ => Self::Other(word),
        }
    }
}

/// How a delivery stands.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub(super) enum DeliveryState {
    /// `open`.
    Open,
    /// `shipped_partially`.
    ShippedPartially,
    /// `shipped`.
    Shipped,
    /// `returned_partially`.
    ReturnedPartially,
    /// `returned`.
    Returned,
    /// `cancelled`.
    Cancelled,
    /// A state a plugin added.
    Other(String),
}

impl From<String> for DeliveryState {
    fn from(word: String) -> Self {
        match word.as_str() {
            "open" => Self::Open,
            "shipped_partially" => Self::ShippedPartially,
            "shipped" => Self::Shipped,
            "returned_partially" => Self::ReturnedPartially,
            "returned" => Self::Returned,
            "cancelled" => Self::Cancelled,
            _ => Self::Other(word),
        }
    }
}

/// A state of one of Shopware's state machines.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct State<T> {
    pub(super) technical_name: T,
}

/// When a record was made and changed; `updatedAt` is null until the first change.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Stamp {
    #[serde(default)]
    pub(super) created_at: Option<String>,
    #[serde(default)]
    pub(super) updated_at: Option<String>,
}

/// When an order and the records below it were made and changed. Changes below it need not touch the order's own time.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Stamps {
    #[serde(default)]
    pub(super) created_at: Option<String>,
    #[serde(default)]
    pub(super) updated_at: Option<String>,
    #[serde(default)]
    pub(super) order_customer: Option<Stamp>,
    #[serde(default)]
    pub(super) billing_address: Option<Stamp>,
    #[serde(default)]
    pub(super) addresses: Listed<Stamp>,
    #[serde(default)]
    pub(super) deliveries: Listed<Stamp>,
    #[serde(default)]
    pub(super) line_items: Listed<Stamp>,
    #[serde(default)]
    pub(super) transactions: Listed<Stamp>,
}

/// What is read of an order even where the rest of it can't be: whether it is to be carried out at all.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Outline {
    pub(super) id: String,
    #[serde(default)]
    pub(super) state_machine_state: Option<State<OrderState>>,
}

/// An order. All amounts are in its own currency; `currencyFactor` only says what that was worth in the shop's.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Order {
    pub(super) order_number: Option<String>,
    pub(super) order_date_time: String,
    pub(super) price: CartPrice,
    #[serde(default)]
    pub(super) shipping_costs: Option<Price>,
    #[serde(default)]
    pub(super) currency: Option<Currency>,
    #[serde(default)]
    pub(super) item_rounding: Option<Rounding>,
    #[serde(default)]
    pub(super) total_rounding: Option<Rounding>,
    #[serde(default)]
    pub(super) language: Perhaps<Language>,
    #[serde(default)]
    pub(super) customer_comment: Option<String>,
    #[serde(default)]
    pub(super) order_customer: Option<OrderCustomer>,
    #[serde(default)]
    pub(super) billing_address_id: Option<String>,
    #[serde(default)]
    pub(super) billing_address: Option<Address>,
    #[serde(default)]
    pub(super) addresses: Option<Listed<Address>>,
    #[serde(default)]
    pub(super) deliveries: Option<Listed<Delivery>>,
    #[serde(default)]
    pub(super) line_items: Option<Listed<LineItem>>,
    #[serde(default)]
    pub(super) transactions: Option<Listed<Transaction>>,
    #[serde(default)]
    pub(super) primary_order_delivery_id: Option<String>,
    #[serde(default)]
    pub(super) primary_order_transaction_id: Option<String>,
    #[serde(default)]
    pub(super) tags: Listed<Tag>,
}

/// What the order comes to.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CartPrice {
    pub(super) total_price: Token,
    /// Before the total was rounded to what can be paid in cash.
    #[serde(default)]
    pub(super) raw_total: Option<Token>,
    /// `gross`, `net`, `tax-free`.
    pub(super) tax_status: String,
}

/// An amount with its taxes: in it where the order is `gross`, on top of it where it is `net`.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Price {
    pub(super) total_price: Token,
    #[serde(default)]
    pub(super) calculated_taxes: Listed<Tax>,
}

/// The tax of one rate; the numbers are floats, `197.505`.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Tax {
    pub(super) tax: Token,
    /// In percent.
    pub(super) tax_rate: Token,
}

/// How the shop rounds.
#[derive(Deserialize)]
pub(super) struct Rounding {
    pub(super) decimals: u32,
    /// The smallest amount that can be paid, as in `0.05` for Swiss cash.
    #[serde(default)]
    pub(super) interval: Option<Token>,
}

/// A currency.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Currency {
    pub(super) iso_code: String,
}

/// The language the order was placed in.
#[derive(Clone, Deserialize)]
pub(super) struct Language {
    #[serde(default)]
    pub(super) locale: Perhaps<Locale>,
}

/// A locale, `de-DE`.
#[derive(Clone, Deserialize)]
pub(super) struct Locale {
    pub(super) code: String,
}

/// Who ordered.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OrderCustomer {
    #[serde(default)]
    pub(super) email: Option<String>,
    #[serde(default)]
    pub(super) company: Option<String>,
    #[serde(default)]
    pub(super) vat_ids: Listed<Option<String>>,
    #[serde(default)]
    pub(super) customer_id: Option<String>,
    #[serde(default)]
    pub(super) customer: Perhaps<Customer>,
}

/// The customer's account; guests have one, too.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Customer {
    #[serde(default)]
    pub(super) guest: Option<bool>,
    /// `private` or `business`.
    #[serde(default)]
    pub(super) account_type: Option<String>,
    #[serde(default)]
    pub(super) group: Perhaps<Named>,
    #[serde(default)]
    pub(super) tags: Listed<Tag>,
}

/// Something with a name, and its name in our language.
#[derive(Clone, Deserialize)]
pub(super) struct Named {
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) translated: Perhaps<Translated>,
}

impl Named {
    /// The name, in whatever language it has one.
    pub(super) fn text(&self) -> Option<&str> {
        let translated = self.translated.0.as_ref().and_then(|translated| translated.name.as_deref());
        self.name.as_deref().or(translated)
    }
}

/// A name in the language that was asked for.
#[derive(Clone, Deserialize)]
pub(super) struct Translated {
    #[serde(default)]
    pub(super) name: Option<String>,
}

/// A tag.
#[derive(Clone, Deserialize)]
pub(super) struct Tag {
    #[serde(default)]
    pub(super) name: Option<String>,
}

/// An address of the order.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Address {
    #[serde(default)]
    pub(super) id: Option<String>,
    #[serde(default)]
    pub(super) company: Option<String>,
    #[serde(default)]
    pub(super) department: Option<String>,
    #[serde(default)]
    pub(super) first_name: Option<String>,
    #[serde(default)]
    pub(super) last_name: Option<String>,
    #[serde(default)]
    pub(super) street: Option<String>,
    #[serde(default)]
    pub(super) additional_address_line1: Option<String>,
    #[serde(default)]
    pub(super) additional_address_line2: Option<String>,
    #[serde(default)]
    pub(super) zipcode: Option<String>,
    #[serde(default)]
    pub(super) city: Option<String>,
    #[serde(default)]
    pub(super) phone_number: Option<String>,
    #[serde(default)]
    pub(super) vat_id: Option<String>,
    #[serde(default)]
    pub(super) country: Option<Country>,
    #[serde(default)]
    pub(super) country_state: Perhaps<CountryState>,
}

/// A country.
#[derive(Deserialize)]
pub(super) struct Country {
    /// Two letters.
    #[serde(default)]
    pub(super) iso: Option<String>,
}

/// A part of a country.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CountryState {
    #[serde(default)]
    pub(super) short_code: Option<String>,
    #[serde(default)]
    pub(super) name: Option<String>,
}

/// What is sent to one place. One with negative costs is a discount on carriage.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Delivery {
    pub(super) id: String,
    #[serde(default)]
    pub(super) shipping_costs: Option<Price>,
    #[serde(default)]
    pub(super) shipping_method: Perhaps<Method>,
    #[serde(default)]
    pub(super) shipping_order_address_id: Option<String>,
    #[serde(default)]
    pub(super) shipping_order_address: Option<Address>,
    #[serde(default)]
    pub(super) tracking_codes: Listed<Option<String>>,
    #[serde(default)]
    pub(super) state_machine_state: Option<State<DeliveryState>>,
}

/// A way to pay or to ship.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Method {
    /// `payment_prepayment`; versions before 6.5.7 have none.
    #[serde(default)]
    pub(super) technical_name: Option<String>,
    /// `handler_app_foo_sync`, for payments alone.
    #[serde(default)]
    pub(super) formatted_handler_identifier: Option<String>,
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) translated: Perhaps<Translated>,
}

/// An article, a discount, a set, or whatever plugins make of it.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LineItem {
    pub(super) id: String,
    #[serde(default)]
    pub(super) parent_id: Option<String>,
    /// `product`, `custom`, `credit`, `promotion`, `container`, or a plugin's word.
    #[serde(default, rename = "type")]
    pub(super) kind: Option<String>,
    #[serde(default)]
    pub(super) label: Option<String>,
    pub(super) quantity: Token,
    #[serde(default)]
    pub(super) total_price: Option<Token>,
    #[serde(default)]
    pub(super) price: Option<Price>,
    #[serde(default)]
    pub(super) good: Option<bool>,
    #[serde(default)]
    pub(super) states: Perhaps<Vec<String>>,
    #[serde(default)]
    pub(super) payload: Perhaps<LinePayload>,
    #[serde(default)]
    pub(super) children: Listed<LineItem>,
}

/// What the line's maker noted on it; PHP writes it as `[]` where it is empty.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LinePayload {
    #[serde(default)]
    pub(super) product_number: Perhaps<Token>,
    /// The code of a promotion.
    #[serde(default)]
    pub(super) code: Perhaps<Token>,
}

/// A payment, or the try of one. The last one counts.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Transaction {
    pub(super) id: String,
    #[serde(default)]
    pub(super) created_at: Option<String>,
    #[serde(default)]
    pub(super) updated_at: Option<String>,
    #[serde(default)]
    pub(super) amount: Option<Price>,
    #[serde(default)]
    pub(super) payment_method: Perhaps<Method>,
    #[serde(default)]
    pub(super) state_machine_state: Option<State<PaymentState>>,
}

/// The answer to a search, records untouched.
#[derive(Deserialize)]
pub(super) struct Page {
    pub(super) data: Vec<Box<RawValue>>,
}

/// A record that belongs to an order.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Child {
    pub(super) order_id: String,
}

/// What an access token is asked for with.
#[derive(Serialize)]
pub(super) struct Grant<'a> {
    pub(super) grant_type: &'static str,
    pub(super) client_id: &'a str,
    pub(super) client_secret: &'a str,
}

/// An access token.
#[derive(Deserialize)]
pub(super) struct Granted {
    /// In seconds.
    pub(super) expires_in: u32,
    pub(super) access_token: String,
}

/// Shopware's errors.
#[derive(Deserialize)]
pub(super) struct Errors {
    pub(super) errors: Vec<ErrorItem>,
}

/// One of them.
#[derive(Deserialize)]
pub(super) struct ErrorItem {
    #[serde(default)]
    pub(super) code: Perhaps<Token>,
    #[serde(default)]
    pub(super) title: Option<String>,
    #[serde(default)]
    pub(super) detail: Option<String>,
    #[serde(default)]
    pub(super) source: Perhaps<ErrorSource>,
}

/// Where in the request.
#[derive(Clone, Deserialize)]
pub(super) struct ErrorSource {
    #[serde(default)]
    pub(super) pointer: Option<String>,
}

/// The version of Shopware.
#[derive(Deserialize)]
pub(super) struct Version {
    pub(super) version: String,
}

/// A webhook as the shop has it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Webhook {
    pub(super) id: String,
    pub(super) event_name: String,
    pub(super) url: String,
    #[serde(default)]
    pub(super) active: Option<bool>,
}

/// How an order stands, as far as commands must know.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Standing {
    pub(super) state_machine_state: Option<State<OrderState>>,
    #[serde(default)]
    pub(super) primary_order_delivery_id: Option<String>,
    #[serde(default)]
    pub(super) primary_order_transaction_id: Option<String>,
    #[serde(default)]
    pub(super) deliveries: Listed<Delivery>,
    #[serde(default)]
    pub(super) transactions: Listed<Transaction>,
}

/// Numbers of parcels; the list replaces the one that is there.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TrackingCodes<'a> {
    pub(super) tracking_codes: Vec<&'a str>,
}

/// What goes with a change of state.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Transition {
    pub(super) internal_comment: String,
}
