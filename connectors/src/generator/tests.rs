//! The generator as a whole: what comes out of it, judged by a JSON parser and by counting.

use std::collections::{BTreeMap, HashMap, HashSet};

use highwater_engine::{minutes, seconds};
use serde_json::Value;

use super::*;

fn quiet() -> Traffic {
    Traffic { incidents: false, seasons: false, ..Traffic::default() }
}

fn start() -> Timestamp {
    Timestamp::from_millis(1_761_229_800_000)
}

/// A log as a reader sees it.
struct Seen {
    at: Timestamp,
    service: String,
    level: String,
    trace: Option<String>,
    span: Option<String>,
    parent: Option<String>,
    latency: Option<f64>,
    message: String,
}

fn parse(line: &[u8]) -> Seen {
    let value: Value = serde_json::from_slice(line).unwrap();
    let text = |name: &str| value.get(name).map(|field| field.as_str().unwrap().to_owned());
    Seen {
        at: text("timestamp").unwrap().parse().unwrap(),
        service: text("service").unwrap(),
        level: text("level").unwrap(),
        trace: text("trace_id"),
        span: text("span_id"),
        parent: text("parent_span_id"),
        latency: value.get("latency_ms").map(|latency| latency.as_f64().unwrap()),
        message: text("message").unwrap(),
    }
}

fn logs(traffic: Traffic, from: Timestamp, until: Timestamp) -> Vec<Seen> {
    let mut generator = Generator::new(traffic, from);
    let mut seen = Vec::new();
    let mut line = Vec::new();
    while generator.position() >> ORDINAL_BITS <= until.as_micros() / 1000 {
        line.clear();
        let at = generator.next(&mut line);
        let log = parse(&line);
        assert_eq!(log.at, at);
        seen.push(log);
    }
    seen
}

fn bytes(generator: &mut Generator, n: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for _ in 0..n {
        generator.next(&mut out);
        out.push(b'\n');
    }
    out
}

fn count(logs: &[Seen], wanted: impl Fn(&Seen) -> bool) -> f64 {
    logs.iter().filter(|log| wanted(log)).count() as f64
}

#[test]
fn levels_sizes_services_and_messages_are_as_promised() {
    let lines = bytes(&mut Generator::new(quiet(), start()), 100_000);
    let size = lines.len() as f64 / 100_000.0 - 1.0;
    assert!((220.0..280.0).contains(&size), "{size} bytes a log");
    let logs: Vec<Seen> = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(parse).collect();
    for (level, expected, tolerance) in
        [("INFO", 70.0, 2.0), ("WARN", 15.0, 1.5), ("ERROR", 10.0, 1.0), ("DEBUG", 5.0, 0.7)]
    {
        let percent = count(&logs, |log| log.level == level) / 1000.0;
        assert!((percent - expected).abs() < tolerance, "{level}: {percent} %");
    }
    let names: HashSet<&str> = logs.iter().map(|log| log.service.as_str()).collect();
    assert!(names.len() >= 12);
    assert_eq!(names, services().collect());
    assert!(logs.iter().any(|log| log.message.contains('"')));
    assert!(logs.iter().any(|log| log.message.contains('\n')));
    assert!(logs.iter().any(|log| log.message.contains('→')));
    assert!(logs.iter().any(|log| log.message.contains("東京")));
    // a service's error rate is its own
    let errors = |service: &str| {
        count(&logs, |log| log.service == service && log.level == "ERROR") / count(&logs, |log| log.service == service)
    };
    assert!(errors("payment-service") > 0.06 && errors("payment-service") < 0.10, "{}", errors("payment-service"));
    assert!(errors("scheduler") < errors("payment-service") && errors("payment-service") < errors("api-gateway"));
}

#[test]
fn fields_stand_in_order_and_some_logs_have_extra_ones() {
    let lines = String::from_utf8(bytes(&mut Generator::new(quiet(), start()), 10_000)).unwrap();
    let known = ["timestamp", "level", "service", "host", "trace_id", "span_id", "latency_ms", "message"];
    for line in lines.lines() {
        let places: Vec<usize> = known.iter().filter_map(|name| line.find(&format!("\"{name}\":"))).collect();
        assert!(places.is_sorted(), "{line}");
    }
    for extra in ["\"parent_span_id\":", "\"region\":", "\"correlation_id\":\"job-"] {
        assert!(lines.contains(extra), "{extra}");
    }
}

#[test]
fn equal_traffic_gives_equal_bytes_wherever_one_begins_and_other_seeds_give_others() {
    let whole = bytes(&mut Generator::new(Traffic::default(), start()), 50_000);
    assert!(whole == bytes(&mut Generator::new(Traffic::default(), start()), 50_000));
    assert!(whole != bytes(&mut Generator::new(Traffic { seed: 2, ..Traffic::default() }, start()), 50_000));
    // one that begins in the middle of the burst writes what the first one does from there
    let mut later = Generator::new(Traffic::default(), start().plus(Duration::from_millis(20_250)));
    let tail = bytes(&mut later, 1000);
    assert!(String::from_utf8(whole).unwrap().contains(std::str::from_utf8(&tail).unwrap()));
}

#[test]
fn a_generator_resumes_at_any_position() {
    let mut generator = Generator::new(Traffic { logs_per_second: 5000.0, ..Traffic::default() }, start());
    for skip in [0, 1, 2, 7, 1234] {
        bytes(&mut generator, skip);
        let position = generator.position();
        let mut resumed = Generator::resume(generator.traffic().clone(), position);
        assert_eq!(resumed.position(), position);
        assert!(bytes(&mut resumed, 500) == bytes(&mut generator, 500));
        assert!(generator.position() > position);
    }
}

#[test]
fn times_go_backwards_by_no_more_than_the_disorder() {
    let disorder = Duration::from_millis(150);
    let logs = logs(Traffic { disorder, ..Traffic::default() }, start(), start().plus(seconds(90)));
    let mut latest = Timestamp::MIN;
    let mut backwards = 0.0;
    for log in &logs {
        assert!(log.at >= latest.minus(disorder));
        backwards += f64::from(u8::from(log.at < latest));
        latest = latest.max(log.at);
    }
    let share = backwards / logs.len() as f64;
    assert!((0.01..0.03).contains(&share), "{share}");
    let mut in_order = Generator::new(Traffic { disorder: Duration::ZERO, ..Traffic::default() }, start());
    let times: Vec<Timestamp> = (0..10_000).map(|_| in_order.next(&mut Vec::new())).collect();
    assert!(times.is_sorted());
}

#[test]
fn traces_cross_services_and_callers_outlast_their_callees() {
    let logs = logs(quiet(), start(), start().plus(seconds(60)));
    let mut traces: HashMap<&str, Vec<&Seen>> = HashMap::new();
    for log in &logs {
        if let Some(trace) = &log.trace {
            assert_eq!((trace.len(), log.span.as_ref().unwrap().len()), (32, 16));
            traces.entry(trace).or_default().push(log);
        }
    }
    assert!(count(&logs, |log| log.trace.is_none()) > 0.0);
    let crossing = traces.values().map(|trace| trace.iter().map(|log| &log.service).collect::<HashSet<_>>().len());
    let sizes: BTreeMap<usize, usize> = crossing.fold(BTreeMap::new(), |mut sizes, services| {
        *sizes.entry(services).or_default() += 1;
        sizes
    });
    // traces of the first and last seconds are cut
    assert!((2..=6).all(|services| sizes[&services] > 10), "{sizes:?}");
    let mut pairs = 0;
    for trace in traces.values() {
        let ends = trace.iter().filter(|log| log.latency.is_some());
        let spans: HashMap<&str, &&Seen> = ends.map(|log| (log.span.as_deref().unwrap(), log)).collect();
        for callee in spans.values() {
            let Some(caller) = callee.parent.as_deref().and_then(|parent| spans.get(parent)) else { continue };
            assert!(caller.latency > callee.latency, "{} above {}", caller.service, callee.service);
            assert!(caller.at >= callee.at);
            pairs += 1;
        }
    }
    assert!(pairs > 5_000, "{pairs}");
}

#[test]
fn the_rate_is_the_asked_one_and_follows_the_hour() {
    let flat = logs(quiet(), start(), start().plus(seconds(60))).len() as f64 / 60.0;
    assert!((970.0..1030.0).contains(&flat), "{flat}");
    let midnight: Timestamp = "2025-10-22T00:00:00Z".parse().unwrap();
    let at = |hour: u64| {
        let from = midnight.plus(minutes(60 * hour));
        logs(Traffic { incidents: false, ..Traffic::default() }, from, from.plus(seconds(60))).len()
    };
    assert!(at(15) > 2 * at(3));
}

/// The logs of the scripted incident of a kind, and the quiet ones before it.
fn inside_and_before(kind: IncidentKind) -> (Vec<Seen>, Vec<Seen>) {
    let traffic = Traffic { anchor: start(), seasons: false, ..Traffic::default() };
    let mut incident = upcoming(start(), start()).unwrap();
    while incident.kind != kind {
        incident = upcoming(start(), incident.from).unwrap();
    }
    let inside = logs(traffic.clone(), incident.from, incident.until);
    // a time as long in the previous cycle's last, quiet minute serves the first incident
    let before = incident.from.minus(incident.until.since(incident.from).min(seconds(15)));
    (inside, logs(traffic, before, incident.from))
}

fn share(logs: &[Seen], service: &str, wanted: impl Fn(&Seen) -> bool) -> f64 {
    count(logs, |log| log.service == service && wanted(log)) / count(logs, |log| log.service == service)
}

#[test]
fn the_error_burst_shows_in_payment_and_in_its_callers() {
    let (inside, before) = inside_and_before(IncidentKind::ErrorBurst);
    let error = |log: &Seen| log.level == "ERROR";
    assert!(share(&before, "payment-service", error) < 0.15);
    let payment = share(&inside, "payment-service", error);
    assert!((0.6..0.8).contains(&payment), "{payment}");
    let timed_out = |log: &Seen| log.message.contains("timed out after");
    for caller in ["checkout-service", "api-gateway", "frontend"] {
        assert!(share(&inside, caller, timed_out) > 0.005, "{caller}");
        assert_eq!(share(&before, caller, timed_out), 0.0, "{caller}");
    }
}

#[test]
fn the_traffic_spike_shows_at_the_edge_and_nowhere_else() {
    let (inside, before) = inside_and_before(IncidentKind::TrafficSpike);
    let rate = |logs: &[Seen], service: &str, secs: f64| count(logs, |log| log.service == service) / secs;
    for edge in ["frontend", "api-gateway"] {
        let times = rate(&inside, edge, 40.0) / rate(&before, edge, 15.0);
        assert!((5.0..7.0).contains(&times), "{edge}: {times}");
    }
    let times = rate(&inside, "payment-service", 40.0) / rate(&before, "payment-service", 15.0);
    assert!((0.7..1.4).contains(&times), "{times}");
}

#[test]
fn the_silent_service_says_nothing() {
    let (inside, before) = inside_and_before(IncidentKind::SilentService);
    assert!(count(&before, |log| log.service == "inventory-service") > 500.0);
    let traffic = Traffic { anchor: start(), ..Traffic::default() };
    let silent = |log: &&Seen| traffic.incident_at(log.at).is_some_and(|incident| incident.service == log.service);
    assert_eq!(inside.iter().filter(silent).count(), 0);
    assert!(count(&inside, |log| log.service == "payment-service") > 500.0);
}

#[test]
fn the_latency_creep_ramps_up_to_eight_times() {
    let (inside, before) = inside_and_before(IncidentKind::LatencyCreep);
    let median = |logs: &[Seen], service: &str| {
        let mut latencies: Vec<f64> =
            logs.iter().filter(|log| log.service == service).filter_map(|log| log.latency).collect();
        latencies.sort_by(f64::total_cmp);
        latencies[latencies.len() / 2]
    };
    let third = inside.len() / 3;
    let thirds = [&inside[..third], &inside[third..2 * third], &inside[2 * third..]];
    let times = thirds.map(|third| median(third, "checkout-service") / median(&before, "checkout-service"));
    assert!(times.is_sorted() && times[0] > 1.5 && times[2] > 5.0 && times[2] < 8.0, "{times:?}");
    let others = median(&inside, "payment-service") / median(&before, "payment-service");
    assert!((0.9..1.1).contains(&others), "{others}");
}

#[test]
fn the_new_message_is_new() {
    let (inside, before) = inside_and_before(IncidentKind::NewMessage);
    // numbers and ids aside, what auth-service says at ERROR
    let texts = |logs: &[Seen]| -> HashMap<String, usize> {
        let mut texts = HashMap::new();
        for log in logs.iter().filter(|log| log.service == "auth-service" && log.level == "ERROR") {
            let plain = log.message.split(' ').filter(|word| !word.contains(|c: char| c.is_ascii_digit()));
            *texts.entry(plain.filter(|word| word.len() != 8).collect::<Vec<_>>().join(" ")).or_default() += 1;
        }
        texts
    };
    let known = texts(&before);
    let new: Vec<usize> =
        texts(&inside).into_iter().filter(|(text, _)| !known.contains_key(text)).map(|(_, n)| n).collect();
    assert!(new.iter().any(|n| *n > 100), "{new:?}");
}

#[test]
fn impossible_traffic_is_made_possible() {
    for logs_per_second in [f64::NAN, f64::NEG_INFINITY, -1.0, 0.0] {
        for extreme in [Timestamp::MIN, Timestamp::MAX] {
            let traffic = Traffic { logs_per_second, anchor: extreme, disorder: Duration::MAX, ..Traffic::default() };
            for start in [Timestamp::MIN, Timestamp::MAX] {
                let mut generator = Generator::new(traffic.clone(), start);
                serde_json::from_slice::<Value>(&bytes(&mut generator, 1)).unwrap();
                let position = generator.position();
                Generator::resume(traffic.clone(), position);
            }
        }
    }
}
