//! What shops send: signed deliveries made from recorded orders.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

/// Anything that can go wrong with it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The kinds of shops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// WooCommerce.
    Woocommerce,
    /// Shopify.
    Shopify,
}

impl Kind {
    /// The word in the path of its webhooks.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Woocommerce => "woocommerce",
            Self::Shopify => "shopify",
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
    /// The same order under another number, of another customer.
    ///
    /// # Errors
    /// If the recording is no order.
    pub fn order(self, number: u64, email: &str) -> Result<Value, BoxError> {
        let mut order: Value = serde_json::from_str(self.body)?;
        let fields = order.as_object_mut().ok_or("a recorded order is a JSON object")?;
        fields.insert("id".to_owned(), json!(number));
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
        let (signature_header, topic_header) = match self.kind {
            Kind::Woocommerce => ("x-wc-webhook-signature", "x-wc-webhook-topic"),
            Kind::Shopify => ("x-shopify-hmac-sha256", "x-shopify-topic"),
        };
        let url = format!("{base}/webhooks/{}/{}", self.kind.as_str(), self.shop);
        let request = client
            .post(url)
            .header(signature_header, sign(secret, self.body.as_bytes())?)
            .header(topic_header, self.topic)
            .header("content-type", "application/json")
            .body(self.body.clone());
        Ok(request.send().await?.status().as_u16())
    }
}

/// Base64 of HMAC-SHA256, as both kinds of shop sign.
///
/// # Errors
/// Never, in truth: HMAC takes keys of any length.
pub fn sign(secret: &str, body: &[u8]) -> Result<String, BoxError> {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())?.chain_update(body);
    Ok(STANDARD.encode(mac.finalize().into_bytes()))
}
