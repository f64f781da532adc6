//! The score of incident reports against dated faults.
