//! An ERP that is half there: it takes requests and never answers, answers half, too much, too slowly, or nonsense; and a
//! shop that does so while others are well.

use std::time::Duration;

use kontor_sandbox::traffic::WOO_B2B;

use super::accounts::compare;
use super::desk::{Desk, stands};
use super::dice::Dice;
use super::ledger::{Shops, parcel};
use super::proxy::{Manner, Mood, Proxy};
use crate::house::{SECRET, Urls};

/// How long the bad manners last in the test command.
const USUAL: Duration = Duration::from_secs(10);
/// What the process may take at most, in MiB. It is at about a fifth of it without endless answers.
const MEMORY: u64 = 600;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erp_with_every_bad_manner() {
    let mut dice = Dice::thrown_for("half open");
    let stands = stands().await;
    let erp = Proxy::start(&stands.erp.url, &mut dice).await;
    let mut desk = Desk::new(&stands, &Urls { erp: erp.url.clone(), ..Urls::of(&stands) });
    desk.begin();
    desk.ready().await;
    let shops = Shops::open(&stands, &desk.url, &mut dice, 3, Duration::from_millis(100));
    tokio::time::sleep(Duration::from_secs(1)).await;
    erp.behave(Mood { percent: 30, manners: Manner::BAD.to_vec() });
    tokio::time::sleep(super::chaos_for(USUAL)).await;

    // Whoever works for it reads as much as it will take, all at the same time.
    erp.behave(Mood { percent: 100, manners: vec![Manner::Endless] });
    tokio::time::sleep(Duration::from_secs(1)).await;

    // Now nothing of the ERP answers at all; whoever works for it is stuck. Orders are taken all the same.
    erp.behave(Mood { percent: 100, manners: vec![Manner::Silent] });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = shops.ledger.taken();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(shops.ledger.taken() > before, "orders are taken while the ERP hangs");
    assert!(erp.bad() > 20, "only {} requests were treated badly", erp.bad());

    erp.behave(Mood::good());
    erp.hang_up();
    let ledger = shops.close().await;
    assert_eq!(ledger.answered(503), 0, "the shops never had to send again");
    desk.quiet(&stands, &ledger).await;
    let memory = desk.most_memory();
    eprintln!("chaos, half open: {} requests treated badly, {memory} MiB at most", erp.bad());
    assert!(memory < MEMORY, "{memory} MiB");
    compare("half open", &ledger, &stands, &desk);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_that_hangs_holds_up_no_other() {
    let mut dice = Dice::thrown_for("hanging shop");
    let stands = stands().await;
    let buero = Proxy::start(&stands.office.url, &mut dice).await;
    buero.behave(Mood { percent: 100, manners: vec![Manner::Silent] });
    let mut desk = Desk::new(&stands, &Urls { buero: buero.url.clone(), ..Urls::of(&stands) });
    desk.begin();
    desk.ready().await;
    let client = reqwest::Client::new();
    // More orders of the shop that hangs than there are places to work in.
    for number in 1_000_001..=1_000_060_u64 {
        let parcel = WOO_B2B.parcel("buero", number, &format!("einkauf{}@example.test", number % 7)).unwrap();
        stands.place(&parcel);
        assert_eq!(parcel.send(&client, &desk.url, SECRET).await.unwrap(), 200);
    }
    let stuck = async {
        while buero.open() < 8 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), stuck).await.expect("the shop is spoken to");
    tokio::time::sleep(Duration::from_secs(2)).await;

    for number in 1..=20 {
        let parcel = parcel("kaffee", number);
        stands.place(&parcel);
        assert_eq!(parcel.send(&client, &desk.url, SECRET).await.unwrap(), 200);
    }
    let others = async {
        while desk.completed("kaffee") < 20 {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    // Calls that hang end after a minute; the other shop's must not have waited for that.
    let told = tokio::time::timeout(Duration::from_secs(40), others).await;
    assert!(told.is_ok(), "{} of 20 orders of the other shop are through", desk.completed("kaffee"));
    assert_eq!(desk.completed("buero"), 0, "the shop that hangs still does");

    buero.behave(Mood::good());
    buero.hang_up();
    desk.quiet_with(&stands, 80).await;
    let report = stands.erp.report();
    assert_eq!((report.sales_orders.len(), report.shipments.len(), report.invoices.len()), (80, 80, 80));
    assert_eq!(report.doubled, []);
    for (shop, orders) in [(&stands.woocommerce, 20), (&stands.office, 60)] {
        let told = shop.state().report().told;
        assert!(told.len() == orders && told.values().all(|times| *times == 1), "{told:?}");
    }
}
