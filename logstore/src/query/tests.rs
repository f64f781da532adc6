//! The query language: what texts mean, what is wrong with others, and that no text is neither.

use highwater_engine::{Level, Timestamp};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{LogId, StoredLog};

fn now() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

fn parsed(text: &str) -> Query {
    Query::parse(text, now()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn log() -> StoredLog {
    let attributes = json!({
        "http": { "method": "POST", "status": 503 },
        "http.route": "/api/v1/orders/{id}",
        "retry": true,
        "code": "500",
        "id": 7,
        "empty": "",
        "nothing": null,
        "tags": ["Blue Whale", "red fox", 12],
        "items": [{ "sku": "A-1" }, { "sku": "B-2", "price": 9.5 }],
    });
    StoredLog {
        id: LogId::new("test", 0, 7),
        timestamp: "2026-11-20T11:50:00.123456Z".parse().unwrap(),
        level: Level::Warn,
        service: "Payment Gateway".into(),
        message: "Payment of user_17 failed: timeout after 30s".into(),
        host: Some("node-3".into()),
        trace_id: Some("4BF92F3577B34DA6".into()),
        span_id: None,
        correlation_id: None,
        latency_ms: Some(1500.25),
        attributes: attributes.as_object().unwrap().clone(),
        template_id: "00000000deadbeef".into(),
        ingested_at: now(),
    }
}

#[test]
fn what_texts_match() {
    let log = log();
    for text in [
        "",
        "  ",
        "*",
        "payment failed",
        "PAYMENT AND FAILED",
        "\"failed timeout\"",
        "user_17",
        "pay*",
        "nothing OR payment",
        "-refund",
        "NOT refund NOT void",
        "(refund OR payment) -(void order)",
        "msg:failed",
        "message:(payment AND failed)",
        "message:*",
        "level:warn",
        "severity:WARNING",
        "level:>=WARN",
        "level:<ERROR",
        "level:[INFO TO ERROR]",
        "level:(ERROR OR WARN)",
        "service:\"payment gateway\"",
        r"service:payment\ gateway",
        r"service:payment\ g*",
        "service:pay*",
        "host:NODE-3",
        "trace:4bf92f3577b34da6",
        "template:DEADBEEF OR template_id:00000000DEADBEEF",
        "-span_id:*",
        "latency:1500250us",
        "latency:>1.5s",
        "latency:[1s TO 0.1m}",
        "latency_ms:{1500 TO 1501}",
        "latency_ms:[1500.25 TO *]",
        "latency:[* TO *]",
        "time:2026-11-20",
        "timestamp:\"2026-11-20T11:50:00.123Z\"",
        "timestamp:2026-11-20T11:50:00.123Z",
        "timestamp:>=now-10m",
        "timestamp:[now-1h TO now]",
        "@timestamp:<=2026-11-20",
        "timestamp:>2026-11-19",
        "http.method:post",
        "http.status:503",
        "http.status:>=500",
        "http.route:orders",
        "http.route:\"v1 orders\"",
        "retry:true",
        "code:500",
        "code:\"500\"",
        "attributes.id:7",
        "attributes.http.status:503",
        "tags:\"blue whale\"",
        "tags:fo*",
        "tags:12",
        "tags:<13",
        "items.sku:a-1 items.sku:b-2",
        "items.price:9.5",
        "items.price:*",
    ] {
        assert!(parsed(text).matches(&log), "{text}: {:?}", parsed(text));
    }
    assert!(parsed(&format!("id:{}", log.id)).matches(&log));
}

#[test]
fn what_texts_do_not_match() {
    let log = log();
    for text in [
        "-*",
        "payment refund",
        "\"timeout failed\"",
        "ayment",
        "paymen",
        "NOT payment OR refund",
        "NOT (payment OR refund)",
        "refund OR payment void",
        "level:>WARN",
        "level:{WARN TO FATAL]",
        "service:gateway",
        "service:payment",
        "service:gate*",
        "trace_id:4bf92f3577b34da",
        "span_id:*",
        "latency:1500",
        "latency:>1500250us",
        "latency:<1500.25",
        "timestamp:2026-11-19",
        "timestamp:>2026-11-20",
        "timestamp:<2026-11-20",
        "timestamp:>now-9m",
        "timestamp:>2026-11-20T11:50:00.123Z",
        "http.status:\"503\"",
        "http.status:504",
        "http:*",
        "code:>=500",
        "retry:\"true\"",
        "retry:false",
        "Level:WARN",
        "empty:*",
        "nothing:*",
        "tags:\"whale red\"",
        "tags:>12",
        "items:*",
        "items.sku:\"a 2\"",
        "span_id:00f067aa0ba902b7",
    ] {
        assert!(!parsed(text).matches(&log), "{text}: {:?}", parsed(text));
    }
}

#[test]
fn not_binds_tighter_than_and_and_tighter_than_or() {
    for (text, grouped) in [
        ("a OR b c", "a OR (b AND c)"),
        ("NOT a b", "(NOT a) AND b"),
        ("-a OR b", "(NOT a) OR b"),
        ("a AND b OR c AND d", "(a b) OR (c d)"),
        ("service:(a OR -b c)", "service:a OR ((-service:b) service:c)"),
        ("latency:(>1s AND <2s)", "latency:>1s latency:<2s"),
        ("((a))", "a"),
        ("a\u{3000}b\tAND\nc", "a b c"),
        ("\"a\"\"b\"", "a b"),
        ("fail(soft)", "fail soft"),
    ] {
        assert_eq!(parsed(text), parsed(grouped), "{text}");
    }
    let word = |text: &str| {
        Query::Clause(Clause { field: Field::Message, predicate: Predicate::Is(Value::Text(text.to_owned())) })
    };
    assert_eq!(parsed("a b"), Query::And(vec![word("a"), word("b")]));
    assert_eq!(parsed("--a"), Query::Not(Box::new(Query::Not(Box::new(word("a"))))));
    assert_eq!(parsed(r"\-a and \(b\) x\:y a\*"), parsed(r#""-a" "and" "(b)" "x:y" "a*""#));
    assert_eq!(parsed(r#""C:\temp\new\"""#), word(r#"C:\temp\new""#));
    assert_eq!(parsed("\"AND\" \"pay*\""), Query::And(vec![word("AND"), word("pay*")]));
}

#[test]
fn what_is_wrong_is_told_where_it_is() {
    for (text, column, told) in [
        ("a (b", 3, "never closed"),
        ("((a)", 1, "never closed"),
        ("a (b AND", 3, "never closed"),
        ("a) b", 2, "no parenthesis is open"),
        ("größe \"b", 7, "never closed"),
        ("x:\"b", 3, "never closed"),
        ("a AND", 6, "the text ends"),
        ("a NOT", 6, "the text ends"),
        ("OR a", 1, "OR needs something before it"),
        ("a AND OR b", 7, "OR needs something before it"),
        ("a OR ()", 7, "missing before this parenthesis"),
        ("a - b", 3, "`-` excludes"),
        ("a && b", 3, "no letter or digit"),
        ("pay*ment", 4, "end of a word only"),
        ("*ment", 1, "end of a word only"),
        ("user-1*", 1, "letters and digits only"),
        (":x", 1, "name of a field"),
        ("*:x", 1, "name of a field"),
        ("\"a\":x", 4, "name of a field"),
        ("error: x", 7, "value of `error` is missing"),
        ("(host:)", 7, "value of `host` is missing"),
        ("host:\"\"", 6, "-host:*"),
        ("level:LOUD", 7, "TRACE, DEBUG, INFO, WARN, ERROR, FATAL"),
        ("level:>LOUD", 8, "no level `LOUD`"),
        ("level:err*", 7, "as a whole only"),
        ("trace:4b*", 7, "as a whole only"),
        ("id:12", 4, "not the id of a log"),
        ("latency:fast", 9, "500 (milliseconds)"),
        ("latency:>=1h", 11, "500 (milliseconds)"),
        ("latency:-5", 9, "no latency"),
        ("latency:>=", 11, "value of `latency` is missing"),
        ("latency:>*", 9, "needs a value"),
        ("latency >= 5", 9, "right after a field and its colon"),
        ("service:>a", 10, "`service` is text and has no ranges"),
        ("[1 TO 2] message:[a TO b]", 19, "`message` is text"),
        ("size:>big", 7, "`big` is no number"),
        ("size:[1 TO big]", 12, "`big` is no number"),
        ("size:[1 2]", 9, "[100 TO 500]"),
        ("size:[1 TO 2", 6, "[100 TO 500]"),
        ("size:[2 TO 1]", 6, "above the upper"),
        ("size:[1* TO 2]", 7, "`*` stands alone"),
        ("time:yesterday", 6, "now-15m"),
        ("time:2026", 6, "now-15m"),
        ("time:>2026-02-30", 7, "now-15m"),
        ("time:now-999999999999w", 6, "now-15m"),
        ("a\\", 2, "backslash"),
        ("ä:\"\\", 4, "backslash"),
    ] {
        let error = Query::parse(text, now()).map(|query| query.to_string()).expect_err(text);
        assert!(error.column == column && error.what.contains(told), "{text}: {error}");
    }
}

#[test]
fn bounds_hold() {
    let nested = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Query::parse(&nested(MAX_DEPTH), now()).is_ok());
    let error = Query::parse(&nested(MAX_DEPTH + 1), now()).unwrap_err();
    assert_eq!(error.column, MAX_DEPTH + 1);
    assert!(Query::parse(&format!("{}a", "-".repeat(MAX_TEXT_BYTES - 1)), now()).is_err());
    let many = |count: usize| vec!["a"; count].join(" ");
    assert!(Query::parse(&many(MAX_CLAUSES), now()).is_ok());
    assert_eq!(Query::parse(&many(MAX_CLAUSES + 1), now()).unwrap_err().column, 2 * MAX_CLAUSES + 1);
    assert!(Query::parse(&"a".repeat(MAX_TEXT_BYTES), now()).is_ok());
    let error = Query::parse(&"ä".repeat(MAX_TEXT_BYTES / 2 + 1), now()).unwrap_err();
    assert_eq!(error.column, MAX_TEXT_BYTES / 2 + 1);
}

#[test]
fn shown_as_it_was_written() {
    for text in [
        "*",
        "payment failed",
        "a OR b c OR -(d e)",
        "(a OR b) c",
        "a (b c)",
        "pay* \"user 17\"",
        "service:\"payment gateway\" service:pay*",
        "level:>=WARN level:[INFO TO FATAL}",
        "latency:>1500 latency:{250us TO 2000]",
        "status:500 retry:true code:\"500\"",
        "attributes.id:* attributes.attributes.x:y",
        r"odd\ name\:x:y",
        "timestamp:>\"2026-11-20T11:45:00.000Z\"",
        "size:[1.5 TO 1e300]",
    ] {
        assert_eq!(parsed(text).to_string(), text);
    }
    assert_eq!(parsed("time:>now-15m").to_string(), "timestamp:>\"2026-11-20T11:45:00.000Z\"");
    let hand_made =
        Query::Clause(Clause { field: Field::Attribute("size".into()), predicate: Predicate::Is(Value::Number(5.0)) });
    assert_eq!(hand_made.to_string(), "size:[5.0 TO 5.0]");
}

#[test]
fn the_page_shows_queries_that_are_read() {
    let page = include_str!("../../../docs/searching.md");
    let rows = page.lines().skip_while(|line| !line.starts_with("| query")).skip(2);
    let cells = rows.take_while(|line| line.starts_with('|')).filter_map(|row| row.split('|').nth(1));
    let queries: Vec<_> = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    assert!(queries.len() > 20, "{queries:?}");
    for query in queries {
        parsed(query);
    }
}

/// Texts made of what means something, put together at random.
fn texts() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => proptest::sample::select(vec![
            " ", "(", ")", "\"", "*", "-", ":", "\\", "AND", " OR ", "NOT ", "[", "]", "{", "}", " TO ", ">", ">=", "<",
            "level:", "latency:", "time:", "id:", "trace:", "service:", "status:", "attributes.id:", "WARN", "500", "-1.5",
            "1.5s", "true", "now-15m", "2026-11-20", "2026-11-20T11:45:00Z", "5f1c2a90-0-7", "pay", "Über", "İ", "user_1",
        ])
        .prop_map(str::to_owned),
        1 => "\\PC{0,4}",
    ];
    proptest::collection::vec(part, 0..24).prop_map(|parts| parts.concat())
}

fn field() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::sample::select(vec!["message", "service", "host", "status", "a.b", "attributes.level"])
            .prop_map(str::to_owned),
        "[xÄ-Ü][a-z .:*\"\\\\-]{0,6}".prop_map(|name| {
            name.chars().flat_map(|sign| (!sign.is_alphanumeric()).then_some('\\').into_iter().chain([sign])).collect()
        }),
    ]
}

/// Texts of queries, whole ones.
fn queries() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        "[a-zA-ZäİßΣ0-9]{1,6}",
        "[a-z]{1,5}[*]",
        Just("*".to_owned()),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(|number| format!("{number:e}")),
        any::<bool>().prop_map(|truth| truth.to_string()),
        "[a-z(): \\-*]{0,8}".prop_map(|text| format!("\"x{text}\"")),
    ];
    let number = (-1e6..1e6_f64).prop_map(|number| format!("{number:?}"));
    let leaf = prop_oneof![
        value.clone(),
        (field(), value).prop_map(|(field, value)| format!("{field}:{value}")),
        ("level:(|>|>=|<|<=)", 0..6_usize).prop_map(|(field, level)| format!("{field}{}", Level::ALL[level])),
        ("latency:(|>|>=|<|<=)", 0..10_000_000_u64, "(us|ms|s|m|)")
            .prop_map(|(field, count, unit)| field + &format!("{count}{unit}")),
        ("time:(|>|>=|<|<=)", 0..4_000_000_000_000_i64, any::<bool>()).prop_map(|(field, millis, whole)| {
            let at = Timestamp::from_millis(millis).to_string();
            format!("{field}{}", if whole { &at[..10] } else { &at })
        }),
        (number, "[\\[{]", "[\\]}]", any::<bool>()).prop_map(|(from, open, close, is_open)| {
            format!("size:{open}{from} TO {}{close}", if is_open { "*" } else { "1e9" })
        }),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 1..4).prop_map(|of| format!("({})", of.join(" OR "))),
            proptest::collection::vec(inner.clone(), 1..4).prop_map(|of| format!("({})", of.join(" "))),
            inner.prop_map(|of| format!("-{of}")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_text_is_a_query_or_an_error(text in texts()) {
        match Query::parse(&text, now()) {
            Ok(query) => {
                query.matches(&log());
                prop_assert_eq!(Query::parse(&query.to_string(), now()), Ok(query.clone()), "{}", query);
            }
            Err(error) => prop_assert!(
                (1..=text.chars().count() + 1).contains(&error.column) && !error.what.is_empty(),
                "{}", error
            ),
        }
    }

    #[test]
    fn a_query_that_is_shown_is_the_same_query(text in queries()) {
        let query = Query::parse(&text, now());
        prop_assert!(query.is_ok(), "{}: {:?}", text, query);
        let query = query.unwrap();
        prop_assert_eq!(Query::parse(&query.to_string(), now()), Ok(query.clone()), "{} as {}", text, query);
    }

    #[test]
    fn what_is_excluded_is_what_does_not_match(text in queries()) {
        let (query, excluded) = (parsed(&text), parsed(&format!("-({text})")));
        prop_assert_ne!(query.matches(&log()), excluded.matches(&log()));
    }
}
