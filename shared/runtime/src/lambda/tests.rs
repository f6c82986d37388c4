//! The parts of deployed functions, with fakes and with a store on this machine.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use aws_lambda_events::sqs::SqsEvent;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use kontor_connectors::SecretRef;
use kontor_connectors::config::ShopKind;
use kontor_embedded::Engine;
use kontor_flow::engine::{EventDesk, OverdueDesk, Parked, Verdict};
use kontor_flow::ports::StoredConfig;
use kontor_flow::ports::{
    Configs as _, Cursors as _, Delayer, Outgoing, Received, Receiver as _, Sender, StoreError,
};
use kontor_flow::{FailureClass, Message, Queue};
use secrecy::SecretString;
use serde_json::{Value, json};
use sha2::Sha256;

use super::http::{Door, HintDoor, Request, Response};
use super::*;
use crate::batch::{EventWorker, Outcome, Worker};
use crate::webhook::Reply;

#[test]
fn the_reserve_is_kept_back() {
    let end: Timestamp = "2026-01-05T08:02:00Z".parse().unwrap();
    assert_eq!(deadline(u64::try_from(end.as_millisecond()).unwrap()), end);
    let at = |seconds| time_left(end, end - SignedDuration::from_secs(seconds));
    assert_eq!(at(120), Some(Duration::from_secs(118)));
    assert_eq!(at(2), None);
    assert_eq!(at(-5), None);
    assert_eq!(time_left(deadline(u64::MAX), end), None);
}

// ---- batches ----

/// Keeps what a batch sends and postpones.
#[derive(Default)]
struct Tray {
    sent: Mutex<Vec<(Address, Outgoing)>>,
    delayed: Mutex<Vec<(Address, String, Duration)>>,
}

#[async_trait]
impl Sender for Tray {
    async fn send(&self, to: Address, messages: Vec<Outgoing>) -> Result<(), StoreError> {
        self.sent.lock().unwrap().extend(messages.into_iter().map(|message| (to, message)));
        Ok(())
    }
}

#[async_trait]
impl Delayer for Tray {
    async fn delay(&self, from: Address, receipt: &str, after: Duration) -> Result<(), StoreError> {
        self.delayed.lock().unwrap().push((from, receipt.to_owned(), after));
        Ok(())
    }
}

/// Does what the body of the message says.
#[derive(Default)]
struct Obedient {
    called: AtomicUsize,
}

#[async_trait]
impl Worker for Obedient {
    async fn work(&self, record: &Received, _now: Timestamp) -> Verdict {
        self.called.fetch_add(1, Ordering::SeqCst);
        match record.body.as_str() {
            "done" => Verdict::Done,
            "again" => Verdict::Again { attempts: 1, after: Some(Duration::from_secs(30)) },
            "park" => Verdict::Park(Parked {
                class: FailureClass::Refused,
                cause: "the ERP said no".to_owned(),
                attempts: 1,
                order: None,
            }),
            "panic" => panic!("a message that breaks the worker"),
            "slow" => std::future::pending().await,
            other => panic!("what is {other}?"),
        }
    }
}

struct Shop(Arc<dyn Worker>);

#[async_trait]
impl Workshop for Shop {
    async fn worker(&self, _from: Address, _now: Timestamp) -> Result<Arc<dyn Worker>, BoxError> {
        Ok(Arc::clone(&self.0))
    }
}

struct Closed;

#[async_trait]
impl Workshop for Closed {
    async fn worker(&self, _from: Address, _now: Timestamp) -> Result<Arc<dyn Worker>, BoxError> {
        Err("there is no configuration".into())
    }
}

const ERP: Sources = Sources::One(Address::Live(Queue::Erp));

fn batch_of<W: Workshop>(workshop: W, sources: Sources, tray: &Arc<Tray>) -> Batch<W> {
    Batch { workshop, sources, post: Post { sender: Arc::clone(tray) as _, delayer: Arc::clone(tray) as _ } }
}

/// A batch as SQS hands it over.
fn event(queue: &str, bodies: &[(&str, &str, u32)]) -> SqsEvent {
    let record = |(id, body, receives): &(&str, &str, u32)| {
        json!({
            "messageId": id,
            "receiptHandle": format!("receipt of {id}"),
            "body": body,
            "attributes": { "ApproximateReceiveCount": receives.to_string(), "SentTimestamp": "1545082649183" },
            "messageAttributes": {
                "class": { "stringValue": "refused", "stringListValues": [], "binaryListValues": [], "dataType": "String" }
            },
            "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
            "eventSource": "aws:sqs",
            "eventSourceARN": format!("arn:aws:sqs:eu-central-1:123456789012:{queue}"),
            "awsRegion": "eu-central-1"
        })
    };
    serde_json::from_value(json!({ "Records": bodies.iter().map(record).collect::<Vec<_>>() })).unwrap()
}

fn ids(response: &aws_lambda_events::sqs::SqsBatchResponse) -> Vec<String> {
    response.batch_item_failures.iter().map(|failure| failure.item_identifier.clone()).collect()
}

fn in_a_minute() -> Timestamp {
    ahead(clock::now(), Duration::from_secs(60))
}

#[test]
fn the_answer_has_exactly_this_shape() {
    let text = |outcomes: Vec<(&str, Outcome)>| serde_json::to_string(&response(outcomes)).unwrap();
    assert_eq!(text(vec![]), r#"{"batchItemFailures":[]}"#);
    assert_eq!(text(vec![("a", Outcome::Delete)]), r#"{"batchItemFailures":[]}"#);
    let mixed = vec![("a", Outcome::Keep), ("b", Outcome::Delete), ("c", Outcome::Keep)];
    assert_eq!(text(mixed), r#"{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"c"}]}"#);
}

#[tokio::test]
async fn every_record_has_its_own_outcome() {
    let (tray, worker) = (Arc::new(Tray::default()), Arc::new(Obedient::default()));
    let batch = batch_of(Shop(Arc::clone(&worker) as _), ERP, &tray);
    let bodies = [("1", "done", 1), ("2", "again", 1), ("3", "panic", 1), ("4", "park", 1), ("5", "done", 9)];
    let response = batch.settle(event("kontor-erp", &bodies), in_a_minute()).await.unwrap();
    assert_eq!(ids(&response), ["2", "3"]);
    assert_eq!(worker.called.load(Ordering::SeqCst), 5);
    let delayed = tray.delayed.lock().unwrap();
    assert_eq!(delayed.len(), 2);
    assert_eq!((delayed[0].0, delayed[0].1.as_str()), (Address::Live(Queue::Erp), "receipt of 2"));
    assert!(delayed[0].2 >= Duration::from_secs(30), "the hint of the outside system comes first");
    let sent = tray.sent.lock().unwrap();
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].0, sent[0].1.body.as_str()), (Address::Dead(Queue::Erp), "park"));
    assert_eq!(sent[0].1.attributes["cause"], "the ERP said no");
}

#[tokio::test]
async fn a_record_that_panics_again_and_again_is_parked() {
    let tray = Arc::new(Tray::default());
    let batch = batch_of(Shop(Arc::new(Obedient::default())), ERP, &tray);
    let response = batch.settle(event("kontor-erp", &[("1", "panic", 3)]), in_a_minute()).await.unwrap();
    assert_eq!(ids(&response), [""; 0]);
    assert_eq!(tray.sent.lock().unwrap()[0].1.attributes["class"], FailureClass::Crash.as_str());
}

#[tokio::test]
async fn a_slow_record_is_cut_off_and_holds_up_no_other() {
    let tray = Arc::new(Tray::default());
    let batch = batch_of(Shop(Arc::new(Obedient::default())), ERP, &tray);
    let bodies = [("1", "slow", 1), ("2", "done", 1)];
    let end = ahead(clock::now(), RESERVE + Duration::from_millis(300));
    let response = batch.settle(event("kontor-erp", &bodies), end).await.unwrap();
    assert_eq!(ids(&response), ["1"]);
    assert_eq!(tray.delayed.lock().unwrap().len(), 0, "it comes again by itself, and counts as a crash");
    assert!(clock::now() < end, "the reserve is left");
}

#[test]
fn no_record_takes_longer_than_its_lease_allows() {
    let end: Timestamp = "2026-01-05T08:00:00Z".parse().unwrap();
    let at = |seconds| batch::limit(end, end - SignedDuration::from_secs(seconds));
    assert_eq!(at(900), Some(crate::batch::LIMIT));
    assert_eq!(at(60), Some(Duration::from_secs(58)));
    assert_eq!(at(1), None);
    let each_off = Duration::from_secs(300);
    assert!(crate::batch::LIMIT < crate::batch::VISIBILITY);
    assert!(
        crate::batch::LIMIT + 2 * each_off < crate::batch::LEASE,
        "one clock may be ahead, and one behind"
    );
}

#[tokio::test]
async fn without_time_nothing_is_begun() {
    let (tray, worker) = (Arc::new(Tray::default()), Arc::new(Obedient::default()));
    let batch = batch_of(Shop(Arc::clone(&worker) as _), ERP, &tray);
    let bodies = [("1", "done", 1), ("2", "done", 1)];
    let response = batch
        .settle(event("kontor-erp", &bodies), ahead(clock::now(), Duration::from_secs(1)))
        .await
        .unwrap();
    assert_eq!(ids(&response), ["1", "2"]);
    assert_eq!(worker.called.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_batch_that_cannot_be_answered_comes_again_as_a_whole() {
    let (tray, worker) = (Arc::new(Tray::default()), Arc::new(Obedient::default()));
    let nameless = |missing: &str| {
        let mut event =
            serde_json::to_value(event("kontor-erp", &[("1", "done", 1), ("2", "done", 1)])).unwrap();
        event["Records"][1].as_object_mut().unwrap().remove(missing).unwrap();
        serde_json::from_value::<SqsEvent>(event).unwrap()
    };
    let batch = batch_of(Shop(Arc::clone(&worker) as _), ERP, &tray);
    for missing in ["messageId", "receiptHandle"] {
        let refused = batch.settle(nameless(missing), in_a_minute()).await;
        assert!(matches!(refused, Err(BatchError::Nameless)), "{missing}: {refused:?}");
    }
    assert_eq!(worker.called.load(Ordering::SeqCst), 0);
    let closed =
        batch_of(Closed, ERP, &tray).settle(event("kontor-erp", &[("1", "done", 1)]), in_a_minute()).await;
    assert!(matches!(closed, Err(BatchError::Workshop(_))), "{closed:?}");
}

#[tokio::test]
async fn dead_letters_are_known_by_their_queue() {
    let function = Function::named("alert-admin").unwrap();
    let url =
        |queue: Queue| format!("https://sqs.eu-central-1.amazonaws.com/123456789012/kontor-{queue}-dead");
    let urls: QueueUrls = Queue::ALL.into_iter().map(|queue| (Address::Dead(queue), url(queue))).collect();
    let sources = Sources::of(function, &urls).unwrap();

    struct Asked(Mutex<Vec<Address>>);
    #[async_trait]
    impl Workshop for Arc<Asked> {
        async fn worker(&self, from: Address, _now: Timestamp) -> Result<Arc<dyn Worker>, BoxError> {
            self.0.lock().unwrap().push(from);
            Ok(Arc::new(Obedient::default()))
        }
    }
    let (tray, asked) = (Arc::new(Tray::default()), Arc::new(Asked(Mutex::default())));
    let batch = batch_of(Arc::clone(&asked), sources, &tray);
    let bodies = [("1", "done", 1), ("2", "again", 1)];
    let response = batch.settle(event("kontor-shops-dead", &bodies), in_a_minute()).await.unwrap();
    assert_eq!(ids(&response), ["2"]);
    assert_eq!(*asked.0.lock().unwrap(), [Address::Dead(Queue::Shops)]);
    assert_eq!(tray.delayed.lock().unwrap()[0].0, Address::Dead(Queue::Shops));
    let stranger = batch.settle(event("kontor-shops", &[("1", "done", 1)]), in_a_minute()).await;
    assert!(matches!(stranger, Err(BatchError::Stranger)), "{stranger:?}");
}

#[test]
fn functions_without_a_queue_have_no_source() {
    for function in settings::FUNCTIONS {
        let fed = matches!(function.trigger, settings::Trigger::Queue(_) | settings::Trigger::DeadLetters);
        assert_eq!(Sources::of(function, &QueueUrls::default()).is_some(), fed, "{}", function.name);
    }
}

// ---- with a configuration and a store ----

const CONFIG: &str = "
shops:
  - id: kaffee
    kind: woocommerce
    url: https://shop.example
    flow: small
    webhook_secrets: [secret:kaffee]
    payments: { bacs: prepayment }
  - id: holz
    kind: smartstore
    url: https://holz.example
    flow: small
    webhook_secrets: [secret:holz]
    payments: { Payments.Prepayment: prepayment }
    currency: EUR
erp:
  url: https://tenant.weclapp.com
  token: secret:token
  webhook_secrets: [secret:hook]
  gross_channel: GROSS1
  articles: { shipping: S, fee: F, discount: D, rounding: R }
";

const FLOW: &str = "name: small\nsteps:\n  customer: { do: erp.customer }\n";

/// Secrets whose value is their name and a number that grows with each reading.
#[derive(Default)]
struct Drawer {
    opened: AtomicUsize,
}

#[async_trait]
impl Vault for Drawer {
    async fn open(&self, reference: &SecretRef) -> Result<SecretString, BoxError> {
        self.opened.fetch_add(1, Ordering::SeqCst);
        Ok(SecretString::from(reference.to_string()))
    }
}

struct Stage {
    engine: Engine,
    vault: Arc<Drawer>,
    _folder: tempfile::TempDir,
}

fn stage() -> Stage {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::open(folder.path(), Arc::new(clock::now)).unwrap();
    Stage { engine, vault: Arc::default(), _folder: folder }
}

impl Stage {
    async fn push(&self, version: u64) {
        let flows = [("small".to_owned(), FLOW.to_owned())].into();
        let (pushed_at, pushed_by) = (clock::now(), "test".to_owned());
        let config = StoredConfig { version, yaml: CONFIG.to_owned(), flows, pushed_at, pushed_by };
        self.engine.push(&config).await.unwrap();
    }

    fn library(&self, scope: Scope) -> Arc<Library> {
        Arc::new(Library::new(Arc::new(self.engine.clone()), Arc::clone(&self.vault) as _, scope))
    }

    fn door(&self) -> Door {
        let library = self.library(Scope::Webhooks(ShopKind::Woocommerce));
        Door::new(library, Arc::new(self.engine.clone()), ShopKind::Woocommerce)
    }

    async fn waiting(&self, queue: Queue) -> Vec<Received> {
        let (visible, wait) = (Duration::from_secs(30), Duration::ZERO);
        self.engine.receive(Address::Live(queue), 10, visible, wait).await.unwrap()
    }
}

fn signature(body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(b"secret:kaffee").unwrap();
    mac.update(body);
    STANDARD.encode(mac.finalize().into_bytes())
}

/// A delivery as an HTTP API hands it over.
fn delivery(body: &[u8], encoded: bool) -> Value {
    let text = if encoded { STANDARD.encode(body) } else { String::from_utf8(body.to_vec()).unwrap() };
    json!({
        "version": "2.0",
        "routeKey": "POST /webhooks/woocommerce/{shop}",
        "rawPath": "/webhooks/woocommerce/kaffee",
        "rawQueryString": "",
        "headers": {
            "content-type": "application/json",
            "x-wc-webhook-signature": signature(body),
            "x-wc-webhook-topic": "order.created",
            "x-odd": "line\nbreak",
            "user-agent": "Kaffeehäuser/1.0"
        },
        "requestContext": { "http": { "method": "POST", "path": "/webhooks/woocommerce/kaffee" } },
        "pathParameters": { "shop": "kaffee" },
        "body": text,
        "isBase64Encoded": encoded
    })
}

fn request(value: Value) -> Request {
    serde_json::from_value(value).unwrap()
}

#[tokio::test]
async fn a_delivery_is_stored_byte_for_byte() {
    let stage = stage();
    stage.push(1).await;
    let door = stage.door();
    let body = "{\"id\": 1,  \"name\":\"Müller\"}\n".as_bytes();
    for encoded in [false, true] {
        assert_eq!(
            door.answer(request(delivery(body, encoded)), clock::now()).await,
            Reply::Accepted,
            "{encoded}"
        );
        let waiting = stage.waiting(Queue::Events).await;
        assert_eq!(waiting.len(), 1);
        let Message::Delivery(envelope) = Message::decode(&waiting[0].body).unwrap() else { panic!() };
        assert_eq!(envelope.body.bytes().unwrap().as_ref() as &[u8], body);
        assert_eq!(envelope.topic, "order.created");
    }
}

#[tokio::test]
async fn what_is_not_proven_is_refused_and_not_stored() {
    type Change = fn(&mut Value);
    let stage = stage();
    stage.push(1).await;
    let door = stage.door();
    let changed = |change: Change| {
        let mut delivery = delivery(b"{}", true);
        change(&mut delivery);
        request(delivery)
    };
    let cases: [(&str, Change, Reply); 6] = [
        ("another body", |it| it["body"] = json!("e30K"), Reply::Unauthorized),
        ("no base64", |it| it["body"] = json!("%%%"), Reply::BadRequest),
        ("another shop", |it| it["pathParameters"]["shop"] = json!("tee"), Reply::Unauthorized),
        ("no shop", |it| it["pathParameters"] = Value::Null, Reply::Unauthorized),
        ("no headers", |it| it["headers"] = Value::Null, Reply::Unauthorized),
        ("no body", |it| it["body"] = Value::Null, Reply::Unauthorized),
    ];
    for (what, change, reply) in cases {
        assert_eq!(door.answer(changed(change), clock::now()).await, reply, "{what}");
    }
    assert_eq!(stage.waiting(Queue::Events).await, []);
}

/// WooCommerce gives the same id to deliveries of different events, and no signature covers it.
#[tokio::test]
async fn deliveries_of_one_id_are_all_stored() {
    let stage = stage();
    stage.push(1).await;
    let door = stage.door();
    for body in [r#"{"id":1}"#, r#"{"id":2}"#] {
        let mut told = delivery(body.as_bytes(), false);
        let headers = told.get_mut("headers").and_then(Value::as_object_mut).unwrap();
        headers.insert("x-wc-webhook-delivery-id".to_owned(), json!("4711"));
        assert_eq!(door.answer(request(told), clock::now()).await, Reply::Accepted);
    }
    assert_eq!(stage.waiting(Queue::Events).await.len(), 2);
}

/// A queue that is away.
struct Away;

#[async_trait]
impl Sender for Away {
    async fn send(&self, _to: Address, _messages: Vec<Outgoing>) -> Result<(), StoreError> {
        Err(StoreError::Unavailable { store: "queue", call: "send", source: "it is away".into() })
    }
}

#[tokio::test]
async fn what_could_not_be_stored_is_not_accepted() {
    let stage = stage();
    stage.push(1).await;
    let library = stage.library(Scope::Webhooks(ShopKind::Woocommerce));
    let door = Door::new(library, Arc::new(Away), ShopKind::Woocommerce);
    let reply = door.answer(request(delivery(b"{}", false)), clock::now()).await;
    assert_eq!(reply, Reply::Unavailable);
}

#[tokio::test]
async fn what_is_too_long_is_refused_before_anything_else() {
    // Nothing is configured: whoever got further would answer 503.
    let stage = stage();
    let door = stage.door();
    let long = vec![b'x'; kontor_flow::message::LONGEST_BODY + 3];
    for encoded in [false, true] {
        let reply = door.answer(request(delivery(&long, encoded)), clock::now()).await;
        assert_eq!(reply, Reply::TooLarge, "{encoded}");
    }
    assert_eq!(door.answer(request(delivery(b"{}", false)), clock::now()).await, Reply::Unavailable);
}

/// A secret manager that is away.
struct Locked;

#[async_trait]
impl Vault for Locked {
    async fn open(&self, _reference: &SecretRef) -> Result<SecretString, BoxError> {
        Err("Secrets Manager did not answer".into())
    }
}

#[tokio::test]
async fn secrets_that_cannot_be_had_are_no_fault_of_the_shop() {
    let stage = stage();
    stage.push(1).await;
    let library = |scope| Arc::new(Library::new(Arc::new(stage.engine.clone()), Arc::new(Locked), scope));
    let (sender, kind) = (Arc::new(stage.engine.clone()), ShopKind::Woocommerce);
    let door = Door::new(library(Scope::Webhooks(kind)), Arc::clone(&sender) as _, kind);
    assert_eq!(door.answer(request(delivery(b"{}", false)), clock::now()).await, Reply::Unavailable);
    let door = HintDoor::new(library(Scope::Hints), sender);
    let hint = json!({ "pathParameters": { "secret": "x" }, "body": "{}", "isBase64Encoded": false });
    assert_eq!(door.answer(request(hint), clock::now()).await, Reply::Unavailable);
}

#[test]
fn debug_shows_nothing_of_a_request() {
    let mut delivery = delivery(b"Erika", false);
    delivery["headers"]["x-buyer"] = json!("Erika");
    let text = format!("{:?}", request(delivery));
    assert!(text.contains("5 bytes") && !text.contains("Erika"), "{text}");
}

#[tokio::test]
async fn a_configuration_that_is_pushed_later_is_found() {
    let stage = stage();
    let (door, now) = (stage.door(), clock::now());
    assert_eq!(door.answer(request(delivery(b"{}", false)), now).await, Reply::Unavailable);
    stage.push(1).await;
    let opened = |at| {
        let door = &door;
        async move { door.answer(request(delivery(b"{}", false)), at).await }
    };
    assert_eq!(opened(now).await, Reply::Accepted);
    assert_eq!(opened(ahead(now, Duration::from_secs(90))).await, Reply::Accepted);
    assert_eq!(stage.vault.opened.load(Ordering::SeqCst), 1, "the same version needs no secret again");
    stage.push(2).await;
    assert_eq!(opened(ahead(now, Duration::from_secs(180))).await, Reply::Accepted);
    assert_eq!(stage.vault.opened.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn hints_are_taken_on_the_secret_path_only() {
    let stage = stage();
    stage.push(1).await;
    let door = HintDoor::new(stage.library(Scope::Hints), Arc::new(stage.engine.clone()));
    let hint = |secret: &str| {
        request(json!({
            "headers": {}, "pathParameters": { "secret": secret }, "isBase64Encoded": false,
            "body": r#"{"entityId":"975300","entityName":"salesOrder","type":"UPDATE"}"#
        }))
    };
    assert_eq!(door.answer(hint("guessed"), clock::now()).await, Reply::Unauthorized);
    assert_eq!(stage.waiting(Queue::Erp).await, []);
    assert_eq!(door.answer(hint("secret:hook"), clock::now()).await, Reply::Accepted);
    assert_eq!(stage.waiting(Queue::Erp).await.len(), 1);
}

#[tokio::test]
async fn a_notice_may_be_proven_by_its_address_and_is_fetched_after() {
    let (stage, kind) = (stage(), ShopKind::Smartstore);
    stage.push(1).await;
    let door = Door::new(stage.library(Scope::Webhooks(kind)), Arc::new(stage.engine.clone()), kind);
    let call = |query: &str, authorization: &str| {
        request(json!({
            "routeKey": "GET /webhooks/smartstore/{shop}", "rawQueryString": query,
            "headers": { "authorization": authorization }, "pathParameters": { "shop": "holz" },
        }))
    };
    let now = clock::now();
    assert_eq!(door.answer(call("orderId=7&token=secret%3Aholz", ""), now).await, Reply::Accepted);
    assert_eq!(door.answer(call("", "Bearer secret:holz"), now).await, Reply::Accepted);
    assert_eq!(door.answer(call("orderId=7&token=secret%3Akaffee", ""), now).await, Reply::Unauthorized);
    assert_eq!(door.answer(call("orderId=7", ""), now).await, Reply::Unauthorized);
    let waiting = stage.waiting(Queue::Shops).await;
    assert_eq!(waiting.len(), 2, "they are fetched, not read");
    assert!(waiting.iter().all(|one| !one.body.contains("secret:holz")), "the secret is not kept");
    assert!(waiting.iter().any(|one| one.body.contains('7')));
    // Other shops sign: what stands in their address proves nothing.
    let mut unsigned = delivery(b"{}", false);
    unsigned["headers"] = json!({});
    unsigned["rawQueryString"] = json!("token=secret%3Akaffee");
    assert_eq!(stage.door().answer(request(unsigned), now).await, Reply::Unauthorized);
}

#[test]
fn answers_have_exactly_this_shape() {
    let text = |reply: Reply| serde_json::to_string(&Response::from(reply)).unwrap();
    assert_eq!(
        text(Reply::Accepted),
        r#"{"statusCode":200,"headers":{"content-type":"text/plain; charset=utf-8"},"body":"accepted"}"#
    );
    for reply in [Reply::BadRequest, Reply::Unauthorized, Reply::TooLarge, Reply::Unavailable] {
        let said: Value = serde_json::from_str(&text(reply)).unwrap();
        assert_eq!(said["statusCode"], reply.status());
        assert_eq!(said["body"], reply.text());
    }
}

impl Stage {
    fn event_desk(&self) -> EventDesk {
        let engine = Arc::new(self.engine.clone());
        let config = kontor_connectors::Config::parse("kontor.yaml", CONFIG).unwrap();
        EventDesk {
            reader: Arc::clone(&engine) as _,
            outbox: Arc::clone(&engine) as _,
            flows: self.library(Scope::Nothing),
            intake: Arc::new(kontor_connectors::registry::Reader(Arc::new(config))),
            sender: engine,
        }
    }
}

#[tokio::test]
async fn bodies_that_are_no_messages_are_parked_and_kept_whole() {
    let (stage, tray) = (stage(), Arc::new(Tray::default()));
    let worker = Arc::new(EventWorker(stage.event_desk()));
    let batch = batch_of(Shop(worker), Sources::One(Address::Live(Queue::Events)), &tray);
    let bodies = [("1", "not json", 1), ("2", "{}", 1), ("3", r#"{"v":999,"message":{}}"#, 1), ("4", "", 1)];
    let response = batch.settle(event("kontor-events", &bodies), in_a_minute()).await.unwrap();
    assert_eq!(ids(&response), [""; 0]);
    let sent = tray.sent.lock().unwrap();
    let kept: Vec<_> = sent.iter().map(|(to, message)| (*to, message.body.as_str())).collect();
    assert_eq!(kept, bodies.map(|(_, body, _)| (Address::Dead(Queue::Events), body)));
    assert!(sent.iter().all(|(_, message)| message.attributes["class"] == FailureClass::Unreadable.as_str()));
}

#[tokio::test]
async fn one_run_at_a_time_does_what_is_due() {
    let stage = stage();
    let desk = OverdueDesk { index: Arc::new(stage.engine.clone()), desk: stage.event_desk() };
    let run = || schedule::run_locked(&stage.engine, &desk, in_a_minute());
    assert!(run().await.unwrap().is_some());
    assert!(run().await.unwrap().is_some(), "the lock is given back");
    let (owner, now) = (clock::new_owner(), clock::now());
    stage.engine.lock("overdue", &owner, now, in_a_minute()).await.unwrap().unwrap();
    assert_eq!(run().await.unwrap(), None, "another run is at work");
    stage.engine.save("overdue", &owner, "").await.unwrap();
    assert!(run().await.unwrap().is_some());
}
