//! [`Messages`]: how often messages of one template came, with an example.

use differential_dataflow::difference::{IsZero, Monoid, Semigroup};
use highwater_engine::{Log, Name};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many messages, and one of them: the least in text order, so that the order of logs does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Messages {
    /// How many.
    pub count: u64,
    /// One of them, cut at [`Messages::EXAMPLE_BYTES`].
    pub example: Option<Name>,
}

impl Messages {
    /// Most of an example that is kept, in bytes.
    pub const EXAMPLE_BYTES: usize = 512;

    /// Takes one log in.
    pub fn observe(&mut self, log: &Log<'_>) {
        self.count = self.count.saturating_add(1);
        let message = log.message();
        let message = &message[..message.floor_char_boundary(Self::EXAMPLE_BYTES)];
        if self.example.as_deref().is_none_or(|example| message < example) {
            self.example = Some(Name::from(message));
        }
    }
}

impl IsZero for Messages {
    fn is_zero(&self) -> bool {
        self.count == 0
    }
}

impl Semigroup for Messages {
    fn plus_equals(&mut self, more: &Self) {
        self.count = self.count.saturating_add(more.count);
        let examples = [&self.example, &more.example].into_iter().flatten();
        self.example = examples.min().cloned();
    }
}

impl Monoid for Messages {
    fn zero() -> Self {
        Messages::default()
    }
}
