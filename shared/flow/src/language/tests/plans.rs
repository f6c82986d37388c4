//! The plan on the flows we ship: what happens to orders, told as stories.

use jiff::SignedDuration;
use kontor_domain::{LineKind, OrderLife, PaymentSource, PaymentTerms};
use proptest::prelude::*;

use super::orders::{
    Story, days, decided, eur, failed, finished, keep, line, order_with, payment, placed_with, record,
    result_of, shipment, start, step, terms, worth,
};
use super::{merchant, standard};
use crate::apply::apply;
use crate::order::Course;
use crate::plan::plan;
use crate::{Action, Event, EventRecord, Facts, OrderStatus, StepResult, StepState};

fn actions(story: &Story<'_>) -> Vec<&'static str> {
    story.sent.iter().map(|command| command.action.as_str()).collect()
}

#[test]
fn an_unpaid_prepayment_is_booked_but_not_shipped() {
    let flow = standard();
    let mut story = Story::of(&flow, |_| {});
    story.work();
    insta::assert_snapshot!(story.standing(), @r#"
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
    "#);
    assert_eq!(actions(&story), ["erp.customer", "erp.sales_order", "mail.send"]);
    assert_eq!(story.order.due_at, Some(start() + days(5)));
}

#[test]
fn the_money_releases_the_order() {
    let flow = standard();
    let mut story = Story::of(&flow, |_| {});
    story.work();
    assert_eq!(story.hear(payment("p1", PaymentSource::Shop, "100", start())), Vec::<String>::new());
    let released = story.hear(payment("p2", PaymentSource::Shop, "19.80", start()));
    assert_eq!(released, ["payment"], "the ERP ships a prepayment only once it is recorded there");
    story.work();
    assert!(matches!(story.state("shipment"), StepState::Done { .. }));
    assert!(matches!(story.state("tell_paid"), StepState::Skipped { .. }), "the shop knows already");
    assert_eq!(story.order.status, OrderStatus::Waiting, "for the parcel");
    let told = story.hear(shipment("s1", start()));
    assert_eq!(told, ["tell_shop/s1", "shipped_mail/s1"]);
    story.work();
    assert_eq!(story.order.status, OrderStatus::Completed);
    assert_eq!(story.hear(shipment("s2", start())), ["tell_shop/s2", "shipped_mail/s2"], "a second parcel");
}

#[test]
fn money_the_erp_tells_of_is_not_recorded_there_again_but_told_to_the_shop() {
    let flow = standard();
    let mut story = Story::of(&flow, |_| {});
    story.work();
    let next = story.hear(payment("p1", PaymentSource::Erp, "119.80", start()));
    assert_eq!(next, ["shipment", "invoice", "tell_paid"]);
    assert!(matches!(story.state("payment"), StepState::Skipped { .. }));
}

#[test]
fn a_prepaid_order_ships_at_once_without_a_payment_to_record() {
    let flow = standard();
    let mut story = Story::of(&flow, terms(PaymentTerms::Prepaid));
    story.hear(payment("p1", PaymentSource::Shop, "119.80", start()));
    story.work();
    assert_eq!(
        actions(&story),
        ["erp.customer", "erp.sales_order", "mail.send", "erp.shipment", "erp.invoice"]
    );
}

#[test]
fn invoice_and_cash_on_delivery_ship_before_the_money_comes() {
    let flow = standard();
    for choice in [PaymentTerms::Invoice, PaymentTerms::CashOnDelivery] {
        let mut story = Story::of(&flow, terms(choice));
        story.work();
        assert!(matches!(story.state("shipment"), StepState::Done { .. }), "{choice:?}");
        story.hear(shipment("s1", start()));
        story.work();
        assert_eq!(story.order.status, OrderStatus::Completed);
        assert_eq!(
            story.hear(payment("p", PaymentSource::Erp, "119.80", start())),
            ["tell_paid"],
            "the money, later"
        );
    }
}

#[test]
fn digital_goods_skip_the_shipment_and_complete() {
    let flow = standard();
    let mut story = Story::of(&flow, |draft| {
        draft.lines = vec![line("1", "119.80", LineKind::Digital)];
        draft.payment.terms = PaymentTerms::Invoice;
    });
    story.work();
    insta::assert_snapshot!(story.standing(), @r#"
    confirmation: done
    credit: skipped, no money went back
    customer: done
    invoice: done
    payment: skipped, not payment.terms == "prepayment" && payment.source != "erp"
    release: done
    sales_order: done
    shipment: skipped, not order.physical
    shipped_mail: skipped, nothing is shipped
    tell_paid: skipped, not order.paid && payment.source in ["erp", "operator"]
    tell_shop: skipped, nothing is shipped
    update: skipped, nothing was changed since
    = completed
    "#);
    assert!(!actions(&story).contains(&"erp.shipment"));
}

#[test]
fn a_test_order_is_carried_out_nowhere() {
    let flow = standard();
    let story = Story::of(&flow, |draft| {
        draft.test = true;
        draft.payment.terms = PaymentTerms::Invoice;
    });
    assert!(story.sent.is_empty());
    assert!(matches!(story.state("sales_order"), StepState::Skipped { .. }));
}

#[test]
fn cancelled_before_anything_began_nothing_is_done() {
    let flow = standard();
    let mut order = order_with(&flow, |_| {});
    apply(&mut order.facts, record(start(), Event::Life(OrderLife::Cancelled)));
    let planned = plan(&order, &flow, start());
    assert_eq!(planned.commands, []);
    assert_eq!(planned.status, OrderStatus::Cancelled);
    assert!(planned.steps.values().all(|state| matches!(state, StepState::Skipped { .. })));
}

#[test]
fn cancelled_in_flight_waits_for_what_is_under_way_and_undoes_it() {
    let flow = standard();
    let mut story = Story::of(&flow, |_| {});
    let customer = story.sent[0].clone();
    story.hear(finished("customer", result_of(&Facts::default(), &customer)));
    assert_eq!(story.cancel_in_shop(), Vec::<String>::new(), "the sales order may be there or not");
    assert!(matches!(story.state("cancel-erp"), StepState::Waiting { .. }));
    let order = story.sent[1].clone();
    assert_eq!(story.hear(finished("sales_order", result_of(&Facts::default(), &order))), ["cancel-erp"]);
    story.work();
    assert_eq!(story.order.status, OrderStatus::Cancelled);
    let done = ["erp.customer", "erp.sales_order", "erp.cancel", "mail.send"];
    assert_eq!(actions(&story), done, "the shop knows itself, the customer does not");
}

#[test]
fn withdrawn_in_flight_leaves_nothing_to_undo() {
    let flow = standard();
    let mut story = Story::of(&flow, |_| {});
    story.cancel_in_shop();
    story.hear(finished("customer", StepResult::Withdrawn));
    assert_eq!(story.order.status, OrderStatus::Cancelled);
    assert_eq!(actions(&story), ["erp.customer"]);
}

#[test]
fn cancelled_after_booking_is_cancelled_in_the_erp() {
    let flow = standard();
    let mut story = Story::of(&flow, |_| {});
    story.work();
    assert_eq!(story.cancel_in_shop(), ["cancel-erp"]);
    story.work();
    insta::assert_snapshot!(story.standing(), @r"
    cancel-erp: done
    cancel-shop: skipped, nothing to undo
    confirmation: done
    credit: skipped, no money went back
    customer: done
    invoice: skipped, the order is cancelled
    payment: skipped, the order is cancelled
    release: skipped, the order is cancelled
    sales_order: done
    send-mail: done
    shipment: skipped, the order is cancelled
    shipped_mail: skipped, nothing is shipped
    tell_paid: skipped, the order is cancelled
    tell_shop: skipped, nothing is shipped
    update: skipped, nothing was changed since
    = cancelled
    ");
    assert_eq!(
        story.hear(payment("p", PaymentSource::Shop, "119.80", start())),
        Vec::<String>::new(),
        "too late"
    );
}

#[test]
fn a_sales_order_that_turns_up_after_the_cancellation_is_cancelled_too() {
    let flow = standard();
    let mut story = Story::of(&flow, |_| {});
    let customer = story.sent[0].clone();
    story.hear(finished("customer", result_of(&Facts::default(), &customer)));
    story.hear(failed("sales_order"));
    story.cancel_in_shop();
    assert_eq!(story.sent.last().map(|c| c.action), Some(Action::ErpCancel), "it may be there all the same");
    assert_eq!(story.order.status, OrderStatus::InWork);
    story.work();
    assert_eq!(story.order.status, OrderStatus::Cancelled, "the failure holds up nothing any more");
}

#[test]
fn the_reminder_is_sent_once_after_five_days() {
    let flow = standard();
    let mut story = Story::of(&flow, |_| {});
    story.work();
    assert_eq!(story.wait(days(5) - SignedDuration::from_secs(1)), Vec::<String>::new());
    assert_eq!(story.wait(SignedDuration::from_secs(1)), ["release-reminder"]);
    assert_eq!(story.sent.last().unwrap().template.as_deref(), Some("reminder"));
    story.work();
    for _ in 0..8 {
        assert_eq!(story.wait(days(1)), Vec::<String>::new());
    }
    assert_eq!(story.order.due_at, Some(start() + days(14)));
}

#[test]
fn nobody_pays_for_fourteen_days_and_the_order_is_cancelled_everywhere() {
    let flow = standard();
    let mut story = Story::of(&flow, |_| {});
    story.work();
    story.wait(days(5));
    story.work();
    assert_eq!(story.wait(days(9)), ["cancel-erp"], "the shop only once the ERP has agreed");
    story.work();
    insta::assert_snapshot!(story.standing(), @r"
    cancel-erp: done
    cancel-shop: done
    confirmation: done
    credit: skipped, no money went back
    customer: done
    invoice: skipped, the order is cancelled
    payment: skipped, the order is cancelled
    release: skipped, the order is cancelled
    sales_order: done
    send-mail: done
    shipment: skipped, the order is cancelled
    shipped_mail: skipped, nothing is shipped
    tell_paid: skipped, the order is cancelled
    tell_shop: skipped, nothing is shipped
    update: skipped, nothing was changed since
    = cancelled
    ");
    let Course::Cancelling { because, .. } = &story.order.course else { panic!("it goes on") };
    assert_eq!(because, "release waited for too long");
}

#[test]
fn what_gets_no_answer_is_sent_again_after_a_pause_that_grows() {
    let flow = standard();
    let mut story = Story::of(&flow, |_| {});
    assert_eq!(story.order.due_at, Some(start() + SignedDuration::from_mins(15)));
    assert_eq!(story.wait(SignedDuration::from_secs(899)), Vec::<String>::new());
    assert_eq!(story.wait(SignedDuration::from_secs(1)), ["customer"]);
    assert!(matches!(story.state("customer"), StepState::Requested { attempt: 2, .. }));
    assert_eq!(story.wait(SignedDuration::from_secs(1_799)), Vec::<String>::new());
    assert_eq!(story.wait(SignedDuration::from_secs(1)), ["customer"]);
    assert_eq!(story.sent[0].id(), story.sent[2].id(), "the same command: the lease fences it");
}

#[test]
fn what_is_under_way_stays_due_whatever_else_is_heard() {
    let flow = standard();
    let mut story = Story::of(&flow, |_| {});
    story.wait(SignedDuration::from_mins(5));
    assert_eq!(story.hear(payment("p1", PaymentSource::Shop, "100", start())), Vec::<String>::new());
    assert_eq!(story.order.due_at, Some(start() + SignedDuration::from_mins(15)));
}

#[test]
fn a_failed_step_is_healed_by_its_finish() {
    let flow = standard();
    let mut story = Story::of(&flow, |_| {});
    story.work();
    story.hear(payment("p1", PaymentSource::Erp, "119.80", start()));
    story.now += SignedDuration::from_secs(60);
    story.hear(failed("shipment"));
    assert_eq!(story.order.status, OrderStatus::Failed);
    assert_eq!(
        story.wait(days(3)),
        ["invoice", "tell_paid"],
        "a failed step is not sent again, the others are"
    );
    story.now += SignedDuration::from_secs(60);
    let Event::Failed { step, mut note } = failed("shipment") else { panic!("no failure") };
    note.cause = "something else".to_owned();
    story.hear(Event::Failed { step, note });
    let StepState::Failed { cause, .. } = story.state("shipment") else { panic!("it was healed") };
    assert_eq!(cause, "something else", "replayed in vain, it says what stands in the way now");
    let command = story.sent.iter().find(|command| command.action == Action::ErpShipment).unwrap().clone();
    story.hear(finished("shipment", result_of(&Facts::default(), &command)));
    assert!(matches!(story.state("shipment"), StepState::Done { .. }));
    story.work();
    assert_eq!(story.order.status, OrderStatus::Waiting);
}

#[test]
fn a_contradiction_holds_the_order_until_a_newer_word_settles_it() {
    let flow = standard();
    let mut story = Story::of(&flow, |_| {});
    story.work();
    let other = placed_with(worth("10"));
    apply(&mut story.order.facts, record(start(), Event::Placed(Box::new(other.clone()))));
    assert_eq!(story.hear(payment("p1", PaymentSource::Shop, "119.80", start())), Vec::<String>::new());
    assert_eq!(story.order.status, OrderStatus::Held);
    assert_eq!(story.order.held.as_deref(), Some("the shop told two different orders for the same instant"));
    let later = start() + SignedDuration::from_secs(1);
    apply(&mut story.order.facts, record(later, Event::Placed(Box::new(other))));
    assert_eq!(story.plan(), ["update/1"], "it is not what was booked");
}

#[test]
fn what_is_known_before_the_order_waits_for_it() {
    let flow = standard();
    let mut story = Story::of(&flow, |_| {});
    story.order = crate::Order::unheard_of(story.order.key.clone(), flow.id.clone(), start());
    assert_eq!(story.hear(payment("p1", PaymentSource::Shop, "119.80", start())), Vec::<String>::new());
    assert_eq!(story.order.status, OrderStatus::Incomplete);
    story.wait(SignedDuration::from_hours(1));
    assert_eq!(story.order.status, OrderStatus::Held);
    assert_eq!(story.hear(Event::Placed(Box::new(placed_with(|_| {})))), ["customer"]);
}

#[test]
fn business_customers_on_invoice_ship_before_they_pay_private_ones_do_not() {
    let flow = merchant();
    for (group, vat_id, ships) in
        [("B2B", Some("DE123456789"), true), ("B2B", None, false), ("B2C", Some("DE123456789"), false)]
    {
        let mut story = Story::of(&flow, |draft| {
            draft.payment.terms = PaymentTerms::Invoice;
            draft.customer.group = group.to_owned();
            draft.customer.vat_id = vat_id.map(str::to_owned);
        });
        story.work();
        assert_eq!(matches!(story.state("shipment"), StepState::Done { .. }), ships, "{group} {vat_id:?}");
    }
}

#[test]
fn large_orders_wait_for_a_person() {
    let flow = merchant();
    let mut story = Story::of(&flow, worth("1000.01"));
    story.hear(payment("p", PaymentSource::Shop, "1000.01", start()));
    story.work();
    assert!(matches!(story.state("approval"), StepState::Waiting { .. }));
    assert!(!actions(&story).contains(&"erp.shipment"));
    story.hear(decided("approval", true));
    story.work();
    assert!(actions(&story).contains(&"erp.shipment"));
    let mut small = Story::of(&flow, worth("1000"));
    small.work();
    assert!(matches!(small.state("approval"), StepState::Done { .. }));
}

#[test]
fn a_refusal_cancels_the_order() {
    let flow = merchant();
    let mut story = Story::of(&flow, worth("5000"));
    story.work();
    assert_eq!(story.hear(decided("approval", false)), ["cancel-erp"]);
    story.work();
    assert_eq!(story.order.status, OrderStatus::Cancelled);
}

#[test]
fn a_condition_that_cannot_be_reckoned_holds_the_order() {
    let source = "name: t\nsteps:\n  g: { await: 'lines[5].total > 1' }\n  customer: { do: erp.customer, needs: [g] }\n";
    let flow = crate::Flow::parse("t.yaml", source).unwrap();
    let story = Story::of(&flow, |_| {});
    assert_eq!(story.order.status, OrderStatus::Held);
    assert!(story.sent.is_empty());
}

#[test]
fn an_order_that_was_given_up_and_is_paid_after_all_is_held() {
    let flow = standard();
    let mut story = Story::of(&flow, |_| {});
    story.work();
    story.wait(days(5));
    story.work();
    story.wait(days(9));
    story.work();
    assert_eq!(story.order.status, OrderStatus::Cancelled);
    story.hear(payment("p", PaymentSource::Shop, "119.80", start()));
    assert_eq!(story.order.status, OrderStatus::Held, "somebody has to give the money back");
    assert!(story.order.held.as_deref().unwrap().contains("money"));
}

#[test]
fn a_cancellation_goes_through_although_what_is_known_contradicts_itself() {
    let flow = standard();
    let mut story = Story::of(&flow, |_| {});
    story.work();
    story.hear(payment("p", PaymentSource::Shop, "100", start()));
    story.hear(payment("p", PaymentSource::Shop, "119.80", start()));
    assert_eq!(story.order.status, OrderStatus::Held);
    story.cancel_in_shop();
    assert_eq!(story.sent.last().map(|c| c.action), Some(Action::ErpCancel));
}

/// What can become known of an order, from a small world, so that repeats and contradictions happen.
fn events() -> impl Strategy<Value = EventRecord> {
    let event = prop_oneof![
        prop::sample::select(vec!["119.80", "50"])
            .prop_map(|total| Event::Placed(Box::new(placed_with(worth(total))))),
        prop::sample::select(vec![
            OrderLife::Open,
            OrderLife::OnHold,
            OrderLife::Cancelled,
            OrderLife::Completed
        ])
        .prop_map(Event::Life),
        (
            prop::sample::select(vec!["p1", "p2"]),
            prop::sample::select(vec![PaymentSource::Shop, PaymentSource::Erp, PaymentSource::Operator]),
            prop::sample::select(vec!["119.80", "60"]),
        )
            .prop_map(|(id, source, amount)| payment(id, source, amount, start())),
        prop::sample::select(vec!["s1", "s2"]).prop_map(|id| shipment(id, start())),
        prop::sample::select(vec!["customer", "sales_order", "shipment", "tell_shop/s1"]).prop_map(failed),
        prop::sample::select(vec![
            ("customer", Action::ErpCustomer),
            ("sales_order", Action::ErpSalesOrder),
            ("payment", Action::ErpPayment),
            ("shipment", Action::ErpShipment),
            ("invoice", Action::ErpInvoice),
            ("cancel-erp", Action::ErpCancel),
        ])
        .prop_map(|(name, action)| {
            let order = "kaffee-de/17".parse().unwrap();
            let undo = action == Action::ErpCancel;
            let command = crate::Command { order, step: step(name), action, template: None, undo };
            finished(name, result_of(&Facts::default(), &command))
        }),
        any::<bool>().prop_map(|approved| decided("approval", approved)),
    ];
    (0_i64..4, event).prop_map(|(seconds, event)| record(start() + SignedDuration::from_secs(seconds), event))
}

fn facts_of<'a>(events: impl IntoIterator<Item = &'a EventRecord>) -> Facts {
    let mut facts = Facts::default();
    for event in events {
        apply(&mut facts, event.clone());
    }
    facts
}

proptest! {
    #[test]
    fn facts_do_not_depend_on_order_or_repeats(
        (events, shuffled) in prop::collection::vec(events(), 1..14)
            .prop_flat_map(|events| (Just(events.clone()), Just(events).prop_shuffle())),
        repeats in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let facts = facts_of(&events);
        prop_assert_eq!(&facts_of(&shuffled), &facts);
        let mut again = facts.clone();
        for event in repeats.iter().map(|at| at.get(&events)) {
            prop_assert!(!apply(&mut again, event.clone()), "a repeat changed something");
        }
        prop_assert_eq!(again, facts);
    }

    #[test]
    fn planning_twice_adds_nothing_and_no_command_goes_out_twice_without_a_pause(
        events in prop::collection::vec((events(), 0_i64..200), 1..20),
        large in any::<bool>(),
    ) {
        let flow = if large { merchant() } else { standard() };
        let mut order = crate::Order::unheard_of("kaffee-de/17".parse().unwrap(), flow.id.clone(), start());
        let mut now = start();
        let mut sent: std::collections::BTreeMap<_, jiff::Timestamp> = std::collections::BTreeMap::new();
        for (event, pause) in events {
            now += SignedDuration::from_hours(pause) / 10;
            apply(&mut order.facts, event);
            let first = plan(&order, &flow, now);
            for command in &first.commands {
                if let Some(before) = sent.insert(command.id(), now) {
                    let pause = now.duration_since(before);
                    prop_assert!(pause >= SignedDuration::from_mins(5), "{} again after {pause:#}", command.step);
                }
                prop_assert!(order.facts.result(&command.step).is_none(), "{} is done already", command.step);
            }
            keep(&mut order, first);
            let again = plan(&order, &flow, now);
            prop_assert_eq!(&again.commands, &[]);
            let before = order.clone();
            keep(&mut order, again);
            prop_assert_eq!(&order, &before);
        }
    }

    #[test]
    fn nothing_ships_unpaid(events in prop::collection::vec(events(), 1..20)) {
        let flow = standard();
        let mut order = order_with(&flow, |_| {});
        for event in events {
            apply(&mut order.facts, event);
            let planned = plan(&order, &flow, start());
            let ships = planned.commands.iter().any(|command| command.action == Action::ErpShipment);
            // Released once is released: a later snapshot may raise the total again.
            let released = order.steps.get(&step("release")).is_some_and(StepState::is_settled);
            prop_assert!(!ships || released || order.facts.is_paid().unwrap(), "shipped unpaid");
            keep(&mut order, planned);
        }
        prop_assert!(order.facts.received(eur("0").currency()).is_ok());
    }
}
