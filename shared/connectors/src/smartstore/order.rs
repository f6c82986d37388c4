//! An order of Smartstore as an order of ours: every amount is there with and without tax, and the shop's total is made of
//! one side alone.

use kontor_domain::{
    Address, Charge, ChargeKind, CountryCode, Currency, Customer, Discount, Email, GiftCard, Line, LineId,
    LineKind, Money, MoneyError, OrderDraft, OrderNumber, PlacedOrder, Quantity, Sku, TaxPart, TaxRate,
};
use rust_decimal::Decimal;

use super::bundle::{self, Part};
use super::html;
use super::reckoner::{Reckoner, Stated};
use super::wire::{self, DiscountType, Order, OrderItem, ShippingStatus};
use crate::config::ShopConfig;
use crate::reading::{Unreadable, at, filled, number, payment};

/// The role of customers without an account.
const GUESTS: &str = "Guests";

/// The code of the charge that stands for checkout attributes (gift wrapping, notice before delivery).
const SURCHARGE: &str = "checkout_attributes";

/// The order, without anything that only says where it stands. `items` are its lines, all of them.
pub(super) fn placed(
    shop: &ShopConfig,
    order: &Order,
    items: &[OrderItem],
) -> Result<PlacedOrder, Unreadable> {
    let currency = currency(shop)?;
    let reckoner = Reckoner::of(order, items, currency)?;
    let gift_cards = means(order, &reckoner)?;
    let to_pay = reckoner.money(format_args!("OrderTotal"), &order.order_total)?;
    let used = Money::sum(currency, gift_cards.iter().map(|card| card.amount));
    let total = at(format_args!("OrderTotal"), used.and_then(|used| to_pay.plus(used)))?;
    let (stated, lines) = lines(order, items, &reckoner)?;
    let (charges, discounts) = extras(order, &reckoner, &stated)?;
    let method = order.payment_method_system_name.as_deref().unwrap_or_default();
    let draft = OrderDraft {
        number: order_number(order)?,
        placed_at: super::read::instant("CreatedOnUtc", &order.created_on_utc)?,
        currency,
        tax_mode: reckoner.mode,
        customer: customer(order)?,
        billing: address("BillingAddress", order.billing_address.as_ref())?,
        shipping: address("ShippingAddress", order.shipping_address.as_ref())?,
        lines,
        charges,
        discounts,
        gift_cards,
        rounding: reckoner
            .or_zero(format_args!("OrderTotalRounding"), order.order_total_rounding.as_ref())?,
        total,
        payment: payment(shop, method, "", to_pay)?,
        note: order.customer_order_comment.as_deref().and_then(filled),
        test: false,
    };
    Ok(draft.balanced()?.build()?)
}

/// The currency the shop reckons in. No order names it: `CustomerCurrencyCode` is what the customer was shown.
pub(super) fn currency(shop: &ShopConfig) -> Result<Currency, Unreadable> {
    let missing = "the amounts of Smartstore are in the shop's primary currency, which no order names: give `currency` \
                   of the shop in kontor.yaml";
    at(format_args!("currency"), shop.currency.ok_or(missing))
}

/// The community edition numbers orders by their id alone.
fn order_number(order: &Order) -> Result<OrderNumber, Unreadable> {
    let number = order.order_number.as_deref().and_then(filled).unwrap_or_else(|| order.id.to_string());
    at(format_args!("OrderNumber"), OrderNumber::parse(&number))
}

fn customer(order: &Order) -> Result<Customer, Unreadable> {
    let addresses = [&order.billing_address, &order.shipping_address];
    let by_address = addresses.into_iter().flatten().filter_map(|address| address.email.as_deref());
    let by_account = order.customer.iter().filter_map(|customer| customer.email.as_deref());
    let email = by_address.chain(by_account).find_map(filled);
    let roles = || {
        let mappings = order.customer.iter().filter_map(|customer| customer.customer_role_mappings.as_ref());
        mappings.flatten().filter_map(|mapping| mapping.customer_role.as_ref())
    };
    let is_guest = roles().any(|role| role.system_name.as_deref() == Some(GUESTS));
    let mut tags: Vec<String> = roles().filter_map(|role| role.name.as_deref().and_then(filled)).collect();
    tags.sort_unstable();
    tags.dedup();
    let vat_id = order.vat_number.as_deref().and_then(filled);
    let company = order.billing_address.as_ref().and_then(|billing| billing.company.as_deref());
    let by_role = tags.iter().any(|tag| tag.eq_ignore_ascii_case("B2B"));
    let business = by_role || vat_id.is_some() || company.and_then(filled).is_some();
    Ok(Customer {
        id: order.customer_id.filter(|id| *id != 0 && !is_guest).map(|id| id.to_string()),
        email: at(format_args!("BillingAddress.Email"), email.as_deref().map(Email::parse).transpose())?,
        // The order names a number of the shop's own alone (CustomerLanguageId).
        language: None,
        vat_id,
        group: if business { "B2B" } else { "B2C" }.to_owned(),
        tags,
    })
}

fn address(place: &str, from: Option<&wire::Address>) -> Result<Option<Address>, Unreadable> {
    let Some(from) = from else { return Ok(None) };
    let trimmed = |text: &Option<String>| text.as_deref().unwrap_or_default().trim().to_owned();
    let country = from.country.as_ref().and_then(|country| country.two_letter_iso_code.as_deref());
    let country = country.and_then(filled).as_deref().map(CountryCode::parse).transpose();
    let state = from.state_province.as_ref().map(|state| trimmed(&state.name)).unwrap_or_default();
    let address = Address {
        company: trimmed(&from.company),
        first_name: trimmed(&from.first_name),
        last_name: trimmed(&from.last_name),
        street: trimmed(&from.address1),
        street2: trimmed(&from.address2),
        zip: trimmed(&from.zip_postal_code),
        city: trimmed(&from.city),
        state,
        country: at(format_args!("{place}.Country.TwoLetterIsoCode"), country)?,
        phone: trimmed(&from.phone_number),
    };
    Ok((address != Address::default()).then_some(address))
}

/// What each line comes to, and the lines.
fn lines(
    order: &Order,
    items: &[OrderItem],
    reckoner: &Reckoner,
) -> Result<(Vec<Stated>, Vec<Line>), Unreadable> {
    let (mut all, mut lines) = (Vec::new(), Vec::new());
    for (n, item) in items.iter().enumerate() {
        let place = format!("OrderItems[{n}]");
        let stated = reckoner.stated(
            &format!("{place}.Price"),
            (&item.price_incl_tax, &item.price_excl_tax),
            &item.tax_rate,
        )?;
        let line = line(&place, order, item, reckoner, &stated)?;
        let parts = bundle::parts(&place, item)?;
        if parts.is_empty() {
            lines.push(line);
        } else {
            lines.extend(unpacked(&place, &line, &parts, reckoner, &stated)?);
        }
        all.push(stated);
    }
    Ok((all, lines))
}

fn line(
    place: &str,
    order: &Order,
    item: &OrderItem,
    reckoner: &Reckoner,
    stated: &Stated,
) -> Result<Line, Unreadable> {
    let product = item.product.as_ref();
    let sku = item.sku.as_deref().and_then(filled);
    let sku = sku.or_else(|| product.and_then(|product| product.sku.as_deref()).and_then(filled));
    let discount =
        reckoner.side(item.discount_amount_incl_tax.as_ref(), item.discount_amount_excl_tax.as_ref());
    let discount = reckoner.or_zero(format_args!("{place}.DiscountAmount"), discount)?;
    let quantity = number(format_args!("{place}.Quantity"), &item.quantity)?;
    Ok(Line {
        id: at(format_args!("{place}.Id"), LineId::parse(&item.id.to_string()))?,
        title: title(item, sku.as_deref()),
        sku: at(format_args!("{place}.Sku"), sku.as_deref().map(Sku::parse).transpose())?,
        quantity: at(format_args!("{place}.Quantity"), Quantity::new(quantity))?,
        total: reckoner.amount(stated),
        discount: discount.max(Money::zero(reckoner.currency)),
        taxes: at(format_args!("{place}.TaxRate"), reckoner.taxes(stated))?,
        kind: kind(order, product),
    })
}

/// Whether a line is packed. An article that is gone says nothing any more; then the whole order does.
fn kind(order: &Order, product: Option<&wire::Product>) -> LineKind {
    let is_card = product.and_then(|product| product.is_gift_card) == Some(true);
    match product.and_then(|product| product.is_shipping_enabled) {
        _ if is_card => LineKind::GiftCard,
        Some(true) => LineKind::Physical,
        Some(false) => LineKind::Digital,
        None if order.shipping_status_id == ShippingStatus::NotRequired => LineKind::Digital,
        None => LineKind::Physical,
    }
}

/// The article's name and what was chosen of it. What stands on a gift card is between its buyer and its receiver.
fn title(item: &OrderItem, sku: Option<&str>) -> String {
    let product = item.product.as_ref();
    let name = product.and_then(|product| product.name.as_deref()).and_then(filled);
    let name = name.or_else(|| sku.map(str::to_owned));
    let name = name.unwrap_or_else(|| format!("article {}", item.product_id.unwrap_or_default()));
    if product.and_then(|product| product.is_gift_card) == Some(true) {
        return name;
    }
    match item.attribute_description.as_deref().map(html::text).as_deref().and_then(filled) {
        Some(chosen) => format!("{name} ({chosen})"),
        None => name,
    }
}

/// The parts of a bundle in the place of the bundle: their stock is what the shop moves, so they are what is booked and
/// packed. They share what the bundle costs.
fn unpacked(
    place: &str,
    bundle: &Line,
    parts: &[Part],
    reckoner: &Reckoner,
    stated: &Stated,
) -> Result<Vec<Line>, Unreadable> {
    let in_place = |shares| at(format_args!("{place}.BundleData"), shares);
    let incl = in_place(bundle::divided(stated.incl, parts))?;
    let excl = in_place(bundle::divided(stated.excl, parts))?;
    let discounts = in_place(bundle::divided(bundle.discount, parts))?;
    let shares = incl.into_iter().zip(excl).zip(discounts);
    let mut lines = Vec::new();
    for (part, ((incl, excl), discount)) in parts.iter().zip(shares) {
        let share = Stated { incl, excl, rate: stated.rate };
        let quantity = bundle.quantity.count().checked_mul(part.quantity).ok_or(MoneyError::Overflow);
        let quantity = at(format_args!("{place}.BundleData.Quantity"), quantity)?;
        let name = if part.name.is_empty() { &part.sku } else { &part.name };
        lines.push(Line {
            id: at(
                format_args!("{place}.BundleData.BundleItemId"),
                LineId::parse(&format!("{}-{}", bundle.id, part.id)),
            )?,
            sku: Some(at(format_args!("{place}.BundleData.Sku"), Sku::parse(&part.sku))?),
            title: format!("{}: {name}", bundle.title),
            quantity: at(format_args!("{place}.BundleData.Quantity"), Quantity::new(quantity))?,
            total: reckoner.amount(&share),
            discount,
            taxes: at(format_args!("{place}.TaxRate"), reckoner.taxes(&share))?,
            kind: bundle.kind,
        });
    }
    Ok(lines)
}

/// Everything that is neither a line nor a means of payment.
fn extras(
    order: &Order,
    reckoner: &Reckoner,
    lines: &[Stated],
) -> Result<(Vec<Charge>, Vec<Discount>), Unreadable> {
    let (mut charges, mut discounts) = (Vec::new(), Vec::new());
    let surcharge = surcharge(order, reckoner, lines)?;
    let title = order.checkout_attribute_description.as_deref().map(html::text).unwrap_or_default();
    if let Some(stated) = &surcharge {
        let place = format_args!("OrderSubtotal");
        let charge = (ChargeKind::Other, SURCHARGE, title.as_str());
        at(place, add(reckoner, stated, charge, &mut charges, &mut discounts))?;
    }
    let carriage = reckoner.stated(
        "OrderShipping",
        (&order.order_shipping_incl_tax, &order.order_shipping_excl_tax),
        &order.order_shipping_tax_rate,
    )?;
    let method = order.shipping_method.as_deref().and_then(filled);
    let provider = order.shipping_rate_computation_method_system_name.as_deref().and_then(filled);
    let named = method.clone().or(provider);
    if named.is_some() || !reckoner.amount(&carriage).is_zero() {
        let code = named.unwrap_or_else(|| "shipping".to_owned());
        let charge = (ChargeKind::Shipping, code.as_str(), method.as_deref().unwrap_or_default());
        at(format_args!("OrderShipping"), add(reckoner, &carriage, charge, &mut charges, &mut discounts))?;
    }
    let fee = reckoner.stated(
        "PaymentMethodAdditionalFee",
        (&order.payment_method_additional_fee_incl_tax, &order.payment_method_additional_fee_excl_tax),
        &order.payment_method_additional_fee_tax_rate,
    )?;
    if !reckoner.amount(&fee).is_zero() {
        let method = order.payment_method_system_name.as_deref().and_then(filled);
        let method = method.unwrap_or_else(|| "payment".to_owned());
        let charge = (ChargeKind::Payment, method.as_str(), method.as_str());
        let place = format_args!("PaymentMethodAdditionalFee");
        at(place, add(reckoner, &fee, charge, &mut charges, &mut discounts))?;
    }
    let base: Vec<Stated> = lines.iter().cloned().chain(surcharge).collect();
    discounts.extend(reckoner.on_subtotal(order, &base, &code(order, DiscountType::OrderSubTotal))?);
    let off = reckoner.money(format_args!("OrderDiscount"), &order.order_discount)?;
    if !off.is_zero() {
        // The shop takes it off the total and leaves the tax as it was, so no tax is in it.
        let code = code(order, DiscountType::OrderTotal);
        discounts.push(Discount { code, amount: off, taxes: Vec::new() });
    }
    Ok((charges, discounts))
}

/// Adds a charge; what is below zero (a prepayment that is rewarded) is a discount.
fn add(
    reckoner: &Reckoner,
    stated: &Stated,
    (kind, code, title): (ChargeKind, &str, &str),
    charges: &mut Vec<Charge>,
    discounts: &mut Vec<Discount>,
) -> Result<(), MoneyError> {
    let (total, mut taxes) = (reckoner.amount(stated), reckoner.taxes(stated)?);
    if total.is_negative() {
        taxes.iter_mut().for_each(|tax: &mut TaxPart| tax.amount = tax.amount.negated());
        let named = if title.is_empty() { code } else { title };
        discounts.push(Discount { code: named.to_owned(), amount: total.negated(), taxes });
    } else {
        charges.push(Charge { kind, code: code.to_owned(), title: title.to_owned(), total, taxes });
    }
    Ok(())
}

/// What checkout attributes cost: they are no lines, only the sub-total has them in it. Without such attributes a difference
/// is nobody's word, and is left for the order's balance to judge.
fn surcharge(order: &Order, reckoner: &Reckoner, lines: &[Stated]) -> Result<Option<Stated>, Unreadable> {
    if order.checkout_attribute_description.as_deref().and_then(filled).is_none() {
        return Ok(None);
    }
    let rest = |place: &str, subtotal: &crate::reading::Token, side: fn(&Stated) -> Money| {
        let subtotal = reckoner.money(format_args!("{place}"), subtotal)?;
        let sum = Money::sum(reckoner.currency, lines.iter().map(side));
        at(format_args!("{place}"), sum.and_then(|sum| subtotal.minus(sum)))
    };
    let incl = rest("OrderSubtotalInclTax", &order.order_subtotal_incl_tax, |line| line.incl)?;
    let excl = rest("OrderSubtotalExclTax", &order.order_subtotal_excl_tax, |line| line.excl)?;
    let stated = Stated { incl, excl, rate: TaxRate::ZERO };
    if reckoner.amount(&stated).abs().amount() < reckoner.currency.smallest().amount() {
        return Ok(None);
    }
    let rate = at(format_args!("OrderSubtotal"), reckoner.nearest_rate(order, lines, &stated))?;
    Ok(Some(Stated { rate, ..stated }))
}

/// What the customer used to get a discount of this type.
fn code(order: &Order, wanted: DiscountType) -> String {
    let rules = order.discount_usage_history.iter().flatten().filter_map(|usage| usage.discount.as_ref());
    let rules = rules.filter(|rule| rule.discount_type_id == wanted);
    let named = |rule: &wire::DiscountRule| {
        rule.coupon_code.as_deref().and_then(filled).or_else(|| rule.name.as_deref().and_then(filled))
    };
    let codes: Vec<String> = rules.filter_map(named).collect();
    if codes.is_empty() { "discount".to_owned() } else { codes.join(", ") }
}

/// Gift cards, reward points and credit: they lower what is to be paid, not what the order is worth.
fn means(order: &Order, reckoner: &Reckoner) -> Result<Vec<GiftCard>, Unreadable> {
    let mut means = Vec::new();
    for (n, usage) in order.gift_card_usage_history.iter().flatten().enumerate() {
        let amount =
            reckoner.money(format_args!("GiftCardUsageHistory[{n}].UsedValue"), &usage.used_value)?;
        let code = usage.gift_card.as_ref().and_then(|card| card.gift_card_coupon_code.as_deref());
        means.push(GiftCard { hint: hint(code.unwrap_or_default()), amount });
    }
    if let Some(points) = &order.redeemed_reward_points_entry {
        let amount =
            reckoner.money(format_args!("RedeemedRewardPointsEntry.UsedAmount"), &points.used_amount)?;
        means.push(GiftCard { hint: "reward points".to_owned(), amount });
    }
    let credit = reckoner.or_zero(format_args!("CreditBalance"), order.credit_balance.as_ref())?;
    means.push(GiftCard { hint: "credit".to_owned(), amount: credit });
    means.retain(|card| !card.amount.is_zero());
    Ok(means)
}

/// The end of a code.
fn hint(code: &str) -> String {
    let code: Vec<char> = code.trim().chars().collect();
    match code.len().checked_sub(4).filter(|hidden| *hidden > 0) {
        Some(hidden) => format!("…{}", code.iter().skip(hidden).collect::<String>()),
        None => "gift card".to_owned(),
    }
}

/// What a share of the order weighs when something is divided by rate.
pub(super) fn weight(amount: Money) -> Decimal {
    amount.amount().max(Decimal::ZERO)
}
