//! `kontor`: the operator's command line, and the whole bundle in one process.

use std::process::ExitCode;

use clap::Parser as _;

mod args;
mod bench;
mod check;
mod demo;
mod failures;
mod fault;
mod flows;
mod house;
mod http;
mod init;
mod listen;
mod load;
mod mailer;
mod office;
mod orders;
mod out;
mod privacy;
mod pump;
mod push;
mod run;
mod sandbox;
mod shares;
mod shops;
mod stands;
mod story;
mod up;
mod world;

#[tokio::main]
async fn main() -> ExitCode {
    match args::Args::try_parse() {
        Ok(args) => run::run(args).await,
        Err(error) => fault::call(&error),
    }
}
