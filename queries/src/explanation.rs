//! What an anomaly is made of: the templates, levels and services whose share of the logs changed most while it lasted.

use std::time::Duration;

use differential_dataflow::VecCollection;
use highwater_engine::{Epoch, Flow, Name, Window, minutes, seconds};
use highwater_operators::{Anomaly, LogPart, Occurrences, Shares, Shift, Side, TemplateId, shifts};

use crate::{
    ALL,
    anomalies::ById,
    patterns::{RECENT, Seen},
};

/// The windows of an anomaly that are looked at, from its first on.
const DURING: u32 = 6;
/// Those before it that they are compared with.
const BEFORE: u32 = 12;
/// Windows of counts and anomalies.
const WINDOW: Duration = seconds(10);
/// So long after it began, an explanation takes late logs in; then it stays as it is. What it is made of is kept for longer.
const CORRECTABLE: Duration = minutes(5);
const _: () = assert!(RECENT.as_secs() > CORRECTABLE.as_secs() + BEFORE as u64 * WINDOW.as_secs());
/// Shifts told of an anomaly.
const MOST: usize = 5;

/// An anomaly's id and first window, which its explanation is kept by.
type Of = (Name, Window);
/// A service or [`ALL`], and a window.
type Place = (Name, Window);

/// The anomalies with their explanation.
pub fn explained<'s>(flow: &Flow<'s>, anomalies: &ById<'s>, seen: &Seen<'s>) -> ById<'s> {
    let parts = seen.recent.rows().explode(|((of, window), seen)| parts(&of, window, &seen));
    let windows = anomalies.clone().flat_map(|(id, anomaly)| windows(id, &anomaly));
    let counts =
        windows.join_map(parts, |place, (of, side), part| ((of.clone(), place.0.clone()), (*side, part.clone())));
    let moved = counts.reduce(|_, counts: &[(&(Side, LogPart), isize)], moved| {
        let counts =
            counts.iter().map(|((side, part), count)| (*side, part.clone(), u64::try_from(*count).unwrap_or(0)));
        moved.extend(shifts(counts, MOST).into_iter().map(|shares| (shares, 1)));
    });
    let told = named(moved, seen).reduce(|_, shifts, told: &mut Vec<(Vec<Shift>, isize)>| {
        let mut shifts: Vec<Shift> = shifts.iter().map(|(shift, _)| (*shift).clone()).collect();
        let moved = |shift: &Shift| (*shift.share - *shift.share_before).abs();
        shifts.sort_by(|one, other| moved(other).total_cmp(&moved(one)));
        told.push((shifts, 1));
    });
    let settled = seen.recent.with_rows(told).settled(CORRECTABLE, flow.settings().retention);
    let shifts = settled.rows().map(|((id, _), shifts)| (id, Err(shifts)));
    anomalies.clone().map(|(id, anomaly)| (id, Ok(anomaly))).concat(shifts).reduce(
        |_, halves: &[(&Result<Anomaly, Vec<Shift>>, isize)], whole| {
            let shifts = halves.iter().find_map(|(half, _)| half.as_ref().err()).cloned().unwrap_or_default();
            let anomaly = halves.iter().find_map(|(half, _)| half.as_ref().ok());
            whole.extend(anomaly.map(|anomaly| (Anomaly { shifts, ..anomaly.clone() }, 1)));
        },
    )
}

/// Which logs a count is a part of: those of its service by template and level, and those of all by service.
fn parts(
    (service, template): &(Name, TemplateId),
    window: Window,
    seen: &Occurrences,
) -> Vec<((Place, LogPart), isize)> {
    let row = |scope: Name, part: LogPart, count: u64| {
        (((scope, window), part), isize::try_from(count).unwrap_or(isize::MAX))
    };
    let levels = seen.levels.iter().filter(|(_, count)| *count > 0);
    let mut rows: Vec<_> = levels.map(|(level, count)| row(service.clone(), LogPart::Level(level), count)).collect();
    let total = seen.levels.total();
    rows.push(row(service.clone(), LogPart::Template(*template), total));
    rows.push(row(Name::from(ALL), LogPart::Service(service.clone()), total));
    rows
}

/// The windows that explain an anomaly.
fn windows(id: Name, anomaly: &Anomaly) -> impl Iterator<Item = (Place, (Of, Side))> + use<> {
    let first = Window { start: anomaly.window_start };
    let scope = anomaly.service.clone().unwrap_or_else(|| Name::from(ALL));
    let end = anomaly.window_end;
    let at = move |n: u32| Window { start: first.start.minus(WINDOW * BEFORE).plus(WINDOW * n) };
    (0..BEFORE + DURING).map(at).filter(move |window| window.start < end).map(move |window| {
        let side = if window < first { Side::Before } else { Side::During };
        ((scope.clone(), window), ((id.clone(), first), side))
    })
}

/// With the texts of templates.
fn named<'s>(
    moved: VecCollection<'s, Epoch, ((Of, Name), Shares), isize>,
    seen: &Seen<'s>,
) -> VecCollection<'s, Epoch, (Of, Shift), isize> {
    let templates = moved.clone().flat_map(|((of, service), shares)| match shares.part {
        LogPart::Template(template) => Some(((service, template), (of, shares))),
        LogPart::Level(_) | LogPart::Service(_) => None,
    });
    let texts = seen.templates.clone().map(|(key, sighting)| (key, (sighting.template, sighting.example)));
    let templates = templates.join_map(texts, |(_, template), (of, shares), (text, example)| {
        (of.clone(), shift(shares, text.clone(), Some((*template, example.clone()))))
    });
    let others = moved.flat_map(|((of, _), shares)| match &shares.part {
        LogPart::Level(level) => Some((of, shift(&shares, Name::from(level.as_str()), None))),
        LogPart::Service(service) => Some((of, shift(&shares, service.clone(), None))),
        LogPart::Template(_) => None,
    });
    templates.concat(others)
}

fn shift(shares: &Shares, value: Name, template: Option<(TemplateId, Name)>) -> Shift {
    let (template_id, example) = template.unzip();
    let Shares { ref part, count, share, share_before } = *shares;
    Shift { dimension: part.dimension(), value, template_id, example, share, share_before, count }
}
