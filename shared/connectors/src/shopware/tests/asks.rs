//! How the stand-in of a shop is asked for its orders, and what is found out about the connection.

use jiff::Timestamp;
use kontor_flow::ports::Storefront;
use kontor_flow::storefront::{Sighting, Window};
use kontor_flow::{CallError, Remedy};
use kontor_sandbox::Switches;
use serde_json::{Map, Value, json};

use super::{PREPAID, order, shop, standing};
use crate::shop_testing::{NOW, client, secrets, time};
use crate::shopware::pages::PAGE;
use crate::shopware::{EVENTS, Shopware, read};

const PREPAYMENT: &str = "prepayment-open";

fn now() -> Timestamp {
    time(NOW)
}

/// The stand-in has a clock of its own: windows reach to the end of it.
fn since(from: &str) -> Window {
    Window { from: time(from), until: time("2099-01-01T00:00:00Z") }
}

/// Every page of a window.
async fn all(connector: &Shopware, window: Window) -> Vec<Sighting> {
    let (mut all, mut page) = (Vec::new(), None);
    loop {
        let found = connector.changed(window, page.as_deref(), now()).await.unwrap();
        all.extend(found.orders);
        page = found.next;
        if page.is_none() {
            return all;
        }
    }
}

fn ids(found: &[Sighting]) -> Vec<&str> {
    let mut ids: Vec<&str> = found.iter().map(|sighting| sighting.order.as_str()).collect();
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn an_order_is_fetched_whole_and_read_as_it_was_seen() {
    let (sandbox, connector) = standing(&["prepaid-promotion"]).await;
    let seen = connector.order(&PREPAID.parse().unwrap(), now()).await.unwrap().unwrap();
    let told = read(&shop(&sandbox.url), &seen.envelope).unwrap();
    assert_eq!(
        told[0].events.iter().map(|record| record.event.word()).collect::<Vec<_>>(),
        ["placed", "paid", "life"]
    );
    assert!(told[0].events.iter().all(|record| record.as_of == seen.as_of && record.seen == Some(now())));
    for nobody in ["00000000000000000000000000000000", "17", "../order"] {
        let found =
            connector.order(&nobody.parse().unwrap_or_else(|_| "17".parse().unwrap()), now()).await.unwrap();
        assert_eq!(found, None, "{nobody}");
    }
}

#[tokio::test]
async fn orders_are_found_by_what_changed_of_them() {
    let (sandbox, connector) = standing(&["prepaid-promotion", PREPAYMENT, "net-business"]).await;
    let prepayment = order(PREPAYMENT)["id"].as_str().unwrap().to_owned();
    let net = order("net-business")["id"].as_str().unwrap().to_owned();
    assert_eq!(all(&connector, since("2026-11-16T00:00:00Z")).await.len(), 3);
    // From here on only what the stand-in stamps by its own clock.
    let later = since("2026-11-17T00:00:00Z");
    assert_eq!(ids(&all(&connector, later).await), [""; 0]);
    assert!(sandbox.state().turn(&prepayment, "order_transaction", "paid"));
    assert_eq!(ids(&all(&connector, later).await), [prepayment.as_str()], "the order itself was not touched");
    assert!(sandbox.state().turn(PREPAID, "order_delivery", "ship"));
    let comment = Map::from_iter([("customerComment".to_owned(), json!("changed"))]);
    assert!(sandbox.state().edit(&net, &comment));
    let found = all(&connector, later).await;
    let mut expected = [prepayment.as_str(), PREPAID, net.as_str()];
    expected.sort_unstable();
    assert_eq!(ids(&found), expected);
    // Whatever of it changed, it is told once.
    assert!(
        sandbox.state().turn(&net, "order_transaction", "paid")
            && sandbox.state().turn(&net, "order_delivery", "ship")
    );
    assert_eq!(ids(&all(&connector, later).await), expected);
    assert_eq!(
        ids(&all(&connector, Window { until: later.from, ..later }).await),
        [""; 0],
        "a window has an end"
    );
}

#[tokio::test]
async fn many_orders_come_page_by_page() {
    let (sandbox, connector) = standing(&[]).await;
    let count = PAGE * 2 + 3;
    for n in 0..count {
        let mut order = order(PREPAYMENT);
        order["id"] = json!(format!("{n:032x}"));
        order["transactions"][0]["id"] = json!(format!("{:032x}", n + 1_000));
        order["deliveries"][0]["id"] = json!(format!("{:032x}", n + 2_000));
        assert!(sandbox.state().seed(&order));
    }
    let found = all(&connector, since("2026-11-16T00:00:00Z")).await;
    let mut each = ids(&found);
    each.dedup();
    assert_eq!(each.len(), count, "all were made in the same millisecond");
    assert!(found.len() <= count + PAGE, "a page is read twice at most: {}", found.len());
    for foreign in ["eyJhIjoxfQ==", "orders:0", "orders:1:soon", "orders", "articles:1"] {
        let foreign = connector.changed(since("2026-11-16T00:00:00Z"), Some(foreign), now()).await;
        assert!(matches!(foreign, Err(CallError::Unmapped { .. })));
    }
}

/// The fixture as the `n`th of many, made `n` seconds later.
fn nth(n: usize) -> Value {
    let mut order = order(PREPAYMENT);
    let made = time("2026-11-16T10:00:00.557Z") + jiff::SignedDuration::from_secs(n.try_into().unwrap());
    let made = json!(format!("{made:.3}").replace('Z', "+00:00"));
    order["id"] = json!(format!("{n:032x}"));
    order["createdAt"] = made.clone();
    for (list, ids) in [("transactions", 1_000), ("deliveries", 2_000)] {
        order[list][0]["id"] = json!(format!("{:032x}", n + ids));
        order[list][0]["createdAt"] = made.clone();
    }
    order
}

#[tokio::test]
async fn an_order_that_is_deleted_while_pages_are_read_moves_none_past_us() {
    let (sandbox, connector) = standing(&[]).await;
    let count = PAGE * 2 + 3;
    (0..count).for_each(|n| assert!(sandbox.state().seed(&nth(n))));
    let window = since("2026-11-16T00:00:00Z");
    let first = connector.changed(window, None, now()).await.unwrap();
    assert_eq!(first.orders.len(), PAGE);
    (0..5).for_each(|n| assert!(sandbox.state().delete(&format!("{n:032x}"))));
    let (mut found, mut page) = (first.orders, first.next);
    while let Some(token) = page {
        let more = connector.changed(window, Some(&token), now()).await.unwrap();
        found.extend(more.orders);
        page = more.next;
    }
    let mut each = ids(&found);
    each.dedup();
    assert_eq!(each.len(), count);
    assert!(found.len() <= count + 2, "one per page is read twice: {}", found.len());
}

#[tokio::test]
async fn an_order_that_cannot_be_read_holds_up_none_of_the_others() {
    let (sandbox, connector) = standing(&[]).await;
    (0..PAGE + 5).for_each(|n| assert!(sandbox.state().seed(&nth(n))));
    let spoil = |n: usize, field: &str, value: Value| {
        let mut order = nth(n);
        order[field] = value;
        assert!(sandbox.state().seed(&order));
    };
    spoil(3, "stateMachineState", json!({ "technicalName": 7 }));
    spoil(7, "updatedAt", json!("2026-11-16 sometime"));
    spoil(PAGE - 1, "deliveries", json!([{ "createdAt": 17 }]));
    let window = since("2026-11-16T00:00:00Z");
    let found = all(&connector, window).await;
    let mut each = ids(&found);
    each.dedup();
    assert_eq!(each.len(), PAGE + 5);
    for n in [3, 7, PAGE - 1] {
        let id = format!("{n:032x}");
        let broken = found.iter().find(|sighting| sighting.order.as_str() == id).unwrap();
        let error = read(&shop(&sandbox.url), &broken.envelope).unwrap_err();
        assert_eq!(error.order.map(|key| key.order.as_str().to_owned()), Some(id), "a failure of its own");
        assert_eq!(broken.as_of, window.until);
    }
}

#[tokio::test]
async fn one_token_serves_many_calls_and_a_new_one_follows() {
    let (sandbox, connector) = standing(&["prepaid-promotion"]).await;
    let id = PREPAID.parse().unwrap();
    for _ in 0..3 {
        connector.order(&id, now()).await.unwrap().unwrap();
    }
    let calls = |call: &str| sandbox.state().report().calls.get(call).copied().unwrap_or_default();
    assert_eq!(calls("oauth/token"), 1);
    sandbox.state().end_tokens();
    connector.order(&id, now()).await.unwrap().unwrap();
    assert_eq!((calls("oauth/token"), calls("refused")), (2, 1), "refused once, then renewed");
    let in_ten_minutes = time("2026-11-21T12:09:30Z");
    connector.order(&id, in_ten_minutes).await.unwrap().unwrap();
    assert_eq!((calls("oauth/token"), calls("refused")), (3, 1), "renewed before it ends");
}

#[tokio::test]
async fn many_at_once_share_one_token() {
    let (sandbox, connector) = standing(&["prepaid-promotion"]).await;
    let id = PREPAID.parse().unwrap();
    let each = || connector.order(&id, now());
    let (a, b, c, d) = tokio::join!(each(), each(), each(), each());
    assert!([a, b, c, d].into_iter().all(|found| found.is_ok_and(|found| found.is_some())));
    sandbox.state().end_tokens();
    let (a, b, c, d) = tokio::join!(each(), each(), each(), each());
    assert!([a, b, c, d].into_iter().all(|found| found.is_ok()));
    assert_eq!(sandbox.state().report().calls["oauth/token"], 2);
}

#[tokio::test]
async fn what_goes_wrong_says_what_to_do() {
    let (sandbox, connector) = standing(&["prepaid-promotion"]).await;
    let ask =
        async |connector: &Shopware| connector.order(&PREPAID.parse().unwrap(), now()).await.unwrap_err();
    sandbox.state().switch(Switches { outage: true, ..Switches::default() });
    assert!(matches!(ask(&connector).await.remedy(), Remedy::Retry { .. }));
    sandbox.state().switch(Switches { rate_limit_per_mille: 1_000, ..Switches::default() });
    assert!(matches!(ask(&connector).await, CallError::RateLimited { .. }));
    sandbox.state().switch(Switches::default());
    sandbox.state().take_away("order:read");
    let denied = ask(&connector).await;
    assert_eq!(denied.remedy(), Remedy::Alarm);
    insta::assert_snapshot!(denied, @"Shopware does not let us in at POST /search/order (status 403): FRAMEWORK__MISSING_PRIVILEGE_ERROR: Forbidden");
    let mut wrong = shop(&sandbox.url);
    wrong.api.as_mut().unwrap().secret = Some(crate::secrets::SecretRef::Env("KEY".to_owned()));
    let wrong = Shopware::new(&wrong, &secrets(), client(), None).unwrap();
    insta::assert_snapshot!(ask(&wrong).await, @"Shopware does not let us in at POST /oauth/token (status 401): 4: Client authentication failed");
}

fn said(findings: &[kontor_flow::storefront::Finding]) -> String {
    let line = |f: &kontor_flow::storefront::Finding| {
        format!("{} {}: {}", if f.good { "ok" } else { "NO" }, f.what, f.said)
    };
    findings.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_connection_is_tried() {
    let (sandbox, connector) = standing(&["prepaid-promotion"]).await;
    let address = "https://you.example/webhooks/shopware/kaffee";
    // The stand-in's clock is the machine's.
    let found = connector.examine(Some(address), now()).await;
    let kinds: Vec<&str> = found.iter().map(|finding| finding.what.as_str()).collect();
    assert_eq!(kinds, ["credentials", "version", "clock", "rights", "webhooks"]);
    let clockless: Vec<_> = found.into_iter().filter(|finding| finding.what != "clock").collect();
    insta::assert_snapshot!(said(&clockless), @r"
    ok credentials: the shop takes the access key and gives access tokens
    ok version: Shopware 6.7.10.1
    ok rights: orders and what belongs to them can be read; whether they may be changed shows with the first change
    NO webhooks: missing or switched off: checkout.order.placed, order.written, state_enter.order.state.cancelled, state_enter.order.state.completed, state_enter.order_transaction.state.paid, state_enter.order_transaction.state.paid_partially, state_enter.order_transaction.state.refunded, state_enter.order_transaction.state.refunded_partially, state_enter.order_transaction.state.cancelled, state_enter.order_transaction.state.failed, state_enter.order_transaction.state.chargeback, state_enter.order_delivery.state.returned, state_enter.order_delivery.state.returned_partially; install or update the app (`kontor shops manifest`)
    ");
    sandbox.state().take_away("order:read");
    let rights = connector.examine(None, now()).await;
    insta::assert_snapshot!(said(&rights[3..]), @"NO rights: the role of the access key lacks rights (FRAMEWORK__MISSING_PRIVILEGE_ERROR): order:read; give it those that `kontor shops manifest` lists");
    let mut wrong = shop(&sandbox.url);
    wrong.api.as_mut().unwrap().secret = Some(crate::secrets::SecretRef::Env("KEY".to_owned()));
    let wrong = Shopware::new(&wrong, &secrets(), client(), None).unwrap();
    insta::assert_snapshot!(said(&wrong.examine(None, now()).await), @"NO credentials: the shop refuses the access key (status 401): make an integration under Settings > System > Integrations (or install the app) and put its access key id and secret access key into `api` of the shop");
}

#[tokio::test]
async fn webhooks_are_looked_at_where_the_shop_shows_them() {
    let (sandbox, connector) = standing(&[]).await;
    let address = "https://you.example/webhooks/shopware/kaffee";
    let hook = |event: &str, active: bool| json!({ "id": format!("id-{event}"), "eventName": event, "url": address, "active": active });
    let mut hooks: Vec<Value> = EVENTS.iter().map(|event| hook(event, true)).collect();
    sandbox.state().install(hooks.clone());
    assert!(connector.hooks(address).await.unwrap().iter().all(|hook| hook.active && hook.id.is_some()));
    assert_eq!(
        connector.connect(address).await.unwrap(),
        ["All webhooks of the app are there and switched on."]
    );
    hooks[1]["active"] = json!(false);
    hooks.remove(0);
    sandbox.state().install(hooks);
    let off: Vec<_> =
        connector.hooks(address).await.unwrap().into_iter().filter(|hook| !hook.active).collect();
    let off: Vec<_> = off.iter().map(|hook| (hook.topic.as_str(), hook.id.is_some())).collect();
    assert_eq!(off, [("checkout.order.placed", false), ("order.written", true)]);
    insta::assert_snapshot!(connector.connect(address).await.unwrap().join("\n"), @r"
    Shopware's webhooks come with an app: `kontor shops manifest kaffee` writes its manifest.xml.
    Put it into custom/apps/Kontor/manifest.xml of the shop and run `bin/console app:install --activate Kontor`, or upload it as Kontor.zip under Extensions; after a change raise its version and run `bin/console app:update Kontor`.
    The shop then registers itself with us, and sends to https://you.example/webhooks/shopware/kaffee.
    The webhook for order.written is switched off: Shopware does so after ten failures, without a word. Updating the app switches it on.
    ");
    sandbox.state().take_away("webhook:read");
    assert_eq!(connector.hooks(address).await.unwrap(), [], "an app may not see them");
}
