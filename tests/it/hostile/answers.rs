//! Answers that unpack without end: what an outside system sends is read up to a bound, packed or not.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::Duration;

use kontor_connectors::http::{Calls, ClientOptions, client};
use kontor_flow::remedy::{Effect, chain};
use kontor_flow::{CallError, System};

/// Gzip of so many MiB of zeros, written by hand: a zero, then "the last byte 258 times" in thirteen bits, again and again
/// (RFC 1951, fixed codes).
fn bomb(mebibytes: usize) -> Vec<u8> {
    let mut packed = vec![0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3];
    let (mut byte, mut bits) = (0_u8, 0_u8);
    let mut put = |packed: &mut Vec<u8>, bit: u8| {
        byte |= bit << bits;
        bits += 1;
        if bits == 8 {
            packed.push(byte);
            (byte, bits) = (0, 0);
        }
    };
    // The last block, with fixed codes; the byte 0 is 00110000.
    [1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0].into_iter().for_each(|bit| put(&mut packed, bit));
    for _ in 0..mebibytes * 1024 * 1024 / 258 {
        [1, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0].into_iter().for_each(|bit| put(&mut packed, bit));
    }
    (0..16).for_each(|_| put(&mut packed, 0));
    packed
}

/// Answers one request with `body`.
fn serve(body: Vec<u8>, encoding: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = [0; 4096];
        let read = stream.read(&mut asked).unwrap();
        assert!(read > 0);
        let length = body.len();
        let head =
            format!("HTTP/1.1 200 OK\r\n{encoding}content-length: {length}\r\nconnection: close\r\n\r\n");
        // Who has read enough hangs up.
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)).ok();
    });
    url
}

async fn ask(url: String) -> Result<usize, CallError> {
    let timeout = Duration::from_secs(60);
    let client = client(ClientOptions { timeout, ..ClientOptions::default() }).unwrap();
    let answer = Calls::default().send(System::Weclapp, "GET /", Effect::None, client.get(url)).await;
    answer.map(|answer| answer.body.len())
}

/// All of it.
pub(super) async fn all() {
    let small = bomb(1);
    assert!(small.len() < 10_000, "it is no bomb: {} bytes", small.len());
    for (body, encoding) in [(bomb(1_000), "content-encoding: gzip\r\n"), (vec![b' '; 16 * 1024 * 1024], "")]
    {
        let answered = ask(serve(body, encoding)).await;
        let said = answered.map_or_else(|error| chain(&error), |length| format!("{length} bytes were read"));
        assert!(said.contains("longer than"), "{said}");
    }
    assert_eq!(ask(serve(vec![b' '; 1024 * 1024], "")).await.unwrap(), 1024 * 1024);
}

#[tokio::test]
async fn an_answer_is_read_up_to_a_bound() {
    all().await;
}
