#![no_main]

mod shared;

libfuzzer_sys::fuzz_target!(|input: &str| shared::check(input, None));
