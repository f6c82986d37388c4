//! Asking the shops: what a thin notice names is fetched, what no webhook told is found, what a shop changed silently is compared.
//!
//! Webhooks are fast, polls are the truth. Whatever is found goes into the events queue as it came, and is read there like
//! any delivery.

mod progress;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kontor_domain::{OrderKey, OrderLife, ShopId};

pub use self::progress::Progress;
use super::{DeskError, Parked, Verdict};
use crate::ports::{
    Connectors, Cursors, Intake, OrderFilter, OrderIndex, OrderReader, Outgoing, Owner, Sender, Storefront,
};
use crate::remedy::chain;
use crate::storefront::{Notice, Sighting};
use crate::{
    Address, Envelope, Event, EventRecord, FailureClass, Happened, Inquiry, Message, OrderStatus, Poll,
    Queue, Remedy,
};

/// When an order that a notice names and the shop does not have yet is looked for again: shops tell of an order before they
/// have committed it (Smartstore's event is raised inside the transaction). After that the next poll finds it.
const NOT_YET: [Duration; 3] = [Duration::from_secs(5), Duration::from_secs(30), Duration::from_secs(120)];

/// How long a shop may be away before a person is told that its orders can't be asked for.
const PATIENCE: Duration = Duration::from_secs(30 * 60);

/// A person who was told is told again after so long.
const TELL_AGAIN: Duration = Duration::from_secs(6 * 3600);

/// How much longer than its time a run may hold its lock.
const LOCK_RESERVE: Duration = Duration::from_secs(20);

/// The longest pause a queue keeps (SQS `DelaySeconds`).
const LONGEST_PAUSE: Duration = Duration::from_secs(900);

/// By how much the clock of a shop may run behind ours: an order that is gone is gone as of now, whatever its last revision.
const CLOCKS_APART: Duration = Duration::from_secs(600);

/// Open orders of one status that are compared in one go.
const MOST_OPEN: usize = 10_000;

/// Asks shops.
pub struct PollDesk {
    /// Finds shops.
    pub connectors: Arc<dyn Connectors>,
    /// How far each shop has been asked.
    pub cursors: Arc<dyn Cursors>,
    /// What is known already.
    pub reader: Arc<dyn OrderReader>,
    /// Which orders are open.
    pub index: Arc<dyn OrderIndex>,
    /// Reads what was fetched, to see whether it says anything new.
    pub intake: Arc<dyn Intake>,
    /// Tells of it.
    pub sender: Arc<dyn Sender>,
    /// What time it is: a run ends when its time is up, and goes on in the next.
    pub clock: fn() -> Timestamp,
    /// How long a run may take.
    pub limit: Duration,
    /// Where each shop's webhooks lead to, if that is known.
    pub addresses: BTreeMap<ShopId, String>,
}

/// How a run ended.
enum Ended {
    /// There is nothing more to ask.
    Through,
    /// There is more, after this pause.
    More(Duration),
}

impl PollDesk {
    /// Fetches what a thin notice names. `receives` counts how often the notice was taken out of its queue.
    pub async fn fetch(&self, notice: &Envelope, receives: u32, now: Timestamp) -> Verdict {
        match self.fetch_all(notice, now).await {
            Ok(true) => Verdict::Done,
            Ok(false) => {
                let turn = usize::try_from(receives.saturating_sub(1)).unwrap_or(usize::MAX);
                match NOT_YET.get(turn) {
                    Some(after) => Verdict::Again { attempts: receives, after: Some(*after) },
                    None => {
                        tracing::warn!(shop = %notice.shop, "a notice names an order that the shop does not have");
                        Verdict::Done
                    }
                }
            }
            Err(error) => error.verdict(receives, None),
        }
    }

    /// Whether everything that was named is there.
    async fn fetch_all(&self, notice: &Envelope, now: Timestamp) -> Result<bool, DeskError> {
        let storefront = self.storefront(&notice.shop)?;
        let named = match storefront.notice(notice)? {
            Notice::Nothing => return Ok(true),
            Notice::Something => {
                let poll = Poll { shop: notice.shop.clone(), what: Inquiry::Changed };
                self.send(Queue::Shops, &Message::Poll(poll), Duration::ZERO).await?;
                return Ok(true);
            }
            Notice::Orders(named) => named,
        };
        let mut all = true;
        for id in named {
            match storefront.order(&id, now).await? {
                Some(sighting) => self.tell(sighting).await?,
                None => all = false,
            }
        }
        Ok(all)
    }

    /// Asks a shop.
    pub async fn poll(&self, poll: &Poll, owner: &Owner, now: Timestamp) -> Verdict {
        let done = match poll.what {
            Inquiry::Changed => return self.changed(poll, owner, now).await,
            Inquiry::Open => self.open(poll, owner, now).await.map(|()| Verdict::Done),
            Inquiry::Hooks => self.hooks(poll, now).await,
        };
        done.unwrap_or_else(|error| match error.remedy() {
            // The schedule asks again.
            Remedy::Retry { .. } | Remedy::Reconcile { .. } => {
                tracing::warn!(shop = %poll.shop, cause = %chain(&error), "shop could not be asked");
                Verdict::Done
            }
            Remedy::Park | Remedy::Alarm => error.verdict(1, None),
        })
    }

    async fn changed(&self, poll: &Poll, owner: &Owner, now: Timestamp) -> Verdict {
        let worked = async {
            let storefront = self.storefront(&poll.shop)?;
            let name = Progress::name(&poll.shop);
            let Some(text) = self.cursors.lock(&name, owner, now, self.held_until(now)).await? else {
                return Ok(None);
            };
            let mut progress = Progress::parse(&text, now);
            let ended = self.read(storefront.as_ref(), &poll.shop, &mut progress, now).await;
            let verdict = judge(&ended, &mut progress, now);
            let kept = progress.text();
            if !self.cursors.save(&name, owner, &kept).await? {
                tracing::warn!(shop = %poll.shop, "the run took longer than its lock");
            }
            if let Ok(Ended::More(pause)) = ended {
                self.send(Queue::Shops, &Message::Poll(poll.clone()), pause).await?;
            }
            Ok::<_, DeskError>(verdict)
        };
        match worked.await {
            Ok(verdict) => verdict.unwrap_or(Verdict::Done),
            // Store or queue: the message comes again.
            Err(error) => error.verdict(1, None),
        }
    }

    /// Reads on from where the last run ended.
    async fn read(
        &self,
        storefront: &dyn Storefront,
        shop: &ShopId,
        progress: &mut Progress,
        now: Timestamp,
    ) -> Result<Ended, DeskError> {
        loop {
            let asked_at = (self.clock)().max(now);
            let (window, page) = progress.next(asked_at);
            let page = storefront.changed(window, page.as_deref(), asked_at).await;
            let page = page.inspect_err(|error| progress.stumbled(error))?;
            let seen = page.orders.len();
            let latest = page.orders.iter().map(|sighting| sighting.as_of).max();
            let mut news = Vec::new();
            for sighting in page.orders {
                if !self.is_known(shop, &sighting).await? {
                    let body = Message::Delivery(sighting.envelope).encode()?;
                    news.push(Outgoing::now(body));
                }
            }
            let told = news.len();
            if told > 0 {
                self.sender.send(Address::Live(Queue::Events), news).await?;
            }
            let pause = page.pause.unwrap_or_default();
            let is_last = progress.turn(page.next, seen, told, latest, asked_at);
            // A window that an outage kept open for long is followed by the next one at once.
            if is_last && window.until > asked_at {
                return Ok(Ended::Through);
            }
            if !pause.is_zero() || self.is_over(now) {
                return Ok(Ended::More(pause.min(LONGEST_PAUSE)));
            }
        }
    }

    /// Whether nothing in it is news. An older revision never is. The same one may be: shops tell revisions in whole seconds, and
    /// what we fetch says more than what they deliver (what a refund is for).
    async fn is_known(&self, shop: &ShopId, sighting: &Sighting) -> Result<bool, DeskError> {
        let key = OrderKey::new(shop.clone(), sighting.order.clone());
        let Some(order) = self.reader.load(&key).await? else { return Ok(false) };
        let Some(told) = order.facts.placed.as_ref().filter(|told| !told.is_contradictory()) else {
            return Ok(false);
        };
        if told.as_of() != sighting.as_of {
            return Ok(told.as_of() > sighting.as_of);
        }
        // What can't be read is a failure already.
        let news = self.intake.read(&sighting.envelope).unwrap_or_default();
        Ok(!news.iter().any(|known| known.order == key && order.facts.would_change(&known.events)))
    }

    /// Compares the open orders of a shop with what it has.
    async fn open(&self, poll: &Poll, owner: &Owner, now: Timestamp) -> Result<(), DeskError> {
        let storefront = self.storefront(&poll.shop)?;
        let name = format!("open/{}", poll.shop);
        let Some(after) = self.cursors.lock(&name, owner, now, self.held_until(now)).await? else {
            return Ok(());
        };
        let (reached, ended) = self.compare(storefront.as_ref(), &poll.shop, after, now).await;
        self.cursors.save(&name, owner, &reached).await?;
        match ended? {
            Ended::Through => Ok(()),
            Ended::More(pause) => self.send(Queue::Shops, &Message::Poll(poll.clone()), pause).await,
        }
    }

    /// Compares from the order after `after` on. Answers which order it came to; nothing if to the end.
    async fn compare(
        &self,
        storefront: &dyn Storefront,
        shop: &ShopId,
        after: String,
        now: Timestamp,
    ) -> (String, Result<Ended, DeskError>) {
        let mut reached = after;
        let open = match self.open_orders(shop).await {
            Ok(open) => open,
            Err(error) => return (reached, Err(error)),
        };
        for key in open {
            if key.order.as_str() <= reached.as_str() {
                continue;
            }
            if self.is_over(now) {
                return (reached, Ok(Ended::More(Duration::ZERO)));
            }
            if let Err(error) = self.compare_one(storefront, &key).await {
                return (reached, Err(error));
            }
            reached = key.order.as_str().to_owned();
        }
        (String::new(), Ok(Ended::Through))
    }

    async fn open_orders(&self, shop: &ShopId) -> Result<Vec<OrderKey>, DeskError> {
        let mut open = Vec::new();
        for status in OrderStatus::ALL.into_iter().filter(|status| !status.is_over()) {
            let filter = OrderFilter { status: Some(status), shop: Some(shop.clone()), limit: MOST_OPEN };
            open.extend(self.index.list(&filter).await?.into_iter().map(|summary| summary.key));
        }
        open.sort();
        open.dedup();
        Ok(open)
    }

    async fn compare_one(&self, storefront: &dyn Storefront, key: &OrderKey) -> Result<(), DeskError> {
        let asked_at = (self.clock)();
        let Some(sighting) = storefront.order(&key.order, asked_at).await? else {
            tracing::info!(order = %key, "order is gone from its shop");
            return self.gone(key, asked_at).await;
        };
        let Some(order) = self.reader.load(key).await? else { return Ok(()) };
        let is_news = match self.intake.read(&sighting.envelope) {
            Ok(news) => news.iter().any(|n| n.order == *key && order.facts.would_change(&n.events)),
            // It becomes a failure with its body, but not every night anew.
            Err(_) => order.facts.placed.as_ref().is_none_or(|told| told.as_of() < sighting.as_of),
        };
        if is_news {
            tracing::info!(order = %key, "shop changed an order without saying so");
            self.tell(sighting).await?;
        }
        Ok(())
    }

    async fn gone(&self, key: &OrderKey, seen: Timestamp) -> Result<(), DeskError> {
        let as_of = seen.saturating_add(CLOCKS_APART).unwrap_or(Timestamp::MAX);
        let event = EventRecord { as_of, seen: Some(seen), event: Event::Life(OrderLife::Deleted) };
        let happened = Happened { order: key.clone(), events: vec![event] };
        self.send(Queue::Events, &Message::Happened(happened), Duration::ZERO).await
    }

    /// Looks whether the shop still calls us. One that does not is a failure: polls find its orders, but later.
    async fn hooks(&self, poll: &Poll, _now: Timestamp) -> Result<Verdict, DeskError> {
        let Some(address) = self.addresses.get(&poll.shop) else { return Ok(Verdict::Done) };
        let hooks = self.storefront(&poll.shop)?.hooks(address).await?;
        let off: Vec<String> = hooks.into_iter().filter(|hook| !hook.active).map(|hook| hook.topic).collect();
        if off.is_empty() {
            return Ok(Verdict::Done);
        }
        let cause = format!(
            "the shop {} does not call us any more for {}; `kontor shops connect {}` switches that on again",
            poll.shop,
            off.join(", "),
            poll.shop
        );
        tracing::error!(shop = %poll.shop, cause, "webhooks are switched off");
        Ok(Verdict::Park(Parked { class: FailureClass::Disconnected, cause, attempts: 1, order: None }))
    }

    fn storefront(&self, shop: &ShopId) -> Result<Arc<dyn Storefront>, DeskError> {
        let storefront = self.connectors.for_shop(shop);
        storefront.ok_or_else(|| DeskError::Unknown { what: format!("how to ask the shop {shop}") })
    }

    async fn tell(&self, sighting: Sighting) -> Result<(), DeskError> {
        self.send(Queue::Events, &Message::Delivery(sighting.envelope), Duration::ZERO).await
    }

    async fn send(&self, to: Queue, message: &Message, delay: Duration) -> Result<(), DeskError> {
        let message = Outgoing { delay, ..Outgoing::now(message.encode()?) };
        Ok(self.sender.send(Address::Live(to), vec![message]).await?)
    }

    fn is_over(&self, began: Timestamp) -> bool {
        (self.clock)() >= began.saturating_add(self.limit).unwrap_or(Timestamp::MAX)
    }

    fn held_until(&self, now: Timestamp) -> Timestamp {
        now.saturating_add(self.limit.saturating_add(LOCK_RESERVE)).unwrap_or(Timestamp::MAX)
    }
}

/// What becomes of the message: the schedule asks again anyway, so only what does not pass by itself is told, and not every
/// minute.
fn judge(ended: &Result<Ended, DeskError>, progress: &mut Progress, now: Timestamp) -> Option<Verdict> {
    let error = match ended {
        Ok(_) => {
            progress.failing = None;
            return None;
        }
        Err(error) => error,
    };
    let failing = progress.failing.get_or_insert(progress::Failing { since: now, told: None });
    let lasts = Duration::try_from(now.duration_since(failing.since)).unwrap_or_default();
    let passing = match error.remedy() {
        Remedy::Retry { .. } | Remedy::Reconcile { .. } => lasts < PATIENCE,
        Remedy::Park | Remedy::Alarm => false,
    };
    tracing::warn!(cause = %chain(error), "shop could not be asked for its orders");
    let told_lately = failing
        .told
        .is_some_and(|told| Duration::try_from(now.duration_since(told)).unwrap_or_default() < TELL_AGAIN);
    if passing || told_lately {
        return None;
    }
    failing.told = Some(now);
    let class = match error.remedy() {
        Remedy::Retry { .. } | Remedy::Reconcile { .. } => FailureClass::Outage,
        Remedy::Park | Remedy::Alarm => error.class(),
    };
    Some(Verdict::Park(Parked { class, cause: chain(error), attempts: 1, order: None }))
}
