//! [`Occurrences`] and [`Sighting`]: how often messages of one template came, and since when.

use differential_dataflow::difference::{IsZero, Monoid, Semigroup};
use highwater_engine::{Level, Log, Name, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Levels, Messages};
use crate::template;

/// How many messages of each level, and when the last came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Occurrences {
    /// How many of each level.
    pub levels: Levels,
    /// When the last one came.
    pub last_seen: Timestamp,
}

impl Default for Occurrences {
    fn default() -> Self {
        Occurrences { levels: Levels::default(), last_seen: Timestamp::MIN }
    }
}

impl Occurrences {
    /// Takes one log in.
    pub fn observe(&mut self, log: &Log<'_>) {
        self.levels.observe(log);
        self.last_seen = self.last_seen.max(log.timestamp());
    }
}

impl IsZero for Occurrences {
    fn is_zero(&self) -> bool {
        self.levels.is_zero()
    }
}

impl Semigroup for Occurrences {
    fn plus_equals(&mut self, more: &Self) {
        self.levels.plus_equals(&more.levels);
        self.last_seen = self.last_seen.max(more.last_seen);
    }
}

impl Monoid for Occurrences {
    fn zero() -> Self {
        Occurrences::default()
    }
}

/// A template, and its first message: the earliest, of those the least in text order. Changes seldom once it is known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Sighting {
    /// The template's text.
    pub template: Name,
    /// When the first message came.
    pub first_seen: Timestamp,
    /// The first message, cut at [`Messages::EXAMPLE_BYTES`].
    pub example: Name,
    /// The gravest level of all messages.
    pub level: Level,
    /// How many messages, counted up to [`Sighting::MOST`].
    pub count: u32,
}

impl Sighting {
    /// Messages are counted so far: to tell a single one from many.
    pub const MOST: u32 = 100;

    /// One log.
    fn of(log: &Log<'_>) -> Self {
        Sighting {
            template: Name::from(&*template(log.message())),
            first_seen: log.timestamp(),
            example: Name::from(example(log)),
            level: log.level(),
            count: 1,
        }
    }

    /// Takes one more log of the same template in.
    fn add(&mut self, log: &Log<'_>) {
        if log.timestamp() <= self.first_seen && (log.timestamp(), example(log)) < (self.first_seen, &*self.example) {
            (self.first_seen, self.example) = (log.timestamp(), Name::from(example(log)));
        }
        self.level = self.level.max(log.level());
        self.count = self.count.saturating_add(1).min(Self::MOST);
    }

    /// Takes in what was seen of the same template elsewhere.
    pub fn join(&mut self, more: &Sighting) {
        if (more.first_seen, &more.example) < (self.first_seen, &self.example) {
            (self.first_seen, self.example) = (more.first_seen, more.example.clone());
        }
        // two texts where templates were folded into one: either will do, if it is always the same
        if more.template < self.template {
            self.template = more.template.clone();
        }
        self.level = self.level.max(more.level);
        self.count = self.count.saturating_add(more.count).min(Self::MOST);
    }
}

/// A log's message, cut.
fn example<'a>(log: &Log<'a>) -> &'a str {
    let message = log.message();
    &message[..message.floor_char_boundary(Messages::EXAMPLE_BYTES)]
}

/// The [`Sighting`] of messages of one template; none before the first.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Sightings(pub Option<Sighting>);

impl Sightings {
    /// Takes one log in; its message is masked only where it comes first.
    pub fn observe(&mut self, log: &Log<'_>) {
        match &mut self.0 {
            Some(seen) => seen.add(log),
            None => self.0 = Some(Sighting::of(log)),
        }
    }
}

impl IsZero for Sightings {
    fn is_zero(&self) -> bool {
        self.0.is_none()
    }
}

impl Semigroup for Sightings {
    fn plus_equals(&mut self, more: &Self) {
        match (&mut self.0, &more.0) {
            (Some(seen), Some(more)) => seen.join(more),
            (None, Some(more)) => self.0 = Some(more.clone()),
            (_, None) => {}
        }
    }
}

impl Monoid for Sightings {
    fn zero() -> Self {
        Sightings::default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sighting() -> impl Strategy<Value = Sightings> {
        let parts = (0i64..5, "[ab]", 0usize..6, 1u32..70);
        prop::option::of(parts).prop_map(|parts| {
            Sightings(parts.map(|(second, text, level, count)| Sighting {
                template: Name::from(text.as_str()),
                first_seen: Timestamp::from_millis(second * 1000),
                example: Name::from(text),
                level: Level::ALL[level],
                count,
            }))
        })
    }

    proptest! {
        #[test]
        fn sightings_add_up_in_any_order(a in sighting(), b in sighting(), c in sighting()) {
            let sum = |parts: [&Sightings; 3]| {
                let mut sum = Sightings::zero();
                parts.into_iter().for_each(|part| sum.plus_equals(part));
                sum
            };
            prop_assert_eq!(sum([&a, &b, &c]), sum([&c, &a, &b]));
            let mut tail = b.clone();
            tail.plus_equals(&c);
            prop_assert_eq!(sum([&a, &b, &c]), sum([&a, &tail, &Sightings::zero()]));
        }
    }
}
