//! Mistakes: told plainly, with the exit code that says whose they are.

use std::io::{self, Write as _};
use std::process::ExitCode;

use kontor_flow::remedy::{BoxError, chain};

use crate::out::Out;
use crate::run::WRONG;

/// The call is wrong, or names what is not there.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Wrong(pub(crate) String);

/// Tells why a command did not do as told.
pub(crate) fn told(error: &BoxError, out: Out) -> ExitCode {
    say(&chain(error.as_ref()), out);
    if error.is::<Wrong>() { ExitCode::from(WRONG) } else { ExitCode::FAILURE }
}

/// Answers a call that clap did not take, or one that asked for help.
pub(crate) fn call(error: &clap::Error) -> ExitCode {
    let json = std::env::args_os().any(|word| word == "--json");
    if !error.use_stderr() || !json {
        // Where nobody reads, the exit code tells it.
        error.print().unwrap_or_default();
        return if error.use_stderr() { ExitCode::from(WRONG) } else { ExitCode::SUCCESS };
    }
    let text = error.to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    say(text.split("\n\nUsage:").next().unwrap_or(text).trim(), Out { json });
    ExitCode::from(WRONG)
}

fn say(text: &str, out: Out) {
    let said = if out.json {
        out.line(&serde_json::json!({ "error": text }).to_string())
    } else {
        writeln!(io::stderr().lock(), "kontor: {text}").map_err(BoxError::from)
    };
    // There is nowhere left to tell that nobody can be told; the exit code still says it.
    said.unwrap_or_default();
}
