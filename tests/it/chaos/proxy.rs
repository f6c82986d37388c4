//! A line between Kontor and an outside system, with the bad manners of real ones.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::dice::Dice;

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// It goes through.
    Through,
    /// It is taken, and nothing ever comes back: the line is open at one end only.
    Silent,
    /// It is carried out, and the answer never comes.
    Swallowed,
    /// It is carried out, and the line ends in the middle of the answer.
    Cut,
    /// The line is reset, and nothing was carried out.
    Reset,
    /// It is carried out, and the line is reset instead of the answer.
    ResetAfter,
    /// It is carried out, and the answer comes byte by byte, too slowly to ever be whole.
    Trickle,
    /// Something answers that does not speak HTTP.
    Noise,
    /// Something answers with a page for people, and with 200.
    Page,
    /// It is carried out, and the answer has no end.
    Endless,
}

impl Manner {
    /// All bad ones.
    pub(super) const BAD: [Self; 9] = [
        Self::Silent,
        Self::Swallowed,
        Self::Cut,
        Self::Reset,
        Self::ResetAfter,
        Self::Trickle,
        Self::Noise,
        Self::Page,
        Self::Endless,
    ];
}

/// How requests are treated: so many of a hundred badly, each in one of these manners.
#[derive(Debug, Clone)]
pub(super) struct Mood {
    pub(super) percent: u64,
    pub(super) manners: Vec<Manner>,
}

impl Mood {
    /// Everything goes through.
    pub(super) fn good() -> Self {
        Self { percent: 0, manners: Vec::new() }
    }
}

/// The line. Dropped, it ends.
pub(super) struct Proxy {
    pub(super) url: String,
    line: Arc<Line>,
    task: AbortHandle,
}

struct Line {
    target: SocketAddr,
    mood: Mutex<(Mood, Dice)>,
    /// Counts the times that all connections were ended.
    ended: watch::Sender<u64>,
    /// Requests that were treated badly.
    bad: AtomicU64,
    /// Lines that are open.
    open: AtomicU64,
}

impl Proxy {
    /// A line to `target`, the address of a stand-in.
    pub(super) async fn start(target: &str, dice: &mut Dice) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let line = Arc::new(Line {
            target: target.strip_prefix("http://").unwrap().parse().unwrap(),
            mood: Mutex::new((Mood::good(), dice.split())),
            ended: watch::Sender::new(0),
            bad: AtomicU64::new(0),
            open: AtomicU64::new(0),
        });
        let task = tokio::spawn(accept(listener, Arc::clone(&line))).abort_handle();
        Self { url, line, task }
    }

    /// From now on requests are treated like this.
    pub(super) fn behave(&self, mood: Mood) {
        self.line.mood.lock().unwrap().0 = mood;
    }

    /// Ends every connection, as a firewall does with those that have been idle for long.
    pub(super) fn hang_up(&self) {
        self.line.ended.send_modify(|count| *count += 1);
    }

    /// Requests that were treated badly.
    pub(super) fn bad(&self) -> u64 {
        self.line.bad.load(Ordering::Relaxed)
    }

    /// Connections that are open.
    pub(super) fn open(&self) -> u64 {
        self.line.open.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
        self.hang_up();
    }
}

async fn accept(listener: TcpListener, line: Arc<Line>) {
    while let Ok((client, _)) = listener.accept().await {
        let (line, mut ended) = (Arc::clone(&line), line.ended.subscribe());
        tokio::spawn(async move {
            line.open.fetch_add(1, Ordering::Relaxed);
            tokio::select! {
                // Whether one end or the other broke the line is all the same here.
                _broken = line.carry(client) => {}
                _ = ended.changed() => {}
            }
            line.open.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

impl Line {
    fn manner(&self) -> Manner {
        let mut guard = self.mood.lock().unwrap();
        let (mood, dice) = &mut *guard;
        if !dice.percent(mood.percent) {
            return Manner::Through;
        }
        self.bad.fetch_add(1, Ordering::Relaxed);
        let at = usize::try_from(dice.below(mood.manners.len().try_into().unwrap())).unwrap();
        mood.manners[at]
    }

    /// Carries one connection: requests there, answers back, until a request is treated badly.
    async fn carry(&self, mut client: TcpStream) -> std::io::Result<()> {
        let mut server = TcpStream::connect(self.target).await?;
        let (mut request, mut answer) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
        let mut answering = true;
        loop {
            tokio::select! {
                read = client.read(&mut request) => {
                    let bytes = request.get(..read?).unwrap();
                    if bytes.is_empty() {
                        return Ok(());
                    }
                    // What follows an answer is the next request.
                    let manner = if std::mem::take(&mut answering) { self.manner() } else { Manner::Through };
                    if manner != Manner::Through {
                        return misbehave(manner, bytes, client, server).await;
                    }
                    server.write_all(bytes).await?;
                }
                read = server.read(&mut answer) => {
                    let bytes = answer.get(..read?).unwrap();
                    if bytes.is_empty() {
                        return Ok(());
                    }
                    answering = true;
                    client.write_all(bytes).await?;
                }
            }
        }
    }
}

async fn misbehave(
    manner: Manner,
    request: &[u8],
    mut client: TcpStream,
    mut server: TcpStream,
) -> std::io::Result<()> {
    match manner {
        Manner::Through => {}
        Manner::Silent => std::future::pending().await,
        Manner::Swallowed => {
            carried_out(request, &mut client, &mut server).await?;
            std::future::pending().await
        }
        Manner::Cut => {
            let answer = carried_out(request, &mut client, &mut server).await?;
            client.write_all(answer.get(..answer.len() - 5).unwrap()).await?;
        }
        Manner::Reset => client.set_zero_linger()?,
        Manner::ResetAfter => {
            carried_out(request, &mut client, &mut server).await?;
            client.set_zero_linger()?;
        }
        Manner::Trickle => {
            for byte in carried_out(request, &mut client, &mut server).await? {
                client.write_all(&[byte]).await?;
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
        Manner::Noise => {
            client.write_all(b"\x15\x03\x01\x00\x02\x02\x46 220 mail.example.test ESMTP\r\n").await?
        }
        Manner::Page => {
            let page = "<!doctype html><title>Wartung</title><p>Wir sind gleich wieder da.";
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n";
            client
                .write_all(format!("{head}content-length: {}\r\n\r\n{page}", page.len()).as_bytes())
                .await?;
        }
        Manner::Endless => {
            carried_out(request, &mut client, &mut server).await?;
            let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{\"result\":[";
            client.write_all(head).await?;
            loop {
                client.write_all(&[b' '; 64 * 1024]).await?;
            }
        }
    }
    Ok(())
}

/// Has the request carried out, wherever it is cut into pieces, and answers its answer; there is always one of some bytes.
async fn carried_out(
    request: &[u8],
    client: &mut TcpStream,
    server: &mut TcpStream,
) -> std::io::Result<Vec<u8>> {
    server.write_all(request).await?;
    let (mut rest, mut answer) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    loop {
        tokio::select! {
            read = client.read(&mut rest) => match read? {
                0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                read => server.write_all(rest.get(..read).unwrap()).await?,
            },
            read = server.read(&mut answer) => {
                answer.truncate(read?);
                return if answer.len() > 5 { Ok(answer) } else { Err(std::io::ErrorKind::UnexpectedEof.into()) };
            }
        }
    }
}
