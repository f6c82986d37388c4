//! `kontor push`: a checked configuration into force in a deployed bundle.

use std::process::ExitCode;

use aws_config::BehaviorVersion;
use kontor_aws::{Store, TableName};
use kontor_connectors::SecretRef;
use kontor_connectors::config::{Config, place};
use kontor_flow::ports::{Configs as _, StoredConfig};
use kontor_flow::remedy::BoxError;
use kontor_runtime::clock;

use crate::args::ConfigArgs;
use crate::check::{self, Texts};
use crate::out::Out;

pub(crate) async fn run(args: &ConfigArgs, table: &str, by: String, out: Out) -> Result<ExitCode, BoxError> {
    let (texts, config) = match check::read(args)?.check() {
        Ok(checked) => checked,
        Err(problems) => return check::refuse(&problems, out),
    };
    let unreachable = unreachable(&texts, &config);
    if !unreachable.is_empty() {
        return check::refuse(&unreachable, out);
    }
    let aws = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let store = Store::new(aws_sdk_dynamodb::Client::new(&aws), TableName(table.to_owned()));
    let current = store.current().await?;
    let version = match current {
        Some(current) if current.yaml == texts.yaml && current.flows == texts.flows => current.version,
        current => {
            let version = current.map_or(1, |current| current.version.saturating_add(1));
            let (yaml, flows) = (texts.yaml, texts.flows);
            store
                .push(&StoredConfig { version, yaml, flows, pushed_at: clock::now(), pushed_by: by })
                .await?;
            version
        }
    };
    out.show(&serde_json::json!({ "version": version }), |_| {
        format!("version {version} is in force; functions take it up within a minute")
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Secrets that a deployed bundle can't read, in sentences. The mail server's is for one machine only: a bundle has SES.
fn unreachable(texts: &Texts, config: &Config) -> Vec<String> {
    let named = config.named_secrets().into_iter().filter(|(path, _)| path != "mail.smtp");
    let local = named.filter(|(_, secret)| !matches!(secret, SecretRef::Stored(_)));
    let sentence = |(path, secret): (String, SecretRef)| {
        let place = place(&texts.file, &texts.yaml, &path);
        format!("{place}: {path} names {secret}; a deployed bundle reads secret:NAME out of Secrets Manager")
    };
    local.map(sentence).collect()
}
