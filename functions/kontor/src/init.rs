//! `kontor init`: a commented configuration and the example flows to start from.

use std::path::Path;
use std::process::ExitCode;

use kontor_flow::remedy::BoxError;

use crate::out::Out;

/// The files, by their path below the folder.
const FILES: [(&str, &str); 3] = [
    ("kontor.yaml", include_str!("../../../infra/kontor.example.yaml")),
    ("flows/standard.yaml", include_str!("../../../infra/flows/standard.yaml")),
    ("flows/merchant.yaml", include_str!("../../../infra/flows/merchant.yaml")),
];

pub(crate) fn run(dir: &Path, out: Out) -> Result<ExitCode, BoxError> {
    if let Some((there, _)) = FILES.iter().find(|(name, _)| dir.join(name).exists()) {
        return Err(format!("{} is there already and stays as it is", dir.join(there).display()).into());
    }
    let failed = |path: &Path, error| {
        format!("{} cannot be written ({error}); name another folder: kontor init DIR", path.display())
    };
    let flows = dir.join("flows");
    std::fs::create_dir_all(&flows).map_err(|error| failed(&flows, error))?;
    for (name, text) in FILES {
        let path = dir.join(name);
        std::fs::write(&path, text).map_err(|error| failed(&path, error))?;
    }
    let written: Vec<String> = FILES.iter().map(|(name, _)| dir.join(name).display().to_string()).collect();
    out.show(&serde_json::json!({ "written": written }), |_| {
        format!(
            "written: {}\nfill in kontor.yaml, then: kontor check --config {}",
            written.join(", "),
            dir.join("kontor.yaml").display()
        )
    })?;
    Ok(ExitCode::SUCCESS)
}
