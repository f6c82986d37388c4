//! `kontor sandbox`: stand-ins of outside systems, alone.

use std::process::ExitCode;
use std::time::Duration;

use kontor_flow::remedy::BoxError;
use kontor_sandbox::{smtp, weclapp};

use crate::args::Sandbox;
use crate::out::Out;
use crate::stands::Stands;
use crate::up::{on_signal, stopped};
use crate::world::Addresses;
use kontor_sandbox::traffic;

/// How long the warehouse of `sandbox erp` packs.
const PACKING: Duration = Duration::from_secs(2);

pub(crate) async fn run(system: Sandbox, out: Out) -> Result<ExitCode, BoxError> {
    match system {
        Sandbox::Erp { listen, token, webhook_url } => {
            let options = weclapp::Options {
                token,
                webhook_url,
                warehouse_delay: PACKING,
                ..weclapp::Options::default()
            };
            let erp = weclapp::Sandbox::start(&listen.to_string(), &options).await?;
            ready(
                out,
                &serde_json::json!({ "ready": erp.url }),
                &format!("weclapp's stand-in is ready on {}", erp.url),
            )?;
            wait().await?;
            erp.stop().await?;
        }
        Sandbox::Bench { orders } => {
            let stands = Stands::start(Duration::ZERO).await?;
            for number in 1..=u64::from(orders) {
                stands.place(&traffic::WOO_PREPAID.parcel("kaffee", number, "nobody@example.test")?)?;
            }
            let mail = smtp::Sandbox::start("127.0.0.1:0", smtp::State::default()).await?;
            let addresses = Addresses { mail: Some(mail.url.clone()), ..stands.addresses() };
            out.line(&serde_json::to_string(&addresses)?)?;
            wait().await?;
            mail.stop().await?;
            stands.stop().await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn ready(out: Out, json: &serde_json::Value, text: &str) -> Result<(), BoxError> {
    if out.json { out.line(&json.to_string()) } else { out.line(text) }
}

async fn wait() -> Result<(), BoxError> {
    stopped(on_signal()?).await;
    Ok(())
}
