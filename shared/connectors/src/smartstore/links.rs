//! Collections that were cut: the page size of the shop holds for expanded collections too, so an order with many lines comes
//! with a link to the rest of them. What is put together is exactly what was sent: no number passes through a float.

use std::collections::BTreeMap;

use kontor_flow::remedy::Effect;
use kontor_flow::{CallError, System};
use serde_json::value::RawValue;

use super::api::Api;
use super::wire::List;
use crate::http::Calls;

/// What a link is called, behind the name of its collection.
const LINK: &str = "@odata.nextLink";

/// Pages fetched for one order: the largest order that is carried out, twenty records a page.
const MOST_PAGES: usize = 500;

/// An object, its members as they were written.
type Object = BTreeMap<String, Box<RawValue>>;

/// `entity` with all its collections whole.
pub(super) async fn whole(
    api: &Api,
    calls: &Calls,
    call: &'static str,
    entity: &str,
) -> Result<String, CallError> {
    let mut entity = entity.to_owned();
    for _ in 0..MOST_PAGES {
        let Some(link) = first_link(&entity) else { return Ok(entity) };
        let page: List = api.follow(calls, call, &link).await?;
        entity = spliced(&entity, &page).ok_or_else(|| endless(call))?;
    }
    Err(endless(call))
}

fn endless(call: &'static str) -> CallError {
    let source = "the links to the rest of an order come to no end".into();
    CallError::Unreadable { system: System::Smartstore, call, effect: Effect::None, source }
}

/// The first link in an entity, wherever it is.
fn first_link(text: &str) -> Option<String> {
    if !text.contains(LINK) {
        return None;
    }
    if let Ok(object) = serde_json::from_str::<Object>(text) {
        let own = object.iter().find(|(name, _)| name.len() > LINK.len() && name.ends_with(LINK));
        let own = own.and_then(|(_, link)| serde_json::from_str(link.get()).ok());
        return own.or_else(|| object.values().find_map(|member| first_link(member.get())));
    }
    let list = serde_json::from_str::<Vec<Box<RawValue>>>(text).ok()?;
    list.iter().find_map(|member| first_link(member.get()))
}

/// The entity with the records of `page` behind those the first link goes on from; the link itself gives way to the next one.
fn spliced(text: &str, page: &List) -> Option<String> {
    if let Ok(mut object) = serde_json::from_str::<Object>(text) {
        let own = object.keys().find(|name| name.len() > LINK.len() && name.ends_with(LINK)).cloned();
        if let Some(link) = own {
            let collection = link.strip_suffix(LINK)?;
            let known = object.get(collection).map_or("[]", |known| known.get());
            let mut records: Vec<Box<RawValue>> = serde_json::from_str(known).ok()?;
            records.extend(page.value.iter().cloned());
            object.insert(collection.to_owned(), raw(&records)?);
            match &page.next_link {
                Some(next) => object.insert(link.clone(), raw(next)?),
                None => object.remove(&link),
            };
            return serde_json::to_string(&object).ok();
        }
        let cut = object.values_mut().find(|member| first_link(member.get()).is_some())?;
        *cut = RawValue::from_string(spliced(cut.get(), page)?).ok()?;
        return serde_json::to_string(&object).ok();
    }
    let mut list = serde_json::from_str::<Vec<Box<RawValue>>>(text).ok()?;
    let cut = list.iter_mut().find(|member| first_link(member.get()).is_some())?;
    *cut = RawValue::from_string(spliced(cut.get(), page)?).ok()?;
    serde_json::to_string(&list).ok()
}

fn raw<T: serde::Serialize>(value: &T) -> Option<Box<RawValue>> {
    serde_json::value::to_raw_value(value).ok()
}
