#![no_main]

use highwater_engine::format::Format;

mod shared;

libfuzzer_sys::fuzz_target!(|input: &str| shared::check(input, Some(Format::Envelope)));
