//! A world of one's own: a configuration with stand-ins for its systems, secrets in memory, and the house in its midst.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kontor_connectors::SecretRef;
use kontor_embedded::Engine;
use kontor_flow::remedy::BoxError;
use kontor_runtime::book::Vault;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::house::{House, Plan, url};

/// The shops of the world: id, kind, flow.
pub(crate) const SHOPS: [(&str, &str, &str); 5] = [
    ("kaffee", "woocommerce", "standard"),
    ("buero", "woocommerce", "merchant"),
    ("schnee", "shopify", "standard"),
    ("garten", "shopware", "standard"),
    ("tinte", "smartstore", "standard"),
];

/// The flow that Kontor comes with.
pub(crate) const STANDARD: &str = include_str!("../../../infra/flows/standard.yaml");

/// What WooCommerce's webhooks are signed with in the world.
pub(crate) const SECRET: &str = "a-secret-of-the-demo";

/// What the stand-ins ask for.
pub(crate) const TOKEN: &str = "sandbox";

/// Where the stand-ins are.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Addresses {
    /// weclapp.
    pub(crate) erp: String,
    /// WooCommerce, by the shop's id.
    pub(crate) woocommerce: BTreeMap<String, String>,
    /// Shopify.
    pub(crate) shopify: String,
    /// Shopware.
    pub(crate) shopware: String,
    /// Smartstore.
    pub(crate) smartstore: String,
    /// The mail server; without one mails are put into a folder.
    pub(crate) mail: Option<String>,
}

/// Secrets that are known beforehand.
struct Known {
    mail: Option<String>,
}

#[async_trait]
impl Vault for Known {
    async fn open(&self, reference: &SecretRef) -> Result<SecretString, BoxError> {
        match reference {
            SecretRef::Env(name) if name == "DEMO_SECRET" => Ok(SecretString::from(SECRET)),
            SecretRef::Env(name) if name == "DEMO_TOKEN" => Ok(SecretString::from(TOKEN)),
            SecretRef::Env(name) if name == "DEMO_SMTP" => {
                self.mail.clone().map(SecretString::from).ok_or_else(|| "the demo has no mail server".into())
            }
            SecretRef::Env(_) | SecretRef::File(_) | SecretRef::Stored(_) => {
                Err("the demo has no such secret".into())
            }
        }
    }
}

/// Access to the API of a shop that has two keys.
const KEYS: &str = "{ key: env:DEMO_TOKEN, secret: env:DEMO_SECRET }";

fn yaml(addresses: &Addresses, asked: bool) -> String {
    let asked = if asked { "" } else { ", poll_minutes: 0" };
    let nowhere = String::new();
    let mut yaml = String::from("shops:\n");
    for (id, kind, flow) in SHOPS {
        let (address, api) = match kind {
            "shopify" => (&addresses.shopify, "{ key: env:DEMO_TOKEN }"),
            "shopware" => (&addresses.shopware, KEYS),
            "smartstore" => (&addresses.smartstore, KEYS),
            _ => (addresses.woocommerce.get(id).unwrap_or(&nowhere), KEYS),
        };
        let more = if kind == "smartstore" { ", currency: EUR" } else { "" };
        yaml.push_str(&format!(
            "  - {{ id: {id}, kind: {kind}, url: \"{address}\", flow: {flow}, webhook_secrets: [env:DEMO_SECRET], \
             api: {api}, payments: {{ ppcp-gateway: prepaid, bacs: prepayment, cod: cash_on_delivery, \
             invoice: invoice, shopify_payments: prepaid, paypal: prepaid, bank deposit: prepayment, \
             payment_paypal: prepaid, payment_prepayment: prepayment, payment_invoice: invoice, \
             Payments.Prepayment: prepayment, Payments.Invoice: invoice }}{more}{asked} }}\n"
        ));
    }
    yaml.push_str(&format!(
        "erp: {{ url: \"{}\", token: env:DEMO_TOKEN, webhook_secrets: [env:DEMO_SECRET], gross_channel: GROSS1, \
         net_channel: NET1, settle_seconds: 1, taxes: {{ '19': '19', '7': '7', '0': '0' }}, articles: {{ shipping: SHIPPING, fee: FEE, discount: DISCOUNT, rounding: ROUNDING, \
         gift_card: GIFTCARD }} }}\n\
         mail: {{ {}from: \"Kontor <demo@kontor.test>\", language: de, signature: Kontor }}\n",
        addresses.erp,
        if addresses.mail.is_some() { "smtp: env:DEMO_SMTP, " } else { "" },
    ));
    yaml
}

/// A house at work.
pub(crate) struct Running {
    /// Where it listens.
    pub(crate) url: String,
    /// Its store, to look into.
    pub(crate) engine: Engine,
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<(), BoxError>>,
}

impl Running {
    /// Opens a house in `data` and lets it work, with `standard` as the flow of that name. Shops are asked for their orders as
    /// often as `ask_every` says; never without it.
    pub(crate) async fn start(
        addresses: &Addresses,
        data: &Path,
        width: usize,
        standard: &str,
        ask_every: Option<Duration>,
    ) -> Result<Self, BoxError> {
        let flows = BTreeMap::from([
            ("standard".to_owned(), standard.to_owned()),
            ("merchant".to_owned(), include_str!("../../../infra/flows/merchant.yaml").to_owned()),
        ]);
        let known = Known { mail: addresses.mail.clone() };
        let yaml = yaml(addresses, ask_every.is_some());
        let (data, vault) = (data.to_owned(), Arc::new(known));
        let plan = Plan { yaml, flows, data, vault, width, ask_every };
        let house = House::open(plan).await?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (stop, stopped) = watch::channel(false);
        let (url, engine) = (url(&listener)?, house.engine.clone());
        let task = tokio::spawn(house.run(listener, stopped));
        Ok(Self { url, engine, stop, task })
    }

    /// Where weclapp sends its webhooks to.
    pub(crate) fn hook(&self) -> String {
        format!("{}/webhooks/weclapp/{SECRET}", self.url)
    }

    /// Finishes what was begun.
    pub(crate) async fn stop(self) -> Result<(), BoxError> {
        self.stop.send_replace(true);
        self.task.await?
    }
}

/// The client the demo's shops send with.
pub(crate) fn client() -> Result<reqwest::Client, BoxError> {
    Ok(reqwest::Client::builder().timeout(Duration::from_secs(30)).build()?)
}
