//! Calls to the REST API of WooCommerce and its plugins: addresses, keys, answers, refusals.

use kontor_flow::remedy::Effect;
use kontor_flow::{CallError, Problem, System};
use reqwest::{Method, RequestBuilder};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::WooCommerce;
use super::wire::ErrorBody;
use crate::http::{Answer, Calls};
use crate::reading;

/// The code of a 404 for an order; a 404 without it is a wrong address.
pub(super) const NO_SUCH_ORDER: &str = "woocommerce_rest_shop_order_invalid_id";

/// The code of a 404 for a path that nothing answers to: the plugin or the feature is not there.
pub(super) const NO_ROUTE: &str = "rest_no_route";

/// The API of WooCommerce itself.
pub(super) const CORE: &str = "wc/v3";

impl WooCommerce {
    /// A request to `path` below `/wp-json/`, as in `wc/v3/orders/17`.
    pub(super) fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, CallError> {
        let (key, secret) =
            self.keys.as_ref().ok_or_else(|| unmapped("the shop has no `api` in kontor.yaml"))?;
        let request = self.client.request(method, format!("{}/{path}", self.base));
        Ok(request.basic_auth(key.expose_secret(), Some(secret.expose_secret())))
    }

    /// Asks for `path`, with parameters. Answers a yes as it came, to read its headers too.
    pub(super) async fn ask(
        &self,
        calls: &Calls,
        call: &'static str,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Answer, CallError> {
        let request = self.request(Method::GET, path)?.query(query);
        let answer = calls.send(System::Woocommerce, call, Effect::None, request).await?;
        granted(call, answer)
    }

    /// Asks for `path`.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        calls: &Calls,
        call: &'static str,
        path: &str,
    ) -> Result<T, CallError> {
        understood(call, Effect::None, &self.ask(calls, call, path, &[]).await?)
    }

    /// Asks for `path`; none if the shop has nothing that answers to it.
    pub(super) async fn get_if_there<T: DeserializeOwned>(
        &self,
        calls: &Calls,
        call: &'static str,
        path: &str,
    ) -> Result<Option<T>, CallError> {
        match self.get(calls, call, path).await {
            Err(CallError::Refused { status: 404, problem, .. }) if problem.kind == NO_ROUTE => Ok(None),
            answer => answer.map(Some),
        }
    }

    /// Writes to `path`.
    pub(super) async fn write<T: DeserializeOwned>(
        &self,
        calls: &Calls,
        (method, call): (Method, &'static str),
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<T, CallError> {
        let request = self.request(method, path)?.json(body);
        let answer = calls.send(System::Woocommerce, call, Effect::Possible, request).await?;
        understood(call, Effect::Possible, &granted(call, answer)?)
    }
}

/// The answer, if it says yes.
fn granted(call: &'static str, answer: Answer) -> Result<Answer, CallError> {
    let system = System::Woocommerce;
    let status = answer.status.as_u16();
    if answer.status.is_success() {
        return Ok(answer);
    }
    let problem = match reading::body::<ErrorBody>(&answer.body) {
        Ok(error) => {
            Problem { kind: error.code.as_str().to_owned(), title: error.message, ..Problem::default() }
        }
        Err(_) => Problem {
            kind: "http".to_owned(),
            title: "no answer of WooCommerce's".to_owned(),
            ..Problem::default()
        },
    };
    Err(match status {
        401 | 403 => CallError::Denied { system, call, status, problem },
        _ => CallError::Refused { system, call, status, problem },
    })
}

/// What the answer says.
pub(super) fn understood<T: DeserializeOwned>(
    call: &'static str,
    effect: Effect,
    answer: &Answer,
) -> Result<T, CallError> {
    let system = System::Woocommerce;
    reading::body(&answer.body).map_err(|error| CallError::Unreadable {
        system,
        call,
        effect,
        source: error.into(),
    })
}

/// How many pages there are by `X-WP-TotalPages`.
pub(super) fn pages(answer: &Answer) -> Option<u32> {
    answer.headers.get("x-wp-totalpages")?.to_str().ok()?.trim().parse().ok()
}

pub(super) fn refused(call: &'static str, status: u16, kind: &str, title: &str) -> CallError {
    let problem = Problem { kind: kind.to_owned(), title: title.to_owned(), ..Problem::default() };
    CallError::Refused { system: System::Woocommerce, call, status, problem }
}

pub(super) fn unmapped(what: &str) -> CallError {
    CallError::Unmapped { system: System::Woocommerce, what: what.to_owned() }
}
