//! What lies in the store, and the small words everything is made of.

use std::fmt::{Debug, Display};
use std::hint::black_box;
use std::str::FromStr;

use kontor_connectors::SecretRef;
use kontor_domain::{
    CountryCode, Currency, DocumentId, Email, LineId, Money, OrderKey, OrderNumber, PlacedOrder, ShopId,
    ShopOrderId, Sku, TaxRate, TrackingNumber,
};
use kontor_flow::plan::plan;
use kontor_flow::ports::StoredConfig;
use kontor_flow::{Failure, FailureId, FlowName, Order, StepKey, StepName, TimelineEntry};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::world::{FLOW, now};

/// A record of the store.
pub fn stored(body: &[u8]) {
    survives::<TimelineEntry>(body);
    survives::<Failure>(body);
    survives::<StoredConfig>(body);
    survives::<PlacedOrder>(body);
    survives::<Order>(body);
    let Ok(order) = serde_json::from_slice::<Order>(body) else { return };
    black_box((FLOW.mermaid(Some(&order)), FLOW.svg(Some(&order)), plan(&order, &FLOW, now())));
}

fn survives<T: Serialize + DeserializeOwned + PartialEq + Debug>(body: &[u8]) {
    let Ok(value) = serde_json::from_slice::<T>(body) else { return };
    let text = serde_json::to_vec(&value).unwrap();
    assert_eq!(serde_json::from_slice::<T>(&text).unwrap(), value, "a record does not survive its store");
}

/// An id, an amount, a name: what is taken is written as it is read.
pub fn words(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    again::<ShopId>(text);
    again::<ShopOrderId>(text);
    again::<OrderNumber>(text);
    again::<Sku>(text);
    again::<LineId>(text);
    again::<DocumentId>(text);
    again::<TrackingNumber>(text);
    again::<OrderKey>(text);
    as_json::<StepKey>(text);
    as_json::<StepName>(text);
    as_json::<FlowName>(text);
    as_json::<Email>(text);
    as_json::<CountryCode>(text);
    as_json::<SecretRef>(text);
    as_json::<Money>(text);
    as_json::<TaxRate>(text);
    black_box(FailureId::typed(text));
    if let Ok(money) = Money::parse(text, Currency::EUR) {
        assert_eq!(money.plus(money.negated()).unwrap(), Money::zero(Currency::EUR));
        assert!(!money.abs().is_negative() && money.rounded().amount().scale() <= 2);
    }
    if let Ok(currency) = Currency::parse(text) {
        assert_eq!(Currency::parse(currency.code()).unwrap(), currency);
    }
}

fn again<T: FromStr + Display + PartialEq + Debug>(text: &str)
where
    T::Err: Debug,
{
    let Ok(value) = text.parse::<T>() else { return };
    assert_eq!(value.to_string().parse::<T>().unwrap(), value);
}

fn as_json<T: Serialize + DeserializeOwned + PartialEq + Debug>(text: &str) {
    survives::<T>(&serde_json::to_vec(text).unwrap());
}
