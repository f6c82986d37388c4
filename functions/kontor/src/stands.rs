//! The stand-ins of all systems, side by side.

use std::time::Duration;

use kontor_flow::remedy::BoxError;
use kontor_sandbox::{shopify, weclapp, woocommerce};

use crate::world::{Addresses, SECRET, TOKEN};
use kontor_sandbox::traffic::{Kind, Parcel};

/// The stand-ins of all systems.
pub(crate) struct Stands {
    /// weclapp.
    pub(crate) erp: weclapp::Sandbox,
    woocommerce: woocommerce::Sandbox,
    shopify: shopify::Sandbox,
}

impl Stands {
    /// Starts them on free ports; the warehouse takes `packing` for a shipment.
    pub(crate) async fn start(packing: Duration) -> Result<Self, BoxError> {
        let options = weclapp::Options {
            token: TOKEN.to_owned(),
            warehouse_delay: packing,
            ..weclapp::Options::default()
        };
        Ok(Self {
            erp: weclapp::Sandbox::start("127.0.0.1:0", &options).await?,
            woocommerce: woocommerce::Sandbox::start("127.0.0.1:0", woocommerce::State::new(TOKEN, SECRET))
                .await?,
            shopify: shopify::Sandbox::start("127.0.0.1:0", shopify::State::new(TOKEN)).await?,
        })
    }

    /// Where they are.
    pub(crate) fn addresses(&self) -> Addresses {
        Addresses {
            erp: self.erp.url.clone(),
            woocommerce: self.woocommerce.url.clone(),
            shopify: self.shopify.url.clone(),
            mail: None,
        }
    }

    /// The shop has the order that it is about to tell of, or has it changed.
    pub(crate) fn place(&self, parcel: &Parcel) -> Result<(), BoxError> {
        let order: serde_json::Value = serde_json::from_str(&parcel.body)?;
        let placed = match parcel.kind {
            Kind::Woocommerce => self.woocommerce.state().seed(&order),
            Kind::Shopify => self.shopify.state().seed(&order),
        };
        if placed { Ok(()) } else { Err("the stand-in does not take this for an order".into()) }
    }

    /// Ends them.
    pub(crate) async fn stop(self) -> Result<(), BoxError> {
        self.erp.stop().await?;
        self.woocommerce.stop().await?;
        Ok(self.shopify.stop().await?)
    }
}
