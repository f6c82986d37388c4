//! The contract's validator against weclapp's own OpenAPI document, where that is at hand.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test that can't go on is to fail loudly")]

use std::path::{Path, PathBuf};

use kontor_sandbox::contract::Validator;
use serde_json::{Value, json};

fn contract() -> Option<Validator> {
    #[expect(
        clippy::disallowed_methods,
        reason = "where the contracts are is said by the environment of the tests"
    )]
    let folder = std::env::var("KONTOR_CONTRACTS").map_or_else(
        |_| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/contracts"),
        PathBuf::from,
    );
    let contract = Validator::load(&folder.join("weclapp/openapi-v2.orchestrator-subset.json")).unwrap();
    if contract.is_none() {
        println!("weclapp's OpenAPI document is not at hand: nothing is checked");
    }
    contract
}

fn check(
    contract: &Validator,
    call: &str,
    query: &[(&str, &str)],
    body: Option<Value>,
) -> Result<(), String> {
    let (method, path) = call.split_once(' ').unwrap();
    let query: Vec<(String, String)> =
        query.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    let body = body.map(|body| body.to_string().into_bytes());
    contract.check(method, path, &query, body.as_deref())
}

#[test]
fn no_contract_is_no_error() {
    assert!(Validator::load(Path::new("/nowhere/openapi.json")).unwrap().is_none());
}

#[test]
fn what_the_contract_declares_is_taken() {
    let Some(contract) = contract() else { return };
    let order = json!({
        "customerId": "1", "orderNumberAtCustomer": "kaffee/1", "salesChannel": "GROSS1", "orderDate": 1,
        "orderItems": [{"articleId": "1", "quantity": "1.5", "unitPrice": "9.96667", "manualUnitPrice": true}],
        "recordAddress": {"city": "Köln", "countryCode": "DE"},
    });
    check(&contract, "POST /salesOrder", &[], Some(order)).unwrap();
    let change = json!({"version": "1", "status": "ORDER_CONFIRMATION_PRINTED"});
    check(&contract, "PUT /salesOrder/id/{id}", &[("ignoreMissingProperties", "true")], Some(change))
        .unwrap();
    check(&contract, "POST /salesOrder/id/{id}/createShipment", &[], Some(json!({}))).unwrap();
    let query = [("email-eq", "a@b.c"), ("customer-eq", "true"), ("properties", "id")];
    check(&contract, "GET /party", &query, None).unwrap();
    check(&contract, "GET /salesInvoice", &[("salesOrders.id-in", "[\"1\"]")], None).unwrap();
}

/// A call, its query, its body.
type Case = (&'static str, &'static [(&'static str, &'static str)], Option<Value>);

#[test]
fn what_it_does_not_declare_is_named() {
    let Some(contract) = contract() else { return };
    let item = |item: Value| Some(json!({"customerId": "1", "orderItems": [item]}));
    let cases: [Case; 14] = [
        ("POST /salesOrder", &[], Some(json!({"externalOrderNumber": "1"}))),
        ("POST /salesOrder", &[], Some(json!({"shipped": true}))),
        ("POST /salesOrder", &[], Some(json!({"orderNumberAtCustomer": "x".repeat(65)}))),
        ("POST /salesOrder", &[], Some(json!({"salesChannel": "GROSS999"}))),
        ("POST /salesOrder", &[], Some(json!({"orderDate": "2026-01-01"}))),
        ("POST /salesOrder", &[], item(json!({"sku": "1"}))),
        ("POST /salesOrder", &[], item(json!({"unitPrice": 1.5}))),
        ("POST /salesOrder", &[], item(json!({"unitPrice": "1.123456"}))),
        ("POST /salesOrder", &[], Some(json!({"recordAddress": {"street": "x"}}))),
        ("POST /salesOpenItem/id/{id}/updatePaymentState", &[], Some(json!({"datePaid": 1}))),
        ("POST /salesOrder/id/{id}/ship", &[], Some(json!({}))),
        ("DELETE /salesOpenItem/id/{id}", &[], None),
        ("GET /salesInvoice", &[("salesOrderId-eq", "1")], None),
        ("GET /party", &[("ignoreMissingProperties", "true")], None),
    ];
    for (call, query, body) in cases {
        assert!(check(&contract, call, query, body.clone()).is_err(), "{call} {query:?} {body:?} was taken");
    }
}
