//! What operations cost, and the bucket they are paid from. How Shopify reckons is not known in full; what is recorded (a few
//! to some three hundred points, far less than the objects that could come) is met about.

use serde_json::{Value, json};

use super::graphql::{Field, Operation};
use crate::clock::now_ms;

/// The most one operation may cost.
const MOST: u64 = 1_000;

/// What is recorded where nobody else spends anything.
const MAXIMUM: u64 = 2_000;
const RESTORE: u64 = 100;

/// A bucket; without bounds it is always full.
#[derive(Default)]
pub(super) struct Bucket {
    bounds: Option<Bounds>,
}

struct Bounds {
    maximum: u64,
    restore: u64,
    /// In thousandths of a point.
    level: u64,
    at_ms: u64,
}

/// What becomes of an operation.
pub(super) enum Price {
    /// It is carried out. What the answer says of it.
    Paid(Value),
    /// There is not enough in the bucket.
    Throttled(Value),
    /// It may cost more than any operation may.
    TooMuch(Value),
}

impl Bucket {
    /// Sets bounds: points it holds, and points that come back in a second.
    pub(super) fn bind(&mut self, maximum: u64, restore: u64) {
        self.bounds = Some(Bounds { maximum, restore, level: maximum * 1_000, at_ms: now_ms() });
    }

    /// Pays for an operation.
    pub(super) fn pay(&mut self, operation: &Operation) -> Price {
        let price = price(operation);
        let said = |available: u64, maximum: u64, restore: u64| {
            json!({
                "requestedQueryCost": price,
                "actualQueryCost": price,
                "throttleStatus": { "maximumAvailable": maximum, "currentlyAvailable": available, "restoreRate": restore },
            })
        };
        let Some(bounds) = &mut self.bounds else {
            let said = said(MAXIMUM - price.min(MAXIMUM), MAXIMUM, RESTORE);
            return if price > MOST { Price::TooMuch(said) } else { Price::Paid(said) };
        };
        let now = now_ms();
        let restored = now.saturating_sub(bounds.at_ms).saturating_mul(bounds.restore);
        bounds.level = bounds.level.saturating_add(restored).min(bounds.maximum * 1_000);
        bounds.at_ms = now;
        if price > MOST {
            return Price::TooMuch(said(bounds.level / 1_000, bounds.maximum, bounds.restore));
        }
        match bounds.level.checked_sub(price * 1_000) {
            Some(left) => {
                bounds.level = left;
                Price::Paid(said(left / 1_000, bounds.maximum, bounds.restore))
            }
            None => Price::Throttled(said(bounds.level / 1_000, bounds.maximum, bounds.restore)),
        }
    }
}

fn price(operation: &Operation) -> u64 {
    let fields = cost(&operation.root);
    if operation.is_mutation { 10 + fields.saturating_sub(1) / 4 } else { fields.max(1) }
}

/// A list costs by the root of what is asked for: the recorded figures grow far slower than it.
fn cost(field: &Field) -> u64 {
    if field.selection.is_empty() {
        return 0;
    }
    let inner: u64 = field.selection.iter().map(cost).sum();
    match field.arguments.get("first").and_then(Value::as_u64) {
        Some(first) => 2 + first.isqrt() * inner.max(1),
        None if is_plain(&field.name) => inner,
        None => 1 + inner,
    }
}

/// What is a part of what it stands in.
fn is_plain(name: &str) -> bool {
    name.ends_with("Set") || name.ends_with("Money") || matches!(name, "nodes" | "pageInfo" | "userErrors")
}
