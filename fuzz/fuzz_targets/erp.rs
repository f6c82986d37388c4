//! See `kontor_tests::targets::erp`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kontor_tests::targets::erp(data));
