//! `kontor`: the operator's command line, and the whole bundle in one process.

use std::process::ExitCode;

use clap::Parser as _;
use kontor_flow::remedy::chain;

mod args;
mod bench;
mod check;
mod demo;
mod failures;
mod flows;
mod house;
mod http;
mod init;
mod load;
mod mailer;
mod office;
mod orders;
mod out;
mod pump;
mod push;
mod run;
mod sandbox;
mod stands;
mod story;
mod up;
mod world;

/// A fifth of the time went into the system's allocator, which many threads share badly.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let args = args::Args::parse();
    match run::run(args).await {
        Ok(code) => code,
        Err(error) => {
            tracing::error!("{}", chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}
