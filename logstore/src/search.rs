//! What a search asks for, and what it finds.

use std::{collections::BTreeMap, fmt, str::FromStr, time::Duration};

use highwater_engine::{Level, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Query, StoredLog};

/// Most logs that are given at once; a [`Cursor`] asks for more.
pub const MAX_LIMIT: usize = 10_000;

/// Most bars of a histogram.
pub const MAX_BUCKETS: usize = 1_000;

/// What is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// Which logs.
    pub query: Query,
    /// Not before this.
    pub from: Option<Timestamp>,
    /// Before this.
    pub to: Option<Timestamp>,
    /// Which logs come first.
    pub order: Order,
    /// How many logs, at most; [`MAX_LIMIT`] is the most.
    pub limit: usize,
    /// Where the logs that were given before end.
    pub after: Option<Cursor>,
    /// Whether logs are counted by level, service and time too.
    pub aggregate: bool,
    /// How many bars the histogram has, at most.
    pub buckets: usize,
}

impl Search {
    /// The newest logs that a query asks for.
    pub fn new(query: Query) -> Self {
        Search {
            query,
            from: None,
            to: None,
            order: Order::Newest,
            limit: 50,
            after: None,
            aggregate: false,
            buckets: 60,
        }
    }
}

/// Which logs come first. Logs of the same time are in the order of their [`key`](crate::LogId::key).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// The newest.
    #[default]
    Newest,
    /// The oldest.
    Oldest,
}

/// A place between logs in either order, which stays where it is whatever comes or goes. Its text is for clients to hand
/// back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The time of the log before it.
    pub timestamp: Timestamp,
    /// The key of its id.
    pub key: u64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{:x}", self.timestamp.as_micros(), self.key)
    }
}

/// The text is no cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor that a search has given")]
pub struct ParseCursorError;

impl FromStr for Cursor {
    type Err = ParseCursorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (at, key) = text.split_once('-').ok_or(ParseCursorError)?;
        let number = |hex| u64::from_str_radix(hex, 16).map_err(|_| ParseCursorError);
        let cursor = Cursor { timestamp: Timestamp::from_micros(number(at)? as i64), key: number(key)? };
        if cursor.to_string() == text { Ok(cursor) } else { Err(ParseCursorError) }
    }
}

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// How many logs there are in all, between `from` and `to`, before and after the cursor.
    pub total: u64,
    /// The first of them after the cursor, in order.
    pub logs: Vec<StoredLog>,
    /// Where more are asked for; none where these were the last.
    pub next: Option<Cursor>,
    /// How many there are of each level, if asked.
    pub by_level: BTreeMap<Level, u64>,
    /// How many there are of each service, if asked.
    pub by_service: Services,
    /// How many there are at each time, if asked: where bars begin that are not empty.
    pub histogram: Vec<(Timestamp, u64)>,
    /// How wide each bar is.
    pub bucket: Duration,
}

/// Logs by service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Services {
    /// Those with most logs, most first.
    pub top: Vec<(String, u64)>,
    /// The logs of all others.
    pub rest: u64,
}

impl Services {
    /// Most services that are told apart.
    pub const MOST: usize = 50;

    pub(crate) fn of(counts: impl IntoIterator<Item = (String, u64)>) -> Self {
        let mut top: Vec<(String, u64)> = counts.into_iter().collect();
        top.sort_unstable_by(|(a, more), (b, less)| less.cmp(more).then_with(|| a.cmp(b)));
        let rest = top.iter().skip(Self::MOST).map(|(_, count)| count).sum();
        top.truncate(Self::MOST);
        Services { top, rest }
    }
}

/// Ways to cut time that people read easily, in milliseconds.
const WIDTHS: [u64; 30] = [
    1,
    2,
    5,
    10,
    20,
    50,
    100,
    200,
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    15_000,
    30_000,
    60_000,
    120_000,
    300_000,
    600_000,
    900_000,
    1_800_000,
    3_600_000,
    7_200_000,
    10_800_000,
    21_600_000,
    43_200_000,
    86_400_000,
    604_800_000,
    2_419_200_000,
    31_536_000_000,
];

/// The width of bars with which so many, at most, cover the time between two logs.
pub(crate) fn bucket_width(oldest: i64, newest: i64, most: usize) -> Duration {
    let most = most.clamp(1, MAX_BUCKETS) as u128;
    let span = u128::from(newest.abs_diff(oldest)) / 1000;
    // bars are aligned, so that one more may be touched
    let fits = |width: &u64| span / u128::from(*width) + 2 <= most;
    let width = WIDTHS.into_iter().find(fits).unwrap_or_else(|| {
        let longest = u128::from(WIDTHS[WIDTHS.len() - 1]);
        let times = (span / longest + 2).div_ceil(most.max(2) - 1);
        u64::try_from(longest * times).unwrap_or(u64::MAX)
    });
    Duration::from_millis(width)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_is_its_text(at: i64, key: u64) {
            let cursor = Cursor { timestamp: Timestamp::from_micros(at), key };
            prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }

        #[test]
        fn bars_are_as_many_as_asked_at_most(oldest: i64, length in 0..=u64::MAX, most in 2..2000_usize) {
            let newest = oldest.saturating_add_unsigned(length);
            let width = bucket_width(oldest, newest, most);
            let bar = |at: i64| i128::from(at).div_euclid(width.as_micros() as i128);
            prop_assert!((bar(newest) - bar(oldest) + 1) as usize <= most.clamp(2, MAX_BUCKETS));
        }
    }
}
