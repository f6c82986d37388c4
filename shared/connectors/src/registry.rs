//! The registry: which connector serves which shop. A new system is one line in each `match`.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kontor_domain::ShopId;
use kontor_flow::ports::{Connector, Connectors, Intake, Mailer, ReadError, Storefront, Tokens};
use kontor_flow::{Command, Envelope, Happened, Hint, Queue, System};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use crate::config::{Config, Scope, ShopConfig, ShopKind};
use crate::http::{ClientError, ClientOptions};
use crate::mail::MailDesk;
use crate::proof::{Delivery, Proof, ProofError, Proven};
use crate::reach::Guard;
use crate::secrets::{MissingSecret, SecretBook};
use crate::shopify::Shopify;
use crate::shopware::Shopware;
use crate::smartstore::Smartstore;
use crate::weclapp::Weclapp;
use crate::woocommerce::WooCommerce;
use crate::{shopify, shopware, smartstore, woocommerce};

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

/// The most secrets a shop has beside those of the configuration: the one in force and the one before.
const MOST_HANDED: usize = 2;

/// What a webhook function needs: the proofs of its shops, and nothing else.
#[derive(Debug)]
pub struct Gate {
    /// The kind of its shops.
    pub kind: ShopKind,
    proofs: BTreeMap<ShopId, Proof>,
    /// What deliveries for shops that are not there are held against, so that they cost the same.
    decoy: Option<Proof>,
    /// HMACs reckoned for every delivery: as many as the shop with the most secrets needs.
    rounds: usize,
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
                ShopKind::Shopware => shopware::proof(shop, secrets),
                ShopKind::Smartstore => smartstore::proof(shop, secrets),
            }?;
            Ok((shop.id.clone(), proof))
        };
        let proofs = shops.map(proof).collect::<Result<BTreeMap<_, _>, MissingSecret>>()?;
        let rounds = proofs.values().map(|proof| proof.secrets.len()).max().unwrap_or(1);
        Ok(Self { kind, decoy: decoy(kind, &proofs), proofs, rounds })
    }

    /// Proves a delivery for the shop named `shop` by the caller. Whether there is such a shop shows neither in the answer
    /// nor in the work that is done for it.
    ///
    /// # Errors
    /// [`ProofError`] if there is no such shop, or it did not sign.
    pub fn prove(&self, shop: &str, delivery: Delivery) -> Result<Proven, ProofError> {
        self.prove_with(shop, delivery, &[])
    }

    /// The same, with secrets beside those of the configuration: what the shop handed to us.
    ///
    /// # Errors
    /// [`ProofError`] if there is no such shop, or it did not sign.
    pub fn prove_with(
        &self,
        shop: &str,
        delivery: Delivery,
        handed: &[SecretString],
    ) -> Result<Proven, ProofError> {
        let known = ShopId::parse(shop).ok().and_then(|shop| self.proofs.get(&shop));
        let Some(against) = known.or(self.decoy.as_ref()) else { return Err(ProofError::Unknown) };
        let handed_over = if self.kind == ShopKind::Shopware { MOST_HANDED } else { 0 };
        let proven = against.with(handed).verify_in(delivery, self.rounds.saturating_add(handed_over));
        match (known, proven) {
            (Some(_), proven) => proven,
            (None, Ok(Proven::Ping)) => Ok(Proven::Ping),
            (None, Ok(Proven::Event(_)) | Err(_)) => Err(ProofError::Unknown),
        }
    }

    /// The proof of a shop.
    #[must_use]
    pub fn proof(&self, shop: &ShopId) -> Option<&Proof> {
        self.proofs.get(shop)
    }
}

/// A proof nobody can give: its secret is reckoned from all others. There is always one, for `decoy` is an id.
fn decoy(kind: ShopKind, proofs: &BTreeMap<ShopId, Proof>) -> Option<Proof> {
    let mut hash = Sha256::new();
    hash.update("decoy");
    for secret in proofs.values().flat_map(|proof| &proof.secrets) {
        hash.update(Sha256::digest(secret.expose_secret().as_bytes()));
    }
    let secret = SecretString::from(STANDARD.encode(hash.finalize()));
    let signed = match kind {
        ShopKind::Woocommerce => woocommerce::signed,
        ShopKind::Shopify => shopify::signed,
        ShopKind::Shopware => shopware::signed,
        ShopKind::Smartstore => smartstore::signed,
    };
    Some(signed(ShopId::parse("decoy").ok()?, vec![secret]))
}

/// All connectors of a configuration.
pub struct Registry {
    shops: BTreeMap<ShopId, Arc<dyn Storefront>>,
    erp: Option<Arc<dyn Connector>>,
    mail: Option<Arc<dyn Connector>>,
}

impl Registry {
    /// Makes the connectors of `scope` that a configuration names. `mailer` hands mails over; without it none are sent.
    /// `tokens` keeps what shops handed to us; without it their keys must be in the configuration.
    ///
    /// # Errors
    /// [`RegistryError`] if a secret was not resolved or no HTTP client can be made.
    pub fn build(
        config: &Config,
        secrets: &SecretBook,
        scope: Scope,
        mailer: Option<Arc<dyn Mailer>>,
        tokens: Option<Arc<dyn Tokens>>,
        options: ClientOptions,
    ) -> Result<Self, RegistryError> {
        let client = crate::http::client_to(options, Guard::of(config))?;
        let mut shops: BTreeMap<ShopId, Arc<dyn Storefront>> = BTreeMap::new();
        let works = |queue| scope == Scope::Everything || scope == Scope::Work(queue);
        let shopping = works(Queue::Shops) || scope == Scope::Shop;
        for shop in config.shops.iter().filter(|shop| shopping && shop.has_access()) {
            let storefront: Arc<dyn Storefront> = match shop.kind {
                ShopKind::Woocommerce => Arc::new(WooCommerce::new(shop, secrets, client.clone())?),
                ShopKind::Shopify => Arc::new(Shopify::new(shop, secrets, client.clone())?),
                ShopKind::Shopware => Arc::new(Shopware::new(shop, secrets, client.clone(), tokens.clone())?),
                ShopKind::Smartstore => Arc::new(Smartstore::new(shop, secrets, client.clone())?),
            };
            shops.insert(shop.id.clone(), storefront);
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
            Queue::Shops => self.shops.get(&command.order.shop).map(|shop| Arc::clone(shop) as _),
            Queue::Mail => self.mail.clone(),
            Queue::Events => None,
        }
    }

    fn for_hint(&self, hint: &Hint) -> Option<Arc<dyn Connector>> {
        match hint.system {
            System::Weclapp => self.erp.clone(),
            System::Woocommerce | System::Shopify | System::Shopware | System::Smartstore | System::Mail => {
                None
            }
        }
    }

    fn for_shop(&self, shop: &ShopId) -> Option<Arc<dyn Storefront>> {
        self.shops.get(shop).cloned()
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
        ShopKind::Shopware => shopware::read(shop, envelope),
        ShopKind::Smartstore => smartstore::read(shop, envelope),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderMap;
    use jiff::Timestamp;

    use super::*;
    use crate::shop_testing::{secrets, shop};

    fn gate() -> Gate {
        let kaffee = shop(ShopKind::Woocommerce, "https://kaffee.example.test");
        let proof = woocommerce::proof(&kaffee, &secrets()).unwrap();
        let proofs = BTreeMap::from([(kaffee.id, proof)]);
        let rounds = 2;
        Gate { kind: ShopKind::Woocommerce, decoy: decoy(ShopKind::Woocommerce, &proofs), proofs, rounds }
    }

    fn delivery(headers: &[(&'static str, String)], body: &'static [u8]) -> Delivery {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()))
            .collect();
        Delivery::new(headers, Bytes::from_static(body), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn nobody_can_sign_for_a_shop_that_is_not_there() {
        use hmac::{Hmac, KeyInit as _, Mac as _};
        let gate = gate();
        // Not even who knows the decoy's secret.
        let secret = gate.decoy.as_ref().unwrap().secrets[0].expose_secret().to_owned();
        let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap().chain_update(b"{}").finalize();
        let headers = [
            ("x-wc-webhook-topic", "order.created".to_owned()),
            ("x-wc-webhook-signature", STANDARD.encode(mac.into_bytes())),
        ];
        for shop in ["decoy", "nobody", "", "../kaffee", "KAFFEE"] {
            let refused = gate.prove(shop, delivery(&headers, b"{}"));
            assert!(matches!(refused, Err(ProofError::Unknown)), "{shop}: {refused:?}");
        }
        let refused = gate.prove("kaffee", delivery(&headers, b"{}"));
        assert!(matches!(refused, Err(ProofError::Wrong)), "{refused:?}");
    }

    #[test]
    fn a_ping_does_not_tell_whether_there_is_a_shop() {
        for shop in ["kaffee", "nobody"] {
            assert!(matches!(gate().prove(shop, delivery(&[], b"webhook_id=1")), Ok(Proven::Ping)), "{shop}");
        }
    }
}
