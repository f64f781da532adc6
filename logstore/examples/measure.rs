//! How fast logs get into the store, how large they are there, and how fast they are found again.
//!
//! ```text
//! highwater generate --count 1000000 --rate 2000 --fast --to logs.json
//! cargo run --release -p highwater-logstore --example measure -- logs.json [folder]
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use highwater_engine::{
    Intake, Level, Name, Positions, Progress, Reader, Settings, Source, SourceError, Timestamp, days,
};
use highwater_logstore::{Clause, Field, Indexer, LogStore, Predicate, Query, Search, StoreSettings, Value};
use prometheus_client::registry::Registry;

/// As in `highwater` itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Lines of a file: all but the last fifth as fast as they are taken, those at a rate once it is set.
#[derive(Clone)]
struct Lines {
    text: Arc<str>,
    /// bytes that are read at once
    head: usize,
    /// lines a second after that
    rate: Arc<AtomicUsize>,
}

impl Source for Lines {
    fn name(&self) -> Name {
        "lines".into()
    }

    fn open(&self, _: usize, _: usize, resume: &Positions) -> Result<Box<dyn Reader>, SourceError> {
        let at = resume.get(&0).map_or(0, |at| *at as usize);
        Ok(Box::new(LineReader { lines: self.clone(), at, since: None, paced: 0 }))
    }
}

struct LineReader {
    lines: Lines,
    at: usize,
    since: Option<Instant>,
    paced: usize,
}

impl Reader for LineReader {
    fn read(&mut self, intake: &mut Intake, _: Duration) -> Result<Progress, SourceError> {
        let slot = intake.partition(0);
        let rate = self.lines.rate.load(Ordering::Relaxed);
        while !intake.is_full() {
            if self.at >= self.lines.text.len() {
                return Ok(Progress::Idle);
            }
            if self.at >= self.lines.head {
                let since = *self.since.get_or_insert_with(Instant::now);
                if rate == 0 || self.paced as f64 >= since.elapsed().as_secs_f64() * rate as f64 {
                    self.since = self.since.filter(|_| rate > 0);
                    return Ok(Progress::Idle);
                }
                self.paced += 1;
            }
            let rest = &self.lines.text[self.at..];
            let line = rest.lines().next().unwrap_or_default();
            self.at += line.len() + 1;
            intake.record(slot, self.at as i64, None, line.as_bytes());
        }
        Ok(Progress::More)
    }
}

/// CPU time of this process so far.
fn cpu() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

fn wait_until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        let _ = crossbeam_channel::after(Duration::from_millis(5)).recv();
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let text: Arc<str> = fs::read_to_string(arguments.next().expect("a file of logs")).unwrap().into();
    let head = text[..text.len() * 4 / 5].rfind('\n').unwrap() + 1;
    let rate = Arc::new(AtomicUsize::new(0));
    let temporary = tempfile::tempdir().unwrap();
    let folder = arguments.next().map_or_else(|| temporary.path().to_owned(), Into::into);
    let lines = Lines { text: text.clone(), head, rate: rate.clone() };
    let logs = text[..head].lines().count() as u64;
    let settings = StoreSettings { retention: days(36_500), ..StoreSettings::new(folder) };

    let (start, cpu_start) = (Instant::now(), cpu());
    let (_indexer, store) =
        Indexer::start(vec![Box::new(lines)], Settings::default(), settings, &mut Registry::default()).unwrap();
    wait_until(|| store.status().logs >= logs);
    let (wall, spent) = (start.elapsed(), cpu() - cpu_start);
    println!("{logs} logs of {:.0} bytes indexed in {wall:.1?}, {spent:.1?} of CPU", head as f64 / logs as f64);
    println!("  {:.0} logs/s, {:.0} logs/s/core", rate_of(logs, wall), rate_of(logs, spent));
    let mut quiet = (store.status().bytes, Instant::now());
    wait_until(|| {
        let bytes = store.status().bytes;
        if bytes != quiet.0 {
            quiet = (bytes, Instant::now());
        }
        quiet.1.elapsed() > Duration::from_secs(3)
    });
    let merged = cpu() - cpu_start;
    println!(
        "  {:.0} logs/s/core with all merges; on disk {:.3} of the raw bytes",
        rate_of(logs, merged),
        quiet.0 as f64 / head as f64
    );
    println!("  {}", serde_json::to_string(&store.status()).unwrap());

    println!("searches while nothing comes:");
    search_all(&store);
    rate.store(20_000, Ordering::Relaxed);
    println!("searches while 20 000 logs/s come:");
    let (before, start) = (store.status().logs, Instant::now());
    search_all(&store);
    let came = store.status().logs - before;
    println!("  meanwhile {:.0} logs/s came", rate_of(came, start.elapsed()));
}

fn rate_of(logs: u64, time: Duration) -> f64 {
    logs as f64 / time.as_secs_f64()
}

fn clause(field: Field, predicate: Predicate) -> Query {
    Query::Clause(Clause { field, predicate })
}

fn is(field: Field, text: &str) -> Query {
    clause(field, Predicate::Is(Value::Text(text.to_owned())))
}

/// What people look for, the frequent and the rare.
fn search_all(store: &LogStore) {
    let sample = store.search(&Search { limit: 1, ..Search::new(Query::All) }).unwrap().logs.remove(0);
    let errors = || {
        clause(
            Field::Level,
            Predicate::Within(std::ops::Bound::Included(Value::Level(Level::Error)), std::ops::Bound::Unbounded),
        )
    };
    let trace = sample.trace_id.clone().unwrap_or_default();
    let region = Field::Attribute("region".to_owned());
    let region_of = |name: &str| clause(region.clone(), Predicate::Is(Value::Text(name.to_owned())));
    let slow = std::ops::Bound::Included(Value::Micros(500_000));
    let minutes = |search: Search, minutes: u64| {
        let newest = store.status().newest.unwrap();
        Search { from: Some(newest.minus(Duration::from_secs(60 * minutes))), ..search }
    };
    let all = |query: Query| Search { aggregate: true, ..Search::new(query) };
    let searches: Vec<(&str, Search)> = vec![
        ("newest 50", Search::new(Query::All)),
        ("everything, counted", all(Query::All)),
        ("last 15 minutes, counted", minutes(all(Query::All), 15)),
        ("one word", all(is(Field::Message, "payment"))),
        ("two words", all(Query::And(vec![is(Field::Message, "payment"), is(Field::Message, "failed")]))),
        ("a phrase", all(is(Field::Message, "template rendering failed"))),
        ("a prefix", all(clause(Field::Message, Predicate::StartsWith("time".to_owned())))),
        ("errors of a service", all(Query::And(vec![errors(), is(Field::Service, &sample.service)]))),
        ("not of a service", all(Query::Not(Box::new(is(Field::Service, &sample.service))))),
        ("slower than 500 ms", all(clause(Field::Latency, Predicate::Within(slow, std::ops::Bound::Unbounded)))),
        ("an attribute", all(region_of("eu-central-1"))),
        ("a trace", Search::new(is(Field::TraceId, &trace))),
        ("an id", Search::new(is(Field::Id, &sample.id.to_string()))),
    ];
    let mut times: Vec<Duration> = Vec::new();
    for (name, search) in &searches {
        let mut own: Vec<Duration> = (0..40)
            .map(|_| {
                let start = Instant::now();
                std::hint::black_box(store.search(search).unwrap());
                start.elapsed()
            })
            .collect();
        own.sort_unstable();
        let total = store.search(search).unwrap().total;
        println!("  {name:26} {total:>9} found, p50 {:>9.2?}, p95 {:>9.2?}", own[20], own[38]);
        times.extend(own);
    }
    times.sort_unstable();
    let at = |share: f64| times[(times.len() as f64 * share) as usize];
    println!(
        "  all: p50 {:.2?}, p95 {:.2?}, p99 {:.2?}; behind {:?} at {}",
        at(0.5),
        at(0.95),
        at(0.99),
        store.status().behind,
        Timestamp::now()
    );
}
