//! What travels in the queues. Versioned: two versions of a function read each other's messages.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use kontor_domain::ShopId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::remedy::BoxError;
use crate::{Command, Happened, System};

/// The version of the messages this code writes.
pub const VERSION: u32 = 1;

/// How the messages of this version begin, as [`Message::encode`] writes them.
const OURS: &str = r#"{"v":1,"message":"#;

/// The longest message a queue takes, in bytes (SQS: 1 MiB with attributes; the rest is left to those).
pub const LONGEST_MESSAGE: usize = 1_000_000;

/// The longest body of a delivery that is read at all, in bytes.
pub const LONGEST_BODY: usize = 5 * 1024 * 1024;

/// Bodies longer than this are compressed, in bytes.
const COMPRESS_FROM: usize = 128 * 1024;

/// How far back a compressed body may refer, as a power of two (8 MiB; ours need 2 MiB). The memory for it is taken before
/// the first byte is unpacked, and a few bytes can ask for 128 MiB.
const LARGEST_WINDOW: u32 = 23;

/// A message that can't be read.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// Not a message, or one with parts missing.
    #[error("this is no message of Kontor's")]
    Unreadable(#[source] BoxError),
    /// A later version wrote it.
    #[error("the message has version {0}, this code reads up to {VERSION}")]
    TooNew(u32),
    /// The body of a delivery can't be unpacked.
    #[error("the body in the message cannot be unpacked")]
    Body(#[source] BoxError),
    /// Longer than a queue takes.
    #[error("the message has {0} bytes, a queue takes {LONGEST_MESSAGE}")]
    TooLong(usize),
}

/// What travels in the queues.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// A proven delivery of a shop, not yet read.
    Delivery(Envelope),
    /// Events of an order.
    Happened(Happened),
    /// Work for an outside system.
    Command(Command),
    /// Word that something changed outside; it is looked up, never believed.
    Hint(Hint),
    /// A shop is to be asked for its orders.
    Poll(Poll),
}

#[derive(Serialize)]
struct Outgoing<'a> {
    v: u32,
    message: &'a Message,
}

#[derive(Deserialize)]
struct Incoming {
    message: Message,
}

#[derive(Deserialize)]
struct Version {
    v: u32,
}

impl Message {
    /// The text for the queue.
    ///
    /// # Errors
    /// [`MessageError::TooLong`] if no queue would take it.
    pub fn encode(&self) -> Result<String, MessageError> {
        let text = serde_json::to_string(&Outgoing { v: VERSION, message: self })
            .map_err(|source| MessageError::Unreadable(source.into()))?;
        if text.len() > LONGEST_MESSAGE {
            return Err(MessageError::TooLong(text.len()));
        }
        Ok(text)
    }

    /// Reads the text of a queue.
    ///
    /// # Errors
    /// [`MessageError::TooNew`] for a later version's message, [`MessageError::Unreadable`] for anything else that is
    /// no message.
    pub fn decode(text: &str) -> Result<Self, MessageError> {
        let unreadable = |source: serde_json::Error| MessageError::Unreadable(source.into());
        // As this code writes it: read once instead of twice.
        if text.starts_with(OURS)
            && let Ok(incoming) = serde_json::from_str::<Incoming>(text)
        {
            return Ok(incoming.message);
        }
        let version: Version = serde_json::from_str(text).map_err(unreadable)?;
        if version.v > VERSION {
            return Err(MessageError::TooNew(version.v));
        }
        let incoming: Incoming = serde_json::from_str(text).map_err(unreadable)?;
        Ok(incoming.message)
    }
}

/// A delivery of a shop whose proof was found good: raw body, and the headers the proof covers or the reading needs.
/// `Debug` shows nothing of either.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// The shop, as named in the configuration.
    pub shop: ShopId,
    /// The shop's topic, as in `order.updated` or `orders/paid`.
    pub topic: String,
    /// When we received it.
    pub received_at: Timestamp,
    /// Headers that reading needs, by small-letter name. Not proven: never a key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The body, byte for byte.
    pub body: Payload,
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { shop, topic, received_at, headers, body } = self;
        write!(f, "Envelope({shop} {topic:?} {received_at}, {} headers, {body:?})", headers.len())
    }
}

impl Envelope {
    /// Start of the SHA-256 of topic and body: what makes two deliveries the same.
    ///
    /// # Errors
    /// [`MessageError::Body`] if the body can't be unpacked.
    pub fn digest(&self) -> Result<String, MessageError> {
        let mut hash = Sha256::new();
        hash.update(&self.topic);
        hash.update([0]);
        hash.update(self.body.bytes()?);
        Ok(hex::encode(hash.finalize()).chars().take(16).collect())
    }
}

/// Bytes in a JSON message: as text where they are text, compressed where they are many. `Debug` shows how many, no more.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payload {
    /// UTF-8 as it is.
    Text(String),
    /// Base64.
    Base64(String),
    /// Base64 of zstd.
    Zstd(String),
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (form, text) = match self {
            Self::Text(text) => ("Text", text),
            Self::Base64(text) => ("Base64", text),
            Self::Zstd(text) => ("Zstd", text),
        };
        write!(f, "{form}({} bytes)", text.len())
    }
}

impl Payload {
    /// Packs `bytes` the smallest fitting way.
    #[must_use]
    pub fn pack(bytes: &[u8]) -> Self {
        if bytes.len() > COMPRESS_FROM
            && let Ok(packed) = zstd::encode_all(bytes, 3)
        {
            return Self::Zstd(STANDARD.encode(packed));
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Base64(STANDARD.encode(bytes)),
        }
    }

    /// The bytes, exactly as they were packed.
    ///
    /// # Errors
    /// [`MessageError::Body`] if they can't be unpacked, or would be more than [`LONGEST_BODY`].
    pub fn bytes(&self) -> Result<Vec<u8>, MessageError> {
        let body = |source: BoxError| MessageError::Body(source);
        match self {
            Self::Text(text) => Ok(text.clone().into_bytes()),
            Self::Base64(text) => STANDARD.decode(text).map_err(|e| body(e.into())),
            Self::Zstd(text) => {
                let packed = STANDARD.decode(text).map_err(|e| body(e.into()))?;
                let mut bytes = Vec::new();
                let limit = u64::try_from(LONGEST_BODY).unwrap_or(u64::MAX).saturating_add(1);
                let mut unpacked = zstd::Decoder::new(packed.as_slice()).map_err(|e| body(e.into()))?;
                unpacked.window_log_max(LARGEST_WINDOW).map_err(|e| body(e.into()))?;
                unpacked.take(limit).read_to_end(&mut bytes).map_err(|e| body(e.into()))?;
                if bytes.len() > LONGEST_BODY {
                    return Err(body("it is larger than any delivery may be".into()));
                }
                Ok(bytes)
            }
        }
    }
}

/// A shop is to be asked for its orders. What it says is told to the events queue like any delivery.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Poll {
    /// Which shop.
    pub shop: ShopId,
    /// What it is asked.
    pub what: Inquiry,
}

/// What a shop is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Inquiry {
    /// Which orders changed since it was asked last.
    Changed,
    /// How the orders stand that are open here: what a shop changes without saying so.
    Open,
    /// Whether our webhooks are switched on.
    Hooks,
}

/// Word that a record changed outside. Unsigned or thin: the record is fetched before anything is believed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Hint {
    /// Where.
    pub system: System,
    /// What kind of record, in the system's word, as in `shipment`.
    pub entity: String,
    /// The record.
    pub id: String,
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn packed(bytes: &[u8], window_log: u32) -> Payload {
        let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
        encoder.window_log(window_log).unwrap();
        encoder.write_all(bytes).unwrap();
        Payload::Zstd(STANDARD.encode(encoder.finish().unwrap()))
    }

    #[test]
    fn a_body_that_unpacks_to_too_much_is_refused() {
        let fits = vec![b' '; LONGEST_BODY];
        assert_eq!(Payload::pack(&fits).bytes().unwrap(), fits);
        let bomb = vec![b' '; LONGEST_BODY + 1];
        assert!(matches!(Payload::pack(&bomb).bytes(), Err(MessageError::Body(_))));
        // As good as the first, but it asks for 128 MiB to unpack it.
        assert!(packed(&fits, 23).bytes().is_ok());
        assert!(matches!(packed(&fits, 27).bytes(), Err(MessageError::Body(_))));
    }

    #[test]
    fn messages_begin_as_they_are_looked_for_and_are_read_however_they_begin() {
        let (system, entity, id) = (System::Weclapp, "shipment".to_owned(), "1".to_owned());
        let hint = Message::Hint(Hint { system, entity, id });
        let text = hint.encode().unwrap();
        assert!(text.starts_with(OURS), "{text}");
        assert_eq!(Message::decode(&text).unwrap(), hint);
        let inner = text.strip_prefix(OURS).unwrap().strip_suffix('}').unwrap();
        let turned = format!(r#"{{ "message": {inner}, "v": 1 }}"#);
        assert_eq!(Message::decode(&turned).unwrap(), hint);
        let newer = text.replacen("\"v\":1", "\"v\":2", 1);
        assert!(matches!(Message::decode(&newer), Err(MessageError::TooNew(2))));
    }

    #[test]
    fn debug_shows_nothing_of_a_delivery() {
        let headers = BTreeMap::from([("x-buyer".to_owned(), "Erika".to_owned())]);
        let body = Payload::pack(br#"{"first_name":"Erika"}"#);
        let (shop, received_at) = ("kaffee".parse().unwrap(), Timestamp::UNIX_EPOCH);
        let envelope = Envelope { shop, topic: "orders/paid".to_owned(), received_at, headers, body };
        let text = format!("{:?}", Message::Delivery(envelope));
        let expected =
            r#"Delivery(Envelope(kaffee "orders/paid" 1970-01-01T00:00:00Z, 1 headers, Text(22 bytes)))"#;
        assert_eq!(text, expected);
    }
}
