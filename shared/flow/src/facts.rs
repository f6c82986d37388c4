//! Everything known about an order. Merging facts is commutative, associative and idempotent.

use std::collections::{BTreeMap, BTreeSet};

use kontor_domain::{
    Currency, DocumentId, Money, MoneyError, OrderLife, Payment, PaymentId, PaymentSource, PlacedOrder,
    Refund, RefundId, Shipment, ShipmentId,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::apply::apply;
use crate::told::Told;
use crate::{Decision, EventRecord, FailureNote, Finish, StepKey, StepName, StepResult};

/// Everything known about an order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// The order as the shop has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placed: Option<Told<PlacedOrder>>,
    /// Where it stands in the shop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub life: Option<Told<OrderLife>>,
    /// Money that came in.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub payments: BTreeMap<PaymentId, Told<Payment>>,
    /// Money that went back.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub refunds: BTreeMap<RefundId, Told<Refund>>,
    /// Parcels that left.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub shipments: BTreeMap<ShipmentId, Told<Shipment>>,
    /// What commands left behind. More than one finish of a step is a doubled effect, and never dropped.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub finished: BTreeMap<StepKey, BTreeSet<Finish>>,
    /// Commands that were parked; settled by a finish of the same step.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub failed: BTreeMap<StepKey, Told<FailureNote>>,
    /// What people decided.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub decided: BTreeMap<StepName, Told<Decision>>,
    /// When the personal data was erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub erased: Option<jiff::Timestamp>,
}

impl Facts {
    /// The order as the shop has it, if it was told already.
    #[must_use]
    pub fn order(&self) -> Option<&PlacedOrder> {
        self.placed.as_ref()?.current()
    }

    /// Where the order stands in the shop; open if nothing else was told.
    #[must_use]
    pub fn life(&self) -> OrderLife {
        self.life.as_ref().and_then(Told::current).copied().unwrap_or(OrderLife::Open)
    }

    /// Whether `events` would say anything that is not known yet. When something was told, and that it is told again, is
    /// nothing new.
    #[must_use]
    pub fn would_change(&self, events: &[EventRecord]) -> bool {
        let mut after = self.clone();
        for event in events {
            apply(&mut after, event.clone());
        }
        !(same_word(self.placed.as_ref(), after.placed.as_ref())
            && same_word(self.life.as_ref(), after.life.as_ref())
            && same_words(&self.payments, &after.payments)
            && same_words(&self.refunds, &after.refunds)
            && same_words(&self.shipments, &after.shipments)
            && same_words(&self.failed, &after.failed)
            && same_words(&self.decided, &after.decided)
            && self.finished == after.finished)
    }

    /// Money received: per source the sum of its payments, and of those the largest, because several sources tell of
    /// the same money.
    ///
    /// # Errors
    /// [`MoneyError`] if payments of one source are in several currencies.
    pub fn received(&self, currency: Currency) -> Result<Money, MoneyError> {
        let mut most = Money::zero(currency);
        for source in [PaymentSource::Shop, PaymentSource::Erp, PaymentSource::Operator] {
            most = most.max(self.received_from(source, currency)?);
        }
        Ok(most)
    }

    /// Whether everything that is to be paid has been received. An order that was not told yet is not paid.
    ///
    /// The ERP speaks of its own total, which may differ from the shop's by rounding: who paid that has paid everything.
    ///
    /// # Errors
    /// [`MoneyError`] if order and payments are in several currencies.
    pub fn is_paid(&self) -> Result<bool, MoneyError> {
        let Some(order) = self.order() else { return Ok(false) };
        let payable = order.payable()?;
        let currency = payable.currency();
        if self.received(currency)? >= payable {
            return Ok(true);
        }
        let Some(in_erp) = self.total_in_erp(order)? else { return Ok(false) };
        Ok(self.received_from(PaymentSource::Erp, currency)? >= in_erp)
    }

    /// What the sales order comes to in the ERP, where that is the shop's total but for a cent per part of the order.
    fn total_in_erp(&self, order: &PlacedOrder) -> Result<Option<Money>, MoneyError> {
        let told =
            self.find(
                |result| {
                    if let StepResult::SalesOrder { total, .. } = result { total.as_ref() } else { None }
                },
            );
        let Some(in_erp) = told else { return Ok(None) };
        let parts = order.parts();
        let off = in_erp.minus(parts.total)?.amount().abs();
        let count = parts.lines.len() + parts.charges.len() + parts.discounts.len() + 1;
        let bound = parts.currency.smallest().amount() * Decimal::from(count);
        Ok((off <= bound && in_erp.amount() > Decimal::ZERO).then_some(*in_erp))
    }

    fn received_from(&self, source: PaymentSource, currency: Currency) -> Result<Money, MoneyError> {
        let payments = self.payments.values().filter_map(Told::current).filter(|p| p.source == source);
        Money::sum(currency, payments.map(|p| p.amount))
    }

    /// The source of the newest payment.
    #[must_use]
    pub fn payment_source(&self) -> Option<PaymentSource> {
        let newest = self.payments.values().filter_map(Told::current).max_by_key(|p| p.received_at)?;
        Some(newest.source)
    }

    /// The one result of a step.
    #[must_use]
    pub fn result(&self, step: &StepKey) -> Option<&StepResult> {
        Some(&self.finished.get(step)?.first()?.result)
    }

    /// The customer's id in the ERP.
    #[must_use]
    pub fn customer_id(&self) -> Option<&DocumentId> {
        self.find(|result| if let StepResult::Customer { id, .. } = result { Some(id) } else { None })
    }

    /// The sales order's id in the ERP.
    #[must_use]
    pub fn sales_order_id(&self) -> Option<&DocumentId> {
        self.find(|result| if let StepResult::SalesOrder { id, .. } = result { Some(id) } else { None })
    }

    /// The shipment's id in the ERP.
    #[must_use]
    pub fn shipment_id(&self) -> Option<&DocumentId> {
        self.find(|result| if let StepResult::Shipment { id, .. } = result { Some(id) } else { None })
    }

    /// The invoice's id in the ERP.
    #[must_use]
    pub fn invoice_id(&self) -> Option<&DocumentId> {
        self.find(|result| if let StepResult::Invoice { id, .. } = result { Some(id) } else { None })
    }

    /// Calls made to outside systems by the commands that succeeded.
    #[must_use]
    pub fn calls(&self) -> u32 {
        self.finished.values().flatten().map(|finish| finish.calls).sum()
    }

    /// What was told in two ways, in words, if anything was.
    #[must_use]
    pub fn contradiction(&self) -> Option<String> {
        if self.placed.as_ref().is_some_and(Told::is_contradictory) {
            return Some("the shop told two different orders for the same instant".to_owned());
        }
        if let Some((id, _)) = self.payments.iter().find(|(_, told)| told.is_contradictory()) {
            return Some(format!("payment {id} was told in two ways"));
        }
        let (step, _) = self.finished.iter().find(|(_, finishes)| {
            finishes.iter().map(|finish| &finish.result).collect::<BTreeSet<_>>().len() > 1
        })?;
        Some(format!("step {step} has two results"))
    }

    fn find<'a, T>(&'a self, pick: impl Fn(&'a StepResult) -> Option<&'a T>) -> Option<&'a T> {
        self.finished.values().flatten().find_map(|finish| pick(&finish.result))
    }
}

fn same_word<T: Ord>(one: Option<&Told<T>>, other: Option<&Told<T>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.values().eq(other.values()),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

fn same_words<K: Ord, T: Ord>(one: &BTreeMap<K, Told<T>>, other: &BTreeMap<K, Told<T>>) -> bool {
    one.keys().eq(other.keys()) && one.values().zip(other.values()).all(|(a, b)| same_word(Some(a), Some(b)))
}

#[cfg(test)]
mod tests {
    use kontor_testkit::clock::time;
    use kontor_testkit::order::{BEGINNING, draft, euro};

    use super::*;

    /// An order over 34.80 of two lines and carriage, booked in the ERP at `in_erp`, of which `source` says that `paid` came in.
    fn facts(in_erp: &str, source: PaymentSource, paid: &str) -> Facts {
        let now = time(BEGINNING);
        let mut facts =
            Facts { placed: Some(Told::new(now, draft("#1010").build().unwrap())), ..Facts::default() };
        let id = DocumentId::parse("200").unwrap();
        let result = StepResult::SalesOrder { id, number: None, total: Some(euro(in_erp)), booked: None };
        let step: StepKey = "sales_order".parse().unwrap();
        facts.finished.insert(step, [Finish { result, calls: 1 }].into());
        let id = PaymentId::parse("p1").unwrap();
        let payment =
            Payment { id: id.clone(), source, amount: euro(paid), received_at: now, reference: None };
        facts.payments.insert(id, Told::new(now, payment));
        facts
    }

    #[test]
    fn who_paid_the_erps_total_has_paid_everything_if_only_rounding_differs() {
        use PaymentSource::{Erp, Operator, Shop};
        for (in_erp, source, paid, is_paid) in [
            ("34.80", Erp, "34.80", true),
            ("34.78", Erp, "34.78", true),
            ("34.76", Erp, "34.76", true),
            ("34.82", Erp, "34.82", true),
            // Less than the ERP's own total.
            ("34.78", Erp, "34.77", false),
            ("34.82", Erp, "34.79", false),
            // More than rounding explains: two lines, carriage, rounding.
            ("34.75", Erp, "34.75", false),
            // Others do not speak of the ERP's total.
            ("34.78", Shop, "34.78", false),
            ("34.78", Operator, "34.78", false),
        ] {
            assert_eq!(facts(in_erp, source, paid).is_paid(), Ok(is_paid), "{in_erp} {source:?} {paid}");
        }
        let mut unbooked = facts("34.78", Erp, "34.78");
        unbooked.finished.clear();
        assert_eq!(unbooked.is_paid(), Ok(false), "nothing says what the ERP's total is");
    }
}
