//! Whatever is asked of whatever logs: the store answers as one who reads them all would, one by one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::{
    collections::BTreeMap,
    ops::{Bound, RangeBounds},
    time::Duration,
};

use common::{Records, settings, start, wait_for_all};
use highwater_engine::{Level, Timestamp};
use highwater_logstore::{
    Clause, Field, LogId, LogStore, Order, Predicate, Query, Search, StoreSettings, StoredLog, Value,
};
use proptest::{collection::vec, option, prelude::*, sample::select, test_runner::TestCaseError};
use serde_json::{Map, Value as Json, json};
use tempfile::tempdir;

const START: i64 = 1_760_000_000_000_000;

// What logs say.

fn word() -> impl Strategy<Value = String> {
    let words = ["pay", "Payment", "failed", "ÜBER", "über", "Straße", "ΣΊΣΥΦΟΣ", "٣", "x1", "4711", "日本", "i̇", "pa"];
    prop_oneof![
        12 => select(words.map(str::to_owned).to_vec()),
        1 => (120..140_usize).prop_map(|length| "w".repeat(length)),
        1 => (60..70_usize).prop_map(|length| "é".repeat(length)),
        1 => "\\PC{1,4}",
    ]
}

fn sentence() -> impl Strategy<Value = String> {
    let separator = select(vec![" ", "-", "_", ", ", "\"", "\n", "\\", "…"]);
    prop_oneof![
        8 => vec((word(), separator), 0..6).prop_map(|words| words.into_iter().map(|(a, b)| a + b).collect()),
        1 => Just("--- !".to_owned()),
        1 => "\\PC{0,12}",
    ]
}

fn number() -> impl Strategy<Value = f64> {
    select(vec![0.0, -0.0, 1.0, -1.0, 1.5, -2.25, 5.0, 200.0, 503.0, 1e18, -1e300, 0.1, 1e-7])
}

fn json_value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        4 => sentence().prop_map(Json::from),
        1 => select(vec![1_i64, -1, 5, 200, 503, i64::MIN]).prop_map(Json::from),
        1 => Just(Json::from(u64::MAX)),
        2 => number().prop_map(Json::from),
        1 => any::<bool>().prop_map(Json::from),
        1 => Just(Json::Null),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![vec(inner.clone(), 0..3).prop_map(Json::from), object(inner).prop_map(Json::Object)]
    })
}

fn object(value: impl Strategy<Value = Json>) -> impl Strategy<Value = Map<String, Json>> {
    vec((select(vec!["a", "b", "a.b", "c\\", "", "ü"]), value), 0..4)
        .prop_map(|members| members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn level() -> impl Strategy<Value = Level> {
    select(Level::ALL.to_vec())
}

fn service() -> impl Strategy<Value = String> {
    select(["cart", "Cart", "CARTOON", "über", "Über", "p"].map(str::to_owned).to_vec())
}

fn trace() -> impl Strategy<Value = String> {
    select(["ab12", "AB12", "ÄB", "äb", "t"].map(str::to_owned).to_vec())
}

fn time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![0..6_000_i64, 0..3_600_000_000_i64].prop_map(|after| Timestamp::from_micros(START + after))
}

/// A log without an id, of a partition.
fn log() -> impl Strategy<Value = (usize, StoredLog)> {
    let texts = (service(), sentence(), option::of(service()));
    let ids = (option::of(trace()), option::of(trace()), option::of(trace()));
    let others = (time(), level(), option::of(0..3_000_u64), object(json_value()));
    (0..3_usize, texts, ids, others).prop_map(|(partition, texts, ids, (timestamp, level, micros, attributes))| {
        let ((service, message, host), (trace_id, span_id, correlation_id)) = (texts, ids);
        let log = StoredLog {
            id: LogId::new("records", partition as u32, 0),
            timestamp,
            level,
            service,
            template_id: format!("{:016x}", highwater_operators::template_id(&message)),
            message,
            host,
            trace_id: trace_id.or_else(|| correlation_id.clone()),
            span_id,
            correlation_id,
            latency_ms: micros.map(|micros| micros as f64 / 1000.0),
            attributes,
            ingested_at: Timestamp::default(),
        };
        (partition, log)
    })
}

/// The record that a log is read from.
fn record(log: &StoredLog) -> String {
    let mut record = log.attributes.clone();
    let at = log.timestamp.as_micros();
    let at = format!("{}.{:06}", at.div_euclid(1_000_000), at.rem_euclid(1_000_000));
    let mut set = |name: &str, value: Json| _ = record.insert(name.to_owned(), value);
    set("timestamp", rfc3339(&at));
    set("level", json!(log.level));
    set("service", json!(log.service));
    set("message", json!(log.message));
    for (name, value) in [
        ("host", &log.host),
        ("trace_id", &log.trace_id),
        ("span_id", &log.span_id),
        ("correlation_id", &log.correlation_id),
    ] {
        if let Some(value) = value {
            set(name, json!(value));
        }
    }
    if let Some(latency) = log.latency_ms {
        set("latency_ms", json!(latency));
    }
    Json::Object(record).to_string()
}

/// Seconds and microseconds since 1970 as a date of the day that tests are on.
fn rfc3339(seconds: &str) -> Json {
    let (seconds, micros) = seconds.split_once('.').unwrap();
    let at = Timestamp::from_micros(seconds.parse::<i64>().unwrap() * 1_000_000).to_string();
    json!(format!("{}.{micros}Z", at.split_once('.').unwrap().0))
}

// What is asked.

fn bound<T: std::fmt::Debug + Clone>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Bound<T>> {
    (0..3, value).prop_map(|(kind, value)| match kind {
        0 => Bound::Included(value),
        1 => Bound::Excluded(value),
        _ => Bound::Unbounded,
    })
}

fn ordered(value: impl Strategy<Value = Value> + Clone) -> impl Strategy<Value = Predicate> {
    prop_oneof![
        1 => Just(Predicate::Exists),
        2 => value.clone().prop_map(Predicate::Is),
        4 => (bound(value.clone()), bound(value)).prop_map(|(lower, upper)| Predicate::Within(lower, upper)),
    ]
}

fn textual(text: impl Strategy<Value = String> + Clone) -> impl Strategy<Value = Predicate> {
    prop_oneof![
        1 => Just(Predicate::Exists),
        4 => text.clone().prop_map(|text| Predicate::Is(Value::Text(text))),
        2 => (text, 0..4_usize).prop_map(|(text, length)| {
            Predicate::StartsWith(text.to_lowercase().chars().take(length).collect())
        }),
    ]
}

fn clause() -> impl Strategy<Value = Query> {
    let at = |field: Field| move |predicate| (field.clone(), predicate);
    let micros = (0..3_000_u64).prop_map(Value::Micros).boxed();
    let numbers = number().prop_map(Value::Number).boxed();
    let path = select(vec!["a", "b", "a.b", "b.a", "a.b.a", "c\\", "", "a.", "ü", "ü.a.b", "none"]);
    let said = prop_oneof![
        textual(sentence().boxed()),
        ordered(numbers),
        any::<bool>().prop_map(|truth| Predicate::Is(Value::Truth(truth))),
    ];
    prop_oneof![
        3 => textual(sentence().boxed()).prop_map(at(Field::Message)),
        2 => ordered(level().prop_map(Value::Level).boxed()).prop_map(at(Field::Level)),
        2 => textual(service().boxed()).prop_map(at(Field::Service)),
        1 => textual(service().boxed()).prop_map(at(Field::Host)),
        1 => textual(trace().boxed()).prop_map(at(Field::TraceId)),
        1 => textual(trace().boxed()).prop_map(at(Field::SpanId)),
        1 => textual(trace().boxed()).prop_map(at(Field::CorrelationId)),
        1 => (0..3_u32, 0..9_i64).prop_map(|(partition, offset)| {
            (Field::Id, Predicate::Is(Value::Text(LogId::new("records", partition, offset).to_string())))
        }),
        1 => sentence().prop_map(|message| {
            let id = format!("{:016X}", highwater_operators::template_id(&message));
            (Field::TemplateId, Predicate::Is(Value::Text(id)))
        }),
        2 => ordered(micros).prop_map(at(Field::Latency)),
        2 => ordered(time().prop_map(Value::Time).boxed()).prop_map(at(Field::Timestamp)),
        6 => (path, said).prop_map(|(path, said)| (Field::Attribute(path.to_owned()), said)),
    ]
    .prop_map(|(field, predicate)| Query::Clause(Clause { field, predicate }))
}

fn query() -> impl Strategy<Value = Query> {
    prop_oneof![8 => clause(), 1 => Just(Query::All)].prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|query| Query::Not(Box::new(query))),
            vec(inner.clone(), 0..3).prop_map(Query::And),
            vec(inner, 0..3).prop_map(Query::Or),
        ]
    })
}

fn search() -> impl Strategy<Value = Search> {
    let order = select(vec![Order::Newest, Order::Oldest]);
    (query(), option::of(time()), option::of(time()), order, 1..9_usize, any::<bool>(), 2..40_usize).prop_map(
        |(query, from, to, order, limit, aggregate, buckets)| Search {
            query,
            from,
            to,
            order,
            limit,
            after: None,
            aggregate,
            buckets,
        },
    )
}

// One who reads them all.

fn says(query: &Query, log: &StoredLog) -> bool {
    match query {
        Query::All => true,
        Query::Not(query) => !says(query, log),
        Query::And(queries) => queries.iter().all(|query| says(query, log)),
        Query::Or(queries) => queries.iter().any(|query| says(query, log)),
        Query::Clause(Clause { field, predicate }) => match field {
            Field::Message => says_words(predicate, &log.message),
            Field::Level => says_in_order(predicate, &Value::Level(log.level)),
            Field::Service => says_name(predicate, Some(&log.service), true),
            Field::Host => says_name(predicate, log.host.as_ref(), true),
            Field::Id => *predicate == Predicate::Is(Value::Text(log.id.to_string())),
            Field::TraceId => says_name(predicate, log.trace_id.as_ref(), false),
            Field::SpanId => says_name(predicate, log.span_id.as_ref(), false),
            Field::CorrelationId => says_name(predicate, log.correlation_id.as_ref(), false),
            Field::TemplateId => says_name(predicate, Some(&log.template_id), false),
            Field::Latency => {
                log.latency_ms.is_some_and(|ms| says_in_order(predicate, &Value::Micros((ms * 1000.0).round() as u64)))
            }
            Field::Timestamp => says_in_order(predicate, &Value::Time(log.timestamp)),
            Field::Attribute(path) => {
                let mut values = Vec::new();
                named("", &Json::Object(log.attributes.clone()), &mut values);
                values.iter().any(|(name, value)| name == &format!(".{path}") && says_json(predicate, value))
            }
        },
    }
}

/// Every value with the names on the way to it.
fn named(path: &str, value: &Json, values: &mut Vec<(String, Json)>) {
    match value {
        Json::Object(members) => {
            members.iter().for_each(|(name, value)| named(&format!("{path}.{name}"), value, values));
        }
        Json::Array(elements) => elements.iter().for_each(|value| named(path, value, values)),
        leaf => values.push((path.to_owned(), leaf.clone())),
    }
}

fn cut_words(text: &str) -> Vec<String> {
    let lower = |word: &str| {
        let word = word.to_lowercase();
        let ends = word.char_indices().map(|(at, letter)| at + letter.len_utf8()).take_while(|end| *end <= 128);
        word[..ends.last().unwrap_or(0)].to_owned()
    };
    text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).map(lower).collect()
}

fn says_words(predicate: &Predicate, text: &str) -> bool {
    let words = cut_words(text);
    match predicate {
        Predicate::Exists => !text.is_empty(),
        Predicate::Is(Value::Text(phrase)) => {
            let phrase = cut_words(phrase);
            !phrase.is_empty() && (0..words.len()).any(|at| words[at..].starts_with(&phrase))
        }
        Predicate::StartsWith(start) => words.iter().any(|word| word.starts_with(start)),
        _ => false,
    }
}

fn says_name(predicate: &Predicate, name: Option<&String>, has_prefixes: bool) -> bool {
    let Some(name) = name.map(|name| name.to_lowercase()) else { return false };
    match predicate {
        Predicate::Exists => true,
        Predicate::Is(Value::Text(text)) => text.to_lowercase() == name,
        Predicate::StartsWith(start) => has_prefixes && name.starts_with(start),
        _ => false,
    }
}

fn says_json(predicate: &Predicate, value: &Json) -> bool {
    match value {
        Json::String(text) => says_words(predicate, text),
        Json::Number(number) => says_in_order(predicate, &Value::Number(number.as_f64().unwrap())),
        Json::Bool(truth) => *predicate == Predicate::Exists || *predicate == Predicate::Is(Value::Truth(*truth)),
        _ => false,
    }
}

/// A number in the order of a kind of values, and the kind.
fn place(value: &Value) -> Option<(u8, f64)> {
    Some(match value {
        Value::Level(level) => (0, *level as u8 as f64),
        Value::Time(at) => (1, at.as_micros().div_euclid(1000) as f64),
        Value::Micros(micros) => (2, *micros as f64),
        Value::Number(number) => (3, *number),
        Value::Text(_) | Value::Truth(_) => return None,
    })
}

fn says_in_order(predicate: &Predicate, value: &Value) -> bool {
    let Some((kind, value)) = place(value) else { return false };
    let of_kind = |other: &Value| place(other).filter(|(other, _)| *other == kind).map(|(_, number)| number);
    match predicate {
        Predicate::Exists => true,
        Predicate::Is(other) => of_kind(other) == Some(value),
        Predicate::StartsWith(_) => false,
        Predicate::Within(lower, upper) => {
            let bound = |bound: &Bound<Value>| bound.clone().map(|bound| of_kind(&bound).unwrap());
            (bound(lower), bound(upper)).contains(&value)
        }
    }
}

// Together.

fn answers(store: &LogStore, logs: &[StoredLog], search: &Search) -> Result<(), TestCaseError> {
    let inside = |log: &&StoredLog| {
        search.from.is_none_or(|from| log.timestamp >= from) && search.to.is_none_or(|to| log.timestamp < to)
    };
    for log in logs {
        prop_assert_eq!(search.query.matches(log), says(&search.query, log), "the tail judges alike");
    }
    let mut expected: Vec<&StoredLog> = logs.iter().filter(inside).filter(|log| says(&search.query, log)).collect();
    expected.sort_by_key(|log| (log.timestamp, log.id.key()));
    if search.order == Order::Newest {
        expected.reverse();
    }
    let mut pages = Vec::new();
    let mut after = None;
    loop {
        let found = store.search(&Search { after, ..search.clone() }).unwrap();
        prop_assert_eq!(found.total, expected.len() as u64);
        if search.aggregate {
            let mut levels: BTreeMap<Level, u64> = BTreeMap::new();
            let mut services: BTreeMap<String, u64> = BTreeMap::new();
            let mut bars: BTreeMap<Timestamp, u64> = BTreeMap::new();
            for log in &expected {
                *levels.entry(log.level).or_default() += 1;
                *services.entry(log.service.clone()).or_default() += 1;
                *bars.entry(log.timestamp.align(found.bucket)).or_default() += 1;
            }
            prop_assert_eq!(&found.by_level, &levels);
            prop_assert_eq!(found.by_service.top.into_iter().collect::<BTreeMap<_, _>>(), services);
            prop_assert!(bars.len() <= search.buckets);
            prop_assert_eq!(found.histogram.into_iter().collect::<BTreeMap<_, _>>(), bars);
        }
        prop_assert!(found.logs.len() <= search.limit);
        pages.extend(found.logs);
        after = found.next;
        if after.is_none() {
            break;
        }
    }
    let pages: Vec<StoredLog> =
        pages.into_iter().map(|log| StoredLog { ingested_at: Timestamp::default(), ..log }).collect();
    prop_assert_eq!(pages.iter().collect::<Vec<_>>(), expected);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_store_answers_as_a_scan_does(
        logs in vec(log(), 0..60),
        searches in vec(search(), 40),
        at_once in 1..30_usize,
        slice_logs in select(vec![5, 20, 1_000_u64]),
    ) {
        let mut partitions = vec![Vec::new(); 3];
        let mut expected = Vec::new();
        for (partition, mut log) in logs {
            let records: &mut Vec<String> = &mut partitions[partition];
            records.push(record(&log));
            log.id.next_offset = records.len() as i64;
            expected.push(log);
        }
        let folder = tempdir().unwrap();
        let settings = StoreSettings { slice_logs, commit_interval: Duration::ZERO, ..settings(folder.path()) };
        let (_indexer, store) = start(&Records { at_once, ..Records::new(partitions) }, &settings);
        wait_for_all(&store);
        for search in &searches {
            answers(&store, &expected, search)?;
        }
        for log in &expected {
            let found = store.get(log.id).unwrap().unwrap();
            prop_assert_eq!(&StoredLog { ingested_at: Timestamp::default(), ..found }, log);
        }
    }
}
