//! What may go wrong with the store.

use std::{io, path::PathBuf};

use highwater_engine::SourceError;

/// Why the store cannot do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The settings contradict one another or the index underneath.
    #[error("log store: {0}")]
    Settings(String),
    /// Another process has the folder.
    #[error("log store {}: another process is using it; each needs a folder of its own", path.display())]
    InUse {
        /// The store's folder.
        path: PathBuf,
    },
    /// The folder was written by another version.
    #[error(
        "log store {}: written in format {found}, and this version reads format {expected}; run the version that wrote \
         it, or move the folder away to begin a new one (logs are read again from where their sources still have them)",
        path.display()
    )]
    Format {
        /// The slice's folder.
        path: PathBuf,
        /// What it says.
        found: u32,
        /// What it should say.
        expected: u32,
    },
    /// The folder is not what was written to it.
    #[error("log store {}: damaged: {what}; move this folder away to go on without its logs", path.display())]
    Damaged {
        /// The slice's folder.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// Files cannot be read or written.
    #[error("log store {}: {cause}", path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// The index underneath failed, most often for the disk's sake.
    #[error("log store: {0}")]
    Index(#[from] tantivy::TantivyError),
    /// A source could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The search took longer than it may.
    #[error("the search took longer than {0:?}; narrow it, by time first of all")]
    TooSlow(std::time::Duration),
    /// More was asked for at once than is given at once.
    #[error("{asked} logs at once are too many; ask for up to {most}, and for more by the cursor")]
    TooMany {
        /// What was asked for.
        asked: usize,
        /// What is given.
        most: usize,
    },
}

impl StoreError {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> StoreError {
        let path = path.into();
        move |cause| StoreError::Io { path, cause }
    }
}
