//! Where a parcel or an invoice goes. Personal data: `Debug` shows none of it.

use std::borrow::Cow;
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

    /// The same with street and house number in one line, as carriers want it. Some shops have a field of its own for the house
    /// number, and some people write it into the second line.
    #[must_use]
    pub(crate) fn in_order(self) -> Self {
        let (street, street2) = self.street_lines();
        let (street, street2) = (street.into_owned(), street2.to_owned());
        Self { street, street2, ..self }
    }

    fn street_lines(&self) -> (Cow<'_, str>, &str) {
        let (street, second) = (self.street.trim(), self.street2.trim());
        if street.is_empty() {
            return (Cow::Borrowed(second), "");
        }
        if !street.chars().any(char::is_numeric) && is_house_number(second) {
            return (Cow::Owned(format!("{street} {second}")), "");
        }
        (Cow::Borrowed(street), second)
    }

    /// The company, if one was given. What people write there to have a parcel put into a packing station, their post number,
    /// is none.
    #[must_use]
    pub fn company_name(&self) -> Option<&str> {
        let company = self.company.trim();
        let number = company.to_lowercase();
        let number = number.strip_prefix("postnummer").unwrap_or(&number).trim_start_matches([':', ' ']);
        let is_post_number = (6..=10).contains(&number.len()) && number.chars().all(|c| c.is_ascii_digit());
        (!company.is_empty() && !is_post_number).then_some(company)
    }

    /// Everything that was written in it.
    pub(crate) fn texts(&self) -> [&String; 9] {
        let Self { company, first_name, last_name, street, street2, zip, city, state, country: _, phone } =
            self;
        [company, first_name, last_name, street, street2, zip, city, state, phone]
    }
}

/// Whether that is a house number and nothing else: `17`, `17 a`, `5-7`, `12/3/4`. Not the floor, and not the number of a
/// customer at the post office.
fn is_house_number(text: &str) -> bool {
    let digits = text.chars().take_while(char::is_ascii_digit).count();
    let fits = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-' | '/'));
    let mut letters = text.chars().map(|c| c.is_ascii_alphabetic());
    let words = letters
        .next()
        .is_some_and(|mut before| letters.any(|now| std::mem::replace(&mut before, now) && now));
    (1..=4).contains(&digits) && text.len() <= 12 && fits && !words
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address(… {:?})", self.country)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_house_number_stands_behind_the_street() {
        for (street, street2, first, second) in [
            ("Heidestraße 17", "", "Heidestraße 17", ""),
            ("Heidestraße", "17", "Heidestraße 17", ""),
            (" Heidestraße ", " 17 a ", "Heidestraße 17 a", ""),
            ("Ring", "12/3/4", "Ring 12/3/4", ""),
            ("Ring", "5-7", "Ring 5-7", ""),
            ("", "Ring 5", "Ring 5", ""),
            // What else is written into the second line stays there.
            ("Heidestraße 17", "2", "Heidestraße 17", "2"),
            ("Heidestraße", "Hinterhaus", "Heidestraße", "Hinterhaus"),
            ("Marktplatz", "2. Stock", "Marktplatz", "2. Stock"),
            ("Marktplatz", "2 OG", "Marktplatz", "2 OG"),
            ("شارع الملك", "١٧", "شارع الملك", "١٧"),
            // Packing stations: the post number of the customer is no house number.
            ("Packstation 145", "12345678", "Packstation 145", "12345678"),
            ("Packstation", "145", "Packstation 145", ""),
            ("Postfiliale", "12345678", "Postfiliale", "12345678"),
            ("", "", "", ""),
        ] {
            let address =
                Address { street: street.to_owned(), street2: street2.to_owned(), ..Address::default() };
            assert_eq!(address.street_lines(), (Cow::Borrowed(first), second), "{street} | {street2}");
        }
    }

    #[test]
    fn a_post_number_is_no_company() {
        for (company, name) in [
            ("ACME GmbH", Some("ACME GmbH")),
            (" ", None),
            ("12345678", None),
            ("Postnummer: 12345678", None),
            ("POSTNUMMER 1234567", None),
            ("4711", Some("4711")),
            ("Postnummer", Some("Postnummer")),
            ("☕ Kaffee & Söhne", Some("☕ Kaffee & Söhne")),
        ] {
            let address = Address { company: company.to_owned(), ..Address::default() };
            assert_eq!(address.company_name(), name, "{company}");
        }
    }
}
