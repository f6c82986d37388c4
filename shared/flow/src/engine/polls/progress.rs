//! How far a shop has been asked for its orders. Kept as the text of a cursor.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use kontor_domain::{ShopId, ShopOrderId};
use serde::{Deserialize, Serialize};

use crate::CallError;
use crate::storefront::Window;

/// Asked the first time, a shop tells what changed since so long ago. Everything before is a matter of a first import.
const FIRST: Duration = Duration::from_secs(3600);

/// Every window begins so long before the newest revision seen so far, or before the last window was begun if that is earlier:
/// shops stamp a change before they commit it, and tell seconds only.
const OVERLAP: Duration = Duration::from_secs(300);

/// By how much a shop's clock may run ahead of ours. A revision further in the future is a mistake of the shop's and must not
/// make us blind until then.
const AHEAD: Duration = Duration::from_secs(600);

/// How far a shop has been asked for its orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The newest revision seen, by the shop's clock: so its clock may be wrong without anything being missed.
    pub until: Timestamp,
    /// What is being read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<Reading>,
    /// When everything was read the last time, by our clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through_at: Option<Timestamp>,
    /// When the window that was read last was begun, by our clock. A revision ahead of that clock must not make us skip what
    /// changes until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<Timestamp>,
    /// Since when it fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing: Option<Failing>,
    /// Orders told of in all, because no webhook had.
    #[serde(default)]
    pub told: u64,
    /// Orders that could not be told of and became failures, in which revision: while the windows reach back to it, it is met
    /// again and again.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub aside: BTreeMap<ShopOrderId, Timestamp>,
}

/// A window that is being read, page by page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The window.
    pub window: Window,
    /// When it was begun, by our clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began: Option<Timestamp>,
    /// The page after those that were read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// The newest revision in it so far.
    pub latest: Timestamp,
    /// Orders seen in it so far.
    pub seen: u64,
    /// Orders told of so far.
    pub told: u64,
}

/// Since when a shop can't be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failing {
    /// Since then.
    pub since: Timestamp,
    /// When a person was told last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Timestamp>,
}

fn minus(time: Timestamp, by: Duration) -> Timestamp {
    time.saturating_sub(by).unwrap_or(Timestamp::MIN)
}

impl Progress {
    /// The name of the cursor it is kept under.
    #[must_use]
    pub fn name(shop: &ShopId) -> String {
        format!("orders/{shop}")
    }

    /// A shop of which everything is to be read that changed since `since`.
    #[must_use]
    pub fn since(since: Timestamp) -> Self {
        let until = since.saturating_add(OVERLAP).unwrap_or(Timestamp::MAX);
        let aside = BTreeMap::new();
        Self { until, reading: None, through_at: None, asked_at: None, failing: None, told: 0, aside }
    }

    /// Reads it. One that is not there, or that this code can't read, begins shortly before `now`: what is read twice is
    /// harmless.
    #[must_use]
    pub fn parse(text: &str, now: Timestamp) -> Self {
        serde_json::from_str(text).unwrap_or_else(|error| {
            if !text.is_empty() {
                tracing::warn!(cause = %error, "a cursor cannot be read; the poll begins an hour ago");
            }
            Self::since(minus(now, FIRST))
        })
    }

    /// As the text of a cursor.
    #[must_use]
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// When the next window begins. A cursor of an earlier version does not say when the last one was begun, but when it was
    /// read.
    fn from(&self) -> Timestamp {
        let asked_at = self.asked_at.or(self.through_at);
        minus(asked_at.map_or(self.until, |asked_at| self.until.min(asked_at)), OVERLAP)
    }

    /// Whether the order became a failure in this revision already.
    pub(super) fn is_aside(&self, order: &ShopOrderId, as_of: Timestamp) -> bool {
        self.aside.get(order) == Some(&as_of)
    }

    /// The order became a failure in this revision.
    pub(super) fn set_aside(&mut self, order: ShopOrderId, as_of: Timestamp) {
        self.aside.insert(order, as_of);
    }

    /// What is to be asked next: a window, and the page of it.
    pub(super) fn next(&mut self, now: Timestamp) -> (Window, Option<String>) {
        let from = self.from();
        let reading = self.reading.get_or_insert_with(|| Reading {
            window: Window { from, until: now.saturating_add(AHEAD).unwrap_or(Timestamp::MAX) },
            began: Some(now),
            page: None,
            latest: self.until,
            seen: 0,
            told: 0,
        });
        (reading.window, reading.page.clone())
    }

    /// A page was read. Answers whether it was the last one.
    pub(super) fn turn(
        &mut self,
        next: Option<String>,
        seen: usize,
        told: usize,
        latest: Option<Timestamp>,
        now: Timestamp,
    ) -> bool {
        let told = u64::try_from(told).unwrap_or(u64::MAX);
        self.told = self.told.saturating_add(told);
        let Some(reading) = &mut self.reading else { return true };
        let bound = now.saturating_add(AHEAD).unwrap_or(Timestamp::MAX);
        reading.latest = latest.map_or(reading.latest, |latest| reading.latest.max(latest.min(bound)));
        reading.seen = reading.seen.saturating_add(u64::try_from(seen).unwrap_or(u64::MAX));
        reading.told = reading.told.saturating_add(told);
        // A shop that names the page it just gave would be asked for it for ever.
        let next = next.filter(|next| reading.page.as_ref() != Some(next));
        match next {
            Some(next) => {
                reading.page = Some(next);
                false
            }
            None => {
                self.until = self.until.max(reading.latest);
                self.asked_at = reading.began.or(self.asked_at);
                self.reading = None;
                self.through_at = Some(now);
                let from = self.from();
                self.aside.retain(|_, as_of| *as_of >= from);
                true
            }
        }
    }

    /// A page could not be read. Where the shop does not take the page's name any more, its window is read anew.
    pub(super) fn stumbled(&mut self, error: &CallError) {
        match error {
            CallError::Refused { .. } | CallError::Unmapped { .. } | CallError::Unreadable { .. } => {
                self.reading = None;
            }
            CallError::Unavailable { .. }
            | CallError::RateLimited { .. }
            | CallError::Concurrent { .. }
            | CallError::Denied { .. }
            | CallError::Begun { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    const NOW: &str = "2026-11-21T12:00:00Z";

    #[test]
    fn a_window_begins_before_the_newest_revision_and_moves_when_it_is_read() {
        let now = time(NOW);
        let mut progress = Progress::parse("", now);
        let (window, page) = progress.next(now);
        assert_eq!((window.from, page), (time("2026-11-21T11:00:00Z"), None));
        let first = Some(time("2026-11-21T11:50:00Z"));
        assert!(!progress.turn(Some("2".to_owned()), 100, 1, first, now));
        let kept = Progress::parse(&progress.text(), now);
        assert_eq!(kept, progress, "a run goes on where the last one ended");
        assert_eq!(progress.next(now), (window, Some("2".to_owned())));
        assert!(progress.turn(None, 3, 0, Some(time("2026-11-21T11:58:00Z")), now));
        assert_eq!(progress.next(now).0.from, time("2026-11-21T11:53:00Z"));
        assert_eq!((progress.told, progress.through_at), (1, Some(now)));
    }

    #[test]
    fn a_revision_of_next_year_does_not_blind_us() {
        let now = time(NOW);
        let mut progress = Progress::parse("", now);
        progress.next(now);
        assert!(progress.turn(None, 1, 1, Some(time("2027-11-21T11:50:00Z")), now));
        assert_eq!(progress.until, time("2026-11-21T12:10:00Z"));
        // Nor does it until twelve past: what changes from now on is in the next window.
        let mut old = Progress { asked_at: None, ..progress.clone() };
        for progress in [&mut progress, &mut old] {
            let (window, _) = progress.next(time("2026-11-21T12:05:00Z"));
            assert_eq!(window.from, time("2026-11-21T11:55:00Z"));
        }
    }

    #[test]
    fn what_changes_while_a_window_is_read_is_in_the_next_one() {
        let mut progress = Progress::parse("", time(NOW));
        progress.next(time(NOW));
        assert!(!progress.turn(Some("2".to_owned()), 1, 1, None, time(NOW)));
        let later = time("2026-11-21T12:20:00Z");
        assert!(progress.turn(None, 1, 1, Some(later), later));
        assert_eq!(progress.next(later).0.from, time("2026-11-21T11:55:00Z"));
    }

    #[test]
    fn a_cursor_of_an_earlier_version_is_read() {
        let text = r#"{"until":"2026-11-21T11:58:00Z","through_at":"2026-11-21T12:00:00Z","told":3}"#;
        let mut progress = Progress::parse(text, time(NOW));
        assert_eq!((progress.told, progress.next(time(NOW)).0.from), (3, time("2026-11-21T11:53:00Z")));
    }

    #[test]
    fn a_shop_that_names_the_same_page_again_is_not_asked_for_ever() {
        let now = time(NOW);
        let mut progress = Progress::parse("", now);
        progress.next(now);
        assert!(!progress.turn(Some("2".to_owned()), 1, 1, None, now));
        assert!(progress.turn(Some("2".to_owned()), 1, 1, None, now));
    }

    #[test]
    fn what_is_no_cursor_begins_anew() {
        let now = time(NOW);
        for text in ["", "{}", "x", r#"{"until":"never"}"#] {
            assert_eq!(Progress::parse(text, now), Progress::parse("", now), "{text}");
        }
    }
}
