//! Secrets in AWS Secrets Manager.

use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata as _;
use kontor_connectors::SecretRef;
use kontor_flow::remedy::{BoxError, chain};
use secrecy::SecretString;

use crate::book::Vault;

/// Secrets Manager. It is asked once for a secret and a version of the configuration; the book keeps the values.
#[derive(Debug, Clone)]
pub struct SecretsManager {
    client: Client,
    prefix: String,
}

impl SecretsManager {
    /// The secrets whose names begin with `prefix`.
    #[must_use]
    pub fn new(client: Client, prefix: String) -> Self {
        Self { client, prefix }
    }
}

#[async_trait]
impl Vault for SecretsManager {
    async fn open(&self, reference: &SecretRef) -> Result<SecretString, BoxError> {
        let id = format!("{}{}", self.prefix, stored(reference)?);
        let answer =
            self.client.get_secret_value().secret_id(&id).send().await.map_err(|error| {
                match error.code() {
                    Some(code) => format!("Secrets Manager says {code} of {id}"),
                    None => format!("Secrets Manager did not answer about {id}: {}", chain(&error)),
                }
            })?;
        let text = answer.secret_string.ok_or_else(|| format!("{id} is binary; keep it as text"))?;
        Ok(SecretString::from(text.trim_end_matches(['\r', '\n']).to_owned()))
    }
}

/// For functions that have no right to any secret.
#[derive(Debug, Clone, Copy)]
pub struct NoSecrets;

#[async_trait]
impl Vault for NoSecrets {
    async fn open(&self, _reference: &SecretRef) -> Result<SecretString, BoxError> {
        Err("this function has no right to secrets".into())
    }
}

fn stored(reference: &SecretRef) -> Result<&str, BoxError> {
    match reference {
        SecretRef::Stored(name) => Ok(name),
        SecretRef::Env(_) => {
            Err("env: is for one machine; keep the secret in Secrets Manager and write secret:NAME".into())
        }
        SecretRef::File(_) => {
            Err("file: is for one machine; keep the secret in Secrets Manager and write secret:NAME".into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_stored_secrets_are_read() {
        assert_eq!(stored(&SecretRef::Stored("shop".to_owned())).unwrap(), "shop");
        for other in [SecretRef::Env("X".to_owned()), SecretRef::File("/x".to_owned())] {
            let refused = stored(&other).unwrap_err().to_string();
            assert!(refused.contains("write secret:NAME"), "{refused}");
        }
    }
}
