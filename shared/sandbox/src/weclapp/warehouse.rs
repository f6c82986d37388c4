//! The warehouse behind the stand-in: packs every shipment after a while and has weclapp's webhooks tell about it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;

use super::Inner;

/// How weclapp's webhooks call themselves (logged live, 2026-06).
const SENDER: &str = "weclapp/22 (weclapp webhook sender)";
/// Webhooks under way at once.
const AT_ONCE: usize = 16;
/// How often a webhook is tried.
const ATTEMPTS: u32 = 5;
/// After how long the shelf is looked at again even if nothing was put on it.
const IDLE: Duration = Duration::from_secs(1);
/// After how long a shipment that is held is looked at again.
const HELD: Duration = Duration::from_millis(50);

/// Word of a change.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Notice {
    /// What kind of record.
    pub(crate) entity: &'static str,
    /// Which.
    pub(crate) id: u64,
}

/// Shipments to be packed, and where word of them goes.
pub(crate) struct Warehouse {
    delay: Duration,
    shelf: Mutex<VecDeque<(Instant, u64)>>,
    notices: Mutex<VecDeque<Notice>>,
    put: Notify,
    held: AtomicBool,
    webhook: Mutex<Option<String>>,
}

impl Warehouse {
    /// Packs after `delay`, tells `webhook`.
    pub(crate) fn new(delay: Duration, webhook: Option<String>) -> Self {
        Self {
            delay,
            shelf: Mutex::new(VecDeque::new()),
            notices: Mutex::new(VecDeque::new()),
            put: Notify::new(),
            held: AtomicBool::new(false),
            webhook: Mutex::new(webhook),
        }
    }

    /// A shipment to be packed.
    pub(crate) fn pack(&self, shipment: u64) {
        let due = Instant::now() + self.delay;
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner).push_back((due, shipment));
        self.put.notify_one();
    }

    /// Held or let go: while it is held, nothing leaves.
    pub(crate) fn hold(&self, hold: bool) {
        self.held.store(hold, Ordering::Relaxed);
        self.put.notify_one();
    }

    /// A shipment stays on the shelf.
    fn put_back(&self, shipment: u64) {
        let due = Instant::now() + self.delay.max(HELD);
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner).push_back((due, shipment));
    }

    /// Something to tell.
    pub(crate) fn tell(&self, notice: Notice) {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).push_back(notice);
        self.put.notify_one();
    }

    /// Where word goes from now on.
    pub(crate) fn send_to(&self, url: Option<String>) {
        *self.webhook.lock().unwrap_or_else(PoisonError::into_inner) = url;
    }

    fn webhook(&self) -> Option<String> {
        self.webhook.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Shipments whose time has come, and how long until the next.
    fn due(&self) -> (Vec<u64>, Duration) {
        let now = Instant::now();
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        let count = shelf.iter().take_while(|(due, _)| *due <= now).count();
        let due = shelf.drain(..count).map(|(_, shipment)| shipment).collect();
        let next = shelf.front().map_or(IDLE, |(due, _)| due.saturating_duration_since(now));
        (due, next.min(IDLE))
    }

    fn take_notices(&self) -> Vec<Notice> {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect()
    }
}

/// Opens the warehouse: it works until the stand-in is dropped.
pub(crate) fn open(inner: &Arc<Inner>) {
    tokio::spawn(work(Arc::downgrade(inner)));
}

async fn work(inner: Weak<Inner>) {
    let client = reqwest::Client::builder().user_agent(SENDER).timeout(Duration::from_secs(10)).build();
    let Ok(client) = client else { return };
    let slots = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let Some(here) = inner.upgrade() else { return };
        let (due, next) = here.warehouse.due();
        let held = here.warehouse.held.load(Ordering::Relaxed);
        for shipment in due {
            if held {
                if here.books().print(shipment) {
                    here.warehouse.put_back(shipment);
                }
                continue;
            }
            if here.books().ship(shipment) {
                here.warehouse.tell(Notice { entity: "shipment", id: shipment });
            }
        }
        let notices = here.warehouse.take_notices();
        if let Some(url) = here.warehouse.webhook() {
            for notice in notices {
                let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
                let (client, url, tally) = (client.clone(), url.clone(), Arc::downgrade(&here));
                tokio::spawn(async move {
                    let taken = deliver(&client, &url, notice).await;
                    drop(slot);
                    if let Some(inner) = tally.upgrade() {
                        let mut tally = inner.tally();
                        if taken { tally.webhooks_sent += 1 } else { tally.webhooks_failed += 1 }
                    }
                });
            }
        }
        let wait = async { tokio::time::timeout(next, here.warehouse.put.notified()).await };
        // Woken early or not: the shelf is looked at.
        if wait.await.is_err() {}
    }
}

/// Whether somebody took it.
async fn deliver(client: &reqwest::Client, url: &str, notice: Notice) -> bool {
    let body = format!(r#"{{"entityId":"{}","entityName":"{}","type":"UPDATE"}}"#, notice.id, notice.entity);
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            tokio::time::sleep(Duration::from_millis(100 << attempt)).await;
        }
        let request = client.post(url).header("content-type", "application/json").body(body.clone());
        if request.send().await.is_ok_and(|answer| answer.status().is_success()) {
            return true;
        }
    }
    false
}
