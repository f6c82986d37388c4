//! By night the open orders of a shop are compared with what it has, one by one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use kontor_domain::{OrderKey, OrderLife, ShopId, ShopOrderId};
use serde::{Deserialize, Serialize};

use super::super::{DeskError, Parked, Verdict};
use super::{Ended, PollDesk, is_of_one_order};
use crate::ports::{OrderFilter, Outgoing, Owner, Storefront};
use crate::remedy::chain;
use crate::{Address, Course, Envelope, FailureClass, Message, Order, OrderStatus, Payload, Poll, Queue};

/// The topic of our own word to look for one order; its body is the order's id in the shop. It is what the failure of an order
/// keeps, so that a replay looks once more, and it is the same every night, so that the failure is.
pub(super) const LOOK: &str = "order.look";

/// Open orders of one status that are compared in one go.
const MOST_OPEN: usize = 10_000;

/// How far the open orders of a shop are compared. Kept as the text of a cursor.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Night {
    /// The order it came to; empty if to the end.
    reached: String,
    /// Open orders that the shop does not show, and a person was told so.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    unseen: BTreeSet<ShopOrderId>,
}

impl Night {
    /// Reads it. Earlier versions kept no more than the order.
    fn parse(text: &str) -> Self {
        serde_json::from_str(text)
            .unwrap_or_else(|_| Self { reached: text.to_owned(), unseen: BTreeSet::new() })
    }

    fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Orders that could not be compared; the others were all the same.
#[derive(Default)]
struct Left {
    count: u32,
    first: Option<(OrderKey, FailureClass, String)>,
}

impl Left {
    fn add(&mut self, key: &OrderKey, error: &DeskError) {
        tracing::error!(order = %key, cause = %chain(error), "order could not be compared");
        self.count = self.count.saturating_add(1);
        self.first.get_or_insert_with(|| (key.clone(), error.class(), chain(error)));
    }

    fn verdict(self) -> Verdict {
        let Some((key, class, cause)) = self.first else { return Verdict::Done };
        let cause = format!("{} orders could not be compared, the first is {key}: {cause}", self.count);
        Verdict::Park(Parked { class, cause, attempts: 1, order: None })
    }
}

impl PollDesk {
    /// Compares the open orders of a shop with what it has.
    pub(super) async fn open(
        &self,
        poll: &Poll,
        owner: &Owner,
        now: Timestamp,
    ) -> Result<Verdict, DeskError> {
        let storefront = self.storefront(&poll.shop)?;
        let name = format!("open/{}", poll.shop);
        let Some(text) = self.cursors.lock(&name, owner, now, self.held_until(now)).await? else {
            return Ok(Verdict::Done);
        };
        let (mut night, mut left) = (Night::parse(&text), Left::default());
        let ended = self.compare(storefront.as_ref(), &poll.shop, &mut night, &mut left, now).await;
        self.cursors.save(&name, owner, &night.text()).await?;
        match ended {
            Ok(Ended::Through | Ended::Overtaken) => {}
            Ok(Ended::More(pause)) => {
                self.send(Queue::Shops, &Message::Poll(poll.clone()), pause).await?;
            }
            Err(error) if left.first.is_none() => return Err(error),
            // The next night goes on behind those that are left, so they are told of now.
            Err(error) => {
                tracing::warn!(shop = %poll.shop, cause = %chain(&error), "shop could not be asked")
            }
        }
        Ok(left.verdict())
    }

    /// Compares from the order on that the last run came to.
    async fn compare(
        &self,
        storefront: &dyn Storefront,
        shop: &ShopId,
        night: &mut Night,
        left: &mut Left,
        now: Timestamp,
    ) -> Result<Ended, DeskError> {
        let open = self.open_orders(shop).await?;
        for key in &open {
            if key.order.as_str() <= night.reached.as_str() {
                continue;
            }
            if self.is_over(now) {
                return Ok(Ended::More(Duration::ZERO));
            }
            match self.compare_one(storefront, key, night).await {
                Ok(()) => {}
                Err(error) if is_of_one_order(&error) => left.add(key, &error),
                Err(error) => return Err(error),
            }
            key.order.as_str().clone_into(&mut night.reached);
        }
        let open: BTreeSet<ShopOrderId> = open.into_iter().map(|key| key.order).collect();
        night.unseen.retain(|order| open.contains(order));
        night.reached.clear();
        Ok(Ended::Through)
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

    async fn compare_one(
        &self,
        storefront: &dyn Storefront,
        key: &OrderKey,
        night: &mut Night,
    ) -> Result<(), DeskError> {
        let asked_at = (self.clock)();
        let sighting = storefront.order(&key.order, asked_at).await?;
        let Some(order) = self.reader.load(key).await? else { return Ok(()) };
        let Some(sighting) = sighting else {
            // Not shown is not deleted: nothing is cancelled for it.
            if is_wanted(&order) && !night.unseen.contains(&key.order) {
                tracing::warn!(order = %key, "shop does not show an open order");
                self.set_aside(key.clone(), FailureClass::Held, unseen(key)).await?;
                night.unseen.insert(key.order.clone());
            }
            return Ok(());
        };
        night.unseen.remove(&key.order);
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

    /// Makes an order a failure. What it keeps is our own word to look for it.
    pub(super) async fn set_aside(
        &self,
        key: OrderKey,
        class: FailureClass,
        cause: String,
    ) -> Result<(), DeskError> {
        let body = word_to_look(&key).encode()?;
        let parked = Parked { class, cause, attempts: 1, order: Some(key) };
        let message = Outgoing { body, attributes: parked.attributes(), ..Outgoing::default() };
        Ok(self.sender.send(Address::Dead(Queue::Shops), vec![message]).await?)
    }

    /// Looks for the order of a failure once more.
    pub(super) async fn look(
        &self,
        word: &Envelope,
        receives: u32,
        now: Timestamp,
    ) -> Result<Verdict, DeskError> {
        let body = word.body.bytes()?;
        let id = ShopOrderId::parse(&String::from_utf8_lossy(&body));
        let id =
            id.map_err(|_| DeskError::Unknown { what: "the order that is to be looked for".to_owned() })?;
        let key = OrderKey::new(word.shop.clone(), id);
        if let Some(sighting) = self.storefront(&key.shop)?.order(&key.order, now).await? {
            self.tell(sighting).await?;
            return Ok(Verdict::Done);
        }
        let order = self.reader.load(&key).await?;
        if order.is_some_and(|order| !is_wanted(&order)) {
            return Ok(Verdict::Done);
        }
        let (class, cause) = (FailureClass::Held, unseen(&key));
        Ok(Verdict::Park(Parked { class, cause, attempts: receives, order: Some(key) }))
    }
}

/// Whether it matters that the shop does not show the order: it is under way, and not known to be cancelled.
fn is_wanted(order: &Order) -> bool {
    let goes_on = match order.course {
        Course::Forward => true,
        Course::Cancelling { .. } => false,
    };
    let life_goes_on = match order.facts.life() {
        OrderLife::Open | OrderLife::OnHold | OrderLife::Completed => true,
        OrderLife::Cancelled | OrderLife::Deleted => false,
    };
    goes_on && life_goes_on && !order.status.is_over()
}

fn word_to_look(key: &OrderKey) -> Message {
    Message::Delivery(Envelope {
        shop: key.shop.clone(),
        topic: LOOK.to_owned(),
        received_at: Timestamp::UNIX_EPOCH,
        headers: BTreeMap::new(),
        body: Payload::pack(key.order.as_str().as_bytes()),
    })
}

/// What a person has to decide.
fn unseen(key: &OrderKey) -> String {
    format!(
        "the shop {} does not show the order {} any more: it was deleted, or is older than what the app may read, or the \
         shop was restored; if it was deleted, cancel it, otherwise nothing has to be done",
        key.shop, key.order
    )
}
