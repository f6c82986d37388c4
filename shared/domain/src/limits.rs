//! How large an order may be: what is larger was not made by people, and is refused before anything is done with it.

use rust_decimal::Decimal;

use crate::{Address, Customer, OrderDraft, OrderError};

/// The most lines of an order; also the most charges, discounts and gift cards, and the most taxes of one of them. Every
/// line becomes work for the ERP, and conditions go through all of them.
pub const MOST_PARTS: usize = 10_000;

/// Digits before the point of amounts and quantities: as many as the ERP has room for. Sums of [`MOST_PARTS`] such numbers,
/// and products of two, never overflow.
pub const DIGITS: u32 = 13;

/// The longest text of an order (a name, a title, a note), in bytes: as much as a shop's own table has room for.
pub const LONGEST_TEXT: usize = 65_535;

/// Whether the order has more parts than anybody carries out.
pub(crate) fn counts(order: &OrderDraft) -> Result<(), OrderError> {
    let lines = order.lines.iter().map(|l| &l.taxes);
    let taxes = lines.chain(order.charges.iter().map(|c| &c.taxes));
    let taxes = taxes.chain(order.discounts.iter().map(|d| &d.taxes));
    let all = [
        ("lines", order.lines.len()),
        ("charges", order.charges.len()),
        ("discounts", order.discounts.len()),
        ("gift cards", order.gift_cards.len()),
        ("tags of its customer", order.customer.tags.len()),
    ];
    let all = all.into_iter().chain(taxes.map(|taxes| ("taxes of one part", taxes.len())));
    for (what, count) in all {
        if count > MOST_PARTS {
            return Err(OrderError::TooMany { what, count });
        }
    }
    Ok(())
}

/// Whether a text in it is longer than people write.
pub(crate) fn texts(order: &OrderDraft) -> Result<(), OrderError> {
    let Customer { id, email: _, language, vat_id, group, tags } = &order.customer;
    let customer = [id, language, vat_id].into_iter().flatten().chain(std::iter::once(group)).chain(tags);
    let addresses = order.billing.iter().chain(&order.shipping).flat_map(Address::texts);
    let payment = [&order.payment.code, &order.payment.title];
    let parts = order.lines.iter().map(|l| &l.title);
    let parts = parts.chain(order.charges.iter().flat_map(|c| [&c.code, &c.title]));
    let parts = parts.chain(order.discounts.iter().map(|d| &d.code));
    let parts = parts.chain(order.gift_cards.iter().map(|c| &c.hint));
    let all = customer
        .map(|text| ("a word about the customer", text))
        .chain(addresses.map(|text| ("a part of an address", text)))
        .chain(payment.map(|text| ("the payment method", text)))
        .chain(parts.map(|text| ("a title or a code", text)))
        .chain(order.note.iter().map(|text| ("the note", text)));
    for (what, text) in all {
        if text.len() > LONGEST_TEXT {
            return Err(OrderError::TooLong { what });
        }
    }
    Ok(())
}

/// Whether a number in it is larger than a document has room for.
pub(crate) fn sizes(order: &OrderDraft) -> Result<(), OrderError> {
    let lines = order.lines.iter().flat_map(|l| {
        [
            ("a line's total", l.total.amount()),
            ("a line's discount", l.discount.amount()),
            ("a quantity", l.quantity.count()),
        ]
    });
    let taxes = order.lines.iter().map(|l| &l.taxes).chain(order.charges.iter().map(|c| &c.taxes));
    let taxes = taxes.chain(order.discounts.iter().map(|d| &d.taxes)).flatten();
    let all = lines
        .chain(order.charges.iter().map(|c| ("a charge", c.total.amount())))
        .chain(order.discounts.iter().map(|d| ("a discount", d.amount.amount())))
        .chain(order.gift_cards.iter().map(|c| ("a gift card", c.amount.amount())))
        .chain(taxes.map(|tax| ("a tax", tax.amount.amount())))
        .chain([("the rounding", order.rounding.amount()), ("the total", order.total.amount())]);
    let bound = Decimal::from(10_u64.pow(DIGITS));
    for (what, number) in all {
        if number.abs() >= bound {
            return Err(OrderError::TooLarge { what });
        }
    }
    Ok(())
}
