//! Applying events to facts: a merge. Any order, any number of repeats, the same facts.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use jiff::Timestamp;
use kontor_domain::{Refund, RefundId};

use crate::payments::{self, OF_TOTAL};
use crate::told::Told;
use crate::{Event, EventRecord, Facts};

/// Takes `record` into `facts`. Answers whether anything changed: if not, nothing needs to be stored.
pub fn apply(facts: &mut Facts, record: EventRecord) -> bool {
    let when = (record.as_of, record.seen);
    let event = match facts.erased {
        // Whatever the shop sends once more: what was erased does not come back.
        Some(_) => record.event.without_person(),
        None => Some(record.event),
    };
    let Some(event) = event else { return false };
    match event {
        Event::Placed(order) => hear(&mut facts.placed, when, *order),
        Event::Life(life) => hear(&mut facts.life, when, life),
        Event::Paid(payment) if payment.id.as_str() == OF_TOTAL => {
            payments::hear(&mut facts.payments, when, payment)
        }
        Event::Paid(payment) if payments::is_superseded(&facts.payments, &payment.id) => false,
        Event::Paid(payment) => hear_of(&mut facts.payments, payment.id.clone(), when, payment),
        Event::Refunded(refund) => hear_of_refund(&mut facts.refunds, when, refund),
        Event::Shipped(shipment) => hear_of(&mut facts.shipments, shipment.id.clone(), when, shipment),
        Event::Finished { step, finish } => facts.finished.entry(step).or_default().insert(finish),
        Event::Failed { step, note } => hear_of(&mut facts.failed, step, when, note),
        Event::Decided { step, decision } => hear_of(&mut facts.decided, step, when, decision),
    }
}

/// True as of, and seen at.
type When = (Timestamp, Option<Timestamp>);

fn hear<T: Ord>(slot: &mut Option<Told<T>>, (as_of, seen): When, value: T) -> bool {
    match slot {
        Some(told) => told.hear(as_of, seen, value),
        None => {
            *slot = Some(Told::seen_at(as_of, seen, value));
            true
        }
    }
}

fn hear_of<K: Ord, T: Ord>(known: &mut BTreeMap<K, Told<T>>, key: K, (as_of, seen): When, value: T) -> bool {
    match known.entry(key) {
        Entry::Occupied(mut told) => told.get_mut().hear(as_of, seen, value),
        Entry::Vacant(slot) => {
            slot.insert(Told::seen_at(as_of, seen, value));
            true
        }
    }
}

/// A refund does not change any more; some words on it only tell less of it (WooCommerce's webhooks name its amount alone).
/// So one that says what it is for goes before one that does not, however new that is; of equals the newer one counts.
fn hear_of_refund(known: &mut BTreeMap<RefundId, Told<Refund>>, (as_of, seen): When, refund: Refund) -> bool {
    match known.entry(refund.id.clone()) {
        Entry::Occupied(mut told) => {
            let known = told.get().current().is_some_and(Refund::is_detailed);
            match (known, refund.is_detailed()) {
                (true, false) => false,
                (false, true) => {
                    told.insert(Told::seen_at(as_of, seen, refund));
                    true
                }
                (true, true) | (false, false) => told.get_mut().hear(as_of, seen, refund),
            }
        }
        Entry::Vacant(slot) => {
            slot.insert(Told::seen_at(as_of, seen, refund));
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan as _;
    use kontor_domain::RefundLine;
    use kontor_testkit::clock::time;
    use kontor_testkit::order::{BEGINNING, euro};
    use proptest::prelude::*;

    use super::*;

    fn word(hours: i64, seen: bool, detail: u8) -> EventRecord {
        let as_of = time(BEGINNING) + hours.hours();
        let mut refund = Refund::of(RefundId::parse("r").unwrap(), euro("9.90"), as_of);
        match detail {
            0 => {}
            1 => refund.shipping = Some(euro("0.00")),
            _ => refund.lines.push(RefundLine {
                line: kontor_domain::LineId::parse("1").unwrap(),
                quantity: None,
                amount: euro("9.90"),
                restock: detail == 3,
            }),
        }
        let seen = seen.then(|| as_of + 1.hours());
        EventRecord { as_of, seen, event: Event::Refunded(refund) }
    }

    fn told(words: &[EventRecord]) -> Facts {
        let mut facts = Facts::default();
        for word in words {
            apply(&mut facts, word.clone());
        }
        facts
    }

    #[test]
    fn what_a_refund_is_for_is_not_forgotten_when_only_its_amount_is_told() {
        let (plain, detailed, later) = (word(0, false, 0), word(0, true, 2), word(9, false, 0));
        for words in [
            [plain.clone(), detailed.clone(), later.clone()],
            [later.clone(), detailed.clone(), plain.clone()],
            [detailed.clone(), later, plain],
        ] {
            let facts = told(&words);
            let kept = facts.refunds.values().next().unwrap();
            assert_eq!(kept.values().count(), 1);
            assert_eq!(kept.current().unwrap().lines.len(), 1);
        }
        let mut facts = told(&[detailed]);
        assert!(apply(&mut facts, word(1, true, 3)), "a newer word of the same detail counts");
        assert!(facts.refunds.values().next().unwrap().current().unwrap().lines[0].restock);
    }

    proptest! {
        #[test]
        fn refunds_are_merged_in_any_order_any_number_of_times(
            words in prop::collection::vec((0_i64..3, any::<bool>(), 0_u8..4), 1..6),
            order in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let words: Vec<EventRecord> = words.into_iter().map(|(at, seen, detail)| word(at, seen, detail)).collect();
            let once = told(&words);
            let mut other: Vec<EventRecord> = order.iter().map(|at| at.get(&words).clone()).collect();
            other.extend(words.iter().rev().cloned());
            prop_assert_eq!(told(&other), once);
        }
    }
}
