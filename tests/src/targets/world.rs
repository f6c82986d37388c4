//! The house the targets live in: one configuration, its secrets, a runtime, and ports that keep nothing.

use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use kontor_connectors::{Config, SecretBook, SecretRef};
use kontor_flow::ports::{Delayer, Outgoing, Sender, StoreError, StoredConfig};
use kontor_flow::{Address, Flow};
use secrecy::SecretString;
use sha2::Sha256;

/// What everything is signed with.
pub(super) const SECRET: &str = "lab";

/// Now, for ever.
pub(super) fn now() -> Timestamp {
    kontor_testkit::clock::time("2026-11-21T12:00:00Z")
}

/// A configuration whose outside systems are at `url`.
pub(super) fn yaml(url: &str) -> String {
    format!(
        "shops:\n\
         \x20 - {{ id: woo, kind: woocommerce, url: '{url}', flow: standard, webhook_secrets: ['env:S'], \
         api: {{ key: 'env:S', secret: 'env:S' }}, payments: {{ ppcp-gateway: prepaid, stripe: prepaid, \
         bacs: prepayment, cod: cash_on_delivery, invoice: invoice, none: prepaid }} }}\n\
         \x20 - {{ id: shopify, kind: shopify, url: '{url}', flow: standard, webhook_secrets: ['env:S'], \
         api: {{ key: 'env:S' }}, payments: {{ shopify_payments: prepaid, gift_card: prepaid, \
         Bank Deposit: prepayment, manual: prepayment, none: prepaid }} }}\n\
         erp: {{ url: '{url}', token: 'env:S', webhook_secrets: ['env:S'], gross_channel: GROSS1, \
         articles: {{ shipping: S, fee: F, discount: D, rounding: R, gift_card: G }}, settle_seconds: 1 }}\n\
         mail: {{ from: 'a@example.test', signature: A }}\n"
    )
}

/// The flow that is shipped with Kontor.
pub(super) const FLOW_TEXT: &str = include_str!("../../../infra/flows/standard.yaml");

/// It, read.
pub(super) static FLOW: LazyLock<Flow> =
    LazyLock::new(|| Flow::parse("standard.yaml", FLOW_TEXT).expect("the flow we ship is sound"));

/// The configuration, read; its outside systems are nowhere.
pub(super) static CONFIG: LazyLock<Arc<Config>> = LazyLock::new(|| {
    Arc::new(
        Config::parse("kontor.yaml", &yaml("https://nowhere.invalid")).expect("the configuration is sound"),
    )
});

/// The configuration, as stored.
pub(super) fn stored_config() -> StoredConfig {
    StoredConfig {
        version: 1,
        yaml: yaml("https://nowhere.invalid"),
        flows: [("standard".to_owned(), FLOW_TEXT.to_owned())].into(),
        pushed_at: now(),
        pushed_by: "test".to_owned(),
    }
}

/// All secrets.
pub(super) fn secrets() -> SecretBook {
    let mut secrets = SecretBook::default();
    secrets.insert(SecretRef::Env("S".to_owned()), SecretString::from(SECRET));
    secrets
}

/// The signature of a body, as both shops sign.
pub(crate) fn sign(body: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("HMAC takes any key");
    STANDARD.encode(mac.chain_update(body).finalize().into_bytes())
}

static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime can be started")
});

/// Waits for a piece of work.
pub(super) fn wait<T>(work: impl Future<Output = T>) -> T {
    RUNTIME.block_on(work)
}

/// Keeps what is sent until somebody looks; postpones nothing.
#[derive(Default)]
pub(super) struct Tray(Mutex<Vec<(Address, Outgoing)>>);

impl Tray {
    pub(super) fn take(&self) -> Vec<(Address, Outgoing)> {
        std::mem::take(&mut *self.0.lock().expect("nobody panics while holding the tray"))
    }
}

#[async_trait]
impl Sender for Tray {
    async fn send(&self, to: Address, messages: Vec<Outgoing>) -> Result<(), StoreError> {
        let mut sent = self.0.lock().expect("nobody panics while holding the tray");
        sent.extend(messages.into_iter().map(|message| (to, message)));
        Ok(())
    }
}

#[async_trait]
impl Delayer for Tray {
    async fn delay(&self, _from: Address, _receipt: &str, _after: Duration) -> Result<(), StoreError> {
        Ok(())
    }
}
