//! [`Sample`]: what a job holds and how far it is, by the kernel, by its files and by its own metrics.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result};

use crate::{job::STATE, process::Process, views};

/// The job's epochs are ticks of the wall clock of so long: the default.
const TICK: Duration = Duration::from_millis(100);

/// A look at the job.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// Resident memory, in bytes.
    pub resident: u64,
    /// Open descriptors.
    pub descriptors: u64,
    /// What the durable state takes on disk, in bytes.
    pub state: u64,
    /// Bytes that wait for sinks.
    pub outbox: u64,
    /// Epochs from the newest committed one to now.
    pub epochs_behind: u64,
    /// Logs counted since the start.
    pub logs: u64,
    /// Records of each arrangement, by its operator: were its `since` to fall behind, what happened long ago would stay.
    pub arrangements: BTreeMap<String, u64>,
}

/// A sample, and how long after the beginning of the load it was taken.
#[derive(Clone, Debug)]
pub struct Moment {
    /// Since the beginning.
    pub at: Duration,
    /// What was seen.
    pub sample: Sample,
}

impl Sample {
    /// Looks at a job with its files in `folder`.
    ///
    /// # Errors
    /// Where the job does not answer or is gone.
    pub fn take(process: &Process, folder: &Path) -> Result<Self> {
        let metrics = views::metrics(process.address().context("the job says nowhere where it listens")?)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let epoch = (now.as_millis() / TICK.as_millis()) as u64;
        let of_process = Path::new("/proc").join(process.id().to_string());
        Ok(Sample {
            resident: resident(&of_process)?,
            descriptors: fs::read_dir(of_process.join("fd")).context("the descriptors are not shown")?.count() as u64,
            state: size(&folder.join(STATE))?,
            outbox: sum(&metrics, "highwater_outbox_bytes"),
            epochs_behind: epoch.saturating_sub(sum(&metrics, "highwater_committed_epoch")),
            logs: sum(&metrics, "highwater_logs_total"),
            arrangements: labelled(&metrics, "highwater_arrangement_records")
                .map(|(operator, records)| (operator.to_owned(), records))
                .collect(),
        })
    }
}

fn resident(process: &Path) -> Result<u64> {
    let status = fs::read_to_string(process.join("status")).context("the memory is not shown")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no memory is shown")?;
    let kib: u64 = line.split_whitespace().next().unwrap_or_default().parse().context("the memory is no number")?;
    Ok(kib << 10)
}

fn size(folder: &Path) -> Result<u64> {
    let unreadable = || format!("{} cannot be read", folder.display());
    let mut bytes = 0;
    for entry in fs::read_dir(folder).with_context(unreadable)? {
        // blocks, in their fixed unit: the file is longer than what is written of it
        bytes += entry.and_then(|entry| entry.metadata()).with_context(unreadable)?.blocks() * 512;
    }
    Ok(bytes)
}

/// The sum of a metric over its labels.
fn sum(exposition: &str, metric: &str) -> u64 {
    labelled(exposition, metric).map(|(_, value)| value).sum()
}

/// A metric's values, each with its labels as they stand there.
fn labelled<'e>(exposition: &'e str, metric: &str) -> impl Iterator<Item = (&'e str, u64)> {
    exposition.lines().filter_map(move |line| {
        let rest = line.strip_prefix(metric)?;
        let (labels, rest) = if rest.starts_with('{') { rest.rsplit_once('}')? } else { ("", rest) };
        Some((labels.trim_start_matches('{'), rest.strip_prefix(' ')?.trim().parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_summed_over_its_labels() {
        let text = "# TYPE a gauge\na{sink=\"x 1\"} 3\na{sink=\"y\"} 4\na_total 9\nb 5\n";
        assert_eq!((sum(text, "a"), sum(text, "a_total"), sum(text, "b"), sum(text, "c")), (7, 9, 5, 0));
    }
}
