//! A rule tried on logs that have passed tells what the job that ran it tells.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::{collections::BTreeMap, ops::ControlFlow, time::Duration};

use highwater_engine::{
    Intake, Name, Positions, Progress, Reader, Settings, Source, SourceError, Timestamp, hours, minutes, seconds,
};
use highwater_operators::{AlertStatus, Condition, Dimension, Evaluate, NoData, Real, RuleMetric, RuleSpec, Severity};
use highwater_queries::{Backtest, BacktestError, Detectors};

/// A log every ten seconds, an error from one time to another.
#[derive(Clone)]
struct Logs {
    next: Timestamp,
    to: Timestamp,
    errors: [Timestamp; 2],
}

impl Source for Logs {
    fn name(&self) -> Name {
        "logs".into()
    }
    fn open(&self, worker: usize, _: usize, _: &Positions) -> Result<Box<dyn Reader>, SourceError> {
        let end = if worker == 0 { self.to } else { Timestamp::MIN };
        Ok(Box::new(Logs { to: end, ..self.clone() }))
    }
}

impl Reader for Logs {
    fn read(&mut self, intake: &mut Intake, _: Duration) -> Result<Progress, SourceError> {
        if self.next >= self.to {
            return Ok(Progress::Finished);
        }
        let slot = intake.partition(0);
        while !intake.is_full() && self.next < self.to {
            let at = self.next;
            let level = if (self.errors[0]..self.errors[1]).contains(&at) { "ERROR" } else { "INFO" };
            let log = format!(r#"{{"timestamp":"{at}","level":"{level}","service":"cart","message":"m"}}"#);
            intake.record(slot, 1, None, log.as_bytes());
            self.next = at.plus(seconds(10));
        }
        Ok(Progress::More)
    }
}

fn at(minute: u64) -> Timestamp {
    Timestamp::from_millis(86_400_000).plus(minutes(minute))
}

fn rule(metric: RuleMetric, threshold: f64) -> RuleSpec {
    RuleSpec {
        id: Name::from("1"),
        name: Name::from("errors"),
        description: String::new(),
        severity: Severity::High,
        labels: BTreeMap::new(),
        metric,
        condition: Condition::GreaterThan,
        threshold: Real::from(threshold),
        clear_threshold: None,
        time_window: minutes(1),
        hold: minutes(2),
        keep_firing_for: Duration::ZERO,
        levels: Vec::new(),
        services: Vec::new(),
        group_by: Some(Dimension::Service),
        no_data: NoData::Keep,
        evaluate: Evaluate::Final,
    }
}

fn test(rule: RuleSpec, from: u64, to: u64) -> Backtest {
    let settings = Settings { retention: minutes(5), ..Settings::default() };
    Backtest { rule, from: at(from), to: at(to), settings, detectors: Detectors::default() }
}

fn logs(from: u64, to: u64) -> Vec<Box<dyn Source>> {
    vec![Box::new(Logs { next: at(from), to: at(to), errors: [at(100), at(160)] })]
}

#[test]
fn alerts_are_those_of_the_stretch_whatever_the_job_retains() {
    let test = test(rule(RuleMetric::ErrorRate, 50.0), 60, 600);
    assert_eq!(test.reads_from(), at(57));
    let mut seen = Vec::new();
    let report = test.run(logs(0, 900), |progress| {
        seen.push(progress);
        ControlFlow::Continue(())
    });
    let report = report.unwrap();
    assert_eq!(report.logs, 900 * 6);
    let [alert] = &report.alerts[..] else { panic!("{:?}", report.alerts) };
    // half a minute in, more than half of a window's logs are errors; half a minute after the last, no more than half
    let found = (alert.since, alert.firing_from, alert.resolved_at, alert.status);
    let half = seconds(30);
    let since = at(100).plus(half);
    assert_eq!(found, (since, since.plus(minutes(2)), Some(at(160).plus(half)), AlertStatus::Resolved));
    assert!(seen.is_sorted_by_key(|progress| progress.logs));
}

#[test]
fn what_lasts_at_the_end_fires_still_and_the_time_after_is_no_silence() {
    let report = test(rule(RuleMetric::ErrorRate, 50.0), 60, 130).run(logs(0, 900), |_| ControlFlow::Continue(()));
    assert_eq!(report.unwrap().alerts.iter().map(|alert| alert.status).collect::<Vec<_>>(), [AlertStatus::Firing]);
    let report = test(rule(RuleMetric::Absence, 0.0), 60, 130).run(logs(0, 900), |_| ControlFlow::Continue(()));
    assert_eq!(report.unwrap().alerts, []);
    let report = test(rule(RuleMetric::ErrorRate, 50.0), 300, 400).run(logs(0, 900), |_| ControlFlow::Continue(()));
    assert_eq!(report.unwrap().alerts, []);
}

#[test]
fn it_can_be_stopped_and_says_what_is_wrong() {
    let endless = || -> Vec<Box<dyn Source>> {
        vec![Box::new(Logs { next: at(0), to: Timestamp::now(), errors: [at(1), at(2)] })]
    };
    let stopped = test(rule(RuleMetric::Count, 1.0), 60, 130).run(endless(), |_| ControlFlow::Break(()));
    assert!(matches!(stopped, Err(BacktestError::Stopped)));
    let wrong = RuleSpec { time_window: hours(25), ..rule(RuleMetric::Count, 1.0) };
    let wrong = test(wrong, 60, 130).run(Vec::new(), |_| ControlFlow::Continue(()));
    assert!(matches!(&wrong, Err(BacktestError::Rule(problems)) if problems[0].field == "time_window"));
    let range = test(rule(RuleMetric::Count, 1.0), 130, 60).run(Vec::new(), |_| ControlFlow::Continue(()));
    assert!(matches!(range, Err(BacktestError::Range)));
}
