//! The world: one clock, one agenda of what happens when, and tasks that are polled when it is their turn.
//!
//! Time stands still while something happens and jumps to the next entry of the agenda. Every await of the code under test
//! ends in [`World::pause`], so between any two awaits anything else may happen, and a task can be dropped at each of them:
//! that is a crash.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use jiff::Timestamp;
use kontor_flow::Address;

use super::dice::Dice;
use super::erp::Erp;
use super::faults::{Fault, Rates, Tally};
use super::shelf::Shelf;
use super::shops::Shops;
use super::tales::Tales;
use super::trays::Trays;
use crate::clock::time;
use crate::order::BEGINNING;

/// A millisecond, a second, a minute and so on, in the microseconds the world counts in.
pub(super) const MILLI: i64 = 1_000;
pub(super) const SECOND: i64 = 1_000 * MILLI;
pub(super) const MINUTE: i64 = 60 * SECOND;
pub(super) const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;

/// More happens in no world that comes to rest: some five times what was ever seen.
const MOST_STEPS: u64 = 250_000;

pub(super) type Job = Pin<Box<dyn Future<Output = ()> + Send>>;
type Act = Box<dyn FnOnce(&World) + Send>;

/// What stands in the agenda.
pub(super) enum What {
    /// A task goes on after the await of that name.
    Wake(usize, &'static str),
    /// Messages may have become visible.
    Ready(Address),
    /// The schedule is due.
    Tick,
    /// Anything else.
    Act(Act),
}

struct Entry {
    at: i64,
    /// Of what happens at the same time, chance decides which comes first.
    tie: u64,
    what: What,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.tie) == (other.at, other.tie)
    }
}
impl Eq for Entry {}
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.tie).cmp(&(other.at, other.tie))
    }
}

/// Everything there is in the world.
pub(super) struct State {
    pub(super) dice: Dice,
    pub(super) now: i64,
    /// Whether faults still strike.
    pub(super) stormy: bool,
    pub(super) rates: Rates,
    pub(super) tally: Tally,
    pub(super) story: Option<Vec<String>>,
    pub(super) broken: Vec<String>,
    agenda: BinaryHeap<Reverse<Entry>>,
    spawned: Vec<(String, Job)>,
    running: Option<usize>,
    who: String,
    pub(super) tick_at: Option<i64>,
    pub(super) shelf: Shelf,
    pub(super) trays: Trays,
    pub(super) erp: Erp,
    pub(super) shops: Shops,
    pub(super) tales: Tales,
}

impl State {
    fn new(seed: u64, told: bool) -> Self {
        let mut dice = Dice::of(seed);
        let rates = Rates::rolled(&mut dice);
        Self {
            now: time(BEGINNING).as_microsecond(),
            stormy: false,
            rates,
            tally: Tally::default(),
            story: told.then(Vec::new),
            broken: Vec::new(),
            agenda: BinaryHeap::new(),
            spawned: Vec::new(),
            running: None,
            who: String::new(),
            tick_at: None,
            shelf: Shelf::default(),
            trays: Trays::new(&mut dice),
            erp: Erp::new(&mut dice),
            shops: Shops::default(),
            tales: Tales::default(),
            dice,
        }
    }

    /// The true time.
    pub(super) fn time(&self) -> Timestamp {
        Timestamp::from_microsecond(self.now).unwrap()
    }

    /// Whether `fault` strikes now; counted and told if so.
    pub(super) fn strikes(&mut self, fault: Fault) -> bool {
        let rate = self.rates.of(fault);
        let strikes = self.stormy && rate > 0 && self.dice.chance(rate);
        if strikes {
            self.hit(fault);
        }
        strikes
    }

    /// Counts `fault`.
    pub(super) fn hit(&mut self, fault: Fault) {
        *self.tally.faults.entry(fault).or_default() += 1;
        self.tell(|| format!("*** {}", fault.word()));
    }

    /// Counts anything else.
    pub(super) fn count(&mut self, word: &'static str) {
        *self.tally.other.entry(word).or_default() += 1;
    }

    /// A line of the story, if anybody listens.
    pub(super) fn tell(&mut self, line: impl FnOnce() -> String) {
        let now = self.time();
        if let Some(story) = &mut self.story {
            story.push(format!("{now:.3} {:<16} {}", self.who, line()));
        }
    }

    /// Something that must never happen has happened.
    pub(super) fn breaks(&mut self, sentence: String) {
        self.tell(|| format!("!!! {sentence}"));
        self.broken.push(sentence);
    }

    pub(super) fn plan(&mut self, at: i64, what: What) {
        let tie = self.dice.roll();
        self.agenda.push(Reverse(Entry { at: at.max(self.now), tie, what }));
    }

    pub(super) fn act(&mut self, at: i64, act: impl FnOnce(&World) + Send + 'static) {
        self.plan(at, What::Act(Box::new(act)));
    }

    /// Starts a task.
    pub(super) fn spawn(&mut self, who: String, job: impl Future<Output = ()> + Send + 'static) {
        self.spawned.push((who, Box::pin(job)));
    }
}

/// A handle to the world; a clone is the same world.
#[derive(Clone)]
pub struct World {
    state: Arc<Mutex<State>>,
    /// In a world that runs by the machine's clock: when it began.
    began: Option<tokio::time::Instant>,
}

impl World {
    /// The world of a seed. `told`: whether it keeps its story.
    #[must_use]
    pub fn new(seed: u64, told: bool) -> Self {
        Self { state: Arc::new(Mutex::new(State::new(seed, told))), began: None }
    }

    /// A world without faults that runs by the machine's clock on a tokio runtime, for tests of its ports.
    #[must_use]
    pub fn by_the_machines_clock() -> Self {
        Self { began: Some(tokio::time::Instant::now()), ..Self::new(0, false) }
    }

    pub(super) fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(began) = self.began {
            let passed = i64::try_from(began.elapsed().as_micros()).unwrap();
            state.now = time(BEGINNING).as_microsecond() + passed;
        }
        f(&mut state)
    }

    /// Waits, and lets everything else happen; a crash may strike here.
    pub(super) async fn pause(&self, label: &'static str, length: i64) {
        if self.began.is_some() {
            let length = u64::try_from(length).unwrap_or(0);
            tokio::time::sleep(std::time::Duration::from_micros(length)).await;
            return;
        }
        Pause { world: self, label, length, until: None }.await;
    }
}

struct Pause<'a> {
    world: &'a World,
    label: &'static str,
    length: i64,
    until: Option<i64>,
}

impl Future for Pause<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        let (until, label, length) = (self.until, self.label, self.length);
        let registered = self.world.with(|s| match until {
            Some(until) if s.now >= until => None,
            Some(until) => Some(until),
            None => {
                let until = s.now.saturating_add(length.max(1));
                let task = s.running.unwrap();
                s.plan(until, What::Wake(task, label));
                Some(until)
            }
        });
        match registered {
            Some(until) => {
                self.until = Some(until);
                Poll::Pending
            }
            None => Poll::Ready(()),
        }
    }
}

/// Who is called when messages or the schedule are due.
pub(super) trait Caller {
    /// Messages may have become visible.
    fn ready(&self, world: &World, from: Address);
    /// The schedule is due.
    fn tick(&self, world: &World);
}

/// Nobody works here.
pub(super) struct Nobody;

impl Caller for Nobody {
    fn ready(&self, _: &World, _: Address) {}
    fn tick(&self, _: &World) {}
}

struct Task {
    who: String,
    job: Job,
}

/// Lets happen what stands in the agenda, until nothing is left.
#[derive(Default)]
pub(super) struct Executor {
    tasks: Vec<Option<Task>>,
    /// How much has happened.
    pub(super) steps: u64,
}

impl Executor {
    /// Runs until nothing happens any more or `until` has come. An error if that never ends.
    pub(super) fn run(&mut self, world: &World, caller: &dyn Caller, until: i64) -> Result<(), String> {
        self.begin_spawned(world);
        loop {
            let entry = world.with(|s| {
                s.agenda.peek().filter(|Reverse(next)| next.at <= until)?;
                let Reverse(entry) = s.agenda.pop()?;
                s.now = s.now.max(entry.at);
                s.who.clear();
                Some(entry)
            });
            let Some(entry) = entry else {
                world.with(|s| s.now = if until == i64::MAX { s.now } else { s.now.max(until) });
                return Ok(());
            };
            self.steps += 1;
            if self.steps > MOST_STEPS {
                return Err(format!("the world comes to rest: it still moved after {MOST_STEPS} steps"));
            }
            match entry.what {
                What::Wake(task, label) => self.wake(world, task, label),
                What::Ready(from) => caller.ready(world, from),
                What::Tick => caller.tick(world),
                What::Act(act) => act(world),
            }
            self.begin_spawned(world);
        }
    }

    fn wake(&mut self, world: &World, task: usize, label: &'static str) {
        let Some(slot) = self.tasks.get_mut(task) else { return };
        let Some(alive) = slot else { return };
        let crashed = world.with(|s| {
            s.who.clone_from(&alive.who);
            let crashed = s.strikes(Fault::Crash);
            if crashed {
                *s.tally.crashes.entry(label).or_default() += 1;
                s.tell(|| format!("    killed at: {label}"));
            }
            crashed
        });
        if crashed {
            *slot = None;
            return;
        }
        poll(world, task, slot);
    }

    fn begin_spawned(&mut self, world: &World) {
        loop {
            let spawned = world.with(|s| std::mem::take(&mut s.spawned));
            if spawned.is_empty() {
                return;
            }
            for (who, job) in spawned {
                let task = self.tasks.len();
                world.with(|s| s.who.clone_from(&who));
                self.tasks.push(Some(Task { who, job }));
                if let Some(slot) = self.tasks.last_mut() {
                    poll(world, task, slot);
                }
            }
        }
    }
}

fn poll(world: &World, task: usize, slot: &mut Option<Task>) {
    let Some(alive) = slot else { return };
    world.with(|s| s.running = Some(task));
    let polled = alive.job.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    world.with(|s| s.running = None);
    if polled.is_ready() {
        *slot = None;
    }
}
