//! From the text of a query to the query.
//!
//! ```text
//! any    = all { "OR" all }
//! all    = but { [ "AND" ] but }
//! but    = { "NOT" | "-" } one
//! one    = "(" any ")" | "*" | word | phrase | field ":" value
//! value  = word | phrase | ( ">" | ">=" | "<" | "<=" ) point | ( "[" | "{" ) point "TO" point ( "]" | "}" )
//!        | "(" any ")"            of values instead of fields
//! ```

use std::ops::Bound;

use highwater_engine::Timestamp;

use super::{
    Clause, Field, ParseError, Predicate, Query, Value,
    fields::Kind,
    scan::{Scan, Word, shorten},
    values::{self, Edge},
};
use crate::{LogId, words};

/// Most bytes of a query's text.
pub const MAX_TEXT_BYTES: usize = 4096;
/// Most parentheses and negations around a condition.
pub const MAX_DEPTH: usize = 32;
/// Most conditions of one query.
pub const MAX_CLAUSES: usize = 128;

impl Query {
    /// The query that a text asks, with `now` for times relative to it. Nothing asks for every log.
    ///
    /// # Errors
    /// Where the text is none, or is beyond [`MAX_TEXT_BYTES`], [`MAX_DEPTH`] or [`MAX_CLAUSES`].
    ///
    /// ```
    /// use highwater_engine::Timestamp;
    /// use highwater_logstore::Query;
    /// let query = Query::parse("payment -service:cart level:>=WARN", Timestamp::now()).unwrap();
    /// assert_eq!(query.to_string(), "payment -service:cart level:>=WARN");
    /// let error = Query::parse("payment level:LOUD", Timestamp::now()).unwrap_err();
    /// assert_eq!(error.column, 15);
    /// ```
    pub fn parse(text: &str, now: Timestamp) -> Result<Query, ParseError> {
        let mut parser = Parser { scan: Scan::new(text), now, depth: 0, open: Vec::new(), clauses: 0 };
        if text.len() > MAX_TEXT_BYTES {
            let end = text.floor_char_boundary(MAX_TEXT_BYTES);
            return Err(parser.scan.fault(end, format!("a query has at most {MAX_TEXT_BYTES} bytes; ask for less")));
        }
        parser.scan.skip_space();
        if parser.scan.peek().is_none() {
            return Ok(Query::All);
        }
        // it ends at the end of the text: a parenthesis too many is complained about before
        parser.any(None)
    }
}

pub(super) struct Parser<'a> {
    pub(super) scan: Scan<'a>,
    pub(super) now: Timestamp,
    depth: usize,
    /// where the parentheses are that are open
    open: Vec<usize>,
    clauses: usize,
}

pub(super) type Parsed = Result<Query, ParseError>;

/// Within `field:( .. )`, the field that values are of.
type Within<'f> = Option<&'f Field>;

impl Parser<'_> {
    fn any(&mut self, field: Within<'_>) -> Parsed {
        let mut alternatives = vec![self.all(field)?];
        while self.scan.take_operator("OR") {
            alternatives.push(self.all(field)?);
        }
        Ok(only(&mut alternatives).unwrap_or(Query::Or(alternatives)))
    }

    fn all(&mut self, field: Within<'_>) -> Parsed {
        let mut conditions = vec![self.but(field)?];
        loop {
            self.scan.skip_space();
            match self.scan.peek() {
                None => break,
                Some(')') if self.open.is_empty() => {
                    return Err(self
                        .scan
                        .fault(self.scan.at, "no parenthesis is open here; write \\) for one as text"));
                }
                Some(')') => break,
                Some(_) if self.scan.sees("OR") => break,
                Some(_) => {}
            }
            self.scan.take_operator("AND");
            conditions.push(self.but(field)?);
        }
        Ok(only(&mut conditions).unwrap_or(Query::And(conditions)))
    }

    fn but(&mut self, field: Within<'_>) -> Parsed {
        self.scan.skip_space();
        let at = self.scan.at;
        if !self.scan.take_operator("NOT") && !self.scan.take('-') {
            return self.one(field);
        }
        let is_dash = self.scan.at == at + 1;
        if is_dash && self.scan.peek().is_none_or(char::is_whitespace) {
            let advice = "`-` excludes what follows it without a space; put it in quotes to find it as text";
            return Err(self.scan.fault(at, advice));
        }
        self.deeper(at)?;
        let excluded = self.but(field)?;
        self.depth -= 1;
        Ok(Query::Not(Box::new(excluded)))
    }

    fn one(&mut self, field: Within<'_>) -> Parsed {
        let at = self.scan.at;
        if self.scan.peek().is_none() {
            let unclosed = self.open.last().map(|opening| self.unclosed(*opening));
            let what = "the text ends where something to look for should be";
            return Err(unclosed.unwrap_or_else(|| self.scan.fault(at, what)));
        }
        for operator in ["AND", "OR"] {
            if self.scan.sees(operator) {
                let what = format!("{operator} needs something before it; put it in quotes to find the word");
                return Err(self.scan.fault(at, what));
            }
        }
        match (self.scan.peek(), field) {
            (Some('('), _) => self.group(field),
            (Some(')'), _) => Err(self.scan.fault(at, "something to look for is missing before this parenthesis")),
            (_, Some(field)) => self.value(field),
            (Some('"'), None) => {
                let phrase = self.scan.phrase()?;
                self.equals(&Field::Message, at, phrase, true)
            }
            (_, None) => self.word_or_field(),
        }
    }

    fn group(&mut self, field: Within<'_>) -> Parsed {
        let opening = self.scan.at;
        self.scan.next();
        self.deeper(opening)?;
        self.open.push(opening);
        let inside = self.any(field)?;
        if !self.scan.take(')') {
            return Err(self.unclosed(opening));
        }
        self.open.pop();
        self.depth -= 1;
        Ok(inside)
    }

    fn unclosed(&self, opening: usize) -> ParseError {
        self.scan.fault(opening, "this parenthesis is never closed; write \\( for one as text")
    }

    fn word_or_field(&mut self) -> Parsed {
        let word = self.scan.word(&[':'])?;
        if !self.scan.take(':') {
            return self.bare(word);
        }
        if word.text.is_empty() || word.star {
            return Err(self
                .scan
                .fault(word.at, "the name of a field belongs before the colon; write \\: for one as text"));
        }
        self.value(&Field::named(&word.text))
    }

    /// A word without a field asks for messages.
    fn bare(&mut self, word: Word) -> Parsed {
        if word.star && word.text.is_empty() {
            self.count(word.at)?;
            return Ok(Query::All);
        }
        if word.text.starts_with(['<', '>']) && words(&word.text).next().is_none() {
            let advice = "a comparison comes right after a field and its colon, as in latency:>=500";
            return Err(self.scan.fault(word.at, advice));
        }
        self.worded(&Field::Message, word)
    }

    fn value(&mut self, field: &Field) -> Parsed {
        let at = self.scan.at;
        match self.scan.peek() {
            None | Some(')') => Err(self.no_value(field, at)),
            Some(next) if next.is_whitespace() => Err(self.no_value(field, at)),
            Some('(') => self.group(Some(field)),
            Some('"') => {
                let phrase = self.scan.phrase()?;
                self.equals(field, at, phrase, true)
            }
            Some('<' | '>') => self.comparison(field),
            Some('[' | '{') => self.range(field),
            Some(_) => {
                let word = self.scan.word(&[])?;
                self.worded(field, word)
            }
        }
    }

    pub(super) fn no_value(&self, field: &Field, at: usize) -> ParseError {
        let name = shorten(field.name());
        let advice = "write it right after the colon, `*` for any, or \\: for a colon as text";
        self.scan.fault(at, format!("the value of `{name}` is missing; {advice}"))
    }

    fn worded(&mut self, field: &Field, word: Word) -> Parsed {
        match (word.star, word.text.is_empty()) {
            (true, true) => self.clause(field, word.at, Predicate::Exists),
            (true, false) => self.prefix(field, word),
            (false, _) => self.equals(field, word.at, word.text, false),
        }
    }

    fn prefix(&mut self, field: &Field, word: Word) -> Parsed {
        let lower = match field.kind() {
            Kind::Name => word.text.to_lowercase(),
            Kind::FullText | Kind::Attribute if word.text.chars().all(is_of_word) => {
                let lower = word.text.to_lowercase();
                lower[..lower.floor_char_boundary(crate::MAX_WORD_BYTES)].to_owned()
            }
            Kind::FullText | Kind::Attribute => {
                let advice = "`*` ends a word of letters and digits only; write the words before it by themselves";
                return Err(self.scan.fault(word.at, advice));
            }
            Kind::Id | Kind::Level | Kind::Latency | Kind::Time => {
                let name = field.name();
                let what = format!("`{name}` is found as a whole only; leave out the `*`, or write it alone for any");
                return Err(self.scan.fault(word.at, what));
            }
        };
        self.clause(field, word.at, Predicate::StartsWith(lower))
    }

    fn equals(&mut self, field: &Field, at: usize, text: String, quoted: bool) -> Parsed {
        let value = self.equal(field, &text).map_err(|what| self.scan.fault(at, what))?;
        let value = match value {
            Equal::Day(from, to) => return self.clause(field, at, Predicate::Within(from, to)),
            Equal::Value(value) => value,
        };
        let typed = match field.kind() {
            Kind::Attribute if !quoted => {
                let number = values::number(&text).map(Value::Number);
                number.or_else(|| values::truth(&text).map(Value::Truth))
            }
            _ => None,
        };
        let plain = self.clause(field, at, Predicate::Is(value))?;
        let Some(typed) = typed else { return Ok(plain) };
        // the record may have it as a number or a truth value, or as text that looks like one
        let typed = Query::Clause(Clause { field: field.clone(), predicate: Predicate::Is(typed) });
        Ok(Query::Or(vec![typed, plain]))
    }

    fn equal(&self, field: &Field, text: &str) -> Result<Equal, String> {
        let value = match field.kind() {
            Kind::FullText | Kind::Attribute if words(text).next().is_none() => {
                return Err(format!("`{}` has no letter or digit to look for", shorten(text)));
            }
            Kind::Id | Kind::Name if text.is_empty() => {
                return Err(format!("there is nothing to look for; -{}:* finds logs without one", field.name()));
            }
            Kind::Time => match values::time(text, self.now)? {
                span if span.end.is_some() => return Ok(Equal::Day(span.bound(Edge::From), span.bound(Edge::To))),
                span => Value::Time(span.start),
            },
            Kind::Level => Value::Level(values::level(text)?),
            Kind::Latency => Value::Micros(values::latency(text)?),
            _ if *field == Field::Id => {
                let id = text.parse::<LogId>().map_err(|error| format!("`{}` is {error}", shorten(text)))?;
                Value::Text(id.to_string())
            }
            _ => Value::Text(text.to_owned()),
        };
        Ok(Equal::Value(value))
    }

    pub(super) fn clause(&mut self, field: &Field, at: usize, predicate: Predicate) -> Parsed {
        self.count(at)?;
        Ok(Query::Clause(Clause { field: field.clone(), predicate }))
    }

    fn count(&mut self, at: usize) -> Result<(), ParseError> {
        self.clauses += 1;
        if self.clauses > MAX_CLAUSES {
            return Err(self.scan.fault(at, format!("a query has at most {MAX_CLAUSES} conditions; ask for less")));
        }
        Ok(())
    }

    fn deeper(&mut self, at: usize) -> Result<(), ParseError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let what = format!("at most {MAX_DEPTH} parentheses and negations go into one another");
            return Err(self.scan.fault(at, what));
        }
        Ok(())
    }
}

/// What a value stands for where a field is to equal it.
enum Equal {
    Value(Value),
    Day(Bound<Value>, Bound<Value>),
}

/// The one element, where there is no other.
fn only(list: &mut Vec<Query>) -> Option<Query> {
    if list.len() == 1 { list.pop() } else { None }
}

/// Letters and digits, and the dot that the lower case of `İ` carries.
fn is_of_word(sign: char) -> bool {
    sign.is_alphanumeric() || sign == '\u{307}'
}
