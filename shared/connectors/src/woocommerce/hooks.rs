//! Our webhooks in the shop, and whether the connection is as it should be.

use jiff::{SignedDuration, Timestamp};
use kontor_flow::storefront::{Finding, Hook};
use kontor_flow::{CallError, remedy};
use reqwest::Method;
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::WooCommerce;
use super::api::{CORE, NO_ROUTE, NO_SUCH_ORDER, pages, understood, unmapped};
use super::wire::{HookRecord, HookUpdate, NewHook};
use crate::http::{Answer, Calls};

/// What we want to be told of, in WooCommerce's words.
const TOPICS: [&str; 4] = ["order.created", "order.updated", "order.deleted", "order.restored"];

/// The code of a refusal of a topic that this shop does not know.
const NO_SUCH_TOPIC: &str = "woocommerce_rest_shop_webhook_invalid_topic";

/// The code of a refusal of a key that may only read; wrong keys have another.
const READ_ONLY: &str = "woocommerce_rest_authentication_error";

const GET_HOOKS: &str = "GET /webhooks";
const POST_HOOK: &str = "POST /webhooks";
const PUT_HOOK: &str = "PUT /webhooks/{id}";
const TRY_READING: &str = "GET /orders";
const TRY_WRITING: &str = "PUT /orders/0";

/// How far the shop's clock may be from ours.
const CLOCKS_APART: SignedDuration = SignedDuration::from_mins(5);

/// The status of a webhook that is called; `paused` and `disabled` ones are not.
const ACTIVE: &str = "active";

impl WooCommerce {
    /// One for each topic: called, not called, or not there.
    pub(super) async fn known_hooks(&self, address: &str) -> Result<Vec<Hook>, CallError> {
        let records = self.hook_records(&Calls::default(), address).await?;
        Ok(TOPICS.iter().map(|topic| hook(topic, &records)).collect())
    }

    /// Those that lead to `address`.
    async fn hook_records(&self, calls: &Calls, address: &str) -> Result<Vec<HookRecord>, CallError> {
        let mut ours = Vec::new();
        let mut page = 1_u32;
        loop {
            let number = page.to_string();
            let query = [("per_page", "100"), ("page", number.as_str())];
            let answer = self.ask(calls, GET_HOOKS, &format!("{CORE}/webhooks"), &query).await?;
            let records: Vec<HookRecord> = understood(GET_HOOKS, remedy::Effect::None, &answer)?;
            ours.extend(records.into_iter().filter(|record| record.delivery_url == address));
            if page >= pages(&answer).unwrap_or(1) {
                return Ok(ours);
            }
            page = page.saturating_add(1);
        }
    }

    /// Makes those that are missing. Those that are there are switched on, and sign with the first secret from now on: which
    /// one they signed with so far, WooCommerce does not tell.
    pub(super) async fn make_hooks(&self, address: &str) -> Result<Vec<String>, CallError> {
        let secret = self.signing_secret().map_err(unmapped)?;
        let calls = Calls::default();
        let records = self.hook_records(&calls, address).await?;
        let mut said = Vec::new();
        for topic in TOPICS {
            let ours: Vec<&HookRecord> = records.iter().filter(|record| record.topic == topic).collect();
            if ours.is_empty() {
                said.push(self.make_hook(&calls, topic, address, secret).await?);
            }
            for record in ours {
                let update = HookUpdate { status: ACTIVE, secret };
                let path = format!("{CORE}/webhooks/{}", record.id);
                let _: HookRecord = self.write(&calls, (Method::PUT, PUT_HOOK), &path, &update).await?;
                said.push(match record.status.as_str() {
                    ACTIVE => format!("the webhook {topic} is there and switched on"),
                    status => format!("the webhook {topic} was {status}; it is switched on again"),
                });
            }
        }
        Ok(said)
    }

    async fn make_hook(
        &self,
        calls: &Calls,
        topic: &str,
        address: &str,
        secret: &str,
    ) -> Result<String, CallError> {
        let name = format!("Kontor {topic}");
        let hook = NewHook { name: &name, topic, delivery_url: address, secret };
        let path = format!("{CORE}/webhooks");
        match self.write::<HookRecord>(calls, (Method::POST, POST_HOOK), &path, &hook).await {
            Ok(_) => Ok(format!("the webhook {topic} is made")),
            Err(CallError::Refused { problem, .. }) if problem.kind == NO_SUCH_TOPIC => {
                Ok(format!("this shop has no webhook {topic}; polling finds what it would have told"))
            }
            Err(error) => Err(error),
        }
    }

    /// The first webhook secret. WooCommerce decodes HTML entities in it before it signs.
    fn signing_secret(&self) -> Result<&str, &'static str> {
        let secret = self.signing.as_ref().map(|secret| secret.expose_secret());
        let secret = secret.ok_or("the shop has no webhook secret at hand here")?;
        if secret.chars().all(|c| c.is_ascii_alphanumeric()) {
            return Ok(secret);
        }
        Err(
            "the first of `webhook_secrets` has other characters than letters and digits, and WooCommerce would sign with \
             something else: make a new one of letters and digits",
        )
    }

    /// Tries the connection, from the outside inwards.
    pub(super) async fn look_over(&self, address: Option<&str>, now: Timestamp) -> Vec<Finding> {
        let calls = Calls::default();
        let query = [("per_page", "1")];
        let answer = match self.ask(&calls, TRY_READING, &format!("{CORE}/orders"), &query).await {
            Ok(answer) => answer,
            Err(error) => return vec![bad("credentials", self.why_not_read(&error))],
        };
        let mut findings = vec![good("credentials", "the key may read orders")];
        findings.push(self.try_writing(&calls).await);
        findings.push(clock(&answer, now));
        if let Err(why) = self.signing_secret() {
            findings.push(bad("webhooks", why.to_owned()));
        }
        let Some(address) = address else { return findings };
        match self.hook_records(&calls, address).await {
            Ok(records) => findings.extend(hooks(&records)),
            Err(error) => findings.push(bad(
                "webhooks",
                format!(
                    "the webhooks can't be looked at; the key's user has to be a shop manager or administrator ({})",
                    remedy::chain(&error)
                ),
            )),
        }
        findings
    }

    fn why_not_read(&self, error: &CallError) -> String {
        let what = match error {
            CallError::Denied { problem, .. } if problem.kind.starts_with("woocommerce_rest_") => {
                let plain = if self.base.starts_with("http://") {
                    ", or the shop is called without TLS, where WooCommerce does not take keys like this"
                } else {
                    ""
                };
                format!(
                    "the shop does not take the consumer key and secret, or their user may not see orders{plain}: make a new \
                     key under WooCommerce, Settings, Advanced, REST API, for an administrator and with read and write"
                )
            }
            CallError::Denied { .. } => {
                "something in front of the shop turns us away: let the REST API through in its firewall or security plugin"
                    .to_owned()
            }
            CallError::Refused { status: 404, problem, .. } if problem.kind == NO_ROUTE => {
                "WordPress answers, but without the REST API of WooCommerce: is the plugin switched on?".to_owned()
            }
            CallError::Refused { .. } => {
                "the REST API does not answer at this address: look at `url`, and set permalinks in WordPress to anything but \
                 \"plain\""
                    .to_owned()
            }
            CallError::Unreadable { .. }
            | CallError::Unavailable { .. }
            | CallError::RateLimited { .. }
            | CallError::Concurrent { .. }
            | CallError::Begun { .. }
            | CallError::Unmapped { .. } => "the shop can't be asked".to_owned(),
        };
        format!("{what} ({})", remedy::chain(error))
    }

    /// Whether the key may write: an order that no shop has is to be changed in nothing. Keys that may only read are turned
    /// away before WooCommerce looks for it.
    async fn try_writing(&self, calls: &Calls) -> Finding {
        let path = format!("{CORE}/orders/0");
        let tried =
            self.write::<serde_json::Value>(calls, (Method::PUT, TRY_WRITING), &path, &json!({})).await;
        match tried {
            Err(CallError::Refused { problem, .. }) if problem.kind == NO_SUCH_ORDER => {
                good("rights", "the key may write; whether its user may change orders shows with the first change")
            }
            Err(CallError::Denied { problem, .. }) if problem.kind == READ_ONLY => bad(
                "rights",
                "the key may only read: give it read and write under WooCommerce, Settings, Advanced, REST API".to_owned(),
            ),
            Err(error) => bad("rights", format!("whether the key may write can't be told ({})", remedy::chain(&error))),
            Ok(_) => bad("rights", "the shop takes changes to an order that can't be there".to_owned()),
        }
    }
}

/// How one topic stands; of several webhooks of a topic one that is called is enough.
fn hook(topic: &str, records: &[HookRecord]) -> Hook {
    let ours = || records.iter().filter(|record| record.topic == topic);
    let best = ours().find(|record| record.status == ACTIVE).or_else(|| ours().next());
    Hook {
        topic: topic.to_owned(),
        active: best.is_some_and(|record| record.status == ACTIVE),
        id: best.map(|record| record.id.to_string()),
    }
}

/// How the webhooks stand, in words.
fn hooks(records: &[HookRecord]) -> Vec<Finding> {
    let all = TOPICS.iter().map(|topic| hook(topic, records));
    let off: Vec<Finding> = all
        .filter(|hook| !hook.active)
        .map(|hook| match hook.id {
            Some(_) => bad(
                "webhooks",
                format!(
                    "the shop does not call {} any more: `kontor shops connect` switches it on",
                    hook.topic
                ),
            ),
            None => bad(
                "webhooks",
                format!("the webhook {} is not there: `kontor shops connect` makes it", hook.topic),
            ),
        })
        .collect();
    if off.is_empty() { vec![good("webhooks", "all webhooks are there and switched on")] } else { off }
}

/// How far the shop's clock is from ours, by the `Date` of its answer.
fn clock(answer: &Answer, now: Timestamp) -> Finding {
    let date = answer.headers.get("date").and_then(|date| date.to_str().ok());
    let parser = jiff::fmt::rfc2822::DateTimeParser::new();
    let Some(theirs) = date.and_then(|date| parser.parse_timestamp(date).ok()) else {
        return good("clock", "the shop does not say what time it is");
    };
    let apart = theirs.duration_since(now);
    if apart.abs() <= CLOCKS_APART {
        return good("clock", "the clocks agree");
    }
    let minutes = apart.abs().as_mins();
    let way = if apart.is_negative() { "behind" } else { "ahead of" };
    bad("clock", format!("the shop's clock is {minutes} minutes {way} ours: set the one that is wrong"))
}

fn good(what: &str, said: &str) -> Finding {
    Finding { good: true, what: what.to_owned(), said: said.to_owned() }
}

fn bad(what: &str, said: String) -> Finding {
    Finding { good: false, what: what.to_owned(), said }
}
