//! [`mask`]: text without what must not leave the house.

use std::{borrow::Cow, sync::LazyLock};

use regex::{Captures, Regex};

/// Shapes of secrets and what stands in for them, in the order they are looked for.
const SHAPES: [(&str, &str); 8] = [
    (r"(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|$)", "[private key]"),
    // a JWT
    (r"\beyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{4,}\.?[A-Za-z0-9_-]*", "[token]"),
    (r"(?i)\b(bearer|basic|digest)\s+[A-Za-z0-9._~+/=-]{6,}", "${1} [token]"),
    // the ids of access keys, and keys that begin with their maker's mark
    (r"\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,}\b", "[key]"),
    (
        r"\b(?:sk-|pk_|sk_|rk_|gh[opsru]_|github_pat_|glpat-|xox[abeprs]-|AIza|hf_|npm_|dop_v1_|SG\.)[A-Za-z0-9._-]{10,}",
        "[key]",
    ),
    // name and password in a URL
    (r"://[^/\s:@]*:[^/\s@]+@", "://[secret]@"),
    // `password=..`, `"api_key": ".."`
    (
        r#"(?ix)
            (
                (?: password | passwd | passphrase | \bpwd | secret | token | api[_-]?key | access[_-]?key
                  | private[_-]?key | authorization | credentials? | cookie | session[_-]?id )
                [A-Za-z0-9_.-]* \\? ["']? \s* (?: => | [:=] ) \s*
            )
            ( \\["'] [^\\"']* (?:\\["'])? | "(?:[^"\\]|\\.)*"? | '[^']*'? | [^\s,;&"'}\])]+ )"#,
        "${1}[secret]",
    ),
    (r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+", "[email]"),
];

/// What may be the number of a card: 13 to 19 digits, perhaps in groups.
const CARD: &str = r"\b[0-9](?:[ -]?[0-9]){12,18}\b";

struct Shapes {
    secrets: Vec<(Regex, &'static str)>,
    card: Option<Regex>,
}

// that all of them can be read is what a test is for
static READ: LazyLock<Shapes> = LazyLock::new(|| Shapes {
    secrets: SHAPES.iter().filter_map(|(shape, instead)| Some((Regex::new(shape).ok()?, *instead))).collect(),
    card: Regex::new(CARD).ok(),
});

/// The text with private keys, tokens, API keys, passwords, e-mail addresses and card numbers masked. What looks like
/// one is taken for one: better too much than too little.
///
/// ```
/// use highwater_ask::mask;
/// let said = "login of jo@example.com failed: password=hunter2 card 4111 1111 1111 1111";
/// assert_eq!(mask(said), "login of [email] failed: password=[secret] card [card]");
/// ```
pub fn mask(text: &str) -> String {
    let mut masked = Cow::Borrowed(text);
    for (shape, instead) in &READ.secrets {
        if let Cow::Owned(changed) = shape.replace_all(&masked, *instead) {
            masked = Cow::Owned(changed);
        }
    }
    if let Some(card) = &READ.card
        && let Cow::Owned(changed) = card.replace_all(&masked, card_or_number)
    {
        masked = Cow::Owned(changed);
    }
    masked.into_owned()
}

fn card_or_number(found: &Captures<'_>) -> String {
    let number = &found[0];
    if passes_luhn(number) { "[card]".to_owned() } else { number.to_owned() }
}

/// Whether the last digit is the one that checks the others (H. P. Luhn, US patent 2,950,048).
fn passes_luhn(number: &str) -> bool {
    let digits = number.bytes().rev().filter(u8::is_ascii_digit).map(|digit| u32::from(digit - b'0'));
    let sum: u32 = digits
        .enumerate()
        .map(|(place, digit)| match (place % 2, digit * 2) {
            (0, _) => digit,
            (_, twice) if twice > 9 => twice - 9,
            (_, twice) => twice,
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn all_shapes_can_be_read() {
        assert_eq!(READ.secrets.len(), SHAPES.len());
        assert!(READ.card.is_some());
    }

    #[test]
    fn secrets_by_hand() {
        let jwt = concat!("eyJhbGciOiJIUzI1NiJ9", ".eyJzdWIiOiIxMjM0In0", ".dozjgNryP4J3jVmN");
        let aws = concat!("AKIA", "IOSFODNN7EXAMPLE");
        for (text, masked) in [
            (format!("sent {jwt}, done"), "sent [token], done"),
            ("Authorization: Bearer abc.def-123456".into(), "Authorization: [secret] [token]"),
            (format!("key {aws} used"), "key [key] used"),
            (concat!("sk-", "proj-abcdefghijklmnop").into(), "[key]"),
            (concat!("ghp", "_abcdefghijklmnopqrst").into(), "[key]"),
            ("db_password = 'hunter 2' ok".into(), "db_password = [secret] ok"),
            (r#"{"api_key": "abc\"def", "n": 1}"#.into(), r#"{"api_key": [secret], "n": 1}"#),
            (r#"{\"token\":\"abc\"}"#.into(), r#"{\"token\":[secret]}"#),
            ("GET /login?user=jo&password=abc&next=/".into(), "GET /login?user=jo&password=[secret]&next=/"),
            ("postgres://app:s3cret@db:5432/x".into(), "postgres://[secret]@db:5432/x"),
            ("mail to jo.doe+x@mail.example.co.uk bounced".into(), "mail to [email] bounced"),
            (
                "card 4111-1111-1111-1111 and order 4111-1111-1111-1112".into(),
                "card [card] and order 4111-1111-1111-1112",
            ),
            ("-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----\nx".into(), "[private key]\nx"),
            ("-----BEGIN PRIVATE KEY-----\nabc".into(), "[private key]"),
        ] {
            assert_eq!(mask(&text), masked, "{text}");
        }
        for harmless in
            ["payment of 42.00 EUR failed after 3 attempts", "trace 4bf92f3577b34da6a3ce929d0e0e4736", "ü: ok"]
        {
            assert_eq!(mask(harmless), harmless);
        }
    }

    proptest! {
        #[test]
        fn a_secret_is_masked_wherever_it_stands(before in "[a-z :,]{0,20}", after in "[ ,;&][a-z ,=]{0,20}", secret in "[A-Za-z0-9]{8,20}") {
            for name in ["password=", "api_key: ", "secret=\"", "Authorization: Bearer "] {
                let masked = mask(&format!("{before} {name}{secret}{after}"));
                prop_assert!(!masked.contains(&secret), "{}", masked);
            }
        }

        #[test]
        fn any_text_can_be_masked(text in any::<String>()) {
            mask(&text);
        }
    }
}
