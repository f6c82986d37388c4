//! What outside systems hand to us: secrets that nobody writes into a configuration.

use std::fmt;

use async_trait::async_trait;

use crate::ports::StoreError;

/// A text that an outside system handed to us, kept under a name. It is a secret: `Debug` shows none of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// Counts the changes, from 1.
    pub revision: u64,
    /// The text.
    pub text: String,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token(revision {}, …)", self.revision)
    }
}

/// Keeps them.
#[async_trait]
pub trait Tokens: Send + Sync {
    /// What is kept under `name`, as written last.
    async fn load(&self, name: &str) -> Result<Option<Token>, StoreError>;
    /// Keeps it under `name`, if the kept revision is `token.revision - 1` (revision 1: if there is none).
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if another was faster.
    async fn store(&self, name: &str, token: &Token) -> Result<(), StoreError>;
}
