//! Pipes: read by a thread that may wait.

use std::io::{self, Read};

use crossbeam_channel::{Receiver, TryRecvError, bounded};

use super::CHUNK;

/// What can only be read by waiting, read by a thread of its own.
pub(super) struct Piped {
    chunks: Receiver<io::Result<Vec<u8>>>,
    chunk: Vec<u8>,
    at: usize,
}

impl Piped {
    pub(super) fn new(input: impl Read + Send + 'static) -> io::Result<Self> {
        Self::opened(|| Ok(input))
    }

    pub(super) fn opened<R: Read>(open: impl FnOnce() -> io::Result<R> + Send + 'static) -> io::Result<Self> {
        let (sender, chunks) = bounded(4);
        // ends with its input; one that never ends dies with the process
        std::thread::Builder::new().name("pipe".into()).spawn(move || {
            let mut input = match open() {
                Ok(input) => input,
                Err(error) => {
                    let _ = sender.send(Err(error));
                    return;
                }
            };
            let mut buffer = vec![0; CHUNK];
            loop {
                let read = match input.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(read) => Ok(buffer.iter().copied().take(read).collect()),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => Err(error),
                };
                let failed = read.is_err();
                if sender.send(read).is_err() || failed {
                    break;
                }
            }
        })?;
        Ok(Piped { chunks, chunk: Vec::new(), at: 0 })
    }
}

impl Read for Piped {
    /// Fails with `WouldBlock` instead of waiting.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.chunk.len() {
            self.chunk = match self.chunks.try_recv() {
                Ok(chunk) => chunk?,
                Err(TryRecvError::Empty) => return Err(io::ErrorKind::WouldBlock.into()),
                Err(TryRecvError::Disconnected) => return Ok(0),
            };
            self.at = 0;
        }
        let read = (&self.chunk[self.at..]).read(buffer)?;
        self.at += read;
        Ok(read)
    }
}
