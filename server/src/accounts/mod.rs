//! `/auth`: who somebody is. Logging in, one's own account, users and API tokens.

mod session;
mod tokens;
mod users;

use highwater_accounts::{Accounts, Login, Role, User};
use highwater_engine::Timestamp;
use http::{HeaderValue, StatusCode, header};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    call::Call,
    error::Problem,
    identity::COOKIE,
    operation::Operation,
    reply::{Response, json_reply, time},
    state::State,
};

pub(crate) const OPERATIONS: &[&[Operation]] = &[session::OPERATIONS, users::OPERATIONS, tokens::OPERATIONS];

/// Most bytes of a request.
const MOST: Option<usize> = Some(16 << 10);

/// Somebody who may log in.
#[derive(Serialize, JsonSchema)]
struct Account {
    /// None of whoever is at the server's own machine, where nobody needs to log in.
    id: Option<String>,
    username: String,
    email: Option<String>,
    #[schemars(with = "RoleName")]
    role: Role,
    is_active: bool,
    /// Whether somebody else made the password: until it is changed, nothing else may be done.
    must_change_password: bool,
    created_at: Option<Timestamp>,
    last_login_at: Option<Timestamp>,
}

/// What a user may do.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase", rename = "Role")]
#[expect(dead_code, reason = "the schema of a role")]
enum RoleName {
    User,
    Admin,
}

impl From<User> for Account {
    fn from(user: User) -> Self {
        Account {
            id: Some(user.id),
            username: user.name.to_string(),
            email: user.email,
            role: user.role,
            is_active: user.active,
            must_change_password: user.must_change_password,
            created_at: Some(time(user.created_at)),
            last_login_at: user.last_login_at.map(time),
        }
    }
}

/// Somebody is in.
#[derive(Serialize, JsonSchema)]
struct LoggedIn {
    /// To be shown in the header `Authorization: Bearer ..`.
    access_token: String,
    /// `bearer`.
    token_type: &'static str,
    /// Seconds for which the token is taken.
    expires_in: u64,
    user: Account,
}

/// The accounts of the store.
fn accounts(call: &Call) -> Result<Accounts, Problem> {
    call.state.accounts.clone().ok_or_else(|| Problem::unavailable("this process keeps no accounts"))
}

/// A token for a machine, and a cookie for a browser: one that no script and no other site gets at.
fn logged_in(state: &State, login: Login) -> Response {
    let seconds = login.expires_in.as_secs();
    let token = login.access_token.reveal().to_owned();
    let cookie = cookie(state, &token, seconds);
    let body = LoggedIn { access_token: token, token_type: "bearer", expires_in: seconds, user: login.user.into() };
    with_cookie(json_reply(StatusCode::OK, &body), &cookie)
}

fn cookie(state: &State, token: &str, seconds: u64) -> String {
    let secure = if state.has_tls { "; Secure" } else { "" };
    format!("{COOKIE}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}

fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(mut value) = HeaderValue::from_str(cookie) {
        value.set_sensitive(true);
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    response
}
