//! What a check reads from one play of a case.

use super::answer::wants_a_429;
use super::context::{Context, FirstBodies};
use super::each_429::each_429;
use super::events::{measured_events, out_of_requests};
use super::facts::{numbers, observed};
use super::isolation::taken_by_another;
use super::ruling::{Lack, Ruling};
use super::sent::{no_promise, sent_once};
use super::whole_run::whole_run;
use super::{counts, paced, polled, window};
use crate::report::Way;
use crate::run::evidence::{Answer, Burst, KeyInfo, Observation, Polled, bursts};
use crate::run::finding::Finding;
use crate::run::limiters::no_answer;
use crate::run::queue::QUEUED;
use crate::run::{case, job};
use crate::scenario::model::{Action, Expect, Fact, Item, Step};

/// Why some steps were not played.
const SHARED: &str = "keys share a quota, and what takes longer was not played";

/// Reads a play: what came of it, and the facts that are reported.
pub(super) fn read(context: &mut Context<'_>, bodies: &mut FirstBodies) -> (Ruling, Vec<String>) {
    let mut facts = Vec::new();
    if let Some(outcome) = queued(context).or_else(|| measured_events(context)) {
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
    let (requests, events) = (case::counts_requests(context.case), case::counts_events(context.case));
    let measured_out = |key: &KeyInfo| {
        let learned = context.evidence.learned.limits(&key.variable, key.tier, key.documented);
        (!requests || key.limits.requests == learned.requests)
            && (!events || key.limits.events == learned.events)
    };
    let doubtful = match &outcome {
        // What an answer says does not hang on numbers, nor does whether that is kept.
        Ruling::Broken(failures) => {
            failures.iter().any(|failure| !matches!(failure.way, Way::Says | Way::Unkept))
        }
        outcome => matches!(outcome, Ruling::Suspect(..) | Ruling::MetNoWindow(..)),
    };
    let is_measured = |name: &str| job::counts_a_quota(context.case) && job::is_measured(context.case, name);
    let mut measured = context.play.keys.iter().filter(|(name, _)| is_measured(name));
    if doubtful && !context.owns_the_limit && !measured.all(|(_, key)| measured_out(key)) {
        outcome = Ruling::Stale;
    }
    (outcome, facts)
}

/// What the checks that own the limit of requests come to where these wait for quota.
fn queued(context: &mut Context<'_>) -> Option<Ruling> {
    let reading = context.reading;
    let actual = context.evidence.learned.queued.clone()?;
    context.at = (reading.items.last().filter(|_| reading.learns == Some(Fact::Requests))?.line, "");
    let expected = "a rested key's quota at once, and 429 for what is over it".to_owned();
    let failure = context.failure(Finding { what: QUEUED.to_owned(), expected, actual });
    // A gateway asks for no tier.
    Some(Ruling::Broken(vec![failure.of_no_tier()]))
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
        // What requests that came together did not get was left to those that came alone; or it came back bit by bit.
        Some(burst)
            if outcome != Ruling::Held
                && burst.in_flight > 1
                && burst.trickles != Some(true)
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
    for burst in bursts(context.before(place)) {
        let Some(key) = context.key(&burst.key) else { continue };
        let window = taken_by_another(context, burst, key)
            .and_then(|| window::window(context, burst, key, false))
            .and_then(|| out_of_requests(context, burst, key))
            .and_then(|| counts::no_early_refusal(context, burst, key));
        if window != Ruling::Held {
            return window;
        }
    }
    Ruling::Held
}

/// Why it is not known what was used of a quota before this step, where requests of the last burst got no answer.
fn lost_before(context: &Context<'_>, place: usize) -> Option<String> {
    last_burst(context, place).and_then(|burst| burst.faults.first()).map(no_answer)
}

/// The last burst before this step that used a window's quota.
fn last_burst<'a>(context: &Context<'a>, place: usize) -> Option<&'a Burst> {
    bursts(context.before(place)).rfind(|burst| burst.counted)
}

/// Whether the last burst before this step that used a window's quota met its end.
fn was_used_up(context: &Context<'_>, place: usize) -> bool {
    let last = context.before(place).iter().rev().find_map(|seen| match seen {
        Observation::Burst(burst) if burst.counted => Some(burst.limited() > 0),
        Observation::UsedUp(_) => Some(true),
        _ => None,
    });
    last.unwrap_or(false)
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
