//! The simulated queues: delayed, doubled, reordered, delivered again after the visibility timeout, redriven under a new id.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
use kontor_flow::message::LONGEST_MESSAGE;
use kontor_flow::ports::{Delayer, Outgoing, Received, Receiver, Sender, StoreError};
use kontor_flow::{Address, FailureId, Message, Queue, StepState};

use super::calls::{call, unavailable};
use super::dice::Dice;
use super::faults::Fault;
use super::world::{HOUR, MILLI, MINUTE, SECOND, State, What, World};

call!(SEND, "sending messages", writes: true);
call!(RECEIVE, "receiving messages", writes: true);
call!(DELETE, "deleting a message", writes: true);
call!(DELAY, "postponing a message", writes: true);

/// A person moves dead letters back no more often than that: those that must fail would go round and round.
const MOST_REDRIVES: usize = 5;

/// A message in a queue.
#[derive(Debug, Clone)]
struct Letter {
    id: String,
    body: String,
    attributes: BTreeMap<String, String>,
    receives: u32,
    /// Receives that count against the queue's patience.
    strikes: u32,
    visible_at: i64,
    receipt: String,
    sent: u64,
}

/// All queues.
pub(super) struct Trays {
    letters: BTreeMap<Address, Vec<Letter>>,
    count: u64,
    /// The queue gives up on a message taken out so often. SQS counts postponements too, and is set high; the queue of one
    /// machine does not, and is set low.
    most_receives: u32,
    counts_postponements: bool,
    /// Failures whose message was taken out of a dead-letter queue at some time.
    pub(super) died: BTreeSet<FailureId>,
    redrives: usize,
    /// Messages that kill their worker while the storm lasts.
    poisonous: BTreeSet<String>,
    /// How many of ten thousand commands' messages vanish, and the dice that is rolled with.
    vanishing: (u32, Dice),
}

impl Trays {
    pub(super) fn new(dice: &mut Dice) -> Self {
        // Dice of its own, so that a seed's world is the same up to where something vanishes.
        let mut own = dice.clone();
        let vanishing = (own.pick([0, 0, 20, 100]), own);
        let (most_receives, counts_postponements) = dice.pick([(200, true), (12, false), (12, false)]);
        Self {
            letters: BTreeMap::new(),
            count: 0,
            most_receives,
            counts_postponements,
            died: BTreeSet::new(),
            redrives: 0,
            poisonous: BTreeSet::new(),
            vanishing,
        }
    }

    /// Whether the message of that id kills its worker.
    pub(super) fn is_poisonous(&self, id: &str) -> bool {
        self.poisonous.contains(id)
    }

    /// Whether nothing lies in any queue.
    pub(super) fn are_empty(&self) -> bool {
        self.letters.values().all(Vec::is_empty)
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX / 4)
}

impl State {
    fn put(&mut self, to: Address, message: &Outgoing) {
        self.trays.count += 1;
        let id = format!("m{}", self.trays.count);
        let mut way = self.travel();
        if let Address::Dead(queue) = to {
            let by_hand = self.rates.of(Fault::Redriven);
            if self.stormy && self.trays.redrives < MOST_REDRIVES && self.dice.chance(by_hand) {
                self.trays.redrives += 1;
                // Nobody takes it out (`alert-admin` is away), and a person moves it back.
                way = HOUR;
                let at = self.now + self.dice.between(SECOND, 30 * MINUTE);
                self.act(at, move |world| world.with(|s| s.redrive(queue)));
            }
        } else {
            let poison = self.rates.of(Fault::Poisonous);
            if self.stormy && self.dice.chance(poison) {
                self.trays.poisonous.insert(id.clone());
            }
        }
        self.put_letter(to, id.clone(), message, way);
        if self.strikes(Fault::Duplicated) {
            let way = self.travel();
            self.put_letter(to, id, message, way);
        }
    }

    fn travel(&mut self) -> i64 {
        if self.strikes(Fault::Delayed) {
            let longest = self.dice.pick([5 * MINUTE, 30 * MINUTE, 6 * HOUR]);
            return self.dice.between(SECOND, longest);
        }
        self.dice.between(MILLI, 40 * MILLI)
    }

    fn put_letter(&mut self, to: Address, id: String, message: &Outgoing, way: i64) {
        let visible_at = self.now.saturating_add(micros(message.delay)).saturating_add(way);
        let letter = Letter {
            id,
            body: message.body.clone(),
            attributes: message.attributes.clone(),
            receives: 0,
            strikes: 0,
            visible_at,
            receipt: String::new(),
            sent: self.trays.count,
        };
        self.trays.letters.entry(to).or_default().push(letter);
        self.plan(visible_at, What::Ready(to));
    }

    /// Takes out at most `max` messages, in any order.
    pub(super) fn take(&mut self, from: Address, max: usize, visibility: Duration) -> Vec<Received> {
        let mut taken = Vec::new();
        while taken.len() < max {
            let now = self.now;
            let letters = self.trays.letters.entry(from).or_default();
            let visible: Vec<usize> =
                letters.iter().enumerate().filter(|(_, l)| l.visible_at <= now).map(|(n, _)| n).collect();
            if visible.is_empty() {
                break;
            }
            let nth = usize::try_from(self.dice.below(visible.len() as u64)).unwrap();
            let Some(at) = visible.get(nth) else { break };
            taken.extend(self.take_at(from, *at, visibility));
        }
        taken
    }

    fn take_at(&mut self, from: Address, at: usize, visibility: Duration) -> Option<Received> {
        self.trays.count += 1;
        let receipt = format!("r{}", self.trays.count);
        let most = self.trays.most_receives;
        let letters = self.trays.letters.entry(from).or_default();
        let letter = letters.get_mut(at).unwrap();
        if let (Address::Live(queue), true) = (from, letter.strikes >= most) {
            let letter = letters.remove(at);
            self.hit(Fault::Exhausted);
            let moved = Outgoing { body: letter.body, attributes: letter.attributes, ..Outgoing::default() };
            let way = self.travel();
            self.put_letter(Address::Dead(queue), letter.id, &moved, way);
            return None;
        }
        if let Address::Dead(queue) = from {
            self.trays.died.insert(FailureId::of(queue, &letter.body));
        }
        let (again, sent) = (letter.receives > 0, letter.sent);
        letter.receives += 1;
        letter.strikes += 1;
        letter.receipt.clone_from(&receipt);
        letter.visible_at = self.now.saturating_add(micros(visibility));
        let visible_at = letter.visible_at;
        let received = Received {
            id: letter.id.clone(),
            receipt,
            body: letter.body.clone(),
            attributes: letter.attributes.clone(),
            receives: letter.receives,
        };
        let overtakes = letters.iter().any(|earlier| earlier.sent < sent && earlier.receives == 0);
        self.plan(visible_at, What::Ready(from));
        if overtakes && !again {
            self.hit(Fault::Reordered);
        }
        if again {
            self.hit(Fault::Redelivered);
        }
        if self.strikes(Fault::Reappeared) {
            let soon = self.now + self.dice.between(MILLI, 30 * SECOND);
            let letters = self.trays.letters.entry(from).or_default();
            if let Some(letter) = letters.iter_mut().find(|l| l.sent == sent && l.receipt == received.receipt)
            {
                letter.visible_at = soon;
            }
            self.plan(soon, What::Ready(from));
        }
        Some(received)
    }

    fn send(&mut self, to: Address, messages: &[Outgoing]) -> Result<(), StoreError> {
        for message in messages {
            let bytes = message.body.len();
            if bytes == 0 || bytes > LONGEST_MESSAGE + 48_000 {
                let what = format!("a message to {to}");
                return Err(StoreError::Refused { what, source: "it is too long, or empty".into() });
            }
        }
        if self.strikes(Fault::SendLost) {
            return Err(unavailable(SEND));
        }
        let half = !messages.is_empty() && self.strikes(Fault::SendHalf);
        let count = if half { self.dice.below(messages.len() as u64) } else { messages.len() as u64 };
        for message in messages.iter().take(usize::try_from(count).unwrap()) {
            self.tell(|| format!("sends to {to}: {}", gist(&message.body)));
            self.caused(to, &message.body);
            if !self.vanishes(to, &message.body) {
                self.put(to, message);
            }
        }
        if half { Err(unavailable(SEND)) } else { Ok(()) }
    }

    /// Nothing is sent before it is stored: a command that goes into its queue stands in its order.
    fn caused(&mut self, to: Address, body: &str) {
        let Address::Live(Queue::Erp | Queue::Shops | Queue::Mail) = to else { return };
        let Ok(Message::Command(command)) = Message::decode(body) else { return };
        let asked = self.shelf.timelines.get(&command.order).into_iter().flatten();
        let named = asked.flat_map(|entry| &entry.commands).any(|id| *id == command.id());
        if !named {
            self.breaks(format!("nothing is sent before it is stored: {} is in no order", command.id()));
        }
    }

    /// Whether a message vanishes on its way. Only those do of which the order knows that they are under way: the order is
    /// the outbox. Anything else would be lost for good.
    fn vanishes(&mut self, to: Address, body: &str) -> bool {
        let (rate, dice) = &mut self.trays.vanishing;
        if !self.stormy || matches!(to, Address::Dead(_)) || !dice.chance(*rate) {
            return false;
        }
        let Ok(Message::Command(command)) = Message::decode(body) else { return false };
        let state = self.shelf.orders.get(&command.order).and_then(|order| order.steps.get(&command.step));
        let known = matches!(state, Some(StepState::Requested { command: known, .. }) if *known == command);
        if known {
            self.hit(Fault::Vanished);
        }
        known
    }

    /// Moves all dead letters back, each with a new id: what a person does with the queue's own tools.
    fn redrive(&mut self, queue: Queue) {
        let letters = self.trays.letters.entry(Address::Dead(queue)).or_default();
        let (moved, kept) = std::mem::take(letters).into_iter().partition(|l| l.receives == 0);
        *letters = kept;
        let moved: Vec<Letter> = moved;
        for letter in moved {
            self.hit(Fault::Redriven);
            let message =
                Outgoing { body: letter.body, attributes: letter.attributes, ..Outgoing::default() };
            self.put(Address::Live(queue), &message);
        }
    }
}

/// What a message says, in short.
fn gist(body: &str) -> String {
    match Message::decode(body) {
        Ok(Message::Command(command)) => format!("command {}", command.id()),
        Ok(Message::Happened(happened)) => {
            let words: Vec<_> = happened.events.iter().map(|record| record.event.word()).collect();
            format!("{} {}", happened.order, words.join(", "))
        }
        Ok(Message::Delivery(delivery)) => format!("delivery {} of {}", delivery.topic, delivery.shop),
        Ok(Message::Poll(poll)) => format!("poll {}", poll.shop),
        Ok(Message::Hint(hint)) => format!("hint {} {}", hint.entity, hint.id),
        Err(_) => "no message".to_owned(),
    }
}

#[async_trait]
impl Sender for World {
    async fn send(&self, to: Address, messages: Vec<Outgoing>) -> Result<(), StoreError> {
        let (there, back) = self.with(|s| (s.way(), s.way()));
        self.pause(SEND.there, there).await;
        self.with(|s| s.send(to, &messages))?;
        self.pause(SEND.back, back).await;
        if self.with(|s| s.strikes(Fault::SendUnanswered)) {
            return Err(unavailable(SEND));
        }
        Ok(())
    }
}

#[async_trait]
impl Receiver for World {
    async fn receive(
        &self,
        from: Address,
        max: usize,
        visibility: Duration,
        wait: Duration,
    ) -> Result<Vec<Received>, StoreError> {
        let until = self.with(|s| s.now.saturating_add(micros(wait)));
        loop {
            let taken = self.with(|s| s.take(from, max, visibility));
            if !taken.is_empty() || self.with(|s| s.now >= until) {
                return Ok(taken);
            }
            self.pause(RECEIVE.there, 20 * MILLI).await;
        }
    }

    async fn delete(&self, from: Address, receipts: Vec<String>) -> Result<(), StoreError> {
        self.pause(DELETE.there, MILLI).await;
        self.with(|s| {
            if s.strikes(Fault::NotSettled) {
                return Err(unavailable(DELETE));
            }
            s.trays.letters.entry(from).or_default().retain(|letter| !receipts.contains(&letter.receipt));
            Ok(())
        })
    }
}

#[async_trait]
impl Delayer for World {
    async fn delay(&self, from: Address, receipt: &str, after: Duration) -> Result<(), StoreError> {
        self.pause(DELAY.there, MILLI).await;
        self.with(|s| {
            if s.strikes(Fault::NotSettled) {
                return Err(unavailable(DELAY));
            }
            let visible_at = s.now.saturating_add(micros(after));
            let counts = s.trays.counts_postponements;
            let letters = s.trays.letters.entry(from).or_default();
            let Some(letter) = letters.iter_mut().find(|letter| letter.receipt == receipt) else {
                return Ok(());
            };
            letter.visible_at = visible_at;
            if !counts {
                letter.strikes = letter.strikes.saturating_sub(1);
            }
            s.plan(visible_at, What::Ready(from));
            s.tell(|| format!("postpones {receipt} by {} s", after.as_secs()));
            Ok(())
        })
    }
}
