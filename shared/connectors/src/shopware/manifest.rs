//! The app's `manifest.xml` (schema 2.0): what it may do in the shop, and what the shop tells it.

use super::EVENTS;
use super::app::{APP, address};
use crate::config::{Config, ShopConfig};

/// What is read. Associations of an order are entities of their own.
const READ: [&str; 22] = [
    "country",
    "country_state",
    "currency",
    "customer",
    "customer_group",
    "customer_tag",
    "language",
    "locale",
    "order",
    "order_address",
    "order_customer",
    "order_delivery",
    "order_line_item",
    "order_tag",
    "order_transaction",
    "payment_method",
    "shipping_method",
    "state_machine",
    "state_machine_history",
    "state_machine_state",
    "state_machine_transition",
    "tag",
];

/// What is changed: states, and the numbers of parcels.
const UPDATED: [&str; 3] = ["order", "order_delivery", "order_transaction"];

/// Every change of a state is noted there.
const CREATED: [&str; 1] = ["state_machine_history"];

/// Told when the app is removed.
const LIFECYCLE: [&str; 1] = ["app.deleted"];

/// Why there is no manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("kontor.yaml does not say where we are: add public_url: https://you.example to it")]
pub struct NoAddress;

/// The manifest of the app for one shop, with the secret the shop registers with. The same configuration gives the same
/// text.
///
/// # Errors
/// [`NoAddress`] if the configuration does not say where the shop finds us.
pub fn manifest(config: &Config, shop: &ShopConfig, secret: &str) -> Result<String, NoAddress> {
    let register = address(config, shop, "register").ok_or(NoAddress)?;
    let webhooks = config.webhook_address(shop).ok_or(NoAddress)?;
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let mut line = |depth: usize, text: &str| {
        xml.push_str(&"    ".repeat(depth));
        xml.push_str(text);
        xml.push('\n');
    };
    line(0, "<manifest xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">");
    line(1, "<meta>");
    for (name, text) in [
        ("name", APP),
        ("label", APP),
        ("description", "Carries orders into the ERP, and tells the shop of payments and parcels."),
        ("author", APP),
        ("copyright", APP),
        ("version", env!("CARGO_PKG_VERSION")),
        ("license", "proprietary"),
    ] {
        line(2, &element(name, text));
    }
    line(1, "</meta>");
    line(1, "<setup>");
    line(2, &element("registrationUrl", &register));
    line(2, &element("secret", secret));
    line(1, "</setup>");
    line(1, "<permissions>");
    let rights = [("read", &READ[..]), ("create", &CREATED), ("update", &UPDATED)];
    for (right, entities) in rights {
        entities.iter().for_each(|entity| line(2, &element(right, entity)));
    }
    line(1, "</permissions>");
    line(1, "<webhooks>");
    for event in EVENTS.into_iter().chain(LIFECYCLE) {
        line(2, &webhook(event, &webhooks));
    }
    line(1, "</webhooks>");
    line(0, "</manifest>");
    Ok(xml)
}

fn element(name: &str, text: &str) -> String {
    format!("<{name}>{}</{name}>", escaped(text))
}

/// Drafts of the administration write records, too; only the version that counts is told.
fn webhook(event: &str, url: &str) -> String {
    let name = event.replace(['.', '_'], "-");
    let live = if event.ends_with(".written") { " onlyLiveVersion=\"true\"" } else { "" };
    format!("<webhook name=\"kontor-{name}\" url=\"{}\" event=\"{event}\"{live}/>", escaped(url))
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            _ => out.push(c),
        }
    }
    out
}
