//! `kontor up`: everything in one process, durable in one folder.

use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use kontor_flow::remedy::BoxError;
use kontor_runtime::book::LocalVault;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::args::ConfigArgs;
use crate::check;
use crate::house::{House, Plan, url};
use crate::out::Out;

pub(crate) async fn run(
    args: &ConfigArgs,
    data: PathBuf,
    listen: SocketAddr,
    (width, ask_every): (u16, Option<Duration>),
    out: Out,
) -> Result<ExitCode, BoxError> {
    let (texts, config) = match check::read(args)?.check() {
        Ok(checked) => checked,
        Err(problems) => return check::refuse(&problems, out),
    };
    let missing = check::missing_secrets(&texts, &config, true).await;
    if !missing.is_empty() {
        return check::refuse(&missing, out);
    }
    // What is kept in it is nobody else's business.
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&data).map_err(|error| {
        format!("the folder {} cannot be made ({error}); name another with --data", data.display())
    })?;
    let plan = Plan {
        yaml: texts.yaml,
        flows: texts.flows,
        data,
        vault: Arc::new(LocalVault),
        width: usize::from(width),
        ask_every,
    };
    let house = House::open(plan).await?;
    let listener = TcpListener::bind(listen).await.map_err(|error| {
        format!("{listen} cannot be listened on ({error}); give another address with --listen")
    })?;
    let address = url(&listener)?;
    let ready = serde_json::json!({ "ready": address });
    if out.json {
        out.line(&ready.to_string())?
    } else {
        out.line(&format!("kontor is ready on {address}"))?
    }
    house.run(listener, on_signal()?).await?;
    Ok(ExitCode::SUCCESS)
}

/// Turns true on SIGINT and SIGTERM.
pub(crate) fn on_signal() -> Result<watch::Receiver<bool>, BoxError> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        // Whoever listened last may be gone already.
        sender.send_replace(true);
        sender.closed().await;
    });
    Ok(receiver)
}

/// Waits until `stop` turns true. The sender lives as long as the process; its end means stop as well.
pub(crate) async fn stopped(mut stop: watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        tracing::debug!("nobody is left to say stop");
    }
}
