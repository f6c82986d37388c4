//! The Web API of one Smartstore shop: OData v4 with basic authentication. Errors say with numbers what they mean; their
//! texts are in the shop's language.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};

use http::header::ACCEPT;
use jiff::Timestamp;
use kontor_flow::remedy::Effect;
use kontor_flow::{CallError, Problem, System};
use reqwest::{Method, RequestBuilder, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::unmapped;
use super::wire::ErrorBody;
use crate::config::ShopConfig;
use crate::http::{Answer, Calls};
use crate::reading;
use crate::secrets::{MissingSecret, SecretBook};

/// How many records a page may have: a setting of the shop, told in every answer (`WebApiSettings.MaxTop`, 120 by default).
const MAX_TOP: &str = "smartstore-api-maxtop";

/// Why nobody was let in (`AccessDeniedReason.cs`).
const DENIED_BECAUSE: &str = "smartstore-api-authresultid";

/// What time it is in the shop.
const CLOCK: &str = "smartstore-api-date";

/// The longest `$top` asked for, before the shop has said how many it allows.
const TOP: u32 = 100;

/// The Web API of one shop.
pub(super) struct Api {
    base: String,
    keys: Option<(SecretString, SecretString)>,
    client: reqwest::Client,
    max_top: AtomicU32,
}

impl Api {
    pub(super) fn new(
        shop: &ShopConfig,
        secrets: &SecretBook,
        client: reqwest::Client,
    ) -> Result<Self, MissingSecret> {
        let keys = match &shop.api {
            Some(api) => {
                let secret = api.secret.as_ref().map(|secret| secrets.get(secret)).transpose()?;
                Some((secrets.get(&api.key)?, secret.unwrap_or_default()))
            }
            None => None,
        };
        let base = format!("{}/odata/v1/", shop.url.trim_end_matches('/'));
        Ok(Self { base, keys, client, max_top: AtomicU32::new(TOP) })
    }

    /// At most so many records of `wanted` can be asked for at once.
    pub(super) fn top(&self, wanted: u32) -> u32 {
        wanted.min(self.max_top.load(Ordering::Relaxed)).max(1)
    }

    fn request(&self, method: Method, url: &str) -> Result<RequestBuilder, CallError> {
        let (key, secret) =
            self.keys.as_ref().ok_or_else(|| unmapped("the shop has no `api` in kontor.yaml"))?;
        let request = self.client.request(method, url);
        let request = request.basic_auth(key.expose_secret(), Some(secret.expose_secret()));
        // Without `Accept` errors are pages for people; without the other a missing permission is a bare 500
        // (`PermissionAttribute.cs` answers 401 to calls that say they are made by a script).
        Ok(request.header(ACCEPT, "application/json").header("x-requested-with", "XMLHttpRequest"))
    }

    /// Sends a request and takes note of what the answer says of the shop.
    pub(super) async fn send(
        &self,
        calls: &Calls,
        call: &'static str,
        effect: Effect,
        request: RequestBuilder,
    ) -> Result<Answer, CallError> {
        let answer = calls.send(System::Smartstore, call, effect, request).await?;
        let told = answer.headers.get(MAX_TOP).and_then(|told| told.to_str().ok()?.trim().parse().ok());
        if let Some(most) = told.filter(|most: &u32| *most > 0) {
            self.max_top.store(most.min(TOP), Ordering::Relaxed);
        }
        Ok(answer)
    }

    /// Asks. `path` is that behind `/odata/v1/`, query included.
    pub(super) async fn ask(
        &self,
        calls: &Calls,
        call: &'static str,
        path: &str,
    ) -> Result<Answer, CallError> {
        let request = self.request(Method::GET, &format!("{}{path}", self.base))?;
        self.send(calls, call, Effect::None, request).await
    }

    /// The same, read.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        calls: &Calls,
        call: &'static str,
        path: &str,
    ) -> Result<T, CallError> {
        let answer = self.ask(calls, call, path).await?;
        understood(call, Effect::None, &answer)
    }

    /// Asks for the page a link leads to. The link comes from outside, and our keys go with the call: only its path is
    /// taken, and only if it is one of this API.
    pub(super) async fn follow<T: DeserializeOwned>(
        &self,
        calls: &Calls,
        call: &'static str,
        link: &str,
    ) -> Result<T, CallError> {
        let path = self.within(link).ok_or_else(|| CallError::Unreadable {
            system: System::Smartstore,
            call,
            effect: Effect::None,
            source: "the answer goes on at an address that is not this shop's".into(),
        })?;
        self.get(calls, call, &path).await
    }

    /// What stands in a link behind our base.
    fn within(&self, link: &str) -> Option<String> {
        let base = Url::parse(&self.base).ok()?;
        let link = base.join(link).ok()?;
        if link.host() != base.host() {
            return None;
        }
        let path = link.path().strip_prefix(base.path())?;
        Some(link.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}")))
    }

    /// Writes. The answer is as the shop gave it: also a success may have changed nothing.
    pub(super) async fn write<B: Serialize + Sync>(
        &self,
        calls: &Calls,
        call: &'static str,
        method: Method,
        path: &str,
        body: &B,
    ) -> Result<Answer, CallError> {
        let request = self.request(method, &format!("{}{path}", self.base))?.json(body);
        let answer = self.send(calls, call, Effect::Possible, request).await?;
        if answer.status.is_success() { Ok(answer) } else { Err(refusal(call, &answer)) }
    }
}

/// What time it is in the shop, as an answer tells it.
pub(super) fn clock(answer: &Answer) -> Option<Timestamp> {
    answer.headers.get(CLOCK)?.to_str().ok()?.trim().parse().ok()
}

/// The answer, if it says yes and can be read.
pub(super) fn understood<T: DeserializeOwned>(
    call: &'static str,
    effect: Effect,
    answer: &Answer,
) -> Result<T, CallError> {
    if !answer.status.is_success() {
        return Err(refusal(call, answer));
    }
    reading::body(&answer.body).map_err(|error| CallError::Unreadable {
        system: System::Smartstore,
        call,
        effect,
        source: error.into(),
    })
}

/// What a status means that is neither a success nor one of 5xx. The shop's own words may name persons and keys.
pub(super) fn refusal(call: &'static str, answer: &Answer) -> CallError {
    let (system, status) = (System::Smartstore, answer.status.as_u16());
    let error = reading::body::<ErrorBody>(&answer.body).ok().map(|body| body.error);
    let detail = error.as_ref().map(|error| error.message.chars().take(500).collect());
    let code = error.map(|error| error.code).filter(|code| !code.is_empty());
    let kind = code.unwrap_or_else(|| "http".to_owned());
    let problem =
        |title: &str| Problem { kind: kind.clone(), title: title.to_owned(), location: None, detail };
    match status {
        401 | 403 | 421 => CallError::Denied { system, call, status, problem: problem(denial(answer)) },
        404 => {
            CallError::Refused { system, call, status, problem: problem("the shop has nothing of that id") }
        }
        409 => {
            CallError::Concurrent { system, call, problem: problem("somebody else wrote at the same time") }
        }
        422 => {
            let title = "a rule of the shop is against it; its own words are kept with the failure";
            CallError::Refused { system, call, status, problem: problem(title) }
        }
        _ => {
            let title = "the shop does not take this call; its own words are kept with the failure";
            CallError::Refused { system, call, status, problem: problem(title) }
        }
    }
}

/// Why the shop lets nobody in, in words for a person.
pub(super) fn denial(answer: &Answer) -> &'static str {
    let reason = answer.headers.get(DENIED_BECAUSE).and_then(|reason| reason.to_str().ok());
    match (reason.map(str::trim), answer.status.as_u16()) {
        (Some("0"), _) => "the Web API of the shop is switched off: activate it in its configuration",
        (Some("1"), _) | (None, 421) => {
            "the shop wants to be called by https: check `url` and its SSL setting"
        }
        (Some("2"), _) => "the shop cannot read our credentials: check `api` of the shop in kontor.yaml",
        (Some("3"), _) => {
            "the keys are wrong: compare public and secret key with those in the shop's Web API users"
        }
        (Some("4"), _) => "the shop has no user with this public key: give the API user keys in the shop",
        (Some("5"), _) => "the API user is switched off in the shop",
        (Some(_) | None, _) => {
            "the API user lacks a permission: its customer roles need order.read, order.update and order.editshipment"
        }
    }
}

/// A query, with what must not stand in an address written in its other form. Brackets, commas and the like stay: the address
/// has to be short, IIS takes 2048 characters.
pub(super) fn query(parameters: &[(&str, &str)]) -> String {
    let mut out = String::new();
    for (name, value) in parameters {
        out.push(if out.is_empty() { '?' } else { '&' });
        out.push_str(name);
        out.push('=');
        for byte in value.bytes() {
            let plain = byte.is_ascii_alphanumeric() || b"-._~(),;=$'/*!:@".contains(&byte);
            if plain {
                out.push(char::from(byte));
            } else if write!(out, "%{byte:02X}").is_err() {
                // A text takes everything.
            }
        }
    }
    out
}
