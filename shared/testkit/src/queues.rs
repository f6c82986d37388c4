//! How every queue behaves. Waits a few real seconds: queues outside count in whole ones.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kontor_flow::message::LONGEST_MESSAGE;
use kontor_flow::ports::{Delayer, Outgoing, Received, Receiver, Sender, StoreError};
use kontor_flow::{Address, Queue};

/// A queue as its users see it.
#[derive(Clone, Copy)]
pub struct Ends<'a> {
    /// Where it is put into.
    pub sender: &'a dyn Sender,
    /// Where it is taken out of.
    pub receiver: &'a dyn Receiver,
    /// How it is put off.
    pub delayer: &'a dyn Delayer,
}

const EVENTS: Address = Address::Live(Queue::Events);
const ERP: Address = Address::Live(Queue::Erp);
const SHOPS: Address = Address::Live(Queue::Shops);
const MAIL: Address = Address::Live(Queue::Mail);
const DEAD: Address = Address::Dead(Queue::Erp);

const LONG: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

impl Ends<'_> {
    async fn send(&self, to: Address, bodies: &[&str]) {
        let messages = bodies.iter().map(|body| Outgoing::now((*body).to_owned())).collect();
        self.sender.send(to, messages).await.unwrap();
    }

    async fn take(&self, from: Address, visibility: Duration, wait: Duration) -> Vec<Received> {
        self.receiver.receive(from, 10, visibility, wait).await.unwrap()
    }

    /// Takes until so many messages came (a queue outside may give fewer at a time than it has).
    async fn take_all(&self, from: Address, count: usize) -> Vec<Received> {
        let mut all = Vec::new();
        for _ in 0..50 {
            all.extend(self.take(from, LONG, SECOND).await);
            if all.len() >= count {
                break;
            }
        }
        assert_eq!(all.len(), count, "messages from {from}");
        all
    }

    async fn delete(&self, from: Address, messages: &[Received]) {
        let receipts = messages.iter().map(|m| m.receipt.clone()).collect();
        self.receiver.delete(from, receipts).await.unwrap();
    }

    async fn assert_empty(&self, from: Address) {
        assert_eq!(self.take(from, LONG, Duration::ZERO).await, [], "{from} should be empty");
    }
}

/// The suite. Wants queues without messages.
pub async fn queues_behave(sender: &dyn Sender, receiver: &dyn Receiver, delayer: &dyn Delayer) {
    let ends = Ends { sender, receiver, delayer };
    what_is_sent_is_received_whole(ends).await;
    many_messages_go_in_one_send(ends).await;
    long_messages_pass_and_too_long_ones_do_not(ends).await;
    a_message_in_flight_is_hidden_until_its_time(ends).await;
    a_delayed_message_comes_later(ends).await;
    a_message_that_is_put_off_comes_later(ends).await;
    a_waiting_receiver_is_woken(ends).await;
    void_receipts_are_no_error(ends).await;
}

async fn what_is_sent_is_received_whole(ends: Ends<'_>) {
    let attributes: BTreeMap<_, _> =
        [("class", "unmapped"), ("cause", "größer: 'x' \"y\" 🫘"), ("attempts", "3"), ("order", "laden/17")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
    let body = "{\"v\":1,\"text\":\"Grüße\\n\\u0001 🫘 <&>\"}\n\t'".to_owned();
    let message = Outgoing { body: body.clone(), delay: Duration::ZERO, attributes: attributes.clone() };
    ends.sender.send(DEAD, vec![message]).await.unwrap();
    ends.assert_empty(ERP).await;
    let taken = ends.take_all(DEAD, 1).await;
    let message = taken.first().unwrap();
    assert_eq!((&message.body, &message.attributes, message.receives), (&body, &attributes, 1));
    ends.delete(DEAD, &taken).await;
    ends.sender.send(DEAD, Vec::new()).await.unwrap();
    ends.assert_empty(DEAD).await;
}

async fn many_messages_go_in_one_send(ends: Ends<'_>) {
    let bodies: BTreeSet<_> = (0..35).map(|n| format!("nr {n}")).collect();
    ends.send(EVENTS, &bodies.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let few = ends.receiver.receive(EVENTS, 3, LONG, SECOND).await.unwrap();
    assert!((1..=3).contains(&few.len()), "{} of at most 3", few.len());
    let rest = ends.take_all(EVENTS, 35 - few.len()).await;
    let all: Vec<_> = few.into_iter().chain(rest).collect();
    assert_eq!(all.iter().map(|m| m.body.clone()).collect::<BTreeSet<_>>(), bodies, "each once");
    assert_eq!(all.iter().map(|m| &m.receipt).collect::<BTreeSet<_>>().len(), 35);
    ends.delete(EVENTS, &all).await;
    ends.assert_empty(EVENTS).await;
}

async fn long_messages_pass_and_too_long_ones_do_not(ends: Ends<'_>) {
    // Two of these fit into no single request.
    let long = "ü".repeat(LONGEST_MESSAGE / 2);
    ends.send(SHOPS, &[&long, "short", &long]).await;
    let taken = ends.take_all(SHOPS, 3).await;
    let lengths: BTreeSet<_> = taken.iter().map(|m| m.body.len()).collect();
    assert_eq!(lengths, BTreeSet::from([5, LONGEST_MESSAGE]));
    ends.delete(SHOPS, &taken).await;
    let refused = ends.sender.send(SHOPS, vec![Outgoing::now("x".repeat(1024 * 1024 + 1))]).await;
    assert!(matches!(refused, Err(StoreError::Refused { .. })), "{refused:?}");
    ends.assert_empty(SHOPS).await;
}

async fn a_message_in_flight_is_hidden_until_its_time(ends: Ends<'_>) {
    ends.send(MAIL, &["one"]).await;
    let first = ends.take(MAIL, 2 * SECOND, SECOND).await;
    assert_eq!(first.len(), 1);
    ends.assert_empty(MAIL).await;
    let again = ends.take(MAIL, LONG, 6 * SECOND).await;
    let bodies: Vec<_> = again.iter().map(|m| (m.body.as_str(), m.receives)).collect();
    assert_eq!(bodies, [("one", 2)], "it comes again by itself");
    assert_ne!(first.first().unwrap().receipt, again.first().unwrap().receipt);
    ends.delete(MAIL, &again).await;
    ends.assert_empty(MAIL).await;
}

async fn a_delayed_message_comes_later(ends: Ends<'_>) {
    let late = Outgoing { delay: 2 * SECOND, ..Outgoing::now("late".to_owned()) };
    ends.sender.send(MAIL, vec![late, Outgoing::now("soon".to_owned())]).await.unwrap();
    let soon = ends.take_all(MAIL, 1).await;
    assert_eq!(soon.first().unwrap().body, "soon");
    ends.delete(MAIL, &soon).await;
    let late = ends.take(MAIL, LONG, 6 * SECOND).await;
    assert_eq!(late.first().unwrap().body, "late");
    ends.delete(MAIL, &late).await;
}

async fn a_message_that_is_put_off_comes_later(ends: Ends<'_>) {
    ends.send(MAIL, &["again"]).await;
    let taken = ends.take_all(MAIL, 1).await;
    ends.delayer.delay(MAIL, &taken.first().unwrap().receipt, 2 * SECOND).await.unwrap();
    ends.assert_empty(MAIL).await;
    let again = ends.take(MAIL, LONG, 6 * SECOND).await;
    assert_eq!(again.len(), 1, "long before its sixty seconds");
    ends.delayer.delay(MAIL, &again.first().unwrap().receipt, Duration::ZERO).await.unwrap();
    let third = ends.take_all(MAIL, 1).await;
    assert_eq!(third.first().unwrap().receives, 3, "at once");
    ends.delete(MAIL, &third).await;
    ends.assert_empty(MAIL).await;
}

async fn a_waiting_receiver_is_woken(ends: Ends<'_>) {
    let send = async {
        tokio::time::sleep(SECOND / 4).await;
        ends.send(EVENTS, &["now"]).await;
    };
    let wait = ends.take(EVENTS, LONG, 15 * SECOND);
    let both = async { futures_util::future::join(wait, send).await.0 };
    let taken =
        tokio::time::timeout(5 * SECOND, both).await.unwrap_or_else(|_| panic!("the receiver slept on"));
    assert_eq!(taken.len(), 1);
    ends.delete(EVENTS, &taken).await;
}

async fn void_receipts_are_no_error(ends: Ends<'_>) {
    ends.send(EVENTS, &["once"]).await;
    let taken = ends.take_all(EVENTS, 1).await;
    ends.delete(EVENTS, &taken).await;
    ends.delete(EVENTS, &taken).await;
    let receipt = &taken.first().unwrap().receipt;
    ends.delayer.delay(EVENTS, receipt, Duration::ZERO).await.unwrap();
    ends.assert_empty(EVENTS).await;
}
