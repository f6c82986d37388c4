//! The hard cases of people and money: what a shop tells of them, down to what the ERP books.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that can't go on is to fail loudly"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use kontor_connectors::SecretBook;
use kontor_connectors::config::{ErpConfig, ShopConfig};
use kontor_connectors::http::{ClientOptions, client};
use kontor_connectors::weclapp::Weclapp;
use kontor_connectors::woocommerce::read;
use kontor_flow::apply::apply;
use kontor_flow::ports::{Connector, Job, Past};
use kontor_flow::{Action, Command, Envelope, Event, EventRecord, Facts, Order, Payload, StepResult};
use kontor_sandbox::contract::Validator;
use kontor_sandbox::weclapp::{Options, Sandbox};
use kontor_testkit::clock::time;
use kontor_testkit::order::{BEGINNING, order, step};
use rust_decimal::Decimal;
use secrecy::SecretString;
use serde_json::{Value, json};

/// One case: what is special about the order the shop tells, and what then stands where in the ERP.
struct Case {
    name: &'static str,
    recorded: &'static str,
    special: fn(&mut Value),
    /// Pointers into the party and the sales order that the ERP has then, and the values there.
    party: fn() -> Value,
    sales_order: fn() -> Value,
}

#[expect(
    clippy::disallowed_methods,
    reason = "where the contracts are is said by the environment of the tests"
)]
fn contract() -> Option<Arc<Validator>> {
    let folder = std::env::var("KONTOR_CONTRACTS").map(std::path::PathBuf::from);
    let folder =
        folder.unwrap_or_else(|_| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/contracts"));
    Validator::load(&folder.join("weclapp/openapi-v2.orchestrator-subset.json")).unwrap().map(Arc::new)
}

struct Bench {
    erp: Sandbox,
    weclapp: Weclapp,
}

impl Bench {
    async fn new() -> Self {
        let taxes = [19_u32, 7, 0, 81].map(|rate| (rate.to_string(), Decimal::from(rate)));
        let mut taxes: Vec<(String, Decimal)> = taxes.into();
        taxes[3].1 = Decimal::new(81, 1);
        let options = Options { contract: contract(), taxes, ..Options::default() };
        let erp = Sandbox::start("127.0.0.1:0", &options).await.unwrap();
        let config: ErpConfig = serde_json::from_value(json!({
            "url": erp.url, "token": "env:TOKEN", "gross_channel": "GROSS1", "net_channel": "NET1",
            "articles": {"shipping": "SHIPPING", "fee": "FEE", "discount": "DISCOUNT", "rounding": "ROUNDING"},
            "taxes": {"19": "19", "7": "7", "0": "0", "CH/8.1": "81"},
        }))
        .unwrap();
        let mut secrets = SecretBook::default();
        secrets.insert(config.token.clone(), SecretString::from("sandbox-token"));
        let weclapp = Weclapp::new(&config, &secrets, client(ClientOptions::default()).unwrap()).unwrap();
        Self { erp, weclapp }
    }

    /// Books customer and sales order. Answers both as the ERP has them.
    async fn book(&self, known: &mut Order) -> Result<(Value, Value), String> {
        let customer = self.done(known, Action::ErpCustomer, "customer").await?;
        let booked = self.done(known, Action::ErpSalesOrder, "sales_order").await?;
        let (StepResult::Customer { id: party, .. }, StepResult::SalesOrder { id, .. }) = (customer, booked)
        else {
            return Err("other results".to_owned());
        };
        Ok((self.get(&format!("party/id/{party}")).await, self.get(&format!("salesOrder/id/{id}")).await))
    }

    async fn done(&self, known: &mut Order, action: Action, name: &str) -> Result<StepResult, String> {
        let command =
            Command { order: known.key.clone(), step: step(name), action, template: None, undo: false };
        let job = Job { command: &command, order: known, past: Past::Clean, now: time(BEGINNING) };
        let finish = self.weclapp.perform(job).await.map_err(|error| kontor_flow::remedy::chain(&error))?;
        let result = finish.result.clone();
        apply(
            &mut known.facts,
            EventRecord::told(time(BEGINNING), Event::Finished { step: step(name), finish }),
        );
        Ok(result)
    }

    async fn get(&self, path: &str) -> Value {
        let request = reqwest::Client::new().get(format!("{}/webapp/api/v2/{path}", self.erp.url));
        let answer = request.header("AuthenticationToken", "sandbox-token").send().await.unwrap();
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }
}

fn shop() -> ShopConfig {
    serde_json::from_value(json!({
        "id": "kaffee", "kind": "woocommerce", "url": "https://kaffee.example", "flow": "standard", "webhook_secrets": [],
        "payments": {"bacs": "prepayment", "ppcp-gateway": "prepaid", "cod": "cash_on_delivery", "invoice": "invoice"},
    }))
    .unwrap()
}

/// The recorded order with what is special about it, as the shop tells it.
fn told(recorded: &str, number: u64, special: fn(&mut Value)) -> Result<Order, String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(format!("../../tests/fixtures/woocommerce/{recorded}.json"));
    let mut body: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    body["id"] = json!(number);
    body["number"] = json!(number.to_string());
    special(&mut body);
    let envelope = Envelope {
        shop: "kaffee".parse().unwrap(),
        topic: "order.created".to_owned(),
        received_at: time(BEGINNING),
        headers: BTreeMap::new(),
        body: Payload::pack(body.to_string().as_bytes()),
    };
    let happened = read(&shop(), &envelope).map_err(|error| kontor_flow::remedy::chain(&error))?;
    let mut known = order(&format!("kaffee/{number}"));
    known.facts = Facts::default();
    for record in happened.into_iter().flat_map(|happened| happened.events) {
        apply(&mut known.facts, record);
    }
    Ok(known)
}

fn nothing() -> Value {
    json!({})
}

fn set(body: &mut Value, pointer: &str, value: Value) {
    *body.pointer_mut(pointer).unwrap() = value;
}

/// The same in both addresses.
fn both(body: &mut Value, field: &str, value: &str) {
    for address in ["billing", "shipping"] {
        body[address][field] = json!(value);
    }
}

/// One line of one piece with these amounts, no carriage, one rate.
fn one_line(body: &mut Value, quantity: u64, net: &str, tax: &str, total: &str) {
    let mut line = body["line_items"][0].clone();
    line["quantity"] = json!(quantity);
    for (field, value) in [("subtotal", net), ("total", net), ("subtotal_tax", tax), ("total_tax", tax)] {
        line[field] = json!(value);
    }
    line["taxes"] = json!([{"id": 1, "total": tax, "subtotal": tax}]);
    body["line_items"] = json!([line]);
    body["shipping_lines"] = json!([]);
    body["coupon_lines"] = json!([]);
    body["tax_lines"] = json!([{"id": 9, "rate_id": 1, "rate_percent": 19, "compound": false}]);
    body["total"] = json!(total);
    body["total_tax"] = json!(tax);
}

#[expect(clippy::too_many_lines, reason = "a table is as long as it has cases")]
fn cases() -> Vec<Case> {
    vec![
        Case {
            name: "a guest without an account",
            recorded: "cod",
            special: |body| body["customer_id"] = json!(0),
            party: || json!({"/partyType": "PERSON", "/customerBusinessType": "B2C", "/customer": true}),
            sales_order: || json!({"/grossAmount": "22.89"}),
        },
        Case {
            name: "a guest without an e-mail address",
            recorded: "cod",
            special: |body| set(body, "/billing/email", json!("")),
            // Found again by the order's own key.
            party: || json!({"/customerNumber": "kaffee/2", "/email": null}),
            sales_order: nothing,
        },
        Case {
            name: "nobody's name",
            recorded: "cod",
            special: |body| {
                both(body, "first_name", "");
                both(body, "last_name", "");
            },
            party: || json!({"/partyType": "PERSON"}),
            sales_order: nothing,
        },
        Case {
            name: "no telephone",
            recorded: "cod",
            special: |body| both(body, "phone", ""),
            party: || json!({"/phone": null}),
            sales_order: || json!({"/deliveryAddress/phoneNumber": null}),
        },
        Case {
            name: "the house number in the second line",
            recorded: "cod",
            special: |body| {
                both(body, "address_1", "Heidestraße");
                both(body, "address_2", "17 a");
            },
            party: || json!({"/addresses/0/street1": "Heidestraße 17 a", "/addresses/0/street2": null}),
            sales_order: || {
                json!({"/deliveryAddress/street1": "Heidestraße 17 a", "/deliveryAddress/street2": null,
                       "/invoiceAddress/street1": "Heidestraße 17 a"})
            },
        },
        Case {
            name: "the house number in the street, the floor in the second line",
            recorded: "cod",
            special: |body| {
                both(body, "address_1", "Heidestraße 17 a");
                both(body, "address_2", "2. OG");
            },
            party: nothing,
            sales_order: || json!({"/deliveryAddress/street1": "Heidestraße 17 a", "/deliveryAddress/street2": "2. OG"}),
        },
        Case {
            name: "a packing station, with the post number where the company stands",
            recorded: "cod",
            special: |body| {
                both(body, "company", "12345678");
                both(body, "address_1", "Packstation 145");
            },
            party: || json!({"/partyType": "PERSON", "/customerBusinessType": "B2C", "/company": null}),
            sales_order: || json!({"/deliveryAddress/street1": "Packstation 145", "/deliveryAddress/company": "12345678"}),
        },
        Case {
            name: "a packing station, with the post number in the second line",
            recorded: "cod",
            special: |body| {
                both(body, "address_1", "Packstation 145");
                both(body, "address_2", "12345678");
            },
            party: nothing,
            sales_order: || json!({"/deliveryAddress/street1": "Packstation 145", "/deliveryAddress/street2": "12345678"}),
        },
        Case {
            name: "emoji, and names that are written from right to left",
            recorded: "cod",
            special: |body| {
                both(body, "first_name", "☕ Änne 👩‍👩‍👧");
                both(body, "last_name", "\u{202e}محمد بن عبد الله");
                both(body, "city", "תל אביב");
                body["customer_note"] = json!("🎁".repeat(600));
                set(body, "/line_items/0/name", json!("Tasse „Müller“ ☕ & <b>Söhne</b>"));
            },
            party: || json!({"/firstName": "☕ Änne 👩‍👩‍👧", "/lastName": "\u{202e}محمد بن عبد الله"}),
            sales_order: || {
                json!({
                    "/deliveryAddress/city": "תל אביב",
                    // The ERP counts in halves of what lies outside the first plane.
                    "/note": "🎁".repeat(256),
                    "/orderItems/0/title": "Tasse „Müller“ ☕ & <b>Söhne</b>",
                })
            },
        },
        Case {
            name: "a company abroad with a VAT id: the customer owes the tax",
            recorded: "b2b-invoice",
            special: |body| {
                both(body, "country", "AT");
                both(body, "company", "Rösterei Wien GmbH");
                body["meta_data"] = json!([
                    {"id": 1, "key": "is_vat_exempt", "value": "yes"},
                    {"id": 2, "key": "_billing_vat_number", "value": "ATU12345678"},
                ]);
                for list in ["line_items", "shipping_lines"] {
                    for line in body[list].as_array_mut().unwrap() {
                        line["total_tax"] = json!("0.00");
                        line["taxes"] = json!([]);
                        if line.get("subtotal_tax").is_some() {
                            line["subtotal_tax"] = json!("0.00");
                        }
                    }
                }
                body["tax_lines"] = json!([]);
                body["total_tax"] = json!("0.00");
                body["total"] = json!("412.22");
            },
            party: || {
                json!({"/partyType": "ORGANIZATION", "/company": "Rösterei Wien GmbH", "/customerBusinessType": "B2B",
                       "/vatIdentificationNumber": "ATU12345678"})
            },
            sales_order: || {
                json!({"/salesChannel": "NET1", "/orderItems/0/taxId": "0", "/shippingCostItems/0/taxId": "0",
                       "/grossAmount": "412.22", "/netAmount": "412.22"})
            },
        },
        Case {
            name: "an order of 0.00",
            recorded: "cod",
            special: |body| {
                one_line(body, 1, "0.00", "0.00", "0.00");
                body["payment_method"] = json!("");
            },
            party: nothing,
            sales_order: || json!({"/grossAmount": "0.00", "/orderItems/0/unitPrice": "0"}),
        },
        Case {
            name: "a coupon that makes everything free, carriage too",
            recorded: "prepaid-two-rates-coupon",
            special: |body| {
                for list in ["line_items", "shipping_lines"] {
                    for line in body[list].as_array_mut().unwrap() {
                        line["total"] = json!("0.00");
                        line["total_tax"] = json!("0.00");
                        for tax in line["taxes"].as_array_mut().unwrap() {
                            tax["total"] = json!("0");
                        }
                    }
                }
                body["total"] = json!("0.00");
                body["total_tax"] = json!("0.00");
                body["payment_method"] = json!("");
            },
            party: nothing,
            sales_order: || json!({"/grossAmount": "0.00"}),
        },
        Case {
            name: "unit prices of four digits",
            recorded: "cod",
            // 1,000 screws at 0.0119 with tax: 11.90 in all.
            special: |body| one_line(body, 1_000, "10.00", "1.90", "11.90"),
            party: nothing,
            sales_order: || json!({"/orderItems/0/unitPrice": "0.0119", "/orderItems/0/quantity": "1000", "/grossAmount": "11.90"}),
        },
        Case {
            name: "a shop that keeps four digits in all amounts",
            recorded: "cod",
            special: |body| one_line(body, 3, "10.3713", "1.9705", "12.3418"),
            party: nothing,
            sales_order: || json!({"/grossAmount": "12.34"}),
        },
        Case {
            name: "Swiss francs, rounded to coins in the total alone",
            recorded: "cod",
            special: |body| {
                one_line(body, 1, "18.47", "1.50", "19.95");
                body["currency"] = json!("CHF");
                both(body, "country", "CH");
                body["tax_lines"][0]["rate_percent"] = json!("8.1");
            },
            party: nothing,
            sales_order: || json!({"/grossAmount": "19.95", "/orderItems/1/unitPrice": "-0.02", "/orderItems/0/taxId": "81"}),
        },
        Case {
            name: "Swiss francs, rounded by a fee of a plugin",
            recorded: "cod",
            special: |body| {
                one_line(body, 1, "18.47", "1.50", "19.95");
                body["currency"] = json!("CHF");
                both(body, "country", "CH");
                body["tax_lines"][0]["rate_percent"] = json!("8.1");
                body["fee_lines"] = json!([{"id": 77, "name": "Rundung", "total": "-0.02", "total_tax": "0.00", "taxes": []}]);
            },
            party: nothing,
            sales_order: || json!({"/grossAmount": "19.95", "/orderItems/1/title": "Rundung", "/orderItems/1/unitPrice": "-0.02"}),
        },
        Case {
            name: "two rates of tax on the carriage",
            recorded: "prepaid-two-rates-coupon",
            special: |body| {
                let rates: Vec<Value> = body["tax_lines"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|line| line["rate_id"].clone())
                    .collect();
                // 4.90 in the proportion of the goods: 2.44 with 19 %, 2.46 with 7 %.
                body["shipping_lines"][0]["total"] = json!("4.35");
                body["shipping_lines"][0]["total_tax"] = json!("0.55");
                body["shipping_lines"][0]["taxes"] =
                    json!([{"id": rates[0], "total": "0.389580"}, {"id": rates[1], "total": "0.160935"}]);
                body["total_tax"] = json!("11.45");
            },
            party: nothing,
            sales_order: || {
                json!({"/shippingCostItems/0/unitPrice": "2.44", "/shippingCostItems/0/taxId": "19",
                       "/shippingCostItems/1/unitPrice": "2.46", "/shippingCostItems/1/taxId": "7",
                       "/grossAmount": "101.85"})
            },
        },
    ]
}

/// What stands elsewhere than it should, in words.
fn differences(what: &str, expected: &Value, found: &Value) -> Vec<String> {
    let expected = expected.as_object().unwrap();
    let wrong = expected.iter().filter_map(|(pointer, value)| {
        let there = found.pointer(pointer).cloned().unwrap_or_default();
        let same = match (there.as_str(), value.as_str()) {
            (Some(one), Some(other)) => {
                let number = |text: &str| text.parse::<Decimal>().ok();
                one == other || (number(one).is_some() && number(one) == number(other))
            }
            _ => there == *value,
        };
        (!same).then(|| format!("{what}{pointer} is {there}, not {value}"))
    });
    wrong.collect()
}

#[tokio::test]
async fn hard_cases_of_woocommerce_are_booked_right() {
    let mut wrong = Vec::new();
    for (case, number) in cases().into_iter().zip(1..) {
        // An ERP for each: customers are found by their e-mail address.
        let bench = Bench::new().await;
        let booked = match told(case.recorded, number, case.special) {
            Ok(mut known) => bench.book(&mut known).await,
            Err(error) => Err(error),
        };
        match booked {
            Ok((party, sales_order)) => {
                let found = differences("party", &(case.party)(), &party);
                let found =
                    found.into_iter().chain(differences("salesOrder", &(case.sales_order)(), &sales_order));
                wrong.extend(found.map(|what| format!("{}: {what}", case.name)));
                if sales_order["status"] != "ORDER_CONFIRMATION_PRINTED" {
                    wrong.push(format!("{}: it is not confirmed", case.name));
                }
            }
            Err(error) => wrong.push(format!("{}: {error}", case.name)),
        }
        let against = bench.erp.report().contract_violations;
        wrong.extend(against.into_iter().map(|what| format!("{}: {what}", case.name)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn the_same_person_with_another_address_is_one_customer_and_gets_the_parcel_there() {
    let bench = Bench::new().await;
    let mut first = told("cod", 1, |_| ()).unwrap();
    let mut second = told("cod", 2, |body| {
        set(body, "/billing/email", json!(body["billing"]["email"].as_str().unwrap().to_uppercase()));
        both(body, "address_1", "Neuer Weg 1");
        both(body, "city", "Bonn");
    })
    .unwrap();
    let (party, _) = bench.book(&mut first).await.unwrap();
    let (again, order) = bench.book(&mut second).await.unwrap();
    assert_eq!(party["id"], again["id"], "one customer, however the address is written");
    let wrong = differences(
        "",
        &json!({"/deliveryAddress/street1": "Neuer Weg 1", "/deliveryAddress/city": "Bonn", "/recordAddress/city": "Bonn"}),
        &order,
    );
    assert!(wrong.is_empty(), "{wrong:?}");
    assert_eq!(bench.erp.report().customers, 1);
}

#[tokio::test]
async fn an_order_of_two_hundred_lines_is_booked_whole() {
    let bench = Bench::new().await;
    let many = |body: &mut Value| {
        one_line(body, 1, "8.40", "1.60", "10.00");
        let line = body["line_items"][0].clone();
        let lines = (1..=200_u64).map(|id| {
            let mut line = line.clone();
            line["id"] = json!(id);
            line["quantity"] = json!(1 + id % 7);
            line
        });
        body["line_items"] = lines.collect();
        body["total"] = json!("2000.00");
        body["total_tax"] = json!("320.00");
    };
    let mut known = told("cod", 1, many).unwrap();
    let (_, order) = bench.book(&mut known).await.unwrap();
    // Prices of a seventh are of five digits at most, and come to the total all the same.
    assert!(
        differences("", &json!({"/grossAmount": "2000.00"}), &order).is_empty(),
        "{}",
        order["grossAmount"]
    );
    assert_eq!(order["orderItems"].as_array().unwrap().len(), 200);
    assert_eq!(bench.erp.report().contract_violations, Vec::<String>::new());
}
