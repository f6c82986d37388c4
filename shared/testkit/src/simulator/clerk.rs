//! The connector to the simulated ERP. It does what `kontor_connectors::weclapp` does, call by call.

mod later;

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use async_trait::async_trait;
use jiff::Timestamp;
use kontor_domain::{
    DocumentId, OrderDraft, OrderKey, OrderLife, Payment, PaymentId, PaymentSource, PaymentTerms, ShipmentId,
    TrackingNumber,
};
use kontor_flow::ports::{Connector, Job, Past};
use kontor_flow::{
    Action, Booked, CallError, Course, Event, EventRecord, Finish, Happened, Hint, StepResult, System,
};

use super::erp::{Invoice, Parcel, SalesOrder, Shipment, Standing};
use super::outside::{Request, SETTLE, request, settled};
use super::world::{State, World};

request!(GET_PARTY, Weclapp, "GET /party", writes: false);
request!(POST_PARTY, Weclapp, "POST /party", writes: true);
request!(FIND_ORDER, Weclapp, "GET /salesOrder", writes: false);
request!(GET_ORDER, Weclapp, "GET /salesOrder/id/{id}", writes: false);
request!(POST_ORDER, Weclapp, "POST /salesOrder", writes: true);
request!(CONFIRM, Weclapp, "PUT /salesOrder/id/{id}", writes: true);
request!(CANCEL, Weclapp, "POST /salesOrder/id/{id}/cancelOrManuallyClose", writes: true);
request!(FIND_SHIPMENT, Weclapp, "GET /shipment", writes: false);
request!(GET_SHIPMENT, Weclapp, "GET /shipment/id/{id}", writes: false);
request!(SHIP, Weclapp, "POST /salesOrder/id/{id}/createShipment", writes: true);
request!(STOP, Weclapp, "PUT /shipment/id/{id}", writes: true);
request!(FIND_INVOICE, Weclapp, "GET /salesInvoice", writes: false);
request!(INVOICE, Weclapp, "POST /salesOrder/id/{id}/createSalesInvoice", writes: true);
request!(OPEN, Weclapp, "PUT /salesInvoice/id/{id}", writes: true);
request!(BOOK, Weclapp, "POST /salesOpenItem/id/{id}/updatePaymentState", writes: true);

/// Works in the ERP.
pub(super) struct Clerk(pub(super) World);

/// The calls of one job. Once one of them may have changed something, no later error says that nothing was done.
struct Session<'a> {
    world: &'a World,
    /// The order was known to be cancelled when this began, and it does not undo anything.
    over: bool,
    begun: AtomicBool,
    calls: AtomicU32,
}

impl Session<'_> {
    async fn call<T: Send + 'static>(
        &self,
        request: Request,
        effect: impl FnOnce(&mut State) -> Result<T, CallError> + Send + 'static,
    ) -> Result<T, CallError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if self.over && request.writes {
            self.world.with(|s| s.breaks(format!("what is cancelled begins nothing: {}", request.name)));
        }
        let answer = self.world.call(request, effect).await;
        if request.writes && answer.is_ok() {
            self.begun.store(true, Ordering::Relaxed);
        }
        answer.map_err(settled)
    }

    async fn work(&self, job: &Job<'_>) -> Result<StepResult, CallError> {
        match job.command.action {
            Action::ErpCustomer => customer(self, job).await,
            Action::ErpSalesOrder => sales_order(self, job).await,
            Action::ErpPayment => payment(self, job).await,
            Action::ErpShipment => shipment(self, job).await,
            Action::ErpInvoice => invoice(self, job).await,
            Action::ErpUpdate => later::update(self, job).await,
            Action::ErpCreditNote => later::credit(self, job).await,
            Action::ErpCancel => cancel(self, job).await,
            Action::ShopPaid | Action::ShopShipment | Action::ShopCancel | Action::MailSend => {
                Err(unmapped("this is no work for the ERP"))
            }
        }
    }
}

fn unmapped(what: &str) -> CallError {
    CallError::Unmapped { system: System::Weclapp, what: what.to_owned() }
}

fn document(id: u64) -> DocumentId {
    DocumentId::parse(&id.to_string()).unwrap()
}

fn parts<'a>(job: &Job<'a>) -> Result<&'a OrderDraft, CallError> {
    let order = job.order.facts.order().ok_or_else(|| unmapped("the shop has not told the order yet"))?;
    Ok(order.parts())
}

fn sales_order_id(job: &Job<'_>) -> Result<u64, CallError> {
    let id = job.order.facts.sales_order_id().ok_or_else(|| unmapped("it has no sales order yet"))?;
    id.as_str().parse().map_err(|_| unmapped("no id of the ERP"))
}

fn must_look(job: &Job<'_>) -> bool {
    match job.past {
        Past::Unknown | Past::Withdrawn => true,
        Past::Clean => job.order.facts.failed.contains_key(&job.command.step),
    }
}

fn is_withdrawn(job: &Job<'_>) -> bool {
    job.past == Past::Withdrawn
}

type Outcome = Result<StepResult, CallError>;

#[async_trait]
impl Connector for Clerk {
    async fn perform(&self, job: Job<'_>) -> Result<Finish, CallError> {
        self.0.with(|s| s.may_work(&job));
        let over = job.order.course != Course::Forward && !job.command.undo;
        let session =
            Session { world: &self.0, over, begun: AtomicBool::new(false), calls: AtomicU32::new(0) };
        let result =
            session.work(&job).await.map_err(|error| match session.begun.load(Ordering::Relaxed) {
                true => error.after_a_part(System::Weclapp, SETTLE),
                false => error,
            })?;
        Ok(Finish { result, calls: session.calls.load(Ordering::Relaxed) })
    }

    async fn look_up(&self, hint: &Hint, _now: Timestamp) -> Result<Vec<Happened>, CallError> {
        let id: u64 = hint.id.parse().map_err(|_| unmapped("no id of the ERP"))?;
        match hint.entity.as_str() {
            "shipment" => self.0.call(GET_SHIPMENT, move |s| Ok(s.shipped(id))).await,
            _ => self.0.call(GET_ORDER, move |s| Ok(s.paid(id))).await,
        }
    }
}

impl State {
    fn shipped(&self, id: u64) -> Vec<Happened> {
        let Some(shipment) = self.erp.shipments.iter().find(|s| s.id == id && s.parcel == Parcel::Shipped)
        else {
            return Vec::new();
        };
        let Some(order) = self.erp.order(shipment.order) else { return Vec::new() };
        let as_of = Timestamp::from_microsecond(shipment.changed_at).unwrap();
        let told = kontor_domain::Shipment {
            id: ShipmentId::parse(&id.to_string()).unwrap(),
            number: None,
            carrier: Some("DHL".to_owned()),
            tracking: vec![TrackingNumber::parse(&format!("T{id}")).unwrap()],
            tracking_url: None,
            lines: Vec::new(),
            shipped_at: as_of,
        };
        let events = vec![EventRecord::told(as_of, Event::Shipped(told))];
        vec![Happened { order: order.key.clone(), events }]
    }

    fn paid(&self, id: u64) -> Vec<Happened> {
        let Some(order) = self.erp.order(id).filter(|order| order.prepayment && order.paid) else {
            return Vec::new();
        };
        let as_of = Timestamp::from_microsecond(order.changed_at).unwrap();
        let payment = Payment {
            id: PaymentId::parse(&format!("weclapp-{id}")).unwrap(),
            source: PaymentSource::Erp,
            amount: order.total,
            received_at: as_of,
            reference: None,
        };
        let events = vec![EventRecord::told(as_of, Event::Paid(payment))];
        vec![Happened { order: order.key.clone(), events }]
    }

    fn order_by_key(&self, key: &OrderKey) -> Option<SalesOrder> {
        let fits = |order: &&SalesOrder| {
            order.key == *key && order.standing != Standing::Cancelled && order.found_from <= self.now
        };
        self.erp.orders.iter().find(fits).cloned()
    }
}

async fn customer(session: &Session<'_>, job: &Job<'_>) -> Outcome {
    let email =
        parts(job)?.customer.email.as_ref().map(|email| email.as_str().to_owned()).unwrap_or_default();
    let wanted = email.clone();
    let found = session
        .call(GET_PARTY, move |s| {
            let now = s.now;
            Ok(s.erp.parties.iter().find(|p| p.email == wanted && p.found_from <= now).map(|p| p.id))
        })
        .await?;
    let id = match found {
        Some(id) => id,
        None => session.call(POST_PARTY, move |s| Ok(s.create_party(email))).await?,
    };
    Ok(StepResult::Customer { id: document(id), number: None })
}

async fn sales_order(session: &Session<'_>, job: &Job<'_>) -> Outcome {
    let parts = parts(job)?;
    let key = job.command.order.clone();
    let found = if must_look(job) {
        let key = key.clone();
        session.call(FIND_ORDER, move |s| Ok(s.order_by_key(&key))).await?
    } else {
        None
    };
    let told = |order: &SalesOrder| StepResult::SalesOrder {
        id: document(order.id),
        number: None,
        total: Some(order.total),
        booked: None,
    };
    if is_withdrawn(job) {
        return Ok(found.as_ref().map_or(StepResult::Withdrawn, told));
    }
    let facts = &job.order.facts;
    let revision = if found.is_some() { Booked::unknown(facts) } else { Booked::of(facts) };
    let told = |order: &SalesOrder| StepResult::SalesOrder {
        id: document(order.id),
        number: None,
        total: Some(order.total),
        booked: revision.clone(),
    };
    let booked = match found {
        Some(booked) => booked,
        None => {
            let customer = job.order.facts.customer_id().ok_or_else(|| unmapped("it has no customer yet"))?;
            let draft = SalesOrder {
                id: 0,
                key,
                customer: customer.to_string(),
                standing: Standing::Entered,
                prepayment: parts.payment.terms == PaymentTerms::Prepayment,
                total: parts.total,
                paid: false,
                changed_at: 0,
                found_from: 0,
            };
            session.call(POST_ORDER, move |s| Ok(s.create_order(draft))).await?
        }
    };
    match booked.standing {
        Standing::Confirmed => Ok(told(&booked)),
        Standing::Entered => {
            let confirmed = session.call(CONFIRM, move |s| s.confirm(CONFIRM, booked.id)).await?;
            Ok(told(&confirmed))
        }
        Standing::Cancelled => Err(unmapped("a cancelled sales order can't be confirmed")),
    }
}

async fn invoice_of(
    session: &Session<'_>,
    order: u64,
    prepayment: bool,
) -> Result<Option<Invoice>, CallError> {
    session
        .call(FIND_INVOICE, move |s| {
            let now = s.now;
            let fits = |i: &&Invoice| i.order == order && i.prepayment == prepayment && i.found_from <= now;
            Ok(s.erp.invoices.iter().find(fits).cloned())
        })
        .await
}

async fn payment(session: &Session<'_>, job: &Job<'_>) -> Outcome {
    let order = sales_order_id(job)?;
    let prepayment = parts(job)?.payment.terms == PaymentTerms::Prepayment;
    let Some(invoice) = invoice_of(session, order, prepayment).await? else {
        return Err(unmapped("no invoice that the payment could be recorded on"));
    };
    let booked = StepResult::PaymentBooked { invoice: Some(document(invoice.id)) };
    if !invoice.paid {
        session
            .call(BOOK, move |s| {
                let now = s.now;
                for known in s.erp.invoices.iter_mut().filter(|known| known.id == invoice.id) {
                    known.paid = true;
                }
                if let Some(order) = s.erp.order_mut(order) {
                    (order.paid, order.changed_at) = (true, now);
                }
                Ok(())
            })
            .await?;
    }
    Ok(booked)
}

async fn shipment(session: &Session<'_>, job: &Job<'_>) -> Outcome {
    let order = sales_order_id(job)?;
    let existing = if must_look(job) {
        let listed = shipments_of(session, order).await?;
        listed.into_iter().find(|shipment| shipment.parcel != Parcel::Cancelled)
    } else {
        None
    };
    let shipment = match existing {
        Some(shipment) => shipment,
        None if is_withdrawn(job) => return Ok(StepResult::Withdrawn),
        None => {
            session
                .call(SHIP, move |s| match s.erp.order(order).map(|order| order.standing) {
                    Some(Standing::Confirmed) => Ok(s.create_shipment(order)),
                    _ => Err(SHIP.refused("not_confirmed")),
                })
                .await?
        }
    };
    Ok(StepResult::Shipment { id: document(shipment.id), number: None })
}

async fn shipments_of(session: &Session<'_>, order: u64) -> Result<Vec<Shipment>, CallError> {
    session
        .call(FIND_SHIPMENT, move |s| {
            let now = s.now;
            let fits = |shipment: &&Shipment| shipment.order == order && shipment.found_from <= now;
            Ok(s.erp.shipments.iter().filter(fits).cloned().collect())
        })
        .await
}

async fn invoice(session: &Session<'_>, job: &Job<'_>) -> Outcome {
    let order = sales_order_id(job)?;
    let existing = if must_look(job) { invoice_of(session, order, false).await? } else { None };
    let invoice = match existing {
        Some(invoice) => invoice,
        None if is_withdrawn(job) => return Ok(StepResult::Withdrawn),
        None => {
            session
                .call(INVOICE, move |s| match s.erp.order(order).cloned() {
                    Some(order) if order.standing == Standing::Confirmed => {
                        Ok(s.create_invoice(&order, false))
                    }
                    _ => Err(INVOICE.refused("not_confirmed")),
                })
                .await?
        }
    };
    let told = StepResult::Invoice { id: document(invoice.id), number: None };
    if !invoice.open_item && !is_withdrawn(job) {
        session
            .call(OPEN, move |s| {
                for known in s.erp.invoices.iter_mut().filter(|known| known.id == invoice.id) {
                    known.open_item = true;
                }
                Ok(())
            })
            .await?;
    }
    Ok(told)
}

async fn cancel(session: &Session<'_>, job: &Job<'_>) -> Outcome {
    let outcome = |word: &str| Ok(StepResult::Cancelled { outcome: word.to_owned() });
    let order = match sales_order_id(job) {
        Ok(id) => session.call(GET_ORDER, move |s| Ok(s.erp.order(id).cloned())).await?,
        Err(_) => {
            let key = job.command.order.clone();
            session.call(FIND_ORDER, move |s| Ok(s.order_by_key(&key))).await?
        }
    };
    let Some(order) = order else { return outcome("NEVER_THERE") };
    if order.standing == Standing::Cancelled {
        return outcome("CANCELLED");
    }
    let over_in_shop = matches!(job.order.facts.life(), OrderLife::Cancelled | OrderLife::Deleted);
    if order.paid && !over_in_shop {
        return Err(GET_ORDER.refused("paid"));
    }
    let listed = shipments_of(session, order.id).await?;
    if listed.iter().any(|shipment| shipment.parcel == Parcel::Shipped) {
        return Err(FIND_SHIPMENT.refused("goods_left"));
    }
    for shipment in listed.into_iter().filter(|shipment| shipment.parcel == Parcel::New) {
        let stop = move |s: &mut State| match s.erp.shipments.iter_mut().find(|known| known.id == shipment.id)
        {
            Some(known) if known.parcel != Parcel::Shipped => {
                known.parcel = Parcel::Cancelled;
                Ok(())
            }
            _ => Err(STOP.refused("goods_left")),
        };
        session.call(STOP, stop).await?;
    }
    session
        .call(CANCEL, move |s| {
            if let Some(order) = s.erp.order_mut(order.id) {
                order.standing = Standing::Cancelled;
            }
            Ok(())
        })
        .await?;
    outcome("CANCELLED")
}
