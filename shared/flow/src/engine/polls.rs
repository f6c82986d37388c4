//! Asking the shops: what a thin notice names is fetched, what no webhook told is found, what a shop changed silently is compared.
//!
//! Webhooks are fast, polls are the truth. Whatever is found goes into the events queue as it came, and is read there like
//! any delivery.

mod open;
mod progress;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kontor_domain::{OrderKey, ShopId};

pub use self::progress::Progress;
use super::{DeskError, Parked, Verdict};
use crate::ports::{
    Connectors, Cursors, Intake, OrderIndex, OrderReader, Outgoing, Owner, Sender, StoreError, Storefront,
};
use crate::remedy::chain;
use crate::storefront::{Notice, Sighting};
use crate::{Address, Envelope, FailureClass, Inquiry, Message, Poll, Queue, Remedy};

/// When an order that a notice names and the shop does not have yet is looked for again: shops tell of an order before they
/// have committed it (Smartstore's event is raised inside the transaction). After that the next poll finds it.
const NOT_YET: [Duration; 3] = [Duration::from_secs(5), Duration::from_secs(30), Duration::from_secs(120)];

/// How long a shop may be away before a person is told that its orders can't be asked for.
const PATIENCE: Duration = Duration::from_secs(30 * 60);

/// A person who was told is told again after so long.
const TELL_AGAIN: Duration = Duration::from_secs(6 * 3600);

/// When a shop that another run is asking is asked again, first: most runs take seconds. What a shop called us for may have
/// happened after that run's page was read.
const SOON: Duration = Duration::from_secs(10);

/// The longest pause a queue keeps (SQS `DelaySeconds`).
const LONGEST_PAUSE: Duration = Duration::from_secs(900);

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
    /// How long a run may take before it makes way; the last call of it may take its time.
    pub limit: Duration,
    /// How long a run holds its lock: longer than any worker may take.
    pub hold: Duration,
    /// Where each shop's webhooks lead to, if that is known.
    pub addresses: BTreeMap<ShopId, String>,
}

/// How a run ended.
enum Ended {
    /// There is nothing more to ask.
    Through,
    /// There is more, after this pause.
    More(Duration),
    /// Another run has taken its place.
    Overtaken,
}

/// A run that holds the lock of its cursor.
struct Run<'a> {
    shop: &'a ShopId,
    name: String,
    owner: &'a Owner,
    began: Timestamp,
}

impl PollDesk {
    /// Fetches what a thin notice names. `receives` counts how often the notice was taken out of its queue.
    pub async fn fetch(&self, notice: &Envelope, receives: u32, now: Timestamp) -> Verdict {
        if notice.topic == open::LOOK {
            let looked = self.look(notice, receives, now).await;
            return looked.unwrap_or_else(|error| error.verdict(receives, None));
        }
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

    /// Asks a shop. `receives` counts how often the message was taken out of its queue.
    pub async fn poll(&self, poll: &Poll, receives: u32, owner: &Owner, now: Timestamp) -> Verdict {
        let done = match poll.what {
            Inquiry::Changed => return self.changed(poll, receives, owner, now).await,
            Inquiry::Open => self.open(poll, owner, now).await,
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

    async fn changed(&self, poll: &Poll, receives: u32, owner: &Owner, now: Timestamp) -> Verdict {
        let worked = async {
            let storefront = self.storefront(&poll.shop)?;
            let run = Run { shop: &poll.shop, name: Progress::name(&poll.shop), owner, began: now };
            let Some(text) = self.cursors.lock(&run.name, owner, now, self.held_until(now)).await? else {
                return Ok(self.occupied(receives));
            };
            let mut progress = Progress::parse(&text, now);
            let ended = self.read(storefront.as_ref(), &run, &mut progress).await;
            let verdict = judge(&ended, &mut progress, now);
            let overtaken = matches!(ended, Ok(Ended::Overtaken));
            if overtaken || !self.cursors.save(&run.name, owner, &progress.text()).await? {
                tracing::warn!(shop = %poll.shop, "another run has taken this one's place");
            }
            if let Ok(Ended::More(pause)) = ended {
                self.send(Queue::Shops, &Message::Poll(poll.clone()), pause).await?;
            }
            Ok::<_, DeskError>(verdict.unwrap_or(Verdict::Done))
        };
        // Store or queue: the message comes again.
        worked.await.unwrap_or_else(|error| error.verdict(1, None))
    }

    /// What becomes of a poll while another run is at work. That run may be past what the poll is for, so it comes again: soon,
    /// then when that run is certainly over. Whoever is at work by then began after it.
    fn occupied(&self, receives: u32) -> Verdict {
        match receives {
            0 | 1 => Verdict::Again { attempts: receives, after: Some(SOON) },
            2 => Verdict::Again { attempts: receives, after: Some(self.hold) },
            3.. => Verdict::Done,
        }
    }

    /// Reads on from where the last run ended.
    async fn read(
        &self,
        storefront: &dyn Storefront,
        run: &Run<'_>,
        progress: &mut Progress,
    ) -> Result<Ended, DeskError> {
        loop {
            let asked_at = (self.clock)().max(run.began);
            let (window, page) = progress.next(asked_at);
            let page = storefront.changed(window, page.as_deref(), asked_at).await;
            let page = page.inspect_err(|error| progress.stumbled(error))?;
            let seen = page.orders.len();
            let latest = page.orders.iter().map(|sighting| sighting.as_of).max();
            let news = self.news(run.shop, page.orders, progress).await?;
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
            if !pause.is_zero() || self.is_over(run.began) {
                return Ok(Ended::More(pause.min(LONGEST_PAUSE)));
            }
            if !self.keep(run, progress).await? {
                return Ok(Ended::Overtaken);
            }
        }
    }

    /// Saves how far the run has come: if it is cut off, the next one goes on from here. Answers whether it holds its lock on.
    async fn keep(&self, run: &Run<'_>, progress: &mut Progress) -> Result<bool, DeskError> {
        let kept = progress.text();
        if !self.cursors.save(&run.name, run.owner, &kept).await? {
            return Ok(false);
        }
        // Saving gave the lock back.
        let (now, until) = ((self.clock)(), self.held_until(run.began));
        let Some(text) = self.cursors.lock(&run.name, run.owner, now, until).await? else { return Ok(false) };
        if text != kept {
            *progress = Progress::parse(&text, now);
        }
        Ok(true)
    }

    /// What of a page is to be told. One order that can't be told must stop no other: it is set aside as a failure, once.
    async fn news(
        &self,
        shop: &ShopId,
        orders: Vec<Sighting>,
        progress: &mut Progress,
    ) -> Result<Vec<Outgoing>, DeskError> {
        let mut news = Vec::new();
        for sighting in orders {
            let (order, as_of) = (sighting.order.clone(), sighting.as_of);
            match self.message_of(shop, sighting).await {
                Ok(message) => news.extend(message),
                Err(error) if is_of_one_order(&error) => {
                    if progress.is_aside(&order, as_of) {
                        continue;
                    }
                    let key = OrderKey::new(shop.clone(), order.clone());
                    let cause = format!("the shop's order {key} cannot be told on: {}", chain(&error));
                    tracing::error!(order = %key, cause, "order is set aside");
                    self.set_aside(key, error.class(), cause).await?;
                    progress.set_aside(order, as_of);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(news)
    }

    /// What tells of it, if it is news.
    async fn message_of(&self, shop: &ShopId, sighting: Sighting) -> Result<Option<Outgoing>, DeskError> {
        if self.is_known(shop, &sighting).await? {
            return Ok(None);
        }
        Ok(Some(Outgoing::now(Message::Delivery(sighting.envelope).encode()?)))
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
        now.saturating_add(self.hold).unwrap_or(Timestamp::MAX)
    }
}

/// Whether it is the matter of one order: it does not pass by itself, and the next order may be asked for all the same.
fn is_of_one_order(error: &DeskError) -> bool {
    match error {
        DeskError::Message(_)
        | DeskError::Read(_)
        | DeskError::Panicked { .. }
        | DeskError::Store(StoreError::Corrupt { .. }) => true,
        DeskError::Call(call) => match call.remedy() {
            Remedy::Retry { .. } | Remedy::Reconcile { .. } => false,
            Remedy::Park | Remedy::Alarm => error.class() != FailureClass::Denied,
        },
        DeskError::Store(
            StoreError::Conflict { .. } | StoreError::Unavailable { .. } | StoreError::Refused { .. },
        )
        | DeskError::Unknown { .. }
        | DeskError::FlowGone { .. }
        | DeskError::Misdirected
        | DeskError::Crowded { .. } => false,
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
