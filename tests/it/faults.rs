//! Stories of what goes wrong: killed in the middle, an ERP that is away, one that works and never answers, fifty at once.

use std::collections::BTreeSet;
use std::time::Duration;

use kontor_sandbox::traffic::{Parcel, WOO_PREPAID};
use kontor_sandbox::weclapp::{Report, Switches};

use crate::house::{House, Stands};

/// Senders at once.
const SENDERS: usize = 32;

fn burst(from: u64, count: u64, stands: &Stands) -> Vec<Parcel> {
    let parcel = |number| {
        WOO_PREPAID.parcel("kaffee", number, &format!("customer{}@example.test", number % 97)).unwrap()
    };
    let parcels: Vec<Parcel> = (from..from + count).map(parcel).collect();
    parcels.iter().for_each(|parcel| stands.place(parcel));
    parcels
}

/// Sends all of them at once and answers those that were answered with 200; what was not, the shop will send again.
async fn send_all(client: &reqwest::Client, url: &str, parcels: &[Parcel]) -> (Vec<Parcel>, Vec<Parcel>) {
    let places = std::sync::Arc::new(tokio::sync::Semaphore::new(SENDERS));
    let mut tasks = tokio::task::JoinSet::new();
    for parcel in parcels.iter().cloned() {
        let (places, client, url) = (places.clone(), client.clone(), url.to_owned());
        tasks.spawn(async move {
            let place = places.acquire_owned().await.unwrap();
            let status = parcel.send(&client, &url, crate::house::SECRET).await.ok();
            drop(place);
            (status == Some(200), parcel)
        });
    }
    let done = tasks.join_all().await;
    let (taken, lost): (Vec<_>, Vec<_>) = done.into_iter().partition(|(taken, _)| *taken);
    (taken.into_iter().map(|(_, p)| p).collect(), lost.into_iter().map(|(_, p)| p).collect())
}

/// Every order has exactly one sales order, one shipment and one invoice, and there is nothing else.
fn exactly_one_of_each(report: &Report, numbers: impl Iterator<Item = u64>) {
    let expected: BTreeSet<String> = numbers.map(|number| format!("kaffee/{number}")).collect();
    for (kind, documents) in [
        ("sales order", &report.sales_orders),
        ("shipment", &report.shipments),
        ("invoice", &report.invoices),
    ] {
        let keys: Vec<String> = documents.iter().map(|d| d.order_key.clone().unwrap_or_default()).collect();
        let once: BTreeSet<String> = keys.iter().cloned().collect();
        assert_eq!(keys.len(), once.len(), "a {kind} is there twice");
        let missing: Vec<_> = expected.difference(&once).take(5).collect();
        assert!(missing.is_empty(), "no {kind} for {missing:?}");
        let extra: Vec<_> = once.difference(&expected).take(5).collect();
        assert!(extra.is_empty(), "a {kind} that nobody ordered: {extra:?}");
    }
    assert!(report.doubled.is_empty(), "doubled: {:?}", report.doubled);
    assert_eq!(report.unpaid_shipments, 0);
    assert_eq!(report.contract_violations, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_three_times_in_a_burst_of_500_orders() {
    let stands = Stands::start().await;
    let mut house = House::start(&stands);
    let mut waiting = burst(1, 500, &stands);
    for kill in 0..3_u64 {
        // A third each time; the process dies in the middle of it, and the shop sends what was not answered again.
        let part: Vec<Parcel> = waiting.drain(..waiting.len().min(170)).collect();
        let (client, url) = (house.client.clone(), house.url.clone());
        let sending = send_all(&client, &url, &part);
        let killing = tokio::time::sleep(Duration::from_millis(120 + 90 * kill));
        tokio::pin!(sending);
        let lost = tokio::select! {
            (_, lost) = &mut sending => { house.kill(); lost }
            () = killing => { house.kill(); sending.await.1 }
        };
        waiting.extend(lost);
        house.begin();
    }
    let (taken, lost) = send_all(&house.client, &house.url, &waiting).await;
    assert!(lost.is_empty() && taken.len() == waiting.len(), "{} deliveries were not taken", lost.len());
    house.wait("completed", 500, Duration::from_secs(240)).await;
    exactly_one_of_each(&stands.erp.report(), 1..=500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_erp_is_away_for_thirty_seconds() {
    let stands = Stands::start().await;
    let house = House::start(&stands);
    let parcels = burst(1, 200, &stands);
    let (first, second) = parcels.split_at(80);
    assert!(send_all(&house.client, &house.url, first).await.1.is_empty());
    stands.erp.state().switch(Switches { outage_seconds: 30, ..Switches::default() });
    assert!(
        send_all(&house.client, &house.url, second).await.1.is_empty(),
        "orders are taken while the ERP is away"
    );
    house.wait("completed", 200, Duration::from_secs(240)).await;
    exactly_one_of_each(&stands.erp.report(), 1..=200);
    assert_eq!(house.ask(&["failures", "list", "--state", "all"]).as_array().unwrap().len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_erp_does_the_work_and_never_answers() {
    let stands = Stands::start().await;
    let house = House::start(&stands);
    stands.erp.state().switch(Switches {
        work_but_never_answer_per_mille: 200,
        never_answer_after_ms: 300,
        ..Switches::default()
    });
    let parcels = burst(1, 200, &stands);
    assert!(send_all(&house.client, &house.url, &parcels).await.1.is_empty());
    house.wait("completed", 200, Duration::from_secs(240)).await;
    let report = stands.erp.report();
    assert!(report.faults > 50, "only {} answers were lost", report.faults);
    exactly_one_of_each(&report, 1..=200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_delivery_fifty_times_at_once() {
    let stands = Stands::start().await;
    let house = House::start(&stands);
    let parcel = WOO_PREPAID.parcel("kaffee", 1, "erika@example.test").unwrap();
    stands.place(&parcel);
    let (taken, lost) = send_all(&house.client, &house.url, &vec![parcel; 50]).await;
    assert_eq!((taken.len(), lost.len()), (50, 0));
    house.wait("completed", 1, Duration::from_secs(240)).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let report = stands.erp.report();
    exactly_one_of_each(&report, 1..=1);
    for (call, count) in report.calls.iter().filter(|(call, _)| call.starts_with("POST")) {
        assert_eq!(*count, 1, "{call} was called {count} times");
    }
    let order = house.ask(&["orders", "show", "kaffee/1"]);
    let placed: Vec<_> =
        order[1].as_array().unwrap().iter().filter(|entry| entry["cause"]["delivery"].is_object()).collect();
    assert_eq!(placed.len(), 1, "fifty deliveries are one change: {placed:#?}");
}
