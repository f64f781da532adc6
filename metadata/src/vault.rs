//! [`Vault`]: the keys by which secrets are sealed that the database holds. The keys themselves are elsewhere.
//!
//! What is sealed is text, `sealed:1:KEY:..`, where `KEY` is the id of the key and the rest, in base64, a random nonce and
//! what ChaCha20-Poly1305 makes of the secret. It can be opened in the place that it was sealed for, and nowhere else.

use std::{fmt, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD as BASE64};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::{error::Error, id::hexadecimal};

/// How everything that is sealed begins.
pub(crate) const SEALED: &str = "sealed:1:";

/// Bytes of a key.
const KEY_BYTES: usize = 32;

/// Why a secret cannot be sealed, or opened. No text of it holds a secret or a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// What should be keys is none.
    #[error(
        "{source_of_keys}: holds no key: a key is 64 hexadecimal digits, as `openssl rand -hex 32` prints; of several, a line \
         each, the first one seals"
    )]
    Malformed {
        /// Where the keys are.
        source_of_keys: String,
    },
    /// The file with the keys cannot be read or made.
    #[error("{path}: the key of the metadata store's secrets cannot be read or made there: {cause}", path = path.display())]
    Io {
        /// Which file.
        path: std::path::PathBuf,
        /// What the system said.
        #[source]
        cause: std::io::Error,
    },
    /// Something is sealed by a key that is not at hand.
    #[error(
        "secrets in the metadata store are sealed by the key {id}, which {source_of_keys} does not hold: put the key back, or \
         give it as [metadata] key; where it is gone for good, `highwater forget-secrets` lets go of what it sealed"
    )]
    Missing {
        /// The key's id.
        id: String,
        /// Where keys were looked for.
        source_of_keys: String,
    },
    /// What is stored was changed since, or belongs elsewhere.
    #[error(
        "what is sealed at {place} cannot be opened: it was changed, or sealed for another place; restore a backup"
    )]
    Damaged {
        /// Which table, column and row.
        place: String,
    },
    /// The database or the machine fails.
    #[error(transparent)]
    Database(#[from] Error),
}

impl From<sqlx::Error> for VaultError {
    fn from(error: sqlx::Error) -> VaultError {
        VaultError::Database(error.into())
    }
}

/// The keys. Clones are the same.
#[derive(Clone)]
pub struct Vault {
    /// the first one seals
    keys: Arc<[Key]>,
    /// where they are from
    source: Arc<str>,
}

struct Key {
    id: String,
    key: LessSafeKey,
}

impl Vault {
    /// The keys that a text holds, by spaces, commas or lines apart. `source` is what errors call the text.
    ///
    /// # Errors
    /// Where it holds none, or something else.
    pub fn read(text: &str, source: &str) -> Result<Vault, VaultError> {
        let words = text.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty());
        let keys: Option<Arc<[Key]>> = words.map(|word| bytes_of(word).and_then(|bytes| Key::new(&bytes))).collect();
        let keys = keys.filter(|keys| !keys.is_empty());
        let keys = keys.ok_or_else(|| VaultError::Malformed { source_of_keys: source.to_owned() })?;
        Ok(Vault { keys, source: source.into() })
    }

    /// A new key, which is nowhere else: what it seals is gone with this process.
    ///
    /// # Errors
    /// Where the machine gives no random bytes.
    pub fn of_this_process() -> Result<Vault, VaultError> {
        Vault::read(&new_key()?, "the memory of this process")
    }

    /// Seals a secret for a place, such as `rules.config:ID`.
    ///
    /// # Errors
    /// Where the machine gives no random bytes.
    pub fn seal(&self, place: &str, secret: &str) -> Result<String, VaultError> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).map_err(|cause| Error::Random(cause.to_string()))?;
        let Key { id, key } = self.sealing();
        let mut bytes = secret.as_bytes().to_vec();
        let nonce_used = Nonce::assume_unique_for_key(nonce);
        // fails for texts of 256 GiB
        let sealed = key.seal_in_place_append_tag(nonce_used, Aad::from(place.as_bytes()), &mut bytes);
        sealed.map_err(|_| VaultError::Damaged { place: place.to_owned() })?;
        Ok(format!("{SEALED}{id}:{}", BASE64.encode([&nonce[..], &bytes].concat())))
    }

    /// Opens what was sealed for this place.
    ///
    /// # Errors
    /// Where the key is missing, or it is not what was sealed.
    pub fn open(&self, place: &str, sealed: &str) -> Result<Zeroizing<String>, VaultError> {
        let damaged = || VaultError::Damaged { place: place.to_owned() };
        let (id, body) = sealed.strip_prefix(SEALED).and_then(|rest| rest.split_once(':')).ok_or_else(damaged)?;
        let Some(Key { key, .. }) = self.keys.iter().find(|key| key.id == id) else {
            return Err(VaultError::Missing { id: id.to_owned(), source_of_keys: self.source.to_string() });
        };
        let mut bytes = Zeroizing::new(BASE64.decode(body).map_err(|_| damaged())?);
        let (nonce, bytes) = bytes.split_at_mut_checked(NONCE_LEN).ok_or_else(damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| damaged())?;
        let opened = key.open_in_place(nonce, Aad::from(place.as_bytes()), bytes).map_err(|_| damaged())?;
        std::str::from_utf8(opened).map(|text| Zeroizing::new(text.to_owned())).map_err(|_| damaged())
    }

    /// Where the keys are from, in words.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// How all begins that was sealed by the key that seals now.
    pub(crate) fn prefix(&self) -> String {
        format!("{SEALED}{}:", self.sealing().id)
    }

    /// There is one at least.
    fn sealing(&self) -> &Key {
        &self.keys[0]
    }
}

/// Says which keys, and not what they are.
impl fmt::Debug for Vault {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<&str> = self.keys.iter().map(|key| key.id.as_str()).collect();
        write!(to, "Vault({} of {})", ids.join(", "), self.source)
    }
}

impl Key {
    fn new(bytes: &[u8; KEY_BYTES]) -> Option<Key> {
        // a hash of 256 random bits says nothing of them
        let id = hexadecimal(&Sha256::new().chain_update(b"highwater key ").chain_update(bytes).finalize()[..8]);
        let key = LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, bytes).ok()?);
        Some(Key { id, key })
    }
}

/// A new key as text.
pub(crate) fn new_key() -> Result<Zeroizing<String>, Error> {
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    getrandom::fill(bytes.as_mut()).map_err(|cause| Error::Random(cause.to_string()))?;
    Ok(Zeroizing::new(hexadecimal(bytes.as_ref())))
}

fn bytes_of(digits: &str) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
    let is_hexadecimal = digits.len() == 2 * KEY_BYTES && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    for (place, byte) in bytes.iter_mut().enumerate() {
        let pair = digits.get(2 * place..2 * place + 2).filter(|_| is_hexadecimal)?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    fn vault(text: &str) -> Vault {
        Vault::read(text, "a test").unwrap()
    }

    proptest! {
        #[test]
        fn what_is_sealed_is_opened_in_its_place_alone(secret in ".*", place in "[a-z.:]{1,20}", at in 0..10_000_usize) {
            let vault = vault(KEY);
            let sealed = vault.seal(&place, &secret).unwrap();
            prop_assert!(*vault.open(&place, &sealed).unwrap() == secret);
            let elsewhere = format!("{place}x");
            prop_assert!(vault.open(&elsewhere, &sealed).is_err());
            // whatever letter is another one
            let mut letters: Vec<char> = sealed.chars().collect();
            let at = at % letters.len();
            letters[at] = if letters[at] == 'A' { 'B' } else { 'A' };
            prop_assert!(vault.open(&place, &letters.into_iter().collect::<String>()).is_err());
        }
    }

    #[test]
    fn the_same_secret_is_never_sealed_alike() {
        let vault = Vault::of_this_process().unwrap();
        assert_ne!(vault.seal("a", "hunter2").unwrap(), vault.seal("a", "hunter2").unwrap());
        assert!(!vault.seal("a", "hunter2").unwrap().contains("hunter2"));
    }

    #[test]
    fn keys_rotate_and_one_that_is_missing_is_named() {
        let other = KEY.replace("00", "ff");
        let (old, both) = (vault(KEY), vault(&format!("{other}\n{KEY}\n")));
        let sealed = old.seal("a", "hunter2").unwrap();
        assert_eq!(both.open("a", &sealed).unwrap().as_str(), "hunter2");
        assert!(both.seal("a", "x").unwrap().starts_with(&vault(&other).prefix()));
        let error = vault(&other).open("a", &sealed).unwrap_err();
        assert!(matches!(&error, VaultError::Missing { id, .. } if sealed.contains(id.as_str())), "{error}");
        assert!(error.to_string().contains("[metadata] key"), "{error}");
    }

    #[test]
    fn what_is_no_key_is_not_repeated() {
        for text in
            ["", " \n", "hunter2", &KEY[1..], &format!("{KEY}{KEY}"), &format!("{KEY} hunter2"), &"ä".repeat(32)]
        {
            let error = Vault::read(text, "a.key").unwrap_err().to_string();
            assert!(error.starts_with("a.key: ") && !error.contains("hunter2"), "{error}");
        }
        assert!(!format!("{:?}", vault(KEY)).contains("0102"));
    }
}
