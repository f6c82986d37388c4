//! `kontor check`: is the configuration sound, and do its flows fit?

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use kontor_flow::remedy::BoxError;
use serde::Serialize;

use crate::args::ConfigArgs;
use crate::out::Out;
use crate::run::WRONG;

/// A configuration and its flows, as text.
pub(crate) struct Texts {
    /// `kontor.yaml`.
    pub(crate) yaml: String,
    /// Its flows, name to YAML.
    pub(crate) flows: BTreeMap<String, String>,
}

/// What `kontor check --json` answers.
#[derive(Serialize)]
struct Found {
    problems: Vec<String>,
}

/// Reads the files.
pub(crate) fn read(args: &ConfigArgs) -> Result<Texts, BoxError> {
    let named = |path: &Path, error: std::io::Error| -> BoxError {
        format!("{} cannot be read ({error}); `kontor init` writes one to start from", path.display()).into()
    };
    let yaml = std::fs::read_to_string(&args.config).map_err(|error| named(&args.config, error))?;
    let beside = || args.config.parent().unwrap_or(Path::new("")).join("flows");
    let folder = args.flows.clone().unwrap_or_else(beside);
    let mut flows = BTreeMap::new();
    for entry in std::fs::read_dir(&folder).map_err(|error| named(&folder, error))? {
        let path = entry?.path();
        if let (Some("yaml"), Some(name)) =
            (path.extension().and_then(|e| e.to_str()), path.file_stem().and_then(|s| s.to_str()))
        {
            flows.insert(
                name.to_owned(),
                std::fs::read_to_string(&path).map_err(|error| named(&path, error))?,
            );
        }
    }
    Ok(Texts { yaml, flows })
}

/// The problems of a configuration, none if it is sound.
pub(crate) fn problems(args: &ConfigArgs, texts: &Texts) -> Vec<String> {
    let file = args.config.display().to_string();
    kontor_runtime::book::check(&file, &texts.yaml, &texts.flows).err().unwrap_or_default()
}

pub(crate) fn run(args: &ConfigArgs, out: Out) -> Result<ExitCode, BoxError> {
    let texts = read(args)?;
    let found = Found { problems: problems(args, &texts) };
    out.show(&found, |found| match found.problems.as_slice() {
        [] => format!("{} and {} flows are sound", args.config.display(), texts.flows.len()),
        problems => problems.join("\n"),
    })?;
    Ok(if found.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(WRONG) })
}
