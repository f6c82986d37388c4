//! What a Shopware shop is asked: its orders, and how it is connected to us.

use async_trait::async_trait;
use jiff::Timestamp;
use kontor_domain::ShopOrderId;
use kontor_flow::ports::{ReadError, Storefront};
use kontor_flow::remedy::chain;
use kontor_flow::storefront::{Finding, Hook, Notice, OrderPage, Sighting, Window};
use kontor_flow::{CallError, Envelope};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::pages::{PAGE, Place, Way};
use super::wire::{Child, Outline, Page, Stamp, Stamps};
use super::{Shopware, examine, read};
use crate::http::Calls;
use crate::reading::{self, sighting};

const SEARCH_ORDERS: &str = "POST /search/order";
const SEARCH_DELIVERIES: &str = "POST /search/order-delivery";
const SEARCH_PAYMENTS: &str = "POST /search/order-transaction";

/// Everything that belongs to an order and is read of it.
pub(super) fn associations() -> Value {
    json!({
        "stateMachineState": {},
        "currency": {},
        "language": { "associations": { "locale": {} } },
        "tags": {},
        "orderCustomer": { "associations": { "customer": { "associations": { "group": {}, "tags": {} } } } },
        "billingAddress": { "associations": { "country": {}, "countryState": {} } },
        "addresses": { "associations": { "country": {}, "countryState": {} } },
        "lineItems": {},
        "deliveries": { "associations": {
            "shippingMethod": {},
            "stateMachineState": {},
            "shippingOrderAddress": { "associations": { "country": {}, "countryState": {} } },
        } },
        "transactions": { "associations": { "paymentMethod": {}, "stateMachineState": {} } },
    })
}

/// Whether a record was made or changed since then.
fn is_since(stamp: &Stamp, from: Timestamp) -> bool {
    let times = [&stamp.created_at, &stamp.updated_at];
    times.into_iter().flatten().any(|text| read::instant("updatedAt", text).is_ok_and(|at| at >= from))
}

impl Shopware {
    /// Orders by the search of `place`, and where it goes on, if it found a full page.
    async fn found(
        &self,
        calls: &Calls,
        place: Place,
        window: Window,
        now: Timestamp,
    ) -> Result<(Page, Option<Place>), CallError> {
        let way = place.way;
        let mut criteria = place.criteria(window);
        let (call, entity) = match way {
            Way::Orders => {
                set(&mut criteria, "associations", associations());
                let found: Page = self.api.search(calls, SEARCH_ORDERS, "order", &criteria, now).await?;
                let next = place.after(&found);
                return Ok((found, next));
            }
            Way::Deliveries => (SEARCH_DELIVERIES, "order-delivery"),
            Way::Payments => (SEARCH_PAYMENTS, "order-transaction"),
        };
        let found: Page = self.api.search(calls, call, entity, &criteria, now).await?;
        let next = place.after(&found);
        let mut ids = Vec::new();
        for child in &found.data {
            match understood::<Child>(call, child) {
                Ok(child) if super::is_id(&child.order_id) => ids.push(child.order_id),
                Ok(_) => self.passed_over(call, child, &"its orderId is none of Shopware's"),
                Err(error) => self.passed_over(call, child, &chain(&error)),
            }
        }
        ids.sort();
        ids.dedup();
        if ids.is_empty() {
            return Ok((Page { data: Vec::new() }, next));
        }
        let criteria = json!({
            "ids": ids, "limit": PAGE, "total-count-mode": 0, "associations": associations(),
        });
        let orders = self.api.search(calls, SEARCH_ORDERS, "order", &criteria, now).await?;
        Ok((orders, next))
    }

    /// One record that can't be read holds up none of the others.
    fn passed_over(&self, call: &'static str, raw: &RawValue, cause: &dyn std::fmt::Display) {
        let id = read::outline_id(raw.get().as_bytes());
        let id = id.as_ref().map_or("unknown", ShopOrderId::as_str);
        tracing::error!(
            shop = %self.shop, call, record = id, %cause,
            "a record of the shop cannot be read; the others are, and this one is passed over: look at the order there"
        );
    }
}

fn set(criteria: &mut Value, name: &str, value: Value) {
    if let Some(fields) = criteria.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
}

fn understood<T: serde::de::DeserializeOwned>(call: &'static str, raw: &RawValue) -> Result<T, CallError> {
    reading::body(raw.get().as_bytes()).map_err(|error| unreadable(call, error))
}

fn unreadable(call: &'static str, error: reading::Unreadable) -> CallError {
    let (system, effect) = (kontor_flow::System::Shopware, kontor_flow::remedy::Effect::None);
    CallError::Unreadable { system, call, effect, source: error.into() }
}

impl Shopware {
    fn sighted(&self, raw: &RawValue, now: Timestamp) -> Result<(Sighting, Stamps), CallError> {
        let outline: Outline = understood(SEARCH_ORDERS, raw)?;
        let stamps: Stamps = understood(SEARCH_ORDERS, raw)?;
        let as_of = read::revision(&stamps).map_err(|error| unreadable(SEARCH_ORDERS, error))?;
        let id = ShopOrderId::parse(&outline.id);
        let id =
            id.map_err(|error| super::unmapped(&format!("an order has no id that can be one: {error}")))?;
        Ok((sighting(&self.shop, id, as_of, raw.get().as_bytes(), now), stamps))
    }
}

impl Shopware {
    /// An order that can't be told from its page: by its id, so that what is wrong with it becomes a failure of this order when it
    /// is read; without one only the log tells of it.
    fn unsighted(
        &self,
        raw: &RawValue,
        error: &CallError,
        window: Window,
        now: Timestamp,
    ) -> Option<Sighting> {
        self.passed_over(SEARCH_ORDERS, raw, &chain(error));
        let id = read::outline_id(raw.get().as_bytes())?;
        Some(sighting(&self.shop, id, window.until, raw.get().as_bytes(), now))
    }
}

#[async_trait]
impl Storefront for Shopware {
    async fn changed(
        &self,
        window: Window,
        page: Option<&str>,
        now: Timestamp,
    ) -> Result<OrderPage, CallError> {
        let place = Place::parse(page)?;
        let calls = Calls::default();
        let (found, next) = self.found(&calls, place, window, now).await?;
        let mut orders = Vec::new();
        for raw in &found.data {
            let (sighting, stamps) = match self.sighted(raw, now) {
                Ok(sighted) => sighted,
                Err(error) => {
                    orders.extend(self.unsighted(raw, &error, window, now));
                    continue;
                }
            };
            let own = Stamp { created_at: stamps.created_at.clone(), updated_at: stamps.updated_at.clone() };
            // What an earlier search of this window tells of already.
            let told = match place.way {
                Way::Orders => false,
                Way::Deliveries => is_since(&own, window.from),
                Way::Payments => {
                    is_since(&own, window.from)
                        || stamps.deliveries.0.iter().any(|stamp| is_since(stamp, window.from))
                }
            };
            if !told && sighting.as_of <= window.until {
                orders.push(sighting);
            }
        }
        orders.sort_by_key(|sighting| sighting.as_of);
        let next = next.or_else(|| place.way.after().map(Place::first));
        let next = next.map(|place| place.to_string());
        Ok(OrderPage { orders, next, pause: None })
    }

    async fn order(&self, id: &ShopOrderId, now: Timestamp) -> Result<Option<Sighting>, CallError> {
        // Anything else is refused by Shopware as no id at all, and there is no such order.
        if !super::is_id(id.as_str()) {
            return Ok(None);
        }
        let criteria = json!({ "ids": [id.as_str()], "limit": 1, "associations": associations() });
        let calls = Calls::default();
        let found: Page = self.api.search(&calls, SEARCH_ORDERS, "order", &criteria, now).await?;
        let Some(raw) = found.data.first() else { return Ok(None) };
        self.sighted(raw, now).map(|(sighting, _)| Some(sighting))
    }

    fn notice(&self, delivery: &Envelope) -> Result<Notice, ReadError> {
        read::notice(delivery)
    }

    async fn hooks(&self, address: &str) -> Result<Vec<Hook>, CallError> {
        examine::hooks(self, address).await
    }

    /// Webhooks are part of the app; the shop makes them when it is installed, and only a person can switch them on again.
    async fn connect(&self, address: &str) -> Result<Vec<String>, CallError> {
        let mut said = vec![
            format!("Shopware's webhooks come with an app: `kontor shops manifest {}` writes its manifest.xml.", self.shop),
            "Put it into custom/apps/Kontor/manifest.xml of the shop and run `bin/console app:install --activate Kontor`, or \
             upload it as Kontor.zip under Extensions; after a change raise its version and run `bin/console app:update Kontor`."
                .to_owned(),
            format!("The shop then registers itself with us, and sends to {address}."),
        ];
        match self.hooks(address).await {
            Ok(hooks) if hooks.iter().all(|hook| hook.active) && !hooks.is_empty() => {
                said = vec!["All webhooks of the app are there and switched on.".to_owned()];
            }
            Ok(hooks) => said.extend(hooks.into_iter().filter(|hook| hook.id.is_some() && !hook.active).map(|hook| {
                format!(
                    "The webhook for {} is switched off: Shopware does so after ten failures, without a word. Updating the app \
                     switches it on.",
                    hook.topic
                )
            })),
            // An app's own rights don't reach to the list of webhooks.
            Err(error) => tracing::info!(shop = %self.shop, cause = %chain(&error), "the shop does not show its webhooks"),
        }
        Ok(said)
    }

    async fn examine(&self, address: Option<&str>, now: Timestamp) -> Vec<Finding> {
        examine::examine(self, address, now).await
    }
}
