//! Stateful stand-ins of the outside systems, with fault switches: what the demo, the benches and the tests run against
//! instead of weclapp, the shops and a mail server.

mod clock;
pub mod contract;
mod faults;
mod server;
pub mod shopify;
pub mod shopware;
pub mod smartstore;
pub mod smtp;
pub mod traffic;
pub mod weclapp;
pub mod woocommerce;

pub use faults::Switches;
pub use server::{Premises, Stand, StartError};
