//! Requests at an even pace, and promises beside each other.

use std::time::Duration;

use super::context::Context;
use super::counts::Wanted;
use super::promise::spread;
use super::ruling::{FALTERS, Lack, Ruling};
use crate::run::evidence::{Answer, KeyInfo, Paced, bursts};
use crate::run::finding::Finding;
use crate::run::limiters::{Span, Suspicion, WINDOW, may_refuse};
use crate::scenario::model::Expect;

/// Judges how far the instants that refusals promised lie apart.
pub(super) fn promise_moves(context: &Context<'_>, most: Duration, answers: &[Answer]) -> Ruling {
    let Some(spread) = spread(answers) else {
        return Ruling::Blocked("no two 429s carried a Retry-After that can be read".to_owned());
    };
    if spread <= most {
        return Ruling::Held;
    }
    let promised = |answer: &Answer| {
        let promise = answer.promise?;
        Some(format!("answered at {}, Retry-After promises {promise}", answer.answered))
    };
    Ruling::Broken(vec![context.failure(Finding {
        what: format!("the promised instant moves by {:.1} s", spread.as_secs_f64()),
        expected: format!("promises at most {:.1} s apart", most.as_secs_f64()),
        actual: answers.iter().filter_map(promised).collect::<Vec<_>>().join("\n"),
    })])
}

/// Judges requests at an even pace.
pub(super) fn paced(context: &Context<'_>, expect: &Expect, paced: &Paced, key: &KeyInfo) -> Ruling {
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
        let refused: Vec<usize> = paced
            .answers
            .iter()
            .enumerate()
            .filter(|(_, answer)| answer.limited)
            .map(|(place, _)| place)
            .collect();
        let suspicion = match &refused[..] {
            [first, ..] => {
                let looked_at = [*first, refused[refused.len() / 2], refused[refused.len() - 1]];
                let (fact, suspicion) = refused_in_pace(context, looked_at, paced, key);
                failure.facts.push(fact);
                // Nobody can have used so much of it.
                let is_much = limited >= count / 4;
                if matches!(suspicion, Suspicion::TooFew { private: true, .. })
                    && is_much
                    && (paced.private || had_its_own(context, key))
                {
                    return Ruling::Broken(vec![failure]);
                }
                suspicion
            }
            [] if paced.answers.iter().any(Answer::faltered) => {
                return Ruling::Lacking(Lack::RequestLimit, FALTERS.to_owned());
            }
            [] => {
                Suspicion::Noise(format!("{} of {count} answers were neither 2xx nor 429", count - admitted))
            }
        };
        return Ruling::Suspect(suspicion, vec![failure]);
    }
    if let Some(most) = expect.promise_moves_at_most {
        if admitted > 0 {
            let what = "quota came back between the requests, and a promise may move with it";
            return Ruling::Suspect(Suspicion::Unclear(what.to_owned()), Vec::new());
        }
        return promise_moves(context, most.duration(), &paced.answers);
    }
    Ruling::Held
}

/// What to make of refusals at a pace that should be admitted: of the first of those at these places that nothing conforming
/// explains. Refused requests may be counted, too, so one that comes later may be the one that tells.
fn refused_in_pace(
    context: &Context<'_>,
    refused: [usize; 3],
    paced: &Paced,
    key: &KeyInfo,
) -> (String, Suspicion) {
    let span = |answer: &Answer| (answer.sent, answer.done);
    let limit = context.limits(key).requests;
    let others = |place: usize| -> Vec<Span> {
        let others = paced.answers.iter().enumerate().filter(|(other, _)| *other != place);
        paced.before.iter().copied().chain(others.map(|(_, answer)| span(answer))).collect()
    };
    let is_explained = |place: usize| may_refuse(&others(place), span(&paced.answers[place]), limit);
    let unexplained = refused.into_iter().find(|place| !is_explained(*place));
    let place = unexplained.unwrap_or(refused[0]);
    let seen = span(&paced.answers[place]);
    let is_recent = |other: &Span| other.0 <= seen.1 && other.1 + WINDOW >= seen.0;
    let in_a_minute = others(place).into_iter().filter(is_recent).count();
    let sent = format!("when {in_a_minute} had been sent within a minute, of {limit}");
    let fact = match place == refused[0] {
        true => format!("the first 429 came after {place} requests, {sent}"),
        false => format!("a 429 came after {place} requests, {sent}"),
    };
    if unexplained.is_none() {
        let what = "the requests came so close together that a conforming limiter may refuse one";
        return (fact, Suspicion::Unclear(what.to_owned()));
    }
    // Whatever lies before this is in the reckoning already, and so is every way in which quota may trickle back.
    let private = paced.private || context.is_steady(key.tier);
    let missing = u32::try_from(paced.answers.len() - place).unwrap_or(u32::MAX);
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
            none: false,
        },
    )
}

/// Whether this key was let in as often as it should be, in whatever case: then nobody else uses it.
fn had_its_own(context: &Context<'_>, key: &KeyInfo) -> bool {
    let limit = context.limits(key).requests;
    context.evidence.plays.iter().any(|play| {
        bursts(&play.seen).any(|burst| {
            let is_of_key = play.keys.get(&burst.key).is_some_and(|own| own.variable == key.variable);
            is_of_key && burst.counted && burst.spent.0 + burst.admitted() == limit
        })
    })
}
