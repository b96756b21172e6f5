//! Plans of the shipped suite for deployments with more or fewer keys.

use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::contract::ApiKey;
use crate::run::schedule::{Play, drive};
use crate::scenario::Source;
use crate::target::{Role, role_variable};

fn suite() -> Suite {
    Suite::load(&Source::Builtin).unwrap()
}

fn keys(roles: &[(Role, u32)]) -> Vec<Key> {
    let nth = |role: Role, many: u32| (1..=many).map(move |nth| (role, nth));
    let all = roles.iter().flat_map(|(role, many)| nth(*role, *many));
    all.map(|(role, nth)| Key {
        variable: role_variable(role, nth),
        secret: ApiKey::new(format!("ct_live_{role}{nth}aaaaaaaaaaaa")).unwrap(),
        tier: role.tier(),
        scopes: role.scopes(),
        account: None,
        given_for: Some(role),
        mock_id: None,
    })
    .collect()
}

fn three_of_each_tier() -> Vec<Key> {
    keys(&[
        (Role::Standard, 3),
        (Role::Premium, 3),
        (Role::Ingestion, 3),
        (Role::Read, 1),
        (Role::Write, 1),
        (Role::Both, 2),
    ])
}

fn one_of_each_tier() -> Vec<Key> {
    keys(&[(Role::Standard, 1), (Role::Premium, 1), (Role::Ingestion, 1)])
}

fn outlook(keys: Vec<Key>) -> Outlook {
    Outlook {
        base_url: "https://trenchcoat.example".to_owned(),
        loopback: false,
        limits: BTreeMap::new(),
        keys: Some(keys),
    }
}

fn planned(suite: &Suite, outlook: &Outlook) -> Plan {
    let all: Vec<usize> = (0..suite.checks.len()).collect();
    plan(suite, &all, outlook, &[outlook.host()], 8)
}

#[test]
fn every_case_is_played_once_or_left_out_with_a_reason() {
    let suite = suite();
    let cases: usize = suite.checks.iter().map(|check| check.cases.len()).sum();
    for keys in [three_of_each_tier(), one_of_each_tier(), keys(&[(Role::Both, 1)])] {
        let outlook = outlook(keys.clone());
        let all: Vec<usize> = (0..suite.checks.len()).collect();
        let agenda = Agenda::new(&suite, &all, &outlook, &keys, &[outlook.host()], 8);
        let mut places: Vec<Place> =
            agenda.turns.iter().flat_map(|turn| agenda.jobs[turn.job].places()).collect();
        places.extend(agenda.left_out.iter().map(|(place, _)| *place));
        assert_eq!(places.len(), cases);
        assert_eq!(places.into_iter().collect::<BTreeSet<_>>().len(), cases);
    }
}

#[test]
fn a_key_that_is_needed_alone_is_used_by_one_at_a_time() {
    let suite = suite();
    for keys in [three_of_each_tier(), one_of_each_tier()] {
        let plan = planned(&suite, &outlook(keys));
        for lane in &plan.timeline.lanes {
            for (index, one) in lane.stretches.iter().enumerate() {
                for other in &lane.stretches[index + 1..] {
                    let apart = other.from >= one.until || one.from >= other.until;
                    assert!(apart || !(one.alone || other.alone), "{}: {one:?} {other:?}", lane.key);
                }
            }
        }
    }
}

#[test]
fn what_looks_back_comes_last() {
    let suite = suite();
    let keys = three_of_each_tier();
    let all: Vec<usize> = (0..suite.checks.len()).collect();
    let agenda =
        Agenda::new(&suite, &all, &outlook(keys.clone()), &keys, &["trenchcoat.example".to_owned()], 8);
    let of = |last: bool| {
        agenda.turns.iter().filter(|turn| agenda.jobs[turn.job].last == last).collect::<Vec<_>>()
    };
    let others_end = of(false).into_iter().map(Turn::until).max().unwrap();
    assert!(of(true).iter().all(|turn| turn.from >= others_end));
    assert!(!of(true).is_empty());
}

#[test]
fn more_keys_make_a_run_shorter() {
    let suite = suite();
    let many = planned(&suite, &outlook(three_of_each_tier()));
    let few = planned(&suite, &outlook(one_of_each_tier()));
    assert!(many.timeline.takes < few.timeline.takes);
    // The key that is needed longest decides; somebody is always at work.
    let busy: Duration = few
        .timeline
        .lanes
        .iter()
        .flat_map(|lane| &lane.stretches)
        .filter(|stretch| stretch.alone)
        .map(|stretch| stretch.until - stretch.from)
        .sum();
    assert!(busy >= few.timeline.takes, "{busy:?} of {:?}", few.timeline.takes);
    assert!(few.left_out.iter().any(|left| left.why.contains("TRENCHCHECK_KEY_BOTH")));
}

/// The scheduler with sleeps in the place of a deployment: it must do what was planned, job by job.
#[tokio::test(start_paused = true)]
async fn what_is_planned_is_what_is_played() {
    let suite = suite();
    for keys in [three_of_each_tier(), one_of_each_tier()] {
        let outlook = outlook(keys.clone());
        let all: Vec<usize> = (0..suite.checks.len()).collect();
        let agenda = Agenda::new(&suite, &all, &outlook, &keys, &[outlook.host()], 8);
        let predicted: Vec<(Vec<Place>, Vec<usize>, Duration)> = {
            let mut turns = agenda.turns.clone();
            turns.sort_by_key(|turn| (turn.from, turn.job));
            turns
                .iter()
                .map(|turn| (agenda.jobs[turn.job].places().collect(), turn.keys.clone(), turn.from))
                .collect()
        };
        let models = keys.iter().map(|key| KeyModel::new(limits(&outlook, key), &key.scopes)).collect();
        let mut paper = Paper {
            suite: &suite,
            desk: agenda.desk,
            models,
            begun: tokio::time::Instant::now(),
            played: Vec::new(),
        };
        let (_alive, interrupted) = tokio::sync::watch::channel(false);
        drive(&mut paper, agenda.jobs, keeps_busy, 8, interrupted).await;
        // Timers run by the millisecond.
        let whole = |moment: &Duration| moment.as_millis() / 50;
        let shown = |played: &[(Vec<Place>, Vec<usize>, Duration)]| {
            let mut waits: Vec<_> = played
                .iter()
                .filter(|(_, _, from)| *from > Duration::from_secs(5))
                .map(|(places, keys, from)| (places.clone(), keys.clone(), whole(from).div_ceil(20)))
                .collect();
            waits.sort();
            (played.len(), waits)
        };
        assert_eq!(shown(&paper.played), shown(&predicted));
    }
}

struct Paper<'s> {
    suite: &'s Suite,
    desk: Desk,
    models: Vec<KeyModel>,
    begun: tokio::time::Instant,
    played: Vec<(Vec<Place>, Vec<usize>, Duration)>,
}

impl Play for Paper<'_> {
    type Means = Turn;
    type Played = Vec<usize>;

    fn provide(&mut self, job: &Job, to_come: &[Job]) -> Option<Turn> {
        let now = self.begun.elapsed();
        let condition = |key: usize| Condition {
            room: self.models[key].has_room(job.counted, now),
            fresh_at: self.models[key].ends(now).unwrap_or(now),
            unused: self.models[key].unused(),
        };
        let taken = self.desk.take(job, &condition, to_come.iter())?;
        Some(simulate::play(self.suite, job, 0, taken, &mut self.models, now))
    }

    fn begin(&mut self, job: Job, turn: Turn) -> impl Future<Output = Vec<usize>> + Send + 'static {
        self.played.push((job.places().collect(), turn.keys.clone(), turn.from));
        let over = self.begun + turn.until();
        async move {
            tokio::time::sleep_until(over).await;
            turn.keys
        }
    }

    fn over(&mut self, played: Result<Vec<usize>, tokio::task::JoinError>) -> Option<Vec<Job>> {
        self.desk.give_back(&played.unwrap());
        Some(Vec::new())
    }
}

#[test]
fn nothing_is_sent_in_bulk_where_it_is_not_welcome() {
    let suite = suite();
    let all: Vec<usize> = (0..suite.checks.len()).collect();
    let outlook = outlook(three_of_each_tier());
    let plan = plan(&suite, &all, &outlook, &["another.example".to_owned()], 8);
    let left = |id: &str| plan.left_out.iter().find(|left| left.check == id).cloned();
    assert!(left("rate.standard").unwrap().why.contains("--allow-host trenchcoat.example"));
    assert!(left("auth.missing").is_none());
    assert!(plan.timeline.takes < Duration::from_secs(30), "{:?}", plan.timeline.takes);
}
