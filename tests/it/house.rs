//! `kontor up` as a process of its own, with stand-ins beside it: started, killed and started again by the stories.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use kontor_sandbox::contract::Validator;
use kontor_sandbox::traffic::{Kind, Parcel};
use kontor_sandbox::{shopify, shopware, smartstore, weclapp, woocommerce};
use serde_json::Value;

/// What webhooks are signed with.
pub(crate) const SECRET: &str = "a-secret-of-the-stories";
/// What the stand-ins ask for.
pub(crate) const TOKEN: &str = "sandbox";

/// The folder with the programs of the workspace, built by the same cargo.
///
/// The whole workspace and its tests are asked for, though only programs are wanted: that is what `cargo test --workspace`
/// has built already, and anything less would be built of other features, and all of it anew.
pub(crate) fn programs() -> &'static Path {
    static PROGRAMS: OnceLock<PathBuf> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--locked", "--workspace", "--bins", "--tests"])
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .status()
            .unwrap();
        assert!(built.success(), "the programs do not build");
        // This test lies in <target>/<profile>/deps.
        let here = std::env::current_exe().unwrap();
        here.parent().unwrap().parent().unwrap().to_owned()
    })
}

/// The `kontor` program.
pub(crate) fn program() -> PathBuf {
    programs().join("kontor")
}

/// What every request to the ERP is held against, where it is there.
pub(crate) fn erp_contract() -> Option<Arc<Validator>> {
    let path = crate::contracts().map(|dir| dir.join("weclapp/openapi-v2.orchestrator-subset.json"));
    path.and_then(|path| Validator::load(&path).unwrap()).map(Arc::new)
}

/// The stand-ins.
pub(crate) struct Stands {
    pub(crate) erp: weclapp::Sandbox,
    pub(crate) woocommerce: woocommerce::Sandbox,
    /// Another shop of the same kind.
    pub(crate) office: woocommerce::Sandbox,
    pub(crate) shopify: shopify::Sandbox,
    pub(crate) shopware: shopware::Sandbox,
    pub(crate) smartstore: smartstore::Sandbox,
}

impl Stands {
    /// Starts them; every request to the ERP is held against its contract where that is there.
    pub(crate) async fn start() -> Self {
        let erp = weclapp::Sandbox::start("127.0.0.1:0", &erp_options()).await.unwrap();
        let (woocommerce, shopify) = shops().await;
        let (shopware, smartstore) = notifying_shops().await;
        let office = woocommerce::State::new(TOKEN, SECRET);
        let office = woocommerce::Sandbox::start("127.0.0.1:0", office).await.unwrap();
        Self { erp, woocommerce, office, shopify, shopware, smartstore }
    }

    /// The shop has the order that it is about to tell of.
    pub(crate) fn place(&self, parcel: &Parcel) {
        let order: Value = serde_json::from_str(&parcel.body).unwrap();
        let placed = match parcel.kind {
            Kind::Woocommerce if parcel.shop == "buero" => self.office.state().seed(&order),
            Kind::Woocommerce | Kind::Shopify => return place(parcel, &self.woocommerce, &self.shopify),
            Kind::Shopware => self.shopware.state().seed(&order),
            Kind::Smartstore => self.smartstore.state().place(&order),
        };
        assert!(placed, "the stand-in does not take this for an order");
    }
}

/// What the stand-in of the ERP is like.
pub(crate) fn erp_options() -> weclapp::Options {
    weclapp::Options {
        token: TOKEN.to_owned(),
        warehouse_delay: Duration::from_millis(100),
        contract: erp_contract(),
        ..weclapp::Options::default()
    }
}

/// Starts the stand-ins of the shops.
pub(crate) async fn shops() -> (woocommerce::Sandbox, shopify::Sandbox) {
    let woocommerce = woocommerce::State::new(TOKEN, SECRET);
    (
        woocommerce::Sandbox::start("127.0.0.1:0", woocommerce).await.unwrap(),
        shopify::Sandbox::start("127.0.0.1:0", shopify::State::new(TOKEN)).await.unwrap(),
    )
}

/// Starts the stand-ins of the shops that only give notice of their orders.
pub(crate) async fn notifying_shops() -> (shopware::Sandbox, smartstore::Sandbox) {
    let shopware = shopware::State::new(TOKEN, SECRET);
    let smartstore = smartstore::State::new(TOKEN, SECRET);
    (
        shopware::Sandbox::start("127.0.0.1:0", shopware).await.unwrap(),
        smartstore::Sandbox::start("127.0.0.1:0", smartstore).await.unwrap(),
    )
}

/// The shop has the order that it is about to tell of.
pub(crate) fn place(parcel: &Parcel, woocommerce: &woocommerce::Sandbox, shopify: &shopify::Sandbox) {
    let order: Value = serde_json::from_str(&parcel.body).unwrap();
    let placed = match parcel.kind {
        Kind::Woocommerce => woocommerce.state().seed(&order),
        Kind::Shopify => shopify.state().seed(&order),
        Kind::Shopware | Kind::Smartstore => panic!("there is no such shop here"),
    };
    assert!(placed, "the stand-in does not take this for an order");
}

/// A folder with a configuration, and the process that works in it.
pub(crate) struct House {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) client: reqwest::Client,
    process: Option<Child>,
    pub(crate) url: String,
    port: u16,
}

impl House {
    /// Writes the configuration and starts the process.
    pub(crate) fn start(stands: &Stands) -> Self {
        let dir = tempfile::tempdir().unwrap();
        write_settings(dir.path(), &Urls::of(stands));
        let client = reqwest::Client::builder().timeout(Duration::from_secs(30)).build().unwrap();
        let mut house = Self { dir, client, process: None, url: String::new(), port: 0 };
        house.begin();
        stands.erp.state().send_webhooks_to(Some(format!("{}/webhooks/weclapp/{SECRET}", house.url)));
        house
    }

    /// Starts the process, on the port it had before.
    pub(crate) fn begin(&mut self) {
        let mut process = Command::new(program())
            .args(["--json", "up", "--config"])
            .arg(self.dir.path().join("kontor.yaml"))
            .arg("--data")
            .arg(self.data())
            .args(["--listen", &format!("127.0.0.1:{}", self.port)])
            .env("STORY_SECRET", SECRET)
            .env("STORY_TOKEN", TOKEN)
            .env("KONTOR_LOG", "error")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value =
            serde_json::from_str(&line).unwrap_or_else(|_| panic!("kontor did not start: {line}"));
        self.url = ready["ready"].as_str().unwrap().to_owned();
        self.port = self.url.rsplit_once(':').unwrap().1.parse().unwrap();
        self.process = Some(process);
    }

    /// SIGKILL, at once.
    pub(crate) fn kill(&mut self) {
        let mut process = self.process.take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Sends a delivery; `None` if nobody answered.
    pub(crate) async fn send(&self, parcel: &Parcel) -> Option<u16> {
        parcel.send(&self.client, &self.url, SECRET).await.ok()
    }

    /// The steps of an order by their keys, and where each stands.
    pub(crate) fn steps(&self, key: &str) -> Vec<(String, String)> {
        let order = self.ask(&["orders", "show", key]);
        let word = |state: &Value| match state.as_str() {
            Some(word) => word.to_owned(),
            None => state.as_object().unwrap().keys().next().unwrap().clone(),
        };
        let steps = order[0]["steps"].as_object().unwrap();
        steps.iter().map(|(key, state)| (key.clone(), word(state))).collect()
    }

    /// Runs `kontor --json ARGS --data …` and reads what it answers.
    pub(crate) fn ask(&self, args: &[&str]) -> Value {
        let output =
            Command::new(program()).arg("--json").args(args).arg("--data").arg(self.data()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "kontor {args:?} failed: {text}{said}");
        serde_json::from_str(&text).unwrap()
    }

    /// The orders in `status`.
    pub(crate) fn orders(&self, status: &str) -> Vec<Value> {
        let orders = self.ask(&["orders", "list", "--status", status, "--limit", "100000"]);
        orders.as_array().unwrap().clone()
    }

    /// Waits until `count` orders are in `status`.
    pub(crate) async fn wait(&self, status: &str, count: usize, patience: Duration) {
        let arrived = async {
            while self.orders(status).len() < count {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        if tokio::time::timeout(patience, arrived).await.is_err() {
            let all = self.ask(&["orders", "list", "--limit", "100000"]);
            let rest: Vec<_> =
                all.as_array().unwrap().iter().filter(|order| order["status"] != status).take(5).collect();
            let failures = self.ask(&["failures", "list", "--state", "all", "--limit", "5"]);
            panic!(
                "{} of {count} orders are {status}; others: {rest:#?}\nfailures: {failures:#}",
                self.orders(status).len()
            );
        }
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It may have ended by itself already.
            if let Err(error) = process.kill().and_then(|()| process.wait()) {
                eprintln!("kontor could not be stopped: {error}");
            }
        }
    }
}

/// Where the process finds the systems outside; a story may put something in between.
pub(crate) struct Urls {
    pub(crate) erp: String,
    pub(crate) kaffee: String,
    pub(crate) buero: String,
    pub(crate) schnee: String,
    pub(crate) garten: String,
    pub(crate) tinte: String,
}

impl Urls {
    /// The stand-ins themselves.
    pub(crate) fn of(stands: &Stands) -> Self {
        Self {
            erp: stands.erp.url.clone(),
            kaffee: stands.woocommerce.url.clone(),
            buero: stands.office.url.clone(),
            schnee: stands.shopify.url.clone(),
            garten: stands.shopware.url.clone(),
            tinte: stands.smartstore.url.clone(),
        }
    }
}

/// Writes configuration and flows into the folder `dir`.
pub(crate) fn write_settings(dir: &Path, urls: &Urls) {
    std::fs::write(dir.join("kontor.yaml"), yaml(urls)).unwrap();
    let flows = dir.join("flows");
    std::fs::create_dir(&flows).unwrap();
    for name in ["standard", "merchant"] {
        let from = format!("{}/../infra/flows/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
        std::fs::copy(from, flows.join(format!("{name}.yaml"))).unwrap();
    }
}

fn yaml(urls: &Urls) -> String {
    let shop = |id: &str, kind: &str, url: &str, flow: &str| {
        format!(
            "  - {{ id: {id}, kind: {kind}, url: \"{url}\", flow: {flow}, webhook_secrets: [env:STORY_SECRET], \
             api: {{ key: env:STORY_TOKEN, secret: env:STORY_SECRET }}, payments: {{ ppcp-gateway: prepaid, \
             bacs: prepayment, cod: cash_on_delivery, invoice: invoice, shopify_payments: prepaid, \
             paypal: prepaid, bank deposit: prepayment, payment_paypal: prepaid, \
             payment_prepayment: prepayment, payment_invoice: invoice, Payments.Prepayment: prepayment, \
             Payments.Invoice: invoice }}{} }}\n",
            if kind == "smartstore" { ", currency: EUR" } else { "" }
        )
    };
    format!(
        "shops:\n{}{}{}{}{}erp: {{ url: \"{}\", token: env:STORY_TOKEN, webhook_secrets: [env:STORY_SECRET], \
         gross_channel: GROSS1, net_channel: NET1, settle_seconds: 1, taxes: {{ '19': '19', '7': '7', '0': '0' }}, articles: {{ shipping: SHIPPING, fee: FEE, discount: DISCOUNT, \
         rounding: ROUNDING, gift_card: GIFTCARD }} }}\n\
         mail: {{ from: \"Kontor <stories@kontor.test>\", language: de, signature: Kontor }}\n",
        shop("kaffee", "woocommerce", &urls.kaffee, "standard"),
        shop("buero", "woocommerce", &urls.buero, "merchant"),
        shop("schnee", "shopify", &urls.schnee, "standard"),
        shop("garten", "shopware", &urls.garten, "standard"),
        shop("tinte", "smartstore", &urls.tinte, "standard"),
        urls.erp,
    )
}
