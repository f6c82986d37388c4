//! What orders and webhooks of Shopware are read as.

use kontor_domain::{Currency, OrderDraft, OrderLife, TaxMode};
use kontor_flow::storefront::{FETCHED, Notice};
use kontor_flow::{Event, Happened};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{PREPAID, order, shop};
use crate::reading::body;
use crate::shop_testing::{contracts, envelope, files, fixture, text};
use crate::shopware::amounts::{Parts, Reckoner};
use crate::shopware::order::draft;
use crate::shopware::{read, wire};

fn try_read(topic: &str, body: &[u8]) -> Result<Vec<Happened>, String> {
    let shop = shop("https://kaffee.example.test");
    read(&shop, &envelope(topic, body)).map_err(|error| kontor_flow::remedy::chain(&error))
}

fn reading(name: &str) -> String {
    text(&try_read(FETCHED, order(name).to_string().as_bytes()).unwrap())
}

/// The fixture with changes made to it.
fn changed(name: &str, change: impl Fn(&mut Value)) -> Result<Vec<Happened>, String> {
    let mut order = order(name);
    change(&mut order);
    try_read(FETCHED, order.to_string().as_bytes())
}

fn parts(happened: &[Happened]) -> OrderDraft {
    let placed = happened[0].events.iter().find_map(|record| {
        if let Event::Placed(order) = &record.event { Some(order.parts().clone()) } else { None }
    });
    placed.expect("no order is told")
}

fn words(happened: &[Happened]) -> Vec<&'static str> {
    happened.iter().flat_map(|told| &told.events).map(|record| record.event.word()).collect()
}

fn pay(order: &mut Value, state: &str) {
    let count = order["transactions"].as_array().unwrap().len();
    order["transactions"][count - 1]["stateMachineState"]["technicalName"] = json!(state);
}

#[test]
fn a_paid_order_with_a_promotion_and_two_rates() {
    insta::assert_snapshot!(reading("prepaid-promotion"), @r#"
    kaffee/042956244eb59a985402bb765a9c569d as of 2026-11-16T09:00:04.209Z
    placed: 10101 at 2026-11-16T09:00:00.557Z, 74.89 EUR Gross, payment_paypal (Prepaid), B2C id=Some("c7c7b32f9e36f6164d802e8a4b16c16e") vat=None lang=Some("de") tags=["Stammkunde", "Standard-Kundengruppe"]
      to 50667, invoice to 50670
      2 x TASSE-01 23.80 EUR, 19 % 3.80 EUR Physical
      3 x BOHNE-1KG 53.97 EUR, 7 % 3.53 EUR Physical
      + Shipping shipping_standard 4.90 EUR, 7 % 0.22 EUR, 19 % 0.24 EUR
      - WILLKOMMEN10 7.78 EUR, 7 % 0.35 EUR, 19 % 0.38 EUR
    paid: 13180e7f304b94e4a5865c22dbb90cbc 74.89 EUR at 2026-11-16T09:00:04.209Z, reference -
    life: Open
    "#);
}

#[test]
fn a_guest_who_pays_in_advance() {
    insta::assert_snapshot!(reading("prepayment-open"), @r#"
    kaffee/8f331808e4afbfc02153374a97564f32 as of 2026-11-16T10:00:00.566Z
    placed: 10102 at 2026-11-16T10:00:00.557Z, 56.80 EUR Gross, payment_prepayment (Prepayment), B2C id=None vat=None lang=Some("de") tags=["Standard-Kundengruppe"]
      to 04103, invoice to 04103
      1 x KANNE-02 49.90 EUR, 19 % 7.97 EUR Physical
      + Shipping shipping_standard 6.90 EUR, 19 % 1.10 EUR
    life: Open
    "#);
}

#[test]
fn prices_without_tax_and_with_four_decimals() {
    insta::assert_snapshot!(reading("net-business"), @r#"
    kaffee/c866774d36cd5fe32fdb355807fe96d6 as of 2026-11-16T11:00:00.566Z
    placed: 10103 at 2026-11-16T11:00:00.557Z, 269.06 EUR Net, payment_invoice (Invoice), B2B id=Some("2a273bb269fb98a19a51e39e06486b05") vat=Some("DE123456789") lang=Some("de") tags=["Händler"]
      to 20457, invoice to 20457
      40 x FILTER-100 159.60 EUR, 19 % 30.32 EUR Physical
      3 x SHIRT-M 61.4997 EUR, 19 % 11.68 EUR Physical
      + Shipping shipping_standard 5.00 EUR, 19 % 0.95 EUR
      rounding 0.0103 EUR
    life: Open
    "#);
}

#[test]
fn an_order_on_which_no_tax_is_owed() {
    insta::assert_snapshot!(reading("tax-free"), @r#"
    kaffee/22be3ed076bc1c0afb07223b3ca0a2da as of 2026-11-16T12:00:00.566Z
    placed: 10104 at 2026-11-16T12:00:00.557Z, 113.45 EUR TaxFree, payment_paypal (Prepaid), B2C id=Some("4f81979bc49778e45091f082761fba87") vat=None lang=Some("de") tags=["Standard-Kundengruppe"]
      to 1201, invoice to 1201
      1 x SHIRT-M 100.84 EUR Physical
      + Shipping shipping_standard 12.61 EUR
    life: Open
    "#);
}

#[test]
fn cash_is_rounded_to_what_can_be_paid() {
    insta::assert_snapshot!(reading("cash-rounding"), @r#"
    kaffee/b458b5fa44601f36e93b18e8a8e3bf57 as of 2026-11-16T13:00:00.566Z
    placed: 10105 at 2026-11-16T13:00:00.557Z, 18.95 CHF Gross, payment_cash (CashOnDelivery), B2C id=Some("4f81979bc49778e45091f082761fba87") vat=None lang=Some("de") tags=["Standard-Kundengruppe"]
      to 1201, invoice to 1201
      3 x FILTER-100 11.97 CHF, 2.6 % 0.30 CHF Physical
      + Shipping shipping_standard 7.00 CHF, 2.6 % 0.18 CHF
      rounding -0.02 CHF
    life: Open
    "#);
    // Of an older version, which does not tell what it was before.
    let without = changed("cash-rounding", |order| order["price"]["rawTotal"] = Value::Null).unwrap();
    assert_eq!(parts(&without).rounding.to_string(), "-0.02 CHF");
    // Where nothing is rounded to 0.05, nothing explains two centimes but the parts of the order.
    let refused = changed("cash-rounding", |order| {
        order["price"]["totalPrice"] = json!(18.9);
        order["totalRounding"]["interval"] = json!(0.01);
    });
    assert!(refused.unwrap_err().contains("unexplained"));
}

#[test]
fn sets_are_counted_once_and_free_carriage_is_a_discount() {
    insta::assert_snapshot!(reading("sets-free-shipping"), @r#"
    kaffee/05c45daffb68683b66b2d69b51da6fc4 as of 2026-11-16T14:05:00Z
    placed: 10106 at 2026-11-16T14:00:00.557Z, 94.50 EUR Gross, payment_debit (Prepaid), B2C id=Some("0bc01157c81f8c0c1e15d8780c1f700b") vat=None lang=Some("de") tags=["Standard-Kundengruppe"]
      to 10623, invoice to 10623
      1 x TASSE-01 19.80 EUR, 19 % 3.16 EUR Physical
      1 x - 5.00 EUR, 19 % 0.80 EUR Digital
      2 x SET-3 59.80 EUR, 7 % 3.91 EUR Physical
      1 x EBOOK-01 9.90 EUR, 7 % 0.65 EUR Digital
      + Shipping shipping_standard 4.90 EUR, 19 % 0.78 EUR
      - shipping 4.90 EUR, 19 % 0.78 EUR
    life: Open
    "#);
}

#[test]
fn children_told_below_their_parent_are_the_same_order() {
    let nested = changed("sets-free-shipping", |order| {
        let lines = order["lineItems"].as_array().unwrap().clone();
        let (children, mut roots): (Vec<Value>, Vec<Value>) =
            lines.into_iter().partition(|line| !line["parentId"].is_null());
        for root in &mut roots {
            let own = children.iter().filter(|child| child["parentId"] == root["id"]);
            root["children"] = own.cloned().collect();
        }
        order["lineItems"] = roots.into();
    });
    let both = changed("sets-free-shipping", |order| {
        let lines = order["lineItems"].clone();
        let child =
            lines.as_array().unwrap().iter().find(|line| !line["parentId"].is_null()).unwrap().clone();
        let parent = order["lineItems"].as_array_mut().unwrap();
        let parent = parent.iter_mut().find(|line| line["id"] == child["parentId"]).unwrap();
        parent["children"] = json!([child]);
    });
    for other in [nested, both] {
        assert_eq!(text(&other.unwrap()), reading("sets-free-shipping"));
    }
}

#[test]
fn a_set_that_costs_more_than_its_pieces_keeps_its_price() {
    let dearer = changed("sets-free-shipping", |order| {
        let lines = order["lineItems"].as_array_mut().unwrap();
        let set = lines.iter_mut().find(|line| line["type"] == "customized-products").unwrap();
        set["price"]["totalPrice"] = json!(26.3);
        order["price"]["totalPrice"] = json!(96.0);
    });
    let parts = parts(&dearer.unwrap());
    let extra = parts.charges.iter().find(|charge| charge.title == "Tasse mit Gravur").unwrap();
    assert_eq!((extra.total.to_string(), parts.rounding.is_zero()), ("1.50 EUR".to_owned(), true));
}

#[test]
fn a_line_that_is_there_twice_is_an_error() {
    let twice = changed("prepayment-open", |order| {
        let line = order["lineItems"][0].clone();
        order["lineItems"].as_array_mut().unwrap().push(line);
        order["price"]["totalPrice"] = json!(106.7);
    });
    assert!(twice.unwrap_err().contains("twice"));
}

#[test]
fn the_last_payment_decides() {
    let told = |change: &dyn Fn(&mut Value)| words(&changed("sets-free-shipping", change).unwrap());
    assert_eq!(told(&|_| ()), ["placed", "life"]);
    assert_eq!(told(&|order| pay(order, "paid")), ["placed", "paid", "life"]);
    assert_eq!(
        told(&|order| order["transactions"][0]["stateMachineState"]["technicalName"] = json!("paid")),
        ["placed", "life"],
        "the first try was given up"
    );
    let named = |order: &mut Value| {
        order["transactions"][0]["stateMachineState"]["technicalName"] = json!("paid");
        order["primaryOrderTransactionId"] = order["transactions"][0]["id"].clone();
    };
    assert_eq!(told(&named), ["placed", "paid", "life"], "unless the order names it");
}

#[test]
fn only_what_is_known_of_money_is_told() {
    for (state, expected) in [
        ("refunded", vec!["placed", "paid", "life", "refunded"]),
        ("refunded_partially", vec!["placed", "paid", "life"]),
        ("paid_partially", vec!["placed", "life"]),
        ("chargeback", vec!["placed", "life"]),
        ("authorized", vec!["placed", "life"]),
        ("word_of_a_plugin", vec!["placed", "life"]),
    ] {
        let told = changed("prepaid-promotion", |order| pay(order, state)).unwrap();
        assert_eq!(words(&told), expected, "{state}");
    }
}

fn life(happened: &[Happened]) -> Option<OrderLife> {
    happened[0]
        .events
        .iter()
        .find_map(|record| if let Event::Life(life) = record.event { Some(life) } else { None })
}

#[test]
fn an_order_that_was_charged_back_is_on_hold() {
    let told = |state: &str, payment: &str| {
        let told = changed("prepaid-promotion", |order| {
            order["stateMachineState"]["technicalName"] = json!(state);
            pay(order, payment);
        });
        life(&told.unwrap()).unwrap()
    };
    assert_eq!(told("open", "chargeback"), OrderLife::OnHold);
    assert_eq!(told("in_progress", "chargeback"), OrderLife::OnHold);
    assert_eq!(told("completed", "chargeback"), OrderLife::OnHold);
    assert_eq!(told("cancelled", "chargeback"), OrderLife::Cancelled, "what was called off stays so");
    assert_eq!(told("open", "paid"), OrderLife::Open, "paid again after all");
    let given_up = changed("sets-free-shipping", |order| {
        order["transactions"][0]["stateMachineState"]["technicalName"] = json!("chargeback");
        pay(order, "paid");
    });
    assert_eq!(life(&given_up.unwrap()), Some(OrderLife::Open), "the last payment decides");
}

#[test]
fn a_payment_without_an_amount_is_no_payment() {
    for state in ["paid", "refunded", "refunded_partially"] {
        let told = changed("prepaid-promotion", |order| {
            pay(order, state);
            order["transactions"][0]["amount"] = Value::Null;
        });
        assert_eq!(words(&told.unwrap()), ["placed", "life"], "{state}");
    }
}

#[test]
fn a_cancellation_is_heard_even_where_the_rest_cannot_be_read() {
    let cancelled = |order: &mut Value| order["stateMachineState"]["technicalName"] = json!("cancelled");
    let whole = changed("prepaid-promotion", cancelled).unwrap();
    assert_eq!((words(&whole), life(&whole)), (vec!["placed", "paid", "life"], Some(OrderLife::Cancelled)));
    let broken = changed("prepaid-promotion", |order| {
        cancelled(order);
        order["price"]["totalPrice"] = json!(1);
    });
    let broken = broken.unwrap();
    assert_eq!((words(&broken), life(&broken)), (vec!["life"], Some(OrderLife::Cancelled)));
    for (word, expected) in
        [("completed", OrderLife::Completed), ("in_progress", OrderLife::Open), ("packed", OrderLife::Open)]
    {
        let told =
            changed("prepaid-promotion", |order| order["stateMachineState"]["technicalName"] = json!(word));
        assert_eq!(life(&told.unwrap()), Some(expected), "{word}");
    }
}

#[test]
fn a_change_below_the_order_is_a_newer_revision() {
    let as_of = |happened: Result<Vec<Happened>, String>| happened.unwrap()[0].events[0].as_of.to_string();
    assert_eq!(as_of(changed("prepayment-open", |_| ())), "2026-11-16T10:00:00.566Z");
    let at = json!("2026-11-19T08:00:00.001+00:00");
    for (list, expected) in
        [("transactions", true), ("deliveries", true), ("lineItems", true), ("tags", false)]
    {
        let moved = changed("prepayment-open", |order| {
            order[list] = match list {
                "tags" => json!([{ "name": "x", "updatedAt": at }]),
                _ => {
                    let mut all = order[list].clone();
                    all[0]["updatedAt"] = at.clone();
                    all
                }
            }
        });
        assert_eq!(as_of(moved) == "2026-11-19T08:00:00.001Z", expected, "{list}");
    }
}

#[test]
fn what_was_not_loaded_is_an_error_that_names_it() {
    for missing in ["lineItems", "currency", "transactions", "stateMachineState"] {
        let error = changed("prepayment-open", |order| order[missing] = Value::Null).unwrap_err();
        assert!(error.contains(missing), "{missing}: {error}");
    }
    let unmapped = changed("prepayment-open", |order| {
        order["transactions"][0]["paymentMethod"]["technicalName"] = json!("payment_new");
    });
    assert!(unmapped.unwrap_err().contains("\"payment_new\" is not mapped"));
}

#[test]
fn php_writes_lists_and_objects_as_it_likes() {
    let listed = changed("prepaid-promotion", |order| {
        let taxes = order["deliveries"][0]["shippingCosts"]["calculatedTaxes"].clone();
        order["deliveries"][0]["shippingCosts"]["calculatedTaxes"] = json!({ "19": taxes[0], "7": taxes[1] });
        order["lineItems"][0]["states"] = json!({});
        order["tags"] = json!({});
    });
    assert_eq!(text(&listed.unwrap()), reading("prepaid-promotion"));
}

#[test]
fn what_was_fetched_says_when() {
    let told = changed("prepaid-promotion", |_| ()).unwrap();
    assert!(told[0].events.iter().all(|record| record.seen.is_some()));
}

fn about(body: &Value) -> Result<Notice, String> {
    let envelope = envelope("notice", body.to_string().as_bytes());
    crate::shopware::read::notice(&envelope).map_err(|error| kontor_flow::remedy::chain(&error))
}

#[test]
fn a_webhook_names_the_order() {
    let prepaid = Notice::Orders(vec![PREPAID.parse().unwrap()]);
    for name in ["event-placed", "event-written"] {
        assert_eq!(about(&order(name)), Ok(prepaid.clone()), "{name}");
    }
    // Sent again, Shopware stamps the body anew: other bytes, the same event, the same orders.
    let mut again = order("event-placed");
    again["timestamp"] = json!(1_795_282_999);
    assert_eq!(about(&again), Ok(prepaid));
}

#[test]
fn other_records_of_an_order_make_us_ask() {
    let written = |entity: &str, version: &str| {
        about(&json!({ "data": { "event": format!("{entity}.written"), "payload": [
            { "entity": entity, "operation": "update", "primaryKey": PREPAID, "updatedFields": [], "versionId": version },
        ] } }))
    };
    let live = "0fa91ce3e96a4bc2be4bd9ce752c3425";
    assert_eq!(written("order_transaction", live), Ok(Notice::Something));
    assert_eq!(written("order_delivery", live), Ok(Notice::Something));
    assert_eq!(written("order", "00000000000000000000000000000000"), Ok(Notice::Nothing), "a draft");
    assert_eq!(written("product", live), Ok(Notice::Nothing));
    for event in ["app.installed", "product.written", "customer.register"] {
        assert_eq!(
            about(&json!({ "data": { "event": event, "payload": [] } })),
            Ok(Notice::Nothing),
            "{event}"
        );
    }
    assert!(
        about(&json!({ "data": { "event": "checkout.order.placed", "payload": { "order": {} } } })).is_err()
    );
    assert!(about(&json!({ "data": { "event": "checkout.order.placed" } })).is_err());
    assert!(about(&json!("x")).is_err());
}

#[test]
fn a_business_event_with_the_whole_order_is_read_and_less_is_not() {
    let event = |order: Value| {
        let body = json!({ "data": { "event": "checkout.order.placed", "payload": { "order": order } }, "source": {} });
        try_read("notice", body.to_string().as_bytes()).unwrap()
    };
    assert_eq!(words(&event(order("prepaid-promotion"))), ["placed", "paid", "life"]);
    let mut less = order("prepaid-promotion");
    less["lineItems"] = Value::Null;
    assert_eq!(words(&event(less)), [""; 0]);
    assert_eq!(words(&try_read("notice", &fixture("shopware/event-written.json")).unwrap()), [""; 0]);
}

/// The order of a body whose lines are not on the wire: what they come to stands for them. The app SDK's recordings of
/// refunds, and imports, are like that; where the currency is not on the wire either, it is the euro of those shops.
fn in_sum(body_: &[u8]) -> String {
    let raw = read::found(body_).unwrap().unwrap();
    let mut order: Value = serde_json::from_str(raw.get()).unwrap();
    let positions = order["price"]["positionPrice"].clone();
    let taxes = order["price"]["calculatedTaxes"].clone();
    order["lineItems"] = json!([{
        "id": "positions", "quantity": 1, "label": "positions", "type": "custom", "good": true,
        "price": { "totalPrice": positions, "calculatedTaxes": taxes },
    }]);
    let order: wire::Order = body(order.to_string().as_bytes()).unwrap();
    let reckoner = Reckoner::of(&order, Currency::EUR).unwrap();
    let parts: Parts = reckoner.parts(&order).unwrap();
    let total = reckoner.total(&order).unwrap();
    let mut paying = order;
    paying.transactions = Some(wire::Listed::default());
    let mut shop = shop("https://kaffee.example.test");
    shop.payments.insert("none".to_owned(), kontor_domain::PaymentTerms::Prepaid);
    let built =
        draft(&shop, &paying, Currency::EUR, parts, total).unwrap().balanced().unwrap().build().unwrap();
    row(built.parts(), "lines in one sum")
}

fn row(parts: &OrderDraft, how: &str) -> String {
    let tax = parts.lines.iter().flat_map(|line| &line.taxes).count();
    format!(
        "#{}: {} {:?}, {} lines, {} charges, {} taxes, rounding {} ({how})",
        parts.number,
        parts.total,
        parts.tax_mode,
        parts.lines.len(),
        parts.charges.len(),
        tax,
        parts.rounding
    )
}

/// Prints a table; parts that don't come to the total can't be built.
#[test]
fn recorded_orders_add_up() {
    let Some(folder) = contracts("shopware/payloads") else { return };
    for file in files(&folder, ".json") {
        let bytes = std::fs::read(&file).unwrap();
        let Some(raw) = read::found(&bytes).unwrap() else { continue };
        let order: Value = serde_json::from_str(raw.get()).unwrap();
        assert!(order["price"].is_object(), "{} has no order", file.display());
        let said = if order["lineItems"].is_array() {
            row(&parts(&try_read("notice", &bytes).unwrap()), "all of it")
        } else {
            in_sum(&bytes)
        };
        println!("{}: {said}", file.file_name().unwrap().to_string_lossy());
    }
}

#[test]
fn the_recorded_order_with_lines_is_read() {
    let Some(file) = contracts("shopware/payloads/payment_pay_request_with_order.json") else { return };
    let read = try_read("notice", &std::fs::read(file).unwrap()).unwrap();
    insta::assert_snapshot!(text(&read), @r#"
    kaffee/8f69d4874c53486a95383b2126161738 as of 2023-05-04T13:36:54.209Z
    placed: 10077 at 2023-05-04T13:36:26.557Z, 395.01 EUR Gross, handler_app_foo_sync (Prepaid), B2C id=Some("5e5d6cd8917c45839b2f6aa7b4bf1425") vat=None lang=None tags=[]
      to 48624, invoice to 10332
      1 x f3b92a7a618544308094cb4713b3ed84 395.01 EUR, 50 % 197.51 EUR Physical
    life: Open
    "#);
}

/// Amounts in cents, rates, a promotion: an order reckoned as Shopware does.
#[derive(Debug, Clone)]
struct Made {
    status: &'static str,
    lines: Vec<(i64, i64, u8)>,
    off: i64,
    carriage: i64,
}

fn made() -> impl Strategy<Value = Made> {
    let line = (1_i64..50, 0_i64..100_000, prop_oneof![Just(19_u8), Just(7), Just(0)]);
    (
        prop_oneof![Just("gross"), Just("net"), Just("tax-free")],
        prop::collection::vec(line, 1..30),
        0_i64..2_000,
        -500_i64..2_000,
    )
        .prop_map(|(status, lines, off, carriage)| Made { status, lines, off, carriage })
}

fn euros(cents: i64) -> Value {
    serde_json::from_str(&format!(
        "{}{}.{:02}",
        if cents < 0 { "-" } else { "" },
        cents.abs() / 100,
        cents.abs() % 100
    ))
    .unwrap()
}

impl Made {
    fn tax(&self, cents: i64, rate: u8) -> i64 {
        let rate = i64::from(rate);
        match self.status {
            "gross" => (cents * rate * 2 + 100 + rate) / (2 * (100 + rate)),
            "net" => (cents * rate * 2 + 100) / 200,
            _ => 0,
        }
    }

    fn body(&self) -> (Value, i64) {
        let mut order = order("prepayment-open");
        let price = |cents: i64, rate: u8| {
            let tax = self.tax(cents, rate);
            let taxes = if self.status == "tax-free" {
                json!([])
            } else {
                json!([{ "tax": euros(tax), "taxRate": rate }])
            };
            (json!({ "totalPrice": euros(cents), "calculatedTaxes": taxes }), tax)
        };
        let (mut total, mut lines) = (0, Vec::new());
        let mut count = |cents: i64, tax: i64| total += cents + if self.status == "net" { tax } else { 0 };
        for (n, (pieces, cents, rate)) in self.lines.iter().enumerate() {
            let (price, tax) = price(*cents, *rate);
            count(*cents, tax);
            lines.push(json!({ "id": format!("l{n}"), "type": "product", "quantity": pieces, "label": "x", "price": price }));
        }
        // A whole tenth less where there is enough to take it from, so that the total is never negative.
        let off = self.off.min(self.lines.iter().map(|(_, cents, _)| cents).sum::<i64>() / 2);
        let (price_off, tax) = price(-off, 0);
        count(-off, tax);
        lines.push(
            json!({ "id": "p", "type": "promotion", "quantity": 1, "label": "off", "price": price_off }),
        );
        let carriage = self.carriage.max(-off);
        let carriage = if self.lines.iter().map(|(_, cents, _)| cents).sum::<i64>() / 2 > 500 {
            carriage
        } else {
            carriage.max(0)
        };
        let (shipping, tax) = price(carriage, 0);
        count(carriage, tax);
        order["lineItems"] = lines.into();
        order["shippingCosts"] = shipping.clone();
        order["deliveries"][0]["shippingCosts"] = shipping;
        order["price"] = json!({ "totalPrice": euros(total), "taxStatus": self.status });
        (order, total)
    }
}

proptest! {
    #[test]
    fn parts_come_to_the_total(made in made()) {
        let (body, total) = made.body();
        let read = try_read(FETCHED, body.to_string().as_bytes());
        let parts = parts(&read.unwrap());
        prop_assert_eq!(parts.total.amount(), rust_decimal::Decimal::new(total, 2));
        let mode = match made.status { "gross" => TaxMode::Gross, "net" => TaxMode::Net, _ => TaxMode::TaxFree };
        prop_assert_eq!(parts.tax_mode, mode);
        prop_assert!(parts.rounding.is_zero());
    }

    #[test]
    fn whatever_stands_in_a_body_nothing_panics_or_tells_names(at in 0_usize..12_000, with in prop_oneof![
        Just("null"), Just("[]"), Just("{}"), Just("-1"), Just("1e999"), Just("\"\""), Just("{\"a\":[[[]]]}"), Just("\u{202e}"),
    ]) {
        for name in ["prepaid-promotion", "sets-free-shipping", "event-placed"] {
            let mut bytes = order(name).to_string().into_bytes();
            let at = at % bytes.len();
            bytes.splice(at..=at, with.bytes());
            for topic in [FETCHED, "notice"] {
                let shop = shop("https://kaffee.example.test");
                let envelope = envelope(topic, &bytes);
                let errors = [read(&shop, &envelope).err(), crate::shopware::read::notice(&envelope).err()];
                for error in errors.into_iter().flatten() {
                    let said = kontor_flow::remedy::chain(&error);
                    prop_assert!(!said.contains("Beispiel") && !said.contains("erika@"), "{}", said);
                }
            }
        }
    }
}
