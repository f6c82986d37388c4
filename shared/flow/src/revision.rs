//! What of an order the ERP has booked, what changed since, and what of the money that went back is still to be credited.

use jiff::Timestamp;
use kontor_domain::{Money, MoneyError, PlacedOrder, Refund, RefundId};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::told::Told;
use crate::{Facts, StepResult};

/// What of an order was booked: enough to see whether it changed since.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Booked {
    /// [`revision`] of the order; empty if a booking was found of which nobody knows.
    pub revision: String,
    /// What the shop said it was worth then.
    pub total: Money,
    /// The revision time of the order that was booked, by the shop's clock: as long as that is the newest, nothing changed.
    pub as_of: Timestamp,
    /// When we saw it so ourselves; none if it was told. Not every edit moves the shop's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Timestamp>,
}

impl Booked {
    /// The order as it is; none if it was not told yet.
    #[must_use]
    pub fn of(facts: &Facts) -> Option<Self> {
        let (order, told) = (facts.order()?, facts.placed.as_ref()?);
        Some(Self {
            revision: revision(order),
            total: order.parts().total,
            as_of: told.as_of(),
            seen: told.seen(),
        })
    }

    /// A booking of an earlier attempt: nobody knows which revision it has, so it will be brought up to date if the order
    /// was told more than once.
    #[must_use]
    pub fn unknown(facts: &Facts) -> Option<Self> {
        Some(Self { revision: String::new(), as_of: Timestamp::MIN, seen: None, ..Self::of(facts)? })
    }
}

/// The parts of an order that stand in a sales order, as a short hash: two orders with the same are booked the same. What the
/// customer wrote to the merchant is not among them: nobody holds goods back because of a word.
#[must_use]
pub fn revision(order: &PlacedOrder) -> String {
    let parts = order.parts();
    let told = serde_json::json!([
        parts.number,
        parts.currency,
        parts.tax_mode,
        parts.billing,
        parts.shipping,
        parts.lines,
        parts.charges,
        parts.discounts,
        parts.gift_cards,
        parts.rounding,
        parts.total,
    ]);
    hex::encode(Sha256::digest(told.to_string())).chars().take(12).collect()
}

/// How the order in the shop relates to what the ERP has booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is as booked, or was never booked.
    None,
    /// It lost what money went back for, and nothing else: a matter of credit notes once goods or invoice have left.
    Refunded,
    /// It was edited.
    Edited,
}

impl Facts {
    /// What was booked first, and what was booked last.
    #[must_use]
    pub fn booked(&self) -> Option<(&Booked, &Booked)> {
        let mut first = None;
        let mut last: Option<(u32, &Booked)> = None;
        for (key, finish) in self.finished.iter().flat_map(|(key, all)| all.iter().map(move |one| (key, one)))
        {
            match &finish.result {
                StepResult::SalesOrder { booked: Some(booked), .. } => first = first.or(Some(booked)),
                StepResult::Updated { booked } | StepResult::Settled { booked: Some(booked), .. } => {
                    let turn = key.item.as_deref().and_then(|item| item.parse().ok()).unwrap_or(0);
                    if last.is_none_or(|(before, _)| before <= turn) {
                        last = Some((turn, booked));
                    }
                }
                StepResult::SalesOrder { .. }
                | StepResult::Customer { .. }
                | StepResult::PaymentBooked { .. }
                | StepResult::Shipment { .. }
                | StepResult::Invoice { .. }
                | StepResult::Credited { .. }
                | StepResult::Told
                | StepResult::Mailed { .. }
                | StepResult::Cancelled { .. }
                | StepResult::Settled { .. }
                | StepResult::Passed
                | StepResult::Withdrawn => {}
            }
        }
        let first = first?;
        Some((first, last.map_or(first, |(_, booked)| booked)))
    }

    /// How the order in the shop relates to what is booked. What was erased is not compared: it changed here, not in the shop.
    ///
    /// # Errors
    /// [`MoneyError`] if the amounts are in several currencies.
    pub fn change(&self) -> Result<Change, MoneyError> {
        let (Some(order), Some(told), Some((_, last))) = (self.order(), self.placed.as_ref(), self.booked())
        else {
            return Ok(Change::None);
        };
        let heard_since = (told.as_of(), told.seen()) != (last.as_of, last.seen);
        if self.erased.is_some() || !heard_since || last.revision == revision(order) {
            return Ok(Change::None);
        }
        let to_explain = self.refunded(order)?.minus(self.surplus(order, last)?)?;
        let lost = last.total.minus(order.parts().total)?;
        let explained = lost.minus(to_explain)?.abs().amount() <= roundings(order);
        Ok(if explained && to_explain.amount() > Decimal::ZERO { Change::Refunded } else { Change::Edited })
    }

    /// What was paid beyond what is booked: an order that became smaller after it was paid, or a payment that was too high. What
    /// of it goes back concerns no invoice. Cents are a matter of rounding: the ERP reckons its own total.
    fn surplus(&self, order: &PlacedOrder, last: &Booked) -> Result<Money, MoneyError> {
        let zero = Money::zero(order.parts().currency);
        let cards = order.parts().total.minus(order.payable()?)?;
        let beyond = self.received(order.parts().currency)?.plus(cards)?.minus(last.total)?;
        Ok(if beyond.amount() > roundings(order) { beyond } else { zero })
    }

    /// All the money that went back. Sums that contain each other count once.
    ///
    /// # Errors
    /// [`MoneyError`] if refunds are in another currency than the order.
    pub fn refunded(&self, order: &PlacedOrder) -> Result<Money, MoneyError> {
        let zero = Money::zero(order.parts().currency);
        let (mut single, mut sum) = (zero, zero);
        for refund in self.refunds.values().filter_map(Told::current) {
            if refund.cumulative {
                sum = sum.plus(zero)?.max(refund.amount);
            } else {
                single = single.plus(refund.amount)?;
            }
        }
        single.plus(sum)
    }

    /// Refunds in the order in which they are credited: by time, sums that contain each other by size.
    #[must_use]
    pub fn refunds_in_turn(&self) -> Vec<&Refund> {
        let mut refunds: Vec<&Refund> = self.refunds.values().filter_map(Told::current).collect();
        refunds.sort_by(|a, b| {
            let size =
                |refund: &Refund| if refund.cumulative { refund.amount.amount() } else { Decimal::ZERO };
            (a.cumulative, size(a), a.refunded_at, &a.id).cmp(&(b.cumulative, size(b), b.refunded_at, &b.id))
        });
        refunds
    }

    /// What was credited for a refund; none if nothing was booked for it yet.
    fn credited(&self, refund: &RefundId) -> Option<Money> {
        let of_it = self.finished.iter().filter(|(key, _)| key.item.as_deref() == Some(refund.as_str()));
        of_it.flat_map(|(_, all)| all).find_map(|finish| {
            if let StepResult::Credited { amount, .. } = &finish.result { Some(*amount) } else { None }
        })
    }

    /// How much of a refund is to be credited: what is left of it after what was paid beyond what is booked, and after what
    /// smaller sums that it contains have credited.
    ///
    /// # Errors
    /// [`MoneyError`] if the amounts are in several currencies.
    pub fn to_credit(&self, refund: &RefundId) -> Result<Option<Money>, MoneyError> {
        let Some(order) = self.order() else { return Ok(None) };
        let zero = Money::zero(order.parts().currency);
        let mut surplus = match self.booked() {
            Some((_, last)) => self.surplus(order, last)?,
            None => zero,
        };
        let mut contained = zero;
        for known in self.refunds_in_turn() {
            let own = if known.cumulative { known.amount.minus(contained)?.max(zero) } else { known.amount };
            if known.cumulative {
                contained = contained.max(known.amount);
            }
            let inside = match self.credited(&known.id) {
                Some(credited) => own.minus(credited)?.max(zero),
                None => surplus.min(own),
            };
            surplus = surplus.minus(inside)?.max(zero);
            if known.id == *refund {
                return own.minus(inside).map(Some);
            }
        }
        Ok(None)
    }
}

/// By how much two totals of an order may differ for rounding alone: a cent for every part.
fn roundings(order: &PlacedOrder) -> Decimal {
    let count = order.parts().lines.len() + order.parts().charges.len() + order.parts().discounts.len() + 1;
    order.parts().currency.smallest().amount() * Decimal::from(count)
}

#[cfg(test)]
mod tests {
    use kontor_domain::{DocumentId, OrderDraft, Payment, PaymentId, PaymentSource};
    use kontor_testkit::clock::time;
    use kontor_testkit::order::{BEGINNING, draft, euro};
    use proptest::prelude::*;

    use super::*;
    use crate::{Finish, StepKey};

    /// 34.80: two lines and carriage.
    fn placed(edit: impl FnOnce(&mut OrderDraft)) -> PlacedOrder {
        let mut draft = draft("#1010");
        edit(&mut draft);
        draft.build().unwrap()
    }

    fn less(amount: &str) -> PlacedOrder {
        placed(|draft| {
            let line = draft.lines.first_mut().unwrap();
            line.total = line.total.minus(euro(amount)).unwrap();
            draft.total = draft.total.minus(euro(amount)).unwrap();
        })
    }

    fn finish(facts: &mut Facts, step: &str, result: StepResult) {
        facts.finished.insert(step.parse::<StepKey>().unwrap(), [Finish { result, calls: 1 }].into());
    }

    fn known(order: PlacedOrder) -> Facts {
        Facts { placed: Some(Told::new(time(BEGINNING), order)), ..Facts::default() }
    }

    fn paid(facts: &mut Facts, amount: &str) {
        let id = PaymentId::parse("p1").unwrap();
        let (source, received_at) = (PaymentSource::Shop, time(BEGINNING));
        let payment = Payment { id: id.clone(), source, amount: euro(amount), received_at, reference: None };
        facts.payments.insert(id, Told::new(received_at, payment));
    }

    /// An order over 34.80 that is paid and booked.
    fn booked(order: &PlacedOrder) -> Facts {
        let mut facts = known(order.clone());
        paid(&mut facts, "34.80");
        let id = DocumentId::parse("200").unwrap();
        let booked = Booked::of(&facts);
        let result = StepResult::SalesOrder { id, number: None, total: None, booked };
        finish(&mut facts, "sales_order", result);
        facts
    }

    fn refund(facts: &mut Facts, id: &str, amount: &str, at: Timestamp, cumulative: bool) -> RefundId {
        let id = RefundId::parse(id).unwrap();
        let refund = Refund { cumulative, ..Refund::of(id.clone(), euro(amount), at) };
        facts.refunds.insert(id.clone(), Told::new(at, refund));
        id
    }

    fn change_to(facts: &Facts, order: PlacedOrder) -> Change {
        let mut facts = facts.clone();
        facts.placed = Some(Told::new(later() + std::time::Duration::from_secs(1), order));
        facts.change().unwrap()
    }

    fn later() -> Timestamp {
        time(BEGINNING) + std::time::Duration::from_secs(60)
    }

    fn updated(facts: &mut Facts, turn: u32, order: PlacedOrder) {
        facts.placed = Some(Told::new(later(), order));
        let booked = Booked::of(facts).unwrap();
        finish(facts, &format!("update/{turn}"), StepResult::Updated { booked });
    }

    #[test]
    fn an_edit_is_told_from_a_refund() {
        let order = placed(|_| {});
        let mut facts = booked(&order);
        assert_eq!(facts.change().unwrap(), Change::None);
        assert_eq!(known(less("5.00")).change().unwrap(), Change::None, "nothing is booked");
        let tags = placed(|draft| draft.customer.tags.push("vip".to_owned()));
        assert_eq!(change_to(&facts, tags), Change::None, "tags stand in no sales order");
        assert_eq!(change_to(&facts, less("5.00")), Change::Edited);
        let said = placed(|draft| draft.note = Some("hinten abstellen".to_owned()));
        assert_eq!(change_to(&facts, said), Change::None);
        let moved = placed(|draft| draft.billing.as_mut().unwrap().city = "Bonn".to_owned());
        assert_eq!(change_to(&facts, moved), Change::Edited);
        refund(&mut facts, "r1", "5.00", time(BEGINNING), false);
        assert_eq!(change_to(&facts, order), Change::None, "WooCommerce leaves the order as it was");
        assert_eq!(change_to(&facts, less("5.00")), Change::Refunded, "Shopify takes the line off");
        assert_eq!(change_to(&facts, less("7.00")), Change::Edited, "more than the refund explains");
    }

    #[test]
    fn what_the_order_lost_before_it_was_booked_again_is_not_credited() {
        let order = placed(|_| {});
        let mut facts = booked(&order);
        let first = refund(&mut facts, "r1", "5.00", time(BEGINNING), false);
        assert_eq!(facts.to_credit(&first).unwrap(), Some(euro("5.00")));
        updated(&mut facts, 1, less("5.00"));
        assert_eq!(facts.change().unwrap(), Change::None);
        assert_eq!(facts.to_credit(&first).unwrap(), Some(euro("0.00")));
        let second = refund(&mut facts, "r2", "3.00", later(), false);
        assert_eq!(facts.to_credit(&second).unwrap(), Some(euro("3.00")));
        assert_eq!(facts.to_credit(&first).unwrap(), Some(euro("0.00")));
    }

    #[test]
    fn an_order_that_got_smaller_before_it_was_paid_credits_all_that_goes_back() {
        let mut facts = booked(&placed(|_| {}));
        paid(&mut facts, "33.80");
        updated(&mut facts, 1, less("1.00"));
        let all = refund(&mut facts, "r1", "5.00", time(BEGINNING), false);
        assert_eq!(facts.to_credit(&all).unwrap(), Some(euro("5.00")));
        assert_eq!(change_to(&facts, less("6.00")), Change::Refunded);
        paid(&mut facts, "43.80");
        assert_eq!(
            facts.to_credit(&all).unwrap(),
            Some(euro("0.00")),
            "paid twice by mistake, it was not for the goods"
        );
        paid(&mut facts, "33.83");
        assert_eq!(facts.to_credit(&all).unwrap(), Some(euro("5.00")), "cents are rounding");
    }

    #[test]
    fn of_a_growing_sum_only_the_growth_is_credited() {
        let mut facts = booked(&placed(|_| {}));
        let all = refund(&mut facts, "sum-9.00", "9.00", time(BEGINNING), true);
        assert_eq!(facts.to_credit(&all).unwrap(), Some(euro("9.00")), "the smaller sum was never told");
        let part = refund(&mut facts, "sum-4.00", "4.00", time(BEGINNING), true);
        assert_eq!(facts.to_credit(&part).unwrap(), Some(euro("4.00")));
        assert_eq!(facts.to_credit(&all).unwrap(), Some(euro("5.00")));
        assert_eq!(facts.refunded(facts.order().unwrap()).unwrap(), euro("9.00"));
    }

    #[test]
    fn what_came_in_after_a_credit_note_has_nothing_to_do_with_it() {
        let mut facts = booked(&placed(|_| {}));
        let first = refund(&mut facts, "r1", "5.00", time(BEGINNING), false);
        let (id, amount) = (DocumentId::parse("500").unwrap(), euro("5.00"));
        finish(&mut facts, "credit/r1", StepResult::Credited { id, number: None, amount });
        paid(&mut facts, "69.60");
        let twice = refund(&mut facts, "r2", "34.80", later(), false);
        assert_eq!(facts.to_credit(&twice).unwrap(), Some(euro("0.00")), "paid twice by mistake");
        assert_eq!(facts.to_credit(&first).unwrap(), Some(euro("5.00")), "as it was credited");
    }

    #[test]
    fn an_edit_that_does_not_move_the_clock_of_the_shop_is_an_edit() {
        let mut facts = booked(&placed(|_| {}));
        let moved = placed(|draft| draft.billing.as_mut().unwrap().city = "Bonn".to_owned());
        facts.placed = Some(Told::seen_at(time(BEGINNING), Some(later()), moved));
        assert_eq!(facts.change().unwrap(), Change::Edited);
        let booked = Booked::of(&facts).unwrap();
        finish(&mut facts, "update/1", StepResult::Updated { booked });
        assert_eq!(facts.change().unwrap(), Change::None);
    }

    #[test]
    fn the_last_update_counts_however_its_number_is_written() {
        let mut facts = booked(&placed(|_| {}));
        for turn in 1..=11 {
            updated(&mut facts, turn, less(&format!("{turn}.00")));
        }
        assert_eq!(facts.booked().unwrap().1.total, euro("23.80"));
    }

    proptest! {
        /// Whatever went back, credit notes and smaller bookings together come to it, and to no more.
        #[test]
        fn credits_come_to_what_went_back(
            single in prop::collection::vec(1_u32..500, 0..5),
            sums in prop::collection::btree_set(1_u32..900, 0..4),
            shrunk in 0_u32..900,
        ) {
            let cents = |n: u32| format!("{}.{:02}", n / 100, n % 100);
            let order = placed(|_| {});
            let mut facts = booked(&order);
            updated(&mut facts, 1, less(&cents(shrunk)));
            let mut ids = Vec::new();
            for (n, amount) in single.iter().enumerate() {
                ids.push(refund(&mut facts, &format!("r{n}"), &cents(*amount), time(BEGINNING), false));
            }
            for amount in &sums {
                ids.push(refund(&mut facts, &format!("sum-{amount}"), &cents(*amount), time(BEGINNING), true));
            }
            let credits = ids.iter().map(|id| facts.to_credit(id).unwrap().unwrap());
            let credited = Money::sum(order.parts().currency, credits).unwrap();
            let refunded = facts.refunded(&order).unwrap();
            // Four parts: what is no more than four cents is rounding.
            let surplus = if shrunk > 4 { euro(&cents(shrunk)) } else { euro("0.00") };
            let inside = if refunded < surplus { refunded } else { surplus };
            prop_assert_eq!(credited, refunded.minus(inside).unwrap());
        }
    }
}
