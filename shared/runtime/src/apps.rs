//! Kontor as an app of Shopware shops: takes their registrations, and proves webhooks by what they handed to us.
//!
//! Faults of ours are answered with 5xx: Shopware suspends who answers 401, 403 or 410 too often.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use jiff::Timestamp;
use kontor_connectors::Gate;
use kontor_connectors::shopware::app::{AppError, AppGate, Installation, is_removal};
use kontor_flow::ports::{Sender, StoreError, Token, Tokens};
use kontor_flow::remedy::chain;
use secrecy::SecretString;

use crate::webhook::{self, Reply};
use kontor_connectors::Delivery;

/// The longest confirmation that is read, in bytes.
pub const LONGEST_CONFIRMATION: usize = 64 * 1024;

/// How often a change of what is kept is tried again because another was faster.
const TRIES: usize = 3;

/// What a shop is told that registers or confirms.
#[derive(Debug, PartialEq, Eq)]
pub enum AppReply {
    /// The registration, as JSON.
    Registered(String),
    /// Confirmed.
    Confirmed,
    /// The same as to webhooks.
    Refused(Reply),
    /// Another shop with our manifest.
    Elsewhere,
}

impl AppReply {
    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Registered(_) | Self::Confirmed => 200,
            Self::Refused(reply) => reply.status(),
            Self::Elsewhere => 403,
        }
    }

    /// Whether the body is JSON.
    #[must_use]
    pub fn is_json(&self) -> bool {
        matches!(self, Self::Registered(_))
    }

    /// The body.
    #[must_use]
    pub fn into_text(self) -> String {
        match self {
            Self::Registered(json) => json,
            Self::Confirmed => "confirmed".to_owned(),
            Self::Refused(reply) => reply.text().to_owned(),
            Self::Elsewhere => {
                "this shop has another address than Kontor was told; a copy of a shop needs an app of its own"
                    .to_owned()
            }
        }
    }
}

/// What shops handed to us.
#[derive(Clone)]
pub struct Apps {
    /// Where it is kept.
    pub tokens: Arc<dyn Tokens>,
}

impl Apps {
    /// A shop registers: `query` is what stood behind the `?`, as it came; `fresh` is a secret nobody knows yet.
    pub async fn register(
        &self,
        gate: &AppGate,
        shop: &str,
        headers: &HeaderMap,
        query: &str,
        fresh: &SecretString,
        now: Timestamp,
    ) -> AppReply {
        let told = self.changed(gate, shop, |kept| {
            let (kept, registration) = gate.register(shop, headers, query, kept, fresh, now)?;
            let json = serde_json::to_string(&registration).map_err(|_| AppError::Unreadable)?;
            Ok((kept, AppReply::Registered(json)))
        });
        told.await
    }

    /// A shop confirms.
    pub async fn confirm(
        &self,
        gate: &AppGate,
        shop: &str,
        headers: &HeaderMap,
        body: &[u8],
        now: Timestamp,
    ) -> AppReply {
        if body.len() > LONGEST_CONFIRMATION {
            return AppReply::Refused(Reply::TooLarge);
        }
        let told = self.changed(gate, shop, |kept| {
            Ok((gate.confirm(shop, headers, body, kept, now)?, AppReply::Confirmed))
        });
        told.await
    }

    /// Takes a webhook: what signs it is in the configuration, or was handed to us.
    pub async fn receive(
        &self,
        gates: (&Gate, &AppGate),
        sender: &dyn Sender,
        shop: &str,
        headers: HeaderMap,
        body: Bytes,
        now: Timestamp,
    ) -> Reply {
        let (gate, apps) = gates;
        if apps.is_empty() {
            return webhook::receive(gate, sender, shop, headers, body, now).await;
        }
        // Shops that are not there cost the same.
        let name = apps.kept_as(shop).unwrap_or_else(|_| "shopware/decoy".to_owned());
        let kept = match self.tokens.load(&name).await {
            Ok(kept) => kept,
            Err(error) => {
                tracing::error!(cause = %chain(&error), "a webhook cannot be proven now");
                return Reply::Unavailable;
            }
        };
        let kept = kept.map(|kept| Installation::parse(&kept.text)).unwrap_or_default();
        let removal = is_removal(&body);
        let shown = kept.is_shown_by(&headers, &body).then(|| (headers.clone(), body.clone()));
        let delivery = Delivery::new(headers, body, now);
        let reply = webhook::receive_with(gate, sender, shop, delivery, &kept.secrets(now)).await;
        if reply != Reply::Accepted {
            return reply;
        }
        if removal {
            return self.forget(apps, shop).await;
        }
        if let Some((headers, body)) = shown {
            // Anew of what is kept now: another secret may have come into force in between.
            let noted = self.changed(apps, shop, |kept| {
                let kept = kept.clone();
                let kept = if kept.is_shown_by(&headers, &body) { kept.shown() } else { kept };
                Ok((kept, AppReply::Confirmed))
            });
            // If it can't be kept, the secret before counts until the next webhook.
            let noted = noted.await;
            tracing::info!(status = noted.status(), "a shop signs with its new secret");
        }
        reply
    }

    /// The app was removed from a shop, and the webhook that says so is stored. Where it can't be kept that what the shop had is
    /// gone, the shop is asked to send it again: it would else never be told, and could not register any more.
    async fn forget(&self, apps: &AppGate, shop: &str) -> Reply {
        let forgotten =
            self.changed(apps, shop, |kept| Ok((kept.clone().removed(), AppReply::Confirmed))).await;
        if forgotten == AppReply::Refused(Reply::Unavailable) {
            tracing::error!(
                "the app was removed from a shop, but what the shop handed to us cannot be taken out of the store; if the shop does not \
                 send app.deleted again, give it a new app_secret before the app is installed anew"
            );
            return Reply::Unavailable;
        }
        tracing::info!(status = forgotten.status(), "the app was removed from a shop");
        Reply::Accepted
    }

    /// Changes what is kept of a shop, anew if another was faster.
    async fn changed(
        &self,
        gate: &AppGate,
        shop: &str,
        change: impl Fn(&Installation) -> Result<(Installation, AppReply), AppError> + Send,
    ) -> AppReply {
        let name = match gate.kept_as(shop) {
            Ok(name) => name,
            Err(error) => return refused(error),
        };
        for _ in 0..TRIES {
            match self.try_to(&name, &change).await {
                Ok(Ok(reply)) => return reply,
                Ok(Err(error)) => return refused(error),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => {
                    tracing::error!(cause = %chain(&error), "what a shop hands to us cannot be kept");
                    return AppReply::Refused(Reply::Unavailable);
                }
            }
        }
        AppReply::Refused(Reply::Unavailable)
    }

    async fn try_to(
        &self,
        name: &str,
        change: &(impl Fn(&Installation) -> Result<(Installation, AppReply), AppError> + Send),
    ) -> Result<Result<AppReply, AppError>, StoreError> {
        let found = self.tokens.load(name).await?;
        let kept = found.as_ref().map(|kept| Installation::parse(&kept.text)).unwrap_or_default();
        let (kept, reply) = match change(&kept) {
            Ok(changed) => changed,
            Err(error) => return Ok(Err(error)),
        };
        let text = kept.text();
        if found.as_ref().is_some_and(|found| found.text == text) {
            return Ok(Ok(reply));
        }
        let revision = found.map_or(1, |found| found.revision.saturating_add(1));
        self.tokens.store(name, &Token { revision, text }).await?;
        Ok(Ok(reply))
    }
}

/// What an error means for the shop; why, is only told in the log.
fn refused(error: AppError) -> AppReply {
    tracing::warn!(cause = %error, "the registration of a shop is refused");
    match error {
        AppError::Unknown | AppError::Wrong | AppError::NotProven | AppError::Stale { .. } => {
            AppReply::Refused(Reply::Unauthorized)
        }
        AppError::Elsewhere => AppReply::Elsewhere,
        AppError::Unreadable | AppError::NothingAsked => AppReply::Refused(Reply::BadRequest),
        AppError::NoAddress => AppReply::Refused(Reply::Unavailable),
    }
}

#[cfg(test)]
mod tests;
