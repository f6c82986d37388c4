//! Mails of one machine: through an SMTP server, or into the folder `outbox` where they can be read.

mod smtp;

use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use kontor_flow::ports::{Mail, Mailer};
use kontor_flow::remedy::{BoxError, Effect};
use kontor_flow::{CallError, Problem, System};
use lettre::Message;
use lettre::message::header::{ContentType, MIME_VERSION_1_0};
use secrecy::SecretString;

use self::smtp::Server;

const CALL: &str = "sending a mail";

/// How mails leave this machine.
pub(crate) enum Post {
    /// By SMTP.
    Smtp(Box<Server>),
    /// Into a folder.
    Folder(PathBuf),
}

impl Post {
    /// Through the server of that URL.
    pub(crate) fn smtp(url: &SecretString) -> Result<Self, BoxError> {
        Ok(Self::Smtp(Box::new(Server::at(url)?)))
    }

    /// Into the folder `dir`, made if missing.
    pub(crate) fn folder(dir: &Path) -> Result<Self, BoxError> {
        std::fs::create_dir_all(dir)?;
        Ok(Self::Folder(dir.to_owned()))
    }
}

#[async_trait]
impl Mailer for Post {
    /// After [`Effect::Possible`] the mail is sent again like after any other outage, for no server can be asked whether it
    /// took it: it may come twice, with the same `Message-ID`, rather than never.
    async fn send(&self, mail: &Mail) -> Result<(), CallError> {
        let message = compose(mail).map_err(|error| unsendable(&error))?;
        match self {
            Self::Smtp(server) => server.send(&message).await,
            Self::Folder(folder) => {
                let (folder, name, text) = (folder.clone(), file_name(&mail.message_id), message.formatted());
                let lost = |error: BoxError| unavailable(Effect::Possible, error);
                let put = tokio::task::spawn_blocking(move || put(&folder, &name, &text)).await;
                put.map_err(|error| lost(error.into()))?.map_err(|error| lost(error.into()))
            }
        }
    }
}

fn compose(mail: &Mail) -> Result<Message, BoxError> {
    Ok(Message::builder()
        .message_id(Some(format!("<{}>", mail.message_id)))
        .from(mail.from.parse()?)
        .to(mail.to.as_str().parse()?)
        .subject(&mail.subject)
        // Without it nobody has to mind what stands in the next two headers (RFC 2045, 4).
        .header(MIME_VERSION_1_0)
        .header(ContentType::TEXT_PLAIN)
        .body(mail.text.clone())?)
}

/// No mail can be made of it: an address that mail servers don't know as one.
fn unsendable(error: &BoxError) -> CallError {
    CallError::Refused {
        system: System::Mail,
        call: CALL,
        status: 0,
        problem: problem("incomplete", error.to_string()),
    }
}

/// What the server or the address said may name the customer: it goes into the detail, which is never logged.
fn problem(kind: &str, detail: String) -> Problem {
    let title = "the mail was not taken".to_owned();
    Problem { kind: kind.to_owned(), title, location: None, detail: Some(detail) }
}

fn unavailable(effect: Effect, source: BoxError) -> CallError {
    CallError::Unavailable { system: System::Mail, call: CALL, effect, after: None, source }
}

/// What a mail's file is called: the same for every attempt to send it.
fn file_name(message_id: &str) -> String {
    let known = |c: char| if c.is_ascii_alphanumeric() || "@.-_".contains(c) { c } else { '_' };
    message_id.chars().map(known).collect()
}

/// Puts a mail into the folder, whole or not at all, and once however often it is sent: whoever takes mails out of the
/// folder must find neither halves (the disk was full, the process was killed) nor copies.
fn put(folder: &Path, name: &str, text: &[u8]) -> io::Result<()> {
    let unfinished = folder.join(format!("{name}.unfinished"));
    if let Err(error) = std::fs::write(&unfinished, text) {
        // Nothing of it is to take up room; it is written over with the next attempt anyway.
        match std::fs::remove_file(&unfinished) {
            Ok(()) => {}
            Err(gone) if gone.kind() == io::ErrorKind::NotFound => {}
            Err(stays) => return Err(stays),
        }
        return Err(error);
    }
    std::fs::rename(&unfinished, folder.join(format!("{name}.eml")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_is_in_the_folder_whole_and_once() {
        let dir = tempfile::tempdir().unwrap();
        let name = file_name("kaffee.1.confirmation@../host");
        assert_eq!(name, "kaffee.1.confirmation@.._host");
        for _ in 0..3 {
            put(dir.path(), &name, b"the whole text").unwrap();
        }
        let there: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().path()).collect();
        assert_eq!(there.len(), 1);
        assert_eq!(std::fs::read(&there[0]).unwrap(), b"the whole text");
    }

    #[test]
    fn what_cannot_be_written_whole_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        // A folder in the file's place: it cannot be put there.
        std::fs::create_dir(dir.path().join("kaffee.1.eml")).unwrap();
        assert!(put(dir.path(), "kaffee.1", b"text").is_err());
        let eml = |path: &PathBuf| path.extension().is_some_and(|end| end == "eml") && path.is_file();
        let there = std::fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().path());
        assert_eq!(there.filter(eml).count(), 0);
    }
}
