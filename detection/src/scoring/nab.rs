//! The score of streaming detectors by the rules of the Numenta Anomaly Benchmark (Lavin and Ahmad 2015).
//!
//! A detection in a labelled window is worth more the earlier it comes, only the best of a window counts, a window
//! without one costs, and so does each detection outside. One threshold serves the whole corpus.

/// What a detection, a missed window and a false alarm weigh.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Profile {
    /// The best detection in a window.
    pub hit: f64,
    /// A window without a detection.
    pub miss: f64,
    /// A detection outside all windows.
    pub false_alarm: f64,
}

/// The benchmark's own three profiles by name.
pub const PROFILES: [(&str, Profile); 3] = [
    ("standard", Profile { hit: 1.0, miss: 1.0, false_alarm: 0.11 }),
    ("reward_low_FP_rate", Profile { hit: 1.0, miss: 1.0, false_alarm: 0.22 }),
    ("reward_low_FN_rate", Profile { hit: 1.0, miss: 2.0, false_alarm: 0.11 }),
];

/// The part of a file that is not scored, and the most rows that it is a part of.
const PROBATION: (f64, f64) = (0.15, 5000.0);

/// Where in a file a row lies, and what a detection there is worth before weighting.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Unscored,
    Outside(f64),
    Inside(usize, f64),
}

/// The worth of a detection at each row of one file.
#[derive(Clone, Debug, PartialEq)]
pub struct Truth {
    places: Vec<Place>,
    windows: usize,
}

impl Truth {
    /// From the times of a file's rows and its labelled windows, both ends within.
    pub fn new(times: &[i64], windows: &[(i64, i64)]) -> Self {
        let mut spans: Vec<(usize, usize)> = windows.iter().filter_map(|window| rows_of(times, *window)).collect();
        spans.sort_unstable();
        let start = (PROBATION.0 * times.len() as f64).floor().min(PROBATION.0 * PROBATION.1) as usize;
        spans.retain(|(_, last)| *last >= start || times.is_empty());
        let ended = windows.iter().filter_map(|window| rows_of(times, *window)).filter(|(_, last)| *last < start).max();
        let places = (0..times.len()).map(|row| if row < start { Place::Unscored } else { place(row, &spans, ended) });
        Self { places: places.collect(), windows: spans.len() }
    }

    /// How many windows count.
    pub fn windows(&self) -> usize {
        self.windows
    }
}

fn rows_of(times: &[i64], (from, to): (i64, i64)) -> Option<(usize, usize)> {
    let inside = |time: &i64| (from..=to).contains(time);
    Some((times.iter().position(inside)?, times.iter().rposition(inside)?))
}

fn place(row: usize, spans: &[(usize, usize)], ended: Option<(usize, usize)>) -> Place {
    if let Some(window) = spans.iter().position(|(first, last)| (*first..=*last).contains(&row)) {
        let (first, last) = spans[window];
        let y = -((last - row + 1) as f64) / (last - first + 1) as f64;
        return Place::Inside(window, sigma(y) / sigma(-1.0));
    }
    match spans.iter().rev().find(|(_, last)| *last < row).copied().or(ended) {
        Some((first, last)) if last > first => Place::Outside(sigma((row - last) as f64 / (last - first) as f64)),
        _ => Place::Outside(-1.0),
    }
}

fn sigma(y: f64) -> f64 {
    if y > 3.0 { -1.0 } else { 2.0 / (1.0 + (5.0 * y).exp()) - 1.0 }
}

/// What a corpus came to at one threshold.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Outcome {
    /// The plain sum over files, before it is made comparable.
    pub raw: f64,
    /// Windows with a detection.
    pub hit: usize,
    /// Windows in all.
    pub windows: usize,
    /// Detections outside of windows.
    pub false_alarms: usize,
}

impl Outcome {
    /// 0 for a detector that detects nothing, 100 for one that detects the first row of each window and nothing else.
    pub fn score(&self, profile: Profile) -> f64 {
        let windows = self.windows as f64;
        100.0 * (self.raw + profile.miss * windows) / ((profile.hit + profile.miss) * windows)
    }

    /// Both together.
    pub fn and(self, other: Self) -> Self {
        Self {
            raw: self.raw + other.raw,
            hit: self.hit + other.hit,
            windows: self.windows + other.windows,
            false_alarms: self.false_alarms + other.false_alarms,
        }
    }
}

/// What one file comes to when rows from `threshold` on are detections.
pub fn outcome(truth: &Truth, scores: &[f64], profile: Profile, threshold: f64) -> Outcome {
    let mut best: Vec<Option<f64>> = vec![None; truth.windows];
    let mut outcome = Outcome { windows: truth.windows, ..Outcome::default() };
    for (place, _) in truth.places.iter().zip(scores).filter(|(_, score)| **score >= threshold) {
        match *place {
            Place::Unscored => {}
            Place::Outside(worth) => {
                outcome.raw += profile.false_alarm * worth;
                outcome.false_alarms += 1;
            }
            Place::Inside(window, worth) => best[window] = Some(best[window].map_or(worth, |best| best.max(worth))),
        }
    }
    for best in best {
        outcome.raw += best.map_or(-profile.miss, |worth| profile.hit * worth);
        outcome.hit += usize::from(best.is_some());
    }
    outcome
}

/// The threshold at which a corpus comes to most: infinite where it is best to detect nothing.
pub fn best_threshold(files: &[(&Truth, &[f64])], profile: Profile) -> f64 {
    let mut rows: Vec<(f64, Option<usize>, f64)> = Vec::new();
    let mut windows = 0;
    for (truth, scores) in files {
        for (place, score) in truth.places.iter().zip(*scores) {
            match *place {
                Place::Unscored => {}
                Place::Outside(worth) => rows.push((*score, None, profile.false_alarm * worth)),
                Place::Inside(window, worth) => rows.push((*score, Some(windows + window), profile.hit * worth)),
            }
        }
        windows += truth.windows;
    }
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut reached = vec![-profile.miss; windows];
    let (mut gain, mut best) = (0.0, (0.0, f64::INFINITY));
    for level in rows.chunk_by(|a, b| a.0 == b.0) {
        for (_, window, worth) in level {
            match window {
                None => gain += worth,
                Some(window) if *worth > reached[*window] => {
                    gain += worth - reached[*window];
                    reached[*window] = *worth;
                }
                Some(_) => {}
            }
        }
        if gain > best.0 {
            best = (gain, level[0].0);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hundred() -> Truth {
        Truth::new(&(0..100).collect::<Vec<i64>>(), &[(5, 8), (50, 59)])
    }

    #[test]
    fn the_first_row_of_a_window_is_worth_all_and_nothing_is_worth_nothing() {
        let (truth, standard) = (hundred(), PROFILES[0].1);
        assert_eq!(truth.windows(), 1, "a window within the probation is not scored");
        let mut scores = vec![0.0; 100];
        assert_eq!(outcome(&truth, &scores, standard, 0.5).score(standard), 0.0);
        scores[50] = 1.0;
        assert_eq!(outcome(&truth, &scores, standard, 0.5).score(standard), 100.0);
        scores[3] = 1.0; // within the probation
        scores[59] = 1.0; // later in the same window
        assert_eq!(outcome(&truth, &scores, standard, 0.5).score(standard), 100.0);
        scores[40] = 1.0; // far from every window
        let outcome = outcome(&truth, &scores, standard, 0.5);
        assert!((outcome.score(standard) - (100.0 - 50.0 * 0.11)).abs() < 1e-9);
        assert_eq!((outcome.hit, outcome.false_alarms), (1, 1));
    }

    #[test]
    fn the_threshold_is_where_most_is_gained() {
        let (truth, standard) = (hundred(), PROFILES[0].1);
        let mut scores = vec![0.1; 100];
        scores[52] = 0.7;
        scores[30] = 0.6;
        assert_eq!(best_threshold(&[(&truth, &scores)], standard), 0.7);
    }
}
