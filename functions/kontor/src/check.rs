//! `kontor check`: is the configuration sound, and do its flows fit?

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use kontor_connectors::SecretRef;
use kontor_connectors::config::{Config, place};
use kontor_flow::remedy::{BoxError, chain};
use kontor_runtime::book::{LocalVault, Vault as _};
use serde::Serialize;

use crate::args::ConfigArgs;
use crate::fault::Wrong;
use crate::out::Out;
use crate::run::WRONG;

/// A configuration and its flows, as text.
pub(crate) struct Texts {
    /// The path of the configuration.
    pub(crate) file: String,
    /// `kontor.yaml`.
    pub(crate) yaml: String,
    /// Its flows, name to YAML.
    pub(crate) flows: BTreeMap<String, String>,
}

/// What `kontor check --json` answers.
#[derive(Serialize)]
struct Found {
    problems: Vec<String>,
    warnings: Vec<String>,
}

impl Texts {
    /// The configuration they make, or every problem they have.
    pub(crate) fn check(self) -> Result<(Self, Config), Vec<String>> {
        let checked = kontor_runtime::book::check(&self.file, &self.yaml, &self.flows)?;
        Ok((self, checked.config))
    }
}

/// Reads the files.
pub(crate) fn read(args: &ConfigArgs) -> Result<Texts, BoxError> {
    let named = |path: &Path, error: std::io::Error| {
        Wrong(format!("{} cannot be read ({error}); `kontor init` writes one to start from", path.display()))
    };
    let yaml = std::fs::read_to_string(&args.config).map_err(|error| named(&args.config, error))?;
    let beside = || args.config.parent().unwrap_or(Path::new("")).join("flows");
    let folder = args.flows.clone().unwrap_or_else(beside);
    let mut flows = BTreeMap::new();
    for entry in std::fs::read_dir(&folder).map_err(|error| named(&folder, error))? {
        let path = entry.map_err(|error| named(&folder, error))?.path();
        if let (Some("yaml"), Some(name)) =
            (path.extension().and_then(|e| e.to_str()), path.file_stem().and_then(|s| s.to_str()))
        {
            flows.insert(
                name.to_owned(),
                std::fs::read_to_string(&path).map_err(|error| named(&path, error))?,
            );
        }
    }
    Ok(Texts { file: args.config.display().to_string(), yaml, flows })
}

/// Tells the problems that keep a configuration or a flow from being used.
pub(crate) fn refuse(problems: &[String], out: Out) -> Result<ExitCode, BoxError> {
    out.show(&serde_json::json!({ "problems": problems }), |_| problems.join("\n"))?;
    Ok(ExitCode::from(WRONG))
}

/// The secrets without a value on this machine, in sentences. With `all` also those that are kept in AWS, which this
/// machine can't read.
pub(crate) async fn missing_secrets(texts: &Texts, config: &Config, all: bool) -> Vec<String> {
    let mut found = Vec::new();
    for (path, reference) in config.named_secrets() {
        let here = match reference {
            SecretRef::Env(_) | SecretRef::File(_) => true,
            SecretRef::Stored(_) => all,
        };
        if !here {
            continue;
        }
        if let Err(error) = LocalVault.open(&reference).await {
            let place = place(&texts.file, &texts.yaml, &path);
            found.push(format!("{place}: {path} names {reference}, but {}", chain(error.as_ref())));
        }
    }
    found
}

pub(crate) async fn run(args: &ConfigArgs, out: Out) -> Result<ExitCode, BoxError> {
    let (texts, config) = match read(args)?.check() {
        Ok(checked) => checked,
        Err(problems) => {
            let found = Found { problems, warnings: Vec::new() };
            out.show(&found, |found| found.problems.join("\n"))?;
            return Ok(ExitCode::from(WRONG));
        }
    };
    let found = Found { problems: Vec::new(), warnings: missing_secrets(&texts, &config, false).await };
    out.show(&found, |found| {
        let flows = match texts.flows.len() {
            1 => "1 flow".to_owned(),
            count => format!("{count} flows"),
        };
        let sound = format!("{} and {flows} are sound", texts.file);
        let warnings = found.warnings.iter().map(|warning| format!("\nwarning: {warning}"));
        std::iter::once(sound).chain(warnings).collect()
    })?;
    Ok(ExitCode::SUCCESS)
}
