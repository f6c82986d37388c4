//! What the shops know: every order they sent, and every one that was taken. Kept outside Kontor.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use kontor_sandbox::traffic::{Kind, Parcel, SHOPIFY_PAID, WOO_COD, WOO_PREPAID};
use tokio::task::JoinSet;

use super::dice::Dice;
use crate::house::{SECRET, Stands};

/// How long a shop waits for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Customers; several orders of one customer are under way at the same time.
const CUSTOMERS: u64 = 37;

/// What the shops wrote down.
#[derive(Default)]
pub(super) struct Ledger(Mutex<Pages>);

/// Orders by key, as in `kaffee/17`.
#[derive(Default)]
pub(super) struct Pages {
    /// Sent at least once.
    pub(super) sent: BTreeSet<String>,
    /// Answered with 2xx, how often.
    pub(super) taken: BTreeMap<String, u32>,
    /// All answers by status; 0 where there was none.
    pub(super) answers: BTreeMap<u16, u64>,
}

impl Ledger {
    pub(super) fn read(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap()
    }

    /// How many different orders were taken.
    pub(super) fn taken(&self) -> usize {
        self.read().taken.len()
    }

    /// How often `status` was answered.
    pub(super) fn answered(&self, status: u16) -> u64 {
        self.read().answers.get(&status).copied().unwrap_or(0)
    }

    fn sends(&self, key: &str) {
        self.read().sent.insert(key.to_owned());
    }

    fn answer(&self, key: &str, status: u16) -> bool {
        let mut pages = self.read();
        *pages.answers.entry(status).or_default() += 1;
        let taken = (200..300).contains(&status);
        if taken {
            *pages.taken.entry(key.to_owned()).or_default() += 1;
        }
        taken
    }
}

/// An order of one of the shops.
pub(super) fn parcel(shop: &str, number: u64) -> Parcel {
    let recording = match (shop, number % 3) {
        ("schnee", _) => SHOPIFY_PAID,
        (_, 0) => WOO_COD,
        _ => WOO_PREPAID,
    };
    recording.parcel(shop, number, &format!("customer{}@example.test", number % CUSTOMERS)).unwrap()
}

/// The shops at work: each sends an order, and again until it is taken, and then the next.
pub(super) struct Shops {
    pub(super) ledger: Arc<Ledger>,
    closing: Arc<AtomicBool>,
    senders: JoinSet<()>,
}

struct Sender {
    stands: Arc<Stands>,
    url: String,
    client: reqwest::Client,
    ledger: Arc<Ledger>,
    closing: Arc<AtomicBool>,
    next: Arc<AtomicU64>,
    dice: Dice,
    pause: Duration,
}

impl Shops {
    /// Opens them: `senders` at once, each pausing about so long between two orders.
    pub(super) fn open(
        stands: &Arc<Stands>,
        url: &str,
        dice: &mut Dice,
        senders: u32,
        pause: Duration,
    ) -> Self {
        let (ledger, closing, next) = (Arc::default(), Arc::default(), Arc::new(AtomicU64::new(1)));
        let mut tasks = JoinSet::new();
        for _ in 0..senders {
            let sender = Sender {
                stands: Arc::clone(stands),
                url: url.to_owned(),
                client: reqwest::Client::builder().timeout(PATIENCE).build().unwrap(),
                ledger: Arc::clone(&ledger),
                closing: Arc::clone(&closing),
                next: Arc::clone(&next),
                dice: dice.split(),
                pause,
            };
            tasks.spawn(sender.work());
        }
        Self { ledger, closing, senders: tasks }
    }

    /// No new orders; what was begun is sent until it is taken.
    pub(super) async fn close(self) -> Arc<Ledger> {
        self.closing.store(true, Ordering::Relaxed);
        self.senders.join_all().await;
        self.ledger
    }
}

impl Sender {
    async fn work(mut self) {
        while !self.closing.load(Ordering::Relaxed) {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let shop = if self.dice.percent(25) { "schnee" } else { "kaffee" };
            let parcel = parcel(shop, number);
            let key = format!("{shop}/{number}");
            self.stands.place(&parcel);
            self.ledger.sends(&key);
            while !self.send(&key, &parcel).await {
                let pause = self.dice.millis(50, 250);
                tokio::time::sleep(pause).await;
            }
            if self.dice.percent(10) {
                // Shops tell of the same state more than once; this one is told of once whatever is answered.
                let again = if parcel.kind == Kind::Woocommerce { "order.updated" } else { "orders/updated" };
                self.send(&key, &parcel.told_as(again)).await;
            }
            let least = u64::try_from(self.pause.as_millis()).unwrap() / 2 + 1;
            let pause = self.dice.millis(least, least * 3);
            tokio::time::sleep(pause).await;
        }
    }

    async fn send(&self, key: &str, parcel: &Parcel) -> bool {
        let status = parcel.send(&self.client, &self.url, SECRET).await.unwrap_or(0);
        self.ledger.answer(key, status)
    }
}
