//! Signed orders from a process of its own: what the bench is driven by.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use kontor_flow::remedy::BoxError;
use kontor_runtime::clock::Stopwatch;
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
}

/// Sends `orders` orders from `senders` senders at once; each waits for its answer.
pub(crate) async fn run(to: &str, orders: u32, senders: u16, out: Out) -> Result<ExitCode, BoxError> {
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
            while let Some(parcel) = parcels.get(usize::try_from(next.fetch_add(1, Ordering::Relaxed))?) {
                let watch = Stopwatch::start();
                let status = parcel.send(&client, &to, SECRET).await?;
                if status != 200 {
                    return Err(format!("a delivery was answered with {status}").into());
                }
                times.push(watch.elapsed());
            }
            Ok::<_, BoxError>(times)
        });
    }
    let mut times = Vec::new();
    while let Some(done) = tasks.join_next().await {
        times.extend(done??);
    }
    let seconds = watch.elapsed().as_secs_f64();
    times.sort_unstable();
    let ms = |per_mille: usize| {
        let at = times.len().saturating_mul(per_mille) / 1_000;
        times.get(at.min(times.len().saturating_sub(1))).map_or(0.0, |time| millis(*time))
    };
    out.line(&serde_json::to_string(&Sent { seconds, p50_ms: ms(500), p99_ms: ms(990) })?)?;
    Ok(ExitCode::SUCCESS)
}

#[expect(clippy::float_arithmetic, reason = "a measurement, not money")]
fn millis(time: std::time::Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
