//! Mails to customers.

use async_trait::async_trait;
use kontor_domain::Email;

use crate::CallError;

/// A mail to a customer. Personal data: `Debug` shows none of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// Its `Message-ID` without angle brackets, the same for every attempt at the same command.
    pub message_id: String,
    /// From whom, as in `Shop <shop@example.com>`.
    pub from: String,
    /// To whom.
    pub to: Email,
    /// The subject.
    pub subject: String,
    /// The text.
    pub text: String,
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mail({})", self.message_id)
    }
}

/// Sends mails.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Hands the mail over to the mail service.
    async fn send(&self, mail: &Mail) -> Result<(), CallError>;
}
