//! See `kontor_tests::targets::config`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kontor_tests::targets::config(data));
