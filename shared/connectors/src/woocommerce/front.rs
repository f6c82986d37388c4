//! What the shop is asked: its orders, and how it is connected to us.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use kontor_domain::ShopOrderId;
use kontor_flow::ports::{ReadError, Storefront};
use kontor_flow::remedy::Effect;
use kontor_flow::storefront::{Finding, Hook, Notice, OrderPage, Sighting, Window};
use kontor_flow::{CallError, Envelope};
use serde_json::value::RawValue;

use super::WooCommerce;
use super::api::{CORE, NO_SUCH_ORDER, pages, understood};
use super::paging::{Turn, next_turn};
use super::read::instant;
use super::refunds::with_refunds;
use super::wire::{Glimpse, Status};
use crate::http::Calls;
use crate::reading::{self, sighting};

const LIST_ORDERS: &str = "GET /orders";
const GET_ORDER: &str = "GET /orders/{id}";
const GET_REFUNDS: &str = "GET /orders/{id}/refunds";

/// Orders on a page; WooCommerce gives up to 100. So many with two hundred lines each are below the longest answer that is
/// read.
pub(super) const PER_PAGE: &str = "40";

/// Orders of a page whose refunds are fetched; the page ends before the next one. Each is a call of its own.
const MOST_REFUNDED: usize = 20;

/// An order of a page.
struct Seen<'a> {
    id: ShopOrderId,
    as_of: Timestamp,
    has_refunds: bool,
    raw: &'a RawValue,
}

#[async_trait]
impl Storefront for WooCommerce {
    /// Pages are not counted: an order that is changed while the list is read moves to its end, and all behind it move up,
    /// one of them from the page that comes next to the one that was read. So every page begins a second before the order
    /// the one before ended with; what is in both is harmless. More orders of the same second than a page holds are counted
    /// through, the last page first: what moves up then comes twice, and what moves to the end has a newer time.
    async fn changed(
        &self,
        window: Window,
        page: Option<&str>,
        now: Timestamp,
    ) -> Result<OrderPage, CallError> {
        let calls = Calls::default();
        let turn = Turn::parse(page, window)?;
        let after = turn.after_text();
        let number = turn.page.unwrap_or(1).to_string();
        let query = [
            ("modified_after", after.as_str()),
            ("dates_are_gmt", "true"),
            ("orderby", "modified"),
            ("order", "asc"),
            ("per_page", PER_PAGE),
            ("page", number.as_str()),
            ("status", "any"),
        ];
        let answer = self.ask(&calls, LIST_ORDERS, &format!("{CORE}/orders"), &query).await?;
        let raws: Vec<Box<RawValue>> = understood(LIST_ORDERS, Effect::None, &answer)?;
        let seen: Vec<Seen<'_>> = raws.iter().filter_map(|raw| self.glimpse(raw)).collect();
        let latest = seen.iter().map(|seen| seen.as_of).max();
        let mut next = next_turn(turn, latest, pages(&answer).unwrap_or(1), window);
        let mut orders = Vec::new();
        let mut refunded = 0;
        for order in seen.into_iter().filter(|seen| seen.as_of >= window.from && seen.as_of <= window.until) {
            if order.has_refunds && refunded >= MOST_REFUNDED && turn.advances_to(order.as_of) {
                next = Some(Turn::from(order.as_of));
                break;
            }
            refunded += usize::from(order.has_refunds);
            if let Some(sighting) = self.whole(&calls, order, now).await? {
                orders.push(sighting);
            }
        }
        Ok(OrderPage { orders, next: next.map(|turn| turn.text()), pause: None })
    }

    /// Trashed orders are answered too, with the status `trash`; those that are deleted for good are not there.
    async fn order(&self, id: &ShopOrderId, now: Timestamp) -> Result<Option<Sighting>, CallError> {
        let calls = Calls::default();
        let path = format!("{CORE}/orders/{id}");
        let raw: Box<RawValue> = match self.get(&calls, GET_ORDER, &path).await {
            Err(CallError::Refused { problem, .. }) if problem.kind == NO_SUCH_ORDER => return Ok(None),
            answer => answer?,
        };
        let unreadable = |source: reading::Unreadable| CallError::Unreadable {
            system: kontor_flow::System::Woocommerce,
            call: GET_ORDER,
            effect: Effect::None,
            source: source.into(),
        };
        let glimpse: Glimpse = reading::body(raw.get().as_bytes()).map_err(unreadable)?;
        let as_of = instant("date_modified_gmt", &glimpse.date_modified_gmt).map_err(unreadable)?;
        let has_refunds = glimpse.has_refunds();
        self.whole(&calls, Seen { id: id.clone(), as_of, has_refunds, raw: &raw }, now).await
    }

    fn notice(&self, _delivery: &Envelope) -> Result<Notice, ReadError> {
        Ok(Notice::Nothing)
    }

    async fn hooks(&self, address: &str) -> Result<Vec<Hook>, CallError> {
        self.known_hooks(address).await
    }

    async fn connect(&self, address: &str) -> Result<Vec<String>, CallError> {
        self.make_hooks(address).await
    }

    async fn examine(&self, address: Option<&str>, now: Timestamp) -> Vec<Finding> {
        self.look_over(address, now).await
    }
}

impl WooCommerce {
    /// What order that is and of when; none for those nobody has placed yet. One that does not say that much can't be kept
    /// as a failure of its own either, and must not hold up the others.
    fn glimpse<'a>(&self, raw: &'a RawValue) -> Option<Seen<'a>> {
        let read = || -> Result<Option<Seen<'a>>, reading::Unreadable> {
            let glimpse: Glimpse = reading::body(raw.get().as_bytes())?;
            if glimpse.status == Status::Draft {
                return Ok(None);
            }
            let id = ShopOrderId::parse(&glimpse.id.to_string());
            Ok(Some(Seen {
                id: reading::at(format_args!("id"), id)?,
                as_of: instant("date_modified_gmt", &glimpse.date_modified_gmt)?,
                has_refunds: glimpse.has_refunds(),
                raw,
            }))
        };
        read().unwrap_or_else(|error| {
            tracing::error!(shop = %self.shop, %error, "the shop lists an order that says neither which one it is nor of when");
            None
        })
    }

    /// The order with all that is known of its refunds: in the order itself they are an amount and no more.
    async fn whole(
        &self,
        calls: &Calls,
        seen: Seen<'_>,
        now: Timestamp,
    ) -> Result<Option<Sighting>, CallError> {
        let Seen { id, as_of, has_refunds, raw } = seen;
        let order = raw.get();
        if !has_refunds {
            return Ok(Some(sighting(&self.shop, id, as_of, order.as_bytes(), now)));
        }
        let path = format!("{CORE}/orders/{id}/refunds?per_page=100");
        let refunds: Box<RawValue> = match self.get(calls, GET_REFUNDS, &path).await {
            // Deleted since.
            Err(CallError::Refused { problem, .. }) if problem.kind == NO_SUCH_ORDER => return Ok(None),
            answer => answer?,
        };
        let body = with_refunds(order, &refunds);
        Ok(Some(sighting(&self.shop, id, as_of, body.as_bytes(), now)))
    }
}

/// A second before, in whole seconds: what WooCommerce is asked for is later than that.
pub(super) fn a_second_before(time: Timestamp) -> Timestamp {
    let whole = Timestamp::from_second(time.as_second()).unwrap_or(time);
    whole.saturating_sub(SignedDuration::from_secs(1)).unwrap_or(Timestamp::MIN)
}
