//! [`words`]: what text is cut into, in the index and in queries alike.

use std::borrow::Cow;

/// A word longer than this is cut to its first so many bytes, between characters, in the index and in queries alike.
pub const MAX_WORD_BYTES: usize = 128;

/// The words of a text, in order: stretches of letters and digits (of any script), in lower case, cut to
/// [`MAX_WORD_BYTES`].
///
/// ```
/// use highwater_logstore::words;
/// let found: Vec<_> = words("Order-4711: Zahlung für user_1 ÜBERFÄLLIG").collect();
/// assert_eq!(found, ["order", "4711", "zahlung", "für", "user", "1", "überfällig"]);
/// ```
pub fn words(text: &str) -> impl Iterator<Item = Cow<'_, str>> {
    Words { rest: text }
}

/// The words that are left of a text.
#[derive(Clone, Debug)]
pub(crate) struct Words<'a> {
    rest: &'a str,
}

impl<'a> Words<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        Words { rest: text }
    }

    /// The next word as it is written.
    pub(crate) fn next_raw(&mut self) -> Option<&'a str> {
        let start = length_while(self.rest, false);
        let text = self.rest.get(start..)?;
        let (word, rest) = text.split_at_checked(length_while(text, true))?;
        self.rest = rest;
        Some(word).filter(|word| !word.is_empty())
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = Cow<'a, str>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_raw().map(normal)
    }
}

/// Bytes of the stretch at the beginning that is, or is not, part of a word.
fn length_while(text: &str, in_word: bool) -> usize {
    let ascii = text.bytes().take_while(|byte| byte.is_ascii() && byte.is_ascii_alphanumeric() == in_word).count();
    match text.as_bytes().get(ascii) {
        Some(byte) if !byte.is_ascii() => {
            let rest = &text[ascii..];
            ascii + rest.find(|letter: char| letter.is_alphanumeric() != in_word).unwrap_or(rest.len())
        }
        _ => ascii,
    }
}

/// A word as it is looked for.
pub(crate) fn normal(word: &str) -> Cow<'_, str> {
    if word.is_ascii() && !word.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Cow::Borrowed(cut(word, MAX_WORD_BYTES));
    }
    let mut lower = word.to_lowercase();
    lower.truncate(cut(&lower, MAX_WORD_BYTES).len());
    Cow::Owned(lower)
}

/// At most so many bytes of a text, cut between characters.
pub(crate) fn cut(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn long_words_are_cut_between_characters() {
        let long = "é".repeat(100);
        assert_eq!(words(&long).next().unwrap(), "é".repeat(64));
        let odd = format!("x{long}");
        assert_eq!(words(&odd).next().unwrap().len(), 127);
        assert_eq!(words("... --- ...").count(), 0);
    }

    proptest! {
        #[test]
        fn words_are_what_stands_between_other_characters(text in "\\PC{0,40}|[a-zA-Z0-9é٣ß .,_\\-]{0,40}") {
            let split = text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
            let expected: Vec<_> = split.map(|word| normal(word).into_owned()).collect();
            prop_assert_eq!(words(&text).collect::<Vec<_>>(), expected);
        }
    }
}
