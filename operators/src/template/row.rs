//! A template as a row of words, so that templates can be set beside each other.

use std::ops::Range;

use crate::stable_hash;

/// What a variable looks like in a pattern, whatever its kind.
pub(super) const ANY: &str = "<*>";

/// A template cut into words and the marks between them.
#[derive(Clone, Debug)]
pub(super) struct Row<'a> {
    pub(super) text: &'a str,
    /// where each cell stands in the text
    pub(super) places: Vec<Range<usize>>,
    /// each cell as it is compared: variables are alike
    pub(super) cells: Vec<&'a str>,
}

impl<'a> Row<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let mut row = Row { text, places: Vec::new(), cells: Vec::new() };
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let end = if is_mark(bytes[at]) { at + 1 } else { end_of_word(bytes, at) };
            if !bytes[at].is_ascii_whitespace() {
                row.push(at..end);
            }
            at = end;
        }
        row
    }

    /// What stands at a place.
    pub(super) fn word(&self, place: usize) -> &'a str {
        self.places.get(place).map_or("", |place| &self.text[place.clone()])
    }

    /// Whether it is a word that stands at a place, not a mark.
    pub(super) fn is_word(&self, place: usize) -> bool {
        self.cells[place].bytes().next().is_some_and(|byte| !is_mark(byte))
    }

    fn push(&mut self, place: Range<usize>) {
        let word = &self.text[place.clone()];
        let cell = if is_variable(word) { ANY } else { word };
        // a list of variables that look alike is one
        let before = match self.cells[..] {
            [.., last] if last == cell => Some(self.cells.len() - 1),
            [.., last, ","] if last == cell => Some(self.cells.len() - 2),
            _ => None,
        };
        match before.filter(|_| cell.contains('<')) {
            None => {
                self.cells.push(cell);
                self.places.push(place);
            }
            Some(before) => {
                self.cells.truncate(before + 1);
                self.places.truncate(before + 1);
                self.places[before].end = place.end;
            }
        }
    }
}

/// How many words a template has and where its marks stand, as a number: only templates that are alike in that can be one
/// pattern.
pub fn template_shape(template: &str) -> u64 {
    let of = |cell: &&str| cell.bytes().next().filter(|byte| is_mark(*byte)).unwrap_or(b'w');
    stable_hash(&Row::of(template).cells.iter().map(of).collect::<Vec<u8>>())
}

/// What separates words and stands by itself.
fn is_mark(byte: u8) -> bool {
    byte.is_ascii_whitespace() || b"=:,;()[]{}|\"".contains(&byte)
}

fn end_of_word(bytes: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while end < bytes.len() && !is_mark(bytes[end]) {
        end += 1;
    }
    // a number in brackets, as in `sshd[<num>]`, belongs to the word before it
    let bracket = [&b"(<num>)"[..], b"[<num>]"].into_iter().find(|bracket| bytes[end..].starts_with(bracket));
    end + bracket.map_or(0, <[u8]>::len)
}

/// A word with a mask and nothing beside it but punctuation: `<num>##<num>`.
fn is_variable(word: &str) -> bool {
    let mut rest = word;
    while let Some((before, mask)) = rest.split_once('<') {
        let Some((_, behind)) = mask.split_once('>') else { break };
        if before.contains(char::is_alphanumeric) {
            return false;
        }
        rest = behind;
    }
    rest.len() < word.len() && !rest.contains(char::is_alphanumeric)
}
