//! The nearest known word to one that is not known.

/// The word of `known` that `word` was most likely meant to be, if any is near.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&word, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// `did you mean "topic"?`, or else what there is to choose from.
pub(crate) fn hint(word: &str, known: &[&str]) -> String {
    match nearest(word, known.iter().copied()) {
        Some(candidate) => format!("did you mean \"{candidate}\"?"),
        None => format!("known here: {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_found_and_a_far_one_is_not() {
        let known = ["topic", "brokers", "format", "max_record_bytes"];
        assert_eq!(nearest("topics", known), Some("topic"));
        assert_eq!(nearest("Broker", known), Some("brokers"));
        assert_eq!(nearest("max_record_byte", known), Some("max_record_bytes"));
        assert_eq!(nearest("zzz", known), None);
        assert_eq!(hint("zzz", &["a", "b"]), "known here: a, b");
    }
}
