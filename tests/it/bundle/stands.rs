//! The outside systems behind the bundle: stand-ins over HTTP, and an ERP that can be made to fail for one customer alone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use kontor_sandbox::traffic::{Kind, Parcel};
use kontor_sandbox::{shopify, shopware, smartstore, weclapp, woocommerce};

use crate::house;

/// What the ERP was asked about customers, and whom it does not answer about.
#[derive(Default)]
pub(crate) struct Reception {
    asked: Mutex<BTreeMap<String, u32>>,
    closed_to: Mutex<Option<String>>,
}

impl Reception {
    /// How often it was asked for the customer of that address.
    pub(crate) fn asked(&self, email: &str) -> u32 {
        self.asked.lock().unwrap().get(email).copied().unwrap_or(0)
    }

    /// From now on it answers 503 when it is asked for that customer.
    pub(crate) fn close_to(&self, email: Option<&str>) {
        *self.closed_to.lock().unwrap() = email.map(str::to_owned);
    }

    fn takes(&self, query: &str) -> bool {
        let address = query.split('&').find_map(|pair| pair.strip_prefix("email-eq="));
        let Some(email) = address.map(|address| address.replace("%40", "@")) else { return true };
        let open = self.closed_to.lock().unwrap().as_deref() != Some(&email);
        *self.asked.lock().unwrap().entry(email).or_default() += 1;
        open
    }
}

async fn receive(State(reception): State<Arc<Reception>>, request: Request, next: Next) -> Response {
    if reception.takes(request.uri().query().unwrap_or_default()) {
        return next.run(request).await;
    }
    StatusCode::SERVICE_UNAVAILABLE.into_response()
}

/// The outside systems.
pub(crate) struct Stands {
    pub(crate) erp: weclapp::State,
    pub(crate) erp_url: String,
    pub(crate) reception: Arc<Reception>,
    pub(crate) woocommerce: woocommerce::Sandbox,
    pub(crate) shopify: shopify::Sandbox,
    pub(crate) shopware: shopware::Sandbox,
    pub(crate) smartstore: smartstore::Sandbox,
}

impl Stands {
    pub(crate) async fn start() -> Self {
        let (erp, reception) = (weclapp::State::new(&house::erp_options()), Arc::<Reception>::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let erp_url = format!("http://{}", listener.local_addr().unwrap());
        let routes = erp.router().layer(from_fn_with_state(Arc::clone(&reception), receive));
        tokio::spawn(async { axum::serve(listener, routes).await.unwrap() });
        let (woocommerce, shopify) = house::shops().await;
        let (shopware, smartstore) = house::notifying_shops().await;
        Self { erp, erp_url, reception, woocommerce, shopify, shopware, smartstore }
    }

    /// The shop has the order that it is about to tell of.
    pub(crate) fn place(&self, parcel: &Parcel) {
        let order: serde_json::Value = serde_json::from_str(&parcel.body).unwrap();
        let placed = match parcel.kind {
            Kind::Woocommerce | Kind::Shopify => {
                return house::place(parcel, &self.woocommerce, &self.shopify);
            }
            Kind::Shopware => self.shopware.state().seed(&order),
            Kind::Smartstore => self.smartstore.state().place(&order),
        };
        assert!(placed, "the stand-in does not take this for an order");
    }
}
