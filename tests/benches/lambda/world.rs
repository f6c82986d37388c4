//! The world of the bench: a table, queues, stand-ins of shop and ERP, and every function of the bundle.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use kontor_aws::table::create_table;
use kontor_aws::{Store, TableName};
use kontor_flow::ports::{Configs as _, OrderReader as _, StoredConfig};
use kontor_flow::{OrderStatus, Queue};
use kontor_runtime::clock;
use kontor_runtime::settings::FUNCTIONS;
use kontor_sandbox::traffic::Parcel;
use kontor_sandbox::{traffic, weclapp, woocommerce};
use tokio::net::TcpListener;

use crate::aws::Aws;
use crate::feed::{self, Pace};
use crate::host::Host;

/// What every secret in the bench is.
pub(crate) const SECRET: &str = "a-secret-of-the-bench";
/// The table.
pub(crate) const TABLE: &str = "kontor";

/// How long the services of AWS and the systems outside take to answer.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Latency {
    pub(crate) table: Duration,
    pub(crate) queue: Duration,
    pub(crate) mail: Duration,
    pub(crate) systems: Duration,
}

/// Everything, at work.
pub(crate) struct World {
    pub(crate) aws: Arc<Aws>,
    pub(crate) hosts: BTreeMap<&'static str, Arc<Host>>,
    pub(crate) erp: weclapp::Sandbox,
    pub(crate) shop: woocommerce::Sandbox,
    front: String,
    store: Store,
    client: reqwest::Client,
}

impl World {
    /// Starts the table, the stand-ins and a process for every function.
    pub(crate) async fn start(bins: &Path, latency: Latency, pace: Pace) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let table = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(dynoxide::server::serve_on(listener, dynoxide::Database::memory().unwrap()));
        let store = store(&table).await;
        let options = weclapp::Options { token: SECRET.to_owned(), ..weclapp::Options::default() };
        let erp = weclapp::Sandbox::start("127.0.0.1:0", &options).await.unwrap();
        let state = woocommerce::State::new(SECRET, SECRET);
        let shop = woocommerce::Sandbox::start("127.0.0.1:0", state).await.unwrap();
        let (aws, mail) = Aws::new(table, latency);
        let systems = [feed::slowed(&erp.url, latency.systems), feed::slowed(&shop.url, latency.systems)];
        let [erp_url, shop_url]: [String; 2] =
            futures_util::future::join_all(systems).await.try_into().unwrap();
        push(&store, &erp_url, &shop_url).await;
        let mut hosts = BTreeMap::new();
        for function in FUNCTIONS {
            hosts.insert(function.name, Host::start(function, bins, Arc::clone(&aws)).await.0);
        }
        feed::deliver(mail, &hosts, pace);
        let front = feed::front(&hosts).await;
        erp.state().send_webhooks_to(Some(format!("{front}/webhooks/weclapp/{SECRET}")));
        Self { aws, hosts, erp, shop, front, store, client: reqwest::Client::new() }
    }

    /// The shop has order `number`, of a new customer, and tells of it.
    pub(crate) async fn send(&self, number: u64) {
        let email = format!("customer{number}@example.test");
        let parcel: Parcel = traffic::WOO_PREPAID.parcel("kaffee", number, &email).unwrap();
        assert!(self.shop.state().seed(&serde_json::from_str(&parcel.body).unwrap()));
        assert_eq!(parcel.send(&self.client, &self.front, SECRET).await.unwrap(), 200);
    }

    /// Waits until order `number` is completed, and then until nothing is under way.
    pub(crate) async fn completed(&self, number: u64) {
        let key = format!("kaffee/{number}").parse().unwrap();
        let done = async {
            loop {
                let order = self.store.load(&key).await.unwrap();
                if order.is_some_and(|order| order.status == OrderStatus::Completed) && self.aws.is_idle() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(300), done).await.expect("the order is completed");
    }

    /// Ends all processes.
    pub(crate) async fn stop(self) {
        for host in self.hosts.values() {
            host.stop().await;
        }
        self.erp.stop().await.unwrap();
        self.shop.stop().await.unwrap();
    }
}

async fn store(endpoint: &str) -> Store {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("100000000001", "bench", None, None, "bench"))
        .endpoint_url(endpoint)
        .build();
    let client = aws_sdk_dynamodb::Client::from_conf(config);
    create_table(&client, &TableName(TABLE.to_owned())).await.unwrap();
    Store::new(client, TableName(TABLE.to_owned()))
}

async fn push(store: &Store, erp: &str, shop: &str) {
    let yaml = format!(
        "shops:\n  - {{ id: kaffee, kind: woocommerce, url: \"{shop}\", flow: standard, \
         webhook_secrets: [secret:x], api: {{ key: secret:x, secret: secret:x }}, payments: {{ ppcp-gateway: prepaid }} }}\n\
         erp: {{ url: \"{erp}\", token: secret:x, webhook_secrets: [secret:x], gross_channel: GROSS1, net_channel: NET1, \
         articles: {{ shipping: SHIPPING, fee: FEE, discount: DISCOUNT, rounding: ROUNDING, gift_card: GIFTCARD }} }}\n\
         mail: {{ from: \"Kontor <bench@kontor.test>\", language: de, signature: Kontor }}\n"
    );
    let flow = include_str!("../../../infra/flows/standard.yaml").to_owned();
    let flows = BTreeMap::from([("standard".to_owned(), flow)]);
    let pushed =
        StoredConfig { version: 1, yaml, flows, pushed_at: clock::now(), pushed_by: "bench".to_owned() };
    store.push(&pushed).await.unwrap();
}

/// The name of a queue in the bench.
pub(crate) fn queue_name(queue: Queue, dead: bool) -> String {
    format!("{}{}", queue.as_str(), if dead { "-dead" } else { "" })
}
