//! Registering, logging in and out, and one's own account.

use highwater_accounts::{Action, Identity as Known, NewUser, Role, Secret};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Account, LoggedIn, MOST, accounts, cookie, logged_in, with_cookie};
use crate::{
    body,
    call::Call,
    error::{FieldProblem, Problem},
    identity::Access,
    operation::{Answer, Body, Handle, Operation, Verb, of},
    rates::Class,
    reply::{Response, json_reply, nothing},
};

const ME: Operation = Operation {
    verb: Verb::Get,
    paths: &["/api/v1/auth/me"],
    tag: "Accounts",
    about: "Who you are",
    params: &[],
    body: None,
    answer: Answer::new(&[("application/json", Some(of::<Account>))]),
    access: Access::Myself,
    class: Class::Usual,
    handle: Handle::Steps(|call| Box::pin(me(call))),
};

pub(super) const OPERATIONS: &[Operation] = &[
    ME,
    Operation {
        verb: Verb::Put,
        about: "ProfileChange your e-mail address or your password",
        body: Some(Body { kinds: &[("application/json", Some(of::<ProfileChange>))], required: true, most: MOST }),
        handle: Handle::Steps(|call| Box::pin(change(call))),
        ..ME
    },
    Operation {
        verb: Verb::Post,
        paths: &["/api/v1/auth/register"],
        about: "Make an account; where not everybody may, administrators do",
        body: Some(Body { kinds: &[("application/json", Some(of::<Register>))], required: true, most: MOST }),
        answer: Answer { status: 201, about: "The account", ..ME.answer },
        access: Access::Anyone,
        class: Class::Register,
        handle: Handle::Steps(|call| Box::pin(register(call))),
        ..ME
    },
    Operation {
        verb: Verb::Post,
        paths: &["/api/v1/auth/login"],
        about: "Log in, by name and password",
        body: Some(Body {
            kinds: &[
                ("application/json", Some(of::<Credentials>)),
                ("application/x-www-form-urlencoded", Some(of::<Credentials>)),
            ],
            required: true,
            most: MOST,
        }),
        answer: Answer::new(&[("application/json", Some(of::<LoggedIn>))]),
        access: Access::Anyone,
        class: Class::Login,
        handle: Handle::Steps(|call| Box::pin(login(call))),
        ..ME
    },
    Operation {
        verb: Verb::Post,
        paths: &["/api/v1/auth/refresh"],
        about: "Renew your session: another access token, for as long as sessions may be renewed",
        answer: Answer::new(&[("application/json", Some(of::<LoggedIn>))]),
        handle: Handle::Steps(|call| Box::pin(refresh(call))),
        ..ME
    },
    Operation {
        verb: Verb::Post,
        paths: &["/api/v1/auth/logout"],
        about: "End all your sessions",
        answer: Answer { status: 204, about: "You are out", ..Answer::new(&[]) },
        handle: Handle::Steps(|call| Box::pin(logout(call))),
        ..ME
    },
];

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Credentials {
    username: String,
    #[schemars(with = "String")]
    password: Secret,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Register {
    /// Letters and digits of ASCII and `. _ - @ +`, 64 at most; small letters and capitals are the same.
    username: String,
    /// 12 to 128 characters, and not the name.
    #[schemars(with = "String")]
    password: Secret,
    email: Option<String>,
}

/// What is not said stays as it is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ProfileChange {
    email: Option<String>,
    /// The password as it is; needed for a new one.
    #[schemars(with = "Option<String>")]
    current_password: Option<Secret>,
    #[schemars(with = "Option<String>")]
    new_password: Option<Secret>,
}

async fn register(mut call: Call) -> Result<Response, Problem> {
    let accounts = accounts(&call)?;
    if !call.state.open_registration {
        call.identity.may(Action::Administer)?;
    }
    let Register { username, password, email } =
        call.json(r#"{"username": "ada", "password": "correct horse battery"}"#).await?;
    let name = username.parse().map_err(Problem::accounts)?;
    let user = accounts.create_user(NewUser { name, email, password }, Role::User).await.map_err(Problem::accounts)?;
    Ok(json_reply(StatusCode::CREATED, &Account::from(user)))
}

async fn login(mut call: Call) -> Result<Response, Problem> {
    let accounts = accounts(&call)?;
    let example = r#"{"username": "ada", "password": "correct horse battery"}"#;
    let is_form = body::media_type(&call.headers).as_deref() == Some("application/x-www-form-urlencoded");
    let bytes = call.bytes().await?;
    let is_json = bytes.trim_ascii_start().first() == Some(&b'{');
    let Credentials { username, password } = if is_form && !is_json {
        serde_urlencoded::from_bytes(&bytes).map_err(|_| {
            Problem::bad_request("the form has the fields `username` and `password`, once each, and no others")
        })?
    } else {
        body::is_json(&call.headers)?;
        body::read_json(&bytes, example)?
    };
    let login = accounts.login(&username, &password).await.map_err(Problem::accounts)?;
    Ok(logged_in(&call.state, login))
}

/// What was shown is taken until it expires, too: others may be under way with it.
async fn refresh(call: Call) -> Result<Response, Problem> {
    call.identity.may(Action::KeepSession)?;
    let known = call.identity.user().ok_or_else(nobody)?;
    let login = accounts(&call)?.renew(known).await.map_err(Problem::accounts)?;
    Ok(logged_in(&call.state, login))
}

async fn logout(call: Call) -> Result<Response, Problem> {
    if let Some(known) = call.identity.user() {
        call.identity.may(Action::KeepSession)?;
        accounts(&call)?.end_sessions(&known.user).await.map_err(Problem::accounts)?;
    }
    Ok(with_cookie(nothing(), &cookie(&call.state, "", 0)))
}

async fn me(call: Call) -> Result<Response, Problem> {
    let Some(Known { user, .. }) = call.identity.user() else {
        return Ok(json_reply(StatusCode::OK, &unnamed(&call)));
    };
    let user = accounts(&call)?.user(user).await.map_err(Problem::accounts)?;
    let user = user.ok_or_else(|| Problem::not_found("no such user"))?;
    Ok(json_reply(StatusCode::OK, &Account::from(user)))
}

fn nobody() -> Problem {
    Problem::forbidden("log in first: nobody is logged in")
}

/// Where nobody needs to log in.
fn unnamed(call: &Call) -> Account {
    let role = if call.identity.check(Access::Admin).is_ok() { Role::Admin } else { Role::User };
    Account {
        id: None,
        username: call.identity.name().to_owned(),
        email: None,
        role,
        is_active: true,
        must_change_password: false,
        created_at: None,
        last_login_at: None,
    }
}

/// A new password ends all sessions but the one that it answers with.
async fn change(mut call: Call) -> Result<Response, Problem> {
    let accounts = accounts(&call)?;
    let ProfileChange { email, current_password, new_password } =
        call.json(r#"{"current_password": "..", "new_password": ".."}"#).await?;
    let Known { user, .. } = call.identity.user().cloned().ok_or_else(nobody)?;
    if let Some(email) = email {
        call.identity.may(Action::ManageAccount { user: &user })?;
        accounts
            .set_email(&user, Some(email.as_str()).filter(|email| !email.is_empty()))
            .await
            .map_err(Problem::accounts)?;
    }
    let Some(new) = new_password else { return me(call).await };
    call.identity.may(Action::ChangePassword)?;
    let Some(current) = current_password else {
        let what = "is needed for a new one".to_owned();
        return Err(Problem::invalid(vec![FieldProblem { field: "current_password".to_owned(), what }]));
    };
    let login = accounts.change_password(&user, &current, &new).await.map_err(Problem::accounts)?;
    let cookie = cookie(&call.state, login.access_token.reveal(), login.expires_in.as_secs());
    Ok(with_cookie(json_reply(StatusCode::OK, &Account::from(login.user)), &cookie))
}
