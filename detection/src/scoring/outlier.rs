//! The score of outlier rankings: area under the ROC curve, average precision.

/// How well scores rank outliers above other rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranking {
    /// The area under the ROC curve: how likely an outlier scores above another row, ties counting half.
    pub roc_auc: f64,
    /// The mean precision over the outliers, from the highest score down: the gain in recall at each level of score times
    /// the precision there.
    pub average_precision: f64,
}

/// Judges scores, higher being odder, by labels in the same order. None where all labels are alike.
///
/// ```
/// use highwater_detection::scoring::outlier::rank;
/// let ranking = rank(&[true, false, true, false], &[0.9, 0.8, 0.8, 0.1]).unwrap();
/// assert_eq!((ranking.roc_auc, ranking.average_precision), (0.875, 0.5 + 0.5 * 2.0 / 3.0));
/// ```
pub fn rank(labels: &[bool], scores: &[f64]) -> Option<Ranking> {
    let mut ranked: Vec<(f64, bool)> = scores.iter().copied().zip(labels.iter().copied()).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    let outliers = ranked.iter().filter(|(_, outlier)| *outlier).count() as f64;
    let others = ranked.len() as f64 - outliers;
    if outliers == 0.0 || others == 0.0 {
        return None;
    }
    let (mut found, mut wrong) = (0.0, 0.0);
    let mut ranking = Ranking { roc_auc: 0.0, average_precision: 0.0 };
    for level in ranked.chunk_by(|a, b| a.0 == b.0) {
        let more_found = level.iter().filter(|(_, outlier)| *outlier).count() as f64;
        let more_wrong = level.len() as f64 - more_found;
        ranking.roc_auc += more_wrong * (found + more_found / 2.0);
        found += more_found;
        wrong += more_wrong;
        ranking.average_precision += more_found / outliers * found / (found + wrong);
    }
    ranking.roc_auc /= outliers * others;
    Some(ranking)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn labels_that_are_all_alike_rank_nothing() {
        assert_eq!(rank(&[true, true], &[0.1, 0.2]), None);
        assert_eq!(rank(&[], &[]), None);
    }

    proptest! {
        #[test]
        fn the_area_is_the_share_of_pairs_in_the_right_order(rows in prop::collection::vec((any::<bool>(), 0..9_u8), 2..60)) {
            let (labels, scores): (Vec<bool>, Vec<f64>) = rows.iter().map(|(label, score)| (*label, f64::from(*score))).unzip();
            let pairs: Vec<f64> = rows
                .iter()
                .filter(|(outlier, _)| *outlier)
                .flat_map(|(_, high)| rows.iter().filter(|(outlier, _)| !outlier).map(move |(_, low)| high.cmp(low)))
                .map(|order| match order {
                    std::cmp::Ordering::Less => 0.0,
                    std::cmp::Ordering::Equal => 0.5,
                    std::cmp::Ordering::Greater => 1.0,
                })
                .collect();
            match rank(&labels, &scores) {
                None => prop_assert!(pairs.is_empty()),
                Some(ranking) => {
                    let share = pairs.iter().sum::<f64>() / pairs.len() as f64;
                    prop_assert!((ranking.roc_auc - share).abs() < 1e-9);
                    prop_assert!(ranking.average_precision > 0.0 && ranking.average_precision <= 1.0 + 1e-9);
                }
            }
        }
    }
}
