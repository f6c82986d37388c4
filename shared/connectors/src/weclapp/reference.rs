//! The key every sales order of ours carries in `orderNumberAtCustomer`, and the way back from it to the order.

use kontor_domain::OrderKey;
use sha2::{Digest as _, Sha256};

/// What `orderNumberAtCustomer` holds, in characters (OpenAPI: `maxLength` 64).
pub(super) const LONGEST: usize = 64;

/// Hex digits of the hash in a shortened reference.
const HASH: usize = 20;

/// The key of an order as the ERP keeps it: `<shop>/<order id>`, or, where that is too long, its start, a `~` and the
/// start of its SHA-256. Of a shortened one the whole key is kept in `commission`.
pub(super) fn reference(key: &OrderKey) -> String {
    let whole = key.to_string();
    if whole.chars().count() <= LONGEST && !looks_shortened(&whole) {
        return whole;
    }
    let hash = hex_start(&Sha256::digest(&whole));
    let start: String = whole.chars().take(LONGEST - HASH - 1).collect();
    format!("{start}~{hash}")
}

/// Whether the reference of `key` is a shortened one, so that the whole key has to be kept beside it.
pub(super) fn is_shortened(key: &OrderKey) -> bool {
    reference(key) != key.to_string()
}

/// The order a record of the ERP belongs to, from its `orderNumberAtCustomer` and its `commission`; `None` for a record
/// that is not ours.
pub(super) fn order_of(reference_text: &str, commission: Option<&str>) -> Option<OrderKey> {
    let whole = if looks_shortened(reference_text) { commission? } else { reference_text };
    let key: OrderKey = whole.parse().ok()?;
    (reference(&key) == reference_text).then_some(key)
}

/// A key that looks like a shortened one by chance is shortened too, so that no two keys share a reference.
fn looks_shortened(text: &str) -> bool {
    let mut tail = text.chars().skip(LONGEST - HASH - 1);
    text.chars().count() == LONGEST && tail.next() == Some('~') && tail.all(|c| c.is_ascii_hexdigit())
}

fn hex_start(bytes: &[u8]) -> String {
    bytes.iter().take(HASH / 2).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> OrderKey {
        text.parse().unwrap()
    }

    #[test]
    fn a_short_key_is_its_own_reference() {
        let key = key("kaffee-de/1010");
        assert_eq!(reference(&key), "kaffee-de/1010");
        assert_eq!(order_of("kaffee-de/1010", Some("#1010")), Some(key));
    }

    #[test]
    fn a_long_key_is_shortened_to_fit_and_found_again_through_the_commission() {
        let long = key(&format!("{}/{}", "s".repeat(32), "9".repeat(64)));
        let other = key(&format!("{}/{}8", "s".repeat(32), "9".repeat(63)));
        let text = reference(&long);
        assert_eq!(text.chars().count(), LONGEST);
        assert_ne!(text, reference(&other), "two long keys with the same start must differ");
        assert_eq!(order_of(&text, Some(&long.to_string())), Some(long.clone()));
        assert_eq!(order_of(&text, Some(&other.to_string())), None, "the commission of another order");
        assert_eq!(order_of(&text, None), None);
        assert!(is_shortened(&long));
        let imitation = key(&text);
        assert_ne!(reference(&imitation), text, "a key that looks like the reference of another");
    }

    #[test]
    fn what_people_type_is_no_order_of_ours() {
        for text in ["", "PO 4711", "4711", "Kaffee/17", "a/b/c"] {
            assert_eq!(order_of(text, None), None, "{text:?}");
        }
    }

    #[test]
    fn a_key_of_exactly_the_limit_is_kept_whole() {
        let whole = key(&format!("{}/{}", "s".repeat(32), "9".repeat(LONGEST - 33)));
        assert_eq!(reference(&whole), whole.to_string());
        let longer = key(&format!("{}/{}", "s".repeat(32), "9".repeat(LONGEST - 32)));
        assert_ne!(reference(&longer), longer.to_string());
    }
}
