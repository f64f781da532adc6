//! What may go wrong with accounts. No text of an error holds a secret.

use highwater_metadata::Error as MetadataError;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What is given is not taken.
    #[error("{field}: {problem}")]
    Invalid {
        /// Of what is given.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// Another user has the name.
    #[error("name: is taken")]
    NameTaken,
    /// The name is not a user's, or the password is not that user's, or the user may not log in. Which of these is told
    /// to nobody.
    #[error("unknown user or wrong password")]
    Credentials,
    /// The bearer token shows nobody.
    #[error(transparent)]
    Unauthenticated(#[from] Rejection),
    /// There is no such user.
    #[error("no such user")]
    NoSuchUser,
    /// Somebody must be left who can administer.
    #[error("this is the last active administrator")]
    LastAdmin,
    /// The user has as many API tokens as one may have.
    #[error("no more than {0} API tokens of one user are kept; revoke some first")]
    TooManyTokens(u32),
    /// A password cannot be hashed, or the hash that is kept is not one.
    #[error("password hashing: {0}")]
    Hash(String),
    /// An access token cannot be signed.
    #[error("access token: {0}")]
    Sign(jsonwebtoken::errors::Error),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] MetadataError),
}

/// Why a bearer token shows nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// It is not one, or not whole: mistyped, cut off, signed in a way that is not ours.
    #[error("the token is malformed")]
    Malformed,
    /// It is one, and not ours: made up, revoked, or signed by a key that is gone.
    #[error("the token is not known, or was revoked")]
    Unknown,
    /// It was ours until a while ago.
    #[error("the token has expired")]
    Expired,
    /// The user may not do anything any more.
    #[error("the user is not active")]
    Inactive,
}

impl Error {
    pub(crate) fn invalid(field: &'static str, problem: impl Into<String>) -> Error {
        Error::Invalid { field, problem: problem.into() }
    }

    pub(crate) fn stored(what: &'static str) -> Error {
        Error::Database(MetadataError::Stored(what.into()))
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Error {
        Error::Database(error.into())
    }
}
