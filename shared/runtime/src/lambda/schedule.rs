//! What runs on a schedule: one run at a time, ending before its time is up.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kontor_flow::engine::{OverdueDesk, OverdueReport};
use kontor_flow::ports::{Cursors, OrderIndex};
use kontor_flow::remedy::BoxError;
use serde::Deserialize;
use serde::de::IgnoredAny;

use kontor_connectors::config::Scope;

use super::{Deployed, EventShop, NoSecrets, RESERVE, ahead, serve, time_left};
use crate::clock;

/// The run lock; the table's rights name it too.
const LOCK: &str = "overdue";

/// Kept for the order at hand when a run is told to end, beside the reserve.
const LAST_ORDER: Duration = Duration::from_secs(10);

/// Does what has become due.
pub struct OverdueShop {
    events: EventShop,
    index: Arc<dyn OrderIndex>,
    locks: Arc<dyn Cursors>,
}

impl OverdueShop {
    /// Over the store of `house`.
    #[must_use]
    pub fn new(house: &Deployed, events: EventShop) -> Self {
        Self { events, index: house.store(), locks: house.store() }
    }

    /// One run, until shortly before `deadline`; none if another is at work.
    async fn run(&self, deadline: Timestamp) -> Result<Option<OverdueReport>, BoxError> {
        let desk =
            OverdueDesk { index: Arc::clone(&self.index), desk: self.events.desk(clock::now()).await? };
        run_locked(self.locks.as_ref(), &desk, deadline).await
    }
}

/// One run under the lock. A run that dies keeps the lock no longer than its time.
pub(super) async fn run_locked(
    locks: &dyn Cursors,
    desk: &OverdueDesk,
    deadline: Timestamp,
) -> Result<Option<OverdueReport>, BoxError> {
    let (owner, now) = (clock::new_owner(), clock::now());
    let Some(cursor) = locks.lock(LOCK, &owner, now, ahead(deadline, RESERVE)).await? else {
        tracing::info!("another run is at work");
        return Ok(None);
    };
    let time_is_up = || time_left(deadline, ahead(clock::now(), LAST_ORDER)).is_none();
    let report = desk.run(now, &time_is_up).await;
    if !locks.save(LOCK, &owner, &cursor).await? {
        tracing::warn!("the run took longer than its lock");
    }
    Ok(Some(report?))
}

/// What the schedule calls with. An invocation that is tried again in another minute is still the one of its own minute:
/// what is due once a day would be passed over.
#[derive(Deserialize)]
struct Tick {
    #[serde(default)]
    time: Option<Timestamp>,
}

/// The function that has shops asked for their orders. It asks none itself: who works for the shops does.
///
/// # Errors
/// If it can't start.
pub async fn polls(house: Deployed) -> Result<(), lambda_runtime::Error> {
    let library = &house.library(Scope::Nothing, Arc::new(NoSecrets)).await;
    let sender = &house.queues();
    serve(house.signals, |tick: Option<Tick>, _| async move {
        let now = clock::now();
        let book = library.book(now).await?;
        let due = crate::polls::due(&book.config, tick.and_then(|tick| tick.time).unwrap_or(now));
        let asked = crate::polls::send(sender.as_ref(), due).await?;
        metrics::counter!("polls").increment(u64::try_from(asked).unwrap_or(u64::MAX));
        Ok(asked)
    })
    .await
}

/// The function that does what has become due.
///
/// # Errors
/// If it can't start.
pub async fn schedule(house: Deployed, shop: OverdueShop) -> Result<(), lambda_runtime::Error> {
    let shop = &shop;
    serve(house.signals, |_: IgnoredAny, deadline| async move {
        let report = shop.run(deadline).await?;
        if let Some(report) = &report {
            metrics::counter!("due_orders").increment(u64::try_from(report.orders).unwrap_or(u64::MAX));
        }
        Ok(report)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minute_is_that_of_the_schedule() {
        // As EventBridge's rules call.
        let event = r#"{"version":"0","detail-type":"Scheduled Event","source":"aws.events","time":"2026-11-21T03:17:00Z"}"#;
        let minute = |event| serde_json::from_str::<Option<Tick>>(event).unwrap().and_then(|tick| tick.time);
        assert_eq!(minute(event), "2026-11-21T03:17:00Z".parse().ok());
        // By hand.
        assert_eq!((minute("{}"), minute("null")), (None, None));
    }
}
