//! Signed orders from a process of its own: what the bench is driven by.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use kontor_flow::remedy::BoxError;
use kontor_runtime::clock::{self, Stopwatch};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::out::Out;
use crate::world::{SECRET, client};
use kontor_sandbox::traffic;

/// Customers the orders are of.
const CUSTOMERS: u32 = 500;

/// What was sent, and how fast it was answered.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Sent {
    pub(crate) seconds: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// When each order was sent, by its number, in microseconds since 1970.
    pub(crate) sent_at: BTreeMap<u32, i64>,
}

/// What is to be sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// How many orders.
    pub(crate) orders: u32,
    /// From how many senders at once; each waits for its answer.
    pub(crate) senders: u16,
    /// At most so many in a second; as many as are taken if none.
    pub(crate) rate: Option<u32>,
}

/// Sends orders.
pub(crate) async fn run(to: &str, load: Load, out: Out) -> Result<ExitCode, BoxError> {
    let Load { orders, senders, rate } = load;
    let mut parcels = Vec::new();
    for number in 1..=orders {
        let email = format!("customer{}@example.test", number % CUSTOMERS);
        parcels.push(traffic::WOO_PREPAID.parcel("kaffee", number.into(), &email)?);
    }
    let (parcels, next) = (Arc::new(parcels), Arc::new(AtomicU32::new(0)));
    let client = client()?;
    let mut tasks = JoinSet::new();
    let watch = Stopwatch::start();
    for _ in 0..senders {
        let (parcels, next, client, to) =
            (Arc::clone(&parcels), Arc::clone(&next), client.clone(), to.to_owned());
        tasks.spawn(async move {
            let mut times = Vec::new();
            loop {
                let nth = next.fetch_add(1, Ordering::Relaxed);
                let Some(parcel) = parcels.get(usize::try_from(nth)?) else { break };
                wait_for_turn(watch, nth, rate).await;
                let (sent_at, watch) = (clock::now().as_microsecond(), Stopwatch::start());
                let status = parcel.send(&client, &to, SECRET).await?;
                if status != 200 {
                    return Err(format!("a delivery was answered with {status}").into());
                }
                times.push((watch.elapsed(), nth.saturating_add(1), sent_at));
            }
            Ok::<_, BoxError>(times)
        });
    }
    let mut times = Vec::new();
    while let Some(done) = tasks.join_next().await {
        times.extend(done??);
    }
    let seconds = watch.elapsed().as_secs_f64();
    let sent_at = times.iter().map(|(_, number, at)| (*number, *at)).collect();
    let mut times: Vec<Duration> = times.into_iter().map(|(time, ..)| time).collect();
    times.sort_unstable();
    let ms = |per_mille| millis(quantile(&times, per_mille).unwrap_or_default());
    let sent = Sent { seconds, p50_ms: ms(500), p99_ms: ms(990), sent_at };
    out.line(&serde_json::to_string(&sent)?)?;
    Ok(ExitCode::SUCCESS)
}

/// Waits until order `nth` of `rate` a second is to be sent.
async fn wait_for_turn(began: Stopwatch, nth: u32, rate: Option<u32>) {
    let Some(rate) = rate else { return };
    let micros = u64::from(nth).saturating_mul(1_000_000) / u64::from(rate.max(1));
    tokio::time::sleep(Duration::from_micros(micros).saturating_sub(began.elapsed())).await;
}

/// The value that `per_mille` of 1,000 are not above, of a sorted list.
pub(crate) fn quantile<T: Copy>(sorted: &[T], per_mille: usize) -> Option<T> {
    let at = sorted.len().saturating_mul(per_mille) / 1_000;
    sorted.get(at.min(sorted.len().saturating_sub(1))).copied()
}

#[expect(clippy::float_arithmetic, reason = "a measurement, not money")]
fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
