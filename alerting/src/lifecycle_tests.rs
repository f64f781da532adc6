use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Event {
    Hear(Said),
    Do(Deed),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let said = prop::sample::select(vec![Said::Pending, Said::Firing, Said::NoData, Said::Resolved, Said::Gone]);
    let deed = prop::sample::select(vec![Deed::Acknowledge, Deed::Resolve]);
    prop::collection::vec(prop_oneof![3 => said.prop_map(Event::Hear), 1 => deed.prop_map(Event::Do)], 0..40)
}

fn act(deed: Deed, at: i64) -> Act {
    Act { deed, who: "kim".into(), at: Timestamp::from_millis(at), comment: String::new() }
}

fn tell(life: &mut Life, event: &Event, at: i64) -> Result<Option<Transition>, Refusal> {
    let id = Name::from("rule:cart:now");
    match event {
        Event::Hear(said) => Ok(life.hear(&id, *said, Timestamp::from_millis(at))),
        Event::Do(deed) => life.act(&id, act(*deed, at)),
    }
}

/// The oracle: the status after a history, read from the whole history each time, without a state to keep.
fn status_of(history: &[Event]) -> Option<Status> {
    let heard = |event: &Event| match event {
        Event::Hear(said) => Some(*said),
        Event::Do(_) => None,
    };
    let begins = history.iter().position(|event| heard(event).is_some_and(|said| said != Said::Gone))?;
    let mut accepted: Vec<&Event> = Vec::new();
    for (index, event) in history.iter().enumerate().skip(begins) {
        let counts = match (event, status_by(&accepted)) {
            (Event::Hear(_), _) => true,
            (Event::Do(Deed::Acknowledge), Some(Status::Firing | Status::NoData)) => true,
            (Event::Do(Deed::Resolve), Some(status)) => status.is_open(),
            _ => false,
        };
        if counts {
            accepted.push(&history[index]);
        }
    }
    status_by(&accepted)
}

fn status_by(accepted: &[&Event]) -> Option<Status> {
    let last = accepted.iter().rev().find_map(|event| match event {
        Event::Hear(said) => Some(*said),
        Event::Do(_) => None,
    })?;
    let after = |is_end: fn(Said) -> bool| {
        accepted.iter().rposition(|event| matches!(event, Event::Hear(said) if is_end(*said))).map_or(0, |at| at + 1)
    };
    let since_false = &accepted[after(|said| matches!(said, Said::Resolved | Said::Gone))..];
    let since_fired = &accepted[after(|said| matches!(said, Said::Resolved | Said::Gone | Said::Pending))..];
    let by_hand = since_false.iter().any(|event| matches!(event, Event::Do(Deed::Resolve)));
    let cared_for = since_fired.iter().any(|event| matches!(event, Event::Do(Deed::Acknowledge)));
    Some(match last {
        Said::Resolved | Said::Gone => Status::Resolved,
        _ if by_hand => Status::Resolved,
        Said::Pending => Status::Pending,
        _ if cared_for => Status::Acknowledged,
        Said::Firing => Status::Firing,
        Said::NoData => Status::NoData,
    })
}

proptest! {
    /// No transition lost, none invented: they chain without a gap, and the status is what the history says.
    #[test]
    fn transitions_are_the_changes_of_what_the_history_says(history in events()) {
        let mut life = Life::default();
        let mut transitions: Vec<Transition> = Vec::new();
        for (index, event) in history.iter().enumerate() {
            let before = life.clone();
            let turned = tell(&mut life, event, index as i64);
            prop_assert_eq!(life.status(), status_of(&history[..=index]));
            match turned {
                Err(_) => prop_assert_eq!(&life, &before),
                Ok(None) => prop_assert_eq!(life.status(), before.status()),
                Ok(Some(transition)) => {
                    prop_assert_eq!(transition.from, before.status());
                    prop_assert_ne!(transition.from, Some(transition.to));
                    prop_assert_eq!(Some(transition.to), life.status());
                    transitions.push(transition);
                }
            }
        }
        let numbers: Vec<u64> = transitions.iter().map(|transition| transition.sequence).collect();
        prop_assert_eq!(numbers, (1..=life.sequence()).collect::<Vec<_>>());
    }

    /// What is stored at any point and read again goes on as if nothing had been; what is said twice changes nothing.
    #[test]
    fn restarts_and_repetitions_change_nothing(history in events(), restarts in prop::collection::vec(any::<bool>(), 40)) {
        let (mut steady, mut restarted) = (Life::default(), Life::default());
        for (index, event) in history.iter().enumerate() {
            let expected = tell(&mut steady, event, index as i64);
            if restarts[index] {
                restarted = serde_json::from_str(&serde_json::to_string(&restarted).unwrap()).unwrap();
            }
            prop_assert_eq!(tell(&mut restarted, event, index as i64), expected);
            if let Event::Hear(_) = event {
                prop_assert_eq!(tell(&mut restarted, event, index as i64), Ok(None));
            }
        }
        prop_assert_eq!(steady, restarted);
    }

    /// Resolved by hand stays so for as long as the condition holds, and no longer.
    #[test]
    fn resolved_by_hand_lasts_until_the_condition_was_false(
        holds in prop::collection::vec(prop::sample::select(vec![Said::Pending, Said::Firing, Said::NoData]), 0..10),
        ends in prop::sample::select(vec![Said::Resolved, Said::Gone]),
    ) {
        let mut life = Life::default();
        tell(&mut life, &Event::Hear(Said::Firing), 0).unwrap();
        tell(&mut life, &Event::Do(Deed::Resolve), 1).unwrap().unwrap();
        for said in holds {
            prop_assert_eq!(tell(&mut life, &Event::Hear(said), 2), Ok(None));
        }
        prop_assert_eq!(tell(&mut life, &Event::Hear(ends), 3), Ok(None));
        let again = tell(&mut life, &Event::Hear(Said::Firing), 4).unwrap().unwrap();
        prop_assert_eq!((again.from, again.to), (Some(Status::Resolved), Status::Firing));
    }
}

/// Every status and every thing that can be said or done, by hand.
#[test]
fn the_table_of_statuses() {
    use Status::{Acknowledged, Firing, NoData, Pending, Resolved};
    let reach = |status| {
        let mut life = Life::default();
        let firing = Event::Hear(Said::Firing);
        let path = match status {
            Pending => vec![Event::Hear(Said::Pending)],
            Firing => vec![firing],
            Acknowledged => vec![firing, Event::Do(Deed::Acknowledge)],
            NoData => vec![firing, Event::Hear(Said::NoData)],
            Resolved => vec![firing, Event::Hear(Said::Resolved)],
        };
        for event in path {
            tell(&mut life, &event, 0).unwrap();
        }
        assert_eq!(life.status(), Some(status));
        life
    };
    let says = [Said::Pending, Said::Firing, Said::NoData, Said::Resolved, Said::Gone];
    for (status, expected) in [
        (Pending, [Pending, Firing, NoData, Resolved, Resolved]),
        (Firing, [Pending, Firing, NoData, Resolved, Resolved]),
        (Acknowledged, [Pending, Acknowledged, Acknowledged, Resolved, Resolved]),
        (NoData, [Pending, Firing, NoData, Resolved, Resolved]),
        (Resolved, [Pending, Firing, NoData, Resolved, Resolved]),
    ] {
        for (said, expected) in says.into_iter().zip(expected) {
            let mut life = reach(status);
            tell(&mut life, &Event::Hear(said), 1).unwrap();
            assert_eq!(life.status(), Some(expected), "{status:?} {said:?}");
        }
    }
    for (status, acknowledged, resolved) in [
        (Pending, Err(Refusal::Pending), Err(Refusal::Pending)),
        (Firing, Ok(Acknowledged), Ok(Resolved)),
        (Acknowledged, Err(Refusal::Acknowledged), Ok(Resolved)),
        (NoData, Ok(Acknowledged), Ok(Resolved)),
        (Resolved, Err(Refusal::Resolved), Err(Refusal::Resolved)),
    ] {
        for (deed, expected) in [(Deed::Acknowledge, acknowledged), (Deed::Resolve, resolved)] {
            let done = tell(&mut reach(status), &Event::Do(deed), 1);
            assert_eq!(done.map(|transition| transition.unwrap().to), expected, "{status:?} {deed:?}");
        }
    }
}

#[test]
fn ids_never_change() {
    let mut life = Life::default();
    let first = tell(&mut life, &Event::Hear(Said::Firing), 0).unwrap().unwrap();
    let second = tell(&mut life, &Event::Hear(Said::Resolved), 1).unwrap().unwrap();
    assert_ne!(first.id, second.id);
    assert_eq!(first.id.len(), 32);
}

#[test]
fn what_people_said_goes_over_to_the_alert_that_takes_its_place() {
    let mut life = Life::default();
    tell(&mut life, &Event::Hear(Said::Firing), 0).unwrap();
    tell(&mut life, &Event::Do(Deed::Acknowledge), 1).unwrap();
    let mut next = Life::in_place_of(&life);
    let transition = tell(&mut next, &Event::Hear(Said::Firing), 2).unwrap().unwrap();
    assert_eq!((transition.from, transition.to, transition.sequence), (None, Status::Acknowledged, 1));
}
