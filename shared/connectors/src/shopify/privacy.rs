//! Requests about personal data that Shopify forwards: `customers/data_request`, `customers/redact`, `shop/redact`. They tell
//! of no order; a person answers them with `kontor privacy`.

use std::fmt;

use kontor_domain::{Email, ShopOrderId};
use kontor_flow::Envelope;
use kontor_flow::ports::ReadError;
use serde::Deserialize;

use crate::config::ShopConfig;
use crate::reading::{Unreadable, at, body, failed, filled};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// What is held of a customer.
    Data,
    /// That a customer is erased.
    Erasure,
    /// That everybody who ordered in the shop is erased: 48 hours after it removed the app.
    ErasureOfAll,
}

/// A request about personal data. `Debug` does not say whose.
#[derive(Clone, PartialEq, Eq)]
pub struct PrivacyRequest {
    /// What is asked for.
    pub wish: Wish,
    /// The customer's account in the shop.
    pub account: Option<String>,
    /// The customer's address.
    pub email: Option<Email>,
    /// Orders of theirs that are meant.
    pub orders: Vec<ShopOrderId>,
}

impl fmt::Debug for PrivacyRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivacyRequest({:?}, {} orders)", self.wish, self.orders.len())
    }
}

/// What an operator is told. It is kept like a delivery that can't be read, with its body, until somebody settles it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Waiting {
    /// A request.
    #[error("{}", sentence(.0))]
    Request(PrivacyRequest),
}

/// What is to be done, without naming the person.
fn sentence(request: &PrivacyRequest) -> String {
    let orders: Vec<&str> = request.orders.iter().map(ShopOrderId::as_str).collect();
    let of = match orders.as_slice() {
        [] => "who placed no order that is meant".to_owned(),
        orders => format!("who placed {}", orders.join(", ")),
    };
    match request.wish {
        Wish::Data => format!(
            "the shop asks what is held of a customer, {of}: run `kontor privacy answer` with the id of this failure, and give \
             the merchant what it says"
        ),
        Wish::Erasure => format!(
            "the shop asks to erase a customer, {of}: run `kontor privacy answer` with the id of this failure"
        ),
        Wish::ErasureOfAll => {
            "the shop asks to erase everybody who ordered in it, for it removed the app two days ago: \
             run `kontor privacy expire` once its orders are over, then discard the message"
                .to_owned()
        }
    }
}

#[derive(Deserialize)]
struct Body {
    customer: Option<Person>,
    orders_requested: Option<Vec<u64>>,
    orders_to_redact: Option<Vec<u64>>,
}

#[derive(Deserialize)]
struct Person {
    id: Option<u64>,
    email: Option<String>,
}

/// The request a delivery forwards; none if it forwards none.
///
/// # Errors
/// [`ReadError`] with the place in the body.
pub fn privacy_request(shop: &ShopConfig, envelope: &Envelope) -> Result<Option<PrivacyRequest>, ReadError> {
    let Some(wish) = wish(&envelope.topic) else { return Ok(None) };
    let bytes = envelope.body.bytes().map_err(|error| failed(shop, envelope, error.into()))?;
    request(wish, &bytes).map(Some).map_err(|error| failed(shop, envelope, error.into()))
}

/// What a topic asks for; none if it is not about personal data.
fn wish(topic: &str) -> Option<Wish> {
    match topic {
        "customers/data_request" => Some(Wish::Data),
        "customers/redact" => Some(Wish::Erasure),
        "shop/redact" => Some(Wish::ErasureOfAll),
        _ => None,
    }
}

/// Reads a request.
fn request(wish: Wish, bytes: &[u8]) -> Result<PrivacyRequest, Unreadable> {
    let told: Body = body(bytes)?;
    let orders = told.orders_requested.or(told.orders_to_redact).unwrap_or_default();
    let orders = orders.iter().map(|id| at(format_args!("orders"), ShopOrderId::parse(&id.to_string())));
    let (account, email) = told.customer.map_or((None, None), |person| (person.id, person.email));
    // An address that is none is in the body all the same, for a person to see.
    let email = email.as_deref().and_then(filled).and_then(|email| Email::parse(&email).ok());
    Ok(PrivacyRequest {
        wish,
        account: account.map(|id| id.to_string()),
        email,
        orders: orders.collect::<Result<_, _>>()?,
    })
}
