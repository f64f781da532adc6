//! All users, for administrators.

use highwater_accounts::{Role, UserName};
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Account, MOST, RoleName, accounts};
use crate::{
    call::Call,
    error::Problem,
    identity::Access,
    operation::{Answer, Body, CURSOR, Handle, Operation, Param, Verb, of},
    rates::Class,
    reply::{Response, json_reply},
};

const LIMIT: Param = Param::limit(1000, 100);
const ID: Param = Param::path("id", "The user's id");

const LIST: Operation = Operation {
    verb: Verb::Get,
    paths: &["/api/v1/auth/users"],
    tag: "Accounts",
    about: "All users, by name",
    params: &[LIMIT, CURSOR],
    body: None,
    answer: Answer::new(&[("application/json", Some(of::<Users>))]),
    access: Access::Admin,
    class: Class::Usual,
    handle: Handle::Steps(|call| Box::pin(list(call))),
};

pub(super) const OPERATIONS: &[Operation] = &[
    LIST,
    Operation {
        verb: Verb::Put,
        paths: &["/api/v1/auth/users/{id}"],
        about: "UserChange what a user may do, or whether they may do it",
        params: &[ID],
        body: Some(Body { kinds: &[("application/json", Some(of::<UserChange>))], required: true, most: MOST }),
        answer: Answer::new(&[("application/json", Some(of::<Account>))]),
        handle: Handle::Steps(|call| Box::pin(change(call))),
        ..LIST
    },
    Operation {
        verb: Verb::Post,
        paths: &["/api/v1/auth/users/{id}/reset-password"],
        about: "Give a user a password that must be changed at the next login; it is shown once",
        params: &[ID],
        answer: Answer::new(&[("application/json", Some(of::<NewPassword>))]),
        handle: Handle::Steps(|call| Box::pin(reset(call))),
        ..LIST
    },
];

#[derive(Serialize, JsonSchema)]
struct Users {
    users: Vec<Account>,
    next_cursor: Option<String>,
}

/// What is not said stays as it is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct UserChange {
    #[schemars(with = "Option<RoleName>")]
    role: Option<Role>,
    is_active: Option<bool>,
}

#[derive(Serialize, JsonSchema)]
struct NewPassword {
    password: String,
}

async fn list(call: Call) -> Result<Response, Problem> {
    let limit = call.params.whole(&LIMIT)?.unwrap_or(100);
    let after: Option<UserName> = match call.params.text("cursor")? {
        None => None,
        Some(cursor) => Some(
            cursor
                .parse()
                .map_err(|_| Problem::bad_parameter("cursor", cursor, "the next_cursor of the page before"))?,
        ),
    };
    let most = u32::try_from(limit).unwrap_or(u32::MAX);
    let mut users = accounts(&call)?.users(after.as_ref(), most + 1).await.map_err(Problem::accounts)?;
    let is_more = users.len() > limit;
    users.truncate(limit);
    let next_cursor = users.last().filter(|_| is_more).map(|user| user.name.to_string());
    Ok(json_reply(StatusCode::OK, &Users { users: users.into_iter().map(Account::from).collect(), next_cursor }))
}

async fn change(mut call: Call) -> Result<Response, Problem> {
    let UserChange { role, is_active } = call.json(r#"{"role": "admin"}"#).await?;
    let (accounts, id) = (accounts(&call)?, call.params.segment("id"));
    if let Some(role) = role {
        accounts.set_role(id, role).await.map_err(Problem::accounts)?;
    }
    if let Some(active) = is_active {
        accounts.set_active(id, active).await.map_err(Problem::accounts)?;
    }
    let user = accounts.user(id).await.map_err(Problem::accounts)?;
    let user = user.ok_or_else(|| Problem::not_found("no such user"))?;
    Ok(json_reply(StatusCode::OK, &Account::from(user)))
}

async fn reset(call: Call) -> Result<Response, Problem> {
    let password = accounts(&call)?.reset_password(call.params.segment("id")).await.map_err(Problem::accounts)?;
    Ok(json_reply(StatusCode::OK, &NewPassword { password: password.reveal().to_owned() }))
}
