//! How the steps of a flow go together: what they need, what can never run, what must not happen.

use std::collections::{BTreeMap, BTreeSet};

use super::Each;
use super::problem::{Place, Problems};
use super::read::{Draft, Sheet};
use crate::{Action, StepName};

/// Checks the sheet as a whole.
pub(super) fn check(sheet: &Sheet, problems: &mut Problems) {
    let graph = Graph::of(&sheet.steps);
    for step in &sheet.steps {
        needs(sheet, step, problems);
        waiting(step, problems);
        per_item(step, problems);
        mail(step, problems);
        never(step, problems);
        if step.does().is_some_and(undoes) {
            let help = "put it under on_cancel".to_owned();
            problems.add(place_of_action(step), format!("{} undoes an order", word(step)), Some(help));
        }
    }
    twice(&sheet.steps, problems);
    on_cancel(sheet, problems);
    reminders(sheet, problems);
    if let Some(circle) = graph.circle() {
        let at = sheet.steps.iter().find(|step| Some(&step.name.value) == circle.first().copied());
        let path: Vec<&str> = circle.iter().map(|name| name.as_str()).collect();
        let message = format!("the steps need each other in a circle: {}", path.join(" -> "));
        problems.add(at.map_or(Place::START, |step| step.name.at), message, None);
        return;
    }
    for step in &sheet.steps {
        upstream(sheet, &graph, step, problems);
    }
}

/// The steps, each after those it needs, else as written. A step for each shipment comes after the steps that ship, so
/// that the plan knows by then whether anything will be shipped.
pub(super) fn sorted(mut steps: Vec<Draft>) -> Vec<Draft> {
    let mut done: BTreeSet<StepName> = BTreeSet::new();
    let mut sorted: Vec<Draft> = Vec::with_capacity(steps.len());
    while !steps.is_empty() {
        let ships = steps.iter().any(ships);
        let ready = steps.iter().position(|step| {
            step.needs.iter().all(|need| done.contains(&need.value)) && !(ships && awaits_parcels(step))
        });
        // The steps were checked to have no circle in them; the first is as good as any.
        let next = steps.remove(ready.unwrap_or(0));
        done.insert(next.name.value.clone());
        sorted.push(next);
    }
    sorted
}

/// Whether it is done for each shipment, and so waits for them.
fn awaits_parcels(step: &Draft) -> bool {
    step.for_each.as_ref().is_some_and(|each| each.value == Each::Shipments)
}

fn ships(step: &Draft) -> bool {
    step.does().is_some_and(Action::ships)
}

fn undoes(action: Action) -> bool {
    match action {
        Action::ErpCancel | Action::ShopCancel => true,
        Action::ErpCustomer
        | Action::ErpSalesOrder
        | Action::ErpPayment
        | Action::ErpShipment
        | Action::ErpInvoice
        | Action::ErpUpdate
        | Action::ErpCreditNote
        | Action::ShopPaid
        | Action::ShopShipment
        | Action::MailSend => false,
    }
}

fn word(step: &Draft) -> String {
    step.does().map_or_else(String::new, |action| format!("{:?}", action.as_str()))
}

fn place_of_action(step: &Draft) -> Place {
    step.action.as_ref().map_or(step.name.at, |action| action.at)
}

fn needs(sheet: &Sheet, step: &Draft, problems: &mut Problems) {
    for need in &step.needs {
        if !sheet.steps.iter().any(|other| other.name.value == need.value) {
            let known = sheet.steps.iter().map(|other| other.name.value.as_str());
            problems.unknown(
                need.at,
                "step",
                need.value.as_str(),
                known.filter(|name| *name != step.name.value.as_str()),
            );
        }
    }
    if step.action.is_none() && step.wait_for.is_none() && !step.torn {
        let help = "give it an action (do) or something to wait for (await)".to_owned();
        problems.add(step.name.at, format!("step {:?} does nothing", step.name.value.as_str()), Some(help));
    }
}

fn waiting(step: &Draft, problems: &mut Problems) {
    let patience = [("remind_after", &step.remind_after), ("give_up_after", &step.give_up_after)];
    for (key, after) in patience {
        if let (Some(after), None, false) = (after, &step.wait_for, step.torn) {
            let help = "say what it waits for: await: order.paid".to_owned();
            problems.add(after.at, format!("`{key}` without `await`"), Some(help));
        }
    }
    if let (Some(remind), Some(give_up)) = (&step.remind_after, &step.give_up_after)
        && give_up.value <= remind.value
    {
        let help = "let the reminder come first".to_owned();
        problems.add(give_up.at, "`give_up_after` is not later than `remind_after`", Some(help));
    }
    if let (Some(each), Some(_)) = (&step.for_each, &step.wait_for) {
        let help = "put the `await` into a step of its own before it".to_owned();
        problems.add(each.at, "`for_each` and `await` in one step", Some(help));
    }
}

fn per_item(step: &Draft, problems: &mut Problems) {
    if step.torn {
        return;
    }
    let template = step.template.as_ref().map(|template| template.value.as_str());
    let set = match (step.does(), template) {
        (Some(Action::MailSend), Some("shipped")) => Some(Each::Shipments),
        (Some(Action::MailSend), Some("refunded")) => Some(Each::Refunds),
        (action, _) => action.and_then(Action::set),
    };
    let what = || match template {
        Some(template) => format!("the template {template:?}"),
        None => word(step),
    };
    match (&step.for_each, step.does(), set) {
        (None, Some(_), Some(set)) => {
            let help = format!("add for_each: {}", set.as_str());
            problems.add(place_of_action(step), format!("{} speaks of {}", what(), set.one()), Some(help));
        }
        (Some(each), Some(_), Some(set)) if each.value != set => {
            let help = format!("write for_each: {}", set.as_str());
            problems.add(each.at, format!("{} speaks of {}", what(), set.one()), Some(help));
        }
        (Some(each), Some(action), None) if action != Action::MailSend => {
            let help = "take `for_each` out".to_owned();
            problems.add(each.at, format!("{} is done once for an order", word(step)), Some(help));
        }
        (Some(each), None, _) => problems.add(each.at, "`for_each` without an action", None),
        (_, _, _) => {}
    }
}

fn mail(step: &Draft, problems: &mut Problems) {
    if step.torn {
        return;
    }
    match (step.does(), &step.template) {
        (Some(Action::MailSend), None) => {
            let help = "add with: { template: confirmation }".to_owned();
            problems.add(place_of_action(step), "\"mail.send\" without a template", Some(help));
        }
        (action, Some(template)) if action != Some(Action::MailSend) => {
            problems.add(template.at, "a template goes with \"mail.send\" only", None);
        }
        (_, _) => {}
    }
}

fn never(step: &Draft, problems: &mut Problems) {
    let name = step.name.value.as_str();
    if let Some(when) = step.when.as_ref().filter(|when| when.value.constant() == Some(false)) {
        let help = "take the step out".to_owned();
        problems.add(when.at, format!("step {name:?} can never run: its `when` never holds"), Some(help));
    }
    if let Some(condition) =
        step.wait_for.as_ref().filter(|condition| condition.value.constant() == Some(false))
    {
        let help = "for a step that waits for a person, write await: approved".to_owned();
        problems.add(
            condition.at,
            format!("step {name:?} can never pass: its `await` never holds"),
            Some(help),
        );
    }
}

/// Two steps with one action would do it twice, unless at most one of them is needed.
fn twice(steps: &[Draft], problems: &mut Problems) {
    let mut first: BTreeMap<Action, &Draft> = BTreeMap::new();
    for step in steps {
        let Some(action) = step.does().filter(|action| *action != Action::MailSend) else { continue };
        let Some(before) = first.get(&action) else {
            first.insert(action, step);
            continue;
        };
        if (step.when.is_none() || before.when.is_none()) && !step.torn && !before.torn {
            let message = format!("{} is done by step {:?} already", word(step), before.name.value.as_str());
            let help = "give both a `when`, of which only one holds".to_owned();
            problems.add(place_of_action(step), message, Some(help));
        }
    }
}

fn on_cancel(sheet: &Sheet, problems: &mut Problems) {
    for (at, undo) in sheet.on_cancel.iter().enumerate() {
        let name = &undo.name.value;
        mail(undo, problems);
        if undo.does().is_some_and(|action| !undoes(action) && action != Action::MailSend) {
            let help = "on_cancel has erp.cancel, shop.cancel and mail.send in it".to_owned();
            problems.add(place_of_action(undo), format!("{} undoes nothing", word(undo)), Some(help));
        }
        if sheet.on_cancel.iter().take(at).any(|other| other.name.value == *name) {
            problems.add(undo.name.at, format!("{} is there twice", word(undo)), None);
        }
        if let Some(step) = sheet.steps.iter().find(|step| step.name.value == *name) {
            let help =
                format!("{:?} is the name of the step that does {} on cancelling", name.as_str(), word(undo));
            problems.add(step.name.at, format!("step {:?} needs another name", name.as_str()), Some(help));
        }
    }
}

/// A reminder is filed under the step's name with `-reminder` behind it.
fn reminders(sheet: &Sheet, problems: &mut Problems) {
    for step in sheet.steps.iter().filter(|step| step.remind_after.is_some()) {
        let name = format!("{}-reminder", step.name.value);
        if StepName::parse(&name).is_err() {
            let message = format!(
                "the name of step {:?} is too long for a step that reminds",
                step.name.value.as_str()
            );
            problems.add(step.name.at, message, Some("at most 39 characters".to_owned()));
        }
        if let Some(other) = sheet.steps.iter().find(|other| other.name.value.as_str() == name) {
            let help = format!("{name:?} is the name of the reminder of step {:?}", step.name.value.as_str());
            problems.add(other.name.at, format!("step {name:?} needs another name"), Some(help));
        }
    }
}

/// What must have happened, or must not have to happen, on the way to a step.
fn upstream(sheet: &Sheet, graph: &Graph<'_>, step: &Draft, problems: &mut Problems) {
    let above = graph.above(&step.name.value);
    let before: Vec<&Draft> = sheet.steps.iter().filter(|other| above.contains(&other.name.value)).collect();
    let at = place_of_action(step);
    // A name that leads nowhere is told already; what it would lead to is anybody's guess.
    let lost = above.len() > before.len();
    if let Some(base) = step.does().and_then(Action::builds_on)
        && !lost
        && !step.torn
        && !before.iter().any(|other| other.does() == Some(base) || other.torn)
    {
        let message = format!("{} without {:?} before it", word(step), base.as_str());
        let help = sheet.steps.iter().find(|other| other.does() == Some(base));
        let help = help.map_or_else(
            || format!("add a step with do: {}", base.as_str()),
            |other| format!("add needs: [{}]", other.name.value),
        );
        problems.add(at, message, Some(help));
    }
    let released =
        step.wait_for.is_some() || before.iter().any(|other| other.wait_for.is_some() || other.torn);
    if ships(step) && !released && !step.torn && !lost {
        let help = "let it need a step with `await`, as in await: order.paid".to_owned();
        problems.add(
            at,
            format!("{} without a release before it: goods would leave unpaid", word(step)),
            Some(help),
        );
    }
    for other in before {
        if ships(step) && awaits_parcels(other) {
            let message = format!(
                "step {:?} can never run: it needs {:?}, which waits for its shipments",
                step.name.value.as_str(),
                other.name.value.as_str()
            );
            problems.add(step.name.at, message, None);
        }
        dead(step, other, problems);
    }
}

/// A step behind one that can never run.
fn dead(step: &Draft, other: &Draft, problems: &mut Problems) {
    let never = |condition: &Option<super::read::At<super::Condition>>| {
        condition.as_ref().is_some_and(|condition| condition.value.constant() == Some(false))
    };
    let Some(need) = step.needs.iter().find(|need| need.value == other.name.value) else { return };
    let (step, other_name) = (step.name.value.as_str(), other.name.value.as_str());
    if never(&other.wait_for) {
        let message = format!("step {step:?} can never run: it needs {other_name:?}, which can never pass");
        problems.add(need.at, message, None);
    } else if never(&other.when) {
        problems.add(need.at, format!("step {step:?} needs {other_name:?}, which can never run"), None);
    }
}

/// What each step needs.
struct Graph<'a> {
    needs: BTreeMap<&'a StepName, Vec<&'a StepName>>,
}

impl<'a> Graph<'a> {
    fn of(steps: &'a [Draft]) -> Self {
        let needs = steps
            .iter()
            .map(|step| (&step.name.value, step.needs.iter().map(|need| &need.value).collect()))
            .collect();
        Self { needs }
    }

    fn needs_of(&self, name: &StepName) -> &[&'a StepName] {
        self.needs.get(name).map_or(&[], Vec::as_slice)
    }

    /// Every step before `name`, however far.
    fn above(&self, name: &StepName) -> BTreeSet<StepName> {
        let mut above: BTreeSet<StepName> = BTreeSet::new();
        let mut open: Vec<&StepName> = self.needs_of(name).to_vec();
        while let Some(next) = open.pop() {
            if above.insert(next.clone()) {
                open.extend(self.needs_of(next));
            }
        }
        above
    }

    /// A shortest way from a step back to itself, the step named at both ends.
    fn circle(&self) -> Option<Vec<&'a StepName>> {
        let start = *self.needs.keys().find(|name| self.above(name).contains(**name))?;
        let mut ways: Vec<Vec<&StepName>> = vec![vec![start]];
        let mut seen: BTreeSet<&StepName> = BTreeSet::new();
        while !ways.is_empty() {
            let mut longer = Vec::new();
            for way in ways {
                for next in way.last().map_or(&[][..], |last| self.needs_of(last)) {
                    let mut way = way.clone();
                    way.push(next);
                    if *next == start {
                        return Some(way);
                    }
                    if seen.insert(next) {
                        longer.push(way);
                    }
                }
            }
            ways = longer;
        }
        None
    }
}
