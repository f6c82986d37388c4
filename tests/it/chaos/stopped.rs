//! Stopped (SIGSTOP) under load, while everybody it talked to hangs up; then let go on (SIGCONT).

use std::time::Duration;

use super::accounts::compare;
use super::desk::{Desk, stands};
use super::dice::Dice;
use super::ledger::Shops;
use super::proxy::Proxy;
use crate::house::Urls;

/// How long it is stopped in the test command, and by hand.
const USUAL: Duration = Duration::from_secs(6);
const LONG: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_while_its_peers_hang_up() {
    let mut dice = Dice::thrown_for("stop");
    let stands = stands().await;
    let lines = [
        Proxy::start(&stands.erp.url, &mut dice).await,
        Proxy::start(&stands.woocommerce.url, &mut dice).await,
        Proxy::start(&stands.shopify.url, &mut dice).await,
    ];
    let [erp, woocommerce, shopify] = [0, 1, 2].map(|at: usize| lines[at].url.clone());
    let mut desk =
        Desk::new(&stands, &Urls { erp, kaffee: woocommerce, schnee: shopify, ..Urls::of(&stands) });
    desk.begin();
    desk.ready().await;
    let shops = Shops::open(&stands, &desk.url, &mut dice, 4, Duration::from_millis(60));
    tokio::time::sleep(dice.millis(1_500, 2_500)).await;
    let stop = if super::minutes().is_some() { LONG } else { USUAL };
    for _ in 0..2 {
        let open: u64 = lines.iter().map(Proxy::open).sum();
        assert!(open > 0, "it has connections that can be ended");
        desk.signal("STOP");
        // Those who are idle hang up after a few seconds; its own end learns of it when it goes on.
        tokio::time::sleep(stop / 2).await;
        lines.iter().for_each(Proxy::hang_up);
        tokio::time::sleep(stop / 2).await;
        desk.signal("CONT");
        tokio::time::sleep(dice.millis(800, 1_500)).await;
    }
    assert!(shops.ledger.answered(0) > 0, "nobody waited for an answer in vain");
    let ledger = shops.close().await;
    desk.quiet(&stands, &ledger).await;
    compare("stop", &ledger, &stands, &desk);
}
