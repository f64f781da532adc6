//! [`Calls`]: which service calls which.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// The service graph, as far as it is known. Without one, only series of the same service are near each other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calls {
    callees: BTreeMap<String, BTreeSet<String>>,
}

impl Calls {
    /// The graph of these pairs of caller and callee. Who calls itself adds nothing.
    pub fn of<A: Into<String>, B: Into<String>>(pairs: impl IntoIterator<Item = (A, B)>) -> Self {
        let mut calls = Calls::default();
        for (caller, callee) in pairs {
            calls.insert(caller.into(), callee.into());
        }
        calls
    }

    /// One more pair.
    pub fn insert(&mut self, caller: String, callee: String) {
        if caller != callee {
            self.callees.entry(caller).or_default().insert(callee);
        }
    }

    /// Whom this service calls.
    pub fn callees(&self, service: &str) -> impl Iterator<Item = &str> {
        self.callees.get(service).into_iter().flatten().map(String::as_str)
    }

    /// Whether the two are one service, or one of them calls the other.
    pub fn near(&self, one: &str, other: &str) -> bool {
        let calls = |caller: &str, callee: &str| self.callees.get(caller).is_some_and(|set| set.contains(callee));
        one == other || calls(one, other) || calls(other, one)
    }
}
