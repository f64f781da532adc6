//! What a file source was asked to read.

use std::{
    io,
    path::{Path, PathBuf},
};

use highwater_engine::{Name, SourceError};

use super::pipe::Pipes;

/// The pattern that means standard input.
const STDIN: &str = "-";

#[derive(Clone, Debug)]
pub(super) struct Scope {
    pub(super) name: Name,
    pub(super) pattern: String,
    pub(super) follow: bool,
    pub(super) max_record_bytes: usize,
    /// shared with other sources of the same
    pub(super) pipes: Pipes,
    /// which of these it is
    pub(super) reader: usize,
}

impl Scope {
    pub(super) fn new(pattern: String) -> Self {
        let name = if pattern == STDIN { Name::from("stdin") } else { Name::from(format!("file:{pattern}")) };
        let max_record_bytes = highwater_engine::Settings::default().max_record_bytes;
        let pipes = Pipes::default();
        let reader = pipes.join();
        Scope { name, pattern, follow: false, max_record_bytes, pipes, reader }
    }

    /// The same for another reader.
    pub(super) fn twin(&self) -> Self {
        Scope { reader: self.pipes.join(), ..self.clone() }
    }

    pub(super) fn is_stdin(&self) -> bool {
        self.pattern == STDIN
    }

    /// Whether more may come when all has been read.
    pub(super) fn is_endless(&self) -> bool {
        self.follow && !self.is_stdin()
    }

    pub(super) fn error(&self, what: impl Into<String>) -> SourceError {
        SourceError::new(self.name.clone(), what)
    }

    pub(super) fn failed(&self, path: &Path, what: &str, error: io::Error) -> SourceError {
        self.error(format!("{} {what}", path.display())).because(error)
    }

    /// The paths that match, in order.
    pub(super) fn paths(&self) -> Result<Vec<PathBuf>, SourceError> {
        let literal = PathBuf::from(&self.pattern);
        if literal.exists() {
            return Ok(vec![literal]);
        }
        let found = glob::glob(&self.pattern)
            .map_err(|error| self.error(format!("{:?} is no path pattern", self.pattern)).because(error))?;
        let mut paths: Vec<PathBuf> = found
            .filter_map(|path| {
                path.inspect_err(|error| tracing::warn!(source = %self.name, %error, "a folder cannot be read")).ok()
            })
            .collect();
        paths.sort_unstable();
        Ok(paths)
    }
}
