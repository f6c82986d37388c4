//! What an order costs on AWS: everything that is billed, counted in runs of the real binaries, times list prices.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::aws::Count;
use crate::feed::{Pace, template};
use crate::host::Invocation;
use crate::prices;
use crate::world::{Latency, World};

/// How long AWS and the systems outside are taken to need for an answer.
const LATENCY: Latency = Latency {
    table: Duration::from_millis(5),
    queue: Duration::from_millis(10),
    mail: Duration::from_millis(80),
    systems: Duration::from_millis(200),
};

/// Orders one after another, each worked off alone.
const SINGLE: u64 = 20;
/// Orders all at once.
const BURST: u64 = 100;

/// What is billed, per order.
#[derive(Default)]
struct Bill {
    lines: BTreeMap<&'static str, (f64, f64)>,
}

impl Bill {
    fn add(&mut self, what: &'static str, count: f64, price: f64) {
        let line = self.lines.entry(what).or_default();
        *line = (line.0 + count, line.1 + count * price);
    }

    fn total(&self) -> f64 {
        self.lines.values().map(|(_, dollars)| dollars).sum()
    }
}

pub(crate) async fn run(bins: &Path) {
    println!(
        "Answers are taken to need: table {:?}, queue {:?}, mail {:?}, ERP and shop {:?} a call. Every order is of a new customer.\n",
        LATENCY.table, LATENCY.queue, LATENCY.mail, LATENCY.systems
    );
    let single = World::start(bins, LATENCY, Pace::Single).await;
    single.send(1).await;
    single.completed(1).await;
    clear(&single);
    for number in 2..2 + SINGLE {
        single.send(number).await;
        single.completed(number).await;
    }
    println!("### {SINGLE} orders one after another: every message is an invocation\n");
    let alone = bill(&single, SINGLE);
    idle(&single).await;
    single.stop().await;

    let burst = World::start(bins, LATENCY, Pace::Batches).await;
    burst.send(1).await;
    burst.completed(1).await;
    clear(&burst);
    futures_util::future::join_all((2..2 + BURST).map(|number| burst.send(number))).await;
    for number in 2..2 + BURST {
        burst.completed(number).await;
    }
    println!("\n### {BURST} orders at once: batches fill up\n");
    let together = bill(&burst, BURST);
    burst.stop().await;
    println!("\n### Dollars per 100,000 orders\n");
    println!("| billed | per order, alone | $ per 100,000 | per order, in a burst | $ per 100,000 |");
    println!("|---|---:|---:|---:|---:|");
    for (what, (count, dollars)) in &alone.lines {
        let (count_2, dollars_2) = together.lines.get(what).copied().unwrap_or_default();
        println!("| {what} | {count:.3} | {:.2} | {count_2:.3} | {:.2} |", dollars * 1e5, dollars_2 * 1e5);
    }
    println!("| **sum** | | **{:.2}** | | **{:.2}** |", alone.total() * 1e5, together.total() * 1e5);
}

fn clear(world: &World) {
    world.aws.take_counts();
    for host in world.hosts.values() {
        host.take();
    }
}

/// Seconds that Lambda would bill for an invocation, in whole milliseconds: what it waited here, and what it reckoned here
/// on the part of a processor that comes with its memory.
fn billed_seconds(invocation: Invocation, memory: f64) -> f64 {
    let waited = invocation.wall.saturating_sub(invocation.cpu).as_secs_f64();
    let slower = (prices::ONE_PROCESSOR / memory).max(1.0);
    ((waited + invocation.cpu.as_secs_f64() * slower) * 1e3).ceil() / 1e3
}

fn bill(world: &World, orders: u64) -> Bill {
    let (each, mut bill) = (1.0 / orders as f64, Bill::default());
    println!(
        "| function | memory MB | invocations per order | CPU ms each | billed ms each | log bytes each |"
    );
    println!("|---|---:|---:|---:|---:|---:|");
    for (name, host) in &world.hosts {
        let (invocations, logged) = host.take();
        if invocations.is_empty() {
            continue;
        }
        let memory = template(name, "MemorySize").unwrap() as f64;
        let count = invocations.len() as f64;
        let billed: f64 = invocations.iter().map(|invocation| billed_seconds(*invocation, memory)).sum();
        let cpu: f64 = invocations.iter().map(|invocation| invocation.cpu.as_secs_f64()).sum();
        let logs = logged as f64 + count * prices::LAMBDA_LOGS;
        println!(
            "| `{name}` | {memory:.0} | {:.2} | {:.2} | {:.0} | {:.0} |",
            count * each,
            cpu / count * 1e3,
            billed / count * 1e3,
            logs / count
        );
        bill.add("Lambda GB-seconds", billed * memory / 1024.0 * each, prices::GB_SECOND);
        bill.add("Lambda invocations", count * each, prices::INVOCATIONS / 1e6);
        bill.add("CloudWatch log KB", logs / 1e3 * each, prices::LOGS / 1e6);
    }
    println!("\n| caller | operation | requests per order | read units | write units |");
    println!("|---|---|---:|---:|---:|");
    for ((caller, operation), count) in world.aws.take_counts() {
        let (requests, reads, writes) =
            (count.requests as f64 * each, count.read_units * each, count.write_units * each);
        println!("| {caller} | {operation} | {requests:.2} | {reads:.2} | {writes:.2} |");
        charge(&mut bill, &operation, requests, reads, writes);
    }
    bill
}

fn charge(bill: &mut Bill, operation: &str, requests: f64, reads: f64, writes: f64) {
    bill.add("DynamoDB read units", reads, prices::READ_UNITS / 1e6);
    bill.add("DynamoDB write units", writes, prices::WRITE_UNITS / 1e6);
    match operation {
        "request" => bill.add("HTTP API requests", requests, prices::HTTP_API / 1e6),
        "SendEmail" => bill.add("SES mails", requests, prices::MAILS / 1e3),
        _ if operation.contains("Message") => bill.add("SQS requests", requests, prices::SQS / 1e6),
        _ => {}
    }
}

/// What a month without any order costs.
async fn idle(world: &World) {
    const RUNS: usize = 10;
    let host = world.hosts.get("sync-overdue").unwrap();
    clear(world);
    for _ in 0..RUNS {
        host.invoke(&json!({})).await;
    }
    let (invocations, logged) = host.take();
    let memory = template("sync-overdue", "MemorySize").unwrap() as f64;
    let runs = RUNS as f64;
    let seconds: f64 = invocations.iter().map(|run| billed_seconds(*run, memory)).sum::<f64>() / runs;
    let counts: Vec<Count> = world.aws.take_counts().into_values().collect();
    let reads = counts.iter().map(|count| count.read_units).sum::<f64>() / runs;
    let writes = counts.iter().map(|count| count.write_units).sum::<f64>() / runs;
    let mappings = include_str!("../../../template.yaml").matches("BatchSize:").count() as f64;
    let alarms = include_str!("../../../infra/alarms.yaml").matches("AWS::CloudWatch::Alarm").count() as f64;
    let gigabytes = (logged as f64 / runs + prices::LAMBDA_LOGS) * prices::MINUTES / 1e9;
    let lines = [
        ("looks into empty queues (SQS)", mappings * prices::IDLE_POLLS, prices::SQS / 1e6),
        (
            "`sync-overdue` once a minute: GB-seconds",
            seconds * memory / 1024.0 * prices::MINUTES,
            prices::GB_SECOND,
        ),
        ("its invocations", prices::MINUTES, prices::INVOCATIONS / 1e6),
        ("its read units", reads * prices::MINUTES, prices::READ_UNITS / 1e6),
        ("its write units", writes * prices::MINUTES, prices::WRITE_UNITS / 1e6),
        ("its log GB", gigabytes, prices::LOGS),
        ("alarms", alarms, prices::ALARM),
        ("secrets (ERP, one shop with three)", 4.0, prices::SECRET),
    ];
    println!("\n### A month without orders\n\n| billed | a month | $ a month |\n|---|---:|---:|");
    for (what, count, price) in lines {
        println!("| {what} | {count:.2} | {:.2} |", count * price);
    }
    println!("| **sum** | | **{:.2}** |", lines.iter().map(|(_, count, price)| count * price).sum::<f64>());
}
