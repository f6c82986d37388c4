//! Stateful stand-ins of the outside systems over HTTP, with fault switches: what the demo, the benches and the tests
//! run against instead of weclapp and the shops.

mod clock;
pub mod contract;
mod faults;
mod server;
pub mod shopify;
pub mod traffic;
pub mod weclapp;
pub mod woocommerce;

pub use faults::Switches;
pub use server::StartError;
