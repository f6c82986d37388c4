//! What a WooCommerce shop is asked and told, against its stand-in: nothing is lost while it goes on working, nothing is told
//! twice.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that can't go on is to fail loudly"
)]

use std::collections::BTreeMap;

use jiff::{Timestamp, ToSpan as _};
use kontor_connectors::config::ShopConfig;
use kontor_connectors::http::{ClientOptions, client};
use kontor_connectors::woocommerce::{WooCommerce, read};
use kontor_connectors::{SecretBook, SecretRef};
use kontor_domain::{LineId, OrderLife, PackedLine, Quantity, Shipment, ShopOrderId, TrackingNumber};
use kontor_flow::apply::apply;
use kontor_flow::ports::{Connector, Job, Past, Storefront};
use kontor_flow::storefront::{Sighting, Window};
use kontor_flow::{
    Action, CallError, Command, Envelope, Event, EventRecord, Facts, Order, Payload, Remedy, StepKey,
    StepResult,
};
use kontor_sandbox::traffic::WOO_PREPAID;
use kontor_sandbox::woocommerce::{RefundedLine, Sandbox, State, Tracking};
use kontor_sandbox::{Switches, traffic};
use kontor_testkit::order::step;
use secrecy::SecretString;
use serde_json::{Value, json};

const HERE: &str = "http://127.0.0.1:9/webhooks/woocommerce/kaffee";

async fn sandbox() -> Sandbox {
    Sandbox::start("127.0.0.1:0", State::new("key", "secret")).await.unwrap()
}

fn config(url: &str) -> ShopConfig {
    serde_json::from_value(json!({
        "id": "kaffee", "kind": "woocommerce", "url": url, "flow": "standard", "webhook_secrets": ["env:HOOK"],
        "api": {"key": "env:KEY", "secret": "env:SECRET"},
        "payments": {"bacs": "prepayment", "ppcp-gateway": "prepaid"},
    }))
    .unwrap()
}

fn connector_with(url: &str, values: &[(&str, &str)]) -> WooCommerce {
    let mut secrets = SecretBook::default();
    for (name, value) in values {
        secrets.insert(SecretRef::Env((*name).to_owned()), SecretString::from((*value).to_owned()));
    }
    WooCommerce::new(&config(url), &secrets, client(ClientOptions::default()).unwrap()).unwrap()
}

fn connector(url: &str) -> WooCommerce {
    connector_with(url, &[("KEY", "key"), ("SECRET", "secret"), ("HOOK", "hook1")])
}

#[expect(clippy::disallowed_methods, reason = "the stand-in has the time of this machine")]
fn now() -> Timestamp {
    Timestamp::now()
}

fn window() -> Window {
    Window { from: now() - 1.hour(), until: now() + 10.minutes() }
}

fn recorded(id: u64) -> Value {
    WOO_PREPAID.order(id, "erika@example.org").unwrap()
}

/// An order that was changed last at that second of this morning, in UTC.
fn modified(id: u64, at: &str) -> Value {
    let mut order = recorded(id);
    order["date_modified_gmt"] = json!(at);
    order
}

fn id_of(sighting: &Sighting) -> u64 {
    sighting.order.as_str().parse().unwrap()
}

fn facts_of(url: &str, envelopes: &[Envelope]) -> Facts {
    let mut facts = Facts::default();
    for envelope in envelopes {
        for record in read(&config(url), envelope).unwrap().into_iter().flat_map(|known| known.events) {
            apply(&mut facts, record);
        }
    }
    facts
}

#[tokio::test]
async fn what_no_webhook_told_is_found_and_reads_like_a_delivery() {
    let shop = sandbox().await;
    assert!(shop.state().place(&recorded(17)) && shop.state().place(&recorded(18)));
    assert!(shop.state().trash(18));
    let asked_at = now();
    let page = connector(&shop.url).changed(window(), None, asked_at).await.unwrap();
    assert_eq!(page.orders.iter().map(id_of).collect::<Vec<_>>(), [17], "what is in the bin is not listed");
    assert_eq!((page.next, page.pause), (None, None));
    let sighting = &page.orders[0];
    let events = read(&config(&shop.url), &sighting.envelope).unwrap().remove(0).events;
    assert!(events.iter().all(|record| record.as_of == sighting.as_of && record.seen == Some(asked_at)));
    assert!(matches!(&events[0].event, Event::Placed(order) if order.parts().number.as_str() == "17"));
    let one = connector(&shop.url).order(&sighting.order, asked_at).await.unwrap().unwrap();
    assert_eq!(one, *sighting, "a single order is the same as a listed one");
}

#[tokio::test]
async fn a_window_holds_both_its_ends() {
    let shop = sandbox().await;
    let times = ["05:59:59", "06:00:00", "06:00:01", "06:30:00", "06:30:01"];
    for (id, time) in (1..).zip(times) {
        assert!(shop.state().seed(&modified(id, &format!("2026-11-20T{time}"))));
    }
    let time = |text: &str| format!("2026-11-20T{text}Z").parse::<Timestamp>().unwrap();
    let connector = connector(&shop.url);
    for (from, until, expected) in [
        ("06:00:00", "06:30:00", vec![2, 3, 4]),
        // Whole seconds are told, so an order of 06:00:00 may be of any part of it.
        ("06:00:00.9", "06:30:00", vec![3, 4]),
        ("05:59:59", "06:00:00", vec![1, 2]),
        ("06:30:02", "07:00:00", vec![]),
    ] {
        let window = Window { from: time(from), until: time(until) };
        let page = connector.changed(window, None, now()).await.unwrap();
        assert_eq!(page.orders.iter().map(id_of).collect::<Vec<_>>(), expected, "{from} to {until}");
        assert_eq!(page.next, None);
    }
}

/// Reads a window to its end; between two pages the shop goes on working. Answers the newest revision seen of each order, and
/// how many pages it took.
async fn read_all(
    shop: &Sandbox,
    window: Window,
    mut between: impl FnMut(&State),
) -> (BTreeMap<u64, Timestamp>, usize) {
    let connector = connector(&shop.url);
    let (mut seen, mut next, mut pages) = (BTreeMap::new(), None::<String>, 0);
    loop {
        let page = connector.changed(window, next.as_deref(), now()).await.unwrap();
        for order in &page.orders {
            let newest = seen.entry(id_of(order)).or_insert(order.as_of);
            *newest = order.as_of.max(*newest);
        }
        pages += 1;
        assert!(pages < 100, "it does not come to an end");
        let Some(after) = page.next else { return (seen, pages) };
        next = Some(after);
        between(shop.state());
    }
}

/// Random enough, and the same every time.
fn scrambled(number: u64) -> u64 {
    let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 32
}

#[tokio::test]
async fn no_order_is_lost_while_others_are_changed() {
    // How many orders share a second: none, a few, more than a page holds, all.
    for crowd in [1, 7, 55, 1_000] {
        let shop = sandbox().await;
        for id in 1..=170_u64 {
            let second = (id - 1) / crowd;
            let at = format!("2026-11-20T06:{:02}:{:02}", second / 60, second % 60);
            assert!(shop.state().seed(&modified(id, &at)));
        }
        let window = Window { from: "2026-11-20T06:00:00Z".parse().unwrap(), until: now() + 10.minutes() };
        let mut turn = crowd;
        let (mut seen, pages) = read_all(&shop, window, |state| {
            for _ in 0..3 {
                turn += 1;
                assert!(state.edit(1 + scrambled(turn) % 170, &json!({"customer_note": "geändert"})));
            }
        })
        .await;
        assert!(pages > 4, "{pages} pages");
        // The next run begins with the newest revision this one has seen, if not before.
        let from = seen.values().max().copied().unwrap();
        seen.extend(read_all(&shop, Window { from, ..window }, |_| ()).await.0);
        let connector = connector(&shop.url);
        for id in 1..=170_u64 {
            let id_in_shop = ShopOrderId::parse(&id.to_string()).unwrap();
            let there = connector.order(&id_in_shop, now()).await.unwrap().unwrap();
            assert_eq!(seen.get(&id), Some(&there.as_of), "order {id}, {crowd} of a second");
        }
    }
}

#[tokio::test]
async fn a_long_list_of_refunds_is_fetched_a_few_orders_at_a_time() {
    let shop = sandbox().await;
    for id in 1..=30_u64 {
        assert!(shop.state().seed(&modified(id, &format!("2026-11-20T06:00:{id:02}"))));
        assert!(shop.state().refund(id, "1.00", &[], false).is_some());
        assert!(shop.state().edit(id, &json!({})));
        let at = format!("2026-11-20T06:00:{id:02}");
        assert!(shop.state().seed(&modified(id, &at)), "with the time it had");
    }
    let window = Window { from: "2026-11-20T06:00:00Z".parse().unwrap(), until: now() };
    let (seen, pages) = read_all(&shop, window, |_| ()).await;
    assert_eq!((seen.len(), pages), (30, 2));
    let calls = shop.state().report().calls;
    assert_eq!((calls["GET /orders"], calls["GET /orders/{id}/refunds"]), (2, 30));
}

#[tokio::test]
async fn a_refund_tells_what_it_is_for_in_whatever_order_it_is_heard() {
    let shop = sandbox().await;
    assert!(shop.state().place(&recorded(17)));
    let line = recorded(17)["line_items"][0]["id"].as_u64().unwrap();
    let back = RefundedLine { line, pieces: 1, total: "9.00", tax: "1.71" };
    let refund = shop.state().refund(17, "10.71", &[back], true).unwrap();
    let connector = connector(&shop.url);
    let id = ShopOrderId::parse("17").unwrap();
    let fetched = connector.order(&id, now()).await.unwrap().unwrap();
    assert_eq!(connector.changed(window(), None, now()).await.unwrap().orders.len(), 1);
    // The webhook of the same revision, and one of a later one: they name the amount alone.
    let told = |modified: &str| {
        let mut body: Value = serde_json::from_slice(&fetched.envelope.body.bytes().unwrap()).unwrap();
        assert!(body.as_object_mut().unwrap().remove("kontor_refunds").is_some());
        if !modified.is_empty() {
            body["date_modified_gmt"] = json!(modified);
        }
        let topic = "order.updated".to_owned();
        let body = Payload::pack(body.to_string().as_bytes());
        Envelope { topic, body, received_at: now(), ..fetched.envelope.clone() }
    };
    let (same, later) = (told(""), told("2030-01-01T00:00:00"));
    let fetched = fetched.envelope.clone();
    for order in [
        vec![fetched.clone()],
        vec![same.clone(), fetched.clone()],
        vec![fetched.clone(), same.clone()],
        vec![fetched.clone(), later.clone()],
        vec![later, same, fetched.clone(), fetched],
    ] {
        let facts = facts_of(&shop.url, &order);
        let known: Vec<_> = facts.refunds.values().collect();
        assert_eq!((known.len(), known[0].values().count()), (1, 1));
        let known = known[0].current().unwrap();
        assert_eq!(
            (known.id.as_str(), known.amount.to_string()),
            (refund.to_string().as_str(), "10.71 EUR".to_owned())
        );
        assert_eq!(known.shipping.unwrap().to_string(), "0.00 EUR");
        let line = &known.lines[0];
        assert_eq!((line.amount.to_string(), line.restock), ("10.71 EUR".to_owned(), true));
        assert_eq!(facts.contradiction(), None);
    }
}

#[tokio::test]
async fn the_bin_and_what_is_deleted_for_good() {
    let shop = sandbox().await;
    let connector = connector(&shop.url);
    let id = ShopOrderId::parse("17").unwrap();
    assert!(shop.state().place(&recorded(17)) && shop.state().trash(17));
    let binned = connector.order(&id, now()).await.unwrap().unwrap();
    assert_eq!(facts_of(&shop.url, &[binned.envelope]).life(), OrderLife::Deleted);
    assert!(shop.state().restore(17) && !shop.state().restore(17));
    let back = connector.order(&id, now()).await.unwrap().unwrap();
    assert_eq!(facts_of(&shop.url, &[back.envelope]).life(), OrderLife::Open);
    assert!(shop.state().delete(17));
    assert_eq!(connector.order(&id, now()).await.unwrap(), None);
}

#[tokio::test]
async fn faults_of_the_shop_are_no_answers() {
    let shop = sandbox().await;
    let connector = connector(&shop.url);
    let asked = || connector.changed(window(), None, now());
    shop.state().switch(Switches { outage: true, ..Switches::default() });
    assert!(matches!(asked().await, Err(CallError::Unavailable { .. })));
    shop.state().switch(Switches { rate_limit_per_mille: 1_000, ..Switches::default() });
    assert!(matches!(asked().await, Err(CallError::RateLimited { .. })));
    shop.state().switch(Switches::default());
    assert!(asked().await.is_ok());
    let wrong = connector_with(&shop.url, &[("KEY", "key"), ("SECRET", "wrong"), ("HOOK", "hook1")]);
    assert_eq!(wrong.changed(window(), None, now()).await.unwrap_err().remedy(), Remedy::Alarm);
    assert!(matches!(connector.changed(window(), Some("x"), now()).await, Err(CallError::Unmapped { .. })));
}

#[tokio::test]
async fn webhooks_are_made_once_and_switched_on_again() {
    let shop = sandbox().await;
    let connector = connector(&shop.url);
    let hooks = async || {
        let hooks = connector.hooks(HERE).await.unwrap();
        let all: Vec<(String, bool)> = hooks.into_iter().map(|hook| (hook.topic, hook.active)).collect();
        all
    };
    let all = |active| {
        ["order.created", "order.updated", "order.deleted", "order.restored"]
            .map(|topic| (topic.to_owned(), active))
    };
    assert_eq!(hooks().await, all(false), "none is there");
    let said = connector.connect(HERE).await.unwrap();
    assert_eq!(said[0], "the webhook order.created is made");
    assert_eq!(hooks().await, all(true));
    assert_eq!(
        connector.connect(HERE).await.unwrap()[0],
        "the webhook order.created is there and switched on"
    );
    assert_eq!(shop.state().report().webhooks.len(), 4);
    assert_eq!(
        connector
            .hooks("https://elsewhere.example/")
            .await
            .unwrap()
            .iter()
            .filter(|hook| hook.active)
            .count(),
        0
    );
    // Nobody takes its calls: the shop stops calling.
    assert!(shop.state().place(&recorded(17)));
    for _ in 0..6 {
        assert_eq!(shop.state().deliver("order.updated", 17).await, [0]);
        assert_eq!(hooks().await, all(true));
    }
    assert_eq!(shop.state().deliver("order.updated", 17).await, [0]);
    assert_eq!(shop.state().deliver("order.updated", 17).await, [] as [u16; 0], "it is switched off");
    assert_eq!(hooks().await[1], ("order.updated".to_owned(), false));
    let said = connector.connect(HERE).await.unwrap();
    assert_eq!(said[1], "the webhook order.updated was disabled; it is switched on again");
    assert_eq!(hooks().await, all(true));
}

#[tokio::test]
async fn a_delivery_is_signed_with_the_secret_the_webhook_was_made_with() {
    let shop = sandbox().await;
    let server = wiremock::MockServer::start().await;
    let taken = wiremock::Mock::given(wiremock::matchers::any());
    taken.respond_with(wiremock::ResponseTemplate::new(200)).mount(&server).await;
    let address = format!("{}/webhooks/woocommerce/kaffee", server.uri());
    connector(&shop.url).connect(&address).await.unwrap();
    assert!(shop.state().place(&recorded(17)));
    assert_eq!(shop.state().deliver("order.created", 17).await, [200]);
    let requests = server.received_requests().await.unwrap();
    let pings = requests.iter().filter(|request| request.body.starts_with(b"webhook_id=")).count();
    assert_eq!((requests.len(), pings), (5, 4));
    let delivery = requests.last().unwrap();
    let signature = traffic::sign("hook1", &delivery.body).unwrap();
    assert_eq!(delivery.headers["x-wc-webhook-signature"], signature.as_str());
}

async fn found(connector: &WooCommerce) -> String {
    let findings = connector.examine(Some(HERE), now()).await;
    let line = |finding: kontor_flow::storefront::Finding| {
        format!("{} {}: {}", if finding.good { "+" } else { "-" }, finding.what, finding.said)
    };
    findings.into_iter().map(line).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn an_examination_says_what_is_wrong_and_what_to_do() {
    let shop = sandbox().await;
    let ours = connector(&shop.url);
    insta::assert_snapshot!(found(&ours).await, @r#"
    + credentials: the key may read orders
    + rights: the key may write; whether its user may change orders shows with the first change
    + clock: the clocks agree
    - webhooks: the webhook order.created is not there: `kontor shops connect` makes it
    - webhooks: the webhook order.updated is not there: `kontor shops connect` makes it
    - webhooks: the webhook order.deleted is not there: `kontor shops connect` makes it
    - webhooks: the webhook order.restored is not there: `kontor shops connect` makes it
    "#);
    ours.connect(HERE).await.unwrap();
    insta::assert_snapshot!(found(&ours).await, @r#"
    + credentials: the key may read orders
    + rights: the key may write; whether its user may change orders shows with the first change
    + clock: the clocks agree
    + webhooks: all webhooks are there and switched on
    "#);
    shop.state().read_only_key("reader", "secret");
    let reader = connector_with(&shop.url, &[("KEY", "reader"), ("SECRET", "secret"), ("HOOK", "a&b")]);
    insta::assert_snapshot!(found(&reader).await, @r#"
    + credentials: the key may read orders
    - rights: the key may only read: give it read and write under WooCommerce, Settings, Advanced, REST API
    + clock: the clocks agree
    - webhooks: the first of `webhook_secrets` has other characters than letters and digits, and WooCommerce would sign with something else: make a new one of letters and digits
    + webhooks: all webhooks are there and switched on
    "#);
    assert_eq!(reader.connect(HERE).await.unwrap_err().remedy(), Remedy::Park);
    let stranger = connector_with(&shop.url, &[("KEY", "nobody"), ("SECRET", "x"), ("HOOK", "hook1")]);
    insta::assert_snapshot!(found(&stranger).await, @"- credentials: the shop does not take the consumer key and secret, or their user may not see orders, or the shop is called without TLS, where WooCommerce does not take keys like this: make a new key under WooCommerce, Settings, Advanced, REST API, for an administrator and with read and write (WooCommerce does not let us in at GET /orders (status 401): woocommerce_rest_cannot_view: Sorry, you cannot list resources.)");
}

/// An order of four pieces on three lines.
fn ordered(url: &str, id: u64) -> Order {
    let order = recorded(id);
    let body = Payload::pack(order.to_string().as_bytes());
    let envelope = Envelope {
        shop: "kaffee".parse().unwrap(),
        topic: "order.created".to_owned(),
        received_at: now(),
        headers: BTreeMap::new(),
        body,
    };
    let mut known = kontor_testkit::order::order(&format!("kaffee/{id}"));
    known.facts = facts_of(url, &[envelope]);
    known
}

fn parcel(order: &mut Order, id: &str, numbers: &[&str], lines: &[(&str, u32)], minutes: i64) {
    let packed = lines.iter().map(|(line, pieces)| PackedLine {
        line: Some(LineId::parse(line).unwrap()),
        sku: None,
        quantity: Quantity::new((*pieces).into()).unwrap(),
    });
    let shipment = Shipment {
        id: id.parse().unwrap(),
        number: None,
        carrier: Some("DHL".to_owned()),
        tracking: numbers.iter().map(|number| TrackingNumber::parse(number).unwrap()).collect(),
        tracking_url: numbers.first().map(|number| format!("https://track.example/{number}")),
        lines: packed.collect(),
        shipped_at: now() + minutes.minutes(),
    };
    apply(&mut order.facts, EventRecord::told(shipment.shipped_at, Event::Shipped(shipment)));
}

async fn tell(
    connector: &WooCommerce,
    order: &Order,
    item: &str,
    past: Past,
) -> Result<StepResult, CallError> {
    let command = Command {
        order: order.key.clone(),
        step: StepKey::item(step("tell_shop").step, item),
        action: Action::ShopShipment,
        template: None,
        undo: false,
    };
    let job = Job { command: &command, order, past, now: now() };
    connector.perform(job).await.map(|finish| finish.result)
}

#[tokio::test]
async fn three_parcels_are_told_once_each_and_the_last_one_completes_the_order() {
    for tracking in [Tracking::Nothing, Tracking::Fulfillments, Tracking::ShipmentTracking, Tracking::Ast] {
        let shop = sandbox().await;
        shop.state().ships_by(tracking);
        let mut body = recorded(17);
        body["status"] = json!("processing");
        assert!(shop.state().place(&body));
        let connector = connector(&shop.url);
        let mut order = ordered(&shop.url, 17);
        let lines: Vec<String> =
            order.facts.order().unwrap().parts().lines.iter().map(|line| line.id.to_string()).collect();
        parcel(&mut order, "P-1", &["A1"], &[(&lines[0], 2)], 0);
        shop.state().switch(Switches { work_but_never_answer_per_mille: 1_000, ..Switches::default() });
        assert!(tell(&connector, &order, "P-1", Past::Clean).await.is_err(), "the answer came");
        shop.state().switch(Switches::default());
        assert_eq!(tell(&connector, &order, "P-1", Past::Unknown).await.unwrap(), StepResult::Told);
        parcel(&mut order, "P-2", &["A2", "A3"], &[(&lines[1], 3)], 1);
        assert_eq!(tell(&connector, &order, "P-2", Past::Clean).await.unwrap(), StepResult::Told);
        let report = shop.state().report();
        assert_eq!(
            report.orders,
            [("processing".to_owned(), 1)].into(),
            "{tracking:?}: one is still to come"
        );
        parcel(&mut order, "P-3", &["A4"], &[], 2);
        for past in [Past::Clean, Past::Unknown] {
            assert_eq!(tell(&connector, &order, "P-3", past).await.unwrap(), StepResult::Told);
            if tracking == Tracking::Nothing {
                break;
            }
        }
        let report = shop.state().report();
        assert_eq!(report.orders, [("completed".to_owned(), 1)].into(), "{tracking:?}");
        assert_eq!((report.doubled_notes, report.doubled_tracking), (vec![], vec![]), "{tracking:?}");
        let told = (report.notes, report.parcels.get(&17).copied().unwrap_or(0));
        let expected = match tracking {
            Tracking::Nothing => (3, 0),
            Tracking::Fulfillments => (0, 3),
            Tracking::ShipmentTracking | Tracking::Ast => (0, 4),
        };
        assert_eq!(told, expected, "{tracking:?}");
    }
}

#[tokio::test]
async fn a_plugin_that_is_gone_is_noticed() {
    let shop = sandbox().await;
    assert!(shop.state().place(&recorded(17)));
    shop.state().ships_by(Tracking::Ast);
    let connector = connector(&shop.url);
    let mut order = ordered(&shop.url, 17);
    parcel(&mut order, "P-1", &["A1"], &[("1", 1)], 0);
    tell(&connector, &order, "P-1", Past::Clean).await.unwrap();
    shop.state().ships_by(Tracking::Nothing);
    parcel(&mut order, "P-2", &["A2"], &[], 1);
    tell(&connector, &order, "P-2", Past::Clean).await.unwrap();
    let report = shop.state().report();
    assert_eq!((report.parcels[&17], report.notes), (1, 1));
}

#[tokio::test]
async fn what_was_withdrawn_meanwhile_is_looked_for_and_not_done() {
    for (tracking, calls) in [(Tracking::Nothing, 0), (Tracking::Fulfillments, 0), (Tracking::Ast, 0)] {
        let shop = sandbox().await;
        shop.state().ships_by(tracking);
        assert!(shop.state().place(&recorded(17)));
        let mut order = ordered(&shop.url, 17);
        parcel(&mut order, "P-1", &["A1"], &[], 0);
        let told = tell(&connector(&shop.url), &order, "P-1", Past::Withdrawn).await.unwrap();
        assert_eq!(told, StepResult::Withdrawn, "{tracking:?}");
        let report = shop.state().report();
        let written = report.calls.iter().filter(|(call, _)| !call.starts_with("GET")).count();
        assert_eq!(written, calls, "{tracking:?}");
    }
}
