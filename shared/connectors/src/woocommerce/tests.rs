//! Tests of the WooCommerce connector: `prove` its deliveries, `reads` them, `tells` the shop.

mod fetches;
mod prove;
mod reads;
mod tells;
