//! Reading what is sent: every property known, of its type, within its bounds.

use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::properties::Properties;
use super::refusal::Refusal;

/// A JSON object, as sent.
pub(crate) type Object = Map<String, Value>;

/// The body as an object.
pub(crate) fn object(body: &[u8]) -> Result<Object, Refusal> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) | Err(_) => Err(Refusal::invalid_json()),
    }
}

/// Refuses what the record does not have. `id` and `version` may be sent with a change.
pub(crate) fn only_known(object: &Object, properties: &Properties, at: &str) -> Result<(), Refusal> {
    let known = |name: &str| properties.writable.contains(&name) || name == "id" || name == "version";
    match object.keys().find(|name| !known(name)) {
        Some(unknown) => Err(Refusal::unknown_property(&format!("{at}{unknown}"))),
        None => Ok(()),
    }
}

/// The objects of a list; none if it is not there.
pub(crate) fn objects<'o>(object: &'o Object, name: &str) -> Result<Vec<&'o Object>, Refusal> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(list)) => {
            list.iter().map(|item| item.as_object().ok_or_else(|| Refusal::value_type(name))).collect()
        }
        Some(_) => Err(Refusal::value_type(name)),
    }
}

/// A text of at most `longest` characters. A blank one is none.
pub(crate) fn text<'o>(object: &'o Object, name: &str, longest: usize) -> Result<Option<&'o str>, Refusal> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.chars().count() > longest => Err(Refusal::size(name)),
        Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        Some(_) => Err(Refusal::value_type(name)),
    }
}

/// A word of an enumeration.
pub(crate) fn word(
    object: &Object,
    name: &str,
    allowed: &'static [&'static str],
) -> Result<Option<&'static str>, Refusal> {
    match text(object, name, 1_000)? {
        None => Ok(None),
        Some(word) => match allowed.iter().find(|known| **known == word) {
            Some(known) => Ok(Some(known)),
            None => Err(Refusal::word(name, allowed)),
        },
    }
}

/// A decimal number: a string of at most 13 digits before and 5 behind the point.
pub(crate) fn decimal(object: &Object, name: &str) -> Result<Option<Decimal>, Refusal> {
    let Some(text) = text(object, name, 40)? else { return Ok(None) };
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let digits = |part: &str, most: usize| {
        (1..=most).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())
    };
    if !digits(whole, 13) || !digits(fraction, 5) {
        return Err(Refusal::digits(name));
    }
    text.parse().map(Some).map_err(|_| Refusal::digits(name))
}

/// The id of another record.
pub(crate) fn id(object: &Object, name: &str) -> Result<Option<u64>, Refusal> {
    match text(object, name, 100)? {
        None => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| Refusal::reference(name)),
    }
}

/// The version must be the record's, if one is sent.
pub(crate) fn check_version(object: &Object, version: u32) -> Result<(), Refusal> {
    match text(object, "version", 40)? {
        Some(sent) if sent != version.to_string() => Err(Refusal::optimistic_lock()),
        Some(_) | None => Ok(()),
    }
}

/// An object without its braces, as it is kept.
pub(crate) fn inner_text(object: &Object) -> Box<str> {
    let text = serde_json::to_string(object).unwrap_or_default();
    text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or_default().into()
}
