//! The patterns of a file's messages: `cargo run --release -p highwater-operators --example templates -- FILE [COLUMN]`.
//!
//! FILE has a message a line or, where COLUMN names one of its columns, is CSV with a header. Prints CSV in the order of
//! the file: `LineId,cluster,template`, the id of each message's pattern and its text with `<*>` for every variable. With
//! `--masks` templates themselves are the patterns: what masking does alone.

#![allow(clippy::print_stderr)]

use std::{collections::BTreeSet, error::Error, fs, io, time::Instant};

use highwater_operators::{TemplateId, pattern_texts, template};

fn main() -> Result<(), Box<dyn Error>> {
    let (flags, arguments): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|word| word.starts_with("--"));
    let clustered = match flags.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => true,
        ["--masks"] => false,
        _ => return Err("the one flag is --masks".into()),
    };
    let messages = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [file] => fs::read_to_string(file)?.lines().map(str::to_owned).collect(),
        [file, column] => column_of(file, column)?,
        _ => return Err("FILE [COLUMN] [--masks]".into()),
    };
    let started = Instant::now();
    let templates: Vec<_> = messages.iter().map(|message| template(message)).collect();
    let took = started.elapsed().as_secs_f64();
    let rate = messages.len() as f64 / took / 1e3;
    let distinct: BTreeSet<&str> = templates.iter().map(|template| &**template).collect();
    let texts = pattern_texts(distinct.iter().copied());
    let patterns: BTreeSet<&String> = texts.values().collect();
    eprintln!(
        "{} messages masked at {rate:.0} thousand a second: {} templates, {} patterns",
        messages.len(),
        distinct.len(),
        patterns.len()
    );
    let mut out = csv::Writer::from_writer(io::stdout().lock());
    out.write_record(["LineId", "cluster", "template"])?;
    for (line, template) in (1..).zip(&templates) {
        let own: &str = template;
        let text = texts.get(own).map(String::as_str).filter(|_| clustered).unwrap_or(own);
        out.write_record([format!("{line}"), TemplateId::of_text(text).to_string(), starred(text)])?;
    }
    Ok(out.flush()?)
}

fn column_of(file: &str, column: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let mut reader = csv::Reader::from_path(file)?;
    let at = reader.headers()?.iter().position(|name| name == column).ok_or("the file has no such column")?;
    reader.records().map(|record| Ok(record?.get(at).unwrap_or_default().to_owned())).collect()
}

/// Every `<..>` as `<*>`.
fn starred(text: &str) -> String {
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase());
    let mut starred = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        starred.push_str(before);
        match after.split_once('>').filter(|(name, _)| is_name(name)) {
            Some((_, behind)) => {
                starred.push_str("<*>");
                rest = behind;
            }
            None => {
                starred.push('<');
                rest = after;
            }
        }
    }
    starred + rest
}
