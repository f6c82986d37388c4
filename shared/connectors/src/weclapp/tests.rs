//! The connector against the stand-in of weclapp, every request held against weclapp's own OpenAPI document.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use jiff::Timestamp;
use kontor_domain::{DocumentId, Money, OrderKey, Payment, PaymentId, PaymentSource, PaymentTerms, TaxMode};
use kontor_flow::ports::{Connector as _, Job, Past};
use kontor_flow::{
    Action, CallError, Command, Event, EventRecord, FailureClass, FailureId, FailureNote, Finish, Hint,
    Order, Queue, Remedy, StepResult, System,
};
use kontor_sandbox::contract::Validator;
use kontor_sandbox::weclapp::{Options, Report, Sandbox, SeedArticle, Switches};
use kontor_testkit::clock::time;
use kontor_testkit::order::{self, draft, euro, step};
use secrecy::SecretString;
use wiremock::matchers::{method, path, path_regex};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::Weclapp;
use crate::config::{ErpArticles, ErpConfig};
use crate::http::ClientOptions;
use crate::secrets::{SecretBook, SecretRef};

mod after;
mod parcels;

/// weclapp's OpenAPI document, where it is at hand.
fn contract() -> Option<Arc<Validator>> {
    #[expect(
        clippy::disallowed_methods,
        reason = "where the contracts are is said by the environment of the tests"
    )]
    let folder = std::env::var("KONTOR_CONTRACTS").map_or_else(
        |_| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/contracts"),
        PathBuf::from,
    );
    let loaded = Validator::load(&folder.join("weclapp/openapi-v2.orchestrator-subset.json")).unwrap();
    if loaded.is_none() {
        println!("weclapp's OpenAPI document is not at hand: requests are not held against it");
    }
    loaded.map(Arc::new)
}

fn config(url: &str) -> ErpConfig {
    ErpConfig {
        url: url.to_owned(),
        allow_private_address: false,
        token: SecretRef::Env("WECLAPP_TOKEN".to_owned()),
        webhook_secrets: Vec::new(),
        gross_channel: Some("GROSS1".to_owned()),
        net_channel: Some("NET1".to_owned()),
        warehouse_id: Some("77".to_owned()),
        payment_methods: [
            ("stripe".to_owned(), "501".to_owned()),
            ("kaffee/stripe".to_owned(), "502".to_owned()),
        ]
        .into(),
        shipping_methods: [("flat_rate:1".to_owned(), "601".to_owned())].into(),
        articles: ErpArticles {
            shipping: "SHIPPING".to_owned(),
            fee: "FEE".to_owned(),
            discount: "DISCOUNT".to_owned(),
            rounding: "ROUNDING".to_owned(),
            gift_card: Some("GIFTCARD".to_owned()),
        },
        taxes: [("DE/19".to_owned(), "19".to_owned()), ("7".to_owned(), "7".to_owned())].into(),
        settle_seconds: 1,
    }
}

fn connector(config: &ErpConfig) -> Weclapp {
    let mut secrets = SecretBook::default();
    secrets.insert(config.token.clone(), SecretString::from("sandbox-token"));
    // Generous: on a machine with other work, an answer of the sandbox may take seconds, and none of these stories is of that.
    let options = ClientOptions {
        timeout: Duration::from_secs(30),
        connect_timeout: Duration::from_secs(30),
        idle_connections: 8,
    };
    Weclapp::new(config, &secrets, crate::http::client(options).unwrap()).unwrap()
}

/// A stand-in with the articles of the orders here, and a connector to it.
struct Bench {
    erp: Sandbox,
    weclapp: Weclapp,
}

impl Bench {
    async fn new() -> Self {
        Self::with(|_| {}, |_| {}).await
    }

    async fn with(options: impl FnOnce(&mut Options), change: impl FnOnce(&mut ErpConfig)) -> Self {
        let mut chosen = Options {
            articles: ["ESP-1000", "FIL-0250"].map(SeedArticle::sold).into(),
            contract: contract(),
            warehouse_delay: Duration::from_millis(10),
            ..Options::default()
        };
        options(&mut chosen);
        let erp = Sandbox::start("127.0.0.1:0", &chosen).await.unwrap();
        let mut config = config(&erp.url);
        change(&mut config);
        Self { weclapp: connector(&config), erp }
    }

    fn switch(&self, switches: Switches) {
        self.erp.state().switch(switches);
    }

    /// Creating calls are carried out and never answered.
    fn lose_answers(&self) {
        self.switch(Switches { work_but_never_answer_per_mille: 1_000, ..Switches::default() });
    }

    async fn perform(&self, order: &Order, action: Action, past: Past) -> Result<Finish, CallError> {
        perform(&self.weclapp, order, action, past).await
    }

    /// Carries out `action` and lets the order know.
    async fn done(&self, order: &mut Order, action: Action) -> Finish {
        let finish = self.perform(order, action, Past::Clean).await.unwrap();
        know(order, Event::Finished { step: step(step_name(action)), finish: finish.clone() });
        finish
    }

    /// The answer to the first attempt gets lost; the second finds what the first did.
    async fn done_after_lost_answer(&self, order: &mut Order, action: Action) -> Finish {
        self.lose_answers();
        let error = self.perform(order, action, Past::Clean).await.unwrap_err();
        assert!(matches!(error.remedy(), Remedy::Reconcile { .. }), "{action}: {error:?}");
        self.switch(Switches::default());
        let finish = self.perform(order, action, Past::Unknown).await.unwrap();
        know(order, Event::Finished { step: step(step_name(action)), finish: finish.clone() });
        finish
    }

    /// What somebody else does in the ERP.
    async fn post(&self, path: &str, body: &'static str) {
        let request = reqwest::Client::new().post(format!("{}/webapp/api/v2{path}", self.erp.url));
        let request = request.header("AuthenticationToken", "sandbox-token");
        let answer = request.header("content-type", "application/json").body(body).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
    }

    /// The report, after nothing was doubled and nothing was against the contract.
    fn sound_report(&self) -> Report {
        let report = self.erp.report();
        assert_eq!(report.doubled, [], "doubled documents");
        assert_eq!(report.contract_violations, Vec::<String>::new());
        report
    }
}

async fn perform(weclapp: &Weclapp, order: &Order, action: Action, past: Past) -> Result<Finish, CallError> {
    let command = Command {
        order: order.key.clone(),
        step: step(step_name(action)),
        action,
        template: None,
        undo: action == Action::ErpCancel,
    };
    weclapp.perform(Job { command: &command, order, past, now: time(order::BEGINNING) }).await
}

fn step_name(action: Action) -> &'static str {
    match action {
        Action::ErpCustomer => "customer",
        Action::ErpSalesOrder => "sales_order",
        Action::ErpPayment => "payment",
        Action::ErpShipment => "shipment",
        Action::ErpInvoice => "invoice",
        Action::ErpUpdate => "update",
        Action::ErpCreditNote => "credit",
        Action::ErpCancel => "cancel",
        Action::ShopPaid | Action::ShopShipment | Action::ShopCancel | Action::MailSend => "other",
    }
}

fn know(order: &mut Order, event: Event) {
    kontor_flow::apply::apply(&mut order.facts, EventRecord::told(time(order::BEGINNING), event));
}

/// An order of which nothing is known but what the shop told.
fn placed(key: &str, change: impl FnOnce(&mut kontor_domain::OrderDraft)) -> Order {
    let mut order = order::order(key);
    let mut parts = draft("#1010");
    change(&mut parts);
    order.facts = kontor_flow::Facts::default();
    know(&mut order, Event::Placed(Box::new(parts.build().unwrap())));
    order
}

fn prepaid(key: &str) -> Order {
    placed(key, |_| {})
}

fn prepayment(key: &str) -> Order {
    placed(key, |parts| {
        parts.payment.code = "bacs".to_owned();
        parts.payment.terms = PaymentTerms::Prepayment;
    })
}

const CHAIN: [Action; 4] =
    [Action::ErpCustomer, Action::ErpSalesOrder, Action::ErpShipment, Action::ErpInvoice];

#[tokio::test]
async fn a_prepaid_order_of_a_known_customer_takes_six_calls() {
    let bench = Bench::new().await;
    let mut calls = Vec::new();
    for key in ["kaffee/1", "kaffee/2"] {
        let mut order = prepaid(key);
        for action in CHAIN {
            calls.push(bench.done(&mut order, action).await.calls);
        }
    }
    // The first pays for looking up and creating the customer, the articles and the currencies.
    assert_eq!(calls, [2, 4, 1, 3, 0, 2, 1, 3]);
    let report = bench.sound_report();
    assert_eq!((report.customers, report.sales_orders.len()), (1, 2));
    assert_eq!(report.calls_made(), 16);
    let keys: Vec<_> = report.sales_orders.iter().map(|order| order.order_key.as_deref().unwrap()).collect();
    assert_eq!(keys, ["kaffee/1", "kaffee/2"]);
    assert!(
        report
            .sales_orders
            .iter()
            .all(|order| order.status == "ORDER_CONFIRMATION_PRINTED" && order.gross == "34.80")
    );
    assert!(report.invoices.iter().all(|i| i.status == "OPEN_ITEM_CREATED" && i.kind == "STANDARD_INVOICE"));
    assert_eq!(report.shipments.len(), 2);
    assert_eq!(report.refused, 0);
}

#[tokio::test]
async fn the_sales_order_is_booked_as_the_shop_has_it() {
    let bench = Bench::new().await;
    let mut order = prepaid("kaffee/1");
    bench.done(&mut order, Action::ErpCustomer).await;
    let finish = bench.done(&mut order, Action::ErpSalesOrder).await;
    let StepResult::SalesOrder { id, number, total, .. } = finish.result else { panic!("{finish:?}") };
    assert_eq!(total, Some(euro("34.80")));
    assert!(number.is_some());
    let client = reqwest::Client::new();
    let url = format!("{}/webapp/api/v2/salesOrder/id/{id}", bench.erp.url);
    let text = client
        .get(url)
        .header("AuthenticationToken", "sandbox-token")
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let booked: serde_json::Value = serde_json::from_str(&text).unwrap();
    let at = |pointer: &str| booked.pointer(pointer).cloned().unwrap_or_default();
    assert_eq!(at("/orderNumberAtCustomer"), "kaffee/1");
    assert_eq!(at("/commission"), "#1010");
    assert_eq!(at("/salesOrderPaymentType"), "STANDARD");
    assert_eq!(at("/salesChannel"), "GROSS1");
    assert_eq!(at("/paymentMethodId"), "502");
    assert_eq!(at("/shipmentMethodId"), "601");
    assert_eq!(at("/warehouseId"), "77");
    assert_eq!(at("/recordAddress/lastName"), "Mustermann");
    assert_eq!(at("/deliveryAddress/countryCode"), "DE");
    assert_eq!(at("/orderItems/0/unitPrice"), "9.9");
    assert_eq!(at("/orderItems/0/manualUnitPrice"), true);
    assert_eq!(at("/orderItems/0/taxId"), "19");
    assert_eq!(at("/orderItems").as_array().unwrap().len(), 2);
    assert_eq!(at("/shippingCostItems/0/unitPrice"), "4.9");
    assert_eq!(at("/orderDate"), time(order::BEGINNING).as_millisecond());
}

#[tokio::test]
async fn a_prepayment_order_is_paid_before_it_ships_and_gets_a_final_invoice() {
    let bench = Bench::new().await;
    let mut order = prepayment("kaffee/7");
    bench.done(&mut order, Action::ErpCustomer).await;
    bench.done(&mut order, Action::ErpSalesOrder).await;
    know(
        &mut order,
        Event::Paid(Payment {
            id: PaymentId::parse("bank-1").unwrap(),
            source: PaymentSource::Operator,
            amount: euro("34.80"),
            received_at: "2026-01-07T10:00:00Z".parse().unwrap(),
            reference: None,
        }),
    );
    let paid = bench.done(&mut order, Action::ErpPayment).await;
    assert!(matches!(paid.result, StepResult::PaymentBooked { invoice: Some(_) }));
    assert_eq!(paid.calls, 3);
    assert_eq!(bench.done(&mut order, Action::ErpPayment).await.calls, 1, "paid already");
    bench.done(&mut order, Action::ErpShipment).await;
    bench.done(&mut order, Action::ErpInvoice).await;
    let report = bench.sound_report();
    assert_eq!(report.unpaid_shipments, 0);
    let kinds: Vec<_> = report.invoices.iter().map(|invoice| invoice.kind.as_str()).collect();
    assert_eq!(kinds, ["PREPAYMENT_INVOICE", "FINAL_INVOICE"]);
}

#[tokio::test]
async fn an_open_item_is_created_where_the_tenant_does_not() {
    let bench = Bench::with(|options| options.open_items_for_prepayments = false, |_| {}).await;
    let mut order = prepayment("kaffee/7");
    for action in [Action::ErpCustomer, Action::ErpSalesOrder, Action::ErpPayment] {
        bench.done(&mut order, action).await;
    }
    assert!(bench.erp.report().invoices.iter().all(|invoice| invoice.status == "OPEN_ITEM_CREATED"));
    bench.done(&mut order, Action::ErpShipment).await;
    assert_eq!(bench.sound_report().unpaid_shipments, 0);
}

#[tokio::test]
async fn a_lost_answer_doubles_nothing() {
    let bench = Bench::new().await;
    let mut order = prepaid("kaffee/1");
    for action in CHAIN {
        bench.done_after_lost_answer(&mut order, action).await;
    }
    let mut later = prepayment("kaffee/2");
    for action in [Action::ErpCustomer, Action::ErpSalesOrder] {
        bench.done(&mut later, action).await;
    }
    for action in [Action::ErpPayment, Action::ErpShipment, Action::ErpInvoice] {
        bench.done_after_lost_answer(&mut later, action).await;
    }
    let report = bench.sound_report();
    assert_eq!((report.customers, report.sales_orders.len(), report.shipments.len()), (1, 2, 2));
    assert_eq!(report.invoices.len(), 3);
    assert!(report.sales_orders.iter().all(|order| order.status == "ORDER_CONFIRMATION_PRINTED"));
    assert!(report.invoices.iter().all(|invoice| invoice.status == "OPEN_ITEM_CREATED"));
}

#[tokio::test]
async fn an_attempt_that_may_have_worked_but_did_not_is_made_up_for() {
    let bench = Bench::new().await;
    let mut order = prepaid("kaffee/1");
    for action in CHAIN {
        let finish = bench.perform(&order, action, Past::Unknown).await.unwrap();
        know(&mut order, Event::Finished { step: step(step_name(action)), finish });
    }
    let report = bench.sound_report();
    assert_eq!((report.sales_orders.len(), report.shipments.len(), report.invoices.len()), (1, 1, 1));
}

#[tokio::test]
async fn an_unknown_sku_is_named_and_nothing_is_booked() {
    let bench = Bench::with(|options| options.articles.clear(), |_| {}).await;
    let mut order = prepaid("kaffee/1");
    bench.done(&mut order, Action::ErpCustomer).await;
    let error = bench.perform(&order, Action::ErpSalesOrder, Past::Clean).await.unwrap_err();
    assert!(matches!(&error, CallError::Unmapped { .. }), "{error:?}");
    assert!(error.to_string().contains("ESP-1000, FIL-0250"), "{error}");
    assert_eq!(error.remedy(), Remedy::Park);
    assert_eq!(bench.sound_report().sales_orders, []);
}

#[tokio::test]
async fn a_total_that_differs_holds_the_order_until_a_person_has_put_it_right() {
    // The shop reckons with 7 %, the article says 19 %, and nobody mapped the 7 %.
    let net = |parts: &mut kontor_domain::OrderDraft| {
        parts.tax_mode = TaxMode::Net;
        for taxes in
            parts.lines.iter_mut().map(|l| &mut l.taxes).chain(parts.charges.iter_mut().map(|c| &mut c.taxes))
        {
            taxes[0].rate = kontor_domain::TaxRate::percent(7.into()).unwrap();
        }
        let taxes: Vec<Money> = parts
            .lines
            .iter()
            .flat_map(|l| &l.taxes)
            .chain(&parts.charges[0].taxes)
            .map(|t| t.amount)
            .collect();
        parts.total = parts.total.plus(Money::sum(parts.currency, taxes).unwrap()).unwrap();
    };
    let bench = Bench::with(|_| {}, |config| config.taxes.clear()).await;
    let mut order = placed("kaffee/1", net);
    bench.done(&mut order, Action::ErpCustomer).await;
    let error = bench.perform(&order, Action::ErpSalesOrder, Past::Clean).await.unwrap_err();
    assert_eq!(
        (error.remedy(), error.rests().is_some()),
        (Remedy::Park, true),
        "a search may not find it yet"
    );
    let text = error.last().to_string();
    assert!(
        text.contains("41.41 EUR") && text.contains("40.35 EUR") && text.contains("not confirmed"),
        "{text}"
    );

    // It was parked: the replay finds the order, although nothing says that an attempt is unknown.
    let note =
        FailureNote { failure: FailureId::of(Queue::Erp, "x"), class: FailureClass::Unmapped, cause: text };
    know(&mut order, Event::Failed { step: step("sales_order"), note });
    bench.perform(&order, Action::ErpSalesOrder, Past::Clean).await.unwrap_err();
    let report = bench.sound_report();
    assert_eq!(report.sales_orders.len(), 1);
    assert_eq!(report.sales_orders[0].status, "ORDER_ENTRY_IN_PROGRESS");

    // A person cancels it in the ERP; the next replay books a new one.
    let cancelled = bench.perform(&order, Action::ErpCancel, Past::Clean).await.unwrap();
    assert_eq!(cancelled.result, StepResult::Cancelled { outcome: "CANCELLED".to_owned() });
    bench.perform(&order, Action::ErpSalesOrder, Past::Clean).await.unwrap_err();
    let report = bench.sound_report();
    assert_eq!((report.sales_orders.len(), report.cancelled.len()), (1, 1));
}

#[tokio::test]
async fn net_and_tax_free_orders_are_booked_in_the_net_channel() {
    let bench = Bench::with(
        |_| {},
        |config| {
            config.taxes.insert("0".to_owned(), "0".to_owned());
        },
    )
    .await;
    let mut export = placed("kaffee/1", |parts| {
        parts.tax_mode = TaxMode::TaxFree;
        parts.lines.iter_mut().for_each(|line| line.taxes.clear());
        parts.charges[0].taxes.clear();
    });
    let mut business = placed("kaffee/2", |parts| {
        parts.tax_mode = TaxMode::Net;
        parts.lines[0].taxes[0].amount = euro("3.76");
        parts.lines[1].taxes[0].amount = euro("1.92");
        parts.charges[0].taxes[0].amount = euro("0.93");
        parts.total = euro("41.41");
    });
    for order in [&mut export, &mut business] {
        bench.done(order, Action::ErpCustomer).await;
        bench.done(order, Action::ErpSalesOrder).await;
    }
    let report = bench.sound_report();
    let totals: Vec<_> = report.sales_orders.iter().map(|order| order.gross.as_str()).collect();
    assert_eq!(totals, ["34.80", "41.41"]);
}

#[tokio::test]
async fn guests_without_an_email_are_found_by_the_order() {
    let bench = Bench::new().await;
    let guest = |key: &str| placed(key, |parts| parts.customer.email = None);
    let (mut one, mut other) = (guest("kaffee/1"), guest("kaffee/2"));
    let first = bench.done_after_lost_answer(&mut one, Action::ErpCustomer).await;
    let second = bench.done(&mut other, Action::ErpCustomer).await;
    assert_ne!(first.result, second.result);
    let StepResult::Customer { number, .. } = first.result else { panic!("no customer") };
    assert_eq!(number.unwrap().as_str(), "kaffee/1");
    assert_eq!(bench.sound_report().customers, 2);
}

#[tokio::test]
async fn twenty_orders_of_a_new_customer_at_once_make_one_customer() {
    let bench = Bench::new().await;
    bench.switch(Switches { latency_ms: 5, ..Switches::default() });
    let orders: Vec<Order> = (0..20).map(|n| prepaid(&format!("kaffee/{n}"))).collect();
    let work = orders.iter().map(|order| bench.perform(order, Action::ErpCustomer, Past::Clean));
    for finish in futures_join(work).await {
        finish.unwrap();
    }
    assert_eq!(bench.sound_report().customers, 1);
}

async fn futures_join<F: Future>(work: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut under_way: Vec<_> = work.map(Box::pin).collect();
    let mut done: Vec<Option<F::Output>> = under_way.iter().map(|_| None).collect();
    std::future::poll_fn(move |context| {
        for (future, slot) in under_way.iter_mut().zip(&mut done) {
            if slot.is_none()
                && let std::task::Poll::Ready(output) = future.as_mut().poll(context)
            {
                *slot = Some(output);
            }
        }
        if done.iter().all(Option::is_some) {
            return std::task::Poll::Ready(done.drain(..).flatten().collect());
        }
        std::task::Poll::Pending
    })
    .await
}

#[tokio::test]
async fn an_order_is_cancelled_or_closed_and_a_repeat_says_the_same() {
    let bench = Bench::new().await;
    let (mut early, mut late) = (prepaid("kaffee/1"), prepaid("kaffee/2"));
    for order in [&mut early, &mut late] {
        bench.done(order, Action::ErpCustomer).await;
        bench.done(order, Action::ErpSalesOrder).await;
    }
    let id = late.facts.sales_order_id().unwrap().clone();
    bench.post(&format!("/salesOrder/id/{id}/createSalesInvoice"), "{}").await;
    let outcome = |text: &str| StepResult::Cancelled { outcome: text.to_owned() };
    let first = bench.done_after_lost_answer(&mut early, Action::ErpCancel).await;
    assert_eq!(first.result, outcome("CANCELLED"));
    assert_eq!(bench.done(&mut late, Action::ErpCancel).await.result, outcome("MANUALLY_CLOSED"));
    let unheard = prepaid("kaffee/3");
    let never = bench.perform(&unheard, Action::ErpCancel, Past::Clean).await.unwrap();
    assert_eq!(never.result, outcome("NEVER_THERE"));
    assert_eq!(bench.sound_report().cancelled.len(), 2);
}

fn hint(entity: &str, id: &str) -> Hint {
    Hint { system: System::Weclapp, entity: entity.to_owned(), id: id.to_owned() }
}

async fn look_up(bench: &Bench, entity: &str, id: &str) -> Vec<(OrderKey, Event)> {
    let told = bench.weclapp.look_up(&hint(entity, id), time(order::BEGINNING)).await.unwrap();
    told.into_iter().flat_map(|h| h.events.into_iter().map(move |e| (h.order.clone(), e.event))).collect()
}

#[tokio::test]
async fn a_shipment_that_left_is_told_with_its_parcel() {
    let bench = Bench::with(|options| options.warehouse_delay = Duration::from_millis(300), |_| {}).await;
    let mut order = prepaid("kaffee/1");
    for action in [Action::ErpCustomer, Action::ErpSalesOrder, Action::ErpShipment] {
        bench.done(&mut order, action).await;
    }
    let id = order.facts.shipment_id().unwrap().to_string();
    assert_eq!(look_up(&bench, "shipment", &id).await, [], "it has not left yet");
    while bench.erp.report().shipments[0].status != "SHIPPED" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let told = look_up(&bench, "shipment", &id).await;
    let [(key, Event::Shipped(shipment))] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(key.to_string(), "kaffee/1");
    assert_eq!(shipment.carrier.as_deref(), Some("DHL"));
    assert_eq!(shipment.tracking.len(), 1);
    assert!(shipment.tracking_url.as_deref().unwrap().ends_with(shipment.tracking[0].as_str()));
    assert_eq!(look_up(&bench, "shipment", &id).await, told, "the same word twice is the same fact");
    bench.sound_report();
}

#[tokio::test]
async fn a_prepayment_the_erp_found_is_told_through_any_of_its_records() {
    let bench = Bench::new().await;
    let mut order = prepayment("kaffee/7");
    bench.done(&mut order, Action::ErpCustomer).await;
    bench.done(&mut order, Action::ErpSalesOrder).await;
    let id = order.facts.sales_order_id().unwrap().to_string();
    assert_eq!(look_up(&bench, "salesOrder", &id).await, [], "nobody has paid yet");
    assert!(bench.erp.state().pay("kaffee/7"));
    let told = look_up(&bench, "salesOrder", &id).await;
    let [(key, Event::Paid(payment))] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(key.to_string(), "kaffee/7");
    assert_eq!((payment.amount, payment.source), (euro("34.80"), PaymentSource::Erp));
    assert_eq!(payment.id.as_str(), format!("weclapp-{id}"));
    let invoice = bench.erp.report().invoices[0].id.clone();
    assert_eq!(look_up(&bench, "salesInvoice", &invoice).await, told);
    let item = (invoice.parse::<u64>().unwrap() + 1).to_string();
    assert_eq!(look_up(&bench, "salesOpenItem", &item).await, told);
    assert_eq!(bench.done(&mut order, Action::ErpPayment).await.calls, 1, "the ERP knows already");
    bench.sound_report();
}

#[tokio::test]
async fn hints_at_nothing_of_ours_mean_nothing() {
    let bench = Bench::new().await;
    for (entity, id) in [
        ("shipment", "999999"),
        ("salesOrder", "999999"),
        ("article", "1001"),
        ("party", "1001"),
        ("shipment", "../../x"),
        ("salesOrder", ""),
        ("salesOrder", "1?x=y"),
    ] {
        assert_eq!(look_up(&bench, entity, id).await, [], "{entity} {id}");
    }
}

#[tokio::test]
async fn an_outage_has_no_effect_and_is_tried_again() {
    let bench = Bench::new().await;
    let order = prepaid("kaffee/1");
    bench.switch(Switches { outage: true, ..Switches::default() });
    let error = bench.perform(&order, Action::ErpCustomer, Past::Clean).await.unwrap_err();
    assert!(matches!(error.remedy(), Remedy::Retry { .. }), "{error:?}");
    bench.switch(Switches { rate_limit_per_mille: 1_000, ..Switches::default() });
    let error = bench.perform(&order, Action::ErpCustomer, Past::Clean).await.unwrap_err();
    assert!(
        matches!(error, CallError::RateLimited { after: Some(after), .. } if after == Duration::from_millis(250))
    );
}

// What the stand-in cannot do: single errors at single calls.

const PROBLEM: &str = "/webapp/view/api/errors.html#!/errors/";

fn told(status: u16, kind: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(serde_json::json!({
        "type": format!("{PROBLEM}{kind}"), "title": "a title", "status": status, "detail": "details",
    }))
}

async fn server(answers: Vec<(&str, &str, ResponseTemplate)>) -> (MockServer, Weclapp) {
    let server = MockServer::start().await;
    for (verb, at, answer) in answers {
        Mock::given(method(verb)).and(path_regex(at)).respond_with(answer).mount(&server).await;
    }
    let weclapp = connector(&config(&server.uri()));
    (server, weclapp)
}

#[tokio::test]
async fn every_error_of_weclapp_has_its_meaning() {
    let cases: Vec<(ResponseTemplate, &str)> = vec![
        (told(400, "validation"), "refused"),
        (told(404, "not_found"), "refused"),
        (told(415, "unsupported_mime_type"), "refused"),
        (told(409, "context"), "refused"),
        (told(409, "optimistic_lock"), "concurrent"),
        (told(400, "optimistic_lock"), "concurrent"),
        (told(409, "persistence"), "concurrent"),
        (ResponseTemplate::new(409).set_body_string("conflict"), "concurrent"),
        (told(401, "unauthorized"), "denied"),
        (told(403, "forbidden"), "denied"),
        (ResponseTemplate::new(403).set_body_string("no"), "denied"),
        (told(400, "request_timeout"), "unavailable"),
        (told(500, "unexpected"), "unavailable"),
        (ResponseTemplate::new(502).set_body_string("<html>"), "unavailable"),
        (ResponseTemplate::new(429), "limited"),
        (ResponseTemplate::new(302).insert_header("location", "/login"), "refused"),
        (ResponseTemplate::new(400).set_body_raw("something is wrong", "text/plain"), "refused"),
        (ResponseTemplate::new(200).set_body_string("<html>hello</html>"), "unavailable"),
        (ResponseTemplate::new(200).set_body_string(r#"{"result": 5}"#), "unreadable"),
    ];
    for (answer, meaning) in cases {
        let (_server, weclapp) = server(vec![("GET", "/party", answer.clone())]).await;
        let error =
            perform(&weclapp, &prepaid("kaffee/1"), Action::ErpCustomer, Past::Clean).await.unwrap_err();
        let found = match &error {
            CallError::Refused { .. } => "refused",
            CallError::Concurrent { .. } => "concurrent",
            CallError::Denied { .. } => "denied",
            CallError::Unavailable { .. } => "unavailable",
            CallError::RateLimited { .. } => "limited",
            CallError::Unreadable { .. } => "unreadable",
            CallError::Unmapped { .. } => "unmapped",
            CallError::Begun { .. } => "begun",
        };
        assert_eq!(found, meaning, "{answer:?}: {error:?}");
    }
}

#[tokio::test]
async fn a_refusal_says_where_and_by_which_rule() {
    let body = serde_json::json!({
        "type": format!("{PROBLEM}validation"), "title": "entity validation failed", "status": 400,
        "detail": "erika@example.org is wrong",
        "validationErrors": [{
            "type": "/webapp/view/api/errors.html#!/validation/reference", "title": "unknown property",
            "errorCode": "platform.unknown_property", "location": "$.externalOrderNumber",
        }],
    });
    let refusal = ResponseTemplate::new(400).set_body_json(body);
    let (_server, weclapp) = server(vec![("GET", "/party", refusal)]).await;
    let error = perform(&weclapp, &prepaid("kaffee/1"), Action::ErpCustomer, Past::Clean).await.unwrap_err();
    let CallError::Refused { problem, status: 400, .. } = &error else { panic!("{error:?}") };
    assert_eq!(problem.kind, "validation");
    assert_eq!(problem.title, "unknown property (platform.unknown_property)");
    assert_eq!(problem.location.as_deref(), Some("$.externalOrderNumber"));
    assert!(!kontor_flow::remedy::chain(&error).contains('@'), "personal data in {error}");
}

fn booked() -> serde_json::Value {
    serde_json::json!({
        "id": "4711", "version": "0", "status": "ORDER_ENTRY_IN_PROGRESS", "orderNumber": "1001",
        "orderNumberAtCustomer": "kaffee/1", "grossAmount": "34.80", "netAmount": "29.25", "someNewProperty": {"a": 1},
    })
}

/// A weclapp that takes the order and then does `confirmation`.
async fn booking(confirmation: ResponseTemplate) -> (MockServer, Weclapp) {
    let list = |rows: serde_json::Value| {
        ResponseTemplate::new(200).set_body_json(serde_json::json!({ "result": rows }))
    };
    let numbers = ["ESP-1000", "FIL-0250", "SHIPPING"];
    let articles: Vec<_> = numbers
        .iter()
        .zip(1..)
        .map(|(n, id)| serde_json::json!({"id": id.to_string(), "articleNumber": n}))
        .collect();
    server(vec![
        ("GET", "/article$", list(articles.into())),
        ("GET", "/currency$", list(serde_json::json!([{"id": "30", "name": "EUR"}]))),
        ("POST", "/salesOrder$", ResponseTemplate::new(201).set_body_json(booked())),
        ("PUT", "/salesOrder/id/4711$", confirmation),
    ])
    .await
}

#[tokio::test]
async fn once_the_order_is_booked_no_error_says_that_nothing_was_done() {
    let cases = [
        ResponseTemplate::new(429).insert_header("Retry-After", "7"),
        ResponseTemplate::new(503),
        told(400, "request_timeout"),
        told(409, "optimistic_lock"),
        ResponseTemplate::new(200).set_body_string("not json"),
    ];
    let mut order = prepaid("kaffee/1");
    let known = StepResult::Customer { id: DocumentId::parse("9").unwrap(), number: None };
    know(&mut order, Event::Finished { step: step("customer"), finish: Finish { result: known, calls: 1 } });
    for confirmation in cases {
        let (server, weclapp) = booking(confirmation.clone()).await;
        let error = perform(&weclapp, &order, Action::ErpSalesOrder, Past::Clean).await.unwrap_err();
        assert!(matches!(error.remedy(), Remedy::Reconcile { .. }), "{confirmation:?}: {error:?}");
        drop(server);
    }
}

#[tokio::test]
async fn where_filters_are_ignored_nothing_is_created() {
    let bench = Bench::with(|options| options.warehouse_delay = Duration::from_secs(60), |_| {}).await;
    let mut other = prepaid("kaffee/1");
    for action in CHAIN {
        bench.done(&mut other, action).await;
    }
    let mut order = placed("kaffee/2", |parts| {
        parts.customer.email = Some(kontor_domain::Email::parse("max@example.org").unwrap());
    });
    let ignoring = Switches { ignore_filters: true, ..Switches::default() };
    for action in CHAIN {
        bench.switch(ignoring);
        let before = bench.erp.report();
        let error = bench.perform(&order, action, Past::Unknown).await.unwrap_err();
        assert!(matches!(error, CallError::Unreadable { .. }), "{action}: {error:?}");
        assert_eq!(error.remedy(), Remedy::Park, "{action}");
        let after = bench.erp.report();
        assert_eq!(
            (after.customers, &after.sales_orders, &after.shipments, &after.invoices),
            (before.customers, &before.sales_orders, &before.shipments, &before.invoices),
            "{action}"
        );
        bench.switch(Switches::default());
        bench.done(&mut order, action).await;
    }
    // A connector that remembers nothing yet asks for articles.
    bench.switch(ignoring);
    let mut third = prepaid("kaffee/3");
    third.facts.finished = order.facts.finished.clone();
    let fresh = connector(&config(&bench.erp.url));
    let error = perform(&fresh, &third, Action::ErpSalesOrder, Past::Clean).await.unwrap_err();
    assert!(matches!(error, CallError::Unreadable { call: "GET /article", .. }), "{error:?}");
    bench.sound_report();
}

#[tokio::test]
async fn a_row_that_was_not_asked_for_is_no_reason_to_create() {
    let mut stranger = booked();
    stranger["orderNumberAtCustomer"] = "kaffee/999".into();
    let (server, weclapp) = booking(ResponseTemplate::new(500)).await;
    let rows = serde_json::json!({ "result": [stranger] });
    Mock::given(method("GET"))
        .and(path("/webapp/api/v2/salesOrder"))
        .respond_with(ResponseTemplate::new(200).set_body_json(rows))
        .expect(1)
        .mount(&server)
        .await;
    let mut order = prepaid("kaffee/1");
    let known = StepResult::Customer { id: DocumentId::parse("9").unwrap(), number: None };
    know(&mut order, Event::Finished { step: step("customer"), finish: Finish { result: known, calls: 1 } });
    let error = perform(&weclapp, &order, Action::ErpSalesOrder, Past::Unknown).await.unwrap_err();
    assert!(matches!(error, CallError::Unreadable { call: "GET /salesOrder", .. }), "{error:?}");
    let asked = server.received_requests().await.unwrap();
    assert!(asked.iter().all(|request| request.method != "POST"), "something was created");
}

/// The first attempt is carried out `late` after its connection broke; the second comes when the first one said.
async fn booked_late(settle_seconds: u32, late: Duration) -> usize {
    let bench = Bench::with(|_| {}, |config| config.settle_seconds = settle_seconds).await;
    let mut order = prepaid("kaffee/1");
    bench.done(&mut order, Action::ErpCustomer).await;
    bench.switch(Switches {
        work_but_never_answer_per_mille: 1_000,
        commit_late_ms: u64::try_from(late.as_millis()).unwrap(),
        ..Switches::default()
    });
    let error = bench.perform(&order, Action::ErpSalesOrder, Past::Clean).await.unwrap_err();
    let Remedy::Reconcile { after: Some(after) } = error.remedy() else { panic!("{error:?}") };
    assert_eq!(after, Duration::from_secs(settle_seconds.into()));
    bench.switch(Switches::default());
    tokio::time::sleep(after).await;
    bench.perform(&order, Action::ErpSalesOrder, Past::Unknown).await.unwrap();
    tokio::time::sleep(late + Duration::from_millis(100)).await;
    let report = bench.erp.report();
    assert_eq!(report.contract_violations, Vec::<String>::new());
    report.sales_orders.len()
}

#[tokio::test]
async fn who_looks_after_the_queue_is_through_books_once() {
    assert_eq!(booked_late(0, Duration::from_millis(600)).await, 2, "looked too early");
    assert_eq!(booked_late(1, Duration::from_millis(600)).await, 1);
}

#[tokio::test]
async fn a_longer_wait_that_weclapp_asks_for_is_kept() {
    for (hint, waits) in [("7", 7), ("0", 1)] {
        let busy = ResponseTemplate::new(503).insert_header("Retry-After", hint);
        let (server, weclapp) = booking(busy).await;
        let mut order = prepaid("kaffee/1");
        let known = StepResult::Customer { id: DocumentId::parse("9").unwrap(), number: None };
        let finish = Finish { result: known, calls: 1 };
        know(&mut order, Event::Finished { step: step("customer"), finish });
        let error = perform(&weclapp, &order, Action::ErpSalesOrder, Past::Clean).await.unwrap_err();
        assert_eq!(error.remedy(), Remedy::Reconcile { after: Some(Duration::from_secs(waits)) });
        drop(server);
    }
    let yaml = "url: https://t.weclapp.com\ntoken: env:T\narticles: { shipping: S, fee: F, discount: D, rounding: R }";
    assert_eq!(serde_saphyr::from_str::<ErpConfig>(yaml).unwrap().settle_seconds, 40);
}

#[tokio::test]
async fn what_a_cancelled_order_left_behind_is_told_and_nothing_is_added() {
    let bench = Bench::with(|options| options.warehouse_delay = Duration::from_secs(60), |_| {}).await;
    let mut order = prepayment("kaffee/1");
    bench.done(&mut order, Action::ErpCustomer).await;
    let withdrawn = bench.perform(&order, Action::ErpSalesOrder, Past::Withdrawn).await.unwrap();
    assert_eq!(withdrawn.result, StepResult::Withdrawn);
    let booked = bench.done(&mut order, Action::ErpSalesOrder).await;
    for action in [Action::ErpShipment, Action::ErpInvoice] {
        let before = bench.erp.report();
        let withdrawn = bench.perform(&order, action, Past::Withdrawn).await.unwrap();
        assert_eq!(withdrawn.result, StepResult::Withdrawn, "{action}");
        let after = bench.erp.report();
        assert_eq!((after.shipments, after.invoices), (before.shipments, before.invoices), "{action}");
        let done = bench.perform(&order, action, Past::Clean).await.unwrap();
        let found = bench.perform(&order, action, Past::Withdrawn).await.unwrap();
        assert_eq!(found.result, done.result, "{action}");
    }
    let found = bench.perform(&order, Action::ErpSalesOrder, Past::Withdrawn).await.unwrap();
    let document = |finish: &Finish| {
        let StepResult::SalesOrder { id, number, total, .. } = &finish.result else { panic!("{finish:?}") };
        (id.clone(), number.clone(), *total)
    };
    assert_eq!(document(&found), document(&booked));

    // Found in the middle: it is not confirmed any more.
    let mut half = prepayment("kaffee/2");
    bench.done(&mut half, Action::ErpCustomer).await;
    bench.lose_answers();
    bench.perform(&half, Action::ErpSalesOrder, Past::Clean).await.unwrap_err();
    bench.switch(Switches::default());
    let found = bench.perform(&half, Action::ErpSalesOrder, Past::Withdrawn).await.unwrap();
    assert!(matches!(found.result, StepResult::SalesOrder { .. }));
    let report = bench.sound_report();
    assert_eq!(report.sales_orders[1].status, "ORDER_ENTRY_IN_PROGRESS");
}

/// An order of which the shop says that it is cancelled.
fn cancelled_in_shop(order: &mut Order) {
    know(order, Event::Life(kontor_domain::OrderLife::Cancelled));
}

#[tokio::test]
async fn a_cancelled_order_is_not_shipped_any_more() {
    let bench = Bench::with(|options| options.warehouse_delay = Duration::from_millis(400), |_| {}).await;
    let mut order = prepaid("kaffee/1");
    for action in [Action::ErpCustomer, Action::ErpSalesOrder, Action::ErpShipment] {
        bench.done(&mut order, action).await;
    }
    cancelled_in_shop(&mut order);
    bench.done_after_lost_answer(&mut order, Action::ErpCancel).await;
    // Somebody closes an order whose shipment is still under way: that is seen.
    let mut other = prepaid("kaffee/2");
    for action in [Action::ErpCustomer, Action::ErpSalesOrder, Action::ErpShipment] {
        bench.done(&mut other, action).await;
    }
    let id = other.facts.sales_order_id().unwrap().clone();
    bench.post(&format!("/salesOrder/id/{id}/manuallyClose"), "{}").await;
    tokio::time::sleep(Duration::from_millis(900)).await;
    let report = bench.sound_report();
    let statuses: Vec<_> = report.shipments.iter().map(|shipment| shipment.status.as_str()).collect();
    assert_eq!(statuses, ["CANCELLED", "SHIPPED"]);
    assert_eq!((report.shipped_after_cancel, report.cancelled.len()), (1, 2));
}

#[tokio::test]
async fn goods_that_have_left_are_for_a_person_to_decide() {
    let bench = Bench::new().await;
    let mut order = prepaid("kaffee/1");
    for action in [Action::ErpCustomer, Action::ErpSalesOrder, Action::ErpShipment] {
        bench.done(&mut order, action).await;
    }
    while bench.erp.report().shipments[0].status != "SHIPPED" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    cancelled_in_shop(&mut order);
    let error = bench.perform(&order, Action::ErpCancel, Past::Clean).await.unwrap_err();
    assert!(matches!(error, CallError::Refused { .. }), "{error:?}");
    assert!(error.to_string().contains("the goods have left already"), "{error}");
    assert_eq!(error.remedy(), Remedy::Park);
    assert_eq!(bench.sound_report().cancelled, []);
}

#[tokio::test]
async fn a_paid_order_that_we_gave_up_is_for_a_person_to_decide() {
    let bench = Bench::new().await;
    let mut order = prepayment("kaffee/7");
    bench.done(&mut order, Action::ErpCustomer).await;
    let booked = bench.perform(&order, Action::ErpSalesOrder, Past::Clean).await.unwrap();
    assert!(bench.erp.state().pay("kaffee/7"));
    // Whether the step told the sales order or not.
    for known in [false, true] {
        if known {
            let finish = booked.clone();
            know(&mut order, Event::Finished { step: step("sales_order"), finish });
        }
        let error = bench.perform(&order, Action::ErpCancel, Past::Clean).await.unwrap_err();
        assert!(matches!(error, CallError::Refused { .. }), "{error:?}");
        assert!(error.to_string().contains("is paid; refund it"), "{error}");
    }
    assert_eq!(bench.sound_report().cancelled, []);
    cancelled_in_shop(&mut order);
    bench.done(&mut order, Action::ErpCancel).await;
    assert_eq!(bench.sound_report().cancelled.len(), 1);
}

#[tokio::test]
async fn a_wrong_tax_is_seen_where_prices_include_it() {
    let seven = |parts: &mut kontor_domain::OrderDraft| {
        let taxes = parts.lines.iter_mut().map(|l| &mut l.taxes);
        for (taxes, amount) in taxes.zip(["1.30", "0.66"]) {
            taxes[0].rate = kontor_domain::TaxRate::percent(7.into()).unwrap();
            taxes[0].amount = euro(amount);
        }
    };
    let bench = Bench::with(|_| {}, |config| config.taxes.clear()).await;
    let mut order = placed("kaffee/1", seven);
    bench.done(&mut order, Action::ErpCustomer).await;
    let error = bench.perform(&order, Action::ErpSalesOrder, Past::Clean).await.unwrap_err();
    let text = error.last().to_string();
    assert!(matches!(error.last(), CallError::Unmapped { .. }), "{error:?}");
    for part in ["29.25 EUR without tax", "32.06 EUR without tax", "erp.taxes", "not confirmed"] {
        assert!(text.contains(part), "no {part} in {text}");
    }
    let bench = Bench::new().await;
    bench.done(&mut order, Action::ErpCustomer).await;
    bench.done(&mut order, Action::ErpSalesOrder).await;
    assert_eq!(bench.sound_report().sales_orders[0].gross, "34.80");
}

#[tokio::test]
async fn tax_on_an_order_that_owes_none_is_seen_in_either_channel() {
    let free = |parts: &mut kontor_domain::OrderDraft| {
        parts.tax_mode = TaxMode::TaxFree;
        parts.lines.iter_mut().for_each(|line| line.taxes.clear());
        parts.charges[0].taxes.clear();
    };
    for channel in ["NET1", "GROSS1"] {
        let bench = Bench::with(|_| {}, |config| config.net_channel = Some(channel.to_owned())).await;
        let mut order = placed("kaffee/1", free);
        bench.done(&mut order, Action::ErpCustomer).await;
        let error = bench.perform(&order, Action::ErpSalesOrder, Past::Clean).await.unwrap_err();
        assert!(matches!(error.last(), CallError::Unmapped { .. }), "{channel}: {error:?}");
        assert_eq!(bench.sound_report().sales_orders[0].status, "ORDER_ENTRY_IN_PROGRESS");
    }
}

const GZIPPED: &str = concat!(
    "H4sIAAAAAAACA6tWKkotLs0pUbKKrlbKTFGyUjJV0lFKLi0uyc9NLfIrzU1KLQIKOoNEU3MTM3OAHNcgT29Hh9SKxN",
    "yCnFS9/KJ0JB1KViVFpam1sbUAjkf5aVkAAAA=",
);

#[tokio::test]
async fn compressed_answers_are_read() {
    // {"result":[{"id":"5","customerNumber":"C5","email":"ERIKA@example.org","customer":true}]}, gzip
    let packed = base64::engine::general_purpose::STANDARD.decode(GZIPPED).unwrap();
    let answer = ResponseTemplate::new(200)
        .insert_header("content-encoding", "gzip")
        .set_body_raw(packed, "application/json;charset=utf-8");
    let (_server, weclapp) = server(vec![("GET", "/party", answer)]).await;
    let finish = perform(&weclapp, &prepaid("kaffee/1"), Action::ErpCustomer, Past::Clean).await.unwrap();
    assert!(matches!(finish.result, StepResult::Customer { id, .. } if id.as_str() == "5"));
}

#[tokio::test]
async fn what_is_remembered_is_forgotten_in_time() {
    let bench = Bench::new().await;
    let order = prepaid("kaffee/1");
    let at = |now: Timestamp| {
        let command = Command {
            order: order.key.clone(),
            step: step("customer"),
            action: Action::ErpCustomer,
            template: None,
            undo: false,
        };
        let (weclapp, order) = (&bench.weclapp, &order);
        async move {
            weclapp.perform(Job { command: &command, order, past: Past::Clean, now }).await.unwrap().calls
        }
    };
    let beginning = time(order::BEGINNING);
    let later = |minutes: i64| beginning + jiff::SignedDuration::from_mins(minutes);
    assert_eq!(at(beginning).await, 2, "looked up and created");
    assert_eq!(at(later(9)).await, 0, "remembered");
    assert_eq!(at(later(10)).await, 1, "looked up again");
    assert_eq!(at(later(19)).await, 0, "remembered again");
}

#[tokio::test]
async fn a_customer_that_is_gone_in_the_erp_is_not_remembered() {
    let refusal = told(400, "validation");
    let (server, weclapp) = booking(told(500, "unexpected")).await;
    server.reset().await;
    let row = serde_json::json!({"result": [{"id": "5", "email": "erika@example.org", "customer": true}]});
    let numbers = ["ESP-1000", "FIL-0250", "SHIPPING"];
    let rows: Vec<_> = numbers.iter().map(|n| serde_json::json!({"id": "1", "articleNumber": n})).collect();
    for (at, answer) in [
        ("/party$", ResponseTemplate::new(200).set_body_json(row)),
        ("/article$", ResponseTemplate::new(200).set_body_json(serde_json::json!({ "result": rows }))),
        (
            "/currency$",
            ResponseTemplate::new(200)
                .set_body_json(serde_json::json!({"result": [{"id": "30", "name": "EUR"}]})),
        ),
    ] {
        Mock::given(method("GET")).and(path_regex(at)).respond_with(answer).mount(&server).await;
    }
    Mock::given(method("POST")).respond_with(refusal).mount(&server).await;
    let mut order = prepaid("kaffee/1");
    let finish = perform(&weclapp, &order, Action::ErpCustomer, Past::Clean).await.unwrap();
    know(&mut order, Event::Finished { step: step("customer"), finish });
    let error = perform(&weclapp, &order, Action::ErpSalesOrder, Past::Clean).await.unwrap_err();
    assert_eq!(error.remedy(), Remedy::Park);
    let other = perform(&weclapp, &prepaid("kaffee/2"), Action::ErpCustomer, Past::Clean).await.unwrap();
    assert_eq!(other.calls, 1, "looked up again");
}
