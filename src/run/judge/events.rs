//! How many events of a window were accepted, against what is expected.

use super::answer::wants_a_429;
use super::context::Context;
use super::ruling::{FALTERS, INSTANCES, Lack, Ruling, SPLIT};
use super::window::{FOR_GOOD, TOO_LONG, nowhere_come_back, too_few};
use crate::report::Way;
use crate::run::environment::OWN;
use crate::run::evidence::{Burst, KeyInfo, bursts};
use crate::run::finding::Finding;
use crate::run::limiters::{Suspicion, no_answer};
use crate::scenario::model::{Expect, Fact, Reading};

/// What the checks that own the limit of events come to where it was measured: of the one that asks for a refusal beyond it,
/// there are more than documented, of the other one fewer.
pub(super) fn measured_events(context: &mut Context<'_>) -> Option<Ruling> {
    let reading = context.reading;
    let key = context.key(OWN).filter(|_| reading.learns == Some(Fact::Events))?;
    let learned = &context.evidence.learned;
    context.at = (reading.items.last()?.line, "");
    // What is odd about a key is said of that key.
    if learned.events_of.contains_key(&key.variable) {
        return Some(Ruling::Held);
    }
    let (documented, measured) = (key.documented.events?, *learned.events.get(&key.tier?)?);
    let seeks_more = seeks_more(reading);
    if seeks_more != (measured > documented) {
        return Some(Ruling::Held);
    }
    if context.taught.instances.is_some_and(|times| measured > documented && measured <= documented * times) {
        return Some(Ruling::Lacking(Lack::RequestLimit, INSTANCES.to_owned()));
    }
    let what = format!("a key gets {measured} events in a window, not {documented}");
    let (expected, actual) = (format!("accepted: {documented}"), format!("accepted: {measured}"));
    let mut failure = context.failure(Finding { what, expected, actual });
    failure.facts.push("this was measured in two windows, to the event".to_owned());
    if seeks_more {
        failure.way = Way::LetsIn;
    }
    Some(Ruling::Broken(vec![failure]))
}

/// Whether a check asks for a refusal beyond a limit, and not for what is let in up to it.
pub(super) fn seeks_more(reading: &Reading) -> bool {
    reading.items.iter().any(|item| wants_a_429(item.expect.as_ref()))
}

/// Why nothing can be said of the events of a window.
const REQUESTS_RAN_OUT: &str = "the requests of a window ran out before its events";

/// Makes sure that it is events which ran out, where there are fewer requests than documented.
pub(super) fn out_of_requests(context: &Context<'_>, burst: &Burst, key: &KeyInfo) -> Ruling {
    let requests = context.limits(key).requests;
    // What was refused for its content may have been counted.
    let ran_out = burst.limited() > 0 && burst.spent.0 + burst.admitted() >= requests - requests / 10;
    match burst.counts_events() && ran_out && requests < key.documented.requests {
        true => Ruling::Lacking(Lack::RequestLimit, REQUESTS_RAN_OUT.to_owned()),
        false => Ruling::Held,
    }
}

/// Judges how many events of a burst were accepted. An answer that says that fewer were accepted than were sent
/// is believed; nothing is held against one that does not say.
pub(super) fn events(context: &Context<'_>, expect: &Expect, burst: &Burst, key: &KeyInfo) -> Ruling {
    let Some(wanted) = expect.accepted.or(expect.accepted_about) else { return Ruling::Held };
    let limit = context.limits(key).events.unwrap_or(u32::MAX);
    let all: u32 = burst.batches.iter().sum();
    let (accepted, let_in) = (burst.accepted(), burst.events_let_in());
    let most = wanted.resolve(limit, limit.saturating_sub(burst.spent.1), all);
    let batch = burst.batches.iter().copied().max().unwrap_or(1).max(1);
    // Where whole batches do not add up to it, those may be refused that do not fit into the rest.
    let smallest = burst.smallest_refused().unwrap_or(batch);
    let (least, beyond) = match expect.accepted {
        Some(_) => (most.saturating_sub(smallest.saturating_sub(1)), 0),
        None => (most.saturating_sub(batch), batch),
    };
    if accepted <= most + beyond && let_in >= least {
        return Ruling::Held;
    }
    if context.taught.split {
        return Ruling::Lacking(Lack::RequestLimit, SPLIT.to_owned());
    }
    let of_instances = |times: u32| accepted + burst.spent.1 <= limit.saturating_mul(times) + beyond;
    if context.taught.instances.is_some_and(of_instances) {
        return Ruling::Lacking(Lack::RequestLimit, INSTANCES.to_owned());
    }
    if accepted > most + beyond && burst.limited() == 0 && !burst.together && !events_end(context, key) {
        let why = "no end of the events was seen, so nothing can be used up";
        return Ruling::Lacking(Lack::EventLimit, why.to_owned());
    }
    if burst.limited() > 0 && burst.spent.0 + burst.admitted() >= context.limits(key).requests {
        return Ruling::Lacking(Lack::RequestLimit, REQUESTS_RAN_OUT.to_owned());
    }
    let finding = Finding {
        what: format!("of {all} events {accepted} were accepted"),
        expected: format!("accepted: {most}"),
        actual: format!("accepted: {accepted}"),
    };
    let mut failure = context.failure_of_burst(finding, burst);
    let batches = format!("{} batches were admitted and {} answered 429", burst.admitted(), burst.limited());
    failure.facts.insert(0, batches);
    if accepted > most + beyond {
        failure.way = Way::LetsIn;
    }
    let failures = vec![failure];
    if let Some(fault) = burst.faults.first() {
        return Ruling::Suspect(Suspicion::Noise(no_answer(fault)), failures);
    }
    if let_in < least / 2 && nowhere_come_back(context, burst, key) {
        return Ruling::Lacking(Lack::Recovery, FOR_GOOD.to_owned());
    }
    if accepted <= most + beyond && let_in + burst.faltered() * batch >= least {
        return Ruling::Lacking(Lack::RequestLimit, FALTERS.to_owned());
    }
    let suspicion = if accepted > most + beyond {
        let admitted = accepted.saturating_add(burst.spent.1);
        Suspicion::TooMany {
            admitted,
            limit: most.saturating_add(burst.spent.1),
            span: (burst.since, burst.to),
        }
    } else if burst.took() >= TOO_LONG {
        Suspicion::TooSlow(burst.took())
    } else {
        too_few(context, burst, key, least - let_in)
    };
    Ruling::Suspect(suspicion, failures)
}

/// Whether the check that owns the limit of events sees batches refused for their size: none as large was ever admitted to a key
/// of the tier, in two cases at the least, though smaller ones were.
pub(super) fn is_refused_for_its_size(context: &Context<'_>, burst: &Burst, key: &KeyInfo) -> bool {
    let owns = context.reading.learns == Some(Fact::Events);
    let Some(size) = burst.smallest_refused().filter(|size| owns && *size > 1) else { return false };
    let (mut refused, mut smaller) = (0, 0);
    for play in &context.evidence.plays {
        let of_tier = |burst: &&Burst| play.keys.get(&burst.key).is_some_and(|used| used.tier == key.tier);
        let mut is_refused = false;
        for other in bursts(&play.seen).filter(of_tier) {
            for (place, answer) in &other.answers {
                match other.batches.get(*place) {
                    Some(batch) if *batch >= size && answer.admitted() => return false,
                    Some(batch) if *batch >= size => is_refused |= answer.limited,
                    Some(batch) if *batch > 1 => smaller += u32::from(answer.admitted()),
                    _ => {}
                }
            }
        }
        refused += u32::from(is_refused);
    }
    refused > 1 && smaller > 0
}

/// Whether some window of this tier's keys was out of events before it was out of requests.
fn events_end(context: &Context<'_>, key: &KeyInfo) -> bool {
    let requests = context.limits(key).requests;
    context.evidence.plays.iter().any(|play| {
        bursts(&play.seen).any(|burst| {
            let same_tier = play.keys.get(&burst.key).is_some_and(|used| used.tier == key.tier);
            // Where nothing was admitted, the window was not a fresh one.
            let admitted = burst.admitted();
            // Nor was it where requests of the minute before may still have been counted.
            let counted = burst.spent.0 + burst.remembered + admitted;
            let ended = burst.limited() > 0 && admitted > 0 && counted < requests;
            same_tier && burst.counts_events() && ended
        })
    })
}
