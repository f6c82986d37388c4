//! Tests of the WooCommerce connector: `prove` its deliveries, `reads` them, `tells` the shop.

mod prove;
mod reads;
mod tells;
