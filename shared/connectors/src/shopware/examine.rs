//! Tries the connection to a Shopware shop, and looks at our webhooks there.

use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};
use kontor_flow::CallError;
use kontor_flow::remedy::{Effect, chain};
use kontor_flow::storefront::{Finding, Hook};
use serde::Deserialize;
use serde_json::json;

use super::wire::{Page, Version, Webhook};
use super::{EVENTS, Shopware, api, front};
use crate::http::{Answer, Calls};

const SEARCH_WEBHOOKS: &str = "POST /search/webhook";
const GET_VERSION: &str = "GET /_info/version";
const SEARCH_ORDERS: &str = "POST /search/order";

/// By how much the clocks may differ before it is worth a word.
const CLOCKS_APART: SignedDuration = SignedDuration::from_secs(60);

/// The oldest version whose answers are known here.
const OLDEST: (u32, u32) = (6, 4);

#[derive(Deserialize)]
struct Webhooks {
    data: Vec<Webhook>,
}

/// Our webhooks, those that are missing included; none if the shop does not show them: an app may not see any, an integration
/// only with the right to.
pub(super) async fn hooks(shop: &Shopware, address: &str) -> Result<Vec<Hook>, CallError> {
    let filter = json!([{ "type": "equals", "field": "url", "value": address }]);
    let criteria = json!({ "limit": 100, "filter": filter });
    // No time is told here; a token that has ended is refused, and a new one is got.
    let now = Timestamp::UNIX_EPOCH;
    let calls = Calls::default();
    let found = shop.api.search(&calls, SEARCH_WEBHOOKS, "webhook", &criteria, now).await;
    let found: Webhooks = match found {
        Err(CallError::Denied { status: 403, .. }) => return Ok(Vec::new()),
        found => found?,
    };
    let hook = |event: &str| {
        let ours: Vec<&Webhook> =
            found.data.iter().filter(|hook| hook.event_name == event && hook.url == address).collect();
        let live = ours.iter().find(|hook| hook.active != Some(false)).or(ours.first());
        Hook {
            topic: event.to_owned(),
            active: live.is_some_and(|hook| hook.active != Some(false)),
            id: live.map(|hook| hook.id.clone()),
        }
    };
    Ok(EVENTS.into_iter().map(hook).collect())
}

fn finding(good: bool, what: &str, said: impl Into<String>) -> Finding {
    Finding { good, what: what.to_owned(), said: said.into() }
}

/// Tries the connection.
pub(super) async fn examine(shop: &Shopware, address: Option<&str>, now: Timestamp) -> Vec<Finding> {
    let calls = Calls::default();
    let answer = match shop.api.get(&calls, GET_VERSION, "_info/version", now).await {
        Ok(answer) => answer,
        Err(error) => return vec![no_entry(&error)],
    };
    let mut findings = vec![
        finding(true, "credentials", "the shop takes the access key and gives access tokens"),
        version(&answer),
        clock(&answer, now),
    ];
    let criteria = json!({ "limit": 1, "total-count-mode": 0, "associations": front::associations() });
    let orders: Result<Page, CallError> =
        shop.api.search(&calls, SEARCH_ORDERS, "order", &criteria, now).await;
    findings.push(rights(orders.map(|_| ())));
    if let Some(address) = address {
        findings.push(webhooks(hooks(shop, address).await, address));
    }
    findings
}

fn no_entry(error: &CallError) -> Finding {
    let said = match error {
        CallError::Denied { status, .. } => format!(
            "the shop refuses the access key (status {status}): make an integration under Settings > System > Integrations \
             (or install the app) and put its access key id and secret access key into `api` of the shop"
        ),
        CallError::Unavailable { .. }
        | CallError::RateLimited { .. }
        | CallError::Concurrent { .. }
        | CallError::Refused { .. }
        | CallError::Unreadable { .. }
        | CallError::Unmapped { .. }
        | CallError::Begun { .. } => {
            format!("the shop cannot be asked: {}; look at `url` of the shop", chain(error))
        }
    };
    finding(false, "credentials", said)
}

fn version(answer: &Answer) -> Finding {
    let Ok(told) = api::read::<Version>(GET_VERSION, Effect::None, answer) else {
        return finding(
            false,
            "version",
            "the shop does not say which version it has; is `url` the address of a Shopware 6?",
        );
    };
    let numbers: Vec<u32> = told.version.split('.').map_while(|part| part.parse().ok()).collect();
    let text: String = told.version.chars().take(20).collect();
    match numbers.as_slice() {
        [major, minor, ..] if (*major, *minor) >= OLDEST => {
            finding(true, "version", format!("Shopware {text}"))
        }
        _ => finding(
            false,
            "version",
            format!("Shopware {text} is older than what Kontor knows (6.4 and later)"),
        ),
    }
}

fn clock(answer: &Answer, now: Timestamp) -> Finding {
    let told = answer.headers.get("date").and_then(|date| rfc2822::parse(date.to_str().ok()?).ok());
    let Some(told) = told else { return finding(true, "clock", "the shop does not tell its time") };
    let apart = told.timestamp().duration_since(now);
    if apart.abs() <= CLOCKS_APART {
        return finding(true, "clock", "the shop's clock is right");
    }
    let (seconds, word) = (apart.abs().as_secs(), if apart.is_negative() { "behind" } else { "ahead" });
    let said = format!(
        "the shop's clock is {seconds} seconds {word} of ours: set both by NTP, or changes are found late"
    );
    finding(false, "clock", said)
}

fn rights(orders: Result<(), CallError>) -> Finding {
    match orders {
        Ok(()) => finding(
            true,
            "rights",
            "orders and what belongs to them can be read; whether they may be changed shows with the first change",
        ),
        Err(CallError::Denied { problem, .. }) => {
            let missing = problem.detail.as_deref().map(privileges).unwrap_or_default();
            let missing =
                if missing.is_empty() { String::new() } else { format!(": {}", missing.join(", ")) };
            let said = format!(
                "the role of the access key lacks rights ({}){missing}; give it those that `kontor shops manifest` lists",
                problem.kind
            );
            finding(false, "rights", said)
        }
        Err(error) => finding(false, "rights", format!("orders cannot be read: {}", chain(&error))),
    }
}

/// The privileges a refusal names, `order:read`: words with a colon in small letters, whatever stands around them.
fn privileges(detail: &str) -> Vec<&str> {
    let in_word = |c: char| c.is_ascii_lowercase() || c == '_' || c == ':';
    let words = detail.split(|c| !in_word(c));
    words
        .filter(|word| word.split_once(':').is_some_and(|(of, what)| !of.is_empty() && !what.is_empty()))
        .collect()
}

fn webhooks(hooks: Result<Vec<Hook>, CallError>, address: &str) -> Finding {
    let hooks = match hooks {
        Ok(hooks) => hooks,
        Err(error) => {
            return finding(
                false,
                "webhooks",
                format!("the shop cannot be asked for them: {}", chain(&error)),
            );
        }
    };
    let off: Vec<&str> = hooks.iter().filter(|hook| !hook.active).map(|hook| hook.topic.as_str()).collect();
    if hooks.is_empty() {
        let said = "the shop does not show them to this key; polling finds orders in any case";
        return finding(true, "webhooks", said);
    }
    if off.is_empty() {
        return finding(true, "webhooks", format!("all lead to {address} and are switched on"));
    }
    let said = format!(
        "missing or switched off: {}; install or update the app (`kontor shops manifest`)",
        off.join(", ")
    );
    finding(false, "webhooks", said)
}
