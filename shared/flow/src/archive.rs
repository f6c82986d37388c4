//! Everything that is kept, page by page: what requests about personal data go through.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ports::StoreError;
use crate::{Address, Failure, Order};

/// Some of many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// What was found; may be empty though more is to come.
    pub found: Vec<T>,
    /// Where to go on; none at the end.
    pub next: Option<String>,
}

/// What was done about personal data. Holds none itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrivacyAct {
    /// When.
    pub at: Timestamp,
    /// Who: a person's name, or `kontor`.
    pub by: String,
    /// What.
    pub deed: Deed,
    /// Of so many orders.
    pub orders: usize,
    /// Of so many failures.
    pub failures: usize,
}

/// What can be done about personal data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// Told to the person.
    Exported,
    /// Erased, because the person asked for it.
    Erased,
    /// Erased, because it was kept for long enough.
    Expired,
}

/// Goes through everything that is kept. Slow, and meant for rare requests: an index by e-mail address would be one more
/// place that holds addresses.
#[async_trait]
pub trait Archive: Send + Sync {
    /// Orders, a page at a time, in any order; with `over_before` only those completed or cancelled, and written last
    /// before then.
    async fn orders(
        &self,
        after: Option<&str>,
        over_before: Option<Timestamp>,
    ) -> Result<Page<Order>, StoreError>;
    /// Failures, a page at a time, in any order.
    async fn failures(&self, after: Option<&str>) -> Result<Page<Failure>, StoreError>;
    /// Messages on their way, a page at a time. `None` where queues can't be looked into.
    async fn messages(&self, after: Option<&str>) -> Result<Option<Page<(Address, String)>>, StoreError>;
    /// Notes what was done.
    async fn note(&self, act: &PrivacyAct) -> Result<(), StoreError>;
    /// What was done, the oldest first.
    async fn acts(&self) -> Result<Vec<PrivacyAct>, StoreError>;
}
