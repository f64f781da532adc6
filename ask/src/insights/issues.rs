//! What is wrong with a service, a line each.

use super::{
    Incident, PatternNews, ServiceFigures, Volume,
    prose::{count, latency, percent},
};

/// Most anomalies, alerts and messages of a service that are told one by one.
const TOLD: usize = 3;
/// Fewer errors than this are no news, whatever their share.
const FEW_ERRORS: u64 = 10;
/// Fewer logs than this do not make a volume that can fall or rise.
const FEW_LOGS: u64 = 50;

/// Worst first: errors, silence, alerts, latency, anomalies, volume, messages.
pub(super) fn issues(figures: &ServiceFigures) -> Vec<String> {
    let mut issues = Vec::new();
    issues.extend(errors(figures));
    issues.extend(silence(figures));
    issues.extend(told(&figures.alerts, "alert", "alerts"));
    issues.extend(slowness(figures));
    issues.extend(told(&figures.anomalies, "anomaly", "anomalies"));
    issues.extend(volume(figures));
    issues.extend(messages(&figures.patterns));
    issues
}

fn errors(figures: &ServiceFigures) -> Option<String> {
    let Volume { logs, errors, .. } = figures.now;
    let share = figures.now.error_percent();
    let before = figures.before.filter(|before| before.logs > 0).map(|before| before.error_percent());
    let is_up = before.is_some_and(|before| share >= 2.0 * before && errors >= FEW_ERRORS);
    if share < 5.0 && !is_up {
        return None;
    }
    let change = match before {
        Some(before) if share >= 1.5 * before => format!(", up from {}", percent(before)),
        Some(before) if share <= before / 1.5 => format!(", down from {}", percent(before)),
        Some(_) => ", as before".to_owned(),
        None => String::new(),
    };
    Some(format!("{} of {} logs are errors{change}", percent(share), count(logs)))
}

fn silence(figures: &ServiceFigures) -> Option<String> {
    let before = figures.before.filter(|before| before.logs > 0 && figures.now.logs == 0)?;
    Some(format!("silent: no log, {} in the period before", count(before.logs)))
}

/// The gravest by name, the others by number.
fn told(incidents: &[Incident], one: &str, many: &str) -> Vec<String> {
    let mut gravest: Vec<&Incident> = incidents.iter().collect();
    gravest.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.what.cmp(&b.what)));
    let others = gravest.len().saturating_sub(TOLD);
    let named = gravest.iter().take(TOLD).map(|incident| format!("{} {one}: {}", incident.severity, incident.what));
    let rest = (others > 0).then(|| format!("{others} more {}", if others == 1 { one } else { many }));
    named.chain(rest).collect()
}

fn slowness(figures: &ServiceFigures) -> Option<String> {
    let (now, before) = (figures.now.p95_ms?, figures.before?.p95_ms?);
    let is_slower = now >= 1.5 * before && now - before >= 50.0;
    is_slower.then(|| format!("95th percentile of latency {}, up from {}", latency(now), latency(before)))
}

fn volume(figures: &ServiceFigures) -> Option<String> {
    let (now, before) = (figures.now.logs, figures.before?.logs);
    if before < FEW_LOGS || now == 0 {
        return None;
    }
    let times = now as f64 / before as f64;
    if times >= 2.0 {
        Some(format!("{times:.1} times the logs: {}, {} before", count(now), count(before)))
    } else if times <= 0.5 {
        Some(format!("{} fewer logs: {}, {} before", percent((1.0 - times) * 100.0), count(now), count(before)))
    } else {
        None
    }
}

fn messages(patterns: &[PatternNews]) -> Vec<String> {
    let mut news: Vec<&PatternNews> =
        patterns.iter().filter(|news| news.count > 0 && (news.before == 0 || news.count >= 3 * news.before)).collect();
    news.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.template.cmp(&b.template)));
    let told = news.iter().take(TOLD).map(|news| {
        let times = if news.count == 1 { "once".to_owned() } else { format!("{} times", count(news.count)) };
        if news.before == 0 {
            format!("new error, {times}: “{}”", news.template)
        } else {
            format!("surging error, {times} after {}: “{}”", count(news.before), news.template)
        }
    });
    told.collect()
}
