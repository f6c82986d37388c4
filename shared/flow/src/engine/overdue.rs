//! `sync-overdue`: finds orders with something to send again, to remind about or to give up on.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::{DeskError, EventDesk};
use crate::order::Cause;
use crate::ports::OrderIndex;
use crate::remedy::chain;

/// Orders taken at a time.
const BATCH: usize = 100;

/// Does what has become due.
pub struct OverdueDesk {
    /// Finds due orders.
    pub index: Arc<dyn OrderIndex>,
    /// Plans them anew.
    pub desk: EventDesk,
}

/// What a run did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct OverdueReport {
    /// Orders looked at.
    pub orders: usize,
    /// Orders that could not be planned; they stay due.
    pub failed: usize,
}

impl OverdueDesk {
    /// Looks at due orders until none is left or `time_is_up` says so. One order that can't be planned stops no other.
    ///
    /// # Errors
    /// [`DeskError`] if the index can't be read.
    pub async fn run(
        &self,
        now: Timestamp,
        time_is_up: &(dyn Fn() -> bool + Send + Sync),
    ) -> Result<OverdueReport, DeskError> {
        let mut report = OverdueReport::default();
        // Orders that fail stay due, and the index may show for a while what is due no longer: they would stand before all
        // others again and again.
        let mut seen = BTreeSet::new();
        let mut stale: usize = 0;
        loop {
            let wanted = BATCH.saturating_add(stale);
            let mut due = self.index.due(now, wanted).await?;
            let found = due.len();
            due.retain(|key| !seen.contains(key));
            stale = found.saturating_sub(due.len());
            for key in due {
                if time_is_up() {
                    return Ok(report);
                }
                report.orders += 1;
                if let Err(error) = self.desk.advance(&key, &[], &Cause::Due, false, now).await {
                    report.failed += 1;
                    tracing::error!(order = %key, cause = %chain(&error), "due order cannot be planned");
                }
                seen.insert(key);
            }
            if found < wanted {
                return Ok(report);
            }
        }
    }
}
