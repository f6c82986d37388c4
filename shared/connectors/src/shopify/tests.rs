//! Tests of the Shopify connector: `prove` its deliveries, `reads` them, `tells` the shop.

mod prove;
mod reads;
mod tells;
