//! Events: something that became known about an order. They travel in messages, so their form is versioned.

use jiff::Timestamp;
use kontor_domain::{
    DocumentId, DocumentNumber, Money, OrderKey, OrderLife, Payment, PlacedOrder, Refund, Shipment,
};
use serde::{Deserialize, Serialize};

use crate::revision::Booked;
use crate::{FailureClass, FailureId, StepKey, StepName};

/// Something that became known about an order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The order as the shop has it: at first, or after a change.
    Placed(Box<PlacedOrder>),
    /// Where it stands in the shop.
    Life(OrderLife),
    /// Money came in.
    Paid(Payment),
    /// Money went back.
    Refunded(Refund),
    /// A parcel left.
    Shipped(Shipment),
    /// A command was carried out.
    Finished {
        /// Its step.
        step: StepKey,
        /// What came of it.
        finish: Finish,
    },
    /// A command could not be carried out and was parked.
    Failed {
        /// Its step.
        step: StepKey,
        /// Where it is kept and why.
        note: FailureNote,
    },
    /// A person decided on a step that waits for approval.
    Decided {
        /// The step.
        step: StepName,
        /// What was decided.
        decision: Decision,
    },
}

impl Event {
    /// The word used in timelines and logs.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Placed(_) => "placed",
            Self::Life(_) => "life",
            Self::Paid(_) => "paid",
            Self::Refunded(_) => "refunded",
            Self::Shipped(_) => "shipped",
            Self::Finished { .. } => "finished",
            Self::Failed { .. } => "failed",
            Self::Decided { .. } => "decided",
        }
    }
}

/// An event with the time it was true at, by the clock of whoever told it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EventRecord {
    /// True as of; the shop's revision time for snapshots.
    pub as_of: Timestamp,
    /// When we fetched the record ourselves; none for what was told to us. Of two words on the same revision the one that
    /// was seen later counts: shops change things without a new revision, and tell revisions in whole seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Timestamp>,
    /// What became known.
    pub event: Event,
}

impl EventRecord {
    /// `event` was told to us as true as of `as_of`.
    #[must_use]
    pub fn told(as_of: Timestamp, event: Event) -> Self {
        Self { as_of, seen: None, event }
    }
}

/// Events of one order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happened {
    /// The order.
    pub order: OrderKey,
    /// What became known about it.
    pub events: Vec<EventRecord>,
}

/// What a command left behind in an outside system.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepResult {
    /// The customer in the ERP.
    Customer {
        /// The ERP's id.
        id: DocumentId,
        /// The customer number.
        number: Option<DocumentNumber>,
    },
    /// The sales order in the ERP.
    SalesOrder {
        /// The ERP's id.
        id: DocumentId,
        /// The order number in the ERP.
        number: Option<DocumentNumber>,
        /// What the ERP reckons it to be worth, tax included.
        total: Option<Money>,
        /// What of the shop's order was booked; not known of orders that were booked before this was kept.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        booked: Option<Booked>,
    },
    /// The sales order was brought up to what the order in the shop is now.
    Updated {
        /// What of it is booked now.
        booked: Booked,
    },
    /// Money that went back is credited.
    Credited {
        /// The credit note's id in the ERP.
        id: DocumentId,
        /// Its number.
        number: Option<DocumentNumber>,
        /// How much it comes to, tax included.
        amount: Money,
    },
    /// The prepayment is recorded.
    PaymentBooked {
        /// The prepayment invoice it is recorded on.
        invoice: Option<DocumentId>,
    },
    /// The shipment the warehouse is to pack.
    Shipment {
        /// The ERP's id.
        id: DocumentId,
        /// The number on the delivery note.
        number: Option<DocumentNumber>,
    },
    /// The invoice.
    Invoice {
        /// The ERP's id.
        id: DocumentId,
        /// The invoice number.
        number: Option<DocumentNumber>,
    },
    /// The shop knows.
    Told,
    /// The mail is handed over.
    Mailed {
        /// The `Message-ID` it carries.
        message_id: String,
    },
    /// The order is cancelled in that system, or was never there.
    Cancelled {
        /// What became of it, in the system's own word.
        outcome: String,
    },
    /// A person did it by hand.
    Settled {
        /// Who says so.
        by: String,
        /// What of the order is booked now, if it was about that.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        booked: Option<Booked>,
    },
    /// A gate let the order through.
    Passed,
    /// The order was cancelled before the work began; nothing was done.
    Withdrawn,
}

impl StepResult {
    /// The result in words, for timelines: `invoice RE-1001`.
    #[must_use]
    pub fn sentence(&self) -> String {
        let document = |what: &str, id: &DocumentId, number: &Option<DocumentNumber>| match number {
            Some(number) => format!("{what} {number}"),
            None => format!("{what} with id {id}"),
        };
        match self {
            Self::Customer { id, number } => document("customer", id, number),
            Self::SalesOrder { id, number, .. } => document("sales order", id, number),
            Self::PaymentBooked { invoice: Some(id) } => format!("payment recorded on invoice with id {id}"),
            Self::PaymentBooked { invoice: None } => "payment recorded".to_owned(),
            Self::Shipment { id, number } => document("shipment", id, number),
            Self::Invoice { id, number } => document("invoice", id, number),
            Self::Updated { .. } => "sales order brought up to date".to_owned(),
            Self::Credited { id, number, amount } => {
                format!("{} over {amount}", document("credit note", id, number))
            }
            Self::Settled { by, .. } => format!("settled by {by}"),
            Self::Told => "the shop knows".to_owned(),
            Self::Mailed { message_id } if message_id.is_empty() => {
                "there was no address to write to".to_owned()
            }
            Self::Mailed { .. } => "mail handed over".to_owned(),
            Self::Cancelled { outcome } => outcome.clone(),
            Self::Passed => "let through".to_owned(),
            Self::Withdrawn => "withdrawn before it began".to_owned(),
        }
    }
}

/// A finished command: its result, and what it cost.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Finish {
    /// What came of it.
    pub result: StepResult,
    /// Calls made to the outside system by the attempt that succeeded.
    #[serde(default)]
    pub calls: u32,
}

/// Where a parked command is kept, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FailureNote {
    /// The failure record.
    pub failure: FailureId,
    /// What kind of failure.
    pub class: FailureClass,
    /// The cause in words, without personal data.
    pub cause: String,
}

/// What a person decided.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Decision {
    /// Let it through, or give the order up.
    pub approved: bool,
    /// Who decided.
    pub by: String,
    /// [`revision`](crate::revision) of the order that was decided on: what is let through is that one alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
}
