//! [`Sheet`]: logs as lines of JSON or of CSV.
//!
//! CSV is as RFC 4180 has it: a header, lines that end in CR LF, quotes where they are needed. Spreadsheets take text
//! that begins with `=`, `+`, `-`, `@`, a tab or a line break for a formula, and a log may say what a stranger wrote: such
//! text gets an apostrophe in front, which they take as "this is text". Lines of JSON carry everything as it is.

use std::borrow::Cow;

use csv::{Terminator, WriterBuilder};

use super::marks::Shown;

/// How logs are written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Format {
    /// An object a line.
    Lines,
    /// A row a log.
    Csv,
}

/// Logs that are written and have not been taken yet.
pub(super) struct Sheet {
    format: Format,
    text: Vec<u8>,
}

const COLUMNS: [&str; 14] = [
    "id",
    "timestamp",
    "level",
    "service",
    "host",
    "message",
    "trace_id",
    "span_id",
    "correlation_id",
    "latency_ms",
    "template_id",
    "ingested_at",
    "attributes",
    "anomalies",
];

/// A log that cannot be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum SheetError {
    #[error("a log cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("a log cannot be written as CSV: {0}")]
    Csv(#[from] csv::Error),
}

impl Sheet {
    pub(super) fn new(format: Format) -> Result<Self, SheetError> {
        let mut sheet = Sheet { format, text: Vec::new() };
        if let Format::Csv = format {
            sheet.row(&COLUMNS.map(Cow::Borrowed))?;
        }
        Ok(sheet)
    }

    /// How many bytes have not been taken yet.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.text)
    }

    pub(super) fn add(&mut self, shown: &Shown<'_>) -> Result<(), SheetError> {
        if let Format::Lines = self.format {
            serde_json::to_writer(&mut self.text, shown)?;
            self.text.push(b'\n');
            return Ok(());
        }
        let log = shown.log;
        let attributes =
            if log.attributes.is_empty() { String::new() } else { serde_json::to_string(&log.attributes)? };
        let some = |text: &Option<String>| Cow::Owned(text.clone().unwrap_or_default());
        self.row(&[
            log.id.to_string().into(),
            log.timestamp.to_string().into(),
            log.level.as_str().into(),
            log.service.as_str().into(),
            some(&log.host),
            log.message.as_str().into(),
            some(&log.trace_id),
            some(&log.span_id),
            some(&log.correlation_id),
            log.latency_ms.map(|latency| latency.to_string()).unwrap_or_default().into(),
            log.template_id.as_str().into(),
            log.ingested_at.to_string().into(),
            attributes.into(),
            shown.anomalies.join(" ").into(),
        ])
    }

    fn row(&mut self, cells: &[Cow<'_, str>; COLUMNS.len()]) -> Result<(), SheetError> {
        let mut writer =
            WriterBuilder::new().terminator(Terminator::CRLF).buffer_capacity(1024).from_writer(&mut self.text);
        writer.write_record(cells.iter().map(|cell| no_formula(cell).into_owned()))?;
        writer.flush().map_err(csv::Error::from)?;
        Ok(())
    }
}

/// Text that no spreadsheet takes for a formula.
fn no_formula(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) { format!("'{text}").into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use highwater_engine::{Level, Timestamp};
    use highwater_logstore::{LogId, StoredLog};
    use serde_json::{Map, json};

    use super::*;

    fn log(message: &str) -> StoredLog {
        StoredLog {
            id: LogId { source: 1, partition: 0, next_offset: 7 },
            timestamp: Timestamp::from_millis(0),
            level: Level::Error,
            service: "a,b".to_owned(),
            message: message.to_owned(),
            host: None,
            trace_id: Some("-1+1".to_owned()),
            span_id: None,
            correlation_id: None,
            latency_ms: Some(1.5),
            attributes: json!({ "k": "say \"hi\"" }).as_object().cloned().unwrap_or_default(),
            template_id: "00".to_owned(),
            ingested_at: Timestamp::from_millis(1),
        }
    }

    #[test]
    fn rows_by_rfc_4180_without_formulas() {
        let mut sheet = Sheet::new(Format::Csv).unwrap();
        sheet.add(&Shown { log: &log("=1+1\n\"x\""), anomalies: vec!["a1", "a2"] }).unwrap();
        sheet.add(&Shown { log: &StoredLog { attributes: Map::new(), ..log("fine") }, anomalies: vec![] }).unwrap();
        let text = String::from_utf8(sheet.take()).unwrap();
        let rows: Vec<_> = text.split("\r\n").collect();
        assert_eq!(rows[0], COLUMNS.join(","));
        let first = "00000001-0-7,1970-01-01T00:00:00.000Z,ERROR,\"a,b\",,\"'=1+1\n\"\"x\"\"\",'-1+1,,,1.5,00,\
                     1970-01-01T00:00:00.001Z,\"{\"\"k\"\":\"\"say \\\"\"hi\\\"\"\"\"}\",a1 a2";
        assert_eq!(rows[1], first);
        assert!(rows[2].ends_with(",,"), "{}", rows[2]);
        assert_eq!(rows[3..], [""]);
    }

    #[test]
    fn lines_carry_text_as_it_is() {
        let mut sheet = Sheet::new(Format::Lines).unwrap();
        let log = log("=1\n2");
        sheet.add(&Shown { log: &log, anomalies: vec![] }).unwrap();
        let text = String::from_utf8(sheet.take()).unwrap();
        assert_eq!(text.matches('\n').count(), 1);
        assert_eq!(serde_json::from_str::<StoredLog>(&text).unwrap(), log);
        assert_eq!(sheet.len(), 0);
    }
}
