//! [`Shift`]: what a service logged more or less of, as a part of all its logs, while an anomaly lasted.

use std::collections::BTreeMap;

use highwater_engine::{Level, Name};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Real, TemplateId};

/// A part of the logs whose share changed more than chance would have it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Shift {
    /// By what the logs were told apart.
    pub dimension: ShiftDimension,
    /// The template's text, the level or the service.
    pub value: Name,
    /// Of a template: its id.
    pub template_id: Option<TemplateId>,
    /// Of a template: its first message.
    pub example: Option<Name>,
    /// Its share of the logs while the anomaly lasted, 0 to 1.
    pub share: Real,
    /// Its share of the logs before.
    pub share_before: Real,
    /// How many logs that is.
    pub count: u64,
}

/// What logs are told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShiftDimension {
    /// The template of a service's messages.
    Template,
    /// The level of a service's logs.
    Level,
    /// Where all services are looked at together: the service.
    Service,
}

/// A part of the logs of a service, or of all services.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LogPart {
    /// Messages of one template.
    Template(TemplateId),
    /// Logs of one level.
    Level(Level),
    /// Logs of one service.
    Service(Name),
}

impl LogPart {
    /// By what it differs from the others.
    pub const fn dimension(&self) -> ShiftDimension {
        match self {
            LogPart::Template(_) => ShiftDimension::Template,
            LogPart::Level(_) => ShiftDimension::Level,
            LogPart::Service(_) => ShiftDimension::Service,
        }
    }
}

/// Whether logs came before an anomaly or while it lasted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Side {
    /// In the windows before it.
    Before,
    /// In its own windows.
    During,
}

/// A part with how many of its logs came before and during, and of how many.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Shares {
    /// Which part.
    pub part: LogPart,
    /// How many of its logs came while the anomaly lasted.
    pub count: u64,
    /// As a share of all.
    pub share: Real,
    /// Its share before.
    pub share_before: Real,
}

impl Shares {
    /// How far the share has moved.
    pub fn moved(&self) -> f64 {
        (*self.share - *self.share_before).abs()
    }
}

/// Less than this is not worth a word, however sure it is.
const LEAST: f64 = 0.02;
/// So many standard deviations a share has to move, or chance may have moved it.
const BEYOND_CHANCE: f64 = 3.0;

/// The parts whose share moved the most, in descending order, `most` at most: those that moved by 0.02 and by three standard
/// deviations of the difference of two shares (the test of two proportions, with the pooled share). None where nothing came
/// before or during.
///
/// ```
/// use highwater_engine::Level;
/// use highwater_operators::{LogPart, Side, shifts};
/// let (errors, infos) = (LogPart::Level(Level::Error), LogPart::Level(Level::Info));
/// let counts = [
///     (Side::Before, infos.clone(), 950), (Side::Before, errors.clone(), 50),
///     (Side::During, infos, 60), (Side::During, errors.clone(), 40),
/// ];
/// let first = shifts(counts, 1).remove(0);
/// assert_eq!((first.part, *first.share, *first.share_before), (errors, 0.4, 0.05));
/// ```
pub fn shifts(counts: impl IntoIterator<Item = (Side, LogPart, u64)>, most: usize) -> Vec<Shares> {
    let mut parts: BTreeMap<LogPart, [u64; 2]> = BTreeMap::new();
    let mut totals: BTreeMap<ShiftDimension, [u64; 2]> = BTreeMap::new();
    for (side, part, count) in counts {
        totals.entry(part.dimension()).or_default()[side as usize] += count;
        parts.entry(part).or_default()[side as usize] += count;
    }
    let mut moved: Vec<Shares> =
        parts.into_iter().filter_map(|(part, counts)| moved(totals.get(&part.dimension())?, part, counts)).collect();
    // of equals, the errors before the others that make way for them, then by name
    moved.sort_by(|one, other| {
        let up = |shares: &Shares| shares.share > shares.share_before;
        other.moved().total_cmp(&one.moved()).then(up(other).cmp(&up(one))).then_with(|| one.part.cmp(&other.part))
    });
    moved.truncate(most);
    moved
}

fn moved(&[before, during]: &[u64; 2], part: LogPart, [count_before, count]: [u64; 2]) -> Option<Shares> {
    if before == 0 || during == 0 {
        return None;
    }
    let share = |count: u64, all: u64| count as f64 / all as f64;
    let pooled = share(count_before + count, before + during);
    let deviation = (pooled * (1.0 - pooled) * (1.0 / before as f64 + 1.0 / during as f64)).sqrt();
    let shares =
        Shares { part, count, share: share(count, during).into(), share_before: share(count_before, before).into() };
    (shares.moved() >= LEAST.max(BEYOND_CHANCE * deviation)).then_some(shares)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn part(n: u8) -> LogPart {
        LogPart::Template(TemplateId::of_text(&format!("template {n}")))
    }

    #[test]
    fn what_chance_may_do_is_not_told() {
        let counts = |during: [u64; 2]| {
            [(Side::Before, part(0), 500), (Side::Before, part(1), 500)]
                .into_iter()
                .chain((0..).zip(during).map(|(n, count)| (Side::During, part(n), count)))
        };
        assert_eq!(shifts(counts([6, 4]), 9), []);
        assert_eq!(shifts(counts([509, 491]), 9), []);
        let told = shifts(counts([60, 40]), 9);
        assert_eq!(told, []);
        let told = shifts(counts([600, 400]), 9);
        assert_eq!((told.len(), &told[0].part), (2, &part(0)));
    }

    #[test]
    fn silence_and_a_beginning_have_no_shares() {
        assert_eq!(shifts([(Side::Before, part(0), 500)], 9), []);
        assert_eq!(shifts([(Side::During, part(0), 500)], 9), []);
    }

    proptest! {
        #[test]
        fn shares_are_shares_and_the_order_of_counts_does_not_matter(
            counts in prop::collection::vec((prop::bool::ANY, 0u8..6, 0u64..1_000_000), 0..30),
            most in 0usize..5,
        ) {
            let counts: Vec<_> = counts
                .into_iter()
                .map(|(before, n, count)| (if before { Side::Before } else { Side::During }, part(n), count))
                .collect();
            let told = shifts(counts.clone(), most);
            prop_assert!(told.len() <= most);
            for shares in &told {
                prop_assert!((0.0..=1.0).contains(&*shares.share) && (0.0..=1.0).contains(&*shares.share_before));
            }
            prop_assert!(told.windows(2).all(|pair| pair[0].moved() >= pair[1].moved()));
            prop_assert_eq!(shifts(counts.into_iter().rev(), most), told);
        }
    }
}
