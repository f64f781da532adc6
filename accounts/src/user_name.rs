//! What a user may be called.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::error::Error;

const MAX_CHARS: usize = 64;

/// A user's name: lower-case ASCII letters, digits and `. _ - @ +`, of which the first is a letter or a digit; 64
/// characters at most. Upper-case letters are taken for lower-case ones, so no two names look alike.
///
/// ```
/// use highwater_accounts::UserName;
///
/// assert_eq!("Ada.L@example.com".parse::<UserName>()?.as_str(), "ada.l@example.com");
/// assert!("'; DROP TABLE users; --".parse::<UserName>().is_err());
/// # Ok::<(), highwater_accounts::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserName(String);

impl UserName {
    /// As it is kept.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UserName {
    type Err = Error;

    fn from_str(text: &str) -> Result<UserName, Error> {
        let name = text.to_ascii_lowercase();
        let alphanumeric = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if !name.as_bytes().first().is_some_and(alphanumeric) {
            return Err(Error::invalid("name", "must begin with a letter or a digit, of ASCII"));
        }
        if !name.bytes().all(|byte| alphanumeric(&byte) || b"._-@+".contains(&byte)) {
            return Err(Error::invalid("name", "may have ASCII letters, digits and . _ - @ + alone"));
        }
        if name.len() > MAX_CHARS {
            return Err(Error::invalid("name", format!("longer than {MAX_CHARS} characters")));
        }
        Ok(UserName(name))
    }
}

impl TryFrom<String> for UserName {
    type Error = Error;

    fn try_from(text: String) -> Result<UserName, Error> {
        text.parse()
    }
}

impl From<UserName> for String {
    fn from(name: UserName) -> String {
        name.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.0)
    }
}
