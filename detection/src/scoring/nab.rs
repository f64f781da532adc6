//! The score of streaming detectors by the rules of the Numenta Anomaly Benchmark.
