//! Numbers as answers spell them.

use highwater_operators::Levels;
use serde_json::{Map, Value as Json};

/// Four decimals: enough for a rate, and 10 % reads as 10.
pub(crate) fn tidy(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

pub(super) fn by_level(levels: &Levels) -> Json {
    Json::Object(levels.iter().map(|(level, count)| (level.as_str().to_owned(), count.into())).collect::<Map<_, _>>())
}

pub(super) fn millis(micros: Option<u64>) -> Option<f64> {
    micros.map(|micros| micros as f64 / 1000.0)
}
