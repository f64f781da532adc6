use std::time::Duration;

use highwater_operators::Severity;
use proptest::prelude::*;

use super::*;
use crate::notify::{Matcher, Operator, SilenceDraft};

const TELLS: Tells = Tells { acknowledged: false, keeps_alive: false };
const SECOND: i64 = 1_000_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * SECOND)
}

fn alert(number: u8, standing: Standing, since: i64) -> NoticeAlert {
    NoticeAlert {
        fingerprint: Name::from(format!("print-{number}")),
        alert_id: Name::from(format!("alert-{number}-{since}")),
        rule_id: Name::from("rule"),
        standing,
        severity: Severity::High,
        labels: BTreeMap::from([("service".to_owned(), number.to_string())]),
        annotations: BTreeMap::new(),
        starts_at: at(since),
        ends_at: (!standing.is_open()).then(|| at(since + 1)),
        flapping: None,
    }
}

fn options() -> NotifyOptions {
    NotifyOptions {
        group_wait: Duration::from_secs(30),
        group_interval: Duration::from_secs(300),
        repeat_interval: Duration::from_secs(3_600),
        flap_threshold: 4,
        flap_window: Duration::from_secs(1_200),
        ..NotifyOptions::default()
    }
}

fn group(options: NotifyOptions) -> Group {
    Group::new("group".into(), "receiver".into(), BTreeMap::new(), options, TELLS, at(0))
}

fn silence(number: u8, from: i64, to: i64) -> Silence {
    let matchers = vec![Matcher::new("service", Operator::Equal, &number.to_string()).unwrap()];
    let draft = SilenceDraft { matchers, starts_at: at(from), ends_at: at(to), comment: "quiet".into() };
    Silence { id: "silence".into(), created_by: "kim".into(), created_at: at(from), updated_at: at(from), draft }
}

fn told(notice: &Notice) -> Vec<(String, Standing)> {
    notice.alerts.iter().map(|alert| (alert.fingerprint.to_string(), alert.standing)).collect()
}

#[test]
fn a_day_of_a_group_by_hand() {
    use Standing::{Firing, Resolved};
    let mut group = group(options());
    group.update(alert(1, Firing, 0), at(0), at(0));
    group.update(alert(2, Firing, 5), at(5), at(5));
    assert_eq!(group.look(at(29), &[]), None, "it waits for more");
    let first = group.look(at(30), &[]).unwrap();
    assert_eq!(told(&first), [("print-1".to_owned(), Firing), ("print-2".to_owned(), Firing)]);
    group.update(alert(3, Firing, 60), at(60), at(60));
    group.update(alert(1, Resolved, 0), at(70), at(70));
    assert_eq!(group.look(at(100), &[]), None, "the group was told of just now");
    let second = group.look(at(330), &[]).unwrap();
    assert_eq!(
        told(&second),
        [("print-1".to_owned(), Resolved), ("print-2".to_owned(), Firing), ("print-3".to_owned(), Firing)]
    );
    assert_ne!(first.id, second.id);
    assert_eq!(group.look(at(630), &[]), None, "nothing new");
    let third = group.look(at(330 + 3_600), &[]).unwrap();
    assert!(third.is_repeated);
    assert_eq!(told(&third), [("print-2".to_owned(), Firing), ("print-3".to_owned(), Firing)]);
    group.update(alert(2, Resolved, 5), at(4_000), at(4_000));
    group.update(alert(3, Resolved, 60), at(4_000), at(4_000));
    let last = group.look(at(4_300), &[]).unwrap();
    assert!(!last.is_firing());
    assert_eq!(group.look(at(10_000), &[]), None);
    assert_eq!(group.wake(), None, "it can be forgotten");
}

#[test]
fn a_group_that_comes_again_has_other_ids() {
    let of = |born| {
        let mut group = Group::new("group".into(), "receiver".into(), BTreeMap::new(), options(), TELLS, at(born));
        group.update(alert(1, Standing::Firing, 0), at(born), at(born));
        group.look(at(born + 30), &[]).unwrap().id
    };
    assert_eq!(of(0), of(0));
    assert_ne!(of(0), of(1));
}

#[test]
fn a_silence_mutes_and_what_ended_in_it_is_told_after() {
    let mut group = group(options());
    group.update(alert(1, Standing::Firing, 0), at(0), at(0));
    assert!(group.look(at(30), &[]).is_some());
    let silences = [silence(1, 40, 1_000)];
    group.update(alert(1, Standing::Resolved, 0), at(50), at(50));
    assert_eq!(group.look(at(400), &silences), None);
    assert_eq!(told(&group.look(at(1_000), &silences).unwrap()), [("print-1".to_owned(), Standing::Resolved)]);
    // what was never told of needs no end
    group.update(alert(1, Standing::Firing, 1_100), at(1_100), at(1_100));
    let silences = [silence(1, 1_100, 2_000)];
    assert_eq!(group.look(at(1_500), &silences), None);
    group.update(alert(1, Standing::Resolved, 1_100), at(1_600), at(1_600));
    assert_eq!(group.look(at(3_000), &silences), None);
}

#[test]
fn who_flaps_is_told_of_once_per_window_and_it_says_so() {
    let mut group =
        group(NotifyOptions { group_wait: Duration::ZERO, group_interval: Duration::from_secs(1), ..options() });
    let mut notices = Vec::new();
    for turn in 0..40 {
        let now = turn * 30;
        let standing = if turn % 2 == 0 { Standing::Firing } else { Standing::Resolved };
        group.update(alert(1, standing, now - now % 60), at(now), at(now));
        notices.extend(group.look(at(now), &[]));
    }
    assert_eq!(notices.len(), 3, "until it is known to flap");
    let later = group.look(at(39 * 30 + 1_200), &[]).unwrap();
    assert_eq!(
        told(&later),
        [("print-1".to_owned(), Standing::Resolved)],
        "after a window of calm, what is so is said"
    );
    group.update(alert(1, Standing::Firing, 9_000), at(9_000), at(9_000));
    assert!(group.look(at(9_000), &[]).unwrap().alerts[0].flapping.is_none());
    for turn in 1..10 {
        let standing = if turn % 2 == 0 { Standing::Firing } else { Standing::Resolved };
        group.update(alert(1, standing, 9_000), at(9_000 + turn), at(9_000 + turn));
    }
    let flapping = group.look(at(9_000 + 1_200), &[]);
    assert!(flapping.is_some_and(|notice| notice.alerts[0].flapping.is_some()));
}

#[test]
fn an_older_alert_that_opens_again_counts_more_than_a_newer_one_that_is_over() {
    let mut group = group(NotifyOptions { group_wait: Duration::ZERO, ..options() });
    group.update(alert(1, Standing::Firing, 100), at(100), at(100));
    group.update(alert(1, Standing::Resolved, 100), at(200), at(200));
    group.update(alert(1, Standing::Firing, 50), at(50), at(201));
    assert_eq!(group.members[&Name::from("print-1")].alert.starts_at, at(50));
    group.update(alert(1, Standing::Resolved, 10), at(10), at(202));
    assert!(group.members[&Name::from("print-1")].alert.standing.is_open(), "what is over says nothing of it");
}

#[derive(Clone, Debug)]
enum Step {
    Update(u8, Standing),
    Pass(u16),
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let standing =
        prop::sample::select(vec![Standing::Firing, Standing::NoData, Standing::Acknowledged, Standing::Resolved]);
    let update = (0..4_u8, standing).prop_map(|(number, standing)| Step::Update(number, standing));
    prop::collection::vec(
        prop_oneof![3 => update, 3 => (1..900_u16).prop_map(Step::Pass), 1 => Just(Step::Restart)],
        0..80,
    )
}

fn any_options() -> impl Strategy<Value = NotifyOptions> {
    (0..60_u64, 1..400_u64, 60..4_000_u64, any::<bool>(), 2..6_u32, 60..2_000_u64).prop_map(
        |(wait, interval, repeat, send_resolved, flap_threshold, flap_window)| NotifyOptions {
            group_wait: Duration::from_secs(wait),
            group_interval: Duration::from_secs(interval),
            repeat_interval: Duration::from_secs(repeat),
            flap_window: Duration::from_secs(flap_window),
            send_resolved,
            flap_threshold,
            ..NotifyOptions::default()
        },
    )
}

/// Runs steps; every second the group is looked at. Gives the notices, the group and the time at the end.
fn run(steps: &[Step], options: &NotifyOptions, silences: &[Silence], restarts: bool) -> (Vec<Notice>, Group, i64) {
    let mut group = group(options.clone());
    let mut notices = Vec::new();
    let mut now = 0;
    for step in steps {
        match step {
            Step::Update(number, standing) => group.update(alert(*number, *standing, 0), at(now), at(now)),
            Step::Restart if restarts => {
                group = serde_json::from_str(&serde_json::to_string(&group).unwrap()).unwrap();
            }
            Step::Restart => {}
            Step::Pass(seconds) => {
                for _ in 0..*seconds {
                    now += 1;
                    notices.extend(group.look(at(now), silences));
                    assert_eq!(group.look(at(now), silences), None, "asked twice, it says it once");
                }
            }
        }
    }
    (notices, group, now)
}

fn all_options() -> impl Strategy<Value = (Vec<Step>, NotifyOptions, i64, i64)> {
    (steps(), any_options(), 0..3_000_i64, 1..3_000_i64)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// After long enough a calm, a receiver knows how each alert stands; and it was never told twice what it knew, but
    /// when that was due again.
    #[test]
    fn what_a_receiver_knows_is_so_in_the_end((steps, options, from, length) in all_options()) {
        let silences = [silence(1, from, from + length)];
        let mut steps = steps;
        steps.push(Step::Pass(9_000));
        let (notices, _, _) = run(&steps, &options, &silences, false);
        let mut stands = BTreeMap::new();
        for step in &steps {
            if let Step::Update(number, standing) = step {
                // the end of what never began is no news
                if standing.is_open() || stands.contains_key(number) {
                    stands.insert(*number, *standing);
                }
            }
        }
        let mut known: BTreeMap<String, Standing> = BTreeMap::new();
        let mut last: Option<Timestamp> = None;
        for notice in &notices {
            prop_assert!(!notice.alerts.is_empty());
            let mut has_news = false;
            for alert in &notice.alerts {
                prop_assert!(!silences[0].mutes(&alert.labels, notice.at), "a silenced alert was told of");
                let standing = told_as(TELLS, alert.standing);
                let before = known.insert(alert.fingerprint.to_string(), standing);
                prop_assert!(standing.is_open() || before.is_some_and(Standing::is_open), "the end of what was not told of");
                has_news |= before != Some(standing);
            }
            // where ends are not told, a receiver cannot know that it began again
            prop_assert!(has_news != notice.is_repeated || !options.send_resolved);
            if let Some(last) = last {
                let least = if notice.is_repeated { options.repeat_interval } else { Duration::ZERO };
                prop_assert!(notice.at >= last.plus(least));
            }
            last = Some(notice.at);
        }
        for (number, standing) in stands {
            let knows = known.get(&format!("print-{number}")).copied();
            let standing = told_as(TELLS, standing);
            match knows {
                None => prop_assert!(!standing.is_open(), "{number} was never told of"),
                Some(knows) if options.send_resolved || standing.is_open() => prop_assert_eq!(knows, standing),
                Some(_) => {}
            }
        }
    }

    /// A restart at any point changes no notice and no id; and no id comes twice.
    #[test]
    fn restarts_change_no_notice((steps, options, from, length) in all_options()) {
        let silences = [silence(1, from, from + length)];
        let steady = run(&steps, &options, &silences, false);
        prop_assert_eq!(&run(&steps, &options, &silences, true), &steady);
        let ids: std::collections::BTreeSet<&Name> = steady.0.iter().map(|notice| &notice.id).collect();
        prop_assert_eq!(ids.len(), steady.0.len());
    }

    /// A group is looked at in time: waking it only when it asks says the same at the same times.
    #[test]
    fn waking_it_when_it_asks_is_enough((steps, options, from, length) in all_options()) {
        let silences = [silence(1, from, from + length)];
        let (expected, _, _) = run(&steps, &options, &silences, false);
        let mut group = group(options);
        let mut notices = Vec::new();
        let mut now = 0;
        for step in &steps {
            match step {
                Step::Update(number, standing) => group.update(alert(*number, *standing, 0), at(now), at(now)),
                Step::Restart => {}
                Step::Pass(seconds) => {
                    let until = now + i64::from(*seconds);
                    while let Some(wake) = group.wake().filter(|wake| *wake <= at(until)) {
                        now = (wake.as_micros() / SECOND).max(now + 1);
                        notices.extend(group.look(at(now), &silences));
                    }
                    now = until;
                }
            }
        }
        prop_assert_eq!(notices, expected);
    }
}

#[test]
fn who_takes_care_is_news_to_some_and_ends_the_repetition_for_most() {
    use Standing::{Acknowledged, Firing};
    let run = |tells| {
        let mut group = Group::new("group".into(), "receiver".into(), BTreeMap::new(), options(), tells, at(0));
        let mut notices = Vec::new();
        group.update(alert(1, Firing, 0), at(0), at(0));
        notices.extend(group.look(at(30), &[]));
        group.update(alert(1, Acknowledged, 0), at(60), at(60));
        while let Some(wake) = group.wake().filter(|wake| *wake < at(8_000)) {
            notices.extend(group.look(wake, &[]));
        }
        notices.iter().map(|notice| (notice.alerts[0].standing, notice.is_repeated)).collect::<Vec<_>>()
    };
    assert_eq!(run(TELLS), [(Firing, false)]);
    assert_eq!(run(Tells { acknowledged: true, ..TELLS }), [(Firing, false), (Acknowledged, false)]);
    let kept_alive = run(Tells { keeps_alive: true, ..TELLS });
    assert_eq!(kept_alive, [(Firing, false), (Acknowledged, true), (Acknowledged, true)]);
}
