//! Webhooks behind an HTTP API: its requests (payload format 2.0), its answers. A request never ends in an error of the function.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::FutureExt as _;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use kontor_connectors::config::{Scope, ShopKind};
use kontor_connectors::shopware::app::AppGate;
use kontor_connectors::{Delivery, Gate, HintGate};
use kontor_flow::message::LONGEST_BODY;
use kontor_flow::ports::{Sender, Tokens};
use kontor_flow::remedy::{BoxError, chain};
use serde::{Deserialize, Serialize};

use super::{Deployed, Made, serve};
use crate::apps::{AppReply, Apps};
use crate::book::Library;
use crate::webhook::{Reply, receive_delivery, receive_hint};
use crate::{clock, settings};

/// A request, as an HTTP API hands it over; what is not read is left out
/// (API Gateway developer guide, "AWS Lambda proxy integrations for HTTP APIs"). `Debug` shows how long it is, no more.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Request {
    headers: Option<BTreeMap<String, String>>,
    path_parameters: Option<BTreeMap<String, String>>,
    /// The method and the path of its route, as in `POST /webhooks/shopware/{shop}`.
    route_key: Option<String>,
    /// What stands behind the `?`, as it was sent.
    raw_query_string: Option<String>,
    body: Option<String>,
    is_base64_encoded: bool,
}

/// The answer to it.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    status_code: u16,
    headers: BTreeMap<&'static str, &'static str>,
    body: Cow<'static, str>,
}

impl From<Reply> for Response {
    fn from(reply: Reply) -> Self {
        Self {
            status_code: reply.status(),
            headers: BTreeMap::from([("content-type", "text/plain; charset=utf-8")]),
            body: Cow::Borrowed(reply.text()),
        }
    }
}

impl From<AppReply> for Response {
    fn from(reply: AppReply) -> Self {
        let kind = if reply.is_json() { "application/json" } else { "text/plain; charset=utf-8" };
        let status_code = reply.status();
        Self {
            status_code,
            headers: BTreeMap::from([("content-type", kind)]),
            body: Cow::Owned(reply.into_text()),
        }
    }
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (headers, body) = (self.headers.as_ref().map_or(0, BTreeMap::len), self.body.as_ref());
        write!(f, "Request({headers} headers, {} bytes)", body.map_or(0, String::len))
    }
}

impl Request {
    fn parameter(&self, name: &str) -> &str {
        self.path_parameters.as_ref().and_then(|all| all.get(name)).map_or("", String::as_str)
    }

    /// Headers as HTTP has them. One that HTTP could not have had is dropped; nothing is proven by it.
    fn headers(&self) -> HeaderMap {
        let all = self.headers.iter().flatten();
        let header = |(name, value): (&String, &String)| {
            Some((HeaderName::try_from(name.as_str()).ok()?, HeaderValue::from_bytes(value.as_bytes()).ok()?))
        };
        all.filter_map(header).collect()
    }

    /// The body as it was sent. What is too long is not even decoded.
    fn body(self) -> Result<Bytes, Reply> {
        let body = self.body.unwrap_or_default();
        let bytes = if self.is_base64_encoded { (body.len() / 4).saturating_mul(3) } else { body.len() };
        // Decoded, it may be up to two bytes shorter.
        if bytes > LONGEST_BODY.saturating_add(2) {
            return Err(Reply::TooLarge);
        }
        if !self.is_base64_encoded {
            return Ok(body.into());
        }
        STANDARD.decode(body).map(Bytes::from).map_err(|_| Reply::BadRequest)
    }
}

/// Takes deliveries of one kind of shop.
pub struct Door {
    library: Arc<Library>,
    sender: Arc<dyn Sender>,
    kind: ShopKind,
    gates: Made<Gate>,
}

impl Door {
    /// Takes deliveries of shops of `kind`.
    #[must_use]
    pub fn new(library: Arc<Library>, sender: Arc<dyn Sender>, kind: ShopKind) -> Self {
        Self { library, sender, kind, gates: Made::default() }
    }

    /// Takes one delivery.
    pub async fn answer(&self, request: Request, now: Timestamp) -> Reply {
        let (shop, headers) = (request.parameter("shop").to_owned(), request.headers());
        let query = request.raw_query_string.clone().filter(|_| self.kind == ShopKind::Smartstore);
        let body = match request.body() {
            Ok(body) => body,
            Err(reply) => return reply,
        };
        let delivery = Delivery::new(headers, body, now).with_query(query);
        match self.gate(now).await {
            Ok(gate) => receive_delivery(&gate, self.sender.as_ref(), &shop, delivery).await,
            Err(error) => unavailable(error.as_ref()),
        }
    }

    async fn gate(&self, now: Timestamp) -> Result<Arc<Gate>, BoxError> {
        let book = self.library.book(now).await?;
        Ok(self.gates.of(&book, |book| Gate::build(&book.config, self.kind, &book.secrets))?)
    }
}

/// Takes deliveries of Shopware shops, and their registrations.
pub struct AppDoor {
    door: Door,
    apps: Apps,
    gates: Made<AppGate>,
}

impl AppDoor {
    /// With what shops handed to us in `tokens`.
    #[must_use]
    pub fn new(library: Arc<Library>, sender: Arc<dyn Sender>, tokens: Arc<dyn Tokens>) -> Self {
        let door = Door::new(library, sender, ShopKind::Shopware);
        Self { door, apps: Apps { tokens }, gates: Made::default() }
    }

    /// Takes one request, whichever of the three it is.
    pub async fn answer(&self, request: Request, now: Timestamp) -> Response {
        let (shop, headers) = (request.parameter("shop").to_owned(), request.headers());
        let query = request.raw_query_string.clone().unwrap_or_default();
        let route = request.route_key.clone().unwrap_or_default();
        let body = match request.body() {
            Ok(body) => body,
            Err(reply) => return reply.into(),
        };
        let (gate, app_gate) = match self.gates(now).await {
            Ok(gates) => gates,
            Err(error) => return unavailable(error.as_ref()).into(),
        };
        match route.as_str() {
            settings::APP_REGISTER => {
                let fresh = clock::new_secret();
                self.apps.register(&app_gate, &shop, &headers, &query, &fresh, now).await.into()
            }
            settings::APP_CONFIRM => self.apps.confirm(&app_gate, &shop, &headers, &body, now).await.into(),
            _ => {
                let sender = self.door.sender.as_ref();
                self.apps.receive((&gate, &app_gate), sender, &shop, headers, body, now).await.into()
            }
        }
    }

    async fn gates(&self, now: Timestamp) -> Result<(Arc<Gate>, Arc<AppGate>), BoxError> {
        let gate = self.door.gate(now).await?;
        let book = self.door.library.book(now).await?;
        Ok((gate, self.gates.of(&book, |book| AppGate::build(&book.config, &book.secrets))?))
    }
}

/// Takes hints of the ERP.
pub struct HintDoor {
    library: Arc<Library>,
    sender: Arc<dyn Sender>,
    gates: Made<HintGate>,
}

impl HintDoor {
    /// Takes hints of the configured ERP.
    #[must_use]
    pub fn new(library: Arc<Library>, sender: Arc<dyn Sender>) -> Self {
        Self { library, sender, gates: Made::default() }
    }

    /// Takes one hint.
    pub async fn answer(&self, request: Request, now: Timestamp) -> Reply {
        let secret = request.parameter("secret").to_owned();
        let body = match request.body() {
            Ok(body) => body,
            Err(reply) => return reply,
        };
        match self.gate(now).await {
            Ok(gate) => receive_hint(&gate, self.sender.as_ref(), &secret, &body).await,
            Err(error) => unavailable(error.as_ref()),
        }
    }

    async fn gate(&self, now: Timestamp) -> Result<Arc<HintGate>, BoxError> {
        let book = self.library.book(now).await?;
        Ok(self.gates.of(&book, |book| HintGate::build(&book.config.erp, &book.secrets))?)
    }
}

fn unavailable(error: &(dyn std::error::Error + 'static)) -> Reply {
    tracing::error!(cause = %chain(error), "deliveries cannot be proven without a configuration");
    Reply::Unavailable
}

/// Whatever happens on the way, the shop gets an answer, and sends again.
async fn answered<R: Into<Response>>(work: impl Future<Output = R>) -> Result<Response, BoxError> {
    let reply = AssertUnwindSafe(work).catch_unwind().await;
    Ok(reply.map_or_else(|_| Reply::Unavailable.into(), Into::into))
}

/// The function that takes deliveries of shops of `kind`, on a path with `{shop}`.
///
/// # Errors
/// If it can't start.
pub async fn webhook(house: Deployed, kind: ShopKind) -> Result<(), lambda_runtime::Error> {
    let library = house.library(Scope::Webhooks(kind), house.vault()?).await;
    let door = &Door::new(library, house.queues(), kind);
    serve(house.signals, |request, _| answered(door.answer(request, clock::now()))).await
}

/// The function that takes deliveries of Shopware shops, and their registrations.
///
/// # Errors
/// If it can't start.
pub async fn apps(house: Deployed) -> Result<(), lambda_runtime::Error> {
    let library = house.library(Scope::Webhooks(ShopKind::Shopware), house.vault()?).await;
    let door = &AppDoor::new(library, house.queues(), house.store());
    serve(house.signals, |request, _| answered(door.answer(request, clock::now()))).await
}

/// The function that takes hints of the ERP, on a path with `{secret}`.
///
/// # Errors
/// If it can't start.
pub async fn hints(house: Deployed) -> Result<(), lambda_runtime::Error> {
    let library = house.library(Scope::Hints, house.vault()?).await;
    let door = &HintDoor::new(library, house.queues());
    serve(house.signals, |request, _| answered(door.answer(request, clock::now()))).await
}
