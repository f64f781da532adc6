//! Parts one by one: parse, combine, each detector. `make bench-micro`.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use differential_dataflow::difference::Semigroup;
use highwater_engine::{Level, format};
use highwater_operators::{
    Detection, Histogram, History, Model, Tally, Training, assess, features, moving_average, template, z_score,
};

const RECORDS: [(&str, &str); 4] = [
    (
        "json",
        r#"{"timestamp":"2025-10-23T14:32:15.123Z","level":"INFO","service":"payment-service","host":"pay-7f9c-2","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","span_id":"00f067aa0ba902b7","latency_ms":12.5,"message":"charge accepted for order 18273645 in 12.5 ms"}"#,
    ),
    ("logfmt", r#"time=2025-10-23T14:32:15Z level=info service=payment msg="charge accepted" latency_ms=12.5"#),
    ("plain", "2025-10-23 14:32:15 INFO [payment-service] charge accepted for order 18273645"),
    ("syslog", "<165>1 2025-10-23T14:32:15.003Z host payment 4711 ID47 - charge accepted for order 18273645"),
];

fn parse(c: &mut Criterion) {
    for (name, record) in RECORDS {
        c.bench_function(&format!("parse/{name}"), |b| b.iter(|| format::parse(black_box(record), None).is_ok()));
    }
    let message = "charge accepted for order 18273645 of user-4711 from 10.1.2.3 in 12.5 ms";
    c.bench_function("template", |b| b.iter(|| template(black_box(message)).len()));
}

fn combine(c: &mut Criterion) {
    let mut histogram = Histogram::default();
    (0..10_000u64).for_each(|n| histogram.add(n * n % 1_000_003));
    c.bench_function("combine/tally", |b| {
        let (mut sum, mut more) = (Tally::default(), Tally::default());
        more.add(Level::Error, Some(1_500));
        b.iter(|| sum.plus_equals(black_box(&more)));
    });
    c.bench_function("combine/histogram", |b| {
        let mut sum = histogram.clone();
        b.iter(|| sum.plus_equals(black_box(&histogram)));
    });
    c.bench_function("histogram/add", |b| {
        let mut n = 0u64;
        b.iter(|| {
            n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            histogram.add(n >> 44);
        });
    });
}

fn detect(c: &mut Criterion) {
    let past: Vec<f64> = (0..60).map(|n| 100.0 + f64::from(n * 7 % 13)).collect();
    let history = History::windows(60);
    c.bench_function("detect/z_score", |b| b.iter(|| z_score(black_box(&past), 140.0, &history)));
    c.bench_function("detect/moving_average", |b| b.iter(|| moving_average(black_box(&past), 140.0, &history, 3.0)));
    c.bench_function("detect/all", |b| b.iter(|| assess(black_box(&past), 140.0, Some(0.7), &Detection::counts())));
    let rows: Vec<_> = (0..256).map(|n| features(100 + n % 7, 0.01, Some(900.0 + (n % 11) as f64), 103)).collect();
    let Ok(model) = Model::train(&rows, &Training::default()) else { return };
    c.bench_function("detect/isolation_forest", |b| {
        b.iter(|| model.score(black_box(&features(9, 0.9, Some(8e4), 103))))
    });
    c.bench_function("train/isolation_forest", |b| {
        b.iter(|| Model::train(black_box(&rows), &Training::default()).is_ok());
    });
}

criterion_group!(benches, parse, combine, detect);
criterion_main!(benches);
