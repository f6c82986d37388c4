//! Secrets are references in the configuration; their values live in the environment, in files or in Secrets Manager.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

/// Where a secret is kept. Written `env:NAME`, `file:PATH` or `secret:NAME` (Secrets Manager).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum SecretRef {
    /// A variable of the environment.
    Env(String),
    /// A file, without the line break at its end.
    File(String),
    /// A secret in AWS Secrets Manager.
    Stored(String),
}

/// A text that names no place for a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a secret is named by its place: env:NAME, file:PATH or secret:NAME, never by its value")]
pub struct InvalidSecretRef;

impl TryFrom<String> for SecretRef {
    type Error = InvalidSecretRef;
    fn try_from(raw: String) -> Result<Self, InvalidSecretRef> {
        match raw.split_once(':') {
            Some((_, "")) | None => Err(InvalidSecretRef),
            Some(("env", name)) => Ok(Self::Env(name.to_owned())),
            Some(("file", path)) => Ok(Self::File(path.to_owned())),
            Some(("secret", name)) => Ok(Self::Stored(name.to_owned())),
            Some(_) => Err(InvalidSecretRef),
        }
    }
}

impl From<SecretRef> for String {
    fn from(reference: SecretRef) -> Self {
        reference.to_string()
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{path}"),
            Self::Stored(name) => write!(f, "secret:{name}"),
        }
    }
}

/// The values of all secrets a configuration names, resolved once by `shared/runtime`.
#[derive(Debug, Clone, Default)]
pub struct SecretBook {
    values: BTreeMap<SecretRef, SecretString>,
}

/// A secret whose value was not found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the secret {reference} has no value")]
pub struct MissingSecret {
    /// Which.
    pub reference: SecretRef,
}

impl SecretBook {
    /// Keeps the value of a secret.
    pub fn insert(&mut self, reference: SecretRef, value: SecretString) {
        self.values.insert(reference, value);
    }

    /// The value of a secret.
    ///
    /// # Errors
    /// [`MissingSecret`] if it was not resolved.
    pub fn get(&self, reference: &SecretRef) -> Result<SecretString, MissingSecret> {
        self.values.get(reference).cloned().ok_or_else(|| MissingSecret { reference: reference.clone() })
    }
}
