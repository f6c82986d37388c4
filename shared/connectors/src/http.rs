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

/// The longest answer that is read, in bytes.
const LONGEST_ANSWER: usize = 32 * 1024 * 1024;

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
    /// [`CallError::Unavailable`] if there was no connection, no answer in time, or a 5xx;
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
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(lost)? {
            if body.len() + chunk.len() > LONGEST_ANSWER {
                let source = format!("the answer is longer than {LONGEST_ANSWER} bytes").into();
                return Err(CallError::Unreadable { system, call, effect, source });
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
        // Shopify tells its errors with status 200.
        if !status.is_success() || system == System::Shopify {
            credentials.mask(&mut body);
        }
        Ok(Answer { status, headers, body: body.into() })
    }
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
    use super::*;

    #[test]
    fn debug_shows_nothing_of_an_answer() {
        let body = Bytes::from_static(b"Erika");
        let answer = Answer { status: StatusCode::OK, headers: HeaderMap::new(), body };
        assert_eq!(format!("{answer:?}"), "Answer(200 OK, 0 headers, 5 bytes)");
    }
}
