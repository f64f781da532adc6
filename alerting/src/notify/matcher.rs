//! [`Matcher`]: what a label must be like, as Alertmanager has it.

use std::{collections::BTreeMap, fmt};

use regex::{Regex, RegexBuilder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::problem::Problem;

/// Most bytes that a pattern may take, as text and compiled.
const MAX_PATTERN: usize = 1_000;
const MAX_COMPILED: usize = 256 << 10;

/// How a label is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Matches,
    /// `!~`
    MatchesNot,
}

/// What a label must be like: `{"name":"service","value":"cart.*","isRegex":true,"isEqual":true}`. A label that is not
/// there is empty. A pattern must match the whole label.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Plain", into = "Plain")]
#[schemars(with = "Plain")]
pub struct Matcher {
    /// The label.
    pub name: String,
    /// How it is compared.
    pub operator: Operator,
    /// With what.
    pub value: String,
    pattern: Option<Regex>,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(rename = "Matcher")]
struct Plain {
    name: String,
    value: String,
    #[serde(default)]
    is_regex: bool,
    #[serde(default = "equal")]
    is_equal: bool,
}

fn equal() -> bool {
    true
}

impl Matcher {
    /// A matcher of these parts.
    ///
    /// # Errors
    /// Where there is no name, or the value is no pattern.
    pub fn new(name: &str, operator: Operator, value: &str) -> Result<Matcher, Problem> {
        if name.is_empty() {
            return Err(Problem::new("name", "must not be empty"));
        }
        let pattern = match operator {
            Operator::Equal | Operator::NotEqual => None,
            Operator::Matches | Operator::MatchesNot => Some(compile(value)?),
        };
        Ok(Matcher { name: name.to_owned(), operator, value: value.to_owned(), pattern })
    }

    /// Whether labels are as this asks.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let label = labels.get(&self.name).map_or("", String::as_str);
        let is_alike = self.pattern.as_ref().map_or(label == self.value, |pattern| pattern.is_match(label));
        is_alike == self.is_equal()
    }

    /// Whether it asks for nothing of a label that is not there.
    pub(crate) fn matches_nothing_at_all(&self) -> bool {
        self.matches(&BTreeMap::new())
    }

    fn is_equal(&self) -> bool {
        matches!(self.operator, Operator::Equal | Operator::Matches)
    }
}

fn compile(value: &str) -> Result<Regex, Problem> {
    if value.len() > MAX_PATTERN {
        return Err(Problem::new("value", format!("must have {MAX_PATTERN} bytes at most")));
    }
    let whole =
        RegexBuilder::new(&format!("^(?:{value})$")).size_limit(MAX_COMPILED).dot_matches_new_line(true).build();
    // by itself, too: `a)|(b` would otherwise be one inside the parentheses
    whole
        .and_then(|whole| Regex::new(value).map(|_| whole))
        .map_err(|_| Problem::new("value", "is no regular expression"))
}

impl TryFrom<Plain> for Matcher {
    type Error = Problem;

    fn try_from(plain: Plain) -> Result<Matcher, Problem> {
        let operator = match (plain.is_regex, plain.is_equal) {
            (false, true) => Operator::Equal,
            (false, false) => Operator::NotEqual,
            (true, true) => Operator::Matches,
            (true, false) => Operator::MatchesNot,
        };
        Matcher::new(&plain.name, operator, &plain.value)
    }
}

impl From<Matcher> for Plain {
    fn from(matcher: Matcher) -> Plain {
        let (is_regex, is_equal) = (matcher.pattern.is_some(), matcher.is_equal());
        Plain { name: matcher.name, value: matcher.value, is_regex, is_equal }
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Matcher) -> bool {
        (&self.name, self.operator, &self.value) == (&other.name, other.operator, &other.value)
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operator = match self.operator {
            Operator::Equal => "=",
            Operator::NotEqual => "!=",
            Operator::Matches => "=~",
            Operator::MatchesNot => "!~",
        };
        write!(f, "{}{operator}{:?}", self.name, self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_match_as_in_alertmanager() {
        let labels = BTreeMap::from([("service".to_owned(), "cart-eu".to_owned())]);
        for (name, operator, value, expected) in [
            ("service", Operator::Equal, "cart-eu", true),
            ("service", Operator::Equal, "cart", false),
            ("service", Operator::NotEqual, "cart", true),
            ("service", Operator::Matches, "cart.*", true),
            ("service", Operator::Matches, "cart", false),
            ("service", Operator::Matches, "web|cart-eu", true),
            ("service", Operator::MatchesNot, "cart", true),
            ("team", Operator::Equal, "", true),
            ("team", Operator::NotEqual, "a", true),
            ("team", Operator::Matches, ".+", false),
        ] {
            let matcher = Matcher::new(name, operator, value).unwrap();
            assert_eq!(matcher.matches(&labels), expected, "{matcher:?}");
            let json = serde_json::to_string(&matcher).unwrap();
            assert_eq!(serde_json::from_str::<Matcher>(&json).unwrap(), matcher);
        }
        assert!(Matcher::new("a", Operator::Matches, "(").is_err());
        assert!(Matcher::new("a", Operator::Matches, "x)|(y").is_err());
        assert!(Matcher::new("a", Operator::Matches, "(((x{500}){500}){500})").is_err());
        assert!(Matcher::new("", Operator::Equal, "").is_err());
    }
}
