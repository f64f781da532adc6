//! `/alerts/rules/{id}/backtest`: when a rule would have fired over the logs that are kept.

use std::{
    ops::ControlFlow,
    time::{Duration, Instant},
};

use highwater_engine::{Name, Timestamp};
use highwater_logstore::Replay;
use highwater_operators::{Alert, AlertStatus};
use highwater_queries::{Backtest, BacktestError};
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{MOST, desk};
use crate::{
    call::Call,
    error::{FieldProblem, Problem},
    identity::Access,
    logs,
    operation::{Answer, Body, Handle, Operation, Param, Verb, of},
    rates::Class,
    reply::{Response, json_reply},
};

pub(super) const OPERATIONS: &[Operation] = &[Operation {
    verb: Verb::Post,
    paths: &["/api/v1/alerts/rules/{id}/backtest"],
    tag: "Alerts",
    about: "When the rule would have fired over the logs that are kept, by the dataflow that rules run in",
    params: &[Param::path("id", "The rule's id")],
    body: Some(Body { kinds: &[("application/json", Some(of::<Span>))], required: true, most: MOST }),
    answer: Answer::new(&[("application/json", Some(of::<BacktestAnswer>))]),
    access: Access::Write,
    class: Class::Search,
    handle: Handle::Steps(|call| Box::pin(backtest(call))),
}];

/// Which logs, by event time.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Span {
    from: Timestamp,
    to: Timestamp,
}

/// What the rule would have told.
#[derive(Serialize, JsonSchema)]
struct BacktestAnswer {
    rule_id: Name,
    from: Timestamp,
    to: Timestamp,
    /// The alerts, oldest first, as they stood at the end.
    alerts: Vec<Told>,
    /// Logs that were read.
    logs: u64,
    took_ms: u64,
    /// How many times as fast as the logs came.
    times_real_time: f64,
}

/// An alert that would have been.
#[derive(Serialize, JsonSchema)]
struct Told {
    key: Name,
    status: AlertStatus,
    /// The start of the first window in which the condition held.
    since: Timestamp,
    /// When it would have fired; of a pending one, when at the earliest.
    firing_from: Timestamp,
    /// When it would have been over.
    resolved_at: Option<Timestamp>,
    /// For how long it would have fired, up to the end of the test.
    fired_seconds: f64,
    /// The value furthest beyond the threshold.
    peak: f64,
}

async fn backtest(mut call: Call) -> Result<Response, Problem> {
    let Span { from, to } = call.json(r#"{"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T06:00:00Z"}"#).await?;
    let desk = desk(&call)?.clone();
    let rule = desk.alerting.rules().get(call.params.segment("id")).await.map_err(Problem::alerting)?;
    let spec = rule.draft.spec(rule.id.clone());
    let store = logs::store(&call.state)?;
    let test = Backtest { rule: spec, from, to, settings: desk.settings.clone(), detectors: desk.detectors };
    let Ok(place) = call.state.testing.clone().try_acquire_owned() else {
        return Err(Problem::busy("another rule is being tried out; try again once it is done"));
    };
    let sources = Replay::new(store, test.reads_from()..to);
    let patience = call.state.limits.request_timeout;
    let began = Instant::now();
    let tried = tokio::task::spawn_blocking(move || {
        let _place = place;
        let go_on = |_| if began.elapsed() < patience { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
        test.run(vec![Box::new(sources)], go_on)
    });
    let report = match tried.await.map_err(|_| Problem::internal())? {
        Ok(report) => report,
        Err(BacktestError::Range) => return Err(invalid("from", "must be before `to`")),
        Err(BacktestError::Stopped) => {
            return Err(Problem::unavailable("the test took too long; try a shorter stretch, or `highwater backtest`"));
        }
        Err(error) => return Err(Problem::unavailable(error.to_string())),
    };
    let took = began.elapsed();
    let report = BacktestAnswer {
        rule_id: rule.id,
        from,
        to,
        alerts: report.alerts.into_iter().map(|alert| told(alert, to)).collect(),
        logs: report.logs,
        took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        times_real_time: (to.since(from).as_secs_f64() / took.as_secs_f64().max(1e-3)).round(),
    };
    Ok(json_reply(StatusCode::OK, &report))
}

fn told(alert: Alert, end: Timestamp) -> Told {
    let fired = if alert.status == AlertStatus::Pending {
        Duration::ZERO
    } else {
        alert.resolved_at.unwrap_or(end).since(alert.firing_from)
    };
    Told {
        key: alert.key,
        status: alert.status,
        since: alert.since,
        firing_from: alert.firing_from,
        resolved_at: alert.resolved_at,
        fired_seconds: fired.as_secs_f64(),
        peak: *alert.peak,
    }
}

fn invalid(field: &str, what: &str) -> Problem {
    Problem::invalid(vec![FieldProblem { field: field.to_owned(), what: what.to_owned() }])
}
