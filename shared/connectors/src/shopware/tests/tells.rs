//! What the stand-in of a shop is told, and that nothing is told twice.

use kontor_domain::{LineId, PackedLine, Quantity};
use kontor_flow::ports::{Connector, Past};
use kontor_flow::storefront::FETCHED;
use kontor_flow::{Action, CallError, Event, Finish, Happened, Hint, Remedy, StepResult, System};
use kontor_sandbox::Switches;
use kontor_sandbox::shopware::Sandbox;
use serde_json::{Value, json};

use super::{order, shop, standing};
use crate::shop_testing::{NOW, Work, envelope, shipment, time};
use crate::shopware::{Shopware, read};

const OPEN: &str = "prepayment-open";

fn facts(name: &str) -> Vec<Happened> {
    let body = order(name).to_string();
    read(&shop("https://kaffee.example.test"), &envelope(FETCHED, body.as_bytes())).unwrap()
}

fn id(name: &str) -> String {
    order(name)["id"].as_str().unwrap().to_owned()
}

fn work(name: &str, action: Action) -> Work {
    Work::new(action, Some("S-1"), &facts(name)).knowing(shipment("S-1", &["00340434"]))
}

/// A shipment with so many pieces of the order's nth line.
fn packed(name: &str, id: &str, tracking: &[&str], line: usize, pieces: i64) -> Event {
    let Event::Shipped(mut parcel) = shipment(id, tracking) else { panic!("no shipment") };
    let line = order(name)["lineItems"][line]["id"].as_str().unwrap().to_owned();
    let quantity = Quantity::new(pieces.into()).unwrap();
    parcel.lines = vec![PackedLine { line: Some(LineId::parse(&line).unwrap()), sku: None, quantity }];
    Event::Shipped(parcel)
}

async fn done(connector: &Shopware, work: &Work) -> Result<Finish, CallError> {
    connector.perform(work.job(Past::Unknown)).await
}

fn state(sandbox: &Sandbox, name: &str, pointer: &str) -> Value {
    sandbox.state().order(&id(name)).unwrap().pointer(pointer).unwrap().clone()
}

fn turned(sandbox: &Sandbox, name: &str) -> Vec<String> {
    sandbox.state().report().turned.get(&id(name)).cloned().unwrap_or_default()
}

#[tokio::test]
async fn a_payment_is_told_once_and_verified() {
    let (sandbox, connector) = standing(&[OPEN]).await;
    let work = work(OPEN, Action::ShopPaid);
    let finish = done(&connector, &work).await.unwrap();
    // Token, look, change, look.
    assert_eq!((finish.result, finish.calls), (StepResult::Told, 4));
    let again = done(&connector, &work).await.unwrap();
    assert_eq!((again.result, again.calls), (StepResult::Told, 1));
    assert_eq!(turned(&sandbox, OPEN), ["order_transaction/paid"]);
}

#[tokio::test]
async fn a_payment_that_the_shop_does_not_take_is_told_clearly() {
    let (sandbox, connector) = standing(&[OPEN]).await;
    assert!(sandbox.state().turn(&id(OPEN), "order_transaction", "remind"));
    let error = done(&connector, &work(OPEN, Action::ShopPaid)).await.unwrap_err();
    assert_eq!(error.remedy(), Remedy::Park);
    insta::assert_snapshot!(error, @"Shopware refused POST /_action/order_transaction/{id}/state/paid with status 400: SYSTEM__ILLEGAL_STATE_TRANSITION: the state in the shop does not allow it, only authorize; a person has to look there");
    assert!(sandbox.state().turn(&id(OPEN), "order", "cancel"));
    let error = done(&connector, &work(OPEN, Action::ShopPaid)).await.unwrap_err();
    insta::assert_snapshot!(error, @"Shopware refused POST /search/order with status 200: not_payable: the order is cancelled in the shop");
    assert!(sandbox.state().delete(&id(OPEN)));
    let error = done(&connector, &work(OPEN, Action::ShopPaid)).await.unwrap_err();
    insta::assert_snapshot!(error, @"Shopware refused POST /search/order with status 200: not_found: the shop has no such order");
}

#[tokio::test]
async fn numbers_are_there_before_the_state_changes() {
    let (sandbox, connector) = standing(&[OPEN]).await;
    let work = work(OPEN, Action::ShopShipment);
    done(&connector, &work).await.unwrap();
    assert_eq!(turned(&sandbox, OPEN), ["order_delivery/ship", "order/process"]);
    assert_eq!(state(&sandbox, OPEN, "/deliveries/0/trackingCodes"), json!(["00340434"]));
    let calls = sandbox.state().report().calls;
    done(&connector, &work).await.unwrap();
    let mut after = sandbox.state().report().calls;
    *after.get_mut("search/order").unwrap() -= 1;
    assert_eq!(after, calls, "the second time is one look");
}

#[tokio::test]
async fn a_parcel_that_follows_adds_its_number() {
    let (sandbox, connector) = standing(&[OPEN]).await;
    let first = work(OPEN, Action::ShopShipment);
    done(&connector, &first).await.unwrap();
    let second =
        Work::new(Action::ShopShipment, Some("S-2"), &facts(OPEN)).knowing(shipment("S-2", &["00340435"]));
    done(&connector, &second).await.unwrap();
    assert_eq!(state(&sandbox, OPEN, "/deliveries/0/trackingCodes"), json!(["00340434", "00340435"]));
    assert_eq!(sandbox.state().report().doubled_tracking, [""; 0]);
    assert_eq!(turned(&sandbox, OPEN), ["order_delivery/ship", "order/process"]);
}

#[tokio::test]
async fn an_order_is_shipped_when_all_of_it_has_left() {
    let name = "prepaid-promotion";
    let (sandbox, connector) = standing(&[name]).await;
    let known = [
        packed(name, "S-1", &["1"], 0, 2),
        packed(name, "S-2", &["2"], 1, 1),
        packed(name, "S-3", &["3"], 1, 2),
    ];
    let expected = [
        vec!["order_delivery/ship_partially", "order/process"],
        vec!["order_delivery/ship_partially", "order/process"],
        vec!["order_delivery/ship_partially", "order/process", "order_delivery/ship"],
    ];
    for (n, expected) in expected.into_iter().enumerate() {
        let item = format!("S-{}", n + 1);
        let so_far = known.iter().take(n + 1).cloned();
        let work = so_far.fold(Work::new(Action::ShopShipment, Some(&item), &facts(name)), Work::knowing);
        done(&connector, &work).await.unwrap();
        assert_eq!(turned(&sandbox, name), expected, "after {item}");
    }
    assert_eq!(state(&sandbox, name, "/deliveries/0/trackingCodes"), json!(["1", "2", "3"]));
}

#[tokio::test]
async fn the_discount_on_carriage_is_not_shipped() {
    let name = "sets-free-shipping";
    let (sandbox, connector) = standing(&[name]).await;
    done(&connector, &work(name, Action::ShopShipment)).await.unwrap();
    assert_eq!(turned(&sandbox, name), ["order_delivery/ship", "order/process"]);
    assert_eq!(state(&sandbox, name, "/deliveries/1/stateMachineState/technicalName"), json!("open"));
}

#[tokio::test]
async fn a_parcel_for_a_cancelled_order_is_a_persons_matter() {
    let (sandbox, connector) = standing(&[OPEN]).await;
    assert!(sandbox.state().turn(&id(OPEN), "order", "cancel"));
    let error = done(&connector, &work(OPEN, Action::ShopShipment)).await.unwrap_err();
    assert!(matches!(error, CallError::Unmapped { .. }), "{error}");
    assert_eq!(sandbox.state().report().told.len(), 0);
}

#[tokio::test]
async fn an_order_is_cancelled_once_and_not_behind_a_persons_back() {
    let (sandbox, connector) = standing(&[OPEN, "prepaid-promotion"]).await;
    let cancel = work(OPEN, Action::ShopCancel);
    let outcome = |finish: Finish| {
        if let StepResult::Cancelled { outcome } = finish.result { outcome } else { String::new() }
    };
    assert_eq!(outcome(done(&connector, &cancel).await.unwrap()), "cancelled");
    assert_eq!(outcome(done(&connector, &cancel).await.unwrap()), "cancelled already");
    assert_eq!(turned(&sandbox, OPEN), ["order/cancel"]);
    let error = done(&connector, &work("prepaid-promotion", Action::ShopCancel)).await.unwrap_err();
    insta::assert_snapshot!(error, @"Shopware refused POST /search/order with status 200: not_cancellable: the order was paid, shipped or completed in the shop meanwhile");
    assert!(sandbox.state().delete(&id(OPEN)));
    assert_eq!(outcome(done(&connector, &cancel).await.unwrap()), "not there");
}

#[tokio::test]
async fn an_answer_that_is_lost_is_no_second_deed() {
    let (sandbox, connector) = standing(&[OPEN]).await;
    let lost = Switches { work_but_never_answer_per_mille: 1_000, ..Switches::default() };
    for action in [Action::ShopPaid, Action::ShopShipment] {
        sandbox.state().switch(lost);
        let error = done(&connector, &work(OPEN, action)).await.unwrap_err();
        assert!(matches!(error.remedy(), Remedy::Reconcile { .. }), "{error}");
        sandbox.state().switch(Switches::default());
        done(&connector, &work(OPEN, action)).await.unwrap();
    }
    assert_eq!(turned(&sandbox, OPEN), ["order_transaction/paid", "order_delivery/ship", "order/process"]);
    assert_eq!(sandbox.state().report().doubled_tracking, [""; 0]);
}

#[tokio::test]
async fn a_token_that_ends_between_two_calls_is_renewed() {
    let (sandbox, connector) = standing(&[OPEN]).await;
    done(&connector, &work(OPEN, Action::ShopPaid)).await.unwrap();
    sandbox.state().end_tokens();
    done(&connector, &work(OPEN, Action::ShopShipment)).await.unwrap();
    assert_eq!(sandbox.state().report().calls["oauth/token"], 2);
    assert_eq!(sandbox.state().report().shipped, 1);
}

#[tokio::test]
async fn missing_rights_are_an_alarm() {
    let (sandbox, connector) = standing(&[OPEN]).await;
    sandbox.state().take_away("order_delivery:update");
    let error = done(&connector, &work(OPEN, Action::ShopShipment)).await.unwrap_err();
    assert_eq!(error.remedy(), Remedy::Alarm);
}

#[tokio::test]
async fn nothing_is_looked_up_and_no_other_work_is_done() {
    let (_sandbox, connector) = standing(&[OPEN]).await;
    let hint = Hint { system: System::Shopware, entity: "order".to_owned(), id: "1".to_owned() };
    assert!(connector.look_up(&hint, time(NOW)).await.is_err());
    assert!(matches!(
        done(&connector, &work(OPEN, Action::ErpInvoice)).await,
        Err(CallError::Unmapped { .. })
    ));
}
