//! What is in which parcel, and whether everything has left.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kontor_domain::{Line, LineId, LineKind, PackedLine, Quantity, Refund, Shipment, ShipmentId};
use rust_decimal::Decimal;

use crate::Facts;
use crate::told::Told;

/// Something that leaves less to be sent.
enum Deed<'a> {
    /// Money went back for pieces: those that had not left are not owed any more.
    Refunded(&'a Refund),
    /// A parcel left.
    Left(&'a Shipment),
}

/// What is still to be sent, line by line in the order's own order.
struct Owed<'a> {
    lines: Vec<(&'a Line, Decimal)>,
}

impl<'a> Owed<'a> {
    fn of(lines: &'a [Line]) -> Self {
        let packed = lines.iter().filter(|line| line.kind == LineKind::Physical);
        Self { lines: packed.map(|line| (line, line.quantity.count())).collect() }
    }

    fn is_nothing(&self) -> bool {
        self.lines.iter().all(|(_, left)| left.is_zero())
    }

    /// Takes off what is in the parcel, and answers it by line: what the parcel lists, or all that is left where it lists
    /// nothing. More than was ordered is not counted.
    fn take(&mut self, shipment: &Shipment) -> BTreeMap<LineId, Decimal> {
        let mut taken = BTreeMap::new();
        if shipment.lines.is_empty() {
            for (line, left) in self.lines.iter_mut().filter(|(_, left)| !left.is_zero()) {
                taken.insert(line.id.clone(), std::mem::take(left));
            }
        }
        for packed in &shipment.lines {
            self.take_line(packed, &mut taken);
        }
        taken
    }

    fn take_line(&mut self, packed: &PackedLine, taken: &mut BTreeMap<LineId, Decimal>) {
        let by_id = packed.line.as_ref().filter(|id| self.lines.iter().any(|(line, _)| line.id == **id));
        let is_it = |line: &Line| match by_id {
            Some(id) => line.id == *id,
            None => packed.sku.is_some() && line.sku == packed.sku,
        };
        let mut pieces = packed.quantity.count();
        for (line, left) in self.lines.iter_mut().filter(|(line, _)| is_it(line)) {
            let here = pieces.min(*left);
            if !here.is_zero() {
                *left -= here;
                pieces -= here;
                *taken.entry(line.id.clone()).or_default() += here;
            }
        }
    }

    fn release(&mut self, refund: &Refund) {
        for refunded in &refund.lines {
            let pieces = refunded.quantity.map_or(Decimal::ZERO, Quantity::count);
            for (_, left) in self.lines.iter_mut().filter(|(line, _)| line.id == refunded.line) {
                *left -= pieces.min(*left);
            }
        }
    }
}

impl Facts {
    /// Whether everything that has to be sent has left: every piece of the order, but for those that were refunded before they
    /// could leave. `false` while no parcel has left, or the order is not told yet.
    #[must_use]
    pub fn shipped_in_full(&self) -> bool {
        let Some(order) = self.order() else { return false };
        let mut owed = Owed::of(&order.parts().lines);
        let mut parcels = 0_usize;
        for deed in self.deeds() {
            match deed {
                Deed::Refunded(refund) => owed.release(refund),
                Deed::Left(shipment) => {
                    parcels += 1;
                    owed.take(shipment);
                }
            }
        }
        parcels > 0 && owed.is_nothing()
    }

    /// What is in a parcel, by line of the order; nothing if it is not known, or holds nothing of the order.
    #[must_use]
    pub fn contents(&self, parcel: &ShipmentId) -> BTreeMap<LineId, Decimal> {
        let Some(order) = self.order() else { return BTreeMap::new() };
        let mut owed = Owed::of(&order.parts().lines);
        for deed in self.deeds() {
            match deed {
                Deed::Refunded(refund) => owed.release(refund),
                Deed::Left(shipment) => {
                    let taken = owed.take(shipment);
                    if shipment.id == *parcel {
                        return taken;
                    }
                }
            }
        }
        BTreeMap::new()
    }

    /// Parcels and refunds as they happened; of the same instant, refunds first and then by id, so that everybody finds the
    /// same.
    fn deeds(&self) -> Vec<Deed<'_>> {
        let refunds = self.refunds.values().filter_map(Told::current);
        let parcels = self.shipments.values().filter_map(Told::current);
        let mut deeds: Vec<Deed<'_>> = refunds.map(Deed::Refunded).chain(parcels.map(Deed::Left)).collect();
        deeds.sort_by_key(Deed::when);
        deeds
    }
}

impl Deed<'_> {
    fn when(&self) -> Timestamp {
        match self {
            Self::Refunded(refund) => refund.refunded_at,
            Self::Left(shipment) => shipment.shipped_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan as _;
    use kontor_domain::{RefundId, RefundLine, Sku};
    use kontor_testkit::clock::time;
    use kontor_testkit::order::{BEGINNING, draft, euro, line};

    use super::*;

    /// An order of two pieces on line 1 and one each on the lines 2 and 3, the last two of the same article.
    fn facts() -> Facts {
        let mut draft = draft("#1");
        draft.lines.push(line("3", "FIL-0250", 1, "10.10", "1.61"));
        draft.total = euro("44.90");
        Facts { placed: Some(Told::new(time(BEGINNING), draft.build().unwrap())), ..Facts::default() }
    }

    /// A parcel that left so many minutes after the beginning, with `line id × pieces`, or `sku × pieces` after a `@`.
    fn parcel(id: &str, minutes: i64, packed: &[(&str, i64)]) -> Shipment {
        let lines = packed.iter().map(|(what, pieces)| PackedLine {
            line: (!what.starts_with('@')).then(|| LineId::parse(what).unwrap()),
            sku: what.strip_prefix('@').map(|sku| Sku::parse(sku).unwrap()),
            quantity: Quantity::new(Decimal::from(*pieces)).unwrap(),
        });
        Shipment {
            id: ShipmentId::parse(id).unwrap(),
            number: None,
            carrier: None,
            tracking: Vec::new(),
            tracking_url: None,
            shipped_at: time(BEGINNING) + minutes.minutes(),
            lines: lines.collect(),
        }
    }

    fn with(parcels: &[Shipment]) -> Facts {
        let mut facts = facts();
        for parcel in parcels {
            facts.shipments.insert(parcel.id.clone(), Told::new(parcel.shipped_at, parcel.clone()));
        }
        facts
    }

    fn contents(facts: &Facts, id: &str) -> String {
        let contents = facts.contents(&ShipmentId::parse(id).unwrap());
        let words: Vec<String> = contents.iter().map(|(line, pieces)| format!("{line}×{pieces}")).collect();
        words.join(" ")
    }

    #[test]
    fn everything_has_left_when_all_pieces_have() {
        let all = [("1", 2), ("2", 1), ("3", 1)];
        for (parcels, full) in [
            (vec![], false),
            (vec![parcel("a", 1, &[])], true),
            (vec![parcel("a", 1, &all)], true),
            (vec![parcel("a", 1, &all[..2])], false),
            (vec![parcel("a", 1, &[("1", 1)]), parcel("b", 2, &[("2", 1), ("3", 1)])], false),
            (vec![parcel("a", 1, &[("1", 1)]), parcel("b", 2, &[("1", 1), ("2", 1), ("3", 1)])], true),
            (vec![parcel("a", 1, &[("1", 1)]), parcel("b", 2, &[])], true),
            // By article: the first line of it that is not full.
            (vec![parcel("a", 1, &[("@ESP-1000", 2), ("@FIL-0250", 2)])], true),
            (vec![parcel("a", 1, &[("@ESP-1000", 2), ("@FIL-0250", 1)])], false),
            // More than was ordered does not fill another line.
            (vec![parcel("a", 1, &[("1", 4)])], false),
            // What nobody ordered says nothing.
            (vec![parcel("a", 1, &[("@OTHER", 4), ("99", 4)])], false),
        ] {
            assert_eq!(with(&parcels).shipped_in_full(), full, "{parcels:?}");
        }
        let mut untold = with(&[parcel("a", 1, &[])]);
        untold.placed = None;
        assert!(!untold.shipped_in_full());
    }

    #[test]
    fn a_line_id_the_order_does_not_have_falls_back_to_the_article() {
        let mut odd = parcel("a", 1, &[("77", 2)]);
        odd.lines[0].sku = Some(Sku::parse("ESP-1000").unwrap());
        assert_eq!(contents(&with(&[odd]), "a"), "1×2");
    }

    #[test]
    fn a_parcel_that_lists_nothing_holds_what_had_not_left_before_it() {
        let parcels =
            [parcel("b", 2, &[]), parcel("a", 1, &[("1", 1), ("@FIL-0250", 1)]), parcel("c", 3, &[])];
        let facts = with(&parcels);
        assert_eq!(contents(&facts, "a"), "1×1 2×1");
        assert_eq!(contents(&facts, "b"), "1×1 3×1");
        assert_eq!(contents(&facts, "c"), "");
        assert_eq!(contents(&facts, "d"), "");
    }

    #[test]
    fn what_was_refunded_before_it_left_is_not_owed_any_more() {
        let refund = |minutes: i64, pieces: Option<i64>| {
            let id = RefundId::parse("r").unwrap();
            let mut refund = Refund::of(id, euro("9.90"), time(BEGINNING) + minutes.minutes());
            let quantity = pieces.map(|pieces| Quantity::new(Decimal::from(pieces)).unwrap());
            let line = LineId::parse("1").unwrap();
            refund.lines.push(RefundLine { line, quantity, amount: euro("9.90"), restock: false });
            refund
        };
        let first = parcel("a", 2, &[("1", 1), ("2", 1), ("3", 1)]);
        for (refund, full) in [
            (refund(1, Some(1)), true),
            // The price alone was lowered.
            (refund(1, None), false),
            // One is refunded while one is still owed: that one is meant.
            (refund(3, Some(1)), true),
        ] {
            let mut facts = with(std::slice::from_ref(&first));
            assert!(!facts.shipped_in_full());
            facts.refunds.insert(refund.id.clone(), Told::new(refund.refunded_at, refund.clone()));
            assert_eq!(facts.shipped_in_full(), full, "{refund:?}");
        }
        // A return of what had left changes nothing.
        let mut facts = with(&[parcel("a", 1, &[])]);
        facts.refunds.insert(RefundId::parse("r").unwrap(), Told::new(time(BEGINNING), refund(5, Some(2))));
        assert!(facts.shipped_in_full());
    }

    #[test]
    fn downloads_are_not_waited_for() {
        let mut facts = with(&[parcel("a", 1, &[("1", 2)])]);
        let mut draft = draft("#1");
        draft.lines[1].kind = LineKind::Digital;
        facts.placed = Some(Told::new(time(BEGINNING), draft.build().unwrap()));
        assert!(facts.shipped_in_full());
    }
}
