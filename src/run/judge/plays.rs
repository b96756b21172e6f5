//! What several plays of a case come to together: a wrong count is a suspicion until no conforming limiter explains all of them.

use std::collections::BTreeSet;
use std::time::Duration;

use super::context::{Context, FirstBodies, owns_the_limit};
use super::learn::Taught;
use super::reading::read;
use super::ruling::{Lack, Ruling};
use super::window;
use crate::report::{Failure, Way};
use crate::run::environment::OWN;
use crate::run::evidence::{Burst, Evidence, KeyInfo, Observation, Paced, Play, bursts};
use crate::run::learned::whole_quotas;
use crate::run::limiters::{self, Assessment, LONG_SILENCE, SHORT_SILENCE, Span, Suspicion, WINDOW};
use crate::scenario::Suite;
use crate::scenario::model::{Case, Fact, Reading};

/// The plays that came as far as this reading needs them; all, if none did. What proves another check may end earlier.
pub(super) fn plays_to_read<'a>(
    evidence: &'a Evidence,
    experiment: &'a str,
    case: &'a Case,
    reading: &Reading,
) -> Vec<&'a Play> {
    let all: Vec<&Play> = evidence.plays_of(experiment, &case.row).collect();
    let last = reading.items.iter().flat_map(|item| &item.steps).max();
    let reached = |play: &&&Play| last.is_none_or(|last| play.seen.len() > *last);
    let enough: Vec<&Play> = all.iter().filter(reached).copied().collect();
    if enough.is_empty() { all } else { enough }
}

/// What a reading of several plays comes to.
pub(super) enum Settled {
    Held,
    Broken(Vec<Failure>),
    Blocked(String),
    Lacking(Lack, String),
    Skipped(String),
    Inconclusive(String),
    /// Another play could tell, after so long a silence; else this is why nothing follows.
    Doubtful {
        silence: Duration,
        /// Whether it is worth one more than usual, as of all that were played one alone tells anything.
        once_more: bool,
        /// Which way it errs.
        way: Way,
        /// What the deployment lacks, if nothing conforming explains it.
        lack: Option<Lack>,
        why: String,
    },
}

impl Settled {
    /// What one play comes to, and what has to be proven for that, where it is a suspicion.
    fn of(outcome: Ruling) -> (Option<Suspicion>, Self) {
        let settled = match outcome {
            Ruling::Suspect(newest, failures) => return (Some(newest), Self::Broken(failures)),
            Ruling::MetNoWindow(newest, lack, why) => return (Some(newest), Self::Lacking(lack, why)),
            Ruling::Held | Ruling::HeldWith(_) => Self::Held,
            Ruling::Broken(failures) => Self::Broken(failures),
            Ruling::Lacking(lack, why) => Self::Lacking(lack, why),
            Ruling::Blocked(why) => Self::Blocked(why),
            Ruling::Skipped(why) => Self::Skipped(why),
            Ruling::Inconclusive(why) => Self::Inconclusive(why),
            Ruling::Stale => Self::Doubtful {
                silence: SHORT_SILENCE,
                once_more: false,
                way: Way::Other,
                lack: None,
                why: "it was measured out by the documented limits, which are not those of this deployment"
                    .to_owned(),
            },
        };
        (None, settled)
    }

    /// Of plays that show the same, the first one was measured out by the documented limits.
    fn in_the_first_words(self, first: Option<Vec<Failure>>, plays: usize) -> Self {
        match self {
            Self::Broken(failures) => {
                let first = first.filter(|first| say_the_same(first, &failures));
                Self::Broken(with_plays(first.unwrap_or(failures), plays))
            }
            other => other,
        }
    }
}

/// What a reading of several plays comes to, with what it stands on.
pub(super) struct Readings {
    pub(super) settled: Settled,
    pub(super) facts: Vec<String>,
    pub(super) suspicions: Vec<Suspicion>,
    pub(super) stale: bool,
    /// How many of the plays were measured out by the limits of this deployment.
    pub(super) telling: usize,
    owns_the_limit: bool,
}

impl Readings {
    pub(super) fn of(
        suite: &Suite,
        evidence: &Evidence,
        taught: &Taught,
        case: &Case,
        reading: &Reading,
        plays: &[&Play],
        bodies: &mut FirstBodies,
    ) -> Self {
        let owns_the_limit = owns_the_limit(reading);
        let mut suspicions: Vec<Suspicion> = Vec::new();
        let mut beside: Vec<Suspicion> = Vec::new();
        let mut last = (Ruling::Held, Vec::new());
        let mut first: Option<Vec<Failure>> = None;
        let mut broken: Option<Vec<Failure>> = None;
        let mut telling = 0;
        for (number, play) in plays.iter().enumerate() {
            let mut context = Context {
                suite,
                evidence,
                case,
                reading,
                play,
                taught,
                owns_the_limit,
                again: number > 0,
                at: (0, ""),
            };
            last = read(&mut context, bodies);
            beside.extend(suspicions_beside(&context, reading));
            if let Ruling::Suspect(Suspicion::TooMany { admitted, limit, .. }, _) = &last.0 {
                beside.extend(match reading.learns {
                    Some(Fact::Requests) => as_many_elsewhere(&context, *admitted),
                    Some(Fact::Events) => too_many_events_elsewhere(&context),
                    Some(Fact::Hold) => as_many_quotas_elsewhere(&context, *admitted, *limit),
                    _ => Vec::new(),
                });
            }
            telling += usize::from(last.0 != Ruling::Stale);
            match &last.0 {
                Ruling::Broken(failures) => broken = broken.or_else(|| Some(failures.clone())),
                Ruling::Suspect(suspicion, failures) => {
                    suspicions.push(suspicion.clone());
                    first.get_or_insert_with(|| failures.clone());
                }
                Ruling::MetNoWindow(suspicion, ..) => suspicions.push(suspicion.clone()),
                _ => {}
            }
        }
        let (outcome, mut facts) = last;
        let stale = outcome == Ruling::Stale;
        let (suspicion, settled) =
            broken.map_or_else(|| Settled::of(outcome), |failures| (None, Settled::Broken(failures)));
        let mut settled = match (suspicion, settled) {
            (None, settled) => settled,
            (Some(newest), settled) => {
                let proven = settled.in_the_first_words(first, plays.len());
                weighed(&newest, &suspicions, &beside, evidence, &mut facts, proven)
            }
        };
        let not_again = plays.first().and_then(|play| evidence.not_played_of(&play.experiment, &play.row));
        if let (Settled::Doubtful { why, .. }, Some(gap)) = (&mut settled, not_again) {
            *why = format!("{why}; {}", gap.why());
        }
        Self { settled, facts, suspicions, stale, telling, owns_the_limit }
    }

    /// Whether a quota that comes back bit by bit explains all that was admitted beyond it. What a limit is, is told
    /// otherwise.
    pub(super) fn is_refill(&self) -> bool {
        !self.suspicions.is_empty()
            && !self.owns_the_limit
            && self.suspicions.iter().all(limiters::is_no_more_than_a_refill)
    }
}

/// What further windows of a play show of the quota that this reading is about.
fn suspicions_beside(context: &Context<'_>, reading: &Reading) -> Vec<Suspicion> {
    let read: BTreeSet<usize> = reading.items.iter().flat_map(|item| item.steps.iter().copied()).collect();
    let others = context.play.seen.iter().enumerate().filter(|(place, _)| !read.contains(place));
    others
        .filter_map(|(_, seen)| match seen {
            Observation::Burst(burst) => {
                window::suspicion_of(context, burst, context.play.keys.get(&burst.key)?)
            }
            _ => None,
        })
        .collect()
}

/// What windows of other cases show, by a clock that is the same for all: in workspaces of a mock every case has one of its own.
fn windows_elsewhere(
    context: &Context<'_>,
    shown: impl Fn(&Burst, &KeyInfo) -> Option<Suspicion>,
) -> Vec<Suspicion> {
    if context.evidence.deployment.virtual_time {
        return Vec::new();
    }
    let (experiment, row) = (&context.play.experiment, &context.play.row);
    let others =
        context.evidence.plays.iter().filter(|play| play.experiment != *experiment || play.row != *row);
    let of_play = |play: &'_ Play| {
        let windows = bursts(&play.seen).filter_map(|burst| shown(burst, play.keys.get(&burst.key)?));
        windows.collect::<Vec<_>>()
    };
    others.flat_map(of_play).collect()
}

/// The windows in other cases that held just as many too many of the tier that this reading is about: a reset explains one of
/// them, if any, whichever key it was.
fn as_many_elsewhere(context: &Context<'_>, number: u32) -> Vec<Suspicion> {
    let Some(tier) = context.key(OWN).and_then(|own| own.tier) else { return Vec::new() };
    let is_as_many =
        |other: &Suspicion| matches!(other, Suspicion::TooMany { admitted, .. } if *admitted == number);
    windows_elsewhere(context, |burst, key| {
        (key.tier == Some(tier)).then(|| window::suspicion_of(context, burst, key))?.filter(is_as_many)
    })
}

/// The windows in other cases that held more events than documented, sent one batch at a time. Where requests have no end,
/// that is why.
fn too_many_events_elsewhere(context: &Context<'_>) -> Vec<Suspicion> {
    let own = context.key(OWN).filter(|own| !context.is_endless(own));
    let Some(own) = own else { return Vec::new() };
    windows_elsewhere(context, |burst, key| {
        let (admitted, limit) = (burst.spent.1 + burst.accepted(), key.documented.events?);
        let is_one_at_a_time = key.tier == own.tier && burst.fresh.is_some() && !burst.together;
        let span = (burst.since, burst.to);
        (is_one_at_a_time && admitted > limit).then_some(Suspicion::TooMany { admitted, limit, span })
    })
}

/// The windows in other cases, of whatever tier, that held as many whole quotas in the place of one.
fn as_many_quotas_elsewhere(context: &Context<'_>, number: u32, limit: u32) -> Vec<Suspicion> {
    let Some(times) = whole_quotas(number, limit) else { return Vec::new() };
    windows_elsewhere(context, |burst, key| {
        let (admitted, limit) = (burst.spent.0 + burst.admitted(), context.limits(key).requests);
        let is_whole =
            burst.fresh.is_some() && burst.counted && burst.limited() > 0 && burst.faults.is_empty();
        let span = (burst.since, burst.to);
        (is_whole && whole_quotas(admitted, limit) == Some(times)).then_some(Suspicion::TooMany {
            admitted,
            limit,
            span,
        })
    })
}

/// How long a key has to be silent for the next play to settle a suspicion.
fn silence_for(suspicion: &Suspicion, slides: bool) -> Duration {
    match suspicion {
        Suspicion::TooFew { trickles: Some(false), .. } if !slides => SHORT_SILENCE,
        Suspicion::CameBack { .. } | Suspicion::Limited(_) | Suspicion::TooFew { .. } => LONG_SILENCE,
        _ if slides => LONG_SILENCE,
        _ => SHORT_SILENCE,
    }
}

/// When part of a quota came back to keys of which nothing before was weighed in, in whatever case.
fn came_back_to_keys(evidence: &Evidence) -> Vec<(&str, Span)> {
    let came_back = |play: &Play, place: usize| match &play.seen[place] {
        Observation::Polled(polled) => {
            let limit = play.keys.get(&polled.key)?.limits.requests;
            let early = polled.early.filter(|early| early.whole < limit)?;
            let is_rested = play.begins_rested(&polled.key, limit, early.whole);
            is_rested.then(|| (polled.key.clone(), early.span(limit)))
        }
        Observation::Paced(paced) => {
            let used_up = bursts(&play.seen[..place]).rfind(|burst| burst.key == paced.key)?;
            Some((paced.key.clone(), came_back_at_a_pace(used_up, paced)?))
        }
        _ => None,
    };
    let mut seen = Vec::new();
    for play in &evidence.plays {
        for (key, span) in (0..play.seen.len()).filter_map(|place| came_back(play, place)) {
            seen.extend(play.keys.get(&key).map(|key| (key.variable.as_str(), span)));
        }
    }
    seen
}

/// When something came back to a rested key that was used up, where it was asked at an even pace right after: until its window
/// ends, where nothing did.
fn came_back_at_a_pace(used_up: &Burst, paced: &Paced) -> Option<Span> {
    let refused = used_up.answers.iter().filter(|(_, answer)| answer.limited).map(|(_, answer)| answer.done);
    let refused = refused.min().filter(|_| used_up.is_rested() && used_up.counted && !used_up.is_split())?;
    let ends = used_up.since + WINDOW;
    let last = paced.answers.last().filter(|last| last.done < ends)?;
    let back = paced.answers.iter().find(|answer| answer.admitted()).map_or(ends, |answer| answer.done);
    (refused <= last.sent).then_some((refused, back))
}

/// What a suspicion comes to beside others: what is `proven`, or a doubt.
fn weighed(
    newest: &Suspicion,
    suspicions: &[Suspicion],
    beside: &[Suspicion],
    evidence: &Evidence,
    facts: &mut Vec<String>,
    proven: Settled,
) -> Settled {
    let others: Vec<Suspicion> = suspicions[..suspicions.len() - 1].iter().chain(beside).cloned().collect();
    let assessment = match newest {
        Suspicion::CameBack { span, key, .. } => {
            let to_keys = came_back_to_keys(evidence);
            match to_keys.contains(&(key.as_str(), *span)) && limiters::comes_back_to_all(&to_keys) {
                true => Assessment::Proof,
                false => limiters::weigh(newest, &others),
            }
        }
        newest => limiters::weigh(newest, &others),
    };
    match assessment {
        Assessment::Proof => proven,
        Assessment::Explained(fact) => {
            facts.push(fact);
            Settled::Held
        }
        Assessment::Doubt => {
            let silence = silence_for(newest, evidence.learned.slides);
            let once_more = matches!(newest, Suspicion::CameBack { rested: true, .. });
            let (way, lack) = match &proven {
                Settled::Broken(failures) => {
                    (failures.first().map_or(Way::Other, |failure| failure.way), None)
                }
                Settled::Lacking(lack, _) => (Way::Other, Some(*lack)),
                _ => (Way::Other, None),
            };
            Settled::Doubtful { silence, once_more, way, lack, why: limiters::explain(newest) }
        }
    }
}

fn say_the_same(some: &[Failure], others: &[Failure]) -> bool {
    some.iter().map(|failure| &failure.what).eq(others.iter().map(|failure| &failure.what))
}

fn with_plays(mut failures: Vec<Failure>, plays: usize) -> Vec<Failure> {
    if plays > 1 {
        for failure in &mut failures {
            failure.facts.push(format!("seen in {plays} plays; no conforming limiter explains all of them"));
        }
    }
    failures
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::evidence::{Answer, Fresh};
    use crate::run::instant::Instant;

    #[test]
    fn who_asks_at_a_pace_sees_when_something_comes_back() {
        let at = |milliseconds| Instant(Duration::from_millis(milliseconds));
        let answer = |milliseconds, limited| {
            let (status, sent) = (if limited { 429 } else { 200 }, at(milliseconds));
            let done = at(milliseconds + 1);
            Answer { look: 0, status, limited, accepted: None, promise: None, sent, answered: done, done }
        };
        let used_up = Burst {
            answers: vec![(0, answer(0, false)), (1, answer(10, true))],
            counted: true,
            fresh: Some(Fresh::Silence),
            silence: LONG_SILENCE,
            ..Burst::default()
        };
        let paced = |admitted: bool| Paced {
            answers: vec![answer(300, true), answer(600, !admitted), answer(900, true)],
            ..Paced::default()
        };
        assert_eq!(came_back_at_a_pace(&used_up, &paced(true)), Some((at(11), at(601))));
        assert_eq!(came_back_at_a_pace(&used_up, &paced(false)), Some((at(11), at(60_000))));
        let hardly = Burst { silence: SHORT_SILENCE, ..used_up };
        assert_eq!(came_back_at_a_pace(&hardly, &paced(true)), None, "what was before may be weighed in");
    }
}
