//! Runs the bundle's own code through simulated worlds: `cargo test -p kontor-testkit --test simulator`, with
//! `-- --seeds N [--from N]` for more worlds and `-- --seed N` for the story of one. `--enough N` ends it once N worlds failed.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "this is a test harness of its own: what it finds is what it prints"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use kontor_flow::engine::{AlertDesk, CommandDesk};
use kontor_flow::ports::Received;
use kontor_flow::{Address, Flow, Queue};
use kontor_runtime::batch::{
    AlertWorker, CommandWorker, EventWorker, LEASE, LIMIT, Outcome, Post, SKEW, VISIBILITY, Worker,
};
use kontor_runtime::clock::Stopwatch;
use kontor_testkit::simulator::{
    Fault, Flows, Library, Outcome as Story, Settled, Staff, Tally, World, event_desk, outbox, simulate,
};

/// Worlds of the test command.
const SEEDS: u64 = 10_000;

/// After so many failing worlds it is known well enough that something is wrong.
const ENOUGH: usize = 200;

/// Failing worlds that are named for each invariant, and lines of the first one's story that are shown.
const NAMED: usize = 8;
const LINES: usize = 120;

/// The workers of the bundle, put together as the functions do it.
struct Crew {
    post: Post,
    workers: BTreeMap<Address, Arc<dyn Worker>>,
}

impl Crew {
    fn of(world: &World, flows: &Arc<Flows>) -> Arc<dyn Staff> {
        let library = Library { world: world.clone(), flows: Arc::clone(flows) };
        let world = Arc::new(world.clone());
        let alerts =
            Arc::new(AlertDesk { failures: Arc::clone(&world) as _, notifier: Arc::clone(&world) as _ });
        let mut workers: BTreeMap<Address, Arc<dyn Worker>> = BTreeMap::new();
        workers.insert(Address::Live(Queue::Events), Arc::new(EventWorker(event_desk(&library))));
        for queue in [Queue::Erp, Queue::Shops, Queue::Mail] {
            let desk = CommandDesk {
                reader: Arc::clone(&world) as _,
                leases: Arc::clone(&world) as _,
                connectors: Arc::clone(&world) as _,
                outbox: Arc::new(outbox(&world)),
                closing: None,
                polls: None,
                sender: Arc::clone(&world) as _,
                lease: LEASE,
                skew: SKEW,
            };
            workers.insert(Address::Live(queue), Arc::new(CommandWorker { desk, queue }));
        }
        for queue in Queue::ALL {
            workers.insert(Address::Dead(queue), Arc::new(AlertWorker { desk: Arc::clone(&alerts), queue }));
        }
        let post = Post { sender: Arc::clone(&world) as _, delayer: world };
        Arc::new(Self { post, workers })
    }
}

impl Staff for Crew {
    fn settle<'a>(&'a self, from: Address, record: &'a Received, now: Timestamp) -> BoxFuture<'a, Settled> {
        async move {
            let Some(worker) = self.workers.get(&from) else { return Settled::Keep };
            match self.post.settle(worker.as_ref(), from, record, now, LIMIT).await {
                Outcome::Delete => Settled::Delete,
                Outcome::Keep => Settled::Keep,
            }
        }
        .boxed()
    }

    fn limit(&self) -> Duration {
        LIMIT
    }

    fn visibility(&self) -> Duration {
        VISIBILITY
    }
}

/// What is asked for on the command line.
struct Asked {
    from: u64,
    seeds: u64,
    enough: usize,
    one: Option<u64>,
}

fn asked() -> Asked {
    let mut asked = Asked { from: 0, seeds: SEEDS, enough: ENOUGH, one: None };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut number = || words.next().and_then(|n| n.replace('_', "").parse().ok());
        match word.as_str() {
            "--seeds" => asked.seeds = number().expect("--seeds wants a number"),
            "--from" => asked.from = number().expect("--from wants a number"),
            "--enough" => {
                asked.enough =
                    number().and_then(|n| usize::try_from(n).ok()).expect("--enough wants a number");
            }
            "--seed" => asked.one = Some(number().expect("--seed wants a number")),
            // What else cargo passes on is for other harnesses.
            _ => {}
        }
    }
    asked
}

fn flows() -> Arc<Flows> {
    let read = |file: &str, text: &str| {
        Arc::new(Flow::parse(file, text).unwrap_or_else(|problems| panic!("{file}: {problems:?}")))
    };
    let standard = read("standard.yaml", include_str!("../../../infra/flows/standard.yaml"));
    let merchant = read("merchant.yaml", include_str!("../../../infra/flows/merchant.yaml"));
    let of_shops = vec![("kaffee".parse().unwrap(), standard), ("tee".parse().unwrap(), merchant)];
    Arc::new(Flows { of_shops })
}

/// One world. Pauses are made with a jitter of their own: it is seeded too.
fn run(seed: u64, told: bool, flows: &Arc<Flows>) -> Story {
    fastrand::seed(seed);
    simulate(seed, told, flows, Crew::of)
}

fn main() -> ExitCode {
    let asked = asked();
    // Panics are part of the play.
    std::panic::set_hook(Box::new(|_| {}));
    let flows = flows();
    match asked.one {
        Some(seed) => tell(seed, &in_runtime(|| run(seed, true, &flows)), usize::MAX),
        None => many(&asked, &flows),
    }
}

/// Timeouts want a runtime to register with; its clock never matters.
fn in_runtime<T>(work: impl FnOnce() -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _inside = runtime.enter();
    work()
}

fn tell(seed: u64, story: &Story, lines: usize) -> ExitCode {
    let skipped = story.story.len().saturating_sub(lines);
    if skipped > 0 {
        println!("… {skipped} lines before");
    }
    for line in story.story.iter().skip(skipped) {
        println!("{line}");
    }
    if story.broken.is_empty() {
        println!("\nseed {seed}: everything holds");
        return ExitCode::SUCCESS;
    }
    println!("\nseed {seed} breaks:");
    for sentence in &story.broken {
        println!("  - {sentence}");
    }
    println!("replay: cargo test -p kontor-testkit --test simulator -- --seed {seed}");
    ExitCode::FAILURE
}

/// A world that did not hold, and what was broken in it.
type Broken = (u64, Vec<String>);

/// What came of many worlds.
#[derive(Default)]
struct Found {
    ran: u64,
    /// The most that happened in one of them.
    steps: u64,
    tally: Tally,
    failed: Vec<Broken>,
}

fn many(asked: &Asked, flows: &Arc<Flows>) -> ExitCode {
    println!("\nrunning {} simulated worlds, seeds {} and up", asked.seeds, asked.from);
    let watch = Stopwatch::start();
    let next = AtomicU64::new(asked.from);
    let end = asked.from.saturating_add(asked.seeds);
    let found: Mutex<Found> = Mutex::default();
    let width = thread::available_parallelism().map_or(2, usize::from);
    thread::scope(|scope| {
        for _ in 0..width {
            scope.spawn(|| in_runtime(|| work_off(&next, end, asked.enough, flows, &found)));
        }
    });
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.failed.sort();
    report(asked, flows, &found, watch.elapsed())
}

/// Runs one world after the other, as long as there are any and it is not known well enough that something is wrong.
fn work_off(next: &AtomicU64, end: u64, enough: usize, flows: &Arc<Flows>, found: &Mutex<Found>) {
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end || found.lock().unwrap_or_else(PoisonError::into_inner).failed.len() >= enough {
            return;
        }
        let story = run(seed, false, flows);
        let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
        found.ran += 1;
        found.steps = found.steps.max(story.steps);
        found.tally.add(&story.tally);
        if !story.broken.is_empty() {
            found.failed.push((seed, story.broken));
        }
    }
}

fn report(asked: &Asked, flows: &Arc<Flows>, found: &Found, took: Duration) -> ExitCode {
    let Found { tally, failed, .. } = found;
    show("faults", tally.faults.iter().map(|(fault, count)| (fault.word(), *count)));
    show("killed while", tally.crashes.iter().map(|(word, count)| (*word, *count)));
    show("calls", tally.other.iter().map(|(word, count)| (*word, *count)));
    println!("the longest world took {} steps", found.steps);
    let mut kinds: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for (seed, broken) in failed {
        for kind in broken.iter().filter_map(|sentence| sentence.split(':').next()).collect::<BTreeSet<_>>() {
            kinds.entry(kind).or_default().push(*seed);
        }
    }
    for (kind, seeds) in kinds {
        let named: Vec<String> = seeds.iter().take(NAMED).map(ToString::to_string).collect();
        println!("broken in {} worlds: {kind} (seeds {})", seeds.len(), named.join(", "));
    }
    // Few worlds need not see everything.
    let missing: Vec<Fault> = if asked.seeds >= SEEDS { tally.missing() } else { Vec::new() };
    for fault in &missing {
        println!("never happened: {}", fault.word());
    }
    if let Some((seed, _)) = failed.first() {
        tell(*seed, &in_runtime(|| run(*seed, true, flows)), LINES);
    }
    let good = failed.is_empty() && missing.is_empty();
    let passed = found.ran.saturating_sub(failed.len() as u64);
    let left = asked.seeds.saturating_sub(found.ran);
    if left > 0 {
        println!("{left} worlds were left out: {} failing ones are enough", failed.len());
    }
    println!(
        "\ntest result: {}. {passed} passed; {} failed; 0 ignored; 0 measured; 0 filtered out; finished in {:.2}s\n",
        if good { "ok" } else { "FAILED" },
        failed.len().max(missing.len()),
        took.as_secs_f64()
    );
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn show<'a>(what: &str, counts: impl Iterator<Item = (&'a str, u64)>) {
    println!("{what}:");
    for (word, count) in counts {
        println!("{count:>10}  {word}");
    }
}
