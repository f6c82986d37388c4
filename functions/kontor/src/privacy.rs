//! `kontor privacy`: what is held of a person, told or erased, on one machine and in a deployed bundle.

pub(crate) mod answer;

use std::fs;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use aws_config::BehaviorVersion;
use jiff::{SignedDuration, Timestamp};
use kontor_aws::{Store, TableName};
use kontor_domain::{Email, OrderKey};
use kontor_embedded::Engine;
use kontor_flow::FailureId;
use kontor_flow::engine::{Dossier, Erasure, PrivacyDesk, PrivacyError};
use kontor_flow::ports::{Archive, Failures, OrderIndex, OrderReader, OrderWriter, PrivacyAct};
use kontor_flow::privacy::Person;
use kontor_flow::remedy::{BoxError, chain};
use kontor_runtime::clock;
use serde_json::json;
use tokio::sync::watch;

use crate::args::{PlaceArgs, Privacy, WhoArgs};
use crate::fault::Wrong;
use crate::office::{Answer, Question, ask};
use crate::orders::unexpected;
use crate::out::{Out, table};

/// How often orders are looked for that were kept for long enough.
const EXPIRE_EVERY: Duration = Duration::from_secs(24 * 3600);

/// Meets requests over `store`.
pub(crate) fn privacy_desk<S>(store: &S) -> PrivacyDesk
where
    S: Archive + OrderReader + OrderWriter + OrderIndex + Failures + Clone + 'static,
{
    let store = Arc::new(store.clone());
    PrivacyDesk {
        archive: store.clone(),
        reader: store.clone(),
        writer: store.clone(),
        index: store.clone(),
        failures: store,
    }
}

/// What is under way is no fault of Kontor's: the call came too early.
pub(crate) fn refused(error: PrivacyError) -> BoxError {
    match error {
        error @ PrivacyError::UnderWay(_) => Wrong(error.to_string()).into(),
        error @ PrivacyError::Store(_) => error.into(),
    }
}

/// What is told, with what is told of mails.
fn with_mails(mut told: serde_json::Value, mails: serde_json::Value) -> serde_json::Value {
    if let Some(told) = told.as_object_mut() {
        told.insert("mails".to_owned(), mails);
    }
    told
}

pub(crate) async fn run(place: &PlaceArgs, what: Privacy, out: Out) -> Result<ExitCode, BoxError> {
    match what {
        Privacy::Export { who } => {
            let person = person(&who)?;
            let dossier = export(place, person.clone()).await?;
            let mails = mails(place, &person, dossier.orders.iter().map(|(order, _)| &order.key))?;
            let texts = mails.iter().map(|path| Ok(fs::read_to_string(path)?));
            let texts = texts.collect::<Result<Vec<String>, BoxError>>()?;
            let told = with_mails(serde_json::to_value(&dossier)?, texts.into());
            out.line(&serde_json::to_string_pretty(&told)?)?;
        }
        Privacy::Erase { who } => {
            let person = person(&who)?;
            let erasure = erase(place, person.clone()).await?;
            let mails = mails(place, &person, erasure.orders.iter())?;
            mails.iter().try_for_each(fs::remove_file)?;
            let told = with_mails(serde_json::to_value(&erasure)?, mails.len().into());
            out.show(&told, |_| sentence(&erasure, mails.len()))?;
        }
        Privacy::Expire { days } => {
            let count = expire(place, days_ago(days)).await?;
            out.show(&json!({ "orders": count }), |_| format!("erased the persons from {count} orders"))?;
        }
        Privacy::Answer { id } => {
            if place.table.is_some() {
                let how = "answer requests of a deployed bundle with `kontor privacy export` and `erase`";
                return Err(Wrong(how.to_owned()).into());
            }
            let question = Question::Meet { id: FailureId::typed(&id), by: place.by.clone() };
            let Answer::Met(met) = ask(&place.data, question).await? else { return Err(unexpected()) };
            out.show(&met, answer::Met::sentence)?;
        }
        Privacy::Acts => out.show(&acts(place).await?, |acts| list(acts))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The table of a deployed bundle, with the rights of whoever asks.
async fn store(table: &str) -> Store {
    let aws = aws_config::load_defaults(BehaviorVersion::latest()).await;
    Store::new(aws_sdk_dynamodb::Client::new(&aws), TableName(table.to_owned()))
}

async fn export(place: &PlaceArgs, person: Person) -> Result<Dossier, BoxError> {
    let by = place.by.clone();
    if let Some(table) = &place.table {
        return Ok(privacy_desk(&store(table).await).export(&person, &by, clock::now()).await?);
    }
    let answer = ask(&place.data, Question::Export { person, by }).await?;
    let Answer::Dossier(dossier) = answer else { return Err(unexpected()) };
    Ok(*dossier)
}

async fn erase(place: &PlaceArgs, person: Person) -> Result<Erasure, BoxError> {
    let by = place.by.clone();
    if let Some(table) = &place.table {
        let desk = privacy_desk(&store(table).await);
        return desk.erase(&person, &by, clock::now()).await.map_err(refused);
    }
    let answer = ask(&place.data, Question::Erase { person, by }).await?;
    let Answer::Erased(erasure) = answer else { return Err(unexpected()) };
    Ok(erasure)
}

async fn expire(place: &PlaceArgs, before: Timestamp) -> Result<usize, BoxError> {
    let by = place.by.clone();
    if let Some(table) = &place.table {
        let desk = privacy_desk(&store(table).await);
        return Ok(desk.expire(before, &by, clock::now(), &|| false).await?);
    }
    let Answer::Expired(count) = ask(&place.data, Question::Expire { before, by }).await? else {
        return Err(unexpected());
    };
    Ok(count)
}

async fn acts(place: &PlaceArgs) -> Result<Vec<PrivacyAct>, BoxError> {
    if let Some(table) = &place.table {
        return Ok(store(table).await.acts().await?);
    }
    let Answer::Acts(acts) = ask(&place.data, Question::Acts).await? else { return Err(unexpected()) };
    Ok(acts)
}

fn person(who: &WhoArgs) -> Result<Person, BoxError> {
    if let Some(key) = &who.order {
        return Ok(Person::Order(key.clone()));
    }
    let mut address = who.email.clone().unwrap_or_default();
    if address == "-" {
        address.clear();
        std::io::stdin().lock().read_to_string(&mut address)?;
    }
    Ok(Person::Email(Email::parse(&address).map_err(|error| Wrong(format!("--email: {error}")))?))
}

fn days_ago(days: u32) -> Timestamp {
    let back = SignedDuration::from_hours(24).saturating_mul(i32::try_from(days).unwrap_or(i32::MAX));
    clock::now().saturating_sub(back).unwrap_or(Timestamp::MIN)
}

/// Mails in the folder `outbox` of one machine that went to the person, or are about one of their orders. A deployed bundle
/// keeps none.
fn mails<'a>(
    place: &PlaceArgs,
    whose: &Person,
    orders: impl Iterator<Item = &'a OrderKey>,
) -> Result<Vec<PathBuf>, BoxError> {
    let outbox = place.data.join("outbox");
    if place.table.is_some() || !outbox.is_dir() {
        return Ok(Vec::new());
    }
    // `Message-ID` is the command with dots: the order, the step.
    let dot = |c: char| if c.is_ascii_alphanumeric() { c } else { '.' };
    let mark = |key: &OrderKey| format!("<{}.", key.to_string().chars().map(dot).collect::<String>());
    let marks: Vec<String> = orders.map(mark).collect();
    let mut found = Vec::new();
    for entry in fs::read_dir(outbox)? {
        let path = entry?.path();
        let mail = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
        let head = mail.split("\r\n\r\n").next().unwrap_or_default();
        let mut to = head.lines().filter(|line| line.to_ascii_lowercase().starts_with("to:"));
        if to.any(|to| whose.is_in(to)) || marks.iter().any(|mark| head.contains(mark.as_str())) {
            found.push(path);
        }
    }
    Ok(found)
}

fn sentence(erasure: &Erasure, mails: usize) -> String {
    let (orders, failures) = (erasure.orders.len(), erasure.failures.len());
    let done = format!("erased the person from {orders} orders and {failures} failures, and {mails} mails");
    match erasure.messages {
        Some(0) => done,
        Some(count) => {
            format!("{done}\n{count} messages of theirs are on their way: erase again when they are through")
        }
        None => format!(
            "{done}\nqueues can't be looked into; what is in them is gone after 14 days: erase again then"
        ),
    }
}

fn list(acts: &[PrivacyAct]) -> String {
    if acts.is_empty() {
        return "nothing was exported or erased yet".to_owned();
    }
    let rows = acts.iter().map(|act| {
        let deed = format!("{:?}", act.deed).to_lowercase();
        vec![format!("{:.0}", act.at), act.by.clone(), deed, act.orders.to_string(), act.failures.to_string()]
    });
    table(&["when", "who", "what", "orders", "failures"], rows).to_string()
}

/// Erases the persons from orders that were over for `days`, once a day, until `stop` turns true.
pub(crate) async fn expire_daily(engine: Engine, days: Option<u32>, mut stop: watch::Receiver<bool>) {
    let Some(days) = days else { return };
    let desk = privacy_desk(&engine);
    loop {
        let stopped = stop.clone();
        if let Err(error) = desk.expire(days_ago(days), "kontor", clock::now(), &|| *stopped.borrow()).await {
            tracing::error!(cause = %chain(&error), "personal data that was kept for long enough is not erased");
        }
        tokio::select! {
            () = tokio::time::sleep(EXPIRE_EVERY) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}
