//! Builders of what tests are about: a small coffee shop's orders, with people who do not exist.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kontor_domain::{
    Address, Charge, ChargeKind, CountryCode, Currency, Customer, Email, Line, LineId, LineKind, Money,
    OrderDraft, OrderKey, OrderLife, OrderNumber, Payment, PaymentChoice, PaymentId, PaymentSource,
    PaymentTerms, PlacedOrder, Quantity, Shipment, ShipmentId, Sku, TaxMode, TaxPart, TaxRate,
    TrackingNumber,
};
use kontor_flow::order::Cause;
use kontor_flow::told::Told;
use kontor_flow::{
    Action, Command, Course, Event, EventRecord, Facts, FlowName, FlowRef, Happened, Order, OrderStatus,
    StepKey, StepName, StepState, TimelineEntry,
};
use rust_decimal::Decimal;

use crate::clock::time;

/// When everything in these builders begins.
pub const BEGINNING: &str = "2026-01-05T08:00:00Z";

/// The order key written as `text`, as in `kaffee/17`.
#[must_use]
pub fn key(text: &str) -> OrderKey {
    text.parse().unwrap()
}

/// An amount in euro, as in `29.90`.
#[must_use]
pub fn euro(text: &str) -> Money {
    Money::parse(text, Currency::parse("EUR").unwrap()).unwrap()
}

/// The name of a step.
#[must_use]
pub fn step(name: &str) -> StepKey {
    StepKey::whole(StepName::parse(name).unwrap())
}

/// The flow the orders here start with.
#[must_use]
pub fn flow() -> FlowRef {
    FlowRef { name: FlowName::parse("standard").unwrap(), version: "0123456789ab".to_owned() }
}

/// The parts of a prepaid order of two articles, carriage and 19 % tax, worth 34.80 euro gross.
#[must_use]
pub fn draft(number: &str) -> OrderDraft {
    let currency = Currency::parse("EUR").unwrap();
    OrderDraft {
        number: OrderNumber::parse(number).unwrap(),
        placed_at: time(BEGINNING),
        currency,
        tax_mode: TaxMode::Gross,
        customer: customer(),
        billing: Some(address()),
        shipping: None,
        lines: vec![line("1", "ESP-1000", 2, "19.80", "3.16"), line("2", "FIL-0250", 1, "10.10", "1.61")],
        charges: vec![Charge {
            kind: ChargeKind::Shipping,
            code: "flat_rate:1".to_owned(),
            title: "Versand".to_owned(),
            total: euro("4.90"),
            taxes: vec![nineteen("0.78")],
        }],
        discounts: Vec::new(),
        gift_cards: Vec::new(),
        rounding: Money::zero(currency),
        total: euro("34.80"),
        payment: PaymentChoice {
            code: "stripe".to_owned(),
            title: "Kreditkarte".to_owned(),
            terms: PaymentTerms::Prepaid,
        },
        note: None,
        test: false,
    }
}

/// An order line of 19 % tax.
#[must_use]
pub fn line(id: &str, sku: &str, pieces: u32, total: &str, tax: &str) -> Line {
    Line {
        id: LineId::parse(id).unwrap(),
        sku: Some(Sku::parse(sku).unwrap()),
        title: format!("Kaffee {sku}"),
        quantity: Quantity::new(Decimal::from(pieces)).unwrap(),
        total: euro(total),
        discount: euro("0.00"),
        taxes: vec![nineteen(tax)],
        kind: LineKind::Physical,
    }
}

fn nineteen(amount: &str) -> TaxPart {
    TaxPart { rate: TaxRate::percent(Decimal::from(19)).unwrap(), amount: euro(amount) }
}

fn customer() -> Customer {
    Customer {
        id: Some("7".to_owned()),
        email: Some(Email::parse("erika@example.org").unwrap()),
        language: Some("de".to_owned()),
        vat_id: None,
        group: "B2C".to_owned(),
        tags: Vec::new(),
    }
}

fn address() -> Address {
    Address {
        first_name: "Erika".to_owned(),
        last_name: "Mustermann".to_owned(),
        street: "Heidestraße 17".to_owned(),
        zip: "51147".to_owned(),
        city: "Köln".to_owned(),
        country: Some(CountryCode::parse("DE").unwrap()),
        ..Address::default()
    }
}

/// The order of [`draft`], checked.
#[must_use]
pub fn placed(number: &str) -> PlacedOrder {
    draft(number).build().unwrap()
}

/// Version 1 of the order `text` (as in `kaffee/17`): placed, with its first command requested.
#[must_use]
pub fn order(text: &str) -> Order {
    let key = key(text);
    let at = time(BEGINNING);
    let number = format!("#{}", key.order);
    let facts = Facts { placed: Some(Told::new(at, placed(&number))), ..Facts::default() };
    let requested = requested(&key, step("customer"));
    let waiting = StepState::Waiting { on: "step customer".to_owned(), since: at, reminded: None };
    Order {
        key,
        flow: flow(),
        version: 1,
        first_seen: at,
        updated_at: at,
        facts,
        steps: BTreeMap::from([(step("customer"), requested), (step("sales_order"), waiting)]),
        course: Course::Forward,
        status: OrderStatus::InWork,
        held: None,
        due_at: None,
    }
}

/// A step of the order `key` whose command is sent for the first time when [`order`] is written.
#[must_use]
pub fn requested(key: &OrderKey, step: StepKey) -> StepState {
    let (order, action) = (key.clone(), Action::ErpCustomer);
    let command = Command { order, step, action, template: None, undo: false };
    StepState::Requested { command, attempt: 1, since: time(BEGINNING) }
}

/// An order with so many lines: some 350 bytes each as JSON, two words in each that do not compress too well.
#[must_use]
pub fn large(text: &str, lines: u32) -> Order {
    let mut order = order(text);
    let mut draft = draft("#1");
    let titled = |n: u32| {
        let title = format!("Kaffee {}", sku(n + 5_000_000));
        Line { title, ..line(&n.to_string(), &sku(n), 1, "1.00", "0.16") }
    };
    draft.lines = (0..lines).map(titled).collect();
    draft.total = euro(&format!("{}.90", lines + 4));
    order.facts.placed = Some(Told::new(time(BEGINNING), draft.build().unwrap()));
    order
}

/// A name with no pattern in it (Weyl sequence and multiplication), the same in every run.
fn sku(n: u32) -> String {
    let mix = |n: u64| (n.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (n << 7)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    format!(
        "{:016x}-{:016x}-{:016x}",
        mix(u64::from(n) + 1),
        mix(u64::from(n) + 900_001),
        mix(u64::from(n) + 77_777_777)
    )
}

/// The order as it is written next: one version on, a second later.
#[must_use]
pub fn next(order: &Order) -> Order {
    let mut next = order.clone();
    next.version += 1;
    next.updated_at = order.updated_at + std::time::Duration::from_secs(1);
    next
}

/// The timeline entry of the writing of `order`.
#[must_use]
pub fn entry(order: &Order) -> TimelineEntry {
    TimelineEntry {
        version: order.version,
        at: order.updated_at,
        cause: Cause::Report,
        events: vec![("placed".to_owned(), order.updated_at)],
        changes: vec![format!("version {} — geschrieben", order.version)],
        commands: order.steps.values().filter_map(StepState::command).map(Command::id).collect(),
        status: order.status,
    }
}

/// `event`, true as of `as_of`.
#[must_use]
pub fn record(as_of: Timestamp, event: Event) -> EventRecord {
    EventRecord::told(as_of, event)
}

/// `order` happened: `events`.
#[must_use]
pub fn happened(order: &str, events: Vec<EventRecord>) -> Happened {
    Happened { order: key(order), events }
}

/// The order of [`draft`] was placed.
#[must_use]
pub fn placed_event(number: &str, as_of: Timestamp) -> EventRecord {
    record(as_of, Event::Placed(Box::new(placed(number))))
}

/// The order stands like this in the shop.
#[must_use]
pub fn life_event(life: OrderLife, as_of: Timestamp) -> EventRecord {
    record(as_of, Event::Life(life))
}

/// The shop says that so many euro came in.
#[must_use]
pub fn paid_event(id: &str, amount: &str, as_of: Timestamp) -> EventRecord {
    record(
        as_of,
        Event::Paid(Payment {
            id: PaymentId::parse(id).unwrap(),
            source: PaymentSource::Shop,
            amount: euro(amount),
            received_at: as_of,
            reference: None,
        }),
    )
}

/// A parcel left.
#[must_use]
pub fn shipped_event(id: &str, tracking: &str, as_of: Timestamp) -> EventRecord {
    record(
        as_of,
        Event::Shipped(Shipment {
            id: ShipmentId::parse(id).unwrap(),
            number: None,
            carrier: Some("DHL".to_owned()),
            tracking: vec![TrackingNumber::parse(tracking).unwrap()],
            tracking_url: None,
            lines: Vec::new(),
            shipped_at: as_of,
        }),
    )
}
