//! From the tree of a flow file to drafts of its steps: keys, names, words, durations and conditions.

use std::time::Duration;

use super::condition::Condition;
use super::problem::{Place, Problems};
use super::typecheck::Clause;
use super::yaml::{Entry, Node, Yaml};
use super::{Each, Step};
use crate::{Action, FlowName, StepName};

/// A value with the place it was read at.
#[derive(Debug)]
pub(super) struct At<T> {
    pub(super) at: Place,
    pub(super) value: T,
}

/// A step as it was written: every part is right in itself, how they go together is not checked yet.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) name: At<StepName>,
    pub(super) action: Option<At<Action>>,
    pub(super) needs: Vec<At<StepName>>,
    pub(super) when: Option<At<Condition>>,
    pub(super) wait_for: Option<At<Condition>>,
    pub(super) remind_after: Option<At<Duration>>,
    pub(super) give_up_after: Option<At<Duration>>,
    pub(super) for_each: Option<At<Each>>,
    pub(super) template: Option<At<String>>,
    /// Some part of it could not be read: what depends on all of it is not checked.
    pub(super) torn: bool,
}

/// A flow as it was written.
#[derive(Debug)]
pub(super) struct Sheet {
    pub(super) name: Option<FlowName>,
    pub(super) steps: Vec<Draft>,
    pub(super) on_cancel: Vec<Draft>,
}

/// The templates there are for `mail.send`.
const TEMPLATES: [&str; 5] = ["confirmation", "shipped", "reminder", "cancelled", "refunded"];

/// The most steps of a flow.
const MOST_STEPS: usize = 200;

/// The longest a step may wait: after a year nobody remembers why.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

const FLOW_KEYS: [&str; 3] = ["name", "steps", "on_cancel"];
const STEP_KEYS: [&str; 8] =
    ["do", "needs", "when", "await", "remind_after", "give_up_after", "for_each", "with"];
const UNDO_KEYS: [&str; 2] = ["do", "with"];

impl Draft {
    fn new(name: At<StepName>) -> Self {
        Self {
            name,
            action: None,
            needs: Vec::new(),
            when: None,
            wait_for: None,
            remind_after: None,
            give_up_after: None,
            for_each: None,
            template: None,
            torn: false,
        }
    }

    /// What it does, if it does something.
    pub(super) fn does(&self) -> Option<Action> {
        self.action.as_ref().map(|action| action.value)
    }

    pub(super) fn into_step(self) -> Step {
        Step {
            name: self.name.value,
            action: self.action.map(|action| action.value),
            needs: self.needs.into_iter().map(|need| need.value).collect(),
            when: self.when.map(|when| when.value),
            wait_for: self.wait_for.map(|condition| condition.value),
            remind_after: self.remind_after.map(|after| after.value),
            give_up_after: self.give_up_after.map(|after| after.value),
            for_each: self.for_each.map(|each| each.value),
            template: self.template.map(|template| template.value),
        }
    }
}

/// Reads the whole file.
pub(super) fn sheet(root: Node, source: &str, problems: &mut Problems) -> Sheet {
    let mut reader = Reader { source, problems };
    let mut sheet = Sheet { name: None, steps: Vec::new(), on_cancel: Vec::new() };
    let start = root.at;
    let mut named = false;
    let mut stepped = false;
    for entry in reader.entries("a flow", root, &FLOW_KEYS) {
        match entry.key.as_str() {
            "name" => {
                named = true;
                sheet.name = reader.flow_name(&entry);
            }
            "steps" => {
                stepped = true;
                sheet.steps = reader.steps(entry.node);
            }
            _ => sheet.on_cancel = reader.on_cancel(entry.node),
        }
    }
    if !named {
        reader.problems.add(start, "the flow has no name", Some("begin with name: standard".to_owned()));
    }
    if !stepped {
        reader.problems.add(start, "the flow has no steps", None);
    }
    sheet
}

struct Reader<'a> {
    source: &'a str,
    problems: &'a mut Problems,
}

impl Reader<'_> {
    /// The entries of a mapping that have a known key, each key once.
    fn entries(&mut self, what: &str, node: Node, known: &[&str]) -> Vec<Entry> {
        let entries = self.mapping(what, node);
        let mut taken: Vec<Entry> = Vec::new();
        for entry in entries {
            if !known.contains(&entry.key.as_str()) {
                self.problems.unknown(entry.at, "key", &entry.key, known.iter().copied());
            } else if let Some(first) = taken.iter().find(|other| other.key == entry.key) {
                let help = format!("the first one is in line {}", first.at.line);
                self.problems.add(entry.at, format!("{:?} is there twice", entry.key), Some(help));
            } else {
                taken.push(entry);
            }
        }
        taken
    }

    fn mapping(&mut self, what: &str, node: Node) -> Vec<Entry> {
        match node.value {
            Yaml::Map(entries) => entries,
            other @ (Yaml::Nothing | Yaml::Text(_) | Yaml::List(_)) => {
                self.problems.add(node.at, format!("{what} is a mapping, this is {}", other.kind()), None);
                Vec::new()
            }
        }
    }

    fn list(&mut self, what: &str, example: &str, node: Node) -> Vec<Node> {
        match node.value {
            Yaml::List(items) => items,
            other @ (Yaml::Nothing | Yaml::Text(_) | Yaml::Map(_)) => {
                let message = format!("{what} is a list, this is {}", other.kind());
                self.problems.add(node.at, message, Some(format!("write {example}")));
                Vec::new()
            }
        }
    }

    fn text(&mut self, what: &str, node: &Node) -> Option<String> {
        match &node.value {
            Yaml::Text(text) => Some(text.trim().to_owned()),
            other @ (Yaml::Nothing | Yaml::List(_) | Yaml::Map(_)) => {
                self.problems.add(node.at, format!("{what} is a text, this is {}", other.kind()), None);
                None
            }
        }
    }

    fn flow_name(&mut self, entry: &Entry) -> Option<FlowName> {
        let text = self.text("the name", &entry.node)?;
        match FlowName::parse(&text) {
            Ok(name) => Some(name),
            Err(error) => {
                self.problems.add(entry.node.at, error.to_string(), Some(NAME_HELP.to_owned()));
                None
            }
        }
    }

    fn step_name(&mut self, at: Place, text: &str) -> Option<At<StepName>> {
        match StepName::parse(text) {
            Ok(value) => Some(At { at, value }),
            Err(error) => {
                self.problems.add(at, error.to_string(), Some(NAME_HELP.to_owned()));
                None
            }
        }
    }

    fn steps(&mut self, node: Node) -> Vec<Draft> {
        let at = node.at;
        let entries = self.mapping("steps", node);
        if entries.len() > MOST_STEPS {
            self.problems.add(at, format!("the flow has more than {MOST_STEPS} steps"), None);
            return Vec::new();
        }
        if entries.is_empty() {
            self.problems.add(at, "the flow has no steps", None);
        }
        let mut drafts: Vec<Draft> = Vec::new();
        for entry in entries {
            let Some(name) = self.step_name(entry.at, &entry.key) else { continue };
            if let Some(first) = drafts.iter().find(|other| other.name.value == name.value) {
                let help = format!("the first one is in line {}", first.name.at.line);
                self.problems.add(entry.at, format!("step {:?} is there twice", entry.key), Some(help));
                continue;
            }
            let draft = self.step(name, entry.node);
            drafts.push(draft);
        }
        drafts
    }

    fn step(&mut self, name: At<StepName>, node: Node) -> Draft {
        let mut draft = Draft::new(name);
        for entry in self.entries("a step", node, &STEP_KEYS) {
            let node = entry.node;
            let read = match entry.key.as_str() {
                "do" => put(&mut draft.action, self.action(&node)),
                "needs" => {
                    let listed = matches!(node.value, Yaml::List(_));
                    draft.needs = self.needs(node);
                    listed
                }
                "when" => put(&mut draft.when, self.condition(&node, Clause::When)),
                "await" => put(&mut draft.wait_for, self.condition(&node, Clause::Await)),
                "remind_after" => put(&mut draft.remind_after, self.duration(&node)),
                "give_up_after" => put(&mut draft.give_up_after, self.duration(&node)),
                "for_each" => put(&mut draft.for_each, self.for_each(&node)),
                _ => put(&mut draft.template, self.with(node)),
            };
            draft.torn |= !read;
        }
        draft
    }

    fn on_cancel(&mut self, node: Node) -> Vec<Draft> {
        let items = self.list("on_cancel", "on_cancel: [ { do: erp.cancel } ]", node);
        let mut drafts = Vec::new();
        for item in items.into_iter().take(MOST_STEPS) {
            let at = item.at;
            let mut action = None;
            let mut template = None;
            for entry in self.entries("a step of on_cancel", item, &UNDO_KEYS) {
                match entry.key.as_str() {
                    "do" => action = self.action(&entry.node),
                    _ => template = self.with(entry.node),
                }
            }
            let Some(action) = action else { continue };
            let Some(name) = self.step_name(at, &undo_name(action.value)) else { continue };
            drafts.push(Draft { action: Some(action), template, ..Draft::new(name) });
        }
        drafts
    }

    fn action(&mut self, node: &Node) -> Option<At<Action>> {
        let word = self.text("do", node)?;
        let action = Action::named(&word);
        if action.is_none() {
            self.problems.unknown(node.at, "action", &word, Action::ALL.iter().map(|action| action.as_str()));
        }
        action.map(|value| At { at: node.at, value })
    }

    fn needs(&mut self, node: Node) -> Vec<At<StepName>> {
        let mut needs: Vec<At<StepName>> = Vec::new();
        for item in self.list("needs", "needs: [step]", node) {
            let Some(text) = self.text("a step", &item) else { continue };
            let Some(name) = self.step_name(item.at, &text) else { continue };
            if needs.iter().any(|other| other.value == name.value) {
                self.problems.add(item.at, format!("{text:?} is there twice"), None);
            } else {
                needs.push(name);
            }
        }
        needs
    }

    fn condition(&mut self, node: &Node, clause: Clause) -> Option<At<Condition>> {
        if matches!(node.value, Yaml::Nothing) {
            let help = "put it between quotes if it begins with !, which means something else in YAML";
            self.problems.add(node.at, "there is no condition", Some(help.to_owned()));
            return None;
        }
        let text = self.text("a condition", node)?;
        match Condition::parse(&text, clause) {
            Ok(value) => Some(At { at: node.at, value }),
            Err(slips) => {
                for slip in slips {
                    let at = inside(self.source, node.at, &text, slip.at);
                    self.problems.add(at, slip.message, slip.help);
                }
                None
            }
        }
    }

    fn duration(&mut self, node: &Node) -> Option<At<Duration>> {
        let text = self.text("a duration", node)?;
        let value = duration(&text);
        if value.is_none() {
            let help = "write a number with s, m, h or d behind it, as in 90s, 30m, 2h or 5d; at most 365d";
            self.problems.add(node.at, format!("{text:?} is no duration"), Some(help.to_owned()));
        }
        value.map(|value| At { at: node.at, value })
    }

    fn for_each(&mut self, node: &Node) -> Option<At<Each>> {
        let word = self.text("for_each", node)?;
        let set = Each::ALL.into_iter().find(|set| set.as_str() == word);
        if set.is_none() {
            self.problems.unknown(node.at, "set", &word, Each::ALL.map(Each::as_str));
        }
        set.map(|value| At { at: node.at, value })
    }

    fn with(&mut self, node: Node) -> Option<At<String>> {
        let at = node.at;
        let Some(entry) = self.entries("with", node, &["template"]).into_iter().next() else {
            self.problems.add(
                at,
                "`with` names no template",
                Some("write with: { template: shipped }".to_owned()),
            );
            return None;
        };
        let word = self.text("a template", &entry.node)?;
        if TEMPLATES.contains(&word.as_str()) {
            return Some(At { at: entry.node.at, value: word });
        }
        self.problems.unknown(entry.node.at, "template", &word, TEMPLATES);
        None
    }
}

const NAME_HELP: &str = "names have 1 to 48 small letters, digits, _ and -";

/// Keeps what was read; answers whether it could be.
fn put<T>(slot: &mut Option<T>, read: Option<T>) -> bool {
    *slot = read;
    slot.is_some()
}

/// The name of the step that undoes: `cancel-erp` for `erp.cancel`.
fn undo_name(action: Action) -> String {
    let word = action.as_str();
    word.split_once('.').map_or_else(|| word.to_owned(), |(system, verb)| format!("{verb}-{system}"))
}

fn duration(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    let digits = text.strip_suffix(unit)?.trim_end();
    if digits.is_empty() || !digits.chars().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let duration = Duration::from_secs(digits.parse::<u64>().ok()?.checked_mul(seconds)?);
    (!duration.is_zero() && duration <= LONGEST).then_some(duration)
}

/// The place of the `offset`-th character of a condition, where it stands in one line as it is; else where it begins.
fn inside(source: &str, at: Place, text: &str, offset: usize) -> Place {
    let nth = |number: u64| usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX);
    let Some(line) = source.lines().nth(nth(at.line)) else { return at };
    let rest: String = line.chars().skip(nth(at.column)).collect();
    let quote = u64::from(rest.starts_with(['"', '\'']));
    let bare: String = rest.chars().skip(usize::from(quote == 1)).collect();
    if !bare.starts_with(text) {
        return at;
    }
    Place { line: at.line, column: at.column + quote + u64::try_from(offset).unwrap_or(0) }
}
