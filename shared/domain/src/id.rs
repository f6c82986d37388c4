//! Ids: one type per kind of number, so that a shop's number is never booked as the ERP's.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that cannot be an id of the kind it was read as.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// Nothing was given.
    #[error("{kind} is empty")]
    Empty {
        /// What kind of id was read.
        kind: &'static str,
    },
    /// More characters than an id of this kind has.
    #[error("{kind} has {length} bytes, at most {limit} are allowed")]
    TooLong {
        /// What kind of id was read.
        kind: &'static str,
        /// Bytes given.
        length: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// A character that an id of this kind never has.
    #[error("{kind} has the character {found:?} in it, which is not allowed there")]
    Character {
        /// What kind of id was read.
        kind: &'static str,
        /// The offending character.
        found: char,
    },
    /// An order key without the slash between shop and order.
    #[error("an order key is written <shop>/<order id>")]
    NoSlash,
}

fn check(kind: &'static str, raw: &str, limit: usize, allowed: fn(char) -> bool) -> Result<(), InvalidId> {
    if raw.trim().is_empty() {
        return Err(InvalidId::Empty { kind });
    }
    if raw.len() > limit {
        return Err(InvalidId::TooLong { kind, length: raw.len(), limit });
    }
    raw.chars().find(|c| !allowed(*c)).map_or(Ok(()), |found| Err(InvalidId::Character { kind, found }))
}

/// Letters, digits and punctuation that are safe in a key: no blanks, control characters, `/` or `#`
/// (the two separate the parts of command ids and table keys).
fn in_key(c: char) -> bool {
    !c.is_whitespace() && !c.is_control() && c != '/' && c != '#'
}

/// What people print on paper: anything but control characters.
fn printable(c: char) -> bool {
    !c.is_control()
}

/// A name out of the configuration: small letters, digits, `-` and `_`.
fn in_name(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_'
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $limit:literal, $allowed:path) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Reads an id; blanks around it are not part of it.
            ///
            /// # Errors
            #[doc = concat!("[`InvalidId`] if `raw` is empty, longer than ", $limit, " bytes, or has a character in it that this kind never has.")]
            pub fn parse(raw: &str) -> Result<Self, InvalidId> {
                let raw = raw.trim();
                check($kind, raw, $limit, $allowed)?;
                Ok(Self(raw.to_owned()))
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(raw: String) -> Result<Self, InvalidId> {
                Self::parse(&raw)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(raw: &str) -> Result<Self, InvalidId> {
                Self::parse(raw)
            }
        }
    };
}

text_id!(
    /// The name of a connected shop in the configuration, as in `kaffee-de`.
    ShopId, "a shop id", 32, in_name
);
text_id!(
    /// The shop's own key of an order (not the number it prints): `17`, `gid`-less for Shopify.
    ShopOrderId, "a shop's order id", 64, in_key
);
text_id!(
    /// The order number the customer sees: `#1010`. Plugins change it, so it is never a key.
    OrderNumber, "an order number", 64, printable
);
text_id!(
    /// The merchant's article number, the same in shop and ERP.
    Sku, "a SKU", 128, printable
);
text_id!(
    /// The shop's id of an order line.
    LineId, "a line id", 64, in_key
);
text_id!(
    /// The id of one payment in the system that reported it.
    PaymentId, "a payment id", 96, in_key
);
text_id!(
    /// The id of one refund in the system that reported it.
    RefundId, "a refund id", 96, in_key
);
text_id!(
    /// The id of one shipment in the system that ships.
    ShipmentId, "a shipment id", 96, in_key
);
text_id!(
    /// The carrier's number of a parcel.
    TrackingNumber, "a tracking number", 128, printable
);
text_id!(
    /// The id of a document in the ERP (customer, order, shipment, invoice).
    DocumentId, "a document id", 96, in_key
);
text_id!(
    /// The number of a document as people see it.
    DocumentNumber, "a document number", 96, printable
);

/// An order of a shop: what everything known about the order is filed under. Written `<shop>/<order id>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OrderKey {
    /// The shop, as named in the configuration.
    pub shop: ShopId,
    /// The shop's own key of the order.
    pub order: ShopOrderId,
}

impl OrderKey {
    /// The order `order` of `shop`.
    #[must_use]
    pub fn new(shop: ShopId, order: ShopOrderId) -> Self {
        Self { shop, order }
    }
}

impl fmt::Display for OrderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.shop, self.order)
    }
}

impl FromStr for OrderKey {
    type Err = InvalidId;
    fn from_str(raw: &str) -> Result<Self, InvalidId> {
        let (shop, order) = raw.split_once('/').ok_or(InvalidId::NoSlash)?;
        Ok(Self { shop: ShopId::parse(shop)?, order: ShopOrderId::parse(order)? })
    }
}

impl TryFrom<String> for OrderKey {
    type Error = InvalidId;
    fn try_from(raw: String) -> Result<Self, InvalidId> {
        raw.parse()
    }
}

impl From<OrderKey> for String {
    fn from(key: OrderKey) -> Self {
        key.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_key_reads_what_it_writes() {
        let key: OrderKey = "kaffee-de/17".parse().unwrap();
        assert_eq!(key.to_string().parse::<OrderKey>().unwrap(), key);
    }

    #[test]
    fn separators_blanks_and_control_characters_are_refused() {
        for raw in ["", "  ", "a b", "a/b", "a#b", "a\nb", "a\0b"] {
            assert!(ShopOrderId::parse(raw).is_err(), "{raw:?} was taken");
        }
        assert!(ShopId::parse("Kaffee").is_err());
        assert!(ShopOrderId::parse(&"9".repeat(65)).is_err());
        assert!(OrderNumber::parse("#1010 A").is_ok());
    }
}
