//! What insights are drawn from: each service's figures, those of the period before, and what speaks against it.

use std::collections::BTreeMap;

use highwater_ask::{InsightScene, PatternNews, ServiceFigures, Volume};
use highwater_engine::{Name, Snapshot, Timestamp, Windowed, minutes};
use highwater_operators::{Messages, ServiceStats, catalog};

use super::{condition::Signs, figures::millis, period::Period, resolution::RESOLUTIONS, rows::services};

/// Services whose figures are given, those with most errors first.
const MOST_SERVICES: usize = 1000;

/// The services that views know.
pub(crate) fn known_services(snapshot: &Snapshot) -> Vec<Name> {
    let rows = RESOLUTIONS.iter().find_map(|resolution| resolution.rows(snapshot));
    rows.map(|rows| services(rows).cloned().collect()).unwrap_or_default()
}

pub(crate) fn insight_scene(period: &Period<'_>) -> InsightScene {
    let (now, before) = (period.by_service(), period.by_service_before());
    let signs = Signs::read(period);
    let mut patterns = pattern_news(period);
    let silent = before.iter().flatten().filter(|(name, stats)| !now.contains_key(*name) && stats.levels.total() > 0);
    let mut names: Vec<&Name> = now.keys().chain(silent.map(|(name, _)| name)).collect();
    names.sort_by_key(|name| std::cmp::Reverse(now.get(*name).map_or(0, |stats| stats.levels.errors())));
    let figures = |name: &Name| ServiceFigures {
        name: name.to_string(),
        now: now.get(name).map(volume).unwrap_or_default(),
        before: before.as_ref().map(|before| before.get(name).map(volume).unwrap_or_default()),
        anomalies: signs.incidents(name),
        alerts: signs.open_alerts(name),
        patterns: patterns.remove(name).unwrap_or_default(),
    };
    InsightScene { period: period.span.length, services: names.into_iter().take(MOST_SERVICES).map(figures).collect() }
}

fn volume(stats: &ServiceStats) -> Volume {
    let levels = &stats.levels;
    Volume { logs: levels.total(), errors: levels.errors(), p95_ms: millis(stats.latency.quantile(0.95)) }
}

/// Error messages by service, with how often they came before; none where nothing is known of before: everything would
/// be new.
fn pattern_news(period: &Period<'_>) -> BTreeMap<Name, Vec<PatternNews>> {
    let Some(rows) = period.snapshot.rows::<Windowed<(Name, Name)>, Messages>(catalog::TOP_ERRORS) else {
        return BTreeMap::new();
    };
    let from = period.from.align(minutes(1));
    let start = from.minus(period.span.length);
    let mut counts = BTreeMap::<&(Name, Name), (u64, u64)>::new();
    let mut oldest = Timestamp::MAX;
    for (row, messages) in rows.iter() {
        oldest = oldest.min(row.window.start);
        if row.window.start >= start && row.window.start < period.to {
            let (count, before) = counts.entry(&row.key).or_default();
            *(if row.window.start >= from { count } else { before }) += messages.count;
        }
    }
    let mut news = BTreeMap::<Name, Vec<PatternNews>>::new();
    if oldest <= start {
        for ((service, template), (count, before)) in counts {
            let template = template.to_string();
            news.entry(service.clone()).or_default().push(PatternNews { template, count, before });
        }
    }
    news
}
