//! What the simulated worlds found in the desks, each as a small story of its own.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use kontor_domain::OrderKey;
use kontor_flow::engine::{
    AlertDesk, CommandDesk, OverdueDesk, OverdueReport, Parked, ReplayDesk, Slip, Verdict,
};
use kontor_flow::order::OrderSummary;
use kontor_flow::ports::{
    Connector, Connectors, Failures, Job, Notifier, OrderFilter, OrderIndex, OrderWriter, Owner,
    Receiver as _, StoreError,
};
use kontor_flow::remedy::Effect;
use kontor_flow::{
    Address, CallError, Command, FailureClass, FailureId, Finish, Flow, Happened, Hint, Message, Queue,
    StepState, System, TimelineEntry,
};
use kontor_testkit::clock::time;
use kontor_testkit::order::{BEGINNING, draft, entry, euro, key, order, record, step};
use kontor_testkit::simulator::{Flows, Library, World, event_desk, in_peace, outbox};

fn peaceful<F: Future<Output = ()> + Send + 'static>(job: impl FnOnce(World) -> F) {
    let world = World::new(1, false);
    in_peace(&world, job(world.clone())).unwrap();
}

fn library(world: &World) -> Library {
    let text = include_str!("../../../infra/flows/standard.yaml");
    let flow = Flow::parse("standard.yaml", text).unwrap();
    let of_shops = vec![("kaffee".parse().unwrap(), Arc::new(flow))];
    Library { world: world.clone(), flows: Arc::new(Flows { of_shops }) }
}

/// Fails the first time.
struct Deaf {
    heard: AtomicBool,
    told: AtomicBool,
}

#[async_trait]
impl Notifier for Deaf {
    async fn notify(&self, _: &str, _: &str) -> Result<(), StoreError> {
        if self.heard.swap(true, Ordering::SeqCst) {
            self.told.store(true, Ordering::SeqCst);
            return Ok(());
        }
        Err(StoreError::Unavailable { store: "topic", call: "Publish", source: "a fault".into() })
    }
}

#[test]
fn a_copy_does_not_keep_the_first_letter_from_being_told() {
    peaceful(|world| async move {
        let deaf = Arc::new(Deaf { heard: AtomicBool::new(false), told: AtomicBool::new(false) });
        let desk = AlertDesk { failures: Arc::new(world), notifier: Arc::clone(&deaf) as _ };
        let parked = Parked::from_attributes(&BTreeMap::new());
        assert_eq!(parked.class, FailureClass::Crash);
        let now = time(BEGINNING);
        assert!(
            desk.handle(Queue::Erp, "first", "body", &parked, now).await.is_err(),
            "nobody could be told"
        );
        desk.handle(Queue::Erp, "copy", "body", &parked, now).await.unwrap();
        desk.handle(Queue::Erp, "first", "body", &parked, now).await.unwrap();
        assert!(deaf.told.load(Ordering::SeqCst));
    });
}

#[test]
fn an_order_that_is_still_held_after_its_replay_is_told_again() {
    peaceful(|world| async move {
        let desk = event_desk(&library(&world));
        let now = time(BEGINNING);
        let mut other = draft("#1");
        other.total = euro("33.80");
        other.lines.first_mut().unwrap().total = euro("18.80");
        let placed = |draft: kontor_domain::OrderDraft| {
            record(now, kontor_flow::Event::Placed(Box::new(draft.build().unwrap())))
        };
        let events = vec![placed(draft("#1")), placed(other)];
        for events in [events, Vec::new()] {
            let message = Message::Happened(Happened { order: key("kaffee/1"), events });
            desk.handle(&message, 1, now).await;
            let (long, none) = (Duration::from_secs(60), Duration::from_secs(5));
            let letters = world.receive(Address::Dead(Queue::Events), 10, long, none).await.unwrap();
            assert_eq!(letters.len(), 1, "somebody is told that it is held");
            let receipts = letters.into_iter().map(|letter| letter.receipt).collect();
            world.delete(Address::Dead(Queue::Events), receipts).await.unwrap();
        }
    });
}

/// An index that never learns.
struct Stale;

#[async_trait]
impl OrderIndex for Stale {
    async fn due(&self, _: Timestamp, limit: usize) -> Result<Vec<OrderKey>, StoreError> {
        Ok((0..250.min(limit)).map(|n| key(&format!("kaffee/{n}"))).collect())
    }

    async fn list(&self, _: &OrderFilter) -> Result<Vec<OrderSummary>, StoreError> {
        Ok(Vec::new())
    }

    async fn timeline(&self, _: &OrderKey) -> Result<Vec<TimelineEntry>, StoreError> {
        Ok(Vec::new())
    }
}

#[test]
fn orders_that_stay_due_are_looked_at_once_a_run() {
    peaceful(|world| async move {
        let desk = OverdueDesk { index: Arc::new(Stale), desk: event_desk(&library(&world)) };
        let report = desk.run(time(BEGINNING), &|| false).await.unwrap();
        assert_eq!((report.orders, report.failed), (250, 0));
    });
}

/// An outside system that can't be reached.
struct Away;

#[async_trait]
impl Connector for Away {
    async fn perform(&self, _: Job<'_>) -> Result<Finish, CallError> {
        let (system, effect) = (System::Weclapp, Effect::None);
        Err(CallError::Unavailable {
            system,
            call: "GET /party",
            effect,
            after: None,
            source: "a fault".into(),
        })
    }

    async fn look_up(&self, _: &Hint, _: Timestamp) -> Result<Vec<Happened>, CallError> {
        Ok(Vec::new())
    }
}

impl Connectors for Away {
    fn for_command(&self, _: &Command) -> Option<Arc<dyn Connector>> {
        Some(Arc::new(Self))
    }

    fn for_hint(&self, _: &Hint) -> Option<Arc<dyn Connector>> {
        None
    }

    fn for_shop(&self, _: &kontor_domain::ShopId) -> Option<Arc<dyn kontor_flow::ports::Storefront>> {
        None
    }
}

#[test]
fn an_outage_is_tried_for_a_day_and_parked_then() {
    peaceful(|world| async move {
        let order = order("kaffee/1");
        OrderWriter::store(&world, &order, &entry(&order)).await.unwrap();
        let command = order.steps.get(&step("customer")).and_then(StepState::command).unwrap();
        let message = Message::Command(command.clone());
        let raw = message.encode().unwrap();
        let result = Arc::new(outbox(&world));
        let world = Arc::new(world);
        let desk = CommandDesk {
            reader: Arc::clone(&world) as _,
            leases: Arc::clone(&world) as _,
            connectors: Arc::new(Away),
            outbox: result,
            closing: None,
            polls: None,
            sender: world,
            lease: Duration::from_secs(60),
            skew: Duration::ZERO,
        };
        let slip = Slip { message: &message, raw: &raw, queue: Queue::Erp, receives: 1 };
        let day = 24 * 3600;
        for second in [0, 2 * 3600, day - 1] {
            let (owner, now) = (Owner(second.to_string()), time(BEGINNING) + Duration::from_secs(second));
            let verdict = desk.handle(slip, &owner, now).await;
            assert!(matches!(verdict, Verdict::Again { .. }), "after {second} s: {verdict:?}");
        }
        let verdict =
            desk.handle(slip, &Owner("last".to_owned()), time(BEGINNING) + Duration::from_secs(day)).await;
        let Verdict::Park(parked) = verdict else { panic!("{verdict:?}") };
        assert_eq!((parked.class, parked.attempts), (FailureClass::Outage, 4));
    });
}

/// Counts what it is told.
#[derive(Default)]
struct Counting(AtomicUsize);

#[async_trait]
impl Notifier for Counting {
    async fn notify(&self, _: &str, _: &str) -> Result<(), StoreError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

#[test]
fn what_fails_again_after_its_replay_is_told_again_and_a_copy_is_not() {
    peaceful(|world| async move {
        let counting = Arc::new(Counting::default());
        let told = || counting.0.load(Ordering::SeqCst);
        let desk = AlertDesk { failures: Arc::new(world.clone()), notifier: Arc::clone(&counting) as _ };
        let (parked, now) = (Parked::from_attributes(&BTreeMap::new()), time(BEGINNING));
        let id = FailureId::of(Queue::Erp, "body");
        desk.handle(Queue::Erp, "first", "body", &parked, now).await.unwrap();
        desk.handle(Queue::Erp, "copy", "body", &parked, now).await.unwrap();
        assert_eq!(told(), 1);
        let replays = ReplayDesk { failures: Arc::new(world.clone()), sender: Arc::new(world.clone()) };
        replays.replay(&id, None, "Erika", now).await.unwrap();
        desk.handle(Queue::Erp, "second", "body", &parked, now).await.unwrap();
        assert_eq!(told(), 2);
        let failure = Failures::load(&world, &id).await.unwrap().unwrap();
        let by: Vec<_> = failure.history.iter().map(|act| act.by.as_str()).collect();
        assert_eq!((failure.times, by), (3, vec!["Erika", "kontor"]));
    });
}

/// Takes nothing the first time.
struct Full {
    world: World,
    tried: AtomicBool,
}

#[async_trait]
impl kontor_flow::ports::Sender for Full {
    async fn send(&self, to: Address, messages: Vec<kontor_flow::ports::Outgoing>) -> Result<(), StoreError> {
        if self.tried.swap(true, Ordering::SeqCst) {
            return self.world.send(to, messages).await;
        }
        Err(StoreError::Unavailable { store: "queue", call: "SendMessage", source: "a fault".into() })
    }
}

#[test]
fn an_order_that_is_held_by_the_schedule_is_told_although_the_queue_was_not_there() {
    peaceful(|world| async move {
        let mut desk = event_desk(&library(&world));
        let now = time(BEGINNING);
        let paid = kontor_domain::Payment {
            id: kontor_domain::PaymentId::parse("p1").unwrap(),
            source: kontor_domain::PaymentSource::Shop,
            amount: euro("5.00"),
            received_at: now,
            reference: None,
        };
        let events = vec![record(now, kontor_flow::Event::Paid(paid))];
        let message = Message::Happened(Happened { order: key("kaffee/1"), events });
        desk.handle(&message, 1, now).await;
        let full = Arc::new(Full { world: world.clone(), tried: AtomicBool::new(false) });
        desk.outbox = Arc::new(kontor_flow::ports::ThenSend { store: Arc::new(world.clone()), sender: full });
        let schedule = OverdueDesk { index: Arc::new(world.clone()), desk: event_desk(&library(&world)) };
        let now = now + Duration::from_secs(30 * 86_400);
        assert_eq!(schedule.run(now, &|| false).await.unwrap(), OverdueReport { orders: 1, failed: 0 });
        let (long, none) = (Duration::from_secs(60), Duration::from_secs(5));
        let mut news = world.receive(Address::Live(Queue::Events), 10, long, none).await.unwrap();
        let [look_again] = news.as_mut_slice() else { panic!("one message lets the order come to a stand") };
        let message = Message::decode(&look_again.body).unwrap();
        assert!(
            matches!(desk.handle(&message, 1, now).await, Verdict::Again { .. }),
            "the queue was not there"
        );
        assert!(matches!(desk.handle(&message, 2, now).await, Verdict::Done));
        let letters = world.receive(Address::Dead(Queue::Events), 10, long, none).await.unwrap();
        assert_eq!(letters.len(), 1, "somebody is told that it is held");
        assert_eq!(
            schedule.run(now, &|| false).await.unwrap(),
            OverdueReport::default(),
            "and it is due no longer"
        );
    });
}
