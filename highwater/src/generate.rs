//! `highwater generate`: made-up logs, to wherever they are wanted.

use std::{
    fs::File,
    io::{self, Write},
    time::Duration,
};

use anyhow::{Context, bail};
use crossbeam_channel::{Receiver, bounded};
use highwater_connectors::generator::{Generator, Traffic};
use highwater_engine::Timestamp;

use crate::{cli, signals, wire};

/// Bytes that are written in one go.
const CHUNK: usize = 64 << 10;

/// Where lines go. A chunk holds whole lines, each with its newline.
pub(crate) trait Target {
    /// Takes a chunk; false where nobody wants more.
    fn write(&mut self, chunk: &[u8]) -> anyhow::Result<bool>;
    /// How many bytes are best written in one go.
    fn chunk_bytes(&self) -> usize {
        CHUNK
    }
}

struct ToWriter<W>(W);

impl<W: Write> Target for ToWriter<W> {
    fn write(&mut self, chunk: &[u8]) -> anyhow::Result<bool> {
        match self.0.write_all(chunk).and_then(|()| self.0.flush()) {
            Ok(()) => Ok(true),
            // as in `highwater generate | head`
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(error).context("cannot write"),
        }
    }
}

/// Generates until the duration is over, the count is reached, or Ctrl-C.
///
/// # Errors
/// Where the target cannot be opened or written to.
pub(crate) fn generate(arguments: &cli::Generate) -> anyhow::Result<()> {
    if arguments.fast && arguments.duration.is_none() && arguments.count.is_none() {
        bail!("--fast needs an end: give --duration or --count");
    }
    let mut target = open(&arguments.to)?;
    let (stop, stopped) = bounded::<()>(0);
    signals::on_stop(move || drop(stop))?;
    let written = write_logs(arguments, target.as_mut(), &stopped)?;
    if arguments.to != "stdout" {
        crate::status::say(&format!("{} logs written to {}", crate::watch::thousands(written), arguments.to));
    }
    Ok(())
}

/// Brokers and topic of `kafka://HOST:PORT/TOPIC`; none of what is no such address.
///
/// # Errors
/// Where it begins like one.
pub(crate) fn kafka_place(place: &str) -> anyhow::Result<Option<(&str, &str)>> {
    let Some(rest) = place.strip_prefix("kafka://") else { return Ok(None) };
    let parts = rest.split_once('/').filter(|(brokers, topic)| !brokers.is_empty() && !topic.is_empty());
    parts.map(Some).with_context(|| format!("{place}: write kafka://HOST:PORT/TOPIC"))
}

fn open(to: &str) -> anyhow::Result<Box<dyn Target>> {
    if let Some((brokers, topic)) = kafka_place(to)? {
        return wire::kafka_target(brokers, topic);
    }
    if matches!(to, "stdout" | "-") {
        return Ok(Box::new(ToWriter(io::stdout())));
    }
    Ok(Box::new(ToWriter(File::create(to).with_context(|| format!("cannot create {to}"))?)))
}

fn write_logs(arguments: &cli::Generate, target: &mut dyn Target, stopped: &Receiver<()>) -> anyhow::Result<u64> {
    let now = Timestamp::now();
    let length = arguments.duration.unwrap_or_else(|| {
        // how long the count will take, roughly
        let count = arguments.count.filter(|_| arguments.fast).unwrap_or(0);
        Duration::try_from_secs_f64(count as f64 / arguments.rate).unwrap_or_default()
    });
    let start = arguments.start.unwrap_or(if arguments.fast { now.minus(length) } else { now });
    let end = arguments.duration.map_or(Timestamp::MAX, |duration| start.plus(duration));
    // the first log is written now, whatever its time
    let ahead = |at: Timestamp| at.since(start).saturating_sub(Timestamp::now().since(now));
    let traffic = Traffic {
        logs_per_second: arguments.rate,
        seed: arguments.seed,
        anchor: start,
        incidents: !arguments.no_incidents,
        seasons: arguments.seasons,
        ..Traffic::default()
    };
    let mut generator = Generator::new(traffic, start);
    let mut chunk = Vec::with_capacity(CHUNK + (4 << 10));
    let mut written = 0;
    while arguments.count.is_none_or(|count| written < count) {
        let whole = chunk.len();
        let at = generator.next(&mut chunk);
        if at >= end {
            chunk.truncate(whole);
            break;
        }
        chunk.push(b'\n');
        written += 1;
        let wait = if arguments.fast { Duration::ZERO } else { ahead(at) };
        if chunk.len() >= target.chunk_bytes() || wait > Duration::from_millis(2) {
            if !target.write(&chunk)? {
                return Ok(written);
            }
            chunk.clear();
            // the sender being gone is the signal
            if stopped.recv_timeout(wait).is_err_and(|error| error.is_disconnected()) {
                return Ok(written);
            }
        }
    }
    target.write(&chunk)?;
    Ok(written)
}
