//! Every shop its share of those who work: one that hangs keeps its own busy, and nobody else's.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use kontor_domain::ShopId;
use kontor_flow::Message;
use kontor_flow::engine::Verdict;
use kontor_flow::ports::Received;
use kontor_runtime::batch::Worker;

/// When a message whose shop has its share comes again for the first time. Soon: most often that shop is only busy.
const SOON: Duration = Duration::from_millis(100);

/// Each time that it does, it waits twice as long, so many times at most: a shop that hangs must not keep anybody busy with
/// messages that come and go.
const DOUBLED: u32 = 5;

/// When a message that found no place the `receives`-th time comes again.
fn later(receives: u32) -> Duration {
    SOON.saturating_mul(2_u32.saturating_pow(receives.saturating_sub(1).min(DOUBLED)))
}

/// Places to work in, some of them kept free for every shop.
pub(crate) struct Shares {
    places: usize,
    /// For each shop.
    kept: usize,
    busy: Mutex<BTreeMap<ShopId, usize>>,
}

impl Shares {
    /// Half of the places are kept, for all shops alike and at least one each; the others are for whoever comes.
    pub(crate) fn new(places: usize, shops: impl Iterator<Item = ShopId>) -> Arc<Self> {
        let busy: BTreeMap<ShopId, usize> = shops.map(|shop| (shop, 0)).collect();
        let kept = (places / busy.len().saturating_mul(2).max(1)).max(1);
        Arc::new(Self { places, kept, busy: Mutex::new(busy) })
    }

    fn take(self: &Arc<Self>, shop: &ShopId) -> Option<Place> {
        let mut busy = self.busy();
        let mine = busy.get(shop).copied().unwrap_or(0);
        if mine >= self.kept {
            let taken: usize = busy.values().sum();
            let others = busy.iter().filter(|(other, _)| *other != shop);
            let reserved: usize = others.map(|(_, busy)| self.kept.saturating_sub(*busy)).sum();
            if taken.saturating_add(reserved) >= self.places {
                return None;
            }
        }
        busy.insert(shop.clone(), mine.saturating_add(1));
        Some(Place { shares: Arc::clone(self), shop: shop.clone() })
    }

    /// Every holder leaves the counts whole.
    fn busy(&self) -> MutexGuard<'_, BTreeMap<ShopId, usize>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place, until it is dropped.
struct Place {
    shares: Arc<Shares>,
    shop: ShopId,
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(busy) = self.shares.busy().get_mut(&self.shop) {
            *busy = busy.saturating_sub(1);
        }
    }
}

/// A worker that keeps to the shares.
pub(crate) struct Fair<W> {
    /// Who works.
    pub(crate) worker: W,
    /// The shares.
    pub(crate) shares: Arc<Shares>,
}

#[async_trait]
impl<W: Worker> Worker for Fair<W> {
    async fn work(&self, record: &Received, now: Timestamp) -> Verdict {
        // What can't be read is nobody's; the worker says what becomes of it.
        let shop = match Message::decode(&record.body) {
            Ok(Message::Command(command)) => command.order.shop,
            Ok(Message::Poll(poll)) => poll.shop,
            Ok(Message::Delivery(notice)) => notice.shop,
            Ok(Message::Happened(_) | Message::Hint(_)) | Err(_) => {
                return self.worker.work(record, now).await;
            }
        };
        match self.shares.take(&shop) {
            Some(_place) => self.worker.work(record, now).await,
            None => Verdict::Again { attempts: record.receives, after: Some(later(record.receives)) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shop(id: &str) -> ShopId {
        ShopId::parse(id).unwrap()
    }

    #[test]
    fn whatever_the_others_do_every_shop_has_a_place() {
        let shares = Shares::new(12, ["a", "b", "c"].map(shop).into_iter());
        let greedy = |id: &str| -> Vec<Place> { std::iter::from_fn(|| shares.take(&shop(id))).collect() };
        let a = greedy("a");
        assert_eq!(a.len(), 8, "alone, a shop has all but what is kept for others");
        let (b, c) = (greedy("b"), greedy("c"));
        assert_eq!((b.len(), c.len()), (2, 2));
        drop(a);
        assert_eq!(greedy("a").len(), 8, "places come back");
    }

    #[test]
    fn who_finds_no_place_asks_ever_less_often() {
        assert_eq!([1, 2, 6, 7].map(|n| later(n).as_millis()), [100, 200, 3_200, 3_200]);
        assert_eq!(later(u32::MAX), later(7));
    }

    #[test]
    fn a_single_shop_has_every_place_and_there_is_always_one() {
        let alone = Shares::new(5, [shop("a")].into_iter());
        let places: Vec<Place> = std::iter::from_fn(|| alone.take(&shop("a"))).collect();
        assert_eq!(places.len(), 5);
        let crowded = Shares::new(1, ["a", "b", "c"].map(shop).into_iter());
        let places: Vec<Option<Place>> = ["a", "b", "c"].iter().map(|id| crowded.take(&shop(id))).collect();
        assert!(places.iter().all(Option::is_some));
    }
}
