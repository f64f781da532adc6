//! Ids and other fields that a question names with their value.

/// Longest value that is taken for one.
const LONGEST: usize = 128;

/// A field that must have a value, and how many words that are.
pub(super) fn find(words: &[&str], texts: &[&str]) -> Option<(usize, String, String)> {
    let first = words.first()?;
    if let Some((name, value)) = pair(texts.first()?) {
        return Some((1, name, value));
    }
    let name = match *first {
        "trace" | "traceid" | "trace_id" | "trace-id" => "trace_id",
        "span" | "spanid" | "span_id" | "span-id" => "span_id",
        "correlation" | "correlationid" | "correlation_id" | "correlation-id" => "correlation_id",
        "request" | "requestid" | "request_id" | "request-id" => "request_id",
        "host" | "hostname" | "machine" | "node" | "pod" => "host",
        _ => return bare(first).map(|name| (1, name.to_owned(), texts[0].to_owned())),
    };
    let skipped = 1 + words[1..].iter().take(3).take_while(|word| matches!(**word, "id" | "is" | "with" | "=")).count();
    let value = words.get(skipped).filter(|value| looks_like_id(value))?;
    (value.len() <= LONGEST).then(|| (skipped + 1, name.to_owned(), texts[skipped].to_owned()))
}

/// `status=500`, `user_id:42`.
fn pair(text: &str) -> Option<(String, String)> {
    let (name, value) = text.split_once(['=', ':'])?;
    let value = value.trim_start_matches('=');
    let is_value = value.chars().all(|c| c.is_alphanumeric() || "_-.".contains(c));
    (is_value && is_field(name, value)).then(|| (name.to_owned(), value.to_owned()))
}

/// Whether a search can ask for this field and this value.
pub(super) fn is_field(name: &str, value: &str) -> bool {
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.".contains(&byte));
    is_name && name.len() <= LONGEST && value.len() <= LONGEST && value.contains(char::is_alphanumeric)
}

/// What is an id by its looks alone: a trace's 32 hexadecimal digits, a UUID.
fn bare(word: &str) -> Option<&'static str> {
    let is_hex = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_trace = word.len() == 32 && is_hex(word);
    let lengths: Vec<usize> = word.split('-').map(str::len).collect();
    let is_uuid = lengths == [8, 4, 4, 4, 12] && word.split('-').all(is_hex);
    (is_trace || is_uuid).then_some("trace_id")
}

fn looks_like_id(word: &str) -> bool {
    let is_fit = word.chars().all(|c| c.is_alphanumeric() || "_-.:".contains(c));
    is_fit && word.len() >= 3 && word.contains(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_by_hand() {
        let found = |text: &str| {
            let words: Vec<&str> = text.split(' ').collect();
            find(&words, &words).map(|(used, name, value)| format!("{used} {name}={value}"))
        };
        assert_eq!(found("trace id abc123 x").as_deref(), Some("3 trace_id=abc123"));
        assert_eq!(found("trace_id=4bf92f35").as_deref(), Some("1 trace_id=4bf92f35"));
        assert_eq!(found("correlation job-00ab").as_deref(), Some("2 correlation_id=job-00ab"));
        assert_eq!(found("host web-1").as_deref(), Some("2 host=web-1"));
        assert_eq!(found("http.status:503").as_deref(), Some("1 http.status=503"));
        assert!(found("4bf92f3577b34da6a3ce929d0e0e4736").unwrap().starts_with("1 trace_id"));
        assert!(found("123e4567-e89b-12d3-a456-426614174000").unwrap().starts_with("1 trace_id"));
        for text in ["trace logs", "14:00", "https://example.com/x", "host unreachable", "a:", "=b"] {
            assert_eq!(found(text), None, "{text}");
        }
    }
}
