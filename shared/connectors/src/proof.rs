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
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

/// One webhook request as it came in. It can't be read, only proven; `Debug` shows how long it is, no more.
pub struct Delivery {
    headers: HeaderMap,
    body: Bytes,
    received_at: Timestamp,
    query: Option<String>,
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { headers, body, received_at, query: _ } = self;
        write!(f, "Delivery({received_at}, {} headers, {} bytes)", headers.len(), body.len())
    }
}

impl Delivery {
    /// A request as it came in: headers and raw body.
    #[must_use]
    pub fn new(headers: HeaderMap, body: Bytes, received_at: Timestamp) -> Self {
        Self { headers, body, received_at, query: None }
    }

    /// With what stood behind the `?` of its address. It may hold a secret.
    #[must_use]
    pub fn with_query(self, query: Option<String>) -> Self {
        Self { query, ..self }
    }

    /// How long the body is, in bytes.
    #[must_use]
    pub fn length(&self) -> usize {
        self.body.len()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// A parameter of the address, its name in small letters or capitals.
    fn parameter(&self, name: &str) -> Option<String> {
        let mut url = Url::parse("http://localhost/").ok()?;
        url.set_query(Some(self.query.as_deref()?));
        let mut pairs = url.query_pairs();
        pairs.find(|(told, _)| told.eq_ignore_ascii_case(name)).map(|(_, value)| value.into_owned())
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
    /// Its signature is good, but the time in it is not about now: it is an old one, or a clock is wrong.
    #[error("the delivery was signed more than {FRESH_SECONDS} seconds ago or ahead; the clocks may differ")]
    Stale,
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
    /// `sha256=abcdef`, reckoned over `<time>.<body>`; the time, in seconds since 1970, is in this header, and must be about
    /// now. Instead of a signature the secret itself will do, as `Authorization: Bearer <secret>` or behind the `?` of the
    /// address as `token`: for callers that can't sign. They are calls without a body too, and may name an order behind the `?`.
    Stamped(&'static str),
}

/// How old a time in a signature may be, in seconds, and how far ahead.
const FRESH_SECONDS: i64 = 300;

/// The name among the kept headers of the order that is named behind the `?` of the address.
pub(crate) const ASKED_ORDER: &str = "?orderid";

/// Where a delivery says what it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// In this header, in small letters.
    Header(&'static str),
    /// In its body, which is read later; until then it goes by this word.
    Body(&'static str),
}

/// How a shop signs: HMAC-SHA256 over the raw body, in a header, or as [`Encoding::Stamped`] says. Two secrets allow rotation.
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

    /// The same with more secrets.
    pub(crate) fn with(&self, more: &[SecretString]) -> Self {
        let secrets = self.secrets.iter().chain(more).cloned().collect();
        Self { shop: self.shop.clone(), secrets, ..*self }
    }

    /// The same, reckoned as if there were `rounds` secrets, whatever the delivery is like: no refusal is faster than
    /// another.
    pub(crate) fn verify_in(&self, delivery: Delivery, rounds: usize) -> Result<Proven, ProofError> {
        let header = |name: &str| delivery.header(name);
        let proof = match self.encoding {
            Encoding::Base64 | Encoding::Hex => self.by_signature(&delivery, rounds),
            Encoding::Stamped(stamp) => self.by_stamp_or_word(&delivery, stamp, rounds),
        };
        let topic = match self.topic {
            Topic::Header(name) => header(name),
            Topic::Body(word) => Some(word),
        };
        if proof == Err(ProofError::Missing) {
            return match self.ping_prefix {
                Some(prefix) if topic.is_none() && delivery.body.starts_with(prefix) => Ok(Proven::Ping),
                Some(_) | None => Err(ProofError::Missing),
            };
        }
        proof?;
        let topic = topic.filter(|t| !t.is_empty() && t.len() <= 100).ok_or(ProofError::NoTopic)?;
        let kept = |name: &&str| header(name).map(|value| ((*name).to_owned(), shortened(value)));
        let mut headers: BTreeMap<String, String> = self.kept_headers.iter().filter_map(kept).collect();
        if let (Encoding::Stamped(_), Some(order)) = (self.encoding, delivery.parameter("orderid")) {
            headers.insert(ASKED_ORDER.to_owned(), shortened(&order));
        }
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

    fn by_signature(&self, delivery: &Delivery, rounds: usize) -> Result<(), ProofError> {
        let told = delivery.header(self.signature_header);
        let decode = |told: &str| match self.encoding {
            Encoding::Base64 => STANDARD.decode(told.trim()).ok(),
            Encoding::Hex | Encoding::Stamped(_) => hex::decode(told.trim()).ok(),
        };
        let signature = told.and_then(decode).unwrap_or_default();
        let signed = any_fits(&self.secrets, rounds, |secret| signs(secret, &[&delivery.body], &signature));
        // The HMAC of nothing proves nothing.
        match told {
            None => Err(ProofError::Missing),
            Some(_) if bool::from(signed) && !delivery.body.is_empty() => Ok(()),
            Some(_) => Err(ProofError::Wrong),
        }
    }

    /// Every manner is tried whichever was given. Words are compared by their hashes: the time tells nothing of them.
    fn by_stamp_or_word(&self, delivery: &Delivery, stamp: &str, rounds: usize) -> Result<(), ProofError> {
        let told = delivery.header(self.signature_header);
        let signature = told.and_then(|told| hex::decode(told.trim().strip_prefix("sha256=")?).ok());
        let signature = signature.unwrap_or_default();
        let time = delivery.header(stamp).unwrap_or_default();
        let bearer = delivery.header("authorization").and_then(|told| told.trim().split_once(' '));
        let bearer = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let bearer = bearer.map(|(_, word)| word.trim().to_owned());
        let words = [bearer, delivery.parameter("token")];
        let hashes = words.each_ref().map(|word| Sha256::digest(word.as_deref().unwrap_or_default()));
        let by_word = any_fits(&self.secrets, rounds, |secret| {
            let ours = secret.expose_secret().as_bytes();
            let hash = Sha256::digest(ours);
            let known = hashes.iter().fold(Choice::from(0), |found, given| found | hash.ct_eq(given));
            known & Choice::from(u8::from(!ours.is_empty()))
        });
        let parts: [&[u8]; 3] = [time.as_bytes(), b".", &delivery.body];
        let by_stamp = any_fits(&self.secrets, rounds, |secret| signs(secret, &parts, &signature));
        let fresh = time.trim().parse::<i64>().ok().is_some_and(|at| {
            delivery
                .received_at
                .as_second()
                .checked_sub(at)
                .is_some_and(|age| age.unsigned_abs() <= FRESH_SECONDS.unsigned_abs())
        });
        match (bool::from(by_word), bool::from(by_stamp)) {
            (true, _) => Ok(()),
            (false, true) if fresh => Ok(()),
            (false, true) => Err(ProofError::Stale),
            (false, false) if told.is_none() && words.iter().all(Option::is_none) => Err(ProofError::Missing),
            (false, false) => Err(ProofError::Wrong),
        }
    }
}

fn signs(secret: &SecretString, parts: &[&[u8]], signature: &[u8]) -> Choice {
    let secret = secret.expose_secret().as_bytes();
    match Hmac::<Sha256>::new_from_slice(secret) {
        Ok(mac) => {
            let mac = parts.iter().fold(mac, |mac, part| mac.chain_update(part));
            mac.finalize().into_bytes().as_slice().ct_eq(signature)
        }
        // HMAC takes keys of any length.
        Err(_) => Choice::from(0),
    }
}

fn shortened(value: &str) -> String {
    value.chars().take(200).collect()
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
