//! [`Process`]: one process of Highwater, until it is killed or ends.

use std::{
    fs::File,
    io::{BufRead, BufReader, Write},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow};
use rustix::process::{Pid, Signal, kill_process};

use crate::{interrupt, views::is_ready};

/// How often a process that starts is asked whether it is ready.
const ASK_EVERY: Duration = Duration::from_millis(10);
/// How often a long wait looks whether it is interrupted.
const HEED_EVERY: Duration = Duration::from_millis(200);

/// A process that runs; killed where it is dropped.
pub struct Process {
    child: Child,
    started: Instant,
    /// where it listens, and nothing more when it has ended
    addresses: Receiver<String>,
    address: Option<String>,
    ready_after: Option<Duration>,
}

impl Process {
    /// Starts it; what it says goes to `log`.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn start(mut command: Command, log: &File) -> Result<Self> {
        let stderr = log.try_clone().context("the log cannot be shared")?;
        let log = log.try_clone().context("the log cannot be shared")?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
        let started = Instant::now();
        let mut child = command.spawn().with_context(|| format!("{:?} does not start", command.get_program()))?;
        let stdout = child.stdout.take().ok_or_else(|| anyhow!("the process has no standard output"))?;
        let (sender, addresses) = channel();
        std::thread::Builder::new()
            .name("output".to_owned())
            .spawn(move || listen(BufReader::new(stdout), log, &sender))
            .context("no thread for the output")?;
        Ok(Process { child, started, addresses, address: None, ready_after: None })
    }

    /// Where it listens, once it has said so.
    pub fn address(&self) -> Option<&str> {
        self.address.as_deref()
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// From its start to when it said that it is ready, if it has.
    pub fn ready_after(&self) -> Option<Duration> {
        self.ready_after
    }

    /// How long ago it was started.
    pub fn age(&self) -> Duration {
        self.started.elapsed()
    }

    /// Lets it run on for so long. Says how it ended if it did.
    ///
    /// # Errors
    /// Where it cannot be waited for, or the run is interrupted.
    pub fn run_for(&mut self, time: Duration) -> Result<Option<ExitStatus>> {
        let until = Instant::now() + time;
        loop {
            if let Some(status) = self.step(until.saturating_duration_since(Instant::now()))? {
                return Ok(Some(status));
            }
            if Instant::now() >= until {
                return Ok(None);
            }
        }
    }

    /// Lets it run for a moment, at most so long, then asks whether it is ready unless it was. Says how it ended if it
    /// did.
    ///
    /// # Errors
    /// Where it cannot be waited for, or the run is interrupted.
    pub fn step(&mut self, at_most: Duration) -> Result<Option<ExitStatus>> {
        let starts = self.ready_after.is_none();
        let ended = self.wait(if starts { at_most.min(ASK_EVERY) } else { at_most })?;
        if starts && ended.is_none() && self.address().is_some_and(is_ready) {
            self.ready_after = Some(self.age());
        }
        Ok(ended)
    }

    /// Waits at most so long for its end. Says how it ended if it did.
    ///
    /// # Errors
    /// Where it cannot be waited for, or the run is interrupted.
    pub fn wait(&mut self, at_most: Duration) -> Result<Option<ExitStatus>> {
        let deadline = Instant::now() + at_most;
        loop {
            interrupt::check()?;
            let left = deadline.saturating_duration_since(Instant::now());
            match self.addresses.recv_timeout(left.min(HEED_EVERY)) {
                Ok(address) => self.address = Some(address),
                Err(RecvTimeoutError::Timeout) if left > HEED_EVERY => {}
                Err(RecvTimeoutError::Timeout) => return Ok(None),
                Err(RecvTimeoutError::Disconnected) => {
                    return Ok(Some(self.child.wait().context("the process cannot be waited for")?));
                }
            }
        }
    }

    /// SIGKILL, and waits until it is gone.
    ///
    /// # Errors
    /// Where that is not allowed.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill().context("the process cannot be killed")?;
        self.child.wait().context("the process cannot be waited for")?;
        Ok(())
    }

    /// SIGTERM.
    ///
    /// # Errors
    /// Where that is not allowed.
    pub fn terminate(&mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).context("the process cannot be sent SIGTERM")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listen(output: impl BufRead, mut log: File, addresses: &Sender<String>) {
    for line in output.lines().map_while(Result::ok) {
        // a log that cannot be written must not end the run
        let _ = writeln!(log, "{line}");
        if let Some(address) = line.strip_prefix("listening on http://") {
            let _ = addresses.send(address.to_owned());
        }
    }
}
