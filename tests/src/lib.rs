//! What reads bytes from outside, as functions of bytes: fuzzed at length by hand, and for a bound time in the tests.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a target that meets what must not happen is to fail"
)]

pub mod seeds;
pub mod targets;
