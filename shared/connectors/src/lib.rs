//! The outside systems: one module each, the configuration that names them, and the registry that finds them.

pub mod config;
pub mod hint;
pub mod http;
pub mod mail;
mod mask;
pub mod proof;
pub mod reach;
mod reading;
pub mod registry;
pub mod secrets;
#[cfg(test)]
mod shop_testing;
pub mod shopify;
pub mod shopware;
pub mod smartstore;
pub mod weclapp;
pub mod woocommerce;

pub use config::Config;
pub use hint::{HintError, HintGate};
pub use proof::{Delivery, Proof, ProofError, Proven, Verified};
pub use registry::{Gate, Registry, RegistryError};
pub use secrets::{SecretBook, SecretRef};
