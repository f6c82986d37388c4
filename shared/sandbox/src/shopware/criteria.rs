//! As much of Shopware's search criteria as is used here; anything else is refused instead of ignored.

use axum::http::StatusCode;
use serde_json::{Map, Value};

use super::Refusal;

/// The most records per page (`shopware.yaml`, `max_limit`).
const MOST: u64 = 500;

/// What is searched.
pub(crate) struct Criteria {
    page: u64,
    limit: u64,
    ids: Option<Vec<String>>,
    filter: Vec<Filter>,
    sort: Vec<(String, bool)>,
    /// What is loaded with each record.
    pub(crate) associations: Map<String, Value>,
}

enum Filter {
    Equals(String, Value),
    /// The field, and at least this.
    From(String, String),
    All(Vec<Filter>),
    Any(Vec<Filter>),
}

fn bad(detail: &str) -> Refusal {
    Refusal::bad("FRAMEWORK__INVALID_CRITERIA", detail)
}

impl Criteria {
    /// Reads criteria.
    pub(crate) fn parse(sent: &Map<String, Value>) -> Result<Self, Refusal> {
        let mut criteria = Self {
            page: 1,
            limit: MOST,
            ids: None,
            filter: Vec::new(),
            sort: Vec::new(),
            associations: Map::new(),
        };
        for (name, value) in sent {
            match name.as_str() {
                "page" => criteria.page = value.as_u64().filter(|n| *n > 0).ok_or_else(|| bad("page"))?,
                "limit" => criteria.limit = limit(value)?,
                "ids" => criteria.ids = Some(ids(value)?),
                "filter" => criteria.filter = filters(value)?,
                "sort" => criteria.sort = sorting(value)?,
                "associations" => {
                    criteria.associations = value.as_object().cloned().ok_or_else(|| bad("associations"))?;
                }
                "total-count-mode" if value.as_u64().is_some_and(|mode| mode <= 2) => {}
                _ => return Err(bad(&format!("the stand-in does not know {name}"))),
            }
        }
        Ok(criteria)
    }

    /// The page of those of `all` that fit. What `sort` leaves open a database answers as it likes: here the other way round on
    /// every second page.
    pub(crate) fn page_of(&self, all: Vec<Value>) -> Vec<Value> {
        let mut found: Vec<Value> = all.into_iter().filter(|record| self.fits(record)).collect();
        if self.page.is_multiple_of(2) {
            found.reverse();
        }
        for (field, ascending) in self.sort.iter().rev() {
            found.sort_by_key(|record| if field == "id" { text(record, field) } else { time(record, field) });
            if !ascending {
                found.reverse();
            }
        }
        let count = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let skipped = self.page.saturating_sub(1).saturating_mul(self.limit);
        found.into_iter().skip(count(skipped)).take(count(self.limit)).collect()
    }

    fn fits(&self, record: &Value) -> bool {
        let id = record.get("id").and_then(Value::as_str).unwrap_or_default();
        self.ids.as_ref().is_none_or(|ids| ids.iter().any(|wanted| wanted == id))
            && self.filter.iter().all(|filter| filter.fits(record))
    }
}

impl Filter {
    fn fits(&self, record: &Value) -> bool {
        match self {
            Self::Equals(field, value) => record.get(field).unwrap_or(&Value::Null) == value,
            // Null is never in a range.
            Self::From(field, from) => time(record, field).is_some_and(|at| at.as_str() >= from.as_str()),
            Self::All(all) => all.iter().all(|filter| filter.fits(record)),
            Self::Any(any) => any.iter().any(|filter| filter.fits(record)),
        }
    }
}

fn text(record: &Value, field: &str) -> Option<String> {
    record.get(field)?.as_str().map(str::to_owned)
}

/// A time as the database has it, to the millisecond and without a zone; all are UTC.
fn time(record: &Value, field: &str) -> Option<String> {
    Some(record.get(field)?.as_str()?.chars().take(23).collect())
}

fn limit(value: &Value) -> Result<u64, Refusal> {
    let limit = value.as_u64().filter(|n| *n > 0).ok_or_else(|| bad("limit"))?;
    if limit > MOST {
        let detail = format!("The limit must be lower than or equal to MAX_LIMIT(={MOST}). Given: {limit}");
        return Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "FRAMEWORK__QUERY_LIMIT_EXCEEDED",
            "Bad Request",
            &detail,
        ));
    }
    Ok(limit)
}

fn ids(value: &Value) -> Result<Vec<String>, Refusal> {
    let ids = value.as_array().ok_or_else(|| bad("ids"))?;
    let id = |id: &Value| {
        let text = id.as_str().filter(|text| super::books::is_id(text));
        let invalid = || Refusal::bad("FRAMEWORK__INVALID_UUID", "Value is not a valid UUID");
        text.map(str::to_owned).ok_or_else(invalid)
    };
    ids.iter().map(id).collect()
}

fn filters(value: &Value) -> Result<Vec<Filter>, Refusal> {
    value.as_array().ok_or_else(|| bad("filter"))?.iter().map(filter).collect()
}

fn filter(value: &Value) -> Result<Filter, Refusal> {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let field = || text("field").map(str::to_owned).ok_or_else(|| bad("a filter without a field"));
    match (text("type"), text("operator")) {
        (Some("equals"), _) => Ok(Filter::Equals(
            field()?,
            value.get("value").cloned().ok_or_else(|| bad("a filter without a value"))?,
        )),
        (Some("range"), _) => {
            let from = value.pointer("/parameters/gte").and_then(Value::as_str);
            let from = from.ok_or_else(|| bad("the stand-in only knows ranges with gte"))?;
            Ok(Filter::From(field()?, from.chars().take(23).collect()))
        }
        (Some("multi"), operator) => {
            let queries = filters(value.get("queries").unwrap_or(&Value::Null))?;
            match operator {
                Some("or") => Ok(Filter::Any(queries)),
                Some("and") | None => Ok(Filter::All(queries)),
                Some(_) => Err(bad("operator")),
            }
        }
        _ => Err(bad("the stand-in knows the filters equals, range and multi")),
    }
}

fn sorting(value: &Value) -> Result<Vec<(String, bool)>, Refusal> {
    let sort = |sort: &Value| {
        let field = sort.get("field").and_then(Value::as_str)?;
        let ascending = match sort.get("order").and_then(Value::as_str) {
            Some("ASC") | None => true,
            Some("DESC") => false,
            Some(_) => return None,
        };
        Some((field.to_owned(), ascending))
    };
    value
        .as_array()
        .ok_or_else(|| bad("sort"))?
        .iter()
        .map(|one| sort(one).ok_or_else(|| bad("sort")))
        .collect()
}
