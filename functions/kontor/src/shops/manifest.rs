//! `kontor shops manifest`: the app that connects a Shopware shop with us.

use std::process::ExitCode;

use kontor_connectors::config::{Config, ShopKind};
use kontor_connectors::shopware;
use kontor_domain::ShopId;
use kontor_flow::remedy::BoxError;
use kontor_runtime::book::{LocalVault, Vault as _};
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::find;
use crate::fault::Wrong;
use crate::out::Out;

/// Writes the manifest out. The app's secret is in it.
pub(super) async fn write(config: &Config, id: &ShopId, out: Out) -> Result<ExitCode, BoxError> {
    let shop = find(config, id)?;
    if shop.kind != ShopKind::Shopware {
        return Err(
            Wrong(format!("{id} is no Shopware shop; `kontor shops connect {id}` connects it")).into()
        );
    }
    let secret = shop.app_secret.as_ref().ok_or_else(|| {
        Wrong(format!(
            "{id} has no app_secret in kontor.yaml: add app_secret: env:{}_APP_SECRET to it, with a long secret of your own",
            id.as_str().to_uppercase().replace('-', "_")
        ))
    })?;
    let secret = LocalVault.open(secret).await?;
    let xml =
        shopware::manifest(config, shop, secret.expose_secret()).map_err(|error| Wrong(error.to_string()))?;
    out.show(&json!({ "shop": id, "manifest": xml }), |_| xml.trim_end().to_owned())?;
    Ok(ExitCode::SUCCESS)
}
