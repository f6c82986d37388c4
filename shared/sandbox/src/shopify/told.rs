//! An order as the Admin API tells it, made of the form that webhooks have: both forms of the same order.

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

/// The order with everything that can be selected of it but its fulfilment orders.
pub(super) fn order(body: &Value) -> Value {
    let currency = text(body, "currency").unwrap_or("EUR").to_owned();
    let bags = Bags { currency: &currency };
    let id = body.get("id").and_then(Value::as_u64).unwrap_or_default();
    let mut node = json!({
        "id": gid("Order", id),
        "legacyResourceId": id.to_string(),
        "name": text(body, "name").unwrap_or("#1"),
        "createdAt": instant(body, "created_at"),
        "updatedAt": instant(body, "updated_at"),
        "processedAt": body.get("processed_at").filter(|at| at.is_string()).map_or_else(|| instant(body, "created_at"), |_| instant(body, "processed_at")),
        "cancelledAt": instant(body, "cancelled_at"),
        "closedAt": instant(body, "closed_at"),
        "test": is(body, "test"),
        "currencyCode": currency,
        "presentmentCurrencyCode": text(body, "presentment_currency").unwrap_or(&currency),
        "taxesIncluded": is(body, "taxes_included"),
        "taxExempt": is(body, "tax_exempt"),
        "dutiesIncluded": is(body, "duties_included"),
        "displayFinancialStatus": text(body, "financial_status").map(str::to_uppercase),
        "displayFulfillmentStatus": shipped(body),
        "email": text(body, "email").filter(|email| !email.is_empty()).or_else(|| text(body, "contact_email")),
        "note": body.get("note"),
        "customerLocale": body.get("customer_locale"),
        "paymentGatewayNames": list(body, "payment_gateway_names"),
        "customAttributes": list(body, "note_attributes").iter().map(|one| json!({ "key": one.get("name"), "value": one.get("value") })).collect::<Vec<_>>(),
        "purchasingEntity": entity(body),
        "customer": body.get("customer").filter(|customer| customer.is_object()).map(customer),
        "billingAddress": address(body.get("billing_address")),
        "shippingAddress": address(body.get("shipping_address")),
        "fulfillments": list(body, "fulfillments").iter().map(|parcel| fulfillment(body, parcel)).collect::<Vec<_>>(),
        "shippingLines": { "nodes": list(body, "shipping_lines").iter().map(|line| bags.shipping_line(line)).collect::<Vec<_>>() },
        "lineItems": { "nodes": list(body, "line_items").iter().map(|line| bags.line(line)).collect::<Vec<_>>() },
        "refunds": list(body, "refunds").iter().map(|refund| bags.refund(refund, is(body, "taxes_included"))).collect::<Vec<_>>(),
    });
    if let Some(fields) = node.as_object_mut() {
        bags.totals(body, fields);
    }
    node
}

/// Sets of amounts in the shop's currency.
struct Bags<'a> {
    currency: &'a str,
}

impl Bags<'_> {
    fn totals(&self, body: &Value, fields: &mut Map<String, Value>) {
        let plain = |name: &str| self.bag(body, &[&format!("{name}_set")], &[name]);
        fields.insert("totalPriceSet".to_owned(), plain("total_price"));
        let current = self.bag(body, &["current_total_price_set"], &["current_total_price", "total_price"]);
        fields.insert("currentTotalPriceSet".to_owned(), current);
        fields.insert("totalTaxSet".to_owned(), plain("total_tax"));
        fields.insert("totalOutstandingSet".to_owned(), plain("total_outstanding"));
        fields.insert("totalTipReceivedSet".to_owned(), plain("total_tip_received"));
        for (name, key) in [
            ("originalTotalDutiesSet", "original_total_duties_set"),
            ("currentTotalDutiesSet", "current_total_duties_set"),
            ("originalTotalAdditionalFeesSet", "original_total_additional_fees_set"),
            ("currentTotalAdditionalFeesSet", "current_total_additional_fees_set"),
        ] {
            let set = body.get(key).filter(|set| set.is_object()).map(|_| self.bag(body, &[key], &[]));
            fields.insert(name.to_owned(), set.unwrap_or(Value::Null));
        }
    }

    /// The first plain amount that is there, which is in the shop's currency; else the first of the sets.
    fn bag(&self, of: &Value, sets: &[&str], plain: &[&str]) -> Value {
        match plain.iter().find_map(|name| of.get(name).filter(|amount| !amount.is_null())) {
            Some(amount) => self.of(decimal(Some(amount)), self.currency),
            None => self.set(of, sets).unwrap_or_else(|| self.of(Decimal::ZERO, self.currency)),
        }
    }

    fn set(&self, of: &Value, sets: &[&str]) -> Option<Value> {
        let money = sets.iter().find_map(|set| of.get(set)?.get("shop_money"))?;
        let code = text(money, "currency_code").unwrap_or(self.currency);
        Some(self.of(decimal(money.get("amount")), code))
    }

    fn of(&self, amount: Decimal, code: &str) -> Value {
        let money = json!({ "amount": written(amount), "currencyCode": code });
        json!({ "shopMoney": money, "presentmentMoney": money })
    }

    fn line(&self, line: &Value) -> Value {
        let quantity = line.get("quantity").cloned().unwrap_or_else(|| json!(1));
        json!({
            "id": gid("LineItem", line.get("id").and_then(Value::as_u64).unwrap_or_default()),
            "name": text(line, "name").or_else(|| text(line, "title")).unwrap_or_default(),
            "title": text(line, "title").unwrap_or_default(),
            "sku": line.get("sku"),
            "quantity": quantity,
            "currentQuantity": line.get("current_quantity").cloned().unwrap_or(quantity),
            "requiresShipping": line.get("requires_shipping") != Some(&json!(false)),
            "isGiftCard": is(line, "gift_card"),
            "originalUnitPriceSet": self.bag(line, &["price_set"], &["price"]),
            "discountAllocations": self.allocations(line),
            "taxLines": self.taxes(line),
        })
    }

    fn shipping_line(&self, line: &Value) -> Value {
        let off: Decimal =
            list(line, "discount_allocations").iter().map(|one| decimal(one.get("amount"))).sum();
        let left = decimal(line.get("price")) - off;
        let current = match line.get("current_discounted_price_set") {
            Some(_) => self.bag(line, &["current_discounted_price_set"], &[]),
            None => self.of(left, self.currency),
        };
        json!({
            "title": text(line, "title").unwrap_or_default(),
            "code": line.get("code"),
            "isRemoved": is(line, "is_removed"),
            "originalPriceSet": self.bag(line, &["price_set"], &["price"]),
            "currentDiscountedPriceSet": current,
            "discountAllocations": self.allocations(line),
            "taxLines": self.taxes(line),
        })
    }

    fn allocations(&self, line: &Value) -> Vec<Value> {
        let one = |one: &Value| json!({ "allocatedAmountSet": self.bag(one, &["amount_set"], &["amount"]) });
        list(line, "discount_allocations").iter().map(one).collect()
    }

    fn taxes(&self, line: &Value) -> Vec<Value> {
        let one = |tax: &Value| json!({ "rate": tax.get("rate"), "priceSet": self.bag(tax, &["price_set"], &["price"]) });
        list(line, "tax_lines").iter().map(one).collect()
    }

    fn refund(&self, refund: &Value, taxes_included: bool) -> Value {
        let id = refund.get("id").and_then(Value::as_u64).unwrap_or_default();
        let lines: Vec<Value> =
            list(refund, "refund_line_items").iter().map(|line| self.refunded_line(line)).collect();
        let shipping = self.refunded_shipping(refund);
        let in_shop_money = |moved: &Value| match text(moved, "currency") {
            Some(code) if code != self.currency => {
                self.of(worth(&lines, &shipping, taxes_included), self.currency)
            }
            Some(_) | None => self.bag(moved, &["amount_set"], &["amount"]),
        };
        let moved = |moved: &Value| {
            json!({
                "kind": text(moved, "kind").unwrap_or_default().to_uppercase(),
                "status": text(moved, "status").unwrap_or_default().to_uppercase(),
                "amountSet": in_shop_money(moved),
            })
        };
        let transactions: Vec<Value> = list(refund, "transactions").iter().map(moved).collect();
        json!({
            "id": gid("Refund", id),
            "legacyResourceId": id.to_string(),
            "createdAt": instant(refund, "created_at"),
            "processedAt": instant(refund, "processed_at"),
            "refundLineItems": { "nodes": lines },
            "refundShippingLines": { "nodes": shipping },
            "transactions": { "nodes": transactions },
        })
    }

    fn refunded_line(&self, line: &Value) -> Value {
        json!({
            "quantity": line.get("quantity"),
            "restockType": text(line, "restock_type").unwrap_or("no_restock").to_uppercase(),
            "lineItem": { "id": gid("LineItem", line.get("line_item_id").and_then(Value::as_u64).unwrap_or_default()) },
            "subtotalSet": self.set(line, &["subtotal_set"]).unwrap_or_else(|| self.bag(line, &[], &["subtotal"])),
            "totalTaxSet": self.set(line, &["total_tax_set"]).unwrap_or_else(|| self.bag(line, &[], &["total_tax"])),
        })
    }

    /// Old versions of webhooks tell of carriage as an adjustment, with its sign turned.
    fn refunded_shipping(&self, refund: &Value) -> Vec<Value> {
        let new = list(refund, "refund_shipping_lines");
        if !new.is_empty() {
            let one = |line: &Value| {
                json!({
                    "subtotalAmountSet": self.bag(line, &["subtotal_amount_set"], &[]),
                    "taxAmountSet": self.bag(line, &["tax_amount_set"], &[]),
                })
            };
            return new.iter().map(one).collect();
        }
        let old = list(refund, "order_adjustments").iter();
        let old = old.filter(|one| text(one, "kind") == Some("shipping_refund"));
        let turned = |one: &Value, name: &str| self.of(-decimal(one.get(name)), self.currency);
        old.map(|one| json!({ "subtotalAmountSet": turned(one, "amount"), "taxAmountSet": turned(one, "tax_amount") }))
            .collect()
    }
}

/// What the parts of a refund come to.
fn worth(lines: &[Value], shipping: &[Value], taxes_included: bool) -> Decimal {
    let amount = |of: &Value, name: &str| {
        decimal(of.get(name).and_then(|bag| bag.get("shopMoney")).and_then(|money| money.get("amount")))
    };
    let tax = |amount: Decimal| if taxes_included { Decimal::ZERO } else { amount };
    let lines = lines.iter().map(|line| amount(line, "subtotalSet") + tax(amount(line, "totalTaxSet")));
    let shipping =
        shipping.iter().map(|one| amount(one, "subtotalAmountSet") + tax(amount(one, "taxAmountSet")));
    lines.chain(shipping).sum()
}

/// A parcel of an order.
pub(super) fn fulfillment(body: &Value, parcel: &Value) -> Value {
    let packed = |item: &Value| {
        let id = item.get("id").and_then(Value::as_u64).unwrap_or_default();
        let mut lines = list(body, "line_items").iter();
        let sku = lines
            .find(|line| line.get("id").and_then(Value::as_u64) == Some(id))
            .and_then(|line| line.get("sku"));
        json!({ "quantity": item.get("quantity"), "lineItem": { "id": gid("LineItem", id), "sku": sku } })
    };
    let numbers = list(parcel, "tracking_numbers");
    let urls = list(parcel, "tracking_urls");
    let info = |(at, number): (usize, &Value)| json!({ "company": parcel.get("tracking_company"), "number": number, "url": urls.get(at) });
    json!({
        "id": gid("Fulfillment", parcel.get("id").and_then(Value::as_u64).unwrap_or_default()),
        "status": text(parcel, "status").unwrap_or("success").to_uppercase(),
        "trackingInfo": numbers.iter().enumerate().map(info).collect::<Vec<_>>(),
        "fulfillmentLineItems": { "nodes": list(parcel, "line_items").iter().map(packed).collect::<Vec<_>>() },
    })
}

fn shipped(body: &Value) -> &'static str {
    match text(body, "fulfillment_status") {
        Some("fulfilled") => "FULFILLED",
        Some("partial") => "PARTIALLY_FULFILLED",
        Some("restocked") => "RESTOCKED",
        Some(_) | None => "UNFULFILLED",
    }
}

fn entity(body: &Value) -> Value {
    if body.get("company").is_some_and(Value::is_object) {
        return json!({ "__typename": "PurchasingCompany" });
    }
    body.get("customer")
        .filter(|customer| customer.is_object())
        .map_or(Value::Null, |_| json!({ "__typename": "Customer" }))
}

fn customer(customer: &Value) -> Value {
    let id = customer.get("id").and_then(Value::as_u64).unwrap_or_default();
    let tags: Vec<&str> = text(customer, "tags").unwrap_or_default().split(',').map(str::trim).collect();
    let tags: Vec<&str> = tags.into_iter().filter(|tag| !tag.is_empty()).collect();
    let email = text(customer, "email").filter(|email| !email.is_empty());
    json!({
        "id": gid("Customer", id),
        "legacyResourceId": id.to_string(),
        "tags": tags,
        "defaultEmailAddress": email.map(|email| json!({ "emailAddress": email })),
    })
}

fn address(from: Option<&Value>) -> Value {
    let Some(from) = from.filter(|from| from.is_object()) else { return Value::Null };
    json!({
        "firstName": from.get("first_name"), "lastName": from.get("last_name"), "company": from.get("company"),
        "address1": from.get("address1"), "address2": from.get("address2"), "zip": from.get("zip"),
        "city": from.get("city"), "province": from.get("province"), "provinceCode": from.get("province_code"),
        "countryCodeV2": from.get("country_code"), "phone": from.get("phone"),
    })
}

/// A time in UTC, as the Admin API writes it.
fn instant(of: &Value, name: &str) -> Value {
    match text(of, name).and_then(|text| text.parse::<jiff::Timestamp>().ok()) {
        Some(at) => json!(format!("{at:.0}")),
        None => Value::Null,
    }
}

/// `15.0`, `12.34`: as few digits as there are, but one.
fn written(amount: Decimal) -> String {
    let amount = amount.normalize();
    if amount.scale() == 0 { format!("{amount}.0") } else { amount.to_string() }
}

/// An amount, written as a text or as a number.
pub(super) fn decimal(amount: Option<&Value>) -> Decimal {
    match amount {
        Some(Value::String(text)) => text.parse().unwrap_or_default(),
        Some(Value::Number(number)) => number.to_string().parse().unwrap_or_default(),
        Some(_) | None => Decimal::ZERO,
    }
}

pub(super) fn gid(kind: &str, id: u64) -> String {
    format!("gid://shopify/{kind}/{id}")
}

pub(super) fn text<'a>(of: &'a Value, name: &str) -> Option<&'a str> {
    of.get(name).and_then(Value::as_str)
}

pub(super) fn is(of: &Value, name: &str) -> bool {
    of.get(name) == Some(&Value::Bool(true))
}

pub(super) fn list<'a>(of: &'a Value, name: &str) -> &'a [Value] {
    of.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
