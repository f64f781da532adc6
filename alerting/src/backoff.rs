//! How long to wait before a receiver that failed is tried again.

use std::time::Duration;

use highwater_operators::stable_hash;

/// The first pause; each is twice the one before.
const FIRST: Duration = Duration::from_secs(1);
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(300);

/// The pause after so many attempts: doubled each time, a quarter more or less by the notice, so that those that failed
/// together do not come back together; never less than the receiver asks for.
pub(crate) fn pause(notice: &str, attempts: u32, asked: Option<Duration>) -> Duration {
    let doubled = FIRST.saturating_mul(1 << attempts.min(16)).min(LONGEST);
    let draw = stable_hash(format!("{notice}:{attempts}").as_bytes()) % 1_000;
    let spread = doubled.mul_f64(0.75 + draw as f64 / 2_000.0);
    spread.max(asked.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_within_bounds_and_are_not_alike() {
        for attempts in 0..100 {
            let middle = Duration::from_secs((1 << attempts.min(16)).min(300));
            let pauses: Vec<Duration> =
                (0..200).map(|notice: u32| pause(&notice.to_string(), attempts, None)).collect();
            let (least, most) = (pauses.iter().min().unwrap(), pauses.iter().max().unwrap());
            assert!(*least >= middle.mul_f64(0.75) && *most <= middle.mul_f64(1.25), "{attempts}: {least:?} {most:?}");
            assert!(*most > middle.mul_f64(1.1) && *least < middle.mul_f64(0.9), "{attempts}");
        }
        assert_eq!(pause("a", 0, Some(Duration::from_secs(60))), Duration::from_secs(60));
    }
}
