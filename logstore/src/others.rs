//! [`Others`]: all documents but those that a query asks for.
//!
//! The index has exclusion of its own, but asks phrases for documents that lie behind them, which they do not allow
//! (tantivy 0.27, `Exclude` over `PhraseScorer`). This one only ever goes forward.

use tantivy::{
    DocId, DocSet, Score, SegmentReader, TERMINATED,
    query::{EnableScoring, Explanation, Query, Scorer, Weight},
};

/// All documents but these.
#[derive(Debug)]
pub(crate) struct Others(pub(crate) Box<dyn Query>);

impl Clone for Others {
    fn clone(&self) -> Self {
        Others(self.0.box_clone())
    }
}

impl Query for Others {
    fn weight(&self, scoring: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        Ok(Box::new(OthersWeight(self.0.weight(scoring)?)))
    }
}

struct OthersWeight(Box<dyn Weight>);

impl Weight for OthersWeight {
    fn scorer(&self, reader: &SegmentReader, boost: Score) -> tantivy::Result<Box<dyn Scorer>> {
        let mut others = Complement { these: self.0.scorer(reader, boost)?, at: 0, end: reader.max_doc() };
        others.pass_these();
        Ok(Box::new(others))
    }

    fn explain(&self, _: &SegmentReader, _: DocId) -> tantivy::Result<Explanation> {
        Ok(Explanation::new("all but these", 1.0))
    }

    fn count(&self, reader: &SegmentReader) -> tantivy::Result<u32> {
        // nothing is ever deleted from a segment
        Ok(reader.max_doc() - self.0.count(reader)?)
    }
}

/// What lies between the documents of a set.
struct Complement {
    /// at `at` or after it
    these: Box<dyn Scorer>,
    /// none of these, or the end
    at: DocId,
    end: DocId,
}

impl Complement {
    /// Goes on to what is none of these.
    fn pass_these(&mut self) {
        if self.at < self.end && self.these.doc() < self.at {
            self.these.seek(self.at);
        }
        while self.at < self.end && self.these.doc() == self.at {
            self.these.advance();
            self.at += 1;
        }
    }
}

impl DocSet for Complement {
    fn advance(&mut self) -> DocId {
        if self.at < self.end {
            self.at += 1;
            self.pass_these();
        }
        self.doc()
    }

    fn seek(&mut self, target: DocId) -> DocId {
        self.at = self.at.max(target).min(self.end);
        self.pass_these();
        self.doc()
    }

    fn doc(&self) -> DocId {
        if self.at < self.end { self.at } else { TERMINATED }
    }

    fn size_hint(&self) -> u32 {
        self.end.saturating_sub(self.these.size_hint())
    }
}

impl Scorer for Complement {
    fn score(&mut self) -> Score {
        1.0
    }
}
