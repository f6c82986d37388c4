//! The kinds of shops.

use kontor_flow::{Queue, System};
use serde::{Deserialize, Serialize};

/// The kinds of shops there are connectors for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ShopKind {
    /// WooCommerce (REST API v3).
    Woocommerce,
    /// Shopify (Admin GraphQL API).
    Shopify,
    /// Shopware 6 (Admin API).
    Shopware,
    /// Smartstore from version 5 (Web API, OData v4).
    Smartstore,
}

impl ShopKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Woocommerce, Self::Shopify, Self::Shopware, Self::Smartstore];

    /// The word in configuration and URLs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Woocommerce => "woocommerce",
            Self::Shopify => "shopify",
            Self::Shopware => "shopware",
            Self::Smartstore => "smartstore",
        }
    }

    /// The system it speaks as.
    #[must_use]
    pub fn system(self) -> System {
        match self {
            Self::Woocommerce => System::Woocommerce,
            Self::Shopify => System::Shopify,
            Self::Shopware => System::Shopware,
            Self::Smartstore => System::Smartstore,
        }
    }

    /// Where its deliveries go: those that carry the order are read at once, after the others the order is fetched.
    #[must_use]
    pub fn deliveries_to(self) -> Queue {
        match self {
            Self::Woocommerce | Self::Shopify => Queue::Events,
            Self::Shopware | Self::Smartstore => Queue::Shops,
        }
    }
}
