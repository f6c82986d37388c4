//! What an item holds as a whole: JSON, compressed where it is long.

use std::io::Read;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use kontor_flow::ports::StoreError;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::errors::{corrupt, place, refused};

/// The attribute.
pub(crate) const BODY: &str = "body";

/// Longer texts are compressed, in bytes. A kilobyte written costs a write unit, two in a transaction; an order has some
/// eight of them as text, and a quarter of that packed.
const COMPRESS_FROM: usize = 2 * 1024;
/// The longest value, in bytes: an item has at most 400 KiB, keys and the rest of it included.
const LONGEST: usize = 390 * 1024;
/// The longest text a value may unpack to, in bytes.
const LONGEST_UNPACKED: u64 = 64 * 1024 * 1024;
/// How far back a compressed value may refer, as a power of two: the memory for it is taken before anything is unpacked.
const LARGEST_WINDOW: u32 = 23;

/// The value of `what` as an attribute: text, or binary where it is compressed.
pub(crate) fn pack<T: Serialize>(what: &str, value: &T) -> Result<AttributeValue, StoreError> {
    let text = serde_json::to_string(value).map_err(|e| refused(what, place(&e)))?;
    if text.len() <= COMPRESS_FROM {
        return Ok(AttributeValue::S(text));
    }
    if u64::try_from(text.len()).is_ok_and(|length| length > LONGEST_UNPACKED) {
        return Err(refused(
            what,
            format!("it has {} bytes, {LONGEST_UNPACKED} can be read again", text.len()),
        ));
    }
    let packed = zstd::encode_all(text.as_bytes(), 3).map_err(|e| refused(what, e))?;
    if packed.len() > LONGEST {
        return Err(refused(
            what,
            format!("it has {} bytes even compressed, an item takes {LONGEST}", packed.len()),
        ));
    }
    Ok(AttributeValue::B(Blob::new(packed)))
}

/// Reads what [`pack`] wrote.
pub(crate) fn unpack<T: DeserializeOwned>(
    what: &str,
    value: Option<&AttributeValue>,
) -> Result<T, StoreError> {
    match value {
        Some(AttributeValue::S(text)) => serde_json::from_str(text).map_err(|e| corrupt(what, place(&e))),
        Some(AttributeValue::B(packed)) => {
            let mut text = Vec::new();
            let mut unpacked = zstd::Decoder::new(packed.as_ref()).map_err(|e| corrupt(what, e))?;
            unpacked.window_log_max(LARGEST_WINDOW).map_err(|e| corrupt(what, e))?;
            unpacked.take(LONGEST_UNPACKED).read_to_end(&mut text).map_err(|e| corrupt(what, e))?;
            serde_json::from_slice(&text).map_err(|e| corrupt(what, place(&e)))
        }
        Some(_) | None => Err(corrupt(what, "the item has no body")),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn what_is_written_can_be_read_again() {
        for length in [0, COMPRESS_FROM, COMPRESS_FROM * 4, 64 * 1024 * 1024 - 2] {
            let text = "a".repeat(length);
            let packed = pack("a text", &text).unwrap();
            assert_eq!(unpack::<String>("a text", Some(&packed)).unwrap(), text);
        }
        let text = "a".repeat(64 * 1024 * 1024);
        assert!(matches!(pack("a text", &text), Err(StoreError::Refused { .. })));
    }

    #[test]
    fn a_value_that_unpacks_to_too_much_is_corrupt() {
        let text = format!("\"{}\"", "a".repeat(64 * 1024 * 1024));
        let bomb = zstd::encode_all(text.as_bytes(), 3).unwrap();
        let mut wide = zstd::Encoder::new(Vec::new(), 3).unwrap();
        wide.window_log(27).unwrap();
        wide.write_all(b"\"a\"").unwrap();
        for value in [bomb, wide.finish().unwrap(), b"no zstd".to_vec(), Vec::new()] {
            let read = unpack::<String>("a text", Some(&AttributeValue::B(Blob::new(value))));
            assert!(matches!(read, Err(StoreError::Corrupt { .. })), "{:?}", read.map(|text| text.len()));
        }
    }
}
