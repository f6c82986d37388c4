//! The closed list of what a step can do, and the queue each kind of work travels on.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::language::Each;

/// A queue of the bundle, each with a dead-letter queue of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Queue {
    /// What became known: deliveries of shops and results of commands.
    Events,
    /// Work for the ERP.
    Erp,
    /// Work for the shops.
    Shops,
    /// Mails.
    Mail,
}

impl Queue {
    /// Every queue.
    pub const ALL: [Self; 4] = [Self::Events, Self::Erp, Self::Shops, Self::Mail];

    /// The word used in names, logs and the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Erp => "erp",
            Self::Shops => "shops",
            Self::Mail => "mail",
        }
    }

    /// The queue of that word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|queue| queue.as_str() == word)
    }
}

impl fmt::Display for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a message can be put: a queue, or the dead-letter queue behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Address {
    /// The queue that is worked on.
    Live(Queue),
    /// Its dead-letter queue.
    Dead(Queue),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Live(queue) => write!(f, "{queue}"),
            Self::Dead(queue) => write!(f, "{queue}-dead"),
        }
    }
}

/// What a step does. The word in a flow file is [`Action::as_str`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Action {
    /// Find the customer in the ERP, or create it.
    #[serde(rename = "erp.customer")]
    ErpCustomer,
    /// Book and confirm the sales order in the ERP.
    #[serde(rename = "erp.sales_order")]
    ErpSalesOrder,
    /// Record in the ERP that a prepayment has come in.
    #[serde(rename = "erp.payment")]
    ErpPayment,
    /// Have the ERP's warehouse ship the order.
    #[serde(rename = "erp.shipment")]
    ErpShipment,
    /// Write the invoice in the ERP.
    #[serde(rename = "erp.invoice")]
    ErpInvoice,
    /// Bring the sales order in the ERP up to what the order in the shop is now.
    #[serde(rename = "erp.update")]
    ErpUpdate,
    /// Write a credit note in the ERP over money that went back.
    #[serde(rename = "erp.credit_note")]
    ErpCreditNote,
    /// Cancel the sales order in the ERP.
    #[serde(rename = "erp.cancel")]
    ErpCancel,
    /// Mark the order as paid in the shop.
    #[serde(rename = "shop.paid")]
    ShopPaid,
    /// Tell the shop about a shipment.
    #[serde(rename = "shop.shipment")]
    ShopShipment,
    /// Cancel the order in the shop.
    #[serde(rename = "shop.cancel")]
    ShopCancel,
    /// Send a mail to the customer.
    #[serde(rename = "mail.send")]
    MailSend,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 12] = [
        Self::ErpCustomer,
        Self::ErpSalesOrder,
        Self::ErpPayment,
        Self::ErpShipment,
        Self::ErpInvoice,
        Self::ErpUpdate,
        Self::ErpCreditNote,
        Self::ErpCancel,
        Self::ShopPaid,
        Self::ShopShipment,
        Self::ShopCancel,
        Self::MailSend,
    ];

    /// The word in a flow file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ErpCustomer => "erp.customer",
            Self::ErpSalesOrder => "erp.sales_order",
            Self::ErpPayment => "erp.payment",
            Self::ErpShipment => "erp.shipment",
            Self::ErpInvoice => "erp.invoice",
            Self::ErpUpdate => "erp.update",
            Self::ErpCreditNote => "erp.credit_note",
            Self::ErpCancel => "erp.cancel",
            Self::ShopPaid => "shop.paid",
            Self::ShopShipment => "shop.shipment",
            Self::ShopCancel => "shop.cancel",
            Self::MailSend => "mail.send",
        }
    }

    /// The action of that word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == word)
    }

    /// The queue its commands travel on.
    #[must_use]
    pub fn queue(self) -> Queue {
        match self {
            Self::ErpCustomer
            | Self::ErpSalesOrder
            | Self::ErpPayment
            | Self::ErpShipment
            | Self::ErpInvoice
            | Self::ErpUpdate
            | Self::ErpCreditNote
            | Self::ErpCancel => Queue::Erp,
            Self::ShopPaid | Self::ShopShipment | Self::ShopCancel => Queue::Shops,
            Self::MailSend => Queue::Mail,
        }
    }

    /// The action that must have been done on every way to this one.
    #[must_use]
    pub fn builds_on(self) -> Option<Self> {
        match self {
            Self::ErpSalesOrder => Some(Self::ErpCustomer),
            Self::ErpPayment | Self::ErpShipment | Self::ErpInvoice | Self::ErpUpdate => {
                Some(Self::ErpSalesOrder)
            }
            Self::ErpCreditNote => Some(Self::ErpInvoice),
            Self::ErpCustomer
            | Self::ErpCancel
            | Self::ShopPaid
            | Self::ShopShipment
            | Self::ShopCancel
            | Self::MailSend => None,
        }
    }

    /// Whether it lets goods leave the house: only behind a release.
    #[must_use]
    pub fn ships(self) -> bool {
        matches!(self, Self::ErpShipment)
    }

    /// What it is done for, once each, and so needs `for_each`; none if it is done once for an order, or for anything
    /// (a mail).
    #[must_use]
    pub fn set(self) -> Option<Each> {
        match self {
            Self::ShopShipment => Some(Each::Shipments),
            Self::ErpUpdate => Some(Each::Edits),
            Self::ErpCreditNote => Some(Each::Refunds),
            Self::ErpCustomer
            | Self::ErpSalesOrder
            | Self::ErpPayment
            | Self::ErpShipment
            | Self::ErpInvoice
            | Self::ErpCancel
            | Self::ShopPaid
            | Self::ShopCancel
            | Self::MailSend => None,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
