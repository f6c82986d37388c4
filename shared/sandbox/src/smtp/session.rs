//! A conversation with a sender, line by line.

use std::io;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use super::{Headers, State, Taken};

/// The longest line with its end, in bytes (RFC 5321, 4.5.3.1.6).
const LONGEST_LINE: u64 = 1_000;

/// The longest mail, in bytes.
const LONGEST_MAIL: usize = 1024 * 1024;

/// The most recipients of a mail (RFC 5321, 4.5.3.1.8).
const MOST_RECIPIENTS: usize = 100;

const OK: &str = "250 2.0.0 ok";
const OUT_OF_ORDER: &str = "503 5.5.1 not now";

/// A connection, until one of both ends it. An error is the end of the connection, and nobody's fault.
pub(super) async fn talk(stream: TcpStream, state: State) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let closed = {
        let mut inner = state.lock();
        inner.connections = inner.connections.saturating_add(1);
        inner.switches.closed
    };
    let mut line = Line { stream: BufReader::new(stream), state: state.clone() };
    if closed {
        return line.say("421 4.3.2 closed for now").await;
    }
    line.say("220 sandbox ESMTP").await?;
    let mut session = Session::default();
    while let Some(command) = line.read().await? {
        let command = String::from_utf8_lossy(&command).into_owned();
        if !command.eq_ignore_ascii_case("DATA") {
            let answer = session.answer(&command, &state);
            line.say(&answer).await?;
            if answer.starts_with("221") {
                return Ok(());
            }
            continue;
        }
        let Some((from, to)) = session.ready() else {
            line.say(OUT_OF_ORDER).await?;
            continue;
        };
        line.say("354 go on").await?;
        let Some(text) = line.text().await? else { return Ok(()) };
        let answer = match text.and_then(|text| read(&text)) {
            Err(refusal) => refusal,
            Ok((headers, body)) => {
                if !state.keep(Taken { from, to, headers, body }) {
                    return Ok(());
                }
                let thinks = state.lock().switches.thinks;
                tokio::time::sleep(thinks).await;
                OK
            }
        };
        line.say(answer).await?;
    }
    Ok(())
}

/// What was said so far in a connection.
#[derive(Default)]
struct Session {
    greeted: bool,
    known: bool,
    from: Option<String>,
    to: Vec<String>,
}

impl Session {
    /// The answer to anything but `DATA`.
    fn answer(&mut self, command: &str, state: &State) -> String {
        let (verb, rest) = command.split_once(' ').unwrap_or((command, ""));
        let login = state.lock().login.clone();
        let answer = match verb.to_ascii_uppercase().as_str() {
            "EHLO" if !rest.is_empty() => {
                *self = Self { greeted: true, known: login.is_none(), ..Self::default() };
                return if login.is_some() { "250-sandbox\r\n250 AUTH PLAIN" } else { "250 sandbox" }
                    .to_owned();
            }
            "AUTH" if self.greeted && !self.known => {
                self.known = login.is_some_and(|login| rest == format!("PLAIN {login}"));
                if self.known { "235 2.7.0 welcome" } else { "535 5.7.8 wrong user or password" }
            }
            "MAIL" if !self.known => "530 5.7.0 who are you?",
            "MAIL" if self.from.is_none() => match address(rest, "FROM:") {
                Some(from) => {
                    self.from = Some(from);
                    OK
                }
                None => "501 5.5.4 from whom?",
            },
            "RCPT" if self.from.is_some() => match address(rest, "TO:") {
                None => "501 5.5.4 to whom?",
                Some(_) if self.to.len() >= MOST_RECIPIENTS => "452 4.5.3 too many recipients",
                Some(to) => {
                    if let Some(refusal) = state.refuses(&to) {
                        return refusal;
                    }
                    self.to.push(to);
                    OK
                }
            },
            "RSET" => {
                (self.from, self.to) = (None, Vec::new());
                OK
            }
            "NOOP" => OK,
            "QUIT" => "221 2.0.0 bye",
            "MAIL" | "RCPT" | "EHLO" | "AUTH" => OUT_OF_ORDER,
            _ => "502 5.5.1 what?",
        };
        answer.to_owned()
    }

    /// The envelope, if a mail may follow; the next one begins anew.
    fn ready(&mut self) -> Option<(String, Vec<String>)> {
        if self.to.is_empty() {
            return None;
        }
        Some((self.from.take()?, std::mem::take(&mut self.to)))
    }
}

/// The address in `FROM:<someone@example.org>`; no parameters, for none are offered.
fn address(rest: &str, word: &str) -> Option<String> {
    let (start, rest) = rest.split_at_checked(word.len())?;
    let address = rest.strip_prefix('<')?.strip_suffix('>')?;
    let sound = address.is_ascii() && !address.contains(['<', '>', ' ']) && address.contains('@');
    (start.eq_ignore_ascii_case(word) && sound).then(|| address.to_owned())
}

/// Headers and body of a mail.
fn read(text: &str) -> Result<(Headers, String), &'static str> {
    let (head, body) = text.split_once("\r\n\r\n").ok_or("554 5.6.0 no headers")?;
    let mut headers = Headers::new();
    for line in head.split("\r\n") {
        match (line.starts_with([' ', '\t']), headers.last_mut()) {
            (true, Some((_, value))) => value.push_str(line),
            (true, None) => return Err("554 5.6.0 no header to go on with"),
            (false, _) => {
                let (name, value) = line.split_once(':').ok_or("554 5.6.0 this is no header")?;
                headers.push((name.to_owned(), value.trim().to_owned()));
            }
        }
    }
    Ok((headers, body.to_owned()))
}

/// Both directions of a connection.
struct Line {
    stream: BufReader<TcpStream>,
    state: State,
}

impl Line {
    async fn say(&mut self, answer: &str) -> io::Result<()> {
        let latency = self.state.lock().switches.latency;
        tokio::time::sleep(latency).await;
        self.stream.write_all(format!("{answer}\r\n").as_bytes()).await
    }

    /// The next line without its end. None at the end of the connection, and where a line is too long or does not end in
    /// CRLF: nothing after it could be read for sure.
    async fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        (&mut self.stream).take(LONGEST_LINE).read_until(b'\n', &mut line).await?;
        if line.ends_with(b"\r\n") {
            line.truncate(line.len().saturating_sub(2));
            return Ok(Some(line));
        }
        if !line.is_empty() {
            self.say("500 5.5.2 lines have at most 998 bytes and end in CRLF").await?;
        }
        Ok(None)
    }

    /// A mail's text up to its dot, or why it is refused; none if the connection ended before.
    async fn text(&mut self) -> io::Result<Option<Result<String, &'static str>>> {
        let (mut text, mut too_long) = (Vec::new(), false);
        while let Some(line) = self.read().await? {
            if line == b"." {
                let text = String::from_utf8(text).ok().filter(|text| text.is_ascii());
                return Ok(Some(match text {
                    _ if too_long => Err("552 5.3.4 too long"),
                    Some(text) => Ok(text),
                    None => Err("554 5.6.1 not in 7 bits"),
                }));
            }
            // It was doubled for the way (RFC 5321, 4.5.2).
            let line = line.strip_prefix(b".").unwrap_or(&line);
            too_long |= text.len() + line.len() > LONGEST_MAIL;
            if !too_long {
                text.extend_from_slice(line);
                text.extend_from_slice(b"\r\n");
            }
        }
        Ok(None)
    }
}
