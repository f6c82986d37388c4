//! See `kontor_tests::targets::replay`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kontor_tests::targets::replay(data));
