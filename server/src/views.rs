//! `/views`: what queries publish, as rows of one epoch.

use highwater_engine::{Epoch, Record, RowFilter, Snapshot, Timestamp};
use schemars::{JsonSchema, Schema};
use serde::Serialize;
use serde_json::Value as Json;

use crate::{
    call::Call,
    error::Problem,
    identity::Access,
    operation::{Answer, CURSOR, Handle, Kind, Operation, Param, Verb, of},
    rates::Class,
};

const VIEWS_LIMIT: Param = Param::limit(1000, 100);
const ROWS_LIMIT: Param = Param::limit(10_000, 100);
pub(crate) const NAME: Param = Param::path("name", "The view").like("service_stats_1m");

const VIEWS: Operation = Operation {
    verb: Verb::Get,
    paths: &["/api/v1/views"],
    tag: "Views",
    about: "Every view, with the schemas of its keys and values",
    params: &[VIEWS_LIMIT, CURSOR],
    body: None,
    answer: Answer::at_epoch(&[("application/json", Some(of::<Views>))]),
    access: Access::Read,
    class: Class::Lookup,
    handle: Handle::Rows(list),
};

pub(crate) const OPERATIONS: &[Operation] = &[
    VIEWS,
    Operation {
        paths: &["/api/v1/views/{name}"],
        about: "Rows of a view as of one epoch",
        params: &[
            NAME,
            Param::query("key", Kind::Text, "Only rows of this key; one that is no text, as JSON"),
            Param::query("prefix", Kind::Text, "Only rows whose key begins so"),
            Param::query("from", Kind::Time, "Only windows that start then or later"),
            Param::query("to", Kind::Time, "Only windows that start before"),
            ROWS_LIMIT,
            CURSOR,
        ],
        answer: Answer::at_epoch(&[("application/json", Some(of::<Rows<'_>>))]),
        handle: Handle::Rows(rows),
        ..VIEWS
    },
];

#[derive(Serialize, JsonSchema)]
struct Views {
    epoch: Epoch,
    views: Vec<View>,
    next_cursor: Option<String>,
}

/// What a query publishes.
#[derive(Serialize, JsonSchema)]
struct View {
    name: String,
    /// Whether rows belong to windows.
    windowed: bool,
    /// The JSON Schema of keys.
    key_schema: Schema,
    /// The JSON Schema of values.
    value_schema: Schema,
    /// How many rows it has.
    rows: usize,
    /// The epoch that changed it last.
    last_change: Epoch,
}

#[derive(Serialize, JsonSchema)]
struct Rows<'a> {
    view: &'a str,
    epoch: Epoch,
    rows: Vec<Row<'a>>,
    next_cursor: Option<String>,
}

/// A row; of a view with windows, of one of them.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Row<'a> {
    /// As the view's `key_schema` has it.
    key: &'a Json,
    /// As the view's `value_schema` has it.
    value: &'a Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    window_start: Option<Timestamp>,
}

/// A row that came (+1) or went (-1).
#[derive(Serialize, JsonSchema)]
pub(crate) struct Change<'a> {
    #[serde(flatten)]
    row: Row<'a>,
    #[schemars(range(min = -1, max = 1))]
    diff: i8,
}

fn list(call: &Call, snapshot: &Snapshot) -> Result<Vec<u8>, Problem> {
    let (views, next_cursor) = call.params.page(&VIEWS_LIMIT)?.cut(snapshot.views().collect());
    let views = views.into_iter().map(|view| View {
        name: view.name().to_string(),
        windowed: view.is_windowed(),
        key_schema: view.key_schema(),
        value_schema: view.value_schema(),
        rows: view.len(),
        last_change: view.last_change(),
    });
    written(&Views { epoch: snapshot.epoch, views: views.collect(), next_cursor })
}

fn rows(call: &Call, snapshot: &Snapshot) -> Result<Vec<u8>, Problem> {
    let (params, name) = (&call.params, call.params.segment(NAME.name));
    let view = snapshot.view(name).ok_or_else(|| missing(name))?;
    let filter = RowFilter {
        key: params.text("key")?.map(str::to_owned),
        prefix: params.text("prefix")?.map(str::to_owned),
        from: params.timestamp("from")?,
        to: params.timestamp("to")?,
        after: params.place()?,
    };
    for bound in ["from", "to"] {
        if let Some(text) = params.text(bound)?.filter(|_| !view.is_windowed()) {
            return Err(Problem::bad_parameter(bound, text, "nothing: the rows of this view have no windows"));
        }
    }
    if let (Some(from), Some(to)) = (filter.from, filter.to)
        && from > to
    {
        return Err(Problem::bad_parameter("from", &from.to_string(), &format!("a time not after `to`, {to}")));
    }
    let limit = params.whole(&ROWS_LIMIT)?.ok_or_else(Problem::internal)?;
    let mut rows = view.rows(&filter, limit + 1);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = rows.last().filter(|_| more).map(|last| params.cursor_after(&last.place()));
    let rows = rows.iter().map(row).collect();
    written(&Rows { view: name, epoch: snapshot.epoch, rows, next_cursor })
}

fn written(answer: &impl Serialize) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(answer).map_err(|_| Problem::internal())
}

pub(crate) fn missing(name: &str) -> Problem {
    Problem::not_found(format!("no query publishes a view `{name}`; /api/v1/views lists them"))
}

fn row(record: &Record) -> Row<'_> {
    Row { key: &record.key, value: &record.value, window_start: record.window_start }
}

pub(crate) fn change(record: &Record, diff: i8) -> Change<'_> {
    Change { row: row(record), diff }
}
