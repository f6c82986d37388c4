//! `kontor shops`: connect them, test the connection, ask them for their orders.

mod manifest;

use std::io::IsTerminal as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use aws_config::BehaviorVersion;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::{SignedDuration, Timestamp};
use kontor_aws::{Store, TableName};
use kontor_connectors::config::{Config, Scope, ShopConfig};
use kontor_connectors::http::ClientOptions;
use kontor_connectors::{Registry, SecretBook};
use kontor_domain::ShopId;
use kontor_flow::engine::Progress;
use kontor_flow::ports::{Connectors as _, Cursors, Sender, Storefront};
use kontor_flow::remedy::{BoxError, chain};
use kontor_flow::storefront::Finding;
use kontor_flow::{Inquiry, Poll};
use kontor_runtime::book::{LocalVault, Vault as _};
use kontor_runtime::{clock, polls};
use serde::Serialize;
use serde_json::json;

use crate::args::{Shops, StoreArgs};
use crate::check;
use crate::fault::Wrong;
use crate::office::{Answer, Question, ask};
use crate::orders::unexpected;
use crate::out::{Out, table};

/// How long somebody else may hold a cursor that is to be set back.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often progress is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

pub(crate) async fn run(what: Shops, out: Out) -> Result<ExitCode, BoxError> {
    match what {
        Shops::List { config, store } => {
            let (_, config) = match check::read(&config)?.check() {
                Ok(checked) => checked,
                Err(problems) => return check::refuse(&problems, out),
            };
            list(&config, &store, out).await
        }
        Shops::Test { config, shop } => {
            let config = match check::read(&config)?.check() {
                Ok((_, config)) => config,
                Err(problems) => return check::refuse(&problems, out),
            };
            test(&config, shop, out).await
        }
        Shops::Connect { config, shop } => {
            let config = match check::read(&config)?.check() {
                Ok((_, config)) => config,
                Err(problems) => return check::refuse(&problems, out),
            };
            connect(&config, &shop, out).await
        }
        Shops::Manifest { config, shop } => {
            let config = match check::read(&config)?.check() {
                Ok((_, config)) => config,
                Err(problems) => return check::refuse(&problems, out),
            };
            manifest::write(&config, &shop, out).await
        }
        Shops::Sync { store, shop, since, no_wait } => {
            sync_and_watch(&store, shop, since, !no_wait, out).await
        }
    }
}

/// A shop with what is said of it in a list.
#[derive(Serialize)]
struct Listed<'a> {
    id: &'a ShopId,
    kind: &'static str,
    url: &'a str,
    progress: Option<Progress>,
}

async fn list(config: &Config, store: &StoreArgs, out: Out) -> Result<ExitCode, BoxError> {
    let ids: Vec<ShopId> = config.shops.iter().map(|shop| shop.id.clone()).collect();
    // Before the first start there is no store, and nothing was asked.
    let known = known(store, ids).await.unwrap_or_default();
    let of = |at: usize| known.get(at).cloned().flatten();
    let listed: Vec<Listed<'_>> = (config.shops.iter().enumerate())
        .map(|(at, shop)| Listed { id: &shop.id, kind: shop.kind.as_str(), url: &shop.url, progress: of(at) })
        .collect();
    out.show(&listed, |listed| {
        let rows = listed.iter().map(|shop| {
            let (asked, told) = shop.progress.as_ref().map_or_else(Default::default, said);
            vec![shop.id.to_string(), shop.kind.to_owned(), shop.url.to_owned(), asked, told]
        });
        table(&["shop", "kind", "address", "asked", "found by asking"], rows).to_string()
    })?;
    Ok(ExitCode::SUCCESS)
}

/// When it was asked last, and how many orders were found that way.
fn said(progress: &Progress) -> (String, String) {
    let asked = match (&progress.failing, progress.through_at, &progress.reading) {
        (Some(failing), ..) => format!("fails since {:.0}", failing.since),
        (None, _, Some(reading)) => format!("is being read, {} so far", reading.seen),
        (None, Some(at), None) => format!("{at:.0}"),
        (None, None, None) => String::new(),
    };
    (asked, progress.told.to_string())
}

async fn test(config: &Config, shop: Option<ShopId>, out: Out) -> Result<ExitCode, BoxError> {
    let chosen: Vec<&ShopConfig> = match &shop {
        Some(id) => vec![find(config, id)?],
        None => config.shops.iter().collect(),
    };
    let mut findings: Vec<(ShopId, Vec<Finding>)> = Vec::new();
    for shop in chosen {
        let found = match storefront(config, shop).await {
            Ok(storefront) => storefront.examine(config.webhook_address(shop).as_deref(), clock::now()).await,
            Err(error) => {
                vec![Finding { good: false, what: "credentials".to_owned(), said: chain(error.as_ref()) }]
            }
        };
        findings.push((shop.id.clone(), found));
    }
    let good = findings.iter().flat_map(|(_, found)| found).all(|finding| finding.good);
    out.show(&findings, |findings| {
        let line = |finding: &Finding| {
            let mark = if finding.good { "ok " } else { "BAD" };
            format!("  {mark} {:<12} {}", finding.what, finding.said)
        };
        let shop = |(id, found): &(ShopId, Vec<Finding>)| {
            std::iter::once(id.to_string()).chain(found.iter().map(line)).collect::<Vec<_>>().join("\n")
        };
        findings.iter().map(shop).collect::<Vec<_>>().join("\n")
    })?;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn connect(config: &Config, id: &ShopId, out: Out) -> Result<ExitCode, BoxError> {
    let shop = find(config, id)?;
    let address = config.webhook_address(shop).ok_or_else(|| {
        Wrong("kontor.yaml does not say where we are: add public_url: https://you.example to it".to_owned())
    })?;
    let done = storefront(config, shop).await?.connect(&address).await?;
    out.show(&json!({ "shop": id, "done": done }), |_| done.join("\n"))?;
    Ok(ExitCode::SUCCESS)
}

fn find<'a>(config: &'a Config, id: &ShopId) -> Result<&'a ShopConfig, Wrong> {
    config.shop(id).ok_or_else(|| {
        let known: Vec<String> = config.shops.iter().map(|shop| shop.id.to_string()).collect();
        Wrong(format!("kontor.yaml has no shop {id}; it has {}", known.join(", ")))
    })
}

/// The shop, with its secrets of this machine. No other system's are opened.
async fn storefront(config: &Config, shop: &ShopConfig) -> Result<Arc<dyn Storefront>, BoxError> {
    let mut config = config.clone();
    config.shops.retain(|other| other.id == shop.id);
    let mut secrets = SecretBook::default();
    for reference in config.secrets(Scope::Shop) {
        secrets.insert(reference.clone(), LocalVault.open(&reference).await?);
    }
    let registry = Registry::build(&config, &secrets, Scope::Shop, None, None, ClientOptions::default())?;
    let found = registry.for_shop(&shop.id);
    found.ok_or_else(|| Wrong(format!("the shop {} has no `api` in kontor.yaml", shop.id)).into())
}

/// How far shops were asked.
pub(crate) async fn progress(
    cursors: &dyn Cursors,
    shops: &[ShopId],
) -> Result<Vec<Option<Progress>>, BoxError> {
    let mut all = Vec::with_capacity(shops.len());
    for shop in shops {
        let text = cursors.peek(&Progress::name(shop)).await?;
        all.push((!text.is_empty()).then(|| Progress::parse(&text, clock::now())));
    }
    Ok(all)
}

/// Has a shop asked, from `since` on if given: then its cursor is set back.
pub(crate) async fn sync(
    cursors: &dyn Cursors,
    sender: &dyn Sender,
    shop: &ShopId,
    since: Option<Timestamp>,
) -> Result<(), BoxError> {
    if let Some(since) = since {
        set_back(cursors, shop, since).await?;
    }
    polls::send(sender, vec![Poll { shop: shop.clone(), what: Inquiry::Changed }]).await?;
    Ok(())
}

async fn set_back(cursors: &dyn Cursors, shop: &ShopId, since: Timestamp) -> Result<(), BoxError> {
    let (name, owner, began) = (Progress::name(shop), clock::new_owner(), clock::now());
    loop {
        let now = clock::now();
        let until = now.checked_add(SignedDuration::from_secs(10))?;
        if let Some(text) = cursors.lock(&name, &owner, now, until).await? {
            let told = if text.is_empty() { 0 } else { Progress::parse(&text, now).told };
            let progress = Progress { told, ..Progress::since(since) };
            if cursors.save(&name, &owner, &progress.text()).await? {
                return Ok(());
            }
        }
        if Duration::try_from(now.duration_since(began)).unwrap_or_default() > PATIENCE {
            return Err(format!("the shop {shop} is being asked right now; try again in a minute").into());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The store of a deployed bundle.
async fn deployed(table: &str) -> Store {
    let aws = aws_config::load_defaults(BehaviorVersion::latest()).await;
    Store::new(aws_sdk_dynamodb::Client::new(&aws), TableName(table.to_owned()))
}

async fn known(place: &StoreArgs, shops: Vec<ShopId>) -> Result<Vec<Option<Progress>>, BoxError> {
    match &place.table {
        Some(table) => progress(&deployed(table).await, &shops).await,
        None => {
            let Answer::Progress(known) = ask(&place.data, Question::Progress { shops }).await? else {
                return Err(unexpected());
            };
            Ok(known)
        }
    }
}

/// Begins, and shows how it goes on. In a deployed bundle the next run of the schedule begins.
async fn sync_and_watch(
    place: &StoreArgs,
    shop: ShopId,
    since: Option<Timestamp>,
    wait: bool,
    out: Out,
) -> Result<ExitCode, BoxError> {
    let began = clock::now();
    // Before the first start there is nothing known.
    let told =
        |known: Vec<Option<Progress>>| known.into_iter().next().flatten().map_or(0, |progress| progress.told);
    let before = told(known(place, vec![shop.clone()]).await?);
    match &place.table {
        Some(table) => {
            if let Some(since) = since {
                set_back(&deployed(table).await, &shop, since).await?;
            }
        }
        None => begin(&place.data, &shop, since).await?,
    }
    if !wait {
        out.show(&json!({ "shop": shop, "begun": true }), |_| format!("{shop} is being asked"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let bar = bar(out);
    let done = loop {
        let progress = known(place, vec![shop.clone()]).await?.into_iter().next().flatten();
        if let Some(progress) = progress {
            if let Some(failing) = &progress.failing {
                bar.finish_and_clear();
                return Err(format!(
                    "{shop} can't be asked since {:.0}; the log and `kontor failures list` say why",
                    failing.since
                )
                .into());
            }
            if progress.reading.is_none() && progress.through_at.is_some_and(|at| at >= began) {
                break progress;
            }
            if let Some(reading) = &progress.reading {
                let day = reading.latest.strftime("%Y-%m-%d %H:%M");
                bar.set_message(format!("{} orders seen, {} new; at {day}", reading.seen, reading.told));
            }
        }
        bar.tick();
        tokio::time::sleep(LOOK_EVERY).await;
    };
    bar.finish_and_clear();
    let found = done.told.saturating_sub(before);
    out.show(&json!({ "shop": shop, "found": found, "until": done.until }), |_| {
        format!("{shop}: {found} orders found that were not known; everything until {:.0} is", done.until)
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn begin(data: &Path, shop: &ShopId, since: Option<Timestamp>) -> Result<(), BoxError> {
    let Answer::Asked = ask(data, Question::Sync { shop: shop.clone(), since }).await? else {
        return Err(unexpected());
    };
    Ok(())
}

fn bar(out: Out) -> ProgressBar {
    if out.json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {msg}") {
        bar.set_style(style);
    }
    bar
}
