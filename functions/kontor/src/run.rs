//! From the command line to the command.

use std::process::ExitCode;
use std::time::Duration;

use kontor_flow::remedy::BoxError;
use kontor_runtime::signals;

use crate::args::{Args, Command};
use crate::load::Load;
use crate::out::Out;
use crate::{
    bench, check, demo, failures, fault, flows, init, load, orders, privacy, push, sandbox, shops, up,
};

/// An order passes through thousands of small allocations in many threads: half of their cost with this one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What was asked for is wrong: the call, or the configuration it names.
pub(crate) const WRONG: u8 = 2;

/// Does what was asked for, or tells why not.
pub(crate) async fn run(args: Args) -> ExitCode {
    let out = Out { json: args.json };
    command(args, out).await.unwrap_or_else(|error| fault::told(&error, out))
}

async fn command(args: Args, out: Out) -> Result<ExitCode, BoxError> {
    let quiet = !matches!(args.command, Command::Up { .. } | Command::Sandbox { .. });
    signals::for_people(if quiet { "error" } else { "info" })?;
    signals::name_panics_by_place();
    match args.command {
        Command::Init { dir } => init::run(&dir, out),
        Command::Check { config } => check::run(&config, out).await,
        Command::Up { config, data, listen, width, ask_every } => {
            let every = ask_every.map(|seconds| Duration::from_secs(seconds.into()));
            up::run(&config, data, listen, (width, every), out).await
        }
        Command::Demo { stay } => demo::run(stay, out).await,
        Command::Sandbox { system } => sandbox::run(system, out).await,
        Command::Orders { data, what } => orders::run(&data.data, what, out).await,
        Command::Shops { what } => shops::run(what, out).await,
        Command::Flow { what } => flows::run(what, out).await,
        Command::Failures { data, what } => failures::run(&data.data, what, out).await,
        Command::Bench { orders, senders, width, rate, job } => {
            bench::run(Load { orders, senders, rate }, width, job, out).await
        }
        Command::Privacy { place, what } => privacy::run(&place, what, out).await,
        Command::Push { config, table, by } => push::run(&config, &table, by, out).await,
        Command::Load { to, orders, senders, rate } => {
            load::run(&to, Load { orders, senders, rate }, out).await
        }
    }
}
