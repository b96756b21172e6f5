//! What came back to a key that is used up.

use std::time::Duration;

use super::context::Context;
use super::promise::broken_promise;
use super::ruling::{Lack, Ruling};
use super::sent::no_promise;
use crate::report::{Failure, Way};
use crate::run::evidence::{KeyInfo, Polled};
use crate::run::finding::Finding;
use crate::run::limiters::Suspicion;
use crate::scenario::model::{Action, Expect};

/// What refills all the time would have given something back within so long a time, if no more than a quota a minute.
const REFUSED_LONG: Duration = Duration::from_secs(5);

/// What comes back twice within less is not what two windows hold, but what two counters do.
const SHORTEST_WINDOW: Duration = Duration::from_millis(500);

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
) -> Ruling {
    if expect.promises_kept == Some(true) {
        if found.refusals.iter().all(|answer| answer.promise.is_none()) {
            return no_promise(context, place);
        }
        if let Some((promise, answer)) = broken_promise(&found.refusals) {
            let look = context.look(answer.look);
            return Ruling::Broken(vec![context.failure(Finding {
                what: "refused after the instant that a later 429 had moved forward".to_owned(),
                expected: format!("let in from {promise} on, as Retry-After had promised"),
                actual: format!("sent at {}, answered {}\n{}", answer.sent, answer.status, look.excerpt()),
            })]);
        }
    }
    let Some(early) = found.early.filter(|_| expect.admitted.is_some()) else { return Ruling::Held };
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
            return Ruling::HeldWith(format!(
                "{} of {limit} {unit} came back {after:.0} s after a quota was used up, and nothing before: the clock's minute \
                 may have begun then, as where the minute before is weighed in",
                early.whole
            ));
        }
        let rested = context.play.begins_rested(&found.key, limit, early.whole);
        let suspicion = Suspicion::CameBack { span: early.span(limit), rested, key: key.variable.clone() };
        return Ruling::Suspect(suspicion, too_early(what));
    }
    let Some(again) = early.again else {
        return Ruling::HeldWith(format!(
            "the whole quota came back {after:.0} s after the key's first request, and not again within a minute of that"
        ));
    };
    if again.1 - early.at.1 < SHORTEST_WINDOW {
        return Ruling::Lacking(Lack::Hold, "several quotas came back at once".to_owned());
    }
    // No conforming clock has two minutes begin so close to each other.
    Ruling::Broken(too_early(format!(
        "a window is about {:.0} s long: the whole quota came back at {}, and again at {}",
        (again.1 - early.at.1).as_secs_f64(),
        early.at.1,
        again.1
    )))
}

/// The last refusal before the key was let in, as it is reported. `None` where there was none.
pub(super) fn observed(text: &str, found: &Polled) -> Option<String> {
    let (status, before) = found.last?;
    let seconds = format!("{:.1}", before.as_secs_f64());
    Some(text.replace("<status>", &status.to_string()).replace("<seconds>", &seconds))
}
