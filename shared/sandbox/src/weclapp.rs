//! A stateful weclapp: the parts of its REST API v2 that Kontor uses, with its errors, its warehouse and its webhooks,
//! and with switches for everything that can go wrong on the way.

mod actions;
mod api;
mod books;
mod changes;
mod credits;
mod documents;
mod parse;
mod parts;
pub(crate) mod properties;
mod query;
mod records;
mod refusal;
mod report;
#[cfg(test)]
mod tests;
mod warehouse;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use rust_decimal::Decimal;
use tokio::net::TcpListener;

pub use self::report::{CreditNote, Document, Doubled, Report};
pub use crate::faults::Switches;

use self::books::Books;

use self::report::Tally;
use self::warehouse::{Notice, Warehouse};
use crate::contract::Validator;
use crate::faults::Faults;
use crate::server::{Running, StartError};

/// An article the stand-in starts with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeedArticle {
    /// The article number: the SKU.
    pub number: String,
    /// What it is called.
    pub name: String,
    /// Its own price, which an order's price replaces if that is said to be manual.
    pub price: Decimal,
    /// Its rate of tax in percent.
    pub tax: Decimal,
    /// Carriage: an article of the type `SHIPPING_COST`.
    pub shipping_cost: bool,
}

impl SeedArticle {
    /// An article that is sold, at 19 %.
    #[must_use]
    pub fn sold(number: &str) -> Self {
        Self::with_tax(number, 19)
    }

    fn with_tax(number: &str, tax: u32) -> Self {
        Self {
            number: number.to_owned(),
            name: number.to_owned(),
            price: Decimal::TEN,
            tax: Decimal::from(tax),
            shipping_cost: false,
        }
    }

    /// What every tenant of the stand-in has.
    fn usual() -> Vec<Self> {
        let mut all: Vec<Self> =
            ["TASSE-01", "SHIRT-M", "FILTER-100", "KANNE-02", "FEE", "DISCOUNT"].map(Self::sold).into();
        all.extend(["BOHNE-1KG", "EBOOK-01"].map(|number| Self::with_tax(number, 7)));
        all.extend(["ROUNDING", "GIFTCARD"].map(|number| Self::with_tax(number, 0)));
        all.push(Self { shipping_cost: true, ..Self::sold("SHIPPING") });
        all
    }
}

/// How the stand-in is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// The API token it takes.
    pub token: String,
    /// Articles beside the usual ones.
    pub articles: Vec<SeedArticle>,
    /// Tax ids and their rates in percent.
    pub taxes: Vec<(String, Decimal)>,
    /// How long the warehouse takes to pack a shipment.
    pub warehouse_delay: Duration,
    /// Where its webhooks go; none are sent without it.
    pub webhook_url: Option<String>,
    /// Whether confirming a prepayment order creates an open item by itself (a setting of the tenant).
    pub open_items_for_prepayments: bool,
    /// What the faults are drawn from: the same seed, the same faults.
    pub seed: u64,
    /// The contract every request is held against.
    pub contract: Option<Arc<Validator>>,
}

impl Default for Options {
    fn default() -> Self {
        let taxes = [19_u32, 7, 0].map(|rate| (rate.to_string(), Decimal::from(rate)));
        Self {
            token: "sandbox-token".to_owned(),
            articles: Vec::new(),
            taxes: taxes.into(),
            warehouse_delay: Duration::from_millis(200),
            webhook_url: None,
            open_items_for_prepayments: true,
            seed: 1,
            contract: None,
        }
    }
}

/// The stand-in's state, shared by everything that serves it.
#[derive(Clone)]
pub struct State {
    inner: Arc<Inner>,
}

struct Inner {
    token: String,
    contract: Option<Arc<Validator>>,
    books: Mutex<Books>,
    tally: Mutex<Tally>,
    faults: Faults,
    warehouse: Warehouse,
    /// How many changes it takes until the answer to one is lost; zero for never.
    lose: AtomicU64,
}

impl State {
    /// The state of a new tenant. Its warehouse works in a task of its own for as long as the state lives.
    #[must_use]
    pub fn new(options: &Options) -> Self {
        let inner = Arc::new(Inner {
            token: options.token.clone(),
            contract: options.contract.clone(),
            books: Mutex::new(Books::new(options)),
            tally: Mutex::new(Tally::default()),
            faults: Faults::new(options.seed),
            warehouse: Warehouse::new(options.warehouse_delay, options.webhook_url.clone()),
            lose: AtomicU64::new(0),
        });
        warehouse::open(&inner);
        Self { inner }
    }

    /// Sets the switches.
    pub fn switch(&self, switches: Switches) {
        self.inner.faults.set(switches);
    }

    /// The switches as they are.
    #[must_use]
    pub fn switches(&self) -> Switches {
        self.inner.faults.get()
    }

    /// Where webhooks go from now on.
    pub fn send_webhooks_to(&self, url: Option<String>) {
        self.inner.warehouse.send_to(url);
    }

    /// The ERP's bookkeeper finds the money for a prepayment; the order by our key or by its id. `false` if there is none.
    #[must_use]
    pub fn pay(&self, order: &str) -> bool {
        let paid = self.inner.books().pay(order);
        if let Some(id) = paid {
            self.inner.warehouse.tell(Notice { entity: "salesOrder", id });
        }
        paid.is_some()
    }

    /// The answer to the `nth` change from now on is lost, whatever it changes: it is carried out, and the connection breaks.
    /// Zero for none.
    pub fn lose_answer(&self, nth: u64) {
        self.inner.lose.store(nth, Ordering::Relaxed);
    }

    /// What is in the books, and how it came there.
    #[must_use]
    pub fn report(&self) -> Report {
        self.inner.report()
    }

    /// The routes, to be served by anyone.
    pub fn router(&self) -> Router {
        api::router(self.clone())
    }
}

impl Inner {
    /// Counts a change that was carried out; whether its answer is the one that is lost.
    fn loses_this_answer(&self) -> bool {
        let counted =
            self.lose.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        counted == Ok(1)
    }

    /// A panic of another holder is answered with a closed connection; the books are still those of before its change.
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves the stand-in on a listener until the task is dropped.
///
/// # Errors
/// If the listener fails.
pub async fn serve(listener: TcpListener, state: State) -> std::io::Result<()> {
    axum::serve(listener, state.router()).await
}

/// A stand-in that runs.
pub struct Sandbox {
    /// Its address, as in `http://127.0.0.1:4711`: what `erp.url` is set to.
    pub url: String,
    state: State,
    running: Running,
}

impl Sandbox {
    /// Starts on `address`, `127.0.0.1:0` for any free port.
    ///
    /// # Errors
    /// [`StartError`] if it can't listen there.
    pub async fn start(address: &str, options: &Options) -> Result<Self, StartError> {
        let state = State::new(options);
        let running = Running::start(address, state.router()).await?;
        Ok(Self { url: running.url.clone(), state, running })
    }

    /// The state, to set switches and read the books.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// What is in the books, and how it came there.
    #[must_use]
    pub fn report(&self) -> Report {
        self.state.report()
    }

    /// Answers what it has taken, then ends.
    ///
    /// # Errors
    /// If the listener failed before.
    pub async fn stop(self) -> std::io::Result<()> {
        self.running.stop().await
    }
}
