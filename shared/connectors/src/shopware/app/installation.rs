//! What is kept of a shop that has the app: the secret in force, the one asked for, and the one before.

use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::{SHOP_SIGNATURE, is_signed};

/// How long after a new secret came into force webhooks with the old one are taken.
const IN_FLIGHT: SignedDuration = SignedDuration::from_secs(60);

/// What a shop handed to us, as kept. A secret.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Installation {
    /// Which app secret it came about with: another one begins anew.
    pub(super) app: String,
    /// What is in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) current: Option<Registered>,
    /// What was asked for and not confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pending: Option<Pending>,
    /// The secret before. Good until something came that is signed with the one in force, and a minute from the confirmation
    /// at least: where our answer to a confirmation is lost, the shop keeps it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) previous: Option<Previous>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Registered {
    pub(super) secret: String,
    pub(super) shop_id: String,
    pub(super) url: String,
    pub(super) key: String,
    pub(super) secret_key: String,
    /// Whether the shop signed anything with it since it confirmed.
    #[serde(default)]
    pub(super) used: bool,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Pending {
    pub(super) secret: String,
    pub(super) shop_id: String,
    pub(super) url: String,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Previous {
    pub(super) secret: String,
    pub(super) until: Timestamp,
}

impl Previous {
    pub(super) fn from(secret: String, now: Timestamp) -> Self {
        Self { secret, until: now.saturating_add(IN_FLIGHT).unwrap_or(now) }
    }
}

impl Installation {
    /// Reads what was kept; nothing, if it can't be read, or was never there.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    /// As it is kept.
    #[must_use]
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What webhooks are signed with: the secret in force, and the one before for a minute, or as long as nothing shows that the
    /// shop has the new one.
    #[must_use]
    pub fn secrets(&self, now: Timestamp) -> Vec<SecretString> {
        let current = self.current.iter().map(|current| current.secret.clone());
        let waits = self.waits();
        let previous = self.previous.iter().filter(|previous| waits || now < previous.until);
        current.chain(previous.map(|previous| previous.secret.clone())).map(SecretString::from).collect()
    }

    /// Access key id and secret access key of the shop's API.
    #[must_use]
    pub fn keys(&self) -> Option<(SecretString, SecretString)> {
        let current = self.current.as_ref()?;
        Some((SecretString::from(current.key.clone()), SecretString::from(current.secret_key.clone())))
    }

    /// Whether nothing shows yet that the shop has the secret in force, and not still the one before.
    fn waits(&self) -> bool {
        self.previous.is_some() && self.current.as_ref().is_some_and(|current| !current.used)
    }

    /// Whether a request shows, by its signature, that the shop has the secret in force, and nothing did before.
    #[must_use]
    pub fn is_shown_by(&self, headers: &HeaderMap, message: &[u8]) -> bool {
        let signed = |secret: &str| is_signed(&secret.to_owned().into(), message, headers, SHOP_SIGNATURE);
        self.waits() && self.current.as_ref().is_some_and(|current| signed(&current.secret))
    }

    /// The same, once the shop has shown that it has the secret in force: the one before ends with its minute.
    #[must_use]
    pub fn shown(mut self) -> Self {
        self.current = self.current.map(|current| Registered { used: true, ..current });
        self
    }

    /// Which of the secrets that the shop may have signs this under `header`; none if it has no secret, or does not sign.
    /// Unlike for webhooks in flight, the one before counts only as long as nothing shows that the shop has the new one.
    pub(super) fn signer(&self, message: &[u8], headers: &HeaderMap, header: &str) -> Option<&str> {
        let current = self.current.iter().map(|current| current.secret.as_str());
        let previous = self.previous.iter().filter(|_| self.waits()).map(|previous| previous.secret.as_str());
        let mut all = current.chain(previous);
        all.find(|secret| is_signed(&(*secret).to_owned().into(), message, headers, header))
    }

    /// The same without what the shop had: the app was removed there.
    #[must_use]
    pub fn removed(self) -> Self {
        Self { app: self.app, ..Self::default() }
    }
}
