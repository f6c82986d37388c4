//! Deliveries that mean harm: proven, taken, read, planned. A secret that leaked must not stop the house.

use std::fmt::Write as _;

use base64::Engine as _;
use http::HeaderMap;
use kontor_connectors::config::ShopKind;
use kontor_flow::engine::Verdict;
use kontor_flow::message::LONGEST_BODY;
use kontor_flow::{Envelope, FailureClass, Message, Payload};
use kontor_runtime::clock;
use kontor_sandbox::traffic::sign;

use crate::recorded::{Desk, WOO_SECRET, desk, header};

/// What is to become of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// The shop gets this status; nothing is stored.
    Refused(u16),
    /// It is kept as a failure, with its body.
    Kept,
    /// It is read; what is not read of it does no harm.
    Read,
}

/// A whole order of WooCommerce that is as good as any.
const ORDER: &str = include_str!("../../fixtures/woocommerce/cod.json");

/// The order with `from` replaced. The fixtures are written with a blank behind the colon.
fn with(from: &str, to: &str) -> Vec<u8> {
    let compact = serde_json::from_str::<serde_json::Value>(ORDER).unwrap().to_string();
    assert!(compact.contains(from), "{from} is not in the order");
    compact.replacen(from, to, 1).into_bytes()
}

/// The order with one more field at its beginning.
fn and(field: &str) -> Vec<u8> {
    with("{", &format!("{{{field},"))
}

/// The value of a field in the order, as it is written.
fn field(name: &str) -> String {
    let order: serde_json::Value = serde_json::from_str(ORDER).unwrap();
    format!("\"{name}\":{}", order[name])
}

/// The order, filled up with blanks.
fn padded(length: usize) -> Vec<u8> {
    let mut body = and(r#""padding":0"#);
    body.resize(length, b' ');
    body
}

/// Text that can't be compressed by more than a quarter: every character tells six bits, as in base64.
fn noise(length: usize) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut letter = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(LETTERS[usize::try_from(state >> 58).unwrap()])
    };
    (0..length).map(|_| letter()).collect()
}

fn lines(count: usize) -> Vec<u8> {
    let mut all = String::from("\"line_items\":[");
    for id in 0..count {
        let comma = if id == 0 { "" } else { "," };
        let zero = r#""subtotal":"0","subtotal_tax":"0","total":"0","total_tax":"0""#;
        write!(all, r#"{comma}{{"id":{id},"name":"","quantity":1,{zero}}}"#).unwrap();
    }
    with(&field("line_items"), &format!("{all}]"))
}

fn deep(open: &str, close: &str) -> String {
    format!("{}{}", open.repeat(100_000), close.repeat(100_000))
}

fn nesting() -> Vec<(&'static str, Vec<u8>, Fate)> {
    vec![
        ("nothing but brackets", "[".repeat(100_000).into_bytes(), Fate::Kept),
        ("nothing but objects", "{\"a\":".repeat(100_000).into_bytes(), Fate::Kept),
        ("a deep field nobody reads", and(&format!("\"x\":{}", deep("[", "]"))), Fate::Read),
        (
            "a deep field that is read",
            with(&field("billing"), &format!("\"billing\":{}", deep("[", "]"))),
            Fate::Kept,
        ),
        (
            "a deep field that may be lost",
            with(&field("refunds"), &format!("\"refunds\":{}", deep("[", "]"))),
            Fate::Kept,
        ),
        (
            "a deep field of a plugin",
            with(
                &field("meta_data"),
                &format!(
                    r#""meta_data":[{{"key":"_vat_number","value":{}}}]"#,
                    deep("{\"a\":", "}").replacen("{\"a\":}", "{}", 1)
                ),
            ),
            Fate::Read,
        ),
    ]
}

fn sizes() -> Vec<(&'static str, Vec<u8>, Fate)> {
    let mebi = 1024 * 1024;
    let note = |text: &str| with(&field("customer_note"), &format!("\"customer_note\":\"{text}\""));
    vec![
        ("nothing", Vec::new(), Fate::Refused(401)),
        ("1 MiB", padded(mebi), Fate::Read),
        ("1 MiB and a byte", padded(mebi + 1), Fate::Read),
        ("5 MiB", padded(LONGEST_BODY), Fate::Read),
        ("5 MiB and a byte", padded(LONGEST_BODY + 1), Fate::Refused(413)),
        ("6 MiB", padded(6 * mebi), Fate::Refused(413)),
        ("10 MB", padded(10_000_000), Fate::Refused(413)),
        ("more noise than a queue takes", note(&noise(4 * mebi)), Fate::Refused(413)),
        ("200,000 lines", lines(200_000), Fate::Refused(413)),
        ("50,000 lines", lines(50_000), Fate::Kept),
        ("a note of 4 MB", note(&"a".repeat(4_000_000)), Fate::Kept),
        ("a name of 10 MB", note(&"a".repeat(10_000_000)), Fate::Refused(413)),
    ]
}

fn texts() -> Vec<(&'static str, Vec<u8>, Fate)> {
    let note = |text: &[u8]| {
        let whole = with(&field("customer_note"), "\"customer_note\":\"\u{1}\"");
        let at = whole.iter().position(|byte| *byte == 1).unwrap();
        [&whole[..at], text, &whole[at + 1..]].concat()
    };
    vec![
        ("nothing but NUL", vec![0; 1_000], Fate::Kept),
        ("NUL as it is", note(b"a\0b"), Fate::Kept),
        ("NUL, escaped", note(br"a\u0000b"), Fate::Read),
        ("bytes that are no text", note(b"\xFF\xFE"), Fate::Kept),
        ("half a character", note(b"\xF0\x9F"), Fate::Kept),
        ("half a pair", note(br"\ud83d"), Fate::Kept),
        ("a pair the wrong way round", note(br"\udc00\ud83d"), Fate::Kept),
        ("a mark of byte order", [b"\xEF\xBB\xBF".to_vec(), and("\"x\":1")].concat(), Fate::Kept),
        (
            "compressed, which no shop does",
            [b"\x1F\x8B\x08\0\0\0\0\0".to_vec(), noise(200).into_bytes()].concat(),
            Fate::Kept,
        ),
        ("two orders", [and("\"x\":1"), and("\"x\":2")].concat(), Fate::Kept),
        ("half an order", and("\"x\":1")[..500].to_vec(), Fate::Kept),
    ]
}

/// The same key twice means two things, and readers differ in which they take. What is signed to mean two things is read by
/// nobody, unless it is something nobody reads anyway.
fn twice() -> Vec<(&'static str, Vec<u8>, Fate)> {
    vec![
        ("two ids", and("\"id\":4711"), Fate::Kept),
        ("two totals", and("\"total\":\"0.01\""), Fate::Kept),
        ("two states", and("\"status\":\"cancelled\""), Fate::Kept),
        (
            "two e-mail addresses",
            with("\"email\":", "\"email\":\"other@example.org\",\"email\":"),
            Fate::Kept,
        ),
        ("two deletions", br#"{"id":1,"id":2}"#.to_vec(), Fate::Kept),
        ("two of what nobody reads", and("\"x\":1,\"x\":2"), Fate::Read),
    ]
}

fn numbers() -> Vec<(&'static str, Vec<u8>, Fate)> {
    let total = |text: &str| with(&field("total"), &format!("\"total\":{text}"));
    let id = |text: &str| with(&field("id"), &format!("\"id\":{text}"));
    let quantity = |text: &str| with("\"quantity\":", &format!("\"quantity\":{text},\"was\":"));
    let (many, threes) = ("9".repeat(10_000), format!("0.{}", "3".repeat(10_000)));
    let mut all = Vec::new();
    for text in [
        "1e999",
        "\"1e999\"",
        "-1e999",
        "1e-999",
        "-0",
        "\"-0\"",
        "NaN",
        "\"NaN\"",
        "\"Infinity\"",
        "1e28",
        "\"79228162514264337593543950335\"",
        &many,
        &threes,
        "true",
        "[]",
        "\"0x10\"",
        "\"1,5\"",
    ] {
        all.push(("a total", total(text), Fate::Kept));
    }
    for text in ["1e3", "-1", "1.0", "18446744073709551616", &many, "\"17\"", "null"] {
        all.push(("an id", id(text), Fate::Kept));
    }
    for text in ["1e999", "-1", "0.0000001", "1e27", "\"79228162514264337593543950335\"", &many, "null", "{}"]
    {
        all.push(("a quantity", quantity(text), Fate::Kept));
    }
    all
}

fn times() -> Vec<(&'static str, Vec<u8>, Fate)> {
    let mut all = Vec::new();
    for text in [
        "9999-12-31T23:59:59",
        "0000-00-00T00:00:00",
        "-009999-01-01T00:00:00",
        "2026-02-30T00:00:00",
        "2026-01-01T25:00:00",
        "",
        "now",
        "1e9",
    ] {
        for name in ["date_created_gmt", "date_modified_gmt"] {
            all.push((text, with(&field(name), &format!("\"{name}\":\"{text}\"")), Fate::Kept));
        }
    }
    all
}

async fn fate(desk: &Desk, body: Vec<u8>) -> Fate {
    let mut headers = HeaderMap::new();
    header(&mut headers, "x-wc-webhook-topic", "order.updated");
    header(&mut headers, "x-wc-webhook-signature", &sign(WOO_SECRET, &body).unwrap());
    header(&mut headers, "content-encoding", "gzip");
    let (status, verdicts) = desk.take(ShopKind::Woocommerce, "woo", headers, body).await;
    match (status, verdicts.as_slice()) {
        (200, [Verdict::Done]) => Fate::Read,
        (200, [Verdict::Park(parked)]) => {
            assert_eq!(parked.class, FailureClass::Unreadable, "{}", parked.cause);
            // A cause is read by people, and goes into an attribute.
            assert!(parked.cause.len() < 2_000, "a cause of {} bytes", parked.cause.len());
            Fate::Kept
        }
        (status, []) => Fate::Refused(status),
        other => panic!("{other:?}"),
    }
}

async fn meets(cases: Vec<(&'static str, Vec<u8>, Fate)>) {
    let dir = tempfile::tempdir().unwrap();
    let desk = desk(dir.path()).await;
    for (what, body, expected) in cases {
        let start: String = String::from_utf8_lossy(&body).chars().take(80).collect();
        assert_eq!(fate(&desk, body).await, expected, "{what}: {start}");
    }
}

/// All of it, one after the other.
pub(super) async fn all() {
    for cases in [nesting, sizes, texts, twice, numbers, times] {
        meets(cases()).await;
    }
    bombs_in_messages().await;
}

/// What a queue holds may unpack to no more than a delivery may have.
async fn bombs_in_messages() {
    let dir = tempfile::tempdir().unwrap();
    let desk = desk(dir.path()).await;
    let zeros = std::io::Read::take(std::io::repeat(b' '), 1 << 30);
    let bomb = zstd::encode_all(zeros, 3).unwrap();
    assert!(bomb.len() < 200_000);
    let body = Payload::Zstd(base64::engine::general_purpose::STANDARD.encode(bomb));
    let shop = "woo".parse().unwrap();
    let envelope = Envelope {
        shop,
        topic: "order.updated".to_owned(),
        received_at: clock::now(),
        headers: [].into(),
        body,
    };
    let text = Message::Delivery(envelope).encode().unwrap();
    let message = Message::decode(&text).unwrap();
    let Verdict::Park(parked) = desk.desk.handle(&message, 1, clock::now()).await else {
        panic!("a bomb was read")
    };
    assert_eq!(parked.class, FailureClass::Unreadable);
}

#[tokio::test]
async fn json_may_be_nested_as_deep_as_it_likes() {
    meets(nesting()).await;
}

#[tokio::test]
async fn what_is_too_large_is_refused_or_kept() {
    meets(sizes()).await;
}

#[tokio::test]
async fn texts_that_are_none_are_kept() {
    meets(texts()).await;
}

#[tokio::test]
async fn what_means_two_things_is_read_by_nobody() {
    meets(twice()).await;
}

#[tokio::test]
async fn numbers_that_are_none_are_kept() {
    meets(numbers()).await;
}

#[tokio::test]
async fn times_that_are_none_are_kept() {
    meets(times()).await;
}

#[tokio::test]
async fn a_message_that_unpacks_without_end_is_kept() {
    bombs_in_messages().await;
}
