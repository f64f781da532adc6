//! A question cut into words, quoted text and comparison signs.

/// Most tokens of a question that are read.
const MOST: usize = 256;

/// A piece of a question.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    /// As it stands there, without quotes and punctuation around it.
    pub(super) text: String,
    /// The same in lower case: what it is compared by.
    pub(super) lower: String,
    /// Whether it stood in quotes.
    pub(super) quoted: bool,
}

impl Token {
    fn new(text: &str, quoted: bool) -> Self {
        Token { text: text.to_owned(), lower: text.to_lowercase(), quoted }
    }

    /// The word to compare with; quoted text is nobody's word.
    pub(super) fn word(&self) -> &str {
        if self.quoted { "" } else { &self.lower }
    }
}

/// Commas stay as tokens of their own: they continue lists.
pub(super) fn tokens(question: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = question.trim_start();
    while let Some(first) = rest.chars().next().filter(|_| tokens.len() < MOST) {
        let (token, after) = match closing(first).and_then(|close| quoted(rest, first, close)) {
            Some((text, after)) => (Some(Token::new(text, true)), after),
            None if first == ',' || first == ';' => (Some(Token::new(",", false)), &rest[1..]),
            None if matches!(first, '<' | '>' | '≥' | '≤') => sign(rest, first),
            None => word(rest),
        };
        match token.as_ref().and_then(span) {
            Some(span) => tokens.extend(span),
            None => tokens.extend(token.filter(|token| !token.text.is_empty())),
        }
        rest = after.trim_start();
    }
    tokens
}

/// `14:00-15:30` is three tokens.
fn span(token: &Token) -> Option<[Token; 3]> {
    let (from, to) = token.lower.split_once(['-', '–']).filter(|_| !token.quoted)?;
    let is_time = |text: &str| {
        let figures = text.trim_end_matches(['a', 'p', 'm']);
        let is_plain = figures.bytes().all(|byte| byte.is_ascii_digit() || byte == b':');
        is_plain && figures.starts_with(|c: char| c.is_ascii_digit()) && (figures.contains(':') || figures != text)
    };
    (is_time(from) && is_time(to)).then(|| [from, "-", to].map(|text| Token::new(text, false)))
}

fn closing(quote: char) -> Option<char> {
    match quote {
        '"' | '\'' | '`' => Some(quote),
        '“' | '„' => Some('”'),
        '‘' => Some('’'),
        '«' => Some('»'),
        _ => None,
    }
}

/// Quoted text at the beginning, if its quotes close and it says anything.
fn quoted(rest: &str, open: char, close: char) -> Option<(&str, &str)> {
    let inside = &rest[open.len_utf8()..];
    let end = inside.find(close)?;
    let after = &inside[end + close.len_utf8()..];
    // an apostrophe within a word opens nothing, and none closes before a letter
    let closes = open != '\'' || !after.starts_with(char::is_alphanumeric);
    let text = inside[..end].trim();
    (closes && text.contains(char::is_alphanumeric)).then_some((text, after))
}

fn sign(rest: &str, first: char) -> (Option<Token>, &str) {
    let after = &rest[first.len_utf8()..];
    let (or_equal, after) = match after.strip_prefix('=') {
        Some(after) => (true, after),
        None => (matches!(first, '≥' | '≤'), after),
    };
    let text = match (first, or_equal) {
        ('>' | '≥', true) => ">=",
        ('<' | '≤', true) => "<=",
        ('>', _) => ">",
        _ => "<",
    };
    (Some(Token::new(text, false)), after)
}

fn word(rest: &str) -> (Option<Token>, &str) {
    let ends =
        |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '"' | '<' | '>' | '≥' | '≤' | '“' | '”' | '«' | '»');
    let end = rest.char_indices().skip(1).find(|(_, c)| ends(*c)).map_or(rest.len(), |(at, _)| at);
    let (whole, after) = rest.split_at(end);
    // as in a search; what is no level and no service is then text
    let known = ["level:", "severity:", "service:", "source:"].iter().find_map(|field| whole.strip_prefix(field));
    let word = known.filter(|value| !value.is_empty()).unwrap_or(whole);
    let is_around = |c: char| !c.is_alphanumeric() && !matches!(c, '_' | '/' | '%' | '+');
    let trimmed = word.trim_end_matches(is_around).trim_start_matches(|c| is_around(c) && c != '-');
    // a dash before a word excludes it, as in a search; by itself it joins times
    let text = if word.chars().all(|c| matches!(c, '-' | '–' | '—')) { "-" } else { trimmed };
    let possessive = text.strip_suffix("'s").or_else(|| text.strip_suffix("’s")).unwrap_or(text);
    (Some(Token::new(possessive, false)), after)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(question: &str) -> Vec<String> {
        tokens(question)
            .into_iter()
            .map(|token| if token.quoted { format!("«{}»", token.text) } else { token.text })
            .collect()
    }

    #[test]
    fn words_quotes_and_signs() {
        assert_eq!(texts("What's wrong, payment-service?"), ["What", "wrong", ",", "payment-service"]);
        assert_eq!(texts("say \"card declined\" or 'no funds'!"), ["say", "«card declined»", "or", "«no funds»"]);
        assert_eq!(texts("latency>=2s and <500ms"), ["latency", ">=", "2s", "and", "<", "500ms"]);
        assert_eq!(texts("don't show it, \"open"), ["don't", "show", "it", ",", "open"]);
        assert_eq!(texts("14:00 - 15:00 (UTC) -debug"), ["14:00", "-", "15:00", "UTC", "-debug"]);
        assert_eq!(texts("2pm-3:30pm 2025-10-20 web-1"), ["2pm", "-", "3:30pm", "2025-10-20", "web-1"]);
        assert_eq!(texts("level:ERROR service: x"), ["ERROR", "service", "x"]);
        assert_eq!(texts("\"...\" ' ' ??? ü"), ["ü"]);
    }
}
