//! What holds of all answers of a run.

use super::context::Context;
use super::each_429::each_429;
use super::ruling::Ruling;
use crate::contract::Limits;
use crate::run::finding::Finding;
use crate::scenario::model::{Expect, Rule};

/// Judges every answer of the run.
pub(super) fn whole_run(context: &Context<'_>, expect: &Expect, facts: &mut Vec<String>) -> Ruling {
    let run = &context.evidence.run;
    let mut failures = Vec::new();
    for rule in &expect.holds {
        let (count, findings) = match rule {
            Rule::TwoQuotasAMinute => beyond_two_quotas(context, facts),
            rule => run.breaches.get(rule).cloned().unwrap_or_default(),
        };
        let of = if *rule == Rule::TwoQuotasAMinute { "key" } else { "answer" };
        for (place, finding) in findings.into_iter().enumerate() {
            let mut failure = context.failure(finding);
            if place == 0 {
                failure.facts.push(format!("broken by {} of this run", crate::amounts::count(count, of)));
            }
            failures.push(failure);
        }
    }
    if !failures.is_empty() {
        return Ruling::Broken(failures);
    }
    each_429(context, expect, &run.limited)
}

/// The keys that were admitted more than two quotas in less than a minute.
fn beyond_two_quotas(context: &Context<'_>, facts: &mut Vec<String>) -> (u64, Vec<Finding>) {
    let most = &context.evidence.run.most;
    if let Some(most) = most.first() {
        facts.push(format!(
            "the most that was admitted within a minute in this run: {} requests where {} a minute are the limit, which \
             is {} as two windows that meet hold twice the limit ({})",
            most.admitted,
            most.limit,
            if most.admitted > most.limit.saturating_mul(2) { "too much even" } else { "conforming" },
            most.variable
        ));
    }
    let limit = |most: &crate::run::admissions::Most| {
        let documented = Limits { requests: most.limit, events: None };
        context.evidence.learned.limits(&most.variable, most.tier, documented).requests
    };
    let beyond: Vec<Finding> = most
        .iter()
        .filter(|most| most.admitted > limit(most).saturating_mul(2))
        .map(|most| Finding {
            what: format!(
                "{} was admitted {} requests in less than a minute, from {} on",
                most.variable, most.admitted, most.from
            ),
            expected: format!("at most {}: two windows of {}", limit(most).saturating_mul(2), limit(most)),
            actual: format!("{} admitted", most.admitted),
        })
        .collect();
    (beyond.len() as u64, beyond)
}
