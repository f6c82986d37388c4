//! Feeds workers from the queues of one machine: what event source mappings do in a deployed bundle.

use std::sync::Arc;
use std::time::Duration;

use kontor_embedded::Engine;
use kontor_flow::Address;
use kontor_flow::ports::{Received, Receiver as _};
use kontor_flow::remedy::chain;
use kontor_runtime::batch::{LIMIT, Outcome, Post, VISIBILITY, Worker};
use kontor_runtime::clock;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// How long one look into an empty queue lasts; a message that arrives ends it.
const WAIT: Duration = Duration::from_secs(20);

/// Messages taken at a time.
const BATCH: usize = 32;

/// One queue and who works it off.
pub(crate) struct Pump {
    /// The store with the queues.
    pub(crate) engine: Engine,
    /// The queue.
    pub(crate) from: Address,
    /// Who works it off.
    pub(crate) worker: Arc<dyn Worker>,
    /// Messages worked on at the same time.
    pub(crate) width: usize,
    /// The queue that is worked off first if much lies in it.
    pub(crate) after: Option<Address>,
}

/// So many messages in a queue are much. Orders that are begun one after the other are in memory until they are done; all
/// begun at once, each of their steps would read them from the disk again.
const MUCH: usize = 2_000;

/// A queue that has to wait for another one looks so often, so many times: a system that hangs must not keep payments and
/// cancellations from being heard.
const PAUSE: Duration = Duration::from_millis(20);
const PAUSES: u32 = 100;

impl Pump {
    /// Works the queue off until `stop` turns true, and then finishes what was begun.
    pub(crate) async fn run(self, mut stop: watch::Receiver<bool>) {
        let post = Post { sender: Arc::new(self.engine.clone()), delayer: Arc::new(self.engine.clone()) };
        let places = Arc::new(Semaphore::new(self.width));
        loop {
            let place = tokio::select! {
                place = Arc::clone(&places).acquire_owned() => place,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            let Ok(place) = place else { break };
            for _ in 0..PAUSES {
                if !self.has_to_wait() || *stop.borrow() {
                    break;
                }
                tokio::time::sleep(PAUSE).await;
            }
            let free = places.available_permits().saturating_add(1).min(BATCH);
            let records = tokio::select! {
                records = self.engine.receive(self.from, free, VISIBILITY, WAIT) => records,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            match records {
                Ok(records) => self.start(records, place, &places, &post),
                Err(error) => {
                    tracing::error!(queue = %self.from, cause = %chain(&error), "queue cannot be read");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
        let all = u32::try_from(self.width).unwrap_or(u32::MAX);
        // Fails only if the semaphore were closed, which nobody does.
        if places.acquire_many(all).await.is_err() {
            tracing::error!(queue = %self.from, "workers did not finish");
        }
    }

    /// Whether the queue that is worked off first has too much in it. What lies there for later does not count: if the
    /// system it is for is away, new orders are begun all the same.
    fn has_to_wait(&self) -> bool {
        let Some(other) = self.after else { return false };
        self.engine.stats().get(&other).is_some_and(|depth| depth.visible > MUCH)
    }

    fn start(
        &self,
        records: Vec<Received>,
        first: OwnedSemaphorePermit,
        places: &Arc<Semaphore>,
        post: &Post,
    ) {
        let mut place = Some(first);
        for record in records {
            let Some(place) = place.take().or_else(|| Arc::clone(places).try_acquire_owned().ok()) else {
                // Fewer places than we counted cannot be: only this loop takes them.
                tracing::error!(queue = %self.from, "a message was taken without a place to work on it");
                return;
            };
            let (engine, worker, post, from) =
                (self.engine.clone(), Arc::clone(&self.worker), post.clone(), self.from);
            tokio::spawn(async move {
                let outcome = post.settle(worker.as_ref(), from, &record, clock::now(), LIMIT).await;
                if outcome == Outcome::Delete
                    && let Err(error) = engine.delete(from, vec![record.receipt]).await
                {
                    // It comes again; doing it twice is harmless.
                    tracing::warn!(queue = %from, cause = %chain(&error), "settled message could not be deleted");
                }
                drop(place);
            });
        }
    }
}
