//! Who works in the simulated house: the functions as event sources and the schedule call them, and a person at the desk.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{BoxFuture, Either, join_all, select};
use jiff::Timestamp;
use kontor_domain::ShopId;
use kontor_flow::engine::{EventDesk, OverdueDesk, ReplayDesk};
use kontor_flow::failure::FailureState;
use kontor_flow::ports::{
    Connector, Connectors, Cursors as _, FlowBook, Notifier, Owner, Received, Receiver as _, StoreError,
    ThenSend,
};
use kontor_flow::{Address, Command, FailureId, Flow, FlowRef, Hint, Message, Queue, System};

use super::calls::call;
use super::clerk::Clerk;
use super::faults::Fault;
use super::shops::{MailRoom, ShopClerk};
use super::tales::Legible;
use super::world::{Caller, DAY, HOUR, MINUTE, SECOND, State, World};

call!(NOTIFY, "telling an admin", writes: true);
call!(FLOW, "looking for a flow", writes: false);

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It can be deleted.
    Delete,
    /// It comes again.
    Keep,
}

/// The code under test, as the functions of the bundle put it together.
pub trait Staff: Send + Sync {
    /// Works off one record of `from`.
    fn settle<'a>(&'a self, from: Address, record: &'a Received, now: Timestamp) -> BoxFuture<'a, Settled>;
    /// How long a record may take.
    fn limit(&self) -> Duration;
    /// How long a record is invisible while it is worked on.
    fn visibility(&self) -> Duration;
}

/// The flows of the simulated shops, read once.
pub struct Flows {
    /// Name of the shop and its flow.
    pub of_shops: Vec<(ShopId, Arc<Flow>)>,
}

/// The world with the flows of its shops: the port the engine finds flows by.
#[derive(Clone)]
pub struct Library {
    /// The world.
    pub world: World,
    /// The flows.
    pub flows: Arc<Flows>,
}

#[async_trait]
impl FlowBook for Library {
    async fn current(&self, shop: &ShopId) -> Result<Option<Arc<Flow>>, StoreError> {
        let gone = self.world.ask(FLOW, |s| Ok(s.strikes(Fault::FlowGone))).await?;
        let found = self.flows.of_shops.iter().find(|(id, _)| id == shop);
        Ok(found.filter(|_| !gone).map(|(_, flow)| Arc::clone(flow)))
    }

    async fn find(&self, flow: &FlowRef) -> Result<Option<Arc<Flow>>, StoreError> {
        let gone = self.world.ask(FLOW, |s| Ok(s.strikes(Fault::FlowGone))).await?;
        let found = self.flows.of_shops.iter().find(|(_, known)| known.id == *flow);
        Ok(found.filter(|_| !gone).map(|(_, flow)| Arc::clone(flow)))
    }
}

impl Connectors for World {
    fn for_command(&self, command: &Command) -> Option<Arc<dyn Connector>> {
        let panics = self.with(|s| s.strikes(Fault::Panic));
        assert!(!panics, "a fault");
        Some(match command.action.queue() {
            Queue::Erp => Arc::new(Clerk(self.clone())),
            Queue::Shops => Arc::new(ShopClerk(self.clone())),
            Queue::Mail => Arc::new(MailRoom(self.clone())),
            Queue::Events => return None,
        })
    }

    fn for_hint(&self, hint: &Hint) -> Option<Arc<dyn Connector>> {
        (hint.system == System::Weclapp).then(|| Arc::new(Clerk(self.clone())) as Arc<dyn Connector>)
    }

    fn for_shop(&self, _: &ShopId) -> Option<Arc<dyn kontor_flow::ports::Storefront>> {
        None
    }
}

#[async_trait]
impl Notifier for World {
    async fn notify(&self, _subject: &str, text: &str) -> Result<(), StoreError> {
        let text = text.to_owned();
        self.ask(NOTIFY, |s| {
            s.shelf.told.push(text);
            Ok(())
        })
        .await
    }
}

/// The house at work.
pub(super) struct House {
    pub(super) staff: Arc<dyn Staff>,
    pub(super) flows: Arc<Flows>,
    /// By how much the clock of each machine is off, in microseconds.
    pub(super) clocks: [i64; 4],
}

impl House {
    /// The time by the clock of a machine chosen by chance.
    fn clock(&self, s: &mut State) -> i64 {
        let off = s.dice.pick(self.clocks);
        if off.abs() > MINUTE {
            s.hit(Fault::Skew);
        }
        off
    }
}

fn shifted(s: &State, off: i64) -> Timestamp {
    Timestamp::from_microsecond(s.now + off).unwrap()
}

impl Caller for House {
    fn ready(&self, world: &World, from: Address) {
        let (batch, off) = world.with(|s| {
            let most = usize::try_from(s.dice.between(1, 6)).unwrap();
            let batch = s.take(from, most, self.staff.visibility());
            let off = if batch.is_empty() { 0 } else { self.clock(s) };
            (batch, off)
        });
        if batch.is_empty() {
            return;
        }
        let (staff, worker) = (Arc::clone(&self.staff), world.clone());
        world.with(|s| s.spawn(format!("work {from}"), work(worker, staff, from, batch, off)));
        // What did not fit into this batch goes into the next one.
        world.with(|s| s.plan(s.now, super::world::What::Ready(from)));
    }

    fn tick(&self, world: &World) {
        let run = world.with(|s| {
            let due = s.tick_at == Some(s.now);
            if due {
                s.tick_at = None;
                let again = s.now + MINUTE;
                s.act(again, |world| {
                    world.with(|s| {
                        if let Some(next) = s.next_due() {
                            s.wish_tick(next);
                        }
                    });
                });
            }
            due.then(|| self.clock(s))
        });
        let Some(off) = run else { return };
        let job = overdue(Library { world: world.clone(), flows: Arc::clone(&self.flows) }, off);
        world.with(|s| s.spawn("sync-overdue".to_owned(), job));
    }
}

/// One invocation with a batch: all records at the same time, and what is settled is deleted at the end.
async fn work(world: World, staff: Arc<dyn Staff>, from: Address, batch: Vec<Received>, off: i64) {
    let fatal = |s: &mut State| s.stormy && batch.iter().any(|record| s.trays.is_poisonous(&record.id));
    if world.with(fatal) {
        world.pause("reading a poisonous message", SECOND).await;
        world.with(|s| s.hit(Fault::Poisonous));
        return;
    }
    let one = |record: Received| {
        let (world, staff) = (world.clone(), Arc::clone(&staff));
        async move {
            let now = world.with(|s| shifted(s, off));
            world.with(|s| {
                s.tell(|| format!("takes {} for the {}. time, at {now:.0}", record.id, record.receives))
            });
            let limit = i64::try_from(staff.limit().as_micros()).unwrap();
            let patience = Box::pin(world.pause("working on a record", limit));
            match select(staff.settle(from, &record, now), patience).await {
                Either::Left((Settled::Delete, _)) => Some(record.receipt.clone()),
                Either::Left((Settled::Keep, _)) => None,
                Either::Right(_) => {
                    world.with(|s| s.hit(Fault::CutOff));
                    None
                }
            }
        }
    };
    let settled: Vec<String> = join_all(batch.into_iter().map(one)).await.into_iter().flatten().collect();
    if !settled.is_empty() {
        // What can't be deleted comes again.
        drop(world.delete(from, settled).await);
    }
}

/// One run of the schedule, as `kontor_runtime` runs it under its lock.
async fn overdue(library: Library, off: i64) {
    let world = library.world.clone();
    let (now, owner) = world.with(|s| (shifted(s, off), Owner(s.dice.roll().to_string())));
    let Ok(Some(cursor)) = world.lock("overdue", &owner, now, now + Duration::from_secs(60)).await else {
        return;
    };
    let ends = world.with(|s| s.now + 50 * SECOND);
    let clock = world.clone();
    let desk = OverdueDesk { index: Arc::new(world.clone()), desk: event_desk(&library) };
    let time_is_up = move || clock.with(|s| s.now > ends);
    // A run that fails is followed by the next one.
    drop(desk.run(now, &time_is_up).await);
    drop(world.save("overdue", &owner, &cursor).await);
}

/// The desk of `work-events` over a world.
#[must_use]
pub fn event_desk(library: &Library) -> EventDesk {
    let world = Arc::new(library.world.clone());
    EventDesk {
        reader: Arc::clone(&world) as _,
        outbox: Arc::new(outbox(&library.world)),
        flows: Arc::new(library.clone()),
        intake: Arc::clone(&world) as _,
        sender: world,
    }
}

/// Writing and sending, one after the other: as on DynamoDB and SQS.
#[must_use]
pub fn outbox(world: &World) -> ThenSend<World> {
    ThenSend { store: Arc::new(world.clone()), sender: Arc::new(world.clone()) }
}

/// What a person does while the storm lasts: replays, discards, moves dead letters back.
pub(super) fn begin_office(world: &World) {
    world.with(|s| {
        for _ in 0..s.dice.below(4) {
            let longest = s.dice.pick([HOUR, DAY, 10 * DAY]);
            let at = s.now + s.dice.between(MINUTE, longest);
            s.act(at, |world| {
                let open = world.with(|s| s.open_failures());
                let desk = world.clone();
                world.with(|s| s.spawn("operator".to_owned(), settle_failures(desk, open)));
            });
        }
    });
}

/// Replays failures; what can never be read is discarded.
pub(super) async fn settle_failures(world: World, ids: Vec<FailureId>) {
    let desk = ReplayDesk { failures: Arc::new(world.clone()), sender: Arc::new(world.clone()) };
    for id in ids {
        let (now, hopeless) = world.with(|s| (s.time(), s.is_hopeless(&id)));
        if hopeless {
            if desk.discard(&id, "no order at all", "Erika", now).await.is_ok() {
                world.with(|s| s.hit(Fault::Discarded));
            }
        } else if desk.replay(&id, None, "Erika", now).await.is_ok() {
            world.with(|s| s.hit(Fault::Replayed));
        }
    }
}

impl State {
    /// Whether a failure is a delivery that nobody will ever be able to read.
    pub(super) fn is_hopeless(&self, id: &FailureId) -> bool {
        let failure = self.shelf.failures.get(id).filter(|failure| failure.state == FailureState::Open);
        let Some(Ok(Message::Delivery(envelope))) = failure.map(|f| Message::decode(&f.message)) else {
            return false;
        };
        let number =
            envelope.body.bytes().ok().and_then(|b| String::from_utf8(b).ok()?.parse::<usize>().ok());
        let telling = number.and_then(|number| self.tales.tellings.get(number));
        telling.is_some_and(|telling| telling.legible == Legible::Never)
    }
}
