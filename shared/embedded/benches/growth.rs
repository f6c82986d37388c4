//! What an order costs the store as the table grows from a thousand to a million finished orders:
//! `cargo bench -p kontor-embedded --bench growth [-- orders at the end] [folder]`
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench")]
#![expect(clippy::float_arithmetic, clippy::cast_precision_loss, reason = "measurements, not money")]
#![expect(clippy::disallowed_methods, reason = "it measures time")]

use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kontor_embedded::Engine;
use kontor_flow::OrderStatus;
use kontor_flow::ports::{OrderFilter, OrderIndex, OrderReader, OrderWriter};
use kontor_testkit::order::{entry, key, next, order};
use kontor_testkit::wall_clock;

/// Orders filled in at the same time.
const TOGETHER: u64 = 512;
/// Orders or questions of one measurement.
const SAMPLE: u64 = 2_000;
/// Orders under way, whatever the number of finished ones.
const UNDER_WAY: u64 = 200;

fn main() {
    // As a test it goes once through, and what follows is for other tests.
    let measured = std::env::args().any(|arg| arg == "--bench");
    let mut args = std::env::args().skip(1).filter(|arg| measured && !arg.starts_with("--"));
    let most = args.next().map_or(if measured { 100_000 } else { 1_000 }, |most| most.parse().unwrap());
    let folder = args.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let dir = tempfile::tempdir_in(folder).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(grow(dir.path(), most));
}

async fn grow(dir: &Path, most: u64) {
    let engine = Engine::open(dir, wall_clock()).unwrap();
    fill(&engine, 0, UNDER_WAY, OrderStatus::InWork).await;
    println!(
        "CPU µs each (wall ms where one waits for it), {UNDER_WAY} orders under way beside the finished ones\n"
    );
    println!(
        "| orders | MiB on disk | KiB each | new order | load and store of one | 100 due | list of 50 | memory MiB |"
    );
    println!("|---:|---:|---:|---:|---:|---:|---:|---:|");
    let (mut size, mut filled) = (1_000, UNDER_WAY);
    while size <= most {
        fill(&engine, filled, size, OrderStatus::Completed).await;
        filled = size;
        let disk = disk(dir);
        // Numbers that are no part of the count: the rows are a thousandth more at the most.
        let new =
            measure(SAMPLE, |n| insert(&engine, 10_000_000_000 + size * 10 + n, OrderStatus::Completed))
                .await;
        let hop = measure(SAMPLE, |n| hop(&engine, n * 7_919 % size)).await;
        let due = measure(50, |_| due(&engine)).await;
        let list = measure(50, |_| list(&engine)).await;
        println!(
            "| {size} | {:.0} | {:.1} | {:.0} | {:.0} | {:.0} ({:.1} ms) | {:.0} ({:.1} ms) | {:.0} |",
            disk / 1024.0,
            disk / size as f64,
            new.0,
            hop.0,
            due.0,
            due.1,
            list.0,
            list.1,
            memory()
        );
        size *= 10;
    }
}

async fn fill(engine: &Engine, from: u64, to: u64, status: OrderStatus) {
    let mut at = from;
    while at < to {
        let end = (at + TOGETHER).min(to);
        let tasks: Vec<_> = (at..end)
            .map(|n| {
                let engine = engine.clone();
                tokio::spawn(async move { insert(&engine, n, status).await })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        at = end;
    }
}

async fn insert(engine: &Engine, n: u64, status: OrderStatus) {
    let mut order = order(&format!("laden/{n}"));
    order.status = status;
    order.due_at = (status == OrderStatus::InWork).then_some(Timestamp::UNIX_EPOCH);
    engine.store(&order, &entry(&order)).await.unwrap();
}

async fn hop(engine: &Engine, n: u64) {
    let before = engine.load(&key(&format!("laden/{n}"))).await.unwrap().unwrap();
    let after = next(&before);
    engine.store(&after, &entry(&after)).await.unwrap();
}

async fn due(engine: &Engine) {
    assert_eq!(engine.due(Timestamp::now(), 100).await.unwrap().len(), 100);
}

async fn list(engine: &Engine) {
    let filter = OrderFilter { status: Some(OrderStatus::Completed), shop: None, limit: 50 };
    assert_eq!(engine.list(&filter).await.unwrap().len(), 50);
}

/// CPU µs of each of `count`, 64 at a time, and ms of waiting for one of them.
async fn measure<F: Future<Output = ()>>(count: u64, work: impl Fn(u64) -> F) -> (f64, f64) {
    let wall = Instant::now();
    work(count).await;
    let wall = wall.elapsed();
    let before = cpu();
    let mut at = 0;
    while at < count {
        let end = (at + 64).min(count);
        futures_util::future::join_all((at..end).map(&work)).await;
        at = end;
    }
    tokio::time::sleep(Duration::from_millis(20)).await;
    ((cpu() - before).as_secs_f64() * 1e6 / count as f64, wall.as_secs_f64() * 1e3)
}

/// CPU time of all threads of this process.
fn cpu() -> Duration {
    let nanos = std::fs::read_dir("/proc/self/task").unwrap().flatten().filter_map(|task| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}

/// KiB in the folder.
fn disk(dir: &Path) -> f64 {
    let files = std::fs::read_dir(dir).unwrap().flatten();
    files.map(|file| file.metadata().unwrap().len()).sum::<u64>() as f64 / 1024.0
}

fn memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}
