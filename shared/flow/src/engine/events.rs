//! `work-events`: reads deliveries, applies events, plans, stores, and only then sends what the plan asks for.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use jiff::Timestamp;
use kontor_domain::OrderKey;

use super::{DeskError, Parked, Verdict};
use crate::apply::apply;
use crate::order::Cause;
use crate::outbox::send_all;
use crate::plan::{Plan, plan};
use crate::ports::{FlowBook, Intake, Letter, OrderOutbox, OrderReader, Outgoing, Sender, StoreError};
use crate::{
    Address, Command, EventRecord, FailureClass, Flow, Happened, Message, Order, OrderStatus, Queue, StepKey,
    StepState, TimelineEntry,
};

/// How often a write is tried again at once when another was faster.
pub(super) const CONFLICTS: usize = 8;

/// Works off the events queue.
pub struct EventDesk {
    /// Reads orders.
    pub reader: Arc<dyn OrderReader>,
    /// Writes orders and sends what follows from them.
    pub outbox: Arc<dyn OrderOutbox>,
    /// Knows the flows.
    pub flows: Arc<dyn FlowBook>,
    /// Reads deliveries.
    pub intake: Arc<dyn Intake>,
    /// Sends once more what may not have been sent.
    pub sender: Arc<dyn Sender>,
}

/// What follows from events, ready to be written.
pub(super) enum Following {
    /// Nothing changes.
    Nothing {
        /// What may not have been sent.
        again: Vec<Letter>,
    },
    /// The order changes.
    Write {
        /// The order as it is to be written.
        order: Arc<Order>,
        /// Its entry in the timeline.
        entry: TimelineEntry,
        /// What is to be sent then.
        letters: Vec<Letter>,
    },
}

impl EventDesk {
    /// Works off one message. `receives` counts how often it was taken out of the queue: more than once may mean that a
    /// worker died between storing and sending, so commands under way are sent again (which the lease makes harmless).
    pub async fn handle(&self, message: &Message, receives: u32, now: Timestamp) -> Verdict {
        match self.work(message, receives, now).await {
            Ok(()) => Verdict::Done,
            Err((error, order)) => error.verdict(receives, order.as_ref()),
        }
    }

    async fn work(
        &self,
        message: &Message,
        receives: u32,
        now: Timestamp,
    ) -> Result<(), (DeskError, Option<OrderKey>)> {
        let unplaced = |error: DeskError| (error, None);
        let (news, cause) = match message {
            Message::Delivery(envelope) => {
                let news = self.intake.read(envelope).map_err(|e| unplaced(e.into()))?;
                let digest = envelope.digest().map_err(|e| unplaced(e.into()))?;
                (news, Cause::Delivery { digest, topic: envelope.topic.clone() })
            }
            Message::Happened(happened) => (vec![happened.clone()], Cause::Report),
            Message::Command(_) | Message::Hint(_) | Message::Poll(_) => {
                return Err(unplaced(DeskError::Misdirected));
            }
        };
        for Happened { order, events } in news {
            let cause = decided_by(&events).unwrap_or_else(|| cause.clone());
            // Without events it is the replay of an order that was held: if it still is, somebody has to be told again.
            let resend = receives > 1 || events.is_empty();
            let done = self.advance(&order, &events, &cause, resend, now).await;
            done.map_err(|error| (error, Some(order)))?;
        }
        Ok(())
    }

    /// Takes `events` into the order and does what follows. Without events: does what has become due. With `resend`,
    /// commands under way are sent again even if nothing changed.
    ///
    /// # Errors
    /// [`DeskError`]; nothing was sent that was not stored.
    pub async fn advance(
        &self,
        key: &OrderKey,
        events: &[EventRecord],
        cause: &Cause,
        resend: bool,
        now: Timestamp,
    ) -> Result<(), DeskError> {
        for _ in 0..CONFLICTS {
            let written = match self.follow(key, events, cause, resend, now).await? {
                // Nothing would look at it again if the word that it is held got lost on its way: a message that a queue
                // gives again until it is done lets it come to a stand.
                Following::Write { order, .. } if *cause == Cause::Due && order.held.is_some() => {
                    send_all(self.sender.as_ref(), vec![look_again(key)?]).await
                }
                Following::Nothing { again } => send_all(self.sender.as_ref(), again).await,
                Following::Write { order, entry, letters } => {
                    self.outbox.store_and_send(order, entry, letters).await
                }
            };
            match written {
                Err(StoreError::Conflict { .. }) => {}
                written => return Ok(written?),
            }
        }
        Err(DeskError::Crowded { order: key.clone() })
    }

    /// What follows from `events`, not yet written; see [`EventDesk::advance`].
    pub(super) async fn follow(
        &self,
        key: &OrderKey,
        events: &[EventRecord],
        cause: &Cause,
        resend: bool,
        now: Timestamp,
    ) -> Result<Following, DeskError> {
        let (before, flow) = self.load(key, now).await?;
        let mut order = Order::clone(&before);
        let news = events.iter().fold(false, |news, event| apply(&mut order.facts, event.clone()) | news);
        // One order that can't be planned must stop no other.
        let plan = catch_unwind(AssertUnwindSafe(|| plan(&order, &flow, now)))
            .map_err(|_| DeskError::Panicked { order: key.clone() })?;
        if !news && !plan.changes(&order) {
            let again = if resend { letters(&order, true, under_way(&order.steps))? } else { Vec::new() };
            return Ok(Following::Nothing { again });
        }
        let tell = resend || before.status != OrderStatus::Held;
        let (order, commands, entry) = carry_out(&before, order, plan, events, cause, now);
        let commands = if resend { under_way(&order.steps) } else { commands };
        let letters = letters(&order, tell, commands)?;
        Ok(Following::Write { order: Arc::new(order), entry, letters })
    }

    async fn load(&self, key: &OrderKey, now: Timestamp) -> Result<(Arc<Order>, Arc<Flow>), DeskError> {
        match self.reader.load(key).await? {
            Some(order) => {
                let flow = self.flows.find(&order.flow).await?;
                let flow = flow.ok_or_else(|| DeskError::FlowGone { flow: order.flow.clone() })?;
                Ok((order, flow))
            }
            None => {
                let flow = self.flows.current(&key.shop).await?;
                let flow =
                    flow.ok_or_else(|| DeskError::Unknown { what: format!("the shop {}", key.shop) })?;
                Ok((Arc::new(Order::unheard_of(key.clone(), flow.id.clone(), now)), flow))
            }
        }
    }
}

/// What is to be sent for `order`: first that it is held, if so and to be told, then its commands.
fn letters(order: &Order, tell: bool, mut commands: Vec<Command>) -> Result<Vec<Letter>, DeskError> {
    let mut letters = Vec::with_capacity(commands.len());
    letters.extend(if tell { word_of_held(order)? } else { None });
    commands.sort_by_key(|command| command.action.queue());
    for command in commands {
        let to = Address::Live(command.action.queue());
        letters.push(Letter { to, message: Outgoing::now(Message::Command(command).encode()?) });
    }
    Ok(letters)
}

/// A message that plans an order anew.
fn look_again(key: &OrderKey) -> Result<Letter, DeskError> {
    let message = Message::Happened(Happened { order: key.clone(), events: Vec::new() });
    Ok(Letter { to: Address::Live(Queue::Events), message: Outgoing::now(message.encode()?) })
}

/// An order that has come to a stand is kept as a failure too, so that somebody is told. Its message has no events: a
/// replay plans the order anew.
fn word_of_held(order: &Order) -> Result<Option<Letter>, DeskError> {
    let Some(why) = &order.held else { return Ok(None) };
    tracing::error!(order = %order.key, cause = %why, "order is held");
    let body = Message::Happened(Happened { order: order.key.clone(), events: Vec::new() }).encode()?;
    let (cause, key) = (format!("the order is held: {why}"), order.key.clone());
    let parked = Parked { class: FailureClass::Held, cause, attempts: 0, order: Some(key) };
    let message = Outgoing { body, attributes: parked.attributes(), ..Outgoing::default() };
    Ok(Some(Letter { to: Address::Dead(Queue::Events), message }))
}

fn decided_by(events: &[EventRecord]) -> Option<Cause> {
    events.iter().find_map(|record| match &record.event {
        crate::Event::Decided { decision, .. } => Some(Cause::Operator { by: decision.by.clone() }),
        crate::Event::Placed(_)
        | crate::Event::Life(_)
        | crate::Event::Paid(_)
        | crate::Event::Refunded(_)
        | crate::Event::Shipped(_)
        | crate::Event::Finished { .. }
        | crate::Event::Failed { .. } => None,
    })
}

/// Commands that may not have been sent, or not carried out.
fn under_way(steps: &BTreeMap<StepKey, StepState>) -> Vec<Command> {
    let requested = steps.values().filter(|state| matches!(state, StepState::Requested { .. }));
    requested.filter_map(StepState::command).cloned().collect()
}

/// The order after the plan, what is to be sent, and the entry in its timeline.
fn carry_out(
    before: &Order,
    mut order: Order,
    plan: Plan,
    events: &[EventRecord],
    cause: &Cause,
    now: Timestamp,
) -> (Order, Vec<Command>, TimelineEntry) {
    let entry = TimelineEntry {
        version: before.version.saturating_add(1),
        at: now,
        cause: cause.clone(),
        events: events.iter().map(|record| (record.event.word().to_owned(), record.as_of)).collect(),
        changes: changes(before, &plan),
        commands: plan.commands.iter().map(Command::id).collect(),
        status: plan.status,
    };
    order.version = entry.version;
    order.updated_at = now;
    order.steps = plan.steps;
    order.course = plan.course;
    order.status = plan.status;
    order.held = plan.held;
    order.due_at = plan.due_at;
    (order, plan.commands, entry)
}

fn changes(before: &Order, plan: &Plan) -> Vec<String> {
    let mut changes: Vec<String> = Vec::new();
    for (key, state) in &plan.steps {
        if before.steps.get(key) != Some(state) {
            changes.push(format!("{key} {}", state.sentence()));
        }
    }
    if let Some(why) = plan.held.as_ref().filter(|why| before.held.as_ref() != Some(why)) {
        changes.push(format!("held: {why}"));
    }
    if let (crate::Course::Forward, crate::Course::Cancelling { because, .. }) =
        (&before.course, &plan.course)
    {
        changes.push(format!("cancelled: {because}"));
    }
    changes
}
