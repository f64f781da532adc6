//! Cutting bytes into lines.

use std::{
    io::{self, Read},
    ops::Range,
};

use super::CHUNK;

/// Cuts what is read into lines, without ever holding much more than the longest that is allowed.
pub(super) struct Lines {
    buffer: Vec<u8>,
    /// where what has not been handed over begins
    start: usize,
    /// up to where there is no newline
    searched: usize,
    /// the position in the file of `start`
    offset: u64,
    /// bytes of the line at `start`, after its first `max`, that were dropped because it is too long
    dropped: usize,
    /// bytes to be read over before the first line
    skip: u64,
    max: usize,
}

/// A line, without its end.
pub(super) struct Line {
    /// where its first bytes are held, no more than the longest line may have
    held: Range<usize>,
    /// how many it has
    pub(super) length: usize,
    /// the position after it
    pub(super) next_offset: i64,
}

impl Line {
    pub(super) fn is_cut(&self) -> bool {
        self.held.len() < self.length
    }
}

impl Lines {
    /// Of an input that is at this position of the file.
    pub(super) fn at(offset: u64, max: usize) -> Self {
        Lines { buffer: Vec::new(), start: 0, searched: 0, offset, dropped: 0, skip: 0, max }
    }

    /// From this position on, of an input that is at the start of the file.
    pub(super) fn after(offset: u64, max: usize) -> Self {
        Lines { skip: offset, ..Lines::at(offset, max) }
    }

    /// The position of the first line that has not been handed over.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The position up to which the file has been read.
    pub(super) fn end(&self) -> u64 {
        self.offset + (self.buffer.len() - self.start + self.dropped) as u64
    }

    /// Whether the input has not come to the first line yet.
    pub(super) fn is_skipping(&self) -> bool {
        self.skip > 0
    }

    pub(super) fn bytes(&self, line: &Line) -> &[u8] {
        &self.buffer[line.held.clone()]
    }

    /// Reads once; 0 at the end.
    pub(super) fn fill(&mut self, input: &mut impl Read) -> io::Result<usize> {
        self.discard();
        let held = self.buffer.len();
        self.buffer.resize(held + CHUNK, 0);
        let read = loop {
            match input.read(&mut self.buffer[held..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        let length = read.as_ref().copied().unwrap_or(0);
        self.buffer.truncate(held + length);
        let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(length);
        self.buffer.drain(held..held + skipped);
        self.skip -= skipped as u64;
        read
    }

    /// The next whole line.
    pub(super) fn next(&mut self) -> Option<Line> {
        if let Some(at) = memchr::memchr(b'\n', &self.buffer[self.searched..]) {
            let newline = self.searched + at;
            return Some(self.advance(newline + 1, newline));
        }
        // a carriage return may be the first byte too many
        if self.buffer.len() - self.start > self.max.saturating_add(1) {
            let (from, to) = (self.start + self.max, self.buffer.len() - 1);
            self.buffer.drain(from..to);
            self.dropped += to - from;
        }
        self.searched = self.buffer.len();
        None
    }

    /// What is left at the end.
    pub(super) fn rest(&mut self) -> Option<Line> {
        let end = self.buffer.len();
        (self.start < end).then(|| self.advance(end, end))
    }

    /// Goes on at `next`; what came before, up to `end`, is a line.
    fn advance(&mut self, next: usize, end: usize) -> Line {
        let start = self.start;
        let dropped = std::mem::take(&mut self.dropped);
        self.start = next;
        self.searched = next;
        self.offset += (next - start + dropped) as u64;
        let end = if self.buffer[start..end].ends_with(b"\r") { end - 1 } else { end };
        Line {
            held: start..end.min(start.saturating_add(self.max)),
            length: end - start + dropped,
            next_offset: i64::try_from(self.offset).unwrap_or(i64::MAX),
        }
    }

    /// Gives back memory.
    pub(super) fn shrink(&mut self) {
        self.discard();
        self.buffer.shrink_to_fit();
    }

    fn discard(&mut self) {
        self.buffer.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is held of each line, its length, and the position after it.
    fn cut(text: &[u8], max: usize, reads: usize) -> Vec<(Vec<u8>, usize, i64)> {
        read(Lines::at(0, max), text, max, reads)
    }

    fn read(mut lines: Lines, mut input: &[u8], max: usize, reads: usize) -> Vec<(Vec<u8>, usize, i64)> {
        let end = input.len() as u64;
        let mut out = Vec::new();
        loop {
            let read = lines.fill(&mut (&mut input).take(reads as u64)).unwrap();
            while let Some(line) = lines.next() {
                out.push((lines.bytes(&line).to_vec(), line.length, line.next_offset));
            }
            assert!(lines.buffer.len() - lines.start <= max + 1);
            if read == 0 {
                break;
            }
        }
        out.extend(lines.rest().map(|line| (lines.bytes(&line).to_vec(), line.length, line.next_offset)));
        assert_eq!((lines.end(), lines.offset()), (end, end));
        out
    }

    #[test]
    fn lines_end_with_either_newline_or_the_file() {
        let expected: [(&[u8], i64); 4] = [(b"one", 5), (b"", 6), (b"t\rwo", 11), (b"three", 16)];
        for reads in 1..20 {
            let lines = cut(b"one\r\n\nt\rwo\nthree", 100, reads);
            assert_eq!(lines.iter().map(|(line, _, at)| (&line[..], *at)).collect::<Vec<_>>(), expected, "{reads}");
        }
        assert!(cut(b"", 100, 1).is_empty());
    }

    #[test]
    fn long_lines_are_cut_and_counted_once() {
        let text = [&b"x".repeat(50)[..], b"\nab\n", &b"y".repeat(5), b"\r\n", &b"z".repeat(6)].concat();
        let expected: [(&[u8], usize, i64); 4] =
            [(b"xxxxx", 50, 51), (b"ab", 2, 54), (b"yyyyy", 5, 61), (b"zzzzz", 6, 67)];
        for reads in 1..80 {
            let lines = cut(&text, 5, reads);
            assert_eq!(lines.iter().map(|(l, length, at)| (&l[..], *length, *at)).collect::<Vec<_>>(), expected);
        }
    }

    proptest! {
        #[test]
        fn cutting_does_not_depend_on_how_it_is_read(text in "[ab\r\n]{0,60}", max in 0_usize..10, reads in 1_usize..20) {
            let expected: Vec<(Vec<u8>, usize)> = text
                .split_inclusive('\n')
                .map(|line| line.strip_suffix('\n').unwrap_or(line))
                .map(|line| line.strip_suffix('\r').unwrap_or(line))
                .map(|line| (line.bytes().take(max).collect(), line.len()))
                .collect();
            let lines = cut(text.as_bytes(), max, reads);
            let found: Vec<(Vec<u8>, usize)> = lines.iter().map(|(line, length, _)| (line.clone(), *length)).collect();
            prop_assert_eq!(found, expected);
            // and reading that goes on after any line gives the lines after it
            for (done, (_, _, next)) in lines.iter().enumerate() {
                let rest = read(Lines::after(u64::try_from(*next).unwrap(), max), text.as_bytes(), max, reads);
                prop_assert_eq!(&rest[..], &lines[done + 1..]);
            }
        }
    }
}
