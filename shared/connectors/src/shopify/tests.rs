//! Tests of the Shopify connector: `prove` its deliveries, `reads` them, `tells` the shop.

mod connects;
mod polls;
mod prove;
mod reads;
mod ships;
mod tells;
