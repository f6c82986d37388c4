//! The ERP's ids of articles, currencies and carriers, looked up once for many orders.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use kontor_domain::DocumentId;
use kontor_flow::CallError;

use super::client::Session;
use super::wire::{Article, Currency, ShippingCarrier};
use super::{Weclapp, document_id, unmapped};

/// SKUs asked for in one call, so that the address stays short enough for every server on the way.
const SKUS_PER_CALL: usize = 40;

impl Weclapp {
    /// The ids of all these articles. Only those not remembered are asked for, in one call.
    ///
    /// # Errors
    /// [`CallError::Unmapped`] naming every article the ERP does not have.
    pub(super) async fn article_ids(
        &self,
        session: &Session<'_>,
        numbers: &BTreeSet<String>,
        now: Timestamp,
    ) -> Result<BTreeMap<String, DocumentId>, CallError> {
        let mut ids = BTreeMap::new();
        let mut unknown: Vec<&str> = Vec::new();
        for number in numbers {
            match self.articles.get(number, now) {
                Some(id) => drop(ids.insert(number.clone(), id)),
                None => unknown.push(number),
            }
        }
        for asked in unknown.chunks(SKUS_PER_CALL) {
            for article in fetch(session, asked).await? {
                if !asked.contains(&article.article_number.as_str()) {
                    continue;
                }
                let id = document_id(&article.id)?;
                self.articles.put(article.article_number.clone(), id.clone(), now);
                self.article_numbers.put(article.id, article.article_number.clone(), now);
                ids.insert(article.article_number, id);
            }
        }
        let missing: Vec<&str> = unknown.into_iter().filter(|number| !ids.contains_key(*number)).collect();
        if missing.is_empty() {
            return Ok(ids);
        }
        let which = missing.join(", ");
        Err(unmapped(format!("it has no article {which}; create it there, or correct the SKU in the shop")))
    }

    /// The numbers of articles, by the ERP's ids. Only those not remembered are asked for, in one call.
    pub(super) async fn numbers_of(
        &self,
        session: &Session<'_>,
        ids: &BTreeSet<&str>,
        now: Timestamp,
    ) -> Result<BTreeMap<String, String>, CallError> {
        let mut numbers = BTreeMap::new();
        let mut unknown: Vec<&str> = Vec::new();
        for id in ids {
            match self.article_numbers.get(id, now) {
                Some(number) => drop(numbers.insert((*id).to_owned(), number)),
                None => unknown.push(id),
            }
        }
        for asked in unknown.chunks(SKUS_PER_CALL) {
            let wanted = serde_json::json!(asked).to_string();
            let query =
                [("id-in", wanted.as_str()), ("properties", "id,articleNumber"), ("pageSize", "1000")];
            let asked_for = |article: &Article| asked.contains(&article.id.as_str());
            for article in session.select("GET /article", "/article", &query, asked_for).await? {
                self.article_numbers.put(article.id.clone(), article.article_number.clone(), now);
                numbers.insert(article.id, article.article_number);
            }
        }
        Ok(numbers)
    }

    /// Forgets articles, after the ERP refused an order with them: one may be gone there.
    pub(super) fn forget_articles<'n>(&self, numbers: impl Iterator<Item = &'n String>) {
        numbers.for_each(|number| self.articles.forget(number));
    }

    /// The ERP's id of a currency, by its three letters.
    ///
    /// # Errors
    /// [`CallError::Unmapped`] if the ERP does not have the currency.
    pub(super) async fn currency_id(
        &self,
        session: &Session<'_>,
        code: &str,
        now: Timestamp,
    ) -> Result<String, CallError> {
        if let Some(id) = self.currencies.get(code, now) {
            return Ok(id);
        }
        self.fetch_currencies(session, now).await?;
        self.currencies
            .get(code, now)
            .ok_or_else(|| unmapped(format!("it does not have the currency {code}; create it there")))
    }

    /// The three letters of a currency, by the ERP's id; `None` if there is no such currency.
    pub(super) async fn currency_code(
        &self,
        session: &Session<'_>,
        id: &str,
        now: Timestamp,
    ) -> Result<Option<String>, CallError> {
        let by_id = format!("#{id}");
        if self.currencies.get(&by_id, now).is_none() {
            self.fetch_currencies(session, now).await?;
        }
        Ok(self.currencies.get(&by_id, now))
    }

    async fn fetch_currencies(&self, session: &Session<'_>, now: Timestamp) -> Result<(), CallError> {
        let query = [("properties", "id,name"), ("pageSize", "1000")];
        for currency in session.list::<Currency>("GET /currency", "/currency", &query).await? {
            self.currencies.put(format!("#{}", currency.id), currency.name.clone(), now);
            self.currencies.put(currency.name, currency.id, now);
        }
        Ok(())
    }

    /// The name of a carrier; `None` if the ERP does not tell.
    pub(super) async fn carrier_name(
        &self,
        session: &Session<'_>,
        id: &str,
        now: Timestamp,
    ) -> Result<Option<String>, CallError> {
        if let Some(name) = self.carriers.get(id, now) {
            return Ok(name);
        }
        let found =
            session.find::<ShippingCarrier>("GET /shippingCarrier/id/{id}", "shippingCarrier", id).await;
        let name = match found {
            Ok(carrier) => carrier.map(|carrier| carrier.name),
            // A token without the right to read carriers must not hold up the tracking number.
            Err(CallError::Denied { .. }) => None,
            Err(error) => return Err(error),
        };
        self.carriers.put(id.to_owned(), name.clone(), now);
        Ok(name)
    }
}

async fn fetch(session: &Session<'_>, numbers: &[&str]) -> Result<Vec<Article>, CallError> {
    let wanted = serde_json::json!(numbers).to_string();
    let query =
        [("articleNumber-in", wanted.as_str()), ("properties", "id,articleNumber"), ("pageSize", "1000")];
    // Letters may be compared without their case there; which article is meant is decided by the caller.
    let asked_for =
        |article: &Article| numbers.iter().any(|n| n.eq_ignore_ascii_case(&article.article_number));
    session.select("GET /article", "/article", &query, asked_for).await
}
