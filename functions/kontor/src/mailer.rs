//! Mails of one machine: through an SMTP server, or into the folder `outbox` where they can be read.

use std::path::Path;

use async_trait::async_trait;
use kontor_flow::ports::{Mail, Mailer};
use kontor_flow::remedy::{BoxError, Effect};
use kontor_flow::{CallError, Problem, System};
use lettre::message::header::ContentType;
use lettre::{AsyncFileTransport, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use secrecy::{ExposeSecret as _, SecretString};

/// How mails leave this machine.
pub(crate) enum Post {
    /// By SMTP.
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
    /// Into a folder.
    Folder(AsyncFileTransport<Tokio1Executor>),
}

impl Post {
    /// Through the server of that URL.
    pub(crate) fn smtp(url: &SecretString) -> Result<Self, BoxError> {
        Ok(Self::Smtp(AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose_secret())?.build()))
    }

    /// Into the folder `dir`, made if missing.
    pub(crate) fn folder(dir: &Path) -> Result<Self, BoxError> {
        std::fs::create_dir_all(dir)?;
        Ok(Self::Folder(AsyncFileTransport::new(dir)))
    }
}

#[async_trait]
impl Mailer for Post {
    async fn send(&self, mail: &Mail) -> Result<(), CallError> {
        let message = compose(mail).map_err(refused)?;
        let lost = |source: BoxError| CallError::Unavailable {
            system: System::Mail,
            call: "sending a mail",
            effect: Effect::Possible,
            after: None,
            source,
        };
        match self {
            Self::Smtp(server) => match server.send(message).await {
                Ok(_) => Ok(()),
                Err(error) if error.is_permanent() => Err(refused(error.into())),
                Err(error) => Err(lost(error.into())),
            },
            Self::Folder(folder) => {
                folder.send(message).await.map(|_| ()).map_err(|error| lost(error.into()))
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
        .header(ContentType::TEXT_PLAIN)
        .body(mail.text.clone())?)
}

/// What the server or the address said may name the customer: it goes into the detail, which is never logged.
fn refused(error: BoxError) -> CallError {
    CallError::Refused {
        system: System::Mail,
        call: "sending a mail",
        status: 550,
        problem: Problem {
            kind: "refused".to_owned(),
            title: "the mail was not taken".to_owned(),
            location: None,
            detail: Some(error.to_string()),
        },
    }
}
