//! A query of one's own: of the checkouts that begin in a minute, how many come to a payment?
//!
//! Copy this crate, change what is counted, and hand the query to a job beside the built-in ones.

use highwater_engine::{Everything, Flow, Log, Query, minutes};
use highwater_operators::{AlertRule, AlertWhen, Condition, Ratio, Real, Severity, catalog};

/// Steps of the funnel, counted per window. `(u64, u64)` adds up by itself; a struct would implement `Monoid`.
type Steps = (u64, u64);

/// View `checkout_funnel`: payments over checkouts, per minute; an alert when less than half come through.
pub struct CheckoutFunnel;

impl Query for CheckoutFunnel {
    fn name(&self) -> &str {
        "checkout_funnel"
    }

    fn build(&self, flow: &mut Flow<'_>) {
        let steps = flow.logs().tumbling(minutes(1)).aggregate(Everything, |steps: &mut Steps, log: &Log<'_>| {
            steps.0 += u64::from(log.message().contains("payment accepted"));
            steps.1 += u64::from(log.message().contains("checkout started"));
        });
        flow.view("checkout_funnel", &steps.map(|(paid, started)| Ratio::new(paid, started)));

        let completed =
            steps.closed((0, 0)).map(|(paid, started)| Real::from(Ratio::new(paid, started.max(1)).percent()));
        let when = AlertWhen {
            name: "checkouts_fail".into(),
            description: "less than half of the checkouts of a minute come to a payment".to_owned(),
            severity: Severity::Critical,
            rule: AlertRule::compare(Condition::LessThan, 50.0),
        };
        flow.table(catalog::ALERTS, when.alerts(&completed, |()| "checkout".into()));
    }
}

#[cfg(test)]
mod tests {
    use highwater_engine::{Plain, Settings, Windowed, testing::replay};
    use highwater_operators::Alert;

    use super::*;

    #[test]
    fn a_minute_in_which_payments_fail_alerts() {
        let log = |minute: u32, message: &str| {
            (0, format!(r#"{{"timestamp":"2025-10-23T14:{minute:02}:15Z","service":"shop","message":"{message}"}}"#))
        };
        let good = vec![log(30, "checkout started"), log(30, "payment accepted")];
        let bad = vec![log(31, "checkout started"), log(31, "checkout started"), log(31, "checkout started")];
        let snapshots = replay(CheckoutFunnel, &Settings::default(), &vec![good, bad]).unwrap();
        let end = snapshots.last().unwrap();
        let funnel = end.rows::<Windowed<()>, Ratio>("checkout_funnel").unwrap();
        assert_eq!(funnel.values().copied().collect::<Vec<_>>(), [Ratio::new(1, 1), Ratio::new(0, 3)]);
        let alerts = end.rows::<Plain<highwater_engine::Name>, Alert>(catalog::ALERTS).unwrap();
        assert_eq!(
            alerts.keys().map(|row| &*row.key).collect::<Vec<_>>(),
            ["checkouts_fail:checkout:2025-10-23T14:31:00.000Z"]
        );
    }
}
