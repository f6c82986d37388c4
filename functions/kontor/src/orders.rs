//! `kontor orders`: where is an order, and why?

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use kontor_domain::OrderKey;
use kontor_flow::order::{Cause, OrderSummary};
use kontor_flow::remedy::BoxError;
use kontor_flow::{Order, StepName, TimelineEntry};

use crate::args::Orders;
use crate::office::{Answer, Question, ask};
use crate::out::{Out, table};

pub(crate) async fn run(data: &Path, what: Orders, out: Out) -> Result<ExitCode, BoxError> {
    match what {
        Orders::List { status, shop, limit } => {
            let question = Question::Orders { status, shop, limit };
            let Answer::Orders(orders) = ask(data, question).await? else { return Err(unexpected()) };
            out.show(&orders, |orders| list(orders))?;
        }
        Orders::Show { key } => {
            let missing = format!("there is no order {key}");
            let Answer::Order(order) = ask(data, Question::Order { key }).await? else {
                return Err(unexpected());
            };
            let order = order.ok_or(missing)?;
            out.show(&*order, |(order, timeline)| show(order, timeline))?;
        }
        Orders::Settle { key, step, by } => {
            ask(data, Question::Settle { key: key.clone(), step: step.clone(), by }).await?;
            let told = serde_json::json!({ "order": key, "settled": step });
            out.show(&told, |_| format!("{key}: {step} is settled"))?;
        }
        Orders::Approve { key, step, by } => decide(data, key, step, true, by, out).await?,
        Orders::Refuse { key, step, by } => decide(data, key, step, false, by, out).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The process answered something else than it was asked: another version of Kontor works there.
pub(crate) fn unexpected() -> BoxError {
    "the running Kontor answered something else than it was asked; is it of another version?".into()
}

async fn decide(
    data: &Path,
    key: OrderKey,
    step: StepName,
    approved: bool,
    by: String,
    out: Out,
) -> Result<(), BoxError> {
    ask(data, Question::Decide { key: key.clone(), step, approved, by }).await?;
    out.show(&serde_json::json!({ "order": key, "approved": approved }), |_| {
        format!("{key}: {}", if approved { "approved" } else { "refused" })
    })
}

fn list(orders: &[OrderSummary]) -> String {
    if orders.is_empty() {
        return "no orders".to_owned();
    }
    let text = |part: &Option<String>| part.clone().unwrap_or_default();
    let rows = orders.iter().map(|order| {
        vec![
            order.key.to_string(),
            text(&order.number.as_ref().map(ToString::to_string)),
            text(&order.total.map(|total| total.to_string())),
            order.status.as_str().to_owned(),
            format!("{:.0}", order.updated_at),
        ]
    });
    table(&["order", "number", "total", "status", "changed"], rows).to_string()
}

/// An order for people. No names and addresses: those are in the shop and the ERP.
pub(crate) fn show(order: &Order, timeline: &[TimelineEntry]) -> String {
    let mut text = String::new();
    let placed = order.facts.order().map(kontor_domain::PlacedOrder::parts);
    let number = placed.map_or_else(String::new, |p| format!(", number {}, {}", p.number, p.total));
    // Writing to a String can't fail.
    let mut line = |what: String| writeln!(text, "{what}").unwrap_or_default();
    line(format!("order {}{number}", order.key));
    line(format!("{} by flow {}, version {}", order.status.as_str(), order.flow, order.version));
    if let Some(why) = &order.held {
        line(format!("held: {why}"));
    }
    if let Some(due) = order.due_at {
        line(format!("looked at again: {due:.0}"));
    }
    line(String::new());
    for (key, state) in &order.steps {
        line(format!("  {:<18} {}", key.to_string(), state.sentence()));
    }
    line(String::new());
    for entry in timeline {
        let events: Vec<&str> = entry.events.iter().map(|(word, _)| word.as_str()).collect();
        line(format!("{:.3}  {} {}", entry.at, cause(&entry.cause), events.join(", ")));
        for change in &entry.changes {
            line(format!("    {change}"));
        }
    }
    text.trim_end().to_owned()
}

fn cause(cause: &Cause) -> String {
    match cause {
        Cause::Delivery { digest, topic } => format!("delivery {topic} [{digest}]:"),
        Cause::Report => "report:".to_owned(),
        Cause::Due => "due".to_owned(),
        Cause::Operator { by } => format!("{by}:"),
    }
}
