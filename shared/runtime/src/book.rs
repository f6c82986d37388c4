//! The configuration in force: read from the store, checked, its secrets resolved, its flows compiled; looked at anew each minute.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use kontor_connectors::config::{ConfigProblem, Scope, place};
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
                let text = std::fs::read_to_string(Path::new(path)).map_err(|error| {
                    format!("the file {path} cannot be read ({error}): put the secret there")
                })?;
                match text.trim_end_matches(['\r', '\n']) {
                    "" => Err(format!("the file {path} is empty: put the secret there").into()),
                    value => Ok(SecretString::from(value.to_owned())),
                }
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
    /// Reads a configuration, and resolves the secrets of `scope`.
    ///
    /// # Errors
    /// [`BookError::Broken`] with every problem; [`BookError::Secret`] for the first secret without a value.
    async fn open(
        stored: &StoredConfig,
        reading: Reading,
        vault: &dyn Vault,
        scope: Scope,
    ) -> Result<Self, BookError> {
        let checked = reading(stored).map_err(BookError::Broken)?;
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

/// Checks a configuration and its flows (name to YAML): each for itself, and against each other. `file` is what the
/// configuration is told by, and flows as if they lay in `flows` beside it.
///
/// # Errors
/// Every problem there is, with its place.
pub fn check(file: &str, yaml: &str, flows: &BTreeMap<String, String>) -> Result<Checked, Vec<String>> {
    let mut problems = Vec::new();
    let mut compiled = BTreeMap::new();
    for (name, text) in flows {
        match compile(name, text) {
            Ok(flow) => {
                compiled.insert(flow.id.name.clone(), Arc::new(flow));
            }
            Err(found) => problems.extend(found),
        }
    }
    let config = match Config::parse(file, yaml) {
        Ok(config) => config,
        Err(found) => {
            problems.extend(found.iter().map(ConfigProblem::to_string));
            return Err(problems);
        }
    };
    for (at, shop) in config.shops.iter().enumerate() {
        let path = format!("shops[{at}].flow");
        let found = match compiled.get(&shop.flow) {
            Some(flow) => misfits(&config, shop, flow),
            None if flows.contains_key(shop.flow.as_str()) => Vec::new(),
            None => vec![unknown(shop.flow.as_str(), flows)],
        };
        let told = |what| format!("{}: {path}: {what}", place(file, yaml, &path));
        problems.extend(found.into_iter().map(told));
    }
    if problems.is_empty() { Ok(Checked { config, flows: compiled }) } else { Err(problems) }
}

/// Reads the flow in the file `name`. Shops name files, orders name flows: the two must not differ.
fn compile(name: &str, text: &str) -> Result<Flow, Vec<String>> {
    let file = format!("flows/{name}.yaml");
    let flow = Flow::parse(&file, text)
        .map_err(|found| found.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    if flow.id.name.as_str() != name {
        let inside = flow.id.name;
        return Err(vec![format!("{file}: the flow in it is named {inside}; name file and flow alike")]);
    }
    Ok(flow)
}

/// That there is no flow `name`, and which was probably meant.
fn unknown(name: &str, flows: &BTreeMap<String, String>) -> String {
    let near = flows.keys().min_by_key(|known| strsim::osa_distance(name, known));
    let near = near.filter(|known| strsim::osa_distance(name, known) <= 1 + name.chars().count() / 4);
    match near {
        Some(known) => format!("there is no flow {name}: did you mean {known}?"),
        None if flows.is_empty() => format!("there is no flow {name}, and no other either"),
        None => {
            let known: Vec<&str> = flows.keys().map(String::as_str).collect();
            format!("there is no flow {name}: there are {}", known.join(", "))
        }
    }
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
    if let Some(action) = on(kontor_flow::Queue::Shops).filter(|_| !shop.has_access()) {
        found.push(format!("the flow {} does {action}, but shop {} has no api section", shop.flow, shop.id));
    }
    found
}

/// What is read of a stored configuration.
type Reading = fn(&StoredConfig) -> Result<Checked, Vec<String>>;

fn with_flows(stored: &StoredConfig) -> Result<Checked, Vec<String>> {
    check("kontor.yaml", &stored.yaml, &stored.flows)
}

fn without_flows(stored: &StoredConfig) -> Result<Checked, Vec<String>> {
    let config = Config::parse("kontor.yaml", &stored.yaml)
        .map_err(|found| found.iter().map(ConfigProblem::to_string).collect::<Vec<_>>())?;
    Ok(Checked { config, flows: BTreeMap::new() })
}

/// The book in force, and when it was opened.
type Page = (Arc<Book>, Timestamp);

/// Keeps the book in force, and flows that older orders started with.
pub struct Library {
    configs: Arc<dyn Configs>,
    vault: Arc<dyn Vault>,
    scope: Scope,
    reading: Reading,
    page: Mutex<Option<Page>>,
    old_flows: Mutex<BTreeMap<FlowRef, Arc<Flow>>>,
}

impl Library {
    /// A library over the stored configurations, with the secrets of `scope`.
    #[must_use]
    pub fn new(configs: Arc<dyn Configs>, vault: Arc<dyn Vault>, scope: Scope) -> Self {
        Self::reading(configs, vault, scope, with_flows)
    }

    /// The same for who asks for no flow: none is compiled, and what compiles them is no part of its binary. A flow that
    /// is broken (none is pushed so) keeps nobody from taking deliveries and carrying out commands.
    #[must_use]
    pub fn without_flows(configs: Arc<dyn Configs>, vault: Arc<dyn Vault>, scope: Scope) -> Self {
        Self::reading(configs, vault, scope, without_flows)
    }

    fn reading(configs: Arc<dyn Configs>, vault: Arc<dyn Vault>, scope: Scope, reading: Reading) -> Self {
        let (page, old_flows) = (Mutex::new(None), Mutex::new(BTreeMap::new()));
        Self { configs, vault, scope, reading, page, old_flows }
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
        Ok(Arc::new(Book::open(&stored, self.reading, self.vault.as_ref(), self.scope).await?))
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

#[cfg(test)]
mod tests {
    use super::*;

    const YAML: &str = r#"shops:
  - id: kaffee
    kind: woocommerce
    url: https://shop.example
    flow: standard
    webhook_secrets: [env:S1]
    api: { key: env:K1, secret: env:K2 }
    payments: { bacs: prepayment }
erp:
  url: https://tenant.weclapp.com
  token: env:T
  gross_channel: GROSS1
  articles: { shipping: S, fee: F, discount: D, rounding: R }
mail: { from: a@shop.example, signature: Kaffeehaus }
"#;

    const FLOW: &str = include_str!("../../../infra/flows/standard.yaml");

    fn problems(yaml: &str, flows: &[(&str, &str)]) -> Vec<String> {
        let flows = flows.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        check("kontor.yaml", yaml, &flows).err().unwrap_or_default()
    }

    #[test]
    fn a_flow_that_is_not_there_is_told_with_place_and_suggestion() {
        assert_eq!(problems(YAML, &[("standard", FLOW)]), Vec::<String>::new());
        assert_eq!(
            problems(&YAML.replace("flow: standard", "flow: standart"), &[("standard", FLOW)]),
            ["kontor.yaml:5:11: shops[0].flow: there is no flow standart: did you mean standard?"]
        );
        assert_eq!(
            problems(&YAML.replace("flow: standard", "flow: b2b"), &[("standard", FLOW)]),
            ["kontor.yaml:5:11: shops[0].flow: there is no flow b2b: there are standard"]
        );
        assert_eq!(problems(YAML, &[]).len(), 1);
    }

    #[test]
    fn a_flow_bears_the_name_of_its_file() {
        let found = problems(&YAML.replace("flow: standard", "flow: mine"), &[("mine", FLOW)]);
        assert_eq!(found, ["flows/mine.yaml: the flow in it is named standard; name file and flow alike"]);
    }

    #[test]
    fn what_a_flow_asks_for_must_be_there() {
        let found = problems(&YAML.replace("mail:", "# mail:"), &[("standard", FLOW)]);
        assert_eq!(
            found,
            [
                "kontor.yaml:5:11: shops[0].flow: the flow standard of shop kaffee sends mails, but there is no mail section"
            ]
        );
    }

    #[tokio::test]
    async fn a_secret_that_is_empty_or_nowhere_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str| SecretRef::File(dir.path().join(name).display().to_string());
        std::fs::write(dir.path().join("empty"), "\n").unwrap();
        std::fs::write(dir.path().join("good"), "value\n").unwrap();
        assert!(LocalVault.open(&file("good")).await.is_ok());
        assert!(
            LocalVault.open(&file("empty")).await.unwrap_err().to_string().ends_with("put the secret there")
        );
        assert!(LocalVault.open(&file("nowhere")).await.is_err());
        let unset = LocalVault.open(&SecretRef::Env("KONTOR_TEST_UNSET".to_owned())).await.unwrap_err();
        assert_eq!(unset.to_string(), "KONTOR_TEST_UNSET is not set: export KONTOR_TEST_UNSET=…");
    }
}
