#![no_main]

use highwater_engine::format::timestamp;

// What is read and can be written is read back from what was written.
libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Some(at) = timestamp::parse(text) {
        let written = at.to_string();
        if written.starts_with(|c: char| c.is_ascii_digit()) {
            let millis = at.as_micros().div_euclid(1000);
            assert_eq!(timestamp::parse(&written).map(|at| at.as_micros().div_euclid(1000)), Some(millis), "{written}");
        }
    }
});
