//! Payments of shops that tell that an order is paid, and not how much came in: that was the order's total when it was told
//! first, whatever the order is changed to since.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use jiff::Timestamp;
use kontor_domain::{Payment, PaymentId};

use crate::told::Told;

/// The id of the one payment of an order whose shop tells only that it is paid. Its amount is the order's total.
pub const OF_TOTAL: &str = "order-total";

/// What such a payment was called before it had an id of its own; both tell of the same money.
const FORMER: &str = "shop";

/// Whether a payment is told under its former name and known under the new one.
pub(crate) fn is_superseded(known: &BTreeMap<PaymentId, Told<Payment>>, id: &PaymentId) -> bool {
    id.as_str() == FORMER && known.keys().any(|known| known.as_str() == OF_TOTAL)
}

/// Takes in that an order is paid, of the shop's total alone. Of words on the same incoming the earliest keeps the amount: who
/// paid 34.80 has not paid 134.80 because the order comes to that now. A later incoming goes before an earlier one. The
/// provider's transaction may be told later than the payment. Answers whether that changed anything.
pub(crate) fn hear(
    known: &mut BTreeMap<PaymentId, Told<Payment>>,
    (as_of, seen): (Timestamp, Option<Timestamp>),
    payment: Payment,
) -> bool {
    let count = known.len();
    known.retain(|id, _| id.as_str() != FORMER);
    let is_renamed = known.len() != count;
    let there = known.get(&payment.id).and_then(|told| {
        let there = told.current()?;
        Some(((Reverse(there.received_at), told.as_of(), told.seen(), there.amount), there.clone()))
    });
    let this = (Reverse(payment.received_at), as_of, seen, payment.amount);
    let heard = match there {
        None => Told::seen_at(as_of, seen, payment),
        Some((that, there)) => {
            let same = there.received_at == payment.received_at;
            let reference = there.reference.clone().max(payment.reference.clone()).filter(|_| same);
            let ((_, as_of, seen, _), first) = if this < that { (this, payment) } else { (that, there) };
            let reference = reference.or_else(|| first.reference.clone());
            Told::seen_at(as_of, seen, Payment { reference, ..first })
        }
    };
    let id = heard.current().map(|payment| payment.id.clone());
    let is_new = id.as_ref().and_then(|id| known.get(id)) != Some(&heard);
    known.extend(id.map(|id| (id, heard)));
    is_new || is_renamed
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan as _;
    use kontor_domain::PaymentSource;
    use kontor_testkit::clock::time;
    use kontor_testkit::order::{BEGINNING, draft, euro};
    use proptest::prelude::*;

    use crate::apply::apply;
    use crate::{Event, EventRecord, Facts};

    use super::*;

    fn word(
        id: &str,
        hours: i64,
        seen: bool,
        amount: &str,
        received: i64,
        reference: Option<&str>,
    ) -> EventRecord {
        let as_of = time(BEGINNING) + hours.hours();
        let payment = Payment {
            id: PaymentId::parse(id).unwrap(),
            source: PaymentSource::Shop,
            amount: euro(amount),
            received_at: time(BEGINNING) + received.minutes(),
            reference: reference.map(ToOwned::to_owned),
        };
        EventRecord { as_of, seen: seen.then(|| as_of + 1.hours()), event: Event::Paid(payment) }
    }

    fn told(words: &[EventRecord]) -> Facts {
        let mut facts = Facts::default();
        for word in words {
            apply(&mut facts, word.clone());
        }
        facts
    }

    fn received(words: &[EventRecord]) -> String {
        told(words).received(kontor_domain::Currency::EUR).unwrap().to_string()
    }

    #[test]
    fn an_order_that_is_raised_after_it_was_paid_is_not_paid_any_more() {
        let first = word(OF_TOTAL, 0, false, "34.80", 0, None);
        let raised = word(OF_TOTAL, 2, true, "134.80", 0, Some("TX-1"));
        for words in [[first.clone(), raised.clone()], [raised.clone(), first.clone()]] {
            let mut facts = told(&words);
            assert_eq!(facts.received(kontor_domain::Currency::EUR), Ok(euro("34.80")));
            let payment = facts.payments.values().next().unwrap().current().unwrap();
            assert_eq!(payment.reference.as_deref(), Some("TX-1"), "the transaction may be told later");
            let mut parts = draft("#1010");
            facts.placed = Some(Told::new(time(BEGINNING), parts.clone().build().unwrap()));
            assert_eq!(facts.is_paid(), Ok(true));
            parts.lines[0].total = euro("119.80");
            parts.total = euro("134.80");
            facts.placed = Some(Told::new(time(BEGINNING), parts.build().unwrap()));
            assert_eq!(facts.is_paid(), Ok(false), "100.00 is still to come");
        }
        let lowered = word(OF_TOTAL, 2, true, "29.80", 0, None);
        assert_eq!(received(&[first.clone(), lowered]), "34.80 EUR", "what came in does not sink");
        let anew = word(OF_TOTAL, 3, true, "134.80", 60, None);
        assert_eq!(received(&[anew, raised, first]), "134.80 EUR", "it was paid once more");
    }

    #[test]
    fn a_payment_whose_amount_is_told_follows_the_newest_word() {
        let words = [word("shop", 0, false, "34.80", 0, None), word("shop", 2, true, "134.80", 0, None)];
        assert_eq!(received(&words), "134.80 EUR");
    }

    #[test]
    fn the_same_money_under_its_former_name_does_not_count_twice() {
        let words = [word("shop", 0, false, "34.80", 0, None), word(OF_TOTAL, 2, true, "34.80", 0, None)];
        let [former, named] = words.clone();
        assert_eq!(received(&words), "34.80 EUR");
        assert_eq!(received(&[named, former]), "34.80 EUR");
    }

    proptest! {
        #[test]
        fn payments_are_merged_in_any_order_any_number_of_times(
            words in prop::collection::vec(
                (0_i64..3, any::<bool>(), 0_usize..3, 0_i64..2, 0_usize..3, any::<bool>()), 1..6),
            order in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let words: Vec<EventRecord> = words.into_iter().map(|(at, seen, amount, received, reference, former)| {
                let id = if former { FORMER } else { OF_TOTAL };
                let reference = [None, Some("a"), Some("b")][reference];
                word(id, at, seen, ["34.80", "134.80", "29.80"][amount], received, reference)
            }).collect();
            let once = told(&words);
            let mut other: Vec<EventRecord> = order.iter().map(|at| at.get(&words).clone()).collect();
            other.extend(words.iter().rev().cloned());
            let mut again = told(&other);
            prop_assert_eq!(&again, &once);
            for word in words {
                prop_assert!(!apply(&mut again, word), "what is known changes nothing");
            }
        }
    }
}
