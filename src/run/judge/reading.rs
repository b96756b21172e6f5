//! What a check reads from one play of a case.

use std::collections::BTreeMap;

use serde_json::Value;

use super::answer::Rules;
use super::each_429::each_429;
use super::events::{measured_events, out_of_requests};
use super::facts::{numbers, observed};
use super::sent::{no_promise, sent_once};
use super::whole_run::whole_run;
use super::{Finding, counts, paced, polled, window};
use crate::contract::{Limits, Tier};
use crate::report::{Failure, Way};
use crate::run::evidence::{Answer, Burst, Evidence, Gap, KeyInfo, Look, Observation, Play, Polled};
use crate::run::job;
use crate::run::limiters::{Suspicion, no_answer};
use crate::scenario::Suite;
use crate::scenario::model::{Action, Case, Expect, Fact, Item, Reading, Step, told_row};

/// What a deployment lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lack {
    /// That a key is let in where its scope says so.
    Admission,
    /// An end of the requests of a window.
    RequestLimit,
    /// An end of the events of a window.
    EventLimit,
    /// That a key which was used up gets a quota again.
    Recovery,
    /// That a key which was used up stays so until then.
    Hold,
    /// That who waits as long as told is let in.
    Promise,
    /// A quota of the key's own.
    OwnQuota,
}

/// Why some steps were not played.
const SHARED: &str = "keys share a quota, and what takes longer was not played";

impl Lack {
    /// Whether a check that learns this names what is lacking.
    pub(super) fn is_named_by(self, learns: Option<Fact>) -> bool {
        match self {
            Self::Admission => false,
            Self::RequestLimit => learns == Some(Fact::Requests),
            Self::EventLimit => learns == Some(Fact::Events),
            Self::Recovery => learns == Some(Fact::Recovery),
            Self::Hold => learns == Some(Fact::Hold),
            Self::Promise => learns == Some(Fact::Promise),
            Self::OwnQuota => learns == Some(Fact::Sharing),
        }
    }
}

/// What a reading came to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Ruling {
    /// Every expectation held.
    Held,
    /// Every expectation held, and this was seen.
    HeldWith(String),
    /// Some are broken, and nothing conforming explains it.
    Broken(Vec<Failure>),
    /// Some are broken, and something conforming may explain it.
    Suspect(Suspicion, Vec<Failure>),
    /// A burst that should have met a fresh window was refused as a whole. Where nothing conforming explains that, a check
    /// that owns what is lacking names it.
    MetNoWindow(Suspicion, Lack, String),
    /// It was measured out by limits that are not those of this deployment.
    Stale,
    /// The deployment stands in the way.
    Blocked(String),
    /// It lacks what this would be seen by, and the checks that own that name it.
    Lacking(Lack, String),
    /// Something that is needed is not there.
    Skipped(String),
    /// Nothing follows from what was seen.
    Inconclusive(String),
}

impl Ruling {
    /// What comes next, where this held.
    pub(super) fn and_then(self, next: impl FnOnce() -> Self) -> Self {
        if self == Self::Held { next() } else { self }
    }

    fn of(gap: &Gap) -> Self {
        match gap {
            Gap::Blocked(why) => Self::Blocked(why.clone()),
            Gap::NotAdmitted(why) => Self::Lacking(Lack::Admission, why.clone()),
            Gap::NeverLimited(why) => Self::Lacking(Lack::RequestLimit, why.clone()),
            Gap::NotHeld(why) => Self::Lacking(Lack::Hold, why.clone()),
            Gap::Skipped(why) => Self::Skipped(why.clone()),
            Gap::Inconclusive(why) => Self::Inconclusive(why.clone()),
            Gap::Noise(why) => Self::Suspect(Suspicion::Noise(why.clone()), Vec::new()),
        }
    }
}

/// Bodies that should be the same, by the check and the name it gave them.
pub(super) type FirstBodies = BTreeMap<(usize, String), (u16, u32, Value)>;

/// What a reading may look at.
pub(super) struct Context<'a> {
    pub(super) suite: &'a Suite,
    pub(super) evidence: &'a Evidence,
    pub(super) case: &'a Case,
    pub(super) reading: &'a Reading,
    pub(super) play: &'a Play,
    /// Tiers whose quota was measured twice, with the same number each time: nobody else uses their keys.
    pub(super) steady: &'a [Tier],
    /// Whether this check names the limit of its tier.
    pub(super) owns_the_limit: bool,
    /// Whether an earlier play left a doubt.
    pub(super) again: bool,
    /// The line that is read, and the row of the step's own table.
    pub(super) at: (u32, &'a str),
}

impl<'a> Context<'a> {
    /// What holds for a key: the documented limits where they are what is judged, elsewhere what was measured.
    pub(super) fn limits(&self, key: &KeyInfo) -> Limits {
        let measured = self.evidence.learned.limits(&key.variable, key.tier, key.documented);
        match self.reading.learns {
            Some(Fact::Requests) => key.documented,
            Some(Fact::Events) => Limits { events: key.documented.events, ..measured },
            _ => measured,
        }
    }

    /// Whether the requests of a key's tier have no end.
    pub(super) fn is_endless(&self, key: &KeyInfo) -> bool {
        self.evidence.learned.is_endless(key.tier)
    }

    /// Whether nobody else uses the keys of this tier.
    pub(super) fn is_steady(&self, tier: Option<Tier>) -> bool {
        tier.is_some_and(|tier| self.steady.contains(&tier))
    }

    /// How an answer looked.
    pub(super) fn look(&self, place: usize) -> &'a Look {
        &self.evidence.looks[place]
    }

    /// A suspicion where it is the first of its kind; a proof where an earlier play left a doubt already.
    pub(super) fn at_first(&self, suspicion: Suspicion, failures: Vec<Failure>) -> Ruling {
        if self.again { Ruling::Broken(failures) } else { Ruling::Suspect(suspicion, failures) }
    }

    /// A failure at the place that is read.
    pub(super) fn failure(&self, finding: Finding) -> Failure {
        let parts = [told_row(&self.case.row), self.at.1.to_owned()];
        Failure {
            case: parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" "),
            what: finding.what,
            expected: finding.expected,
            actual: finding.actual,
            line: self.at.0,
            facts: Vec::new(),
            exchange: None,
            curl: None,
            way: Way::Other,
        }
    }

    /// A failure of a burst, with how it went.
    pub(super) fn failure_of_burst(&self, finding: Finding, burst: &Burst) -> Failure {
        let requests = crate::amounts::count(burst.all().into(), "request");
        let facts = vec![
            format!("{requests} left within {} ms", burst.left_within.as_millis()),
            format!("the last answer came {} ms after the first request left", burst.took().as_millis()),
        ];
        Failure { facts, ..self.failure(finding) }
    }

    pub(super) fn key(&self, name: &str) -> Option<&'a KeyInfo> {
        self.play.keys.get(name)
    }

    pub(super) fn rules(&self, head: bool, limited: bool) -> Rules<'a> {
        Rules {
            fixtures: &self.suite.fixtures,
            extra_members_allowed: self.evidence.deployment.extra_members_allowed,
            head,
            limited,
        }
    }
}

/// Reads a play: what came of it, and the facts that are reported.
pub(super) fn read(context: &mut Context<'_>, bodies: &mut FirstBodies) -> (Ruling, Vec<String>) {
    let mut facts = Vec::new();
    if let Some(outcome) = measured_events(context) {
        return (outcome, facts);
    }
    let mut outcome = Ruling::Held;
    let reading = context.reading;
    for item in &reading.items {
        match read_item(context, item, bodies, &mut facts) {
            Ruling::Held => {}
            Ruling::HeldWith(fact) => facts.push(fact),
            // What cannot be judged keeps nothing else from being judged.
            lacking @ (Ruling::Blocked(_) | Ruling::Lacking(..)) if outcome == Ruling::Held => {
                outcome = lacking;
            }
            Ruling::Blocked(_) | Ruling::Lacking(..) => {}
            other => {
                outcome = other;
                break;
            }
        }
    }
    let (requests, events) = (job::counts_requests(context.case), job::counts_events(context.case));
    let measured_out = |key: &KeyInfo| {
        let learned = context.evidence.learned.limits(&key.variable, key.tier, key.documented);
        (!requests || key.limits.requests == learned.requests)
            && (!events || key.limits.events == learned.events)
    };
    let doubtful = match &outcome {
        // What an answer says does not hang on numbers.
        Ruling::Broken(failures) => failures.iter().any(|failure| failure.way != Way::Says),
        outcome => matches!(outcome, Ruling::Suspect(..) | Ruling::MetNoWindow(..)),
    };
    let is_measured = |name: &str| job::counts_a_quota(context.case) && job::is_measured(context.case, name);
    let mut measured = context.play.keys.iter().filter(|(name, _)| is_measured(name));
    if doubtful && !context.owns_the_limit && !measured.all(|(_, key)| measured_out(key)) {
        outcome = Ruling::Stale;
    }
    (outcome, facts)
}

/// Reads one item: of several answers under one name, everything that is wrong.
fn read_item<'a>(
    context: &mut Context<'a>,
    item: &'a Item,
    bodies: &mut FirstBodies,
    facts: &mut Vec<String>,
) -> Ruling {
    context.at = (item.line, "");
    if item.steps.is_empty() {
        return item.expect.as_ref().map_or(Ruling::Held, |expect| whole_run(context, expect, facts));
    }
    let mut broken = Vec::new();
    let mut first = Ruling::Held;
    for place in &item.steps {
        let Some(step) = context.case.steps.get(*place) else { continue };
        context.at = (item.line, &step.value.row);
        match read_step(context, item, *place, &step.value, bodies, facts) {
            Ruling::Held => {}
            Ruling::HeldWith(fact) => facts.push(fact),
            Ruling::Broken(failures) => broken.extend(failures),
            other if first == Ruling::Held => first = other,
            _ => {}
        }
    }
    if broken.is_empty() { first } else { Ruling::Broken(broken) }
}

fn read_step<'a>(
    context: &Context<'a>,
    item: &'a Item,
    place: usize,
    step: &'a Step,
    bodies: &mut FirstBodies,
    facts: &mut Vec<String>,
) -> Ruling {
    let windows = windows_before(context, place);
    if windows != Ruling::Held {
        return windows;
    }
    let Some(seen) = context.play.seen.get(place) else {
        return match context.evidence.learned.sharing {
            true => Ruling::Lacking(Lack::OwnQuota, SHARED.to_owned()),
            false => Ruling::Inconclusive("it was not played so far".to_owned()),
        };
    };
    match (seen, item.expect.as_ref()) {
        (Observation::Nothing, _) => Ruling::Held,
        (Observation::Missing(gap), _) => Ruling::of(gap),
        (Observation::Answer(sent), expect) => {
            facts.extend(item.observe.as_ref().and_then(|text| observed(context, text, sent)));
            let outcome = sent_once(context, item.given.as_ref(), expect, sent, place, bodies);
            let is_let_in = matches!(outcome, Ruling::Broken(_) | Ruling::Suspect(..))
                && wants_a_429(expect)
                && sent.outcome.as_ref().is_ok_and(Answer::admitted);
            // What got no answer may not have been counted, and left room.
            let lost = lost_before(context, place).filter(|_| is_let_in);
            lost.map_or(outcome, Ruling::Inconclusive)
        }
        (Observation::Burst(burst), expect) => {
            facts.extend(burst.notes.iter().cloned());
            let Some(key) = context.key(&burst.key) else { return Ruling::Held };
            let numbers =
                |text: &String| numbers(context, text, burst.admitted(), burst.limited(), burst.all(), key);
            facts.extend(item.observe.as_ref().map(numbers));
            let Some(expect) = expect else { return Ruling::Held };
            let answers: Vec<Answer> = burst.answers.iter().map(|(_, answer)| *answer).collect();
            counts::burst(context, expect, burst, key).and_then(|| each_429(context, expect, &answers))
        }
        (Observation::Paced(paced), expect) => {
            let (Some(key), Some(expect)) = (context.key(&paced.key), expect) else { return Ruling::Held };
            paced::paced(context, expect, paced, key).and_then(|| each_429(context, expect, &paced.answers))
        }
        (Observation::Polled(polled), expect) => read_poll(context, item, expect, (polled, place), facts),
        (Observation::UsedUp(limited), expect) => {
            expect.map_or(Ruling::Held, |expect| each_429(context, expect, limited))
        }
        (Observation::Listed { session, found }, _) => listed(context, step, session, *found),
        (Observation::Limiter(what), _) => {
            facts.push(what.clone());
            Ruling::Held
        }
    }
}

fn read_poll(
    context: &Context<'_>,
    item: &Item,
    expect: Option<&Expect>,
    (polled, place): (&Polled, usize),
    facts: &mut Vec<String>,
) -> Ruling {
    if !was_used_up(context, place) {
        let why = "the key could not be used up: a check of its limit names the cause";
        return Ruling::Lacking(Lack::RequestLimit, why.to_owned());
    }
    match item.observe.as_ref().map(|text| polled::observed(text, polled)) {
        Some(Some(fact)) => facts.push(fact),
        Some(None) => return no_promise(context, place),
        None => {}
    }
    let (Some(key), Some(expect)) = (context.key(&polled.key), expect) else { return Ruling::Held };
    let outcome = polled::polled(context, expect, polled, key, place);
    match last_burst(context, place) {
        // What requests that came together did not get was left to those that came alone.
        Some(burst)
            if outcome != Ruling::Held
                && burst.in_flight > 1
                && burst.spent.0 + burst.admitted() < context.limits(key).requests =>
        {
            let why = "some of the quota was left when requests came together";
            Ruling::Lacking(Lack::RequestLimit, why.to_owned())
        }
        _ => outcome,
    }
}

/// What windows before this step come to: what follows on an odd one says nothing.
fn windows_before(context: &Context<'_>, place: usize) -> Ruling {
    for seen in context.play.seen.iter().take(place) {
        if let Observation::Burst(burst) = seen
            && let Some(key) = context.key(&burst.key)
        {
            let window = window::window(context, burst, key, false)
                .and_then(|| out_of_requests(context, burst, key))
                .and_then(|| counts::no_early_refusal(context, burst, key));
            if window != Ruling::Held {
                return window;
            }
        }
    }
    Ruling::Held
}

pub(super) fn wants_a_429(expect: Option<&Expect>) -> bool {
    expect.and_then(|expect| expect.status.as_ref()).is_some_and(|status| status.contains(429))
}

/// Why it is not known what was used of a quota before this step, where requests of the last burst got no answer.
fn lost_before(context: &Context<'_>, place: usize) -> Option<String> {
    last_burst(context, place).and_then(|burst| burst.faults.first()).map(no_answer)
}

/// The last burst before this step that used a window's quota.
fn last_burst<'a>(context: &Context<'a>, place: usize) -> Option<&'a Burst> {
    context.play.seen.iter().take(place).rev().find_map(|seen| match seen {
        Observation::Burst(burst) if burst.counted => Some(&**burst),
        _ => None,
    })
}

/// Whether the last burst before this step that used a window's quota met its end.
fn was_used_up(context: &Context<'_>, place: usize) -> bool {
    let bursts = context.play.seen.iter().take(place).rev();
    let last = bursts.filter_map(|seen| match seen {
        Observation::Burst(burst) if burst.counted => Some(burst.limited() > 0),
        Observation::UsedUp(_) => Some(true),
        _ => None,
    });
    last.into_iter().next().unwrap_or(false)
}

fn listed(context: &Context<'_>, step: &Step, session: &str, found: bool) -> Ruling {
    let Action::FindSession(find) = &step.action else { return Ruling::Held };
    let must_be = find.is == crate::scenario::model::Presence::Present;
    if found == must_be {
        return Ruling::Held;
    }
    Ruling::Broken(vec![context.failure(Finding {
        what: "a refused batch was ingested: its session is in the session list".to_owned(),
        expected: format!("no session {session}"),
        actual: format!("session {session} is listed"),
    })])
}

/// Whether a reading names the limit of its tier.
pub(super) fn owns_the_limit(reading: &Reading) -> bool {
    matches!(reading.learns, Some(Fact::Requests | Fact::Events))
}
