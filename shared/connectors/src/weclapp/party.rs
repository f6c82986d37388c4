//! Customers: found by e-mail, created where there is none.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use jiff::Timestamp;
use kontor_domain::{Address, DocumentId, DocumentNumber, OrderDraft, OrderKey, PlacedOrder};
use kontor_flow::ports::Job;
use kontor_flow::{CallError, StepResult};
use tokio::sync::MutexGuard;

use super::client::Session;
use super::reference::reference;
use super::wire::{BusinessType, NewParty, Party, PartyAddress, PartyType};
use super::{Outcome, Weclapp, document_id, document_number, placed};

/// A customer that is known to be in the ERP.
#[derive(Debug, Clone)]
pub(super) struct Known {
    id: DocumentId,
    number: Option<DocumentNumber>,
}

impl Known {
    fn read(party: &Party) -> Result<Self, CallError> {
        Ok(Self { id: document_id(&party.id)?, number: document_number(party.customer_number.as_deref()) })
    }

    fn result(self) -> StepResult {
        StepResult::Customer { id: self.id, number: self.number }
    }
}

/// What a customer is found by. Guests without an e-mail get a customer of their own, whose customer number is the
/// reference of their order (64 characters at most; weclapp takes 1,000): a repeat finds it.
enum Handle {
    Email(String),
    Number(String),
}

impl Handle {
    fn of(order: &OrderDraft, key: &OrderKey) -> Self {
        match &order.customer.email {
            Some(email) => Self::Email(email.as_str().to_owned()),
            None => Self::Number(reference(key)),
        }
    }

    /// The e-mail in small letters: people write theirs now so, now so.
    fn cache_key(&self) -> String {
        match self {
            Self::Email(email) => email.to_lowercase(),
            Self::Number(number) => format!("#{number}"),
        }
    }

    /// Whether the record is one that was asked for by the e-mail or the number.
    fn names(&self, party: &Party) -> bool {
        let told = |text: &Option<String>, wanted: &str| {
            text.as_deref().is_some_and(|text| text.trim().to_lowercase() == wanted.to_lowercase())
        };
        match self {
            Self::Email(email) => told(&party.email, email),
            Self::Number(number) => told(&party.customer_number, number),
        }
    }
}

impl Weclapp {
    /// Finds the customer, or creates it. A first attempt has to look too, so that a repeat needs nothing more.
    pub(super) async fn customer(&self, session: &Session<'_>, job: Job<'_>) -> Outcome {
        let order = placed(&job)?;
        let handle = Handle::of(order.parts(), &job.command.order);
        let cache_key = handle.cache_key();
        if let Some(known) = self.remembered(&cache_key, &job) {
            return Ok(known.result());
        }
        let _turn = self.customer_turn(&cache_key).await;
        if let Some(known) = self.remembered(&cache_key, &job) {
            return Ok(known.result());
        }
        let party = match find(session, &handle).await? {
            Some(party) => party,
            None => create(session, order, &handle).await?,
        };
        let known = Known::read(&party)?;
        self.remember(cache_key, &known, job.now);
        Ok(known.result())
    }

    /// The customer as remembered; not for a repeat, whose trouble may be that what is remembered is gone.
    fn remembered(&self, cache_key: &str, job: &Job<'_>) -> Option<Known> {
        if super::must_look(job) {
            return None;
        }
        self.customers.get(cache_key, job.now)
    }

    fn remember(&self, cache_key: String, known: &Known, now: Timestamp) {
        self.customers.put(cache_key, known.clone(), now);
    }

    /// Forgets a customer, after the ERP refused an order of it: it may be gone there.
    pub(super) fn forget_customer(&self, order: &PlacedOrder, key: &OrderKey) {
        self.customers.forget(&Handle::of(order.parts(), key).cache_key());
    }

    /// One order of a customer at a time, in this process: looking and creating are two calls.
    async fn customer_turn(&self, cache_key: &str) -> Option<MutexGuard<'_, ()>> {
        let mut hasher = DefaultHasher::new();
        cache_key.hash(&mut hasher);
        let locks = u64::try_from(self.customer_locks.len()).unwrap_or(u64::MAX).max(1);
        let at = usize::try_from(hasher.finish() % locks).unwrap_or(0);
        match self.customer_locks.get(at) {
            Some(lock) => Some(lock.lock().await),
            None => None,
        }
    }
}

/// The customer of that handle; of several the one created first, so that every order finds the same.
async fn find(session: &Session<'_>, handle: &Handle) -> Result<Option<Party>, CallError> {
    let filter = match handle {
        Handle::Email(email) => ("email-eq", email.as_str()),
        Handle::Number(number) => ("customerNumber-eq", number.as_str()),
    };
    let query = [filter, ("customer-eq", "true"), ("properties", "id,customerNumber,email,customer")];
    let parties = session.select("GET /party", "/party", &query, |party| handle.names(party)).await?;
    let customers = parties.into_iter().filter(|party: &Party| party.customer != Some(false));
    Ok(customers.min_by(|a, b| by_age(&a.id, &b.id)))
}

/// weclapp's ids count up.
pub(super) fn by_age(a: &str, b: &str) -> std::cmp::Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

async fn create(session: &Session<'_>, order: &PlacedOrder, handle: &Handle) -> Result<Party, CallError> {
    session.create("POST /party", "party", &new_party(order, handle)).await
}

fn new_party<'a>(order: &'a PlacedOrder, handle: &'a Handle) -> NewParty<'a> {
    let parts = order.parts();
    let invoice = order.invoice_address();
    let company = invoice.and_then(Address::company_name).unwrap_or_default();
    let (email, number) = match handle {
        Handle::Email(email) => (Some(email.as_str()), None),
        Handle::Number(number) => (None, Some(number.clone())),
    };
    let first_name = invoice.map_or("", |address| address.first_name.trim());
    let last_name = invoice.map_or("", |address| address.last_name.trim());
    // A person has to have a family name in weclapp; shops let people leave it out.
    let stand_in = [first_name, email.unwrap_or(""), parts.number.as_str()];
    let named = |name: &'a str| {
        if name.is_empty() { stand_in.into_iter().find(|n| !n.is_empty()).unwrap_or("-") } else { name }
    };
    NewParty {
        party_type: if company.is_empty() { PartyType::Person } else { PartyType::Organization },
        customer: true,
        company,
        first_name,
        last_name: if company.is_empty() { named(last_name) } else { last_name },
        email,
        phone: invoice.map_or("", |address| address.phone.trim()),
        customer_number: number,
        vat_identification_number: parts.customer.vat_id.as_deref(),
        customer_business_type: business_type(&parts.customer.group, company),
        addresses: addresses(order),
    }
}

fn business_type(group: &str, company: &str) -> BusinessType {
    match BusinessType::from(group.to_owned()) {
        BusinessType::Other(_) if company.is_empty() => BusinessType::Consumer,
        BusinessType::Other(_) => BusinessType::Business,
        known @ (BusinessType::Business | BusinessType::Consumer | BusinessType::Government) => known,
    }
}

fn addresses(order: &PlacedOrder) -> Vec<PartyAddress<'_>> {
    let invoice = order.invoice_address();
    let delivery = order.delivery_address();
    let same = invoice == delivery;
    let first = invoice.map(|address| party_address(address, true, same));
    let second = delivery.filter(|_| !same).map(|address| party_address(address, false, true));
    first.into_iter().chain(second).collect()
}

fn party_address(address: &Address, invoice: bool, delivery: bool) -> PartyAddress<'_> {
    PartyAddress {
        company: &address.company,
        first_name: &address.first_name,
        last_name: &address.last_name,
        street1: &address.street,
        street2: &address.street2,
        zipcode: &address.zip,
        city: &address.city,
        state: &address.state,
        country_code: address.country.as_ref().map(kontor_domain::CountryCode::as_str),
        phone_number: &address.phone,
        primary_address: invoice,
        delivery_address: delivery,
        invoice_address: invoice,
    }
}
