//! Looking orders up by when they changed, oldest first, a page at a time.

use serde_json::{Map, Value, json};

use super::told::text;

/// Where an order stands in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark {
    /// When it changed, in milliseconds since 1970.
    pub(super) at_ms: u64,
    id: u64,
}

impl Mark {
    /// Where an order stands; none if it does not say when it changed.
    pub(super) fn of(body: &Value, id: u64) -> Option<Self> {
        Some(Self { at_ms: ms(text(body, "updated_at")?)?, id })
    }

    fn cursor(self) -> String {
        format!("{}-{}", self.at_ms, self.id)
    }

    fn read(cursor: &str) -> Option<Self> {
        let (at_ms, id) = cursor.split_once('-')?;
        Some(Self { at_ms: at_ms.parse().ok()?, id: id.parse().ok()? })
    }
}

fn ms(text: &str) -> Option<u64> {
    let at: jiff::Timestamp = text.trim_matches(['\'', '"']).parse().ok()?;
    u64::try_from(at.as_millisecond()).ok()
}

/// The orders of one page, and what is said of the page. None if the question can't be read.
pub(super) fn page(mut all: Vec<(Mark, u64)>, arguments: &Map<String, Value>) -> Option<(Vec<u64>, Value)> {
    let word = |name: &str| arguments.get(name).and_then(Value::as_str);
    if word("sortKey") != Some("UPDATED_AT") {
        return None;
    }
    let first = usize::try_from(arguments.get("first")?.as_u64()?).ok()?;
    for term in word("query").unwrap_or_default().split(" AND ").filter(|term| !term.is_empty()) {
        if let Some(from) = term.strip_prefix("updated_at:>=") {
            let from = ms(from)?;
            all.retain(|(mark, _)| mark.at_ms >= from);
        } else {
            let until = ms(term.strip_prefix("updated_at:<=")?)?;
            all.retain(|(mark, _)| mark.at_ms <= until);
        }
    }
    all.sort_unstable();
    if let Some(after) = word("after") {
        let after = Mark::read(after)?;
        all.retain(|(mark, _)| *mark > after);
    }
    let info = json!({
        "hasNextPage": all.len() > first,
        "endCursor": all.get(..first.min(all.len())).and_then(|page| page.last()).map(|(mark, _)| mark.cursor()),
    });
    Some((all.into_iter().take(first).map(|(_, id)| id).collect(), info))
}
