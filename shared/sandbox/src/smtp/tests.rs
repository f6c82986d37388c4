//! The mail server over TCP, spoken to by hand: it refuses what mail servers refuse.

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use super::*;

struct Client(BufReader<TcpStream>);

impl Client {
    async fn connect(url: &str) -> Self {
        let address = url.strip_prefix("smtp://").unwrap();
        Self(BufReader::new(TcpStream::connect(address).await.unwrap()))
    }

    /// Connects and is greeted.
    async fn greeted(url: &str) -> Self {
        let mut client = Self::connect(url).await;
        assert_eq!(client.hear().await, "220");
        assert_eq!(client.say("EHLO test").await, "250");
        client
    }

    /// Sends lines as they are.
    async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// The code of the next answer; nothing at the end of the connection.
    async fn hear(&mut self) -> String {
        loop {
            let mut line = String::new();
            // A connection that was cut ends as well.
            if self.0.read_line(&mut line).await.is_err() || line.is_empty() {
                return String::new();
            }
            if line.as_bytes()[3] != b'-' {
                return line[..3].to_owned();
            }
        }
    }

    async fn say(&mut self, command: &str) -> String {
        self.send(&format!("{command}\r\n")).await;
        self.hear().await
    }

    /// Says what comes before a mail.
    async fn announce(&mut self) {
        assert_eq!(self.say("MAIL FROM:<shop@example.org>").await, "250");
        assert_eq!(self.say("RCPT TO:<erika@example.org>").await, "250");
        assert_eq!(self.say("DATA").await, "354");
    }

    async fn mail(&mut self, text: &str) -> String {
        self.announce().await;
        self.send(text).await;
        self.hear().await
    }
}

async fn start() -> Sandbox {
    Sandbox::start("127.0.0.1:0", State::default()).await.unwrap()
}

#[tokio::test]
async fn mails_are_kept_as_they_were_written_and_copies_are_told() {
    let server = start().await;
    let mut client = Client::greeted(&server.url).await;
    let first = "Message-ID: <1@shop>\r\nSubject: a\r\n b\r\n\r\n..one dot\r\n...\r\n.\r\n";
    assert_eq!(client.mail(first).await, "250");
    assert_eq!(client.mail(first).await, "250");
    assert_eq!(client.say("NOOP").await, "250");
    assert_eq!(client.mail("Message-ID: <2@shop>\r\n\r\nx\r\n.\r\n").await, "250");
    assert_eq!(client.say("QUIT").await, "221");
    assert_eq!(client.hear().await, "", "the connection is closed");

    let mails = server.state().mails();
    assert_eq!((mails.len(), server.state().count(), server.state().connections()), (3, 3, 1));
    assert_eq!(
        (mails[0].from.as_str(), mails[0].to.as_slice()),
        ("shop@example.org", &["erika@example.org".to_owned()][..])
    );
    assert_eq!((mails[0].message_id(), mails[0].header("subject")), ("<1@shop>", Some("a b")));
    assert_eq!(mails[0].body, ".one dot\r\n..\r\n");
    assert_eq!(server.state().doubled(), BTreeMap::from([("<1@shop>".to_owned(), 2)]));
}

#[tokio::test]
async fn what_mail_servers_refuse_is_refused() {
    let server = start().await;
    let mut client = Client::connect(&server.url).await;
    assert_eq!(client.hear().await, "220");
    assert_eq!(client.say("MAIL FROM:<a@b>").await, "530", "before EHLO");
    assert_eq!(client.say("EHLO test").await, "250");
    assert_eq!(client.say("RCPT TO:<a@b>").await, "503", "before MAIL");
    assert_eq!(client.say("DATA").await, "503", "before RCPT");
    assert_eq!(client.say("MAIL FROM:nobody").await, "501");
    assert_eq!(client.say("MAIL FROM:<a@b> SMTPUTF8").await, "501", "this was not offered");
    assert_eq!(client.say("VRFY erika").await, "502");
    assert_eq!(client.say("MAIL FROM:<a@b>").await, "250");
    assert_eq!(client.say("RSET").await, "250");
    assert_eq!(client.say("RCPT TO:<a@b>").await, "503", "after RSET");
    assert_eq!(client.mail("no header\r\n\r\nx\r\n.\r\n").await, "554");
    assert_eq!(client.mail("A: b\r\n\r\nKöln\r\n.\r\n").await, "554", "8 bits");
    let long = format!("{}\r\n", "x".repeat(998));
    assert_eq!(client.mail(&format!("A: b\r\n\r\n{}.\r\n", long.repeat(1_100))).await, "552");
    assert_eq!(client.mail(&format!("A: b\r\n\r\n{long}.\r\n")).await, "250");
    for (what, text) in [("bare LF", "A: b\n"), ("a line of 999 bytes", &*"x".repeat(1_000))] {
        let mut client = Client::greeted(&server.url).await;
        assert_eq!(client.mail(text).await, "500", "{what}");
        assert_eq!(client.hear().await, "", "{what}");
    }
    assert_eq!(server.state().mails().len(), 1);
}

#[tokio::test]
async fn it_does_as_it_is_told() {
    let server = start().await;
    let told = |switches| server.state().switch(switches);
    told(Switches { closed: true, ..Switches::default() });
    let mut turned_away = Client::connect(&server.url).await;
    assert_eq!((turned_away.hear().await, turned_away.hear().await), ("421".to_owned(), String::new()));

    let unknown = BTreeSet::from(["gone@example.org".to_owned()]);
    told(Switches { unknown, not_now: 1, taken_without_answer: 1, ..Switches::default() });
    let mut client = Client::greeted(&server.url).await;
    assert_eq!(client.say("MAIL FROM:<a@b>").await, "250");
    assert_eq!(client.say("RCPT TO:<gone@example.org>").await, "550");
    assert_eq!(client.say("RCPT TO:<erika@example.org>").await, "451");
    assert_eq!(client.say("RSET").await, "250");
    assert_eq!(client.mail("Message-ID: <1>\r\n\r\nx\r\n.\r\n").await, "", "closed without an answer");
    assert_eq!(server.state().count(), 1, "and taken");
    let mut client = Client::greeted(&server.url).await;
    assert_eq!(client.mail("Message-ID: <1>\r\n\r\nx\r\n.\r\n").await, "250", "only once");

    told(Switches { thinks: Duration::from_secs(3_600), ..Switches::default() });
    client.announce().await;
    client.send("Message-ID: <2>\r\n\r\nx\r\n.\r\n").await;
    let answer = tokio::time::timeout(Duration::from_millis(200), client.hear()).await;
    assert!(answer.is_err() && server.state().count() == 3, "taken, and not answered yet");
}

#[tokio::test]
async fn who_has_no_password_is_not_let_in() {
    let server = Sandbox::start("127.0.0.1:0", State::with_login("shop", "öffne dich")).await.unwrap();
    let mut client = Client::greeted(&server.url).await;
    assert_eq!(client.say("MAIL FROM:<a@b>").await, "530");
    assert_eq!(client.say("AUTH PLAIN AHNob3AAd3Jvbmc=").await, "535");
    assert_eq!(client.say(&format!("AUTH PLAIN {}", STANDARD.encode("\0shop\0öffne dich"))).await, "235");
    assert_eq!(client.say("MAIL FROM:<a@b>").await, "250");
}

#[tokio::test]
async fn it_can_end_and_begin_again_where_it_was() {
    let server = start().await;
    let (url, state) = (server.url.clone(), server.state().clone());
    let mut client = Client::greeted(&url).await;
    server.stop().await.unwrap();
    assert_eq!(client.hear().await, "", "connections are cut");
    let server = Sandbox::start(url.strip_prefix("smtp://").unwrap(), state).await.unwrap();
    let mut client = Client::greeted(&url).await;
    assert_eq!(client.say("NOOP").await, "250");
    assert_eq!((server.url, server.state.connections()), (url, 2));
}
