//! Hints: unsigned notices that a record changed. A secret in the path keeps strangers out; the record is fetched anyway.

use kontor_flow::remedy::BoxError;
use kontor_flow::{Hint, System};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

use crate::config::ErpConfig;
use crate::proof::any_fits;
use crate::secrets::{MissingSecret, SecretBook};

/// weclapp's notice, exactly `{"entityId":"975300","entityName":"contact","type":"UPDATE"}`
/// (logged from a live tenant, `contracts/weclapp/fixtures`).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Notice {
    entity_id: String,
    entity_name: String,
}

/// Why a notice is not taken.
#[derive(Debug, thiserror::Error)]
pub enum HintError {
    /// The secret in the path is not one of ours.
    #[error("the path of the notice is wrong")]
    Wrong,
    /// It is no notice.
    #[error("the notice cannot be read")]
    Unreadable(#[source] BoxError),
}

/// Takes weclapp's notices.
#[derive(Debug)]
pub struct HintGate {
    secrets: Vec<SecretString>,
}

impl HintGate {
    /// The gate of the configured ERP.
    ///
    /// # Errors
    /// [`MissingSecret`] if a webhook secret was not resolved.
    pub fn build(erp: &ErpConfig, secrets: &SecretBook) -> Result<Self, MissingSecret> {
        let secrets = erp.webhook_secrets.iter().map(|reference| secrets.get(reference));
        Ok(Self { secrets: secrets.collect::<Result<_, _>>()? })
    }

    /// Reads a notice that came in on a path with `secret` at its end.
    ///
    /// # Errors
    /// [`HintError`] if the secret is wrong or the body is no notice.
    pub fn read(&self, secret: &str, body: &[u8]) -> Result<Hint, HintError> {
        // Hashes are compared: the time tells nothing of what was given, not even whether it is as long as ours.
        let given = Sha256::digest(secret.as_bytes());
        let known = any_fits(&self.secrets, self.secrets.len(), |ours| {
            let ours = ours.expose_secret().as_bytes();
            Sha256::digest(ours).ct_eq(&given) & Choice::from(u8::from(!ours.is_empty()))
        });
        let known = bool::from(known);
        if !known {
            return Err(HintError::Wrong);
        }
        let notice: Notice = serde_json::from_slice(body).map_err(|e| HintError::Unreadable(e.into()))?;
        let plain = |text: &str| {
            text.len() <= 64 && !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric())
        };
        if !plain(&notice.entity_id) || !plain(&notice.entity_name) {
            return Err(HintError::Unreadable("entity and id are letters and digits".into()));
        }
        Ok(Hint { system: System::Weclapp, entity: notice.entity_name, id: notice.entity_id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate() -> HintGate {
        HintGate { secrets: vec![SecretString::from("old"), SecretString::from("new")] }
    }

    #[test]
    fn both_secrets_open_and_no_other() {
        let body = br#"{"entityId":"975300","entityName":"shipment","type":"UPDATE"}"#;
        for secret in ["old", "new"] {
            let hint = gate().read(secret, body).unwrap();
            assert_eq!((hint.entity.as_str(), hint.id.as_str()), ("shipment", "975300"));
        }
        for secret in ["", "ne", "newer"] {
            assert!(matches!(gate().read(secret, body), Err(HintError::Wrong)), "{secret:?} opened");
        }
        assert!(matches!(HintGate { secrets: vec![] }.read("", body), Err(HintError::Wrong)));
        let rotated = HintGate { secrets: vec![SecretString::from("new")] };
        assert!(rotated.read("new", body).is_ok());
        assert!(matches!(rotated.read("old", body), Err(HintError::Wrong)), "taken out, it opens nothing");
        let empty = HintGate { secrets: vec![SecretString::from("")] };
        assert!(matches!(empty.read("", body), Err(HintError::Wrong)), "an empty secret opens nothing");
    }

    #[test]
    fn what_is_no_notice_is_refused() {
        for body in
            ["", "[]", r#"{"entityId":"../x","entityName":"shipment"}"#, r#"{"entityId":1,"entityName":"a"}"#]
        {
            assert!(
                matches!(gate().read("old", body.as_bytes()), Err(HintError::Unreadable(_))),
                "{body} was taken"
            );
        }
    }
}
