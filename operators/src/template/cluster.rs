//! Templates that differ in a word which is a variable: one pattern.

use std::collections::{BTreeMap, HashMap};

use super::row::{ANY, Row};
use crate::stable_hash;

/// So many different words at one place, all else alike, are a variable.
const WORDS: usize = 4;
/// A message begins with what it is about: its first word is a variable only where so many others stay.
const WORDS_BESIDE_FIRST: usize = 3;

/// The pattern of each template: its own text, with `<*>` for the words that are variables too.
///
/// Templates are one pattern where all their words but one are alike and at that place stand four different words, or a
/// variable beside a word; and wherever a chain of such templates leads. The first word must have three words beside
/// it that stay, any other place one. What is compared is words and marks, a list of variables being one.
///
/// A pure function of the set: the order of templates does not matter, and those that are one pattern stay so whatever
/// else comes.
///
/// ```
/// use highwater_operators::pattern_texts;
/// let failures = ["root", "admin", "oracle", "guest"].map(|user| format!("failed password for {user} from <ip>"));
/// let texts = pattern_texts(failures.iter().map(String::as_str));
/// assert_eq!(texts["failed password for root from <ip>"], "failed password for <*> from <ip>");
/// ```
pub fn pattern_texts<'a>(templates: impl IntoIterator<Item = &'a str>) -> BTreeMap<&'a str, String> {
    let mut rows: Vec<Row<'_>> = templates.into_iter().map(Row::of).collect();
    rows.sort_by(|a, b| a.text.cmp(b.text));
    rows.dedup_by(|a, b| a.text == b.text);
    let mut sets = Sets::new(rows.len());
    for alike in alike(&rows) {
        if alike.is_pattern(&rows) {
            alike.rows.windows(2).for_each(|pair| sets.join(pair[0], pair[1]));
        }
    }
    let mut patterns: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    (0..rows.len()).for_each(|row| patterns.entry(sets.first(row)).or_default().push(row));
    let mut texts = BTreeMap::new();
    for members in patterns.values() {
        let text = text_of(&rows, members);
        texts.extend(members.iter().map(|row| (rows[*row].text, text.clone())));
    }
    texts
}

/// Rows that have the same cells everywhere, or everywhere but at one place.
struct Alike {
    but_for: Option<usize>,
    rows: Vec<usize>,
}

impl Alike {
    fn is_pattern(&self, rows: &[Row<'_>]) -> bool {
        let Some(place) = self.but_for else { return true };
        let mut words: Vec<&str> = self.rows.iter().map(|row| rows[*row].cells[place]).collect();
        words.sort_unstable();
        words.dedup();
        let others = rows[self.rows[0]].cells.iter().enumerate().filter(|(other, _)| *other != place);
        let stays = others.filter(|(_, cell)| **cell != ANY && cell.contains(char::is_alphabetic)).count();
        let needed = if place == 0 { WORDS_BESIDE_FIRST } else { 1 };
        stays >= needed && (words.len() >= WORDS || (words.len() > 1 && words.contains(&ANY)))
    }
}

/// The rows that are alike, and for each word of each row those that are alike but for it. Cells are compared by their
/// hashes, added up: then a row costs as many steps as it has cells, and at worst two that differ share a pattern.
fn alike(rows: &[Row<'_>]) -> impl Iterator<Item = Alike> {
    let mut alike: HashMap<(Option<usize>, usize, u64), Vec<usize>> = HashMap::new();
    for (number, row) in rows.iter().enumerate() {
        let hashes: Vec<u64> = (1..).zip(&row.cells).map(|(place, cell)| place_hash(place, cell)).collect();
        let sum = hashes.iter().fold(0_u64, |sum, hash| sum.wrapping_add(*hash));
        let mut add = |but_for, hash| alike.entry((but_for, hashes.len(), hash)).or_default().push(number);
        add(None, sum);
        let words = hashes.iter().enumerate().filter(|(place, _)| row.is_word(*place));
        words.for_each(|(place, hash)| add(Some(place), sum.wrapping_sub(*hash)));
    }
    alike.into_iter().filter(|(_, rows)| rows.len() > 1).map(|((but_for, ..), rows)| Alike { but_for, rows })
}

/// The hash of a cell at a place.
fn place_hash(place: u64, cell: &str) -> u64 {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&place.to_le_bytes());
    bytes[8..].copy_from_slice(&stable_hash(cell.as_bytes()).to_le_bytes());
    stable_hash(&bytes)
}

/// The text of the first member, with `<*>` where another one differs.
fn text_of(rows: &[Row<'_>], members: &[usize]) -> String {
    let first = &rows[members[0]];
    let mut text = String::with_capacity(first.text.len());
    let mut at = 0;
    for (number, place) in first.places.iter().enumerate() {
        text.push_str(&first.text[at..place.start]);
        let own = &first.text[place.clone()];
        let stays = members.iter().all(|row| rows[*row].word(number) == own);
        text.push_str(if stays { own } else { ANY });
        at = place.end;
    }
    text.push_str(&first.text[at..]);
    text
}

/// Disjoint sets of rows, each known by its first.
struct Sets(Vec<usize>);

impl Sets {
    fn new(rows: usize) -> Self {
        Sets((0..rows).collect())
    }

    fn first(&mut self, mut row: usize) -> usize {
        while self.0[row] != row {
            self.0[row] = self.0[self.0[row]];
            row = self.0[row];
        }
        row
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.first(a), self.first(b));
        self.0[a.max(b)] = a.min(b);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::template_shape;

    fn texts(templates: &[&str]) -> Vec<String> {
        let texts = pattern_texts(templates.iter().copied());
        templates.iter().map(|template| texts[template].clone()).collect()
    }

    #[test]
    fn by_hand() {
        let same =
            |templates: &[&str], text: &str| assert!(texts(templates).iter().all(|own| own == text), "{templates:?}");
        let apart = |templates: &[&str]| assert_eq!(texts(templates), templates);
        same(&["login of ann", "login of bob", "login of eve", "login of joe"], "login of <*>");
        apart(&["login of ann", "login of bob", "login of eve"]);
        // a variable beside a word
        same(&["login of ann", "login of <id>"], "login of <*>");
        same(&["took <duration>", "took <num>"], "took <*>");
        // the first word needs more beside it
        apart(&["opened cache", "closed cache", "filled cache", "flushed cache"]);
        let four = ["a1 is ready to serve", "b2 is ready to serve", "c3 is ready to serve", "<ip> is ready to serve"];
        same(&four, "<*> is ready to serve");
        // lists
        same(&["drop blk_<num>", "drop blk_<num> blk_<num>", "drop blk_<num>, blk_<num>"], "drop <*>");
        same(&["got <num>", "got <num>, <num>, <num>"], "got <*>");
        // marks are no words
        apart(&["size=<num>", "size: <num>", "size <num>"]);
        // the first in text order lends its blanks
        same(&["in (a)", "in (b)", "in (c)", "in  (d)"], "in  (<*>)");
    }

    fn templates() -> impl Strategy<Value = Vec<String>> {
        let word = prop::sample::select(vec!["a", "b", "c", "d", "e", "<num>", "<id>", "v<num>", "=", "(", ","]);
        let template = prop::collection::vec(word, 0..5).prop_map(|words| words.join(" "));
        prop::collection::vec(template, 0..60)
    }

    proptest! {
        #[test]
        fn order_and_repetition_do_not_matter(templates in templates(), seed in any::<u64>()) {
            let mut others: Vec<&String> = templates.iter().chain(&templates[..templates.len() / 2]).collect();
            others.sort_by_key(|text| stable_hash(text.as_bytes()) ^ seed);
            let texts = pattern_texts(templates.iter().map(String::as_str));
            prop_assert_eq!(texts, pattern_texts(others.into_iter().map(String::as_str)));
        }

        #[test]
        fn what_is_one_pattern_stays_one_whatever_comes(templates in templates(), more in templates()) {
            let before = pattern_texts(templates.iter().map(String::as_str));
            let after = pattern_texts(templates.iter().chain(&more).map(String::as_str));
            for (a, pattern) in &before {
                for (b, _) in before.iter().filter(|(_, other)| *other == pattern) {
                    prop_assert_eq!(&after[a], &after[b]);
                }
            }
        }

        #[test]
        fn only_templates_of_one_shape_are_one_pattern(templates in templates()) {
            let together = pattern_texts(templates.iter().map(String::as_str));
            let mut shapes: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
            templates.iter().for_each(|text| shapes.entry(template_shape(text)).or_default().push(text));
            let mut apart = BTreeMap::new();
            shapes.into_values().for_each(|shape| apart.extend(pattern_texts(shape)));
            prop_assert_eq!(together, apart);
        }

        #[test]
        fn any_text_has_a_pattern(texts in prop::collection::vec(any::<String>(), 0..20)) {
            let found = pattern_texts(texts.iter().map(String::as_str));
            prop_assert!(texts.iter().all(|text| found.contains_key(text.as_str())));
        }
    }
}
