//! [`Problem`]: what is wrong with something that somebody gave, and in which field.

use std::fmt;

use serde::{Serialize, de::DeserializeOwned};

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
pub struct Problem {
    /// The field, as `notification_config.url`; empty for the whole.
    pub field: String,
    /// What is wrong, and the limit where there is one.
    pub what: String,
}

impl Problem {
    /// A problem of this field.
    pub fn new(field: impl Into<String>, what: impl Into<String>) -> Self {
        Problem { field: field.into(), what: what.into() }
    }

    /// The same problem, of a field inside this one.
    #[must_use]
    pub fn inside(self, outer: &str) -> Self {
        let field = if self.field.is_empty() { outer.to_owned() } else { format!("{outer}.{}", self.field) };
        Problem { field, ..self }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.field {
            "" => f.write_str(&self.what),
            field => write!(f, "{field}: {}", self.what),
        }
    }
}

/// All that is wrong, one after the other.
pub(crate) fn joined(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("; ")
}

/// Reads JSON; what cannot be read names its field and repeats no value.
pub(crate) fn read<T: DeserializeOwned>(json: &serde_json::Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(json).map_err(|error| {
        let field = error.path().to_string();
        let field = if field == "." { String::new() } else { field };
        Problem::new(field, without_values(&error.inner().to_string()))
    })
}

/// What the library says, without the value that it quotes: it may be a secret that stands in the wrong place.
fn without_values(said: &str) -> String {
    match said.split_once(": ").zip(said.rsplit_once(", expected ")) {
        Some(((kind @ ("invalid type" | "invalid value"), _), (_, expected))) => format!("{kind}, expected {expected}"),
        _ => said.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[serde(rename = "inner")]
        _inner: Vec<u8>,
    }

    #[test]
    fn a_problem_names_the_field_and_repeats_no_value() {
        let problem = read::<Outer>(&json!({ "inner": [1, "hunter2"] })).unwrap_err();
        assert_eq!(problem.to_string(), "inner[1]: invalid type, expected u8");
        let problem = read::<Outer>(&json!({ "inner": [], "other": 1 })).unwrap_err();
        assert!(problem.what.contains("unknown field `other`"), "{problem}");
        assert_eq!(read::<Outer>(&json!({})).unwrap_err().what, "missing field `inner`");
    }
}
