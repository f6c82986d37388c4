//! weclapp, the ERP: customers, sales orders, payments, shipments, invoices through its REST API v2.
//!
//! Three rules hold everywhere here. Every sales order carries [`reference`] in `orderNumberAtCustomer`, every credit note its
//! refund in `commission`, customers are found by their e-mail, and everything else hangs on the sales order: so a repeat can
//! always be found. Once a call of
//! a job may have changed something, no later error of that job claims that nothing was done ([`client::Session`]).
//! What weclapp answers is checked before it is believed: filters it does not know, it may ignore ([`client::Session::select`]).

mod amounts;
mod articles;
mod cache;
mod cancel;
mod chain;
mod client;
mod content;
mod credit;
mod errors;
mod lookup;
mod order;
mod party;
mod prepayment;
mod rates;
mod reference;
mod update;
mod wire;

#[cfg(test)]
mod tests;

use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use kontor_domain::{DocumentId, OrderDraft, PlacedOrder};
use kontor_flow::ports::{Connector, Job, Past};
use kontor_flow::{Action, CallError, Finish, Happened, Hint, Problem, StepResult, System};
use tokio::sync::Mutex;

use self::cache::Cache;
use self::client::{Api, Session};
use crate::config::ErpConfig;
use crate::secrets::{MissingSecret, SecretBook};

/// Customers and articles remembered, each.
const REMEMBERED: usize = 20_000;
/// How long a customer or an article is remembered.
const REMEMBERED_FOR: SignedDuration = SignedDuration::from_mins(10);
/// How long currencies and carriers are remembered: they change with the seasons.
const RARELY_CHANGED_FOR: SignedDuration = SignedDuration::from_hours(6);
/// Locks that keep two orders of one new customer from creating it twice.
const CUSTOMER_LOCKS: usize = 512;

/// The connector.
pub struct Weclapp {
    config: ErpConfig,
    api: Api,
    customers: Cache<party::Known>,
    customer_locks: Vec<Mutex<()>>,
    /// Ids by number.
    articles: Cache<DocumentId>,
    /// Numbers by id.
    article_numbers: Cache<String>,
    /// Ids by code and codes by id.
    currencies: Cache<String>,
    carriers: Cache<Option<String>>,
}

impl Weclapp {
    /// Makes the connector.
    ///
    /// # Errors
    /// [`MissingSecret`] if the token was not resolved.
    pub fn new(
        erp: &ErpConfig,
        secrets: &SecretBook,
        client: reqwest::Client,
    ) -> Result<Self, MissingSecret> {
        let token = secrets.get(&erp.token)?;
        Ok(Self {
            config: erp.clone(),
            api: Api::new(&erp.url, token, Duration::from_secs(erp.settle_seconds.into()), client),
            customers: Cache::new(REMEMBERED, REMEMBERED_FOR),
            customer_locks: (0..CUSTOMER_LOCKS).map(|_| Mutex::new(())).collect(),
            articles: Cache::new(REMEMBERED, REMEMBERED_FOR),
            article_numbers: Cache::new(REMEMBERED, REMEMBERED_FOR),
            currencies: Cache::new(1_000, RARELY_CHANGED_FOR),
            carriers: Cache::new(1_000, RARELY_CHANGED_FOR),
        })
    }
}

#[async_trait]
impl Connector for Weclapp {
    async fn perform(&self, job: Job<'_>) -> Result<Finish, CallError> {
        let session = Session::new(&self.api);
        let result = self.work(&session, job).await;
        let result = result.map_err(|error| session.in_view_of_what_was_done(error))?;
        Ok(Finish { result, calls: session.calls_made() })
    }

    async fn look_up(&self, hint: &Hint, now: Timestamp) -> Result<Vec<Happened>, CallError> {
        self.look_up_hint(&Session::new(&self.api), hint, now).await
    }
}

impl Weclapp {
    async fn work(&self, session: &Session<'_>, job: Job<'_>) -> Outcome {
        match job.command.action {
            Action::ErpCustomer => self.customer(session, job).await,
            Action::ErpSalesOrder => self.sales_order(session, job).await,
            Action::ErpPayment => chain::payment(session, job).await,
            Action::ErpShipment => chain::shipment(session, job).await,
            Action::ErpInvoice => chain::invoice(session, job).await,
            Action::ErpUpdate => self.update(session, job).await,
            Action::ErpCreditNote => self.credit_note(session, job).await,
            Action::ErpCancel => cancel::cancel(session, job).await,
            Action::ShopPaid | Action::ShopShipment | Action::ShopCancel | Action::MailSend => {
                Err(unmapped(format!("{} is no work for the ERP", job.command.action)))
            }
        }
    }
}

fn unmapped(what: String) -> CallError {
    CallError::Unmapped { system: System::Weclapp, what }
}

/// What is answered for what cannot be done without a person: the state of the records stands against it.
const CONFLICT: u16 = 409;

/// Why the records as they are do not allow it; `title` says what a person has to decide.
fn refused(call: &'static str, kind: &str, title: String) -> CallError {
    let problem = Problem { kind: kind.to_owned(), title, location: None, detail: None };
    CallError::Refused { system: System::Weclapp, call, status: CONFLICT, problem }
}

/// How a person tells that it was done by hand: the end of a sentence.
fn settles(job: &Job<'_>) -> String {
    let (order, step) = (&job.command.order, &job.command.step);
    format!("then `kontor orders settle {order} {step}` tells Kontor that it is done")
}

/// The order as the shop has it.
fn placed<'a>(job: &Job<'a>) -> Result<&'a PlacedOrder, CallError> {
    job.order.facts.order().ok_or_else(|| unmapped("the shop has not told the order yet".to_owned()))
}

/// The parts of the order.
fn parts<'a>(job: &Job<'a>) -> Result<&'a OrderDraft, CallError> {
    placed(job).map(PlacedOrder::parts)
}

/// The sales order everything else hangs on.
fn sales_order_id<'a>(job: &Job<'a>) -> Result<&'a DocumentId, CallError> {
    job.order.facts.sales_order_id().ok_or_else(|| unmapped("it has no sales order yet".to_owned()))
}

/// Whether to look for our key before creating: an earlier attempt may have had its effect. That is so too where the
/// step was parked before: it may have been parked after the creating call (a total that differs).
fn must_look(job: &Job<'_>) -> bool {
    match job.past {
        Past::Unknown | Past::Withdrawn => true,
        Past::Clean => job.order.facts.failed.contains_key(&job.command.step),
    }
}

/// Whether the order was cancelled since an attempt whose outcome is unknown: what it did is told, and nothing is added.
fn is_withdrawn(job: &Job<'_>) -> bool {
    job.past == Past::Withdrawn
}

/// An id out of an answer.
fn document_id(raw: &str) -> Result<DocumentId, CallError> {
    DocumentId::parse(raw).map_err(|source| CallError::Unreadable {
        system: System::Weclapp,
        call: "an id",
        effect: kontor_flow::remedy::Effect::Possible,
        source: source.into(),
    })
}

/// A number out of an answer; what is no number of a document is left out.
fn document_number(raw: Option<&str>) -> Option<kontor_domain::DocumentNumber> {
    raw.and_then(|number| kontor_domain::DocumentNumber::parse(number).ok())
}

/// What came of a job.
type Outcome = Result<StepResult, CallError>;
