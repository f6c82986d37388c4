//! Our webhooks in the shop: those that are there, and making those that are missing. Shopify deletes a webhook after eight
//! failures in a row; it has no word for one that is switched off.

use kontor_flow::CallError;
use kontor_flow::remedy::Effect;
use kontor_flow::storefront::Hook;
use serde::{Deserialize, Serialize};

use super::api::{Api, settled};
use super::documents::{HOOKS, MAKE_HOOK};
use super::graphql::UserError;
use super::node::{Page, PageInfo};
use super::nothing;
use super::polls::{cursor, moved_on};
use crate::http::Calls;

/// What we want to hear of: the word in deliveries, and in the Admin API. All that happens to an order changes it, and is
/// told with it; edits, parcels and returns need no word of their own.
const TOPICS: [(&str, &str); 6] = [
    ("orders/create", "ORDERS_CREATE"),
    ("orders/updated", "ORDERS_UPDATED"),
    ("orders/paid", "ORDERS_PAID"),
    ("orders/cancelled", "ORDERS_CANCELLED"),
    ("orders/delete", "ORDERS_DELETE"),
    ("refunds/create", "REFUNDS_CREATE"),
];

/// What no program can set: these topics are part of the app itself.
const BY_HAND: &str = "Shopify takes the topics customers/data_request, customers/redact and shop/redact from the app alone: \
    set `compliance_topics` in shopify.app.toml (or the app's settings), leading to the same address";

/// Variables of `KontorHooks`.
#[derive(Serialize)]
struct After<'a> {
    after: Option<&'a str>,
}

/// An answer to it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HooksData {
    webhook_subscriptions: Page<Subscription>,
}

/// A webhook.
#[derive(Clone, Deserialize)]
struct Subscription {
    id: String,
    topic: String,
    uri: String,
    format: String,
    filter: Option<String>,
}

impl Subscription {
    /// Whether it tells of everything, in the form that is read.
    fn is_whole(&self) -> bool {
        self.format == "JSON" && self.filter.as_deref().is_none_or(str::is_empty)
    }
}

/// Variables of `KontorMakeHook`.
#[derive(Serialize)]
struct MakeVariables<'a> {
    topic: &'static str,
    hook: HookInput<'a>,
}

/// A webhook to be made.
#[derive(Serialize)]
struct HookInput<'a> {
    uri: &'a str,
    format: &'static str,
}

/// An answer to it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MadeData {
    webhook_subscription_create: Option<Made>,
}

/// Its payload.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Made {
    user_errors: Vec<UserError>,
}

/// Our webhooks, those that are missing included.
pub(super) async fn hooks(api: &Api, calls: &Calls, address: &str) -> Result<Vec<Hook>, CallError> {
    let all = subscriptions(api, calls).await?;
    let hook = |(topic, word): (&str, &str)| {
        let ours = || all.iter().filter(|hook| hook.topic == word && hook.uri == address);
        let whole = ours().find(|hook| hook.is_whole());
        Hook {
            topic: topic.to_owned(),
            active: whole.is_some(),
            id: whole.or(ours().next()).map(|hook| hook.id.clone()),
        }
    };
    Ok(TOPICS.into_iter().map(hook).collect())
}

async fn subscriptions(api: &Api, calls: &Calls) -> Result<Vec<Subscription>, CallError> {
    let call = "webhookSubscriptions";
    let (mut all, mut info) = (Vec::new(), PageInfo::default());
    loop {
        let after = if all.is_empty() { None } else { Some(cursor(call, &info)?) };
        let data: HooksData = api.ask(calls, call, Effect::None, HOOKS, After { after }).await?;
        let Page { page_info, nodes } = data.webhook_subscriptions;
        all.extend(nodes);
        if !page_info.has_next_page {
            return Ok(all);
        }
        info = moved_on(call, &info, page_info)?;
    }
}

/// Makes the webhooks that are missing, and says what was done.
pub(super) async fn connect(api: &Api, calls: &Calls, address: &str) -> Result<Vec<String>, CallError> {
    let mut said = Vec::new();
    for (hook, (topic, word)) in hooks(api, calls, address).await?.into_iter().zip(TOPICS) {
        match (hook.active, hook.id) {
            (true, _) => said.push(format!("{topic} is there")),
            (false, Some(id)) => said.push(format!(
                "{topic} ({id}) has a filter or is not in JSON: delete it in the app that made it, then connect again"
            )),
            (false, None) => {
                make(api, calls, word, address).await?;
                said.push(format!("{topic} was made"));
            }
        }
    }
    said.push(BY_HAND.to_owned());
    Ok(said)
}

async fn make(api: &Api, calls: &Calls, topic: &'static str, uri: &str) -> Result<(), CallError> {
    let call = "webhookSubscriptionCreate";
    let variables = MakeVariables { topic, hook: HookInput { uri, format: "JSON" } };
    let data: MadeData = api.ask(calls, call, Effect::Possible, MAKE_HOOK, variables).await?;
    settled(call, &data.webhook_subscription_create.ok_or_else(|| nothing(call))?.user_errors)
}
