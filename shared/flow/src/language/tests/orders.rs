//! Orders to test with, built through the public types.

use jiff::{SignedDuration, Timestamp};
use kontor_domain::{
    Address, CountryCode, Currency, Customer, DocumentId, DocumentNumber, Line, LineId, LineKind, Money,
    OrderDraft, OrderKey, OrderLife, OrderNumber, Payment, PaymentChoice, PaymentId, PaymentSource,
    PaymentTerms, PlacedOrder, Quantity, Refund, RefundId, Shipment, ShipmentId, Sku, TaxMode,
};
use rust_decimal::Decimal;

use crate::apply::apply;
use crate::plan::{Plan, plan};
use crate::{
    Booked, Command, Decision, Event, EventRecord, Facts, FailureClass, FailureId, FailureNote, Finish, Flow,
    Order, Queue, StepKey, StepName, StepResult, StepState,
};

pub(super) fn eur(text: &str) -> Money {
    Money::parse(text, Currency::EUR).unwrap()
}

/// The time every story begins.
pub(super) fn start() -> Timestamp {
    "2026-03-02T09:00:00Z".parse().unwrap()
}

pub(super) fn days(count: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * count)
}

pub(super) fn line(id: &str, price: &str, kind: LineKind) -> Line {
    Line {
        id: LineId::parse(id).unwrap(),
        sku: Some(Sku::parse(&format!("SKU-{id}")).unwrap()),
        title: format!("Article {id}"),
        quantity: Quantity::new(Decimal::from(2)).unwrap(),
        total: eur(price),
        discount: eur("0"),
        taxes: Vec::new(),
        kind,
    }
}

/// An order over 119.80 EUR, one physical and one digital line, prepayment, a private customer in Germany.
pub(super) fn draft() -> OrderDraft {
    let address = Address {
        country: Some(CountryCode::parse("DE").unwrap()),
        city: "Köln".into(),
        ..Address::default()
    };
    OrderDraft {
        number: OrderNumber::parse("#1010").unwrap(),
        placed_at: start(),
        currency: Currency::EUR,
        tax_mode: TaxMode::Gross,
        customer: Customer {
            id: Some("7".into()),
            email: None,
            language: Some("de".into()),
            vat_id: None,
            group: "B2C".into(),
            tags: vec!["newsletter".into(), "vip".into()],
        },
        billing: Some(address.clone()),
        shipping: Some(Address { country: Some(CountryCode::parse("AT").unwrap()), ..address }),
        lines: vec![line("1", "99.90", LineKind::Physical), line("2", "19.90", LineKind::Digital)],
        charges: Vec::new(),
        discounts: Vec::new(),
        gift_cards: Vec::new(),
        rounding: eur("0"),
        total: eur("119.80"),
        payment: PaymentChoice {
            code: "bacs".into(),
            title: "Vorkasse".into(),
            terms: PaymentTerms::Prepayment,
        },
        note: None,
        test: false,
    }
}

pub(super) fn placed_with(change: impl FnOnce(&mut OrderDraft)) -> PlacedOrder {
    let mut draft = draft();
    change(&mut draft);
    draft.build().unwrap()
}

pub(super) fn terms(terms: PaymentTerms) -> impl FnOnce(&mut OrderDraft) {
    move |draft| draft.payment.terms = terms
}

/// An order over `total` with one physical line.
pub(super) fn worth(total: &str) -> impl FnOnce(&mut OrderDraft) {
    let total = total.to_owned();
    move |draft| {
        draft.lines = vec![line("1", &total, LineKind::Physical)];
        draft.total = eur(&total);
    }
}

pub(super) fn order_with(flow: &Flow, change: impl FnOnce(&mut OrderDraft)) -> Order {
    let key: OrderKey = "kaffee-de/17".parse().unwrap();
    let mut order = Order::unheard_of(key, flow.id.clone(), start());
    apply(&mut order.facts, record(start(), Event::Placed(Box::new(placed_with(change)))));
    order
}

pub(super) fn record(as_of: Timestamp, event: Event) -> EventRecord {
    EventRecord::told(as_of, event)
}

pub(super) fn payment(id: &str, source: PaymentSource, amount: &str, at: Timestamp) -> Event {
    Event::Paid(Payment {
        id: PaymentId::parse(id).unwrap(),
        source,
        amount: eur(amount),
        received_at: at,
        reference: None,
    })
}

pub(super) fn shipment(id: &str, at: Timestamp) -> Event {
    Event::Shipped(Shipment {
        id: ShipmentId::parse(id).unwrap(),
        number: None,
        carrier: Some("DHL".into()),
        tracking: Vec::new(),
        tracking_url: None,
        lines: Vec::new(),
        shipped_at: at,
    })
}

pub(super) fn refund(id: &str, amount: &str, at: Timestamp) -> Event {
    Event::Refunded(Refund::of(RefundId::parse(id).unwrap(), eur(amount), at))
}

pub(super) fn step(name: &str) -> StepKey {
    name.parse().unwrap()
}

pub(super) fn decided(name: &str, approved: bool) -> Event {
    Event::Decided {
        step: StepName::parse(name).unwrap(),
        decision: Decision { approved, by: "Erika".into(), revision: None },
    }
}

pub(super) fn failed(name: &str) -> Event {
    let failure = FailureId::of(Queue::Erp, name);
    let note =
        FailureNote { failure, class: FailureClass::Unmapped, cause: "SKU-1 is unknown in the ERP".into() };
    Event::Failed { step: step(name), note }
}

pub(super) fn finished(name: &str, result: StepResult) -> Event {
    Event::Finished { step: step(name), finish: Finish { result, calls: 1 } }
}

/// What the outside system would leave behind for a command.
pub(super) fn result_of(facts: &Facts, command: &Command) -> StepResult {
    use crate::Action;
    let id = |text: &str| DocumentId::parse(text).unwrap();
    let number = |text: &str| Some(DocumentNumber::parse(text).unwrap());
    match command.action {
        Action::ErpCustomer => StepResult::Customer { id: id("100"), number: number("C100") },
        Action::ErpSalesOrder => {
            let booked = Booked::of(facts);
            StepResult::SalesOrder { id: id("200"), number: number("A-1010"), total: None, booked }
        }
        Action::ErpPayment => StepResult::PaymentBooked { invoice: None },
        Action::ErpShipment => StepResult::Shipment { id: id("300"), number: number("L-1") },
        Action::ErpInvoice => StepResult::Invoice { id: id("400"), number: number("R-1") },
        Action::ErpUpdate => StepResult::Updated { booked: Booked::of(facts).unwrap() },
        Action::ErpCreditNote => {
            let refund = RefundId::parse(command.step.item.as_deref().unwrap()).unwrap();
            let amount = facts.to_credit(&refund).unwrap().unwrap();
            StepResult::Credited { id: id("500"), number: number("G-1"), amount }
        }
        Action::ErpCancel | Action::ShopCancel => StepResult::Cancelled { outcome: "CANCELLED".into() },
        Action::ShopPaid | Action::ShopShipment => StepResult::Told,
        Action::MailSend => StepResult::Mailed { message_id: format!("<{}>", command.step) },
    }
}

/// An order on its way through a flow: events come in, plans follow, as the engine does it.
pub(super) struct Story<'f> {
    pub(super) flow: &'f Flow,
    pub(super) order: Order,
    pub(super) now: Timestamp,
    /// Every command that was sent, in order.
    pub(super) sent: Vec<Command>,
}

impl<'f> Story<'f> {
    pub(super) fn of(flow: &'f Flow, change: impl FnOnce(&mut OrderDraft)) -> Self {
        let mut story = Self { flow, order: order_with(flow, change), now: start(), sent: Vec::new() };
        story.plan();
        story
    }

    /// Plans, keeps the plan, and makes sure that planning again adds nothing.
    pub(super) fn plan(&mut self) -> Vec<String> {
        let first = plan(&self.order, self.flow, self.now);
        let commands = first.commands.clone();
        keep(&mut self.order, first);
        let before = self.order.clone();
        let again = plan(&self.order, self.flow, self.now);
        assert!(again.commands.is_empty(), "planned twice, sent twice: {:?}", again.commands);
        keep(&mut self.order, again);
        assert_eq!(self.order, before, "planning twice changed the order");
        self.sent.extend(commands.iter().cloned());
        commands.iter().map(|command| command.step.to_string()).collect()
    }

    pub(super) fn hear(&mut self, event: Event) -> Vec<String> {
        apply(&mut self.order.facts, record(self.now, event));
        self.plan()
    }

    pub(super) fn wait(&mut self, by: SignedDuration) -> Vec<String> {
        self.now += by;
        self.plan()
    }

    /// Carries out every command that is under way, and those that follow, until nothing is left to do.
    pub(super) fn work(&mut self) {
        for _ in 0..50 {
            let open: Vec<Command> = self
                .order
                .steps
                .values()
                .filter(|state| matches!(state, StepState::Requested { .. }))
                .filter_map(StepState::command)
                .cloned()
                .collect();
            if open.is_empty() {
                return;
            }
            for command in open {
                self.hear(Event::Finished {
                    step: command.step.clone(),
                    finish: Finish { result: result_of(&self.order.facts, &command), calls: 1 },
                });
            }
        }
        panic!("the flow never comes to rest");
    }

    /// The order is changed in the shop, a minute later.
    pub(super) fn edit(&mut self, change: impl FnOnce(&mut OrderDraft)) -> Vec<String> {
        self.now += SignedDuration::from_mins(1);
        let mut draft = self.order.facts.order().unwrap().parts().clone();
        change(&mut draft);
        self.hear(Event::Placed(Box::new(draft.build().unwrap())))
    }

    pub(super) fn cancel_in_shop(&mut self) -> Vec<String> {
        self.hear(Event::Life(OrderLife::Cancelled))
    }

    pub(super) fn state(&self, name: &str) -> &StepState {
        self.order.steps.get(&step(name)).unwrap_or_else(|| panic!("no step {name}"))
    }

    /// `name: state` per step, for snapshots.
    pub(super) fn standing(&self) -> String {
        let word = |state: &StepState| match state {
            StepState::Waiting { on, reminded, .. } => {
                format!("waiting on {on}{}", if reminded.is_some() { ", reminded" } else { "" })
            }
            StepState::Requested { attempt, .. } => format!("requested {attempt}"),
            StepState::Done { .. } => "done".to_owned(),
            StepState::Skipped { because } => format!("skipped, {because}"),
            StepState::Failed { cause, .. } => format!("failed, {cause}"),
        };
        let mut lines: Vec<String> =
            self.order.steps.iter().map(|(key, state)| format!("{key}: {}", word(state))).collect();
        lines.push(format!("= {}", self.order.status.as_str()));
        lines.join("\n")
    }
}

pub(super) fn keep(order: &mut Order, plan: Plan) {
    order.steps = plan.steps;
    order.course = plan.course;
    order.status = plan.status;
    order.held = plan.held;
    order.due_at = plan.due_at;
}
