//! What an API token looks like: `hw_`, 64 hexadecimal digits that are random, and 8 that are the checksum of all before.
//!
//! The checksum is no secret. By it, whoever finds such a text knows that it is a token of ours and whole, and a slip of
//! the hand is told from a token that was revoked.

use highwater_metadata::hexadecimal;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::{
    error::Error,
    secret::{Secret, random},
};

/// By which it is told from an access token, and found by scanners for secrets: `hw_[0-9a-f]{72}`.
pub(crate) const PREFIX: &str = "hw_";

const RANDOM_DIGITS: usize = 64;
const CHECKSUM_DIGITS: usize = 8;

/// A new token.
pub(crate) fn generate() -> Result<Secret, Error> {
    let random = Zeroizing::new(hexadecimal(random::<32>()?.as_ref()));
    let body = Zeroizing::new(format!("{PREFIX}{}", random.as_str()));
    Ok(Secret::from(format!("{}{}", body.as_str(), checksum(&body))))
}

/// What the database keeps of a token, if it is one. 256 random bits need no salt and no slow hash.
pub(crate) fn digest(token: &str) -> Option<String> {
    let digits = token.strip_prefix(PREFIX)?;
    if digits.len() != RANDOM_DIGITS + CHECKSUM_DIGITS || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let (body, found) = token.split_at(token.len() - CHECKSUM_DIGITS);
    (checksum(body) == found).then(|| hexadecimal(&Sha256::digest(token)))
}

fn checksum(body: &str) -> String {
    format!("{:08x}", crc32fast::hash(body.as_bytes()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tokens_are_as_scanners_expect_them_and_never_the_same() {
        let (one, other) = (generate().unwrap(), generate().unwrap());
        assert_ne!(one, other);
        for token in [one, other] {
            assert_eq!(token.reveal().len(), 75);
            assert!(digest(token.reveal()).is_some());
            assert!(!token.reveal().contains(char::is_uppercase));
        }
    }

    proptest! {
        #[test]
        fn any_other_digit_is_noticed(place in 0_usize..75, digit in "[0-9a-fA-Z_]") {
            let token = generate().unwrap();
            let mut mistyped = token.reveal().to_owned();
            mistyped.replace_range(place..=place, &digit);
            prop_assert_eq!(digest(&mistyped).is_some(), mistyped == token.reveal());
        }

        #[test]
        fn any_text_is_a_token_or_not(text in "(hw_)?\\PC{0,80}") {
            prop_assert_eq!(digest(&text), None);
        }
    }
}
