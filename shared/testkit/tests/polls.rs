//! Asking shops: nothing is missed, nothing is told twice, and whoever has to know of a shop that can't be asked learns of it.
#![expect(clippy::unwrap_used, clippy::panic, clippy::wildcard_enum_match_arm, reason = "a test")]

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use kontor_domain::{OrderKey, OrderLife, ShopId, ShopOrderId};
use kontor_flow::apply::apply;
use kontor_flow::engine::{Parked, PollDesk, Progress, Verdict};
use kontor_flow::order::OrderSummary;
use kontor_flow::ports::{
    Connector, Connectors, Cursors, Intake, Job, OrderFilter, OrderIndex, OrderReader, Outgoing, Owner,
    ReadError, Sender, StoreError, Storefront,
};
use kontor_flow::remedy::Effect;
use kontor_flow::storefront::{FETCHED, Finding, Hook, Notice, OrderPage, Sighting, Window};
use kontor_flow::{
    Address, CallError, Command, Envelope, Event, EventRecord, FailureClass, Finish, Happened, Hint, Inquiry,
    Message, Order, OrderStatus, Payload, Poll, Problem, Queue, System, TimelineEntry,
};
use kontor_testkit::clock::time;
use kontor_testkit::order::{BEGINNING, draft, flow};

thread_local! {
    static NOW: Cell<i64> = const { Cell::new(0) };
}

fn now() -> Timestamp {
    Timestamp::from_second(NOW.get()).unwrap()
}

fn go(seconds: i64) {
    NOW.set(NOW.get() + seconds);
}

/// How long a run holds its lock.
const HOLD: Duration = Duration::from_secs(130);

/// An order in the shop, in its last revision.
#[derive(Clone, Copy)]
struct Kept {
    /// What the shop says when it was changed.
    stamp: i64,
    /// When the change can be seen: shops stamp it before they commit it.
    seen_from: i64,
    /// What it says.
    word: u32,
}

/// What goes wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trouble {
    None,
    Down,
    Denied,
}

struct Town {
    kept: Mutex<BTreeMap<u64, Kept>>,
    trouble: Mutex<Trouble>,
    calls: Mutex<u32>,
    pause: Mutex<Option<Duration>>,
    /// How many seconds a page takes.
    slow: Mutex<i64>,
    /// The call that is never answered.
    silent: Mutex<Option<u32>>,
    /// An order that the shop refuses to show, and one that is too long for a queue.
    refused: Mutex<Option<u64>>,
    huge: Mutex<Option<u64>>,
    hooks: Mutex<Vec<Hook>>,
    known: Mutex<BTreeMap<OrderKey, Order>>,
    cursors: Mutex<BTreeMap<String, (Owner, Timestamp, String)>>,
    sent: Mutex<Vec<(Address, Outgoing)>>,
}

impl Town {
    fn new() -> Arc<Self> {
        NOW.set(time(BEGINNING).as_second());
        Arc::new(Self {
            kept: Mutex::default(),
            trouble: Mutex::new(Trouble::None),
            calls: Mutex::default(),
            pause: Mutex::default(),
            slow: Mutex::new(1),
            silent: Mutex::default(),
            refused: Mutex::default(),
            huge: Mutex::default(),
            hooks: Mutex::default(),
            known: Mutex::default(),
            cursors: Mutex::default(),
            sent: Mutex::default(),
        })
    }

    fn change(&self, id: u64, word: u32) {
        self.change_late(id, word, 0);
    }

    fn change_late(&self, id: u64, word: u32, late: i64) {
        let kept = Kept { stamp: NOW.get(), seen_from: NOW.get() + late, word };
        self.kept.lock().unwrap().insert(id, kept);
    }

    fn desk(self: &Arc<Self>) -> PollDesk {
        PollDesk {
            connectors: Arc::clone(self) as _,
            cursors: Arc::clone(self) as _,
            reader: Arc::clone(self) as _,
            index: Arc::clone(self) as _,
            intake: Arc::clone(self) as _,
            sender: Arc::clone(self) as _,
            clock: now,
            limit: Duration::from_secs(40),
            hold: HOLD,
            addresses: BTreeMap::from([(
                shop(),
                "https://you.example/webhooks/woocommerce/kaffee".to_owned(),
            )]),
        }
    }

    async fn ask(self: &Arc<Self>, what: Inquiry) -> Verdict {
        self.ask_again(what, 1).await
    }

    async fn ask_again(self: &Arc<Self>, what: Inquiry, receives: u32) -> Verdict {
        let owner = Owner(format!("run at {}", NOW.get()));
        self.desk().poll(&Poll { shop: shop(), what }, receives, &owner, now()).await
    }

    /// The failures there are: what each message says, what it is, why. The rest stays where it is.
    fn failures(&self) -> Vec<(String, Parked)> {
        let mut sent = self.sent.lock().unwrap();
        let (dead, rest) =
            std::mem::take(&mut *sent).into_iter().partition(|(to, _)| *to == Address::Dead(Queue::Shops));
        *sent = rest;
        let dead: Vec<(Address, Outgoing)> = dead;
        dead.into_iter().map(|(_, m)| (m.body, Parked::from_attributes(&m.attributes))).collect()
    }

    /// Reads what was told, as work-events does. Answers how many deliveries there were.
    fn read(&self) -> usize {
        let mut told = 0;
        for (to, message) in std::mem::take(&mut *self.sent.lock().unwrap()) {
            assert_eq!(to, Address::Live(Queue::Events));
            let happened = match Message::decode(&message.body).unwrap() {
                Message::Delivery(envelope) => self.mapped(&envelope),
                Message::Happened(happened) => happened,
                other => panic!("{other:?}"),
            };
            told += 1;
            self.hear(&happened);
        }
        told
    }

    fn hear(&self, happened: &Happened) {
        let mut known = self.known.lock().unwrap();
        let order = known
            .entry(happened.order.clone())
            .or_insert_with(|| Order::unheard_of(happened.order.clone(), flow(), now()));
        for event in &happened.events {
            apply(&mut order.facts, event.clone());
        }
        order.status = OrderStatus::Waiting;
    }

    fn word_of(&self, id: u64) -> Option<u32> {
        let known = self.known.lock().unwrap();
        let order = known.get(&OrderKey::new(shop(), order_id(id)))?;
        assert_eq!(order.facts.contradiction(), None);
        order.facts.order()?.parts().note.as_ref()?.parse().ok()
    }

    fn mapped(&self, envelope: &Envelope) -> Happened {
        let body: Vec<i64> = serde(&envelope.body.bytes().unwrap());
        let [id, stamp, word] = body[..] else { panic!("{body:?}") };
        let mut draft = draft("#1");
        draft.note = Some(word.to_string());
        let seen = (envelope.topic == FETCHED).then_some(envelope.received_at);
        let as_of = Timestamp::from_second(stamp).unwrap();
        let event = Event::Placed(Box::new(draft.build().unwrap()));
        let events = vec![EventRecord { as_of, seen, event }];
        Happened { order: OrderKey::new(shop(), order_id(id.try_into().unwrap())), events }
    }

    fn sighting(id: u64, kept: Kept, asked_at: Timestamp) -> Sighting {
        let body = Payload::pack(format!("{id} {} {}", kept.stamp, kept.word).as_bytes());
        let envelope = Envelope {
            shop: shop(),
            topic: FETCHED.to_owned(),
            received_at: asked_at,
            headers: BTreeMap::new(),
            body,
        };
        Sighting { order: order_id(id), as_of: Timestamp::from_second(kept.stamp).unwrap(), envelope }
    }

    fn called(&self) -> Result<(), CallError> {
        *self.calls.lock().unwrap() += 1;
        let (system, call) = (System::Woocommerce, "GET /orders");
        match *self.trouble.lock().unwrap() {
            Trouble::None => Ok(()),
            Trouble::Down => {
                let effect = Effect::None;
                Err(CallError::Unavailable { system, call, effect, after: None, source: "a fault".into() })
            }
            Trouble::Denied => {
                Err(CallError::Denied { system, call, status: 401, problem: Problem::default() })
            }
        }
    }
}

fn shop() -> ShopId {
    "kaffee".parse().unwrap()
}

fn order_id(id: u64) -> ShopOrderId {
    ShopOrderId::parse(&id.to_string()).unwrap()
}

fn serde(bytes: &[u8]) -> Vec<i64> {
    String::from_utf8_lossy(bytes).split(' ').map(|n| n.parse().unwrap()).collect()
}

#[async_trait]
impl Connector for Town {
    async fn perform(&self, _: Job<'_>) -> Result<Finish, CallError> {
        panic!("nothing is to be carried out")
    }

    async fn look_up(&self, _: &Hint, _: Timestamp) -> Result<Vec<Happened>, CallError> {
        Ok(Vec::new())
    }
}

/// What a page has room for.
const PAGE: usize = 3;

#[async_trait]
impl Storefront for Town {
    async fn changed(
        &self,
        window: Window,
        page: Option<&str>,
        asked: Timestamp,
    ) -> Result<OrderPage, CallError> {
        self.called()?;
        if *self.silent.lock().unwrap() == Some(*self.calls.lock().unwrap()) {
            std::future::pending::<()>().await;
        }
        let after = page.map(|page| {
            let (stamp, id) = page.split_once('/').unwrap();
            (stamp.parse::<i64>().unwrap(), id.parse::<u64>().unwrap())
        });
        let inside = window.from.as_second()..=window.until.as_second();
        let mut found: Vec<(i64, u64, Kept)> = {
            let kept = self.kept.lock().unwrap();
            let visible = kept.iter().filter(|(_, kept)| kept.seen_from <= NOW.get());
            visible.map(|(id, kept)| (kept.stamp, *id, *kept)).collect()
        };
        found.retain(|(stamp, id, _)| {
            inside.contains(stamp) && after.is_none_or(|after| (*stamp, *id) > after)
        });
        found.sort_by_key(|(stamp, id, _)| (*stamp, *id));
        let more = found.len() > PAGE;
        found.truncate(PAGE);
        let next = found.last().filter(|_| more).map(|(stamp, id, _)| format!("{stamp}/{id}"));
        let orders = found.into_iter().map(|(_, id, kept)| Self::sighting(id, kept, asked)).collect();
        // Time goes by while it is read.
        go(*self.slow.lock().unwrap());
        let huge = *self.huge.lock().unwrap();
        let mut orders: Vec<Sighting> = orders;
        for sighting in orders.iter_mut().filter(|s| huge.is_some_and(|id| s.order == order_id(id))) {
            sighting.envelope.body = Payload::Text(" ".repeat(1_000_000));
        }
        Ok(OrderPage { orders, next, pause: *self.pause.lock().unwrap() })
    }

    async fn order(&self, id: &ShopOrderId, asked: Timestamp) -> Result<Option<Sighting>, CallError> {
        self.called()?;
        let id: u64 = id.as_str().parse().unwrap();
        if *self.refused.lock().unwrap() == Some(id) {
            let (system, call) = (System::Woocommerce, "GET /orders");
            return Err(CallError::Refused { system, call, status: 400, problem: Problem::default() });
        }
        let kept = self.kept.lock().unwrap().get(&id).copied().filter(|kept| kept.seen_from <= NOW.get());
        Ok(kept.map(|kept| Self::sighting(id, kept, asked)))
    }

    fn notice(&self, delivery: &Envelope) -> Result<Notice, ReadError> {
        let body = String::from_utf8(delivery.body.bytes().unwrap()).unwrap();
        Ok(match body.as_str() {
            "" => Notice::Something,
            "product" => Notice::Nothing,
            ids => Notice::Orders(ids.split(' ').map(|id| ShopOrderId::parse(id).unwrap()).collect()),
        })
    }

    async fn hooks(&self, _: &str) -> Result<Vec<Hook>, CallError> {
        self.called()?;
        Ok(self.hooks.lock().unwrap().clone())
    }

    async fn connect(&self, _: &str) -> Result<Vec<String>, CallError> {
        Ok(Vec::new())
    }

    async fn examine(&self, _: Option<&str>, _: Timestamp) -> Vec<Finding> {
        Vec::new()
    }
}

/// The one shop of the town, found by its id.
impl Connectors for Town {
    fn for_command(&self, _: &Command) -> Option<Arc<dyn Connector>> {
        None
    }

    fn for_hint(&self, _: &Hint) -> Option<Arc<dyn Connector>> {
        None
    }

    fn for_shop(&self, _: &ShopId) -> Option<Arc<dyn Storefront>> {
        TOWN.with(|town| town.borrow().as_ref().map(|town| Arc::clone(town) as _))
    }
}

thread_local! {
    static TOWN: std::cell::RefCell<Option<Arc<Town>>> = const { std::cell::RefCell::new(None) };
}

fn town() -> Arc<Town> {
    let town = Town::new();
    TOWN.with(|known| *known.borrow_mut() = Some(Arc::clone(&town)));
    town
}

#[async_trait]
impl OrderReader for Town {
    async fn load(&self, key: &OrderKey) -> Result<Option<Arc<Order>>, StoreError> {
        Ok(self.known.lock().unwrap().get(key).cloned().map(Arc::new))
    }
}

#[async_trait]
impl OrderIndex for Town {
    async fn due(&self, _: Timestamp, _: usize) -> Result<Vec<OrderKey>, StoreError> {
        Ok(Vec::new())
    }

    async fn list(&self, filter: &OrderFilter) -> Result<Vec<OrderSummary>, StoreError> {
        let known = self.known.lock().unwrap();
        let fits = known.values().filter(|order| filter.status == Some(order.status));
        Ok(fits.map(Order::summary).collect())
    }

    async fn timeline(&self, _: &OrderKey) -> Result<Vec<TimelineEntry>, StoreError> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl Cursors for Town {
    async fn lock(
        &self,
        name: &str,
        owner: &Owner,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<String>, StoreError> {
        let mut cursors = self.cursors.lock().unwrap();
        let entry = cursors.entry(name.to_owned());
        let held = entry.or_insert_with(|| (owner.clone(), Timestamp::MIN, String::new()));
        if held.0 != *owner && held.1 > now {
            return Ok(None);
        }
        (held.0, held.1) = (owner.clone(), until);
        Ok(Some(held.2.clone()))
    }

    async fn peek(&self, name: &str) -> Result<String, StoreError> {
        Ok(self.cursors.lock().unwrap().get(name).map(|held| held.2.clone()).unwrap_or_default())
    }

    async fn save(&self, name: &str, owner: &Owner, cursor: &str) -> Result<bool, StoreError> {
        let mut cursors = self.cursors.lock().unwrap();
        let held = cursors.get_mut(name).unwrap();
        if held.0 != *owner {
            return Ok(false);
        }
        (held.1, held.2) = (Timestamp::MIN, cursor.to_owned());
        Ok(true)
    }
}

impl Intake for Town {
    fn read(&self, envelope: &Envelope) -> Result<Vec<Happened>, ReadError> {
        Ok(vec![self.mapped(envelope)])
    }
}

#[async_trait]
impl Sender for Town {
    async fn send(&self, to: Address, messages: Vec<Outgoing>) -> Result<(), StoreError> {
        self.sent.lock().unwrap().extend(messages.into_iter().map(|message| (to, message)));
        Ok(())
    }
}

fn notice(body: &str) -> Envelope {
    Envelope {
        shop: shop(),
        topic: "notice".to_owned(),
        received_at: now(),
        headers: BTreeMap::new(),
        body: Payload::pack(body.as_bytes()),
    }
}

/// The delay and the message of what was sent to the shops' queue.
fn sent_on(town: &Town) -> Vec<(Duration, Message)> {
    let sent = std::mem::take(&mut *town.sent.lock().unwrap());
    let on = sent.into_iter().filter(|(to, _)| *to == Address::Live(Queue::Shops));
    on.map(|(_, message)| (message.delay, Message::decode(&message.body).unwrap())).collect()
}

#[tokio::test]
async fn an_order_whose_webhook_never_came_is_found_once() {
    let town = town();
    town.change(7, 1);
    assert_eq!(town.ask(Inquiry::Changed).await, Verdict::Done);
    assert_eq!((town.read(), town.word_of(7)), (1, Some(1)));
    go(60);
    town.ask(Inquiry::Changed).await;
    assert_eq!(town.read(), 0, "what is known is not told again");
    go(60);
    town.change(7, 2);
    // Its webhook came this time.
    let kept = town.kept.lock().unwrap()[&7];
    let mut told = Town::sighting(7, kept, now()).envelope;
    told.topic = "order.updated".to_owned();
    town.hear(&town.mapped(&told));
    town.ask(Inquiry::Changed).await;
    assert_eq!((town.read(), town.word_of(7)), (0, Some(2)));
}

#[tokio::test]
async fn a_shop_with_nothing_new_costs_one_call() {
    let town = town();
    for id in 0..3 {
        town.change(id, 1);
    }
    town.ask(Inquiry::Changed).await;
    town.read();
    for _ in 0..10 {
        go(3600);
        let before = *town.calls.lock().unwrap();
        town.ask(Inquiry::Changed).await;
        assert_eq!(*town.calls.lock().unwrap() - before, 1);
    }
}

#[tokio::test]
async fn a_run_ends_in_time_and_goes_on_where_it_ended() {
    let town = town();
    for id in 0..400 {
        town.change(id, 1);
    }
    let mut runs = 0;
    loop {
        runs += 1;
        assert_eq!(town.ask(Inquiry::Changed).await, Verdict::Done);
        let more = town.sent.lock().unwrap().iter().any(|(to, _)| *to == Address::Live(Queue::Shops));
        town.sent.lock().unwrap().retain(|(to, _)| *to == Address::Live(Queue::Events));
        if !more {
            break;
        }
    }
    // 134 pages of a second each, forty seconds a run.
    assert_eq!((runs, *town.calls.lock().unwrap()), (4, 134));
    assert_eq!(town.read(), 400, "each was told once");
}

#[tokio::test]
async fn a_pause_the_shop_asks_for_is_kept_by_the_queue() {
    let town = town();
    for id in 0..5 {
        town.change(id, 1);
    }
    *town.pause.lock().unwrap() = Some(Duration::from_secs(7));
    town.ask(Inquiry::Changed).await;
    let poll = Poll { shop: shop(), what: Inquiry::Changed };
    assert_eq!(sent_on(&town), [(Duration::from_secs(7), Message::Poll(poll))]);
}

#[tokio::test]
async fn two_runs_at_once_are_one() {
    let town = town();
    town.change(7, 1);
    let name = Progress::name(&shop());
    let until = now() + SignedDuration::from_secs(60);
    town.lock(&name, &Owner("another".to_owned()), now(), until).await.unwrap().unwrap();
    // What the poll is for may be news to that run: it comes again, and not for ever.
    let mut pauses = Vec::new();
    for receives in 1.. {
        match town.ask_again(Inquiry::Changed, receives).await {
            Verdict::Again { attempts, after } => pauses.push((attempts, after.unwrap())),
            verdict => {
                assert_eq!(verdict, Verdict::Done);
                break;
            }
        }
    }
    assert_eq!(pauses, [(1, Duration::from_secs(10)), (2, HOLD)]);
    assert_eq!((*town.calls.lock().unwrap(), town.sent.lock().unwrap().len()), (0, 0));
    go(61);
    town.ask(Inquiry::Changed).await;
    assert_eq!(town.read(), 1, "a run that died holds nobody up for long");
}

#[tokio::test]
async fn an_outage_that_passes_is_nobodys_business_and_a_long_one_is_told_now_and_then() {
    let town = town();
    *town.trouble.lock().unwrap() = Trouble::Down;
    let mut told = 0;
    for minute in 0..7 * 60 {
        match town.ask(Inquiry::Changed).await {
            Verdict::Done => {}
            Verdict::Park(parked) => {
                told += 1;
                assert_eq!(parked.class, FailureClass::Outage);
                assert!(minute >= 30, "told after {minute} minutes");
            }
            again @ Verdict::Again { .. } => panic!("{again:?}"),
        }
        go(60);
    }
    assert_eq!(told, 2, "after half an hour, and six hours later");
    *town.trouble.lock().unwrap() = Trouble::None;
    town.change(7, 1);
    assert_eq!(town.ask(Inquiry::Changed).await, Verdict::Done);
    assert_eq!(town.read(), 1);
    *town.trouble.lock().unwrap() = Trouble::Denied;
    let Verdict::Park(parked) = town.ask(Inquiry::Changed).await else { panic!("nobody was told") };
    assert_eq!(parked.class, FailureClass::Denied, "that does not pass by itself");
}

#[tokio::test]
async fn a_thin_notice_leads_to_the_order() {
    let town = town();
    town.change(7, 1);
    assert_eq!(town.desk().fetch(&notice("7"), 1, now()).await, Verdict::Done);
    assert_eq!((town.read(), town.word_of(7)), (1, Some(1)));
    assert_eq!(town.desk().fetch(&notice("product"), 1, now()).await, Verdict::Done);
    assert_eq!(town.read(), 0);
    assert_eq!(town.desk().fetch(&notice(""), 1, now()).await, Verdict::Done);
    let poll = Message::Poll(Poll { shop: shop(), what: Inquiry::Changed });
    assert_eq!(sent_on(&town), [(Duration::ZERO, poll)]);
    // The shop told before it committed.
    let mut pauses = Vec::new();
    for receives in 1.. {
        match town.desk().fetch(&notice("8"), receives, now()).await {
            Verdict::Again { after, .. } => pauses.push(after.unwrap().as_secs()),
            verdict => {
                assert_eq!(verdict, Verdict::Done, "the next poll finds it");
                break;
            }
        }
    }
    assert_eq!(pauses, [5, 30, 120]);
    *town.trouble.lock().unwrap() = Trouble::Down;
    assert!(matches!(town.desk().fetch(&notice("7"), 1, now()).await, Verdict::Again { .. }));
}

#[tokio::test]
async fn what_a_shop_changes_silently_is_found_by_night() {
    let town = town();
    for id in 1..=3 {
        town.change(id, 1);
    }
    town.ask(Inquiry::Changed).await;
    town.read();
    go(3600);
    let stamp = town.kept.lock().unwrap()[&2].stamp;
    town.kept.lock().unwrap().insert(2, Kept { stamp, seen_from: 0, word: 9 });
    town.ask(Inquiry::Open).await;
    assert_eq!(town.read(), 1, "the unchanged ones are not told");
    assert_eq!(town.word_of(2), Some(9));
}

#[tokio::test]
async fn an_order_the_shop_does_not_show_is_a_persons_to_decide_once() {
    let town = town();
    for id in 1..=4 {
        town.change(id, 1);
    }
    town.ask(Inquiry::Changed).await;
    town.read();
    // What is known to be over in the shop is nobody's to decide.
    let key = |id| OrderKey::new(shop(), order_id(id));
    let event = Event::Life(OrderLife::Cancelled);
    let events = vec![EventRecord { as_of: now(), seen: None, event }];
    town.hear(&Happened { order: key(4), events });
    let gone = [3, 4].map(|id| town.kept.lock().unwrap().remove(&id).unwrap());
    let mut told = Vec::new();
    for _ in 0..3 {
        go(24 * 3600);
        assert_eq!(town.ask(Inquiry::Open).await, Verdict::Done);
        told.extend(town.failures());
        assert_eq!(town.read(), 0, "nothing happens to the order itself");
    }
    let [(body, parked)] = &told[..] else { panic!("{told:?}") };
    assert_eq!(parked.order, Some(key(3)));
    for words in
        ["the shop kaffee does not show the order 3 any more", "restored", "if it was deleted, cancel it"]
    {
        assert!(parked.cause.contains(words), "{}", parked.cause);
    }
    assert_eq!(town.known.lock().unwrap()[&key(3)].facts.life(), OrderLife::Open);
    // A replay looks once more.
    let Message::Delivery(word) = Message::decode(body).unwrap() else { panic!("{body}") };
    assert_eq!(town.desk().fetch(&word, 1, now()).await, Verdict::Park(parked.clone()));
    town.kept.lock().unwrap().insert(3, gone[0]);
    assert_eq!(town.desk().fetch(&word, 1, now()).await, Verdict::Done);
    assert_eq!(town.read(), 1);
    // If it goes a second time, it is the same failure.
    town.ask(Inquiry::Open).await;
    town.kept.lock().unwrap().remove(&3);
    town.ask(Inquiry::Open).await;
    assert_eq!(town.failures(), told);
}

#[tokio::test]
async fn one_bad_order_does_not_stop_the_night() {
    let town = town();
    for id in 1..=3 {
        town.change(id, 1);
    }
    town.ask(Inquiry::Changed).await;
    town.read();
    let stamp = town.kept.lock().unwrap()[&3].stamp;
    town.kept.lock().unwrap().insert(3, Kept { stamp, seen_from: 0, word: 9 });
    *town.refused.lock().unwrap() = Some(2);
    let Verdict::Park(parked) = town.ask(Inquiry::Open).await else { panic!("nobody was told") };
    assert!(
        parked.cause.starts_with("1 orders could not be compared, the first is kaffee/2"),
        "{}",
        parked.cause
    );
    assert_eq!((town.read(), town.word_of(3)), (1, Some(9)), "the order behind it is compared");
    // A shop that is down is another matter: the next night begins with the order it came to.
    *town.trouble.lock().unwrap() = Trouble::Down;
    let before = *town.calls.lock().unwrap();
    assert_eq!(town.ask(Inquiry::Open).await, Verdict::Done);
    assert_eq!(*town.calls.lock().unwrap() - before, 1);
}

#[tokio::test]
async fn an_order_too_long_for_a_queue_stops_no_other_and_is_told_once() {
    let town = town();
    for id in 1..=3 {
        town.change(id, 1);
    }
    *town.huge.lock().unwrap() = Some(2);
    let mut told = Vec::new();
    for _ in 0..5 {
        assert_eq!(town.ask(Inquiry::Changed).await, Verdict::Done);
        told.extend(town.failures());
        town.read();
        go(300);
    }
    assert_eq!([1, 2, 3].map(|id| town.word_of(id)), [Some(1), None, Some(1)]);
    let [(_, parked)] = &told[..] else { panic!("{told:?}") };
    assert_eq!(parked.order, Some(OrderKey::new(shop(), order_id(2))));
    assert!(parked.cause.contains("a queue takes 1000000"), "{}", parked.cause);
}

/// Pages of thirty seconds, and a call that is never answered: the run is cut off in its fourth page.
#[tokio::test]
async fn a_run_that_is_cut_off_has_come_further_and_held_its_lock() {
    let town = town();
    for id in 0..12 {
        town.change(id, 1);
    }
    *town.slow.lock().unwrap() = 30;
    *town.silent.lock().unwrap() = Some(4);
    let desk = PollDesk { limit: Duration::from_secs(100), ..town.desk() };
    let (poll, owner) = (Poll { shop: shop(), what: Inquiry::Changed }, Owner("a run".to_owned()));
    {
        let mut run = std::pin::pin!(desk.poll(&poll, 1, &owner, now()));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(run.as_mut().poll(&mut context).is_pending());
    }
    let saved = town.peek(&Progress::name(&shop())).await.unwrap();
    assert_eq!(Progress::parse(&saved, now()).reading.map(|reading| reading.seen), Some(9));
    go(HOLD.as_secs().cast_signed() - 90 - 1);
    assert!(matches!(town.ask(Inquiry::Changed).await, Verdict::Again { .. }));
    go(1);
    *town.silent.lock().unwrap() = None;
    assert_eq!(town.ask(Inquiry::Changed).await, Verdict::Done);
    assert_eq!((town.read(), *town.calls.lock().unwrap()), (12, 5), "no page is read twice that was read");
}

#[tokio::test]
async fn a_shop_whose_clock_is_ahead_is_asked_for_what_changes_meanwhile() {
    let town = town();
    let stamp = NOW.get() + 540;
    town.kept.lock().unwrap().insert(1, Kept { stamp, seen_from: 0, word: 1 });
    town.ask(Inquiry::Changed).await;
    assert_eq!(town.read(), 1);
    // Another computer of the shop's has the right time.
    go(60);
    town.change(2, 1);
    go(60);
    town.ask(Inquiry::Changed).await;
    assert_eq!((town.read(), town.word_of(2)), (1, Some(1)));
}

#[tokio::test]
async fn a_shop_that_stopped_calling_is_a_failure_that_says_what_to_do() {
    let town = town();
    let hook = |topic: &str, active| Hook { topic: topic.to_owned(), active, id: Some("1".to_owned()) };
    *town.hooks.lock().unwrap() = vec![hook("order.created", true), hook("order.updated", true)];
    assert_eq!(town.ask(Inquiry::Hooks).await, Verdict::Done);
    *town.hooks.lock().unwrap() = vec![hook("order.created", true), hook("order.updated", false)];
    let Verdict::Park(parked) = town.ask(Inquiry::Hooks).await else { panic!("nobody was told") };
    assert_eq!(parked.class, FailureClass::Disconnected);
    assert!(parked.cause.contains("order.updated") && parked.cause.contains("kontor shops connect kaffee"));
}

/// A busy shop: orders change all the time, also while they are read, many in the same second, and some changes are committed
/// up to two minutes after they were stamped. Runs are cut off, and the shop is away now and then.
#[tokio::test]
async fn nothing_is_missed_whatever_changes_while_it_is_read() {
    for seed in 0..300 {
        let mut dice = fastrand::Rng::with_seed(seed);
        let town = town();
        for round in 0..40 {
            for _ in 0..dice.u32(0..12) {
                let late = if dice.u8(0..5) == 0 { dice.i64(1..120) } else { 0 };
                let id = dice.u64(0..25);
                let committed =
                    town.kept.lock().unwrap().get(&id).is_none_or(|kept| kept.seen_from <= NOW.get());
                if committed {
                    town.change_late(id, round * 100 + dice.u32(0..100), late);
                }
                go(dice.i64(0..3));
            }
            *town.trouble.lock().unwrap() = if dice.u8(0..8) == 0 { Trouble::Down } else { Trouble::None };
            *town.pause.lock().unwrap() = (dice.u8(0..3) == 0).then_some(Duration::from_secs(1));
            town.ask(Inquiry::Changed).await;
            town.sent.lock().unwrap().retain(|(to, _)| *to == Address::Live(Queue::Events));
            town.read();
            go(dice.i64(0..90));
        }
        *town.trouble.lock().unwrap() = Trouble::None;
        *town.pause.lock().unwrap() = None;
        for _ in 0..4 {
            go(130);
            town.ask(Inquiry::Changed).await;
            town.read();
        }
        let kept = town.kept.lock().unwrap().clone();
        let missed: BTreeSet<u64> = kept
            .iter()
            .filter(|(id, kept)| town.word_of(**id) != Some(kept.word))
            .map(|(id, _)| *id)
            .collect();
        assert_eq!(missed, BTreeSet::new(), "seed {seed}");
    }
}
