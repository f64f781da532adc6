//! How fast templates are mined, on one core: `cargo run --release -p highwater-operators --example templates -- FILE [COLUMN]`.
//!
//! FILE has a message a line or, where COLUMN names one of its columns, is CSV with a header. It is read into memory first and
//! gone through again and again for some seconds. What patterns there are, `highwater
//! templates` shows.

#![allow(clippy::print_stdout)]

use std::{error::Error, fs, time::Instant};

use highwater_operators::{Miner, template};

/// More than a run has.
const MOST: usize = 1 << 16;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let messages = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [file] => fs::read_to_string(file)?.lines().map(str::to_owned).collect(),
        [file, column] => column_of(file, column)?,
        _ => return Err("FILE [COLUMN]".into()),
    };
    let mut masked_bytes = 0;
    let masked = rate(&messages, |message| masked_bytes += template(message).len());
    let mut miner = Miner::new(MOST);
    let mined = rate(&messages, |message| {
        miner.add(message);
    });
    let patterns = miner.mined().patterns().len();
    println!("{} messages, {patterns} patterns", messages.len());
    println!("each masked:           {masked:>7.0} thousand messages a second");
    println!("each shape masked once {mined:>7.0} thousand messages a second");
    Ok(())
}

/// Thousands of messages a second, going round and round for two seconds at least.
fn rate(messages: &[String], mut each: impl FnMut(&str)) -> f64 {
    let started = Instant::now();
    let mut done = 0;
    while started.elapsed().as_secs() < 2 {
        messages.iter().for_each(|message| each(message));
        done += messages.len();
    }
    done as f64 / started.elapsed().as_secs_f64() / 1e3
}

fn column_of(file: &str, column: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let mut reader = csv::Reader::from_path(file)?;
    let at = reader.headers()?.iter().position(|name| name == column).ok_or("the file has no such column")?;
    reader.records().map(|record| Ok(record?.get(at).unwrap_or_default().to_owned())).collect()
}
