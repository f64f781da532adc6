//! JSON lines: a view's changes, and dead letters, in a file or on standard output.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::Path,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use highwater_engine::{DeadLetter, DeadLetterSink, Epoch, Name, Record, Sink, SinkError, Timestamp};
use serde::Serialize;

/// Writes each change of a view as a line of JSON with `view`, `epoch`, `key`, `window_start` (of rows that have one)
/// and `value` (null where the row is gone). Files are appended to.
#[derive(Debug)]
pub struct JsonLinesSink {
    view: Name,
    out: Out,
}

/// Writes each dead letter as a line of JSON: `received`, `reason`, `source`, `partition`, `next_offset`, `length`,
/// `text` (its first bytes) and, where those are not UTF-8, `bytes_base64`. Files are appended to.
#[derive(Debug)]
pub struct JsonDeadLetters {
    out: Out,
}

#[derive(Debug)]
struct Out {
    name: Name,
    /// none is standard output
    file: Option<File>,
    /// whole lines, so that two sinks may share a file
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
    received: Timestamp,
    reason: &'a str,
    source: &'a Name,
    partition: u32,
    next_offset: i64,
    length: usize,
    text: std::borrow::Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_base64: Option<String>,
}

impl Out {
    fn stdout() -> Self {
        Out { name: Name::from("stdout"), file: None, lines: Vec::new() }
    }

    fn file(path: &Path) -> Result<Self, SinkError> {
        let name = Name::from(format!("jsonl:{}", path.display()));
        match OpenOptions::new().create(true).append(true).open(path) {
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
    pub fn stdout(view: Name) -> Self {
        JsonLinesSink { view, out: Out::stdout() }
    }

    /// To a file, which is made where it is missing.
    ///
    /// # Errors
    /// Where it cannot be opened.
    pub fn file(view: Name, path: &Path) -> Result<Self, SinkError> {
        Ok(JsonLinesSink { view, out: Out::file(path)? })
    }
}

impl Sink for JsonLinesSink {
    fn name(&self) -> Name {
        self.out.name.clone()
    }

    fn write(&mut self, epoch: Epoch, records: &[Record]) -> Result<(), SinkError> {
        for Record { key, window_start, value } in records {
            self.out.add(&Line { view: &self.view, epoch, key, window_start: *window_start, value })?;
        }
        self.out.write()
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.out.sync()
    }
}

impl JsonDeadLetters {
    /// To a file, which is made where it is missing.
    ///
    /// # Errors
    /// Where it cannot be opened.
    pub fn file(path: &Path) -> Result<Self, SinkError> {
        Ok(JsonDeadLetters { out: Out::file(path)? })
    }
}

impl DeadLetterSink for JsonDeadLetters {
    fn name(&self) -> Name {
        self.out.name.clone()
    }

    fn write(&mut self, letters: &[DeadLetter]) -> Result<(), SinkError> {
        for letter in letters {
            let text = String::from_utf8_lossy(&letter.bytes);
            let bytes_base64 = matches!(text, std::borrow::Cow::Owned(_)).then(|| STANDARD.encode(&letter.bytes));
            self.out.add(&LetterLine {
                received: letter.received,
                reason: letter.reason.label(),
                source: &letter.source,
                partition: letter.partition,
                next_offset: letter.next_offset,
                length: letter.length,
                text,
                bytes_base64,
            })?;
        }
        self.out.write()?;
        self.out.sync()
    }
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
            let mut sink = JsonLinesSink::file("volume".into(), &path).unwrap();
            let new = Record { key: "cart\n".into(), window_start: Some(start), value: Some(json!({ "count": 2 })) };
            let gone = Record { key: json!(["a", 1]), window_start: None, value: None };
            sink.write(epoch, &[new, gone]).unwrap();
            sink.flush().unwrap();
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
        JsonDeadLetters::file(&path).unwrap().write(&[letter, text]).unwrap();
        let written = std::fs::read_to_string(&path).unwrap();
        let mut lines = written.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let first = lines.next().unwrap();
        assert_eq!(first["bytes_base64"], "Yf8=");
        assert_eq!(first["reason"], "invalid_utf8");
        assert_eq!(first["text"], "a\u{fffd}");
        let second = lines.next().unwrap();
        assert_eq!((&second["text"], second.get("bytes_base64")), (&json!("{\""), None));
    }
}
