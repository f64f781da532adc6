//! Numbers as answers spell them.

/// Four decimals: enough for a rate, and 10 % reads as 10.
pub(crate) fn tidy(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

pub(crate) fn millis(micros: Option<u64>) -> Option<f64> {
    micros.map(|micros| micros as f64 / 1000.0)
}
