//! What an API token is good for.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// One thing an API token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// To send logs.
    Ingest,
    /// To read everything that users read.
    Read,
    /// To read, and to make and change what belongs to the token's user.
    Write,
    /// Whatever the token's user may do.
    Admin,
}

impl Scope {
    /// Whether who has this one has the other one, too.
    fn includes(self, other: Scope) -> bool {
        self == other || self == Scope::Admin || (self == Scope::Write && other == Scope::Read)
    }

    fn as_str(self) -> &'static str {
        match self {
            Scope::Ingest => "ingest",
            Scope::Read => "read",
            Scope::Write => "write",
            Scope::Admin => "admin",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = Error;

    fn from_str(text: &str) -> Result<Scope, Error> {
        [Scope::Ingest, Scope::Read, Scope::Write, Scope::Admin]
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| Error::invalid("scopes", "each is ingest, read, write or admin"))
    }
}

/// All that an API token is good for. As text, they are separated by spaces.
///
/// ```
/// use highwater_accounts::{Scope, Scopes};
///
/// let scopes: Scopes = "ingest write".parse()?;
/// assert!(scopes.include(Scope::Read));
/// assert!(!scopes.include(Scope::Admin));
/// # Ok::<(), highwater_accounts::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scopes(BTreeSet<Scope>);

impl Scopes {
    /// Whether the token is good for it, by itself or by what includes it.
    pub fn include(&self, wanted: Scope) -> bool {
        self.0.iter().any(|scope| scope.includes(wanted))
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = Scope> {
        self.0.iter().copied()
    }

    /// Whether the token is good for nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Scopes {
        Scopes(scopes.into_iter().collect())
    }
}

impl FromStr for Scopes {
    type Err = Error;

    fn from_str(text: &str) -> Result<Scopes, Error> {
        text.split_ascii_whitespace().map(str::parse).collect()
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, scope) in self.iter().enumerate() {
            let space = if place == 0 { "" } else { " " };
            write!(to, "{space}{scope}")?;
        }
        Ok(())
    }
}
