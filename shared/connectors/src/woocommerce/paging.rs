//! How a list of orders is read from page to page without losing one that moves.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use kontor_flow::CallError;
use kontor_flow::storefront::Window;

use super::api::unmapped;
use super::front::a_second_before;
use super::read::instant;

/// What is asked for next: orders later than `after`, to the second; the page of that number, if they are counted through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) after: Timestamp,
    pub(super) page: Option<u32>,
}

impl Turn {
    /// Orders of that time and later.
    pub(super) fn from(time: Timestamp) -> Self {
        Self { after: a_second_before(time), page: None }
    }

    /// Reads what [`Turn::text`] wrote; the beginning of the window without it.
    ///
    /// # Errors
    /// [`CallError::Unmapped`] for what it never wrote.
    pub(super) fn parse(text: Option<&str>, window: Window) -> Result<Self, CallError> {
        let Some(text) = text else { return Ok(Self::from(window.from)) };
        let (after, page) = text.split_once('/').map_or((text, None), |(after, page)| (after, Some(page)));
        let wrong = || unmapped("this is no page of a list of orders");
        let after = instant("page", after).map_err(|_| wrong())?;
        let page = page.map(|page| page.parse::<u32>().map_err(|_| wrong())).transpose()?;
        Ok(Self { after, page })
    }

    /// The time as WooCommerce takes and writes it: UTC, without saying so.
    pub(super) fn after_text(self) -> String {
        self.after.to_zoned(TimeZone::UTC).datetime().strftime("%Y-%m-%dT%H:%M:%S").to_string()
    }

    /// To be kept between two pages.
    pub(super) fn text(self) -> String {
        let after = self.after_text();
        self.page.map_or_else(|| after.clone(), |page| format!("{after}/{page}"))
    }

    /// Whether a page that begins with orders of `time` begins later than this one.
    pub(super) fn advances_to(self, time: Timestamp) -> bool {
        self.page.is_none() && a_second_before(time) > self.after
    }
}

/// The page after the one of `turn`, of `pages` that there were, whose last order is of `latest`.
pub(super) fn next_turn(turn: Turn, latest: Option<Timestamp>, pages: u32, window: Window) -> Option<Turn> {
    if let Some(page) = turn.page {
        let before = page.saturating_sub(1);
        return (before > 0).then_some(Turn { page: Some(before), ..turn });
    }
    if pages <= 1 || latest.is_some_and(|latest| latest > window.until) {
        return None;
    }
    match latest {
        Some(latest) if turn.advances_to(latest) => Some(Turn::from(latest)),
        // A whole page of one second: counted through from the end, this one too, for it may be another one by then.
        Some(_) | None => Some(Turn { page: Some(pages), ..turn }),
    }
}
