//! Numbers of answers against expectations: what is wrong with them, and what it is at first, a proof or a suspicion.

use std::collections::BTreeMap;
use std::time::Duration;

use super::promise::{broken_promise, spread};
use super::reading::{Context, Lack, Outcome};
use super::sent::no_promise;
use super::{Finding, excerpt};
use crate::contract::Tier;
use crate::report::{Failure, Way};
use crate::run::clock::Instant;
use crate::run::evidence::{Answer, Burst, Fresh, KeyInfo, Observation, Paced, Play, Polled};
use crate::run::keys::WINDOW;
use crate::run::learned::MOST_QUOTAS;
use crate::run::limiters::{Span, Suspicion, may_refuse, no_answer, too_slow};
use crate::scenario::model::{Action, Expect, Fact};
use crate::scenario::words::Amount;

/// A burst that took so long cannot be told from one that met a reset.
const TOO_LONG: Duration = Duration::from_secs(WINDOW.as_secs() - 1);

/// How long a counter that weighs in the minute before needs for one more request, at the smallest of the limits.
const SOON: Duration = Duration::from_secs(2);

/// Why nothing exact can be said where the server fails now and then: the checks of the limits name it.
const FALTERS: &str = "some requests are answered 5xx";

/// What was expected of a burst, in numbers.
struct Wanted {
    admitted: Option<u32>,
    limited: Option<u32>,
    other: Option<u32>,
}

impl Wanted {
    fn of(expect: &Expect, limit: u32, left: u32, all: u32) -> Self {
        let admitted = expect.admitted.map(|amount| amount.resolve(limit, left, all).min(all));
        let limited = expect.limited.map(|amount| match amount {
            Amount::Rest => all - admitted.unwrap_or(0),
            amount => amount.resolve(limit, left, all),
        });
        Self { admitted, limited, other: expect.other.map(|amount| amount.resolve(limit, left, all)) }
    }

    /// Whether these numbers are the wanted ones but for requests to which the server failed to give a proper answer.
    fn may_be(&self, admitted: u32, limited: u32, faltered: u32) -> bool {
        let within = |wanted: Option<u32>, seen: u32| {
            wanted.is_none_or(|wanted| (seen..=seen + faltered).contains(&wanted))
        };
        faltered > 0 && within(self.admitted, admitted) && within(self.limited, limited)
    }

    /// Whether these numbers are the wanted ones.
    fn are(&self, admitted: u32, limited: u32, other: u32) -> bool {
        let is = |wanted: Option<u32>, seen: u32| wanted.is_none_or(|wanted| wanted == seen);
        is(self.admitted, admitted) && is(self.limited, limited) && is(self.other, other)
    }

    fn told(&self) -> String {
        let line = |name: &str, number: Option<u32>| number.map(|number| format!("{name}: {number}"));
        let lines =
            [line("admitted", self.admitted), line("limited", self.limited), line("other", self.other)];
        lines.into_iter().flatten().collect::<Vec<_>>().join("\n")
    }
}

/// Judges the numbers of a burst, requests first, then events.
pub(super) fn burst(context: &Context<'_>, expect: &Expect, burst: &Burst, key: &KeyInfo) -> Outcome {
    let window = match nothing_else_refuses(context, burst, key) {
        true => window(context, burst, key, true),
        false => Outcome::Held,
    };
    window.and_then(|| requests(context, expect, burst, key)).and_then(|| events(context, expect, burst, key))
}

/// Whether a burst that is refused as a whole can have met no fresh window only. Batches may be refused for their size, unless
/// single events are, too; and bad keys may have used the window up, unless others met none either.
fn nothing_else_refuses(context: &Context<'_>, burst: &Burst, key: &KeyInfo) -> bool {
    let bad_keys_in = |play: &Play| {
        play.seen.iter().any(|seen| matches!(seen, Observation::Burst(burst) if !burst.counted))
    };
    let of_tier =
        |play: &Play, burst: &Burst| play.keys.get(&burst.key).is_some_and(|other| other.tier == key.tier);
    let met_none = |play: &Play| {
        play.seen.iter().any(|seen| match seen {
            Observation::Burst(burst) => of_tier(play, burst) && burst.met_no_window(),
            _ => false,
        })
    };
    if counts_events(burst) && burst.smallest_refused() != Some(1) {
        return false;
    }
    let mut others = context.evidence.plays.iter().filter(|play| !bad_keys_in(play));
    !bad_keys_in(context.play) || others.any(met_none)
}

/// Whether it is events that are counted: then the number of requests is no quota.
fn counts_events(burst: &Burst) -> bool {
    burst.batches.iter().any(|events| *events > 1)
}

fn requests(context: &Context<'_>, expect: &Expect, burst: &Burst, key: &KeyInfo) -> Outcome {
    let limits = context.limits(key);
    let limit = limits.requests;
    let refilled = if burst.together { 0 } else { burst.refilled(limit, context.play) };
    let (all, admitted, limited) = (burst.all(), burst.admitted() - refilled, burst.limited() + refilled);
    let other = all - admitted - limited - u32::try_from(burst.faults.len()).unwrap_or(0);
    let wanted = Wanted::of(expect, limit, limit.saturating_sub(burst.spent.0), all);
    let differs = |wanted: Option<u32>, seen: u32| wanted.is_some_and(|wanted| wanted != seen);
    if burst.counted
        && !context.owns_the_limit
        && context.is_endless(key)
        && (differs(wanted.admitted, admitted) || differs(wanted.limited, limited))
    {
        let why = "no end of this tier's requests was seen, so nothing can be used up";
        return Outcome::Lacking(Lack::RequestLimit, why.to_owned());
    }
    let other_words = context.owns_the_limit && refused_otherwise(burst).is_some();
    // A number that was measured with one key of a tier need not be that of another one.
    if !context.owns_the_limit && limit != key.documented.requests {
        let limit = key.documented.requests;
        let documented = Wanted::of(expect, limit, limit.saturating_sub(burst.spent.0), all);
        if documented.are(admitted, limited, other) {
            return Outcome::Held;
        }
    }
    let counts_events = counts_events(burst);
    if wanted.are(admitted, limited, other) && !other_words {
        // A burst that is none proves nothing: a reset lies inside it.
        let is_none = burst.took() >= TOO_LONG && expect.limited.is_some();
        return if is_none { Outcome::Inconclusive(too_slow(burst.took())) } else { Outcome::Held };
    }
    if burst.faults.is_empty()
        && other == burst.faltered()
        && wanted.may_be(admitted, limited, burst.faltered())
    {
        return faltering(context, &wanted, burst, seen(burst, admitted, limited, other));
    }
    if is_about_sharing(context) && burst.had_as_much_as_another(&context.play.seen) {
        return Outcome::Held;
    }
    let other_tier = |tier: &Tier| tier.limits().requests == burst.spent.0 + admitted;
    if is_about_sharing(context)
        && limited > 0
        && let Some(tier) = Tier::ALL.into_iter().find(other_tier).filter(|tier| Some(*tier) != key.tier)
    {
        let why = format!("{} has the quota of another tier, {tier}", key.variable);
        return Outcome::Lacking(Lack::RequestLimit, why);
    }
    if burst.together && burst.fresh == Some(Fresh::Next) && burst.met_no_window() {
        let why = format!("the promise to {} was not kept, so no window began", key.variable);
        return Outcome::Lacking(Lack::Promise, why);
    }
    let total = burst.spent.0 + admitted;
    let endless = limited == 0 && admitted == all && total >= MOST_QUOTAS * limit;
    let what = match refused_otherwise(burst) {
        Some(status) if other_words => format!("over its limit a key is answered {status}, not 429"),
        // In the same words for every tier: that nothing is limited has one cause.
        _ if endless => "three quotas were admitted within a window, and no end was seen".to_owned(),
        _ if context.owns_the_limit && limited > 0 && burst.fresh.is_some() && counts_events => {
            let (least, most) = burst.told_of_events();
            let number = if least == most { least.to_string() } else { format!("{least} to {most}") };
            format!("a key gets {number} events in a window, not {}", limits.events.unwrap_or_default())
        }
        _ if context.owns_the_limit && limited > 0 && burst.fresh.is_some() => match total / limit.max(1) {
            // In the same words for every tier, for it has one cause.
            times @ 2.. if total.is_multiple_of(limit) => {
                format!(
                    "a key gets {times} quotas in a window, as where {times} instances count for themselves"
                )
            }
            _ => format!("a key gets {total} requests in a window, not {limit}"),
        },
        _ => format!("of {all} requests {admitted} were admitted and {limited} answered 429"),
    };
    let finding = Finding { what, expected: wanted.told(), actual: seen(burst, admitted, limited, other) };
    let mut failure = context.failure_of_burst(finding, burst);
    if endless || wanted.admitted.is_some_and(|wanted| admitted > wanted) {
        failure.way = Way::LetsIn;
    }
    let failures = vec![failure];
    if let Some(fault) = burst.faults.first() {
        return Outcome::Suspect(Suspicion::Noise(no_answer(fault)), failures);
    }
    if other_words || (endless && burst.in_flight == 1) {
        return Outcome::Broken(failures);
    }
    if endless {
        let what = "no end of the requests was seen where some were under way at once".to_owned();
        return context.at_first(Suspicion::Unclear(what), failures);
    }
    if other > 0 && expect.other.is_some() {
        // A server may answer oddly on a connection it did not read to the end; twice it has no excuse.
        let what = format!("{other} of {all} answers were neither 2xx nor 429");
        return context.at_first(Suspicion::Noise(what), failures);
    }
    match wanted.admitted {
        Some(wanted) if admitted > wanted && wanted < all => {
            let limit = if counts_events { u32::MAX / 2 } else { limit };
            Outcome::Suspect(
                Suspicion::TooMany { admitted: total, limit, span: (burst.since, burst.to) },
                failures,
            )
        }
        _ if burst.took() >= TOO_LONG => Outcome::Suspect(Suspicion::TooSlow(burst.took()), failures),
        Some(wanted) if admitted < wanted => {
            // What is missing of the documented limit is the same however many were sent.
            let of_the_limit = context.owns_the_limit && !counts_events && limit > total;
            let missing = if of_the_limit { limit - total } else { wanted - admitted };
            Outcome::Suspect(too_few(context, burst, key, missing), failures)
        }
        _ => Outcome::Broken(failures),
    }
}

/// What a burst comes to that would be right, had not the server failed now and then: that is named by the checks of the
/// limits, in the same words for every tier.
fn faltering(context: &Context<'_>, wanted: &Wanted, burst: &Burst, actual: String) -> Outcome {
    /// Failed so often in one run, a server has no excuse.
    const OFTEN: u32 = 5;
    let status =
        burst.answers.iter().find(|(_, answer)| answer.faltered()).map_or(0, |(_, answer)| answer.status);
    let what = format!("some requests are answered {status}, which neither lets them in nor refuses them");
    let all = context.evidence.plays.iter().flat_map(|play| &play.seen);
    let often = all
        .filter_map(|seen| match seen {
            Observation::Burst(burst) => Some(burst.faltered()),
            _ => None,
        })
        .sum::<u32>()
        >= OFTEN;
    let finding = Finding { what: what.clone(), expected: wanted.told(), actual };
    let failures = vec![context.failure_of_burst(finding, burst)];
    if !often && !context.again {
        return Outcome::Suspect(Suspicion::Noise(what), failures);
    }
    match context.owns_the_limit {
        true => Outcome::Broken(failures),
        false => Outcome::Lacking(Lack::RequestLimit, what),
    }
}

/// Whether the check is about keys that share a quota.
fn is_about_sharing(context: &Context<'_>) -> bool {
    let cases = context.suite.experiments.iter().flat_map(|experiment| &experiment.cases);
    let mut readings = cases.flat_map(|case| &case.readings);
    readings.any(|reading| reading.check == context.reading.check && reading.learns == Some(Fact::Sharing))
}

/// The status with which requests were refused for want of quota, where it is not 429.
fn refused_otherwise(burst: &Burst) -> Option<u16> {
    let refused = burst.answers.iter().map(|(_, answer)| answer);
    refused.filter(|answer| answer.limited && answer.status != 429).map(|answer| answer.status).next()
}

/// Judges how many events of a burst were accepted. An answer that says that fewer were accepted than were sent
/// is believed; nothing is held against one that does not say.
fn events(context: &Context<'_>, expect: &Expect, burst: &Burst, key: &KeyInfo) -> Outcome {
    let Some(wanted) = expect.accepted.or(expect.accepted_about) else { return Outcome::Held };
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
        return Outcome::Held;
    }
    if accepted > most + beyond && burst.limited() == 0 && !burst.together && !events_end(context, key) {
        let why = "no end of the events was seen, so nothing can be used up";
        return Outcome::Lacking(Lack::EventLimit, why.to_owned());
    }
    if burst.limited() > 0 && burst.spent.0 + burst.admitted() >= context.limits(key).requests {
        let why = "the requests of a window ran out before its events";
        return Outcome::Lacking(Lack::RequestLimit, why.to_owned());
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
        return Outcome::Suspect(Suspicion::Noise(no_answer(fault)), failures);
    }
    if accepted <= most + beyond && let_in + burst.faltered() * batch >= least {
        return Outcome::Lacking(Lack::RequestLimit, FALTERS.to_owned());
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
    Outcome::Suspect(suspicion, failures)
}

/// Whether some window of this tier's keys was out of events before it was out of requests.
fn events_end(context: &Context<'_>, key: &KeyInfo) -> bool {
    let requests = context.limits(key).requests;
    context.evidence.plays.iter().any(|play| {
        play.seen.iter().any(|seen| match seen {
            Observation::Burst(burst) => {
                let same_tier = play.keys.get(&burst.key).is_some_and(|used| used.tier == key.tier);
                // Where nothing was admitted, the window was not a fresh one.
                let admitted = burst.admitted();
                let ended = burst.limited() > 0 && admitted > 0 && burst.spent.0 + admitted < requests;
                same_tier && counts_events(burst) && ended
            }
            _ => false,
        })
    })
}

/// Makes sure that a window was one: that a burst at its beginning was admitted something, also where nothing is expected
/// of it; else what follows would be seen in the middle of another one. The check that owns recovery fails where the burst is
/// the one that is read, though a promise was to begin the window.
pub(super) fn window(context: &Context<'_>, burst: &Burst, key: &KeyInfo, is_read: bool) -> Outcome {
    if !burst.met_no_window() {
        return Outcome::Held;
    }
    let limit = context.limits(key).requests;
    let finding = Finding {
        what: format!("nothing was admitted when {} should have had a fresh window", key.variable),
        expected: "some requests admitted".to_owned(),
        actual: format!("limited: {}", burst.limited()),
    };
    let suspicion = too_few(context, burst, key, limit);
    let owns = context.reading.learns == Some(Fact::Recovery);
    if burst.was_promised() && !(owns && is_read) {
        let why = format!("the promise to {} was not kept", key.variable);
        return Outcome::MetNoWindow(suspicion, Lack::Promise, why);
    }
    if !owns {
        return Outcome::MetNoWindow(suspicion, Lack::Recovery, finding.what);
    }
    Outcome::Suspect(suspicion, vec![context.failure_of_burst(finding, burst)])
}

fn too_few(context: &Context<'_>, burst: &Burst, key: &KeyInfo, missing: u32) -> Suspicion {
    Suspicion::TooFew {
        missing,
        spent: burst.spent.0,
        silence: burst.silence,
        promised: burst.was_promised(),
        next: burst.fresh == Some(Fresh::Next),
        trickles: burst.trickles,
        private: burst.private || context.is_steady(key.tier),
    }
}

/// What a burst at the beginning of a window shows of the key's quota of requests, whoever reads it.
pub(super) fn suspicion_of(context: &Context<'_>, burst: &Burst, key: &KeyInfo) -> Option<Suspicion> {
    if burst.fresh.is_none() || burst.together || burst.limited() == 0 || !burst.faults.is_empty() {
        return None;
    }
    // What goes wrong where some are under way at once says nothing of the quota.
    if burst.in_flight > 1 {
        return None;
    }
    let limit = context.limits(key).requests;
    let total = burst.spent.0 + burst.admitted();
    if counts_events(burst) || total == limit {
        return None;
    }
    Some(if total > limit {
        Suspicion::TooMany { admitted: total, limit, span: (burst.since, burst.to) }
    } else {
        too_few(context, burst, key, limit - total)
    })
}

fn seen(burst: &Burst, admitted: u32, limited: u32, other: u32) -> String {
    let mut seen = format!("admitted: {admitted}\nlimited: {limited}\nother: {other}");
    if other > 0 {
        let mut statuses = BTreeMap::new();
        let others = burst.answers.iter().map(|(_, answer)| answer);
        for answer in others.filter(|answer| !answer.admitted() && !answer.limited) {
            *statuses.entry(answer.status).or_insert(0_u32) += 1;
        }
        let shown: Vec<String> =
            statuses.iter().map(|(status, count)| format!("{count} × {status}")).collect();
        seen.push_str(&format!("\n  of these: {}", shown.join(", ")));
    }
    seen
}

/// Judges how far the instants that refusals promised lie apart.
pub(super) fn promise_moves(context: &Context<'_>, most: Duration, answers: &[Answer]) -> Outcome {
    let Some(spread) = spread(answers) else {
        return Outcome::Blocked("no two 429s carried a Retry-After that can be read".to_owned());
    };
    if spread <= most {
        return Outcome::Held;
    }
    let promised = |answer: &Answer| {
        let promise = answer.promise?;
        Some(format!("answered at {}, Retry-After promises {promise}", answer.answered))
    };
    Outcome::Broken(vec![context.failure(Finding {
        what: format!("the promised instant moves by {:.1} s", spread.as_secs_f64()),
        expected: format!("promises at most {:.1} s apart", most.as_secs_f64()),
        actual: answers.iter().filter_map(promised).collect::<Vec<_>>().join("\n"),
    })])
}

/// Judges requests at an even pace.
pub(super) fn paced(context: &Context<'_>, expect: &Expect, paced: &Paced, key: &KeyInfo) -> Outcome {
    let limit = context.limits(key).requests;
    let number = |wanted: fn(&Answer) -> bool| {
        u32::try_from(paced.answers.iter().filter(|answer| wanted(answer)).count()).unwrap_or(u32::MAX)
    };
    let count = u32::try_from(paced.answers.len()).unwrap_or(u32::MAX);
    let (admitted, limited) = (number(Answer::admitted), number(|answer| answer.limited));
    let wanted = Wanted::of(expect, limit, limit, count);
    let too_few = wanted.admitted.is_some_and(|wanted| wanted != admitted);
    if too_few || wanted.limited.is_some_and(|wanted| wanted != limited) {
        let finding = Finding {
            what: format!("of {count} paced requests {admitted} were admitted and {limited} answered 429"),
            expected: wanted.told(),
            actual: format!("admitted: {admitted}\nlimited: {limited}"),
        };
        let mut failure = context.failure(finding);
        let suspicion = match paced.answers.iter().position(|answer| answer.limited) {
            Some(first) => {
                let (fact, suspicion) = refused_in_pace(context, first, paced, key);
                failure.facts.push(fact);
                suspicion
            }
            None if paced.answers.iter().any(Answer::faltered) => {
                return Outcome::Lacking(Lack::RequestLimit, FALTERS.to_owned());
            }
            None => {
                Suspicion::Noise(format!("{} of {count} answers were neither 2xx nor 429", count - admitted))
            }
        };
        return Outcome::Suspect(suspicion, vec![failure]);
    }
    if let Some(most) = expect.promise_moves_at_most {
        if admitted > 0 {
            let what = "quota came back between the requests, and a promise may move with it";
            return Outcome::Suspect(Suspicion::Unclear(what.to_owned()), Vec::new());
        }
        return promise_moves(context, most.duration(), &paced.answers);
    }
    Outcome::Held
}

/// What to make of the first refusal at a pace that should be admitted.
fn refused_in_pace(context: &Context<'_>, first: usize, paced: &Paced, key: &KeyInfo) -> (String, Suspicion) {
    let span = |answer: &Answer| (answer.sent, answer.done);
    let refused = span(&paced.answers[first]);
    let others = paced.answers.iter().enumerate().filter(|(place, _)| *place != first);
    let others: Vec<Span> =
        paced.before.iter().copied().chain(others.map(|(_, answer)| span(answer))).collect();
    let limit = context.limits(key).requests;
    let in_a_minute =
        others.iter().filter(|other| other.0 <= refused.1 && other.1 + WINDOW >= refused.0).count();
    let fact = format!(
        "the first 429 came after {first} requests, when {in_a_minute} had been sent within a minute, of {limit}"
    );
    if may_refuse(&others, refused, limit) {
        let what = "the requests came so close together that a conforming limiter may refuse one";
        return (fact, Suspicion::Unclear(what.to_owned()));
    }
    // Whatever lies before this is in the reckoning already, and so is every way in which quota may trickle back.
    let private = paced.private || context.is_steady(key.tier);
    let missing = u32::try_from(paced.answers.len() - first).unwrap_or(u32::MAX);
    (
        fact,
        Suspicion::TooFew {
            missing,
            spent: 0,
            silence: WINDOW,
            promised: false,
            next: false,
            trickles: Some(false),
            private,
        },
    )
}

/// What refills all the time would have given something back within so long a time, if no more than a quota a minute.
const REFUSED_LONG: Duration = Duration::from_secs(5);

/// Judges what a poll found.
///
/// A limiter that counts from a key's first request gives nothing back before a minute is over. One that counts by
/// the minutes of its clock gives everything back once, wherever its minute begins, and then not for a minute. One
/// that weighs in the minute before gives quota back bit by bit after its clock's minute began, which looks like a
/// bucket that refills; but only the clock's minute comes at the same instant in every try, and a bucket refuses nobody for
/// seconds.
pub(super) fn polled(
    context: &Context<'_>,
    expect: &Expect,
    found: &Polled,
    key: &KeyInfo,
    place: usize,
) -> Outcome {
    if expect.promises_kept == Some(true) {
        if found.refusals.iter().all(|answer| answer.promise.is_none()) {
            return no_promise(context, place);
        }
        if let Some((promise, answer)) = broken_promise(&found.refusals) {
            let look = context.look(answer.look);
            return Outcome::Broken(vec![context.failure(Finding {
                what: "refused after the instant that a later 429 had moved forward".to_owned(),
                expected: format!("let in from {promise} on, as Retry-After had promised"),
                actual: format!("sent at {}, answered {}\n{}", answer.sent, answer.status, excerpt(look)),
            })]);
        }
    }
    let Some(early) = found.early.filter(|_| expect.admitted.is_some()) else { return Outcome::Held };
    let limits = context.limits(key);
    let of_events = matches!(&context.case.steps[place].action, Action::Poll(poll) if poll.batch.is_some());
    let (limit, unit) = match limits.events.filter(|_| of_events) {
        Some(events) => (events, "events"),
        None => (limits.requests, "requests"),
    };
    let after = (early.at.1 - found.began).as_secs_f64();
    let too_early = |what: String| {
        let expected = format!("429 for {} s after the {limit} {unit} of a window", found.over.as_secs());
        let finding = Finding { what, expected, actual: "admitted before that".to_owned() };
        vec![Failure { way: Way::LetsIn, ..context.failure(finding) }]
    };
    if early.whole < limit {
        let what =
            format!("{} of {limit} {unit} came back {after:.1} s after a quota was used up", early.whole);
        if early.at.0 - found.began >= REFUSED_LONG && early.whole * 10 <= limit {
            return Outcome::HeldWith(format!(
                "{} of {limit} {unit} came back {after:.0} s after a quota was used up, and nothing before: the clock's minute \
                 may have begun then, as where the minute before is weighed in",
                early.whole
            ));
        }
        // A counter that weighs in the minute before has room for one more soon after its clock's minute began.
        let began = Instant(early.at.0.0.saturating_sub(SOON));
        let rested = context.play.seen.iter().any(|seen| match seen {
            Observation::Burst(burst) => burst.key == found.key && burst.is_rested(),
            _ => false,
        });
        let span = (began, early.at.1);
        return Outcome::Suspect(
            Suspicion::CameBack { span, rested, key: key.variable.clone() },
            too_early(what),
        );
    }
    let Some(again) = early.again else {
        return Outcome::HeldWith(format!(
            "the whole quota came back {after:.0} s after the key's first request, and not again within a minute of that"
        ));
    };
    // No conforming clock has two minutes begin so close to each other.
    Outcome::Broken(too_early(format!(
        "a window is about {:.0} s long: the whole quota came back at {}, and again at {}",
        (again.1 - early.at.1).as_secs_f64(),
        early.at.1,
        again.1
    )))
}
