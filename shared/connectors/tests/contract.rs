//! What every shop's connector must do, one suite for all of them: whoever connects another kind of shop gets it by one entry in
//! [`Bench::start`].
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on is to fail loudly")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use jiff::{Timestamp, ToSpan as _};
use kontor_connectors::config::{Scope, ShopKind};
use kontor_connectors::http::ClientOptions;
use kontor_connectors::registry::Reader;
use kontor_connectors::{Config, Delivery, Gate, ProofError, Proven, Registry, SecretBook, SecretRef};
use kontor_domain::{OrderKey, PlacedOrder, ShopOrderId};
use kontor_flow::apply::apply;
use kontor_flow::ports::{Connectors as _, Intake as _, Job, Past, Storefront};
use kontor_flow::storefront::{FETCHED, Notice, Sighting, Window};
use kontor_flow::{
    Action, CallError, Command, Envelope, Event, FlowName, FlowRef, Order, Queue, Remedy, StepKey, StepResult,
};
use kontor_sandbox::traffic::{self, Parcel, Recording};
use kontor_sandbox::{Switches, shopify, shopware, smartstore, woocommerce};
use kontor_testkit::order::{euro, step};
use secrecy::SecretString;
use serde_json::Value;

const SECRET: &str = "signed-with-this";

/// A stand-in of any kind.
enum Stand {
    Woocommerce(woocommerce::Sandbox),
    Shopify(shopify::Sandbox),
    Shopware(shopware::Sandbox),
    Smartstore(smartstore::Sandbox),
}

/// What a stand-in has in its books.
#[derive(Debug, Default, PartialEq, Eq)]
struct Books {
    paid: usize,
    parcels: usize,
    cancelled: usize,
    doubled: usize,
}

/// A kind of shop: its stand-in, and what speaks to it.
struct Bench {
    kind: ShopKind,
    stand: Stand,
    config: Arc<Config>,
    shop: Arc<dyn Storefront>,
    secrets: SecretBook,
}

#[expect(clippy::disallowed_methods, reason = "the stand-ins have the time of this machine")]
fn now() -> Timestamp {
    Timestamp::now()
}

fn secrets(key: &str) -> SecretBook {
    let mut book = SecretBook::default();
    for (name, value) in [("KEY", key), ("SECRET", "secret"), ("HOOK", SECRET), ("ERP", "erp")] {
        book.insert(SecretRef::Env(name.to_owned()), SecretString::from(value.to_owned()));
    }
    book
}

fn config(kind: ShopKind, url: &str) -> Config {
    let more = if kind == ShopKind::Smartstore { ", currency: EUR" } else { "" };
    let yaml = format!(
        "shops:\n- {{ id: laden, kind: {}, url: '{url}', flow: standard, webhook_secrets: ['env:HOOK'], \
         api: {{ key: 'env:KEY', secret: 'env:SECRET' }}, payments: {{ bacs: prepayment, bank deposit: prepayment, \
         payment_prepayment: prepayment, Payments.Prepayment: prepayment }}{more} }}\n\
         erp: {{ url: 'https://t.weclapp.com', token: 'env:ERP', gross_channel: GROSS1, \
         articles: {{ shipping: S, fee: F, discount: D, rounding: R }} }}\n",
        kind.as_str()
    );
    Config::parse("kontor.yaml", &yaml).unwrap()
}

impl Bench {
    async fn start(kind: ShopKind) -> Self {
        let any = "127.0.0.1:0";
        let (stand, url) = match kind {
            ShopKind::Woocommerce => {
                let it =
                    woocommerce::Sandbox::start(any, woocommerce::State::new("key", "secret")).await.unwrap();
                let url = it.url.clone();
                (Stand::Woocommerce(it), url)
            }
            ShopKind::Shopify => {
                let it = shopify::Sandbox::start(any, shopify::State::new("key")).await.unwrap();
                let url = it.url.clone();
                (Stand::Shopify(it), url)
            }
            ShopKind::Shopware => {
                let it = shopware::Sandbox::start(any, shopware::State::new("key", "secret")).await.unwrap();
                let url = it.url.clone();
                (Stand::Shopware(it), url)
            }
            ShopKind::Smartstore => {
                let it =
                    smartstore::Sandbox::start(any, smartstore::State::new("key", "secret")).await.unwrap();
                let url = it.url.clone();
                (Stand::Smartstore(it), url)
            }
        };
        let config = Arc::new(config(kind, &url));
        let shop = storefront(&config, &secrets("key"));
        Self { kind, stand, config, shop, secrets: secrets("key") }
    }

    /// An order that is to be paid by bank transfer.
    fn recording(&self) -> Recording {
        match self.kind {
            ShopKind::Woocommerce => traffic::WOO_BACS,
            ShopKind::Shopify => traffic::SHOPIFY_BANK,
            ShopKind::Shopware => traffic::SHOPWARE_OPEN,
            ShopKind::Smartstore => traffic::SMARTSTORE_OPEN,
        }
    }

    fn parcel(&self, number: u64) -> Parcel {
        let mut parcel = self.recording().parcel("laden", number, "erika@example.test").unwrap();
        // As if it were placed now: whoever asks for what is new must find it.
        let mut order: Value = serde_json::from_str(&parcel.body).unwrap();
        let at = now().strftime("%Y-%m-%dT%H:%M:%S").to_string();
        let fields: &[(&str, &str)] = match self.kind {
            ShopKind::Woocommerce => &[("date_modified_gmt", "")],
            ShopKind::Shopify => &[("updated_at", "Z")],
            ShopKind::Shopware => &[("createdAt", ".000+00:00")],
            ShopKind::Smartstore => &[("UpdatedOnUtc", "Z")],
        };
        for (field, zone) in fields {
            order.as_object_mut().unwrap().insert((*field).to_owned(), format!("{at}{zone}").into());
        }
        parcel.body = order.to_string();
        parcel
    }

    /// The order is placed in the shop. Its id.
    fn place(&self, number: u64) -> ShopOrderId {
        let parcel = self.parcel(number);
        let order: Value = serde_json::from_str(&parcel.body).unwrap();
        let placed = match &self.stand {
            Stand::Woocommerce(it) => it.state().seed(&order),
            Stand::Shopify(it) => it.state().seed(&order),
            Stand::Shopware(it) => it.state().seed(&order),
            Stand::Smartstore(it) => it.state().place(&order),
        };
        assert!(placed, "{:?}", self.kind);
        self.id(number)
    }

    fn id(&self, number: u64) -> ShopOrderId {
        let id = match self.kind {
            ShopKind::Shopware => traffic::shopware_id(number),
            ShopKind::Woocommerce | ShopKind::Shopify | ShopKind::Smartstore => number.to_string(),
        };
        ShopOrderId::parse(&id).unwrap()
    }

    fn switch(&self, switches: Switches) {
        match &self.stand {
            Stand::Woocommerce(it) => it.state().switch(switches),
            Stand::Shopify(it) => it.state().switch(switches),
            Stand::Shopware(it) => it.state().switch(switches),
            Stand::Smartstore(it) => it.state().switch(switches),
        }
    }

    fn books(&self) -> Books {
        match &self.stand {
            Stand::Woocommerce(it) => {
                let report = it.state().report();
                let of = |status: &str| report.orders.get(status).copied().unwrap_or(0);
                let parcels = report.notes + report.parcels.values().sum::<usize>();
                let doubled = report.doubled_notes.len() + report.doubled_tracking.len();
                Books {
                    paid: of("processing") + of("completed"),
                    parcels,
                    cancelled: of("cancelled"),
                    doubled,
                }
            }
            Stand::Shopify(it) => {
                let report = it.state().report();
                let (paid, parcels, cancelled) = (report.paid, report.fulfillments, report.cancelled);
                Books { paid, parcels, cancelled, doubled: report.doubled_tracking.len() }
            }
            Stand::Shopware(it) => {
                let report = it.state().report();
                let (paid, parcels, cancelled) = (report.paid, report.shipped, report.cancelled);
                Books { paid, parcels, cancelled, doubled: report.doubled_tracking.len() }
            }
            Stand::Smartstore(it) => {
                let report = it.state().report();
                let (paid, parcels, cancelled) = (report.paid, report.shipments, report.cancelled);
                Books { paid, parcels, cancelled, doubled: report.doubled_shipments.len() }
            }
        }
    }

    fn read(&self, envelope: &Envelope) -> Order {
        let happened = Reader(Arc::clone(&self.config)).read(envelope).unwrap();
        let flow = FlowRef { name: FlowName::parse("standard").unwrap(), version: "0".repeat(12) };
        let key = happened.first().unwrap().order.clone();
        let mut order = Order::unheard_of(key, flow, now());
        for event in happened.iter().flat_map(|happened| &happened.events) {
            apply(&mut order.facts, event.clone());
        }
        order
    }

    /// The order as it is in the shop now, with money that came in by bank, and a parcel that left.
    async fn order(&self, id: &ShopOrderId) -> Order {
        let sighting = self.shop.order(id, now()).await.unwrap().unwrap();
        let mut order = self.read(&sighting.envelope);
        let total = order.facts.order().unwrap().parts().total;
        let paid = kontor_testkit::order::paid_event("bank-1", &total.amount().to_string(), now());
        apply(&mut order.facts, paid);
        apply(&mut order.facts, kontor_testkit::order::shipped_event("900", "JJD1", now()));
        order
    }

    async fn perform(&self, order: &Order, action: Action, past: Past) -> Result<StepResult, CallError> {
        let parcel = StepKey::item(step("tell_shop").step, "900");
        let step = if action == Action::ShopShipment { parcel } else { step("shop") };
        let command = Command { order: order.key.clone(), step, action, template: None, undo: false };
        let job = Job { command: &command, order, past, now: now() };
        self.shop.perform(job).await.map(|finish| finish.result)
    }

    async fn told(&self, order: &Order, action: Action, past: Past) -> StepResult {
        let told = self.perform(order, action, past).await;
        told.unwrap_or_else(|error| {
            panic!("{:?} {action}: {}", self.kind, kontor_flow::remedy::chain(&error))
        })
    }

    /// Everything that changed in the last hour, page by page.
    async fn changed(&self) -> Vec<Sighting> {
        self.changed_in(Window { from: now() - 1.hour(), until: now() + 10.minutes() }).await
    }

    async fn changed_in(&self, window: Window) -> Vec<Sighting> {
        let (mut all, mut page) = (Vec::new(), None);
        for _ in 0..20 {
            let found = self.shop.changed(window, page.as_deref(), now()).await.unwrap();
            all.extend(found.orders);
            match found.next {
                Some(next) => page = Some(next),
                None => return all,
            }
        }
        panic!("{:?} never comes to an end", self.kind)
    }

    fn delivery(&self, number: u64, secret: &str) -> Delivery {
        let (sent, body) = self.parcel(number).letter(secret).unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in sent {
            headers.insert(HeaderName::from_static(name), value.parse().unwrap());
        }
        Delivery::new(headers, Bytes::from(body), now())
    }
}

fn storefront(config: &Config, secrets: &SecretBook) -> Arc<dyn Storefront> {
    let options = ClientOptions { timeout: Duration::from_secs(5), ..ClientOptions::default() };
    let registry = Registry::build(config, secrets, Scope::Work(Queue::Shops), None, None, options).unwrap();
    registry.for_shop(&"laden".parse().unwrap()).unwrap()
}

async fn benches() -> Vec<Bench> {
    let mut benches = Vec::new();
    for kind in ShopKind::ALL {
        benches.push(Bench::start(kind).await);
    }
    benches
}

#[tokio::test]
async fn a_delivery_is_proven_and_no_other_is() {
    for bench in benches().await {
        let kind = bench.kind;
        let gate = Gate::build(&bench.config, kind, &bench.secrets).unwrap();
        let proven = gate.prove("laden", bench.delivery(7, SECRET));
        let Ok(Proven::Event(verified)) = proven else { panic!("{kind:?}: {proven:?}") };
        let envelope = verified.into_envelope();
        let refused = gate.prove("laden", bench.delivery(7, "another-secret"));
        assert!(matches!(refused, Err(ProofError::Wrong)), "{kind:?}: {refused:?}");
        let stranger = gate.prove("nobody", bench.delivery(7, SECRET));
        assert!(matches!(stranger, Err(ProofError::Unknown)), "{kind:?}: {stranger:?}");
        let bare = gate.prove("laden", Delivery::new(HeaderMap::new(), Bytes::from_static(b"{}"), now()));
        assert!(matches!(bare, Err(ProofError::Missing)), "{kind:?}: {bare:?}");
        // What was proven tells of the order, or where to fetch it.
        let key = OrderKey::new("laden".parse().unwrap(), bench.id(7));
        match kind.deliveries_to() {
            Queue::Events => {
                assert_eq!(bench.read(&envelope).key, key);
                assert_eq!(bench.shop.notice(&envelope).unwrap(), Notice::Nothing, "{kind:?}");
            }
            Queue::Shops | Queue::Erp | Queue::Mail => {
                assert_eq!(
                    bench.shop.notice(&envelope).unwrap(),
                    Notice::Orders(vec![bench.id(7)]),
                    "{kind:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn an_order_is_fetched_whole_and_adds_up() {
    for bench in benches().await {
        let kind = bench.kind;
        let id = bench.place(7);
        assert_eq!(bench.shop.order(&bench.id(8), now()).await.unwrap(), None, "{kind:?}");
        let asked_at = now();
        let sighting = bench.shop.order(&id, asked_at).await.unwrap().unwrap();
        assert_eq!((sighting.envelope.topic.as_str(), sighting.envelope.received_at), (FETCHED, asked_at));
        let order = bench.read(&sighting.envelope);
        assert_eq!(order.key.order, id, "{kind:?}");
        let placed = order.facts.placed.as_ref().unwrap();
        assert_eq!(placed.as_of(), sighting.as_of, "{kind:?}: a poll goes by what reading finds");
        let parts = placed.current().map(PlacedOrder::parts).unwrap();
        assert!(parts.total > euro("0.00") && !parts.lines.is_empty(), "{kind:?}");
        assert!(!order.facts.is_paid().unwrap(), "{kind:?}: nobody paid");
        assert_eq!(parts.customer.email.as_ref().map(|email| email.as_str()), Some("erika@example.test"));
    }
}

#[tokio::test]
async fn what_changed_is_told_once_each_and_nothing_else() {
    for bench in benches().await {
        let kind = bench.kind;
        assert_eq!(bench.changed().await, vec![], "{kind:?}");
        let placed: BTreeSet<ShopOrderId> = (1..=130).map(|number| bench.place(number)).collect();
        let found = bench.changed().await;
        let ids: BTreeSet<ShopOrderId> = found.iter().map(|sighting| sighting.order.clone()).collect();
        assert_eq!(ids, placed, "{kind:?}");
        assert!(
            found.windows(2).all(|two| matches!(two, [a, b] if a.as_of <= b.as_of)),
            "{kind:?}: oldest first"
        );
        for sighting in found.iter().take(3) {
            assert_eq!(bench.read(&sighting.envelope).key.order, sighting.order, "{kind:?}");
        }
        let long_ago = Window { from: now() - 48.hours(), until: now() - 24.hours() };
        assert_eq!(bench.changed_in(long_ago).await, vec![], "{kind:?}");
    }
}

#[tokio::test]
async fn payment_parcel_and_cancellation_are_told_once_however_often() {
    for bench in benches().await {
        let kind = bench.kind;
        let (id, other) = (bench.place(7), bench.place(8));
        let order = bench.order(&id).await;
        for past in [Past::Clean, Past::Unknown, Past::Clean] {
            assert_eq!(bench.told(&order, Action::ShopPaid, past).await, StepResult::Told, "{kind:?}");
        }
        for past in [Past::Clean, Past::Unknown] {
            assert_eq!(bench.told(&order, Action::ShopShipment, past).await, StepResult::Told, "{kind:?}");
        }
        // Nobody paid that one.
        let sighting = bench.shop.order(&other, now()).await.unwrap().unwrap();
        let unpaid = bench.read(&sighting.envelope);
        for past in [Past::Clean, Past::Unknown, Past::Clean] {
            let cancelled = bench.told(&unpaid, Action::ShopCancel, past).await;
            assert!(matches!(cancelled, StepResult::Cancelled { .. }), "{kind:?}: {cancelled:?}");
        }
        assert_eq!(bench.books(), Books { paid: 1, parcels: 1, cancelled: 1, doubled: 0 }, "{kind:?}");
        // The shop tells the same.
        assert!(bench.order(&id).await.facts.is_paid().unwrap(), "{kind:?}");
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_after_the_work_doubles_nothing() {
    for bench in benches().await {
        let kind = bench.kind;
        let id = bench.place(7);
        let order = bench.order(&id).await;
        let mut lost = 0;
        for action in [Action::ShopPaid, Action::ShopShipment] {
            bench.switch(Switches { work_but_never_answer_per_mille: 1_000, ..Switches::default() });
            match bench.perform(&order, action, Past::Clean).await {
                // What may be written twice is no creating call; its answer is not lost.
                Ok(told) => assert_eq!(told, StepResult::Told, "{kind:?} {action}"),
                Err(error) => {
                    lost += 1;
                    let unknown = matches!(error.remedy(), Remedy::Reconcile { .. });
                    assert!(unknown, "{kind:?} {action}: {error:?}");
                }
            }
            bench.switch(Switches::default());
            assert_eq!(
                bench.told(&order, action, Past::Unknown).await,
                StepResult::Told,
                "{kind:?} {action}"
            );
        }
        assert!(lost > 0, "{kind:?}: no answer was lost");
        assert_eq!(bench.books(), Books { paid: 1, parcels: 1, ..Books::default() }, "{kind:?}");
    }
}

#[tokio::test]
async fn what_is_no_work_for_a_shop_and_what_is_too_late_is_refused() {
    for bench in benches().await {
        let kind = bench.kind;
        let id = bench.place(7);
        let order = bench.order(&id).await;
        let invoice = bench.perform(&order, Action::ErpInvoice, Past::Clean).await;
        assert_eq!(invoice.unwrap_err().remedy(), Remedy::Park, "{kind:?}");
        let sighting = bench.shop.order(&id, now()).await.unwrap().unwrap();
        bench.told(&bench.read(&sighting.envelope), Action::ShopCancel, Past::Clean).await;
        for action in [Action::ShopPaid, Action::ShopShipment] {
            let late = bench.perform(&order, action, Past::Clean).await;
            let remedy = late.as_ref().err().map(CallError::remedy);
            assert_eq!(remedy, Some(Remedy::Park), "{kind:?} {action} on a cancelled order: {late:?}");
        }
        assert_eq!(bench.books(), Books { cancelled: 1, ..Books::default() }, "{kind:?}");
    }
}

#[tokio::test]
async fn every_trouble_has_its_remedy() {
    for bench in benches().await {
        let kind = bench.kind;
        let id = bench.place(7);
        let order = bench.order(&id).await;
        let limited = Switches { rate_limit_per_mille: 1_000, ..Switches::default() };
        let down = Switches { outage: true, ..Switches::default() };
        for (what, switches) in [("limited", limited), ("down", down)] {
            bench.switch(switches);
            let asked = bench.shop.order(&id, now()).await.unwrap_err();
            let told = bench.perform(&order, Action::ShopPaid, Past::Clean).await.unwrap_err();
            for error in [asked, told] {
                let passes = matches!(error.remedy(), Remedy::Retry { .. } | Remedy::Reconcile { .. });
                assert!(passes, "{kind:?} {what}: {error:?}");
            }
        }
        bench.switch(Switches::default());
        let denied = storefront(&bench.config, &secrets("an-old-key"));
        let error = denied.order(&id, now()).await.unwrap_err();
        assert!(matches!(error, CallError::Denied { .. }), "{kind:?}: {error:?}");
        assert_eq!(error.remedy(), Remedy::Alarm, "{kind:?}");
        let findings = denied.examine(None, now()).await;
        let said = findings.iter().find(|finding| !finding.good);
        assert!(said.is_some_and(|finding| finding.what == "credentials"), "{kind:?}: {findings:?}");
        let findings = bench.shop.examine(None, now()).await;
        let bad: Vec<_> =
            findings.iter().filter(|finding| !finding.good && finding.what != "webhooks").collect();
        assert!(!findings.is_empty() && bad.is_empty(), "{kind:?}: {findings:?}");
    }
}

#[tokio::test]
async fn an_expired_token_is_renewed_without_a_word() {
    let bench = Bench::start(ShopKind::Shopware).await;
    let id = bench.place(7);
    bench.shop.order(&id, now()).await.unwrap().unwrap();
    let Stand::Shopware(stand) = &bench.stand else { panic!("another stand-in") };
    stand.state().end_tokens();
    bench.shop.order(&id, now()).await.unwrap().unwrap();
}

#[tokio::test]
async fn both_forms_of_an_order_say_the_same() {
    for bench in benches().await {
        if bench.kind.deliveries_to() != Queue::Events {
            continue;
        }
        let id = bench.place(7);
        let fetched = bench.read(&bench.shop.order(&id, now()).await.unwrap().unwrap().envelope);
        let gate = Gate::build(&bench.config, bench.kind, &bench.secrets).unwrap();
        let Ok(Proven::Event(told)) = gate.prove("laden", bench.delivery(7, SECRET)) else {
            panic!("not proven")
        };
        let mut told = bench.read(&told.into_envelope());
        let events: Vec<_> = Reader(Arc::clone(&bench.config))
            .read(&bench.shop.order(&id, now()).await.unwrap().unwrap().envelope)
            .unwrap()
            .into_iter()
            .flat_map(|happened| happened.events)
            .collect();
        assert_eq!(told.facts.order(), fetched.facts.order(), "{:?}", bench.kind);
        assert!(!told.facts.would_change(&events), "{:?}: a poll says nothing new", bench.kind);
        for event in events {
            assert!(!matches!(event.event, Event::Shipped(_)));
            apply(&mut told.facts, event);
        }
        assert_eq!(told.facts.contradiction(), None, "{:?}", bench.kind);
    }
}

/// Two shops of one kind side by side: what is asked of one is not answered by the other, and neither opens the other's door.
#[tokio::test]
async fn two_shops_of_a_kind_do_not_mix() {
    for kind in ShopKind::ALL {
        let (one, other) = (Bench::start(kind).await, Bench::start(kind).await);
        one.place(7);
        assert_eq!(other.shop.order(&other.id(7), now()).await.unwrap(), None, "{kind:?}");
        assert_eq!((one.changed().await.len(), other.changed().await.len()), (1, 0), "{kind:?}");
        let mut shops = (*one.config).clone();
        let mut second = other.config.shops.first().unwrap().clone();
        second.id = "zweig".parse().unwrap();
        second.webhook_secrets = vec![SecretRef::Env("SECOND".to_owned())];
        shops.shops.push(second);
        let mut book = secrets("key");
        book.insert(SecretRef::Env("SECOND".to_owned()), SecretString::from("of-the-second"));
        let gate = Gate::build(&shops, kind, &book).unwrap();
        for (shop, secret, opens) in [
            ("laden", SECRET, true),
            ("zweig", "of-the-second", true),
            ("zweig", SECRET, false),
            ("laden", "of-the-second", false),
        ] {
            let proven = gate.prove(shop, one.delivery(7, secret));
            match proven {
                Ok(Proven::Event(verified)) => {
                    assert!(opens, "{kind:?}: {secret} opened {shop}");
                    assert_eq!(verified.into_envelope().shop.as_str(), shop);
                }
                refused => {
                    assert!(!opens && matches!(refused, Err(ProofError::Wrong)), "{kind:?}: {refused:?}")
                }
            }
        }
        let registry =
            Registry::build(&shops, &book, Scope::Work(Queue::Shops), None, None, ClientOptions::default())
                .unwrap();
        let second = registry.for_shop(&"zweig".parse().unwrap()).unwrap();
        assert_eq!(second.order(&one.id(7), now()).await.unwrap(), None, "{kind:?}");
    }
}
