//! As much of GraphQL as a stand-in needs: one operation with one field at its root, its arguments, and the selection
//! the answer is cut to.

use serde_json::{Map, Value};

/// A field with its arguments and what is selected below it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// The name in the answer.
    pub(crate) alias: String,
    /// The name in the schema.
    pub(crate) name: String,
    /// Arguments; variables are put in already.
    pub(crate) arguments: Map<String, Value>,
    /// The selection.
    pub(crate) selection: Vec<Field>,
}

/// An operation.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Operation {
    /// Whether it changes anything.
    pub(crate) is_mutation: bool,
    /// Its field at the root.
    pub(crate) root: Field,
}

impl Operation {
    /// Reads an operation with its variables. `None` for what is none, or has several fields at its root.
    pub(crate) fn parse(text: &str, variables: &Map<String, Value>) -> Option<Self> {
        let mut parser = Parser { tokens: tokens(text), at: 0, variables };
        let mut is_mutation = false;
        loop {
            match parser.peek()? {
                "{" => break,
                "mutation" => is_mutation = true,
                "(" => parser.skip_group()?,
                _ => {}
            }
            if parser.peek()? != "{" {
                parser.at += 1;
            }
        }
        let mut fields = parser.selection()?;
        let root = fields.pop()?;
        (fields.is_empty() && parser.at == parser.tokens.len()).then_some(Self { is_mutation, root })
    }
}

impl Field {
    /// `value`, cut to the selection. The name of the field that is not there, if one is not.
    pub(crate) fn project(&self, value: &Value) -> Result<Value, String> {
        match value {
            Value::Array(list) => {
                list.iter().map(|item| self.project(item)).collect::<Result<_, _>>().map(Value::Array)
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

struct Parser<'t> {
    tokens: Vec<&'t str>,
    at: usize,
    variables: &'t Map<String, Value>,
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

    /// Goes over `( … )`, brackets in it included, and stands on its last token.
    fn skip_group(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.peek()? {
                "(" => depth += 1,
                ")" => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Some(());
            }
            self.at += 1;
        }
    }

    fn selection(&mut self) -> Option<Vec<Field>> {
        if !self.takes("{") {
            return Some(Vec::new());
        }
        let mut fields = Vec::new();
        while !self.takes("}") {
            let alias = self.next()?.to_owned();
            let name = if self.takes(":") { self.next()?.to_owned() } else { alias.clone() };
            let arguments = if self.takes("(") { self.arguments(")")? } else { Map::new() };
            while self.takes("@") {
                self.next()?;
                if self.takes("(") {
                    self.arguments(")")?;
                }
            }
            let selection = self.selection()?;
            fields.push(Field { alias, name, arguments, selection });
        }
        Some(fields)
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
    }

    #[test]
    fn queries_in_short_form_are_read_and_nonsense_is_not() {
        assert!(!parse("{ order(id: \"x\") { id } }", json!({})).unwrap().is_mutation);
        for text in ["", "query", "query {", "{ a b }", "{ order(id) { id } }", "{ order } trailing"] {
            assert_eq!(parse(text, json!({})), None, "{text:?}");
        }
    }
}
