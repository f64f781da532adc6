//! A file's first line: what tells its content from that of others, whatever the file is called.

use std::io::{self, Read};

/// The checksum of a first line.
#[derive(Debug)]
pub(super) struct FirstLine(crc32fast::Hasher);

/// Of a longer first line, so much counts.
const LONGEST: usize = 64 << 10;

impl FirstLine {
    /// `None` where there is no first line yet; where `whole`, a newline must end it.
    pub(super) fn read(input: &mut impl Read, whole: bool) -> io::Result<Option<Self>> {
        let mut checksum = crc32fast::Hasher::new();
        let (mut chunk, mut length) = ([0; 4096], 0);
        while length < LONGEST {
            let read = match input.read(&mut chunk) {
                Ok(0) => return Ok((!whole && length > 0).then_some(FirstLine(checksum))),
                Ok(read) => &chunk[..read.min(LONGEST - length)],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if let Some(newline) = memchr::memchr(b'\n', read) {
                checksum.update(&read[..newline]);
                return Ok(Some(FirstLine(checksum)));
            }
            checksum.update(read);
            length += read.len();
        }
        Ok(Some(FirstLine(checksum)))
    }

    /// The number of the `twin`th file, from 0, that begins with this line.
    pub(super) fn number(&self, twin: u32) -> u32 {
        let mut checksum = self.0.clone();
        if twin > 0 {
            checksum.update(&twin.to_le_bytes());
        }
        checksum.finalize()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &[u8], whole: bool) -> Option<u32> {
        FirstLine::read(&mut &text[..], whole).unwrap().map(|line| line.number(0))
    }

    #[test]
    fn only_the_first_line_counts() {
        assert_eq!(number(b"one\ntwo", true), Some(crc32fast::hash(b"one")));
        assert_eq!(number(b"one\nthree", true), number(b"one", false));
        assert_eq!((number(b"one", true), number(b"", false)), (None, None));
        assert_eq!(number(b"\n", true), Some(0));
    }

    #[test]
    fn of_an_endless_line_the_beginning_counts() {
        let line = vec![b'x'; LONGEST + 5000];
        assert_eq!(number(&line, true), Some(crc32fast::hash(&line[..LONGEST])));
        assert_eq!(number(&[&line[..], b"y\n"].concat(), true), number(&line, true));
    }

    #[test]
    fn twins_have_numbers_of_their_own() {
        let line = FirstLine::read(&mut &b"one\n"[..], true).unwrap().unwrap();
        assert!(line.number(0) != line.number(1) && line.number(1) != line.number(2));
        assert_eq!(line.number(1), line.number(1));
    }
}
