//! Kontor as an app of a Shopware 6 shop: how the shop registers with us, and what it hands to us.
//!
//! The shop asks for a secret (signed with the app's own, from `manifest.xml`), we answer with a new one and a proof, the
//! shop confirms (signed with the new one) and hands over its access keys. A shop that registers again signs with the
//! secret it has as well, and what was is good until it confirms; in-flight webhooks with the old one for a minute longer. Where
//! our answer to its confirmation is lost, the shop keeps the old one: so that counts until the new one was seen.

mod installation;

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use kontor_domain::ShopId;
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

pub use self::installation::Installation;
use self::installation::{Pending, Previous, Registered};
use crate::config::{Config, ShopConfig, ShopKind};
use crate::reading;
use crate::secrets::{MissingSecret, SecretBook};

/// The app's name in every shop; part of what it proves.
pub const APP: &str = "Kontor";

const APP_SIGNATURE: &str = "shopware-app-signature";
const SHOP_SIGNATURE: &str = "shopware-shop-signature";
const OLD_SHOP_SIGNATURE: &str = "shopware-shop-signature-previous";

/// How far the time in a registration may be from ours, either way: a registration that somebody caught is good no longer.
pub const CLOCKS_APART: SignedDuration = SignedDuration::from_mins(5);

/// How long a secret for a shop may be (Shopware refuses others).
const SECRET_LENGTH: std::ops::RangeInclusive<usize> = 64..=255;

/// The event that tells of the app's removal.
const REMOVED: &str = "app.deleted";

/// Why a shop can't register. Says nothing about secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AppError {
    /// There is no such shop with an app here; outside that looks like a wrong signature.
    #[error("no shop with an app has this id")]
    Unknown,
    /// It has no signature, or not ours.
    #[error("the signature is wrong")]
    Wrong,
    /// A shop that is registered must sign with the secret it has, too.
    #[error(
        "the shop is registered, but does not sign with the secret it has: if the app was removed there and no word of that \
         came through, give it a new app_secret"
    )]
    NotProven,
    /// It was signed too long ago, or is yet to be.
    #[error(
        "the request was signed {apart} seconds from now by our clock, and at most {most} are taken: it was sent before, or the clocks of the \
         shop and of Kontor differ; set them, and install or update the app again",
        most = CLOCKS_APART.as_secs()
    )]
    Stale {
        /// How far from now, in seconds; below zero is the past.
        apart: i64,
    },
    /// Another shop, or a copy, with our manifest.
    #[error("the shop has another address than kontor.yaml says")]
    Elsewhere,
    /// Something is missing, or there twice.
    #[error("the request is none of Shopware's")]
    Unreadable,
    /// Nobody asked for a secret before.
    #[error("there is nothing to confirm; register first")]
    NothingAsked,
    /// It is not known what the shop should confirm at.
    #[error("kontor.yaml has no public_url, so the shop can't be told where to confirm")]
    NoAddress,
}

/// The name under which is kept what the shop handed to us.
#[must_use]
pub fn token_name(shop: &ShopId) -> String {
    format!("shopware/{shop}")
}

/// A signature of Shopware's: hex of HMAC-SHA256.
#[must_use]
pub fn signature(secret: &SecretString, message: &[u8]) -> String {
    let Ok(mac) = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()) else {
        return String::new();
    };
    hex::encode(mac.chain_update(message).finalize().into_bytes())
}

/// What the app proves to a shop that registers; `url` exactly as the shop wrote it.
#[must_use]
pub fn proof(secret: &SecretString, shop_id: &str, url: &str, app: &str) -> String {
    signature(secret, format!("{shop_id}{url}{app}").as_bytes())
}

fn is_signed(secret: &SecretString, message: &[u8], headers: &HeaderMap, header: &str) -> bool {
    let told = headers.get(header).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let ours = signature(secret, message);
    let signed = ours.as_bytes().ct_eq(told.trim().to_ascii_lowercase().as_bytes());
    bool::from(signed) && !ours.is_empty() && !secret.expose_secret().is_empty()
}

/// The address of a shop as it is kept: no double slashes, none at the end.
#[must_use]
pub fn sanitised(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").map_or((None, url), |(scheme, rest)| (Some(scheme), rest));
    let parts: Vec<&str> = rest.split('/').filter(|part| !part.is_empty()).collect();
    let rest = parts.join("/");
    scheme.map_or(rest.clone(), |scheme| format!("{scheme}://{rest}"))
}

/// What two addresses of the same shop have in common: everything but the scheme and capitals in the host.
fn place(url: &str) -> Option<(String, Option<u16>, String)> {
    let url = Url::parse(&sanitised(url)).ok()?;
    let host = url.host_str()?.to_ascii_lowercase();
    Some((host, url.port(), url.path().trim_end_matches('/').to_owned()))
}

/// Whether a proven webhook tells that the app was removed from the shop.
#[must_use]
pub fn is_removal(body: &[u8]) -> bool {
    let told = reading::body::<super::wire::Wrapped>(body).ok().and_then(|wrapped| wrapped.data.0);
    told.and_then(|data| data.event.0).as_deref() == Some(REMOVED)
}

/// The answer to a shop that registers.
#[derive(Serialize)]
pub struct Registration {
    /// That we know the app's secret.
    proof: String,
    /// What the shop signs with from its confirmation on.
    secret: String,
    /// Where it confirms.
    confirmation_url: String,
}

/// What a shop confirms with.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Confirmation {
    api_key: String,
    secret_key: String,
    shop_url: String,
    shop_id: String,
}

struct AppShop {
    secret: SecretString,
    /// Start of the hash of it.
    mark: String,
    url: String,
    confirm: Option<String>,
}

/// The shops that may register.
#[derive(Default)]
pub struct AppGate {
    shops: BTreeMap<ShopId, AppShop>,
}

impl AppGate {
    /// The shops of the configuration that have the app.
    ///
    /// # Errors
    /// [`MissingSecret`] if an app's secret was not resolved.
    pub fn build(config: &Config, secrets: &SecretBook) -> Result<Self, MissingSecret> {
        let mut shops = BTreeMap::new();
        for shop in config.shops.iter().filter(|shop| shop.kind == ShopKind::Shopware) {
            let Some(reference) = &shop.app_secret else { continue };
            let secret = secrets.get(reference)?;
            let hash = hex::encode(Sha256::digest(secret.expose_secret().as_bytes()));
            let mark = hash.chars().take(16).collect();
            let confirm = address(config, shop, "confirm");
            shops.insert(shop.id.clone(), AppShop { secret, mark, url: shop.url.clone(), confirm });
        }
        Ok(Self { shops })
    }

    /// Whether any shop has the app.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shops.is_empty()
    }

    fn shop(&self, shop: &str) -> Result<(&ShopId, &AppShop), AppError> {
        let id = ShopId::parse(shop).map_err(|_| AppError::Unknown)?;
        self.shops.get_key_value(&id).ok_or(AppError::Unknown)
    }

    /// The name under which is kept what the shop handed to us.
    ///
    /// # Errors
    /// [`AppError::Unknown`] if there is no such shop.
    pub fn kept_as(&self, shop: &str) -> Result<String, AppError> {
        Ok(token_name(self.shop(shop)?.0))
    }

    /// A shop registers: its query as it came, and what is kept of it. `fresh` is a secret nobody knows yet, `now` our clock,
    /// from which the `timestamp` in the query (seconds since 1970) may be [`CLOCKS_APART`] at most. Answers what is to be kept
    /// now, and what the shop is told.
    ///
    /// # Errors
    /// [`AppError`].
    pub fn register(
        &self,
        shop: &str,
        headers: &HeaderMap,
        query: &str,
        kept: &Installation,
        fresh: &SecretString,
        now: Timestamp,
    ) -> Result<(Installation, Registration), AppError> {
        let (_, app) = self.shop(shop)?;
        if query.is_empty() || !is_signed(&app.secret, query.as_bytes(), headers, APP_SIGNATURE) {
            return Err(AppError::Wrong);
        }
        let kept = if kept.app == app.mark { kept.clone() } else { Installation::default() };
        if kept.current.is_some() && kept.signer(query.as_bytes(), headers, SHOP_SIGNATURE).is_none() {
            return Err(AppError::NotProven);
        }
        in_time(query, now)?;
        let kept = if kept.is_shown_by(headers, query.as_bytes()) { kept.shown() } else { kept };
        let (shop_id, url) = (only(query, "shop-id")?, only(query, "shop-url")?);
        if place(&url) != place(&app.url) {
            return Err(AppError::Elsewhere);
        }
        let confirmation_url = app.confirm.clone().ok_or(AppError::NoAddress)?;
        if !SECRET_LENGTH.contains(&fresh.expose_secret().len()) {
            return Err(AppError::Unreadable);
        }
        let secret = fresh.expose_secret().to_owned();
        let proof = proof(&app.secret, &shop_id, &url, APP);
        let pending = Pending { secret: secret.clone(), shop_id, url: sanitised(&url) };
        let kept = Installation { app: app.mark.clone(), pending: Some(pending), ..kept };
        Ok((kept, Registration { proof, secret, confirmation_url }))
    }

    /// A shop confirms: what it signed with comes into force, and what it hands over with it. Confirmed twice is once.
    ///
    /// # Errors
    /// [`AppError`].
    pub fn confirm(
        &self,
        shop: &str,
        headers: &HeaderMap,
        body: &[u8],
        kept: &Installation,
        now: Timestamp,
    ) -> Result<Installation, AppError> {
        let (_, app) = self.shop(shop)?;
        if kept.app != app.mark {
            return Err(AppError::NothingAsked);
        }
        let Some(pending) = &kept.pending else { return confirmed_before(headers, body, kept) };
        if !is_signed(&pending.secret.clone().into(), body, headers, SHOP_SIGNATURE) {
            return Err(AppError::Wrong);
        }
        // The one the shop has had, be it that a confirmation before came to nothing there.
        let had = kept.signer(body, headers, OLD_SHOP_SIGNATURE);
        if kept.current.is_some() && had.is_none() {
            return Err(AppError::NotProven);
        }
        let told: Confirmation = reading::body(body).map_err(|_| AppError::Unreadable)?;
        if told.shop_id != pending.shop_id || place(&told.shop_url) != place(&pending.url) {
            return Err(AppError::Elsewhere);
        }
        if told.api_key.is_empty() || told.secret_key.is_empty() {
            return Err(AppError::Unreadable);
        }
        let previous = had.map(|secret| Previous::from(secret.to_owned(), now));
        let current = Registered {
            secret: pending.secret.clone(),
            shop_id: told.shop_id,
            url: pending.url.clone(),
            key: told.api_key,
            secret_key: told.secret_key,
            used: false,
        };
        Ok(Installation { app: app.mark.clone(), current: Some(current), pending: None, previous })
    }
}

/// Whether this is the confirmation that came into force, once more.
fn confirmed_before(headers: &HeaderMap, body: &[u8], kept: &Installation) -> Result<Installation, AppError> {
    let current = kept.current.as_ref().ok_or(AppError::NothingAsked)?;
    if !is_signed(&current.secret.clone().into(), body, headers, SHOP_SIGNATURE) {
        return Err(AppError::NothingAsked);
    }
    let told: Confirmation = reading::body(body).map_err(|_| AppError::Unreadable)?;
    let same = told.shop_id == current.shop_id
        && told.api_key == current.key
        && told.secret_key == current.secret_key;
    if same { Ok(kept.clone()) } else { Err(AppError::NothingAsked) }
}

/// Whether a registration was signed just now.
fn in_time(query: &str, now: Timestamp) -> Result<(), AppError> {
    let told: i64 = only(query, "timestamp")?.parse().map_err(|_| AppError::Unreadable)?;
    let apart = told.saturating_sub(now.as_second());
    let most = CLOCKS_APART.as_secs().unsigned_abs();
    if apart.unsigned_abs() > most { Err(AppError::Stale { apart }) } else { Ok(()) }
}

/// A parameter of a query, there exactly once.
fn only(query: &str, name: &str) -> Result<String, AppError> {
    let mut url = Url::parse("http://localhost/").map_err(|_| AppError::Unreadable)?;
    url.set_query(Some(query));
    let mut found = url.query_pairs().filter(|(told, _)| told == name);
    match (found.next(), found.next()) {
        (Some((_, value)), None) if !value.is_empty() => Ok(value.into_owned()),
        _ => Err(AppError::Unreadable),
    }
}

/// Where the app of a shop finds us: `register`, `confirm`.
#[must_use]
pub fn address(config: &Config, shop: &ShopConfig, step: &str) -> Option<String> {
    let base = config.public_url.as_deref()?.trim_end_matches('/');
    Some(format!("{base}/apps/{}/{}/{step}", shop.kind.as_str(), shop.id))
}
