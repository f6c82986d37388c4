//! One call to the Admin GraphQL API: its errors come with status 200, so the body decides.

use std::time::Duration;

use http::HeaderValue;
use kontor_flow::remedy::Effect;
use kontor_flow::{CallError, Problem, System};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::graphql::{Cost, Reply, Request, TopError, UserError};
use super::unmapped;
use crate::config::ShopConfig;
use crate::http::{Answer, Calls};
use crate::reading::{self, Token};
use crate::secrets::{MissingSecret, SecretBook};

/// The version of the Admin API our operations are validated against.
pub(super) const VERSION: &str = "2026-10";

/// The longest that a hint of Shopify's makes us wait, in seconds.
const LONGEST_WAIT: u64 = 60;

/// What a poll leaves in the bucket, in points: room for some ten commands.
const RESERVE: u32 = 200;

/// The code of a question that may cost more than one question may.
pub(super) const TOO_COSTLY: &str = "MAX_COST_EXCEEDED";

/// The Admin API of one shop.
pub(super) struct Api {
    url: String,
    token: Option<SecretString>,
    client: reqwest::Client,
}

impl Api {
    pub(super) fn new(
        shop: &ShopConfig,
        secrets: &SecretBook,
        client: reqwest::Client,
    ) -> Result<Self, MissingSecret> {
        let token = shop.api.as_ref().map(|api| secrets.get(&api.key)).transpose()?;
        let url = format!("{}/admin/api/{VERSION}/graphql.json", shop.url.trim_end_matches('/'));
        Ok(Self { url, token, client })
    }

    /// Sends one operation. `effect` is what may have become of it if no answer comes.
    pub(super) async fn ask<V: Serialize, T: DeserializeOwned>(
        &self,
        calls: &Calls,
        call: &'static str,
        effect: Effect,
        query: &str,
        variables: V,
    ) -> Result<T, CallError> {
        Ok(self.ask_with_cost(calls, call, effect, query, variables).await?.0)
    }

    /// The same, with what it cost and what is left to spend.
    pub(super) async fn ask_with_cost<V: Serialize, T: DeserializeOwned>(
        &self,
        calls: &Calls,
        call: &'static str,
        effect: Effect,
        query: &str,
        variables: V,
    ) -> Result<(T, Option<Cost>), CallError> {
        let answer = self.send(calls, call, effect, query, variables).await?;
        understood(call, effect, &answer)
    }

    /// The answer as it came, whatever it says.
    pub(super) async fn send<V: Serialize>(
        &self,
        calls: &Calls,
        call: &'static str,
        effect: Effect,
        query: &str,
        variables: V,
    ) -> Result<Answer, CallError> {
        let token = self.token.as_ref().ok_or_else(|| unmapped("the shop has no `api` in kontor.yaml"))?;
        let mut token = HeaderValue::from_str(token.expose_secret())
            .map_err(|_| unmapped("the access token has a character in it that no token has"))?;
        token.set_sensitive(true);
        let request = self.client.post(&self.url).header("x-shopify-access-token", token);
        let request = request.json(&Request { query, variables });
        calls.send(System::Shopify, call, effect, request).await
    }
}

fn problem(kind: &str, title: &str) -> Problem {
    Problem { kind: kind.to_owned(), title: title.to_owned(), ..Problem::default() }
}

/// What an answer says.
pub(super) fn understood<T: DeserializeOwned>(
    call: &'static str,
    effect: Effect,
    answer: &Answer,
) -> Result<(T, Option<Cost>), CallError> {
    let (system, status) = (System::Shopify, answer.status.as_u16());
    match status {
        200..=299 => {}
        401 | 403 => {
            let problem = problem("http", "the access token is wrong or has too few rights");
            return Err(CallError::Denied { system, call, status, problem });
        }
        _ => {
            let problem = problem("http", "the shop does not answer there as the Admin API does");
            return Err(CallError::Refused { system, call, status, problem });
        }
    }
    let unreadable = |source| CallError::Unreadable { system, call, effect, source };
    let reply: Reply<T> = reading::body(&answer.body).map_err(|error| unreadable(error.into()))?;
    let cost = reply.extensions.and_then(|extensions| extensions.cost);
    match (reply.errors, reply.data) {
        (Some(errors), _) => Err(top_error(call, effect, status, errors, cost.as_ref())),
        (None, Some(data)) => Ok((data, cost)),
        (None, None) => Err(unreadable("neither data nor errors are in it".into())),
    }
}

/// What a top-level error means. Nothing was done for any of them but an error inside Shopify.
fn top_error(
    call: &'static str,
    effect: Effect,
    status: u16,
    errors: serde_json::Value,
    cost: Option<&Cost>,
) -> CallError {
    let system = System::Shopify;
    let errors: Vec<TopError> = serde_json::from_value(errors).unwrap_or_default();
    let first = errors.into_iter().next();
    let message =
        first.as_ref().map_or("an error that cannot be read", |error| error.message.as_str()).to_owned();
    let code = first.and_then(|error| error.extensions?.code).unwrap_or_else(|| "graphql".to_owned());
    match code.as_str() {
        "THROTTLED" => CallError::RateLimited { system, call, after: cost.and_then(Cost::wait) },
        "ACCESS_DENIED" => CallError::Denied { system, call, status, problem: problem(&code, &message) },
        "INTERNAL_SERVER_ERROR" => {
            CallError::Unavailable { system, call, effect, after: None, source: message.into() }
        }
        _ => CallError::Refused { system, call, status, problem: problem(&code, &message) },
    }
}

impl Cost {
    /// How long until the bucket holds what the operation costs.
    fn wait(&self) -> Option<Duration> {
        let missing = self.missing(Decimal::ZERO)?;
        Some(missing.max(Duration::from_secs(1)))
    }

    /// How long until the bucket holds what the same operation costs, and something for those that cannot wait.
    pub(super) fn pause(&self) -> Option<Duration> {
        self.missing(Decimal::from(RESERVE))
    }

    fn missing(&self, reserve: Decimal) -> Option<Duration> {
        let read = |token: &Token| token.as_str().parse::<Decimal>().ok();
        let throttle = self.throttle_status.as_ref()?;
        let cost = read(self.requested_query_cost.as_ref()?)?;
        // No bucket ever holds more than it can.
        let most = throttle.maximum_available.as_ref().and_then(read).unwrap_or(Decimal::MAX);
        let wanted = cost.checked_add(reserve)?.min(most);
        let missing = wanted.checked_sub(read(&throttle.currently_available)?)?.max(Decimal::ZERO);
        let seconds = missing.checked_div(read(&throttle.restore_rate)?)?.ceil();
        Some(Duration::from_secs(seconds.to_u64()?.min(LONGEST_WAIT)))
    }
}

/// What Shopify says of a fulfilment order that somebody shipped between our look and our call (recorded 2026-06-26).
const SHIPPED_MEANWHILE: &str = "unfulfillable status= closed";

/// Whether a mutation was done: user errors say that it was not.
pub(super) fn settled(call: &'static str, errors: &[UserError]) -> Result<(), CallError> {
    let Some(first) = errors.first() else { return Ok(()) };
    let location = first.field.as_ref().map(|field| field.join("."));
    let problem =
        Problem { kind: "user_error".to_owned(), title: first.message.clone(), location, detail: None };
    if first.message.contains(SHIPPED_MEANWHILE) {
        return Err(CallError::Concurrent { system: System::Shopify, call, problem });
    }
    Err(CallError::Refused { system: System::Shopify, call, status: 200, problem })
}
