//! Comparisons and ranges: `>=500`, `[100 TO 500}`.

use std::ops::Bound;

use super::{
    Field, ParseError, Predicate, Value,
    fields::Kind,
    parse::{Parsed, Parser},
    scan::shorten,
    values::{self, Edge},
};

/// A bound as it is written.
struct Point {
    at: usize,
    /// None is `*`, no bound.
    text: Option<String>,
}

const FORM: &str = "a range is written [100 TO 500], with { or } for a bound that is excluded and * for none";

impl Parser<'_> {
    pub(super) fn comparison(&mut self, field: &Field) -> Parsed {
        let at = self.scan.at;
        let is_above = self.scan.next() == Some('>');
        let edge = match (is_above, self.scan.take('=')) {
            (true, false) => Edge::Above,
            (true, true) => Edge::From,
            (false, false) => Edge::Below,
            (false, true) => Edge::To,
        };
        let point = self.point(field, &[])?;
        if point.text.is_none() {
            let what = format!("a comparison needs a value; {}:* finds any", shorten(field.name()));
            return Err(self.scan.fault(at, what));
        }
        let bound = self.bound(field, point, edge)?;
        let (lower, upper) = if is_above { (bound, Bound::Unbounded) } else { (Bound::Unbounded, bound) };
        self.clause(field, at, Predicate::Within(lower, upper))
    }

    pub(super) fn range(&mut self, field: &Field) -> Parsed {
        let opening = self.scan.at;
        let lower_edge = if self.scan.next() == Some('[') { Edge::From } else { Edge::Above };
        self.scan.skip_space();
        let lower = self.point(field, &[']', '}'])?;
        self.scan.skip_space();
        if !self.scan.take_operator("TO") {
            return Err(self.scan.fault(self.scan.at, FORM));
        }
        self.scan.skip_space();
        let upper = self.point(field, &[']', '}'])?;
        self.scan.skip_space();
        let upper_edge = match self.scan.next() {
            Some(']') => Edge::To,
            Some('}') => Edge::Below,
            _ => return Err(self.scan.fault(opening, FORM)),
        };
        let (lower, upper) = (self.bound(field, lower, lower_edge)?, self.bound(field, upper, upper_edge)?);
        let predicate = match (&lower, &upper) {
            (Bound::Unbounded, Bound::Unbounded) => Predicate::Exists,
            (Bound::Included(from) | Bound::Excluded(from), Bound::Included(to) | Bound::Excluded(to))
                if from.order(to).is_some_and(|order| order.is_gt()) =>
            {
                return Err(self.scan.fault(opening, "the lower bound of this range is above the upper one"));
            }
            _ => Predicate::Within(lower, upper),
        };
        self.clause(field, opening, predicate)
    }

    fn point(&mut self, field: &Field, ends: &[char]) -> Result<Point, ParseError> {
        let at = self.scan.at;
        if matches!(field.kind(), Kind::FullText | Kind::Name | Kind::Id) {
            return Err(self.scan.fault(at, values::no_range(field)));
        }
        if self.scan.peek() == Some('"') {
            return Ok(Point { at, text: Some(self.scan.phrase()?) });
        }
        let word = self.scan.word(ends)?;
        match (word.star, word.text.is_empty()) {
            (true, true) => Ok(Point { at, text: None }),
            (true, false) => Err(self.scan.fault(at, "`*` stands alone here, for no bound")),
            (false, true) => Err(self.no_value(field, at)),
            (false, false) => Ok(Point { at, text: Some(word.text) }),
        }
    }

    fn bound(&self, field: &Field, point: Point, edge: Edge) -> Result<Bound<Value>, ParseError> {
        let Some(text) = point.text else { return Ok(Bound::Unbounded) };
        values::bound(field, &text, edge, self.now).map_err(|what| self.scan.fault(point.at, what))
    }
}
