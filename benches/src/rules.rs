//! What alert rules cost: the same logs of a thousand services under none, ten, and ten thousand of them.

use std::{collections::BTreeMap, ops::ControlFlow, time::Duration};

use anyhow::{Context, Result, bail};
use highwater_engine::{
    Flow, Intake, Job, Name, Positions, Progress, Query, Reader, Settings, Source, SourceError, Timestamp, minutes,
    seconds,
};
use highwater_operators::{Condition, Dimension, Evaluate, NoData, Real, RuleMetric, RuleSpec, Severity, catalog};
use highwater_queries::{Backtest, Detectors, Rollups, Rules, rules, stats};

use crate::{
    data::Data,
    source::{Memory, Rounds},
    usage::{Meter, Usage},
};

const SERVICES: usize = 1_000;
const WINDOWS: usize = 120;
/// Of each service in each window of ten seconds.
const LOGS: usize = 10;

/// Ten minutes' worth of logs of every service, twice, under so many rules, each of which is on one service.
pub(crate) fn run(rules: usize) -> Result<Usage> {
    let meter = Meter::start()?;
    let all = Rules::default();
    let entering = all.input.replace((0..rules).map(|number| (name(number), rule(number))).collect());
    let sources: Vec<Box<dyn Source>> = vec![Box::new(ManyServices)];
    let running = Job { sources, queries: vec![Box::new(OfRules(all))], ..Job::default() }.start()?;
    let views = running.views();
    entering.wait()?;
    running.join()?;
    let alerts = views.snapshot().view(catalog::ALERTS).context("the view")?.len();
    // one service in ten fails for a while, and half of all rules are on errors
    let expected = if rules == 0 { 0 } else { rules / 20 };
    if alerts < expected {
        bail!("{alerts} alerts of {rules} rules, {expected} at least were expected");
    }
    meter.stop((SERVICES * WINDOWS * LOGS) as u64)
}

/// A rule tried on logs that came at a thousand a second.
pub(crate) fn backtest() -> Result<Usage> {
    const LOGS: usize = 400_000;
    let rounds = Rounds { count: 1, length: seconds(LOGS as u64 / 1_000) };
    let source = Memory::new(&Data::generate(LOGS, 1_000)?, 1, rounds);
    let meter = Meter::start()?;
    let rule = RuleSpec { services: Vec::new(), ..rule(0) };
    let (from, to) = (Timestamp::now().minus(minutes(15)), Timestamp::now().plus(minutes(15)));
    let test = Backtest { rule, from, to, settings: Settings::default(), detectors: Detectors::default() };
    let report = test.run(vec![Box::new(source)], |_| ControlFlow::Continue(()))?;
    if report.logs != LOGS as u64 {
        bail!("{} logs were read of {LOGS}", report.logs);
    }
    meter.stop(report.logs)
}

fn name(number: usize) -> Name {
    Name::from(format!("rule-{number:05}"))
}

/// The rules of a service differ in what they measure, and in their thresholds.
fn rule(number: usize) -> RuleSpec {
    let variant = number / SERVICES;
    let (metric, threshold) = match variant % 4 {
        0 | 2 => (RuleMetric::ErrorRate, 10.0),
        1 => (RuleMetric::Count, 1_000.0),
        _ => (RuleMetric::LatencyP95, 1_000.0),
    };
    RuleSpec {
        id: name(number),
        name: name(number),
        description: String::new(),
        severity: Severity::High,
        labels: BTreeMap::new(),
        metric,
        condition: Condition::GreaterThan,
        threshold: Real::from(threshold + variant as f64),
        clear_threshold: None,
        time_window: if variant < 5 { seconds(10) } else { minutes(1) },
        hold: seconds(20),
        keep_firing_for: Duration::ZERO,
        levels: Vec::new(),
        services: vec![service(number % SERVICES)],
        group_by: Some(Dimension::Service),
        no_data: NoData::Keep,
        evaluate: Evaluate::Final,
    }
}

fn service(number: usize) -> Name {
    Name::from(format!("service-{number:04}"))
}

struct OfRules(Rules);

impl Query for OfRules {
    fn name(&self) -> &str {
        "of_rules"
    }
    fn build(&self, flow: &mut Flow<'_>) {
        let stats = stats::build(flow, &Rollups::default());
        rules::build(flow, &self.0, &rules::Sources { stats, templates: None, anomalies: None, hosts: None });
    }
}

/// Made as they are read, in the order of their times.
struct ManyServices;

impl Source for ManyServices {
    fn name(&self) -> Name {
        Name::from("many-services")
    }

    fn open(&self, _: usize, _: usize, _: &Positions) -> Result<Box<dyn Reader>, SourceError> {
        let start = Timestamp::now().minus(seconds(WINDOWS as u64 * 10));
        Ok(Box::new(ManyServicesReader { start: start.align(seconds(10)), at: 0 }))
    }
}

struct ManyServicesReader {
    start: Timestamp,
    at: usize,
}

impl Reader for ManyServicesReader {
    fn read(&mut self, intake: &mut Intake, _: Duration) -> Result<Progress, SourceError> {
        use std::io::Write;
        let slot = intake.partition(0);
        let mut record = Vec::with_capacity(128);
        while !intake.is_full() {
            let (window, round, service) = (self.at / (SERVICES * LOGS), self.at / SERVICES % LOGS, self.at % SERVICES);
            if window == WINDOWS {
                return Ok(Progress::Finished);
            }
            let time = self.start.plus(seconds((window * 10 + round) as u64));
            let fails = service.is_multiple_of(10) && (window / 20).is_multiple_of(2);
            let level = if fails { "ERROR" } else { "INFO" };
            record.clear();
            // a vector takes all that is written
            let _ = write!(
                record,
                r#"{{"timestamp":"{time}","level":"{level}","service":"service-{service:04}","latency_ms":{},"message":"m"}}"#,
                10 + self.at % 90
            );
            self.at += 1;
            intake.record(slot, self.at as i64, None, &record);
        }
        Ok(Progress::More)
    }
}
