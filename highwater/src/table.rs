//! Tables in and out: CSV from a file or standard input; rows as CSV, as JSON or as plain text to standard output.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Write},
    path::Path,
};

use anyhow::{Context, bail};
use clap::ValueEnum;
use serde_json::{Map, Value};

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Written {
    /// Fields separated by tabs, no header
    Text,
    /// CSV with a header
    Csv,
    /// An object a line
    Json,
}

/// A file, or standard input where it is called `-`.
///
/// # Errors
/// Where it cannot be opened.
pub(crate) fn open(file: &str) -> anyhow::Result<Box<dyn BufRead>> {
    if file == "-" {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    Ok(Box::new(BufReader::with_capacity(1 << 16, File::open(file).with_context(|| format!("cannot open {file}"))?)))
}

/// The next line without its end, cut after so many bytes; false at the end.
///
/// # Errors
/// Where it cannot be read.
pub(crate) fn read_line(reader: &mut dyn BufRead, line: &mut Vec<u8>, longest: u64) -> io::Result<bool> {
    line.clear();
    if Read::take(&mut *reader, longest).read_until(b'\n', line)? == 0 {
        return Ok(false);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
        line.pop_if(|byte| *byte == b'\r');
    } else {
        reader.skip_until(b'\n')?;
    }
    Ok(true)
}

/// A CSV table whose records may differ in length.
pub(crate) struct Table<R> {
    name: String,
    reader: csv::Reader<R>,
    headers: csv::ByteRecord,
    record: csv::ByteRecord,
}

impl<R: Read> Table<R> {
    /// Reads the header. `name` is for errors.
    ///
    /// # Errors
    /// Where there is none.
    pub(crate) fn new(name: &str, reader: R) -> anyhow::Result<Self> {
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(reader);
        let headers = reader.byte_headers().with_context(|| format!("cannot read {name}"))?.clone();
        Ok(Table { name: name.to_owned(), reader, headers, record: csv::ByteRecord::new() })
    }

    /// Where a column stands.
    ///
    /// # Errors
    /// Where there is none of this name.
    pub(crate) fn column(&self, name: &str) -> anyhow::Result<usize> {
        let found = self.headers.iter().position(|header| header == name.as_bytes());
        found.with_context(|| format!("{} has no column {name:?}; it has: {}", self.name, self.names().join(", ")))
    }

    /// All columns.
    pub(crate) fn names(&self) -> Vec<String> {
        self.headers.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect()
    }

    /// Steps to the next record; false at the end.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub(crate) fn advance(&mut self) -> anyhow::Result<bool> {
        self.reader.read_byte_record(&mut self.record).with_context(|| format!("cannot read {}", self.name))
    }

    /// The text of a cell; nothing where the record is too short.
    pub(crate) fn text(&self, column: usize) -> String {
        String::from_utf8_lossy(self.record.get(column).unwrap_or_default()).into_owned()
    }

    /// The number in a cell; NaN where there is none.
    pub(crate) fn number(&self, column: usize) -> f64 {
        self.text(column).trim().parse().unwrap_or(f64::NAN)
    }
}

/// A whole CSV file.
///
/// # Errors
/// Where it cannot be opened, or has no header.
pub(crate) fn csv_file(file: &Path) -> anyhow::Result<Table<File>> {
    let name = file.display().to_string();
    Table::new(&name, File::open(file).with_context(|| format!("cannot open {name}"))?)
}

/// Fields with their names.
pub(crate) type Row = Vec<(String, Value)>;

/// Writes rows to standard output, all with the same names.
pub(crate) struct Rows<W: Write> {
    written: Written,
    out: csv::Writer<W>,
    began: bool,
}

impl<W: Write> Rows<W> {
    pub(crate) fn new(written: Written, out: W) -> Self {
        let delimiter = if written == Written::Text { b'\t' } else { b',' };
        let style = if written == Written::Csv { csv::QuoteStyle::Necessary } else { csv::QuoteStyle::Never };
        let out = csv::WriterBuilder::new().delimiter(delimiter).quote_style(style).flexible(true).from_writer(out);
        Rows { written, out, began: false }
    }

    /// Writes a row; false where nobody reads any more, as in `| head`.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub(crate) fn write(&mut self, row: Row) -> anyhow::Result<bool> {
        if !self.began
            && self.written == Written::Csv
            && !wanted(self.out.write_record(row.iter().map(|(name, _)| name)))?
        {
            return Ok(false);
        }
        self.began = true;
        if self.written == Written::Json {
            let object: Map<String, Value> = row.into_iter().collect();
            return wanted(self.out.write_record([Value::Object(object).to_string()]));
        }
        wanted(self.out.write_record(row.into_iter().map(|(_, value)| shown(value))))
    }

    /// Writes what is held back.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub(crate) fn flush(&mut self) -> anyhow::Result<bool> {
        wanted(self.out.flush().map_err(csv::Error::from))
    }
}

fn shown(value: Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// Whether somebody still reads.
fn wanted(result: Result<(), csv::Error>) -> anyhow::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if matches!(error.kind(), csv::ErrorKind::Io(cause) if cause.kind() == io::ErrorKind::BrokenPipe) => {
            Ok(false)
        }
        Err(error) => bail!("cannot write: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(as_: Written) -> String {
        let mut bytes = Vec::new();
        let mut rows = Rows::new(as_, &mut bytes);
        for (count, text) in [(1, "a, \"b\""), (2, "c\td")] {
            assert!(rows.write(vec![("n".to_owned(), json!(count)), ("text".to_owned(), json!(text))]).unwrap());
        }
        rows.flush().unwrap();
        drop(rows);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn rows_by_hand() {
        assert_eq!(written(Written::Csv), "n,text\n1,\"a, \"\"b\"\"\"\n2,c\td\n");
        assert_eq!(written(Written::Text), "1\ta, \"b\"\n2\tc\td\n");
        assert_eq!(written(Written::Json), "{\"n\":1,\"text\":\"a, \\\"b\\\"\"}\n{\"n\":2,\"text\":\"c\\td\"}\n");
    }

    #[test]
    fn lines_are_cut_and_their_ends_go() {
        let mut reader: &[u8] = b"one\r\n\nlonger than that\nend";
        let (mut line, mut lines) = (Vec::new(), Vec::new());
        while read_line(&mut reader, &mut line, 6).unwrap() {
            lines.push(String::from_utf8(line.clone()).unwrap());
        }
        assert_eq!(lines, ["one", "", "longer", "end"]);
    }

    #[test]
    fn a_table_knows_its_columns_and_forgives_short_records() {
        let mut table = Table::new("it", "a,b\n1,2\n3\n x ,4\n".as_bytes()).unwrap();
        let b = table.column("b").unwrap();
        let mut numbers = Vec::new();
        while table.advance().unwrap() {
            numbers.push((table.number(0), table.text(b)));
        }
        assert!(numbers[0] == (1.0, "2".to_owned()) && numbers[1] == (3.0, String::new()) && numbers[2].0.is_nan());
        assert_eq!(table.column("c").unwrap_err().to_string(), "it has no column \"c\"; it has: a, b");
    }
}
