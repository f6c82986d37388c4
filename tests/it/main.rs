//! Everything that takes more than one crate: stories through the whole process, the house's order, the template.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::wildcard_enum_match_arm,
    clippy::indexing_slicing,
    reason = "a test that meets something else than it expects is to fail"
)]

mod apps;
mod bundle;
mod chaos;
mod cli;
mod faults;
mod hostile;
mod house;
mod later;
mod mail;
mod prepaid;
mod privacy;
mod recorded;
mod security;
mod stories;
mod template;
mod tidy;

use std::path::{Path, PathBuf};

/// The folder with specifications and recorded traffic of the outside systems, if it is there.
fn contracts() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/contracts");
    #[expect(clippy::disallowed_methods, reason = "tests find the contracts by the environment")]
    let named = std::env::var("KONTOR_CONTRACTS").ok().map(PathBuf::from);
    let found = named.unwrap_or(beside);
    if found.is_dir() {
        return Some(found);
    }
    eprintln!("no contracts in {}: what depends on them is left out", found.display());
    None
}
