//! What must hold for every record in every format.

use std::borrow::Cow;

use highwater_engine::format::{self, Format};

/// A record is a log or none, without a panic; what its fields borrow lies within it; further fields may be asked for.
/// The first line of the input is the name to ask for, the rest the record.
pub fn check(input: &str, fixed: Option<Format>) {
    let (name, record) = input.split_once('\n').unwrap_or(("message", input));
    let read = format::parse(record, fixed);
    if let Ok(fields) = &read {
        for text in [&fields.service, &fields.message, &fields.host, &fields.trace_id, &fields.span_id] {
            if let Some(Cow::Borrowed(text)) = text {
                let within = record.as_bytes().as_ptr_range();
                assert!(
                    text.is_empty()
                        || (within.start <= text.as_ptr() && text.as_bytes().as_ptr_range().end <= within.end)
                );
            }
        }
        assert_ne!(fields.latency_micros, Some(u64::MAX));
    }
    let format = read.map_or(fixed.unwrap_or_default(), |fields| fields.format);
    format.field(record, name);
}
