//! Tries the connection to a shop: credentials, rights, version, clock, webhooks.

use std::collections::BTreeSet;

use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};
use kontor_flow::remedy::{Effect, chain};
use kontor_flow::storefront::{Finding, Hook};
use kontor_flow::{CallError, Remedy};
use serde::Deserialize;

use super::api::{Api, VERSION, understood};
use super::documents::ACCESS;
use super::graphql::NoVariables;
use super::hooks::hooks;
use crate::http::{Answer, Calls};

/// By how much the clocks may differ before it is worth a word.
const CLOCKS_APART: SignedDuration = SignedDuration::from_secs(60);

/// What the access token must be allowed to, each by one of these; a right to write is one to read, too.
const RIGHTS: [&[&str]; 4] = [
    &["read_orders", "write_orders"],
    &["write_orders"],
    &["read_customers", "write_customers"],
    &[
        "write_merchant_managed_fulfillment_orders",
        "write_assigned_fulfillment_orders",
        "write_third_party_fulfillment_orders",
    ],
];

/// Without it Shopify tells no orders that are older than 60 days.
const OLD_ORDERS: &str = "read_all_orders";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccessData {
    current_app_installation: Installation,
    public_api_versions: Vec<Version>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Installation {
    access_scopes: Vec<Scope>,
}

#[derive(Deserialize)]
struct Scope {
    handle: String,
}

#[derive(Deserialize)]
struct Version {
    handle: String,
    supported: bool,
}

/// Tries the connection.
pub(super) async fn examine(api: &Api, address: Option<&str>, now: Timestamp) -> Vec<Finding> {
    let calls = Calls::default();
    let call = "currentAppInstallation";
    let answer = match api.send(&calls, call, Effect::None, ACCESS, NoVariables {}).await {
        Ok(answer) => answer,
        Err(error) => return vec![no_entry(&error)],
    };
    let access: AccessData = match understood(call, Effect::None, &answer) {
        Ok((access, _)) => access,
        Err(error) => return vec![no_entry(&error)],
    };
    let mut findings = vec![
        finding(true, "credentials", "the shop takes the access token"),
        rights(&access.current_app_installation.access_scopes),
        version(&access.public_api_versions),
        clock(&answer, now),
    ];
    if let Some(address) = address {
        findings.push(webhooks(hooks(api, &calls, address).await));
    }
    findings
}

fn finding(good: bool, what: &str, said: impl Into<String>) -> Finding {
    Finding { good, what: what.to_owned(), said: said.into() }
}

fn no_entry(error: &CallError) -> Finding {
    let said = if error.remedy() == Remedy::Alarm {
        "the shop refuses the access token: install the app in the shop, and put the Admin API access token that is shown then \
         behind `api.key` of the shop"
            .to_owned()
    } else {
        format!(
            "the shop cannot be asked: {}; `url` of the shop is to be its own address, as in https://name.myshopify.com",
            chain(error)
        )
    };
    finding(false, "credentials", said)
}

fn rights(scopes: &[Scope]) -> Finding {
    let has: BTreeSet<&str> = scopes.iter().map(|scope| scope.handle.as_str()).collect();
    let missing: Vec<String> = RIGHTS
        .iter()
        .filter(|any| !any.iter().any(|scope| has.contains(scope)))
        .map(|any| any.join(" or "))
        .collect();
    if !missing.is_empty() {
        let said = format!("give the app these access scopes, and install it again: {}", missing.join("; "));
        return finding(false, "rights", said);
    }
    let old = if has.contains(OLD_ORDERS) {
        String::new()
    } else {
        format!("; without {OLD_ORDERS} orders that are older than 60 days are not told")
    };
    finding(true, "rights", format!("the app may read and write orders, and ship them{old}"))
}

fn version(versions: &[Version]) -> Finding {
    if versions.iter().any(|version| version.handle == VERSION && version.supported) {
        return finding(true, "version", format!("the Admin API has the version {VERSION}"));
    }
    let said = format!(
        "the Admin API does not support the version {VERSION} (any more): Kontor has to be brought up to date"
    );
    finding(false, "version", said)
}

fn clock(answer: &Answer, now: Timestamp) -> Finding {
    let told = answer.headers.get("date").and_then(|date| rfc2822::parse(date.to_str().ok()?).ok());
    let Some(told) = told else { return finding(true, "clock", "the shop does not tell its time") };
    let apart = told.timestamp().duration_since(now);
    if apart.abs() <= CLOCKS_APART {
        return finding(true, "clock", "our clock is that of the shop");
    }
    let (seconds, word) = (apart.abs().as_secs(), if apart.is_negative() { "ahead" } else { "behind" });
    finding(false, "clock", format!("our clock is {seconds} seconds {word} of the shop's: set it by NTP"))
}

fn webhooks(hooks: Result<Vec<Hook>, CallError>) -> Finding {
    let hooks = match hooks {
        Ok(hooks) => hooks,
        Err(error) => return finding(false, "webhooks", format!("they cannot be listed: {}", chain(&error))),
    };
    let missing: Vec<&str> =
        hooks.iter().filter(|hook| !hook.active).map(|hook| hook.topic.as_str()).collect();
    if missing.is_empty() {
        return finding(true, "webhooks", format!("all {} are there", hooks.len()));
    }
    let said = format!(
        "missing: {}; Shopify deletes a webhook after eight failures in a row: run `kontor shops connect`",
        missing.join(", ")
    );
    finding(false, "webhooks", said)
}
