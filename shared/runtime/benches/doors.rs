//! What taking a delivery costs in CPU time: proving and enqueueing it, beside the HMAC of the same bytes and beside the
//! bare call of the queue: `cargo bench -p kontor-runtime --bench doors`
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench")]
#![expect(clippy::float_arithmetic, clippy::cast_precision_loss, reason = "measurements, not money")]

use std::future::Future;
use std::hint::black_box;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::future::join_all;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderMap;
use kontor_aws::{QueueUrls, Queues};
use kontor_connectors::config::ShopKind;
use kontor_connectors::{Config, Gate, SecretBook, SecretRef};
use kontor_embedded::Engine;
use kontor_flow::ports::{Outgoing, Sender, StoreError};
use kontor_flow::{Address, Envelope, Message, Payload, Queue};
use kontor_runtime::clock;
use kontor_runtime::webhook::{Reply, receive};
use secrecy::SecretString;
use sha2::Sha256;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const SECRET: &str = "a-secret-of-the-bench";
const SIZES: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// Callers at the same time, where the queue is a real one.
const CALLERS: usize = 32;
/// Each figure is the best of so many.
const ROUNDS: usize = 3;

const YAML: &str = "shops:
  - { id: kaffee, kind: woocommerce, url: \"https://shop.example\", flow: standard, webhook_secrets: [env:S], api: { key: env:S, secret: env:S }, payments: { bacs: prepayment } }
erp: { url: \"https://tenant.weclapp.com\", token: env:S, gross_channel: GROSS1, articles: { shipping: S, fee: F, discount: D, rounding: R } }
";

/// A queue that takes everything at once, and keeps nothing.
struct Nowhere;

#[async_trait]
impl Sender for Nowhere {
    async fn send(&self, _to: Address, messages: Vec<Outgoing>) -> Result<(), StoreError> {
        black_box(messages);
        Ok(())
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    if std::env::args().any(|arg| arg == "stub") {
        runtime.block_on(stub());
    } else {
        runtime.block_on(table());
    }
}

async fn table() {
    let mut child =
        Command::new(std::env::current_exe().unwrap()).arg("stub").stdout(Stdio::piped()).spawn().unwrap();
    let mut url = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let embedded: Arc<dyn Sender> = Arc::new(Engine::open(dir.path(), Arc::new(clock::now)).unwrap());
    let sqs: Arc<dyn Sender> = Arc::new(queues(url.trim()));
    println!("CPU time, µs for each delivery of this process (the stand-in of SQS is another)\n");
    println!(
        "| body | HMAC alone | prove and wrap | ratio | embedded: bare send | with proof | ratio | SQS: bare send | with proof | ratio |"
    );
    println!("|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    // As a test it goes once through.
    let measured = std::env::args().any(|arg| arg == "--bench");
    for size in SIZES.into_iter().take(if measured { SIZES.len() } else { 1 }) {
        let delivery = Delivery::of(size);
        let count = (20_000_000 / size).clamp(20, 4_000);
        let hmac = delivery.hmac(count);
        let proof = delivery.proof(count).await;
        let mut line = format!("| {} KB | {hmac:.1} | {proof:.1} | {:.2} |", size / 1_000, proof / hmac);
        for queue in [&embedded, &sqs] {
            let (bare, whole) = delivery.queue(queue, (count / 4).clamp(CALLERS, 1_000)).await;
            line.push_str(&format!(" {bare:.0} | {whole:.0} | {:.2} |", whole / bare));
        }
        println!("{line}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// A delivery to take again and again.
struct Delivery {
    gate: Arc<Gate>,
    headers: HeaderMap,
    body: Bytes,
}

impl Delivery {
    /// Of `size` bytes: an order with as many lines as that takes.
    fn of(size: usize) -> Self {
        let mut body = String::from("{\"id\":1,\"line_items\":[");
        let mut line = 0_u64;
        while body.len() + 120 < size {
            body.push_str(&format!(
                "{{\"id\":{line},\"sku\":\"ESP-{}\",\"total\":\"{}.90\"}},",
                line * 7_919 % 9_973,
                line % 97
            ));
            line += 1;
        }
        body.push_str("{}]}");
        body.push_str(&" ".repeat(size - body.len()));
        let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap().chain_update(&body).finalize();
        let mut headers = HeaderMap::new();
        headers.insert("x-wc-webhook-signature", STANDARD.encode(mac.into_bytes()).parse().unwrap());
        headers.insert("x-wc-webhook-topic", "order.created".parse().unwrap());
        let config = Config::parse("kontor.yaml", YAML).unwrap();
        let mut secrets = SecretBook::default();
        secrets.insert(SecretRef::Env("S".to_owned()), SecretString::from(SECRET));
        let gate = Arc::new(Gate::build(&config, ShopKind::Woocommerce, &secrets).unwrap());
        Self { gate, headers, body: body.into() }
    }

    async fn take(&self, sender: &dyn Sender) {
        let (headers, body) = (self.headers.clone(), self.body.clone());
        let reply = receive(&self.gate, sender, "kaffee", headers, body, clock::now()).await;
        assert_eq!(reply, Reply::Accepted);
    }

    fn hmac(&self, count: usize) -> f64 {
        let one = || {
            Hmac::<Sha256>::new_from_slice(SECRET.as_bytes())
                .unwrap()
                .chain_update(black_box(&self.body))
                .finalize()
        };
        let round = |_| {
            let before = cpu();
            for _ in 0..count {
                black_box(one());
            }
            each(before, count)
        };
        (0..ROUNDS).map(round).fold(f64::MAX, f64::min)
    }

    async fn proof(&self, count: usize) -> f64 {
        let mut best = f64::MAX;
        for _ in 0..ROUNDS {
            let before = cpu();
            for _ in 0..count {
                self.take(&Nowhere).await;
            }
            best = best.min(each(before, count));
        }
        best
    }

    /// The bare call of the queue with the same message, and with everything before it.
    async fn queue(&self, sender: &Arc<dyn Sender>, count: usize) -> (f64, f64) {
        let envelope = Envelope {
            shop: "kaffee".parse().unwrap(),
            topic: "order.created".to_owned(),
            received_at: clock::now(),
            headers: std::collections::BTreeMap::new(),
            body: Payload::pack(&self.body),
        };
        let message = Message::Delivery(envelope).encode().unwrap();
        let (mut bare, mut whole) = (f64::MAX, f64::MAX);
        for _ in 0..ROUNDS {
            let send = || async {
                sender
                    .send(Address::Live(Queue::Events), vec![Outgoing::now(message.clone())])
                    .await
                    .unwrap();
            };
            bare = bare.min(together(count, send).await);
            whole = whole.min(together(count, || self.take(sender.as_ref())).await);
        }
        (bare, whole)
    }
}

/// CPU time of one of `count` calls, [`CALLERS`] at a time.
async fn together<F: Future<Output = ()>>(count: usize, call: impl Fn() -> F) -> f64 {
    let before = cpu();
    for _ in 0..count / CALLERS {
        join_all((0..CALLERS).map(|_| call())).await;
    }
    // The writer and the threads of the runtime finish.
    tokio::time::sleep(Duration::from_millis(20)).await;
    each(before, count / CALLERS * CALLERS)
}

fn each(before: Duration, count: usize) -> f64 {
    (cpu() - before).as_secs_f64() * 1e6 / count as f64
}

/// CPU time of all threads of this process.
fn cpu() -> Duration {
    let nanos = std::fs::read_dir("/proc/self/task").unwrap().flatten().filter_map(|task| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}

fn queues(url: &str) -> Queues {
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("bench", "bench", None, None, "bench"))
        .endpoint_url(url)
        .build();
    let urls: QueueUrls = [(Address::Live(Queue::Events), format!("{url}/1/events"))].into_iter().collect();
    Queues::new(aws_sdk_sqs::Client::from_conf(config), urls)
}

/// A stand-in of SQS that takes every message.
async fn stub() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("http://{}", listener.local_addr().unwrap());
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(serve(stream));
    }
}

async fn serve(mut stream: TcpStream) {
    stream.set_nodelay(true).unwrap();
    let answer =
        "{\"Successful\":[{\"Id\":\"0\",\"MessageId\":\"m\",\"MD5OfMessageBody\":\"\"}],\"Failed\":[]}";
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: {}\r\n\r\n{answer}",
        answer.len()
    );
    let (mut seen, mut page) = (Vec::new(), vec![0; 64 * 1024]);
    while let Ok(bytes @ 1..) = stream.read(&mut page).await {
        seen.extend_from_slice(page.get(..bytes).unwrap());
        let Some(head) = seen.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(seen.get(..head).unwrap()).to_ascii_lowercase();
        let length =
            text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        if seen.len() >= head + 4 + length.unwrap_or(0) {
            seen.clear();
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    }
}
