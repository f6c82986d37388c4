//! What follows from what is known: a pure function from order and flow to step states, commands and the next look.

mod back;
mod sets;
mod waits;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use kontor_domain::OrderLife;

use crate::language::{Each, Vars};
use crate::order::{Course, OrderStatus, StepState};
use crate::{Change, Command, Flow, Order, Step, StepKey, StepResult};

/// How long a command may be under way before it is sent again. Sending twice is harmless: the lease fences it.
const RESEND_FIRST: Duration = Duration::from_secs(900);

/// The longest pause between two sendings of a command.
const RESEND_LAST: Duration = Duration::from_secs(6 * 3600);

/// How long something may be known of an order before the order itself.
const INCOMPLETE_FOR: Duration = Duration::from_secs(3600);

/// Why an order waits of which nothing was begun when it was over already.
const GONE_BEFORE: &str = "the shop had completed the order before anything was begun here: its goods may have left already; if they \
                           have not, let the shop process it again";

/// What follows from what is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Where each step stands now.
    pub steps: BTreeMap<StepKey, StepState>,
    /// Which way the order goes now.
    pub course: Course,
    /// Commands to be sent, in the flow's order.
    pub commands: Vec<Command>,
    /// When to look again even if nothing happens.
    pub due_at: Option<Timestamp>,
    /// Where the order stands as a whole.
    pub status: OrderStatus,
    /// Why it is held.
    pub held: Option<String>,
}

impl Plan {
    /// Whether carrying it out changes anything about `order`.
    #[must_use]
    pub fn changes(&self, order: &Order) -> bool {
        self.steps != order.steps
            || self.course != order.course
            || self.status != order.status
            || self.held != order.held
            || self.due_at != order.due_at
    }
}

/// Plans the next steps of `order` by `flow`. Planning twice at the same `now` changes nothing and sends nothing more.
#[must_use]
pub fn plan(order: &Order, flow: &Flow, now: Timestamp) -> Plan {
    let mut planner = Planner::new(order, flow, now);
    if let Some(why) = order.facts.contradiction().filter(|_| planner.course == Course::Forward) {
        return planner.hold(why);
    }
    if order.facts.order().is_none() {
        return planner.incomplete();
    }
    let forward = planner.course == Course::Forward;
    if forward && planner.gone_before() {
        return planner.hold(GONE_BEFORE.to_owned());
    }
    planner.forward();
    planner.give_up();
    if planner.course != Course::Forward {
        if forward {
            planner.turn();
        }
        planner.back();
    }
    planner.finish()
}

/// `base` later, without ever overflowing.
fn later(base: Timestamp, by: Duration) -> Timestamp {
    base.saturating_add(by).unwrap_or(Timestamp::MAX)
}

/// The pause after the `attempt`-th sending.
fn resend_pause(attempt: u32) -> Duration {
    RESEND_FIRST.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1).min(16))).min(RESEND_LAST)
}

/// For how long a command has been under way at `now`, if it was sent for the `attempt`-th time at `since`.
#[must_use]
pub fn under_way_for(attempt: u32, since: Timestamp, now: Timestamp) -> Duration {
    let last = Duration::try_from(now.duration_since(since)).unwrap_or_default();
    (1..attempt.min(1_000)).map(resend_pause).fold(last, Duration::saturating_add)
}

/// Whether it is carried out whatever becomes of the order: money that went back is credited also if the order is cancelled.
fn goes_on(action: crate::Action) -> bool {
    action == crate::Action::ErpCreditNote
}

/// Whether a step lets an order go on its way: a gate, or whatever makes goods leave.
fn opens(step: &Step) -> bool {
    step.wait_for.is_some() || step.action.is_some_and(crate::Action::ships)
}

struct Planner<'a> {
    order: &'a Order,
    flow: &'a Flow,
    now: Timestamp,
    vars: Vars<'a>,
    steps: BTreeMap<StepKey, StepState>,
    course: Course,
    commands: Vec<Command>,
    due: Vec<Timestamp>,
    held: Option<String>,
    /// How the order in the shop relates to what is booked.
    change: Change,
    /// Whether goods or an invoice may have been made of it.
    begun: bool,
}

impl<'a> Planner<'a> {
    fn new(order: &'a Order, flow: &'a Flow, now: Timestamp) -> Self {
        let facts = &order.facts;
        let course = match (&order.course, facts.life()) {
            (Course::Forward, OrderLife::Cancelled) => {
                Course::Cancelling { because: back::CANCELLED.to_owned(), since: now }
            }
            (Course::Forward, OrderLife::Deleted) => {
                Course::Cancelling { because: back::DELETED.to_owned(), since: now }
            }
            (course, _) => course.clone(),
        };
        Self {
            order,
            flow,
            now,
            vars: Vars::of(order, now),
            steps: BTreeMap::new(),
            course,
            commands: Vec::new(),
            due: Vec::new(),
            held: None,
            change: Change::None,
            begun: false,
        }
        .compared()
    }

    /// Nothing new is begun while facts contradict each other; what is under way goes on.
    fn hold(mut self, why: String) -> Plan {
        for (key, before) in &self.order.steps {
            let state = self.known_state(key).unwrap_or_else(|| before.clone());
            self.settle(key.clone(), state);
        }
        self.held = Some(why);
        self.finish()
    }

    /// Whether goods may have left before anything was begun here: an old order of a first import, or one of another tool.
    fn gone_before(&self) -> bool {
        let facts = &self.order.facts;
        let over = facts.life() == OrderLife::Completed || !facts.shipments.is_empty();
        let begun = !facts.finished.is_empty() || self.order.steps.values().any(|s| s.command().is_some());
        let goods = facts.order().is_some_and(|order| order.is_physical() && !order.parts().test);
        over && goods && !begun
    }

    fn incomplete(mut self) -> Plan {
        if matches!(self.course, Course::Cancelling { .. }) {
            // A draft that was thrown away before it became an order: nothing is to be done.
            return Plan { status: OrderStatus::Cancelled, ..self.finish() };
        }
        let patience = later(self.order.first_seen, INCOMPLETE_FOR);
        if patience > self.now {
            self.due.push(patience);
        } else {
            self.held =
                Some("something is known of the order, but the shop never told the order itself".to_owned());
        }
        self.finish()
    }

    fn forward(&mut self) {
        for step in &self.flow.steps {
            match step.for_each {
                Some(Each::Shipments) => self.each_shipment(step),
                Some(Each::Edits) => self.each_edit(step),
                Some(Each::Refunds) => self.each_refund(step),
                None => {
                    let key = StepKey::whole(step.name.clone());
                    let state = self.state_of(step, &key);
                    self.settle(key, state);
                }
            }
        }
    }

    /// Whether every step that could ship something is skipped.
    fn nothing_ships(&self) -> bool {
        let shipping = self.flow.steps.iter().filter(|s| s.action.is_some_and(crate::Action::ships));
        shipping
            .map(|s| StepKey::whole(s.name.clone()))
            .all(|key| matches!(self.steps.get(&key), Some(StepState::Skipped { .. })))
    }

    fn items<'s>(&'s self, whole: &'s StepKey) -> impl Iterator<Item = &'s StepState> {
        let of_step = move |key: &&StepKey| key.step == whole.step && key.item.is_some();
        self.steps.iter().filter(move |(key, _)| of_step(key)).map(|(_, state)| state)
    }

    fn settle(&mut self, key: StepKey, state: StepState) {
        self.steps.insert(key, state);
    }

    /// Where a step stands: what is done stays done, what is under way stays under way, the rest follows the flow.
    fn state_of(&mut self, step: &Step, key: &StepKey) -> StepState {
        if let Some(state) = self.known_state(key) {
            return state;
        }
        if self.course != Course::Forward {
            return StepState::Skipped { because: "the order is cancelled".to_owned() };
        }
        if let Some(on) = self.blocked(step) {
            return self.waiting(key, on);
        }
        match self.condition(step.when.as_ref(), step, true) {
            Some(true) => {}
            Some(false) => {
                let because = step.when.as_ref().map_or("", |when| when.text());
                return StepState::Skipped { because: format!("not {because}") };
            }
            None => return self.waiting(key, "a condition that can't be reckoned".to_owned()),
        }
        if self.order.facts.order().is_some_and(|o| o.parts().test) {
            return StepState::Skipped { because: "a test order".to_owned() };
        }
        if self.order.facts.life() == OrderLife::OnHold && opens(step) {
            return self.held_by_shop(step, key);
        }
        if let Some(state) = self.gate(step, key) {
            return state;
        }
        match step.action {
            Some(action) => {
                let command = self.command(step, key, action, goes_on(action));
                match self.failure_of(key, &command) {
                    Some(failed) => failed,
                    None => self.request(command, 1),
                }
            }
            None => StepState::Done { result: StepResult::Passed },
        }
    }

    /// What facts and the state before say of a step, whatever the flow says now.
    fn known_state(&mut self, key: &StepKey) -> Option<StepState> {
        let facts = &self.order.facts;
        if let Some(result) = facts.result(key) {
            return Some(StepState::Done { result: result.clone() });
        }
        let before = self.order.steps.get(key)?;
        match before {
            StepState::Requested { command, attempt, since } => {
                if let Some(failed) = self.failure_of(key, command) {
                    return Some(failed);
                }
                let resend_at = later(*since, resend_pause(*attempt));
                if resend_at > self.now {
                    self.due.push(resend_at);
                    return Some(before.clone());
                }
                Some(self.request(command.clone(), attempt.saturating_add(1)))
            }
            // Replayed, it may have failed for another reason.
            StepState::Failed { command, .. } => {
                Some(self.failure_of(key, command).unwrap_or_else(|| before.clone()))
            }
            // An edited order has to pass anew, as long as nothing of it was handed over.
            StepState::Done { result: StepResult::Passed } if self.change != Change::None && !self.begun => {
                None
            }
            StepState::Done { result: StepResult::Passed } => Some(before.clone()),
            // Its condition may have been about what was erased.
            StepState::Skipped { .. } if facts.erased.is_some() => Some(before.clone()),
            StepState::Done { .. } | StepState::Waiting { .. } | StepState::Skipped { .. } => None,
        }
    }

    /// The state of a step whose command was parked, whenever that was told: clocks differ, and a step that failed is never
    /// requested again.
    fn failure_of(&self, key: &StepKey, command: &Command) -> Option<StepState> {
        let note = self.order.facts.failed.get(key)?.current()?;
        let (failure, cause) = (note.failure.clone(), note.cause.clone());
        Some(StepState::Failed { command: command.clone(), failure, cause })
    }

    fn command(&self, step: &Step, key: &StepKey, action: crate::Action, undo: bool) -> Command {
        Command {
            order: self.order.key.clone(),
            step: key.clone(),
            action,
            template: step.template.clone(),
            undo,
        }
    }

    fn request(&mut self, command: Command, attempt: u32) -> StepState {
        self.commands.push(command.clone());
        self.due.push(later(self.now, resend_pause(attempt)));
        StepState::Requested { command, attempt, since: self.now }
    }

    /// The first step that must be settled before `step` and is not.
    fn blocked(&self, step: &Step) -> Option<String> {
        let open = |name: &&crate::StepName| {
            let whole = StepKey::whole((*name).clone());
            let mut states = self.items(&whole).chain(self.steps.get(&whole)).peekable();
            states.peek().is_none() || states.any(|state| !state.is_settled())
        };
        step.needs.iter().find(open).map(ToString::to_string)
    }

    fn status(&self) -> OrderStatus {
        let any = |test: fn(&StepState) -> bool| self.steps.values().any(test);
        if self.held.is_some() {
            return OrderStatus::Held;
        }
        if self.steps.is_empty() {
            return OrderStatus::Incomplete;
        }
        // What failed on the way forward is of no interest once the order has gone back.
        let matters = |key: &StepKey| {
            self.course == Course::Forward || self.flow.on_cancel.iter().any(|step| step.name == key.step)
        };
        if self.steps.iter().any(|(key, state)| matches!(state, StepState::Failed { .. }) && matters(key)) {
            return OrderStatus::Failed;
        }
        if any(|s| matches!(s, StepState::Requested { .. })) {
            return OrderStatus::InWork;
        }
        if any(|s| matches!(s, StepState::Waiting { .. })) {
            return OrderStatus::Waiting;
        }
        match self.course {
            Course::Forward => OrderStatus::Completed,
            Course::Cancelling { .. } => OrderStatus::Cancelled,
        }
    }

    fn finish(self) -> Plan {
        let status = self.status();
        Plan {
            status,
            due_at: self.due.into_iter().min(),
            steps: self.steps,
            course: self.course,
            commands: self.commands,
            held: self.held,
        }
    }
}
