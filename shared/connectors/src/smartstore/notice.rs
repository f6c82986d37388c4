//! Thin notices: an order's id or nothing. What else they say is not believed, the order is fetched.

use kontor_domain::{ShopId, ShopOrderId};
use kontor_flow::Envelope;
use kontor_flow::ports::ReadError;
use kontor_flow::remedy::BoxError;
use kontor_flow::storefront::Notice;

use super::wire::NoticeBody;
use crate::proof::ASKED_ORDER;
use crate::reading::{Token, body};

/// Reads a notice: the order named behind the `?` of its address, or in its body. One that names none is a poke: something
/// changed.
pub(super) fn read(shop: &ShopId, delivery: &Envelope) -> Result<Notice, ReadError> {
    let failed = |source: BoxError| ReadError {
        shop: shop.clone(),
        topic: delivery.topic.clone(),
        order: None,
        source,
    };
    if let Some(asked) = delivery.headers.get(ASKED_ORDER) {
        return named(asked).map_err(failed);
    }
    let bytes = delivery.body.bytes().map_err(|error| failed(error.into()))?;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Notice::Something);
    }
    let told: NoticeBody = body(&bytes).map_err(|error| failed(error.into()))?;
    let id: Option<&Token> =
        [&told.order_id, &told.order_id_of_model, &told.id].into_iter().find_map(Option::as_ref);
    id.map_or(Ok(Notice::Something), |id| named(id.as_str())).map_err(failed)
}

/// Ids of Smartstore are numbers from 1.
fn named(id: &str) -> Result<Notice, BoxError> {
    let number: u32 =
        id.trim().parse().map_err(|_| "the notice names no order: an id of Smartstore is a number")?;
    if number == 0 {
        return Err("the notice names no order: ids of Smartstore begin with 1".into());
    }
    Ok(Notice::Orders(vec![ShopOrderId::parse(&number.to_string())?]))
}
