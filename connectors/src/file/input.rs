//! What lines are read from: a file as it is, one packed by gzip, a pipe.

use std::{
    fs::{File, Metadata},
    io::{self, BufReader, Read},
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::Path,
};

use flate2::read::MultiGzDecoder;

use super::{pipe::Piped, scope::Scope};

pub(super) enum Input {
    Plain(File),
    Gzip(Box<MultiGzDecoder<BufReader<File>>>),
    Piped(Piped),
}

/// Device and inode: what a file keeps when it is renamed.
pub(super) type Identity = (u64, u64);

pub(super) fn identity(metadata: &Metadata) -> Identity {
    (metadata.dev(), metadata.ino())
}

pub(super) fn is_pipe(metadata: &Metadata) -> bool {
    metadata.file_type().is_fifo()
}

impl Input {
    /// Opens the file at `path`, with what the system says of it.
    pub(super) fn open(scope: &Scope, path: &Path) -> io::Result<(Input, Metadata)> {
        let metadata = path.metadata()?;
        if is_pipe(&metadata) {
            // opening it waits for a writer, reading it for what is written: both on a thread
            let pipe = path.to_owned();
            let piped = scope.pipes.open(scope.reader, path, move || File::open(pipe))?;
            return Ok((Input::Piped(piped), metadata));
        }
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        let gzip = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
        let input =
            if gzip { Input::Gzip(Box::new(MultiGzDecoder::new(BufReader::new(file)))) } else { Input::Plain(file) };
        Ok((input, metadata))
    }

    pub(super) fn stdin(scope: &Scope) -> io::Result<Input> {
        Ok(Input::Piped(scope.pipes.open(scope.reader, Path::new(&scope.pattern), || Ok(io::stdin()))?))
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Input::Plain(file) => file.read(buffer),
            Input::Gzip(decoder) => decoder.read(buffer),
            Input::Piped(piped) => piped.read(buffer),
        }
    }
}
