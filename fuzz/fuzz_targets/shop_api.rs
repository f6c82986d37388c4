//! See `kontor_tests::targets::shop_api`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kontor_tests::targets::shop_api(data));
