//! Which part of a window is searched next, and how the shop is asked for it.

use std::fmt;

use jiff::Timestamp;
use kontor_flow::CallError;
use kontor_flow::storefront::Window;
use serde_json::{Value, json};

use super::read;
use super::wire::{Page, Stamp};
use crate::reading;

/// Orders per page. Shopware takes up to 500, but an order with all that belongs to it has up to some 100 KB.
pub(super) const PAGE: usize = 40;

/// What is searched, one after the other: orders by their own times, and orders by those of their deliveries and payments,
/// whose changes don't touch the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Orders,
    Deliveries,
    Payments,
}

impl Way {
    const ALL: [Self; 3] = [Self::Orders, Self::Deliveries, Self::Payments];

    fn word(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Deliveries => "deliveries",
            Self::Payments => "payments",
        }
    }

    pub(super) fn after(self) -> Option<Self> {
        match self {
            Self::Orders => Some(Self::Deliveries),
            Self::Deliveries => Some(Self::Payments),
            Self::Payments => None,
        }
    }
}

/// The field's time is that one, or later.
fn from(field: &str, time: Timestamp) -> Value {
    // Shopware compares its times by the millisecond.
    json!({ "type": "range", "field": field, "parameters": { "gte": format!("{time:.3}") } })
}

/// Made or changed since then. `updatedAt` is null until the first change.
fn since(time: Timestamp) -> Value {
    json!({ "type": "multi", "operator": "or", "queries": [from("updatedAt", time), from("createdAt", time)] })
}

/// Where a search is: what is searched, from which time of making on, and which page of that.
///
/// Records come by when they were made, which never changes, and of the same millisecond by their ids. After a full page the search
/// goes on from when its last record was made, that instant included: so a record that is deleted meanwhile moves none past us, and
/// what comes twice is the same order twice. Pages are counted only within one millisecond that fills a whole page (an import).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) way: Way,
    page: u32,
    made: Option<Timestamp>,
}

impl Place {
    /// The beginning of a search.
    pub(super) fn first(way: Way) -> Self {
        Self { way, page: 1, made: None }
    }

    /// The place that a token names; the first of all without one.
    pub(super) fn parse(token: Option<&str>) -> Result<Self, CallError> {
        let Some(text) = token else { return Ok(Self::first(Way::Orders)) };
        let read = || {
            let (word, rest) = text.split_once(':')?;
            let way = Way::ALL.into_iter().find(|way| way.word() == word)?;
            let (page, made) = rest.split_once(':').map_or((rest, None), |(page, made)| (page, Some(made)));
            let made = made.map(str::parse).transpose().ok()?;
            page.parse().ok().filter(|page| *page > 0).map(|page| Self { way, page, made })
        };
        read().ok_or_else(|| {
            super::unmapped("the name of the page is none of Shopware's; the window is read anew")
        })
    }

    /// What the shop is asked for, without what belongs to the records.
    pub(super) fn criteria(self, window: Window) -> Value {
        let mut filter = vec![since(window.from)];
        filter.extend(self.made.map(|made| from("createdAt", made)));
        json!({
            "page": self.page, "limit": PAGE, "total-count-mode": 0, "filter": filter,
            "sort": [{ "field": "createdAt", "order": "ASC" }, { "field": "id", "order": "ASC" }],
        })
    }

    /// Where it goes on after this page; nowhere, if the page is not full.
    pub(super) fn after(self, found: &Page) -> Option<Self> {
        if found.data.len() < PAGE {
            return None;
        }
        // Of the last record whose time can be read: before it comes none that was not told.
        let made = found.data.iter().rev().find_map(|raw| {
            let stamp: Stamp = reading::body(raw.get().as_bytes()).ok()?;
            read::instant("createdAt", stamp.created_at.as_deref()?).ok()
        });
        let on = made.filter(|made| self.made.is_none_or(|from| *made > from));
        Some(match on {
            Some(made) => Self { page: 1, made: Some(made), ..self },
            None => Self { page: self.page.saturating_add(1), ..self },
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.way.word(), self.page)?;
        self.made.map_or(Ok(()), |made| write!(f, ":{made}"))
    }
}
