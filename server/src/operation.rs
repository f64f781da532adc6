//! [`Operation`]: everything that is known of one call, in one place. Routing, parameters, limits and the OpenAPI
//! document all come from it.

use std::{future::Future, pin::Pin};

use highwater_engine::Snapshot;
use highwater_logstore::LogStore;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::{call::Call, error::Problem, identity::Access, rates::Class, reply::Response};

/// What one address does with one method.
#[derive(Clone, Copy)]
pub(crate) struct Operation {
    pub(crate) verb: Verb,
    /// Where it is found; `{name}` stands for one segment. The first is the one that metrics and documents call it by.
    pub(crate) paths: &'static [&'static str],
    /// What documents list it under.
    pub(crate) tag: &'static str,
    /// What it does, in a line.
    pub(crate) about: &'static str,
    pub(crate) params: &'static [Param],
    pub(crate) body: Option<Body>,
    pub(crate) answer: Answer,
    /// Who may.
    pub(crate) access: Access,
    /// How often.
    pub(crate) class: Class,
    pub(crate) handle: Handle,
}

/// The methods there are; GET is HEAD, too, except where the answer goes on for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Post,
    Put,
    Delete,
}

impl Verb {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Verb::Get => "GET",
            Verb::Post => "POST",
            Verb::Put => "PUT",
            Verb::Delete => "DELETE",
        }
    }
}

/// How an answer is made.
#[derive(Clone, Copy)]
pub(crate) enum Handle {
    /// At once.
    Now(fn(&Call) -> Result<Response, Problem>),
    /// From all views as of one epoch, on a thread that may take its time.
    Views(fn(&Call, &Snapshot) -> Result<Response, Problem>),
    /// The same, where nothing but the address and the epoch matters: as JSON.
    Rows(fn(&Call, &Snapshot) -> Result<Vec<u8>, Problem>),
    /// From the log store and the views, on a thread that may take its time.
    Logs(fn(&Call, &LogStore, &Snapshot) -> Result<Response, Problem>),
    /// Step by step.
    Steps(fn(Call) -> Steps),
    /// The same, of an answer that goes on until one side ends it.
    Stream(fn(Call) -> Steps),
}

pub(crate) type Steps = Pin<Box<dyn Future<Output = Result<Response, Problem>> + Send>>;

pub(crate) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// The schema of a type.
pub(crate) fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// The schema of text that has JSON in it, piece by piece: an event or a line each.
pub(crate) fn pieces_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    let piece = generator.subschema_for::<T>();
    json_schema!({ "type": "string", "contentMediaType": "application/json", "contentSchema": piece })
}

/// A request's body.
#[derive(Clone, Copy)]
pub(crate) struct Body {
    /// What it may be, by media type; none: text of any kind.
    pub(crate) kinds: &'static [(&'static str, Option<SchemaOf>)],
    pub(crate) required: bool,
    /// Most bytes; none where that is configured.
    pub(crate) most: Option<usize>,
}

/// What is answered where all is well.
#[derive(Clone, Copy)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) about: &'static str,
    /// What it is, by media type; none: text of any kind.
    pub(crate) kinds: &'static [(&'static str, Option<SchemaOf>)],
    /// Headers that belong to it alone.
    pub(crate) headers: &'static [(&'static str, &'static str)],
    /// Another status with the same body.
    pub(crate) also: Option<(u16, &'static str)>,
}

/// The epoch that an answer out of views is consistent with.
pub(crate) const EPOCH: &[(&str, &str)] = &[("X-Highwater-Epoch", "The epoch that the answer is consistent with")];

impl Operation {
    /// Whether it changes something that the audit log is to tell of.
    pub(crate) fn is_audited(&self) -> bool {
        self.verb != Verb::Get && !matches!(self.access, Access::Read | Access::Ingest)
    }

    /// Whether it answers HEAD, too.
    pub(crate) fn has_head(&self) -> bool {
        self.verb == Verb::Get && !matches!(self.handle, Handle::Stream(_))
    }
}

impl Answer {
    /// JSON that is consistent with one epoch.
    pub(crate) const fn at_epoch(kinds: &'static [(&'static str, Option<SchemaOf>)]) -> Self {
        Answer { headers: EPOCH, ..Answer::new(kinds) }
    }

    pub(crate) const fn new(kinds: &'static [(&'static str, Option<SchemaOf>)]) -> Self {
        Answer { status: 200, about: "As asked for", kinds, headers: &[], also: None }
    }
}

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum In {
    Path,
    Query,
    Header,
}

/// One parameter: what it may be is checked before its operation sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Param {
    pub(crate) name: &'static str,
    pub(crate) place: In,
    pub(crate) about: &'static str,
    pub(crate) kind: Kind,
    /// One that there is out of the box.
    pub(crate) example: Option<&'static str>,
}

/// What a parameter may be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Any text.
    Text,
    /// Any text but the empty one.
    Word,
    /// Any number of texts, each in a parameter of its own or between commas.
    Words,
    /// So many texts at most, none of them empty, each in a parameter of its own.
    Names(usize),
    /// A whole number; and which one where none is given.
    Whole { least: usize, most: usize, usual: Option<usize> },
    /// An RFC 3339 timestamp.
    Time,
    /// A length of time, as `250ms`, `1.5s` or `5m`.
    Length,
    /// Any number of levels, like [`Kind::Words`]: TRACE to FATAL, also WARNING and CRITICAL.
    Levels,
    /// One of these, and which where none is given.
    OneOf(fn() -> Vec<&'static str>, Option<&'static str>),
    /// The `next_cursor` of an answer before.
    Cursor,
    /// Any parameters, whatever their names: they are none of the server's business.
    Anything,
}

impl Param {
    pub(crate) const fn query(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Param { name, place: In::Query, about, kind, example: None }
    }

    pub(crate) const fn path(name: &'static str, about: &'static str) -> Self {
        Param { name, place: In::Path, about, kind: Kind::Word, example: None }
    }

    pub(crate) const fn like(self, example: &'static str) -> Self {
        Param { example: Some(example), ..self }
    }

    pub(crate) const fn limit(most: usize, usual: usize) -> Self {
        Param::query("limit", Kind::Whole { least: 1, most, usual: Some(usual) }, "How many, at most")
    }
}

/// Goes on after the last of a page.
pub(crate) const CURSOR: Param = Param::query("cursor", Kind::Cursor, "`next_cursor` of the page before");
