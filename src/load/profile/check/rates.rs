//! Rates that send nothing, that cannot be scheduled, or that no batch can carry.

use super::Checker;
use crate::contract::Limits;
use crate::deployment::Role;
use crate::load::pacer::{HIGHEST_RATE, LONGEST_SEGMENT};
use crate::load::profile::{Lane, Profile, Rate};
use crate::yaml::{At, Spanned};

impl Profile {
    pub(super) fn check_rates(&self, lane: &Lane, role: Role, checker: &mut Checker<'_>) {
        let given: Vec<At> = [
            lane.rate.as_ref().map(|rate| rate.at),
            lane.events.as_ref().map(|events| events.at),
            lane.ramp.as_ref().map(|ramp| ramp.at),
            lane.steps.as_ref().map(|steps| steps.at),
        ]
        .into_iter()
        .flatten()
        .collect();
        match given.as_slice() {
            [] => checker.say(
                lane.name.at,
                "this lane has no rate",
                "add one of `rate`, `events`, `ramp` and `steps`",
            ),
            [_] => {}
            [_, second, ..] => checker.say(
                *second,
                "two of `rate`, `events`, `ramp` and `steps` are given",
                "one of them says how fast",
            ),
        }
        let limits = role.tier().map(crate::contract::Tier::limits);
        for (at, rate) in lane.request_rates() {
            check_rate(at, rate, limits, role, checker);
        }
        if lane.steps.as_ref().is_some_and(|steps| steps.is_empty()) {
            checker.say(lane.name.at, "`steps` has no step", "give at least one rate");
        }
        if lane.ramp.is_some() && self.run_length() > LONGEST_SEGMENT {
            checker.say(lane.name.at, "a ramp takes an hour at most", "shorten the run, or use `steps`");
        }
        if let Some(events) = &lane.events {
            check_events(lane, events, limits, role, checker);
        }
    }
}

impl Lane {
    /// Every rate of requests it names, with its place.
    fn request_rates(&self) -> Vec<(At, Rate)> {
        let mut rates: Vec<_> = self.rate.iter().map(|rate| (rate.at, rate.value)).collect();
        // A ramp may begin or end in silence, not both.
        if let Some(ramp) = &self.ramp {
            let ends = [ramp.from, ramp.to].into_iter().filter(|end| *end != Rate::PerMinute(0));
            rates.extend(ends.map(|end| (ramp.at, end)));
            if ramp.from == ramp.to && ramp.from == Rate::PerMinute(0) {
                rates.push((ramp.at, ramp.from));
            }
        }
        if let Some(steps) = &self.steps {
            rates.extend(steps.iter().map(|step| (steps.at, *step)));
        }
        rates
    }
}

fn check_rate(at: At, rate: Rate, limits: Option<Limits>, role: Role, checker: &mut Checker<'_>) {
    if rate.needs_limit() && limits.is_none() {
        checker.say(
            at,
            format!("a `{role}` key may be on any tier, so its limit is not known"),
            "give a number, or a key whose role names a tier: `standard`, `premium`, `ingestion`",
        );
        return;
    }
    let number = rate.resolve(limits.map_or(1, |limits| limits.requests));
    if number == 0 {
        checker.say(at, "a rate of 0 sends nothing", "give a rate of at least 1 a minute");
    } else if number > HIGHEST_RATE {
        checker.say(
            at,
            format!("{number} a minute is more than can be scheduled"),
            format!("at most {HIGHEST_RATE}"),
        );
    }
}

/// A rate of events must come out in whole requests, and no more of them than the tier grants.
fn check_events(
    lane: &Lane,
    events: &Spanned<Rate>,
    limits: Option<Limits>,
    role: Role,
    checker: &mut Checker<'_>,
) {
    let Some(batch) = lane.carries().filter(|batch| batch.value > 0) else {
        if lane.batch.is_none() && !lane.request.has_batch() {
            checker.say(
                events.at,
                "only a request with a batch carries events",
                "give `rate`: requests a minute",
            );
        }
        return;
    };
    let limit = limits.and_then(|limits| limits.events);
    if events.needs_limit() && limit.is_none() {
        checker.say(
            events.at,
            format!("the page states no limit of events for a `{role}` key"),
            "give a number",
        );
        return;
    }
    let number = events.resolve(limit.unwrap_or(0));
    if number == 0 {
        checker.say(events.at, "a rate of 0 sends nothing", "give at least one batch a minute");
        return;
    }
    if !number.is_multiple_of(batch.value) {
        checker.say(
            batch.at,
            format!("{number} events a minute are no whole number of batches of {}", batch.value),
            "choose a batch that divides them",
        );
        return;
    }
    let Some(limits) = limits else { return };
    let needed = number.div_ceil(limits.requests);
    if limit.is_some_and(|limit| number <= limit) && batch.value < needed {
        checker.say(
            batch.at,
            format!(
                "{number} events a minute in batches of {} take {} requests, and the tier grants {}",
                batch.value,
                number / batch.value,
                limits.requests
            ),
            format!("use batches of at least {needed}"),
        );
    }
}
