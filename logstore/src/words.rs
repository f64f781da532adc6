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
    text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).map(normal)
}

fn normal(word: &str) -> Cow<'_, str> {
    if word.is_ascii() && !word.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Cow::Borrowed(cut(word));
    }
    let mut lower = word.to_lowercase();
    lower.truncate(cut(&lower).len());
    Cow::Owned(lower)
}

fn cut(word: &str) -> &str {
    let mut end = word.len().min(MAX_WORD_BYTES);
    while !word.is_char_boundary(end) {
        end -= 1;
    }
    &word[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_words_are_cut_between_characters() {
        let long = "é".repeat(100);
        assert_eq!(words(&long).next().unwrap(), "é".repeat(64));
        let odd = format!("x{long}");
        assert_eq!(words(&odd).next().unwrap().len(), 127);
        assert_eq!(words("... --- ...").count(), 0);
    }
}
