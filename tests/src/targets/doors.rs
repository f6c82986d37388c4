//! What AWS hands to the functions: HTTP requests and batches of a queue.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use aws_lambda_events::sqs::SqsEvent;
use jiff::Timestamp;
use kontor_connectors::SecretRef;
use kontor_connectors::config::{Scope, ShopKind};
use kontor_connectors::registry::Reader;
use kontor_domain::{OrderKey, ShopId};
use kontor_flow::engine::EventDesk;
use kontor_flow::ports::{Configs, FlowBook, OrderReader, OrderWriter, StoreError, StoredConfig, ThenSend};
use kontor_flow::remedy::BoxError;
use kontor_flow::{Address, Flow, FlowRef, Message, Order, Queue, TimelineEntry};
use kontor_runtime::batch::{EventWorker, Post, Worker};
use kontor_runtime::book::{Library, Vault};
use kontor_runtime::lambda::{Batch, Door, HintDoor, Request, Sources, Workshop};
use kontor_runtime::webhook::Reply;
use secrecy::SecretString;

use super::world::{CONFIG, FLOW_TEXT, SECRET, Tray, now, stored_config, wait};

/// One configuration, for ever; one flow; no orders.
struct House;

#[async_trait]
impl Configs for House {
    async fn current(&self) -> Result<Option<StoredConfig>, StoreError> {
        Ok(Some(stored_config()))
    }
    async fn push(&self, _config: &StoredConfig) -> Result<(), StoreError> {
        Ok(())
    }
    async fn flow(&self, _flow: &FlowRef) -> Result<Option<String>, StoreError> {
        Ok(None)
    }
}

#[async_trait]
impl Vault for House {
    async fn open(&self, _reference: &SecretRef) -> Result<SecretString, BoxError> {
        Ok(SecretString::from(SECRET))
    }
}

#[async_trait]
impl FlowBook for House {
    async fn current(&self, _shop: &ShopId) -> Result<Option<Arc<Flow>>, StoreError> {
        Ok(Flow::parse("standard.yaml", FLOW_TEXT).ok().map(Arc::new))
    }
    async fn find(&self, _flow: &FlowRef) -> Result<Option<Arc<Flow>>, StoreError> {
        Ok(None)
    }
}

#[async_trait]
impl OrderReader for House {
    async fn load(&self, _key: &OrderKey) -> Result<Option<Arc<Order>>, StoreError> {
        Ok(None)
    }
}

#[async_trait]
impl OrderWriter for House {
    async fn store(&self, order: &Order, entry: &TimelineEntry) -> Result<(), StoreError> {
        assert_eq!((order.version, entry.version), (1, 1));
        Ok(())
    }
}

struct Doors {
    tray: Arc<Tray>,
    woocommerce: Door,
    shopify: Door,
    weclapp: HintDoor,
}

static DOORS: LazyLock<Doors> = LazyLock::new(|| {
    let tray = Arc::new(Tray::default());
    let library = |scope| Arc::new(Library::new(Arc::new(House), Arc::new(House), scope));
    let door = |kind| Door::new(library(Scope::Webhooks(kind)), Arc::clone(&tray) as _, kind);
    Doors {
        woocommerce: door(ShopKind::Woocommerce),
        shopify: door(ShopKind::Shopify),
        weclapp: HintDoor::new(library(Scope::Hints), Arc::clone(&tray) as _),
        tray,
    }
});

/// A request as the HTTP API hands it to the webhook functions.
pub fn request(event: &[u8]) {
    let read = || serde_json::from_slice::<Request>(event).ok();
    let doors = &*DOORS;
    if let Some(request) = read() {
        answered(wait(doors.woocommerce.answer(request, now())), true);
    }
    if let Some(request) = read() {
        answered(wait(doors.shopify.answer(request, now())), false);
    }
    if let Some(request) = read() {
        answered(wait(doors.weclapp.answer(request, now())), false);
    }
}

/// What was accepted lies in a queue and can be read; nothing else does. Only WooCommerce's test call is accepted and
/// leaves nothing.
fn answered(reply: Reply, pings: bool) {
    let sent = DOORS.tray.take();
    match reply {
        Reply::Accepted => {
            assert!(sent.len() == 1 || (pings && sent.is_empty()), "{} messages were sent", sent.len())
        }
        Reply::BadRequest | Reply::Unauthorized | Reply::TooLarge => {
            assert!(sent.is_empty(), "refused, and sent")
        }
        Reply::Unavailable => panic!("the house is always there"),
    }
    for (_, outgoing) in sent {
        Message::decode(&outgoing.body).unwrap();
    }
}

#[async_trait]
impl Workshop for House {
    async fn worker(&self, _from: Address, _now: Timestamp) -> Result<Arc<dyn Worker>, BoxError> {
        Ok(Arc::new(EventWorker(EventDesk {
            reader: Arc::new(House),
            outbox: Arc::new(ThenSend { store: Arc::new(House), sender: Arc::new(Tray::default()) }),
            flows: Arc::new(House),
            intake: Arc::new(Reader(Arc::clone(&CONFIG))),
            sender: Arc::new(Tray::default()),
        })))
    }
}

/// A batch as the events queue hands it to `work-events`: no record is forgotten, and none is made up.
pub fn batch(event: &[u8]) {
    let Ok(event) = serde_json::from_slice::<SqsEvent>(event) else { return };
    let ids: BTreeSet<String> = event.records.iter().filter_map(|record| record.message_id.clone()).collect();
    let tray = Arc::new(Tray::default());
    let batch = Batch {
        workshop: House,
        sources: Sources::One(Address::Live(Queue::Events)),
        post: Post { sender: Arc::clone(&tray) as _, delayer: Arc::clone(&tray) as _ },
    };
    let Ok(response) = wait(batch.settle(event, kontor_testkit::clock::time("2999-01-01T00:00:00Z"))) else {
        return;
    };
    assert!(response.batch_item_failures.iter().all(|failure| ids.contains(&failure.item_identifier)));
    for (to, _) in tray.take() {
        assert_eq!(to, Address::Dead(Queue::Events), "it was parked somewhere else");
    }
}
