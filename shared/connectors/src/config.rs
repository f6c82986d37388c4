//! `kontor.yaml`: shops, ERP, mail, alerts. Tenant-specific ids live here, never in code.

use std::collections::BTreeMap;

use kontor_domain::{Currency, PaymentTerms, ShopId};
use kontor_flow::{FlowName, Queue};
use serde::{Deserialize, Serialize};

pub use self::kind::ShopKind;
use crate::secrets::SecretRef;

mod checks;
mod kind;
mod places;
#[cfg(test)]
mod tests;

/// The largest `kontor.yaml`, in bytes: one item of the table holds it together with its flows.
const LARGEST: usize = 256 * 1024;

/// The configuration of one Kontor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The connected shops.
    pub shops: Vec<ShopConfig>,
    /// The ERP.
    pub erp: ErpConfig,
    /// Mails to customers; none are sent without it.
    #[serde(default)]
    pub mail: Option<MailConfig>,
    /// How long personal data is kept; for good without it.
    #[serde(default)]
    pub retention: Option<Retention>,
    /// What the addresses of our webhooks begin with, as in `https://you.example`. Without it nobody notices when a shop has
    /// switched them off.
    #[serde(default)]
    pub public_url: Option<String>,
}

/// How long personal data is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// So many days after an order was completed or cancelled, names, addresses and notes are erased from it; amounts,
    /// articles and ids remain.
    pub orders_days: u32,
}

/// One connected shop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShopConfig {
    /// Its name here, part of every order's key: never change it.
    pub id: ShopId,
    /// What it is.
    pub kind: ShopKind,
    /// Its address, as in `https://shop.example`.
    pub url: String,
    /// Whether it may have an address in the own network or on this machine, and be called without TLS there. Else a name
    /// that leads into the own network is not called.
    #[serde(default)]
    pub allow_private_address: bool,
    /// The flow its orders take: the name of a file in the flows folder.
    pub flow: FlowName,
    /// What webhooks are signed with; two while a new one is rolled out.
    #[serde(default)]
    pub webhook_secrets: Vec<SecretRef>,
    /// Only Shopware: what the shop registers with where Kontor is an app there. `kontor shops manifest` writes it into the
    /// app; the shop then hands over what its webhooks are signed with, and access to its API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_secret: Option<SecretRef>,
    /// Access to its API; without it the shop is only listened to.
    #[serde(default)]
    pub api: Option<ShopApi>,
    /// The shop's code of a payment method, and when the merchant gets the money. Codes that are not listed are an error
    /// that holds the order: guessing would ship unpaid goods.
    pub payments: BTreeMap<String, PaymentTerms>,
    /// Only Smartstore: the shop's primary currency, as in `EUR`. All amounts are in it, and no order names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// How often its API is asked for orders that changed, in minutes; 0 for never. Webhooks are fast, this is what finds
    /// the order whose webhook never came. Smartstore, which sends none, is asked every minute, others every five.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poll_minutes: Option<u16>,
}

impl ShopConfig {
    /// Whether its API can be called: with keys of the configuration, or with those it hands to the app.
    #[must_use]
    pub fn has_access(&self) -> bool {
        self.api.is_some() || self.app_secret.is_some()
    }

    /// How often it is asked for orders that changed, in minutes; 0 for never.
    #[must_use]
    pub fn asked_every(&self) -> u16 {
        self.poll_minutes.unwrap_or(match self.kind {
            ShopKind::Smartstore => 1,
            ShopKind::Woocommerce | ShopKind::Shopify | ShopKind::Shopware => 5,
        })
    }
}

/// The part of the configuration a function works with; it gets the secrets of that part and no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// No outside system.
    Nothing,
    /// Webhooks of this kind of shop.
    Webhooks(ShopKind),
    /// Hints of the ERP.
    Hints,
    /// Commands of this queue.
    Work(Queue),
    /// The shops, to connect them: webhooks and access.
    Shop,
    /// All of it, in one process.
    Everything,
}

/// Access to a shop's API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShopApi {
    /// WooCommerce: the consumer key. Shopify: the Admin API access token. Shopware: the access key id of an integration.
    /// Smartstore: the public key of the API user.
    pub key: SecretRef,
    /// WooCommerce: the consumer secret. Shopify: not used. Shopware: the secret access key. Smartstore: the secret key.
    #[serde(default)]
    pub secret: Option<SecretRef>,
    /// WooCommerce: how the shop is told of parcels; found out where nothing is said.
    #[serde(default)]
    pub tracking: Option<Tracking>,
}

/// How a WooCommerce shop is told of parcels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tracking {
    /// As fulfilments of WooCommerce's own, a feature that is off by default.
    Fulfillments,
    /// By the plugin WooCommerce Shipment Tracking.
    ShipmentTracking,
    /// By the plugin Advanced Shipment Tracking.
    Ast,
    /// By a note to the customer.
    Note,
}

impl ShopApi {
    fn secrets(&self) -> impl Iterator<Item = &SecretRef> {
        std::iter::once(&self.key).chain(&self.secret)
    }
}

/// The ERP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErpConfig {
    /// Its address up to the tenant, as in `https://tenant.weclapp.com`.
    pub url: String,
    /// Whether it may have an address in the own network or on this machine, and be called without TLS there. Else a name
    /// that leads into the own network is not called.
    #[serde(default)]
    pub allow_private_address: bool,
    /// The API token.
    pub token: SecretRef,
    /// The last part of the path its webhooks are sent to; they carry no signature.
    #[serde(default)]
    pub webhook_secrets: Vec<SecretRef>,
    /// The sales channel whose prices include tax, as in `GROSS1`.
    #[serde(default)]
    pub gross_channel: Option<String>,
    /// The sales channel whose prices are without tax, as in `NET1`.
    #[serde(default)]
    pub net_channel: Option<String>,
    /// The id of the warehouse that ships.
    #[serde(default)]
    pub warehouse_id: Option<String>,
    /// Payment method of the shop, `<shop>/<code>` or `<code>`, to the ERP's payment method id.
    #[serde(default)]
    pub payment_methods: BTreeMap<String, String>,
    /// Shipping method of the shop, `<shop>/<code>` or `<code>`, to the ERP's shipment method id.
    #[serde(default)]
    pub shipping_methods: BTreeMap<String, String>,
    /// Articles for what is no article in the shop.
    pub articles: ErpArticles,
    /// Tax by `<country>/<percent>` (`DE/19`) or `<percent>` (`19`) to the ERP's tax id; the ERP decides where none is given.
    /// Orders on which no tax is owed (export, reverse charge) go by `<country>/0` or `0`. An order that the ERP reckons
    /// with other taxes than the shop is booked, but not confirmed.
    #[serde(default)]
    pub taxes: BTreeMap<String, String>,
    /// After a creating call without an answer: how many seconds later the ERP is asked whether it was carried out. weclapp
    /// lets calls queue for up to about 30 seconds and carries them out even if nobody waits any more; who looks earlier
    /// finds nothing and books a second time.
    #[serde(default = "settle_seconds")]
    pub settle_seconds: u32,
}

fn settle_seconds() -> u32 {
    40
}

/// The ERP's article numbers for what is no article in the shop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErpArticles {
    /// Carriage (an article of the type SHIPPING_COST).
    pub shipping: String,
    /// Surcharges and fees.
    pub fee: String,
    /// Discounts on the order as a whole, booked with a negative price.
    pub discount: String,
    /// The rounding difference.
    pub rounding: String,
    /// Gift cards sold, where the line has no SKU.
    #[serde(default)]
    pub gift_card: Option<String>,
}

/// Mails to customers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailConfig {
    /// From whom, as in `Kaffeehaus <bestellung@example.com>`.
    pub from: String,
    /// The language of customers whose language is not known or not spoken: `de` or `en`.
    #[serde(default = "german")]
    pub language: String,
    /// The merchant's name under the mail.
    pub signature: String,
    /// On one machine: where the URL of the mail server is kept, as in `smtps://user:password@mail.example`. Without it
    /// mails are written to the folder `outbox`. A deployed bundle sends through SES.
    #[serde(default)]
    pub smtp: Option<SecretRef>,
}

fn german() -> String {
    "de".to_owned()
}

/// Something wrong with `kontor.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct ConfigProblem {
    /// Where: `kontor.yaml:12:5`.
    pub place: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl Config {
    /// Reads and checks `kontor.yaml`.
    ///
    /// # Errors
    /// Every [`ConfigProblem`] there is, with its place.
    pub fn parse(file: &str, yaml: &str) -> Result<Self, Vec<ConfigProblem>> {
        if yaml.len() > LARGEST {
            let message = format!("the file is larger than {} KB", LARGEST / 1024);
            return Err(vec![ConfigProblem { place: named(file, None), message }]);
        }
        let config: Self = serde_saphyr::from_str_with_options(yaml, places::bounds()).map_err(|error| {
            let at = error.location().map(|at| (at.line(), at.column()));
            vec![ConfigProblem { place: named(file, at), message: said(&error) }]
        })?;
        let slips = checks::slips(&config);
        if slips.is_empty() {
            return Ok(config);
        }
        let problem = |slip: &checks::Slip| ConfigProblem {
            place: place(file, yaml, &slip.path),
            message: format!("{}: {}", slip.path, slip.message),
        };
        Err(slips.iter().map(problem).collect())
    }

    /// The shop of that id.
    #[must_use]
    pub fn shop(&self, id: &ShopId) -> Option<&ShopConfig> {
        self.shops.iter().find(|shop| shop.id == *id)
    }

    /// Where the webhooks of a shop lead to, if the configuration says where we are.
    #[must_use]
    pub fn webhook_address(&self, shop: &ShopConfig) -> Option<String> {
        let base = self.public_url.as_deref()?.trim_end_matches('/');
        Some(format!("{base}/webhooks/{}/{}", shop.kind.as_str(), shop.id))
    }

    /// Where the webhooks of all shops lead to, as far as that is known.
    #[must_use]
    pub fn webhook_addresses(&self) -> BTreeMap<ShopId, String> {
        let of = |shop: &ShopConfig| Some((shop.id.clone(), self.webhook_address(shop)?));
        self.shops.iter().filter_map(of).collect()
    }

    /// The secrets that `scope` works with.
    #[must_use]
    pub fn secrets(&self, scope: Scope) -> Vec<SecretRef> {
        let signing = |kind: Option<ShopKind>| {
            let of_kind = move |shop: &&ShopConfig| kind.is_none_or(|kind| shop.kind == kind);
            self.shops
                .iter()
                .filter(of_kind)
                .flat_map(|shop| shop.webhook_secrets.iter().chain(&shop.app_secret))
        };
        let access = || self.shops.iter().filter_map(|shop| shop.api.as_ref()).flat_map(ShopApi::secrets);
        match scope {
            Scope::Nothing => Vec::new(),
            Scope::Webhooks(kind) => signing(Some(kind)).cloned().collect(),
            Scope::Hints => self.erp.webhook_secrets.clone(),
            Scope::Work(Queue::Erp) => vec![self.erp.token.clone()],
            Scope::Work(Queue::Shops) => access().cloned().collect(),
            Scope::Work(Queue::Events | Queue::Mail) => Vec::new(),
            Scope::Shop => signing(None).chain(access()).cloned().collect(),
            Scope::Everything => {
                let erp = self.erp.webhook_secrets.iter().chain([&self.erp.token]);
                let smtp = self.mail.iter().filter_map(|mail| mail.smtp.as_ref());
                signing(None).chain(access()).chain(erp).chain(smtp).cloned().collect()
            }
        }
    }

    /// Every system that is called: the path of its address, the address, and whether it may be in the own network.
    pub(crate) fn systems(&self) -> impl Iterator<Item = (String, &str, bool)> {
        let shops = self.shops.iter().enumerate();
        let shops =
            shops.map(|(at, s)| (format!("shops[{at}].url"), s.url.as_str(), s.allow_private_address));
        shops.chain([("erp.url".to_owned(), self.erp.url.as_str(), self.erp.allow_private_address)])
    }

    /// Every secret that is named, with the path of the value that names it, as in `shops[0].api.key`.
    #[must_use]
    pub fn named_secrets(&self) -> Vec<(String, SecretRef)> {
        let mut found = Vec::new();
        let mut add = |path: String, secret: &SecretRef| found.push((path, secret.clone()));
        for (at, shop) in self.shops.iter().enumerate() {
            shop.webhook_secrets
                .iter()
                .for_each(|secret| add(format!("shops[{at}].webhook_secrets"), secret));
            shop.app_secret.iter().for_each(|secret| add(format!("shops[{at}].app_secret"), secret));
            if let Some(api) = &shop.api {
                add(format!("shops[{at}].api.key"), &api.key);
                api.secret.iter().for_each(|secret| add(format!("shops[{at}].api.secret"), secret));
            }
        }
        add("erp.token".to_owned(), &self.erp.token);
        self.erp.webhook_secrets.iter().for_each(|secret| add("erp.webhook_secrets".to_owned(), secret));
        let smtp = self.mail.iter().filter_map(|mail| mail.smtp.as_ref());
        smtp.for_each(|secret| add("mail.smtp".to_owned(), secret));
        found
    }
}

/// The place of the value at `path` (as in `shops[0].flow`) in a `kontor.yaml`: file, line and column.
#[must_use]
pub fn place(file: &str, yaml: &str, path: &str) -> String {
    named(file, places::find(yaml, path))
}

fn named(file: &str, at: Option<(u64, u64)>) -> String {
    at.map_or_else(|| file.to_owned(), |(line, column)| format!("{file}:{line}:{column}"))
}

/// What the parser says, without the place, which is told already.
fn said(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    let line = text.lines().next().unwrap_or_default();
    let line = line.strip_prefix("error: ").unwrap_or(line);
    line.rsplit_once(" at line ").map_or(line, |(said, _)| said).trim_end_matches([':', ' ']).to_owned()
}
