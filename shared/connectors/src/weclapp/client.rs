//! The calls of one job: base address, token, JSON in and out, and the memory of whether anything was changed yet.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::HeaderValue;
use http::header::ACCEPT;
use kontor_flow::remedy::Effect;
use kontor_flow::{CallError, System};
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::errors::{is_not_found, judge, settled};
use super::wire::{Acted, Empty, Listed};
use crate::http::{Answer, Calls};

/// Where weclapp is, and who we are there.
pub(super) struct Api {
    base: String,
    /// None if no header takes it: then weclapp says that it lets nobody in.
    token: Option<HeaderValue>,
    /// How long a creating call may still be carried out after nobody waits for its answer any more.
    settle: Duration,
    client: reqwest::Client,
}

impl Api {
    /// `tenant` is the address up to the tenant, `https://tenant.weclapp.com`.
    pub(super) fn new(tenant: &str, token: SecretString, settle: Duration, client: reqwest::Client) -> Self {
        let mut token = HeaderValue::from_str(token.expose_secret()).ok();
        if let Some(token) = &mut token {
            token.set_sensitive(true);
        }
        Self { base: format!("{}/webapp/api/v2", tenant.trim_end_matches('/')), token, settle, client }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        let request = request.header(ACCEPT, "application/json");
        match &self.token {
            Some(token) => request.header("authenticationtoken", token),
            None => request,
        }
    }
}

/// The calls of one job, and whether one of them has changed something.
pub(super) struct Session<'a> {
    api: &'a Api,
    calls: Calls,
    begun: AtomicBool,
}

impl<'a> Session<'a> {
    /// No calls yet.
    pub(super) fn new(api: &'a Api) -> Self {
        Self { api, calls: Calls::default(), begun: AtomicBool::new(false) }
    }

    /// How many calls were made.
    pub(super) fn calls_made(&self) -> u32 {
        self.calls.made()
    }

    /// The records that fit a filter, first page. weclapp may ignore a filter and answer the whole table: a record that
    /// was not asked for shows it, and then nothing can be concluded from what is missing.
    ///
    /// # Errors
    /// [`CallError::Unreadable`] if a record is not one that was asked for.
    pub(super) async fn select<T: DeserializeOwned>(
        &self,
        call: &'static str,
        path: &str,
        query: &[(&str, &str)],
        asked_for: impl Fn(&T) -> bool,
    ) -> Result<Vec<T>, CallError> {
        let records = self.list(call, path, query).await?;
        if records.iter().all(asked_for) {
            return Ok(records);
        }
        let source = "it answers records that were not asked for, so it ignores the filter".into();
        let (system, effect) = (System::Weclapp, Effect::None);
        Err(CallError::Unreadable { system, call, effect, source })
    }

    /// All records of a kind, first page.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        call: &'static str,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Vec<T>, CallError> {
        let request = self.api.request(Method::GET, path).query(query);
        let answer = self.send(call, Effect::None, request).await?;
        Ok(self.read::<Listed<T>>(call, Effect::None, &answer)?.result)
    }

    /// The record of that id, if there is one.
    pub(super) async fn find<T: DeserializeOwned>(
        &self,
        call: &'static str,
        entity: &str,
        id: &str,
    ) -> Result<Option<T>, CallError> {
        let request = self.api.request(Method::GET, &format!("/{entity}/id/{id}"));
        match self.send(call, Effect::None, request).await {
            Ok(answer) => self.read(call, Effect::None, &answer).map(Some),
            Err(error) if is_not_found(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Creates a record.
    pub(super) async fn create<T: DeserializeOwned>(
        &self,
        call: &'static str,
        entity: &str,
        body: &impl Serialize,
    ) -> Result<T, CallError> {
        let request = self.api.request(Method::POST, &format!("/{entity}")).json(body);
        self.write(call, request).await
    }

    /// Changes the given properties of a record and leaves the others as they are.
    pub(super) async fn change<T: DeserializeOwned>(
        &self,
        call: &'static str,
        entity: &str,
        id: &str,
        body: &impl Serialize,
    ) -> Result<T, CallError> {
        let path = format!("/{entity}/id/{id}");
        let request =
            self.api.request(Method::PUT, &path).query(&[("ignoreMissingProperties", "true")]).json(body);
        self.write(call, request).await
    }

    /// Has weclapp do something with a record. Without a body it wants `{}`, or it says the JSON is invalid.
    pub(super) async fn act<T: DeserializeOwned>(
        &self,
        call: &'static str,
        entity: &str,
        id: &str,
        action: &str,
    ) -> Result<T, CallError> {
        self.act_with(call, entity, id, action, &Empty {}).await
    }

    /// Has weclapp do something with a record, with particulars.
    pub(super) async fn act_with<T: DeserializeOwned>(
        &self,
        call: &'static str,
        entity: &str,
        id: &str,
        action: &str,
        body: &impl Serialize,
    ) -> Result<T, CallError> {
        let request = self.api.request(Method::POST, &format!("/{entity}/id/{id}/{action}")).json(body);
        Ok(self.write::<Acted<T>>(call, request).await?.result)
    }

    async fn write<T: DeserializeOwned>(
        &self,
        call: &'static str,
        request: RequestBuilder,
    ) -> Result<T, CallError> {
        let answer = self.send(call, Effect::Possible, request).await?;
        self.begun.store(true, Ordering::Relaxed);
        self.read(call, Effect::Possible, &answer)
    }

    async fn send(
        &self,
        call: &'static str,
        effect: Effect,
        request: RequestBuilder,
    ) -> Result<Answer, CallError> {
        let sent = self.calls.send(System::Weclapp, call, effect, request).await;
        let judged = sent.and_then(|answer| judge(call, effect, answer));
        judged.map_err(|error| settled(error, self.api.settle))
    }

    fn read<T: DeserializeOwned>(
        &self,
        call: &'static str,
        effect: Effect,
        answer: &Answer,
    ) -> Result<T, CallError> {
        serde_json::from_slice(&answer.body).map_err(|error| {
            // The error's own text may quote a value, and values are personal data.
            let (line, column) = (error.line(), error.column());
            let source = format!("{:?} error at line {line}, column {column}", error.classify()).into();
            CallError::Unreadable { system: System::Weclapp, call, effect, source }
        })
    }

    /// Why the job came to nothing, told so that nobody repeats a creating call before it without looking.
    pub(super) fn in_view_of_what_was_done(&self, error: CallError) -> CallError {
        if !self.begun.load(Ordering::Relaxed) {
            return error;
        }
        error.after_a_part(System::Weclapp, self.api.settle)
    }
}
