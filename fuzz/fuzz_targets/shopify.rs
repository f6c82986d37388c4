//! See `kontor_tests::targets::shopify`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kontor_tests::targets::shopify(data));
