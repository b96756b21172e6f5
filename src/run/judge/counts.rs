//! Numbers of answers against expectations: what is wrong with them, and what it is at first, a proof or a suspicion.

use std::collections::BTreeMap;

use super::context::Context;
use super::events::{events, is_refused_for_its_size, out_of_requests};
use super::isolation::{beside_another, shares_with_another, taken_by_another};
use super::ruling::{
    BIT_BY_BIT, EARLY, FALTERS, HTTP2_UNCOUNTED, LOCKED_OUT, Lack, NO_END, NOW_AND_THEN, Ruling, SPLIT,
};
use super::window::{TOO_LONG, nothing_else_refuses, too_few, window};
use crate::amounts::count;
use crate::report::{Failure, Way};
use crate::run::evidence::{Burst, Fresh, KeyInfo, bursts};
use crate::run::finding::Finding;
use crate::run::learned::{MOST_QUOTAS, NO_REFUSAL, whole_quotas};
use crate::run::limiters::{Suspicion, no_answer, too_slow};
use crate::scenario::model::{Expect, Fact};
use crate::scenario::words::Amount;

/// Of a minute.
const SECONDS: u32 = 60;

/// What was expected of a burst, in numbers.
pub(super) struct Wanted {
    pub(super) admitted: Option<u32>,
    pub(super) limited: Option<u32>,
    other: Option<u32>,
}

impl Wanted {
    pub(super) fn of(expect: &Expect, limit: u32, left: u32, all: u32) -> Self {
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

    pub(super) fn told(&self) -> String {
        let line = |name: &str, number: Option<u32>| number.map(|number| format!("{name}: {number}"));
        let lines =
            [line("admitted", self.admitted), line("limited", self.limited), line("other", self.other)];
        lines.into_iter().flatten().collect::<Vec<_>>().join("\n")
    }
}

/// Judges the numbers of a burst, requests first, then events.
pub(super) fn burst(context: &Context<'_>, expect: &Expect, burst: &Burst, key: &KeyInfo) -> Ruling {
    let window = match nothing_else_refuses(context, burst, key) {
        true => window(context, burst, key, true),
        false => Ruling::Held,
    };
    taken_by_another(context, burst, key)
        .and_then(|| window)
        .and_then(|| out_of_requests(context, burst, key))
        .and_then(|| requests(context, expect, burst, key))
        .and_then(|| events(context, expect, burst, key))
}

/// The requests of a burst beside what was expected of them.
struct Count<'a> {
    context: &'a Context<'a>,
    expect: &'a Expect,
    burst: &'a Burst,
    key: &'a KeyInfo,
    limit: u32,
    wanted: Wanted,
    all: u32,
    /// Without what came back meanwhile, where quota comes back bit by bit.
    admitted: u32,
    limited: u32,
    other: u32,
}

/// What is said of a window that holds another number of requests than documented.
pub(crate) fn gets(number: u32, documented: u32) -> String {
    format!("a key gets {number} requests in a window, not {documented}")
}

/// Judges the number of requests.
fn requests(context: &Context<'_>, expect: &Expect, burst: &Burst, key: &KeyInfo) -> Ruling {
    let limit = context.limits(key).requests;
    let refilled = if burst.together { 0 } else { context.play.refilled(burst, limit) };
    let (all, admitted, limited) = (burst.all(), burst.admitted() - refilled, burst.limited() + refilled);
    let other = all - admitted - limited - u32::try_from(burst.faults.len()).unwrap_or(0);
    let wanted = Wanted::of(expect, limit, limit.saturating_sub(burst.spent.0), all);
    let count = Count { context, expect, burst, key, limit, wanted, all, admitted, limited, other };
    count
        .beside_its_tier()
        .or_else(|| count.refused_in_another_way())
        .or_else(|| count.locked_out())
        .or_else(|| count.left_by_errors())
        .or_else(|| count.counted_apart())
        .or_else(|| count.as_wanted())
        .or_else(|| beside_another(context, burst, key, (admitted, limited)))
        .or_else(|| count.without_a_window())
        .unwrap_or_else(|| count.wrong())
}

impl Count<'_> {
    fn seen(&self) -> String {
        seen(self.burst, self.admitted, self.limited, self.other)
    }

    fn is_as(&self, wanted: &Wanted) -> bool {
        wanted.are(self.admitted, self.limited, self.other)
    }

    /// The status of its refusals, where the check of the limit has to name it.
    fn other_refusal(&self) -> Option<u16> {
        self.burst.refused_otherwise().filter(|_| self.context.owns_the_limit)
    }

    /// Where the number was measured by which others are judged: nothing follows if there is none, and one that was measured
    /// with one key of a tier need not be that of another one.
    fn beside_its_tier(&self) -> Option<Ruling> {
        let Self { context, burst, key, .. } = self;
        let mut answers = burst.answers.iter().map(|(_, answer)| answer);
        if burst.counted && !self.is_as(&self.wanted) && answers.any(|one| context.is_locked_out(one, true)) {
            return Some(Ruling::Lacking(Lack::Access, LOCKED_OUT.to_owned()));
        }
        if burst.counted && context.taught.split && !self.is_as(&self.wanted) {
            return Some(name_refusal(context, &self.wanted, burst, SPLIT, self.seen()));
        }
        if context.owns_the_limit {
            return None;
        }
        let are_admitted_or_limited = Wanted { other: None, ..self.wanted };
        if burst.counted && context.is_endless(key) && !self.is_as(&are_admitted_or_limited) {
            return Some(Ruling::Lacking(Lack::RequestLimit, NO_END.to_owned()));
        }
        let limit = key.documented.requests;
        if self.limit < limit && self.wanted.admitted == Some(self.all) && self.all > self.limit {
            let why = "the limit is smaller than what is asked for here";
            return Some(Ruling::Lacking(Lack::RequestLimit, why.to_owned()));
        }
        let documented = Wanted::of(self.expect, limit, limit.saturating_sub(burst.spent.0), self.all);
        (self.limit != limit && self.is_as(&documented)).then_some(Ruling::Held)
    }

    /// Where refusals are no answers, or come while quota is left: the check of the limit names it.
    fn refused_in_another_way(&self) -> Option<Ruling> {
        let Self { context, burst, key, wanted, .. } = self;
        let is_silent = burst.ends_unanswered() && context.evidence.learned.silent_refusals;
        if is_silent && wanted.limited != Some(0) {
            if context.reading.learns != Some(Fact::Requests) {
                return Some(Ruling::Lacking(Lack::RequestLimit, NO_REFUSAL.to_owned()));
            }
            let actual = format!("{}\n{}", self.seen(), burst.faults[0]);
            let finding = Finding { what: NO_REFUSAL.to_owned(), expected: wanted.told(), actual };
            return Some(Ruling::Broken(vec![context.failure_of_burst(finding, burst)]));
        }
        let left = refused_while_left(context, burst, key);
        left.map(|why| name_refusal(context, wanted, burst, why, self.seen())).or_else(|| self.leaks())
    }

    /// Where requests are let in beyond the quota time and again: the check of the limit names it.
    fn leaks(&self) -> Option<Ruling> {
        let Self { context, burst, wanted, .. } = self;
        let is_beyond = wanted.admitted.is_some_and(|wanted| self.admitted > wanted);
        let owns = context.reading.learns == Some(Fact::Requests);
        if !owns || !is_beyond || burst.counts_events() || !burst.leaks(self.limit) {
            return None;
        }
        let finding = Finding { what: NOW_AND_THEN.to_owned(), expected: wanted.told(), actual: self.seen() };
        let failure = context.failure_of_burst(finding, burst);
        Some(Ruling::Broken(vec![Failure { way: Way::LetsIn, ..failure.of_no_tier() }]))
    }

    /// What is wrong where a burst without a key that exists is refused as it should be, but from some request on not for that.
    fn locked_out(&self) -> Option<Ruling> {
        let Self { context, burst, .. } = self;
        let is_refused = !burst.counted && self.is_as(&self.wanted);
        let mut answers = burst.answers.iter().map(|(_, answer)| answer).filter(|_| is_refused);
        let locked_out = answers.find(|answer| context.is_locked_out(answer, false))?;
        let expected = "status 401, however often one asks".to_owned();
        let actual = format!("status {}", locked_out.status);
        let finding = Finding { what: LOCKED_OUT.to_owned(), expected, actual };
        Some(Ruling::Broken(vec![context.failure_of_burst(finding, burst)]))
    }

    /// Where more was let in than was left, but no more than was not answered properly earlier in the window: that was not counted,
    /// perhaps.
    fn left_by_errors(&self) -> Option<Ruling> {
        let Self { context, burst, .. } = self;
        let same_window = |other: &&Burst| other.key == burst.key && other.from < burst.from;
        let beyond = self.admitted.checked_sub(self.wanted.admitted?).filter(|_| burst.fresh.is_none())?;
        let errors: u32 = bursts(&context.play.seen).filter(same_window).map(Burst::faltered).sum();
        let is_left = (1..=errors).contains(&beyond);
        is_left.then(|| Ruling::Lacking(Lack::RequestLimit, FALTERS.to_owned()))
    }

    /// Where what was sent before over other connections is counted elsewhere.
    fn counted_apart(&self) -> Option<Ruling> {
        let Self { context, burst, key, .. } = self;
        let is_apart = key.tier.is_some_and(|tier| context.taught.apart.contains(&tier));
        let is_whole = self.admitted == key.documented.requests && burst.spent.0 > 0;
        let why = "what was sent before over other connections is counted elsewhere";
        (is_apart && is_whole).then(|| Ruling::Lacking(Lack::Hold, why.to_owned()))
    }

    fn as_wanted(&self) -> Option<Ruling> {
        let Self { context, expect, burst, wanted, .. } = self;
        if self.is_as(wanted) && self.other_refusal().is_none() {
            // A burst that is none proves nothing: a reset lies inside it.
            let is_none = burst.took() >= TOO_LONG && expect.limited.is_some();
            return Some(if is_none { Ruling::Inconclusive(too_slow(burst.took())) } else { Ruling::Held });
        }
        let faltered = burst.faltered();
        let may_be = burst.faults.is_empty()
            && self.other == faltered
            && wanted.may_be(self.admitted, self.limited, faltered);
        may_be.then(|| faltering(context, wanted, burst, self.seen()))
    }

    /// Where another key took what this one shares with it, or a window never began.
    fn without_a_window(&self) -> Option<Ruling> {
        let Self { context, burst, key, .. } = self;
        if shares_with_another(context, burst, self.limit) && self.admitted == 0 && self.limited > 0 {
            let finding = Finding { what: self.told(), expected: self.wanted.told(), actual: self.seen() };
            return Some(Ruling::Broken(vec![context.failure_of_burst(finding, burst)]));
        }
        let met_no_window = burst.together && burst.fresh == Some(Fresh::Next) && burst.met_no_window();
        met_no_window.then(|| {
            let why = format!("the promise to {} was not kept, so no window began", key.variable);
            Ruling::Lacking(Lack::Promise, why)
        })
    }

    fn is_endless(&self) -> bool {
        let total = self.burst.spent.0 + self.admitted;
        self.limited == 0 && self.admitted == self.all && total >= MOST_QUOTAS * self.limit
    }

    /// What is wrong: in the same words for every tier where it has one cause.
    fn told(&self) -> String {
        let Self { context, burst, limit, all, admitted, limited, .. } = self;
        if let Some(status) = self.other_refusal() {
            return format!("over its limit a key is answered {status}, not 429");
        }
        if burst.leaves_http2_uncounted(*limit) {
            return HTTP2_UNCOUNTED.to_owned();
        }
        if self.is_endless() {
            return "three quotas were admitted within a window, and no end was seen".to_owned();
        }
        let measured = *limited > 0 && burst.fresh.is_some();
        let is_the_same_everywhere = context.owns_the_limit || context.reading.learns == Some(Fact::Hold);
        if measured && is_the_same_everywhere && burst.trickles == Some(true) && self.missing_at_once() > 0 {
            return BIT_BY_BIT.to_owned();
        }
        let total = burst.spent.0 + admitted;
        // Where it is none of these numbers, it is what else was answered.
        if !measured || !context.owns_the_limit || total == *limit {
            return format!("of {all} requests {admitted} were admitted and {limited} answered 429");
        }
        if burst.exceeds_after_refusal(*limit) && !burst.counts_events() {
            return NOW_AND_THEN.to_owned();
        }
        if burst.counts_events() {
            let (least, most) = burst.told_of_events();
            let number = if least == most { least.to_string() } else { format!("{least} to {most}") };
            let due = context.limits(self.key).events.unwrap_or_default();
            return format!("a key gets {number} events in a window, not {due}");
        }
        match whole_quotas(total, *limit).filter(|times| context.taught.instances == Some(*times)) {
            Some(times) => {
                format!(
                    "a key gets {times} quotas in a window, as where {times} instances count for themselves"
                )
            }
            None if total < *limit && total.abs_diff(limit / SECONDS) <= 1 => {
                "a key gets a sixtieth of its quota in a window, as where the limit is one for each second"
                    .to_owned()
            }
            None => gets(total, *limit),
        }
    }

    /// How many of the quota were not there at once.
    fn missing_at_once(&self) -> u32 {
        self.limit.saturating_sub(self.burst.spent.0 + self.burst.at_once())
    }

    /// What a wrong number is at first, a proof or a suspicion.
    fn wrong(&self) -> Ruling {
        let Self { context, burst, wanted, all, admitted, other, .. } = self;
        let finding = Finding { what: self.told(), expected: wanted.told(), actual: self.seen() };
        let mut failure = context.failure_of_burst(finding, burst);
        let endless = self.is_endless();
        failure.way = match wanted.admitted {
            _ if failure.what == HTTP2_UNCOUNTED => Way::Aside,
            _ if endless => Way::LetsIn,
            // That another key took it is no smaller quota.
            _ if context.reading.learns == Some(Fact::Sharing) => Way::Refuses,
            Some(wanted) if *admitted > wanted => Way::LetsIn,
            Some(wanted) if *admitted < wanted && *admitted > 0 => Way::Short,
            _ => Way::Other,
        };
        if failure.what == BIT_BY_BIT || failure.what == NOW_AND_THEN {
            // What does so asks for no tier.
            failure = failure.of_no_tier();
        }
        let failures = vec![failure];
        if let Some(fault) = burst.faults.first() {
            return Ruling::Suspect(Suspicion::Noise(no_answer(fault)), failures);
        }
        // Who counts requests when they are answered lets in as many too many as are under way at once. What goes wrong then
        // is not for the limit's own check to say.
        let is_no_race = burst.spent.0 + admitted > self.limit + 2 * burst.in_flight;
        let no_race = burst.in_flight == 1 || !context.owns_the_limit && is_no_race;
        let is_certain = self.other_refusal().is_some() || is_refused_for_its_size(context, burst, self.key);
        if is_certain || endless && no_race {
            return Ruling::Broken(failures);
        }
        if endless {
            let what = "no end of the requests was seen where some were under way at once".to_owned();
            return context.at_first(Suspicion::Unclear(what), failures);
        }
        if *other > 0 && self.expect.other.is_some() {
            // A server may answer oddly on a connection it did not read to the end; twice it has no excuse.
            let what = format!("{other} of {all} answers were neither 2xx nor 429");
            return context.at_first(Suspicion::Noise(what), failures);
        }
        let total = burst.spent.0 + admitted;
        match wanted.admitted {
            Some(wanted) if *admitted > wanted && wanted < *all => {
                let limit = if burst.counts_events() { u32::MAX / 2 } else { self.limit };
                let span = (burst.since, burst.to);
                Ruling::Suspect(Suspicion::TooMany { admitted: total, limit, span }, failures)
            }
            _ if burst.took() >= TOO_LONG => Ruling::Suspect(Suspicion::TooSlow(burst.took()), failures),
            Some(wanted) if *admitted < wanted => {
                // What is missing of the documented limit is the same however many were sent.
                let of_the_limit = context.owns_the_limit && !burst.counts_events() && self.limit > total;
                let missing = if of_the_limit { self.missing_at_once() } else { wanted - admitted };
                Ruling::Suspect(too_few(context, burst, self.key, missing), failures)
            }
            _ => Ruling::Broken(failures),
        }
    }
}

/// How requests of a burst were refused while quota was left, whatever the limiter: not where a promise may have brought back a
/// part of it only.
fn refused_while_left(context: &Context<'_>, burst: &Burst, key: &KeyInfo) -> Option<&'static str> {
    // What goes wrong when some are under way at once is another check's to say.
    if !burst.counted || burst.in_flight > 1 || !burst.faults.is_empty() {
        return None;
    }
    if burst.is_split() {
        return Some(SPLIT);
    }
    (!burst.was_promised() && burst.refuses_early(context.limits(key))).then_some(EARLY)
}

/// Makes sure that of an earlier burst nothing was refused while quota was left: what follows is seen in a window of which
/// nobody knows what was used.
pub(super) fn no_early_refusal(context: &Context<'_>, burst: &Burst, key: &KeyInfo) -> Ruling {
    refused_while_left(context, burst, key)
        .map_or(Ruling::Held, |why| Ruling::Lacking(Lack::RequestLimit, why.to_owned()))
}

/// What a burst comes to in which requests were refused while quota was left: the checks of the limits name it.
fn name_refusal(
    context: &Context<'_>,
    wanted: &Wanted,
    burst: &Burst,
    why: &'static str,
    actual: String,
) -> Ruling {
    if context.reading.learns != Some(Fact::Requests) {
        return Ruling::Lacking(Lack::RequestLimit, why.to_owned());
    }
    let finding = Finding { what: why.to_owned(), expected: wanted.told(), actual };
    let mut failure = context.failure_of_burst(finding, burst);
    if why != SPLIT {
        failure.facts.push("requests that left later were let in".to_owned());
        return context.at_first(Suspicion::Unclear(why.to_owned()), vec![failure]);
    }
    if burst.elsewhere > 0 {
        let elsewhere = count(burst.elsewhere.into(), "request");
        let fact =
            format!("{elsewhere} over new connections were let in right after, and none over this one");
        failure.facts.push(fact);
    }
    // Instances know no tiers.
    Ruling::Broken(vec![failure.of_no_tier()])
}

/// What a burst comes to that would be right, had not the server failed now and then: that is named by the checks of the
/// limits, in the same words for every tier.
fn faltering(context: &Context<'_>, wanted: &Wanted, burst: &Burst, actual: String) -> Ruling {
    /// Failed so often in one run, a server has no excuse.
    const OFTEN: u32 = 5;
    let status = burst.faltering().next().map_or(0, |answer| answer.status);
    let what = format!("some requests are answered {status}, which neither lets them in nor refuses them");
    let all = context.evidence.plays.iter().flat_map(|play| bursts(&play.seen));
    let falters = all.map(|burst| (burst.faltered(), burst.in_flight)).filter(|(times, _)| *times > 0);
    let falters: Vec<(u32, u32)> = falters.collect();
    let often = falters.iter().map(|(times, _)| times).sum::<u32>() >= OFTEN;
    // Where that happens only when some are under way at once, the checks of that have to name it.
    let only_together = falters.iter().all(|(_, in_flight)| *in_flight > 1);
    let finding = Finding { what: what.clone(), expected: wanted.told(), actual };
    let failures = vec![Failure { way: Way::Falters, ..context.failure_of_burst(finding, burst) }];
    if !often && !context.again {
        return Ruling::Suspect(Suspicion::Noise(what), failures);
    }
    match context.owns_the_limit || burst.together && only_together {
        true => Ruling::Broken(failures),
        false => Ruling::Lacking(Lack::RequestLimit, what),
    }
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
