//! Who a request comes from.

use jiff::Timestamp;

use crate::{scope::Scopes, user::Role, user_name::UserName};

/// Who a request comes from, as their token showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The user's id.
    pub user: String,
    /// The user's name.
    pub name: UserName,
    /// What the user may do.
    pub role: Role,
    /// What showed it.
    pub credential: Credential,
}

/// What showed who somebody is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// An access token: somebody logged in.
    Session(Session),
    /// An API token: a machine.
    Token {
        /// The token's id.
        id: String,
        /// What it is good for.
        scopes: Scopes,
    },
}

/// What an access token says of the session that it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// Until when the token is taken.
    pub expires_at: Timestamp,
    /// When the password was given: tokens that are renewed keep it.
    pub logged_in_at: Timestamp,
    /// The password was made by somebody else: until it is changed, nothing else may be done.
    pub must_change_password: bool,
    /// Which of the user's sessions: what ends sessions makes it another one.
    pub generation: i64,
}
