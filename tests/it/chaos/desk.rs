//! `kontor up` as a process that is treated badly: killed while it starts, stopped, shut in with a small disk.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use kontor_sandbox::weclapp::Document;
use serde_json::{Value, json};

use super::ledger::Ledger;
use super::minutes;
use crate::house::{SECRET, Stands, TOKEN, Urls, program, write_settings};

/// How long is waited for anything that has to happen at some time.
const PATIENCE: Duration = Duration::from_secs(180);
/// The same after a long run: the pauses between attempts have grown to twenty minutes.
const LONG_PATIENCE: Duration = Duration::from_secs(2_400);

/// A folder with a configuration, a port, and the process that comes and goes.
pub(super) struct Desk {
    pub(super) dir: tempfile::TempDir,
    pub(super) url: String,
    /// The folder with everything that is kept, as it is seen from out here.
    pub(super) data: PathBuf,
    /// What a command is put behind to run where the process runs.
    wrapper: Vec<String>,
    client: reqwest::Client,
    port: u16,
    process: Option<Child>,
}

impl Desk {
    /// Writes the configuration, and has the ERP tell of its shipments here. Nothing is started yet.
    pub(super) fn new(stands: &Stands, urls: &Urls) -> Self {
        let dir = tempfile::tempdir().unwrap();
        write_settings(dir.path(), urls);
        let port = free_port();
        let url = format!("http://127.0.0.1:{port}");
        stands.erp.state().send_webhooks_to(Some(format!("{url}/webhooks/weclapp/{SECRET}")));
        let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().unwrap();
        let data = dir.path().join("data");
        std::fs::create_dir(&data).unwrap();
        Self { dir, url, data, wrapper: Vec::new(), client, port, process: None }
    }

    /// From now on the process is run behind `wrapper`; its data folder is seen from here as `data`.
    pub(super) fn behind(&mut self, wrapper: Vec<String>, data: PathBuf) {
        (self.wrapper, self.data) = (wrapper, data);
    }

    /// Starts the process and does not wait for anything.
    pub(super) fn begin(&mut self) {
        let log = OpenOptions::new().create(true).append(true).open(self.log_file()).unwrap();
        let mut words = self.wrapper.clone();
        words.push(program().display().to_string());
        let process = Command::new(words.first().unwrap())
            .args(words.iter().skip(1))
            .args(["--json", "up", "--config"])
            .arg(self.dir.path().join("kontor.yaml"))
            .arg("--data")
            .arg(self.dir.path().join("data"))
            .args(["--listen", &format!("127.0.0.1:{}", self.port)])
            .env("STORY_SECRET", SECRET)
            .env("STORY_TOKEN", TOKEN)
            .env("KONTOR_LOG", "info")
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.process = Some(process);
    }

    /// Waits until it answers.
    pub(super) async fn ready(&mut self) {
        let up = async {
            while self.health().await.is_none() {
                let ended = self.process.as_mut().unwrap().try_wait().unwrap();
                assert!(ended.is_none(), "kontor ended by itself: {ended:?}\n{}", self.log());
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let answers = tokio::time::timeout(PATIENCE, up).await;
        assert!(answers.is_ok(), "kontor does not answer");
    }

    /// Waits until it answers, and starts it again where it could not start before.
    pub(super) async fn again(&mut self) {
        let up = async {
            while self.health().await.is_none() {
                if self.process.as_mut().unwrap().try_wait().unwrap().is_some() {
                    self.begin();
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        assert!(tokio::time::timeout(PATIENCE, up).await.is_ok(), "kontor does not come back");
    }

    async fn health(&self) -> Option<Value> {
        self.client.get(format!("{}/health", self.url)).send().await.ok()?.json().await.ok()
    }

    /// SIGKILL, at once.
    pub(super) fn kill(&mut self) {
        let mut process = self.process.take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// Waits until it has ended by itself; answers whether it says that all was well.
    pub(super) async fn ended(&mut self) -> bool {
        let mut process = self.process.take().unwrap();
        let ended = async {
            loop {
                if let Some(status) = process.try_wait().unwrap() {
                    return status.success();
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, ended).await.expect("kontor does not end")
    }

    /// Sends it a signal: `TERM`, `STOP`, `CONT`.
    pub(super) fn signal(&self, name: &str) {
        let told = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.pid())]).status().unwrap();
        assert!(told.success());
    }

    /// The process's id.
    pub(super) fn pid(&self) -> u32 {
        self.process.as_ref().unwrap().id()
    }

    /// The most memory it has had, in MiB.
    pub(super) fn most_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
    }

    fn log_file(&self) -> PathBuf {
        self.dir.path().join("kontor.log")
    }

    /// Everything the processes have logged.
    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap()
    }

    /// Runs `kontor --json ARGS --data …` and reads what it answers.
    pub(super) fn ask(&self, args: &[&str]) -> Value {
        let output =
            Command::new(program()).arg("--json").args(args).arg("--data").arg(&self.data).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "kontor {args:?} failed: {text}{said}");
        serde_json::from_str(&text).unwrap()
    }

    /// Waits until every order of the ledger is completed and nothing is worked on. A second copy of a command may wait in
    /// its queue until the lease of the first, long done, is over.
    pub(super) async fn quiet(&self, stands: &Stands, ledger: &Ledger) {
        self.quiet_with(stands, ledger.taken()).await;
    }

    /// Waits until `orders` orders are completed and nothing is worked on.
    pub(super) async fn quiet_with(&self, stands: &Stands, orders: usize) {
        let quiet = async {
            let mut silent = 0;
            for round in 1_u32.. {
                tokio::time::sleep(Duration::from_millis(250)).await;
                let idle = self.health().await.is_some_and(|health| idle(&health));
                silent = if idle { silent + 1 } else { 0 };
                if silent >= 4 && self.completed_of(None) >= orders {
                    return;
                }
                if round.is_multiple_of(20) {
                    self.tell_of_shipments(stands).await;
                }
            }
        };
        let patience = if minutes().is_some() { LONG_PATIENCE } else { PATIENCE };
        if tokio::time::timeout(patience, quiet).await.is_err() {
            let rest = self.ask(&["orders", "list", "--limit", "100000"]);
            let rest = rest.as_array().unwrap().iter().filter(|order| order["status"] != "completed");
            let rest: Vec<_> = rest.take(3).collect();
            let failures = self.ask(&["failures", "list", "--state", "all", "--limit", "3"]);
            panic!(
                "{} of {orders} orders are completed; others: {rest:#?}\nfailures: {failures:#}\n{:?}",
                self.completed_of(None),
                self.health().await
            );
        }
    }

    /// Has what is parked as the cause of too many crashes worked off again, as an operator would; answers how much it was.
    pub(super) fn replay_crashes(&self) -> usize {
        let parked = self.ask(&["failures", "list", "--limit", "100000"]);
        for failure in parked.as_array().unwrap() {
            assert_eq!(failure["class"], "crash", "{failure:#}");
            self.ask(&["failures", "replay", failure["id"].as_str().unwrap()]);
        }
        parked.as_array().unwrap().len()
    }

    /// How many orders of `shop` are completed.
    pub(super) fn completed(&self, shop: &str) -> usize {
        self.completed_of(Some(shop))
    }

    fn completed_of(&self, shop: Option<&str>) -> usize {
        let mut args = vec!["orders", "list", "--status", "completed", "--limit", "1000000"];
        args.extend(shop.iter().flat_map(|shop| ["--shop", shop]));
        self.ask(&args).as_array().unwrap().len()
    }

    /// weclapp gives a webhook up when nobody takes it for long; what then finds its shipments, a poll, is not built
    /// yet. So the ERP tells once more of the shipments of orders that are not completed.
    async fn tell_of_shipments(&self, stands: &Stands) {
        let report = stands.erp.report();
        if report.webhooks_failed == 0 {
            return;
        }
        let orders = self.ask(&["orders", "list", "--limit", "1000000"]);
        let rest = orders.as_array().unwrap().iter().filter(|order| order["status"] != "completed");
        let rest: BTreeSet<&str> = rest.map(|order| order["key"].as_str().unwrap()).collect();
        let told = |document: &Document| document.order_key.as_deref().is_some_and(|key| rest.contains(key));
        for shipment in report.shipments.iter().filter(|document| told(document)) {
            let hint = json!({"entityId": shipment.id, "entityName": "shipment", "type": "UPDATE"});
            let url = format!("{}/webhooks/weclapp/{SECRET}", self.url);
            self.client.post(url).json(&hint).send().await.unwrap();
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        if std::thread::panicking() && self.log_file().exists() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!(
                "the log ends with\n{}",
                lines.get(lines.len().saturating_sub(30)..).unwrap().join("\n")
            );
        }
        if let Some(mut process) = self.process.take() {
            // It may have ended by itself already.
            if let Err(error) = process.kill().and_then(|()| process.wait()) {
                eprintln!("kontor could not be stopped: {error}");
            }
        }
    }
}

fn idle(health: &Value) -> bool {
    let queues = health["queues"].as_object().unwrap();
    let counts = queues.values().flat_map(|queue| queue.as_object().unwrap());
    let mut counted = counts.filter(|(place, _)| *place != "delayed");
    counted.all(|(_, count)| *count == 0)
}

/// A port that nobody has, and that nobody is given by chance while the process is down: below those that the kernel
/// hands out.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % 8_000).unwrap();
    loop {
        let nth = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 20_000 + (start + nth) % 12_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Stand-ins that several tasks share.
pub(super) async fn stands() -> Arc<Stands> {
    Arc::new(Stands::start().await)
}
