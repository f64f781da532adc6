//! `/searches`: searches under a name, each user's own.

use highwater_accounts::Action;
use highwater_engine::Timestamp;
use highwater_metadata::{SavedSearch, SavedSearches};
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::{
    call::Call,
    error::Problem,
    identity::{Access, Identity},
    operation::{Answer, Body, CURSOR, Handle, Operation, Param, Verb, of},
    rates::Class,
    reply::{Response, json_reply, nothing, time},
};

const LIMIT: Param = Param::limit(1000, 100);
const ID: Param = Param::path("id", "The search's id");
const EXAMPLE: &str = r#"{"name": "slow payments", "query": {"query": "service:payment AND latency_ms:>500"}}"#;
const WANTED: Option<Body> =
    Some(Body { kinds: &[("application/json", Some(of::<WantedSearch>))], required: true, most: Some(72 << 10) });

const LIST: Operation = Operation {
    verb: Verb::Get,
    paths: &["/api/v1/searches"],
    tag: "Logs",
    about: "Your saved searches, by name",
    params: &[LIMIT, CURSOR],
    body: None,
    answer: Answer::new(&[("application/json", Some(of::<SearchList>))]),
    access: Access::Read,
    class: Class::Usual,
    handle: Handle::Steps(|call| Box::pin(list(call))),
};

pub(crate) const OPERATIONS: &[Operation] = &[
    LIST,
    Operation {
        verb: Verb::Post,
        about: "Save a search under a name",
        params: &[],
        body: WANTED,
        answer: Answer { status: 201, about: "The search", ..Answer::new(&[("application/json", Some(of::<Saved>))]) },
        access: Access::Write,
        handle: Handle::Steps(|call| Box::pin(create(call))),
        ..LIST
    },
    Operation {
        verb: Verb::Put,
        paths: &["/api/v1/searches/{id}"],
        about: "Put another search in its place",
        params: &[ID],
        body: WANTED,
        answer: Answer::new(&[("application/json", Some(of::<Saved>))]),
        access: Access::Write,
        handle: Handle::Steps(|call| Box::pin(replace(call))),
        ..LIST
    },
    Operation {
        verb: Verb::Delete,
        paths: &["/api/v1/searches/{id}"],
        about: "Forget a search",
        params: &[ID],
        answer: Answer { status: 204, about: "It is gone", ..Answer::new(&[]) },
        access: Access::Write,
        handle: Handle::Steps(|call| Box::pin(delete(call))),
        ..LIST
    },
];

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WantedSearch {
    /// No two of yours are called the same.
    name: String,
    /// What is looked for, in whatever form the one who asks keeps it.
    query: Json,
}

#[derive(Serialize, JsonSchema)]
struct Saved {
    id: String,
    name: String,
    query: Json,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Serialize, JsonSchema)]
struct SearchList {
    searches: Vec<Saved>,
    next_cursor: Option<String>,
}

impl From<SavedSearch> for Saved {
    fn from(search: SavedSearch) -> Self {
        Saved {
            id: search.id,
            name: search.name,
            query: search.query,
            created_at: time(search.created_at),
            updated_at: time(search.updated_at),
        }
    }
}

fn store(call: &Call) -> Result<SavedSearches, Problem> {
    let metadata = call.state.metadata.clone();
    metadata.map(SavedSearches::new).ok_or_else(|| Problem::unavailable("this process keeps no searches"))
}

async fn list(call: Call) -> Result<Response, Problem> {
    let limit = call.params.whole(&LIMIT)?.unwrap_or(100);
    let most = u32::try_from(limit).unwrap_or(u32::MAX);
    let found = store(&call)?.list(call.identity.owner(), call.params.text("cursor")?, most + 1).await;
    let mut found = found.map_err(Problem::metadata)?;
    let is_more = found.len() > limit;
    found.truncate(limit);
    let next_cursor = found.last().filter(|_| is_more).map(|search| search.name.clone());
    Ok(json_reply(StatusCode::OK, &SearchList { searches: found.into_iter().map(Saved::from).collect(), next_cursor }))
}

async fn create(mut call: Call) -> Result<Response, Problem> {
    let WantedSearch { name, query } = call.json(EXAMPLE).await?;
    let saved = store(&call)?.create(call.identity.owner(), &name, &query).await.map_err(Problem::metadata)?;
    Ok(json_reply(StatusCode::CREATED, &Saved::from(saved)))
}

async fn replace(mut call: Call) -> Result<Response, Problem> {
    let WantedSearch { name, query } = call.json(EXAMPLE).await?;
    let (store, id) = (store(&call)?, call.params.segment("id"));
    check_own(&store, &call.identity, id).await?;
    let saved = store.replace(id, &name, &query).await.map_err(Problem::metadata)?.ok_or_else(none)?;
    Ok(json_reply(StatusCode::OK, &Saved::from(saved)))
}

async fn delete(call: Call) -> Result<Response, Problem> {
    let (store, id) = (store(&call)?, call.params.segment("id"));
    check_own(&store, &call.identity, id).await?;
    if !store.delete(id).await.map_err(Problem::metadata)? {
        return Err(none());
    }
    Ok(nothing())
}

/// The search is one of who asks, or who asks is an administrator.
async fn check_own(store: &SavedSearches, identity: &Identity, id: &str) -> Result<(), Problem> {
    let search = store.get(id).await.map_err(Problem::metadata)?.ok_or_else(none)?;
    identity.may(Action::Change { owner: &search.owner })
}

fn none() -> Problem {
    Problem::not_found("no such search")
}
