//! Queries: `<property>-<operator>=<value>`, `properties`, `sort`, pages. What a connector looks for is found through an
//! index; anything else by going through the records.

use std::cmp::Ordering;

use rust_decimal::Decimal;
use serde_json::Value;

use super::books::{Books, CARRIER, CURRENCIES};
use super::properties::{
    ARTICLE, CURRENCY, PARTY, Properties, SALES_INVOICE, SALES_OPEN_ITEM, SALES_ORDER, SHIPMENT,
    SHIPPING_CARRIER,
};
use super::refusal::Refusal;

/// A query of the kinds this stand-in knows.
const OPERATORS: &[&str] =
    &["eq", "ne", "lt", "gt", "le", "ge", "null", "notnull", "like", "notlike", "in", "notin"];
/// Parameters that are no filters.
const OTHERS: &[&str] =
    &["page", "pageSize", "offset", "sort", "properties", "serializeNulls", "includeReferencedEntities"];

/// A condition on one property.
struct Filter<'q> {
    path: &'q str,
    operator: &'q str,
    values: Vec<String>,
}

/// The properties of a kind of record, if there is such a kind.
pub(crate) fn properties_of(entity: &str) -> Option<&'static Properties> {
    Some(match entity {
        "party" => &PARTY,
        "article" => &ARTICLE,
        "salesOrder" => &SALES_ORDER,
        "shipment" => &SHIPMENT,
        "salesInvoice" => &SALES_INVOICE,
        "salesOpenItem" => &SALES_OPEN_ITEM,
        "currency" => &CURRENCY,
        "shippingCarrier" => &SHIPPING_CARRIER,
        _ => return None,
    })
}

/// The answer to `GET /<entity>`; the whole table where filters are ignored.
pub(crate) fn list(
    books: &Books,
    entity: &str,
    query: &[(String, String)],
    ignore_filters: bool,
) -> Result<String, Refusal> {
    let properties = properties_of(entity).ok_or_else(|| Refusal::not_found(entity))?;
    let mut filters = Vec::new();
    let asked = query.iter().filter(|(name, _)| !ignore_filters && !OTHERS.contains(&name.as_str()));
    for (name, value) in asked {
        filters.push(filter(properties, name, value)?);
    }
    let option =
        |wanted: &str| query.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    let mut found = Vec::new();
    for id in candidates(books, entity, &filters) {
        let Some(text) = books.render(entity, id) else { continue };
        let Ok(record) = serde_json::from_str::<Value>(&text) else { continue };
        if filters.iter().all(|filter| filter.holds(&record)) {
            found.push(record);
        }
    }
    if let Some(sort) = option("sort") {
        sort_by(properties, sort, &mut found)?;
    }
    let (size, page) =
        (number(option("pageSize")).unwrap_or(100).min(1_000), number(option("page")).unwrap_or(1));
    let skipped = number(option("offset")).unwrap_or_else(|| page.saturating_sub(1).saturating_mul(size));
    let mut shown: Vec<Value> = found.into_iter().skip(skipped).take(size).collect();
    if let Some(wanted) = option("properties") {
        shown = project(properties, wanted, shown)?;
    }
    Ok(format!(r#"{{"result":{}}}"#, Value::Array(shown)))
}

fn number(text: Option<&str>) -> Option<usize> {
    text?.parse().ok()
}

/// `salesOrders.id` can be filtered by although the document says no: reported from live tenants by several.
fn filter<'q>(properties: &Properties, name: &'q str, value: &str) -> Result<Filter<'q>, Refusal> {
    let (path, operator) = name.rsplit_once('-').ok_or_else(|| Refusal::filter(name))?;
    let top = path.split('.').next().unwrap_or(path);
    let filterable =
        properties.has(top) && (!properties.unfilterable.contains(&top) || path == "salesOrders.id");
    if !filterable || !OPERATORS.contains(&operator) {
        return Err(Refusal::filter(path));
    }
    let values = match operator {
        "in" | "notin" => serde_json::from_str(value).map_err(|_| Refusal::value_type(name))?,
        _ => vec![value.to_owned()],
    };
    Ok(Filter { path, operator, values })
}

/// The records that may fit, in the order of their ids.
fn candidates(books: &Books, entity: &str, filters: &[Filter<'_>]) -> Vec<u64> {
    let exact = filters.iter().filter(|filter| matches!(filter.operator, "eq" | "in"));
    let by_index = |filter: &Filter<'_>| -> Option<Vec<Vec<u64>>> {
        filter.values.iter().map(|value| books.lookup(entity, filter.path, value)).collect()
    };
    let indexed = exact.into_iter().find_map(by_index);
    let mut ids: Vec<u64> = indexed.map_or_else(|| books.ids(entity), |found| found.concat());
    ids.sort_unstable();
    ids.dedup();
    ids
}

impl Books {
    /// Records by an indexed property; `None` if it has no index.
    fn lookup(&self, entity: &str, path: &str, value: &str) -> Option<Vec<u64>> {
        let id = value.parse::<u64>().ok();
        let order = || id.and_then(|id| self.orders.get(&id));
        Some(match (entity, path) {
            (_, "id") => id.into_iter().collect(),
            ("party", "email") => {
                self.party_by_email.get(value.to_lowercase().as_str()).cloned().unwrap_or_default()
            }
            ("party", "customerNumber") => self.party_by_number.get(value).cloned().unwrap_or_default(),
            ("article", "articleNumber") => self.article_by_number.get(value).copied().into_iter().collect(),
            ("salesOrder", "orderNumberAtCustomer") => {
                self.order_by_key.get(value).cloned().unwrap_or_default()
            }
            ("shipment", "salesOrders.id" | "mainSalesOrderId") => {
                order().map(|o| o.shipments.clone()).unwrap_or_default()
            }
            ("salesInvoice", "salesOrders.id") => order().map(|o| o.invoices.clone()).unwrap_or_default(),
            // Only credit notes have these.
            ("salesInvoice", "precedingSalesInvoiceId" | "commission") => self.credit_notes.clone(),
            ("salesOpenItem", "salesInvoiceId") => id
                .and_then(|id| self.invoices.get(&id))
                .and_then(|invoice| invoice.open_item)
                .into_iter()
                .collect(),
            _ => return None,
        })
    }

    fn ids(&self, entity: &str) -> Vec<u64> {
        match entity {
            "party" => self.parties.keys().copied().collect(),
            "article" => self.articles.keys().copied().collect(),
            "salesOrder" => self.orders.keys().copied().collect(),
            "shipment" => self.shipments.keys().copied().collect(),
            "salesInvoice" => self.invoices.keys().copied().collect(),
            "salesOpenItem" => self.open_items.keys().copied().collect(),
            "currency" => CURRENCIES.iter().map(|(id, _)| *id).collect(),
            "shippingCarrier" => vec![CARRIER],
            _ => Vec::new(),
        }
    }

    /// A record as it is answered.
    pub(crate) fn render(&self, entity: &str, id: u64) -> Option<String> {
        match entity {
            "party" => self.parties.get(&id).map(super::books::Party::render),
            "article" => self.articles.get(&id).map(super::books::Article::render),
            "salesOrder" => self.orders.get(&id).map(super::books::SalesOrder::render),
            "shipment" | "salesInvoice" => self.render_document(entity, id),
            "salesOpenItem" => {
                let item = self.open_items.get(&id)?;
                Some(item.render(self.invoices.get(&item.invoice)?.gross))
            }
            "currency" => {
                let (id, name) = CURRENCIES.iter().find(|(known, _)| *known == id)?;
                Some(format!(r#"{{"id":"{id}","version":"0","name":"{name}"}}"#))
            }
            "shippingCarrier" => (id == CARRIER)
                .then(|| format!(r#"{{"id":"{CARRIER}","version":"0","active":true,"name":"DHL"}}"#)),
            _ => None,
        }
    }
}

impl Filter<'_> {
    fn holds(&self, record: &Value) -> bool {
        let mut values = Vec::new();
        collect(record, self.path, &mut values);
        let any = |test: &dyn Fn(&Value) -> bool| values.iter().any(|value| test(value));
        let first = self.values.first().map_or("", String::as_str);
        let equal =
            |value: &Value| self.values.iter().any(|wanted| text_of(value).eq_ignore_ascii_case(wanted));
        let compares =
            |ordering: &[Ordering]| any(&|value| ordering.contains(&compare(&text_of(value), first)));
        match self.operator {
            "eq" | "in" => any(&equal),
            "ne" | "notin" => !any(&equal),
            "lt" => compares(&[Ordering::Less]),
            "gt" => compares(&[Ordering::Greater]),
            "le" => compares(&[Ordering::Less, Ordering::Equal]),
            "ge" => compares(&[Ordering::Greater, Ordering::Equal]),
            "null" => values.is_empty(),
            "notnull" => !values.is_empty(),
            "like" => any(&|value| like(&text_of(value), first)),
            "notlike" => !any(&|value| like(&text_of(value), first)),
            _ => false,
        }
    }
}

/// The values at a path; a list stands for all its elements.
fn collect<'v>(value: &'v Value, path: &str, into: &mut Vec<&'v Value>) {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let Some(next) = value.get(name) else { return };
    let elements = next.as_array().map_or_else(|| vec![next], |list| list.iter().collect());
    for element in elements {
        match rest {
            Some(rest) => collect(element, rest, into),
            None if element.is_null() => {}
            None => into.push(element),
        }
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Numbers by their value, texts by their letters.
fn compare(a: &str, b: &str) -> Ordering {
    match (a.parse::<Decimal>(), b.parse::<Decimal>()) {
        (Ok(a), Ok(b)) => a.cmp(&b),
        _ => a.cmp(b),
    }
}

/// `%` stands for anything.
fn like(text: &str, pattern: &str) -> bool {
    let mut rest = text;
    let (first, parts) = match pattern.split_once('%') {
        None => return text == pattern,
        Some((first, parts)) => (first, parts),
    };
    let Some(tail) = rest.strip_prefix(first) else { return false };
    rest = tail;
    let mut parts = parts.split('%').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or("");
    }
    true
}

fn sort_by(properties: &Properties, sort: &str, records: &mut [Value]) -> Result<(), Refusal> {
    let keys: Vec<(&str, bool)> =
        sort.split(',').map(|key| key.strip_prefix('-').map_or((key, false), |name| (name, true))).collect();
    for (name, _) in &keys {
        if !properties.has(name) {
            return Err(Refusal::unknown_property(name));
        }
    }
    let text = |record: &Value, name: &str| record.get(name).map(text_of).unwrap_or_default();
    records.sort_by(|a, b| {
        keys.iter().fold(Ordering::Equal, |so_far, (name, descending)| {
            let ordering = compare(&text(a, name), &text(b, name));
            so_far.then(if *descending { ordering.reverse() } else { ordering })
        })
    });
    Ok(())
}

fn project(properties: &Properties, wanted: &str, records: Vec<Value>) -> Result<Vec<Value>, Refusal> {
    let names: Vec<&str> = wanted.split(',').map(|name| name.split('.').next().unwrap_or(name)).collect();
    if let Some(unknown) = names.iter().find(|name| !properties.has(name)) {
        return Err(Refusal::unknown_property(unknown));
    }
    let only = |mut record: Value| {
        if let Some(all) = record.as_object_mut() {
            all.retain(|name, _| names.contains(&name.as_str()));
        }
        record
    };
    Ok(records.into_iter().map(only).collect())
}
