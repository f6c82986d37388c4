//! What AWS says, in the words of the ports. Only codes and messages are kept: a raw answer may hold what was stored.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use kontor_flow::ports::StoreError;
use kontor_flow::remedy::{BoxError, chain};

/// Codes that mean: this can never be stored like this.
const NEVER: [&str; 7] = [
    "ValidationException",
    "ItemCollectionSizeLimitExceededException",
    "IdempotentParameterMismatchException",
    "InvalidParameterValue",
    "InvalidParameter",
    "InvalidMessageContents",
    "BatchRequestTooLong",
];

/// What a failed call means, where no condition was to be met.
pub(crate) fn failed<E, R>(
    store: &'static str,
    call: &'static str,
    what: &str,
    error: &SdkError<E, R>,
) -> StoreError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    let code = error.code();
    let said = match (code, error.message()) {
        (Some(code), message) => format!("{code}: {}", message.unwrap_or("no message")),
        (None, _) => chain(error),
    };
    if code.is_some_and(|code| NEVER.contains(&code)) {
        return refused(what, said);
    }
    // Throttled, timed out, broken off, or not let in: a message is to come again, and whether a write was done is
    // unknown.
    StoreError::Unavailable { store, call, source: said.into() }
}

/// `what` can't be stored.
pub(crate) fn refused(what: impl Into<String>, why: impl Into<BoxError>) -> StoreError {
    StoreError::Refused { what: what.into(), source: why.into() }
}

/// `what` can't be read.
pub(crate) fn corrupt(what: impl Into<String>, why: impl Into<BoxError>) -> StoreError {
    StoreError::Corrupt { what: what.into(), source: why.into() }
}

/// Kind and place of a JSON error: its own text may quote the value, and values are personal data.
pub(crate) fn place(error: &serde_json::Error) -> String {
    format!("{:?} error in line {} column {}", error.classify(), error.line(), error.column())
}
