//! The HTTP client all connectors share: one TLS stack, no redirects, time limits, answers of bounded size.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use kontor_flow::remedy::Effect;
use kontor_flow::{CallError, System};
use reqwest::RequestBuilder;

use crate::mask::Credentials;
use crate::reach::Guard;

/// The longest answer that is read, in bytes: a page of a thousand records is well below. Every worker may read one at the
/// same time.
const LONGEST_ANSWER: usize = 8 * 1024 * 1024;

/// Why no client could be made (broken TLS roots).
#[derive(Debug, thiserror::Error)]
#[error("no HTTP client can be made")]
pub struct ClientError(#[source] reqwest::Error);

/// How connections are kept and how long is waited.
#[derive(Debug, Clone, Copy)]
pub struct ClientOptions {
    /// For an answer, from the first byte sent.
    pub timeout: Duration,
    /// For a connection.
    pub connect_timeout: Duration,
    /// Idle connections kept per host. Zero in Lambda: a frozen process comes back to closed connections.
    pub idle_connections: usize,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(5),
            idle_connections: 0,
        }
    }
}

/// Makes a client that calls addresses alone, no names: for stand-ins on this machine.
///
/// # Errors
/// [`ClientError`] if TLS can't be set up.
pub fn client(options: ClientOptions) -> Result<reqwest::Client, ClientError> {
    client_to(options, Guard::closed())
}

/// Makes a client that calls the hosts `guard` knows. The proxies of the environment are not for it: who calls for us would
/// also look names up for us.
///
/// # Errors
/// [`ClientError`] if TLS can't be set up.
pub fn client_to(options: ClientOptions, guard: Guard) -> Result<reqwest::Client, ClientError> {
    reqwest::Client::builder()
        .no_proxy()
        .dns_resolver(guard)
        .redirect(reqwest::redirect::Policy::none())
        .timeout(options.timeout)
        .connect_timeout(options.connect_timeout)
        .pool_max_idle_per_host(options.idle_connections)
        .user_agent(concat!("kontor/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(ClientError)
}

/// An answer, whatever its status. `Debug` shows how long its body is, no more.
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({}, {} headers, {} bytes)", self.status, self.headers.len(), self.body.len())
    }
}

/// Counts the calls of one job.
#[derive(Debug, Default)]
pub struct Calls(AtomicU32);

impl Calls {
    /// How many calls were made.
    #[must_use]
    pub fn made(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    /// Sends a request and reads the whole answer. A status of 5xx is an error here; what 4xx mean, the connector knows.
    ///
    /// `effect` says what may have become of the call once it left; one that never left had none.
    ///
    /// # Errors
    /// [`CallError::Unavailable`] if there was no connection, no answer in time, a 5xx, or an answer that can't be the
    /// system's: far too long, or a success that is no JSON (a page of whatever stands in between);
    /// [`CallError::RateLimited`] for a 429.
    pub async fn send(
        &self,
        system: System,
        call: &'static str,
        effect: Effect,
        request: RequestBuilder,
    ) -> Result<Answer, CallError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        let lost = |source: reqwest::Error| {
            let effect = if source.is_connect() || source.is_builder() { Effect::None } else { effect };
            // The address may hold a secret (a webhook's path), and says nothing new.
            CallError::Unavailable { system, call, effect, after: None, source: source.without_url().into() }
        };
        let (client, request) = request.build_split();
        let request = request.map_err(lost)?;
        let credentials = Credentials::of(request.headers());
        let mut response = client.execute(request).await.map_err(lost)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let foreign =
            |what: String| CallError::Unavailable { system, call, effect, after: None, source: what.into() };
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(lost)? {
            if body.len() + chunk.len() > LONGEST_ANSWER {
                return Err(foreign(format!("the answer is longer than {LONGEST_ANSWER} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        let after = retry_after(&headers);
        if status == StatusCode::TOO_MANY_REQUESTS {
            return Err(CallError::RateLimited { system, call, after });
        }
        if status.is_server_error() {
            let source = format!("status {}", status.as_u16()).into();
            return Err(CallError::Unavailable { system, call, effect, after, source });
        }
        if status.is_success() && !is_json(&body) {
            return Err(foreign(format!(
                "what answered with status {} does not speak JSON",
                status.as_u16()
            )));
        }
        // Shopify tells its errors with status 200.
        if !status.is_success() || system == System::Shopify {
            credentials.mask(&mut body);
        }
        Ok(Answer { status, headers, body: body.into() })
    }
}

/// Whether a body may be JSON, as all answers of the connected systems are; what may be empty is for the connector to say.
fn is_json(body: &[u8]) -> bool {
    matches!(body.trim_ascii_start().first(), None | Some(b'{' | b'['))
}

/// What `Retry-After` says in seconds, at most an hour; its form with a date is not used by the connected systems. Where
/// there is none: as long as weclapp let the request queue before it turned it away (`X-Weclapp-Wait-Ms`).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    let seconds = number("retry-after").map(Duration::from_secs);
    let after = seconds.or_else(|| number("x-weclapp-wait-ms").map(Duration::from_millis))?;
    Some(after.min(Duration::from_secs(3600)))
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    /// What comes of a call that is answered with `head`, and then with `piece` again and again.
    async fn answered(
        head: &'static str,
        piece: &'static [u8],
        pause: Duration,
    ) -> Result<Answer, CallError> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut line, _) = listener.accept().unwrap();
            assert!(line.read(&mut [0; 4096]).unwrap() > 0);
            line.write_all(head.as_bytes()).unwrap();
            // Until the caller has had enough.
            while !piece.is_empty() && line.write_all(piece).is_ok() {
                std::thread::sleep(pause);
            }
        });
        let options = ClientOptions { timeout: Duration::from_millis(700), ..ClientOptions::default() };
        let request = client(options).unwrap().post(url);
        let answer =
            Calls::default().send(System::Weclapp, "POST /salesOrder", Effect::Possible, request).await;
        tokio::task::spawn_blocking(|| server.join().unwrap()).await.unwrap();
        answer
    }

    fn is_unknown(answer: Result<Answer, CallError>) -> bool {
        matches!(answer, Err(CallError::Unavailable { effect: Effect::Possible, .. }))
    }

    #[tokio::test]
    async fn an_answer_that_trickles_or_never_ends_is_given_up() {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{";
        assert!(is_unknown(answered(head, b" ", Duration::from_millis(50)).await));
        assert!(is_unknown(answered(head, &[b' '; 65_536], Duration::ZERO).await));
    }

    #[tokio::test]
    async fn a_page_for_people_is_no_answer_of_the_system() {
        let page = "HTTP/1.1 200 OK\r\ncontent-length: 16\r\nconnection: close\r\n\r\n<h1>Wartung</h1>";
        assert!(is_unknown(answered(page, b"", Duration::ZERO).await));
        assert!(is_unknown(answered("220 mail.example.test ESMTP\r\n", b"", Duration::ZERO).await));
        let good = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: close\r\n\r\n {}";
        assert_eq!(answered(good, b"", Duration::ZERO).await.unwrap().body.as_ref(), b" {}");
    }

    #[test]
    fn debug_shows_nothing_of_an_answer() {
        let body = Bytes::from_static(b"Erika");
        let answer = Answer { status: StatusCode::OK, headers: HeaderMap::new(), body };
        assert_eq!(format!("{answer:?}"), "Answer(200 OK, 0 headers, 5 bytes)");
    }
}
