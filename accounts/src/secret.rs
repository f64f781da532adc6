//! Passwords and tokens, in no text by accident.

use std::fmt;

use serde::{Deserialize, Deserializer};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::error::Error;

/// Letters and digits that nobody takes for one another; as many as five bits can tell apart.
const LEGIBLE: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz123456789";

/// A password or a token. It leaves memory when it is dropped, and its `Debug` does not show it.
///
/// ```
/// use highwater_accounts::Secret;
///
/// let password = Secret::from("correct horse battery".to_owned());
/// assert_eq!(format!("{password:?}"), "Secret(..)");
/// assert_eq!(password.reveal(), "correct horse battery");
/// ```
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// What it is, for whoever it belongs to.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// A password to be typed once: 100 random bits.
    pub(crate) fn password() -> Result<Secret, Error> {
        let random = random::<20>()?;
        let letters = random.iter().map(|byte| char::from(LEGIBLE[usize::from(byte % 32)]));
        Ok(Secret(Zeroizing::new(letters.collect())))
    }
}

/// Bytes that nobody can guess.
pub(crate) fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, Error> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(bytes.as_mut()).map_err(|cause| highwater_metadata::Error::Random(cause.to_string()))?;
    Ok(bytes)
}

impl From<String> for Secret {
    fn from(text: String) -> Secret {
        Secret(Zeroizing::new(text))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("Secret(..)")
    }
}

impl PartialEq for Secret {
    /// In a time that tells at most the length.
    fn eq(&self, other: &Secret) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Secret {}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
        String::deserialize(from).map(Secret::from)
    }
}
