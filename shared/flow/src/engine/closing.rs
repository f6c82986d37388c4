//! Where leases, orders and queues are in one store: a result is kept and the order carried on in one act, without a
//! report that travels in between.

use std::sync::Arc;

use jiff::Timestamp;

use super::events::{CONFLICTS, Following};
use super::{DeskError, EventDesk};
use crate::Happened;
use crate::order::Cause;
use crate::ports::{Closing, Ended, ResultOutbox, StoreError};

/// Does at once what the events queue would do with a report.
pub struct ClosingDesk {
    /// Applies and plans.
    pub desk: EventDesk,
    /// Writes all of it.
    pub closing: Arc<dyn Closing>,
    /// Ends leases whose result changes nothing about the order.
    pub outbox: Arc<dyn ResultOutbox>,
}

impl ClosingDesk {
    /// Keeps the result in `ended` and does what `report` leads to, all of it or nothing. `false` if the lease is another's
    /// by now.
    ///
    /// # Errors
    /// [`DeskError`]: the result may have been kept with all that follows, or nothing was; the report can still be sent.
    pub(super) async fn finish(
        &self,
        ended: Ended<'_>,
        report: &Happened,
        now: Timestamp,
    ) -> Result<bool, DeskError> {
        for _ in 0..CONFLICTS {
            let following =
                self.desk.follow(&report.order, &report.events, &Cause::Report, false, now).await?;
            let kept = match following {
                Following::Nothing { .. } => {
                    let Ended { id, owner, finish, now } = ended;
                    self.outbox.complete_and_send(id, owner, finish, now, Vec::new()).await
                }
                Following::Write { order, entry, letters } => {
                    self.closing.complete_and_store(ended, order, entry, letters).await
                }
            };
            match kept {
                Err(StoreError::Conflict { .. }) => {}
                kept => return Ok(kept?),
            }
        }
        Err(DeskError::Crowded { order: report.order.clone() })
    }

    /// Does what news that has no lease leads to.
    ///
    /// # Errors
    /// [`DeskError`]; nothing was sent that was not stored.
    pub(super) async fn tell(&self, news: &Happened, now: Timestamp) -> Result<(), DeskError> {
        self.desk.advance(&news.order, &news.events, &Cause::Report, false, now).await
    }
}
