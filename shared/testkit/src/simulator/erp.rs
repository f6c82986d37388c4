//! The simulated ERP: its books, and what it does with a request. It counts what was doubled.

use kontor_domain::{Money, OrderKey};
use kontor_flow::{Address, CallError, Hint, Queue, System};

use super::dice::Dice;
use super::faults::Fault;
use super::outside::Request;
use super::world::{DAY, HOUR, MILLI, MINUTE, SECOND, State};

/// A customer.
#[derive(Debug)]
pub(super) struct Party {
    pub(super) id: u64,
    pub(super) email: String,
    pub(super) found_from: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Entered,
    Confirmed,
    Cancelled,
}

/// A sales order.
#[derive(Debug, Clone)]
pub(super) struct SalesOrder {
    pub(super) id: u64,
    pub(super) key: OrderKey,
    pub(super) customer: String,
    pub(super) standing: Standing,
    pub(super) prepayment: bool,
    pub(super) total: Money,
    pub(super) paid: bool,
    pub(super) changed_at: i64,
    pub(super) found_from: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parcel {
    New,
    Shipped,
    Cancelled,
}

/// A shipment.
#[derive(Debug, Clone)]
pub(super) struct Shipment {
    pub(super) id: u64,
    pub(super) order: u64,
    pub(super) parcel: Parcel,
    pub(super) changed_at: i64,
    pub(super) found_from: i64,
}

/// An invoice.
#[derive(Debug, Clone)]
pub(super) struct Invoice {
    pub(super) id: u64,
    pub(super) order: u64,
    pub(super) prepayment: bool,
    pub(super) open_item: bool,
    pub(super) paid: bool,
    pub(super) total: Money,
    pub(super) found_from: i64,
}

/// A credit note over what a refund gave back.
#[derive(Debug, Clone)]
pub(super) struct Credit {
    pub(super) id: u64,
    pub(super) order: u64,
    pub(super) refund: String,
    pub(super) amount: Money,
    pub(super) found_from: i64,
}

/// The books.
pub(super) struct Erp {
    next: u64,
    pub(super) parties: Vec<Party>,
    pub(super) orders: Vec<SalesOrder>,
    pub(super) shipments: Vec<Shipment>,
    pub(super) invoices: Vec<Invoice>,
    pub(super) credits: Vec<Credit>,
    /// How long the warehouse takes at most.
    packing: i64,
}

impl Erp {
    pub(super) fn new(dice: &mut Dice) -> Self {
        let packing = dice.pick([HOUR, 6 * HOUR, 2 * DAY]);
        Self {
            next: 100,
            parties: Vec::new(),
            orders: Vec::new(),
            shipments: Vec::new(),
            invoices: Vec::new(),
            credits: Vec::new(),
            packing,
        }
    }

    pub(super) fn order(&self, id: u64) -> Option<&SalesOrder> {
        self.orders.iter().find(|order| order.id == id)
    }

    pub(super) fn order_mut(&mut self, id: u64) -> Option<&mut SalesOrder> {
        self.orders.iter_mut().find(|order| order.id == id)
    }
}

impl State {
    fn next_id(&mut self) -> u64 {
        self.erp.next += 1;
        self.erp.next
    }

    /// From when on a search finds what is created now.
    fn found_from(&mut self) -> i64 {
        if self.strikes(Fault::Forgotten) {
            self.now + self.dice.between(MILLI, 5 * SECOND)
        } else {
            self.now
        }
    }

    pub(super) fn create_party(&mut self, email: String) -> u64 {
        let (id, found_from) = (self.next_id(), self.found_from());
        self.erp.parties.push(Party { id, email, found_from });
        id
    }

    pub(super) fn create_order(&mut self, draft: SalesOrder) -> SalesOrder {
        let (id, found_from) = (self.next_id(), self.found_from());
        let order = SalesOrder { id, found_from, changed_at: self.now, ..draft };
        self.erp.orders.push(order.clone());
        order
    }

    /// Confirms a sales order; for a prepayment it writes the prepayment invoice by itself.
    pub(super) fn confirm(&mut self, request: Request, id: u64) -> Result<SalesOrder, CallError> {
        let now = self.now;
        let Some(order) = self.erp.order_mut(id) else { return Err(request.refused("not_found")) };
        if order.standing != Standing::Entered {
            return Err(request.refused("not_entered"));
        }
        (order.standing, order.changed_at) = (Standing::Confirmed, now);
        let order = order.clone();
        if order.prepayment {
            self.create_invoice(&order, true);
            self.pays_in_erp(&order);
        }
        Ok(order)
    }

    /// Where the customer pays by bank transfer, the money comes to the ERP.
    fn pays_in_erp(&mut self, order: &SalesOrder) {
        let Some(after) = self.tales.pays_by_bank(&order.key) else { return };
        let (id, at) = (order.id, self.now + after);
        self.act(at, move |world| {
            world.with(|s| {
                let now = s.now;
                let Some(order) = s.erp.order_mut(id).filter(|order| order.standing != Standing::Cancelled)
                else {
                    return;
                };
                (order.paid, order.changed_at) = (true, now);
                for invoice in s.erp.invoices.iter_mut().filter(|i| i.order == id && i.prepayment) {
                    invoice.paid = true;
                }
                s.tell(|| format!("ERP: sales order {id} is paid by bank"));
                s.hint("salesOrder", id);
            });
        });
    }

    /// Brings an order up to date, and the prepayment invoice with it, as long as nothing was made of it.
    pub(super) fn update_order(&mut self, request: Request, id: u64, total: Money) -> Result<(), CallError> {
        let handed_over = self.erp.shipments.iter().any(|s| s.order == id && s.parcel != Parcel::Cancelled)
            || self.erp.invoices.iter().any(|i| i.order == id && (!i.prepayment || i.paid));
        let Some(order) = self.erp.order_mut(id).filter(|order| order.standing == Standing::Confirmed) else {
            return Err(request.refused("handed_over"));
        };
        if handed_over {
            return Err(request.refused("handed_over"));
        }
        order.total = total;
        for invoice in self.erp.invoices.iter_mut().filter(|invoice| invoice.order == id) {
            invoice.total = total;
        }
        Ok(())
    }

    pub(super) fn create_credit(&mut self, order: u64, refund: String, amount: Money) -> Credit {
        let (id, found_from) = (self.next_id(), self.found_from());
        let credit = Credit { id, order, refund, amount, found_from };
        self.erp.credits.push(credit.clone());
        credit
    }

    pub(super) fn create_invoice(&mut self, order: &SalesOrder, prepayment: bool) -> Invoice {
        let (id, found_from) = (self.next_id(), self.found_from());
        let paid = prepayment && order.paid;
        let invoice = Invoice {
            id,
            order: order.id,
            prepayment,
            open_item: false,
            paid,
            total: order.total,
            found_from,
        };
        self.erp.invoices.push(invoice.clone());
        invoice
    }

    /// Makes a shipment, which the warehouse packs by itself.
    pub(super) fn create_shipment(&mut self, order: u64) -> Shipment {
        let (id, found_from) = (self.next_id(), self.found_from());
        let shipment = Shipment { id, order, parcel: Parcel::New, changed_at: self.now, found_from };
        self.erp.shipments.push(shipment.clone());
        let packed_at = self.now + self.dice.between(MINUTE, self.erp.packing);
        self.act(packed_at, move |world| world.with(|s| s.leaves(id)));
        shipment
    }

    fn leaves(&mut self, id: u64) {
        let now = self.now;
        let Some(shipment) = self.erp.shipments.iter_mut().find(|s| s.id == id) else { return };
        if shipment.parcel != Parcel::New {
            return;
        }
        (shipment.parcel, shipment.changed_at) = (Parcel::Shipped, now);
        self.tell(|| format!("ERP: parcel {id} leaves the house"));
        self.hint("shipment", id);
    }

    /// The ERP's notice that a record changed.
    fn hint(&mut self, entity: &str, id: u64) {
        let hint = Hint { system: System::Weclapp, entity: entity.to_owned(), id: id.to_string() };
        self.announce(Address::Live(Queue::Erp), kontor_flow::Message::Hint(hint));
    }
}
