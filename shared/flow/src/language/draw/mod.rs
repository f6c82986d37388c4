//! Drawings of a flow, for the docs and the console: what every box says, whoever draws it.

mod layout;
mod mermaid;
mod svg;

use std::time::Duration;

pub(super) use mermaid::mermaid;
pub(super) use svg::svg;

use super::{Each, Flow, Step};
use crate::{Action, Order, StepKey, StepName, StepState};

/// How a step stands, as a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tone {
    Failed,
    Requested,
    Waiting,
    Done,
    Skipped,
}

impl Tone {
    const ALL: [Self; 5] = [Self::Failed, Self::Requested, Self::Waiting, Self::Done, Self::Skipped];

    /// The word classes and legends use.
    fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Requested => "requested",
            Self::Waiting => "waiting",
            Self::Done => "done",
            Self::Skipped => "skipped",
        }
    }

    fn of(state: &StepState) -> Self {
        match state {
            StepState::Failed { .. } => Self::Failed,
            StepState::Requested { .. } => Self::Requested,
            StepState::Waiting { .. } => Self::Waiting,
            StepState::Done { .. } => Self::Done,
            StepState::Skipped { .. } => Self::Skipped,
        }
    }
}

/// A line of a box.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Row {
    /// The name of the step.
    Name(String),
    /// What it does.
    Action(String),
    /// A condition or a deadline.
    Clause(String),
    /// Where the order stands.
    State(String),
}

/// A box.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Card {
    rows: Vec<Row>,
    /// A step without an action.
    gate: bool,
    tone: Option<Tone>,
}

/// The boxes of `steps`, in their order.
fn cards(steps: &[Step], order: Option<&Order>) -> Vec<Card> {
    steps.iter().map(|step| card(step, order)).collect()
}

fn card(step: &Step, order: Option<&Order>) -> Card {
    let mut rows = vec![Row::Name(step.name.to_string()), Row::Action(does(step))];
    if let Some(when) = &step.when {
        rows.push(Row::Clause(format!("when {}", when.text())));
    }
    if let Some(condition) = &step.wait_for {
        rows.push(Row::Clause(format!("waits for {}", condition.text())));
    }
    let patience = [("reminds after", step.remind_after), ("gives up after", step.give_up_after)];
    let patience: Vec<String> =
        patience.iter().filter_map(|(word, after)| Some(format!("{word} {}", span((*after)?)))).collect();
    if !patience.is_empty() {
        rows.push(Row::Clause(patience.join(", ")));
    }
    let state = order.map(|order| standing(order, step));
    let tone = state.as_ref().and_then(|(tone, _)| *tone);
    rows.extend(state.map(|(_, text)| Row::State(text)));
    Card { rows, gate: step.action.is_none(), tone }
}

fn does(step: &Step) -> String {
    let Some(action) = step.action else { return "gate".to_owned() };
    let template = step.template.as_ref().map(|template| format!(" {template}")).unwrap_or_default();
    let each = match step.for_each {
        Some(Each::Shipments) => ", for each shipment",
        Some(Each::Edits) => ", for each edit",
        Some(Each::Refunds) => ", for each refund",
        None => "",
    };
    format!("{action}{template}{each}")
}

/// Where an order stands in a step, in words. A step whose turn has not come has no colour: what catches the eye is where
/// something has to happen.
fn standing(order: &Order, step: &Step) -> (Option<Tone>, String) {
    let name = &step.name;
    match order.steps.get(&StepKey::whole(name.clone())) {
        Some(state @ StepState::Waiting { on, since, .. }) => {
            let own = step.wait_for.as_ref().is_some_and(|condition| condition.text() == on);
            let early = step.needs.iter().any(|need| need.as_str() == on);
            let text = if own {
                format!("waiting since {}", since.strftime("%Y-%m-%d %H:%M UTC"))
            } else {
                state_text(state)
            };
            return ((!early).then_some(Tone::Waiting), text);
        }
        Some(state) => return (Some(Tone::of(state)), state_text(state)),
        None => {}
    }
    let items: Vec<&StepState> =
        order.steps.iter().filter(|(key, _)| key.step == *name).map(|(_, state)| state).collect();
    match items.as_slice() {
        [] => (None, "not reached".to_owned()),
        [one] => (Some(Tone::of(one)), state_text(one)),
        many => {
            let settled = many.iter().filter(|state| state.is_settled()).count();
            let tone = many.iter().map(|state| Tone::of(state)).min();
            (tone, format!("{settled} of {} done", many.len()))
        }
    }
}

fn state_text(state: &StepState) -> String {
    match state {
        StepState::Waiting { on, reminded: None, .. } => format!("waiting on {on}"),
        StepState::Waiting { on, reminded: Some(_), .. } => format!("waiting on {on}, reminded"),
        StepState::Requested { attempt: 1, .. } => "requested".to_owned(),
        StepState::Requested { attempt, .. } => format!("requested, attempt {attempt}"),
        StepState::Done { result } => format!("done: {}", short(&result.sentence())),
        StepState::Skipped { because } => format!("skipped: {because}"),
        StepState::Failed { cause, .. } => format!("failed: {}", short(cause)),
    }
}

fn short(text: &str) -> String {
    const MOST: usize = 120;
    if text.chars().count() <= MOST {
        return text.to_owned();
    }
    let cut: String = text.chars().take(MOST).collect();
    format!("{cut}…")
}

/// `5 d`, in the largest unit that comes out even.
fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let units = [(86_400, "d"), (3_600, "h"), (60, "min")];
    let unit = units.iter().find(|(size, _)| seconds.is_multiple_of(*size));
    unit.map_or_else(|| format!("{seconds} s"), |(size, word)| format!("{} {word}", seconds / size))
}

/// An arrow between two boxes, by their places in the flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Arrow {
    from: usize,
    to: usize,
    /// What is drawn though nobody wrote it: shipments bring about the steps for each of them.
    implied: bool,
}

/// The arrows of a flow: what a step needs, less what follows from another arrow.
fn arrows(flow: &Flow) -> Vec<Arrow> {
    let place = |name: &StepName| flow.steps.iter().position(|step| step.name == *name);
    let mut arrows = Vec::new();
    for (to, step) in flow.steps.iter().enumerate() {
        let needs: Vec<usize> = step.needs.iter().filter_map(place).collect();
        let implied = step.for_each == Some(Each::Shipments);
        arrows.extend(needs.iter().map(|from| Arrow { from: *from, to, implied: false }));
        let ships = |(from, other): (usize, &Step)| other.action.is_some_and(Action::ships).then_some(from);
        let shipping = flow.steps.iter().enumerate().filter_map(ships);
        let more = shipping.filter(|from| implied && !needs.contains(from));
        arrows.extend(more.map(|from| Arrow { from, to, implied: true }));
    }
    let all = arrows.clone();
    arrows.retain(|arrow| {
        !all.iter()
            .any(|step| step.from == arrow.from && step.to != arrow.to && leads(&all, step.to, arrow.to))
    });
    arrows
}

/// Whether there is a way along `arrows`. The steps are sorted, so every arrow leads to a later one.
fn leads(arrows: &[Arrow], from: usize, to: usize) -> bool {
    let mut reached = vec![from];
    let mut at = 0;
    while let Some(here) = reached.get(at).copied() {
        if here == to {
            return true;
        }
        let next = arrows.iter().filter(|arrow| arrow.from == here && arrow.to <= to).map(|arrow| arrow.to);
        let fresh: Vec<usize> = next.filter(|next| !reached.contains(next)).collect();
        reached.extend(fresh);
        at += 1;
    }
    false
}
