//! What a person does about a failure: replay it, with another body if need be, or discard it. Everything is kept in the record.

use std::sync::Arc;

use jiff::Timestamp;

use super::DeskError;
use crate::failure::FailureAct;
use crate::ports::{Failures, Outgoing, Sender, StoreError};
use crate::{Address, Failure, FailureId, FailureState, Message, Payload};

/// How often a write is tried again at once when another was faster.
const CONFLICTS: usize = 5;

/// Why a failure could not be settled.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// There is none of that id.
    #[error("there is no failure {id}")]
    Missing {
        /// The id.
        id: FailureId,
    },
    /// Only deliveries have a body to replace.
    #[error("failure {id} is no delivery of a shop, so it has no body to replace")]
    NoBody {
        /// The id.
        id: FailureId,
    },
    /// Store, queue or message.
    #[error("the failure could not be settled")]
    Desk(#[from] DeskError),
}

impl From<StoreError> for ReplayError {
    fn from(error: StoreError) -> Self {
        Self::Desk(error.into())
    }
}

/// Settles failures.
pub struct ReplayDesk {
    /// Keeps failures.
    pub failures: Arc<dyn Failures>,
    /// Sends to the live queues.
    pub sender: Arc<dyn Sender>,
}

impl ReplayDesk {
    /// Puts the message back into its queue. Sent first, then noted: a crash in between leaves the failure open, and
    /// replaying something that is done already does nothing.
    ///
    /// # Errors
    /// [`ReplayError`]; what was not sent is still open.
    pub async fn replay(
        &self,
        id: &FailureId,
        body: Option<&[u8]>,
        by: &str,
        now: Timestamp,
    ) -> Result<Failure, ReplayError> {
        let failure = self.failures.load(id).await?.ok_or_else(|| ReplayError::Missing { id: id.clone() })?;
        let (message, what) = match body {
            Some(body) => (with_body(&failure, body)?, "replayed with another body"),
            None => (failure.message.clone(), "replayed"),
        };
        self.sender.send(Address::Live(failure.queue), vec![Outgoing::now(message)]).await?;
        self.note(failure, FailureState::Replayed, what, by, now).await
    }

    /// Gives the message up. It stays in the record.
    ///
    /// # Errors
    /// [`ReplayError`].
    pub async fn discard(
        &self,
        id: &FailureId,
        because: &str,
        by: &str,
        now: Timestamp,
    ) -> Result<Failure, ReplayError> {
        let failure = self.failures.load(id).await?.ok_or_else(|| ReplayError::Missing { id: id.clone() })?;
        self.note(failure, FailureState::Discarded, &format!("discarded: {because}"), by, now).await
    }

    async fn note(
        &self,
        before: Failure,
        state: FailureState,
        what: &str,
        by: &str,
        now: Timestamp,
    ) -> Result<Failure, ReplayError> {
        let mut failure = before.clone();
        for _ in 0..CONFLICTS {
            // If it failed again in between, it is open again, whatever we did.
            if failure.times == before.times {
                failure.state = state;
            }
            failure.history.push(FailureAct { at: now, by: by.to_owned(), what: what.to_owned() });
            failure.revision = failure.revision.saturating_add(1);
            match self.failures.store(&failure).await {
                Ok(()) => return Ok(failure),
                Err(StoreError::Conflict { .. }) => {
                    let again = self.failures.load(&before.id).await?;
                    failure = again.ok_or_else(|| ReplayError::Missing { id: before.id.clone() })?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict { what: format!("failure {}", before.id) }.into())
    }
}

/// The same delivery with another body. The proof is ours now: whoever may replay may vouch for it.
fn with_body(failure: &Failure, body: &[u8]) -> Result<String, ReplayError> {
    let message = Message::decode(&failure.message).map_err(DeskError::from)?;
    let Message::Delivery(mut envelope) = message else {
        return Err(ReplayError::NoBody { id: failure.id.clone() });
    };
    envelope.body = Payload::pack(body);
    Ok(Message::Delivery(envelope).encode().map_err(DeskError::from)?)
}
