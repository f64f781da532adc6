//! The state machine of alerts against another that is written from the words of the contract: all options with each
//! other, over any series, with gaps.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::time::Duration;

use highwater_engine::{Timestamp, Window, seconds};
use highwater_operators::{AlertMachine, AlertRule, AlertSpan, AlertState, Condition, NoData, Predicate, Real};
use proptest::prelude::*;

const STEP: u64 = 10;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Says {
    Holds,
    Clear,
    Nothing,
}

/// What a window says of a rule, whose alert fires or does not.
fn says(rule: &AlertRule, value: Option<f64>, firing: bool) -> Says {
    let limit = |own: Real| if firing { rule.clear.unwrap_or(own) } else { own };
    let holds = match (rule.predicate, value) {
        (Predicate::Absent, value) => value.is_none_or(|value| value == 0.0),
        (_, None) => match rule.no_data {
            NoData::Alert => true,
            NoData::Resolve => false,
            NoData::Keep => return Says::Nothing,
        },
        (Predicate::Compare { condition, threshold }, Some(value)) => match condition {
            Condition::GreaterThan => value > *limit(threshold),
            Condition::GreaterThanOrEqual => value >= *limit(threshold),
            Condition::LessThan => value < *limit(threshold),
            Condition::LessThanOrEqual => value <= *limit(threshold),
            Condition::Equals => value == *threshold,
        },
        (Predicate::Beyond { spreads }, Some(value)) => value < -*limit(spreads) || value > *limit(spreads),
    };
    if holds { Says::Holds } else { Says::Clear }
}

/// First window, the one at whose end it fires, the one at whose end it is resolved, whether nothing is known of the last.
type Row = (usize, Option<usize>, Option<usize>, bool);

/// The alerts of a series, found by looking forth and back over it.
fn oracle(rule: &AlertRule, values: &[Option<f64>]) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut at = 0;
    while at < values.len() {
        if says(rule, values[at], false) != Says::Holds {
            at += 1;
            continue;
        }
        let since = at;
        let unbroken = values[since..].iter().take_while(|value| says(rule, **value, false) == Says::Holds).count();
        let needed = (rule.for_at_least.as_secs().div_ceil(STEP) as usize).max(1);
        if unbroken < needed {
            if since + unbroken == values.len() {
                rows.push((since, None, None, false));
            }
            at = since + unbroken;
            continue;
        }
        let fires = since + needed - 1;
        let firing = |at: usize| says(rule, values[at], true);
        let is_over = |end: &usize| {
            let held = (fires + 1..*end).rev().find(|at| firing(*at) == Says::Holds).unwrap_or(fires);
            let clear = (held + 1..=*end).find(|at| firing(*at) == Says::Clear);
            let long = |clear| (end - clear) as u64 * STEP >= rule.keep_firing_for.as_secs();
            firing(*end) == Says::Clear && clear.is_some_and(long)
        };
        let end = (fires + 1..values.len()).find(is_over);
        let verdict = |at: usize| if at <= fires { Says::Holds } else { firing(at) };
        let last = (since..values.len()).rev().find(|at| verdict(*at) != Says::Nothing).unwrap_or(since);
        let is_unknown = rule.predicate != Predicate::Absent && values[last].is_none();
        let no_data = end.is_none() && is_unknown && verdict(last) == Says::Holds;
        rows.push((since, Some(fires), end, no_data));
        at = end.map_or(values.len(), |end| end + 1);
    }
    rows
}

fn window(at: usize) -> Window {
    Window { start: Timestamp::from_millis(0).plus(seconds(at as u64 * STEP)) }
}

fn machine(rule: &AlertRule, values: &[Option<f64>]) -> Vec<AlertSpan> {
    let mut machine = AlertMachine::default();
    for (at, value) in values.iter().enumerate() {
        machine.step(rule, window(at), seconds(STEP), value.map(Real::from));
    }
    machine.spans().collect()
}

fn rows(spans: &[AlertSpan]) -> Vec<Row> {
    let at = |time: Timestamp| (time.as_micros() / 1_000_000 / STEP as i64) as usize;
    let row = |span: &AlertSpan| {
        // what is pending or over says nothing of the last window here
        let no_data = span.state() == AlertState::NoData;
        let (fires, ends) = (span.firing_from.map(|from| at(from) - 1), span.until.map(|until| at(until) - 1));
        (at(span.since.start), fires, ends, no_data)
    };
    spans.iter().map(row).collect()
}

/// Every option with every other.
fn all_rules() -> Vec<AlertRule> {
    let compare = [
        Condition::GreaterThan,
        Condition::GreaterThanOrEqual,
        Condition::LessThan,
        Condition::LessThanOrEqual,
        Condition::Equals,
    ];
    let compare = compare.map(|condition| (AlertRule::compare(condition, 3.0), Some(condition)));
    let others =
        [(AlertRule::absent_for(Duration::ZERO), None), (AlertRule::beyond(3.0), Some(Condition::GreaterThan))];
    let mut rules = Vec::new();
    for (rule, condition) in compare.into_iter().chain(others) {
        let apart = match condition {
            Some(Condition::GreaterThan | Condition::GreaterThanOrEqual) => Some(2.0),
            Some(Condition::LessThan | Condition::LessThanOrEqual) => Some(4.0),
            _ => None,
        };
        for hold in [0, 10, 25, 30] {
            for keep in [0, 10, 25] {
                for no_data in [NoData::Keep, NoData::Resolve, NoData::Alert] {
                    let rule = rule.for_at_least(seconds(hold)).keep_firing_for(seconds(keep)).on_no_data(no_data);
                    rules.push(rule);
                    rules.extend(apart.map(|clear| rule.clear_at(clear)));
                }
            }
        }
    }
    rules
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn any_rule_over_any_series_says_what_the_oracle_says(
        values in prop::collection::vec(prop_oneof![4 => (-5i8..6).prop_map(|v| Some(f64::from(v))), 2 => Just(Some(0.0)), 2 => Just(None)], 0..24),
    ) {
        for rule in all_rules() {
            prop_assert_eq!(rows(&machine(&rule, &values)), oracle(&rule, &values), "{:?}", rule);
        }
    }

    #[test]
    fn it_goes_on_from_where_it_was_stored(
        values in prop::collection::vec(prop::option::of((0u8..6).prop_map(f64::from)), 1..24),
        cut in 0usize..24,
    ) {
        for rule in all_rules() {
            let mut whole = AlertMachine::default();
            for (at, value) in values.iter().enumerate() {
                if at == cut {
                    let json = serde_json::to_string(&whole).unwrap();
                    whole = serde_json::from_str(&json).unwrap();
                }
                whole.step(&rule, window(at), seconds(STEP), value.map(Real::from));
            }
            prop_assert_eq!(whole.spans().collect::<Vec<_>>(), machine(&rule, &values));
        }
    }
}

#[test]
fn silence_does_not_resolve_unless_it_is_told_to() {
    let of = |no_data| {
        let rule = AlertRule::compare(Condition::GreaterThan, 3.0).on_no_data(no_data);
        let values = [Some(5.0), None, None];
        machine(&rule, &values)[0].state()
    };
    let states = [NoData::Keep, NoData::Resolve, NoData::Alert].map(of);
    assert_eq!(states, [AlertState::Firing, AlertState::Resolved, AlertState::NoData]);
}
