//! Sentences, and numbers with units.

use std::{fmt::Write, time::Duration};

use highwater_operators::Health;

use super::{InsightScene, ServiceFigures, ServiceInsight, Volume};

/// Services that the summary tells of one by one, and of each so many issues.
const TOLD: usize = 3;
const ISSUES: usize = 2;

pub(super) fn summary(scene: &InsightScene, services: &[(&ServiceFigures, ServiceInsight)]) -> String {
    let total = sum(services.iter().map(|(figures, _)| figures.now));
    let period = period(scene.period);
    if services.is_empty() || total.logs == 0 && services.iter().all(|(_, insight)| insight.issues.is_empty()) {
        return format!("No logs in {period}.");
    }
    let worrying: Vec<&(&ServiceFigures, ServiceInsight)> =
        services.iter().filter(|(_, insight)| is_worrying(insight)).collect();
    let mut text = headline(worrying.len(), services.len());
    for (_, insight) in worrying.iter().take(TOLD) {
        let issues: Vec<&str> = insight.issues.iter().take(ISSUES).map(String::as_str).collect();
        let status =
            if insight.status == Health::Healthy { String::new() } else { format!(" is {}", insight.status.as_str()) };
        let _ = write!(text, " {}{status}: {}.", insight.name, issues.join("; "));
    }
    let others: Vec<&str> = worrying.iter().skip(TOLD).take(TOLD).map(|(_, insight)| insight.name.as_str()).collect();
    if !others.is_empty() {
        let more = worrying.len().saturating_sub(2 * TOLD);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let _ = write!(text, " Also: {}{more}.", others.join(", "));
    }
    let _ = write!(text, " {} logs in {period}, {} of them errors", count(total.logs), percent(total.error_percent()));
    let before = services.iter().map(|(figures, _)| figures.before).collect::<Option<Vec<_>>>();
    match before.map(|before| sum(before.into_iter())).filter(|before| before.logs > 0) {
        Some(before) => {
            let _ = write!(text, " ({} of {} before).", percent(before.error_percent()), count(before.logs));
        }
        None => text.push('.'),
    }
    text
}

fn is_worrying(insight: &ServiceInsight) -> bool {
    !insight.issues.is_empty()
}

fn headline(worrying: usize, services: usize) -> String {
    match (worrying, services) {
        (0, 1) => "The one service is healthy.".to_owned(),
        (0, _) => format!("All {services} services are healthy."),
        (1, 1) => "The one service needs a look.".to_owned(),
        (1, _) => format!("1 of {services} services needs a look."),
        _ => format!("{worrying} of {services} services need a look."),
    }
}

fn sum(volumes: impl Iterator<Item = Volume>) -> Volume {
    volumes.fold(Volume::default(), |sum, volume| Volume {
        logs: sum.logs.saturating_add(volume.logs),
        errors: sum.errors.saturating_add(volume.errors),
        p95_ms: None,
    })
}

fn period(period: Duration) -> String {
    let minutes = period.as_secs() / 60;
    match minutes {
        60 => "the last hour".to_owned(),
        1440 => "the last 24 hours".to_owned(),
        _ if minutes >= 2880 && minutes.is_multiple_of(1440) => format!("the last {} days", minutes / 1440),
        _ if minutes > 60 && minutes.is_multiple_of(60) => format!("the last {} hours", minutes / 60),
        _ => format!("the last {minutes} minutes"),
    }
}

/// `12,300`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// One decimal below ten.
pub(super) fn percent(share: f64) -> String {
    match share {
        share if share > 0.0 && share < 0.05 => "less than 0.1 %".to_owned(),
        share if share < 9.95 && share.fract() != 0.0 => format!("{share:.1} %").replace(".0 %", " %"),
        share => format!("{share:.0} %"),
    }
}

pub(super) fn latency(ms: f64) -> String {
    if ms >= 1000.0 { format!("{:.1} s", ms / 1000.0) } else { format!("{ms:.0} ms") }
}
