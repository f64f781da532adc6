//! Who may do what: users, passwords, access tokens for people, API tokens for machines, roles and scopes.
//!
//! [`Accounts`] keeps them in the metadata store. [`Accounts::authenticate`] says whose a bearer token is, [`allows`]
//! whether they may do what they are about to do; nothing else decides.
//!
//! Each request asks the database: what was revoked a moment ago, by whichever process, is not taken any more.

mod access_token;
mod accounts;
mod api_token;
mod authenticate;
mod error;
mod first_start;
mod hash;
mod hs256;
mod identity;
mod login;
mod permission;
mod scope;
mod secret;
mod signing_keys;
mod tokens;
mod user;
mod user_name;
mod users;

pub use accounts::{AccountSettings, Accounts};
pub use error::{Error, Rejection};
pub use first_start::FirstAdmin;
pub use identity::{Credential, Identity, Session};
pub use login::{Login, PASSWORD_CHARS};
pub use permission::{Action, Refusal, allows};
pub use scope::{Scope, Scopes};
pub use secret::Secret;
pub use tokens::{ApiToken, NewToken};
pub use user::{Role, User};
pub use user_name::UserName;
pub use users::NewUser;
