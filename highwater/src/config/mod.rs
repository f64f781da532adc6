//! Configuration: TOML, with the environment over it, and flags over both.
//!
//! Everything that is wrong is found in one go, and told with its place. `schema` says what there is, `tree` holds what
//! was written and where, `values` reads single values, `env` adds the environment, `suggest` guesses what was meant.

mod env;
mod schema;
mod suggest;
mod tree;
mod values;

use std::path::Path;

use anyhow::Context;

pub(crate) use self::{
    schema::{
        Brokers, Config, DeadLetters, FileSource, Generated, KafkaSource, Sink, SinkTarget, Source, Start, Webhook,
    },
    suggest::hint,
    values::{parse_duration, show_duration},
};
use self::tree::{Node, Place, Problems, What};
use crate::cli::Common;

/// Reads a configuration file, the environment and flags.
///
/// # Errors
/// Everything that is wrong, a line each.
pub(crate) fn load(file: &Path, common: &Common) -> anyhow::Result<Config> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read the configuration file {}", file.display()))?;
    read(Some(file), &text, std::env::vars(), common)
}

/// The same, of a text and given variables.
pub(crate) fn read(
    file: Option<&Path>,
    text: &str,
    variables: impl IntoIterator<Item = (String, String)>,
    common: &Common,
) -> anyhow::Result<Config> {
    let problems = Problems::of_file(file);
    let config = read_into(text, variables, common, &problems);
    if problems.is_empty() { Ok(config) } else { Err(Wrong(problems).into()) }
}

fn read_into(
    text: &str,
    variables: impl IntoIterator<Item = (String, String)>,
    common: &Common,
    problems: &Problems,
) -> Config {
    let mut root = tree::parse(text, problems);
    env::overlay(&mut root, variables, problems);
    let flags = [
        ("--listen", ["http", "listen"], &common.listen),
        ("--workers", ["limits", "workers"], &common.workers),
        ("--log-level", ["logging", "level"], &common.log_level),
        ("--log-format", ["logging", "format"], &common.log_format),
    ];
    for (flag, path, value) in flags {
        if let Some(value) = value {
            let node = Node { what: What::Raw(value.clone()), place: Place::Flag(flag) };
            if let Err(what) = env::set(&mut root, path, node) {
                problems.add(&Place::Flag(flag), "", what);
            }
        }
    }
    schema::read(root, problems)
}

/// A configuration that is wrong.
#[derive(Debug)]
pub(crate) struct Wrong(Problems);

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = self.0.len();
        writeln!(f, "the configuration is wrong in {count} place{}", if count == 1 { "" } else { "s" })?;
        self.0.fmt(f)
    }
}

impl std::error::Error for Wrong {}

#[cfg(test)]
mod tests;
