//! What holds of every 429 among many answers.

use std::collections::BTreeMap;

use super::answer::judge_answer;
use super::context::Context;
use super::ruling::{Lack, Ruling};
use crate::report::{ONE_OF_MANY, Way};
use crate::run::evidence::{Answer, Request};
use crate::run::finding::Finding;
use crate::run::render;
use crate::scenario::model::Expect;

/// Judges every 429 among the answers.
pub(super) fn each_429(context: &Context<'_>, expect: &Expect, answers: &[Answer]) -> Ruling {
    let Some(each) = &expect.each_429 else { return Ruling::Held };
    let limited: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 429).collect();
    if limited.is_empty() {
        return Ruling::Lacking(Lack::RequestLimit, "there was no 429 to look at".to_owned());
    }
    let mut by_look = BTreeMap::new();
    for answer in &limited {
        by_look
            .entry(answer.look)
            .or_insert_with(|| judge_answer(each, context.look(answer.look), context.rules(false, false)));
    }
    let is_broken = |answer: &&&Answer| {
        !by_look[&answer.look].findings.is_empty() && !context.is_locked_out(answer, true)
    };
    let broken = limited.iter().filter(is_broken);
    if let Some(first) = broken.clone().next() {
        let fact = format!("so it is with {} of {} answers of 429", broken.count(), limited.len());
        let request = Request {
            method: String::new(),
            url: ONE_OF_MANY.to_owned(),
            headers: Vec::new(),
            curl: String::new(),
        };
        let failure = |finding: &Finding| {
            let mut failure = context.failure(finding.clone());
            failure.way = Way::Says;
            failure.facts.push(fact.clone());
            failure.exchange = Some(render::exchange(&request, first, context.look(first.look)));
            failure
        };
        return Ruling::Broken(by_look[&first.look].findings.iter().map(failure).collect());
    }
    let unjudged = by_look.values().filter_map(|judgement| judgement.nothing_to_judge.clone());
    match unjudged.clone().next() {
        Some(why) if unjudged.count() == by_look.len() => Ruling::Blocked(why),
        _ => Ruling::Held,
    }
}
