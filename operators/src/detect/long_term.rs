//! [`Remembered`]: a series that is judged against days and weeks, and its memory as data.
//!
//! What a series has been like for weeks is no function of the windows that are kept. So the memory of its detector
//! ([`highwater_detection::series`]) is written down at the beginning of each hour, a [`Checkpoint`], and never again, whatever
//! late logs correct. What is found in an hour is a pure function of its checkpoint and its windows.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    ops::Bound::{Excluded, Included, Unbounded},
    sync::Arc,
    time::Duration,
};

use highwater_detection::series::{Config, Detector, Kind, Verdict};
use highwater_engine::{Window, hours};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AnomalyType, Assessment, Detection, Evidence, LongTermEvidence, Method, Sample};

/// How series are judged against days and weeks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LongTerm {
    /// The score from which a window is flagged: see
    /// [`rows_per_alarm`](highwater_detection::series::rows_per_alarm).
    pub threshold: f64,
    /// Series of a metric that are judged so, at most: the memory of one takes up to 400 kB. None where this is 0.
    pub series: usize,
}

impl Default for LongTerm {
    fn default() -> Self {
        LongTerm { threshold: 0.7, series: 200 }
    }
}

/// A memory is written down this often, each series at a time of its own.
const PERIOD: Duration = hours(1);
/// Checkpoints of a series that are kept: corrections are followed for as long.
const KEPT: usize = 2;
/// Distances smaller than so many standard deviations of chance are no spike and no drop, however steady a series has been.
const CHANCES: f64 = 4.0;
/// Half a band that holds 999 of 1000 values, in standard deviations of a normal distribution.
const BAND: f64 = 3.29;

/// What a detector remembers, nothing at first: a value to be stored, sent and compared; cheap to clone.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Checkpoint(Arc<Vec<u8>>);

impl Checkpoint {
    /// The layout of what is written; another version of it is not read.
    pub(crate) const LAYOUT: u32 = 1;

    fn of(detector: &Detector) -> Self {
        // numbers alone: there is nothing that could not be written
        Checkpoint(Arc::new(postcard::to_stdvec(detector).unwrap_or_default()))
    }

    /// The detector that goes on from here; where nothing can be read, one that has seen nothing.
    fn open(&self, threshold: f64) -> Detector {
        let read = postcard::from_bytes(&self.0);
        read.unwrap_or_else(|_| Detector::new(&Config::default())).with_threshold(threshold)
    }
}

impl fmt::Debug for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Checkpoint({} bytes)", self.0.len())
    }
}

/// How one series is judged.
#[derive(Clone, Copy, Debug)]
pub struct Judged<'a> {
    /// The score from which a window is flagged.
    pub threshold: f64,
    /// What chance makes of the metric, and how grave what is.
    pub detection: &'a Detection,
    /// How far into an hour its checkpoints are made.
    pub phase: Duration,
}

impl Judged<'_> {
    fn period(&self, window: Window) -> Window {
        let aligned = Window::containing(window.start.minus(self.phase), PERIOD);
        Window { start: aligned.start.plus(self.phase) }
    }
}

/// What changes: what comes (1) and what goes (-1).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    /// Windows that are flagged.
    pub flagged: Vec<(Window, Assessment, isize)>,
    /// Memories by the beginning of their hour.
    pub checkpoints: Vec<(Window, Checkpoint, isize)>,
}

/// The last windows of one series, what was found in them, and the memory of those before.
#[derive(Debug, Default)]
pub struct Remembered {
    /// the windows of the series that it has been told of, those that are looked at no more among them
    known: BTreeSet<Window>,
    rows: BTreeMap<Window, Sample>,
    checkpoints: BTreeMap<Window, Checkpoint>,
    live: Option<Live>,
    flagged: BTreeMap<Window, Assessment>,
}

/// The detector as of the newest window.
#[derive(Debug)]
struct Live {
    detector: Detector,
    period: Window,
    last: Window,
}

impl Remembered {
    /// Goes on with what was kept.
    pub fn restore(&mut self, period: Window, checkpoint: Checkpoint) {
        self.checkpoints.insert(period, checkpoint);
    }

    /// Whether nothing is left of it.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Takes in windows that come (1) and go (-1). While a start brings back what was there, nothing is forgotten for its age.
    pub fn update(&mut self, changes: Vec<(Window, Sample, isize)>, by: &Judged<'_>, is_restoring: bool) -> Told {
        let mut told = Told::default();
        if !is_restoring {
            self.forget(KEPT, &mut told);
        }
        let earliest = self.learn(changes);
        if self.is_empty() {
            self.forget(0, &mut told);
        } else if let Some(earliest) = earliest {
            self.judge(earliest, by, &mut told);
        }
        told
    }

    /// What is older than so many checkpoints goes.
    fn forget(&mut self, keep: usize, told: &mut Told) {
        let before = told.checkpoints.len();
        while self.checkpoints.len() > keep
            && let Some((period, checkpoint)) = self.checkpoints.pop_first()
        {
            told.checkpoints.push((period, checkpoint, -1));
        }
        if told.checkpoints.len() > before {
            let from = self.checkpoints.keys().next().copied();
            let young = |map: &mut BTreeMap<_, _>| from.map(|from| map.split_off(&from)).unwrap_or_default();
            let flagged = young(&mut self.flagged);
            let gone = std::mem::replace(&mut self.flagged, flagged);
            told.flagged.extend(gone.into_iter().map(|(window, point)| (window, point, -1)));
            self.rows = from.map(|from| self.rows.split_off(&from)).unwrap_or_default();
        }
    }

    /// The earliest window that is not as it was, of those that are looked at.
    fn learn(&mut self, mut changes: Vec<(Window, Sample, isize)>) -> Option<Window> {
        let horizon = self.checkpoints.keys().next().copied();
        // what goes comes first, so that what is replaced is not taken away again
        changes.sort_by_key(|(_, _, diff)| *diff);
        let mut earliest = None;
        for (window, sample, diff) in changes {
            if diff > 0 {
                self.known.insert(window);
            } else if !self.known.remove(&window) {
                // from before there was room for the series
                continue;
            }
            if horizon.is_some_and(|horizon| window < horizon) {
                continue;
            }
            if diff > 0 {
                self.rows.insert(window, sample);
            } else {
                self.rows.remove(&window);
            }
            earliest = Some(earliest.map_or(window, |earliest: Window| earliest.min(window)));
        }
        earliest
    }

    /// Judges the windows from the earliest on that is not as it was.
    fn judge(&mut self, earliest: Window, by: &Judged<'_>, told: &mut Told) {
        let Remembered { rows, checkpoints, flagged, .. } = self;
        let going_on = self.live.take().filter(|live| live.last < earliest);
        let (mut live, from) = match (going_on, checkpoints.range(..=earliest).next_back()) {
            (Some(live), _) => {
                let from = Excluded(live.last);
                (live, from)
            }
            (None, Some((&period, checkpoint))) => {
                (Live { detector: checkpoint.open(by.threshold), period, last: period }, Included(period))
            }
            (None, None) => {
                let (period, nothing) = (by.period(earliest), Checkpoint::default());
                let detector = nothing.open(by.threshold);
                told.checkpoints.push((period, nothing.clone(), 1));
                checkpoints.insert(period, nothing);
                (Live { detector, period, last: period }, Included(period))
            }
        };
        let was: BTreeMap<_, _> = flagged.extract_if((from, Unbounded), |_, _| true).collect();
        for (&window, sample) in rows.range((from, Unbounded)) {
            let period = by.period(window);
            if live.period != period {
                live.enter(period, checkpoints, by, told);
            }
            if let Some(point) = live.judge(window, *sample, by) {
                flagged.insert(window, point);
            }
        }
        let gone = was.iter().filter(|(window, point)| flagged.get(window) != Some(point));
        told.flagged.extend(gone.map(|(window, point)| (*window, point.clone(), -1)));
        let come = flagged.range((from, Unbounded)).filter(|(window, point)| was.get(window) != Some(point));
        told.flagged.extend(come.map(|(window, point)| (*window, point.clone(), 1)));
        self.live = Some(live);
    }
}

impl Live {
    /// A new hour: from what was written down at its beginning, or written down now.
    fn enter(
        &mut self,
        period: Window,
        checkpoints: &mut BTreeMap<Window, Checkpoint>,
        by: &Judged<'_>,
        told: &mut Told,
    ) {
        self.period = period;
        match checkpoints.get(&period) {
            Some(checkpoint) => self.detector = checkpoint.open(by.threshold),
            None => {
                let checkpoint = Checkpoint::of(&self.detector);
                told.checkpoints.push((period, checkpoint.clone(), 1));
                checkpoints.insert(period, checkpoint);
            }
        }
    }

    fn judge(&mut self, window: Window, sample: Sample, by: &Judged<'_>) -> Option<Assessment> {
        self.last = window;
        let verdict = self.detector.push(Some(window.start.as_micros() / 1_000), *sample.value);
        let kind = verdict.kind.filter(|_| verdict.flagged)?;
        let point = assessment(&verdict, kind, sample, self.detector.rows(), by.detection);
        (kind == Kind::PatternChange || is_beyond_chance(&verdict, sample, by.detection)).then_some(point)
    }
}

fn is_beyond_chance(verdict: &Verdict, Sample { value, of }: Sample, detection: &Detection) -> bool {
    let (floor, chance) = (detection.z_score.floor, detection.z_score.chance);
    let floor = floor.absolute.max(floor.relative * verdict.expected.abs());
    let spread = chance.spread(verdict.expected, *value, of).max(floor);
    (*value - verdict.expected).abs() - chance.step(of) / 2.0 >= CHANCES * spread
}

fn assessment(verdict: &Verdict, kind: Kind, sample: Sample, rows: u64, detection: &Detection) -> Assessment {
    let (value, expected) = (*sample.value, verdict.expected);
    let [low, high] = verdict.band;
    let deviation = ((high - low) / 2.0 / BAND).max(f64::MIN_POSITIVE);
    let z = ((value - expected) / deviation).clamp(-1e6, 1e6);
    let percent = (value - expected) / expected.abs().max(detection.z_score.floor.absolute).max(1e-12) * 100.0;
    let methods = verdict.methods;
    Assessment {
        score: verdict.score.into(),
        flagged: true,
        anomaly_type: match kind {
            Kind::Spike => AnomalyType::Spike,
            Kind::Drop => AnomalyType::Drop,
            Kind::PatternChange => AnomalyType::PatternChange,
        },
        severity: detection.severity.severity(z, percent),
        methods: vec![Method::LongTerm],
        value: sample.value,
        expected: expected.into(),
        deviation_percent: percent.into(),
        evidence: Evidence {
            z_score: z.into(),
            moving_average_deviation_percent: None,
            isolation_forest_score: None,
            history_windows: u32::try_from(rows.saturating_sub(1)).unwrap_or(u32::MAX),
            band: verdict.band.map(Into::into),
            long_term: Some(LongTermEvidence {
                level: methods.level.into(),
                jump: methods.jump.into(),
                shape: methods.shape.into(),
                drift: methods.drift.into(),
            }),
        },
    }
}

#[cfg(test)]
mod tests {
    use highwater_engine::{Timestamp, minutes};
    use proptest::prelude::*;

    use super::*;

    const PHASE: Duration = minutes(17);

    fn minute(n: u64) -> Window {
        Window { start: Timestamp::from_millis(1_760_000_040_000).plus(minutes(n)) }
    }

    fn by(detection: &Detection) -> Judged<'_> {
        Judged { threshold: 0.35, detection, phase: PHASE }
    }

    /// What has been told, as it stands.
    #[derive(Clone, Debug, Default, PartialEq)]
    struct World {
        flagged: BTreeMap<Window, Assessment>,
        checkpoints: BTreeMap<Window, Checkpoint>,
    }

    impl World {
        fn hear(&mut self, told: Told) {
            fn apply<V: PartialEq + fmt::Debug>(map: &mut BTreeMap<Window, V>, mut changes: Vec<(Window, V, isize)>) {
                changes.sort_by_key(|(_, _, diff)| *diff);
                for (window, value, diff) in changes {
                    let before = if diff > 0 { map.insert(window, value) } else { map.remove(&window) };
                    assert_eq!(before.is_some(), diff < 0, "what comes was not there, what goes was");
                }
            }
            apply(&mut self.flagged, told.flagged);
            apply(&mut self.checkpoints, told.checkpoints);
        }
    }

    fn steady(n: u64) -> f64 {
        100.0 + (n * 7 % 13) as f64
    }

    fn values(most: usize) -> impl Strategy<Value = Vec<f64>> {
        let odd = prop_oneof![30 => Just(None), 1 => (0f64..1000.0).prop_map(Some)];
        let all = prop::collection::vec(odd, 150..most);
        all.prop_map(|all| (0..).zip(all).map(|(n, odd)| odd.unwrap_or_else(|| steady(n))).collect())
    }

    #[test]
    fn a_spike_is_told_with_its_reasons_and_what_chance_does_is_not() {
        let detection = Detection::counts();
        let mut series = Remembered::default();
        let rows = (0..400).map(|n| (minute(n), Sample::from(steady(n)), 1));
        assert_eq!(series.update(rows.collect(), &by(&detection), false).flagged, []);
        let mut next = |value: f64| series.update(vec![(minute(400), value.into(), 1)], &by(&detection), false);
        // 106 are expected, which stray by ten
        assert_eq!(next(130.0).flagged, []);
        let told = series.update(
            vec![(minute(400), 130.0.into(), -1), (minute(400), 500.0.into(), 1)],
            &by(&detection),
            false,
        );
        let [(window, point, 1)] = &told.flagged[..] else { panic!("{told:?}") };
        assert_eq!(
            (*window, point.anomaly_type, &point.methods[..]),
            (minute(400), AnomalyType::Spike, &[Method::LongTerm][..])
        );
        assert!((99.0..114.0).contains(&*point.expected) && *point.evidence.z_score > 4.0, "{point:?}");
        assert!(*point.evidence.long_term.unwrap().level > 3.0 && point.evidence.history_windows == 400, "{point:?}");
    }

    #[test]
    fn nothing_is_left_of_a_series_that_is_gone() {
        let detection = Detection::default();
        let (mut series, mut world) = (Remembered::default(), World::default());
        let rows: Vec<_> =
            (0..200).map(|n| (minute(n), Sample::from(if n == 190 { 900.0 } else { steady(n) }))).collect();
        world.hear(series.update(
            rows.iter().map(|(window, sample)| (*window, *sample, 1)).collect(),
            &by(&detection),
            false,
        ));
        assert!(!world.flagged.is_empty() && !world.checkpoints.is_empty());
        world.hear(series.update(
            rows.into_iter().map(|(window, sample)| (window, sample, -1)).collect(),
            &by(&detection),
            false,
        ));
        assert_eq!((world, series.is_empty()), (World::default(), true));
    }

    #[test]
    fn a_series_there_was_no_room_for_at_first_forgets_nothing_when_older_windows_go() {
        let detection = Detection::default();
        let (mut series, mut world) = (Remembered::default(), World::default());
        for n in 100..300 {
            let gone = (minute(n - 100), Sample::from(steady(n - 100)), -1);
            world.hear(series.update(vec![gone], &by(&detection), false));
            world.hear(series.update(vec![(minute(n), steady(n).into(), 1)], &by(&detection), false));
            assert!(!series.is_empty() && !world.checkpoints.is_empty());
        }
        assert_eq!(series.live.unwrap().detector.rows(), 200);
    }

    #[test]
    fn what_cannot_be_read_is_a_new_beginning() {
        assert_eq!(Checkpoint(Arc::new(vec![7; 99])).open(0.5).rows(), 0);
        assert_eq!(Checkpoint::default().open(0.5).rows(), 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn however_rows_are_cut_all_is_found_that_the_detector_finds(values in values(500), cuts in prop::collection::vec(1usize..200, 1..30)) {
            let detection = Detection::default().floor(1.0);
            let mut detector = Detector::new(&Config::default()).with_threshold(0.35);
            let mut expected = BTreeMap::new();
            for (n, value) in (0..).zip(&values) {
                let at = minute(n).start.as_micros() / 1_000;
                let verdict = detector.push(Some(at), *value);
                let sample = Sample::from(*value);
                let is_told = verdict.flagged
                    && (verdict.kind == Some(Kind::PatternChange) || is_beyond_chance(&verdict, sample, &detection));
                if let Some(kind) = verdict.kind.filter(|_| is_told) {
                    expected.insert(minute(n), assessment(&verdict, kind, sample, n + 1, &detection));
                }
            }
            let (mut series, mut world, mut found) = (Remembered::default(), World::default(), BTreeMap::new());
            let mut rows = (0..).map(minute).zip(&values).map(|(window, value)| (window, Sample::from(*value), 1)).peekable();
            for cut in cuts.into_iter().cycle() {
                if rows.peek().is_none() {
                    break;
                }
                let told = series.update(rows.by_ref().take(cut).collect(), &by(&detection), false);
                found.extend(told.flagged.iter().filter(|(.., diff)| *diff > 0).map(|(window, point, _)| (*window, point.clone())));
                world.hear(told);
            }
            prop_assert_eq!(found, expected);
            prop_assert_eq!(&world.flagged, &series.flagged);
            prop_assert_eq!(&world.checkpoints, &series.checkpoints);
        }

        #[test]
        fn a_series_that_was_restored_goes_on_as_if_nothing_had_been(
            values in values(400),
            updates in prop::collection::vec((1usize..70, prop::collection::vec((0u64..180, 0f64..300.0), 0..4)), 2..40),
            kill in 0usize..20,
        ) {
            let detection = Detection::default().floor(1.0);
            let (mut series, mut world) = (Remembered::default(), World::default());
            let mut rows: BTreeMap<Window, Sample> = BTreeMap::new();
            let mut news = (0..).zip(values).peekable();
            let mut restored: Option<Remembered> = None;
            for (step, (count, corrections)) in updates.into_iter().enumerate() {
                let mut changes: BTreeMap<(Window, Sample), isize> = BTreeMap::new();
                let newest = news.peek().map_or(400, |(n, _)| *n);
                let come = news.by_ref().take(count).map(|(n, value)| (minute(n), Sample::from(value)));
                let corrected = corrections.into_iter().filter(|(back, _)| *back < newest);
                let corrected = corrected.map(|(back, value)| (minute(newest - 1 - back), Sample::from(value)));
                for (window, sample) in corrected.collect::<Vec<_>>().into_iter().chain(come) {
                    *changes.entry((window, sample)).or_default() += 1;
                    if let Some(before) = rows.insert(window, sample) {
                        *changes.entry((window, before)).or_default() -= 1;
                    }
                }
                let changes: Vec<_> =
                    changes.into_iter().filter(|(_, diff)| *diff != 0).map(|((window, sample), diff)| (window, sample, diff)).collect();
                let told = series.update(changes.clone(), &by(&detection), false);
                if let Some(restored) = &mut restored {
                    prop_assert_eq!(&restored.update(changes, &by(&detection), false), &told);
                }
                world.hear(told);
                if step == kill {
                    let mut again = Remembered::default();
                    world.checkpoints.iter().for_each(|(period, checkpoint)| again.restore(*period, checkpoint.clone()));
                    let told = again.update(rows.iter().map(|(window, sample)| (*window, *sample, 1)).collect(), &by(&detection), true);
                    prop_assert!(told.checkpoints.is_empty());
                    prop_assert_eq!(&again.flagged, &world.flagged);
                    restored = Some(again);
                }
            }
        }
    }
}
