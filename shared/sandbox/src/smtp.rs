//! A mail server that keeps what it takes: what of SMTP (RFC 5321) a sender uses, in plain text, and what can go wrong.

mod session;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use self::session::talk;

/// Mails that are kept whole; of those after them only the ids.
const MOST_KEPT: usize = 10_000;

/// What goes wrong. What is not set, does not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Switches {
    /// Every connection is closed with a 421 for its greeting.
    pub closed: bool,
    /// These recipients are refused for good, with 550.
    pub unknown: BTreeSet<String>,
    /// So many recipients are refused for now, with 451.
    pub not_now: u32,
    /// So many mails are taken, and the connection is closed instead of the answer.
    pub taken_without_answer: u32,
    /// Every answer takes so long.
    pub latency: Duration,
    /// The answer to a whole mail takes so much longer.
    pub thinks: Duration,
}

/// Names and values.
type Headers = Vec<(String, String)>;

/// A mail as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Who sent it, by the envelope.
    pub from: String,
    /// To whom, by the envelope.
    pub to: Vec<String>,
    /// Its headers, each with its name as it came; those that were folded are unfolded.
    pub headers: Vec<(String, String)>,
    /// Its body, still encoded.
    pub body: String,
}

impl Taken {
    /// A header's value, if it is there once.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        values.next().filter(|_| values.next().is_none()).map(|(_, value)| value.as_str())
    }

    /// Its `Message-ID`; empty if it has none.
    #[must_use]
    pub fn message_id(&self) -> &str {
        self.header("Message-ID").unwrap_or_default()
    }
}

/// What the server has taken, and what it is told to do.
#[derive(Clone, Default)]
pub struct State {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    login: Option<String>,
    switches: Switches,
    mails: Vec<Taken>,
    times: BTreeMap<String, u32>,
    connections: u64,
}

impl State {
    /// A server that takes mails only from that user.
    #[must_use]
    pub fn with_login(user: &str, password: &str) -> Self {
        let login = Some(STANDARD.encode(format!("\0{user}\0{password}")));
        Self { inner: Arc::new(Mutex::new(Inner { login, ..Inner::default() })) }
    }

    /// Sets the switches.
    pub fn switch(&self, switches: Switches) {
        self.lock().switches = switches;
    }

    /// The mails taken so far, in this order: no more than the first ten thousand.
    #[must_use]
    pub fn mails(&self) -> Vec<Taken> {
        self.lock().mails.clone()
    }

    /// How many mails were taken, copies and all.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.lock().times.values().copied().map(u64::from).sum()
    }

    /// The `Message-ID`s that came more than once, with how often they came.
    #[must_use]
    pub fn doubled(&self) -> BTreeMap<String, u32> {
        let inner = self.lock();
        let twice = inner.times.iter().filter(|(_, times)| **times > 1);
        twice.map(|(id, times)| (id.clone(), *times)).collect()
    }

    /// How many connections were made.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.lock().connections
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why a recipient is refused, if so; servers like to name it.
    fn refuses(&self, to: &str) -> Option<String> {
        let mut inner = self.lock();
        if inner.switches.unknown.contains(to) {
            return Some(format!("550 5.1.1 <{to}>: no such mailbox here"));
        }
        if inner.switches.not_now == 0 {
            return None;
        }
        inner.switches.not_now -= 1;
        Some(format!("451 4.3.0 <{to}>: try again later"))
    }

    /// Keeps a mail; answers whether its sender hears of it.
    fn keep(&self, mail: Taken) -> bool {
        let mut inner = self.lock();
        let times = inner.times.entry(mail.message_id().to_owned()).or_default();
        *times = times.saturating_add(1);
        if inner.mails.len() < MOST_KEPT {
            inner.mails.push(mail);
        }
        let silent = inner.switches.taken_without_answer > 0;
        inner.switches.taken_without_answer = inner.switches.taken_without_answer.saturating_sub(1);
        !silent
    }
}

/// A stand-in that runs. Dropped, it ends, and its connections with it.
pub struct Sandbox {
    /// Its address, as in `smtp://127.0.0.1:4711`: what `mail.smtp` leads to.
    pub url: String,
    state: State,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Sandbox {
    /// Starts on `address`, `127.0.0.1:0` for any free port.
    ///
    /// # Errors
    /// If it can't listen there.
    pub async fn start(address: &str, state: State) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let url = format!("smtp://{}", listener.local_addr()?);
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(serve(listener, state.clone(), stopped));
        Ok(Self { url, state, stop, task })
    }

    /// The state, to set switches and read mails.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Cuts all connections and ends.
    ///
    /// # Errors
    /// If it failed before.
    pub async fn stop(self) -> io::Result<()> {
        self.stop.send_replace(true);
        self.task.await.map_err(io::Error::other)
    }
}

async fn serve(listener: TcpListener, state: State, mut stopped: watch::Receiver<bool>) {
    // Dropped at the end, and all that is in it with it.
    let mut sessions = JoinSet::new();
    loop {
        tokio::select! {
            // An error means that the handle was dropped: that is an end too.
            _ = stopped.wait_for(|stop| *stop) => return,
            Some(_) = sessions.join_next() => {}
            taken = listener.accept() => if let Ok((stream, _)) = taken {
                sessions.spawn(talk(stream, state.clone()));
            }
        }
    }
}
