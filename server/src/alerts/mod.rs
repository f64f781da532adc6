//! `/alerts`: rules, what became of them, silences, and what could not be told.

mod backtest;
mod notices;
mod rules;
mod silences;
mod triggered;

use highwater_alerting::{Alerting, Feed, PageRequest};
use highwater_engine::Settings;
use highwater_queries::Detectors;
use serde_json::Value as Json;

use crate::{
    call::Call,
    error::Problem,
    operation::{Operation, Param},
};

pub(crate) const OPERATIONS: &[&[Operation]] =
    &[rules::OPERATIONS, backtest::OPERATIONS, triggered::OPERATIONS, silences::OPERATIONS, notices::OPERATIONS];

/// Alerting as the API offers it.
#[derive(Clone)]
pub struct Desk {
    /// Rules, alerts, silences, notices.
    pub alerting: Alerting,
    /// What the dataflow is told of rules.
    pub feed: Feed,
    /// Whether the dataflow can group by host.
    pub by_host: bool,
    /// The job's, with which rules are tried out.
    pub settings: Settings,
    /// Those of the job, for the same.
    pub detectors: Detectors,
}

const LIMIT: Param = Param::limit(1000, 100);

/// Most bytes of a request.
const MOST: Option<usize> = Some(64 << 10);

fn desk(call: &Call) -> Result<&Desk, Problem> {
    call.state.desk.as_ref().ok_or_else(|| Problem::unavailable("alerts are kept by process 0; ask there"))
}

fn page(call: &Call) -> Result<PageRequest, Problem> {
    let limit = call.params.whole(&LIMIT)?.and_then(|limit| u32::try_from(limit).ok()).unwrap_or(100);
    Ok(PageRequest { limit, cursor: call.params.text("cursor")?.map(str::to_owned) })
}

/// A body that is read field by field, so that what is wrong with it is told by field.
async fn body<T>(
    call: &mut Call,
    read: fn(&Json) -> Result<T, highwater_alerting::Problem>,
    example: &str,
) -> Result<T, Problem> {
    let json: Json = call.json(example).await?;
    read(&json).map_err(|problem| Problem::invalid(vec![problem.into()]))
}
