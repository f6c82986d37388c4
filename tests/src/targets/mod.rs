//! The targets: every one takes any bytes, and panics only if something is wrong with Kontor.

mod answers;
mod deliveries;
mod doors;
mod language;
mod records;
mod world;

pub(crate) use world::sign;

pub use answers::{erp, shop_api};
pub use deliveries::{hint, message, replay, shopify, woocommerce};
pub use doors::{batch, request};
pub use language::{condition, config, flow};
pub use records::{stored, words};

/// A target.
pub type Target = fn(&[u8]);

/// Every target by its name, which is also that of its program in `fuzz/fuzz_targets` and of its seeds.
pub const ALL: [(&str, Target); 14] = [
    ("woocommerce", woocommerce),
    ("shopify", shopify),
    ("request", request),
    ("batch", batch),
    ("hint", hint),
    ("message", message),
    ("stored", stored),
    ("flow", flow),
    ("condition", condition),
    ("config", config),
    ("words", words),
    ("replay", replay),
    ("erp", erp),
    ("shop_api", shop_api),
];
