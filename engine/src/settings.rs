//! What a job is told about time, bounds and width.

use std::{borrow::Cow, time::Duration};

use crate::{
    Cluster,
    format::Format,
    time::{hours, minutes, seconds},
};

/// How a job treats time and how much it may hold. Every bound of the engine is here.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Worker threads of this process. More than there are cores makes everything slower.
    pub workers: usize,
    /// This process among others, for a job of several.
    pub cluster: Option<Cluster>,
    /// Length of an epoch: how often views change.
    pub tick: Duration,
    /// How far behind the newest log of its partition a log may be without being late: what the watermark lags.
    pub lateness: Duration,
    /// How old a late log may be and still correct its windows; older ones are dead letters. Windows live at least
    /// this long after the watermark has passed them.
    pub retention: Duration,
    /// How far ahead of the wall clock a log's time may be; further ones are dead letters.
    pub max_ahead: Duration,
    /// A partition that says nothing for this long does not hold the watermark back; when all do, the watermark
    /// follows the wall clock.
    pub idle_after: Duration,
    /// Most live keys of one aggregate on one worker; further ones are folded into `__other__`.
    pub max_keys: usize,
    /// Longest record, in bytes; a longer one is a dead letter that keeps its first bytes.
    pub max_record_bytes: usize,
    /// Bytes a batch aims at: small enough that parsing leaves it in the cache for the queries.
    pub batch_bytes: usize,
    /// Epochs that may be under way between the sources and the sinks; when there are more, sources wait.
    pub max_epochs_in_flight: u64,
    /// How often what has happened is committed: made durable and told to sinks. Commits that take longer come less
    /// often.
    pub commit_interval: Duration,
    /// Bytes that may wait for sinks that are behind; when there are more, sources wait.
    pub max_outbox_bytes: usize,
    /// The format every record has; `None` detects it record by record.
    pub format: Option<Format>,
    /// The service of records that name none.
    pub default_service: Cow<'static, str>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            workers: 1,
            cluster: None,
            tick: Duration::from_millis(100),
            lateness: seconds(2),
            retention: hours(1),
            max_ahead: minutes(10),
            idle_after: seconds(5),
            max_keys: 100_000,
            max_record_bytes: 1 << 20,
            batch_bytes: 192 << 10,
            max_epochs_in_flight: 8,
            commit_interval: Duration::from_millis(200),
            max_outbox_bytes: 256 << 20,
            format: None,
            default_service: Cow::Borrowed("unknown"),
        }
    }
}

impl Settings {
    /// How much event time a partition may go on in one epoch; then the epoch ends before its tick. Where past logs are
    /// read fast, what they come to would else be over and gone before anybody saw it.
    pub(crate) fn epoch_span(&self) -> Duration {
        self.retention / 8
    }

    /// How much event time may go by until the next commit, however soon that is: sinks are told what is so at a commit.
    pub(crate) fn commit_span(&self) -> Duration {
        self.retention / 4
    }

    /// How much event time may wait to be committed; when there is more, sources wait.
    pub(crate) fn uncommitted_span(&self) -> Duration {
        self.retention / 2
    }

    /// This process's number, and how many there are.
    pub(crate) fn process(&self) -> (usize, usize) {
        self.cluster.as_ref().map_or((0, 1), |cluster| (cluster.process, cluster.addresses.len()))
    }
}
