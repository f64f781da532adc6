//! Questions as people ask them, and what is looked for; and that any text at all is answered with a query.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod grammar;

use highwater_ask::{Answer, MAX_QUESTION_BYTES, Moment, Scene, parse};
use highwater_engine::{Level, Name, Timestamp};
use proptest::prelude::*;

const SERVICES: [&str; 12] = [
    "frontend",
    "api-gateway",
    "auth-service",
    "user-service",
    "catalog-service",
    "search-service",
    "recommendation-service",
    "cart-service",
    "checkout-service",
    "payment-service",
    "inventory-service",
    "user-db",
];

/// A Thursday.
const NOW: &str = "2025-10-23T14:32:15Z";

fn scene() -> Scene {
    let deploy = Moment { name: "deploy v2.3".to_owned(), at: "2025-10-23T11:00:00Z".parse().unwrap() };
    Scene { services: SERVICES.map(Name::from).to_vec(), now: NOW.parse().unwrap(), moments: vec![deploy] }
}

/// `23T13:32:15..23T14:32:15`: days of October 2025.
fn times(answer: &Answer) -> String {
    let Some(range) = answer.filters.time_range else { return String::new() };
    let show = |at: Option<Timestamp>| {
        let text = at.map(|at| at.to_string()).unwrap_or_default();
        let text = text.trim_start_matches("2025-10-").trim_end_matches(".000Z");
        text.strip_suffix(":00").unwrap_or(text).to_owned()
    };
    format!("{}..{}", show(range.from), show(range.to))
}

/// Question, query, time range.
const QUESTIONS: &[(&str, &str, &str)] = &[
    // levels
    ("errors", "level:(ERROR OR FATAL)", ""),
    ("show me all the warnings", "level:WARN", ""),
    ("payment erors and wranings", r#"level:>=WARN service:"payment-service""#, ""),
    ("any failures?", "level:(ERROR OR FATAL)", ""),
    ("critical logs please", "level:FATAL", ""),
    ("what crashed", "level:(ERROR OR FATAL)", ""),
    ("warnings and errors", "level:>=WARN", ""),
    ("warnings or worse", "level:>=WARN", ""),
    ("at least warn", "level:>=WARN", ""),
    ("WARN+", "level:>=WARN", ""),
    ("above info", "level:>=WARN", ""),
    ("debug and info logs", "level:(DEBUG OR INFO)", ""),
    ("TRACE from the frontend", r#"level:TRACE service:"frontend""#, ""),
    ("problems with payments", r#"level:>=WARN service:"payment-service""#, ""),
    // services
    ("payment errors", r#"level:(ERROR OR FATAL) service:"payment-service""#, ""),
    ("errors in the cart", r#"level:(ERROR OR FATAL) service:"cart-service""#, ""),
    ("logs of the payment service", r#"service:"payment-service""#, ""),
    ("payment-service", r#"service:"payment-service""#, ""),
    ("what is the gateway saying", r#"service:"api-gateway""#, ""),
    ("checkout and payment warnings", r#"level:WARN service:("checkout-service" OR "payment-service")"#, ""),
    ("db errors", r#"level:(ERROR OR FATAL) service:"user-db""#, ""),
    ("database", r#"service:"user-db""#, ""),
    ("authentication failures", r#"level:(ERROR OR FATAL) service:"auth-service""#, ""),
    ("errors in pyament", r#"level:(ERROR OR FATAL) service:"payment-service""#, ""),
    ("chekcout warnings", r#"level:WARN service:"checkout-service""#, ""),
    ("errors from recomendation service", r#"level:(ERROR OR FATAL) service:"recommendation-service""#, ""),
    ("website errors", r#"level:(ERROR OR FATAL) service:"frontend""#, ""),
    ("billing-service errors", r#"level:(ERROR OR FATAL) "billing-service""#, ""),
    // text
    ("timeout", "timeout", ""),
    ("connection refused", "connection refused", ""),
    ("timeouts in payment", r#"service:"payment-service" (timeout OR timeouts)"#, ""),
    (r#""card declined""#, r#""card declined""#, ""),
    (
        r#"payment errors saying "Card  Declined!""#,
        r#"level:(ERROR OR FATAL) service:"payment-service" "Card  Declined!""#,
        "",
    ),
    ("find logs containing 'out of memory'", r#""out of memory""#, ""),
    ("timeout or refused", "(timeout OR refused)", ""),
    ("user not found", r#"user "not found""#, ""),
    ("user 42 and order 4711", "user 42 order 4711", ""),
    ("out of memory in inventory", r#"service:"inventory-service" "out of memory""#, ""),
    ("checks that timed out", r#"(check OR checks) "timed out""#, ""),
    ("last 5 errors", "level:(ERROR OR FATAL)", ""),
    ("level:ERROR service:cart", r#"level:(ERROR OR FATAL) service:"cart-service""#, ""),
    ("503 from the gateway", r#"service:"api-gateway" 503"#, ""),
    ("/api/v1/orders errors", r#"level:(ERROR OR FATAL) "/api/v1/orders""#, ""),
    ("NullPointerException", "nullpointerexception", ""),
    // times
    ("errors in the last hour", "level:(ERROR OR FATAL)", "23T13:32:15..23T14:32:15"),
    (
        "payment errors in the past 15 minutes",
        r#"level:(ERROR OR FATAL) service:"payment-service""#,
        "23T14:17:15..23T14:32:15",
    ),
    ("warnings last 24h", "level:WARN", "22T14:32:15..23T14:32:15"),
    ("errors over the last two days", "level:(ERROR OR FATAL)", "21T14:32:15..23T14:32:15"),
    ("errors yesterday", "level:(ERROR OR FATAL)", "22T00:00..23T00:00"),
    ("what failed today", "level:(ERROR OR FATAL)", "23T00:00..24T00:00"),
    ("errors this morning", "level:(ERROR OR FATAL)", "23T06:00..23T12:00"),
    ("errors last night", "level:(ERROR OR FATAL)", "22T18:00..23T06:00"),
    ("errors since 14:00", "level:(ERROR OR FATAL)", "23T14:00.."),
    ("errors since 16:00", "level:(ERROR OR FATAL)", "22T16:00.."),
    ("errors between 2pm and 3:30 pm", "level:(ERROR OR FATAL)", "23T14:00..23T15:30"),
    ("errors between 2 and 3pm yesterday", "level:(ERROR OR FATAL)", "22T14:00..22T15:00"),
    ("yesterday from 9am to 10:15am", "", "22T09:00..22T10:15"),
    ("14:00-14:20", "", "23T14:00..23T14:20"),
    ("between 23:00 and 01:00", "", "22T23:00..23T01:00"),
    ("errors on Monday", "level:(ERROR OR FATAL)", "20T00:00..21T00:00"),
    ("monday morning errors", "level:(ERROR OR FATAL)", "20T06:00..20T12:00"),
    ("what happened 2 days ago", "", "21T00:00..22T00:00"),
    ("errors 3 hours ago", "level:(ERROR OR FATAL)", "23T11:02:15..23T12:02:15"),
    ("since 3 hours ago", "", "23T11:32:15.."),
    ("errors since yesterday", "level:(ERROR OR FATAL)", "22T00:00.."),
    ("errors before 10:00", "level:(ERROR OR FATAL)", "..23T10:00"),
    ("errors around noon", "level:(ERROR OR FATAL)", "23T11:55..23T12:05"),
    ("errors since the deploy at 14:00", "level:(ERROR OR FATAL)", "23T14:00.."),
    ("errors after the deploy", "level:(ERROR OR FATAL)", "23T11:00.."),
    ("errors since v2.3", "level:(ERROR OR FATAL)", "23T11:00.."),
    ("errors since the last restart", "level:(ERROR OR FATAL)", ""),
    ("errors on 2025-10-20", "level:(ERROR OR FATAL)", "20T00:00..21T00:00"),
    ("2025-10-20T10:00:00Z to 2025-10-20T11:30:00Z", "", "20T10:00..20T11:30"),
    ("errors on Oct 21 at 9am", "level:(ERROR OR FATAL)", "21T08:55..21T09:05"),
    ("errors this week", "level:(ERROR OR FATAL)", "20T00:00..23T14:32:15"),
    ("errors right now", "level:(ERROR OR FATAL)", "23T14:27:15..23T14:32:15"),
    // latencies
    ("slower than 2 seconds", "latency_ms:>2000", ""),
    ("requests that took more than 500ms", "latency_ms:>500", ""),
    ("payment calls under 100 ms", r#"service:"payment-service" latency_ms:<100"#, ""),
    ("checkout latency over 1.5s today", r#"service:"checkout-service" latency_ms:>1500"#, "23T00:00..24T00:00"),
    ("at least half a second in the cart", r#"service:"cart-service" latency_ms:>=500"#, ""),
    ("between 100 and 500 ms", "latency_ms:>=100 latency_ms:<=500", ""),
    ("latency > 2s and errors", "level:(ERROR OR FATAL) latency_ms:>2000", ""),
    ("slow requests in search", r#"service:"search-service" latency_ms:>1000"#, ""),
    ("not slower than 1s", "latency_ms:<=1000", ""),
    ("slower than a second in the last 10 minutes", "latency_ms:>1000", "23T14:22:15..23T14:32:15"),
    // negations
    ("errors not from gateway", r#"level:(ERROR OR FATAL) NOT service:"api-gateway""#, ""),
    ("errors not from gateway or auth", r#"level:(ERROR OR FATAL) NOT service:("api-gateway" OR "auth-service")"#, ""),
    ("payment logs except health checks", r#"service:"payment-service" NOT ("health check" OR "health checks")"#, ""),
    ("errors without timeouts", "level:(ERROR OR FATAL) NOT (timeout OR timeouts)", ""),
    ("everything excluding DEBUG", "NOT level:DEBUG", ""),
    ("everything but info", "NOT level:INFO", ""),
    ("all logs but not debug and info", "NOT level:(DEBUG OR INFO)", ""),
    ("errors other than from the frontend", r#"level:(ERROR OR FATAL) NOT service:"frontend""#, ""),
    ("cart without errors", r#"service:"cart-service" NOT level:(ERROR OR FATAL)"#, ""),
    (r#"errors that don't say "card declined""#, r#"level:(ERROR OR FATAL) NOT "card declined""#, ""),
    ("errors -payment -timeout", r#"level:(ERROR OR FATAL) NOT service:"payment-service" NOT timeout"#, ""),
    (
        "errors without timeouts in payment",
        r#"level:(ERROR OR FATAL) service:"payment-service" NOT (timeout OR timeouts)"#,
        "",
    ),
    // ids and fields
    ("trace 4bf92f3577b34da6a3ce929d0e0e4736", r#"trace_id:"4bf92f3577b34da6a3ce929d0e0e4736""#, ""),
    ("4bf92f3577b34da6a3ce929d0e0e4736", r#"trace_id:"4bf92f3577b34da6a3ce929d0e0e4736""#, ""),
    ("correlation id job-00ab12", r#"correlation_id:"job-00ab12""#, ""),
    ("errors with request id abc-123", r#"level:(ERROR OR FATAL) request_id:"abc-123""#, ""),
    ("errors on host web-1", r#"level:(ERROR OR FATAL) host:"web-1""#, ""),
    ("status=500 from the gateway", r#"service:"api-gateway" status:"500""#, ""),
    // all of it
    (
        "Show me payment and checkout errors slower than 2s since 13:00, but not timeouts!",
        r#"level:(ERROR OR FATAL) service:("payment-service" OR "checkout-service") latency_ms:>2000 NOT (timeout OR timeouts)"#,
        "23T13:00..",
    ),
    ("", "", ""),
    ("show me the logs", "", ""),
];

#[test]
fn questions_are_understood_as_they_are_meant() {
    let scene = scene();
    assert!(QUESTIONS.len() >= 80);
    let mut wrong = Vec::new();
    for (question, query, range) in QUESTIONS {
        let answer = parse(question, &scene);
        let found = (answer.filters.query.as_str(), times(&answer));
        if found != (query, (*range).to_owned()) {
            wrong.push(format!("{question}\n  is  {found:?}\n  not {:?}\n  {}", (query, range), answer.explanation));
        }
        grammar::check(&answer.filters.query).unwrap();
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), QUESTIONS.len(), wrong.join("\n"));
}

#[test]
fn the_explanation_says_what_was_understood_and_what_was_not() {
    let scene = scene();
    for (question, explanation) in [
        ("", "Nothing in the question narrows the search: all logs."),
        (
            "pyament errors slower than 2s yesterday, not from the gateway",
            "ERROR or FATAL logs of payment-service, slower than 2 s, from 2025-10-22 00:00 to 2025-10-23 00:00 UTC, none of \
             api-gateway. “pyament” is read as payment-service.",
        ),
        (
            "slow logs of billing-service without health checks",
            "Logs that say billing-service, slower than 1 s, none with “health check”. “Slow” is read as slower than 1 s. No \
             service like “billing-service” has logged; it is looked for as text.",
        ),
        (
            "warnings since the last restart",
            "WARN logs. When “since the last restart” was is not known; a time can be given, as in “since 14:00”.",
        ),
        ("trace abc123 until 10:00", "Logs with trace_id abc123, before 2025-10-23 10:00 UTC."),
    ] {
        assert_eq!(parse(question, &scene).explanation, explanation, "{question}");
    }
    let long = parse(&format!("errors {}", "x ".repeat(MAX_QUESTION_BYTES)), &scene);
    assert!(
        long.explanation.ends_with("The question is too long; its beginning alone was read."),
        "{}",
        long.explanation
    );
}

#[test]
fn filters_say_the_same_as_the_query() {
    let answer = parse("payment errors or warnings saying \"no funds\" not from cart, without retries", &scene());
    let filters = &answer.filters;
    assert_eq!(filters.severity, [Level::Warn, Level::Error, Level::Fatal]);
    assert_eq!(filters.source, ["payment-service"]);
    assert_eq!(filters.text.as_deref(), Some("\"no funds\""));
    assert_eq!((&filters.exclude.source, &filters.exclude.text), (&vec!["cart-service".into()], &vec!["retry".into()]));
    let json = serde_json::to_value(&answer).unwrap();
    assert_eq!(json["filters"]["severity"], serde_json::json!(["WARN", "ERROR", "FATAL"]));
    assert_eq!(serde_json::from_value::<Answer>(json).unwrap(), answer);
}

/// Text made of what the parser knows, besides any other.
fn question() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        4 => prop::sample::select(QUESTIONS).prop_flat_map(|(question, ..)| {
            prop::sample::subsequence(question.split(' ').collect::<Vec<_>>(), 0..=question.split(' ').count())
                .prop_map(|words| words.join(" "))
        }),
        1 => any::<String>(),
        1 => "[-0-9:.a-z\"'“”<>=(), ]{0,12}",
    ];
    prop::collection::vec(word, 0..20).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]
    #[test]
    fn any_text_is_answered_with_a_query(
        question in question(),
        services in prop::collection::vec(prop_oneof!["[a-z]{1,8}(-[a-z]{1,8}){0,3}", any::<String>()], 0..12),
        now in prop_oneof![Just(1_761_229_935_000_000), any::<i64>()],
        moment in any::<i64>(),
    ) {
        let moments = vec![Moment { name: "deploy v1".to_owned(), at: Timestamp::from_micros(moment) }];
        let services = services.into_iter().chain(SERVICES.map(str::to_owned)).map(Name::from).collect();
        let scene = Scene { services, now: Timestamp::from_micros(now), moments };
        let answer = parse(&question, &scene);
        let filters = &answer.filters;
        prop_assert!(filters.query.len() <= 4096 && answer.explanation.len() <= 16 * MAX_QUESTION_BYTES);
        grammar::check(&filters.query).map_err(|why| TestCaseError::fail(format!("{why}: {}", filters.query)))?;
        if let Some(range) = &filters.time_range {
            prop_assert!(range.from.zip(range.to).is_none_or(|(from, to)| from < to), "{range:?}");
        }
        prop_assert_eq!(parse(&question, &scene), answer);
    }
}
