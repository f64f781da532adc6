//! API tokens, for machines.

use std::time::Duration;

use highwater_accounts::{Action, ApiToken, NewToken, Scope};
use highwater_engine::Timestamp;
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{MOST, accounts};
use crate::{
    call::Call,
    error::Problem,
    identity::Access,
    operation::{Answer, Body, Handle, Operation, Param, Verb, of},
    rates::Class,
    reply::{Response, json_reply, nothing, time},
};

const LIST: Operation = Operation {
    verb: Verb::Get,
    paths: &["/api/v1/auth/tokens"],
    tag: "Accounts",
    about: "Your API tokens, without what they are shown by",
    params: &[],
    body: None,
    answer: Answer::new(&[("application/json", Some(of::<Tokens>))]),
    access: Access::Myself,
    class: Class::Usual,
    handle: Handle::Steps(|call| Box::pin(list(call))),
};

pub(super) const OPERATIONS: &[Operation] = &[
    LIST,
    Operation {
        verb: Verb::Post,
        about: "Make an API token; it is shown this once",
        body: Some(Body { kinds: &[("application/json", Some(of::<WantedToken>))], required: true, most: MOST }),
        answer: Answer { status: 201, about: "The token", ..Answer::new(&[("application/json", Some(of::<Made>))]) },
        handle: Handle::Steps(|call| Box::pin(create(call))),
        ..LIST
    },
    Operation {
        verb: Verb::Delete,
        paths: &["/api/v1/auth/tokens/{id}"],
        about: "Revoke an API token: from now on it is not taken",
        params: &[Param::path("id", "The token's id")],
        answer: Answer { status: 204, about: "It is gone", ..Answer::new(&[]) },
        handle: Handle::Steps(|call| Box::pin(revoke(call))),
        ..LIST
    },
];

/// What a token is good for.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase", rename = "Scope")]
#[expect(dead_code, reason = "the schema of a scope")]
enum ScopeName {
    Ingest,
    Read,
    Write,
    Admin,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WantedToken {
    /// What for, in your words.
    name: String,
    #[schemars(with = "Vec<ScopeName>")]
    scopes: Vec<Scope>,
    /// Days for which it is taken; for ever where it is not given.
    #[schemars(range(min = 1, max = 36_500))]
    expires_in_days: Option<u16>,
}

#[derive(Serialize, JsonSchema)]
struct Token {
    id: String,
    name: String,
    #[schemars(with = "Vec<ScopeName>")]
    scopes: Vec<Scope>,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    /// To the minute.
    last_used_at: Option<Timestamp>,
}

#[derive(Serialize, JsonSchema)]
struct Tokens {
    tokens: Vec<Token>,
}

#[derive(Serialize, JsonSchema)]
struct Made {
    /// To be shown in the header `Authorization: Bearer ..`; it is kept nowhere.
    token: String,
    #[serde(flatten)]
    about: Token,
}

impl From<ApiToken> for Token {
    fn from(token: ApiToken) -> Self {
        Token {
            id: token.id,
            name: token.name,
            scopes: token.scopes.iter().collect(),
            created_at: time(token.created_at),
            expires_at: token.expires_at.map(time),
            last_used_at: token.last_used_at.map(time),
        }
    }
}

/// The id of who is logged in.
fn user(call: &Call) -> Result<&str, Problem> {
    let known = call.identity.user().ok_or_else(|| Problem::forbidden("log in first: tokens belong to users"))?;
    call.identity.may(Action::ManageAccount { user: &known.user })?;
    Ok(&known.user)
}

async fn list(call: Call) -> Result<Response, Problem> {
    let tokens = accounts(&call)?.tokens(user(&call)?).await.map_err(Problem::accounts)?;
    Ok(json_reply(StatusCode::OK, &Tokens { tokens: tokens.into_iter().map(Token::from).collect() }))
}

async fn create(mut call: Call) -> Result<Response, Problem> {
    let WantedToken { name, scopes, expires_in_days } =
        call.json(r#"{"name": "shipper", "scopes": ["ingest"]}"#).await?;
    let expires_at = expires_in_days.map(|days| {
        let at = Timestamp::now().plus(Duration::from_secs(u64::from(days) * 86_400));
        jiff::Timestamp::from_microsecond(at.as_micros())
    });
    let expires_at = expires_at.transpose().map_err(|_| Problem::bad_request("`expires_in_days` is too far ahead"))?;
    let new = NewToken { name, scopes: scopes.into_iter().collect(), expires_at };
    let (token, secret) = accounts(&call)?.create_token(user(&call)?, new).await.map_err(Problem::accounts)?;
    Ok(json_reply(StatusCode::CREATED, &Made { token: secret.reveal().to_owned(), about: token.into() }))
}

async fn revoke(call: Call) -> Result<Response, Problem> {
    let (accounts, id) = (accounts(&call)?, call.params.segment("id"));
    let none = || Problem::not_found("no such token");
    let token = accounts.token(id).await.map_err(Problem::accounts)?.ok_or_else(none)?;
    call.identity.may(Action::ManageAccount { user: &token.owner })?;
    if !accounts.revoke_token(id).await.map_err(Problem::accounts)? {
        return Err(none());
    }
    Ok(nothing())
}
