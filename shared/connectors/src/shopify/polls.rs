//! Asks the shop for its orders: what changed, and one order. What an answer does not hold is fetched after it, never dropped.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use kontor_domain::{ShopId, ShopOrderId};
use kontor_flow::remedy::Effect;
use kontor_flow::storefront::{OrderPage, Sighting, Window};
use kontor_flow::{CallError, Problem, System};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::api::{Api, TOO_COSTLY};
use super::documents::{LINES, ORDER, ORDERS, REFUND_LINES};
use super::graphql::Cost;
use super::node::PageInfo;
use super::translate::MOST_REFUNDS;
use super::unmapped;
use crate::http::Calls;
use crate::reading::{self, Perhaps, Token};

/// Orders in one answer, lines of each, and refunds of each. Shopify reckons what a question may cost before it looks: where
/// it finds that too much, less is asked for.
const SIZES: [(u32, u32, u32); 3] = [(25, 50, 10), (5, 25, 5), (1, 10, 2)];

/// Lines of an order that is asked for alone.
const LINES_ALONE: u32 = 100;

/// How often an order is read anew because it changed while its further lines were read.
const TRIES: usize = 3;

/// Variables of `KontorOrders`.
#[derive(Serialize)]
struct OrdersVariables<'a> {
    query: &'a str,
    first: u32,
    after: Option<&'a str>,
    lines: u32,
    refunds: u32,
}

/// Variables of `KontorOrder`.
#[derive(Serialize)]
struct OrderVariables<'a> {
    id: &'a str,
    lines: u32,
    refunds: u32,
}

/// Variables of questions for more.
#[derive(Serialize)]
pub(super) struct MoreVariables<'a> {
    pub(super) id: &'a str,
    pub(super) after: Option<&'a str>,
}

/// An answer to `KontorOrders`. Orders are kept as they were told.
#[derive(Deserialize)]
struct OrdersData {
    orders: RawPage,
}

/// A list of what is kept as it was told.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawPage {
    page_info: PageInfo,
    nodes: Vec<Box<RawValue>>,
}

/// An answer to `KontorOrder`.
#[derive(Deserialize)]
struct OrderData {
    order: Option<Box<RawValue>>,
}

/// An answer to `KontorLines`.
#[derive(Deserialize)]
struct LinesData {
    order: Option<OrderLines>,
}

/// Further lines, and the revision of their order.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OrderLines {
    updated_at: String,
    line_items: RawPage,
}

/// An answer to `KontorRefundLines`.
#[derive(Deserialize)]
struct RefundLinesData {
    refund: Option<RefundLines>,
}

/// Further lines of a refund.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RefundLines {
    refund_line_items: RawPage,
}

/// What is looked at in an order before it is kept.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    id: String,
    legacy_resource_id: Token,
    updated_at: String,
    line_items: Listed,
    refunds: Vec<RefundHead>,
}

/// What is looked for in one that can't be read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Known {
    #[serde(default)]
    legacy_resource_id: Perhaps<Token>,
    #[serde(default)]
    updated_at: Perhaps<String>,
}

/// What is kept of that. It is never read as an order: that would be one of which a part may be missing.
#[derive(Serialize)]
struct Unread<'a> {
    id: u64,
    unread: &'a RawValue,
}

/// What is looked at in a refund.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RefundHead {
    id: String,
    refund_line_items: Listed,
}

/// Whether a list goes on.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    page_info: PageInfo,
}

/// What is kept of an order: read as [`super::node::Fetched`].
#[derive(Serialize)]
struct Body<'a> {
    /// The number, so that a failure can name its order.
    id: u64,
    order: &'a RawValue,
    lines: Vec<Box<RawValue>>,
    refund_lines: BTreeMap<String, Vec<Box<RawValue>>>,
}

/// Why an order could not be kept as it was told.
enum Trouble {
    /// It changed in between.
    Changed,
    /// Anything else.
    Call(CallError),
}

impl From<CallError> for Trouble {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

/// Asks one shop for its orders.
pub(super) struct Asker<'a> {
    pub(super) api: &'a Api,
    pub(super) shop: &'a ShopId,
    pub(super) now: Timestamp,
    pub(super) calls: Calls,
}

impl Asker<'_> {
    /// A page of the orders that changed within `window`.
    pub(super) async fn changed(&self, window: Window, after: Option<&str>) -> Result<OrderPage, CallError> {
        let (from, until) = (window.from, window.until);
        let query = format!("updated_at:>='{from:.0}' AND updated_at:<='{until:.0}'");
        let mut refusal = unmapped("no size of answer is left to ask for");
        for (first, lines, refunds) in SIZES {
            let variables = OrdersVariables { query: &query, first, after, lines, refunds };
            let asked = self.api.ask_with_cost(&self.calls, "orders", Effect::None, ORDERS, variables).await;
            match asked {
                Ok((data, cost)) => return self.page(data, refunds, cost.as_ref()).await,
                Err(CallError::Refused { problem, .. }) if problem.kind == TOO_COSTLY => {
                    refusal =
                        CallError::Refused { system: System::Shopify, call: "orders", status: 200, problem };
                }
                Err(error) => return Err(error),
            }
        }
        Err(refusal)
    }

    async fn page(
        &self,
        data: OrdersData,
        refunds: u32,
        cost: Option<&Cost>,
    ) -> Result<OrderPage, CallError> {
        let RawPage { page_info, nodes } = data.orders;
        let mut orders = Vec::new();
        for node in nodes {
            match head(&node) {
                Ok(_) => orders.extend(self.whole(node, refunds).await?),
                Err(error) => orders.extend(self.unread(&node, &error)),
            }
        }
        let next = page_info.end_cursor.filter(|_| page_info.has_next_page);
        let pause = next.is_some().then(|| cost.and_then(Cost::pause)).flatten();
        Ok(OrderPage { orders, next, pause: pause.filter(|pause| *pause > Duration::ZERO) })
    }

    /// An order of which it can't be told whether there is more of it: it becomes a failure with its body, and does not hold up
    /// the others. One that does not even say which it is and of when is left out.
    fn unread(&self, node: &RawValue, error: &CallError) -> Option<Sighting> {
        let known: Option<Known> = reading::body(node.get().as_bytes()).ok();
        let id = known.as_ref().and_then(|known| known.legacy_resource_id.0.as_ref());
        let id: Option<u64> = id.and_then(|id| id.as_str().parse().ok());
        let error = kontor_flow::remedy::chain(error);
        tracing::error!(shop = %self.shop, order = ?id, %error, "the shop lists an order that cannot be read");
        let as_of = known.as_ref()?.updated_at.0.as_deref()?.parse().ok()?;
        let order = ShopOrderId::parse(&id?.to_string()).ok()?;
        let body = serde_json::to_vec(&Unread { id: id?, unread: node }).ok()?;
        Some(reading::sighting(self.shop, order, as_of, &body, self.now))
    }

    /// One order; none if the shop has none of that id.
    pub(super) async fn order(&self, id: &ShopOrderId) -> Result<Option<Sighting>, CallError> {
        let gid = format!("gid://shopify/Order/{id}");
        match self.alone(&gid).await? {
            Some(node) => self.whole(node, MOST_REFUNDS).await,
            None => Ok(None),
        }
    }

    async fn alone(&self, gid: &str) -> Result<Option<Box<RawValue>>, CallError> {
        let variables = OrderVariables { id: gid, lines: LINES_ALONE, refunds: MOST_REFUNDS };
        let data: OrderData = self.api.ask(&self.calls, "order", Effect::None, ORDER, variables).await?;
        Ok(data.order)
    }

    /// The order of `node` with everything that did not fit into the answer it came in. None if it is gone by now.
    async fn whole(&self, mut node: Box<RawValue>, refunds: u32) -> Result<Option<Sighting>, CallError> {
        let mut asked_refunds = refunds;
        for _ in 0..TRIES {
            let head = head(&node)?;
            let count = u32::try_from(head.refunds.len()).unwrap_or(u32::MAX);
            if count < asked_refunds || asked_refunds == MOST_REFUNDS {
                match self.completed(&node, &head).await {
                    Ok(sighting) => return Ok(Some(sighting)),
                    Err(Trouble::Changed) => {}
                    Err(Trouble::Call(error)) => return Err(error),
                }
            }
            asked_refunds = MOST_REFUNDS;
            let Some(fresh) = self.alone(&head.id).await? else { return Ok(None) };
            node = fresh;
        }
        let problem = Problem {
            kind: "changing".to_owned(),
            title: "an order changed each time while its lines were read".to_owned(),
            ..Problem::default()
        };
        Err(CallError::Concurrent { system: System::Shopify, call: "order", problem })
    }

    async fn completed(&self, node: &RawValue, head: &Head) -> Result<Sighting, Trouble> {
        let lines = self.further_lines(head).await?;
        let mut refund_lines = BTreeMap::new();
        for refund in head.refunds.iter().filter(|refund| refund.refund_line_items.page_info.has_next_page) {
            refund_lines.insert(refund.id.clone(), self.further_refund_lines(refund).await?);
        }
        let unreadable = |source: kontor_flow::remedy::BoxError| CallError::Unreadable {
            system: System::Shopify,
            call: "orders",
            effect: Effect::None,
            source,
        };
        let id = head.legacy_resource_id.as_str();
        let number = id.parse::<u64>().map_err(|error| unreadable(error.into()))?;
        let order = ShopOrderId::parse(id).map_err(|error| unreadable(error.into()))?;
        let as_of = head.updated_at.parse().map_err(|error: jiff::Error| unreadable(error.into()))?;
        let body = Body { id: number, order: node, lines, refund_lines };
        let body = serde_json::to_vec(&body).map_err(|error| unreadable(error.into()))?;
        Ok(reading::sighting(self.shop, order, as_of, &body, self.now))
    }

    async fn further_lines(&self, head: &Head) -> Result<Vec<Box<RawValue>>, Trouble> {
        let (mut lines, mut info) = (Vec::new(), head.line_items.page_info.clone());
        while info.has_next_page {
            let after = cursor("lineItems", &info)?;
            let variables = MoreVariables { id: &head.id, after: Some(after) };
            let data: LinesData =
                self.api.ask(&self.calls, "lineItems", Effect::None, LINES, variables).await?;
            let Some(order) = data.order.filter(|order| order.updated_at == head.updated_at) else {
                return Err(Trouble::Changed);
            };
            lines.extend(order.line_items.nodes);
            info = moved_on("lineItems", &info, order.line_items.page_info)?;
        }
        Ok(lines)
    }

    async fn further_refund_lines(&self, refund: &RefundHead) -> Result<Vec<Box<RawValue>>, Trouble> {
        let (mut lines, mut info) = (Vec::new(), refund.refund_line_items.page_info.clone());
        while info.has_next_page {
            let after = cursor("refundLineItems", &info)?;
            let variables = MoreVariables { id: &refund.id, after: Some(after) };
            let data: RefundLinesData =
                self.api.ask(&self.calls, "refundLineItems", Effect::None, REFUND_LINES, variables).await?;
            let Some(refund) = data.refund else { return Err(Trouble::Changed) };
            lines.extend(refund.refund_line_items.nodes);
            info = moved_on("refundLineItems", &info, refund.refund_line_items.page_info)?;
        }
        Ok(lines)
    }
}

fn head(node: &RawValue) -> Result<Head, CallError> {
    reading::body(node.get().as_bytes()).map_err(|error| CallError::Unreadable {
        system: System::Shopify,
        call: "orders",
        effect: Effect::None,
        source: error.into(),
    })
}

/// Where the next page begins.
pub(super) fn cursor<'a>(call: &'static str, info: &'a PageInfo) -> Result<&'a str, CallError> {
    info.end_cursor.as_deref().ok_or_else(|| endless(call))
}

/// The end of the next page, if it is another one: else the list would never end.
pub(super) fn moved_on(
    call: &'static str,
    before: &PageInfo,
    after: PageInfo,
) -> Result<PageInfo, CallError> {
    if after.has_next_page && after.end_cursor == before.end_cursor {
        return Err(endless(call));
    }
    Ok(after)
}

fn endless(call: &'static str) -> CallError {
    let source = "a list goes on, but says not where".into();
    CallError::Unreadable { system: System::Shopify, call, effect: Effect::None, source }
}
