//! Password hashes.

use std::{sync::Arc, thread::available_parallelism};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{Error as HashError, PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use tokio::{sync::Semaphore, task::spawn_blocking};

use crate::{error::Error, secret::Secret};

/// argon2id with 19 MiB, two passes and one lane: the first of the settings in OWASP's Password Storage Cheat Sheet
/// that are equal in strength, <https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html>.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Hashes on threads where blocking is allowed, no more at once than there are processors: each takes its memory.
#[derive(Clone, Debug)]
pub(crate) struct Hasher {
    argon2: Argon2<'static>,
    at_once: Arc<Semaphore>,
}

impl Hasher {
    pub(crate) fn new() -> Result<Hasher, Error> {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|cause| Error::Hash(cause.to_string()))?;
        let at_once = available_parallelism().map_or(1, usize::from);
        Ok(Hasher {
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            at_once: Arc::new(Semaphore::new(at_once)),
        })
    }

    /// A new hash, in PHC's form, salted.
    pub(crate) async fn hash(&self, password: &Secret) -> Result<String, Error> {
        let (argon2, password) = (self.argon2.clone(), password.clone());
        self.apart(move || argon2.hash_password(password.reveal().as_bytes()).map(|hash| hash.to_string())).await
    }

    /// Whether the hash is of this password.
    pub(crate) async fn matches(&self, password: &Secret, hash: &str) -> Result<bool, Error> {
        let (argon2, password, hash) = (self.argon2.clone(), password.clone(), hash.to_owned());
        self.apart(move || {
            let hash = PasswordHash::new(&hash).map_err(|_| HashError::EncodingInvalid)?;
            match argon2.verify_password(password.reveal().as_bytes(), &hash) {
                Ok(()) => Ok(true),
                Err(HashError::PasswordInvalid) => Ok(false),
                Err(other) => Err(other),
            }
        })
        .await
    }

    /// Whether the hash was made with other settings than those of today.
    pub(crate) fn is_dated(&self, hash: &str) -> bool {
        let parsed = PasswordHash::new(hash);
        parsed.map_or(true, |hash| !Params::try_from(&hash).is_ok_and(|params| params == *self.argon2.params()))
    }

    async fn apart<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, Error> {
        let failed = |cause: &dyn ToString| Error::Hash(cause.to_string());
        let permit = Arc::clone(&self.at_once).acquire_owned().await.map_err(|cause| failed(&cause))?;
        // The permit goes along: whoever stops waiting does not end the work.
        let done = spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        done.await.map_err(|cause| failed(&cause))?.map_err(|cause| failed(&cause))
    }
}
