//! As much of OData v4 as Smartstore's Web API shows: filters, order, pages, expansion, selection.

use std::cmp::Ordering;

use serde_json::{Map, Value, json};

use super::filter::{Filter, compared};

/// A record, its navigation in it.
pub(crate) type Record = Map<String, Value>;

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
