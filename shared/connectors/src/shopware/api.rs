//! Calls to Shopware's Admin API: access tokens that live for ten minutes, searches, and errors in its form.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kontor_flow::ports::Tokens;
use kontor_flow::remedy::Effect;
use kontor_flow::{CallError, Problem, System};
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

use super::app::{Installation, token_name};
use super::wire::{Errors, Grant, Granted};
use crate::config::ShopConfig;
use crate::http::{Answer, Calls};
use crate::reading;
use crate::secrets::{MissingSecret, SecretBook};

const TOKEN: &str = "POST /oauth/token";

/// So long before it ends a token is not used any more: a call takes time, and clocks differ.
const RESERVE: Duration = Duration::from_secs(60);

/// Where access key id and secret access key come from.
enum Keys {
    /// An integration that a person made.
    Given(SecretString, SecretString),
    /// The shop handed them over when Kontor was installed there as an app; kept under this name.
    Installed(Arc<dyn Tokens>, String),
    /// Nowhere from.
    None(&'static str),
}

/// An access token; good until then, by our clock.
#[derive(Clone)]
struct Access {
    token: SecretString,
    until: Timestamp,
}

/// The Admin API of one shop.
pub(super) struct Api {
    base: String,
    keys: Keys,
    access: Mutex<Option<Access>>,
    client: reqwest::Client,
}

impl Api {
    pub(super) fn new(
        shop: &ShopConfig,
        secrets: &SecretBook,
        client: reqwest::Client,
        tokens: Option<Arc<dyn Tokens>>,
    ) -> Result<Self, MissingSecret> {
        let keys = match (&shop.api, tokens) {
            (Some(api), _) => {
                let secret = api.secret.as_ref().map(|secret| secrets.get(secret)).transpose()?;
                Keys::Given(secrets.get(&api.key)?, secret.unwrap_or_default())
            }
            (None, Some(tokens)) => Keys::Installed(tokens, token_name(&shop.id)),
            (None, None) => Keys::None(
                "the shop has no `api` in kontor.yaml, and the keys it hands to the app are only known to the Kontor that runs",
            ),
        };
        let base = format!("{}/api", shop.url.trim_end_matches('/'));
        Ok(Self { base, keys, access: Mutex::new(None), client })
    }

    /// Asks for records and reads them.
    pub(super) async fn search<T: DeserializeOwned>(
        &self,
        calls: &Calls,
        call: &'static str,
        entity: &str,
        criteria: &serde_json::Value,
        now: Timestamp,
    ) -> Result<T, CallError> {
        let answer = self.ask(calls, call, &format!("search/{entity}"), criteria, now).await?;
        read(call, Effect::None, &answer)
    }

    /// The same, unread.
    pub(super) async fn ask(
        &self,
        calls: &Calls,
        call: &'static str,
        path: &str,
        body: &serde_json::Value,
        now: Timestamp,
    ) -> Result<Answer, CallError> {
        self.send(calls, call, Effect::None, now, |token| self.request(Method::POST, path, token).json(body))
            .await
    }

    /// Reads something that has an address of its own.
    pub(super) async fn get(
        &self,
        calls: &Calls,
        call: &'static str,
        path: &str,
        now: Timestamp,
    ) -> Result<Answer, CallError> {
        self.send(calls, call, Effect::None, now, |token| self.request(Method::GET, path, token)).await
    }

    /// Changes something. Every change Kontor makes may be made twice.
    pub(super) async fn change<B: Serialize + Sync>(
        &self,
        calls: &Calls,
        call: &'static str,
        method: Method,
        path: &str,
        body: &B,
        now: Timestamp,
    ) -> Result<Answer, CallError> {
        let make = |token: &str| self.request(method.clone(), path, token).json(body);
        self.send(calls, call, Effect::Possible, now, make).await
    }

    fn request(&self, method: Method, path: &str, token: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}/{path}", self.base));
        // Without it Shopware answers in the form of JSON:API.
        request.bearer_auth(token).header("accept", "application/json")
    }

    /// Sends a request with an access token, and once more with a new one if the shop does not take that any more.
    async fn send(
        &self,
        calls: &Calls,
        call: &'static str,
        effect: Effect,
        now: Timestamp,
        make: impl Fn(&str) -> RequestBuilder + Send + Sync,
    ) -> Result<Answer, CallError> {
        let token = self.token(calls, now, None).await?;
        let answer = calls.send(System::Shopware, call, effect, make(token.expose_secret())).await?;
        if answer.status.as_u16() != 401 {
            return settled(call, answer);
        }
        let token = self.token(calls, now, Some(&token)).await?;
        let answer = calls.send(System::Shopware, call, effect, make(token.expose_secret())).await?;
        settled(call, answer)
    }

    /// The access token, a new one if there is none, it ends soon, or it is the one the shop refused. Who waits here finds
    /// the one that was just got.
    async fn token(
        &self,
        calls: &Calls,
        now: Timestamp,
        refused: Option<&SecretString>,
    ) -> Result<SecretString, CallError> {
        let mut kept = self.access.lock().await;
        if let Some(access) = kept.as_ref().filter(|access| now < access.until)
            && refused.is_none_or(|refused| refused.expose_secret() != access.token.expose_secret())
        {
            return Ok(access.token.clone());
        }
        *kept = None;
        let access = self.granted(calls, now).await?;
        let token = access.token.clone();
        *kept = Some(access);
        Ok(token)
    }

    async fn granted(&self, calls: &Calls, now: Timestamp) -> Result<Access, CallError> {
        let (id, secret) = self.keys().await?;
        let grant = Grant {
            grant_type: "client_credentials",
            client_id: id.expose_secret(),
            client_secret: secret.expose_secret(),
        };
        let request = self.client.post(format!("{}/oauth/token", self.base)).json(&grant);
        let answer = calls.send(System::Shopware, TOKEN, Effect::None, request).await?;
        let status = answer.status.as_u16();
        if !answer.status.is_success() {
            // Wrong keys are 400 or 401, depending on the version.
            let (system, problem) = (System::Shopware, problem(&answer));
            return Err(CallError::Denied { system, call: TOKEN, status, problem });
        }
        let granted: Granted = read(TOKEN, Effect::None, &answer)?;
        let lives = Duration::from_secs(granted.expires_in.into());
        let until = now.saturating_add(lives.saturating_sub(RESERVE)).unwrap_or(now);
        Ok(Access { token: SecretString::from(granted.access_token), until })
    }
}

impl Api {
    /// Read anew for every token: a shop that registers again hands over other keys.
    async fn keys(&self) -> Result<(SecretString, SecretString), CallError> {
        let (tokens, name) = match &self.keys {
            Keys::Given(id, secret) => return Ok((id.clone(), secret.clone())),
            Keys::None(why) => return Err(super::unmapped(why)),
            Keys::Installed(tokens, name) => (tokens, name),
        };
        let kept = tokens.load(name).await.map_err(|error| CallError::Unavailable {
            system: System::Shopware,
            call: TOKEN,
            effect: Effect::None,
            after: None,
            source: error.into(),
        })?;
        let keys = kept.and_then(|kept| Installation::parse(&kept.text).keys());
        keys.ok_or_else(|| {
            super::unmapped("the app is not installed in the shop: `kontor shops connect` says how to, or give the shop an `api`")
        })
    }
}

/// What an answer says.
pub(super) fn read<T: DeserializeOwned>(
    call: &'static str,
    effect: Effect,
    answer: &Answer,
) -> Result<T, CallError> {
    reading::body(&answer.body).map_err(|error| CallError::Unreadable {
        system: System::Shopware,
        call,
        effect,
        source: error.into(),
    })
}

/// The answer, if it says yes.
fn settled(call: &'static str, answer: Answer) -> Result<Answer, CallError> {
    let (system, status) = (System::Shopware, answer.status.as_u16());
    match status {
        200..=299 => Ok(answer),
        401 | 403 => Err(CallError::Denied { system, call, status, problem: problem(&answer) }),
        _ => Err(CallError::Refused { system, call, status, problem: problem(&answer) }),
    }
}

/// The first of Shopware's errors, in its own words.
fn problem(answer: &Answer) -> Problem {
    let errors = reading::body::<Errors>(&answer.body).ok();
    let Some(first) = errors.and_then(|errors| errors.errors.into_iter().next()) else {
        let title = "no answer of Shopware's".to_owned();
        return Problem { kind: "http".to_owned(), title, ..Problem::default() };
    };
    Problem {
        kind: first.code.0.map_or_else(|| "error".to_owned(), |code| code.as_str().to_owned()),
        title: first.title.unwrap_or_default(),
        location: first.source.0.and_then(|source| source.pointer),
        detail: first.detail,
    }
}
