//! What logs are grouped by: [`GroupBy`] and the usual ways, [`Service`], [`Host`], [`ByLevel`], [`Field`],
//! [`Everything`], pairs of them, and any function of a log.

use std::{fmt::Debug, hash::Hash};

use differential_dataflow::ExchangeData;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{Level, Log, Name};

/// A key of a row: owned, ordered, fit to travel between workers and to be shown to readers.
pub trait Key: ExchangeData + Hash + Serialize + JsonSchema + Sync {
    /// The key that stands for this one and all like it once there are too many: what is unbounded in it becomes
    /// `__other__`, what is finite stays.
    #[must_use]
    fn folded(&self) -> Self;
}

/// The text that stands for all keys beyond the bound.
pub const OTHER: &str = "__other__";

impl Key for Name {
    fn folded(&self) -> Self {
        Name::from(OTHER)
    }
}

impl Key for Level {
    fn folded(&self) -> Self {
        *self
    }
}

impl Key for () {
    fn folded(&self) -> Self {}
}

impl<A: Key, B: Key> Key for (A, B) {
    fn folded(&self) -> Self {
        (self.0.folded(), self.1.folded())
    }
}

/// How a key is read off a log. [`GroupBy::Borrowed`] is the key as it stands in the batch: per log it is hashed and
/// compared, and only a key not seen in the epoch is made owned.
pub trait GroupBy: Clone + 'static {
    /// The key that state and rows keep.
    type Key: Key;
    /// The same, borrowed from a batch. Hashes exactly as the key does.
    type Borrowed<'a>: Hash;
    /// The key of a log.
    fn read<'a>(&self, log: &Log<'a>) -> Self::Borrowed<'a>;
    /// Whether the two are the same key.
    fn matches(borrowed: &Self::Borrowed<'_>, key: &Self::Key) -> bool;
    /// The key, owned.
    fn own(borrowed: &Self::Borrowed<'_>) -> Self::Key;
}

macro_rules! by_text {
    ($(#[$doc:meta])* $name:ident, $read:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name;

        impl GroupBy for $name {
            type Key = Name;
            type Borrowed<'a> = &'a str;
            fn read<'a>(&self, log: &Log<'a>) -> &'a str {
                log.$read()
            }
            fn matches(borrowed: &&str, key: &Name) -> bool {
                **borrowed == **key
            }
            fn own(borrowed: &&str) -> Name {
                Name::from(*borrowed)
            }
        }
    };
}

by_text! {
    /// By [`Log::service`].
    Service, service
}
by_text! {
    /// By [`Log::host`].
    Host, host
}

/// By [`Log::level`].
#[derive(Clone, Copy, Debug)]
pub struct ByLevel;

impl GroupBy for ByLevel {
    type Key = Level;
    type Borrowed<'a> = Level;
    fn read<'a>(&self, log: &Log<'a>) -> Level {
        log.level()
    }
    fn matches(borrowed: &Level, key: &Level) -> bool {
        borrowed == key
    }
    fn own(borrowed: &Level) -> Level {
        *borrowed
    }
}

/// All logs together.
#[derive(Clone, Copy, Debug)]
pub struct Everything;

impl GroupBy for Everything {
    type Key = ();
    type Borrowed<'a> = ();
    fn read<'a>(&self, _: &Log<'a>) {}
    fn matches((): &(), (): &()) -> bool {
        true
    }
    fn own((): &()) {}
}

/// By [`Log::field`]: any field of the record by its name; logs without it group under the empty text.
#[derive(Clone, Copy, Debug)]
pub struct Field(pub &'static str);

impl GroupBy for Field {
    type Key = Name;
    type Borrowed<'a> = std::borrow::Cow<'a, str>;
    fn read<'a>(&self, log: &Log<'a>) -> Self::Borrowed<'a> {
        log.field(self.0).unwrap_or_default()
    }
    fn matches(borrowed: &Self::Borrowed<'_>, key: &Name) -> bool {
        **borrowed == **key
    }
    fn own(borrowed: &Self::Borrowed<'_>) -> Name {
        Name::from(&**borrowed)
    }
}

impl<A: GroupBy, B: GroupBy> GroupBy for (A, B) {
    type Key = (A::Key, B::Key);
    type Borrowed<'a> = (A::Borrowed<'a>, B::Borrowed<'a>);
    fn read<'a>(&self, log: &Log<'a>) -> Self::Borrowed<'a> {
        (self.0.read(log), self.1.read(log))
    }
    fn matches(borrowed: &Self::Borrowed<'_>, key: &Self::Key) -> bool {
        A::matches(&borrowed.0, &key.0) && B::matches(&borrowed.1, &key.1)
    }
    fn own(borrowed: &Self::Borrowed<'_>) -> Self::Key {
        (A::own(&borrowed.0), B::own(&borrowed.1))
    }
}

impl<K: Key, F: Fn(&Log<'_>) -> K + Clone + 'static> GroupBy for F {
    type Key = K;
    type Borrowed<'a> = K;
    fn read<'a>(&self, log: &Log<'a>) -> K {
        self(log)
    }
    fn matches(borrowed: &K, key: &K) -> bool {
        borrowed == key
    }
    fn own(borrowed: &K) -> K {
        borrowed.clone()
    }
}
