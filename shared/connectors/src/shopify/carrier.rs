//! Carriers under the names Shopify knows them by, to the letter: for those it makes links of tracking numbers itself.

/// Names of the schema's list (2026-10) that shops here ship with.
const KNOWN: [&str; 24] = [
    "Amazon Logistics UK",
    "BPost",
    "BRT",
    "Chronopost",
    "Colissimo",
    "Deutsche Post",
    "DHL",
    "DHL eCommerce",
    "DHL Express",
    "DHL Parcel",
    "DPD",
    "DPD UK",
    "Evri",
    "FedEx",
    "GLS",
    "Hermes",
    "Inpost",
    "La Poste Colissimo",
    "Mondial Relay",
    "PostNL",
    "Swiss Post",
    "TNT",
    "UPS",
    "Österreichische Post",
];

/// What others call them.
const ALIASES: [(&str, &str); 8] = [
    ("dhl paket", "DHL"),
    ("dhl germany", "DHL"),
    ("deutsche post ag", "Deutsche Post"),
    ("dpd germany", "DPD"),
    ("gls germany", "GLS"),
    ("hermes germany", "Hermes"),
    ("die post", "Swiss Post"),
    ("united parcel service", "UPS"),
];

/// The carrier as Shopify writes it; a name it does not know stays as it is.
pub(super) fn known(carrier: &str) -> &str {
    let carrier = carrier.trim();
    let small = carrier.to_lowercase();
    let known = KNOWN.into_iter().find(|name| name.to_lowercase() == small);
    let alias = || ALIASES.into_iter().find(|(alias, _)| *alias == small).map(|(_, name)| name);
    known.or_else(alias).unwrap_or(carrier)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carriers_are_written_as_shopify_does() {
        for (ours, theirs) in [
            ("dhl", "DHL"),
            (" DHL Paket ", "DHL"),
            ("Dpd", "DPD"),
            ("österreichische post", "Österreichische Post"),
            ("Spedition Huber", "Spedition Huber"),
        ] {
            assert_eq!(known(ours), theirs);
        }
    }
}
