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
    Session {
        /// Until when it is taken.
        expires_at: Timestamp,
        /// The password was made by somebody else: until it is changed, nothing else may be done.
        must_change_password: bool,
    },
    /// An API token: a machine.
    Token {
        /// The token's id.
        id: String,
        /// What it is good for.
        scopes: Scopes,
    },
}
