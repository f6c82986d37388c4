//! Where a parcel or an invoice goes. Personal data: `Debug` shows none of it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A country by the two letters of ISO 3166-1.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CountryCode(String);

/// Why an address could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not two letters.
    #[error(
        "a country is written with the two letters of ISO 3166, as in DE; this one has {length} characters"
    )]
    Country {
        /// Characters given.
        length: usize,
    },
    /// Nothing that mail can be sent to.
    #[error("an e-mail address has one @ with text on both sides and no blanks")]
    Email,
}

impl CountryCode {
    /// Reads two letters, small or capital.
    ///
    /// # Errors
    /// [`AddressError::Country`] for anything else.
    pub fn parse(raw: &str) -> Result<Self, AddressError> {
        let raw = raw.trim();
        if raw.len() == 2 && raw.chars().all(|c| c.is_ascii_alphabetic()) {
            return Ok(Self(raw.to_ascii_uppercase()));
        }
        Err(AddressError::Country { length: raw.chars().count() })
    }

    /// The two capital letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CountryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for CountryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for CountryCode {
    type Error = AddressError;
    fn try_from(raw: String) -> Result<Self, AddressError> {
        Self::parse(&raw)
    }
}

impl From<CountryCode> for String {
    fn from(code: CountryCode) -> Self {
        code.0
    }
}

/// An e-mail address. The host is kept in small letters; shops and ERPs compare it that way.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email(String);

impl Email {
    /// Reads an address, `name@host`.
    ///
    /// # Errors
    /// [`AddressError::Email`] if it has no `@` between two texts, blanks, or more than 254 bytes.
    pub fn parse(raw: &str) -> Result<Self, AddressError> {
        let raw = raw.trim();
        let (local, host) = raw.rsplit_once('@').ok_or(AddressError::Email)?;
        let clean = !raw.chars().any(|c| c.is_whitespace() || c.is_control());
        if local.is_empty() || host.is_empty() || raw.len() > 254 || !clean {
            return Err(AddressError::Email);
        }
        Ok(Self(format!("{local}@{}", host.to_ascii_lowercase())))
    }

    /// The address as text. Personal data.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(…)")
    }
}

impl TryFrom<String> for Email {
    type Error = AddressError;
    fn try_from(raw: String) -> Result<Self, AddressError> {
        Self::parse(&raw)
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.0
    }
}

/// A postal address as the shop has it. All parts but the country may be blank: shops allow that.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Address {
    /// Company, if one was given.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub company: String,
    /// First name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub first_name: String,
    /// Family name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub last_name: String,
    /// Street and house number.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub street: String,
    /// Second address line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub street2: String,
    /// Postal code.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub zip: String,
    /// Town.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub city: String,
    /// State or province, as the shop writes it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub state: String,
    /// Country.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<CountryCode>,
    /// Telephone.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub phone: String,
}

impl Address {
    /// Whether there is nothing in it that a parcel could be sent to.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        [&self.street, &self.street2, &self.zip, &self.city].iter().all(|part| part.trim().is_empty())
    }

    /// Everything that was written in it.
    pub(crate) fn texts(&self) -> [&String; 9] {
        let Self { company, first_name, last_name, street, street2, zip, city, state, country: _, phone } =
            self;
        [company, first_name, last_name, street, street2, zip, city, state, phone]
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address(… {:?})", self.country)
    }
}
