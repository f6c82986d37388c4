//! A warehouse that ships in parts, or stops packing for a while.

use rust_decimal::Decimal;

use super::State;
use super::books::{Books, Packed, Shipment};
use super::warehouse::Notice;

impl State {
    /// The warehouse sends a part of an order: pieces by article number, of what waits in the order's shipment. The rest goes on
    /// waiting, in that shipment; the last part is that shipment itself. The order by our key or by its id; the id of the
    /// shipment that left, none if there is not that much to send.
    #[must_use]
    pub fn ship_part(&self, order: &str, pieces: &[(&str, u32)]) -> Option<String> {
        let id = self.inner.books().ship_part(order, pieces)?;
        self.inner.warehouse.tell(Notice { entity: "shipment", id });
        Some(id.to_string())
    }

    /// Holds the warehouse, or lets it go on. While it is held, delivery notes are printed, and nothing leaves by itself.
    pub fn hold_packing(&self, hold: bool) {
        self.inner.warehouse.hold(hold);
    }
}

impl Books {
    fn ship_part(&mut self, order: &str, pieces: &[(&str, u32)]) -> Option<u64> {
        let by_key = self.order_by_key.get(order).and_then(|ids| ids.first()).copied();
        let waiting = self.waiting(by_key.or_else(|| order.parse().ok())?)?;
        let mut rest = self.packed(self.shipments.get(&waiting)?);
        let mut taken = Vec::new();
        for (number, count) in pieces {
            let article = *self.article_by_number.get(*number)?;
            let mut missing = Decimal::from(*count);
            for row in rest.iter_mut().filter(|row| row.article == article) {
                let quantity = missing.min(row.quantity);
                if quantity.is_zero() {
                    continue;
                }
                row.quantity -= quantity;
                missing -= quantity;
                taken.push(Packed { quantity, ..row.clone() });
            }
            if !missing.is_zero() {
                return None;
            }
        }
        rest.retain(|row| !row.quantity.is_zero());
        let left = if rest.is_empty() { waiting } else { self.split(waiting, taken, rest)? };
        self.ship(left).then_some(left)
    }

    fn split(&mut self, waiting: u64, taken: Vec<Packed>, rest: Vec<Packed>) -> Option<u64> {
        let (id, created) = (self.next_id(), self.tick());
        let whole = self.shipments.get_mut(&waiting)?;
        whole.packed = Some(rest);
        whole.version += 1;
        whole.modified = created;
        let (order, status) = (whole.order, "NEW");
        let packed = Some(taken);
        let part = Shipment { id, version: 0, order, status, created, modified: created, packed, part: true };
        self.shipments.insert(id, part);
        self.orders.get_mut(&order)?.shipments.push(id);
        Some(id)
    }

    /// The shipment of an order that has not left.
    pub(crate) fn waiting(&self, order: u64) -> Option<u64> {
        let mut shipments = self.orders.get(&order)?.shipments.iter();
        let waits = |id: &&u64| {
            let status = self.shipments.get(id).map(|shipment| shipment.status);
            matches!(status, Some("NEW" | "DELIVERY_NOTE_PRINTED"))
        };
        shipments.find(waits).copied()
    }

    /// The delivery note is printed. `false` if the shipment does not wait any more.
    pub(crate) fn print(&mut self, shipment: u64) -> bool {
        let now = self.tick();
        match self.shipments.get_mut(&shipment) {
            Some(shipment) if shipment.status == "NEW" => {
                shipment.status = "DELIVERY_NOTE_PRINTED";
                shipment.version += 1;
                shipment.modified = now;
                true
            }
            Some(shipment) => shipment.status == "DELIVERY_NOTE_PRINTED",
            None => false,
        }
    }
}
