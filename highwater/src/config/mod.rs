//! Configuration: TOML, with the environment over it, and flags over both.
//!
//! Everything that is wrong is found in one go, and told with its place. `schema` says what there is, `tree` holds what
//! was written and where, `values` reads single values, `env` adds the environment, `suggest` guesses what was meant.

mod accounts;
mod ai;
mod alerts;
mod brokers;
mod env;
mod http;
mod receivers;
mod schema;
mod search;
mod sinks;
mod sources;
mod suggest;
mod tree;
mod values;

use std::path::Path;

use anyhow::{Context, bail};

use self::tree::{Node, Place, Problems, What};
pub(crate) use self::{
    brokers::Brokers,
    schema::Config,
    search::Folder,
    sinks::{DeadLetters, Sink, SinkTarget},
    sources::{Generated, KafkaSource, MAX_WAITING_BYTES, Source},
    suggest::hint,
    values::{parse_duration, show_duration},
};
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

/// The configuration of a job whose sources are given; the environment and flags may set the rest.
///
/// # Errors
/// Everything that is wrong, a line each.
pub(crate) fn without_file(common: &Common, sources: Vec<Source>) -> anyhow::Result<Config> {
    // the list of sources must not be empty; this one makes way
    let mut config = read(None, "source = [{ type = \"generator\" }]", std::env::vars(), common)?;
    config.sources = sources;
    Ok(config)
}

/// The same, of a text and given variables.
fn read(
    file: Option<&Path>,
    text: &str,
    variables: impl IntoIterator<Item = (String, String)>,
    common: &Common,
) -> anyhow::Result<Config> {
    let problems = Problems::of_file(file);
    let config = read_into(text, variables, common, &problems);
    match problems.len() {
        0 => Ok(config),
        1 => bail!("the configuration is wrong\n{problems}"),
        count => bail!("the configuration is wrong in {count} places\n{problems}"),
    }
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

#[cfg(test)]
mod tests;
