//! Who may do what: one pure function.

use crate::{
    identity::{Credential, Identity, Session},
    scope::Scope,
    user::Role,
};

/// What somebody is about to do.
///
/// | action | role | scope of an API token |
/// |---|---|---|
/// | `Ingest` | any | `ingest` |
/// | `Read` | any | `read` |
/// | `Create` | any | `write` |
/// | `Change` | the owner, or an administrator | `write` for what is one's own, else `admin` |
/// | `ManageAccount` | the user, or an administrator | `admin` |
/// | `Administer` | an administrator | `admin` |
/// | `SeeSelf` | any | any |
/// | `ChangePassword` | any | none: a session alone |
/// | `KeepSession` | any | none: a session alone |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action<'a> {
    /// Send logs.
    Ingest,
    /// Read logs, views, rules, alerts.
    Read,
    /// Make something of one's own, or act on an alert.
    Create,
    /// Change or delete what belongs to somebody.
    Change {
        /// That user's id.
        owner: &'a str,
    },
    /// Change what the account of a user is: their profile, their API tokens.
    ManageAccount {
        /// That user's id.
        user: &'a str,
    },
    /// See and change all users, settings, limits, the audit log.
    Administer,
    /// See who one is.
    SeeSelf,
    /// Change one's own password.
    ChangePassword,
    /// Renew one's own session, or end it.
    KeepSession,
}

/// Why somebody may not do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The password was made by somebody else.
    #[error("the password must be changed first")]
    PasswordMustChange,
    /// The API token is not good for it.
    #[error("the API token lacks the scope `{0}`")]
    Scope(Scope),
    /// No API token is good for it.
    #[error("this needs a login, not an API token")]
    Session,
    /// It belongs to somebody else.
    #[error("only its owner or an administrator may do this")]
    Owner,
    /// The user is no administrator.
    #[error("only an administrator may do this")]
    Role,
}

/// Whether somebody may do something, and if not, why.
///
/// ```
/// use highwater_accounts::{Action, Credential, Identity, Refusal, Role, Scope, allows};
///
/// let shipper = Identity {
///     user: "ada's id".into(),
///     name: "ada".parse()?,
///     role: Role::User,
///     credential: Credential::Token { id: "1".into(), scopes: "ingest".parse()? },
/// };
/// assert_eq!(allows(&shipper, Action::Ingest), Ok(()));
/// assert_eq!(allows(&shipper, Action::Read), Err(Refusal::Scope(Scope::Read)));
/// # Ok::<(), highwater_accounts::Error>(())
/// ```
pub fn allows(identity: &Identity, action: Action<'_>) -> Result<(), Refusal> {
    by_credential(identity, action)?;
    let admin = identity.role == Role::Admin;
    match action {
        Action::Change { owner } | Action::ManageAccount { user: owner } if owner != identity.user && !admin => {
            Err(Refusal::Owner)
        }
        Action::Administer if !admin => Err(Refusal::Role),
        _ => Ok(()),
    }
}

fn by_credential(identity: &Identity, action: Action<'_>) -> Result<(), Refusal> {
    match &identity.credential {
        Credential::Session(Session { must_change_password: true, .. }) => match action {
            Action::SeeSelf | Action::ChangePassword | Action::KeepSession => Ok(()),
            _ => Err(Refusal::PasswordMustChange),
        },
        Credential::Session(Session { must_change_password: false, .. }) => Ok(()),
        Credential::Token { scopes, .. } => {
            let wanted = match action {
                Action::Ingest => Scope::Ingest,
                Action::Read => Scope::Read,
                Action::Create => Scope::Write,
                Action::Change { owner } if owner == identity.user => Scope::Write,
                Action::Change { .. } | Action::ManageAccount { .. } | Action::Administer => Scope::Admin,
                Action::SeeSelf => return Ok(()),
                Action::ChangePassword | Action::KeepSession => return Err(Refusal::Session),
            };
            if scopes.include(wanted) { Ok(()) } else { Err(Refusal::Scope(wanted)) }
        }
    }
}
