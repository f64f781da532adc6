//! [`Scan`]: the text of a query, read from left to right.

use super::ParseError;

/// Where reading is in a text.
pub(super) struct Scan<'a> {
    text: &'a str,
    pub(super) at: usize,
}

/// Text without quotes, its escapes undone.
pub(super) struct Word {
    /// Where it begins.
    pub(super) at: usize,
    pub(super) text: String,
    /// Whether `*` ends it, which is not part of the text.
    pub(super) star: bool,
}

impl<'a> Scan<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Scan { text, at: 0 }
    }

    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    pub(super) fn take(&mut self, expected: char) -> bool {
        let found = self.peek() == Some(expected);
        if found {
            self.at += expected.len_utf8();
        }
        found
    }

    pub(super) fn skip_space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    /// Whether this word in capitals comes next, by itself.
    pub(super) fn sees(&self, operator: &str) -> bool {
        let after = self.rest().strip_prefix(operator).map(|rest| rest.chars().next());
        after.is_some_and(|next| next.is_none_or(|next| next.is_whitespace() || matches!(next, '(' | ')' | '"')))
    }

    pub(super) fn take_operator(&mut self, operator: &str) -> bool {
        let found = self.sees(operator);
        if found {
            self.at += operator.len();
        }
        found
    }

    pub(super) fn fault(&self, at: usize, what: impl Into<String>) -> ParseError {
        let column = self.text.char_indices().take_while(|(place, _)| *place < at).count() + 1;
        ParseError { column, what: what.into() }
    }

    /// The text in quotes that opens here.
    pub(super) fn phrase(&mut self) -> Result<String, ParseError> {
        let opening = self.at;
        self.next();
        let mut text = String::new();
        loop {
            match self.next() {
                None => return Err(self.fault(opening, "this quote is never closed; write \\\" for a quote as text")),
                Some('"') => return Ok(text),
                Some('\\') => text.push(self.escaped()?),
                Some(other) => text.push(other),
            }
        }
    }

    /// The word that begins here and ends before white space, a parenthesis, a quote, or any of `ends`.
    pub(super) fn word(&mut self, ends: &[char]) -> Result<Word, ParseError> {
        let mut word = Word { at: self.at, text: String::new(), star: false };
        while let Some(next) = self.peek() {
            let at = self.at;
            if next.is_whitespace() || matches!(next, '(' | ')' | '"') || ends.contains(&next) {
                break;
            }
            if word.star {
                let advice = "`*` stands at the end of a word only, for any ending; write \\* for one as text";
                return Err(self.fault(at - 1, advice));
            }
            self.next();
            match next {
                '*' => word.star = true,
                '\\' => word.text.push(self.escaped()?),
                other => word.text.push(other),
            }
        }
        Ok(word)
    }

    /// What a backslash stands for: the sign after it, or itself before a letter or a digit.
    fn escaped(&mut self) -> Result<char, ParseError> {
        match self.peek() {
            None => Err(self.fault(self.at - 1, "there is nothing after this backslash; write \\\\ for one as text")),
            Some(next) if next.is_alphanumeric() => Ok('\\'),
            Some(next) => {
                self.next();
                Ok(next)
            }
        }
    }
}

/// What an error repeats of a text.
pub(super) fn shorten(text: &str) -> String {
    const MOST: usize = 40;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
