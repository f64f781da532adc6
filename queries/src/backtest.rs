//! [`Backtest`]: what a rule would have told of logs that have passed.

use std::{ops::ControlFlow, time::Duration};

use crossbeam_channel::{RecvTimeoutError, bounded};
use highwater_engine::{Flow, Job, JobError, Name, Plain, Query, Settings, Source, Timestamp, days};
use highwater_operators::{Alert, Dimension, Measure, RuleMetric, RuleSpec, SpecProblem, catalog};

use crate::{Detectors, MessagePatterns, Rollups, Rules, anomalies, patterns, rules, stats};

/// A rule and the stretch of event time over which it is tried. The dataflow is the one that rules run in, as fast as logs
/// are read, without state and without sinks.
#[derive(Clone, Debug)]
pub struct Backtest {
    /// What is tried.
    pub rule: RuleSpec,
    /// From when on its alerts are told.
    pub from: Timestamp,
    /// When it ends: later logs are not there.
    pub to: Timestamp,
    /// Those of the job that the rule is for.
    pub settings: Settings,
    /// Those of the job, where the rule is on anomalies.
    pub detectors: Detectors,
}

/// How far a test has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BacktestProgress {
    /// Logs read.
    pub logs: u64,
    /// The watermark: what is before it is done.
    pub at: Timestamp,
}

/// What a test found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BacktestReport {
    /// The alerts, oldest first, as they stood at the end.
    pub alerts: Vec<Alert>,
    /// Logs read.
    pub logs: u64,
}

/// Why a test found nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BacktestError {
    /// The rule cannot be.
    #[error("the rule: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Rule(Vec<SpecProblem>),
    /// The stretch ends before it begins.
    #[error("`from` must be before `to`")]
    Range,
    /// It was stopped.
    #[error("the test was stopped")]
    Stopped,
    /// Logs could not be read.
    #[error(transparent)]
    Job(#[from] JobError),
}

/// How often progress is told.
const EVERY: Duration = Duration::from_millis(100);

impl Backtest {
    /// From when on logs matter: windows are to be full, and alerts long enough, when the test begins.
    pub fn reads_from(&self) -> Timestamp {
        let RuleSpec { time_window, hold, keep_firing_for, .. } = self.rule;
        self.from.minus(time_window).minus(hold).minus(keep_firing_for)
    }

    /// Reads the sources to their end, and tells what the rule would have told. `progress` is called now and then; it may
    /// stop the test.
    ///
    /// # Errors
    /// Where the rule or the stretch makes no sense, logs cannot be read, or the test was stopped.
    pub fn run(
        self,
        sources: Vec<Box<dyn Source>>,
        mut progress: impl FnMut(BacktestProgress) -> ControlFlow<()>,
    ) -> Result<BacktestReport, BacktestError> {
        let problems = self.rule.problems();
        if !problems.is_empty() {
            return Err(BacktestError::Rule(problems));
        }
        if self.from >= self.to {
            return Err(BacktestError::Range);
        }
        let (from, settings) = (self.from, self.settings());
        let running = Job { settings, sources, queries: vec![Box::new(Trial::of(self))], ..Job::default() }.start()?;
        let (views, metrics, stop) = (running.views(), running.metrics(), running.stopper());
        let (ends, ended) = bounded(1);
        let waiting = std::thread::spawn(move || {
            // whoever is told has not gone: it waits for this thread
            let _ = ends.send(running.join());
        });
        let mut stopped = false;
        let outcome = loop {
            let now = BacktestProgress { logs: metrics.logs.get(), at: views.snapshot().watermark };
            if !stopped && progress(now).is_break() {
                stopped = true;
                stop();
            }
            match ended.recv_timeout(EVERY) {
                Ok(outcome) => break outcome,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break Err(JobError::Panicked("backtest")),
            }
        };
        let _ = waiting.join();
        outcome?;
        if stopped {
            return Err(BacktestError::Stopped);
        }
        let snapshot = views.snapshot();
        let rows = [catalog::ALERTS, catalog::PENDING_ALERTS].map(|view| snapshot.rows::<Plain<Name>, Alert>(view));
        let mut alerts: Vec<Alert> = rows.into_iter().flatten().flat_map(|rows| rows.values().cloned()).collect();
        alerts.retain(|alert| alert.resolved_at.is_none_or(|at| at > from));
        alerts.sort_by(|a, b| (a.since, &a.id).cmp(&(b.since, &b.id)));
        Ok(BacktestReport { alerts, logs: metrics.logs.get() })
    }

    fn settings(&self) -> Settings {
        Settings {
            cluster: None,
            // a source that is slow is not silent
            idle_after: days(36_500),
            ..self.settings.clone()
        }
    }
}

/// The rule with as much of the built-in queries as it needs.
struct Trial {
    test: Backtest,
    rules: Rules,
}

impl Trial {
    fn of(test: Backtest) -> Self {
        let rules = Rules::default();
        // nothing else is ever in it
        drop(rules.input.set(test.rule.id.clone(), Some(test.rule.clone())));
        Trial { test, rules }
    }
}

impl Query for Trial {
    fn name(&self) -> &str {
        "backtest"
    }

    fn build(&self, flow: &mut Flow<'_>) {
        let Backtest { rule, to, detectors, .. } = &self.test;
        let from = self.test.reads_from();
        flow.within(from..*to);
        flow.waits_for(Measure::of(rule, flow.settings().retention).step());
        let stats = stats::build(flow, &Rollups::default());
        let by = |dimension| rule.group_by == Some(dimension);
        let anomalies = (rule.metric == RuleMetric::AnomalyScore)
            .then(|| anomalies::build(flow, anomalies::find(flow, &stats.closed, &stats.minutes, detectors)));
        let templates = by(Dimension::Template).then(|| patterns::build(flow, &MessagePatterns::default()).counts);
        let hosts = by(Dimension::Host).then(|| rules::hosts(flow));
        let sources = rules::Sources { stats, templates, anomalies, hosts };
        rules::build_for(flow, &self.rules, &sources, to.since(from));
    }
}
