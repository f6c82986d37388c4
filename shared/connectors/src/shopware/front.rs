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

use super::wire::{Child, Outline, Page, Stamp, Stamps};
use super::{Shopware, examine, read};
use crate::http::Calls;
use crate::reading::{self, sighting};

const SEARCH_ORDERS: &str = "POST /search/order";
const SEARCH_DELIVERIES: &str = "POST /search/order-delivery";
const SEARCH_PAYMENTS: &str = "POST /search/order-transaction";

/// Orders per page. Shopware takes up to 500, but an order with all that belongs to it has up to some 100 KB.
pub(super) const PAGE: usize = 40;

/// What is searched, one after the other: orders by their own times, and orders by those of their deliveries and payments,
/// whose changes don't touch the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Orders,
    Deliveries,
    Payments,
}

impl Way {
    const ALL: [Self; 3] = [Self::Orders, Self::Deliveries, Self::Payments];

    fn word(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Deliveries => "deliveries",
            Self::Payments => "payments",
        }
    }

    fn after(self) -> Option<Self> {
        match self {
            Self::Orders => Some(Self::Deliveries),
            Self::Deliveries => Some(Self::Payments),
            Self::Payments => None,
        }
    }
}

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

/// Made or changed since then. `updatedAt` is null until the first change.
fn since(from: Timestamp) -> Value {
    // Shopware compares its times by the millisecond.
    let from = format!("{from:.3}");
    let range = |field: &str| json!({ "type": "range", "field": field, "parameters": { "gte": from } });
    json!([{ "type": "multi", "operator": "or", "queries": [range("updatedAt"), range("createdAt")] }])
}

/// Whether a record was made or changed since then.
fn is_since(stamp: &Stamp, from: Timestamp) -> bool {
    let times = [&stamp.created_at, &stamp.updated_at];
    times.into_iter().flatten().any(|text| read::instant("updatedAt", text).is_ok_and(|at| at >= from))
}

impl Shopware {
    /// Orders by the search of `way`, and how many records it found.
    async fn found(
        &self,
        calls: &Calls,
        way: Way,
        page: u32,
        window: Window,
        now: Timestamp,
    ) -> Result<(Page, usize), CallError> {
        // By when they were made: that never changes, so what changes while pages are read moves none of the others.
        let mut criteria = json!({
            "page": page, "limit": PAGE, "total-count-mode": 0,
            "filter": since(window.from), "sort": [{ "field": "createdAt", "order": "ASC" }],
        });
        let (call, entity) = match way {
            Way::Orders => {
                set(&mut criteria, "associations", associations());
                let found: Page = self.api.search(calls, SEARCH_ORDERS, "order", &criteria, now).await?;
                let count = found.data.len();
                return Ok((found, count));
            }
            Way::Deliveries => (SEARCH_DELIVERIES, "order-delivery"),
            Way::Payments => (SEARCH_PAYMENTS, "order-transaction"),
        };
        let found: Page = self.api.search(calls, call, entity, &criteria, now).await?;
        let mut ids = Vec::new();
        for child in &found.data {
            let child: Child = understood(call, child)?;
            ids.push(child.order_id);
        }
        ids.sort();
        ids.dedup();
        if ids.is_empty() {
            return Ok((Page { data: Vec::new() }, 0));
        }
        let criteria = json!({
            "ids": ids, "limit": PAGE, "total-count-mode": 0, "associations": associations(),
        });
        let orders = self.api.search(calls, SEARCH_ORDERS, "order", &criteria, now).await?;
        Ok((orders, found.data.len()))
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

/// The search and the page of it that a token names; the first of all without one.
fn place(page: Option<&str>) -> Result<(Way, u32), CallError> {
    let Some(text) = page else { return Ok((Way::Orders, 1)) };
    let read = || {
        let (word, page) = text.split_once(':')?;
        let way = Way::ALL.into_iter().find(|way| way.word() == word)?;
        page.parse().ok().filter(|page| *page > 0).map(|page| (way, page))
    };
    read()
        .ok_or_else(|| super::unmapped("the name of the page is none of Shopware's; the window is read anew"))
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

#[async_trait]
impl Storefront for Shopware {
    async fn changed(
        &self,
        window: Window,
        page: Option<&str>,
        now: Timestamp,
    ) -> Result<OrderPage, CallError> {
        let (way, number) = place(page)?;
        let calls = Calls::default();
        let (found, count) = self.found(&calls, way, number, window, now).await?;
        let mut orders = Vec::new();
        for raw in &found.data {
            let (sighting, stamps) = self.sighted(raw, now)?;
            let own = Stamp { created_at: stamps.created_at.clone(), updated_at: stamps.updated_at.clone() };
            // What an earlier search of this window tells of already.
            let told = match way {
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
        let next = if count >= PAGE {
            Some((way, number.saturating_add(1)))
        } else {
            way.after().map(|way| (way, 1))
        };
        let next = next.map(|(way, page)| format!("{}:{page}", way.word()));
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
