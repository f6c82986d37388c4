//! What every variable is worth, and what conditions say.

use kontor_domain::{GiftCard, LineKind, Money, PaymentSource, PaymentTerms, TaxMode};
use rust_decimal::Decimal;

use super::orders::{decided, eur, line, order_with, payment, record, start, terms};
use super::standard;
use crate::apply::apply;
use crate::language::condition::Condition;
use crate::language::typecheck::Clause;
use crate::language::vars::{LINE_FIELDS, VARIABLES, Vars};
use crate::{Order, StepName};

fn gate() -> StepName {
    StepName::parse("gate").unwrap()
}

/// Whether the condition holds for `order`; why not, if it can't be reckoned.
fn says(order: &Order, text: &str) -> Result<bool, String> {
    let condition = Condition::parse(text, Clause::Await).unwrap_or_else(|slips| panic!("{text}: {slips:?}"));
    condition.holds(&Vars::of(order, start()), &gate()).map_err(|error| error.why)
}

#[track_caller]
fn holds(order: &Order, text: &str) {
    assert_eq!(says(order, text), Ok(true), "{text}");
}

pub(super) fn reckon_if_it_parses(text: &str) {
    if let Ok(condition) = Condition::parse(text, Clause::Await) {
        let order = order_with(&standard(), |_| {});
        // Either answer will do; it must not panic, and an error must not tell what the order holds.
        if let Err(error) = condition.holds(&Vars::of(&order, start()), &gate()) {
            assert!(!error.why.contains("newsletter"), "{error}");
        }
        condition.constant();
    }
}

fn plain() -> Order {
    order_with(&standard(), |_| {})
}

#[test]
fn the_order() {
    let order = plain();
    holds(&order, "order.id == '17'");
    holds(&order, "order.number == '#1010'");
    holds(&order, "order.total == 119.8");
    holds(
        &order,
        "order.total == 119.80 && order.total > 119 && order.total < 120 && !(order.total in [119, 120])",
    );
    holds(&order, "order.currency == 'EUR'");
    holds(&order, "order.physical && !order.digital");
    holds(&order, "!order.paid");
    holds(&order, "order.country == 'AT'");
    holds(&order, "order.tax_mode == 'gross'");
    holds(&order, "order.lines == 2");
    holds(&order, "!order.test");
    holds(&order, "order.fulfiller == 'erp'");
    holds(&order, "shop.id == 'kaffee-de'");
}

#[test]
fn another_order() {
    let order = order_with(&standard(), |draft| {
        draft.lines = vec![line("1", "100", LineKind::Digital)];
        draft.total = eur("100");
        draft.tax_mode = TaxMode::TaxFree;
        draft.test = true;
        (draft.billing, draft.shipping) = (None, None);
        draft.customer.id = None;
        draft.customer.language = None;
        draft.customer.vat_id = Some("ATU1".into());
        draft.customer.tags = Vec::new();
        draft.payment.terms = PaymentTerms::CashOnDelivery;
    });
    holds(&order, "order.digital && !order.physical");
    holds(&order, "order.tax_mode == 'tax_free' && order.test && order.country == '' && !has(order.country)");
    holds(&order, "order.total == 100 && order.total == 100.0 && order.total in [100]");
    holds(&order, "customer.guest && customer.language == '' && customer.country == ''");
    holds(&order, "has(customer.vat_id) && customer.vat_id.startsWith('AT') && !has(customer.tags)");
    holds(&order, "payment.terms == 'cash_on_delivery'");
    let net = order_with(&standard(), |draft| draft.tax_mode = TaxMode::Net);
    holds(&net, "order.tax_mode == 'net'");
}

#[test]
fn the_customer() {
    let order = plain();
    holds(&order, "customer.group == 'B2C'");
    holds(&order, "!customer.guest");
    holds(&order, "customer.language == 'de'");
    holds(&order, "customer.country == 'DE'");
    holds(&order, "customer.vat_id == '' && !has(customer.vat_id)");
    holds(&order, "'vip' in customer.tags && !('VIP' in customer.tags) && size(customer.tags) == 2");
    holds(&order, "customer.tags.exists(tag, tag.endsWith('letter')) && customer.tags[1] == 'vip'");
}

#[test]
fn the_payment() {
    let mut order = plain();
    holds(&order, "payment.terms == 'prepayment' && payment.method == 'bacs'");
    holds(&order, "!payment.paid && payment.received == 0 && payment.source == ''");
    for (id, source, word, amount) in [
        ("p1", PaymentSource::Shop, "shop", "60"),
        ("p2", PaymentSource::Erp, "erp", "59.80"),
        ("p3", PaymentSource::Operator, "operator", "119.80"),
    ] {
        let at =
            start() + jiff::SignedDuration::from_secs(i64::try_from(order.facts.payments.len()).unwrap());
        apply(&mut order.facts, record(start(), payment(id, source, amount, at)));
        holds(&order, &format!("payment.source == '{word}'"));
    }
    holds(
        &order,
        "payment.paid && order.paid && payment.received == 119.8 && payment.received >= order.total",
    );
    for (choice, word) in [(PaymentTerms::Prepaid, "prepaid"), (PaymentTerms::Invoice, "invoice")] {
        holds(&order_with(&standard(), terms(choice)), &format!("payment.terms == '{word}'"));
    }
}

#[test]
fn a_gift_card_pays() {
    let order = order_with(&standard(), |draft| {
        draft.gift_cards = vec![GiftCard { hint: "G".into(), amount: eur("119.80") }];
    });
    holds(&order, "order.paid && payment.received == 0");
}

#[test]
fn the_lines() {
    let order = order_with(&standard(), |draft| {
        draft.lines.push(line("3", "25", LineKind::GiftCard));
        draft.lines[1].sku = None;
        draft.total = eur("144.80");
    });
    holds(&order, "lines[0].sku == 'SKU-1' && lines[0].title == 'Article 1' && lines[0].quantity == 2");
    holds(&order, "lines[0].total == 99.9 && lines[1].kind == 'digital' && lines[2].kind == 'gift_card'");
    holds(&order, "!has(lines[1].sku) && has(lines[0].sku) && lines[1].sku == ''");
    holds(&order, "lines.exists(l, l.kind == 'physical' && l.total > 50) && !lines.all(l, l.total > 50)");
    holds(&order, "lines.filter(l, l.total < 50).size() == 2 && lines.map(l, l.total * 2)[0] == 199.8");
    holds(
        &order,
        "lines.exists_one(l, l.kind == 'gift_card') && lines.all(l, lines.exists(m, m.title == l.title))",
    );
    holds(&order, "lines.map(l, l.kind == 'physical', l.sku) == ['SKU-1']");
}

#[test]
fn numbers_of_both_kinds_go_together() {
    let order = plain();
    holds(&order, "order.total * 2 == 239.6 && 2 * order.total > order.total + 1 && order.total - 19 > 100");
    holds(&order, "order.total / order.lines == 59.9 && (order.paid ? 1 : order.total) > 100");
    holds(
        &order,
        "500 > order.total && order.total != 500 && int(order.total) == 119 && order.lines * 3 % 4 == 2",
    );
    holds(&order, "-order.total < -100 && double('1.5') == 1.5 && string(order.lines) == '2'");
}

#[test]
fn patterns_match_parts_of_texts() {
    let order = plain();
    holds(
        &order,
        "customer.group.matches('^B2[BC]$') && matches(order.number, '[0-9]{4}') && !shop.id.matches('^de')",
    );
    holds(
        &order,
        "customer.tags.exists(tag, tag.matches('v.p')) && !lines.all(line, line.sku.matches('1$'))",
    );
    assert!(Condition::parse("shop.id.matches('((a{200}){200}){200}')", Clause::When).is_err(), "too large");
    assert!(Condition::parse("shop.id.matches(customer.group)", Clause::When).is_err(), "not a plain text");
}

#[test]
fn approval_is_about_this_very_step() {
    let mut order = plain();
    assert_eq!(says(&order, "approved"), Ok(false));
    apply(&mut order.facts, record(start(), decided("other", true)));
    assert_eq!(says(&order, "approved"), Ok(false));
    apply(&mut order.facts, record(start(), decided("gate", true)));
    assert_eq!(says(&order, "approved || order.total < 5"), Ok(true));
}

#[test]
fn what_cannot_be_reckoned_is_an_error_without_personal_data() {
    let mut order = plain();
    assert_eq!(
        says(&order, "lines[9].total > 1").unwrap_err(),
        "it asks for an element past the end of a list"
    );
    assert_eq!(says(&order, "1 / (order.lines - 2) == 1").unwrap_err(), "it divides by nothing");
    assert_eq!(says(&order, "order.lines * 9223372036854775807 > 1").unwrap_err(), "a number gets too large");
    assert_eq!(says(&order, "int(customer.tags[0]) > 1").unwrap_err(), "a text is no number");
    let usd = kontor_domain::Currency::parse("USD").unwrap();
    let mut paid = payment("p", PaymentSource::Shop, "1", start());
    if let crate::Event::Paid(paid) = &mut paid {
        paid.amount = Money::new(Decimal::ONE, usd);
    }
    apply(&mut order.facts, record(start(), paid));
    assert_eq!(says(&order, "order.paid").unwrap_err(), "order and payments are in different currencies");
    order.facts.placed = None;
    assert_eq!(says(&order, "order.total > 1").unwrap_err(), "the order is not known yet");
}

#[test]
fn every_variable_has_a_value_of_its_type() {
    let order = plain();
    let rows = VARIABLES.iter().map(|variable| (variable.name.to_owned(), variable.kind));
    let fields = LINE_FIELDS.iter().map(|field| (format!("lines[0].{}", field.name), field.kind));
    for (name, kind) in rows.chain(fields) {
        use crate::language::types::Type;
        let text = match kind {
            Type::Bool => format!("{name} || !{name}"),
            Type::Int => format!("{name} + 1 > {name}"),
            Type::Double => format!("{name} + 1.0 > {name}"),
            Type::Text | Type::Word(_) => format!("{name} + 'x' > {name}"),
            Type::List(_) => format!("size({name}) >= 0"),
            Type::Line | Type::Unknown => panic!("no variable is of this type"),
        };
        holds(&order, &text);
    }
}

#[test]
fn the_guide_lists_every_variable() {
    let guide = include_str!("../../../../../docs/flows.md");
    for variable in VARIABLES {
        assert!(
            guide.contains(&format!("| `{}` |", variable.name)),
            "docs/flows.md says nothing of {}",
            variable.name
        );
    }
    for field in LINE_FIELDS {
        assert!(guide.contains(&format!("| `line.{}` |", field.name)), "docs/flows.md: line.{}", field.name);
    }
    for action in crate::Action::ALL {
        assert!(guide.contains(&format!("| `{action}` |")), "docs/flows.md says nothing of {action}");
    }
}

#[test]
fn conditions_that_say_the_same_of_all_orders_are_seen_through() {
    let constant = |text: &str| Condition::parse(text, Clause::When).unwrap().constant();
    assert_eq!(constant("false"), Some(false));
    assert_eq!(constant("1 > 2 || !true"), Some(false));
    assert_eq!(constant("order.paid && 'a' == 'b'"), Some(false));
    assert_eq!(constant("order.paid || true"), Some(true));
    assert_eq!(constant("order.paid && true"), None);
}

/// What a condition costs is bounded: two loops in one another go round for orders that people place, and no others.
#[test]
fn loops_in_one_another_are_for_orders_of_some_size() {
    let of = |lines: usize| {
        let (mut draft, one) =
            (plain().facts.order().unwrap().parts().clone(), line("1", "0", LineKind::Physical));
        draft.lines = (0..lines)
            .map(|n| kontor_domain::Line { id: n.to_string().parse().unwrap(), ..one.clone() })
            .collect();
        draft.charges.clear();
        draft.discounts.clear();
        draft.total = Money::zero(draft.currency);
        order_with(&standard(), |parts| *parts = draft.clone())
    };
    let pairs = "lines.all(a, lines.exists(b, a.sku == b.sku))";
    assert_eq!(says(&of(100), pairs), Ok(true));
    let many = of(1_000);
    assert_eq!(says(&many, "lines.all(line, line.quantity > 0.0)"), Ok(true));
    assert!(says(&many, pairs).unwrap_err().contains("too many lines"));
    assert!(says(&many, "lines.all(a, a.sku in lines.map(c, c.sku))").is_err());
}
