//! What deployed functions are wired of: the process, its settings, its AWS clients, and the loop that takes invocations.

mod aws;
mod batch;
mod desks;
mod http;
mod schedule;
mod vault;

use std::future::Future;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_types::SdkConfig;
use jiff::{SignedDuration, Timestamp};
use kontor_aws::mail::SesMailer;
use kontor_aws::{QueueUrls, Queues, Store, TableName, Topic};
use kontor_connectors::config::Scope;
use kontor_flow::Address;
use kontor_flow::remedy::{BoxError, chain};
use lambda_runtime::{LambdaEvent, service_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::book::{Book, Library, Vault};
use crate::settings::{self, Function};
use crate::signals::{self, Signals};
use crate::{batch::Post, clock};

pub use batch::{Batch, BatchError, Sources, Workshop, batch, response};
pub use desks::{AlertShop, CommandShop, EventShop};
pub use http::{AppDoor, Door, HintDoor, Request, Response, apps, hints, webhook};
pub use schedule::{OverdueShop, polls, schedule};
pub use vault::{NoSecrets, SecretsManager};

/// What is left of an invocation's time for putting away what was begun and for the answer.
const RESERVE: Duration = Duration::from_secs(2);

/// How long the start of a function waits for its configuration. An invocation waits for it anyway.
const WARM_UP: Duration = Duration::from_secs(5);

/// A started function: its settings, read once, and the way to AWS. Clients are made of it as a function needs them, so
/// that its binary holds no others.
pub struct Deployed {
    function: Function,
    signals: Signals,
    aws: SdkConfig,
    table: TableName,
    urls: QueueUrls,
    store: OnceLock<Arc<Store>>,
    queues: OnceLock<Arc<Queues>>,
}

impl Deployed {
    /// Starts the function `name` of [`settings::FUNCTIONS`].
    ///
    /// # Errors
    /// If a variable is not set, or the process has a logger already.
    pub fn open(name: &'static str) -> Result<Self, BoxError> {
        let signals = Signals::deployed(name)?;
        signals::name_panics_by_place();
        let opened = Self::read(name, signals);
        if let Err(error) = &opened {
            tracing::error!(cause = %chain(error.as_ref()), "function cannot start");
        }
        opened
    }

    fn read(name: &'static str, signals: Signals) -> Result<Self, BoxError> {
        let function = Function::named(name).ok_or_else(|| format!("there is no function {name}"))?;
        let table = TableName(settings::required(settings::TABLE)?);
        let mut urls = QueueUrls::default();
        for (queue, dead) in function.queues() {
            let address = if dead { Address::Dead(queue) } else { Address::Live(queue) };
            urls.0.insert(address, settings::required(settings::queue_variable(queue, dead))?);
        }
        let (store, queues) = (OnceLock::new(), OnceLock::new());
        Ok(Self { function, signals, aws: aws::config()?, table, urls, store, queues })
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> Arc<Store> {
        let make = || Arc::new(Store::new(aws_sdk_dynamodb::Client::new(&self.aws), self.table.clone()));
        Arc::clone(self.store.get_or_init(make))
    }

    /// The queues this function may use.
    #[must_use]
    pub fn queues(&self) -> Arc<Queues> {
        let make = || Arc::new(Queues::new(aws_sdk_sqs::Client::new(&self.aws), self.urls.clone()));
        Arc::clone(self.queues.get_or_init(make))
    }

    /// The topic that calls the admin.
    ///
    /// # Errors
    /// If its variable is not set.
    pub fn topic(&self) -> Result<Arc<Topic>, BoxError> {
        let arn = settings::required(settings::ALERT_TOPIC)?;
        Ok(Arc::new(Topic::new(aws_sdk_sns::Client::new(&self.aws), arn)))
    }

    /// The mail service. Its client repeats nothing by itself: a mail whose answer is lost may have been sent, and that
    /// is for the command's lease to say.
    #[must_use]
    pub fn mailer(&self) -> Arc<SesMailer> {
        let config = aws_sdk_sesv2::config::Builder::from(&self.aws).retry_config(RetryConfig::disabled());
        Arc::new(SesMailer::new(aws_sdk_sesv2::Client::from_conf(config.build())))
    }

    /// The secrets.
    ///
    /// # Errors
    /// If the variable with the prefix of their names is not set.
    pub fn vault(&self) -> Result<Arc<SecretsManager>, BoxError> {
        let prefix = settings::required(settings::SECRET_PREFIX)?;
        Ok(Arc::new(SecretsManager::new(aws_sdk_secretsmanager::Client::new(&self.aws), prefix)))
    }

    /// The configuration without its flows, with the secrets of `scope`, loaded once before the first invocation. A
    /// function that finds none starts all the same: one may be pushed at any time.
    pub async fn library(&self, scope: Scope, vault: Arc<dyn Vault>) -> Arc<Library> {
        warm(Library::without_flows(self.store(), vault, scope)).await
    }

    /// The configuration with its flows, and no secrets, loaded in the same way.
    async fn library_with_flows(&self) -> Arc<Library> {
        warm(Library::new(self.store(), Arc::new(NoSecrets), Scope::Nothing)).await
    }

    fn post(&self) -> Post {
        let queues = self.queues();
        Post { sender: Arc::clone(&queues) as _, delayer: queues }
    }
}

async fn warm(library: Library) -> Arc<Library> {
    match tokio::time::timeout(WARM_UP, library.book(clock::now())).await {
        Ok(Ok(book)) => tracing::info!(version = book.version, "configuration is loaded"),
        Ok(Err(error)) => {
            tracing::warn!(cause = %chain(&error), "there is no configuration to start with")
        }
        Err(_) => {
            tracing::warn!("the configuration takes too long to load; the first invocation tries again")
        }
    }
    Arc::new(library)
}

/// Takes invocations until the process is ended. Metrics are written after each.
async fn serve<A, R, F>(
    signals: Signals,
    handle: impl Fn(A, Timestamp) -> F,
) -> Result<(), lambda_runtime::Error>
where
    A: DeserializeOwned,
    R: Serialize,
    F: Future<Output = Result<R, BoxError>>,
{
    let service = service_fn(|event: LambdaEvent<A>| {
        let work = handle(event.payload, deadline(event.context.deadline));
        async move {
            let answer = work.await;
            signals.flush();
            // The runtime logs what it is given, without causes.
            answer.map_err(|error| BoxError::from(format!("invocation failed: {}", chain(error.as_ref()))))
        }
    });
    lambda_runtime::run(service).await
}

/// When an invocation is cut off, told in milliseconds since 1970. A time nobody can mean leaves none.
fn deadline(millis: u64) -> Timestamp {
    let at = i64::try_from(millis).ok().and_then(|millis| Timestamp::from_millisecond(millis).ok());
    at.unwrap_or(Timestamp::UNIX_EPOCH)
}

/// How long may be worked at `now` until `deadline`, less the reserve; nothing if there is no time left.
fn time_left(deadline: Timestamp, now: Timestamp) -> Option<Duration> {
    let left = Duration::try_from(deadline.duration_since(now)).ok()?;
    left.checked_sub(RESERVE).filter(|left| !left.is_zero())
}

/// Something made of the configuration, made anew only when its version changes.
struct Made<T> {
    kept: Mutex<Option<(u64, Arc<T>)>>,
}

impl<T> Default for Made<T> {
    fn default() -> Self {
        Self { kept: Mutex::new(None) }
    }
}

impl<T> Made<T> {
    fn of<E>(&self, book: &Book, make: impl FnOnce(&Book) -> Result<T, E>) -> Result<Arc<T>, E> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((version, made)) = kept.as_ref()
            && *version == book.version
        {
            return Ok(Arc::clone(made));
        }
        let made = Arc::new(make(book)?);
        *kept = Some((book.version, Arc::clone(&made)));
        Ok(made)
    }
}

/// The time until then, for those who reckon with points in time.
fn ahead(now: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::ZERO);
    now.checked_add(by).unwrap_or(now)
}

#[cfg(test)]
mod tests;
