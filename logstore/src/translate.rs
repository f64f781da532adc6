//! From a [`Query`] to one of the index underneath.
//!
//! Ids are looked up by a hash of 64 bits, so that a search may, once in the life of a universe or so, find a log whose
//! id is another. [`get`](crate::LogStore::get) and [`trace`](crate::LogStore::trace) look twice.

use std::ops::Bound;

use highwater_engine::{Level, Timestamp};
use tantivy::{
    Term,
    query::{
        AllQuery, BooleanQuery, EmptyQuery, ExistsQuery, InvertedIndexRangeQuery, PhraseQuery, Query as Index,
        RangeQuery, TermQuery,
    },
    schema::{Field as Column, IndexRecordOption},
};

use crate::{
    Clause, Field, LogId, Predicate, Query, Value,
    entry::{hash_of_id, ordered, stream},
    others::Others,
    schema::{Fields, Has, normal_name},
    words,
};

type Translated = Box<dyn Index>;

/// The query as the index understands it.
pub(crate) fn translate(query: &Query) -> Translated {
    match query {
        Query::All => all(),
        Query::Clause(clause) => translate_clause(clause),
        Query::Not(excluded) => Box::new(Others(translate(excluded))),
        Query::And(conditions) => both(conditions.iter().map(translate).collect()),
        Query::Or(alternatives) => either(alternatives.iter().map(translate).collect()),
    }
}

fn all() -> Translated {
    Box::new(AllQuery)
}

fn none() -> Translated {
    Box::new(EmptyQuery)
}

fn both(mut queries: Vec<Translated>) -> Translated {
    match queries.len() {
        0 => all(),
        1 => queries.swap_remove(0),
        _ => Box::new(BooleanQuery::intersection(queries)),
    }
}

fn either(mut queries: Vec<Translated>) -> Translated {
    match queries.len() {
        0 => none(),
        1 => queries.swap_remove(0),
        _ => Box::new(BooleanQuery::union(queries)),
    }
}

fn translate_clause(Clause { field, predicate }: &Clause) -> Translated {
    let fields = Fields::get();
    match field {
        Field::Message => match predicate {
            Predicate::Exists => has(Has::Message),
            predicate => full_text(predicate, |word| Term::from_field_text(fields.message, word)),
        },
        Field::Level => level(predicate),
        Field::Service => name(fields.service, predicate),
        Field::Host => name(fields.host, predicate),
        Field::Id => id(predicate),
        Field::TraceId => hashed(fields.trace, has(Has::Trace), predicate),
        Field::SpanId => hashed(fields.span, exists("span"), predicate),
        Field::CorrelationId => hashed(fields.correlation, has(Has::Correlation), predicate),
        Field::TemplateId => template(predicate),
        Field::Latency => latency(predicate),
        Field::Timestamp => timestamp(predicate),
        Field::Attribute(path) => attribute(path, predicate),
    }
}

fn term(term: Term) -> Translated {
    Box::new(TermQuery::new(term, IndexRecordOption::Basic))
}

fn has(field: Has) -> Translated {
    term(Term::from_field_u64(Fields::get().has, field as u64))
}

fn exists(column: &str) -> Translated {
    Box::new(ExistsQuery::new(column.to_owned(), false))
}

/// Words of a text, where `of` makes a term of a word.
fn full_text(predicate: &Predicate, of: impl Fn(&str) -> Term) -> Translated {
    match predicate {
        Predicate::Is(Value::Text(text)) => {
            let mut phrase: Vec<Term> = words(text).map(|word| of(&word)).collect();
            match phrase.len() {
                0 => none(),
                1 => term(phrase.swap_remove(0)),
                _ => Box::new(PhraseQuery::new(phrase)),
            }
        }
        Predicate::StartsWith(start) => starts_with(start, of),
        _ => none(),
    }
}

/// Terms that begin with some text.
fn starts_with(start: &str, of: impl Fn(&str) -> Term) -> Translated {
    let start = of(start);
    let end = after(&start);
    Box::new(InvertedIndexRangeQuery::new(Bound::Included(start), end))
}

/// The end of the terms that begin as this one does.
fn after(start: &Term) -> Bound<Term> {
    let mut bytes = start.serialized_value_bytes().to_vec();
    while let Some(last) = bytes.pop() {
        if last < u8::MAX {
            bytes.push(last + 1);
            return Bound::Excluded(Term::from_field_bytes(start.field(), &bytes));
        }
    }
    Bound::Unbounded
}

fn name(column: Column, predicate: &Predicate) -> Translated {
    let of = |name: &str| Term::from_field_text(column, name);
    match predicate {
        Predicate::Exists => starts_with("", of),
        Predicate::Is(Value::Text(name)) if !name.is_empty() => term(of(&normal_name(name))),
        Predicate::StartsWith(start) => starts_with(&normal_name(start), of),
        _ => none(),
    }
}

fn hashed(column: Column, exists: Translated, predicate: &Predicate) -> Translated {
    match predicate {
        Predicate::Exists => exists,
        Predicate::Is(Value::Text(id)) if !id.is_empty() => term(Term::from_field_u64(column, hash_of_id(id))),
        _ => none(),
    }
}

fn id(predicate: &Predicate) -> Translated {
    let fields = Fields::get();
    match predicate {
        Predicate::Exists => all(),
        Predicate::Is(Value::Text(text)) => match text.parse::<LogId>() {
            Ok(id) => both(vec![
                term(Term::from_field_text(fields.stream, &stream(&id))),
                term(Term::from_field_i64(fields.offset, id.next_offset)),
            ]),
            Err(_) => none(),
        },
        _ => none(),
    }
}

fn template(predicate: &Predicate) -> Translated {
    match predicate {
        Predicate::Exists => all(),
        Predicate::Is(Value::Text(text)) if text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit()) => {
            let id = u64::from_str_radix(text, 16).ok();
            id.map_or_else(none, |id| term(Term::from_field_u64(Fields::get().template, id)))
        }
        _ => none(),
    }
}

fn level(predicate: &Predicate) -> Translated {
    let within = |level: Level| match predicate {
        Predicate::Exists => true,
        Predicate::Is(value) => *value == Value::Level(level),
        Predicate::StartsWith(_) => false,
        Predicate::Within(lower, upper) => {
            let of = |value: &Value| match value {
                Value::Level(level) => Some(*level),
                _ => None,
            };
            bounds(lower, upper, of).is_some_and(|bounds| std::ops::RangeBounds::contains(&bounds, &level))
        }
    };
    let levels: Vec<Level> = Level::ALL.into_iter().filter(|level| within(*level)).collect();
    if levels.len() == Level::ALL.len() {
        return all();
    }
    let of = |level: Level| term(Term::from_field_u64(Fields::get().level, level as u64));
    either(levels.into_iter().map(of).collect())
}

/// Both bounds, where they are of the kind that `of` takes.
fn bounds<T>(
    lower: &Bound<Value>,
    upper: &Bound<Value>,
    of: impl Fn(&Value) -> Option<T>,
) -> Option<(Bound<T>, Bound<T>)> {
    let bound = |bound: &Bound<Value>| {
        Some(match bound {
            Bound::Included(value) => Bound::Included(of(value)?),
            Bound::Excluded(value) => Bound::Excluded(of(value)?),
            Bound::Unbounded => Bound::Unbounded,
        })
    };
    Some((bound(lower)?, bound(upper)?))
}

fn range<T>(bounds: Option<(Bound<T>, Bound<T>)>, whole: Translated, of: impl Fn(T) -> Term) -> Translated {
    match bounds {
        None => none(),
        Some((Bound::Unbounded, Bound::Unbounded)) => whole,
        Some((lower, upper)) => Box::new(RangeQuery::new(lower.map(&of), upper.map(&of))),
    }
}

fn latency(predicate: &Predicate) -> Translated {
    let of = |micros: u64| Term::from_field_u64(Fields::get().latency, micros);
    let micros = |value: &Value| match value {
        Value::Micros(micros) => Some(*micros),
        _ => None,
    };
    match predicate {
        Predicate::Exists => exists("latency"),
        Predicate::Is(value) => micros(value).map_or_else(none, |micros| term(of(micros))),
        Predicate::StartsWith(_) => none(),
        Predicate::Within(lower, upper) => range(bounds(lower, upper, micros), exists("latency"), of),
    }
}

/// Times are compared in whole milliseconds; the column has microseconds.
fn timestamp(predicate: &Predicate) -> Translated {
    let of = |at: i64| Term::from_field_i64(Fields::get().timestamp, at);
    let start = |at: Timestamp| at.as_micros().div_euclid(1000).saturating_mul(1000);
    let end = |at: Timestamp| start(at).saturating_add(1000);
    let time = |value: &Value| match value {
        Value::Time(at) => Some(*at),
        _ => None,
    };
    let between = |lower: Bound<Timestamp>, upper: Bound<Timestamp>| {
        let lower = match lower {
            Bound::Included(at) => Bound::Included(start(at)),
            Bound::Excluded(at) => Bound::Included(end(at)),
            Bound::Unbounded => Bound::Unbounded,
        };
        let upper = match upper {
            Bound::Included(at) => Bound::Excluded(end(at)),
            Bound::Excluded(at) => Bound::Excluded(start(at)),
            Bound::Unbounded => Bound::Unbounded,
        };
        range(Some((lower, upper)), all(), of)
    };
    match predicate {
        Predicate::Exists => all(),
        Predicate::Is(value) => time(value).map_or_else(none, |at| between(Bound::Included(at), Bound::Included(at))),
        Predicate::StartsWith(_) => none(),
        Predicate::Within(lower, upper) => {
            bounds(lower, upper, time).map_or_else(none, |(lower, upper)| between(lower, upper))
        }
    }
}

/// What an attribute says. Its terms are its path, the type of a value, and the value.
fn attribute(path: &str, predicate: &Predicate) -> Translated {
    // The index escapes dots in names by a backslash, where we do not tell them from those between names.
    let path = Term::from_field_json_path(Fields::get().attributes, &path.replace('\\', "\\\\"), true);
    let number = |number: f64| {
        let mut term = path.clone();
        term.append_type_and_fast_value(ordered(number));
        term
    };
    let numbers = |value: &Value| match value {
        Value::Number(number) if !number.is_nan() => Some(*number),
        _ => None,
    };
    match predicate {
        Predicate::Exists => {
            let end = after(&path);
            Box::new(InvertedIndexRangeQuery::new(Bound::Included(path), end))
        }
        Predicate::Is(Value::Number(_)) | Predicate::Within(..) => {
            let (lower, upper) = match predicate {
                Predicate::Within(lower, upper) => (lower.clone(), upper.clone()),
                Predicate::Is(value) => (Bound::Included(value.clone()), Bound::Included(value.clone())),
                _ => return none(),
            };
            let Some((lower, upper)) = bounds(&lower, &upper, numbers) else { return none() };
            // every number lies between these
            let open = |bound: Bound<f64>, end: f64| match bound {
                Bound::Unbounded => Bound::Included(end),
                bound => bound,
            };
            let (lower, upper) = (open(lower, f64::NEG_INFINITY), open(upper, f64::INFINITY));
            Box::new(InvertedIndexRangeQuery::new(lower.map(number), upper.map(number)))
        }
        Predicate::Is(Value::Truth(truth)) => {
            let mut truthful = path.clone();
            truthful.append_type_and_fast_value(*truth);
            term(truthful)
        }
        predicate => full_text(predicate, |word| {
            let mut term = path.clone();
            term.append_type_and_str(word);
            term
        }),
    }
}
