//! How long every function takes from the start of its process to its first look for work, and to its first answer.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use kontor_runtime::clock::Stopwatch;
use kontor_runtime::settings::{FUNCTIONS, Function};
use serde_json::{Value, json};

use crate::feed::Pace;
use crate::host::Host;
use crate::world::{Latency, World};

/// Starts of each function.
const STARTS: usize = 15;

pub(crate) async fn run(bins: &Path) {
    let world = World::start(bins, Latency::default(), Pace::Single).await;
    world.send(1).await;
    world.completed(1).await;
    println!("{STARTS} starts each, without other work beside it; times in ms, best / half\n");
    println!("a process that does nothing (`true`): {}\n", of((0..STARTS).map(|_| nothing()).collect()));
    println!(
        "| function | binary MB | first look for work | CPU until then | first answer after | memory MiB |"
    );
    println!("|---|---:|---:|---:|---:|---:|");
    for function in FUNCTIONS {
        let event = event(&world, function);
        let (mut polls, mut cpus, mut answers, mut memory) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for _ in 0..STARTS {
            let (host, started) = Host::start(function, bins, Arc::clone(&world.aws)).await;
            let (_, first) = host.invoke(&event).await;
            polls.push(started.wall);
            cpus.push(started.cpu);
            answers.push(first.wall);
            memory = memory.max(host.memory_kib().max(started.memory_kib));
            host.stop().await;
        }
        let size = std::fs::metadata(bins.join(function.name).join("bootstrap")).unwrap().len() as f64 / 1e6;
        let name = function.name;
        println!(
            "| `{name}` | {size:.1} | {} | {} | {} | {} |",
            of(polls),
            of(cpus),
            of(answers),
            memory / 1024
        );
    }
    world.stop().await;
}

/// What the function was first given in a run of the chain.
fn event(world: &World, function: Function) -> Value {
    let of = |name: &str| world.hosts.get(name).and_then(|host| host.first_event());
    match function.name {
        // No shop of this kind: the whole proof, and a refusal.
        "webhook-shopify" | "webhook-shopware" | "webhook-smartstore" => of("webhook-woocommerce").unwrap(),
        "alert-admin" => json!({ "Records": [{
            "messageId": "m", "receiptHandle": "r", "body": "{}", "attributes": { "ApproximateReceiveCount": "1" },
            "messageAttributes": {}, "md5OfBody": "", "eventSource": "aws:sqs", "awsRegion": "eu-central-1",
            "eventSourceARN": "arn:aws:sqs:eu-central-1:100000000001:events-dead",
        }] }),
        name => of(name).unwrap_or_else(|| json!({})),
    }
}

fn nothing() -> Duration {
    let watch = Stopwatch::start();
    Command::new("true").status().unwrap();
    watch.elapsed()
}

fn of(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let ms = |at: usize| times.get(at).unwrap().as_secs_f64() * 1e3;
    format!("{:.1} / {:.1}", ms(0), ms(times.len() / 2))
}
