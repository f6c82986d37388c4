//! What goes wrong in SQLite, in the words of the ports. No text of a stored value gets into an error.

use std::sync::{Mutex, MutexGuard, PoisonError};

use kontor_flow::ports::StoreError;
use kontor_flow::remedy::BoxError;
use rusqlite::ErrorCode;

/// The store's name in errors.
pub(crate) const STORE: &str = "embedded store";

/// Maps an error of SQLite.
pub(crate) fn sqlite(call: &'static str) -> impl Fn(rusqlite::Error) -> StoreError + Copy {
    move |error| match error.sqlite_error_code() {
        Some(ErrorCode::TooBig) => StoreError::Refused { what: call.to_owned(), source: error.into() },
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            StoreError::Corrupt { what: call.to_owned(), source: error.into() }
        }
        _ => StoreError::Unavailable { store: STORE, call, source: error.into() },
    }
}

/// The engine can't be reached, for this reason.
pub(crate) fn unavailable(call: &'static str, why: impl Into<BoxError>) -> StoreError {
    StoreError::Unavailable { store: STORE, call, source: why.into() }
}

/// A stored value that can't be read.
pub(crate) fn corrupt(what: impl Into<String>, error: &serde_json::Error) -> StoreError {
    StoreError::Corrupt { what: what.into(), source: place(error).into() }
}

/// A value that can't be written.
pub(crate) fn refused(what: impl Into<String>, why: impl Into<BoxError>) -> StoreError {
    StoreError::Refused { what: what.into(), source: why.into() }
}

/// Kind and place of a JSON error: its own text may quote the value, and values are personal data.
pub(crate) fn place(error: &serde_json::Error) -> String {
    format!("{:?} error in line {} column {}", error.classify(), error.line(), error.column())
}

/// Locks, also after a panic elsewhere: every holder leaves the value whole at every step.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
