//! A mail server, and what its answers mean. lettre composes and speaks, but its pool is not used: a conversation that is
//! given up in the middle (by the limit of a worker) goes back into it, and the next mail takes the late answer for its own.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kontor_flow::remedy::{BoxError, Effect};
use kontor_flow::{CallError, System};
use kontor_runtime::clock::Stopwatch;
use lettre::Message;
use lettre::address::Envelope;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Tls, TlsParameters};
use lettre::transport::smtp::commands;
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::{Error, SMTP_PORT, SUBMISSION_PORT, SUBMISSIONS_PORT};
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::{CALL, problem, unavailable};

#[cfg(test)]
mod tests;

/// Conversations at the same time. Servers allow one sender ten or so.
const PLACES: usize = 8;

/// For how long a connection that nobody needs is used again: servers end it after minutes, and routers forget it.
const KEPT: Duration = Duration::from_secs(30);

/// For a connection, as with all other systems.
const CONNECTING: Duration = Duration::from_secs(5);

/// How long is waited. Both together are as long as the connectors wait for an answer, so that no worker is held longer by
/// a server that hangs.
#[derive(Clone, Copy)]
struct Patience {
    /// For all that comes before a mail, and for a place among the conversations.
    before: Duration,
    /// For the answer to it.
    after: Duration,
}

const PATIENCE: Patience = Patience { before: Duration::from_secs(20), after: Duration::from_secs(40) };

/// How far a conversation is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It knows nothing of a mail yet.
    Hello,
    /// It knows whom the mail is from.
    Sender,
    /// It knows whom the mail is to.
    Recipient,
    /// It has the mail, or a part of it.
    Mail,
}

/// A mail server.
pub(crate) struct Server {
    host: String,
    port: u16,
    tls: Tls,
    name: ClientId,
    login: Option<Credentials>,
    patience: Patience,
    places: Semaphore,
    /// Connections in which nothing is left open, the last used at the end.
    kept: Mutex<Vec<(AsyncSmtpConnection, Stopwatch)>>,
}

/// Whether the host is this machine.
fn is_here(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl Server {
    /// The one of that URL: `smtps://` speaks TLS from the start, `smtp://` with `?tls=required` (or `opportunistic`) behind
    /// it after the greeting, and none only with `?tls=none` or on this machine. A path is the name we give ourselves.
    pub(crate) fn at(url: &SecretString) -> Result<Self, BoxError> {
        Self::read(url.expose_secret()).map_err(|why| {
            format!(
                "mail.smtp leads to no URL of a mail server, as in smtps://user:password@mail.example: {why}"
            )
            .into()
        })
    }

    fn read(url: &str) -> Result<Self, BoxError> {
        let url = Url::parse(url)?;
        let host = url.host_str().ok_or("it has no host")?.trim_matches(['[', ']']).to_owned();
        let wanted = url.query_pairs().find(|(key, _)| key == "tls").map(|(_, how)| how.into_owned());
        let parameters = || TlsParameters::new(host.clone());
        let (usual_port, tls) = match (url.scheme(), wanted.as_deref()) {
            ("smtps", _) => (SUBMISSIONS_PORT, Tls::Wrapper(parameters()?)),
            ("smtp", Some("none")) => (SMTP_PORT, Tls::None),
            ("smtp", None) if is_here(&host) => (SMTP_PORT, Tls::None),
            ("smtp", None) => {
                return Err("it would send mails and password in the clear; write smtps://, or behind it \
                            ?tls=required (STARTTLS), or ?tls=none within your own network"
                    .into());
            }
            ("smtp", Some("required")) => (SUBMISSION_PORT, Tls::Required(parameters()?)),
            ("smtp", Some("opportunistic")) => (SUBMISSION_PORT, Tls::Opportunistic(parameters()?)),
            ("smtp", Some(_)) => return Err("tls is `required`, `opportunistic` or `none`".into()),
            _ => return Err("it begins with smtp:// or smtps://".into()),
        };
        let login = url.password().map(|password| {
            Ok::<_, BoxError>(Credentials::new(decoded(url.username())?, decoded(password)?))
        });
        let name = url.path().trim_matches('/');
        Ok(Self {
            port: url.port().unwrap_or(usual_port),
            tls,
            name: if name.is_empty() { ClientId::default() } else { ClientId::Domain(name.to_owned()) },
            login: login.transpose()?,
            patience: PATIENCE,
            places: Semaphore::new(PLACES),
            kept: Mutex::default(),
            host,
        })
    }

    /// Has the server take a mail.
    pub(crate) async fn send(&self, message: &Message) -> Result<(), CallError> {
        let ready = async {
            let place = self.places.acquire().await;
            let place = place.map_err(|closed| unavailable(Effect::None, closed.into()))?;
            Ok((place, self.announced(message.envelope()).await?))
        };
        let late = |effect| unavailable(effect, "there was no answer in time".into());
        // The place is free again at the end. A connection is kept only when all is well; else it is closed with its owner.
        let (_place, mut connection) =
            timeout(self.patience.before, ready).await.map_err(|_| late(Effect::None))??;
        let text = transparent(message).map_err(|error| super::unsendable(&error))?;
        // From here on it may arrive, whatever is heard of it.
        let answer = timeout(self.patience.after, connection.command(text)).await;
        answer.map_err(|_| late(Effect::Possible))?.map_err(|error| meaning(&error, Stage::Mail))?;
        self.keep(connection);
        Ok(())
    }

    /// A conversation in which all is said but the mail.
    async fn announced(&self, envelope: &Envelope) -> Result<AsyncSmtpConnection, CallError> {
        let mut connection = self.begun(envelope).await?;
        for to in envelope.to() {
            let answer = connection.command(commands::Rcpt::new(to.clone(), Vec::new())).await;
            answer.map_err(|error| meaning(&error, Stage::Recipient))?;
        }
        let answer = connection.command(commands::Data).await;
        answer.map_err(|error| meaning(&error, Stage::Recipient))?;
        Ok(connection)
    }

    /// A conversation that knows whom the mail is from.
    async fn begun(&self, envelope: &Envelope) -> Result<AsyncSmtpConnection, CallError> {
        // The server may have closed it meanwhile, or want no more mails by it: a new one shows what it really says.
        if let Some(mut kept) = self.kept()
            && begin(&mut kept, envelope).await.is_ok()
        {
            return Ok(kept);
        }
        let mut new = self.connect().await.map_err(|error| meaning(&error, Stage::Hello))?;
        begin(&mut new, envelope).await?;
        Ok(new)
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Error> {
        let at_once = if let Tls::Wrapper(tls) = &self.tls { Some(tls.clone()) } else { None };
        let place = (self.host.as_str(), self.port);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(place, Some(CONNECTING), &self.name, at_once, None).await?;
        match &self.tls {
            Tls::Required(tls) => connection.starttls(tls.clone(), &self.name).await?,
            Tls::Opportunistic(tls) if connection.can_starttls() => {
                connection.starttls(tls.clone(), &self.name).await?;
            }
            Tls::Opportunistic(_) | Tls::Wrapper(_) | Tls::None => {}
        }
        if let Some(login) = &self.login {
            connection.auth(DEFAULT_MECHANISMS, login).await?;
        }
        Ok(connection)
    }

    /// The connection that was used last, if that is not long ago.
    fn kept(&self) -> Option<AsyncSmtpConnection> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(_, since)| since.elapsed() < KEPT);
        kept.pop().map(|(connection, _)| connection)
    }

    /// There are never more than places.
    fn keep(&self, connection: AsyncSmtpConnection) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push((connection, Stopwatch::start()));
    }
}

async fn begin(connection: &mut AsyncSmtpConnection, envelope: &Envelope) -> Result<(), CallError> {
    let mut options = Vec::new();
    if !envelope.to().iter().chain(envelope.from()).all(|address| address.to_string().is_ascii()) {
        if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
            return Err(super::unsendable(&"the server takes no addresses with umlauts".into()));
        }
        options.push(MailParameter::SmtpUtfEight);
        options.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    let answer = connection.command(commands::Mail::new(envelope.from().cloned(), options)).await;
    answer.map(|_| ()).map_err(|error| meaning(&error, Stage::Sender))
}

/// The mail as it travels: dots at the start of lines doubled (RFC 5321, 4.5.2), and one at the end. In one piece: a second
/// small packet would wait for the first to be acknowledged.
fn transparent(message: &Message) -> Result<String, BoxError> {
    let text = String::from_utf8(message.formatted())?;
    let end = if text.ends_with("\r\n") { ".\r\n" } else { "\r\n.\r\n" };
    Ok(text.replace("\r\n.", "\r\n..") + end)
}

/// What has come of it. The server's own words may name the customer.
fn meaning(error: &Error, stage: Stage) -> CallError {
    let (system, call) = (System::Mail, CALL);
    let status = error.status().map_or(0, u16::from);
    let problem = || problem("refused", error.to_string());
    match (status, stage) {
        // Who are you? (RFC 4954, 6; RFC 3207, 4)
        (530 | 534 | 535 | 538, _) => CallError::Denied { system, call, status, problem: problem() },
        // It knows nothing of the customer yet: it will say so to every mail.
        (500.., Stage::Hello | Stage::Sender) => {
            CallError::Denied { system, call, status, problem: problem() }
        }
        (500.., Stage::Recipient | Stage::Mail) => {
            CallError::Refused { system, call, status, problem: problem() }
        }
        // It has no TLS, or no way to log in that we know.
        (_, Stage::Hello) if error.is_client() => {
            CallError::Denied { system, call, status, problem: problem() }
        }
        (400.., _) => unavailable(Effect::None, format!("its status is {status}").into()),
        (_, Stage::Hello | Stage::Sender | Stage::Recipient) => unavailable(Effect::None, cause(error)),
        (_, Stage::Mail) => unavailable(Effect::Possible, cause(error)),
    }
}

/// Why there is no answer.
fn cause(error: &Error) -> BoxError {
    // It quotes what it can't read.
    if error.is_response() { "the answer ended early, or is none".into() } else { error.to_string().into() }
}

/// What `%41` stands for in a URL.
fn decoded(text: &str) -> Result<String, BoxError> {
    let (mut bytes, mut rest) = (Vec::new(), text);
    while let Some((before, after)) = rest.split_once('%') {
        let (digits, after) = after.split_at_checked(2).ok_or("a % without two digits")?;
        bytes.extend_from_slice(before.as_bytes());
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| "a % without two digits")?);
        rest = after;
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).map_err(|_| "user and password are no text".into())
}
