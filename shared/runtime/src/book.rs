//! The configuration in force: read from the store, checked, its secrets resolved, its flows compiled; looked at anew each minute.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use kontor_connectors::config::{ConfigProblem, Scope};
use kontor_connectors::{Config, SecretBook, SecretRef};
use kontor_domain::ShopId;
use kontor_flow::ports::{Configs, FlowBook, StoreError, StoredConfig};
use kontor_flow::remedy::BoxError;
use kontor_flow::{Flow, FlowName, FlowRef};
use secrecy::SecretString;

/// How long a function trusts the configuration it has read.
pub const TRUSTED_FOR: SignedDuration = SignedDuration::from_secs(60);

/// Why there is no configuration to work with.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// The store.
    #[error("the configuration cannot be loaded")]
    Store(#[from] StoreError),
    /// Nothing was pushed yet.
    #[error("there is no configuration yet: push one with `kontor push`")]
    Empty,
    /// It can't be used.
    #[error("the configuration cannot be used: {}", sentences(.0))]
    Broken(Vec<String>),
    /// A secret has no value.
    #[error("the secret {reference} cannot be read")]
    Secret {
        /// Which.
        reference: SecretRef,
        /// The cause.
        #[source]
        source: BoxError,
    },
}

fn sentences(problems: &[String]) -> String {
    problems.join("; ")
}

/// Finds the values of secrets.
#[async_trait]
pub trait Vault: Send + Sync {
    /// The value of a secret.
    async fn open(&self, reference: &SecretRef) -> Result<SecretString, BoxError>;
}

/// The secrets of one machine: its environment and files.
#[derive(Debug, Clone, Copy)]
pub struct LocalVault;

#[async_trait]
impl Vault for LocalVault {
    async fn open(&self, reference: &SecretRef) -> Result<SecretString, BoxError> {
        match reference {
            SecretRef::Env(name) => crate::settings::secret_variable(name),
            SecretRef::File(path) => {
                let text = std::fs::read_to_string(Path::new(path))?;
                Ok(SecretString::from(text.trim_end_matches(['\r', '\n']).to_owned()))
            }
            SecretRef::Stored(_) => {
                Err("secrets of the form secret:NAME are read in AWS; use env: or file: here".into())
            }
        }
    }
}

/// A configuration that can be worked with.
#[derive(Debug)]
pub struct Book {
    /// Its version in the store.
    pub version: u64,
    /// The configuration.
    pub config: Arc<Config>,
    /// The values of its secrets.
    pub secrets: SecretBook,
    flows: BTreeMap<FlowName, Arc<Flow>>,
}

impl Book {
    /// Checks a configuration with its flows, and resolves the secrets of `scope`.
    ///
    /// # Errors
    /// [`BookError::Broken`] with every problem; [`BookError::Secret`] for the first secret without a value.
    pub async fn open(stored: &StoredConfig, vault: &dyn Vault, scope: Scope) -> Result<Self, BookError> {
        let checked = check("kontor.yaml", &stored.yaml, &stored.flows).map_err(BookError::Broken)?;
        let mut secrets = SecretBook::default();
        for reference in checked.config.secrets(scope) {
            let value = vault.open(&reference).await;
            let value = value.map_err(|source| BookError::Secret { reference: reference.clone(), source })?;
            secrets.insert(reference, value);
        }
        Ok(Self { version: stored.version, config: Arc::new(checked.config), secrets, flows: checked.flows })
    }

    /// The flow new orders of `shop` start with.
    #[must_use]
    pub fn flow_of(&self, shop: &ShopId) -> Option<Arc<Flow>> {
        self.flows.get(&self.config.shop(shop)?.flow).cloned()
    }
}

/// A configuration and its flows, checked together.
#[derive(Debug)]
pub struct Checked {
    /// The configuration.
    pub config: Config,
    /// Its flows, by name.
    pub flows: BTreeMap<FlowName, Arc<Flow>>,
}

/// Checks a configuration and its flows (name to YAML): each for itself, and against each other.
///
/// # Errors
/// Every problem there is, with its place.
pub fn check(file: &str, yaml: &str, flows: &BTreeMap<String, String>) -> Result<Checked, Vec<String>> {
    let mut problems = Vec::new();
    let mut compiled = BTreeMap::new();
    for (name, text) in flows {
        match Flow::parse(&format!("flows/{name}.yaml"), text) {
            Ok(flow) => {
                compiled.insert(flow.id.name.clone(), Arc::new(flow));
            }
            Err(found) => problems.extend(found.iter().map(ToString::to_string)),
        }
    }
    let config = match Config::parse(file, yaml) {
        Ok(config) => config,
        Err(found) => {
            problems.extend(found.iter().map(ConfigProblem::to_string));
            return Err(problems);
        }
    };
    for shop in &config.shops {
        let Some(flow) = compiled.get(&shop.flow) else {
            if !flows.contains_key(shop.flow.as_str()) {
                problems.push(format!(
                    "{file}: shop {} takes the flow {}, which there is not",
                    shop.id, shop.flow
                ));
            }
            continue;
        };
        problems.extend(misfits(&config, shop, flow).into_iter().map(|what| format!("{file}: {what}")));
    }
    if problems.is_empty() { Ok(Checked { config, flows: compiled }) } else { Err(problems) }
}

/// What a flow asks for that the configuration can't give.
fn misfits(config: &Config, shop: &kontor_connectors::config::ShopConfig, flow: &Flow) -> Vec<String> {
    let actions = || flow.steps.iter().chain(&flow.on_cancel).filter_map(|step| step.action);
    let on = |queue| actions().find(|action| action.queue() == queue);
    let mut found = Vec::new();
    let reminds = flow.steps.iter().any(|step| step.remind_after.is_some());
    if config.mail.is_none() && (on(kontor_flow::Queue::Mail).is_some() || reminds) {
        found.push(format!(
            "the flow {} of shop {} sends mails, but there is no mail section",
            shop.flow, shop.id
        ));
    }
    if let Some(action) = on(kontor_flow::Queue::Shops).filter(|_| shop.api.is_none()) {
        found.push(format!("the flow {} does {action}, but shop {} has no api section", shop.flow, shop.id));
    }
    found
}

/// The book in force, and when it was opened.
type Page = (Arc<Book>, Timestamp);

/// Keeps the book in force, and flows that older orders started with.
pub struct Library {
    configs: Arc<dyn Configs>,
    vault: Arc<dyn Vault>,
    scope: Scope,
    page: Mutex<Option<Page>>,
    old_flows: Mutex<BTreeMap<FlowRef, Arc<Flow>>>,
}

impl Library {
    /// A library over the stored configurations, with the secrets of `scope`.
    #[must_use]
    pub fn new(configs: Arc<dyn Configs>, vault: Arc<dyn Vault>, scope: Scope) -> Self {
        Self { configs, vault, scope, page: Mutex::new(None), old_flows: Mutex::new(BTreeMap::new()) }
    }

    /// The book in force. Opened anew when it is older than [`TRUSTED_FOR`]; if that fails, the one at hand goes on.
    ///
    /// # Errors
    /// [`BookError`] if there was never one.
    pub async fn book(&self, now: Timestamp) -> Result<Arc<Book>, BookError> {
        let at_hand = self.page.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((book, opened)) = &at_hand
            && now.duration_since(*opened) < TRUSTED_FOR
        {
            return Ok(Arc::clone(book));
        }
        let known = at_hand.as_ref().map(|(book, _)| book);
        match (self.reopen(known).await, at_hand.as_ref()) {
            (Ok(book), _) => {
                *self.page.lock().unwrap_or_else(PoisonError::into_inner) = Some((Arc::clone(&book), now));
                Ok(book)
            }
            (Err(error), Some((book, _))) => {
                tracing::error!(cause = %kontor_flow::remedy::chain(&error), "configuration cannot be renewed; the old one goes on");
                Ok(Arc::clone(book))
            }
            (Err(error), None) => Err(error),
        }
    }

    async fn reopen(&self, known: Option<&Arc<Book>>) -> Result<Arc<Book>, BookError> {
        let stored = self.configs.current().await?.ok_or(BookError::Empty)?;
        if let Some(known) = known.filter(|known| known.version == stored.version) {
            return Ok(Arc::clone(known));
        }
        Ok(Arc::new(Book::open(&stored, self.vault.as_ref(), self.scope).await?))
    }
}

#[async_trait]
impl FlowBook for Library {
    async fn current(&self, shop: &ShopId) -> Result<Option<Arc<Flow>>, StoreError> {
        let page = self.page.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(page.as_ref().and_then(|(book, _)| book.flow_of(shop)))
    }

    async fn find(&self, flow: &FlowRef) -> Result<Option<Arc<Flow>>, StoreError> {
        {
            let page = self.page.lock().unwrap_or_else(PoisonError::into_inner);
            let current = page.as_ref().and_then(|(book, _)| book.flows.get(&flow.name));
            if let Some(current) = current.filter(|current| current.id == *flow) {
                return Ok(Some(Arc::clone(current)));
            }
        }
        if let Some(old) = self.old_flows.lock().unwrap_or_else(PoisonError::into_inner).get(flow) {
            return Ok(Some(Arc::clone(old)));
        }
        let Some(text) = self.configs.flow(flow).await? else { return Ok(None) };
        let old = Flow::parse(&format!("{flow}"), &text).map_err(|problems| StoreError::Corrupt {
            what: format!("flow {flow}"),
            source: problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ").into(),
        })?;
        let old = Arc::new(old);
        self.old_flows.lock().unwrap_or_else(PoisonError::into_inner).insert(flow.clone(), Arc::clone(&old));
        Ok(Some(old))
    }
}
