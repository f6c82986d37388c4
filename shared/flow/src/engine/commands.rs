//! `work-erp`, `work-shops`, `work-mail`: claims a command's lease, has the connector carry it out, keeps the result, reports it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::{ClosingDesk, DeskError, Parked, PollDesk, Verdict};
use crate::outbox::send_all;
use crate::plan::under_way_for;
use crate::ports::{
    Claim, Connectors, Ended, Job, Leases, Letter, OrderReader, Outgoing, Owner, Past, ResultOutbox, Sender,
};
use crate::privacy::Named;
use crate::remedy::chain;
use crate::{
    Address, Command, Course, Event, EventRecord, FailureClass, FailureId, FailureNote, Finish, Happened,
    Hint, Message, Order, Queue, Remedy, StepState,
};

/// After how long an outage is no passing one. Measured from when the command was sent first.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// Works off a queue of commands.
pub struct CommandDesk {
    /// Reads orders.
    pub reader: Arc<dyn OrderReader>,
    /// Fences commands.
    pub leases: Arc<dyn Leases>,
    /// Finds connectors.
    pub connectors: Arc<dyn Connectors>,
    /// Keeps results and reports them.
    pub outbox: Arc<dyn ResultOutbox>,
    /// Carries the order on at once, where the store can do that in the same act; else a report travels.
    pub closing: Option<Arc<ClosingDesk>>,
    /// Asks shops, where that is this desk's work.
    pub polls: Option<Arc<PollDesk>>,
    /// Reports what needs no keeping: failures, results kept before, what hints led to.
    pub sender: Arc<dyn Sender>,
    /// How long a worker may take for one command; longer than any connector waits for an answer.
    pub lease: Duration,
    /// How far apart the clocks of two workers may be; nothing where all of them are one process.
    pub skew: Duration,
}

/// A message as the queue handed it over.
#[derive(Debug, Clone, Copy)]
pub struct Slip<'a> {
    /// The message.
    pub message: &'a Message,
    /// The message as text; the failure's id is reckoned from it.
    pub raw: &'a str,
    /// The queue.
    pub queue: Queue,
    /// How often it was taken out.
    pub receives: u32,
}

impl CommandDesk {
    /// Works off one message. `owner` is a new token for every call.
    pub async fn handle(&self, slip: Slip<'_>, owner: &Owner, now: Timestamp) -> Verdict {
        match slip.message {
            Message::Command(command) => match self.command(command, slip, owner, now).await {
                Ok(verdict) => verdict,
                Err(error) => error.verdict(slip.receives, Some(&command.order)),
            },
            Message::Hint(hint) => match self.hint(hint, now).await {
                Ok(()) => Verdict::Done,
                Err(error) => error.verdict(slip.receives, None),
            },
            Message::Delivery(notice) => match &self.polls {
                Some(polls) => polls.fetch(notice, slip.receives, now).await,
                None => DeskError::Misdirected.verdict(slip.receives, None),
            },
            Message::Poll(poll) => match &self.polls {
                Some(polls) => polls.poll(poll, slip.receives, owner, now).await,
                None => DeskError::Misdirected.verdict(slip.receives, None),
            },
            Message::Happened(_) => DeskError::Misdirected.verdict(slip.receives, None),
        }
    }

    async fn command(
        &self,
        command: &Command,
        slip: Slip<'_>,
        owner: &Owner,
        now: Timestamp,
    ) -> Result<Verdict, DeskError> {
        let order = self.reader.load(&command.order).await?;
        let order =
            order.ok_or_else(|| DeskError::Unknown { what: format!("the order {}", command.order) })?;
        let wanted = order.steps.get(&command.step).and_then(StepState::command);
        if wanted != Some(command) {
            // Carried out already, or no longer wanted: a late or doubled message.
            return Ok(Verdict::Done);
        }
        let until = now.saturating_add(self.lease).unwrap_or(Timestamp::MAX);
        let (attempts, past) = match self.leases.claim(&command.id(), owner, now, until).await? {
            Claim::Done { finish } => {
                self.enqueue(vec![finished(command, finish, now)]).await?;
                return Ok(Verdict::Done);
            }
            Claim::Held { until } => {
                let after = Duration::try_from(until.duration_since(now)).unwrap_or_default();
                return Ok(Verdict::Again { attempts: slip.receives, after: Some(after) });
            }
            Claim::First | Claim::Again { .. } if withdrawn(&order, command) => {
                let finish = Finish { result: crate::StepResult::Withdrawn, calls: 0 };
                return self.keep(command, owner, finish, now).await;
            }
            Claim::First => (0, Past::Clean),
            Claim::Again { attempts } => (attempts, Past::Clean),
            Claim::Unknown { attempts } if withdrawn(&order, command) => {
                if !leaves_documents(command.action) {
                    let finish = Finish { result: crate::StepResult::Withdrawn, calls: 0 };
                    return self.keep(command, owner, finish, now).await;
                }
                (attempts, Past::Withdrawn)
            }
            Claim::Unknown { attempts } => (attempts, Past::Unknown),
        };
        let fenced = match self.fence(&order, command, owner, now).await? {
            Fence::Closed(fenced) => fenced,
            Fence::Open { until } => {
                self.leases.release(&command.id(), owner, false, None).await?;
                let after = Duration::try_from(until.duration_since(now)).unwrap_or_default();
                return Ok(Verdict::Again { attempts: slip.receives, after: Some(after) });
            }
        };
        self.perform(&order, command, slip, owner, (attempts, past, fenced), now).await
    }

    /// Before an order is cancelled in the ERP, whatever failed on its way there and might be replayed is fenced off: a
    /// worker that has not heard of the cancellation would book what was just cancelled.
    async fn fence(
        &self,
        order: &Order,
        command: &Command,
        owner: &Owner,
        now: Timestamp,
    ) -> Result<Fence, DeskError> {
        let mut fenced = Vec::new();
        if command.action != crate::Action::ErpCancel {
            return Ok(Fence::Closed(fenced));
        }
        let until = now.saturating_add(self.lease).unwrap_or(Timestamp::MAX);
        for state in order.steps.values() {
            let StepState::Failed { command: failed, .. } = state else { continue };
            if failed.undo || !leaves_documents(failed.action) {
                continue;
            }
            match self.leases.claim(&failed.id(), owner, now, until).await? {
                Claim::Held { until } => {
                    self.open(&fenced, owner).await?;
                    return Ok(Fence::Open { until });
                }
                Claim::Done { .. } => {}
                Claim::First | Claim::Again { .. } | Claim::Unknown { .. } => fenced.push(failed.clone()),
            }
        }
        Ok(Fence::Closed(fenced))
    }

    /// Lets go of what was fenced off.
    async fn open(&self, fenced: &[Command], owner: &Owner) -> Result<(), DeskError> {
        for command in fenced {
            self.leases.release(&command.id(), owner, true, None).await?;
        }
        Ok(())
    }

    async fn perform(
        &self,
        order: &Order,
        command: &Command,
        slip: Slip<'_>,
        owner: &Owner,
        (attempts, past, fenced): (u32, Past, Vec<Command>),
        now: Timestamp,
    ) -> Result<Verdict, DeskError> {
        let result = match self.connectors.for_command(command) {
            Some(connector) => {
                connector.perform(Job { command, order, past, now }).await.map_err(DeskError::from)
            }
            None => Err(DeskError::Unknown {
                what: format!("how to carry out {} for {}", command.action, order.key.shop),
            }),
        };
        let error = match result {
            Ok(finish) => {
                for command in &fenced {
                    let withdrawn = Finish { result: crate::StepResult::Withdrawn, calls: 0 };
                    self.keep(command, owner, withdrawn, now).await?;
                }
                return self.keep(command, owner, finish, now).await;
            }
            Err(error) => error,
        };
        self.open(&fenced, owner).await?;
        let attempts = attempts.saturating_add(1);
        // A command is often several calls, and an earlier one may have had its effect before a later one failed. So
        // after any error the next attempt looks before it creates: one look-up more, and never a document more.
        let rests_until = self.rests_until(&error, now);
        self.leases.release(&command.id(), owner, true, rests_until).await?;
        let named = Named::of(&order.facts);
        let verdict = match (error.remedy(), tried_for(order, command, now) >= PATIENCE) {
            (Remedy::Retry { .. } | Remedy::Reconcile { .. }, true) => Verdict::Park(Parked {
                class: FailureClass::Outage,
                cause: named.hide(&chain(&error)),
                attempts,
                order: Some(order.key.clone()),
            }),
            _ => error.verdict_on(attempts, Some(&order.key), &named),
        };
        if let Verdict::Park(parked) = &verdict {
            self.report_failure(command, slip, parked, now).await?;
        }
        Ok(verdict)
    }

    /// How long a command rests after an attempt that may still take effect by itself. Its own message is put off for as
    /// long, but copies of it may be on their way, and whoever takes one of those may not look too soon either.
    fn rests_until(&self, error: &DeskError, now: Timestamp) -> Option<Timestamp> {
        let DeskError::Call(error) = error else { return None };
        let rests = error.rests()?.saturating_add(self.skew);
        Some(now.saturating_add(rests).unwrap_or(Timestamp::MAX))
    }

    /// Keeps the result with the lease and reports it. A lease lost in between was taken over by another worker, which
    /// looks for our work before it does any: it will report.
    async fn keep(
        &self,
        command: &Command,
        owner: &Owner,
        finish: Finish,
        now: Timestamp,
    ) -> Result<Verdict, DeskError> {
        let (id, report) = (command.id(), finished(command, finish.clone(), now));
        let ended = Ended { id: &id, owner, finish: &finish, now };
        let kept = match self.close(ended, &report).await {
            Some(kept) => kept,
            None => self.outbox.complete_and_send(&id, owner, &finish, now, vec![letter(report)?]).await?,
        };
        if !kept {
            tracing::warn!(call = %id, "lease was lost while the command was carried out");
        }
        Ok(Verdict::Done)
    }

    /// Carries the order on at once, if that can be done here. Whatever stands in the way, stands in the way of this order's
    /// events, and is for who works those off: then the result is reported to them.
    async fn close(&self, ended: Ended<'_>, report: &Happened) -> Option<bool> {
        let closed = self.closing.as_ref()?.finish(ended, report, ended.now).await;
        closed
            .inspect_err(|error| {
                tracing::warn!(call = %ended.id, cause = %chain(error), "result is reported instead of applied");
            })
            .ok()
    }

    async fn report_failure(
        &self,
        command: &Command,
        slip: Slip<'_>,
        parked: &Parked,
        now: Timestamp,
    ) -> Result<(), DeskError> {
        let failure = FailureId::of(slip.queue, slip.raw);
        let note = FailureNote { failure, class: parked.class, cause: parked.cause.clone() };
        let failed = Event::Failed { step: command.step.clone(), note };
        self.enqueue(vec![happened(command, failed, now)]).await
    }

    async fn hint(&self, hint: &Hint, now: Timestamp) -> Result<(), DeskError> {
        let connector = self.connectors.for_hint(hint);
        let connector = connector
            .ok_or_else(|| DeskError::Unknown { what: format!("where to look up a {}", hint.entity) })?;
        let mut news = Vec::new();
        for happened in connector.look_up(hint, now).await? {
            // Whoever else works in the ERP may write keys that look like ours.
            if self.reader.load(&happened.order).await?.is_none() {
                tracing::info!(order = %happened.order, entity = %hint.entity, "hint of an order that is not ours");
            } else if !self.tell(&happened, now).await {
                news.push(happened);
            }
        }
        self.enqueue(news).await
    }

    /// Takes the news into the order at once, if that can be done here.
    async fn tell(&self, news: &Happened, now: Timestamp) -> bool {
        let Some(closing) = &self.closing else { return false };
        let told = closing.tell(news, now).await;
        told.inspect_err(|error| {
            tracing::warn!(order = %news.order, cause = %chain(error), "news are sent on instead of applied");
        })
        .is_ok()
    }

    async fn enqueue(&self, news: Vec<Happened>) -> Result<(), DeskError> {
        let letters = news.into_iter().map(letter).collect::<Result<Vec<_>, _>>()?;
        Ok(send_all(self.sender.as_ref(), letters).await?)
    }
}

fn finished(command: &Command, finish: Finish, now: Timestamp) -> Happened {
    happened(command, Event::Finished { step: command.step.clone(), finish }, now)
}

fn happened(command: &Command, event: Event, now: Timestamp) -> Happened {
    Happened { order: command.order.clone(), events: vec![EventRecord::told(now, event)] }
}

fn letter(happened: Happened) -> Result<Letter, DeskError> {
    let message = Outgoing::now(Message::Happened(happened).encode()?);
    Ok(Letter { to: Address::Live(Queue::Events), message })
}

/// Whether what failed before can still be replayed.
enum Fence {
    /// It can't: these are ours now.
    Closed(Vec<Command>),
    /// Somebody is at it until then.
    Open { until: Timestamp },
}

/// Whether an earlier attempt may have left something in the ERP that has to be undone.
fn leaves_documents(action: crate::Action) -> bool {
    use crate::Action;
    match action {
        Action::ErpSalesOrder | Action::ErpShipment | Action::ErpInvoice | Action::ErpCreditNote => true,
        Action::ErpCustomer
        | Action::ErpPayment
        | Action::ErpUpdate
        | Action::ErpCancel
        | Action::ShopPaid
        | Action::ShopShipment
        | Action::ShopCancel
        | Action::MailSend => false,
    }
}

/// For how long the command is being tried.
fn tried_for(order: &Order, command: &Command, now: Timestamp) -> Duration {
    match order.steps.get(&command.step) {
        Some(StepState::Requested { attempt, since, .. }) => under_way_for(*attempt, *since, now),
        Some(
            StepState::Waiting { .. }
            | StepState::Done { .. }
            | StepState::Skipped { .. }
            | StepState::Failed { .. },
        )
        | None => Duration::ZERO,
    }
}

/// Whether the order was cancelled before this command was begun.
fn withdrawn(order: &Order, command: &Command) -> bool {
    matches!(order.course, Course::Cancelling { .. }) && !command.undo
}
