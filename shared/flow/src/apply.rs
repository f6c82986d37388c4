//! Applying events to facts: a merge. Any order, any number of repeats, the same facts.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use jiff::Timestamp;

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
        Event::Paid(payment) => hear_of(&mut facts.payments, payment.id.clone(), when, payment),
        Event::Refunded(refund) => hear_of(&mut facts.refunds, refund.id.clone(), when, refund),
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
