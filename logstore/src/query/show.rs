//! A query as text again.

use std::{
    fmt::{self, Display, Formatter, Write},
    ops::Bound,
};

use highwater_engine::Timestamp;

use super::{
    Clause, Field, Predicate, Query, Value,
    fields::{ATTRIBUTES, known},
    values::{number, truth},
};

/// What [`Query::parse`] gives is shown as text that it reads as the same query, where that is not longer than it
/// takes. A query made otherwise is shown as one that means the same.
impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Query::All => f.write_char('*'),
            Query::Clause(clause) => clause.fmt(f),
            Query::Not(excluded) => write!(f, "-{}", Operand(excluded)),
            Query::And(conditions) if conditions.is_empty() => f.write_char('*'),
            Query::Or(alternatives) if alternatives.is_empty() => f.write_str("-*"),
            Query::And(conditions) => joined(f, conditions.iter().map(Operand), " "),
            Query::Or(alternatives) => match as_typed(alternatives) {
                Some((field, text)) => write!(f, "{}:{text}", Name(field)),
                None => joined(f, alternatives.iter().map(Alternative), " OR "),
            },
        }
    }
}

fn joined(f: &mut Formatter<'_>, parts: impl Iterator<Item = impl Display>, by: &str) -> fmt::Result {
    for (place, part) in parts.enumerate() {
        if place > 0 {
            f.write_str(by)?;
        }
        part.fmt(f)?;
    }
    Ok(())
}

/// Number or truth value, or else the same as text: `status:500` is both.
fn as_typed(alternatives: &[Query]) -> Option<(&Field, &str)> {
    let [Query::Clause(typed), Query::Clause(plain)] = alternatives else { return None };
    let (Predicate::Is(value), Predicate::Is(Value::Text(text))) = (&typed.predicate, &plain.predicate) else {
        return None;
    };
    let is_same = match value {
        Value::Number(value) => number(text) == Some(*value),
        Value::Truth(value) => truth(text) == Some(*value),
        _ => false,
    };
    (is_same && typed.field == plain.field && matches!(typed.field, Field::Attribute(_)))
        .then_some((&typed.field, text))
}

/// A part of a conjunction, or what is excluded.
struct Operand<'a>(&'a Query);

impl Display for Operand<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Query::Or(alternatives) if as_typed(alternatives).is_some() => self.0.fmt(f),
            Query::And(_) | Query::Or(_) => write!(f, "({})", self.0),
            _ => self.0.fmt(f),
        }
    }
}

/// A part of a disjunction.
struct Alternative<'a>(&'a Query);

impl Display for Alternative<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Query::And(conditions) if conditions.len() > 1 => self.0.fmt(f),
            other => Operand(other).fmt(f),
        }
    }
}

impl Display for Clause {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let is_bare = self.field == Field::Message && self.predicate != Predicate::Exists;
        if !is_bare {
            write!(f, "{}:", Name(&self.field))?;
        }
        match &self.predicate {
            Predicate::Exists => f.write_char('*'),
            // alone, a number or a truth value would also be the text
            Predicate::Is(value @ Value::Number(_)) => write!(f, "[{0} TO {0}]", Shown(value)),
            Predicate::Is(value) => Shown(value).fmt(f),
            Predicate::StartsWith(text) => write!(f, "{}*", Escaped(text)),
            Predicate::Within(lower, upper) => range(f, lower, upper),
        }
    }
}

fn range(f: &mut Formatter<'_>, lower: &Bound<Value>, upper: &Bound<Value>) -> fmt::Result {
    match (lower, upper) {
        (Bound::Unbounded, Bound::Unbounded) => f.write_char('*'),
        (Bound::Included(from), Bound::Unbounded) => write!(f, ">={}", Shown(from)),
        (Bound::Excluded(from), Bound::Unbounded) => write!(f, ">{}", Shown(from)),
        (Bound::Unbounded, Bound::Included(to)) => write!(f, "<={}", Shown(to)),
        (Bound::Unbounded, Bound::Excluded(to)) => write!(f, "<{}", Shown(to)),
        (Bound::Included(from) | Bound::Excluded(from), Bound::Included(to) | Bound::Excluded(to)) => {
            let open = if matches!(lower, Bound::Included(_)) { '[' } else { '{' };
            let close = if matches!(upper, Bound::Included(_)) { ']' } else { '}' };
            write!(f, "{open}{} TO {}{close}", Shown(from), Shown(to))
        }
    }
}

struct Shown<'a>(&'a Value);

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Text(text) if is_plain(text) => f.write_str(text),
            Value::Text(text) => quoted(f, text),
            Value::Level(level) => level.fmt(f),
            Value::Time(at) => time(f, *at),
            Value::Micros(micros) if micros % 1000 == 0 => write!(f, "{}", micros / 1000),
            Value::Micros(micros) => write!(f, "{micros}us"),
            Value::Number(number) => write!(f, "{number:?}"),
            Value::Truth(truth) => truth.fmt(f),
        }
    }
}

fn time(f: &mut Formatter<'_>, at: Timestamp) -> fmt::Result {
    write!(f, "\"{at}\"")
}

/// Whether a text can stand without quotes and mean itself.
fn is_plain(text: &str) -> bool {
    let is_sign = |sign: char| sign.is_alphanumeric() || matches!(sign, '_' | '.' | '/' | '@' | '-');
    let is_operator = matches!(text, "AND" | "OR" | "NOT");
    let is_typed = number(text).is_some() || truth(text).is_some();
    !text.is_empty() && text.chars().all(is_sign) && !text.starts_with('-') && !is_operator && !is_typed
}

fn quoted(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for sign in text.chars() {
        if matches!(sign, '"' | '\\') {
            f.write_char('\\')?;
        }
        f.write_char(sign)?;
    }
    f.write_char('"')
}

/// Text without quotes, with a backslash before whatever might mean something.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (place, sign) in self.0.char_indices() {
            let is_itself = sign.is_alphanumeric() || matches!(sign, '_' | '.') || (place > 0 && sign == '-');
            if !is_itself {
                f.write_char('\\')?;
            }
            f.write_char(sign)?;
        }
        Ok(())
    }
}

struct Name<'a>(&'a Field);

impl Display for Name<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = self.0.name();
        let is_hidden = known(name).is_some() || name.starts_with(ATTRIBUTES);
        if is_hidden && matches!(self.0, Field::Attribute(_)) {
            f.write_str(ATTRIBUTES)?;
        }
        Escaped(name).fmt(f)
    }
}
