//! Refunds. An order tells their amounts alone; what they are for is at an address of its own, and is put beside the order when
//! we fetch it.

use kontor_domain::{Currency, LineId, Money, Quantity, Refund, RefundId, RefundLine};
use rust_decimal::Decimal;
use serde_json::value::RawValue;

use super::read::instant;
use super::wire::{LineItem, Meta, RefundItem, RefundRecord};
use crate::reading::{Token, Unreadable, at, money, number};

/// Where on a line of a refund the id of the order's line stands.
const REFUNDED_ITEM: &str = "_refunded_item_id";

/// Where on a line of an order it stands how many pieces came back into the stock with refunds. A refund itself does not tell
/// (`api_restock` is only sent, never answered).
const RESTOCKED: &str = "_restock_refunded_items";

/// The order as we fetched it, with its refunds in a field of our own, `kontor_refunds`: the answer of
/// `GET /orders/{id}/refunds` as it came. Nothing else is changed, so that it reads like any other order.
pub(super) fn with_refunds(order: &str, refunds: &RawValue) -> String {
    match order.trim_end().strip_suffix('}') {
        Some(open) => format!("{open},\"kontor_refunds\":{}}}", refunds.get()),
        None => order.to_owned(),
    }
}

/// The refunds in their order, with what they are for.
pub(super) fn detailed(
    records: &[RefundRecord],
    lines: &[LineItem],
    currency: Currency,
) -> Result<Vec<Refund>, Unreadable> {
    let mut restocked = Restocked::of(lines)?;
    let mut records: Vec<(usize, &RefundRecord)> = records.iter().enumerate().collect();
    records.sort_by_key(|(_, record)| record.id);
    records.into_iter().map(|(n, record)| of_record(n, record, currency, &mut restocked)).collect()
}

fn of_record(
    n: usize,
    record: &RefundRecord,
    currency: Currency,
    restocked: &mut Restocked,
) -> Result<Refund, Unreadable> {
    let place = format!("kontor_refunds[{n}]");
    let amount = money(format_args!("{place}.amount"), &record.amount, currency)?.abs();
    let id = at(format_args!("{place}.id"), RefundId::parse(&record.id.to_string()))?;
    let mut refund =
        Refund::of(id, amount, instant("kontor_refunds.date_created_gmt", &record.date_created_gmt)?);
    for (n, item) in record.line_items.iter().enumerate() {
        refund.lines.extend(line(&format!("{place}.line_items[{n}]"), item, currency, restocked)?);
    }
    let mut shipping = Money::zero(currency);
    for (n, carriage) in record.shipping_lines.iter().enumerate() {
        let place = format!("{place}.shipping_lines[{n}]");
        let part = with_tax(&place, &carriage.total, &carriage.total_tax, currency)?;
        shipping = at(format_args!("{place}"), shipping.plus(part))?;
    }
    // One of an amount alone may be for everything: carriage is nothing only where something else is named.
    let names_parts =
        !refund.lines.is_empty() || !record.shipping_lines.is_empty() || !record.fee_lines.is_empty();
    refund.shipping = names_parts.then_some(shipping);
    let parts = refund.lines.iter().map(|line| line.amount).chain(refund.shipping);
    if at(format_args!("{place}"), Money::sum(currency, parts))? > amount {
        // Less was given back than its parts say: what for is not known.
        return Ok(Refund::of(refund.id, amount, refund.refunded_at));
    }
    Ok(refund)
}

fn line(
    place: &str,
    item: &RefundItem,
    currency: Currency,
    restocked: &mut Restocked,
) -> Result<Option<RefundLine>, Unreadable> {
    let Some(of) = value(&item.meta_data, REFUNDED_ITEM) else { return Ok(None) };
    let line = at(format_args!("{place}.meta_data"), LineId::parse(of.as_str()))?;
    let amount = with_tax(place, &item.total, &item.total_tax, currency)?;
    let pieces = number(format_args!("{place}.quantity"), &item.quantity)?.abs();
    let quantity = (!pieces.is_zero()).then(|| Quantity::new(pieces)).transpose();
    let quantity = at(format_args!("{place}.quantity"), quantity)?;
    if quantity.is_none() && amount.is_zero() {
        return Ok(None);
    }
    let restock = restocked.take(&line, pieces);
    Ok(Some(RefundLine { line, quantity, amount, restock }))
}

/// What a part of a refund comes to, as a positive amount: without tax and tax stand beside each other, both negative.
fn with_tax(place: &str, net: &Token, tax: &Token, currency: Currency) -> Result<Money, Unreadable> {
    let net = money(format_args!("{place}.total"), net, currency)?;
    let tax = money(format_args!("{place}.total_tax"), tax, currency)?;
    Ok(at(format_args!("{place}.total"), net.plus(tax))?.abs())
}

/// Pieces that came back into the stock, by line of the order. They are told as one sum of all refunds: where not all pieces
/// came back, the refunds made first are taken to be those that did.
struct Restocked(Vec<(LineId, Decimal)>);

impl Restocked {
    fn of(lines: &[LineItem]) -> Result<Self, Unreadable> {
        let mut all = Vec::new();
        for (n, line) in lines.iter().enumerate() {
            let Some(pieces) = value(&line.meta_data, RESTOCKED) else { continue };
            let id = at(format_args!("line_items[{n}].id"), LineId::parse(&line.id.to_string()))?;
            all.push((id, number(format_args!("line_items[{n}].meta_data"), &pieces)?));
        }
        Ok(Self(all))
    }

    fn take(&mut self, line: &LineId, pieces: Decimal) -> bool {
        let left = self.0.iter_mut().find(|(id, left)| id == line && *left >= pieces && !pieces.is_zero());
        left.map(|(_, left)| *left -= pieces).is_some()
    }
}

/// The value of a meta field that is a text or a number.
fn value(meta: &[Meta], key: &str) -> Option<Token> {
    let field = meta.iter().find(|meta| meta.key.as_deref() == Some(key))?;
    serde_json::from_str(field.value.as_ref()?.get()).ok()
}
