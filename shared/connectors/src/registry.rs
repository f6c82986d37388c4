//! The registry: which connector serves which shop. A new system is one line in each `match`.

use std::collections::BTreeMap;
use std::sync::Arc;

use kontor_domain::ShopId;
use kontor_flow::ports::{Connector, Connectors, Intake, Mailer, ReadError};
use kontor_flow::{Command, Envelope, Happened, Hint, Queue, System};

use crate::config::{Config, Scope, ShopConfig, ShopKind};
use crate::http::{ClientError, ClientOptions};
use crate::mail::MailDesk;
use crate::proof::Proof;
use crate::secrets::{MissingSecret, SecretBook};
use crate::shopify::Shopify;
use crate::weclapp::Weclapp;
use crate::woocommerce::WooCommerce;
use crate::{shopify, woocommerce};

/// Why the connectors could not be made.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// A secret has no value.
    #[error("the configuration names a secret that has no value")]
    Secret(#[from] MissingSecret),
    /// No HTTP client.
    #[error("the connectors cannot be made")]
    Client(#[from] ClientError),
    /// A template of a mail is broken.
    #[error("the mail templates cannot be read")]
    Templates(#[source] kontor_flow::remedy::BoxError),
}

/// What a webhook function needs: the proofs of its shops, and nothing else.
#[derive(Debug)]
pub struct Gate {
    /// The kind of its shops.
    pub kind: ShopKind,
    proofs: BTreeMap<ShopId, Proof>,
}

impl Gate {
    /// The proofs of all shops of `kind`.
    ///
    /// # Errors
    /// [`MissingSecret`] if a webhook secret was not resolved.
    pub fn build(config: &Config, kind: ShopKind, secrets: &SecretBook) -> Result<Self, MissingSecret> {
        let shops = config.shops.iter().filter(|shop| shop.kind == kind);
        let proof = |shop: &ShopConfig| {
            let proof = match shop.kind {
                ShopKind::Woocommerce => woocommerce::proof(shop, secrets),
                ShopKind::Shopify => shopify::proof(shop, secrets),
            }?;
            Ok((shop.id.clone(), proof))
        };
        Ok(Self { kind, proofs: shops.map(proof).collect::<Result<_, _>>()? })
    }

    /// The proof of a shop.
    #[must_use]
    pub fn proof(&self, shop: &ShopId) -> Option<&Proof> {
        self.proofs.get(shop)
    }
}

/// All connectors of a configuration.
pub struct Registry {
    shops: BTreeMap<ShopId, Arc<dyn Connector>>,
    erp: Option<Arc<dyn Connector>>,
    mail: Option<Arc<dyn Connector>>,
}

impl Registry {
    /// Makes the connectors of `scope` that a configuration names. `mailer` hands mails over; without it none are sent.
    ///
    /// # Errors
    /// [`RegistryError`] if a secret was not resolved or no HTTP client can be made.
    pub fn build(
        config: &Config,
        secrets: &SecretBook,
        scope: Scope,
        mailer: Option<Arc<dyn Mailer>>,
        options: ClientOptions,
    ) -> Result<Self, RegistryError> {
        let client = crate::http::client(options)?;
        let mut shops: BTreeMap<ShopId, Arc<dyn Connector>> = BTreeMap::new();
        let works = |queue| scope == Scope::Everything || scope == Scope::Work(queue);
        for shop in config.shops.iter().filter(|shop| works(Queue::Shops) && shop.api.is_some()) {
            let connector: Arc<dyn Connector> = match shop.kind {
                ShopKind::Woocommerce => Arc::new(WooCommerce::new(shop, secrets, client.clone())?),
                ShopKind::Shopify => Arc::new(Shopify::new(shop, secrets, client.clone())?),
            };
            shops.insert(shop.id.clone(), connector);
        }
        let erp: Option<Arc<dyn Connector>> = if works(Queue::Erp) {
            Some(Arc::new(Weclapp::new(&config.erp, secrets, client)?))
        } else {
            None
        };
        let mail: Option<Arc<dyn Connector>> = match (&config.mail, mailer) {
            (Some(mail), Some(mailer)) if works(Queue::Mail) => {
                Some(Arc::new(MailDesk::new(mail.clone(), mailer).map_err(RegistryError::Templates)?))
            }
            _ => None,
        };
        Ok(Self { shops, erp, mail })
    }
}

impl Connectors for Registry {
    fn for_command(&self, command: &Command) -> Option<Arc<dyn Connector>> {
        match command.action.queue() {
            Queue::Erp => self.erp.clone(),
            Queue::Shops => self.shops.get(&command.order.shop).cloned(),
            Queue::Mail => self.mail.clone(),
            Queue::Events => None,
        }
    }

    fn for_hint(&self, hint: &Hint) -> Option<Arc<dyn Connector>> {
        match hint.system {
            System::Weclapp => self.erp.clone(),
            System::Woocommerce | System::Shopify | System::Mail => None,
        }
    }
}

/// Reads deliveries by the configuration alone: all that `work-events` needs.
pub struct Reader(pub Arc<Config>);

impl Intake for Reader {
    fn read(&self, envelope: &Envelope) -> Result<Vec<Happened>, ReadError> {
        read(&self.0, envelope)
    }
}

fn read(config: &Config, envelope: &Envelope) -> Result<Vec<Happened>, ReadError> {
    let Some(shop) = config.shop(&envelope.shop) else {
        return Err(ReadError {
            shop: envelope.shop.clone(),
            topic: envelope.topic.clone(),
            order: None,
            source: "the configuration has no shop of that id".into(),
        });
    };
    match shop.kind {
        ShopKind::Woocommerce => woocommerce::read(shop, envelope),
        ShopKind::Shopify => shopify::read(shop, envelope),
    }
}
