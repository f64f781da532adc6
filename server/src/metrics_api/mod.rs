//! `/metrics/..` and `/logs/severity-breakdown`: volume, error rate and latency, added up from windows of service
//! statistics.
//!
//! **Now** is the newest of the watermark and the end of the newest window, so that a replay of past logs shows as
//! it showed then; a watermark ahead of the wall clock does not count. A range is the windows of the finest resolution
//! that is kept for as long as the range, the last one being under way.

mod condition;
mod figures;
mod insights;
mod overview;
mod period;
mod resolution;
mod rows;
mod services;
mod timeseries;
mod top_errors;

use crate::{
    identity::Access,
    operation::{Answer, CURSOR, Handle, Kind, Operation, Param, Verb, of},
    params::{INTERVAL, TIME_RANGE},
    rates::Class,
};

pub(crate) use figures::{millis, tidy};
pub(crate) use insights::{insight_scene, known_services};
pub(crate) use period::{Of, Period};
pub use resolution::Kept;
pub(crate) use resolution::{align_up, now};

/// Services of one page.
const LIMIT: Param = Param::limit(1000, 100);

const OVERVIEW: Operation = Operation {
    verb: Verb::Get,
    paths: &["/api/v1/metrics/overview"],
    tag: "Metrics",
    about: "Volume and error rate of all services together",
    params: &[TIME_RANGE],
    body: None,
    answer: Answer::at_epoch(&[("application/json", Some(of::<Of<overview::Overview>>))]),
    access: Access::Read,
    class: Class::Lookup,
    handle: Handle::Views(overview::overview),
};

pub(crate) const OPERATIONS: &[Operation] = &[
    OVERVIEW,
    Operation {
        paths: &["/api/v1/metrics/service/{name}"],
        about: "One service, with its latency and its most frequent errors",
        params: &[Param::path("name", "The service").like("api-gateway"), TIME_RANGE],
        answer: Answer::at_epoch(&[("application/json", Some(of::<Of<services::Service>>))]),
        handle: Handle::Views(services::service),
        ..OVERVIEW
    },
    Operation {
        paths: &["/api/v1/metrics/services"],
        about: "Every service, a row each",
        params: &[TIME_RANGE, LIMIT, CURSOR],
        answer: Answer::at_epoch(&[("application/json", Some(of::<Of<services::Services>>))]),
        handle: Handle::Views(services::service_list),
        ..OVERVIEW
    },
    Operation {
        paths: &["/api/v1/metrics/system"],
        about: "All services together, and each",
        params: &[TIME_RANGE, LIMIT, CURSOR],
        answer: Answer::at_epoch(&[("application/json", Some(of::<Of<services::System>>))]),
        handle: Handle::Views(services::system),
        ..OVERVIEW
    },
    Operation {
        paths: &["/api/v1/metrics/timeseries"],
        about: "A metric over time: of all services or of some, of all levels or of some",
        params: &[
            timeseries::METRIC,
            INTERVAL,
            TIME_RANGE,
            Param::query("service", Kind::Names(timeseries::MAX_SERIES), "A series for each of these services"),
            Param::query("level", Kind::Levels, "A series for each of these levels"),
        ],
        answer: Answer::at_epoch(&[("application/json", Some(of::<timeseries::Timeseries>))]),
        handle: Handle::Views(timeseries::timeseries),
        ..OVERVIEW
    },
    Operation {
        paths: &["/api/v1/logs/severity-breakdown"],
        about: "How many logs of each level",
        answer: Answer::at_epoch(&[("application/json", Some(of::<Vec<overview::OfLevel>>))]),
        handle: Handle::Views(overview::severities),
        ..OVERVIEW
    },
];
