//! The engine's desks in a deployed function, made of the configuration in force.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use kontor_aws::{Queues, Store};
use kontor_connectors::Registry;
use kontor_connectors::config::Scope;
use kontor_connectors::http::ClientOptions;
use kontor_connectors::registry::{Reader, RegistryError};
use kontor_flow::engine::{AlertDesk, CommandDesk, EventDesk, PollDesk};
use kontor_flow::ports::{Mailer, Notifier, ThenSend};
use kontor_flow::remedy::BoxError;
use kontor_flow::{Address, Queue};

use super::{Deployed, Made, Workshop};
use crate::batch::{AlertWorker, CommandWorker, EventWorker, HOLD, LEASE, POLLING, SKEW, Worker};
use crate::book::{Book, Library};
use crate::clock;

/// Works off events.
pub struct EventShop {
    store: Arc<Store>,
    queues: Arc<Queues>,
    library: Arc<Library>,
}

impl EventShop {
    /// Over the store and the queues of `house`, with the flows in force.
    pub async fn open(house: &Deployed) -> Self {
        Self { store: house.store(), queues: house.queues(), library: house.library_with_flows().await }
    }

    /// The desk, with the configuration in force.
    pub(super) async fn desk(&self, now: Timestamp) -> Result<EventDesk, BoxError> {
        let book = self.library.book(now).await?;
        Ok(EventDesk {
            reader: Arc::clone(&self.store) as _,
            outbox: Arc::new(ThenSend {
                store: Arc::clone(&self.store),
                sender: Arc::clone(&self.queues) as _,
            }),
            flows: Arc::clone(&self.library) as _,
            intake: Arc::new(Reader(Arc::clone(&book.config))),
            sender: Arc::clone(&self.queues) as _,
        })
    }
}

#[async_trait]
impl Workshop for EventShop {
    async fn worker(&self, _from: Address, now: Timestamp) -> Result<Arc<dyn Worker>, BoxError> {
        Ok(Arc::new(EventWorker(self.desk(now).await?)))
    }
}

/// Carries out the commands of one queue.
pub struct CommandShop {
    store: Arc<Store>,
    queues: Arc<Queues>,
    library: Arc<Library>,
    queue: Queue,
    mailer: Option<Arc<dyn Mailer>>,
    registry: Made<Registry>,
}

impl CommandShop {
    /// Commands of `queue`, over the store and the queues of `house`.
    #[must_use]
    pub fn new(house: &Deployed, library: Arc<Library>, queue: Queue) -> Self {
        let registry = Made::default();
        Self { store: house.store(), queues: house.queues(), library, queue, mailer: None, registry }
    }

    /// The same, with a mail service to hand mails over to.
    #[must_use]
    pub fn with_mailer(self, mailer: Arc<dyn Mailer>) -> Self {
        Self { mailer: Some(mailer), ..self }
    }

    fn poll_desk(&self, book: &Book, registry: &Arc<Registry>) -> PollDesk {
        PollDesk {
            connectors: Arc::clone(registry) as _,
            cursors: Arc::clone(&self.store) as _,
            reader: Arc::clone(&self.store) as _,
            index: Arc::clone(&self.store) as _,
            intake: Arc::new(Reader(Arc::clone(&book.config))),
            sender: Arc::clone(&self.queues) as _,
            clock: clock::now,
            limit: POLLING,
            hold: HOLD,
            addresses: book.config.webhook_addresses(),
        }
    }

    fn connectors(&self, book: &Book) -> Result<Registry, RegistryError> {
        let scope = Scope::Work(self.queue);
        let tokens = Some(Arc::clone(&self.store) as _);
        let (mailer, options) = (self.mailer.clone(), ClientOptions::default());
        Registry::build(&book.config, &book.secrets, scope, mailer, tokens, options)
    }
}

#[async_trait]
impl Workshop for CommandShop {
    async fn worker(&self, _from: Address, now: Timestamp) -> Result<Arc<dyn Worker>, BoxError> {
        let book = self.library.book(now).await?;
        let registry = self.registry.of(&book, |book| self.connectors(book))?;
        let desk = CommandDesk {
            reader: Arc::clone(&self.store) as _,
            leases: Arc::clone(&self.store) as _,
            closing: None,
            polls: (self.queue == Queue::Shops).then(|| Arc::new(self.poll_desk(&book, &registry))),
            connectors: registry,
            outbox: Arc::new(ThenSend {
                store: Arc::clone(&self.store),
                sender: Arc::clone(&self.queues) as _,
            }),
            sender: Arc::clone(&self.queues) as _,
            lease: LEASE,
            skew: SKEW,
        };
        Ok(Arc::new(CommandWorker { desk, queue: self.queue }))
    }
}

/// Keeps what died in any queue, and calls the admin.
pub struct AlertShop {
    desk: Arc<AlertDesk>,
}

impl AlertShop {
    /// Over the store of `house`.
    #[must_use]
    pub fn new(house: &Deployed, notifier: Arc<dyn Notifier>) -> Self {
        Self { desk: Arc::new(AlertDesk { failures: house.store(), notifier }) }
    }
}

#[async_trait]
impl Workshop for AlertShop {
    async fn worker(&self, from: Address, _now: Timestamp) -> Result<Arc<dyn Worker>, BoxError> {
        let (Address::Live(queue) | Address::Dead(queue)) = from;
        Ok(Arc::new(AlertWorker { desk: Arc::clone(&self.desk), queue }))
    }
}
