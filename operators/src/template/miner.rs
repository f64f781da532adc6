//! [`Miner`]: the templates of many messages, counted, and their patterns.

use std::collections::HashMap;

use super::{cluster::pattern_texts, head, shapes::Shapes, template};

/// Reads messages one by one and counts their templates; says at any time which patterns they have.
///
/// Patterns are those of the set of templates, so it does not matter in which order messages came.
///
/// ```
/// use highwater_operators::Miner;
/// let mut miner = Miner::new(1_000);
/// let numbers = ["ann", "bob", "eve", "joe"].map(|user| miner.add(&format!("login of {user} took 12 ms")));
/// let mined = miner.mined();
/// assert_eq!(mined.patterns().len(), 1);
/// assert_eq!(mined.pattern(numbers[2]).text, "login of <*> took <duration>");
/// assert_eq!(mined.pattern(numbers[2]).count, 4);
/// ```
pub struct Miner {
    shapes: Shapes<usize>,
    numbers: HashMap<String, usize>,
    counts: Vec<u64>,
    most: usize,
}

/// What stands for all templates beyond the bound.
const OTHERS: &str = "__other__";

impl Miner {
    /// Knows `most` templates; what comes beyond them counts as one more.
    pub fn new(most: usize) -> Self {
        Miner { shapes: Shapes::default(), numbers: HashMap::new(), counts: Vec::new(), most }
    }

    /// Counts a message, and gives the number of its template.
    pub fn add(&mut self, message: &str) -> usize {
        let Miner { shapes, numbers, counts, most } = self;
        let number = shapes.of(head(message), |message| {
            let template = template(message);
            if let Some(number) = numbers.get(&*template) {
                return *number;
            }
            let text = if numbers.len() < *most { template.into_owned() } else { OTHERS.to_owned() };
            *numbers.entry(text).or_insert_with(|| {
                counts.push(0);
                counts.len() - 1
            })
        });
        counts[number] += 1;
        number
    }

    /// The patterns of what has been counted so far.
    pub fn mined(&self) -> Mined {
        let mut texts: Vec<&str> = vec![""; self.counts.len()];
        self.numbers.iter().for_each(|(text, number)| texts[*number] = text);
        let of_template = pattern_texts(texts.iter().copied());
        let mut found: HashMap<&str, MinedPattern> = HashMap::new();
        for (text, count) in texts.iter().zip(&self.counts) {
            let text = &of_template[text];
            found.entry(text).or_insert_with(|| MinedPattern { text: text.clone(), count: 0 }).count += count;
        }
        let mut patterns: Vec<MinedPattern> = found.into_values().collect();
        patterns.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.text.cmp(&b.text)));
        let places: HashMap<&str, usize> = patterns.iter().enumerate().map(|(at, own)| (&*own.text, at)).collect();
        let of = texts.iter().map(|text| places[&*of_template[text]]).collect();
        Mined { patterns, of }
    }
}

/// A pattern and how many messages have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MinedPattern {
    /// Its text, a variable as `<*>` or by its kind, such as `<num>`.
    pub text: String,
    /// Messages.
    pub count: u64,
}

/// The patterns of messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mined {
    patterns: Vec<MinedPattern>,
    /// by the number of a template: the place of its pattern
    of: Vec<usize>,
}

impl Mined {
    /// All patterns, the most frequent first.
    pub fn patterns(&self) -> &[MinedPattern] {
        &self.patterns
    }

    /// The pattern of a template that the miner knew by that number.
    pub fn pattern(&self, number: usize) -> &MinedPattern {
        &self.patterns[self.of[number]]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stable_hash;

    fn messages() -> impl Strategy<Value = Vec<String>> {
        let word = prop::sample::select(vec!["login", "of", "ann", "bob", "eve", "joe", "7", "42", "12ms", "="]);
        prop::collection::vec(prop::collection::vec(word, 1..6).prop_map(|words| words.join(" ")), 0..80)
    }

    #[test]
    fn what_is_beyond_the_bound_is_one() {
        let mut miner = Miner::new(2);
        let numbers = ["one", "two", "three", "four", "one"].map(|message| miner.add(message));
        let texts = numbers.map(|number| miner.mined().pattern(number).text.clone());
        assert_eq!(texts, ["one", "two", OTHERS, OTHERS, "one"]);
    }

    proptest! {
        #[test]
        fn the_order_of_messages_does_not_matter(messages in messages(), seed in any::<u64>()) {
            let patterns_of = |messages: &[&String]| {
                let mut miner = Miner::new(1_000);
                messages.iter().for_each(|message| { miner.add(message); });
                miner.mined().patterns().to_vec()
            };
            let mut shuffled: Vec<(u64, &String)> = messages
                .iter()
                .enumerate()
                .map(|(at, message)| (stable_hash(&(seed ^ at as u64).to_le_bytes()), message))
                .collect();
            shuffled.sort();
            let shuffled: Vec<&String> = shuffled.into_iter().map(|(_, message)| message).collect();
            prop_assert_eq!(patterns_of(&messages.iter().collect::<Vec<_>>()), patterns_of(&shuffled));
        }

        #[test]
        fn each_message_counts_once_in_the_pattern_of_its_template(messages in messages()) {
            let mut miner = Miner::new(1_000);
            let numbers: Vec<usize> = messages.iter().map(|message| miner.add(message)).collect();
            let mined = miner.mined();
            prop_assert_eq!(mined.patterns().iter().map(|pattern| pattern.count).sum::<u64>(), messages.len() as u64);
            let templates: Vec<_> = messages.iter().map(|message| template(message)).collect();
            let texts = pattern_texts(templates.iter().map(|template| &**template));
            for (number, template) in numbers.iter().zip(&templates) {
                prop_assert_eq!(&mined.pattern(*number).text, &texts[&**template]);
            }
        }
    }
}
