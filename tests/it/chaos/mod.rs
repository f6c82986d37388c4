//! Chaos on the whole process: killed at random moments, its disk full, stopped for minutes, an ERP with bad manners.
//!
//! Senders outside Kontor write down what was answered with 2xx, as a shop does, and send again what was not. When it is
//! over and all is quiet, their ledger is compared with what came out, order by order.
//!
//! `KONTOR_CHAOS_MINUTES=5` makes every story that long, `KONTOR_CHAOS_SEED=7` repeats its moments.

mod accounts;
mod desk;
mod dice;
mod disk;
mod half_open;
mod killed;
mod ledger;
mod proxy;
mod stopped;

use std::time::Duration;

/// How long the chaos lasts: `usual` in the test command, as many minutes as the environment says by hand.
fn chaos_for(usual: Duration) -> Duration {
    minutes().map_or(usual, |minutes| Duration::from_secs(minutes * 60))
}

/// The minutes of a long run, if this is one.
fn minutes() -> Option<u64> {
    variable("KONTOR_CHAOS_MINUTES")
}

fn variable(name: &str) -> Option<u64> {
    #[expect(clippy::disallowed_methods, reason = "how a long run is asked for")]
    let value = std::env::var(name).ok()?;
    Some(value.parse().expect("a number"))
}
