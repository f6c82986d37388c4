//! Killed at random moments, under load: in the middle of work, in the first milliseconds, on the way out.

use std::time::Duration;

use tokio::time::Instant;

use super::accounts::compare;
use super::desk::{Desk, stands};
use super::dice::Dice;
use super::ledger::Shops;
use crate::house::Urls;

/// How long the killing lasts in the test command.
const USUAL: Duration = Duration::from_secs(15);

#[derive(Default, Debug)]
struct Kills {
    at_work: u32,
    starting: u32,
    leaving: u32,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_random_moments_under_load() {
    let mut dice = Dice::thrown_for("kills");
    let stands = stands().await;
    let mut desk = Desk::new(&stands, &Urls::of(&stands));
    desk.begin();
    desk.ready().await;
    let shops = Shops::open(&stands, &desk.url, &mut dice, 4, Duration::from_millis(80));
    let (end, mut kills) = (Instant::now() + super::chaos_for(USUAL), Kills::default());
    for round in 0_u32.. {
        if Instant::now() >= end {
            break;
        }
        match round % 4 {
            0 => {
                // Before it can be ready, or just then.
                tokio::time::sleep(dice.millis(100, 1_000)).await;
                desk.kill();
                desk.begin();
                tokio::time::sleep(dice.millis(0, 60)).await;
                kills.starting += 1;
            }
            1 => {
                tokio::time::sleep(dice.millis(100, 1_000)).await;
                desk.signal("TERM");
                tokio::time::sleep(dice.millis(0, 300)).await;
                kills.leaving += 1;
            }
            _ => {
                tokio::time::sleep(dice.millis(100, 2_000)).await;
                kills.at_work += 1;
            }
        }
        desk.kill();
        desk.begin();
    }
    desk.ready().await;
    let ledger = shops.close().await;
    desk.quiet(&stands, &ledger).await;
    // Whoever is at work in a dozen deaths of the process counts as their cause, guilty or not, and is parked. That
    // takes many more kills than the test command has time for; a person then has it worked off again.
    let parked = desk.replay_crashes();
    eprintln!("chaos, kills: {kills:?}; {parked} messages were parked for them and replayed");
    assert!(parked == 0 || super::minutes().is_some(), "{parked} messages were parked");
    desk.quiet(&stands, &ledger).await;
    compare("kills", &ledger, &stands, &desk);
    desk.signal("TERM");
    assert!(desk.ended().await, "told to end, it finishes what it has begun, and ends well");
}
