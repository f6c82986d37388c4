//! As much of GraphQL as a stand-in needs: one operation with its fields, their arguments, fragments, and the selection the
//! answer is cut to.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

/// Fragments in fragments, at most so deep: more of them go round in a circle.
const DEEPEST: usize = 12;

/// A field with its arguments and what is selected below it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// The name in the answer.
    pub(crate) alias: String,
    /// The name in the schema.
    pub(crate) name: String,
    /// Arguments; variables are put in already.
    pub(crate) arguments: Map<String, Value>,
    /// Directives, without their arguments.
    pub(crate) directives: Vec<String>,
    /// The selection.
    pub(crate) selection: Vec<Field>,
}

/// An operation.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Operation {
    /// Whether it changes anything.
    pub(crate) is_mutation: bool,
    /// Its only field; or what holds all of them, without a name.
    pub(crate) root: Field,
}

impl Operation {
    /// Reads an operation with its variables and fragments. `None` for what is none, or changes several things.
    pub(crate) fn parse(text: &str, variables: &Map<String, Value>) -> Option<Self> {
        let tokens = tokens(text);
        let mut parser = Parser { tokens, at: 0, variables, fragments: HashMap::new(), depth: 0 };
        parser.fragments = parser.find_fragments()?;
        let mut operation = None;
        while parser.peek().is_some() {
            if parser.takes("fragment") {
                parser.skip_to_selection()?;
                parser.skip_group("{", "}")?;
            } else if operation.is_some() {
                return None;
            } else {
                let is_mutation = parser.skip_to_selection()?;
                operation = Some((is_mutation, parser.selection()?));
            }
        }
        let (is_mutation, mut fields) = operation?;
        if fields.len() == 1 {
            return Some(Self { is_mutation, root: fields.pop()? });
        }
        let whole = Field {
            alias: String::new(),
            name: String::new(),
            arguments: Map::new(),
            directives: Vec::new(),
            selection: fields,
        };
        (!is_mutation && !whole.selection.is_empty()).then_some(Self { is_mutation, root: whole })
    }

    /// The fields to answer.
    pub(crate) fn fields(&self) -> &[Field] {
        if self.root.name.is_empty() { &self.root.selection } else { std::slice::from_ref(&self.root) }
    }
}

impl Field {
    /// `value`, cut to the selection. The name of the field that is not there, if one is not.
    pub(crate) fn project(&self, value: &Value) -> Result<Value, String> {
        match value {
            Value::Array(list) => {
                let first = self.first().unwrap_or(usize::MAX);
                list.iter()
                    .take(first)
                    .map(|item| self.project(item))
                    .collect::<Result<_, _>>()
                    .map(Value::Array)
            }
            Value::Object(object) if object.contains_key("nodes") && !object.contains_key("pageInfo") => {
                self.project(&self.page(object))
            }
            Value::Object(object) if !self.selection.is_empty() => {
                let mut kept = Map::new();
                for field in &self.selection {
                    let inner = object.get(&field.name).ok_or_else(|| field.name.clone())?;
                    kept.insert(field.alias.clone(), field.project(inner)?);
                }
                Ok(Value::Object(kept))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
                Ok(value.clone())
            }
        }
    }
}

impl Field {
    fn first(&self) -> Option<usize> {
        usize::try_from(self.arguments.get("first")?.as_u64()?).ok()
    }

    /// The part of a list that is asked for. A cursor is the number of what comes before.
    fn page(&self, list: &Map<String, Value>) -> Value {
        let nodes = list.get("nodes").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let after = self.arguments.get("after").and_then(Value::as_str).and_then(|after| after.parse().ok());
        let from = after.unwrap_or(0).min(nodes.len());
        let until = from.saturating_add(self.first().unwrap_or(usize::MAX)).min(nodes.len());
        let page = nodes.get(from..until).unwrap_or_default();
        let end = (!page.is_empty()).then(|| until.to_string());
        json!({ "nodes": page, "pageInfo": { "hasNextPage": until < nodes.len(), "endCursor": end } })
    }
}

struct Parser<'t> {
    tokens: Vec<&'t str>,
    at: usize,
    variables: &'t Map<String, Value>,
    /// Where their selections begin.
    fragments: HashMap<&'t str, usize>,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn peek(&self) -> Option<&'t str> {
        self.tokens.get(self.at).copied()
    }

    fn next(&mut self) -> Option<&'t str> {
        let token = self.peek();
        self.at += 1;
        token
    }

    fn takes(&mut self, token: &str) -> bool {
        let is_next = self.peek() == Some(token);
        self.at += usize::from(is_next);
        is_next
    }

    fn find_fragments(&self) -> Option<HashMap<&'t str, usize>> {
        let mut found = HashMap::new();
        for (at, _) in self.tokens.iter().enumerate().filter(|(_, token)| **token == "fragment") {
            // fragment Name on Type {
            if self.tokens.get(at + 2) == Some(&"on") {
                found.insert(*self.tokens.get(at + 1)?, at + 4);
            }
        }
        Some(found)
    }

    /// Goes to the next `{` that opens a selection. Answers whether the word `mutation` was on the way.
    fn skip_to_selection(&mut self) -> Option<bool> {
        let mut is_mutation = false;
        loop {
            match self.peek()? {
                "{" => return Some(is_mutation),
                "(" => self.skip_group("(", ")")?,
                token => {
                    is_mutation |= token == "mutation";
                    self.at += 1;
                }
            }
        }
    }

    /// Goes past `( … )`, brackets in it included.
    fn skip_group(&mut self, open: &str, close: &str) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            let token = self.next()?;
            if token == open {
                depth += 1;
            } else if token == close {
                depth -= 1;
            }
            if depth == 0 {
                return Some(());
            }
        }
    }

    fn selection(&mut self) -> Option<Vec<Field>> {
        if !self.takes("{") {
            return Some(Vec::new());
        }
        let mut fields = Vec::new();
        while !self.takes("}") {
            match self.peek()?.strip_prefix("...") {
                Some(spread) => fields.extend(self.spread(spread)?),
                None => fields.push(self.field()?),
            }
        }
        Some(fields)
    }

    fn field(&mut self) -> Option<Field> {
        let alias = self.next()?.to_owned();
        let name = if self.takes(":") { self.next()?.to_owned() } else { alias.clone() };
        let arguments = if self.takes("(") { self.arguments(")")? } else { Map::new() };
        let directives = self.directives()?;
        let selection = self.selection()?;
        Some(Field { alias, name, arguments, directives, selection })
    }

    fn directives(&mut self) -> Option<Vec<String>> {
        let mut directives = Vec::new();
        while self.takes("@") {
            directives.push(self.next()?.to_owned());
            if self.takes("(") {
                self.arguments(")")?;
            }
        }
        Some(directives)
    }

    /// `...Name` or `... on Type { … }`.
    fn spread(&mut self, name: &str) -> Option<Vec<Field>> {
        self.at += 1;
        if name.is_empty() {
            if self.takes("on") {
                self.next()?;
            }
            self.directives()?;
            return self.selection();
        }
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        let back = std::mem::replace(&mut self.at, *self.fragments.get(name)?);
        let fields = self.selection();
        self.at = back;
        self.depth -= 1;
        fields
    }

    fn arguments(&mut self, end: &str) -> Option<Map<String, Value>> {
        let mut arguments = Map::new();
        while !self.takes(end) {
            let name = self.next()?.to_owned();
            if !self.takes(":") {
                return None;
            }
            arguments.insert(name, self.value()?);
        }
        Some(arguments)
    }

    fn value(&mut self) -> Option<Value> {
        match self.next()? {
            "$" => Some(self.variables.get(self.next()?).cloned().unwrap_or(Value::Null)),
            "{" => self.arguments("}").map(Value::Object),
            "[" => {
                let mut list = Vec::new();
                while !self.takes("]") {
                    list.push(self.value()?);
                }
                Some(Value::Array(list))
            }
            // A number, a text, true and false are as in JSON; a word of an enumeration is a text.
            literal => {
                Some(serde_json::from_str(literal).unwrap_or_else(|_| Value::String(literal.to_owned())))
            }
        }
    }
}

/// Names and numbers, texts with their quotes, and single signs. Commas mean nothing in GraphQL.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',' || c == '\u{feff}');
        let Some(first) = rest.chars().next() else { return tokens };
        if first == '#' {
            rest = rest.split_once('\n').map_or("", |(_, after)| after);
            continue;
        }
        let length = match first {
            '"' => rest.get(1..).and_then(closing_quote).map_or(rest.len(), |at| at + 2),
            c if in_name(c) => rest.find(|c: char| !in_name(c)).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        let (token, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        tokens.push(token);
        rest = after;
    }
}

fn in_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-' || c == '.'
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(at, c)| {
        let closes = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        closes.then_some(at)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(text: &str, variables: Value) -> Option<Operation> {
        Operation::parse(text, variables.as_object().unwrap())
    }

    #[test]
    fn arguments_are_read_and_answers_cut_to_the_selection() {
        let text = "mutation Cancel($id: ID!, $n: [String!]) { # a comment\n gone: orderCancel(orderId: $id, reason: OTHER, \
            restock: true, input: {notes: $n, first: 10, said: \"a, \\\"b\\\" }\"}) @idempotent(key: \"k\") \
            { job { id done } userErrors { field message } } }";
        let operation = parse(text, json!({"id": "gid://shopify/Order/1", "n": ["x"]})).unwrap();
        assert!(operation.is_mutation);
        let root = operation.root;
        assert_eq!((root.name.as_str(), root.alias.as_str()), ("orderCancel", "gone"));
        let wanted = json!({
            "orderId": "gid://shopify/Order/1", "reason": "OTHER", "restock": true,
            "input": {"notes": ["x"], "first": 10, "said": "a, \"b\" }"},
        });
        assert_eq!(Value::Object(root.arguments.clone()), wanted);
        let whole = json!({"job": {"id": "j", "done": true, "more": 1}, "userErrors": [{"field": null, "message": "m", "code": 1}]});
        let cut = json!({"job": {"id": "j", "done": true}, "userErrors": [{"field": null, "message": "m"}]});
        assert_eq!(root.project(&whole).unwrap(), cut);
        assert_eq!(root.project(&json!({"job": {"id": "j"}})).unwrap_err(), "done");
        assert_eq!(root.directives, ["idempotent"]);
    }

    #[test]
    fn fragments_are_put_in_and_lists_are_cut() {
        let text = "query Q($n: Int) { order(id: 1) { ...O } shop { name } } fragment O on Order { id lines(first: $n, after: \"1\") \
            { pageInfo { hasNextPage endCursor } nodes { ...L ... on Line { b } } } tags(first: 1) } fragment L on Line { a }";
        let operation = parse(text, json!({"n": 1})).unwrap();
        let [order, shop] = operation.fields() else { panic!("{operation:?}") };
        assert_eq!(shop.name, "shop");
        let line = |n: i64| json!({"a": n, "b": n, "c": n});
        let whole = json!({"id": 7, "lines": {"nodes": [line(0), line(1), line(2)]}, "tags": ["x", "y"]});
        let cut = json!({
            "id": 7, "lines": {"pageInfo": {"hasNextPage": true, "endCursor": "2"}, "nodes": [{"a": 1, "b": 1}]}, "tags": ["x"],
        });
        assert_eq!(order.project(&whole).unwrap(), cut);
        assert_eq!(parse("{ a { ...A } } fragment A on B { ...A }", json!({})), None, "round in a circle");
    }

    #[test]
    fn queries_in_short_form_are_read_and_nonsense_is_not() {
        assert!(!parse("{ order(id: \"x\") { id } }", json!({})).unwrap().is_mutation);
        for text in ["", "query", "query {", "mutation { a b }", "{ order(id) { id } }", "{ order } trailing"]
        {
            assert_eq!(parse(text, json!({})), None, "{text:?}");
        }
    }
}
