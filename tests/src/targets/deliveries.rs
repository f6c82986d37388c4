//! What shops and the ERP send, what travels in queues, and what a person replays.

use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use kontor_connectors::config::ShopKind;
use kontor_connectors::mail::MailDesk;
use kontor_connectors::registry::Reader;
use kontor_connectors::{Delivery, Gate, HintGate, Proven};
use kontor_flow::apply::apply;
use kontor_flow::engine::ReplayDesk;
use kontor_flow::message::{LONGEST_BODY, LONGEST_MESSAGE};
use kontor_flow::plan::plan;
use kontor_flow::ports::{
    Connector as _, FailureFilter, Failures, Intake as _, Job, Mail, Mailer, Past, StoreError,
};
use kontor_flow::remedy::chain;
use kontor_flow::{
    Action, Address, CallError, Command, Envelope, Failure, FailureClass, FailureId, FailureState, Happened,
    Message, Order, Payload, Queue,
};

use super::world::{CONFIG, FLOW, SECRET, Tray, now, secrets, sign, wait};

/// The body of a signed delivery of WooCommerce.
pub fn woocommerce(body: &[u8]) {
    deliver(
        ShopKind::Woocommerce,
        "woo",
        ("x-wc-webhook-signature", "x-wc-webhook-topic", "order.updated"),
        body,
    );
}

/// The body of a signed delivery of Shopify.
pub fn shopify(body: &[u8]) {
    deliver(
        ShopKind::Shopify,
        "shopify",
        ("x-shopify-hmac-sha256", "x-shopify-topic", "orders/updated"),
        body,
    );
}

/// From the request to the plan. What is taken reads the same again, travels, and can be planned and written about.
fn deliver(
    kind: ShopKind,
    shop: &str,
    (signature, subject, topic): (&'static str, &'static str, &str),
    body: &[u8],
) {
    let gate = Gate::build(&CONFIG, kind, &secrets()).unwrap();
    let proof = gate.proof(&shop.parse().unwrap()).unwrap();
    let mut headers = HeaderMap::new();
    headers.insert(subject, HeaderValue::from_str(topic).unwrap());
    let unsigned = proof.verify(Delivery::new(headers.clone(), Bytes::copy_from_slice(body), now()));
    assert!(unsigned.is_err(), "it was believed without a signature");
    headers.insert(signature, HeaderValue::from_str(&sign(body)).unwrap());
    let envelope = match proof.verify(Delivery::new(headers, Bytes::copy_from_slice(body), now())) {
        Ok(Proven::Event(verified)) => verified.into_envelope(),
        Ok(Proven::Ping) => panic!("a signed delivery is no test call"),
        Err(_) => return assert!(body.is_empty(), "a good signature was refused"),
    };
    assert_eq!(envelope.body.bytes().unwrap(), body, "the body was changed on the way");
    let reader = Reader(Arc::clone(&CONFIG));
    let Ok(news) = reader.read(&envelope) else { return };
    assert_eq!(reader.read(&envelope).unwrap(), news, "the same body reads differently");
    news.iter().for_each(follow);
}

/// What happened to one order, followed until there is nothing more to do at once.
fn follow(news: &Happened) {
    let text = serde_json::to_string(news).unwrap();
    assert_eq!(serde_json::from_str::<Happened>(&text).unwrap(), *news, "events do not survive a queue");
    let mut order = Order::unheard_of(news.order.clone(), FLOW.id.clone(), now());
    for event in &news.events {
        apply(&mut order.facts, event.clone());
    }
    let once = order.facts.clone();
    for event in news.events.iter().rev() {
        assert!(!apply(&mut order.facts, event.clone()), "a repeated event is news");
    }
    assert_eq!(order.facts, once);
    let planned = plan(&order, &FLOW, now());
    (order.steps, order.course, order.status) = (planned.steps.clone(), planned.course, planned.status);
    (order.held, order.due_at) = (planned.held.clone(), planned.due_at);
    let again = plan(&order, &FLOW, now());
    assert!(!again.changes(&order) && again.commands.is_empty(), "planning twice plans more");
    let stored = serde_json::to_string(&order).unwrap();
    assert_eq!(
        serde_json::from_str::<Order>(&stored).unwrap(),
        order,
        "the order does not survive the store"
    );
    write(&order);
}

/// Takes mails that could be sent.
struct Postbox;

#[async_trait]
impl Mailer for Postbox {
    async fn send(&self, mail: &Mail) -> Result<(), CallError> {
        let clean = |text: &str| !text.contains(['\r', '\n', '\0']);
        assert!(
            clean(&mail.subject) && clean(mail.to.as_str()) && clean(&mail.message_id),
            "a header breaks out"
        );
        Ok(())
    }
}

static MAILS: LazyLock<MailDesk> =
    LazyLock::new(|| MailDesk::new(CONFIG.mail.clone().unwrap(), Arc::new(Postbox)).unwrap());

fn write(order: &Order) {
    for template in ["confirmation", "reminder"] {
        let command = Command {
            order: order.key.clone(),
            step: kontor_testkit::order::step(template),
            action: Action::MailSend,
            template: Some(template.to_owned()),
            undo: false,
        };
        let job = Job { command: &command, order, past: Past::Clean, now: now() };
        if let Err(error) = wait(MAILS.perform(job)) {
            assert!(!chain(&error).is_empty());
        }
    }
}

/// A notice of weclapp.
pub fn hint(body: &[u8]) {
    let gate = HintGate::build(&CONFIG.erp, &secrets()).unwrap();
    assert!(gate.read("another", body).is_err());
    let Ok(hint) = gate.read(SECRET, body) else { return };
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric());
    assert!(plain(&hint.id) && plain(&hint.entity), "a hint has more than letters and digits in it");
    same_again(&Message::Hint(hint));
}

fn same_again(message: &Message) {
    let text = message.encode().unwrap();
    assert_eq!(Message::decode(&text).unwrap(), *message, "a message does not survive its queue");
}

/// The text of a message in a queue.
pub fn message(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    let Ok(message) = Message::decode(text) else { return };
    if message.encode().is_ok() {
        same_again(&message);
    }
    match &message {
        Message::Delivery(envelope) => {
            let reader = Reader(Arc::clone(&CONFIG));
            for shop in ["woo", "shopify"] {
                let envelope = Envelope { shop: shop.parse().unwrap(), ..envelope.clone() };
                if let Ok(body) = envelope.body.bytes() {
                    assert!(body.len() <= LONGEST_BODY.max(text.len()), "a body grew past its bounds");
                }
                reader.read(&envelope).iter().flatten().for_each(follow);
            }
        }
        Message::Happened(news) => follow(news),
        Message::Command(_) | Message::Hint(_) | Message::Poll(_) => {}
    }
}

/// One failure, never changed by anybody else.
struct Cabinet(Failure);

#[async_trait]
impl Failures for Cabinet {
    async fn load(&self, _id: &FailureId) -> Result<Option<Failure>, StoreError> {
        Ok(Some(self.0.clone()))
    }
    async fn store(&self, _failure: &Failure) -> Result<(), StoreError> {
        Ok(())
    }
    async fn list(&self, _filter: &FailureFilter) -> Result<Vec<Failure>, StoreError> {
        Ok(vec![self.0.clone()])
    }
}

/// The body a person replays a failed delivery with.
pub fn replay(body: &[u8]) {
    let envelope = Envelope {
        shop: "woo".parse().unwrap(),
        topic: "order.updated".to_owned(),
        received_at: now(),
        headers: [].into(),
        body: Payload::pack(b"{}"),
    };
    let text = Message::Delivery(envelope).encode().unwrap();
    let failure = Failure {
        id: FailureId::of(Queue::Events, &text),
        revision: 1,
        queue: Queue::Events,
        message: text,
        class: FailureClass::Unreadable,
        cause: "a test".to_owned(),
        attempts: 1,
        order: None,
        state: FailureState::Open,
        first_at: now(),
        last_at: now(),
        times: 1,
        letter: String::new(),
        history: Vec::new(),
    };
    let (id, tray) = (failure.id.clone(), Arc::new(Tray::default()));
    let desk = ReplayDesk { failures: Arc::new(Cabinet(failure)), sender: Arc::clone(&tray) as _ };
    let replayed = wait(desk.replay(&id, Some(body), "test", now()));
    let sent = tray.take();
    assert_eq!(sent.len(), usize::from(replayed.is_ok()), "what was not replayed was sent all the same");
    for (to, outgoing) in sent {
        assert_eq!(to, Address::Live(Queue::Events));
        assert!(outgoing.body.len() <= LONGEST_MESSAGE);
        let Ok(Message::Delivery(envelope)) = Message::decode(&outgoing.body) else {
            panic!("no delivery was sent")
        };
        assert_eq!(envelope.body.bytes().unwrap(), body, "another body was replayed");
    }
    // What a person writes instead of the body may be a whole record as well.
    if let Ok(record) = serde_json::from_slice::<Failure>(body) {
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<Failure>(&text).unwrap(), record);
    }
}
