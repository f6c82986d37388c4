//! How the shop is connected: webhooks that are made and made again, and what is said of a connection.

use jiff::Timestamp;
use kontor_flow::ports::Storefront as _;
use kontor_flow::storefront::Finding;
use kontor_flow::{CallError, Remedy};
use kontor_sandbox::shopify::{Sandbox, State};
use kontor_sandbox::{StartError, Switches};
use serde_json::{Value, json};
use wiremock::matchers::{body_string_contains, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::config::ShopKind;
use crate::http::Calls;
use crate::shop_testing::{client, contracts, secrets, shop};
use crate::shopify::api::Api;
use crate::shopify::{Shopify, hooks};

const ADDRESS: &str = "https://you.example.test/webhooks/shopify/kaffee";

async fn sandbox() -> Result<Sandbox, StartError> {
    Sandbox::start("127.0.0.1:0", State::new("key")).await
}

fn front(url: &str) -> Shopify {
    Shopify::new(&shop(ShopKind::Shopify, url), &secrets(), client()).unwrap()
}

#[tokio::test]
async fn webhooks_are_made_once_and_again_when_the_shop_has_deleted_one() {
    let sandbox = sandbox().await.unwrap();
    let front = front(&sandbox.url);
    let missing = front.hooks(ADDRESS).await.unwrap();
    assert!(missing.iter().all(|hook| !hook.active && hook.id.is_none()), "{missing:?}");
    let topics: Vec<&str> = missing.iter().map(|hook| hook.topic.as_str()).collect();
    let wanted = [
        "orders/create",
        "orders/updated",
        "orders/paid",
        "orders/cancelled",
        "orders/delete",
        "refunds/create",
    ];
    assert_eq!(topics, wanted);
    let said = front.connect(ADDRESS).await.unwrap();
    assert_eq!(said.iter().filter(|sentence| sentence.ends_with("was made")).count(), 6);
    assert!(said.last().unwrap().contains("customers/redact"), "{said:?}");
    assert!(front.hooks(ADDRESS).await.unwrap().iter().all(|hook| hook.active && hook.id.is_some()));
    let said = front.connect(ADDRESS).await.unwrap();
    assert_eq!(said.iter().filter(|sentence| sentence.ends_with("is there")).count(), 6);
    assert_eq!(sandbox.state().report().hooks, 6);
    assert_eq!(sandbox.state().delete_hooks("ORDERS_UPDATED"), 1);
    let gone: Vec<String> = front
        .hooks(ADDRESS)
        .await
        .unwrap()
        .into_iter()
        .filter(|hook| !hook.active)
        .map(|hook| hook.topic)
        .collect();
    assert_eq!(gone, ["orders/updated"]);
    assert!(front.connect(ADDRESS).await.unwrap().contains(&"orders/updated was made".to_owned()));
    assert_eq!(sandbox.state().report().hooks, 6);
}

#[tokio::test]
async fn webhooks_that_lead_elsewhere_are_none_of_ours() {
    let sandbox = sandbox().await.unwrap();
    let front = front(&sandbox.url);
    front.connect("https://other.example.test/webhooks/shopify/kaffee").await.unwrap();
    assert!(front.hooks(ADDRESS).await.unwrap().iter().all(|hook| !hook.active));
    let error = front.connect("http://you.example.test/").await.unwrap_err();
    assert_eq!(error.remedy(), Remedy::Park);
    insta::assert_snapshot!(error, @"Shopify refused webhookSubscriptionCreate with status 200: user_error: Address protocol http:// is not supported at webhookSubscription.callbackUrl");
}

#[tokio::test]
async fn a_webhook_with_a_filter_is_for_a_person() {
    let server = MockServer::start().await;
    let node = |topic: &str, filter: Value| json!({"id": "gid://shopify/WebhookSubscription/9", "topic": topic, "uri": ADDRESS, "format": "JSON", "filter": filter});
    let words = [
        "ORDERS_CREATE",
        "ORDERS_UPDATED",
        "ORDERS_PAID",
        "ORDERS_CANCELLED",
        "ORDERS_DELETE",
        "REFUNDS_CREATE",
    ];
    let nodes: Vec<Value> = words
        .iter()
        .map(|word| node(word, if *word == "ORDERS_PAID" { json!("id:1") } else { json!("") }))
        .collect();
    let list = json!({"pageInfo": {"hasNextPage": false, "endCursor": null}, "nodes": nodes});
    let answer = ResponseTemplate::new(200).set_body_json(json!({"data": {"webhookSubscriptions": list}}));
    Mock::given(method("POST"))
        .and(body_string_contains("KontorHooks"))
        .respond_with(answer)
        .mount(&server)
        .await;
    let said = front(&server.uri()).connect(ADDRESS).await.unwrap();
    assert!(
        said[2].starts_with("orders/paid (gid://shopify/WebhookSubscription/9) has a filter"),
        "{said:?}"
    );
    assert_eq!(server.received_requests().await.unwrap().len(), 1, "nothing is made beside it");
}

#[tokio::test]
async fn a_list_of_webhooks_is_read_to_its_end_and_no_further() {
    let server = MockServer::start().await;
    let page = |next: bool, cursor: &str| {
        let info = json!({"hasNextPage": next, "endCursor": cursor});
        ResponseTemplate::new(200)
            .set_body_json(json!({"data": {"webhookSubscriptions": {"pageInfo": info, "nodes": [{
                "id": "gid://shopify/WebhookSubscription/1", "topic": "X", "uri": "x", "format": "JSON", "filter": null
            }]}}}))
    };
    Mock::given(method("POST"))
        .and(body_string_contains("null"))
        .respond_with(page(true, "a"))
        .mount(&server)
        .await;
    Mock::given(method("POST")).respond_with(page(true, "a")).mount(&server).await;
    let api = Api::new(&shop(ShopKind::Shopify, &server.uri()), &secrets(), client()).unwrap();
    let error = hooks::hooks(&api, &Calls::default(), ADDRESS).await.unwrap_err();
    assert!(matches!(error, CallError::Unreadable { .. }), "{error}");
    assert_eq!(server.received_requests().await.unwrap().len(), 2);
}

/// What is found, a line each.
fn found(findings: &[Finding]) -> String {
    let line = |finding: &Finding| {
        format!("{} {}: {}", if finding.good { "+" } else { "-" }, finding.what, finding.said)
    };
    findings.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[expect(clippy::disallowed_methods, reason = "the stand-in tells the time of this machine")]
fn now() -> Timestamp {
    Timestamp::now()
}

#[tokio::test]
async fn a_good_connection_is_said_to_be_good() {
    let sandbox = sandbox().await.unwrap();
    let front = front(&sandbox.url);
    front.connect(ADDRESS).await.unwrap();
    insta::assert_snapshot!(found(&front.examine(Some(ADDRESS), now()).await), @"
    + credentials: the shop takes the access token
    + rights: the app may read and write orders, and ship them
    + version: the Admin API has the version 2026-10
    + clock: our clock is that of the shop
    + webhooks: all 6 are there
    ");
}

#[tokio::test]
async fn what_is_wrong_with_a_connection_is_said_in_words() {
    let sandbox = sandbox().await.unwrap();
    let front = front(&sandbox.url);
    sandbox.state().allow(&["read_orders", "write_assigned_fulfillment_orders"]);
    let late = now().checked_add(jiff::SignedDuration::from_mins(10)).unwrap();
    let findings = front.examine(Some(ADDRESS), late).await;
    let said = found(&findings);
    let seconds =
        said.split("our clock is ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap().to_owned();
    insta::assert_snapshot!(said.replace(&seconds, "600"), @"
    + credentials: the shop takes the access token
    - rights: give the app these access scopes, and install it again: write_orders; read_customers or write_customers
    + version: the Admin API has the version 2026-10
    - clock: our clock is 600 seconds ahead of the shop's: set it by NTP
    - webhooks: missing: orders/create, orders/updated, orders/paid, orders/cancelled, orders/delete, refunds/create; Shopify deletes a webhook after eight failures in a row: run `kontor shops connect`
    ");
    let stranger = Sandbox::start("127.0.0.1:0", State::new("another")).await.unwrap();
    insta::assert_snapshot!(found(&self::front(&stranger.url).examine(None, now()).await), @"- credentials: the shop refuses the access token: install the app in the shop, and put the Admin API access token that is shown then behind `api.key` of the shop");
    sandbox.state().switch(Switches { outage: true, ..Switches::default() });
    insta::assert_snapshot!(found(&front.examine(None, now()).await), @"- credentials: the shop cannot be asked: Shopify did not answer currentAppInstallation: status 503; `url` of the shop is to be its own address, as in https://name.myshopify.com");
}

#[tokio::test]
async fn recorded_scopes_are_read() {
    let Some(file) =
        contracts("shopify/graphql_captures/2026-04.webhooks.webhook-subscription-conformance.json")
    else {
        return;
    };
    let recorded: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let mut answer = recorded["schemaAndAccess"]["response"]["payload"].clone();
    answer["data"]["publicApiVersions"] = json!([{"handle": "2026-04", "supported": true}]);
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(200).set_body_json(answer))
        .mount(&server)
        .await;
    let said = found(&front(&server.uri()).examine(None, now()).await);
    assert!(
        said.contains("without read_all_orders orders that are older than 60 days are not told"),
        "{said}"
    );
    assert!(said.contains("- version: the Admin API does not support the version 2026-10"), "{said}");
}
