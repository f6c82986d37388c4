//! Where in `kontor.yaml` a value stands, so that a problem with what it means is told with line and column.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

/// A part of the file with its place.
type Node = Spanned<Tree>;

/// What a YAML file holds, as far as paths lead into it.
enum Tree {
    Leaf,
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

/// How much a file may hold, anchors expanded: a few lines of anchors that refer to each other are as long as one likes.
pub(super) fn bounds() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: 100_000,
            max_aliases: 1_000,
            max_anchors: 100,
            max_depth: 16,
            max_documents: 1,
            max_nodes: 50_000,
            max_recorded_anchor_events: 10_000,
            max_recorded_anchor_bytes: 1024 * 1024,
            max_merge_keys: 1_000,
        },
    }
}

/// Line and column, from 1, of the value at `path`, as in `shops[0].url`; of what holds it if it is not there.
pub(super) fn find(yaml: &str, path: &str) -> Option<(u64, u64)> {
    let root: Node = serde_saphyr::from_str_with_options(yaml, bounds()).ok()?;
    let mut node = &root;
    for word in path.split(['.', '[', ']']).filter(|word| !word.is_empty()) {
        let below = match &node.value {
            Tree::Leaf => None,
            Tree::List(list) => word.parse().ok().and_then(|at: usize| list.get(at)),
            Tree::Map(map) => map.iter().find(|(key, _)| key == word).map(|(_, node)| node),
        };
        match below {
            Some(below) => node = below,
            None => break,
        }
    }
    let at = node.referenced;
    Some((at.line().max(1), at.column().max(1)))
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyTree)
    }
}

struct AnyTree;

impl<'de> Visitor<'de> for AnyTree {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a list or a mapping")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Leaf)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Tree, E> {
        Ok(Tree::Leaf)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Tree, E> {
        Ok(Tree::Leaf)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Tree, E> {
        Ok(Tree::Leaf)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Tree, E> {
        Ok(Tree::Leaf)
    }

    fn visit_str<E>(self, _: &str) -> Result<Tree, E> {
        Ok(Tree::Leaf)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = seq.next_element()? {
            list.push(item);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            entries.push((key, map.next_value()?));
        }
        Ok(Tree::Map(entries))
    }
}
