//! A process that is killed at any moment has lost nothing that it had acknowledged.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use kontor_embedded::Engine;
use kontor_flow::ports::{Claim, Leases, OrderReader, OrderWriter, Outgoing, Owner, Receiver, Sender};
use kontor_flow::{Address, CommandId, Queue};
use kontor_testkit::order::{entry, key, order, step};
use kontor_testkit::wall_clock;

const FOLDER: &str = "KONTOR_TEST_FOLDER";
const EVENTS: Address = Address::Live(Queue::Events);

/// What the child does: stores an order, claims a command, sends a message, and says its number once all are stored.
/// Eight at a time, until it is killed.
#[tokio::main]
async fn work(folder: &str) {
    let engine = Engine::open(folder.as_ref(), wall_clock()).unwrap();
    let round = std::process::id();
    let workers = (0..8).map(|worker| {
        let engine = engine.clone();
        tokio::spawn(async move {
            for n in 0.. {
                let name = format!("laden/{round}-{worker}-{n}");
                let order = order(&name);
                engine.store(&order, &entry(&order)).await.unwrap();
                let (id, now) = (CommandId::new(&order.key, &step("invoice")), order.first_seen);
                let until = now + Duration::from_secs(1_000_000_000);
                engine.claim(&id, &Owner(name.clone()), now, until).await.unwrap();
                let asked = CommandId::new(&order.key, &step("customer"));
                let first = engine.claim(&asked, &Owner(name.clone()), now, until).await.unwrap();
                assert_eq!(first, Claim::First);
                engine.send(EVENTS, vec![Outgoing::now(name.clone())]).await.unwrap();
                // Taken, and neither deleted nor put off: it must be there again.
                engine.receive(EVENTS, 1, Duration::from_secs(1000), Duration::ZERO).await.unwrap();
                let mut out = std::io::stdout().lock();
                writeln!(out, "{name}").unwrap();
                out.flush().unwrap();
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.unwrap();
    }
}

/// Lets a child work for a moment, kills it, and answers what it had acknowledged.
fn killed_after(folder: &std::path::Path, millis: u64) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_child", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut told = Vec::new();
    while told.is_empty() {
        told.extend(lines.next().unwrap().ok().filter(|line| line.starts_with("laden/")));
    }
    std::thread::sleep(Duration::from_millis(millis));
    // SIGKILL: nothing of the child's own runs after this.
    child.kill().unwrap();
    child.wait().unwrap();
    told.extend(lines.map_while(Result::ok).filter(|line| line.starts_with("laden/")));
    // The last line may have been cut off in the middle.
    told.retain(|line| line.matches('-').count() == 2);
    told
}

/// The child that is killed; started by itself it does nothing.
#[test]
fn the_child() {
    #[expect(clippy::disallowed_methods, reason = "how the test tells its child where to work")]
    let folder = std::env::var(FOLDER);
    if let Ok(folder) = folder {
        work(&folder);
    }
}

#[tokio::test]
async fn everything_acknowledged_is_there_after_every_kill() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeSet::new();
    for round in 0..8 {
        let told = killed_after(dir.path(), 40 + 23 * round);
        assert!(!told.is_empty());
        acknowledged.extend(told);
        let engine = Engine::open(dir.path(), wall_clock()).unwrap();
        for name in &acknowledged {
            assert!(engine.load(&key(name)).await.unwrap().is_some(), "order {name} is gone");
        }
        let depth = engine.stats().remove(&EVENTS).unwrap();
        assert_eq!((depth.in_flight, depth.delayed), (0, 0), "what the dead process took is visible");
        assert!(depth.visible >= acknowledged.len(), "{} of {} messages", depth.visible, acknowledged.len());
    }
    let engine = Engine::open(dir.path(), wall_clock()).unwrap();
    let mut found = BTreeSet::new();
    loop {
        let taken = engine.receive(EVENTS, 100, Duration::from_secs(1000), Duration::ZERO).await.unwrap();
        if taken.is_empty() {
            break;
        }
        found.extend(taken.into_iter().map(|message| message.body));
    }
    assert!(
        acknowledged.is_subset(&found),
        "lost: {:?}",
        acknowledged.difference(&found).collect::<Vec<_>>()
    );
    let name = acknowledged.first().unwrap();
    let (id, now) = (CommandId::new(&key(name), &step("invoice")), order(name).first_seen);
    let claim =
        engine.claim(&id, &Owner("heir".to_owned()), now, now + Duration::from_secs(60)).await.unwrap();
    assert_eq!(claim, Claim::Unknown { attempts: 1 });
    let asked = CommandId::new(&key(name), &step("customer"));
    let claim =
        engine.claim(&asked, &Owner("heir".to_owned()), now, now + Duration::from_secs(60)).await.unwrap();
    assert_eq!(claim, Claim::Unknown { attempts: 0 }, "its claim was on no disk");
}
