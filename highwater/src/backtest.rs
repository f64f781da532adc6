//! `highwater backtest`: when a rule would have fired over logs that have passed.

use std::{fmt::Write, ops::ControlFlow, path::Path, time::Duration};

use anyhow::{anyhow, bail};
use highwater_alerting::RuleDraft;
use highwater_connectors::FileSource;
use highwater_engine::{Name, Settings, Source, hours};
use highwater_operators::{Alert, AlertStatus};
use highwater_queries::{Backtest, BacktestProgress, BacktestReport, Detectors};
use serde_json::json;

use crate::{cli, config::show_duration, generate::kafka_place, office, status, wire};

/// How much earlier than its logs a topic's record may have been written, by its broker's clock.
const DISORDER: Duration = hours(1);

/// Tries the rule out, and says what it would have told.
///
/// # Errors
/// Where the rule cannot be, or logs cannot be read.
pub(crate) fn backtest(arguments: &cli::Backtest) -> anyhow::Result<()> {
    let draft = chosen(office::rules(&arguments.rule)?, arguments.name.as_deref(), &arguments.rule)?;
    let rule = draft.spec(Name::from("backtest"));
    let (from, to) = (arguments.from, arguments.to);
    let test = Backtest { rule, from, to, settings: Settings::default(), detectors: Detectors::default() };
    let reads_from = test.reads_from().minus(DISORDER);
    let source = |logs: &String| -> anyhow::Result<Box<dyn Source>> {
        Ok(match kafka_place(logs)? {
            Some((brokers, topic)) => wire::kafka_past(brokers, topic, reads_from),
            None => Box::new(FileSource::new(logs)),
        })
    };
    let sources = arguments.logs.iter().map(source).collect::<anyhow::Result<_>>()?;
    let report = test.run(sources, |BacktestProgress { logs, at }| {
        if status::is_terminal() {
            status::show(format!("{logs} logs read, up to {at}"));
        }
        ControlFlow::Continue(())
    });
    status::clear();
    let report = report?;
    status::say(&if arguments.json { as_json(&report) } else { in_words(&draft, &report, arguments) });
    Ok(())
}

fn chosen(drafts: Vec<RuleDraft>, name: Option<&str>, file: &Path) -> anyhow::Result<RuleDraft> {
    let names: Vec<String> = drafts.iter().map(|draft| draft.name.clone()).collect();
    let mut found = drafts.into_iter().filter(|draft| name.is_none_or(|name| draft.name == name));
    match (found.next(), found.next()) {
        (Some(draft), None) => {
            let problems = draft.problems();
            if problems.is_empty() {
                return Ok(draft);
            }
            let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
            Err(anyhow!("{}: rule {:?}: {}", file.display(), draft.name, told.join("; ")))
        }
        (Some(_), Some(_)) => bail!("{} has several rules, say which by --name: {}", file.display(), names.join(", ")),
        (None, _) => bail!("{} has no such rule; it has: {}", file.display(), names.join(", ")),
    }
}

fn in_words(draft: &RuleDraft, report: &BacktestReport, arguments: &cli::Backtest) -> String {
    let fired: Vec<&Alert> = report.alerts.iter().filter(|alert| alert.status != AlertStatus::Pending).collect();
    let mut text = format!(
        "{}: {} alerts from {} to {}, over {} logs\n",
        draft.name,
        fired.len(),
        arguments.from,
        arguments.to,
        report.logs
    );
    for alert in fired {
        let end = alert.resolved_at.unwrap_or(arguments.to);
        let lasted = show_duration(end.since(alert.firing_from));
        let until = match alert.resolved_at {
            Some(at) => format!("until {at}, for {lasted}"),
            None => format!("and still did at the end, for {lasted}"),
        };
        // writing to a string does not fail
        let _ = writeln!(text, "  {}  fired at {} {until}; peak {}", alert.key, alert.firing_from, *alert.peak);
    }
    text.trim_end().to_owned()
}

fn as_json(report: &BacktestReport) -> String {
    json!({ "alerts": report.alerts, "logs": report.logs }).to_string()
}
