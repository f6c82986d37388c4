//! The orders' own routes: the list with its filters, single orders, notes and refunds.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::books::Books;
use super::order::{Order, RefundedLine};
use super::refusal::Refusal;
use super::{Asked, Reply};

/// What `orderby` may be.
const ORDER_BY: &[&str] = &["date", "id", "include", "title", "slug", "modified"];

/// A page of a list.
struct PageOf {
    per_page: usize,
    page: usize,
}

impl PageOf {
    fn of(asked: &Asked<'_>) -> Result<Self, Refusal> {
        let number = |name: &str, unless: usize| match asked.parameter(name) {
            None => Ok(unless),
            Some(text) => {
                text.parse().map_err(|_| Refusal::invalid(name, &format!("{name} is not of type integer.")))
            }
        };
        let (per_page, page) = (number("per_page", 10)?, number("page", 1)?);
        if !(1..=100).contains(&per_page) {
            let why = "per_page must be between 1 (inclusive) and 100 (inclusive)";
            return Err(Refusal::invalid("per_page", why));
        }
        if page == 0 {
            return Err(Refusal::invalid("page", "page must be greater than or equal to 1"));
        }
        Ok(Self { per_page, page })
    }

    fn cut(&self, records: Vec<Value>) -> Reply {
        Reply::page(records, self.per_page, self.page)
    }
}

impl Books {
    /// `/orders` and what is below it.
    pub(super) fn orders(&mut self, asked: &Asked<'_>) -> Result<Reply, Refusal> {
        if asked.rest.is_empty() {
            return match asked.method {
                "GET" => self.count("GET /orders").list(asked),
                _ => Err(Refusal::no_route()),
            };
        }
        let rest = asked.rest.strip_prefix('/').ok_or_else(Refusal::no_route)?;
        let (id, below) = rest.split_once('/').map_or((rest, ""), |(id, below)| (id, below));
        let id: u64 = id.parse().map_err(|_| Refusal::no_route())?;
        match (asked.method, below) {
            ("GET", "") => self.count("GET /orders/{id}").order(id).map(|order| Reply::ok(order.to_json())),
            ("PUT", "") => {
                let books = self.count("PUT /orders/{id}");
                let order = books.orders.get_mut(&id).ok_or_else(Refusal::no_order_to_change)?;
                order.change(&asked.sent()?)?;
                Ok(Reply::ok(order.to_json()))
            }
            ("GET", "notes") => {
                let order = self.count("GET /orders/{id}/notes").order(id)?;
                Ok(Reply::ok(Value::Array(order.notes.clone())))
            }
            ("POST", "notes") => {
                let number = self.count("POST /orders/{id}/notes").next_number();
                self.order(id)?.add_note(number, &asked.sent()?).map(Reply::created)
            }
            ("GET", "refunds") => {
                let refunds = self.count("GET /orders/{id}/refunds").order(id)?.refunds.clone();
                Ok(PageOf::of(asked)?.cut(refunds))
            }
            ("POST", "refunds") => {
                let number = self.count("POST /orders/{id}/refunds").next_number();
                refund(self.order(id)?, number, &asked.sent()?)
            }
            (_, "fulfillments") => self.fulfillments(id, asked),
            _ => Err(Refusal::no_route()),
        }
    }

    fn list(&self, asked: &Asked<'_>) -> Result<Reply, Refusal> {
        let page = PageOf::of(asked)?;
        let by = one_of(asked, "orderby", "date", ORDER_BY)?;
        let ascending = one_of(asked, "order", "desc", &["asc", "desc"])? == "asc";
        let gmt = asked.parameter("dates_are_gmt").is_some_and(|word| matches!(word, "true" | "1"));
        let after = time(asked, "modified_after")?;
        let status = asked.parameter("status").unwrap_or("any");
        let wanted = |order: &Order| {
            let modified = order.text(if gmt { "date_modified_gmt" } else { "date_modified" });
            let status = match status {
                "any" => !matches!(order.text("status"), "trash" | "auto-draft"),
                status => order.text("status") == status,
            };
            status && after.is_none_or(|after| modified > after)
        };
        let mut orders: Vec<(&u64, &Order)> = self.orders.iter().filter(|(_, order)| wanted(order)).collect();
        let key = |order: &Order| match by {
            "modified" => order.text("date_modified_gmt").to_owned(),
            "date" => order.text("date_created_gmt").to_owned(),
            _ => String::new(),
        };
        orders.sort_by_key(|(id, order)| (key(order), **id));
        if !ascending {
            orders.reverse();
        }
        Ok(page.cut(orders.into_iter().map(|(_, order)| order.to_json()).collect()))
    }
}

fn one_of<'a>(asked: &'a Asked<'_>, name: &str, unless: &'a str, words: &[&str]) -> Result<&'a str, Refusal> {
    let word = asked.parameter(name).unwrap_or(unless);
    if words.contains(&word) {
        return Ok(word);
    }
    Err(Refusal::invalid(name, &format!("{name} is not one of {}.", words.join(", "))))
}

/// A time as WordPress takes it, to the second.
fn time<'a>(asked: &'a Asked<'_>, name: &str) -> Result<Option<&'a str>, Refusal> {
    let Some(text) = asked.parameter(name) else { return Ok(None) };
    let form = "0000-00-00T00:00:00";
    let fits = text.len() == form.len()
        && text
            .bytes()
            .zip(form.bytes())
            .all(|(is, has)| if has == b'0' { is.is_ascii_digit() } else { is == has });
    if fits { Ok(Some(text)) } else { Err(Refusal::invalid(name, "Invalid date.")) }
}

/// Without an amount WooCommerce answers with 500: recorded.
fn refund(order: &mut Order, number: u64, sent: &Map<String, Value>) -> Result<Reply, Refusal> {
    let Some(amount) = sent.get("amount").and_then(Value::as_str) else {
        let why = "Refund amount must be greater than zero.";
        let code = "woocommerce_rest_invalid_order_refund";
        let body = json!({"code": code, "message": why, "data": 400});
        return Err(Refusal(StatusCode::INTERNAL_SERVER_ERROR, body));
    };
    let text = |item: &Value, name: &str| {
        item.get(name).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    };
    let mut lines = Vec::new();
    for item in sent.get("line_items").and_then(Value::as_array).into_iter().flatten() {
        let id = item.get("id").and_then(Value::as_u64).ok_or_else(|| Refusal::missing("id"))?;
        let pieces = item.get("quantity").and_then(Value::as_u64).unwrap_or(0);
        let total = text(item, "refund_total").unwrap_or_else(|| "0".to_owned());
        let tax = item.pointer("/refund_tax/0").and_then(|tax| text(tax, "refund_total"));
        lines.push((id, pieces, total, tax.unwrap_or_else(|| "0".to_owned())));
    }
    let lines: Vec<RefundedLine<'_>> = lines
        .iter()
        .map(|(line, pieces, total, tax)| RefundedLine { line: *line, pieces: *pieces, total, tax })
        .collect();
    let restock = sent.get("api_restock").and_then(Value::as_bool).unwrap_or(true);
    order.refund(number, amount, &lines, restock);
    Ok(Reply::created(order.refunds.first().cloned().unwrap_or_default()))
}
