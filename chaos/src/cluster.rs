//! [`Cluster`]: one start of a job, of one process or several, until it is killed or ends.

use std::{
    process::ExitStatus,
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};

use crate::{job::Job, plan::Shape, process::Process};

/// For the others to notice that one is gone, and to end.
const TO_NOTICE: Duration = Duration::from_secs(30);
/// How a process ends whose job has failed.
const FAILED: i32 = 1;

/// The processes of a job; killed where it is dropped.
pub struct Cluster {
    members: Vec<Process>,
}

/// What SIGKILL to one member did to the others.
#[derive(Debug, Default)]
pub struct Aftermath {
    /// Until the last of them had ended by itself; `None` where there were none, or they were still starting.
    pub ended_after: Option<Duration>,
    /// What is wrong with how they ended.
    pub problems: Vec<String>,
}

impl Cluster {
    /// Starts all processes; `note` goes to the job's log first.
    ///
    /// # Errors
    /// Where one cannot be started.
    pub fn start(job: &mut Job, shape: Shape, note: &str) -> Result<Self> {
        job.note(&format!("{note}: {shape}"))?;
        let members: Result<_> = (0..shape.processes).map(|process| job.start(shape, process)).collect();
        Ok(Cluster { members: members? })
    }

    /// Its processes, by their numbers.
    pub fn members(&self) -> &[Process] {
        &self.members
    }

    /// From the start to when the last process said that it is ready, if all have.
    pub fn ready_after(&self) -> Option<Duration> {
        let times: Option<Vec<_>> = self.members.iter().map(Process::ready_after).collect();
        times?.into_iter().max()
    }

    /// How long ago it was started.
    pub fn age(&self) -> Duration {
        self.members.iter().map(Process::age).max().unwrap_or_default()
    }

    /// Lets it run on for so long.
    ///
    /// # Errors
    /// Where a process has ended by itself, or the run is interrupted.
    pub fn run_for(&mut self, time: Duration) -> Result<()> {
        let until = Instant::now() + time;
        loop {
            self.step(until.saturating_duration_since(Instant::now()))?;
            if Instant::now() >= until {
                return Ok(());
            }
        }
    }

    /// Lets it run for a moment, at most so long, then asks whoever was not ready whether it is.
    ///
    /// # Errors
    /// Where a process has ended by itself, or the run is interrupted.
    pub fn step(&mut self, at_most: Duration) -> Result<()> {
        // where all are ready any will do: when one ends the others do too
        let slowest = self.members.iter().position(|member| member.ready_after().is_none()).unwrap_or(0);
        for (number, member) in self.members.iter_mut().enumerate() {
            let ended = member.step(if number == slowest { at_most } else { Duration::ZERO })?;
            if let Some(status) = ended {
                bail!("process {number} ended by itself ({status})");
            }
        }
        Ok(())
    }

    /// Lets it run until it is ready. Says how long that took since the start.
    ///
    /// # Errors
    /// Where a process has ended by itself, the run is interrupted, or it takes longer than `patience`.
    pub fn until_ready(&mut self, patience: Duration) -> Result<Duration> {
        loop {
            if let Some(after) = self.ready_after() {
                return Ok(after);
            }
            ensure!(self.age() < patience, "a start is not ready after {patience:?}");
            self.step(patience)?;
        }
    }

    /// SIGKILL to one process. Where all were ready the others have to end by themselves. Those of a cluster that was
    /// still starting may wait for the one that is gone: whoever started them ends them.
    ///
    /// # Errors
    /// Where processes cannot be killed or waited for, or the run is interrupted.
    pub fn kill(&mut self, victim: usize) -> Result<Aftermath> {
        let was_ready = self.ready_after().is_some();
        self.members[victim].kill()?;
        let killed = Instant::now();
        let mut aftermath = Aftermath::default();
        for (number, member) in self.members.iter_mut().enumerate().filter(|(number, _)| *number != victim) {
            if was_ready {
                let ended = member.wait(TO_NOTICE.saturating_sub(killed.elapsed()))?;
                aftermath.ended_after = Some(killed.elapsed());
                aftermath.problems.extend(judge_loss(number, ended));
            }
            member.kill()?;
        }
        Ok(aftermath)
    }

    /// SIGTERM to one process, upon which all have to end in good order. What is wrong with how they do.
    ///
    /// # Errors
    /// Where it cannot be sent or waited for, or the run is interrupted.
    pub fn terminate(&mut self, member: usize, patience: Duration) -> Result<Vec<String>> {
        let asked = Instant::now();
        self.members[member].terminate()?;
        let mut problems = Vec::new();
        for (number, process) in self.members.iter_mut().enumerate() {
            let ended = process.wait(patience.saturating_sub(asked.elapsed()))?;
            problems.extend(match ended {
                None => Some(format!("process {number} did not end within {patience:?} after SIGTERM to {member}")),
                Some(status) if status.success() => None,
                Some(status) => Some(format!("after SIGTERM to {member} process {number} ended with {status}")),
            });
        }
        Ok(problems)
    }
}

fn judge_loss(number: usize, ended: Option<ExitStatus>) -> Option<String> {
    match ended {
        None => Some(format!("process {number} hangs after a lost process")),
        Some(status) if status.code() == Some(FAILED) => None,
        Some(status) => Some(format!("after a lost process, process {number} ended with {status}")),
    }
}
