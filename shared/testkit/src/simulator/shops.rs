//! The simulated shops and the mail service, and the connectors to them: what `kontor_connectors` does there, call by call.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use kontor_domain::{OrderKey, OrderLife, Payment, PaymentId, PaymentSource, PlacedOrder, Refund};
use kontor_flow::ports::{Connector, Job, Past};
use kontor_flow::{Action, CallError, Event, EventRecord, Finish, Happened, Hint, StepResult, System};

use super::outside::request;
use super::world::{State, World};

request!(GET_ORDER, Woocommerce, "GET /orders/{id}", writes: false);
request!(PUT_ORDER, Woocommerce, "PUT /orders/{id}", writes: true);
request!(GET_NOTES, Woocommerce, "GET /orders/{id}/notes", writes: false);
request!(POST_NOTE, Woocommerce, "POST /orders/{id}/notes", writes: true);
request!(MAIL, Mail, "sending a mail", writes: true);

/// An order as its shop has it.
#[derive(Debug, Clone)]
pub(super) struct ShopOrder {
    pub(super) placed: PlacedOrder,
    pub(super) life: OrderLife,
    pub(super) payment: Option<Payment>,
    pub(super) refunds: Vec<Refund>,
    /// The shop's revision time: never the same twice.
    pub(super) changed_at: i64,
    /// What customers were told, by shipment.
    pub(super) notes: Vec<String>,
}

/// All shops, and the mails that were sent.
#[derive(Default)]
pub(super) struct Shops {
    pub(super) orders: BTreeMap<OrderKey, ShopOrder>,
    /// `Message-ID`s, as often as they were sent.
    pub(super) mails: Vec<String>,
    /// Commands somebody has begun to carry out.
    begun: std::collections::BTreeSet<String>,
}

impl ShopOrder {
    /// What a delivery of the shop tells: the order as it is now.
    pub(super) fn snapshot(&self, key: &OrderKey) -> Happened {
        let as_of = Timestamp::from_microsecond(self.changed_at).unwrap();
        let mut events = vec![Event::Placed(Box::new(self.placed.clone())), Event::Life(self.life)];
        events.extend(self.payment.clone().map(Event::Paid));
        events.extend(self.refunds.iter().cloned().map(Event::Refunded));
        let events = events.into_iter().map(|event| EventRecord::told(as_of, event)).collect();
        Happened { order: key.clone(), events }
    }
}

impl State {
    /// Changes an order in its shop, which then tells of it.
    pub(super) fn change_in_shop(&mut self, key: &OrderKey, change: impl FnOnce(&mut ShopOrder)) {
        let now = self.now;
        let Some(order) = self.shops.orders.get_mut(key) else { return };
        change(order);
        order.changed_at = now.max(order.changed_at + 1);
        let told = order.snapshot(key);
        self.tell(|| format!("shop: {key} is {:?}", self_life(&told)));
        self.deliver(told);
    }

    /// Whether the work may be done at all: it was asked for, and a first attempt is the first.
    pub(super) fn may_work(&mut self, job: &Job<'_>) {
        let id = job.command.id();
        self.tell(|| format!("carries out {id}, {:?}", job.past));
        let asked = self.shelf.timelines.get(&job.command.order).into_iter().flatten();
        if !asked.flat_map(|entry| &entry.commands).any(|asked| *asked == id) {
            self.breaks(format!("no command without cause: nobody asked for {id}"));
        }
        if !self.shops.begun.insert(id.to_string()) && job.past == Past::Clean {
            self.breaks(format!("a first attempt is the first: {id} was begun before, and nobody looks"));
        }
        let terms = job.order.facts.order().map(|order| order.parts().payment.terms);
        let on_account = matches!(
            terms,
            Some(kontor_domain::PaymentTerms::Invoice | kontor_domain::PaymentTerms::CashOnDelivery)
        );
        if job.command.action.ships() && !on_account && job.order.facts.is_paid() != Ok(true) {
            self.breaks(format!("goods leave only behind a release: {id} is not paid"));
        }
    }
}

fn self_life(told: &Happened) -> Option<OrderLife> {
    told.events.iter().find_map(|record| if let Event::Life(life) = record.event { Some(life) } else { None })
}

/// Works in a shop.
pub(super) struct ShopClerk(pub(super) World);

impl ShopClerk {
    async fn life(&self, key: &OrderKey) -> Result<(OrderLife, bool), CallError> {
        let key = key.clone();
        let read = move |s: &mut State| match s.shops.orders.get(&key) {
            Some(order) => Ok((order.life, order.payment.is_some())),
            None => Err(GET_ORDER.refused("no_such_order")),
        };
        self.0.call(GET_ORDER, read).await
    }

    async fn paid(&self, job: &Job<'_>) -> Result<StepResult, CallError> {
        match self.life(&job.order.key).await? {
            (OrderLife::Cancelled | OrderLife::Deleted, _) => return Err(GET_ORDER.refused("not_payable")),
            (OrderLife::Completed, _) | (_, true) => return Ok(StepResult::Told),
            (OrderLife::Open | OrderLife::OnHold, false) => {}
        }
        let key = job.order.key.clone();
        let mark = move |s: &mut State| {
            let at = s.time();
            s.change_in_shop(&key.clone(), |order| {
                let id = PaymentId::parse(&format!("shop-{}", key.order)).unwrap();
                let amount = order.placed.parts().total;
                let payment =
                    Payment { id, source: PaymentSource::Shop, amount, received_at: at, reference: None };
                order.payment.get_or_insert(payment);
            });
            Ok(())
        };
        self.0.call(PUT_ORDER, mark).await?;
        Ok(StepResult::Told)
    }

    async fn shipment(&self, job: &Job<'_>) -> Result<StepResult, CallError> {
        let item = job.command.step.item.clone().unwrap_or_default();
        if matches!(job.order.facts.life(), OrderLife::Cancelled | OrderLife::Deleted) {
            return Err(GET_ORDER.refused("not_shippable"));
        }
        let key = job.order.key.clone();
        if matches!(job.past, Past::Unknown | Past::Withdrawn) {
            let (key, item) = (key.clone(), item.clone());
            let read = move |s: &mut State| {
                Ok(s.shops.orders.get(&key).is_some_and(|order| order.notes.contains(&item)))
            };
            if self.0.call(GET_NOTES, read).await? {
                return Ok(StepResult::Told);
            }
        }
        if matches!(self.life(&key).await?.0, OrderLife::Cancelled | OrderLife::Deleted) {
            return Err(GET_ORDER.refused("not_shippable"));
        }
        let of = key.clone();
        let complete = move |s: &mut State| {
            if s.shops.orders.get(&of).is_some_and(|order| order.life != OrderLife::Completed) {
                s.change_in_shop(&of, |order| order.life = OrderLife::Completed);
            }
            Ok(())
        };
        self.0.call(PUT_ORDER, complete).await?;
        let note = move |s: &mut State| {
            if let Some(order) = s.shops.orders.get_mut(&key) {
                order.notes.push(item);
            }
            Ok(())
        };
        self.0.call(POST_NOTE, note).await?;
        Ok(StepResult::Told)
    }

    async fn cancel(&self, job: &Job<'_>) -> Result<StepResult, CallError> {
        let outcome = |word: &str| Ok(StepResult::Cancelled { outcome: word.to_owned() });
        match self.life(&job.order.key).await? {
            (OrderLife::Cancelled | OrderLife::Deleted, _) => return outcome("cancelled already"),
            (OrderLife::Completed, _) | (_, true) => return Err(GET_ORDER.refused("not_cancellable")),
            (OrderLife::Open | OrderLife::OnHold, false) => {}
        }
        let key = job.order.key.clone();
        let write = move |s: &mut State| {
            s.change_in_shop(&key, |order| order.life = OrderLife::Cancelled);
            Ok(())
        };
        self.0.call(PUT_ORDER, write).await?;
        outcome("cancelled")
    }
}

#[async_trait]
impl Connector for ShopClerk {
    async fn perform(&self, job: Job<'_>) -> Result<Finish, CallError> {
        self.0.with(|s| s.may_work(&job));
        let result = match job.command.action {
            Action::ShopPaid => self.paid(&job).await?,
            Action::ShopShipment => self.shipment(&job).await?,
            Action::ShopCancel => self.cancel(&job).await?,
            Action::ErpCustomer
            | Action::ErpSalesOrder
            | Action::ErpPayment
            | Action::ErpShipment
            | Action::ErpInvoice
            | Action::ErpUpdate
            | Action::ErpCreditNote
            | Action::ErpCancel
            | Action::MailSend => {
                let what = "this is no work for a shop".to_owned();
                return Err(CallError::Unmapped { system: System::Woocommerce, what });
            }
        };
        Ok(Finish { result, calls: 1 })
    }

    async fn look_up(&self, _hint: &Hint, _now: Timestamp) -> Result<Vec<Happened>, CallError> {
        Ok(Vec::new())
    }
}

/// Hands mails over. Nobody can look whether one was sent: a repeat carries the same `Message-ID`.
pub(super) struct MailRoom(pub(super) World);

#[async_trait]
impl Connector for MailRoom {
    async fn perform(&self, job: Job<'_>) -> Result<Finish, CallError> {
        self.0.with(|s| s.may_work(&job));
        let message_id = job.command.id().to_string();
        let sent = message_id.clone();
        let send = move |s: &mut State| {
            s.shops.mails.push(sent);
            Ok(())
        };
        self.0.call(MAIL, send).await?;
        Ok(Finish { result: StepResult::Mailed { message_id }, calls: 1 })
    }

    async fn look_up(&self, _hint: &Hint, _now: Timestamp) -> Result<Vec<Happened>, CallError> {
        Ok(Vec::new())
    }
}
