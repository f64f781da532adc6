//! Expressions of time: `in the last hour`, `since the deploy at 14:00`, `between 2pm and 3:30 pm`.

use std::time::Duration;

use highwater_engine::{Timestamp, days, hours, minutes};

use super::{
    clock,
    numbers::{Unit, amount},
};
use crate::{answer::TimeRange, scene::Scene};

/// How far around a time of day is looked where the question names it alone.
const AROUND: Duration = minutes(5);
/// What is "just now".
const JUST_NOW: Duration = minutes(5);

/// What some words say of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Said {
    /// A range.
    Range(TimeRange),
    /// It refers to a moment that is not known, such as a deployment.
    Unknown,
}

/// A stretch of time; a point where both ends are the same.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Stretch {
    from: Timestamp,
    to: Timestamp,
}

/// What the words begin with, and how many words that are.
pub(super) fn find(words: &[&str], scene: &Scene) -> Option<(usize, Said)> {
    let now = scene.now;
    if let Some((used, day)) = clock::day(words, now)
        && let Some((more, stretch)) = two_ends(&words[used..], Some(day), now)
    {
        return Some((used + more, range(Some(stretch.from), Some(stretch.to))));
    }
    if let Some((used, stretch)) = two_ends(words, None, now) {
        let (day_used, shifted) = day_after(&words[used..], stretch, now);
        return Some((used + day_used, range(Some(shifted.from), Some(shifted.to))));
    }
    one_end(words, scene).or_else(|| plain(words, scene))
}

fn range(from: Option<Timestamp>, to: Option<Timestamp>) -> Said {
    Said::Range(TimeRange { from, to })
}

/// `between 14:00 and 15:00 yesterday`: the day that comes after.
fn day_after(words: &[&str], stretch: Stretch, now: Timestamp) -> (usize, Stretch) {
    let on = usize::from(words.first() == Some(&"on"));
    let Some((used, day)) = clock::day(&words[on..], now) else { return (0, stretch) };
    let from = day.plus(stretch.from.since(stretch.from.align(days(1))));
    (on + used, Stretch { from, to: from.plus(stretch.to.since(stretch.from)) })
}

/// `between A and B`, `from A to B`, `A - B`.
fn two_ends(words: &[&str], day: Option<Timestamp>, now: Timestamp) -> Option<(usize, Stretch)> {
    let opened = usize::from(matches!(words.first(), Some(&("between" | "from"))));
    let joined = |word: Option<&&str>| matches!(word, Some(&("and" | "to" | "until" | "till" | "-" | "–")));
    let words = &words[opened..];
    if let Some((used, first)) = end(words, day, now)
        && joined(words.get(used))
        && (opened > 0 || words.get(used) != Some(&"and"))
        && let Some((more, last)) = end(&words[used + 1..], day, now)
    {
        return Some((opened + used + 1 + more, in_order(first, last, day, now)));
    }
    // `between 2 and 3pm`
    let first = words.first().and_then(|word| clock::bare_hour(word)).filter(|_| opened > 0 && joined(words.get(1)))?;
    let (more, last) = clock::of_day(&words[2..])?;
    let same_half = first + hours(12);
    let first = if last >= hours(12) && first < hours(12) && same_half < last { same_half } else { first };
    let base = day.unwrap_or(now.align(days(1)));
    let ends = in_order(End::Clock(base.plus(first)), End::Clock(base.plus(last)), day, now);
    Some((opened + 2 + more, ends))
}

/// One end of a range: a time of day may be moved to another day, a date may not.
#[derive(Clone, Copy)]
enum End {
    Clock(Timestamp),
    Fixed(Stretch),
}

fn end(words: &[&str], day: Option<Timestamp>, now: Timestamp) -> Option<(usize, End)> {
    if let Some((used, after_midnight)) = clock::of_day(words) {
        return Some((used, End::Clock(day.unwrap_or(now.align(days(1))).plus(after_midnight))));
    }
    match words {
        ["now", ..] => Some((1, End::Fixed(Stretch { from: now, to: now }))),
        _ => dated(words, now).map(|(used, stretch)| (used, End::Fixed(stretch))),
    }
}

fn in_order(first: End, last: End, day: Option<Timestamp>, now: Timestamp) -> Stretch {
    match (first, last) {
        (End::Clock(from), End::Clock(to)) => {
            let to = if to < from { to.plus(days(1)) } else { to };
            let back = if day.is_none() && from > now { days(1) } else { Duration::ZERO };
            Stretch { from: from.minus(back), to: to.minus(back) }
        }
        (End::Clock(from), End::Fixed(last)) => {
            let from = if from > last.to { from.minus(days(1)) } else { from };
            Stretch { from, to: last.to.max(from) }
        }
        (End::Fixed(first), End::Clock(to)) => {
            // the time of day is that of the first end's day
            let to = first.from.align(days(1)).plus(to.since(to.align(days(1))));
            Stretch { from: first.from, to: to.max(first.from) }
        }
        (End::Fixed(first), End::Fixed(last)) => Stretch { from: first.from.min(last.from), to: last.to.max(first.to) },
    }
}

/// `since ..`, `before ..`.
fn one_end(words: &[&str], scene: &Scene) -> Option<(usize, Said)> {
    enum Open {
        Until,
        From,
        AfterAll,
    }
    let (opened, open) = match words {
        ["ever", "since", ..] | ["starting", "from" | "at", ..] => (2, Open::From),
        ["since" | "starting", ..] => (1, Open::From),
        ["after", ..] => (1, Open::AfterAll),
        ["before" | "until" | "till" | "prior", ..] => (1, Open::Until),
        _ => return None,
    };
    let opened = opened + usize::from(words.get(opened) == Some(&"to"));
    let rest = &words[opened..];
    let Some((used, stretch)) = short_ago(rest, scene.now).or_else(|| point(rest, scene)) else {
        return Some((opened + moment_words(rest)?, Said::Unknown));
    };
    let said = match open {
        Open::From => range(Some(stretch.from), None),
        Open::AfterAll => range(Some(stretch.to), None),
        Open::Until => range(None, Some(stretch.from)),
    };
    Some((opened + used, said))
}

/// `3 hours ago` to the second, where it bounds a range.
fn short_ago(words: &[&str], now: Timestamp) -> Option<(usize, Stretch)> {
    let (used, unit, count) =
        amount(words).filter(|(used, unit, _)| words.get(*used) == Some(&"ago") && !unit.is_a_day_or_more())?;
    let at = now.minus(unit.times(count)?);
    Some((used + 1, Stretch { from: at, to: at }))
}

/// A time by itself, with or without `in the`, `on`, `at`.
fn plain(words: &[&str], scene: &Scene) -> Option<(usize, Said)> {
    const BEFORE: [&str; 12] =
        ["in", "on", "at", "during", "over", "within", "for", "around", "about", "from", "by", "the"];
    let skipped = words.iter().take(3).take_while(|word| BEFORE.contains(word)).count();
    // `the day before yesterday` begins with one of them itself
    let (used, stretch) = (0..=skipped).rev().find_map(|skipped| {
        let (used, stretch) = rolling(&words[skipped..], scene.now).or_else(|| point(&words[skipped..], scene))?;
        Some((skipped + used, stretch))
    })?;
    let is_point = stretch.from == stretch.to;
    // `from 14:00` is on from there
    if is_point && skipped > 0 && words.first() == Some(&"from") {
        return Some((used, range(Some(stretch.from), None)));
    }
    let around = if is_point { AROUND } else { Duration::ZERO };
    Some((used, range(Some(stretch.from.minus(around)), Some(stretch.to.plus(around)))))
}

/// `last 15 minutes`, `past hour`, `just now`.
fn rolling(words: &[&str], now: Timestamp) -> Option<(usize, Stretch)> {
    let back = |used, length| Some((used, Stretch { from: now.minus(length), to: now }));
    match words {
        ["right" | "just", "now", ..] => return back(2, JUST_NOW),
        ["now" | "currently" | "lately", ..] => return back(1, JUST_NOW),
        ["last", "night", ..] => {
            let today = now.align(days(1));
            return Some((2, Stretch { from: today.minus(hours(6)), to: today.plus(hours(6)).min(now) }));
        }
        ["last" | "past" | "previous" | "latest" | "recent", ..] => {}
        _ => return None,
    }
    let (used, unit, count) = amount(&words[1..]).or_else(|| Some((1, Unit::of(words.get(1)?)?, 1.0)))?;
    // `the past 2 days ago` is nothing
    back(1 + used, unit.times(count)?).filter(|_| words.get(1 + used) != Some(&"ago"))
}

/// A point or a day that is named.
fn point(words: &[&str], scene: &Scene) -> Option<(usize, Stretch)> {
    let now = scene.now;
    let today = now.align(days(1));
    if let Some((used, unit, count)) = amount(words).filter(|(used, ..)| words.get(*used) == Some(&"ago")) {
        let at = now.minus(unit.times(count)?);
        let stretch = if unit.is_a_day_or_more() {
            Stretch { from: at.align(days(1)), to: at.align(days(1)).plus(days(1)) }
        } else {
            let half = unit.times(0.5)?;
            Stretch { from: at.minus(half), to: at.plus(half).min(now) }
        };
        return Some((used + 1, stretch));
    }
    match words {
        ["this", "hour", ..] => return Some((2, Stretch { from: now.align(hours(1)), to: now })),
        ["this", "week", ..] => return Some((2, Stretch { from: clock::week(now), to: now })),
        ["this", "month", ..] => return Some((2, Stretch { from: clock::month(now)?, to: now })),
        ["this", part, ..] if part_of_day(part).is_some() => {
            let (from, to) = part_of_day(part)?;
            return Some((2, Stretch { from: today.plus(from), to: today.plus(to) }));
        }
        ["tonight", ..] => return Some((1, Stretch { from: today.plus(hours(18)), to: today.plus(days(1)) })),
        _ => {}
    }
    dated(words, now).or_else(|| moment(words, scene)).or_else(|| {
        let (used, after_midnight) = clock::of_day(words)?;
        // `14:00 yesterday`, `9am on monday`
        let on = used + usize::from(words.get(used) == Some(&"on"));
        if let Some((more, day)) = clock::day(&words[on..], now) {
            let at = day.plus(after_midnight);
            return Some((on + more, Stretch { from: at, to: at }));
        }
        let at = today.plus(after_midnight);
        let at = if at > now { at.minus(days(1)) } else { at };
        Some((used, Stretch { from: at, to: at }))
    })
}

/// A date or day, with or without a time of day or a part of the day.
fn dated(words: &[&str], now: Timestamp) -> Option<(usize, Stretch)> {
    if let Some(at) = words.first().and_then(|word| clock::instant(word)) {
        return Some((1, Stretch { from: at, to: at }));
    }
    let (used, day) = clock::day(words, now)?;
    let whole = Stretch { from: day, to: day.plus(days(1)) };
    if let Some((from, to)) = words.get(used).and_then(|part| part_of_day(part)) {
        return Some((used + 1, Stretch { from: day.plus(from), to: day.plus(to) }));
    }
    let at = used + usize::from(matches!(words.get(used), Some(&("at" | "around"))));
    match clock::of_day(&words[at..]) {
        Some((more, after_midnight)) => {
            let point = day.plus(after_midnight);
            Some((at + more, Stretch { from: point, to: point }))
        }
        None => Some((used, whole)),
    }
}

fn part_of_day(word: &str) -> Option<(Duration, Duration)> {
    Some(match word {
        "morning" => (hours(6), hours(12)),
        "afternoon" => (hours(12), hours(18)),
        "evening" => (hours(18), hours(24)),
        "night" => (hours(18), hours(30)),
        _ => return None,
    })
}

/// What happens at a moment rather than over time.
const MOMENTS: [&str; 14] = [
    "deploy",
    "deployment",
    "deployed",
    "release",
    "rollout",
    "restart",
    "rollback",
    "upgrade",
    "update",
    "migration",
    "outage",
    "incident",
    "maintenance",
    "launch",
];

/// The words of `the last deploy`.
fn moment_words(words: &[&str]) -> Option<usize> {
    let before = words.iter().take(3).take_while(|word| {
        matches!(**word, "the" | "last" | "latest" | "our" | "we" | "this" | "my" | "most" | "recent")
    });
    let skipped = before.count();
    words.get(skipped).filter(|word| MOMENTS.contains(word)).map(|_| skipped + 1)
}

/// `the deploy at 14:00`: the time is what counts; `the deploy`, `v2.3`: the newest of that name.
fn moment(words: &[&str], scene: &Scene) -> Option<(usize, Stretch)> {
    if let Some(used) = moment_words(words) {
        let link = used + usize::from(matches!(words.get(used), Some(&("at" | "on" | "from" | "of" | "around"))));
        let said =
            words.get(link).filter(|word| moment_words(&[word]).is_none()).and_then(|_| point(&words[link..], scene));
        if let Some((more, stretch)) = said {
            return Some((link + more, stretch));
        }
        let kind = words.get(used - 1)?;
        let root = &kind[..kind.len().min(6)];
        return newest(scene, |name| name.contains(root)).map(|at| (used, Stretch { from: at, to: at }));
    }
    let word = words.first().filter(|word| word.len() > 1)?;
    newest(scene, |name| {
        name.split_whitespace().any(|part| part == *word && part.contains(|c: char| c.is_ascii_digit()))
    })
    .map(|at| (1, Stretch { from: at, to: at }))
}

fn newest(scene: &Scene, is_meant: impl Fn(&str) -> bool) -> Option<Timestamp> {
    let named = scene.moments.iter().filter(|moment| moment.at <= scene.now && is_meant(&moment.name.to_lowercase()));
    named.map(|moment| moment.at).max()
}
