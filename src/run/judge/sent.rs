//! What a check reads from the answer to one request.

use serde_json::Value;

use super::answer::{describe, judge_answer};
use super::context::{Context, FirstBodies};
use super::ruling::{INSTANCES, LOCKED_OUT, Lack, Ruling, SPLIT};
use crate::contract::Scope;
use crate::report::{Failure, Way};
use crate::run::case::{counts_events, is_about_being_let_in};
use crate::run::evidence::{Answer, Look, Observation, Sent, bursts};
use crate::run::finding::{Finding, pretty};
use crate::run::learned::NO_REFUSAL;
use crate::run::limiters::{NO_PROMISE, NOT_HELD, Span, Suspicion};
use crate::run::render;
use crate::scenario::model::{Action, Expect};
use crate::scenario::words::{StatusPattern, StatusSet, WaitFor};

/// Judges the answer to one request.
pub(super) fn sent_once(
    context: &Context<'_>,
    given: Option<&StatusSet>,
    expect: Option<&Expect>,
    sent: &Sent,
    place: usize,
    bodies: &mut FirstBodies,
) -> Ruling {
    let answer = match &sent.outcome {
        Ok(answer) => answer,
        Err(_) if sent.counted && context.evidence.learned.silent_refusals => {
            return Ruling::Lacking(Lack::RequestLimit, NO_REFUSAL.to_owned());
        }
        Err(why) => return no_answer(context, sent, why),
    };
    // What refuses for want of quota may have been learned after this.
    let refusal = context.evidence.learned.refusal;
    let limited = answer.limited || sent.counted && refusal == Some(answer.status);
    let answer = &Answer { limited, ..*answer };
    let wanted = expect.and_then(|expect| expect.status.as_ref());
    if let Some(outcome) = says_nothing(context, (given, wanted), sent, answer) {
        return outcome;
    }
    let Some(expect) = expect else { return Ruling::Held };
    if waited_for_a_promise(context, place) && !sent.on_promise {
        return no_promise(context, place);
    }
    let look = context.look(answer.look);
    let head = sent.request.method == "HEAD";
    let mut judgement = judge_answer(expect, look, context.rules(head, answer.limited));
    if let (Some(name), false) = (&expect.same_body_as, head) {
        match differs_from_first(context, name, look, bodies) {
            Ok(finding) => judgement.findings.extend(finding),
            Err(why) => return Ruling::Blocked(why),
        }
    }
    if judgement.findings.is_empty() {
        return judgement.nothing_to_judge.map_or(Ruling::Held, Ruling::Blocked);
    }
    if context.is_locked_out(answer, sent.counted) {
        return Ruling::Lacking(Lack::Access, LOCKED_OUT.to_owned());
    }
    if is_not_offered(context, sent, answer) {
        return Ruling::Skipped(format!(
            "the deployment does not seem to offer {}: {}",
            sent.name, answer.status
        ));
    }
    if sent.on_promise && answer.limited && was_starved(context, place, &sent.key) {
        return Ruling::Lacking(Lack::OwnQuota, "keys share a quota, and others had used it up".to_owned());
    }
    let way = match expect.status.as_ref().map_or(Way::Says, |wanted| way(wanted, look)) {
        Way::Refuses if sent.on_promise && answer.limited => Way::Unkept,
        way => way,
    };
    let failure = |finding: Finding| Failure {
        facts: timing(sent, answer),
        way,
        exchange: Some(render::exchange(&sent.request, answer, look)),
        curl: Some(sent.request.curl.clone()).filter(|curl| !curl.is_empty()),
        ..context.failure(finding)
    };
    let mut failures: Vec<Failure> = judgement.findings.into_iter().map(failure).collect();
    // Nothing more to wait for, and no quota yet: the promise was rounded down. Where the range is judged, such a 0 may have been
    // seen of another tier.
    if sent.on_promise && answer.limited && look.retry_after().is_some_and(|wait| wait.is_zero()) {
        failures = failures.into_iter().map(Failure::of_no_tier).collect();
    }
    if !uses_up(context, place) {
        return match sent.counted && answer.limited && !sent.on_promise {
            true => Ruling::Suspect(Suspicion::Limited(sent.silence), failures),
            false => Ruling::Broken(failures),
        };
    }
    suspected(context, expect, sent, answer, failures)
}

/// Whether a key got nothing in this play before this step, where keys are known to share a quota: it is another key whose quota
/// a promise speaks of.
fn was_starved(context: &Context<'_>, place: usize, key: &str) -> bool {
    let mut own = bursts(context.before(place)).filter(|burst| burst.key == key).peekable();
    let got_nothing = own.peek().is_some() && own.all(|burst| burst.admitted() == 0);
    context.evidence.learned.sharing && got_nothing
}

fn waited_for_a_promise(context: &Context<'_>, place: usize) -> bool {
    let waited = place.checked_sub(1).and_then(|before| context.case.steps.get(before));
    waited.is_some_and(|step| matches!(step.action, Action::Wait(WaitFor::Promise | WaitFor::FirstPromise)))
}

/// What it comes to where the answer says nothing of what is asked. Statuses are `given` where a check takes them for granted.
fn says_nothing(
    context: &Context<'_>,
    (given, wanted): (Option<&StatusSet>, Option<&StatusSet>),
    sent: &Sent,
    answer: &Answer,
) -> Option<Ruling> {
    let is_unwanted = wanted.or(given).is_some_and(|wanted| !wanted.contains(answer.status));
    if is_unwanted && context.is_locked_out(answer, sent.counted) {
        return Some(Ruling::Lacking(Lack::Access, LOCKED_OUT.to_owned()));
    }
    if is_unwanted && let Some(why) = is_never_let_in(context, sent, answer) {
        return Some(Ruling::Lacking(Lack::Admission, why));
    }
    if answer.faltered() && sent.on_promise {
        // It was sent again already.
        let why = format!("some requests are answered {}", answer.status);
        return Some(Ruling::Lacking(Lack::RequestLimit, why));
    }
    let given = given.filter(|given| !given.contains(answer.status))?;
    Some(Ruling::Skipped(format!(
        "it takes for granted that a request is answered {}, and it was answered {}",
        describe(given),
        answer.status
    )))
}

/// Which way an answer errs.
fn way(wanted: &StatusSet, look: &Look) -> Way {
    let wants = |status: u16| wanted.0.first() == Some(&StatusPattern::Exact(status));
    let names_a_scope =
        || [Scope::ReadAnalytics, Scope::WriteEvents].iter().any(|scope| look.body.contains(scope.as_str()));
    match look.status {
        status if wanted.contains(status) => Way::Says,
        200..=299 if wants(401) || wants(403) => Way::Opens,
        // Whoever is told of a scope that its key lacks was known by that key.
        403 if wants(401) && names_a_scope() => Way::Opens,
        200..=299 => Way::LetsIn,
        400.. if wanted.contains(200) => Way::Refuses,
        _ => Way::Other,
    }
}

/// What follows where a promise was to be seen before this step and there was none.
pub(super) fn no_promise(context: &Context<'_>, place: usize) -> Ruling {
    let answers = &context.evidence.run.limited;
    if answers.iter().all(|answer| answer.promise.is_none()) {
        return Ruling::Blocked("no 429 carried a Retry-After that can be read".to_owned());
    }
    match let_in_again(context, place) {
        Some(span) => Ruling::Suspect(Suspicion::Unpromised(span), Vec::new()),
        // Quota came back meanwhile, perhaps, and after another silence it may not.
        None => Ruling::Suspect(Suspicion::Unclear(NO_PROMISE.to_owned()), Vec::new()),
    }
}

/// From when to when a window may have ended, where the key that was used up last before this step was let in at last.
fn let_in_again(context: &Context<'_>, place: usize) -> Option<Span> {
    let mut answers: Vec<&Answer> = Vec::new();
    for seen in context.before(place).iter().rev() {
        match seen {
            Observation::Paced(paced) => answers.extend(&paced.answers),
            Observation::Polled(polled) => answers.extend(&polled.refusals),
            Observation::Burst(burst) if burst.counted => {
                answers.extend(burst.answers.iter().map(|(_, answer)| answer));
                let last = answers.into_iter().max_by_key(|answer| answer.sent)?;
                return last.admitted().then_some((burst.since, last.done));
            }
            _ => {}
        }
    }
    None
}

/// Why a wrong status says nothing here, where the endpoint refuses this key like that whatever it is asked, or fails whoever
/// asks.
fn is_never_let_in(context: &Context<'_>, sent: &Sent, answer: &Answer) -> Option<String> {
    if answer.status < 400 || answer.limited || is_about_being_let_in(context.case) {
        return None;
    }
    if answer.status >= 500 && context.evidence.learned.is_always(&sent.name, answer.status) {
        return Some(format!("{} is answered {} whoever asks", sent.name, answer.status));
    }
    if !sent.counted {
        return None;
    }
    let key = context.key(&sent.key)?;
    let facts = context.evidence.learned.key(&key.variable)?;
    (facts.status_of(&sent.name) == Some(answer.status)).then(|| {
        format!("{} is answered {} to {} from the beginning", key.variable, answer.status, sent.name)
    })
}

/// Whether the case uses a key up before this step, so that a window's end may lie in between.
fn uses_up(context: &Context<'_>, place: usize) -> bool {
    let uses_up = |action: &Action| matches!(action, Action::Burst(_) | Action::Exhaust(_));
    context.case.steps.iter().take(place).any(|step| uses_up(&step.value.action))
}

/// Whether something conforming may explain the status of an answer.
fn suspected(
    context: &Context<'_>,
    expect: &Expect,
    sent: &Sent,
    answer: &Answer,
    failures: Vec<Failure>,
) -> Ruling {
    let wanted = expect.status.as_ref();
    let wants_429 =
        wanted.is_some_and(|wanted| wanted.0.iter().all(|pattern| *pattern == StatusPattern::Exact(429)));
    let wants_refusal = wanted.is_some_and(|wanted| wanted.contains(429) && !wanted.contains(answer.status));
    if sent.counted && answer.limited && !wants_429 && !sent.on_promise {
        return Ruling::Suspect(Suspicion::Limited(sent.silence), failures);
    }
    if sent.counted && answer.admitted() && wants_refusal {
        let of_instances = context.taught.instances.is_some() && counts_events(context.case);
        let why = context.taught.split.then_some(SPLIT).or(of_instances.then_some(INSTANCES));
        if let Some(why) = why {
            return Ruling::Lacking(Lack::RequestLimit, why.to_owned());
        }
        if sent.gives_back {
            return Ruling::Lacking(Lack::Hold, NOT_HELD.to_owned());
        }
        if sent.let_in_while_used_up < Sent::OFTEN_ENOUGH {
            let limit = context.key(&sent.key).map_or(0, |key| context.limits(key).requests);
            let span = (sent.since, answer.done);
            let admitted = limit.saturating_add(1);
            return Ruling::Suspect(Suspicion::TooMany { admitted, limit, span }, failures);
        }
    }
    Ruling::Broken(failures)
}

/// Whether the answer says that there is no such endpoint, and no other one says otherwise.
fn is_not_offered(context: &Context<'_>, sent: &Sent, answer: &Answer) -> bool {
    let optional = context.suite.requests.get(&sent.name).is_some_and(|def| def.value.optional);
    let offered = context.evidence.learned.offers.get(&sent.name).is_some_and(|status| *status < 300);
    optional && matches!(answer.status, 404 | 405 | 501) && !offered
}

fn no_answer(context: &Context<'_>, sent: &Sent, why: &str) -> Ruling {
    let mut failure = context.failure(Finding {
        what: format!("no answer: {why}"),
        expected: "an answer".to_owned(),
        actual: why.to_owned(),
    });
    let beside = match context.evidence.learned.is_silent(&sent.name) {
        true => "no key got an answer to this request in the whole run, while others were answered",
        false => "a plain request was answered right after it",
    };
    failure.facts.push(beside.to_owned());
    failure.way = Way::Refuses;
    failure.exchange = Some(render::unanswered(&sent.request, why));
    failure.curl = Some(sent.request.curl.clone()).filter(|curl| !curl.is_empty());
    Ruling::Broken(vec![failure])
}

fn timing(sent: &Sent, answer: &Answer) -> Vec<String> {
    let took = (answer.answered - answer.sent).as_millis();
    let mut facts = vec![format!("sent at {}, answered {took} ms later", answer.sent)];
    if sent.on_promise {
        facts.push("sent exactly when a 429 had promised that it would be let in".to_owned());
    }
    facts
}

/// Compares a body with the first one seen under this name, as far as the page shows it.
fn differs_from_first(
    context: &Context<'_>,
    name: &str,
    look: &Look,
    bodies: &mut FirstBodies,
) -> Result<Option<Finding>, String> {
    let seen = compared(look);
    let entry = bodies.entry((context.reading.check, name.to_owned()));
    let (status, alike, first) = entry.or_insert_with(|| (look.status, look.alike, seen.clone()));
    if *status != look.status {
        return Err(format!("the status is {}, not {status}; the checks of it name that", look.status));
    }
    Ok((*first != seen || *alike != look.alike).then(|| Finding {
        what: "the body is another one than in the other cases of this check".to_owned(),
        expected: pretty(first),
        actual: pretty(&seen),
    }))
}

/// What of a body has to be the same in several answers: of an error, what the page shows. Whether there may be more is
/// another check's to say.
pub(crate) fn compared(look: &Look) -> Value {
    let mut seen = look.json().unwrap_or_else(|_| Value::String(look.excerpt()));
    if let Value::Object(members) = &mut seen
        && members.contains_key("error")
    {
        members.retain(|name, _| name == "error");
        if let Some(Value::Object(error)) = members.get_mut("error") {
            error.retain(|name, _| matches!(name.as_str(), "code" | "message"));
        }
    }
    seen
}
