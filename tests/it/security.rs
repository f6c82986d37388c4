//! What gets out: no secret, no person, and not whether there is a shop.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use kontor_embedded::Engine;
use kontor_sandbox::traffic::{Parcel, WOO_PREPAID, sign};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::house::{House, SECRET, Stands, program};

const HOOK: &str = "geheimWebhook7f3a";
const TOKEN: &str = "geheimToken91c2";
const PATH: &str = "geheimPfad4711";

/// Who ordered. No other order has any of it.
const PERSON: [(&str, &str); 6] = [
    ("first_name", "Zacharias"),
    ("last_name", "Quendelbrot"),
    ("company", "Quendelwerke"),
    ("address_1", "Markergasse 17"),
    ("city", "Hinterquendel"),
    ("phone", "0190-4711-0815"),
];
const MAILBOX: &str = "zacharias@quendelbrot.example";

/// An order of the person.
fn parcel(number: u64) -> Parcel {
    let mut parcel = WOO_PREPAID.parcel("kaffee", number, MAILBOX).unwrap();
    let mut order: Value = serde_json::from_str(&parcel.body).unwrap();
    for address in ["billing", "shipping"] {
        for (field, value) in PERSON {
            order[address][field] = json!(value);
        }
    }
    parcel.body = order.to_string();
    parcel
}

/// Says everything back that it is told: token, names, addresses. Questions find nothing; each creation fails in another way.
async fn echo(State(created): State<Arc<AtomicUsize>>, request: Request) -> Response {
    if request.method() == Method::GET {
        return axum::Json(json!({ "result": [] })).into_response();
    }
    let token = request.headers().get("authenticationtoken").unwrap().to_str().unwrap().to_owned();
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
    let said = format!("{token} {}", String::from_utf8_lossy(&body));
    assert!(said.contains("Quendelbrot") && said.contains(TOKEN), "the ERP is told of the person");
    match created.fetch_add(1, Ordering::SeqCst) % 3 {
        0 => {
            let problem = json!({
                "type": "/webapp/view/api/errors.html/validation", "title": format!("refused: {said}"), "status": 400,
                "detail": said, "validationErrors": [{ "title": format!("bad: {said}"), "location": said }]
            });
            (StatusCode::BAD_REQUEST, axum::Json(problem)).into_response()
        }
        1 => (StatusCode::CONFLICT, format!("<h1>{said}</h1>")).into_response(),
        _ => {
            let elsewhere = format!("https://elsewhere.example/{TOKEN}");
            (StatusCode::TEMPORARY_REDIRECT, [("location", elsewhere)], said).into_response()
        }
    }
}

/// `kontor up` with the marked secrets, writing everything it can write to the file `said`.
fn up(dir: &Path, erp: &str) -> (Child, String) {
    let yaml = format!(
        "shops: [{{ id: kaffee, kind: woocommerce, url: \"{erp}\", flow: standard, webhook_secrets: [env:HOOK], \
         api: {{ key: env:TOKEN, secret: env:TOKEN }}, payments: {{ ppcp-gateway: prepaid }} }}]\n\
         erp: {{ url: \"{erp}\", token: env:TOKEN, webhook_secrets: [env:PATHWORD], gross_channel: GROSS1, \
         settle_seconds: 1, articles: {{ shipping: SHIPPING, fee: FEE, discount: DISCOUNT, rounding: ROUNDING }} }}\n\
         mail: {{ from: \"Kontor <k@kontor.test>\", language: de, signature: Kontor }}\n"
    );
    std::fs::write(dir.join("kontor.yaml"), yaml).unwrap();
    std::fs::create_dir(dir.join("flows")).unwrap();
    let flow = format!("{}/../infra/flows/standard.yaml", env!("CARGO_MANIFEST_DIR"));
    std::fs::copy(flow, dir.join("flows/standard.yaml")).unwrap();
    let mut process = Command::new(program())
        .args(["--json", "up", "--listen", "127.0.0.1:0"])
        .current_dir(dir)
        .env("HOOK", HOOK)
        .env("TOKEN", TOKEN)
        .env("PATHWORD", PATH)
        .env("KONTOR_LOG", "trace")
        .stdout(Stdio::piped())
        .stderr(std::fs::File::create(dir.join("said")).unwrap())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("kontor did not start: {line}"));
    (process, ready["ready"].as_str().unwrap().to_owned())
}

fn kontor(dir: &Path, args: &[&str]) -> String {
    let output = Command::new(program()).args(args).current_dir(dir).output().unwrap();
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

/// Waits until so many failures are kept.
async fn failed(dir: &Path, count: usize) -> Vec<Value> {
    for _ in 0..300 {
        let told = kontor(dir, &["--json", "failures", "list", "--state", "all"]);
        let failures: Vec<Value> = serde_json::from_str(&told).unwrap_or_default();
        if failures.len() >= count {
            return failures;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{count} failures did not come: {}", kontor(dir, &["failures", "list", "--state", "all"]));
}

#[track_caller]
fn tells_nothing(what: &str, text: &str) {
    let small = text.to_lowercase();
    let person = PERSON.iter().map(|(_, value)| *value).chain([MAILBOX]);
    for word in person.chain([HOOK, TOKEN, PATH]) {
        if let Some(at) = small.find(&word.to_lowercase()) {
            let from = (0..=at.saturating_sub(200)).rev().find(|at| small.is_char_boundary(*at)).unwrap();
            panic!("{what} tells {word}: …{}", &small[from..at + word.len()]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_and_no_person_gets_out() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let erp = format!("http://{}", listener.local_addr().unwrap());
    let routes = Router::new().fallback(echo).with_state(Arc::new(AtomicUsize::new(0)));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let dir = tempfile::tempdir().unwrap();
    let (mut process, url) = up(dir.path(), &erp);
    let client = reqwest::Client::new();
    for number in 1..=3 {
        assert_eq!(parcel(number).send(&client, &url, HOOK).await.unwrap(), 200);
    }
    assert_eq!(parcel(4).send(&client, &url, "not the secret").await.unwrap(), 401);
    // A name where a number belongs: the reader must not quote it.
    let mut odd = parcel(5);
    odd.body = odd.body.replacen("\"total\":\"", &format!("\"total\":\"{MAILBOX} Quendelbrot "), 20);
    assert_eq!(odd.send(&client, &url, HOOK).await.unwrap(), 200);
    for path in [PATH, "geheimPfad4712"] {
        let hint = json!({ "entityId": "17", "entityName": "shipment", "type": "UPDATE", "x": MAILBOX });
        client.post(format!("{url}/webhooks/weclapp/{path}")).json(&hint).send().await.unwrap();
    }

    let failures = failed(dir.path(), 3).await;
    for failure in &failures {
        tells_nothing("the cause of a failure", failure["cause"].as_str().unwrap());
        tells_nothing("the history of a failure", &failure["history"].to_string());
    }
    for args in
        [&["failures", "list", "--state", "all"][..], &["orders", "list"], &["orders", "show", "kaffee/1"]]
    {
        tells_nothing(&format!("kontor {args:?}"), &kontor(dir.path(), args));
    }
    let health = client.get(format!("{url}/health")).send().await.unwrap().text().await.unwrap();
    tells_nothing("the health", &health);
    let line = std::fs::read(format!("/proc/{}/cmdline", process.id())).unwrap_or_default();
    tells_nothing("the list of processes", &String::from_utf8_lossy(&line));

    process.kill().unwrap();
    process.wait().unwrap();
    let said = std::fs::read_to_string(dir.path().join("said")).unwrap();
    for sentence in ["an admin is called", "delivery is refused", "parked as a failure", "hint is refused"] {
        assert!(said.contains(sentence), "{sentence:?} is not in the log: {said}");
    }
    tells_nothing("the log", &said);
    let engine = Engine::open(&dir.path().join("data"), kontor_testkit::wall_clock()).unwrap();
    let notices = engine.notices(100).await.unwrap();
    assert!(notices.len() >= 3, "admins were called: {notices:?}");
    for notice in notices {
        tells_nothing("a call to an admin", &format!("{} {}", notice.subject, notice.text));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_data_of_one_machine_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let (mut process, _) = up(dir.path(), "http://127.0.0.1:1");
    let mode = std::fs::metadata(dir.path().join("data")).unwrap().permissions().mode();
    process.kill().unwrap();
    process.wait().unwrap();
    assert_eq!(mode & 0o077, 0, "others may look into the data: {mode:o}");
}

/// The whole answer to a request, but for the time of day.
async fn answer(house: &House, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(house.url.trim_start_matches("http://")).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await;
    read.expect("an answer, and then an end").unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let kept = |line: &&str| !line.to_lowercase().starts_with("date:");
    answer.split("\r\n").filter(kept).collect::<Vec<_>>().join("\n")
}

fn request(path: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("POST /webhooks/{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
        .into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_tells_whether_there_is_a_shop() {
    let stands = Stands::start().await;
    let house = House::start(&stands);
    let body = WOO_PREPAID.parcel("kaffee", 17, "x@example.test").unwrap().body;
    let (good, wrong) = (sign(SECRET, body.as_bytes()).unwrap(), sign("wrong", body.as_bytes()).unwrap());
    let topic = "x-wc-webhook-topic: order.created\r\nx-shopify-topic: orders/create\r\n";
    let signed = |signature: &str| {
        format!("{topic}x-wc-webhook-signature: {signature}\r\nx-shopify-hmac-sha256: {signature}\r\n")
    };
    let shops = [
        "woocommerce/kaffee",
        "woocommerce/nobody",
        "woocommerce/%ff",
        "woocommerce/schnee",
        "shopify/kaffee",
    ];
    let mut answers = Vec::new();
    for shop in shops {
        let mut signatures = vec![wrong.as_str(), "", "?", "YWJj", &wrong[..20]];
        if shop != "woocommerce/kaffee" {
            // Right for another shop.
            signatures.push(&good);
        }
        for signature in signatures {
            answers.push((shop, answer(&house, &request(shop, &signed(signature), &body)).await));
        }
        answers.push((shop, answer(&house, &request(shop, topic, &body)).await));
    }
    answers.push(("hint", answer(&house, &request("weclapp/wrong", "", "{}")).await));
    let (_, first) = &answers[0];
    assert!(first.starts_with("HTTP/1.1 401 "), "{first}");
    for (shop, answer) in &answers {
        assert_eq!(answer, first, "{shop}");
    }
    let mut pings = Vec::new();
    for shop in ["woocommerce/kaffee", "woocommerce/nobody"] {
        pings.push(answer(&house, &request(shop, "", "webhook_id=17")).await);
    }
    assert_eq!(pings[0], pings[1]);
    assert!(house.ask(&["orders", "list"]).as_array().unwrap().is_empty());
    let taken = answer(&house, &request("woocommerce/kaffee", &signed(&good), &body)).await;
    assert!(taken.starts_with("HTTP/1.1 200 "), "the right one is taken: {taken}");

    // Refused by what it says of itself, before a byte of it is there.
    for path in ["woocommerce/kaffee", "weclapp/x"] {
        let long = format!(
            "POST /webhooks/{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 99999999\r\n\r\n"
        );
        let refused = answer(&house, long.as_bytes()).await;
        assert!(refused.starts_with("HTTP/1.1 413 "), "{refused}");
    }
}
