//! A Shopware order as the domain has it.

use kontor_domain::{
    Address, CountryCode, Currency, Customer, Email, Money, OrderDraft, OrderError, OrderNumber,
    PaymentChoice, PlacedOrder, TaxMode,
};

use super::amounts::{Parts, Reckoner, method_code, method_title};
use super::read::instant;
use super::wire::{self, Delivery, Order, Transaction};
use crate::config::ShopConfig;
use crate::reading::{Unreadable, at, filled, language, payment};

/// The order, without anything that only says where it stands. It is read of what was fetched with everything that belongs
/// to it: a part that is missing was not loaded, and nothing is guessed in its place.
pub(super) fn placed(shop: &ShopConfig, order: &Order) -> Result<PlacedOrder, Unreadable> {
    let currency = loaded("currency", order.currency.as_ref())?;
    let currency = at(format_args!("currency.isoCode"), Currency::parse(&currency.iso_code))?;
    loaded("lineItems", order.line_items.as_ref())?;
    let reckoner = Reckoner::of(order, currency)?;
    let parts = reckoner.parts(order)?;
    let draft = draft(shop, order, currency, parts, reckoner.total(order)?)?;
    match draft.clone().balanced() {
        Err(error @ OrderError::Unbalanced { difference, .. }) => {
            let Some(rounding) = reckoner.cash_rounding(order, difference)? else { return Err(error.into()) };
            Ok(OrderDraft { rounding, ..draft }.balanced()?.build()?)
        }
        draft => Ok(draft?.build()?),
    }
}

/// The order with these parts.
pub(super) fn draft(
    shop: &ShopConfig,
    order: &Order,
    currency: Currency,
    parts: Parts,
    total: Money,
) -> Result<OrderDraft, Unreadable> {
    let Parts { lines, charges, discounts } = parts;
    let number = order.order_number.as_deref().unwrap_or_default();
    Ok(OrderDraft {
        number: at(format_args!("orderNumber"), OrderNumber::parse(number))?,
        placed_at: instant("orderDateTime", &order.order_date_time)?,
        currency,
        tax_mode: tax_mode(&order.price.tax_status)?,
        customer: customer(order)?,
        billing: billing(order)?,
        shipping: shipping(order)?,
        lines,
        charges,
        discounts,
        gift_cards: Vec::new(),
        rounding: Money::zero(currency),
        total,
        payment: choice(shop, order, total)?,
        note: order.customer_comment.as_deref().and_then(filled),
        test: false,
    })
}

fn loaded<'o, T>(association: &str, part: Option<&'o T>) -> Result<&'o T, Unreadable> {
    at(
        format_args!("{association}"),
        part.ok_or("not in the body: the association was not loaded, or may not be read"),
    )
}

/// Prices are net for customer groups that see them so; whether tax is owed at all is decided by country and VAT number.
fn tax_mode(status: &str) -> Result<TaxMode, Unreadable> {
    match status {
        "gross" => Ok(TaxMode::Gross),
        "net" => Ok(TaxMode::Net),
        "tax-free" => Ok(TaxMode::TaxFree),
        _ => at(format_args!("price.taxStatus"), Err("none of gross, net and tax-free")),
    }
}

/// The payment that counts: the one the order names (from 6.7 on), else the last one.
pub(super) fn deciding<'o>(
    transactions: &'o [Transaction],
    primary: Option<&str>,
) -> Option<&'o Transaction> {
    let named = transactions.iter().find(|transaction| Some(transaction.id.as_str()) == primary);
    // Of several made at the same instant the last one in the list.
    let made = |transaction: &&Transaction| {
        transaction.created_at.as_deref().and_then(|at| instant("createdAt", at).ok())
    };
    named.or_else(|| transactions.iter().max_by_key(made))
}

/// The delivery that goes to the customer: the one the order names (from 6.7 on), else the first that is no discount on
/// carriage.
pub(super) fn leading<'o>(deliveries: &'o [Delivery], primary: Option<&str>) -> Option<&'o Delivery> {
    let named = deliveries.iter().find(|delivery| Some(delivery.id.as_str()) == primary);
    named.or_else(|| deliveries.iter().find(|delivery| !is_discount(delivery))).or(deliveries.first())
}

/// Whether a delivery is only there to take something off the carriage.
pub(super) fn is_discount(delivery: &Delivery) -> bool {
    delivery.shipping_costs.as_ref().is_some_and(|price| price.total_price.as_str().starts_with('-'))
}

fn choice(shop: &ShopConfig, order: &Order, total: Money) -> Result<PaymentChoice, Unreadable> {
    let transactions = loaded("transactions", order.transactions.as_ref())?;
    let last = deciding(&transactions.0, order.primary_order_transaction_id.as_deref());
    let method = last.and_then(|transaction| transaction.payment_method.0.as_ref());
    let code = method.and_then(method_code).unwrap_or_default();
    payment(shop, &code, &method.and_then(method_title).unwrap_or_default(), total)
}

/// Who ordered. The group is `B2B` where there is a company, a VAT number or a business account, or where the shop calls the
/// customer's group so; the name of that group is among the tags, with those of customer and order.
fn customer(order: &Order) -> Result<Customer, Unreadable> {
    let known = order.order_customer.as_ref();
    let account = known.and_then(|customer| customer.customer.0.as_ref());
    let billing = billing_address(order);
    let email = known.and_then(|customer| filled(customer.email.as_deref()?));
    let vat_ids = known.map(|customer| customer.vat_ids.0.as_slice()).unwrap_or_default();
    let vat_id = vat_ids.iter().flatten().find_map(|id| filled(id));
    let vat_id = vat_id.or_else(|| filled(billing?.vat_id.as_deref()?));
    let company = [known.and_then(|c| c.company.as_deref()), billing.and_then(|to| to.company.as_deref())];
    let company = company.into_iter().flatten().find_map(filled);
    let group = account.and_then(|account| filled(account.group.0.as_ref()?.text()?));
    let called = |word: &str| group.as_deref().is_some_and(|group| group.trim().eq_ignore_ascii_case(word));
    let account_type = account.and_then(|account| account.account_type.as_deref());
    let business = company.is_some() || vat_id.is_some() || account_type == Some("business");
    let is_business = called("B2B") || business && !called("B2C");
    let guest = account.and_then(|account| account.guest) == Some(true);
    let spoken = order.language.0.as_ref().and_then(|language| language.locale.0.as_ref());
    let tags = account.map(|account| account.tags.0.as_slice()).unwrap_or_default();
    let tags = tags.iter().chain(&order.tags.0).filter_map(|tag| filled(tag.name.as_deref()?));
    let mut tags: Vec<String> = tags.chain(group.clone()).collect();
    tags.sort();
    tags.dedup();
    Ok(Customer {
        id: known.and_then(|customer| filled(customer.customer_id.as_deref()?)).filter(|_| !guest),
        email: at(format_args!("orderCustomer.email"), email.as_deref().map(Email::parse).transpose())?,
        language: spoken.and_then(|locale| language(&locale.code)),
        vat_id,
        group: if is_business { "B2B" } else { "B2C" }.to_owned(),
        tags,
    })
}

fn named<'o>(order: &'o Order, id: Option<&str>) -> Option<&'o wire::Address> {
    let mut all = order.addresses.iter().flat_map(|list| &list.0);
    all.find(|address| id.is_some() && address.id.as_deref() == id)
}

fn billing_address(order: &Order) -> Option<&wire::Address> {
    order.billing_address.as_ref().or_else(|| named(order, order.billing_address_id.as_deref()))
}

fn billing(order: &Order) -> Result<Option<Address>, Unreadable> {
    address("billingAddress", billing_address(order))
}

fn shipping(order: &Order) -> Result<Option<Address>, Unreadable> {
    let deliveries = order.deliveries.as_ref().map(|list| list.0.as_slice()).unwrap_or_default();
    let delivery = leading(deliveries, order.primary_order_delivery_id.as_deref());
    let own = delivery.and_then(|delivery| delivery.shipping_order_address.as_ref());
    let by_id = || named(order, delivery?.shipping_order_address_id.as_deref());
    address("deliveries.shippingOrderAddress", own.or_else(by_id))
}

fn address(place: &str, from: Option<&wire::Address>) -> Result<Option<Address>, Unreadable> {
    let Some(from) = from else { return Ok(None) };
    let trimmed = |text: &Option<String>| text.as_deref().map(str::trim).unwrap_or_default().to_owned();
    let more = [&from.department, &from.additional_address_line1, &from.additional_address_line2];
    let more: Vec<String> = more.into_iter().filter_map(|line| filled(line.as_deref()?)).collect();
    let state = from.country_state.0.as_ref();
    let state = state.and_then(|state| state.short_code.as_deref().or(state.name.as_deref()));
    let country = from.country.as_ref().and_then(|country| filled(country.iso.as_deref()?));
    let country = country.as_deref().map(CountryCode::parse).transpose();
    let address = Address {
        company: trimmed(&from.company),
        first_name: trimmed(&from.first_name),
        last_name: trimmed(&from.last_name),
        street: trimmed(&from.street),
        street2: more.join(", "),
        zip: trimmed(&from.zipcode),
        city: trimmed(&from.city),
        state: state.unwrap_or_default().trim().to_owned(),
        country: at(format_args!("{place}.country.iso"), country)?,
        phone: trimmed(&from.phone_number),
    };
    Ok((address != Address::default()).then_some(address))
}
