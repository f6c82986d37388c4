//! The whole bundle in one process: store, workers, schedule and webhooks over one folder.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kontor_connectors::config::{Scope, ShopKind};
use kontor_connectors::http::ClientOptions;
use kontor_connectors::registry::Reader;
use kontor_connectors::shopware::app::AppGate;
use kontor_connectors::{Config, Gate, HintGate, Registry};
use kontor_embedded::{Engine, Options};
use kontor_flow::engine::{AlertDesk, ClosingDesk, CommandDesk, EventDesk, OverdueDesk, PollDesk};
use kontor_flow::ports::{Configs as _, Mailer, StoredConfig};
use kontor_flow::remedy::{BoxError, chain};
use kontor_flow::{Address, Queue};
use kontor_runtime::apps::Apps;
use kontor_runtime::batch::{AlertWorker, CommandWorker, EventWorker, HOLD, LEASE, POLLING, Worker};
use kontor_runtime::book::{Book, Library, Vault};
use kontor_runtime::{clock, polls};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::mailer::Post;
use crate::pump::Pump;
use crate::shares::{Fair, Shares};
use crate::{http, office, privacy};

/// How often due orders are looked for.
const OVERDUE_EVERY: Duration = Duration::from_secs(20);

/// How often is looked which shops are to be asked.
const A_MINUTE: Duration = Duration::from_secs(60);

/// How often old leases and failures are thrown away.
const PURGE_EVERY: u32 = 180;

/// What a house is made of.
pub(crate) struct Plan {
    /// `kontor.yaml`.
    pub(crate) yaml: String,
    /// Its flows, name to YAML.
    pub(crate) flows: BTreeMap<String, String>,
    /// The folder with everything that is kept.
    pub(crate) data: PathBuf,
    /// Where the secrets are.
    pub(crate) vault: Arc<dyn Vault>,
    /// Commands carried out at the same time, per queue.
    pub(crate) width: usize,
    /// How often every shop is asked for orders that changed; as the configuration has it where nothing is given.
    pub(crate) ask_every: Option<Duration>,
}

/// The process, open but not yet working.
pub(crate) struct House {
    /// Store and queues.
    pub(crate) engine: Engine,
    /// The configuration in force.
    pub(crate) book: Arc<Book>,
    library: Arc<Library>,
    registry: Arc<Registry>,
    data: PathBuf,
    width: usize,
    ask_every: Option<Duration>,
}

/// Everything a webhook needs.
pub(crate) struct Doors {
    /// Proofs by kind of shop.
    pub(crate) gates: BTreeMap<ShopKind, Gate>,
    /// The ERP's hints.
    pub(crate) hints: HintGate,
    /// Shops that register.
    pub(crate) app_gate: AppGate,
    /// What they handed to us.
    pub(crate) apps: Apps,
    /// Store and queues.
    pub(crate) engine: Engine,
    /// Room for long bodies, in KiB.
    pub(crate) room: Semaphore,
}

/// Opens the store in `data`.
pub(crate) fn open_engine(data: &Path) -> Result<Engine, BoxError> {
    Ok(Engine::open(data, Arc::new(clock::now))?)
}

impl House {
    /// Opens the store, puts the configuration into force, makes the connectors.
    pub(crate) async fn open(plan: Plan) -> Result<Self, BoxError> {
        let config = Config::parse("kontor.yaml", &plan.yaml)
            .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
        let settling = Duration::from_secs(config.erp.settle_seconds.into());
        let options = Options { settling, ..Options::default() };
        let engine = Engine::open_with(&plan.data, Arc::new(clock::now), options)?;
        put_into_force(&engine, &plan).await?;
        let library = Arc::new(Library::new(Arc::new(engine.clone()), plan.vault, Scope::Everything));
        let book = library.book(clock::now()).await?;
        let mailer = mailer(&book, &plan.data)?;
        let tokens = Some(Arc::new(engine.clone()) as _);
        let options = ClientOptions { idle_connections: plan.width, ..ClientOptions::default() };
        let registry =
            Registry::build(&book.config, &book.secrets, Scope::Everything, mailer, tokens, options)?;
        let (data, width, ask_every) = (plan.data, plan.width, plan.ask_every);
        Ok(Self { engine, book, library, registry: Arc::new(registry), data, width, ask_every })
    }

    /// Works until `stop` turns true: takes webhooks on `listener`, works off the queues, does what becomes due.
    pub(crate) async fn run(
        self,
        listener: TcpListener,
        stop: watch::Receiver<bool>,
    ) -> Result<(), BoxError> {
        let mut tasks = JoinSet::new();
        for pump in self.pumps() {
            tasks.spawn(pump.run(stop.clone()));
        }
        tasks.spawn(overdue(self.overdue_desk(), self.engine.clone(), stop.clone()));
        tasks.spawn(ask(Arc::clone(&self.book), self.engine.clone(), self.ask_every, stop.clone()));
        let days = self.book.config.retention.as_ref().map(|retention| retention.orders_days);
        tasks.spawn(privacy::expire_daily(self.engine.clone(), days, stop.clone()));
        let control = office::listen(&self.data)?;
        tasks.spawn(office::serve(control, self.engine.clone(), stop.clone()));
        let served = http::serve(listener, Arc::new(self.doors()?), stop).await;
        while let Some(ended) = tasks.join_next().await {
            ended?;
        }
        served
    }

    fn doors(&self) -> Result<Doors, BoxError> {
        let mut gates = BTreeMap::new();
        for kind in ShopKind::ALL {
            gates.insert(kind, Gate::build(&self.book.config, kind, &self.book.secrets)?);
        }
        let hints = HintGate::build(&self.book.config.erp, &self.book.secrets)?;
        let app_gate = AppGate::build(&self.book.config, &self.book.secrets)?;
        let apps = Apps { tokens: Arc::new(self.engine.clone()) };
        let room = Semaphore::new(http::ROOM);
        Ok(Doors { gates, hints, app_gate, apps, engine: self.engine.clone(), room })
    }

    fn event_desk(&self) -> EventDesk {
        EventDesk {
            reader: Arc::new(self.engine.clone()),
            outbox: Arc::new(self.engine.clone()),
            flows: Arc::clone(&self.library) as _,
            intake: Arc::new(Reader(Arc::clone(&self.book.config))),
            sender: Arc::new(self.engine.clone()),
        }
    }

    fn overdue_desk(&self) -> OverdueDesk {
        OverdueDesk { index: Arc::new(self.engine.clone()), desk: self.event_desk() }
    }

    fn closing_desk(&self) -> ClosingDesk {
        ClosingDesk {
            desk: self.event_desk(),
            closing: Arc::new(self.engine.clone()),
            outbox: Arc::new(self.engine.clone()),
        }
    }

    fn command_desk(&self) -> CommandDesk {
        CommandDesk {
            reader: Arc::new(self.engine.clone()),
            leases: Arc::new(self.engine.clone()),
            outbox: Arc::new(self.engine.clone()),
            closing: Some(Arc::new(self.closing_desk())),
            polls: Some(Arc::new(self.poll_desk())),
            connectors: Arc::clone(&self.registry) as _,
            sender: Arc::new(self.engine.clone()),
            lease: LEASE,
            // One process, one clock.
            skew: Duration::ZERO,
        }
    }

    fn poll_desk(&self) -> PollDesk {
        PollDesk {
            connectors: Arc::clone(&self.registry) as _,
            cursors: Arc::new(self.engine.clone()),
            reader: Arc::new(self.engine.clone()),
            index: Arc::new(self.engine.clone()),
            intake: Arc::new(Reader(Arc::clone(&self.book.config))),
            sender: Arc::new(self.engine.clone()),
            clock: clock::now,
            limit: POLLING,
            hold: HOLD,
            addresses: self.book.config.webhook_addresses(),
        }
    }

    fn pumps(&self) -> Vec<Pump> {
        let alerts = Arc::new(AlertDesk {
            failures: Arc::new(self.engine.clone()),
            notifier: Arc::new(self.engine.clone()),
        });
        let mut pumps = Vec::new();
        for queue in Queue::ALL {
            let live: Arc<dyn Worker> = match queue {
                Queue::Events => Arc::new(EventWorker(self.event_desk())),
                Queue::Erp | Queue::Mail => Arc::new(CommandWorker { desk: self.command_desk(), queue }),
                Queue::Shops => {
                    let worker = CommandWorker { desk: self.command_desk(), queue };
                    let shops = self.book.config.shops.iter().map(|shop| shop.id.clone());
                    Arc::new(Fair { worker, shares: Shares::new(self.width, shops) })
                }
            };
            let dead = Arc::new(AlertWorker { desk: Arc::clone(&alerts), queue });
            let after = (queue == Queue::Events).then_some(Address::Live(Queue::Erp));
            let pump =
                |from, worker, width, after| Pump { engine: self.engine.clone(), from, worker, width, after };
            pumps.push(pump(Address::Live(queue), live, self.width, after));
            pumps.push(pump(Address::Dead(queue), dead, 4, None));
        }
        pumps
    }
}

/// Keeps the configuration under a new version if it differs from the one in force.
async fn put_into_force(engine: &Engine, plan: &Plan) -> Result<(), BoxError> {
    kontor_runtime::book::check("kontor.yaml", &plan.yaml, &plan.flows)
        .map_err(|problems| problems.join("\n"))?;
    let current = engine.current().await?;
    let same = current.as_ref().is_some_and(|c| c.yaml == plan.yaml && c.flows == plan.flows);
    if same {
        return Ok(());
    }
    let version = current.map_or(1, |c| c.version.saturating_add(1));
    let stored = StoredConfig {
        version,
        yaml: plan.yaml.clone(),
        flows: plan.flows.clone(),
        pushed_at: clock::now(),
        pushed_by: "kontor up".to_owned(),
    };
    Ok(engine.push(&stored).await?)
}

fn mailer(book: &Book, data: &Path) -> Result<Option<Arc<dyn Mailer>>, BoxError> {
    let Some(mail) = &book.config.mail else { return Ok(None) };
    let post = match &mail.smtp {
        Some(reference) => Post::smtp(&book.secrets.get(reference)?)?,
        None => Post::folder(&data.join("outbox"))?,
    };
    Ok(Some(Arc::new(post)))
}

async fn overdue(desk: OverdueDesk, engine: Engine, mut stop: watch::Receiver<bool>) {
    let mut rounds = 0_u32;
    loop {
        let stopped = stop.clone();
        if let Err(error) = desk.run(clock::now(), &|| *stopped.borrow()).await {
            tracing::error!(cause = %chain(&error), "due orders cannot be looked for");
        }
        if rounds.is_multiple_of(PURGE_EVERY)
            && let Err(error) = engine.purge(clock::now()).await
        {
            tracing::warn!(cause = %chain(&error), "old leases cannot be thrown away");
        }
        if rounds.is_multiple_of(PURGE_EVERY)
            && let Err(error) = engine.purge_failures(clock::now()).await
        {
            tracing::warn!(cause = %chain(&error), "old failures cannot be thrown away");
        }
        rounds = rounds.wrapping_add(1);
        tokio::select! {
            () = tokio::time::sleep(OVERDUE_EVERY) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

/// Has the shops asked for their orders: all of them at first, because nobody knows how long we were away.
async fn ask(book: Arc<Book>, engine: Engine, every: Option<Duration>, mut stop: watch::Receiver<bool>) {
    let mut due = polls::all_changed(&book.config);
    loop {
        if let Err(error) = polls::send(&engine, due).await {
            tracing::error!(cause = %chain(error.as_ref()), "shops cannot be asked");
        }
        tokio::select! {
            () = tokio::time::sleep(every.unwrap_or(A_MINUTE)) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        due = match every {
            Some(_) => polls::all_changed(&book.config),
            None => polls::due(&book.config, clock::now()),
        };
    }
}

/// The address a listener is reached at.
pub(crate) fn url(listener: &TcpListener) -> Result<String, BoxError> {
    let address: SocketAddr = listener.local_addr()?;
    Ok(format!("http://{address}"))
}
