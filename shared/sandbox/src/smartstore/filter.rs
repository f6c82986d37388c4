//! Filters of OData: comparisons joined by `and`, `or` and brackets.

use std::cmp::Ordering;

use serde_json::Value;

use super::odata::Record;

/// The most parts a filter may have (`MaxNodeCount` of ASP.NET's query validation).
const MOST_NODES: usize = 100;

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

impl Filter {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
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

    pub(crate) fn holds(&self, record: &Record) -> bool {
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

pub(crate) fn compared(one: Option<&Value>, other: Option<&Value>) -> Ordering {
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
