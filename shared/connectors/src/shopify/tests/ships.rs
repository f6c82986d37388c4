//! Shipments told to the stand-in: from several places, in several parcels, with answers that never come.

use std::time::Duration;

use kontor_domain::{LineId, PackedLine, Quantity, Shipment, ShipmentId, Sku, TrackingNumber};
use kontor_flow::ports::{Connector as _, Past};
use kontor_flow::{Action, CallError, Event, Finish, Happened, Remedy, StepResult};
use kontor_sandbox::Switches;
use kontor_sandbox::shopify::{Sandbox, State};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::config::ShopKind;
use crate::shop_testing::{NOW, Work, client, envelope, fixture, secrets, shop, time};
use crate::shopify::packing::{self, Misfit, Place};
use crate::shopify::parcels::OpenLine;
use crate::shopify::{Shopify, read};

const ORDER: u64 = 9_007_199_254_740_995;
const CUP: u64 = 90_071_992_547_409_951;
const BEANS: u64 = 90_071_992_547_409_952;
const SHIRT: u64 = 90_071_992_547_409_953;

fn body() -> Value {
    serde_json::from_slice(&fixture("shopify/paid-discounts.json")).unwrap()
}

fn facts() -> Vec<Happened> {
    let shop = shop(ShopKind::Shopify, "https://kaffee.example.test");
    read(&shop, &envelope("orders/create", body().to_string().as_bytes())).unwrap()
}

async fn sandbox() -> Sandbox {
    let sandbox = Sandbox::start("127.0.0.1:0", State::new("key")).await.unwrap();
    assert!(sandbox.state().seed(&body()));
    sandbox
}

fn by_sku(sku: &str, pieces: u32) -> PackedLine {
    PackedLine {
        line: None,
        sku: Some(Sku::parse(sku).unwrap()),
        quantity: Quantity::new(pieces.into()).unwrap(),
    }
}

fn by_line(line: u64, pieces: u32) -> PackedLine {
    let line = Some(LineId::parse(&line.to_string()).unwrap());
    PackedLine { line, sku: None, quantity: Quantity::new(pieces.into()).unwrap() }
}

fn shipment(id: &str, tracking: &[&str], lines: Vec<PackedLine>) -> Event {
    Event::Shipped(Shipment {
        id: ShipmentId::parse(id).unwrap(),
        number: None,
        carrier: Some("dhl paket".to_owned()),
        tracking: tracking.iter().map(|number| TrackingNumber::parse(number).unwrap()).collect(),
        tracking_url: None,
        shipped_at: time(NOW),
        lines,
    })
}

async fn tell(sandbox: &Sandbox, event: &Event, past: Past) -> Result<Finish, CallError> {
    let Event::Shipped(shipped) = event else { panic!() };
    let work = Work::new(Action::ShopShipment, Some(shipped.id.as_str()), &facts()).knowing(event.clone());
    let shop = shop(ShopKind::Shopify, &sandbox.url);
    Shopify::new(&shop, &secrets(), client()).unwrap().perform(work.job(past)).await
}

/// What left the shop's books: tracking numbers, and pieces by line.
fn parcels(sandbox: &Sandbox) -> Vec<String> {
    let order = sandbox.state().order(ORDER).unwrap();
    let parcel = |parcel: &Value| {
        let items = parcel["line_items"].as_array().unwrap().iter();
        let items: Vec<String> =
            items.map(|item| format!("{}x{}", item["quantity"], item["id"].as_u64().unwrap() % 10)).collect();
        let numbers: Vec<&str> =
            parcel["tracking_numbers"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        format!(
            "{} {}: {}",
            parcel["tracking_company"].as_str().unwrap_or("-"),
            numbers.join("+"),
            items.join(" ")
        )
    };
    order["fulfillments"].as_array().unwrap().iter().map(parcel).collect()
}

#[test]
fn the_fixture_has_the_lines_these_tests_speak_of() {
    let items = body()["line_items"].as_array().unwrap().clone();
    let lines: Vec<_> =
        items.iter().map(|item| (item["id"].as_u64().unwrap(), item["quantity"].as_u64().unwrap())).collect();
    assert_eq!(lines, [(CUP, 2), (BEANS, 3), (SHIRT, 1)]);
}

#[tokio::test]
async fn an_order_ships_in_three_parcels_from_two_places() {
    let sandbox = sandbox().await;
    assert!(sandbox.state().split(ORDER, &[BEANS]));
    let first = shipment("S-1", &["A"], vec![by_sku("TASSE-01", 1), by_sku("BOHNE-1KG", 2)]);
    let told = tell(&sandbox, &first, Past::Clean).await.unwrap();
    assert_eq!((told.result, told.calls), (StepResult::Told, 3), "a look, and a call for each place");
    let second = shipment("S-2", &["B1", "B2"], vec![by_line(CUP, 1), by_line(SHIRT, 1)]);
    assert_eq!(tell(&sandbox, &second, Past::Clean).await.unwrap().calls, 2);
    let rest = shipment("S-3", &["C"], vec![]);
    assert_eq!(tell(&sandbox, &rest, Past::Clean).await.unwrap().calls, 2);
    let mut parcels = parcels(&sandbox);
    parcels.sort();
    assert_eq!(parcels, ["DHL A: 1x1", "DHL A: 2x2", "DHL B1+B2: 1x1 1x3", "DHL C: 1x2"]);
    assert_eq!(sandbox.state().order(ORDER).unwrap()["fulfillment_status"], "fulfilled");
    for again in [first, second, rest] {
        assert_eq!(tell(&sandbox, &again, Past::Unknown).await.unwrap().calls, 1, "the shop knows");
    }
    assert_eq!(sandbox.state().report().fulfillments, 4);
}

/// Tells the shipment again and again, as the engine would, with a shop that does what it is asked and says nothing.
async fn insist(sandbox: &Sandbox, event: &Event, silences: usize) -> StepResult {
    let mute = Switches { work_but_never_answer_per_mille: 1_000, ..Switches::default() };
    let mut past = Past::Clean;
    for attempt in 0.. {
        sandbox.state().switch(if attempt < silences { mute } else { Switches::default() });
        match tell(sandbox, event, past).await {
            Ok(finish) => return finish.result,
            Err(error) => assert!(matches!(error.remedy(), Remedy::Reconcile { .. }), "{error}"),
        }
        past = Past::Unknown;
    }
    unreachable!()
}

#[tokio::test]
async fn answers_that_never_come_double_nothing() {
    for (tracking, silences) in [(&["A"][..], 1), (&["A"], 2), (&[], 1), (&[], 2)] {
        let sandbox = sandbox().await;
        assert!(sandbox.state().split(ORDER, &[BEANS]));
        let part = shipment("S-1", tracking, vec![by_sku("TASSE-01", 1), by_sku("BOHNE-1KG", 2)]);
        assert_eq!(insist(&sandbox, &part, silences).await, StepResult::Told);
        let mut parcels: Vec<String> =
            parcels(&sandbox).iter().map(|parcel| parcel.split_once(": ").unwrap().1.to_owned()).collect();
        parcels.sort();
        assert_eq!(parcels, ["1x1", "2x2"], "{tracking:?} {silences}");
        let whole = shipment("S-2", &["B"], vec![]);
        assert_eq!(insist(&sandbox, &whole, 2).await, StepResult::Told);
        assert_eq!(sandbox.state().report().fulfillments, 4);
    }
}

#[tokio::test]
async fn a_line_the_shop_does_not_have_is_found_by_its_number_again_and_again() {
    let sandbox = sandbox().await;
    let foreign = PackedLine { line: Some(LineId::parse("4711").unwrap()), ..by_sku("BOHNE-1KG", 1) };
    let part = shipment("S-1", &["A"], vec![foreign]);
    assert_eq!(insist(&sandbox, &part, 2).await, StepResult::Told);
    assert_eq!(parcels(&sandbox), ["DHL A: 1x2"]);
}

#[tokio::test]
async fn shipments_without_numbers_are_told_apart() {
    let sandbox = sandbox().await;
    let first = shipment("S-1", &[], vec![by_sku("BOHNE-1KG", 1)]);
    let second = shipment("S-2", &[], vec![by_sku("BOHNE-1KG", 1)]);
    assert_eq!(insist(&sandbox, &first, 1).await, StepResult::Told);
    // The second was not told yet, but the first one was.
    let told = Event::Finished {
        step: "tell-shop/S-1".parse().unwrap(),
        finish: Finish { result: StepResult::Told, calls: 1 },
    };
    let work =
        Work::new(Action::ShopShipment, Some("S-2"), &facts()).knowing(first).knowing(second).knowing(told);
    let shop = shop(ShopKind::Shopify, &sandbox.url);
    let shopify = Shopify::new(&shop, &secrets(), client()).unwrap();
    shopify.perform(work.job(Past::Unknown)).await.unwrap();
    assert_eq!(parcels(&sandbox), ["- : 1x2", "- : 1x2"]);
    shopify.perform(work.job(Past::Unknown)).await.unwrap();
    assert_eq!(parcels(&sandbox).len(), 2);
}

#[tokio::test]
async fn an_article_the_order_does_not_have_is_for_a_person() {
    let sandbox = sandbox().await;
    let error =
        tell(&sandbox, &shipment("S-1", &["A"], vec![by_sku("SET-9", 1)]), Past::Clean).await.unwrap_err();
    assert_eq!(error.remedy(), Remedy::Park);
    insta::assert_snapshot!(error, @"Shopify cannot be told about the order: the parcel has an article in it (SET-9) that the order in the shop does not have: give both the same SKU and replay, or tell the shop of this parcel by hand and discard");
    assert_eq!(sandbox.state().report().fulfillments, 0);
}

#[tokio::test]
async fn what_was_withdrawn_is_not_shipped() {
    let sandbox = sandbox().await;
    let event = shipment("S-1", &["A"], vec![by_sku("TASSE-01", 1)]);
    assert_eq!(tell(&sandbox, &event, Past::Withdrawn).await.unwrap().result, StepResult::Withdrawn);
    tell(&sandbox, &event, Past::Clean).await.unwrap();
    assert_eq!(tell(&sandbox, &event, Past::Withdrawn).await.unwrap().result, StepResult::Told);
}

#[tokio::test]
async fn a_long_order_ships_its_last_line() {
    let mut order = body();
    let line = order["line_items"][0].clone();
    let lines = (1..=130_u64).map(|n| {
        let mut line = line.clone();
        (line["id"], line["sku"]) = (json!(n), json!(format!("SKU-{n}")));
        line
    });
    order["line_items"] = lines.collect();
    let sandbox = Sandbox::start("127.0.0.1:0", State::new("key")).await.unwrap();
    assert!(sandbox.state().seed(&order));
    let last = shipment("S-1", &["A"], vec![by_sku("SKU-130", 1)]);
    assert_eq!(
        tell(&sandbox, &last, Past::Clean).await.unwrap().calls,
        3,
        "the rest of the lines is looked for"
    );
    let all = (1..130).map(|n| by_sku(&format!("SKU-{n}"), 2)).collect();
    tell(&sandbox, &shipment("S-2", &["B"], all), Past::Clean).await.unwrap();
    let all: Vec<PackedLine> = (1..130).map(|n| by_sku(&format!("SKU-{n}"), 2)).collect();
    tell(&sandbox, &shipment("S-2", &["B"], all), Past::Unknown).await.unwrap();
    assert_eq!(sandbox.state().report().fulfillments, 2);
}

#[tokio::test]
async fn a_cancellation_without_an_answer_is_looked_for() {
    let sandbox = sandbox().await;
    let shop = shop(ShopKind::Shopify, &sandbox.url);
    let shopify = Shopify::new(&shop, &secrets(), client()).unwrap();
    let work = Work::new(Action::ShopCancel, None, &facts());
    sandbox.state().switch(Switches {
        work_but_never_answer_per_mille: 1_000,
        never_answer_after_ms: 10,
        ..Switches::default()
    });
    let error = shopify.perform(work.job(Past::Clean)).await.unwrap_err();
    assert!(matches!(error.remedy(), Remedy::Reconcile { .. }), "{error}");
    let finish = shopify.perform(work.job(Past::Unknown)).await.unwrap();
    assert_eq!(finish.result, StepResult::Cancelled { outcome: "cancelled already".to_owned() });
    assert_eq!(sandbox.state().report().calls["orderCancel"], 1);
}

fn place(n: usize, is_open: bool, is_held: bool, lines: &[(u64, u64)]) -> Place {
    let lines = lines.iter().enumerate().map(|(at, (article, remaining))| OpenLine {
        id: format!("gid://shopify/FulfillmentOrderLineItem/{n}{at}"),
        remaining_quantity: *remaining,
        sku: Some(format!("SKU-{article}")),
        line_item: crate::shopify::node::ById { id: format!("gid://shopify/LineItem/{article}") },
    });
    let id = format!("gid://shopify/FulfillmentOrder/{n}");
    Place { id, location: format!("gid://shopify/Location/{n}"), is_open, is_held, lines: lines.collect() }
}

proptest! {
    /// Never more than is open, never more than is wanted, and all that is wanted if it is open.
    #[test]
    fn a_packing_takes_what_is_wanted_and_open(
        stock in proptest::collection::vec(proptest::collection::vec((0_u64..4, 0_u64..5), 1..5), 1..4),
        wanted in proptest::collection::vec((0_u64..4, 1_u32..6, any::<bool>()), 1..5),
    ) {
        let places: Vec<Place> = stock.iter().enumerate().map(|(n, lines)| place(n, true, false, lines)).collect();
        let packed: Vec<PackedLine> = wanted
            .iter()
            .map(|(article, pieces, sku)| if *sku { by_sku(&format!("SKU-{article}"), *pieces) } else { by_line(*article, *pieces) })
            .collect();
        let known = |article: u64| stock.iter().flatten().any(|(one, _)| *one == article);
        let packing = packing::pack(&packed, &[], &places);
        if !wanted.iter().all(|(article, ..)| known(*article)) {
            prop_assert!(matches!(packing, Err(Misfit::Unknown(_))));
            return Ok(());
        }
        let packing = packing.unwrap();
        let taken: Vec<_> = packing.values().flatten().flat_map(|part| &part.fulfillment_order_line_items).collect();
        for article in 0..4_u64 {
            let lines: Vec<&OpenLine> = places.iter().flat_map(|place| &place.lines).filter(|line| line.sku == Some(format!("SKU-{article}"))).collect();
            let open: u64 = lines.iter().map(|line| line.remaining_quantity).sum();
            let wants: u64 = wanted.iter().filter(|(one, ..)| *one == article).map(|(_, pieces, _)| u64::from(*pieces)).sum();
            let got: u64 = taken.iter().filter(|take| lines.iter().any(|line| line.id == take.id)).map(|take| take.quantity).sum();
            prop_assert_eq!(got, open.min(wants));
        }
    }
}

#[test]
fn one_place_that_has_everything_goes_before_two() {
    let places = [place(0, true, false, &[(1, 1)]), place(1, true, false, &[(1, 1), (2, 1)])];
    let packing = packing::pack(&[by_sku("SKU-1", 1), by_sku("SKU-2", 1)], &[], &places).unwrap();
    assert_eq!(packing.keys().collect::<Vec<_>>(), [&"gid://shopify/Location/1"]);
    let held = [place(0, false, true, &[(1, 1)])];
    assert_eq!(packing::pack(&[by_sku("SKU-1", 1)], &[], &held), Err(Misfit::Held));
    let half = PackedLine { quantity: Quantity::new("0.5".parse().unwrap()).unwrap(), ..by_sku("SKU-1", 1) };
    assert_eq!(packing::pack(&[half], &[], &places), Err(Misfit::Fraction));
}

#[tokio::test]
async fn the_bucket_of_a_command_is_minded() {
    let sandbox = sandbox().await;
    sandbox.state().limit(10, 5);
    let error = tell(&sandbox, &shipment("S-1", &["A"], vec![]), Past::Clean).await.unwrap_err();
    let Remedy::Retry { after: Some(after) } = error.remedy() else { panic!("{error}") };
    assert!(after >= Duration::from_secs(1), "{after:?}");
}
