//! Why records that somebody hands in are not taken.

/// Why records were not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IngestError {
    /// Too much is under way. None of the records was taken; try again later.
    #[error("too many records are under way")]
    Busy,
    /// Not all of the records were taken; some may have been.
    #[error("{0}")]
    Failed(String),
}
