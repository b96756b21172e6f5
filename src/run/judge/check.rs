//! What all plays of all cases that a check reads come to together.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::context::FirstBodies;
use super::events::seeks_more;
use super::learn::Taught;
use super::plays::{Readings, Settled, plays_to_read};
use super::ruling::Lack;
use crate::contract::Tier;
use crate::report::{Failure, Way};
use crate::run::case::{is_about_being_let_in, is_about_lockouts};
use crate::run::environment::OWN;
use crate::run::evidence::{Evidence, Gap, Observation, Play};
use crate::run::learned::{Quota, whole_quotas};
use crate::run::limiters::Suspicion;
use crate::scenario::Suite;
use crate::scenario::model::{Case, Fact, Reading, told_row};

/// How often a case is played at the most.
const MOST_PLAYS: usize = 2;

/// A case that should be played again, because a conforming limiter may explain what was seen.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Doubt {
    /// The experiment, by its place in the suite.
    pub(crate) experiment: usize,
    /// The case, by its place in the experiment.
    pub(crate) case: usize,
    /// The row of the case.
    pub(crate) row: String,
    /// The checks that may name the cause.
    pub(crate) needs: BTreeSet<String>,
    /// How long keys have to be silent before windows.
    pub(crate) silence: Duration,
    /// What was suspicious.
    pub(crate) suspicions: Vec<Suspicion>,
    /// Which way that errs.
    pub(crate) way: Way,
    /// How many of its steps are needed.
    pub(crate) steps: usize,
    /// Whether it was measured out by limits that are not those of this deployment, so that nothing was seen yet.
    pub(crate) stale: bool,
    /// Whether it measures what a tier gets, by which all others are judged.
    pub(crate) measures: bool,
}

/// A broken promise, and the checks that may name its cause: those that the reading needs which found it.
#[derive(Debug, Clone)]
pub(crate) struct Broken {
    /// What is broken.
    pub(crate) failure: Failure,
    /// The checks.
    pub(crate) needs: BTreeSet<String>,
}

/// How much a window of a tier was measured to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Measured {
    /// Whether it is of requests or of events.
    pub(crate) fact: Fact,
    /// What the page says.
    pub(crate) documented: u32,
    /// What was measured.
    pub(crate) number: u32,
}

/// What a check came to, as far as it can be told from what was seen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Judged {
    /// The check, by its place in the suite.
    pub(crate) check: usize,
    /// What is broken.
    pub(crate) failures: Vec<Broken>,
    /// Why cases could not be judged, because of the deployment.
    pub(crate) blocked: Vec<String>,
    /// What the deployment lacks for cases to be judged, where the checks that own that would name it.
    pub(crate) lacking: Vec<String>,
    /// Why nothing followed from others.
    pub(crate) unsure: Vec<String>,
    /// Why others were not played.
    pub(crate) skipped: Vec<String>,
    /// How many cases held.
    pub(crate) held: u32,
    /// What was seen.
    pub(crate) facts: Vec<String>,
    /// Requests of the experiments it reads.
    pub(crate) requests: u64,
    /// Wall time of these.
    pub(crate) took: Duration,
    /// Checks that name the cause where they fail.
    pub(crate) needs: BTreeSet<String>,
    /// Checks of the same promise elsewhere: where they are broken in the same words, it is one cause.
    pub(crate) like: BTreeSet<String>,
    /// What could still be settled by playing again.
    pub(crate) doubts: Vec<Doubt>,
    /// Whether quota was seen to come back bit by bit where it should not.
    pub(crate) refills: bool,
    /// The number that it names, where that was measured and all others were judged by it.
    pub(crate) measured: Option<Measured>,
    /// How many failures are about no more than what came back meanwhile, if quota does so.
    pub(crate) refilled: usize,
}

/// Judges a check by the evidence. `taught` is what that taught of the deployment as a whole.
pub(crate) fn judge(suite: &Suite, evidence: &Evidence, taught: &Taught, check: usize) -> Judged {
    let mut judged = Judged { check, ..Judged::default() };
    let mut bodies = FirstBodies::new();
    for (place, experiment) in suite.experiments.iter().enumerate() {
        for (number, case) in experiment.cases.iter().enumerate() {
            for reading in case.readings.iter().filter(|reading| reading.check == check) {
                judged.needs.extend(reading.needs.iter().cloned());
                judged.like.extend(reading.like.iter().cloned());
                let plays = plays_to_read(evidence, &experiment.name, case, reading);
                judged.requests += plays.iter().map(|play| play.requests).sum::<u64>();
                judged.took += plays.iter().map(|play| play.took).sum::<Duration>();
                if plays.is_empty() {
                    match seen_so_far(suite, evidence, taught, &experiment.name, case, reading) {
                        Some(Settled::Broken(failures)) => judged.broken(failures, reading),
                        Some(Settled::Held) => judged.held += 1,
                        _ => judged.not_played(suite, evidence, &experiment.name, case),
                    }
                    continue;
                }
                let read = Readings::of(suite, evidence, taught, case, reading, &plays, &mut bodies);
                judged.facts.extend(read.facts.iter().cloned());
                judged.measured = judged.measured.or(measured(evidence, taught, reading, plays[0]));
                judged.settle(suite, read, (place, number), case, reading, &plays);
                // Numbers that were measured have no other cause.
                let odd = odd_keys(evidence, case, reading, plays[0]).into_iter();
                judged.failures.extend(odd.map(|failure| Broken { failure, needs: BTreeSet::new() }));
            }
        }
    }
    judged
}

/// The number that this reading names, where it was measured, so that all others were judged by it. Several quotas in the place
/// of one are no such number, for it depends on which instance is asked; nor is one that refusals do not end.
fn measured(evidence: &Evidence, taught: &Taught, reading: &Reading, play: &Play) -> Option<Measured> {
    let (key, fact) = (play.keys.get(OWN)?, reading.learns?);
    let (learned, tier) = (&evidence.learned, key.tier?);
    let (documented, number) = match (fact, learned.requests.get(&tier)) {
        (Fact::Events, _) => (key.documented.events?, *learned.events.get(&tier)?),
        (Fact::Requests, Some(Quota::Of(number))) => (key.documented.requests, *number),
        _ => return None,
    };
    let leaks =
        |seen: &Observation| matches!(seen, Observation::Burst(burst) if burst.admitted_after_refusal() > 0);
    let mut read =
        reading.items.iter().flat_map(|item| &item.steps).filter_map(|place| play.seen.get(*place));
    let of_instances = whole_quotas(number, documented).is_some_and(|times| taught.instances == Some(times));
    let is_none = fact == Fact::Requests && (of_instances || read.any(leaks));
    (!is_none).then_some(Measured { fact, documented, number })
}

/// The keys that have another quota than the tier whose limit this reading names.
fn odd_keys(evidence: &Evidence, case: &Case, reading: &Reading, play: &Play) -> Vec<Failure> {
    let Some(own) = play.keys.get(OWN).filter(|own| own.tier.is_some()) else { return Vec::new() };
    let learned = &evidence.learned;
    let limits = learned.limits_of_tier(own.tier, own.documented);
    let (limit, of_keys, thing) = match (reading.learns, limits.events) {
        (Some(Fact::Requests), _) => (limits.requests, &learned.requests_of, "requests"),
        (Some(Fact::Events), Some(events)) => (events, &learned.events_of, "events"),
        _ => return Vec::new(),
    };
    let keys: BTreeMap<&str, Option<Tier>> = evidence
        .plays
        .iter()
        .flat_map(|play| play.keys.values())
        .map(|key| (key.variable.as_str(), key.tier))
        .collect();
    let is_named_here = |(variable, number): &(&String, &u32)| {
        let side = reading.learns != Some(Fact::Events) || seeks_more(reading) == (**number > limit);
        side && keys.get(variable.as_str()) == Some(&own.tier)
    };
    let failure = |(variable, number): (&String, &u32)| Failure {
        case: told_row(&case.row),
        what: format!("{variable} gets {number} {thing} in a window, not {limit} as other keys of its tier"),
        expected: format!("admitted: {limit}"),
        actual: format!("admitted: {number}"),
        line: reading.items.last().map_or(0, |item| item.line),
        facts: vec!["is this key on another tier?".to_owned()],
        exchange: None,
        curl: None,
        way: if *number > limit { Way::LetsIn } else { Way::Refuses },
    };
    of_keys.iter().filter(is_named_here).map(failure).collect()
}

/// What that comes to which holds of every answer, where the case that looks back on all of them was not played: the run ended
/// early, perhaps, and what was seen until then was seen.
fn seen_so_far(
    suite: &Suite,
    evidence: &Evidence,
    taught: &Taught,
    experiment: &str,
    case: &Case,
    reading: &Reading,
) -> Option<Settled> {
    let gap = evidence.not_played_of(experiment, &case.row)?;
    if reading.items.iter().any(|item| !item.steps.is_empty()) {
        return None;
    }
    // As long as a wrong deployment is looked at, is enough to say what held until then.
    let is_over = match gap {
        Gap::Inconclusive(_) => evidence.run.answers > 0,
        Gap::Skipped(_) => false,
        _ => return None,
    };
    let play = Play {
        experiment: experiment.to_owned(),
        row: case.row.clone(),
        silence: None,
        keys: BTreeMap::new(),
        seen: Vec::new(),
        requests: 0,
        took: Duration::ZERO,
    };
    let read = Readings::of(suite, evidence, taught, case, reading, &[&play], &mut FirstBodies::new());
    (is_over || !matches!(read.settled, Settled::Held)).then_some(read.settled)
}

/// The checks that name what a deployment lacks.
fn owners(suite: &Suite, lack: Lack) -> impl Iterator<Item = String> {
    let cases = suite.experiments.iter().flat_map(|experiment| &experiment.cases);
    let owners = cases.flat_map(move |case| {
        let is_owner = match lack {
            Lack::Admission => is_about_being_let_in(case),
            Lack::Access => is_about_lockouts(case),
            _ => false,
        };
        case.readings.iter().filter(move |reading| is_owner || lack.is_named_by(reading.learns))
    });
    owners.map(|reading| suite.checks[reading.check].id.clone())
}

impl Judged {
    /// Whether all that is broken is no more than what came back meanwhile, where quota does so.
    pub(crate) fn is_all_refilled(&self) -> bool {
        !self.failures.is_empty() && self.refilled == self.failures.len()
    }

    fn broken(&mut self, failures: Vec<Failure>, reading: &Reading) {
        let needs: BTreeSet<String> = reading.needs.iter().cloned().collect();
        self.failures.extend(failures.into_iter().map(|failure| Broken { failure, needs: needs.clone() }));
    }

    fn not_played(&mut self, suite: &Suite, evidence: &Evidence, experiment: &str, case: &Case) {
        if evidence.learned.sharing {
            let readings =
                suite.experiments.iter().flat_map(|one| &one.cases).flat_map(|case| &case.readings);
            let owners = readings.filter(|reading| reading.learns == Some(Fact::Sharing));
            self.needs.extend(owners.map(|owner| suite.checks[owner.check].id.clone()));
        }
        match evidence.not_played_of(experiment, &case.row) {
            Some(Gap::Blocked(why) | Gap::NotAdmitted(why) | Gap::NeverLimited(why) | Gap::NotHeld(why)) => {
                self.blocked.push(why.clone());
            }
            Some(Gap::Inconclusive(why) | Gap::Noise(why)) => self.unsure.push(why.clone()),
            Some(Gap::Skipped(why)) => self.skipped.push(why.clone()),
            None => self.skipped.push("it was not played".to_owned()),
        }
    }

    fn settle(
        &mut self,
        suite: &Suite,
        read: Readings,
        (experiment, number): (usize, usize),
        case: &Case,
        reading: &Reading,
        plays: &[&Play],
    ) {
        let is_refill = read.is_refill();
        match read.settled {
            Settled::Held => self.held += 1,
            Settled::Broken(failures) => {
                self.refills |= matches!(read.suspicions.last(), Some(Suspicion::CameBack { .. }));
                self.refilled += if is_refill { failures.len() } else { 0 };
                self.broken(failures, reading);
            }
            Settled::Blocked(why) => self.blocked.push(why),
            Settled::Lacking(lack, why) => {
                self.needs.extend(owners(suite, lack));
                let open = if lack == Lack::Admission { &mut self.blocked } else { &mut self.lacking };
                open.push(why);
            }
            Settled::Skipped(why) => self.skipped.push(why),
            Settled::Inconclusive(why) => self.unsure.push(why),
            Settled::Doubtful { silence, once_more, way, lack, why } => {
                self.unsure.push(why);
                let owners: Vec<String> = lack.into_iter().flat_map(|lack| owners(suite, lack)).collect();
                let longest = plays.iter().filter_map(|play| play.silence).max().unwrap_or_default();
                // What was measured out by other limits showed nothing.
                let worth_it = read.telling < MOST_PLAYS
                    || (read.telling == MOST_PLAYS && (longest < silence || once_more || read.stale));
                if worth_it {
                    let last = reading.items.iter().flat_map(|item| &item.steps).max();
                    self.doubts.push(Doubt {
                        experiment,
                        case: number,
                        row: told_row(&case.row),
                        needs: reading.needs.iter().chain(&owners).cloned().collect(),
                        silence,
                        suspicions: read.suspicions,
                        way,
                        stale: read.stale,
                        measures: reading.learns == Some(Fact::Requests),
                        steps: last.map_or(case.steps.len(), |last| last + 1),
                    });
                }
                self.needs.extend(owners);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::learn;
    use super::*;
    use crate::deployment::Role;
    use crate::run::evidence::RunWide;
    use crate::run::evidence::{
        Answer, Burst, Early, Fresh, KeyInfo, Look, NotPlayed, Paced, Polled, Request, Sent,
    };
    use crate::run::finding::Finding;
    use crate::run::instant::Instant;
    use crate::run::limiters::{LONG_SILENCE, SHORT_SILENCE};
    use crate::scenario::Source;
    use crate::scenario::model::{Action, Rule};

    /// A check, with the first case it reads.
    struct Bench {
        suite: Suite,
        check: usize,
        experiment: usize,
        case: usize,
    }

    fn bench(id: &str) -> Bench {
        let suite = Suite::load(&Source::Builtin).unwrap();
        let check = suite.checks.iter().position(|check| check.id == id).unwrap();
        let place = crate::run::job::places(&suite, &[check])[0];
        Bench { suite, check, experiment: place.experiment, case: place.case }
    }

    /// A burst in a fresh window of a Standard key, `minute` minutes and `second` seconds into the run.
    fn burst_of(admitted: usize, refused: usize, (minute, second): (u64, u64)) -> Burst {
        let from = Instant(Duration::from_secs(60 * minute + second));
        let to = from + Duration::from_millis(300);
        let answer = |place: usize| {
            let limited = place >= admitted;
            let status = if limited { 429 } else { 200 };
            Answer {
                look: 0,
                status,
                limited,
                accepted: None,
                promise: None,
                sent: from,
                answered: to,
                done: to,
            }
        };
        Burst {
            key: OWN.to_owned(),
            answers: (0..admitted + refused).map(|place| (place, answer(place))).collect(),
            batches: vec![0; admitted + refused],
            from,
            to,
            counted: true,
            in_flight: 1,
            fresh: Some(Fresh::Silence),
            since: from,
            silence: SHORT_SILENCE,
            ..Burst::default()
        }
    }

    #[test]
    fn two_keys_with_less_than_documented_have_a_quota_each() {
        let bench = bench("rate.per-key");
        let judged = |own: usize, neighbour: usize| {
            let burst = |key: &str, admitted: usize, all: usize| Burst {
                key: key.to_owned(),
                spent: (3, 0),
                silence: LONG_SILENCE,
                trickles: Some(false),
                ..burst_of(admitted, all - admitted, (1, 0))
            };
            let mut evidence = bench.evidence(&[burst("neighbour", neighbour, 57)]);
            let play = &mut evidence.plays[0];
            play.keys.insert("neighbour".to_owned(), play.keys[OWN].clone());
            let first = play.seen.iter_mut().find(|seen| matches!(seen, Observation::Burst(_))).unwrap();
            *first = Observation::Burst(Box::new(burst(OWN, own, 58)));
            bench.judged(&evidence)
        };
        // A limit of 59, or of 50, is not for this check to find.
        for limit in [56, 47] {
            let judged = judged(limit, limit);
            assert!(judged.failures.is_empty() && judged.doubts.is_empty(), "{limit}: {judged:?}");
        }
        for (own, neighbour) in [(57, 0), (47, 0), (56, 20)] {
            let judged = judged(own, neighbour);
            assert!(
                !judged.failures.is_empty() || !judged.doubts.is_empty(),
                "{own}, {neighbour}: {judged:?}"
            );
        }
    }

    impl Bench {
        fn case(&self) -> &Case {
            &self.suite.experiments[self.experiment].cases[self.case]
        }

        /// A play of the case. The bursts that the check reads went like this, all others as they should.
        fn play(&self, burst: &Burst) -> Play {
            let role = self.case().key.as_ref().and_then(|role| Role::from_name(role));
            let tier = role.and_then(Role::tier).unwrap_or(Tier::Standard);
            let limits = tier.limits();
            let key = KeyInfo { variable: "K".to_owned(), tier: Some(tier), limits, documented: limits };
            let right = burst_of(60, 100, (9, 9));
            let seen = |(place, action): (usize, &Action)| match action {
                Action::Burst(_) if self.reads(place) => Observation::Burst(Box::new(burst.clone())),
                Action::Burst(_) => Observation::Burst(Box::new(right.clone())),
                _ => Observation::Nothing,
            };
            let actions = self.case().steps.iter().map(|step| &step.value.action);
            Play {
                experiment: self.suite.experiments[self.experiment].name.clone(),
                row: self.case().row.clone(),
                keys: [(OWN.to_owned(), key)].into(),
                silence: None,
                seen: actions.enumerate().map(seen).collect(),
                requests: u64::from(burst.all()),
                took: burst.took(),
            }
        }

        fn reads(&self, step: usize) -> bool {
            let mut readings = self.case().readings.iter().filter(|reading| reading.check == self.check);
            readings.any(|reading| reading.items.iter().any(|item| item.steps.contains(&step)))
        }

        fn evidence(&self, bursts: &[Burst]) -> Evidence {
            let plays = bursts.iter().map(|burst| self.play(burst)).collect();
            Evidence { plays, ..Evidence::default() }
        }

        fn judged(&self, evidence: &Evidence) -> Judged {
            judge(&self.suite, evidence, &Taught::default(), self.check)
        }

        fn of(&self, bursts: &[Burst]) -> Judged {
            self.judged(&self.evidence(bursts))
        }

        /// What is learned of the limit of Standard keys from an experiment with two windows that went like these.
        fn learned(&self, slides: bool, windows: [&Burst; 2]) -> (Option<Quota>, Vec<Tier>) {
            let mut evidence = self.evidence(std::slice::from_ref(windows[0]));
            evidence.learned.slides = slides;
            let bursts = evidence.plays[0].seen.iter_mut().filter_map(|seen| match seen {
                Observation::Burst(burst) => Some(&mut **burst),
                _ => None,
            });
            let filled = bursts.zip(windows).map(|(burst, window)| burst.clone_from(window)).count();
            assert_eq!(filled, 2);
            let steady = learn(&self.suite, &mut evidence).steady;
            (evidence.learned.requests.get(&Tier::Standard).copied(), steady)
        }
    }

    #[test]
    fn a_lockout_is_named_by_the_check_of_those_who_ask_without_a_key() {
        let bench = bench("auth.never-limited");
        let judged = |locked_out: usize| {
            let mut burst = Burst { counted: false, ..burst_of(0, 150, (0, 0)) };
            for (place, answer) in &mut burst.answers {
                let is_locked_out = *place >= 150 - locked_out;
                answer.limited = false;
                (answer.look, answer.status) = if is_locked_out { (1, 403) } else { (0, 401) };
            }
            let mut evidence = bench.evidence(&[burst]);
            let look = |status: u16| {
                let (headers, body) = (Vec::new(), String::new());
                Look { status, headers, body, garbled: false, compressed: false, alike: 0 }
            };
            evidence.looks = vec![look(401), look(403)];
            let taught = learn(&bench.suite, &mut evidence);
            judge(&bench.suite, &evidence, &taught, bench.check).failures.len()
        };
        assert_eq!((judged(0), judged(50)), (0, 1));
    }

    #[test]
    fn who_stays_refused_at_a_pace_below_the_limit_meets_no_conforming_limiter() {
        let bench = bench("rate.paced");
        let judged = |refused: fn(usize) -> bool, own: usize, taught: &Taught| {
            let at = |milliseconds| Instant(Duration::from_millis(milliseconds));
            let answer = |place: usize| {
                let (limited, sent) = (refused(place), at(600_000 + 120_000 * place as u64 / 114));
                let status = if limited { 429 } else { 200 };
                let (answered, done) = (sent, sent);
                Answer { look: 0, status, limited, accepted: None, promise: None, sent, answered, done }
            };
            // The key was used up just before.
            let before = vec![(at(599_000), at(599_500)); 60];
            let (key, answers) = (OWN.to_owned(), (0..114).map(answer).collect());
            let paced = Paced { key, answers, before, private: false };
            let mut evidence = bench.evidence(&[burst_of(own, 100, (9, 58))]);
            let mut play = evidence.plays[0].clone();
            play.seen = vec![Observation::Burst(Box::new(burst_of(own, 100, (9, 58))))];
            play.experiment = "another".to_owned();
            evidence.plays[0].seen = vec![Observation::Paced(Box::new(paced))];
            evidence.plays.push(play);
            let judged = judge(&bench.suite, &evidence, taught, bench.check);
            (judged.failures.len(), judged.doubts.len())
        };
        let steady = Taught { steady: vec![Tier::Standard], ..Taught::default() };
        assert_eq!(judged(|_| true, 60, &steady), (1, 0));
        // Somebody else may have used it.
        assert_eq!(
            (judged(|_| true, 60, &Taught::default()), judged(|_| true, 50, &steady)),
            ((0, 1), (0, 1))
        );
        // A window of a minute that began with the quota which was used up, and a log that counts what it refuses.
        assert_eq!(judged(|place| place < 57, 60, &steady), (0, 1));
    }

    #[test]
    fn a_promise_that_was_rounded_down_is_of_no_tier_alone() {
        let bench = bench("limit.retry-after-honest");
        let cases = |retry_after: &str| -> Vec<String> {
            let look = Look {
                status: 429,
                headers: vec![("retry-after".to_owned(), retry_after.to_owned())],
                body: String::new(),
                garbled: false,
                compressed: false,
                alike: 0,
            };
            let now = Instant(Duration::from_secs(600));
            let (sent, answered, done) = (now, now, now);
            let answer = Answer {
                look: 0,
                status: 429,
                limited: true,
                accepted: None,
                promise: None,
                sent,
                answered,
                done,
            };
            let request = Request {
                method: "GET".to_owned(),
                url: String::new(),
                headers: Vec::new(),
                curl: String::new(),
            };
            let kept = Sent {
                request,
                name: "list-sessions".to_owned(),
                outcome: Ok(answer),
                key: OWN.to_owned(),
                counted: true,
                on_promise: true,
                silence: Duration::from_secs(59),
                since: now,
                let_in_while_used_up: 0,
                gives_back: false,
            };
            let mut evidence = bench.evidence(&[burst_of(60, 100, (9, 0))]);
            evidence.looks = vec![look];
            for (place, seen) in
                evidence.plays[0].seen.iter_mut().enumerate().filter(|(place, _)| bench.reads(*place))
            {
                assert!(matches!(bench.case().steps[place].value.action, Action::Send(_)));
                *seen = Observation::Answer(Box::new(kept.clone()));
            }
            let judged = bench.judged(&evidence);
            judged.failures.into_iter().map(|broken| broken.failure.case).collect()
        };
        let told = told_row(&bench.case().row);
        assert_eq!((cases("0"), cases("1")), (vec![String::new()], vec![told]));
    }

    #[test]
    fn what_holds_of_every_answer_is_broken_also_where_the_run_ended_before_it_looked_back() {
        let bench = bench("auth.no-echo");
        let seen = |breaches: u64, answers: u64, why: Gap| {
            let finding = Finding { what: "w".to_owned(), expected: "e".to_owned(), actual: "a".to_owned() };
            let breaches = (breaches > 0).then(|| (Rule::NoKeyEchoed, (breaches, vec![finding])));
            let run = RunWide { breaches: breaches.into_iter().collect(), answers, ..RunWide::default() };
            let experiment = bench.suite.experiments[bench.experiment].name.clone();
            let not_played = vec![NotPlayed { experiment, row: bench.case().row.clone(), why }];
            bench.judged(&Evidence { run, not_played, ..Evidence::default() })
        };
        let over = || Gap::Inconclusive("the time was over".to_owned());
        let (sound, broken, nothing) = (seen(0, 9, over()), seen(1, 9, over()), seen(0, 0, over()));
        assert_eq!((sound.failures.len(), sound.held, broken.failures.len()), (0, 1, 1));
        assert_eq!((nothing.held, nothing.unsure.len()), (0, 1), "no answer is no pass");
        // Whoever ends a run earlier knows what is left out.
        let skipped = seen(0, 9, Gap::Skipped("the run was interrupted".to_owned()));
        assert_eq!((skipped.held, skipped.skipped.len()), (0, 1));
        // Where no key works, its answers are no news.
        assert!(seen(1, 9, Gap::Blocked("no key opens anything".to_owned())).failures.is_empty());
    }

    #[track_caller]
    fn doubt(judged: &Judged) -> &Doubt {
        assert!(judged.failures.is_empty() && judged.held == 0, "{judged:?}");
        assert_eq!((judged.unsure.len(), judged.doubts.len()), (1, 1), "{judged:?}");
        &judged.doubts[0]
    }

    #[test]
    fn a_right_count_holds() {
        let judged = bench("rate.standard").of(&[burst_of(60, 100, (0, 0))]);
        assert_eq!((judged.held, judged.requests), (1, 160));
        assert!(judged.failures.is_empty() && judged.doubts.is_empty() && judged.unsure.is_empty());
    }

    #[test]
    fn a_doubt_that_no_time_was_left_for_says_so() {
        let bench = bench("rate.standard");
        let mut evidence = bench.evidence(&[burst_of(61, 99, (0, 0))]);
        let before = bench.judged(&evidence);
        let (experiment, row) = (evidence.plays[0].experiment.clone(), evidence.plays[0].row.clone());
        let why = Gap::Inconclusive("no time was left".to_owned());
        evidence.not_played.push(NotPlayed { experiment, row, why });
        let after = bench.judged(&evidence);
        assert_eq!(doubt(&before), doubt(&after));
        assert_eq!(after.unsure, [format!("{}; no time was left", before.unsure[0])]);
    }

    #[test]
    fn one_too_many_is_played_again_apart_from_it_before_it_is_held_against_anybody() {
        let bench = bench("rate.standard");
        let once = bench.of(&[burst_of(61, 99, (0, 0))]);
        let doubt = doubt(&once);
        assert_eq!((doubt.silence, doubt.stale, doubt.steps), (SHORT_SILENCE, false, 2));
        assert_eq!(doubt.suspicions.len(), 1);
        let again = bench.of(&[burst_of(61, 99, (0, 0)), burst_of(61, 99, (3, 20))]);
        assert_eq!(again.failures.len(), 1, "{again:?}");
        assert!(again.failures[0].failure.what.contains("61 requests"), "{:?}", again.failures);
        assert!(again.doubts.is_empty());
        // The same instant of the minute, so the same reset may have lain in both.
        let meeting = bench.of(&[burst_of(61, 99, (0, 0)), burst_of(61, 99, (3, 0))]);
        assert!(meeting.failures.is_empty() && !meeting.unsure.is_empty(), "{meeting:?}");
        // It was a reset, as the second play shows.
        assert_eq!(bench.of(&[burst_of(61, 99, (0, 0)), burst_of(60, 100, (3, 20))]).held, 1);
    }

    #[test]
    fn a_play_by_other_limits_than_those_that_were_learned_tells_nothing() {
        let bench = bench("rate.recovers");
        let burst = |minute| burst_of(201, 99, (minute, 0));
        let mut evidence = bench.evidence(&[burst_of(150, 10, (0, 0)), burst(3)]);
        evidence.learned.requests.insert(Tier::Standard, Quota::Of(200));
        evidence.plays[1].keys.get_mut(OWN).unwrap().limits.requests = 200;
        assert_eq!(doubt(&bench.judged(&evidence)).way, Way::LetsIn);
        let mut evidence = bench.evidence(&[burst(0), burst(3)]);
        evidence.learned.requests.insert(Tier::Standard, Quota::Of(200));
        for play in &mut evidence.plays {
            play.keys.get_mut(OWN).unwrap().limits.requests = 200;
            play.silence = Some(SHORT_SILENCE);
        }
        assert!(bench.judged(&evidence).doubts.is_empty(), "it was played twice");
    }

    #[test]
    fn a_case_is_not_played_for_ever() {
        let bench = bench("rate.standard");
        let mut evidence = bench.evidence(&[burst_of(61, 99, (0, 0)), burst_of(61, 99, (3, 0))]);
        assert_eq!(bench.judged(&evidence).doubts.len(), 1, "the silence may have been too short");
        evidence.plays[1].silence = Some(LONG_SILENCE);
        let judged = bench.judged(&evidence);
        assert!(judged.doubts.is_empty() && judged.failures.is_empty() && judged.unsure.len() == 1);
    }

    #[test]
    fn more_than_two_quotas_and_no_end_are_proofs_at_once() {
        let bench = bench("rate.standard");
        assert_eq!(bench.of(&[burst_of(121, 39, (0, 0))]).failures.len(), 1);
        let endless = bench.of(&[burst_of(180, 0, (0, 0))]);
        assert!(endless.failures[0].failure.what.contains("no end was seen"), "{:?}", endless.failures);
        // What goes wrong when some are under way at once is another check's to say.
        let together = |minute| Burst { in_flight: 8, ..burst_of(180, 0, (minute, 0)) };
        doubt(&bench.of(&[together(0)]));
        assert_eq!(bench.of(&[together(0), together(4)]).failures.len(), 1);
    }

    #[test]
    fn one_too_few_is_a_proof_where_nothing_trickles_back_and_it_is_the_same_again() {
        let bench = bench("rate.standard");
        let short = |missing: usize, minute, trickles| Burst {
            trickles,
            ..burst_of(60 - missing, 100 + missing, (minute, 0))
        };
        assert_eq!(doubt(&bench.of(&[short(1, 0, None)])).silence, LONG_SILENCE);
        assert_eq!(doubt(&bench.of(&[short(1, 0, Some(true))])).silence, LONG_SILENCE);
        assert_eq!(bench.of(&[short(1, 0, Some(false)), short(1, 3, Some(false))]).failures.len(), 1);
        let another = bench.of(&[short(1, 0, Some(false)), short(2, 3, Some(false))]);
        assert!(another.failures.is_empty(), "{another:?}");
        assert!(another.unsure[0].contains("somebody else"), "{another:?}");
        // A log may remember what was sent less than a minute before.
        let remembers = |remembered: u32, minute| Burst { remembered, ..short(3, minute, Some(false)) };
        let judged = |remembered| bench.of(&[remembers(remembered, 0), remembers(remembered, 3)]);
        assert_eq!((judged(2).failures.len(), judged(3).failures.len()), (1, 0));
        // Whose keys nobody else uses has no such excuse.
        let evidence = bench.evidence(&[short(1, 0, Some(false)), short(2, 3, Some(false))]);
        let steady = Taught { steady: vec![Tier::Standard], ..Taught::default() };
        assert_eq!(judge(&bench.suite, &evidence, &steady, bench.check).failures.len(), 1);
    }

    #[test]
    fn what_was_expected_is_told_of_the_play_that_was_measured_out_by_the_page() {
        let play = |refused, minute| Burst { trickles: Some(false), ..burst_of(20, refused, (minute, 0)) };
        // The second time it is known that there are only 20.
        let judged = bench("rate.standard").of(&[play(140, 0), play(30, 3)]);
        assert_eq!(judged.failures[0].failure.expected, "admitted: 60\nlimited: 100\nother: 0", "{judged:?}");
    }

    #[test]
    fn a_batch_is_refused_rightly_where_it_does_not_fit_into_what_is_left() {
        let bench = bench("events.never-over");
        // 602 events are left after these, and one batch more of the smaller size would have fitted.
        let burst = |smaller: u32, smaller_are_refused: usize| {
            let burst = burst_of(142, 15, (0, 0));
            let mut batches = vec![700; 157];
            batches[141] = smaller;
            (142..142 + smaller_are_refused).for_each(|place| batches[place] = smaller);
            Burst { batches, together: true, in_flight: 64, ..burst }
        };
        assert_eq!(bench.of(&[burst(698, 0)]).held, 1);
        let judged = bench.of(&[burst(600, 1)]);
        assert!(judged.held == 0 && judged.doubts.len() == 1, "{judged:?}");
    }

    #[test]
    fn lost_answers_and_slow_bursts_prove_nothing() {
        let bench = bench("rate.standard");
        let lost = |at| Burst { faults: vec!["the connection ended".to_owned()], ..burst_of(58, 101, at) };
        let lost = bench.of(&[lost((0, 0)), lost((3, 20))]);
        assert!(lost.failures.is_empty() && lost.held == 0, "{lost:?}");
        let slow = |minute| {
            let burst = burst_of(60, 100, (minute, 0));
            Burst { to: burst.from + Duration::from_secs(59), ..burst }
        };
        let slow = bench.of(&[slow(0), slow(4)]);
        assert!(slow.failures.is_empty() && slow.held == 0 && slow.unsure.len() == 1, "{slow:?}");
    }

    #[test]
    fn the_check_of_the_limit_names_a_refusal_in_another_status() {
        let bench = bench("rate.standard");
        let mut otherwise = burst_of(60, 100, (0, 0));
        for (_, answer) in otherwise.answers.iter_mut().filter(|(_, answer)| answer.limited) {
            answer.status = 503;
        }
        let judged = bench.of(&[otherwise]);
        assert!(judged.failures[0].failure.what.contains("503, not 429"), "{judged:?}");
    }

    #[test]
    fn why_a_case_was_not_played_decides_what_its_check_comes_to() {
        let bench = bench("rate.standard");
        let left = |why: Gap| {
            let not_played = vec![NotPlayed {
                experiment: bench.suite.experiments[bench.experiment].name.clone(),
                row: bench.case().row.clone(),
                why,
            }];
            let judged = bench.judged(&Evidence { not_played, ..Evidence::default() });
            assert!(judged.held == 0 && judged.failures.is_empty());
            (judged.blocked.len(), judged.unsure.len(), judged.skipped.len())
        };
        let why = || "why".to_owned();
        assert_eq!(left(Gap::Blocked(why())), (1, 0, 0));
        assert_eq!(left(Gap::NeverLimited(why())), (1, 0, 0));
        assert_eq!(left(Gap::Inconclusive(why())), (0, 1, 0));
        assert_eq!(left(Gap::Noise(why())), (0, 1, 0));
        assert_eq!(left(Gap::Skipped(why())), (0, 0, 1));
        assert_eq!(bench.judged(&Evidence::default()).skipped.len(), 1);
    }

    #[test]
    fn a_limit_is_learned_from_two_windows_that_agree() {
        let bench = bench("rate.standard");
        let of = |admitted| burst_of(admitted, 160 - admitted, (0, 0));
        let learned = |first: Burst, second: Burst| bench.learned(false, [&first, &second]);
        assert_eq!(learned(of(60), of(60)), (None, vec![Tier::Standard]));
        assert_eq!(learned(of(61), of(61)), (Some(Quota::Of(61)), vec![Tier::Standard]));
        assert_eq!(learned(of(61), of(60)), (None, Vec::new()));
        assert_eq!(learned(burst_of(180, 0, (0, 0)), of(60)), (Some(Quota::Endless), Vec::new()));
    }

    #[test]
    fn a_limit_of_events_is_learned_where_batches_of_all_sizes_agree_on_one_number() {
        let bench = bench("events.counted-singly");
        // So many batches are admitted, and then one of these and one of so many events are not.
        let window = |batch: u32, admitted: usize, last: u32| {
            let mut burst = burst_of(admitted, 2, (0, 0));
            burst.batches = vec![batch; admitted + 2];
            burst.batches[admitted + 1] = last;
            burst
        };
        let learned = |windows: &[Burst]| {
            let mut evidence = bench.evidence(windows);
            learn(&bench.suite, &mut evidence);
            evidence.learned.events.get(&Tier::Ingestion).copied()
        };
        let half = window(1_000, 50, 1);
        assert_eq!(learned(&[half.clone(), window(500, 100, 500)]), Some(50_000));
        assert_eq!(learned(&[window(500, 100, 500), half.clone()]), Some(50_000));
        assert_eq!(learned(std::slice::from_ref(&half)), None, "once is no measure");
        assert_eq!(learned(&[window(1_000, 50, 1_000), window(500, 100, 500)]), None, "it is not exact");
        assert_eq!(learned(&[half, window(500, 40, 1)]), None, "they are not counted one by one");
        assert_eq!(learned(&[window(1_000, 100, 1), window(500, 200, 500)]), None, "it is as documented");
    }

    #[test]
    fn a_limit_of_events_is_learned_beside_what_goes_wrong_at_its_edge() {
        let bench = bench("events.counted-singly");
        let window = |spent: u32, admitted: usize| {
            let mut burst = Burst { spent: (spent, spent), ..burst_of(admitted, 2, (0, 0)) };
            burst.batches = vec![1_000; admitted + 2];
            burst.batches[admitted + 1] = 1;
            burst
        };
        let learned = |windows: &[Burst]| {
            let mut evidence = bench.evidence(windows);
            learn(&bench.suite, &mut evidence);
            evidence.learned.events.get(&Tier::Ingestion).copied()
        };
        // A batch that did not fit was refused and counted, or taken whole.
        assert_eq!(learned(&[window(0, 50), window(0, 50), window(1, 49)]), Some(50_000));
        assert_eq!(learned(&[window(0, 50), window(0, 50), window(1, 50)]), Some(50_000));
        assert_eq!(
            learned(&[window(0, 50), window(0, 50), window(1, 48)]),
            None,
            "that is more than a batch"
        );
        let mut small = burst_of(99, 2, (0, 0));
        small.batches = [&[500; 100][..], &[1]].concat();
        assert_eq!(
            learned(&[window(0, 50), window(0, 50), small]),
            Some(50_000),
            "smaller ones fill it more"
        );
        assert_eq!(learned(&[window(0, 100), window(1, 99), window(1, 99)]), None, "one is as documented");
    }

    #[test]
    fn a_burst_that_met_no_window_is_no_measure_and_is_held_against_nobody_but_recovery() {
        let none = |minute| Burst { trickles: Some(false), ..burst_of(0, 160, (minute, 0)) };
        assert_eq!(bench("rate.standard").learned(false, [&none(0), &none(3)]), (None, Vec::new()));
        let connections = bench("rate.connections").of(&[none(0), none(3)]);
        assert!(
            connections.failures.is_empty() && connections.needs.contains("rate.recovers"),
            "{connections:?}"
        );
        assert_eq!(connections.lacking.len(), 1);
        assert_eq!(bench("rate.recovers").of(&[none(0), none(3)]).failures.len(), 1);
    }

    #[test]
    fn where_the_limiter_slides_what_a_promise_brought_back_is_no_quota() {
        let bench = bench("rate.standard");
        let of = |fresh, admitted, silence| Burst {
            fresh: Some(fresh),
            silence,
            ..burst_of(admitted, 160 - admitted, (0, 0))
        };
        let promised = of(Fresh::Next, 3, Duration::from_secs(1));
        assert_eq!(bench.learned(false, [&promised, &promised]).0, Some(Quota::Of(3)));
        assert_eq!(bench.learned(true, [&promised, &promised]), (None, Vec::new()));
        let silent = |silence| of(Fresh::Silence, 59, silence);
        assert_eq!(bench.learned(true, [&silent(SHORT_SILENCE), &silent(SHORT_SILENCE)]), (None, Vec::new()));
        let rested = silent(LONG_SILENCE);
        assert_eq!(bench.learned(true, [&rested, &rested]), (Some(Quota::Of(59)), vec![Tier::Standard]));
        // More than the page says is no leftover of a window before.
        let more = of(Fresh::Next, 65, Duration::from_secs(1));
        assert_eq!(bench.learned(true, [&more, &more]).0, Some(Quota::Of(65)));
    }

    #[test]
    fn what_was_measured_out_by_the_documented_limit_is_played_again_by_the_one_that_was_learned() {
        let bench = bench("rate.recovers");
        let mut evidence = bench.evidence(&[burst_of(150, 10, (0, 0))]);
        evidence.learned.requests.insert(Tier::Standard, Quota::Of(200));
        assert!(doubt(&bench.judged(&evidence)).stale);
        // Measured out by that, and right by it.
        let mut evidence = bench.evidence(&[burst_of(200, 100, (0, 0))]);
        evidence.learned.requests.insert(Tier::Standard, Quota::Of(200));
        evidence.plays[0].keys.get_mut(OWN).unwrap().limits.requests = 200;
        assert_eq!(bench.judged(&evidence).held, 1);
    }

    #[test]
    fn a_key_with_another_quota_than_its_tier_is_named_by_the_check_of_the_tier() {
        let (owner, other) = (bench("rate.standard"), bench("rate.recovers"));
        // The first key has what is documented, and this is what every window of the second one held.
        let learned = |number: usize, virtual_time: bool| {
            let mut evidence = owner.evidence(&[burst_of(60, 100, (0, 0))]);
            evidence.deployment.virtual_time = virtual_time;
            let mut play = other.play(&burst_of(60, 100, (1, 0)));
            play.keys.get_mut(OWN).unwrap().variable = "K_2".to_owned();
            for seen in &mut play.seen {
                if let Observation::Burst(burst) = seen {
                    **burst = burst_of(number, 100, (1, 0));
                }
            }
            evidence.plays.push(play);
            learn(&owner.suite, &mut evidence);
            (evidence.learned.requests_of.clone(), owner.judged(&evidence).failures)
        };
        assert_eq!(learned(60, false).0, BTreeMap::new());
        assert_eq!(learned(300, true).0, BTreeMap::new(), "keys of a workspace are made for each case");
        let (of_keys, failures) = learned(300, false);
        assert_eq!(of_keys, BTreeMap::from([("K_2".to_owned(), 300)]));
        assert_eq!(failures.len(), 1);
        let what = &failures[0].failure.what;
        assert_eq!(what, "K_2 gets 300 requests in a window, not 60 as other keys of its tier");
    }

    #[test]
    fn a_number_that_was_measured_explains_nothing_but_itself() {
        let bench = bench("rate.standard");
        let is_measured = |burst: &Burst| {
            let mut evidence = bench.evidence(std::slice::from_ref(burst));
            for seen in &mut evidence.plays[0].seen {
                if let Observation::Burst(window) = seen {
                    (**window).clone_from(burst);
                }
            }
            let taught = learn(&bench.suite, &mut evidence);
            judge(&bench.suite, &evidence, &taught, bench.check).measured.is_some()
        };
        assert!(is_measured(&Burst { trickles: Some(false), ..burst_of(50, 110, (0, 0)) }));
        assert!(!is_measured(&burst_of(120, 40, (0, 0))), "two instances each count for themselves");
        // Every twentieth is let in beyond the limit.
        let mut leaks = burst_of(65, 95, (0, 0));
        for (place, answer) in &mut leaks.answers {
            let at = answer.sent + Duration::from_millis(2 * *place as u64);
            (answer.sent, answer.done) = (at, at + Duration::from_millis(1));
            answer.limited = *place >= 60 && *place % 20 != 0;
            answer.status = if answer.limited { 429 } else { 200 };
        }
        assert!(!is_measured(&leaks));
    }

    /// Batches of 1,000 events and, where they are refused, one of a single event.
    fn batches_of(key: &str, admitted: usize, refused: usize, from: (u64, u64)) -> Burst {
        let mut batches = vec![1_000; admitted + refused];
        if refused > 0 {
            batches[admitted + refused - 1] = 1;
        }
        Burst { key: key.to_owned(), batches, ..burst_of(admitted, refused, from) }
    }

    #[test]
    fn who_gets_no_events_right_after_another_key_had_them_has_none_of_its_own() {
        let bench = bench("events.per-key");
        let judged_where = |recovers: bool, own: Burst, neighbour: Burst| {
            let mut evidence = bench.evidence(&[neighbour]);
            let play = &mut evidence.plays[0];
            let other = KeyInfo { variable: "OTHER".to_owned(), ..play.keys[OWN].clone() };
            play.keys.insert("neighbour".to_owned(), other);
            let first = play.seen.iter_mut().find(|seen| matches!(seen, Observation::Burst(_))).unwrap();
            *first = Observation::Burst(Box::new(own));
            // The other key was used up before; it was given requests again, or it was not.
            let mut before = evidence.plays[0].clone();
            before.experiment = "recovers".to_owned();
            before.keys = [(OWN.to_owned(), before.keys["neighbour"].clone())].into();
            let again = burst_of(if recovers { 60 } else { 0 }, 1, (0, 59));
            let windows = [burst_of(60, 1, (0, 0)), again];
            before.seen = windows.map(|burst| Observation::Burst(Box::new(burst))).into();
            evidence.plays.insert(0, before);
            bench.judged(&evidence)
        };
        let neighbour = |from| batches_of("neighbour", 0, 100, from);
        let judged = |own: Burst, neighbour: Burst| judged_where(true, own, neighbour);
        let had_all = || batches_of(OWN, 100, 0, (1, 0));
        let judged_at_once = judged(had_all(), neighbour((1, 5)));
        let said = &judged_at_once.failures[0].failure.what;
        assert_eq!(said, "OTHER gets no events after K used up those of a window");
        let is_no_proof = |own: Burst, neighbour: Burst| judged(own, neighbour).failures.is_empty();
        let hardly_silent = Burst { silence: Duration::from_secs(30), ..neighbour((1, 5)) };
        assert!(is_no_proof(had_all(), hardly_silent));
        let never = judged_where(false, had_all(), neighbour((1, 5)));
        assert!(never.failures.is_empty(), "a quota that is used up may never come back");
        assert!(is_no_proof(had_all(), neighbour((2, 5))), "the other key's window is over");
        assert!(is_no_proof(batches_of(OWN, 40, 1, (1, 0)), neighbour((1, 5))), "it had few itself");
    }

    #[test]
    fn events_that_are_nowhere_to_be_had_again_are_used_up_for_good() {
        let bench = bench("events.window");
        let judged = |elsewhere: usize| {
            let mut evidence = bench.evidence(&[batches_of(OWN, 100, 10, (1, 0))]);
            let second = Burst { fresh: Some(Fresh::Next), ..batches_of(OWN, 0, 20, (2, 1)) };
            let last = evidence.plays[0].seen.iter_mut().rfind(|seen| matches!(seen, Observation::Burst(_)));
            *last.unwrap() = Observation::Burst(Box::new(second));
            let mut other = evidence.plays[0].clone();
            other.experiment = "out-of-events".to_owned();
            let burst = batches_of(OWN, elsewhere, 20, (4, 0));
            other.seen = vec![Observation::Nothing, Observation::Burst(Box::new(burst))];
            evidence.plays.push(other);
            bench.judged(&evidence)
        };
        let never = judged(0);
        assert_eq!(never.failures[0].failure.what, "the events of a window are used up for good");
        assert!(judged(50).failures.is_empty(), "another key has a window");
    }

    #[test]
    fn what_comes_back_twice_at_once_is_no_window() {
        let bench = bench("rate.window-length");
        let judged = |apart: Duration| {
            let mut evidence = bench.evidence(&[burst_of(60, 100, (1, 0))]);
            let at = |time: Duration| Instant(Duration::from_secs(60) + time);
            let first = Duration::from_secs(20);
            let early = Early {
                at: (at(first), at(first)),
                whole: 60,
                until: None,
                again: Some((at(first + apart), at(first + apart))),
            };
            let over = Duration::from_secs(59);
            let polled = Polled {
                key: OWN.to_owned(),
                over,
                began: at(Duration::ZERO),
                early: Some(early),
                ..Polled::default()
            };
            let polls = |step: &Action| matches!(step, Action::Poll(_));
            let place = bench.case().steps.iter().position(|step| polls(&step.value.action)).unwrap();
            evidence.plays[0].seen[place] = Observation::Polled(Box::new(polled));
            bench.judged(&evidence)
        };
        let window = judged(Duration::from_secs(30));
        assert!(window.failures[0].failure.what.contains("a window is about 30 s long"), "{window:?}");
        let counters = judged(Duration::from_millis(18));
        assert!(counters.failures.is_empty() && !counters.lacking.is_empty(), "{counters:?}");
    }

    #[test]
    fn refusals_that_are_no_answers_are_named_by_the_check_of_the_limit() {
        let unanswered = Burst { faults: vec!["no answer".to_owned(); 2], ..burst_of(60, 0, (0, 0)) };
        let judged = |id: &str| {
            let bench = bench(id);
            let mut evidence = bench.evidence(std::slice::from_ref(&unanswered));
            evidence.learned.silent_refusals = true;
            bench.judged(&evidence)
        };
        assert_eq!(judged("rate.standard").failures[0].failure.what, "over its limit a key gets no answer");
        let recovers = judged("rate.recovers");
        assert!(recovers.failures.is_empty() && recovers.needs.contains("rate.standard"), "{recovers:?}");
    }

    /// A few at once, and one more each time quota for it has come back, as often as the burst lasts so long.
    fn smoothed(at_once: usize, every: usize, from: (u64, u64)) -> Burst {
        let mut burst = burst_of(at_once, 160 - at_once, from);
        for (place, answer) in &mut burst.answers {
            let at = answer.sent + Duration::from_millis(20 * *place as u64);
            (answer.sent, answer.done) = (at, at + Duration::from_millis(1));
            answer.limited = *place >= at_once && *place % every != 0;
            answer.status = if answer.limited { 429 } else { 200 };
        }
        let to = burst.from + Duration::from_millis(3_200);
        Burst { to, trickles: Some(true), silence: LONG_SILENCE, ..burst }
    }

    #[test]
    fn a_gateway_that_smooths_requests_out_is_told_in_the_same_words_for_every_tier() {
        let words = |id: &str, at_once: usize| {
            let judged = bench(id).of(&[smoothed(at_once, 60, (0, 0)), smoothed(at_once, 50, (3, 20))]);
            assert!(judged.measured.is_none() && judged.failures.len() == 1, "{judged:?}");
            judged.failures[0].failure.what.clone()
        };
        assert_eq!(words("rate.standard", 11), words("rate.premium", 14));
        // Once may have been somebody else, and what comes back makes it no other number.
        doubt(&bench("rate.standard").of(&[smoothed(11, 60, (0, 0))]));
        doubt(&bench("rate.standard").of(&[smoothed(11, 60, (0, 0)), smoothed(30, 60, (3, 20))]));
    }

    #[test]
    fn who_is_let_in_now_and_then_over_the_limit_is_named_at_once_and_alike_for_every_tier() {
        let leaks = |admitted: usize| {
            let mut burst = burst_of(admitted, 100, (0, 0));
            for (place, answer) in &mut burst.answers {
                let at = answer.sent + Duration::from_millis(*place as u64);
                (answer.sent, answer.done) = (at, at + Duration::from_millis(1));
                if *place >= admitted && *place % 10 == 0 {
                    (answer.limited, answer.status) = (false, 200);
                }
            }
            burst
        };
        let words =
            |id: &str, admitted: usize| bench(id).of(&[leaks(admitted)]).failures[0].failure.what.clone();
        assert_eq!(words("rate.standard", 60), words("rate.premium", 300));
        // Another check may look at several endpoints, of which one is not counted.
        doubt(&bench("rate.recovers").of(&[leaks(60)]));
    }

    #[test]
    fn a_limit_for_each_second_is_told_in_the_same_words_for_every_tier() {
        let words = |id: &str, admitted: usize| {
            let burst = |minute| Burst { trickles: Some(false), ..burst_of(admitted, 100, (minute, 0)) };
            bench(id).of(&[burst(0), burst(3)]).failures[0].failure.what.clone()
        };
        assert_eq!(words("rate.standard", 1), words("rate.premium", 5));
        assert_ne!(words("rate.standard", 30), words("rate.standard", 1));
    }
}
