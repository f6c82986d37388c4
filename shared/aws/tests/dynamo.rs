//! The store on DynamoDB behaves as every store does: against dynoxide in this process, and when DynamoDB is in trouble.
#![expect(clippy::unwrap_used, reason = "a test")]

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use kontor_aws::table::{BY_DUE, BY_STATE, BY_STATUS, INDEXES, PK, SK, TTL, create_table};
use kontor_aws::{Store, TableName};
use kontor_flow::ports::{Leases, OrderReader, OrderWriter, Owner, StoreError};
use kontor_flow::{CommandId, FailureClass};
use kontor_testkit::clock::time;
use kontor_testkit::order::{BEGINNING, entry, key, large, order, step};
use kontor_testkit::{
    configs_behave, cursors_behave, failures_behave, leases_behave, orders_behave, privacy_behaves,
    tokens_behave,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn client(endpoint: &str) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("100000000001", "test", None, None, "test"))
        .endpoint_url(endpoint)
        .retry_config(RetryConfig::disabled())
        .build();
    Client::from_conf(config)
}

fn table() -> TableName {
    TableName("kontor".to_owned())
}

async fn store() -> Store {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let db = dynoxide::Database::memory().unwrap();
    tokio::spawn(dynoxide::server::serve_on(listener, db));
    let client = client(&endpoint);
    create_table(&client, &table()).await.unwrap();
    Store::new(client, table())
}

#[tokio::test]
async fn orders() {
    let store = store().await;
    orders_behave(&store, &store, &store).await;
}

#[tokio::test]
async fn leases() {
    let store = store().await;
    leases_behave(&store, &store).await;
}

#[tokio::test]
async fn failures() {
    failures_behave(&store().await).await;
}

#[tokio::test]
async fn cursors() {
    cursors_behave(&store().await).await;
}

#[tokio::test]
async fn tokens() {
    tokens_behave(&store().await).await;
}

#[tokio::test]
async fn configs() {
    configs_behave(&store().await).await;
}

#[tokio::test]
async fn privacy() {
    privacy_behaves(store().await).await;
}

#[tokio::test]
async fn failures_have_an_end_once_they_are_settled() {
    use kontor_flow::FailureState;
    use kontor_flow::ports::Failures;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client(&format!("http://{}", listener.local_addr().unwrap()));
    tokio::spawn(dynoxide::server::serve_on(listener, dynoxide::Database::memory().unwrap()));
    create_table(&client, &table()).await.unwrap();
    let store = Store::new(client.clone(), table());
    let mut failure = kontor_testkit::failures::failure(1, FailureClass::Refused);
    let days =
        |n: i64| Some((failure.last_at + jiff::SignedDuration::from_hours(24 * n)).as_second().to_string());
    let kept = days(90);
    for (revision, state, expected) in
        [(1, FailureState::Open, None), (2, FailureState::Discarded, kept), (3, FailureState::Open, None)]
    {
        (failure.revision, failure.state) = (revision, state);
        Failures::store(&store, &failure).await.unwrap();
        let key =
            |name: &str, value: String| (name.to_owned(), aws_sdk_dynamodb::types::AttributeValue::S(value));
        let get = client.get_item().table_name("kontor");
        let keys = [key(PK, format!("FAILURE#{}", failure.id)), key(SK, "RECORD".to_owned())];
        let item = get.set_key(Some(keys.into())).send().await.unwrap().item.unwrap();
        let ends = item.get(TTL).map(|at| at.as_n().unwrap().clone());
        assert_eq!(ends, expected, "{state:?}");
    }
}

#[tokio::test]
async fn what_fits_into_no_item_is_refused_and_nothing_of_it_is_written() {
    let store = store().await;
    let order = large("laden/riese", 10_000);
    let refused = store.store(&order, &entry(&order)).await;
    assert!(matches!(refused, Err(StoreError::Refused { .. })), "{refused:?}");
    assert_eq!(store.load(&order.key).await.unwrap(), None);
    let mut failure = kontor_testkit::failures::failure(1, FailureClass::Refused);
    failure.message = serde_json::to_string(&order.facts.placed).unwrap();
    let refused = kontor_flow::ports::Failures::store(&store, &failure).await;
    assert!(matches!(refused, Err(StoreError::Refused { .. })), "{refused:?}");
}

#[tokio::test]
async fn the_table_is_as_declared() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client(&format!("http://{}", listener.local_addr().unwrap()));
    tokio::spawn(dynoxide::server::serve_on(listener, dynoxide::Database::memory().unwrap()));
    create_table(&client, &table()).await.unwrap();
    let described = client.describe_table().table_name("kontor").send().await.unwrap().table.unwrap();
    let keys: Vec<_> = described.key_schema().iter().map(|key| key.attribute_name().to_owned()).collect();
    assert_eq!(keys, [PK, SK]);
    assert_eq!(described.global_secondary_indexes().len(), INDEXES.len());
    for index in [BY_STATUS, BY_DUE, BY_STATE] {
        let made =
            described.global_secondary_indexes().iter().find(|i| i.index_name() == Some(index.name)).unwrap();
        let keys: Vec<_> = made.key_schema().iter().map(|key| key.attribute_name().to_owned()).collect();
        assert_eq!(keys, [index.partition, index.sort]);
        let mut held = made.projection().unwrap().non_key_attributes().to_vec();
        held.sort();
        let mut declared: Vec<_> = index.holds.iter().map(|name| (*name).to_owned()).collect();
        declared.sort();
        assert_eq!(held, declared, "{}", index.name);
    }
    let ttl = client.describe_time_to_live().table_name("kontor").send().await.unwrap();
    assert_eq!(ttl.time_to_live_description().and_then(|ttl| ttl.attribute_name()), Some(TTL));
}

/// A DynamoDB that gives these answers, one for each request, the last one again and again. Answers how often it was
/// asked.
async fn scripted(
    answers: Vec<(u16, &'static str)>,
) -> (Store, std::sync::Arc<std::sync::atomic::AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&asked);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_request(&mut stream).await;
            let n = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let (status, body) = answers.get(n).or(answers.last()).unwrap();
            let head = format!(
                "HTTP/1.1 {status} X\r\ncontent-type: application/x-amz-json-1.0\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            stream.write_all((head + body).as_bytes()).await.unwrap();
        }
    });
    (Store::new(client(&endpoint), table()), asked)
}

async fn read_request(stream: &mut tokio::net::TcpStream) {
    let (mut seen, mut chunk) = (Vec::new(), [0; 65_536]);
    loop {
        let n = stream.read(&mut chunk).await.unwrap();
        seen.extend_from_slice(chunk.get(..n).unwrap());
        let text = String::from_utf8_lossy(&seen).to_ascii_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if body.len() >= length.trim().parse().unwrap() {
            return;
        }
    }
}

const BUSY: (u16, &str) = (
    400,
    r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","Message":"x","CancellationReasons":[{"Code":"TransactionConflict","Message":"x"},{"Code":"None"}]}"#,
);
const CONFLICT: (u16, &str) = (
    400,
    r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","Message":"x","CancellationReasons":[{"Code":"ConditionalCheckFailed","Message":"x"},{"Code":"TransactionConflict","Message":"x"}]}"#,
);
const THROTTLED: (u16, &str) = (
    400,
    r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"slow down"}"#,
);
const TOO_LARGE: (u16, &str) = (
    400,
    r#"{"__type":"com.amazon.coral.validate#ValidationException","message":"Item size has exceeded the maximum allowed size"}"#,
);
const DONE: (u16, &str) = (200, "{}");

async fn stored_by(answers: Vec<(u16, &'static str)>) -> (Result<(), StoreError>, usize) {
    let (store, asked) = scripted(answers).await;
    let order = order("laden/1");
    let outcome = store.store(&order, &entry(&order)).await;
    (outcome, asked.load(std::sync::atomic::Ordering::SeqCst))
}

#[tokio::test]
async fn a_transaction_in_the_way_is_waited_for_a_few_times() {
    let (outcome, asked) = stored_by(vec![BUSY, BUSY, DONE]).await;
    assert!(outcome.is_ok() && asked == 3, "{outcome:?} after {asked}");
    let (outcome, asked) = stored_by(vec![BUSY]).await;
    assert!(
        matches!(outcome, Err(StoreError::Unavailable { .. })) && asked == 4,
        "{outcome:?} after {asked}"
    );
}

#[tokio::test]
async fn answers_are_told_apart() {
    let (outcome, asked) = stored_by(vec![CONFLICT]).await;
    assert!(matches!(outcome, Err(StoreError::Conflict { .. })) && asked == 1, "{outcome:?}");
    for answer in [THROTTLED, (500, "{}"), (503, "")] {
        let (outcome, _) = stored_by(vec![answer]).await;
        assert!(matches!(outcome, Err(StoreError::Unavailable { .. })), "{outcome:?}");
    }
    let (outcome, _) = stored_by(vec![TOO_LARGE]).await;
    assert!(matches!(outcome, Err(StoreError::Refused { .. })), "{outcome:?}");
    let dead = Store::new(client("http://127.0.0.1:9"), table());
    let outcome = dead.load(&key("laden/1")).await;
    assert!(matches!(outcome, Err(StoreError::Unavailable { .. })), "{outcome:?}");
}

#[tokio::test]
async fn a_claim_that_is_throttled_says_so() {
    let (store, _) = scripted(vec![THROTTLED]).await;
    let (id, now) = (CommandId::new(&key("laden/1"), &step("invoice")), time(BEGINNING));
    let outcome = store.claim(&id, &Owner("a".to_owned()), now, now).await;
    assert!(matches!(outcome, Err(StoreError::Unavailable { .. })), "{outcome:?}");
}
