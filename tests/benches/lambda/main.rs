//! The deployed binaries under a small stand-in of AWS: how fast they start, and what an order costs.
//!
//! `cargo bench -p kontor-tests --bench lambda -- start|cost [folder with <function>/bootstrap]`
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench"
)]
#![expect(
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    reason = "measurements and list prices, not money"
)]

mod aws;
mod cost;
mod feed;
mod host;
mod prices;
mod start;
mod world;

use std::path::{Path, PathBuf};

#[tokio::main]
async fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut args = std::env::args().skip(1).filter(|arg| !arg.starts_with("--"));
    let what = args.next();
    let bins = args.next().map_or_else(|| PathBuf::from("target/lambda"), PathBuf::from);
    let bins = root.join(bins);
    if !bins.join("work-erp/bootstrap").exists() {
        println!("there are no binaries in {}: cargo lambda build --profile bundle", bins.display());
        return;
    }
    match what.as_deref() {
        Some("start") => start::run(&bins).await,
        Some("cost") => cost::run(&bins).await,
        _ => println!("start or cost?"),
    }
}
