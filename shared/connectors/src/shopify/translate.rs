//! An order as the Admin API tells it, in the form of the webhooks: one mapping reads both, so both tell the same order.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;

use super::node::{
    AddressNode, AllocationNode, Bag, CustomerNode, Fetched, LineNode, NodeOutline, Page, PageInfo,
    RefundLineNode, RefundNode, ShippingLineNode, TaxNode,
};
use super::wire::{
    Address, Allocation, Attribute, Customer, Fulfillment, LineItem, MoneySet, MoneyV2, Order, Outline,
    Piece, Refund, RefundedLine, RefundedShipping, RestockType, ShippingLine, TaxLine, Transaction,
};
use crate::reading::{Perhaps, Token, Unreadable, at, number};

/// What the Admin API calls a buyer that is a company.
const COMPANY: &str = "PurchasingCompany";

/// As many refunds as an order is asked for at most; where there are as many, there may be more.
pub(super) const MOST_REFUNDS: u32 = 250;

/// The number at the end of `gid://shopify/LineItem/123`.
pub(super) fn number_of(gid: &str) -> Option<u64> {
    gid.rsplit('/').next()?.parse().ok()
}

fn id_of(place: &str, gid: &str) -> Result<u64, Unreadable> {
    at(format_args!("{place}"), number_of(gid).ok_or("no id of the Admin API"))
}

fn legacy_id(place: &str, id: &Token) -> Result<u64, Unreadable> {
    at(format_args!("{place}"), id.as_str().parse::<u64>())
}

/// What must have come whole, because nothing more of it was fetched.
fn ended(place: &str, info: &PageInfo) -> Result<(), Unreadable> {
    if info.has_next_page {
        return at(format_args!("{place}"), Err("it goes on, and nothing more of it was fetched"));
    }
    Ok(())
}

impl TryFrom<NodeOutline> for Outline {
    type Error = Unreadable;

    fn try_from(node: NodeOutline) -> Result<Self, Unreadable> {
        let fulfillments = node.fulfillments.0.map(|list| {
            let parcel = |status: String| Fulfillment { status: Some(status.to_ascii_lowercase()) };
            list.into_iter().map(|node| Perhaps(node.0.and_then(|node| node.status).map(parcel))).collect()
        });
        let pieces = node.line_items.0.map(|list| {
            let piece = |node: Perhaps<super::node::PieceNode>| {
                Perhaps(node.0.map(|node| Piece {
                    current_quantity: node.current_quantity,
                    requires_shipping: node.requires_shipping,
                }))
            };
            list.nodes.into_iter().map(piece).collect()
        });
        let refunds = node.refunds.0.map(|list| {
            let read = |node: RefundNode| refund("", node, Vec::new()).ok();
            list.into_iter().map(|node| Perhaps(node.0.and_then(read))).collect()
        });
        Ok(Self {
            id: legacy_id("order.legacyResourceId", &node.legacy_resource_id)?,
            updated_at: node.updated_at,
            cancelled_at: node.cancelled_at,
            closed_at: node.closed_at,
            currency: node.currency_code,
            taxes_included: node.taxes_included,
            financial_status: node.display_financial_status,
            fulfillment_status: Perhaps(node.display_fulfillment_status.0.and_then(shipped)),
            fulfillments: Perhaps(fulfillments),
            line_items: Perhaps(pieces),
            refunds: Perhaps(refunds),
        })
    }
}

/// How far an order is shipped, in the word of the webhooks, which have none for orders of which nothing is.
fn shipped(status: String) -> Option<String> {
    Some(match status.as_str() {
        "FULFILLED" => "fulfilled".to_owned(),
        "PARTIALLY_FULFILLED" => "partial".to_owned(),
        "RESTOCKED" => "restocked".to_owned(),
        "UNFULFILLED"
        | "OPEN"
        | "IN_PROGRESS"
        | "ON_HOLD"
        | "PENDING_FULFILLMENT"
        | "REQUEST_DECLINED"
        | "SCHEDULED"
        | "FULFILLMENT_NOT_REQUIRED" => return None,
        _ => status,
    })
}

impl TryFrom<Fetched> for Order {
    type Error = Unreadable;

    fn try_from(fetched: Fetched) -> Result<Self, Unreadable> {
        let Fetched { order: node, lines: further, refund_lines } = fetched;
        ended("order.shippingLines", &node.shipping_lines.page_info)?;
        let tip = node.total_tip_received_set.shop_money.amount.clone();
        let line_items = all_lines(node.line_items, further, &tip)?;
        let refunds = all_refunds(node.refunds, refund_lines)?;
        let is_company = node.purchasing_entity.is_some_and(|entity| entity.kind == COMPANY);
        Ok(Self {
            name: node.name,
            created_at: node.created_at,
            processed_at: Some(node.processed_at),
            cancelled_at: node.cancelled_at,
            currency: node.currency_code,
            total_price: node.total_price_set.shop_money.amount,
            total_tax: node.total_tax_set.map(|set| set.shop_money.amount),
            current_total_price: Some(node.current_total_price_set.shop_money.amount),
            total_outstanding: Some(node.total_outstanding_set.shop_money.amount),
            total_tip_received: Some(tip),
            original_total_duties_set: node.original_total_duties_set.map(set),
            current_total_duties_set: node.current_total_duties_set.map(set),
            original_total_additional_fees_set: node.original_total_additional_fees_set.map(set),
            current_total_additional_fees_set: node.current_total_additional_fees_set.map(set),
            duties_included: Some(node.duties_included),
            financial_status: node.display_financial_status,
            taxes_included: node.taxes_included,
            tax_exempt: Some(node.tax_exempt),
            test: Some(node.test),
            email: node.email,
            contact_email: None,
            customer_locale: node.customer_locale,
            note: node.note,
            note_attributes: Some(
                node.custom_attributes
                    .into_iter()
                    .map(|attribute| Attribute { name: Some(attribute.key), value: attribute.value })
                    .collect(),
            ),
            payment_gateway_names: Some(node.payment_gateway_names),
            company: is_company.then_some(IgnoredAny),
            customer: node.customer.map(customer).transpose()?,
            billing_address: node.billing_address.map(address),
            shipping_address: node.shipping_address.map(address),
            line_items,
            shipping_lines: node.shipping_lines.nodes.into_iter().map(shipping_line).collect(),
            refunds,
        })
    }
}

fn all_lines(
    first: Page<LineNode>,
    further: Vec<LineNode>,
    tip: &Token,
) -> Result<Vec<LineItem>, Unreadable> {
    if further.is_empty() {
        ended("order.lineItems", &first.page_info)?;
    }
    let mut lines = Vec::new();
    for (n, line) in first.nodes.into_iter().chain(further).enumerate() {
        lines.push(line_item(&format!("order.lineItems[{n}]"), line)?);
    }
    mark_tips(&mut lines, tip);
    Ok(lines)
}

fn all_refunds(
    nodes: Vec<RefundNode>,
    mut further: BTreeMap<String, Vec<RefundLineNode>>,
) -> Result<Vec<Refund>, Unreadable> {
    if u32::try_from(nodes.len()).is_ok_and(|count| count >= MOST_REFUNDS) {
        return at(format_args!("order.refunds"), Err("there may be more than can be fetched"));
    }
    let mut refunds = Vec::new();
    for (n, node) in nodes.into_iter().enumerate() {
        let more = further.remove(&node.id).unwrap_or_default();
        refunds.push(refund(&format!("order.refunds[{n}]"), node, more)?);
    }
    Ok(refunds)
}

fn customer(node: CustomerNode) -> Result<Customer, Unreadable> {
    Ok(Customer {
        id: legacy_id("order.customer.legacyResourceId", &node.legacy_resource_id)?,
        email: node.default_email_address.map(|email| email.email_address),
        // No tag has a comma in it.
        tags: Some(node.tags.join(",")),
    })
}

fn address(node: AddressNode) -> Address {
    let AddressNode {
        first_name,
        last_name,
        company,
        address1,
        address2,
        city,
        zip,
        province,
        province_code,
        country_code,
        phone,
    } = node;
    Address {
        first_name,
        last_name,
        company,
        address1,
        address2,
        city,
        zip,
        province,
        province_code,
        country_code,
        phone,
    }
}

fn line_item(place: &str, node: LineNode) -> Result<LineItem, Unreadable> {
    Ok(LineItem {
        id: id_of(&format!("{place}.id"), &node.id)?,
        name: Some(node.name),
        title: Some(node.title),
        sku: node.sku,
        quantity: node.quantity,
        current_quantity: Some(node.current_quantity),
        price: node.original_unit_price_set.shop_money.amount,
        discount_allocations: allocations(node.discount_allocations),
        tax_lines: tax_lines(node.tax_lines),
        gift_card: node.is_gift_card,
        requires_shipping: Some(node.requires_shipping),
        tip: None,
    })
}

/// The Admin API does not say which lines are tips, only what they come to: lines that are no goods, of just that amount.
fn mark_tips(lines: &mut [LineItem], tip: &Token) {
    let read = |token: &Token| number(format_args!(""), token).unwrap_or_default();
    let tip = read(tip);
    let may_be = |line: &LineItem| {
        line.sku.as_deref().is_none_or(str::is_empty)
            && line.requires_shipping == Some(false)
            && !line.gift_card
    };
    let worth = |line: &LineItem| read(&line.price).checked_mul(read(&line.quantity)).unwrap_or_default();
    if tip.is_zero() {
        return;
    }
    let one = lines.iter().position(|line| may_be(line) && worth(line) == tip);
    let sum = lines
        .iter()
        .filter(|line| may_be(line))
        .map(worth)
        .try_fold(rust_decimal::Decimal::ZERO, |sum, worth| sum.checked_add(worth));
    let all = sum == Some(tip);
    for (n, line) in lines.iter_mut().enumerate() {
        if Some(n) == one || one.is_none() && all && may_be(line) {
            line.tip = Some(IgnoredAny);
        }
    }
}

fn shipping_line(node: ShippingLineNode) -> ShippingLine {
    ShippingLine {
        title: Some(node.title),
        code: node.code,
        price: node.original_price_set.shop_money.amount,
        current_discounted_price_set: Some(set(node.current_discounted_price_set)),
        is_removed: Some(node.is_removed),
        discount_allocations: allocations(node.discount_allocations),
        tax_lines: tax_lines(node.tax_lines),
    }
}

fn allocations(nodes: Vec<AllocationNode>) -> Vec<Allocation> {
    nodes.into_iter().map(|node| Allocation { amount: node.allocated_amount_set.shop_money.amount }).collect()
}

fn tax_lines(nodes: Vec<TaxNode>) -> Vec<TaxLine> {
    let line = |node: TaxNode| TaxLine { price: node.price_set.shop_money.amount, rate: node.rate };
    nodes.into_iter().map(line).collect()
}

fn set(bag: Bag) -> MoneySet {
    MoneySet {
        shop_money: MoneyV2 { amount: bag.shop_money.amount, currency_code: bag.shop_money.currency_code },
    }
}

fn refund(place: &str, node: RefundNode, further: Vec<RefundLineNode>) -> Result<Refund, Unreadable> {
    if further.is_empty() {
        ended(&format!("{place}.refundLineItems"), &node.refund_line_items.page_info)?;
    }
    ended(&format!("{place}.refundShippingLines"), &node.refund_shipping_lines.page_info)?;
    ended(&format!("{place}.transactions"), &node.transactions.page_info)?;
    let mut lines = Vec::new();
    for (n, line) in node.refund_line_items.nodes.into_iter().chain(further).enumerate() {
        lines.push(refunded_line(&format!("{place}.refundLineItems[{n}]"), line)?);
    }
    let shipping = node.refund_shipping_lines.nodes.into_iter().map(|line| RefundedShipping {
        subtotal_amount_set: set(line.subtotal_amount_set),
        tax_amount_set: Some(set(line.tax_amount_set)),
    });
    let transactions = node.transactions.nodes.into_iter().map(|moved| Transaction {
        kind: moved.kind,
        status: moved.status,
        amount: moved.amount_set.shop_money.amount,
        currency: Some(moved.amount_set.shop_money.currency_code),
    });
    Ok(Refund {
        id: legacy_id(&format!("{place}.legacyResourceId"), &node.legacy_resource_id)?,
        created_at: node.created_at,
        processed_at: Some(node.processed_at),
        transactions: transactions.collect(),
        refund_line_items: lines,
        refund_shipping_lines: shipping.collect(),
        // What moved is told in the shop's currency: nothing has to be reckoned from the parts.
        order_adjustments: Vec::new(),
        total_duties_set: None,
        total_additional_fees_set: None,
    })
}

fn refunded_line(place: &str, node: RefundLineNode) -> Result<RefundedLine, Unreadable> {
    Ok(RefundedLine {
        line_item_id: id_of(&format!("{place}.lineItem.id"), &node.line_item.id)?,
        quantity: node.quantity,
        restock_type: Some(RestockType::from(node.restock_type)),
        subtotal: node.subtotal_set.shop_money.amount.clone(),
        subtotal_set: Some(set(node.subtotal_set)),
        total_tax: None,
        total_tax_set: Some(set(node.total_tax_set)),
    })
}
