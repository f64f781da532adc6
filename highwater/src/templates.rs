//! `highwater templates`: which messages a file has, variables aside.

use std::io;

use anyhow::Context;
use highwater_engine::format;
use highwater_operators::{Mined, MinedPattern, Miner, TemplateId};
use serde_json::json;

use crate::{
    cli,
    table::{Row, Rows, Table, open, read_line},
};

/// Templates that are kept apart, at most.
const MOST: usize = 1 << 16;
/// Longer lines are cut here, in bytes.
const LONGEST_LINE: u64 = 1 << 20;

/// Mines the file, and writes its patterns with their counts, or the pattern of each line.
///
/// # Errors
/// Where the file cannot be read, or what is found not be written.
pub(crate) fn templates(arguments: &cli::Templates) -> anyhow::Result<()> {
    let mut miner = Miner::new(MOST);
    // the template of each line, where that is asked for
    let mut lines = Vec::new();
    each_message(arguments, |message| {
        let template = miner.add(message);
        if arguments.assign {
            lines.push(template);
        }
    })?;
    let mined = miner.mined();
    let mut rows = Rows::new(arguments.format, io::BufWriter::new(io::stdout().lock()));
    let found: Box<dyn Iterator<Item = Row>> = if arguments.assign {
        Box::new(assigned(&mined, &lines))
    } else {
        Box::new(mined.patterns().iter().map(counted))
    };
    for row in found {
        if !rows.write(row)? {
            return Ok(());
        }
    }
    rows.flush().map(|_| ())
}

/// Hands over the messages of the file, one by one.
fn each_message(arguments: &cli::Templates, mut take: impl FnMut(&str)) -> anyhow::Result<()> {
    let file = &arguments.file;
    let mut reader = open(file)?;
    if let Some(column) = &arguments.column {
        let mut table = Table::new(file, reader)?;
        let message = table.column(column)?;
        while table.advance()? {
            take(&table.text(message));
        }
        return Ok(());
    }
    let mut line = Vec::new();
    while read_line(&mut *reader, &mut line, LONGEST_LINE).with_context(|| format!("cannot read {file}"))? {
        let text = String::from_utf8_lossy(&line);
        let log = if arguments.whole_lines { None } else { format::parse(&text, None).ok() };
        take(log.and_then(|log| log.message).as_deref().unwrap_or(&text));
    }
    Ok(())
}

/// A pattern and how many messages have it.
fn counted(pattern: &MinedPattern) -> Row {
    vec![("count".to_owned(), json!(pattern.count)), ("template".to_owned(), json!(pattern.text))]
}

/// Each line's pattern.
fn assigned<'a>(mined: &'a Mined, lines: &'a [usize]) -> impl Iterator<Item = Row> + 'a {
    (1_u64..).zip(lines).map(move |(line, template)| {
        let text = &mined.pattern(*template).text;
        let id = TemplateId::of_text(text).to_string();
        vec![
            ("LineId".to_owned(), json!(line)),
            ("cluster".to_owned(), json!(id)),
            ("template".to_owned(), json!(text)),
        ]
    })
}
