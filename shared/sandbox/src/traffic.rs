//! What shops send: signed deliveries made from recorded orders.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Map, Value, json};
use sha2::Sha256;

use crate::clock::now_ms;

/// Anything that can go wrong with it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The kinds of shops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// WooCommerce.
    Woocommerce,
    /// Shopify.
    Shopify,
    /// Shopware 6.
    Shopware,
    /// Smartstore.
    Smartstore,
}

impl Kind {
    /// The word in the path of its webhooks.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Woocommerce => "woocommerce",
            Self::Shopify => "shopify",
            Self::Shopware => "shopware",
            Self::Smartstore => "smartstore",
        }
    }
}

/// A recorded order of a shop.
#[derive(Debug, Clone, Copy)]
pub struct Recording {
    kind: Kind,
    topic: &'static str,
    body: &'static str,
}

macro_rules! recordings {
    ($($name:ident = $kind:ident $topic:literal $file:literal;)*) => {
        $(#[doc = concat!("The recording `", $file, "`.")]
        pub const $name: Recording = Recording {
            kind: Kind::$kind,
            topic: $topic,
            body: include_str!(concat!("../../../tests/fixtures/", $file)),
        };)*
    };
}

recordings! {
    WOO_PREPAID = Woocommerce "order.created" "woocommerce/prepaid-two-rates-coupon.json";
    WOO_BACS = Woocommerce "order.created" "woocommerce/bacs-on-hold.json";
    WOO_BACS_PAID = Woocommerce "order.updated" "woocommerce/bacs-paid.json";
    WOO_COD = Woocommerce "order.created" "woocommerce/cod.json";
    WOO_DIGITAL = Woocommerce "order.created" "woocommerce/digital.json";
    WOO_B2B = Woocommerce "order.created" "woocommerce/b2b-invoice.json";
    WOO_FEE = Woocommerce "order.created" "woocommerce/fee.json";
    SHOPIFY_PAID = Shopify "orders/paid" "shopify/paid-discounts.json";
    SHOPIFY_BANK = Shopify "orders/create" "shopify/bank-pending.json";
    SHOPIFY_BANK_PAID = Shopify "orders/paid" "shopify/bank-paid.json";
    SHOPWARE_PAID = Shopware "checkout.order.placed" "shopware/prepaid-promotion.json";
    SHOPWARE_OPEN = Shopware "checkout.order.placed" "shopware/prepayment-open.json";
    SHOPWARE_NET = Shopware "checkout.order.placed" "shopware/net-business.json";
    SMARTSTORE_OPEN = Smartstore "order.placed" "smartstore/prepayment.json";
    SMARTSTORE_GROSS = Smartstore "order.placed" "smartstore/gross.json";
    SMARTSTORE_NET = Smartstore "order.placed" "smartstore/net.json";
}

/// A delivery to be signed and sent.
#[derive(Debug, Clone)]
pub struct Parcel {
    /// The kind of shop.
    pub kind: Kind,
    /// The shop's id in the configuration.
    pub shop: String,
    /// The topic.
    pub topic: &'static str,
    /// The body.
    pub body: String,
}

impl Recording {
    /// The kind of shop it is of.
    #[must_use]
    pub fn kind(self) -> Kind {
        self.kind
    }

    /// The same order under another number, of another customer.
    ///
    /// # Errors
    /// If the recording is no order.
    pub fn order(self, number: u64, email: &str) -> Result<Value, BoxError> {
        let mut order: Value = serde_json::from_str(self.body)?;
        let fields = order.as_object_mut().ok_or("a recorded order is a JSON object")?;
        if matches!(self.kind, Kind::Woocommerce | Kind::Shopify) {
            fields.insert("id".to_owned(), json!(number));
        }
        match self.kind {
            Kind::Woocommerce => {
                fields.insert("number".to_owned(), json!(number.to_string()));
                if let Some(billing) = fields.get_mut("billing").and_then(Value::as_object_mut) {
                    billing.insert("email".to_owned(), json!(email));
                }
            }
            Kind::Shopify => {
                fields.insert(
                    "admin_graphql_api_id".to_owned(),
                    json!(format!("gid://shopify/Order/{number}")),
                );
                fields.insert("name".to_owned(), json!(format!("#{number}")));
                fields.insert("order_number".to_owned(), json!(number));
                fields.insert("email".to_owned(), json!(email));
                if let Some(customer) = fields.get_mut("customer").and_then(Value::as_object_mut) {
                    customer.insert("email".to_owned(), json!(email));
                }
            }
            Kind::Shopware => shopware(fields, number, email),
            Kind::Smartstore => smartstore(fields, number, email),
        }
        Ok(order)
    }

    /// The delivery of that order by `shop`.
    ///
    /// # Errors
    /// As [`Recording::order`].
    pub fn parcel(self, shop: &str, number: u64, email: &str) -> Result<Parcel, BoxError> {
        let body = self.order(number, email)?.to_string();
        Ok(Parcel { kind: self.kind, shop: shop.to_owned(), topic: self.topic, body })
    }
}

/// The id a Shopware shop gives its order of that number.
#[must_use]
pub fn shopware_id(number: u64) -> String {
    format!("{number:032x}")
}

fn shopware(fields: &mut Map<String, Value>, number: u64, email: &str) {
    let id = json!(shopware_id(number));
    fields.insert("orderNumber".to_owned(), json!(number.to_string()));
    if let Some(customer) = fields.get_mut("orderCustomer").and_then(Value::as_object_mut) {
        customer.insert("email".to_owned(), json!(email));
        customer.insert("orderId".to_owned(), id.clone());
    }
    // What belongs to the order has ids of its own, which no two orders share.
    for part in ["lineItems", "deliveries", "transactions"] {
        for one in fields.get_mut(part).and_then(Value::as_array_mut).into_iter().flatten() {
            let Some(one) = one.as_object_mut() else { continue };
            let own = one.get("id").and_then(Value::as_str).and_then(|own| own.get(8..)).unwrap_or_default();
            let own = json!(format!("{number:08x}{own}"));
            one.insert("id".to_owned(), own);
            one.insert("orderId".to_owned(), id.clone());
        }
    }
    fields.insert("id".to_owned(), id);
}

fn smartstore(fields: &mut Map<String, Value>, number: u64, email: &str) {
    fields.insert("Id".to_owned(), json!(number));
    fields.insert("OrderNumber".to_owned(), Value::Null);
    fields.insert("OrderGuid".to_owned(), json!(format!("00000000-0000-4000-9000-{number:012}")));
    for address in ["BillingAddress", "ShippingAddress"] {
        if let Some(address) = fields.get_mut(address).and_then(Value::as_object_mut) {
            address.insert("Email".to_owned(), json!(email));
        }
    }
    if let Some(customer) = fields.get_mut("Customer").and_then(Value::as_object_mut) {
        customer.insert("Email".to_owned(), json!(email));
    }
    let items = fields.get_mut("OrderItems").and_then(Value::as_array_mut);
    for (item, at) in items.into_iter().flatten().zip(1_u64..) {
        let Some(item) = item.as_object_mut() else { continue };
        item.insert("Id".to_owned(), json!(number * 100 + at));
        item.insert("OrderId".to_owned(), json!(number));
    }
}

/// The headers of a request, and its body.
pub type Letter = (Vec<(&'static str, String)>, String);

impl Parcel {
    /// The same content told under another topic.
    #[must_use]
    pub fn told_as(mut self, topic: &'static str) -> Self {
        self.topic = topic;
        self
    }

    /// Sends it to `base`, signed with `secret`. Answers the HTTP status.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn send(&self, client: &reqwest::Client, base: &str, secret: &str) -> Result<u16, BoxError> {
        let (headers, body) = self.letter(secret)?;
        let url = format!("{base}/webhooks/{}/{}", self.kind.as_str(), self.shop);
        let mut request = client.post(url).header("content-type", "application/json").body(body);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        Ok(request.send().await?.status().as_u16())
    }

    /// What this kind of shop sends. Shopware and Smartstore send a notice; the order is fetched from them.
    ///
    /// # Errors
    /// If the body is no order.
    pub fn letter(&self, secret: &str) -> Result<Letter, BoxError> {
        let topic = self.topic.to_owned();
        let whole = || sign(secret, self.body.as_bytes());
        Ok(match self.kind {
            Kind::Woocommerce => {
                let headers = vec![("x-wc-webhook-signature", whole()?), ("x-wc-webhook-topic", topic)];
                (headers, self.body.clone())
            }
            Kind::Shopify => {
                let headers = vec![("x-shopify-hmac-sha256", whole()?), ("x-shopify-topic", topic)];
                (headers, self.body.clone())
            }
            Kind::Shopware => {
                let payload = json!([{
                    "entity": "order", "operation": "update", "primaryKey": self.id()?, "updatedFields": ["stateId"],
                }]);
                let source = json!({
                    "url": "https://shop.example.test", "appVersion": "1.0.0", "shopId": "hRCw2xo1EDZnLco4",
                    "eventId": "1f0c2a6f9a7d4f0d8b1f5d6a7c8e9b00",
                });
                let data = json!({ "payload": payload, "event": "order.written" });
                let body =
                    json!({ "data": data, "source": source, "timestamp": now_ms() / 1_000 }).to_string();
                let mac = mac(secret, body.as_bytes())?;
                let hex = mac.iter().map(|byte| format!("{byte:02x}")).collect();
                (vec![("shopware-shop-signature", hex)], body)
            }
            Kind::Smartstore => {
                let body = json!({ "event": topic, "orderId": self.id()? }).to_string();
                let at = i64::try_from(now_ms() / 1_000)?;
                let headers = crate::smartstore::sign_notice(secret, body.as_bytes(), at);
                (headers.into_iter().collect(), body)
            }
        })
    }

    /// The order's id, as the shop writes it.
    fn id(&self) -> Result<Value, BoxError> {
        let order: Value = serde_json::from_str(&self.body)?;
        let id = order.get("id").or_else(|| order.get("Id")).cloned();
        id.ok_or_else(|| "the order has no id".into())
    }
}

/// Base64 of HMAC-SHA256, as both kinds of shop sign.
///
/// # Errors
/// Never, in truth: HMAC takes keys of any length.
pub fn sign(secret: &str, body: &[u8]) -> Result<String, BoxError> {
    Ok(STANDARD.encode(mac(secret, body)?))
}

fn mac(secret: &str, body: &[u8]) -> Result<Vec<u8>, BoxError> {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())?.chain_update(body);
    Ok(mac.finalize().into_bytes().to_vec())
}
