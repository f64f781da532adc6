//! `/logs/patterns`: what messages have in common, how often they came in a range of time and how often before.

use std::{collections::BTreeMap, time::Duration};

use differential_dataflow::difference::Semigroup;
use highwater_engine::{Level, Name, Plain, Snapshot, Timestamp, ViewRows, Window, Windowed, hours, minutes};
use highwater_operators::{Levels, Occurrences, Pattern, TemplateId, catalog};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    error::Problem,
    identity::Access,
    metrics_api::{align_up, now, tidy},
    operation::{Answer, CURSOR, Handle, Kind, Operation, Param, Verb, of},
    params::{Params, RANGES, SERVICE, Span, TIME_RANGE},
    rates::Class,
    reply::json_at,
};

const LIMIT: Param = Param::limit(1000, 100);
const NEW: Param = Param::query(
    "new",
    Kind::OneOf(|| vec!["true", "false"], Some("false")),
    "Only those that were first seen in the range, latest first",
);

pub(crate) const OPERATIONS: &[Operation] = &[Operation {
    verb: Verb::Get,
    paths: &["/api/v1/logs/patterns"],
    tag: "Logs",
    about: "What messages have in common, how often they came and how often before",
    params: &[SERVICE, TIME_RANGE, NEW, LIMIT, CURSOR],
    body: None,
    answer: Answer::at_epoch(&[("application/json", Some(of::<Patterns>))]),
    access: Access::Read,
    class: Class::Usual,
    handle: Handle::Views(|call, snapshot| Ok(json_at(snapshot.epoch, &answer(snapshot, &call.params)?))),
}];

#[derive(Serialize, JsonSchema)]
struct Patterns {
    time_range: &'static str,
    from: Timestamp,
    to: Timestamp,
    /// What counts as now.
    timestamp: Timestamp,
    /// How many logs there are in the range, of all patterns.
    total_logs: u64,
    patterns: Vec<Row>,
    next_cursor: Option<String>,
}

/// A pattern of one service.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PatternRow")]
struct Row {
    pattern_id: TemplateId,
    /// Its text, with words that are variables between `<` and `>`.
    pattern: Name,
    service: Name,
    /// How many logs in the range.
    count: u64,
    /// In percent of all.
    share: f64,
    /// The change against the range before, in percent; none where that was not covered, or had none.
    trend: Option<f64>,
    first_seen: Timestamp,
    last_seen: Timestamp,
    /// Its first message.
    example: Name,
    /// The level of most of its logs.
    level: Option<Level>,
    /// Whether it was first seen in the range, though its service was well known by then.
    new: bool,
    /// How many templates it covers,
    templates: u32,
    /// the first of them.
    template_ids: Vec<TemplateId>,
}

/// A pattern of a service.
type Key = (Name, TemplateId);
type Counts = ViewRows<Windowed<Key>, Occurrences>;

/// Counts in windows of one length.
struct Resolution {
    view: &'static str,
    size: Duration,
    /// for how long they are kept at least
    kept: Duration,
}

const RESOLUTIONS: [Resolution; 2] = [
    Resolution { view: catalog::TEMPLATE_COUNTS_1M, size: minutes(1), kept: hours(1) },
    Resolution { view: catalog::TEMPLATE_COUNTS_10M, size: minutes(10), kept: hours(24) },
];

impl Resolution {
    /// The finest that reaches back so far.
    fn over(length: Duration) -> Option<&'static Resolution> {
        RESOLUTIONS.iter().find(|resolution| resolution.kept >= length)
    }

    fn rows<'a>(&self, snapshot: &'a Snapshot) -> Result<&'a Counts, Problem> {
        snapshot.rows(self.view).ok_or_else(|| Problem::no_view(self.view))
    }
}

fn answer(snapshot: &Snapshot, params: &Params) -> Result<Patterns, Problem> {
    let page = params.page(&LIMIT)?;
    let span = params.range()?;
    let only_new = params.choice(NEW.name, &[("true", true), ("false", false)])?.unwrap_or(false);
    let service = params.word("service")?.map(Name::from);
    let resolution = Resolution::over(span.length).ok_or_else(|| too_long(span))?;
    let known = Known::of(snapshot)?;

    let now = now(snapshot, None);
    let to = align_up(now, resolution.size);
    let from = to.minus(span.length);
    let counts = known.counts(resolution.rows(snapshot)?, service.as_ref(), from, to);
    let trend = Trend::over(&known, snapshot, service.as_ref(), span.length, now)?;
    let total: u64 = counts.values().map(|seen| seen.levels.total()).sum();

    let mut found: Vec<(Key, Occurrences, &Pattern)> = counts
        .into_iter()
        .filter_map(|(key, seen)| {
            let pattern = known.patterns.get(&Plain { key: key.clone() })?;
            Some((key, seen, pattern))
        })
        .filter(|(.., pattern)| !only_new || is_new(pattern, from))
        .collect();
    found.sort_by(|(a, m, p), (b, n, q)| {
        let latest = only_new.then(|| q.first_seen.cmp(&p.first_seen));
        let most = || n.levels.total().cmp(&m.levels.total());
        latest.unwrap_or(std::cmp::Ordering::Equal).then_with(most).then_with(|| a.cmp(b))
    });
    let (found, next_cursor) = page.cut(found);
    let row = |(key, seen, pattern): (Key, Occurrences, &Pattern)| {
        let count = seen.levels.total();
        Row {
            pattern_id: key.1,
            pattern: pattern.pattern.clone(),
            count,
            share: tidy(count as f64 / total as f64 * 100.0),
            trend: trend.of(&key),
            first_seen: pattern.first_seen,
            last_seen: seen.last_seen,
            example: pattern.example.clone(),
            level: most_frequent(&seen.levels),
            new: is_new(pattern, from),
            templates: pattern.templates,
            template_ids: pattern.template_ids.clone(),
            service: key.0,
        }
    };
    let patterns = found.into_iter().map(row).collect();
    let time_range = span.name;
    Ok(Patterns { time_range, from, to, timestamp: now, total_logs: total, patterns, next_cursor })
}

/// First seen in the range, though its service was well known by then.
fn is_new(pattern: &Pattern, from: Timestamp) -> bool {
    pattern.new && pattern.first_seen >= from
}

fn too_long(span: Span) -> Problem {
    let kept: Vec<_> =
        RANGES.iter().filter(|range| Resolution::over(range.length).is_some()).map(|range| range.name).collect();
    Problem::bad_parameter("time_range", span.name, &format!("{}: nothing older is kept", kept.join(", ")))
}

/// The level of most logs; of equally many the gravest.
fn most_frequent(levels: &Levels) -> Option<Level> {
    levels.iter().max_by_key(|(_, count)| *count).map(|(level, _)| level)
}

/// Patterns, and which template belongs to which.
struct Known<'a> {
    patterns: &'a ViewRows<Plain<Key>, Pattern>,
    of_templates: &'a ViewRows<Plain<Key>, TemplateId>,
}

impl<'a> Known<'a> {
    fn of(snapshot: &'a Snapshot) -> Result<Self, Problem> {
        let patterns = snapshot.rows(catalog::PATTERNS).ok_or_else(|| Problem::no_view(catalog::PATTERNS))?;
        let of_templates = snapshot.rows(catalog::TEMPLATES).ok_or_else(|| Problem::no_view(catalog::TEMPLATES))?;
        Ok(Known { patterns, of_templates })
    }

    /// What windows that start in `from..to` say of each pattern.
    fn counts(
        &self,
        rows: &Counts,
        service: Option<&Name>,
        from: Timestamp,
        to: Timestamp,
    ) -> BTreeMap<Key, Occurrences> {
        let mut counts: BTreeMap<Key, Occurrences> = BTreeMap::new();
        let mut template: Option<(&Key, Option<Key>)> = None;
        for (row, seen) in rows_of(rows, service).filter(|(row, _)| (from..to).contains(&row.window.start)) {
            let (_, pattern) = match template.take().filter(|(key, _)| *key == &row.key) {
                Some(same) => template.insert(same),
                None => template.insert((&row.key, self.pattern_of(&row.key))),
            };
            if let Some(pattern) = pattern {
                match counts.get_mut(pattern) {
                    Some(sum) => sum.plus_equals(seen),
                    None => {
                        counts.insert(pattern.clone(), *seen);
                    }
                }
            }
        }
        counts
    }

    fn pattern_of(&self, template: &Key) -> Option<Key> {
        let id = self.of_templates.get(&Plain { key: template.clone() })?;
        Some((template.0.clone(), *id))
    }
}

/// The rows of one service, or of all.
fn rows_of<'a>(
    rows: &'a Counts,
    service: Option<&'a Name>,
) -> impl Iterator<Item = (&'a Windowed<Key>, &'a Occurrences)> {
    let first = service.map(|service| Windowed {
        key: (service.clone(), TemplateId::OTHER),
        window: Window { start: Timestamp::MIN },
    });
    let from = match first {
        Some(first) => rows.range((std::ops::Bound::Included(first), std::ops::Bound::Unbounded)),
        None => rows.range((std::ops::Bound::Unbounded, std::ops::Bound::Unbounded)),
    };
    from.take_while(move |(row, _)| service.is_none_or(|service| row.key.0 == *service))
}

/// How often patterns came in a range and in the one before, over whole windows: the one under way would always look
/// like a drop. None where the earlier one is not kept or was not covered wholly.
struct Trend(Option<[BTreeMap<Key, Occurrences>; 2]>);

impl Trend {
    fn over(
        known: &Known<'_>,
        snapshot: &Snapshot,
        service: Option<&Name>,
        length: Duration,
        now: Timestamp,
    ) -> Result<Self, Problem> {
        let Some(resolution) = Resolution::over(length * 2) else { return Ok(Trend(None)) };
        let rows = resolution.rows(snapshot)?;
        let to = now.align(resolution.size);
        let middle = to.minus(length);
        let from = middle.minus(length);
        let is_covered = rows_of(rows, service).any(|(row, _)| row.window.start <= from);
        Ok(Trend(is_covered.then(|| {
            let counts = |from, to| known.counts(rows, service, from, to);
            [counts(from, middle), counts(middle, to)]
        })))
    }

    /// The change in percent; none also where there was nothing before.
    fn of(&self, pattern: &Key) -> Option<f64> {
        let ranges = self.0.as_ref()?;
        let [before, after] =
            ranges.each_ref().map(|counts| counts.get(pattern).map_or(0, |seen| seen.levels.total()) as f64);
        (before > 0.0).then(|| tidy((after - before) / before * 100.0))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use highwater_engine::{Flow, Query, Settings, seconds, testing::replay};
    use highwater_queries::{MessagePatterns, patterns};
    use serde_json::{Value as Json, json};

    use super::*;

    struct OfMessages;

    impl Query for OfMessages {
        fn name(&self) -> &str {
            "of_messages"
        }
        fn build(&self, flow: &mut Flow<'_>) {
            patterns::build(flow, &MessagePatterns::default());
        }
    }

    /// Half an hour that ends in the past: `took <duration>` every 10 seconds, in its last five minutes twice as often,
    /// two messages of another service, and an error of a new kind near the end.
    fn half_an_hour() -> Arc<Snapshot> {
        let start: Timestamp = "2025-10-23T14:00:00Z".parse().unwrap();
        let mut records = Vec::new();
        let mut log = |second: u64, service: &str, level: &str, message: &str| {
            let at = start.plus(seconds(second));
            let record = json!({ "timestamp": at, "service": service, "level": level, "message": message });
            records.push((0, record.to_string()));
        };
        for second in (0..1800).step_by(10) {
            log(second, "cart", "INFO", &format!("took {second} ms"));
            if second >= 1500 {
                log(second, "cart", "WARN", &format!("took {second} ms"));
            }
            match second {
                0 | 1000 => log(second, "search", "INFO", "index is ready"),
                1700 => log(second, "cart", "ERROR", "disk 7 is gone"),
                _ => {}
            }
        }
        let snapshots = replay(OfMessages, &Settings::default(), &vec![Vec::new(), records]).unwrap();
        snapshots[1].clone()
    }

    fn ask(snapshot: &Snapshot, query: &str) -> Result<Json, Problem> {
        let answer = answer(snapshot, &Params::read("/logs/patterns", query, OPERATIONS[0].params)?)?;
        Ok(serde_json::to_value(answer).unwrap())
    }

    #[test]
    fn patterns_with_their_counts_most_frequent_first() {
        let snapshot = half_an_hour();
        let all = ask(&snapshot, "time_range=1h").unwrap();
        let list = all["patterns"].as_array().unwrap();
        let texts: Vec<&str> = list.iter().map(|row| row["pattern"].as_str().unwrap()).collect();
        assert_eq!(texts, ["took <duration>", "index is ready", "disk <num> is gone"]);
        let first = &list[0];
        assert_eq!((&first["count"], &all["total_logs"]), (&json!(210), &json!(213)));
        assert_eq!((&first["share"], &first["level"]), (&json!(98.5915), &json!("INFO")));
        assert_eq!((&first["example"], &first["new"]), (&json!("took 0 ms"), &json!(false)));
        assert_eq!(first["first_seen"], json!("2025-10-23T14:00:00.000Z"));
        assert_eq!(first["last_seen"], json!("2025-10-23T14:29:50.000Z"));
        assert_eq!(first["template_ids"], json!([TemplateId::of_message("took 5 ms")]));
        assert_eq!(first["trend"], Json::Null, "an hour before is not covered");
    }

    #[test]
    fn of_one_service_in_a_range_beside_the_one_before() {
        let snapshot = half_an_hour();
        let recent = ask(&snapshot, "time_range=5m&service=cart").unwrap();
        let list = recent["patterns"].as_array().unwrap();
        assert_eq!(list.len(), 2);
        // the change is that of whole minutes: one with 6 and four with 12, after five with 6
        assert_eq!((&list[0]["count"], list[0]["trend"].as_f64()), (&json!(60), Some(80.0)));
        let page = ask(&snapshot, "service=cart&limit=1").unwrap();
        let next = format!("service=cart&limit=1&cursor={}", page["next_cursor"].as_str().unwrap());
        assert_eq!(ask(&snapshot, &next).unwrap()["patterns"][0]["pattern"], "disk <num> is gone");
        assert_eq!(ask(&snapshot, "service=nobody").unwrap()["patterns"], json!([]));
    }

    #[test]
    fn new_ones_are_those_that_came_first_in_the_range_after_the_learning() {
        let snapshot = half_an_hour();
        let new = ask(&snapshot, "new=true").unwrap();
        assert_eq!(new["patterns"].as_array().unwrap().len(), 1);
        let row = &new["patterns"][0];
        assert_eq!((&row["pattern"], &row["new"]), (&json!("disk <num> is gone"), &json!(true)));
        assert_eq!((&row["level"], &row["trend"]), (&json!("ERROR"), &Json::Null));
    }

    #[test]
    fn what_cannot_be_answered() {
        let snapshot = half_an_hour();
        for query in ["time_range=7d", "new=maybe", "service=", "limit=0", "level=INFO"] {
            assert!(ask(&snapshot, query).is_err(), "{query}");
        }
    }
}
