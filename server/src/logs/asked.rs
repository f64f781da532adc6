//! What logs are asked for, of a query string or of a JSON body: the same either way.

use highwater_engine::{Level, Timestamp};
use highwater_logstore::{Clause, Cursor, Field, MAX_LIMIT, Order, Predicate, Query, Search, Value};
use highwater_operators::stable_hash;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    error::Problem,
    operation::{CURSOR, Kind, Param},
    params::{Params, RANGES, TIME_RANGE, level_named},
};

pub(super) const QUERY: Param = Param::query(
    "query",
    Kind::Text,
    "What logs say: words, `\"phrases\"`, `field:value`, ranges, AND, OR and NOT; see docs/searching.md",
);
pub(super) const SERVICES: Param = Param::query("service", Kind::Words, "Of any of these services");
pub(super) const LEVELS: Param = Param::query("level", Kind::Levels, "Of any of these levels");
pub(super) const TRACE_ID: Param = Param::query("trace_id", Kind::Word, "Of this trace, or this correlation id");
pub(super) const START: Param = Param::query("start_time", Kind::Time, "Then or later");
pub(super) const END: Param = Param::query("end_time", Kind::Time, "Earlier than this");
/// Of logs there is no range that is meant where none is given.
pub(super) const RANGE: Param = Param {
    kind: match TIME_RANGE.kind {
        Kind::OneOf(choices, _) => Kind::OneOf(choices, None),
        other => other,
    },
    about: "How far back, from `end_time` or from now",
    ..TIME_RANGE
};
pub(super) const SORT: Param =
    Param::query("sort", Kind::OneOf(|| vec!["newest", "oldest"], Some("newest")), "Which come first");
pub(super) const LIMIT: Param = Param::limit(MOST, USUAL);

/// Which logs, whenever they were.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Filter {
    pub(crate) query: String,
    pub(crate) services: Vec<String>,
    pub(crate) levels: Vec<String>,
    pub(crate) trace_id: Option<String>,
}

/// Which logs of which time, and which part of them.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "LogSearch")]
pub(crate) struct Asked {
    /// Words, `"phrases"`, `field:value`, ranges, AND, OR and NOT.
    query: String,
    services: Vec<String>,
    pub(super) levels: Vec<String>,
    /// Of this trace, or this correlation id.
    trace_id: Option<String>,
    start_time: Option<Timestamp>,
    end_time: Option<Timestamp>,
    /// 5m, 15m, 30m, 1h, 6h, 12h, 24h, 7d or 30d, up to `end_time` or now; not beside `start_time`.
    time_range: Option<String>,
    /// newest or oldest
    sort: Option<String>,
    #[schemars(range(min = 1, max = MOST))]
    limit: Option<usize>,
    #[schemars(range(max = MAX_OFFSET))]
    offset: usize,
    cursor: Option<String>,
}

/// Logs of a page where no limit is given, and at most.
const USUAL: usize = 50;
pub(super) const MOST: usize = 1000;
/// Logs that are passed over at most by `offset`; the cursor goes on for ever.
const MAX_OFFSET: usize = MAX_LIMIT - MOST;

impl Filter {
    pub(crate) fn from_params(params: &Params) -> Result<Self, Problem> {
        let list = |param: Param| params.list(param.name).map(str::to_owned).collect();
        Ok(Filter {
            query: params.text(QUERY.name)?.unwrap_or_default().to_owned(),
            services: list(SERVICES),
            levels: list(LEVELS),
            trace_id: params.word(TRACE_ID.name)?.map(str::to_owned),
        })
    }

    /// The query that asks for these logs.
    pub(crate) fn condition(&self, now: Timestamp) -> Result<Query, Problem> {
        let mut conditions = match Query::parse(&self.query, now).map_err(|error| Problem::bad_query(&error))? {
            Query::All => Vec::new(),
            query => vec![query],
        };
        let levels = self.levels.iter().map(|name| level(name)).collect::<Result<Vec<_>, _>>()?;
        let services = self.services.iter().map(|name| service(name)).collect::<Vec<_>>();
        let trace =
            self.trace_id.iter().flat_map(|id| [Field::TraceId, Field::CorrelationId].map(|field| is(field, id)));
        for mut alternatives in [levels, services, trace.collect()] {
            match alternatives.len() {
                0 => {}
                1 => conditions.append(&mut alternatives),
                _ => conditions.push(Query::Or(alternatives)),
            }
        }
        Ok(if conditions.is_empty() { Query::All } else { Query::And(conditions) })
    }
}

fn is(field: Field, text: &str) -> Query {
    Query::Clause(Clause { field, predicate: Predicate::Is(Value::Text(text.to_owned())) })
}

pub(crate) fn service(name: &str) -> Query {
    is(Field::Service, name)
}

fn level(name: &str) -> Result<Query, Problem> {
    let level: Level = level_named(name)?;
    Ok(Query::Clause(Clause { field: Field::Level, predicate: Predicate::Is(Value::Level(level)) }))
}

impl Asked {
    /// `limit` is the one of the operation.
    pub(crate) fn from_params(params: &Params, limit: &Param) -> Result<Self, Problem> {
        let Filter { query, services, levels, trace_id } = Filter::from_params(params)?;
        let text = |param: Param| Ok::<_, Problem>(params.word(param.name)?.map(str::to_owned));
        Ok(Asked {
            query,
            services,
            levels,
            trace_id,
            start_time: params.timestamp(START.name)?,
            end_time: params.timestamp(END.name)?,
            time_range: text(RANGE)?,
            sort: text(SORT)?,
            limit: params.whole(limit)?,
            offset: 0,
            cursor: text(CURSOR)?,
        })
    }

    fn filter(&self) -> Filter {
        let Asked { query, services, levels, trace_id, .. } = self.clone();
        Filter { query, services, levels, trace_id }
    }

    /// How many logs to pass over.
    pub(crate) fn offset(&self) -> usize {
        self.offset
    }

    /// How many logs at once.
    pub(crate) fn page(&self) -> Result<usize, Problem> {
        match self.limit {
            Some(limit) if !(1..=MOST).contains(&limit) => {
                let allowed = format!("a whole number from 1 to {MOST}");
                Err(Problem::bad_parameter("limit", &limit.to_string(), &allowed))
            }
            limit => Ok(limit.unwrap_or(USUAL)),
        }
    }

    /// How many logs in all, where there is no bound to it.
    pub(crate) fn limit(&self) -> Option<usize> {
        self.limit
    }

    /// The search for so many logs, after those that are passed over.
    pub(crate) fn search(&self, now: Timestamp, limit: usize) -> Result<Search, Problem> {
        let (from, to) = self.period(now)?;
        if self.offset > MAX_OFFSET {
            let allowed = format!("at most {MAX_OFFSET}; go on with the cursor of the answer before");
            return Err(Problem::bad_parameter("offset", &self.offset.to_string(), &allowed));
        }
        Ok(Search {
            from,
            to,
            order: self.order()?,
            limit: self.offset + limit,
            after: self.after()?,
            ..Search::new(self.filter().condition(now)?)
        })
    }

    fn period(&self, now: Timestamp) -> Result<(Option<Timestamp>, Option<Timestamp>), Problem> {
        if let (Some(from), Some(to)) = (self.start_time, self.end_time)
            && from > to
        {
            let allowed = format!("a time not after `end_time`, {to}");
            return Err(Problem::bad_parameter("start_time", &from.to_string(), &allowed));
        }
        let Some(range) = &self.time_range else { return Ok((self.start_time, self.end_time)) };
        if self.start_time.is_some() {
            let allowed = "given without `start_time`, which says the same";
            return Err(Problem::bad_parameter("time_range", range, allowed));
        }
        let Some(span) = RANGES.iter().find(|span| span.name == range) else {
            return Err(Problem::bad_parameter("time_range", range, &RANGES.map(|span| span.name).join(", ")));
        };
        Ok((Some(self.end_time.unwrap_or(now).minus(span.length)), self.end_time))
    }

    fn order(&self) -> Result<Order, Problem> {
        match self.sort.as_deref() {
            None | Some("newest") => Ok(Order::Newest),
            Some("oldest") => Ok(Order::Oldest),
            Some(other) => Err(Problem::bad_parameter("sort", other, "newest, oldest")),
        }
    }

    fn after(&self) -> Result<Option<Cursor>, Problem> {
        let Some(text) = &self.cursor else { return Ok(None) };
        let own = text.split_once('.').filter(|(print, _)| u32::from_str_radix(print, 16) == Ok(self.print()));
        own.and_then(|(_, place)| place.parse().ok()).map(Some).ok_or_else(|| {
            let allowed = "the next_cursor of an answer to the same request, limit aside";
            Problem::bad_parameter("cursor", text, allowed)
        })
    }

    /// The cursor of the page after this place.
    pub(crate) fn cursor_after(&self, place: Cursor) -> String {
        format!("{:08x}.{place}", self.print())
    }

    /// A cursor serves only the list it came from.
    fn print(&self) -> u32 {
        let listed = (self.filter(), self.start_time, self.end_time, &self.time_range, &self.sort);
        stable_hash(&serde_json::to_vec(&listed).unwrap_or_default()) as u32
    }
}
