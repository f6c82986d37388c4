//! `alert-admin`: keeps what arrives in dead-letter queues as failures, then tells an admin.

use std::sync::Arc;

use jiff::Timestamp;

use super::{DeskError, Parked};
use crate::failure::FailureAct;
use crate::ports::{Failures, Notifier, StoreError};
use crate::{Failure, FailureId, FailureState, Queue};

/// How often a write is tried again at once when another was faster.
const CONFLICTS: usize = 5;

/// Works off the dead-letter queues.
pub struct AlertDesk {
    /// Keeps failures.
    pub failures: Arc<dyn Failures>,
    /// Tells an admin.
    pub notifier: Arc<dyn Notifier>,
}

impl AlertDesk {
    /// Keeps one dead message and tells an admin. The record comes first: if nobody can be told, it is not lost. A copy
    /// of a failure that is open already is counted, and tells nobody anew. `letter` is the queue's id of the message: if
    /// the same one comes again (because nobody could be told), it is counted once.
    ///
    /// # Errors
    /// [`DeskError::Store`]; the message must come again.
    pub async fn handle(
        &self,
        queue: Queue,
        letter: &str,
        body: &str,
        parked: &Parked,
        now: Timestamp,
    ) -> Result<(), DeskError> {
        let (failure, tell) = self.keep(queue, letter, body, parked, now).await?;
        if !tell {
            return Ok(());
        }
        let order =
            failure.order.as_ref().map_or_else(|| "no order".to_owned(), |key| format!("order {key}"));
        let subject = format!("Kontor: {} failure on {queue}, {order}", failure.class.as_str());
        let text = format!(
            "A message of the queue {queue} could not be processed and was kept.\n\n\
             order:    {order}\nclass:    {}\ncause:    {}\nattempts: {}\ntimes:    {}\n\n\
             Look at it:   kontor failures show {id}\nReplay it:    kontor failures replay {id}\n",
            failure.class.as_str(),
            failure.cause,
            failure.attempts,
            failure.times,
            id = failure.id,
        );
        let subject: String = subject.chars().take(100).collect();
        Ok(self.notifier.notify(&subject, &text).await?)
    }

    /// Keeps the failure, and answers whether an admin is to be told.
    async fn keep(
        &self,
        queue: Queue,
        letter: &str,
        body: &str,
        parked: &Parked,
        now: Timestamp,
    ) -> Result<(Failure, bool), DeskError> {
        let id = FailureId::of(queue, body);
        for _ in 0..CONFLICTS {
            let before = self.failures.load(&id).await?;
            let (mut failure, tell) = match before {
                Some(before) if before.letter == letter => {
                    let tell = before.state == FailureState::Open;
                    return Ok((before, tell));
                }
                Some(before) => {
                    let tell = before.state != FailureState::Open;
                    (again(before, parked, now), tell)
                }
                None => (first(id.clone(), queue, body, parked, now), true),
            };
            if tell {
                // A copy does not take its place: if nobody could be told, it is this letter that comes again.
                letter.clone_into(&mut failure.letter);
            }
            match self.failures.store(&failure).await {
                Ok(()) => return Ok((failure, tell)),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict { what: format!("failure {id}") }.into())
    }
}

fn first(id: FailureId, queue: Queue, body: &str, parked: &Parked, now: Timestamp) -> Failure {
    Failure {
        id,
        revision: 1,
        queue,
        message: body.to_owned(),
        class: parked.class,
        cause: parked.cause.clone(),
        attempts: parked.attempts,
        order: parked.order.clone(),
        state: FailureState::Open,
        first_at: now,
        last_at: now,
        times: 1,
        letter: String::new(),
        history: Vec::new(),
    }
}

fn again(mut failure: Failure, parked: &Parked, now: Timestamp) -> Failure {
    if failure.state != FailureState::Open {
        let what = format!("failed again: {}", parked.cause);
        failure.history.push(FailureAct { at: now, by: "kontor".to_owned(), what });
    }
    failure.revision = failure.revision.saturating_add(1);
    failure.class = parked.class;
    failure.cause.clone_from(&parked.cause);
    failure.attempts = parked.attempts;
    failure.state = FailureState::Open;
    failure.last_at = now;
    failure.times = failure.times.saturating_add(1);
    failure
}
