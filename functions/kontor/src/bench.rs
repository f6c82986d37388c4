//! `kontor bench`: what this machine does. Stand-ins and senders run in processes of their own, so that the CPU counted is Kontor's.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use bytes::Bytes;
use indicatif::{ProgressBar, ProgressStyle};
use kontor_flow::TimelineEntry;
use kontor_flow::ports::OrderIndex as _;
use kontor_flow::remedy::BoxError;
use kontor_runtime::clock::Stopwatch;
use kontor_sandbox::weclapp::Report;
use serde::Serialize;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

use crate::args::Job;
use crate::load::{Load, Sent, quantile};
use crate::out::Out;
use crate::world::{Addresses, Running, SECRET, STANDARD, client};
use kontor_sandbox::traffic;

/// How long the bench waits for the last order.
const PATIENCE: Duration = Duration::from_secs(600);

/// The most orders whose timelines are looked at.
const MOST_LOOKED_AT: usize = 5_000;

/// Who makes bare calls at the same time.
const CALLERS: u32 = 64;

/// What was measured.
#[derive(Debug, Serialize)]
struct Figures {
    /// What was done for each of them.
    job: Job,
    orders: u32,
    /// One durable write alone, for comparison.
    fsync_ms: f64,
    accepted_per_second: f64,
    accept_p50_ms: f64,
    accept_p99_ms: f64,
    /// From the first delivery to the last invoice and mail.
    chain_per_second: f64,
    /// From sending the delivery to the invoice, for half of the orders and for 99 of 100.
    invoice_p50_ms: f64,
    invoice_p99_ms: f64,
    cpu_ms_per_order: f64,
    /// Of the same number of calls to the ERP alone, without anything about them: what no order can cost less than.
    bare_calls_cpu_ms_per_order: f64,
    /// Before the first order.
    idle_memory_mib: f64,
    memory_mib: f64,
    data_kib_per_order: f64,
    erp_calls_per_order: f64,
    doubled: usize,
    calls_of_new_customer: BTreeMap<String, u64>,
    calls_of_known_customer: BTreeMap<String, u64>,
}

/// Customer, sales order, shipment, invoice.
const DOCUMENTS: &str = "name: standard
steps:
  customer: { do: erp.customer }
  sales_order: { do: erp.sales_order, needs: [customer] }
  release: { needs: [sales_order], await: order.paid }
  shipment: { do: erp.shipment, needs: [release] }
  invoice: { do: erp.invoice, needs: [release] }
";

pub(crate) async fn run(load: Load, width: u16, job: Job, out: Out) -> Result<ExitCode, BoxError> {
    let orders = load.orders;
    let data = tempfile::tempdir()?;
    let fsync_ms = fsync(data.path())?;
    // Three orders go ahead: one warms up, one is of a new customer, one of the same again.
    let (mut stands, addresses) = stands(orders.saturating_add(3)).await?;
    let flow = match job {
        Job::Whole => STANDARD,
        Job::Documents => DOCUMENTS,
    };
    let house = Running::start(&addresses, data.path(), usize::from(width), flow, None).await?;
    if job == Job::Whole {
        tell_hook(&addresses, &house).await?;
    }
    let idle_memory_mib = memory_mib()?;
    let single = singles(&addresses, &house, orders).await?;

    let (cpu, before) = (cpu_ms()?, report(&addresses).await?);
    let watch = Stopwatch::start();
    let sent = send(&house.url, load).await?;
    quiet(&addresses, &house, orders.saturating_add(3)).await?;
    let took = watch.elapsed();
    let (cpu, after) = (cpu_ms()?.saturating_sub(cpu), report(&addresses).await?);
    let invoices = invoices(&house, &sent).await?;
    let count = f64::from(orders);
    let figures = Figures {
        job,
        orders,
        fsync_ms,
        accepted_per_second: rate(count, sent.seconds),
        accept_p50_ms: sent.p50_ms,
        accept_p99_ms: sent.p99_ms,
        chain_per_second: rate(count, took.as_secs_f64()),
        invoice_p50_ms: rate(f64::from(quantile(&invoices, 500).unwrap_or(0)), 1_000.0),
        invoice_p99_ms: rate(f64::from(quantile(&invoices, 990).unwrap_or(0)), 1_000.0),
        cpu_ms_per_order: rate(float(cpu), count),
        bare_calls_cpu_ms_per_order: 0.0,
        idle_memory_mib,
        memory_mib: memory_mib()?,
        data_kib_per_order: rate(kib(data.path())?, count),
        erp_calls_per_order: rate(float(after.calls_made().saturating_sub(before.calls_made())), count),
        doubled: after.doubled.len(),
        calls_of_new_customer: single.0,
        calls_of_known_customer: single.1,
    };
    house.stop().await?;
    let bare = bare_calls_cpu_ms(&addresses, figures.erp_calls_per_order).await?;
    let figures = Figures { bare_calls_cpu_ms_per_order: bare, ..figures };
    stands.kill().await?;
    out.show(&figures, show)?;
    Ok(if figures.doubled == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(f: &Figures) -> String {
    let calls = |calls: &BTreeMap<String, u64>| {
        let each: Vec<String> = calls.iter().map(|(call, count)| format!("    {count} × {call}")).collect();
        format!("{}\n{}", calls.values().sum::<u64>(), each.join("\n"))
    };
    let job = match f.job {
        Job::Whole => "the whole chain",
        Job::Documents => "documents in the ERP alone",
    };
    format!(
        "{} prepaid orders, {job}; one process on the embedded engine, stand-ins without delay\n\n\
         accepted            {:>8.0} orders/s   ({:.0} bare durable writes/s on this disk, {:.2} ms each)\n\
         answered after      {:>8.1} ms (half), {:.1} ms (99 of 100)\n\
         whole chain         {:>8.0} orders/s\n\
         invoiced after      {:>8.0} ms (half), {:.0} ms (99 of 100)\n\
         CPU                 {:>8.2} ms per order   ({:.2} ms for its calls to the ERP, made bare)\n\
         memory              {:>8.0} MiB   ({:.0} MiB before the first order)\n\
         on disk             {:>8.1} KiB per order\n\
         calls to the ERP    {:>8.2} per order\n\
         doubled documents   {:>8}\n\n\
         calls for a prepaid order of a new customer: {}\n\
         calls for a prepaid order of a known customer: {}",
        f.orders,
        f.accepted_per_second,
        rate(1_000.0, f.fsync_ms),
        f.fsync_ms,
        f.accept_p50_ms,
        f.accept_p99_ms,
        f.chain_per_second,
        f.invoice_p50_ms,
        f.invoice_p99_ms,
        f.cpu_ms_per_order,
        f.bare_calls_cpu_ms_per_order,
        f.memory_mib,
        f.idle_memory_mib,
        f.data_kib_per_order,
        f.erp_calls_per_order,
        f.doubled,
        calls(&f.calls_of_new_customer),
        calls(&f.calls_of_known_customer),
    )
}

/// `count` per `unit`; these are measurements, never money.
#[expect(clippy::float_arithmetic, reason = "a measurement, not money")]
fn rate(count: f64, unit: f64) -> f64 {
    if unit > 0.0 { count / unit } else { 0.0 }
}

#[expect(clippy::cast_precision_loss, reason = "a measurement, not money")]
fn float(count: u64) -> f64 {
    count as f64
}

/// Milliseconds that one small durable write takes here.
fn fsync(data: &Path) -> Result<f64, BoxError> {
    const WRITES: u32 = 100;
    let mut file = File::create(data.join("fsync"))?;
    let watch = Stopwatch::start();
    for _ in 0..WRITES {
        file.write_all(&[0; 4096])?;
        file.sync_data()?;
    }
    Ok(rate(watch.elapsed().as_secs_f64(), rate(f64::from(WRITES), 1_000.0)))
}

/// Starts the stand-ins in a process of their own.
async fn stands(orders: u32) -> Result<(Child, Addresses), BoxError> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["sandbox", "bench", "--orders", &orders.to_string()])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let stdout = child.stdout.take().ok_or("the stand-ins have no output")?;
    let line = BufReader::new(stdout).lines().next_line().await?.ok_or("the stand-ins did not start")?;
    Ok((child, serde_json::from_str(&line)?))
}

async fn tell_hook(addresses: &Addresses, house: &Running) -> Result<(), BoxError> {
    let url = format!("{}/_sandbox/webhook", addresses.erp);
    client()?.post(url).body(house.hook()).send().await?.error_for_status()?;
    Ok(())
}

async fn report(addresses: &Addresses) -> Result<Report, BoxError> {
    let url = format!("{}/_sandbox/report", addresses.erp);
    Ok(client()?.get(url).send().await?.error_for_status()?.json().await?)
}

/// The calls for one order of a new customer, and for the next of the same.
async fn singles(
    addresses: &Addresses,
    house: &Running,
    orders: u32,
) -> Result<(BTreeMap<String, u64>, BTreeMap<String, u64>), BoxError> {
    let client = client()?;
    let mut calls = Vec::new();
    for (nth, email) in [(1, "warm@example.test"), (2, "new@example.test"), (3, "new@example.test")] {
        let before = report(addresses).await?;
        let number = orders.saturating_add(nth);
        let parcel = traffic::WOO_PREPAID.parcel("kaffee", number.into(), email)?;
        if parcel.send(&client, &house.url, SECRET).await? != 200 {
            return Err("a delivery was not taken".into());
        }
        quiet(addresses, house, nth).await?;
        calls.push(difference(&before, &report(addresses).await?));
    }
    let known = calls.pop().unwrap_or_default();
    Ok((calls.pop().unwrap_or_default(), known))
}

/// CPU time of so many calls to the ERP made with nothing about them: a body as long as an order's, and what comes back.
#[expect(clippy::float_arithmetic, reason = "a measurement, not money")]
async fn bare_calls_cpu_ms(addresses: &Addresses, calls: f64) -> Result<f64, BoxError> {
    const EACH: u32 = 100;
    let (client, url) = (client()?, format!("{}/_sandbox/nothing", addresses.erp));
    let body = Bytes::from(vec![b' '; 1_500]);
    let cpu = cpu_ms()?;
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let (client, url, body) = (client.clone(), url.clone(), body.clone());
        callers.spawn(async move {
            for _ in 0..EACH {
                client.post(&url).body(body.clone()).send().await?.bytes().await?;
            }
            Ok::<_, reqwest::Error>(())
        });
    }
    while let Some(done) = callers.join_next().await {
        done??;
    }
    let each = rate(float(cpu_ms()?.saturating_sub(cpu)), f64::from(EACH.saturating_mul(CALLERS)));
    Ok(each * calls)
}

fn difference(before: &Report, after: &Report) -> BTreeMap<String, u64> {
    let more = |(call, count): (&String, &u64)| {
        let more = count.saturating_sub(before.calls.get(call).copied().unwrap_or(0));
        (more > 0).then(|| (call.clone(), more))
    };
    after.calls.iter().filter_map(more).collect()
}

/// Sends the orders from a process of its own.
async fn send(url: &str, load: Load) -> Result<Sent, BoxError> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["load", "--to", url, "--orders", &load.orders.to_string()]);
    command.args(["--senders", &load.senders.to_string()]);
    if let Some(rate) = load.rate {
        command.args(["--rate", &rate.to_string()]);
    }
    let output = command.stderr(Stdio::inherit()).output().await?;
    if !output.status.success() {
        return Err("the senders failed".into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// How long each order took from being sent to its invoice, in microseconds, sorted. Of many orders a part is looked at.
async fn invoices(house: &Running, sent: &Sent) -> Result<Vec<u32>, BoxError> {
    let every = sent.sent_at.len().div_ceil(MOST_LOOKED_AT).max(1);
    let mut took = Vec::new();
    for (number, sent_at) in sent.sent_at.iter().step_by(every) {
        let timeline = house.engine.timeline(&format!("kaffee/{number}").parse()?).await?;
        let invoiced =
            |entry: &&TimelineEntry| entry.changes.iter().any(|c| c.starts_with("invoice is done"));
        let entry = timeline.iter().find(invoiced).ok_or("an order has no invoice")?;
        took.push(u32::try_from(entry.at.as_microsecond().saturating_sub(*sent_at))?);
    }
    took.sort_unstable();
    Ok(took)
}

/// Waits until `orders` orders are completed.
async fn quiet(addresses: &Addresses, house: &Running, orders: u32) -> Result<(), BoxError> {
    let bar = ProgressBar::new(orders.into());
    bar.set_style(ProgressStyle::with_template("{wide_bar} {pos} of {len} orders completed")?);
    let done = async {
        loop {
            let completed = completed(house).await?;
            bar.set_position(completed);
            if is_idle(house) && completed >= u64::from(orders) {
                bar.finish_and_clear();
                return Ok::<_, BoxError>(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    match tokio::time::timeout(PATIENCE, done).await {
        Ok(done) => done,
        Err(_) => {
            let report = report(addresses).await?;
            Err(format!("not all orders were completed; the ERP has {} of them", report.sales_orders.len())
                .into())
        }
    }
}

fn is_idle(house: &Running) -> bool {
    house.engine.stats().values().all(|depth| depth.visible + depth.in_flight + depth.delayed == 0)
}

async fn completed(house: &Running) -> Result<u64, BoxError> {
    Ok(house.engine.orders_in(kontor_flow::OrderStatus::Completed).await?)
}

/// CPU time of this process, in milliseconds, by the kernel's ticks of 10 ms.
fn cpu_ms() -> Result<u64, BoxError> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // The name in parentheses may have blanks in it; utime and stime are the 12th and 13th fields behind it.
    let fields: Vec<&str> =
        stat.rsplit_once(')').ok_or("unreadable /proc/self/stat")?.1.split_whitespace().collect();
    let ticks =
        |at: usize| fields.get(at).and_then(|f| f.parse::<u64>().ok()).ok_or("unreadable /proc/self/stat");
    Ok(ticks(11)?.saturating_add(ticks(12)?).saturating_mul(10))
}

/// Memory of this process in MiB.
fn memory_mib() -> Result<f64, BoxError> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line =
        status.lines().find(|line| line.starts_with("VmRSS:")).ok_or("unreadable /proc/self/status")?;
    let kib: u64 = line.split_whitespace().nth(1).ok_or("unreadable /proc/self/status")?.parse()?;
    Ok(rate(float(kib), 1_024.0))
}

/// What the files in a folder take, in KiB.
fn kib(data: &Path) -> Result<f64, BoxError> {
    let mut bytes = 0_u64;
    for entry in std::fs::read_dir(data)? {
        bytes = bytes.saturating_add(entry?.metadata()?.len());
    }
    Ok(rate(float(bytes), 1_024.0))
}
