//! What happens to the orders of a world, and how the world outside tells of it: a sender repeats until it got its 2xx.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kontor_domain::{
    OrderKey, OrderLife, Payment, PaymentChoice, PaymentId, PaymentSource, PaymentTerms, PlacedOrder, Refund,
    RefundId,
};
use kontor_flow::ports::{Intake, Outgoing, ReadError, Sender as _};
use kontor_flow::{
    Address, Decision, Envelope, Event, EventRecord, Happened, Message, Payload, Queue, StepName,
};

use super::faults::Fault;
use super::shops::ShopOrder;
use super::world::{DAY, HOUR, MINUTE, SECOND, State, World};
use crate::order::{draft, euro, key, line};

/// Whether a delivery can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Legible {
    /// As it is.
    Yes,
    /// Once somebody has mended the mapping.
    Later,
    /// Never: it is no order at all.
    Never,
}

/// Something the world outside tells until it is heard.
pub(super) struct Telling {
    to: Address,
    body: String,
    /// What it says.
    pub(super) says: Vec<Happened>,
    pub(super) legible: Legible,
    /// It was answered with a 2xx: what it says is in our hands now.
    pub(super) accepted: bool,
    heard: bool,
}

/// Everything told, and what is still to come.
#[derive(Default)]
pub(super) struct Tales {
    pub(super) tellings: Vec<Telling>,
    banks: BTreeMap<OrderKey, i64>,
    /// Whether the mapping has been mended.
    pub(super) mended: bool,
}

impl Tales {
    /// After how long the customer pays by bank transfer, if so.
    pub(super) fn pays_by_bank(&self, key: &OrderKey) -> Option<i64> {
        self.banks.get(key).copied()
    }
}

impl State {
    /// A shop's webhook, under one topic or several.
    pub(super) fn deliver(&mut self, told: Happened) {
        for _ in 0..self.dice.pick([1, 1, 1, 2, 3]) {
            let legible = match self.dice.below(200) {
                0..6 if self.stormy => Legible::Later,
                6 if self.stormy => Legible::Never,
                _ => Legible::Yes,
            };
            // What can never be read is not the order itself, but something beside it.
            let number = self.tales.tellings.len();
            let envelope = Envelope {
                shop: told.order.shop.clone(),
                topic: "order.updated".to_owned(),
                received_at: self.time(),
                headers: BTreeMap::new(),
                body: Payload::Text(number.to_string()),
            };
            self.begin_telling(Message::Delivery(envelope), vec![told.clone()], legible);
            if legible == Legible::Never {
                self.deliver(told.clone());
            }
        }
    }

    /// A word of a person.
    fn decide(&mut self, order: OrderKey, approved: bool) {
        let step = StepName::parse("approval").unwrap();
        let decision = Decision { approved, by: "Erika".to_owned(), revision: None };
        let event = Event::Decided { step, decision };
        let happened = Happened { order, events: vec![EventRecord::told(self.time(), event)] };
        self.begin_telling(Message::Happened(happened.clone()), vec![happened], Legible::Yes);
    }

    /// A message that somebody outside sends until it is taken.
    pub(super) fn announce(&mut self, to: Address, message: Message) {
        self.begin_telling_to(to, message, Vec::new(), Legible::Yes);
    }

    fn begin_telling(&mut self, message: Message, says: Vec<Happened>, legible: Legible) {
        self.begin_telling_to(Address::Live(Queue::Events), message, says, legible);
    }

    fn begin_telling_to(&mut self, to: Address, message: Message, says: Vec<Happened>, legible: Legible) {
        let number = self.tales.tellings.len();
        let body = message.encode().unwrap();
        self.tales.tellings.push(Telling { to, body, says, legible, accepted: false, heard: false });
        let late = self.dice.pick([SECOND, SECOND, 10 * SECOND, 20 * MINUTE]);
        let at = self.now + self.dice.between(0, late);
        self.act(at, move |world| world.attempt(number));
    }
}

impl World {
    /// One request to a webhook function.
    fn attempt(&self, number: usize) {
        let world = self.clone();
        self.with(|s| {
            let Some(telling) = s.tales.tellings.get(number).filter(|telling| !telling.heard) else { return };
            let (to, body) = (telling.to, telling.body.clone());
            s.spawn(format!("webhook t{number}"), async move {
                if world.send(to, vec![Outgoing::now(body)]).await.is_err() {
                    return;
                }
                world.with(|s| s.tales.tellings.get_mut(number).unwrap().accepted = true);
                world.pause("answering a webhook", SECOND).await;
                world.with(|s| s.tales.tellings.get_mut(number).unwrap().heard = true);
            });
            let again = s.now + s.dice.between(2 * MINUTE, 20 * MINUTE);
            s.act(again, move |world| {
                let deaf = world.with(|s| {
                    let deaf = s.tales.tellings.get(number).is_some_and(|telling| !telling.heard);
                    if deaf {
                        s.hit(Fault::Resent);
                    }
                    deaf
                });
                if deaf {
                    world.attempt(number);
                }
            });
        });
    }
}

impl Intake for World {
    fn read(&self, envelope: &Envelope) -> Result<Vec<Happened>, ReadError> {
        let bytes = envelope.body.bytes().unwrap_or_default();
        let number: usize = String::from_utf8_lossy(&bytes).parse().unwrap();
        let panics = self.with(|s| s.strikes(Fault::Panic));
        assert!(!panics, "a fault");
        self.with(|s| {
            let mended = s.tales.mended;
            let telling = s.tales.tellings.get(number).unwrap();
            match telling.legible {
                Legible::Yes => return Ok(telling.says.clone()),
                Legible::Later if mended => return Ok(telling.says.clone()),
                Legible::Later | Legible::Never => {}
            }
            let order = telling.says.first().map(|says| says.order.clone());
            s.hit(Fault::Unreadable);
            let (shop, topic) = (envelope.shop.clone(), envelope.topic.clone());
            Err(ReadError { shop, topic, order, source: "a fault".into() })
        })
    }
}

/// How one order comes to be paid.
#[derive(Debug, Clone, Copy)]
enum Money {
    AtOnce,
    LaterInShop,
    LaterByBank,
    Never,
    OnAccount,
    OnDelivery,
}

/// Puts the orders of a world into its agenda.
pub(super) fn begin(world: &World) {
    world.with(|s| {
        for number in 0..s.dice.between(1, 5) {
            let shop = s.dice.pick(["kaffee", "kaffee", "tee"]);
            let key = key(&format!("{shop}/{}", 1001 + number));
            let placed_at = s.now + s.dice.pick([0, 0, 2 * HOUR]);
            s.act(placed_at, move |world| world.with(|s| s.place(key)));
        }
    });
}

impl State {
    fn place(&mut self, key: OrderKey) {
        let money = self.dice.pick([
            Money::AtOnce,
            Money::AtOnce,
            Money::LaterInShop,
            Money::LaterByBank,
            Money::Never,
            Money::OnAccount,
            Money::OnDelivery,
        ]);
        let (placed, large) = self.draft(&key, money);
        let on_hold = self.dice.chance(1_000);
        let life = if on_hold { OrderLife::OnHold } else { OrderLife::Open };
        let payment = matches!(money, Money::AtOnce).then(|| payment(&key, &placed, self.time()));
        let (refunds, notes, changed_at) = (Vec::new(), Vec::new(), self.now);
        let order = ShopOrder { placed, life, payment, refunds, changed_at, notes };
        self.tell(|| format!("shop: {key} is placed, to be paid {money:?}"));
        let told = order.snapshot(&key);
        self.shops.orders.insert(key.clone(), order);
        self.deliver(told);
        self.goes_on(&key, money, on_hold, large);
    }

    fn draft(&mut self, key: &OrderKey, money: Money) -> (PlacedOrder, bool) {
        let mut draft = draft(&format!("#{}", key.order));
        let large = self.dice.chance(2_500);
        if large {
            draft.lines =
                vec![line("1", "ESP-9", 2, "1019.80", "162.82"), line("2", "FIL-0250", 1, "10.10", "1.61")];
            draft.total = euro("1034.80");
        }
        if self.dice.chance(1_000) {
            for line in &mut draft.lines {
                line.kind = kontor_domain::LineKind::Digital;
            }
        }
        draft.test = self.dice.chance(200);
        draft.customer.email = kontor_domain::Email::parse(&format!("k{}@example.org", key.order)).ok();
        if self.dice.chance(3_000) {
            draft.customer.group = "B2B".to_owned();
            draft.customer.vat_id = Some("DE123456789".to_owned());
        }
        let (code, terms) = match money {
            Money::AtOnce => ("stripe", PaymentTerms::Prepaid),
            Money::LaterInShop | Money::LaterByBank | Money::Never => ("bacs", PaymentTerms::Prepayment),
            Money::OnAccount => ("invoice", PaymentTerms::Invoice),
            Money::OnDelivery => ("cod", PaymentTerms::CashOnDelivery),
        };
        draft.payment = PaymentChoice { code: code.to_owned(), title: code.to_owned(), terms };
        (draft.build().unwrap(), large)
    }

    /// What else comes to pass.
    fn goes_on(&mut self, key: &OrderKey, money: Money, on_hold: bool, large: bool) {
        if on_hold {
            self.later(key, 10 * MINUTE, 2 * DAY, |order, _| {
                if order.life == OrderLife::OnHold {
                    order.life = OrderLife::Open;
                }
            });
        }
        match money {
            Money::LaterInShop => {
                let of = key.clone();
                self.later(key, MINUTE, 9 * DAY, move |order, at| {
                    if !is_over(order.life) {
                        order.payment.get_or_insert(payment(&of, &order.placed, at));
                    }
                });
            }
            Money::LaterByBank => {
                let after = self.dice.between(MINUTE, 9 * DAY);
                self.tales.banks.insert(key.clone(), after);
            }
            Money::AtOnce | Money::Never | Money::OnAccount | Money::OnDelivery => {}
        }
        for n in 0..self.dice.pick([0, 0, 0, 1, 2]) {
            self.later(key, SECOND, DAY, move |order, _| {
                let mut parts = order.placed.parts().clone();
                parts.note = Some(format!("Bitte klingeln, {n}"));
                order.placed = parts.build().unwrap();
            });
        }
        if self.dice.chance(1_500) {
            let until = self.dice.pick([10 * SECOND, 10 * MINUTE, 2 * DAY]);
            self.later(key, SECOND, until, edit);
        }
        if self.dice.chance(2_000) {
            let until = self.dice.pick([2 * SECOND, MINUTE, 3 * DAY]);
            let to = self.dice.pick([OrderLife::Cancelled, OrderLife::Cancelled, OrderLife::Deleted]);
            self.later(key, 0, until, move |order, _| {
                if order.life != OrderLife::Completed {
                    order.life = to;
                }
            });
        }
        if self.dice.chance(1_000) {
            let id = RefundId::parse(&format!("r-{}", key.order)).unwrap();
            self.later(key, HOUR, 5 * DAY, move |order, at| {
                if order.payment.is_some() {
                    order.refunds.push(Refund::of(id, euro("5.00"), at));
                }
            });
        }
        if large && key.shop.as_str() == "tee" {
            let (approved, at) = (self.dice.chance(8_000), self.now + self.dice.between(HOUR, 3 * DAY));
            let key = key.clone();
            self.act(at, move |world| world.with(|s| s.decide(key, approved)));
        }
    }

    fn later(
        &mut self,
        key: &OrderKey,
        from: i64,
        to: i64,
        change: impl FnOnce(&mut ShopOrder, Timestamp) + Send + 'static,
    ) {
        let (key, at) = (key.clone(), self.now + self.dice.between(from, to));
        self.act(at, move |world| {
            world.with(|s| {
                let at = s.time();
                s.change_in_shop(&key, |order| change(order, at));
            });
        });
    }
}

/// The customer wants less of it, and did not pay yet.
fn edit(order: &mut ShopOrder, _: Timestamp) {
    if order.payment.is_some() || order.life != OrderLife::Open {
        return;
    }
    let mut parts = order.placed.parts().clone();
    if let Some(line) = parts.lines.first_mut() {
        line.total = line.total.minus(euro("1.00")).unwrap();
        parts.total = parts.total.minus(euro("1.00")).unwrap();
    }
    order.placed = parts.build().unwrap();
}

fn is_over(life: OrderLife) -> bool {
    matches!(life, OrderLife::Cancelled | OrderLife::Deleted)
}

fn payment(key: &OrderKey, placed: &PlacedOrder, at: Timestamp) -> Payment {
    Payment {
        id: PaymentId::parse(&format!("shop-{}", key.order)).unwrap(),
        source: PaymentSource::Shop,
        amount: placed.parts().total,
        received_at: at,
        reference: None,
    }
}
