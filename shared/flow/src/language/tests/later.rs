//! What happens to an order after it was booked: edits, refunds, a cancellation after the invoice.

use jiff::SignedDuration;
use kontor_domain::{OrderDraft, PaymentSource, PaymentTerms};

use super::orders::{Story, days, eur, failed, finished, payment, refund, shipment, start, terms};
use super::standard;
use crate::{Booked, OrderStatus, StepResult, StepState};

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
    let mut told = vec![format!("day 0\n{}", story.standing())];
    for day in 1..=2 {
        assert_eq!(story.wait(days(1)), Vec::<String>::new(), "day {day}: booked, and nothing else");
    }
    assert_eq!(story.wait(days(1)), Vec::<String>::new());
    assert_eq!(story.hear(payment("p1", PaymentSource::Shop, "119.79", story.now)), Vec::<String>::new());
    told.push(format!("day 3, a cent is missing\n{}", story.standing()));
    assert_eq!(story.hear(payment("p2", PaymentSource::Shop, "0.01", story.now)), ["payment"]);
    story.work();
    assert_eq!(story.hear(payment("p2", PaymentSource::Shop, "0.01", story.now)), Vec::<String>::new());
    told.push(format!("day 3, paid\n{}", story.standing()));
    assert_eq!(story.hear(shipment("s1", story.now)).len(), 2, "the customer and the shop are told");
    story.work();
    told.push(format!("shipped\n{}", story.standing()));
    for _ in 0..30 {
        assert_eq!(story.wait(days(1)), Vec::<String>::new(), "no reminder, no cancellation");
    }
    insta::assert_snapshot!(told.join("\n\n"), @r#"
    day 0
    confirmation: done
    credit: skipped, no money went back
    customer: done
    invoice: waiting on release
    payment: waiting on release
    release: waiting on order.paid || payment.terms == "invoice" || payment.terms == "cash_on_delivery"
    sales_order: done
    shipment: waiting on release
    shipped_mail: waiting on shipment
    tell_paid: waiting on release
    tell_shop: waiting on shipment
    update: skipped, nothing was changed since
    = waiting

    day 3, a cent is missing
    confirmation: done
    credit: skipped, no money went back
    customer: done
    invoice: waiting on release
    payment: waiting on release
    release: waiting on order.paid || payment.terms == "invoice" || payment.terms == "cash_on_delivery"
    sales_order: done
    shipment: waiting on release
    shipped_mail: waiting on shipment
    tell_paid: waiting on release
    tell_shop: waiting on shipment
    update: skipped, nothing was changed since
    = waiting

    day 3, paid
    confirmation: done
    credit: skipped, no money went back
    customer: done
    invoice: done
    payment: done
    release: done
    sales_order: done
    shipment: done
    shipped_mail: waiting on shipments
    tell_paid: skipped, not order.paid && payment.source in ["erp", "operator"]
    tell_shop: waiting on shipments
    update: skipped, nothing was changed since
    = waiting

    shipped
    confirmation: done
    credit: skipped, no money went back
    customer: done
    invoice: done
    payment: done
    release: done
    sales_order: done
    shipment: done
    shipped_mail/s1: done
    tell_paid: skipped, not order.paid && payment.source in ["erp", "operator"]
    tell_shop/s1: done
    update: skipped, nothing was changed since
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
