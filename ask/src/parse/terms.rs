//! What messages should say: words, phrases, and the ones of which any will do.

use super::{
    syntax::{is_word, phrase},
    words::singular,
};

/// One thing that messages say.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Term {
    /// words in a row
    pub(super) words: String,
    /// whether it is meant just as it stands
    verbatim: bool,
}

impl Term {
    pub(super) fn word(word: &str) -> Self {
        Term { words: word.to_owned(), verbatim: false }
    }

    pub(super) fn quoted(text: &str) -> Self {
        Term { words: text.to_owned(), verbatim: true }
    }

    pub(super) fn append(&mut self, word: &str) {
        self.words.push(' ');
        self.words.push_str(word);
    }

    /// Whether anything of it can be found: an index knows letters and digits.
    pub(super) fn says_something(&self) -> bool {
        self.words.contains(char::is_alphanumeric)
    }

    /// As it would be said once.
    pub(super) fn plain(&self) -> String {
        if self.verbatim { self.words.clone() } else { self.one().unwrap_or_else(|| self.words.clone()) }
    }

    fn one(&self) -> Option<String> {
        let (before, last) =
            self.words.rsplit_once(' ').map_or(("", self.words.as_str()), |(before, last)| (before, last));
        let one = singular(last)?;
        Some(if before.is_empty() { one } else { format!("{before} {one}") })
    }

    /// In the syntax of the search: a plural finds the singular, too.
    pub(super) fn query(&self) -> String {
        match self.one().filter(|_| !self.verbatim) {
            Some(one) => format!("({} OR {})", written(&one), written(&self.words)),
            None => written(&self.words),
        }
    }
}

fn written(text: &str) -> String {
    if is_word(text) { text.to_owned() } else { phrase(text) }
}
