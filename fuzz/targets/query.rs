#![no_main]

use highwater_engine::Timestamp;
use highwater_logstore::{MAX_TEXT_BYTES, Query};

// Any text is a query or an error within it, and a query that is shown is read back as itself.
libfuzzer_sys::fuzz_target!(|text: &str| {
    let now = Timestamp::from_millis(1_761_229_935_123);
    match Query::parse(text, now) {
        Ok(query) => {
            let shown = query.to_string();
            if shown.len() <= MAX_TEXT_BYTES {
                assert_eq!(Query::parse(&shown, now), Ok(query), "{shown}");
            }
        }
        Err(error) => assert!((1..=text.chars().count() + 1).contains(&error.column), "{error}"),
    }
});
