//! YAML as a tree with places, so that every problem of a file can be told at once and where it is.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Spanned};

use super::problem::{Place, Problems};

/// A value with its place.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) at: Place,
    pub(super) value: Yaml,
}

/// An entry of a mapping.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) at: Place,
    pub(super) key: String,
    pub(super) node: Node,
}

/// What a node holds. Numbers and truth values are kept as text: flows have words only.
#[derive(Debug, Clone)]
pub(super) enum Yaml {
    Nothing,
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

impl Yaml {
    /// What it is, in words.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

/// Reads a file into a tree. Anchors are expanded within narrow bounds.
pub(super) fn read(source: &str, problems: &mut Problems) -> Option<Node> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: 50_000,
            max_aliases: 200,
            max_anchors: 50,
            max_depth: 12,
            max_documents: 4,
            max_nodes: 20_000,
            max_recorded_anchor_events: 5_000,
        },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        strict_booleans: true,
        with_snippet: false,
    };
    match serde_saphyr::from_str_with_options::<Spanned<Yaml>>(source, options) {
        Ok(root) => Some(root.into()),
        Err(error) => {
            let at = error.location().map_or(Place::START, Place::from);
            let message = format!("this is no YAML that can be read: {}", first_line(&error));
            problems.add(at, message, quoting(source, at));
            None
        }
    }
}

/// Conditions have signs in them that mean something in YAML.
fn quoting(source: &str, at: Place) -> Option<String> {
    let line = source.lines().nth(usize::try_from(at.line.saturating_sub(1)).ok()?)?;
    let condition = line.contains("when:") || line.contains("await:");
    condition.then(|| "put the condition between quotes, as in when: \"'vip' in customer.tags\"".to_owned())
}

/// What the parser says, without the place, which is told already.
fn first_line(error: &serde_saphyr::Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    let said = line.strip_prefix("error: ").unwrap_or(line);
    // What stands behind a semicolon is advice for programmers.
    said.split(';')
        .next()
        .and_then(|said| said.split(" at line ").next())
        .unwrap_or(said)
        .trim_end_matches([':', ' '])
        .to_owned()
}

impl From<Spanned<Yaml>> for Node {
    fn from(spanned: Spanned<Yaml>) -> Self {
        Self { at: spanned.referenced.into(), value: spanned.value }
    }
}

impl<'de> Deserialize<'de> for Yaml {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyYaml)
    }
}

struct AnyYaml;

impl<'de> Visitor<'de> for AnyYaml {
    type Value = Yaml;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a list or a mapping")
    }

    fn visit_unit<E>(self) -> Result<Yaml, E> {
        Ok(Yaml::Nothing)
    }

    fn visit_none<E>(self) -> Result<Yaml, E> {
        Ok(Yaml::Nothing)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Yaml, E> {
        Ok(Yaml::Text(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Yaml, E> {
        Ok(Yaml::Text(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Yaml, E> {
        Ok(Yaml::Text(value.to_string()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Yaml, E> {
        Ok(Yaml::Text(value.to_string()))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Yaml, E> {
        Ok(Yaml::Text(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Yaml, E> {
        Ok(Yaml::Text(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Yaml, E> {
        Ok(Yaml::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Yaml, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = seq.next_element::<Spanned<Yaml>>()? {
            list.push(item.into());
        }
        Ok(Yaml::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Yaml, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<Yaml>>()? {
            let node = map.next_value::<Spanned<Yaml>>()?.into();
            let text = match key.value {
                Yaml::Text(text) => text,
                other @ (Yaml::Nothing | Yaml::List(_) | Yaml::Map(_)) => format!("({})", other.kind()),
            };
            entries.push(Entry { at: key.referenced.into(), key: text, node });
        }
        Ok(Yaml::Map(entries))
    }
}
