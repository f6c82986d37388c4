//! As much of OData v4 as Smartstore's Web API shows: filters, order, pages, expansion, selection.

use std::cmp::Ordering;

use serde_json::{Map, Value, json};

/// A record, its navigation in it.
pub(crate) type Record = Map<String, Value>;

/// The most parts a filter may have (`MaxNodeCount` of ASP.NET's query validation).
const MOST_NODES: usize = 100;

/// Navigation of an entity: its name, what it leads to, whether to many.
pub(crate) fn navigation(entity: &str) -> &'static [(&'static str, &'static str, bool)] {
    match entity {
        "Order" => &[
            ("Customer", "Customer", false),
            ("BillingAddress", "Address", false),
            ("ShippingAddress", "Address", false),
            ("RedeemedRewardPointsEntry", "RewardPointsHistory", false),
            ("WalletHistory", "WalletHistory", true),
            ("DiscountUsageHistory", "DiscountUsageHistory", true),
            ("GiftCardUsageHistory", "GiftCardUsageHistory", true),
            ("OrderNotes", "OrderNote", true),
            ("OrderItems", "OrderItem", true),
            ("Shipments", "Shipment", true),
        ],
        "OrderItem" => &[
            ("Order", "Order", false),
            ("Product", "Product", false),
            ("AssociatedGiftCards", "GiftCard", true),
        ],
        "Shipment" => &[("Order", "Order", false), ("ShipmentItems", "ShipmentItem", true)],
        "Address" => &[("Country", "Country", false), ("StateProvince", "StateProvince", false)],
        "Customer" => &[("CustomerRoleMappings", "CustomerRoleMapping", true)],
        "CustomerRoleMapping" => &[("Customer", "Customer", false), ("CustomerRole", "CustomerRole", false)],
        "DiscountUsageHistory" => &[("Discount", "Discount", false), ("Order", "Order", false)],
        "GiftCardUsageHistory" => &[("GiftCard", "GiftCard", false), ("UsedWithOrder", "Order", false)],
        _ => &[],
    }
}

/// What was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) filter: Option<Filter>,
    orderby: Vec<(String, bool)>,
    pub(crate) top: Option<usize>,
    skip: usize,
    select: Option<Vec<String>>,
    expand: Vec<Expand>,
    /// The parameters as they came, but for the page.
    same: String,
}

/// A navigation to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Expand {
    name: String,
    query: Query,
}

/// A condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Filter {
    Any(Vec<Filter>),
    All(Vec<Filter>),
    Is(String, String, Literal),
}

/// What a property is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Literal {
    Null,
    Text(String),
    Number(i64),
    Time(String),
    Flag(bool),
}

impl Query {
    /// Reads parameters, already without their escapes. What OData does not allow is told in its words.
    pub(crate) fn parse<'p>(parameters: impl Iterator<Item = (&'p str, &'p str)>) -> Result<Self, String> {
        let mut query = Self::default();
        let mut same = Vec::new();
        for (name, value) in parameters {
            match name {
                "$filter" => query.filter = Some(Filter::parse(value)?),
                "$orderby" => query.orderby = value.split(',').map(by).collect::<Result<_, _>>()?,
                "$top" => {
                    query.top = Some(
                        value
                            .parse()
                            .map_err(|_| format!("Invalid value '{value}' for $top query option found."))?,
                    )
                }
                "$skiptoken" => {
                    query.skip = value.parse().map_err(|_| {
                        "The query specified in the URI is not valid. The skip token is invalid.".to_owned()
                    })?
                }
                "$select" => {
                    query.select = Some(value.split(',').map(|name| name.trim().to_owned()).collect())
                }
                "$expand" => query.expand = expands(value)?,
                name => return Err(format!("The query parameter '{name}' is not supported.")),
            }
            if name != "$skiptoken" {
                same.push(format!("{name}={value}"));
            }
        }
        query.same = same.join("&");
        Ok(query)
    }

    /// The records asked for, as they are shown, and how many were gone over before the next page.
    pub(crate) fn page(
        &self,
        entity: &str,
        mut records: Vec<Record>,
        page: usize,
        base: &str,
    ) -> Result<(Vec<Value>, Option<usize>), String> {
        records.retain(|record| self.filter.as_ref().is_none_or(|filter| filter.holds(record)));
        records.sort_by(|one, other| {
            let by = self.orderby.iter().map(|(name, down)| {
                let order = compared(one.get(name), other.get(name));
                if *down { order.reverse() } else { order }
            });
            let own = compared(one.get("Id"), other.get("Id"));
            by.fold(Ordering::Equal, Ordering::then).then(own)
        });
        let top = self.top.unwrap_or(usize::MAX);
        let taken = top.min(page);
        let end = self.skip.saturating_add(taken);
        let more = records.len() > end && self.top.is_none_or(|top| top > taken);
        let shown = records.iter().skip(self.skip).take(taken);
        let shown = shown.map(|record| self.shown(entity, record, page, base)).collect::<Result<_, _>>()?;
        Ok((shown, more.then_some(end)))
    }

    /// A record without navigation that was not asked for.
    pub(crate) fn shown(
        &self,
        entity: &str,
        record: &Record,
        page: usize,
        base: &str,
    ) -> Result<Value, String> {
        let navigation = navigation(entity);
        let mut shown = Record::new();
        for (name, value) in record {
            let is_own = navigation.iter().all(|(known, _, _)| known != name);
            let wanted = self.select.as_ref().is_none_or(|select| select.contains(name));
            if is_own && wanted {
                shown.insert(name.clone(), value.clone());
            }
        }
        let id = record.get("Id").and_then(Value::as_u64).unwrap_or_default();
        for Expand { name, query } in &self.expand {
            let Some((_, to, many)) = navigation.iter().find(|(known, _, _)| known == name) else {
                return Err(format!(
                    "Could not find a property named '{name}' on type 'Smartstore.Core.{entity}'."
                ));
            };
            let below = record.get(name).cloned().unwrap_or(Value::Null);
            if *many {
                let records =
                    below.as_array().into_iter().flatten().filter_map(|one| one.as_object().cloned());
                let (list, more) = query.page(to, records.collect(), page, base)?;
                shown.insert(name.clone(), Value::Array(list));
                if let Some(end) = more {
                    let set = set(entity);
                    let same = if query.same.is_empty() { String::new() } else { format!("{}&", query.same) };
                    let link = format!("{base}{set}({id})/{name}?{same}$skiptoken={end}");
                    shown.insert(format!("{name}@odata.nextLink"), json!(link));
                }
            } else {
                let one = below.as_object().map(|one| query.shown(to, one, page, base)).transpose()?;
                shown.insert(name.clone(), one.unwrap_or(Value::Null));
            }
        }
        Ok(Value::Object(shown))
    }

    /// The parameters of the page that begins at `skip`.
    pub(crate) fn next(&self, skip: usize) -> String {
        if self.same.is_empty() {
            format!("$skiptoken={skip}")
        } else {
            format!("{}&$skiptoken={skip}", self.same)
        }
    }
}

/// The set an entity is in.
fn set(entity: &str) -> &'static str {
    match entity {
        "Order" => "Orders",
        "Shipment" => "Shipments",
        "Customer" => "Customers",
        _ => "Unknown",
    }
}

fn by(text: &str) -> Result<(String, bool), String> {
    let mut words = text.split_whitespace();
    let name = words.next().ok_or("An identifier was expected at position 0.")?;
    match (words.next(), words.next()) {
        (None | Some("asc"), None) => Ok((name.to_owned(), false)),
        (Some("desc"), None) => Ok((name.to_owned(), true)),
        _ => Err(format!("Syntax error in '{text}'.")),
    }
}

/// Splits at `at`, but not within brackets.
fn split(text: &str, at: char) -> Result<Vec<&str>, String> {
    let (mut parts, mut depth, mut from) = (Vec::new(), 0_usize, 0);
    for (place, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => {
                depth =
                    depth.checked_sub(1).ok_or("Syntax error: a bracket is closed that was not opened.")?
            }
            c if c == at && depth == 0 => {
                parts.push(text.get(from..place).unwrap_or_default());
                from = place + c.len_utf8();
            }
            _ => {}
        }
    }
    if depth > 0 {
        return Err("Syntax error: a bracket is not closed.".to_owned());
    }
    parts.push(text.get(from..).unwrap_or_default());
    Ok(parts)
}

fn expands(text: &str) -> Result<Vec<Expand>, String> {
    let read = |part: &str| {
        let part = part.trim();
        let Some((name, inner)) = part.split_once('(') else {
            return Ok(Expand { name: part.to_owned(), query: Query::default() });
        };
        let inner = inner.strip_suffix(')').ok_or("Syntax error: a bracket is not closed.")?;
        let options = split(inner, ';')?;
        let pairs: Option<Vec<(&str, &str)>> =
            options.iter().map(|option| option.trim().split_once('=')).collect();
        let query = Query::parse(pairs.ok_or("Syntax error in the options of an expansion.")?.into_iter())?;
        Ok(Expand { name: name.to_owned(), query })
    };
    split(text, ',')?.into_iter().map(read).collect()
}

impl Filter {
    fn parse(text: &str) -> Result<Self, String> {
        let tokens = tokens(text)?;
        if tokens.len() > MOST_NODES * 2 {
            return Err(format!("The node count limit of '{MOST_NODES}' has been exceeded."));
        }
        let mut parser = Parser { tokens: &tokens, at: 0 };
        let filter = parser.any()?;
        let left = tokens.len().saturating_sub(parser.at);
        if left > 0 {
            return Err(format!("Syntax error at position {} in '{text}'.", parser.at));
        }
        if filter.nodes() > MOST_NODES {
            return Err(format!("The node count limit of '{MOST_NODES}' has been exceeded."));
        }
        Ok(filter)
    }

    /// Every property it names.
    pub(crate) fn properties(&self) -> Vec<&str> {
        match self {
            Self::Any(parts) | Self::All(parts) => parts.iter().flat_map(Self::properties).collect(),
            Self::Is(name, _, _) => vec![name],
        }
    }

    fn nodes(&self) -> usize {
        match self {
            Self::Any(parts) | Self::All(parts) => {
                parts.iter().map(Self::nodes).sum::<usize>() + parts.len().saturating_sub(1)
            }
            Self::Is(..) => 3,
        }
    }

    fn holds(&self, record: &Record) -> bool {
        match self {
            Self::Any(parts) => parts.iter().any(|part| part.holds(record)),
            Self::All(parts) => parts.iter().all(|part| part.holds(record)),
            Self::Is(name, operator, literal) => {
                let value = record.get(name).unwrap_or(&Value::Null);
                let order = against(value, literal);
                match (operator.as_str(), order) {
                    ("eq", order) => order == Some(Ordering::Equal),
                    ("ne", order) => order != Some(Ordering::Equal),
                    ("gt", Some(order)) => order.is_gt(),
                    ("ge", Some(order)) => order.is_ge(),
                    ("lt", Some(order)) => order.is_lt(),
                    ("le", Some(order)) => order.is_le(),
                    _ => false,
                }
            }
        }
    }
}

/// How a value stands to a literal; none where the two can't be compared (null with anything but null).
fn against(value: &Value, literal: &Literal) -> Option<Ordering> {
    match literal {
        Literal::Null => value.is_null().then_some(Ordering::Equal),
        Literal::Text(text) => Some(value.as_str()?.cmp(text)),
        Literal::Number(number) => Some(value.as_i64()?.cmp(number)),
        Literal::Time(time) => Some(sevenths(value.as_str()?).cmp(&sevenths(time))),
        Literal::Flag(flag) => Some(value.as_bool()?.cmp(flag)),
    }
}

fn compared(one: Option<&Value>, other: Option<&Value>) -> Ordering {
    match (one.unwrap_or(&Value::Null), other.unwrap_or(&Value::Null)) {
        (Value::Number(one), Value::Number(other)) => one.as_i64().cmp(&other.as_i64()),
        (Value::String(one), Value::String(other)) => sevenths(one).cmp(&sevenths(other)),
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Null, _) => Ordering::Less,
        (_, Value::Null) => Ordering::Greater,
        _ => Ordering::Equal,
    }
}

/// A time with seven digits behind the second, as the database keeps it; anything else as it is.
pub(crate) fn sevenths(text: &str) -> String {
    let Some(time) = text.strip_suffix('Z') else { return text.to_owned() };
    let (seconds, fraction) = time.split_once('.').unwrap_or((time, ""));
    let digits: String = fraction.chars().chain(std::iter::repeat('0')).take(7).collect();
    format!("{seconds}.{digits}Z")
}

/// Names, numbers, times, texts in their quotes, brackets.
fn tokens(text: &str) -> Result<Vec<String>, String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(' ');
        let Some(first) = rest.chars().next() else { return Ok(tokens) };
        let length = match first {
            '(' | ')' => 1,
            '\'' => {
                let closing = rest.get(1..).and_then(|inner| inner.find('\''));
                closing.ok_or("Syntax error: there is an unterminated string literal.")? + 2
            }
            _ => rest.find(['(', ')', ' ', '\'']).unwrap_or(rest.len()),
        };
        let (token, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        tokens.push(token.to_owned());
        rest = after;
    }
}

struct Parser<'t> {
    tokens: &'t [String],
    at: usize,
}

impl Parser<'_> {
    fn peek(&self) -> &str {
        self.tokens.get(self.at).map_or("", String::as_str)
    }

    fn next(&mut self) -> String {
        let token = self.peek().to_owned();
        self.at += 1;
        token
    }

    fn takes(&mut self, word: &str) -> bool {
        let is_next = self.peek() == word;
        self.at += usize::from(is_next);
        is_next
    }

    fn any(&mut self) -> Result<Filter, String> {
        let mut parts = vec![self.all()?];
        while self.takes("or") {
            parts.push(self.all()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::Any(parts) })
    }

    fn all(&mut self) -> Result<Filter, String> {
        let mut parts = vec![self.one()?];
        while self.takes("and") {
            parts.push(self.one()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::All(parts) })
    }

    fn one(&mut self) -> Result<Filter, String> {
        if self.takes("(") {
            let inner = self.any()?;
            return if self.takes(")") {
                Ok(inner)
            } else {
                Err("Syntax error: a bracket is not closed.".to_owned())
            };
        }
        let (name, operator, literal) = (self.next(), self.next(), self.next());
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic());
        if !is_name || !["eq", "ne", "gt", "ge", "lt", "le"].contains(&operator.as_str()) {
            return Err(format!("Syntax error: '{name} {operator}' is no comparison."));
        }
        Ok(Filter::Is(name, operator, read_literal(&literal)?))
    }
}

fn read_literal(text: &str) -> Result<Literal, String> {
    if let Some(inner) = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')) {
        return Ok(Literal::Text(inner.to_owned()));
    }
    if let Ok(number) = text.parse() {
        return Ok(Literal::Number(number));
    }
    let fraction = text.split_once('.').map_or(0, |(_, fraction)| fraction.len().saturating_sub(1));
    match text {
        "null" => Ok(Literal::Null),
        "true" => Ok(Literal::Flag(true)),
        "false" => Ok(Literal::Flag(false)),
        time if time.ends_with('Z') && time.contains('T') && fraction <= 7 => {
            Ok(Literal::Time(time.to_owned()))
        }
        other => Err(format!("Could not find a property named '{other}'.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(value: Value) -> Record {
        value.as_object().unwrap().clone()
    }

    fn ids(filter: &str) -> Result<Vec<i64>, String> {
        let records = [
            json!({"Id": 1, "UpdatedOnUtc": "2026-03-02T09:14:08.2Z", "Name": "a b", "PaidDateUtc": null}),
            json!({"Id": 2, "UpdatedOnUtc": "2026-03-02T09:14:08.2033333Z", "Name": "c", "PaidDateUtc": "2026-03-02T09:14:09Z"}),
            json!({"Id": 3, "UpdatedOnUtc": "2026-03-02T09:14:08.2033333Z", "Name": "c", "PaidDateUtc": null}),
        ];
        let query = Query::parse([("$filter", filter), ("$select", "Id")].into_iter())?;
        let (shown, _) = query.page("Order", records.map(record).to_vec(), 10, "")?;
        Ok(shown.iter().map(|one| one["Id"].as_i64().unwrap()).collect())
    }

    #[test]
    fn filters_are_read_as_odata_does() {
        for (filter, wanted) in [
            ("Id eq 2", vec![2]),
            ("UpdatedOnUtc gt 2026-03-02T09:14:08.2Z", vec![2, 3]),
            (
                "UpdatedOnUtc gt 2026-03-02T09:14:08.2033333Z or (UpdatedOnUtc eq 2026-03-02T09:14:08.2033333Z and Id gt 2)",
                vec![3],
            ),
            ("Name eq 'a b' or Id ge 3 and Name ne 'd'", vec![1, 3]),
            ("PaidDateUtc eq null", vec![1, 3]),
            ("PaidDateUtc ge 2020-01-01T00:00:00Z", vec![2]),
        ] {
            assert_eq!(ids(filter).unwrap(), wanted, "{filter}");
        }
        for bad in [
            "",
            "Id",
            "Id = 2",
            "(Id eq 2",
            "Id eq 2)",
            "Id eq x",
            "Id eq 2 or",
            "Name eq 'a",
            "UpdatedOnUtc gt 2026-03-02T09:14:08.203333312Z",
        ] {
            assert!(ids(bad).is_err(), "{bad}");
        }
        let long = (0..30).map(|id| format!("Id eq {id}")).collect::<Vec<_>>().join(" or ");
        assert!(ids(&long).unwrap_err().contains("node count"), "{long}");
    }

    #[test]
    fn expanded_collections_are_cut_with_a_link() {
        let order = json!({"Id": 7, "Total": 1, "OrderItems": [{"Id": 1, "Product": {"Id": 9, "Name": "x"}}, {"Id": 2}, {"Id": 3}], "Customer": null});
        let expand = "OrderItems($expand=Product($select=Id);$orderby=Id),Customer";
        let query = Query::parse([("$expand", expand)].into_iter()).unwrap();
        let shown = query.shown("Order", &record(order), 2, "https://shop/odata/v1/").unwrap();
        assert_eq!(shown["OrderItems"], json!([{"Id": 1, "Product": {"Id": 9}}, {"Id": 2, "Product": null}]));
        let link =
            "https://shop/odata/v1/Orders(7)/OrderItems?$expand=Product($select=Id)&$orderby=Id&$skiptoken=2";
        assert_eq!(shown["OrderItems@odata.nextLink"], link);
        assert_eq!(shown["Customer"], Value::Null);
        let unknown = Query::parse([("$expand", "Lines")].into_iter()).unwrap();
        assert!(unknown.shown("Order", &Record::new(), 2, "").is_err());
    }
}
