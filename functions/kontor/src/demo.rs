//! `kontor demo`: the main job in one command. Recorded orders go through stand-ins of all systems, with everything that happens
//! in real life, and what came out is compared with what the ERP's stand-in counts for itself.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use kontor_domain::OrderKey;
use kontor_flow::ports::{OrderIndex as _, OrderReader};
use kontor_flow::remedy::BoxError;
use kontor_flow::{Order, OrderStatus, TimelineEntry};
use kontor_sandbox::weclapp::{Report, Switches};
use serde::Serialize;

use crate::out::{Out, table};
use crate::stands::Stands;
use crate::up::{on_signal, stopped};
use crate::world::{Running, SECRET, STANDARD, client};
use crate::{orders, story};
use kontor_sandbox::traffic::{self, Parcel, Recording};

/// How long the demo waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(90);

/// How often the shops are asked for orders that no webhook told of.
const ASK_EVERY: Duration = Duration::from_secs(2);

/// How long the ERP is away.
const OUTAGE: Duration = Duration::from_secs(3);

/// An order of the demo.
struct Case {
    key: OrderKey,
    recording: Recording,
    number: u64,
    email: String,
}

impl Case {
    fn new(shop: &str, number: u64, recording: Recording, who: &str) -> Result<Self, BoxError> {
        let id = match recording.kind() {
            traffic::Kind::Shopware => traffic::shopware_id(number),
            traffic::Kind::Woocommerce | traffic::Kind::Shopify | traffic::Kind::Smartstore => {
                number.to_string()
            }
        };
        let key = format!("{shop}/{id}").parse()?;
        Ok(Self { key, recording, number, email: format!("{who}@example.test") })
    }

    fn parcel(&self) -> Result<Parcel, BoxError> {
        self.recording.parcel(self.key.shop.as_str(), self.number, &self.email)
    }
}

/// A sentence about the demo, and whether it turned out true.
#[derive(Debug, Serialize)]
pub(crate) struct Check {
    pub(crate) sentence: String,
    pub(crate) holds: bool,
}

/// The stage: stand-ins, the house, and what has been checked so far.
pub(crate) struct Stage {
    pub(crate) stands: Stands,
    pub(crate) house: Running,
    client: reqwest::Client,
    pub(crate) checks: Vec<Check>,
    bar: ProgressBar,
}

pub(crate) async fn run(stay: bool, out: Out) -> Result<ExitCode, BoxError> {
    let data = tempfile::tempdir()?;
    let mut stage = Stage::set(data.path()).await?;
    let keys = story(&mut stage).await?;
    stage.bar.finish_and_clear();
    let report = stage.stands.erp.report();
    let mut told = Vec::new();
    for key in &keys {
        let order = stage.load(key).await?;
        let timeline = stage.house.engine.timeline(key).await?;
        told.push((order, timeline));
    }
    story::check_books(&mut stage.checks, &told, &report);
    show(out, &told, &report, &stage.checks)?;
    let good = stage.checks.iter().all(|check| check.holds);
    if stay {
        out.say(&format!(
            "\nKontor goes on at {} with its data in {}; weclapp's stand-in is {}/_sandbox/report. Stop it with Ctrl-C.\n\
             Try: kontor orders list --data {}",
            stage.house.url,
            data.path().display(),
            stage.stands.erp.url,
            data.path().display(),
        ))?;
        stopped(on_signal()?).await;
    }
    stage.house.stop().await?;
    stage.stands.stop().await?;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Tells the story, and answers the orders in it.
async fn story(stage: &mut Stage) -> Result<Vec<OrderKey>, BoxError> {
    let ordinary = [
        Case::new("kaffee", 1001, traffic::WOO_PREPAID, "erika")?,
        Case::new("kaffee", 1002, traffic::WOO_FEE, "otto")?,
        Case::new("kaffee", 1003, traffic::WOO_COD, "jo")?,
        Case::new("kaffee", 1004, traffic::WOO_DIGITAL, "kim")?,
        Case::new("schnee", 1005, traffic::SHOPIFY_PAID, "lena")?,
        Case::new("buero", 1006, traffic::WOO_B2B, "einkauf")?,
        Case::new("garten", 1013, traffic::SHOPWARE_PAID, "ida")?,
        Case::new("tinte", 1014, traffic::SMARTSTORE_NET, "verlag")?,
    ];
    let prepayment = [
        Case::new("kaffee", 1007, traffic::WOO_BACS, "mika")?,
        Case::new("schnee", 1008, traffic::SHOPIFY_BANK, "noor")?,
        Case::new("garten", 1015, traffic::SHOPWARE_OPEN, "ole")?,
    ];
    let untold = [Case::new("tinte", 1016, traffic::SMARTSTORE_OPEN, "pia")?];
    let in_the_outage = [
        Case::new("kaffee", 1009, traffic::WOO_PREPAID, "erika")?,
        Case::new("kaffee", 1010, traffic::WOO_PREPAID, "paul")?,
        Case::new("schnee", 1011, traffic::SHOPIFY_PAID, "lena")?,
        Case::new("kaffee", 1012, traffic::WOO_FEE, "ruth")?,
    ];
    stage.say("orders come in, one of them five times at once and told as changed before it is told as new");
    stage.repeat(&ordinary[0]).await?;
    for case in ordinary.iter().chain(&prepayment) {
        stage.deliver(case).await?;
    }
    stage.stands.place(&untold[0].parcel()?)?;
    stage.forge(&ordinary[1]).await?;
    stage.wait("all paid orders are invoiced", &ordinary, OrderStatus::Completed).await?;
    stage.wait("the prepayment orders wait for their money", &prepayment, OrderStatus::Waiting).await?;
    stage.wait("the order that no webhook told of is found by asking", &untold, OrderStatus::Waiting).await?;
    stage.nothing_shipped(&prepayment);

    stage.say("the ERP goes away while orders come in");
    stage.stands.erp.state().switch(Switches { outage: true, ..Switches::default() });
    for case in &in_the_outage {
        stage.deliver(case).await?;
    }
    tokio::time::sleep(OUTAGE).await;
    stage.stands.erp.state().switch(Switches::default());

    stage.say("the prepayments arrive");
    stage.pay(&prepayment[0], traffic::WOO_BACS_PAID).await?;
    stage.pay(&prepayment[1], traffic::SHOPIFY_BANK_PAID).await?;
    stage.pay_in_shopware(&prepayment[2]).await?;
    stage.pay_by_bank(&untold[0]);
    stage.wait("the outage delayed orders and lost none", &in_the_outage, OrderStatus::Completed).await?;
    stage.wait("paid prepayments are shipped and invoiced", &prepayment, OrderStatus::Completed).await?;
    stage
        .wait(
            "money that the ERP reports ships the order, and its shop is told",
            &untold,
            OrderStatus::Completed,
        )
        .await?;
    let all = ordinary.iter().chain(&prepayment).chain(&untold).chain(&in_the_outage);
    Ok(all.map(|case| case.key.clone()).collect())
}

impl Stage {
    async fn set(data: &std::path::Path) -> Result<Self, BoxError> {
        let stands = Stands::start(Duration::from_millis(300)).await?;
        let house = Running::start(&stands.addresses(), data, 16, STANDARD, Some(ASK_EVERY)).await?;
        stands.erp.state().send_webhooks_to(Some(house.hook()));
        let bar = ProgressBar::new_spinner();
        bar.set_style(ProgressStyle::with_template("{spinner} {elapsed} {msg}")?);
        bar.enable_steady_tick(Duration::from_millis(100));
        Ok(Self { stands, house, client: client()?, checks: Vec::new(), bar })
    }

    fn say(&self, what: &str) {
        self.bar.set_message(what.to_owned());
    }

    fn check(&mut self, sentence: impl Into<String>, holds: bool) {
        self.checks.push(Check { sentence: sentence.into(), holds });
    }

    async fn load(&self, key: &OrderKey) -> Result<Order, BoxError> {
        let order = OrderReader::load(&self.house.engine, key).await?;
        let order = order.ok_or_else(|| format!("there is no order {key}"))?;
        Ok(std::sync::Arc::unwrap_or_clone(order))
    }

    /// The shop places the order and tells about it.
    async fn deliver(&mut self, case: &Case) -> Result<(), BoxError> {
        let parcel = case.parcel()?;
        self.stands.place(&parcel)?;
        let status = parcel.send(&self.client, &self.house.url, SECRET).await?;
        if status != 200 {
            self.check(
                format!("the delivery of {} is taken (it was answered with {status})", case.key),
                false,
            );
        }
        Ok(())
    }

    /// The same delivery five times at once, and before that the order as changed.
    async fn repeat(&mut self, case: &Case) -> Result<(), BoxError> {
        let parcel = case.parcel()?;
        self.stands.place(&parcel)?;
        let early =
            parcel.clone().told_as("order.updated").send(&self.client, &self.house.url, SECRET).await?;
        let mut sendings = tokio::task::JoinSet::new();
        for _ in 0..5 {
            let (parcel, client, url) = (parcel.clone(), self.client.clone(), self.house.url.clone());
            sendings.spawn(async move { parcel.send(&client, &url, SECRET).await });
        }
        let mut taken = early == 200;
        while let Some(sent) = sendings.join_next().await {
            taken &= sent?? == 200;
        }
        self.check("repeated and reordered deliveries are taken", taken);
        Ok(())
    }

    /// Somebody else signs an order.
    async fn forge(&mut self, case: &Case) -> Result<(), BoxError> {
        let status = case.parcel()?.send(&self.client, &self.house.url, "not the secret").await?;
        self.check(format!("a forged delivery is refused (with {status})"), status == 401);
        Ok(())
    }

    /// The shop tells that the money for an order has arrived.
    async fn pay(&mut self, case: &Case, paid: Recording) -> Result<(), BoxError> {
        let parcel = paid.parcel(case.key.shop.as_str(), case.number, &case.email)?;
        self.stands.place(&parcel)?;
        let status = parcel.send(&self.client, &self.house.url, SECRET).await?;
        self.check(format!("the payment of {} is taken", case.key), status == 200);
        Ok(())
    }

    /// A person in the shop marks the order as paid, and the shop gives notice of it.
    async fn pay_in_shopware(&mut self, case: &Case) -> Result<(), BoxError> {
        self.stands.pay_in_shopware(case.key.order.as_str())?;
        let status = case.parcel()?.send(&self.client, &self.house.url, SECRET).await?;
        self.check(format!("the payment of {} is taken", case.key), status == 200);
        Ok(())
    }

    /// The bookkeeper finds the money on the bank's statement.
    fn pay_by_bank(&mut self, case: &Case) {
        let found = self.stands.erp.state().pay(&case.key.to_string());
        self.check(format!("the ERP has a prepayment of {} to pay", case.key), found);
    }

    fn nothing_shipped(&mut self, cases: &[Case]) {
        let report = self.stands.erp.report();
        let ours = |document: &kontor_sandbox::weclapp::Document| {
            cases.iter().any(|case| document.order_key.as_deref() == Some(case.key.to_string().as_str()))
        };
        let booked = report.sales_orders.iter().filter(|d| ours(d)).count() == cases.len();
        let shipped = report.shipments.iter().any(ours);
        self.check("unpaid prepayment orders are booked, and not shipped", booked && !shipped);
    }

    /// Waits until all orders of `cases` stand there.
    async fn wait(&mut self, sentence: &str, cases: &[Case], status: OrderStatus) -> Result<(), BoxError> {
        self.say(sentence);
        let arrived = async {
            loop {
                let mut all = true;
                for case in cases {
                    let order = OrderReader::load(&self.house.engine, &case.key).await?;
                    all &= order.is_some_and(|order| order.status == status);
                }
                if all {
                    return Ok::<_, BoxError>(());
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let holds = match tokio::time::timeout(PATIENCE, arrived).await {
            Ok(done) => done.map(|()| true)?,
            Err(_) => false,
        };
        self.check(sentence, holds);
        Ok(())
    }
}

/// What the demo answers with `--json`.
#[derive(Serialize)]
struct Shown<'a> {
    orders: Vec<story::Row>,
    checks: &'a [Check],
    erp: &'a Report,
}

fn show(
    out: Out,
    told: &[(Order, Vec<TimelineEntry>)],
    report: &Report,
    checks: &[Check],
) -> Result<(), BoxError> {
    let documents: BTreeMap<String, story::Documents> = story::documents(report);
    let rows: Vec<story::Row> = told.iter().map(|(order, _)| story::Row::of(order, &documents)).collect();
    let shown = Shown { orders: rows, checks, erp: report };
    out.show(&shown, |shown| {
        let mut text = String::new();
        for (order, timeline) in told {
            text.push_str(&orders::show(order, timeline));
            text.push_str("\n\n");
        }
        text.push_str(&table(&story::HEAD, shown.orders.iter().map(story::Row::cells)).to_string());
        text.push_str(&format!(
            "\n\nthe ERP counts {} customers, {} sales orders, {} shipments, {} invoices (prepayment invoices among them), \
             {} doubled, {} calls\n",
            report.customers,
            report.sales_orders.len(),
            report.shipments.len(),
            report.invoices.len(),
            report.doubled.len(),
            report.calls_made(),
        ));
        for check in checks {
            text.push_str(&format!("\n{} {}", if check.holds { "ok    " } else { "FAILED" }, check.sentence));
        }
        text
    })
}
