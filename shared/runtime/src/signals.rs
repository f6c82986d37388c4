//! Log lines and metrics: JSON on standard output where CloudWatch reads them, plain sentences for people at a terminal.

use std::io;

use kontor_flow::remedy::BoxError;
use metrics_cloudwatch_embedded::Collector;
use tracing::Level;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::{FilterExt as _, Targets, filter_fn};
use tracing_subscriber::layer::{Filter, Layer as _, SubscriberExt as _};

use crate::damper::Damper;
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
        let lines = tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .with_target(false)
            .with_writer(io::stdout)
            .with_filter(filter("info"));
        let subscriber = tracing_subscriber::registry().with(lines);
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

/// Sets up log lines for people, on standard error; a flood of the same line is damped.
///
/// # Errors
/// If the process has a logger already.
pub fn for_people(default: &str) -> Result<(), BoxError> {
    let lines = tracing_subscriber::fmt::layer()
        .with_target(false)
        .with_ansi(io::IsTerminal::is_terminal(&io::stderr()))
        .with_writer(io::stderr)
        .with_filter(filter(default).and(Damper::default()));
    Ok(tracing::subscriber::set_global_default(tracing_subscriber::registry().with(lines))?)
}

/// From now on a panic is told by its place, not its message: a message may quote what the code worked on.
pub fn name_panics_by_place() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map_or_else(String::new, |at| format!("{}:{}", at.file(), at.line()));
        tracing::error!(place, "Kontor panicked; this is a fault in Kontor");
    }));
}

/// Which lines are written: as the environment wishes, but never what would tell personal data.
fn filter(default: &str) -> impl Filter<Registry> + use<> {
    let wanted = settings::variable(settings::LOG);
    wished(wanted.as_deref(), default).and(filter_fn(|line| harmless(line.target(), *line.level())))
}

fn wished(wanted: Option<&str>, default: &str) -> Targets {
    // `Targets`, not `EnvFilter`: nobody filters by spans here, and the latter brings regular expressions along.
    let read = |text: &str| text.parse::<Targets>().ok();
    wanted
        .and_then(read)
        .or_else(|| read(default))
        .unwrap_or_else(|| Targets::new().with_default(Level::INFO))
}

/// Below a warning, the crates that carry messages log what is in them: events, bodies, headers with keys.
fn harmless(target: &str, level: Level) -> bool {
    let outermost = target.split("::").next().unwrap_or(target);
    let carrier = ["lambda_runtime", "reqwest", "h2", "rustls", "lettre"].contains(&outermost)
        || ["aws_", "hyper", "lambda_runtime_"].iter().any(|start| outermost.starts_with(start));
    !carrier || level <= Level::WARN
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn whatever_is_wished_for_messages_stay_out() {
        let page = Page::default();
        let writer = page.clone();
        let wish = "trace,lambda_runtime=trace,lambda_runtime::layers=trace,hyper_util=debug";
        let only = filter_fn(|line| harmless(line.target(), *line.level()));
        let lines = tracing_subscriber::fmt::layer()
            .with_writer(move || writer.clone())
            .with_filter(wished(Some(wish), "info").and(only));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || {
            tracing::trace!(target: "lambda_runtime::layers::trace", "event of Erika");
            tracing::debug!(target: "hyper_util::client", "body of Erika");
            tracing::info!(target: "aws_smithy_runtime", "request of Erika");
            tracing::trace!(target: "reqwest::connect", "header of Erika");
            tracing::warn!(target: "aws_config", "no region");
            tracing::trace!(target: "kontor_flow", "planned");
        });
        let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        assert!(!text.contains("Erika"), "{text}");
        assert!(text.contains("no region") && text.contains("planned"), "{text}");
    }

    #[test]
    fn a_wish_that_cannot_be_read_is_the_default() {
        assert_eq!(wished(Some("=,=/"), "warn").to_string(), wished(None, "warn").to_string());
    }
}
