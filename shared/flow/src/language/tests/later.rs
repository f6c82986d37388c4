//! What happens to an order after it was booked: edits, refunds, a cancellation after the invoice.

use jiff::SignedDuration;
use kontor_domain::{OrderDraft, OrderLife, PaymentSource, PaymentTerms};

use super::orders::{
    Story, days, eur, failed, finished, keep, order_with, payment, record, refund, shipment, start, terms,
};
use super::{merchant, standard};
use crate::apply::apply;
use crate::plan::plan;
use crate::revision::revision;
use crate::{Booked, Decision, Event, OrderStatus, StepName, StepResult, StepState};

/// One piece less.
fn smaller(draft: &mut OrderDraft) {
    let line = draft.lines.first_mut().unwrap();
    line.total = eur("79.90");
    draft.total = eur("99.80");
}

fn larger(draft: &mut OrderDraft) {
    let line = draft.lines.first_mut().unwrap();
    line.total = eur("199.90");
    draft.total = eur("219.80");
}

#[test]
fn a_prepayment_that_is_paid_after_three_days() {
    let flow = standard();
    let mut story = Story::of(&flow, |_| {});
    story.work();
    let standing = |story: &Story<'_>| {
        let lines = story.standing();
        let of = ["sales_order", "release", "payment", "shipment", "invoice", "tell_shop", "="];
        let told = lines.lines().filter(|line| of.iter().any(|name| line.starts_with(name)));
        told.collect::<Vec<_>>().join("\n")
    };
    let mut told = vec![format!("day 0\n{}", standing(&story))];
    for day in 1..=3 {
        assert_eq!(story.wait(days(1)), Vec::<String>::new(), "day {day}: booked, and nothing else");
    }
    assert_eq!(story.hear(payment("p1", PaymentSource::Shop, "119.79", story.now)), Vec::<String>::new());
    assert!(matches!(story.state("release"), StepState::Waiting { .. }), "a cent is missing");
    assert_eq!(story.hear(payment("p2", PaymentSource::Shop, "0.01", story.now)), ["payment"]);
    story.work();
    assert_eq!(story.hear(payment("p2", PaymentSource::Shop, "0.01", story.now)), Vec::<String>::new());
    told.push(format!("day 3, paid\n{}", standing(&story)));
    assert_eq!(story.hear(shipment("s1", story.now)).len(), 2, "the customer and the shop are told");
    story.work();
    told.push(format!("shipped\n{}", standing(&story)));
    for _ in 0..30 {
        assert_eq!(story.wait(days(1)), Vec::<String>::new(), "no reminder, no cancellation");
    }
    insta::assert_snapshot!(told.join("\n\n"), @r#"
    day 0
    invoice: waiting on release
    payment: waiting on release
    release: waiting on order.paid || payment.terms == "invoice" || payment.terms == "cash_on_delivery"
    sales_order: done
    shipment: waiting on release
    tell_shop: waiting on shipment
    = waiting

    day 3, paid
    invoice: done
    payment: done
    release: done
    sales_order: done
    shipment: done
    tell_shop: waiting on shipments
    = waiting

    shipped
    invoice: done
    payment: done
    release: done
    sales_order: done
    shipment: done
    tell_shop/s1: done
    = completed
    "#);
}

#[test]
fn an_edit_before_the_money_is_booked_and_then_paid_and_shipped() {
    let flow = standard();
    let mut story = Story::of(&flow, |_| {});
    story.work();
    assert!(matches!(story.state("update"), StepState::Skipped { .. }));
    assert_eq!(story.edit(smaller), ["update/1"]);
    assert_eq!(story.edit(larger), Vec::<String>::new(), "the update under way will book what is there then");
    story.work();
    assert_eq!(story.order.facts.booked().unwrap().1.total, eur("219.80"));
    assert_eq!(story.hear(payment("p1", PaymentSource::Shop, "119.80", story.now)), Vec::<String>::new());
    assert!(matches!(story.state("release"), StepState::Waiting { .. }), "the new total is not paid");
    assert_eq!(story.hear(payment("p2", PaymentSource::Shop, "100.00", story.now)), ["payment"]);
    story.work();
    assert!(matches!(story.state("shipment"), StepState::Done { .. }));
    assert!(matches!(story.state("update/1"), StepState::Done { .. }));
}

#[test]
fn an_order_that_was_let_through_and_grows_before_anything_left_has_to_pass_again() {
    let flow = standard();
    let mut story = Story::of(&flow, |_| {});
    story.work();
    // Paid, but the payment is still being recorded: neither shipment nor invoice was begun.
    assert_eq!(story.hear(payment("p1", PaymentSource::Shop, "119.80", start())), ["payment"]);
    assert_eq!(story.edit(larger), ["update/1"]);
    assert!(matches!(story.state("release"), StepState::Waiting { .. }), "100 are missing");
    story.work();
    assert!(matches!(story.state("shipment"), StepState::Waiting { .. }));
    story.hear(payment("p2", PaymentSource::Shop, "100.00", story.now));
    story.work();
    assert!(matches!(story.state("shipment"), StepState::Done { .. }));
}

#[test]
fn what_was_approved_is_the_order_as_it_was_then() {
    let flow = merchant();
    let mut story = Story::of(&flow, |draft| {
        terms(PaymentTerms::Invoice)(draft);
        larger(draft);
        draft.lines.first_mut().unwrap().total = eur("1180.10");
        draft.total = eur("1200.00");
    });
    story.work();
    assert!(matches!(story.state("approval"), StepState::Waiting { .. }));
    let of_this = Some(revision(story.order.facts.order().unwrap()));
    story.edit(|draft| {
        draft.lines.first_mut().unwrap().total = eur("8980.10");
        draft.total = eur("9000.00");
    });
    let decide = |revision| Event::Decided {
        step: StepName::parse("approval").unwrap(),
        decision: Decision { approved: true, by: "Erika".into(), revision },
    };
    story.hear(decide(of_this));
    story.work();
    assert!(matches!(story.state("approval"), StepState::Waiting { .. }), "nobody approved 9000");
    story.now += SignedDuration::from_secs(1);
    let of_this = Some(revision(story.order.facts.order().unwrap()));
    story.hear(decide(of_this));
    story.work();
    assert!(matches!(story.state("approval"), StepState::Done { .. }));
}

#[test]
fn an_order_that_was_over_before_anything_was_begun_is_not_shipped_again() {
    let flow = standard();
    let mut order = order_with(&flow, terms(PaymentTerms::Invoice));
    apply(&mut order.facts, record(start(), Event::Life(OrderLife::Completed)));
    let old = plan(&order, &flow, start());
    assert_eq!((old.status, old.commands.len()), (OrderStatus::Held, 0), "an old order of a first import");
    keep(&mut order, old);
    apply(&mut order.facts, record(start() + days(1), Event::Life(OrderLife::Open)));
    assert_eq!(plan(&order, &flow, start()).commands.len(), 1, "its shop processes it again");
    let mut story = Story::of(&flow, terms(PaymentTerms::Invoice));
    story.hear(Event::Life(OrderLife::Completed));
    story.work();
    assert!(matches!(story.state("invoice"), StepState::Done { .. }), "what was begun goes on");
}

#[test]
fn a_part_of_the_money_for_an_order_that_was_given_up_is_a_matter_for_a_person() {
    let flow = standard();
    let mut story = Story::of(&flow, |_| {});
    story.work();
    story.hear(payment("p1", PaymentSource::Shop, "34.80", start()));
    story.wait(days(14));
    story.work();
    assert_eq!(story.order.status, OrderStatus::Held);
    assert!(story.order.held.as_ref().unwrap().contains("money came in"));
}

#[test]
fn an_edit_after_the_parcel_left_waits_for_a_person() {
    let flow = standard();
    let mut story = Story::of(&flow, terms(PaymentTerms::Invoice));
    story.work();
    story.hear(shipment("s1", start()));
    story.work();
    assert_eq!(story.edit(larger), ["update/1"], "the ERP is asked, and refuses");
    story.hear(failed("update/1"));
    assert_eq!(story.order.status, OrderStatus::Failed);
    assert_eq!(story.edit(smaller), Vec::<String>::new(), "one question at a time");
    let booked = Booked::of(&story.order.facts);
    story.hear(finished("update/1", StepResult::Settled { by: "Erika".into(), booked }));
    assert_eq!(story.order.status, OrderStatus::Completed);
    assert_eq!(story.wait(days(30)), Vec::<String>::new());
    assert!(
        matches!(story.state("release"), StepState::Done { .. }),
        "what has left is not held back any more"
    );
}

#[test]
fn money_that_went_back_is_credited_once_each_and_one_after_the_other() {
    let flow = standard();
    let mut story = Story::of(&flow, terms(PaymentTerms::Prepaid));
    story.hear(payment("p1", PaymentSource::Shop, "119.80", start()));
    story.work();
    story.hear(shipment("s1", start()));
    story.work();
    assert_eq!(story.hear(refund("r2", "20.00", start() + SignedDuration::from_mins(2))), ["credit/r2"]);
    assert_eq!(
        story.hear(refund("r1", "10.00", start() + SignedDuration::from_mins(1))),
        Vec::<String>::new()
    );
    story.work();
    let amount = |step: &str| {
        let StepState::Done { result: StepResult::Credited { amount, .. } } = story.state(step) else {
            panic!("{:?}", story.state(step))
        };
        *amount
    };
    assert_eq!((amount("credit/r1"), amount("credit/r2")), (eur("10.00"), eur("20.00")));
    assert_eq!(story.order.status, OrderStatus::Completed);
}

#[test]
fn a_line_taken_off_by_a_refund_changes_the_booking_before_and_is_credited_after_the_invoice() {
    let flow = standard();
    // Before the invoice: the booking gets smaller, and there is nothing left to credit.
    let mut story = Story::of(&flow, |_| {});
    story.work();
    story.hear(refund("r1", "20.00", start()));
    assert_eq!(story.edit(smaller), ["update/1"]);
    story.hear(payment("p1", PaymentSource::Shop, "119.80", start()));
    story.work();
    assert!(matches!(story.state("credit/r1"), StepState::Skipped { .. }), "{:?}", story.state("credit/r1"));
    // After it: the invoice stays, the money is credited.
    let mut story = Story::of(&flow, terms(PaymentTerms::Prepaid));
    story.hear(payment("p1", PaymentSource::Shop, "119.80", start()));
    story.work();
    story.hear(refund("r1", "20.00", start()));
    assert_eq!(story.edit(smaller), Vec::<String>::new());
    story.work();
    assert!(matches!(story.state("credit/r1"), StepState::Done { .. }));
    assert!(matches!(story.state("update"), StepState::Skipped { .. }));
}

#[test]
fn a_refund_that_is_known_before_the_order_is_credited_in_its_turn() {
    let flow = standard();
    let mut story = Story::of(&flow, terms(PaymentTerms::Prepaid));
    story.hear(refund("r1", "20.00", start()));
    assert!(matches!(story.state("credit/r1"), StepState::Waiting { .. }), "there is no invoice yet");
    story.hear(payment("p1", PaymentSource::Shop, "119.80", start()));
    story.work();
    assert!(matches!(story.state("credit/r1"), StepState::Done { .. }));
}

#[test]
fn cancelled_after_the_invoice_what_went_back_is_credited_before_the_order_is_closed() {
    let flow = standard();
    let mut story = Story::of(&flow, terms(PaymentTerms::Prepaid));
    story.hear(payment("p1", PaymentSource::Shop, "119.80", start()));
    story.work();
    story.cancel_in_shop();
    let commands = story.hear(refund("r1", "119.80", start()));
    assert_eq!(commands, ["credit/r1"]);
    story.work();
    assert!(matches!(story.state("credit/r1"), StepState::Done { .. }));
    assert!(matches!(story.state("cancel-erp"), StepState::Done { .. }));
    assert_eq!(story.order.status, OrderStatus::Cancelled);
}

#[test]
fn cancelled_before_the_invoice_nothing_is_credited() {
    let flow = standard();
    let mut story = Story::of(&flow, |_| {});
    story.work();
    story.hear(payment("p1", PaymentSource::Shop, "50.00", start()));
    story.hear(refund("r1", "50.00", start()));
    story.cancel_in_shop();
    story.work();
    assert!(matches!(story.state("credit/r1"), StepState::Skipped { .. }), "{:?}", story.state("credit/r1"));
    assert_eq!(story.order.status, OrderStatus::Cancelled);
}
