//! [`AlertingError`]: what may go wrong.

use highwater_metadata::VaultError;

use crate::{lifecycle::Refusal, problem, problem::Problem};

/// Why something cannot be done. No text of it holds a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AlertingError {
    /// What was given is wrong.
    #[error("{}", problem::joined(.0))]
    Invalid(Vec<Problem>),
    /// There is nothing of this id.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// Somebody else changed it meanwhile.
    #[error("it was changed meanwhile: its version is {current}")]
    Conflict {
        /// Its version now.
        current: u64,
    },
    /// There are as many as there may be.
    #[error("there are {most} {what} already, which is the most there may be")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The limit.
        most: u64,
    },
    /// An alert cannot be treated like this now.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The database fails.
    #[error(transparent)]
    Database(#[from] highwater_metadata::Error),
    /// A secret cannot be sealed or opened.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// What is stored cannot be read.
    #[error("what is stored as {what} {id} cannot be read: {cause}")]
    Stored {
        /// What kind of thing.
        what: &'static str,
        /// Its id.
        id: String,
        /// Why.
        cause: String,
    },
}

impl From<sqlx::Error> for AlertingError {
    fn from(error: sqlx::Error) -> Self {
        AlertingError::Database(error.into())
    }
}

impl From<Problem> for AlertingError {
    fn from(problem: Problem) -> Self {
        AlertingError::Invalid(vec![problem])
    }
}
