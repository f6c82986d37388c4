//! Measures the engine on this machine: `cargo run --release -p kontor-embedded --example speed [folder]`.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a tool for developers")]
#![expect(clippy::float_arithmetic, clippy::cast_precision_loss, reason = "rates, not money")]
#![expect(clippy::disallowed_methods, reason = "it measures time")]

use std::future::Future;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use kontor_embedded::Engine;
use kontor_flow::event::{Finish, StepResult};
use kontor_flow::ports::{Leases, OrderReader, OrderWriter, Outgoing, Owner, Receiver, Sender};
use kontor_flow::{Address, CommandId, Queue};
use kontor_testkit::order::{entry, next, order, step};
use kontor_testkit::wall_clock;

const EVENTS: Address = Address::Live(Queue::Events);
const ERP: Address = Address::Live(Queue::Erp);
const STEPS: u64 = 8;
const ORDERS: u64 = 4_000;
const MINUTE: Duration = Duration::from_secs(60);

#[tokio::main(worker_threads = 2)]
async fn main() {
    let folder = std::env::args().nth(1).map_or_else(|| PathBuf::from("target"), PathBuf::from);
    let dir = tempfile::tempdir_in(folder).unwrap();
    println!("fsync of 4 KiB appended: {:.2} ms", fsync(dir.path()));
    let engine = Engine::open(dir.path(), wall_clock()).unwrap();
    accept(&engine).await;
    backlog(&engine).await;
    chain(&engine).await;
}

fn fsync(dir: &std::path::Path) -> f64 {
    let mut file = std::fs::File::create(dir.join("fsync")).unwrap();
    let start = Instant::now();
    for _ in 0..100 {
        file.write_all(&[7; 4096]).unwrap();
        file.sync_data().unwrap();
    }
    start.elapsed().as_secs_f64() * 10.0
}

/// CPU seconds of this process, all threads.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = |n: usize| fields.get(n).unwrap().parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}

/// Runs `count` things in `workers` tasks and prints the rate.
async fn measure<F, W>(what: &str, count: u64, workers: u64, work: W)
where
    W: Fn(u64) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send,
{
    let (start, cpu_before) = (Instant::now(), cpu());
    let (work, turn) = (Arc::new(work), Arc::new(AtomicU64::new(0)));
    let tasks: Vec<_> = (0..workers)
        .map(|_| {
            let (work, turn) = (Arc::clone(&work), Arc::clone(&turn));
            tokio::spawn(async move {
                loop {
                    let n = turn.fetch_add(1, Ordering::Relaxed);
                    if n >= count {
                        return;
                    }
                    work(n).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    report(what, count, start.elapsed(), cpu() - cpu_before);
}

fn report(what: &str, count: u64, wall: Duration, cpu: f64) {
    let (rate, each) = (count as f64 / wall.as_secs_f64(), cpu * 1e6 / count as f64);
    println!(
        "{what}: {rate:.0}/s, {each:.0} us CPU each ({count} in {:.2} s, {cpu:.2} CPU-s)",
        wall.as_secs_f64()
    );
}

fn body(n: u64) -> String {
    format!("{{\"v\":1,\"n\":{n},\"body\":\"{}\"}}", "x".repeat(4_000))
}

async fn accept(engine: &Engine) {
    for workers in [1, 16, 64, 256] {
        let count = if workers == 1 { 300 } else { 10_000 };
        let sender = engine.clone();
        let send = move |n| {
            let sender = sender.clone();
            async move { sender.send(EVENTS, vec![Outgoing::now(body(n))]).await.unwrap() }
        };
        measure(&format!("accept 4 KB, {workers} callers"), count, workers, send).await;
    }
}

async fn backlog(engine: &Engine) {
    for _ in 0..100 {
        let messages = (0..1000).map(|n| Outgoing::now(format!("{{\"n\":{n}}}"))).collect();
        engine.send(ERP, messages).await.unwrap();
    }
    println!("backlog: {:?}", engine.stats().get(&ERP));
    for (address, count) in [(ERP, 100_000), (EVENTS, 30_300)] {
        let (start, before) = (Instant::now(), cpu());
        for _ in 0..count / 10 {
            let taken = engine.receive(address, 10, MINUTE, Duration::ZERO).await.unwrap();
            engine.delete(address, taken.into_iter().map(|m| m.receipt).collect()).await.unwrap();
        }
        report(&format!("receive and delete by ten, {address}"), count, start.elapsed(), cpu() - before);
    }
}

/// What one step of an order costs the store: two messages, a lease, two loads, one store.
async fn one_step(engine: &Engine, name: &str, n: u64) {
    engine.send(ERP, vec![Outgoing::now(format!("{{\"v\":1,\"command\":\"{name}/{n}\"}}"))]).await.unwrap();
    let work = engine.receive(ERP, 1, MINUTE, MINUTE).await.unwrap();
    let key = name.parse().unwrap();
    let before = engine.load(&key).await.unwrap().unwrap();
    let id = CommandId::new(&key, &step(&format!("step-{n}")));
    let owner = Owner(format!("{name}-{n}"));
    engine.claim(&id, &owner, before.updated_at, before.updated_at + MINUTE).await.unwrap();
    let finish = Finish { result: StepResult::Told, calls: 1 };
    assert!(engine.complete(&id, &owner, &finish, before.updated_at).await.unwrap());
    engine.send(EVENTS, vec![Outgoing::now(format!("{{\"v\":1,\"done\":\"{id}\"}}"))]).await.unwrap();
    engine.delete(ERP, work.into_iter().map(|m| m.receipt).collect()).await.unwrap();
    let told = engine.receive(EVENTS, 1, MINUTE, MINUTE).await.unwrap();
    let after = next(&engine.load(&key).await.unwrap().unwrap());
    engine.store(&after, &entry(&after)).await.unwrap();
    engine.delete(EVENTS, told.into_iter().map(|m| m.receipt).collect()).await.unwrap();
}

async fn chain(engine: &Engine) {
    let engine = engine.clone();
    let whole = move |n| {
        let engine = engine.clone();
        async move {
            let order = order(&format!("laden/{n}"));
            engine.store(&order, &entry(&order)).await.unwrap();
            for step in 0..STEPS {
                one_step(&engine, &format!("laden/{n}"), step).await;
            }
        }
    };
    measure("whole chains of 8 steps, 128 at a time", ORDERS, 128, whole).await;
}
