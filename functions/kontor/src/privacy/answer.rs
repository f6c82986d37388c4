//! `kontor privacy answer`: a shop's request about personal data, met with what is really held.

use std::sync::Arc;

use kontor_connectors::Config;
use kontor_connectors::shopify::{PrivacyRequest, Wish, privacy_request};
use kontor_domain::{OrderKey, ShopId};
use kontor_embedded::Engine;
use kontor_flow::engine::{Dossier, Erasure, ReplayDesk};
use kontor_flow::ports::{Configs as _, Failures as _};
use kontor_flow::privacy::Person;
use kontor_flow::remedy::BoxError;
use kontor_flow::{FailureId, Message};
use kontor_runtime::clock;
use serde::{Deserialize, Serialize};

use super::{privacy_desk, refused};
use crate::fault::Wrong;

/// What came of a request.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Met {
    /// What is held, to be given to the merchant.
    Told(Vec<Dossier>),
    /// What was erased.
    Erased(Vec<Erasure>),
}

impl Met {
    /// In a sentence.
    pub(crate) fn sentence(&self) -> String {
        match self {
            Self::Told(dossiers) => {
                let orders: usize = dossiers.iter().map(|dossier| dossier.orders.len()).sum();
                format!("{orders} orders are held of the customer; --json tells everything, for the merchant")
            }
            Self::Erased(erasures) => {
                let orders: usize = erasures.iter().map(|erasure| erasure.orders.len()).sum();
                format!("erased the customer from {orders} orders")
            }
        }
    }
}

/// Meets the request that is kept as failure `id`, and settles the failure. Where work is still under way nothing is erased,
/// and the request stays open.
pub(crate) async fn answer(engine: &Engine, id: &FailureId, by: &str) -> Result<Met, BoxError> {
    let (shop, request) = request(engine, id).await?;
    let persons = persons(&shop, &request);
    let desk = privacy_desk(engine);
    let failures = ReplayDesk { failures: Arc::new(engine.clone()), sender: Arc::new(engine.clone()) };
    match request.wish {
        Wish::Data => {
            let mut dossiers = Vec::new();
            for person in &persons {
                dossiers.push(desk.export(person, by, clock::now()).await?);
            }
            failures.discard(id, "answered: what is held was told", by, clock::now()).await?;
            Ok(Met::Told(dossiers))
        }
        Wish::Erasure => {
            // The request names the person itself: open, it would be in its own way.
            failures.discard(id, "answered: the customer is being erased", by, clock::now()).await?;
            let mut erasures = Vec::new();
            for person in &persons {
                match desk.erase(person, by, clock::now()).await {
                    Ok(erasure) => erasures.push(erasure),
                    Err(error) => {
                        failures.replay(id, None, by, clock::now()).await?;
                        return Err(refused(error));
                    }
                }
            }
            Ok(Met::Erased(erasures))
        }
        Wish::ErasureOfAll => Err(Wrong(
            "the shop asks to erase everybody who ordered in it: let its orders come to their end, run `kontor privacy expire`, \
             then discard the failure"
                .to_owned(),
        )
        .into()),
    }
}

async fn request(engine: &Engine, id: &FailureId) -> Result<(ShopId, PrivacyRequest), BoxError> {
    let failure = engine.load(id).await?.ok_or_else(|| Wrong(format!("there is no failure {id}")))?;
    let none = || Wrong(format!("failure {id} is no request about personal data"));
    let Message::Delivery(envelope) = Message::decode(&failure.message)? else { return Err(none().into()) };
    let stored = engine.current().await?.ok_or("there is no configuration yet")?;
    let config = Config::parse("kontor.yaml", &stored.yaml)
        .map_err(|_| "the configuration in force cannot be read")?;
    let shop = config.shop(&envelope.shop).ok_or_else(none)?;
    let request = privacy_request(shop, &envelope)?.ok_or_else(none)?;
    Ok((envelope.shop.clone(), request))
}

/// Who is meant: whoever has the address, and whoever placed these orders.
fn persons(shop: &ShopId, request: &PrivacyRequest) -> Vec<Person> {
    let orders = request.orders.iter().map(|order| Person::Order(OrderKey::new(shop.clone(), order.clone())));
    request.email.iter().cloned().map(Person::Email).chain(orders).collect()
}
