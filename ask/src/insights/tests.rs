use highwater_engine::{hours, minutes};

use super::*;

fn quiet(name: &str) -> ServiceFigures {
    let volume = Volume { logs: 10_000, errors: 20, p95_ms: Some(100.0) };
    ServiceFigures { name: name.to_owned(), now: volume, before: Some(volume), ..ServiceFigures::default() }
}

fn burning() -> ServiceFigures {
    ServiceFigures {
        now: Volume { logs: 12_300, errors: 5_166, p95_ms: Some(1_900.0) },
        before: Some(Volume { logs: 10_000, errors: 120, p95_ms: Some(210.0) }),
        anomalies: vec![
            Incident { severity: Severity::High, what: "latency is 9 times the expected".into() },
            Incident { severity: Severity::Critical, what: "error rate is 35 times the expected".into() },
        ],
        alerts: vec![Incident { severity: Severity::High, what: "high_error_rate".into() }],
        patterns: vec![
            PatternNews { template: "acquirer timed out after <n> ms".into(), count: 4_800, before: 0 },
            PatternNews { template: "card declined".into(), count: 300, before: 40 },
            PatternNews { template: "as ever".into(), count: 66, before: 60 },
        ],
        ..quiet("payment-service")
    }
}

#[test]
fn worst_first_with_numbers_and_units() {
    let silent = ServiceFigures { now: Volume::default(), ..quiet("search-service") };
    let scene = InsightScene { period: hours(1), services: vec![quiet("cart-service"), silent, burning()] };
    let found = insights(&scene);
    assert_eq!(
        found.summary,
        "2 of 3 services need a look. payment-service is unhealthy: 42 % of 12,300 logs are errors, up from 1.2 %; high \
         alert: high_error_rate. search-service: silent: no log, 10,000 in the period before. 22,300 logs in the last \
         hour, 23 % of them errors (0.5 % of 30,000 before)."
    );
    let names: Vec<&str> = found.services.iter().map(|service| service.name.as_str()).collect();
    assert_eq!(names, ["payment-service", "search-service", "cart-service"]);
    let payment = &found.services[0];
    assert_eq!((payment.status, payment.risk_score), (Health::Unhealthy, 8.3)); // 5 + 3 × 3/4 + 2 × 1/2
    assert_eq!(
        payment.issues,
        [
            "42 % of 12,300 logs are errors, up from 1.2 %",
            "high alert: high_error_rate",
            "95th percentile of latency 1.9 s, up from 210 ms",
            "critical anomaly: error rate is 35 times the expected",
            "high anomaly: latency is 9 times the expected",
            "new error, 4,800 times: “acquirer timed out after <n> ms”",
            "surging error, 300 times after 40: “card declined”",
        ]
    );
    assert_eq!((found.services[2].status, found.services[2].risk_score), (Health::Healthy, 0.1));
    let json = serde_json::to_value(payment).unwrap();
    assert_eq!((&json["riskScore"], &json["status"]), (&8.3.into(), &"unhealthy".into()));
}

#[test]
fn nothing_to_tell_is_told_in_a_line() {
    let scene = InsightScene { period: minutes(15), services: Vec::new() };
    assert_eq!(insights(&scene).summary, "No logs in the last 15 minutes.");
    let services = vec![quiet("cart-service"), quiet("payment-service")];
    let found = insights(&InsightScene { period: hours(24), services });
    assert_eq!(
        found.summary,
        "All 2 services are healthy. 20,000 logs in the last 24 hours, 0.2 % of them errors (0.2 % of 20,000 before)."
    );
    assert!(found.services.iter().all(|service| service.issues.is_empty()));
    let alone = ServiceFigures { before: None, ..quiet("cart-service") };
    let found = insights(&InsightScene { period: hours(6), services: vec![alone] });
    assert_eq!(found.summary, "The one service is healthy. 10,000 logs in the last 6 hours, 0.2 % of them errors.");
}

#[test]
fn volumes_that_fall_and_rise() {
    let with = |logs, before| ServiceFigures {
        now: Volume { logs, errors: 0, p95_ms: None },
        before: Some(Volume { logs: before, errors: 0, p95_ms: None }),
        ..quiet("a")
    };
    let issues = |logs, before| of_service(&with(logs, before)).issues;
    assert_eq!(issues(3_700, 10_000), ["63 % fewer logs: 3,700, 10,000 before"]);
    assert_eq!(issues(45_000, 10_000), ["4.5 times the logs: 45,000, 10,000 before"]);
    assert!(issues(4, 40).is_empty() && issues(9_000, 10_000).is_empty());
}

#[test]
fn numbers_read_well() {
    assert_eq!([0, 999, 1_000, 1_234_567].map(prose::count), ["0", "999", "1,000", "1,234,567"]);
    let shares = [0.0, 0.01, 0.25, 1.0, 1.23, 9.96, 42.4].map(prose::percent);
    assert_eq!(shares, ["0 %", "less than 0.1 %", "0.2 %", "1 %", "1.2 %", "10 %", "42 %"]);
}
