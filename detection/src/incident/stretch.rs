//! [`group`]: incidents of anomalies that were found elsewhere, such as those of logs.

use super::{Calls, Change, Grouping, GroupingConfig, Incident, Sign};

/// An anomaly of one series: from one window to another, that one included.
#[derive(Clone, Debug, PartialEq)]
pub struct Stretch {
    /// Its first window, by number.
    pub first: i64,
    /// What was strange, and until when.
    pub sign: Sign,
}

/// The incidents of these anomalies, by the time that they began. Whatever the order of the anomalies, the answer is the
/// same, and each anomaly is in one incident. A function of its arguments alone, so a dataflow can maintain it.
pub fn group(anomalies: impl IntoIterator<Item = Stretch>, calls: &Calls, config: &GroupingConfig) -> Vec<Incident> {
    let mut anomalies: Vec<Stretch> = anomalies.into_iter().collect();
    anomalies.sort_by(|one, other| {
        let key = |stretch: &Stretch| (stretch.first, stretch.sign.until);
        let name = |stretch: &Stretch| (stretch.sign.service.clone(), stretch.sign.metric.clone());
        key(one)
            .cmp(&key(other))
            .then_with(|| name(one).cmp(&name(other)))
            .then_with(|| one.sign.surprise.total_cmp(&other.sign.surprise))
    });
    let mut grouping = Grouping::new(config);
    let mut done = Vec::new();
    for together in anomalies.chunk_by(|one, other| one.first == other.first) {
        let signs = together.iter().map(|stretch| stretch.sign.clone());
        let changes = grouping.step(together[0].first, signs, calls);
        done.extend(
            changes.into_iter().filter_map(|(change, incident)| (change == Change::Closed).then_some(incident)),
        );
    }
    done.extend(grouping.into_open());
    done.sort_by(|one, other| (one.opened, &one.id).cmp(&(other.opened, &other.id)));
    done
}
