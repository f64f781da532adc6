//! Anomalies of many series, grouped into incidents with their likely causes.
