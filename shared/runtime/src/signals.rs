//! Log lines and metrics: JSON on standard output where CloudWatch reads them, plain sentences for people at a terminal.

use std::io;

use kontor_flow::remedy::BoxError;
use metrics_cloudwatch_embedded::Collector;
use tracing_subscriber::EnvFilter;

use crate::settings;

/// The namespace of all metrics.
pub const NAMESPACE: &str = "Kontor";

/// Metrics in CloudWatch's embedded metric format.
#[derive(Clone, Copy)]
pub struct Signals {
    collector: &'static Collector,
}

impl std::fmt::Debug for Signals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signals")
    }
}

impl Signals {
    /// Sets up log lines and metrics of a deployed function.
    ///
    /// # Errors
    /// If the process has a logger or a recorder already.
    pub fn deployed(function: &'static str) -> Result<Self, BoxError> {
        let subscriber = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .with_target(false)
            .with_env_filter(filter("info"))
            .with_writer(io::stdout)
            .finish();
        tracing::subscriber::set_global_default(subscriber)?;
        let collector = metrics_cloudwatch_embedded::Builder::new()
            .cloudwatch_namespace(NAMESPACE)
            .with_dimension("Function", function)
            .init()
            .map_err(|error| error.to_string())?;
        Ok(Self { collector })
    }

    /// Writes what was counted since the last time. Called at the end of every invocation: a frozen process writes nothing.
    pub fn flush(self) {
        if let Err(error) = self.collector.flush(io::stdout()) {
            tracing::warn!(cause = %error, "metrics could not be written");
        }
    }
}

/// Sets up log lines for people, on standard error.
///
/// # Errors
/// If the process has a logger already.
pub fn for_people(default: &str) -> Result<(), BoxError> {
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter(default))
        .with_target(false)
        .with_ansi(io::IsTerminal::is_terminal(&io::stderr()))
        .with_writer(io::stderr)
        .finish();
    Ok(tracing::subscriber::set_global_default(subscriber)?)
}

fn filter(default: &str) -> EnvFilter {
    let wanted = settings::variable(settings::LOG);
    EnvFilter::try_new(wanted.as_deref().unwrap_or(default)).unwrap_or_else(|_| EnvFilter::new(default))
}
