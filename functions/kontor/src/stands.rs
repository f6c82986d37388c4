//! The stand-ins of all systems, side by side.

use std::collections::BTreeMap;
use std::time::Duration;

use kontor_flow::remedy::BoxError;
use kontor_sandbox::{shopify, shopware, smartstore, weclapp, woocommerce};

use crate::world::{Addresses, SECRET, SHOPS, TOKEN};
use kontor_sandbox::traffic::{Kind, Parcel};

/// The stand-ins of all systems.
pub(crate) struct Stands {
    /// weclapp.
    pub(crate) erp: weclapp::Sandbox,
    /// One shop of its own for each WooCommerce shop of the configuration, by its id.
    woocommerce: BTreeMap<&'static str, woocommerce::Sandbox>,
    shopify: shopify::Sandbox,
    shopware: shopware::Sandbox,
    smartstore: smartstore::Sandbox,
}

impl Stands {
    /// Starts them on free ports; the warehouse takes `packing` for a shipment.
    pub(crate) async fn start(packing: Duration) -> Result<Self, BoxError> {
        let options = weclapp::Options {
            token: TOKEN.to_owned(),
            warehouse_delay: packing,
            ..weclapp::Options::default()
        };
        let mut woocommerce = BTreeMap::new();
        for (id, kind, _) in SHOPS {
            if kind == "woocommerce" {
                let state = woocommerce::State::new(TOKEN, SECRET);
                woocommerce.insert(id, woocommerce::Sandbox::start("127.0.0.1:0", state).await?);
            }
        }
        Ok(Self {
            erp: weclapp::Sandbox::start("127.0.0.1:0", &options).await?,
            woocommerce,
            shopify: shopify::Sandbox::start("127.0.0.1:0", shopify::State::new(TOKEN)).await?,
            shopware: shopware::Sandbox::start("127.0.0.1:0", shopware::State::new(TOKEN, SECRET)).await?,
            smartstore: smartstore::Sandbox::start("127.0.0.1:0", smartstore::State::new(TOKEN, SECRET))
                .await?,
        })
    }

    /// Where they are.
    pub(crate) fn addresses(&self) -> Addresses {
        Addresses {
            erp: self.erp.url.clone(),
            woocommerce: self
                .woocommerce
                .iter()
                .map(|(id, shop)| ((*id).to_owned(), shop.url.clone()))
                .collect(),
            shopify: self.shopify.url.clone(),
            shopware: self.shopware.url.clone(),
            smartstore: self.smartstore.url.clone(),
            mail: None,
        }
    }

    /// Marks an order as paid in its shop, as a person there does.
    pub(crate) fn pay_in_shopware(&self, order: &str) -> Result<(), BoxError> {
        let paid = self.shopware.state().turn(order, "order_transaction", "paid");
        if paid { Ok(()) } else { Err("the shop does not take the payment".into()) }
    }

    /// The shop has the order that it is about to tell of, or has it changed.
    pub(crate) fn place(&self, parcel: &Parcel) -> Result<(), BoxError> {
        let order: serde_json::Value = serde_json::from_str(&parcel.body)?;
        let placed = match parcel.kind {
            Kind::Woocommerce => {
                let shop = self.woocommerce.get(parcel.shop.as_str()).ok_or("there is no such shop")?;
                shop.state().seed(&order)
            }
            Kind::Shopify => self.shopify.state().seed(&order),
            Kind::Shopware => self.shopware.state().seed(&order),
            // As if it were placed now: whoever asks for what is new must find it.
            Kind::Smartstore => self.smartstore.state().place(&order),
        };
        if placed { Ok(()) } else { Err("the stand-in does not take this for an order".into()) }
    }

    /// Ends them.
    pub(crate) async fn stop(self) -> Result<(), BoxError> {
        self.erp.stop().await?;
        for (_, shop) in self.woocommerce {
            shop.stop().await?;
        }
        self.shopify.stop().await?;
        self.shopware.stop().await?;
        Ok(self.smartstore.stop().await?)
    }
}
