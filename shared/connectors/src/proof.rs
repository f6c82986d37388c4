//! Proving deliveries: constant time, over the raw bytes. Only a proof makes a [`Verified`], and only that can be read.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderMap;
use jiff::Timestamp;
use kontor_domain::ShopId;
use kontor_flow::{Envelope, Payload};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq as _};

/// One webhook request as it came in. It can't be read, only proven; `Debug` shows how long it is, no more.
pub struct Delivery {
    headers: HeaderMap,
    body: Bytes,
    received_at: Timestamp,
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { headers, body, received_at } = self;
        write!(f, "Delivery({received_at}, {} headers, {} bytes)", headers.len(), body.len())
    }
}

impl Delivery {
    /// A request as it came in: headers and raw body.
    #[must_use]
    pub fn new(headers: HeaderMap, body: Bytes, received_at: Timestamp) -> Self {
        Self { headers, body, received_at }
    }
}

/// A delivery whose proof was found good.
#[derive(Debug)]
pub struct Verified {
    envelope: Envelope,
}

impl Verified {
    /// The message for the events queue.
    #[must_use]
    pub fn into_envelope(self) -> Envelope {
        self.envelope
    }
}

/// What a delivery turned out to be.
#[derive(Debug)]
pub enum Proven {
    /// An event of the shop, to be enqueued.
    Event(Verified),
    /// The shop's unsigned test call (WooCommerce sends one when a webhook is saved): answered with 200, nothing else.
    Ping,
}

/// Why a delivery is not believed. Says nothing about secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// There is no shop of that id here. Told to nobody outside: the answer is that to a wrong signature.
    #[error("no shop of this kind has this id")]
    Unknown,
    /// It has no signature.
    #[error("the delivery is not signed")]
    Missing,
    /// Its signature is not one of ours, or its body was altered.
    #[error("the signature of the delivery is wrong")]
    Wrong,
    /// It is signed, but says not what it is about.
    #[error("the delivery names no topic")]
    NoTopic,
}

/// How the bytes of a signature are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// `q83v`.
    Base64,
    /// `abcdef`.
    Hex,
}

/// Where a delivery says what it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// In this header, in small letters.
    Header(&'static str),
    /// In its body, which is read later; until then it goes by this word.
    Body(&'static str),
}

/// How a shop signs: HMAC-SHA256 over the raw body, in a header. Two secrets allow rotation.
#[derive(Debug)]
pub struct Proof {
    /// The shop.
    pub shop: ShopId,
    /// Header with the signature, in small letters.
    pub signature_header: &'static str,
    /// How it is written there.
    pub encoding: Encoding,
    /// Where the topic is.
    pub topic: Topic,
    /// Headers worth keeping for the reader, in small letters. They are not covered by the signature.
    pub kept_headers: &'static [&'static str],
    /// The body of the unsigned test call starts with this, if the shop sends one.
    pub ping_prefix: Option<&'static [u8]>,
    /// The active secrets.
    pub secrets: Vec<SecretString>,
}

impl Proof {
    /// Proves a delivery.
    ///
    /// # Errors
    /// [`ProofError`] if it is not signed, or not by one of the active secrets.
    pub fn verify(&self, delivery: Delivery) -> Result<Proven, ProofError> {
        self.verify_in(delivery, self.secrets.len())
    }

    /// The same, reckoned as if there were `rounds` secrets, whatever the delivery is like: no refusal is faster than
    /// another.
    pub(crate) fn verify_in(&self, delivery: Delivery, rounds: usize) -> Result<Proven, ProofError> {
        let header = |name: &str| delivery.headers.get(name).and_then(|value| value.to_str().ok());
        let told = header(self.signature_header);
        let decode = |told: &str| match self.encoding {
            Encoding::Base64 => STANDARD.decode(told.trim()).ok(),
            Encoding::Hex => hex::decode(told.trim()).ok(),
        };
        let signature = told.and_then(decode).unwrap_or_default();
        let signed = self.is_signed(&delivery.body, &signature, rounds);
        let topic = match self.topic {
            Topic::Header(name) => header(name),
            Topic::Body(word) => Some(word),
        };
        if told.is_none() {
            return match self.ping_prefix {
                Some(prefix) if topic.is_none() && delivery.body.starts_with(prefix) => Ok(Proven::Ping),
                Some(_) | None => Err(ProofError::Missing),
            };
        }
        if !signed {
            return Err(ProofError::Wrong);
        }
        let topic = topic.filter(|t| !t.is_empty() && t.len() <= 100).ok_or(ProofError::NoTopic)?;
        let kept =
            |name: &&str| header(name).map(|value| ((*name).to_owned(), value.chars().take(200).collect()));
        let headers: BTreeMap<String, String> = self.kept_headers.iter().filter_map(kept).collect();
        Ok(Proven::Event(Verified {
            envelope: Envelope {
                shop: self.shop.clone(),
                topic: topic.to_owned(),
                received_at: delivery.received_at,
                headers,
                body: Payload::pack(&delivery.body),
            },
        }))
    }

    fn is_signed(&self, body: &[u8], signature: &[u8], rounds: usize) -> bool {
        let fits =
            |secret: &SecretString| match Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()) {
                Ok(mac) => mac.chain_update(body).finalize().into_bytes().as_slice().ct_eq(signature),
                // HMAC takes keys of any length.
                Err(_) => Choice::from(0),
            };
        // The HMAC of nothing proves nothing.
        bool::from(any_fits(&self.secrets, rounds, fits)) && !body.is_empty()
    }
}

/// Whether one of `secrets` fits. Each is tried, also after one fitted, and the last again until there were `rounds` trials:
/// the time tells neither which fitted nor how many there are.
pub(crate) fn any_fits<S>(secrets: &[S], rounds: usize, mut fits: impl FnMut(&S) -> Choice) -> Choice {
    let again = secrets.last().into_iter().cycle();
    let trials = secrets.iter().chain(again).take(rounds.max(secrets.len()));
    trials.fold(Choice::from(0), |found, secret| found | fits(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing_of_a_delivery() {
        let mut headers = HeaderMap::new();
        headers.insert("x-buyer", http::HeaderValue::from_static("Erika"));
        let delivery = Delivery::new(headers, Bytes::from_static(b"Erika"), Timestamp::UNIX_EPOCH);
        assert_eq!(format!("{delivery:?}"), "Delivery(1970-01-01T00:00:00Z, 1 headers, 5 bytes)");
    }

    #[test]
    fn every_secret_is_tried_whichever_fits() {
        for good in ["old", "new", "neither"] {
            for (secrets, rounds, trials) in
                [(&["old", "new"][..], 2, 2), (&["old", "new"], 0, 2), (&["old"], 2, 2), (&["new"], 1, 1)]
            {
                let mut tried = 0;
                let found = any_fits(secrets, rounds, |secret| {
                    tried += 1;
                    Choice::from(u8::from(*secret == good))
                });
                assert_eq!(
                    (tried, bool::from(found)),
                    (trials, secrets.contains(&good)),
                    "{secrets:?} {good}"
                );
            }
        }
        assert!(!bool::from(any_fits(&[] as &[&str], 2, |_| Choice::from(1))), "no secret, no proof");
    }
}
