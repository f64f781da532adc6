//! JSON lines: views' changes, and dead letters, in a file or on standard output.

use std::{
    borrow::Cow,
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use highwater_engine::{Batch, Change, DeadLetter, Epoch, Name, Record, Sink, SinkError, Timestamp};
use serde::{Deserialize, Serialize};

/// Writes each change of views as a line of JSON with `view`, `epoch`, `key`, `window_start` (of rows that have one)
/// and `value` (null where the row is gone); and, if told to, each dead letter with `epoch`, `received`, `reason`,
/// `source`, `partition`, `next_offset`, `length`, `text` (its first bytes) and, where those are not UTF-8,
/// `bytes_base64`. Files are appended to. A job with durable state that goes on with a file first cuts off what it had
/// not finished writing: the file then has each line once.
#[derive(Debug)]
pub struct JsonLinesSink {
    out: Out,
    takes_dead_letters: bool,
}

#[derive(Debug)]
struct Out {
    name: Name,
    /// none is standard output
    file: Option<File>,
    /// what is written next: whole lines
    lines: Vec<u8>,
}

#[derive(Serialize)]
struct Line<'a> {
    view: &'a Name,
    epoch: Epoch,
    key: &'a serde_json::Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    window_start: Option<Timestamp>,
    value: &'a Option<serde_json::Value>,
}

#[derive(Serialize)]
struct LetterLine<'a> {
    epoch: Epoch,
    received: Timestamp,
    reason: &'a str,
    source: &'a Name,
    partition: u32,
    next_offset: i64,
    length: usize,
    text: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_base64: Option<String>,
}

impl<'a> LetterLine<'a> {
    fn of(letter: &'a DeadLetter, epoch: Epoch) -> Self {
        let text = String::from_utf8_lossy(&letter.bytes);
        let bytes_base64 = matches!(text, Cow::Owned(_)).then(|| STANDARD.encode(&letter.bytes));
        LetterLine {
            epoch,
            received: letter.received,
            reason: letter.reason.label(),
            source: &letter.source,
            partition: letter.partition,
            next_offset: letter.next_offset,
            length: letter.length,
            text,
            bytes_base64,
        }
    }
}

impl Out {
    fn stdout() -> Self {
        Out { name: Name::from("stdout"), file: None, lines: Vec::new() }
    }

    fn file(path: &Path) -> Result<Self, SinkError> {
        let name = Name::from(format!("jsonl:{}", path.display()));
        match OpenOptions::new().create(true).read(true).append(true).open(path) {
            Ok(file) => Ok(Out { name, file: Some(file), lines: Vec::new() }),
            Err(error) => Err(SinkError::new(name, "the file cannot be opened for writing").because(error)),
        }
    }

    fn add(&mut self, line: &impl Serialize) -> Result<(), SinkError> {
        serde_json::to_writer(&mut self.lines, line)
            .map_err(|error| SinkError::new(self.name.clone(), "a value has no JSON").because(error))?;
        self.lines.push(b'\n');
        Ok(())
    }

    fn write(&mut self) -> Result<(), SinkError> {
        let written = match &mut self.file {
            Some(file) => file.write_all(&self.lines),
            None => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(&self.lines).and_then(|()| stdout.flush())
            }
        };
        self.lines.clear();
        written.map_err(|error| SinkError::new(self.name.clone(), "cannot be written").because(error))
    }

    fn sync(&mut self) -> Result<(), SinkError> {
        match self.file.as_ref().map(File::sync_data) {
            // pipes and devices, which have nothing to synchronise
            Some(Err(error)) if error.kind() != io::ErrorKind::InvalidInput => {
                Err(SinkError::new(self.name.clone(), "cannot be written to disk").because(error))
            }
            _ => Ok(()),
        }
    }
}

impl JsonLinesSink {
    /// To standard output.
    pub fn stdout() -> Self {
        JsonLinesSink { out: Out::stdout(), takes_dead_letters: false }
    }

    /// To a file, which is made where it is missing.
    ///
    /// # Errors
    /// Where it cannot be opened.
    pub fn file(path: &Path) -> Result<Self, SinkError> {
        Ok(JsonLinesSink { out: Out::file(path)?, takes_dead_letters: false })
    }

    /// Takes dead letters too.
    #[must_use]
    pub fn with_dead_letters(self) -> Self {
        JsonLinesSink { takes_dead_letters: true, ..self }
    }
}

impl Sink for JsonLinesSink {
    fn name(&self) -> Name {
        self.out.name.clone()
    }

    fn takes_dead_letters(&self) -> bool {
        self.takes_dead_letters
    }

    fn resume(&mut self, _: &Name, delivered: Option<Epoch>) -> Result<Option<Epoch>, SinkError> {
        if let (Some(epoch), Some(file)) = (delivered, &mut self.out.file) {
            cut_after(file, epoch).map_err(|error| {
                SinkError::new(self.out.name.clone(), "what was not finished cannot be cut off").because(error)
            })?;
        }
        Ok(delivered)
    }

    fn deliver(&mut self, batches: &[Batch]) -> Result<(), SinkError> {
        for Batch { epoch, changes, dead_letters, .. } in batches {
            for Change { view, record: Record { key, window_start, value } } in changes {
                self.out.add(&Line { view, epoch: *epoch, key, window_start: *window_start, value })?;
            }
            for letter in dead_letters {
                self.out.add(&LetterLine::of(letter, *epoch))?;
            }
        }
        self.out.write()?;
        self.out.sync()
    }
}

/// Cuts a file after its last line of an epoch up to this one. Lines are in the order of their epochs; what has none is
/// not ours, and stays.
fn cut_after(file: &mut File, epoch: Epoch) -> io::Result<()> {
    #[derive(Deserialize)]
    struct Stamp {
        epoch: Epoch,
    }
    if !file.metadata()?.is_file() {
        return Ok(());
    }
    let mut end = file.metadata()?.len();
    let mut tail = Vec::new();
    while let Some(line) = last_line(file, end, &mut tail)? {
        let complete = tail.last() == Some(&b'\n');
        let later = serde_json::from_slice::<Stamp>(&tail).is_ok_and(|stamp| stamp.epoch > epoch);
        if complete && !later {
            break;
        }
        end = line;
    }
    file.set_len(end)?;
    file.sync_data()
}

/// Reads the last line of the first `end` bytes, its end included. Gives where it begins; `None` where there is none.
fn last_line(file: &mut File, end: u64, line: &mut Vec<u8>) -> io::Result<Option<u64>> {
    const PIECE: u64 = 4096;
    line.clear();
    let mut start = end;
    while start > 0 {
        let from = start.saturating_sub(PIECE);
        let mut piece = vec![0; usize::try_from(start - from).unwrap_or(0)];
        file.seek(SeekFrom::Start(from))?;
        file.read_exact(&mut piece)?;
        // the line's own end is not the end of the one before
        let searched = if start == end { piece.len() - 1 } else { piece.len() };
        let found = memchr::memrchr(b'\n', piece.get(..searched).unwrap_or_default());
        let begins = found.map_or(0, |at| at + 1);
        line.splice(..0, piece.drain(begins..));
        if found.is_some() {
            return Ok(Some(from + begins as u64));
        }
        start = from;
    }
    Ok((end > 0).then_some(0))
}

#[cfg(test)]
mod tests {
    use highwater_engine::format::Reason;
    use serde_json::json;

    use super::*;

    #[test]
    fn changes_are_lines_of_json() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.jsonl");
        let start = Timestamp::from_millis(1000);
        for epoch in [7, 8] {
            let new = Record { key: "cart\n".into(), window_start: Some(start), value: Some(json!({ "count": 2 })) };
            let gone = Record { key: json!(["a", 1]), window_start: None, value: None };
            JsonLinesSink::file(&path).unwrap().deliver(&[batch(epoch, [new, gone])]).unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 4);
        assert_eq!(
            lines[0],
            json!({ "view": "volume", "epoch": 7, "key": "cart\n", "window_start": "1970-01-01T00:00:01.000Z",
                "value": { "count": 2 } })
        );
        assert_eq!(lines[3], json!({ "view": "volume", "epoch": 8, "key": ["a", 1], "value": null }));
    }

    fn batch(epoch: Epoch, records: impl IntoIterator<Item = Record>) -> Batch {
        let changes = records.into_iter().map(|record| Change { view: "volume".into(), record }).collect();
        Batch { epoch, changes, dead_letters: Vec::new() }
    }

    #[test]
    fn what_was_not_finished_is_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.jsonl");
        let long = "x".repeat(9_000);
        let record = |key: &str| Record { key: key.into(), window_start: None, value: Some(json!(long)) };
        std::fs::write(&path, "somebody's line\n").unwrap();
        let write = |epoch, keys: &[&str]| {
            let mut sink = JsonLinesSink::file(&path).unwrap();
            assert_eq!(sink.resume(&"job".into(), Some(epoch - 1)).unwrap(), Some(epoch - 1));
            sink.deliver(&[batch(epoch, keys.iter().map(|key| record(key)))]).unwrap();
        };
        write(5, &["a", "b"]);
        write(6, &["c", "d"]);
        let whole = std::fs::read(&path).unwrap();
        // a crash within epoch 7, between two lines or within one
        write(7, &["e", "f"]);
        let seven = std::fs::metadata(&path).unwrap().len();
        for cut in [seven, seven - 1, seven - 5_000, seven - 9_100, whole.len() as u64 + 3, whole.len() as u64] {
            let file = OpenOptions::new().write(true).open(&path).unwrap();
            file.set_len(cut).unwrap();
            JsonLinesSink::file(&path).unwrap().resume(&"job".into(), Some(6)).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), whole);
            write(7, &["e", "f"]);
            assert_eq!(std::fs::metadata(&path).unwrap().len(), seven);
        }
        JsonLinesSink::file(&path).unwrap().resume(&"job".into(), Some(4)).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "somebody's line\n");
    }

    #[test]
    fn dead_letters_keep_every_byte() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("dead.jsonl");
        let letter = DeadLetter {
            reason: Reason::InvalidUtf8,
            source: "file:x".into(),
            partition: 3,
            next_offset: 12,
            bytes: b"a\xff".to_vec(),
            length: 2,
            received: Timestamp::from_millis(0),
        };
        let text = DeadLetter { reason: Reason::InvalidJson, bytes: b"{\"".to_vec(), ..letter.clone() };
        let mut sink = JsonLinesSink::file(&path).unwrap().with_dead_letters();
        assert!(sink.takes_dead_letters());
        let batch = Batch { dead_letters: vec![letter, text], ..batch(7, []) };
        // as it comes out of the outbox
        let bytes = serde_json::to_vec(&batch).unwrap();
        let again: Batch = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(again, batch);
        sink.deliver(&[again]).unwrap();
        let written = std::fs::read_to_string(&path).unwrap();
        let mut lines = written.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let first = lines.next().unwrap();
        assert_eq!(first["bytes_base64"], "Yf8=");
        assert_eq!((&first["reason"], &first["epoch"]), (&json!("invalid_utf8"), &json!(7)));
        assert_eq!(first["text"], "a\u{fffd}");
        let second = lines.next().unwrap();
        assert_eq!((&second["text"], second.get("bytes_base64")), (&json!("{\""), None));
        JsonLinesSink::file(&path).unwrap().resume(&"job".into(), Some(6)).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "");
    }
}
