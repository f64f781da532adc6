//! `highwater demo`: a made-up web shop through the dataflow that production uses.

use anyhow::Context;
use highwater_alerting::Receiver;
use highwater_server::Rates;

use crate::{
    cli,
    config::{self, Folder, Generated, Source},
    run::{self, Show},
};

/// Runs the demo until Ctrl-C.
///
/// # Errors
/// Where the port is taken, or the job fails.
pub(crate) fn demo(arguments: &cli::Demo) -> anyhow::Result<()> {
    // the environment and flags reach a demo too; it has no file
    let mut config = config::without_file(
        &arguments.common,
        vec![
            Source::Generator(Generated {
                rate: arguments.rate,
                seed: arguments.seed,
                history: arguments.history,
                ..Generated::default()
            }),
            Source::Http { max_waiting_bytes: config::MAX_WAITING_BYTES },
        ],
    )?;
    // whoever looks at it is to see who would be told of what
    let receivers = &mut config.alerts.settings.receivers;
    if receivers.is_empty() {
        receivers.push(Receiver::console());
    }
    // a demo is the same each time
    config.state = None;
    let folder = tempfile::Builder::new().prefix("highwater-demo-").tempdir();
    let folder = folder.context("cannot make a folder for logs to search")?;
    config.search.folder = Folder::At(folder.path().to_owned());
    // it is there to be tried out
    config.http.rates = Rates::UNLIMITED;
    // the past that the generator brings along must not be too old to be taken
    let settings = &mut config.settings;
    settings.retention = settings.retention.max(arguments.history + settings.lateness);
    // where there are few logs, more of their traces can be looked at
    let share = &mut config.queries.service_graph.share;
    *share = share.max(0.25);
    let title = format!("Highwater demo: a made-up web shop, about {} logs a second", arguments.rate);
    run::operate(&config, &Show { history: arguments.history, title })
}
