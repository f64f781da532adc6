//! What a case used, read from the kernel's own accounting.

use std::{fmt, fs, str::FromStr, time::Instant};

use anyhow::{Context, Result};

/// What a case used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// Logs processed.
    pub(crate) logs: u64,
    /// User and system time of all threads, in seconds.
    pub(crate) cpu_seconds: f64,
    /// Wall time, in seconds.
    pub(crate) wall_seconds: f64,
    /// Peak resident memory that the case added, in bytes.
    pub(crate) peak_bytes: u64,
}

/// A measurement under way.
pub(crate) struct Meter {
    cpu: f64,
    resident: u64,
    started: Instant,
}

impl Meter {
    /// Starts after the data is made, so that it counts neither time nor memory of that.
    pub(crate) fn start() -> Result<Self> {
        // writing 5 resets the peak, where the kernel allows it
        let _ = fs::write("/proc/self/clear_refs", "5");
        Ok(Meter { cpu: cpu_seconds()?, resident: status("VmRSS:")?, started: Instant::now() })
    }

    pub(crate) fn stop(self, logs: u64) -> Result<Usage> {
        Ok(Usage {
            logs,
            cpu_seconds: cpu_seconds()? - self.cpu,
            wall_seconds: self.started.elapsed().as_secs_f64(),
            peak_bytes: status("VmHWM:")?.saturating_sub(self.resident),
        })
    }
}

impl Usage {
    pub(crate) fn cpu_per_log(&self) -> f64 {
        self.cpu_seconds / self.logs as f64
    }

    pub(crate) fn logs_per_second(&self) -> f64 {
        self.logs as f64 / self.wall_seconds
    }
}

/// See `proc_pid_stat(5)`: fields 14 and 15, in ticks of 10 ms.
fn cpu_seconds() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let after_name = stat.rsplit_once(')').context("a process's name")?.1;
    let ticks: u64 = after_name.split_whitespace().skip(11).take(2).map(|n| n.parse().unwrap_or(0u64)).sum();
    Ok(ticks as f64 / 100.0)
}

fn status(field: &str) -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with(field)).context("a field of the status")?;
    let kib: u64 = line.split_whitespace().nth(1).context("its value")?.parse()?;
    Ok(kib << 10)
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {}", self.logs, self.cpu_seconds, self.wall_seconds, self.peak_bytes)
    }
}

impl FromStr for Usage {
    type Err = anyhow::Error;
    fn from_str(text: &str) -> Result<Self> {
        let mut fields = text.split_whitespace();
        let mut next = || fields.next().context("four numbers");
        Ok(Usage {
            logs: next()?.parse()?,
            cpu_seconds: next()?.parse()?,
            wall_seconds: next()?.parse()?,
            peak_bytes: next()?.parse()?,
        })
    }
}
