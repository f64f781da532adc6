//! Pipes: read by a thread that may wait, for all who read the same one.

use std::{
    collections::{BTreeMap, VecDeque},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded};

use super::CHUNK;

/// Chunks that wait for each reader: who is slower holds the others back, so that nobody misses anything.
const WAITING_CHUNKS: usize = 4;

/// The pipes of sources that read the same: what is read from a pipe is gone from it, so each gets a copy.
#[derive(Clone, Debug, Default)]
pub(super) struct Pipes(Arc<Mutex<Shared>>);

#[derive(Debug, Default)]
struct Shared {
    readers: usize,
    /// by pipe, for each reader: its copies of what has been opened, but those that it has read to the end
    begun: BTreeMap<PathBuf, Vec<VecDeque<Copied>>>,
}

/// A reader's copy of what comes while a pipe is open. One that fails and begins again gets the same one, and misses
/// only what it had taken.
#[derive(Clone, Debug)]
struct Copied {
    chunks: Receiver<Chunk>,
    /// whether no more will come
    over: Arc<AtomicBool>,
    taken: bool,
}

type Chunk = Result<Vec<u8>, (io::ErrorKind, String)>;

impl Pipes {
    /// One more reader, by its number.
    pub(super) fn join(&self) -> usize {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shared.readers += 1;
        shared.readers - 1
    }

    /// A reader's copy of what comes out of a pipe, which is opened for the first to ask.
    pub(super) fn open<R: Read>(
        &self,
        reader: usize,
        path: &Path,
        open: impl FnOnce() -> io::Result<R> + Send + 'static,
    ) -> io::Result<Piped> {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let readers = shared.readers.max(reader + 1);
        let begun = shared.begun.entry(path.to_owned()).or_default();
        begun.resize_with(readers, VecDeque::new);
        let is_done =
            |copied: &mut Copied| copied.taken && copied.over.load(Ordering::Acquire) && copied.chunks.is_empty();
        while begun[reader].pop_front_if(is_done).is_some() {}
        if begun[reader].is_empty() {
            let (senders, receivers): (Vec<_>, Vec<_>) = (0..readers).map(|_| bounded(WAITING_CHUNKS)).unzip();
            let over = Arc::new(AtomicBool::new(false));
            let ended = over.clone();
            // ends with its input; one that never ends dies with the process
            std::thread::Builder::new().name("pipe".into()).spawn(move || {
                copy(open, &senders);
                // known before a reader can find that nothing is left
                ended.store(true, Ordering::Release);
                drop(senders);
            })?;
            let copies = receivers.into_iter().map(|chunks| Copied { chunks, over: over.clone(), taken: false });
            begun.iter_mut().zip(copies).for_each(|(queue, copied)| queue.push_back(copied));
        }
        let copied = begun[reader].front_mut().ok_or_else(|| io::Error::other("the pipe has no such reader"))?;
        copied.taken = true;
        Ok(Piped { chunks: copied.chunks.clone(), chunk: Vec::new(), at: 0 })
    }
}

/// Reads to the end, for all at the pace of the slowest.
fn copy<R: Read>(open: impl FnOnce() -> io::Result<R>, to: &[Sender<Chunk>]) {
    let tell = |chunk: Chunk| to.iter().filter(|reader| reader.send(chunk.clone()).is_ok()).count() > 0;
    let failed = |error: io::Error| Err((error.kind(), error.to_string()));
    let mut input = match open() {
        Ok(input) => input,
        Err(error) => {
            tell(failed(error));
            return;
        }
    };
    let mut buffer = vec![0; CHUNK];
    loop {
        match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => {
                if !tell(Ok(buffer.iter().copied().take(read).collect())) {
                    break;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                tell(failed(error));
                break;
            }
        }
    }
}

/// What can only be read by waiting, read by a thread of its own.
pub(super) struct Piped {
    chunks: Receiver<Chunk>,
    chunk: Vec<u8>,
    at: usize,
}

impl Read for Piped {
    /// Fails with `WouldBlock` instead of waiting.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.chunk.len() {
            self.chunk = match self.chunks.try_recv() {
                Ok(chunk) => chunk.map_err(|(kind, what)| io::Error::new(kind, what))?,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn to_the_end(mut piped: Piped) -> Vec<u8> {
        let (mut all, mut buffer) = (Vec::new(), [0; 7]);
        loop {
            match piped.read(&mut buffer) {
                Ok(0) => return all,
                Ok(read) => all.extend_from_slice(&buffer[..read]),
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
        }
    }

    #[test]
    fn each_reader_gets_all_of_each_time_a_pipe_is_opened() {
        let pipes = Pipes::default();
        let [a, b] = [pipes.join(), pipes.join()];
        let open =
            |reader, text: &'static str| pipes.open(reader, Path::new("p"), move || Ok(text.as_bytes())).unwrap();
        // the one is done with the first and has the second before the other has come to any
        assert_eq!(to_the_end(open(a, "first of all")), b"first of all");
        assert_eq!(to_the_end(open(a, "second")), b"second");
        assert_eq!(to_the_end(open(b, "nobody opens this")), b"first of all");
        assert_eq!(to_the_end(open(b, "nor this")), b"second");
    }

    #[test]
    fn who_begins_again_goes_on_and_takes_nothing_from_others() {
        let pipes = Pipes::default();
        let [a, b] = [pipes.join(), pipes.join()];
        let open = |reader| pipes.open(reader, Path::new("p"), || Ok(io::repeat(b'x').take(9 * CHUNK as u64))).unwrap();
        drop(open(b));
        let other = std::thread::spawn({
            let stays = open(a);
            move || to_the_end(stays).len()
        });
        assert_eq!(to_the_end(open(b)).len(), 9 * CHUNK);
        assert_eq!(other.join().unwrap(), 9 * CHUNK);
    }

    #[test]
    fn what_fails_fails_for_all() {
        let pipes = Pipes::default();
        pipes.join();
        let mut piped =
            pipes.open(0, Path::new("p"), || Err::<io::Empty, _>(io::ErrorKind::PermissionDenied.into())).unwrap();
        let error = loop {
            match piped.read(&mut [0]) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => break other.unwrap_err(),
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    }
}
