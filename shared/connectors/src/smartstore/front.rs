//! What the shop is asked: its orders, and how it is connected to us. It tells nothing by itself, so it is asked often.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use kontor_domain::ShopOrderId;
use kontor_flow::ports::{ReadError, Storefront};
use kontor_flow::remedy::Effect;
use kontor_flow::storefront::{Finding, Hook, Notice, OrderPage, Sighting, Window};
use kontor_flow::{CallError, Envelope, System};
use reqwest::Method;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::api::{clock, denial, query, understood};
use super::wire::{List, NoParameters, Notify, Outline, ParcelOf};
use super::{Smartstore, links, notice, read};
use crate::http::Calls;
use crate::reading::{self, Perhaps, sighting};

const GET_ORDERS: &str = "GET /odata/v1/Orders";
const GET_SHIPMENTS: &str = "GET /odata/v1/Shipments";
const POST_PAID: &str = "POST /odata/v1/Orders({id})/PaymentPaid";
const POST_SHIP: &str = "POST /odata/v1/Shipments({id})/Ship";

/// Everything that is read of an order (`contracts/smartstore/recommended-query.txt`). The list is asked even for one: by key,
/// a deleted customer or article makes the order or its lines vanish.
pub(super) const WHOLE: &str = "OrderItems($expand=Product($select=Id,Name,Sku,ProductTypeId,IsShippingEnabled,IsGiftCard);$orderby=Id),\
    BillingAddress($expand=Country($select=TwoLetterIsoCode),StateProvince($select=Name)),\
    ShippingAddress($expand=Country($select=TwoLetterIsoCode),StateProvince($select=Name)),\
    Customer($select=Id,Email;$expand=CustomerRoleMappings($select=CustomerRoleId;$expand=CustomerRole($select=Name,SystemName))),\
    DiscountUsageHistory($expand=Discount($select=Name,DiscountTypeId,CouponCode)),\
    GiftCardUsageHistory($expand=GiftCard($select=GiftCardCouponCode)),\
    RedeemedRewardPointsEntry,Shipments($expand=ShipmentItems)";

/// Whole orders on a page: a shop is often one small server.
const ORDERS: u32 = 25;

/// Parcels on a page, and as many orders at most: a filter may have a hundred parts.
const PARCELS: u32 = 10;

/// Between two pages. The shop limits nobody; it is just not to be all ours.
const PAUSE: Duration = Duration::from_secs(1);

/// By how much a clock may be wrong before it is said.
const CLOCKS_APART: SignedDuration = SignedDuration::from_mins(2);

/// Where a poll goes on: behind this order, or behind this parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Orders(Option<(Timestamp, u64)>),
    Parcels(u64),
}

impl Place {
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        match (words.next()?, words.next()?, words.next(), words.next()) {
            ("orders", time, Some(id), None) => {
                Some(Self::Orders(Some((time.parse().ok()?, id.parse().ok()?))))
            }
            ("parcels", id, None, None) => Some(Self::Parcels(id.parse().ok()?)),
            _ => None,
        }
    }

    fn text(self) -> String {
        match self {
            Self::Orders(Some((time, id))) => format!("orders {time} {id}"),
            Self::Orders(None) => format!("orders {} 0", Timestamp::UNIX_EPOCH),
            Self::Parcels(id) => format!("parcels {id}"),
        }
    }
}

/// A time as a filter has it: the shop keeps seven digits behind the second.
fn literal(time: Timestamp) -> Timestamp {
    let nanoseconds = time.as_nanosecond();
    Timestamp::from_nanosecond(nanoseconds - nanoseconds.rem_euclid(100)).unwrap_or(time)
}

fn unreadable(call: &'static str, source: impl Into<kontor_flow::remedy::BoxError>) -> CallError {
    CallError::Unreadable { system: System::Smartstore, call, effect: Effect::None, source: source.into() }
}

impl Smartstore {
    /// Records of a set, at most `wanted`, and whether there may be more.
    async fn list(
        &self,
        calls: &Calls,
        (call, set): (&'static str, &str),
        wanted: u32,
        parameters: &[(&str, &str)],
    ) -> Result<(List, bool), CallError> {
        let mut top = self.api.top(wanted);
        let path = |top: u32| {
            let top = top.to_string();
            let all: Vec<(&str, &str)> = parameters.iter().copied().chain([("$top", top.as_str())]).collect();
            format!("{set}{}", query(&all))
        };
        let mut answer = self.api.ask(calls, call, &path(top)).await?;
        // The shop allows fewer, and has said how many.
        if answer.status == 400 && self.api.top(wanted) < top {
            top = self.api.top(wanted);
            answer = self.api.ask(calls, call, &path(top)).await?;
        }
        let list: List = understood(call, Effect::None, &answer)?;
        let full = list.value.len() >= usize::try_from(top).unwrap_or(usize::MAX);
        let more = full || list.next_link.is_some();
        Ok((list, more))
    }

    /// Whole orders that a filter finds, by time, whether there may be more, and whether any had to be left out.
    async fn orders(
        &self,
        calls: &Calls,
        filter: &str,
        now: Timestamp,
    ) -> Result<(Vec<Sighting>, bool, bool), CallError> {
        let parameters = [("$filter", filter), ("$orderby", "UpdatedOnUtc,Id"), ("$expand", WHOLE)];
        let (list, more) = self.list(calls, (GET_ORDERS, "Orders"), ORDERS, &parameters).await?;
        let mut found = Vec::with_capacity(list.value.len());
        for order in &list.value {
            found.extend(self.sighted(calls, order, now).await?);
        }
        let left_out = found.len() < list.value.len();
        Ok((found, more, left_out))
    }

    /// One order out of an answer, with all its lines. What can't be read is handed on as it is, and becomes a failure with its
    /// body; one that does not even say which it is and of when can't, and must not hold up the others.
    async fn sighted(
        &self,
        calls: &Calls,
        order: &RawValue,
        now: Timestamp,
    ) -> Result<Option<Sighting>, CallError> {
        let entity = links::whole(&self.api, calls, GET_ORDERS, order.get()).await?;
        let seen = match reading::body::<Outline>(entity.as_bytes()).and_then(|outline| read::as_of(&outline))
        {
            Ok(as_of) => glimpse(&entity).map(|(_, id)| (as_of, id)),
            Err(error) => {
                tracing::error!(shop = %self.shop, %error, "the shop lists an order that cannot be read");
                glimpse(&entity)
            }
        };
        let found = seen.and_then(|(as_of, id)| Some((as_of, ShopOrderId::parse(&id.to_string()).ok()?)));
        if found.is_none() {
            let id = named(&entity);
            tracing::error!(shop = %self.shop, ?id, "the shop lists an order that does not say both which one it is and of when; it is left out");
        }
        Ok(found.map(|(as_of, id)| sighting(&self.shop, id, as_of, entity.as_bytes(), now)))
    }

    /// Orders by their own time, one page.
    async fn by_time(
        &self,
        calls: &Calls,
        window: Window,
        behind: Option<(Timestamp, u64)>,
        now: Timestamp,
    ) -> Result<OrderPage, CallError> {
        let (from, until) = (literal(window.from), literal(window.until));
        let lower = match behind.filter(|(time, _)| *time >= window.from) {
            Some((time, id)) => {
                let time = literal(time);
                format!("(UpdatedOnUtc gt {time} or (UpdatedOnUtc eq {time} and Id gt {id}))")
            }
            None => format!("UpdatedOnUtc ge {from}"),
        };
        let filter = format!("{lower} and UpdatedOnUtc le {until}");
        let (orders, more, _) = self.orders(calls, &filter, now).await?;
        // A page is followed by its last record, not by a link of the shop's: that holds for later runs too.
        let next = match orders.last().filter(|_| more) {
            Some(last) => Place::Orders(Some(own_place(last)?)),
            // Asked for once more and later: what comes behind it is not known.
            None if more => return Err(unreadable(GET_ORDERS, "no order of a whole page can be read")),
            None => Place::Parcels(0),
        };
        Ok(OrderPage { orders, next: Some(next.text()), pause: more.then_some(PAUSE) })
    }

    /// Orders of parcels that came about in the window, one page: a parcel does not move its order's time. Orders whose time
    /// lies in the window were found by it.
    async fn by_parcel(
        &self,
        calls: &Calls,
        window: Window,
        behind: u64,
        now: Timestamp,
    ) -> Result<OrderPage, CallError> {
        let (from, until) = (literal(window.from), literal(window.until));
        let within = |time: &str| format!("({time} ge {from} and {time} le {until})");
        let times = ["CreatedOnUtc", "ShippedDateUtc", "DeliveryDateUtc"].map(within).join(" or ");
        let filter = format!("({times}) and Id gt {behind}");
        let parameters = [("$filter", filter.as_str()), ("$orderby", "Id"), ("$select", "Id,OrderId")];
        let (list, more) = self.list(calls, (GET_SHIPMENTS, "Shipments"), PARCELS, &parameters).await?;
        let mut parcels = Vec::new();
        for parcel in &list.value {
            let parcel: ParcelOf =
                reading::body(parcel.get().as_bytes()).map_err(|error| unreadable(GET_SHIPMENTS, error))?;
            parcels.push(parcel);
        }
        let ids: BTreeSet<u64> = parcels.iter().map(|parcel| parcel.order_id).collect();
        let orders = if ids.is_empty() {
            Vec::new()
        } else {
            let named = ids.iter().map(|id| format!("Id eq {id}")).collect::<Vec<_>>().join(" or ");
            let filter = format!("({named}) and (UpdatedOnUtc lt {from} or UpdatedOnUtc gt {until})");
            self.orders(calls, &filter, now).await?.0
        };
        let next = parcels.last().filter(|_| more).map(|last| Place::Parcels(last.id).text());
        Ok(OrderPage { orders, pause: next.as_ref().map(|_| PAUSE), next })
    }

    /// Whether an action may be called: one of an id that no record has. Who may not hears it before anything is looked for.
    async fn may(&self, calls: &Calls, call: &'static str, right: &str) -> Finding {
        let asked = match call {
            POST_SHIP => {
                let body = Notify { notify_customer: false };
                self.api.write(calls, call, Method::POST, "Shipments(0)/Ship", &body).await
            }
            _ => self.api.write(calls, call, Method::POST, "Orders(0)/PaymentPaid", &NoParameters {}).await,
        };
        let finding = |good, said: String| Finding { good, what: "rights".to_owned(), said };
        match asked {
            Ok(_) | Err(CallError::Refused { status: 404, .. }) => {
                finding(true, format!("the API user has {right}"))
            }
            Err(CallError::Denied { .. }) => finding(
                false,
                format!(
                    "the API user lacks {right}: give one of its customer roles this permission in the shop"
                ),
            ),
            Err(error) => {
                finding(false, format!("whether the API user has {right} could not be seen: {error}"))
            }
        }
    }
}

/// The order's own time and id, as the next page is asked for with them.
fn own_place(last: &Sighting) -> Result<(Timestamp, u64), CallError> {
    let bytes = last.envelope.body.bytes().map_err(|error| unreadable(GET_ORDERS, error))?;
    let place = std::str::from_utf8(&bytes).ok().and_then(glimpse);
    place.ok_or_else(|| unreadable(GET_ORDERS, "an order does not say which one it is and of when"))
}

/// What is looked at in an order before it is kept.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Glimpse {
    #[serde(default)]
    id: Perhaps<u64>,
    #[serde(default)]
    updated_on_utc: Perhaps<String>,
}

/// Of when an order is, by itself, and which one, whatever else of it can't be read.
fn glimpse(entity: &str) -> Option<(Timestamp, u64)> {
    let Glimpse { id, updated_on_utc } = reading::body(entity.as_bytes()).ok()?;
    Some((read::instant("UpdatedOnUtc", updated_on_utc.0.as_deref()?).ok()?, id.0?))
}

/// Which order it is, if it says that.
fn named(entity: &str) -> Option<u64> {
    reading::body::<Glimpse>(entity.as_bytes()).ok()?.id.0
}

#[async_trait]
impl Storefront for Smartstore {
    async fn changed(
        &self,
        window: Window,
        page: Option<&str>,
        now: Timestamp,
    ) -> Result<OrderPage, CallError> {
        let calls = Calls::default();
        // A page of another version of us is begun anew.
        match page.and_then(Place::parse).unwrap_or(Place::Orders(None)) {
            Place::Orders(behind) => self.by_time(&calls, window, behind, now).await,
            Place::Parcels(behind) => self.by_parcel(&calls, window, behind, now).await,
        }
    }

    async fn order(&self, id: &ShopOrderId, now: Timestamp) -> Result<Option<Sighting>, CallError> {
        // Ids of Smartstore are numbers; another is no order's, and has no place in a filter.
        let Ok(id) = id.as_str().parse::<u32>() else { return Ok(None) };
        let calls = Calls::default();
        let (mut found, _, left_out) = self.orders(&calls, &format!("Id eq {id}"), now).await?;
        if left_out {
            // It is there all the same.
            return Err(unreadable(GET_ORDERS, "the order does not say both which one it is and of when"));
        }
        Ok(found.pop())
    }

    fn notice(&self, delivery: &Envelope) -> Result<Notice, ReadError> {
        notice::read(&self.shop, delivery)
    }

    async fn hooks(&self, _address: &str) -> Result<Vec<Hook>, CallError> {
        Ok(Vec::new())
    }

    async fn connect(&self, address: &str) -> Result<Vec<String>, CallError> {
        Ok(advice(address))
    }

    async fn examine(&self, address: Option<&str>, now: Timestamp) -> Vec<Finding> {
        let calls = Calls::default();
        let finding = |good, what: &str, said: String| Finding { good, what: what.to_owned(), said };
        let path = query(&[("$top", "1"), ("$orderby", "Id"), ("$select", "Id,UpdatedOnUtc")]);
        let answer = match self.api.ask(&calls, GET_ORDERS, &format!("Orders{path}")).await {
            Ok(answer) => answer,
            Err(error) => return vec![finding(false, "credentials", kontor_flow::remedy::chain(&error))],
        };
        match answer.status.as_u16() {
            401 | 403 | 421 => return vec![finding(false, "credentials", denial(&answer).to_owned())],
            _ => {}
        }
        if let Err(error) = understood::<List>(GET_ORDERS, Effect::None, &answer) {
            let said = format!(
                "the shop does not answer as its Web API does: {}",
                kontor_flow::remedy::chain(&error)
            );
            return vec![finding(false, "credentials", said)];
        }
        let mut found = vec![
            finding(true, "credentials", "the shop takes our keys".to_owned()),
            finding(true, "rights", "the API user has order.read".to_owned()),
        ];
        found.push(self.may(&calls, POST_PAID, "order.update").await);
        found.push(self.may(&calls, POST_SHIP, "order.editshipment").await);
        found.extend(clock(&answer).map(|told| by_clock(told, now)));
        let faster = address.map(|address| format!(", and a notice to {address} makes that faster"));
        let said = "Smartstore sends none; the shop is asked for its orders";
        found.push(finding(true, "webhooks", format!("{said}{}", faster.unwrap_or_default())));
        found
    }
}

fn by_clock(told: Timestamp, now: Timestamp) -> Finding {
    let apart = told.duration_since(now);
    let good = apart.abs() <= CLOCKS_APART;
    let seconds = apart.as_secs().unsigned_abs();
    let ahead = if apart.is_negative() { "behind" } else { "ahead of" };
    let said = match good {
        true => "the shop's clock agrees with ours".to_owned(),
        false => format!(
            "the shop's clock is {seconds} seconds {ahead} ours: set the clock of its server, or changes are found late"
        ),
    };
    Finding { good, what: "clock".to_owned(), said }
}

/// What a person has to set up in the shop.
fn advice(address: &str) -> Vec<String> {
    [
        "Smartstore sends no webhooks. Kontor asks it for orders; nothing but the API user has to be set up.".to_owned(),
        "In the shop: activate the Web API (its plugin, version 5 or later), and give a customer account of its own API keys. \
         Its customer roles need the permissions order.read, order.update and order.editshipment."
            .to_owned(),
        "If orders are to be known within seconds, have something in the shop call this address on events of orders: a small \
         module that consumes OrderPlacedEvent, OrderPaidEvent and OrderUpdatedEvent, or any automation."
            .to_owned(),
        format!(
            "The call: POST {address} with the body {{\"orderId\": 123}}, or with no body at all (then all changes are asked for)."
        ),
        "Its proof: the headers X-Shop-Timestamp (seconds since 1970) and X-Shop-Signature (sha256= and the hex of \
         HMAC-SHA256 with the webhook secret over the time, a point and the body)."
            .to_owned(),
        format!(
            "What cannot sign may send Authorization: Bearer and the webhook secret, or call {address}?orderId=123&token= \
             with the webhook secret behind it. An address with a secret in it stands in logs on its way: give such a caller \
             a secret of its own."
        ),
    ]
    .into()
}
